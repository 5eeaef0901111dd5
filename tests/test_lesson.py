"""Saved notebooks keep their live figures, and a lesson is a page that needs nothing else."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import ScriptExporter
from refresh_notebooks import ROOT, WIDGET_STATE, WIDGET_VIEW, clean, notebooks, text
from traitlets.config import Config

from marginlib.jupyter.lesson import LessonExporter

OUTSIDE = re.compile(
    r"""(?:src|href)\s*=\s*["'](?:https?:)?//|@import|url\(\s*["']?https?:|\bimport\s*\(?["']https?:"""
)
KILOBYTE = 1_000
LESSON, SCRIPT = LessonExporter(), ScriptExporter()  # each compiles its templates once


@pytest.fixture(scope="module")
def ran():
    """A notebook with a live figure and with a widget that needs Python, run by a real kernel."""
    cells = [
        "from marginlib.course import figures\nfrom marginlib.drawing import explore\nexplore(figures.TASTE)",
        "import ipywidgets\nipywidgets.IntSlider()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    for cell, name in zip(notebook.cells, ("figure", "slider"), strict=True):
        cell.id = name
    return NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=True).execute()


def states(notebook) -> dict:
    return notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})


def test_a_saved_notebook_keeps_the_figure_and_drops_what_needs_a_kernel(ran):
    stored = clean(deepcopy(ran))
    figure, slider = (cell.outputs[0].data for cell in stored.cells)
    assert WIDGET_VIEW not in slider
    assert slider["text/plain"]
    model = states(stored)[figure[WIDGET_VIEW]["model_id"]]
    assert model["model_module"] == "anywidget"
    # A view whose model or layout is missing says "model not found".
    assert model["state"]["layout"].removeprefix("IPY_MODEL_") in states(stored)
    assert len(states(stored)) == 2


def test_storing_twice_changes_nothing(ran):
    once = text(clean(deepcopy(ran)))
    assert text(clean(nbformat.reads(once, as_version=4))) == once


def test_a_lesson_holds_the_figure_once_and_asks_nothing_of_the_network(ran):
    page, _ = LESSON.from_notebook_node(clean(deepcopy(ran)))
    found = re.search(r'<script[^>]* id="live-figures"[^>]*>(.*?)</script>', page, re.DOTALL)
    data = json.loads(found[1].replace("<\\/", "</"))
    assert len(data["figures"]) == len(data["sources"]) == page.count("data-live-figure=") == 1
    assert not OUTSIDE.search(page)
    assert "widget-view" not in page


def as_a_front_end_saves_it(notebook, state):
    """JupyterLab, Notebook 7 and VS Code keep the view; of the state they keep nothing, or what they know of it."""
    saved = deepcopy(notebook)
    if state is ...:
        saved.metadata.pop("widgets")
        return saved
    states(saved)[saved.cells[0].outputs[0].data[WIDGET_VIEW]["model_id"]] = state
    return saved


NO_SCRIPT = {"state": {"_anywidget_id": "marginlib.drawing.live.ExplorerPanel"}}


@pytest.mark.parametrize("state", [..., None, {"state": None}, {}, NO_SCRIPT], ids=str)
def test_a_figure_that_was_not_saved_is_text_and_the_command_that_gives_it_back_is_said(ran, caplog, state):
    page, _ = LESSON.from_notebook_node(
        as_a_front_end_saves_it(ran, state), {"metadata": {"name": "02_isolated_margin"}}
    )
    assert "data-live-figure" not in page
    assert "[Interactive figure: " in page
    (said,) = [each.getMessage() for each in caplog.records]
    assert said.startswith("Live figures saved without their frames: 1.")
    assert said.endswith("Type: jupyter nbconvert --to lesson --execute 02_isolated_margin.ipynb")


def test_that_command_brings_it_back(ran):
    exporter = LessonExporter(config=Config({"ExecutePreprocessor": {"enabled": True, "timeout": 60}}))
    page, _ = exporter.from_notebook_node(as_a_front_end_saves_it(ran, ...))
    assert page.count("data-live-figure=") == 1


@pytest.mark.parametrize("widgets", [None, {}, {WIDGET_STATE: None}, {WIDGET_STATE: {"state": None}}], ids=str)
def test_metadata_that_say_nothing_of_widgets_are_no_error(ran, widgets):
    saved = deepcopy(ran)
    saved.metadata["widgets"] = widgets
    assert "data-live-figure" not in LESSON.from_notebook_node(saved)[0]


@pytest.mark.parametrize("path", sorted(ROOT.glob("[ne]*/**/*.ipynb")), ids=lambda path: path.stem)
def test_a_script_is_a_python_file(path):
    notebook = nbformat.read(path, as_version=4)
    assert SCRIPT.from_notebook_node(notebook)[1]["output_extension"] == ".py"


def test_a_figure_that_an_earlier_version_saved_is_in_the_page_with_its_own_script():
    """What stands in a notebook of 0.1.0: five traits, and a script that knows them."""
    notebook = nbformat.read(Path(__file__).with_name("saved_by_0_1_0.ipynb"), as_version=4)
    (saved,) = [each for each in states(notebook).values() if each["model_module"] == "anywidget"]
    page, _ = LESSON.from_notebook_node(notebook)
    data = json.loads(re.search(r'<script[^>]* id="live-figures"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    (figure,) = data["figures"].values()
    assert data["sources"] == [{"esm": saved["state"]["_esm"], "css": saved["state"]["_css"]}]
    assert {"form", "first", "start", "at"} <= set(figure["state"])
    assert [each["path"] for each in figure["buffers"]] == [["packed"]]


each_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


@each_notebook
def test_every_view_that_is_stored_has_its_state(path):
    notebook = nbformat.read(path, as_version=4)
    views = [
        output.data[WIDGET_VIEW]["model_id"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if WIDGET_VIEW in output.get("data", {})
    ]
    explored = sum(cell.source.startswith("explore(") for cell in notebook.cells if cell.cell_type == "code")
    assert len(views) == explored > 0
    assert set(views) <= set(states(notebook))


@each_notebook
def test_budgets(path):
    notebook = nbformat.read(path, as_version=4)
    for model in states(notebook).values():
        assert sum(len(each["data"]) for each in model.get("buffers", [])) <= 400 * KILOBYTE
    pictures = sum(
        len(found)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for found in re.findall(r"data:image/png;base64,[^\"]*", output.get("data", {}).get("text/html", ""))
    )
    assert len(path.read_bytes()) - pictures <= 1_000 * KILOBYTE
    page, _ = LESSON.from_filename(str(path))
    assert len(page.encode()) <= 6_000 * KILOBYTE
    assert not OUTSIDE.search(page)
