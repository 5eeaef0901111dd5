"""Notebook 03: the whole account behind one position."""

from __future__ import annotations

from dataclasses import replace

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, Marker, close_up, figure, pool_panel, pool_sentence, pool_table, slider
from marginlib.liquidation import liquidation_price
from marginlib.model import Pool, Position
from marginlib.words import money, price_text


@figure(
    "The whole account behind one position",
    slider("leverage", "leverage setting", (1, 2, 5, 8, 10, 15, 20, 30, 40, 50), 20, "{}x"),
    slider("wallet", "wallet balance", (1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000), 10_000, "${:,}"),
)
def cross(*, leverage: int, wallet: int) -> Chart:
    """Return an ETH long with 1,000 of initial margin, backed by a whole wallet."""
    eth = Position.open(
        symbol="ETHUSDT", quantity=1_000 * leverage / 3_000, price=3_000, schedule=FLAT, leverage=leverage
    )
    pool = Pool(collateral=wallet, positions=(eth,))
    own = Pool(collateral=1_000, positions=(eth,))
    panel = pool_panel(pool, "ETHUSDT", f"$1,000 of margin at {leverage}x, cross", (0, 4_500), (-4_000, 32_000))
    alone = liquidation_price(own, "ETHUSDT")
    panel = replace(panel, markers=(*panel.markers, Marker("with $1,000 isolated", "isolated", alone, 0.0)))
    price = liquidation_price(pool, "ETHUSDT")
    kept = [None if end is None else FLAT.maintenance_margin(abs(eth.quantity) * end) for end in (price, alone)]
    end = "" if kept[0] is None else f" The account then has {money(kept[0])}."
    other = "" if kept[1] is None else f", and the account would have {money(wallet - 1_000 + kept[1])}"
    sentence = (
        f"{money(eth.entry_notional, 0)} of ETH backed by {money(wallet, 0)}. {pool_sentence(pool, 'ETHUSDT')}{end} "
        f"With only its $1,000 behind it, isolated, the price would be {price_text(alone)}{other}."
    )
    title = "Cross margin: an ETH long backed by the whole wallet"
    return Chart(title, (panel, close_up(panel)), sentence, pool_table(pool, "ETHUSDT"))
