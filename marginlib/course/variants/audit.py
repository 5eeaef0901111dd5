"""Variants of set 6, audit of wrong calculators."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from marginlib.course.tasks.audit import TASKS, _five_calculators, _inverse_price, _letters, _price, _shown_wrong
from marginlib.course.tasks.shared import NEIGHBOURS, RATE, ends, ends_beside, letter
from marginlib.practice.tasks.task import varied

_FIVE, _GUIDE, _ACCURATE, _NEIGHBOUR, _CASE, _TEST, _APPS, _INVERSE, _REPORT, _COINS = TASKS
_LEAST = 0.03  # how far off the calculator has to be, as a share of the price
_COUNTED = 0.95  # of another coin as collateral
_inverse_short = partial(_inverse_price, side=-1)


def _other_prices(**case: Any) -> dict[str, Any]:  # noqa: ANN401 - a learner's numbers
    """Return what a calculator with each of the variant's letters shows; the setting is in none of their mistakes."""
    known = {name: value for name, value in case.items() if name not in {"leverage", *"pqrst"}}
    right, kept = ends_beside(**known), RATE * abs(case["other_quantity"]) * case["other_mark"]
    return {
        "a": NEIGHBOURS["OTHER_POSITIONS_PNL"](**known),
        "b": NEIGHBOURS["NO_MAINTENANCE"](**known),
        "c": ends_beside(**{**known, "wallet": case["wallet"] + 2 * kept}),
        "d": right and right * (1 - RATE) / (1 + RATE),
        "e": right,
    }


def _three_tests(random: Random) -> dict[str, Any]:
    """Return three comparisons of cross accounts in any order, and their numbers."""
    wallet, times, low = random.randrange(4_000, 20_001, 500), random.choice([2, 3]), random.choice([5, 8, 10])
    size, high = wallet * times, random.choice([20, 25, 40])
    settings = f"one at {low}x, one at {high}x"
    rows = [
        f"Two longs of {size:,} dollars, {settings}. Behind each stand {wallet:,} dollars.",
        f"A long of {size:,} dollars at {low}x, one of {2 * size:,} at {high}x. Behind each stand {wallet:,} dollars.",
        f"Two longs of {size:,} dollars, {settings}. Behind the first stand {wallet:,} dollars, behind the other half.",
    ]
    random.shuffle(rows)
    return {"size": size, "wallet": wallet, "low": low, "high": high, **dict(zip("pqr", rows, strict=True))}


