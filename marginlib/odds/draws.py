"""A diffusion in steps, and its random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np

from marginlib.errors import positive
from marginlib.odds.checks import Array, Single, count
from marginlib.odds.diffusion import Diffusion

_SMALL_MOVE = 0.06  # below, four terms of the exponential's series are as exact as a single-precision number
FLOAT = np.float32  # half the memory traffic; its rounding, 1e-7, is far below any standard error
_BLOCK_BYTES = 8 << 20  # prices of one block of paths: small enough to stay near the processor
_BLOCK_PATHS = (2_048, 16_384)  # fewest and most paths of a block


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A diffusion in steps."""

    symbols: tuple[str, ...]
    steps: int
    growth: Array  # of the log price in a step, shape (assets,)
    spread: Array  # standard deviation of the log price in a step, shape (assets,)
    root: Array  # root of the covariance of a step, shape (assets, assets)

    @classmethod
    def of(cls, diffusion: Diffusion, days: float, steps: int) -> Grid:
        """Return the diffusion over some days in equal steps."""
        steps = count("steps", steps, 1)
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


def streams(seed: int, paths: int, size: int) -> Iterator[tuple[np.random.Generator, int]]:
    """Yield a generator of random numbers and a number of paths for each block; each has a stream of its own."""
    seed = count("seed", seed, 0)
    for number, start in enumerate(range(0, paths, size)):
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        yield np.random.Generator(np.random.SFC64(sequence)), min(size, paths - start)


def increments(grid: Grid, paths: int, rng: np.random.Generator) -> Iterator[Single]:
    """Yield the change of the log prices of each step, shape (assets, paths); the array is used again."""
    assets = len(grid.symbols)
    normal, move = np.ones((assets + 1, paths), FLOAT), np.empty((assets, paths), FLOAT)
    root = np.column_stack([grid.root, grid.growth]).astype(FLOAT)  # the row of ones carries the growth
    for _ in range(grid.steps):
        rng.standard_normal(out=normal[:assets], dtype=FLOAT)
        yield np.matmul(root, normal, out=move)


def factors(grid: Grid, paths: int, rng: np.random.Generator) -> Iterator[Single]:
    """Yield price / previous price of each step, shape (assets, paths); the array is used again."""
    small = (6 * grid.spread + np.abs(grid.growth)).max() < _SMALL_MOVE
    factor = np.empty((len(grid.symbols), paths), FLOAT)
    for move in increments(grid, paths, rng):
        if small:  # 1 + m (1 + m (1 / 2 + m / 6)), at a third of the time
            np.multiply(move, FLOAT(1 / 6), out=factor)
            factor += FLOAT(0.5)
            factor *= move
            factor += FLOAT(1)
            factor *= move
            factor += FLOAT(1)
        else:
            np.exp(move, out=factor)
        yield factor
