"""Notebook 03: one position of a cross pool moves the liquidation price of another."""

from __future__ import annotations

from functools import cache

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, figure, slider
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Health, Pool, Position
from marginlib.tiers import RiskSchedule
from marginlib.words import money, percent, price_text

MOVES = tuple(range(-24, 11))  # of SOL [%]
FLAT_SOL = RiskSchedule.flat(0.005, max_leverage=100)


@figure(
    "One position moves the other's liquidation price",
    slider("sol_move", "SOL price move", MOVES, 0, lambda move: percent(move / 100, 0)),
)
def contagion(*, sol_move: int) -> Chart:
    """Return ETH and SOL longs in one cross pool, while only SOL moves."""
    eth = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=FLAT)
    sol = Position.open(symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=FLAT_SOL)
    pool = Pool(collateral=10_000, positions=(eth, sol))
    here = pool.at({"SOLUSDT": 150 * (1 + sol_move / 100)})
    price = liquidation_price(here, "ETHUSDT")
    x = None if price is None else float(sol_move)
    panel = Panel(
        "ETH's liquidation price while only SOL moves",
        Axis("SOL price move [%]", (-25, 11)),
        Axis("ETH price [$]", (0, 4_500)),
        lines=(_eth_prices(pool), Line("ETH mark price", "mark", (-25, 11), (3_000, 3_000))),
        markers=(Marker("now, SOL at {} %", "mark", x, price or 0.0, "now: no price of ETH liquidates"),),
    )
    now = risk(here)
    verdict = "No positive ETH price liquidates the account."
    if price is not None:
        verdict = f"ETH's liquidation price is {price:,.0f}."
    sentence = f"SOL has moved by {percent(sol_move / 100, 0)}, ETH stands still at 3,000. {verdict}"
    if now.health is not Health.HEALTHY:
        sentence += " The account is liquidated already."
    rows = (
        ("SOL unrealized PnL", money(here.positions[1].unrealized_pnl)),
        ("equity", money(now.equity)),
        ("maintenance margin", money(now.maintenance)),
        ("ETH liquidation price", price_text(price)),
        ("ETH mark price", "3,000.00"),
    )
    return Chart("Contagion in a cross pool of $10,000", (panel,), sentence, Table(("of the pool", "value"), rows))


@cache
def _eth_prices(pool: Pool) -> Line:
    """Return ETH's liquidation price for each move of SOL [%] that leaves one."""
    found = ((move, liquidation_price(pool.at({"SOLUSDT": 150 * (1 + move / 100)}), "ETHUSDT")) for move in MOVES)
    shown = ((move, price) for move, price in found if price is not None)
    return Line.through("ETH liquidation price", "liquidation", shown)
