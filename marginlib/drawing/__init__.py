"""A figure is a table first: how a picture, a sentence and a few numbers come from it, and how all of them look.

`chart` says what a figure shows, `static` draws it still, `explore` lets it live in the browser.
"""

from marginlib.drawing.chart import Axis, Chart, Line, Marker, Note, Panel, Table, choice, figure, pool_chart, slider
from marginlib.drawing.live import explore
from marginlib.drawing.still import static
from marginlib.drawing.tanks import tank_chart

__all__ = [
    "Axis",
    "Chart",
    "Line",
    "Marker",
    "Note",
    "Panel",
    "Table",
    "choice",
    "explore",
    "figure",
    "pool_chart",
    "slider",
    "static",
    "tank_chart",
]
