"""When two answers count as the same: numbers within a tolerance, words without regard to capitals, lists item by item.

Answers are plain here: a number, a text, a list, a dict by name, or None where there is no such price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from marginlib.practice.tasks.collecting import Outcome
from marginlib.practice.tasks.task import Task

Case = Mapping[str, Any]
_CLEAR = 3.0  # a belief is kept this many tolerances away from the right answer


def plain(outcome: Outcome) -> Any:  # noqa: ANN401 - a plain answer
    """Return the plain answer that an outcome of `collect` holds; an outcome without one equals nothing."""
    kind, value = outcome["kind"], outcome.get("value")
    if kind == "list":
        return [plain(each) for each in value or []]
    if kind == "dict":
        return {name: plain(each) for name, each in (value or {}).items()}
    return value if kind in {"number", "text", "truth", "none"} else object()


def word(value: object) -> str:
    """Return a text as it is compared, small letters and digits alone; a list counts as its items in a row.

    Example:
        >>> word(("B)", 2)), word(" Up ")
        ('b2', 'up')
    """
    if isinstance(value, list | tuple):
        return "".join(map(word, value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(filter(str.isalnum, text.lower()))


def same(task: Task, value: Any, truth: Any, slack: float = 1.0) -> bool:  # noqa: ANN401 - plain answers
    """Return whether a plain answer counts as another one, within a multiple of the task's tolerance.

    Example:
        >>> from marginlib.course.tasks import task
        >>> same(task("sizing-1"), 600.0, 600.1), same(task("sizing-1"), 600.0, 606.0)
        (True, False)
    """
    if isinstance(truth, list | tuple):
        alike = isinstance(value, list | tuple) and len(value) == len(truth)
        return alike and all(same(task, mine, its, slack) for mine, its in zip(value, truth, strict=True))
    if isinstance(truth, str):
        return not isinstance(value, dict) and value is not None and word(value) == word(truth)
    if truth is None or not isinstance(value, int | float) or isinstance(value, bool):
        return value is truth
    if isinstance(truth, bool) or not isinstance(truth, int | float):
        return False
    return abs(value - truth) <= slack * max(task.absolute, task.tolerance * abs(truth))


def believed(function: Callable[..., Any], cases: Sequence[Case]) -> list[Any] | None:
    """Return what a function of the task says of each case, or None where it has no answer to one of them.

    Example:
        >>> believed(lambda price: 1 / price, [{"price": 4}]), believed(lambda price: 1 / price, [{"price": 0}])
        ([0.25], None)
    """
    try:
        return [function(**case) for case in cases]
    except (ArithmeticError, ValueError):
        return None


def apart(task: Task, cases: Sequence[Case]) -> bool:
    """Return whether these cases tell the right answer, every belief and every demand left out from each other."""
    rules = (*task.beliefs.values(), *task.demands.values())
    if not rules:
        return True
    found = [believed(function, cases) for function in (task.solve, *rules)]
    rows = [row for row in found if row is not None]
    if len(rows) < len(found):
        return False
    if task.kind == "choose":  # a belief names part of an answer: the letter, the reason or both
        return all(not set(word(row[0])) <= set(word(rows[0][0])) for row in rows[1:])
    return all(
        any(not same(task, mine, its, _CLEAR) for mine, its in zip(one, other, strict=True))
        for one, other in combinations(rows, 2)
    )
