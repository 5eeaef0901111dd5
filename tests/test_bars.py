"""Bars: the plain loop by hand, and the fast path equal to it on random paths and on recorded ones."""

import dataclasses
from dataclasses import replace
from math import nan
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest

from marginlib import (
    Account,
    Contract,
    MaintenanceBasis,
    MarginError,
    Position,
    RiskSchedule,
    RiskTier,
    account_risk,
    available_balance,
    rulebook,
)
from marginlib.market.bars import BarRun, MarkBars, _Lines, replay_bars, replay_bars_fast, replay_history
from marginlib.market.files import read_bars
from marginlib.market.paths import Bars
from marginlib.market.policies import fifth_first, full_close, largest_loss_first, step_down
from marginlib.market.recorded import crash, crashes
from marginlib.market.replay import Replenishment, Rules, Snapshot
from marginlib.market.settlement import Liquidation
from marginlib.market.walk import crash_rulebooks
from marginlib.venues import Leftover, PaidFrom, Rulebook

FLAT = RiskSchedule.flat(0.01)
TIERED = RiskSchedule.from_brackets(
    [(0, 10_000, 0.01, 50, 0), (10_000, 50_000, 0.02, 25, 100), (50_000, None, 0.05, 10, 1_600)]
)
BOOK = Rulebook(venue="test", date="2026-01-01", source="made up", schedules={"A": TIERED, "B": TIERED, "C": FLAT})
RULES = Rules(book=BOOK)


def bars(high, low, close, funding=None, symbols=("A",)):
    return MarkBars(symbols=symbols, times=range(len(high[0])), high=high, low=low, close=close, funding=funding)


def long(quantity=10, price=100, leverage=10, symbol="A"):
    return BOOK.position(symbol, quantity, price, leverage=leverage)


# The plain loop.


def test_a_long_is_tried_at_the_low_and_closed_on_the_way_there():
    path = bars([[101, 100, 99]], [[95, 80, 70]], [[96, 98, 80]])
    states = list(replay_bars(Account(wallet_balance=500, positions=(long().isolated(),)), path, RULES))
    assert [len(state.liquidations) for state in states] == [0, 1, 0]
    (closed,) = states[1].liquidations
    # 100 + 10 (p - 100) = 0.01 x 10 p at p = 900 / 9.9, not at the low of 80.
    assert closed.mark_price == pytest.approx(900 / 9.9, rel=1e-8)
    assert closed.price == pytest.approx(90)
    assert states[1].account.wallet_balance == 400
    assert states[1].time == 1


@pytest.mark.parametrize("size", [1e-6, 1, 1e6])
def test_the_price_at_which_a_pool_is_met_does_not_depend_on_its_size(size):
    path = bars([[101, 100]], [[95, 60]], [[96, 70]])
    held = Position.open(symbol="A", quantity=10 * size, price=100, schedule=FLAT, leverage=10)
    *_, ended = replay_bars(Account(wallet_balance=500 * size, positions=(held.isolated(),)), path, Rules())
    (closed,) = ended.liquidations
    assert closed.mark_price == pytest.approx(900 / 9.9, rel=1e-8)


def test_a_short_is_tried_at_the_high():
    path = bars([[104, 112]], [[60, 60]], [[100, 61]])
    states = list(replay_bars(Account(wallet_balance=500, positions=(long(-10).isolated(),)), path, RULES))
    assert [len(state.liquidations) for state in states] == [0, 1]
    assert states[1].liquidations[0].mark_price == pytest.approx(1_100 / 10.1, rel=1e-8)


def test_a_pool_with_both_is_tried_at_both_worsts_of_the_same_bar():
    # Low 90 for the long and high 110 for the short, in one bar: -100 - 100 on 150, though no moment may have had both.
    positions = (long(), long(-10, symbol="B"))
    path = bars([[100], [110]], [[90], [100]], [[100], [100]], symbols=("A", "B"))
    (state,) = replay_bars(Account(wallet_balance=150, positions=positions), path, RULES)
    assert len(state.liquidations) == 2
    # The straight way: both have gone the share w of 10: 150 - 200 w = 0.01 x (10 (100 - 10 w) + 10 (100 + 10 w)) = 20.
    assert [each.mark_price for each in state.liquidations] == [
        pytest.approx(93.5, rel=1e-8),
        pytest.approx(106.5, rel=1e-8),
    ]


def test_funding_is_settled_at_the_open_at_the_close_before():
    path = bars([[110, 120]], [[100, 110]], [[110, 120]], funding=[[nan, 0.001]])
    last = list(replay_bars(Account(wallet_balance=5_000, positions=(long(),)), path, RULES))[-1]
    assert last.ledger.funding == pytest.approx(10 * 110 * 0.001)
    first = bars([[110]], [[100]], [[110]], funding=[[0.001]])  # before the first bar: at the account's own mark
    (state,) = replay_bars(Account(wallet_balance=5_000, positions=(long(),)), first, RULES)
    assert state.ledger.funding == pytest.approx(10 * 100 * 0.001)


