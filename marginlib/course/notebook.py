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
)
from marginlib.tables import coins, move, share, show
from marginlib.words import money, percent, price_text

__all__ = [
    "calibration",
    "closing_questions",
    "coins",
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
    "share",
    "show",
    "static",
    "survival_chart",
]
