"""Turn charts into frames, what the browser draws: arrays of numbers and texts, always in the same order.

A figure of few states is packed whole. Its frames share most of their arrays and texts, so each is stored once and
a frame is a row of references to them. No arithmetic of margins here.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import nan
from typing import Any, NamedTuple

from marginlib.drawing.chart import Chart, Explorer, Panel
from marginlib.drawing.style import FILLS, SIZES, STROKES, marker_text, number_text, ticks
from marginlib.errors import MarginError

__all__ = [
    "Frame",
    "every_frame",
    "form",
    "frame",
    "lattice",
    "neighbours",
    "pack",
    "position",
    "precomputed",
    "settings",
]


class Frame(NamedTuple):
    """What changes from one state of a figure to the next, in the order in which the browser reads it.

    Args:
        numbers: for each panel its ranges, the ticks across and up; for each area x, y and the place of its word; for
            each line x and y; for each marker x and y. What is not there is not a number.
        texts: for each panel title, names of the axes and the ticks' texts; the areas' labels and words, the lines' and
            the markers' labels; then sentence, alternative text, and the table's columns and rows.

    Example:
        >>> from marginlib.course import figures
        >>> frame(figures.ISOLATED()).numbers[0]
        (40000, 80000, -1000, 3000)
    """

    numbers: tuple[tuple[float, ...], ...]
    texts: tuple[str, ...]


CELL, ROW = "\t", "\n"  # between the cells and the rows of a table, and between the texts of ticks


def frame(chart: Chart) -> Frame:
    """Return a chart as a frame.

    Args:
        chart: the chart.

    Example:
        >>> from marginlib.course import figures
        >>> frame(figures.ISOLATED(leverage=20)).texts[-1].split(ROW)[0].split(CELL)
        ['liquidation price', '57,228.92']
    """
    parts = [_panel(panel) for panel in chart.panels]
    rows = ROW.join(CELL.join(row) for row in chart.table.rows)
    return Frame(
        tuple(each for numbers, _ in parts for each in numbers),
        (
            *(each for _, texts in parts for each in texts),
            chart.sentence,
            chart.alt,
            CELL.join(chart.table.columns),
            rows,
        ),
    )


def _panel(panel: Panel) -> Frame:
    """Return the part of a frame that one panel has."""
    across, up = ticks(panel.x_range, most=6, log=panel.log_x), ticks(panel.y_range)
    numbers: list[tuple[float, ...]] = [(*panel.x_range, *panel.y_range), across, up]
    texts = [panel.title, panel.x_label, panel.y_label, *(ROW.join(map(number_text, each)) for each in (across, up))]
    for area in panel.areas:
        numbers += [area.x, area.y, area.word_at or (nan, nan)]
        texts += [area.label, area.word]
    for line in panel.lines:
        numbers += [line.x, line.y]
        texts.append(line.label)
    for marker in panel.markers:
        numbers.append((nan if marker.x is None else marker.x, marker.y))
        texts.append(marker_text(marker))
    return Frame(tuple(numbers), tuple(texts))


def form(explorer: Explorer) -> dict[str, Any]:
    """Return what stays while the controls of a figure move: its controls, and the look of each thing drawn.

    Args:
        explorer: the figure.

    Example:
        >>> from marginlib.course import figures
        >>> form(figures.TASTE)["panels"][1]["lines"][0]["look"]
        'equity'
    """
    return {
        "name": explorer.name,
        "title": explorer.title,
        "live": precomputed(explorer),
        "controls": [
            {
                "name": control.name,
                "label": control.label,
                "texts": control.texts,
                "choice": control.choice,
                "plays": control.plays,
            }
            for control in explorer.controls
        ],
        "sizes": {name: getattr(SIZES, name) for name in SIZES.__slots__},
        "panels": [
            {
                "log": panel.log_x,
                "areas": [{"look": area.role, "hatch": FILLS[area.role].hatch} for area in panel.areas],
                "lines": [{"look": line.role, "dashes": STROKES[line.role].dashes} for line in panel.lines],
                "markers": [
                    {
                        "look": marker.role,
                        "dashes": STROKES[marker.role].dashes,
                        "shape": STROKES[marker.role].marker,
                        "size": STROKES[marker.role].size,
                        "filled": STROKES[marker.role].filled,
                        "rule": marker.role != "mark",
                    }
                    for marker in panel.markers
                ],
            }
            for panel in explorer().panels
        ],
    }


def precomputed(explorer: Explorer) -> bool:
    """Return whether every state of a figure is computed beforehand, so that it needs no kernel.

    Args:
        explorer: the figure.

    Example:
        >>> from marginlib.course import figures
        >>> precomputed(figures.TASTE), precomputed(figures.SURVIVAL_MAP)
        (True, False)
    """
    return explorer.precomputed or len(explorer.controls) <= 2  # noqa: PLR2004 - three controls have too many states


def position(explorer: Explorer, values: dict[str, Any]) -> list[int]:
    """Return where the controls stand: the place of each one's value among its values.

    Args:
        explorer: the figure.
        values: a value for each control.

    Example:
        >>> from marginlib.course import figures
        >>> position(figures.TASTE, {"leverage": 5})
        [2]
    """
    return [control.values.index(values[control.name]) for control in explorer.controls]


def settings(explorer: Explorer, at: Sequence[int]) -> dict[str, Any]:
    """Return the values of the controls that stand at these places.

    Args:
        explorer: the figure.
        at: the place of each control's value among its values.

    Raises:
        MarginError: there are more or fewer places than controls, or one is outside.

    Example:
        >>> from marginlib.course import figures
        >>> settings(figures.TASTE, [2])
        {'leverage': 5}
    """
    counts = [len(control.values) for control in explorer.controls]
    if len(at) != len(counts) or not all(0 <= k < count for k, count in zip(at, counts, strict=False)):
        raise MarginError(
            f"at = {list(at)}: give one place for each control, from 0 and below {', '.join(map(str, counts))}"
        )
    return {control.name: control.values[k] for control, k in zip(explorer.controls, at, strict=True)}


def neighbours(explorer: Explorer, at: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the states that moving one control alone can reach, the nearest first.

    Args:
        explorer: the figure.
        at: the place of each control's value among its values.

    Example:
        >>> from marginlib.course import figures
        >>> list(neighbours(figures.TIERS, [0, 0]))[:3]
        [(1, 0), (0, 1), (2, 0)]
    """
    reached = [
        (abs(to - at[k]), k, (*at[:k], to, *at[k + 1 :]))
        for k, control in enumerate(explorer.controls)
        for to in range(len(control.values))
        if to != at[k]
    ]
    return (state for _, _, state in sorted(reached))


