"""Set 6, audit of wrong calculators: find the mistake, name the belief, show it on a case, mend it. Follows 12 and 13.

Each mistake was found in public code or on a public page; the numbers and the words around it are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from math import copysign
from random import Random
from typing import Any

from marginlib.course.tasks.shared import (
    NEIGHBOURS,
    RATE,
    account,
    beside,
    ends,
    ends_beside,
    held,
    letter,
    price,
    thousands,
    with_coins,
)
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Contract, Health, Pool
from marginlib.practice.tasks.task import Bug, Choose, Compute, Counterexample, Explain, Function, Predict

_NEAR = 0.01  # a calculator that is farther off than this share of the price is shown to be wrong


def _beside_a_short(random: Random) -> dict[str, Any]:
    """Return a cross long and a short beside it that has lost or won, in an account that can bear both."""
    wallet = random.randrange(4_000, 20_001, 500)
    entry, other_entry = random.randrange(30_000, 90_001, 500), random.randrange(1_500, 4_001, 50)
    other_quantity = -round(wallet * random.uniform(2, 4) / other_entry, 1)
    return {
        "wallet": wallet,
        "quantity": round(wallet * random.uniform(2, 4) / entry, 2),
        "entry": entry,
        "other_quantity": other_quantity,
        "other_entry": other_entry,
        "other_mark": other_entry + random.choice([-1, 1]) * random.randrange(20, other_entry // 12, 5),
    }


def _five_calculators(random: Random, shown: Callable[..., dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return such an account, a setting, and the prices of five calculators in any order, one of them right."""
    while True:
        case = {**_beside_a_short(random), "leverage": random.choice([5, 8, 10, 20])}
        prices = sorted((shown or _prices)(**case).values())
        if min(above - below for below, above in pairwise(prices)) > 2e-3 * prices[0]:  # to be told apart by hand
            break
    random.shuffle(prices)
    return {**case, **{name: round(price, 2) for name, price in zip("pqrst", prices, strict=True)}}


def _coins(random: Random) -> dict[str, Any]:
    """Return an inverse long: the coins behind it, its size in dollars, and where it was opened."""
    entry, dollars = price(random), random.randrange(5_000, 60_001, 500)
    return {"coins": round(dollars / entry / random.uniform(1.5, 8), 4), "dollars": dollars, "entry": entry}


def _comparisons(random: Random) -> dict[str, Any]:
    """Return three comparisons in any order, and their numbers."""
    margin, times = random.randrange(1_000, 4_001, 500), random.choice([5, 8, 10])
    size, wallet = margin * times, margin * random.choice([2, 3])
    rows = [
        f"Both hold {size:,} dollars of BTC. Cross has {wallet:,} dollars behind it, isolated {margin:,}.",
        f"Both hold {size:,} dollars of BTC. Each has {margin:,} dollars behind it.",
        f"Cross holds {size:,} dollars of BTC, isolated {2 * size:,}. Each has {margin:,} dollars behind it.",
    ]
    random.shuffle(rows)
    return {"size": size, "wallet": wallet, "margin": margin, **dict(zip("pqr", rows, strict=True))}


def _price(wallet: float, quantity: float, entry: float, rate: float = RATE, amount: float = 0.0) -> float:
    """Return where a position with this money behind it is liquidated."""
    return (quantity * entry - wallet - amount) / (quantity - rate * abs(quantity))


def _price_with_coins(
    dollars: float, quantity: float, entry: float, moving: float = 0.0, *, rate: float = RATE
) -> float:
    """Return where a long is liquidated behind which dollars stand and so many coins that count in full."""
    return (quantity * entry - dollars) / (quantity * (1 - rate) + moving)


def _prices(*, leverage: float, **case: Any) -> dict[str, Any]:  # noqa: ANN401 - a learner's numbers
    """Return what a calculator with each of the letters shows."""
    known = {name: value for name, value in case.items() if name not in "pqrst"}
    return {
        "a": NEIGHBOURS["OTHER_POSITIONS_MAINTENANCE"](**known),
        "b": NEIGHBOURS["OTHER_POSITIONS_SIGN"](**known),
        "c": ends_beside(**{**known, "wallet": case["wallet"] / leverage}),
        "d": ends_beside(**known, rate=RATE / leverage),
        "e": ends_beside(**known),
    }


