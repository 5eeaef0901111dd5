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
    panels, rows, ends = [], [], []
    for mode, behind, title in (
        ("cross", 10_000.0, "cross margin"),
        ("isolated", btc.entry_notional / leverage, f"isolated margin, {leverage}x"),
    ):
        pool = Pool(collateral=behind, positions=(btc,))
        panel = pool_panel(pool, "BTCUSDT", title, (30_000, 70_000), (-2_000, 15_500))
        price = liquidation_price(pool, "BTCUSDT") or 0.0  # both have one here
        # What the pool has there is its maintenance margin; what never backed it stays, too.
        left = 10_000 - behind + risk(pool.at({"BTCUSDT": price})).equity
        panels += [panel, close_up(panel)]
        rows.append((mode, money(behind), price_text(price), money(left)))
        ends.append((price_text(price), money(left, 0)))
    (cross, kept), (isolated, left_alone) = ends
    sentence = (
        f"At {leverage}x, the isolated position is liquidated at {isolated}, "
        f"the cross position at {cross}: the setting moves the isolated price only. "
        f"The account then has {left_alone} left in isolated, {kept} in cross."
    )
    title = "0.5 BTC bought at 60,000 with a wallet of $10,000, in both modes"
    columns = ("mode", "collateral of the pool", "liquidation price", "the account then has")
    return Chart(title, tuple(panels), sentence, Table(columns, tuple(rows)))
