"""Counting: outcomes added up block by block, so that memory does not grow with the paths."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np

from marginlib.odds.checks import Array
from marginlib.odds.estimates import KEPT_PATHS, Distribution, Estimate, Odds, PoolOdds
from marginlib.odds.plans import Book, Outcome


class _Moments:
    """Number, mean and sum of squared deviations, gathered block by block."""

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: Array) -> None:
        """Take in more values."""
        if n := len(values):
            mean = float(np.add.reduce(values)) / n
            away = values - mean
            # Not `away @ away`: a product so small is slower on several threads of BLAS, much slower on a busy machine.
            squares = float(np.einsum("i,i", away, away))
            total, step = self.n + n, mean - self.mean
            self.squares += squares + step * step * self.n * n / total
            self.mean += step * n / total
            self.n = total

    def estimate(self) -> Estimate:
        """Return the mean with its standard error; of one value alone that is not known: nan."""
        error = sqrt(self.squares / (self.n - 1) / self.n) if self.n > 1 else nan
        return Estimate(self.mean, error, self.n)


class Tally:
    """Outcomes of an account's pools, added up over the blocks."""

    def __init__(self) -> None:
        self.paths, self.any, self.kept = 0, 0, 0
        self.counts: list[int] = []
        self.final, self.deficit, self.if_liquidated = _Moments(), _Moments(), _Moments()
        self.sample: list[Array] = []

    def add(self, outcomes: list[Outcome]) -> None:
        """Take in the outcomes of all pools on some paths."""
        if not self.paths:
            self.counts = [0] * len(outcomes)
        deficit = np.zeros(len(outcomes[0].final))
        for p, outcome in enumerate(outcomes):
            self.counts[p] += int(np.count_nonzero(outcome.liquidated))
            if outcome.deficit is not None:
                deficit += outcome.deficit
        hit = np.logical_or.reduce([outcome.liquidated for outcome in outcomes])
        final = np.sum([outcome.final for outcome in outcomes], axis=0)
        self.paths += len(hit)
        self.any += int(np.count_nonzero(hit))
        self.final.add(final)
        self.deficit.add(deficit)
        self.if_liquidated.add(final[hit])
        if self.kept < KEPT_PATHS:
            self.sample.append(final[: KEPT_PATHS - self.kept])
            self.kept += len(self.sample[-1])

    def odds(self, book: Book) -> Odds:
        """Return what the tally says."""
        left = self.if_liquidated.estimate()
        return Odds(
            pools=tuple(
                PoolOdds(symbols=plan.symbols, liquidation=Estimate.share(count, self.paths))
                for plan, count in zip(book.plans, self.counts, strict=True)
            ),
            liquidation=Estimate.share(self.any, self.paths),
            equity_now=book.equity_now,
            final_equity=Distribution(self.final.estimate(), np.sort(np.concatenate(self.sample))),
            deficit=self.deficit.estimate(),
            loss_if_liquidated=Estimate(book.equity_now - left.value, left.standard_error, left.paths)
            if left.paths
            else None,
        )
