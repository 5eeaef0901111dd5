"""The states of every figure, computed once for all tests of this file: shape, frame, what is stored of it.

Of a figure with many states every so many-th is looked at; `--hypothesis-profile=search` looks at all of them.
Packed frames are read again by a plain reader in Python, and by the browser's own in node.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from itertools import product
from math import gcd, inf, isnan, prod
from pathlib import Path

import grimp
import numpy as np
import pytest
from build_frames import build
from hypothesis import settings

from marginlib import MarginError
from marginlib.course import figures
from marginlib.drawing import live
from marginlib.drawing.chart import Axis, Chart, Explorer, Line, Marker, Panel, Table, slider
from marginlib.drawing.frames import STATES, frame, looks, pack
from marginlib.drawing.style import marker_text

LIVE = Path(live.__file__).with_name("live.js")
EXPLORERS = [getattr(figures, name) for name in figures.NAMES]
each_figure = pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda explorer: explorer.name)


def count(explorer):
    return prod(len(control.values) for control in explorer.controls)


def looked_at(explorer):
    """The places of the states that are looked at: in steps that meet each value of the control that moves fastest."""
    least = 1 if settings.get_current_profile_name() == "search" else -(-count(explorer) // 400)
    step = next(step for step in range(least, least + 100) if gcd(step, count(explorer)) == 1)
    return range(0, count(explorer), step)


@cache
def whole(explorer):
    """The chart and the frame of each state that is looked at, the last control moving fastest."""
    names = [control.name for control in explorer.controls]
    states = list(product(*(control.values for control in explorer.controls)))
    charts = [explorer(**dict(zip(names, states[place], strict=True))) for place in looked_at(explorer)]
    return [(chart, frame(chart)) for chart in charts]


def unpack(packed):
    """The header, and the frames as (arrays of 32-bit floats, texts), read as the docstring of `pack` says."""
    data = zlib.decompress(packed)
    (size,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + size])
    rest = 4 + size + 4 * sum(header["lengths"])
    numbers = np.frombuffer(data[4 + size : rest], "<f4")
    arrays = np.split(numbers, np.cumsum(header["lengths"])[:-1])
    many, words = header["width"]
    rows = np.frombuffer(data[rest:], "<u4").reshape(-1, many + words)
    return header, [([arrays[k] for k in row[:many]], [header["texts"][k] for k in row[many:]]) for row in rows]


def differences(explorer, packed):
    """The states in which what is packed is not what the library computes."""
    _, frames = unpack(packed)
    assert len(frames) == count(explorer)
    found = []
    for state, (_, today) in zip(looked_at(explorer), whole(explorer), strict=True):
        numbers, texts = frames[state]
        if texts != list(today.texts) or not all(alike(*pair) for pair in zip(numbers, today.numbers, strict=True)):
            found.append(state)
    return found


def alike(stored, today):
    """Whether numbers are the same but for what 32 bits round, as a share of the largest of them."""
    wanted = np.array(today)
    room = 2**-23 * np.max(np.abs(wanted), initial=0.0, where=~np.isnan(wanted))
    return stored.shape == wanted.shape and np.allclose(stored, wanted, rtol=0, atol=room, equal_nan=True)


# --- what is stored -------------------------------------------------------------------------------------------------


@each_figure
def test_the_stored_frames_are_todays(explorer):
    stored = (figures.FRAMES / f"{explorer.name}.frames").read_bytes()
    assert differences(explorer, stored) == [], "run python tools/build_frames.py"
    assert unpack(stored)[0]["form"] == unpack(pack_of_one_state(explorer))[0]["form"]


def pack_of_one_state(explorer):
    """A pack with the form of the whole figure and a frame of one state: quick, for what stays in every state."""
    first = explorer()
    return pack(replace(explorer, build=lambda **_: first, packed=b""))


def test_the_key_of_the_stored_frames_is_todays():
    key = (figures.FRAMES / "sources.sha256").read_text(encoding="utf-8").strip()
    assert key == figures.sources(), "run python tools/build_frames.py"
    assert all(explorer.packed for explorer in EXPLORERS)
    assert {path.stem for path in figures.FRAMES.glob("*.frames")} == set(figures.NAMES)


def test_a_changed_source_leaves_the_stored_frames_alone(monkeypatch):
    monkeypatch.setattr(figures, "sources", lambda: "of another day")
    assert figures.__getattr__.__wrapped__("TASTE").packed == b""
    assert live.explore(figures.__getattr__.__wrapped__("TASTE")).packed == pack(figures.TASTE)


@pytest.mark.parametrize(
    "name",
    [
        "model.py",
        "data/venues/binance_usdm.json",
        "data/crash_key_figures.csv",
        "market/replay.py",
        "course/figures/taste.py",
    ],
)
def test_every_source_moves_the_key(monkeypatch, tmp_path, name):
    shutil.copytree(figures.LIBRARY, tmp_path / "marginlib", ignore=shutil.ignore_patterns("__pycache__", "frames"))
    monkeypatch.setattr(figures, "LIBRARY", tmp_path / "marginlib")
    assert figures.sources.__wrapped__() == figures.sources()
    with (tmp_path / "marginlib" / name).open("a", encoding="utf-8") as file:
        file.write(" ")
    assert figures.sources.__wrapped__() != figures.sources()


def test_all_that_figures_import_is_in_the_key():
    graph = grimp.build_graph("marginlib", cache_dir=None)
    modules = {f"marginlib.course.figures.{name.lower()}" for name in figures.NAMES}
    used = modules.union(*map(graph.find_upstream_modules, modules))
    known = {path.resolve() for each in figures.SOURCES for path in figures.LIBRARY.glob(each)}
    assert len(used) > 30
    assert {name for name in used if Path(find_spec(name).origin).resolve() not in known} == set()


def test_the_tool_writes_only_what_has_changed(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "NAMES", ["TASTE", "CONTAGION"])
    monkeypatch.setattr(figures, "FRAMES", tmp_path / "frames")
    assert build() == ["TASTE", "CONTAGION"]
    (tmp_path / "frames" / "GONE.frames").write_bytes(b"of a figure that there was")
    (tmp_path / "frames" / "TASTE.frames").write_bytes(b"old")
    assert build() == ["TASTE"]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        "CONTAGION.frames",
        "TASTE.frames",
        "sources.sha256",
    ]


# --- every state ----------------------------------------------------------------------------------------------------


@each_figure
def test_a_figure_keeps_its_shape_and_its_looks_in_every_state(explorer):
    first, drawn = whole(explorer)[0]
    for chart, same in whole(explorer):
        assert (len(same.numbers), len(same.texts)) == (len(drawn.numbers), len(drawn.texts))
        assert looks(chart) == looks(first)
        for panel in chart.panels:
            assert panel.x.span[0] < panel.x.span[1]
            assert panel.y.span[0] < panel.y.span[1]
            assert all(len(each.x) == len(each.y) for each in (*panel.areas, *panel.lines))
        assert chart.sentence in chart.alt
        assert chart.sentence.endswith((".", "already."))
        assert all(len(row) == len(chart.table.columns) for row in chart.table.rows)


@each_figure
def test_every_axis_has_numbers_inside_it_in_every_state(explorer):
    for chart, drawn in whole(explorer):
        numbers, texts = iter(drawn.numbers), iter(drawn.texts)
        for panel in chart.panels:
            left, right, low, high = next(numbers)
            across, up = next(numbers), next(numbers)
            _, _, _, x_texts, y_texts = (next(texts).split("\n") for _ in range(5))
            axes = ((panel.x, (left, right), across, x_texts), (panel.y, (low, high), up, y_texts))
            for axis, (start, end), at, words in axes:
                if axis.floor == inf:
                    assert (at, words) == ((), [""])
                    continue
                assert max(start, axis.floor) <= min(at) < max(at) <= end
                assert len(words) == len(set(words)) == len(at)
                if not (panel.x.log and at is across):  # equal steps, from one end to the other
                    steps = np.diff(at)
                    assert steps == pytest.approx([steps[0]] * len(steps))
                    assert min(at) - steps[0] < max(start, axis.floor)
                    assert max(at) + steps[0] > end
            if panel.x.log:  # one number a power of ten, none left out
                powers = np.log10(across)
                assert powers.tolist() == list(range(round(powers[0]), round(powers[-1]) + 1))
                assert powers[0] - 1 < np.log10(left)
                assert powers[-1] + 1 > np.log10(right)
            many = 2 * len(panel.areas) + 2 * len(panel.lines) + len(panel.markers) + len(panel.notes)
            words = len(panel.areas) + len(panel.lines) + len(panel.markers) + len(panel.notes)
            assert len([next(numbers) for _ in range(many)]) == many
            assert len([next(texts) for _ in range(words)]) == words
        assert next(numbers, None) is None


@each_figure
def test_a_close_up_shows_liquidation_and_bankruptcy_apart_and_the_maintenance_above_zero(explorer):
    seen = 0
    for chart, _ in whole(explorer):
        for panel in (each for each in chart.panels if each.near):
            ends = {marker.role: marker for marker in panel.markers}
            if ends["liquidation"].x is not None:
                seen += 1
                (left, right), (low, high) = panel.x.span, panel.y.span
                prices = ends["liquidation"].x, ends["bankruptcy"].x or 0.0  # at no positive price: at zero
                assert left <= min(prices) < max(prices) < right
                assert abs(prices[0] - prices[1]) > (right - left) / 5
                assert ends["liquidation"].y > (high - low) / 5
    assert bool(seen) == any(panel.near for panel in explorer().panels)


@each_figure
def test_no_line_of_a_pool_owes_what_nobody_owes(explorer):
    for chart, _ in whole(explorer):
        for panel in chart.panels:
            if "after" in {line.role for line in panel.lines}:
                assert min((y for line in panel.lines for y in line.y), default=0) > -1e-6


ODD = re.compile(r"[+-]0(\.0+)? %|\d%|- \d|\$-|-\$0(\.0+)?\b|\$\d{4}|\bat none\b|\bnever\b|\bnan\b|\binf\b")


@each_figure
def test_numbers_are_written_in_one_way_and_names_fit_the_legend(explorer):
    controls = [text for control in explorer.controls for text in control.texts]
    for chart, drawn in whole(explorer):
        cells = [*chart.table.columns, *(cell for row in chart.table.rows for cell in row)]
        names = [drawn for panel in chart.panels for drawn in (*panel.areas, *panel.lines)]
        labels = [
            *(each.label for each in names),
            *(marker_text(each) for panel in chart.panels for each in panel.markers),
        ]
        odd = [text for text in (*controls, chart.sentence, *cells, *labels) if ODD.search(text)]
        assert odd == []
        beside = sum(not panel.near for panel in chart.panels) > 1  # a legend of half the width
        assert max(map(len, labels)) <= (31 if beside else 33)
        assert all(label in drawn.texts for label in labels)


@each_figure
def test_no_text_holds_what_parts_texts(explorer):
    for chart, drawn in whole(explorer):
        cells = [*chart.table.columns, *(cell for row in chart.table.rows for cell in row)]
        assert not any("\t" in cell or "\n" in cell for cell in cells)
        *_, columns, rows = drawn.texts
        assert tuple(columns.split("\t")) == chart.table.columns
        assert tuple(tuple(row.split("\t")) for row in rows.split("\n")) == chart.table.rows


@each_figure
def test_data_stays_in_its_budget(explorer):
    assert count(explorer) <= STATES
    assert (figures.FRAMES / f"{explorer.name}.frames").stat().st_size * 4 / 3 <= 400_000


# --- packing --------------------------------------------------------------------------------------------------------


def explorer(build, *counts):
    """A figure of small numbers, and as many controls as counts."""
    controls = tuple(slider(f"c{k}", f"c{k}", tuple(range(count)), 0, "{}") for k, count in enumerate(counts))
    return Explorer(name="E", title="t", controls=controls, build=build)


def chart(*lines, x=0.0, sentence="s"):
    """A chart of these lines and a marker."""
    panel = Panel("", Axis("", (0, 1)), Axis("", (0, 1)), lines, (Marker("m", "mark", x, 0),))
    return Chart("a chart", (panel,), sentence, Table(("a",), ()))


LINE = Line("l", "equity", (0, 1), (0, 1))


def test_the_last_control_moves_fastest():
    packed = pack(explorer(lambda c0, c1: chart(LINE, sentence=f"{c0} {c1}"), 2, 3))
    assert [texts[-4] for _, texts in unpack(packed)[1]] == ["0 0", "0 1", "0 2", "1 0", "1 1", "1 2"]


def test_what_repeats_is_stored_once():
    one, many = (zlib.decompress(pack(explorer(lambda **_: chart(LINE, x=None), 10, n))) for n in (1, 100))
    (header, frames), references = unpack(zlib.compress(one)), 6 + 11
    assert header["width"] == [6, 11]
    assert isnan(frames[0][0][-1][0])  # a marker that stands nowhere
    # A control of a hundred values has more texts of its own; the frames add their references only.
    form = len(json.dumps(unpack(zlib.compress(many))[0]["form"])) - len(json.dumps(header["form"]))
    assert abs(len(many) - len(one) - form - 990 * 4 * references) < 4


def test_a_state_of_another_shape_is_refused():
    with pytest.raises(MarginError, match="E: give every state 6 arrays and 11 texts in the same roles"):
        pack(explorer(lambda c0: chart(*[LINE] * (c0 + 1)), 2))


def test_a_figure_of_too_many_states_says_how_many_and_what_to_thin():
    with pytest.raises(MarginError, match=r"E: 6,000 states \(30 x 200\), at most 4,096 are drawn: give c1 fewer than"):
        pack(explorer(lambda **_: chart(LINE), 30, 200))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed; the browser's tests run the same code")
@pytest.mark.parametrize("explorer", [figures.SIDE_BY_SIDE, figures.SIZE, figures.ISOLATED], ids=lambda each: each.name)
def test_the_browsers_reader_reads_the_same(explorer, tmp_path):
    packed = pack(explorer)
    (tmp_path / "packed").write_bytes(packed)
    (tmp_path / "live.mjs").write_text(LIVE.read_text(encoding="utf-8"), encoding="utf-8")
    places = list(product(*(range(len(control.values)) for control in explorer.controls)))
    (tmp_path / "read.mjs").write_text(
        "import { readFileSync } from 'node:fs'\n"
        "globalThis.matchMedia = () => ({})\n"  # of a browser, asked for as the script is loaded
        "const { unpack } = await import('./live.mjs')\n"
        "const { form, frame } = await unpack(readFileSync('packed'))\n"
        f"const all = {json.dumps(places)}.map(frame)\n"
        "const plain = all.map(({ numbers, texts }) => [numbers.map(each => Array.from(each, x => x ?? NaN)), texts])\n"
        "process.stdout.write(JSON.stringify([form, plain]))\n",
        encoding="utf-8",
    )
    done = subprocess.run(["node", "read.mjs"], cwd=tmp_path, capture_output=True, check=True, timeout=60)  # noqa: S607
    form, read = json.loads(done.stdout)
    header, frames = unpack(packed)
    assert form == header["form"]
    for (numbers, texts), (wanted, words) in zip(read, frames, strict=True):
        assert texts == words
        assert [[x for x in each if x is not None] for each in numbers] == [
            each[~np.isnan(each)].tolist() for each in wanted
        ]
