from __future__ import annotations

import re

import numpy as np
import pytest

from marginlib import liquidation_price, rulebook
from marginlib.course import figures
from marginlib.course.figures import TIER_DATE
from marginlib.model import Pool
from marginlib.odds import touch_probability


def chances(chart):
    """The probabilities of the table's rows [%], by name, with their standard errors."""
    return {row[0]: tuple(map(float, re.findall(r"[\d.]+", row[1]))) for row in chart.table.rows}


@pytest.mark.parametrize("days", [1, 14, 60])
@pytest.mark.parametrize("volatility", [0.3, 0.6, 1.0])
def test_cross_is_never_more_likely_to_be_liquidated(volatility, days):
    cross, isolated = figures.ODDS(volatility=volatility, days=days).panels[0].lines
    assert all(c <= i for c, i in zip(cross.y, isolated.y, strict=True))
    assert list(cross.y) == sorted(cross.y)
    assert list(isolated.y) == sorted(isolated.y)


def test_isolated_lies_between_the_formulas_for_one_and_for_two_independent_positions():
    rules = rulebook("binance_usdm", TIER_DATE)
    for leverage in (3, 5, 10, 20):
        one = []
        for symbol, price in (("BTCUSDT", 60_000), ("ETHUSDT", 3_000)):
            held = rules.position(symbol, 2_500 * leverage / price, price, leverage=leverage)
            pool = Pool(collateral=2_500, positions=(held,))
            one.append(touch_probability(price, liquidation_price(pool, symbol), volatility=0.6, days=30))
        value, error = chances(figures.ODDS(leverage=leverage))["isolated"]
        either = 1 - (1 - one[0]) * (1 - one[1])  # were they independent; correlation 0.8 makes it less
        assert 100 * max(one) - 4 * error < value < 100 * either + 4 * error


def test_what_is_left_has_its_step_where_the_mode_says():
    cross, isolated = figures.ODDS(leverage=20).panels[1].lines
    assert max(y for x, y in zip(isolated.x, isolated.y, strict=True) if x < 4_900) == 0
    assert next(y for x, y in zip(isolated.x, isolated.y, strict=True) if x >= 5_000) > 40
    chance, _ = chances(figures.ODDS(leverage=20))["cross"]
    assert next(y for x, y in zip(cross.x, cross.y, strict=True) if x >= 0) == pytest.approx(chance, abs=0.06)
    assert all(np.diff(line.y).min() >= 0 for line in (cross, isolated))


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.6, 0.95])
@pytest.mark.parametrize("leverage", [4, 8])
def test_more_margin_is_rarer_and_cross_lies_beyond(correlation, leverage):
    chart = figures.TRADE_OFF(correlation=correlation, leverage=leverage)
    (curve,) = chart.panels[0].lines
    cross = chart.panels[0].markers[-1]
    assert list(curve.x) == sorted(curve.x, reverse=True)
    if correlation > 0.5:  # where coins move apart, the gain of one pays for the loss of the other, and it need not be
        assert list(curve.y) == sorted(curve.y)
    assert cross.x is not None
    assert cross.x <= round(curve.x[-1], 1)
    assert cross.y == pytest.approx(10_000)


def test_where_nothing_is_liquidated_the_point_is_not_drawn():
    chart = figures.TRADE_OFF(correlation=-0.5, leverage=1)
    assert chart.panels[0].markers[-1].x is None
    assert chart.table.rows[-1][1:3] == ("below 0.07 %", "no path shows it")
    assert "Cross: liquidated on no path, a probability below 0.07 %." in chart.sentence
    assert chart.sentence.endswith("5 of 10 ways have no point: they are liquidated on no path.")
    assert "no point" not in figures.TRADE_OFF(correlation=0.95, leverage=8).sentence


def test_correlation_makes_cross_likelier_and_the_first_isolated_death_rarer():
    charts = [figures.TRADE_OFF(correlation=each, leverage=6) for each in (0.0, 0.95)]
    apart, together = (chances(chart) for chart in charts)
    assert apart["cross"][0] < together["cross"][0]
    assert apart["$2,500 each"][0] > together["$2,500 each"][0]


def test_every_probability_has_its_standard_error():
    for chart in (figures.ODDS(), figures.TRADE_OFF()):
        assert all("±" in row[1] for row in chart.table.rows)
        assert "4,096 paths" in chart.sentence
