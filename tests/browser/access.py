"""Access and layout of a region of a page: a live figure, or the output of any other widget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

from axe_playwright_python.sync_playwright import Axe
from lab import DARK, LIGHT, Notebook
from playwright.sync_api import Locator, Page

CHECKS = Path(__file__).with_name("checks.js").read_text(encoding="utf-8")
WIDGETS = ".jp-OutputArea-output.lm-Panel"  # outputs of every other kind are no panels
PHONE = {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")
NAMED = {"slider", "radio", "radiogroup", "group", "button", "checkbox", "textbox", "spinbutton", "combobox", "listbox"}

# The notebook lays itself out in a frame, its figures in the one after that, when they have heard of their size.
_DRAWN_AGAIN = """async () => {
    for (let frame = 0; frame < 4; frame += 1) await new Promise(requestAnimationFrame)
}"""
_ready: WeakSet[Page] = WeakSet()  # pages that have checks.js


@dataclass(frozen=True)
class Violation:
    """One finding of axe-core."""

    rule: str
    impact: str
    help: str
    html: str


def check(region: Locator, name: str) -> Any:
    """Return what a function of checks.js finds in a region."""
    _make_ready(region.page)
    return region.evaluate(f"root => checks.{name}(root)")


def check_each(page: Page, name: str) -> list[Any]:
    """Return what a function of checks.js finds in each output that is a widget."""
    _make_ready(page)
    return page.locator(WIDGETS).evaluate_all(f"roots => roots.map(root => checks.{name}(root))")


def _make_ready(page: Page) -> None:
    if page not in _ready:
        page.add_init_script(CHECKS)  # for when it is loaded again
        page.evaluate(CHECKS)
        _ready.add(page)


def axe(page: Page, selector: str) -> list[Violation]:
    """Return what axe-core finds inside all elements of a selector."""
    options = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
    found = Axe().run(page, context=selector, options=options).response["violations"]
    return [
        Violation(each["id"], node["impact"] or each["impact"], each["help"], node["html"][:160])
        for each in found
        for node in each["nodes"]
    ]


def unnamed(regions: list[Locator]) -> list[str]:
    """Return the controls and groups of some regions of a page that have no accessible name, by role and HTML."""
    if not regions:
        return []
    session = regions[0].page.context.new_cdp_session(regions[0].page)
    session.send("DOM.enable")
    session.send("Accessibility.enable")
    found = []
    for region in regions:
        region.evaluate("e => { window.regionUnderTest = e }")
        handle = session.send("Runtime.evaluate", {"expression": "window.regionUnderTest"})["result"]["objectId"]
        for node in session.send("Accessibility.queryAXTree", {"objectId": handle})["nodes"]:
            role, name = (node.get(each, {}).get("value", "") for each in ("role", "name"))
            if role in NAMED and not node["ignored"] and not name.strip():
                html = session.send("DOM.getOuterHTML", {"backendNodeId": node["backendDOMNodeId"]})["outerHTML"]
                found.append(f"{role}: {html[:120]}")
    session.detach()
    return found


def tab_walk(region: Locator) -> list[tuple[str, float]]:
    """Return what the Tab key reaches from the first control of a region, pressed as often as the region has stops.

    What is reached comes in order, each with the contrast of its focus ring; 0 for no ring. The last press leaves the
    region; one that is still in it is one too many here. How the Tab key comes to the first control is JupyterLab's
    affair: an editor of code above keeps it.
    """
    check(region, "enter")
    for _ in check(region, "stops"):
        region.page.keyboard.press("Tab")
    return check(region, "reached")


def picture(region: Locator, folder: Path | None, name: str) -> None:
    """Take a picture of a region, in a window that is high enough for it; without a folder, nobody asked for any."""
    if folder is None:
        return
    page, before = region.page, region.page.viewport_size
    assert before is not None
    height = region.evaluate("root => root.scrollHeight")
    page.set_viewport_size({"width": before["width"], "height": max(before["height"], height + 300)})
    region.screenshot(path=folder / f"{name}.png")
    page.set_viewport_size(before)


@contextmanager
def dark(notebook: Notebook) -> Iterator[None]:
    """Show the notebook in JupyterLab's dark theme."""
    notebook.theme(DARK)
    try:
        yield
    finally:
        notebook.theme(LIGHT)


@contextmanager
def phone(notebook: Notebook) -> Iterator[None]:
    """Show the notebook as wide as a phone."""
    with _window(notebook.page, PHONE["width"], PHONE["height"]):
        yield


@contextmanager
def narrow(notebook: Notebook) -> Iterator[None]:
    """Show the notebook as wide as the narrowest phone."""
    with _window(notebook.page, 320, PHONE["height"]):
        yield


@contextmanager
def zoomed(notebook: Notebook) -> Iterator[None]:
    """Show the notebook as at 200 %: the same window then holds half as many of the page's pixels each way."""
    size = notebook.page.viewport_size
    assert size is not None
    with _window(notebook.page, size["width"] // 2, size["height"] // 2):
        yield


@contextmanager
def _window(page: Page, width: int, height: int) -> Iterator[None]:
    before = page.viewport_size
    assert before is not None
    try:
        _resize(page, width, height)
        yield
    finally:
        _resize(page, before["width"], before["height"])


def _resize(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(_DRAWN_AGAIN)
