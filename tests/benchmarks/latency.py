"""How fast the live figures are, in a real JupyterLab and a real Chromium: one table, all of it from one run.

    python tests/benchmarks/latency.py [FIGURE ... | first]

A move is a press of an arrow key; its latency ends with the first paint after the last change of the figure. A drag is
three seconds of a mouse that reports its place 125 times a second and crosses ninety positions a second, so that every
frame has a new one to show: at sixty, some frames would meet the same position twice. The floor is measured beside the
figures: a bare label moved by the same keys and the same mouse. `interact` redraws the same figure with matplotlib, the
usual way.

A first picture is what "Run all" brings onto the page first, in each notebook of a fresh folder of the course, in turns
with a notebook of one cell, `interact` with matplotlib, and with one of a bare label. What a notebook takes beyond the
label is its own share, the cells before the picture included. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import nbformat
from playwright.sync_api import ElementHandle, Page

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests")]

from lab import Lab, Notebook, chromium, lab_server  # noqa: E402

from marginlib.course import figures  # noqa: E402
from marginlib.jupyter.folder import KERNEL_START, write_course  # noqa: E402

FRAME, GOLDEN = 1_000 / 60, 0.618  # ms; its multiples fall evenly between whole numbers
MOVES, OLD_MOVES, DRAG_SECONDS, SPEED, REPORTS = 60, 20, 3.0, 90, 125
OLD = ["SIDE_BY_SIDE", "SURVIVAL_MAP", "ODDS"]  # drawn by `interact` as well
FIRSTS = 3  # repeats of which the shortest counts

SETUP = """
import anywidget, ipywidgets
from IPython.display import display
from marginlib.course import figures
from marginlib.drawing import explore, static
"""
FLOOR = '''
class Floor(anywidget.AnyWidget):
    """A slider and a label that says where it stands."""
    _esm = """
    export default { render({ el }) {
      el.innerHTML = '<section class="floor"><input type="range" min="0" max="60" value="30" data-control="floor"'
        + ' data-lm-suppress-shortcuts="true"><div class="drawn">30</div></section>'
      const [input, drawn] = [el.querySelector("input"), el.querySelector(".drawn")]
      let due
      const draw = () => { due = undefined; drawn.textContent = input.value }
      input.addEventListener("input", () => { due ??= requestAnimationFrame(draw) })
    } }
    """
Floor()
'''
BARE = """
import matplotlib.pyplot as plt
from ipywidgets import interact

@interact(x=(0, 10))
def draw(x=5):
    plt.plot([0, 10], [x, 2 * x])
    plt.show()
"""
INTERACT = """
each = figures.{name}
sliders = dict()
for control in each.controls:
    options = list(zip(control.texts, control.values))
    sliders[control.name] = ipywidgets.SelectionSlider(options=options, value=control.start, description=control.name)
