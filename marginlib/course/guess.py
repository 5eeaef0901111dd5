"""The picture in a prediction's card: the guess and the truth on the lines of the very account that is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from marginlib.drawing.chart import Axis, Chart, Explorer, Line, Marker, Panel, Table, grid
from marginlib.drawing.live import ExplorerPanel
from marginlib.margin import risk
from marginlib.practice.beliefs import Case, answer
from marginlib.practice.judge import Number, Question
from marginlib.words import money

_WHERE = {"liquidation_price", "liquidation_move", "common_fall"}  # read off the place at which two lines meet
# What is read off the height of a line: what runs along, from where to where, where the question stands, the case there.
_HEIGHTS: Mapping[str, tuple[str, float, float, Callable[[Case], float], Callable[[Case, float], Case]]] = {
    "touch_probability": ("days", 0.02, 2, lambda case: case.days, lambda case, x: replace(case, days=x)),
    "equity": ("mark price [$]", 0.3, 1.2, lambda case: case.mark_price, lambda case, x: _at(case, x / case.mark_price)),
    "maintenance_margin": (
        "value of the position [$]",
        0.0,
        2.0,
        lambda case: case.account.positions[0].notional,
        lambda case, x: _at(case, x / case.account.positions[0].notional),
    ),
    "money_left": (
        "price of every coin [% of the entry]",
        0.9,
        1.2,
        lambda case: 100 * case.mark_price / case.account.positions[0].entry_price,
        lambda case, x: _at(case, x / 100 * case.account.positions[0].entry_price / case.mark_price),
    ),
}
