"""Seeded price paths: geometric Brownian motion, and the same with jumps.

They are models, and the label of each path says so. The same seed gives the same path. A year has 365 days, because
these markets never close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from marginlib.errors import MarginError, at_least_zero, finite, positive, wrong
from marginlib.market.paths import FloatArray, PricePath, moment, seconds

_YEAR = 365 * 86_400  # [s]
_START = np.datetime64("2000-01-01", "s")
_MOST_STEPS = 2**22  # of many paths together: seconds


def geometric_brownian_path(
    prices: Mapping[str, float],
    *,
    volatility: float | Mapping[str, float],
    steps: int,
    seed: int | np.random.Generator,
    drift: float | Mapping[str, float] = 0.0,
    correlation: float | ArrayLike = 0.0,
    step: str = "1h",
    start: object = _START,
    jumps: tuple[float, float | Mapping[str, float], float | Mapping[str, float]] | None = None,
) -> PricePath:
    """Return one path of correlated geometric Brownian motions.

        ln S(t + dt) = ln S(t) + (drift - volatility^2 / 2) dt + volatility sqrt(dt) z

    with z standard normal, independent from step to step, and correlated between symbols.

    Args:
        prices: the first price of each symbol [quote currency per base coin]; its order is that of the columns.
        volatility: standard deviation of the log price over a year [1 / sqrt(year)], one for all or one for each.
        steps: how many steps; the path has one moment more.
        seed: a whole number, or a `numpy.random.Generator` to draw from.
        drift: growth rate of the expected price [1 / year], one for all or one for each.
        correlation: one number for every pair, or the (k, k) matrix in the order of `prices` [1].
        step: length of a step, such as "1h".
        start: first moment, UTC.
        jumps: how many a year, and mean and standard deviation of their sizes, as `jump_diffusion_path` explains them.

    Raises:
        MarginError: a price that is not above 0, a negative volatility, no step, no seed, or correlations that cannot
            all be true at once.
        UnknownNameError: the step is not a name such as "1h".

    Source: Black and Scholes (1973), "The Pricing of Options and Corporate Liabilities".

    Example:
        >>> path = geometric_brownian_path({"BTCUSDT": 60_000, "ETHUSDT": 3_000}, volatility=0.6, correlation=0.8,
        ...                                steps=24, seed=7)
        >>> path.mark_prices.shape, path.mark_prices[0].tolist()
        ((25, 2), [60000.0, 3000.0])
    """
    if not prices:
        raise MarginError("prices: give the first price of at least one symbol")
    first = {symbol: positive(f"price of {symbol}", price) for symbol, price in prices.items()}
    sigma = _each("volatility", volatility, first, at_least_zero)
    mu = _each("drift", drift, first, finite)
    jumps_per_year, jump_mean, jump_volatility = jumps or (0.0, 0.0, 0.0)
    mean = _each("jump_mean", jump_mean, first, finite)
    spread = _each("jump_volatility", jump_volatility, first, at_least_zero)
    rate = at_least_zero("jumps_per_year", jumps_per_year)
    draw, root = _generator(seed), _root(correlation, len(first))
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise wrong("steps", steps, "give a whole number of 1 or more")
    length = seconds("step", step)
    times = moment("start", start) + np.arange(steps + 1) * np.timedelta64(length, "s")
    years = length / _YEAR
    growth = mu - sigma**2 / 2 - rate * np.expm1(mean + spread**2 / 2)
    moves = growth * years + sigma * sqrt(years) * (draw.standard_normal((steps, len(first))) @ root.T)
    count = draw.poisson(rate * years, size=(steps, 1))
    # The sum of n independent normal jumps is one normal number with n times the mean and the variance.
    moves += count * mean + np.sqrt(count) * spread * (draw.standard_normal((steps, len(first))) @ root.T)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        moved = np.array(list(first.values())) * np.exp(np.vstack([np.zeros(len(first)), np.cumsum(moves, axis=0)]))
    if not (np.isfinite(moved) & (moved > 0)).all():
        raise MarginError("volatility, drift: the prices leave the range of numbers; give smaller ones, or fewer steps")
    told = "from a generator given" if isinstance(seed, np.random.Generator) else f"seed {seed}"
    label = f"generated, not recorded: geometric Brownian motion{' with jumps' if jumps else ''}, {told}"
    return PricePath(symbols=tuple(first), times=times, mark_prices=moved, label=label)


def jump_diffusion_path(
    prices: Mapping[str, float],
    *,
    jumps_per_year: float,
    jump_mean: float | Mapping[str, float],
    jump_volatility: float | Mapping[str, float],
    **motion: Any,  # noqa: ANN401 - as above
) -> PricePath:
    """Return one path of geometric Brownian motions that also jump, all symbols at the same moments (Merton).

        ln S(t + dt) = ln S(t) + (drift - volatility^2 / 2 - jumps_per_year k) dt + volatility sqrt(dt) z + J_1 .. J_n
        n Poisson with mean jumps_per_year dt,  J normal,  k = exp(jump_mean + jump_volatility^2 / 2) - 1

    The term k keeps the expected price growing at `drift`, jumps included. Sizes of one jump are correlated between
    symbols as z is.

    Args:
        prices: the first price of each symbol [quote currency per base coin].
        jumps_per_year: mean number of jumps [1 / year].
        jump_mean: mean of a jump in the log price [1], one for all or one for each; below 0 for crashes.
        jump_volatility: standard deviation of a jump in the log price [1], one for all or one for each.
        motion: volatility, steps, seed and so on, as `geometric_brownian_path` takes them.

    Raises:
        MarginError: as in `geometric_brownian_path`; or the rate or the standard deviation of the jumps is negative.
        UnknownNameError: the step is not a name such as "1h".

    Source: Merton (1976), "Option pricing when underlying stock returns are discontinuous".
    """
    return geometric_brownian_path(prices, **motion, jumps=(jumps_per_year, jump_mean, jump_volatility))


def seeded_paths(count: int, prices: Mapping[str, float], *, steps: int, **motion: Any) -> tuple[PricePath, ...]:  # noqa: ANN401 - as above
    """Return the paths of the seeds 0, 1, 2 and so on.

    Args:
        count: how many.
        prices: the first price of each symbol [quote currency per base coin].
        steps: of each path; times `count`, at most 4,194,304 in all.
        motion: volatility and so on, as `geometric_brownian_path` takes them, or `jump_diffusion_path` with its jumps.

    Raises:
        MarginError: there would be no path, or more steps than are made while somebody waits; or as those two.
    """
    if not all(isinstance(each, int) and each > 0 for each in (count, steps)) or count * steps > _MOST_STEPS:
        limit = f"give whole numbers of at least 1, whose product is at most {_MOST_STEPS:,}"
        raise MarginError(f"count = {count}, steps = {steps}: {limit}")
    make = jump_diffusion_path if "jumps_per_year" in motion else geometric_brownian_path
    return tuple(make(prices, steps=steps, seed=seed, **motion) for seed in range(count))


def _each(field: str, value: object, first: Mapping[str, float], check: Callable[[str, object], float]) -> FloatArray:
    """Return one checked number for each symbol."""
    if not isinstance(value, Mapping):
        return np.full(len(first), check(field, value))
    if value.keys() != first.keys():
        raise wrong(field, dict(value), f"give one number for all, or one for each of {', '.join(first)}")
    return np.array([check(f"{field} of {symbol}", value[symbol]) for symbol in first])


def _root(correlation: float | ArrayLike, count: int) -> FloatArray:
    """Return A with A A' = the correlation matrix, or refuse what is none.

    By eigenvalues instead of Cholesky's way, because perfectly correlated symbols are allowed.
    """
    given = np.asarray(correlation, dtype=np.float64)
    if given.ndim == 0:
        given = np.where(np.eye(count, dtype=np.bool_), 1.0, given)
    odd = given.shape != (count, count) or not np.isfinite(given).all()
    if odd or not np.allclose(given, given.T, atol=1e-12) or not np.allclose(np.diag(given), 1.0, atol=1e-12):
        give = f"give one number, or a symmetric {count} x {count} matrix with diagonal 1"
        raise wrong("correlation", correlation, give)
    values, vectors = np.linalg.eigh(given)
    if values[0] < -1e-10 * count:
        raise wrong("correlation", correlation, f"these cannot all be true at once (an eigenvalue is {values[0]:.3g})")
    # What rounding leaves below 0 is 0.
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _generator(seed: object) -> np.random.Generator:
    """Return a generator for a seed; refuse no seed, for then a path could not be made again."""
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise wrong("seed", seed, "give a whole number of 0 or more, or a numpy Generator")
    return np.random.Generator(np.random.SFC64(int(seed)))
