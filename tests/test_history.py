"""`history`: recorded figures, bar files, downloads from a local exchange, generated paths."""

from __future__ import annotations

import csv
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
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from marginlib import MarginError, UnknownNameError
from marginlib.market.download import DownloadError, download
from marginlib.market.files import read_bars
from marginlib.market.generate import block_bootstrap_path, geometric_brownian_path, jump_diffusion_path
from marginlib.market.paths import Bars, PricePath
from marginlib.market.recorded import crash, crashes

SHARED = Path(os.environ.get("MARGINLIB_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
MARKET = SHARED / "market"
FILES = sorted(MARKET.glob("*.csv"))
needs_market = pytest.mark.skipif(not FILES, reason=f"no bar files in {MARKET}: full price files are for tests only")
YEAR_HOURS = 365 * 24


def seconds(times):
    return np.asarray(times, dtype="datetime64[s]").astype(np.int64)


def hours(first, count):
    return np.datetime64(first, "s") + np.arange(count) * np.timedelta64(3600, "s")


def flat_bars(close, *, symbol="BTCUSDT", first="2020-03-01T00:00", **columns):
    close = np.asarray(close, dtype=float)
    return Bars(
        symbol=symbol, times=hours(first, close.size), open=close, high=close, low=close, close=close, **columns
    )


# --- (a) recorded key figures ---

EVENTS = [each.event for each in crashes()]


def test_the_figures_are_those_recorded():
    facts = SHARED / "facts" / "crash_key_figures.csv"
    if not facts.exists():
        pytest.skip(f"no {facts}")
    with facts.open(newline="") as lines:
        expected = [
            (row["event"], row["symbol"], row["time_utc"], float(row["mark_price"]), row["kind"])
            for row in csv.DictReader(lines)
        ]
    ours = [
        (each.event, symbol, f"{str(when)[:16]}Z", price, kind)
        for each in crashes()
        for symbol, figures in each.figures.items()
        for when, price, kind in zip(figures.times, figures.mark_prices.tolist(), figures.kinds, strict=True)
    ]
    assert len(ours) == 154
    assert sorted(ours) == sorted(expected)


HOURLY = {
    "black-thursday-2020": "h1_2020-03_black-thursday",
    "uptrend-2021": "h1_2020-12_uptrend",
    "may-crash-2021": "h1_2021-05_may-crash",
    "ftx-2022": "h1_2022-11_ftx",
    "cascade-2025": "h1_2025-10_cascade",
}


@pytest.mark.market
@needs_market
@pytest.mark.parametrize(("event", "symbol"), [(each.event, symbol) for each in crashes() for symbol in each.symbols])
def test_figures_stand_where_the_hourly_bars_say(event, symbol):
    """A close at the end of its hour, a high or low at half past, all rounded to at least four digits."""
    figures = crash(event).figures[symbol]
    (bars,) = read_bars(MARKET / f"{HOURLY[event]}_{symbol}.csv").values()
    high, low, close = (dict(zip(seconds(bars.times), column, strict=True)) for column in bars.mark_prices())
    for when, price, kind in zip(seconds(figures.times), figures.mark_prices, figures.kinds, strict=True):
        exact = {"close": close.get(when - 3600), "high": high.get(when - 1800), "low": low.get(when - 1800)}[kind]
        assert price == pytest.approx(exact, rel=5e-5 * 10), (str(when), kind)
        assert f"{exact:.5g}" == f"{price:.5g}" or f"{exact:.4g}" == f"{price:.4g}"
    span = bars.between(figures.times[0] - np.timedelta64(3600, "s"), figures.times[-1])
    for kind, extreme in (("low", span.mark_low.min()), ("high", span.mark_high.max())):
        for price, told in zip(figures.mark_prices, figures.kinds, strict=True):
            if told == kind:
                assert price == pytest.approx(extreme, rel=5e-4)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("step", ["1m", "5m", "30m", "1h", "8h"])
def test_a_path_passes_through_every_figure(event, step):
    recorded = crash(event)
    for count in range(1, len(recorded.symbols) + 1):
        for symbols in itertools.permutations(recorded.symbols, count):
            path = recorded.path(symbols, step=step)
            prices = {
                (when, symbol): price
                for when, marks in zip(seconds(path.times), (marks for _, marks in path.marks()), strict=True)
                for symbol, price in marks.items()
            }
            for symbol in symbols:
                figures = recorded.figures[symbol]
                for when, price in zip(seconds(figures.times), figures.mark_prices, strict=True):
                    assert prices[when, symbol] == price  # exactly
            assert path.recorded.sum() == sum(len(recorded.figures[symbol]) for symbol in symbols)


@pytest.mark.parametrize("event", EVENTS)
def test_between_two_figures_a_path_is_a_straight_line(event):
    recorded = crash(event)
    path = recorded.path(step="5m")
    assert set(np.diff(seconds(path.times))) == {300}
    for symbol in recorded.symbols:
        figures = recorded.figures[symbol]
        knots = list(zip(seconds(figures.times).tolist(), figures.mark_prices.tolist(), strict=True))
        twin = []
        for when in seconds(path.times).tolist():
            before = max(knot for knot in knots if knot[0] <= when)
            after = min(knot for knot in knots if knot[0] >= when)
            share = (when - before[0]) / ((after[0] - before[0]) or 1)
            twin.append(before[1] + share * (after[1] - before[1]))
        np.testing.assert_allclose(path.price(symbol), twin, rtol=1e-14)


@pytest.mark.parametrize("event", EVENTS)
def test_the_symbols_of_an_event_share_their_span(event):
    """So that no path runs on beyond a symbol's last figure."""
    spans = {(figures.times[0], figures.times[-1]) for figures in crash(event).figures.values()}
    assert len(spans) == 1


def test_a_path_says_that_it_is_interpolated_wherever_it_is_shown():
    path = crash("ftx-2022").path(["ETHUSDT"])
    assert path.interpolated
    for shown in (path.label, repr(path), str(path)):
        assert "interpolated" in shown
        assert "Binance USD-M mark price, UTC" in shown
        assert "14 recorded figures" in shown


def test_events_come_in_order_of_time_and_each_has_a_title():
    starts = [min(figures.times[0] for figures in each.figures.values()) for each in crashes()]
    assert starts == sorted(starts)
    assert len({each.title for each in crashes()}) == 5


def test_records_cannot_be_changed():
    recorded = crash("ftx-2022")
    path = recorded.path()
    for array in (recorded.figures["BTCUSDT"].mark_prices, path.mark_prices, path.times, path.recorded):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    with pytest.raises(TypeError):
        recorded.figures["BTCUSDT"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        path.label = "traded"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: crash("ftx"), UnknownNameError, "event = 'ftx': give one of black-thursday-2020, uptrend-2021"),
        (lambda: crash("ftx-2022").path(["SOLUSDT"]), UnknownNameError, "ftx-2022 has BTCUSDT, ETHUSDT"),
        (lambda: crash("ftx-2022").path("BTCUSDT"), MarginError, "give a list of BTCUSDT, ETHUSDT, each once"),
        (lambda: crash("ftx-2022").path([]), MarginError, "give a list of"),
        (lambda: crash("ftx-2022").path(["BTCUSDT"] * 2), MarginError, "each once"),
        (lambda: crash("ftx-2022").path(step="7m"), UnknownNameError, "step = '7m': give one of 1m, 3m"),
        (lambda: crash("ftx-2022").path(step=60), UnknownNameError, "step = 60"),
        (lambda: crash("ftx-2022").path().price("XRPUSDT"), UnknownNameError, "give one of BTCUSDT, ETHUSDT"),
    ],
)
def test_wrong_questions_about_crashes(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


# --- the records ---


def path_of(prices, times=None, **changes):
    fields = {
        "symbols": ("A",),
        "times": hours("2020-01-01", len(prices)) if times is None else times,
        "mark_prices": np.asarray(prices, dtype=float).reshape(len(prices), -1 if prices else 1),
        "label": "made up",
    }
    return PricePath(**fields | changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: path_of([1, 2], symbols=("A", "B")), "shape (2, 1) does not fit 2 times"),
        (lambda: path_of([[1, 2]], symbols=("A", "A")), "mark_prices: shape"),
        (lambda: path_of([1, 0]), "finite prices above 0"),
        (lambda: path_of([1, np.nan]), "finite prices above 0"),
        (lambda: path_of([1, np.inf]), "finite prices above 0"),
        (lambda: path_of([1, 2], hours("2020-01-01", 2)[::-1]), "later than the one before"),
        (lambda: path_of([1, 2], hours("2020-01-01", 2)[[0, 0]]), "later than the one before"),
        (lambda: path_of([]), "give at least one"),
        (lambda: path_of([1, 2], label=" "), "label = ' '"),
        (lambda: path_of([1, 2], recorded=[True]), "recorded: shape (1,)"),
        (lambda: flat_bars([]), "at least one"),
        (lambda: flat_bars([1.0]), "one bar does not tell its length"),
        (lambda: flat_bars([1.0, -2.0]), "open of BTCUSDT at 2020-03-01T01:00:00Z = -2.0: give a finite price above 0"),
        (lambda: flat_bars([1.0, np.nan]), "give a finite price above 0"),
        (lambda: flat_bars([1, 2], volume=[1, -1]), "volume of BTCUSDT at 2020-03-01T01:00:00Z = -1.0"),
        (lambda: flat_bars([1, 2], funding_rate=[np.inf, 0]), "funding_rate of BTCUSDT"),
        (lambda: flat_bars([1, 2], volume=[1]), "volume of BTCUSDT: shape (1,); give one number for each of the 2"),
        (lambda: dataclasses.replace(flat_bars([1, 2]), low=[1, 1], high=[1, 1.5]), "it is above high"),
        (
            lambda: dataclasses.replace(flat_bars([1, 2]), low=[1, 3]),
            "at 2020-03-01T01:00:00Z = 2.0: it is below low",
        ),
        (lambda: dataclasses.replace(flat_bars([1, 2]), low=[2, 2], high=[2, 2]), "it is below low"),
        (lambda: flat_bars([1, 2], mark_high=[1, 1], mark_low=[1, 2]), "mark_high of BTCUSDT"),
        (lambda: flat_bars([1, 2], mark_high=[1, 2], mark_close=[1, 3]), "mark_close of BTCUSDT"),
        (lambda: dataclasses.replace(flat_bars([1, 2]), times=hours("2020-01-01", 2)[::-1]), "in order of time"),
        (
            lambda: dataclasses.replace(flat_bars([1, 2, 3]), times=hours("2020-01-01", 4)[[0, 1, 3]]),
            "bar 2: a gap",
        ),
        (lambda: dataclasses.replace(flat_bars([1, 2]), step=np.timedelta64(-1, "s")), "give a length above 0"),
    ],
)
def test_records_refuse_what_is_no_history(make, message):
    with pytest.raises(MarginError, match=re.escape(message)):
        make()


