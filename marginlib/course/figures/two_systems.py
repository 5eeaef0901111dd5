"""Notebook 00: the two systems beside each other, one long in one account."""

from __future__ import annotations

from marginlib.course.figures.tanks import WALLET, modes_sentence, modes_table, move_text, opening, straight
from marginlib.drawing.chart import Chart, figure, slider
from marginlib.drawing.tanks import KIND, tank_panel
from marginlib.model import Account
from marginlib.words import percent

_MOVES = (-40, -34, -33, -30, -25, -20, -15, -12, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 5, 10, 15, 20)


@figure(
    "Two systems, one trade",
    slider("leverage", "leverage setting", (4, 5, 10, 20, 50), 10, "{}x"),
    slider("btc", "BTC price", _MOVES, 0, lambda move: percent(move / 100, 0)),
)
def two_systems(*, leverage: int, btc: int) -> Chart:
    """Return the pools of the same account in both modes after a move of the price, straight to there."""
    long = opening("BTCUSDT", leverage)
    drawn = {
        mode: [straight(pool, {"BTCUSDT": btc}) for pool in Account(wallet_balance=WALLET, positions=(each,)).pools()]
        for mode, each in (("cross", long), ("isolated", long.isolated()))
    }
    (cross,), (wallet, own) = drawn.values()
    panels = (
        tank_panel("cross: one tank", [cross], WALLET),
        tank_panel("isolated: a wall", [own, wallet], WALLET),
    )
    title = "A long of $30,000 in an account of $10,000, in both systems"
    return Chart(title, panels, f"BTC {move_text(btc)}. {modes_sentence(drawn)}", modes_table(drawn), KIND)
