"""Set 1, sizing and margin: what a position is worth, what it needs, and what decides the risk. Follows notebook 01."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from marginlib.course.tasks.shared import MOVES, RATE, account, ends, held, price, thousands, ways
from marginlib.practice.beliefs import Case
from marginlib.practice.tasks.task import Bug, Choose, Compute, Counterexample, Explain, Function, Predict

_SETTINGS = (3, 4, 5, 8, 10, 20, 25)


def _moved(random: Random, *sides: int) -> dict[str, Any]:
    """Return a position whose price has moved since it was opened."""
    entry = price(random)
    return {
        "quantity": random.choice(sides) * random.randrange(5, 96) / 100,
        "entry": entry,
        "mark": entry + random.choice([-1, 1]) * random.randrange(entry // 40, entry // 8, 50),
        "leverage": random.choice(_SETTINGS),
    }


def _in_wallet(random: Random, *sides: int) -> dict[str, Any]:
    """Return such a position in a cross account that can bear it."""
    position = _moved(random, *sides)
    notional = abs(position["quantity"]) * max(position["entry"], position["mark"])
    return {"wallet": int(notional * random.uniform(0.6, 2.5)) // 100 * 100, **position}


def _tight(random: Random) -> dict[str, Any]:
    """Return such a position, or one that has lost so much that it would need more than there is."""
    case = _in_wallet(random, 1, -1)
    if random.random() < 0.5:  # noqa: PLR2004 - half of them
        return case
    moved = abs(case["mark"] - case["entry"])
    case["mark"] = int(case["entry"] + (moved if case["quantity"] < 0 else -moved))
    needed = abs(case["quantity"]) * case["mark"] / case["leverage"]
    return {**case, "wallet": int(abs(case["quantity"]) * moved + needed * random.uniform(0.3, 0.9)) // 10 * 10}


def _choice_of_size(random: Random) -> dict[str, Any]:
    """Return four sizes in any order: one holds, a smaller one, too; one forgets maintenance, one fits the deposit."""
    wallet, fall, leverage = random.randrange(2_000, 20_001, 500), random.choice([10, 15, 20, 25]), 20
    most = _safe({"wallet": wallet, "fall": fall})
    sizes = [int(most * 0.997), int(most * 0.47), int(wallet / (fall / 100)) + 1, int(wallet * leverage * 0.96)]
    random.shuffle(sizes)
    return {"wallet": wallet, "fall": fall, "leverage": leverage, **dict(zip("pqrs", sizes, strict=True))}


def _settings(random: Random) -> dict[str, Any]:
    """Return a position and two settings, the second higher or lower."""
    before, after = random.sample(_SETTINGS, 2)
    return {
        "quantity": random.randrange(5, 31) / 100,
        "price": price(random),
        "wallet": 10_000,
        "before": before,
        "after": after,
    }


def _case(quantity: float, entry: float, mark: float, leverage: float = 1, wallet: float | None = None) -> Case:
    """Return the position as the catalogue of beliefs takes it."""
    money = abs(quantity) * max(entry, mark) * 2 if wallet is None else wallet
    return account(money, held(quantity, entry, leverage).at(mark))


def _profited(*, wallet: float, quantity: float, entry: float, mark: float, **_rest: float) -> float:
    """Return the equity."""
    return wallet + quantity * (mark - entry)


def _available(wallet: float, quantity: float, entry: float, mark: float, leverage: float) -> float:
    """Return what could open something else."""
    return max(0.0, wallet + quantity * (mark - entry) - abs(quantity) * mark / leverage)


def _ratio(wallet: float, quantity: float, entry: float, mark: float) -> float:
    """Return maintenance margin / equity."""
    return RATE * abs(quantity) * mark / (wallet + quantity * (mark - entry))


def _safe(case: Mapping[str, Any], kept: float = RATE) -> float:
    """Return the largest notional that the wallet bears after the fall, with what must be kept then."""
    return float(case["wallet"] / (case["fall"] / 100 + kept * (1 - case["fall"] / 100)))


def _size(case: Mapping[str, Any], notional: float) -> str:
    """Return the letter of the largest offered size up to a notional."""
    offered = {case[name]: letter for name, letter in zip("pqrs", "abcd", strict=True)}
    return offered[max(size for size in offered if size <= notional)]


def _nearer(case: Mapping[str, Any], answer: Mapping[str, float], side: int = 1) -> tuple[bool, str]:
    """Return whether the account with the lower setting is liquidated first, and where both are."""
    prices = []
    for name in "ab":
        trade = held(answer[f"quantity_{name}"], case["price"], answer[f"leverage_{name}"])
        needed = trade.notional / answer[f"leverage_{name}"]
        if needed > case["wallet"]:
            return False, f"Account {name.upper()} cannot open this: it needs {needed:,.0f} dollars."
        prices.append(ends(case["wallet"], trade.quantity, trade.entry_price))
    texts = ["never" if price is None else f"at {price:,.0f}" for price in prices]
    where = f"A is liquidated {texts[0]}, B {texts[1]}."
    if min(side * answer["quantity_a"], side * answer["quantity_b"]) < 0:
        return False, f"{where} Give {'longs: quantities above' if side > 0 else 'shorts: quantities below'} 0."
    if answer["leverage_a"] <= answer["leverage_b"]:
        return False, f"{where} Give A the higher setting."
    if side * (prices[1] or 0) > side * (prices[0] or 0):
        return True, f"{where} The higher setting is farther from its end: the claim does not hold."
    return False, f"{where} Here B does not end first, so this does not speak against the claim."


TASKS = (
    Compute(
        id="sizing-1",
        version=2,
        objective="01-compute",
        read="move-text",
        title="The deposit, today",
        text=(
            "You bought {quantity} BTC at {entry:,} dollars with a leverage setting of {leverage}x. "
            "The mark price is now {mark:,}. The venue values positions at the mark price."
        ),
        ask="the initial margin that is reserved now, in dollars",
        draw=lambda random: _moved(random, 1),
        solve=lambda quantity, mark, leverage: quantity * mark / leverage,
        beliefs={"ENTRY_FOR_MARK": lambda quantity, entry, leverage: quantity * entry / leverage},
        catalogue=("initial_margin", _case),
        demands={
            "The setting divides: what is reserved is the deposit, not the whole position.": lambda quantity, mark: (
                quantity * mark
            ),
        },
        nudge="First: what is the whole position worth at the price of today?",
        step="The notional is quantity x mark price. The setting says how many times the deposit fits into it.",
        worked=lambda quantity, mark, leverage: (
            f"The notional is {quantity} x {mark:,} = {quantity * mark:,.2f} dollars. "
            f"Divided by {leverage}: {quantity * mark / leverage:,.2f} dollars."
        ),
    ),
    Compute(
        id="sizing-2",
        version=2,
        objective="01-compute",
        read="pnl-idea",
        title="A short and its profit",
        text=(
            "You are short: the quantity is {quantity} BTC, opened at {entry:,} dollars with a setting of {leverage}x. "
            "The mark price is now {mark:,}."
        ),
        ask="the profit (above 0) or loss (below 0) in dollars",
        draw=lambda random: {  # it loses: whoever leaves the sign out is wrong
            **(case := _moved(random, -1)),
            "mark": case["entry"] + abs(case["mark"] - case["entry"]),
        },
        solve=lambda quantity, entry, mark: quantity * (mark - entry),
        beliefs={
            "SIGN": lambda quantity, entry, mark: -quantity * (mark - entry),
            "LEVERAGE_MULTIPLIES_PNL": lambda quantity, entry, mark, leverage: leverage * quantity * (mark - entry),
        },
        catalogue=("pnl", _case),
        nudge="Does a short gain or lose when the price moves like this?",
        step="PnL = quantity x (price now - entry price), with the sign of the quantity. Nothing else is in it.",
        worked=lambda quantity, entry, mark: (
            f"{quantity} x ({mark:,} - {entry:,}) = {quantity * (mark - entry):,.2f} dollars. "
            "The setting is nowhere in the formula."
        ),
    ),
    Function(
        id="sizing-3",
        version=2,
        objective="01-compute",
        read="move-text",
        title="What is still available",
        text=(
            "Write the available balance of a cross account with one position: equity that is not initial margin, "
            "and 0 where more is needed than there is. The quantity is above 0 for a long and below 0 for a short."
        ),
        ask="the available balance in dollars",
        function="available",
        cases=_tight,
        solve=_available,
        beliefs={
            "OPEN_PROFIT_IGNORED": lambda wallet, quantity, mark, leverage: max(
                0.0, wallet - abs(quantity) * mark / leverage
            ),
            "ENTRY_FOR_MARK": lambda wallet, quantity, entry, mark, leverage: max(
                0.0, wallet + quantity * (mark - entry) - abs(quantity) * entry / leverage
            ),
            "SIGN": lambda wallet, quantity, entry, mark, leverage: max(
                0.0, wallet + abs(quantity) * (mark - entry) - abs(quantity) * mark / leverage
            ),
            "LEVERAGE_MULTIPLIES_PNL": lambda wallet, quantity, entry, mark, leverage: max(
                0.0, wallet + leverage * quantity * (mark - entry) - abs(quantity) * mark / leverage
            ),
        },
        catalogue=("available_balance", _case),
        demands={
            "Where more is needed than there is, 0 is available.": lambda wallet, quantity, entry, mark, leverage: (
                wallet + quantity * (mark - entry) - abs(quantity) * mark / leverage
            ),
            "A short reserves something, too: its size counts without its sign there.": lambda **case: max(
                0.0, _profited(**case) - case["quantity"] * case["mark"] / case["leverage"]
            ),
            "The initial margin has to be taken off.": lambda **case: max(0.0, _profited(**case)),
            "The initial margin is notional / setting.": lambda **case: max(
                0.0, _profited(**case) - abs(case["quantity"]) * case["mark"]
            ),
        },
        nudge="Write down two amounts: what the account has, and what the position reserves.",
        step="Equity is wallet + quantity x (mark - entry). Reserved is |quantity| x mark / leverage.",
        worked=lambda wallet, quantity, entry, mark, leverage: (
            "answer = max(0, wallet + quantity * (mark - entry) - abs(quantity) * mark / leverage).\n"
            f"Here: {wallet:,.0f} + {quantity * (mark - entry):,.2f} - {abs(quantity) * mark / leverage:,.2f} = "
            f"{_available(wallet, quantity, entry, mark, leverage):,.2f} dollars."
        ),
    ),
    Predict(
        id="sizing-4",
        version=2,
        objective="01-predict",
        read="setting-prediction",
        title="What the setting moves",
        text=(
            "You hold {quantity} BTC, bought at {price:,} dollars, in a cross account with {wallet:,} dollars. "
            "Before the price moves at all, you change the leverage setting from {before}x to {after}x. What happens "
            "to (1) the initial margin, (2) the maintenance margin, (3) the available balance, (4) the effective "
            "leverage, (5) the dollars that you win or lose when the price moves by 1,000?"
        ),
        ask='five words in a list, each "up", "down" or "same", in this order',
        draw=_settings,
        solve=lambda before, after: ways(before - after, 0, after - before, 0, 0),
        beliefs={
            "LEVERAGE_IN_MAINTENANCE": lambda before, after: ways(before - after, before - after, after - before, 0, 0),
            "SETTING_IS_EFFECTIVE": lambda before, after: ways(before - after, 0, after - before, after - before, 0),
            "LEVERAGE_MULTIPLIES_PNL": lambda before, after: ways(before - after, 0, after - before, 0, after - before),
        },
        words=MOVES,
        demands={
            "A higher setting asks for a smaller deposit.": lambda before, after: ways(
                after - before, 0, before - after, 0, 0
            ),
            "The initial margin is notional / setting, and the setting changes.": lambda: ways(0, 0, 0, 0, 0),
            "What is not reserved is available.": lambda before, after: ways(before - after, 0, 0, 0, 0),
        },
        nudge="Write the formula of each of the five. In which of them does the setting stand?",
        step=(
            "Initial margin is notional / setting. Available is equity less that. The other three do not know the "
            "setting."
        ),
        worked=lambda quantity, price, wallet, before, after: (
            f"The initial margin goes from {quantity * price / before:,.2f} to {quantity * price / after:,.2f} "
            f"dollars, and the available balance from {wallet - quantity * price / before:,.2f} to "
            f"{wallet - quantity * price / after:,.2f}. The other three stay: "
            f"{', '.join(ways(before - after, 0, after - before, 0, 0))}."
        ),
    ),
    Compute(
        id="sizing-5",
        version=2,
        objective="01-compare",
        read="setting-prediction",
        title="The leverage that you feel",
        text=(
            "A cross account has a wallet of {wallet:,.0f} dollars and one long: {quantity} BTC, bought at {entry:,} "
            "with a setting of {leverage}x. The mark price is now {mark:,}."
        ),
        ask="the effective leverage, as a number such as 2.5",
        unit="x",
        tolerance=5e-3,
        draw=lambda random: _in_wallet(random, 1),
        solve=lambda wallet, quantity, entry, mark: quantity * mark / (wallet + quantity * (mark - entry)),
        beliefs={
            "SETTING_IS_EFFECTIVE": lambda leverage: leverage,
            "OPEN_PROFIT_IGNORED": lambda wallet, quantity, mark: quantity * mark / wallet,
            "ENTRY_FOR_MARK": lambda wallet, quantity, entry, mark: (
                quantity * entry / (wallet + quantity * (mark - entry))
            ),
        },
        catalogue=("effective_leverage", _case),
        demands={
            "Leverage is notional / equity, not equity / notional.": lambda wallet, quantity, entry, mark: (
                (wallet + quantity * (mark - entry)) / (quantity * mark)
            ),
            "What stands against the notional is equity: the wallet counts, too.": lambda quantity, entry, mark: (
                quantity * mark / (quantity * (mark - entry))
            ),
        },
        nudge="The setting is what you chose. What stands against what, really?",
        step="Effective leverage = notional now / equity now, and equity is wallet + profit or loss.",
        worked=lambda wallet, quantity, entry, mark: (
            f"Notional {quantity * mark:,.2f}, equity {wallet:,.0f} + {quantity * (mark - entry):,.2f} = "
            f"{wallet + quantity * (mark - entry):,.2f}: "
            f"{quantity * mark / (wallet + quantity * (mark - entry)):.3f}x."
        ),
    ),
    Bug(
        id="sizing-6",
        version=2,
        objective="01-compare",
        read="ratio-idea",
        title="A bot that likes rising prices",
        text=(
            "A trading bot watches the margin ratio (maintenance margin / equity, liquidated when it reaches 1) of a "
            "cross account with one position. Its author tested it with longs. A user with a short was liquidated "
            "while the bot still showed a small ratio. Mend it. The maintenance margin is 0.4 % of the notional at "
            "the mark price."
        ),
        ask="the margin ratio as a fraction, such as 0.25",
        function="margin_ratio",
        cases=lambda random: {k: v for k, v in _in_wallet(random, 1, -1).items() if k != "leverage"},
        solve=_ratio,
        beliefs={
            "SIGN": lambda wallet, quantity, entry, mark: _ratio(wallet, abs(quantity), entry, mark),
            "RATIO_UPSIDE_DOWN": lambda wallet, quantity, entry, mark: 1 / _ratio(wallet, quantity, entry, mark),
            "OPEN_PROFIT_IGNORED": lambda wallet, quantity, mark: RATE * abs(quantity) * mark / wallet,
        },
        catalogue=("margin_ratio", _case),
        demands={
            "What must be kept takes the size without its sign: a short must keep something, too.": (
                lambda wallet, quantity, entry, mark: RATE * quantity * mark / (wallet + quantity * (mark - entry))
            ),
            "What must be kept is 0.4 % of the notional at the mark price.": lambda wallet, quantity, entry, mark: (
                RATE * abs(quantity) * entry / (wallet + quantity * (mark - entry))
            ),
        },
        nudge="Take a short and let the price rise. What should happen to the equity, and what does the bot say?",
        step="The size is needed without its sign in one of the two amounts, and with its sign in the other.",
        worked=lambda wallet, quantity, entry, mark: (
            "profit = quantity * (mark - entry), with the sign; the maintenance margin takes abs(quantity).\n"
            f"Here: profit {quantity * (mark - entry):,.2f}, equity {wallet + quantity * (mark - entry):,.2f}, "
            f"maintenance {RATE * abs(quantity) * mark:,.2f}: {_ratio(wallet, quantity, entry, mark):.6f}."
        ),
    ),
    Counterexample(
        id="sizing-7",
        objective="01-predict",
        read="size-prediction",
        title="Is the higher setting always nearer to its end?",
        text=(
            "A forum says: \u201cThe account with the higher leverage setting is always liquidated first.\u201d "
            "Refute it. Two cross accounts have {wallet:,} dollars each, and each buys BTC at {price:,} dollars. "
            "Choose sizes and settings, A with the higher setting, so that B is liquidated first when the price falls."
        ),
        ask='a dict with "quantity_a", "leverage_a", "quantity_b", "leverage_b"',
        inputs=("quantity_a", "leverage_a", "quantity_b", "leverage_b"),
        draw=lambda random: {"wallet": thousands(random), "price": price(random)},
        solve=lambda wallet, price: {
            "quantity_a": wallet / price,
            "leverage_a": 50,
            "quantity_b": 4 * wallet / price,
            "leverage_b": 5,
        },
        refutes=_nearer,
        nudge="Setting and size are two things. Which of them stands in the liquidation rule?",
        step="Give A a small size with a high setting, and B a size of several times the wallet with a low one.",
        worked=lambda wallet, price: (
            f"A: {wallet / price:.4f} BTC, no more than its wallet is worth, at 50x: it is never liquidated. "
            f"B: {4 * wallet / price:.4f} BTC at 5x, an effective leverage of 4x: it ends after a fall of about 25 %."
        ),
    ),
    Choose(
        id="sizing-8",
        version=2,
        objective="01-choose",
        read="choose-size-text",
        title="A size for a fall that you want to survive",
        text=(
            "A cross account has {wallet:,} dollars and a setting of {leverage}x. You want a BTC long, as large as "
            "possible, that is not liquidated by a fall of {fall} %. The maintenance margin is 0.4 % of the "
            "notional. Which size, and why?"
        ),
        options={letter: f"{{{name}:,}} dollars of BTC" for letter, name in zip("abcd", "pqrs", strict=True)},
        reasons={
            "1": "the wallet is enough for its initial margin",
            "2": "the wallet covers the loss after the fall",
            "3": "the wallet covers the loss after the fall, and what must be kept then",
        },
        draw=_choice_of_size,
        solve=lambda **case: _size(case, _safe(case)) + "3",
        beliefs={"NO_MAINTENANCE": lambda **case: _size(case, _safe(case, 0.0) + 1) + "2"},
        demands={
            "That size survives the fall. A larger one does, too.": lambda **case: _size(case, _safe(case) / 2) + "3",
            "The initial margin is needed to open. Look at what is left after the fall.": lambda **case: (
                _size(case, max(case[name] for name in "pqrs")) + "1"
            ),
        },
        nudge="For each size: what is the loss after the fall, and how much of the wallet is left?",
        step="What is left must be more than 0.4 % of what the position is worth after the fall.",
        worked=lambda **case: "\n".join(
            f"{size:,} dollars: the loss is {size * case['fall'] / 100:,.2f}, "
            f"{case['wallet'] - size * case['fall'] / 100:,.2f} are left, and "
            f"{RATE * size * (1 - case['fall'] / 100):,.2f} must be kept."
            for size in sorted(case[name] for name in "pqrs")
        ),
    ),
    Explain(
        id="sizing-9",
        objective="01-compare",
        read="size-prediction",
        title="\u201c100x is a hundred times as risky\u201d",
        text=(
            "A friend says: \u201cI use 5x, you use 100x. So you take twenty times my risk.\u201d Answer in three to "
            "five sentences, with at least one example in numbers."
        ),
        rubric=(
            "The setting decides how much is reserved to open the position (notional / setting).",
            "Profit and loss depend on the size, not on the setting.",
            "What counts is the size against the money that stands behind it: the effective leverage.",
            (
                "The condition: a higher setting is dangerous when it is used for a larger size, or when only the "
                "initial margin stands behind the position, as in isolated margin."
            ),
        ),
        nudge="Compare two accounts with the same size.",
        step="Then two accounts with the same setting.",
        worked=lambda: (
            "With 10,000 dollars and 0.1 BTC at 60,000 we both win or lose 100 dollars when BTC moves by 1,000, "
            "whatever our settings say. Mine reserves 60 dollars to open it, yours 1,200. The effective leverage is "
            "0.6x for both of us, so neither can be liquidated in cross margin. My setting becomes dangerous if I "
            "use it to open a larger size, or if I put only the 60 dollars behind the position."
        ),
    ),
)
