"""How likely is a liquidation, and how much is lost: simulated price paths, and formulas where there are any.

Prices follow a correlated geometric Brownian motion (`Diffusion`), or paths that are handed in: jumps, or a history cut
in blocks. Every function takes an `Account` and works on its pools, so cross, isolated and mixed books are one case.

**What happens at liquidation.** A pool is liquidated when its equity first meets its maintenance margin, and all of
it is closed there and then; the other pools go on. What it still has is kept by the venue, or given back to the owner
in the share `returned`. Prices of a diffusion do not jump, so nothing is lost beyond the collateral. Where prices are
looked at only now and then, or jump, the pool is closed at the prices of that moment: what is missing below 0 is a
deficit, which the venue bears and the owner does not.

**Between two steps.** Thirty steps see only thirty prices; the path has been lower and higher in between. A Brownian
bridge says by how much, so that few steps do (`odds`). It is for diffusions only.

Two kernels: `odds` and `PathCache` take few steps with the bridge; `odds_on` looks at each step of the paths given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import ceil, erfc, exp, inf, isfinite, log, log1p, nan, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib._validate import MarginError, UnknownNameError, finite, name_text, positive
from marginlib.liquidation import common_shock
from marginlib.margin import account_risk, maintenance_margin, risk
from marginlib.model import Account, MaintenanceBasis, Pool

__all__ = [
    "Diffusion",
    "Distribution",
    "Estimate",
    "Odds",
    "PathCache",
    "Point",
    "PoolOdds",
    "compare",
    "compare_on",
    "liquidation_odds",
    "odds",
    "odds_on",
    "pool_touch_probability",
    "sweep",
    "touch_probability",
]

DAYS_PER_YEAR = 365.0  # these markets never close
KEPT_PATHS = 65_536  # final equities kept for quantiles; means and probabilities use every path
_BLOCK_BYTES = 4 << 20  # prices of one block of paths: small enough to stay near the processor
_BLOCK_PATHS = (2_048, 16_384)  # fewest and most paths of a block
_WALK_PATHS = 8_192  # paths that walk together when each step is looked at
_STRAIGHT = 1e-9  # a bend that no longer shows in a float
_SLICE = 16_384  # steps near the edge that are looked at together

_FLOAT = np.float32  # half the memory traffic; its rounding, 1e-7, is far below any standard error

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number found by simulation and how far off it may be.

    Args:
        value: the estimate.
        standard_error: the standard deviation of the estimate, were the simulation repeated with other seeds; about
            two results in three lie within one of it, 95 % within two. 0 where the value is exact.
        paths: how many paths it rests on; 0 where a formula gave it.

    Example:
        >>> one_in_ten = Estimate.share(1_000, 10_000)
        >>> one_in_ten.value, round(one_in_ten.standard_error, 4)
        (0.1, 0.003)
    """

    value: float
    standard_error: float
    paths: int

    @classmethod
    def exact(cls, value: float) -> Estimate:
        """Return a value that a formula gave."""
        return cls(value, 0.0, 0)

    @classmethod
    def share(cls, count: int, paths: int) -> Estimate:
        """Return the share `count / paths` as an estimated probability.

        Its standard error is that of (count + 1) / (paths + 2), so that "never in 1,000 paths" is not called certain.

        Args:
            count: paths on which it happened.
            paths: all paths.
        """
        p = (count + 1) / (paths + 2)
        return cls(count / paths, sqrt(p * (1 - p) / paths), paths)

    @classmethod
    def average(cls, values: Array) -> Estimate:
        """Return the average of values that are independent of each other; of one alone the error is not known: nan."""
        n = len(values)
        return cls(float(values.mean()), float(values.std(ddof=1)) / sqrt(n) if n > 1 else nan, n)


@dataclass(frozen=True, eq=False, slots=True)
class Distribution:
    """The distribution of an amount of money at the end of the simulated time.

    Args:
        mean: its average, over all paths.
        sample: amounts on at most 65,536 of the paths, sorted [quote currency], shape (kept,).

    Example:
        >>> amounts = Distribution.of(np.arange(101.0))
        >>> amounts.quantile(0.25).value, amounts.mean.value, amounts.at_most(10).value
        (25.0, 50.0, 0.10891089108910891)
    """

    mean: Estimate
    sample: Array

    @classmethod
    def of(cls, amounts: ArrayLike) -> Distribution:
        """Return the distribution of independent amounts [quote currency], shape (paths,)."""
        values = np.asarray(amounts, np.float64)
        return cls(Estimate.average(values), np.sort(values))

    def quantile(self, share: float) -> Estimate:
        """Return the amount below which `share` of the paths lie; its error comes from the neighbouring order.

        Args:
            share: a fraction above 0 and below 1; 0.5 is the median [1].
        """
        share, n = _inside("share", share), len(self.sample)
        spread = sqrt(share * (1 - share) / n)
        low, high = np.quantile(self.sample, (max(0.0, share - spread), min(1.0, share + spread)))
        return Estimate(float(np.quantile(self.sample, share)), float(high - low) / 2, n)

    def at_most(self, amount: float) -> Estimate:
        """Return the probability of at most `amount` [quote currency]."""
        count = int(np.searchsorted(self.sample, finite("amount", amount), side="right"))
        return Estimate.share(count, len(self.sample))

    def upper_tail(self, share: float) -> Estimate:
        """Return the average of the largest `share` of the amounts: of a loss, the expected shortfall.

            standard error^2 = (variance within the tail + (1 - share) (average - quantile)^2) / size of the tail

        Args:
            share: a fraction above 0 and below 1; 0.05 takes the worst twentieth of the losses [1].
        """
        share, n = _inside("share", share), len(self.sample)
        tail = self.sample[-max(2, ceil(share * n)) :]
        average, edge = float(tail.mean()), float(tail[0])
        error = sqrt((float(tail.var(ddof=1)) + (1 - share) * (average - edge) ** 2) / len(tail))
        return Estimate(average, error, n)

    def subtracted_from(self, amount: float) -> Distribution:
        """Return the distribution of `amount` less this: of what is left, subtracted from what there was, the loss."""
        mean = Estimate(amount - self.mean.value, self.mean.standard_error, self.mean.paths)
        return Distribution(mean, amount - self.sample[::-1])


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolOdds:
    """What a simulation says of one pool.

    Args:
        symbols: the pool's symbols.
        liquidation: probability that it is liquidated within the time [1].
        final_equity: average equity at the end; after a liquidation, what was given back [quote currency].
        deficit: average loss beyond the collateral, borne by the venue [quote currency].
    """

    symbols: tuple[str, ...]
    liquidation: Estimate
    final_equity: Estimate
    deficit: Estimate


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Odds:
    """What a simulation says of an account: how likely a liquidation is, and how much is lost.

    Args:
        pools: the pools in the order of `Account.pools()`.
        liquidation: probability that at least one pool is liquidated [1].
        equity_now: the account's equity at the start [quote currency].
        final_equity: distribution of the account's equity at the end.
        deficit: average loss beyond the collateral, borne by the venue [quote currency].
        loss_if_liquidated: average loss on the paths with a liquidation [quote currency]; None where there is none.
    """

    pools: tuple[PoolOdds, ...]
    liquidation: Estimate
    equity_now: float
    final_equity: Distribution
    deficit: Estimate
    loss_if_liquidated: Estimate | None

    @property
    def loss(self) -> Distribution:
        """Distribution of equity now less final equity [quote currency]; a gain is a negative loss."""
        return self.final_equity.subtracted_from(self.equity_now)


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
            msg = "volatility = {}: give a volatility for each symbol of the account"
            raise MarginError(msg)
        drift = self.drift if isinstance(self.drift, Mapping) else dict.fromkeys(symbols, self.drift)
        for symbol in drift:
            _asset(symbols, symbol)
        sigma = np.array([positive(f"volatility of {each}", self.volatility[each]) for each in symbols])
        mu = np.array([finite(f"drift of {each}", drift.get(each, 0.0)) for each in symbols])
        set_field = object.__setattr__  # the way a frozen dataclass sets what it derives
        set_field(self, "symbols", symbols)
        set_field(self, "_sigma", sigma / sqrt(DAYS_PER_YEAR))
        set_field(self, "_growth", (mu - sigma**2 / 2) / DAYS_PER_YEAR)
        set_field(self, "_root", np.linalg.cholesky(_correlations(self.correlation, len(symbols))))

    def of(self, symbol: str) -> tuple[float, float]:
        """Return (volatility [1 / sqrt(day)], growth of the log price [1 / day]) of one symbol.

        Raises:
            UnknownNameError: the diffusion has no such symbol.
        """
        i = _asset(self.symbols, symbol)
        return float(self._sigma[i]), float(self._growth[i])


