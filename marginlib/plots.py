"""Draw a `Chart` with matplotlib: pictures for the page, for print and for those who cannot run a kernel.

One visual language for all figures: a colour, a dash pattern, a marker or a hatching for each idea, so that colour is
never the only carrier. The palette is Okabe and Ito's, readable in the three colour-blindnesses.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from marginlib.chart import Area, Chart, Marker, Panel, Table
from marginlib.chart import Line as ChartLine

__all__ = ["Drawing", "Static", "static", "table_html", "text_html"]


@dataclass(frozen=True, slots=True)
class _Style:
    """How one idea is drawn everywhere."""

    color: str
    dashes: Any
    marker: str
    size: float = 7.0
    fill: Any = "full"


_STYLES = {
    "equity": _Style("#0072B2", "solid", "o"),
    "maintenance": _Style("#B84A00", (0, (6, 2)), "^"),
    "initial": _Style("#007A5A", (0, (7, 2, 1.5, 2)), "v"),
    "liquidation": _Style("#A0317A", (0, (3, 1.5)), "X"),
    "bankruptcy": _Style(
        "#222222", (0, (1, 1.5)), "s", 10.0, "none"
    ),  # open: the liquidation price often stands inside
    "isolated": _Style("#8A6500", (0, (4, 1, 1, 1, 1, 1)), "D"),
    "mark": _Style("#555555", (0, (1, 2)), "o"),
    "position": _Style("#5B4A9E", "solid", "o"),
}
# How an area is filled: the colour of its face, of its hatching, and the hatching itself.
_FILLS = {
    "neither": ("#F1F1F1", "#B5B5B5", ".."),
    "cross": ("#DCEBF7", "#0072B2", "///"),
    "isolated": ("#F4E6C3", "#8A6500", "\\\\\\"),
    "both": ("#D3EEE4", "#D3EEE4", ""),
}
_WIDTH, _HEIGHT, _DPI = 7.6, 4.1, 100  # inches; the same for every figure, so that the page never jumps
_TEXT = "#333333"
_LEFT = 'style="text-align:left;padding:0.2em 0.8em 0.2em 0"'


class Drawing:
    """A chart drawn once, whose artists are then moved: the picture keeps its size and its axes.

    Args:
        chart: what to draw first; later charts must have the same panels, lines, areas and markers.

    Example:
        >>> from marginlib import figures
        >>> Drawing(figures.ISOLATED()).png()[1:4]
        b'PNG'
    """

    def __init__(self, chart: Chart) -> None:
        self._figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(self._figure)
        axes = self._figure.subplots(1, len(chart.panels), squeeze=False)[0]
        # Fixed margins: laying out again at every move would cost more than drawing.
        self._figure.subplots_adjust(
            left=0.1, right=0.96, top=0.93, bottom=0.4 if len(chart.panels) > 1 else 0.31, wspace=0.27
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
        ax.axhline(0, color="#999999", linewidth=0.8, zorder=1)
        self._areas = [_area(ax, area) for area in panel.areas]
        self._lines = [_line(ax, line) for line in panel.lines]
        self._markers = [_marker(ax, marker) for marker in panel.markers]
        if panel.log_x:
            ax.set_xscale("log")
            ax.xaxis.set_minor_locator(NullLocator())
        else:
            ax.xaxis.set_major_locator(MaxNLocator(5 if columns == 1 else 9))
        ax.tick_params(labelsize=8, colors=_TEXT)
        ax.set_xlabel(panel.x_label, fontsize=9, color=_TEXT)
        ax.set_ylabel(panel.y_label, fontsize=9, color=_TEXT)
        ax.xaxis.set_major_formatter(FuncFormatter(_tick))
        ax.yaxis.set_major_formatter(FuncFormatter(_tick))
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        handles = [*(shape for shape, _ in self._areas), *self._lines, *(point for point, _ in self._markers)]
        self._legend = ax.legend(
            handles,
            [""] * len(handles),
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.2),
            ncols=columns,
            frameon=False,
            fontsize=8,
            labelcolor=_TEXT,
            columnspacing=1.2,
            handlelength=2.6,
        )
        self.update(panel)

    def update(self, panel: Panel) -> None:
        """Move the artists to this panel's values."""
        ax = self._ax
        ax.set_xlim(*panel.x_range)
        ax.set_ylim(*panel.y_range)
        ax.set_title(panel.title, fontsize=9.5, loc="left", color=_TEXT, parse_math=False)  # dollars are money
        for (shape, word), area in zip(self._areas, panel.areas, strict=True):
            shape.set_visible(bool(area.x))
            shape.set_xy(list(zip(area.x, area.y, strict=True)) or [(0.0, 0.0)])
            word.set_visible(area.word_at is not None)
            word.set_position(area.word_at or (0.0, 0.0))
            word.set_text(area.word)
        for artist, line in zip(self._lines, panel.lines, strict=True):
            artist.set_data(line.x, line.y)
        for (point, rule), marker in zip(self._markers, panel.markers, strict=True):
            shown = marker.x is not None
            point.set_visible(shown)
            rule.set_visible(shown and marker.role != "mark")
            point.set_data([marker.x or 0.0], [marker.y])
            rule.set_xdata([marker.x or 0.0] * 2)
        names = [*(area.label for area in panel.areas), *(line.label for line in panel.lines)]
        texts = [*names, *(_marker_text(each) for each in panel.markers)]
        for text, content in zip(self._legend.get_texts(), texts, strict=True):
            text.set_text(content)


