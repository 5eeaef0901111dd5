"""Few steps, and a Brownian bridge for what happens between them."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np
from numpy.typing import NDArray

from marginlib.odds.checks import Array, Flags, Single
from marginlib.odds.draws import FLOAT, Grid, increments, streams
from marginlib.odds.plans import Line, Outcome, Plan, closed

_Index = NDArray[np.intp]
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

    def outcome(self, plan: Plan) -> Outcome:
        """Return what becomes of a pool on these paths."""
        final = plan.equity(self.last[plan.power])
        left, hit = np.zeros(len(final)), np.zeros(len(final), np.bool_)  # what is left is kept by the venue
        if plan.liquidated_now:
            left[:], hit[:] = plan.equity_constant + plan.equity_slopes.sum(), True
        elif plan.barrier:
            i, low, high = plan.barrier
            hit = (self.lowest[i] <= low) | (self.highest[i] >= high)
        elif plan.symbols:
            hit = self._at_edge(plan)
        return closed(hit, left, final)

    def _at_edge(self, plan: Plan) -> Flags:
        """Return which paths touch the edge of liquidation of a pool on several symbols."""
        assets, paths = len(self.grid.symbols), self.luck.shape[1]
        prices = self.prices if plan.power > 0 else np.reciprocal(self.prices)
        line = plan.line(*self.range[plan.power])
        hit, near = self._near(plan, line, prices)
        # `take` from flat arrays: a third of the time of indices for each axis, and each symbol is one row in memory.
        rows = paths * np.arange(assets)[:, None]
        for start in range(0, len(near[0]), _SLICE):
            step, path, ahead = (each[start : start + _SLICE] for each in near)
            luck = self.luck.take(step * paths + path)
            t = prices.take((step + ahead) * (assets * paths) + path + rows)
            rest = self._within(line, t, np.sqrt(luck / 2))
            step, path, ahead = (each.take(rest) for each in (step, path, ahead))
            luck = luck.take(rest)
            # The nearer end first: 2 a b <= luck needs the smaller of the two below sqrt(luck / 2).
            one = self._distance(plan, t.take(rest, axis=1).astype(np.float64))
            rest = np.flatnonzero(one <= np.sqrt(luck / 2))
            step, path, ahead = (each.take(rest) for each in (step, path, ahead))
            luck, one = luck.take(rest), one.take(rest)
            t = prices.take((step + 1 - ahead) * (assets * paths) + path + rows)
            other = self._distance(plan, t.astype(np.float64))
            with np.errstate(invalid="ignore"):  # an edge that is nowhere, times one that is here
                hit[path[(one <= 0) | (other <= 0) | (2 * one * other <= luck)]] = True
        return hit

    def _within(self, line: Line, t: Single, distance: Single) -> _Index:
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

    def _near(self, plan: Plan, line: Line, prices: Single) -> tuple[Flags, tuple[_Index, _Index, _Index]]:
        """Return the paths on which the pool is liquidated for sure, and the steps of the others in which it may be.

        Of these: which step, of which path, and 1 where its end is nearer to liquidation than its start, else 0. A
        matrix-vector product gives a line below the surplus, and so all steps from which, whatever the assets do
        within the luck of the step, the surplus cannot be lost. What is left is looked at closely.
        """
        surplus, zero = self.scratch, FLOAT(-line.constant)
        np.matmul(line.slopes.astype(FLOAT), prices, out=surplus)  # less the line's constant: the limits take it up
        lowest = surplus.min(axis=0)
        certain = lowest <= zero - FLOAT(line.gap)
        # The paths that come near at all first, and then their steps: what is left is a small part of all.
        largest = (line.steepest * self.grid.spread).astype(FLOAT) @ self.largest[plan.power]
        path = np.flatnonzero((lowest <= zero + self.furthest * largest) & ~certain)
        surplus, limit = surplus.take(path, axis=1), self.reach.take(path, axis=1)
        limit *= largest.take(path)
        limit += zero
        place = np.flatnonzero(np.minimum(surplus[1:], surplus[:-1]) <= limit)
        ahead = surplus[1:].reshape(-1).take(place) < surplus.reshape(-1).take(place)
        step, column = np.divmod(place, len(path)) if len(path) else (place, place)
        return certain, (step, path.take(column), ahead.astype(np.intp))

    def _distance(self, plan: Plan, t: Array) -> Array:
        """Return how far prices t, shape (assets, n), are from the edge, in standard deviations of a step.

        Along the line on which the pool loses fastest the surplus falls like s - v d + c d^2 / 2: v is its standard
        deviation in a step, c its curvature. With k = c / v the distance is -ln(1 - k s / v) / k, which is exact where
        there is one price, for it is the logarithm of price over liquidation price.
        """
        surplus, slopes = plan.surplus(t)
        worth = slopes * t
        shares = self.grid.root.T @ (plan.power * worth)
        v = np.maximum(np.sqrt(np.einsum("an,an->n", shares, shares)), 1e-300)
        direction = self.grid.root @ (shares / v)
        k = np.einsum("an,an,an->n", worth, direction, direction) / v
        straight = surplus / v
        bend = k * straight
        with np.errstate(divide="ignore", invalid="ignore"):
            distance: Array = np.where(np.abs(bend) < _STRAIGHT, straight, -np.log1p(-bend) / k)
        distance[bend >= 1] = np.copysign(inf, straight)[bend >= 1]
        return distance
