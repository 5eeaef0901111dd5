"""Checks of what this wing is given, and short names for its arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marginlib.errors import finite, unknown, wrong

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Flags = NDArray[np.bool_]

MOST = 2**25  # steps of all paths together


def asset(symbols: tuple[str, ...], symbol: str) -> int:
    """Return the place of a symbol, or refuse one that is not there."""
    if symbol not in symbols:
        raise unknown("symbol", symbol, symbols)
    return symbols.index(symbol)


def count(field_name: str, value: int, least: int) -> int:
    """Return a whole number of at least `least`, or refuse another."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise wrong(field_name, value, f"give a whole number, {least} or more")
    return int(value)


def path_count(paths: int, steps: int) -> int:
    """Return how many paths are simulated, or refuse more than fit into a minute.

    Args:
        paths: how many, two or more.
        steps: of each path.
    """
    if count("paths", paths, 2) * steps > MOST:
        raise wrong("paths", paths, f"with {steps:,} steps each at most {MOST // steps:,}; or give a shorter horizon")
    return int(paths)


def inside(field_name: str, value: float) -> float:
    """Return a fraction between 0 and 1, neither included, or refuse another."""
    share = finite(field_name, value)
    if not 0 < share < 1:
        raise wrong(field_name, value, "give a fraction above 0 and below 1")
    return share
