"""Tanks: every level, line and state is the engine's, and a wall moves money without making any."""

import random
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

import numpy as np
import pytest

from marginlib import Account, MarginError, Pool, account_risk, risk
from marginlib.course import figures
from marginlib.course.figures import drawn_path, race
from marginlib.course.figures.tanks import MOVES, SIZES, WALLET, WALLS, opening, straight
from marginlib.drawing.frames import frame, looks, pack
from marginlib.drawing.tanks import tank, tank_chart, tank_panel
from marginlib.words import money

rng = random.Random(20)
STATES = [
    {
        "walls": rng.choice(list(WALLS)),
        "leverage": rng.choice((5, 10, 20)),
        "btc": rng.choice(MOVES),
        "eth": rng.choice(MOVES),
    }
    for _ in range(60)
]


def account(state):
    opened = {symbol: opening(symbol, state["leverage"]) for symbol in SIZES}
    held = [each.isolated() if symbol in WALLS[state["walls"]] else each for symbol, each in opened.items()]
    return Account(wallet_balance=WALLET, positions=held)


def walked(pool, state, steps=20_000, coarse=100):
    """The pool in small steps along the way: where it first has no more than its maintenance margin, or None.

    The way is gone in long steps first, for along a straight way equity less maintenance is concave and never comes
    back above 0; then in small ones from the last place at which the pool lived.
    """

    def over(k):
        way = {each.symbol: k / steps * state[each.symbol[:3].lower()] / 100 for each in pool.positions}
        now = risk(pool.at({symbol: SIZES[symbol][1] * (1 + moved) for symbol, moved in way.items()}))
        return now if now.equity <= now.maintenance else None

    if not pool.positions:
        return None
    end = next((k for k in range(0, steps + 1, coarse) if over(k)), None)
    return None if end is None else next(now for k in range(max(0, end - coarse), end + 1) if (now := over(k)))


@pytest.mark.parametrize("state", STATES[:6], ids=str)
def test_a_tank_ends_where_small_steps_end_it(state):
    for pool in account(state).pools():
        drawn = straight(pool, {"BTCUSDT": state["btc"], "ETHUSDT": state["eth"]})
        ended = walked(pool, state)
        assert (drawn.taken is None) == (ended is None)
        if ended:
            assert drawn.taken == pytest.approx(ended.equity, abs=1.0)  # a step of a thousandth of a percent


@pytest.mark.parametrize("state", STATES, ids=str)
def test_levels_and_lines_are_equity_and_maintenance(state):
    chart = figures.TANKS(**state)
    *rows, total = chart.table.rows
    there = {symbol: price * (1 + state[symbol[:3].lower()] / 100) for symbol, (_, price) in SIZES.items()}
    pools = account(state).at(there).pools()
    for pool, row in zip(pools, rows, strict=True):
        now = risk(pool)
        if row[-1].startswith("liquidated"):
            assert (now.equity <= now.maintenance, row[2], row[3]) == (True, "$0", "$0")
        else:
            assert row[2:4] == (f"${now.equity:,.0f}", f"${now.maintenance:,.0f}")
    alive = sum(risk(pool).equity for pool, row in zip(pools, rows, strict=True) if not row[-1].startswith("liq"))
    assert total[2] == f"${alive:,.0f}"


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_picture_is_as_high_as_the_table_says(state):
    panel = figures.TANKS(**state).panels[0]
    left, shared, right = (panel.areas[2 * k + 1] for k in range(3))
    drawn = [fmean(area.y[1:-1]) if area.y else 0.0 for area in (shared, left, right)]  # waves go around the level
    there = {symbol: price * (1 + state[symbol[:3].lower()] / 100) for symbol, (_, price) in SIZES.items()}
    pools = iter(account(state).at(there).pools())
    expected = [next(pools)] + [next(pools) if symbol in WALLS[state["walls"]] else None for symbol in SIZES]
    for high, pool in zip(drawn, expected, strict=True):
        now = risk(pool) if pool else None
        alive = now and (not pool.positions or now.equity > now.maintenance)
        assert high == pytest.approx(min(now.equity, WALLET) if alive else 0.0, rel=1e-9)


def test_a_wall_moves_money_and_makes_none():
    for leverage in (5, 10, 20):
        sums = {figures.TANKS(walls=walls, leverage=leverage).table.rows[-1][2] for walls in WALLS}
        assert sums == {"$10,000"}


def test_all_walls_hold_what_the_account_has_while_every_pool_lives():
    for state in STATES:
        there = {symbol: price * (1 + state[symbol[:3].lower()] / 100) for symbol, (_, price) in SIZES.items()}
        chart = figures.TANKS(**state)
        if not any(row[-1].startswith("liquidated") for row in chart.table.rows):
            assert chart.table.rows[-1][2] == f"${account_risk(account(state).at(there)).equity:,.0f}"


