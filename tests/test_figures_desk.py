from __future__ import annotations

import pytest

from marginlib import MarginMode, account_risk
from marginlib.course import figures
from marginlib.market.desk import Opening, crash_desk
from marginlib.market.walk import crash_replay


def modes(mode):
    return {
        "cross": (MarginMode.CROSS, MarginMode.CROSS),
        "eth": (MarginMode.CROSS, MarginMode.ISOLATED),
        "isolated": (MarginMode.ISOLATED, MarginMode.ISOLATED),
    }[mode]


@pytest.mark.parametrize("mode", ["cross", "eth", "isolated"])
def test_the_line_of_nothing_done_is_the_replay(mode):
    openings = [
        Opening(symbol=symbol, dollars=12_500, leverage=5, margin_mode=each)
        for symbol, each in zip(("BTCUSDT", "ETHUSDT"), modes(mode), strict=True)
    ]
    desk = crash_desk("may-crash-2021", 10_000, openings)
    states = crash_replay("may-crash-2021", desk.account(), desk.rules)
    idle = figures.DESK(mode=mode).panels[0].lines[1]
    assert idle.y == pytest.approx([account_risk(state.account).equity for state in states], abs=1e-6)


def test_before_the_decision_both_lines_are_one_and_the_marker_stands_where_they_part():
    panel = figures.DESK(mode="cross", order="reduce", point=3).panels[0]
    mine, idle = (dict(zip(line.x, line.y, strict=True)) for line in panel.lines)
    marker = panel.markers[0]
    shared = [x for x in idle if x < marker.x]
    assert len(shared) > 3
    assert all(mine[x] == idle[x] for x in shared)
    assert marker.x == 35  # from 01:00 on the 18th to noon on the 19th


def test_a_refused_order_changes_nothing_and_says_so():
    chart = figures.DESK(mode="cross", order="add", point=2)
    assert "is refused (isolated_margin = None: ETHUSDT has no margin of its own" in chart.sentence
    mine, idle = chart.table.rows[:2]
    assert mine[1:] == idle[1:]


def test_added_margin_that_does_not_save_is_lost_too():
    rows = figures.DESK(mode="isolated", order="add", point=2).table.rows
    assert [row[1] for row in rows[:2]] == ["$4,000", "$5,000"]