def test_stepping_down_within_one_bar_goes_on_to_the_low():
    # 600 at 100 with 6,000 behind them, to 88: cut at the edge on the way, and cut again or gone further down.
    path = bars([[100]], [[88]], [[95]])
    account = Account(wallet_balance=6_000, positions=(long(600),))
    (state,) = replay_bars(account, path, replace(RULES, policy=step_down()))
    prices = [each.mark_price for each in state.liquidations]
    assert len(prices) > 1
    assert prices == sorted(prices, reverse=True)
    assert all(price > 88 for price in prices)
    assert abs(state.imbalance) <= 1e-9


@pytest.mark.parametrize(
    ("field", "row", "message"),
    [
        ("low", [98, nan], r"low = nan: A, bar 1 \(1\); give a price above 0"),
        ("low", [98, 0], r"low = 0: A, bar 1"),
        ("close", [98, 103], r"close = 103: A, bar 1 \(1\); give a price from low to high"),
        ("high", [102, float("inf")], r"high = inf: A, bar 1"),
        ("high", [102, nan], r"high = nan: A, bar 1"),
        ("funding", [nan, 1.5], r"funding = 1.5: A, bar 1"),
        ("funding", [1.0, 1.0], r"funding = 1: A, bar 0"),
        ("funding", [nan, -1.0], r"funding = -1: A, bar 1"),
        ("close", [98], r"close: shape \(1, 1\); give \(1, 2\)"),
        ("close", [98, 98, 98], r"close: shape \(1, 3\); give \(1, 2\)"),
        ("close", ["x", 1], r"close = list: give numbers"),
    ],
)
def test_bars_that_cannot_be_are_refused_by_symbol_and_bar(field, row, message):
    rows = {"high": [102, 102], "low": [98, 98], "close": [100, 100], "funding": [nan, 0.0], field: row}
    with pytest.raises(MarginError, match=message):
        MarkBars(symbols=("A",), times=[0, 1], **{name: [values] for name, values in rows.items()})
    assert bars([[102]], [[98]], [[100]]) != bars([[102]], [[98]], [[100]])  # arrays have no one answer
    with pytest.raises(MarginError, match=r"symbols = "):
        MarkBars(symbols=("A", "A"), times=[0], high=[[1]], low=[[1]], close=[[1]])


def test_bars_of_the_history_become_mark_bars_and_a_missing_mark_is_not_made_up():
    times = np.array(["2020-03-12T10", "2020-03-12T11"], dtype="datetime64[s]")
    last = {"open": [100, 99], "high": [101, 99], "low": [98, 90], "close": [99, 95]}
    mark = {"mark_high": [100, 98], "mark_low": [97, 91], "mark_close": [98, 94]}
    full = Bars(symbol="A", times=times, **last, **mark, funding_rate=[0.0001, nan])
    made = MarkBars.of(full)
    assert made.prices(1) == ([98], [91], [94])
    assert (made.rates(0), made.rates(1)) == ({"A": 0.0001}, {})
    bare = Bars(symbol="B", times=times, **last)
    with pytest.raises(MarginError, match=r"mark_high = None: B of source not given has no mark price"):
        MarkBars.of(full, bare)
    both = MarkBars.of(full, bare, last_for_mark=True)
    assert both.prices(1) == ([98, 99], [91, 90], [94, 95])
    assert both.rates(0) == {"A": 0.0001}
    # Where only the close is missing, the extremes are widened to hold the last price that stands in for it.
    partly = Bars(symbol="C", times=times, **last, mark_high=[98, 94], mark_low=[97, 93])
    assert MarkBars.of(partly, last_for_mark=True).prices(1) == ([95], [93], [95])
    later = Bars(symbol="D", times=times + np.timedelta64(3_600, "s"), **last)
    with pytest.raises(MarginError, match=r"series: give bars of at least one symbol, all of the same times"):
        MarkBars.of(bare, later, last_for_mark=True)


# The fast path equals the plain loop.


MONEY = ("realized_pnl", "fee", "kept", "fund_paid", "deleveraged")
SAID = {
    Liquidation: ("symbol", "quantity", "price", "mark_price", "taken_over", "closed.own_margin", *MONEY),
    Replenishment: ("symbol", "amount"),
}


def died(run):
    """Return the bars in which something was liquidated."""
    return [bar for bar, state in run.opened if state.liquidations]