ipywidgets.interact(lambda **values: display(static(each(**values))), **sliders);
"""

# Stamps every paint of a watched element; an animation frame's own changes are painted in that frame.
PROBE = """
(() => {
  let inFrame = false
  const after = new MessageChannel()
  const waiting = []
  after.port1.onmessage = () => { inFrame = false; for (const stamp of waiting.splice(0)) stamp(performance.now()) }
  const painted = (stamp) => { waiting.push(stamp); after.port2.postMessage(0) }
  const frame = window.requestAnimationFrame.bind(window)
  window.requestAnimationFrame = (draw) => frame((now) => {
    if (!inFrame) { inFrame = true; painted(() => {}) }
    draw(now)
  })
  window.probe = {
    paints: [], keys: [], moved: 0, changed: 0,
    watch(root, parts) {
      this.stop?.()
      Object.assign(this, { paints: [], keys: [], moved: 0, changed: 0 })
      const stamp = () => {
        this.changed = performance.now()
        const note = (time) => {
          const svg = root.querySelector("svg[role=img]")  // a field in which a path is drawn has one too
          // Words that an earlier state had and this one has not are empty, and what keeps a number whole is no word.
          const same = (text) =>
            text?.replace(/<text[^>]*><\\/text>/g, "").replace(/\\u00a0/g, " ").replace(/\\u2060/g, "")
          const sentence = same(root.querySelector(".marginlib-sentence")?.textContent)
          const picture = root.querySelector(".marginlib-chart, .drawn, .jp-OutputArea, img")
          this.paints.push({ time, state: root.dataset.state ?? null, height: picture?.getBoundingClientRect().height,
            picture: same(svg?.innerHTML) ?? null, sentence,
            blank: svg ? !svg.querySelector("path.line[d^=M]") : false })
        }
        inFrame ? painted(note) : frame(() => painted(note))
      }
      const seen = new MutationObserver((changes) => {
        for (const change of changes) for (const node of change.addedNodes)
          for (const img of node.querySelectorAll?.("img") ?? []) if (!img.complete) img.addEventListener("load", stamp)
        stamp()
      })
      const everything = { subtree: true, childList: true, attributes: true, characterData: true }
      for (const part of parts) seen.observe(part, everything)
      const key = (event) => this.keys.push(event.timeStamp)
      const mouse = (event) => { this.moved = event.timeStamp }
      document.addEventListener("keydown", key, true)
      document.addEventListener("mousemove", mouse, true)
      this.stop = () => {
        seen.disconnect()
        document.removeEventListener("keydown", key, true)
        document.removeEventListener("mousemove", mouse, true)
      }
    },
    frames: () => new Promise((done) => {
      const times = []
      const tick = (now) => { times.push(now); times.length < 121 ? frame(tick) : done(times) }
      frame(tick)
    }),
  }
})()
"""

FIRST = """() => {
  window.began = performance.now()
  const seen = () => document.querySelector(".marginlib-figure[data-ready='true'], .floor")
    ?? [...document.querySelectorAll(".jp-OutputArea-output img")].find((img) => img.complete && img.naturalWidth)
  window.ready = new Promise((done) => {
    const look = () => seen() ? done(performance.now()) : requestAnimationFrame(look)
    look()
  })
}"""


@dataclass
class Row:
    """What was measured of one figure, in milliseconds and per second."""

    kind: str
    name: str
    latencies: list[float]
    rate: float = 0.0
    lag: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p95(self) -> float:
        return sorted(self.latencies)[int(0.95 * (len(self.latencies) - 1) + 0.5)]


@dataclass
class Figure:
    """A figure on the page: what is watched, and the slider that is moved."""

    root: ElementHandle
    parts: list[ElementHandle]
    handle: ElementHandle
    count: int
    value: Callable[[], int]


def live(page: Page, name: str, control: str) -> Figure:
    root = page.query_selector(f".marginlib-figure[data-figure={name}]")
    parts = root.query_selector_all(".marginlib-chart, .marginlib-sentence, .marginlib-table")
    handle = root.query_selector(f"[data-control={control}]")
    return Figure(root, parts, handle, int(handle.get_attribute("max")) + 1, lambda: int(handle.input_value()))


def floor(page: Page) -> Figure:
    root = page.query_selector(".floor")
    handle = root.query_selector("input")
    return Figure(root, [root.query_selector(".drawn")], handle, 61, lambda: int(handle.input_value()))


def old(page: Page, number: int, control: str, count: int) -> Figure:
    root = page.query_selector_all(".widget-interact")[number]
    names = [each.inner_text() for each in root.query_selector_all(".widget-label")]
    handle = root.query_selector_all(".noUi-handle")[names.index(control)]
    value = lambda: int(float(handle.get_attribute("aria-valuenow")))  # noqa: E731
    return Figure(root, [root.query_selector(".jp-OutputArea")], handle, count, value)


def press(page: Page, figure: Figure, moves: int, quiet: float) -> list[float]:
    """Return the latency of each of many presses of an arrow key [ms]."""
    page.evaluate("([root, ...parts]) => probe.watch(root, parts)", [figure.root, *figure.parts])
    figure.handle.scroll_into_view_if_needed()
    figure.handle.focus()
    latencies, way = [], "ArrowRight"
    for k in range(moves):
        if figure.value() in {0, figure.count - 1}:
            way = "ArrowLeft" if figure.value() else "ArrowRight"
        page.wait_for_timeout(20 + 2 * FRAME * (k * GOLDEN % 1))  # so that presses fall evenly over a frame
        before = page.evaluate("() => probe.paints.length")
        page.keyboard.press(way)
        page.wait_for_function(
            "([n, quiet]) => probe.paints.length > n && performance.now() - probe.changed > quiet", arg=[before, quiet]
        )
        latencies.append(page.evaluate("() => probe.paints.at(-1).time - probe.keys.at(-1)"))
    return latencies


def drag(page: Page, figure: Figure) -> tuple[float, float, list[dict]]:
    """Return pictures a second and the lag after the last move [ms] of a drag, and every paint."""
    figure.handle.scroll_into_view_if_needed()
    box = figure.handle.bounding_box()
    track = figure.handle.evaluate_handle("each => each.closest('.noUi-target') ?? each").as_element().bounding_box()
    here = figure.value() / (figure.count - 1)
    thumb = 16 if box["width"] > 40 else 0
    left, width, y = track["x"] + thumb / 2, track["width"] - thumb, track["y"] + track["height"] / 2
    page.mouse.move(left + here * width, y)
    page.mouse.down()
    page.evaluate("([root, ...parts]) => probe.watch(root, parts)", [figure.root, *figure.parts])
    start = time.perf_counter()
    while (now := time.perf_counter() - start) < DRAG_SECONDS:
        along = (here + now * SPEED / (figure.count - 1)) % 2
        page.mouse.move(left + width * min(along, 2 - along), y)
        time.sleep(max(0.0, 1 / REPORTS - (time.perf_counter() - start - now)))
    page.wait_for_timeout(1_200)
    page.mouse.up()
    paints, moved = page.evaluate("() => [probe.paints, probe.moved]")
    shown = [paint for k, paint in enumerate(paints) if not k or paint["time"] > paints[k - 1]["time"] + 1]
    return len(shown) / DRAG_SECONDS, paints[-1]["time"] - moved if paints else 9_999.0, paints


def faults(name: str, figure: Figure, paints: list[dict]) -> list[str]:
    """Return what a drag must never show: a blank, a mixture of two states, a jump, an old state at the end."""
    explorer, control = getattr(figures, name), figure.handle.get_attribute("data-control")
    names = [each.name for each in explorer.controls]
    pictures: dict[str, set[str]] = {}
    for paint in paints:
        pictures.setdefault(paint["state"], set()).add(paint["picture"])
    told = {paint["state"]: paint["sentence"] for paint in paints}
    places = {each: zip(explorer.controls, map(int, each.split(",")), strict=True) for each in told}
    right = {each: explorer(**{c.name: c.values[k] for c, k in at}).sentence for each, at in places.items()}
    found = {
        "blank": any(paint["blank"] for paint in paints),
        "torn": any(len(each) > 1 for each in pictures.values()) or told != right,
        "resized": len({round(paint["height"], 1) for paint in paints}) > 1,
        "late": str(figure.value()) != paints[-1]["state"].split(",")[names.index(control)],
    }
    return [fault for fault, there in found.items() if there]


def measured(page: Page, kind: str, name: str, figure: Figure) -> Row:
    moves, quiet = (OLD_MOVES, 400) if kind == "interact" else (MOVES, 120)
    row = Row(kind, name, press(page, figure, moves, quiet))
    row.rate, row.lag, paints = drag(page, figure)
    if kind == "figure":
        row.faults = faults(name, figure, paints)
    print(f"  {row.kind} {row.name}: {row.median:.1f} ms", flush=True)
    return row


@contextmanager
def opened(lab: Lab, browser: object, cells: list[str], folder: Path) -> Iterator[Notebook]:
    """Open a notebook of these cells, with the probe in its page."""
    with lab.opened(browser, write(cells, folder / "bench.ipynb")) as page:
        page.page.evaluate(PROBE)
        page.run_all()
        if errors := page.cell_errors():
            raise SystemExit("\n".join(errors))
        page.page.wait_for_timeout(2_000)  # a page at rest
        yield page


def write(cells: list[str], path: Path) -> Path:
    """Write a notebook of these cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(each) for each in cells])
    nbformat.write(notebook, path)
    return path


