"""The course with nothing installed: the site is built, served from here, and run in Chromium with no other machine."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath

import pytest
from build_site import build_site
from lab import Notebook, chromium, find_chromium, watch

FIGURE = ".marginlib-figure"
SESSION = "window.jupyterapp?.shell?.currentWidget?.sessionContext"

pytestmark = [
    pytest.mark.xdist_group("site"),  # which is built once
    pytest.mark.skipif(
        not (shutil.which("npm") and shutil.which("uv")) and not os.environ.get("CI"),  # the gate skips nothing
        reason="the site is built with npm and uv",
    ),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium"),
]


class Handler(SimpleHTTPRequestHandler):
    """Files with the types that browsers ask of modules and WebAssembly; the page may be steered by the test."""

    def guess_type(self, path):
        types = {".mjs": "text/javascript", ".wasm": "application/wasm"}
        return types.get(PurePath(path).suffix) or super().guess_type(path)

    def do_GET(self):
        if self.path.partition("?")[0] == "/jupyter-lite.json":
            page = json.loads((self.server.site / "jupyter-lite.json").read_text())
            page["jupyter-config-data"]["exposeAppInBrowser"] = True
            content = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The address of the site, served by this process alone."""
    start = time.monotonic()
    folder = build_site(tmp_path_factory.mktemp("site") / "site")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"site: {size / 1e6:.0f} MB, built in {time.monotonic() - start:.0f} s")  # noqa: T201 - a measurement
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.site = folder
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def alone(playwright):
    """A Chromium for which no name but this machine's own leads anywhere."""
    with chromium(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"], playwright) as started:
        yield started


@contextmanager
def opened(browser, address):
    """Open a page of the site in a fresh profile, and wait for its notebook and kernel."""
    page = browser.new_context(viewport={"width": 1_100, "height": 1_000}).new_page()
    try:
        page.set_default_timeout(240_000)  # on a machine that does much else, Python takes a minute to arrive
        record = watch(page)
        page.goto(address)
        page.wait_for_function(f"() => {SESSION}?.isReady && {SESSION}.session?.kernel?.status === 'idle'")
        yield Notebook(page, record)
    finally:
        page.context.close()


def test_a_notebook_runs_in_the_browser_alone(site, alone, site_notebook):
    path = site_notebook
    start = time.monotonic()
    with opened(alone, f"{site}/lab/index.html?path=notebooks/{path.name}") as notebook:
        ready = time.monotonic() - start
        notebook.command("notebook:run-all-cells")
        notebook.page.wait_for_selector(f"{FIGURE}[data-ready='true']")
        first = time.monotonic() - start
        notebook.run_all()
        ran = time.monotonic() - start
        print(f"{path.stem}: kernel {ready:.1f} s, first figure {first:.1f} s, all cells {ran:.1f} s")  # noqa: T201
        assert notebook.cell_errors() == []
        assert notebook.record.outside() == []
        assert notebook.record.errors == []
        figure = notebook.page.locator(FIGURE).first
        sentence = figure.inner_text()
        figure.locator("input[type=range]").first.focus()
        notebook.page.keyboard.press("ArrowRight")
        notebook.page.wait_for_function(
            "([each, before]) => each.innerText !== before", arg=[figure.element_handle(), sentence]
        )
        assert notebook.record.outside() == []


def test_the_sites_address_opens_the_first_notebook(site, alone):
    with opened(alone, f"{site}/") as notebook:
        assert notebook.page.evaluate(f"() => {SESSION}.path").endswith("notebooks/00_start_here.ipynb")
        assert notebook.record.outside() == []


def test_a_notebook_that_needs_more_than_the_site_has_says_so(site, alone):
    with opened(alone, f"{site}/lab/index.html?path=notebooks/10_odds.ipynb") as notebook:
        said = notebook.page.locator(".jp-RenderedMarkdown strong", has_text="You can read this notebook here, but not")
        said.wait_for()