def alike(account, path, rules, *, fund=0.0):
    """Compare everything the two replays say; return how many liquidations there were."""
    start = Snapshot.start(account, insurance_fund=fund)
    plain = list(replay_bars(start, path, rules))
    run = replay_bars_fast(start, path, rules)
    for state in plain:
        assert abs(state.imbalance) <= 1e-9
    assert abs(run.final.imbalance) <= 1e-9
    scale = account.wallet_balance
    found = [(bar, state.time, each) for bar, state in enumerate(plain) for each in state.actions]
    fast = [(bar, state.time, each) for bar, state in run.opened for each in state.actions]
    assert [(bar, time, type(each), each.symbol) for bar, time, each in found] == [
        (bar, time, type(each), each.symbol) for bar, time, each in fast
    ]
    for (_, _, one), (_, _, other) in zip(found, fast, strict=True):
        for field in SAID[type(one)]:
            mine, theirs = map(attrgetter(field), (one, other))
            assert mine == theirs or mine == pytest.approx(theirs, rel=1e-9, abs=1e-9 * scale), field
    for bar, state in (*run.opened, (len(plain) - 1, run.final)):
        assert state.account.wallet_balance == pytest.approx(plain[bar].account.wallet_balance, abs=1e-11 * scale)
        assert state.ledger.funding == pytest.approx(plain[bar].ledger.funding, abs=1e-11 * scale)
    last = plain[-1]
    assert run.final.time == last.time
    assert run.final.ledger.funding == pytest.approx(last.ledger.funding, abs=1e-11 * scale)
    assert run.final.ledger.insurance_fund == pytest.approx(last.ledger.insurance_fund, abs=1e-9 * scale)
    assert dict(run.final.mark_prices) == dict(last.mark_prices)
    for one, other in zip(last.account.positions, run.final.account.positions, strict=True):
        assert (one.symbol, one.mark_price, one.margin_mode) == (other.symbol, other.mark_price, other.margin_mode)
        assert one.quantity == pytest.approx(other.quantity, rel=1e-9)
        assert (one.isolated_margin or 0) == pytest.approx(other.isolated_margin or 0, abs=1e-9 * scale)
    return len(found)


def random_bars(source, symbols=("A", "B", "C"), count=600, volatility=0.01, every=8):
    close = 100 * np.exp(np.cumsum(source.normal(0, volatility, (len(symbols), count)), axis=1))
    before = np.concatenate((np.full((len(symbols), 1), 100.0), close[:, :-1]), axis=1)
    reach = np.abs(source.normal(0, volatility, (2, len(symbols), count)))
    funding = np.full((len(symbols), count), nan)
    if every:
        settled = np.arange(int(source.integers(0, every)), count, every)
        funding[:, settled] = source.normal(0.0005, 0.001, (len(symbols), settled.size))
        if every != 8:
            funding[0, 3::7] = 0.0003  # one symbol with settlements of its own
    return MarkBars(
        symbols=symbols,
        times=np.arange(count) * 3_600,
        high=np.maximum(before, close) * (1 + reach[0]),
        low=np.minimum(before, close) * (1 - reach[1]),
        close=close,
        funding=funding if every else None,
    )


POLICIES = [full_close(), full_close(largest_loss_first), step_down(), step_down(2), fifth_first(above=8_000)]


def random_account(source):
    positions = []
    for symbol in ("A", "B", "C"):
        position = long(float(source.choice([-1, 1]) * source.uniform(10, 300)), symbol=symbol)
        positions.append(position.isolated(position.entry_notional / 8) if source.random() < 0.4 else position)
    set_aside = sum(each.isolated_margin or 0.0 for each in positions)
    return Account(wallet_balance=set_aside + float(source.uniform(2_000, 12_000)), positions=tuple(positions))


def random_rules(source):
    return replace(
        RULES,
        policy=POLICIES[source.integers(len(POLICIES))],
        leftover=list(Leftover)[source.integers(2)],
        funding_from=list(PaidFrom)[source.integers(2)],
        clearance_fee_rate=float(source.choice([0.0, 0.005])),
        replenish=frozenset(source.choice(["A", "B", "C"], source.integers(0, 3))),
    )


@pytest.mark.parametrize("seed", range(24))
def test_fast_equals_plain_on_random_paths(seed):
    source = np.random.default_rng(seed)
    path = random_bars(source, every=[8, 8, 0, 5][seed % 4], count=250)
    account = random_account(source)
    alike(account, path, random_rules(source), fund=100.0)


@pytest.mark.parametrize("seed", range(16))
def test_fast_equals_plain_beside_a_position_without_bars(seed):
    """It has gained or lost, and keeps its own margin: a cross pool meets its line by what that leaves."""
    source = np.random.default_rng(seed)
    lone = long(float(source.choice([-1, 1]) * 400), symbol="C")
    aside = replace(lone, symbol="D").at(float(source.uniform(60, 140)))
    held = long(float(source.choice([-1, 1]) * source.uniform(20, 300)), symbol="AB"[seed % 2])
    needs = held.notional / 10 + aside.notional / 100
    money = max(needs - aside.unrealized_pnl, 0) + float(source.uniform(10, 400))
    path = random_bars(source, volatility=0.02, every=[8, 0][seed % 2], count=150)
    if seed >= 8:  # a thousandth of it: nothing hangs on a dollar
        held, aside = (replace(each, quantity=each.quantity / 1e3) for each in (held, aside))
        money /= 1e3
    alike(Account(wallet_balance=money, positions=(held, aside)), path, RULES)


