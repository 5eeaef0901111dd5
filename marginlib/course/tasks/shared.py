"""What several sets use: one flat maintenance margin, the prices at which a position ends, and numbers drawn alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from marginlib.liquidation import lone_liquidation_price
from marginlib.margin import Risk, risk
from marginlib.model import Account, Coin, Netting, Order, Pool, Position
from marginlib.practice.beliefs import Case
from marginlib.tiers import RiskSchedule

RATE = 0.004  # maintenance margin where a task says nothing else, as in the notebooks
FLAT = RiskSchedule.flat(RATE, max_leverage=125)


def price(random: Random) -> int:
    """Return a price of BTC."""
    return random.randrange(20_000, 90_001, 500)


def thousands(random: Random) -> int:
    """Return whole thousands of dollars."""
    return random.randrange(4_000, 20_001, 1_000)


def bitcoin(random: Random) -> float:
    """Return a quantity of BTC from 0.10 to 0.95."""
    return random.randrange(10, 96) / 100


MOVES = ("up", "down", "same")


def ways(*changes: float) -> list[str]:
    """Return for each change whether it goes up, goes down or stays the same, in the words of a prediction."""
    return ["same" if change == 0 else "up" if change > 0 else "down" for change in changes]


def letter(case: Mapping[str, Any], words: str) -> str:
    """Return the letter of the option that has these words in it; options are drawn in any order, as p, q, r."""
    return next(mark for mark, name in zip("abc", "pqr", strict=True) if words in case[name])


def held(
    quantity: float, entry: float, leverage: float = 1.0, symbol: str = "BTCUSDT", schedule: RiskSchedule = FLAT
) -> Position:
    """Return a position just opened."""
    return Position.open(symbol=symbol, quantity=quantity, price=entry, schedule=schedule, leverage=leverage)


def account(wallet: float, *positions: Position, volatility: float = 0.0, days: float = 0.0) -> Case:
    """Return an account as the catalogue of beliefs takes it."""
    return Case(account=Account(wallet_balance=wallet, positions=positions), volatility=volatility, days=days)


def with_orders(reserved: float, wallet: float, *positions: Position) -> Case:
    """Return an account in which an open order reserves that much initial margin."""
    order = Order(name="bid", symbol="ETHUSDT", quantity=reserved / 1_000, price=1_000)
    return Case(account=Account(wallet_balance=wallet, positions=positions, orders=(order,)))


def with_coins(coins: float, haircut: float, wallet: float, *positions: Position) -> Case:
    """Return an account with coins of its first position's symbol as collateral, at the same mark."""
    first = positions[0]
    coin = Coin(symbol=first.symbol, amount=coins, mark_price=first.mark_price, haircut=haircut)
    return Case(account=Account(wallet_balance=wallet, positions=positions, coins=(coin,)))


RULES = MappingProxyType(dict(zip(("each leg", "larger leg", "closed first"), Netting, strict=True)))
"""What a task calls the rules of netting."""


def margin_asked(long: float, short: float, rule: str) -> float:
    """Return the size of which a rule of netting asks margin, for a long and a short of one coin."""
    return {"each leg": long + short, "larger leg": max(long, short), "closed first": abs(long - short)}[rule]


def held_pair(wallet: float, long: float, long_entry: float, short: float, short_entry: float, rule: str) -> Case:
    """Return an account with a long and a short of one coin at a venue with this rule of netting."""
    legs = held(long, long_entry).at(short_entry), held(-short, short_entry)
    return Case(account=Account(wallet_balance=wallet, positions=legs, netting=RULES[rule]))


def standing(wallet: float, *positions: Position) -> Risk:
    """Return how a pool with this money behind these positions stands."""
    return risk(Pool(collateral=wallet, positions=positions))


def lone(wallet: float, quantity: float, entry: float, leverage: float) -> Case:
    """Return a cross account with one position."""
    return account(wallet, held(quantity, entry, leverage))


def moved(answer: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """Return how far BTC and ETH move in an answer [percent], and why that cannot be, or ""."""
    moves = {"BTCUSDT": answer["btc_move"], "ETHUSDT": answer["eth_move"]}
    for name, move in moves.items():
        if not -100 < move <= 1_000:  # noqa: PLR2004 - percent
            return moves, f"A move of {move:g} % for {name}: give more than -100 and at most 1,000."
    return moves, ""


def ends(wallet: float, quantity: float, entry: float, *, rate: float = RATE) -> float | None:
    """Return the liquidation price of a position with this money behind it; None where there is none."""
    return lone_liquidation_price(wallet, quantity, entry, RiskSchedule.flat(rate))


def bankrupt(wallet: float, quantity: float, entry: float) -> float | None:
    """Return the price at which the money is used up; None where there is none."""
    return ends(wallet, quantity, entry, rate=0.0)


def paid(quantity: float, price: float, rate: float, days: float) -> float:
    """Return what funding takes in so many days of three settlements; below 0 it is received."""
    return 3 * days * rate * quantity * price


def beside(
    wallet: float, quantity: float, entry: float, other_quantity: float, other_entry: float, other_mark: float
) -> Case:
    """Return a cross account with the position asked about and its neighbour."""
    return account(wallet, held(quantity, entry), held(other_quantity, other_entry, symbol="OTHER").at(other_mark))


def ends_beside(
    wallet: float,
    quantity: float,
    entry: float,
    other_quantity: float,
    other_entry: float,
    other_mark: float,
    *,
    rate: float = RATE,
    keeps: float = 1.0,
    wins: bool = True,
) -> float | None:
    """Return the liquidation price beside a neighbour that wins or loses and keeps its margin, or does not."""
    won = wins * other_quantity * (other_mark - other_entry)
    return ends(wallet + won - keeps * rate * abs(other_quantity) * other_mark, quantity, entry, rate=rate)


NEIGHBOURS: Mapping[str, Callable[..., float | None]] = MappingProxyType(
    {
        "OTHER_POSITIONS_SIGN": lambda **case: ends_beside(**{**case, "other_quantity": abs(case["other_quantity"])}),
        "OTHER_POSITIONS_MAINTENANCE": lambda **case: ends_beside(**case, keeps=0.0),
        "OTHER_POSITIONS_PNL": lambda **case: ends_beside(**case, wins=False),
        "NO_MAINTENANCE": lambda **case: ends_beside(**case, rate=0.0),
    }
)
"""Beliefs about the neighbour, and the price of who holds them; the first one is the bot's of the audit."""
