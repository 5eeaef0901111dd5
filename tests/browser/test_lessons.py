"""A notebook as a page, opened from the disk with no machine in reach: a lesson lives, nbconvert's own can be read."""

from __future__ import annotations

from conftest import ALL_READY, NOTEBOOKS, explored, exported
from figure import ROOTS, live_figures
from lab import ROOT
from nbconvert import HTMLExporter

from marginlib.course import figures
from marginlib.jupyter.lesson import LessonExporter


def test_a_lesson_opens_from_the_disk(lesson):
    page, record = lesson
    # The page's own style for tables puts words to the right; the figure's puts them to the left, as in JupyterLab.
    sides = "cells => cells.map(each => getComputedStyle(each).textAlign)"
    assert set(page.locator(f"{ROOTS} :is(th, td):not(.number)").evaluate_all(sides)) == {"left"}
    assert "model not found" not in page.inner_text("body").lower()
    assert record.requests[0].startswith("file:")


def test_nbconverts_own_page_shows_picture_table_and_sentence_of_each_figure(browser, tmp_path):
    """It asks other machines for scripts. A reader who cannot reach them has the still twins."""
    path = max(NOTEBOOKS, key=explored)
    with exported(browser, HTMLExporter, path, tmp_path) as (page, record):
        assert record.errors == []
        twins = page.locator("figure:has(img)")
        assert twins.count() >= explored(path)
        for twin in twins.all():
            assert twin.locator("img").get_attribute("alt")
        assert "model not found" not in page.inner_text("body").lower()


SAVED = ROOT / "tests" / "saved_by_0_1_0.ipynb"


def test_what_an_earlier_version_saved_lives_in_the_page_with_its_own_script(browser, tmp_path):
    with exported(browser, LessonExporter, SAVED, tmp_path) as (page, record):
        _moves(page)
        assert record.faults() == record.outside() == []


def test_what_an_earlier_version_saved_lives_in_jupyterlab_without_running(browser, lab):
    with lab.opened(browser, SAVED) as notebook:
        notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:trust') }")
        notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
        _moves(notebook.page)


def _moves(page):
    """One figure is on the page, alive: its last control moves, and it says what the library says of those values."""
    page.wait_for_function(ALL_READY, arg=[ROOTS, 1])
    (figure,) = live_figures(page)
    last = figure.explorer.controls[2]
    figure.input(last).focus()
    page.keyboard.press("End")
    figure.wait_for([0, 4, len(last.values) - 1])
    # The place of a value is that of the file's own time: it stood at 10x.
    chart, seen = figures.ISOLATED(direction=1, leverage=10, added=last.values[-1]), figure.seen()
    assert (seen["sentence"], seen["table"]) == (
        chart.sentence,
        [list(chart.table.columns), *map(list, chart.table.rows)],
    )
