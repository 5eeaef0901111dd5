"""A pool as numbers that many prices can be put in: t = (price / mark)^power for each asset, 1 at the start."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marginlib.liquidation import common_shock
from marginlib.margin import account_risk, maintenance_margin, risk
from marginlib.model import Account, MaintenanceBasis, Pool
from marginlib.odds.checks import Array, Flags, asset


class Line(NamedTuple):
    """A straight line that lies below the surplus of a pool while each t stays within a range."""

    constant: float
    slopes: Array
    gap: float  # the surplus is at most this much above the line
    steepest: Array  # largest slope of the surplus itself, per asset


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
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
    def of(cls, pool: Pool, symbols: tuple[str, ...]) -> Plan:
        """Return the plan of a pool, its assets in the order of `symbols`."""
        pool.check_plain("a plan of odds")
        slopes, exposures = np.zeros(len(symbols)), np.zeros(len(symbols))
        amount, cost, kinks = 0.0, 0.0, []
        power = pool.positions[0].contract.power if pool.positions else 1
        for leg in pool.positions:
            i = asset(symbols, leg.symbol)
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
        now, barrier = risk(pool), None
        liquidated_now = bool(pool.positions) and now.equity <= now.maintenance
        if len(pool.symbols) == 1 and not liquidated_now:
            fall, rise = common_shock(pool)
            below, above = (-inf if fall is None else log1p(fall)), (inf if rise is None else log1p(rise))
            barrier = (asset(symbols, pool.symbols[0]), below, above)
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
        """Return the equity at prices t, shape (assets, n) -> (n,); of one asset alone with less work."""
        if self.barrier:
            i = self.barrier[0]
            return np.asarray(self.equity_constant + self.equity_slopes[i] * t[i])
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

    def line(self, low: Array, high: Array) -> Line:
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
        return Line(constant, slopes, gap, np.maximum(np.abs(first), np.abs(last)))


@dataclass(frozen=True, slots=True)
class Book:
    """An account made ready: its pools as plans."""

    plans: list[Plan]
    equity_now: float

    @classmethod
    def of(cls, account: Account, symbols: tuple[str, ...]) -> Book:
        """Return the book of an account."""
        return cls([Plan.of(pool, symbols) for pool in account.pools()], account_risk(account).equity)


class Outcome(NamedTuple):
    """What became of one pool on each path: liquidated or not, equity left to the owner, deficit; shape (paths,)."""

    liquidated: Flags
    final: Array
    deficit: Array | None  # None: nowhere


def closed(hit: Flags, left: Array, final: Array) -> Outcome:
    """Return the outcome of a pool that had `left` where it was closed, which the venue keeps, or else has `final`."""
    equity = np.where(hit, left, final)
    deficit = np.maximum(-equity, 0.0) if equity.min() < 0 else None
    np.maximum(equity, 0.0, out=equity)
    equity[hit] = 0.0
    return Outcome(hit, equity, deficit)
