"""One JupyterLab and one Chromium for the whole run; one page a notebook, which a learner has gone through from a fresh
folder of the course, then looked at by every test.

The tests of a notebook run together (`opened` has the notebooks as its parameters). Each leaves the page as it was but
for the positions of the controls.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from access import picture
from figure import ROOTS, live_figures
from lab import ROOT, chromium, find_chromium, lab_server, watch
from learner import Learner
from playwright.sync_api import expect, sync_playwright

from marginlib.jupyter.folder import write_course
from marginlib.jupyter.lesson import LessonExporter

expect.set_options(timeout=60_000)  # as for all else: a busy machine fails nothing
DIRTY = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
ALL_READY = "([roots, count]) => document.querySelectorAll(`${roots}[data-ready='true']`).length === count"


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


def explored(path):
    """Return how many live figures a notebook has."""
    return path.read_text(encoding="utf-8").count("explore(figures.")


def _each_notebook(group):
    """Return the notebooks as parameters; the tests of one run in one process."""
    together = {path: pytest.mark.xdist_group(group + path.stem) for path in NOTEBOOKS}
    return [pytest.param(path, id=path.stem, marks=mark) for path, mark in together.items()]


@pytest.fixture(scope="session", params=_each_notebook(""))
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


@contextmanager
def exported(browser, exporter, path, folder):
    """Write a notebook as a page, open it from the disk without a network, and record what it asks for."""
    file = folder / "page.html"
    file.write_text(exporter().from_filename(str(path))[0], encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1_100, "height": 1_000})
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        record = watch(page)
        page.goto(file.as_uri())
        yield page, record
    finally:
        context.close()


@pytest.fixture(scope="session", params=_each_notebook("page-"))
def lesson(request, browser, tmp_path_factory):
    """A notebook as a page from the disk, and the record of what it asks for.

    A figure is there what it is in JupyterLab, and a key takes a part of the time.
    """
    with exported(browser, LessonExporter, request.param, tmp_path_factory.mktemp("lesson")) as (page, record):
        page.wait_for_function(ALL_READY, arg=[ROOTS, explored(request.param)])
        yield page, record
