"""Draw a `Chart` with matplotlib: pictures for the page, for print and for those who cannot run a kernel.

How things look is data in `style`. matplotlib is imported when the first picture is drawn, not before; where it is
missing, the sentence and the table stand alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

from marginlib.drawing.chart import Area, Chart, Marker, Panel, Table
from marginlib.drawing.chart import Line as ChartLine
from marginlib.drawing.style import FILLS, SIZES, STROKES, THEMES, marker_text, number_text, ticks
from marginlib.errors import MarginError
from marginlib.words import text_html

__all__ = ["Drawing", "ShownTable", "Static", "show_table", "static", "table_html", "text_html"]

_WIDTH, _HEIGHT, _DPI = 7.6, 4.1, 100  # inches; the same for every figure, so that the page never jumps
_PAGE = THEMES["light"]
_MARKERS = {"circle": "o", "triangle": "^", "wedge": "v", "cross": "X", "square": "s", "diamond": "D"}
_HATCHES = {"dots": "..", "rising": "///", "falling": "\\\\\\", "": ""}
_NO_PICTURE = "The picture is left out: it needs matplotlib, which is not installed here. The words say the same."
_LEFT = 'style="text-align:left;padding:0.2em 0.8em 0.2em 0"'


class Drawing:
    """A chart drawn once, whose artists are then moved: the picture keeps its size and its axes.

    Args:
        chart: what to draw first; later charts must have the same panels, lines, areas and markers.

    Example:
        >>> from marginlib.course import figures
        >>> Drawing(figures.ISOLATED()).png()[1:4]
        b'PNG'
    """

    def __init__(self, chart: Chart) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - it takes most of a second
        from matplotlib.figure import Figure  # noqa: PLC0415

        self._figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, facecolor=_PAGE.page)
        FigureCanvasAgg(self._figure)
        axes = self._figure.subplots(1, len(chart.panels), squeeze=False)[0]
        # Fixed margins: laying out again at every move would cost more than drawing.
        self._figure.subplots_adjust(
            left=0.08, right=0.97, top=0.87, bottom=0.37 if len(chart.panels) > 1 else 0.31, wspace=0.24
        )
        columns = 1 if len(chart.panels) > 1 else 2  # of the legend
        self._panels = [_DrawnPanel(ax, panel, columns) for ax, panel in zip(axes, chart.panels, strict=True)]

    def update(self, chart: Chart) -> None:
        """Move the artists to another chart of the same figure."""
        for drawn, panel in zip(self._panels, chart.panels, strict=True):
            drawn.update(panel)

    def png(self) -> bytes:
        """Return the picture as PNG bytes."""
        stream = BytesIO()
        self._figure.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()

    def img(self, alt: str) -> str:
        """Return the picture as an HTML image with its alternative text."""
        data = base64.b64encode(self.png()).decode("ascii")
        return f'<img alt="{escape(alt)}" style="max-width:100%" src="data:image/png;base64,{data}">'


class _DrawnPanel:
    """The artists of one panel."""

    def __init__(self, ax: Any, panel: Panel, columns: int) -> None:  # noqa: ANN401 - matplotlib's Axes is untyped here
        self._ax = ax
        ax.grid(color=_PAGE.grid, linewidth=_points(SIZES.grid))
        ax.set_axisbelow(True)
        ax.axhline(0, color=_PAGE.axis, linewidth=_points(SIZES.grid), zorder=1)
        self._areas = [_area(ax, area) for area in panel.areas]
        self._lines = [_line(ax, line) for line in panel.lines]
        self._markers = [_marker(ax, marker) for marker in panel.markers]
        if panel.log_x:
            ax.set_xscale("log")
            ax.minorticks_off()
        ax.tick_params(labelsize=_points(SIZES.tick), colors=_PAGE.muted, length=0, pad=5)
        small = {"fontsize": _points(SIZES.label), "color": _PAGE.muted, "parse_math": False}  # dollars are money
        ax.set_xlabel(panel.x_label, **small)
        self._y_label = ax.text(0, 1.03, panel.y_label, transform=ax.transAxes, **small)
        for side in ax.spines.values():
            side.set_visible(False)
        handles = [*(shape for shape, _ in self._areas), *self._lines, *(point for point, _ in self._markers)]
        self._legend = ax.legend(
            handles,
            [""] * len(handles),
            loc="upper left",
            bbox_to_anchor=(-0.04, -0.19),
            ncols=columns,
            frameon=False,
            fontsize=_points(SIZES.label),
            labelcolor=_PAGE.text,
            columnspacing=1.2,
            handlelength=2.6,
            labelspacing=0.3,
        )
        self.update(panel)

    def update(self, panel: Panel) -> None:
        """Move the artists to this panel's values."""
        ax = self._ax
        across, up = ticks(panel.x_range, most=6, log=panel.log_x), ticks(panel.y_range)
        ax.set_xticks(across, [number_text(each) for each in across])
        ax.set_yticks(up, [number_text(each) for each in up])
        ax.set_xlim(*panel.x_range)
        ax.set_ylim(*panel.y_range)
        title = {"fontsize": _points(SIZES.title), "color": _PAGE.text, "parse_math": False}
        ax.set_title(panel.title, loc="left", x=0, pad=20, **title)
        ax.set_xlabel(panel.x_label)
        self._y_label.set_text(panel.y_label)
        for (shape, word), area in zip(self._areas, panel.areas, strict=True):
            shape.set_visible(bool(area.x))
            shape.set_xy(list(zip(area.x, area.y, strict=True)) or [(0.0, 0.0)])
            word.set_visible(area.word_at is not None)
            word.set_position(area.word_at or (0.0, 0.0))
            word.set_text(area.word)
        for artist, line in zip(self._lines, panel.lines, strict=True):
            artist.set_data(line.x, line.y)
        for (point, rule), marker in zip(self._markers, panel.markers, strict=True):
            shown = marker.x is not None and _within(marker.x, panel.x_range)
            point.set_visible(shown and _within(marker.y, panel.y_range))
            rule.set_visible(shown and marker.role != "mark")
            point.set_data([marker.x or 0.0], [marker.y])
            rule.set_xdata([marker.x or 0.0] * 2)
        names = [*(area.label for area in panel.areas), *(line.label for line in panel.lines)]
        contents = [*names, *map(marker_text, panel.markers)]
        for text, content in zip(self._legend.get_texts(), contents, strict=True):
            text.set_text(content)


