"""Notebook 03: one position of a cross pool moves the liquidation price of another."""

from __future__ import annotations

from functools import cache

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, Explorer, Line, Marker, Panel, Table, alt_text, slider
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Health, Pool, Position
from marginlib.tiers import RiskSchedule
from marginlib.words import money, price_text

__all__ = ["CONTAGION"]

FLAT_SOL = RiskSchedule.flat(0.005, max_leverage=100)


def _contagion(*, sol_move: int) -> Chart:
    """Return ETH and SOL longs in one cross pool, while only SOL moves."""
    eth = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=FLAT)
    sol = Position.open(symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=FLAT_SOL)
    pool = Pool(collateral=10_000, positions=(eth, sol))
    drawn = _eth_prices(pool)
    here = pool.at({"SOLUSDT": 150 * (1 + sol_move / 100)})
    price = liquidation_price(here, "ETHUSDT")
    panel = Panel(
        title="ETH's liquidation price while only SOL moves",
        x_label="SOL price move [%]",
        y_label="ETH price [$]",
        x_range=(-25, 11),
        y_range=(0, 4_500),
        lines=(
            Line(
                "ETH liquidation price",
                "liquidation",
                tuple(move for move, _ in drawn),
                tuple(value for _, value in drawn),
            ),
            Line("ETH mark price", "mark", (-25, 11), (3_000, 3_000)),
        ),
        markers=(Marker("now", "mark", None if price is None else float(sol_move), price or 0.0),),
    )
    now = risk(here)
    verdict = (
        "No positive ETH price liquidates the account."
        if price is None
        else f"ETH's liquidation price is {price:,.0f}."
    )
    sentence = f"SOL has moved {sol_move:+d} %, ETH has not moved from 3,000. {verdict}"
    if now.health is not Health.HEALTHY:
        sentence += " The account is liquidated already."
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=Table(
            columns=("of the pool", "value"),
            rows=(
                ("SOL unrealized PnL", money(here.positions[1].unrealized_pnl)),
                ("equity", money(now.equity)),
                ("maintenance margin", money(now.maintenance)),
                ("ETH liquidation price", price_text(price)),
                ("ETH mark price", "3,000.00"),
            ),
        ),
        alt=alt_text("Contagion in a cross pool of $10,000", panel, sentence),
    )


@cache
def _eth_prices(pool: Pool) -> tuple[tuple[float, float], ...]:
    """Return ETH's liquidation price for each move of SOL [%] that leaves one."""
    moves = range(-24, 11)
    prices = [liquidation_price(pool.at({"SOLUSDT": 150 * (1 + move / 100)}), "ETHUSDT") for move in moves]
    return tuple((float(move), price) for move, price in zip(moves, prices, strict=True) if price is not None)


CONTAGION = Explorer(
    name="CONTAGION",
    title="One position moves the other's liquidation price",
    controls=(slider("sol_move", "SOL price move", tuple(range(-24, 11)), 0, "{:+d} %"),),
    build=_contagion,
)
