from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginlib import MaintenanceBasis, MarginError, MarginMode, Pool, account_risk, liquidation_price, rulebook, tables
from marginlib.course.calculators import CALCULATORS, audit
from marginlib.market.desk import (
    AddMargin,
    Close,
    Desk,
    Hedge,
    Hold,
    Opening,
    Reduce,
    Score,
    Session,
    Stop,
    SwitchMode,
    act,
    against_nothing,
    compare_scores,
    crash_desk,
    generated_desks,
    path_desk,
    play,
    score,
    worth,
)
from marginlib.market.generate import geometric_brownian_path
from marginlib.market.recorded import crash, crashes
from marginlib.market.replay import Rules, Snapshot
from marginlib.market.walk import crash_replay, crash_rulebooks
from marginlib.venues import Leftover, ModeChange

EVENTS = [each.event for each in crashes()]
CROSS, ISOLATED = MarginMode.CROSS, MarginMode.ISOLATED


def book(btc=CROSS, eth=CROSS, dollars=12_500, leverage=5):
    return [
        Opening(symbol="BTCUSDT", dollars=dollars, leverage=leverage, margin_mode=btc),
        Opening(symbol="ETHUSDT", dollars=dollars, leverage=leverage, margin_mode=eth),
    ]


def may(**kwargs):
    rules = kwargs.pop("rules", None)
    return crash_desk("may-crash-2021", 10_000, book(**kwargs), rules=rules)


def opened(**kwargs):
    desk = may(**kwargs)
    return Snapshot.start(desk.account()), desk.rules


def position(state, symbol):
    return next(each for each in state.account.positions if each.symbol == symbol)


def price(symbol, point):
    """A recorded close of May 2021, from the file's figures."""
    seen = crash("may-crash-2021").figures[symbol]
    return seen.mark_prices[seen.times == np.datetime64(point)].item()


# --- nothing done ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("mode", list(MarginMode))
@pytest.mark.parametrize("side", [1, -1])
def test_doing_nothing_is_the_replay_of_the_event(event, mode, side):
    desk = crash_desk(event, 10_000, book(mode, mode, dollars=side * 12_500))
    session, states = play(desk, []), crash_replay(event, desk.account(), desk.rules)
    assert score(session).end == pytest.approx(account_risk(states[-1].account).equity, abs=1e-6)
    mine = [(state.time, gone.symbol) for state in session.states for gone in state.liquidations]
    theirs = [(state.time, gone.symbol) for state in states for gone in state.liquidations]
    assert mine == theirs


def test_decisions_that_are_missing_and_holds_are_the_same():
    desk = may()
    assert score(play(desk, [])) == score(play(desk, [Hold()] * 8)) == score(play(desk, [[], [Hold(), Hold()]]))


@pytest.mark.parametrize("event", EVENTS)
def test_decisions_are_taken_at_recorded_closes_and_never_at_an_extreme(event):
    desk = crash_desk(event, 10_000, book(dollars=1_000))
    for seen in crash(event).figures.values():
        kinds = dict(zip(seen.times.tolist(), seen.kinds, strict=True))
        assert all(kinds[point.tolist()] == "close" for point in desk.points)
        for point in desk.points:
            marks = next(prices for when, prices in desk.moments if when == point)
            assert marks[next(s for s, f in crash(event).figures.items() if f is seen)] in seen.mark_prices
    assert desk.points[0] == desk.moments[0][0]
    assert desk.points[-1] < desk.moments[-1][0]


def test_time_rises_and_every_stop_stands_at_its_point():
    session = play(may(btc=ISOLATED, eth=ISOLATED), [Hold(), AddMargin("ETHUSDT", 500), Close("BTCUSDT")])
    times = [state.time for state in session.states]
    assert times == sorted(times)
    assert [stop.time for stop in session.stops] == list(session.desk.points)
    assert all(stop.before.time == stop.time == stop.after.time for stop in session.stops)
    assert [stop.number for stop in session.stops] == list(range(1, 9))


