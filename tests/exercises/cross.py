"""Right answers to the set `cross`, written differently: what a learner might do instead of the model solution."""

from __future__ import annotations

import numpy as np
import pandas as pd

from marginlib import (
    Account,
    Order,
    Pool,
    Position,
    RiskSchedule,
    common_shock,
    liquidation_price,
    liquidation_prices,
    max_withdrawal,
    risk,
)

FLAT = RiskSchedule.flat(0.004, max_leverage=125)


def position(symbol, quantity, entry, leverage=1):
    return Position.open(symbol=symbol, quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)


def by_engine(wallet, quantity, entry):
    pool = Pool(collateral=wallet, positions=(position("ETHUSDT", quantity, entry),))
    return liquidation_price(pool, "ETHUSDT")


def by_halving(wallet, quantity, entry):
    """Halve between a price at which the pool lives and one at which it does not; None if it lives at nearly 0."""

    def lives(price):
        return wallet + quantity * (price - entry) > 0.004 * abs(quantity) * price

    well, ill = entry, entry * 1e-9 if quantity > 0 else 100 * entry
    if lives(ill):
        return None
    for _ in range(80):
        middle = (well + ill) / 2
        well, ill = (middle, ill) if lives(middle) else (well, middle)
    return ill


def by_branches(wallet, quantity, entry):
    """A formula for each side; a long that the wallet pays for has no price."""
    if quantity < 0:
        return (wallet / abs(quantity) + entry) / 1.004
    if wallet >= quantity * entry:
        return None
    return (entry - wallet / quantity) / 0.996


def short(find):
    """Return a function that looks at the whole wallet behind a short."""
    return lambda wallet, margin, leverage, entry: find(wallet, -margin * leverage / entry, entry)


def alone(find):
    """Return a function that does not look at the setting."""
    return lambda wallet, quantity, entry, leverage: find(wallet, quantity, entry)


def ways_by_engine(wallet, btc, eth, sol, move):
    """Compute everything before and after the move."""
    pool = Pool(
        collateral=wallet,
        positions=(
            position("BTCUSDT", btc / 60_000, 60_000),
            position("ETHUSDT", -eth / 3_000, 3_000),
            position("SOLUSDT", -sol / 150, 150),
        ),
    )
    rows = []
    for state in (pool, pool.at({"SOLUSDT": 150 * (1 + move / 100)})):
        found = liquidation_prices(state)
        rows.append([*(round(found[symbol], 6) for symbol in state.symbols), risk(state).equity])
    return ["same" if a == b else "up" if b > a else "down" for a, b in zip(*rows, strict=True)]


