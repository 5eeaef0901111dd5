"""Downloads from an exchange on this machine, which answers as Binance USD-M does, faults included."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from marginlib import MarginError, UnknownNameError
from marginlib.market.download import DownloadError, download
from marginlib.market.files import read_bars
from marginlib.market.paths import Bars


def seconds(times):
    return np.asarray(times, dtype="datetime64[s]").astype(np.int64)


HOUR = 3_600_000
LISTED = 1_569_398_400_000  # 2019-09-25T08:00Z
INTERVALS = {"1m": 60_000, "1h": HOUR, "1d": 24 * HOUR}


def bar(open_time, length, *, mark):
    """The bar that the exchange of these tests has: any prices will do that tell bars and mark from last apart."""
    base = 1_000 + open_time // length % 97 + (0.25 if mark else 0)
    prices = [f"{base + plus:.2f}" for plus in (0.5, 3, -3, 1)]
    rest = ["0", 60, "0", "0", "0"] if mark else ["4321.0", 12, "2.0", "2000.0", "0"]
    return [open_time, *prices, "0" if mark else "5.125", open_time + length - 1, *rest]


def settlements():
    """Funding every 8 hours, stamped up to some milliseconds off, as the exchange does."""
    first = LISTED // (8 * HOUR) * 8 * HOUR
    for number in range(9_000):
        yield first + number * 8 * HOUR + (0, 3, 17, -2)[number % 4], f"{(number % 13 - 6) / 100_000:.8f}"


class Exchange(ThreadingHTTPServer):
    """Answers as Binance USD-M does, except where a fault is queued for an endpoint."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = {"klines": [], "markPriceKlines": [], "fundingRate": [], "exchangeInfo": []}
        self.asked = []
        self.stalled = threading.Event()
        self.go_on = threading.Event()

    def handle_error(self, request, client_address):
        """A client that hangs up is part of these tests."""

    def count(self, endpoint):
        return Counter(name for _, name, _ in self.asked)[endpoint]

    def answer(self, endpoint, query):
        if endpoint == "exchangeInfo":
            return 200, {"timezone": "UTC", "symbols": [listing("BTCUSDT"), listing("ETHUSDT")]}
        if query["symbol"] not in {"BTCUSDT", "ETHUSDT"}:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        start, end, limit = int(query["startTime"]), int(query["endTime"]), int(query.get("limit", 500))
        if endpoint == "fundingRate":
            rows = [
                {"symbol": query["symbol"], "fundingTime": at, "fundingRate": rate, "markPrice": "1000.0"}
                for at, rate in settlements()
                if start <= at <= end
            ]
            return 200, rows[:limit]
        length = INTERVALS[query["interval"]]
        opens = range(max(-(-start // length) * length, LISTED), end + 1, length)
        return 200, [bar(at, length, mark=endpoint == "markPriceKlines") for at in opens[:limit]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: PLR0911
        url = urlsplit(self.path)
        endpoint = url.path.removeprefix("/fapi/v1/")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.asked.append((time.monotonic(), endpoint, query))
        faults = self.server.faults[endpoint]
        fault = faults.pop(0) if faults else None
        status, rows = self.server.answer(endpoint, query)
        if fault == "stall":
            self.server.stalled.set()
            self.server.go_on.wait(30)
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return None
        if isinstance(fault, tuple):
            status, wait = fault
            message = {"code": -1003, "msg": "Too many requests; current limit is 2400 requests per minute."}
            return self.send(status, json.dumps(message), {} if wait is None else {"Retry-After": str(wait)})
        if fault == "refused":
            return self.send(400, '{"code":-1128,"msg":"Combination of optional parameters invalid."}', {})
        if fault == "unavailable":
            return self.send(503, "<html>Service Unavailable</html>", {}, kind="text/html")
        if fault == "not json":
            return self.send(200, "<html>maintenance</html>", {}, kind="text/html")
        changed = {
            "empty": list,
            "short": lambda: rows[:-1],
            "hole": lambda: rows[:3] + rows[4:],
            "twice": lambda: [*rows, rows[-1]],
            "bad price": lambda: [[*row[:2], "0.5", *row[3:]] for row in rows],
            "no list": lambda: {"msg2": "hello"},
            "thin rows": lambda: [row[:5] for row in rows],
        }.get(fault, lambda: rows)()
        body = json.dumps(changed)
        if fault == "truncated":  # the length is announced, half of it comes
            return self.send(status, body, {}, cut=True)
        if fault == "truncated, no length":
            return self.send(status, body[: len(body) // 2], {"Connection": "close"}, length=False)
        return self.send(status, body, {"X-MBX-USED-WEIGHT-1M": "7"})

    def send(self, status, body, headers, *, kind="application/json;charset=UTF-8", cut=False, length=True):
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length:
            self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw[: len(raw) // 2] if cut else raw)
        if cut or not length:
            self.close_connection = True


def listing(symbol):
    return {
        "symbol": symbol, "pair": symbol, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "onboardDate": LISTED, "status": "TRADING", "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
        "baseAsset": symbol[:-4], "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
        "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN",
        "filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "4529764", "tickSize": "0.10"}],
        "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC"],
    }  # fmt: skip


@pytest.fixture
def exchange():
    server = Exchange()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    assert {endpoint for _, endpoint, _ in server.asked} <= server.faults.keys()
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def pointed_at(server, **options):
    ccxt = pytest.importorskip("ccxt", reason='needs the extra "live"')
    client = ccxt.binanceusdm({"rateLimit": 1, "timeout": 5_000} | options)
    root = f"http://127.0.0.1:{server.server_address[1]}"
    client.urls["api"] = dict.fromkeys(client.urls["api"], f"{root}/elsewhere") | {"fapiPublic": f"{root}/fapi/v1"}
    return client


@pytest.fixture
def client(exchange):
    client = pointed_at(exchange)
    yield client
    client.session.close()


@pytest.fixture
def fetch(client, tmp_path):
    """`download` with the local exchange, a cache in a new folder, and short waits."""

    def call(start="2020-03-01", end="2020-03-10", symbol="BTCUSDT", **options):
        options = {"cache_dir": tmp_path / "cache", "progress": False, "retry_wait": 0.01, "exchange": client} | options
        return download(symbol, start, end, **options)

    return call


def check(bars, start, end, length=HOUR, *, mark=True):
    """Compare downloaded bars with what the exchange of these tests has."""
    opens = range(int(seconds(np.datetime64(start)) * 1000), int(seconds(np.datetime64(end)) * 1000), length)
    assert (seconds(bars.times) * 1000).tolist() == list(opens)
    for index, at in enumerate(opens):
        _, first, high, low, close, volume, *_ = bar(at, length, mark=False)
        ours = [getattr(bars, name)[index] for name in ("open", "high", "low", "close", "volume")]
        assert ours == [float(text) for text in (first, high, low, close, volume)]
        if mark:
            _, _, high, low, close, *_ = bar(at, length, mark=True)
            assert [column[index] for column in (bars.mark_high, bars.mark_low, bars.mark_close)] == [
                float(text) for text in (high, low, close)
            ]
    rates = dict.fromkeys(opens, 0.0)
    settled = set()
    for at, rate in settlements():
        holder = round(at / 1000) * 1000 // length * length
        if holder in rates:
            rates[holder] += float(rate)
            settled.add(holder)
    for at, rate in zip(opens, bars.funding_rate, strict=True):
        assert (not math.isnan(rate)) == (at in settled)
        assert at not in settled or rate == pytest.approx(rates[at], abs=1e-18)
    assert settled


def test_a_download_over_several_pages(exchange, fetch):
    bars = fetch("2020-01-01", "2020-06-01")  # 3,648 hours over 4 pages of 1,000
    check(bars, "2020-01-01", "2020-06-01")
    assert bars.symbol == "BTCUSDT"
    assert exchange.count("klines") == exchange.count("markPriceKlines") == 4
    for _, _, query in exchange.asked:
        assert int(query["limit"]) <= 1000


@pytest.mark.parametrize(
    ("timeframe", "start", "end"), [("1m", "2020-03-12", "2020-03-13"), ("1d", "2020-01-01", "2024-01-01")]
)
def test_other_timeframes(fetch, timeframe, start, end):
    check(fetch(start, end, timeframe=timeframe), start, end, INTERVALS[timeframe])


def test_a_second_download_needs_neither_the_exchange_nor_ccxt(exchange, fetch, monkeypatch):
    first = fetch()
    asked = len(exchange.asked)
    monkeypatch.setitem(sys.modules, "ccxt", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    again = fetch(exchange=None)
    assert len(exchange.asked) == asked
    for field in dataclasses.fields(Bars):
        ours = getattr(again, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, getattr(first, field.name))
    with pytest.raises(ModuleNotFoundError, match=re.escape('pip install "marginlib[live]"')):
        fetch("2021-03-02", "2021-03-03", exchange=None)


def test_without_mark_prices(exchange, fetch):
    bars = fetch(mark=False)
    check(bars, "2020-03-01", "2020-03-10", mark=False)
    assert bars.mark_close is None
    assert exchange.count("markPriceKlines") == 0
    check(fetch(), "2020-03-01", "2020-03-10")  # kept apart


FAULTS = [
    "drop",
    "truncated",
    "truncated, no length",
    "empty",
    "short",
    "unavailable",
    "not json",
    (429, None),
    "no list",
]


@pytest.mark.parametrize(
    ("endpoint", "fault"),
    # How many settlements a span has is not known beforehand, so a short list of them is no fault.
    sorted(
        set(itertools.product(["klines", "markPriceKlines", "fundingRate"], FAULTS)) - {("fundingRate", "short")},
        key=str,
    ),
    ids=str,
)
def test_a_passing_fault_costs_another_request_and_nothing_else(exchange, fetch, endpoint, fault):
    exchange.faults[endpoint] = [fault]
    check(fetch(), "2020-03-01", "2020-03-10")
    assert exchange.faults[endpoint] == []
    assert exchange.count(endpoint) == 2


@pytest.mark.parametrize("fault", ["hole", "twice", "thin rows"])
def test_bars_missing_inside_a_page_are_asked_for_again(exchange, fetch, fault):
    exchange.faults["klines"] = [fault]
    check(fetch(), "2020-03-01", "2020-03-10")
    assert exchange.count("klines") == 2


def test_all_faults_in_one_download(exchange, fetch):
    for endpoint in ("klines", "markPriceKlines", "fundingRate"):
        exchange.faults[endpoint] = ["drop", "truncated", (429, 0), "empty"]
    check(fetch("2020-01-01", "2020-06-01"), "2020-01-01", "2020-06-01")
    assert not any(exchange.faults.values())


def test_retry_after_is_waited_for(exchange, fetch):
    exchange.faults["klines"] = [(429, 1)]
    fetch()
    first, second = (when for when, endpoint, _ in exchange.asked if endpoint == "klines")
    assert second - first >= 1.0  # told by the exchange; the first wait of its own is 0.01


def test_waits_grow(exchange, fetch):
    exchange.faults["klines"] = ["drop"] * 4
    fetch(retry_wait=0.05)
    times = [when for when, endpoint, _ in exchange.asked if endpoint == "klines"]
    for wait, expected in zip(np.diff(times), (0.05, 0.1, 0.2, 0.4), strict=True):
        assert wait >= expected


def test_a_long_ban_is_not_sat_out(exchange, fetch):
    exchange.faults["klines"] = [(418, 7200)]
    with pytest.raises(DownloadError, match="says to wait 7200 s: come back then"):
        fetch()
    assert exchange.count("klines") == 1


def test_a_refusal_is_not_asked_again(exchange, fetch):
    exchange.faults["fundingRate"] = ["refused"]
    with pytest.raises(DownloadError, match=r"funding rates of BTCUSDT: .*Combination of optional parameters"):
        fetch()
    assert exchange.count("fundingRate") == 1


def test_its_own_connection_is_closed(fetch, client, monkeypatch):
    ccxt = sys.modules["ccxt"]
    closed = []
    monkeypatch.setattr(ccxt, "binanceusdm", lambda: client)
    monkeypatch.setattr(client.session, "close", lambda: closed.append(True))
    fetch(exchange=None)
    assert closed == [True]
    fetch("2021-03-01", "2021-03-02", exchange=client)  # a caller's stays open
    assert closed == [True]
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("drop", "NetworkError"),
        ("truncated", "NetworkError"),
        ("truncated, no length", "not a list of bars but '"),
        ("empty", "an empty answer: the exchange has no bars for this span"),
        ("short", "215 bars instead of 216, the first missing opens at 2020-03-09T23:00:00Z"),
        ("hole", "215 bars instead of 216, the first missing opens at 2020-03-01T03:00:00Z"),
        ("twice", "217 bars instead of 216, some twice or not asked for"),
        ((429, 0), "DDoSProtection"),
        ("unavailable", "ExchangeNotAvailable"),
    ],
    ids=str,
)
def test_a_lasting_fault_is_an_error_and_leaves_nothing(exchange, fetch, tmp_path, fault, message):
    exchange.faults["klines"] = [fault] * 3
    expected = "bars of BTCUSDT from 2020-03-01T00:00:00Z to 2020-03-10T00:00:00Z: "
    with pytest.raises(DownloadError, match=f"{expected}.*{re.escape(message)}.*; asked 3 times"):
        fetch(tries=3)
    assert exchange.count("klines") == 3
    assert list((tmp_path / "cache").rglob("*")) == []


def test_before_the_listing_there_are_no_bars(fetch):
    with pytest.raises(DownloadError, match="the first missing opens at 2019-09-24T00:00:00Z"):
        fetch("2019-09-24", "2019-09-27", tries=1)
    with pytest.raises(DownloadError, match="an empty answer"):
        fetch("2019-08-24", "2019-08-27", tries=1)


def test_bars_that_are_no_bars_are_refused(exchange, fetch, tmp_path):
    exchange.faults["klines"] = ["bad price"]
    with pytest.raises(DownloadError, match=r"the exchange's bars are not right: .*high = '0\.5': it is below low"):
        fetch()
    assert list((tmp_path / "cache").rglob("*.csv")) == []


def test_a_file_is_kept_whole_or_not_at_all(fetch, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space"):
            fetch()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    check(fetch(), "2020-03-01", "2020-03-10")
    (file,) = (tmp_path / "cache").rglob("*.csv")
    check(read_bars(file, symbol="BTCUSDT")["BTCUSDT"], "2020-03-01", "2020-03-10")  # a bar file like any other
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(MarginError, match=re.escape(f"{file}, line 217: ")):  # damaged: said, with the file to delete
        fetch()


def test_files_are_kept_where_the_system_keeps_what_can_be_fetched_again(fetch, tmp_path, monkeypatch):
    platformdirs = pytest.importorskip("platformdirs", reason='needs the extra "live"')
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, **_: str(tmp_path / name))
    fetch(cache_dir=None)
    assert [file.name for file in (tmp_path / "marginlib").iterdir()] == [
        "BTCUSDT-1h-2020-03-01T000000Z-2020-03-10T000000Z.csv"
    ]


def test_the_rate_limit_is_kept(exchange, tmp_path):
    """The exchange weighs a page of 1,000 bars 5 and allows 2,400 a minute; ccxt keeps to 1,200: 50 ms for each 1."""
    client = pointed_at(exchange, rateLimit=50)
    try:
        download("BTCUSDT", "2020-01-01", "2020-03-25", cache_dir=tmp_path, exchange=client, progress=False)
    finally:
        client.session.close()
    at = {name: [when for when, endpoint, _ in exchange.asked if endpoint == name] for name in exchange.faults}
    assert len(at["klines"]) == 3
    for klines, marks in zip(at["klines"], at["markPriceKlines"], strict=True):
        assert marks - klines >= 0.2
    first, last = exchange.asked[0][0], exchange.asked[-1][0]
    weight = 2 * 5 * 2 + 12
    assert last - first >= (weight - 5) * 0.05 * 0.9


def test_funding_has_a_limit_of_its_own(exchange, tmp_path):
    """500 requests in 5 minutes, one in 0.6 s, for 1,000 settlements each."""
    client = pointed_at(exchange, rateLimit=50)
    try:
        download("BTCUSDT", "2020-01-01", "2022-01-01", timeframe="1d", cache_dir=tmp_path, exchange=client,
                 progress=False)  # fmt: skip
    finally:
        client.session.close()
    at = [when for when, endpoint, _ in exchange.asked if endpoint == "fundingRate"]
    assert len(at) == 3
    assert (np.diff(at) >= 0.59).all()  # as the server sees it, some milliseconds off


def test_the_progress_bar_counts_pages(fetch, capsys):
    fetch("2020-01-01", "2020-06-01", progress=True)
    shown = capsys.readouterr().err
    assert "downloading BTCUSDT 1h" in shown
    assert "4/4" in shown
    fetch("2020-01-01", "2020-06-01", progress=True)
    fetch("2021-01-01", "2021-01-02", progress=False)
    assert capsys.readouterr().err == ""


def test_an_unknown_contract_is_not_asked_for_again(fetch, exchange):
    with pytest.raises(UnknownNameError, match="'BTCUSD': Binance USD-M has no such contract; give a name such"):
        fetch(symbol="BTCUSD")
    assert exchange.count("klines") == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": "2020-03-01T00:30Z"}, MarginError, "start = 2020-03-01T00:30:00Z: give the open of a bar"),
        ({"end": "2020-03-01T00:30Z"}, MarginError, "end = 2020-03-01T00:30:00Z: give the open of a bar"),
        ({"start": "2020-03-01T00:00"}, MarginError, "start = '2020-03-01T00:00': no time zone"),
        ({"end": "2020-03-01"}, MarginError, "give two bars or more after 2020-03-01T00:00:00Z"),
        ({"end": "2020-03-01T01:00Z"}, MarginError, "give two bars or more"),
        ({"end": "2999-01-01"}, MarginError, "end = 2999-01-01T00:00:00Z: the last bar that has closed ended at 2"),
        ({"timeframe": "1w"}, UnknownNameError, "timeframe = '1w': give one of 1m"),
        ({"symbol": "../BTC"}, MarginError, "symbol = '../BTC'"),
        ({"symbol": ""}, MarginError, "symbol = ''"),
        ({"symbol": None}, MarginError, "symbol = None"),
        ({"tries": 0}, MarginError, "tries = 0"),
        ({"tries": True}, MarginError, "tries = True"),
        ({"retry_wait": -1}, MarginError, "retry_wait = -1"),
        ({"exchange": object()}, MarginError, "give a ccxt.binanceusdm with enableRateLimit"),
    ],
)
def test_wrong_questions_to_the_exchange(exchange, fetch, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        fetch(**options)
    assert exchange.asked == []


def test_an_exchange_without_its_rate_limit_is_refused(client, fetch):
    client.enableRateLimit = False
    with pytest.raises(MarginError, match="enableRateLimit"):
        fetch()


def test_the_end_of_history_is_the_last_closed_bar(fetch):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    assert len(fetch(now - timedelta(hours=3), now)) == 3
    with pytest.raises(MarginError, match="the last bar that has closed"):
        fetch(now - timedelta(hours=3), now + timedelta(hours=2))


def test_importing_history_imports_no_optional_package():
    code = "import sys, marginlib.market; print(sorted({'ccxt', 'tqdm', 'requests', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