def test_an_order_adds_one_state_and_a_hold_none():
    desk = may(dollars=1_000)
    idle, session = play(desk, []), play(desk, [Hold(), [Hold(), Reduce("ETHUSDT", 0.5)]])
    assert len(session.states) == len(idle.states) + 1
    point = session.stops[1].time
    assert [state.ledger.fees > 0 for state in session.states if state.time == point] == [False, True]


def test_what_comes_before_the_first_point_happens_too():
    desk = may(leverage=20, dollars=40_000)
    late = replace(desk, points=desk.points[-1:])
    times = [state.time for state in play(desk, []).states]
    assert [state.time for state in play(late, []).states] == times
    assert times[0] == desk.moments[0][0]
    assert score(play(late, [])) == score(play(desk, []))


@pytest.mark.parametrize("record", [Opening, Desk, Stop, Session, Score])
def test_a_record_is_named_field_by_field_and_cannot_be_changed(record):
    assert all(field.kw_only for field in fields(record))
    assert record.__dataclass_params__.frozen


# --- the money trail of each order -----------------------------------------------------------------------------------


def test_reduce_takes_the_share_of_the_profit_and_a_fee():
    state, rules = opened()
    state = replace(state, account=state.account.at({"ETHUSDT": 3_000}), mark_prices={"ETHUSDT": 3_000})
    held = position(state, "ETHUSDT")
    after = act(state, Reduce("ETHUSDT", 0.25), rules, fee_rate=0.001)
    sold = 0.25 * 12_500 / 3_355.6
    assert position(after, "ETHUSDT").quantity == pytest.approx(0.75 * held.quantity)
    assert after.ledger.fees == pytest.approx(0.001 * sold * 3_000)
    realized = sold * (3_000 - 3_355.6)
    assert after.account.wallet_balance == pytest.approx(10_000 + realized - 0.001 * sold * 3_000)
    assert abs(after.imbalance) < 1e-12


def test_reducing_an_isolated_position_frees_its_share_of_the_margin():
    state, rules = opened(eth=ISOLATED)
    after = act(state, Reduce("ETHUSDT", 0.4), rules, fee_rate=0.0)
    assert position(after, "ETHUSDT").isolated_margin == pytest.approx(0.6 * 2_500)
    assert after.account.pools()[0].collateral == pytest.approx(state.account.pools()[0].collateral + 1_000)
    assert after.account.wallet_balance == pytest.approx(10_000)


def test_close_leaves_nothing_of_it():
    state, rules = opened(eth=ISOLATED)
    after = act(state, Close("ETHUSDT"), rules)
    assert [each.symbol for each in after.account.positions] == ["BTCUSDT"]
    assert after.account.wallet_balance == pytest.approx(10_000 - 0.0005 * 12_500)


def test_added_margin_changes_its_pool_and_not_the_wallet():
    state, rules = opened(eth=ISOLATED)
    after = act(state, AddMargin("ETHUSDT", 700), rules)
    assert after.account.wallet_balance == state.account.wallet_balance
    assert position(after, "ETHUSDT").isolated_margin == 3_200
    assert after.account.pools()[0].collateral == state.account.pools()[0].collateral - 700
    assert after.ledger.fees == 0


def test_a_hedge_opens_the_other_side_in_its_own_mode():
    desk = crash_desk("may-crash-2021", 10_000, book()[1:])
    state = play(desk, []).states[0]
    for mode in MarginMode:
        after = act(state, Hedge("BTCUSDT", against="ETHUSDT", share=0.6, leverage=4, margin_mode=mode), desk.rules)
        leg = position(after, "BTCUSDT")
        assert (leg.notional, leg.leverage, leg.margin_mode) == (pytest.approx(7_500), 4, mode)
        assert leg.quantity < 0
        assert after.ledger.fees == pytest.approx(0.0005 * 7_500)
        assert leg.isolated_margin == (pytest.approx(1_875) if mode is ISOLATED else None)


def test_a_hedge_in_a_coin_held_on_the_wrong_side_closes_it_first():
    desk = may()
    state = play(desk, []).states[0]
    after = act(state, Hedge("BTCUSDT", against="ETHUSDT"), desk.rules)
    leg = position(after, "BTCUSDT")
    assert leg.quantity == pytest.approx(-12_500 / 44_408)
    assert after.ledger.fees == pytest.approx(0.0005 * 25_000)  # sold twice: what was held, and the short
    assert abs(after.imbalance) < 1e-12


