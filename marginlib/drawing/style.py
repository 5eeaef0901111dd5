"""How every figure looks, as data: a colour, a dash pattern, a marker or a hatching for each idea.

Both drawings read it, `still` (matplotlib) and `live` (the browser). Colour is never the only carrier. The light
palette is Okabe and Ito's, darkened until thin lines and small words keep their contrast on white.

Source: M. Okabe, K. Ito, Color Universal Design, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor, log10
from types import MappingProxyType

from marginlib.drawing.chart import Marker


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one idea is drawn as a line and as a marker."""

    light: str  # its colour on a light page
    dark: str  # its colour on a dark page
    dashes: tuple[float, ...]  # lengths of dash, gap, dash, gap ... in line widths; none for a solid line.
    marker: str  # "circle", "triangle", "wedge" (a triangle on its tip), "cross", "square" or "diamond"
    size: float = 10.0  # of the marker [px]
    filled: bool = True  # False for a marker that is an outline: another often stands inside it


@dataclass(frozen=True, slots=True)
class Fill:
    """How one idea is drawn as an area."""

    light: tuple[str, str]  # its face and its hatching on a light page
    dark: tuple[str, str]  # and on a dark one
    hatch: str  # "dots", "rising", "falling", "waves" or "" for none


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of what belongs to no idea."""

    text: str  # words
    muted: str  # units and numbers on the axes
    page: str  # the ground
    grid: str  # the lines behind
    axis: str  # the axes, and the line at 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of lines and heights of type [px]."""

    line: float = 2.4  # of a line that is read
    rule: float = 1.3  # of the thin upright line through a marker
    grid: float = 1.0  # of the lines behind, and of the axes
    title: float = 13.5  # above a panel
    label: float = 12.0  # units and legend
    tick: float = 11.5  # numbers on the axes


SIZES = Sizes()

STROKES: Mapping[str, Stroke] = MappingProxyType(
    {
        "equity": Stroke("#0072B2", "#56B4E9", (), "circle"),
        "maintenance": Stroke("#B84A00", "#FF8F50", (6, 2), "triangle"),
        "initial": Stroke("#007A5A", "#2CC796", (7, 2, 1.5, 2), "wedge"),
        "liquidation": Stroke("#A0317A", "#EE8FC8", (3, 1.5), "cross", 11.0),
        "bankruptcy": Stroke("#222222", "#F0F0F0", (1, 1.5), "square", 15.0, filled=False),
        "isolated": Stroke("#8A6500", "#E8C547", (4, 1, 1, 1, 1, 1), "diamond"),
        "mark": Stroke("#555555", "#B4B4B4", (1, 2), "circle"),
        "after": Stroke("#5F6F7A", "#93A6B3", (1.5, 2.5), "circle"),
        "position": Stroke("#5B4A9E", "#B5A8F5", (), "circle"),
        "pool": Stroke("#3A4652", "#C9D3DC", (), "square"),
    }
)

FILLS: Mapping[str, Fill] = MappingProxyType(
    {
        "neither": Fill(("#F1F1F1", "#B5B5B5"), ("#2B2B2B", "#6A6A6A"), "dots"),
        "cross": Fill(("#DCEBF7", "#0072B2"), ("#12324A", "#56B4E9"), "rising"),
        "isolated": Fill(("#F4E6C3", "#8A6500"), ("#41350F", "#E8C547"), "falling"),
        "both": Fill(("#D3EEE4", "#D3EEE4"), ("#123D30", "#123D30"), ""),
        "tank": Fill(("#F5F7F9", "#F5F7F9"), ("#1A1F24", "#1A1F24"), ""),
        "equity": Fill(("#B5D9F2", "#3F8FC9"), ("#103B5B", "#4A97CE"), "waves"),
        "pipe": Fill(("#E1E7ED", "#6C7F90"), ("#25313C", "#8FA3B5"), "rising"),
    }
)

THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        "light": Theme(text="#262626", muted="#595959", page="#FFFFFF", grid="#EBEBEB", axis="#8C8C8C"),
        "dark": Theme(text="#EAEAEA", muted="#B8B8B8", page="#111111", grid="#2E2E2E", axis="#808080"),
    }
)


_SLACK = 1e-9  # of a step: what rounding may leave of a number that is on the border


def css(theme: str) -> str:
    """Return the colours of a theme, "light" or "dark", as CSS custom properties, `--lm-...`.

    Example:
        >>> css("dark").split(";")[0]
        '--lm-text:#EAEAEA'
    """
    page = THEMES[theme]
    named = {name: getattr(page, name) for name in ("text", "muted", "page", "grid", "axis")}
    named |= {role: getattr(stroke, theme) for role, stroke in STROKES.items()}
    for role, fill in FILLS.items():
        named[f"{role}-face"], named[f"{role}-hatch"] = getattr(fill, theme)
    return ";".join(f"--lm-{name}:{colour}" for name, colour in named.items())


def marker_text(marker: Marker) -> str:
    """Return how a marker reads in a legend: its label, and where it stands.

    Example:
        >>> marker_text(Marker(label="liquidation price", role="liquidation", x=54_216.87, y=0))
        'liquidation price 54,217'
        >>> marker_text(Marker(label="liquidation price", role="liquidation", x=None, y=0))
        'liquidation price none'
        >>> marker_text(Marker(label="liquidated after {} h", role="liquidation", x=35.5, y=0, absent="alive"))
        'liquidated after 35.5 h'
    """
    if marker.x is None:
        return marker.absent or f"{marker.label} none"
    at = number_text(marker.x)
    return marker.label.format(at) if "{}" in marker.label else f"{marker.label} {at}"


def number_text(value: float) -> str:
    """Return a number short enough for a legend.

    Example:
        >>> number_text(54_216.87), number_text(2.5), number_text(1_500_000)
        ('54,217', '2.5', '1.5M')
    """
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:g}"  # noqa: PLR2004


def tick_texts(values: Iterable[float]) -> list[str]:
    """Return the numbers along an axis, each with its part of a whole where it has one, all in one unit.

    Example:
        >>> tick_texts([1_497.5, 1_500]), tick_texts([0, 800_000, 1_600_000])
        (['1,497.5', '1,500'], ['0', '0.8M', '1.6M'])
    """
    sizes = [abs(value) for value in values if value]
    if sizes and min(sizes) >= 1e5 and 1e6 <= max(sizes) < 1e8:  # noqa: PLR2004 - else a number of many digits
        return [f"{value / 1e6:g}M" if value else "0" for value in values]
    return [f"{value:,g}" if value % 1 else number_text(value) for value in values]


def ticks(span: tuple[float, float], *, most: int = 7, log: bool = False) -> tuple[float, ...]:
    """Return round numbers within a range, for the axis of a panel.

    Args:
        span: lowest and highest value.
        most: how many there are at most, at least three; an axis in powers of ten has one a power.
        log: True for an axis in powers of ten.

    Example:
        >>> ticks((30_000, 70_000))
        (30000, 40000, 50000, 60000, 70000)
        >>> ticks((10_000, 5_000_000), log=True)
        (10000, 100000, 1000000)
    """
    low, high = span
    if log:
        return tuple(10**k for k in range(-12, 16) if low <= 10**k * (1 + _SLACK) and 10**k <= high * (1 + _SLACK))
    power = floor(log10((high - low) / most))
    for step in (each * 10.0**k for k in (power, power + 1) for each in (1, 2, 2.5, 5)):
        # Whole multiples, so that the numbers are round and not sums of roundings.
        first, last = -floor(-low / step + _SLACK), floor(high / step + _SLACK)
        if last - first + 1 <= most:
            numbers = (round(k * step, 12) for k in range(first, last + 1))  # without the tail that floats leave
            return tuple(int(each) if each == int(each) else each for each in numbers)
    return (low, high)  # pragma: no cover - ten times the smallest step always fits
