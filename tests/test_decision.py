from __future__ import annotations

import os
from itertools import combinations
from math import exp, log, sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from marginlib import Account, MarginError, Position, RiskSchedule, UnknownNameError, liquidation_price
from marginlib.odds.decision import (
    BOOKS,
    GOALS,
    MARKETS,
    Meets,
    Outcome,
    Prospect,
    RiskLimit,
    Why,
    chance_text,
    decide,
    partitions,
    rule_of_thumb,
    told_apart,
    trial,
    try_rule,
)
from marginlib.odds.diffusion import Diffusion, touch_probability
from marginlib.odds.estimates import Distribution, Estimate, Odds

FLAT = RiskSchedule.flat(0.004)
LONG_RUN = MARKETS["2020 to 2026"]
PRICES = {"BTCUSDT": 60_000, "ETHUSDT": 3_000, "SOLUSDT": 150}
below = NormalDist().cdf


def held(symbol, dollars, leverage, schedule=FLAT):
    price = PRICES[symbol]
    return Position.open(symbol=symbol, quantity=dollars / price, price=price, schedule=schedule, leverage=leverage)


def named(decision, name):
    return next(each for each in decision.prospects if each.name == name)


# --- the numbers against formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dollars", [20_000, -20_000])
@pytest.mark.parametrize("days", [7, 60])
def test_one_position_is_liquidated_as_often_as_the_formula_says(dollars, days):
    decision = decide(10_000, [held("BTCUSDT", dollars, 10)], LONG_RUN, days=days, seed=3)
    for name, collateral in (("isolated", 2_000), ("cross", 10_000)):
        quantity = dollars / 60_000
        # equity = maintenance: collateral + quantity (price - 60,000) = 0.004 |quantity| price
        barrier = (collateral - quantity * 60_000) / (0.004 * abs(quantity) - quantity)
        exact = touch_probability(60_000, barrier, volatility=0.63, days=days)
        found = named(decision, name).liquidation
        assert abs(found.value - exact) < 3 * found.standard_error


def test_losing_more_than_half_in_cross_is_a_touch_or_an_end_below():
    size, wallet, days, sigma = 60_000, 10_000, 14, 0.63
    decision = decide(wallet, [held("BTCUSDT", size, 10)], LONG_RUN, days=days, paths=65_536, seed=1)
    found = named(decision, "cross").over
    spread = sigma * sqrt(days / 365)
    growth = -(spread**2) / 2
    ends = log(1 - 0.5 * wallet / size)  # loses half of the wallet there
    touch = log((1 - wallet / size) / (1 - 0.004))  # liquidated there
    # Reflected at the touch, a path that comes back above `ends` is one that ends that far below it.
    back = exp(2 * growth * touch / spread**2) * below((2 * touch - ends + growth) / spread)
    exact = below((ends - growth) / spread) + back
    assert back > 1e-4  # it counts
    assert abs(found.value - exact) < 3 * found.standard_error


def test_an_isolated_position_never_loses_more_than_its_margin():
    decision = decide(10_000, [held("BTCUSDT", 40_000, 8)], LONG_RUN, days=60, limit=RiskLimit(loss=0.5, chance=0.01))
    isolated = named(decision, "isolated")
    assert isolated.liquidation.value > 0.5
    assert isolated.over.value == 0  # it loses 5,000 of 10,000: half, and not more than half
    assert isolated.tail_loss.value == pytest.approx(5_000)
    assert named(decision, "cross").over.value > 0.3
    assert decision.chosen == ("isolated",)


def test_a_margin_that_floats_cannot_hold_exactly_is_not_more_than_itself():
    for wallet in (1.1, 3.3, 1e4 / 3, 7e6 / 11):
        position = Position.open(symbol="BTCUSDT", quantity=wallet / 7, price=3.1, schedule=FLAT, leverage=25 * 3.1 / 7)
        margin = wallet / 7 * 3.1 / (25 * 3.1 / 7)
        limit = RiskLimit(loss=margin / wallet, chance=0.01)
        assert named(decide(wallet, [position], LONG_RUN, limit=limit, paths=1_024), "isolated").over.value == 0


