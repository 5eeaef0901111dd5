"""Right answers to the set `isolated`, written differently: what a learner might do instead of the model solution."""

from __future__ import annotations

import numpy as np

from marginlib import Account, Pool, Position, RiskSchedule, bankruptcy_price, close_out, liquidation_price, risk

FLAT = RiskSchedule.flat(0.004, max_leverage=125)


def pool(margin, quantity, entry, leverage=1):
    position = Position.open(symbol="BTCUSDT", quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)
    return Pool(collateral=margin, positions=(position,))


def by_engine(margin, quantity, entry):
    return liquidation_price(pool(margin, quantity, entry), "BTCUSDT")


def by_search(margin, quantity, entry):
    """Walk the price away from the entry until equity meets maintenance, then in smaller steps."""
    price, step = entry, -entry / 4 if quantity > 0 else entry / 4
    for _ in range(40):
        while margin + quantity * (price + step - entry) > 0.004 * abs(quantity) * (price + step) and price + step > 0:
            price += step
        step /= 2
    return price


def by_numpy(margin, quantity, entry):
    size = np.array([quantity])
    return (size * entry - margin) / (size - 0.004 * np.abs(size))


def by_branches(margin, quantity, entry):
    """A formula for each side."""
    if quantity > 0:
        return (entry - margin / quantity) / (1 - 0.004)
    return (entry + margin / abs(quantity)) / (1 + 0.004)


def alone(find):
    """Return a function that looks at the isolated margin only."""
    return lambda wallet, margin, quantity, entry, leverage: find(margin, quantity, entry)


def whole(find):
    """Return a function that looks at the whole wallet."""
    return lambda wallet, quantity, entry, leverage: find(wallet, quantity, entry)


def more_margin_by_engine(quantity, entry, margin, more):
    """Compute all four before and after."""
    rows = []
    for money in (margin, margin + more):
        own = pool(money, quantity, entry)
        move = own.at({"BTCUSDT": entry + 1_000}).positions[0].unrealized_pnl
        rows.append((liquidation_price(own, "BTCUSDT"), bankruptcy_price(own, "BTCUSDT"), move, money))
    return ["same" if a == b else "up" if b > a else "down" for a, b in zip(*rows, strict=True)]


def left_by_engine(wallet, margin, quantity, entry, leverage, mark):
    position = pool(margin, quantity, entry, leverage).positions[0].isolated(margin)
    account = Account(wallet_balance=wallet, positions=(position,)).at({"BTCUSDT": mark})
    return sum(close_out(own).remaining for own in account.pools())


def margin_by_search(quantity, entry, target):
    """Halve until the pool's liquidation price is the target."""
    low, high = 1.0, 2 * abs(quantity) * entry
    for _ in range(60):
        middle = (low + high) / 2
        price = by_numpy(middle, quantity, entry)[0]
        near = price > target if quantity > 0 else price < target
        low, high = (middle, high) if near else (low, middle)
    return high


def story_by_engine(wallet, notional, leverage, fall):
    """Walk both accounts down and back."""
    ended = []
    for money in (wallet, notional / leverage):
        own = pool(money, notional / 60_000, 60_000)
        ended.append(
            any(risk(own.at({"BTCUSDT": 60_000 * (1 - k / 100)})).health.value != "healthy" for k in range(fall + 1))
        )
    return {(True, True): ["b", 3], (False, True): ["a", 2], (False, False): ["c", 1]}[tuple(ended)]


OTHERS = {
    "isolated-1": (alone(by_engine), alone(by_search), alone(by_numpy), alone(by_branches)),
    "isolated-2": (by_engine, by_search, by_numpy, by_branches),
    "isolated-3": (
        more_margin_by_engine,
        lambda **case: tuple(f" {word.title()} " for word in more_margin_by_engine(**case)),
    ),
    "isolated-4": (
        left_by_engine,
        lambda wallet, margin, quantity, entry, leverage, mark: (
            wallet - margin + max(0, margin + quantity * (mark - entry))
        ),
    ),
    "isolated-5": (
        margin_by_search,
        lambda size, bought, end: np.dot([size, 0.004 * np.abs(size)], [bought - end, end]),
        lambda quantity, entry, target: (
            -pool(0, quantity, entry).at({"BTCUSDT": target}).positions[0].unrealized_pnl
            + risk(pool(0, quantity, entry).at({"BTCUSDT": target})).maintenance
        ),
    ),
    "isolated-6": (
        lambda entry, leverage, rate: (entry - entry / leverage) * (1 / (1 - rate)),
        lambda entry, leverage, rate: liquidation_price(
            Pool(
                collateral=entry / leverage,
                positions=(Position.open(symbol="BTCUSDT", quantity=1, price=entry, schedule=RiskSchedule.flat(rate)),),
            ),
            "BTCUSDT",
        ),
        lambda entry, leverage, rate: np.linalg.solve([[1 - rate]], [entry - entry / leverage]),
    ),
    "isolated-7": (
        lambda wallet, btc, eth: {"eth_fall": 99, "btc_margin": 0.05 * btc},
        lambda wallet, btc, eth: {"btc_margin": np.float64(wallet / 2), "eth_fall": 100 * (wallet + 1) / eth},
    ),
    "isolated-8": (whole(by_engine), whole(by_search), whole(by_branches)),
    "isolated-9": (
        story_by_engine,
        lambda **case: "{}) {}".format(*story_by_engine(**case)),
    ),
}