@pytest.mark.parametrize("seed", range(8))
def test_fast_equals_plain_for_two_inverse_legs_of_one_coin(seed):
    source = np.random.default_rng(seed)
    book = replace(BOOK, contract=Contract.INVERSE, schedules={"A": TIERED if seed % 2 else FLAT})
    sizes = float(source.uniform(20_000, 40_000)), -float(source.uniform(2_000, 15_000))
    legs = tuple(book.position("A", size * (-1) ** (seed // 2), 100.0, leverage=5) for size in sizes)
    path = random_bars(source, symbols=("A",), volatility=0.02, count=200)
    alike(Account(wallet_balance=float(source.uniform(30, 90)), positions=legs), path, Rules(book=book))


def test_a_coin_of_half_a_cent_has_bars_like_any_other():
    path = bars([[0.0051, 0.005, 0.0049]], [[0.0049, 0.0041, 0.004]], [[0.005, 0.0045, 0.0041]])
    cheap = Position.open(symbol="A", quantity=1e6, price=0.005, schedule=FLAT, leverage=10)
    assert alike(Account(wallet_balance=500, positions=(cheap,)), path, Rules()) == 1


def test_the_random_paths_do_liquidate_and_do_survive():
    counts = []
    for seed in range(8):
        source = np.random.default_rng(seed)
        path = random_bars(source, count=400)
        run = replay_bars_fast(random_account(source), path, random_rules(source))
        counts.append(sum(len(state.actions) for _, state in run.opened))
    assert max(counts) > 0
    assert sum(counts) >= 5


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_fast_equals_plain_for_inverse_contracts_entry_maintenance_and_two_legs(direction, mode):
    source = np.random.default_rng(5)
    path = random_bars(source, volatility=0.02, count=300)
    inverse = replace(BOOK, contract=Contract.INVERSE, schedules={"A": FLAT, "B": FLAT, "C": FLAT})
    position = inverse.position("A", 5_000.0 * direction, 100.0, leverage=5)
    alike(Account(wallet_balance=20, positions=(getattr(position, mode)(),)), path, Rules(book=inverse))
    frozen = replace(BOOK, maintenance_basis=MaintenanceBasis.ENTRY)
    position = frozen.position("B", 50.0 * direction, 100.0, leverage=5)
    alike(Account(wallet_balance=1_500, positions=(getattr(position, mode)(),)), path, Rules(book=frozen))
    legs = tuple(getattr(long(size * direction), mode)() for size in (300.0, -200.0))
    alike(Account(wallet_balance=7_000, positions=legs), path, RULES)


def test_positions_without_bars_and_accounts_without_positions():
    source = np.random.default_rng(1)
    path = random_bars(source, symbols=("A",), count=100)
    alike(Account(wallet_balance=3_000, positions=(long(100), long(50, symbol="B"))), path, RULES)
    alike(Account(wallet_balance=3_000), path, RULES)


def test_an_account_that_is_unsafe_at_its_own_marks_is_dealt_with_in_the_first_bar():
    path = bars([[100, 100]], [[99, 99]], [[100, 100]], funding=[[0.0001, nan]])
    account = Account(wallet_balance=1_000, positions=(long().isolated(100).at(90.1),))
    assert alike(account, path, RULES) == 1


# The fast path is quick because it looks at little; that is counted, for no clock tells it surely.


@pytest.mark.parametrize(
    ("count", "settled"),
    [
        (64, range(0, 64, 8)),
        (61, range(0, 61, 8)),
        (61, range(5, 61, 8)),
        (66, range(3, 66, 6)),
        (45, range(1, 45, 11)),
        (40, [7, 15, 24, 32]),
        (30, [12]),
        (30, [0]),
        (300, []),
        (300, [10, 250]),
        (1, []),
    ],
)
def test_a_block_goes_from_one_settlement_to_the_next_with_the_close_before_it(count, settled):
    source = np.random.default_rng(count)
    path = random_bars(source, symbols=("A", "B"), count=count, every=0)
    rates = np.full((2, count), nan)
    rates[0, list(settled)] = source.normal(0, 0.001, len(settled))
    rates[1, list(settled)[::2]] = 0.0002
    path = replace(path, funding=rates) if len(settled) else path
    cut = {0, *settled} | (set(range(0, count, 64)) if len(settled) < 4 and count > 64 else set())
    starts = sorted(cut)
    blocks = path.blocks
    assert blocks.starts.tolist() == starts
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], count], strict=True)):
        for row in range(2):
            before = path.close[row, max(start - 1, 0)]
            assert blocks.before[row, k] == before
            assert blocks.high[row, k] == max(before, *path.high[row, start:end])
            assert blocks.low[row, k] == min(before, *path.low[row, start:end])
            assert blocks.rate[row, k] == (0 if np.isnan(rates[row, start]) else rates[row, start])
    assert blocks.highest.tolist() == blocks.high.max(axis=1).tolist()
    assert blocks.lowest.tolist() == blocks.low.min(axis=1).tolist()
    assert blocks.value(-1) == pytest.approx(blocks.rate / blocks.before)


@pytest.mark.parametrize("seed", range(16))
def test_a_bar_is_opened_only_where_something_happens_or_the_account_is_short_of_its_funding(seed):
    source = np.random.default_rng(seed)
    path = random_bars(source, every=[8, 8, 0, 5][seed % 4], count=250)
    account, rules = random_account(source), random_rules(source)
    plain = list(replay_bars(account, path, rules))
    for bar, state in replay_bars_fast(account, path, rules).opened[1:]:
        if not state.actions:
            before, rates = plain[bar - 1].account, path.rates(bar)
            needs = [max(0.0, rates.get(each.symbol, 0) * each.quantity * each.mark_price) for each in before.positions]
            assert rules.funding_from is PaidFrom.ACCOUNT, bar
            assert available_balance(before) <= sum(needs) + 1e-4, bar