def every_frame(explorer: Explorer) -> Iterator[Frame]:
    """Yield the frame of every state of a figure, the last control moving fastest.

    Args:
        explorer: the figure.

    Example:
        >>> from marginlib.course import figures
        >>> len(list(every_frame(figures.TASTE)))
        14
    """
    names = [control.name for control in explorer.controls]
    for values in product(*(control.values for control in explorer.controls)):
        yield frame(explorer(**dict(zip(names, values, strict=True))))


def lattice(explorer: Explorer) -> bytes:
    """Return every frame of a figure, packed.

    Args:
        explorer: the figure.

    Example:
        >>> from marginlib.course import figures
        >>> len(lattice(figures.TASTE)) < 5_000
        True
    """
    return pack(every_frame(explorer))


def pack(frames: Iterable[Frame]) -> bytes:
    """Return frames as bytes, each array and each text stored once: zlib over header, numbers and references.

    The header is JSON, its length before it in four bytes: the lengths of the arrays, the texts, and how many numbers
    and texts a frame refers to. The numbers follow as 32-bit floats, then a row of 32-bit references for each frame;
    everything is little-endian.

    Args:
        frames: frames of one figure, with as many arrays and texts each.

    Raises:
        MarginError: a frame has another shape than the first.

    Example:
        >>> one = Frame(((1.0, 2.0),), ("a", "a"))
        >>> len(zlib.decompress(pack([one, one]))) % 4
        0
    """
    arrays: dict[tuple[float, ...], int] = {}
    texts: dict[str, int] = {}
    rows, width = array("I"), None
    for each in frames:
        width = width or (len(each.numbers), len(each.texts))
        if (len(each.numbers), len(each.texts)) != width:
            raise MarginError(f"frame: give every frame {width[0]} arrays and {width[1]} texts, as the first has")
        rows.extend(arrays.setdefault(numbers, len(arrays)) for numbers in map(_keyed, each.numbers))
        rows.extend(texts.setdefault(text, len(texts)) for text in each.texts)
    header = json.dumps({"width": width, "lengths": [len(numbers) for numbers in arrays], "texts": list(texts)})
    head = header.encode()
    head += b" " * (-len(head) % 4)  # so that what follows stands on whole words
    floats = (each for numbers in arrays for each in numbers)
    return zlib.compress(struct.pack("<I", len(head)) + head + _little(array("f", floats)) + _little(rows), 9)


_NAN = nan  # one object: tuples that hold it are equal, for Python compares by identity first


def _keyed(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Return numbers as they are looked up: what is not a number is the same everywhere."""
    return tuple(_NAN if each != each else each for each in numbers)  # noqa: PLR0124 - only nan differs from itself


def _little(values: array[Any]) -> bytes:
    """Return the bytes of an array, the lowest first on every machine."""
    if struct.pack("=I", 1) != struct.pack("<I", 1):  # pragma: no cover - no machine of ours
        values.byteswap()
    return values.tobytes()
