"""The map of two prices: its region against a grid, its corners against the tiers, its four areas against the pools."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import amounts, surplus

from marginlib import (
    Account,
    Contract,
    Health,
    MaintenanceBasis,
    MarginError,
    Pool,
    Position,
    RiskSchedule,
    common_shock,
    liquidation_price,
    risk,
    rulebook,
)
from marginlib.course import figures
from marginlib.course.figures.survival_map import safe_corners, survival_chart
from marginlib.drawing.chart import grid
from marginlib.words import money

RULES = rulebook("binance_usdm", "2026-09-29")
FLAT = RiskSchedule.flat(0.004)
SPANS = ((30_000.0, 90_000.0), (1_500.0, 4_500.0))


def flat_pool(btc=0.5, eth=10.0, collateral=10_000.0):
    legs = (("BTCUSDT", btc, 60_000), ("ETHUSDT", eth, 3_000))
    positions = tuple(Position.open(symbol=s, quantity=q, price=p, schedule=FLAT) for s, q, p in legs)
    return Pool(collateral=collateral, positions=positions)


def inside(corners, point, slack=0.0):
    """Whether a point is on the left of every edge, by more than the slack as a share of the edge's own box."""
    return bool(corners) and all(
        (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) >= slack
        for a, b in pairwise((*corners, corners[0]))
    )


def test_with_flat_rates_the_region_is_the_half_plane_of_the_formula():
    # 0.498 x BTC + 9.96 x ETH = 60,000 - 10,000: the line, solved by hand on the two borders that it meets.
    corners = safe_corners(flat_pool(), "BTCUSDT", "ETHUSDT", *SPANS)
    left, bottom = (50_000 - 0.498 * 30_000) / 9.96, (50_000 - 9.96 * 1_500) / 0.498
    expected = [(30_000, left), (bottom, 1_500), (90_000, 1_500), (90_000, 4_500), (30_000, 4_500)]
    assert len(corners) == len(expected)
    assert all(got == pytest.approx(want) for got, want in zip(corners, expected, strict=True))


quantities = st.floats(0.001, 2_000).flatmap(lambda size: st.sampled_from((size, -size)))


