"""Few steps, and a Brownian bridge for what happens between them."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marginlib.odds.checks import Array, Flags, Single
from marginlib.odds.draws import FLOAT, Grid, increments, streams
from marginlib.odds.plans import Line, Outcome, Plan, closed

_STRAIGHT = 1e-9  # a bend that no longer shows in a float
_ALMOST = 1.05  # how far the slopes of a line may be off those of the surplus
_SLICE = 16_384  # steps near the edge that are looked at together


def blocks(grid: Grid, paths: int, seed: int) -> Iterator[Block]:
    """Yield the paths, block by block."""
    scratch = np.empty((0, 0), FLOAT)
    for rng, n in streams(seed, paths, grid.block_paths):
        if scratch.shape[1] != n:
            scratch = np.empty((grid.steps + 1, n), FLOAT)
        yield Block(grid, n, rng, scratch)


class Block:
    """Some paths: prices at the steps, and how far each went between them.

    One exponential number for each step of each path is its luck between the steps: a Brownian motion that goes from
    a to b with variance v reaches (a + b - sqrt((b - a)^2 + 2 v luck)) / 2 at the lowest, and likewise at the highest.
    """

    def __init__(self, grid: Grid, paths: int, rng: np.random.Generator, scratch: Single) -> None:
        shape = (len(grid.symbols), paths)
        self.grid = grid
        self.scratch = scratch  # shared by the blocks: to ask the system for fresh memory takes longer than to fill it
        self.prices = np.zeros((grid.steps + 1, *shape), FLOAT)  # over the mark; logarithms until the last line
        self.luck = np.empty((grid.steps, paths), FLOAT)
        self.lowest, self.highest = np.zeros(shape, FLOAT), np.zeros(shape, FLOAT)  # log(price / mark)
        twice_variance = (2 * grid.spread**2).astype(FLOAT)[:, None]
        reach, middle, end = (np.empty(shape, FLOAT) for _ in range(3))
        for k, move in enumerate(increments(grid, paths, rng)):
            before, after = self.prices[k], self.prices[k + 1]
            np.add(before, move, out=after)
            rng.standard_exponential(out=self.luck[k], dtype=FLOAT)
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
        widest = FLOAT(grid.spread.max())
        self.reach = np.sqrt(self.luck * FLOAT(0.5))
        self.reach *= widest
        np.expm1(self.reach, out=self.reach)
        self.reach /= widest
        self.furthest = self.reach.max(axis=0)  # of each path, over its steps
        self.last = {power: self.prices[-1].astype(np.float64) ** power for power in (1, -1)}

    def outcome(self, plan: Plan, returned: float) -> Outcome:
        """Return what becomes of a pool on these paths."""
        final = plan.equity(self.last[plan.power])
        if plan.liquidated_now:
            equity = np.full(len(final), plan.equity_constant + plan.equity_slopes.sum())
            return closed(np.ones(len(final), np.bool_), equity, equity, returned)
        if not plan.symbols:
            return closed(np.zeros(len(final), np.bool_), final, final, returned)
        hit, left = self._at_barrier(plan) if plan.barrier else self._at_edge(plan, returned)
        return closed(hit, left, final, returned)

    def _at_barrier(self, plan: Plan) -> tuple[Flags, Array]:
        """Return which paths touch a liquidation price of a pool on one symbol, and the equity there."""
        assert plan.barrier is not None  # noqa: S101 - for the type checker
        i, low, high = plan.barrier
        falls, rises = self.lowest[i] <= low, self.highest[i] >= high
        at_low, at_high = (
            plan.equity_constant + plan.equity_slopes[i] * exp(end * plan.power) if isfinite(end) else 0.0
            for end in (low, high)
        )
        return falls | rises, np.where(falls, at_low, at_high)

    def _at_edge(self, plan: Plan, returned: float) -> tuple[Flags, Array]:
        """Return which paths touch the edge of liquidation of a pool on several symbols, and the equity there."""
        assets, paths = len(self.grid.symbols), self.luck.shape[1]
        hit, left = np.zeros(paths, np.bool_), np.zeros(paths)
        prices = self.prices if plan.power > 0 else np.reciprocal(self.prices)
        line = plan.line(*self.range[plan.power])
        near = self._near(plan, line, prices, every=returned > 0)
        hit |= near.certain
        # `take` from flat arrays: a third of the time of indices for each axis, and each symbol is one row in memory.
        rows = paths * np.arange(assets)[:, None]
        for start in range(0, len(near.path), _SLICE):
            step, path, ahead = (each[start : start + _SLICE] for each in near[:3])
            luck = self.luck.take(step * paths + path)
            t = prices.take((step + ahead) * (assets * paths) + path + rows)
            rest = self._within(line, t, np.sqrt(luck / 2))
            step, path, ahead = (each.take(rest) for each in (step, path, ahead))
            luck = luck.take(rest)
            # The nearer end first: 2 a b <= luck needs the smaller of the two below sqrt(luck / 2).
            one = _Edge.of(plan, self.grid, t.take(rest, axis=1).astype(np.float64))
            rest = np.flatnonzero(one.distance <= np.sqrt(luck / 2))
            step, path, ahead = (each.take(rest) for each in (step, path, ahead))
            luck = luck.take(rest)
            one, t = one.only(rest), prices.take((step + 1 - ahead) * (assets * paths) + path + rows)
            other = _Edge.of(plan, self.grid, t.astype(np.float64))
            with np.errstate(invalid="ignore"):  # an edge that is nowhere, times one that is here
                touched = (one.distance <= 0) | (other.distance <= 0) | (2 * one.distance * other.distance <= luck)
            which = np.flatnonzero(touched & ~hit[path])
            hit[path[which]] = True
            if returned:
                which = which[np.unique(path[which], return_index=True)[1]]  # steps are in order: a path's first
                left[path[which]] = plan.equity(one.only(which).foot(plan.power))
        return hit, left

    def _within(self, line: Line, t: Single, distance: Single) -> NDArray[np.intp]:
        """Return which of the prices t, shape (assets, n), may be within these distances of the edge.

        As `_near`, but with the standard deviation of the pool, in which hedges count, in place of the sum of all.
        """
        widest = float(self.grid.spread.max())
        if (line.steepest > _ALMOST * np.abs(line.slopes)).any():
            return np.arange(t.shape[1])  # tiers change the slopes by so much that the line does not tell
        worth = line.slopes.astype(FLOAT)[:, None] * t
        shares = self.grid.root.T.astype(FLOAT) @ worth
        v = np.sqrt(np.einsum("an,an->n", shares, shares))
        bend = FLOAT(widest) * ((line.steepest * self.grid.spread).astype(FLOAT) @ t) * distance
        # v distance (exp(bend / v) - 1) / (bend / v) is the most that a walk of this distance can cost
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            safe = worth.sum(axis=0) + FLOAT(line.constant) > _ALMOST * v * v * distance * np.expm1(bend / v) / bend
        return np.flatnonzero(~safe)

    def _near(self, plan: Plan, line: Line, prices: Single, *, every: bool) -> _Near:
        """Return the steps in which the pool may be liquidated, and the paths on which it surely is.

        A matrix-vector product gives a line below the surplus, and so all steps from which, whatever the assets do
        within the luck of the step, the surplus cannot be lost. What is left is looked at closely. Where only the
        fact of a liquidation is asked, and not `every` step that may be the first, paths that end up far beyond the
        edge are not.
        """
        surplus, zero = self.scratch, FLOAT(-line.constant)
        np.matmul(line.slopes.astype(FLOAT), prices, out=surplus)  # less the line's constant: the limits take it up
        lowest = surplus.min(axis=0)
        certain = np.logical_and(not every, lowest <= zero - FLOAT(line.gap))
        # The paths that come near at all first, and then their steps: what is left is a small part of all.
        largest = (line.steepest * self.grid.spread).astype(FLOAT) @ self.largest[plan.power]
        path = np.flatnonzero((lowest <= zero + self.furthest * largest) & ~certain)
        surplus, limit = surplus.take(path, axis=1), self.reach.take(path, axis=1)
        limit *= largest.take(path)
        limit += zero
        near = np.minimum(surplus[1:], surplus[:-1]) <= limit
        if every:
            over = surplus[1:] <= zero - FLOAT(line.gap)
            for k in range(1, len(over)):
                near[k] &= ~over[k - 1]  # the first one has been there
                over[k] |= over[k - 1]
        place = np.flatnonzero(near)
        ahead = surplus[1:].reshape(-1).take(place) < surplus.reshape(-1).take(place)
        step, column = np.divmod(place, len(path)) if len(path) else (place, place)
        return _Near(step, path.take(column), ahead.astype(np.intp), certain)


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
    def of(cls, plan: Plan, grid: Grid, t: Array) -> _Edge:
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
        return _Edge(self.distance.take(which), self.direction.take(which, axis=1), self.t.take(which, axis=1))

    def foot(self, power: int) -> Array:
        """Return the prices at the edge."""
        return self.t * np.exp(-power * self.direction * self.distance)