def test_bars_between_two_moments():
    bars = flat_bars([1, 2, 3, 4, 5], funding_rate=[0.1, np.nan, np.nan, np.nan, 0.2])
    part = bars.between("2020-03-01T01:00Z", datetime(2020, 3, 1, 4, tzinfo=UTC))
    assert part.close.tolist() == [2, 3, 4]
    assert len(bars.between("2020-03-01", bars.end)) == 5
    assert part.end == np.datetime64("2020-03-01T04:00")
    for start, end, message in (
        ("2020-02-29T23:00Z", bars.end, "BTCUSDT has bars from 2020-03-01T00:00:00Z to 2020-03-01T05:00:00Z"),
        ("2020-03-01", "2020-03-01T06:00Z", "has bars from"),
        ("2020-03-01T01:00Z", "2020-03-01T01:00Z", "no bar of BTCUSDT opens"),
        ("2020-03-01T01:00", bars.end, "no time zone; all times are UTC, so write 2020-03-01T01:00Z"),
        ("2020-03-01T01:00+02:00", bars.end, "give UTC; this moment is 2020-02-29T23:00:00Z"),
        (datetime(2020, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), bars.end, "give UTC"),
        ("2020-03-01T01:00:00.5Z", bars.end, "give a whole second"),
        (np.datetime64("2020-03-01T01:00:00.5"), bars.end, "give a whole second"),
        (1583020800, bars.end, "give a UTC moment such as"),
        ("noon", bars.end, "give a UTC date and time such as"),
    ):
        with pytest.raises(MarginError, match=re.escape(message)):
            bars.between(start, end)
    assert len(bars.between(datetime(2020, 3, 1, tzinfo=UTC).date(), bars.end)) == 5