def test_each_coin_hedges_the_other():
    state, rules = opened()
    assert Hedge("A", against="B") == Hedge("A", against="B", share=1, leverage=5, margin_mode=CROSS)
    after = act(state, Hedge("ETHUSDT", against="BTCUSDT", share=0.5), rules)
    assert position(after, "ETHUSDT").quantity * 3_355.6 == pytest.approx(-6_250)
    assert position(after, "BTCUSDT").quantity == position(state, "BTCUSDT").quantity


def test_a_hedge_is_topped_up_and_never_reduced():
    desk = crash_desk("may-crash-2021", 10_000, book()[1:])
    half = act(play(desk, []).states[0], Hedge("BTCUSDT", against="ETHUSDT", share=0.5), desk.rules)
    whole = act(half, Hedge("BTCUSDT", against="ETHUSDT", share=1.0), desk.rules)
    assert position(whole, "BTCUSDT").notional == pytest.approx(12_500)
    with pytest.raises(MarginError, match=r"share = 1: BTCUSDT hedges that much already"):
        act(whole, Hedge("BTCUSDT", against="ETHUSDT", share=1.0), desk.rules)
    with pytest.raises(MarginError, match=r"share = 0\.5: BTCUSDT hedges that much already"):
        act(whole, Hedge("BTCUSDT", against="ETHUSDT", share=0.5), desk.rules)


def test_a_mode_is_switched_where_the_venue_allows_it():
    state, rules = opened()
    with pytest.raises(MarginError, match="refused while ETHUSDT is open"):
        act(state, SwitchMode("ETHUSDT", ISOLATED), rules)
    free = replace(rules, mode_change=ModeChange.ANY_TIME)
    after = act(state, SwitchMode("ETHUSDT", ISOLATED), free)
    assert position(after, "ETHUSDT").isolated_margin == pytest.approx(2_500)
    assert after.account.wallet_balance == state.account.wallet_balance


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Reduce("ETHUSDT", 1.5), r"share = 1\.5: give a share above 0 and at most 1"),
        (Reduce("ETHUSDT", 0), r"share = 0: give a share"),
        (Reduce("ETHUSDT", -0.5), r"share = -0\.5: give a share"),
        (Reduce("SOLUSDT", 0.5), "symbol = 'SOLUSDT': no such position is open; the account holds BTCUSDT, ETHUSDT"),
        (Close("SOLUSDT"), "no such position"),
        (AddMargin("ETHUSDT", 1e6), "amount = 1,000,000: at most"),
        (AddMargin("ETHUSDT", -5), "amount = -5: give"),
        (AddMargin("BTCUSDT", 5), "isolated_margin = None: BTCUSDT has no margin of its own"),
        (Hedge("ETHUSDT", against="ETHUSDT"), "a hedge is another coin"),
        (Hedge("DOGEUSDT", against="ETHUSDT"), "symbol = 'DOGEUSDT': give one of BTCUSDT, ETHUSDT"),
        (Hedge("BTCUSDT", against="ETHUSDT", share=-1), "share = -1"),
        (Hedge("BTCUSDT", against="ETHUSDT", share=5), "needs .* more than is available"),
        (Hedge("BTCUSDT", against="ETHUSDT", share=5, margin_mode=ISOLATED), "is available"),
        (SwitchMode("SOLUSDT", ISOLATED), "no such position"),
        ("sell", "order = 'sell': give Hold, AddMargin"),
    ],
)
def test_what_the_venue_refuses_says_why_and_changes_nothing(order, message):
    state, rules = opened(eth=ISOLATED)
    with pytest.raises(MarginError, match=message):
        act(state, order, rules)
    if not isinstance(order, str):
        stop = play(may(eth=ISOLATED), [order]).stops[0]
        assert len(stop.refused) == 1
        assert stop.after.account == stop.before.account
        assert stop.after.ledger == stop.before.ledger


