"""Variants of set 3, cross margin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marginlib.course.tasks.cross import TASKS, _fall, _in_both_modes, _pair_equity, _step
from marginlib.course.tasks.shared import RATE, bankrupt, ends, moved, thousands, ways
from marginlib.course.variants import renamed
from marginlib.practice.tasks.task import varied

_SHORT, _PRICE, _MOVED, _BESIDE, _FAR, _SCREEN, _MODES, _PAIR, _WORDS, _LEAVES = TASKS


def _cross_first(case: Mapping[str, Any], answer: Mapping[str, float]) -> tuple[bool, str]:
    """Return whether cross is over where an isolated long with half of the money lives, and what happens."""
    moves, refused = moved(answer)
    if refused:
        return False, refused
    (cross, *alone), where = _in_both_modes(case, moves)
    if cross:
        return False, f"{where} The cross account lives, so this does not speak against the claim."
    if not any(alone):
        return False, f"{where} Both isolated longs are over, too, so this does not speak against the claim."
    return True, f"{where} Cross is over, and one isolated long lives: the claim does not hold."


def _keeps_both(wallet: float, size: float, btc: float, eth: float) -> str:
    """Return which account keeps both longs, and why."""
    cross, *legs = _pair_equity(wallet, size, btc, eth, side=1)
    if cross <= 0:
        return "d2"
    return "c1" if min(legs) > 0 else "a3"


# Moves of BTC and ETH [percent] that both accounts bear, that only cross bears, or that neither bears.
_MOVES = ((5, -5), (-6, -6), (4, 8), (-20, 20), (25, -25), (-18, 15), (-25, -25), (-30, -20))

VARIANTS = (
    varied(
        _SHORT,
        text=_SHORT.text.replace("sell ETH short", "buy ETH"),
        solve=lambda wallet, margin, leverage, entry: ends(wallet, margin * leverage / entry, entry),
        beliefs={
            "MARGIN_FOR_WALLET": lambda margin, leverage, entry: ends(margin, margin * leverage / entry, entry),
            "LEVERAGE_IN_CROSS": lambda wallet, margin, leverage, entry: ends(
                wallet / leverage, margin * leverage / entry, entry
            ),
            "NO_MAINTENANCE": lambda wallet, margin, leverage, entry: bankrupt(
                wallet, margin * leverage / entry, entry
            ),
        },
        instead="You buy here: the danger of a long lies below the price.",
        demands={
            "What must be kept is a share of the notional at the price asked for.": (
                lambda wallet, margin, leverage, entry: bankrupt(
                    wallet - RATE * margin * leverage, margin * leverage / entry, entry
                )
            ),
        },
        nudge=(
            "Which money stands behind a position in cross margin? And on which side of the price is a long's danger?"
        ),
        step="wallet + size x (price - entry) = 0.004 x size x price, with size = notional / entry. Solve it.",
        model=(
            'notional = given["margin"] * given["leverage"]\nsize = notional / given["entry"]\n'
            'answer_1 = (notional - given["wallet"]) / (size * (1 - 0.004))  # the whole wallet stands behind the long'
        ),
        worked=lambda wallet, margin, leverage, entry: (
            f"The notional is {margin * leverage:,} dollars, the size {margin * leverage:,} / {entry:,} = "
            f"{margin * leverage / entry:.6g} ETH. So the price is ({margin * leverage:,} - {wallet:,}) / "
            f"({margin * leverage / entry:.6g} x 0.996) = {ends(wallet, margin * leverage / entry, entry):,.2f} "
            "dollars."
        ),
    ),
    varied(
        _SHORT,
        text=_SHORT.text + " The price stands where you sold.",
        ask="how far the price may rise until the short is liquidated, in percent, such as 12.5",
        unit="%",
        into=lambda answer, entry: 100 * (answer / entry - 1),
        instead="Asked for is how far that is away in percent, not the price.",
        step=_SHORT.step + " The rise is (price - entry) / entry.",
        model=(
            'notional = given["margin"] * given["leverage"]\n'
            'price = (given["wallet"] + notional) / (notional / given["entry"] * (1 + 0.004))\n'
            'answer_1 = 100 * (price / given["entry"] - 1)'
        ),
        worked=lambda wallet, margin, leverage, entry: (
            f"The notional is {margin * leverage:,} dollars, the size {margin * leverage / entry:.6g} ETH. The price "
            f"is {_SHORT.solve(wallet, margin, leverage, entry):,.2f}, which is "
            f"{100 * (_SHORT.solve(wallet, margin, leverage, entry) / entry - 1):.4f} % above {entry:,}."
        ),
    ),
    varied(
        _PRICE,
        text=(
            "Write the liquidation price of a cross position that is alone in its account. The quantity is above 0 "
            "for a long and below 0 for a short; the maintenance margin is `rate` of the notional at the price asked "
            "for, as a fraction such as 0.005. Some longs can never be liquidated: return None for them. Mind the "
            "order of the arguments."
        ),
        cases=lambda random: {**_PRICE.deal(random), "rate": random.choice([0.005, 0.0065, 0.01, 0.02])},
        solve=lambda entry, quantity, wallet, rate: ends(wallet, quantity, entry, rate=rate),
        beliefs={
            "NO_MAINTENANCE": lambda entry, quantity, wallet: bankrupt(wallet, quantity, entry),
            "SIGN": lambda entry, quantity, wallet, rate: ends(wallet, abs(quantity), entry, rate=rate),
        },
        demands={
            "Where no price above 0 does it, None is asked for.": lambda entry, quantity, wallet, rate: (
                (quantity * entry - wallet) / (quantity - rate * abs(quantity))
            ),
            "The rate is given to the function; it is not always 0.004.": lambda entry, quantity, wallet: ends(
                wallet, quantity, entry
            ),
            "What must be kept is a share of the notional at the price asked for.": (
                lambda entry, quantity, wallet, rate: bankrupt(wallet - rate * abs(quantity) * entry, quantity, entry)
            ),
        },
        step=(
            "price = (quantity x entry - wallet) / (quantity - rate x |quantity|). If this is not above 0, return None."
        ),
        model=(
            "price = (quantity * entry - wallet) / (quantity - rate * abs(quantity))\n"
            "answer = price if price > 0 else None  # the wallet can pay for the whole long"
        ),
        worked=lambda entry, quantity, wallet, rate: (
            "price = (quantity * entry - wallet) / (quantity - rate * abs(quantity)), and None if that is not above "
            f"0.\nFor entry={entry}, quantity={quantity}, wallet={wallet}, rate={rate}: "
            + (
                "None: no price does it."
                if (end := ends(wallet, quantity, entry, rate=rate)) is None
                else f"{end:,.2f}."
            )
        ),
    ),
    varied(
        _MOVED,
        text=_MOVED.text.replace("SOL short", "SOL long"),
        first=lambda move: {"move": -move},  # a long wins what a short loses
        beliefs={"OTHER_POSITIONS_SIGN": None},  # that is the public sheet's answer
        instead="SOL is a long here: it wins when its price rises.",
        demands={
            "SOL's own price asks where SOL has to go; it does not matter where SOL is now.": lambda move: ways(
                -move, move, -move, move
            ),
        },
        nudge="Does the SOL long win or lose by this move? Whose money is that?",
        model=(
            'wins = given["move"] > 0  # SOL is a long\n'
            'long_price, short_price = ("down", "up") if wins else ("up", "down")\n'
            'answer_3 = [long_price, short_price, "same", "up" if wins else "down"]'
        ),
        worked=lambda wallet, sol, move: (
            f"The SOL long {'wins' if move > 0 else 'loses'} {sol * abs(move) / 100:,.0f} dollars; the equity goes "
            f"from {wallet:,} to {wallet + sol * move / 100:,.0f}. With {'more' if move > 0 else 'less'} money behind "
            "them, BTC's price, below its mark, and ETH's, above its mark, "
            f"{'move away' if move > 0 else 'come nearer'}. SOL's own price stays: "
            f"{', '.join(ways(-move, move, 0, move))}."
        ),
    ),
    varied(
        _BESIDE,
        text=_BESIDE.text.replace(
            "Write the ETH price at which the pool is liquidated while",
            "Before the price moves again the pool pays `due` dollars of funding, or receives them where `due` is "
            "below 0. Write the ETH price at which the pool is liquidated after that while",
        ),
        takes=("quantity", "entry", "other_quantity", "other_entry", "other_mark", "wallet", "due"),
        cases=lambda random: {
            **(case := _BESIDE.deal(random)),
            "due": random.choice([-1, 1]) * (int(case["wallet"] * random.uniform(0.05, 0.15)) // 10 * 10 + 3),
        },
        first=lambda wallet, due: {"wallet": wallet - due},
        demands={"The funding leaves the pool, or comes in, before that.": _BESIDE.solve},
        nudge="How much is left for ETH, once the funding is paid, BTC has won or lost and has kept its own margin?",
        step=(
            "money = wallet - due + BTC's profit - 0.004 x |other_quantity| x other_mark. Then it is the formula of a "
            "position alone, with this money in the place of the wallet."
        ),
        model=(
            "won = other_quantity * (other_mark - other_entry)\n"
            "money = wallet - due + won - 0.004 * abs(other_quantity) * other_mark  # what is left for ETH\n"
            "answer = (quantity * entry - money) / (quantity - 0.004 * abs(quantity))"
        ),
        worked=lambda quantity, entry, other_quantity, other_entry, other_mark, wallet, due: (
            "money = wallet - due + other_quantity * (other_mark - other_entry) - 0.004 * abs(other_quantity) * "
            "other_mark;\nanswer = (quantity * entry - money) / (quantity - 0.004 * abs(quantity)).\n"
            f"Here: {_BESIDE.solve(wallet - due, quantity, entry, other_quantity, other_entry, other_mark):,.2f}."
        ),
    ),
    varied(
        _FAR,
        text=_FAR.text.replace("falls by {fall", "rises by {rise"),
        draw=lambda random: renamed(_FAR.draw(random), fall="rise"),
        first=lambda rise: {"fall": -rise},
        demands={
            "BTC's loss is shared out among all of the ETH.": None,
            "BTC's gain is shared out among all of the ETH.": lambda btc, price, rise: price + btc * rise,
            "The two quantities differ: first the dollars that BTC loses, then how far ETH moves for them.": None,
            "The two quantities differ: first the dollars that BTC wins, then how far ETH moves for them.": (
                lambda price, rise: price + rise
            ),
        },
        nudge="How many dollars does the pool win? On which side of the mark is a short's liquidation price?",
        step=(
            "The pool wins BTC quantity x rise. The short has that much more to lose: divide it by the ETH quantity, "
            "and move the price so far away from the mark."
        ),
        model=(
            'gained = given["btc"] * given["rise"] * (1 - 0.004)  # BTC is worth more, so it has to keep more\n'
            'answer_5 = given["price"] + gained / (given["eth"] * (1 + 0.004))  # away from the mark, which lies below'
        ),
        worked=lambda eth, btc, price, rise: (
            f"The BTC long wins {btc} x {rise:,} = {btc * rise:,.2f} dollars. For {eth} ETH, with the maintenance "
            f"margin of both, that is {_step(eth, btc, rise):,.2f} dollars each. A gain moves the price away, and the "
            f"short's lies above the mark: {price + _step(eth, btc, rise):,.2f} dollars."
        ),
    ),
    varied(
        _FAR,
        text=_FAR.text
        + " Your limit is another one: ETH itself may rise so far that the pool is liquidated, and no farther.",
        ask="by how many percent of its mark ETH may rise after that until the pool is liquidated, such as 12.5",
        unit="%",
        into=lambda answer, mark: 100 * (answer / mark - 1),
        instead="Asked for is how far the new price is above the mark, in percent.",
        tolerance=2e-2,  # as near as the plain price has to be, seen from the mark
        model=(
            'lost = given["btc"] * given["fall"] * (1 - 0.004)  # BTC is worth less, so it has to keep less\n'
            'price = given["price"] - lost / (given["eth"] * (1 + 0.004))\nanswer_5 = 100 * (price / given["mark"] - 1)'
        ),
        worked=lambda eth, btc, price, fall, mark: (
            f"The BTC long loses {btc} x {fall:,} = {btc * fall:,.2f} dollars, so ETH's price comes nearer, to "
            f"{_FAR.solve(eth=eth, btc=btc, price=price, fall=fall):,.2f}: "
            f"{100 * (_FAR.solve(eth=eth, btc=btc, price=price, fall=fall) / mark - 1):.3f} % above {mark:,}."
        ),
    ),
    varied(
        _SCREEN,
        text=(
            "A risk screen says how far all coins may rise together until a cross account of shorts, all just opened, "
            "is liquidated. One night all coins rose together, and accounts were liquidated long before the number on "
            "the screen. Mend it: `fall_together` keeps its name and gives the rise. The notionals are above 0. The "
            "maintenance margin is 0.4 % of the notional."
        ),
        ask="the common move as a fraction above 0, such as 0.2",
        solve=lambda wallet, notionals: _fall(wallet, notionals, side=-1),
        beliefs={
            "NEAREST_SHOWN_PRICE": lambda wallet, notionals: _fall(wallet, notionals, max(notionals), side=-1),
            "NO_MAINTENANCE": lambda wallet, notionals: _fall(wallet, notionals, rate=0.0, side=-1),
            "SIGN": _SCREEN.solve,
        },
        nudge="Which positions lose money in that night, and which of them does the screen let rise?",
        step="All of them rise: the loss is rise x the sum of the notionals, not rise x the largest.",
        found=(
            "to_keep = 0.004 * sum(notionals)\nrising = max(notionals)\n"
            "answer = (wallet - to_keep) / (rising * (1 + 0.004))"
        ),
        model=(
            "rising = sum(notionals)  # every position loses, not the largest alone\n"
            "answer = (wallet - to_keep) / (rising * (1 + 0.004))"
        ),
        worked=lambda wallet, notionals: (
            "rising = sum(notionals): every position loses, not the largest alone.\n"
            f"Here: ({wallet:,} - {RATE * sum(notionals):,.0f}) / ({sum(notionals):,} x 1.004) = "
            f"{_fall(wallet, notionals, side=-1):.4f}. The screen said "
            f"{_fall(wallet, notionals, max(notionals), side=-1):.4f}."
        ),
    ),
    varied(
        _MODES,
        text=(
            "\u201cCross margin outlives isolated: whatever kills a cross account has killed all isolated positions "
            "before.\u201d Refute it. You hold a BTC long and an ETH long of {size:,} dollars each. There are "
            "{wallet:,} dollars: behind both in one cross pool, or one half behind each, isolated. The maintenance "
            "margin is 0.4 %. Choose how far BTC and ETH move, so that the cross account is over and an isolated long "
            "lives."
        ),
        solve=lambda wallet, size: {"btc_move": -100 * wallet / size, "eth_move": 0},
        refutes=_cross_first,
        nudge="One coin can take all of the money in a cross pool. What can it take in isolated margin?",
        step="Let BTC lose all of the wallet, and leave ETH where it is: loss = size x fall.",
        model=(
            'fall = 100 * given["wallet"] / given["size"]  # BTC alone loses the whole wallet\n'
            'answer_7 = {"btc_move": -fall, "eth_move": 0}'
        ),
        worked=lambda wallet, size: (
            f"BTC falls by {100 * wallet / size:.1f} %, ETH stands still: BTC loses {wallet:,} dollars, all there is "
            f"in the cross pool. Isolated, BTC can take its own {wallet / 2:,.0f} dollars; the ETH long still has the "
            f"other {wallet / 2:,.0f}."
        ),
    ),
    varied(
        _PAIR,
        text=_PAIR.text.replace("ETH short", "ETH long").replace("leg", "long"),
        reasons={
            "1": "the money behind each long bears what this long loses",
            "2": "what both lose together is more than all the money can bear",
            "3": "what one long loses the other one's half and gain help to bear, and only in one pool",
        },
        draw=lambda random: {
            "wallet": (wallet := thousands(random)),
            "size": wallet * random.choice([3, 4, 5]),
            **dict(zip(("btc", "eth"), random.choice(_MOVES), strict=True)),
        },
        solve=_keeps_both,
        demands={
            "In the isolated account each long has its half and its own amount, nothing else.": lambda **case: {
                "a3": "c1",
                "c1": "a3",
                "d2": "b1",
            }[_keeps_both(**case)],
            "In the cross pool the amounts of both longs are added up.": lambda **case: {
                "a3": "d2",
                "c1": "b1",
                "d2": "a3",
            }[_keeps_both(**case)],
        },
        nudge="What does each long win or lose, in dollars?",
        step=_PAIR.step.replace(" legs", "").replace("leg", "long"),
        model=(
            'btc, eth = (given["size"] * given[coin] / 100 for coin in ("btc", "eth"))\n'
            'kept = [0.004 * given["size"] * (1 + given[coin] / 100) for coin in ("btc", "eth")]\n'
            'cross = given["wallet"] + btc + eth > sum(kept)\nhalf = given["wallet"] / 2\n'
            "isolated = half + btc > kept[0] and half + eth > kept[1]\n"
            'answer_8 = "c1" if isolated else "a3" if cross else "d2"'
        ),
        worked=lambda wallet, size, btc, eth: (
            f"BTC has {size * btc / 100:+,.0f} dollars, ETH {size * eth / 100:+,.0f}. Above what must be kept, the "
            "cross pool has {:,.0f} dollars, the isolated BTC {:,.0f} and the isolated ETH {:,.0f}; at 0 or below, it "
            "is over. ".format(*_pair_equity(wallet, size, btc, eth, side=1))
            + f"So the answer is {_keeps_both(wallet, size, btc, eth)}."
        ),
    ),
    varied(
        _WORDS,
        text=(
            "Post A: \u201cCross saved my long: isolated it would have been liquidated.\u201d Post B: \u201cCross "
            "cost me my long: isolated it would still be there.\u201d Both tell the truth, and in both the long is of "
            "the same size. Say in three to six sentences how both can be right, with a condition for each."
        ),
        rubric=(
            "In cross the whole account stands behind every position, in isolated only its own margin.",
            "A: the long itself lost more than its own margin would have borne, and the rest of the account bore it.",
            "B: other positions in the pool lost, and took the money that stood behind the long.",
            (
                "A condition that both leave out: in A more could have been lost than the margin, in B the isolated "
                "margin "
                "would have had to be enough for the long's own loss."
            ),
        ),
        nudge="Whose loss took the money in each of the posts?",
        worked=lambda: (
            "In cross all of the account stands behind every position; isolated, a position has its own margin and "
            "nothing else. In A the price fell by more than the long's margin would have borne, and the rest of the "
            "account bore it: 10,000 dollars instead of 3,000 behind half a bitcoin at 60,000 move its end from "
            "54,217 to 40,161. In B another position in the same pool lost the money, though the long itself had lost "
            "little; its own margin would have been out of reach. A could have lost 10,000 instead of 3,000, and B "
            "holds only if the isolated margin was enough for what the long itself lost."
        ),
    ),
    varied(
        _LEAVES,
        text=_LEAVES.text.replace(
            "Write how many dollars may leave, never less than 0.",
            "Write how many dollars of the wallet have to stay, never more than the wallet has.",
        ),
        ask="the dollars of the wallet that have to stay",
        into=lambda answer, wallet: wallet - answer,
        demands={
            "Never less than 0: nobody has to pay in.": None,
            "Never more than the wallet: nobody has to pay in.": lambda **case: (
                case["wallet"] - _LEAVES.demands["Never less than 0: nobody has to pay in."](**case)
            ),
        },
        instead="What has to stay is asked for, not what may leave.",
        model=(
            "value = abs(quantity) * mark\nopen_profit = quantity * (mark - entry)\n"
            "for_orders = value / leverage + reserved - open_profit  # what of the wallet initial margin needs\n"
            "answer = min(wallet, max(for_orders, 0.004 * value))"
        ),
        worked=lambda wallet, quantity, entry, mark, leverage, reserved: (
            f"Initial margin needs {abs(quantity) * mark / leverage:,.2f} + {reserved:,} dollars, open profit is "
            f"{quantity * (mark - entry):+,.2f}, maintenance margin {RATE * abs(quantity) * mark:,.2f}. Of {wallet:,} "
            f"dollars {wallet - _LEAVES.solve(wallet, quantity, entry, mark, leverage, reserved):,.2f} stay.\n"
            "answer = min(wallet, max(abs(quantity) * mark / leverage + reserved - quantity * (mark - entry), "
            "0.004 * abs(quantity) * mark))"
        ),
    ),
)
