"""Exercises with numbers of your own and feedback that names the belief behind a wrong answer.

    from marginlib.exercises import start, check

    numbers = start("isolated", learner="ada")    # the same numbers each time for the same name
    check("isolated-1", 54_217)                   # what you returned, the belief that gives it, hints, the solution

For those who write or grade exercises: a `Task` knows its right answer and the wrong ones; `collect` turns a learner's
value or function into plain JSON (the only place where their code runs, and it holds no answer); `judge` compares.
"""

from marginlib.exercises.collecting import collect
from marginlib.exercises.feedback import Feedback
from marginlib.exercises.judging import judge
from marginlib.exercises.numbering import given, grading_cases, open_cases, ticket
from marginlib.exercises.session import Given, check, start
from marginlib.exercises.task import SETS, Task, task, tasks

__all__ = [
    "SETS",
    "Feedback",
    "Given",
    "Task",
    "check",
    "collect",
    "given",
    "grading_cases",
    "judge",
    "open_cases",
    "start",
    "task",
    "tasks",
    "ticket",
]
