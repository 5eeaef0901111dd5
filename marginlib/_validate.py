"""Checks of numbers that come from outside: every message names the field, the value and what would be right."""

from __future__ import annotations

from math import isfinite
from numbers import Real

__all__ = ["MarginError", "UnknownNameError", "at_least_zero", "finite", "fraction", "name_text", "positive"]


class MarginError(ValueError):
    """An input that no margin account can have; the message names the field, the value and what would be right."""


class UnknownNameError(MarginError):
    """A symbol, venue or date that is not in the table asked; the message lists the ones that are."""


def finite(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not one finite number."""
    # numpy's scalars count as `Real`; True does too, but it is not an amount of money.
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        msg = f"{field} = {value!r}: give one finite number"
        raise MarginError(msg)
    return float(value)


def positive(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not a finite number above zero."""
    number = finite(field, value)
    if number <= 0:
        msg = f"{field} = {value!r}: give a number above 0"
        raise MarginError(msg)
    return number


def at_least_zero(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not a finite number of zero or more."""
    number = finite(field, value)
    if number < 0:
        msg = f"{field} = {value!r}: give 0 or a number above 0"
        raise MarginError(msg)
    return number


def fraction(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not at least 0 and below 1."""
    number = finite(field, value)
    if not 0 <= number < 1:
        msg = f"{field} = {value!r}: give a fraction of at least 0 and below 1 (0.4 % is 0.004)"
        raise MarginError(msg)
    return number


def name_text(field: str, value: object) -> str:
    """Return `value`, or refuse what is not a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        msg = f'{field} = {value!r}: give a name, such as "BTCUSDT"'
        raise MarginError(msg)
    return value
