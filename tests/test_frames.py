"""What goes to the browser: packed frames read again by a plain reader in Python, and by the browser's own in node."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import zlib
from itertools import product
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from test_figures import EXPLORERS, settings

from marginlib import MarginError
from marginlib.course import figures
from marginlib.drawing import live as package
from marginlib.drawing.frames import Frame, form, frame, lattice, pack, precomputed
from marginlib.drawing.frames import settings as settings_at

LIVE = Path(package.__file__).with_name("live.js")
WHOLE = [explorer for explorer in EXPLORERS if precomputed(explorer)]
each_explorer = pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda explorer: explorer.name)
each_whole = pytest.mark.parametrize("explorer", WHOLE, ids=lambda explorer: explorer.name)


def in_32_bits(numbers):
    """The numbers of a frame as the browser holds them; what is not a number is None, so that frames compare."""
    return [[None if isnan(x) else float(x) for x in np.array(each, np.float32)] for each in numbers]


def split(lengths, data):
    """Arrays that stand one after another as 32-bit floats."""
    numbers = iter(np.frombuffer(data, "<f4").tolist())
    return in_32_bits([next(numbers) for _ in range(length)] for length in lengths)


def unpack(packed):
    """The frames in what `pack` made, read as its docstring says."""
    data = zlib.decompress(packed)
    (size,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + size])
    rest = 4 + size + 4 * sum(header["lengths"])
    arrays = split(header["lengths"], data[4 + size : rest])
    many, words = header["width"]
    rows = np.frombuffer(data[rest:], "<u4").reshape(-1, many + words)
    return [([arrays[k] for k in row[:many]], [header["texts"][k] for k in row[many:]]) for row in rows]


@each_whole
def test_every_state_comes_out_of_the_pack_as_it_went_in(explorer):
    frames = unpack(lattice(explorer))
    states = list(product(*(range(len(control.values)) for control in explorer.controls)))
    assert len(frames) == len(states)
    for at, (numbers, texts) in zip(states, frames, strict=True):
        expected = frame(explorer(**settings_at(explorer, at)))
        assert texts == list(expected.texts)
        assert numbers == in_32_bits(expected.numbers)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed; the browser's tests run the same code")
@pytest.mark.parametrize("explorer", [figures.SIDE_BY_SIDE, figures.SIZE], ids=lambda explorer: explorer.name)
def test_the_browser_s_reader_reads_the_same(explorer, tmp_path):
    packed = lattice(explorer)
    (tmp_path / "packed").write_bytes(packed)
    (tmp_path / "live.mjs").write_text(LIVE.read_text(encoding="utf-8"), encoding="utf-8")
    count = len(unpack(packed))
    (tmp_path / "read.mjs").write_text(
        "import { readFileSync } from 'node:fs'\n"
        "import { unpack } from './live.mjs'\n"
        "const frames = await unpack(readFileSync('packed'))\n"
        f"const all = Array.from({{ length: {count} }}, (_, state) => frames(state))\n"
        "const plain = all.map(({ numbers, texts }) => [numbers.map(each => Array.from(each)), texts])\n"
        "process.stdout.write(JSON.stringify(plain))\n",
        encoding="utf-8",
    )
    done = subprocess.run(["node", "read.mjs"], cwd=tmp_path, capture_output=True, check=True, timeout=60)  # noqa: S607
    assert [tuple(each) for each in json.loads(done.stdout)] == unpack(packed)


@each_explorer
def test_every_frame_has_the_shape_of_the_first(explorer):
    first = frame(explorer())
    for values in settings(explorer, most=12):
        other = frame(explorer(**values))
        assert (len(other.numbers), len(other.texts)) == (len(first.numbers), len(first.texts))
        panels = form(explorer)["panels"]
        drawn = [len(panel["areas"]) * 3 + len(panel["lines"]) * 2 + len(panel["markers"]) + 3 for panel in panels]
        assert len(other.numbers) == sum(drawn)
        for (low, high, bottom, top), across, up in zip(*_axes(other, drawn), strict=True):
            assert low <= min(across) < max(across) <= high
            assert bottom <= min(up) < max(up) <= top


def _axes(of, drawn):
    """The ranges and ticks of each panel of a frame."""
    starts = [sum(drawn[:k]) for k in range(len(drawn))]
    return [[of.numbers[start + k] for start in starts] for k in range(3)]


@each_explorer
def test_no_text_holds_what_parts_texts(explorer):
    for values in settings(explorer, most=12):
        chart = explorer(**values)
        cells = [*chart.table.columns, *(cell for row in chart.table.rows for cell in row)]
        assert not any("\t" in cell or "\n" in cell for cell in cells)
        *_, columns, rows = frame(chart).texts
        assert tuple(columns.split("\t")) == chart.table.columns
        assert tuple(tuple(row.split("\t")) for row in rows.split("\n")) == chart.table.rows


def test_what_repeats_is_stored_once():
    one = Frame(((1.0, float("nan")),), ("a",))
    many = [one, Frame(((1.0, float("nan")),), ("a",))] * 500
    assert len(zlib.decompress(pack(many))) - len(zlib.decompress(pack([one]))) == 999 * 2 * 4
    assert unpack(pack(many)) == [([[1.0, None]], ["a"])] * 1_000


def test_frames_of_another_shape_are_refused():
    with pytest.raises(MarginError, match="give every frame 1 arrays and 1 texts"):
        pack([Frame(((1.0,),), ("a",)), Frame((), ("a",))])


@each_whole
def test_data_stays_in_its_budget(explorer):
    assert len(lattice(explorer)) * 4 / 3 <= 400_000
