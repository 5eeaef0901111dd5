"""How fast book and site are: `python tools/build_site.py && python tests/benchmarks/site.py [FOLDER] [REPEATS]`.

In one run and one Chromium, in turns, each with an empty cache: the book's first live figure; the site's kernel and
its first cell; the same page with stock settings, which are Pyodide's wheels as they come and a kernel that installs
its own parts one after the other; a plain JupyterLite whose first cell imports numpy; and the second visit of each.
The least of the repeats counts. Seconds are those of the clock, and of the processors in all that belongs to the
browser: the second number says more on a machine with other work.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("long", "browser", ".")] + [str(ROOT), str(ROOT / "tools")]

import site_lite  # noqa: E402
from lab import chromium  # noqa: E402
from static_site import ALONE, opened, served  # noqa: E402

KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
PAGE = "02_isolated_margin"
CELL = "from marginlib.course.notebook import *"
RUN = """code => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({ code }).done.then(() => null)"""
FIGURE = "section.marginlib-figure:not(.marginlib-form *)[data-ready='true']"


VARIANTS = {  # what the lock has besides the kernel, what the kernel loads at once, and the first cell
    "site": ((), None, CELL),
    "stock settings": (("numpy", "pandas", "matplotlib"), ["marginlib"], CELL),
    "plain, with numpy": (("numpy",), None, "import numpy"),
}
NOWHERE = ("ssl", "jedi", "fonttools")  # no source but the release archive has them; an empty archive loads faster


def unlike(built: Path, target: Path, packages: tuple[str, ...], at_once: list[str] | None) -> None:
    """Copy the site with Pyodide and its wheels as they come, and with the kernel's own way to install its parts."""
    shutil.copytree(built / "run", target / "run")
    pyodide, settings = target / "run" / "static" / "pyodide", target / "run" / "jupyter-lite.json"
    shutil.rmtree(pyodide)
    pyodide.mkdir()
    programs = site_lite.environment("site")
    core = site_lite.core(programs)
    for name in site_lite.CORE:
        shutil.copy(core / name, pyodide)
    lock = json.loads((core / "pyodide-lock.json").read_text(encoding="utf-8"))
    locked = site_lite.closure(
        lock["packages"] | {name: {"depends": []} for name in NOWHERE}, ("micropip", "ipython", "sqlite3", *packages)
    )
    wheels = {name: each for name, each in locked.items() if name not in NOWHERE}
    place = site_lite.wheels(wheels.values(), None, programs)
    for each in wheels.values():
        shutil.copy(place / each["file_name"], pyodide)
    wheels |= {name: site_lite.archive(pyodide, name) for name in NOWHERE}
    wheels["comm"] = site_lite.archive(pyodide, "comm", site_lite.plain(programs, ("comm",)))
    if at_once:
        shutil.copy(site_lite.CACHE / "raw" / "marginlib.zip", pyodide)
        own = json.loads((built / "run/static/pyodide/pyodide-lock.json").read_text(encoding="utf-8"))["packages"][
            "marginlib"
        ]
        digest = sha256((pyodide / "marginlib.zip").read_bytes()).hexdigest()
        wheels["marginlib"] = own | {
            "file_name": "marginlib.zip",
            "sha256": digest,
            "depends": ["comm", "ipython", *packages],
        }
    (pyodide / "pyodide-lock.json").write_text(json.dumps(lock | {"packages": wheels}), encoding="utf-8")
    config = json.loads(settings.read_text(encoding="utf-8"))
    kernel = config["jupyter-config-data"]["litePluginSettings"][KERNEL]
    kernel["loadPyodideOptions"] = {"packages": at_once} if at_once else {}
    del config["jupyter-config-data"]["disabledExtensions"]
    extension = (
        "@jupyterlite/pyodide-kernel-extension/static"  # its worker, and the page, before Python started with them
    )
    shutil.copytree(
        programs.parent / "share/jupyter/labextensions" / extension,
        target / "run" / "extensions" / extension,
        dirs_exist_ok=True,
    )
    page = target / "run" / "lab" / "index.html"
    text = page.read_text(encoding="utf-8")
    start = text.index(site_lite.STILL_STYLE)
    page.write_text(text[:start] + text[text.index("</script>", start) + len("</script>") :], encoding="utf-8")
    settings.write_text(json.dumps(config), encoding="utf-8")


def processors() -> dict[tuple[int, str], float]:
    """Return the seconds that each thread of this process and of its children has had of a processor."""
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children[int(path.read_text().rpartition(")")[2].split()[1])].append(int(path.parent.name))
    found, waiting = {}, [os.getpid()]
    while waiting:
        process = waiting.pop()
        waiting += children[process]
        for path in Path(f"/proc/{process}/task").glob("*/stat"):
            with suppress(OSError):
                used = path.read_text().rpartition(")")[2].split()[11:13]
                found[process, path.parent.name] = sum(map(int, used)) / os.sysconf("SC_CLK_TCK")
    return found


@contextmanager
def measured(found: list[tuple[float, float]]) -> Iterator[None]:
    """Add the seconds that something takes: of the clock, and of the processors."""
    before, start = processors(), time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    found.append((seconds, sum(used - before.get(thread, 0) for thread, used in processors().items())))


def figure(browser, address: str, found: list[tuple[float, float]]) -> None:
    """Open a page of the book until it has its first live figure, with an empty cache."""
    context = browser.new_context()
    page = context.new_page()
    with measured(found):
        page.goto(f"{address}/notebooks/{PAGE}.html", wait_until="commit")
        page.wait_for_selector(FIGURE, state="attached")
    context.close()


def visits(browser, address: str, name: str, found: dict[tuple[str, str], list[tuple[float, float]]]) -> None:
    """Visit a site twice: until the kernel answers, and until the first cell has run."""
    context = browser.new_context()
    for visit in ("cold", "second visit"):
        with measured(found[f"kernel ready, {visit}", name]):
            notebook, _ = opened(context, address, f"notebooks/{PAGE}.ipynb", 300)
            notebook.page.evaluate(RUN, "1")
        with measured(found[f"its first cell, {visit}", name]):
            notebook.page.evaluate(RUN, VARIANTS[name][2])
        notebook.page.close()
    context.close()


if __name__ == "__main__":
    built = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "site"
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, chromium([ALONE]) as browser, ExitStack() as servers:
        addresses = {"site": servers.enter_context(served(built))}
        for name, (packages, at_once, _) in list(VARIANTS.items())[1:]:
            unlike(built, Path(folder) / name, packages, at_once)
            addresses[name] = servers.enter_context(served(Path(folder) / name))
        for _ in range(repeats):
            figure(browser, addresses["site"], found["book: first live figure, cold", "site"])
            for name, address in addresses.items():
                visits(browser, address, name, found)
    for (what, name), seconds in sorted(found.items()):
        clock, used = (min(each) for each in zip(*seconds, strict=True))
        each = ", ".join(f"{second:.1f}" for second, _ in seconds)
        print(f"{what:30} {name:18} {clock:6.2f} s, of processors {used:6.2f} s   ({each})")
    for name, inside in (("all", built), ("site", built / "run")):
        print(f"size, {name}: {sum(each.stat().st_size for each in inside.rglob('*') if each.is_file()) / 1e6:.1f} MB")