def first_pictures(browser: object, folder: Path) -> dict[str, float]:
    """Return the time from "run all" on a started kernel, and a page at rest, to the first picture on the page [ms].

    Each in a page and a kernel of its own, all in turns; the shortest of some counts. The course's kernels start as
    `marginlib course` starts them, the bare notebooks' as JupyterLab alone does.
    """
    write_course(folder / "course")
    bare = {"interact": [BARE], "label": ["import anywidget", FLOOR]}
    times: dict[str, list[float]] = {}
    with lab_server() as plain, lab_server(environment={"PYTHONSTARTUP": str(KERNEL_START)}) as course:
        turns = [(plain, write(cells, folder / f"{name}.ipynb")) for name, cells in bare.items()]
        turns += [(course, path) for path in sorted((folder / "course" / "notebooks").glob("[0-9]*.ipynb"))]
        for lab, path in turns * FIRSTS:
            times.setdefault(path.stem, []).append(first_picture(lab, browser, path))
    return {name: min(each) for name, each in times.items()}


def first_picture(lab: Lab, browser: object, path: Path) -> float:
    """Return the time from "run all" to the first picture of one notebook [ms]."""
    with lab.opened(browser, path) as notebook:
        notebook.page.wait_for_timeout(2_000)
        notebook.page.evaluate(FIRST)
        notebook.command("notebook:run-all-cells")
        found = float(notebook.page.evaluate("() => window.ready.then((at) => at - began)"))
    print(f"  {path.stem}: first picture after {found:.0f} ms", flush=True)
    return found


