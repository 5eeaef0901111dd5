from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from marginlib import (
    Account,
    Contract,
    MarginError,
    Position,
    RiskSchedule,
    RiskTier,
    UnknownNameError,
    account_risk,
    liquidation_price,
)
from marginlib.market.events import MarkPrices
from marginlib.market.policies import step_down
from marginlib.market.recorded import crash, crashes
from marginlib.market.replay import Rules, Snapshot, replay
from marginlib.market.walk import crash_replay, crash_rulebooks, walk

EVENTS = [each.event for each in crashes()]
SECOND = np.timedelta64(1, "s")


def book(event, dollars, leverage, symbols=("BTCUSDT", "ETHUSDT")):
    """Positions of this size in dollars at the event's first prices."""
    rules = crash_rulebooks(event)[0]
    first = {symbol: crash(event).figures[symbol].mark_prices[0].item() for symbol in symbols}
    return [rules.position(symbol, dollars / price, price, leverage=leverage) for symbol, price in first.items()]


def deaths(states):
    return [(state.time, gone.symbol) for state in states for gone in state.liquidations]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_tables_for_all_its_symbols(event):
    for rules in crash_rulebooks(event):
        assert set(rules.symbols) == set(crash(event).symbols)
        assert {str(each.times[0])[:10] for each in crash(event).figures.values()} == {rules.date}
        assert all(symbol in rules.source for symbol in rules.symbols)


def test_only_the_week_of_ftx_has_two_tables():
    assert [event for event in EVENTS if len(crash_rulebooks(event)) > 1] == ["ftx-2022"]
    before, after = crash_rulebooks("ftx-2022")
    assert before.date == after.date == "2022-11-07"
    assert before.schedule("ETHUSDT") != after.schedule("ETHUSDT")


@pytest.mark.parametrize("event", [each for each in EVENTS if each != "uptrend-2021"])
@pytest.mark.parametrize("leverage", [2, 3, 5, 10])
def test_an_isolated_long_dies_exactly_when_the_recorded_low_reaches_its_price(event, leverage):
    for held in book(event, 5_000, leverage):
        account = Account(wallet_balance=5_000, positions=(held.isolated(),))
        price = liquidation_price(account.pools()[1], held.symbol)
        low = crash(event).figures[held.symbol].mark_prices.min()
        dead = deaths(crash_replay(event, account, Rules()))
        assert bool(dead) == (low <= price)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("isolated", [True, False])
def test_the_same_as_a_replay_that_looks_every_few_minutes(event, side, isolated):
    opened = book(event, side * 12_000, 5)
    positions = tuple(each.isolated() for each in opened) if isolated else tuple(opened)
    account = Account(wallet_balance=10_000, positions=positions)
    states = crash_replay(event, account, Rules())
    minutes = 15 if event == "uptrend-2021" else 5  # it lasted for weeks, the others for days
    path = crash(event).path(["BTCUSDT", "ETHUSDT"], step=f"{minutes}m")
    dull = list(replay(account, (MarkPrices(prices=marks) for _, marks in path.marks()), Rules()))
    found = [
        (when, gone.symbol) for when, state in zip(path.times, dull[1:], strict=True) for gone in state.liquidations
    ]
    assert sorted(symbol for _, symbol in found) == sorted(symbol for _, symbol in deaths(states))
    for when, symbol in found:
        exact = next(time for time, name in deaths(states) if name == symbol)
        assert np.timedelta64(0, "s") <= when - exact <= np.timedelta64(minutes, "m")
    assert account_risk(states[-1].account).equity == pytest.approx(account_risk(dull[-1].account).equity, rel=1e-9)


@pytest.mark.parametrize("rules", [Rules(), Rules(policy=step_down())], ids=["full close", "step down"])
def test_money_is_conserved_and_time_rises(rules):
    opened = book("black-thursday-2020", 900_000, 4)
    account = Account(wallet_balance=600_000, positions=tuple(opened))
    states = crash_replay("black-thursday-2020", account, rules, insurance_fund=50_000)
    assert all(abs(state.imbalance) < 1e-9 for state in states)
    assert all(before.time < after.time for before, after in pairwise(states))
    assert any(state.liquidations for state in states)
    assert states[0].time == np.datetime64("2020-03-11T13:00:00")
    assert states[-1].time == np.datetime64("2020-03-14T12:00:00")


def test_the_second_before_a_liquidation_is_safe():
    [btc] = book("may-crash-2021", 10_000, 5, ["BTCUSDT"])
    account = Account(wallet_balance=2_000, positions=(btc,))
    [(when, _)] = deaths(crash_replay("may-crash-2021", account, Rules()))
    price = liquidation_price(account.pools()[0], "BTCUSDT")
    figures = crash("may-crash-2021").figures["BTCUSDT"]
    just = [when - np.timedelta64(1, "s"), when]
    before, at = np.interp(np.array(just).astype(float), figures.times.astype(float), figures.mark_prices)
    assert at <= price < before


