"""Notebook 05: what size does to the liquidation price."""

from __future__ import annotations

from functools import cache

from marginlib.course.figures import TIER_DATE
from marginlib.course.figures.tiers import NOTIONALS
from marginlib.drawing.chart import POINTS, Chart, Explorer, Line, Marker, Panel, Table, alt_text, slider
from marginlib.liquidation import liquidation_price
from marginlib.model import Pool, Position
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook
from marginlib.words import money, percent

__all__ = ["SIZE"]


def _size(*, leverage: int, notional: int) -> Chart:
    """Return how far the liquidation price of an isolated BTC long is, along its size."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT")
    low, high = 10_000.0, min(1.0e8, schedule.max_notional(leverage))
    flat = RiskSchedule.flat(schedule.rates[0])
    away = _distance(float(notional), leverage, schedule)
    xs, ys = _distances(leverage, low, high)
    panel = Panel(
        title=f"fall that liquidates an isolated BTC long at {leverage}x",
        x_label="notional at entry [$]",
        y_label="price move [%]",
        x_range=(low, 100_000_000.0),
        y_range=(-115 / leverage, 0),
        log_x=True,
        lines=(
            Line("with the tiers", "liquidation", xs, ys),
            Line(
                "if the first rate held for every size",
                "mark",
                (low, 100_000_000.0),
                (100 * _distance(low, leverage, flat),) * 2,
            ),
        ),
        markers=(Marker("this position", "liquidation", float(notional) if notional <= high else None, 100 * away),),
    )
    if notional <= high:
        sentence = (
            f"An isolated BTC long of {money(notional, 0)} at {leverage}x is liquidated after a move of "
            f"{percent(away, 2)}; with the first tier's rate at every size it would be "
            f"{percent(_distance(low, leverage, flat), 2)}."
        )
    else:
        sentence = f"The table allows {leverage}x up to {money(high, 0)}, so {money(notional, 0)} cannot be opened."
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=Table(
            columns=("notional at entry", "liquidated after a move of"),
            rows=tuple(
                (money(x, 0), percent(_distance(x, leverage, schedule), 2))
                for x in (10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0, 100_000_000.0)
                if x <= high
            ),
        ),
        alt=alt_text("Liquidation distance along the size, Binance USD-M BTC tiers", panel, sentence),
    )


@cache
def _distances(leverage: int, low: float, high: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return notionals from low to high, and the move that liquidates a BTC long of each [%]."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT")
    xs = tuple(low * (high / low) ** (k / (POINTS - 1)) for k in range(POINTS))
    return xs, tuple(100 * _distance(x, leverage, schedule) for x in xs)


def _distance(notional: float, leverage: float, schedule: RiskSchedule) -> float:
    """Return the move that liquidates an isolated long of a notional, as a fraction of its entry price."""
    # At an entry price of 1 the quantity is the notional, and the price is 1 + the move.
    entry = Position(symbol="BTCUSDT", quantity=notional, entry_price=1, mark_price=1, schedule=schedule)
    price = liquidation_price(Pool(collateral=notional / leverage, positions=(entry,)), "BTCUSDT")
    return -1.0 if price is None else price - 1


SIZE = Explorer(
    name="SIZE",
    title="Why size changes the price",
    controls=(
        slider("leverage", "leverage setting", (5, 10, 20, 50), 20, "{}x"),
        slider("notional", "notional", NOTIONALS, 1_000_000, "${:,}"),
    ),
    build=_size,
)
