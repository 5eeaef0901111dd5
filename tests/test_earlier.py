"""Notebooks that learners kept from an earlier version still run: their code cells, as they were, from top to bottom.

`data/earlier_notebooks.json` holds the code cells of version 0.1.0 as it stood before its modules moved: the notebooks
and one set of exercises, solved.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "earlier_notebooks.json"
CELLS = json.loads(DATA.read_text(encoding="utf-8"))
# Runs each notebook in a shell of its own, shows what its cells show, and prints the first error of each as JSON.
RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.io import capture_output

found = {}
for name, cells in json.load(open(sys.argv[1], encoding="utf-8")).items():
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(history_length=0, cache_size=0)
    with capture_output():
        for cell in cells:
            done = shell.run_cell(cell)
            if not done.success:
                found[name] = f"{done.error_before_exec or done.error_in_exec!r} in: {cell}"
                break
            if done.result is not None and not hasattr(done.result, "_repr_mimebundle_"):
                shell.display_formatter.format(done.result)
print(json.dumps(found))
"""


def imports() -> list[tuple[str, str]]:
    """Return every (module, name) that a notebook of then imports from the library."""
    code = "\n".join(cell for cells in CELLS.values() for cell in cells)
    lines = re.findall(r"^from (marginlib[\w.]*) import (.+)$", code, re.MULTILINE)
    return sorted({(module, name.strip()) for module, names in lines for name in names.split(",")})


@pytest.mark.parametrize(("module", "name"), imports())
def test_what_was_imported_is_there(module, name):
    import_module(module)  # which `from marginlib import figures` tries after the attribute
    assert hasattr(import_module(module), name) or import_module(f"{module}.{name}")


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    pytest.importorskip("IPython")
    home = tmp_path_factory.mktemp("home")
    variables = {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(home), "MARGINLIB_PROGRESS": str(home / "progress.json")}
    command = [sys.executable, "-c", RUN, str(DATA)]
    done = subprocess.run(  # noqa: S603
        command, env=os.environ | variables, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("notebook", CELLS)
def test_a_kept_notebook_runs(errors, notebook):
    assert errors.get(notebook) is None


def test_the_library_itself_loads_no_earlier_module():
    program = "import sys, marginlib, marginlib.course, marginlib.tables; print(*sorted(sys.modules))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    earlier = {f"marginlib.{path.stem}" for path in (ROOT / "marginlib" / "jupyter" / "earlier").iterdir()}
    assert not earlier & set(done.stdout.split())
