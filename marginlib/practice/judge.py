"""The four kinds of questions: what each needs, its fields in the page, what is right, what is said about an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from html import escape
from random import Random
from typing import Any, ClassVar

from marginlib.errors import MarginError, finite
from marginlib.practice.amounts import read_number, say
from marginlib.practice.beliefs import ASKS, BELIEFS, Case, Tolerance, answer, explanations, working
from marginlib.practice.claims import CLAIMS
from marginlib.practice.form import choices, number_field
from marginlib.words import text_html

__all__ = [
    "KINDS",
    "Choice",
    "Counterexample",
    "Input",
    "Number",
    "Option",
    "Ordering",
    "Question",
    "Verdict",
    "refused",
]

_Values = Mapping[str, Any]  # what stands in the fields of a form


def refused(name: str, key: str, value: object, wanted: str) -> MarginError:
    """Return the error that names question, field, value and what would be right."""
    return MarginError(f"question {name!r}: {key} = {_quoted(value)}: give {wanted}")


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said about an answer.

    Args:
        right: whether it is right.
        answer: the answer as it was read: a number, the text of a choice, an order, the inputs; None if there is none.
        codes: the belief, or the two beliefs, that the answer shows; () if none does.
        message: what to tell the learner.
        answered: False where there is nothing to judge yet, such as an empty field or a word for a number.
        ties: further beliefs that give the same answer, each as a tuple of codes.
    """

    right: bool
    answer: Any
    message: str
    codes: tuple[str, ...] = ()
    answered: bool = True
    ties: tuple[tuple[str, ...], ...] = ()


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

    @abstractmethod
    def fill(self, answer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what the fields hold when an answer stands in them."""

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

    def _because(self) -> str:
        """Return one line of arithmetic or reason."""
        return f"Here: {self.explain}" if self.explain else ""

    def _refuse(self, key: str, value: object, wanted: str) -> MarginError:
        return refused(self.id, key, value, wanted)

    def _known(self, key: str, *codes: object) -> None:
        """Refuse what is no code of a belief."""
        for code in codes:
            if code not in BELIEFS:
                raise self._refuse(key, code, "the code of a belief")

    def _verdict(
        self, given: object, lead: str, codes: tuple[str, ...] = (), ties: Sequence[tuple[str, ...]] = ()
    ) -> Verdict:
        """Return the verdict on a wrong answer: the beliefs in words, what holds instead, and why."""
        held = [BELIEFS[code] for code in codes]
        said = [lead]
        if held:
            many = "two beliefs" if len(held) > 1 else "a common belief"
            quoted = " and ".join(
                f"\N{LEFT DOUBLE QUOTATION MARK}{each.statement}\N{RIGHT DOUBLE QUOTATION MARK}" for each in held
            )
            said += [f"That is what follows from {many}:", quoted, *(each.remedy for each in held)]
            # A tie is told as one; of more than one other belief only the first is named, for a short message.
            others = [code for tie in ties for code in tie if code not in codes]
            said += [f"(Or was it this? {BELIEFS[others[0]].statement})"] if others else []
        message = " ".join(each for each in (*said, self._because()) if each)
        return Verdict(right=False, answer=given, codes=codes, message=message, ties=tuple(ties))

    def _right(self, given: object, lead: str) -> Verdict:
        return Verdict(right=True, answer=given, message=f"{lead} {self._because()}".strip())


def _unanswered(message: str) -> Verdict:
    return Verdict(right=False, answer=None, message=message, answered=False)


def _no_answer(answer: object, what: str) -> str:
    """Return why there is nothing to judge."""
    return f"{_quoted(answer)} is not a {what}" if answer is not None and str(answer).strip() else "No answer yet"


# --- a number -------------------------------------------------------------------------------------------------------


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

    def judge(self, answer: object) -> Verdict:
        """Judge a number or its text: "9.6", "9,6 %", "1,000"; None or "none" where there is no such number."""
        given, truth = read_number(answer), self.right
        if isinstance(given, str):
            unit = f" in {self.unit}" if self.unit else ""
            none = ' If you think that there is no such number, write "none".' if truth is None else ""
            return _unanswered(f"{_no_answer(answer, 'number')}: give a number{unit}, such as 12.5.{none}")
        found: tuple[tuple[str, ...], ...] = ()
        for value, note in self._readings(given, plain="%" not in str(answer)[:99]):
            if self.tolerance.same(value, truth):
                return self._right(given, f"Right: {self.shown(truth)}. {note}".rstrip())
            found = found or explanations(value, self.says, self.tolerance)
        lead = f"You said {self.shown(given)}, and it is {self.shown(truth)}."
        if not found and given is not None and truth is not None and self.tolerance.same(-given, truth):
            lead += " The size is right, the sign is not."
        codes, *ties = found or ((),)
        return self._verdict(given, lead, codes, ties)

    def _readings(self, given: float | None, *, plain: bool) -> Iterable[tuple[float | None, str]]:
        """Yield what a number may have meant: itself, without a sign that the words give, a fraction for percent."""
        value, note = given, ""
        if self.sized and given is not None and given < 0:
            value, note = -given, "The question gives the direction, so the sign is not needed."
        yield value, note
        if plain and self.unit == "%" and value is not None and abs(value) < 1:
            yield 100 * value, f"You wrote {say(value)}, the same as a fraction; the unit here is %."

    def _because(self) -> str:
        if self.explain:
            return super()._because()
        line, *before = (working(self.ask, case) for case in self.cases)
        if before:
            line = f"before, {before[0]}; after, {line}"
            line += "" if self.right is None else f": a difference of {self.shown(self.right)}"
        return f"Here: {line}."

    def markup(self, _learner: str, /) -> str:
        """Return a field."""
        return f"<div>{number_field('value', self.label)}</div>"

    def fill(self, answer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the field with a number in it."""
        return {"value": "none" if answer is None else repr(answer)}

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer as text."""
        return say(answer, self.unit)


# --- a choice -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Option:
    """One choice of a question.

    Args:
        text: what it says.
        right: whether it is right.
        code: the belief that a wrong one shows.
    """

    text: str
    right: bool = False
    code: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice(Question):
    """A question with options of which one is right; each wrong one shows a belief."""

    kind = "choice"

    options: Any = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(Option(**each) for each in self.options))
        if sum(option.right for option in self.options) != 1:
            raise self._refuse("options", self.texts, "exactly one right option")
        if len(set(self.texts)) != len(self.texts):
            raise self._refuse("options", self.texts, "options that differ")
        for option in self.options:
            if not option.right and option.code not in BELIEFS:
                raise self._refuse("options: code", option.code, f"the belief that {option.text!r} shows")

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
        return self._verdict(picked.text, f"You said: {picked.text}. It is: {self.right}.", (picked.code,))

    def markup(self, learner: str, /) -> str:
        """Return the options."""
        return choices("value", self.label, self.texts, self.order(learner))

    def read(self, values: _Values) -> Any:  # noqa: ANN401
        """Return the number of the option chosen, from 0."""
        return int(values["value"]) if "value" in values else None

    def fill(self, answer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the group with an option chosen, given its text."""
        return {"value": str(self.texts.index(answer))}


# --- an order -------------------------------------------------------------------------------------------------------


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
        slipped = [each["code"] for each in self.slips if order.index(each["first"]) < order.index(each["then"])]
        lead = (
            f"The first {place} of {len(order)} lines are in place." if place else "The first line is not in place yet."
        )
        lead += f" \N{LEFT DOUBLE QUOTATION MARK}{said[place]}\N{RIGHT DOUBLE QUOTATION MARK} comes later."
        return self._verdict(said, lead, tuple(slipped[:1]))

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

    def fill(self, answer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the list in an order, given the lines."""
        return {"value": [str(self.offered.index(line)) for line in answer]}

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer as text."""
        return "; ".join(f"{place}. {line}" for place, line in enumerate(answer, start=1))


# --- a counterexample -----------------------------------------------------------------------------------------------


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
            value = read_number(given.get(each.name))
            if not isinstance(value, float):
                return _unanswered(f"No answer yet: give a number for {each.label}.")
            if not each.low <= value <= each.high:
                room = f"from {say(each.low)} to {say(each.high)}"
                return _unanswered(f"{each.label} = {say(value)}: give a number {room}.")
            numbers[each.name] = value
        refuted, line = CLAIMS[self.checker](**numbers)
        if refuted:
            return Verdict(right=True, answer=numbers, message=f"Right, that refutes it: {line}.")
        message = f"Not yet: {line}. The claim still holds there. {BELIEFS[self.code].remedy}"
        return Verdict(right=False, answer=numbers, codes=(self.code,), message=message)

    def markup(self, _learner: str, /) -> str:
        """Return a field for each number."""
        each_field = "".join(
            number_field(each.name, f"{each.label}, from {say(each.low)} to {say(each.high)}") for each in self.inputs
        )
        return f"<fieldset><legend>{text_html(self.label)}</legend>{each_field}</fieldset>"

    def read(self, values: _Values) -> Any:  # noqa: ANN401
        """Return what was typed, by name."""
        return {each.name: values.get(each.name) for each in self.inputs}

    def fill(self, answer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the fields with numbers in them."""
        return {name: repr(value) for name, value in answer.items()}

    def told(self, answer: Any) -> str:  # noqa: ANN401
        """Return an answer as text."""
        return ", ".join(f"{each.label} {say(answer[each.name])}" for each in self.inputs)


KINDS: Mapping[str, type[Question]] = {each.kind: each for each in (Number, Choice, Ordering, Counterexample)}