def test_an_order_that_is_refused_leaves_the_others_of_its_point():
    stop = play(may(), [[Reduce("ETHUSDT", 2), Reduce("BTCUSDT", 0.5)]]).stops[0]
    assert len(stop.refused) == 1
    assert position(stop.after, "BTCUSDT").notional == pytest.approx(6_250)


def test_what_is_no_decision_is_refused_before_anything_moves():
    desk = may()
    with pytest.raises(MarginError, match="decisions: 9 of them: give at most 8, one for each"):
        play(desk, [Hold()] * 9)
    with pytest.raises(MarginError, match="decision 2 = 'hold'"):
        play(desk, [Hold(), "hold"])
    with pytest.raises(MarginError, match="decision 1 = <class"):
        play(desk, [Hold])


def test_a_book_that_cannot_be_opened_is_refused():
    with pytest.raises(MarginError, match="wallet = 1,000: the book needs 4,000 more"):
        crash_desk("may-crash-2021", 1_000, book())
    with pytest.raises(MarginError, match="symbol = 'SOLUSDT': give one of BTCUSDT, ETHUSDT"):
        crash_desk("may-crash-2021", 1_000, [Opening(symbol="SOLUSDT", dollars=1, leverage=1)])
    with pytest.raises(MarginError, match="dollars = 0"):
        Opening(symbol="BTCUSDT", dollars=0, leverage=1)
    with pytest.raises(MarginError, match=r"rules\.book = None"):
        crash_desk("may-crash-2021", 10_000, book(), rules=Rules())
    path = geometric_brownian_path({"BTCUSDT": 100}, volatility=1, steps=4, seed=1)
    for count in (0, 5, 1.5, True):
        with pytest.raises(MarginError, match=f"count = {count}: give a whole number from 1 to 4"):
            path_desk(path, 100, book()[:1], rules=Rules(book=rulebook("binance_usdm", "2026-09-29")), count=count)


# --- conservation ----------------------------------------------------------------------------------------------------

SYMBOLS = st.sampled_from(["BTCUSDT", "ETHUSDT", "SOLUSDT"])
SHARES = st.floats(0.05, 1.2)
ORDERS = st.one_of(
    st.builds(Hold),
    st.builds(AddMargin, SYMBOLS, st.floats(1, 6_000)),
    st.builds(Reduce, SYMBOLS, SHARES),
    st.builds(Close, SYMBOLS),
    st.builds(Hedge, SYMBOLS, SYMBOLS, SHARES, st.sampled_from([2.0, 5.0, 10.0]), st.sampled_from(list(MarginMode))),
    st.builds(SwitchMode, SYMBOLS, st.sampled_from(list(MarginMode))),
)


@settings(max_examples=40)
@given(
    decisions=st.lists(st.lists(ORDERS, max_size=3), max_size=7),
    modes=st.tuples(st.sampled_from(list(MarginMode)), st.sampled_from(list(MarginMode))),
    event=st.sampled_from([each for each in EVENTS if each != "uptrend-2021"]),
    side=st.sampled_from([1, -1]),
    leftover=st.sampled_from(list(Leftover)),
    mode_change=st.sampled_from([ModeChange.WHEN_FLAT, ModeChange.ANY_TIME]),
)
def test_no_money_appears_or_vanishes_whatever_is_decided(decisions, modes, event, side, leftover, mode_change):
    rules = Rules(book=crash_rulebooks(event)[0], leftover=leftover, mode_change=mode_change, clearance_fee_rate=0.005)
    desk = crash_desk(event, 10_000, book(*modes, dollars=side * 12_500), rules=rules)
    session = play(desk, decisions)
    assert all(abs(state.imbalance) < 1e-9 for state in session.states)
    done = score(session)
    assert done.end - done.start == pytest.approx(done.prices - done.fees - done.funding - done.taken, abs=1e-6)
    assert done.lowest <= min(done.start, done.end)
    for stop in session.stops:
        # An order moves money between wallet, profit and fees; the fee is all that equity loses, and it is not
        # touched otherwise: fills are at the mark. (A liquidation that an order sets off takes its own.)
        if not stop.after.liquidations:
            paid = stop.after.ledger.fees - stop.before.ledger.fees
            left = account_risk(stop.before.account).equity - account_risk(stop.after.account).equity
            if stop.after.ledger.insurance_fund == stop.before.ledger.insurance_fund:
                assert left == pytest.approx(paid, abs=1e-6)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_a_session_by_hand():
    """Half of ETH sold at noon, the rest of both held to the end: every number from the recorded figures."""
    done = score(play(may(), [Hold(), Hold(), Reduce("ETHUSDT", 0.5)]))
    eth, btc = 12_500 / 3_355.6, 12_500 / 44_408
    noon, end = price("ETHUSDT", "2021-05-19T12:00"), price("ETHUSDT", "2021-05-21T00:00")
    fee = 0.0005 * eth / 2 * noon
    prices = eth / 2 * (noon - 3_355.6) + eth / 2 * (end - 3_355.6) + btc * (40_511 - 44_408)
    assert done.prices == pytest.approx(prices)
    assert done.fees == pytest.approx(fee)
    assert done.end == pytest.approx(10_000 + prices - fee)
    low = 10_000 + eth / 2 * (noon - 3_355.6) + eth / 2 * (1_764.3 - 3_355.6) + btc * (29_563 - 44_408) - fee
    assert done.lowest == pytest.approx(low)
    assert (done.taken, done.liquidated) == (0, ())


