"""Notebook 02: one isolated position."""

from __future__ import annotations

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, choice, close_up, figure, pool_panel, pool_sentence, pool_table, slider
from marginlib.model import Pool, Position
from marginlib.words import money


@figure(
    "One position with its own collateral",
    choice("direction", "direction", {1: "long", -1: "short"}, 1),
    slider("leverage", "leverage setting", (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100), 10, "{}x"),
    slider("added", "margin added", tuple(range(0, 1_001, 50)), 0, "${:,}"),
)
def isolated(*, direction: int, leverage: float, added: float) -> Chart:
    """Return a BTC position with 500 of isolated margin, and what has been added to it."""
    btc = Position.open(
        symbol="BTCUSDT", quantity=direction * 500 * leverage / 60_000, price=60_000, schedule=FLAT, leverage=leverage
    )
    word = "long" if direction > 0 else "short"
    pool = Pool(collateral=500 + added, positions=(btc,))
    panel = pool_panel(pool, "BTCUSDT", f"$500 at {leverage}x, {word}", (20_000, 100_000), (-400, 3_600))
    held = f"A {word} of {money(btc.entry_notional, 0)} with {money(pool.collateral, 0)} behind it."
    title, sentence = f"Isolated margin: a BTC {word} opened at 60,000", f"{held} {pool_sentence(pool, 'BTCUSDT')}"
    return Chart(title, (panel, close_up(panel)), sentence, pool_table(pool, "BTCUSDT"))
