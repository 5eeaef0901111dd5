"""Rows of texts as a table, until the notebooks show tables of numbers (`marginlib.tables`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marginlib.drawing.chart import Table
from marginlib.drawing.still import _table_text, table_html
from marginlib.errors import MarginError


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table that shows itself as a cell's result.

    Args:
        table: columns and rows of texts.

    Example:
        >>> ShownTable(Table(columns=("what", "value"), rows=(("equity", "$500"),)))
        what    value
        equity   $500
    """

    table: Table

    def _repr_html_(self) -> str:
        """Return the table as HTML for a page."""
        return table_html(self.table)

    def __repr__(self) -> str:
        """Return the table as aligned text."""
        return _table_text(self.table)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> ShownTable:
    """Return rows as a table, to be shown as a cell's result; the first column names each row.

    Args:
        columns: the headings.
        rows: the cells, as many in each row as there are headings; each is shown as `str` writes it.

    Raises:
        MarginError: a row has more or fewer cells than there are headings.

    Example:
        >>> show_table(["setting", "margin"], [("2x", "$3,000"), ("10x", "$600")])
        setting  margin
        2x       $3,000
        10x        $600
    """
    texts = tuple(tuple(map(str, row)) for row in rows)
    for number, row in enumerate(texts, start=1):
        if len(row) != len(columns):
            raise MarginError(f"rows, number {number}: {len(row)} cells: give {len(columns)}, one for each heading")
    return ShownTable(Table(columns=tuple(columns), rows=texts))