def test_the_median_and_the_tail_are_those_of_the_sample():
    book = [held("BTCUSDT", 20_000, 10), held("ETHUSDT", 10_000, 10)]
    for each in decide(10_000, book, LONG_RUN, paths=4_000, seed=5).prospects:
        losses = np.sort(10_000 - each.odds.final_equity.sample)
        assert each.median_loss.value == pytest.approx(np.median(losses))
        assert each.tail_loss.value == pytest.approx(losses[-200:].mean())
        assert each.over.value == np.mean(losses > 5_000 * (1 + 1e-8))


# --- partitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_partition_is_there_once_and_holds_the_same_money_and_sizes(count):
    book = [held(symbol, 6_000, 6) for symbol in PRICES][:count]
    accounts = partitions(10_000, book)
    assert len(accounts) == 2**count
    sets = set()
    for account in accounts.values():
        pools = account.pools()
        assert sum(pool.collateral for pool in pools) == pytest.approx(10_000)
        assert sorted(each.symbol for pool in pools for each in pool.positions) == sorted(x.symbol for x in book)
        assert [each.quantity for each in account.positions] == [each.quantity for each in book]
        sets.add(frozenset(pool.symbols for pool in pools[1:]))
    subsets = {
        frozenset((each.symbol,) for each in chosen) for k in range(count + 1) for chosen in combinations(book, k)
    }
    assert sets == subsets


def test_names_tell_the_legs_of_one_symbol_apart():
    legs = [held("BTCUSDT", 5_000, 10), held("BTCUSDT", -5_000, 10)]
    assert list(partitions(10_000, legs)) == ["cross", "BTCUSDT short isolated", "BTCUSDT long isolated", "isolated"]
    twins = [held("BTCUSDT", 5_000, 10), held("BTCUSDT", 6_000, 10)]
    assert len(partitions(10_000, twins)) == 4


def test_the_modes_and_margins_given_are_kept_where_they_can_be():
    own = held("BTCUSDT", 6_000, 10).isolated(900)
    accounts = partitions(10_000, [own])
    assert accounts["isolated"].positions[0].isolated_margin == 900
    assert accounts["cross"].positions[0].isolated_margin is None


def test_merging_pools_never_makes_a_liquidation_likelier():
    book = [held("BTCUSDT", 20_000, 10), held("ETHUSDT", -15_000, 10), held("SOLUSDT", 10_000, 10)]
    market = Diffusion(volatility={"BTCUSDT": 0.6, "ETHUSDT": 0.8, "SOLUSDT": 1.0}, correlation=0.7)
    accounts = partitions(10_000, book)
    odds = {p.name: p.liquidation.value for p in decide(10_000, book, market, paths=4_096).prospects}
    apart = {
        name: {p.symbol for p in account.positions if p.isolated_margin is not None}
        for name, account in accounts.items()
    }
    pairs = [(one, two) for one in accounts for two in accounts if apart[one] < apart[two]]
    assert len(pairs) == 19  # pairs of a subset and a larger set among 8
    assert all(odds[one] <= odds[two] for one, two in pairs)


# --- noise -----------------------------------------------------------------------------------------------------------


def test_equals_are_not_ranked():
    # All that the wallet has is set aside: both partitions are the same pool.
    decision = decide(2_000, [held("BTCUSDT", 10_000, 5)], LONG_RUN, days=3, paths=4_096)
    assert decision.chosen == ("cross", "isolated")
    assert "not ranked" in decision.reason


def test_partitions_of_equal_odds_are_not_told_apart_whatever_the_seed():
    # Two coins alike in everything: to isolate one is as good as to isolate the other.
    market = Diffusion(volatility={"BTCUSDT": 0.7, "ETHUSDT": 0.7}, correlation=-0.5)
    book = [held("BTCUSDT", 10_000, 10), held("ETHUSDT", 10_000, 10)]
    wrong = 0
    for seed in range(60):
        every = decide(5_000, book, market, paths=512, seed=seed).prospects
        one, two = (next(p.liquidation for p in every if p.name == f"{s} isolated") for s in ("BTCUSDT", "ETHUSDT"))
        assert one.value > 0.05
        wrong += told_apart(one, two)
    assert wrong <= 2


