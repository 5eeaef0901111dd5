"""Many steps, each of them looked at, and nothing between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import exp, inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib.errors import MarginError
from marginlib.odds.checks import Array, Single
from marginlib.odds.draws import FLOAT
from marginlib.odds.plans import Book, Outcome, Plan, closed

_WIDEST_MOVE = 20.0  # a price 485 million times as high
WALK_PATHS = 16_384  # paths that walk together
Returns = ArrayLike | Iterable[ArrayLike] | Callable[[], Iterable[ArrayLike]]


def walk(factors: Iterable[NDArray[Any]], books: list[Book], assets: int, paths: int) -> list[list[Outcome]]:
    """Return what becomes of the pools when each step is looked at, and nothing between two steps."""
    watches = [[_Watch(plan, paths) for plan in book.plans] for book in books]
    every = [watch for row in watches for watch in row]
    price, inverse = np.ones((assets, paths), FLOAT), np.ones((assets, paths), FLOAT)  # over the mark
    inverted = any(watch.plan.power < 0 for watch in every)
    for factor in factors:
        price *= factor
        if inverted:
            np.reciprocal(price, out=inverse)
        for watch in every:
            watch.look(price if watch.plan.power > 0 else inverse)
    return [[watch.outcome(price if watch.plan.power > 0 else inverse) for watch in row] for row in watches]


class _Watch:
    """One pool, watched along some paths."""

    def __init__(self, plan: Plan, paths: int) -> None:
        self.plan = plan
        self.open = np.full(paths, not plan.liquidated_now)
        self.at_stake = bool(plan.symbols) and not plan.liquidated_now
        # The prices t at which it was closed, of the one asset that matters or of all.
        self.assets = slice(plan.barrier[0], plan.barrier[0] + 1) if plan.barrier else slice(None)
        self.closed_at = np.ones((len(plan.slopes[self.assets]), paths), FLOAT)
        ends = sorted(exp(plan.power * each) for each in plan.barrier[1:]) if plan.barrier else (0.0, inf)
        self.barrier = (FLOAT(ends[0]), FLOAT(ends[1]))
        self.low, self.high = np.ones(len(plan.slopes)), np.ones(len(plan.slopes))
        self._draw()

    def look(self, t: Single) -> None:
        """Close the pool on the paths on which it is liquidatable at prices t."""
        if self.plan.barrier:
            self._look_at_barrier(t[self.assets])
        elif self.at_stake:
            self._look_at_edge(t)

    def _look_at_barrier(self, t: Single) -> None:
        """Close a pool on one symbol where its price is beyond a liquidation price."""
        low, high = self.barrier
        touched = t[0] <= low if low > 0 else t[0] >= high
        if low > 0 and high < inf:
            touched |= t[0] >= high
        touched &= self.open
        if touched.any():
            np.copyto(self.closed_at, t, where=touched)
            self.open ^= touched

    def _look_at_edge(self, t: Single) -> None:
        """Close a pool on several symbols where its surplus is gone."""
        low, high = t.min(axis=1), t.max(axis=1)
        if (low < self.low).any() or (high > self.high).any():  # the line was not drawn for these prices
            self.low, self.high = np.minimum(self.low, low * 0.9), np.maximum(self.high, high * 1.1)
            self._draw()
        line = np.matmul(self.slopes, t)  # at or below the surplus, by no more than the gap
        touched = line <= self.level
        touched &= self.open
        if touched.any():
            which = np.flatnonzero(touched)
            unsure = line[which] > self.level - self.gap
            if unsure.any():
                surplus, _ = self.plan.surplus(t[:, which[unsure]].astype(np.float64))
                unsure[unsure] = surplus > 0
                which = which[~unsure]
            self.closed_at[:, which] = t[:, which]
            self.open[which] = False

    def _draw(self) -> None:
        line = self.plan.line(self.low, self.high)
        self.slopes, self.level, self.gap = line.slopes.astype(FLOAT), FLOAT(-line.constant), FLOAT(line.gap)

    def _equity(self, t: Single) -> Array:
        return self.plan.equity_constant + self.plan.equity_slopes[self.assets] @ t.astype(np.float64)

    def outcome(self, t: Single) -> Outcome:
        """Return what became of the pool, now that the paths have ended at prices t."""
        return closed(~self.open, self._equity(self.closed_at), self._equity(t[self.assets]))


def chunks(returns: Returns, assets: int) -> Iterator[NDArray[Any]]:
    """Yield the chunks of log returns, each checked."""
    given = returns() if callable(returns) else returns
    if isinstance(given, list | tuple) and given and _array(given[0]).ndim == 2:  # noqa: PLR2004 - a path, no chunk
        given = _array(given)
    chunks = [given] if isinstance(given, np.ndarray) else given
    for chunk in chunks:  # type: ignore[union-attr]  # what cannot be iterated says so itself
        values = _array(chunk)
        if values.ndim != 3 or values.shape[2] != assets:  # noqa: PLR2004 - paths, steps, symbols
            give = f"give (paths, steps, {assets}), the last one for the symbols"
            raise MarginError(f"returns: a shape of {values.shape}; {give}")
        if not (np.abs(values) < _WIDEST_MOVE).all():
            raise MarginError(
                f"returns: some are not finite, or not within {_WIDEST_MOVE:g}; give changes of the log price: "
                "0 where it stands still, 0.1 for 10.5 % up"
            )
        yield values


def _array(values: Any) -> NDArray[Any]:  # noqa: ANN401 - whatever is handed in
    """Return numbers as an array, or refuse lists of several lengths."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise MarginError("returns: lists of several lengths; give (paths, steps, symbols)") from error