# What somebody answers who reads over a part of the words: the part -> a belief of the task, or the answer.
LEFT_OUT = {
    "isolated-1": {
        "set {margin:,} dollars aside": lambda entry, leverage: entry * (1 - 1 / leverage) / 0.996,
        "in isolated margin": "WALLET_FOR_MARGIN",
        "The maintenance margin is": "NO_MAINTENANCE",
        "% of the notional": lambda margin, quantity, entry: entry * 1.004 - margin / quantity,
        "{quantity} BTC": "LEVERAGE_IS_DISTANCE",
    },
    "isolated-2": {
        "below 0 for a short": "SIGN",
        "the maintenance margin is 0.4 %": "NO_MAINTENANCE",
        "of the notional": lambda margin, quantity, entry: (entry - margin / quantity) / 0.996,
        "at the price asked for": "ENTRY_FOR_MARK",
    },
    "isolated-3": {
        "You hold a short": "CROSS_LOWERS_PRICE",
        "(1) the liquidation price": lambda: ["same", "up", "same", "up"],
        "(2) the bankruptcy price": lambda: ["up", "same", "same", "up"],
        "(3) the dollars that you win or lose": "ADDED_MARGIN_SHRINKS_PNL",
        "(4) the most that this position can lose": "ISOLATED_LOSES_NO_MORE",
    },
    "isolated-4": {
        "are the isolated margin of a long": "WALLET_FOR_MARGIN",
        "what your account has after that": lambda: 0,
        "what your account has": lambda margin: margin,
    },
    "isolated-5": {
        "at which price a position may be liquidated": "NO_MAINTENANCE",
        "for a short (below 0": "SIGN",
        "of the notional": lambda quantity, entry, target: quantity * (entry - 0.996 * target),
        "at the target": "ENTRY_FOR_MARK",
        "how much isolated margin that takes": lambda quantity, target: 0.004 * abs(quantity * target),
    },
    "isolated-6": {
        "exactly its initial margin": "LEVERAGE_IN_MAINTENANCE",
        "at a maintenance rate such as 0.004": lambda entry, leverage: entry * (1 - 1 / leverage) / 0.996,
        "the liquidation price": "NO_MAINTENANCE",
        "Its prices are near": "ENTRY_FOR_MARK",
    },
    "isolated-7": {
        "the cross account is liquidated": lambda wallet: {"eth_fall": 1, "btc_margin": wallet / 4},
        "the isolated BTC long is not": lambda wallet, eth: {"eth_fall": 100 * wallet / eth, "btc_margin": 1},
        "how much of the wallet": lambda wallet, eth: {"eth_fall": 100 * wallet / eth, "btc_margin": 2 * wallet},
        "how far ETH falls": lambda wallet: {"eth_fall": -20, "btc_margin": wallet / 4},
    },
    "isolated-8": {
        "Now in cross margin": "MARGIN_FOR_WALLET",
        "with a setting of": "LEVERAGE_IN_CROSS",
        "The maintenance margin is": "NO_MAINTENANCE",
        "of the notional": lambda wallet, quantity, entry: entry * 1.004 - wallet / quantity,
    },
    "isolated-9": {
        "one isolated with its initial margin": lambda wallet, notional, leverage, fall: (
            "a2" if fall * notional < 99 * wallet and fall * leverage < 99 else "c1"
        ),
        "one in cross margin": lambda wallet, notional, leverage, fall: "a2" if fall * notional > 99 * wallet else "b3",
    },
}
