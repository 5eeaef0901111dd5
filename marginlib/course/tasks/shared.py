"""What several sets use: one flat maintenance margin, the prices at which a position ends, and numbers drawn alike."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from marginlib.liquidation import lone_liquidation_price
from marginlib.model import Account, Position
from marginlib.practice.beliefs import Case
from marginlib.tiers import RiskSchedule

RATE = 0.004  # maintenance margin where a task says nothing else, as in the notebooks
FLAT = RiskSchedule.flat(RATE, max_leverage=125)


# --- numbers --------------------------------------------------------------------------------------------------------


def price(random: Random) -> int:
    """Return a price of BTC."""
    return random.randrange(20_000, 90_001, 500)


def bitcoin(random: Random, most: int = 96) -> float:
    """Return a quantity of BTC from 0.10 up."""
    return random.randrange(10, most) / 100


def letter(case: Mapping[str, Any], words: str) -> str:
    """Return the letter of the option that has these words in it; options are drawn in any order, as p, q, r."""
    return next(mark for mark, name in zip("abc", "pqr", strict=True) if words in case[name])


# --- accounts -------------------------------------------------------------------------------------------------------


def held(quantity: float, entry: float, leverage: float = 1.0, symbol: str = "BTCUSDT") -> Position:
    """Return a position just opened."""
    return Position.open(symbol=symbol, quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)


def lone(wallet: float, quantity: float, entry: float, leverage: float) -> Case:
    """Return a cross account with one position, as the catalogue of beliefs takes it."""
    return Case(account=Account(wallet_balance=wallet, positions=(held(quantity, entry, leverage),)))


def beside(
    wallet: float, quantity: float, entry: float, other_quantity: float, other_entry: float, other_mark: float
) -> Case:
    """Return a cross account with the position asked about and its neighbour."""
    other = held(other_quantity, other_entry, symbol="OTHER").at(other_mark)
    return Case(account=Account(wallet_balance=wallet, positions=(held(quantity, entry), other)))


def moved(answer: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """Return how far BTC and ETH move in an answer [percent], and why that cannot be, or ""."""
    moves = {"BTCUSDT": answer["btc_move"], "ETHUSDT": answer["eth_move"]}
    for name, move in moves.items():
        if not -100 < move <= 1_000:  # noqa: PLR2004 - percent
            return moves, f"A move of {move:g} % for {name}: give more than -100 and at most 1,000."
    return moves, ""


# --- where they end -------------------------------------------------------------------------------------------------


def ends(wallet: float, quantity: float, entry: float) -> float | None:
    """Return the liquidation price of a position with this money behind it; None where there is none."""
    return lone_liquidation_price(wallet, quantity, entry, FLAT)


def bankrupt(wallet: float, quantity: float, entry: float) -> float | None:
    """Return the price at which the money is used up; None where there is none."""
    return lone_liquidation_price(wallet, quantity, entry, RiskSchedule.flat(0.0))


def ends_beside(
    wallet: float, quantity: float, entry: float, other_quantity: float, other_entry: float, other_mark: float
) -> float | None:
    """Return the liquidation price of a position beside a neighbour that wins or loses and needs its own margin."""
    won = other_quantity * (other_mark - other_entry)
    return ends(wallet + won - RATE * abs(other_quantity) * other_mark, quantity, entry)