def test_the_two_systems_agree_until_one_ends():
    for btc in (-9, -5, 0, 10):
        rows = figures.TWO_SYSTEMS(btc=btc).table.rows
        assert [row[-1] for row in rows] == ["open", "no position", "open"]
        cross, wallet, own = (float(row[3].strip("$").replace(",", "")) for row in rows)
        assert cross == wallet + own
    assert [row[3] for row in figures.TWO_SYSTEMS(btc=-12).table.rows] == ["$6,400", "$7,000", "$0"]
    assert [row[3] for row in figures.TWO_SYSTEMS(btc=-34).table.rows] == ["$0", "$7,000", "$0"]


def test_every_state_has_the_same_parts_in_the_same_roles():
    assert len(pack(figures.TWO_SYSTEMS)) < 400_000
    widths = {tuple(map(len, frame(figures.TANKS(**state)))) for state in STATES}
    assert len(widths) == 1


def test_a_lens_points_to_a_level_above_it():
    panel = tank_panel("", [tank(Pool(collateral=900), Pool(collateral=900), 1.0)], 600, lens=True)
    assert [note.text for note in panel.notes] == ["free wallet", "\u2191 $900", "", "", ""]


def test_the_race_ends_as_the_replay_says():
    for event in figures.RACE.controls[0].values:
        for leverage in figures.RACE.controls[1].values:
            chart = figures.RACE(event=event, leverage=leverage, cursor=100)
            for mode, states in race.replays(event, leverage).items():
                left = account_risk(states[-1].account).equity
                assert f"{mode.capitalize()}: the account has ${left:,.0f} of $10,000" in chart.sentence
            gone = [
                f"{mode}: {each.symbol.removesuffix('USDT')}"
                for mode, states in race.replays(event, leverage).items()
                for state in states
                for each in state.liquidations
            ]
            assert [row[0] for row in chart.table.rows] == (gone or ["nobody"])


@pytest.mark.parametrize("cursor", [0, 13, 37, 50, 61, 88, 100])
def test_the_levels_of_a_race_add_up_to_what_each_account_has(cursor):
    for event in figures.RACE.controls[0].values:
        path, runs = race.prices(event), race.replays(event, 4)
        now = (path.times[-1] - path.times[0]).astype(float) / 3_600 * cursor / 100
        seconds = (path.times - path.times[0]).astype(float)
        marks = {symbol: np.interp(now * 3_600, seconds, path.price(symbol)).item() for symbol in path.symbols}
        for states in runs.values():
            past = [each for each in states if (each.time - path.times[0]).astype(float) <= now * 3_600][-1]
            held = {each.symbol for each in past.account.positions}
            has = account_risk(past.account.at({s: p for s, p in marks.items() if s in held})).equity
            assert sum(each.level for each in race.at_hour(states, path, now)) == pytest.approx(has)


def test_what_comes_is_not_drawn_and_what_was_stays_on_the_axes():
    for event in figures.RACE.controls[0].values:
        for cursor in (0, 40, 100):
            prices = figures.RACE(event=event, cursor=cursor).panels[1]
            low, high = prices.y.span
            for line in prices.lines:
                assert max(line.x) == pytest.approx(cursor / 100 * prices.x.span[1])
                assert low <= min(line.y) <= max(line.y) <= high


def along(points):
    """A drawn path in steps of a tenth of a percent, from where it starts."""
    ends = (0, *points)
    return [
        start + part * (end - start)
        for start, end in pairwise(ends)
        for part in np.linspace(0, 1, 10 * abs(end - start) + 2)
    ]


@pytest.mark.parametrize("leverage", [4, 6, 10])
@pytest.mark.parametrize("seed", range(8))
def test_a_drawn_path_ends_as_a_walk_along_it_does(leverage, seed):
    drawn = random.Random(seed)
    points = drawn.choices(drawn_path.MOVES, k=12)
    chart = figures.DRAWN_PATH(leverage=leverage, lowest=min(0, *points), now=points[-1])
    rows = iter(chart.table.rows)
    for mode, pools in drawn_path.accounts(leverage).items():
        for pool in pools:
            pace = {each.symbol: drawn_path.FASTER if each.symbol == "ETHUSDT" else 1.0 for each in pool.positions}
            state, now = "no position", risk(pool)
            for move in along(points) if pool.positions else ():
                marks = {
                    each.symbol: each.entry_price * (1 + pace[each.symbol] * move / 100) for each in pool.positions
                }
                now = risk(pool.at(marks))
                state = "open"
                if now.equity <= now.maintenance:
                    state = "liquidated"
                    break
            row = next(rows)
            assert row[0] == mode
            assert row[-1].split(",")[0] == state
            assert row[3] == (money(now.equity, 0) if state != "liquidated" else "$0")


