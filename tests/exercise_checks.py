"""What every exercise must do for any learner; the suite asks it for some, `tests/long/seeds.py` for ten thousand."""

from __future__ import annotations

from functools import cache

from submissions import solutions

from marginlib.course.tasks import SETS, tasks, variants
from marginlib.practice.tasks.collecting import collect
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import given, grading_cases, open_cases, ticket
from marginlib.practice.tasks.task import Task

ALL = [task for set_id in SETS for task in tasks(set_id)]
VARIANTS = [each for set_id in SETS for found in variants(set_id).values() for each in found]
SECRET = b"a key that a teacher keeps"
_public = cache(solutions)


def number_is_right(task: Task, value: float, truth: float) -> bool:
    """Say whether a number counts, written out once more."""
    return abs(value - truth) <= max(task.absolute, task.tolerance * abs(truth))


def answer_is_right(task: Task, value: object, truth: object) -> bool:
    """Say whether a belief's answer would pass: number, word or list."""
    if isinstance(truth, list | tuple):
        return all(answer_is_right(task, mine, its) for mine, its in zip(value, truth, strict=True))
    numbers = [isinstance(each, int | float) and not isinstance(each, bool) for each in (value, truth)]
    if all(numbers):
        return number_is_right(task, value, truth)
    return value == truth


def passing_beliefs(task: Task, cases: list[dict]) -> list[str]:
    """Return the beliefs, and the demands left out, that would pass these cases."""
    truths = [task.solve(**case) for case in cases]
    return [
        code
        for code, belief in {**task.beliefs, **task.demands}.items()
        if all(answer_is_right(task, belief(**case), truth) for case, truth in zip(cases, truths, strict=True))
    ]


def faults(task: Task, learner: str) -> list[str]:
    """Return what is wrong with this learner's numbers: beliefs that would pass."""
    seed = ticket(task.set, learner)
    found = passing_beliefs(task, open_cases(task, seed))
    if task.asks_function:
        found += passing_beliefs(task, grading_cases(task, learner, SECRET))
    given(task, seed)
    return [f"{task.id}, {learner}: {code} gives the right answer" for code in found]


def answered_by(code: str, asked: Task, mine: str) -> object:
    """Return what stands under the answer's name when an answer cell has run with somebody's numbers."""
    space = {"numbers": {asked.id: given(asked, mine)}}
    try:
        exec(compile(code, asked.id, "exec"), space)  # noqa: S102 - the course's own cells
    except (LookupError, ArithmeticError, ValueError, TypeError, StopIteration):
        return None
    return space[asked.answer]


def given_away(asked: Task, learner: str) -> list[str]:
    """Return what is wrong with this learner's variant: the public solution passes it."""
    mine = ticket(asked.set, learner)
    answer, cases = answered_by(_public(asked.set)[asked.id], asked, mine), open_cases(asked, mine)
    told = judge(asked, cases, collect(answer, cases if asked.asks_function else None))
    return [f"{asked.id} variant {asked.variant}, {learner}: the public solution passes"] if told.right else []
