"""What every notebook of the course puts on its page: `from marginlib.course.notebook import *`."""

from marginlib.course import figures, survival_chart
from marginlib.drawing import explore, static
from marginlib.practice import (
    calibration,
    closing_questions,
    gain,
    opening_questions,
    predict,
    progress_page,
    reveal,
)
from marginlib.tables import move, show
from marginlib.words import money, percent, price_text

__all__ = [
    "calibration",
    "closing_questions",
    "explore",
    "figures",
    "gain",
    "money",
    "move",
    "opening_questions",
    "percent",
    "predict",
    "price_text",
    "progress_page",
    "reveal",
    "show",
    "static",
    "survival_chart",
]
