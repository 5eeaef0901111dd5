"""Variants of set 2, isolated margin."""

from __future__ import annotations

from functools import partial

from marginlib.course.tasks.isolated import TASKS, _falls, _one_loser
from marginlib.course.tasks.shared import RATE, account, bankrupt, ends, held
from marginlib.course.variants import renamed
from marginlib.practice.tasks.task import varied

_END, _BOTH, _ADDED, _GAP, _DISTANCE, _DIVIDES, _LOSER, _WHOLE, _DIP, _WORDS = TASKS


def _poorer(wallet: float, notional: float, leverage: float, rise: float) -> str:
    """Return which account has lost more after the rise and the way back, and why."""
    cross, isolated = _falls(wallet, notional, leverage, side=-1)
    if rise >= cross:
        return "a2"
    return "b1" if rise >= isolated else "c3"


VARIANTS = (
    varied(
        _END,
        text=_END.text.replace("buy {quantity} BTC", "sell {quantity} BTC short"),
        solve=lambda margin, quantity, entry: ends(margin, -quantity, entry),
        beliefs={
            "NO_MAINTENANCE": lambda margin, quantity, entry: bankrupt(margin, -quantity, entry),
            "WALLET_FOR_MARGIN": lambda wallet, quantity, entry: ends(wallet, -quantity, entry),
            "LEVERAGE_IS_DISTANCE": lambda entry, leverage: entry * (1 + 1 / leverage),
            "SIGN": _END.solve,
        },
        catalogue=(
            "liquidation_price",
            lambda wallet, margin, quantity, entry, leverage: account(
                wallet, held(-quantity, entry, leverage).isolated(margin)
            ),
        ),
        demands={
            "More was set aside than the setting asks for, and all of it counts.": lambda quantity, entry, leverage: (
                ends(quantity * entry / leverage, -quantity, entry)
            ),
            "What must be kept is a share of the notional at the price asked for.": lambda margin, quantity, entry: (
                bankrupt(margin - RATE * quantity * entry, -quantity, entry)
            ),
        },
        step="margin - quantity x (price - entry) = 0.004 x quantity x price. Solve for the price.",
        model=(
            'worth = given["quantity"] * given["entry"] + given["margin"]  # what buying back may cost\n'
            'answer_1 = worth / (given["quantity"] * (1 + 0.004))'
        ),
        worked=lambda margin, quantity, entry: (
            f"{margin:,} - {quantity} x (price - {entry:,}) = {RATE} x {quantity} x price, so the price is "
            f"({quantity} x {entry:,} + {margin:,}) / ({quantity} x {1 + RATE}) = "
            f"{ends(margin, -quantity, entry):,.2f} dollars. Wallet and setting are not in it."
        ),
    ),
    varied(
        _END,
        text=_END.text + " The price stands where you bought.",
        ask="how far the price may fall until the long is liquidated, in percent, such as 12.5",
        unit="%",
        into=lambda answer, entry: 100 * (1 - answer / entry),
        instead="Asked for is how far that is away in percent, not the price.",
        step=(
            "margin + quantity x (price - entry) = 0.004 x quantity x price gives the price. The fall is (entry - "
            "price) / entry."
        ),
        model=(
            'shortfall = given["quantity"] * given["entry"] - given["margin"]\n'
            'price = shortfall / (given["quantity"] * (1 - 0.004))\nanswer_1 = 100 * (1 - price / given["entry"])'
        ),
        worked=lambda margin, quantity, entry: (
            f"The price is ({quantity} x {entry:,} - {margin:,}) / ({quantity} x {1 - RATE}) = "
            f"{ends(margin, quantity, entry):,.2f} dollars: "
            f"{100 * (1 - (ends(margin, quantity, entry) or 0) / entry):.4f} % "
            f"below {entry:,}."
        ),
    ),
    varied(
        _BOTH,
        text=(
            "Write the liquidation price of an isolated position that has its initial margin behind it (notional at "
            "the entry price / leverage) and `added` dollars more. The quantity is above 0 for a long and below 0 for "
            "a short; the maintenance margin is 0.4 % of the notional at the price asked for. All positions here have "
            "such a price."
        ),
        takes=("entry", "quantity", "leverage", "added"),
        cases=lambda random: {
            **(case := _BOTH.deal(random)),
            "added": int(abs(case["quantity"]) * case["entry"] / case["leverage"] * random.uniform(0.1, 0.5)) + 1,
        },
        first=lambda entry, quantity, leverage, added: {"margin": abs(quantity) * entry / leverage + added},
        demands={
            "What was added stands behind it, too.": lambda entry, quantity, leverage: ends(
                abs(quantity) * entry / leverage, quantity, entry
            ),
            "The initial margin stands behind it, too.": lambda entry, quantity, added: ends(added, quantity, entry),
        },
        step=(
            "margin = |quantity| x entry / leverage + added. Then margin + quantity x (price - entry) = 0.004 x "
            "|quantity| x price."
        ),
        model=(
            "margin = abs(quantity) * entry / leverage + added\n"
            "answer = (quantity * entry - margin) / (quantity - 0.004 * abs(quantity))"
        ),
        worked=lambda entry, quantity, leverage, added: (
            "margin = abs(quantity) * entry / leverage + added; answer = (quantity * entry - margin) / (quantity - "
            "0.004 * abs(quantity)).\n"
            f"Here: a margin of {abs(quantity) * entry / leverage + added:,.2f}, so "
            f"{ends(abs(quantity) * entry / leverage + added, quantity, entry):,.2f}."
        ),
    ),
    varied(
        _ADDED,
        text=(
            "You hold a short, a quantity of {quantity} BTC from {entry:,} dollars, with {margin:,} dollars of "
            "isolated margin. You take {less:,} dollars out of it, back to your wallet; your venue allows it. Before "
            "you compute anything: what happens to (1) the liquidation price, (2) the bankruptcy price, (3) the "
            "dollars that you win or lose when the price moves by 1,000, (4) the most that this position can lose?"
        ),
        draw=lambda random: {
            **renamed(case := _ADDED.draw(random), more="less"),
            "less": int(case["margin"] * random.uniform(0.03, 0.08)) + 1,
        },
        solve=lambda: ["down", "down", "same", "down"],
        beliefs={
            "CROSS_LOWERS_PRICE": lambda: ["up", "up", "same", "down"],
            "ADDED_MARGIN_SHRINKS_PNL": lambda: ["down", "down", "up", "down"],
            "ISOLATED_LOSES_NO_MORE": lambda: ["down", "down", "same", "same"],
        },
        instead="Margin is taken out here, not added.",
        demands={
            "What is taken out moves the price at which the position is liquidated.": lambda: [
                "same",
                "down",
                "same",
                "down",
            ],
            "What is taken out moves the price at which all of the margin is gone.": lambda: [
                "down",
                "same",
                "same",
                "down",
            ],
        },
        nudge="Where is the danger for a short: above the price or below it? Less margin lets the end come nearer.",
        model=(
            'nearer = "down"  # the danger of a short is above, and less margin lets it come nearer\n'
            'answer_3 = [nearer, nearer, "same", "down"]'
        ),
        worked=lambda quantity, entry, margin, less: (
            f"The liquidation price goes from {ends(margin, quantity, entry):,.2f} to "
            f"{ends(margin - less, quantity, entry):,.2f}, the bankruptcy price from "
            f"{bankrupt(margin, quantity, entry):,.2f} to {bankrupt(margin - less, quantity, entry):,.2f}. A move of "
            f"1,000 is {abs(quantity) * 1_000:,.0f} dollars before and after. The most to lose is {margin - less:,} "
            f"dollars instead of {margin:,}: down, down, same, down."
        ),
    ),
    varied(
        _GAP,
        text=_GAP.text
        + (
            " In cross margin the same long would have had the whole wallet behind it, and it would have been closed "
            "at the same price."
        ),
        ask="how many dollars more you would have lost in cross margin",
        solve=lambda margin, quantity, entry, mark: quantity * (entry - mark) - margin,
        beliefs={"WALLET_FOR_MARGIN": lambda: 0.0},
        instead="Asked for is the difference between two losses, not what your account has.",
        demands={
            "The isolated long has lost something, too: the difference is asked for.": lambda quantity, entry, mark: (
                quantity * (entry - mark)
            ),
            "In cross the loss is not limited to the margin.": lambda margin: margin,
        },
        nudge="What has each of the two lost? Which money can the loss reach?",
        step="In cross: quantity x (entry - price). In isolated: no more than the margin.",
        model=(
            'cross = given["quantity"] * (given["entry"] - given["mark"])\n'
            'isolated = min(cross, given["margin"])  # the pool pays what it has\nanswer_4 = cross - isolated'
        ),
        worked=lambda margin, quantity, entry, mark: (
            f"The long loses {quantity} x {entry - mark:,} = {quantity * (entry - mark):,.2f} dollars. In cross your "
            f"wallet pays all of it, in isolated the pool pays its {margin:,}. The difference is "
            f"{quantity * (entry - mark) - margin:,.2f} dollars."
        ),
    ),
    varied(
        _DISTANCE,
        text=_DISTANCE.text.partition(" The maintenance")[0]
        + (
            " At the target there must be left 0.4 % of the notional there, and besides the fee for closing there, "
            "`fee_rate` of the same notional as a fraction."
        ),
        takes=("entry", "target", "quantity", "fee_rate"),
        cases=lambda random: {**_DISTANCE.deal(random), "fee_rate": random.choice([0.0004, 0.0005, 0.0006, 0.001])},
        into=lambda answer, target, quantity, fee_rate: answer + fee_rate * abs(quantity) * target,
        demands={"The fee for closing must be there, too.": _DISTANCE.solve},
        nudge="Three amounts have to be there at the target price. Which?",
        step=(
            "The loss up to the target, quantity x (entry - target), 0.4 % of what the position is worth there, and "
            "the fee."
        ),
        model="loss = quantity * (entry - target)\nanswer = loss + (0.004 + fee_rate) * abs(quantity) * target",
        worked=lambda entry, target, quantity, fee_rate: (
            "answer = quantity * (entry - target) + (0.004 + fee_rate) * abs(quantity) * target.\n"
            f"Here: {quantity * (entry - target):,.2f} + {(RATE + fee_rate) * abs(quantity) * target:,.2f} = "
            f"{quantity * (entry - target) + (RATE + fee_rate) * abs(quantity) * target:,.2f} dollars."
        ),
    ),
    varied(
        _DIVIDES,
        text=_DIVIDES.text.replace("long", "short").replace("too low", "too high"),
        solve=lambda entry, leverage, rate: entry * (1 + 1 / leverage) / (1 + rate),
        beliefs={
            "LEVERAGE_IN_MAINTENANCE": lambda entry, leverage, rate: entry * (1 + 1 / leverage) / (1 + rate / leverage),
            "NO_MAINTENANCE": lambda entry, leverage: entry * (1 + 1 / leverage),
            "ENTRY_FOR_MARK": lambda entry, leverage, rate: entry * (1 + 1 / leverage - rate),
            "SIGN": _DIVIDES.solve,
        },
        demands={
            "The maintenance rate is given to the calculator; it is not always 0.004.": lambda entry, leverage: (
                entry * (1 + 1 / leverage) / (1 + RATE)
            ),
        },
        found="to_open = 1 / leverage\nto_keep = rate / leverage\nanswer = entry * (1 + to_open) / (1 + to_keep)",
        model=(
            "to_keep = rate  # the setting divides what is needed to open, not what is needed to keep\n"
            "answer = entry * (1 + to_open) / (1 + to_keep)"
        ),
        worked=lambda entry, leverage, rate: (
            "answer = entry * (1 + 1 / leverage) / (1 + rate): the rate is not divided by the setting.\n"
            f"For {entry:,} at {leverage}x and {rate}: {entry * (1 + 1 / leverage) / (1 + rate):,.2f}."
        ),
    ),
    varied(
        _LOSER,
        text=(
            "\u201cAn isolated position is always liquidated before the same position in cross margin.\u201d Refute "
            "it with shorts. An account with {wallet:,} dollars holds {btc:,} dollars of BTC, sold at 60,000, and "
            "{eth:,} dollars of ETH, sold at 3,000; both are shorts, with 0.4 % of maintenance margin. BTC does not "
            "move. Choose how far ETH rises, and how much of the wallet the BTC short would have as isolated margin, "
            "so that the cross account is liquidated and the isolated BTC short is not."
        ),
        ask='a dict with "eth_rise" in percent, such as 12, and "btc_margin" in dollars',
        inputs=("eth_rise", "btc_margin"),
        solve=lambda wallet, eth: {"eth_rise": 100 * wallet / eth, "btc_margin": wallet / 4},
        refutes=partial(_one_loser, side=-1),
        step=(
            "Let ETH lose the whole wallet: wallet / size of ETH. Any margin above 0.4 % of BTC keeps the isolated "
            "short alive."
        ),
        model=(
            'rise = 100 * given["wallet"] / given["eth"]  # ETH alone loses the whole wallet\n'
            'answer_7 = {"eth_rise": rise, "btc_margin": given["wallet"] / 4}'
        ),
        worked=lambda wallet, btc, eth: (
            f"ETH rises by {100 * wallet / eth:.1f} %: {eth:,} x {wallet / eth:.3f} = {wallet:,} dollars of loss, all "
            f"there is. The cross account is over. With {wallet / 4:,.0f} dollars of its own, the isolated BTC short "
            f"has to keep only {RATE * btc:,.0f} dollars, and nothing has happened to it."
        ),
    ),
    varied(
        _WHOLE,
        text=_WHOLE.text + " The price stands where you bought.",
        ask="how far the price may fall until the long is liquidated, in percent, such as 12.5",
        unit="%",
        into=lambda answer, entry: 100 * (1 - answer / entry),
        instead="Asked for is how far that is away in percent, not the price.",
        nudge="Find the price first. Which money stands behind the position in cross margin?",
        step=(
            "wallet + quantity x (price - entry) = 0.004 x quantity x price gives the price. The fall is (entry - "
            "price) / entry."
        ),
        model=(
            'shortfall = given["quantity"] * given["entry"] - given["wallet"]  # the whole wallet stands behind it\n'
            'price = shortfall / (given["quantity"] * (1 - 0.004))\nanswer_8 = 100 * (1 - price / given["entry"])'
        ),
        worked=lambda wallet, quantity, entry: (
            f"The price is ({quantity} x {entry:,} - {wallet:,}) / ({quantity} x {1 - RATE}) = "
            f"{ends(wallet, quantity, entry):,.2f} dollars: "
            f"{100 * (1 - (ends(wallet, quantity, entry) or 0) / entry):.4f} % below {entry:,}."
        ),
    ),
    varied(
        _DIP,
        text=(
            "Two accounts with {wallet:,} dollars each hold the same BTC short of {notional:,} dollars with a setting "
            "of {leverage}x: one in cross margin, one isolated with its initial margin. The price rises slowly by "
            "{rise} %, then comes all the way back. Maintenance margin 0.4 %, no fees. Which account has lost more at "
            "the end, and why?"
        ),
        reasons={
            "1": "only the isolated position was liquidated",
            "2": "both were liquidated, and the isolated one had less to lose",
            "3": "neither position was liquidated",
        },
        draw=lambda random: renamed(_DIP.draw(random), fall="rise"),
        solve=_poorer,
        demands={
            "At which rise is the isolated position liquidated? What is closed does not come back.": lambda **case: {
                "b1": "c3",
                "a2": "c3",
                "c3": "b1",
            }[_poorer(**case)],
            "At which rise is the cross position liquidated? What is closed does not come back.": lambda **case: {
                "b1": "a2",
                "a2": "b1",
                "c3": "a2",
            }[_poorer(**case)],
        },
        nudge="Find the rise that ends each of the two positions. How does this rise compare?",
        step="The money behind it / notional is the rise to bankruptcy. Liquidation comes somewhat sooner.",
        model=(
            'cross = (1 + given["wallet"] / given["notional"]) / 1.004 - 1  # the rise that ends the cross position\n'
            'isolated = (1 + 1 / given["leverage"]) / 1.004 - 1\nrise = given["rise"] / 100\n'
            'answer_9 = "a2" if rise >= cross else "b1" if rise >= isolated else "c3"'
        ),
        worked=lambda wallet, notional, leverage, rise: (
            "Cross ends after a rise of {:.1f} %, isolated after {:.1f} %; ".format(
                *_falls(wallet, notional, leverage, side=-1)
            )
            + f"the price rose by {rise} %. So the answer is {_poorer(wallet, notional, leverage, rise)}."
        ),
    ),
    varied(
        _WORDS,
        text=(
            "A friend has opened an isolated long with 500 dollars of margin. The price comes near its liquidation "
            "price, the friend adds 300 dollars and says: \u201cNow it is safe, and I still cannot lose more than the "
            "500 that I put in.\u201d Say in three to six sentences what is right about it and what is missing."
        ),
        rubric=(
            "Right: what is added moves the liquidation price away, and the price still cannot reach other money.",
            "All of the pool can be lost: 800 dollars now, not 500.",
            "Farther away is not safe: the same fall on a larger scale ends it, and then the added money is gone, too.",
            "What a move wins or loses stays the same: it depends on the size.",
            "Fees and funding may be paid from the wallet besides.",
        ),
        nudge="How much money is in the pool now?",
        step="What does the added money change, and what does it leave as it was?",
        worked=lambda: (
            "It is right that the 300 dollars move the liquidation price away, and that a fall of the price still "
            "cannot reach the rest of the account. But the pool now holds 800 dollars, and all of them can be lost. "
            "The price can fall to the new place, too; then the friend has lost 800 instead of 500. A fall of 1 % "
            "costs as much as before, because the size is the same. And fees, on some venues funding, come out of the "
            "wallet besides."
        ),
    ),
)