def _letters(taken_for_right: str = "e", shown: Callable[..., dict[str, Any]] = _prices) -> Callable[..., list[str]]:
    """Return what gives the letters in the order in which they are shown.

    Somebody who makes a mistake himself says that its calculator is right, and that the right one makes it.
    """
    swapped = {taken_for_right: "e", "e": taken_for_right}

    def letters(**case: Any) -> list[str]:  # noqa: ANN401 - a learner's numbers
        price = shown(**case)
        nearest = [min(price, key=lambda letter: abs(price[letter] - case[name])) for name in "pqrst"]
        return [swapped.get(each, each) for each in nearest]

    return letters


def _sorted_out(**case: Any) -> str:  # noqa: ANN401 - a learner's numbers
    """Return each calculator with its mistake, in words."""
    words = {
        "a": "nothing kept for ETH",
        "b": "the short's profit with the sign of a long",
        "c": "the wallet divided by the setting",
        "d": "both maintenance margins divided by the setting",
        "e": "right",
    }
    lines = [f"({letter}) {words[letter]}: {price:,.2f}" for letter, price in _prices(**case).items()]
    return "\n".join([*lines, f"So P, Q, R, S and T are {', '.join(_letters()(**case))}."])


def _inverse_price(coins: float, dollars: float, entry: float, rate: float = RATE, side: int = 1) -> float:
    """Return an inverse one's end: where coins + side x dollars x (1 / entry - 1 / price) = rate x dollars / price."""
    return dollars * (1 + side * rate) / (side * coins + dollars / entry)


def _equity(keep: float, percent: float, shown: str) -> float:
    """Return the equity behind what an app shows."""
    return keep / (percent / 100) if shown == "up" else keep * percent / 100


def _shown_wrong(
    case: Mapping[str, Any], answer: Mapping[str, float], side: int = 1, near: float = _NEAR
) -> tuple[bool, str]:
    """Return whether the calculator that forgets the neighbour's maintenance margin is clearly wrong here."""
    btc, eth = answer["btc_dollars"], answer["eth_dollars"]
    if min(btc, eth) <= 0:
        return False, f"Give {'longs' if side > 0 else 'the dollars of both shorts'}: both amounts above 0."
    first = held(side * btc / case["price"], case["price"])
    other = held(side * eth / 3_000, 3_000, symbol="ETHUSDT")
    pool = Pool(collateral=case["wallet"], positions=(first, other))
    if (btc + eth) / 125 > case["wallet"] or risk(pool).health is not Health.HEALTHY:
        return False, f"{btc + eth:,.0f} dollars of positions are too many: even at 125x the wallet does not open them."
    truth = liquidation_price(pool, "BTCUSDT")
    says = ends(case["wallet"], first.quantity, first.entry_price)
    texts = ["no liquidation price" if price is None else f"{price:,.2f}" for price in (says, truth)]
    where = f"The calculator shows {texts[0]}; the engine finds {texts[1]}."
    if truth is None:
        return False, f"{where} The wallet pays for all of it: take more BTC."
    off = side * (truth - (says or 0))
    if off < near * case["price"]:
        least = f"{100 * near:g} % of {case['price']:,}"
        return False, f"{where} That is less than {least} apart. Can the neighbour need more?"
    return True, f"{where} {off:,.2f} dollars too {'low' if side > 0 else 'high'}: the case shows the mistake."


