"""The two records of a price history: `Bars` of one symbol, and a `PricePath` of mark prices that says what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib.errors import MarginError, UnknownNameError, name_text, wrong
from marginlib.market.clock import moment, text

__all__ = ["Bars", "BoolArray", "FloatArray", "PricePath", "TimeArray", "join_bars"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TimeArray = NDArray[np.datetime64]

_UNKNOWN = np.timedelta64("NaT", "s")
_PRICES = ("open", "high", "low", "close", "mark_high", "mark_low", "mark_close")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Bars:
    """One symbol's bars, equally long and without a gap, as read-only arrays of one length n.

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
        step: length of a bar [timedelta64[s]]; left out, the distance of the first two.
        source: where the bars come from.

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

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        times = np.array(self.times, dtype="datetime64[s]")
        if times.ndim != 1 or not times.size or np.isnat(times).any():
            raise MarginError(f"times of {self.symbol}: give one UTC time for each bar, in one row, and at least one")
        _keep(self, "times", times)
        for column in (*_PRICES, "volume", "funding_rate"):
            if getattr(self, column) is not None:
                _keep(self, column, _column(self.symbol, column, getattr(self, column), times.size))
        self._check_steps()
        self._check_prices()

    def _check_steps(self) -> None:
        """Refuse bars that do not follow one another at equal steps; store the step."""
        steps = np.diff(self.times)
        if np.isnat(self.step):
            if not steps.size:
                raise MarginError(f"step of {self.symbol}: one bar does not tell its length; give the step")
            object.__setattr__(self, "step", steps[0])
        if self.step <= np.timedelta64(0, "s"):
            raise MarginError(f"step of {self.symbol} = {self.step}: give bars in rising order of time")
        (odd,) = np.nonzero(steps != self.step)
        if odd.size:
            before, after = self.times[odd[0]], self.times[odd[0] + 1]
            raise MarginError(
                f"times of {self.symbol}: {text(after)} follows {text(before)}; bars must be {self.step} apart"
            )

    def _check_prices(self) -> None:
        """Refuse prices that are not prices, and bars whose high and low do not enclose their other prices."""
        for column in _PRICES:
            price = getattr(self, column)
            if price is not None:
                self._refuse(~(np.isfinite(price) & (price > 0)), column, "give a finite price above 0")
        if self.volume is not None:
            self._refuse(~(np.isfinite(self.volume) & (self.volume >= 0)), "volume", "give 0 or a number above 0")
        if self.funding_rate is not None:
            self._refuse(np.isinf(self.funding_rate), "funding_rate", "give a finite rate, or NaN for no settlement")
        for high, low, others in (("high", "low", ("open", "close")), ("mark_high", "mark_low", ("mark_close",))):
            top, bottom = getattr(self, high), getattr(self, low)
            if top is not None and bottom is not None:
                self._refuse(top < bottom, high, f"it is below {low}")
            for other in others:
                price = getattr(self, other)
                if price is not None and top is not None:
                    self._refuse(price > top, other, f"it is above {high}")
                if price is not None and bottom is not None:
                    self._refuse(price < bottom, other, f"it is below {low}")

    def _refuse(self, wrong: BoolArray, column: str, what: str) -> None:
        """Refuse the bars where `wrong` is true, naming the first."""
        (rows,) = np.nonzero(wrong)
        if rows.size:
            value = getattr(self, column)[rows[0]]
            raise MarginError(f"{column} of {self.symbol} at {text(self.times[rows[0]])} = {float(value)!r}: {what}")

    def __len__(self) -> int:
        """Return how many bars there are."""
        return self.times.size

    def __repr__(self) -> str:
        length = self.step.astype("timedelta64[s]").item()
        return (
            f"<Bars {self.symbol}: {len(self)} of {length} from {text(self.times[0])} to {text(self.end)}; "
            f"{self.source}>"
        )

    @property
    def end(self) -> np.datetime64:
        """When the last bar closes, UTC."""
        end: np.datetime64 = self.times[-1] + self.step
        return end

    def mark_prices(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the mark's high, low and close, which decide about liquidation (n,) each [quote currency].

        Raises:
            MarginError: the source has none, or not all three.
        """
        if self.mark_high is None or self.mark_low is None or self.mark_close is None:
            have = [column for column in ("mark_high", "mark_low", "mark_close") if getattr(self, column) is not None]
            raise MarginError(
                f"mark_prices of {self.symbol}: {self.source} has {', '.join(have) or 'no mark price'}; needs all three"
            )
        return self.mark_high, self.mark_low, self.mark_close

    def between(self, start: object, end: object) -> Self:
        """Return the bars that open at or after `start` and before `end`.

        Args:
            start: UTC moment, as text with its zone, a day, a `datetime` with its zone or a `numpy.datetime64`.
            end: UTC moment, in the same ways.

        Raises:
            MarginError: the bars do not cover that span, or no bar opens in it.
        """
        first, last = moment("start", start), moment("end", end)
        if first < self.times[0] or last > self.end:
            raise MarginError(
                f"start, end = {text(first)}, {text(last)}: {self.symbol} has bars "
                f"from {text(self.times[0])} to {text(self.end)}"
            )
        span = slice(*np.searchsorted(self.times, [first, last]))
        if span.start >= span.stop:
            raise MarginError(f"start, end = {text(first)}, {text(last)}: no bar of {self.symbol} opens in this span")
        part: dict[str, Any] = {}
        for column in ("times", *_PRICES, "volume", "funding_rate"):
            array = getattr(self, column)
            part[column] = None if array is None else array[span]
        return replace(self, **part)


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

    Example:
        >>> from marginlib.market.recorded import crash
        >>> path = crash("black-thursday-2020").path(["BTCUSDT"], step="30m")
        >>> path.interpolated, path.price("BTCUSDT")[:2].round(2).tolist()
        (True, [7841.8, 7849.02])
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
        times = np.array(self.times, dtype="datetime64[s]")
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
        return (
            f"<PricePath {', '.join(self.symbols)}: {len(self)} moments from {text(self.times[0])} "
            f"to {text(self.times[-1])}; {self.label}>"
        )

    def price(self, symbol: str) -> FloatArray:
        """Return one symbol's mark prices (n,) [quote currency per base coin].

        Raises:
            UnknownNameError: the path has no such symbol.
        """
        if symbol not in self.symbols:
            raise wrong("symbol", symbol, f"give one of {', '.join(self.symbols)}", UnknownNameError)
        column: FloatArray = self.mark_prices[:, self.symbols.index(symbol)]
        return column

    def marks(self) -> Iterator[tuple[np.datetime64, dict[str, float]]]:
        """Yield each moment with its mark prices by symbol, in order: what `Account.at` takes."""
        for when, row in zip(self.times, self.mark_prices.tolist(), strict=True):
            yield when, dict(zip(self.symbols, row, strict=True))


def join_bars(parts: Sequence[Bars]) -> Bars:
    """Return bars that follow one another, such as the exchange's monthly files, as one record.

    Columns that one part lacks are dropped from all, for a column is whole or not there.

    Args:
        parts: bars of one symbol and one step, in order; each opens when the one before has closed.

    Raises:
        MarginError: no part, another symbol or step, a gap or an overlap between two parts.

    Example:
        >>> hours = np.arange("2020-03-12T00", "2020-03-12T04", dtype="datetime64[h]")
        >>> one = Bars(symbol="A", times=hours, open=[1] * 4, high=[1] * 4, low=[1] * 4, close=[1] * 4)
        >>> halves = [one.between("2020-03-12", hours[2]), one.between(hours[2], one.end)]
        >>> len(join_bars(halves))
        4
    """
    if not parts:
        raise MarginError("parts: give at least one")
    first = parts[0]
    for before, after in pairwise(parts):
        if (after.symbol, after.step) != (first.symbol, first.step):
            raise MarginError(f"parts: {after!r} does not go with {first!r}; join bars of one symbol and one step")
        if after.times[0] != before.end:
            what = "a gap" if after.times[0] > before.end else "an overlap"
            raise MarginError(f"parts: {what}: {before!r} is followed by {after!r}")
    joined: dict[str, Any] = {}
    for field in fields(Bars):
        arrays = [getattr(part, field.name) for part in parts]
        if isinstance(arrays[0], np.ndarray) or arrays[0] is None:
            joined[field.name] = None if any(array is None for array in arrays) else np.concatenate(arrays)
    sources = dict.fromkeys(part.source for part in parts)
    source = next(iter(sources)) if len(sources) == 1 else f"{len(parts)} parts, the first {first.source}"
    return replace(first, **joined, source=source)


def _column(symbol: str, name: str, values: ArrayLike, length: int) -> FloatArray:
    """Return a column as an array of floats, or refuse its length."""
    array = np.array(values, dtype=np.float64)
    if array.shape != (length,):
        raise MarginError(f"{name} of {symbol}: shape {array.shape}; give one number for each of the {length} times")
    return array


def _keep(record: object, name: str, array: NDArray[np.generic]) -> None:
    """Store an array, read-only from now on, in a frozen record that is being made."""
    array.setflags(write=False)
    object.__setattr__(record, name, array)
