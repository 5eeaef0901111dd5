"""Variants of set 4, tiers and hedges."""

from __future__ import annotations

from functools import partial

from marginlib.course.tasks.shared import RATE, bankrupt, ends, margin_asked, paid, ways
from marginlib.course.tasks.tiers import (
    _TABLE,
    _TABLE_TEXT,
    TASKS,
    _believed,
    _misread,
    _nearer,
    _of_tier,
    _plan,
    _price,
    _unsafe_hedge,
)
from marginlib.practice.tasks.task import varied

_SLICES, _LARGER, _AT_THE_END, _LARGEST, _FROZEN, _HURTS, _JOURNAL, _WAITS, _DAYS, _WORDS, _NETS = TASKS
_above = partial(_nearer, side=-1)


def _suffices_for(keep: float, sign: float = 1.0) -> float:
    """Return the size whose maintenance margin by the table is so much; the sign is that of the amounts."""
    at = max(k for k, floor in enumerate(_TABLE.floors) if _TABLE.maintenance_margin(floor) <= keep)
    return (keep + sign * _TABLE.amounts[at]) / _TABLE.rates[at]


def _behind(
    price: float,
    long: float,
    long_entry: float,
    short: float,
    short_entry: float,
    rule: str,
    *,
    rate: float = RATE,
    side: int = -1,
) -> float:
    """Return the wallet with which a long and a short in one pool end at a price."""
    lost = long * (long_entry - price) + side * short * (short_entry - price)
    return lost + rate * margin_asked(long, short, rule) * price


def _kept_at_the_end(one: float, other: float, entry: float, leverage: float) -> list[float]:
    """Return what two positions must keep where each is liquidated."""
    return [_TABLE.maintenance_margin(abs(size) * _price(size, entry, leverage) / entry) for size in (one, other)]