def test_a_missing_mark_price_is_named_and_never_nan():
    bars = flat_bars([1, 2], mark_high=[1, 2], mark_low=[1, 2])
    with pytest.raises(MarginError, match="has mark_high, mark_low; needs all three"):
        bars.mark_prices()
    with pytest.raises(MarginError, match="has no mark price; needs all three"):
        flat_bars([1, 2]).mark_prices()


# --- (b) bar files ---


@pytest.mark.market
@needs_market
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_market_file_is_read_as_a_dull_reader_reads_it(file):
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    result = read_bars(file)
    symbols = dict.fromkeys(row.get("symbol", file.stem.rsplit("_", 1)[1]) for row in rows)
    assert list(result) == list(symbols)
    for symbol, bars in result.items():
        mine = [row for row in rows if row.get("symbol", symbol) == symbol]
        assert bars.symbol == symbol
        assert [f"{when}Z" for when in bars.times] == [row["timestamp"] for row in mine]
        assert bars.step == np.timedelta64(86_400 if file.stem.startswith("d1") else 3_600, "s")
        for column in ("open", "high", "low", "close", "volume", "mark_high", "mark_low", "mark_close"):
            if column in rows[0]:
                assert getattr(bars, column).tolist() == [float(row[column]) for row in mine]
            else:
                assert getattr(bars, column) is None
        funding = "funding_rate" if "funding_rate" in rows[0] else "funding_sum"
        expected = [float(row[funding]) if row[funding] else None for row in mine]
        assert [None if math.isnan(rate) else rate for rate in bars.funding_rate.tolist()] == expected
    assert sum(map(len, result.values())) == len(rows)


HEADER = "timestamp,open,high,low,close,volume,mark_high,mark_low,mark_close,funding_rate"
PLAIN = [
    "2020-03-12T23:00:00Z,10,12,9,11,100,12.5,9.5,11.5,",
    "2020-03-13T00:00:00Z,11,13,10,12,100,13.5,10.5,12.5,0.0001",
    "2020-03-13T01:00:00Z,12,14,11,13,0,14.5,11.5,13.5,",
    "2020-03-13T02:00:00Z,13,15,12,14,100,15.5,12.5,14.5,",
]


def plain(tmp_path, lines, name="h1_BTCUSDT.csv"):
    file = tmp_path / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_plain_file(tmp_path):
    (bars,) = read_bars(plain(tmp_path, [HEADER, *PLAIN])).values()
    assert bars.symbol == "BTCUSDT"
    assert bars.source == "h1_BTCUSDT.csv"
    assert bars.close.tolist() == [11, 12, 13, 14]
    np.testing.assert_array_equal(bars.funding_rate, [np.nan, 0.0001, np.nan, np.nan])
    assert bars.times.dtype == np.dtype("datetime64[s]")


def test_what_a_plain_file_may_look_like(tmp_path):
    file = tmp_path / "mine.csv"
    text = "\r\n".join(["# a note", HEADER, *(line.replace("Z,", "+00:00,") for line in PLAIN), "", ""])
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_bars(file, symbol="ETHUSDT")["ETHUSDT"].low.tolist() == [9, 10, 11, 12]
    mixed = [f"{line},{symbol}" for line in PLAIN for symbol in ("A", "B")]
    both = read_bars(plain(tmp_path, [f"{HEADER},symbol", *mixed]))
    assert list(both) == ["A", "B"]
    assert both["B"].close.tolist() == [11, 12, 13, 14]


def cell(line, column, value):
    """Change one field of one line; line 2 is the first bar."""

    def change(lines):
        fields = lines[line - 1].split(",")
        fields[HEADER.split(",").index(column)] = value
        lines[line - 1] = ",".join(fields)

    return change


def whole(line, text):
    def change(lines):
        lines[line - 1] = text

    return change


