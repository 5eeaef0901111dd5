"""Notebook 05: what size does to the liquidation price."""

from __future__ import annotations

from functools import cache

from marginlib.course.figures import TIER_DATE
from marginlib.course.figures.tiers import NOTIONALS
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, figure, grid, slider
from marginlib.liquidation import liquidation_price
from marginlib.model import Pool, Position
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook
from marginlib.words import money, percent


@figure(
    "Why size changes the price",
    slider("leverage", "leverage setting", (5, 10, 20, 50), 20, "{}x"),
    slider("notional", "notional", NOTIONALS, 1_000_000, "${:,}"),
)
def size(*, leverage: int, notional: int) -> Chart:
    """Return how far the liquidation price of an isolated BTC long is, along its size."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT")
    low, high = 10_000.0, min(1.0e8, schedule.max_notional(leverage))
    flat = RiskSchedule.flat(schedule.rates[0])
    away, first = _distance(float(notional), leverage, schedule), _distance(low, leverage, flat)
    here, absent = float(notional) if notional <= high else None, f"this position: too large for {leverage}x"
    panel = Panel(
        f"fall that liquidates an isolated BTC long at {leverage}x",
        Axis("notional at entry [$]", (low, 1e8), log=True),
        Axis("price move [%]", (-115 / leverage, 0)),
        lines=(
            _distances(leverage, low, high),
            Line("at the first tier's rate", "mark", (low, 1e8), (100 * first,) * 2),
        ),
        markers=(Marker("this position", "liquidation", here, 100 * away, absent),),
    )
    if notional <= high:
        sentence = (
            f"An isolated BTC long of {money(notional, 0)} at {leverage}x is liquidated after a move of "
            f"{percent(away, 2)}; with the first tier's rate at every size it would be {percent(first, 2)}."
        )
    else:
        sentence = f"The table allows {leverage}x up to {money(high, 0)}, so {money(notional, 0)} cannot be opened."
    sizes = (10.0**k for k in range(4, 9))
    rows = tuple((money(x, 0), percent(_distance(x, leverage, schedule), 2)) for x in sizes if x <= high)
    title = "Liquidation distance along the size, Binance USD-M BTC tiers"
    return Chart(title, (panel,), sentence, Table(("notional at entry", "liquidated after a move of"), rows))


@cache
def _distances(leverage: int, low: float, high: float) -> Line:
    """Return the move that liquidates a BTC long of each notional from low to high [%]."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT")
    moves = ((x, 100 * _distance(x, leverage, schedule)) for x in grid(low, high, log=True))
    return Line.through("with the tiers", "liquidation", moves)


def _distance(notional: float, leverage: float, schedule: RiskSchedule) -> float:
    """Return the move that liquidates an isolated long of a notional, as a fraction of its entry price."""
    # At an entry price of 1 the quantity is the notional, and the price is 1 + the move.
    entry = Position(symbol="BTCUSDT", quantity=notional, entry_price=1, mark_price=1, schedule=schedule)
    price = liquidation_price(Pool(collateral=notional / leverage, positions=(entry,)), "BTCUSDT")
    return -1.0 if price is None else price - 1