def looks(monkeypatch):
    """Return the list in which the number of columns of each look will stand: blocks first, then bars."""
    columns, least = [], _Lines.least

    def counted(lines, low, high):
        columns.append(low.shape[1])
        return least(lines, low, high)

    monkeypatch.setattr(_Lines, "least", counted)
    return columns


def quiet(count, symbols=("A",)):
    flat = np.full((len(symbols), count), 100.0)
    funding = np.full_like(flat, nan)
    funding[:, ::8] = 0.0
    return {"high": flat + 0.1, "low": flat - 0.1, "close": flat, "funding": funding, "symbols": symbols}


def test_where_nothing_happens_each_block_is_looked_at_once(monkeypatch):
    columns = looks(monkeypatch)
    alike(Account(wallet_balance=5_000, positions=(long(),)), bars(**quiet(800)), RULES)
    assert columns == [100]
    alike(Account(wallet_balance=5_000, positions=(long(),)), bars(**(quiet(800) | {"funding": None})), RULES)
    assert columns == [100, 13]  # of 64 bars


def test_where_a_pool_ends_sixteen_blocks_are_looked_at_bar_by_bar(monkeypatch):
    columns, fall = looks(monkeypatch), quiet(800)
    fall["low"][0, 403:], fall["high"][0, 403:], fall["close"][0, 403:] = 49.0, 51.0, 50.0
    assert alike(Account(wallet_balance=120, positions=(long(),)), bars(**fall), RULES) == 1
    assert columns == [100, 16 * 8]


def test_blocks_that_only_seem_to_fail_are_looked_at_bar_by_bar_more_and_more_at_a_time(monkeypatch):
    """A long's low and a short's high are in one block, never in one bar."""
    columns, path = looks(monkeypatch), quiet(8 * 160, symbols=("A", "B"))
    path["low"][0, 1::8], path["high"][1, 5::8] = 80.0, 120.0
    positions = (long(), long(-10, symbol="B"))
    assert alike(Account(wallet_balance=250, positions=positions), bars(**path), RULES) == 0
    assert columns == [160, 127, 1_024, 128]  # the very first bar was run as it is


def test_a_hedge_whose_legs_cancel_ends_where_more_has_to_be_kept():
    """30 long and 30 short have the same equity everywhere; both are dearer to keep at the high."""
    path = bars([[100, 130]], [[100, 70]], [[100, 100]])
    legs = (long(30), long(-30))
    *_, state = replay_bars(Account(wallet_balance=70, positions=legs), path, RULES)
    # 70 = 0.01 x 60 p at p = 116.67; at the low of 70 only 42 are asked.
    assert [each.mark_price for each in state.liquidations] == [pytest.approx(70 / 0.6, rel=1e-8)] * 2
    assert alike(Account(wallet_balance=70, positions=legs), path, RULES) == 2


def test_a_hedge_that_no_price_moves_is_closed_where_it_stands():
    """Frozen maintenance margin, as much long as short: nothing slopes, and 50 are less than 60."""
    frozen = replace(BOOK, maintenance_basis=MaintenanceBasis.ENTRY, schedules={"A": FLAT})
    legs = tuple(frozen.position("A", size, 100, leverage=10) for size in (30, -30))
    path = bars([[101, 101]], [[99, 99]], [[100, 100]])
    assert alike(Account(wallet_balance=50, positions=legs), path, Rules(book=frozen)) == 2


def test_what_bars_cannot_say_of_a_pool_is_refused_by_both():
    whole = RiskSchedule(tiers=TIERED.tiers, whole_position=True)
    held = Position.open(symbol="A", quantity=10, price=100, schedule=whole, leverage=10)
    account, path = Account(wallet_balance=500, positions=(held,)), bars([[101, 100]], [[95, 95]], [[96, 96]])
    for run in (replay_bars_fast, lambda *given: list(replay_bars(*given))):
        with pytest.raises(MarginError, match="a replay of bars"):
            run(account, path, Rules())


@pytest.mark.parametrize("row", range(3))
def test_rates_of_one_symbol_alone_are_settled(row):
    flat = np.full((3, 20), 100.0)
    rates = np.full_like(flat, nan)
    rates[row, 10] = 0.001
    path = bars(flat, flat, flat, funding=rates, symbols=("A", "B", "C"))
    run = replay_bars_fast(Account(wallet_balance=5_000, positions=(long(symbol="ABC"[row]),)), path, RULES)
    assert run.final.ledger.funding == pytest.approx(10 * 100 * 0.001)
    with pytest.raises(MarginError, match=rf"funding = 2: {'ABC'[row]}, bar 10"):
        bars(flat, flat, flat, funding=np.where(np.isnan(rates), nan, 2.0), symbols=("A", "B", "C"))


def test_a_margin_that_funding_uses_up_while_the_position_gains_is_dealt_with_when_it_is_empty():
    count = 120
    up = 100 + np.arange(count) / 2
    rates = np.full(count, nan)
    rates[8::8] = 0.008
    path = bars([up + 0.1], [up - 0.6], [up], funding=[rates])
    account = Account(wallet_balance=100.5, positions=(long().isolated(100),))
    assert alike(account, path, replace(RULES, funding_from=PaidFrom.POSITION)) > 0


