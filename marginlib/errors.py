"""Checks of numbers that come from outside: every message names the field, the value and what would be right."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from math import inf, isfinite, nan
from numbers import Real

__all__ = ["MarginError", "UnknownNameError", "at_least_zero", "finite", "fraction", "name_text", "positive", "wrong"]

# Sums and ratios of amounts up to here stay within a float, so that no result is infinite unnoticed.
LARGEST = 1e300


class MarginError(ValueError):
    """An input that no margin account can have; the message names the field, the value and what would be right."""


class UnknownNameError(MarginError):
    """A symbol, venue or date that is not in the table asked; the message lists the ones that are."""


def wrong(field: str, value: object, give: str, kind: type[MarginError] = MarginError) -> MarginError:
    """Return the error that names a field, the value given, and what would be right; raise it.

    Args:
        field: what was given, as the caller knows it.
        value: its value.
        give: what would be right, such as "give a number above 0".
        kind: the class of the error.

    Example:
        >>> raise wrong("leverage", 0, "give a number above 0")
        Traceback (most recent call last):
        marginlib.errors.MarginError: leverage = 0: give a number above 0
    """
    return kind(f"{field} = {_shown(value)}: {give}")


def finite(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not one finite number."""
    plain = _plain(value)
    number = nan
    if not isinstance(plain, bool) and isinstance(plain, Real | Decimal):  # True is a Real, but no amount of money
        try:
            number = float(plain)
        except OverflowError:  # an integer beyond every float
            number = inf
        except ValueError:  # a Decimal that signals
            number = nan
    if not -LARGEST <= number <= LARGEST:
        limit = f" of at most {LARGEST:g} in size" if isfinite(number) else ""
        raise wrong(field, value, f"give one finite number{limit}")
    return number


def _plain(value: object) -> object:
    """Return what stands in a scalar of numpy, or in an array of no dimension; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _shown(value: object) -> str:
    """Return a value as text for a message; what would fill the screen is cut."""
    value = _plain(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, int) and value.bit_length() > 200:  # noqa: PLR2004 - Python refuses to print the longest
        return f"an integer of {value.bit_length()} bits"
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def positive(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not a finite number above zero."""
    number = finite(field, value)
    if number <= 0:
        raise wrong(field, value, "give a number above 0")
    return number


def at_least_zero(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not a finite number of zero or more."""
    number = finite(field, value)
    if number < 0:
        raise wrong(field, value, "give 0 or a number above 0")
    return number


def fraction(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not at least 0 and below 1."""
    number = finite(field, value)
    if not 0 <= number < 1:
        raise wrong(field, value, "give a fraction of at least 0 and below 1 (0.4 % is 0.004)")
    return number


def name_text(field: str, value: object) -> str:
    """Return `value`, or refuse what is not a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise wrong(field, value, 'give a name, such as "BTCUSDT"')
    return value
