"""Right answers to the set `audit`, written differently: what a learner might do instead of the model solution."""

from __future__ import annotations

import numpy as np

from marginlib import Account, Coin, Contract, Pool, Position, RiskSchedule, liquidation_price

FLAT = RiskSchedule.flat(0.004, max_leverage=125)


def opened(quantity, entry, symbol="BTCUSDT", schedule=FLAT):
    return Position.open(symbol=symbol, quantity=quantity, price=entry, schedule=schedule)


def meeting(surplus, start, side):
    """Walk the price away from the start until nothing is left above maintenance, then in smaller steps."""
    price, step = start, -side * start / 4
    for _ in range(45):
        while price + step > 0 and surplus(price + step) > 0:
            price += step
        step /= 2
    return price


def coins_by_engine(dollars, coins, haircut, quantity, entry):
    coin = Coin(symbol="BTCUSDT", amount=coins, mark_price=entry, haircut=haircut)
    return liquidation_price(Pool(collateral=dollars, positions=(opened(quantity, entry),), coins=(coin,)), "BTCUSDT")


# --- the five calculators -------------------------------------------------------------------------------------------


def by_engine(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    other = opened(other_quantity, other_entry, "ETHUSDT").at(other_mark)
    account = Account(wallet_balance=wallet, positions=(opened(quantity, entry), other))
    return liquidation_price(account.pools()[0], "BTCUSDT")


def by_search(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    def surplus(price):
        equity = wallet + quantity * (price - entry) + other_quantity * (other_mark - other_entry)
        return equity - 0.004 * (abs(quantity) * price + abs(other_quantity) * other_mark)

    return meeting(surplus, entry * 4, 1) if quantity > 0 else end_of_short(surplus, entry)


def end_of_short(surplus, entry):
    """Go up from the entry in ever smaller steps as long as there is a surplus; from far below if there is none."""
    price, step = 1.0, entry
    while step > 1e-7:
        while surplus(price + step) > 0:
            price += step
        step /= 2
    return price


def by_numpy(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    free = wallet + np.dot(other_quantity, other_mark - other_entry) - 0.004 * np.abs(other_quantity) * other_mark
    return np.linalg.solve([[quantity - 0.004 * np.abs(quantity)]], [quantity * entry - free])


def letters_by_engine(p, q, r, s, t, leverage, wallet, quantity, entry, other_quantity, other_entry, other_mark):
    """Make each mistake on purpose with the engine, and look for it among the five."""
    gain = other_quantity * (other_mark - other_entry)
    lone = Pool(collateral=wallet + gain, positions=(opened(quantity, entry),))
    small = RiskSchedule.flat(0.004 / leverage)
    both = (
        opened(quantity, entry, schedule=small),
        opened(other_quantity, other_entry, "ETHUSDT", small).at(other_mark),
    )
    prices = [
        liquidation_price(lone, "BTCUSDT"),
        by_engine(wallet - 2 * gain, quantity, entry, other_quantity, other_entry, other_mark),
        by_engine(wallet / leverage, quantity, entry, other_quantity, other_entry, other_mark),
        liquidation_price(Pool(collateral=wallet, positions=both), "BTCUSDT"),
        by_search(wallet, quantity, entry, other_quantity, other_entry, other_mark),
    ]
    return ["abcde"[int(np.argmin(np.abs(np.array(prices) - shown)))] for shown in (p, q, r, s, t)]


# --- one position ---------------------------------------------------------------------------------------------------


def guide_by_engine(side, entry, initial_rate, maintenance_rate):
    position = opened(side, entry, schedule=RiskSchedule.flat(maintenance_rate))
    return liquidation_price(Pool(collateral=initial_rate * entry, positions=(position,)), "BTCUSDT")


def tier_by_search(wallet, quantity, entry, rate, amount):
    def surplus(price):
        return wallet + quantity * (price - entry) - rate * abs(quantity) * price + amount

    return meeting(surplus, entry, 1 if quantity > 0 else -1)


def tier_by_table(wallet, quantity, entry, rate, amount):
    """Rebuild the two tiers from the amount, and let the engine find the tier."""
    floor = amount / (rate - 0.004)
    table = RiskSchedule.from_brackets([(0, floor, 0.004, 125, 0), (floor, None, rate, 100, amount)])
    return liquidation_price(Pool(collateral=wallet, positions=(opened(quantity, entry, schedule=table),)), "BTCUSDT")


def inverse_by_engine(coins, dollars, entry):
    position = Position(
        symbol="BTCUSD",
        quantity=dollars,
        entry_price=entry,
        mark_price=entry,
        schedule=FLAT,
        contract=Contract.INVERSE,
    )
    return liquidation_price(Pool(collateral=coins, positions=(position,)), "BTCUSD")


def room_by_table(keep, percent, shown):
    equity = {"up": lambda: 100 * keep / percent, "down": lambda: percent * keep / 100}
    return equity[shown]() - keep


def fair(size, wallet, margin, p, q, r):
    """Look for the comparison with one size and one amount of money."""
    for letter, words in zip("abc", (p, q, r), strict=True):
        if words.startswith("Both hold") and "Each has" in words:
            return [letter, 1]
    return None


OTHERS = {
    "audit-1": (
        letters_by_engine,
        lambda **case: tuple(f" ({letter.upper()})" for letter in letters_by_engine(**case)),
    ),
    "audit-2": (
        guide_by_engine,
        lambda side, entry, initial_rate, maintenance_rate: (
            entry - (initial_rate - maintenance_rate) * entry / (1 / side - maintenance_rate)
        ),
        lambda side, entry, initial_rate, maintenance_rate: meeting(
            lambda price: initial_rate * entry + side * (price - entry) - maintenance_rate * price, entry, side
        ),
    ),
    "audit-3": (tier_by_search, tier_by_table),
    "audit-4": (by_engine, by_search, by_numpy),
    "audit-5": (
        lambda wallet, price: {"eth_dollars": 20 * wallet, "btc_dollars": 3 * wallet},
        lambda wallet, price: {"btc_dollars": np.float64(1.2 * wallet), "eth_dollars": 4 * wallet},
    ),
    "audit-6": (fair, lambda **case: "{}) {}".format(*fair(**case))),
    "audit-7": (
        room_by_table,
        lambda keep, percent, shown: np.float64(keep) * ((percent / 100) ** {"up": -1, "down": 1}[shown] - 1),
    ),
    "audit-8": (
        inverse_by_engine,
        lambda coins, dollars, entry: meeting(
            lambda price: coins + dollars * (1 / entry - 1 / price) - 0.004 * dollars / price, entry, 1
        ),
        lambda coins, dollars, entry: 1 / ((coins / dollars + 1 / entry) / 1.004),
    ),
    "audit-10": (
        coins_by_engine,
        lambda dollars, coins, haircut, quantity, entry: meeting(
            lambda price: (
                dollars + coins * (1 - haircut) * price + quantity * (price - entry) - 0.004 * quantity * price
            ),
            entry,
            1,
        ),
        lambda dollars, coins, haircut, quantity, entry: (
            np.float64(entry - dollars / quantity) / (0.996 + coins / quantity - haircut * coins / quantity)
        ),
    ),
}


# What somebody answers who reads over a part of the words: the part -> a belief of the task, or the answer.
LEFT_OUT = {
    "audit-1": {
        "(a) forgets what ETH must keep": "OTHER_POSITIONS_MAINTENANCE",
        "(b) takes the short's profit as that of a": "OTHER_POSITIONS_SIGN",
        "(c) divides the wallet by the setting": "LEVERAGE_IN_CROSS",
        "(d) divides both maintenance margins by the setting": "LEVERAGE_IN_MAINTENANCE",
    },
    "audit-2": {
        "and shorts (side = -1)": "SIGN",
        "the maintenance rate one of the notional": "NO_MAINTENANCE",
        "at the price asked for": "ENTRY_FOR_MARK",
        "Mend it for longs (side = 1) and shorts": lambda side, entry, initial_rate, maintenance_rate: (
            entry * (1 - side * initial_rate) / (1 - maintenance_rate)
        ),
    },
    "audit-3": {
        "in a tier with a maintenance amount": "FLAT_TIER",
        "100 % accurate": "AMOUNT_SIGN",
        "rate and amount are those of the tier": "NO_MAINTENANCE",
        "below 0 for a short": "SIGN",
        "The quantity is above 0 for a long and": lambda wallet, quantity, entry, rate, amount: (
            (entry - (wallet + amount) / quantity) / (1 - rate)
        ),
    },
    "audit-4": {
        "another one that may be long or short": "OTHER_POSITIONS_SIGN",
        "may be long": lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: other_bot(
            wallet, quantity, entry, -abs(other_quantity), other_entry, other_mark
        ),
        "Quantities are below 0 for shorts": lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
            other_bot(wallet, abs(quantity), entry, other_quantity, other_entry, other_mark)
        ),
        "Each position must keep": "OTHER_POSITIONS_MAINTENANCE",
        "must keep 0.4 %": "NO_MAINTENANCE",
        "of what it is worth": lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
            (quantity * entry - wallet - other_quantity * (0.996 * other_mark - other_entry))
            / (quantity - 0.004 * abs(quantity))
        ),
        "beside another one": "OTHER_POSITIONS_PNL",
    },
    "audit-5": {
        "both long": lambda wallet: {"btc_dollars": 2 * wallet, "eth_dollars": -10 * wallet},
        "too low by at least 1 %": lambda wallet: {"btc_dollars": 2 * wallet, "eth_dollars": wallet},
        "the calculator's liquidation price of BTC": lambda wallet: {
            "btc_dollars": wallet / 10,
            "eth_dollars": wallet / 10,
        },
        "The wallet holds {wallet:,} dollars": lambda wallet: {"btc_dollars": 2 * wallet, "eth_dollars": 500 * wallet},
    },
    "audit-6": {
        "the margin mode itself": "MODE_DECIDES",
        "Which comparison tests it": lambda **case: (
            "abc"[next(k for k, name in enumerate("pqr") if case[name].startswith("Cross"))] + "3"
        ),
    },
    "audit-7": {
        "equity by what must be kept": "RATIO_UPSIDE_DOWN",
        'its number goes "down" to 100 %': lambda keep, percent: keep * percent / 100 - keep,
        "how many dollars the account may still lose": "NO_MAINTENANCE",
        "100 %": lambda keep, percent, shown: keep / percent - keep if shown == "up" else keep * percent - keep,
    },
    "audit-8": {
        "with {coins} BTC behind it": lambda entry: entry * 1.004,
        "an inverse one": "INVERSE_AS_LINEAR",
        "It must keep 0.4 %": "NO_MAINTENANCE",
        "dollars / price": lambda coins, dollars, entry: entry / (entry * coins / dollars + 0.996),
    },
    "audit-10": {
        "coins of BTC": "COIN_STANDS_STILL",
        "less a haircut": "COIN_AT_FULL_PRICE",
        "The maintenance margin is 0.4 %": "NO_MAINTENANCE",
        "dollars and coins": lambda coins, haircut, quantity, entry: (
            quantity * entry / (0.996 * quantity + coins * (1 - haircut))
        ),
        "at the price asked for": lambda dollars, coins, haircut, quantity, entry: (
            (1.004 * quantity * entry - dollars) / (quantity + coins * (1 - haircut))
        ),
    },
}


def other_bot(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    money = wallet + other_quantity * (other_mark - other_entry) - 0.004 * abs(other_quantity) * other_mark
    return (quantity * entry - money) / (quantity - 0.004 * abs(quantity))