def touch_probability(
    price: float, barrier: float, *, volatility: float, drift: float = 0.0, days: float = 30.0
) -> float:
    """Return the probability that a price touches a barrier within some days, exactly.

        h = ln(barrier / price), s = volatility sqrt(T), m = (drift - volatility^2 / 2) T; for a barrier below
        probability = N((h - m) / s) + exp(2 m h / s^2) N((h + m) / s); for one above, with h and m negated

    Args:
        price: today's price [quote currency], above 0.
        barrier: the price asked about, above or below [quote currency], above 0.
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
    if not (0 < price < inf and 0 < barrier < inf and 0 < volatility < inf and -inf < drift < inf and 0 < days < inf):
        for name, value in (("price", price), ("barrier", barrier), ("volatility", volatility), ("days", days)):
            positive(name, value)
        finite("drift", drift)
    years = days / DAYS_PER_YEAR
    return _touch(log(barrier / price), (drift - volatility * volatility / 2) * years, volatility * sqrt(years))


def _touch(distance: float, growth: float, spread: float) -> float:
    """Return the probability that a Brownian motion of this total growth and spread touches `distance`."""
    if distance > 0:
        distance, growth = -distance, -growth
    if distance == 0:
        return 1.0
    scale = spread * 1.4142135623730951
    beyond = 0.5 * erfc((growth - distance) / scale)
    exponent = 2 * growth * distance / (spread * spread)
    if exponent < 700:  # noqa: PLR2004 - exp overflows at 709
        return min(1.0, beyond + 0.5 * exp(exponent) * erfc(-(growth + distance) / scale))
    # The motion runs to the barrier with little spread: the second term is a huge number times a tiny one. With z the
    # argument of erfc, erfc(z) is exp(-z^2) (1 - 1 / (2 z^2)) / (z sqrt(pi)) to 1e-6, and z^2 exceeds the exponent.
    z = -(growth + distance) / scale
    return min(1.0, beyond + 0.5 * exp(exponent - z * z) * (1 - 0.5 / (z * z)) / (z * 1.7724538509055159))


def pool_touch_probability(pool: Pool, diffusion: Diffusion, *, days: float = 30.0) -> float | None:
    """Return the exact probability that a pool is liquidated within some days, where a formula gives it.

    That is so for a pool on one symbol that is liquidated on one side: an isolated position, or cross margin with one
    position. Its liquidation price, tiers included, is a barrier for one price.

    Args:
        pool: a pool of an account.
        diffusion: how the prices move.
        days: the time [day], above 0.

    Returns:
        The probability [1], or None: positions on several symbols, or legs liquidated by a fall and by a rise.

    Raises:
        UnknownNameError: the diffusion lacks the pool's symbol.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1 / 12, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> pool = Pool(collateral=500, positions=(btc,))
        >>> round(pool_touch_probability(pool, Diffusion(volatility={"BTC": 0.6})), 4)
        0.5838
    """
    days = positive("days", days)
    for symbol in pool.symbols:
        diffusion.of(symbol)
    if _surplus_now(pool) <= 0:
        return float(bool(pool.positions) or pool.collateral < 0)
    if len(pool.symbols) > 1:
        return None
    barriers = _barriers(pool)
    distances = [each for each in barriers if isfinite(each)]
    if not distances:
        return 0.0
    if len(distances) > 1:
        return None
    sigma, growth = diffusion.of(pool.symbols[0])
    return _touch(distances[0], growth * days, sigma * sqrt(days))


def liquidation_odds(
    account: Account, diffusion: Diffusion, *, days: float = 30.0, paths: int = KEPT_PATHS, seed: int = 0
) -> tuple[Estimate, ...]:
    """Return the probability of liquidation of each pool: by the formula where there is one, simulated elsewhere.

    Args:
        account: the account; pools come in the order of `Account.pools()`.
        diffusion: how the prices move.
        days: the time [day], above 0.
        paths: how many paths to simulate, if any pool needs them; 2 or more.
        seed: the same seed gives the same result.

    Raises:
        MarginError: an argument is out of its range.
        UnknownNameError: the diffusion lacks a symbol of the account.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1 / 12, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> [odds] = liquidation_odds(Account(wallet_balance=500, positions=(btc,)), Diffusion(volatility={"BTC": 0.6}))
        >>> round(odds.value, 4), odds.standard_error
        (0.5838, 0.0)
    """
    exact = [pool_touch_probability(pool, diffusion, days=days) for pool in account.pools()]
    if None not in exact:
        return tuple(Estimate.exact(value) for value in exact if value is not None)
    simulated = odds(account, diffusion, days=days, paths=paths, seed=seed).pools
    return tuple(
        pool.liquidation if value is None else Estimate.exact(value)
        for value, pool in zip(exact, simulated, strict=True)
    )


def odds(
    account: Account,
    diffusion: Diffusion,
    *,
    days: float = 30.0,
    steps: int = 30,
    paths: int = KEPT_PATHS,
    seed: int = 0,
    returned: float = 0.0,
    bridge: bool = True,
) -> Odds:
    """Return how likely a liquidation is within some days, and the distribution of what is left, by simulation.

    Few steps, and a Brownian bridge for what happens between them. With a, b the distances from liquidation at both
    ends of a step, in standard deviations of the step, the path has touched it in between with probability

        exp(-2 a b)

    - *A pool on one symbol* has a liquidation price, tiers included, and a and b are logarithms of price over
      liquidation price: exact, for any number of steps.
    - *A pool on several symbols* has an edge of liquidation that is curved in log prices. The distance is taken along
      the line on which the pool loses fastest, with the edge straight across it. Condition: across a step, prices
      move by less than about a tenth, and the pool's losses are not all in the curvature (a book so well hedged
      that what is left of its risk is smaller than a step's second-order effect). See the measured bias in the tests;
      more steps make it smaller.
    - Pools of one account share the luck of a path *inside* a step, so the probability of each is not touched, while
      that of "at least one pool" leans a little towards the pools falling together.

    Args:
        account: the account, at its mark prices.
        diffusion: how the prices move; it may have more symbols than the account.
        days: the time [day], above 0.
        steps: how many prices are simulated in that time, 1 or more.
        paths: how many paths, 2 or more. Memory does not grow with it.
        seed: the same seed gives the same result, bit for bit on the same machine.
        returned: share of what a liquidated pool still has that goes back to the owner, 0 to 1 [1].
        bridge: False looks at the prices of the steps alone, as somebody who looks now and then; a liquidation is
            then found late or never, and a pool is closed at the prices of the step. 720 steps in 30 days are hours.

    Raises:
        MarginError: an argument is out of its range.
        UnknownNameError: the diffusion lacks a symbol of the account.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1 / 12, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> one = odds(Account(wallet_balance=500, positions=(btc,)), Diffusion(volatility={"BTC": 0.6}), seed=1)
        >>> abs(one.liquidation.value - 0.5838) < 3 * one.liquidation.standard_error
        True
    """
    named = {"account": account}
    settings = {"days": days, "steps": steps, "paths": paths, "seed": seed, "returned": returned, "bridge": bridge}
    return compare(named, diffusion, **settings)["account"]  # type: ignore[arg-type]  # each under its own name


def compare(
    accounts: Mapping[str, Account],
    diffusion: Diffusion,
    *,
    days: float = 30.0,
    steps: int = 30,
    paths: int = KEPT_PATHS,
    seed: int = 0,
    returned: float = 0.0,
    bridge: bool = True,
) -> dict[str, Odds]:
    """Return `odds` of several accounts on the same paths, such as one book in cross and in isolated margin.

    Args:
        accounts: name -> account.
        diffusion: how the prices move.
        days: the time [day], above 0.
        steps: how many prices are simulated in that time, 1 or more.
        paths: how many paths, 2 or more.
        seed: the same seed gives the same result.
        returned: share of what a liquidated pool still has that goes back to the owner, 0 to 1 [1].
        bridge: False looks at the prices of the steps alone.

    Raises:
        MarginError: an argument is out of its range.
        UnknownNameError: the diffusion lacks a symbol of an account.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=flat, leverage=10)
        >>> both = {"cross": btc, "isolated": btc.isolated()}
        >>> accounts = {name: Account(wallet_balance=2_000, positions=(each,)) for name, each in both.items()}
        >>> result = compare(accounts, Diffusion(volatility={"BTC": 0.6}), paths=4_096)
        >>> result["cross"].liquidation.value < result["isolated"].liquidation.value
        True
    """
    books = [_Book.of(account, diffusion.symbols, returned) for account in accounts.values()]
    grid = _Grid.of(diffusion, days, steps)
    paths = _count("paths", paths, 2)
    tallies = [_Tally() for _ in books]
    if bridge:
        for block in _blocks(grid, paths, seed):
            _tell(tallies, [[block.outcome(plan, book.returned) for plan in book.plans] for book in books])
    else:
        for rng, n in _streams(seed, paths, _WALK_PATHS):
            _tell(tallies, _walk(_increments(grid, n, rng), books, len(grid.symbols), n))
    return {name: tally.odds(book) for name, tally, book in zip(accounts, tallies, books, strict=True)}


class PathCache:
    """Simulated paths, prepared once: for sliders that change the account and keep the luck.

    A question asked of the same paths again is answered in milliseconds, and two answers differ by what was
    changed, not by chance. `cache.odds(account)` equals `odds(account, ...)` of the same arguments, exactly.

    Args:
        diffusion: how the prices move.
        days: the time [day], above 0.
        steps: how many prices are simulated in that time, 1 or more.
        paths: how many paths to keep, 2 or more; each takes 4 x steps x (symbols + 1) bytes.
        seed: the same seed gives the same paths.

    Raises:
        MarginError: an argument is out of its range.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> cache = PathCache(Diffusion(volatility={"BTC": 0.6}), paths=4_096)
        >>> [cache.odds(Account(wallet_balance=w, positions=(btc,))).liquidation.value > 0.5 for w in (500, 5_000)]
        [True, False]
    """

    def __init__(
        self, diffusion: Diffusion, *, days: float = 30.0, steps: int = 30, paths: int = 16_384, seed: int = 0
    ) -> None:
        self.diffusion = diffusion
        self.paths = _count("paths", paths, 2)
        self._grid = _Grid.of(diffusion, days, steps)
        self._blocks = list(_blocks(self._grid, self.paths, seed))
        self._sorted: dict[tuple[int, bool], Single] = {}

    def odds(self, account: Account, *, returned: float = 0.0) -> Odds:
        """Return the odds of an account on these paths; see `marginlib.montecarlo.odds`.

        Args:
            account: the account, at its mark prices.
            returned: share of what a liquidated pool still has that goes back to the owner, 0 to 1 [1].
        """
        book = _Book.of(account, self.diffusion.symbols, returned)
        tally = _Tally()
        for block in self._blocks:
            tally.add([block.outcome(plan, book.returned) for plan in book.plans])
        return tally.odds(book)

    def touched(self, symbol: str, move: ArrayLike) -> Array:
        """Return the probability that the price of `symbol` moves as far as this: a look-up in sorted path extremes.

        It is a whole curve of isolated liquidation odds against the distance of the liquidation price.

        Args:
            symbol: one of the diffusion's symbols.
            move: fractions of today's price, above -1; -0.1 asks for a fall of 10 %, 0.1 for a rise, any shape [1].

        Returns:
            Probabilities, of the shape of `move` [1].

        Raises:
            UnknownNameError: the diffusion has no such symbol.
            MarginError: a move is not a number above -1.
        """
        moves = np.asarray(move, np.float64)
        if not (np.isfinite(moves).all() and (moves > -1).all()):
            msg = f"move = {move!r}: give fractions above -1, -0.1 for a fall of 10 %"
            raise MarginError(msg)
        i, target = _asset(self.diffusion.symbols, symbol), np.log1p(moves).astype(_FLOAT)
        falls = np.searchsorted(self._extremes(i, rising=False), target, side="right")
        rises = self.paths - np.searchsorted(self._extremes(i, rising=True), target, side="left")
        return np.where(moves < 0, falls, rises) / self.paths

    def _extremes(self, i: int, *, rising: bool) -> Single:
        """Return the lowest or the highest log price of each path, sorted, made when first asked for."""
        if (i, rising) not in self._sorted:
            parts = [(block.highest if rising else block.lowest)[i] for block in self._blocks]
            self._sorted[i, rising] = np.sort(np.concatenate(parts))
        return self._sorted[i, rising]


Returns = ArrayLike | Iterable[ArrayLike] | Callable[[], Iterable[ArrayLike]]


def odds_on(account: Account, returns: Returns, *, symbols: Sequence[str], returned: float = 0.0) -> Odds:
    """Return the odds of an account on paths that are handed in: jumps, a history cut in blocks, a scenario.

    Each step is looked at, and nothing between two steps; a pool that is found liquidatable is closed at that step's
    prices, so a jump can leave a deficit.

    Args:
        account: the account, at its mark prices, from which every path starts.
        returns: changes of the log price, shape (paths, steps, symbols) [1]; or chunks of that shape, one after the
            other; or a function that is called once and gives them. Chunks of 2,048 to 16,384 paths keep memory small.
        symbols: the symbols along the last axis.
        returned: share of what a liquidated pool still has that goes back to the owner, 0 to 1 [1].

    Raises:
        MarginError: the shape is another one, there is no path, or a return is not finite.
        UnknownNameError: `symbols` lacks a symbol of the account.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> gap = np.log([[[0.80]], [[0.99]]])  # two paths of one step: 20 % down, 1 % down
        >>> result = odds_on(Account(wallet_balance=1_000, positions=(btc,)), gap, symbols=["BTC"])
        >>> result.liquidation.value, round(result.deficit.value, 2), result.final_equity.sample.round(2).tolist()
        (0.5, 100.0, [0.0, 940.0])
    """
    return compare_on({"account": account}, returns, symbols=symbols, returned=returned)["account"]


def compare_on(
    accounts: Mapping[str, Account], returns: Returns, *, symbols: Sequence[str], returned: float = 0.0
) -> dict[str, Odds]:
    """Return `odds_on` of several accounts on the same paths.

    Args:
        accounts: name -> account.
        returns: changes of the log price, shape (paths, steps, symbols) [1]; or chunks of them; or a function.
        symbols: the symbols along the last axis.
        returned: share of what a liquidated pool still has that goes back to the owner, 0 to 1 [1].

    Raises:
        MarginError: the shape is another one, there is no path, or a return is not finite.
        UnknownNameError: `symbols` lacks a symbol of an account.

    Example:
        >>> compare_on({"empty": Account(wallet_balance=100)}, np.zeros((2, 1, 1)), symbols=["BTC"])["empty"].equity_now
        100.0
    """
    names = tuple(name_text("symbol", symbol) for symbol in symbols)
    books = [_Book.of(account, names, returned) for account in accounts.values()]
    tallies = [_Tally() for _ in books]
    for chunk in _chunks(returns, len(names)):
        for start in range(0, len(chunk), _WALK_PATHS):
            part = chunk[start : start + _WALK_PATHS]
            moves = (part[:, k, :].T for k in range(part.shape[1]))
            _tell(tallies, _walk(moves, books, len(names), len(part)))
    if not tallies or not tallies[0].paths:
        msg = "returns: no path, or no account; give returns of shape (paths, steps, symbols) and an account"
        raise MarginError(msg)
    return {name: tally.odds(book) for name, tally, book in zip(accounts, tallies, books, strict=True)}


class Point(NamedTuple):
    """One point of a sweep.

    Args:
        parameters: name -> value, as they were given to the function.
        result: what it returned.
    """

    parameters: dict[str, Any]
    result: Any


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    *,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[Point]:
    """Return `function(**parameters)` at every combination of the values, here or on a Dask cluster.

    The results are the same either way and in the same order, the last name changing fastest. On a cluster, work of a
    worker that is lost is done again by another; an error of the function itself stops the sweep.

    Args:
        function: what to compute, such as one that builds an account and returns its `odds`; seeded, so that a
            result does not depend on where it is computed. On a cluster it is sent to workers that have marginlib.
        grid: name -> values.
        scheduler: address of a Dask scheduler, such as "tcp://10.0.0.5:8786"; left out, everything is done here.
        progress: whether to draw a bar on the error stream.

    Raises:
        MarginError: the grid is empty, Dask is not installed, or no scheduler answers at the address.

    Example:
        >>> points = sweep(lambda a, b: a * b, {"a": [1, 2], "b": [10, 20]}, progress=False)
        >>> [point.result for point in points]
        [10, 20, 20, 40]
    """
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if not grid or not combinations:
        msg = f"grid = {dict(grid)!r}: give at least one name with at least one value"
        raise MarginError(msg)
    bar = _Bar(len(combinations), shown=progress)
    if scheduler is None:
        return [Point(each, bar.passing(function(**each))) for each in combinations]
    results = _on_cluster(function, combinations, scheduler, bar)
    return [Point(each, result) for each, result in zip(combinations, results, strict=True)]


def _on_cluster(
    function: Callable[..., Any], combinations: list[dict[str, Any]], scheduler: str, bar: _Bar
) -> list[Any]:
    """Return the results computed by the workers of a scheduler, in the order of the combinations."""
    try:
        import distributed  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        msg = f"scheduler = {scheduler!r}: Dask is not installed; pip install 'marginlib[scale]'"
        raise MarginError(msg) from error
    try:
        client = distributed.Client(scheduler, timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        msg = f'scheduler = {scheduler!r}: no Dask scheduler answers there; give an address such as "tcp://host:8786"'
        raise MarginError(msg) from error
    with client:
        # `pure=False`: each combination is a task of its own, also where two are equal.
        tasks = [client.submit(_call, function, each, pure=False) for each in combinations]
        for task in distributed.as_completed(tasks):  # type: ignore[no-untyped-call]
            bar.passing(task.result())
        return list(client.gather(tasks))  # type: ignore[no-untyped-call]


def _call(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """Call the function by keyword: names of the grid then never meet names of Dask."""
    return function(**parameters)


class _Bar:
    """A bar of text that says how far a sweep is."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self.total, self.shown, self.done = total, shown, 0

    def passing(self, result: Any) -> Any:  # noqa: ANN401 - whatever it is
        """Count one result and hand it on."""
        self.done += 1
        if self.shown:
            filled = 30 * self.done // self.total
            end = "\n" if self.done == self.total else ""
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {self.done} of {self.total}{end}")
            sys.stderr.flush()
        return result


