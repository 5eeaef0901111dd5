"""The pages for teachers are true: classes are those of the question bank, commands exist as they are written."""

from __future__ import annotations

import re
import shlex

import build_classes
import pytest
from nbgrader.apps import NbGraderApp

from marginlib.course.tasks import SETS, tasks
from marginlib.grading.cli import _parser

PAGE = (build_classes.ROOT / "exercises" / "TEACHING.md").read_text(encoding="utf-8")
MORE = (build_classes.ROOT / "exercises" / "GRADING.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE + MORE, re.DOTALL) for line in block.splitlines()]


def test_the_live_classes_are_made_from_the_question_bank():
    stored = build_classes.TARGET.read_text(encoding="utf-8")
    assert stored == build_classes.page(), "run tools/build_classes.py"
    shown = build_classes.SHOWN.read_text(encoding="utf-8")
    assert shown == build_classes.shown(), "run tools/build_classes.py"


def test_every_notebook_has_its_class():
    stored = build_classes.TARGET.read_text(encoding="utf-8")
    for path in (build_classes.ROOT / "notebooks").glob("[0-9]*.ipynb"):
        assert path.name in stored


@pytest.mark.parametrize("line", [line for line in LINES if "marginlib grade" in line])
def test_every_command_of_ours_is_taken(line):
    words = re.search(r"marginlib grade ([^']*)", line).group(1).replace("${SLURM_ARRAY_TASK_ID}", "3")
    assert _parser().parse_args(shlex.split(words)).command


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("nbgrader ")])
def test_every_command_of_nbgrader_exists(line):
    assert shlex.split(line)[1] in NbGraderApp().subcommands


def test_the_term_hands_out_every_set():
    assert {name for name in SETS if f"{name} released" in MORE} == {*SETS}
    assert {name for name in SETS if f"{name} due" in MORE} == {*SETS}


def test_every_text_has_a_rubric_whose_shares_are_equal():
    for name in SETS:
        for task in tasks(name):
            assert (task.kind == "explain") == bool(task.rubric)


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(test_\w+)`", PAGE)
    written = "".join(path.read_text(encoding="utf-8") for path in (build_classes.ROOT / "tests").rglob("test_*.py"))
    assert len(named) >= 10
    assert [name for name in named if f"def {name}(" not in written] == []
