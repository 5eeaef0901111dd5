"""Right answers to the set `tiers`, written differently: what a learner might do instead of the model solution."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from marginlib import (
    Account,
    MarginError,
    MarginMode,
    Netting,
    Pool,
    Position,
    RiskSchedule,
    bankruptcy_price,
    liquidation_price,
    maintenance_margin,
    rulebook,
)
from marginlib.market.events import Fill, Funding, SetLeverage, SetMarginMode
from marginlib.market.replay import Rules, replay

FLAT = RiskSchedule.flat(0.004, max_leverage=125)
BOOK = rulebook("binance_usdm", "2026-09-29")  # the venue's own table: the set's copy has to agree with it
FLOORS, RATES = (0, 300_000, 800_000, 3_000_000), (0.004, 0.005, 0.0065, 0.01)


def by_slices(notional, leverage=None):
    """Add up slice by slice."""
    total, edges = 0.0, [*FLOORS, float("inf")]
    for k, rate in enumerate(RATES):
        total += max(0, min(notional, edges[k + 1]) - edges[k]) * rate
    return total


def by_table(notional, leverage):
    """Charge the further rate of each tier on what is above its floor."""
    table = pd.DataFrame({"floor": FLOORS, "further": np.diff(RATES, prepend=0)})
    return ((notional - table.floor).clip(lower=0) * table.further).sum()


def end(notional, entry, leverage):
    """Return the liquidation price by the library with the venue's table."""
    trade = BOOK.position("BTCUSDT", notional / entry, entry, leverage=leverage).isolated()
    return liquidation_price(Pool(collateral=trade.isolated_margin, positions=(trade,)), "BTCUSDT")


def end_by_halving(notional, entry, leverage):
    """Halve until equity is the sum of the slices."""
    size, margin = notional / entry, abs(notional) / leverage
    well, ill = entry, entry / 1e6 if notional > 0 else 10 * entry
    for _ in range(80):
        price = (well + ill) / 2
        lives = margin + size * (price - entry) > by_slices(abs(size) * price)
        well, ill = (price, ill) if lives else (well, price)
    return ill


def tiers_by(find):
    """Return a function that gives the tiers at the prices that `find` finds."""

    def tiers(long, short, entry, leverage):
        sizes = [abs(size) * find(size, entry, leverage) / entry for size in (long, -short)]
        return [sum(floor < size for floor in FLOORS) for size in sizes]

    return tiers


def largest_by_trying(**case):
    """Ask the library for each plan; it refuses some."""
    allowed = {}
    for letter in "abcd":
        size = case[f"size_{letter}"]
        try:
            BOOK.position("BTCUSDT", size / 60_000, 60_000, leverage=case[f"setting_{letter}"])
        except MarginError:
            continue
        allowed[letter] = size
    return max(allowed, key=allowed.get), 2


def largest_by_limits(**case):
    """Walk down from the largest plan to the first that the table allows."""
    limits = [(12_000_000, 50), (3_000_000, 75), (800_000, 100), (300_000, 150)]
    for size, letter in sorted(((case[f"size_{x}"], x) for x in "abcd"), reverse=True):
        most = [leverage for cap, leverage in limits if size <= cap][-1]
        if case[f"setting_{letter}"] <= most:
            return f" {letter.upper()}) 2"
    raise AssertionError


def frozen_by_engine(wallet, quantity, entry, mark):
    long = Position(symbol="BTCUSDT", quantity=quantity, entry_price=entry, mark_price=mark, schedule=FLAT)
    short = Position.open(symbol="BTCUSDT", quantity=-quantity, price=mark, schedule=FLAT)
    return liquidation_price(Pool(collateral=wallet, positions=(long, short)), "BTCUSDT")


def frozen_by_steps(wallet, quantity, entry, mark):
    """Let the price rise until the two legs need all that is left."""
    price, step = float(mark), mark / 4
    for _ in range(30):
        while wallet + quantity * (mark - entry) > 0.004 * quantity * (price + step) * 2:
            price += step
        step /= 2
    return price


