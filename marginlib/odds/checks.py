"""Checks of what this wing is given, and short names for its arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marginlib.errors import UnknownNameError, finite, wrong

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Flags = NDArray[np.bool_]


def asset(symbols: tuple[str, ...], symbol: str) -> int:
    """Return the place of a symbol, or refuse one that is not there."""
    if symbol not in symbols:
        raise wrong("symbol", symbol, f"give one of {', '.join(symbols)}", UnknownNameError)
    return symbols.index(symbol)


def count(field_name: str, value: int, least: int) -> int:
    """Return a whole number of at least `least`, or refuse another."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise wrong(field_name, value, f"give a whole number, {least} or more")
    return int(value)


def inside(field_name: str, value: float) -> float:
    """Return a fraction between 0 and 1, neither included, or refuse another."""
    share = finite(field_name, value)
    if not 0 < share < 1:
        raise wrong(field_name, value, "give a fraction above 0 and below 1")
    return share
