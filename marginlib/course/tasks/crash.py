"""Set 5, a crash by hand: fees, funding, forced sales, fund, mark price, a replay, odds. Follows 07 to 10."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, log, log10, sqrt
from random import Random
from statistics import NormalDist
from typing import Any

from marginlib.course.tasks.shared import MOVES, RATE, account, bitcoin, ends, held, letter, paid, price, ways
from marginlib.practice.tasks.task import Bug, Choose, Compute, Counterexample, Explain, Function, Predict

_CAP = 0.3  # the largest funding rate of the counterexample [percent]

# Recorded mark prices of BTC and ETH: the first figure, the lowest one, the last one. The set's test holds them equal
# to `marginlib.market`; a learner's numbers must not change when a record there does.
# Source: Binance USD-M mark price, UTC.
_FALLS = {
    "March 2020": ((7_841.8, 3_801.8, 5_453.6), (196.5, 87.09, 128.85)),
    "May 2021": ((44_408, 29_563, 40_511), (3_355.6, 1_764.3, 2_769.9)),
    "November 2022": ((20_756, 15_543, 17_592), (1_584, 1_073.4, 1_298.8)),
    "October 2025": ((121_680, 101_880, 110_580), (4_378.9, 3_425.3, 3_744.5)),
}

# Settings at which the two longs live, or die at the low and would not have died at the last figure.
_PARTING = {
    "March 2020": ((1.5, 2, 2.5), (1.5, 2, 2.5)),
    "May 2021": ((2, 3, 4, 5), (2, 3, 4, 5)),
    "November 2022": ((3, 4, 5), (3, 4, 5)),
    "October 2025": ((4, 5, 8, 10), (4, 5, 6)),
}


def _long(random: Random, *leverages: int) -> dict[str, Any]:
    """Return a long with the margin of one of these settings."""
    entry, quantity = price(random), bitcoin(random)
    return {"margin": int(entry * quantity / random.choice(leverages)) // 10 * 10, "quantity": quantity, "entry": entry}


def _two_pockets(random: Random) -> dict[str, Any]:
    """Return an isolated long and the account around it."""
    leverage, margin = random.choice([20, 25, 40]), random.randrange(200, 1_001, 50)
    wallet = margin * random.choice([4, 5, 6])
    return {"wallet": wallet, "margin": margin, "leverage": leverage, "notional": margin * leverage}


def _hour(random: Random) -> dict[str, Any]:
    """Return an isolated position and one hour of mark and last prices; the last ones reach farther."""
    entry, quantity = price(random), bitcoin(random)
    low, high = (round(entry * random.uniform(*span)) for span in ((0.8, 0.97), (1.03, 1.2)))
    return {
        "margin": int(entry * quantity / random.choice([3, 4, 5])) // 10 * 10,
        "quantity": random.choice([1, -1]) * quantity,
        "entry": entry,
        "mark_low": low,
        "mark_high": high,
        "last_low": round(low * random.uniform(0.8, 0.97)),
        "last_high": round(high * random.uniform(1.03, 1.2)),
    }


def _three_exits(random: Random) -> dict[str, Any]:
    """Return an isolated long and three ways out of it, in any order."""
    long = _long(random, 8, 10, 12, 20)
    end, bust = _ends(**long), long["entry"] - long["margin"] / long["quantity"]
    early, late = round(end * random.uniform(1.003, 1.01)), round((end + bust) / 2)
    exits = ["no order", f"an order to sell all at {early:,}", f"an order to sell all at {late:,}"]
    random.shuffle(exits)
    case = {name: long[name] for name in ("quantity", "entry", "margin")}
    return {**case, "early": early, "late": late, **dict(zip("pqr", exits, strict=True))}


def _book(random: Random) -> dict[str, Any]:
    """Return two isolated longs, and the recorded figures of one of the falls; one dies by what it must keep alone."""
    event, narrow = random.choice(list(_FALLS)), random.choice(["btc", "eth"])
    case: dict[str, Any] = {"event": event, "wallet": random.randrange(8_000, 20_001, 1_000)}
    for name, figures, settings in zip(("btc", "eth"), _FALLS[event], _PARTING[event], strict=True):
        margin = random.randrange(case["wallet"] // 5, case["wallet"] * 9 // 20, 50)
        times: float = random.choice(settings)
        if name == narrow:  # between its liquidation price and its bankruptcy price lies the low
            times = 1 / (1 - figures[1] / figures[0] * (1 - RATE * random.uniform(0.3, 0.7)))
        case |= {f"{name}_size": int(margin * times) // 10 * 10, f"{name}_margin": margin}
        case |= dict(zip((f"{name}_first", f"{name}_low", f"{name}_last"), figures, strict=True))
    return case


def _ends(margin: float, quantity: float, entry: float) -> float:
    """Return the liquidation price; every position of this set has one."""
    return ends(margin, quantity, entry) or 0.0


def _sold(equity: float, notional: float, floor: float, low: float, high: float, *, counted: int = 1) -> float:
    """Return what has to go until the rest needs no more than the equity; the second tier keeps high less an amount."""
    above = (equity + counted * (high - low) * floor) / high
    return notional - (above if above > floor else min(floor, equity / low))


def _worst(margin: float, quantity: float, entry: float, low: float, high: float) -> float:
    """Return the equity at the worst price of the hour."""
    return margin + quantity * ((low if quantity > 0 else high) - entry)


def _legs(case: Mapping[str, Any], kept: float = RATE) -> list[dict[str, float]]:
    """Return the two longs, each with its figures and its liquidation price."""
    legs = []
    for name in ("btc", "eth"):
        leg = {key: case[f"{name}_{key}"] for key in ("size", "margin", "first", "low", "last")}
        leg["end"] = leg["first"] * (1 - leg["margin"] / leg["size"]) / (1 - kept)
        leg["profit"] = leg["size"] * (leg["last"] / leg["first"] - 1)
        legs.append(leg)
    return legs


def _left(case: Mapping[str, Any], *, decides: str = "low", returned: bool = False, rate: float = RATE) -> float:
    """Return what the account has at the last figure; a long dies if the deciding figure is at its end or below."""
    left = float(case["wallet"])
    for leg in _legs(case, rate):
        kept = RATE * leg["size"] * leg["end"] / leg["first"] if returned else 0.0
        left += leg["profit"] if leg[decides] > leg["end"] else kept - leg["margin"]
    return left


def _replayed(**case: Any) -> str:  # noqa: ANN401 - a learner's numbers
    """Return what happens to each of the longs, in words."""
    lines = []
    for name, leg in zip(("BTC", "ETH"), _legs(case), strict=True):
        lives = f"it lives, with {leg['profit']:+,.2f} of profit."
        dies = f"it dies and takes its margin, {leg['margin']:,.2f}."
        lines.append(
            f"{name}: ends at {leg['end']:,.2f}, low {leg['low']:,}: {lives if leg['low'] > leg['end'] else dies}"
        )
    return "\n".join([*lines, f"From {case['wallet']:,} dollars that leaves {_left(case):,.2f}."])


def _chance(
    leverage: float,
    volatility: float,
    days: float,
    *,
    side: int = 1,
    kept: float = RATE,
    turned: float = 1.0,
    logarithm: Callable[[float], float] = log,
) -> float:
    """Return how likely a position is to end beyond its liquidation price, or to touch it and turn back."""
    away, spread = logarithm((1 - side / leverage) / (1 - side * kept)), volatility * sqrt(days / 365)
    cdf = NormalDist().cdf
    return cdf(side * (away / spread + spread / 2)) + turned * exp(-away) * cdf(side * (away / spread - spread / 2))


def _costs_more(case: Mapping[str, Any], answer: Mapping[str, float], side: int = 1) -> tuple[bool, str]:
    """Return whether the position costs more than its margin while its price stands still."""
    days, rate = answer["days"], answer["rate"]
    if not 0 < days <= 365:  # noqa: PLR2004 - a year
        return False, f"{days:g} days: give a number above 0, up to 365."
    if not 0 < side * rate <= _CAP:
        give = f"above 0, up to {_CAP}" if side > 0 else f"below 0, down to {-_CAP}"
        return False, f"A rate of {rate:g} %: give a number {give}."
    count, spare = int(3 * days + 1e-9), case["wallet"] - case["margin"]
    costs = count * side * rate / 100 * case["notional"]
    where = f"{count} settlements of {rate:g} % of {case['notional']:,} dollars are {costs:,.2f} dollars"
    if costs > spare:
        return False, f"{where}: more than the {spare:,} outside of the margin. Take less: they have to suffice."
    if costs <= case["margin"]:
        return False, f"{where}, and the margin is {case['margin']:,}. That is not more than the margin."
    return True, (
        f"{where}, paid from outside of the margin, which is {case['margin']:,}. The price never moved, and the "
        "position has cost more than its margin: the claim does not hold."
    )


TASKS = (
    Compute(
        id="crash-1",
        version=2,
        points=2,
        objective="07-compute",
        read="four-cases-text",
        title="What time costs a short",
        text=(
            "You open a short, a quantity of {quantity} BTC at {price:,} dollars, isolated with its initial margin at "
            "{leverage}x. The fee to open is {fee} % of the notional. The price stands still for {settlements} "
            "settlements, each with a funding rate of +{rate} %. Fee and funding go to and from the margin."
        ),
        ask="the share of your margin that is gone, as a fraction such as 0.05; below 0 if more came in than went out",
        draw=lambda random: {
            "quantity": -bitcoin(random),
            "price": price(random),
            "leverage": random.choice([5, 8, 10, 20, 25]),
            "fee": random.choice([0.02, 0.04, 0.05, 0.06]),
            "rate": random.choice([0.005, 0.01, 0.02, 0.03]),
            "settlements": random.randrange(3, 31),
        },
        solve=lambda leverage, fee, rate, settlements: (fee - settlements * rate) / 100 * leverage,
        beliefs={
            "FEE_ON_MARGIN": lambda fee, rate, settlements: (fee - settlements * rate) / 100,
            "SIGN": lambda leverage, fee, rate, settlements: (fee + settlements * rate) / 100 * leverage,
        },
        demands={
            "The fee to open comes out of the margin, too.": lambda leverage, rate, settlements: (
                -settlements * rate / 100 * leverage
            ),
            "There is more than one settlement.": lambda leverage, fee, rate: (fee - rate) / 100 * leverage,
            "Funding goes to the margin, too.": lambda leverage, fee: fee / 100 * leverage,
        },
        nudge="At a rate above 0, who pays the funding, and who gets it? And what is the fee a share of?",
        step="A short receives. In dollars: notional x (fee - settlements x rate). The margin is notional / setting.",
        worked=lambda quantity, price, leverage, fee, rate, settlements: (
            f"Notional {abs(quantity) * price:,.2f} dollars, margin {abs(quantity) * price / leverage:,.2f}. The fee "
            f"takes {fee / 100 * abs(quantity) * price:,.2f}; the short receives "
            f"{settlements * rate / 100 * abs(quantity) * price:,.2f}. Gone, less what came in: "
            f"{(fee - settlements * rate) / 100 * abs(quantity) * price:,.2f} dollars, or "
            f"{(fee - settlements * rate) / 100 * leverage:.6f} of the margin."
        ),
    ),
    Predict(
        id="crash-2",
        version=2,
        objective="07-predict",
        read="received",
        title="Nothing happens for days",
        text=(
            "You hold an isolated short, a quantity of {quantity} BTC from {entry:,} dollars, with {margin:,} dollars "
            "of margin; the maintenance margin is 0.4 % of the notional. For {days} days the price stays at {entry:,}. "
            "Three times a day there is funding, to or from the margin, and the rate is {rate:+} % each time. Before "
            "you compute anything: what happens to (1) the liquidation price, (2) the bankruptcy price, (3) the "
            "equity, (4) the maintenance margin at today's price?"
        ),
        ask='four words in a list, each "up", "down" or "same", in this order',
        draw=lambda random: {
            "quantity": -(case := _long(random, 5, 8, 10))["quantity"],
            "entry": case["entry"],
            "margin": case["margin"],
            "rate": random.choice([-0.03, -0.02, -0.01, 0.01, 0.02, 0.03]),
            "days": random.randrange(5, 31),
        },
        solve=lambda rate: ways(rate, rate, rate, 0),
        beliefs={
            "SIGN": lambda rate: ways(rate, rate, -rate, 0),
            "CROSS_LOWERS_PRICE": lambda rate: ways(-rate, -rate, rate, 0),
        },
        words=MOVES,
        demands={
            "What must be kept at a price that stands still does not change.": lambda rate: ways(
                rate, rate, rate, rate
            ),
            "Funding moves the margin, though the price stands still.": lambda: ways(0, 0, 0, 0),
            "Both prices are computed from the margin, and it changes.": lambda rate: ways(0, 0, rate, 0),
        },
        nudge="First the sign: does this short pay or receive? Then: where is the danger for a short?",
        step="A short receives at a rate above 0. More margin moves both prices away from the mark: for a short, up.",
        worked=lambda quantity, entry, margin, rate, days: (
            f"{3 * days} settlements of {rate:+} % of {abs(quantity) * entry:,.2f} dollars: the short "
            f"{'receives' if rate > 0 else 'pays'} {abs(paid(quantity, entry, rate / 100, days)):,.2f}. The margin "
            f"goes from {margin:,} to {margin - paid(quantity, entry, rate / 100, days):,.2f}, the liquidation price "
            f"from {_ends(margin, quantity, entry):,.2f} to "
            f"{_ends(margin - paid(quantity, entry, rate / 100, days), quantity, entry):,.2f}. What must be kept "
            f"at {entry:,} stays: {', '.join(ways(rate, rate, rate, 0))}."
        ),
    ),
    Counterexample(
        id="crash-3",
        objective="07-compare",
        read="payers-text",
        title="Can isolated cost more than its margin?",
        text=(
            "\u201cAn isolated position can never cost me more than its margin.\u201d Refute it without any move of "
            "the price. Your wallet holds {wallet:,} dollars. {margin:,} of them are the isolated margin of a long "
            "of {notional:,} dollars, {leverage}x. On this venue funding is paid from the money outside of the margin. "
            "There are three settlements a day. Choose how many days you hold, and the funding rate of each "
            "settlement, at most 0.3 %. What is outside of the margin has to suffice."
        ),
        ask='a dict with "days" and "rate" in percent, such as 0.01',
        inputs=("days", "rate"),
        draw=_two_pockets,
        solve=lambda leverage: {"days": 2 * 100 / leverage / 0.1 / 3, "rate": 0.1},
        refutes=_costs_more,
        nudge="Which money pays the funding here? How much of it is there?",
        step=(
            "Paid is 3 x days x rate x notional. It has to be above the margin: 3 x days x rate above 100 % / setting."
        ),
        worked=lambda wallet, margin, leverage, notional: (
            f"At 0.1 % each, {int(2 * 100 / leverage / 0.1)} settlements take "
            f"{int(2 * 100 / leverage / 0.1) * 0.001 * notional:,.0f} dollars: twice the margin of {margin:,}. That is "
            f"{2 * 100 / leverage / 0.1 / 3:.1f} days. Outside of the margin there are {wallet - margin:,}."
        ),
    ),
    Function(
        id="crash-4",
        version=2,
        objective="08-predict",
        read="policies-prediction",
        title="How much must go",
        text=(
            "A venue sells a large position in steps: no more than is needed. The risk table has two tiers: `low` is "
            "the maintenance rate up to the floor of the second tier, `high` the rate on what is above the floor, both "
            "as fractions. The equity is below the maintenance margin. Write how many dollars of the position have to "
            "be sold at the mark price until the rest needs exactly the equity that is there. A sale at the mark price "
            "leaves the equity as it is; there is no fee."
        ),
        ask="the dollars of the position that are sold",
        tolerance=5e-4,
        function="part_to_sell",
        cases=lambda random: {  # in the second tier, with less equity than must be kept
            "floor": (floor := random.randrange(207_000, 911_000, 5_000)),
            "low": (low := 0.004),
            "high": (high := random.choice([0.0065, 0.01, 0.0125])),
            "notional": (notional := int(floor * random.uniform(1.5, 3))),
            # Enough for more than the first tier, or for less than it.
            "equity": round(
                random.choice(
                    [
                        low * floor * random.uniform(0.5, 0.95),
                        low * floor + high * (notional - floor) * random.uniform(0.1, 0.9),
                    ]
                ),
                2,
            ),
        },
        solve=_sold,
        beliefs={
            "FLAT_TIER": lambda **case: _sold(**case, counted=0),
            "AMOUNT_SIGN": lambda **case: _sold(**case, counted=-1),
        },
        demands={
            "The equity may be less than even the floor needs: then the rest stays in the first tier.": (
                lambda equity, notional, floor, low, high: notional - (floor + (equity - low * floor) / high)
            ),
            "What is above the floor has the higher rate.": lambda equity, notional, low: notional - equity / low,
            "No more is sold than is needed.": lambda notional: notional,
            "What is sold is asked for, not what stays.": lambda **case: case["notional"] - _sold(**case),
        },
        nudge="Turn the question round: how large a position does this equity suffice for?",
        step=(
            "Up to the floor it needs low x floor. If the equity is more than that, the rest of it, divided by "
            "high, is what may stay above the floor. If not, equity / low may stay."
        ),
        worked=lambda equity, notional, floor, low, high: (
            f"Up to the floor {low} x {floor:,} = {low * floor:,.2f} dollars are needed. The equity of {equity:,.2f} "
            f"suffices for {notional - _sold(equity, notional, floor, low, high):,.2f} dollars of position, so "
            f"{_sold(equity, notional, floor, low, high):,.2f} are sold.\n"
            "if equity > low * floor: stays = floor + (equity - low * floor) / high\n"
            "else: stays = equity / low\n"
            "answer = notional - stays"
        ),
    ),
    Compute(
        id="crash-5",
        version=2,
        objective="08-compute",
        read="gap-prediction",
        title="A jump past the bankruptcy price",
        text=(
            "Your wallet holds {wallet:,} dollars; {margin:,} of them are the isolated margin of a long of {quantity} "
            "BTC from {entry:,}. The price jumps to {mark:,} at once, past the bankruptcy price, and the venue closes "
            "the long there. It does not ask you for more than the margin; the insurance fund is large enough. There "
            "are no fees."
        ),
        ask="the dollars that the insurance fund pays",
        draw=lambda random: {
            "wallet": int((case := _long(random, 5, 8, 10, 12))["margin"] * random.uniform(2.5, 4)) // 100 * 100,
            **case,
            "mark": int(case["entry"] - random.uniform(1.2, 2) * case["margin"] / case["quantity"]),
        },
        solve=lambda margin, quantity, entry, mark: quantity * (entry - mark) - margin,
        beliefs={
            "FUND_SAVES_YOU": lambda quantity, entry, mark: quantity * (entry - mark),
            "WALLET_FOR_MARGIN": lambda wallet, quantity, entry, mark: max(0.0, quantity * (entry - mark) - wallet),
            "LIQUIDATION_IS_BANKRUPTCY": lambda margin, quantity, entry, mark: (
                quantity * (_ends(margin, quantity, entry) - mark)
            ),
        },
        demands={"What the fund pays is asked for: the margin pays first.": lambda margin: margin},
        nudge="Somebody else has won what this long has lost. Who pays it to them, first and second?",
        step="The margin pays first, all of it. The fund pays the rest: quantity x (entry - price) - margin.",
        worked=lambda wallet, margin, quantity, entry, mark: (
            f"The loss is {quantity} x {entry - mark:,} = {quantity * (entry - mark):,.2f} dollars. The margin pays "
            f"{margin:,}, and your other {wallet - margin:,} are not touched. The fund pays the rest: "
            f"{quantity * (entry - mark) - margin:,.2f}. Nothing of it comes back to you."
        ),
    ),
    Bug(
        id="crash-6",
        version=2,
        objective="08-choose",
        read="mark-prediction",
        title="A false alarm",
        text=(
            "An alarm gives the equity of an isolated position at the worst moment of an hour, as the venue sees it. "
            "It gets the lowest and the highest mark price of the hour, and the lowest and the highest last price. In "
            "one hour of 13 March 2020 ETH was traded at 84.23 and at 323, while its mark price stayed between 87.09 "
            "and 119.47: this alarm would have called positions lost that were not. Mend it. Quantities are below 0 "
            "for shorts."
        ),
        ask="the lowest equity of the hour in dollars",
        function="worst_equity",
        cases=_hour,
        solve=lambda margin, quantity, entry, mark_low, mark_high, last_low, last_high: _worst(
            margin, quantity, entry, mark_low, mark_high
        ),
        beliefs={
            "LAST_FOR_MARK": lambda margin, quantity, entry, last_low, last_high: _worst(
                margin, quantity, entry, last_low, last_high
            ),
            "SIGN": lambda margin, quantity, entry, mark_low, mark_high: _worst(
                margin, abs(quantity), entry, mark_low, mark_high
            ),
            "OPEN_PROFIT_IGNORED": lambda margin: margin,
        },
        demands={
            "A short fears the highest price of the hour.": lambda margin, quantity, entry, mark_low: (
                margin + quantity * (mark_low - entry)
            ),
            "A long fears the lowest price of the hour.": lambda margin, quantity, entry, mark_high: (
                margin + quantity * (mark_high - entry)
            ),
            "Equity is the margin with the profit or loss.": lambda quantity, entry, mark_low, mark_high: _worst(
                0, quantity, entry, mark_low, mark_high
            ),
        },
        nudge="Which of the two prices does the venue look at? And which end of it does a short fear?",
        step="margin + quantity x (price - entry), at the lowest mark price for a long, at the highest for a short.",
        worked=lambda margin, quantity, entry, mark_low, mark_high, last_low, last_high: (
            "worst = mark_low if quantity > 0 else mark_high; answer = margin + quantity * (worst - entry).\n"
            f"Here: {margin:,} + ({quantity}) x ({mark_low if quantity > 0 else mark_high:,} - {entry:,}) = "
            f"{_worst(margin, quantity, entry, mark_low, mark_high):,.2f}. The last price would have said "
            f"{_worst(margin, quantity, entry, last_low, last_high):,.2f}."
        ),
    ),
    Choose(
        id="crash-7",
        objective="08-compare",
        read="stop-text",
        title="Three ways out",
        text=(
            "You hold an isolated long of {quantity} BTC from {entry:,} dollars with {margin:,} dollars of margin. The "
            "maintenance margin is 0.4 % of the notional. The price will fall slowly, far below all prices here. An "
            "order is filled at its price if the long is still yours then. What is left at a liquidation, this venue "
            "keeps. No fees. Which way leaves you most, and why?"
        ),
        options={"a": "{p}", "b": "{q}", "c": "{r}"},
        reasons={
            "1": "the margin already limits the loss, so an order adds nothing",
            "2": "the long is sold before the venue takes it over, and what is left of the margin is mine",
            "3": "it waits longest for a recovery and still sells above the bankruptcy price",
        },
        draw=_three_exits,
        solve=lambda **case: letter(case, f"{case['early']:,}") + "2",
        beliefs={
            "LIQUIDATION_AS_STOP": lambda **case: letter(case, "no order") + "1",
            "LIQUIDATION_IS_BANKRUPTCY": lambda **case: letter(case, f"{case['late']:,}") + "3",
        },
        nudge="Find the liquidation price. Which of the orders is reached before it?",
        step="An order below the liquidation price comes too late: by then the long is the venue's.",
        worked=lambda quantity, entry, margin, early, late: (
            f"The long is liquidated at {_ends(margin, quantity, entry):,.2f}, where "
            f"{RATE * quantity * _ends(margin, quantity, entry):,.2f} dollars are left, and the venue keeps "
            f"them. An order at {late:,} comes too late. Sold at {early:,}, you have "
            f"{margin + quantity * (early - entry):,.2f} of the {margin:,} dollars."
        ),
    ),
    Compute(
        id="crash-8",
        version=2,
        points=3,
        objective="09-compute",
        read="who-died-text",
        title="A recorded fall, by hand",
        text=(
            "{event}, recorded mark prices: BTC began at {btc_first:,}, its lowest was {btc_low:,}, its last "
            "{btc_last:,}. ETH began at {eth_first:,}, its lowest was {eth_low:,}, its last {eth_last:,}. At the first "
            "prices you opened two isolated longs in a wallet of {wallet:,} dollars: {btc_size:,} dollars of BTC with "
            "{btc_margin:,} of margin, and {eth_size:,} of ETH with {eth_margin:,} of margin. You did nothing more. "
            "Use 0.4 % of maintenance margin, which stands in for the tables of the time. No fees; what is left "
            "at a liquidation, the venue keeps."
        ),
        ask="what your account has at the last prices, in dollars",
        tolerance=2e-4,
        draw=_book,
        solve=lambda **case: _left(case),
        beliefs={
            "TOUCH_IS_END": lambda **case: _left(case, decides="last"),
            "LEFTOVER_RETURNED": lambda **case: _left(case, returned=True),
            "NO_MAINTENANCE": lambda **case: _left(case, rate=0.0),
        },
        demands={
            "What the account has is asked for: the wallet counts, too.": lambda **case: _left(case) - case["wallet"],
        },
        nudge="For each long: is its liquidation price above or below the lowest recorded price?",
        step=(
            "It ends at first x (1 - margin / size) / 0.996. A long that dies takes its whole margin; one that lives "
            "has size x (last / first - 1)."
        ),
        worked=_replayed,
    ),
    Function(
        id="crash-9",
        version=2,
        objective="10-compute",
        read="touch-prediction",
        title="How likely, from a formula",
        text=(
            "Write how likely an isolated long, with exactly its initial margin behind it, is to be liquidated within "
            "some days. The maintenance margin is 0.4 % of the notional. Volatility is a year's, as a fraction; a year "
            "has 365 days; there is no drift. Take x = log(liquidation price / entry), the natural logarithm, s = "
            "volatility x sqrt(days / 365), and N, the normal distribution: in Python, statistics.NormalDist().cdf. "
            "The price ends below the liquidation price with probability N(x / s + s / 2). It touches it and turns "
            "back with probability exp(-x) N(x / s - s / 2)."
        ),
        ask="the probability as a fraction such as 0.25",
        function="odds",
        cases=lambda random: {
            "leverage": random.choice([5, 8, 10, 12, 15, 20]),
            "volatility": random.choice([0.5, 0.6, 0.7, 0.8, 0.9]),
            "days": random.choice([5, 7, 10, 14, 15, 20]),
        },
        solve=_chance,
        beliefs={
            "TOUCH_IS_END": lambda **case: _chance(**case, turned=0.0),
            "NO_MAINTENANCE": lambda **case: _chance(**case, kept=0.0),
        },
        catalogue=(
            "touch_probability",
            lambda leverage, volatility, days: account(
                10_000, held(0.1, 60_000, leverage).isolated(), volatility=volatility, days=days
            ),
        ),
        demands={
            "Both kinds of paths die: those that end below, too.": lambda **case: (
                _chance(**case) - _chance(**case, turned=0.0)
            ),
            "A year has 365 days: days / 365 is the part of it.": lambda leverage, volatility, days: _chance(
                leverage, volatility, 365 * days
            ),
            "The spread grows with the root of the time.": lambda leverage, volatility, days: _chance(
                leverage, volatility * sqrt(days / 365), days
            ),
            "The natural logarithm is asked for.": lambda **case: _chance(**case, logarithm=log10),
        },
        nudge="What is the liquidation price as a share of the entry price? And which paths die?",
        step="liquidation price / entry = (1 - 1 / leverage) / 0.996. Both kinds of paths die: add the two.",
        worked=lambda leverage, volatility, days: (
            f"x = log({(1 - 1 / leverage) / (1 - RATE):.6f}) = {log((1 - 1 / leverage) / (1 - RATE)):.6f}, s = "
            f"{volatility * sqrt(days / 365):.6f}. It ends below with "
            f"{_chance(leverage, volatility, days, turned=0.0):.6f}, and with what turns back it is "
            f"{_chance(leverage, volatility, days):.6f}.\n"
            "answer = normal.cdf(x / s + s / 2) + exp(-x) * normal.cdf(x / s - s / 2)"
        ),
    ),
    Explain(
        id="crash-10",
        objective="09-choose",
        read="trust",
        title="\u201cCross saved me\u201d",
        text=(
            "Somebody replays the crash of May 2021 with the book of notebook 09. Isolated, both longs die, "
            "\u201cETH at 12:29\u201d. In cross nothing is liquidated, and 7,551 dollars are left instead of 5,000. "
            "The conclusion: \u201cCross is safer.\u201d Say in four to seven sentences what of this you may trust, "
            "and what not."
        ),
        rubric=(
            "That the isolated longs died rests on recorded lows, and on a table that stands in for the real one.",
            "The minute comes from a line between two recorded figures: it is not known.",
            "The result holds for this book: a somewhat larger one loses everything in cross and keeps 5,000 isolated.",
            "One event, chosen because it was large, does not say how often such a thing happens.",
            "What to ask instead: how likely, and how much, in both modes, over many paths.",
        ),
        nudge="Which of these numbers were recorded, and which were drawn between recorded ones?",
        step="Would another size, or another event, say the same?",
        worked=lambda: (
            "That both isolated longs died is sound: the recorded lows lie far below their liquidation prices, though "
            "the risk table only stands in for the real one. The minute is not: it lies on a straight line between two "
            "figures. The conclusion does not follow. With 12,500 dollars in each coin at 5x, as in that notebook's "
            "figure, cross loses all 10,000 dollars in the same crash, and isolated keeps 5,000. And it is one event, "
            "chosen because it was large. Ask how likely a liquidation is and how much it takes, in both modes and "
            "over many paths: cross is rarer and deeper."
        ),
    ),
)