def result_by_replay(quantity, entry, closing, fee_rate, funding_rate, days):
    """Let the library play the whole trade."""
    events = [
        Fill(symbol="BTCUSDT", quantity=quantity, price=entry, fee_rate=fee_rate),
        *[Funding(rates={"BTCUSDT": funding_rate})] * (3 * days),
        Fill(symbol="BTCUSDT", quantity=-quantity, price=closing, fee_rate=fee_rate),
    ]
    *_, last = replay(Account(wallet_balance=10_000_000), events, Rules(book=BOOK))
    return last.account.wallet_balance - 10_000_000


def result_by_loop(quantity, entry, closing, fee_rate, funding_rate, days):
    """Book one payment after the other, a short apart from a long."""
    size, long = abs(quantity), quantity > 0
    money = size * (closing - entry) if long else size * (entry - closing)
    for _ in range(3 * days):
        payment = size * entry * funding_rate
        money = money - payment if long else money + payment
    return money - size * entry * fee_rate - size * closing * fee_rate


def waiting_by_replay(quantity, price, margin, rate, days):
    """Play the settlements and compare before and after."""
    opening = [
        SetMarginMode(symbol="BTCUSDT", margin_mode=MarginMode.ISOLATED),
        SetLeverage(symbol="BTCUSDT", leverage=quantity * price / margin),
        Fill(symbol="BTCUSDT", quantity=-quantity, price=price),
    ]
    rules = Rules(book=BOOK)
    *_, before = replay(Account(wallet_balance=2 * margin), opening, rules)
    *_, after = replay(before, [Funding(rates={"BTCUSDT": rate / 100})] * (3 * days), rules)
    rows = []
    for state in (before, after):
        pool = state.account.pools()[1]
        move = pool.at({"BTCUSDT": price + 1_000}).positions[0].unrealized_pnl
        rows.append((pool.collateral, liquidation_price(pool, "BTCUSDT"), bankruptcy_price(pool, "BTCUSDT"), move))
    return ["same" if a == b else "up" if b > a else "down" for a, b in zip(*rows, strict=True)]


def hold_by_loop(quantity, price, rate, days):
    """Go through the settlements backwards from what must be left."""
    left = 0.004 * abs(quantity) * price
    needed = left
    for _ in range(days * 3):
        needed += quantity * price * rate
    return max(left, needed)


def pair_by_engine(wallet, long, long_entry, short, short_entry, rule):
    netting = {"each leg": Netting.NONE, "larger leg": Netting.LARGER_LEG, "closed first": Netting.LEGS_CLOSED}[rule]
    legs = [
        Position.open(symbol="BTCUSDT", quantity=size, price=entry, schedule=FLAT).at(short_entry)
        for size, entry in ((long, long_entry), (-short, short_entry))
    ]
    return liquidation_price(Pool(collateral=wallet, positions=legs, netting=netting), "BTCUSDT")


def pair_by_line(wallet, long, long_entry, short, short_entry, rule):
    """Draw a line through what is left above the margin at two prices, and look where it ends."""

    def above(price):
        values = np.array([long, short]) * price
        kept = 0.004 * (values.sum() if rule == "each leg" else values.max() - values.min() * (rule[0] == "c"))
        return wallet + long * (price - long_entry) + short * (short_entry - price) - kept

    first, second = above(1_000), above(101_000)
    if abs(first - second) < 1e-6:
        return None
    end = 1_000 + 100_000 * first / (first - second)
    return None if end <= 0 else end