def test_prices_far_below_one_are_prices():
    path = bars([[2e-7, 2e-7]], [[1e-7, 1e-7]], [[2e-7, 2e-7]])
    assert path.prices(1) == ([2e-7], [1e-7], [2e-7])


def test_funding_at_the_close_before_a_gap_ends_what_the_gap_would_have_saved():
    path = bars(
        [[101, 100, 101, 101]], [[99, 91, 100, 100]], [[100, 91.2, 100.5, 100.5]], funding=[[nan, nan, 0.01, nan]]
    )
    account = Account(wallet_balance=1_000, positions=(long().isolated(100),))
    rules = replace(RULES, funding_from=PaidFrom.POSITION)
    assert alike(account, path, rules) == 1  # 12 of equity less 9.12 of funding, and 9.12 are to be kept
    assert died(replay_bars_fast(account, path, rules)) == [2]


# Recorded key figures as bars, and the road from a bar file to both modes.


def bars_of(path, symbol):
    """The bars between neighbouring moments of a path: the mark runs straight from the one to the other."""
    price = path.price(symbol)
    before, after = price[:-1], price[1:]
    return Bars(
        symbol=symbol, times=path.times[:-1], open=before, high=np.maximum(before, after), close=after,
        low=np.minimum(before, after), mark_high=np.maximum(before, after), mark_low=np.minimum(before, after),
        mark_close=after,
    )  # fmt: skip


@pytest.mark.parametrize("event", [each.event for each in crashes()])
@pytest.mark.parametrize("side", [1, -1])
def test_fast_equals_plain_on_the_recorded_key_figures(event, side):
    book = crash_rulebooks(event)[0]
    path = crash(event).path(["BTCUSDT", "ETHUSDT"], step="30m")
    series = [bars_of(path, symbol) for symbol in path.symbols]
    held = tuple(book.position(each.symbol, side * 20_000 / each.open[0], each.open[0], leverage=10) for each in series)
    apart = tuple(each.isolated() for each in held)
    for positions in (held, apart, (held[0], apart[1])):
        alike(Account(wallet_balance=6_000, positions=positions), MarkBars.of(*series), Rules(book=book))


@pytest.mark.parametrize("event", [each.event for each in crashes()])
def test_a_history_of_bars_and_its_path_kill_the_same_positions_in_both_modes(event):
    book = crash_rulebooks(event)[0]
    path = crash(event).path(["BTCUSDT", "ETHUSDT"], step="30m")
    series = {symbol: bars_of(path, symbol) for symbol in path.symbols}
    held = tuple(book.position(s, 12_500 / each.open[0], each.open[0], leverage=5) for s, each in series.items())
    account = Account(wallet_balance=10_000, positions=(held[0], held[1].isolated(2_600)))
    by_bars = replay_history(account, series, Rules(book=book), insurance_fund=100.0)
    by_path = replay_history(account, path, Rules(book=book), insurance_fund=100.0)
    for mode, positions in (("cross", held), ("isolated", (held[0].isolated(), held[1].isolated(2_600)))):
        dead = [gone.symbol for state in by_bars[mode] for gone in state.liquidations]
        assert sorted(dead) == sorted(gone.symbol for state in by_path[mode] for gone in state.liquidations)
        assert by_bars[mode][0].account.positions == positions
        assert by_bars[mode][0].ledger.fund_at_start == by_path[mode][0].ledger.fund_at_start == 100
        assert by_bars[mode][-1].time == path.times[-2]  # when the last bar opens
        plain = list(replay_bars(Account(wallet_balance=10_000, positions=positions), MarkBars.of(*series.values()),
                                 Rules(book=book)))  # fmt: skip
        wallet = plain[-1].account.wallet_balance
        assert by_bars[mode][-1].account.wallet_balance == pytest.approx(wallet)
        if dead:  # on the way to the low, bars close a pool at the price at which the path does
            marks = [
                [gone.mark_price for state in each[mode] for gone in state.liquidations] for each in (by_bars, by_path)
            ]
            assert sorted(marks[0]) == pytest.approx(sorted(marks[1]), rel=5e-3)


def test_the_road_from_a_table_to_both_modes():
    """A long of 0.5 at 60,000 with a tenth set aside: alone it ends at 54,000 / 0.996, beside the wallet it lives."""
    table = pd.DataFrame(
        [["2026-01-05T10:00Z", 60_000, 60_400, 58_700, 58_900], ["2026-01-05T11:00Z", 58_900, 59_100, 52_800, 56_600]],
        columns=["timestamp", "open", "high", "low", "close"],
    )
    bars = read_bars(table, symbol="BTCUSDT")
    held = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 0.5, 60_000, leverage=10)
    account = Account(wallet_balance=10_000, positions=(held,))
    with pytest.raises(MarginError, match="has no mark price"):
        replay_history(account, bars, Rules())
    both = replay_history(account, bars, Rules(), last_for_mark=True)
    assert [len(states) for states in both.values()] == [2, 2]  # the start and the end; the death is in the last bar
    (gone,) = both["isolated"][-1].liquidations
    assert gone.mark_price == pytest.approx(54_000 / 0.996)
    assert both["isolated"][-1].account.wallet_balance == pytest.approx(7_000)
    assert not both["cross"][-1].liquidations
    assert account_risk(both["cross"][-1].account).equity == pytest.approx(10_000 - 0.5 * 3_400)


