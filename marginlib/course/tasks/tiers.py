"""Set 4, tiers and hedges: slices, sizes, hedges and their legs, fees and funding. Follows notebooks 05, 06 and 07."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from math import copysign
from random import Random
from typing import Any

from marginlib.course.tasks.shared import (
    MOVES,
    RATE,
    RULES,
    account,
    bitcoin,
    ends,
    held,
    held_pair,
    margin_asked,
    moved,
    paid,
    price,
    standing,
    thousands,
    ways,
)
from marginlib.liquidation import lone_liquidation_price
from marginlib.model import Health
from marginlib.practice.tasks.task import Bug, Choose, Compute, Counterexample, Explain, Function, Predict
from marginlib.tiers import RiskSchedule

# The first tiers of BTC at Binance on 2026-09-29, as in notebook 05.
_TABLE = RiskSchedule.from_brackets(
    [
        (0, 300_000, 0.004, 150, 0),
        (300_000, 800_000, 0.005, 100, 300),
        (800_000, 3_000_000, 0.0065, 75, 1_500),
        (3_000_000, 12_000_000, 0.01, 50, 12_000),
    ]
)
_SETTINGS = ("setting_a", "setting_b", "setting_c", "setting_d")
_TABLE_TEXT = (
    "The table: tier 1 up to 300,000 dollars at 0.40 %, tier 2 above 300,000 at 0.50 %, tier 3 above 800,000 at "
    "0.65 %, tier 4 above 3,000,000 at 1.00 %."
)


def _two_sizes(random: Random) -> dict[str, Any]:
    """Return two sizes of one trade: in tier 1, and in tier 3 or 4, where it stays until it ends."""
    large = random.choice(
        [random.randrange(1_000_000, 2_900_001, 50_000), random.randrange(4_000_000, 10_000_001, 50_000)]
    )
    small = random.randrange(50_000, 250_001, 10_000)
    return {"small": small, "large": large, "entry": price(random), "leverage": random.choice([10, 20, 25, 40])}


def _frozen(random: Random) -> dict[str, Any]:
    """Return a losing long that is frozen by a short of the same size, with money left for both legs."""
    quantity, mark = random.randrange(20, 200) / 100, price(random)
    entry = int(mark * random.uniform(1.08, 1.25)) // 100 * 100
    wallet = round(quantity * (entry - mark) + 2 * RATE * quantity * mark * random.uniform(1.1, 1.8))
    return {"wallet": wallet, "quantity": quantity, "entry": entry, "mark": mark}


def _netted(random: Random) -> dict[str, Any]:
    """Return a long and a short of BTC in one pool: frozen, net long or short, or longs that their wallet pays for."""
    mark, size = price(random), random.randrange(40, 200) / 100
    kind = random.choice(("frozen", "long", "short", "paid"))
    other = size if kind == "frozen" else int(size * random.uniform(20, 75)) / 100
    long, short = (other, size) if kind == "short" else (size, other)
    long_entry, short_entry = (int(mark * random.uniform(low, low + 0.15)) // 100 * 100 for low in (1, 0.85))
    lost = long * (long_entry - mark) + short * (mark - short_entry)
    share = {"frozen": (0.01, 0.03), "long": (0.2, 0.6), "short": (0.2, 0.6), "paid": (1.3, 1.6)}[kind]
    behind = random.uniform(*share) * mark * (size if kind == "frozen" else abs(long - short))
    return {
        "wallet": round(behind + lost),
        "long": long,
        "long_entry": long_entry,
        "short": short,
        "short_entry": short_entry,
        "rule": random.choice(tuple(RULES)),
    }


def _waiting_short(random: Random) -> dict[str, Any]:
    """Return an isolated short, and funding that it pays or receives while the price stands still."""
    entry, quantity = price(random), bitcoin(random)
    return {
        "quantity": quantity,
        "price": entry,
        "margin": int(entry * quantity * random.uniform(0.08, 0.25)) // 10 * 10,
        "rate": random.choice([-0.05, -0.03, -0.02, 0.01, 0.02, 0.03, 0.05]),
        "days": random.randrange(5, 31),
    }


def _of_tier(notional: float) -> tuple[float, float]:
    """Return the rate and the maintenance amount of the tier that a size is in."""
    at = _TABLE.tier(notional)
    return _TABLE.rates[at], _TABLE.amounts[at]


def _price(notional: float, entry: float, leverage: float, table: RiskSchedule = _TABLE) -> float:
    """Return the liquidation price of an isolated position with its initial margin; a short's size is below 0."""
    return lone_liquidation_price(abs(notional) / leverage, notional / entry, entry, table) or 0.0


