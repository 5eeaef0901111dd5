"""The built site and its book, served from this machine alone, for tests and benchmarks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from lab import _SESSION, Notebook, watch

ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no other machine has an address


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_words):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as any static server does, and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def opened(context, address: str, name: str, seconds: float = 120) -> tuple[Notebook, float]:
    """Open a notebook of the site and return it, with the seconds until its kernel was ready."""
    page = context.new_page()
    page.set_default_timeout(1_000 * seconds)
    record = watch(page)
    start = time.monotonic()
    page.goto(f"{address}/run/lab/index.html?path={name}")
    ready = f"() => {_SESSION}?.isReady && {_SESSION}.session?.kernel?.status === 'idle'"
    page.wait_for_function(ready, polling=100)  # asked before every picture, it would have the page draw all the time
    return Notebook(page, record), time.monotonic() - start
