"""Notebook 01: margin, the leverage setting, and the leverage that is felt."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from marginlib.course.figures import FLAT
from marginlib.drawing import Axis, Chart, Line, Marker, Panel, figure, slider
from marginlib.drawing.chart import close_up, grid, pool_panel, pool_table, times
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Health, Pool, Position
from marginlib.words import money, percent, price_text

FELT_AT_MOST = 40  # effective leverage grows without bound as equity runs out; the axis ends before


@figure(
    "What you have and what you need",
    slider("quantity", "size [BTC]", (0.1, 0.2, 0.3, 0.5, 0.8, 1.0), 0.5, "{:g} BTC"),
    slider("leverage", "leverage setting", (2, 3, 4, 5, 6, 8, 10, 15, 20, 50), 10, "{}x"),
    slider("move", "price move", tuple(range(-30, 31, 2)), 0, lambda move: percent(move / 100, 0)),
)
def what_is_margin(*, quantity: float, leverage: float, move: int) -> Chart:
    """Return a BTC long in a wallet of 10,000: what it has, needs to open, needs to keep; and how much is felt."""
    entry = 60_000.0
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)
    mark = entry * (1 + move / 100)
    pool = Pool(collateral=10_000, positions=(btc.at(mark),))
    panel = pool_panel(pool, "BTCUSDT", "what you have, what you need", (38_000, 78_000), (-2_500, 22_000))
    needed = ((price, risk(pool.at({"BTCUSDT": price})).initial) for price in panel.lines[0].x)
    initial = Line.through("initial margin", "initial", needed)
    now, price = risk(pool), liquidation_price(pool, "BTCUSDT")
    over = now.health is not Health.HEALTHY
    end = risk(pool.at({"BTCUSDT": price})) if over and price else now
    # Once it is liquidated the price goes on without the position, and the account keeps what was left.
    here = replace(panel.markers[0], y=end.equity)
    panel = replace(panel, lines=(*panel.lines, initial), markers=(here, *panel.markers[1:]))
    x, felt = (None, 0.0) if over else (mark, now.effective_leverage)
    right = Panel(
        "effective leverage",
        Axis("BTC mark price [$]", (38_000, 78_000)),
        Axis("notional / equity [x]", (0, 20)),
        lines=(
            _felt(pool.at({"BTCUSDT": entry})),
            Line("leverage setting", "initial", (38_000, 78_000), (leverage, leverage)),
        ),
        markers=(Marker("mark price now", "mark", x, felt, "now: there is no position"),),
    )
    asked, most = btc.entry_notional / leverage, pool.collateral
    if over:
        sentence = (
            f"{quantity:g} BTC bought at {entry:,.0f}, and BTC is at {mark:,.0f}: the long was liquidated at "
            f"{price_text(price)} on the way, with {money(end.equity)} left of {money(most, 0)}."
        )
    else:
        sentence = (
            f"{quantity:g} BTC at {mark:,.0f} is worth {money(now.notional, 0)}. "
            f"A {leverage}x setting asks {money(now.initial, 0)} to open it; keeping it needs {money(now.maintenance)}."
            f" With {money(now.equity, 0)} of equity the effective leverage is {times(now.effective_leverage)}."
        )
    if asked > most:
        sentence += f" But at {entry:,.0f} it asked {money(asked, 0)}: more than there is, so it could not be opened."
    table = pool_table(pool.at({"BTCUSDT": price}) if over and price else pool, "BTCUSDT")
    if over:
        table = replace(table, columns=("of the pool, when it ended", "value"))
    return Chart("A BTC long in a wallet of $10,000", (panel, close_up(panel), right), sentence, table)


@cache
def _felt(pool: Pool) -> Line:
    """Return the effective leverage along the price, where it is not too high to draw."""
    felt = ((price, risk(pool.at({"BTCUSDT": price})).effective_leverage) for price in grid(38_000, 78_000))
    return Line.through("effective leverage", "equity", (each for each in felt if each[1] < FELT_AT_MOST))
