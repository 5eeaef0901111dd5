"""Variants of set 5, a crash by hand."""

from __future__ import annotations

from functools import partial
from math import log, log10, sqrt
from random import Random
from typing import Any

from marginlib.course.tasks.crash import TASKS, _chance, _costs_more, _left, _long, _replayed, _worst
from marginlib.course.tasks.shared import RATE, account, bankrupt, ends, held, letter, paid, ways
from marginlib.practice.tasks.task import varied

_TIME, _NOTHING, _COSTS, _GO, _JUMP, _ALARM, _EXITS, _BY_HAND, _ODDS, _WORDS = TASKS
_above = partial(_chance, side=-1)


def _kept(quantity: float, price: float, leverage: float, fee: float, funding: float) -> float:
    """Return what is left of a margin after a fee and a funding, both in percent of the notional."""
    return quantity * price * (1 / leverage - (fee + funding) / 100)


def _three_orders(random: Random) -> dict[str, Any]:
    """Return an isolated short and three orders in any order: well before its end, just before it, and after it."""
    case = _long(random, 8, 10, 12, 20)
    end, bust = (rule(case["margin"], -case["quantity"], case["entry"]) or 0.0 for rule in (ends, bankrupt))
    near = round(case["entry"] + (end - case["entry"]) * random.uniform(0.3, 0.7))
    far, beyond = round(end * random.uniform(0.99, 0.997)), round((end + bust) / 2)
    orders = [f"an order to buy all back at {each:,}" for each in (near, far, beyond)]
    random.shuffle(orders)
    return {**case, "near": near, "far": far, "beyond": beyond, **dict(zip("pqr", orders, strict=True))}


def _alarm(margin: float, quantity: float, entry: float, low: float, high: float, kept: float = RATE) -> float:
    """Return how far equity is above what must be kept at the worst price of the hour."""
    return _worst(margin, quantity, entry, low, high) - kept * abs(quantity) * (low if quantity > 0 else high)


