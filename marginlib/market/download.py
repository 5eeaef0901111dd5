"""Download a history from the exchange, once: kept on disk, and read from there ever after.

A history is fetched in blocks of a thousand bars, the exchange's page. A finished block is one file in the plain layout
of `read_bars`, with a first line that says what it covers and the checksum of the rest. It is written under another
name, then renamed: a file with the right name is whole. What does not match its checksum is not used.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from marginlib.errors import MarginError, UnknownNameError, at_least_zero, wrong
from marginlib.market.clock import moment, seconds, text
from marginlib.market.files import read_text
from marginlib.market.paths import Bars, join_bars

__all__ = ["DownloadError", "download"]

_PAGE = 1_000  # bars or settlements in one answer
_LONGEST_WAIT = 300.0  # [s] A longer ban is for the caller to sit out.
_FUNDING_INTERVAL = 28_800  # [s] No contract of this exchange settles funding more rarely.
_FUNDING_WEIGHT = 11  # with the request's own 1, 0.6 s: the exchange allows 500 funding requests in 5 minutes


class DownloadError(RuntimeError):
    """The exchange did not answer as it should; the message says what was asked and what came."""


def download(
    symbol: str,
    start: object,
    end: object,
    *,
    timeframe: str = "1h",
    cache_dir: str | os.PathLike[str] | None = None,
    mark: bool = True,
    progress: bool = True,
    tries: int = 5,
    retry_wait: float = 1.0,
    exchange: Any = None,  # noqa: ANN401  # a ccxt exchange, and ccxt is optional
) -> Bars:
    """Return a perpetual's bars, mark prices and funding from Binance USD-M, downloading only what is not on disk yet.

    Once downloaded, the same span needs neither the internet nor ccxt. Requests keep to the exchange's rate limit; a
    dropped connection, a refusal for too many requests, a damaged, empty or incomplete answer are asked for again,
    waiting twice as long each time, and at least as long as the exchange says. What stays wrong is an error; blocks
    finished before it are kept.

    Args:
        symbol: the contract's name at the exchange, such as "BTCUSDT".
        start: open of the first bar, UTC: "2020-03-12", "2020-03-12T11:00Z", or a `datetime` with its zone.
        end: open of the first bar that is not wanted any more, and past: a bar that has not closed is not history.
        timeframe: length of a bar: 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h or 1d.
        cache_dir: folder of the files; left out, `~/.cache/marginlib`.
        mark: whether to fetch mark prices too; False where the exchange has none for that span.
        progress: whether to show a progress bar while downloading.
        tries: how often to ask before giving up, 1 or more.
        retry_wait: the wait before the second try [s], doubled before each one after.
        exchange: a `ccxt.binanceusdm` to ask, say one with a proxy; left out, a new one.

    Raises:
        MarginError: a moment without a zone, not at the open of a bar or not past; `end` not after `start`.
        UnknownNameError: no such timeframe, or no such contract; the message suggests some.
        DownloadError: the exchange refused, or kept on answering wrongly.
        ModuleNotFoundError: something must be downloaded and the extra `live` is not installed.

    Source: https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data.

    Example:
        >>> download("BTCUSDT", "2020-03-12", "2020-03-12")
        Traceback (most recent call last):
        ...
        marginlib.errors.MarginError: end = 2020-03-12T00:00:00Z: give a moment after start = 2020-03-12T00:00:00Z
    """
    step = seconds("timeframe", timeframe)
    span = _span(start, end, step)
    if not isinstance(symbol, str) or not re.fullmatch(r"\w+", symbol):
        raise wrong("symbol", symbol, 'give the contract\'s name at the exchange, such as "BTCUSDT"')
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise wrong("tries", tries, "give a whole number of 1 or more")
    at_least_zero("retry_wait", retry_wait)
    folder = Path.home() / ".cache" / "marginlib" if cache_dir is None else Path(cache_dir)
    series = _Series(symbol, timeframe, step, mark, folder / f"{symbol}-{timeframe}{'' if mark else '-no-mark'}")
    wanted = list(_blocks(*span, step))
    bars = {want: series.kept(want) for want in wanted}
    missing = [want for want, have in bars.items() if have is None]
    if missing:
        with _Client(exchange, tries, retry_wait) as client:
            for want in _progress(missing, f"{symbol} {timeframe}", progress):
                bars[want] = series.fetch(want, client)
    # A kept block may cover more than the span.
    return join_bars([have for have in bars.values() if have is not None]).between(*map(_time, span))


def _span(start: object, end: object, step: int) -> tuple[int, int]:
    """Return the span as seconds since 1970, or refuse one that is not of closed bars."""
    moments = {"start": moment("start", start), "end": moment("end", end)}
    for field, when in moments.items():
        if when.astype(np.int64) % step:
            raise MarginError(f"{field} = {text(when)}: give the open of a bar, a multiple of {step} s")
    if moments["end"] <= moments["start"]:
        raise MarginError(f"end = {text(moments['end'])}: give a moment after start = {text(moments['start'])}")
    now = datetime.now(UTC).timestamp() // step * step
    if moments["end"].astype(np.int64) > now:
        raise MarginError(f"end = {text(moments['end'])}: the last bar that has closed ended at {text(int(now))}")
    return int(moments["start"].astype(np.int64)), int(moments["end"].astype(np.int64))


def _blocks(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a span that lie in one block each; blocks are counted from 1970, so all spans share them."""
    length = _PAGE * step
    for block in range(start // length * length, end, length):
        yield max(start, block), min(end, block + length)


def _progress(missing: list[tuple[int, int]], what: str, show: bool) -> Iterator[tuple[int, int]]:
    """Yield the blocks to fetch, moving a progress bar."""
    bar = _extra("tqdm.auto").tqdm(missing, desc=f"downloading {what}", unit="block", disable=not show)
    yield from bar


def _extra(name: str) -> Any:  # noqa: ANN401  # an optional module
    """Return a module of the optional extra, or say how to install it."""
    from importlib import import_module  # noqa: PLC0415  # only a download pays for it

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{error.name} is not installed, and downloading needs it: pip install "marginlib[live]"', name=error.name
        ) from None


