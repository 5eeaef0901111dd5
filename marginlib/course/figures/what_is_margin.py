"""Notebook 01: margin, the leverage setting, and the leverage that is felt."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import (
    Chart,
    Explorer,
    Line,
    Marker,
    Panel,
    alt_text,
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

__all__ = ["WHAT_IS_MARGIN"]

FELT_AT_MOST = 40  # effective leverage grows without bound as equity runs out; the axis ends before


def _what_is_margin(*, quantity: float, leverage: float, move: int) -> Chart:
    """Return a BTC long in a wallet of 10,000: what it has, needs to open, needs to keep; and how much is felt."""
    entry = 60_000.0
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)
    pool = Pool(collateral=10_000, positions=(btc.at(entry * (1 + move / 100)),))
    panel = pool_panel(
        pool, "BTCUSDT", title="what you have, what you need", x_range=(38_000, 78_000), y_range=(-8_500, 22_000)
    )
    prices = panel.lines[0].x
    initial = Line(
        "initial margin", "initial", prices, tuple(risk(pool.at({"BTCUSDT": price})).initial for price in prices)
    )
    panel = replace(panel, lines=(*panel.lines, initial), markers=panel.markers[:2])
    now = risk(pool)
    shown = _felt(pool.at({"BTCUSDT": entry}))
    right = Panel(
        title="effective leverage",
        x_label="BTC mark price [$]",
        y_label="notional / equity [x]",
        x_range=(38_000, 78_000),
        y_range=(0, 20),
        lines=(
            Line("effective leverage", "equity", tuple(p for p, _ in shown), tuple(e for _, e in shown)),
            Line("leverage setting", "initial", (38_000, 78_000), (leverage, leverage)),
        ),
        markers=(
            Marker(
                "mark price now",
                "mark",
                None if now.effective_leverage == inf else pool.positions[0].mark_price,
                0.0 if now.effective_leverage == inf else now.effective_leverage,
            ),
        ),
    )
    sentence = (
        f"{quantity:g} BTC at {pool.positions[0].mark_price:,.0f} is worth {money(now.notional, 0)}. "
        f"A {leverage}x setting asks {money(now.initial, 0)} to open it; keeping it needs {money(now.maintenance)}. "
        f"With {money(now.equity, 0)} of equity the effective leverage is {times(now.effective_leverage)}."
    )
    if now.health is not Health.HEALTHY:
        sentence += f" It is liquidated at {price_text(liquidation_price(pool, 'BTCUSDT'))} already."
    return Chart(
        panels=(panel, right),
        sentence=sentence,
        table=pool_table(pool, "BTCUSDT"),
        alt=alt_text("A BTC long in a wallet of $10,000", panel, sentence),
    )


@cache
def _felt(pool: Pool) -> tuple[tuple[float, float], ...]:
    """Return the effective leverage along the price, where it is not too high to draw."""
    felt = [(price, risk(pool.at({"BTCUSDT": price})).effective_leverage) for price in grid(38_000, 78_000)]
    return tuple((price, leverage) for price, leverage in felt if leverage < FELT_AT_MOST)


WHAT_IS_MARGIN = Explorer(
    name="WHAT_IS_MARGIN",
    title="What you have and what you need",
    controls=(
        slider("quantity", "size [BTC]", (0.1, 0.2, 0.3, 0.5, 0.8, 1.0), 0.5, "{:g} BTC"),
        slider("leverage", "leverage setting", (6, 8, 10, 15, 20), 10, "{}x"),
        slider("move", "price move", tuple(range(-30, 31, 2)), 0, "{:+d} %"),
    ),
    build=_what_is_margin,
)