# What a pool is, as numbers that many prices can be put in. Prices enter as t = (price / mark)^power, 1 at the start.


class _Line(NamedTuple):
    """A straight line that lies below the surplus of a pool while each t stays within a range."""

    constant: float
    slopes: Array
    gap: float  # the surplus is at most this much above the line
    steepest: Array  # largest slope of the surplus itself, per asset


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """One pool: equity, a line in t, and surplus (equity - maintenance), concave and made of straight pieces.

    surplus = constant + slopes . t - sum over kinks of drop x max(0, t_asset - at)

    A kink is a tier's floor, where the maintenance rate rises.
    """

    symbols: tuple[str, ...]
    power: int
    equity_constant: float
    equity_slopes: Array
    constant: float
    slopes: Array
    kink_asset: NDArray[np.intp]
    kink_at: Array
    kink_drop: Array
    liquidated_now: bool
    # A pool on one symbol: which, and log(price / mark) of its liquidation prices, -inf or inf where there is none.
    barrier: tuple[int, float, float] | None

    @classmethod
    def of(cls, pool: Pool, symbols: tuple[str, ...]) -> _Plan:
        slopes, exposures = np.zeros(len(symbols)), np.zeros(len(symbols))
        amount, cost, kinks = 0.0, 0.0, []
        power = pool.positions[0].contract.power if pool.positions else 1
        for leg in pool.positions:
            i = _asset(symbols, leg.symbol)
            worth = leg.exposure * leg.mark_price**power
            exposures[i] += worth
            cost += leg.entry_cost
            if leg.maintenance_basis is MaintenanceBasis.ENTRY:
                slopes[i] += worth
                amount -= maintenance_margin(leg)
                continue
            tiers, size = leg.schedule, leg.notional
            slopes[i] += worth - size * tiers.rates[0]
            amount += tiers.amounts[0]
            steps = zip(tiers.floors[1:], tiers.rates[1:], tiers.rates[:-1], strict=True)
            kinks += [(i, floor / size, size * (rate - below)) for floor, rate, below in steps]
        liquidated_now = bool(pool.positions) and _surplus_now(pool) <= 0
        barrier = None
        if len(pool.symbols) == 1 and not liquidated_now:
            barrier = (_asset(symbols, pool.symbols[0]), *_barriers(pool))
        table = np.array(kinks, np.float64).reshape(-1, 3)
        return cls(
            symbols=pool.symbols,
            power=power,
            equity_constant=pool.collateral - cost,
            equity_slopes=exposures,
            constant=pool.collateral - cost + amount,
            slopes=slopes,
            kink_asset=table[:, 0].astype(np.intp),
            kink_at=table[:, 1],
            kink_drop=table[:, 2],
            liquidated_now=liquidated_now,
            barrier=barrier,
        )

    def equity(self, t: Array) -> Array:
        """Return the equity at prices t, shape (assets, n) -> (n,)."""
        return self.equity_constant + self.equity_slopes @ t

    def surplus(self, t: Array) -> tuple[Array, Array]:
        """Return surplus and its slopes at prices t, shape (assets, n) -> (n,), (assets, n)."""
        low, high = t.min(axis=1, initial=inf), t.max(axis=1, initial=0.0)
        i, at, drop = self.kink_asset, self.kink_at, self.kink_drop
        passed = at <= low[i]
        line, constant = self.slopes.copy(), self.constant + float((drop * at)[passed].sum())
        np.subtract.at(line, i[passed], drop[passed])
        value, slopes = constant + line @ t, np.repeat(line[:, None], t.shape[1], axis=1)
        for k in np.flatnonzero(~passed & (at < high[i])):
            over = t[i[k]] - at[k]
            value -= drop[k] * np.maximum(over, 0.0)
            slopes[i[k]] -= drop[k] * (over > 0)
        return value, slopes

    def line(self, low: Array, high: Array) -> _Line:
        """Return the chord line for t between `low` and `high`: it lies below a concave function."""
        i, at, drop = self.kink_asset, self.kink_at, self.kink_drop
        bottom, top = low[i], high[i]
        inside = (bottom < at) & (at < top)
        share = np.where(inside, (top - at) / np.maximum(top - bottom, 1e-300), at <= bottom)
        foot = np.where(inside, bottom, at)  # max(0, t - at) <= share x (t - foot) in the range
        slopes, first, last = self.slopes.copy(), self.slopes.copy(), self.slopes.copy()
        np.subtract.at(slopes, i, drop * share)
        np.subtract.at(first, i, drop * (at <= bottom))
        np.subtract.at(last, i, drop * (at < top))
        gap = float((drop * share * (at - bottom) * inside).sum())
        constant = self.constant + float((drop * share * foot).sum())
        return _Line(constant, slopes, gap, np.maximum(np.abs(first), np.abs(last)))


