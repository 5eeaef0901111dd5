"""Read bar files: the exchange's public archive, and the plain layout with a time stamp and named columns.

The **archive** layout is that of Binance's public data collection (`klines` and `markPriceKlines` of USD-M futures):
twelve columns, with a header in newer files and without one in older ones, times in milliseconds (or microseconds)
since 1970, as `.csv` or as the `.zip` it comes in. A mark price stands in a file of its own, and so does funding.

The **plain** layout has a header: timestamp, open, high, low, close, and any of symbol, volume, mark_high, mark_low,
mark_close, and funding_rate or funding_sum. A timestamp says its zone, and that zone is UTC.

Nothing is repaired in silence: each fault is refused with the file, the line and what would be right.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite
from pathlib import Path

import numpy as np

from marginlib.errors import MarginError, wrong
from marginlib.market.clock import text, utc
from marginlib.market.paths import Bars

__all__ = ["read_bars", "read_text"]

_ARCHIVE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time",
    "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
_NEEDED = ("timestamp", "open", "high", "low", "close")
_OPTIONAL = ("symbol", "volume", "mark_high", "mark_low", "mark_close", "funding_rate", "funding_sum")
_MARKS = ("mark_high", "mark_low", "mark_close")
_HIGHS_LOWS = (("high", "low", ("open", "close")), ("mark_high", "mark_low", ("mark_close",)))

# 10^11 ms is the year 1973, 10^14 ms the year 5138: above that, a time is in microseconds.
_MILLISECONDS = range(10**11, 10**14)
_MICROSECONDS = range(10**14, 10**17)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a file: where it stands, and its fields by column name."""

    where: str
    number: int
    fields: dict[str, str]

    def wrong(self, message: str) -> MarginError:
        """Return the error that names this line."""
        return MarginError(f"{self.where}, line {self.number}: {message}")

    def price(self, column: str) -> float:
        """Return a column as a price, or refuse it."""
        value = self.number_of(column)
        if value <= 0:
            raise self.wrong(f"{column} = {self.fields[column]!r}: give a price above 0")
        return value

    def number_of(self, column: str) -> float:
        """Return a column as a finite number, or refuse it."""
        written = self.fields[column]
        try:
            value = float("nan" if "_" in written else written)  # Python reads 1_000, a bar file does not
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            what = "empty" if not written.strip() else repr(written)
            raise self.wrong(f"{column} = {what}: give one finite number")
        return value


def read_bars(
    path: str | os.PathLike[str],
    *,
    symbol: str | None = None,
    mark: str | os.PathLike[str] | None = None,
    funding: str | os.PathLike[str] | None = None,
) -> dict[str, Bars]:
    r"""Read a bar file in the archive's layout or the plain one, checked line by line.

    Args:
        path: the file, `.csv` or the archive's `.zip`; the layout is told by its first line.
        symbol: whose bars these are, for a file without a symbol column; left out, the name of the file says it: the
            archive's up to the first "-" (BTCUSDT-1h-2020-03.csv), a plain one's after the last "_".
        mark: archive layout only: the `markPriceKlines` file of the same times; it becomes the mark columns.
        funding: archive layout only: the `fundingRate` file; rates settled within a bar are added up, and a bar
            without a settlement has NaN. Settlements outside of the bars are left out.

    Returns:
        `Bars` by symbol, in the order of the file.

    Raises:
        MarginError: with the file and the line: a wrong number of columns or an unknown one, a value that is empty,
            NaN or no number, a price that is not above 0, a high below its low or not around its open and close, a
            time without a zone or not in UTC, a bar missing, twice or out of order, a bar that is not complete.
        OSError: the file cannot be opened.

    Source: the layout of https://github.com/binance/binance-public-data.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "h1_ETHUSDT.csv")
        ...     _ = file.write_text("timestamp,open,high,low,close\n"
        ...         "2020-03-12T10:00:00Z,180,181,165,168\n2020-03-12T11:00:00Z,168,169,121,132\n")
        ...     read_bars(file)["ETHUSDT"].low.tolist()
        [165.0, 121.0]
    """
    file = Path(path)
    content = _content(file)
    if _is_archive(content):
        return {
            (name := symbol or _named_in(file, file.name.split("-")[0])): _archive(file, content, name, mark, funding)
        }
    if mark is not None or funding is not None:
        raise MarginError(
            f"mark, funding: {file} has the plain layout, which keeps them in columns of its own; leave them out"
        )
    return read_text(content, file, symbol=symbol)


