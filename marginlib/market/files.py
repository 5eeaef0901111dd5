"""Bar files and tables, read by pandas: the exchanges' archives, what charts and collectors write, ccxt's lists.

The **archive** layout is that of Binance's public data collection (`klines` and `markPriceKlines` of USD-M futures):
twelve columns, with a header in newer files and without one in older ones. A mark price stands in a file of its own,
and so does funding.

The **plain** layout, of a file or of a DataFrame, has a header: timestamp, open, high, low, close, and any of symbol,
volume, mark_high, mark_low, mark_close, and funding_rate or funding_sum. `_LAYOUTS` has the headers of others: OKX's
archive, OKX and Bybit as their interfaces name the fields, TradingView, CryptoDataDownload and yfinance. Numbers alone,
six, seven or nine to a line, are what ccxt, Bybit and OKX give.

A time says its zone, and that is UTC, or is a day, or all are seconds, milli-, micro- or nanoseconds since 1970. Files
may be `.csv`, `.gz` or `.zip`, one in another, too; bars may stand newest first, and below notes: lines that begin with
"#" or an address; each line may end with a comma. MetaTrader's exports are refused, for their clock is not known.
Nothing is repaired in silence: each fault is refused with the file, the line and the column.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import BytesIO, StringIO
from itertools import takewhile
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zipfile import BadZipFile, ZipFile

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
_LISTS = {  # by their width: ccxt, Bybit, OKX
    6: (*_NEEDED, "volume"),
    7: ("starttime", *_NEEDED[1:], "volume", "turnover"),
    9: ("ts", *_NEEDED[1:], "vol", "volccy", "volccyquote", "confirm"),
}
# By the name of its column of times: what else a header may hold that is not read. Sizes in contracts or in the quote
# currency are no volume here; a column of "time" is TradingView's, which puts the chart's indicators beside it.
_LAYOUTS: dict[str, frozenset[str] | None] = {
    "timestamp": frozenset(),
    "unix": frozenset({"date", "tradecount"}),  # CryptoDataDownload
    "open_time": frozenset({"vol", "vol_ccy", "vol_quote", "confirm"}),  # OKX's archive
    "ts": frozenset({"vol", "volccy", "volccyquote", "confirm"}),  # OKX
    "starttime": frozenset({"turnover"}),  # Bybit
    "start_at": frozenset({"period"}),  # Bybit's index prices
    "datetime": frozenset({"adj close", "dividends", "stock splits"}),  # yfinance
    "date": frozenset({"adj close", "dividends", "stock splits"}),  # yfinance, older CryptoDataDownload
    "time": None,
}
_ALSO = {"o": "open", "h": "high", "l": "low", "c": "close", "instrument_name": "symbol", "instid": "symbol"}
_ALSO |= {f"{name}price": name for name in ("open", "high", "low", "close")}
_SEEMS = {"<": "a web page", "{": "JSON", "[": "JSON", "PAR1": "Parquet"}
_METATRADER = re.compile(r"<(DATE|TICKER)>|\d{4}\.\d\d\.\d\d[,\t;]")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "upright strokes"}
_SECOND = 10**6  # [us]
_NANO = 3  # a nanosecond is 1,000^-3 s
_APART = 1.25  # a mark and a last price that are usually further apart are of two contracts


def read_bars(
    source: str | os.PathLike[str] | pd.DataFrame | Sequence[Sequence[float]],
    *,
    symbol: str | None = None,
    mark: str | os.PathLike[str] | None = None,
    funding: str | os.PathLike[str] | None = None,
    gaps: Literal["refuse", "keep", "cut"] = "refuse",
) -> dict[str, Bars]:
    r"""Read bars from a file, a DataFrame or a list of lists, each line checked.

    Args:
        source: a file, `.csv`, `.gz` or `.zip`, its layout told by its first line; a DataFrame with such columns; or
            what ccxt's `fetch_ohlcv` gives, lists of milliseconds since 1970, open, high, low, close and volume, or
            the lists of Bybit (7 fields) or OKX (9).
        symbol: whose bars these are, where no column says it; left out, the name of the file does: the archive's up to
            the first "-" (BTCUSDT-1h-2020-03.csv), a plain one's after the last "_".
        mark: archive layout only: the `markPriceKlines` file of the same contract and times; it becomes the mark
            columns. A file whose name or prices are another contract's is refused.
        funding: archive layout only: the `fundingRate` file; rates settled within a bar are added up, and a bar
            without a settlement has NaN. Settlements outside of the bars are left out.
        gaps: what to do where bars are missing: "refuse" and name the place, "keep" it (`Bars.holes`), or "cut" out the
            longest piece without one.

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

    if gaps not in {"refuse", "keep", "cut"}:
        raise wrong("gaps", gaps, 'give "refuse", "keep" or "cut"')
    if isinstance(source, pd.DataFrame):
        return _plain(_of_frame(source), symbol, gaps)
    if not isinstance(source, str | os.PathLike):
        if symbol is None:
            raise wrong("symbol", symbol, "a list does not say whose bars these are; give symbol=")
        table = _Table(pd.DataFrame(source, dtype=object).astype(str), "list, row")
        return _plain(table.named(_LISTS.get(table.fields.shape[1], _LISTS[6])), symbol, gaps)
    file = Path(source)
    table = _read(file)
    columns = _LISTS.get(table.fields.shape[1], ()) if table.first.isdigit() else ()
    if not columns and (table.first == "open_time" or table.first.isdigit()):
        return {
            (name := symbol or _named_in(file, file.name.split("-")[0])): _archive(table, name, mark, funding, gaps)
        }
    if mark is not None or funding is not None:
        raise MarginError(f"mark, funding: {file} has columns of its own for them; leave them out")
    table = table.named(columns)
    if symbol is None and "symbol" not in table.fields:
        symbol = _named_in(file, re.sub(r"(\.csv|\.gz|\.zip)+$", "", file.name).split("_")[-1])
    return _plain(table, symbol, gaps)


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
        again = np.flatnonzero(fields.iloc[1:, 0].str.strip() == (columns[0] if columns else self.first))
        if again.size and (columns or not self.first[:4].isdigit()):
            raise MarginError(f"{self.where} {fields.index[again[0] + 1]}: the header again; delete this line")
        names = tuple(fields.iloc[0].str.strip())
        if not columns or not self.first.isdigit():
            fields = fields.iloc[1:]
        elif len(names) == len(columns):
            names = columns
        if columns and names != columns:
            raise MarginError(f"{self.where} 1: columns {', '.join(names)}: give {', '.join(columns)}")
        return _Table(fields.set_axis(_words(names), axis=1), self.where)

    def layout(self, symbol: str | None) -> _Table:
        """Return the table with the plain layout's columns, without what its own layout lets stand aside."""
        fields = self.fields
        clock = next((name for name in _LAYOUTS if name in fields), "timestamp")
        aside = _LAYOUTS[clock]
        if clock in {"open_time", "ts"} and "confirm" in fields:
            going = fields["confirm"].ne("1").to_numpy()
            if going.any():
                raise self.wrong(int(going.argmax()), "confirm", "this bar is not complete; leave it out")
        base = (symbol or str(fields["symbol"].iloc[0]) if symbol or "symbol" in fields else "").lower()
        ours = {name: "volume" for name in fields if name[:7] == "volume " and base.startswith(name[7:])}
        known = {clock, *ours, *_NEEDED, *_OPTIONAL}
        kept = [name in known or not (aside is None or name in aside or name[:7] == "volume ") for name in fields]
        return _Table(fields.loc[:, kept].rename(columns={clock: "timestamp", **ours}), self.where)

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
            row = int(faults.argmax())
            point = ", with a point in the decimals" if "," in self.fields[column].iloc[row] else ""
            raise self.wrong(row, column, f"give one finite number{point}")
        return values

    def epochs(self, column: str, *, later: int = 0) -> NDArray[np.int64]:
        """Return a column of times since 1970 in one unit, some of these units later, in microseconds."""
        written = self.fields[column].str.strip()
        # 10^8 s is the year 1973, 10^11 s the year 5138 and 10^11 ms 1973 again: the first time's size tells the unit.
        unit = (len(written.iloc[0]) - 9) // 3
        for row, each in enumerate(written):
            if not (each.isascii() and each.isdigit() and 0 <= unit <= _NANO and (len(each) - 9) // 3 == unit):
                give = "give seconds, milli-, micro- or nanoseconds since 1970 UTC, all the same, such as 1583971200000"
                raise self.wrong(row, column, give)
        return np.array([(int(each) + later) * _SECOND // 1_000**unit for each in written], dtype=np.int64)

    def opens(self) -> NDArray[np.int64]:
        """Return the timestamps [s]: numbers are a time since 1970, texts say their zone."""
        if self.fields["timestamp"].str.strip().str.isdigit().all():
            times = self.epochs("timestamp")
            if (odd := times % _SECOND > 0).any():
                raise self.wrong(int(odd.argmax()), "timestamp", "give a whole second")
            return times // _SECOND
        found = []
        for row, written in zip(self.fields.index, self.fields["timestamp"], strict=True):
            try:
                found.append(moment("timestamp", written).astype(np.int64))
            except MarginError as error:
                raise MarginError(f"{self.where} {row}: {error}") from None
        return np.array(found, dtype=np.int64)

    def bars(self, symbol: str, times: ArrayLike, columns: Iterable[str], gaps: str, length: int | None = None) -> Bars:
        """Return one symbol's bars that open at these times [s], with the columns that there are."""
        opens = np.array(times, dtype="datetime64[s]")
        if opens.size > 1 and (np.diff(opens) < np.timedelta64(0, "s")).all():  # newest first
            return _Table(self.fields.iloc[::-1], self.where).bars(symbol, opens[::-1], columns, gaps, length)
        known = np.timedelta64("NaT" if length is None else length, "s")
        step, row, why = step_fault(opens, known, gaps=gaps != "refuse")
        if why:
            more = '; gaps="keep" keeps it, gaps="cut" the longest piece without one' if why.startswith("a gap") else ""
            raise self.wrong(row, str(self.fields.columns[0]), why + more)
        source = Path(self.where.rpartition(",")[0]).name
        pieces = np.split(np.arange(opens.size), np.flatnonzero(np.diff(opens) != step) + 1)
        if gaps == "cut" and len(pieces) > 1:
            kept = max(pieces, key=len)
            source += f", {kept.size} of its {opens.size} bars, cut at gaps"
            opens, self = opens[kept], _Table(self.fields.iloc[kept], self.where)  # noqa: PLW0642
        there = [name for name in columns if name in self.fields and name not in {"timestamp", "symbol"}]
        data = {name: self.numbers(name, gaps=name.startswith("funding")) for name in there}
        if fault := first_fault(data):
            raise self.wrong(fault[1], fault[0], fault[2])
        if "funding_sum" in data:
            data["funding_rate"] = data.pop("funding_sum")
        return Bars(symbol=symbol, times=opens, step=step, source=source, gaps=gaps == "keep", **data)


def _number(written: str) -> float:
    """Return a text as a number, NaN where it is none. Python reads 1_000, a bar file does not."""
    try:
        return nan if "_" in written else float(written)
    except ValueError:
        return nan


def _of_frame(frame: pd.DataFrame) -> _Table:
    """Return a DataFrame's fields; its index is a column where it holds the times."""
    if frame.columns.nlevels > 1:
        raise MarginError("table: its columns have two levels; give one (yfinance: multi_level_index=False)")
    frame = frame.rename(columns=str)
    if frame.index.dtype.kind == "M" and not {each.lower() for each in frame} & set(_LAYOUTS):
        frame = frame.rename_axis("timestamp").reset_index()
    fields = frame.astype(object).where(frame.notna(), "").astype(str)
    return _Table(fields.set_axis(_words(fields), axis=1), "table, row")


def _words(names: Iterable[str]) -> list[str]:
    """Return the names of a header in small letters, and in this library's words."""
    return [_ALSO.get(name.strip().lower(), name.strip().lower()) for name in names]


def _only_file(file: Path, data: bytes) -> bytes:
    """Return the one file in a zip archive, but for what macOS puts beside it."""
    with ZipFile(BytesIO(data)) as bundle:
        names = [each for each in bundle.namelist() if not each.endswith("/") and "__MACOSX" not in each]
        if len(names) != 1:
            seems = "a spreadsheet; save it as CSV" if "xl/workbook.xml" in names else "several files; give one"
            raise MarginError(f"{file}: it seems to be {seems}: {', '.join(names[:3])}")
        return bundle.read(names[0])


def _unpacked(file: Path) -> str:
    """Return the text of a file, or of the one file in an archive, which may be an archive itself."""
    data = file.read_bytes()
    try:
        for _ in range(3):
            if data.startswith(b"PK"):
                data = _only_file(file, data)
            elif data.startswith(b"\x1f\x8b"):
                data = gzip.decompress(data)
    except (BadZipFile, EOFError, OSError, RuntimeError, zlib.error) as error:  # damaged, or locked by a password
        raise MarginError(f"{file}: not one table of comma-separated values: {error}") from None
    # A byte that is no text becomes a text that is no number, and is refused where it stands.
    return data.decode("utf-8-sig", "backslashreplace")


def _seems(first: str) -> str:
    """Return what a file seems to be that begins so, or nothing where that may be a table of commas."""
    if _METATRADER.match(first):
        return "an export of MetaTrader, whose times are its server's: give a column timestamp in UTC, with a header"
    if "\0" in first or first.startswith("\\x"):
        return "no text in UTF-8"
    other = [f"a table of {what}" for sign, what in _SEPARATORS.items() if first.count(sign) > first.count(",")]
    return next((what for begin, what in _SEEMS.items() if first.startswith(begin)), "") or "".join(other[:1])


def _read(file: Path) -> _Table:
    """Return a file's fields by line, without the notes at its top and the empty lines at its end."""
    import pandas as pd  # noqa: PLC0415 - as above

    text = _unpacked(file)
    lines = text.split("\n", 100)
    notes = sum(1 for _ in takewhile(lambda line: line.startswith(("#", "http")), lines))
    if seems := _seems("".join(lines[notes : notes + 1]).strip()):
        raise MarginError(f"{file}, line {notes + 1}: it seems to be {seems}; give commas, and points in the decimals")
    try:
        fields = pd.read_csv(
            StringIO(text), header=None, dtype=str, keep_default_na=False, skip_blank_lines=False, skiprows=notes
        )
    except ValueError as error:  # pandas' own errors are ValueErrors; those of a line name it
        raise MarginError(f"{file}: not one table of comma-separated values: {error}") from None
    while fields.shape[1] > 1 and fields.iloc[:, -1].eq("").all():  # each line ends with a comma
        fields = fields.iloc[:, :-1]
    filled = np.flatnonzero(fields.ne("").any(axis=1))
    fields.index += notes + 1
    if fields.iloc[:2, 0].tolist() == ["Price", "Ticker"]:
        raise MarginError(f"{file}: the header has two levels; give one (yfinance: multi_level_index=False)")
    return _Table(fields.iloc[: filled.max(initial=-1) + 1], f"{file}, line")


def _says_symbol(part: str) -> bool:
    """Return whether a part of a file's name is a symbol."""
    return part.replace("_", "").isalnum() and part.isupper()


def _named_in(file: Path, part: str) -> str:
    """Return the part of a file's name that says the symbol, or refuse to guess."""
    if not _says_symbol(part):
        raise MarginError(f"symbol: the name of {file} does not say it; give symbol=")
    return part


def _plain(table: _Table, symbol: str | None, gaps: str) -> dict[str, Bars]:
    """Return the bars of a plain table by symbol."""
    table = table.layout(symbol)
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
        found[str(name)] = one.bars(str(name), one.opens(), columns, gaps)
    return found


def _archive(
    table: _Table, symbol: str, mark: str | os.PathLike[str] | None, funding: str | os.PathLike[str] | None, gaps: str
) -> Bars:
    """Return the bars of an archive file, with the columns of its mark and funding files."""
    table = table.named(_ARCHIVE)
    own = Path(table.where.rpartition(",")[0]).name.split("-")[0]
    for what, other in (("mark", mark), ("funding", funding)):
        its = own if other is None else Path(other).name.split("-")[0]
        if its != own and _says_symbol(own) and _says_symbol(its):
            raise MarginError(f"{what}: {other} is not of {own}, as the bars are; give the {what} file of {own}")
    opens, closes = table.epochs("open_time"), table.epochs("close_time", later=1)
    lengths = closes - opens
    faults = (lengths <= 0) | (opens % _SECOND > 0) | (closes % _SECOND > 0) | (lengths != lengths[0])
    if faults.any():
        give = "a complete bar closes one unit before a whole second, and lasts as long as the first"
        raise table.wrong(int(faults.argmax()), "close_time", give)
    columns = ("open", "high", "low", "close", "volume")
    bars = table.bars(symbol, opens // _SECOND, columns, gaps, int(lengths[0]) // _SECOND)
    if mark is not None:
        marked = _archive(_read(Path(mark)), symbol, None, None, gaps)
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
    ahead = np.diff(times)
    late = np.flatnonzero(ahead <= 0)
    if late.size and not (ahead < 0).all():  # newest first is an order, too
        raise settled.wrong(int(late[0]) + 1, "calc_time", "not after the line before")
    opened = bars.times.astype(np.int64)
    rates = np.zeros(len(bars))
    settlements = np.zeros(len(bars), dtype=np.intp)
    places = opened.searchsorted(times, side="right") - 1
    inside = (places >= 0) & (times < opened[places] + int(bars.step.astype(np.int64)))
    np.add.at(rates, places[inside], settled.numbers("last_funding_rate")[inside])
    np.add.at(settlements, places[inside], 1)
    return replace(bars, funding_rate=np.where(settlements > 0, rates, nan))