@dataclass(frozen=True, slots=True)
class Static:
    """A figure that needs no kernel: the picture with its alternative text, the sentence and the table.

    Args:
        chart: what to show.

    Example:
        >>> from marginlib import figures
        >>> Static(figures.ISOLATED(leverage=10)).chart.table.rows[0]
        ('liquidation price', '54,216.87')
    """

    chart: Chart

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return the figure as HTML for a page, and as text for what shows no HTML."""
        picture = Drawing(self.chart).img(self.chart.alt)
        html = f"<figure>{picture}<figcaption>{text_html(self.chart.sentence)}</figcaption></figure>"
        return {"text/html": html + table_html(self.chart.table), "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Return the sentence and the table as text."""
        return f"{self.chart.sentence}\n\n{_table_text(self.chart.table)}"


def static(chart: Chart) -> Static:
    """Return a chart as a still picture with its sentence and its table, to be shown as a cell's result.

    Args:
        chart: what to show.

    Example:
        >>> from marginlib import figures
        >>> print(repr(static(figures.ISOLATED(leverage=10))).splitlines()[0])
        A long of $5,000 with $500 behind it. The pool is liquidated at 54,216.87 (-9.6 %) and bankrupt at 54,000.00.
    """
    return Static(chart)


def text_html(text: str) -> str:
    """Return text as HTML whose dollars are not taken for mathematics.

    JupyterLab and exported pages set what stands between two dollars as a formula, but never across a tag.

    Args:
        text: plain text.

    Example:
        >>> text_html("$5 & more")
        '<span>$</span>5 &amp; more'
    """
    return escape(text).replace("$", "<span>$</span>")


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


def _area(ax: Any, area: Area) -> Any:  # noqa: ANN401
    """Draw one area in the colour and hatching of its role, and the word inside it."""
    face, edge, hatch = _FILLS[area.role]
    shape = Polygon([(0.0, 0.0)], facecolor=face, edgecolor=edge, hatch=hatch, linewidth=0.8, zorder=0.5)
    ax.add_patch(shape)
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    word = ax.text(0, 0, "", ha="center", va="center", fontsize=8.5, color=_TEXT, bbox=box, clip_on=True, zorder=3)
    return shape, word


def _line(ax: Any, line: ChartLine) -> Any:  # noqa: ANN401
    """Draw one line in the style of its role."""
    style = _STYLES[line.role]
    return ax.plot(line.x, line.y, color=style.color, linestyle=style.dashes, linewidth=1.8, zorder=2)[0]


def _marker(ax: Any, marker: Marker) -> Any:  # noqa: ANN401
    """Draw one point, and a thin upright rule through it."""
    style = _STYLES[marker.role]
    (point,) = ax.plot(
        [0],
        [0],
        color=style.color,
        marker=style.marker,
        markersize=style.size,
        fillstyle=style.fill,
        linestyle="none",
        zorder=4,
    )
    rule = ax.axvline(0, color=style.color, linestyle=style.dashes, linewidth=1, alpha=0.7, zorder=1)
    return point, rule


def _marker_text(marker: Marker) -> str:
    """Return a marker's label with its value."""
    return f"{marker.label} {'none' if marker.x is None else _tick(marker.x)}"


def _tick(value: float, _: object = None) -> str:
    """Return a number short enough for an axis."""
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:g}"  # noqa: PLR2004
