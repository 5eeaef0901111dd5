from marginlib.drawing.chart import Table
from marginlib.drawing.still import Static, png, static
from marginlib.tables import Shown, show_table


def ShownTable(table: Table | Shown) -> Shown:  # noqa: N802 - it was a class
    """Return a table as it is read."""
    return table if isinstance(table, Shown) else show_table(table.columns, table.rows)