VARIANTS = (
    varied(
        _TIME,
        text=_TIME.text.replace("short, a quantity of", "long of"),
        ask="what is left of your margin, in dollars",
        draw=lambda random: {**(case := _TIME.draw(random)), "quantity": -case["quantity"]},
        first=lambda rate: {"rate": -rate},  # a long pays what a short receives
        into=lambda answer, quantity, price, leverage: quantity * price / leverage * (1 - answer),
        beliefs={"SIGN": None},  # told in the words of the first demand
        demands={
            "A long pays at a rate above 0: funding goes out, too.": (
                lambda quantity, price, leverage, fee, rate, settlements: _kept(
                    quantity, price, leverage, fee, -settlements * rate
                )
            ),
            "Funding goes to the margin, too.": None,
            "Funding comes out of the margin, too.": lambda quantity, price, leverage, fee: _kept(
                quantity, price, leverage, fee, 0
            ),
            "What is left is asked for, not what is gone.": lambda quantity, price, fee, rate, settlements: (
                quantity * price * (fee + settlements * rate) / 100
            ),
        },
        instead="Dollars of a long are asked for, and what is left of them.",
        step=(
            "A long pays. In dollars: notional x (fee + settlements x rate) goes out of a margin of notional / setting."
        ),
        model=(
            'notional = given["quantity"] * given["price"]\n'
            'out = (given["fee"] + given["settlements"] * given["rate"]) / 100 * notional  # a long pays at a rate '
            'above 0\nanswer_1 = notional / given["leverage"] - out'
        ),
        worked=lambda quantity, price, leverage, fee, rate, settlements: (
            f"Notional {quantity * price:,.2f} dollars, margin {quantity * price / leverage:,.2f}. The fee takes "
            f"{fee / 100 * quantity * price:,.2f}, the funding {settlements * rate / 100 * quantity * price:,.2f}. "
            f"Left are {_kept(quantity, price, leverage, fee, settlements * rate):,.2f} dollars."
        ),
    ),
    varied(
        _NOTHING,
        text=_NOTHING.text.replace("short, a quantity of", "long of"),
        draw=lambda random: {**(case := _NOTHING.draw(random)), "quantity": -case["quantity"]},
        solve=lambda rate: ways(rate, rate, -rate, 0),
        instead="A long is held here, not a short.",
        demands={
            "A long pays at a rate above 0, and receives below.": lambda rate: ways(-rate, -rate, rate, 0),
            "What must be kept at a price that stands still does not change.": lambda rate: ways(
                rate, rate, -rate, -rate
            ),
            "Funding moves the margin, though the price stands still.": lambda: ways(0, 0, 0, 0),
            "Both prices are computed from the margin, and it changes.": lambda rate: ways(0, 0, -rate, 0),
        },
        nudge="First the sign: does this long pay or receive? Then: where is the danger for a long?",
        step="A long pays at a rate above 0. Less margin brings both prices nearer to the mark: for a long, up.",
        model=(
            'pays = given["rate"] > 0  # a long pays at a rate above 0, and receives below\n'
            'prices, equity = ("up", "down") if pays else ("down", "up")  # less margin: nearer to the mark, which is '
            'above\nanswer_2 = [prices, prices, equity, "same"]'
        ),
        worked=lambda quantity, entry, margin, rate, days: (
            f"{3 * days} settlements of {rate:+} % of {quantity * entry:,.2f} dollars: the long "
            f"{'pays' if rate > 0 else 'receives'} {abs(paid(quantity, entry, rate / 100, days)):,.2f}. The margin "
            f"goes from {margin:,} to {margin - paid(quantity, entry, rate / 100, days):,.2f}, the liquidation price "
            f"from {ends(margin, quantity, entry):,.2f} to "
            f"{ends(margin - paid(quantity, entry, rate / 100, days), quantity, entry):,.2f}. What must be kept at "
            f"{entry:,} stays: {', '.join(ways(rate, rate, -rate, 0))}."
        ),
    ),
    varied(
        _COSTS,
        text=(
            "\u201cAn isolated position can never cost me more than its margin.\u201d Refute it with a short, without "
            "any move of the price. Your wallet holds {wallet:,} dollars. {margin:,} of them are the isolated margin "
            "of a short of {notional:,} dollars, {leverage}x. On this venue funding is paid from the money outside of "
            "the margin. There are three settlements a day. Choose how many days you hold, and the funding rate of "
            "each settlement, not below -0.3 %. What is outside of the margin has to suffice."
        ),
        ask='a dict with "days" and "rate" in percent, such as -0.01',
        solve=lambda leverage: {"days": 2 * 100 / leverage / 0.1 / 3, "rate": -0.1},
        refutes=partial(_costs_more, side=-1),
        nudge="At which rates does a short pay? Which money pays here, and how much of it is there?",
        step=(
            "A short pays at a rate below 0: 3 x days x |rate| x notional. It has to be above the margin: 3 x days x "
            "|rate| above 100 % / setting."
        ),
        model=(
            "rate = -0.1  # below 0: shorts pay\n"
            'settlements = 2 * 100 / given["leverage"] / abs(rate)  # together twice the margin\n'
            'answer_3 = {"days": settlements / 3, "rate": rate}'
        ),
        worked=lambda **case: _COSTS.worked(**case).replace("0.1 %", "-0.1 %"),
    ),
    varied(
        _GO,
        text=_GO.text.replace("how many dollars of the position have to", "which share of the position has to")
        + " Mind the order of the arguments.",
        ask="the share of the position that is sold, as a fraction such as 0.25",
        takes=("notional", "equity", "floor", "low", "high"),
        into=lambda answer, notional: answer / notional,
        demands={"The share of the position is asked for, not the dollars.": _GO.solve},
        model=(
            "to_the_floor = low * floor  # what a position as large as the floor needs\n"
            "stays = floor + (equity - to_the_floor) / high if equity > to_the_floor else equity / low\n"
            "answer = 1 - stays / notional"
        ),
        worked=lambda notional, equity, floor, low, high: (
            f"Up to the floor {low} x {floor:,} = {low * floor:,.2f} dollars are needed. The equity of {equity:,.2f} "
            f"suffices for {notional - _GO.solve(equity, notional, floor, low, high):,.2f} dollars of position, so "
            f"{_GO.solve(equity, notional, floor, low, high) / notional:.6f} of it is sold.\n"
            "stays = floor + (equity - low * floor) / high if equity > low * floor else equity / low\n"
            "answer = 1 - stays / notional"
        ),
    ),
    varied(
        _JUMP,
        text=_JUMP.text.replace("long", "short"),
        draw=lambda random: {
            **(case := _JUMP.draw(random)),
            "mark": int(2 * case["entry"] - case["mark"]),
        },
        first=lambda quantity: {"quantity": -quantity},
        instead="A short loses when the price rises.",
        nudge="Somebody else has won what this short has lost. Who pays it to them, first and second?",
        step="The margin pays first, all of it. The fund pays the rest: quantity x (price - entry) - margin.",
        model=(
            'loss = given["quantity"] * (given["mark"] - given["entry"])\n'
            'answer_5 = loss - given["margin"]  # the margin pays first, all of it'
        ),
        worked=lambda wallet, margin, quantity, entry, mark: (
            f"The loss is {quantity} x {mark - entry:,} = {quantity * (mark - entry):,.2f} dollars. The margin pays "
            f"{margin:,}, and your other {wallet - margin:,} are not touched. The fund pays the rest: "
            f"{quantity * (mark - entry) - margin:,.2f}. Nothing of it comes back to you."
        ),
    ),
    varied(
        _ALARM,
        text=_ALARM.text.replace(
            "An alarm gives the equity of an isolated position at the worst moment of an hour, as the venue sees it.",
            "An alarm gives how far the equity of an isolated position was above its maintenance margin, 0.4 % of the "
            "notional, at the worst moment of an hour, as the venue sees it.",
        ),
        ask="the lowest equity of the hour less the maintenance margin there, in dollars",
        # The last prices are given, and not to be used.
        solve=lambda last_low, last_high, mark_low, mark_high, quantity, entry, margin: _alarm(  # noqa: ARG005
            margin, quantity, entry, mark_low, mark_high
        ),
        beliefs={
            "LAST_FOR_MARK": lambda last_low, last_high, quantity, entry, margin: _alarm(
                margin, quantity, entry, last_low, last_high
            ),
            "NO_MAINTENANCE": lambda mark_low, mark_high, quantity, entry, margin: _alarm(
                margin, quantity, entry, mark_low, mark_high, 0.0
            ),
            "SIGN": lambda mark_low, mark_high, quantity, entry, margin: _alarm(
                margin, abs(quantity), entry, mark_low, mark_high
            ),
        },
        demands={
            "A short must keep something, too: its size counts without its sign there.": (
                lambda mark_low, mark_high, quantity, entry, margin: _alarm(
                    margin, quantity, entry, mark_low, mark_high, RATE if quantity > 0 else -RATE
                )
            ),
            "A short fears the highest price of the hour.": lambda mark_low, quantity, entry, margin: _alarm(
                margin, quantity, entry, mark_low, mark_low
            ),
            "A long fears the lowest price of the hour.": lambda mark_high, quantity, entry, margin: _alarm(
                margin, quantity, entry, mark_high, mark_high
            ),
            "Equity is the margin with the profit or loss.": lambda mark_low, mark_high, quantity, entry: _alarm(
                0, quantity, entry, mark_low, mark_high
            ),
        },
        step=(
            "margin + quantity x (price - entry) - 0.004 x |quantity| x price, at the lowest mark price for a long, "
            "at the highest for a short."
        ),
        found=(
            "worst = last_low if quantity > 0 else last_high\n"
            "answer = margin + quantity * (worst - entry) - 0.004 * abs(quantity) * worst"
        ),
        model=(
            "worst = mark_low if quantity > 0 else mark_high  # the venue looks at the mark price\n"
            "answer = margin + quantity * (worst - entry) - 0.004 * abs(quantity) * worst"
        ),
        worked=lambda last_low, last_high, mark_low, mark_high, quantity, entry, margin: (
            "worst = mark_low if quantity > 0 else mark_high; answer = margin + quantity * (worst - entry) - 0.004 * "
            "abs(quantity) * worst.\n"
            f"Here: {_alarm(margin, quantity, entry, mark_low, mark_high):,.2f}. The last price would have said "
            f"{_alarm(margin, quantity, entry, last_low, last_high):,.2f}."
        ),
    ),
    varied(
        _EXITS,
        text=(
            "You hold an isolated short of {quantity} BTC from {entry:,} dollars with {margin:,} dollars of margin. "
            "The maintenance margin is 0.4 % of the notional. The price may rise slowly, and you want to give it as "
            "much room as there is; but you do not want to be liquidated, for what is left then this venue keeps. An "
            "order is filled at its price if the short is still yours then. No fees. Which order do you place, and why?"
        ),
        reasons={
            "1": "it is filled in time, and the order that waits longer is not",
            "2": "it loses the least of all",
            "3": "it waits longest and still buys back before the bankruptcy price",
        },
        draw=_three_orders,
        solve=lambda **case: letter(case, f"{case['far']:,}") + "1",
        beliefs={"LIQUIDATION_IS_BANKRUPTCY": lambda **case: letter(case, f"{case['beyond']:,}") + "3"},
        demands={
            "That one is filled in time. One that gives more room is, too.": lambda **case: (
                letter(case, f"{case['near']:,}") + "2"
            ),
        },
        nudge="Find the liquidation price. Which of the orders are reached before it?",
        step="An order above the liquidation price comes too late: by then the short is the venue's.",
        model=(
            'ways = {"a": given["p"], "b": given["q"], "c": given["r"]}\n'
            'end = (given["quantity"] * given["entry"] + given["margin"]) / (given["quantity"] * 1.004)  # liquidated '
            'here\nfarthest = max(price for price in (given["near"], given["far"], given["beyond"]) if price < end)\n'
            'answer_7 = next(letter for letter, way in ways.items() if f"{farthest:,}" in way) + "1"'
        ),
        worked=lambda quantity, entry, margin, near, far, beyond: (
            f"The short is liquidated at {ends(margin, -quantity, entry):,.2f}. An order at {beyond:,} comes too "
            f"late. Both {near:,} and {far:,} come in time, and {far:,} gives more room; it leaves "
            f"{margin - quantity * (far - entry):,.2f} of the {margin:,} dollars."
        ),
    ),
    varied(
        _BY_HAND,
        text=_BY_HAND.text.replace(
            "what is left at a liquidation, the venue keeps.", "what is left at a liquidation goes back to your wallet."
        ),
        solve=lambda **case: _left(case, returned=True),
        beliefs={
            "TOUCH_IS_END": lambda **case: _left(case, decides="last", returned=True),
            "NO_MAINTENANCE": lambda **case: _left(case, returned=True, rate=0.0),
        },
        instead="On this venue what is left at a liquidation comes back.",
        demands={
            "What the account has is asked for: the wallet counts, too.": lambda **case: (
                _left(case, returned=True) - case["wallet"]
            ),
        },
        step=(
            "It ends at first x (1 - margin / size) / 0.996, where 0.4 % of what it is worth there is left. One that "
            "lives has size x (last / first - 1)."
        ),
        model=(
            'left = given["wallet"]\nfor coin in ("btc", "eth"):\n'
            '    size, margin, first = given[f"{coin}_size"], given[f"{coin}_margin"], given[f"{coin}_first"]\n'
            "    end = first * (1 - margin / size) / 0.996\n"
            "    back = 0.004 * size * end / first  # what is left at the liquidation\n"
            '    dies = given[f"{coin}_low"] <= end\n'
            '    left += back - margin if dies else size * (given[f"{coin}_last"] / first - 1)\nanswer_8 = left'
        ),
        worked=lambda **case: "\n".join(
            [
                *_replayed(**case).split("\n")[:-1],
                f"With what is left at each liquidation that makes {_left(case, returned=True):,.2f} dollars.",
            ]
        ),
    ),
    varied(
        _ODDS,
        text=(
            "Write how likely an isolated short, with exactly its initial margin behind it, is to be liquidated "
            "within some days. The maintenance margin is 0.4 % of the notional. Volatility is a year's, as a "
            "fraction; a year has 365 days; there is no drift. Take x = log(liquidation price / entry), the natural "
            "logarithm, s = volatility x sqrt(days / 365), and N, the normal distribution: in Python, "
            "statistics.NormalDist().cdf. The price ends above the liquidation price with probability N(-x / s - s / "
            "2). It touches it and turns back with probability exp(-x) N(-x / s + s / 2)."
        ),
        solve=_above,
        beliefs={
            "TOUCH_IS_END": lambda **case: _above(**case, turned=0.0),
            "NO_MAINTENANCE": lambda **case: _above(**case, kept=0.0),
        },
        catalogue=(
            "touch_probability",
            lambda leverage, volatility, days: account(
                10_000, held(-0.1, 60_000, leverage).isolated(), volatility=volatility, days=days
            ),
        ),
        instead="The danger of a short lies above the price.",
        demands={
            "Both kinds of paths die: those that end above, too.": lambda **case: (
                _above(**case) - _above(**case, turned=0.0)
            ),
            "A year has 365 days: days / 365 is the part of it.": lambda leverage, volatility, days: _above(
                leverage, volatility, 365 * days
            ),
            "The spread grows with the root of the time.": lambda leverage, volatility, days: _above(
                leverage, volatility * sqrt(days / 365), days
            ),
            "The natural logarithm is asked for.": lambda **case: _above(**case, logarithm=log10),
        },
        step="liquidation price / entry = (1 + 1 / leverage) / 1.004. Both kinds of paths die: add the two.",
        model=(
            "from math import exp, log, sqrt\nfrom statistics import NormalDist\n\nnormal = NormalDist().cdf\n"
            "x = log((1 + 1 / leverage) / 1.004)\ns = volatility * sqrt(days / 365)\n"
            "answer = normal(-x / s - s / 2) + exp(-x) * normal(-x / s + s / 2)"
        ),
        worked=lambda leverage, volatility, days: (
            f"x = log({(1 + 1 / leverage) / (1 + RATE):.6f}) = {log((1 + 1 / leverage) / (1 + RATE)):.6f}, s = "
            f"{volatility * sqrt(days / 365):.6f}. With what ends above and what turns back it is "
            f"{_above(leverage, volatility, days):.6f}.\n"
            "answer = normal.cdf(-x / s - s / 2) + exp(-x) * normal.cdf(-x / s + s / 2)"
        ),
    ),
    varied(
        _WORDS,
        text=(
            "Somebody replays the crash of May 2021 with 12,500 dollars in each of two coins at 5x and a wallet of "
            "10,000. Cross loses all of it, \u201cat 12:29\u201d; isolated keeps 5,000. The conclusion: "
            "\u201cIsolated is safer.\u201d Say in four to seven sentences what of this you may trust, and what not."
        ),
        rubric=(
            "That the positions died rests on recorded lows, and on a table that stands in for the real one.",
            "The minute comes from a line between two recorded figures: it is not known.",
            "The result holds for this book: with a smaller one cross loses nothing, and isolated still dies.",
            "One event, chosen because it was large, does not say how often such a thing happens.",
            "What to ask instead: how likely, and how much, in both modes, over many paths.",
        ),
        worked=lambda: (
            "That the positions died is sound: the recorded lows lie below their liquidation prices, though the risk "
            "table only stands in for the real one. The minute is not: it lies on a straight line between two "
            "figures. The conclusion does not follow. With the smaller book of notebook 09 nothing is liquidated in "
            "cross in the same crash, and 7,551 dollars are left, while both isolated longs die and leave 5,000. And "
            "it is one event, chosen because it was large. Ask how likely a liquidation is and how much it takes, in "
            "both modes and over many paths: cross is rarer and deeper."
        ),
    ),
)
