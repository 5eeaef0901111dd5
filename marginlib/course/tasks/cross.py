"""Set 3, cross margin: one pool, contagion, a hedged pair, and the whole account. Follows notebooks 03, 04 and 06."""

from __future__ import annotations

from collections.abc import Mapping
from math import copysign
from random import Random
from typing import Any

from marginlib.course.tasks.shared import (
    MOVES,
    NEIGHBOURS,
    RATE,
    account,
    bankrupt,
    beside,
    ends,
    ends_beside,
    held,
    lone,
    moved,
    price,
    standing,
    thousands,
    ways,
    with_orders,
)
from marginlib.model import Health
from marginlib.practice.tasks.task import Bug, Choose, Compute, Counterexample, Explain, Function, Predict

_SETTINGS = (5, 8, 10, 12, 15, 20)


def _coins(random: Random, least: int = 20) -> tuple[int, float]:
    """Return a price of ETH and a quantity of it."""
    return random.randrange(1_500, 4_501, 10), random.randrange(least, 200) / 10


def _alone(random: Random) -> dict[str, Any]:
    """Return a cross position: a short, a long larger than its wallet, or a long that the wallet pays for."""
    side, part = random.choice([(-1, (0.2, 0.8)), (1, (0.2, 0.8)), (1, (1.1, 2.0))])
    entry, quantity = _coins(random)
    wallet = int(quantity * entry * random.uniform(*part)) // 100 * 100
    return {"wallet": wallet, "quantity": side * quantity, "entry": entry, "leverage": random.choice(_SETTINGS)}


def _beside(random: Random) -> dict[str, Any]:
    """Return a position, and a neighbour in the same pool that has won or lost something."""
    entry, quantity = _coins(random)
    notional, other_entry = entry * quantity, price(random)
    other = max(0.01, round(notional * random.uniform(0.5, 2.0) / other_entry, 2))
    return {
        "wallet": int(notional * random.uniform(0.3, 0.6)) // 100 * 100,
        "quantity": random.choice([1, -1]) * quantity,
        "entry": entry,
        "other_quantity": random.choice([1, -1]) * other,
        "other_entry": other_entry,
        "other_mark": int(other_entry * (1 + random.choice([1, -1]) * random.uniform(0.03, 0.1))) // 10 * 10,
    }


def _fallen(random: Random) -> dict[str, Any]:
    """Return an ETH short with its liquidation price, and a fall of the BTC long in the same pool."""
    entry, quantity = _coins(random, least=60)
    notional = entry * quantity
    wallet, btc = notional * random.uniform(0.4, 0.8), round(notional * random.uniform(0.8, 2.5) / 60_000, 2)
    end = ends(wallet - RATE * btc * 60_000, -quantity, entry) or 0.0
    fall = int(wallet * random.uniform(0.2, 0.5) / btc) // 50 * 50
    return {"eth": quantity, "mark": entry, "btc": btc, "price": round(end, 2), "fall": fall}