def test_a_ranking_at_few_paths_is_a_ranking_at_many():
    book = [held("BTCUSDT", 20_000, 10), held("ETHUSDT", 20_000, 10)]
    many = {p.name: p.liquidation.value for p in decide(10_000, book, LONG_RUN, paths=65_536, seed=99).prospects}
    for seed in range(20):
        few = decide(10_000, book, LONG_RUN, paths=512, seed=seed).prospects
        for one, two in combinations(few, 2):
            if told_apart(one.liquidation, two.liquidation):
                assert (one.liquidation.value < two.liquidation.value) == (many[one.name] < many[two.name])


def test_the_error_of_a_difference_is_never_more_than_the_errors_added():
    one, two = Estimate(0.10, 0.01, 900), Estimate(0.15, 0.01, 900)
    assert told_apart(one, two)
    assert not told_apart(one, Estimate(0.139, 0.01, 900))
    assert told_apart(two, one) == told_apart(one, two)


@pytest.mark.parametrize(
    ("count", "meets"), [(0, Meets.YES), (30, Meets.YES), (41, Meets.TOO_CLOSE), (60, Meets.TOO_CLOSE), (70, Meets.NO)]
)
def test_within_two_errors_of_the_limit_nobody_can_tell(count, meets):
    # 1,000 paths: two standard errors at 5 % are 1.4 points.
    equity = np.full(1_000, 100.0)
    equity[:count] = 10.0
    share = Estimate.share(count, 1_000)
    odds = Odds(
        pools=(),
        liquidation=share,
        equity_now=100.0,
        final_equity=Distribution(Estimate.average(equity), np.sort(equity)),
        deficit=Estimate(0.0, 0.0, 0),
        loss_if_liquidated=None,
    )
    account = Account(wallet_balance=100)
    prospect = Prospect(name="cross", account=account, odds=odds, limit=RiskLimit(loss=0.5, chance=0.05))
    assert prospect.over.value == count / 1_000
    assert prospect.meets is meets


def test_the_same_seed_gives_the_same_decision_and_another_another():
    book = [held("BTCUSDT", 20_000, 10), held("ETHUSDT", 20_000, 10)]
    one, same, other = (decide(10_000, book, LONG_RUN, paths=2_048, seed=seed) for seed in (4, 4, 5))
    numbers = [[(each.over, each.tail_loss) for each in seen.prospects] for seen in (one, same, other)]
    assert numbers[0] == numbers[1]
    assert numbers[0] != numbers[2]


# --- what is chosen, and why -----------------------------------------------------------------------------------------


def test_of_those_that_meet_the_limit_the_fewest_liquidations_are_kept():
    book = [held("BTCUSDT", 20_000, 10), held("ETHUSDT", 20_000, 10)]
    decision = decide(10_000, book, LONG_RUN, days=7)
    meeting = [each for each in decision.prospects if each.meets is Meets.YES]
    assert 0 < len(meeting) < 4
    assert decision.chosen == (min(meeting, key=lambda each: each.liquidation.value).name,)
    assert f"{len(meeting)} of 4 partitions meet the limit" in decision.reason


def test_where_nothing_meets_the_limit_nothing_is_chosen():
    decision = decide(10_000, [held("BTCUSDT", 40_000, 4)], LONG_RUN, days=30)
    assert decision.chosen == ()
    assert "Every partition breaks the limit" in decision.reason
    assert "smaller book" in decision.reason


# --- the rule of thumb -----------------------------------------------------------------------------------------------


def test_the_rule_reads_the_leverage_setting_alone():
    book = [held("BTCUSDT", 5_000, 25), held("ETHUSDT", 5_000, 3)]
    assert rule_of_thumb(book) == "BTCUSDT isolated"
    assert rule_of_thumb([held("BTCUSDT", 5_000, 9), held("ETHUSDT", 5_000, 10)]) == "ETHUSDT isolated"


def test_cross_does_not_see_the_leverage_setting_that_the_rule_reads():
    settings = [trial("two longs", size=2, leverage=x, days=30, market=LONG_RUN, paths=4_096) for x in (5, 10, 25)]
    assert len({named(each.decision, "cross").liquidation.value for each in settings}) == 1


def test_the_grid_holds_every_book_that_can_be_opened():
    trials = try_rule(LONG_RUN, sizes=(1, 4), leverages=(3, 10), days=(1, 30), paths=1_024)
    assert len(trials) == len(BOOKS) * 3 * 2
    assert {each.outcome for each in trials} <= set(Outcome)
    missed = {Outcome.BREAKS, Outcome.NOT_BEST}
    assert all((each.why is not None) == (each.outcome in missed) for each in trials)


