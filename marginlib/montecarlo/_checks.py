"""Checks and small helpers of this package."""

from __future__ import annotations

import numpy as np

from marginlib._validate import MarginError, UnknownNameError, finite


def asset(symbols: tuple[str, ...], symbol: str) -> int:
    """Return the place of a symbol, or refuse one that is not there."""
    if symbol not in symbols:
        msg = f"symbol = {symbol!r}: give one of {', '.join(symbols)}"
        raise UnknownNameError(msg)
    return symbols.index(symbol)


def count(field_name: str, value: int, least: int) -> int:
    """Return a whole number of at least `least`, or refuse another."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        msg = f"{field_name} = {value!r}: give a whole number, {least} or more"
        raise MarginError(msg)
    return int(value)


def inside(field_name: str, value: float) -> float:
    """Return a fraction between 0 and 1, neither included, or refuse another."""
    share = finite(field_name, value)
    if not 0 < share < 1:
        msg = f"{field_name} = {value!r}: give a fraction above 0 and below 1"
        raise MarginError(msg)
    return share
