"""What every notebook of the course puts on its page: `from marginlib.course.notebook import *`."""

from pandas import DataFrame

import marginlib
from marginlib import *  # noqa: F403 - the engine, whose names its own __all__ gives
from marginlib import practice, tables
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
from marginlib.tables import coins, move, share, show
from marginlib.words import money, percent, price_text

__all__ = [  # noqa: PLE0604 - the names of the engine are strings, too
    *marginlib.__all__,
    "DataFrame",
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
    "tables",
]


def predict(question_id: str) -> practice.Card:
    """Return the card of a prediction, with a picture of the guess beside the truth where the course can draw one.

    Args:
        question_id: the question, such as "02-price".
    """
    return practice.predict(question_id, picture(question(question_id)))