@pytest.mark.parametrize(
    ("kind", "size", "leverage", "days", "why"),
    [
        ("two longs", 2, 5, 30, Why.WHOLE_WALLET),
        ("one coin", 1, 25, 30, Why.THIN),
        ("hedged pair", 2, 25, 30, Why.LONE_LEG),
        ("two longs", 4, 10, 7, Why.PARTLY),
    ],
)
def test_each_reason_is_borne_out_by_the_numbers(kind, size, leverage, days, why):
    found = trial(kind, size=size, leverage=leverage, days=days, market=LONG_RUN, seed=2)
    assert found.why is why
    assert found.outcome is (Outcome.BREAKS if why is Why.WHOLE_WALLET else Outcome.NOT_BEST)
    said, cross = named(found.decision, found.said), named(found.decision, "cross")
    if why is Why.WHOLE_WALLET:  # the tail reaches beyond half of the wallet
        assert said is cross
        assert cross.tail_loss.value > 5_000
    elif why is Why.THIN:  # cross dies far less often, and meets the limit
        assert cross.liquidation.value < said.liquidation.value / 10
        assert cross.meets is Meets.YES
    elif why is Why.LONE_LEG:  # most deaths of the pair taken apart are of one leg, and cross has next to none
        legs = [pool.liquidation.value for pool in said.odds.pools if pool.symbols]
        assert min(legs) > 0.2
        assert cross.liquidation.value < 0.01
    else:
        assert cross.meets is Meets.NO
        assert said.meets is Meets.YES
        assert len(found.decision.chosen) == 1


def test_isolated_longs_that_fall_together_recreate_cross():
    """Nearly the whole wallet set aside in correlated coins: isolated loses more than half nearly as often as cross."""
    correlated = trial("two longs", size=8, leverage=10, days=7, market=LONG_RUN)
    isolated, cross = (named(correlated.decision, name) for name in ("isolated", "cross"))
    assert correlated.outcome is Outcome.NOTHING_MEETS
    assert isolated.meets is cross.meets is Meets.NO
    # Were the coins unrelated, both would die together less often.
    apart = named(trial("diversified", size=8, leverage=10, days=7, market=LONG_RUN).decision, "isolated")
    assert apart.over.value < isolated.over.value


def test_a_day_is_too_short_to_tell_the_modes_apart_at_low_leverage():
    for kind in BOOKS:
        assert trial(kind, size=2, leverage=3, days=1, market=LONG_RUN).outcome is Outcome.NO_DIFFERENCE


# --- what is refused -------------------------------------------------------------------------------------------------


def test_refusals_name_the_field():
    btc = held("BTCUSDT", 5_000, 10)
    with pytest.raises(MarginError, match="positions: 0 of them; give 1 to 6"):
        partitions(10_000, [])
    with pytest.raises(MarginError, match="positions: 7 of them"):
        partitions(10_000, [btc] * 7)
    with pytest.raises(MarginError, match="wallet_balance = 400: the book needs 100 more"):
        partitions(400, [btc])
    with pytest.raises(MarginError, match=r"loss = 1\.5: give a fraction"):
        RiskLimit(loss=1.5)
    with pytest.raises(MarginError, match="chance = 0"):
        RiskLimit(chance=0)
    with pytest.raises(MarginError, match="days = -1"):
        decide(10_000, [btc], LONG_RUN, days=-1)
    with pytest.raises(UnknownNameError, match="SOLUSDT"):
        decide(10_000, [held("SOLUSDT", 5_000, 10)], LONG_RUN)
    with pytest.raises(MarginError, match="kind = 'pairs'"):
        trial("pairs", size=1, leverage=5, days=7, market=LONG_RUN)
    with pytest.raises(MarginError, match="needs"):
        trial("one coin", size=5, leverage=3, days=7, market=LONG_RUN)


# --- the measured markets --------------------------------------------------------------------------------------------

