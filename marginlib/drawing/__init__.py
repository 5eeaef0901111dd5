"""A figure is a table: `chart` says what it shows, `static` draws it still, `explore` lets it live in the browser."""

from marginlib.drawing.live import ExplorerPanel, explore
from marginlib.drawing.still import ShownTable, show_table, static

__all__ = ["ExplorerPanel", "ShownTable", "explore", "show_table", "static"]
