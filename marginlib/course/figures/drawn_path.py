"""Notebooks 04 and 09: the same two accounts on a path of prices that the learner draws.

Both coins move together, so what has become of a pool of longs depends on two numbers only: the lowest price so far,
which may have ended it, and the price now. A frame for each pair of them serves every path that can be drawn.
"""

from __future__ import annotations

from functools import cache

from marginlib.course.figures import FLAT
from marginlib.course.figures.race import GROUPS, MARGIN, WALLET, short
from marginlib.course.figures.tanks import SIZES, modes_sentence, modes_table, straight
from marginlib.drawing.chart import Chart, figure, slider
from marginlib.drawing.tanks import KIND, Tank, tank_panel
from marginlib.model import Account, Pool, Position
from marginlib.words import money, percent

MOVES = tuple(range(-46, 13, 2))
FASTER = 1.5  # how far ETH moves while BTC moves by 1
_FIRST = (-2, -6, -10, -12, -8, -4, -8, -14, -20, -24, -18, -8)


@figure(
    "Two accounts on a path of your own",
    slider("leverage", "leverage", (4, 6, 10), 6, "{}x"),
    slider("lowest", "BTC's lowest so far", MOVES[: MOVES.index(0) + 1], 0, lambda move: percent(move / 100, 0)),
    slider("now", "BTC now", MOVES, 0, lambda move: percent(move / 100, 0), path=_FIRST),
)
def drawn_path(*, leverage: int, lowest: int, now: int) -> Chart:
    """Return both accounts as tanks where BTC has been at its lowest and stands now; ETH moves further."""
    reached = min(lowest, now)
    drawn = {mode: [_after(pool, reached, now) for pool in pools] for mode, pools in accounts(leverage).items()}
    (cross,), (wallet, btc, eth) = ([short(each) for each in tanks] for tanks in drawn.values())
    panel = tank_panel(GROUPS, (cross, btc, eth, wallet), WALLET)
    lowest_now = f"BTC's lowest so far is {percent(reached / 100, 0)}, now it is at {percent(now / 100, 0)}."
    held = f"Two longs of {money(MARGIN * leverage, 0)}; ETH moves {FASTER:g} times as far."
    sentence = f"{lowest_now} {held} {modes_sentence(drawn)}"
    return Chart(f"Two accounts at {leverage}x", (panel,), sentence, modes_table(drawn), KIND)


@cache
def accounts(leverage: int) -> dict[str, tuple[Pool, ...]]:
    """Return the pools of both accounts at the start."""
    opened = tuple(
        Position.open(symbol=each, quantity=MARGIN * leverage / price, price=price, schedule=FLAT, leverage=leverage)
        for each, (_, price) in SIZES.items()
    )
    modes = {"cross": opened, "isolated": tuple(each.isolated() for each in opened)}
    return {mode: Account(wallet_balance=WALLET, positions=held).pools() for mode, held in modes.items()}


def _after(pool: Pool, lowest: int, now: int) -> Tank:
    """Return a pool as a tank: ended where the way down to the lowest price ended it, else at the price now."""
    down, there = (straight(pool, {"BTCUSDT": move, "ETHUSDT": FASTER * move}) for move in (lowest, now))
    return there if down.taken is None else down
