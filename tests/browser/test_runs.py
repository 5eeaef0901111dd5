"""Each notebook opens and runs in JupyterLab without an error, and asks nobody outside this machine."""

from access import WIDGETS
from conftest import explored
from figure import live_figures


def test_every_cell_runs(opened):
    assert opened.cell_errors() == []


def test_nothing_is_logged_or_thrown(opened):
    assert opened.record.faults() == []


def test_nothing_is_fetched_from_outside(opened):
    assert len(opened.record.requests) > 100  # the recorder was there: JupyterLab alone asks for more
    assert opened.record.outside() == []


def test_every_explorer_is_a_live_figure(opened):
    assert len(live_figures(opened.page)) == explored(opened.path)


def test_every_panel_is_looked_at(opened):
    assert opened.page.locator(WIDGETS).count() == opened.widget_outputs()