PLAIN_FAULTS = {
    "empty price": (cell(3, "close", ""), "line 3: close = empty: give one finite number"),
    "blank price": (cell(3, "close", "  "), "line 3: close = empty"),
    "NaN": (cell(4, "mark_low", "nan"), "line 4: mark_low = 'nan': give one finite number"),
    "infinite": (cell(4, "high", "inf"), "line 4: high = 'inf': give one finite number"),
    "no number": (cell(2, "open", "1,000".replace(",", "_x")), "line 2: open = '1_x00"),
    "Python's number": (cell(2, "open", "1_0"), "line 2: open = '1_0': give one finite number"),
    "zero price": (cell(5, "low", "0"), "line 5: low = '0': give a finite price above 0"),
    "negative price": (cell(5, "low", "-1"), "line 5: low = '-1': give a finite price above 0"),
    "negative volume": (cell(5, "volume", "-1"), "line 5: volume = '-1': give 0 or a number above 0"),
    "empty volume": (cell(5, "volume", ""), "line 5: volume = empty"),
    "NaN funding": (cell(5, "funding_rate", "NaN"), "line 5: funding_rate = 'NaN'"),
    "high below low": (cell(3, "high", "9"), "line 3: high = '9': it is below low"),
    "mark high below low": (cell(3, "mark_high", "9"), "line 3: mark_high = '9': it is below mark_low"),
    "close above high": (cell(3, "close", "13.5"), "line 3: close = '13.5': it is above high"),
    "open below low": (cell(3, "open", "9.5"), "line 3: open = '9.5': it is below low"),
    "mark close outside": (cell(3, "mark_close", "99"), "line 3: mark_close = '99': it is above mark_high"),
    "no zone": (cell(3, "timestamp", "2020-03-13T00:00:00"), "line 3: timestamp = '2020-03-13T00:00:00': no time zone"),
    "another zone": (
        cell(3, "timestamp", "2020-03-13T08:00:00+08:00"),
        "line 3: timestamp = '2020-03-13T08:00:00+08:00': give UTC; this moment is 2020-03-13T00:00:00Z",
    ),
    "no time": (cell(3, "timestamp", "yesterday"), "line 3: timestamp = 'yesterday': give a UTC date and time"),
    "epoch time": (cell(3, "timestamp", "1584057600000"), "line 3: timestamp = '1584057600000'"),
    "half a second": (cell(3, "timestamp", "2020-03-13T00:00:00.5Z"), "line 3: timestamp"),
    "duplicate": (
        lambda lines: lines.insert(3, lines[2]),
        "line 4: timestamp = '2020-03-13T00:00:00Z': 2020-03-13",
    ),
    "late duplicate": (
        lambda lines: lines.append(lines[1]),
        "line 6: timestamp = '2020-03-12T23:00:00Z': 2020-03-12",
    ),
    "out of order": (
        lambda lines: lines.append("2020-03-12T22:00:00Z" + lines[1][20:]),
        "2020-03-12T22:00:00Z comes after 2020-03-13T02:00:00Z; give the bars in order of time",
    ),
    "gap": (
        lambda lines: lines.pop(3),
        "a gap: 1 of the bars of 3600 s missing between 2020-03-13T00:00:00Z and 2020-03-13T02:00:00Z",
    ),
    "half a step": (cell(5, "timestamp", "2020-03-13T02:30:00Z"), "2020-03-13T02:30:00Z comes 5400 s after"),
    "too few columns": (whole(4, "2020-03-13T01:00:00Z,12,14"), "line 4: low = empty: give one finite number"),
    "too many columns": (lambda lines: lines.__setitem__(3, lines[3] + ",1"), "Expected 10 fields in line 4, saw 11"),
    "empty line": (lambda lines: lines.insert(3, ""), "line 4: timestamp = ''"),
    "unknown column": (whole(1, HEADER.replace("volume", "vol")), "line 1: columns unknown: 'vol'"),
    "missing column": (whole(1, HEADER.replace("open", "volume")), "line 1: columns missing: 'open'"),
    "column twice": (whole(1, HEADER.replace("volume", "open")), "line 1: columns twice: 'open'"),
    "two fundings": (whole(1, HEADER.replace("volume", "funding_sum")), "give funding_rate or funding_sum, not both"),
    "no header": (lambda lines: lines.pop(0), "line 1: columns missing: 'timestamp'"),
    "header alone": (lambda lines: lines.__delitem__(slice(1, None)), "no bars after the header"),
    "one bar": (lambda lines: lines.__delitem__(slice(2, None)), "one bar does not tell its length"),
    "open quote": (lambda lines: lines.__setitem__(3, '"' + lines[3]), "not one table of comma-separated values"),
}


@pytest.mark.parametrize("fault", PLAIN_FAULTS)
def test_a_fault_in_a_plain_file_is_named_with_its_line(tmp_path, fault):
    change, message = PLAIN_FAULTS[fault]
    lines = [HEADER, *PLAIN]
    change(lines)
    file = plain(tmp_path, lines)
    with pytest.raises(MarginError, match=re.escape(message)) as caught:
        read_bars(file)
    assert str(caught.value).startswith(str(file))


def test_faults_of_a_plain_file_as_a_whole(tmp_path):
    with pytest.raises(MarginError, match="No columns to parse from file"):
        read_bars(plain(tmp_path, []).with_name("h1_BTCUSDT.csv").parent / plain(tmp_path, [""]).name)
    (tmp_path / "h1_X.csv").write_bytes(f"{HEADER}\n{PLAIN[0]}\n".encode() + b"\xff\n")
    with pytest.raises(MarginError, match="line 3: timestamp = "):
        read_bars(tmp_path / "h1_X.csv")
    with pytest.raises(MarginError, match="does not say it; give symbol="):
        read_bars(plain(tmp_path, [HEADER, *PLAIN], "my-bars.csv"))
    named = plain(tmp_path, [f"{HEADER},symbol", *(f"{line},A" for line in PLAIN)])
    with pytest.raises(MarginError, match="give it where no column of the table says it"):
        read_bars(named, symbol="A")
    with pytest.raises(MarginError, match="line 2: symbol = empty"):
        read_bars(plain(tmp_path, [f"{HEADER},symbol", *(f"{line}," for line in PLAIN)]))
    with pytest.raises(MarginError, match="has columns of its own for them"):
        read_bars(plain(tmp_path, [HEADER, *PLAIN]), mark="x.csv")
    with pytest.raises(FileNotFoundError):
        read_bars(tmp_path / "none.csv")


# Two bars as the archive writes them (the layout: github.com/binance/binance-public-data).
ARCHIVE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
ARCHIVE = [
    "1583971200000,7938.05,7966.17,7927.24,7950.00,3187.253,1583974799999,25329000.1,9876,1500.1,11900000.2,0",
    "1583974800000,7950.00,7960.00,7900.00,7910.10,2187.253,1583978399999,17329000.1,8876,1100.1,8700000.2,0",
    "1583978400000,7910.10,7920.00,7880.00,7890.20,2287.253,1583981999999,18329000.1,8976,1200.1,9500000.2,0",
]
ARCHIVE_MARK = [
    "1583971200000,7937.0,7965.1,7928.3,7949.5,0,1583974799999,0,3600,0,0,0",
    "1583974800000,7949.5,7959.5,7901.5,7911.5,0,1583978399999,0,3600,0,0,0",
    "1583978400000,7911.5,7919.5,7881.5,7891.5,0,1583981999999,0,3600,0,0,0",
]
ARCHIVE_FUNDING = [
    "calc_time,funding_interval_hours,last_funding_rate",
    "1583942400003,8,0.00010000",
    "1583971200007,8,0.00012000",
    "1583978399998,8,-0.00003000",
    "1583999999000,8,0.5",
]


