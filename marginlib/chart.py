"""A figure as a table: lines, markers, a sentence and a small table of the numbers, before anybody draws it.

A `Chart` is described once and drawn elsewhere. An `Explorer` is a figure with controls: a function from the values of
its controls to a `Chart`, each control with the finite list of values that it can take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from marginlib._validate import MarginError, UnknownNameError
from marginlib.liquidation import bankruptcy_price, liquidation_price
from marginlib.margin import risk
from marginlib.model import Pool

__all__ = [
    "Chart",
    "Control",
    "Explorer",
    "Line",
    "Marker",
    "Panel",
    "Table",
    "alt_text",
    "choice",
    "grid",
    "money",
    "percent",
    "pool_chart",
    "pool_panel",
    "pool_sentence",
    "pool_table",
    "price_text",
    "slider",
    "times",
]

POINTS = 121  # a straight line needs two; a tier edge shows at this many


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of a panel.

    Args:
        label: its name in the legend.
        role: what it stands for, such as "equity" or "maintenance"; colour and dashes follow from it.
        x: positions along the horizontal axis.
        y: heights, as many as `x`.
    """

    label: str
    role: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """A point that matters, such as a liquidation price; `x` is None where there is no such price."""

    label: str
    role: str
    x: float | None
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One pair of axes: lines, markers, and ranges that stay while the controls move."""

    title: str
    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    lines: tuple[Line, ...]
    markers: tuple[Marker, ...] = ()
    log_x: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A small table of texts, for those who would rather read than look."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A figure: its panels, one sentence that says what they show, a table of the numbers, and a text instead of it."""

    panels: tuple[Panel, ...]
    sentence: str
    table: Table
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A slider or a choice: the values that it can take, each with its text.

    Args:
        name: the argument that it sets.
        label: its name for the reader, with the unit.
        values: what it can be set to, in order.
        texts: how each value reads.
        start: where it stands at first.
        choice: True for a choice between a few words rather than a slider.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]
    start: Any
    choice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Explorer:
    """A figure with controls; calling it with values gives the `Chart`, values left out stand at their start.

    Raises:
        UnknownNameError: there is no such control.
        MarginError: a control cannot take the value.

    Example:
        >>> from marginlib import figures
        >>> figures.ISOLATED(leverage=10).table.rows[0]
        ('liquidation price', '54,216.87')
    """

    name: str
    title: str
    controls: tuple[Control, ...]
    build: Callable[..., Chart]

    def __call__(self, **values: object) -> Chart:
        """Return the chart for these values of the controls."""
        settings = {control.name: control.start for control in self.controls}
        for name, value in values.items():
            if name not in settings:
                msg = f"{name}: {self.name} has the controls {', '.join(settings)}"
                raise UnknownNameError(msg)
            control = next(each for each in self.controls if each.name == name)
            if value not in control.values:
                msg = f"{name} = {value!r}: give one of {', '.join(map(repr, control.values))}"
                raise MarginError(msg)
            settings[name] = value
        return self.build(**settings)