OTHERS = {
    "tiers-1": (
        by_slices,
        by_table,
        lambda notional, leverage: maintenance_margin(BOOK.position("BTCUSDT", notional / 60_000, 60_000)),
    ),
    "tiers-2": (
        lambda small, large, entry, leverage: end(large, entry, leverage) - end(small, entry, leverage),
        lambda small, large, entry, leverage: np.ptp(
            [end_by_halving(each, entry, leverage) for each in (small, large)]
        ),
    ),
    "tiers-3": (tiers_by(end), tiers_by(end_by_halving), lambda **case: np.array(tiers_by(end)(**case))),
    "tiers-4": (largest_by_trying, largest_by_limits),
    "tiers-5": (
        frozen_by_engine,
        frozen_by_steps,
        lambda wallet, quantity, entry, mark: 125 * (wallet / Decimal(str(quantity)) - (entry - mark)),
    ),
    "tiers-6": (
        lambda wallet, size: {"btc_move": 10, "eth_move": 10 + 100 * wallet / size},
        lambda wallet, size: {"eth_move": np.float64(60) * wallet / size, "btc_move": -60 * wallet / size},
    ),
    "tiers-7": (
        result_by_replay,
        result_by_loop,
        lambda size, bought, sold, fee, rate, days: np.dot(
            [size, -fee * np.abs(size), -3 * days * rate * size], [sold - bought, sold + bought, bought]
        ),
    ),
    "tiers-8": (
        waiting_by_replay,
        lambda **case: ("Up", "Up", "Up", "Same") if case["rate"] > 0 else ["down", "down", "down", "same"],
    ),
    "tiers-9": (
        hold_by_loop,
        lambda quantity, price, rate, days: (
            np.clip(quantity * rate * 3 * days, 0, None) * price + 0.004 * np.abs(quantity * price)
        ),
        lambda size, at, funding, for_days: (
            abs(size) * at * max(0.004, 0.004 + 3 * for_days * funding * (1 if size > 0 else -1))
        ),
    ),
    "tiers-11": (pair_by_engine, pair_by_line),
}


RATES, AMOUNTS, FLOORS = [0.004, 0.005, 0.0065, 0.01], [0, 300, 1_500, 12_000], [0, 300_000, 800_000, 3_000_000]


def end_in(size, entry, leverage, tier):
    """Return where a position ends by the rate and the amount of one tier; a short's size is below 0."""
    return (size - abs(size) / leverage - AMOUNTS[tier]) / (size / entry - abs(size / entry) * RATES[tier])


def tier_of(size):
    return max(tier for tier, floor in enumerate(FLOORS) if abs(size) > floor)


def tier_at_end(size, entry, leverage):
    return max(k for k in range(4) if abs(size) * end_in(size, entry, leverage, k) / entry > FLOORS[k]) + 1


def by_setting(case, setting):
    return next(letter for letter in "abcd" if case[f"setting_{letter}"] == setting)


def pair(wallet, long, long_entry, short, short_entry, rule, sign=-1):
    """Return where equity and margin meet, whether a price can be there or not."""
    kept = 0.004 * {"e": long + short, "l": max(long, short), "c": max(long, short) - min(long, short)}[rule[0]]
    start, each = wallet - long * long_entry - sign * short * short_entry, long + sign * short - kept
    return -start / each if each else 0


def fees(quantity, fee_rate, *prices):
    return sum(fee_rate * abs(quantity) * price for price in prices)


def journal(quantity, entry, closing, fee_rate, funding_rate, days):
    """Write a journal's lines: profit, fee to open, fee to close, funding."""
    return np.array(
        [
            quantity * (closing - entry),
            -fees(quantity, fee_rate, entry),
            -fees(quantity, fee_rate, closing),
            -3 * days * funding_rate * quantity * entry,
        ]
    )