VARIANTS = (
    varied(
        _FIVE,
        text=_FIVE.text.partition(" Which of them")[0]
        + (
            " Which of them (a) leaves ETH's profit out, (b) forgets all that must be kept, (c) adds what ETH must "
            "keep to the wallet, (d) keeps for BTC as a short does, (e) is right?"
        ),
        draw=partial(_five_calculators, shown=_other_prices),
        solve=_letters(shown=_other_prices),
        beliefs={
            "OTHER_POSITIONS_PNL": _letters("a", _other_prices),
            "NO_MAINTENANCE": _letters("b", _other_prices),
        },
        instead="These calculators make other mistakes than those of the public sheet.",
        model=(
            'size, keep = given["quantity"], 0.004\n'
            'gain = given["other_quantity"] * (given["other_mark"] - given["other_entry"])\n'
            'neighbour = keep * abs(given["other_quantity"]) * given["other_mark"]\n\n\ndef price(money, rate=keep):\n'
            '    return (size * given["entry"] - money) / (size * (1 - rate))\n\n\nmade = {\n'
            '    "a": price(given["wallet"] - neighbour),\n    "b": price(given["wallet"] + gain, 0),\n'
            '    "c": price(given["wallet"] + gain + neighbour),\n'
            '    "d": price(given["wallet"] + gain - neighbour, -keep),\n'
            '    "e": price(given["wallet"] + gain - neighbour),\n}\n'
            'answer_1 = [min(made, key=lambda letter: abs(made[letter] - given[name])) for name in "pqrst"]'
        ),
        worked=lambda **case: "\n".join(
            [
                *(f"({letter}) {shown:,.2f}" for letter, shown in _other_prices(**case).items()),
                f"So P, Q, R, S and T are {', '.join(_letters(shown=_other_prices)(**case))}.",
            ]
        ),
    ),
    varied(
        _GUIDE,
        text=(
            "A guide for developers prints: price = entry x (1 - initial margin / maintenance margin) - added. Put "
            "numbers in, and the price is below 0. Mend it for longs (side = 1) and shorts (side = -1). The position "
            "is isolated with its initial margin and `added` dollars more for each coin. The initial rate is a share "
            "of the notional at the entry price, the maintenance rate one of the notional at the price asked for; "
            "both are fractions such as 0.05."
        ),
        cases=lambda random: {
            **(case := _GUIDE.deal(random)),
            "added": int(case["entry"] * random.uniform(0.02, 0.06)) // 10 * 10,
        },
        takes=("side", "entry", "initial_rate", "maintenance_rate", "added"),
        first=lambda entry, initial_rate, added: {"initial_rate": initial_rate + added / entry},
        wrong=lambda entry, initial_rate, maintenance_rate, added: (
            entry * (1 - initial_rate / maintenance_rate) - added
        ),
        demands={"What was added stands behind it, too.": _GUIDE.solve},
        step="initial_rate x entry + added + side x (price - entry) = maintenance_rate x price. Solve for the price.",
        found="answer = entry * (1 - initial_rate / maintenance_rate) - added",
        model=(
            "behind = initial_rate * entry + added  # for each coin\n"
            "answer = (entry - side * behind) / (1 - side * maintenance_rate)"
        ),
        worked=lambda side, entry, initial_rate, maintenance_rate, added: (
            "answer = (entry - side * (initial_rate * entry + added)) / (1 - side * maintenance_rate).\n"
            f"For side={side}, entry={entry}, initial_rate={initial_rate}, maintenance_rate={maintenance_rate}, "
            f"added={added}: {_GUIDE.solve(side, entry, initial_rate + added / entry, maintenance_rate):,.2f}. The "
            "guide divides two margins by each other; they have to be subtracted."
        ),
    ),
    varied(
        _ACCURATE,
        text=_ACCURATE.text.replace(
            "The quantity",
            "The venue also wants the fee for closing to be there, `fee_rate` of the notional at that price. "
            "The quantity",
        ),
        takes=("entry", "quantity", "wallet", "amount", "rate", "fee_rate"),
        cases=lambda random: {**_ACCURATE.deal(random), "fee_rate": random.choice([0.0004, 0.0005, 0.0006])},
        first=lambda rate, fee_rate: {"rate": rate + fee_rate},
        demands={"The fee for closing must be there, too.": _ACCURATE.solve},
        step=(
            "The position must keep |quantity| x price x (rate + fee_rate) - amount. So less has to be kept than "
            "without the amount, and the money behind it reaches farther."
        ),
        found=(
            "shortfall = quantity * entry - wallet + amount\n"
            "answer = shortfall / (quantity - (rate + fee_rate) * abs(quantity))"
        ),
        model=(
            "shortfall = quantity * entry - wallet - amount  # the amount is taken off what must be kept\n"
            "answer = shortfall / (quantity - (rate + fee_rate) * abs(quantity))"
        ),
        worked=lambda entry, quantity, wallet, amount, rate, fee_rate: (
            "answer = (quantity * entry - wallet - amount) / (quantity - (rate + fee_rate) * abs(quantity)).\n"
            f"Here: {_price(wallet, quantity, entry, rate + fee_rate, amount):,.2f}; as it was found: "
            f"{_price(wallet, quantity, entry, rate + fee_rate, -amount):,.2f}."
        ),
    ),
    varied(
        _NEIGHBOUR,
        text=_NEIGHBOUR.text.replace(
            "stands still.",
            "stands still. Besides the wallet, `collateral` dollars of a third coin stand behind both; the venue "
            "counts 95 % of them, and that coin stands still, too.",
        ),
        takes=("other_quantity", "other_entry", "other_mark", "quantity", "entry", "wallet", "collateral"),
        cases=lambda random: {
            **(case := _NEIGHBOUR.deal(random)),
            "collateral": int(case["wallet"] * random.uniform(0.1, 0.4)) // 10 * 10,
        },
        first=lambda wallet, collateral: {"wallet": wallet + _COUNTED * collateral},
        demands={
            "The third coin stands behind both positions, too.": _NEIGHBOUR.solve,
            "Of the third coin 95 % count.": lambda wallet, collateral, **case: _NEIGHBOUR.solve(
                wallet=wallet + collateral, **case
            ),
        },
        found=(
            "profit = abs(other_quantity) * other_mark - abs(other_quantity) * other_entry\n"
            "money = wallet + 0.95 * collateral + profit - 0.004 * abs(other_quantity) * other_mark\n"
            "answer = (quantity * entry - money) / (quantity - 0.004 * abs(quantity))"
        ),
        model=(
            "profit = other_quantity * (other_mark - other_entry)  # with its sign\n"
            "money = wallet + 0.95 * collateral + profit - 0.004 * abs(other_quantity) * other_mark\n"
            "answer = (quantity * entry - money) / (quantity - 0.004 * abs(quantity))"
        ),
        worked=lambda other_quantity, other_entry, other_mark, wallet, collateral: (
            "profit = other_quantity * (other_mark - other_entry), with the sign.\n"
            f"Here: {other_quantity * (other_mark - other_entry):,.2f}. Money behind the first position: {wallet:,} + "
            f"{_COUNTED * collateral:,.2f} + ({other_quantity * (other_mark - other_entry):,.2f}) - "
            f"{RATE * abs(other_quantity) * other_mark:,.2f}. The rest is the formula of a position "
            "alone, with that money behind it."
        ),
    ),
    varied(
        _CASE,
        text=(
            "A calculator for BTC in a cross account adds up the wallet and everybody's profit, and asks for BTC's "
            "own maintenance margin only. Its seller says: \u201cNeighbours without a loss change nothing.\u201d Show "
            "that this is wrong. The wallet holds {wallet:,} dollars; you sell BTC short at {price:,} and ETH at "
            "3,000, and no price has moved. Each must keep 0.4 %. Choose two sizes for which the calculator's "
            "liquidation price of BTC is too high by at least 3 % of {price:,}."
        ),
        ask='a dict with "btc_dollars" and "eth_dollars", both above 0',
        solve=lambda wallet: {"btc_dollars": 2 * wallet, "eth_dollars": 20 * wallet},
        refutes=partial(_shown_wrong, side=-1, near=_LEAST),
        model=(
            'btc = 2 * given["wallet"]\n'
            'eth = 20 * given["wallet"]  # keeps 8 % of the wallet, which the calculator forgets\n'
            'answer_5 = {"btc_dollars": btc, "eth_dollars": eth}'
        ),
        worked=lambda wallet, price: (
            f"BTC for {2 * wallet:,} dollars, ETH for {20 * wallet:,}. ETH must keep {RATE * 20 * wallet:,.0f} "
            f"dollars. BTC's quantity is {2 * wallet / price:.4f}: the calculator is "
            f"{RATE * 20 * wallet / (2 * wallet / price) / (1 + RATE):,.2f} dollars too high, about 4 % of {price:,}."
        ),
    ),
    varied(
        _TEST,
        text=(
            "A page says: \u201cIt is the leverage setting itself that makes cross positions end sooner.\u201d You "
            "want to test this claim with two BTC longs, both in cross margin, each alone in its account and bought "
            "at the same price. Which comparison tests it, and what does it show?"
        ),
        reasons={
            "1": "the higher setting is the larger long there, as it is for most people, and it is liquidated sooner",
            "2": "the higher setting has less money behind it there, and it is liquidated sooner",
            "3": "only the setting differs there, and the two liquidation prices are the same",
        },
        draw=_three_tests,
        solve=lambda **case: letter(case, f"one at {case['high']}x. Behind each") + "3",
        beliefs={"LEVERAGE_MOVES_PRICE": lambda **case: letter(case, "A long of") + "1"},
        demands={
            "Two things differ there: the setting and the money.": lambda **case: letter(case, "Behind the first") + "2"
        },
        step="Sizes must be the same, and the money behind them, too. Then only the setting is left.",
        model=(
            'rows = {"a": given["p"], "b": given["q"], "c": given["r"]}\n'
            'fair = [letter for letter, row in rows.items() if row.startswith("Two longs") and "Behind each" in row]\n'
            'answer_6 = fair[0] + "3"'
        ),
        worked=lambda size, wallet, low, high: (
            f"With {wallet:,} dollars behind {size:,} both end after a fall of "
            f"{100 * (1 - (1 - wallet / size) / (1 - RATE)):.2f} %, at {low}x and at {high}x: the setting is not the "
            f"reason. With half of the money it is the money that makes the difference, and with {2 * size:,} it is "
            "the size."
        ),
    ),
    varied(
        _APPS,
        text=_APPS.text.replace(
            "how many dollars the account may still lose until it is",
            "by how many percent the equity may still fall until the account is",
        ),
        ask="the fall of the equity in percent, such as 12.5",
        unit="%",
        takes=("shown", "percent", "keep"),
        into=lambda answer, keep: 100 * answer / (answer + keep),
        beliefs={"NO_MAINTENANCE": None},
        demands={"Percent of the equity are asked for, not dollars.": _APPS.solve},
        step=(
            "Up: equity = keep / (percent / 100). Down: equity = keep x percent / 100. What may fall is equity - "
            "keep, as a share of the equity."
        ),
        model=(
            'share = percent / 100\nequity = keep / share if shown == "up" else keep * share\n'
            "answer = 100 * (equity - keep) / equity"
        ),
        worked=lambda shown, percent, keep: (
            f"The app's number goes {shown}: the equity is {_APPS.solve(keep, percent, shown) + keep:,.2f} dollars. "
            f"Less the {keep} that must be kept: {_APPS.solve(keep, percent, shown):,.2f}, which is "
            f"{100 * _APPS.solve(keep, percent, shown) / (_APPS.solve(keep, percent, shown) + keep):.4f} % of it."
        ),
    ),
    varied(
        _INVERSE,
        text=(
            "A page uses its formula for linear contracts on an inverse one. You hold an inverse short of {dollars:,} "
            "dollars of BTC, opened at {entry:,}, with {coins} BTC behind it and nothing else in the pool. The "
            "contract pays a short dollars x (1 / price - 1 / entry) in coins. It must keep 0.4 % of the coins that "
            "its dollars are worth, dollars / price. Where is it liquidated really?"
        ),
        solve=_inverse_short,
        beliefs={
            "INVERSE_AS_LINEAR": lambda coins, dollars, entry: _price(coins, -dollars / entry / entry, entry),
            "NO_MAINTENANCE": lambda coins, dollars, entry: _inverse_short(coins, dollars, entry, 0),
            "SIGN": _INVERSE.solve,
        },
        demands={
            "The coins behind it count, too.": lambda entry: (1 - RATE) * entry,
            "What must be kept is a share of the coins at the price asked for.": lambda coins, dollars, entry: (
                _inverse_short(coins - RATE * dollars / entry, dollars, entry, 0)
            ),
        },
        step="coins + dollars x (1 / price - 1 / entry) = 0.004 x dollars / price. Solve for 1 / price.",
        model=(
            "# coins + dollars * (1 / price - 1 / entry) = 0.004 * dollars / price\n"
            'at_entry = given["dollars"] / given["entry"] - given["coins"]\n'
            'answer_8 = 0.996 * given["dollars"] / at_entry'
        ),
        worked=lambda coins, dollars, entry: (
            f"{1 - RATE} x {dollars:,} / price = {dollars:,} / {entry:,} - {coins}, so the price is {1 - RATE} x "
            f"{dollars:,} / {dollars / entry - coins:.6f} = {_inverse_short(coins, dollars, entry):,.2f}. The linear "
            f"formula gives {_price(coins, -dollars / entry / entry, entry):,.2f}."
        ),
    ),
    varied(
        _INVERSE,
        text=_INVERSE.text + " How far away is that?",
        ask="the fall from the price at which you opened until the liquidation, in percent, such as 12.5",
        unit="%",
        into=lambda answer, entry: 100 * (1 - answer / entry),
        instead="Asked for is how far that is away in percent, not the price.",
        demands={"The coins behind it count, too.": None},
        model=(
            "# coins + dollars * (1 / entry - 1 / price) = 0.004 * dollars / price\n"
            'price = 1.004 * given["dollars"] / (given["coins"] + given["dollars"] / given["entry"])\n'
            'answer_8 = 100 * (1 - price / given["entry"])'
        ),
        worked=lambda coins, dollars, entry: (
            f"The price is {1 + RATE} x {dollars:,} / {coins + dollars / entry:.6f} = "
            f"{_INVERSE.solve(coins=coins, dollars=dollars, entry=entry):,.2f}: "
            f"{100 * (1 - _INVERSE.solve(coins=coins, dollars=dollars, entry=entry) / entry):.4f} % below {entry:,}."
        ),
    ),
    varied(
        _REPORT,
        text=_REPORT.text.replace("long", "short").replace("-", "+"),
        rubric=tuple(each.replace("behind the long", "behind the short") for each in _REPORT.rubric),
        nudge="Take a short of 1 BTC at 60,000 and 100x, with 0.4 % of maintenance margin.",
        worked=lambda: (
            "Take a short of 1 BTC at 60,000 and 100x, isolated, with 0.4 % to keep. You show 60,600. There all of "
            "the 600 dollars are gone, so it is the bankruptcy price. A venue acts sooner, when only the maintenance "
            f"margin is left: at {ends(600, -1, 60_000):,.2f}, a rise of "
            f"{100 * ((ends(600, -1, 60_000) or 0) / 60_000 - 1):.2f} %. Your formula would be right if a position "
            "could use up all of its margin before it is liquidated. Divide by (1 + maintenance rate): price = entry "
            "x (1 + 1 / setting) / (1 + rate). Both hold only while exactly the initial margin stands behind the "
            "short."
        ),
    ),
    varied(
        _COINS,
        text=_COINS.text.replace("gives the liquidation price of a cross long", "gives the fall that ends a cross long")
        .replace("the price that the dashboard shows", "the fall that the dashboard shows")
        .replace("such a price", "such a fall"),
        ask="the fall until the liquidation, as a fraction below 0 such as -0.2",
        into=lambda answer, entry: answer / entry - 1,
        instead="The fall is asked for, not the price.",
        model=(
            "counted = coins * (1 - haircut)  # coins, not dollars: they fall with the price\n"
            "price = (quantity * entry - dollars) / (quantity * 0.996 + counted)\nanswer = price / entry - 1"
        ),
        worked=lambda dollars, coins, haircut, quantity, entry: (
            "price = (quantity * entry - dollars) / (quantity * 0.996 + coins * (1 - haircut)): the coins fall, too.\n"
            f"Here: {_COINS.solve(dollars, coins, haircut, quantity, entry):,.2f} dollars, and the fall is "
            f"{_COINS.solve(dollars, coins, haircut, quantity, entry) / entry - 1:.6f}.\n"
            "answer = price / entry - 1"
        ),
    ),
)
