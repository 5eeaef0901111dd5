"""What every notebook of the course puts on its page: `from marginlib.course.notebook import *`."""

from pandas import DataFrame

import marginlib
from marginlib import *  # noqa: F403 - the engine, whose names its own __all__ gives
from marginlib import tables
from marginlib.course import figures, survival_chart
from marginlib.course.guess import predict
from marginlib.course.trade import my_trade
from marginlib.course.yours import yours
from marginlib.drawing import explore, static
from marginlib.practice import (
    calibration,
    closing_questions,
    gain,
    opening_questions,
    progress_page,
)
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
    "my_trade",
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
    "yours",
]