# What somebody answers who reads over a part of the words: the part -> a belief of the task, or the answer.
LEFT_OUT = {
    "tiers-1": {
        "tier 2 above 300,000": lambda notional: 0.004 * notional,
        "tier 1 up to 300,000": "FLAT_TIER",
        "the maintenance margin": "AMOUNT_SIGN",
        "with a setting of": "LEVERAGE_IN_MAINTENANCE",
        "at 0.40 %": lambda notional: 100 * (RATES[tier_of(notional)] * notional - AMOUNTS[tier_of(notional)]),
    },
    "tiers-2": {
        "by how many dollars": lambda large, entry, leverage: end_in(large, entry, leverage, tier_of(large)),
        "tier 3 above 800,000": lambda small, large, entry, leverage: (
            end_in(large, entry, leverage, 1) - end_in(small, entry, leverage, 0)
        ),
        "tier 1 up to 300,000": "FLAT_TIER",
        "the liquidation price": "AMOUNT_SIGN",
        "of the larger one": "LEVERAGE_IS_DISTANCE",
    },
    "tiers-3": {
        "that of the long and that of the short": lambda long, short, entry, leverage: [
            tier_at_end(-short, entry, leverage),
            tier_at_end(long, entry, leverage),
        ],
        "at liquidation": "ENTRY_FOR_MARK",
        "a BTC short": "SIGN",
    },
    "tiers-4": {
        "that is not refused": lambda **case: by_setting(case, 150) + "1",
        "how large it can be": lambda **case: by_setting(case, 50) + "3",
        "the largest of these plans": lambda **case: by_setting(case, 50) + "2",
    },
    "tiers-5": {
        "bought at {entry:,} dollars": lambda wallet, quantity: 125 * wallet / quantity,
        "of each leg": "OTHER_POSITIONS_MAINTENANCE",
        "The maintenance margin": "HEDGED_IS_SAFE",
    },
    "tiers-6": {
        "so that the hedged account is liquidated": lambda: {"btc_move": 1, "eth_move": 1},
        "and the other one is not": lambda wallet, size: {
            "btc_move": -150 * wallet / size / 1.5,
            "eth_move": 100 * wallet / size,
        },
        "in percent": lambda: {"btc_move": 0, "eth_move": -5_000},
    },
    "tiers-7": {
        "the fee for opening": lambda **case: sum(np.delete(journal(**case), 1)),
        "the fee for closing": lambda **case: sum(np.delete(journal(**case), 2)),
        "the fee for": lambda **case: np.dot(
            journal(**case), [1, np.sign(case["quantity"]), np.sign(case["quantity"]), 1]
        ),
        "3 settlements a day": lambda **case: np.dot(journal(**case), [1, 1, 1, 1 / 3]),
        "on the entry price": lambda **case: np.dot(journal(**case), [1, 1, 1, case["closing"] / case["entry"]]),
        "below 0 for a short": lambda **case: np.dot(journal(**case), [np.sign(case["quantity"]), 1, 1, 1]),
        "who held shorts": "SIGN",
        "the fee for closing and": "ENTRY_FOR_MARK",
    },
    "tiers-8": {
        "(1) the margin": lambda: ["same"] * 4,
        "(2) the liquidation price": lambda rate: ["up" if rate > 0 else "down", *["same"] * 3],
        "isolated short": "SIGN",
        "(3) the bankruptcy price": "CROSS_LOWERS_PRICE",
        "(4) the dollars that you win or lose": "ADDED_MARGIN_SHRINKS_PNL",
    },
    "tiers-9": {
        "Who only receives funding needs the maintenance margin alone": lambda quantity, price, rate, days: (
            (3 * days * rate * quantity + 0.004 * abs(quantity)) * price
        ),
        "3 settlements a day": lambda quantity, price, rate, days: (
            (max(0, days * rate * quantity) + 0.004 * abs(quantity)) * price
        ),
        "0.4 % of the notional": lambda quantity, price, rate, days: (
            max(0, 3 * days * rate * quantity * price) + 0.004 * quantity * price
        ),
        "for some days": lambda quantity, price: 0.004 * abs(quantity) * price,
        "the maintenance margin may be left": "NO_MAINTENANCE",
        "below 0 for a short": "SIGN",
    },
    "tiers-11": {
        "`rule` says of which size": "LEGS_ADD_UP",
        "\u201ceach leg\u201d adds up both": "LARGER_LEG_COUNTS",
        "takes the larger one alone": "HEDGED_IS_SAFE",
        "The maintenance margin": "NO_MAINTENANCE",
        "return None where no price above 0 does it": lambda **case: pair(sign=-1, **case),
        "and a short": lambda **case: end if (end := pair(**case, sign=1)) > 0 else None,
        "from `short_entry`": lambda **case: (
            end if (end := pair(**{**case, "short_entry": case["long_entry"]})) > 0 else None
        ),
    },
}
