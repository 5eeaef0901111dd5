"""Book and site as `tools/build_site.py` builds them, served from this machine with no other in reach.

Needs npm, the package index and Chromium, and half an hour: `python -m pytest tests/long/test_site.py`. The variable
MARGINLIB_SITE names a folder that was built before; `-k "runs and 13"` is one notebook in it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("long", "browser")]

from access import PHONE, axe
from figure import ROOTS, live_figures
from lab import chromium, watch
from static_site import ALONE, opened, served

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SETS = sorted((ROOT / "exercises" / "blank").glob("*.ipynb"))
by_name = {"ids": lambda path: path.stem}
ALL_READY = "roots => [...document.querySelectorAll(roots)].every(each => each.dataset.ready === 'true')"

WARNED = """() => [...window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells]
    .flatMap(cell => cell.toJSON().outputs ?? [])
    .filter(output => output.name === "stderr").map(output => output.text)"""


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    if named := os.environ.get("MARGINLIB_SITE"):
        return Path(named)
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, ROOT / "tools" / "build_site.py", "--output", folder]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def address(built):
    with served(built) as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    with chromium([ALONE]) as started:
        yield started


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 1_300, "height": 1_000})
    yield made
    made.close()


# --- the book --------------------------------------------------------------------------------------------------------


def turned(context, address, name):
    """Open a page of the book with nothing answered; return it and what it asks for."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    record = watch(page)
    page.goto(f"{address}/{name}")
    page.wait_for_function("document.body.dataset.jpThemeLight !== undefined")
    return page, record


def answered(page):
    """Look at every card without a prediction, so that nothing is held back."""
    still = page.locator("[data-card]:not(.marginlib-done)")
    while still.count():
        still.first.locator("[data-press='show']").click()
    assert page.locator(".marginlib-held").count() == 0
    page.wait_for_timeout(600)  # the theme waits a moment before it looks which code can be scrolled


@pytest.mark.parametrize("path", NOTEBOOKS, **by_name)
def test_every_figure_of_a_page_moves_and_says_what_the_library_says(context, address, path):
    page, record = turned(context, address, f"notebooks/{path.stem}.html")
    answered(page)
    page.wait_for_function(ALL_READY, arg=ROOTS)
    found = live_figures(page)
    assert len(found) == path.read_text(encoding="utf-8").count('"explore(figures.')
    for figure in found:
        state = figure.state()
        assert figure.differences(state) == {}
        for place, control in enumerate(figure.explorer.controls):
            figure.input(control).focus()
            page.keyboard.press("ArrowDown" if control.choice else "End")
            state[place] = (state[place] + 1) % len(control.values) if control.choice else len(control.values) - 1
            if control.path:
                state = figure.state()
            figure.wait_for(state)
            assert figure.differences(state) == {}
            assert figure.misplaced(state) == []
    assert record.faults() == []
    assert record.outside() == []


@pytest.mark.parametrize("path", NOTEBOOKS, **by_name)
def test_a_card_holds_back_what_it_asks(context, address, path):
    page, _ = turned(context, address, f"notebooks/{path.stem}.html")
    cards = page.locator("[data-card]")
    assert cards.count() == len(re.findall(r'"predict\(', path.read_text(encoding="utf-8")))
    for k in range(cards.count()):
        card = cards.nth(k)
        assert not card.locator(".marginlib-result").is_visible()
        card.locator("[data-press='check']").click()  # nothing chosen
        assert "No answer yet" in card.locator("[role='status']").inner_text()
        if card.locator("input[type='radio']").count():
            card.locator("input[type='radio']").first.check()
        else:
            card.locator("input").fill("7")
        card.locator("[data-press='check']").click()
        assert "You predicted" in card.locator(".marginlib-result").inner_text()
    assert page.locator(".marginlib-held").count() == 0
    page.reload()
    assert page.locator("[data-card].marginlib-done").count() == cards.count()


def every_page(built):
    return sorted(
        each.relative_to(built) for each in built.rglob("*.html") if each.relative_to(built).parts[0] != "run"
    )


