"""The four kinds of questions: what each needs, its fields in the page, what is right, what is said about an answer."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from html import escape
from math import fsum
from random import Random
from typing import Any, ClassVar

from marginlib.errors import MarginError, finite
from marginlib.practice.amounts import read_number, say
from marginlib.practice.beliefs import ASKS, BELIEFS, Case, Tolerance, answer, chance, pairs, singles, working
from marginlib.practice.claims import CLAIMS
from marginlib.practice.form import choices, number_field
from marginlib.words import text_html

_Values = Mapping[str, Any]  # what stands in the fields of a form


def refused(name: str, key: str, value: object, wanted: str) -> MarginError:
    """Return the error that names question, field, value and what would be right."""
    return MarginError(f"question {name!r}: {key} = {_quoted(value)}: give {wanted}")


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said about an answer."""

    right: bool  # whether it is right
    # The answer as it was read: a number, the text of a choice, an order, the inputs; None if there is none.
    answer: Any
    message: str  # what to tell the learner
    lead: str = ""  # how it begins where the answer is wrong: what was said, and what is right
    codes: tuple[str, ...] = ()  # the belief, or the two beliefs, that the answer shows; () if none does
    answered: bool = True  # False where there is nothing to judge yet, such as an empty field or a word for a number
    ties: tuple[tuple[str, ...], ...] = ()  # further beliefs that give the same answer, each as a tuple of codes
    again: str = ""  # what to tell somebody who may try again: of a wrong answer all but what is right

    @property
    def reason(self) -> str:
        """The message without its lead, for a page that says the two already."""
        return self.message.removeprefix(self.lead).strip()


