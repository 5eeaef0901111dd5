"""A live figure in a page, and what the library says that it must show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log10
from typing import Any

from access import check
from playwright.sync_api import Locator, Page

from marginlib.course import figures
from marginlib.drawing.chart import Axis, Chart, Control, Explorer, Marker, Panel

# A card draws one of its own, and the desk that is played another; both have tests of their own.
ROOTS = "section.marginlib-figure:not(.marginlib-form *):not([data-figure='DESK_GAME'])"


@dataclass(frozen=True)
class Figure:
    """A live figure in a page.

    Args:
        root: its outermost element.
        explorer: the same figure in the library.
    """

    root: Locator
    explorer: Explorer

    @property
    def page(self) -> Page:
        return self.root.page

    def seen(self) -> dict[str, Any]:
        """Return what the page shows: state, positions of the controls, sentence, table, alternative text, focus."""
        return check(self.root, "figure")

    def input(self, control: Control) -> Locator:
        """Return the input of a control; of a choice, the one that is chosen."""
        which = ":checked" if control.choice else ""
        return self.root.locator(f"input[data-control='{control.name}']{which}")

    def state(self) -> list[int]:
        """Return the positions for which the chart is drawn."""
        return [int(index) for index in self.seen()["state"].split(",")]

    def wait_for(self, state: list[int], seconds: float = 60) -> None:
        """Wait until the chart is drawn for these positions of the controls."""
        self.page.wait_for_function(
            "([root, state]) => root.dataset.state === state",
            arg=[self.root.element_handle(), ",".join(map(str, state))],
            timeout=1_000 * seconds,
        )

    def expected(self, state: list[int]) -> Chart:
        """Return what the library computes for these positions of the controls."""
        pairs = zip(self.explorer.controls, state, strict=True)
        return self.explorer(**{control.name: control.values[index] for control, index in pairs})

    def differences(self, state: list[int], seen: dict[str, Any] | None = None) -> dict[str, tuple[Any, Any]]:
        """Return where the page does not show what the library computes: (page, library) by part."""
        seen, chart = seen or self.seen(), self.expected(state)
        library = {
            "state": ",".join(map(str, state)),
            "controls": dict(zip((control.name for control in self.explorer.controls), state, strict=True)),
            "sentence": chart.sentence,
            "alt": chart.alt,
            "table": [list(chart.table.columns), *map(list, chart.table.rows)],
        }
        return {part: (seen[part], wanted) for part, wanted in library.items() if seen[part] != wanted}

    def misplaced(self, state: list[int]) -> list[str]:
        """Return what does not stand where the numbers along the axes say, within a pixel, and axes with gaps.

        Far outside, where a close-up's lines go on unseen, two numbers of an axis tell a thousandth of the way.
        Two numbers of an axis, read from the picture, give its scale; what must stand there comes from the library.
        """
        found = []
        for panel, drawn in zip(self.expected(state).panels, check(self.root, "drawn"), strict=True):
            axes = ((drawn["across"], panel.x), (drawn["up"], panel.y))
            found += [f"{panel.title}: numbers along an axis, {axis[0]}" for axis in axes if not _numbered(*axis)]
            up = _scale(drawn["up"])
            if panel.x.floor < inf:
                across = _scale(drawn["across"], log=panel.x.log)
            else:  # no numbers along it: its ends are those of the panel
                across = _scale([(str(value), place) for value, place in zip(panel.x.span, drawn["ends"], strict=True)])
            for note, (text, x, y) in zip(panel.notes, drawn["notes"], strict=True):
                if note.text != text or abs(across(note.x) - x) > 1 or abs(up(note.y) - y) > 1:
                    found.append(f"{panel.title}: {note.text}")
            library = {
                "areas": [(each.label, list(zip(each.x, each.y, strict=True))) for each in panel.areas],
                "lines": [(each.label, list(zip(each.x, each.y, strict=True))) for each in panel.lines],
                "markers": [(each.label, _inside(panel, each)) for each in panel.markers],
            }
            for kind, wanted in library.items():
                for (label, values), points in zip(wanted, drawn[kind], strict=True):
                    places = [(across(x), up(y)) for x, y in values]
                    if len(points) != len(places) or any(
                        abs(x - a) > max(1, abs(a) / 1_000) or abs(y - b) > max(1, abs(b) / 1_000)
                        for (x, y), (a, b) in zip(points, places, strict=True)
                    ):
                        found.append(f"{panel.title}: {label}")
        return found


def _inside(panel: Panel, marker: Marker) -> list[tuple[float, float]]:
    """Return where a marker stands; nothing where there is none, or where it stands outside the panel."""
    (left, right), (low, high) = panel.x.span, panel.y.span
    seen = marker.x is not None and left <= marker.x <= right and low <= marker.y <= high
    return [(marker.x, marker.y)] if seen else []


def _numbered(texts: list[tuple[str, float]], axis: Axis) -> bool:
    """Return whether an axis has its numbers, every power of ten or equal steps, from its floor to its end."""
    if axis.floor == inf:
        return not texts
    values = [log10(_number(text)) if axis.log else _number(text) for text, _ in texts]
    low, high = map(log10, axis.span) if axis.log else (max(axis.span[0], axis.floor), axis.span[1])
    steps = [b - a for a, b in pairwise(values)]
    step = 1.0 if axis.log else steps[0]
    even = all(abs(each - step) <= 1e-9 * (high - low) for each in steps)
    return len(values) > 1 and even and 0 <= values[0] - low < step and 0 <= high - values[-1] < step


def _scale(texts: list[tuple[str, float]], *, log: bool = False) -> Callable[[float], float]:
    """Return the function from a value to its place, from the numbers along an axis and their places."""
    values = [(_number(text), place) for text, place in texts]
    (low, start), (high, end) = values[0], values[-1]
    read = log10 if log else float
    return lambda value: start + (end - start) * (read(value) - read(low)) / (read(high) - read(low))


def _number(text: str) -> float:
    """Return the number that stands on an axis."""
    sizes = {"M": 1e6, "B": 1e9}
    return float(text.rstrip("MB").replace(",", "")) * sizes.get(text[-1], 1)


def live_figures(page: Page) -> list[Figure]:
    """Return the live figures of a page."""
    roots = page.locator(ROOTS)
    found = [roots.nth(index) for index in range(roots.count())]
    return [Figure(root, getattr(figures, root.get_attribute("data-figure") or "")) for root in found]
