from __future__ import annotations

import io
import re

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from marginlib.course import figures
from marginlib.drawing.chart import Table
from marginlib.drawing.still import png, static, table_html


def pixels(png):
    return imread(io.BytesIO(png))


def test_pictures_have_one_size_and_show_a_change():
    many, none = (pixels(png(figures.CROSS(leverage=each))) for each in (20, 5))  # at 5x no liquidation price
    assert many.shape == none.shape
    assert not np.array_equal(many, none)


def test_what_is_drawn_are_the_numbers_of_the_frame(monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    chart = figures.TIERS(notional=5_000_000)
    png(chart)
    for ax, panel in zip(drawn[0].axes, chart.panels, strict=True):
        wanted = [(line.x, line.y) for line in panel.lines] + [((each.x,), (each.y,)) for each in panel.markers]
        lines = {(tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata()))) for line in ax.lines}
        assert {(tuple(map(float, x)), tuple(map(float, y))) for x, y in wanted} <= lines
        assert [text.get_text() for text in ax.get_xticklabels()] == ["10,000", "100,000", "1M", "10M", "100M"]
        assert (ax.get_xlim(), ax.get_ylim()) == (panel.x.span, panel.y.span)
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names[: len(panel.lines)] == [line.label for line in panel.lines]
        assert names[-1] == "this position 5M"


def test_a_static_figure_has_picture_alt_sentence_and_table():
    chart = figures.TIERS()
    bundle = static(chart)._repr_mimebundle_()
    assert re.search(r'<img alt="[^"]*Risk tiers of BTCUSDT', bundle["text/html"])
    assert "<figcaption>" in bundle["text/html"]
    assert re.search('<th scope="row"[^>]*>tier</th><td[^>]*>3</td>', bundle["text/html"])
    assert bundle["text/plain"].startswith(chart.sentence)


def test_text_in_tables_is_escaped():
    assert "<script>" not in table_html(Table(("<script>", "b"), (("a & b", "1"),)))
    assert "a &amp; b" in table_html(Table(("x", "y"), (("a & b", "1"),)))
