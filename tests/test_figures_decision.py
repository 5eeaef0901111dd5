from __future__ import annotations

import pytest

from marginlib.course import figures
from marginlib.odds.decision import MARKETS, trial
from marginlib.odds.diffusion import touch_probability


def test_the_points_are_those_of_the_decision():
    chart = figures.PARTITIONS(kind="two longs", size=2, leverage=10)
    found = trial("two longs", size=2, leverage=10, days=30, market=MARKETS["2020 to 2026"], paths=4_096, seed=1)
    by_name = {each.name: each for each in found.decision.prospects}
    cross, btc, eth, isolated = chart.panels[0].markers
    names = {"cross": cross, "BTCUSDT isolated": btc, "ETHUSDT isolated": eth, "isolated": isolated}
    for name, marker in names.items():
        assert marker.x == round(100 * by_name[name].liquidation.value, 1)
        assert marker.y == 100 * by_name[name].over.value


@pytest.mark.parametrize("kind", ["two longs", "diversified", "hedged pair"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_leverage_setting_moves_every_point_but_cross(kind, size):
    charts = [figures.PARTITIONS(kind=kind, size=size, leverage=leverage) for leverage in (5, 25)]
    (cross, *rest), (same, *moved) = (chart.panels[0].markers for chart in charts)
    assert (cross.x, cross.y) == (same.x, same.y)
    assert all(one.x < two.x for one, two in zip(rest, moved, strict=True))


def test_both_isolated_lies_between_the_formulas_of_its_parts():
    for leverage in (4, 10, 25):
        *_, isolated = figures.PARTITIONS(kind="diversified", size=2, leverage=leverage).panels[0].markers
        # Maintenance rates of the first tiers lie near 0.45 %; four points are four standard errors, and the tiers.
        one, two = (
            touch_probability(1, (1 - 1 / leverage) / (1 - 0.0045), volatility=v, days=30) for v in (0.63, 0.84)
        )
        assert isolated.x == pytest.approx(100 * (1 - (1 - one) * (1 - two)), abs=4)


def test_what_is_implied_is_said():
    assert figures.PARTITIONS(kind="hedged pair").sentence.endswith("the fewest liquidations: both cross.")
    assert figures.PARTITIONS(size=4, leverage=4).sentence.endswith("No partition meets the limit for sure.")
    assert figures.PARTITIONS(size=4, leverage=10).sentence.endswith("the fewest liquidations: both isolated.")
