"""Variants of set 1, sizing and margin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any

from marginlib.course.tasks.shared import RATE, ways
from marginlib.course.tasks.sizing import TASKS, _nearer, _safe
from marginlib.practice.tasks.task import varied

_DEPOSIT, _SHORT, _FREE, _SETTING, _FELT, _BOT, _NEARER, _SIZE, _WORDS = TASKS


def _sizes(random: Random) -> dict[str, Any]:
    """Return four sizes in any order: two survive, one has less left than it must keep, one has nothing left."""
    case = _SIZE.draw(random)
    most, bust = _safe(case), _safe(case, 0.0)
    sizes = [int(most * 0.995), int(most * 0.47), int((most + bust) / 2), int(case["wallet"] * 20 * 0.96)]
    random.shuffle(sizes)
    return {**case, **dict(zip("pqrs", sizes, strict=True))}


def _smallest(case: Mapping[str, Any], notional: float) -> str:
    """Return the letter of the smallest offered size above a notional."""
    offered = {case[name]: letter for name, letter in zip("pqrs", "abcd", strict=True)}
    return offered[min(size for size in offered if size > notional)]


VARIANTS = (
    varied(
        _DEPOSIT,
        text=(
            "You bought {quantity} BTC at {entry:,} dollars with a leverage setting of {leverage}x. The mark price is "
            "now {mark:,}, and the venue values positions at the mark price. You keep your money in ETH, which stands "
            "at {eth:,} dollars and which this venue counts in full."
        ),
        ask="the initial margin that is reserved now, in ETH",
        unit="ETH",
        draw=lambda random: {**_DEPOSIT.draw(random), "eth": random.randrange(1_510, 4_500, 10)},
        into=lambda answer, eth: answer / eth,
        instead="It is asked for in ETH, not in dollars: how many ETH are worth so many dollars?",
        step=(
            "Notional is quantity x mark price; divided by the setting it is the margin in dollars, by ETH's price in "
            "ETH."
        ),
        model=(
            'reserved = given["quantity"] * given["mark"] / given["leverage"]  # dollars\n'
            'answer_1 = reserved / given["eth"]'
        ),
        worked=lambda quantity, mark, leverage, eth: (
            f"{quantity} x {mark:,} / {leverage} = {quantity * mark / leverage:,.2f} dollars, and at {eth:,} dollars "
            "for "
            f"one that is {quantity * mark / leverage / eth:.6g} ETH."
        ),
    ),
    varied(
        _DEPOSIT,
        text=(
            "You bought {quantity} BTC at {entry:,} dollars with a leverage setting of {leverage}x. The mark price is "
            "now {mark:,}, and the venue values positions at the mark price. What it reserves has changed since then."
        ),
        ask="by how much the initial margin has changed since you bought, in dollars, below 0 where less is reserved",
        solve=lambda quantity, entry, mark, leverage: quantity * (mark - entry) / leverage,
        beliefs={"ENTRY_FOR_MARK": lambda: 0.0},
        instead="Asked for is the change since you bought, not what is reserved now.",
        demands={
            "The setting divides: what changes is the deposit, not the whole position.": lambda quantity, entry, mark: (
                quantity * (mark - entry)
            ),
        },
        nudge="What was reserved when you bought, and what is reserved now?",
        step="Both times notional / setting, first at the entry price, then at the mark price. Take the difference.",
        model=(
            'before, now = given["quantity"] * given["entry"], given["quantity"] * given["mark"]\n'
            'answer_1 = (now - before) / given["leverage"]'
        ),
        worked=lambda quantity, entry, mark, leverage: (
            f"Reserved were {quantity * entry / leverage:,.2f} dollars, and now {quantity * mark / leverage:,.2f}: "
            f"{quantity * (mark - entry) / leverage:+,.2f}."
        ),
    ),
    varied(
        _SHORT,
        text=(
            "You are short: the quantity is {quantity} BTC, opened at {entry:,} dollars with a setting of {leverage}x. "
            "You close it at {mark:,}. The venue takes a fee of {fee} % of the notional when you open, and again of "
            "the "
            "notional when you close."
        ),
        ask="what the trade has brought (above 0) or cost (below 0) after both fees, in dollars",
        draw=lambda random: {**_SHORT.draw(random), "fee": random.choice([0.04, 0.05, 0.06, 0.1])},
        into=lambda answer, quantity, entry, mark, fee: answer - fee / 100 * abs(quantity) * (entry + mark),
        instead="The fees have to be taken off.",
        demands={
            "There are two fees, one for opening and one for closing.": lambda quantity, entry, mark, fee: (
                quantity * (mark - entry) - fee / 100 * abs(quantity) * mark
            ),
            "Fees take the size without its sign: a short pays them, too.": lambda quantity, entry, mark, fee: (
                quantity * (mark - entry) - fee / 100 * quantity * (entry + mark)
            ),
        },
        step=(
            "PnL = quantity x (price now - entry price), with the sign. A fee is a share of |quantity| x price, each "
            "time."
        ),
        model=(
            'profit = given["quantity"] * (given["mark"] - given["entry"])\n'
            'fees = given["fee"] / 100 * abs(given["quantity"]) * (given["entry"] + given["mark"])\n'
            "answer_2 = profit - fees"
        ),
        worked=lambda quantity, entry, mark, fee: (
            f"{quantity} x ({mark:,} - {entry:,}) = {quantity * (mark - entry):,.2f} dollars. Both fees: {fee} % of "
            f"{abs(quantity) * (entry + mark):,.2f}, which is {fee / 100 * abs(quantity) * (entry + mark):,.2f}. "
            "Together "
            f"{quantity * (mark - entry) - fee / 100 * abs(quantity) * (entry + mark):,.2f}."
        ),
    ),
    varied(
        _SHORT,
        text=_SHORT.text + " What has that made of your deposit?",
        ask=(
            "the profit (above 0) or loss (below 0) in percent of the initial margin that was reserved at the entry "
            "price"
        ),
        unit="%",
        into=lambda answer, quantity, entry, leverage: 100 * answer / (abs(quantity) * entry / leverage),
        beliefs={"LEVERAGE_MULTIPLIES_PNL": None},
        instead="It is asked for in percent of the deposit, not in dollars.",
        step="PnL = quantity x (price now - entry price). Divide it by |quantity| x entry price / setting.",
        model=(
            'profit = given["quantity"] * (given["mark"] - given["entry"])\n'
            'reserved = abs(given["quantity"]) * given["entry"] / given["leverage"]\n'
            "answer_2 = 100 * profit / reserved"
        ),
        worked=lambda quantity, entry, mark, leverage: (
            f"{quantity} x ({mark:,} - {entry:,}) = {quantity * (mark - entry):,.2f} dollars. Reserved were "
            f"{abs(quantity) * entry / leverage:,.2f}, so that is {100 * leverage * (entry - mark) / entry:.4f} % of "
            "them."
        ),
    ),
    varied(
        _FREE,
        text=(
            "Write the available balance of a cross account with one position and open orders: equity that is neither "
            "initial margin nor reserved for the orders, and 0 where more is needed than there is. `orders` are the "
            "dollars that the orders reserve. The quantity is above 0 for a long and below 0 for a short. Mind the "
            "order "
            "of the arguments."
        ),
        takes=("quantity", "entry", "mark", "leverage", "wallet", "orders"),
        cases=lambda random: {
            **(case := _FREE.deal(random)),
            "orders": int(case["wallet"] * random.uniform(0.02, 0.2)) // 10 * 10 + 7,
        },
        first=lambda wallet, orders: {"wallet": wallet - orders},
        demands={"What the orders reserve is not available.": _FREE.solve},
        step="Equity is wallet + quantity x (mark - entry). Reserved are |quantity| x mark / leverage, and the orders.",
        model=(
            "equity = wallet + quantity * (mark - entry)\nreserved = abs(quantity) * mark / leverage + orders\n"
            "answer = max(0, equity - reserved)"
        ),
        worked=lambda wallet, quantity, entry, mark, leverage, orders: (
            "answer = max(0, wallet + quantity * (mark - entry) - abs(quantity) * mark / leverage - orders).\n"
            f"Here: {_FREE.solve(wallet - orders, quantity, entry, mark, leverage):,.2f} dollars."
        ),
    ),
    varied(
        _SETTING,
        text=(
            "You hold {before} BTC, bought at {price:,} dollars with a leverage setting of {leverage}x, in a cross "
            "account with {wallet:,} dollars. Before the price moves at all, you trade until you hold {after} BTC; the "
            "setting stays. What happens to (1) the initial margin, (2) the maintenance margin, (3) the available "
            "balance, (4) the effective leverage, (5) the dollars that you win or lose when the price moves by 1,000? "
            "There are no fees."
        ),
        draw=lambda random: {
            "before": (sizes := random.sample(range(5, 31), 2))[0] / 100,
            "after": sizes[1] / 100,
            "price": random.randrange(20_000, 90_001, 500),
            "leverage": random.choice([3, 4, 5, 8, 10, 20]),
            "wallet": 10_000,
        },
        solve=lambda before, after: ways(
            after - before, after - before, before - after, after - before, after - before
        ),
        beliefs={
            "SETTING_IS_EFFECTIVE": lambda before, after: ways(
                after - before, after - before, before - after, 0, after - before
            ),
        },
        instead="The size changes here, and the setting stays.",
        demands={
            "What must be kept is a share of the size, too.": lambda before, after: ways(
                after - before, 0, before - after, after - before, after - before
            ),
            "What is not reserved is available.": lambda before, after: ways(
                after - before, after - before, 0, after - before, after - before
            ),
        },
        nudge="Write the formula of each of the five. In which of them does the size stand?",
        step=(
            "The notional stands in four of the five. Available is equity less the initial margin, and the equity "
            "stays."
        ),
        model=(
            'size, rest = ("up", "down") if given["after"] > given["before"] else ("down", "up")\n'
            "answer_4 = [size, size, rest, size, size]  # the notional is in all, the available balance is what it "
            "leaves"
        ),
        worked=lambda before, after, price, leverage, wallet: (
            f"The notional goes from {before * price:,.2f} to {after * price:,.2f} dollars. With it go the initial "
            "margin, "
            f"1 / {leverage} of it, the maintenance margin, the effective leverage (notional / {wallet:,}) and the "
            "dollars "
            "of a move. What is available goes the other way: "
            f"{', '.join(ways(after - before, after - before, before - after, after - before, after - before))}."
        ),
    ),
    varied(
        _FELT,
        text=_FELT.text + " You want an effective leverage of {target}x, and you do not want to sell anything.",
        ask="the dollars that you have to pay in",
        draw=lambda random: {
            **(case := _FELT.draw(random)),
            "target": round(_FELT.solve(**case) / random.uniform(1.3, 2.2), 2),
        },
        solve=lambda wallet, quantity, entry, mark, target: (
            quantity * mark / target - wallet - quantity * (mark - entry)
        ),
        beliefs={
            "SETTING_IS_EFFECTIVE": lambda wallet, quantity, entry, mark, leverage, target: (
                (leverage / target - 1) * (wallet + quantity * (mark - entry))
            ),
            "OPEN_PROFIT_IGNORED": lambda wallet, quantity, mark, target: quantity * mark / target - wallet,
            "ENTRY_FOR_MARK": lambda wallet, quantity, entry, mark, target: (
                quantity * entry / target - wallet - quantity * (mark - entry)
            ),
        },
        instead="Asked for are the dollars that bring the leverage down, not the leverage that you have now.",
        demands={
            "What has to be paid in is asked for, not the equity that you need.": lambda quantity, mark, target: (
                quantity * mark / target
            ),
        },
        nudge="How much equity has to stand against this notional?",
        step="Effective leverage = notional now / equity now. Equity needed = notional / target; some of it is there.",
        model=(
            'equity = given["wallet"] + given["quantity"] * (given["mark"] - given["entry"])\n'
            'needed = given["quantity"] * given["mark"] / given["target"]\nanswer_5 = needed - equity'
        ),
        worked=lambda wallet, quantity, entry, mark, target: (
            f"Notional {quantity * mark:,.2f} / {target} = {quantity * mark / target:,.2f} dollars of equity are "
            "needed. "
            f"There are {wallet:,.0f} + {quantity * (mark - entry):,.2f} = {wallet + quantity * (mark - entry):,.2f}: "
            "pay in "
            f"{quantity * mark / target - wallet - quantity * (mark - entry):,.2f}."
        ),
    ),
    varied(
        _FELT,
        text=_FELT.text + " Now suppose that it falls and nothing had to be kept.",
        ask="the fall from the mark price that would use up all of the equity, in percent, such as 12.5",
        unit="%",
        draw=lambda random: {**(case := _FELT.draw(random)), "wallet": case["wallet"] // 4 + 100},
        into=lambda answer: 100 / answer,
        instead="A fall in percent is asked for: by how much may the notional shrink until the equity is gone?",
        demands={
            "Leverage is notional / equity, not equity / notional.": None,
            "What stands against the notional is equity: the wallet counts, too.": None,
        },
        nudge="A fall of 1 % costs 1 % of the notional. How many of them does the equity bear?",
        step="Equity is wallet + profit or loss, notional is quantity x mark. The fall is equity / notional.",
        model=(
            'equity = given["wallet"] + given["quantity"] * (given["mark"] - given["entry"])\n'
            'answer_5 = 100 * equity / (given["quantity"] * given["mark"])'
        ),
        worked=lambda wallet, quantity, entry, mark: (
            f"Notional {quantity * mark:,.2f}, equity {wallet + quantity * (mark - entry):,.2f}: a fall of "
            f"{100 * (wallet + quantity * (mark - entry)) / (quantity * mark):.3f} %."
        ),
    ),
    varied(
        _BOT,
        text=_BOT.text.partition(" The maintenance")[0]
        + (
            " On this venue 0.4 % of the notional at the mark price must be kept, and besides `fee_rate` of the same "
            "notional, as a fraction, for the fee of closing."
        ),
        takes=("mark", "entry", "quantity", "wallet", "fee_rate"),
        cases=lambda random: {**_BOT.deal(random), "fee_rate": random.choice([0.0004, 0.0005, 0.0006, 0.001])},
        into=lambda answer, fee_rate: answer * (RATE + fee_rate) / RATE,
        beliefs={
            "RATIO_UPSIDE_DOWN": lambda mark, entry, quantity, wallet, fee_rate: (
                (wallet + quantity * (mark - entry)) / ((RATE + fee_rate) * abs(quantity) * mark)
            ),
        },
        demands={
            "The fee of closing must be kept, too.": lambda mark, entry, quantity, wallet: _BOT.solve(
                wallet, quantity, entry, mark
            ),
        },
        found=(
            "size = abs(quantity)\nprofit = size * (mark - entry)\n"
            "answer = (0.004 + fee_rate) * size * mark / (wallet + profit)"
        ),
        model=(
            "profit = quantity * (mark - entry)  # with its sign\n"
            "answer = (0.004 + fee_rate) * size * mark / (wallet + profit)"
        ),
        worked=lambda mark, entry, quantity, wallet, fee_rate: (
            "profit = quantity * (mark - entry), with the sign; what must be kept takes abs(quantity).\n"
            f"Here: equity {wallet + quantity * (mark - entry):,.2f}, to keep "
            f"{(RATE + fee_rate) * abs(quantity) * mark:,.2f}: "
            f"{(RATE + fee_rate) * abs(quantity) * mark / (wallet + quantity * (mark - entry)):.6f}."
        ),
    ),
    varied(
        _NEARER,
        text=(
            "A forum says: \u201cThe account with the higher leverage setting is always liquidated first.\u201d "
            "Refute it with shorts. Two cross accounts have {wallet:,} dollars each, and each sells BTC short at "
            "{price:,} "
            "dollars. Choose sizes and settings, A with the higher setting, so that B is liquidated first when the "
            "price "
            "rises. Quantities of shorts are below 0."
        ),
        solve=lambda wallet, price: {
            "quantity_a": -wallet / price,
            "leverage_a": 50,
            "quantity_b": -4 * wallet / price,
            "leverage_b": 5,
        },
        refutes=partial(_nearer, side=-1),
        model=(
            'one_wallet = -given["wallet"] / given["price"]  # a short as large as the wallet\n'
            'answer_7 = {"quantity_a": one_wallet, "leverage_a": 50, "quantity_b": 4 * one_wallet, "leverage_b": 5}'
        ),
        worked=lambda wallet, price: (
            f"A: {-wallet / price:.4f} BTC, as much as its wallet is worth, at 50x: it ends when the price has about "
            f"doubled. B: {-4 * wallet / price:.4f} BTC at 5x, an effective leverage of 4x: it ends after a rise of "
            "about "
            "25 %."
        ),
    ),
    varied(
        _SIZE,
        text=(
            "A cross account has {wallet:,} dollars and a setting of {leverage}x, and it holds one BTC long. The price "
            "falls by {fall} %. The maintenance margin is 0.4 % of the notional. Which is the smallest of these sizes "
            "that is liquidated by this fall, and why?"
        ),
        reasons={
            "1": "its initial margin takes most of the wallet",
            "2": "its loss takes all of the wallet",
            "3": "after its loss something is left, and that is less than what must be kept",
        },
        draw=_sizes,
        solve=lambda **case: _smallest(case, _safe(case)) + "3",
        beliefs={"NO_MAINTENANCE": lambda **case: _smallest(case, _safe(case, 0.0)) + "2"},
        instead="Asked for is the smallest that is liquidated, not the largest that survives.",
        demands={
            "That size is liquidated. A smaller one is, too: its margin at the start says nothing about it.": (
                lambda **case: _smallest(case, _safe(case, 0.0)) + "1"
            ),
        },
        step="A size is liquidated when what is left is no more than 0.4 % of what it is worth after the fall.",
        model=(
            'fall = given["fall"] / 100\n'
            'most = given["wallet"] / (fall + 0.004 * (1 - fall))  # what the wallet bears\n'
            'sizes = {"a": given["p"], "b": given["q"], "c": given["r"], "d": given["s"]}\n'
            'answer_8 = min((letter for letter in sizes if sizes[letter] > most), key=sizes.get) + "3"'
        ),
    ),
    varied(
        _WORDS,
        text=(
            "A friend holds a BTC long in a cross account and says: \u201cThe market is wild, so I have lowered my "
            "leverage setting from 20x to 4x. Now my position is five times as safe.\u201d Answer in three to five "
            "sentences, with at least one example in numbers."
        ),
        rubric=(
            "The setting decides how much is reserved (notional / setting): lowering it only reserves more.",
            "Size, profit and loss stay what they were.",
            "In cross all of the wallet stands behind the position before and after, so its liquidation price stays.",
            (
                "What makes it safer: a smaller size or more money in the account; or, the condition, a lower setting "
                "where more margin moves behind an isolated position."
            ),
        ),
        nudge="Which formula of the cross account has the setting in it?",
        step="Compute the liquidation price for both settings.",
        worked=lambda: (
            "With 10,000 dollars and half a bitcoin at 60,000 you reserved 1,500 dollars at 20x and reserve 7,500 at "
            "4x. "
            "Nothing else has changed: a move of 1,000 is still 500 dollars, and all 10,000 still stand behind the "
            "long, "
            "so it is liquidated at 40,161 as before. Sell half of it, or pay money in, and it is safer. In isolated "
            "margin a lower setting helps where the venue moves more margin behind the position."
        ),
    ),
)
