"""Geometric Brownian motion, and the questions about it that a formula answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import erfc, exp, inf, log, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from marginlib.errors import MarginError, finite, name_text, positive, wrong
from marginlib.odds.checks import Array, asset

DAYS_PER_YEAR = 365.0  # these markets never close
_ROOT_OF_2, _ROOT_OF_PI = sqrt(2), sqrt(pi)
_LARGEST_EXPONENT = 700  # exp overflows at 709


@dataclass(frozen=True, kw_only=True)
class Diffusion:
    """Correlated geometric Brownian motion: how the prices of some symbols move.

        d price = price x (drift dt + volatility dW),   corr(dW_i, dW_j) = correlation_ij

    Args:
        volatility: of each symbol, above 0 [1 / sqrt(year)]: 0.6 is 60 % a year. A year has 365 days.
        drift: expected growth, of each symbol or one number for all [1 / year].
        correlation: one number for every pair, or a matrix in the order of `volatility`, shape (symbols, symbols) [1].

    Raises:
        MarginError: a number is out of its range, or no prices can have these correlations.
        UnknownNameError: a drift is given for a symbol without volatility.

    Example:
        >>> Diffusion(volatility={"BTCUSDT": 0.5, "ETHUSDT": 0.7}, correlation=0.8).symbols
        ('BTCUSDT', 'ETHUSDT')
    """

    volatility: Mapping[str, float]
    drift: Mapping[str, float] | float = 0.0
    correlation: float | ArrayLike = 0.0

    symbols: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _sigma: Array = field(init=False, repr=False, compare=False)  # 1 / sqrt(day)
    _growth: Array = field(init=False, repr=False, compare=False)  # of the log price, 1 / day
    _root: Array = field(init=False, repr=False, compare=False)  # of the correlation matrix

    def __post_init__(self) -> None:
        symbols = tuple(name_text("symbol", symbol) for symbol in self.volatility)
        if not symbols:
            raise MarginError("volatility = {}: give a volatility for each symbol of the account")
        drift = self.drift if isinstance(self.drift, Mapping) else dict.fromkeys(symbols, self.drift)
        for symbol in drift:
            asset(symbols, symbol)
        sigma = np.array([positive(f"volatility of {each}", self.volatility[each]) for each in symbols])
        mu = np.array([finite(f"drift of {each}", drift.get(each, 0.0)) for each in symbols])
        set_field = object.__setattr__  # the way a frozen dataclass sets what it derives
        set_field(self, "symbols", symbols)
        set_field(self, "_sigma", sigma / sqrt(DAYS_PER_YEAR))
        set_field(self, "_growth", (mu - sigma**2 / 2) / DAYS_PER_YEAR)
        set_field(self, "_root", np.linalg.cholesky(_correlations(self.correlation, len(symbols))))


def touch_probability(
    price: float, barrier: float | None, *, volatility: float, drift: float = 0.0, days: float = 30.0
) -> float:
    """Return the probability that a price touches a barrier within some days, exactly.

        h = ln(barrier / price), s = volatility sqrt(T), m = (drift - volatility^2 / 2) T; for a barrier below
        probability = N((h - m) / s) + exp(2 m h / s^2) N((h + m) / s); for one above, with h and m negated

    Args:
        price: today's price [quote currency], above 0.
        barrier: the price asked about, above or below [quote currency], above 0; None, no such price, is never touched.
        volatility: of geometric Brownian motion [1 / sqrt(year)], above 0.
        drift: its expected growth [1 / year].
        days: the time [day], above 0.

    Raises:
        MarginError: an argument is out of its range.

    Source: Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2; the rebate-free part of a one-touch option.

    Example:
        >>> round(touch_probability(60_000, 54_216.87, volatility=0.6), 4)
        0.5838
    """
    if barrier is None:
        return 0.0
    if not (0 < price < inf and 0 < barrier < inf and 0 < volatility < inf and -inf < drift < inf and 0 < days < inf):
        for name, value in (("price", price), ("barrier", barrier), ("volatility", volatility), ("days", days)):
            positive(name, value)
        finite("drift", drift)
    years = days / DAYS_PER_YEAR
    return _touch(log(barrier / price), (drift - 0.5 * volatility * volatility) * years, volatility * sqrt(years))


def _touch(distance: float, growth: float, spread: float) -> float:
    """Return the probability that a Brownian motion of this total growth and spread touches `distance`."""
    if distance > 0:
        distance, growth = -distance, -growth
    elif distance == 0:
        return 1.0
    scale = spread * _ROOT_OF_2
    exponent = 4 * growth * distance / (scale * scale)
    if exponent < _LARGEST_EXPONENT:
        beyond = erfc((growth - distance) / scale) + exp(exponent) * erfc(-(growth + distance) / scale)
        return 0.5 * beyond if beyond < 2 else 1.0  # noqa: PLR2004 - twice a certainty, or its rounding
    # The motion runs to the barrier with little spread: the second term is a huge number times a tiny one. With z the
    # argument of erfc, erfc(z) is exp(-z^2) (1 - 1 / (2 z^2)) / (z sqrt(pi)) to 1e-6, and z^2 exceeds the exponent.
    z = -(growth + distance) / scale
    reflected = exp(exponent - z * z) * (1 - 0.5 / (z * z)) / (z * _ROOT_OF_PI)
    return min(1.0, 0.5 * (erfc((growth - distance) / scale) + reflected))


def _correlations(correlation: float | ArrayLike, n: int) -> Array:
    """Return a correlation matrix that has a root, or refuse what is none."""
    given = np.asarray(correlation, np.float64)
    matrix = np.where(np.eye(n, dtype=np.bool_), 1.0, given) if given.ndim == 0 else given
    if matrix.shape != (n, n):
        raise MarginError(f"correlation: its shape is {matrix.shape}; give one number or a matrix of shape {(n, n)}")
    if not (np.isfinite(matrix).all() and np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)):
        raise wrong("correlation", matrix.tolist(), "give a symmetric matrix with 1 on its diagonal")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -1e-9:  # noqa: PLR2004 - the rounding of a matrix that has 0 as an eigenvalue
        give = f"no prices have it (an eigenvalue is {least:.3g}); give it nearer to 0"
        raise wrong("correlation", correlation, give)
    return matrix + max(0.0, 1e-12 - least) * np.eye(n)  # a root exists also where prices move as one