@dataclass(frozen=True, slots=True)
class _Book:
    """An account made ready: its pools as plans."""

    plans: list[_Plan]
    equity_now: float
    returned: float

    @classmethod
    def of(cls, account: Account, symbols: tuple[str, ...], returned: float) -> _Book:
        share = finite("returned", returned)
        if not 0 <= share <= 1:
            msg = f"returned = {returned!r}: give a share from 0 (the venue keeps it) to 1 (the owner gets it)"
            raise MarginError(msg)
        return cls([_Plan.of(pool, symbols) for pool in account.pools()], account_risk(account).equity, share)


class _Outcome(NamedTuple):
    """What became of one pool on each path: liquidated or not, equity left to the owner, deficit; shape (paths,)."""

    liquidated: Flags
    final: Array
    deficit: Array | None  # None: nowhere


# Paths.


@dataclass(frozen=True, kw_only=True, slots=True)
class _Grid:
    """A diffusion in steps."""

    symbols: tuple[str, ...]
    steps: int
    growth: Array  # of the log price in a step, shape (assets,)
    spread: Array  # standard deviation of the log price in a step, shape (assets,)
    root: Array  # root of the covariance of a step, shape (assets, assets)

    @classmethod
    def of(cls, diffusion: Diffusion, days: float, steps: int) -> _Grid:
        steps = _count("steps", steps, 1)
        step = positive("days", days) / steps
        spread = diffusion._sigma * sqrt(step)  # noqa: SLF001 - the grid is the diffusion's other half
        root = spread[:, None] * diffusion._root  # noqa: SLF001
        growth = diffusion._growth * step  # noqa: SLF001
        return cls(symbols=diffusion.symbols, steps=steps, growth=growth, spread=spread, root=root)

    @property
    def block_paths(self) -> int:
        """How many paths make a block: a power of two."""
        fewest, most = _BLOCK_PATHS
        fitting = _BLOCK_BYTES // (4 * len(self.symbols) * (self.steps + 1))
        return min(most, max(fewest, 1 << max(0, fitting.bit_length() - 1)))


