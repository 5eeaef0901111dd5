"""Seeded price paths: geometric Brownian motion, the same with jumps, and a history cut into blocks and shuffled.

They are models, and the label of each path says so. The same seed gives the same path. A year has 365 days, because
these markets never close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib.errors import MarginError, at_least_zero, finite, positive, wrong
from marginlib.market.paths import Bars, FloatArray, PricePath, TimeArray, moment, seconds

__all__ = ["block_bootstrap_path", "geometric_brownian_path", "jump_diffusion_path"]

_YEAR = 365 * 86_400  # [s]
_START = np.datetime64("2000-01-01", "s")


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
    first = _first_prices(prices)
    sigma = _each("volatility", volatility, first, at_least_zero)
    mu = _each("drift", drift, first, finite)
    draw, root = _generator(seed), _root(correlation, len(first))
    years = seconds("step", step) / _YEAR
    moves = _diffusion(draw, root, mu - sigma**2 / 2, sigma, years, _steps(steps))
    label = f"generated, not recorded: geometric Brownian motion, {_told(seed)}"
    return _path(first, moves, _times(start, step, steps), label)


def jump_diffusion_path(
    prices: Mapping[str, float],
    *,
    volatility: float | Mapping[str, float],
    jumps_per_year: float,
    jump_mean: float | Mapping[str, float],
    jump_volatility: float | Mapping[str, float],
    steps: int,
    seed: int | np.random.Generator,
    drift: float | Mapping[str, float] = 0.0,
    correlation: float | ArrayLike = 0.0,
    step: str = "1h",
    start: object = _START,
) -> PricePath:
    """Return one path of geometric Brownian motions that also jump, all symbols at the same moments (Merton).

        ln S(t + dt) = ln S(t) + (drift - volatility^2 / 2 - jumps_per_year k) dt + volatility sqrt(dt) z + J_1 .. J_n
        n Poisson with mean jumps_per_year dt,  J normal,  k = exp(jump_mean + jump_volatility^2 / 2) - 1

    The term k keeps the expected price growing at `drift`, jumps included. Sizes of one jump are correlated between
    symbols as z is.

    Args:
        prices: the first price of each symbol [quote currency per base coin].
        volatility: of the motion between jumps [1 / sqrt(year)], one for all or one for each.
        jumps_per_year: mean number of jumps [1 / year].
        jump_mean: mean of a jump in the log price [1], one for all or one for each; below 0 for crashes.
        jump_volatility: standard deviation of a jump in the log price [1], one for all or one for each.
        steps: how many steps; the path has one moment more.
        seed: a whole number, or a `numpy.random.Generator` to draw from.
        drift: growth rate of the expected price, jumps included [1 / year], one for all or one for each.
        correlation: of z and of the sizes of a jump, one number for every pair or the (k, k) matrix [1].
        step: length of a step, such as "1h".
        start: first moment, UTC.

    Raises:
        MarginError: as in `geometric_brownian_path`; or the rate or the standard deviation of the jumps is negative.
        UnknownNameError: the step is not a name such as "1h".

    Source: Merton (1976), "Option pricing when underlying stock returns are discontinuous".

    Example:
        >>> path = jump_diffusion_path({"SOLUSDT": 200}, volatility=0.8, jumps_per_year=12, jump_mean=-0.1,
        ...                            jump_volatility=0.05, steps=24, seed=7)
        >>> len(path), path.label
        (25, 'generated, not recorded: geometric Brownian motion with jumps, seed 7')
    """
    first = _first_prices(prices)
    sigma = _each("volatility", volatility, first, at_least_zero)
    mu = _each("drift", drift, first, finite)
    mean = _each("jump_mean", jump_mean, first, finite)
    spread = _each("jump_volatility", jump_volatility, first, at_least_zero)
    rate = at_least_zero("jumps_per_year", jumps_per_year)
    draw, root = _generator(seed), _root(correlation, len(first))
    years = seconds("step", step) / _YEAR
    rise = np.expm1(mean + spread**2 / 2)
    moves = _diffusion(draw, root, mu - sigma**2 / 2 - rate * rise, sigma, years, _steps(steps))
    count = draw.poisson(rate * years, size=(steps, 1))
    # The sum of n independent normal jumps is one normal number with n times the mean and the variance.
    moves += count * mean + np.sqrt(count) * spread * (draw.standard_normal((steps, len(first))) @ root.T)
    label = f"generated, not recorded: geometric Brownian motion with jumps, {_told(seed)}"
    return _path(first, moves, _times(start, step, steps), label)


def block_bootstrap_path(
    history: Mapping[str, Bars],
    *,
    block: float,
    steps: int,
    seed: int | np.random.Generator,
    stationary: bool = True,
    price: str = "mark_close",
    prices: Mapping[str, float] | None = None,
    start: object = None,
) -> PricePath:
    """Return one path made of blocks of a history's returns, drawn with replacement, symbols kept together.

    Each block starts at a random bar and runs on through the history (past its end, from its beginning again), so
    every return is as likely as every other. All symbols take the same bars: their correlation, and the way that calm
    and storm cluster within a block, are those of the history.

    Args:
        history: `Bars` of each symbol, all with the same times.
        block: length of a block [bars], at least 1; the mean length if stationary, a whole number if not.
        steps: how many steps; the path has one moment more.
        seed: a whole number, or a `numpy.random.Generator` to draw from.
        stationary: whether the length of a block is random (geometric), which leaves no trace of a fixed rhythm.
        price: "mark_close" or "close": which price's returns.
        prices: the first price of each symbol [quote currency per base coin]; left out, the history's last.
        start: first moment, UTC; left out, the end of the history.

    Raises:
        MarginError: symbols with different times, no mark price where one is asked for, a history of fewer than two
            bars, a block longer than the history, no step, no seed.

    Source: Politis and Romano (1994), "The Stationary Bootstrap"; (1992), "A circular block-resampling procedure".

    Example:
        >>> hours = np.arange("2020-03-12T00", "2020-03-12T04", dtype="datetime64[h]")
        >>> close = np.array([100.0, 110.0, 99.0, 108.9])
        >>> bars = Bars(symbol="A", times=hours, open=close, high=close, low=close, close=close)
        >>> path = block_bootstrap_path({"A": bars}, block=2, steps=6, seed=1, price="close", prices={"A": 100})
        >>> sorted(set((path.price("A")[1:] / path.price("A")[:-1]).round(9).tolist()))
        [0.9, 1.1]
    """
    returns, last, step, end = _returns(history, price)
    first = last if prices is None else _first_prices(prices)
    if first.keys() != history.keys():
        raise MarginError(f"prices = {list(first)}: give one for each of {', '.join(history)}")
    length = positive("block", block)
    if not 1 <= length <= len(returns) or not (stationary or length == int(length)):
        whole = "a number" if stationary else "a whole number"
        raise wrong("block", block, f"give {whole} from 1 to {len(returns)}, the returns in the history")
    draw, count = _generator(seed), _steps(steps)
    drawn = _block_bars(draw, count, length, len(returns), stationary)
    times = (end if start is None else moment("start", start)) + np.arange(count + 1) * step
    kind = "stationary" if stationary else "fixed"
    label = f"generated, not recorded: a history in {kind} blocks of {length:g} bars, shuffled, {_told(seed)}"
    ordered = {symbol: first[symbol] for symbol in history}
    return _path(ordered, returns[drawn], times, label)


def _block_bars(draw: np.random.Generator, steps: int, length: float, bars: int, stationary: bool) -> NDArray[np.int64]:
    """Return which bar of the history each step repeats (steps,).

    A step starts a new block with probability 1 / length, or every `length` steps.
    """
    at = np.arange(steps)
    starts = draw.random(steps) * length < 1 if stationary else at % int(length) == 0
    starts[0] = True
    block_start = np.maximum.accumulate(np.where(starts, at, 0))
    first_bar = draw.integers(bars, size=steps)
    return (first_bar[block_start] + at - block_start) % bars


def _returns(
    history: Mapping[str, Bars], price: str
) -> tuple[FloatArray, dict[str, float], np.timedelta64, np.datetime64]:
    """Return the log returns (n - 1, k), the last prices, the step and the end of a history of n bars."""
    if price not in {"mark_close", "close"}:
        raise wrong("price", price, 'give "mark_close" or "close"')
    if not history:
        raise MarginError("history: give the bars of at least one symbol")
    columns = {}
    one = next(iter(history.values()))
    for symbol, bars in history.items():
        column = getattr(bars, price)
        if column is None:
            raise MarginError(f'price = "{price}": {symbol} ({bars.source}) has none; give price="close"')
        if len(bars) != len(one) or (bars.times != one.times).any():
            raise MarginError(f"history: {bars!r} has other times than {one!r}; cut them to the same with `between`")
        columns[symbol] = column
    if len(one) < 2:  # noqa: PLR2004  # a return needs two prices
        raise MarginError(f"history: {one!r}: give two bars or more")
    returns: FloatArray = np.diff(np.log(np.column_stack(list(columns.values()))), axis=0)
    return returns, {symbol: float(column[-1]) for symbol, column in columns.items()}, one.step, one.end


def _diffusion(
    draw: np.random.Generator, root: FloatArray, drift: FloatArray, sigma: FloatArray, years: float, steps: int
) -> FloatArray:
    """Return the log returns of correlated Brownian motions with drift (steps, k)."""
    normal = draw.standard_normal((steps, sigma.size)) @ root.T
    moves: FloatArray = drift * years + sigma * sqrt(years) * normal
    return moves


def _path(first: Mapping[str, float], moves: FloatArray, times: TimeArray, label: str) -> PricePath:
    """Return the path of prices that starts at `first` and makes these log returns."""
    start = np.array(list(first.values()))
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        prices = start * np.exp(np.vstack([np.zeros(start.size), np.cumsum(moves, axis=0)]))
    if not (np.isfinite(prices) & (prices > 0)).all():
        raise MarginError("volatility, drift: the prices leave the range of numbers; give smaller ones, or fewer steps")
    return PricePath(symbols=tuple(first), times=times, mark_prices=prices, label=label)


def _first_prices(prices: Mapping[str, float]) -> dict[str, float]:
    """Return the first prices by symbol, each checked."""
    if not prices:
        raise MarginError("prices: give the first price of at least one symbol")
    return {symbol: positive(f"price of {symbol}", price) for symbol, price in prices.items()}


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
        given = np.full((count, count), float(given))
        np.fill_diagonal(given, 1.0)
    odd = given.shape != (count, count) or not np.isfinite(given).all()
    if odd or not np.allclose(given, given.T, atol=1e-12) or not np.allclose(np.diag(given), 1.0, atol=1e-12):
        raise wrong(
            "correlation", correlation, f"give one number, or a symmetric {count} x {count} matrix with diagonal 1"
        )
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


def _told(seed: int | np.random.Generator) -> str:
    """Return how a label names the seed."""
    return "from a generator given" if isinstance(seed, np.random.Generator) else f"seed {seed}"


def _steps(steps: object) -> int:
    """Return a number of steps, or refuse it."""
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise wrong("steps", steps, "give a whole number of 1 or more")
    return int(steps)


def _times(start: object, step: str, steps: int) -> TimeArray:
    """Return the moments of a path, equally far apart."""
    return moment("start", start) + np.arange(steps + 1) * np.timedelta64(seconds("step", step), "s")
