"""The tasks of the course, one module a set: what each asks, its right answer, and the wrong ones that it knows."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module

from marginlib.errors import unknown
from marginlib.practice.tasks.numbering import NUMBERS, asked
from marginlib.practice.tasks.task import Task

__all__ = ["SETS", "drawn", "task", "tasks", "variants"]

SETS = ("sizing", "isolated", "cross", "tiers", "crash", "audit")


def tasks(set_id: str) -> tuple[Task, ...]:
    """Return the tasks of one of `SETS`, in order.

    Example:
        >>> tasks("isolated")[0].id
        'isolated-1'
    """
    if set_id not in SETS:
        raise unknown("set", set_id, SETS)
    found: tuple[Task, ...] = import_module(f"marginlib.course.tasks.{set_id}").TASKS
    return found


def drawn(set_id: str, ticket: str) -> tuple[Task, ...]:
    """Return the tasks of a set as the holder of a ticket is asked them: a graded course draws variants."""
    plain = tasks(set_id)
    if len(ticket) == NUMBERS:
        return plain
    return tuple(asked(each, variants(set_id)[each.id], ticket) for each in plain)


@cache
def variants(set_id: str) -> dict[str, tuple[Task, ...]]:
    """Return the variants of each task of a set: other questions of its family, which no public sheet answers."""
    there: tuple[Task, ...] = import_module(f"marginlib.course.variants.{set_id}").VARIANTS
    found = {each.id: [more for more in there if more.id == each.id] for each in tasks(set_id)}
    return {name: tuple(replace(each, variant=k) for k, each in enumerate(all_of, 1)) for name, all_of in found.items()}


def task(task_id: str) -> Task:
    """Return a task by its set and number, such as "isolated-3"."""
    found = {each.id: each for each in tasks(str(task_id).rpartition("-")[0])}
    if task_id not in found:
        raise unknown("task", task_id, found)
    return found[task_id]
