"""What a person who reads a text finds below it: what a good one says, how points follow, and one way to say it."""

from __future__ import annotations

from marginlib.practice.tasks.numbering import given, ticket
from marginlib.practice.tasks.task import Task

__all__ = ["rubric"]


def rubric(task: Task) -> str:
    """Return the rubric of a task in words, as Markdown.

    Args:
        task: one that asks for words.

    Example:
        >>> from marginlib.course.tasks import task
        >>> print(rubric(task("sizing-9")).splitlines()[0])
        **How to read this text** (3 points)
    """
    share = task.points / len(task.rubric)
    lines = [f"- {statement}" for statement in task.rubric]
    sample = task.worked(**given(task, ticket(task.set)))
    return "\n".join(
        [
            f"**How to read this text** ({task.points} point{'s' if task.points > 1 else ''})",
            "",
            f"{share:g} for each statement that it makes, in whatever words, with its reason:",
            "",
            *lines,
            "",
            f"One way to say it: {sample}",
        ]
    ).replace("$", "&#36;")
