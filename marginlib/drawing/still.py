"""Draw a `Chart` with matplotlib: pictures for the page, for print and for those who cannot run a kernel.

It reads the same frame as the browser, and the same looks, so both show the same lines, ticks and words. It is no SVG:
GitHub strips SVG from notebooks, and a PDF made through LaTeX needs a program of its own for it; a PNG is shown
everywhere. matplotlib is imported when the first picture is drawn, not before; where it is missing, the sentence and
the table stand alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from io import BytesIO
from math import ceil
from typing import Any

from marginlib.drawing.chart import Chart, Explorer, Table
from marginlib.drawing.frames import ROW, frame, looks
from marginlib.drawing.style import FILLS, SIZES, STROKES, THEMES
from marginlib.words import text_html

Look = dict[str, Any]
Numbers = tuple[float, ...]

_WIDTH, _SLIM, _DPI = 7.6, 4.2, 100  # inches, of four tanks or fewer alone, and points in each
_TALL, _NEAR, _ROW = 1.95, 0.95, 0.19  # inches: a panel, a close-up below it, a row of the legend
_PAGE = THEMES["light"]
_MARKERS = {"circle": "o", "triangle": "^", "wedge": "v", "cross": "X", "square": "s", "diamond": "D"}
_HATCHES = {"dots": "..", "rising": "///", "falling": "\\\\\\", "waves": "--", "": ""}
# On a dark page the white picture is turned round, and keeps its hues.
_TURNED = ".marginlib-still img{filter:invert(.93) hue-rotate(180deg)}"
_DARK = (
    f'<style>@media screen{{[data-jp-theme-light="false"] {_TURNED}}}'
    f"@media screen and (prefers-color-scheme:dark){{body:not([data-jp-theme-light]) {_TURNED}}}</style>"
)
_NO_PICTURE = "The picture is left out: it needs matplotlib, which is not installed here. The words say the same."


def png(chart: Chart) -> bytes:
    """Return a chart as a picture, as bytes of a PNG.

    Example:
        >>> from marginlib.course import figures
        >>> png(figures.ISOLATED())[1:4]
        b'PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - it takes most of a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    forms, drawn = looks(chart), frame(chart)
    below = len(forms) > 2  # noqa: PLR2004 - close-ups have no room beside the others
    bare = all(form["bare"] for form in forms)
    slim = bare and sum(panel.x.span[1] - panel.x.span[0] for panel in chart.panels) <= 4  # noqa: PLR2004 - places of tanks
    wide = _SLIM if slim else _WIDTH
    many = sum(not form["near"] for form in forms) if below else len(forms)
    named = [sum(look["named"] for kind in ("areas", "lines", "markers") for look in form[kind]) for form in forms]
    columns = 1 if below or slim or (many > 1 and named[1]) else many + 1  # of the legend
    most = max(named)
    main = _TALL + bare * 0.6
    height = 0.55 + main + (0.1 if bare else 0.5) + _ROW * ceil(most / columns) + below * (0.3 + _NEAR + 0.3)
    numbers, texts = iter(drawn.numbers), iter(drawn.texts)
    figure = Figure(figsize=(wide, height), dpi=_DPI, facecolor=_PAGE.page)
    FigureCanvasAgg(figure)
    shares = sum(form["share"] for form in forms if not (below and form["near"]))
    right = column = 0.0
    for form in forms:
        under = below and form["near"]
        if not under:  # else it stands below the panel before
            column, right = right, right + (wide - 0.2) * form["share"] / shares
        low, tall = (0.3, _NEAR) if under else (height - 0.55 - main, main)
        box = (0.6 + column) / wide, low / height, (right - column - 0.65) / wide, tall / height
        _panel(figure.add_axes(box), form, numbers, texts, columns)
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _panel(ax: Any, form: Look, numbers: Iterator[Numbers], texts: Iterator[str], columns: int) -> None:  # noqa: ANN401
    """Draw one panel into its axes: the next numbers and texts of a frame, in the looks of its form."""
    left, right, low, high = next(numbers)
    across, up = next(numbers), next(numbers)
    title, x_label, y_label, x_texts, y_texts = (next(texts) for _ in range(5))
    if form["log"]:
        ax.set_xscale("log")
        ax.minorticks_off()
    ax.set_xticks(across, x_texts.split(ROW) if across else [])
    ax.set_yticks(up, y_texts.split(ROW))
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    ax.grid(color=_PAGE.grid, linewidth=_points(SIZES.grid))
    ax.set_axisbelow(True)
    ax.axhline(0, color=_PAGE.axis, linewidth=_points(SIZES.grid), zorder=1)
    ax.tick_params(labelsize=_points(SIZES.tick), colors=_PAGE.muted, length=0, pad=5)
    for side in ax.spines.values():
        side.set_visible(False)
    plain = {"parse_math": False}  # dollars are money
    small = plain | {"fontsize": _points(SIZES.label), "color": _PAGE.muted}
    under = ax.get_position().height * ax.figure.get_figheight() < _TALL - 0.1  # its panel above names the axes
    ax.set_title(
        title, loc="left", x=0, pad=6 if under else 20, fontsize=_points(SIZES.title), color=_PAGE.text, **plain
    )
    if not under:
        ax.set_xlabel(x_label, **small)
        ax.text(0, 1.03, y_label, transform=ax.transAxes, **small)
    drawn = [_area(ax, look, next(numbers), next(numbers)) for look in form["areas"]]
    hidden = []
    for look in form["lines"]:
        drawn += ax.plot(next(numbers), next(numbers), zorder=2, **_stroke(look["look"], SIZES.line))
    for look in form["markers"]:
        x, y = next(numbers)
        seen = left <= x <= right and low <= y <= high
        drawn.append(_marker(ax, look, x if seen else left, y if seen else low))
        if not seen:
            hidden.append(drawn[-1])
        if look["rule"] and left <= x <= right:
            ax.axvline(x, alpha=0.7, zorder=1, **_stroke(look["look"], SIZES.rule))
    labels = [next(texts) for _ in drawn]
    looked = (*form["areas"], *form["lines"], *form["markers"])
    named = [(each, label) for each, label, look in zip(drawn, labels, looked, strict=True) if look["named"]]
    ax.legend(
        *(zip(*named, strict=True) if named else ((), ())),
        loc="upper left",
        bbox_to_anchor=(-0.04, -0.02 if form["bare"] else -0.19),
        ncols=columns,
        frameon=False,
        fontsize=_points(SIZES.label),
        labelcolor=_PAGE.text,
        columnspacing=1.2,
        handlelength=2.6,
        labelspacing=0.3,
    )
    for point in hidden:  # only now, for the legend shows it still
        point.set_visible(False)
    for strong in form["notes"]:
        weight, colour = ("bold", _PAGE.text) if strong else ("normal", _PAGE.muted)
        style = plain | {"fontsize": _points(SIZES.label), "color": colour, "weight": weight}
        ax.text(*next(numbers), next(texts), ha="center", va="center", **style)


