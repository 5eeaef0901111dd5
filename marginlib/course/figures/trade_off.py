"""Notebook 10: how likely against how much, as margin is set aside."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from marginlib.course.figures.odds import PATHS, WALLET, WORST, amount, book_of, paths
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, figure, slider
from marginlib.odds import Odds, chance_text
from marginlib.words import money

MARGINS = (500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000)
_VOLATILITY, _DAYS = 0.6, 30


class _Point(NamedTuple):
    """One way to set margin aside: how likely a liquidation is, and what it takes."""

    margin: float | None
    odds: Odds

    @property
    def x(self) -> float:
        """The probability of a liquidation [%]."""
        return 100 * self.odds.liquidation.value

    @property
    def y(self) -> float | None:
        """The average loss on the paths with one [quote currency], or None where there is none."""
        loss = self.odds.loss_if_liquidated
        return None if loss is None else loss.value


@cache
def _points(correlation: float, leverage: int) -> tuple[_Point, ...]:
    """Return the isolated points in order of margin, and the cross point last."""
    cached, notional = paths(_VOLATILITY, correlation, _DAYS), leverage * WALLET / 2
    return tuple(
        _Point(margin, cached.odds(book_of(notional, max(1.0, notional / (margin or WALLET / 2)), margin)))
        for margin in (*MARGINS, None)
    )


@figure(
    "How likely against how much",
    slider("correlation", "correlation", (-0.5, 0.0, 0.3, 0.6, 0.8, 0.95), 0.8, "{:g}"),
    slider("leverage", "size of the book", (1, 2, 3, 4, 5, 6, 8), 4, "{}x the wallet"),
)
def trade_off(*, correlation: float, leverage: int) -> Chart:
    """Return probability and loss for more and more isolated margin, and for cross."""
    *isolated, cross = _points(correlation, leverage)
    drawn = [(each.x, each.y) for each in isolated if each.y is not None]
    few, half = isolated[0], isolated[MARGINS.index(2_500)]
    panel = Panel(
        f"a book of {leverage}x the wallet, correlation {correlation:g}",
        Axis("how likely: probability of a liquidation within 30 days [%]", (-3.0, 103.0)),
        Axis("how much: average loss if so [$]", (-500.0, 10_800.0)),
        lines=(Line.through(f"isolated, {money(MARGINS[0], 0)} to {money(MARGINS[-1], 0)} each", "isolated", drawn),),
        markers=(
            _dot(few, f"{money(MARGINS[0], 0)} each", "isolated"),
            _dot(half, "$2,500 each", "maintenance"),
            _dot(isolated[-1], f"{money(MARGINS[-1], 0)} each", "initial"),
            _dot(cross, "cross, the whole wallet", "liquidation"),
        ),
    )
    told = " ".join(
        f"{name}: a liquidation has a probability of {chance_text(each.odds.liquidation)} and costs "
        f"{amount(each.odds.loss_if_liquidated)} on average."
        if each.odds.loss_if_liquidated
        else f"{name}: liquidated on no path, a probability {chance_text(each.odds.liquidation)}."
        for name, each in ((f"{money(MARGINS[0], 0)} of isolated margin each", few), ("Cross", cross))
    )
    sentence = (
        f"Two longs of {money(leverage * WALLET / 2, 0)} in a wallet of {money(WALLET, 0)}, {PATHS:,} paths, standard "
        f"errors. {told}"
    )
    if gone := sum(each.y is None for each in (*isolated, cross)):
        sentence += f" {gone} of {len(isolated) + 1} ways have no point: they are liquidated on no path."
    rows = tuple(
        (
            "cross" if each.margin is None else f"{money(each.margin, 0)} each",
            chance_text(each.odds.liquidation),
            amount(each.odds.loss_if_liquidated),
            amount(each.odds.loss.upper_tail(WORST)),
        )
        for each in (*isolated, cross)
    )
    columns = ("margin", "liquidation", "average loss if so", "average of the worst 5 % of losses")
    title = "How likely against how much, as margin is set aside"
    return Chart(title, (panel,), sentence, Table(columns, rows))


def _dot(point: _Point, label: str, role: str) -> Marker:
    """Return a point of the trade-off, or none where nothing was liquidated on any path."""
    x = None if point.y is None else round(point.x, 1)
    return Marker(f"{label}: {{}} %", role, x, point.y or 0.0, f"{label}: no point")
