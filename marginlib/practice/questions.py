"""Questions as data: what is asked, what is right, and which belief a wrong answer shows.

The bank stands in `data/questions.json`: `{"format": "marginlib-questions", "version": 1, "questions": [...]}`. Every
question has

    id          "NN-words"; a prediction is named after its cell: `predict-price` of notebook 02 is "02-price"
    kind        "choice", "number", "ordering" or "counterexample"
    notebook    "00" to "13"
    objective   the objective that it serves
    role        "prediction", "opening", "closing", "pretest" or "posttest"
    text        the whole question
    label       a short name of the input, with its unit
    pair        pretest and posttest: id of the twin with other numbers
    explain     optional: one line of arithmetic or reason, where none can be computed

and, by kind,

    number          ask and case, optional minus, times, unit, tolerance {rel, abs}, sized
    choice          options [{text, right: true} or {text, code}], or ask, case and codes: a choice of numbers
    ordering        lines in the right order, optional equivalents (other right orders), slips
    counterexample  claim, inputs [{name, label, low, high}], checker

A case is an account in plain numbers: `{wallet, positions}` and
any other field of `misconceptions.Case`, a
position `{symbol, quantity or notional (signed), entry, mark, leverage, isolated, rate or table, contract}`. Right
answers and wrong ones are computed from it by `marginlib.practice.beliefs`; none is written down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from math import isfinite
from numbers import Real
from types import MappingProxyType
from typing import Any

from marginlib.errors import MarginError, UnknownNameError, finite, wrong
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Account, Contract, Health, Pool, Position
from marginlib.practice.beliefs import ASKS, BELIEFS, Case
from marginlib.practice.beliefs.recognise import Tolerance, explanations, working
from marginlib.practice.beliefs.recognise import answer as belief_answer
from marginlib.practice.objectives import OBJECTIVES
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook

__all__ = ["Input", "Option", "Question", "Verdict", "draw", "judge", "question", "questions", "say"]

_FORMAT, _VERSION = "marginlib-questions", 1


@dataclass(frozen=True, kw_only=True)
class Option:
    """One choice of a question.

    Args:
        text: what it says.
        right: whether it is right.
        code: the belief that a wrong one shows.

    Example:
        >>> [option.right for option in question("00-taste").options()]
        [False, True, False, False]
    """

    text: str
    right: bool = False
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Input:
    """One number that a counterexample is made of.

    Args:
        name: its name in the answer.
        label: what it is, with its unit.
        low: the least value.
        high: the largest value.

    Raises:
        MarginError: the range is empty or not finite.

    Example:
        >>> Input(name="fall", label="fall of SOL [%]", low=0, high=99).high
        99.0
    """

    name: str
    label: str
    low: float
    high: float

    def __post_init__(self) -> None:
        for each in ("low", "high"):
            object.__setattr__(self, each, finite(f"input {self.name}: {each}", getattr(self, each)))
        if self.low >= self.high:
            raise MarginError(f"input {self.name}: high = {self.high!r}: give more than low = {self.low!r}")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said about an answer.

    Args:
        right: whether it is right.
        answer: the answer as it was read: a number, the text of a choice, an order, the inputs; None if there is none.
        truth: the right answer.
        codes: the belief, or the two beliefs, that the answer shows; () if none does.
        message: what to tell the learner.
        answered: False where there is nothing to judge yet, such as an empty field or a word for a number.
        ties: further beliefs that give the same answer, each as a tuple of codes.

    Example:
        >>> judge(question("02-price"), 10).codes
        ('NO_MAINTENANCE',)
    """

    right: bool
    answer: Any
    truth: Any
    codes: tuple[str, ...] = ()
    message: str
    answered: bool = True
    ties: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)  # one object for each: a cheap key of what is computed from it
