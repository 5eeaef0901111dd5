"""What a simulation says: numbers with their errors, distributions, the odds of a pool and of an account."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, nan, sqrt

import numpy as np

from marginlib.errors import finite
from marginlib.odds.checks import Array, inside

KEPT_PATHS = 65_536  # final equities kept for quantiles; means and probabilities use every path


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number found by simulation and how far off it may be.

    Args:
        value: the estimate.
        standard_error: the standard deviation of the estimate, were the simulation repeated with other seeds; about
            two results in three lie within one of it, 95 % within two.
        paths: how many paths it rests on.

    Example:
        >>> one_in_ten = Estimate.share(1_000, 10_000)
        >>> one_in_ten.value, round(one_in_ten.standard_error, 4)
        (0.1, 0.003)
    """

    value: float
    standard_error: float
    paths: int

    @classmethod
    def share(cls, count: int, paths: int) -> Estimate:
        """Return the share `count / paths` as an estimated probability.

        Its standard error is that of (count + 1) / (paths + 2), so that "never in 1,000 paths" is not called certain.
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
        >>> amounts = Distribution(Estimate.average(np.arange(101.0)), np.arange(101.0))
        >>> amounts.quantile(0.25).value, amounts.mean.value, amounts.at_most(10).value
        (25.0, 50.0, 0.10891089108910891)
    """

    mean: Estimate
    sample: Array

    def quantile(self, share: float) -> Estimate:
        """Return the amount below which `share` of the paths lie (0.5: the median), its error from those next to it."""
        share, n = inside("share", share), len(self.sample)
        spread = sqrt(share * (1 - share) / n)
        shares = (share, max(0.0, share - spread), min(1.0, share + spread))
        # On a sorted sample this is np.quantile, whose first call would load all of numpy.ma: a picture's wait.
        value, low, high = np.interp(np.array(shares) * (n - 1), np.arange(n), self.sample).tolist()
        return Estimate(value, (high - low) / 2, n)

    def at_most(self, amount: float) -> Estimate:
        """Return the probability of at most `amount` [quote currency]."""
        count = int(np.searchsorted(self.sample, finite("amount", amount), side="right"))
        return Estimate.share(count, len(self.sample))

    def upper_tail(self, share: float) -> Estimate:
        """Return the average of the largest `share` of the amounts: of a loss, the expected shortfall.

        standard error^2 = (variance within the tail + (1 - share) (average - quantile)^2) / size of the tail
        """
        share, n = inside("share", share), len(self.sample)
        tail = self.sample[-max(2, ceil(share * n)) :]
        average, edge = float(tail.mean()), float(tail[0])
        error = sqrt((float(tail.var(ddof=1)) + (1 - share) * (average - edge) ** 2) / len(tail))
        return Estimate(average, error, n)


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolOdds:
    """What a simulation says of one pool.

    Args:
        symbols: the pool's symbols.
        liquidation: probability that it is liquidated within the time [1].
    """

    symbols: tuple[str, ...]
    liquidation: Estimate


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

    Example:
        >>> from marginlib import Account, Position, RiskSchedule
        >>> from marginlib.odds.diffusion import Diffusion
        >>> from marginlib.odds.simulate import odds
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> market = Diffusion(volatility={"BTC": 0.6})
        >>> result = odds(Account(wallet_balance=500, positions=(btc,)), market, paths=2_048, seed=1)
        >>> result.pools[0].liquidation.value > 0.3, result.loss.mean.value < result.equity_now
        (True, True)
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
        now, final = self.equity_now, self.final_equity
        mean = Estimate(now - final.mean.value, final.mean.standard_error, final.mean.paths)
        return Distribution(mean, now - final.sample[::-1])