def _stroke(role: str, width: float) -> dict[str, Any]:
    """Return how a line of a role is drawn."""
    style = STROKES[role]
    return {"color": style.light, "linestyle": (0, style.dashes or None), "linewidth": _points(width)}


def _area(ax: Any, look: Look, x: Numbers, y: Numbers) -> Any:  # noqa: ANN401 - matplotlib is untyped here
    """Draw one area in the colour and hatching of its role."""
    from matplotlib.patches import Polygon  # noqa: PLC0415

    face, edge = FILLS[look["look"]].light
    corners = list(zip(x, y, strict=True)) or [(0.0, 0.0)]
    style: dict[str, Any] = {"facecolor": face, "edgecolor": edge, "hatch": _HATCHES[look["hatch"]], "linewidth": 0.8}
    return ax.add_patch(Polygon(corners, zorder=0.5, **style))


def _marker(ax: Any, look: Look, x: float, y: float) -> Any:  # noqa: ANN401
    """Draw one point."""
    (point,) = ax.plot(
        [x],
        [y],
        color=STROKES[look["look"]].light,
        marker=_MARKERS[look["shape"]],
        markersize=_points(look["size"]),
        fillstyle="full" if look["filled"] else "none",
        linestyle="none",
        clip_on=False,  # a point on the edge is a whole point
        zorder=4,
    )
    return point


