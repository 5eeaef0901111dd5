"""A task: scenario, numbers of one's own, solution, hints, and the answers of those who hold a wrong belief.

Whatever a task asks for, it can be judged by arithmetic: `solve` gives the right answer from the task's numbers, and
each entry of `beliefs` gives what somebody who holds that belief would answer from the same numbers. Each of these
functions names the numbers that it needs, and may be given all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from inspect import Parameter, signature
from random import Random
from typing import Any, ClassVar

from marginlib.errors import wrong
from marginlib.practice.beliefs.reasoning import Case

Rule = Callable[..., Any]


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