def _nearer(
    small: float, large: float, entry: float, leverage: float, table: RiskSchedule = _TABLE, side: int = 1
) -> float:
    """Return how much nearer to the entry the larger position ends, if this is the table for it."""
    return side * (_price(side * large, entry, leverage, table) - _price(side * small, entry, leverage))


def _believed(nearer: Callable[..., float]) -> dict[str, Callable[..., float]]:
    """Return what two beliefs make of the larger size's tier: its rate alone, and its amount added."""

    def by(sign: float, small: float, large: float, entry: float, leverage: float) -> float:
        rate, amount = _of_tier(large)
        return nearer(small, large, entry, leverage, RiskSchedule.flat(rate, maintenance_amount=sign * amount))

    return {"FLAT_TIER": partial(by, 0.0), "AMOUNT_SIGN": partial(by, -1.0)}


def _tier_at_the_end(notional: float, entry: float, leverage: float) -> int:
    """Return the number of the tier in which a position is liquidated."""
    return _TABLE.tier(abs(notional) * _price(notional, entry, leverage) / entry) + 1


def _left(wallet: float, quantity: float, entry: float, mark: float) -> float:
    """Return the frozen equity of a losing long with a short of the same size."""
    return wallet - quantity * (entry - mark)


def _pair_ends(
    wallet: float,
    long: float,
    long_entry: float,
    short: float,
    short_entry: float,
    rule: str,
    *,
    rate: float = RATE,
    side: int = -1,
    possible: bool = True,
) -> float | None:
    """Return where a long and a short in one pool end, by what a rule asks margin for; or below 0, where none does."""
    left = wallet - long * long_entry - side * short * short_entry
    slope = rate * margin_asked(long, short, rule) - (long + side * short)
    price = left / slope if slope else 0.0
    return price if price > 0 or not possible else None