def archive(tmp_path, lines, name="BTCUSDT-1h-2020-03-12.csv"):
    return plain(tmp_path, lines, name)


def microseconds(line):
    fields = line.split(",")
    fields[0] += "000"
    fields[6] += "999"
    return ",".join(fields)


@pytest.mark.parametrize(
    "lines",
    [ARCHIVE, [ARCHIVE_HEADER, *ARCHIVE], [microseconds(line) for line in ARCHIVE]],
    ids=["no header", "header", "microseconds"],
)
def test_an_archive_file(tmp_path, lines):
    (bars,) = read_bars(archive(tmp_path, lines)).values()
    assert bars.symbol == "BTCUSDT"
    assert [str(when) for when in bars.times] == ["2020-03-12T00:00:00", "2020-03-12T01:00:00", "2020-03-12T02:00:00"]
    assert bars.step == np.timedelta64(3600, "s")
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (7938.05, 7966.17, 7927.24, 7950.00)
    assert bars.volume.tolist() == [3187.253, 2187.253, 2287.253]
    assert bars.mark_close is None
    assert bars.funding_rate is None
    (one,) = read_bars(archive(tmp_path, lines[:2])).values()  # close_time tells the length of a bar
    assert one.step == np.timedelta64(3600, "s")


def test_an_archive_file_with_its_mark_and_funding_files_from_zips(tmp_path):
    files = {}
    for name, lines in {"bars": ARCHIVE, "mark": [ARCHIVE_HEADER, *ARCHIVE_MARK], "funding": ARCHIVE_FUNDING}.items():
        inner = archive(tmp_path, lines, f"{name}.csv")
        files[name] = tmp_path / f"BTCUSDT-{name}.zip"
        with zipfile.ZipFile(files[name], "w") as bundle:
            bundle.write(inner, inner.name)
    bars = read_bars(files["bars"], mark=files["mark"], funding=files["funding"])["BTCUSDT"]
    high, low, close = bars.mark_prices()
    assert (high[1], low[1], close[1]) == (7959.5, 7901.5, 7911.5)
    # 7 ms after midnight belongs to midnight's bar, 2 ms before two o'clock to two o'clock's.
    np.testing.assert_array_equal(bars.funding_rate, [0.00012, np.nan, -0.00003])


def test_several_settlements_in_one_bar_are_added_up(tmp_path):
    day = "1583971200000,7938.05,7966.17,7000,7950.00,1,1584057599999,1,1,1,1,0"
    lines = [ARCHIVE_FUNDING[0], "1583971200000,8,0.0001", "1584000000001,8,0.0002", "1584028800000,8,-0.0005"]
    funding = archive(tmp_path, lines, "BTCUSDT-fundingRate-2020-03.csv")
    (bars,) = read_bars(archive(tmp_path, [day]), funding=funding).values()
    assert bars.funding_rate.tolist() == pytest.approx([-0.0002], abs=1e-18)


ARCHIVE_FAULTS = {
    "columns": (0, lambda line: line[:-2], "Expected 11 fields in line 2, saw 12"),
    "header": (0, lambda _: ARCHIVE_HEADER.replace("count", "trades"), "line 1: columns open_time"),
    "time in seconds": (
        1,
        lambda line: line.replace("1583974800000", "1583974800"),
        "line 2: open_time = '1583974800'",
    ),
    "no time": (1, lambda line: line.replace("1583974800000", ""), "line 2: open_time = empty"),
    "not a whole second": (
        1,
        lambda line: line.replace("74800000,", "74800001,"),
        "line 2: close_time = '1583978399999'",
    ),
    "not closed": (
        2,
        lambda line: line.replace("1583981999999", "1583980199999"),
        "line 3: close_time = '1583980199999'",
    ),
    "closed early": (2, lambda line: line.replace("1583981999999", "1583980199123"), "line 3: close_time"),
    "closes before it opens": (2, lambda line: line.replace("1583981999999", "1583978399999"), "line 3: close_time"),
    "empty close": (1, lambda line: line.replace("7910.10", ""), "line 2: close = empty"),
    "high below low": (1, lambda line: line.replace("7960.00", "7800.00"), "line 2: high = '7800.00': it is below low"),
    "duplicate": (1, lambda _: ARCHIVE[0], "2020-03-12T00:00:00Z comes twice"),
    "gap": (1, lambda _: "", "line 2: open_time = empty"),
}


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_a_fault_in_an_archive_file_is_named_with_its_line(tmp_path, fault):
    index, change, message = ARCHIVE_FAULTS[fault]
    lines = list(ARCHIVE)
    lines[index] = change(lines[index])
    with pytest.raises(MarginError, match=re.escape(message)):
        read_bars(archive(tmp_path, lines))