class Question:
    """One question of the bank; the module's docstring explains the fields.

    Args:
        id: its name.
        kind: "choice", "number", "ordering" or "counterexample".
        notebook: number of the notebook that it belongs to.
        objective: the objective that it serves.
        role: when it is asked.
        text: the whole question.
        label: a short name of the input, with its unit.
        pair: the twin with other numbers, of a pretest or posttest question.
        explain: one line of arithmetic or reason, where none is computed.
        unit: of a number: "%", "dollars", "x", "days", "pools" or "".
        tolerance: how near a number has to be.
        sized: whether the words of the question give the direction, so that the sign of the answer does not count.
        inputs: the numbers of a counterexample.
        claim: what a counterexample refutes.
        data: the rest of the record, by kind.

    Example:
        >>> question("02-price").text.startswith("You set aside 500 dollars")
        True
    """

    id: str
    kind: str
    notebook: str
    objective: str
    role: str
    text: str
    label: str
    pair: str = ""
    explain: str = ""
    unit: str = ""
    tolerance: Tolerance = field(default_factory=Tolerance)
    sized: bool = False
    inputs: tuple[Input, ...] = ()
    claim: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def says(self, *codes: str) -> float | None:
        """Return the number that the holder of some beliefs gives; without codes, the right one."""
        return _says(self, *codes)

    @property
    def right(self) -> Any:  # noqa: ANN401 - a number, a text, an order, or None for "any inputs that refute the claim"
        """The right answer."""
        if self.kind == "number":
            return self.says()
        if self.kind == "choice":
            return next(option.text for option in self.options() if option.right)
        return tuple(self.data["lines"]) if self.kind == "ordering" else None

    def options(self) -> tuple[Option, ...]:
        """Return the choices, or the lines of an ordering in an order that is not the right one."""
        if self.kind == "ordering":
            lines = self.data["lines"]
            return tuple(Option(text=lines[k]) for k in sorted(range(len(lines)), key=lambda k: (k * 5 + 3) % 7))
        if "options" in self.data:
            return tuple(Option(**each) for each in self.data["options"])
        return _number_options(self)


def question(name: str) -> Question:
    """Return the question of that id.

    Args:
        name: its id, such as "02-price".

    Raises:
        UnknownNameError: there is no such question; the message lists those of the same notebook.

    Example:
        >>> question("02-price").kind
        'number'
    """
    bank = _bank()
    if name not in bank:
        near = [each for each in bank if each[:2] == str(name)[:2]] or list(bank)
        raise wrong("question", name, f"give one of {', '.join(near)}", UnknownNameError)
    return bank[name]


def questions(notebook: str | None = None, role: str | None = None) -> tuple[Question, ...]:
    """Return the questions of a notebook and a role, in the order of the bank.

    Args:
        notebook: number of the notebook, such as "02"; left out, all.
        role: "prediction", "opening", "closing", "pretest" or "posttest"; left out, all.

    Example:
        >>> len(questions("00", "pretest")), len(questions("13", "posttest"))
        (6, 6)
    """
    return tuple(each for each in _bank().values() if notebook in {None, each.notebook} and role in {None, each.role})


# --- the right answer, and the answers of beliefs -------------------------------------------------------------------


@cache
def _says(asked: Question, *codes: str) -> float | None:
    """Return the number that the holder of some beliefs gives."""
    found = belief_answer(asked.data["ask"], _case(asked), *codes)
    if "minus" in asked.data and found is not None:
        before = belief_answer(asked.data["ask"], _case(asked, "minus"), *codes)
        found = None if before is None else found - before
    return None if found is None else asked.data.get("times", 1) * found


def _number_options(asked: Question) -> tuple[Option, ...]:
    """Return a choice of numbers, lowest first: the right one and those of the beliefs named."""
    values = {"": asked.says(), **{code: asked.says(code) for code in asked.data["codes"]}}
    ordered = sorted(values.items(), key=lambda item: (item[1] is None, item[1] or 0.0))
    return tuple(Option(text=say(value, asked.unit), right=not code, code=code) for code, value in ordered)


def _case_of(record: Mapping[str, Any]) -> Case:
    """Return the case that a record of plain numbers describes."""
    rest = {name: value for name, value in record.items() if name not in {"wallet", "positions"}}
    positions = tuple(_position(each) for each in record["positions"])
    return Case(account=Account(wallet_balance=record["wallet"], positions=positions), **rest)