@pytest.mark.parametrize("record", [MarkBars, BarRun])
def test_a_record_is_named_field_by_field_and_cannot_be_changed(record):
    assert all(field.kw_only for field in dataclasses.fields(record))
    assert record.__dataclass_params__.frozen


@pytest.mark.parametrize("contract", [Contract.LINEAR, Contract.INVERSE])
@pytest.mark.parametrize("paid_from", list(PaidFrom))
@pytest.mark.parametrize("side", [1, -1])
def test_a_bar_in_which_nothing_can_happen_is_not_opened(contract, paid_from, side):
    """Calm prices and a wallet with room; only the first bar, which meets the account at its own marks, is opened."""
    book = replace(BOOK, contract=contract, schedules={"A": FLAT, "B": FLAT})
    source = np.random.default_rng(3)
    path = random_bars(source, symbols=("A", "B"), volatility=0.0005, count=400)
    path = replace(path, funding=path.funding * 0.01)
    # 10,000 dollars each; 2,000 set aside for B, and half of what is free is taken by A's initial margin.
    size, wallet = (100, 6_000) if contract is Contract.LINEAR else (10_000, 60)
    held = [book.position(symbol, side * size, 100, leverage=5) for symbol in ("A", "B")]
    account = Account(wallet_balance=wallet, positions=(held[0], held[1].isolated()))
    rules = Rules(book=book, funding_from=paid_from)
    alike(account, path, rules)
    assert [bar for bar, _ in replay_bars_fast(account, path, rules).opened] == [0]


@pytest.mark.parametrize("contract", [Contract.LINEAR, Contract.INVERSE])
@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize("side", [1, -1])
def test_a_death_is_the_only_bar_that_is_opened_after_the_first(contract, mode, side):
    """5x on both sides: a move of a fifth is deadly; it comes in bar 200, and nothing before it is near."""
    book = replace(BOOK, contract=contract, schedules={"A": FLAT})
    source = np.random.default_rng(4)
    path = random_bars(source, symbols=("A",), volatility=0.0005, count=400, every=0)
    low, high = path.low.copy(), path.high.copy()
    low[0, 200], high[0, 200] = (60.0, high[0, 200]) if side > 0 else (low[0, 200], 140.0)
    path = replace(path, low=low, high=high)
    size, wallet = (100, 2_000) if contract is Contract.LINEAR else (10_000, 20)
    held = getattr(book.position("A", side * size, 100, leverage=5), mode)()
    account = Account(wallet_balance=wallet, positions=(held,))
    run = replay_bars_fast(account, path, Rules(book=book))
    assert alike(account, path, Rules(book=book)) == 1
    assert [bar for bar, _ in run.opened] == [0, *died(run)] == [0, 200]


@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize("sizes", [(-20, 60), (60, -20), (-60, 20), (20, -60)])
def test_two_legs_of_one_symbol_are_both_counted(mode, sizes):
    """In one tier, too: the larger leg kills, wherever it stands in the list; in cross the other earns a part."""
    down = sum(sizes) > 0
    path = bars([[101, 101 if down else 150]], [[99, 50 if down else 99]], [[100, 100]], symbols=("C",))
    legs = tuple(getattr(long(size, symbol="C", leverage=5), mode)() for size in sizes)
    account = Account(wallet_balance=1_700, positions=legs)
    assert alike(account, path, RULES) >= 1


def test_a_short_that_rises_into_a_higher_tier_needs_what_that_tier_asks():
    """400 at 150 are 60,000, which need 0.05 x 60,000 - 1,600 = 1,400; by the tier below it would be 1,100."""
    path = bars([[101, 150, 101]], [[100, 100, 100]], [[100, 100, 100]])
    for wallet, deaths in ((21_250, 1), (21_450, 0)):
        account = Account(wallet_balance=wallet, positions=(long(-400),))
        assert alike(account, path, RULES) == deaths
        assert died(replay_bars_fast(account, path, RULES)) == [1] * deaths


def test_a_long_that_falls_into_a_lower_tier_needs_what_that_tier_asks():
    """600 at 15 are 9,000, which need 90; by the tier of 60,000 they would need less than nothing."""
    low = np.full((1, 200), 99.0)
    low[0, 150] = 15.0
    path = bars(np.full((1, 200), 101.0), low, np.full((1, 200), 100.0))
    for wallet, deaths in ((51_050, 1), (51_150, 0)):
        account = Account(wallet_balance=wallet, positions=(long(600),))
        assert alike(account, path, RULES) == deaths
        assert [bar for bar, _ in replay_bars_fast(account, path, RULES).opened] == [0, 150][: 1 + deaths]