def read_text(content: str, file: Path, *, symbol: str | None = None, step: int | None = None) -> dict[str, Bars]:
    """Return the bars of a text in the plain layout, by symbol.

    Args:
        content: the text; lines before the header that start with "#" are notes.
        file: where it comes from.
        symbol: whose bars these are, if there is no symbol column; left out, the name of the file says it.
        step: length of a bar [s]; left out, the lines tell it.
    """
    lines = _lines(content, str(file))
    header = next(lines, None)
    if header is None:
        raise MarginError(f"{file}: empty; give a header and one bar a line")
    columns = _plain_columns(str(file), *header)
    if symbol is not None and "symbol" in columns:
        raise wrong("symbol", symbol, f"{file} has a column of symbols; leave it out")
    alone = "" if "symbol" in columns else symbol or _named_in(file, file.stem.split("_")[-1])
    by_symbol: dict[str, list[tuple[int, _Line]]] = {}
    for line in _named(lines, str(file), columns):
        name = alone or line.fields["symbol"].strip()
        if not name:
            raise line.wrong("symbol = empty: give the contract's name")
        by_symbol.setdefault(name, []).append((_stamp(line), line))
    if not by_symbol:
        raise MarginError(f"{file}: no bars after the header")
    return {name: _bars(name, rows, _in_order(rows, step), str(file)) for name, rows in by_symbol.items()}


def _named_in(file: Path, part: str) -> str:
    """Return the part of a file's name that says the symbol, or refuse to guess."""
    if not part.replace("_", "").isalnum() or not part.isupper():
        raise MarginError(f"symbol: the name of {file} does not say it; give symbol=")
    return part


def _plain_columns(where: str, number: int, header: list[str]) -> tuple[str, ...]:
    """Return the columns of a plain file, or refuse its header."""
    columns = tuple(name.strip() for name in header)
    missing = [name for name in _NEEDED if name not in columns]
    unknown = [name for name in columns if name not in (*_NEEDED, *_OPTIONAL)]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    both = {"funding_rate", "funding_sum"} <= set(columns)
    for what, names in (("missing", missing), ("unknown", unknown), ("twice", twice)):
        if names:
            raise MarginError(
                f"{where}, line {number}: columns {what}: {', '.join(map(repr, names))}; a header needs "
                f"{', '.join(_NEEDED)}, may have {', '.join(_OPTIONAL)}; the archive's has {len(_ARCHIVE)} columns"
            )
    if both:
        raise MarginError(f"{where}, line {number}: give funding_rate or funding_sum, not both")
    return columns


def _archive(
    file: Path,
    content: str,
    symbol: str,
    mark: str | os.PathLike[str] | None,
    funding: str | os.PathLike[str] | None,
) -> Bars:
    """Return the bars of an archive file, with the columns of its mark and funding files."""
    bars = _klines(file, content, symbol)
    if mark is not None:
        marked = _klines(Path(mark), _content(Path(mark)), symbol)
        if len(marked) != len(bars) or (marked.times != bars.times).any():
            raise MarginError(f"mark: {mark} has other times than {file}: {marked!r}, {bars!r}")
        bars = replace(bars, mark_high=marked.high, mark_low=marked.low, mark_close=marked.close)
    if funding is not None:
        bars = replace(bars, funding_rate=_settlements(Path(funding), bars))
    return bars