def test_impossible_books_are_refused():
    with pytest.raises(MarginError, match="positions"):
        crash_replay("ftx-2022", Account(wallet_balance=100), Rules())
    [sol] = book("cascade-2025", 100, 5, ["SOLUSDT"])
    with pytest.raises(UnknownNameError, match="SOLUSDT"):
        crash_replay("ftx-2022", Account(wallet_balance=100, positions=(sol,)), Rules())
    [btc] = book("ftx-2022", 100, 5, ["BTCUSDT"])
    inverse = replace(btc, contract=Contract.INVERSE, schedule=RiskSchedule.flat(0.01))
    with pytest.raises(MarginError, match="linear"):
        crash_replay("ftx-2022", Account(wallet_balance=100, positions=(inverse,)), Rules())
    with pytest.raises(UnknownNameError, match="black-thursday-2020"):
        crash_rulebooks("tulips-1637")


@pytest.mark.parametrize("length", range(3, 40))
def test_a_liquidation_is_found_at_the_first_second_at_which_it_is_due(length):
    """A long at 2x from 100 down a straight line to 10: due from the first second with 50 + q (p - 100) <= need."""
    held = crash_rulebooks("may-crash-2021")[0].position("BTCUSDT", 1, 100, leverage=2)
    noon = np.datetime64("2021-05-19T12:00:00")
    moments = [(noon, {"BTCUSDT": 100.0}), (noon + length * SECOND, {"BTCUSDT": 10.0})]
    states = walk(Snapshot.start(Account(wallet_balance=50, positions=(held,))), moments, Rules())
    rate = held.schedule.rates[0]
    due = next(k for k in range(length + 1) if 50 + (100 - 90 * k / length) - 100 <= rate * (100 - 90 * k / length))
    assert [state.time for state in states if state.liquidations] == [noon + due * SECOND]


def test_the_end_of_a_line_is_its_figure_to_the_last_digit():
    held = crash_rulebooks("may-crash-2021")[0].position("BTCUSDT", 0.001, 44_408, leverage=1)
    noon = np.datetime64("2021-05-19T12:00:00")
    prices = np.random.default_rng(1).uniform(1, 50_000, 60).tolist()
    assert any(first + 1.0 * (last - first) != last for first, last in pairwise(prices))
    moments = [(noon + 60 * k * SECOND, {"BTCUSDT": price}) for k, price in enumerate(prices)]
    states = walk(Snapshot.start(Account(wallet_balance=1_000, positions=(held,))), moments, Rules())
    assert [state.mark_prices["BTCUSDT"] for state in states] == prices


def test_a_margin_that_jumps_within_a_second_is_asked_in_that_second():
    """A long of 10 from 99 with 30 behind it: above 100 5 % are asked instead of 1 %, and it has less until 101.05."""
    tiers = [RiskTier(notional_floor=floor, maintenance_margin_rate=rate) for floor, rate in ((0, 0.01), (1_000, 0.05))]
    schedule = RiskSchedule(tiers=tuple(tiers), whole_position=True)
    held = Position.open(symbol="BTC", quantity=10, price=99, schedule=schedule, leverage=5)
    noon = np.datetime64("2026-01-05T12:00:00")
    rise = [(noon, {"BTC": 99.0}), (noon + 100 * SECOND, {"BTC": 120.0})]  # 99.84 after 4 s, 100.05 after 5
    states = walk(Snapshot.start(Account(wallet_balance=30, positions=(held,))), rise, Rules())
    assert deaths(states) == [(noon + 5 * SECOND, "BTC")]


def test_a_line_that_is_safe_at_both_ends_is_cut_where_a_margin_jumps():
    # 1 x 110 needs a tenth above 100 dollars and a hundredth below: 17 of margin suffice at 110 (11) and at 95 (0.95).
    rows = ((0, 0.01), (100, 0.1))
    tiers = tuple(RiskTier(notional_floor=floor, maintenance_margin_rate=rate) for floor, rate in rows)
    schedule = RiskSchedule(tiers=tiers, whole_position=True)
    account = Account(
        wallet_balance=17, positions=(Position.open(symbol="BTCUSDT", quantity=1, price=110, schedule=schedule),)
    )
    noon = np.datetime64("2021-05-19T12:00:00")
    moments = [(noon, {"BTCUSDT": 110.0}), (noon + 1_000 * SECOND, {"BTCUSDT": 95.0})]
    assert all(Rules().safe(account.at({"BTCUSDT": price}).pools()[0]) for price in (110, 95))
    # 17 - (110 - p) = 0.1 p at p = 93 / 0.9 = 103.33, which is reached after 444.4 seconds.
    assert deaths(walk(Snapshot.start(account), moments, Rules())) == [(noon + 445 * SECOND, "BTCUSDT")]