def widest(name: str) -> str:
    """Return the slider of a figure with the most positions."""
    sliders = [each for each in getattr(figures, name).controls if not each.choice]
    return max(sliders, key=lambda each: len(each.values)).name


def main(names: list[str]) -> int:
    """Measure all, or these figures alone, without first pictures; `first` measures nothing but those."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each kernel compiles the library anew, and no peer's
    if names == ["first"]:
        with tempfile.TemporaryDirectory() as name, chromium() as browser:
            return judge(soon(first_pictures(browser, Path(name))))
    chosen = [(each, widest(each)) for each in names or figures.NAMES]
    old_ones = [(each, control) for each, control in chosen if each in OLD]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lab_server([]) as lab, chromium() as browser:
            with opened(
                lab, browser, [SETUP, FLOOR, *(f"explore(figures.{each})" for each, _ in chosen)], folder
            ) as notebook:
                page = notebook.page
                times = page.evaluate("() => probe.frames()")
                rows.append(Row("floor", "one frame", [b - a for a, b in pairwise(times)]))
                rows.append(measured(page, "floor", "a bare label", floor(page)))
                rows += [measured(page, "figure", each, live(page, each, control)) for each, control in chosen]
            cells = [SETUP, *(INTERACT.format(name=each) for each, _ in old_ones)]
            with opened(lab, browser, cells, folder) as notebook:
                page = notebook.page
                for k, (each, control) in enumerate(old_ones):
                    count = next(len(c.values) for c in getattr(figures, each).controls if c.name == control)
                    rows.append(measured(page, "interact", each, old(page, k, control, count)))
            firsts = {} if names else first_pictures(browser, folder)
    return report(rows, firsts)


def soon(firsts: dict[str, float]) -> list[tuple[str, float, str, float]]:
    """Return what each notebook's first picture comes to."""
    checks: list[tuple[str, float, str, float]] = []
    for name in sorted(firsts.keys() - {"interact", "label"}):
        checks.append((f"{name}: first picture, times interact's", firsts[name] / firsts["interact"], "<=", 0.7))
        checks.append((f"{name}: its own share [ms]", firsts[name] - firsts["label"], "<=", 250))
    return checks


def judge(checks: list[tuple[str, float, str, float]]) -> int:
    """Print what each target comes to; return 1 where one is missed."""
    held = [value <= bound if way == "<=" else value >= bound for _, value, way, bound in checks]
    for good, (text, value, way, bound) in zip(held, checks, strict=True):
        print(f"{'PASS' if good else 'FAIL'}  {text} {way} {bound:g}: {value:.2f}")
    return 0 if all(held) else 1


def report(rows: list[Row], firsts: dict[str, float]) -> int:
    """Print the table and what each target comes to; return 1 where one is missed."""
    print("\n| kind | figure | median ms | p95 ms | pictures/s | lag ms | faults |\n|---|---|---|---|---|---|---|")
    for row in rows:
        dragged = f"{row.rate:.0f} | {row.lag:.0f}" if row.rate else " | "
        print(f"| {row.kind} | {row.name} | {row.median:.1f} | {row.p95:.1f} | {dragged} | {', '.join(row.faults)} |")
    label = rows[1]
    usual = {row.name: row.median for row in rows if row.kind == "interact"}
    checks: list[tuple[str, float, str, float]] = []
    for row in rows:
        if row.kind == "figure":
            checks += [
                (f"{row.name}: median, times the label's", row.median / label.median, "<=", 1.1),
                (f"{row.name}: p95, times the label's", row.p95 / label.p95, "<=", 1.3),
                (f"{row.name}: pictures a second, times the label's", row.rate / label.rate, ">=", 0.9),
                (f"{row.name}: lag [ms]", row.lag, "<=", 100),
                (f"{row.name}: faults", len(row.faults), "<=", 0),
            ]
            if row.name in usual:
                checks.append((f"{row.name}: times faster than interact", usual[row.name] / row.median, ">=", 4))
    print()
    return judge(checks + (soon(firsts) if firsts else []))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
