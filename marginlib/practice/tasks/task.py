"""What an exercise is: one record per task, one module per set, and what every task must be able to say of itself.

A task asks for a value ("compute", "predict", "choose", "counterexample"), for a function ("function", "bug") or for
words ("explain"). All but the last are judged by arithmetic: `solve` gives the right answer from the task's numbers,
and each entry of `beliefs` gives what somebody who holds that belief would answer from the same numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from marginlib.errors import wrong
from marginlib.practice.beliefs.reasoning import Case

__all__ = ["KINDS", "Task", "belief_codes"]

KINDS = ("compute", "function", "predict", "explain", "bug", "counterexample", "choose")


def _nothing(_random: Random) -> dict[str, Any]:
    """Return no numbers: for a task whose text needs none."""
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One exercise: its words, its numbers, its right answer, and the wrong answers that it knows.

    Args:
        id: set and number, such as "isolated-3".
        kind: one of `KINDS`.
        points: what it is worth in a course [1].
        objective: id of the objective that it trains, such as "02-compute".
        read: id of the notebook's cell to read again.
        title: a few words.
        text: the scenario; fields such as `{margin:,.0f}` are filled with the learner's numbers.
        ask: what the answer is, with its unit.
        draw: a learner's numbers from a random generator: plain numbers and texts by name.
        cases: the arguments of one call, from a random generator; for functions alone.
        solve: the right answer from the numbers, or from the arguments of a call, all given by name.
        beliefs: misconception code (two that combine: joined by "+") -> a function like `solve`.
        catalogue: an ask of `marginlib.practice.beliefs` and a function like `solve` that gives its `Case`, where
            there is one: beliefs that are not listed here, and pairs, are then recognised, too.
        hints: a nudge, then the step that is usually missing.
        worked: the worked solution as text, from the same arguments as `solve`.
        unit: word behind a number in messages, such as "dollars".
        tolerance: largest relative error that counts as right [1].
        absolute: largest absolute error that counts as right, in the answer's unit.
        wrong: of a bug, the calculator as it was found; a function like `solve`.
        refutes: of a counterexample, (numbers, answer) -> (whether it refutes the claim, what happens there).
        inputs: of a counterexample, the names in the dict that is asked for.
        options: of a choice, letter -> text.
        reasons: of a choice that has to be defended, digit -> text.
        rubric: of words, the statements that a good text makes; the worked solution is a sample text.
        function: of a function, the name that it has in the notebook.
        open_cases: calls that the learner sees judged.
        grading_cases: further calls, drawn from the course's key.
        version: raised when the numbers or the answer change, so that old answers are not judged by new numbers.

    Raises:
        MarginError: the kind is not known, or lacks what it needs.

    Example:
        >>> Task(
        ...     id="demo-1", kind="compute", points=1, objective="01-compute", read="pnl", title="Worth",
        ...     text="You buy {quantity} BTC at {price:,.0f}.", ask="the notional in dollars",
        ...     draw=lambda random: {"quantity": random.randint(1, 9), "price": 60_000},
        ...     solve=lambda quantity, price: quantity * price,
        ...     hints=("What is one worth?", "Size times price."),
        ...     worked=lambda quantity, price: f"{quantity} x {price:,} = {quantity * price:,}",
        ... ).set
        'demo'
    """

    id: str
    kind: str
    points: int
    objective: str
    read: str
    title: str
    text: str
    ask: str
    solve: Callable[..., Any]
    hints: tuple[str, str]
    worked: Callable[..., str]
    draw: Callable[[Random], dict[str, Any]] = _nothing
    cases: Callable[[Random], dict[str, Any]] | None = None
    beliefs: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    catalogue: tuple[str, Callable[..., Case]] | None = None
    unit: str = ""
    tolerance: float = 1e-3
    absolute: float = 1e-9
    wrong: Callable[..., Any] | None = None
    refutes: Callable[[Mapping[str, Any], Mapping[str, float]], tuple[bool, str]] | None = None
    inputs: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    rubric: tuple[str, ...] = ()
    function: str = ""
    open_cases: int = 3
    grading_cases: int = 2
    version: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise wrong("kind", self.kind, f"give one of {', '.join(KINDS)}")
        needs = {
            "function": (self.cases, self.function),
            "bug": (self.cases, self.function, self.wrong),
            "counterexample": (self.refutes, self.inputs),
            "choose": (self.options,),
            "explain": (self.rubric,),
        }
        if not all(needs.get(self.kind, ())):
            raise wrong("kind", self.kind, f"{self.id} lacks a field that this kind needs; see Task")

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
        """The names of the function's arguments, in the order in which it is called."""
        return tuple(inspect.signature(self.solve).parameters)


def belief_codes(key: str) -> tuple[str, ...]:
    """Return the misconception codes of one key of `Task.beliefs`.

    Args:
        key: one code, or two joined by "+".

    Example:
        >>> belief_codes("SIGN+NO_MAINTENANCE")
        ('SIGN', 'NO_MAINTENANCE')
    """
    return tuple(key.split("+"))