def _streams(seed: int, paths: int, size: int) -> Iterator[tuple[np.random.Generator, int]]:
    """Yield a generator of random numbers and a number of paths for each block; each has a stream of its own."""
    seed = _count("seed", seed, 0)
    for number, start in enumerate(range(0, paths, size)):
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        yield np.random.Generator(np.random.SFC64(sequence)), min(size, paths - start)


def _increments(grid: _Grid, paths: int, rng: np.random.Generator) -> Iterator[Single]:
    """Yield the change of the log prices of each step, shape (assets, paths); the array is used again."""
    assets = len(grid.symbols)
    normal, move = np.ones((assets + 1, paths), _FLOAT), np.empty((assets, paths), _FLOAT)
    root = np.column_stack([grid.root, grid.growth]).astype(_FLOAT)  # the row of ones carries the growth
    for _ in range(grid.steps):
        rng.standard_normal(out=normal[:assets], dtype=_FLOAT)
        yield np.matmul(root, normal, out=move)


def _blocks(grid: _Grid, paths: int, seed: int) -> Iterator[_Block]:
    """Yield the paths, block by block."""
    for rng, n in _streams(seed, paths, grid.block_paths):
        yield _Block(grid, n, rng)


class _Block:
    """Some paths: prices at the steps, and how far each went between them.

    One exponential number for each step of each path is its luck between the steps: a Brownian motion that goes from
    a to b with variance v reaches (a + b - sqrt((b - a)^2 + 2 v luck)) / 2 at the lowest, and likewise at the highest.
    """

    def __init__(self, grid: _Grid, paths: int, rng: np.random.Generator) -> None:
        shape = (len(grid.symbols), paths)
        self.grid = grid
        self.prices = np.zeros((grid.steps + 1, *shape), _FLOAT)  # over the mark; logarithms until the last line
        self.luck = np.empty((grid.steps, paths), _FLOAT)
        self.lowest, self.highest = np.zeros(shape, _FLOAT), np.zeros(shape, _FLOAT)  # log(price / mark)
        twice_variance = (2 * grid.spread**2).astype(_FLOAT)[:, None]
        reach, middle, end = (np.empty(shape, _FLOAT) for _ in range(3))
        for k, move in enumerate(_increments(grid, paths, rng)):
            before, after = self.prices[k], self.prices[k + 1]
            np.add(before, move, out=after)
            rng.standard_exponential(out=self.luck[k], dtype=_FLOAT)
            np.multiply(twice_variance, self.luck[k], out=reach)
            reach += np.multiply(move, move, out=middle)
            np.sqrt(reach, out=reach)
            np.add(before, after, out=middle)
            np.subtract(middle, reach, out=end)
            np.minimum(self.lowest, end, out=self.lowest)  # twice the logarithm, halved below
            np.add(middle, reach, out=end)
            np.maximum(self.highest, end, out=self.highest)
        self.lowest *= 0.5
        self.highest *= 0.5
        np.exp(self.prices, out=self.prices)
        low, high = np.exp(self.lowest.min(axis=1)), np.exp(self.highest.max(axis=1))
        self.range = {1: (low, high), -1: (1 / high, 1 / low)}
        self.largest = {1: np.exp(self.highest), -1: np.exp(-self.lowest)}
        # From further than sqrt(luck / 2) standard deviations nothing is touched within a step; in it no price moves by
        # more than its spread times that. This is the change, per unit of spread, of prices that all do so.
        widest = _FLOAT(grid.spread.max())
        self.reach = np.sqrt(self.luck * _FLOAT(0.5))
        self.reach *= widest
        np.expm1(self.reach, out=self.reach)
        self.reach /= widest
        self.last = {power: self.prices[-1].astype(np.float64) ** power for power in (1, -1)}

    def outcome(self, plan: _Plan, returned: float) -> _Outcome:
        """Return what becomes of a pool on these paths."""
        final = plan.equity(self.last[plan.power])
        if plan.liquidated_now:
            equity = np.full(len(final), plan.equity_constant + plan.equity_slopes.sum())
            return _closed(np.ones(len(final), np.bool_), equity, equity, returned)
        if not plan.symbols:
            return _closed(np.zeros(len(final), np.bool_), final, final, returned)
        hit, left = self._at_barrier(plan) if plan.barrier else self._at_edge(plan, returned)
        return _closed(hit, left, final, returned)

    def _at_barrier(self, plan: _Plan) -> tuple[Flags, Array]:
        """Return which paths touch a liquidation price of a pool on one symbol, and the equity there."""
        assert plan.barrier is not None  # noqa: S101 - for the type checker
        i, low, high = plan.barrier
        falls = self.lowest[i] <= low
        t = np.zeros((len(self.grid.symbols), 2))
        t[i] = [exp(end * plan.power) if isfinite(end) else 0.0 for end in (low, high)]
        at_low, at_high = plan.equity(t)
        return falls | (self.highest[i] >= high), np.where(falls, at_low, at_high)

    def _at_edge(self, plan: _Plan, returned: float) -> tuple[Flags, Array]:
        """Return which paths touch the edge of liquidation of a pool on several symbols, and the equity there."""
        paths = self.luck.shape[1]
        hit, left = np.zeros(paths, np.bool_), np.zeros(paths)
        prices = self.prices if plan.power > 0 else np.reciprocal(self.prices)
        near = self._near(plan, prices, every=returned > 0)
        hit |= near.certain
        for start in range(0, len(near.path), _SLICE):
            k, j, ahead = (each[start : start + _SLICE] for each in near[:3])
            luck = self.luck[k, j]
            # The nearer end first: 2 a b <= luck needs the smaller of the two below sqrt(luck / 2).
            one = _Edge.of(plan, self.grid, prices[k + ahead, :, j].T.astype(np.float64))
            rest = np.flatnonzero(one.distance <= np.sqrt(luck / 2))
            k, j, luck, ahead, one = k[rest], j[rest], luck[rest], ahead[rest], one.only(rest)
            other = _Edge.of(plan, self.grid, prices[k + 1 - ahead, :, j].T.astype(np.float64))
            with np.errstate(invalid="ignore"):  # an edge that is nowhere, times one that is here
                touched = (one.distance <= 0) | (other.distance <= 0) | (2 * one.distance * other.distance <= luck)
            which = np.flatnonzero(touched & ~hit[j])
            which = which[np.unique(j[which], return_index=True)[1]]  # steps are in order: the first of each path
            hit[j[which]] = True
            if returned:
                left[j[which]] = plan.equity(one.only(which).foot(plan.power))
        return hit, left

    def _near(self, plan: _Plan, prices: Single, *, every: bool) -> _Near:
        """Return the steps in which the pool may be liquidated, and the paths on which it surely is.

        A matrix-vector product gives a line below the surplus, and so all steps from which, whatever the assets do
        within the luck of the step, the surplus cannot be lost. What is left is looked at closely. Where only the
        fact of a liquidation is asked, and not `every` step that may be the first, paths that end up far beyond the
        edge are not.
        """
        line = plan.line(*self.range[plan.power])
        surplus = np.matmul(line.slopes.astype(_FLOAT), prices)
        surplus += _FLOAT(line.constant)
        closest = np.minimum(surplus[1:], surplus[:-1])
        cost = (line.steepest * self.grid.spread).astype(_FLOAT) @ self.largest[plan.power]
        near = closest <= cost * self.reach
        certain = closest.min(axis=0) <= -line.gap
        if every:
            over = surplus[1:] <= -line.gap
            for k in range(1, len(over)):
                near[k] &= ~over[k - 1]  # the first one has been there
                over[k] |= over[k - 1]
            certain[:] = False
        else:
            near &= ~certain
        step, path = np.divmod(np.flatnonzero(near), len(certain))
        return _Near(step, path, (surplus[step + 1, path] < surplus[step, path]).astype(np.intp), certain)


