"""Many steps, each of them looked at, and nothing between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib._validate import MarginError
from marginlib.montecarlo._types import Array, Single
from marginlib.montecarlo.draws import FLOAT
from marginlib.montecarlo.plans import Book, Outcome, Plan, closed

WALK_PATHS = 8_192  # paths that walk together
Returns = ArrayLike | Iterable[ArrayLike] | Callable[[], Iterable[ArrayLike]]


def walk(moves: Iterable[NDArray[Any]], books: list[Book], assets: int, paths: int) -> list[list[Outcome]]:
    """Return what becomes of the pools when each step is looked at, and nothing between two steps."""
    watches = [[_Watch(plan, paths, book.returned) for plan in book.plans] for book in books]
    every = [watch for row in watches for watch in row]
    powers = {watch.plan.power for watch in every if watch.needs_prices}
    logs, prices = np.zeros((assets, paths), FLOAT), {power: np.empty((assets, paths), FLOAT) for power in powers}
    for move in moves:
        logs += move
        for power, t in prices.items():
            np.exp(logs if power > 0 else -logs, out=t)
        for watch in every:
            watch.look(logs, prices)
    return [[watch.outcome(logs) for watch in row] for row in watches]


class _Watch:
    """One pool, watched along some paths."""

    def __init__(self, plan: Plan, paths: int, returned: float) -> None:
        self.plan, self.returned = plan, returned
        self.open = np.full(paths, not plan.liquidated_now)
        self.needs_prices = bool(plan.symbols) and plan.barrier is None and not plan.liquidated_now
        # The log prices at which it was closed, of the one asset that matters or of all; 0 is today's mark.
        self.assets = slice(plan.barrier[0], plan.barrier[0] + 1) if plan.barrier else slice(None)
        self.closed_at = np.zeros((len(plan.slopes[self.assets]), paths), FLOAT)
        self.low, self.high = np.ones(len(plan.slopes)), np.ones(len(plan.slopes))
        self._draw()

    def look(self, logs: Single, prices: Mapping[int, Single]) -> None:
        """Close the pool on the paths on which it is liquidatable now."""
        if self.plan.barrier:
            self._look_at_barrier(logs[self.assets])
        elif self.needs_prices:
            self._look_at_edge(logs, prices[self.plan.power])

    def _look_at_barrier(self, log: Single) -> None:
        """Close a pool on one symbol where its price is beyond a liquidation price."""
        assert self.plan.barrier is not None  # noqa: S101 - for the type checker
        _, low, high = self.plan.barrier
        touched = log[0] <= low if low > -inf else log[0] >= high
        if -inf < low and high < inf:
            touched |= log[0] >= high
        touched &= self.open
        if touched.any():
            np.copyto(self.closed_at, log, where=touched)
            self.open ^= touched

    def _look_at_edge(self, logs: Single, t: Single) -> None:
        """Close a pool on several symbols where its surplus is gone."""
        self._widen(t)
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
            self.closed_at[:, which] = logs[:, which]
            self.open[which] = False

    def _widen(self, t: Single) -> None:
        """Lower the line where prices have left the range that it was drawn for; the range is widened generously."""
        low, high = t.min(axis=1), t.max(axis=1)
        if (low < self.low).any() or (high > self.high).any():
            self.low, self.high = np.minimum(self.low, low * 0.9), np.maximum(self.high, high * 1.1)
            self._draw()

    def _draw(self) -> None:
        line = self.plan.line(self.low, self.high)
        self.slopes, self.level, self.gap = line.slopes.astype(FLOAT), FLOAT(-line.constant), FLOAT(line.gap)

    def _equity(self, logs: Single) -> Array:
        t = np.exp(self.plan.power * logs.astype(np.float64))
        return self.plan.equity_constant + self.plan.equity_slopes[self.assets] @ t

    def outcome(self, logs: Single) -> Outcome:
        """Return what became of the pool, now that the paths have ended."""
        return closed(~self.open, self._equity(self.closed_at), self._equity(logs[self.assets]), self.returned)


def chunks(returns: Returns, assets: int) -> Iterator[NDArray[Any]]:
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
