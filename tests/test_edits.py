"""What an edit of one number does to a page: never a bare error; the tool's own rules; how a refusal is shown."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest
from edits import downstream, edits
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from refresh_notebooks import ROOT, notebooks

from marginlib.course.refusals import show_refusals

COSTLY = ("10_odds", "11_which_one", "13_capstone")  # each edit there simulates again
SHEETS = sorted((ROOT / "exercises").glob("[bhw]*/*.ipynb"))


@pytest.mark.parametrize(
    # A fixed sample of 551; tests/edits.py tries them all. Odd steps, for a number has four edits in a row.
    ("paths", "every"),
    [
        pytest.param([path for path in notebooks() if path.stem not in COSTLY], 7, id="most"),
        pytest.param([path for path in notebooks() if path.stem in COSTLY], 47, id="costly"),
        pytest.param(SHEETS, 13, id="sheets"),
    ],
)
def test_no_edit_of_a_number_ends_in_a_bare_error(paths, every):
    command = [sys.executable, str(ROOT / "tests" / "edits.py"), f"--every={every}", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this Python
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_no_cell_has_a_position_that_an_edit_could_take_out_of_range(path):
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    found = []
    for cell in cells:
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Subscript) and isinstance(getattr(node.slice, "operand", node.slice), ast.Constant):
                found += [] if isinstance(getattr(node.slice, "value", 0), str) else [(cell["id"], ast.unparse(node))]
    assert found == []


def test_a_number_becomes_one_nothing_its_negative_and_a_thousand_times_itself():
    found = list(edits("rate = 0.5  # half\nround(-2 * rate, 1)"))
    assert [(each.line, each.number, each.into) for each in found] == [
        (1, "0.5", "1"),
        (1, "0.5", "0"),
        (1, "0.5", "-0.5"),
        (1, "0.5", "500.0"),
        (2, "-2", "1"),
        (2, "-2", "0"),
        (2, "-2", "2"),
        (2, "-2", "-2000"),
        (2, "1", "0"),
        (2, "1", "-1"),
        (2, "1", "1000"),
    ]
    assert found[7].source == "rate = 0.5  # half\nround((-2000) * rate, 1)"


def test_what_depends_on_an_edited_cell_is_run_with_what_it_needs():
    sources = ["a = 1", "b = 2", "c = a + b", "show(b)", "d = c", "print(b)"]
    assert downstream(sources, 0) == [1, 2, 4]
    assert downstream(sources, 3) == []


def _shown(source: str):
    shell = InteractiveShell.instance()
    show_refusals()
    with capture_output() as captured:
        result = shell.run_cell(source)
    return result, captured


def test_a_refusal_is_one_message_with_its_line_and_the_traceback_folded():
    result, captured = _shown("from marginlib import RiskSchedule\nrate = -1\nRiskSchedule.flat(rate)")
    assert type(result.error_in_exec).__name__ == "MarginError"  # whoever runs the cell still sees an error
    first, line, remedy = captured.stdout.strip().splitlines()
    assert first.startswith("maintenance_margin_rate = -1: give ")
    assert line == "Line 3 of this cell: RiskSchedule.flat(rate)"
    assert remedy.startswith("Change the number")
    (folded,) = captured.outputs
    html = folded.data["text/html"]
    assert html.startswith("<details><summary>")
    assert "tiers.py" in html
    assert "tiers.py" in folded.data["text/plain"]


def test_a_name_that_no_cell_has_made_is_told_with_what_to_run():
    result, captured = _shown("before = 1\nsessoin.stop(before)")
    assert isinstance(result.error_in_exec, NameError)
    first, line, remedy = captured.stdout.strip().splitlines()
    assert first == "name 'sessoin' is not defined"
    assert line == "Line 2 of this cell: sessoin.stop(before)"
    assert remedy.startswith("If a cell above makes it, run that one first")
    assert captured.outputs[0].data["text/html"].startswith("<details><summary>")


def test_any_other_error_is_shown_as_ever():
    result, captured = _shown("1 / 0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "Traceback" in captured.stdout
    assert not captured.outputs
