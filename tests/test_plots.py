from __future__ import annotations

import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from marginlib import MarginError
from marginlib.course import figures
from marginlib.drawing.chart import Table
from marginlib.drawing.still import Drawing, show_table, static, table_html


def pixels(png):
    return imread(io.BytesIO(png))


def test_an_updated_drawing_is_the_drawing_of_the_new_chart():
    moved = Drawing(figures.ISOLATED())
    moved.update(figures.ISOLATED(leverage=50, added=300))
    assert np.array_equal(pixels(moved.png()), pixels(Drawing(figures.ISOLATED(leverage=50, added=300)).png()))


def test_a_picture_keeps_its_size_and_shows_a_change():
    drawing = Drawing(figures.CROSS())
    before = pixels(drawing.png())
    drawing.update(figures.CROSS(leverage=5))  # no liquidation price: its marker goes
    after = pixels(drawing.png())
    assert before.shape == after.shape
    assert not np.array_equal(before, after)


def test_a_static_figure_has_picture_alt_sentence_and_table():
    chart = figures.TIERS()
    bundle = static(chart)._repr_mimebundle_()
    assert re.search(r'<img alt="[^"]*Risk tiers of BTCUSDT', bundle["text/html"])
    assert "<figcaption>" in bundle["text/html"]
    assert re.search('<th scope="row"[^>]*>tier</th><td[^>]*>3</td>', bundle["text/html"])
    assert bundle["text/plain"].startswith(chart.sentence)


def test_text_in_tables_is_escaped():
    assert "<script>" not in table_html(Table(columns=("<script>",), rows=(("a & b", "1"),)))
    assert "a &amp; b" in table_html(Table(columns=("x",), rows=(("a & b", "1"),)))


def test_a_table_shows_itself_as_text_and_as_html():
    table = show_table(["day", "equity"], [(0, "$2,000"), (10, "-$5")])
    assert repr(table).splitlines() == ["day  equity", "0    $2,000", "10      -$5"]
    assert table._repr_html_() == table_html(Table(columns=("day", "equity"), rows=(("0", "$2,000"), ("10", "-$5"))))


def test_a_table_refuses_a_row_of_another_length():
    with pytest.raises(MarginError, match="rows, number 2: 1 cells: give 2"):
        show_table(["day", "equity"], [(0, 1), (0,)])
