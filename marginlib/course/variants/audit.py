"""Variants of the set."""

from marginlib.practice.tasks.task import Task

VARIANTS: tuple[Task, ...] = ()