def test_the_comparison_holds_prices_rules_and_sizes():
    desk = may(btc=ISOLATED)
    found = compare_scores(desk, [Hold()] * 3)
    assert found["your decisions"] == found["nothing done"]
    for name, mode in (("cross, nothing done", CROSS), ("isolated, nothing done", ISOLATED)):
        account = may(btc=mode, eth=mode).account()
        states = crash_replay("may-crash-2021", account, desk.rules)
        assert found[name].end == pytest.approx(account_risk(states[-1].account).equity, abs=1e-6)


def test_what_a_decision_is_worth_is_the_session_without_it():
    desk, decisions = may(), [Reduce("ETHUSDT", 0.2), Hold(), Reduce("BTCUSDT", 0.5), Close("ETHUSDT")]
    values = worth(desk, decisions)
    assert values[1] == 0
    without = score(play(desk, [*decisions[:2], Hold(), decisions[3]])).end
    assert values[2] == pytest.approx(score(play(desk, decisions)).end - without)


def test_the_same_decisions_on_other_paths():
    decisions = [Hold(), Reduce("ETHUSDT", 0.5), Close("BTCUSDT"), Hold(), Hold(), Hold(), Hold(), Close("ETHUSDT")]
    desks = [crash_desk(event, 10_000, book()) for event in ("uptrend-2021", "may-crash-2021")]
    (up, idle_up), (down, idle_down) = against_nothing(desks, decisions)
    assert up == score(play(desks[0], decisions[:3]))  # it has three points only
    assert up.end < idle_up.end
    assert down.end > idle_down.end


def test_a_generated_desk_is_the_same_each_time_and_says_that_it_is_generated():
    rules = Rules(book=crash_rulebooks("may-crash-2021")[0])
    prices = {"BTCUSDT": 44_408, "ETHUSDT": 3_355.6}
    ends = set()
    for _ in range(2):
        path = geometric_brownian_path(prices, volatility=2, correlation=0.8, steps=71, seed=11)
        desk = path_desk(path, 10_000, book(), rules=rules, count=8)
        ends.add(score(play(desk, [Hold(), Reduce("ETHUSDT", 0.5)])).end)
        assert desk.label.startswith("generated, not recorded")
        assert len(desk.points) == len(set(desk.points)) == 8
        assert desk.points[0] == path.times[0]
        assert desk.points[-1] < path.times[-1]
    assert len(ends) == 1


def test_the_points_of_a_path_are_equally_far_apart():
    rules = Rules(book=rulebook("binance_usdm", "2026-09-29"))
    for moments, count, expected in (
        (5, 1, [0]),
        (5, 3, [0, 1, 2]),
        (5, 4, [0, 1, 2, 3]),
        (25, 7, [0, 3, 6, 10, 13, 17, 20]),
    ):
        path = geometric_brownian_path({"BTCUSDT": 60_000}, volatility=0.1, steps=moments - 1, seed=1)
        desk = path_desk(path, 10_000, book()[:1], rules=rules, count=count)
        assert desk.points == tuple(path.times[expected])
        assert desk.moments == tuple(path.marks())
        assert (desk.name, desk.wallet, desk.fee_rate) == ("generated path", 10_000, 0.0005)


