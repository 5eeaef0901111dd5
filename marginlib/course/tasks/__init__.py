"""The tasks of the course, one module a set: what each asks, its right answer, and the wrong ones that it knows."""

from __future__ import annotations

from importlib import import_module

from marginlib.errors import unknown
from marginlib.practice.tasks.task import Task

__all__ = ["SETS", "task", "tasks"]

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


def task(task_id: str) -> Task:
    """Return a task by its set and number, such as "isolated-3"."""
    found = {each.id: each for each in tasks(str(task_id).rpartition("-")[0])}
    if task_id not in found:
        raise unknown("task", task_id, found)
    return found[task_id]
