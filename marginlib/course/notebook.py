"""What every notebook of the course puts on its page by `from ... import *`: all that is imported here."""

from pandas import DataFrame

from marginlib import *  # noqa: F403 - the engine, whose names its own __all__ gives
from marginlib import tables
from marginlib.course import figures, survival_chart
from marginlib.course.game import play_the_desk
from marginlib.course.guess import predict
from marginlib.course.paths import path_chart
from marginlib.course.trade import my_trade
from marginlib.course.yours import yours
from marginlib.drawing import explore, figure, pool_chart, static, tank_chart
from marginlib.practice import calibration, closing_questions, gain, opening_questions, progress_page
from marginlib.tables import coins, move, share, show
from marginlib.words import money, percent, price_text
