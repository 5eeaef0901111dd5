"""Many paths at once come to what `play` comes to on each of them."""

import random
from dataclasses import replace

import numpy as np
import pytest

from marginlib import Contract, MaintenanceBasis, MarginError, MarginMode
from marginlib.market import AddMargin, Close, Hedge, Hold, Opening, Reduce, Rules, geometric_brownian_path, path_desk
from marginlib.market.desk import play, score
from marginlib.market.fleet import fleet_ends
from marginlib.market.walk import crash_rulebooks
from marginlib.venues import Leftover

START = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
RULES = Rules(book=crash_rulebooks("cascade-2025")[0])
ORDERS = [
    Hold(),
    Reduce("BTCUSDT", 0.5),
    Reduce("ETHUSDT", 0.3),
    Close("ETHUSDT"),
    AddMargin("ETHUSDT", 1_000),
    AddMargin("BTCUSDT", 2_500),
    [Reduce("BTCUSDT", 0.25), AddMargin("ETHUSDT", 500)],
]


def paths(seed, count=12, steps=24):
    terms = {"volatility": {"BTCUSDT": 2.5, "ETHUSDT": 3.3}, "correlation": 0.8, "steps": steps, "step": "2h"}
    return [geometric_brownian_path(START, seed=100 * seed + k, **terms) for k in range(count)]


def book(modes, dollars=(12_500, 12_500), leverage=5):
    return [
        Opening(symbol=symbol, dollars=size, leverage=leverage, margin_mode=mode)
        for symbol, size, mode in zip(START, dollars, modes, strict=True)
    ]


MODES = [(a, b) for a in MarginMode for b in MarginMode]


@pytest.mark.parametrize("dollars", [(12_500, 12_500), (20_000, -18_000), (-25_000, -10_000)], ids=str)
@pytest.mark.parametrize("modes", MODES, ids=str)
def test_each_path_ends_as_it_is_played(modes, dollars):
    rng = random.Random(str((modes, dollars)))
    for seed in range(4):
        found = paths(seed)
        decisions = [rng.choice(ORDERS) for _ in range(6)]
        desks = [path_desk(path, 10_000, book(modes, dollars), rules=RULES, count=6) for path in found]
        marks = np.stack([path.mark_prices for path in found], axis=-1)
        ends, over = fleet_ends(desks[0], decisions, marks)
        wanted = [score(play(desk, decisions)) for desk in desks]
        assert ends == pytest.approx([each.end for each in wanted], abs=1e-6)
        assert over.tolist() == [bool(each.liquidated) for each in wanted]


def test_a_size_in_a_higher_tier_is_liquidated_by_that_tier():
    large = book((MarginMode.CROSS, MarginMode.CROSS), (3_000_000, 2_000_000))
    found = paths(9)
    desks = [path_desk(path, 1_200_000, large, rules=RULES, count=4) for path in found]
    ends, _ = fleet_ends(desks[0], [], np.stack([path.mark_prices for path in found], axis=-1))
    assert ends == pytest.approx([score(play(desk, [])).end for desk in desks])
    assert 0 < (ends == 0).sum() < len(found)


def test_what_it_does_not_know_is_refused():
    (path,) = paths(1, count=1)
    desk = path_desk(path, 10_000, book(MODES[0]), rules=RULES, count=4)
    marks = path.mark_prices[..., None]
    with pytest.raises(MarginError, match="one path at a time"):
        fleet_ends(desk, [Hedge("BTCUSDT", against="ETHUSDT")], marks)
    with pytest.raises(MarginError, match="give one of BTCUSDT, ETHUSDT"):
        fleet_ends(desk, [Close("SOLUSDT")], marks)
    with pytest.raises(MarginError, match="25 moments and 2 positions"):
        fleet_ends(desk, [], marks[1:])
    returned = path_desk(
        path, 10_000, book(MODES[0]), rules=Rules(book=RULES.book, leftover=Leftover.RETURNED), count=4
    )
    with pytest.raises(MarginError, match="keeps what is left"):
        fleet_ends(returned, [], marks)


@pytest.mark.parametrize("order", [Reduce("ETHUSDT", 2), AddMargin("ETHUSDT", -5_000)])
def test_an_order_that_is_refused_changes_nothing(order):
    path, modes = paths(1, count=1)[0], (MarginMode.CROSS, MarginMode.ISOLATED)
    desk = path_desk(path, 40_000, book(modes), rules=RULES, count=4)
    marks = path.mark_prices[..., None]
    assert [each.tolist() for each in fleet_ends(desk, [order], marks)] == [
        each.tolist() for each in fleet_ends(desk, [Hold()], marks)
    ]


@pytest.mark.parametrize("terms", [{"contract": Contract.INVERSE}, {"maintenance_basis": MaintenanceBasis.ENTRY}])
def test_what_the_fleet_does_not_compute_is_refused(terms):
    path = paths(1, count=1)[0]
    desk = path_desk(path, 40_000, book(MODES[0]), rules=replace(RULES, book=replace(RULES.book, **terms)), count=4)
    marks = path.mark_prices[..., None]
    with pytest.raises(MarginError, match="contract, maintenance_basis: give linear contracts"):
        fleet_ends(desk, [], marks)
