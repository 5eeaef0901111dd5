"""A figure is a table first: how a picture, a sentence and a few numbers come from it, and how all of them look.

`chart` says what a figure shows, `static` draws it still, `explore` lets it live in the browser.
"""

from marginlib.drawing.chart import (
    Area,
    Chart,
    Control,
    Explorer,
    Line,
    Marker,
    Panel,
    Table,
    choice,
    pool_chart,
    slider,
)
from marginlib.drawing.live import ExplorerPanel, explore
from marginlib.drawing.still import ShownTable, show_table, static

__all__ = [
    "Area",
    "Chart",
    "Control",
    "Explorer",
    "ExplorerPanel",
    "Line",
    "Marker",
    "Panel",
    "ShownTable",
    "Table",
    "choice",
    "explore",
    "pool_chart",
    "show_table",
    "slider",
    "static",
]