def money(amount: float, digits: int = 2) -> str:
    """Return an amount of dollars as text, the sign before the currency.

    Example:
        >>> money(-481.927)
        '-$481.93'
    """
    sign = "-" if round(amount, digits) < 0 else ""
    return f"{sign}${abs(amount):,.{digits}f}"


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as a percentage with its sign.

    Example:
        >>> percent(-0.0964)
        '-9.6 %'
    """
    return f"{100 * fraction:+.{digits}f} %"


def price_text(price: float | None) -> str:
    """Return a price as text, or `none` where no positive price does it."""
    return "none" if price is None else f"{price:,.2f}"


def grid(low: float, high: float, points: int = POINTS) -> tuple[float, ...]:
    """Return evenly spaced values from low to high."""
    return tuple(low + (high - low) * k / (points - 1) for k in range(points))


def pool_panel(
    pool: Pool, symbol: str, *, title: str, x_range: tuple[float, float], y_range: tuple[float, float]
) -> Panel:
    """Return equity and maintenance margin of a pool along one price, with its liquidation and bankruptcy price."""
    prices = grid(max(x_range[0], x_range[1] / 1e4), x_range[1])
    along = [risk(pool.at({symbol: price})) for price in prices]
    mark = next(each.mark_price for each in pool.positions if each.symbol == symbol)
    liquidation, bankruptcy = liquidation_price(pool, symbol), bankruptcy_price(pool, symbol)
    kept = 0.0 if liquidation is None else risk(pool.at({symbol: liquidation})).maintenance
    return Panel(
        title=title,
        x_label=f"{symbol.removesuffix('USDT')} mark price [$]",
        y_label="[$]",
        x_range=x_range,
        y_range=y_range,
        lines=(
            Line(label="equity", role="equity", x=prices, y=tuple(each.equity for each in along)),
            Line(label="maintenance margin", role="maintenance", x=prices, y=tuple(each.maintenance for each in along)),
        ),
        markers=(
            Marker(label="mark price now", role="mark", x=mark, y=risk(pool).equity),
            Marker(label="liquidation price", role="liquidation", x=liquidation, y=kept),
            Marker(label="bankruptcy price", role="bankruptcy", x=bankruptcy, y=0.0),
        ),
    )


def pool_chart(pool: Pool, symbol: str, *, title: str, x_range: tuple[float, float] | None = None) -> Chart:
    """Return the chart of one pool along one price: for any pool of your own.

    Args:
        pool: the pool.
        symbol: the price that moves; the other marks are held.
        title: what the figure is called.
        x_range: lowest and highest price drawn [quote currency]; left out, half to one and a half times the mark.

    Example:
        >>> from marginlib import rulebook
        >>> btc = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 0.1, 60_000, leverage=10)
        >>> pool_chart(Pool(collateral=600, positions=(btc,)), "BTCUSDT", title="10x long").sentence
        'BTCUSDT is at 60,000.00. The pool is liquidated at 54,216.87 (-9.6 %) and bankrupt at 54,000.00.'
    """
    mark = next((each.mark_price for each in pool.positions if each.symbol == symbol), None)
    if mark is None:
        msg = f"symbol = {symbol!r}: give one of {', '.join(pool.symbols) or 'none, for the pool has no position'}"
        raise UnknownNameError(msg)
    span = x_range or (0.5 * mark, 1.5 * mark)
    ends = [risk(pool.at({symbol: max(end, mark / 1e4)})).equity for end in span]
    panel = pool_panel(pool, symbol, title=title, x_range=span, y_range=(min(0.0, *ends), max(0.0, *ends)))
    sentence = f"{symbol} is at {price_text(mark)}. {pool_sentence(pool, symbol)}"
    return Chart(
        panels=(panel,), sentence=sentence, table=pool_table(pool, symbol), alt=alt_text(title, panel, sentence)
    )


def pool_sentence(pool: Pool, symbol: str) -> str:
    """Return where the pool is liquidated and bankrupt, in words."""
    mark = next(each.mark_price for each in pool.positions if each.symbol == symbol)
    liquidation, bankruptcy = liquidation_price(pool, symbol), bankruptcy_price(pool, symbol)
    if liquidation is None:
        return "No positive price liquidates the pool."
    end = "and no positive price makes it bankrupt." if bankruptcy is None else f"and bankrupt at {bankruptcy:,.2f}."
    return f"The pool is liquidated at {liquidation:,.2f} ({percent(liquidation / mark - 1)}) {end}"


def pool_table(pool: Pool, symbol: str) -> Table:
    """Return the numbers of a pool along one price."""
    now = risk(pool)
    return Table(
        columns=("of the pool", "value"),
        rows=(
            ("liquidation price", price_text(liquidation_price(pool, symbol))),
            ("bankruptcy price", price_text(bankruptcy_price(pool, symbol))),
            ("equity", money(now.equity)),
            ("notional", money(now.notional)),
            ("initial margin", money(now.initial)),
            ("maintenance margin", money(now.maintenance)),
            ("effective leverage", times(now.effective_leverage)),
        ),
    )


def times(leverage: float) -> str:
    """Return a leverage as text.

    Example:
        >>> times(10.0), times(float("inf"))
        ('10.00x', 'none: no equity left')
    """
    return "none: no equity left" if leverage == inf else f"{leverage:.2f}x"


def alt_text(title: str, panel: Panel, sentence: str) -> str:
    """Return a text that stands for a picture."""
    drawn = " and ".join(line.label for line in panel.lines)
    return f"{title}. Line chart of {drawn} against {panel.x_label}. {sentence}"


def slider(name: str, label: str, values: Sequence[float], start: float, text: str) -> Control:
    """Return a slider whose values read as `text.format(value)`."""
    return Control(
        name=name, label=label, values=tuple(values), texts=tuple(text.format(v) for v in values), start=start
    )


def choice(name: str, label: str, words: Mapping[Any, str], start: object) -> Control:
    """Return a choice between a few words."""
    return Control(name=name, label=label, values=tuple(words), texts=tuple(words.values()), start=start, choice=True)
