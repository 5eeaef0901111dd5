"""Monte Carlo: formulas, bridges and walks against dull twins, exact laws and each other."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from math import exp, inf, log, sqrt
from pathlib import Path

import numpy as np
import pytest

from marginlib import (
    Account,
    Contract,
    Health,
    MaintenanceBasis,
    MarginError,
    Pool,
    Position,
    RiskSchedule,
    UnknownNameError,
    common_shock,
    liquidation_price,
    risk,
)
from marginlib import odds as mc
from marginlib.odds import bridge
from marginlib.odds.bridge import blocks
from marginlib.odds.draws import Grid, factors, increments
from marginlib.odds.estimates import KEPT_PATHS
from marginlib.odds.plans import Plan

FLAT = RiskSchedule.flat(0.005)
STEEP = RiskSchedule.from_brackets(
    [(0, 20_000, 0.004, 125, 0), (20_000, 50_000, 0.02, 40, 320), (50_000, None, 0.05, 15, 1_820)]
)
TALL = RiskSchedule.from_brackets([(0, 55_000, 0.004, 125, 0), (55_000, None, 0.6, 1.5, 32_780)])
MARKET = mc.Diffusion(volatility={"BTC": 0.6, "ETH": 0.8}, drift={"ETH": 0.3}, correlation=0.7)
PRICE = {"BTC": 60_000.0, "ETH": 3_000.0}


def leg(symbol: str, notional: float, schedule: RiskSchedule = FLAT, **fields: object) -> Position:
    price = PRICE[symbol]
    position = Position.open(symbol=symbol, quantity=notional / price, price=price, schedule=schedule, leverage=5)
    return replace(position, **fields)


def account(wallet: float, *legs: Position) -> Account:
    return Account(wallet_balance=wallet, positions=legs)


def within(estimate: mc.Estimate, truth: float, errors: float = 3.0) -> bool:
    return abs(estimate.value - truth) <= errors * estimate.standard_error


def exact(pool: Pool, market: mc.Diffusion = MARKET, days: float = 30.0) -> float:
    """The closed form for a pool on one symbol that one side can liquidate: its price is a barrier."""
    [position] = pool.positions
    barrier = liquidation_price(pool, position.symbol)
    if barrier is None:
        return 0.0
    drift = market.drift.get(position.symbol, 0.0) if isinstance(market.drift, dict) else market.drift
    volatility = market.volatility[position.symbol]
    return mc.touch_probability(position.mark_price, barrier, volatility=volatility, drift=drift, days=days)


def on(account: Account, returns: object, *, symbols: list[str]) -> mc.Odds:
    return mc.compare_on({"one": account}, returns, symbols=symbols)["one"]


def sample(amounts: np.ndarray) -> mc.Distribution:
    return mc.Distribution(mc.Estimate.average(amounts), np.sort(amounts))


# The closed form.


def touch_by_integration(distance: float, growth: float, spread: float) -> float:
    """Where the motion ends, times whether a bridge to that end touched: no formula of first passage."""
    end = np.linspace(growth - 10 * spread, growth + 10 * spread, 400_001)
    density = np.exp(-(((end - growth) / spread) ** 2) / 2) / (spread * sqrt(2 * np.pi))
    beyond = (end - distance) * np.sign(distance) >= 0
    touched = np.where(beyond, 1.0, np.exp(np.minimum(0, -2 * distance * (distance - end) / spread**2)))
    return float(np.trapezoid(density * touched, end))


@pytest.mark.parametrize("barrier", [30.0, 80.0, 99.0, 101.0, 130.0, 300.0])
@pytest.mark.parametrize("drift", [-3.0, 0.0, 0.4])
@pytest.mark.parametrize(("volatility", "days"), [(0.3, 365.0), (0.9, 30.0), (2.0, 1.0)])
def test_touch_probability_is_the_integral_over_bridges(
    barrier: float, drift: float, volatility: float, days: float
) -> None:
    years = days / 365
    growth, spread = (drift - volatility**2 / 2) * years, volatility * sqrt(years)
    expected = touch_by_integration(log(barrier / 100), growth, spread)
    got = mc.touch_probability(100, barrier, volatility=volatility, drift=drift, days=days)
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("drift", [-3.0, -3.2, -3.5, -3.57, -3.7])
def test_touch_probability_survives_a_drift_that_dwarfs_the_volatility(drift: float) -> None:
    spread = 0.09  # exponents of 700 to 900, where exp alone overflows at 709
    expected = touch_by_integration(log(0.03), drift - spread**2 / 2, spread)
    got = mc.touch_probability(1.0, 0.03, volatility=spread, drift=drift, days=365)
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_touch_probability_at_the_barrier_is_certain() -> None:
    assert mc.touch_probability(100, 100, volatility=0.5) == 1.0


@pytest.mark.parametrize("field", ["price", "barrier", "volatility", "drift", "days"])
@pytest.mark.parametrize("value", [-1.0, 0.0, inf, float("nan")])
def test_touch_probability_refuses_by_name(field: str, value: float) -> None:
    if field == "drift" and value in {-1.0, 0.0}:
        return
    good = {"price": 100.0, "barrier": 90.0, "volatility": 0.5, "drift": 0.0, "days": 30.0} | {field: value}
    price, barrier = good.pop("price"), good.pop("barrier")
    with pytest.raises(MarginError, match=field):
        mc.touch_probability(price, barrier, **good)


def test_a_pool_that_a_fall_and_a_rise_liquidate_lies_between_its_two_formulas() -> None:
    # A fall loses on the larger long; a rise carries the short into a tier that asks more than the long gains.
    both_ways = Pool(collateral=6_000, positions=(leg("BTC", 60_000), leg("BTC", -50_000, TALL)))
    shock = common_shock(both_ways)
    assert shock.fall is not None
    assert shock.rise is not None
    fall, rise = (mc.touch_probability(1.0, 1 + move, volatility=0.6) for move in shock)
    either = mc.odds(Account(wallet_balance=6_000, positions=both_ways.positions), MARKET, paths=16_384).liquidation
    assert max(fall, rise) - 3 * either.standard_error < either.value < fall + rise + 3 * either.standard_error


@pytest.mark.parametrize(("wallet", "certain"), [(10_000, 0.0), (40, 1.0)])
def test_what_is_certain_is_certain_on_every_path(wallet: float, certain: float) -> None:
    result = mc.odds(account(wallet, leg("BTC", 10_000)), MARKET, paths=2_048)
    assert result.liquidation.value == certain
    assert mc.odds(account(wallet), MARKET, paths=2_048).liquidation.value == 0.0


# One price: simulated against the formula.

LONE = {
    "long": (1_500, leg("BTC", 10_000)),
    "short": (1_500, leg("BTC", -10_000)),
    "long with drift": (2_000, leg("ETH", 10_000)),
    "short with drift": (2_500, leg("ETH", -10_000)),
    "long in profit": (500, leg("BTC", 10_000, mark_price=66_000.0)),
    "long over a tier's edge": (5_000, leg("BTC", 24_000, STEEP)),
    "short into higher tiers": (9_000, leg("ETH", -45_000, STEEP)),
    "frozen maintenance": (1_500, leg("BTC", 10_000, maintenance_basis=MaintenanceBasis.ENTRY)),
    "inverse long": (0.05, leg("BTC", 20_000 * 60_000, contract=Contract.INVERSE)),
    "inverse short": (0.05, leg("BTC", -20_000 * 60_000, contract=Contract.INVERSE)),
}


@pytest.mark.parametrize("name", LONE)
def test_a_lone_position_meets_the_formula(name: str) -> None:
    collateral, position = LONE[name]
    if position.contract is Contract.INVERSE:  # a quantity is a face value in quote currency
        position = replace(position, quantity=position.quantity / 1_000)
        collateral = abs(position.quantity) / 60_000 * 0.12
    book = account(collateral, position)
    result = mc.odds(book, MARKET, paths=16_384, seed=3)
    truth = exact(book.pools()[0])
    assert 0.01 < truth < 0.99
    assert within(result.pools[0].liquidation, truth)


@pytest.mark.parametrize("steps", [1, 4, 30, 100])
def test_with_the_bridge_any_number_of_steps_is_exact_for_one_price(steps: int) -> None:
    book = account(2_000, leg("BTC", 10_000))
    assert within(mc.odds(book, MARKET, paths=16_384, steps=steps, seed=5).liquidation, exact(book.pools()[0]))


def test_without_the_bridge_thirty_steps_miss_liquidations() -> None:
    book = account(2_000, leg("BTC", 10_000))
    blind = mc.odds(book, MARKET, paths=16_384, steps=30, bridge=False, seed=5).liquidation
    assert exact(book.pools()[0]) - blind.value > 0.02


@pytest.mark.parametrize("quantity", [1.0, -1.0])
def test_cross_with_one_position_is_isolated_with_the_same_collateral(quantity: float) -> None:
    position = leg("BTC", quantity * 30_000, STEEP)
    cross = mc.odds(account(5_000, position), MARKET, paths=8_192)
    isolated = mc.odds(account(5_000, position.isolated(5_000)), MARKET, paths=8_192)
    assert cross.pools[0].liquidation == isolated.pools[1].liquidation
    assert cross.final_equity.sample == pytest.approx(isolated.final_equity.sample)


@pytest.mark.parametrize("name", ["long", "short", "short into higher tiers", "frozen maintenance", "long in profit"])
def test_the_edge_of_several_prices_is_the_barrier_where_there_is_one(name: str) -> None:
    collateral, position = LONE[name]
    plan = Plan.of(Pool(collateral=collateral, positions=(position,)), MARKET.symbols)
    grid = Grid.of(MARKET, 30.0, 30)
    block = next(blocks(grid, 4_096, 1))
    by_barrier = block.outcome(plan)
    by_edge = block.outcome(replace(plan, barrier=None))
    different = np.flatnonzero(by_barrier.liquidated != by_edge.liquidated)
    # A step that goes over a tier's edge on its way has another slope at its start; single precision does the rest.
    few = 8 if "tiers" in name else 2
    assert len(different) <= few
    assert (~np.isclose(by_edge.final, by_barrier.final, rtol=2e-3, atol=2.0)).sum() <= few


# Several prices: against fine steps without any bridge.


@pytest.mark.parametrize(
    ("wallet", "second", "correlation"), [(30_000, 60_000, 0.7), (14_000, -50_000, 0.7), (30_000, -60_000, -0.4)]
)
def test_a_shared_pool_meets_a_walk_of_fine_steps(wallet: float, second: float, correlation: float) -> None:
    market = mc.Diffusion(volatility={"BTC": 0.6, "ETH": 0.8}, correlation=correlation)
    book = account(wallet, leg("BTC", 60_000, STEEP), leg("ETH", second, STEEP))
    few = mc.odds(book, market, paths=32_768, seed=1).liquidation
    # What m looks miss falls as 1 / sqrt(m): twice the result of 4 m looks less the result of m is without it.
    coarse, fine = (
        mc.odds(book, market, paths=8_192, steps=steps, bridge=False, seed=2).liquidation for steps in (360, 1_440)
    )
    reference = 2 * fine.value - coarse.value
    error = sqrt(5) * fine.standard_error  # at most, were the two independent
    assert few.value - coarse.value > 0
    assert abs(few.value - reference) < 3 * sqrt(error**2 + few.standard_error**2)


def test_two_pools_of_one_account_keep_the_odds_of_each() -> None:
    book = account(20_000, leg("BTC", 10_000).isolated(1_500), leg("ETH", -10_000).isolated(2_000))
    result = mc.odds(book, MARKET, paths=32_768)
    for pool, simulated in zip(book.pools(), result.pools, strict=True):
        truth = exact(pool) if pool.positions else 0.0
        assert within(simulated.liquidation, truth) or truth == simulated.liquidation.value == 0
    each = [pool.liquidation.value for pool in result.pools]
    assert max(each) <= result.liquidation.value <= sum(each)


@pytest.mark.parametrize("schedule", [STEEP, TALL])
@pytest.mark.parametrize("second", [30_000, -30_000])
def test_the_steps_that_are_passed_over_hold_no_liquidation(
    schedule: RiskSchedule, second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = account(14_000, leg("BTC", 45_000, schedule), leg("ETH", second, schedule))
    quick = mc.PathCache(FAIR, paths=4_096).odds(book)
    monkeypatch.setattr(bridge, "_ALMOST", 0.0)  # no step is passed over for what its hedges spare
    closer = mc.PathCache(FAIR, paths=4_096)

    def same() -> bool:
        slow = closer.odds(book)
        equal = np.allclose(slow.final_equity.sample, quick.final_equity.sample, rtol=1e-9, atol=1e-6)
        return slow.liquidation == quick.liquidation and equal

    assert same()
    for block in closer._blocks:  # noqa: SLF001 - nothing else can turn the shortcut off
        block.reach[:] = 100.0  # nor for being far from the edge
    assert same()
    assert 0.02 < quick.liquidation.value < 0.98


# Money.

BOOKS = {
    "cross": account(25_000, leg("BTC", 60_000, STEEP), leg("ETH", 20_000, STEEP)),
    "isolated": account(25_000, leg("BTC", 60_000, STEEP).isolated(9_000), leg("ETH", -40_000, STEEP).isolated(9_000)),
    "mixed": account(
        25_000, leg("BTC", 60_000, STEEP), leg("BTC", -9_000).isolated(800), leg("ETH", 40_000, STEEP).isolated()
    ),
}
FAIR = mc.Diffusion(volatility={"BTC": 0.6, "ETH": 0.8}, correlation=0.7)


@pytest.mark.parametrize("name", BOOKS)
def test_without_drift_and_with_nothing_to_keep_nothing_is_won_or_lost_on_average(name: str) -> None:
    # Equity is then a fair game that stops where it is 0, if it stops there and nowhere else.
    free = [replace(each, schedule=RiskSchedule.flat(0.0)) for each in BOOKS[name].positions]
    result = mc.odds(replace(BOOKS[name], positions=tuple(free)), FAIR, paths=65_536, seed=4)
    assert result.liquidation.paths * result.liquidation.value > 2_000  # many stop early
    assert within(result.final_equity.mean, result.equity_now)
    assert within(result.loss.mean, 0.0)


@pytest.mark.parametrize("name", BOOKS)
def test_what_the_venue_keeps_is_the_maintenance_margin_of_the_pools_that_are_liquidated(name: str) -> None:
    result = mc.odds(BOOKS[name], FAIR, paths=65_536, seed=4)
    assert result.deficit.value == 0
    pools = zip(BOOKS[name].pools(), result.pools, strict=True)
    most = sum(3 * risk(pool).maintenance * found.liquidation.value for pool, found in pools)
    assert 0 < result.loss.mean.value < most + 3 * result.loss.mean.standard_error


def test_isolated_margin_bounds_the_loss_and_cross_margin_the_wallet() -> None:
    long = leg("BTC", 60_000)
    isolated = mc.odds(account(25_000, long.isolated(6_000)), FAIR, paths=8_192)
    cross = mc.odds(account(25_000, long), FAIR, paths=8_192)
    assert isolated.loss.sample[-1] <= 6_000 + 1e-9
    assert cross.loss.sample[-1] <= 25_000 + 1e-9
    assert isolated.liquidation.value > cross.liquidation.value
    assert isolated.loss_if_liquidated is not None
    assert cross.loss_if_liquidated is not None
    assert isolated.loss_if_liquidated.value == pytest.approx(6_000)  # the rest of the wallet is untouched
    assert cross.loss_if_liquidated.value == pytest.approx(25_000)


def test_liquidated_today_and_nothing_at_stake() -> None:
    gone = mc.odds(account(100, leg("BTC", 60_000)), FAIR, paths=2_048)
    assert (gone.liquidation.value, gone.deficit.value, gone.loss.mean.value) == (1.0, 0.0, 100.0)
    assert (gone.final_equity.sample == 0).all()
    safe = mc.odds(account(100), FAIR, paths=2_048)
    assert (safe.liquidation.value, safe.loss_if_liquidated) == (0.0, None)
    assert safe.liquidation.standard_error > 0  # never in 2,048 paths is not never
    bankrupt = mc.odds(account(100, leg("BTC", 60_000, mark_price=59_000.0)), FAIR, paths=2_048)
    assert bankrupt.deficit.value == pytest.approx(900)


# Every step looked at: against the engine, path by path.


def dull_walk(book: Account, symbols: list[str], returns: np.ndarray) -> tuple[list, list, list]:
    hits, finals, deficits = [], [], []
    for path in np.exp(np.cumsum(returns, axis=1)):
        hit, final, deficit = [], 0.0, 0.0
        for pool in book.pools():
            marks = {position.symbol: position.mark_price for position in pool.positions}
            now = pool
            for step in path:
                moved = {symbol: mark * step[symbols.index(symbol)] for symbol, mark in marks.items()}
                now = pool.at(moved)
                if risk(now).health is not Health.HEALTHY:
                    break
            state = risk(now)
            closed = bool(pool.positions) and state.health is not Health.HEALTHY
            hit.append(closed)
            final += 0.0 if closed else max(state.equity, 0.0)
            deficit += max(-state.equity, 0.0)
        hits.append(hit)
        finals.append(final)
        deficits.append(deficit)
    return hits, finals, deficits


WALKED = BOOKS | {
    "hedged legs": account(9_000, leg("BTC", 60_000, STEEP), leg("BTC", -50_000, STEEP), leg("ETH", 9_000)),
    "liquidated by a fall and by a rise": account(1_500, leg("BTC", 60_000), leg("BTC", -50_000, TALL)),
    "frozen": account(2_500, leg("BTC", 30_000, maintenance_basis=MaintenanceBasis.ENTRY), leg("ETH", -20_000)),
    "inverse": account(
        0.2,
        leg("BTC", 60_000 * 40_000, contract=Contract.INVERSE, quantity=40_000.0),
        leg("ETH", 60_000, contract=Contract.INVERSE, quantity=-120.0),
    ),
}


@pytest.mark.parametrize("name", WALKED)
def test_paths_handed_in_end_as_the_engine_ends_them(name: str) -> None:
    rng = np.random.default_rng(7)
    jumps = rng.standard_normal((60, 12, 2)) * 0.05 - 0.3 * (rng.random((60, 12, 1)) < 0.03)
    result = on(WALKED[name], jumps, symbols=["BTC", "ETH"])
    hits, finals, deficits = dull_walk(WALKED[name], ["BTC", "ETH"], jumps)
    assert [pool.liquidation.value for pool in result.pools] == pytest.approx(list(np.mean(hits, axis=0)))
    assert result.liquidation.value == pytest.approx(np.any(hits, axis=1).mean())
    assert 0 < result.liquidation.value < 1
    assert result.final_equity.sample == pytest.approx(np.sort(finals), rel=1e-5, abs=0.05)
    assert result.deficit.value == pytest.approx(np.mean(deficits), rel=1e-4, abs=1e-3)
    assert result.final_equity.mean.standard_error == pytest.approx(np.std(finals, ddof=1) / sqrt(60), rel=1e-4)


def test_arrays_chunks_and_functions_say_the_same() -> None:
    moves = np.random.default_rng(1).standard_normal((300, 6, 2)) * 0.06
    book, symbols = BOOKS["mixed"], ["BTC", "ETH"]
    whole = on(book, moves, symbols=symbols)
    parts = [moves[:100], moves[100:]]
    for given in (parts, iter(parts), lambda: iter(parts), moves.tolist(), list(moves), [moves.tolist()]):
        split = on(book, given, symbols=symbols)
        assert split.liquidation == whole.liquidation
        assert split.final_equity.sample == pytest.approx(whole.final_equity.sample)
        assert split.deficit.value == pytest.approx(whole.deficit.value)
        assert split.deficit.standard_error == pytest.approx(whole.deficit.standard_error)


@pytest.mark.parametrize(
    ("moves", "match"),
    [
        (np.zeros((3, 2)), "shape"),
        (np.zeros((3, 2, 1)), "shape"),
        (np.full((3, 2, 2), np.nan), "finite"),
        (np.full((3, 2, 2), 25.0), "within 20"),
        (np.zeros((0, 2, 2)), "no path"),
        ([], "no path"),
        ([[[0.0, 0.0], [0.0]]], "several lengths"),
        ([[[0.0, 0.0]], 2 * [[0.0, 0.0]]], "several lengths"),
    ],
)
def test_paths_of_another_shape_are_refused(moves: object, match: str) -> None:
    with pytest.raises(MarginError, match=match):
        on(BOOKS["cross"], moves, symbols=["BTC", "ETH"])


# Estimates and their errors.


def test_standard_errors_are_honest() -> None:
    book = account(2_000, leg("BTC", 10_000, RiskSchedule.flat(0.0)))
    truth = exact(book.pools()[0], FAIR)
    runs = [mc.odds(book, FAIR, paths=2_048, steps=4, seed=seed) for seed in range(300)]
    for estimates, value in (
        ([run.liquidation for run in runs], truth),
        ([run.final_equity.mean for run in runs], 2_000.0),
    ):
        covered = sum(within(each, value, 1.96) for each in estimates) / 300
        assert 0.91 < covered < 0.99  # 95 %; three binomial errors are 3.8 points
        spread = np.std([each.value for each in estimates])
        assert np.mean([each.standard_error for each in estimates]) == pytest.approx(spread, rel=0.15)


def test_the_errors_of_quantiles_and_tails_are_honest() -> None:
    rng = np.random.default_rng(3)
    runs = [sample(rng.exponential(size=2_000)) for _ in range(400)]
    for share in (0.05, 0.5, 0.95):
        truth = -log(1 - share)
        assert 0.90 < np.mean([within(run.quantile(share), truth, 1.96) for run in runs]) < 0.99
    # Above its 95 % quantile an exponential is on average 1 more than that quantile.
    assert 0.89 < np.mean([within(run.upper_tail(0.05), 1 - log(0.05), 1.96) for run in runs]) < 0.99
    assert 0.91 < np.mean([within(run.at_most(1.0), 1 - exp(-1), 1.96) for run in runs]) < 0.99


def test_loss_is_what_there_was_less_what_is_left() -> None:
    result = mc.odds(BOOKS["cross"], FAIR, paths=4_096)
    assert result.loss.mean.value == pytest.approx(25_000 - result.final_equity.mean.value)
    assert result.loss.quantile(0.9).value == pytest.approx(25_000 - result.final_equity.quantile(0.1).value)
    assert (np.diff(result.loss.sample) >= 0).all()
    assert result.loss.upper_tail(0.05).value >= result.loss.quantile(0.95).value


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_quantile_is_inside(share: float) -> None:
    for ask in (sample(np.array([1.0, 2.0])).quantile, sample(np.array([1.0, 2.0])).upper_tail):
        with pytest.raises(MarginError, match="share"):
            ask(share)


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    def run(seed: int) -> mc.Odds:
        return mc.odds(BOOKS["mixed"], FAIR, paths=10_000, seed=seed)

    one, again, other = run(1), run(1), run(2)
    assert one.liquidation == again.liquidation
    assert (one.final_equity.sample == again.final_equity.sample).all()
    assert one.final_equity.mean != other.final_equity.mean
    assert one.final_equity.mean.paths == 10_000


def test_more_paths_than_are_kept_still_count() -> None:
    result = mc.odds(account(2_000, leg("BTC", 10_000)), FAIR, paths=KEPT_PATHS + 5_000, steps=2)
    assert result.liquidation.paths == KEPT_PATHS + 5_000
    assert len(result.final_equity.sample) == KEPT_PATHS


# Paths kept.


@pytest.mark.parametrize("name", BOOKS)
def test_cached_paths_answer_as_fresh_ones(name: str) -> None:
    cache = mc.PathCache(FAIR, paths=10_000, seed=9)
    for scale in (0.9, 1.0, 1.3):
        book = replace(BOOKS[name], wallet_balance=25_000 * scale)
        direct, cached = mc.odds(book, FAIR, paths=10_000, seed=9), cache.odds(book)
        assert cached.pools == direct.pools
        assert cached.liquidation == direct.liquidation
        assert (cached.final_equity.sample == direct.final_equity.sample).all()


def test_on_kept_paths_more_margin_never_liquidates_more() -> None:
    cache = mc.PathCache(FAIR, paths=8_192)
    counts = [
        cache.odds(replace(BOOKS["cross"], wallet_balance=w)).liquidation.value for w in range(9_000, 40_000, 1_000)
    ]
    assert counts == sorted(counts, reverse=True)


# Settings.


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"days": 0.0}, "days"),
        ({"days": inf}, "days"),
        ({"steps": 0}, "steps"),
        ({"steps": 1.5}, "steps"),
        ({"paths": 1}, "paths"),
        ({"paths": True}, "paths"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], match: str) -> None:
    with pytest.raises(MarginError, match=match):
        mc.odds(BOOKS["cross"], FAIR, **settings)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"volatility": {}}, "volatility"),
        ({"volatility": {"BTC": 0.0}}, "volatility of BTC"),
        ({"volatility": {"BTC": float("nan")}}, "volatility of BTC"),
        ({"volatility": {"": 0.5}}, "symbol"),
        ({"volatility": {"BTC": 0.5}, "drift": inf}, "drift of BTC"),
        ({"volatility": {"BTC": 0.5}, "drift": {"ETH": 0.1}}, "ETH"),
        ({"volatility": {"A": 0.5, "B": 0.5}, "correlation": 1.2}, "correlation"),
        ({"volatility": {"A": 0.5, "B": 0.5, "C": 0.5}, "correlation": -0.6}, "eigenvalue"),
        ({"volatility": {"A": 0.5, "B": 0.5}, "correlation": [[1.0]]}, "shape"),
        ({"volatility": {"A": 0.5, "B": 0.5}, "correlation": [[1.0, 0.2], [0.3, 1.0]]}, "symmetric"),
        ({"volatility": {"A": 0.5, "B": 0.5}, "correlation": [[1.0, np.nan], [np.nan, 1.0]]}, "symmetric"),
    ],
)
def test_prices_that_cannot_be_are_refused(fields: dict[str, object], match: str) -> None:
    with pytest.raises(MarginError, match=match):
        mc.Diffusion(**fields)


def test_a_symbol_without_volatility_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="ETH"):
        mc.odds(BOOKS["cross"], mc.Diffusion(volatility={"BTC": 0.5}))


def test_prices_that_move_as_one_are_one_price() -> None:
    market = mc.Diffusion(volatility={"BTC": 0.6, "ETH": 0.6}, correlation=1.0)
    halves = account(4_000, leg("BTC", 10_000), leg("ETH", 10_000))
    whole = exact(Pool(collateral=4_000, positions=(leg("BTC", 20_000),)), market)
    assert within(mc.odds(halves, market, paths=16_384).liquidation, whole)


@pytest.mark.parametrize("steps", [30, 720, 5_000])
def test_factors_are_the_exponentials_of_the_moves(steps: int) -> None:
    grid = Grid.of(mc.Diffusion(volatility={"A": 0.9, "B": 0.4}, drift={"B": 3.0}), 30.0, steps)

    def rng() -> np.random.Generator:
        return np.random.Generator(np.random.SFC64(5))

    price, log_price = 1.0, 0.0
    for factor, move in zip(factors(grid, 500, rng()), increments(grid, 500, rng()), strict=True):
        price, log_price = price * factor.astype(float), log_price + move.astype(float)
    rounding = 2**-23 / sqrt(12) * sqrt(steps)  # standard deviation of that many roundings near 1
    assert np.log(price) == pytest.approx(log_price, abs=6 * rounding)


def test_growth_and_correlation_are_those_asked_for() -> None:
    grid = Grid.of(MARKET, 30.0, 30)
    logs = np.concatenate([np.log(block.prices[-1]) for block in blocks(grid, 65_536, 1)], axis=1).astype(float)
    years = 30 / 365
    for i, (volatility, drift) in enumerate([(0.6, 0.0), (0.8, 0.3)]):
        spread = volatility * sqrt(years)
        assert logs[i].mean() == pytest.approx((drift - volatility**2 / 2) * years, abs=3 * spread / 256)
        assert logs[i].std() == pytest.approx(spread, rel=3 / sqrt(2) / 256)
    assert np.corrcoef(logs)[0, 1] == pytest.approx(0.7, abs=3 * 0.51 / 256)


MEMORY = r"""
import re, sys
from pathlib import Path
from marginlib import Account, rulebook
from marginlib import odds as mc
rules = rulebook("binance_usdm", "2026-09-29")
names = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT"]
legs = [rules.position(name, 1_000 * sign, 10.0, leverage=10) for name, sign in zip(names, [1, 1, -1, 1, -1])]
accounts = {
    "cross": Account(wallet_balance=8_000, positions=tuple(legs)),
    "isolated": Account(wallet_balance=8_000, positions=tuple(leg.isolated() for leg in legs)),
}
market = mc.Diffusion(volatility=dict.fromkeys(names, 0.7), correlation=0.6)
# Not `getrusage`: what it calls the peak of a process begins with that of the one that started it.
peak = lambda: int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
mc.compare(accounts, market, paths=int(sys.argv[1]))
mc.compare(accounts, market, paths=8_192, steps=60, bridge=False)
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_paths() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the system does not tell a process the peak of its memory")
    taken = []
    for n in (16_384, 262_144):
        command = [sys.executable, "-c", MEMORY, str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own script
        taken.append(float(done.stdout))
    assert min(taken) > 1  # the blocks themselves: it is measured at all
    assert max(taken) <= 32
    assert taken[1] - taken[0] < 6


def test_more_steps_than_fit_into_a_minute_are_refused():
    one = Account(
        wallet_balance=500, positions=(Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=FLAT),)
    )
    with pytest.raises(MarginError, match="paths = 16384000: with 30 steps each at most 1,118,481"):
        mc.odds(one, mc.Diffusion(volatility={"BTC": 0.6}), paths=16_384_000)
    with pytest.raises(MarginError, match="or give a shorter horizon"):
        mc.PathCache(mc.Diffusion(volatility={"BTC": 0.6}), days=90_000, steps=90_000)
