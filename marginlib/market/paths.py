"""The two records of a price history: `Bars` of one symbol, and a `PricePath` of mark prices that says what it is.

Times are UTC throughout, and a moment without a zone is refused rather than guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marginlib.errors import MarginError, name_text, unknown, wrong

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TimeArray = NDArray[np.datetime64]

# The exchange's names of the bar lengths that are always equally long [s].
_TIMEFRAMES = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800,
    "1h": 3_600, "2h": 7_200, "4h": 14_400, "6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": 86_400,
}  # fmt: skip
_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNKNOWN = np.timedelta64("NaT", "s")
_PRICES = ("open", "high", "low", "close", "mark_high", "mark_low", "mark_close")
_COLUMNS = (*_PRICES, "volume", "funding_rate")


def seconds(field: str, timeframe: object) -> int:
    """Return the length of a timeframe such as "1h" [s], or refuse what is not one of the exchange's names."""
    if not isinstance(timeframe, str) or timeframe not in _TIMEFRAMES:
        raise unknown(field, timeframe, _TIMEFRAMES)
    return _TIMEFRAMES[timeframe]


def moment(field: str, value: object) -> np.datetime64:
    """Return a moment that a caller or a file gave as a numpy time in whole seconds, UTC, or refuse it.

    It may be a text with its zone ("2020-03-12T11:00Z"), a day ("2020-03-12", its midnight in UTC), a `datetime` with
    its zone, or a `numpy.datetime64`, which this library always reads as UTC.
    """
    if isinstance(value, np.datetime64) and not np.isnat(value):
        whole: np.datetime64 = value.astype("datetime64[s]")
        if whole != value:
            raise wrong(field, value, "give a whole second")
        return whole
    when = value
    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(f"{value}T00:00:00Z" if _A_DAY.fullmatch(value) else value)
        except ValueError:
            raise wrong(field, value, "give a UTC date and time such as 2020-03-12T11:00:00Z") from None
    if isinstance(when, date) and not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day, tzinfo=UTC)
    if not isinstance(when, datetime):
        raise wrong(field, value, 'give a UTC moment such as "2020-03-12T11:00Z"')
    written = value if isinstance(value, str) else when.isoformat()
    if when.tzinfo is None:
        raise wrong(field, written, f"no time zone; all times are UTC, so write {written}Z")
    if when.utcoffset() != timedelta(0):
        raise wrong(field, written, f"give UTC; this moment is {when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if when.microsecond:
        raise wrong(field, written, "give a whole second")
    return np.datetime64(int(when.timestamp()), "s")


def _moments(times: object) -> TimeArray:
    """Return the times of a record in whole seconds; numbers are refused, as they do not say their unit."""
    given: NDArray[np.generic] = np.array(times)
    if given.dtype.kind in "iuf" and given.size:
        give = "numbers do not say their unit; of milliseconds since 1970, give np.array(times, dtype='datetime64[ms]')"
        raise wrong("times", given.flat[0].item(), give)
    try:
        return given.astype("datetime64[s]")
    except ValueError:
        raise wrong("times", times, "give UTC moments such as 2020-03-12T11:00") from None


def text(when: np.datetime64 | int) -> str:
    """Return a moment as text with its zone, such as 2020-03-12T11:00:00Z."""
    return f"{np.array(when).astype('datetime64[s]')}Z"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Bars:
    """One symbol's bars, equally long and without a gap unless `gaps` says so, as read-only arrays of one length n.

    A bar says how far a price went, not whether its high or its low came first.

    A column that the source does not have is `None`, never an array of NaN: comparing with NaN is always false, so a
    missing mark price would look like an account that is never liquidated.

    Args:
        symbol: the contract's name, such as "BTCUSDT".
        times: when each bar opens, UTC (n,) [datetime64[s]].
        open: last traded price at the start of each bar (n,) [quote currency per base coin].
        high: highest last price of each bar (n,) [quote currency per base coin].
        low: lowest last price of each bar (n,) [quote currency per base coin].
        close: last traded price at the end of each bar (n,) [quote currency per base coin].
        volume: traded size (n,) [base coin], or None.
        mark_high: highest mark price of each bar (n,) [quote currency per base coin], or None.
        mark_low: lowest mark price of each bar (n,) [quote currency per base coin], or None.
        mark_close: mark price at the end of each bar (n,) [quote currency per base coin], or None.
        funding_rate: sum of the rates settled within each bar (n,) [1], NaN in a bar without a settlement, or None.
        step: length of a bar [timedelta64[s]]; left out, the commonest distance of two neighbours.
        source: where the bars come from.
        gaps: True where bars may be missing; what happened meanwhile, funding too, is unknown, and no replay counts it.

    Raises:
        MarginError: arrays of different lengths, no bar, a gap, a duplicate, a bar out of order, a price that is not a
            finite number above 0, a high below its low, or an open or close outside of them.

    Example:
        >>> bars = Bars(
        ...     symbol="BTCUSDT", times=np.array(["2020-03-12T10", "2020-03-12T11"], dtype="datetime64[s]"),
        ...     open=[7_600, 7_350], high=[7_650, 7_400], low=[7_300, 5_550], close=[7_350, 6_090],
        ... )
        >>> bars
        <Bars BTCUSDT: 2 of 1:00:00 from 2020-03-12T10:00:00Z to 2020-03-12T12:00:00Z; source not given>
    """

    symbol: str
    times: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray | None = None
    mark_high: FloatArray | None = None
    mark_low: FloatArray | None = None
    mark_close: FloatArray | None = None
    funding_rate: FloatArray | None = None
    step: np.timedelta64 = _UNKNOWN
    source: str = "source not given"
    gaps: bool = False

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        times = _moments(self.times)
        if times.ndim != 1 or not times.size or np.isnat(times).any():
            raise MarginError(f"times of {self.symbol}: give one UTC time for each bar, in one row, and at least one")
        _keep(self, "times", times)
        columns = {}
        for name in _COLUMNS:
            if getattr(self, name) is not None:
                columns[name] = array = np.array(getattr(self, name), dtype=np.float64)
                if array.shape != times.shape:
                    raise MarginError(f"{name} of {self.symbol}: shape {array.shape}; give {times.size} numbers")
                _keep(self, name, array)
        step, bar, why = step_fault(times, self.step, gaps=self.gaps)
        if why:
            raise MarginError(f"times of {self.symbol}: bar {bar}: {why}")
        object.__setattr__(self, "step", step)
        if fault := first_fault(columns):
            name, bar, why = fault
            raise MarginError(f"{name} of {self.symbol} at {text(times[bar])} = {float(columns[name][bar])!r}: {why}")

    def __len__(self) -> int:
        """Return how many bars there are."""
        return self.times.size

    def __repr__(self) -> str:
        span = f"{self.step.astype('timedelta64[s]').item()} from {text(self.times[0])} to {text(self.end)}"
        gaps = "".join(f"; a gap from {text(begin)} to {text(end)}" for begin, end in self.holes)
        return f"<Bars {self.symbol}: {len(self)} of {span}{gaps}; {self.source}>"

    @property
    def end(self) -> np.datetime64:
        """When the last bar closes, UTC."""
        end: np.datetime64 = self.times[-1] + self.step
        return end

    @property
    def holes(self) -> list[tuple[np.datetime64, np.datetime64]]:
        """From when to when bars are missing, UTC."""
        ends = self.times + self.step
        return [(ends[bar], self.times[bar + 1]) for bar in np.flatnonzero(ends[:-1] != self.times[1:])]


def step_fault(
    times: TimeArray, step: np.timedelta64 = _UNKNOWN, *, gaps: bool = False
) -> tuple[np.timedelta64, int, str]:
    """Return the length of a bar, and the first bar that does not follow at that distance with what is wrong there.

    Left out, the length is the commonest distance of two neighbours; where nothing is wrong, the text is empty. With
    `gaps`, whole bars may be missing.
    """
    distances = np.diff(times).astype(np.int64)
    known = not np.isnat(step)
    if not known and not distances.size:
        return step, 0, "one bar does not tell its length; give its step, or two bars"
    counts = Counter(distances[distances > 0].tolist()).most_common(1) or [(0, 0)]
    length = int(step.astype("timedelta64[s]").astype(np.int64)) if known else counts[0][0]
    step = np.timedelta64(length, "s")
    if known and length <= 0:
        return step, 0, f"step = {step}: give a length above 0"
    for bar in np.flatnonzero(distances != length):
        before, after, distance = text(times[bar]), text(times[bar + 1]), int(distances[bar])
        if distance == 0:
            why = f"{after} comes twice; give each bar once"
        elif distance < 0:
            why = f"{after} comes after {before}; give the bars in order of time"
        elif distance % length:
            why = f"{after} comes {distance} s after {before}; the other bars are {length} s long"
        elif gaps:
            continue
        else:
            why = f"a gap: {distance // length - 1} of the bars of {length} s missing between {before} and {after}"
        return step, int(bar) + 1, why
    return step, 0, ""


def first_fault(columns: Mapping[str, FloatArray]) -> tuple[str, int, str] | None:
    """Return the first fault in the columns of some bars: name of the column, number of the bar, and what is wrong."""
    found: list[tuple[str, BoolArray, str]] = []
    for name, values in columns.items():
        if name.startswith("funding"):
            found.append((name, np.isinf(values), "give a finite rate, or NaN for no settlement"))
        elif name == "volume":
            found.append((name, ~(np.isfinite(values) & (values >= 0)), "give 0 or a number above 0"))
        else:
            found.append((name, ~(np.isfinite(values) & (values > 0)), "give a finite price above 0"))
    for mark, names in (("", ("high", "open", "close")), ("mark_", ("mark_high", "mark_close"))):
        low, high = columns.get(f"{mark}low"), columns.get(f"{mark}high")
        there = [(name, columns[name]) for name in names if name in columns]
        found += [(name, values < low, f"it is below {mark}low") for name, values in there if low is not None]
        found += [(name, values > high, f"it is above {mark}high") for name, values in there if high is not None]
    return next(((name, int(faults.argmax()), why) for name, faults, why in found if faults.any()), None)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PricePath:
    """Mark prices of several symbols, moment by moment, with a label that says what kind of prices they are.

    Args:
        symbols: the k symbols, in the order of the columns.
        times: n rising moments, UTC (n,) [datetime64[s]].
        mark_prices: the prices (n, k) [quote currency per base coin].
        interpolated: whether some of them are drawn between recorded figures.
        recorded: where a price is a recorded figure (n, k) [bool]; left out, nowhere.
        label: one sentence on where the prices come from; show it wherever the path is shown.

    Raises:
        MarginError: the shapes do not fit, the times do not rise, or a price is not a finite number above 0.
    """

    symbols: tuple[str, ...]
    times: TimeArray
    mark_prices: FloatArray
    label: str
    interpolated: bool = False
    recorded: BoolArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", tuple(name_text("symbols", symbol) for symbol in self.symbols))
        name_text("label", self.label)
        times = _moments(self.times)
        prices = np.array(self.mark_prices, dtype=np.float64)
        if len(set(self.symbols)) < len(self.symbols) or prices.shape != (times.size, len(self.symbols)):
            raise MarginError(
                f"mark_prices: shape {prices.shape} does not fit {times.size} times and symbols "
                f"{', '.join(self.symbols)}; give one row for each time and one column for each symbol"
            )
        if not times.size or np.isnat(times).any() or (np.diff(times) <= np.timedelta64(0, "s")).any():
            raise MarginError("times: give at least one, each later than the one before")
        if not (np.isfinite(prices) & (prices > 0)).all():
            raise MarginError("mark_prices: give finite prices above 0")
        recorded = np.zeros(prices.shape, dtype=np.bool_) if self.recorded is None else np.array(self.recorded, bool)
        if recorded.shape != prices.shape:
            raise MarginError(f"recorded: shape {recorded.shape}; give the shape of mark_prices, {prices.shape}")
        for name, array in (("times", times), ("mark_prices", prices), ("recorded", recorded)):
            _keep(self, name, array)

    def __len__(self) -> int:
        """Return how many moments the path has."""
        return self.times.size

    def __repr__(self) -> str:
        span = f"{len(self)} moments from {text(self.times[0])} to {text(self.times[-1])}"
        return f"<PricePath {', '.join(self.symbols)}: {span}; {self.label}>"

    def price(self, symbol: str) -> FloatArray:
        """Return one symbol's mark prices (n,) [quote currency per base coin].

        Raises:
            UnknownNameError: the path has no such symbol.
        """
        if symbol not in self.symbols:
            raise unknown("symbol", symbol, self.symbols)
        column: FloatArray = self.mark_prices[:, self.symbols.index(symbol)]
        return column

    def marks(self) -> Iterator[tuple[np.datetime64, dict[str, float]]]:
        """Yield each moment with its mark prices by symbol, in order: what `Account.at` takes."""
        for when, row in zip(self.times, self.mark_prices.tolist(), strict=True):
            yield when, dict(zip(self.symbols, row, strict=True))


def _keep(record: object, name: str, array: NDArray[np.generic]) -> None:
    """Store an array, read-only from now on, in a frozen record that is being made."""
    array.setflags(write=False)
    object.__setattr__(record, name, array)
