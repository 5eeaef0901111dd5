"""Grading runs on Linux alone; where it does not run, tests and doctests of everything else do."""

from __future__ import annotations

import subprocess
import sys

import build_exercises as build


def test_what_is_not_linux_can_still_collect_grading(tmp_path):
    """A plug-in takes away what Windows has not: the module `resource`, and the C library of the process itself."""
    plugin = (
        "import ctypes, sys\nsys.modules['resource'] = None\nlibrary = ctypes.CDLL\n"
        "def loaded(name, *rest, **how):\n    if name is None:\n        raise TypeError('None')\n"
        "    return library(name, *rest, **how)\nctypes.CDLL = loaded\n"
    )
    (tmp_path / "windows.py").write_text(plugin)
    command = [sys.executable, "-m", "pytest", "--collect-only", "--doctest-modules", "-q", "-p", "windows"]
    options = ["-p", "no:cacheprovider", "--override-ini=addopts=", "marginlib/grading"]
    paths = f"{tmp_path}:{build.ROOT}"
    done = subprocess.run(  # noqa: S603
        [*command, *options], cwd=build.ROOT, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "marginlib/grading/cli.py::marginlib.grading.cli.main" in done.stdout
