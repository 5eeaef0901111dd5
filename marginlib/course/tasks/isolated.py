"""Set 2, isolated margin: two prices, added margin, what is lost and what is kept. Follows notebooks 02 and 04."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from marginlib.course.tasks.shared import (
    MOVES,
    RATE,
    account,
    bankrupt,
    bitcoin,
    ends,
    held,
    lone,
    price,
    standing,
    thousands,
)
from marginlib.model import Health
from marginlib.practice.tasks.task import Bug, Choose, Compute, Counterexample, Explain, Function, Predict

_SETTINGS = (5, 8, 10, 12, 15, 20)


def _long(random: Random) -> dict[str, Any]:
    """Return a long with somewhat more isolated margin than its setting asks for, in a larger wallet."""
    entry, quantity, leverage = price(random), bitcoin(random), random.choice(_SETTINGS)
    margin = int(entry * quantity / leverage * random.uniform(1.1, 1.6)) // 10 * 10
    wallet = int(margin * random.uniform(1.8, 3.5)) // 100 * 100
    return {"wallet": wallet, "margin": margin, "quantity": quantity, "entry": entry, "leverage": leverage}


def _target(random: Random) -> dict[str, Any]:
    """Return a position and the price at which it may be liquidated, not sooner."""
    side, entry, away = random.choice([1, -1]), price(random), random.randrange(8, 41) / 100
    return {"quantity": side * bitcoin(random), "entry": entry, "target": round(entry * (1 - side * away))}


def _story(random: Random) -> dict[str, Any]:
    """Return a cross and an isolated account, and a fall that ends only the isolated one, both or none."""
    wallet, leverage, times = thousands(random), random.choice([10, 20]), random.choice([2, 3])
    fall = random.choice({10: [3, 15, 20, 60], 20: [2, 10, 20, 60]}[leverage])
    return {"wallet": wallet, "notional": times * wallet, "leverage": leverage, "fall": fall}


def _needed(quantity: float, entry: float, target: float) -> float:
    """Return the margin with which a position is liquidated at the target price."""
    return quantity * (entry - target) + RATE * abs(quantity) * target


def _one_loser(case: Mapping[str, Any], answer: Mapping[str, float], side: int = 1) -> tuple[bool, str]:
    """Return whether ETH's move ends the cross account of longs, or of shorts, while the isolated BTC leg lives."""
    name, falls = ("long", "fall") if side > 0 else ("short", "rise")
    fall, margin = answer[f"eth_{falls}"], answer["btc_margin"]
    btc = held(side * case["btc"] / 60_000, 60_000, 2 * case["btc"] / case["wallet"])
    eth = held(side * case["eth"] / 3_000, 3_000, symbol="ETHUSDT")
    if not 0 < fall < 100:  # noqa: PLR2004
        return False, f"A {falls} of {fall:g} %: give a number between 0 and 100."
    if not 0 < margin < case["wallet"]:
        return False, f"{margin:,.2f} dollars for BTC: give more than 0, and leave something of the wallet for ETH."
    cross, alone = standing(case["wallet"], btc, eth.at(3_000 * (1 - side * fall / 100))), standing(margin, btc)
    where = (
        f"After ETH {falls}s by {fall:g} %: the cross account has {cross.equity:,.2f} dollars and must keep "
        f"{cross.maintenance:,.2f}; the isolated BTC {name} has {alone.equity:,.2f} and must keep "
        f"{alone.maintenance:,.2f}."
    )
    if cross.health is Health.HEALTHY:
        return False, f"{where} The cross account lives."
    if alone.health is not Health.HEALTHY:
        return False, f"{where} The isolated BTC {name} does not live."
    return True, f"{where} Cross is over, and the isolated BTC {name} lives: the claim does not hold."


def _falls(wallet: float, notional: float, leverage: float, side: int = 1) -> list[float]:
    """Return the falls [percent], for shorts the rises, that end the cross and the isolated position."""
    behind = (side * money / notional for money in (wallet, notional / leverage))
    return [side * (1 - (1 - share) / (1 - side * RATE)) * 100 for share in behind]


def _richer(wallet: float, notional: float, leverage: float, fall: float) -> str:
    """Return which account has more after the fall and the way back, and why."""
    cross, isolated = _falls(wallet, notional, leverage)
    if fall >= cross:
        return "b3"
    return "a2" if fall >= isolated else "c1"


