"""Turn charts into frames, what the browser draws: arrays of numbers and texts, always in the same order.

A figure is packed whole, a frame for every state of its controls, so that it lives without a kernel. Its frames share
most of their arrays and texts: each is stored once, and a frame is a row of references. No arithmetic of margins here.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from itertools import product
from math import inf, nan, prod
from typing import Any, NamedTuple

from marginlib.drawing.chart import Chart, Explorer, Panel
from marginlib.drawing.style import FILLS, SIZES, STROKES, marker_text, tick_texts, ticks
from marginlib.errors import MarginError

STATES = 4_096  # of a figure, at most: more would fill a notebook, and take a minute to compute


class Frame(NamedTuple):
    """What changes from one state of a figure to the next, in the order in which it is read."""

    # For each panel its ranges, the ticks across and up; for each area and each line x and y; for each marker and each
    # note x and y. What is not there is not a number.
    numbers: tuple[tuple[float, ...], ...]
    # For each panel title, names of the axes and the ticks' texts; the areas', the lines' and the markers' labels and
    # the notes; then sentence, alternative text, and the table's columns and rows.
    texts: tuple[str, ...]


CELL, ROW = "\t", "\n"  # between the cells and the rows of a table, and between the texts of ticks


def frame(chart: Chart) -> Frame:
    """Return a chart as a frame.

    Example:
        >>> from marginlib.course import figures
        >>> frame(figures.ISOLATED(leverage=20)).texts[-1].split(ROW)[0].split(CELL)
        ['liquidation price', '57,228.92']
    """
    parts = [_panel(panel) for panel in chart.panels]
    columns, rows = CELL.join(chart.table.columns), ROW.join(CELL.join(row) for row in chart.table.rows)
    texts = (*(each for part in parts for each in part.texts), chart.sentence, chart.alt, columns, rows)
    return Frame(tuple(each for part in parts for each in part.numbers), texts)


def _panel(panel: Panel) -> Frame:
    """Return the part of a frame that one panel has."""
    across, up = (
        tuple(each for each in ticks(axis.span, most=most, log=axis.log) if each >= axis.floor)
        for axis, most in ((panel.x, 6), (panel.y, 7))
    )
    numbers: list[tuple[float, ...]] = [(*panel.x.span, *panel.y.span), across, up]
    texts = [panel.title, panel.x.label, panel.y.label, *(ROW.join(tick_texts(each)) for each in (across, up))]
    for drawn in (*panel.areas, *panel.lines):
        numbers += [drawn.x, drawn.y]
        texts.append(drawn.label)
    for marker in panel.markers:
        numbers.append((nan if marker.x is None else marker.x, marker.y))
        texts.append(marker_text(marker))
    for note in panel.notes:
        numbers.append((note.x, note.y))
        texts.append(note.text)
    return Frame(tuple(numbers), tuple(texts))


def looks(chart: Chart) -> list[dict[str, Any]]:
    """Return how each thing that a chart draws looks, panel by panel: what stays while the controls move.

    Example:
        >>> from marginlib.course import figures
        >>> looks(figures.TASTE())[0]["lines"][0]
        {'look': 'equity', 'dashes': (), 'named': True}
    """
    # What tanks are is said once: not again below their close-up, or below the other account's.
    told = [[], *([each.label for each in (*panel.areas, *panel.lines) if each.label] for panel in chart.panels)]
    fresh = [not panel.near and (panel.x.floor < inf or told[k] != told[k + 1]) for k, panel in enumerate(chart.panels)]
    return [
        {
            "log": panel.x.log,
            "near": panel.near,
            "bare": panel.x.floor == inf,  # no numbers along it
            "share": panel.share,
            "areas": [
                {"look": area.role, "hatch": FILLS[area.role].hatch, "named": bool(area.label) and named}
                for area in panel.areas
            ],
            "lines": [
                {"look": line.role, "dashes": STROKES[line.role].dashes, "named": bool(line.label) and named}
                for line in panel.lines
            ],
            "markers": [
                {
                    "look": marker.role,
                    "dashes": STROKES[marker.role].dashes,
                    "shape": STROKES[marker.role].marker,
                    "size": STROKES[marker.role].size,
                    "filled": STROKES[marker.role].filled,
                    "rule": marker.role != "mark",  # a thin upright line through it
                    "named": named,
                }
                for marker in panel.markers
            ],
            "notes": [note.strong for note in panel.notes],
        }
        for panel, named in zip(chart.panels, fresh, strict=True)
    ]


def pack(explorer: Explorer) -> bytes:
    """Return a figure as bytes, each array and each text stored once: zlib over header, numbers and references.

    The header is JSON, its length before it in four bytes: the figure's form (controls, looks, sizes), how many numbers
    and texts a frame refers to, the lengths of the arrays, the texts. The numbers follow as 32-bit floats, then a row
    of 32-bit references for each frame, the last control moving fastest; everything is little-endian.

    Raises:
        MarginError: the figure has more than `STATES` states, or a frame has another shape than the first.

    Example:
        >>> from marginlib.course import figures
        >>> len(pack(figures.TASTE)) < 5_000
        True
    """
    _refuse_too_many(explorer)
    names = [control.name for control in explorer.controls]
    arrays: dict[tuple[float, ...], int] = {}
    texts: dict[str, int] = {}
    rows, width, first = array("I"), None, None
    for values in product(*(control.values for control in explorer.controls)):
        chart = explorer(**dict(zip(names, values, strict=True)))
        drawn, looked = frame(chart), looks(chart)
        width, first = width or (len(drawn.numbers), len(drawn.texts)), first or looked
        if (len(drawn.numbers), len(drawn.texts)) != width or looked != first:
            raise MarginError(
                f"{explorer.name}: give every state {width[0]} arrays and {width[1]} texts in the same roles, as the "
                f"first has"
            )
        # One nan for all: tuples that hold the same object are equal, for Python compares by identity first.
        same = (tuple(each if each == each else nan for each in numbers) for numbers in drawn.numbers)  # noqa: PLR0124
        rows.extend(arrays.setdefault(numbers, len(arrays)) for numbers in same)
        rows.extend(texts.setdefault(text, len(texts)) for text in drawn.texts)
    lengths = [len(numbers) for numbers in arrays]
    header = {"form": _form(explorer), "width": width, "lengths": lengths, "texts": list(texts)}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 4)  # so that what follows stands on whole words
    floats = array("f", (each for numbers in arrays for each in numbers))
    if struct.pack("=I", 1) != struct.pack("<I", 1):  # pragma: no cover - no machine of ours
        floats.byteswap()
        rows.byteswap()
    return zlib.compress(struct.pack("<I", len(head)) + head + floats.tobytes() + rows.tobytes(), 9)


def _refuse_too_many(explorer: Explorer) -> None:
    """Say how many states there are, how many may be, and what to thin, where a figure has too many."""
    counts = {control.name: len(control.values) for control in explorer.controls}
    if (states := prod(counts.values())) > STATES:
        widest = max(counts, key=lambda name: counts[name])
        raise MarginError(
            f"{explorer.name}: {states:,} states ({' x '.join(map(str, counts.values()))}), at most {STATES:,} are "
            f"drawn: give {widest} fewer than its {counts[widest]} values"
        )


def _form(explorer: Explorer) -> dict[str, Any]:
    """Return what stays while the controls of a figure move."""
    shown = ("name", "label", "texts", "choice", "plays")
    controls = [
        {name: getattr(control, name) for name in shown}
        | {
            "path": list(map(control.values.index, control.path)),
            "handles": [
                {name: getattr(each, name) for name in ("label", "across", "down")}
                | {"to": list(map(control.values.index, each.to))}
                for each in control.handles
            ],
        }
        for control in explorer.controls
    ]
    return {
        "name": explorer.name,
        "title": explorer.title,
        "controls": controls,
        "sizes": {name: getattr(SIZES, name) for name in SIZES.__slots__},
        "panels": looks(explorer()),
    }
