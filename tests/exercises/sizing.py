"""Right answers to the set `sizing`, written differently: what a learner might do instead of the model solution."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from marginlib import Account, Pool, Position, RiskSchedule, available_balance, initial_margin, liquidation_price, risk

FLAT = RiskSchedule.flat(0.004, max_leverage=125)


def position(quantity, entry, mark, leverage=1):
    opened = Position.open(symbol="BTCUSDT", quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)
    return opened.at(mark)


def pool(wallet, quantity, entry, mark, leverage=1):
    return Pool(collateral=wallet, positions=(position(quantity, entry, mark, leverage),))


def profit_by_small_steps(quantity, entry, mark, leverage):
    """Add up a thousand small moves."""
    step = (mark - entry) / 1_000
    return sum(quantity * step for _ in range(1_000))


def available_by_table(wallet, quantity, entry, mark, leverage):
    row = pd.Series({"wallet": wallet, "profit": quantity * mark - quantity * entry})
    row["reserved"] = -np.abs(quantity) * mark / leverage
    return np.clip(row.sum(), 0, None)


def available_by_branches(wallet, quantity, entry, mark, leverage):
    """The long way: a case for each side."""
    gain = quantity * (mark - entry) if quantity > 0 else -abs(quantity) * (mark - entry)
    left = wallet + gain - abs(quantity * mark) / leverage
    if left < 0:
        left = 0
    return left


def changes_by_engine(quantity, price, wallet, before, after):
    """Compute all five for both settings and compare."""
    rows = []
    for leverage in (before, after):
        trade = position(quantity, price, price, leverage)
        now = risk(Pool(collateral=wallet, positions=(trade,)))
        moved = trade.at(price + 1_000).unrealized_pnl
        rows.append((now.initial, now.maintenance, now.available, now.effective_leverage, moved))
    return ["same" if a == b else "up" if b > a else "down" for a, b in zip(*rows, strict=True)]


def largest_by_engine(wallet, fall, leverage, p, q, r, s):
    """Try each size at the price after the fall."""
    living = {}
    for letter, notional in zip("abcd", (p, q, r, s), strict=True):
        trade = position(notional / 60_000, 60_000, 60_000)
        price = liquidation_price(Pool(collateral=wallet, positions=(trade,)), "BTCUSDT")
        if price is None or price < 60_000 * (1 - fall / 100):
            living[letter] = notional
    return max(living, key=living.get), 3


OTHERS = {
    "sizing-1": (
        lambda quantity, entry, mark, leverage: initial_margin(position(quantity, entry, mark, leverage)),
        lambda quantity, entry, mark, leverage: np.float32(quantity) * mark / leverage,
        lambda quantity, entry, mark, leverage: Decimal(str(quantity)) * mark / leverage,
    ),
    "sizing-2": (
        profit_by_small_steps,
        lambda quantity, entry, mark, leverage: np.array([quantity * mark]) - np.array([quantity * entry]),
        lambda quantity, entry, mark, leverage: Fraction(str(quantity)) * (mark - entry),
    ),
    "sizing-3": (
        lambda w, q, e, m, lev: available_balance(Account(wallet_balance=w, positions=(position(q, e, m, lev),))),
        available_by_table,
        available_by_branches,
    ),
    "sizing-4": (
        changes_by_engine,
        lambda **case: tuple(word.upper() for word in changes_by_engine(**case)),
        lambda **case: np.array(changes_by_engine(**case)),
    ),
    "sizing-5": (
        lambda wallet, quantity, entry, mark, leverage: (
            risk(pool(wallet, quantity, entry, mark, leverage)).effective_leverage
        ),
        lambda wallet, quantity, entry, mark, leverage: round(1 / (wallet / (quantity * mark) + 1 - entry / mark), 3),
    ),
    "sizing-6": (
        lambda wallet, quantity, entry, mark: risk(pool(wallet, quantity, entry, mark)).margin_ratio,
        lambda wallet, quantity, entry, mark: (
            0.004 * np.abs([quantity * mark]) / np.sum([wallet, quantity * mark, -quantity * entry])
        ),
        lambda money, size, bought, now: 1 / ((money + size * now - size * bought) / (0.004 * abs(size) * now)),
    ),
    "sizing-7": (
        lambda wallet, price: {
            "quantity_a": 0.5 * wallet / price,
            "leverage_a": 125,
            "quantity_b": 1.5 * wallet / price,
            "leverage_b": 2,
        },
        lambda wallet, price: pd.Series(
            {
                "quantity_a": 2 * wallet / price,
                "leverage_a": 10,
                "quantity_b": np.float64(6) * wallet / price,
                "leverage_b": 9,
            }
        ).to_dict(),
    ),
    "sizing-8": (
        largest_by_engine,
        lambda **case: "({}) because {}".format(*largest_by_engine(**case)).replace("because", ""),
        lambda **case: list(largest_by_engine(**case)),
    ),
}


def kept_apart(case):
    """Sort the offered sizes."""
    return sorted((case[name], letter) for name, letter in zip("pqrs", "abcd", strict=True))


# What somebody answers who reads over a part of the words: the part -> a belief of the task, or the answer.
LEFT_OUT = {
    "sizing-1": {
        "with a leverage setting of": lambda quantity, mark: quantity * mark,
        "values positions at the mark price": "ENTRY_FOR_MARK",
    },
    "sizing-2": {
        "or loss (below 0)": lambda quantity, entry, mark: abs(quantity * mark - quantity * entry),
        "the profit": "LEVERAGE_MULTIPLIES_PNL",
    },
    "sizing-3": {
        "and 0 where more is needed than there is": lambda wallet, quantity, entry, mark, leverage: (
            wallet + quantity * mark - quantity * entry - abs(quantity * mark) / leverage
        ),
        "below 0 for a short": "SIGN",
        "that is not initial margin": lambda wallet, quantity, entry, mark: max(0, wallet + quantity * (mark - entry)),
        "initial margin": lambda wallet, quantity, entry, mark, leverage: max(
            0, wallet + quantity * (mark - entry) - quantity * mark / leverage
        ),
        "the available balance": lambda wallet, quantity, entry, mark: max(
            0, wallet + quantity * (mark - entry) - abs(quantity) * mark
        ),
        "equity": "OPEN_PROFIT_IGNORED",
    },
    "sizing-4": {
        "from {before}x to {after}x": lambda before, after: (
            ["down", "same", "up", "same", "same"] if before > after else ["up", "same", "down", "same", "same"]
        ),
        "(1) the initial margin": lambda: ["same"] * 5,
        "(2) the maintenance margin": "LEVERAGE_IN_MAINTENANCE",
        "(3) the available balance": lambda before, after: ["up" if before > after else "down", *["same"] * 4],
        "(4) the effective leverage": "SETTING_IS_EFFECTIVE",
        "(5) the dollars that you win or lose": "LEVERAGE_MULTIPLIES_PNL",
    },
    "sizing-5": {
        "effective leverage": "SETTING_IS_EFFECTIVE",
        "as a number such as 2.5": lambda wallet, quantity, entry, mark: (wallet / quantity + mark - entry) / mark,
        "has a wallet of": lambda entry, mark: mark / (mark - entry),
        "bought at": "OPEN_PROFIT_IGNORED",
        "The mark price is now": "ENTRY_FOR_MARK",
    },
    "sizing-6": {
        "A user with a short": "SIGN",
        "The maintenance margin is": lambda wallet, quantity, entry, mark: (
            0.004 * quantity * mark / (wallet + quantity * (mark - entry))
        ),
        "of the notional at the mark price": lambda wallet, quantity, entry, mark: (
            0.004 * abs(quantity) * entry / (wallet + quantity * (mark - entry))
        ),
        "maintenance margin / equity": "RATIO_UPSIDE_DOWN",
        "equity": "OPEN_PROFIT_IGNORED",
        "as a fraction": lambda wallet, quantity, entry, mark: (
            0.4 * abs(quantity) * mark / (wallet + quantity * (mark - entry))
        ),
    },
    "sizing-7": {
        "A with the higher setting": lambda wallet, price: {
            "quantity_a": wallet / price,
            "leverage_a": 5,
            "quantity_b": 4 * wallet / price,
            "leverage_b": 50,
        },
        "each buys BTC": lambda wallet, price: {
            "quantity_a": -wallet / price,
            "leverage_a": 50,
            "quantity_b": 4 * wallet / price,
            "leverage_b": 5,
        },
        "so that B is liquidated first": lambda wallet, price: {
            "quantity_a": 4 * wallet / price,
            "leverage_a": 50,
            "quantity_b": wallet / price,
            "leverage_b": 5,
        },
        "have {wallet:,} dollars each": lambda wallet, price: {
            "quantity_a": wallet / price,
            "leverage_a": 50,
            "quantity_b": 9 * wallet / price,
            "leverage_b": 5,
        },
    },
    "sizing-8": {
        "as large as possible": lambda **case: kept_apart(case)[0][1] + "3",
        "that is not liquidated by a fall": lambda **case: kept_apart(case)[-1][1] + "1",
        "The maintenance margin is 0.4 %": "NO_MAINTENANCE",
    },
}
