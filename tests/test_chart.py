from __future__ import annotations

import pytest

from marginlib import (
    Contract,
    MarginError,
    Pool,
    Position,
    RiskSchedule,
    UnknownNameError,
    liquidation_price,
    risk,
    rulebook,
)
from marginlib.course import figures
from marginlib.drawing import explore, static
from marginlib.drawing.chart import Chart, Control, Explorer, Table, figure, grid, pool_chart, slider, times
from marginlib.words import money, percent, price_text

FLAT = RiskSchedule.flat(0.004)


def pool(collateral=600.0, quantity=0.1):
    rules = rulebook("binance_usdm", "2026-09-29")
    return Pool(collateral=collateral, positions=(rules.position("BTCUSDT", quantity, 60_000),))


def test_the_lines_of_a_pool_are_its_equity_and_maintenance_at_every_price():
    panel = pool_chart(pool(), "BTCUSDT", title="long").panels[0]
    equity, maintenance, after = panel.lines
    assert len(equity.x) > 1
    for price, own in zip(after.x, after.y, strict=True):
        assert own == risk(pool().at({"BTCUSDT": price})).equity
    for price, own, need in zip(equity.x, equity.y, maintenance.y, strict=True):
        there = risk(pool().at({"BTCUSDT": price}))
        assert (own, need) == (there.equity, there.maintenance)


@pytest.mark.parametrize(("quantity", "collateral"), [(0.1, 600), (-0.1, 600), (1_000, 6e6), (-1_000, 6e6), (0.1, 200)])
def test_lines_end_where_the_pool_does(quantity, collateral):
    """From there on its equity is a line of its own, down to zero: nobody owes more."""
    panel = pool_chart(pool(collateral, quantity), "BTCUSDT", title="one").panels[0]
    equity, maintenance, after = panel.lines
    _, liquidation, bankruptcy = panel.markers
    end = 0 if quantity > 0 else -1
    assert equity.x == maintenance.x
    assert (equity.x[end], equity.y[end]) == (liquidation.x, pytest.approx(liquidation.y, abs=1e-6))
    assert sorted((after.x[0], after.x[-1])) == sorted((liquidation.x, bankruptcy.x))
    assert min(after.y) == pytest.approx(0, abs=1e-6)
    assert min(equity.y) > 0


def test_a_pool_that_lives_between_two_prices_has_lines_between_them():
    # A long of 1 and, in the same coin, a short whose maintenance grows: a fall and a rise both end it.
    rules = rulebook("binance_usdm", "2026-09-29")
    legs = (rules.position("BTCUSDT", 1_000.0, 60_000), rules.position("BTCUSDT", -1_000.0, 60_000))
    both = Pool(collateral=2e6, positions=legs)
    panel = pool_chart(both, "BTCUSDT", title="two legs", x_range=(30_000, 200_000)).panels[0]
    equity = panel.lines[0]
    for price, alive in ((equity.x[0] * 1.001, True), (equity.x[-1] * 0.999, True), (equity.x[-1] * 1.001, False)):
        assert (risk(both.at({"BTCUSDT": price})).health.value == "healthy") is alive


def test_a_close_up_shows_both_prices_apart_and_where_nothing_ends_the_least_equity():
    near = pool_chart(pool(), "BTCUSDT", title="long").panels[1]
    assert near.near
    low, high = near.x.span
    assert (near.markers[1].x - near.markers[2].x) / (high - low) > 1 / 4
    assert 0 < near.markers[1].y < near.y.span[1]
    safe = pool_chart(pool(collateral=6_600), "BTCUSDT", title="safe").panels[1]
    assert safe.x.span == (30_000, 36_000)
    assert safe.y.span[0] < 0 < risk(pool(collateral=6_600).at({"BTCUSDT": 36_000})).equity < safe.y.span[1]


def test_the_markers_stand_where_the_lines_meet():
    panel = pool_chart(pool(), "BTCUSDT", title="long").panels[0]
    mark, liquidation, bankruptcy = panel.markers
    assert mark.x == 60_000
    assert liquidation.x == liquidation_price(pool(), "BTCUSDT")
    there = risk(pool().at({"BTCUSDT": liquidation.x}))
    assert liquidation.y == pytest.approx(there.equity) == pytest.approx(there.maintenance)
    assert bankruptcy.x == 54_000


def test_a_pool_without_a_liquidation_price_says_so():
    chart = pool_chart(pool(collateral=6_000), "BTCUSDT", title="1x")
    assert "No positive price liquidates the pool." in chart.sentence
    assert chart.panels[0].markers[1].x is None
    assert chart.table.rows[0] == ("liquidation price", "none")