def _points(pixels: float) -> float:
    """Return a length in points, which matplotlib counts in."""
    return pixels * 72 / _DPI


@dataclass(frozen=True, slots=True)
class Static:
    """A figure that needs no kernel: the picture with its alternative text, the sentence and the table.

    Example:
        >>> from marginlib.course import figures
        >>> Static(figures.ISOLATED(leverage=10)).chart.table.rows[0]
        ('liquidation price', '54,216.87')
    """

    chart: Chart

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return the figure as HTML for a page, and as text for what shows no HTML."""
        try:
            drawn = png(self.chart)
        except ModuleNotFoundError:
            picture = f"<p><em>{_NO_PICTURE}</em></p>"
        else:
            alt = escape(self.chart.alt)
            data, wide = base64.b64encode(drawn).decode("ascii"), int.from_bytes(drawn[16:20])  # where a PNG says it
            picture = f'<img alt="{alt}" width={wide} style="max-width:100%" src="data:image/png;base64,{data}">{_DARK}'
        caption = f"<figcaption>{text_html(self.chart.sentence)}</figcaption>"
        html = f'<figure class="marginlib-still">{picture}{caption}</figure>{table_html(self.chart.table)}'
        return {"text/html": html, "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Return the sentence and the table as text."""
        return f"{self.chart.sentence}\n\n{_table_text(self.chart.table)}"


def static(chart: Chart | Explorer) -> Static:
    """Return a chart as a still picture with its sentence and its table, to be shown as a cell's result.

    Args:
        chart: what to show; a figure, as it stands at first.

    Example:
        >>> from marginlib.course import figures
        >>> print(repr(static(figures.ISOLATED(leverage=10))).splitlines()[0])
        A long of $5,000 with $500 behind it. The pool is liquidated at 54,216.87 (-9.6 %) and bankrupt at 54,000.00.
    """
    return Static(chart() if isinstance(chart, Explorer) else chart)


def table_html(table: Table) -> str:
    """Return a table as HTML with headings that a screen reader can follow."""
    numbers = re.compile(r"[+-]?\$?\d|(none|-|no path.*)$|(below|above|beyond) ").match
    # Numbers stand under each other, words start at the left, and a heading goes with its column.
    _, *columns = zip(*table.rows, strict=True)
    sides = ["left", *("right" if all(map(numbers, column)) else "left" for column in columns)]

    def line(cells: tuple[str, ...], scope: str, tag: str) -> str:
        styles = (f'style="text-align:{side};padding:0.2em 0.8em 0.2em 0"' for side in sides)
        name, *others = (f"{style}>{text_html(each)}" for style, each in zip(styles, cells, strict=True))
        return f'<tr><th scope="{scope}" {name}</th>{"".join(f"<{tag} {each}</{tag[:2]}>" for each in others)}</tr>'

    rows = "".join(line(each, "row", "td") for each in table.rows)
    return f"<table><thead>{line(table.columns, 'col', 'th scope=col')}</thead><tbody>{rows}</tbody></table>"


def _table_text(table: Table) -> str:
    """Return a table as aligned text."""
    lines = [table.columns, *table.rows]
    first, *rest = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join("  ".join([name.ljust(first), *map(str.rjust, cells, rest)]).rstrip() for name, *cells in lines)