def test_a_wallet_that_is_just_enough_opens_the_book():
    path = geometric_brownian_path({"BTCUSDT": 100}, volatility=0.1, steps=4, seed=1)
    rules = Rules(book=rulebook("binance_usdm", "2026-09-29"))
    just = [Opening(symbol="BTCUSDT", dollars=10_000, leverage=5)]
    assert path_desk(path, 2_000, just, rules=rules, count=1).account().wallet_balance == 2_000
    with pytest.raises(MarginError, match="wallet = 1,999: the book needs 1 more"):
        path_desk(path, 1_999, just, rules=rules, count=1)


@pytest.mark.parametrize("order", [Hold, AddMargin, Reduce, Close, Hedge, SwitchMode])
def test_an_order_once_given_cannot_be_changed(order):
    assert order.__dataclass_params__.frozen


def test_what_the_fund_had_before_was_not_taken_from_the_account():
    desk = may()
    start = Snapshot.start(desk.account(), insurance_fund=100)
    done = score(Session(desk=desk, states=(start,), stops=()))
    assert (done.start, done.end, done.lowest, done.taken, done.prices) == (10_000, 10_000, 10_000, 0, 0)


# --- the audit -------------------------------------------------------------------------------------------------------

TABLES = rulebook("binance_usdm", "2026-09-29")


def formula(collateral, quantity, entry, rate, amount):
    """Equity = maintenance, solved for the price: W + q (P - E) = |q| P m - c."""
    return (quantity * entry - collateral - amount) / (quantity - abs(quantity) * rate)


def test_each_wrong_calculator_is_its_own_mistake():
    eth = TABLES.position("ETHUSDT", 20, 3_000, leverage=10)
    short = TABLES.position("BTCUSDT", -0.5, 60_000, mark_price=62_000, leverage=10)
    pool = Pool(collateral=12_000, positions=(eth, short))
    tier = eth.schedule
    rate, amount = tier.rates[0], tier.amounts[0]
    other_need, other_profit = tier_need(short), -1_000
    wallet = 12_000 + other_profit
    assert liquidation_price(pool, "ETHUSDT") == pytest.approx(formula(wallet - other_need, 20, 3_000, rate, amount))
    assert CALCULATORS["Ada"](pool, "ETHUSDT") == pytest.approx(formula(wallet, 20, 3_000, rate, amount))
    wrong_side = 12_000 + 1_000 - other_need
    assert CALCULATORS["Ben"](pool, "ETHUSDT") == pytest.approx(formula(wrong_side, 20, 3_000, rate, amount))
    assert CALCULATORS["Dora"](pool, "ETHUSDT") == liquidation_price(pool, "ETHUSDT")


def tier_need(held):
    return held.schedule.maintenance_margin(held.notional)


def test_the_amount_is_subtracted_by_one_of_them():
    held = TABLES.position("ETHUSDT", 1_000, 3_000, leverage=10)
    pool = Pool(collateral=300_000, positions=(held,))
    right = liquidation_price(pool, "ETHUSDT")
    tier = held.schedule.tier(1_000 * right)
    rate, amount = held.schedule.rates[tier], held.schedule.amounts[tier]
    assert amount > 0
    assert right == pytest.approx(formula(300_000, 1_000, 3_000, rate, amount))
    assert CALCULATORS["Cleo"](pool, "ETHUSDT") == pytest.approx(formula(300_000, 1_000, 3_000, rate, -amount))
    no_price = Pool(collateral=3_000_000, positions=(held,))
    assert CALCULATORS["Cleo"](no_price, "ETHUSDT") is None


