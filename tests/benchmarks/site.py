"""How fast book and site are: `python tools/build_site.py && python tests/benchmarks/site.py [FOLDER] [REPEATS]`.

In one run and one Chromium, in turns, each with an empty cache: the book's first live figure; the site's kernel and its
first cell; the same site with stock settings, which are archives as they come and a kernel that installs its own parts
one after the other; and the second visit of each. The least of the repeats counts.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("long", "browser", ".")] + [str(ROOT)]

from lab import chromium  # noqa: E402
from static_site import ALONE, opened, served  # noqa: E402

RAW = ROOT / ".site-cache" / "raw"  # what the build compiled
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
PAGE = "02_isolated_margin"
FIGURE = "section.marginlib-figure:not(.marginlib-form *)[data-ready='true']"


def stock(built: Path, target: Path) -> None:
    """Copy the site with archives as they come, and with the kernel's own way to install its parts."""
    shutil.copytree(built / "run", target / "run")
    pyodide, settings = target / "run" / "static" / "pyodide", target / "run" / "jupyter-lite.json"
    for path in RAW.iterdir():
        shutil.copy(path, pyodide)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    for each in lock["packages"].values():
        each["sha256"] = sha256((pyodide / each["file_name"]).read_bytes()).hexdigest()
    (pyodide / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    config = json.loads(settings.read_text(encoding="utf-8"))
    config["jupyter-config-data"]["litePluginSettings"][KERNEL]["loadPyodideOptions"]["packages"] = ["marginlib"]
    settings.write_text(json.dumps(config), encoding="utf-8")


def figure(browser, address: str) -> float:
    """Return the seconds until a page of the book has its first live figure, with an empty cache."""
    context = browser.new_context()
    page, start = context.new_page(), time.perf_counter()
    page.goto(f"{address}/notebooks/{PAGE}.html", wait_until="commit")
    page.wait_for_selector(FIGURE, state="attached")
    seconds = time.perf_counter() - start
    context.close()
    return seconds


def visits(browser, address: str) -> Iterator[tuple[str, float]]:
    """Yield the seconds until the kernel is ready, and until the first cell has run, of a first visit and a second."""
    context = browser.new_context()
    for visit in ("cold", "second visit"):
        notebook, seconds = opened(context, address, f"notebooks/{PAGE}.ipynb", 300)
        yield f"kernel ready, {visit}", seconds
        start = time.perf_counter()
        notebook.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".requestExecute({code: 'from marginlib.course.notebook import *'}).done.then(() => null)"
        )
        yield f"its first cell, {visit}", time.perf_counter() - start
        notebook.page.close()
    context.close()


if __name__ == "__main__":
    built = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "site"
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, chromium([ALONE]) as browser:
        stock(built, Path(folder))
        with served(built) as ours, served(Path(folder)) as others:
            for _ in range(repeats):
                found["book: first live figure, cold", "site"].append(figure(browser, ours))
                for name, address in (("site", ours), ("stock settings", others)):
                    for what, seconds in visits(browser, address):
                        found[what, name].append(seconds)
    for (what, name), seconds in sorted(found.items()):
        print(f"{what:32} {name:16} {min(seconds):6.2f} s   ({', '.join(f'{each:.1f}' for each in seconds)})")
    for name, inside in (("all", built), ("site", built / "run")):
        print(f"size, {name}: {sum(each.stat().st_size for each in inside.rglob('*') if each.is_file()) / 1e6:.1f} MB")
