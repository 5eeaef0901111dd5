"""No objective without an explanation, a question and a check; no question and no promise without an objective."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from refresh_notebooks import notebooks

from marginlib import MarginError
from marginlib.course.tasks import SETS, tasks
from marginlib.practice.bank import questions
from marginlib.practice.objectives import OBJECTIVES, Objective

VERBS = ["compute", "predict", "compare", "choose"]
BULLET = re.compile(r"^- \*\*(\w+)\*\* (.+)$", re.MULTILINE)


def cells(path: Path) -> dict[str, str]:
    return {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}


def exercise_tasks() -> dict[str, str]:
    """Return the objective of every exercise task, by id."""
    return {each.id: each.objective for name in SETS for each in tasks(name)}


def test_each_notebook_has_one_objective_of_each_verb() -> None:
    numbers = [path.stem[:2] for path in notebooks()]
    assert sorted(each.id for each in OBJECTIVES) == sorted(f"{n}-{verb}" for n in numbers for verb in VERBS)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_objectives_are_the_promises_of_the_title_cell(path: Path) -> None:
    found = cells(path)
    own = [each for each in OBJECTIVES if each.notebook == path.stem[:2]]
    promised = {verb: text.rstrip(".;") for verb, text in BULLET.findall(found["title"])}
    assert {each.verb: each.text for each in own} == promised
    for each in own:
        assert each.section in found, each.id


def test_every_question_and_every_check_exists_and_serves_its_objective() -> None:
    bank = {each.id: each for each in questions()}
    for each in OBJECTIVES:
        assert bank[each.question].objective == each.id, each.id
        assert each.check != each.question
        served = bank[each.check].objective if each.check in bank else exercise_tasks()[each.check]
        assert served == each.id


def test_every_question_serves_an_objective() -> None:
    known = {each.id for each in OBJECTIVES}
    assert {each.objective for each in questions()} <= known


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_every_cell_that_asks_for_a_prediction_has_its_question(path: Path) -> None:
    cards = (re.match(r'predict\("([^"]+)"', source) for source in cells(path).values())
    asked = [card[1] for card in cards if card]
    assert sorted(asked) == sorted(each.id for each in questions(path.stem[:2], "prediction"))


def test_refusals_name_what_would_be_right() -> None:
    with pytest.raises(MarginError, match="objective '02-know': id = '02-know': give 02- and one of compute"):
        Objective(id="02-know", notebook="02", text="it", section="s", question="q", check="c")
    with pytest.raises(MarginError, match="objective '02-compute': section"):
        Objective(id="02-compute", notebook="02", text="it", section="", question="q", check="c")