class _Near(NamedTuple):
    """Steps in which a pool may be liquidated."""

    step: NDArray[np.intp]
    path: NDArray[np.intp]
    ahead: NDArray[np.intp]  # 1 where the end of the step is nearer to liquidation than its start, else 0
    certain: Flags  # paths on which it is liquidated for sure, shape (paths,)


class _Edge(NamedTuple):
    """How far some prices are from the edge of a pool's liquidation, in standard deviations of a step."""

    distance: Array
    direction: Array  # change of each log price, per unit of distance, along which the pool loses fastest
    t: Array

    @classmethod
    def of(cls, plan: _Plan, grid: _Grid, t: Array) -> _Edge:
        """Return it at prices t, shape (assets, n).

        Along the line on which the pool loses fastest the surplus falls like s - v d + c d^2 / 2: v is its standard
        deviation in a step, c its curvature. With k = c / v the distance is -ln(1 - k s / v) / k, which is exact where
        there is one price, for it is the logarithm of price over liquidation price.
        """
        surplus, slopes = plan.surplus(t)
        worth = slopes * t
        shares = grid.root.T @ (plan.power * worth)
        v = np.maximum(np.sqrt(np.einsum("an,an->n", shares, shares)), 1e-300)
        direction = grid.root @ (shares / v)
        k = np.einsum("an,an,an->n", worth, direction, direction) / v
        straight = surplus / v
        bend = k * straight
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(np.abs(bend) < _STRAIGHT, straight, -np.log1p(-bend) / k)
        distance = np.where(bend >= 1, np.copysign(inf, straight), distance)
        return cls(distance, direction, t)

    def only(self, which: NDArray[np.intp]) -> _Edge:
        """Return the columns asked."""
        return _Edge(self.distance[which], self.direction[:, which], self.t[:, which])

    def foot(self, power: int) -> Array:
        """Return the prices at the edge."""
        return self.t * np.exp(-power * self.direction * self.distance)