def test_other_faults_of_archive_files(tmp_path):
    bars = archive(tmp_path, ARCHIVE)
    with pytest.raises(MarginError, match=r"line 2: .*a gap: 1 of the bars of 3600 s missing"):
        read_bars(archive(tmp_path, ARCHIVE[::2]))
    bars = archive(tmp_path, ARCHIVE)
    with pytest.raises(MarginError, match=r"line 2: .*2020-03-12T00:00:00Z comes after 2020-03-12T01:00:00Z"):
        read_bars(archive(tmp_path, [ARCHIVE[1], ARCHIVE[0]], "ETHUSDT-1h.csv"))
    with pytest.raises(MarginError, match="has other times than"):
        read_bars(bars, mark=archive(tmp_path, ARCHIVE_MARK[:2], "mark.csv"))
    with pytest.raises(MarginError, match="line 1: columns timestamp, open"):
        read_bars(bars, mark=archive(tmp_path, [HEADER, *PLAIN], "mark.csv"))
    wrong = archive(tmp_path, [ARCHIVE_MARK[0], ARCHIVE_MARK[1].replace("7959.5", "1"), ARCHIVE_MARK[2]], "mark.csv")
    with pytest.raises(MarginError, match=r"mark\.csv, line 2: high = '1': it is below low"):
        read_bars(bars, mark=wrong)
    for lines, message in (
        (ARCHIVE_FUNDING[:1], "line 1: nothing after the header"),
        ([ARCHIVE_FUNDING[0], "1583942400003,8,"], "line 2: last_funding_rate = empty"),
        ([*ARCHIVE_FUNDING, ARCHIVE_FUNDING[1]], "line 6: calc_time = '1583942400003': not after"),
        (["calc_time,rate", "1583942400003,1"], "line 1: columns calc_time, rate: give calc_time, funding_interval"),
        ([ARCHIVE_FUNDING[0], "1583942400003,8"], "line 2: last_funding_rate = empty"),
    ):
        with pytest.raises(MarginError, match=message):
            read_bars(bars, funding=archive(tmp_path, lines, "funding.csv"))
    with pytest.raises(MarginError, match="nothing after the header"):
        read_bars(archive(tmp_path, [ARCHIVE_HEADER], "ETHUSDT-1h.csv"))
    with pytest.raises(MarginError, match="does not say it; give symbol="):
        read_bars(archive(tmp_path, ARCHIVE, "download.csv"))
    (tmp_path / "BTCUSDT-1h.zip").write_bytes(b"PK not a zip")
    with pytest.raises(MarginError, match="not one table"):
        read_bars(tmp_path / "BTCUSDT-1h.zip")
    with zipfile.ZipFile(tmp_path / "BTCUSDT-2h.zip", "w") as bundle:
        bundle.writestr("readme.txt", "no bars")
    with pytest.raises(MarginError, match=r"the name of .* does not say it"):
        read_bars(tmp_path / "BTCUSDT-2h.zip")


# --- (c) the exchange, on this machine ---

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
            assert [column[index] for column in bars.mark_prices()] == [float(text) for text in (high, low, close)]
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


def test_an_unknown_contract_is_named_with_similar_ones(fetch, exchange):
    with pytest.raises(UnknownNameError, match="Binance USD-M has no such contract; did you mean BTCUSDT"):
        fetch(symbol="BTCUSD")
    assert exchange.count("klines") == 1
    exchange.faults["exchangeInfo"] = ["unavailable"]
    with pytest.raises(UnknownNameError, match="give a name such as BTCUSDT"):
        fetch(symbol="BTCUSD")


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


# --- (d) generated paths ---

# Every bound below is in standard errors of the statistic, from the model and the number of steps. The seeds are fixed,
# so a test passes or fails always; 4 standard errors would fail one right generator in 16,000.
BOUND = 4


def log_returns(path):
    return np.diff(np.log(path.mark_prices), axis=0)


def test_brownian_moments_and_correlations():
    steps, dt = 200_000, 1 / YEAR_HOURS
    sigma, mu, rho = (
        np.array([0.6, 0.9, 1.2]),
        np.array([0.5, 0.0, -0.7]),
        np.array([[1, 0.8, 0.5], [0.8, 1, 0.6], [0.5, 0.6, 1]]),
    )
    prices = {"A": 60_000.0, "B": 3_000.0, "C": 0.2}
    path = geometric_brownian_path(
        prices, volatility=dict(zip("ABC", sigma, strict=True)), drift=dict(zip("ABC", mu, strict=True)),
        correlation=rho, steps=steps, seed=1,
    )  # fmt: skip
    moves = log_returns(path)
    deviation = sigma * np.sqrt(dt)
    mean_error = (moves.mean(axis=0) - (mu - sigma**2 / 2) * dt) / (deviation / np.sqrt(steps))
    assert (np.abs(mean_error) < BOUND).all()
    spread_error = (moves.std(axis=0) / deviation - 1) * np.sqrt(2 * steps)
    assert (np.abs(spread_error) < BOUND).all()
    correlation_error = (np.corrcoef(moves.T) - rho) * np.sqrt(steps) / np.where(rho == 1, 1, 1 - rho**2)
    assert (np.abs(correlation_error) < BOUND).all()
    standard = (moves - moves.mean(axis=0)) / moves.std(axis=0)
    assert (np.abs((standard**3).mean(axis=0)) < BOUND * np.sqrt(6 / steps)).all()
    assert (np.abs((standard**4).mean(axis=0) - 3) < BOUND * np.sqrt(24 / steps)).all()
    following = (standard[1:] * standard[:-1]).mean(axis=0) * np.sqrt(steps)
    assert (np.abs(following) < BOUND).all()  # steps do not know of each other


@pytest.mark.parametrize(
    ("make", "jumps", "drift"),
    [
        (geometric_brownian_path, {}, 0.125),
        (jump_diffusion_path, {"jumps_per_year": 60, "jump_mean": -0.08, "jump_volatility": 0.1}, 0.6),
    ],
)
def test_the_expected_price_grows_at_the_drift_with_and_without_jumps(make, jumps, drift):
    """E S(t + dt) / S(t) = exp(drift dt).

    Here a missing - sigma^2 / 2 would show at 7 standard errors, a missing k at 9, a k without the variance at 14.
    """
    steps = 400_000
    path = make({"A": 1.0}, volatility=0.5, drift=drift, steps=steps, step="1d", seed=5, **jumps)
    growth = path.mark_prices[1:] / path.mark_prices[:-1]
    assert abs(growth.mean() - math.exp(drift / 365)) < BOUND * growth.std() / math.sqrt(steps)