def _misread(solve: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return what holders of beliefs answer, where `solve` is right of a long and a short under a rule of netting."""
    return {
        "LEGS_ADD_UP": lambda **case: solve(**{**case, "rule": "each leg"}),
        "LARGER_LEG_COUNTS": lambda **case: solve(**{**case, "rule": "larger leg"}),
        "HEDGED_IS_SAFE": lambda **case: solve(**{**case, "rule": "closed first"}),
        "NO_MAINTENANCE": lambda **case: solve(**case, rate=0.0),
    }


def _unsafe_hedge(case: Mapping[str, Any], answer: Mapping[str, float], side: int = 1) -> tuple[bool, str]:
    """Return whether the hedged account is over where the unhedged one lives, and what happens."""
    moves, refused = moved(answer)
    if refused:
        return False, refused
    size = side * case["size"] / 100
    legs = [held(each, 100, symbol=name).at(100 + moves[name]) for name, each in zip(moves, (size, -size), strict=True)]
    alone, hedged = standing(case["wallet"], legs[0]), standing(case["wallet"], *legs)
    where = (
        f"With BTC {moves['BTCUSDT']:+g} % and ETH {moves['ETHUSDT']:+g} %: the {'long' if side > 0 else 'short'} "
        f"alone leaves {alone.equity:,.2f} dollars and must keep {alone.maintenance:,.2f}; the hedged pair leaves "
        f"{hedged.equity:,.2f} and must keep {hedged.maintenance:,.2f}."
    )
    if hedged.health is Health.HEALTHY:
        return False, f"{where} The hedged account lives."
    if alone.health is not Health.HEALTHY:
        return False, f"{where} The account without the hedge is over, too."
    return True, f"{where} The hedge ended the account: the claim does not hold."


def _result(quantity: float, entry: float, closing: float, fee_rate: float, funding_rate: float, days: float) -> float:
    """Return what a trade leaves after both fees and the funding."""
    fees = fee_rate * abs(quantity) * (entry + closing)
    return quantity * (closing - entry) - fees - paid(quantity, entry, funding_rate, days)


def _to_hold(quantity: float, price: float, rate: float, days: float) -> float:
    """Return the margin of which the maintenance margin is left after these days; received funding needs none."""
    return max(0.0, paid(quantity, price, rate, days)) + RATE * abs(quantity) * price


def _opened(*, quantity: float, entry: float, **_rest: float) -> float:
    """Return the notional at which a trade is opened."""
    return abs(quantity) * entry


def _plan(case: Mapping[str, Any], setting: int) -> str:
    """Return the letter of the plan with this setting."""
    return next(letter for letter in "abcd" if case[f"setting_{letter}"] == setting)


TASKS = (
    Compute(
        id="tiers-1",
        version=2,
        objective="05-compute",
        read="slices-prediction",
        title="Slice by slice",
        text=f"You hold BTC worth {{notional:,}} dollars with a setting of {{leverage}}x. {_TABLE_TEXT}",
        ask="the maintenance margin in dollars",
        draw=lambda random: {
            "notional": random.randrange(350_000, 2_900_001, 10_000),
            "leverage": random.choice([10, 20, 25, 40]),
        },
        solve=lambda notional: _TABLE.maintenance_margin(notional),
        beliefs={
            "FLAT_TIER": lambda notional: notional * _of_tier(notional)[0],
            "AMOUNT_SIGN": lambda notional: notional * _of_tier(notional)[0] + _of_tier(notional)[1],
            "LEVERAGE_IN_MAINTENANCE": lambda notional, leverage: _TABLE.maintenance_margin(notional) / leverage,
        },
        catalogue=(
            "maintenance_margin",
            lambda notional, leverage: account(notional, held(notional / 60_000, 60_000, leverage, schedule=_TABLE)),
        ),
        demands={"What lies above 300,000 dollars has higher rates.": lambda notional: notional * _TABLE.rates[0]},
        nudge="Which part of the position does the rate of its tier apply to?",
        step=(
            "Cut the position at 300,000 and at 800,000 dollars. Each slice has the rate of its own tier; add them up."
        ),
        worked=lambda notional: (
            " + ".join(
                f"{high - low:,.0f} x {100 * rate:.2f} %"
                for (low, high), rate in zip(
                    pairwise([*(floor for floor in _TABLE.floors if floor < notional), notional]),
                    _TABLE.rates,
                    strict=False,
                )
            )
            + f" = {_TABLE.maintenance_margin(notional):,.2f} dollars. Or with the maintenance "
            f"amount: {notional:,} x {100 * _of_tier(notional)[0]:.2f} % - {_of_tier(notional)[1]:,.0f}, the same."
        ),
    ),
    Compute(
        id="tiers-2",
        version=2,
        points=2,
        objective="05-compare",
        read="size-prediction",
        title="The larger one goes first",
        text=(
            "Two longs in BTC, both from {entry:,} dollars, both isolated with the initial margin of {leverage}x: one "
            f"of {{small:,}} dollars, one of {{large:,}} dollars. {_TABLE_TEXT}"
        ),
        ask="by how many dollars the liquidation price of the larger one is nearer to the entry",
        tolerance=5e-3,
        draw=_two_sizes,
        solve=_nearer,
        beliefs={
            **_believed(_nearer),
            "LEVERAGE_IS_DISTANCE": lambda: 0.0,
        },
        demands={
            "How much nearer is asked for: the difference of the two prices.": (
                lambda large, entry, leverage: _price(large, entry, leverage)
            ),
            "The larger one has the rate of its own tier.": lambda large, small, entry, leverage: _nearer(
                small, large, entry, leverage, RiskSchedule.flat(_TABLE.rates[1], maintenance_amount=300)
            ),
        },
        nudge="Both have the same share of their size as margin. Do both have to keep the same share?",
        step=(
            "With Q = size / entry: price = (size - margin - amount) / (Q x (1 - rate)), with rate and amount of "
            "the tier. The amounts: 0, 300, 1,500 and 12,000 dollars in tiers 1 to 4. Compute both prices."
        ),
        worked=lambda small, large, entry, leverage: (
            f"The smaller one, in tier 1, is liquidated at {_price(small, entry, leverage):,.2f}. The larger one has "
            f"the rate {100 * _of_tier(large)[0]:.2f} % and the amount {_of_tier(large)[1]:,.0f}: "
            f"{_price(large, entry, leverage):,.2f}. That is nearer by {_nearer(small, large, entry, leverage):,.2f} "
            "dollars."
        ),
    ),
    Predict(
        id="tiers-3",
        version=2,
        objective="05-predict",
        read="crossing-text",
        title="In which tier it ends",
        text=(
            "A BTC long of {long:,} dollars and a BTC short of {short:,} dollars, in two accounts. Both are opened at "
            "{entry:,} dollars and isolated with the initial margin of {leverage}x. Each runs until it "
            f"is liquidated. {_TABLE_TEXT}"
        ),
        ask="the numbers of two tiers in a list, such as [1, 2]: that of the long and that of the short at liquidation",
        draw=lambda random: {  # a long somewhat above a floor, a short somewhat below one
            "long": int(random.choice(_TABLE.floors[1:]) * random.uniform(1.1, 1.9)) // 10_000 * 10_000,
            "short": int(random.choice(_TABLE.floors[1:]) * random.uniform(0.6, 0.95)) // 10_000 * 10_000,
            "entry": price(random),
            "leverage": random.choice([2, 3, 4, 5]),
        },
        solve=lambda long, short, entry, leverage: [
            _tier_at_the_end(long, entry, leverage),
            _tier_at_the_end(-short, entry, leverage),
        ],
        beliefs={
            "ENTRY_FOR_MARK": lambda long, short: [_TABLE.tier(long) + 1, _TABLE.tier(short) + 1],
            "SIGN": lambda long, short, entry, leverage: [
                _tier_at_the_end(long, entry, leverage),
                _tier_at_the_end(short, entry, leverage),
            ],
        },
        demands={
            "First that of the long, then that of the short.": lambda long, short, entry, leverage: [
                _tier_at_the_end(-short, entry, leverage),
                _tier_at_the_end(long, entry, leverage),
            ],
        },
        nudge="What is each of them worth at its liquidation price: more than at the start, or less?",
        step=(
            "At 1 / leverage away from the entry the margin is nearly used up. The long's size shrinks by that "
            "share until then, the short's grows by it. Find the tier of the new size."
        ),
        worked=lambda long, short, entry, leverage: (
            f"The long ends at {_price(long, entry, leverage):,.2f}, where it is worth "
            f"{long * _price(long, entry, leverage) / entry:,.0f} dollars: tier "
            f"{_tier_at_the_end(long, entry, leverage)}. The short ends at {_price(-short, entry, leverage):,.2f}, "
            f"worth {short * _price(-short, entry, leverage) / entry:,.0f}: tier "
            f"{_tier_at_the_end(-short, entry, leverage)}."
        ),
    ),
    Choose(
        id="tiers-4",
        version=2,
        objective="05-choose",
        read="too-much-prediction",
        title="The largest position that is allowed",
        text=(
            "You have {money:,} dollars for the initial margin of one BTC long, and you ask how large it can be. The "
            "table allows at most 150x up to 300,000 dollars, 100x up to 800,000, 75x up to 3,000,000 and 50x up to "
            "12,000,000. Which is the largest of these plans that is not refused, and why?"
        ),
        options={letter: f"{{size_{letter}:,}} dollars at {{setting_{letter}}}x" for letter in "abcd"},
        reasons={
            "1": "the highest leverage that the table offers always opens the largest position",
            "2": "this size allows this leverage, and the sizes of the larger plans do not allow theirs",
            "3": "the lowest leverage is liquidated last, so it opens the largest position",
        },
        draw=lambda random: {
            "money": (
                money := random.choice([random.randrange(2_200, 7_901, 100), random.randrange(8_200, 39_001, 100)])
            ),
            **dict(zip(_SETTINGS, settings := random.sample([150, 100, 75, 50], 4), strict=True)),
            **{f"size_{x}": money * setting for x, setting in zip("abcd", settings, strict=True)},
        },
        solve=lambda **case: (
            max(
                (x for x in "abcd" if case[f"setting_{x}"] <= _TABLE.max_leverage(case[f"size_{x}"])),
                key=lambda x: case[f"size_{x}"],
            )
            + "2"
        ),
        demands={
            "That plan is refused: its size does not allow its leverage.": lambda **case: _plan(case, 150) + "1",
            "Lower leverage opens less with the same money. A larger plan is allowed, too.": lambda **case: (
                _plan(case, 50) + "3"
            ),
            "That plan is allowed. A larger one is allowed, too.": lambda **case: _plan(case, 50) + "2",
        },
        nudge="The table has to allow the leverage at the size of the plan, not at any size.",
        step="For each plan, find its size in the table first. Its leverage may be at most what stands there.",
        worked=lambda **case: "\n".join(
            f"{size:,} dollars: at most {_TABLE.max_leverage(size):g}x, the plan has {setting}x: "
            f"{'allowed' if setting <= _TABLE.max_leverage(size) else 'refused'}."
            for size, setting in sorted((case[f"size_{x}"], case[f"setting_{x}"]) for x in "abcd")
        ),
    ),
    Compute(
        id="tiers-5",
        version=2,
        points=2,
        objective="06-choose",
        read="same-coin-code",
        title="A loss that is frozen",
        text=(
            "You hold {quantity} BTC, bought at {entry:,} dollars, in a cross account with a wallet of {wallet:,} "
            "dollars. BTC stands at {mark:,}. You do not close; instead you open a short of {quantity} BTC there, "
            "\u201cto freeze the loss\u201d. The maintenance margin of each leg is 0.4 % of its notional; "
            "the venue asks for nothing else, and there are no fees and no funding."
        ),
        ask="the BTC price at which the account is liquidated, in dollars (None if there is no such price)",
        tolerance=5e-4,
        draw=_frozen,
        solve=lambda wallet, quantity, entry, mark: _left(wallet, quantity, entry, mark) / (2 * RATE * quantity),
        beliefs={
            "HEDGED_IS_SAFE": lambda: None,
            "OTHER_POSITIONS_MAINTENANCE": lambda wallet, quantity, entry, mark: (
                _left(wallet, quantity, entry, mark) / (RATE * quantity)
            ),
        },
        demands={
            "What was lost before the hedge is gone: the equity is less than the wallet.": lambda wallet, quantity: (
                wallet / (2 * RATE * quantity)
            ),
        },
        nudge="The equity does not move any more. Does what must be kept stand still, too?",
        step="Equity = wallet - quantity x (entry - mark). At which price is 2 x 0.4 % x quantity x price as much?",
        worked=lambda wallet, quantity, entry, mark: (
            f"The equity is frozen at {wallet:,} - {quantity} x ({entry:,} - {mark:,}) = "
            f"{_left(wallet, quantity, entry, mark):,.2f} dollars. Each leg must keep 0.004 x {quantity} x price, both "
            f"together {2 * RATE * quantity:.6g} x price. They meet at "
            f"{_left(wallet, quantity, entry, mark) / (2 * RATE * quantity):,.2f} dollars: a rise ends the account."
        ),
    ),
    Counterexample(
        id="tiers-6",
        objective="06-choose",
        read="parting-text",
        title="Can a hedge hurt?",
        text=(
            "\u201cA hedge can only make an account safer.\u201d Refute it. Two cross accounts have {wallet:,} dollars "
            "each. One holds a BTC long of {size:,} dollars; the other one holds the same long and an ETH short of "
            "{size:,} dollars. The maintenance margin is 0.4 %. Choose how far BTC and ETH move, so that the hedged "
            "account is liquidated and the other one is not."
        ),
        ask='a dict with "btc_move" and "eth_move" in percent, such as -10 for a fall and 10 for a rise',
        inputs=("btc_move", "eth_move"),
        draw=lambda random: {"wallet": (wallet := thousands(random)), "size": wallet * random.choice([2, 3, 4, 5])},
        solve=lambda wallet, size: {"btc_move": 0, "eth_move": 100 * wallet / size},
        refutes=_unsafe_hedge,
        nudge="The hedge covers what both coins do together. Which other move is there?",
        step="Leave BTC where it is, and let ETH rise until the short has lost the wallet: loss = size x rise.",
        worked=lambda wallet, size: (
            f"BTC stands still, and ETH rises by {100 * wallet / size:.1f} %. The short loses {wallet:,} dollars, all "
            f"there is: the hedged account is over. The long alone still has its {wallet:,} dollars."
        ),
    ),
    Bug(
        id="tiers-7",
        version=2,
        objective="07-compute",
        read="four-cases-text",
        title="A result that is too small for shorts",
        text=(
            "A trading journal computes what a trade has left after the fee for opening, the fee for closing and the "
            "funding of 3 settlements a day. It counts the funding on the entry price. For longs it is right. A user "
            "who held shorts while the rate was above 0 finds more money in the account than the journal says. Mend "
            "it. The quantity is above 0 for a long and below 0 for a short."
        ),
        ask="the result in dollars, above 0 for a gain",
        tolerance=1e-5,
        absolute=0.01,
        function="result",
        cases=lambda random: {
            "entry": (entry := price(random)),
            "quantity": random.choice([1, -1]) * random.randrange(20, 200) / 100,
            "closing": entry + random.choice([1, -1]) * random.randrange(entry // 50, entry // 8, 50),
            "fee_rate": random.choice([0.0002, 0.0004, 0.0005, 0.0006]),
            "funding_rate": random.choice([-0.0003, -0.0001, 0.0001, 0.0002, 0.0005]),
            "days": random.randrange(2, 20),
        },
        solve=_result,
        beliefs={
            "SIGN": lambda **case: _result(
                **{**case, "funding_rate": case["funding_rate"] * copysign(1, case["quantity"])}
            ),
            "ENTRY_FOR_MARK": lambda quantity, entry, closing, fee_rate, funding_rate, days: (
                quantity * (closing - entry)
                - 2 * fee_rate * abs(quantity) * entry
                - paid(quantity, entry, funding_rate, days)
            ),
        },
        demands={
            "Opening costs a fee, too.": lambda **case: _result(**case) + case["fee_rate"] * _opened(**case),
            "Closing costs a fee, too.": lambda **case: (
                _result(**case) + case["fee_rate"] * _opened(**case) * case["closing"] / case["entry"]
            ),
            "Fees take the size without its sign: shorts pay them, too.": lambda quantity, fee_rate, **case: _result(
                quantity=quantity, fee_rate=fee_rate if quantity > 0 else -fee_rate, **case
            ),
            "There are 3 settlements a day.": lambda days, **case: _result(days=days / 3, **case),
            "Funding is counted on the entry price.": lambda funding_rate, **case: _result(
                funding_rate=funding_rate * case["closing"] / case["entry"], **case
            ),
            "A short wins when the price falls: profit takes the quantity with its sign.": lambda **case: (
                _result(**case) + 2 * min(0, case["quantity"]) * (case["entry"] - case["closing"])
            ),
        },
        nudge="Fees are always paid. Who receives funding when the rate is above 0?",
        step="In the fees the size counts without its sign. In profit and in funding it counts with its sign.",
        worked=lambda quantity, entry, closing, fee_rate, funding_rate, days: (
            "funding = 3 * days * funding_rate * quantity * entry, with the sign; the fees take abs(quantity).\n"
            f"Here: profit {quantity * (closing - entry):,.2f}, fees "
            f"{fee_rate * abs(quantity) * (entry + closing):,.2f}, funding paid "
            f"{paid(quantity, entry, funding_rate, days):,.2f}: "
            f"{_result(quantity, entry, closing, fee_rate, funding_rate, days):,.2f} dollars."
        ),
    ),
    Predict(
        id="tiers-8",
        version=2,
        objective="07-predict",
        read="received-text",
        title="A short that waits",
        text=(
            "You hold an isolated short of {quantity} BTC from {price:,} dollars; its margin is {margin:,}. For "
            "{days} days the price stands still, and the funding rate is {rate:+} % at all 3 settlements of each day; "
            "funding goes into the margin and comes out of it. What happens in these days to (1) the margin, (2) the "
            "liquidation price, (3) the bankruptcy price, (4) the dollars that you win or lose when the price moves "
            "by 1,000?"
        ),
        ask='four words in a list, each "up", "down" or "same", in this order',
        draw=_waiting_short,
        solve=lambda rate: ways(rate, rate, rate, 0),
        beliefs={
            "SIGN": lambda rate: ways(-rate, rate, rate, 0),
            "CROSS_LOWERS_PRICE": lambda rate: ways(rate, -rate, -rate, 0),
            "ADDED_MARGIN_SHRINKS_PNL": lambda rate: ways(rate, rate, rate, -rate),
        },
        words=MOVES,
        demands={
            "Funding moves the margin, though the price stands still.": lambda: ways(0, 0, 0, 0),
            "Both prices are computed from the margin, and it changes.": lambda rate: ways(rate, 0, 0, 0),
        },
        nudge="Who pays funding at this rate, longs or shorts? So does your margin grow or shrink?",
        step=(
            "Less money brings a short's prices nearer to the mark, and they lie above it. A move of the price "
            "times the quantity: is the margin in it?"
        ),
        worked=lambda quantity, price, margin, rate, days: (
            f"A short {'receives' if rate > 0 else 'pays'} at {rate:+} %: in {days} days "
            f"{abs(paid(-quantity, price, rate / 100, days)):,.2f} dollars. The margin goes from {margin:,} to "
            f"{margin - paid(-quantity, price, rate / 100, days):,.2f}, the liquidation price from "
            f"{ends(margin, -quantity, price):,.2f} to "
            f"{ends(margin - paid(-quantity, price, rate / 100, days), -quantity, price):,.2f}, "
            f"and the bankruptcy price the same way. A move of 1,000 is {quantity * 1_000:,.0f} dollars before "
            f"and after: {', '.join(ways(rate, rate, rate, 0))}."
        ),
    ),
    Function(
        id="tiers-9",
        version=2,
        objective="07-choose",
        read="margin-for-days-text",
        title="Margin for so many days",
        text=(
            "You want to hold an isolated position for some days while the price stands still. Write the margin that "
            "this takes: after the last of 3 settlements a day, exactly the maintenance margin may be left, 0.4 % of "
            "the notional. The rate is one for each settlement, such as 0.0001. Who only receives funding needs the "
            "maintenance margin alone. The quantity is above 0 for a long and below 0 for a short."
        ),
        ask="the margin in dollars",
        tolerance=5e-4,
        function="margin_to_hold",
        cases=lambda random: {
            "quantity": random.choice([1, -1]) * random.randrange(10, 200) / 100,
            "price": price(random),
            "rate": random.choice([-0.001, -0.0005, -0.0003, 0.0001, 0.0003, 0.0005, 0.001]),
            "days": random.randrange(3, 20),
        },
        solve=_to_hold,
        beliefs={
            "NO_MAINTENANCE": lambda quantity, price, rate, days: max(0.0, paid(quantity, price, rate, days)),
            "SIGN": lambda quantity, price, rate, days: _to_hold(abs(quantity), price, rate, days),
        },
        demands={
            "Who only receives needs the maintenance margin alone: what is received does not count.": (
                lambda quantity, price, rate, days: paid(quantity, price, rate, days) + RATE * abs(quantity) * price
            ),
            "There are 3 settlements a day.": lambda quantity, price, rate, days: _to_hold(
                quantity, price, rate, days / 3
            ),
            "A short must keep something, too: its size counts without its sign there.": (
                lambda quantity, price, rate, days: (
                    max(0.0, paid(quantity, price, rate, days)) + RATE * quantity * price
                )
            ),
            "The margin pays the funding, too.": lambda quantity, price: RATE * abs(quantity) * price,
        },
        nudge="Two amounts: what is paid until then, and what must still be there.",
        step=(
            "paid = 3 x days x rate x quantity x price, with the sign of the quantity; count it as 0 if it is below 0."
        ),
        worked=lambda quantity, price, rate, days: (
            "answer = max(0, 3 * days * rate * quantity * price) + 0.004 * abs(quantity) * price.\n"
            f"Here: funding paid {paid(quantity, price, rate, days):,.2f}, to keep "
            f"{RATE * abs(quantity) * price:,.2f}: {_to_hold(quantity, price, rate, days):,.2f} dollars."
        ),
    ),
    Explain(
        id="tiers-10",
        objective="07-compare",
        read="payers-text",
        title="\u201cFunding cannot hurt me, I am isolated\u201d",
        text=(
            "A friend holds an isolated long for a month while the funding rate is above 0, and says: \u201cThe price "
            "has not moved, so nothing has happened. And isolated means that I lose my margin at most.\u201d Answer in "
            "three to six sentences. Say what happens if the position's margin pays, if the rest of the account pays, "
            "and in cross."
        ),
        rubric=(
            "A long pays when the rate is above 0: size x rate at each settlement, whether the price moves or not.",
            "If the position's margin pays, the liquidation price comes nearer; it can be liquidated without a move.",
            "If the rest of the account pays, that price stays, but the position costs more than its margin.",
            "In cross the one pool pays, and all positions in it feel it.",
        ),
        nudge="Which money does a settlement take?",
        step="What is the liquidation price computed from?",
        worked=lambda: (
            "Something has happened 90 times: at each settlement a long pays its size times the rate, with 30,000 "
            "dollars and 0.01 % that is 3 dollars, 270 in the month. If your margin of 3,000 pays them, your "
            "liquidation price has come nearer, from 54,217 to 54,759, without any move. If your venue takes them "
            "from the rest of the account, that price stays, but then the position can cost you more than its "
            "margin. In cross the one pool pays, and every other position in it has 270 dollars less behind it."
        ),
    ),
    Function(
        id="tiers-11",
        objective="06-choose",
        read="nets-code",
        title="One pair, three rules",
        text=(
            "You hold a long and a short of BTC in one cross pool with `wallet` dollars: `long` BTC from `long_entry` "
            "and `short` BTC from `short_entry`; both sizes are above 0. The maintenance margin is 0.4 % of the value "
            "at the price asked for, and `rule` says of which size: \u201ceach leg\u201d adds up both, "
            "\u201clarger leg\u201d takes the larger one alone, \u201cclosed first\u201d takes what is left when "
            "they are closed against each other. Write the BTC price at which the pool is liquidated, and return None "
            "where no price above 0 does it."
        ),
        ask="the price in dollars, or None",
        tolerance=2e-4,
        function="pair_ends",
        open_cases=4,
        grading_cases=4,
        cases=_netted,
        solve=_pair_ends,
        beliefs=_misread(_pair_ends),
        catalogue=("liquidation_price", held_pair),
        demands={
            "Where no price above 0 does it, None is asked for.": lambda **case: _pair_ends(**case, possible=False),
            "A short wins when the price falls: what it wins or loses has the other sign.": (
                lambda **case: _pair_ends(**case, side=1)
            ),
            "The two entries differ: what was won or lost between them is in the equity.": (
                lambda **case: _pair_ends(**{**case, "short_entry": case["long_entry"]})
            ),
        },
        nudge="Equity first: which size does it move with when the price moves? Then: of which size is margin asked?",
        step=(
            "wallet + long x (price - long_entry) + short x (short_entry - price) = 0.004 x asked x price, with the "
            "size that the rule asks for. Solve it for the price; where nothing is left of it but 0, there is none."
        ),
        worked=lambda wallet, long, long_entry, short, short_entry, rule: (
            "left = wallet - long * long_entry + short * short_entry; price = left / (0.004 * asked - (long - short)), "
            f"and None if that is not above 0.\nHere: left = "
            f"{wallet - long * long_entry + short * short_entry:,.2f}, {rule}: "
            + (
                "None: no price does it."
                if (end := _pair_ends(wallet, long, long_entry, short, short_entry, rule)) is None
                else f"{end:,.2f} dollars."
            )
        ),
    ),
)