@given(
    btc=quantities,
    eth=quantities.map(lambda q: 20 * q),
    other=st.one_of(st.none(), quantities.map(lambda q: 20 * q)),
    cushion=st.floats(-0.2, 1.0),
    frozen=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_region_is_where_the_pool_is_healthy(btc, eth, other, cushion, frozen):
    """Two coins, perhaps two legs of the second, real tiers; asked at every point of a grid of the twin's surplus."""
    legs = [("BTCUSDT", btc, 60_000), ("ETHUSDT", eth, 3_000), ("ETHUSDT", other, 3_300)]
    positions = tuple(
        Position(symbol=s, quantity=q, entry_price=p, mark_price=3_000 if s == "ETHUSDT" else 60_000, schedule=schedule)
        for s, q, p in legs
        if q is not None
        for schedule in (RiskSchedule(tiers=RULES.schedule(s).tiers),)
    )
    if frozen:
        positions = (replace(positions[0], maintenance_basis=MaintenanceBasis.ENTRY), *positions[1:])
    now = risk(Pool(collateral=0.0, positions=positions))
    pool = Pool(collateral=now.maintenance - now.equity + cushion * now.notional, positions=positions)
    corners = safe_corners(pool, "BTCUSDT", "ETHUSDT", *SPANS)
    for x in grid(*SPANS[0], 9):
        for y in grid(*SPANS[1], 9):
            marks = {"BTCUSDT": x, "ETHUSDT": y}
            left = surplus(pool, marks)
            if abs(left) > 1e-6 * amounts(pool, marks):  # on the line rounding decides
                assert inside(corners, (x, y)) == (left > 0)


def test_between_two_corners_the_line_is_straight_and_each_corner_is_a_tier_edge():
    sol, doge = (
        RULES.position("SOLUSDT", -75e6 / 150, 150, leverage=2),
        RULES.position("DOGEUSDT", -36e6 / 0.2, 0.2, leverage=2),
    )
    chart = survival_chart(55.5e6, (sol, doge), title="shorts", reach=0.8)
    line = chart.panels[0].lines[0]
    pool = Pool(collateral=55.5e6, positions=(sol, doge))
    points = list(zip(line.x, line.y, strict=True))
    assert len(points) > 4
    for (x0, y0), (x1, y1) in pairwise(points):
        marks = {"SOLUSDT": (x0 + x1) / 2, "DOGEUSDT": (y0 + y1) / 2}
        assert surplus(pool, marks) == pytest.approx(0, abs=1e-9 * amounts(pool, marks))
    for x, y in points[1:-1]:
        edges = [abs(x * sol.quantity) / floor for floor in sol.schedule.floors[1:]]
        edges += [abs(y * doge.quantity) / floor for floor in doge.schedule.floors[1:]]
        assert min(abs(edge - 1) for edge in edges) < 1e-9


def test_a_pool_that_no_prices_keep_has_no_region_and_a_safe_one_has_it_all():
    assert safe_corners(flat_pool(collateral=-60_000), "BTCUSDT", "ETHUSDT", *SPANS) == ()
    corners = safe_corners(flat_pool(collateral=60_000), "BTCUSDT", "ETHUSDT", *SPANS)
    assert sorted(corners) == [(x, y) for x in SPANS[0] for y in SPANS[1]]


def test_what_a_map_cannot_show_is_refused():
    btc = flat_pool().positions[0]
    with pytest.raises(MarginError, match="two positions of different symbols"):
        survival_chart(10_000, (btc, btc), title="")
    coin = replace(btc, contract=Contract.INVERSE, quantity=100)
    with pytest.raises(MarginError, match="linear"):
        safe_corners(Pool(collateral=1, positions=(coin,)), "BTCUSDT", "BTCUSDT", *SPANS)


AREA_OF = {  # the roles of the areas, by (cross survives, isolated positions that survive)
    (True, 2): "both",
    (True, 1): "cross",
    (False, 1): "isolated",
    (False, 0): "neither",
}


@pytest.mark.parametrize("book", ["longs", "hedge", "uneven"])
@pytest.mark.parametrize("leverage", [3, 10, 20])
def test_the_four_areas_say_who_survives(book, leverage):
    """With the same money in both modes there are no other cases: both isolated alive means cross is, both dead too."""
    chart = figures.SURVIVAL_MAP(book=book, leverage=leverage, btc=0, eth=0)
    (panel,) = chart.panels
    share = {"longs": (0.5, 0.5), "hedge": (0.5, -0.5), "uneven": (0.9, 0.1)}[book]
    sizes = [each * leverage * 100_000 for each in share]
    held = (
        RULES.position("BTCUSDT", sizes[0] / 60_000, 60_000, leverage=leverage),
        RULES.position("ETHUSDT", sizes[1] / 3_000, 3_000, leverage=leverage),
    )
    (cross,) = Account(wallet_balance=100_000, positions=held).pools()
    _, *alone = Account(wallet_balance=100_000, positions=tuple(each.isolated() for each in held)).pools()
    for x in grid(30_050, 89_950, 15):
        for y in grid(1_505, 4_495, 15):
            marks = {"BTCUSDT": x, "ETHUSDT": y}
            alive = [
                risk(pool.at({s: marks[s] for s in pool.symbols})).health is Health.HEALTHY for pool in (cross, *alone)
            ]
            shown = [area.role for area in panel.areas if inside(tuple(zip(area.x, area.y, strict=True)), (x, y))]
            assert shown[-1] == AREA_OF[alive[0], sum(alive[1:])]


def test_the_map_says_what_has_become_of_each_pool():
    chart = figures.SURVIVAL_MAP(book="hedge", leverage=10, btc=15, eth=15)
    assert chart.sentence.startswith("BTC at 69,000 (+15 %) and ETH at 3,450 (+15 %). Cross: both live")
    assert "Isolated: BTC lives and ETH is gone" in chart.sentence
    assert chart.panels[0].markers[0].x == pytest.approx(69_000)


@pytest.mark.parametrize("move", [(-30, 0), (-40, 0), (0, -40), (-20, -20), (20, 15)])
def test_the_four_parts_of_the_text_are_reached_and_the_account_is_told(move):
    """Six times the wallet: half a million and more, all in the first tiers; the way is walked in small steps."""
    btc, eth = move
    chart = figures.SURVIVAL_MAP(book="longs", leverage=6, btc=btc, eth=eth)
    legs = (("BTCUSDT", 60_000, btc), ("ETHUSDT", 3_000, eth))
    held = [RULES.position(s, 300_000 / p, p, leverage=6) for s, p, _ in legs]
    pools = [Pool(collateral=100_000, positions=held), *(Pool(collateral=50_000, positions=[each]) for each in held)]
    ends = []
    for pool in pools:
        here = pool
        for step in range(10_001):
            here = pool.at({s: p * (1 + up / 100 * step / 10_000) for s, p, up in legs if s in pool.symbols})
            if risk(here).health is not Health.HEALTHY:
                break
        ends.append((risk(here).health is Health.HEALTHY, risk(here).equity))
    (cross, has), *alone = ends
    states = [each.removeprefix("$") for each in re.findall(r"the account has \$([\d,]+)", chart.sentence)]
    told = [float(each.replace(",", "")) for each in states]
    # A step of the walk is worth up to 0.004 % of 600,000.
    assert told == pytest.approx([has, sum(each for _, each in alone)], abs=25)
    words = chart.sentence.split("Isolated: ")
    assert ("both live" in words[0]) is cross
    assert [f"{coin} lives" in words[1] for coin in ("BTC", "ETH")] == [lives for lives, _ in alone]


def test_a_hedge_helps_against_a_common_fall_and_not_against_parting():
    rows = {ratio: figures.HEDGE(ratio=ratio, leverage=5).table.rows for ratio in (0.0, 0.5, 1.0, 1.5)}
    # By hand: 10,000 - 25,000 x fall = 0.004 x 75,000 x (1 - fall); a rise at 1.5: 0.004 x 125,000 x (1 + rise).
    assert rows[0.5][0][1] == f"-{100 * (10_000 - 300) / (25_000 - 300):.1f} %"
    assert rows[1.0][0][1:3] == ("none", "-")
    # What is left is the maintenance margin of the two legs.
    assert rows[0.5][0][2] == money(0.004 * 75_000 * (1 - (10_000 - 300) / (25_000 - 300)), 0)
    assert rows[0.5][1][1] == "beyond +2,000 %"
    assert rows[1.5][1][1] == f"+{100 * (10_000 - 500) / (25_000 + 500):.1f} %"
    parting = [float(rows[ratio][2][1].split()[0]) for ratio in rows]
    assert parting == sorted(parting, reverse=True)
    assert rows[0.0][2][1] == "19.7 %"


@pytest.mark.parametrize("ratio", [0.2, 0.7, 1.0, 1.5])
def test_parting_ends_where_equity_is_maintenance(ratio):
    from marginlib.course.figures.hedge import _parting  # noqa: PLC0415

    pool = flat_pool(btc=50_000 / 60_000, eth=-ratio * 50_000 / 3_000)
    share = _parting(pool)
    there = risk(pool.at({"BTCUSDT": 60_000 * (1 - share), "ETHUSDT": 3_000 * (1 + share)}))
    assert there.equity == pytest.approx(there.maintenance)
    # By hand: the loss is the share of both notionals; BTC's maintenance falls with it, ETH's grows.
    assert share == pytest.approx((10_000 - 200 * (1 + ratio)) / (50_000 * (1 + ratio) - 200 * (1 - ratio)))


def test_isolated_legs_of_the_hedge_are_the_engines():
    rows = figures.HEDGE(ratio=1.0, leverage=5).table.rows
    long = RULES.position("BTCUSDT", 50_000 / 60_000, 60_000, leverage=10)
    price = liquidation_price(Pool(collateral=5_000, positions=(long,)), "BTCUSDT")
    assert rows[0][3] == f"{100 * (price / 60_000 - 1):.1f} %"
    # The short has gained what the long has lost, so the account has all its money.
    assert rows[0][4] == "$10,000"
    assert common_shock(Pool(collateral=5_000, positions=(long,))).fall == pytest.approx(price / 60_000 - 1)


@pytest.mark.parametrize("reach", [0, 1, -0.8, 800])
def test_a_map_reaches_some_way_and_never_down_to_nothing(reach):
    pair = (RULES.position("BTCUSDT", 0.5, 60_000, leverage=6), RULES.position("ETHUSDT", 10, 3_000, leverage=6))
    with pytest.raises(MarginError, match="reach = "):
        survival_chart(10_000, pair, title="two longs", reach=reach)