@dataclass(frozen=True, slots=True)
class Static:
    """A figure that needs no kernel: the picture with its alternative text, the sentence and the table.

    Args:
        chart: what to show.

    Example:
        >>> from marginlib.course import figures
        >>> Static(figures.ISOLATED(leverage=10)).chart.table.rows[0]
        ('liquidation price', '54,216.87')
    """

    chart: Chart

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return the figure as HTML for a page, and as text for what shows no HTML."""
        html = f"<figure>{self._picture()}<figcaption>{text_html(self.chart.sentence)}</figcaption></figure>"
        return {"text/html": html + table_html(self.chart.table), "text/plain": repr(self)}

    def _picture(self) -> str:
        """Return the picture as HTML, or a line that says why there is none."""
        try:
            return Drawing(self.chart).img(self.chart.alt)
        except ModuleNotFoundError:
            return f"<p><em>{_NO_PICTURE}</em></p>"

    def __repr__(self) -> str:
        """Return the sentence and the table as text."""
        return f"{self.chart.sentence}\n\n{_table_text(self.chart.table)}"


def static(chart: Chart) -> Static:
    """Return a chart as a still picture with its sentence and its table, to be shown as a cell's result.

    Args:
        chart: what to show.

    Example:
        >>> from marginlib.course import figures
        >>> print(repr(static(figures.ISOLATED(leverage=10))).splitlines()[0])
        A long of $5,000 with $500 behind it. The pool is liquidated at 54,216.87 (-9.6 %) and bankrupt at 54,000.00.
    """
    return Static(chart)


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table that shows itself as a cell's result.

    Args:
        table: columns and rows of texts.

    Example:
        >>> ShownTable(Table(columns=("what", "value"), rows=(("equity", "$500"),)))
        what    value
        equity   $500
    """

    table: Table

    def _repr_html_(self) -> str:
        """Return the table as HTML for a page."""
        return table_html(self.table)

    def __repr__(self) -> str:
        """Return the table as aligned text."""
        return _table_text(self.table)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> ShownTable:
    """Return rows as a table, to be shown as a cell's result; the first column names each row.

    Args:
        columns: the headings.
        rows: the cells, as many in each row as there are headings; each is shown as `str` writes it.

    Raises:
        MarginError: a row has more or fewer cells than there are headings.

    Example:
        >>> show_table(["setting", "margin"], [("2x", "$3,000"), ("10x", "$600")])
        setting  margin
        2x       $3,000
        10x        $600
    """
    texts = tuple(tuple(map(str, row)) for row in rows)
    for number, row in enumerate(texts, start=1):
        if len(row) != len(columns):
            raise MarginError(f"rows, number {number}: {len(row)} cells: give {len(columns)}, one for each heading")
    return ShownTable(Table(columns=tuple(columns), rows=texts))