@dataclass(frozen=True, kw_only=True, eq=False)  # one object for each: a cheap key of what is computed from it
class Question:
    """One question; `bank` explains its fields, and those of each kind."""

    kind: ClassVar[str]

    id: str
    notebook: str
    objective: str
    role: str
    text: str
    label: str
    pair: str = ""
    explain: str = ""
    why: str = ""

    @property
    @abstractmethod
    def right(self) -> Any:  # noqa: ANN401 - a number, a text, an order, or None for "any inputs that refute the claim"
        """The right answer, as it is kept."""

    @abstractmethod
    def judge(self, answer: object) -> Verdict:
        """Return what is to be said about an answer: whether it is right, which belief it shows, and why."""

    @abstractmethod
    def markup(self, learner: str, /) -> str:
        """Return the fields, as HTML; the order of options is the learner's own, and stays."""

    def read(self, values: _Values) -> Any:  # noqa: ANN401
        """Return what stands in the fields, for `judge`, which knows what is missing."""
        return values.get("value", "")

    @property
    def asks(self) -> str:
        """What is asked, in one sentence: the last one with a question mark, else the last one."""
        sentences = re.split(r"(?<=[.?!])\s+", self.text)
        return next((each for each in reversed(sentences) if each.endswith("?")), sentences[-1])

    @property
    def offered(self) -> tuple[str, ...]:
        """What there is to choose from, or to put in order, as a page without a kernel shows it."""
        return ()

    def shown(self, answer: Any) -> str:  # noqa: ANN401
        """Return a kept answer as text; the question may have had another kind when it was kept."""
        try:
            return self.told(answer)
        except (KeyError, TypeError, ValueError):
            return str(answer)

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer of this kind as text."""
        return str(answer)

    @cached_property
    def _because(self) -> str:
        """One line of arithmetic or reason."""
        return f"Here: {self.explain}" if self.explain else ""

    def _refuse(self, key: str, value: object, wanted: str) -> MarginError:
        return refused(self.id, key, value, wanted)

    def _known(self, key: str, *codes: object) -> None:
        """Refuse what is no code of a belief."""
        for code in codes:
            if code not in BELIEFS:
                raise self._refuse(key, code, "the code of a belief")

    def _wrong(
        self, given: object, lead: str, hint: str = "", found: Sequence[tuple[str, ...]] = (), right: str = ""
    ) -> Verdict:
        """Return the verdict on a wrong answer: what is right, then the beliefs in words and what holds instead."""
        codes, *ties = found or [()]
        held = [BELIEFS[code] for code in codes]
        said: list[str] = []
        if held:
            many = "two beliefs" if len(held) > 1 else "a common belief"
            quoted = " and ".join(f"“{each.statement}”" for each in held)
            said += [f"Your answer follows from {many}:", quoted, *(each.remedy for each in held)]
            # A tie is told as one; of more than one other belief only the first is named, for a short message.
            others = [code for tie in ties for code in tie if code not in codes]
            said += [f"(Or was it this? {BELIEFS[others[0]].statement})"] if others else []
        message = " ".join(filter(None, (lead, "That is not right.", right or hint, *said, self._because)))
        again = " ".join(filter(None, ("Not yet.", hint, *said, "Try once more; then the answer is shown.")))
        return Verdict(
            right=False, answer=given, codes=codes, message=message, lead=lead, ties=tuple(ties), again=again
        )

    def _right(self, given: object, lead: str) -> Verdict:
        return Verdict(right=True, answer=given, message=f"{lead} {self._because}".strip())


def _unanswered(message: str) -> Verdict:
    return Verdict(right=False, answer=None, message=message, answered=False)


def _no_answer(answer: object, what: str) -> str:
    """Return why there is nothing to judge."""
    return f"{_quoted(answer)} is not a {what}" if answer is not None and str(answer).strip() else "No answer yet"


# How near an answer must be to the number of one belief, and of two; how often two may fit by chance.
_FIT, _PAIR_FIT, _CHANCE = 0.01, 0.001, 0.02
_EITHER_SIGN = {"pnl", "equity", "funding"}
_OWN = {"available_balance", "left_at_liquidation", "loss_at_liquidation", "money_left", "most_you_can_lose"}
_WANTED = {
    "%": "a number in percent, such as 12.5",
    "dollars": "a number in dollars, such as 12.5",
    "x": "a leverage, such as 12.5",
    "days": "a number of days, such as 12.5",
    "pools": "a number of pools, such as 12",
    "coins": "a number of coins, such as 12.5",
    "": "a number, such as 12.5",
}


@cache
def _says(asked: Number, *codes: str) -> float | None:
    """Return the number that the holder of some beliefs gives."""
    found = [answer(asked.ask, case, *codes) for case in asked.cases]
    if None in found:
        return None
    value, *before = [each or 0.0 for each in found]
    return asked.times * (value - sum(before))


@dataclass(frozen=True, kw_only=True, eq=False)
class Number(Question):
    """A question for a number, or for "none"; what is right, and what each belief says, is computed."""

    kind = "number"

    ask: str = ""
    case: Mapping[str, Any] = field(default_factory=dict)
    minus: Mapping[str, Any] | None = None
    times: float = 1
    unit: str = ""
    tolerance: Any = None
    sized: bool = False

    def __post_init__(self) -> None:
        if self.ask not in ASKS:
            raise self._refuse("ask", self.ask, f"one of {', '.join(ASKS)}")
        try:
            object.__setattr__(self, "tolerance", Tolerance(**(self.tolerance or {"rel": 0.005})))
        except (TypeError, MarginError) as error:
            raise MarginError(f"question {self.id!r}: {error}") from error
        try:
            _ = self.cases
        except (KeyError, TypeError, MarginError) as error:
            which = "case" if self.minus is None else "minus"
            raise self._refuse(which, getattr(self, which), f"an account ({error})") from error

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The account asked about, and, where a difference is asked, the account before."""
        return tuple(Case.from_plain(each) for each in (self.case, self.minus) if each is not None)

    def says(self, *codes: str) -> float | None:
        """Return the number that the holder of some beliefs gives; without codes, the right one."""
        return _says(self, *codes)

    @property
    def right(self) -> float | None:
        """The right number; None where there is none."""
        return self.says()

    @cached_property
    def room(self) -> tuple[float, float]:
        """The least and the largest number that can be meant, from what is asked and of which account.

        Money: all that the account has; of what its positions need or earn, all that they are worth besides. A price:
        up to a hundred times the mark. A fall, a probability or a share of the margin: up to 100 %.
        """
        account = self.cases[-1].account
        worth = [abs(each.unrealized_pnl) if self.ask in _OWN else each.notional for each in account.positions]
        rises = self.ask == "margin_ratio" or (self.ask == "liquidation_move" and self.times > 0)
        high = {
            "$": fsum([account.wallet_balance, *worth]),
            "price": 100 * max(each.mark_price for each in account.positions),
            "fraction": 1_000.0 if rises else 100.0,
            "x": 1_000.0,
            "days": 36_500.0,
            "pools": 100.0,
        }[ASKS[self.ask].unit]
        return (-high if self.minus is not None or self.ask in _EITHER_SIGN else 0.0), high

    @cached_property
    def _fit(self) -> Tolerance:
        """How near an answer must be to a belief's number: within the question's tolerance, and within 1 %."""
        return Tolerance(rel=min(self.tolerance.rel or _FIT, _FIT), abs=0.0)

    def judge(self, answer: object) -> Verdict:
        """Judge a number or its text: "9.6", "9,6 %", "$1,000"; None or "none" where there is no such number."""
        given, unit = read_number(answer)
        if isinstance(given, str):
            return self._asked_back(_no_answer(answer, "number"))
        if self.unit == "pools" and (given or 0) % 1:
            return self._asked_back(f"{_quoted(answer)} is no whole number")
        if unit not in {"", self.unit}:
            return self._asked_back(f"{_quoted(answer)} has another unit")
        readings = list(self._readings(given, plain=not unit))
        for value, note in readings:
            if self.tolerance.same(value, self.right):
                return self._right(given, f"Right: {self.shown(self.right)}. {note}".rstrip())
        return self._judge_wrong(given, readings)

    def _asked_back(self, what: str) -> Verdict:
        """Return what is said to something that is no answer here: why, and what would be one."""
        none = ' If you think that there is no such number, write "none".' if self.right is None else ""
        return _unanswered(f"{what}: give {_WANTED[self.unit]}.{none}")

    def _judge_wrong(self, given: float | None, readings: Sequence[tuple[float | None, str]]) -> Verdict:
        """Name one belief, or ask back what cannot be, or name a slip, or two beliefs: the first of these that fits."""
        lead = f"You said {self.shown(given)}, and it is {self.shown(self.right)}."
        said = singles(self.says, self.tolerance.same)
        for value, note in readings:
            # The nearest first. No "none" means that profit is the price move on the margin, though that ends nothing.
            off = {code: abs((its or 0) - (value or 0)) for code, its in said.items() if self._fit.same(value, its)}
            if value is None:
                off.pop("MARGIN_IS_SIZE", None)
            if off:
                held = sorted(off, key=lambda code: round(off[code], 6))
                return self._wrong(given, lead, note, [(code,) for code in held])
        value, note = readings[0]
        if value is None:
            return self._wrong(given, lead)
        low, high = self.room
        if not low <= value <= high:
            return _unanswered(f"{self.shown(given)} cannot be: give a number from {say(low)} to {self.shown(high)}.")
        slip = self._slip(value)
        fraction = readings[-1][1] if abs(self.right or 0) >= 1 else ""
        return self._wrong(given, lead, slip or note or fraction, () if slip else self._pairs(value))

    def _readings(self, given: float | None, *, plain: bool) -> Iterable[tuple[float | None, str]]:
        """Yield what a number may have meant: itself, without a sign that the words give, a fraction for percent."""
        value, note = given, ""
        if self.sized and given is not None and given < 0:
            value, note = -given, "The question gives the direction, so the sign is not needed."
        yield value, note
        if plain and self.unit == "%" and value is not None and 0 < abs(value) < 1:
            yield 100 * value, f"{say(value)} is a fraction, not percent: it means {say(100 * value, '%')}."

    def _slip(self, value: float) -> str:
        """Return what to say where only the sign or the decimal point is wrong."""
        truth = self.right
        if not truth:
            return ""
        if self.tolerance.same(-value, truth):
            return "The size is right, the sign is not."
        for factor in (10, 100, 1_000):
            for times, way in ((factor * truth, "large"), (truth / factor, "small")):
                if Tolerance(rel=_FIT).same(value, times):
                    return f"The digits are right, the decimal point is not: it is {factor:,} times too {way}."
        return ""

    def _pairs(self, value: float) -> list[tuple[str, ...]]:
        """Return the two beliefs, or several such pairs, that give a number, where that can hardly be chance.

        Many pairs give many numbers, and nonsense meets one of them easily. So two beliefs are named only where fewer
        than 2 % of the numbers from half to double the one given are as near to that of any pair, within 0.1 %.
        """
        fit = Tolerance(rel=min(self._fit.rel, _PAIR_FIT), abs=0.0)
        said = {codes: its for codes, its in pairs(self.says, self.tolerance.same).items() if its is not None}
        found = [codes for codes, its in said.items() if fit.same(value, its)]
        return found if found and chance(value, said.values(), fit) < _CHANCE else []

    @cached_property
    def _because(self) -> str:
        if self.explain:
            return super()._because
        line, *before = (working(self.ask, case) for case in self.cases)
        if before:
            line = f"before, {before[0]}; after, {line}"
            line += "" if self.right is None else f": a difference of {self.shown(self.right)}"
        return f"Here: {line}."

    def markup(self, _learner: str, /) -> str:
        """Return a field."""
        return f"<div>{number_field('value', self.label)}</div>"

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer as text."""
        return say(answer, self.unit)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One choice of a question."""

    text: str  # what it says
    right: bool = False  # whether it is right
    code: str = ""  # the belief that a wrong one shows


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice(Question):
    """A question with options of which one is right; wrong ones show beliefs."""

    kind = "choice"

    options: Any = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(Option(**each) for each in self.options))
        if sum(option.right for option in self.options) != 1:
            raise self._refuse("options", self.texts, "exactly one right option")
        if len(set(self.texts)) != len(self.texts):
            raise self._refuse("options", self.texts, "options that differ")
        if len(self.options) < 3:  # noqa: PLR2004 - of two, every second guess is right
            raise self._refuse("options", self.texts, "at least three options")
        for option in self.options:
            if option.code and option.code not in BELIEFS:
                raise self._refuse("options: code", option.code, f"the belief that {option.text!r} shows, or none")

    @property
    def right(self) -> str:
        """The text of the right option."""
        return next(str(option.text) for option in self.options if option.right)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the options, in the order of the bank."""
        return tuple(each.text for each in self.options)

    def order(self, learner: str) -> list[int]:
        """Return the numbers of the options, shuffled for a learner, the same whenever that learner asks."""
        places = list(range(len(self.options)))
        Random(f"{learner} {self.id}").shuffle(places)
        return places

    @property
    def offered(self) -> tuple[str, ...]:
        """The texts in one order for everybody; the right one is not the first, where most people look."""
        order = self.order("everybody")
        if self.options[order[0]].right:
            order.reverse()
        return tuple(self.texts[k] for k in order)

    def judge(self, answer: object) -> Verdict:
        """Judge an option, given by its text, its letter or its number from 0."""
        named: dict[object, Option] = {chr(ord("a") + k): each for k, each in enumerate(self.options)}
        named |= {each.text.casefold(): each for each in self.options} | dict(enumerate(self.options))
        number = isinstance(answer, int) and not isinstance(answer, bool)
        picked = named.get(answer if number else str(answer).strip().casefold())
        if picked is None:
            return _unanswered(f"{_no_answer(answer, 'choice')}: choose one of {', '.join(self.offered)}.")
        if picked.right:
            return self._right(picked.text, f"Right: {picked.text}.")
        lead = f"You said: {picked.text}. It is: {self.right}."
        return self._wrong(picked.text, lead, found=[(picked.code,)] if picked.code else ())

    def markup(self, learner: str, /) -> str:
        """Return the options."""
        return choices("value", self.label, self.texts, self.order(learner))

    def read(self, values: _Values) -> Any:  # noqa: ANN401
        """Return the number of the option chosen, from 0."""
        return int(values["value"]) if "value" in values else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordering(Question):
    """A question for an order."""

    kind = "ordering"

    lines: Sequence[str] = ()
    equivalents: Sequence[Sequence[int]] = ()
    slips: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        places = list(range(len(self.lines)))
        if len(places) < 3 or len(set(self.lines)) != len(places):  # noqa: PLR2004 - two lines are a choice
            raise self._refuse("lines", self.lines, "at least three lines that differ")
        for order in self.equivalents:
            if sorted(order) != places:
                raise self._refuse("equivalents", order, f"the numbers 0 to {len(places) - 1}, each once")
        self._known("slips: code", *(slip.get("code") for slip in self.slips))

    @property
    def right(self) -> tuple[str, ...]:
        """The lines in the right order."""
        return tuple(self.lines)

    @property
    def offered(self) -> tuple[str, ...]:
        """The lines in an order that is not the right one."""
        return tuple(self.lines[k] for k in sorted(range(len(self.lines)), key=lambda k: (k * 5 + 3) % 7))

    def judge(self, answer: object) -> Verdict:
        """Judge the lines, or their numbers from 0 in `offered`."""
        order = self._order(answer)
        if order is None:
            return _unanswered(f"Put all {len(self.lines)} lines in order, each once.")
        rights = [list(range(len(self.lines))), *self.equivalents]
        said = tuple(self.lines[k] for k in order)
        if order in rights:
            return self._right(said, "Right, in this order.")
        # The first line out of place, told against the right order that the answer follows longest.
        place = max(next(k for k, (a, b) in enumerate(zip(order, right, strict=True)) if a != b) for right in rights)
        slipped = [(each["code"],) for each in self.slips if order.index(each["first"]) < order.index(each["then"])]
        begun = f"The first {place} of {len(order)} lines are" if place else "The first line is not"
        hint = f"{begun} in place. “{said[place]}” comes later."
        listed = "".join(f"\n{place}. {line}" for place, line in enumerate(self.right, start=1))
        return self._wrong(said, "", hint, slipped[:1], f"The right order:{listed}\n")

    def _order(self, answer: object) -> list[int] | None:
        """Return the order meant, as places in the right one; None if it is not every line once."""
        if not isinstance(answer, Sequence) or isinstance(answer, str):
            return None
        shown = dict(enumerate(self.offered))
        texts = [shown.get(each, "") if isinstance(each, int) else str(each) for each in answer]
        return [self.lines.index(text) for text in texts] if sorted(texts) == sorted(self.lines) else None

    def markup(self, _learner: str, /) -> str:
        """Return the lines with buttons that move them."""
        rows = "".join(
            f'<li data-key="{key}"><div class="marginlib-row"><span>{text_html(line)}</span><span class="moves">'
            f'<button type="button" data-move="up" aria-label="Up: {escape(line)}">Up</button>'
            f'<button type="button" data-move="down" aria-label="Down: {escape(line)}">Down</button></span></div></li>'
            for key, line in enumerate(self.offered)
        )
        return (
            f"<fieldset><legend>{text_html(self.label)}</legend>"
            f'<p>Put the first line at the top.</p><ol data-name="value">{rows}</ol></fieldset>'
        )

    def read(self, values: _Values) -> Any:  # noqa: ANN401
        """Return the lines from top to bottom."""
        return [self.offered[int(key)] for key in values.get("value", range(len(self.lines)))]

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer as text."""
        return " ".join(f"{place}. {line}" for place, line in enumerate(answer, start=1))


