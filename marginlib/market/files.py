"""Bar files and tables, read by pandas: the exchange's public archive, the plain layout, ccxt's lists.

The **archive** layout is that of Binance's public data collection (`klines` and `markPriceKlines` of USD-M futures):
twelve columns, with a header in newer files and without one in older ones, times in milliseconds (or microseconds)
since 1970, as `.csv` or as the `.zip` it comes in. A mark price stands in a file of its own, and so does funding.

The **plain** layout, of a file or of a DataFrame, has a header: timestamp, open, high, low, close, and any of symbol,
volume, mark_high, mark_low, mark_close, and funding_rate or funding_sum. A timestamp says its zone, and that is UTC.

Nothing is repaired in silence: each fault is refused with the file, the line and the column.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib.errors import MarginError, wrong
from marginlib.market.paths import Bars, FloatArray, first_fault, moment, step_fault

if TYPE_CHECKING:
    import pandas as pd

_ARCHIVE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time",
    "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
_NEEDED = ("timestamp", "open", "high", "low", "close")
_OPTIONAL = ("symbol", "volume", "mark_high", "mark_low", "mark_close", "funding_rate", "funding_sum")
_SECOND = 10**6  # [us]
_APART = 1.25  # a mark and a last price that are usually further apart are of two contracts


def read_bars(
    source: str | os.PathLike[str] | pd.DataFrame | Sequence[Sequence[float]],
    *,
    symbol: str | None = None,
    mark: str | os.PathLike[str] | None = None,
    funding: str | os.PathLike[str] | None = None,
) -> dict[str, Bars]:
    r"""Read bars from a file, a DataFrame or a ccxt list, each line checked.

    Args:
        source: a file in the archive's layout or the plain one, `.csv` or `.zip`, told apart by its first line; a
            DataFrame with the plain layout's columns; or what ccxt's `fetch_ohlcv` gives, lists of milliseconds since
            1970, open, high, low, close and volume.
        symbol: whose bars these are, where no column says it; left out, the name of the file does: the archive's up to
            the first "-" (BTCUSDT-1h-2020-03.csv), a plain one's after the last "_".
        mark: archive layout only: the `markPriceKlines` file of the same times; it becomes the mark columns.
        funding: archive layout only: the `fundingRate` file; rates settled within a bar are added up, and a bar
            without a settlement has NaN. Settlements outside of the bars are left out.

    Returns:
        `Bars` by symbol, in the order of the source.

    Raises:
        MarginError: with the file, the line and the column: an unknown column or one that is missing, a value that is
            empty, NaN or no number, a price that is not above 0, a high below its low or not around its open and close,
            a time without a zone or not in UTC, a bar missing, twice or out of order, a bar that is not complete.
        OSError: the file cannot be opened.

    Source: the layout of https://github.com/binance/binance-public-data.

    Example:
        >>> hour = [[1584007200000, 7600, 7650, 7300, 7350, 12], [1584010800000, 7350, 7400, 5550, 6090, 80]]
        >>> read_bars(hour, symbol="BTCUSDT")
        {'BTCUSDT': <Bars BTCUSDT: 2 of 1:00:00 from 2020-03-12T10:00:00Z to 2020-03-12T12:00:00Z; list>}
    """
    import pandas as pd  # noqa: PLC0415 - half a second that every import of the library would pay

    if isinstance(source, pd.DataFrame):
        return _plain(_Table(source.astype(object).where(source.notna(), "").astype(str), "table, row"), symbol)
    if not isinstance(source, str | os.PathLike):
        if symbol is None:
            raise wrong("symbol", symbol, "a list does not say whose bars these are; give symbol=")
        columns = (*_NEEDED, "volume")
        table = _Table(pd.DataFrame(source, dtype=object).astype(str), "list, row").named(columns)
        return {symbol: table.bars(symbol, table.epochs("timestamp") // _SECOND, columns)}
    file = Path(source)
    table = _read(file)
    if table.first == "open_time" or table.first.isdigit():
        return {(name := symbol or _named_in(file, file.name.split("-")[0])): _archive(table, name, mark, funding)}
    if mark is not None or funding is not None:
        raise MarginError(f"mark, funding: {file} has columns of its own for them; leave them out")
    table = table.named()
    if symbol is None and "symbol" not in table.fields:
        symbol = _named_in(file, file.stem.split("_")[-1])
    return _plain(table, symbol)


class _Table:
    """Fields as text, whatever they came as; its index says where they stand."""

    def __init__(self, fields: pd.DataFrame, where: str) -> None:
        if fields.empty:
            raise MarginError(f"{where} 1: no bars")
        self.fields, self.where = fields, where

    @property
    def first(self) -> str:
        """The first field of all, by which the layouts are told apart."""
        return str(self.fields.iloc[0, 0]).strip()

    def named(self, columns: tuple[str, ...] = ()) -> _Table:
        """Return the table with its columns named: by these, which a header has to repeat, or by its header."""
        fields = self.fields
        names = tuple(fields.iloc[0].str.strip())
        if not columns or not self.first.isdigit():
            fields = fields.iloc[1:]
        elif len(names) == len(columns):
            names = columns
        if columns and names != columns:
            raise MarginError(f"{self.where} 1: columns {', '.join(names)}: give {', '.join(columns)}")
        return _Table(fields.set_axis(list(names), axis=1), self.where)

    def wrong(self, row: int, column: str, give: str) -> MarginError:
        """Return the error that names the file, the line and the column."""
        value = str(self.fields[column].iloc[row])
        shown = repr(value) if value.strip() else "empty"
        return MarginError(f"{self.where} {self.fields.index[row]}: {column} = {shown}: {give}")

    def numbers(self, column: str, *, gaps: bool = False) -> FloatArray:
        """Return a column as numbers; an empty field is refused or, with gaps, NaN."""
        values = np.array([_number(each) for each in self.fields[column]], dtype=np.float64)
        faults = ~np.isfinite(values)
        if gaps:
            faults &= self.fields[column].str.strip().ne("").to_numpy(dtype=np.bool_)
        if faults.any():
            raise self.wrong(int(faults.argmax()), column, "give one finite number")
        return values

    def epochs(self, column: str, *, later: int = 0) -> NDArray[np.int64]:
        """Return a column of milliseconds or microseconds since 1970, some of these units later, in microseconds."""
        times = []
        for row, written in enumerate(self.fields[column].str.strip()):
            time = int(written) if written.isascii() and written.isdigit() else 0
            # 10^11 ms is the year 1973, 10^14 ms the year 5138: above that, a time is in microseconds.
            if not 10**11 <= time < 10**17:
                raise self.wrong(row, column, "give milliseconds or microseconds since 1970 UTC, such as 1583971200000")
            times.append((time + later) * (1_000 if time < 10**14 else 1))
        return np.array(times, dtype=np.int64)

    def bars(self, symbol: str, times: ArrayLike, columns: Iterable[str], length: int | None = None) -> Bars:
        """Return one symbol's bars that open at these times [s], with the columns that there are."""
        opens = np.array(times, dtype="datetime64[s]")
        step, row, why = step_fault(opens, np.timedelta64("NaT" if length is None else length, "s"))
        if why:
            raise self.wrong(row, str(self.fields.columns[0]), why)
        there = [name for name in columns if name in self.fields and name not in {"timestamp", "symbol"}]
        data = {name: self.numbers(name, gaps=name.startswith("funding")) for name in there}
        if fault := first_fault(data):
            raise self.wrong(fault[1], fault[0], fault[2])
        if "funding_sum" in data:
            data["funding_rate"] = data.pop("funding_sum")
        source = Path(self.where.rpartition(",")[0]).name
        return Bars(symbol=symbol, times=opens, step=step, source=source, **data)


