from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marginlib import Account, MarginError, Pool, Position, RiskSchedule, close_out, liquidation_price, rulebook
from marginlib.course import figures
from marginlib.drawing import figure
from marginlib.drawing.frames import pack
from marginlib.words import money

EXPLORERS = [getattr(figures, name) for name in figures.NAMES]
each_explorer = pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda explorer: explorer.name)
FLAT = RiskSchedule.flat(0.004)


@each_explorer
def test_controls_are_labelled_finite_and_start_on_a_value(explorer):
    for control in explorer.controls:
        assert control.label
        assert control.start in control.values
        assert len(control.texts) == len(control.values) == len(set(control.values))
    assert len(explorer.controls) <= 4
    assert getattr(figures, explorer.name) is explorer


def test_a_figure_registers_itself_by_its_module_and_no_other_name_is_one():
    modules = {path.stem.upper() for path in Path(figures.__file__).parent.glob("[a-z]*.py")}
    assert modules == set(figures.NAMES) == {explorer.name for explorer in EXPLORERS}
    with pytest.raises(AttributeError, match=r"module .*figures' has no attribute 'NOTHING'"):
        _ = figures.NOTHING


OWN = """
from marginlib import Pool, rulebook
from marginlib.drawing import figure, pool_chart, slider


@figure("A pool of your own", slider("wallet", "wallet balance", (600, 900), 600, "${}"))
def mine(*, wallet):
    btc = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 0.1, 60_000, leverage=10)
    return pool_chart(Pool(collateral=wallet, positions=(btc,)), "BTCUSDT", title="a BTC long")
"""


def test_a_new_figure_is_one_file(tmp_path):
    shutil.copytree(figures.LIBRARY, tmp_path / "marginlib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "marginlib" / "course" / "figures" / "mine.py").write_text(OWN, encoding="utf-8")
    program = (
        "from marginlib.course import figures; from marginlib.drawing import explore\n"
        "print(figures.MINE(wallet=900).table.rows[0][1], len(explore(figures.MINE).packed) > 500, figures.MINE.packed)"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["51,204.82", "True", "b''"], done.stderr


def test_taste_moves_the_isolated_price_and_leaves_the_cross_price():
    cross = {figures.TASTE(leverage=leverage).panels[0].markers[1].x for leverage in (3, 5, 10, 100)}
    isolated = [figures.TASTE(leverage=leverage).panels[2].markers[1].x for leverage in (5, 10, 20)]
    assert len(cross) == 1
    assert cross.pop() == pytest.approx(40_160.64, abs=0.01)
    assert isolated == pytest.approx([48_192.77, 54_216.87, 57_228.92], abs=0.01)


def test_isolated_says_what_the_engine_says():
    short = Position.open(symbol="BTCUSDT", quantity=-500 * 20 / 60_000, price=60_000, schedule=FLAT, leverage=20)
    price = liquidation_price(Pool(collateral=700, positions=(short,)), "BTCUSDT")
    assert f"{price:,.2f}" in figures.ISOLATED(direction=-1, leverage=20, added=200).sentence


def test_cross_beside_the_same_margin_isolated():
    chart = figures.CROSS(leverage=20, wallet=10_000)
    assert chart.panels[0].markers[1].x / 3_000 - 1 == pytest.approx(-0.498, abs=5e-4)
    assert chart.panels[0].markers[3].x / 3_000 - 1 == pytest.approx(-0.046, abs=5e-4)
    # Cross keeps the maintenance margin of its price: 20,000 / 3,000 coins at 1,506.02. Isolated keeps what never
    # backed it, too.
    quantity = 20_000 / 3_000
    prices = [(20_000 - behind) / quantity / (1 - 0.004) for behind in (10_000, 1_000)]
    kept = [money(0.004 * quantity * price + rest) for price, rest in zip(prices, (0, 9_000), strict=True)]
    assert f"The account then has {kept[0]}." in chart.sentence
    assert chart.sentence.endswith(f"the account would have {kept[1]}.")
    assert "No positive price" in figures.CROSS(leverage=10, wallet=10_000).sentence


def test_contagion_moves_eth_while_eth_stands_still():
    assert "ETH's liquidation price is 60." in figures.CONTAGION(sol_move=0).sentence
    assert "ETH's liquidation price is 2,458." in figures.CONTAGION(sol_move=-20).sentence
    assert "No positive ETH price" in figures.CONTAGION(sol_move=10).sentence


def test_side_by_side_closes_a_pool_at_its_liquidation_price():
    chart = figures.SIDE_BY_SIDE(same="size", move=-12)
    btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=FLAT, leverage=10)
    pool = Account(wallet_balance=3_000, positions=(btc.isolated(),)).pools()[1]
    left = close_out(pool.at({"BTCUSDT": liquidation_price(pool, "BTCUSDT")})).remaining
    assert "Cross: alive, the account has $6,400.00." in chart.sentence
    assert f"Isolated: liquidated at 54,217, the account has {money(7_000 + left)}." in chart.sentence
    assert [row[-2:] for row in chart.table.rows] == [("$6,400.00",) * 2, (money(left), money(7_000 + left))]
    same = figures.SIDE_BY_SIDE(same="margin", move=-12)
    assert same.panels[0].markers[1].x == same.panels[2].markers[1].x
    assert len({row[1:] for row in same.table.rows}) == 1


def test_taste_says_what_the_account_has_left():
    # At 10x 3,000 stand behind the isolated position and 7,000 behind nothing.
    cross, isolated = (row[-1] for row in figures.TASTE(leverage=10).table.rows)
    assert cross == money(0.004 * 0.5 * 20_000 / 0.498)
    assert isolated == money(7_000 + 0.004 * 0.5 * 27_000 / 0.498)


def test_after_its_liquidation_a_position_is_gone_and_the_account_has_what_was_left():
    chart = figures.WHAT_IS_MARGIN(quantity=1.0, leverage=10, move=-30)
    price = 50_000 / 0.996
    assert f"was liquidated at {price:,.2f} on the way, with {money(0.004 * price)} left of $10,000." in chart.sentence
    assert chart.panels[0].markers[0].y == pytest.approx(0.004 * price)
    assert chart.panels[2].markers[0].x is None
    assert ("equity", money(0.004 * price)) in chart.table.rows


def test_a_setting_that_asks_more_than_the_wallet_is_told():
    assert "it asked $30,000: more than there is" in figures.WHAT_IS_MARGIN(quantity=1.0, leverage=2).sentence
    assert "more than there is" not in figures.WHAT_IS_MARGIN(quantity=0.3, leverage=2).sentence


def test_tiers_show_the_rulebook():
    schedule = rulebook("binance_usdm", figures.TIER_DATE).schedule("DOGEUSDT")
    chart = figures.TIERS(symbol="DOGEUSDT", notional=1_000_000)
    assert money(schedule.maintenance_margin(1_000_000)) in chart.sentence
    assert f"{schedule.max_leverage(1_000_000):g}x" in chart.sentence


def test_size_brings_liquidation_nearer_and_refuses_what_the_table_refuses():
    near = [figures.SIZE(leverage=20, notional=n).panels[0].markers[0].y for n in (10_000, 1_000_000, 50_000_000)]
    assert near == sorted(near)
    assert near[0] < near[-1]
    assert "cannot be opened" in figures.SIZE(leverage=50, notional=80_000_000).sentence


def test_the_page_on_figures_of_ones_own_runs_as_it_stands():
    page = (Path(figures.__file__).parents[3] / "docs" / "figures.md").read_text(encoding="utf-8")
    cells, space = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL), {}
    for cell in cells:
        exec(compile(cell, "docs/figures.md", "exec"), space)  # noqa: S102 - our own page
    mine = space["mine"]
    assert [len(each.values) for each in mine.controls] == [19, 10, 2]
    assert mine.settings() == {"leverage": 10, "wallet": 3_000, "side": 1}
    assert mine().table.rows[0] == ("liquidation price", "54,216.87")
    assert len(pack(mine)) < 400_000