@dataclass(frozen=True, kw_only=True)
class Input:
    """One number that a counterexample is made of.

    Raises:
        MarginError: the range is empty or not finite.
    """

    name: str  # its name in the answer
    label: str  # what it is, with its unit
    low: float  # the least value
    high: float  # the largest value

    def __post_init__(self) -> None:
        for each in ("low", "high"):
            object.__setattr__(self, each, finite(f"input {self.name}: {each}", getattr(self, each)))
        if self.low >= self.high:
            raise MarginError(f"input {self.name}: high = {self.high!r}: give more than low = {self.low!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Counterexample(Question):
    """A claim to refute with numbers."""

    kind = "counterexample"

    claim: str = ""
    inputs: Any = ()
    checker: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        for key in ("claim", "inputs"):
            if not getattr(self, key):
                raise self._refuse(key, getattr(self, key), f"what a question of kind {self.kind} needs")
        if self.checker not in CLAIMS:
            raise self._refuse("checker", self.checker, f"one of {', '.join(CLAIMS)}")
        self._known("code", self.code)
        object.__setattr__(self, "inputs", tuple(Input(**each) for each in self.inputs))

    @property
    def right(self) -> None:
        """None: any numbers that refute the claim are right."""
        return

    def judge(self, answer: object) -> Verdict:
        """Judge the inputs, by name."""
        numbers: dict[str, float] = {}
        given = answer if isinstance(answer, Mapping) else {}
        for each in self.inputs:
            value, _ = read_number(given.get(each.name))
            if not isinstance(value, float):
                return _unanswered(f"No answer yet: give a number for {each.label}.")
            if not each.low <= value <= each.high:
                room = f"from {say(each.low)} to {say(each.high)}"
                return _unanswered(f"{each.label} = {say(value)}: give a number {room}.")
            numbers[each.name] = value
        refuted, line = CLAIMS[self.checker](**numbers)
        if refuted:
            return Verdict(right=True, answer=numbers, message=f"Right, that refutes it: {line}.")
        message = f"Not right yet: {line}. The claim still holds there. {BELIEFS[self.code].remedy}"
        return Verdict(right=False, answer=numbers, codes=(self.code,), message=message, again=message)

    def markup(self, _learner: str, /) -> str:
        """Return a field for each number."""
        each_field = "".join(
            number_field(each.name, f"{each.label}, from {say(each.low)} to {say(each.high)}") for each in self.inputs
        )
        return f"<fieldset><legend>{text_html(self.label)}</legend>{each_field}</fieldset>"

    def read(self, values: _Values) -> Any:  # noqa: ANN401
        """Return what was typed, by name."""
        return {each.name: values.get(each.name) for each in self.inputs}

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer as text."""
        return ", ".join(f"{each.label} {say(answer[each.name])}" for each in self.inputs)


KINDS: Mapping[str, type[Question]] = {each.kind: each for each in (Number, Choice, Ordering, Counterexample)}