def test_an_audit_needs_the_right_case_to_find_a_mistake():
    eth = TABLES.position("ETHUSDT", 20, 3_000, leverage=10)
    alone = {"alone": (Pool(collateral=6_000, positions=(eth,)), "ETHUSDT")}
    assert [audit(name, alone)[0]["verdict"] for name in CALCULATORS] == ["same"] * 4
    fallen = TABLES.position("BTCUSDT", 0.5, 60_000, mark_price=58_000, leverage=10)
    beside = {"a long beside": (Pool(collateral=12_000, positions=(eth, fallen)), "ETHUSDT")}
    assert [audit(name, beside)[0]["verdict"] for name in CALCULATORS] == ["differs", "same", "same", "same"]
    with pytest.raises(MarginError, match="calculator = 'Eve': give one of Ada, Ben, Cleo, Dora"):
        audit("Eve", alone)
    with pytest.raises(MarginError, match=r"cases = \{\}"):
        audit("Ada", {})


# --- on the page ---

DESK = may()


def test_an_order_reads_as_it_is_written():
    assert str(SwitchMode("ETHUSDT", ISOLATED)) == "SwitchMode(ETHUSDT, isolated)"
    assert str(Hold()) == "Hold()"
    assert str(Close("ETHUSDT")) == "Close(ETHUSDT)"


def test_a_point_that_is_not_there_is_refused():
    session = play(DESK, [])
    for point in (1, len(session.stops)):
        assert session.stop(point).number == point
    for point in (0, -1, len(session.stops) + 1):
        with pytest.raises(MarginError, match=f"point = {point}: give a whole number from 1 to {len(session.stops)}"):
            session.stop(point)


def test_more_steps_than_can_be_waited_for_are_refused():
    with pytest.raises(MarginError, match=r"count = 3, steps = 6667: give whole numbers .* at most 20,000"):
        generated_desks(DESK, 3, volatility={"BTCUSDT": 1, "ETHUSDT": 1}, correlation=0.8, steps=6_667)


WILD = {"volatility": dict.fromkeys(("BTCUSDT", "ETHUSDT"), 2.5), "correlation": 0.8, "steps": 20}


def test_generated_desks_have_the_same_book_and_prices_that_begin_alike():
    found = generated_desks(DESK, 3, **WILD)
    assert len({each.moments[-1][1]["BTCUSDT"] for each in found}) == 3
    for each in found:
        assert each.openings == DESK.openings
        assert len(each.points) == len(DESK.points)
        assert each.moments[0][1] == pytest.approx(DESK.moments[0][1])
        assert "generated" in each.label


@pytest.mark.parametrize("count", [0, -1, 1.5, 100_000])
def test_paths_that_nobody_can_wait_for_are_refused(count):
    with pytest.raises(MarginError, match="whose product is at most 20,000"):
        generated_desks(DESK, count, **WILD)


def test_a_session_is_a_row_for_each_point_and_its_end():
    frame = tables.session(play(DESK, [Hold(), AddMargin("ETHUSDT", 1_000)]))
    assert list(frame.index) == [*map(str, range(1, len(DESK.points) + 1)), "end"]
    assert frame.loc["2", "order"] == "AddMargin(ETHUSDT, 1000)"
    assert "has no margin of its own" in frame.loc["2", "refused"]
    assert frame.loc["1", "equity [$]"] == pytest.approx(10_000)
    assert list(tables.session(play(DESK, []), 2).index) == ["1", "2"]
    assert list(tables.session(play(DESK, []), 0)) == list(frame)  # no point, and every column


def test_a_mode_written_as_a_text_is_refused():
    with pytest.raises(MarginError, match=r"margin_mode = 'isolated': give MarginMode\.CROSS"):
        Opening(symbol="BTCUSDT", dollars=1_000, leverage=5, margin_mode="isolated")


def test_a_desk_isolates_as_its_rulebook_does():
    desk = crash_desk("may-crash-2021", 10_000, [Opening(symbol="BTCUSDT", dollars=5_000, leverage=5)])
    book = replace(desk.rules.book, isolated_basis=MaintenanceBasis.ENTRY)
    opening = Opening(symbol="BTCUSDT", dollars=5_000, leverage=5, margin_mode=MarginMode.ISOLATED)
    (held,) = replace(desk, rules=replace(desk.rules, book=book), openings=(opening,)).account().positions
    assert held.maintenance_basis is MaintenanceBasis.ENTRY