def _number(written: str) -> float:
    """Return a text as a number, NaN where it is none. Python reads 1_000, a bar file does not."""
    try:
        return nan if "_" in written else float(written)
    except ValueError:
        return nan


def _read(file: Path) -> _Table:
    """Return a file's fields by line, without the notes at its top and the empty lines at its end."""
    import pandas as pd  # noqa: PLC0415 - as above

    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        notes = sum(1 for _ in takewhile(lambda line: line.startswith("#"), lines))
    try:
        # A byte that is no text becomes a text that is no number, and is refused where it stands.
        fields = pd.read_csv(
            file, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False, skiprows=notes,
            encoding="utf-8-sig", encoding_errors="backslashreplace",
        )  # fmt: skip
    except (ValueError, BadZipFile) as error:  # pandas' own errors are ValueErrors; those of a line name it
        raise MarginError(f"{file}: not one table of comma-separated values: {error}") from None
    filled = np.flatnonzero(fields.ne("").any(axis=1))
    fields.index += notes + 1
    return _Table(fields.iloc[: filled.max(initial=-1) + 1], f"{file}, line")


def _symbol_of(file: Path) -> str:
    """Return the symbol that an archive's file name begins with, or nothing where it begins otherwise."""
    part = file.name.split("-")[0]
    return part if part.replace("_", "").isalnum() and part.isupper() else ""


