"""Checks of numbers that come from outside: every message names the field, the value and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from math import inf, isfinite, nan
from numbers import Real
from re import sub

__all__ = [
    "MarginError",
    "UnknownNameError",
    "at_least_zero",
    "finite",
    "fraction",
    "name_text",
    "positive",
    "unknown",
    "wrong",
]

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


def unknown(
    field: str,
    value: object,
    names: Iterable[object],
    give: str = "give one of",
    kind: type[MarginError] = UnknownNameError,
) -> MarginError:
    """Return the error for a name that is not among those that are; with the nearest of them.

    Args:
        field: what was named, as the caller knows it.
        value: the name given.
        names: those that are.
        give: what stands before their list.
        kind: the class of the error.

    Example:
        >>> raise unknown("symbol", "btc/usdt", ["BTCUSDT", "ETHUSDT"])
        Traceback (most recent call last):
        marginlib.errors.UnknownNameError: symbol = 'btc/usdt' (did you mean BTCUSDT?): give one of BTCUSDT, ETHUSDT
    """
    texts = [str(name) for name in names]
    near = " or ".join(_near(value, texts))
    asked = f" (did you mean {near}?)" if near else ""
    return kind(f"{field} = {_shown(value)}{asked}: {give} {', '.join(texts)}")


def _near(value: object, names: list[str]) -> list[str]:
    """Return up to three names that may be meant: the same but for case and signs, those it begins, those like it."""
    bare, asked = {name: _bare(name) for name in names}, _bare(str(value))
    if isinstance(value, Real | None) or not asked:
        return []
    same = [name for name in names if bare[name] == asked]
    begun = [name for name in names if bare[name].startswith(asked)]
    like = set(get_close_matches(asked, bare.values(), cutoff=0.8))
    return (same or begun or [name for name in names if bare[name] in like])[:3]


def _bare(name: str) -> str:
    """Return a name without case, signs, and what a contract's name ends with, so that BTC, BTC/USDT are BTCUSDT."""
    letters = sub(r"[\W_]", "", name.casefold().removesuffix(".p"))
    return sub(r"(?<=.)(usd[tc]?|perp|swap)+$", "", letters)


def finite(field: str, value: object) -> float:
    """Return `value` as a float, or refuse what is not one finite number."""
    if type(value) is float and -LARGEST <= value <= LARGEST:
        return value  # what nearly every call gives, in a tenth of the time
    plain = _plain(value)
    number = nan
    if not isinstance(plain, bool) and isinstance(plain, Real | Decimal):  # True is a Real, but no amount of money
        try:
            number = float(plain)
        except (OverflowError, ValueError):  # an integer beyond every float, a Decimal that signals
            number = inf
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
    if isinstance(value, float):  # 100 became 100.0 in here
        text = f"{value:,}".removesuffix(".0")
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
