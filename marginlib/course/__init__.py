"""The content of the course: what each figure shows, what each task asks. `start` and `check` are for learners."""

from marginlib.course import figures
from marginlib.course.calculators import audit
from marginlib.course.figures.survival_map import survival_chart
from marginlib.course.session import Given, check, start

__all__ = [
    "Given",
    "audit",
    "check",
    "figures",
    "start",
    "survival_chart",
]