def test_jump_moments():
    """Cumulants of the log return of a step: sigma^2 dt + rate dt E J^2, rate dt E J^3, rate dt E J^4."""
    steps, dt = 400_000, 1 / 365
    sigma, rate, mean, spread, rho, drift = 0.5, 800.0, -0.03, 0.02, 0.7, 0.6  # two jumps in a step on average
    path = jump_diffusion_path(
        {"A": 100.0, "B": 100.0}, volatility=sigma, jumps_per_year=rate, jump_mean=mean, jump_volatility=spread,
        correlation=rho, drift=drift, steps=steps, step="1d", seed=3,
    )  # fmt: skip
    moves = log_returns(path)
    k = math.exp(mean + spread**2 / 2) - 1
    expected = (drift - sigma**2 / 2 - rate * k + rate * mean) * dt
    second, third = mean**2 + spread**2, mean**3 + 3 * mean * spread**2
    fourth = mean**4 + 6 * mean**2 * spread**2 + 3 * spread**4
    variance = sigma**2 * dt + rate * dt * second
    centred = moves - moves.mean(axis=0)
    for power, moment in ((2, variance), (3, rate * dt * third), (4, rate * dt * fourth + 3 * variance**2)):
        sample = centred**power
        error = (sample.mean(axis=0) - moment) / (sample.std(axis=0) / math.sqrt(steps))
        assert (np.abs(error) < BOUND).all(), power
    assert (np.abs(moves.mean(axis=0) - expected) < BOUND * math.sqrt(variance / steps)).all()
    product = centred[:, 0] * centred[:, 1]
    together = rho * sigma**2 * dt + rate * dt * (mean**2 + rho * spread**2)  # jumps come at the same moments
    assert abs(product.mean() - together) < BOUND * product.std() / math.sqrt(steps)


def test_without_jumps_a_jump_diffusion_is_a_brownian_motion():
    common = {"volatility": 0.5, "steps": 100, "seed": 4, "correlation": 0.3}
    jumps = {"jumps_per_year": 0, "jump_mean": 0.5, "jump_volatility": 0.5}
    with_none = jump_diffusion_path({"A": 1.0, "B": 2.0}, **common, **jumps)
    np.testing.assert_array_equal(
        with_none.mark_prices, geometric_brownian_path({"A": 1.0, "B": 2.0}, **common).mark_prices
    )


def test_perfect_correlation_moves_as_one_and_no_volatility_is_growth():
    path = geometric_brownian_path({"A": 1.0, "B": 5.0}, volatility=0.8, correlation=1.0, steps=50, seed=1)
    np.testing.assert_allclose(path.price("B"), 5 * path.price("A"), rtol=1e-12)
    path = geometric_brownian_path({"A": 1.0, "B": 1.0}, volatility=0.8, correlation=-1.0, steps=50, seed=1)
    both = log_returns(path)
    np.testing.assert_allclose(both[:, 0] + both[:, 1], -(0.8**2) / YEAR_HOURS, atol=1e-14)
    still = geometric_brownian_path({"A": 2.0}, volatility=0, drift=0.1, steps=365, step="1d", seed=1)
    assert still.mark_prices[-1, 0] == pytest.approx(2 * math.exp(0.1), rel=1e-12)


HISTORY = {
    symbol: flat_bars(100 * np.exp(np.cumsum(np.random.default_rng(9).normal(0, 0.01, 60))) * scale, symbol=symbol)
    for symbol, scale in (("A", 1.0), ("B", 3.0))
}
HISTORY["B"] = flat_bars(HISTORY["B"].close * np.exp(np.random.default_rng(10).normal(0, 0.01, 60)), symbol="B")


def repeated(path):
    """Return which of the history's 59 returns each step repeats, checking that all symbols repeat the same."""
    original = np.diff(np.log(np.column_stack([HISTORY[symbol].close for symbol in path.symbols])), axis=0)
    distance = np.abs(log_returns(path)[:, None, :] - original[None, :, :]).max(axis=2)
    assert (distance.min(axis=1) < 1e-9).all()
    return distance.argmin(axis=1)


def bootstrap(**options):
    return block_bootstrap_path(HISTORY, **{"block": 6, "steps": 6_000, "seed": 2, "price": "close"} | options)


def test_fixed_blocks_are_cut_from_the_history_as_they_are():
    drawn = repeated(bootstrap(stationary=False))
    blocks = drawn.reshape(-1, 6)
    np.testing.assert_array_equal(blocks, (blocks[:, :1] + np.arange(6)) % 59)
    counts = np.bincount(blocks[:, 0], minlength=59)
    expected = 1_000 / 59
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 58) < BOUND * math.sqrt(2 * 58)  # blocks start anywhere alike
    assert counts.min() > 0  # a bar is left out of 1,000 blocks by chance once in e^17 times


def test_stationary_blocks_have_a_geometric_length():
    drawn = repeated(bootstrap())
    goes_on = (drawn[1:] - drawn[:-1]) % 59 == 1
    # A new block goes on by chance once in 59 times.
    chance = 1 - 1 / 6 * 58 / 59
    assert abs(goes_on.mean() - chance) < BOUND * math.sqrt(chance * (1 - chance) / goes_on.size)
    ends = np.flatnonzero(~goes_on)
    lengths = np.diff(ends)
    mean = 1 / (1 - chance)
    deviation = math.sqrt(chance) / (1 - chance)
    assert abs(lengths.mean() - mean) < BOUND * deviation / math.sqrt(lengths.size)
    assert abs(lengths.std() - deviation) < BOUND * deviation * 1.5 / math.sqrt(lengths.size)
    assert lengths.min() == 1
    assert lengths.max() > 20
    share = np.bincount(drawn, minlength=59) / drawn.size
    # A bar's count varies as that of blocks does, about 2 L / n times as much as of single draws.
    assert (np.abs(share - 1 / 59) < BOUND * math.sqrt(2 * 6 / 59 / drawn.size)).all()


@pytest.mark.parametrize("stationary", [True, False])
def test_a_bootstrap_keeps_mean_spread_and_correlation_of_its_history(stationary):
    original = np.diff(np.log(np.column_stack([HISTORY[symbol].close for symbol in "AB"])), axis=0)
    path = bootstrap(steps=60_000, stationary=stationary)
    moves = log_returns(path)
    blocks = 60_000 / 6
    error = (moves.mean(axis=0) - original.mean(axis=0)) / (original.std(axis=0) * math.sqrt(6) / math.sqrt(blocks * 6))
    assert (np.abs(error) < BOUND).all()
    np.testing.assert_allclose(moves.std(axis=0), original.std(axis=0), rtol=BOUND * math.sqrt(6 / 60_000) * 1.5)
    rho, expected = np.corrcoef(moves.T)[0, 1], np.corrcoef(original.T)[0, 1]
    assert abs(rho - expected) < BOUND * math.sqrt(6 / 60_000)