def beside_by_engine(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    other = position("BTCUSDT", other_quantity, other_entry).at(other_mark)
    return liquidation_price(
        Pool(collateral=wallet, positions=(position("ETHUSDT", quantity, entry), other)), "ETHUSDT"
    )


def beside_by_table(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    """Equity less maintenance margin is a straight line in the price: two points of it, and where it is 0."""
    table = pd.DataFrame({"price": [entry, entry + 1.0]})
    table["equity"] = wallet + quantity * (table.price - entry) + other_quantity * (other_mark - other_entry)
    table["keep"] = 0.004 * (abs(quantity) * table.price + abs(other_quantity) * other_mark)
    surplus = table.equity - table.keep
    return entry - surplus[0] / (surplus[1] - surplus[0])


def beside_by_loop(wallet, quantity, entry, other_quantity, other_entry, other_mark):
    """Give the neighbour its part of the wallet, then look at ETH alone."""
    money = wallet
    for size, bought, now in [(other_quantity, other_entry, other_mark)]:
        money += size * now - size * bought
        money -= abs(size * now) * 0.004
    return by_branches(money, quantity, entry)


def fallen_by_engine(eth, mark, btc, price, fall):
    """Build a pool that has the given price, then let BTC fall."""
    start = 10 * fall
    wallet = eth * (1.004 * price - mark) + 0.004 * btc * start
    pool = Pool(collateral=wallet, positions=(position("ETHUSDT", -eth, mark), position("BTCUSDT", btc, start)))
    assert abs(liquidation_price(pool, "ETHUSDT") - price) < 1e-6
    return liquidation_price(pool.at({"BTCUSDT": start - fall}), "ETHUSDT")


def fall_by_steps(wallet, notionals):
    """Go down in small steps until equity has shrunk to maintenance margin."""
    low, high = 0.0, 1.0
    for _ in range(50):
        fall = (low + high) / 2
        left = wallet - sum(each * fall for each in notionals)
        low, high = (fall, high) if left > sum(0.004 * each * (1 - fall) for each in notionals) else (low, fall)
    return -low


def fall_by_engine(wallet, notionals):
    longs = [position(f"COIN{k}", each, 1) for k, each in enumerate(notionals)]
    return common_shock(Pool(collateral=wallet, positions=longs)).fall


def pair_by_engine(wallet, size, btc, eth):
    """Walk both accounts to the prices and look who is healthy."""
    legs = position("BTCUSDT", size / 100, 100, 20), position("ETHUSDT", -size / 100, 100, 20)
    marks = {"BTCUSDT": 100 + btc, "ETHUSDT": 100 + eth}
    accounts = [
        Account(wallet_balance=wallet, positions=each) for each in (legs, [leg.isolated(wallet / 2) for leg in legs])
    ]
    lives = []
    for account in accounts:
        pools = [pool for pool in account.pools() if pool.positions]
        states = [risk(pool.at({symbol: marks[symbol] for symbol in pool.symbols})).health.value for pool in pools]
        lives.append(set(states) == {"healthy"})
    return {(True, False): ("a", 1), (True, True): ("c", 2), (False, False): ("d", 3)}[tuple(lives)]


def account_of(wallet, quantity, entry, mark, leverage, reserved):
    """Build the account with an order that reserves so much."""
    order = Order(name="waits", symbol="SOLUSDT", quantity=reserved / 50, price=50)
    held = position("BTCUSDT", quantity, entry, leverage).at(mark)
    return Account(wallet_balance=wallet, positions=(held,), orders=(order,))


def leaves_by_loop(wallet, quantity, entry, mark, leverage, reserved):
    """Take dollars out, each time half as many, while both caps hold."""
    worth, out, part = abs(quantity) * mark, 0.0, float(wallet)
    for _ in range(60):
        left = wallet - (out + part)
        if left + quantity * (mark - entry) >= worth / leverage + reserved and left >= 0.004 * worth:
            out += part
        part /= 2
    return out


OTHERS = {
    "cross-1": (
        short(by_engine),
        short(by_halving),
        lambda wallet, margin, leverage, entry: np.float64(entry) * (1 + wallet / (margin * leverage)) / 1.004,
    ),
    "cross-2": (alone(by_engine), alone(by_halving), alone(by_branches)),
    "cross-3": (
        ways_by_engine,
        lambda **case: [" Up", "DOWN", "same", "down"] if case["move"] > 0 else ("down", "up", "Same ", "UP"),
    ),
    "cross-4": (beside_by_engine, beside_by_table, beside_by_loop),
    "cross-5": (
        fallen_by_engine,
        lambda eth, mark, btc, price, fall: price - btc * fall / eth,  # the plain ratio is near enough
    ),
    "cross-6": (
        fall_by_steps,
        fall_by_engine,
        lambda money, sizes: (0.004 - money / np.sum(sizes)) / 0.996,
    ),
    "cross-7": (
        lambda wallet, size: {"btc_move": -120 * wallet / size, "eth_move": 1},  # only the isolated ETH lives
        lambda wallet, size: {"eth_move": np.float64(-90) * wallet / size, "btc_move": 10},
    ),
    "cross-10": (
        lambda *case: max_withdrawal(account_of(*case)),
        leaves_by_loop,
        lambda wallet, quantity, entry, mark, leverage, reserved: np.clip(
            wallet
            + min(quantity * (mark - entry) - abs(quantity) * mark / leverage - reserved, -abs(quantity) * mark / 250),
            0,
            None,
        ),
    ),
    "cross-8": (
        pair_by_engine,
        lambda **case: "{}) because of {}".format(*pair_by_engine(**case)).replace("because of", ""),
    ),
}


def who_lives(wallet, size, btc, eth, *, cross_flipped=False, isolated_flipped=False):
    """Say which account has both legs, with one of the two taken wrongly."""
    results, keeps = (size * btc / 100, -size * eth / 100), [0.004 * size * (1 + move / 100) for move in (btc, eth)]
    cross = wallet + sum(results) > sum(keeps)
    isolated = all(wallet / 2 + result > keep for result, keep in zip(results, keeps, strict=True))
    both = cross != cross_flipped, isolated != isolated_flipped
    return {(True, False): "a1", (False, True): "b2", (True, True): "c2", (False, False): "d3"}[both]


# What somebody answers who reads over a part of the words: the part -> a belief of the task, or the answer.
LEFT_OUT = {
    "cross-10": {
        "never less than 0": lambda wallet, quantity, entry, mark, leverage, reserved: min(
            wallet + quantity * (mark - entry) - abs(quantity) * mark / leverage - reserved,
            wallet - 0.004 * abs(quantity) * mark,
        ),
        "than the equity less all initial margin": lambda wallet, quantity, mark: max(
            0, wallet - 0.004 * abs(quantity) * mark
        ),
        "no more than the wallet, without open profit or loss": "PROFIT_CAN_LEAVE",
        "No more may leave": "WALLET_CAN_LEAVE",
        "how many dollars may leave": "NOTHING_CAN_LEAVE",
        "open orders reserve initial margin": "ORDERS_ARE_FREE",
        "less the maintenance margin": "NO_MAINTENANCE",
        "the equity": "OPEN_PROFIT_IGNORED",
        "below 0 for a short": "SIGN",
        "the value at the mark": "ENTRY_FOR_MARK",
        "divided by the leverage": lambda wallet, quantity, entry, mark, reserved: max(
            0,
            min(
                wallet + quantity * (mark - entry) - abs(quantity) * mark - reserved,
                wallet - 0.004 * abs(quantity) * mark,
            ),
        ),
        "of that value": lambda wallet, quantity, entry, mark, leverage, reserved: max(
            0,
            min(
                wallet + quantity * (mark - entry) - quantity * mark / leverage - reserved,
                wallet - 0.004 * quantity * mark,
            ),
        ),
    },
    "cross-1": {
        "Your cross account": "MARGIN_FOR_WALLET",
        "so the notional is {margin:,} x {leverage}": lambda wallet, margin, entry: (
            entry * (1 + wallet / margin) / 1.004
        ),
        "no position yet": "LEVERAGE_IN_CROSS",
        "The maintenance margin is": "NO_MAINTENANCE",
        "of the notional": lambda wallet, margin, leverage, entry: entry * (0.996 + wallet / margin / leverage),
        "You sell ETH short": "SIGN",
    },
    "cross-2": {
        "return None for them": lambda wallet, quantity, entry: (
            (entry - wallet / quantity) / (0.996 if quantity > 0 else 1.004)
        ),
        "the maintenance margin is 0.4 %": "NO_MAINTENANCE",
        "of the notional": lambda wallet, quantity, entry: (
            (entry - wallet / quantity) / 0.996 if entry * quantity > wallet or quantity < 0 else None
        ),
        "at the price asked for": lambda wallet, quantity, entry: (
            end if (end := entry - (wallet - 0.004 * abs(quantity) * entry) / quantity) > 0 else None
        ),
        "a cross position": "MARGIN_FOR_WALLET",
        "alone in its account": "LEVERAGE_IN_CROSS",
        "below 0 for a short": "SIGN",
    },
    "cross-3": {
        "(1) BTC's liquidation price": "OTHER_POSITIONS_PNL",
        "(2) ETH's liquidation price": "CROSS_LOWERS_PRICE",
        "(3) SOL's liquidation price": lambda move: (
            ["up", "down", "down", "down"] if move > 0 else ["down", "up", "up", "up"]
        ),
        "(4) the equity of the pool": lambda move: (
            ["up", "down", *["same"] * 2] if move > 0 else ["down", "up", *["same"] * 2]
        ),
        "a SOL short": "OTHER_POSITIONS_SIGN",
    },
    "cross-4": {
        "whose mark price is other_mark": "OTHER_POSITIONS_PNL",
        "The maintenance margin of both": "OTHER_POSITIONS_MAINTENANCE",
        "The maintenance margin": "NO_MAINTENANCE",
        "and below 0 for shorts": "OTHER_POSITIONS_SIGN",
        "0.4 % of the notional": lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
            (quantity * entry - wallet - other_quantity * (0.996 * other_mark - other_entry))
            / (quantity - 0.004 * abs(quantity))
        ),
        "of the notional": lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
            (
                quantity * entry
                - wallet
                - other_quantity * (other_mark - other_entry)
                + 0.004 * abs(other_quantity) * other_mark
            )
            / (0.996 * quantity)
        ),
        "an ETH position (quantity, entry)": (
            lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
                (
                    abs(quantity) * entry
                    - wallet
                    - other_quantity * (other_mark - other_entry)
                    + 0.004 * abs(other_quantity) * other_mark
                )
                / (0.996 * abs(quantity))
            )
        ),
    },
    "cross-5": {
        "A cross pool": "OTHER_POSITIONS_PNL",
        "a short of {eth} ETH": "CROSS_LOWERS_PRICE",
        "a long of {btc} BTC": lambda price, fall: price - fall,
        "{eth} ETH": lambda btc, price, fall: price - btc * fall,
    },
    "cross-6": {
        "how far all coins may fall together": "NEAREST_SHOWN_PRICE",
        "The maintenance margin is": "NO_MAINTENANCE",
        "as a fraction": lambda wallet, notionals: -100 * (wallet / sum(notionals) - 0.004) / 0.996,
        "below 0": lambda wallet, notionals: (wallet / sum(notionals) - 0.004) / 0.996,
    },
    "cross-7": {
        "one account keeps a position that the other one loses": lambda: {"btc_move": -1, "eth_move": -1},
        "keeps a position": lambda: {"btc_move": -60, "eth_move": -60},
        "in percent": lambda: {"btc_move": -5_000, "eth_move": 0},
    },
    "cross-8": {
        "one half for each leg, isolated": lambda **case: who_lives(**case, isolated_flipped=True),
        "all in one cross pool": lambda **case: who_lives(**case, cross_flipped=True),
        "BTC moves by {btc:+} % and ETH by {eth:+} %": "HEDGED_IS_SAFE",
    },
}
