"""Right answers to the set `crash`, written differently: what a learner might do instead of the model solution."""

from __future__ import annotations

from math import erf, exp, log, sqrt
from statistics import NormalDist

import numpy as np

from marginlib import Account, Pool, Position, RiskSchedule, bankruptcy_price, close_out, liquidation_price, risk
from marginlib.market.recorded import crash
from marginlib.odds.diffusion import touch_probability

FLAT = RiskSchedule.flat(0.004, max_leverage=125)
EVENTS = {
    "March 2020": "black-thursday-2020",
    "May 2021": "may-crash-2021",
    "November 2022": "ftx-2022",
    "October 2025": "cascade-2025",
}


def opened(quantity, entry, symbol="BTCUSDT", leverage=1):
    return Position.open(symbol=symbol, quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)


def pool(margin, quantity, entry):
    return Pool(collateral=margin, positions=(opened(quantity, entry),))


def gone_by_loop(quantity, price, leverage, fee, rate, settlements):
    """Keep the margin's account, settlement by settlement."""
    margin = start = abs(quantity) * price / leverage
    margin -= abs(quantity) * price * fee / 100
    for _ in range(settlements):
        margin -= quantity * price * rate / 100
    return 1 - margin / start


def four_by_engine(quantity, entry, margin, rate, days):
    """Compute all four before and after."""
    paid = sum(rate / 100 * quantity * entry for _ in range(3 * days))
    rows = []
    for money in (margin, margin - paid):
        own = pool(money, quantity, entry)
        rows.append(
            (
                liquidation_price(own, "BTCUSDT"),
                bankruptcy_price(own, "BTCUSDT"),
                risk(own).equity,
                risk(own).maintenance,
            )
        )
    return ["same" if a == b else "up" if b > a else "down" for a, b in zip(*rows, strict=True)]


def part_by_engine(equity, notional, floor, low, high):
    """Halve until the table asks for the equity."""
    table = RiskSchedule.from_brackets([(0, floor, low, 50, 0), (floor, None, high, 40, (high - low) * floor)])
    least, most = 0.0, float(notional)
    for _ in range(60):
        middle = (least + most) / 2
        least, most = (middle, most) if table.maintenance_margin(notional - middle) > equity else (least, middle)
    return most


def part_by_table(equity, notional, floor, low, high):
    """Read the position that the equity suffices for off the line of what must be kept."""
    sizes = np.array([0, floor, 10 * notional])
    keeps = np.array([0, low * floor, low * floor + high * (10 * notional - floor)])
    return notional - np.interp(equity, keeps, sizes)


def fund_by_engine(wallet, margin, quantity, entry, mark):
    position = opened(quantity, entry, leverage=10).isolated(margin).at(mark)
    return sum(close_out(each).deficit for each in Account(wallet_balance=wallet, positions=(position,)).pools())


def worst_by_engine(margin, quantity, entry, mark_low, mark_high, last_low, last_high):
    return min(risk(pool(margin, quantity, entry).at({"BTCUSDT": price})).equity for price in (mark_low, mark_high))


def worst_by_branches(margin, quantity, entry, mark_low, mark_high, last_low, last_high):
    if quantity < 0:
        return margin - abs(quantity) * (mark_high - entry)
    return margin - quantity * (entry - mark_low)


def exit_by_engine(quantity, entry, margin, early, late, p, q, r):
    """Choose the order above the liquidation price."""
    end = liquidation_price(pool(margin, quantity, entry), "BTCUSDT")
    prices = [float(words.split()[-1].replace(",", "")) if "sell" in words else 0.0 for words in (p, q, r)]
    return ["abc"[next(k for k, price in enumerate(prices) if price > end)], 2]


def left_by_history(event, wallet, **case):
    """Take the recorded figures from the library, and look at every one of them."""
    left = wallet
    for name in ("btc", "eth"):
        symbol = f"{name.upper()}USDT"
        prices = crash(EVENTS[event]).figures[symbol].mark_prices.tolist()
        assert [prices[0], min(prices), prices[-1]] == [case[f"{name}_{key}"] for key in ("first", "low", "last")]
        size, margin = case[f"{name}_size"], case[f"{name}_margin"]
        own = Pool(collateral=margin, positions=(opened(size / prices[0], prices[0], symbol),))
        end = liquidation_price(own, symbol)
        dead = any(price <= end for price in prices)
        left += -margin if dead else risk(own.at({symbol: prices[-1]})).equity - margin
    return left


def left_by_numpy(event, wallet, **case):
    """Both longs at once, as shares of their first prices."""
    keys = ("size", "margin", "first", "low", "last")
    size, margin, first, low, last = (np.array([case[f"btc_{key}"], case[f"eth_{key}"]]) for key in keys)
    dead = margin + size * (low / first - 1) <= 0.004 * size * low / first
    return wallet + np.where(dead, -margin, size * (last / first - 1)).sum()


def odds_by_engine(leverage, volatility, days):
    barrier = liquidation_price(pool(60_000 / leverage, 1, 60_000), "BTCUSDT")
    return touch_probability(60_000, barrier, volatility=volatility, days=days)


def odds_by_erf(leverage, volatility, days):
    x, s = log((1 - 1 / leverage) / 0.996), volatility * sqrt(days / 365)

    def normal(z):
        return 0.5 * (1 + erf(z / sqrt(2)))

    return normal(x / s + s / 2) + 0.996 / (1 - 1 / leverage) * normal(x / s - s / 2)