def _walk(moves: Iterable[NDArray[Any]], books: list[_Book], assets: int, paths: int) -> list[list[_Outcome]]:
    """Return what becomes of the pools when each step is looked at, and nothing between two steps."""
    watches = [[_Watch(plan, paths, book.returned) for plan in book.plans] for book in books]
    every = [watch for row in watches for watch in row]
    powers = {watch.plan.power for watch in every if watch.needs_prices}
    logs, prices = np.zeros((assets, paths), _FLOAT), {power: np.empty((assets, paths), _FLOAT) for power in powers}
    for move in moves:
        logs += move
        for power, t in prices.items():
            np.exp(logs if power > 0 else -logs, out=t)
        for watch in every:
            watch.look(logs, prices)
    return [[watch.outcome(logs) for watch in row] for row in watches]


class _Watch:
    """One pool, watched along some paths."""

    def __init__(self, plan: _Plan, paths: int, returned: float) -> None:
        self.plan, self.returned = plan, returned
        self.open = np.full(paths, not plan.liquidated_now)
        self.left = np.full(paths, plan.equity_constant + plan.equity_slopes.sum())
        self.needs_prices = bool(plan.symbols) and plan.barrier is None and not plan.liquidated_now
        self.low, self.high = np.ones(len(plan.slopes)), np.ones(len(plan.slopes))
        self._draw()

    def look(self, logs: Single, prices: Mapping[int, Single]) -> None:
        """Close the pool on the paths on which it is liquidatable now."""
        if self.plan.barrier:
            i, low, high = self.plan.barrier
            touched = logs[i] <= low
            if high < inf:
                touched |= logs[i] >= high
            touched &= self.open
            if touched.any():
                self._close(np.flatnonzero(touched), logs)
        elif self.needs_prices:
            t = prices[self.plan.power]
            self._widen(t)
            touched = np.matmul(self.slopes, t) <= self.level
            touched &= self.open
            if touched.any():
                which = np.flatnonzero(touched)
                surplus, _ = self.plan.surplus(t[:, which].astype(np.float64))
                self._close(which[surplus <= 0], logs)

    def _widen(self, t: Single) -> None:
        """Lower the line where prices have left the range that it was drawn for; the range is widened generously."""
        low, high = t.min(axis=1), t.max(axis=1)
        if (low < self.low).any() or (high > self.high).any():
            self.low, self.high = np.minimum(self.low, low * 0.9), np.maximum(self.high, high * 1.1)
            self._draw()

    def _draw(self) -> None:
        line = self.plan.line(self.low, self.high)
        self.slopes, self.level = line.slopes.astype(_FLOAT), _FLOAT(-line.constant)

    def _close(self, which: NDArray[np.intp], logs: Single) -> None:
        """Close the pool on these paths, at their prices."""
        self.left[which] = self._equity(logs[:, which])
        self.open[which] = False

    def _equity(self, logs: Single) -> Array:
        return self.plan.equity(np.exp(self.plan.power * logs.astype(np.float64)))

    def outcome(self, logs: Single) -> _Outcome:
        """Return what became of the pool, now that the paths have ended."""
        return _closed(~self.open, self.left, self._equity(logs), self.returned)


def _closed(hit: Flags, left: Array, final: Array, returned: float) -> _Outcome:
    """Return the outcome of a pool that had `left` where it was closed and has `final` where it was not."""
    equity = np.where(hit, left, final)
    deficit = np.maximum(-equity, 0.0) if equity.min() < 0 else None
    if deficit is not None:
        np.maximum(equity, 0.0, out=equity)
    equity[hit] *= returned
    return _Outcome(hit, equity, deficit)


# Counting.


