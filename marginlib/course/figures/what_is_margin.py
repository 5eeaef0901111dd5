"""Notebook 01: margin, the leverage setting, and the leverage that is felt."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import (
    Axis,
    Chart,
    Line,
    Marker,
    Panel,
    figure,
    grid,
    pool_panel,
    pool_table,
    slider,
    times,
)
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Health, Pool, Position
from marginlib.words import money, price_text

FELT_AT_MOST = 40  # effective leverage grows without bound as equity runs out; the axis ends before


@figure(
    "What you have and what you need",
    slider("quantity", "size [BTC]", (0.1, 0.2, 0.3, 0.5, 0.8, 1.0), 0.5, "{:g} BTC"),
    slider("leverage", "leverage setting", (6, 8, 10, 15, 20), 10, "{}x"),
    slider("move", "price move", tuple(range(-30, 31, 2)), 0, "{:+d} %"),
)
def what_is_margin(*, quantity: float, leverage: float, move: int) -> Chart:
    """Return a BTC long in a wallet of 10,000: what it has, needs to open, needs to keep; and how much is felt."""
    entry = 60_000.0
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)
    mark = entry * (1 + move / 100)
    pool = Pool(collateral=10_000, positions=(btc.at(mark),))
    panel = pool_panel(pool, "BTCUSDT", "what you have, what you need", (38_000, 78_000), (-8_500, 22_000))
    needed = ((price, risk(pool.at({"BTCUSDT": price})).initial) for price in panel.lines[0].x)
    initial = Line.through("initial margin", "initial", needed)
    panel = replace(panel, lines=(*panel.lines, initial), markers=panel.markers[:2])
    now = risk(pool)
    drawn = now.effective_leverage < inf
    right = Panel(
        "effective leverage",
        Axis("BTC mark price [$]", (38_000, 78_000)),
        Axis("notional / equity [x]", (0, 20)),
        lines=(
            _felt(pool.at({"BTCUSDT": entry})),
            Line("leverage setting", "initial", (38_000, 78_000), (leverage, leverage)),
        ),
        markers=(Marker("mark price now", "mark", mark if drawn else None, now.effective_leverage if drawn else 0.0),),
    )
    sentence = (
        f"{quantity:g} BTC at {mark:,.0f} is worth {money(now.notional, 0)}. "
        f"A {leverage}x setting asks {money(now.initial, 0)} to open it; keeping it needs {money(now.maintenance)}. "
        f"With {money(now.equity, 0)} of equity the effective leverage is {times(now.effective_leverage)}."
    )
    if now.health is not Health.HEALTHY:
        sentence += f" It is liquidated at {price_text(liquidation_price(pool, 'BTCUSDT'))} already."
    return Chart("A BTC long in a wallet of $10,000", (panel, right), sentence, pool_table(pool, "BTCUSDT"))


@cache
def _felt(pool: Pool) -> Line:
    """Return the effective leverage along the price, where it is not too high to draw."""
    felt = ((price, risk(pool.at({"BTCUSDT": price})).effective_leverage) for price in grid(38_000, 78_000))
    return Line.through("effective leverage", "equity", (each for each in felt if each[1] < FELT_AT_MOST))
