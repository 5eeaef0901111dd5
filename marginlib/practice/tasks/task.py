"""A task: scenario, numbers of one's own, solution, hints, and the answers of those who hold a wrong belief.

Whatever a task asks for, it can be judged by arithmetic: `solve` gives the right answer from the task's numbers, and
each entry of `beliefs` gives what somebody who holds that belief would answer from the same numbers. Each of these
functions names the numbers that it needs, and may be given all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from random import Random
from textwrap import indent
from typing import Any, ClassVar

from marginlib.errors import wrong
from marginlib.practice.beliefs.reasoning import Case

Rule = Callable[..., Any]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One exercise: its words, its numbers, its right answer, and the wrong answers that it knows.

    Raises:
        MarginError: what this kind of task needs is not there.

    Example:
        >>> asked = Compute(
        ...     id="demo-1", objective="01-compute", read="pnl", title="Worth",
        ...     text="You buy {quantity} BTC at {price:,.0f}, at {leverage}x.", ask="the notional in dollars",
        ...     draw=lambda random: {"quantity": random.randint(1, 9), "price": 60_000, "leverage": 10},
        ...     solve=lambda quantity, price: quantity * price,
        ...     nudge="What is one worth?", step="Size times price.",
        ...     worked=lambda quantity, price: f"{quantity} x {price:,} = {quantity * price:,}",
        ... )
        >>> asked.set, asked.solve(quantity=2, price=60_000, leverage=10)
        ('demo', 120000)
    """

    kind: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    id: str  # set and number, such as "isolated-3"
    objective: str  # id of the objective that it trains, such as "02-compute"
    read: str  # id of the notebook's cell to read again
    title: str  # a few words
    text: str  # the scenario; fields such as `{margin:,.0f}` are filled with the learner's numbers
    ask: str  # what the answer is, with its unit
    # The right answer from the numbers. Of a function: what it returns; its parameters are those of the learner's
    # function, in order.
    solve: Rule
    nudge: str  # the first hint
    step: str  # the second one: the step that is usually missing
    worked: Rule  # the worked solution as text
    points: int = 1  # what it is worth in a course [1]
    # A learner's numbers from a random generator: plain numbers and texts by name.
    draw: Callable[[Random], dict[str, Any]] = lambda _random: {}
    # The arguments of one call, from a random generator; for functions alone.
    cases: Callable[[Random], dict[str, Any]] | None = None
    # Misconception code (two that combine: joined by "+") -> what its holder answers.
    beliefs: Mapping[str, Rule] = field(default_factory=dict)
    # What the words ask for, as it is told to whoever left it out -> what such a person answers. What a belief leaves
    # out stands there.
    demands: Mapping[str, Rule] = field(default_factory=dict)
    words: tuple[str, ...] = ()  # of a list of words, those that may stand in it
    # An ask of `marginlib.practice.beliefs` and what gives its `Case`, where there is one: beliefs that are not listed
    # here, and pairs, are then recognised, too.
    catalogue: tuple[str, Callable[..., Case]] | None = None
    unit: str = ""  # word behind a number in messages; left out, "dollars" where `ask` speaks of them
    tolerance: float = 1e-3  # largest relative error that counts as right [1]
    absolute: float = 1e-9  # largest absolute error that counts as right, in the answer's unit
    # Of a bug, the calculator as it was found; left out, what the holder of its first belief computes.
    wrong: Rule | None = None
    # Of a counterexample, (numbers, answer) -> (whether it refutes the claim, what happens there).
    refutes: Callable[[Mapping[str, Any], Mapping[str, float]], tuple[bool, str]] | None = None
    inputs: tuple[str, ...] = ()  # of a counterexample, the names in the dict that is asked for
    options: Mapping[str, str] = field(default_factory=dict)  # of a choice, letter -> text
    reasons: Mapping[str, str] = field(default_factory=dict)  # of a choice that has to be defended, digit -> text
    # Of words, the statements that a good text makes; the worked solution is a sample text.
    rubric: tuple[str, ...] = ()
    function: str = ""  # of a function, the name that it has in the notebook
    open_cases: int = 3  # calls that the learner sees judged
    grading_cases: int = 2  # further calls, drawn from the course's key
    version: int = 1  # raised when the numbers or the answer change, so that old answers are not judged by new numbers
    variant: int = 0  # of a variant (`varied`), its number among those of its task, from 1
    found: str = ""  # of a variant of a bug, the lines of the calculator as it is found
    model: str = ""  # of a variant, the lines that stand in a model solution in the place of the three dots

    def __post_init__(self) -> None:
        for name in self.needs:
            if not getattr(self, name):
                raise wrong(name, getattr(self, name), f"{self.id} is a {self.kind}, which needs it; see Task")
        if not self.unit and "dollars" in self.ask:
            object.__setattr__(self, "unit", "dollars")
        if self.rubric:
            object.__setattr__(self, "solve", lambda: [*"abcdefgh"[: len(self.rubric)]])
        if self.kind == "bug" and self.wrong is None:
            object.__setattr__(self, "wrong", next(iter(self.beliefs.values())))
        order = self.parameters
        for name in ("solve", "worked", "wrong"):
            if getattr(self, name):
                object.__setattr__(self, name, _heeding(getattr(self, name), order))
        for name in ("beliefs", "demands"):
            heeding = {key: _heeding(rule, order) for key, rule in getattr(self, name).items()}
            object.__setattr__(self, name, heeding)
        if self.catalogue:
            object.__setattr__(self, "catalogue", (self.catalogue[0], _heeding(self.catalogue[1], order)))

    @property
    def deal(self) -> Callable[[Random], dict[str, Any]]:
        """What draws its numbers, or those of one call of a function."""
        return self.cases or self.draw

    @property
    def reading(self) -> str:
        """What it asks as it is read before it is run: the names of the numbers stand for the numbers."""
        answers, reasons = (
            "\n".join(f"- ({mark}) {text}" for mark, text in each.items()) for each in (self.options, self.reasons)
        )
        parts = [self.text, answers, "Because:" if reasons else "", reasons]
        parts += [] if self.kind == "explain" else [f"**Wanted:** {self.ask}."]
        named = re.sub(r"\{(\w+)[^}]*\}", r"`\1`", "\n\n".join(filter(None, parts)))
        return named.replace(" %", "\N{NO-BREAK SPACE}%")

    @property
    def cell(self) -> str:
        """Its answer cell with `model` as the solution, marked as nbgrader wants it."""
        if self.kind == "explain":
            return f"Your words:\n\n{BEGIN}\n{self.model or self.worked()}\n{END}"
        lines = [BEGIN, *(self.model or f"{'answer' if self.asks_function else self.answer} = 0").split("\n"), END]
        if not self.asks_function:
            return "\n".join([f'given = numbers["{self.id}"]', f"{self.answer} = ...", *lines])
        body = [*(self.found or "answer = ...").split("\n"), *lines, "return answer"]
        return indent("\n".join(body), "    ").join([f"def {self.function}({', '.join(self.parameters)}):\n", ""])

    @property
    def set(self) -> str:
        """The set that the task belongs to."""
        return self.id.rpartition("-")[0]

    @property
    def number(self) -> int:
        """The task's place in its set."""
        return int(self.id.rpartition("-")[2])

    @property
    def answer(self) -> str:
        """The name that the answer has in the notebook."""
        return self.function or f"answer_{self.number}"

    @property
    def asks_function(self) -> bool:
        """Whether the answer is a function, which is called on cases."""
        return self.cases is not None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the function's arguments, in the order in which it is called; switches of `solve` are none."""
        named = signature(self.solve).parameters.values()
        return tuple(each.name for each in named if each.kind is not Parameter.KEYWORD_ONLY)


