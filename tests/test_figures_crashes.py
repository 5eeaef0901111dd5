from __future__ import annotations

import pytest

from marginlib import Account, account_risk
from marginlib.course import figures
from marginlib.market.recorded import crash
from marginlib.market.replay import Rules
from marginlib.market.walk import crash_replay, crash_rulebooks


def states(event, leverage, *, isolated, side=1):
    rules = crash_rulebooks(event)[0]
    first = {symbol: crash(event).figures[symbol].mark_prices[0].item() for symbol in ("BTCUSDT", "ETHUSDT")}
    held = [rules.position(s, side * 2_500 * leverage / p, p, leverage=leverage) for s, p in first.items()]
    positions = tuple(each.isolated() for each in held) if isolated else tuple(held)
    return crash_replay(event, Account(wallet_balance=10_000, positions=positions), Rules(book=rules))


@pytest.mark.parametrize("leverage", [2, 4, 5, 10])
@pytest.mark.parametrize("event", ["black-thursday-2020", "may-crash-2021", "uptrend-2021"])
def test_the_ends_are_those_of_the_replay(event, leverage):
    chart = figures.CRASH_REPLAY(event=event, leverage=leverage, cursor=100)
    side = -1 if event == "uptrend-2021" else 1
    for line, isolated in zip(chart.panels[0].lines, (False, True), strict=True):
        last = states(event, leverage, isolated=isolated, side=side)[-1]
        assert line.y[-1] == pytest.approx(account_risk(last.account).equity)


def test_may_2021_spares_cross_at_4x_and_takes_all_of_it_at_5x():
    four, five = (figures.CRASH_REPLAY(event="may-crash-2021", leverage=each, cursor=100) for each in (4, 5))
    assert four.table.rows[0][3:] == ("alive", "alive")
    assert five.table.rows[0][1] == "$0"
    assert four.table.rows[1][1] == five.table.rows[1][1] == "$5,000"


def test_the_cursor_shows_only_what_has_happened():
    start, middle, end = (
        figures.CRASH_REPLAY(event="may-crash-2021", leverage=4, cursor=each) for each in (0, 50, 100)
    )
    assert [marker.x for marker in start.panels[0].markers] == [0, 0, None, None, None]
    assert [marker.y for marker in start.panels[0].markers[:2]] == [10_000] * 2
    # Ether goes at 12:29 on the second day, hour 35.5 of 71; half of it is 35.5 and a little more.
    assert [marker.x is None for marker in middle.panels[0].markers[2:]] == [True, True, False]
    assert [marker.x is None for marker in end.panels[0].markers[2:]] == [True, False, False]
    assert max(start.panels[0].lines[0].x) == 0
    assert max(middle.panels[0].lines[0].x) == pytest.approx(35.5)
    for chart, hour in ((start, 0), (middle, 35.5), (end, 71)):
        assert all(line.x[-1] == pytest.approx(hour) for panel in chart.panels for line in panel.lines)
        assert chart.panels[1].lines[0].y[0] == 0


def test_every_setting_says_that_prices_are_interpolated_and_stays_on_its_axes():
    events, leverages = (control.values for control in figures.CRASH_REPLAY.controls[:2])
    for event in events:
        for leverage in leverages:
            chart = figures.CRASH_REPLAY(event=event, leverage=leverage, cursor=100)
            assert "interpolated" in chart.sentence
            assert "interpolated" in chart.panels[1].title
            for panel in chart.panels:
                low, high = panel.y.span
                assert all(low <= y <= high for line in panel.lines for y in line.y)