TASKS = (
    Compute(
        id="isolated-1",
        version=2,
        objective="02-compute",
        read="price-prediction",
        title="Where a long ends",
        text=(
            "Your wallet holds {wallet:,} dollars. You buy {quantity} BTC at {entry:,} dollars with a setting of "
            "{leverage}x in isolated margin, and set {margin:,} dollars aside for it. The maintenance margin is 0.4 "
            "% of the notional."
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-4,
        draw=_long,
        solve=lambda margin, quantity, entry: ends(margin, quantity, entry),
        beliefs={
            "NO_MAINTENANCE": lambda margin, quantity, entry: bankrupt(margin, quantity, entry),
            "WALLET_FOR_MARGIN": ends,
            "LEVERAGE_IS_DISTANCE": lambda entry, leverage: entry * (1 - 1 / leverage),
        },
        catalogue=(
            "liquidation_price",
            lambda wallet, margin, quantity, entry, leverage: account(
                wallet, held(quantity, entry, leverage).isolated(margin)
            ),
        ),
        demands={
            "More was set aside than the setting asks for, and all of it stands behind the long.": (
                lambda quantity, entry, leverage: ends(quantity * entry / leverage, quantity, entry)
            ),
            "What must be kept is a share of the notional at the price asked for.": lambda margin, quantity, entry: (
                bankrupt(margin - RATE * quantity * entry, quantity, entry)
            ),
        },
        nudge="Write down the equity at a price, and the maintenance margin at the same price. Where do they meet?",
        step="margin + quantity x (price - entry) = 0.004 x quantity x price. Solve for the price.",
        worked=lambda margin, quantity, entry: (
            f"{margin:,} + {quantity} x (price - {entry:,}) = {RATE} x {quantity} x price, so the price is "
            f"({quantity} x {entry:,} - {margin:,}) / ({quantity} x {1 - RATE}) = "
            f"{ends(margin, quantity, entry):,.2f} dollars. Wallet and setting are not in it."
        ),
    ),
    Function(
        id="isolated-2",
        version=2,
        objective="02-compute",
        read="shorts-text",
        title="Both directions in one formula",
        text=(
            "Write the liquidation price of an isolated position. The quantity is above 0 for a long and below 0 for "
            "a short; the maintenance margin is 0.4 % of the notional at the price asked for. All positions here "
            "have such a price."
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-4,
        function="liquidated_at",
        cases=lambda random: {**(case := _long(random)), "quantity": random.choice([1, -1]) * case["quantity"]},
        solve=lambda margin, quantity, entry: ends(margin, quantity, entry),
        beliefs={
            "NO_MAINTENANCE": lambda margin, quantity, entry: bankrupt(margin, quantity, entry),
            "SIGN": lambda margin, quantity, entry: ends(margin, abs(quantity), entry),
            "ENTRY_FOR_MARK": lambda margin, quantity, entry: bankrupt(
                margin - RATE * abs(quantity) * entry, quantity, entry
            ),
            "SIGN+NO_MAINTENANCE": lambda margin, quantity, entry: bankrupt(margin, abs(quantity), entry),
        },
        demands={
            "A short must keep something, too: its size counts without its sign there.": (
                lambda margin, quantity, entry: (quantity * entry - margin) / (quantity * (1 - RATE))
            ),
        },
        nudge="The equity uses the quantity with its sign. Does the maintenance margin?",
        step="margin + quantity x (price - entry) = 0.004 x |quantity| x price. Bring the price to one side.",
        worked=lambda margin, quantity, entry: (
            "answer = (quantity * entry - margin) / (quantity - 0.004 * abs(quantity)).\n"
            f"For margin={margin}, quantity={quantity}, entry={entry}: {ends(margin, quantity, entry):,.2f}."
        ),
    ),
    Predict(
        id="isolated-3",
        version=2,
        objective="02-predict",
        read="added-prediction",
        title="More margin for a short",
        text=(
            "You hold a short, a quantity of {quantity} BTC from {entry:,} dollars, with {margin:,} dollars of "
            "isolated margin. You add {more:,} dollars from your wallet. Before you compute anything: what happens "
            "to (1) the liquidation price, (2) the bankruptcy price, (3) the dollars that you win or lose when the "
            "price moves by 1,000, (4) the most that this position can lose?"
        ),
        ask='four words in a list, each "up", "down" or "same", in this order',
        draw=lambda random: {
            "quantity": -(case := _long(random))["quantity"],
            "entry": case["entry"],
            "margin": (margin := case["margin"]),
            "more": random.randrange(margin // 4, margin, 10),
        },
        # Liquidation price, bankruptcy price, dollars per move, the most to lose.
        solve=lambda: ["up", "up", "same", "up"],
        beliefs={
            "CROSS_LOWERS_PRICE": lambda **case: ["down", "down", "same", "up"],
            "ADDED_MARGIN_SHRINKS_PNL": lambda **case: ["up", "up", "down", "up"],
            "ISOLATED_LOSES_NO_MORE": lambda **case: ["up", "up", "same", "same"],
        },
        words=MOVES,
        demands={
            "What is added moves the price at which the position is liquidated.": lambda: ["same", "up", "same", "up"],
            "What is added moves the price at which all of the margin is gone.": lambda: ["up", "same", "same", "up"],
        },
        nudge=(
            "Where is the danger for a short: above the price or below it? More margin moves the end away from the "
            "price."
        ),
        step="PnL is quantity x price change. What can be lost is all that is in the pool.",
        worked=lambda quantity, entry, margin, more: (
            f"The liquidation price goes from {ends(margin, quantity, entry):,.2f} to "
            f"{ends(margin + more, quantity, entry):,.2f}, the bankruptcy price from "
            f"{bankrupt(margin, quantity, entry):,.2f} to {bankrupt(margin + more, quantity, entry):,.2f}. A move "
            f"of 1,000 is {abs(quantity) * 1_000:,.0f} dollars before and after. The most to lose is "
            f"{margin + more:,} dollars instead of {margin:,}: up, up, same, up."
        ),
    ),
    Compute(
        id="isolated-4",
        version=2,
        objective="02-compare",
        read="contained",
        title="A gap over the weekend",
        text=(
            "Your wallet holds {wallet:,} dollars. {margin:,} of them are the isolated margin of a long: {quantity} "
            "BTC from {entry:,} dollars, setting {leverage}x. The price opens at {mark:,}, far below the bankruptcy "
            "price, and the position is closed there. The venue does not ask you for what the pool cannot pay; there "
            "are no fees."
        ),
        ask="what your account has after that, in dollars",
        draw=lambda random: {  # a loss of more than the margin, which the whole wallet would survive
            **(case := _long(random)),
            "mark": int(
                case["entry"]
                - random.uniform(1.2, 0.85 * case["wallet"] / case["margin"]) * case["margin"] / case["quantity"]
            ),
        },
        solve=lambda wallet, margin: wallet - margin,
        beliefs={"WALLET_FOR_MARGIN": lambda wallet, quantity, entry, mark: wallet + quantity * (mark - entry)},
        catalogue=(
            "money_left",
            lambda wallet, margin, quantity, entry, leverage, mark: account(
                wallet, held(quantity, entry, leverage).isolated(margin).at(mark)
            ),
        ),
        demands={
            "What the account has is asked for, not what is left in the position's pool.": lambda: 0.0,
            "What the account has after that is asked for, not what it has lost.": lambda margin: margin,
        },
        nudge="Which money can the loss of this position reach?",
        step="The pool pays what it has, and no more. What is outside of it stays.",
        worked=lambda wallet, margin, quantity, entry, mark: (
            f"The loss is {quantity} x {entry - mark:,} = {quantity * (entry - mark):,.2f} dollars; the pool pays "
            f"its {margin:,} and is empty. Outside of it are {wallet:,} - {margin:,} = {wallet - margin:,} dollars, "
            f"untouched."
        ),
    ),
    Function(
        id="isolated-5",
        version=2,
        objective="02-choose",
        read="example-loss-text",
        title="How much margin for this distance",
        text=(
            "You decide at which price a position may be liquidated, and not sooner. Write how much isolated margin "
            "that takes, for a long (quantity above 0, target below the entry) and for a short (below 0, target "
            "above it). The maintenance margin is 0.4 % of the notional at the target."
        ),
        ask="the isolated margin in dollars",
        tolerance=5e-4,
        function="margin_for",
        cases=_target,
        solve=_needed,
        beliefs={
            "NO_MAINTENANCE": lambda quantity, entry, target: quantity * (entry - target),
            "ENTRY_FOR_MARK": lambda quantity, entry, target: (
                quantity * (entry - target) + RATE * abs(quantity) * entry
            ),
            "SIGN": lambda quantity, entry, target: _needed(abs(quantity), entry, target),
        },
        demands={
            "A short must keep something, too: its size counts without its sign there.": (
                lambda quantity, entry, target: quantity * (entry - target) + RATE * quantity * target
            ),
            "The margin pays the loss up to the target, too.": lambda quantity, target: RATE * abs(quantity) * target,
        },
        nudge="Two amounts have to be there at the target price. Which?",
        step="The loss up to the target, quantity x (entry - target), and 0.4 % of what the position is worth there.",
        worked=lambda quantity, entry, target: (
            "answer = quantity * (entry - target) + 0.004 * abs(quantity) * target.\n"
            f"Here: {quantity * (entry - target):,.2f} + {RATE * abs(quantity) * target:,.2f} = "
            f"{_needed(quantity, entry, target):,.2f} dollars."
        ),
    ),
    Bug(
        id="isolated-6",
        version=2,
        objective="02-compute",
        read="short-term-text",
        title="A calculator that divides too much",
        text=(
            "A calculator on the web gives the liquidation price of a long that has exactly its initial margin "
            "behind it (entry notional / leverage), at a maintenance rate such as 0.004. Its prices are near, but "
            "too low: who trusts them is liquidated sooner. Mend it."
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-5,
        function="calculator",
        cases=lambda random: {
            "entry": price(random),
            "leverage": random.choice([5, 10, 20, 25, 40]),
            "rate": random.choice([0.004, 0.005, 0.01]),
        },
        solve=lambda entry, leverage, rate: entry * (1 - 1 / leverage) / (1 - rate),
        beliefs={
            "LEVERAGE_IN_MAINTENANCE": lambda entry, leverage, rate: entry * (1 - 1 / leverage) / (1 - rate / leverage),
            "NO_MAINTENANCE": lambda entry, leverage: entry * (1 - 1 / leverage),
            "ENTRY_FOR_MARK": lambda entry, leverage, rate: entry * (1 - 1 / leverage + rate),
        },
        demands={
            "The maintenance rate is given to the calculator; it is not always 0.004.": lambda entry, leverage: (
                entry * (1 - 1 / leverage) / (1 - RATE)
            ),
        },
        nudge="Compute the equity and the maintenance margin at the price that it gives. Are they equal?",
        step="The setting divides the initial margin. What has it to do with the maintenance margin?",
        worked=lambda entry, leverage, rate: (
            "answer = entry * (1 - 1 / leverage) / (1 - rate): the rate is not divided by the setting.\n"
            f"For {entry:,} at {leverage}x and {rate}: {entry * (1 - 1 / leverage) / (1 - rate):,.2f}."
        ),
    ),
    Counterexample(
        id="isolated-7",
        objective="04-predict",
        read="loser-prediction",
        title="Does isolated always end first?",
        text=(
            "\u201cAn isolated position is always liquidated before the same position in cross margin.\u201d Refute "
            "it. An account with {wallet:,} dollars holds {btc:,} dollars of BTC, bought at 60,000, and {eth:,} "
            "dollars of ETH, bought at 3,000; both are longs, with 0.4 % of maintenance margin. BTC does not move. "
            "Choose how far ETH falls, and how much of the wallet the BTC long would have as isolated margin, so "
            "that the cross account is liquidated and the isolated BTC long is not."
        ),
        ask='a dict with "eth_fall" in percent, such as 12, and "btc_margin" in dollars',
        inputs=("eth_fall", "btc_margin"),
        draw=lambda random: {
            "wallet": (wallet := thousands(random)),
            "btc": wallet * random.choice([1, 2]),
            "eth": wallet * random.choice([3, 4, 5]),
        },
        solve=lambda wallet, eth: {"eth_fall": 100 * wallet / eth, "btc_margin": wallet / 4},
        refutes=_one_loser,
        nudge="In cross margin, whose loss takes the money behind BTC?",
        step=(
            "Let ETH lose the whole wallet: wallet / size of ETH. Any margin above 0.4 % of BTC keeps the isolated "
            "long alive."
        ),
        worked=lambda wallet, btc, eth: (
            f"ETH falls by {100 * wallet / eth:.1f} %: {eth:,} x {wallet / eth:.3f} = {wallet:,} dollars of loss, "
            f"all there is. The cross account is over. With {wallet / 4:,.0f} dollars of its own, the isolated BTC "
            f"long has to keep only {RATE * btc:,.0f} dollars, and nothing has happened to it."
        ),
    ),
    Compute(
        id="isolated-8",
        version=2,
        objective="04-compute",
        read="size-large-text",
        title="The same long, with the whole wallet behind it",
        text=(
            "Now in cross margin: your wallet holds {wallet:,} dollars, and its only position is a long of "
            "{quantity} BTC, bought at {entry:,} dollars with a setting of {leverage}x. The maintenance margin is "
            "0.4 % of the notional."
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-4,
        draw=lambda random: {
            "wallet": int((entry := price(random)) * (size := bitcoin(random)) / random.uniform(2, 4)) // 100 * 100,
            "quantity": size,
            "entry": entry,
            "leverage": random.choice(_SETTINGS),
        },
        solve=ends,
        beliefs={
            "MARGIN_FOR_WALLET": lambda quantity, entry, leverage: ends(quantity * entry / leverage, quantity, entry),
            "LEVERAGE_IN_CROSS": lambda wallet, quantity, entry, leverage: ends(wallet / leverage, quantity, entry),
            "NO_MAINTENANCE": bankrupt,
        },
        catalogue=("liquidation_price", lone),
        demands={
            "What must be kept is a share of the notional at the price asked for.": lambda wallet, quantity, entry: (
                bankrupt(wallet - RATE * quantity * entry, quantity, entry)
            ),
        },
        nudge="It is the formula of the first task. Which money stands behind the position now?",
        step="wallet + quantity x (price - entry) = 0.004 x quantity x price. The setting is not in it.",
        worked=lambda wallet, quantity, entry, leverage: (
            f"({quantity} x {entry:,} - {wallet:,}) / ({quantity} x {1 - RATE}) = "
            f"{ends(wallet, quantity, entry):,.2f} dollars, at {leverage}x as at any other setting."
        ),
    ),
    Choose(
        id="isolated-9",
        version=2,
        objective="04-compare",
        read="contained-prediction",
        title="A dip and the way back",
        text=(
            "Two accounts with {wallet:,} dollars each hold the same BTC long of {notional:,} dollars with a setting "
            "of {leverage}x: one in cross margin, one isolated with its initial margin. The price falls slowly by "
            "{fall} %, then comes all the way back. Maintenance margin 0.4 %, no fees. Which account has more at the "
            "end, and why?"
        ),
        options={"a": "the cross account", "b": "the isolated account", "c": "both have the same"},
        reasons={
            "1": "neither position was liquidated",
            "2": "only the isolated position was liquidated",
            "3": "both were liquidated, and the isolated one had less to lose",
        },
        draw=_story,
        solve=_richer,
        demands={
            "At which fall is the isolated position liquidated? What is closed does not come back.": (
                lambda **case: {"a2": "c1", "b3": "c1", "c1": "a2"}[_richer(**case)]
            ),
            "At which fall is the cross position liquidated? What is closed does not come back.": (
                lambda **case: {"a2": "b3", "b3": "a2", "c1": "b3"}[_richer(**case)]
            ),
        },
        nudge="Find the fall that ends each of the two positions. How does this fall compare?",
        step="The money behind it / notional is the fall to bankruptcy. Liquidation comes somewhat sooner.",
        worked=lambda wallet, notional, leverage, fall: (
            "Cross ends after a fall of {:.1f} %, isolated after {:.1f} %; ".format(*_falls(wallet, notional, leverage))
            + f"the price fell by {fall} %. So the answer is {_richer(wallet, notional, leverage, fall)}."
        ),
    ),
    Explain(
        id="isolated-10",
        objective="02-compare",
        read="limits",
        title="\u201cI can lose 500 dollars at most\u201d",
        text=(
            "A friend opens isolated longs in three coins with 500 dollars of margin each and says: \u201cIt is "
            "isolated, so I can lose 500 dollars at most.\u201d Say in three to six sentences what is right about it "
            "and what is missing."
        ),
        rubric=(
            "Right: a price move of one coin can take only that coin's pool; the rest of the account is not touched.",
            "Each pool can be lost, and coins often fall together: 1,500 dollars.",
            "What is added to a pool later is at risk, too.",
            "Fees and funding may be paid from the wallet.",
            "Opening again after a liquidation can lose the same amount again.",
        ),
        nudge="How many pools are there?",
        step="What else than the price move takes money?",
        worked=lambda: (
            "It is right that a fall of one coin can take only the 500 dollars of its own pool. But there are three "
            "pools, and coins often fall together: then 1,500 dollars can go. Every dollar that you add to a pool to "
            "save it is at risk, too. The fee for opening, and on some venues the funding, come out of the wallet. "
            "And if you open the same trade again after a liquidation, you can lose another 500."
        ),
    ),
)
