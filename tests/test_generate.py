"""Generated paths: their moments are those of the model, and a seed gives the same path again."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from marginlib import MarginError
from marginlib.market.generate import geometric_brownian_path, jump_diffusion_path, seeded_paths

YEAR_HOURS = 365 * 24


# Every bound below is in standard errors of the statistic, from the model and the number of steps. The seeds are fixed,
# so a test passes or fails always; 4 standard errors would fail one right generator in 16,000.
BOUND = 4


def log_returns(path):
    return np.diff(np.log(path.mark_prices), axis=0)


def test_brownian_moments_and_correlations():
    steps, dt = 200_000, 1 / YEAR_HOURS
    sigma, mu, rho = (
        np.array([0.6, 0.9, 1.2]),
        np.array([0.5, 0.0, -0.7]),
        np.array([[1, 0.8, 0.5], [0.8, 1, 0.6], [0.5, 0.6, 1]]),
    )
    prices = {"A": 60_000.0, "B": 3_000.0, "C": 0.2}
    path = geometric_brownian_path(
        prices, volatility=dict(zip("ABC", sigma, strict=True)), drift=dict(zip("ABC", mu, strict=True)),
        correlation=rho, steps=steps, seed=1,
    )  # fmt: skip
    moves = log_returns(path)
    deviation = sigma * np.sqrt(dt)
    mean_error = (moves.mean(axis=0) - (mu - sigma**2 / 2) * dt) / (deviation / np.sqrt(steps))
    assert (np.abs(mean_error) < BOUND).all()
    spread_error = (moves.std(axis=0) / deviation - 1) * np.sqrt(2 * steps)
    assert (np.abs(spread_error) < BOUND).all()
    correlation_error = (np.corrcoef(moves.T) - rho) * np.sqrt(steps) / np.where(rho == 1, 1, 1 - rho**2)
    assert (np.abs(correlation_error) < BOUND).all()
    standard = (moves - moves.mean(axis=0)) / moves.std(axis=0)
    assert (np.abs((standard**3).mean(axis=0)) < BOUND * np.sqrt(6 / steps)).all()
    assert (np.abs((standard**4).mean(axis=0) - 3) < BOUND * np.sqrt(24 / steps)).all()
    following = (standard[1:] * standard[:-1]).mean(axis=0) * np.sqrt(steps)
    assert (np.abs(following) < BOUND).all()  # steps do not know of each other


@pytest.mark.parametrize(
    ("make", "jumps", "drift"),
    [
        (geometric_brownian_path, {}, 0.125),
        (jump_diffusion_path, {"jumps_per_year": 60, "jump_mean": -0.08, "jump_volatility": 0.1}, 0.6),
        (jump_diffusion_path, {"jumps_per_year": 60, "jump_mean": -0.08, "jump_volatility": 0.3}, 2.86),
    ],
)
def test_the_expected_price_grows_at_the_drift_with_and_without_jumps(make, jumps, drift):
    """E S(t + dt) / S(t) = exp(drift dt).

    Here a missing - sigma^2 / 2 would show at 7 standard errors, a missing k at 9, a k without the variance at 14.
    """
    steps = 400_000
    path = make({"A": 1.0}, volatility=0.5, drift=drift, steps=steps, step="1d", seed=5, **jumps)
    growth = path.mark_prices[1:] / path.mark_prices[:-1]
    assert abs(growth.mean() - math.exp(drift / 365)) < BOUND * growth.std() / math.sqrt(steps)


def test_jump_moments():
    """Cumulants of the log return of a step: sigma^2 dt + rate dt E J^2, rate dt E J^3, rate dt E J^4."""
    steps, dt = 400_000, 1 / 365
    sigma, rate, mean, spread, rho, drift = 0.5, 800.0, -0.03, 0.02, 0.7, 0.6  # two jumps in a step on average
    path = jump_diffusion_path(
        {"A": 100.0, "B": 100.0}, volatility=sigma, jumps_per_year=rate, jump_mean=mean, jump_volatility=spread,
        correlation=rho, drift=drift, steps=steps, step="1d", seed=3,
    )  # fmt: skip
    moves = log_returns(path)
    k = math.exp(mean + spread**2 / 2) - 1
    expected = (drift - sigma**2 / 2 - rate * k + rate * mean) * dt
    second, third = mean**2 + spread**2, mean**3 + 3 * mean * spread**2
    fourth = mean**4 + 6 * mean**2 * spread**2 + 3 * spread**4
    variance = sigma**2 * dt + rate * dt * second
    centred = moves - moves.mean(axis=0)
    for power, central in ((2, variance), (3, rate * dt * third), (4, rate * dt * fourth + 3 * variance**2)):
        sample = centred**power
        error = (sample.mean(axis=0) - central) / (sample.std(axis=0) / math.sqrt(steps))
        assert (np.abs(error) < BOUND).all(), power
    assert (np.abs(moves.mean(axis=0) - expected) < BOUND * math.sqrt(variance / steps)).all()
    product = centred[:, 0] * centred[:, 1]
    together = rho * sigma**2 * dt + rate * dt * (mean**2 + rho * spread**2)  # jumps come at the same moments
    assert abs(product.mean() - together) < BOUND * product.std() / math.sqrt(steps)


def test_without_jumps_a_jump_diffusion_is_a_brownian_motion():
    common = {"volatility": 0.5, "steps": 100, "seed": 4, "correlation": 0.3}
    jumps = {"jumps_per_year": 0, "jump_mean": 0.5, "jump_volatility": 0.5}
    with_none = jump_diffusion_path({"A": 1.0, "B": 2.0}, **common, **jumps)
    np.testing.assert_array_equal(
        with_none.mark_prices, geometric_brownian_path({"A": 1.0, "B": 2.0}, **common).mark_prices
    )


def test_perfect_correlation_moves_as_one_and_no_volatility_is_growth():
    path = geometric_brownian_path({"A": 1.0, "B": 5.0}, volatility=0.8, correlation=1.0, steps=50, seed=1)
    np.testing.assert_allclose(path.price("B"), 5 * path.price("A"), rtol=1e-12)
    path = geometric_brownian_path({"A": 1.0, "B": 1.0}, volatility=0.8, correlation=-1.0, steps=50, seed=1)
    both = log_returns(path)
    np.testing.assert_allclose(both[:, 0] + both[:, 1], -(0.8**2) / YEAR_HOURS, atol=1e-14)
    still = geometric_brownian_path({"A": 2.0}, volatility=0, drift=0.1, steps=365, step="1d", seed=1)
    assert still.mark_prices[-1, 0] == pytest.approx(2 * math.exp(0.1), rel=1e-12)


MAKERS = {
    "brownian": lambda seed: geometric_brownian_path({"A": 1.0, "B": 2.0}, volatility=0.5, steps=40, seed=seed),
    "jumps": lambda seed: jump_diffusion_path(
        {"A": 1.0, "B": 2.0}, volatility=0.5, jumps_per_year=900, jump_mean=0, jump_volatility=0.1, steps=40, seed=seed
    ),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_the_same_seed_gives_the_same_path(maker):
    make = MAKERS[maker]
    one, same, other = make(11), make(11), make(12)
    np.testing.assert_array_equal(one.mark_prices, same.mark_prices)
    np.testing.assert_array_equal(one.times, same.times)
    assert not np.array_equal(one.mark_prices[1:], other.mark_prices[1:])
    draw = np.random.Generator(np.random.SFC64(11))
    np.testing.assert_array_equal(make(draw).mark_prices, one.mark_prices)
    assert not np.array_equal(make(draw).mark_prices[1:], one.mark_prices[1:])  # a generator moves on
    jumps = " with jumps" if maker == "jumps" else ""
    assert f"generated, not recorded: geometric Brownian motion{jumps}, seed 11" in repr(one)
    assert "seed 11" in one.label
    assert not one.interpolated
    assert not one.recorded.any()


def brownian(**changes):
    fields = {"prices": {"A": 1.0, "B": 2.0}, "volatility": 0.5, "steps": 3, "seed": 1} | changes
    return geometric_brownian_path(fields.pop("prices"), **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: brownian(prices={}), "prices: give the first price"),
        (lambda: brownian(prices={"A": 0}), "price of A = 0"),
        (lambda: brownian(volatility=-0.1), "volatility = -0.1"),
        (lambda: brownian(volatility={"A": 1}), "volatility = {'A': 1}: give one number for all, or one for each of A"),
        (lambda: brownian(drift={"A": 1, "B": 1, "C": 1}), "one for each of A, B"),
        (lambda: brownian(volatility={"A": 1, "B": -1}), "volatility of B = -1"),
        (lambda: brownian(drift=np.nan), "drift = nan"),
        (lambda: brownian(steps=0), "steps = 0"),
        (lambda: brownian(steps=1.5), "steps = 1.5"),
        (lambda: brownian(seed=None), "seed = None"),
        (lambda: brownian(seed=-1), "seed = -1"),
        (lambda: brownian(seed=True), "seed = True"),
        (lambda: brownian(step="1w"), "step = '1w'"),
        (lambda: brownian(start="2020-01-01T00:00"), "no time zone"),
        (lambda: brownian(correlation=1.1), "correlation = 1.1: these cannot all be true at once"),
        (lambda: brownian(correlation=np.nan), "correlation = nan"),
        (lambda: brownian(correlation=[[1, 0.5], [0.4, 1]]), "symmetric 2 x 2 matrix"),
        (lambda: brownian(correlation=[[2, 0.5], [0.5, 1]]), "diagonal 1"),
        (lambda: brownian(correlation=np.eye(3)), "symmetric 2 x 2 matrix"),
        (lambda: brownian(prices={"A": 1, "B": 1, "C": 1}, correlation=-0.6), "cannot all be true at once"),
        (lambda: brownian(volatility=1e6), "leave the range of numbers"),
    ],
)  # fmt: skip
def test_wrong_parameters_of_a_generated_path(make, message):
    with pytest.raises(MarginError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    "changes",
    [{"jumps_per_year": -1}, {"jump_volatility": -1}, {"jump_mean": np.inf}],
    ids=lambda changes: next(iter(changes)),
)
def test_wrong_parameters_of_jumps(changes):
    fields = {"volatility": 0.5, "jumps_per_year": 1, "jump_mean": 0, "jump_volatility": 0, "steps": 2, "seed": 1}
    with pytest.raises(MarginError, match=next(iter(changes))):
        jump_diffusion_path({"A": 1.0}, **fields | changes)


def test_the_moments_of_a_path_are_a_step_apart():
    for step, length in (("1h", 3_600), ("1d", 86_400)):
        path = geometric_brownian_path(
            {"A": 1.0}, volatility=0.5, steps=3, seed=1, step=step, start="2026-01-05T10:00Z"
        )
        start = np.datetime64("2026-01-05T10:00:00")
        assert path.times.tolist() == [(start + np.timedelta64(k * length, "s")).tolist() for k in range(4)]


def test_seeded_paths_are_those_of_the_seeds_and_not_more_than_can_be_waited_for():
    terms = {"volatility": 0.6, "steps": 24, "correlation": 0.8}
    first = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
    for seed, path in enumerate(seeded_paths(3, first, **terms)):
        assert (path.mark_prices == geometric_brownian_path(first, seed=seed, **terms).mark_prices).all()
    jumps = {"jumps_per_year": 6, "jump_mean": -0.15, "jump_volatility": 0.1}
    (only,) = seeded_paths(1, first, **jumps, **terms)
    assert (only.mark_prices == jump_diffusion_path(first, seed=0, **jumps, **terms).mark_prices).all()
    for count, steps in ((0, 24), (3, 0), (3, -1), (3_000, 120_000), (1.5, 24)):
        with pytest.raises(MarginError, match=f"count = {count}, steps = {steps}: give whole numbers"):
            seeded_paths(count, first, **{**terms, "steps": steps})
