"""The picture of the course: one account as tanks, with a wall around a position or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, Handle, Table, choice, figure, slider
from marginlib.drawing.tanks import KIND, Tank, tank, tank_panel, tank_sentence, tank_table
from marginlib.margin import risk
from marginlib.model import Account, Pool, Position
from marginlib.words import money, percent

WALLET, LENS = 10_000.0, 600.0
SIZES = {"BTCUSDT": (30_000.0, 60_000.0), "ETHUSDT": (15_000.0, 3_000.0)}  # dollars, price
MOVES = (-30, -25, -20, -16, -12, -10, -9, -8, -6, -4, -2, 0, 2, 4, 8, 12, 20)
WALLS = {"none": (), "BTC": ("BTCUSDT",), "ETH": ("ETHUSDT",), "each": ("BTCUSDT", "ETHUSDT")}
_WORDS = {"none": "none: cross", "BTC": "around BTC", "ETH": "around ETH", "each": "around each: isolated"}
_FOOT = 0.73  # of a panel of tanks, down from its top: between the pipes, where no number stands


@figure(
    "Where is the wall?",
    choice(
        "walls",
        "walls",
        _WORDS,
        "none",
        (
            Handle("Wall around BTC", 1 / 3, _FOOT, ("BTC", "none", "each", "ETH")),
            Handle("Wall around ETH", 2 / 3, _FOOT, ("ETH", "each", "none", "BTC")),
        ),
    ),
    slider("btc", "BTC price", MOVES, 0, lambda move: percent(move / 100, 0)),
    slider("eth", "ETH price", MOVES, 0, lambda move: percent(move / 100, 0)),
    slider("leverage", "leverage setting", (5, 10, 20), 10, "{}x"),
)
def tanks(*, walls: str, btc: int, eth: int, leverage: int) -> Chart:
    """Return the account's pools as tanks after a move of each coin, straight to there."""
    shared, *own = (straight(pool, {"BTCUSDT": btc, "ETHUSDT": eth}) for pool in _pools(walls, leverage))
    left, right = (own[WALLS[walls].index(symbol)] if symbol in WALLS[walls] else None for symbol in SIZES)
    moved = f"BTC {move_text(btc)}, ETH {move_text(eth)}"
    panels = (
        tank_panel(moved, (left, shared, right), WALLET),
        tank_panel("the last dollars, seen close", (left, shared, right), LENS, lens=True),
    )
    sentence = f"{moved}: {tank_sentence([shared, *own])}"
    return Chart("One account as tanks", panels, sentence, tank_table([shared, *own]), KIND)


@cache
def _pools(walls: str, leverage: int) -> tuple[Pool, ...]:
    """Return the pools of the account: what has no wall around it shares the first."""
    opened = {symbol: opening(symbol, leverage) for symbol in SIZES}
    held = tuple(each.isolated() if symbol in WALLS[walls] else each for symbol, each in opened.items())
    return Account(wallet_balance=WALLET, positions=held).pools()


def opening(symbol: str, leverage: float) -> Position:
    """Return a long of the size and at the price of the picture, cross."""
    dollars, price = SIZES[symbol]
    return Position.open(symbol=symbol, quantity=dollars / price, price=price, schedule=FLAT, leverage=leverage)


def straight(pool: Pool, moves: Mapping[str, float]) -> Tank:
    """Return a pool as a tank after moves of the coins [%], liquidated where the straight way there meets its line.

    The rate is flat, so equity less maintenance margin is straight along the way, and where it is 0 needs no search.
    """

    def moved(share: float) -> Pool:
        marks = {each.symbol: each.entry_price * (1 + share * moves[each.symbol] / 100) for each in pool.positions}
        return pool.at(marks)

    before, after = (now.equity - now.maintenance for now in (risk(pool), risk(moved(1.0))))
    ended = bool(pool.positions) and after <= 0
    widest = SIZES["BTCUSDT"][0]
    if ended:
        return tank(pool, Pool(collateral=0.0), widest, risk(moved(before / (before - after))).equity)
    return tank(pool, moved(1.0), widest)


def modes_sentence(drawn: Mapping[str, Sequence[Tank]]) -> str:
    """Return what the account has in each mode, in words."""
    return " ".join(f"{mode.capitalize()}: {tank_sentence(each)}" for mode, each in drawn.items())


def modes_table(drawn: Mapping[str, Sequence[Tank]]) -> Table:
    """Return the pools of the account in each mode."""
    rows = (
        (mode, each.name, money(each.start, 0), money(each.level, 0), each.state)
        for mode, tanks in drawn.items()
        for each in tanks
    )
    return Table(("system", "pool", "equity at the start", "equity now", "state"), tuple(rows))


def move_text(move: int) -> str:
    """Return a move [%] in words."""
    return percent(move / 100, 0) if move else "unmoved"