VARIANTS = (
    varied(
        _SLICES,
        text=(
            f"You hold BTC with a setting of {{leverage}}x, and the venue says that {{keep:,.2f}} dollars must be "
            f"kept. {_TABLE_TEXT}"
        ),
        ask="what the position is worth, in dollars",
        draw=lambda random: {
            "keep": _TABLE.maintenance_margin(random.randrange(350_000, 2_900_001, 10_000)),
            "leverage": random.choice([10, 20, 25, 40]),
        },
        solve=lambda keep: _suffices_for(keep, 1.0),
        beliefs={
            "FLAT_TIER": lambda keep: _suffices_for(keep, 0.0),
            "AMOUNT_SIGN": lambda keep: _suffices_for(keep, -1.0),
            "LEVERAGE_IN_MAINTENANCE": lambda keep, leverage: _suffices_for(keep * leverage),
        },
        demands={"What lies above 300,000 dollars has higher rates.": lambda keep: keep / _TABLE.rates[0]},
        nudge="How much must be kept for 300,000 dollars, and how much for 800,000?",
        step=(
            "1,200 dollars are kept up to 300,000, 3,700 up to 800,000. What is kept beyond that is a share, at the "
            "rate of its tier, of what lies above."
        ),
        model=(
            "kept, floors, rates = [0, 1_200, 3_700], [0, 300_000, 800_000], [0.004, 0.005, 0.0065]\n"
            'tier = max(k for k in range(3) if kept[k] <= given["keep"])\n'
            'answer_1 = floors[tier] + (given["keep"] - kept[tier]) / rates[tier]'
        ),
        worked=lambda keep: (
            "Up to 300,000 dollars 1,200 are kept, up to 800,000 3,700. By the tier that fits, the position is worth "
            f"({keep:,.2f} + {_of_tier(_suffices_for(keep))[1]:,.0f}) / {100 * _of_tier(_suffices_for(keep))[0]:.2f} "
            f"% = {_suffices_for(keep):,.2f} dollars."
        ),
    ),
    varied(
        _SLICES,
        text=_SLICES.text + " Slices have different rates, so the whole has one between them.",
        ask="what must be kept, in percent of what the position is worth, such as 0.45",
        unit="%",
        into=lambda answer, notional: 100 * answer / notional,
        instead="It is asked for in percent of the position, not in dollars.",
        demands={"What lies above 300,000 dollars has higher rates.": lambda: 100 * _TABLE.rates[0]},
        model=(
            "floors, rates = [0, 300_000, 800_000, 3_000_000], [0.004, 0.005, 0.0065, 0.01]\n"
            'caps = [*floors[1:], float("inf")]\n'
            'slices = [max(0, min(given["notional"], cap) - floor) for floor, cap in zip(floors, caps)]\n'
            'answer_1 = 100 * sum(part * rate for part, rate in zip(slices, rates)) / given["notional"]'
        ),
        worked=lambda notional: (
            f"Slice by slice {_TABLE.maintenance_margin(notional):,.2f} dollars must be kept. Of {notional:,} that is "
            f"{100 * _TABLE.maintenance_margin(notional) / notional:.5f} %."
        ),
    ),
    varied(
        _LARGER,
        text=_LARGER.text.replace("longs", "shorts") + " Both stay in the tier of their size until they end.",
        draw=lambda random: {  # each stays in its tier until it ends
            **(case := _LARGER.draw(random)),
            "large": case["large"] if case["large"] > _TABLE.floors[-1] else min(case["large"], 2_600_000),
        },
        solve=_above,
        beliefs={
            **_believed(_above),
            "LEVERAGE_IS_DISTANCE": lambda: 0.0,
            "SIGN": _LARGER.solve,
        },
        demands={
            "How much nearer is asked for: the difference of the two prices.": lambda large, entry, leverage: _price(
                -large, entry, leverage
            ),
        },
        step=_LARGER.step.replace("-", "+"),
        model=(
            'prices = []\nfor size in (given["small"], given["large"]):\n'
            "    rate, amount = (0.004, 0) if size < 300_000 else (0.0065, 1_500) if size < 3_000_000 else (0.01, "
            '12_000)\n    margin, quantity = size / given["leverage"], size / given["entry"]\n'
            "    prices.append((size + margin + amount) / (quantity * (1 + rate)))\nanswer_2 = prices[0] - prices[1]"
        ),
        worked=lambda small, large, entry, leverage: (
            f"The smaller one, in tier 1, is liquidated at {_price(-small, entry, leverage):,.2f}. The larger one has "
            f"the rate {100 * _of_tier(large)[0]:.2f} % and the amount {_of_tier(large)[1]:,.0f}: "
            f"{_price(-large, entry, leverage):,.2f}. That is nearer by {_above(small, large, entry, leverage):,.2f} "
            "dollars."
        ),
    ),
    varied(
        _AT_THE_END,
        text=_AT_THE_END.text.replace("is liquidated. ", "is liquidated. What must it keep then? "),
        ask="two amounts in dollars in a list, such as [1200.0, 3700.0]: what the long must keep, and what the short",
        solve=lambda long, short, entry, leverage: _kept_at_the_end(long, -short, entry, leverage),
        beliefs={
            "ENTRY_FOR_MARK": lambda long, short: [_TABLE.maintenance_margin(size) for size in (long, short)],
            "SIGN": lambda long, short, entry, leverage: _kept_at_the_end(long, short, entry, leverage),  # noqa: PLW0108
        },
        demands={
            "First that of the long, then that of the short.": lambda long, short, entry, leverage: _kept_at_the_end(
                -short, long, entry, leverage
            ),
        },
        instead="Asked for is how much each must keep, not its tier.",
        step=(
            "At 1 / leverage away from the entry the margin is nearly used up, so look for the tier of the size there. "
            "With its rate and amount the price follows, and what is kept: quantity x price x rate - amount."
        ),
        model=(
            "table = [(0, 0.004, 0), (300_000, 0.005, 300), (800_000, 0.0065, 1_500), (3_000_000, 0.01, 12_000)]\n"
            'answer_3 = []\nfor size in (given["long"], -given["short"]):\n'
            '    quantity, margin = size / given["entry"], abs(size) / given["leverage"]\n'
            "    for floor, rate, amount in table:\n"
            "        price = (size - margin - amount) / (quantity - abs(quantity) * rate)\n"
            "        if abs(quantity) * price > floor:  # the last tier for which that holds is the one that counts\n"
            "            kept = abs(quantity) * price * rate - amount\n    answer_3.append(kept)"
        ),
        worked=lambda long, short, entry, leverage: (
            f"The long ends at {_price(long, entry, leverage):,.2f}, where it is worth "
            f"{long * _price(long, entry, leverage) / entry:,.0f} dollars and keeps "
            f"{_kept_at_the_end(long, -short, entry, leverage)[0]:,.2f}. The short ends at "
            f"{_price(-short, entry, leverage):,.2f}, worth {short * _price(-short, entry, leverage) / entry:,.0f}, "
            f"and keeps {_kept_at_the_end(long, -short, entry, leverage)[1]:,.2f}."
        ),
    ),
    varied(
        _LARGEST,
        text=_LARGEST.text.replace("largest of these plans that is not", "smallest of these plans that is"),
        reasons={
            "1": "this size does not allow this leverage, and the sizes of the smaller plans allow theirs",
            "2": "it has the highest leverage of all, and that one is refused first",
            "3": "it is the largest of all, and more than the money can open",
        },
        solve=lambda **case: (
            min(
                (x for x in "abcd" if case[f"setting_{x}"] > _TABLE.max_leverage(case[f"size_{x}"])),
                key=lambda x: case[f"size_{x}"],
            )
            + "1"
        ),
        instead="Asked for is the smallest that is refused, not the largest that is allowed.",
        demands={
            "What is refused depends on the size: look for each plan's size in the table.": lambda **case: (
                _plan(case, 150) + "2"
            ),
            "That is refused only if its size does not allow its leverage.": lambda **case: _plan(case, 150) + "3",
        },
        step=(
            "For each plan, find its size in the table first. It is refused if its leverage is more than what stands "
            "there."
        ),
        model=(
            "limits = {150: 300_000, 100: 800_000, 75: 3_000_000, 50: 12_000_000}  # the largest size for each "
            "leverage\n"
            'refused = {given[f"size_{x}"]: x for x in "abcd" if given[f"size_{x}"] > limits[given[f"setting_{x}"]]}\n'
            'answer_4 = refused[min(refused)] + "1"'
        ),
    ),
    varied(
        _FROZEN,
        ask="by how many percent BTC can rise from there until the account is liquidated (None if it never is)",
        unit="%",
        into=lambda answer, mark: 100 * (answer / mark - 1),
        instead="Asked for is how far that is away in percent, not the price.",
        step=_FROZEN.step + " How far is it above the mark?",
        model=(
            'left = given["wallet"] - given["quantity"] * (given["entry"] - given["mark"])  # frozen\n'
            'price = left / (2 * 0.004 * given["quantity"])  # both legs must keep something\n'
            'answer_5 = 100 * (price / given["mark"] - 1)'
        ),
        worked=lambda wallet, quantity, entry, mark: (
            f"The equity is frozen at {wallet:,} - {quantity} x ({entry:,} - {mark:,}) = "
            f"{wallet - quantity * (entry - mark):,.2f} dollars. Both legs together must keep "
            f"{2 * RATE * quantity:.6g} x price: they meet at "
            f"{_FROZEN.solve(wallet, quantity, entry, mark):,.2f}, which is "
            f"{100 * (_FROZEN.solve(wallet, quantity, entry, mark) / mark - 1):.4f} % above {mark:,}."
        ),
    ),
    varied(
        _HURTS,
        text=(
            "\u201cA hedge can only make an account safer.\u201d Refute it with a hedged short. Two cross accounts "
            "have {wallet:,} dollars each. One holds a BTC short of {size:,} dollars; the other one holds the same "
            "short and an ETH long of {size:,} dollars. The maintenance margin is 0.4 %. Choose how far BTC and ETH "
            "move, so that the hedged account is liquidated and the other one is not."
        ),
        solve=lambda wallet, size: {"btc_move": 0, "eth_move": -100 * wallet / size},
        refutes=partial(_unsafe_hedge, side=-1),
        step="Leave BTC where it is, and let ETH fall until the long has lost the wallet: loss = size x fall.",
        model=(
            'fall = 100 * given["wallet"] / given["size"]  # the ETH long alone loses the wallet\n'
            'answer_6 = {"btc_move": 0, "eth_move": -fall}'
        ),
        worked=lambda wallet, size: (
            f"BTC stands still, and ETH falls by {100 * wallet / size:.1f} %. The long loses {wallet:,} dollars, all "
            f"there is: the hedged account is over. The short alone still has its {wallet:,} dollars."
        ),
    ),
    varied(
        _JOURNAL,
        text=_JOURNAL.text.replace("3 settlements", "`per_day` settlements"),
        takes=("entry", "closing", "quantity", "days", "per_day", "fee_rate", "funding_rate"),
        cases=lambda random: {**_JOURNAL.deal(random), "per_day": random.choice([1, 2, 4, 6, 8])},
        first=lambda days, per_day: {"days": days * per_day / 3},
        demands={
            "There are 3 settlements a day.": None,
            "How many settlements a day has is given; there are not always 3.": _JOURNAL.solve,
        },
        found=(
            "size = abs(quantity)\nprofit = quantity * (closing - entry)\n"
            "fees = fee_rate * size * entry + fee_rate * size * closing\n"
            "funding = per_day * days * funding_rate * size * entry\nanswer = profit - fees - funding"
        ),
        model=(
            "funding = per_day * days * funding_rate * quantity * entry  # shorts receive what longs pay\n"
            "answer = profit - fees - funding"
        ),
        worked=lambda entry, closing, quantity, days, per_day, fee_rate, funding_rate: (
            "funding = per_day * days * funding_rate * quantity * entry, with the sign; the fees take abs(quantity).\n"
            f"Here: profit {quantity * (closing - entry):,.2f}, fees "
            f"{fee_rate * abs(quantity) * (entry + closing):,.2f}, funding paid "
            f"{per_day * days * funding_rate * quantity * entry:,.2f}. The first less the two others is "
            f"{_JOURNAL.solve(quantity, entry, closing, fee_rate, funding_rate, days * per_day / 3):,.2f} dollars."
        ),
    ),
    varied(
        _WAITS,
        text=_WAITS.text.replace("isolated short of", "isolated long of"),
        solve=lambda rate: ways(-rate, rate, rate, 0),
        beliefs={"ADDED_MARGIN_SHRINKS_PNL": lambda rate: ways(-rate, rate, rate, rate)},
        instead="A long is held here, not a short.",
        demands={
            "A long pays at a rate above 0, and receives below.": lambda rate: ways(rate, -rate, -rate, 0),
            "Funding moves the margin, though the price stands still.": lambda: ways(0, 0, 0, 0),
            "Both prices are computed from the margin, and it changes.": lambda rate: ways(-rate, 0, 0, 0),
        },
        step=(
            "Less money brings a long's prices nearer to the mark, and they lie below it. A move of the price times "
            "the quantity: is the margin in it?"
        ),
        model=(
            'paid = given["rate"] > 0  # a long pays at a rate above 0\n'
            'margin, prices = ("down", "up") if paid else ("up", "down")  # less money: nearer to the mark, which is '
            'above\nanswer_8 = [margin, prices, prices, "same"]'
        ),
        worked=lambda quantity, price, margin, rate, days: (
            f"A long {'pays' if rate > 0 else 'receives'} at {rate:+} %: in {days} days "
            f"{abs(paid(quantity, price, rate / 100, days)):,.2f} dollars. The margin goes from {margin:,} to "
            f"{margin - paid(quantity, price, rate / 100, days):,.2f}, the liquidation price from "
            f"{ends(margin, quantity, price):,.2f} to "
            f"{ends(margin - paid(quantity, price, rate / 100, days), quantity, price):,.2f}, the bankruptcy price "
            f"from {bankrupt(margin, quantity, price):,.2f} the same way. A move of 1,000 is {quantity * 1_000:,.0f} "
            f"dollars before and after: {', '.join(ways(-rate, rate, rate, 0))}."
        ),
    ),
    varied(
        _DAYS,
        text=(
            "You want to hold an isolated position for some days while the price stands still, and close it then. "
            "Write the margin that this takes: after the last of 3 settlements a day there may be left exactly the "
            "maintenance margin, 0.4 % of the notional, and the fee for closing, `fee_rate` of the notional. The rate "
            "is one for each settlement, such as 0.0001. Who only receives funding needs these two alone. The "
            "quantity is above 0 for a long and below 0 for a short."
        ),
        takes=("price", "quantity", "days", "rate", "fee_rate"),
        cases=lambda random: {**_DAYS.deal(random), "fee_rate": random.choice([0.0004, 0.0005, 0.0006, 0.001])},
        into=lambda answer, price, quantity, fee_rate: answer + fee_rate * abs(quantity) * price,
        demands={"The fee for closing must be there, too.": _DAYS.solve},
        nudge="Three amounts: what is paid until then, what must still be there, and what closing costs.",
        model=(
            "paid = 3 * days * rate * quantity * price\nto_keep = (0.004 + fee_rate) * abs(quantity) * price\n"
            "answer = max(0, paid) + to_keep"
        ),
        worked=lambda price, quantity, days, rate, fee_rate: (
            "answer = max(0, 3 * days * rate * quantity * price) + (0.004 + fee_rate) * abs(quantity) * price.\n"
            f"Here: funding paid {paid(quantity, price, rate, days):,.2f}, to keep and to close "
            f"{(RATE + fee_rate) * abs(quantity) * price:,.2f}: "
            f"{max(0.0, paid(quantity, price, rate, days)) + (RATE + fee_rate) * abs(quantity) * price:,.2f} dollars."
        ),
    ),
    varied(
        _WORDS,
        text=(
            "A friend holds an isolated short for a month while the funding rate is above 0, and says: \u201cI am "
            "paid for waiting. Every settlement makes me safer, so nothing can happen to me.\u201d Answer in three to "
            "six sentences. Say what happens if funding goes into the position's margin, if it goes to the rest of "
            "the account, and what else decides."
        ),
        rubric=(
            "A short receives when the rate is above 0: size x rate, also while the price stands still.",
            "If the position's margin receives it, the liquidation price moves away, upwards.",
            "If the rest of the account receives it, that price stays where it is.",
            "The price decides far more: a few percent take more than a month of funding, and rates may turn.",
        ),
        nudge="How many percent of the size does a month of funding bring?",
        step="What would a rise of that many percent cost?",
        worked=lambda: (
            "You do receive something 90 times: size times rate, with 30,000 dollars and 0.01 % that is 3 dollars, "
            "270 in the month. If your margin receives them, your liquidation price moves up, away from the mark; if "
            "the rest of the account does, it stays where it was. But 270 dollars are 0.9 % of the size: a rise of "
            "0.9 % takes all of it, and one of 10 % takes 3,000. And the rate may fall below 0; then you pay."
        ),
    ),
    varied(
        _NETS,
        text=(
            "You hold a long and a short of BTC in one cross pool: `long` BTC from `long_entry` and `short` BTC from "
            "`short_entry`; both sizes are above 0. The maintenance margin is 0.4 % of the value at the price asked "
            "for, and `rule` says of which size: \u201ceach leg\u201d adds up both, \u201clarger leg\u201d takes the "
            "larger one alone, \u201cclosed first\u201d takes what is left when they are closed against each other. "
            "The pool shall be liquidated at `price` and no sooner. Write how many dollars the wallet has to hold."
        ),
        ask="the dollars of the wallet",
        takes=("price", "long", "long_entry", "short", "short_entry", "rule"),
        cases=lambda random: {  # a price on the side where the pair loses; above, where it is frozen
            **(case := _NETS.deal(random)),
            "price": int(
                case["long_entry"] * random.uniform(*((0.6, 0.9) if case["long"] > case["short"] else (1.1, 1.6)))
            )
            // 100
            * 100,
        },
        solve=_behind,
        beliefs=_misread(_behind),
        demands={
            "A short wins when the price falls: what it wins or loses has the other sign.": lambda **case: _behind(
                **case, side=1
            ),
            "The two entries differ: what was won or lost between them is in the equity.": (
                lambda **case: _behind(**{**case, "short_entry": case["long_entry"]})
            ),
        },
        instead="Asked for is what the wallet has to hold, not a price.",
        nudge="How much has each leg won or lost at that price? Then: of which size is margin asked there?",
        step=(
            "wallet = long x (long_entry - price) + short x (price - short_entry) + 0.004 x asked x price, with the "
            "size that the rule asks for."
        ),
        model=(
            'asked = {"each leg": long + short, "larger leg": max(long, short), "closed first": abs(long - short)}\n'
            "lost = long * (long_entry - price) + short * (price - short_entry)\n"
            "answer = lost + 0.004 * asked[rule] * price"
        ),
        worked=lambda price, long, long_entry, short, short_entry, rule: (
            "answer = long * (long_entry - price) + short * (price - short_entry) + 0.004 * asked * price.\n"
            "Here: both legs together have lost "
            f"{_behind(price, long, long_entry, short, short_entry, rule, rate=0):,.2f} dollars, and {rule} asks for "
            f"{RATE * margin_asked(long, short, rule) * price:,.2f} more: "
            f"{_behind(price, long, long_entry, short, short_entry, rule):,.2f} dollars."
        ),
    ),
)