def test_a_price_range_of_ones_own_may_start_at_zero():
    chart = pool_chart(pool(), "BTCUSDT", title="long", x_range=(0, 100_000))
    assert chart.panels[0].lines[0].x[0] > 0
    assert chart.panels[0].x.span == (0, 100_000)


def test_a_liquidation_with_no_bankruptcy_price_reads_as_words():
    # Money enough for a price of zero, less than maintenance frozen at entry: liquidated, and never bankrupt.
    from dataclasses import replace  # noqa: PLC0415

    from marginlib import MaintenanceBasis  # noqa: PLC0415

    frozen = replace(pool().positions[0], maintenance_basis=MaintenanceBasis.ENTRY)
    chart = pool_chart(Pool(collateral=6_000, positions=(frozen,)), "BTCUSDT", title="frozen")
    assert chart.sentence.endswith("and no positive price makes it bankrupt.")


def test_an_unknown_symbol_is_named():
    with pytest.raises(UnknownNameError, match=r"symbol = 'DOGE': give one of BTCUSDT"):
        pool_chart(pool(), "DOGE", title="")
    with pytest.raises(UnknownNameError, match="no position"):
        pool_chart(Pool(collateral=1), "DOGE", title="")


def explorer():
    control = Control(name="n", label="n", values=(1, 2), texts=("one", "two"), start=1)
    empty = Table(("a",), ())
    return Explorer(name="E", title="t", controls=(control,), build=lambda n: Chart("t", (), f"{n}", empty))


def test_an_explorer_starts_where_its_controls_stand():
    assert explorer()().sentence == "1"
    assert explorer()(n=2).sentence == "2"


def test_an_explorer_names_a_control_or_a_value_that_it_does_not_have():
    with pytest.raises(UnknownNameError, match="control = 'm': E has n"):
        explorer()(m=1)
    with pytest.raises(MarginError, match="n = 3: give one of 1, 2"):
        explorer()(n=3)


def test_numbers_as_text():
    assert money(1_234.5) == "$1,234.50"
    assert money(-0.001) == "$0.00"
    assert money(-9.999, 0) == "-$10"
    assert percent(0.5, 0) == "+50 %"
    assert price_text(None) == "none"
    assert times(2) == "2.00x"
    assert grid(0, 1, 3) == (0, 0.5, 1)


def test_between_its_points_a_pool_s_line_is_straight_across_every_tier_edge():
    panel = pool_chart(pool(collateral=6e6, quantity=1_000.0), "BTCUSDT", title="large").panels[0]
    for line, name in zip(panel.lines, ("equity", "maintenance", "equity"), strict=True):
        assert line.role == "after" or len(line.x) > 2  # tiers change on the way
        for price in grid(line.x[0], line.x[-1], 997):
            k = next(k for k in range(1, len(line.x)) if price <= line.x[k])
            (x0, x1), (y0, y1) = line.x[k - 1 : k + 1], line.y[k - 1 : k + 1]
            there = risk(pool(collateral=6e6, quantity=1_000.0).at({"BTCUSDT": price}))
            assert y0 + (y1 - y0) * (price - x0) / (x1 - x0) == pytest.approx(getattr(there, name), rel=1e-9, abs=1e-3)


def test_the_lines_of_an_inverse_contract_bend_and_have_many_points():
    inverse = Position(
        symbol="BTCUSD",
        quantity=10_000,
        entry_price=60_000,
        mark_price=60_000,
        schedule=FLAT,
        contract=Contract.INVERSE,
    )
    line = pool_chart(Pool(collateral=0.05, positions=(inverse,)), "BTCUSD", title="coin").panels[0].lines[0]
    middle = len(line.x) // 2
    chord = (line.y[0] + line.y[-1]) / 2
    assert len(line.x) > 100
    assert line.y[middle] > chord  # profit in coins goes with -1 / price, which is concave


def test_a_slider_in_short_holds_the_numbers_that_people_write():
    @figure("short", x=(0.1, 1.0, 0.1))
    def mine(x=0.3):
        return pool_chart(pool(collateral=1_000 * x), "BTCUSDT")

    assert mine.controls[0].values == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert mine(x=0.7).title


def test_a_start_that_is_no_place_and_a_range_turned_round_are_named():
    with pytest.raises(MarginError, match=r"y = 5: its start; give one of 1, 2"):
        slider("y", "y", (1, 2), 5, "{}")
    with pytest.raises(MarginError, match=r"x_range = \(70000, 50000\): give the lower end"):
        pool_chart(pool(), "BTCUSDT", x_range=(70_000, 50_000))


def test_the_two_commonest_calls_swapped_show_the_figure_or_say_what_to_give():
    assert static(figures.ISOLATED).chart == figures.ISOLATED()
    with pytest.raises(MarginError, match=r"explorer: give a figure without brackets"):
        explore(figures.ISOLATED(leverage=10))