def test_every_link_leads_somewhere(built):
    pages = every_page(built)
    assert len(pages) > len(NOTEBOOKS) + len(SETS)
    lost = []
    for name in pages:
        text = (built / name).read_text(encoding="utf-8")
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text):
            parts = urlsplit(unquote(link))
            if parts.scheme:
                continue
            place = (built / name).parent / parts.path if parts.path else built / name
            inside = re.sub(r"path=", "", parts.query) if "path=" in parts.query else ""
            if not place.exists() or (inside and not (built / "run" / "files" / inside).exists()):
                lost.append((str(name), link))
            elif parts.fragment and place.suffix == ".html":
                there = place.read_text(encoding="utf-8")
                if f'id="{parts.fragment}"' not in there and f'name="{parts.fragment}"' not in there:
                    lost.append((str(name), link))
    assert lost == []


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
@pytest.mark.parametrize(
    "name",
    [
        *("index", "notebooks/02_isolated_margin", "notebooks/04_side_by_side", "notebooks/GLOSSARY"),
        *("exercises/README", "docs/run", "reference/market"),
    ],
)
def test_a_page_is_for_everybody(browser, address, name, look):
    size = PHONE if look == "phone" else {"width": 1_300, "height": 1_000}
    made = browser.new_context(viewport=size, color_scheme="dark" if look == "dark" else "light")
    page, record = turned(made, address, f"{name}.html")
    answered(page)
    page.wait_for_function(ALL_READY, arg=ROOTS)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tables = page.locator("main table.table:not(.dataframe)")
    assert (
        tables.evaluate_all("all => all.filter(each => each.offsetWidth > each.parentElement.clientWidth).length") == 0
    )
    assert record.faults() == record.outside() == []
    assert axe(page, "main") == []
    made.close()


def test_the_sets_stand_in_the_order_of_the_course(context, address):
    page, _ = turned(context, address, "index.html")
    found = page.locator("nav.bd-links a[href*='exercises/blank']").evaluate_all("all => all.map(each => each.href)")
    assert [Path(each).stem for each in found] == ["sizing", "isolated", "cross", "tiers", "crash", "audit"]


def test_words_are_found(context, address):
    page, _ = turned(context, address, "search.html?q=contagion")
    page.locator("#search-results li").first.wait_for()
    assert "Hedges and contagion" in page.locator("#search-results").inner_text()


# --- the site --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SETS], **by_name)
def test_a_notebook_runs_in_the_browser(context, address, path):
    notebook, seconds = opened(context, address, path.relative_to(ROOT).as_posix(), 900)
    notebook.run_all(1_800)
    print(f"{path.stem}: ready after {seconds:.1f} s")
    assert len(notebook.page.workers) == 1  # the Python that started with the page is the one that runs the cells
    assert notebook.cell_errors() == []
    assert notebook.page.evaluate(WARNED) == []
    assert notebook.record.faults() == []
    assert notebook.record.outside() == []


def test_on_a_phone_the_notebook_has_the_page_and_is_dark_where_the_system_is(browser, address):
    made = browser.new_context(viewport=PHONE, color_scheme="dark")
    notebook, _ = opened(made, address, "notebooks/01_what_is_margin.ipynb", 240)
    wide = "document.querySelector('.jp-NotebookPanel').offsetWidth > 0.9 * innerWidth"
    notebook.page.wait_for_function(wide)
    notebook.page.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
    assert notebook.record.faults() == []
    made.close()


def test_what_was_answered_is_there_on_the_next_visit_and_can_be_taken_along(context, address):
    notebook, _ = opened(context, address, "notebooks/02_isolated_margin.ipynb", 240)
    notebook.run_all(480)
    card = notebook.page.locator(".marginlib-form:has([data-press='show'])").first
    card.locator("input[type='text']").fill("9.6")
    card.locator("input[value='2']").check()
    card.locator("[data-press='check']").click()
    notebook.page.locator(".marginlib-result").first.wait_for()  # the card's own: its buttons are gone
    notebook.page.close()
    again, _ = opened(context, address, "notebooks/02_isolated_margin.ipynb", 240)
    read = "path => window.jupyterapp.serviceManager.contents.get(path, { content: true }).then(file => file.content)"
    kept = json.loads(b64decode(again.page.evaluate(read, "marginlib-progress.json")))
    assert [each["item"] for each in kept["attempts"]] == ["02-price"]
    again.run_all(480)
    assert "You predicted 9.6" in again.page.locator(".marginlib-result").first.inner_text()
