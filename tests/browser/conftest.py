"""One JupyterLab and one Chromium for the whole run; one page a notebook, which a learner has gone through from a fresh
folder of the course, then looked at by every test.

The tests of a notebook run together (`opened` has the notebooks as its parameters). Each leaves the page as it was but
for the positions of the controls.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from access import picture
from figure import live_figures
from lab import ROOT, chromium, find_chromium, lab_server
from learner import Learner
from playwright.sync_api import sync_playwright

from marginlib.jupyter.folder import write_course

DIRTY = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def pytest_addoption(parser):
    parser.addoption("--shots", type=Path, help="folder for pictures of notebooks and figures")


@pytest.fixture(scope="session")
def shots(request):
    """Folder for pictures, or None where nobody asked for them: test output, never committed."""
    folder = request.config.getoption("--shots")
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@pytest.fixture(scope="session")
def playwright():
    """The one driver of all browsers: a second one cannot start beside it."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright):
    if find_chromium() is None:
        missing = "no Chromium: install it (Debian: apt-get install chromium) or name it in MARGINLIB_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with chromium(playwright=playwright) as started:
        yield started


@pytest.fixture(scope="session")
def lab():
    with lab_server() as started:
        yield started


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A fresh folder of the course, as a learner begins with."""
    folder = tmp_path_factory.mktemp("course")
    write_course(folder)
    return folder


@pytest.fixture(
    scope="session",
    params=[pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in NOTEBOOKS],
)
def opened(request, browser, lab, course, shots):
    """A notebook of the course in JupyterLab, after a learner has gone through it."""
    with lab.opened(browser, course / "notebooks" / request.param.name) as notebook:
        notebook.path, notebook.clean = request.param, not notebook.page.evaluate(DIRTY)
        notebook.learner = Learner(notebook, request.param.stem[:2])
        notebook.learner.go()
        notebook.wait_drawn()
        notebook.first = [figure.seen() for figure in live_figures(notebook.page)]
        if shots is not None:
            notebook.screenshot(shots / f"{request.param.stem}.png")
            for figure in live_figures(notebook.page):
                picture(figure.root, shots, f"{request.param.stem}-{figure.explorer.name}")
        yield notebook