def _longs(random: Random) -> dict[str, Any]:
    """Return a wallet and longs just opened, the largest of which could use it up alone."""
    wallet = random.randrange(3_000, 20_001, 1_000)
    tenths = [random.choice([12, 15, 20, 25, 30])]
    tenths += [random.choice([3, 5, 8, 10, 12]) for _ in range(random.choice([1, 2, 3]))]
    random.shuffle(tenths)
    return {"wallet": wallet, "notionals": [wallet * each // 10 for each in tenths]}


def _pair(random: Random) -> dict[str, Any]:
    """Return a hedged pair, and moves that both accounts bear, that only cross bears, or that neither bears."""
    wallet = thousands(random)
    moves = [(5, 5), (-6, -6), (-5, 5), (20, 20), (-25, -25), (30, 30), (-20, 20), (25, -25)]
    btc, eth = random.choice(moves)
    return {"wallet": wallet, "size": wallet * random.choice([3, 4, 5]), "btc": btc, "eth": eth}


def _winners(random: Random) -> dict[str, Any]:
    """Return a position that has won much, that has moved a little, or whose open orders ask for more than is free."""
    side, leverage, entry = random.choice([1, -1]), random.choice(_SETTINGS), price(random)
    size = random.randrange(20, 90) / 100
    worth = size * entry
    wallet, reserved = (int(worth * random.uniform(*part)) // 50 * 50 for part in ((0.3, 0.6), (0.03, 0.08)))
    short_of = worth / leverage + reserved * random.uniform(0.2, 0.8) - wallet
    gains = (worth * random.uniform(0.35, 0.6), worth * random.uniform(-0.05, 0.1), short_of / (1 - side / leverage))
    return {
        "wallet": wallet,
        "quantity": side * size,
        "entry": entry,
        "mark": round(entry + side * random.choice(gains) / size),
        "leverage": leverage,
        "reserved": reserved,
    }


def _leaves(
    wallet: float,
    quantity: float,
    entry: float,
    mark: float,
    leverage: float,
    reserved: float,
    *,
    rate: float = RATE,
    valued: float | None = None,
    won: float | None = None,
) -> tuple[float, float]:
    """Return the two amounts of which the smaller may leave: equity less initial margin, wallet less maintenance."""
    worth = abs(quantity) * (mark if valued is None else valued)
    profit = quantity * (mark - entry) if won is None else won
    return wallet + profit - worth / leverage - reserved, wallet - rate * worth


def _step(eth: float, btc: float, fall: float) -> float:
    """Return how far the price of a short of so many ETH moves when BTC falls by so many dollars."""
    return btc * fall * (1 - RATE) / (eth * (1 + RATE))


def _fall(wallet: float, notionals: list[float], part: float | None = None, rate: float = RATE, side: int = 1) -> float:
    """Return the move that ends a pool of longs, or of shorts, when this part of it moves, all if nothing is said."""
    whole = sum(notionals)
    return -side * (wallet - rate * whole) / ((whole if part is None else part) * (1 - side * rate))


def _in_both_modes(case: Mapping[str, Any], moves: Mapping[str, float]) -> tuple[list[bool], str]:
    """Return whether the cross pool and each isolated long live after these moves, and what each has then."""
    longs = [held(case["size"] / 100, 100, symbol=name).at(100 + move) for name, move in moves.items()]
    pools = (standing(case["wallet"], *longs), *(standing(case["wallet"] / 2, each) for each in longs))
    parts = [
        f"{name} has {each.equity:,.2f} dollars and must keep {each.maintenance:,.2f}"
        for name, each in zip(("cross", "BTC alone", "ETH alone"), pools, strict=True)
    ]
    where = f"With BTC {moves['BTCUSDT']:+g} % and ETH {moves['ETHUSDT']:+g} %: {'; '.join(parts)}."
    return [each.health is Health.HEALTHY for each in pools], where


def _two_modes(case: Mapping[str, Any], answer: Mapping[str, float]) -> tuple[bool, str]:
    """Return whether cross and isolated with the same money end differently at these prices, and what happens."""
    moves, refused = moved(answer)
    if refused:
        return False, refused
    lives, where = _in_both_modes(case, moves)
    if len(set(lives)) == 1:
        both = "Both accounts keep both positions" if lives[0] else "All is over in both accounts"
        return False, f"{where} {both}, so this does not speak against the claim."
    how = "keeps both positions, isolated does not" if lives[0] else "is over, and one isolated position lives"
    return True, f"{where} Cross {how}: the claim does not hold."


def _pair_equity(wallet: float, size: float, btc: float, eth: float, side: int = -1) -> tuple[float, float, float]:
    """Return what the cross pool, the isolated BTC long and the isolated ETH leg have above what they must keep."""
    first, second = size * btc / 100, side * size * eth / 100
    kept = [RATE * size * (1 + move / 100) for move in (btc, eth)]
    return wallet + first + second - sum(kept), wallet / 2 + first - kept[0], wallet / 2 + second - kept[1]


def _survivor(wallet: float, size: float, btc: float, eth: float) -> str:
    """Return which account keeps both legs, and why."""
    cross, *legs = _pair_equity(wallet, size, btc, eth)
    if cross <= 0:
        return "d3"
    return "c2" if min(legs) > 0 else "a1"


TASKS = (
    Compute(
        id="cross-1",
        version=2,
        objective="03-compute",
        read="short-text",
        title="A short with the whole account behind it",
        text=(
            "Your cross account has {wallet:,} dollars and no position yet. You sell ETH short at {entry:,} dollars: "
            "{margin:,} dollars of margin at {leverage}x, so the notional is {margin:,} x {leverage}. The "
            "maintenance margin is 0.4 % of the notional."
        ),
        ask="the liquidation price in dollars",
        tolerance=2e-4,
        draw=lambda random: {
            "wallet": int(
                (margin := random.randrange(500, 3_001, 50))
                * (leverage := random.choice(_SETTINGS))
                * random.uniform(0.3, 0.9)
            )
            // 100
            * 100,
            "margin": margin,
            "leverage": leverage,
            "entry": random.randrange(1_500, 4_501, 10),
        },
        solve=lambda wallet, margin, leverage, entry: ends(wallet, -margin * leverage / entry, entry),
        beliefs={
            "MARGIN_FOR_WALLET": lambda margin, leverage, entry: ends(margin, -margin * leverage / entry, entry),
            "LEVERAGE_IN_CROSS": lambda wallet, margin, leverage, entry: ends(
                wallet / leverage, -margin * leverage / entry, entry
            ),
            "NO_MAINTENANCE": lambda wallet, margin, leverage, entry: bankrupt(
                wallet, -margin * leverage / entry, entry
            ),
            "SIGN": lambda wallet, margin, leverage, entry: ends(wallet, margin * leverage / entry, entry),
        },
        catalogue=(
            "liquidation_price",
            lambda wallet, margin, leverage, entry: lone(wallet, -margin * leverage / entry, entry, leverage),
        ),
        demands={
            "The notional is margin x setting.": lambda wallet, margin, entry: ends(wallet, -margin / entry, entry),
            "What must be kept is a share of the notional at the price asked for.": (
                lambda wallet, margin, leverage, entry: bankrupt(
                    wallet - RATE * margin * leverage, -margin * leverage / entry, entry
                )
            ),
        },
        nudge=(
            "Which money stands behind a position in cross margin? And on which side of the price is a short's danger?"
        ),
        step="wallet - size x (price - entry) = 0.004 x size x price, with size = notional / entry. Solve it.",
        worked=lambda wallet, margin, leverage, entry: (
            f"The notional is {margin * leverage:,} dollars, the size {margin * leverage:,} / {entry:,} = "
            f"{margin * leverage / entry:.6g} ETH. So the price is ({wallet:,} + {margin * leverage:,}) / "
            f"({margin * leverage / entry:.6g} x 1.004) = "
            f"{ends(wallet, -margin * leverage / entry, entry):,.2f} dollars."
        ),
    ),
    Function(
        id="cross-2",
        version=2,
        objective="03-compute",
        read="readings-text",
        title="One price, or none",
        text=(
            "Write the liquidation price of a cross position that is alone in its account. The quantity is above 0 "
            "for a long and below 0 for a short; the maintenance margin is 0.4 % of the notional at the price asked "
            "for. Some longs can never be liquidated: return None for them."
        ),
        ask="the liquidation price in dollars, or None",
        tolerance=2e-4,
        function="cross_price",
        cases=_alone,
        solve=lambda wallet, quantity, entry, leverage: ends(wallet, quantity, entry),
        beliefs={
            "NO_MAINTENANCE": bankrupt,
            "LEVERAGE_IN_CROSS": lambda wallet, quantity, entry, leverage: ends(wallet / leverage, quantity, entry),
            "MARGIN_FOR_WALLET": lambda quantity, entry, leverage: ends(
                abs(quantity) * entry / leverage, quantity, entry
            ),
            "SIGN": lambda wallet, quantity, entry: ends(wallet, abs(quantity), entry),
        },
        catalogue=("liquidation_price", lone),
        demands={
            "Where no price above 0 does it, None is asked for.": lambda wallet, quantity, entry: (
                (quantity * entry - wallet) / (quantity - RATE * abs(quantity))
            ),
            "A short must keep something, too: its size counts without its sign there.": (
                lambda wallet, quantity, entry: (
                    price if (price := (quantity * entry - wallet) / (quantity * (1 - RATE))) > 0 else None
                )
            ),
            "What must be kept is a share of the notional at the price asked for.": (
                lambda wallet, quantity, entry: bankrupt(wallet - RATE * abs(quantity) * entry, quantity, entry)
            ),
        },
        nudge=(
            "What does your formula give where the wallet is larger than the notional of a long? Can that be a price?"
        ),
        step=(
            "price = (quantity x entry - wallet) / (quantity - 0.004 x |quantity|). If this is not above 0, return "
            "None. The setting is not in it."
        ),
        worked=lambda wallet, quantity, entry: (
            "price = (quantity * entry - wallet) / (quantity - 0.004 * abs(quantity)), and None if that is not above "
            f"0.\nFor wallet={wallet}, quantity={quantity}, entry={entry}: "
            + ("None: no price does it." if (end := ends(wallet, quantity, entry)) is None else f"{end:,.2f}.")
        ),
    ),
    Predict(
        id="cross-3",
        version=2,
        objective="03-predict",
        read="contagion-prediction",
        title="Who moves whom",
        text=(
            "One cross pool with {wallet:,} dollars holds three positions, all just opened: a BTC long of {btc:,} "
            "dollars, an ETH short of {eth:,} and a SOL short of {sol:,}. Now SOL moves by {move:+} %; BTC and ETH "
            "stand still. What happens to (1) BTC's liquidation price, (2) ETH's liquidation price, (3) SOL's "
            "liquidation price, (4) the equity of the pool?"
        ),
        ask='four words in a list, each "up", "down" or "same", in this order',
        draw=lambda random: {
            "wallet": (wallet := random.randrange(6_000, 20_001, 1_000)),
            "btc": wallet * random.choice([4, 5, 6]) // 2,
            "eth": wallet * random.choice([1, 2, 3]) // 2,
            "sol": wallet * random.choice([5, 8, 10]) // 10,
            "move": random.choice([-1, 1]) * random.randrange(8, 31),
        },
        solve=lambda move: ways(move, -move, 0, -move),
        beliefs={
            "OTHER_POSITIONS_PNL": lambda move: ways(0, 0, 0, -move),
            "OTHER_POSITIONS_SIGN": lambda move: ways(-move, move, 0, move),
            "CROSS_LOWERS_PRICE": lambda move: ways(move, move, 0, -move),
        },
        words=MOVES,
        demands={
            "SOL's own price asks where SOL has to go; it does not matter where SOL is now.": lambda move: ways(
                move, -move, -move, -move
            ),
            "What SOL wins or loses is in the equity of the pool.": lambda move: ways(move, -move, 0, 0),
        },
        nudge="Does the SOL short win or lose by this move? Whose money is that?",
        step=(
            "A loss in the pool brings the other prices nearer to their marks, a gain moves them away. A long's "
            "price lies below its mark, a short's above. SOL's own price asks at which SOL price the pool ends: "
            "it does not matter where SOL is now."
        ),
        worked=lambda wallet, sol, move: (
            f"The SOL short {'wins' if move < 0 else 'loses'} {sol * abs(move) / 100:,.0f} dollars; the equity goes "
            f"from {wallet:,} to {wallet - sol * move / 100:,.0f}. With {'more' if move < 0 else 'less'} money behind "
            f"them, BTC's price, below its mark, and ETH's, above its mark, "
            f"{'move away' if move < 0 else 'come nearer'}. SOL's own price stays: "
            f"{', '.join(ways(move, -move, 0, -move))}."
        ),
    ),
    Function(
        id="cross-4",
        version=2,
        objective="06-compute",
        read="line-rule-text",
        title="A price beside another position",
        text=(
            "A cross pool holds an ETH position (quantity, entry) and a BTC position (other_quantity, other_entry) "
            "whose mark price is other_mark. Quantities are above 0 for longs and below 0 for shorts. Write the ETH "
            "price at which the pool is liquidated while BTC stays at its mark. The maintenance margin of both is "
            "0.4 % of the notional. All these pools have such a price."
        ),
        ask="the ETH price in dollars",
        tolerance=1e-4,
        function="price_beside",
        cases=_beside,
        solve=ends_beside,
        beliefs=NEIGHBOURS,
        catalogue=("liquidation_price", beside),
        demands={
            "BTC must keep something as a short, too: its size counts without its sign there.": (
                lambda **case: ends_beside(**case, keeps=copysign(1, case["other_quantity"]))
            ),
            "ETH must keep something as a short, too: its size counts without its sign there.": (
                lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
                    (
                        quantity * entry
                        - wallet
                        - other_quantity * (other_mark - other_entry)
                        + RATE * abs(other_quantity) * other_mark
                    )
                    / (quantity * (1 - RATE))
                )
            ),
            "ETH may be a short, too: then its price lies above.": lambda **case: ends_beside(
                **{**case, "quantity": abs(case["quantity"])}
            ),
        },
        nudge=(
            "How much of the wallet is left for ETH, once BTC has won or lost and has kept its own maintenance margin?"
        ),
        step=(
            "money = wallet + other_quantity x (other_mark - other_entry) - 0.004 x |other_quantity| x other_mark. "
            "Then it is the formula of a position alone, with this money in the place of the wallet."
        ),
        worked=lambda wallet, quantity, entry, other_quantity, other_entry, other_mark: (
            "money = wallet + other_quantity * (other_mark - other_entry) - 0.004 * abs(other_quantity) * other_mark;\n"
            "answer = (quantity * entry - money) / (quantity - 0.004 * abs(quantity)).\n"
            f"Here: BTC has {other_quantity * (other_mark - other_entry):+,.2f} dollars and must keep "
            f"{RATE * abs(other_quantity) * other_mark:,.2f}, so {wallet:,} dollars of wallet become "
            f"{wallet + other_quantity * (other_mark - other_entry) - RATE * abs(other_quantity) * other_mark:,.2f}, "
            f"and the price is {ends_beside(wallet, quantity, entry, other_quantity, other_entry, other_mark):,.2f}."
        ),
    ),
    Predict(
        id="cross-5",
        version=2,
        objective="06-predict",
        read="three-code",
        title="How far BTC moves ETH's price",
        text=(
            "A cross pool holds a long of {btc} BTC and a short of {eth} ETH. ETH stands at {mark:,} dollars, and its "
            "liquidation price is {price:,}. BTC falls by {fall:,} dollars; ETH does not move. The maintenance "
            "margin of both is 0.4 % of the notional."
        ),
        ask="ETH's liquidation price after that, in dollars",
        tolerance=3e-3,  # whoever takes the plain ratio of the quantities is near enough for a prediction
        draw=_fallen,
        solve=lambda eth, btc, price, fall: price - _step(eth, btc, fall),
        beliefs={
            "OTHER_POSITIONS_PNL": lambda price: price,
            "CROSS_LOWERS_PRICE": lambda eth, btc, price, fall: price + _step(eth, btc, fall),
        },
        demands={
            "The two quantities differ: first the dollars that BTC loses, then how far ETH moves for them.": (
                lambda price, fall: price - fall
            ),
            "BTC's loss is shared out among all of the ETH.": lambda btc, price, fall: price - btc * fall,
        },
        nudge="How many dollars does the pool lose? On which side of the mark is a short's liquidation price?",
        step=(
            "The pool loses BTC quantity x fall. The short has that much less to lose: divide it by the ETH "
            "quantity, and move the price so far towards the mark."
        ),
        worked=lambda eth, btc, price, fall: (
            f"The BTC long loses {btc} x {fall:,} = {btc * fall:,.2f} dollars. For {eth} ETH that is about "
            f"{btc * fall / eth:,.2f} dollars each; with the maintenance margin of both, which moves a little, too, "
            f"{_step(eth, btc, fall):,.2f}. A loss brings the price nearer, and the short's lies above the mark: "
            f"{price:,} - {_step(eth, btc, fall):,.2f} = {price - _step(eth, btc, fall):,.2f} dollars."
        ),
    ),
    Bug(
        id="cross-6",
        objective="03-choose",
        read="common-prediction",
        title="A warning that looks at one coin",
        text=(
            "A risk screen says how far all coins may fall together until a cross account of longs, all just opened, "
            "is liquidated. One night all coins fell together, and accounts were liquidated long before the number "
            "on the screen. Mend it. The maintenance margin is 0.4 % of the notional."
        ),
        ask="the common move as a fraction below 0, such as -0.2",
        tolerance=5e-4,
        function="fall_together",
        cases=_longs,
        solve=lambda wallet, notionals: _fall(wallet, notionals),
        beliefs={
            "NEAREST_SHOWN_PRICE": lambda wallet, notionals: _fall(wallet, notionals, max(notionals)),
            "NO_MAINTENANCE": lambda wallet, notionals: _fall(wallet, notionals, rate=0.0),
        },
        catalogue=(
            "common_fall",
            lambda wallet, notionals: account(
                wallet, *(held(notional / 100, 100, symbol=f"COIN{k}") for k, notional in enumerate(notionals))
            ),
        ),
        nudge="Which positions lose money in that night, and which of them does the screen let fall?",
        step="All of them fall: the loss is fall x the sum of the notionals, not fall x the largest.",
        worked=lambda wallet, notionals: (
            "falling = sum(notionals): every position loses, not the largest alone.\n"
            f"Here: {wallet:,} dollars, of which 0.4 % of {sum(notionals):,} must be kept: "
            f"{wallet - RATE * sum(notionals):,.0f} / ({sum(notionals):,} x 0.996) = "
            f"{-_fall(wallet, notionals):.4f}, so the move is {_fall(wallet, notionals):.4f}. The screen said "
            f"{_fall(wallet, notionals, max(notionals)):.4f}."
        ),
    ),
    Counterexample(
        id="cross-7",
        objective="06-compare",
        read="regions-text",
        title="The same money, the same end?",
        text=(
            "\u201cWith the same money, cross and isolated survive the same prices.\u201d Refute it. You hold a BTC "
            "long and an ETH long of {size:,} dollars each. There are {wallet:,} dollars: behind both in one cross "
            "pool, or one half behind each, isolated. The maintenance margin is 0.4 %. Choose how far BTC and ETH "
            "move, so that one account keeps a position that the other one loses."
        ),
        ask='a dict with "btc_move" and "eth_move" in percent, such as -10 for a fall and 10 for a rise',
        inputs=("btc_move", "eth_move"),
        draw=lambda random: {"wallet": (wallet := thousands(random)), "size": wallet * random.choice([2, 3, 4])},
        solve=lambda wallet, size: {"btc_move": -75 * wallet / size, "eth_move": 0},
        refutes=_two_modes,
        nudge="Where both coins move alike, the modes end alike. What if one does much worse than the other?",
        step=(
            "Let BTC lose more than half of the wallet and less than all of it, and leave ETH where it is: "
            "loss = size x fall."
        ),
        worked=lambda wallet, size: (
            f"BTC falls by {75 * wallet / size:.1f} %, ETH stands still: BTC loses {0.75 * wallet:,.0f} dollars. Its "
            f"own {wallet / 2:,.0f} dollars are not enough, so the isolated BTC long is over. The cross pool still "
            f"has {wallet / 4:,.0f} dollars and keeps both."
        ),
    ),
    Choose(
        id="cross-8",
        version=2,
        objective="03-compare",
        read="hedged-after-text",
        title="A hedged pair in both modes",
        text=(
            "You hold a BTC long of {size:,} dollars and an ETH short of {size:,} dollars, both just opened. There "
            "are {wallet:,} dollars: all in one cross pool, or one half for each leg, isolated. The maintenance "
            "margin is 0.4 %. BTC moves by {btc:+} % and ETH by {eth:+} %. Which account still has both legs, and why?"
        ),
        options={
            "a": "the cross account, not the isolated one",
            "b": "the isolated account, not the cross one",
            "c": "both accounts",
            "d": "neither of them",
        },
        reasons={
            "1": "what one leg loses the other one gains, and only in one pool that counts for both",
            "2": "the money behind each leg bears what this leg loses",
            "3": "both legs lose, more than all the money can bear",
        },
        draw=_pair,
        solve=_survivor,
        beliefs={"HEDGED_IS_SAFE": lambda: "c1"},
        demands={
            "In the isolated account each leg has its half and its own amount, nothing else.": lambda **case: {
                "a1": "c2",
                "c2": "a1",
                "d3": "b2",
            }[_survivor(**case)],
            "In the cross pool the amounts of both legs are added up.": lambda **case: {
                "a1": "d3",
                "c2": "b2",
                "d3": "a1",
            }[_survivor(**case)],
        },
        nudge="What does each leg win or lose, in dollars? A short loses when its coin rises.",
        step=(
            "Cross: the wallet with both amounts must stay above the maintenance margin of both legs. Isolated: "
            "each half with its own amount, above that of its own leg."
        ),
        worked=lambda wallet, size, btc, eth: (
            f"The long has {size * btc / 100:+,.0f} dollars, the short {-size * eth / 100:+,.0f}. Above what must be "
            "kept, the cross pool has {:,.0f} dollars, the isolated long {:,.0f} and the isolated short {:,.0f}; at 0 "
            "or below, it is over. ".format(*_pair_equity(wallet, size, btc, eth))
            + f"So the answer is {_survivor(wallet, size, btc, eth)}."
        ),
    ),
    Explain(
        id="cross-9",
        objective="04-choose",
        read="margin-prediction",
        title="Two posts that contradict each other",
        text=(
            "Post A: \u201cIsolated is liquidated sooner than cross.\u201d Post B: \u201cCross and isolated have the "
            "same liquidation price.\u201d Both show numbers, and all the numbers are right. Say in three to six "
            "sentences how both can be right, with a condition for each."
        ),
        rubric=(
            "The price depends on the money behind the size, not on the name of the mode.",
            "A compares the same size: isolated has its initial margin, cross the whole wallet.",
            "B compares the same size with the same money behind it, and one position: the calculation is the same.",
            (
                "A condition that both leave out: in a cross account with other positions, their losses can end it "
                "sooner than an isolated position."
            ),
        ),
        nudge="How much money stands behind the position in each of the posts?",
        step="What else may be in a cross pool?",
        worked=lambda: (
            "What counts is how much money stands behind the size, not what the mode is called. A takes one size in "
            "one wallet: half a bitcoin at 60,000 and 10x has 3,000 dollars isolated and ends at 54,217; in cross all "
            "10,000 dollars stand behind it, and it ends at 40,161. B puts the same 3,000 dollars behind it both "
            "times, so both end at 54,217. Both speak of one position alone. With others in the cross pool, their "
            "losses can end it while an isolated position lives."
        ),
    ),
    Function(
        id="cross-10",
        objective="03-choose",
        read="leaves-code",
        title="What may leave the account",
        text=(
            "A cross account holds one position in BTC: quantity (below 0 for a short), entry, mark and leverage. Its "
            "open orders reserve initial margin, `reserved` dollars in all. The venue has Binance's two caps. No more "
            "may leave than the equity less all initial margin; and no more than the wallet, without open profit or "
            "loss, less the maintenance margin. Initial margin is the value at the mark divided by the leverage, "
            "maintenance margin is 0.4 % of that value. Write how many dollars may leave, never less than 0."
        ),
        ask="the dollars that may leave",
        tolerance=2e-4,
        function="may_leave",
        grading_cases=3,  # of two, 200 draws may hold no pair that tells all beliefs apart
        cases=_winners,
        solve=lambda wallet, quantity, entry, mark, leverage, reserved: max(
            0.0, min(_leaves(wallet, quantity, entry, mark, leverage, reserved))
        ),
        beliefs={
            "PROFIT_CAN_LEAVE": lambda **case: max(0.0, _leaves(**case)[0]),
            "WALLET_CAN_LEAVE": lambda wallet: wallet,
            "NOTHING_CAN_LEAVE": lambda: 0.0,
            "ORDERS_ARE_FREE": lambda **case: max(0.0, min(_leaves(**{**case, "reserved": 0}))),
            "NO_MAINTENANCE": lambda **case: max(0.0, min(_leaves(**case, rate=0.0))),
            "OPEN_PROFIT_IGNORED": lambda **case: max(0.0, min(_leaves(**case, won=0.0))),
            "SIGN": lambda **case: max(
                0.0, min(_leaves(**case, won=abs(case["quantity"]) * (case["mark"] - case["entry"])))
            ),
            "ENTRY_FOR_MARK": lambda **case: max(0.0, min(_leaves(**case, valued=case["entry"]))),
        },
        catalogue=(
            "may_leave",
            lambda wallet, quantity, entry, mark, leverage, reserved: with_orders(
                reserved, wallet, held(quantity, entry, leverage).at(mark)
            ),
        ),
        demands={
            "Never less than 0: nobody has to pay in.": lambda **case: min(_leaves(**case)),
            "A short needs margin, too: its size counts without its sign there.": lambda **case: max(
                0.0, min(_leaves(**case, valued=case["mark"] if case["quantity"] > 0 else -case["mark"]))
            ),
            "Equity less initial margin is a cap, too.": lambda **case: max(0.0, _leaves(**case)[1]),
            "The leverage divides the initial margin.": lambda **case: max(
                0.0, min(_leaves(**{**case, "leverage": 1}))
            ),
        },
        nudge="Two amounts, and the smaller counts. In which of them is the open profit, and in which is it not?",
        step=(
            "free = wallet + quantity x (mark - entry) - |quantity| x mark / leverage - reserved; money = wallet - "
            "0.004 x |quantity| x mark. The smaller of the two, or 0 where it is below 0."
        ),
        worked=lambda wallet, quantity, entry, mark, leverage, reserved: (
            f"answer = max(0, min(free, money)).\nHere: free = {wallet:,} {quantity * (mark - entry):+,.2f} - "
            f"{abs(quantity) * mark / leverage:,.2f} - {reserved:,} = {{:,.2f}}, money = {wallet:,} - "
            f"{RATE * abs(quantity) * mark:,.2f} = {{:,.2f}}.".format(
                *_leaves(wallet, quantity, entry, mark, leverage, reserved)
            )
        ),
    ),
)