def _position(record: Mapping[str, Any]) -> Position:
    """Return the position that a record of plain numbers describes."""
    entry, symbol = record["entry"], record["symbol"]
    inverse = record.get("contract") == "inverse"
    quantity = record["quantity"] if "quantity" in record else record["notional"] / entry
    if "table" in record:
        schedule = rulebook("binance_usdm", record["table"]).schedule(symbol)
    else:
        schedule = RiskSchedule.flat(record.get("rate", 0.004), closing_fee_rate=record.get("closing_fee", 0.0))
    position = Position(
        symbol=symbol,
        quantity=quantity,
        entry_price=entry,
        mark_price=record.get("mark", entry),
        schedule=schedule,
        leverage=record.get("leverage", 1),
        contract=Contract.INVERSE if inverse else Contract.LINEAR,
    )
    margin = record.get("isolated", False)
    return position if margin is False else position.isolated(None if margin is True else margin)


@cache
def _case(asked: Question, which: str = "case") -> Case:
    """Return a case of a question, made once."""
    return _case_of(asked.data[which])


# --- judging --------------------------------------------------------------------------------------------------------


def judge(asked: Question, answer: object) -> Verdict:
    """Return what is to be said about an answer: whether it is right, which belief it shows, and why.

    Args:
        asked: the question.
        answer: a number or its text ("9.6", "9,6 %", "1,000", "none"); the text, the letter or the number from 0 of a
            choice; the lines, or their numbers from 0 in `options()`, of an ordering; the inputs by name.

    Example:
        >>> judge(question("02-price"), "10 %").message[:32]
        'You said 10 %, and it is 9.6 %. '
        >>> judge(question("02-price"), "").message
        'No answer yet: give a number in %, such as 12.5.'
    """
    return {"number": _judge_number, "choice": _judge_choice, "ordering": _judge_order}.get(
        asked.kind, _judge_counterexample
    )(asked, answer)


def _unanswered(asked: Question, message: str) -> Verdict:
    return Verdict(right=False, answer=None, truth=asked.right, message=message, answered=False)


_NONE = {"none", "never", "no", "no price", "there is none", "no such price"}


def _judge_number(asked: Question, answer: object) -> Verdict:
    given = _read_number(answer)
    truth = asked.says()
    if given is _NOTHING:
        unit = f" in {asked.unit}" if asked.unit else ""
        lead = "No answer yet" if answer is None or not str(answer).strip() else f"{_quoted(answer)} is not a number"
        none = ' If you think that there is no such number, write "none".' if truth is None else ""
        return _unanswered(asked, f"{lead}: give a number{unit}, such as 12.5.{none}")
    found: tuple[tuple[str, ...], ...] = ()
    for value, note in _readings(asked, given, plain="%" not in str(answer)[:99]):
        if asked.tolerance.same(value, truth):
            message = f"Right: {say(truth, asked.unit)}. {note}{_because(asked)}"
            return Verdict(right=True, answer=given, truth=truth, message=message)
        found = found or explanations(value, asked.says, asked.tolerance)
    lead = f"You said {say(given, asked.unit)}, and it is {say(truth, asked.unit)}."
    if not found and isinstance(given, float) and truth is not None and asked.tolerance.same(-given, truth):
        lead += " The size is right, the sign is not."
    codes, *ties = found or ((),)
    message = " ".join([lead, *_told(codes, ties), _because(asked)])
    return Verdict(right=False, answer=given, truth=truth, codes=codes, message=message, ties=tuple(ties))


def _readings(asked: Question, given: float | None, *, plain: bool) -> Iterable[tuple[float | None, str]]:
    """Yield what a number may have meant: itself, without its sign where the words give it, a fraction for percent."""
    sized = asked.sized and given is not None and given < 0
    value = -given if sized and given is not None else given
    yield value, "The question gives the direction, so the sign is not needed. " if sized else ""
    if plain and asked.unit == "%" and value is not None and abs(value) < 1:
        yield 100 * value, f"You wrote {_plain(value)}, the same as a fraction; the unit here is %. "


