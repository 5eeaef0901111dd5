"""Times and time steps: everything is UTC, and a moment without a zone is refused rather than guessed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np

from marginlib.errors import UnknownNameError, wrong

__all__ = ["DAY", "TIMEFRAMES", "moment", "seconds", "text", "utc"]

TIMEFRAMES = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800,
    "1h": 3_600, "2h": 7_200, "4h": 14_400, "6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": 86_400,
}  # fmt: skip
"""The exchange's names of the bar lengths that are always equally long [s]."""

DAY = 86_400

_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def seconds(field: str, timeframe: object) -> int:
    """Return the length of a timeframe such as "1h" [s].

    Raises:
        UnknownNameError: it is not one of the exchange's names.
    """
    if not isinstance(timeframe, str) or timeframe not in TIMEFRAMES:
        raise wrong(field, timeframe, f"give one of {', '.join(TIMEFRAMES)}", UnknownNameError)
    return TIMEFRAMES[timeframe]


def utc(field: str, written: str) -> int:
    """Return a written moment as seconds since 1970 UTC.

    Raises:
        MarginError: it is no date and time, it says no zone or another zone than UTC, or it is not a whole second.
    """
    try:
        when = datetime.fromisoformat(written)
    except ValueError:
        raise wrong(field, written, "give a UTC date and time such as 2020-03-12T11:00:00Z") from None
    return _whole(field, written, when)


def moment(field: str, value: object) -> np.datetime64:
    """Return a moment that a caller gave as a numpy time in whole seconds, UTC.

    Args:
        field: what the caller calls it.
        value: a text with its zone ("2020-03-12T11:00Z"), a day ("2020-03-12", its midnight in UTC), a `datetime` with
            its zone, or a `numpy.datetime64`, which this library always reads as UTC.

    Raises:
        MarginError: it is none of these, or it has no zone or another zone than UTC.
    """
    if isinstance(value, np.datetime64) and not np.isnat(value):
        whole: np.datetime64 = value.astype("datetime64[s]")
        if whole != value:
            raise wrong(field, value, "give a whole second")
        return whole
    if isinstance(value, datetime):
        return np.datetime64(_whole(field, value.isoformat(), value), "s")
    if isinstance(value, date):
        return np.datetime64(value.isoformat(), "s")
    if isinstance(value, str):
        return np.datetime64(utc(field, f"{value}T00:00:00Z" if _A_DAY.fullmatch(value) else value), "s")
    raise wrong(field, value, 'give a UTC moment such as "2020-03-12T11:00Z"')


def text(when: np.datetime64 | int) -> str:
    """Return a moment as text with its zone, such as 2020-03-12T11:00:00Z."""
    return f"{np.array(when).astype('datetime64[s]')}Z"


def _whole(field: str, written: str, when: datetime) -> int:
    """Return a moment as whole seconds since 1970, or refuse its zone or its fraction."""
    if when.tzinfo is None:
        raise wrong(field, written, f"no time zone; all times are UTC, so write {written}Z")
    if when.utcoffset() != timedelta(0):
        raise wrong(field, written, f"give UTC; this moment is {when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if when.microsecond:
        raise wrong(field, written, "give a whole second")
    return int(when.timestamp())
