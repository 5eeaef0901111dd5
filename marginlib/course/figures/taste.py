"""Notebook 00: the same trade in both modes, and what the leverage setting does to each."""

from __future__ import annotations

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, Table, close_up, figure, pool_panel, slider
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Pool, Position
from marginlib.words import money, price_text

LEVERAGES = (3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100)


@figure("One trade, two margin modes", slider("leverage", "leverage setting", LEVERAGES, 5, "{}x"))
def taste(*, leverage: float) -> Chart:
    """Return half a bitcoin bought at 60,000 with a wallet of 10,000, in cross and in isolated mode."""
    btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=FLAT, leverage=leverage)
    cross = Pool(collateral=10_000, positions=(btc,))
    isolated = Pool(collateral=btc.entry_notional / leverage, positions=(btc,))
    wholes = [
        pool_panel(pool, "BTCUSDT", title, (30_000, 70_000), (-2_000, 15_500))
        for pool, title in ((cross, "cross margin"), (isolated, f"isolated margin, {leverage}x"))
    ]
    panels = tuple(panel for whole in wholes for panel in (whole, close_up(whole)))
    at = [liquidation_price(pool, "BTCUSDT") for pool in (cross, isolated)]
    # Both have a price here. What the pool has there is its maintenance margin; what never backed it stays, too.
    left = [
        10_000 - pool.collateral + risk(pool.at({"BTCUSDT": price})).equity
        for pool, price in zip((cross, isolated), at, strict=True)
        if price is not None
    ]
    sentence = (
        f"At {leverage}x, the isolated position is liquidated at {price_text(at[1])}, "
        f"the cross position at {price_text(at[0])}: the setting moves the isolated price only. "
        f"The account then has {money(left[1], 0)} left in isolated, {money(left[0], 0)} in cross."
    )
    rows = tuple(
        (name, money(pool.collateral), price_text(price), money(kept))
        for name, pool, price, kept in zip(("cross", "isolated"), (cross, isolated), at, left, strict=True)
    )
    return Chart(
        "0.5 BTC bought at 60,000 with a wallet of $10,000, in both modes",
        panels,
        sentence,
        Table(("mode", "collateral of the pool", "liquidation price", "the account then has"), rows),
    )
