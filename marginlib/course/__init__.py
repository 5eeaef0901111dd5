"""The content of the course: what each figure shows, what each task asks. Learners call `start`, `check`, `finish`."""

from marginlib.course import figures
from marginlib.course.calculators import audit
from marginlib.course.figures.survival_map import survival_chart
from marginlib.course.refusals import show_refusals
from marginlib.course.session import Given, check, finish, start
from marginlib.course.tasks import SETS, tasks
from marginlib.practice.pages import count_exercises

__all__ = [
    "Given",
    "audit",
    "check",
    "figures",
    "finish",
    "start",
    "survival_chart",
]

# A page of progress counts them, and stands below the course, which it cannot ask.
count_exercises(lambda: [task for each in SETS for task in tasks(each)])
show_refusals()