def table_html(table: Table) -> str:
    """Return a table as HTML with headings that a screen reader can follow.

    Args:
        table: columns and rows of texts.

    Example:
        >>> table_html(Table(columns=("what", "value"), rows=(("equity", "$500"),)))[:32]
        '<table><thead><tr><th scope="col'
    """
    head = "".join(f'<th scope="col" {_LEFT}>{text_html(column)}</th>' for column in table.columns)
    rows = "".join(
        f'<tr><th scope="row" {_LEFT}>{text_html(name)}</th>{"".join(map(_cell, cells))}</tr>'
        for name, *cells in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(text: str) -> str:
    """Return one cell of a table as HTML; numbers stand under each other, words start at the left."""
    side = "right" if text.lstrip("+-$")[:1].isdigit() or text in {"none", "-"} else "left"
    return f'<td style="text-align:{side}">{text_html(text)}</td>'


def _table_text(table: Table) -> str:
    """Return a table as aligned text."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _within(value: float, span: tuple[float, float]) -> bool:
    """Return whether a value is inside a range, its ends included."""
    return span[0] <= value <= span[1]


def _points(pixels: float) -> float:
    """Return a length in points, which matplotlib counts in."""
    return pixels * 72 / _DPI


def _area(ax: Any, area: Area) -> Any:  # noqa: ANN401
    """Draw one area in the colour and hatching of its role, and the word inside it."""
    from matplotlib.patches import Polygon  # noqa: PLC0415

    (face, edge), hatch = FILLS[area.role].light, _HATCHES[FILLS[area.role].hatch]
    shape = Polygon([(0.0, 0.0)], facecolor=face, edgecolor=edge, hatch=hatch, linewidth=0.8, zorder=0.5)
    ax.add_patch(shape)
    box = {"boxstyle": "round,pad=0.25", "facecolor": _PAGE.page, "edgecolor": "none", "alpha": 0.85}
    style = {"fontsize": _points(SIZES.label), "color": _PAGE.text, "bbox": box}
    word = ax.text(0, 0, "", ha="center", va="center", clip_on=True, zorder=3, **style)
    return shape, word


def _line(ax: Any, line: ChartLine) -> Any:  # noqa: ANN401
    """Draw one line in the style of its role."""
    style = STROKES[line.role]
    look = {"color": style.light, "linestyle": (0, style.dashes or None), "linewidth": _points(SIZES.line)}
    return ax.plot(line.x, line.y, zorder=2, **look)[0]


def _marker(ax: Any, marker: Marker) -> Any:  # noqa: ANN401
    """Draw one point, and a thin upright rule through it."""
    style = STROKES[marker.role]
    (point,) = ax.plot(
        [0],
        [0],
        color=style.light,
        marker=_MARKERS[style.marker],
        markersize=_points(style.size),
        fillstyle="full" if style.filled else "none",
        linestyle="none",
        clip_on=False,  # a point on the edge is a whole point
        zorder=4,
    )
    look = {"color": style.light, "linestyle": (0, style.dashes or None), "linewidth": _points(SIZES.rule)}
    rule = ax.axvline(0, alpha=0.7, zorder=1, **look)
    return point, rule