def _told(codes: tuple[str, ...], ties: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the beliefs in words, and what holds instead."""
    if not codes:
        return []
    held = [BELIEFS[code] for code in codes]
    lead = "That is what follows from a common belief:" if len(held) == 1 else "That is what follows from two beliefs:"
    said = " and ".join(
        f"\N{LEFT DOUBLE QUOTATION MARK}{each.statement}\N{RIGHT DOUBLE QUOTATION MARK}" for each in held
    )
    # A tie is told as one; of more than one other belief only the first is named, for the sake of a short message.
    others = [code for tie in ties for code in tie if code not in codes]
    more = f"(Or was it this? {BELIEFS[others[0]].statement})" if others else ""
    return [each for each in (lead, said, *(each.remedy for each in held), more) if each]


def _because(asked: Question) -> str:
    """Return one line of arithmetic."""
    if asked.explain:
        return f"Here: {asked.explain}"
    if "ask" not in asked.data:
        return ""
    line = working(asked.data["ask"], _case(asked))
    if "minus" in asked.data:
        line = f"before, {working(asked.data['ask'], _case(asked, 'minus'))}; after, {line}"
        line += "" if asked.right is None else f": a difference of {say(asked.right, asked.unit)}"
    return f"Here: {line}."


def _judge_choice(asked: Question, answer: object) -> Verdict:
    options = asked.options()
    picked = _picked(options, answer)
    truth = asked.right
    if picked is None:
        lead = "No answer yet" if answer is None or not str(answer).strip() else f"{_quoted(answer)} is not a choice"
        return _unanswered(asked, f"{lead}: choose one of {', '.join(each.text for each in options)}.")
    if picked.right:
        return Verdict(
            right=True, answer=picked.text, truth=truth, message=f"Right: {truth}. {_because(asked)}".strip()
        )
    codes = (picked.code,) if picked.code else ()
    lead = f"You said: {picked.text}. It is: {truth}."
    message = " ".join(each for each in (lead, *_told(codes, ()), _because(asked)) if each)
    return Verdict(right=False, answer=picked.text, truth=truth, codes=codes, message=message)


def _picked(options: Sequence[Option], answer: object) -> Option | None:
    """Return the option meant: by its text, its letter or its number from 0."""
    if isinstance(answer, int) and not isinstance(answer, bool):
        return options[answer] if 0 <= answer < len(options) else None
    text = str(answer).strip().casefold()
    for each in options:
        if text == each.text.casefold():
            return each
    letters = {chr(ord("a") + k): each for k, each in enumerate(options)}
    return letters.get(text)


def _judge_order(asked: Question, answer: object) -> Verdict:
    lines: list[str] = list(asked.data["lines"])
    order = _order(asked, answer)
    truth = asked.right
    if order is None:
        return _unanswered(asked, f"Put all {len(lines)} lines in order, each once.")
    rights = [list(range(len(lines))), *asked.data.get("equivalents", [])]
    said = tuple(lines[k] for k in order)
    if order in rights:
        return Verdict(right=True, answer=said, truth=truth, message=f"Right, in this order. {_because(asked)}".strip())
    # The first line out of place, told against the right order that the answer follows longest.
    place = max(next(k for k, (a, b) in enumerate(zip(order, right, strict=True)) if a != b) for right in rights)
    codes = next(
        (
            (each["code"],)
            for each in asked.data.get("slips", [])
            if order.index(each["first"]) < order.index(each["then"])
        ),
        (),
    )
    lead = f"The first {place} of {len(lines)} lines are in place." if place else "The first line is not in place yet."
    lead += f" \N{LEFT DOUBLE QUOTATION MARK}{said[place]}\N{RIGHT DOUBLE QUOTATION MARK} comes later."
    message = " ".join(each for each in (lead, *_told(codes, ()), _because(asked)) if each)
    return Verdict(right=False, answer=said, truth=truth, codes=codes, message=message)


def _order(asked: Question, answer: object) -> list[int] | None:
    """Return the order meant, as places in the right one; None if it is not every line once."""
    lines = list(asked.data["lines"])
    shown = [option.text for option in asked.options()]
    if not isinstance(answer, Sequence) or isinstance(answer, str) or len(answer) != len(lines):
        return None
    texts = [shown[each] if isinstance(each, int) and 0 <= each < len(shown) else each for each in answer]
    if sorted(map(str, texts)) != sorted(lines):
        return None
    return [lines.index(text) for text in texts]


def _judge_counterexample(asked: Question, answer: object) -> Verdict:
    numbers: dict[str, float] = {}
    given = answer if isinstance(answer, Mapping) else {}
    for each in asked.inputs:
        value = _read_number(given.get(each.name))
        if not isinstance(value, float):
            return _unanswered(asked, f"No answer yet: give a number for {each.label}.")
        if not each.low <= value <= each.high:
            return _unanswered(
                asked, f"{each.label} = {_plain(value)}: give a number from {_plain(each.low)} to {_plain(each.high)}."
            )
        numbers[each.name] = value
    refuted, line = _CHECKERS[asked.data["checker"]](**numbers)
    if refuted:
        return Verdict(right=True, answer=numbers, truth=None, message=f"Right, that refutes it: {line}.")
    codes = (asked.data["code"],)
    message = f"Not yet: {line}. The claim still holds there. {BELIEFS[codes[0]].remedy}"
    return Verdict(right=False, answer=numbers, truth=None, codes=codes, message=message)


# --- claims to refute: whether the numbers do it, and one line that says what happens there -------------------------

_FLAT = RiskSchedule.flat(0.004, max_leverage=125)
_FLAT_SOL = RiskSchedule.flat(0.005, max_leverage=100)


def _cross_dies_first(eth: float, sol: float) -> tuple[bool, str]:
    """Whether cross is liquidated at two prices where the isolated ETH long lives."""
    ether = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=_FLAT, leverage=5)
    solana = Position.open(symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=_FLAT_SOL, leverage=10)
    shared = risk(Pool(collateral=10_000, positions=(ether.at(eth), solana.at(sol))))
    alone = risk(Pool(collateral=2_000, positions=(ether.at(eth),)))
    line = (
        f"cross has {shared.equity:,.2f} dollars and must keep {shared.maintenance:,.2f}; "
        f"ETH alone has {alone.equity:,.2f} and must keep {alone.maintenance:,.2f}"
    )
    return shared.health is not Health.HEALTHY and alone.health is Health.HEALTHY, line


def _added_money_raises(quantity: float, collateral: float, added: float) -> tuple[bool, str]:
    """Whether more money does not lower the liquidation price."""
    if not quantity:
        return False, "with a quantity of 0 there is no position"
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=60_000, schedule=_FLAT)
    before, after = (
        liquidation_price(Pool(collateral=money, positions=(btc,)), "BTCUSDT")
        for money in (collateral, collateral + added)
    )
    line = f"with {_plain(added)} dollars more the price goes from {_price(before)} to {_price(after)}"
    return before is not None and after is not None and after > before, line


def _hedge_dies(long_entry: float, short_entry: float, price: float) -> tuple[bool, str]:
    """Whether one bitcoin long and one short, in one pool with 10,000 dollars, are liquidated at a price."""
    legs = [
        Position(symbol="BTCUSDT", quantity=side, entry_price=entry, mark_price=price, schedule=_FLAT)
        for side, entry in ((1, long_entry), (-1, short_entry))
    ]
    now = risk(Pool(collateral=10_000, positions=tuple(legs)))
    line = f"at {price:,.0f} the pool has {now.equity:,.2f} dollars and must keep {now.maintenance:,.2f}"
    return now.health is not Health.HEALTHY, line


def _isolated_no_nearer(margin: float) -> tuple[bool, str]:
    """Whether half a bitcoin, isolated with a margin, is liquidated no sooner than in cross with 10,000 dollars."""
    btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=_FLAT)
    cross, isolated = (
        liquidation_price(Pool(collateral=money, positions=(btc,)), "BTCUSDT") for money in (10_000, margin)
    )
    line = f"isolated with {_plain(margin)} dollars it ends at {_price(isolated)}, in cross at {_price(cross)}"
    return isolated is None or (cross is not None and isolated <= cross), line


_CHECKERS: Mapping[str, Callable[..., tuple[bool, str]]] = {
    "added_money_raises": _added_money_raises,
    "cross_dies_first": _cross_dies_first,
    "hedge_dies": _hedge_dies,
    "isolated_no_nearer": _isolated_no_nearer,
}


# --- which questions to ask again -----------------------------------------------------------------------------------

# Leitner's boxes: a right answer moves a question to the next box, a wrong one back to the first. The days that pass
# until it is asked again double from box to box, as C. A. Mace proposed in 1932.
# Source: S. Leitner, So lernt man lernen (1972); C. A. Mace, The Psychology of Study (1932).
_INTERVALS = (0, 1, 2, 4, 8, 16)


def draw(attempts: Iterable[Any], notebook: str, count: int, today: date) -> tuple[Question, ...]:
    """Return questions of earlier notebooks to begin a notebook with: earlier misses first, then what is due.

    A question that was answered right waits 1, 2, 4, 8, then 16 days; a wrong answer, to it or to a prediction or task
    of its objective, brings it back at once. What was never asked follows, the nearest notebook first, so that without
    any attempts the choice is fixed.

    Args:
        attempts: records of answers with `item`, `time` and `right`: attributes, or keys of a mapping.
        notebook: number of the notebook that begins.
        count: how many questions at most.
        today: the day on which they are asked.

    Source: S. Leitner, "So lernt man lernen" (1972); doubled intervals: C. A. Mace, "The Psychology of Study" (1932).

    Example:
        >>> [each.notebook for each in draw([], "03", 3, date(2026, 1, 1))]
        ['02', '01', '00']
    """
    bank = [each for each in questions() if each.notebook < notebook and each.role in {"opening", "closing"}]
    seen = _histories(attempts)
    ranked = sorted(enumerate(bank), key=lambda item: _urgency(item[1], item[0], bank, seen, today))
    return tuple(each for _, each in ranked[: max(0, count)])


def _urgency(
    asked: Question, place: int, bank: Sequence[Question], seen: Mapping[str, list[tuple[date, bool]]], today: date
) -> tuple[float, ...]:
    """Return where a question stands in the queue: missed, due, never asked, not due yet."""
    box, last = -1, date.min
    for day, right in seen.get(asked.id, []):
        box, last = (min(max(box, 0) + 1, len(_INTERVALS) - 1) if right else 0), day
    for day, right in seen.get(f"objective {asked.objective}", []):
        if not right and day >= last:
            box, last = 0, day
    if box < 0:
        same = [each for each in bank[:place] if each.notebook == asked.notebook]
        return (2, len(same), -int(asked.notebook), place)  # one of each notebook, the nearest first, then the next one
    waits = (today - last).days - _INTERVALS[box]
    if box == 0:
        return (0, -waits, place)
    return (1, -waits, place) if waits >= 0 else (3, -waits, place)


def _histories(attempts: Iterable[Any]) -> dict[str, list[tuple[date, bool]]]:
    """Return day and outcome of every judged answer, oldest first, by question and by objective."""
    serves = {each.check: each.id for each in OBJECTIVES}
    found: dict[str, list[tuple[date, bool]]] = {}
    for attempt in attempts:
        item, time, right = (_part(attempt, name) for name in ("item", "time", "right"))
        if not isinstance(right, bool) or not isinstance(item, str) or (day := _day(time)) is None:
            continue
        found.setdefault(item, []).append((day, right))
        objective = _bank()[item].objective if item in _bank() else serves.get(item)
        if objective and not (item in _bank() and _bank()[item].role in {"opening", "closing"}):
            found.setdefault(f"objective {objective}", []).append((day, right))
    return {name: sorted(days, key=lambda each: each[0]) for name, days in found.items()}


def _part(attempt: object, name: str) -> object:
    return attempt.get(name) if isinstance(attempt, Mapping) else getattr(attempt, name, None)


def _day(time: object) -> date | None:
    """Return the day of a time, a date or their ISO text; None for anything else."""
    if isinstance(time, datetime):
        return time.date()
    if isinstance(time, date):
        return time
    try:
        return datetime.fromisoformat(str(time)).date()
    except ValueError:
        return None


# --- reading and saying numbers -------------------------------------------------------------------------------------

_NOTHING: Any = object()
_WORDS = re.compile(r"(?i)dollars?|usdt|usd|percent|per cent|days?|pools?|coins?|[$%\s_\u00a0\u202f]|(?<=\d)x$")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def _read_number(answer: object) -> Any:  # noqa: ANN401 - a float, None for "none", or the mark for nothing at all
    """Return the number meant; None for "none"; `_NOTHING` for what is no number."""
    if not isinstance(answer, bool) and isinstance(answer, Real):
        try:
            number = float(answer)
        except OverflowError:  # an integer beyond every float
            return _NOTHING
        return number if isfinite(number) else _NOTHING
    if not isinstance(answer, str):
        return _NOTHING
    if answer.strip().casefold().rstrip(".") in _NONE:
        return None
    text = _WORDS.sub("", answer.strip().replace("\N{MINUS SIGN}", "-"))
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        text = text.replace(",", "")  # 1,000.5
    elif re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+,\d*", text):
        text = text.replace(".", "").replace(",", ".")  # 1.000,5
    elif re.fullmatch(r"[-+]?\d*,\d+", text):
        text = text.replace(",", ".")  # 9,6
    if not _NUMBER.fullmatch(text):
        return _NOTHING
    number = float(text)
    return number if isfinite(number) else _NOTHING


def _plain(value: float) -> str:
    """Return a number without digits that say nothing."""
    size = abs(value)
    text = f"{value:,.0f}" if size >= 10_000 else f"{value:,.2f}" if size >= 1 else f"{value:.4g}"  # noqa: PLR2004
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _price(value: float | None) -> str:
    return "none" if value is None else f"{value:,.2f}"


def say(value: float | None, unit: str = "") -> str:
    """Return a number with its unit; percent with one digit after the point, unless it is small.

    Args:
        value: a number, or None where there is no such price.
        unit: such as "dollars", "%" or "x".

    Example:
        >>> say(54216.867, "dollars"), say(-9.6386, "%"), say(10, "x"), say(None)
        ('54,217 dollars', '-9.6 %', '10x', 'none')
    """
    if value is None:
        return "none"
    if unit == "%":
        return f"{_plain(round(value, 1 if abs(value) >= 1 else 2))} %"
    return f"{_plain(value)}{unit}" if unit == "x" else f"{_plain(value)} {unit}".strip()


def _quoted(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004


# --- reading the bank -----------------------------------------------------------------------------------------------

_KINDS: Mapping[str, tuple[str, ...]] = {
    "number": (),
    "choice": (),
    "ordering": ("lines",),
    "counterexample": ("claim", "inputs", "checker", "code"),
}
_ROLES = ("prediction", "opening", "closing", "pretest", "posttest")
_COMMON = ("id", "kind", "notebook", "objective", "role", "text", "label")
_OWN = ("pair", "explain", "unit", "sized", "claim")


@cache
def _bank() -> Mapping[str, Question]:
    """Read the bank, once."""
    text = files("marginlib").joinpath("data", "questions.json").read_text(encoding="utf-8")
    return MappingProxyType(_read_bank(json.loads(text)))


def _read_bank(record: Mapping[str, Any]) -> dict[str, Question]:
    """Return the questions of a bank, each checked."""
    if (record.get("format"), record.get("version")) != (_FORMAT, _VERSION):
        found = f"format = {record.get('format')!r}, version = {record.get('version')!r}"
        raise MarginError(f"questions: {found}: give {_FORMAT!r} and {_VERSION}")
    bank: dict[str, Question] = {}
    for each in record["questions"]:
        made = _question(each)
        if made.id in bank:
            _refuse(made.id, "id", made.id, "an id that no other question has")
        bank[made.id] = made
    for made in bank.values():
        twin = bank.get(made.pair)
        if made.role in {"pretest", "posttest"} and (twin is None or twin.pair != made.id or twin.role == made.role):
            _refuse(made.id, "pair", made.pair, "the id of a question of the other test that names this one")
    return bank


def _question(record: Mapping[str, Any]) -> Question:
    """Return one question, or say which field of which question is wrong."""
    name = str(record.get("id", "?"))
    for key in _COMMON:
        if not isinstance(record.get(key), str) or not record[key].strip():
            _refuse(name, key, record.get(key), "a text")
    kind = record["kind"]
    if kind not in _KINDS:
        _refuse(name, "kind", kind, f"one of {', '.join(_KINDS)}")
    if record["role"] not in _ROLES:
        _refuse(name, "role", record["role"], f"one of {', '.join(_ROLES)}")
    if not re.fullmatch(r"\d\d", record["notebook"]) or not name.startswith(f"{record['notebook']}-"):
        _refuse(name, "notebook", record["notebook"], "the two digits that the id begins with")
    if record["objective"] not in {each.id for each in OBJECTIVES}:
        _refuse(name, "objective", record["objective"], "the id of an objective")
    for key in _KINDS[kind]:
        if not record.get(key):
            _refuse(name, key, record.get(key), f"what a question of kind {kind} needs")
    _CHECKS[kind](name, record)
    own = {key: record[key] for key in (*_COMMON, *_OWN) if key in record}
    limits = record.get("tolerance", {"rel": 0.005})
    try:
        tolerance, inputs = Tolerance(**limits), tuple(Input(**each) for each in record.get("inputs", []))
    except (TypeError, MarginError) as error:
        raise MarginError(f"question {name!r}: {error}") from error
    rest = {key: value for key, value in record.items() if key not in own and key not in {"tolerance", "inputs"}}
    return Question(**own, tolerance=tolerance, inputs=inputs, data=MappingProxyType(rest))


def _check_number(name: str, record: Mapping[str, Any]) -> None:
    """Refuse a question whose right answer cannot be computed."""
    if record.get("ask") not in ASKS:
        _refuse(name, "ask", record.get("ask"), f"one of {', '.join(ASKS)}")
    for which in ("case", "minus"):
        if which == "case" or which in record:
            try:
                _case_of(record[which])
            except (KeyError, TypeError, MarginError) as error:
                _refuse(name, which, record.get(which), f"an account ({error})")


def _check_choice(name: str, record: Mapping[str, Any]) -> None:
    """Refuse a choice without one right option, or with a wrong one that shows no belief."""
    if "options" not in record:
        _check_number(name, record)
        wrong = record.get("codes")
        if not wrong or any(code not in BELIEFS for code in wrong):
            _refuse(name, "codes", wrong, "codes of misconceptions")
        return
    options = record["options"]
    if sum(bool(each.get("right")) for each in options) != 1:
        _refuse(name, "options", options, "exactly one right option")
    texts = [each.get("text") for each in options]
    if len(set(texts)) != len(texts):
        _refuse(name, "options", texts, "options that differ")
    for each in options:
        if not each.get("right") and each.get("code") not in BELIEFS:
            _refuse(name, "options: code", each.get("code"), f"the belief that {each.get('text')!r} shows")


def _check_order(name: str, record: Mapping[str, Any]) -> None:
    """Refuse an ordering whose lines repeat, or whose other orders are not orders."""
    lines = record["lines"]
    if len(lines) < 3 or len(set(lines)) != len(lines):  # noqa: PLR2004 - two lines are a choice
        _refuse(name, "lines", lines, "at least three lines that differ")
    for order in record.get("equivalents", []):
        if sorted(order) != list(range(len(lines))):
            _refuse(name, "equivalents", order, f"the numbers 0 to {len(lines) - 1}, each once")
    for slip in record.get("slips", []):
        if slip.get("code") not in BELIEFS:
            _refuse(name, "slips: code", slip.get("code"), "the code of a misconception")


def _check_counterexample(name: str, record: Mapping[str, Any]) -> None:
    """Refuse a claim that nobody checks."""
    if record["checker"] not in _CHECKERS:
        _refuse(name, "checker", record["checker"], f"one of {', '.join(_CHECKERS)}")
    if record["code"] not in BELIEFS:
        _refuse(name, "code", record["code"], "the code of a misconception")


_CHECKS: Mapping[str, Callable[[str, Mapping[str, Any]], None]] = {
    "number": _check_number,
    "choice": _check_choice,
    "ordering": _check_order,
    "counterexample": _check_counterexample,
}


def _refuse(name: str, key: str, value: object, wanted: str) -> None:
    """Raise the error that names question, field, value and what would be right."""
    raise MarginError(f"question {name!r}: {key} = {_quoted(value)}: give {wanted}")