@pytest.mark.parametrize("every", [1, 2, 3, 5, 6, 12])
@pytest.mark.parametrize("first", [0, 1])
def test_settlements_of_any_rhythm_make_blocks(every, first):
    source = np.random.default_rng(every)
    close = source.uniform(97, 103, (3, 300))  # each bar far from the close before it, which counts as well
    funding = np.full(close.shape, nan)
    funding[:, first::every] = 0.0003
    path = bars(close + 0.1, close - 0.1, close, funding=funding, symbols=("A", "B", "C"))
    starts = path.blocks.starts.tolist()
    assert starts == sorted({0, *range(first, 300, every)})
    ends = [*starts[1:], 300]
    for block, (start, end) in enumerate(zip(starts, ends, strict=True)):
        before = path.close[:, max(start, 1) - 1]
        np.testing.assert_array_equal(path.blocks.low[:, block], np.minimum(path.low[:, start:end].min(axis=1), before))
        np.testing.assert_array_equal(
            path.blocks.high[:, block], np.maximum(path.high[:, start:end].max(axis=1), before)
        )
    alike(random_account(source), path, RULES)


@pytest.mark.parametrize("contract", [Contract.LINEAR, Contract.INVERSE])
@pytest.mark.parametrize("side", [1, -1])
def test_funding_that_is_not_free_any_more_is_taken_from_the_margin(contract, side):
    """Each owes 5 dollars five times. Of 24 free ones 10 go twice; A's third 5 take the rest, and B pays its own."""
    book = replace(BOOK, contract=contract, schedules={"A": FLAT, "B": FLAT})
    still = np.full((2, 40), 100.0)
    funding = np.full((2, 40), nan)
    funding[:, 4::8] = [[side * 0.0005], [side * 0.0005]]
    path = MarkBars(symbols=("A", "B"), times=range(40), high=still, low=still, close=still, funding=funding)
    size, coin = (100, 1) if contract is Contract.LINEAR else (10_000, 100)
    held = [book.position(symbol, side * size, 100, leverage=5) for symbol in ("A", "B")]
    account = Account(wallet_balance=(2_000 + 2_000 + 24) / coin, positions=(held[0], held[1].isolated()))
    rules = Rules(book=book, funding_from=PaidFrom.ACCOUNT)
    alike(account, path, rules)
    last = replay_bars_fast(account, path, rules).final.account
    assert last.wallet_balance * coin == pytest.approx(4_024 - 5 * 10)
    assert last.positions[1].isolated_margin * coin == pytest.approx(2_000 - 3 * 5)


@pytest.mark.parametrize("fast", [False, True])
def test_a_bar_that_gapped_past_the_price_is_met_at_its_near_end(fast):
    """From 100 to a bar of 84 to 86: no mark between was ever there, so what happens is what happens at 86."""
    schedule = RiskSchedule.flat(0.004)
    position = BOOK.position("C", 1, 100, leverage=20, schedule=schedule)
    gapped = bars([[101, 86]], [[99, 84]], [[100, 85]], symbols=("C",))

    def last(account):
        if fast:
            return replay_bars_fast(account, gapped, RULES).opened[-1][1]
        return list(replay_bars(account, gapped, RULES))[-1]

    isolated = last(Account(wallet_balance=50, positions=(position.isolated(),)))
    (closed,) = isolated.liquidations
    assert closed.mark_price == 86
    assert closed.fund_paid + closed.deleveraged == pytest.approx(9)  # 5 of margin, 14 of loss
    assert isolated.account.wallet_balance == pytest.approx(45)
    cross = last(Account(wallet_balance=5, positions=(position,)))
    assert cross.liquidations[0].mark_price == 86
    assert cross.account.wallet_balance == pytest.approx(0)


def test_behind_a_hole_a_position_is_met_where_the_prices_come_back():
    """A long of 1 at 100 with 5 behind it; from 99 the prices come back below 86: no price of the hole is used."""
    table = pd.DataFrame(
        [[f"2026-01-05T{hour}Z", *prices] for hour, prices in (("10", [100, 101, 99, 100]), ("11", [100, 101, 99, 99]),
         ("14", [85, 86, 84, 85]))],
        columns=["timestamp", "open", "high", "low", "close"],
    )  # fmt: skip
    bars = read_bars(table, symbol="A", gaps="keep")
    account = Account(
        wallet_balance=5, positions=(replace(BOOK, schedules={"A": FLAT}).position("A", 1, 100, leverage=20),)
    )
    states = replay_history(account, bars, Rules(), last_for_mark=True)["isolated"]
    (gone,) = states[-1].liquidations
    assert gone.mark_price == 86
    alike(account, MarkBars.of(bars["A"], last_for_mark=True), Rules())


def test_bars_refuse_tiers_that_jump():
    tiers = tuple(RiskTier(notional_floor=low, maintenance_margin_rate=rate) for low, rate in ((0, 0.01), (100, 0.1)))
    jumping = RiskSchedule(tiers=tiers, whole_position=True)
    account = Account(
        wallet_balance=50, positions=(Position.open(symbol="BTC", quantity=1, price=100, schedule=jumping),)
    )
    bars = MarkBars(symbols=("BTC",), times=[0], high=[[101]], low=[[98]], close=[[99]])
    for run in (lambda: list(replay_bars(account, bars, Rules())), lambda: replay_bars_fast(account, bars, Rules())):
        with pytest.raises(MarginError, match="whole_position: a replay of bars knows nothing of it"):
            run()