SHARED = Path(os.environ.get("MARGINLIB_SHARED") or Path(__file__).resolve().parents[1].parent / "shared") / "market"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the daily price files are not here")
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2020 to 2026", "2020-01-01", "2026-05-15"),
        ("2023, calm", "2022-12-31", "2023-12-31"),
        ("2021, wild", "2020-12-31", "2021-12-31"),
    ],
)
def test_the_markets_are_those_of_the_daily_prices(name, first, last):
    closes = []
    for symbol in ("BTCUSDT", "ETHUSDT"):
        rows = [line.split(",") for line in (SHARED / f"d1_perp_{symbol}.csv").read_text().splitlines()[1:]]
        closes.append([float(row[4]) for row in rows if first <= row[0][:10] <= last])
    returns = np.diff(np.log(np.array(closes)), axis=1)
    volatility = returns.std(axis=1, ddof=1) * sqrt(365)
    market = MARKETS[name]
    assert list(market.volatility.values()) == volatility.round(2).tolist()
    assert market.correlation == round(float(np.corrcoef(returns)[0, 1]), 2)


def test_liquidation_prices_of_the_book_do_not_depend_on_the_partition_of_others():
    """An isolated position's liquidation price is the same whatever the modes of the others."""
    book = [held("BTCUSDT", 10_000, 10), held("ETHUSDT", 10_000, 10)]
    accounts = partitions(10_000, book)
    alone = [
        liquidation_price(pool, "BTCUSDT")
        for account in accounts.values()
        for pool in account.pools()[1:]
        if pool.symbols == ("BTCUSDT",)
    ]
    assert len(alone) == 2
    assert len(set(alone)) == 1


# --- what one wants --------------------------------------------------------------------------------------------------


def test_what_breaks_the_limit_and_what_another_betters_are_told_apart():
    trials = try_rule(LONG_RUN, sizes=(1, 2, 4), leverages=(5, 25), days=(7, 30), paths=2_048)
    for each in trials:
        said = next(p for p in each.decision.prospects if p.name == each.said)
        for goal in GOALS:
            assert (each.by(goal) is Outcome.BREAKS) <= (said.meets is Meets.NO)
            assert (each.by(goal) is Outcome.NOT_BEST) <= (said.meets is Meets.YES)
    assert {Outcome.BREAKS, Outcome.NOT_BEST} <= {each.outcome for each in trials}


def test_the_best_partition_depends_on_what_one_wants():
    found = trial("one coin", size=1, leverage=25, days=30, market=LONG_RUN)
    cross, isolated = found.decision.prospects
    assert cross.liquidation.value < isolated.liquidation.value
    assert isolated.tail_loss.value == pytest.approx(400)  # its margin is all that it can lose
    assert cross.tail_loss.value > 1_000
    assert found.decision.best() == ("cross",)
    assert found.decision.best("smallest average of the worst 5 %") == ("isolated",)
    assert found.by("smallest average of the worst 5 %") is Outcome.AGREES  # the rule says isolated at 25x
    with pytest.raises(MarginError, match="goal = 'most fun': give one of fewest liquidations"):
        found.by("most fun")


@pytest.mark.parametrize(("hits", "paths", "text"), [(0, 16_384, "below 0.02 %"), (1_000, 1_000, "above 99.7 %")])
def test_what_never_or_always_happened_is_a_bound(hits, paths, text):
    assert chance_text(Estimate.share(hits, paths)) == text
    bound = float(text.split()[1]) / 100
    chance = bound if hits == 0 else 1 - bound
    assert (1 - chance) ** paths < 0.06  # so many paths would have shown it with about 95 %


def test_a_kind_of_book_needs_only_its_own_coins_and_keeps_a_drift_for_each():
    wide = Diffusion(volatility={"BTCUSDT": 0.6, "ETHUSDT": 0.8, "SOLUSDT": 1.0}, drift={"SOLUSDT": 0.2})
    found = trial("diversified", size=1, leverage=5, days=7, market=wide, paths=256)
    assert len(found.decision.prospects) == 4
    with pytest.raises(UnknownNameError, match="ETHUSDT"):
        trial("diversified", size=1, leverage=5, days=7, market=Diffusion(volatility={"BTCUSDT": 0.6}), paths=256)


@pytest.mark.parametrize(("paths", "text"), [(5, "below 50 %"), (20, "below 10 %"), (16_384, "below 0.02 %")])
def test_a_bound_is_written_without_powers_of_ten(paths, text):
    assert chance_text(Estimate.share(0, paths)) == text