def test_a_drawn_path_has_its_lowest_before_it_and_starts_unmoved():
    _, lowest, now = figures.DRAWN_PATH.controls
    assert lowest.values == now.values[: len(lowest.values)]
    assert lowest.values[-1] == now.start == 0
    assert set(now.path) < set(now.values)
    below, same = (figures.DRAWN_PATH(lowest=low, now=-20) for low in (-10, -20))
    assert below == same  # what is lower than the lowest is the lowest


def test_a_pipe_says_what_has_run_through_it_and_nothing_before():
    opened = Account(wallet_balance=WALLET, positions=[opening("BTCUSDT", 10)])
    (pool,) = opened.pools()
    fallen = pool.at({"BTCUSDT": 0.9 * SIZES["BTCUSDT"][1]})
    said = [
        [note.text for note in tank_panel("", [tank(pool, now, 30_000)], WALLET).notes if note.text][-3:]
        for now in (pool, fallen)
    ]
    assert said == [["$10,000", "BTC", "$30,000"], ["BTC", "$30,000", "-$3,000"]]


def test_an_empty_wallet_and_a_pool_below_its_line_are_drawn_and_named():
    rows = {
        wallet: tank_chart("", [pool]).table.rows[0]
        for wallet in (0, 100)
        for pool in Account(wallet_balance=wallet, positions=[opening("BTCUSDT", 10)]).pools()
    }
    assert [(row[1], row[-1]) for row in rows.values()] == [("$0", "liquidatable"), ("$100", "liquidatable")]


def test_a_chart_finds_the_widest_pipe_and_pairs_what_was_with_what_is():
    account = Account(wallet_balance=WALLET, positions=[opening("BTCUSDT", 10).isolated()])
    drawn = tank_chart("", [account.pools()[0], Pool(collateral=0)], start=account, taken=[0, 600])
    assert [row[1:3] for row in drawn.table.rows] == [("$7,000", "$7,000"), ("$3,000", "$0"), ("$10,000", "$7,000")]
    assert drawn.table.rows[1][-1] == "liquidated, $600 to the venue"
    assert tank_chart("", account) == tank_chart("", account.pools()) == tank_chart("", account, start=account)
    large = opening("BTCUSDT", 10)
    drawn = tank_chart("", [large.isolated().pool, replace(large, quantity=large.quantity / 2).isolated().pool])
    pipes = [area for area in drawn.panels[0].areas if area.role == "pipe"]
    assert [max(each.x) - min(each.x) for each in pipes] == pytest.approx([0.3, 0.15])


@pytest.mark.parametrize(("pools", "start", "taken"), [([], None, []), ([1], [1, 2], []), ([1], None, [0, 0])])
def test_tanks_without_a_pair_are_refused(pools, start, taken):
    held, before = ([Pool(collateral=each) for each in some or ()] for some in (pools, start))
    with pytest.raises(MarginError, match="each tank is a pool at the start, a pool now and what was taken"):
        tank_chart("", held, before, taken)


def test_both_legs_of_a_hedge_have_a_pipe_of_their_own():
    long = opening("BTCUSDT", 10)
    legs = (long, replace(long, quantity=-long.quantity / 2, entry_price=long.entry_price * 1.02))
    notes = [note.text for note in tank_chart("", Account(wallet_balance=WALLET, positions=legs)).panels[0].notes]
    assert [each for each in notes if each.startswith(("$3", "$1"))][-2:] == ["$30,000", "$15,300"]


def test_an_account_is_drawn_on_one_scale_however_it_is_partitioned():
    long = opening("BTCUSDT", 10)
    panels = [
        tank_chart("", Account(wallet_balance=WALLET, positions=[each])).panels[0] for each in (long, long.isolated())
    ]
    assert panels[0].y == panels[1].y
    assert [panel.x.span[1] - panel.x.span[0] for panel in panels] == [2, 2]
    pipes = [next(area for area in panel.areas if area.role == "pipe") for panel in panels]
    assert [max(each.x) - min(each.x) for each in pipes] == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize("explorer", [figures.TWO_SYSTEMS, figures.TANKS], ids=lambda each: each.name)
def test_what_tanks_are_is_said_once_beside_each_other(explorer):
    named = [[each["named"] for each in (*panel["areas"], *panel["lines"])] for panel in looks(explorer())]
    assert sum(named[0]) == 3
    assert not any(named[1])