def _named_in(file: Path, part: str) -> str:
    """Return the part of a file's name that says the symbol, or refuse to guess."""
    if not part.replace("_", "").isalnum() or not part.isupper():
        raise MarginError(f"symbol: the name of {file} does not say it; give symbol=")
    return part


def _plain(table: _Table, symbol: str | None) -> dict[str, Bars]:
    """Return the bars of a plain table by symbol."""
    columns = list(table.fields.columns)
    faults = {
        "missing": [name for name in _NEEDED if name not in columns],
        "unknown": [name for name in columns if name not in (*_NEEDED, *_OPTIONAL)],
        "twice": sorted({name for name in columns if columns.count(name) > 1}),
    }
    for what, names in faults.items():
        if names:
            raise MarginError(
                f"{table.where} 1: columns {what}: {', '.join(map(repr, names))}; a header needs {', '.join(_NEEDED)}, "
                f"may have {', '.join(_OPTIONAL)}; the archive's has {len(_ARCHIVE)} columns"
            )
    if {"funding_rate", "funding_sum"} <= set(columns):
        raise MarginError(f"{table.where} 1: give funding_rate or funding_sum, not both")
    if ("symbol" in columns) == (symbol is not None):
        raise wrong("symbol", symbol, "give it where no column of the table says it, and only there")
    found = {}
    by_symbol = (
        [(symbol, table.fields)] if symbol else table.fields.groupby(table.fields["symbol"].str.strip(), sort=False)
    )
    for name, fields in by_symbol:
        one = _Table(fields[[*_NEEDED, *(each for each in columns if each not in _NEEDED)]], table.where)
        if not name:
            raise one.wrong(0, "symbol", "give the contract's name")
        times = []
        for row, written in enumerate(fields["timestamp"]):
            try:
                times.append(moment("timestamp", written))
            except MarginError as error:
                raise MarginError(f"{table.where} {fields.index[row]}: {error}") from None
        found[str(name)] = one.bars(str(name), times, columns)
    return found


def _archive(
    table: _Table, symbol: str, mark: str | os.PathLike[str] | None, funding: str | os.PathLike[str] | None
) -> Bars:
    """Return the bars of an archive file, with the columns of its mark and funding files."""
    table = table.named(_ARCHIVE)
    own = _symbol_of(Path(table.where.rpartition(",")[0]))
    for what, other in (("mark", mark), ("funding", funding)):
        if other is not None and own and _symbol_of(Path(other)) not in {"", own}:
            raise MarginError(f"{what}: {other} is not of {own}, as the bars are; give the {what} file of {own}")
    opens, closes = table.epochs("open_time"), table.epochs("close_time", later=1)
    lengths = closes - opens
    faults = (lengths <= 0) | (opens % _SECOND > 0) | (closes % _SECOND > 0) | (lengths != lengths[0])
    if faults.any():
        give = "a complete bar closes one unit before a whole second, and lasts as long as the first"
        raise table.wrong(int(faults.argmax()), "close_time", give)
    bars = table.bars(symbol, opens // _SECOND, ("open", "high", "low", "close", "volume"), int(lengths[0]) // _SECOND)
    if mark is not None:
        marked = _archive(_read(Path(mark)), symbol, None, None)
        if not np.array_equal(marked.times, bars.times):
            raise MarginError(f"mark: {mark} has other times than the bars: {marked!r}, {bars!r}")
        ratio = float(np.median(marked.close / bars.close))
        if not 1 / _APART < ratio < _APART:
            raise MarginError(f"mark: {mark} stands at {ratio:.3g} times the bars' close; give their contract's file")
        bars = replace(bars, mark_high=marked.high, mark_low=marked.low, mark_close=marked.close)
    if funding is None:
        return bars
    settled = _read(Path(funding)).named(_FUNDING)
    # A settlement is stamped some milliseconds beside the second that it belongs to.
    times = (settled.epochs("calc_time") + _SECOND // 2) // _SECOND
    late = np.flatnonzero(np.diff(times) <= 0)
    if late.size:
        raise settled.wrong(int(late[0]) + 1, "calc_time", "not after the line before")
    rates = np.zeros(len(bars))
    settlements = np.zeros(len(bars), dtype=np.intp)
    places = (times - bars.times[0].astype(np.int64)) // int(bars.step.astype(np.int64))
    inside = (places >= 0) & (places < len(bars))
    np.add.at(rates, places[inside], settled.numbers("last_funding_rate")[inside])
    np.add.at(settlements, places[inside], 1)
    return replace(bars, funding_rate=np.where(settlements > 0, rates, nan))