@pytest.mark.parametrize(
    ("short", "values", "start"),
    [
        ((0.0, 1.0), 21, 0.5),
        ((1, 5), 5, 3),
        (["a", "b"], 2, "a"),
        ({"long": 1, "short": -1}, 2, 1),
        (True, 2, True),
    ],
)
def test_a_control_in_short_is_what_interact_makes_of_it(short, values, start):
    made = figure("short", x=short)(lambda x: x).controls[0]
    assert (len(made.values), made.start) == (values, start)


@pytest.mark.parametrize("short", [3, "words", (1,), ("a", "b"), [], {}])
def test_a_short_form_that_is_none_is_refused(short):
    with pytest.raises(MarginError, match=r"x = .*give \(lowest, highest\)"):
        figure("short", x=short)(lambda x: x)


@pytest.mark.parametrize(
    ("short", "values"),
    [((0, 11, 3), (0, 3, 6, 9)), ((600, 1_000, 150), (600, 750, 900)), ((0, 1, 0.25), (0, 0.25, 0.5, 0.75, 1))],
)
def test_a_slider_does_not_pass_its_highest_value(short, values):
    assert figure("short", x=short)(lambda x: x).controls[0].values == values


@pytest.mark.parametrize("short", [(10, 5), (600, 900, -100), (0, 1, 2)])
def test_a_range_that_does_not_rise_is_refused(short):
    with pytest.raises(MarginError, match=r"x = .*give the lowest, then the highest"):
        figure("short", x=short)(lambda x: x)


def test_a_default_outside_the_values_is_refused():
    with pytest.raises(MarginError, match="x = 9: its start; give one of 1, 2, 3"):
        figure("short", x=(1, 3))(lambda x=9: x)
