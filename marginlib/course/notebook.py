"""What every notebook of the course puts on its page: `from marginlib.course.notebook import *`."""

from marginlib import practice
from marginlib.course import figures, survival_chart
from marginlib.course.guess import picture
from marginlib.drawing import explore, static
from marginlib.practice import (
    calibration,
    closing_questions,
    gain,
    opening_questions,
    progress_page,
)
from marginlib.practice.bank import question
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
    "show",
    "static",
    "survival_chart",
]


def predict(question_id: str) -> practice.Card:
    """Return the card of a prediction, with a picture of the guess beside the truth where the course can draw one.

    Args:
        question_id: the question, such as "02-price".
    """
    return practice.predict(question_id, picture(question(question_id)))
