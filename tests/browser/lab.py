"""A real JupyterLab and a real Chromium for tests and benchmarks; nothing in here knows of margin.

    with lab_server() as lab, chromium() as browser:
        with lab.opened(browser, Path("notebooks/02_isolated_margin.ipynb")) as notebook:
            notebook.run_all()
            print(notebook.cell_errors(), notebook.record.faults(), notebook.record.outside())

The server has settings, configuration, data and a folder of its own, all temporary: it reads nothing of the person who
runs it and never writes to the notebooks that it opens. Servers, kernels and browsers end with their `with` block, and
with the process that started them.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from offline import offline_kernels
from playwright.sync_api import Browser, Page, Playwright, Request, WebSocket, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
LOCAL_SCHEMES = ("about", "blob", "chrome", "data", "file")

# What stock JupyterLab logs by itself, as (part of the text, reason).
KNOWN_NOISE: tuple[tuple[str, str], ...] = ()

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # a cell out of sight is in the page all the same
}


def find_chromium() -> str | None:
    """Return the path of an installed Chromium: `MARGINLIB_CHROMIUM`, or the first that is found by its usual names."""
    named = os.environ.get("MARGINLIB_CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def chromium(arguments: Sequence[str] = (), playwright: Playwright | None = None) -> Iterator[Browser]:
    """Start the installed Chromium without a window; no sandbox, since containers run as root.

    Args:
        arguments: more of its command line.
        playwright: the one that drives another browser already, as a process can start only one at a time.
    """
    with nullcontext(playwright) if playwright else sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", *arguments])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Record:
    """What a page asked for and what it complained about, from its first moment."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def outside(self) -> list[str]:
        """Return the addresses asked for that are not on this machine."""
        return [each for each in self.requests if not _is_local(each)]

    def faults(self) -> list[str]:
        """Return console errors and uncaught exceptions, without what stock JupyterLab logs by itself."""
        return [each for each in self.console + self.errors if not any(part in each for part, _ in KNOWN_NOISE)]