def _time(since_1970: int) -> np.datetime64:
    """Return seconds since 1970 as a numpy time."""
    return np.datetime64(since_1970, "s")


# --- the files ---


@dataclass(frozen=True)
class _Series:
    """The files of one symbol and timeframe."""

    symbol: str
    timeframe: str
    step: int
    mark: bool
    folder: Path

    def file(self, start: int) -> Path:
        """Return the file of the block that holds a moment."""
        block = _time(start // (_PAGE * self.step) * _PAGE * self.step)
        return self.folder / f"{self.symbol}-{self.timeframe}-{str(block).replace(':', '')}Z.csv"

    def kept(self, want: tuple[int, int]) -> Bars | None:
        """Return the kept bars of a block if they are whole and cover what is wanted."""
        file = self.file(want[0])
        found = self._read(file)
        if found is None or int(found.times[0].astype(np.int64)) > want[0] or int(found.end.astype(np.int64)) < want[1]:
            return None
        return found

    def fetch(self, want: tuple[int, int], client: _Client) -> Bars:
        """Download a block, keep it, and return its bars; what is kept of it already is asked for again with it."""
        file = self.file(want[0])
        found = self._read(file, warn=False)
        if found is not None:
            ends = int(found.times[0].astype(np.int64)), int(found.end.astype(np.int64))
            want = min(want[0], ends[0]), max(want[1], ends[1])
        body = client.bars(self, want)
        note = {"exchange": "Binance USD-M", "from": text(want[0]), "until": text(want[1]), "sha256": _sha256(body)}
        _write(file, f"# {json.dumps(note)}\n{body}")
        return self.parse(body, file)

    def parse(self, body: str, file: Path) -> Bars:
        """Return a block's bars."""
        (bars,) = read_text(body, file, step=self.step).values()
        return bars

    def _read(self, file: Path, *, warn: bool = True) -> Bars | None:
        """Return a kept block, or None if there is none or it is damaged."""
        try:
            content = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            content = ""
        first, _, body = content.partition("\n")
        try:
            whole = json.loads(first.removeprefix("#"))["sha256"] == _sha256(body)
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            if warn:
                warnings.warn(f"{file} is damaged and not used; downloading it again", stacklevel=4)
            return None
        return self.parse(body, file)


def _sha256(body: str) -> str:
    """Return the checksum of a text."""
    return hashlib.sha256(body.encode()).hexdigest()


def _write(file: Path, content: str) -> None:
    """Write a file so that it is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


# --- the exchange ---


class _Client:
    """Asks the exchange through ccxt, and asks again where an answer is not what it should be.

    The endpoints are called by their own names: unlike ccxt's unified calls, these hand over an answer as it came, so a
    truncated one is seen and prices keep the exchange's own digits.
    """

    def __init__(self, exchange: Any, tries: int, retry_wait: float) -> None:  # noqa: ANN401
        self.ccxt = _extra("ccxt")
        self.own = exchange is None
        self.exchange = self.ccxt.binanceusdm() if self.own else exchange
        self.tries, self.retry_wait = tries, retry_wait
        if getattr(self.exchange, "id", None) != "binanceusdm" or not self.exchange.enableRateLimit:
            raise wrong("exchange", self.exchange, "give a ccxt.binanceusdm with enableRateLimit")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.own:
            self.exchange.session.close()

    def bars(self, series: _Series, want: tuple[int, int]) -> str:
        """Return a block as text in the plain layout."""
        start, end = want
        request = {
            "symbol": series.symbol, "interval": series.timeframe, "limit": _PAGE,
            "startTime": start * 1000, "endTime": end * 1000 - 1,
        }  # fmt: skip
        opens = range(start * 1000, end * 1000, series.step * 1000)
        traded = self.ask(self.exchange.fapiPublicGetKlines, "bars", request, partial(_bar_fault, opens=opens))
        rows = {int(row[0]) // 1000: list(map(str, row[1:6])) for row in traded}
        header = "timestamp,symbol,open,high,low,close,volume"
        if series.mark:
            marks = self.ask(
                self.exchange.fapiPublicGetMarkPriceKlines, "mark prices", request,
                partial(_bar_fault, opens=opens),
            )  # fmt: skip
            for row in marks:
                rows[int(row[0]) // 1000] += map(str, row[2:5])
            header += ",mark_high,mark_low,mark_close"
        rates = self.funding(series, want)
        lines = [f"{text(at)},{series.symbol},{','.join(row)},{rates.get(at, '')}" for at, row in rows.items()]
        body = "\n".join([f"{header},funding_rate", *lines, ""])
        try:
            series.parse(body, Path(f"{series.symbol} from the exchange"))
        except MarginError as error:
            raise DownloadError(f"the exchange's bars are not right: {error}") from None
        return body

    def funding(self, series: _Series, want: tuple[int, int]) -> dict[int, Decimal]:
        """Return the sum of the funding rates settled within each bar, by the bar's open.

        A settlement is stamped some milliseconds beside its second, so the span is asked for a second early.
        """
        start, end = want
        settled: dict[int, Decimal] = {}
        rates: dict[int, Decimal] = {}
        since, full = start * 1000 - 1000, True
        while full:
            request = {"symbol": series.symbol, "limit": _PAGE, "startTime": since, "endTime": end * 1000 - 1}
            self.exchange.throttle(_FUNDING_WEIGHT)
            least = 1 if not settled and end - start >= _FUNDING_INTERVAL else 0
            page = self.ask(
                self.exchange.fapiPublicGetFundingRate, "funding rates", request, partial(_rate_fault, least=least)
            )
            for row in page:
                settled[(int(row["fundingTime"]) + 500) // 1000] = Decimal(row["fundingRate"])
            full = len(page) == _PAGE
            since = int(page[-1]["fundingTime"]) + 1 if page else since
        for at, rate in settled.items():
            if start <= at < end:
                bar = at // series.step * series.step
                rates[bar] = rates.get(bar, Decimal(0)) + rate
        return rates

    def ask(
        self, endpoint: Callable[[dict[str, Any]], Any], what: str, request: dict[str, Any], fault: Callable[[Any], str]
    ) -> Any:  # noqa: ANN401  # JSON
        """Return an answer that has no fault, asking again with growing waits; give up with what was wrong."""
        for attempt in range(self.tries):
            told = 0.0
            try:
                answer = endpoint(request)
            except self.ccxt.BadSymbol as error:
                raise self.unknown(request["symbol"]) from error
            except self.ccxt.OperationFailed as error:
                wrong = f"{type(error).__name__}: {error}"
                told = self.told_to_wait(error)
            except self.ccxt.BaseError as error:
                raise DownloadError(f"{what} of {request['symbol']}: {type(error).__name__}: {error}") from error
            else:
                wrong = fault(answer)
                if not wrong:
                    return answer
            if told > _LONGEST_WAIT:
                raise DownloadError(
                    f"{what} of {request['symbol']}: {wrong}; the exchange says to wait {told:g} s: come back then"
                )
            if attempt + 1 < self.tries:
                time.sleep(max(self.retry_wait * 2**attempt, told))
        since, until = (text(round(request[field] / 1000)) for field in ("startTime", "endTime"))
        raise DownloadError(f"{what} of {request['symbol']} from {since} to {until}: {wrong}; asked {self.tries} times")

    def told_to_wait(self, error: Exception) -> float:
        """Return how long the exchange says to wait after a refusal [s], 0 if it does not say."""
        if not isinstance(error, self.ccxt.DDoSProtection | self.ccxt.RateLimitExceeded):
            return 0.0
        told = (self.exchange.last_response_headers or {}).get("Retry-After", "")
        return float(told) if told.isdigit() else 0.0

    def unknown(self, symbol: str) -> UnknownNameError:
        """Return the error for a contract that the exchange does not have, with similar names if it will list them."""
        try:
            names = [market["id"] for market in self.exchange.fetch_markets()]
        except self.ccxt.BaseError:
            names = []
        near = difflib.get_close_matches(symbol, names)
        hint = f"did you mean {' or '.join(near)}?" if near else "give a name such as BTCUSDT"
        return UnknownNameError(f"symbol = {symbol!r}: Binance USD-M has no such contract; {hint}")


def _bar_fault(rows: object, opens: range) -> str:
    """Return what is wrong with an answer of bars, or an empty text."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 12 for row in rows):  # noqa: PLR2004
        return f"not a list of bars but {_short(rows)}"
    if not rows:
        return "an empty answer: the exchange has no bars for this span"
    have = [int(row[0]) for row in rows]
    if have != list(opens):
        lacking = sorted(set(opens) - set(have))
        gap = f", the first missing opens at {text(lacking[0] // 1000)}" if lacking else ", some twice or not asked for"
        return f"{len(have)} bars instead of {len(opens)}{gap}"
    return ""


def _rate_fault(rows: object, least: int) -> str:
    """Return what is wrong with an answer of funding rates, or an empty text."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "fundingRate" in row for row in rows):
        return f"not a list of funding rates but {_short(rows)}"
    if len(rows) < least:
        return "an empty answer: funding is settled every 8 hours or more often"
    return ""


def _short(answer: object) -> str:
    """Return the beginning of an answer, for a message."""
    written = repr(answer)
    return written if len(written) <= 80 else f"{written[:80]}..."  # noqa: PLR2004