def _heeding(rule: Rule, order: Sequence[str]) -> Rule:
    """Return a rule that takes all numbers of a task, by name or in order, and heeds those that it names."""
    parameters = signature(rule).parameters.values()
    names = [each.name for each in parameters]
    everything = any(each.kind is Parameter.VAR_KEYWORD for each in parameters)

    @wraps(rule)
    def heeds(*values: Any, **numbers: Any) -> Any:  # noqa: ANN401 - plain numbers and answers
        numbers.update(zip(order, values, strict=False))
        return rule(**numbers if everything else {name: numbers[name] for name in names if name in numbers})

    return heeds


class Compute(Task):
    """Asks for a number."""

    kind = "compute"


@dataclass(frozen=True, kw_only=True, slots=True)
class Predict(Task):
    """Asks for what will happen, before anything is computed."""

    kind = "predict"
    points: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Function(Task):
    """Asks for a function, which is called on cases."""

    kind = "function"
    needs: ClassVar[tuple[str, ...]] = ("cases", "function")
    points: int = 3


class Bug(Function):
    """Asks to mend a calculator."""

    kind = "bug"
    needs = (*Function.needs, "beliefs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Counterexample(Task):
    """Asks for an account that refutes a claim; the engine decides."""

    kind = "counterexample"
    needs = ("refutes", "inputs")
    points: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Choose(Task):
    """Asks for one of several answers, and for its reason. A belief may name the letter alone, or the digit alone."""

    kind = "choose"
    needs = ("options",)
    points: int = 2
    ask: str = 'letter and digit, such as "a1"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Explain(Task):
    """Asks for a text, which a person reads."""

    kind = "explain"
    needs = ("rubric",)
    points: int = 3
    ask: str = 'the letters of what your text says, in a list such as ["a", "c"]'
    solve: Rule = list  # all letters of the rubric


def belief_codes(key: str) -> tuple[str, ...]:
    """Return the misconception codes of one key of `Task.beliefs`.

    Example:
        >>> belief_codes("SIGN+NO_MAINTENANCE")
        ('SIGN', 'NO_MAINTENANCE')
    """
    return tuple(key.split("+"))


def varied(
    plain: Task,
    *,
    first: Rule | None = None,
    into: Rule | None = None,
    takes: Sequence[str] = (),
    instead: str = "",
    **changes: Any,  # noqa: ANN401 - fields of a task
) -> Task:
    """Return another question of a task's family; what is not changed is as in the task.

    Where `first`, `into` or `takes` say how the two differ, solution, beliefs and demands come along, and what
    `changes` holds of them counts besides; None instead of a rule leaves one out. Points, objective, kind and the
    answer's name stay.

    Args:
        plain: the task, as the public sheet asks it.
        first: from the numbers that it names to those of the task that are others.
        into: from an answer to the task, right or wrong, and the numbers that it names, to one to this question.
        takes: of a function, its arguments in order, where they are others than the task's.
        instead: what to tell whoever answers the task and not this question.
        **changes: the fields that differ.

    Example:
        >>> from marginlib.course.tasks import task
        >>> asked = varied(task("sizing-1"), into=lambda answer: answer / 1_000, ask="it in thousands of dollars")
        >>> asked.solve(quantity=2, mark=60_000, leverage=10)
        12.0
    """
    order = tuple(takes) or plain.parameters
    if first or into or (takes and "solve" not in changes):
        turned = partial(_turned, plain, first, into, order)
        changes = {name: turned(getattr(plain, name)) for name in ("solve", "wrong") if getattr(plain, name)} | changes
        for name in ("beliefs", "demands"):
            added = changes.get(name, {})
            kept = {key: turned(rule) for key, rule in getattr(plain, name).items() if key not in added}
            changes[name] = kept | {key: rule for key, rule in added.items() if rule is not None}
    if instead:

        def public(**numbers: Any) -> Any:  # noqa: ANN401 - plain numbers and answers
            """Answer as the public sheet does: a function gets as many arguments by their places."""
            placed = plain.asks_function and len(order) == len(plain.parameters)
            return plain.solve(*(numbers[name] for name in order)) if placed else plain.solve(**numbers)

        changes["demands"] = {**changes.get("demands", {}), instead: public}
    fresh: dict[str, Any] = {"catalogue": None, "version": 1, "variant": 1, "wrong": None}
    if "ask" in changes:
        fresh["unit"] = ""
    if "solve" in changes:
        fresh |= {"beliefs": {}, "demands": {}}
    return replace(plain, **{**fresh, **changes})


def _turned(plain: Task, first: Rule | None, into: Rule | None, order: Sequence[str], rule: Rule) -> Rule:
    """Return a rule of a task with other numbers before it and another answer behind it."""
    before, after = first and _heeding(first, ()), into and _heeding(into, ("answer",))
    called = plain.parameters if plain.asks_function else None

    def turned(**numbers: Any) -> Any:  # noqa: ANN401 - plain numbers and answers
        known = {**numbers, **(before(**numbers) if before else {})}
        if called is not None:  # a rule that takes all of its numbers knows no others
            known = {name: known[name] for name in called}
        answer = rule(**known)
        return after(answer, **numbers) if after and answer is not None else answer

    if plain.asks_function:
        named = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in order]
        turned.__signature__ = Signature(named)  # type: ignore[attr-defined]
    return turned