def watch(page: Page) -> Record:
    """Record from now on what a page requests, logs as an error and throws."""
    record = Record()

    def requested(request: Request | WebSocket) -> None:
        record.requests.append(request.url)

    page.context.on("request", requested)  # of the context: frames and workers too
    page.on("websocket", requested)
    page.on(
        "console",
        lambda message: (
            record.console.append(f"{message.text} ({message.location['url']})") if message.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: record.errors.append(f"uncaught: {error}"))
    return record


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab, in a page of its own."""

    page: Page
    record: Record

    def run_all(self, seconds: float = 120) -> None:
        """Run all cells and wait until the kernel is idle and every widget and live figure has drawn itself."""
        self.command("notebook:run-all-cells")
        self.wait_idle(seconds)
        self.wait_drawn()

    def wait_drawn(self) -> None:
        """Wait until every widget and live figure has drawn itself."""
        self.page.wait_for_function(_ALL_DRAWN)

    def wait_idle(self, seconds: float = 60) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(f"() => {_SESSION}.session?.kernel?.status === 'idle'", timeout=1_000 * seconds)

    def cell_errors(self) -> list[str]:
        """Return the errors that stand below cells, and cells that did not run."""
        return self.page.evaluate(_CELL_ERRORS)

    def widget_outputs(self) -> int:
        """Return how many outputs of the notebook's cells are widgets."""
        return self.page.evaluate(f"() => ({_WIDGET_OUTPUTS})().length")

    def command(self, name: str, **arguments: Any) -> None:
        """Execute a command of JupyterLab and wait for it."""
        self.page.evaluate("([n, a]) => window.jupyterapp.commands.execute(n, a).then(() => null)", [name, arguments])

    def theme(self, name: str) -> None:
        """Change the theme; the server remembers it, so change it back."""
        self.command("apputils:change-theme", theme=name)
        light = "true" if name == LIGHT else "false"
        body = f"body[data-jp-theme-name='{name}'][data-jp-theme-light='{light}']"
        self.page.wait_for_selector(body, state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # two at once make JupyterLab throw

    def screenshot(self, path: Path, *, limit: int = 16_000) -> None:
        """Take one picture of the whole notebook; the window is as high as the notebook for that moment."""
        before = self.page.viewport_size
        assert before is not None
        height = self.page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
        self.page.set_viewport_size({"width": before["width"], "height": min(height + 120, limit)})
        self.page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0 }")
        self.page.wait_for_timeout(300)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
        self.page.set_viewport_size(before)


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def add(self, path: Path) -> str:
        """Copy a notebook and the pictures beside it into the server's folder; return where it is there."""
        home = self.folder / str(next(self._numbers))
        home.mkdir()
        shutil.copy(path, home / path.name)
        if (path.parent / "images").is_dir():
            shutil.copytree(path.parent / "images", home / "images")
        return f"{home.name}/{path.name}"

    @contextmanager
    def opened(self, browser: Browser, path: Path, **context: Any) -> Iterator[Notebook]:
        """Open a copy of a notebook and wait for its kernel; `context` goes to Playwright's `new_context`.

        Without a size, the window is 1100 x 1000.
        """
        where = self.add(path)
        page = browser.new_context(**{"viewport": {"width": 1_100, "height": 1_000}, **context}).new_page()
        try:
            page.set_default_timeout(60_000)
            record = watch(page)
            page.goto(f"{self.url}/doc/tree/{where}")
            page.wait_for_function(f"() => {_SESSION}?.isReady && {_SESSION}.session?.kernel?.status === 'idle'")
            yield Notebook(page, record)
        finally:
            page.context.close()
            self._shut_down_kernels()

    def _shut_down_kernels(self) -> None:
        with urllib.request.urlopen(f"{self.url}/api/sessions", timeout=30) as answer:  # noqa: S310 - our own server
            sessions = json.load(answer)
        for session in sessions:
            address = f"{self.url}/api/sessions/{session['id']}"
            urllib.request.urlopen(urllib.request.Request(address, method="DELETE"), timeout=30).close()  # noqa: S310


@contextmanager
def lab_server(
    arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[Lab]:
    """Start JupyterLab on a free port, for tests only: no token, and the page may steer the application.

    Args:
        arguments: more of its command line, such as "--config=FILE".
        environment: variables for it and for its kernels, over those of this process.
        folder: what it shows and where it starts; left out, an empty one.
    """
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        for plugin, values in SETTINGS.items():
            _write(home / f"settings/@jupyterlab/{plugin}.jupyterlab-settings", json.dumps(values))
        (home / "work").mkdir()
        work = folder or home / "work"
        port = _free_port()
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603 - our own command
                [
                    *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"),
                    *("--ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={work}"),
                    *("--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"),
                    *("--LabApp.expose_app_in_browser=True", *arguments),
                ],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
                    "IPYTHONDIR": offline_kernels(home / "ipython"),
                    "JUPYTER_CONFIG_DIR": str(home / "config"),
                    "JUPYTER_DATA_DIR": str(home / "data"),
                    "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
                    "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
                    "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
                    **(environment or {}),
                },
                cwd=work,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, no locks
            )
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status", server, home / "log")
            yield Lab(f"http://127.0.0.1:{port}", work)
        finally:
            _end(server)


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, even by a signal that runs no `finally`."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server and its group: first asked, so that it takes its kernels along, then killed."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, sign)
            server.wait(10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _is_local(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in LOCAL_SCHEMES or parts.hostname in LOCAL_HOSTS


_SESSION = "window.jupyterapp?.shell?.currentWidget?.sessionContext"
_CELL_ERRORS = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
    const code = [...cells].map(cell => cell.toJSON()).filter(cell => cell.cell_type === "code" && cell.source)
    return code.flatMap(cell => cell.execution_count === null
        ? [`${cell.id}: did not run`]
        : cell.outputs.filter(o => o.output_type === "error").map(o => `${cell.id}: ${o.ename}: ${o.evalue}`))
}"""
_WIDGET_OUTPUTS = """() => [...window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells]
    .flatMap(cell => cell.toJSON().outputs ?? [])
    .filter(output => output.data && "application/vnd.jupyter.widget-view+json" in output.data)"""
_ALL_DRAWN = f"""() => {{
    const views = [...document.querySelectorAll(".jp-OutputArea-output.lm-Panel")]
    return views.length === ({_WIDGET_OUTPUTS})().length
        && views.every(view => view.closest(".marginlib-held") || view.firstElementChild?.clientHeight > 0)
        && !document.querySelector(".marginlib-figure:not([data-ready='true'])")
}}"""
