"""Download a history from the exchange through ccxt, once: kept in one bar file, and read from there ever after."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from marginlib.errors import MarginError, UnknownNameError, at_least_zero, wrong
from marginlib.files import write_whole
from marginlib.market.files import read_bars
from marginlib.market.paths import Bars, moment, seconds, text

__all__ = ["DownloadError", "download"]

_PAGE = 1_000  # bars or settlements in one answer
_LONGEST_WAIT = 300.0  # [s] A longer ban is for the caller to sit out.
_FUNDING_INTERVAL = 28_800  # [s] No contract of this exchange settles funding more rarely.
_FUNDING_WEIGHT = 12  # 0.6 s since the last request: the exchange allows 500 funding requests in 5 minutes
_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
_MARKS = ("mark_high", "mark_low", "mark_close")


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
    """Return a perpetual's bars, mark prices and funding from Binance USD-M, downloading what is not on disk yet.

    Once downloaded, the same span needs neither the internet nor ccxt. Requests keep to the exchange's rate limit; a
    dropped connection, a refusal for too many requests, a damaged, empty or incomplete answer are asked for again,
    waiting twice as long each time, and at least as long as the exchange says. What stays wrong is an error.

    Args:
        symbol: the contract's name at the exchange, such as "BTCUSDT".
        start: open of the first bar, UTC: "2020-03-12", "2020-03-12T11:00Z", or a `datetime` with its zone.
        end: open of the first bar that is not wanted any more, and past: a bar that has not closed is not history.
        timeframe: length of a bar: 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h or 1d.
        cache_dir: folder of the files; left out, the system's folder for what can be fetched again.
        mark: whether to fetch mark prices too; False where the exchange has none for that span.
        progress: whether to show a progress bar while downloading.
        tries: how often to ask before giving up, 1 or more.
        retry_wait: the wait before the second try [s], doubled before each one after.
        exchange: a `ccxt.binanceusdm` to ask, say one with a proxy; left out, a new one.

    Raises:
        MarginError: a moment without a zone, not at the open of a bar or not past; fewer than two bars.
        UnknownNameError: no such timeframe, or no such contract.
        DownloadError: the exchange refused, or kept on answering wrongly.
        ModuleNotFoundError: something must be downloaded and the extra `live` is not installed.

    Source: https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data.

    Example:
        >>> download("BTCUSDT", "2020-03-12", "2020-03-12")
        Traceback (most recent call last):
        ...
        marginlib.errors.MarginError: end = 2020-03-12T00:00:00Z: give two bars or more after 2020-03-12T00:00:00Z
    """
    step = seconds("timeframe", timeframe)
    opens = _opens(start, end, step)
    if not isinstance(symbol, str) or not re.fullmatch(r"\w+", symbol):
        raise wrong("symbol", symbol, 'give the contract\'s name at the exchange, such as "BTCUSDT"')
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise wrong("tries", tries, "give a whole number of 1 or more")
    at_least_zero("retry_wait", retry_wait)
    try:
        if cache_dir is None:
            import platformdirs  # noqa: PLC0415 - the extra `live`, as the other two

            cache_dir = platformdirs.user_cache_dir("marginlib", appauthor=False)
        name = f"{symbol}-{timeframe}-{text(opens.start)}-{text(opens.stop)}{'' if mark else '-no-mark'}.csv"
        file = Path(cache_dir, name.replace(":", ""))
        if not file.exists():
            import ccxt  # noqa: PLC0415
            from tqdm.auto import tqdm  # noqa: PLC0415

            client = ccxt.binanceusdm() if exchange is None else exchange
            if getattr(client, "id", None) != "binanceusdm" or not client.enableRateLimit:
                raise wrong("exchange", client, "give a ccxt.binanceusdm with enableRateLimit")
            ask = partial(_ask, ccxt, client, tries, retry_wait)
            what = {"symbol": symbol, "interval": timeframe}
            pages = [opens[first : first + _PAGE] for first in range(0, len(opens), _PAGE)]
            shown = tqdm(pages, desc=f"downloading {symbol} {timeframe}", unit="page", disable=not progress)
            rows = [row for page in shown for row in _page(ask, client, what, page, mark)]
            rates = _rates(ask, client, symbol, opens)
            if exchange is None:
                client.session.close()
            header = ",".join([*_COLUMNS, *(_MARKS if mark else ()), "funding_rate"])
            lines = [f"{text(at)},{','.join(row)},{rates.get(at, '')}" for at, row in zip(opens, rows, strict=True)]
            write_whole(file, "\n".join([header, *lines, ""]))
            try:
                return read_bars(file, symbol=symbol)[symbol]
            except MarginError as error:
                file.unlink()
                raise DownloadError(f"the exchange's bars are not right: {error}") from None
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{error.name} is not installed, and downloading needs it: pip install "marginlib[live]"', name=error.name
        ) from None
    return read_bars(file, symbol=symbol)[symbol]


def _opens(start: object, end: object, step: int) -> range:
    """Return when the bars of a span open [s since 1970], or refuse one that is not of closed bars."""
    moments = {"start": moment("start", start), "end": moment("end", end)}
    for field, when in moments.items():
        if when.astype(np.int64) % step:
            raise MarginError(f"{field} = {text(when)}: give the open of a bar, a multiple of {step} s")
    if moments["end"] <= moments["start"] + step:  # one bar does not tell its length
        raise MarginError(f"end = {text(moments['end'])}: give two bars or more after {text(moments['start'])}")
    now = int(datetime.now(UTC).timestamp()) // step * step
    if moments["end"].astype(np.int64) > now:
        raise MarginError(f"end = {text(moments['end'])}: the last bar that has closed ended at {text(now)}")
    return range(int(moments["start"].astype(np.int64)), int(moments["end"].astype(np.int64)), step)


def _page(ask: Any, client: Any, bars: dict[str, Any], opens: range, mark: bool) -> list[list[str]]:  # noqa: ANN401
    """Return a page of bars as the exchange wrote them: open, high, low, close, volume, and the mark's three.

    The endpoints are called by their own names: unlike ccxt's unified calls, these hand over an answer as it came, so
    a truncated one is seen and prices keep the exchange's own digits.
    """
    request = {**bars, "limit": _PAGE, "startTime": opens.start * 1000, "endTime": opens.stop * 1000 - 1}
    fault = partial(_bar_fault, opens=opens)
    rows = [row[1:6] for row in ask(client.fapiPublicGetKlines, "bars", request, fault)]
    if not mark:
        return rows
    marks = ask(client.fapiPublicGetMarkPriceKlines, "mark prices", request, fault)
    return [row + marked[2:5] for row, marked in zip(rows, marks, strict=True)]


def _rates(ask: Any, client: Any, symbol: str, opens: range) -> dict[int, Decimal]:  # noqa: ANN401
    """Return the sum of the funding rates settled within each bar, by the bar's open [s].

    A settlement is stamped some milliseconds beside its second, so the span is asked for a second early.
    """
    settled: dict[int, Decimal] = {}
    since, full = opens.start * 1000 - 1000, True
    while full:
        request = {"symbol": symbol, "limit": _PAGE, "startTime": since, "endTime": opens.stop * 1000 - 1}
        client.throttle(_FUNDING_WEIGHT)
        some = not settled and len(opens) * opens.step >= _FUNDING_INTERVAL
        page = ask(client.fapiPublicGetFundingRate, "funding rates", request, partial(_rate_fault, some=some))
        settled |= {(int(row["fundingTime"]) + 500) // 1000: Decimal(row["fundingRate"]) for row in page}
        full = len(page) == _PAGE
        since = int(page[-1]["fundingTime"]) + 1 if page else since
    rates: dict[int, Decimal] = {}
    for at, rate in settled.items():
        bar = at // opens.step * opens.step
        rates[bar] = rates.get(bar, Decimal(0)) + rate
    return rates


def _ask(
    ccxt: Any,  # noqa: ANN401
    client: Any,  # noqa: ANN401
    tries: int,
    retry_wait: float,
    endpoint: Callable[[dict[str, Any]], Any],
    what: str,
    request: dict[str, Any],
    fault: Callable[[Any], str],
) -> Any:  # noqa: ANN401  # JSON
    """Return an answer that has no fault, asking again with growing waits; give up with what was wrong."""
    asked = f"{what} of {request['symbol']}"
    for attempt in range(tries):
        told = 0.0
        try:
            answer = endpoint(request)
            if not (why := fault(answer)):
                return answer
        except ccxt.BadSymbol as error:
            give = "Binance USD-M has no such contract; give a name such as BTCUSDT"
            raise wrong("symbol", request["symbol"], give, UnknownNameError) from error
        except ccxt.OperationFailed as error:
            why = f"{type(error).__name__}: {error}"
            if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
                header = (client.last_response_headers or {}).get("Retry-After", "")
                told = float(header) if header.isdigit() else 0.0
        except ccxt.BaseError as error:
            raise DownloadError(f"{asked}: {type(error).__name__}: {error}") from error
        if told > _LONGEST_WAIT:
            raise DownloadError(f"{asked}: {why}; the exchange says to wait {told:g} s: come back then")
        if attempt + 1 < tries:
            time.sleep(max(retry_wait * 2**attempt, told))
    since, until = (text(round(request[field] / 1000)) for field in ("startTime", "endTime"))
    raise DownloadError(f"{asked} from {since} to {until}: {why}; asked {tries} times")


def _bar_fault(rows: object, opens: range) -> str:
    """Return what is wrong with an answer of bars, or an empty text."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 12 for row in rows):  # noqa: PLR2004
        return f"not a list of bars but {repr(rows)[:80]}"
    if not rows:
        return "an empty answer: the exchange has no bars for this span"
    have = [int(row[0]) // 1000 for row in rows]
    if have == list(opens):
        return ""
    lacking = sorted(set(opens) - set(have))
    gap = f", the first missing opens at {text(lacking[0])}" if lacking else ", some twice or not asked for"
    return f"{len(have)} bars instead of {len(opens)}{gap}"


def _rate_fault(rows: object, some: bool) -> str:
    """Return what is wrong with an answer of funding rates, or an empty text."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "fundingRate" in row for row in rows):
        return f"not a list of funding rates but {repr(rows)[:80]}"
    return "an empty answer: funding is settled every 8 hours or more often" if some and not rows else ""