def _klines(file: Path, content: str, symbol: str) -> Bars:
    """Return the bars of one file of klines."""
    where = str(file)
    if not _is_archive(content):
        raise MarginError(
            f"{where}, line 1: give the archive's layout, {len(_ARCHIVE)} columns that begin with open_time"
        )
    rows, lengths = [], []
    for line in _named(_past_header(content, where, _ARCHIVE), where, _ARCHIVE):
        open_time, unit = _epoch(line, "open_time")
        close_time, close_unit = _raw_epoch(line, "close_time")
        length = (close_time + 1) / close_unit - open_time
        if open_time * unit != _raw_epoch(line, "open_time")[0] or length <= 0 or length != int(length):
            raise line.wrong(
                f"close_time = {close_time}: a complete bar closes one unit before a whole second after "
                f"open_time = {line.fields['open_time']}"
            )
        rows.append((open_time, line))
        lengths.append(int(length))
    if not rows:
        raise MarginError(f"{where}: no bars")
    for (_, line), length in zip(rows, lengths, strict=True):
        if length != lengths[0]:
            raise line.wrong(
                f"close_time = {line.fields['close_time']}: the bar lasts {length} s, those before it {lengths[0]} s"
            )
    return _bars(symbol, rows, _in_order(rows, lengths[0]), where)


def _settlements(file: Path, bars: Bars) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the sum of the funding rates settled within each bar, NaN where none was."""
    where = str(file)
    rates = np.full(len(bars), np.nan)
    step = int(bars.step / np.timedelta64(1, "s"))
    start = int(bars.times[0].astype(np.int64))
    last = None
    for line in _named(_past_header(_content(file), where, _FUNDING), where, _FUNDING):
        settled, _ = _epoch(line, "calc_time")
        if last is not None and settled <= last:
            raise line.wrong(f"calc_time = {line.fields['calc_time']}: not after the settlement before it")
        last = settled
        rate = line.number_of("last_funding_rate")
        bar = (settled - start) // step
        if 0 <= bar < len(bars):
            rates[bar] = rate if np.isnan(rates[bar]) else rates[bar] + rate
    if last is None:
        raise MarginError(f"{where}: no settlements")
    return rates


def _bars(symbol: str, rows: list[tuple[int, _Line]], step: int, where: str) -> Bars:
    """Return one symbol's lines, already in order, as arrays."""
    have = rows[0][1].fields.keys()
    data: dict[str, list[float]] = {}
    for column in ("open", "high", "low", "close", *(name for name in _MARKS if name in have)):
        data[column] = [line.price(column) for _, line in rows]
    for high, low, others in _HIGHS_LOWS:
        if high in data and low in data:
            _enclosed(rows, data, high, low, [name for name in others if name in data])
    if "volume" in have:
        data["volume"] = [line.number_of("volume") for _, line in rows]
        for (_, line), volume in zip(rows, data["volume"], strict=True):
            if volume < 0:
                raise line.wrong(f"volume = {line.fields['volume']!r}: give 0 or a number above 0")
    for column in ("funding_rate", "funding_sum"):
        if column in have:
            data["funding_rate"] = [
                line.number_of(column) if line.fields[column].strip() else float("nan") for _, line in rows
            ]
    times = np.array([time for time, _ in rows], dtype="datetime64[s]")
    arrays = {column: np.array(values) for column, values in data.items()}
    return Bars(symbol=symbol, times=times, step=np.timedelta64(step, "s"), source=Path(where).name, **arrays)


def _enclosed(
    rows: list[tuple[int, _Line]], data: dict[str, list[float]], high: str, low: str, others: list[str]
) -> None:
    """Refuse a bar whose high is below its low, or whose other prices lie outside of them."""
    for index, (_, line) in enumerate(rows):
        top, bottom = data[high][index], data[low][index]
        if top < bottom:
            raise line.wrong(f"{high} = {top!r} is below {low} = {bottom!r}")
        for other in others:
            if not bottom <= data[other][index] <= top:
                raise line.wrong(
                    f"{other} = {data[other][index]!r} is not between {low} = {bottom!r} and {high} = {top!r}"
                )