OTHERS = {
    "crash-1": (
        gone_by_loop,
        lambda quantity, price, leverage, fee, rate, settlements: (
            np.dot([1, -settlements], [fee, rate]) * leverage / 100
        ),
    ),
    "crash-2": (
        four_by_engine,
        lambda **case: tuple(f" {word.title()} " for word in four_by_engine(**case)),
    ),
    "crash-3": (
        lambda wallet, margin, leverage, notional: {"rate": 0.3, "days": 1.1 * 100 / leverage / 0.9 + 1},
        lambda wallet, margin, leverage, notional: {"days": np.float64(365), "rate": 150 / leverage / (3 * 365)},
    ),
    "crash-4": (part_by_engine, part_by_table),
    "crash-5": (
        fund_by_engine,
        lambda wallet, margin, quantity, entry, mark: quantity * ((entry - margin / quantity) - mark),
    ),
    "crash-6": (worst_by_engine, worst_by_branches),
    "crash-7": (exit_by_engine, lambda **case: "{}) {}".format(*exit_by_engine(**case))),
    "crash-8": (left_by_history, left_by_numpy),
    "crash-9": (odds_by_engine, odds_by_erf),
}


def replayed(case, rate=0.004, **columns):
    """Both longs, as shares of their first prices; what is given takes the place of the case's own."""
    case = case | columns
    keys = ("size", "margin", "first", "low", "last")
    size, margin, first, low, last = (np.array([case[f"btc_{key}"], case[f"eth_{key}"]]) for key in keys)
    dead = margin + size * (low / first - 1) <= rate * size * low / first
    return np.where(dead, -margin, size * (last / first - 1)).sum()


def from_formula(leverage, volatility, days, x=None, s=None, ends=1, turns=1):
    x = log((1 - 1 / leverage) / 0.996) if x is None else x
    s = volatility * sqrt(days / 365) if s is None else s
    normal = NormalDist().cdf
    return ends * normal(x / s + s / 2) + turns * exp(-x) * normal(x / s - s / 2)


# What somebody answers who reads over a part of the words: the part -> a belief of the task, or the answer.
LEFT_OUT = {
    "crash-1": {
        "The fee to open": lambda leverage, rate, settlements: -settlements * rate * leverage / 100,
        "for {settlements} settlements": lambda leverage, fee, rate: (fee - rate) * leverage / 100,
        "each with a funding rate": lambda leverage, fee: fee * leverage / 100,
        "the share of your margin": "FEE_ON_MARGIN",
        "You open a short": "SIGN",
        "as a fraction": lambda leverage, fee, rate, settlements: (fee - settlements * rate) * leverage,
    },
    "crash-2": {
        "(1) the liquidation price, (2) the bankruptcy price": lambda rate: [
            "same",
            "same",
            "up" if rate > 0 else "down",
            "same",
        ],
        "there is funding": lambda: ["same"] * 4,
        "(4) the maintenance margin": lambda rate: ["up" if rate > 0 else "down"] * 4,
        "(3) the equity": "SIGN",
        "isolated short": "CROSS_LOWERS_PRICE",
    },
    "crash-3": {
        "at most 0.3 %": lambda: {"days": 1, "rate": 5},
        "how many days": lambda: {"days": 1_000, "rate": 0.1},
        "more than its margin": lambda: {"days": 0.4, "rate": 0.01},
        "What is outside of the margin has to suffice": lambda: {"days": 300, "rate": 0.3},
    },
    "crash-4": {
        "up to the floor of the second tier": lambda equity, notional, floor, low, high: (
            notional - floor - (equity - low * floor) / high
        ),
        "on what is above the floor": "FLAT_TIER",
        "two tiers": lambda equity, notional, low: notional - equity / low,
        "exactly the equity that is there": "AMOUNT_SIGN",
        "no more than is needed": lambda notional: notional,
        "that are sold": lambda **case: case["notional"] - part_by_table(**case),
    },
    "crash-5": {
        "that the insurance fund pays": lambda margin: margin,
        "are the isolated margin of a long": "FUND_SAVES_YOU",
        "more than the margin": "WALLET_FOR_MARGIN",
        "past the bankruptcy price": "LIQUIDATION_IS_BANKRUPTCY",
    },
    "crash-6": {
        "and the highest mark price": lambda margin, quantity, entry, mark_low: margin - quantity * (entry - mark_low),
        "at the worst moment": lambda margin, quantity, entry, mark_high: margin - quantity * (entry - mark_high),
        "the equity": lambda quantity, entry, mark_low, mark_high: (
            -max(quantity * (entry - mark_low), quantity * (entry - mark_high))
        ),
        "as the venue sees it": "LAST_FOR_MARK",
        "below 0 for shorts": "SIGN",
        "the lowest equity": "OPEN_PROFIT_IGNORED",
    },
    "crash-7": {
        "if the long is still yours then": "LIQUIDATION_IS_BANKRUPTCY",
        "this venue keeps": "LIQUIDATION_AS_STOP",
    },
    "crash-8": {
        "what your account has": lambda **case: replayed(case),
        "its lowest was": "TOUCH_IS_END",
        "Use 0.4 % of maintenance margin": "NO_MAINTENANCE",
        "the venue keeps": "LEFTOVER_RETURNED",
    },
    "crash-9": {
        "The price ends below the liquidation price": lambda **case: from_formula(**case, ends=0),
        "It touches it and turns back": "TOUCH_IS_END",
        "a year has 365 days": lambda volatility, days, **case: from_formula(
            **case, volatility=volatility, days=days, s=volatility * sqrt(days)
        ),
        "sqrt(days / 365)": lambda volatility, days, **case: from_formula(
            **case, volatility=volatility, days=days, s=volatility * days / 365
        ),
        "the natural logarithm": lambda leverage, **case: from_formula(
            **case, leverage=leverage, x=np.log10((1 - 1 / leverage) / 0.996)
        ),
        "The maintenance margin is": "NO_MAINTENANCE",
        "as a fraction": lambda **case: 100 * from_formula(**case),
    },
}
