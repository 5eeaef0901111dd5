"""One sheet of exercises as a learner meets it: it opens unchanged, and each check says where one stands."""

from __future__ import annotations

import json

from conftest import DIRTY
from lab import ROOT
from playwright.sync_api import expect

CELLS = "window.jupyterapp.shell.currentWidget.content"
SHEET = "exercises/blank/isolated.ipynb"


def test_a_sheet_of_exercises_from_its_opening_to_the_finish_line(browser, lab, course):
    worked = json.loads((ROOT / SHEET.replace("blank", "worked")).read_text(encoding="utf-8"))["cells"]
    solved = {cell["id"]: "".join(cell["source"]) for cell in worked}
    with lab.opened(browser, course / SHEET) as sheet:
        assert not sheet.page.evaluate(DIRTY)

        def run(name: str, source: str | None = None) -> str:
            """Run a cell, with another text where one is given, and return what it shows."""
            place = sheet.page.evaluate(f"name => {CELLS}.widgets.findIndex(cell => cell.model.id === name)", name)
            if source is not None:
                sheet.page.evaluate(
                    f"([k, text]) => {CELLS}.widgets[k].model.sharedModel.setSource(text)", [place, source]
                )
            sheet.page.evaluate(f"k => {{ {CELLS}.activeCellIndex = k }}", place)
            sheet.command("notebook:run-cell")
            sheet.wait_idle()
            shown = sheet.page.locator(".jp-Cell").nth(place).locator(".jp-OutputArea-output").first
            if not name.endswith("-answer") and name != "start":
                expect(shown).to_be_visible()
                return shown.inner_text()
            return ""

        run("start")
        assert "Wanted: the liquidation price in dollars." in run("isolated-1-numbers")
        run("isolated-1-answer")
        asked = run("isolated-1-check")
        assert "Right" not in asked
        assert "0 of 10 tasks done" in run("finish")

        run(
            "isolated-1-answer",
            'given = numbers["isolated-1"]\nanswer_1 = given["entry"] - given["margin"] / given["quantity"]',
        )
        wrong = run("isolated-1-check")
        assert "Not yet" in wrong
        assert "follows from a belief that many hold" in wrong
        assert "maintenance margin" in wrong
        assert "0 of 10 tasks done" in run("finish")

        run("isolated-1-answer", solved["isolated-1-answer"])
        right = run("isolated-1-check")
        assert "Right" in right
        assert "1 of 10 tasks done" in right
        assert "1 of 10 tasks done" in run("finish")
        assert sheet.record.outside() == []