def test_a_bootstrap_goes_on_where_the_history_ends():
    path = bootstrap(steps=10)
    assert path.times[0] == HISTORY["A"].end
    assert path.mark_prices[0].tolist() == [HISTORY["A"].close[-1], HISTORY["B"].close[-1]]
    moved = bootstrap(steps=10, prices={"B": 7, "A": 5}, start="2030-01-01")
    assert moved.symbols == ("A", "B")
    assert moved.mark_prices[0].tolist() == [5, 7]
    np.testing.assert_array_equal(repeated(moved), repeated(path))
    assert moved.times[1] == np.datetime64("2030-01-01T01:00")


@pytest.mark.market
@needs_market
def test_a_bootstrap_of_a_real_crash_uses_its_mark_prices():
    names = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    history = {name: read_bars(MARKET / f"h1_2020-03_black-thursday_{name}.csv")[name] for name in names}
    path = block_bootstrap_path(history, block=24, steps=500, seed=1)
    original = np.diff(np.log(np.column_stack([history[name].mark_close for name in names])), axis=0)
    moves = log_returns(path)
    assert all(np.isclose(original, move, atol=1e-12).all(axis=1).any() for move in moves)


MAKERS = {
    "brownian": lambda seed: geometric_brownian_path({"A": 1.0, "B": 2.0}, volatility=0.5, steps=40, seed=seed),
    "jumps": lambda seed: jump_diffusion_path(
        {"A": 1.0, "B": 2.0}, volatility=0.5, jumps_per_year=900, jump_mean=0, jump_volatility=0.1, steps=40, seed=seed
    ),
    "stationary": lambda seed: bootstrap(steps=40, seed=seed),
    "fixed": lambda seed: bootstrap(steps=40, seed=seed, stationary=False),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_the_same_seed_gives_the_same_path(maker):
    make = MAKERS[maker]
    one, same, other = make(11), make(11), make(12)
    np.testing.assert_array_equal(one.mark_prices, same.mark_prices)
    np.testing.assert_array_equal(one.times, same.times)
    assert not np.array_equal(one.mark_prices[1:], other.mark_prices[1:])
    draw = np.random.Generator(np.random.SFC64(11))
    np.testing.assert_array_equal(make(draw).mark_prices, one.mark_prices)
    assert not np.array_equal(make(draw).mark_prices[1:], one.mark_prices[1:])  # a generator moves on
    assert "generated, not recorded" in repr(one)
    assert "seed 11" in one.label
    assert not one.interpolated
    assert not one.recorded.any()


def brownian(**changes):
    fields = {"prices": {"A": 1.0, "B": 2.0}, "volatility": 0.5, "steps": 3, "seed": 1} | changes
    return geometric_brownian_path(fields.pop("prices"), **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: brownian(prices={}), "prices: give the first price"),
        (lambda: brownian(prices={"A": 0}), "price of A = 0"),
        (lambda: brownian(volatility=-0.1), "volatility = -0.1"),
        (lambda: brownian(volatility={"A": 1}), "volatility = {'A': 1}: give one number for all, or one for each of A"),
        (lambda: brownian(volatility={"A": 1, "B": -1}), "volatility of B = -1"),
        (lambda: brownian(drift=np.nan), "drift = nan"),
        (lambda: brownian(steps=0), "steps = 0"),
        (lambda: brownian(steps=1.5), "steps = 1.5"),
        (lambda: brownian(seed=None), "seed = None"),
        (lambda: brownian(seed=-1), "seed = -1"),
        (lambda: brownian(seed=True), "seed = True"),
        (lambda: brownian(step="1w"), "step = '1w'"),
        (lambda: brownian(start="2020-01-01T00:00"), "no time zone"),
        (lambda: brownian(correlation=1.1), "correlation = 1.1: these cannot all be true at once"),
        (lambda: brownian(correlation=np.nan), "correlation = nan"),
        (lambda: brownian(correlation=[[1, 0.5], [0.4, 1]]), "symmetric 2 x 2 matrix"),
        (lambda: brownian(correlation=[[2, 0.5], [0.5, 1]]), "diagonal 1"),
        (lambda: brownian(correlation=np.eye(3)), "symmetric 2 x 2 matrix"),
        (lambda: brownian(prices={"A": 1, "B": 1, "C": 1}, correlation=-0.6), "cannot all be true at once"),
        (lambda: brownian(volatility=1e6), "leave the range of numbers"),
        (lambda: bootstrap(block=0.5), "block = 0.5: give a number from 1 to 59"),
        (lambda: bootstrap(block=60), "from 1 to 59"),
        (lambda: bootstrap(block=2.5, stationary=False), "give a whole number"),
        (lambda: bootstrap(price="high"), "price = 'high'"),
        (lambda: bootstrap(price="mark_close"), 'price = "mark_close": A (source not given) has none; give'),
        (lambda: bootstrap(prices={"A": 1}), "give one for each of A, B"),
        (lambda: block_bootstrap_path({}, block=2, steps=2, seed=1), "history: give the bars"),
        (
            lambda: block_bootstrap_path(
                {"A": HISTORY["A"], "B": HISTORY["B"].between("2020-03-01", "2020-03-02")},
                block=2, steps=2, seed=1, price="close",
            ),
            "has other times than",
        ),
        (
            lambda: block_bootstrap_path(
                {"A": flat_bars([1], step=np.timedelta64(3600, "s"))}, block=1, steps=2, seed=1, price="close"
            ),
            "give two bars or more",
        ),
    ],
)  # fmt: skip
def test_wrong_parameters_of_a_generated_path(make, message):
    with pytest.raises(MarginError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    "changes",
    [{"jumps_per_year": -1}, {"jump_volatility": -1}, {"jump_mean": np.inf}],
    ids=lambda changes: next(iter(changes)),
)
def test_wrong_parameters_of_jumps(changes):
    fields = {"volatility": 0.5, "jumps_per_year": 1, "jump_mean": 0, "jump_volatility": 0, "steps": 2, "seed": 1}
    with pytest.raises(MarginError, match=next(iter(changes))):
        jump_diffusion_path({"A": 1.0}, **fields | changes)