TASKS = (
    Predict(
        id="audit-1",
        version=2,
        points=3,
        objective="13-compute",
        read="cases-prediction",
        title="Five calculators, one account",
        text=(
            "A cross account has a wallet of {wallet:,} dollars and a setting of {leverage}x. It holds a long of "
            "{quantity} BTC, bought at {entry:,}, and a short, a quantity of {other_quantity} ETH, opened at "
            "{other_entry:,} and now at {other_mark:,}. Each must keep 0.4 % of what it is worth. Five calculators "
            "give BTC's liquidation price, with ETH standing still: P {p:,.2f}, Q {q:,.2f}, R {r:,.2f}, S {s:,.2f}, "
            "T {t:,.2f}. Which of them (a) forgets what ETH must keep, (b) takes the short's profit as that of a "
            "long, (c) divides the wallet by the setting, (d) divides both maintenance margins by the setting, (e) "
            "is right?"
        ),
        ask='five letters in a list, for P, Q, R, S and T in this order, such as ["a", "b", "c", "d", "e"]',
        draw=_five_calculators,
        solve=_letters(),
        beliefs={
            "OTHER_POSITIONS_MAINTENANCE": _letters("a"),
            "OTHER_POSITIONS_SIGN": _letters("b"),
            "LEVERAGE_IN_CROSS": _letters("c"),
            "LEVERAGE_IN_MAINTENANCE": _letters("d"),
        },
        words=tuple("abcde"),
        nudge="Compute the right price first. Then make each mistake on purpose, one at a time.",
        step=(
            "Money behind BTC = wallet + ETH's profit - 0.004 x size x mark of ETH. Price = (quantity x entry - "
            "money) / (quantity x 0.996)."
        ),
        worked=_sorted_out,
    ),
    Bug(
        id="audit-2",
        version=2,
        objective="02-compute",
        read="shorts-text",
        title="A guide for developers",
        text=(
            "A guide for developers prints: price = entry x (1 - initial margin / maintenance margin). Put numbers in, "
            "and the price is below 0. Mend it for longs (side = 1) and shorts (side = -1). The position is isolated "
            "with exactly its initial margin. The initial rate is a share of the notional at the entry price, the "
            "maintenance rate one of the notional at the price asked for; both are fractions such as 0.05."
        ),
        ask="the liquidation price in dollars",
        tolerance=1e-4,
        function="guide_price",
        cases=lambda random: {
            "side": random.choice([1, -1]),
            "entry": price(random),
            "initial_rate": random.choice([0.05, 0.1, 0.125, 0.2, 0.25]),
            "maintenance_rate": random.choice([0.004, 0.005, 0.01, 0.02]),
        },
        solve=lambda side, entry, initial_rate, maintenance_rate: (
            entry * (1 - side * initial_rate) / (1 - side * maintenance_rate)
        ),
        wrong=lambda entry, initial_rate, maintenance_rate: entry * (1 - initial_rate / maintenance_rate),
        beliefs={
            "NO_MAINTENANCE": lambda side, entry, initial_rate: entry * (1 - side * initial_rate),
            "ENTRY_FOR_MARK": lambda side, entry, initial_rate, maintenance_rate: (
                entry * (1 - side * (initial_rate - maintenance_rate))
            ),
            "SIGN": lambda entry, initial_rate, maintenance_rate: entry * (1 - initial_rate) / (1 - maintenance_rate),
        },
        demands={
            "What must be kept follows the side, too.": lambda side, entry, initial_rate, maintenance_rate: (
                entry * (1 - side * initial_rate) / (1 - maintenance_rate)
            ),
        },
        nudge="Take one coin. How much money is behind it, and how much must be left at the price asked for?",
        step="initial_rate x entry + side x (price - entry) = maintenance_rate x price. Solve for the price.",
        worked=lambda side, entry, initial_rate, maintenance_rate: (
            "answer = entry * (1 - side * initial_rate) / (1 - side * maintenance_rate).\n"
            f"For side={side}, entry={entry}, initial_rate={initial_rate}, maintenance_rate={maintenance_rate}: "
            f"{entry * (1 - side * initial_rate) / (1 - side * maintenance_rate):,.2f}. The guide divides two margins "
            "by each other; they have to be subtracted."
        ),
    ),
    Bug(
        id="audit-3",
        version=2,
        objective="05-compute",
        read="amount-text",
        title="\u201c100 % accurate\u201d",
        text=(
            "A calculator with the banner \u201c100 % accurate\u201d has been right for every small position. Large "
            "ones, in a tier with a maintenance amount, come out wrong. The position is alone in its cross account; "
            "rate and amount are those of the tier in which it is liquidated. The quantity is above 0 for a long and "
            "below 0 for a short. Mend it."
        ),
        ask="the liquidation price in dollars",
        tolerance=3e-5,
        function="accurate",
        cases=lambda random: {  # liquidated in the second tier
            "entry": (entry := random.randrange(30_000, 90_001, 500)),
            "floor": (floor := random.randrange(200_000, 900_001, 25_000)),
            "notional": (notional := floor * random.uniform(1.6, 2.0)),
            "rate": (rate := random.choice([0.005, 0.0065, 0.01])),
            "amount": round(floor * (rate - RATE), 2),
            "wallet": int(notional * random.uniform(0.06, 0.15)) // 100 * 100,
            "quantity": random.choice([1, -1]) * round(notional / entry, 1),
        },
        solve=_price,
        beliefs={
            "AMOUNT_SIGN": lambda wallet, quantity, entry, rate, amount: _price(wallet, quantity, entry, rate, -amount),
            "FLAT_TIER": lambda wallet, quantity, entry, rate: _price(wallet, quantity, entry, rate),
            "NO_MAINTENANCE": lambda wallet, quantity, entry: _price(wallet, quantity, entry, 0),
            "SIGN": lambda wallet, quantity, entry, rate, amount: _price(wallet, abs(quantity), entry, rate, amount),
        },
        demands={
            "A short must keep something, too: its size counts without its sign there.": (
                lambda wallet, quantity, entry, rate, amount: (
                    (quantity * entry - wallet - amount) / (quantity - rate * quantity)
                )
            ),
        },
        nudge="Which number is 0 for small positions and not for large ones? What does it do to what must be kept?",
        step=(
            "The position must keep |quantity| x price x rate - amount. So less has to be kept than without the "
            "amount, and the money behind it reaches farther."
        ),
        worked=lambda wallet, quantity, entry, rate, amount: (
            "wallet + quantity * (price - entry) = rate * abs(quantity) * price - amount, so\n"
            "answer = (quantity * entry - wallet - amount) / (quantity - rate * abs(quantity)).\n"
            f"Here: {_price(wallet, quantity, entry, rate, amount):,.2f}; as it was found: "
            f"{_price(wallet, quantity, entry, rate, -amount):,.2f}."
        ),
    ),
    Bug(
        id="audit-4",
        version=2,
        objective="03-compute",
        read="contagion-prediction",
        title="A bot with a neighbour",
        text=(
            "A trading bot gives the liquidation price of a cross position beside another one that may be long or "
            "short; the other price stands still. All of the bot's tests are green, and all of them hold longs. Each "
            "position must keep 0.4 % of what it is worth. Quantities are below 0 for shorts. Mend the bot."
        ),
        ask="the liquidation price of the first position in dollars",
        tolerance=2e-4,
        function="bot_price",
        cases=lambda random: {
            **(case := _beside_a_short(random)),
            "quantity": random.choice([1, -1]) * case["quantity"],
            "other_quantity": random.choice([1, -1]) * case["other_quantity"],
        },
        solve=ends_beside,
        beliefs=NEIGHBOURS,
        catalogue=("liquidation_price", beside),
        demands={
            "The neighbour must keep something as a short, too: its size counts without its sign there.": (
                lambda **case: ends_beside(**case, keeps=copysign(1, case["other_quantity"]))
            ),
            "The neighbour may be long, too.": lambda **case: ends_beside(
                **{**case, "other_quantity": -abs(case["other_quantity"])}
            ),
            "The first position may be a short, too.": lambda **case: ends_beside(
                **{**case, "quantity": abs(case["quantity"])}
            ),
        },
        nudge="Take a long with a short beside it, and let the short's price rise. What should the long's price do?",
        step="The profit takes the quantity with its sign; what must be kept takes it without.",
        worked=lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
            "profit = other_quantity * (other_mark - other_entry), with the sign.\n"
            f"Here: {other_quantity * (other_mark - other_entry):,.2f}. Money behind the first position: {wallet:,} + "
            f"({other_quantity * (other_mark - other_entry):,.2f}) - {RATE * abs(other_quantity) * other_mark:,.2f}. "
            "Its liquidation price: "
            f"{ends_beside(wallet, quantity, entry, other_quantity, other_entry, other_mark):,.2f}."
        ),
    ),
    Counterexample(
        id="audit-5",
        objective="13-compute",
        read="cases-prediction",
        title="The case that shows it",
        text=(
            "A calculator for BTC in a cross account adds up the wallet and everybody's profit, and asks for BTC's own "
            "maintenance margin only. Its seller says: \u201cNeighbours without a loss change nothing.\u201d Show that "
            "this is wrong. The wallet holds {wallet:,} dollars; you buy BTC at {price:,} and ETH at 3,000, both long, "
            "and no price has moved. Each must keep 0.4 %. Choose two sizes for which the calculator's liquidation "
            "price of BTC is too low by at least 1 % of {price:,}."
        ),
        ask='a dict with "btc_dollars" and "eth_dollars"',
        inputs=("btc_dollars", "eth_dollars"),
        draw=lambda random: {"wallet": thousands(random), "price": price(random)},
        solve=lambda wallet: {"btc_dollars": 2 * wallet, "eth_dollars": 10 * wallet},
        refutes=_shown_wrong,
        nudge="What does the calculator forget? Make that amount large against the size of BTC.",
        step="It forgets 0.4 % of the ETH. Divided by BTC's quantity, that is how far its price is off.",
        worked=lambda wallet, price: (
            f"BTC for {2 * wallet:,} dollars, ETH for {10 * wallet:,}. ETH must keep {RATE * 10 * wallet:,.0f} "
            f"dollars. BTC's quantity is {2 * wallet / price:.4f}: the calculator is "
            f"{RATE * 10 * wallet / (2 * wallet / price) / (1 - RATE):,.2f} dollars too low, about 2 % of "
            f"{price:,}."
        ),
    ),
    Choose(
        id="audit-6",
        version=2,
        objective="04-choose",
        read="margin-prediction",
        title="A test for a claim",
        text=(
            "A page says: \u201cIt is the margin mode itself that makes isolated positions end sooner.\u201d You want "
            "to test this claim with two BTC longs, one in cross margin and one isolated, each alone in its pool and "
            "bought at the same price. Which comparison tests it, and what does it show?"
        ),
        options={"a": "{p}", "b": "{q}", "c": "{r}"},
        reasons={
            "1": "only the mode differs there, and the two liquidation prices are the same",
            "2": "it is how most accounts look, and the isolated long is liquidated sooner",
            "3": "the setting is the same there, and the larger long is liquidated sooner",
        },
        draw=_comparisons,
        solve=lambda **case: letter(case, f"Both hold {case['size']:,} dollars of BTC. Each") + "1",
        beliefs={"MODE_DECIDES": lambda **case: letter(case, "Cross has") + "2"},
        demands={"Two things differ there: the mode and the size.": lambda **case: letter(case, "Cross holds") + "3"},
        nudge="A fair test changes one thing. What differs in each of the three comparisons?",
        step="Sizes must be the same, and the money behind them, too. Then only the mode is left.",
        worked=lambda size, wallet, margin: (
            f"With {margin:,} dollars behind {size:,} both end after a fall of "
            f"{100 * (1 - (1 - margin / size) / (1 - RATE)):.2f} %, cross or isolated: the mode is not the reason. "
            f"With {wallet:,} dollars in cross it is the money that makes the difference, and with {2 * size:,} it is "
            "the size."
        ),
    ),
    Function(
        id="audit-7",
        version=2,
        objective="12-compare",
        read="ratio-prediction",
        title="A dashboard for two apps",
        text=(
            "A dashboard collects the margin ratio of two apps. One divides what must be kept by the equity: its "
            'number goes "up" to 100 % when things get worse. The other divides the equity by what must be kept: its '
            'number goes "down" to 100 %. Write how many dollars the account may still lose until it is liquidated. '
            "What must be kept is taken to stay as it is."
        ),
        ask="the dollars that may still be lost",
        function="room",
        cases=lambda random: {
            "keep": random.randrange(20, 900),
            "share": (share := random.randrange(20, 96)),
            "shown": (shown := random.choice(["up", "down"])),
            "percent": share if shown == "up" else round(10_000 / share, 1),
        },
        solve=lambda keep, percent, shown: _equity(keep, percent, shown) - keep,
        beliefs={
            "RATIO_UPSIDE_DOWN": lambda keep, percent: _equity(keep, percent, "up") - keep,
            "NO_MAINTENANCE": _equity,
        },
        demands={
            'The number of the app that goes "up" is kept / equity.': lambda keep, percent: (
                _equity(keep, percent, "down") - keep
            ),
            "Percent are hundredths.": lambda keep, percent, shown: _equity(keep, 100 * percent, shown) - keep,
        },
        nudge="First find the equity. What do you have to do with the number of each app to get it?",
        step="Up: equity = keep / (percent / 100). Down: equity = keep x percent / 100. Subtract what must be kept.",
        worked=lambda keep, percent, shown: (
            f"The app's number goes {shown}: equity = "
            + (f"{keep} / {percent / 100:.4f}" if shown == "up" else f"{keep} x {percent / 100:.4f}")
            + f" = {_equity(keep, percent, shown):,.2f} dollars. Less the {keep} "
            f"that must be kept: {_equity(keep, percent, shown) - keep:,.2f}."
        ),
    ),
    Compute(
        id="audit-8",
        version=2,
        points=2,
        objective="12-predict",
        read="inverse-prices-read",
        title="The wrong kind of contract",
        text=(
            "A page uses its formula for linear contracts on an inverse one. You hold an inverse long of {dollars:,} "
            "dollars of BTC, opened at {entry:,}, with {coins} BTC behind it and nothing else in the pool. The "
            "contract pays dollars x (1 / entry - 1 / price) in coins. It must keep 0.4 % of the coins that its "
            "dollars are worth, dollars / price. Where is it liquidated really?"
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-4,
        draw=_coins,
        solve=_inverse_price,
        beliefs={
            "INVERSE_AS_LINEAR": lambda coins, dollars, entry: _price(coins, dollars / entry / entry, entry),
            "NO_MAINTENANCE": lambda coins, dollars, entry: _inverse_price(coins, dollars, entry, 0),
        },
        catalogue=(
            "liquidation_price",
            lambda coins, dollars, entry: account(
                coins, replace(held(dollars, entry, symbol="BTCUSD"), contract=Contract.INVERSE)
            ),
        ),
        demands={
            "The coins behind it count, too.": lambda entry: (1 + RATE) * entry,
            "What must be kept is a share of the coins at the price asked for.": lambda coins, dollars, entry: (
                _inverse_price(coins - RATE * dollars / entry, dollars, entry, 0)
            ),
        },
        nudge="Write everything in coins: what is behind it, what it has won or lost, what it must keep.",
        step="coins + dollars x (1 / entry - 1 / price) = 0.004 x dollars / price. Solve for 1 / price.",
        worked=lambda coins, dollars, entry: (
            f"{coins} + {dollars:,} / {entry:,} = {1 + RATE} x {dollars:,} / price, so the price is {1 + RATE} x "
            f"{dollars:,} / {coins + dollars / entry:.6f} = {_inverse_price(coins, dollars, entry):,.2f}. The linear "
            f"formula gives {_price(coins, dollars / entry / entry, entry):,.2f}, too low: it forgets that the coins "
            "behind the position lose value, too."
        ),
    ),
    Explain(
        id="audit-9",
        objective="13-compute",
        read="audit-text",
        title="A bug report",
        text=(
            "A calculator for isolated longs uses price = entry x (1 - 1 / setting) and calls it the liquidation "
            "price: \u201cAt 100x you are out at -1 %.\u201d Write to its author, in four to seven sentences, what is "
            "wrong and how to mend it."
        ),
        rubric=(
            "A case in numbers: what goes in, what the calculator shows, what is right.",
            "The belief behind it: that all of the margin can be used up before a liquidation.",
            "What holds instead: liquidation comes when only the maintenance margin is left.",
            "The price that it does compute has a name: it is the bankruptcy price.",
            "The mended formula, and its condition: exactly the initial margin stands behind the long.",
        ),
        nudge="Take a long of 1 BTC at 60,000 and 100x, with 0.4 % of maintenance margin.",
        step="What would the author have to believe for this formula to be right?",
        worked=lambda: (
            f"Take a long of 1 BTC at 60,000 and 100x, isolated, with 0.4 % to keep. You show 59,400. There all of the "
            f"600 dollars are gone, so it is the bankruptcy price. A venue acts sooner, when only the maintenance "
            f"margin is left: at {_price(600, 1, 60_000):,.2f}, a fall of "
            f"{100 * (1 - _price(600, 1, 60_000) / 60_000):.2f} %. Your formula would be right if a position could use "
            "up all of its margin before it is liquidated. Divide by (1 - maintenance rate): price = entry x (1 - 1 / "
            "setting) / (1 - rate). Both hold only while exactly the initial margin stands behind the long; put entry "
            "- margin / quantity in the place of entry x (1 - 1 / setting) where more was added."
        ),
    ),
    Bug(
        id="audit-10",
        objective="03-compute",
        read="coin-ends",
        title="Coins behind a long",
        text=(
            "A dashboard gives the liquidation price of a cross long in BTC, just opened at entry, behind which "
            "dollars and coins of BTC stand. A coin counts for its price less a haircut, a fraction such as 0.05. In a "
            "fall accounts were liquidated long before the price that the dashboard shows. Mend it. The maintenance "
            "margin is 0.4 % of the notional at the price asked for. All these longs have such a price."
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-4,
        function="price_with_coins",
        cases=lambda random: {
            "dollars": int(
                (size := random.randrange(50, 300) / 100) * (entry := price(random)) * random.uniform(0.05, 0.2)
            )
            // 100
            * 100,
            "coins": round(size * random.uniform(0.1, 0.5), 2),
            "haircut": random.choice([0.05, 0.1, 0.15, 0.2, 0.3]),
            "quantity": size,
            "entry": entry,
        },
        solve=lambda dollars, coins, haircut, quantity, entry: _price_with_coins(
            dollars, quantity, entry, coins * (1 - haircut)
        ),
        beliefs={
            "COIN_STANDS_STILL": lambda dollars, coins, haircut, quantity, entry: _price_with_coins(
                dollars + coins * (1 - haircut) * entry, quantity, entry
            ),
            "COIN_AT_FULL_PRICE": lambda dollars, coins, quantity, entry: _price_with_coins(
                dollars, quantity, entry, coins
            ),
            "NO_MAINTENANCE": lambda dollars, coins, haircut, quantity, entry: _price_with_coins(
                dollars, quantity, entry, coins * (1 - haircut), rate=0.0
            ),
        },
        catalogue=(
            "liquidation_price",
            lambda dollars, coins, haircut, quantity, entry: with_coins(coins, haircut, dollars, held(quantity, entry)),
        ),
        demands={
            "The dollars stand behind it, too.": lambda coins, haircut, quantity, entry: _price_with_coins(
                0, quantity, entry, coins * (1 - haircut)
            ),
            "What must be kept is a share of the notional at the price asked for.": (
                lambda dollars, coins, haircut, quantity, entry: _price_with_coins(
                    dollars - RATE * quantity * entry, quantity, entry, coins * (1 - haircut), rate=0.0
                )
            ),
        },
        nudge="What do the coins count for when BTC has fallen by a third?",
        step=(
            "dollars + coins x (1 - haircut) x price + quantity x (price - entry) = 0.004 x quantity x price. Solve it "
            "for the price."
        ),
        worked=lambda dollars, coins, haircut, quantity, entry: (
            "answer = (quantity * entry - dollars) / (quantity * 0.996 + coins * (1 - haircut)): the coins fall with "
            "the long, so they stand beside the quantity.\n"
            f"Here: ({quantity} x {entry:,} - {dollars:,}) / ({quantity} x 0.996 + {coins} x {1 - haircut:g}) = "
            f"{_price_with_coins(dollars, quantity, entry, coins * (1 - haircut)):,.2f} dollars. As it was found: "
            f"{_price_with_coins(dollars + coins * (1 - haircut) * entry, quantity, entry):,.2f}."
        ),
    ),
)
