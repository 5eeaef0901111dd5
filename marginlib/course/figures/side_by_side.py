"""Notebook 04: the same trade in both modes, side by side."""

from __future__ import annotations

from dataclasses import replace

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, Marker, Table, choice, figure, pool_panel, slider
from marginlib.liquidation import close_out, liquidation_price
from marginlib.margin import risk
from marginlib.model import Pool, Position
from marginlib.words import money, price_text


@figure(
    "The same trade in both modes",
    choice("same", "compare at", {"size": "same size", "margin": "same margin"}, "size"),
    slider("move", "price move", tuple(range(-40, 21)), -12, "{:+d} %"),
)
def side_by_side(*, same: str, move: int) -> Chart:
    """Return one BTC long in a wallet of 10,000: cross beside isolated, at one price move."""
    quantity = {"size": 0.5, "margin": 0.05}[same]
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=60_000, schedule=FLAT, leverage=10)
    # Same size: the isolated pool holds the initial margin only. Same margin: both pools hold the same money.
    cross_money, isolated_money = {"size": (10_000.0, 3_000.0), "margin": (300.0, 300.0)}[same]
    mark = 60_000 * (1 + move / 100)
    pools = {
        "cross": Pool(collateral=cross_money, positions=(btc,)),
        "isolated": Pool(collateral=isolated_money, positions=(btc,)),
    }
    top = {"size": (-6_000, 18_000), "margin": (-700, 1_000)}[same]
    ends = {name: _after_fall(pool, mark) for name, pool in pools.items()}
    panels = []
    for name, pool in pools.items():
        title = f"{name}: {money(pool.collateral, 0)} behind {quantity:g} BTC"
        panel = pool_panel(pool, "BTCUSDT", title, (36_000, 72_000), top)
        # What is left now: on the equity line while the pool lives, what the close-out left once it does not.
        left = Marker("left, with BTC at", "mark", mark, ends[name][1])
        panels.append(replace(panel, markers=(left, *panel.markers[1:])))
    sentence = f"BTC has moved {move:+d} % to {mark:,.0f}. " + " ".join(
        f"{name.capitalize()}: {text}." for name, (text, _) in ends.items()
    )
    rows = tuple(
        (
            name,
            money(pool.collateral, 0),
            price_text(liquidation_price(pool, "BTCUSDT")),
            ends[name][0],
            money(ends[name][1]),
        )
        for name, pool in pools.items()
    )
    return Chart(
        f"{quantity:g} BTC bought at 60,000, cross and isolated",
        tuple(panels),
        sentence,
        Table(("mode", "collateral", "liquidation price", "state", "left in the pool"), rows),
    )


def _after_fall(pool: Pool, mark: float) -> tuple[str, float]:
    """Return the state of a long pool after a steady move to `mark`, and what is left in it."""
    liquidation = liquidation_price(pool, "BTCUSDT")
    if liquidation is not None and mark <= liquidation:
        left = close_out(pool.at({"BTCUSDT": liquidation})).remaining
        return f"liquidated at {liquidation:,.0f} with {money(left)} left", left
    now = risk(pool.at({"BTCUSDT": mark}))
    return f"alive with {money(now.equity, 0)} of equity", now.equity