def _in_order(rows: list[tuple[int, _Line]], step: int | None) -> int:
    """Refuse lines that do not follow one another at equal steps; return the step [s].

    A plain file does not say how long a bar is: it is the commonest distance between two of its lines.
    """
    seen: dict[int, int] = {}
    latest = rows[0][0]
    for time, line in rows:
        if time in seen:
            raise line.wrong(f"{text(time)} repeats line {seen[time]}; give each bar once")
        if time < latest:
            raise line.wrong(f"{text(time)} comes after {text(latest)}; give the bars in order of time")
        seen[time] = line.number
        latest = time
    distances = [after - before for (before, _), (after, _) in pairwise(rows)]
    if step is None and not distances:
        raise rows[0][1].wrong("the only bar does not tell its length; give two bars or more")
    counts = Counter(distances)
    step = step or max(sorted(counts), key=lambda distance: counts[distance])
    for (before, _), (time, line) in pairwise(rows):
        if (time - before) % step:
            raise line.wrong(
                f"{text(time)} comes {time - before} s after {text(before)}; the bars of this file are {step} s long"
            )
        if time - before > step:
            missing = (time - before) // step - 1
            bars = "1 bar" if missing == 1 else f"{missing} bars"
            raise line.wrong(f"a gap: {bars} of {step} s missing between {text(before)} and {text(time)}")
    return step


def _stamp(line: _Line) -> int:
    """Return a plain line's time as seconds since 1970 UTC."""
    try:
        return utc("timestamp", line.fields["timestamp"])
    except MarginError as error:
        raise line.wrong(str(error)) from None


def _epoch(line: _Line, column: str) -> tuple[int, int]:
    """Return an archive time rounded to seconds, and how many of its units make one.

    A settlement of funding is stamped some milliseconds after the hour that it belongs to, hence the rounding.
    """
    time, unit = _raw_epoch(line, column)
    return (time + unit // 2) // unit, unit


def _raw_epoch(line: _Line, column: str) -> tuple[int, int]:
    """Return an archive time as written, and how many of its units make a second."""
    written = line.fields[column].strip()
    time = int(written) if written.isascii() and written.isdigit() else 0
    for span, unit in ((_MILLISECONDS, 10**3), (_MICROSECONDS, 10**6)):
        if time in span:
            return time, unit
    raise line.wrong(f"{column} = {written!r}: give milliseconds or microseconds since 1970 UTC, such as 1583971200000")


def _is_archive(content: str) -> bool:
    """Tell the archive's layout by its first line: a header that begins with open_time, or no header at all."""
    first = content.partition("\n")[0].partition(",")[0].strip().strip('"')
    return first == "open_time" or first.isdigit()


def _past_header(content: str, where: str, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of an archive file without its header, if it has one; refuse another header."""
    for number, fields in _lines(content, where):
        if not fields[0].strip().isdigit() and number == 1:
            names = tuple(name.strip() for name in fields)
            if names != columns:
                raise MarginError(f"{where}, line 1: columns {', '.join(names)}: give {', '.join(columns)}")
            continue
        yield number, fields


def _named(lines: Iterator[tuple[int, list[str]]], where: str, columns: tuple[str, ...]) -> Iterator[_Line]:
    """Yield lines with their fields by name, or refuse a line with another number of columns."""
    for number, fields in lines:
        if len(fields) != len(columns):
            raise MarginError(
                f"{where}, line {number}: {len(fields)} columns; give {len(columns)}: {', '.join(columns)}"
            )
        yield _Line(where, number, dict(zip(columns, fields, strict=True)))


def _lines(content: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and fields, without the notes at the top and without empty lines at the end."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    top, empty = True, None
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MarginError(f"{where}, line {reader.line_num}: not comma-separated values: {error}") from None
        if not fields:
            empty = empty or reader.line_num
            continue
        if empty is not None:
            raise MarginError(f"{where}, line {empty}: empty; give one bar a line")
        if top and fields[0].startswith("#"):
            continue
        top = False
        yield reader.line_num, fields


def _content(file: Path) -> str:
    """Return a file's text; of a `.zip`, that of the one `.csv` in it."""
    raw = file.read_bytes()
    if file.suffix == ".zip":
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                names = [name for name in archive.namelist() if name.endswith(".csv")]
                if len(names) != 1:
                    raise MarginError(f"{file}: {len(names)} .csv files inside; give an archive with one")
                raw = archive.read(names[0])
        except zipfile.BadZipFile as error:
            raise MarginError(f"{file}: damaged: {error}; fetch it again") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise MarginError(f"{file}, line {line}: not UTF-8 text: {error.reason}") from None