class _Moments:
    """Number, mean and sum of squared deviations, gathered block by block."""

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: Array) -> None:
        """Take in more values."""
        if len(values):
            mean = float(values.mean())
            away = values - mean
            self._merge(len(values), mean, float(away @ away))

    def add_zeros(self, n: int) -> None:
        """Take in n values of 0."""
        self._merge(n, 0.0, 0.0)

    def _merge(self, n: int, mean: float, squares: float) -> None:
        total, step = self.n + n, mean - self.mean
        self.squares += squares + step * step * self.n * n / total
        self.mean += step * n / total
        self.n = total

    def estimate(self) -> Estimate:
        """Return the mean with its standard error; of one value alone that is not known: nan."""
        error = sqrt(self.squares / (self.n - 1) / self.n) if self.n > 1 else nan
        return Estimate(self.mean, error, self.n)


class _Tally:
    """Outcomes of an account's pools, added up over the blocks."""

    def __init__(self) -> None:
        self.paths, self.any, self.kept = 0, 0, 0
        self.counts: list[int] = []
        self.finals: list[_Moments] = []
        self.deficits: list[_Moments] = []
        self.final, self.deficit, self.if_liquidated = _Moments(), _Moments(), _Moments()
        self.sample: list[Array] = []

    def add(self, outcomes: list[_Outcome]) -> None:
        """Take in the outcomes of all pools on some paths."""
        if not self.paths:
            self.counts = [0] * len(outcomes)
            self.finals, self.deficits = [_Moments() for _ in outcomes], [_Moments() for _ in outcomes]
        deficit = np.zeros(len(outcomes[0].final))
        for p, outcome in enumerate(outcomes):
            self.counts[p] += int(np.count_nonzero(outcome.liquidated))
            self.finals[p].add(outcome.final)
            if outcome.deficit is not None:
                self.deficits[p].add(outcome.deficit)
                deficit += outcome.deficit
            else:
                self.deficits[p].add_zeros(len(outcome.final))
        hit = np.logical_or.reduce([outcome.liquidated for outcome in outcomes])
        final = np.sum([outcome.final for outcome in outcomes], axis=0)
        self.paths += len(hit)
        self.any += int(np.count_nonzero(hit))
        self.final.add(final)
        self.deficit.add(deficit)
        self.if_liquidated.add(final[hit])
        self.sample.append(final[: KEPT_PATHS - self.kept])
        self.kept += len(self.sample[-1])

    def odds(self, book: _Book) -> Odds:
        """Return what the tally says."""
        left = self.if_liquidated.estimate()
        pools = zip(book.plans, self.counts, self.finals, self.deficits, strict=True)
        return Odds(
            pools=tuple(
                PoolOdds(
                    symbols=plan.symbols,
                    liquidation=Estimate.share(count, self.paths),
                    final_equity=final.estimate(),
                    deficit=deficit.estimate(),
                )
                for plan, count, final, deficit in pools
            ),
            liquidation=Estimate.share(self.any, self.paths),
            equity_now=book.equity_now,
            final_equity=Distribution(self.final.estimate(), np.sort(np.concatenate(self.sample))),
            deficit=self.deficit.estimate(),
            loss_if_liquidated=Estimate(book.equity_now - left.value, left.standard_error, left.paths)
            if left.paths
            else None,
        )


def _tell(tallies: list[_Tally], outcomes: list[list[_Outcome]]) -> None:
    """Hand each account's outcomes to its tally."""
    for tally, rows in zip(tallies, outcomes, strict=True):
        tally.add(rows)


# Checks and small helpers.


def _surplus_now(pool: Pool) -> float:
    """Return equity - maintenance of a pool at its marks."""
    now = risk(pool)
    return now.equity - now.maintenance


def _barriers(pool: Pool) -> tuple[float, float]:
    """Return log(liquidation price / mark) below and above of a healthy pool on one symbol, infinite where none is."""
    if not pool.positions:
        return -inf, inf
    shock = common_shock(pool)
    return (
        -inf if shock.fall is None else log1p(shock.fall),
        inf if shock.rise is None else log1p(shock.rise),
    )


def _asset(symbols: tuple[str, ...], symbol: str) -> int:
    """Return the place of a symbol, or refuse one that is not there."""
    if symbol not in symbols:
        msg = f"symbol = {symbol!r}: give one of {', '.join(symbols)}"
        raise UnknownNameError(msg)
    return symbols.index(symbol)


def _correlations(correlation: float | ArrayLike, n: int) -> Array:
    """Return a correlation matrix that has a root, or refuse what is none."""
    given = np.asarray(correlation, np.float64)
    matrix = np.full((n, n), given) if given.ndim == 0 else given
    if matrix.shape != (n, n):
        msg = f"correlation: its shape is {matrix.shape}; give one number or a matrix of shape {(n, n)}"
        raise MarginError(msg)
    if given.ndim == 0:
        matrix = np.where(np.eye(n, dtype=np.bool_), 1.0, matrix)
    if not (np.isfinite(matrix).all() and np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)):
        msg = f"correlation = {matrix.tolist()!r}: give a symmetric matrix with 1 on its diagonal"
        raise MarginError(msg)
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -1e-9:  # noqa: PLR2004 - the rounding of a matrix that has 0 as an eigenvalue
        msg = f"correlation = {correlation!r}: no prices have it (an eigenvalue is {least:.3g}); give it nearer to 0"
        raise MarginError(msg)
    return matrix + max(0.0, 1e-12 - least) * np.eye(n)  # a root exists also where prices move as one


def _count(field_name: str, value: int, least: int) -> int:
    """Return a whole number of at least `least`, or refuse another."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        msg = f"{field_name} = {value!r}: give a whole number, {least} or more"
        raise MarginError(msg)
    return int(value)


def _inside(field_name: str, value: float) -> float:
    """Return a fraction between 0 and 1, neither included, or refuse another."""
    share = finite(field_name, value)
    if not 0 < share < 1:
        msg = f"{field_name} = {value!r}: give a fraction above 0 and below 1"
        raise MarginError(msg)
    return share


def _chunks(returns: Returns, assets: int) -> Iterator[NDArray[Any]]:
    """Yield the chunks of log returns, each checked."""
    given = returns() if callable(returns) else returns
    chunks = [given] if isinstance(given, np.ndarray) else given
    for chunk in chunks:  # type: ignore[union-attr]  # what cannot be iterated says so itself
        values = np.asarray(chunk)
        if values.ndim != 3 or values.shape[2] != assets:  # noqa: PLR2004 - paths, steps, symbols
            msg = f"returns: a shape of {values.shape}; give (paths, steps, {assets}), the last one for the symbols"
            raise MarginError(msg)
        if not np.isfinite(values).all():
            msg = "returns: some are not finite; give changes of the log price, 0 where the price stands still"
            raise MarginError(msg)
        yield values
