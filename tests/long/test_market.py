"""Whole price files, read and replayed: what the quick suite tests on key figures and on made-up bars.

    python -m pytest tests/long/test_market.py

They are no part of the repository; MARGINLIB_SHARED names the folder that has them in `market`.
"""

import csv
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_bars import BOOK, alike
from test_recorded import seconds

from marginlib import Account, rulebook
from marginlib.market.bars import MarkBars
from marginlib.market.files import read_bars
from marginlib.market.policies import full_close, largest_loss_first, step_down
from marginlib.market.recorded import crash, crashes
from marginlib.market.replay import Rules
from marginlib.venues import PaidFrom

MARKET = Path(os.environ.get("MARGINLIB_SHARED", Path(__file__).resolve().parents[2].parent / "shared")) / "market"
FILES = sorted(MARKET.glob("*.csv"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"no bar files in {MARKET}: full price files are for tests only")


HOURLY = {
    "black-thursday-2020": "h1_2020-03_black-thursday",
    "uptrend-2021": "h1_2020-12_uptrend",
    "may-crash-2021": "h1_2021-05_may-crash",
    "ftx-2022": "h1_2022-11_ftx",
    "cascade-2025": "h1_2025-10_cascade",
}


@pytest.mark.parametrize(("event", "symbol"), [(each.event, symbol) for each in crashes() for symbol in each.symbols])
def test_figures_stand_where_the_hourly_bars_say(event, symbol):
    """A close at the end of its hour, a high or low at half past, all rounded to at least four digits."""
    figures = crash(event).figures[symbol]
    (bars,) = read_bars(MARKET / f"{HOURLY[event]}_{symbol}.csv").values()
    high, low, close = (
        dict(zip(seconds(bars.times), column, strict=True))
        for column in (bars.mark_high, bars.mark_low, bars.mark_close)
    )
    for when, price, kind in zip(seconds(figures.times), figures.mark_prices, figures.kinds, strict=True):
        exact = {"close": close.get(when - 3600), "high": high.get(when - 1800), "low": low.get(when - 1800)}[kind]
        assert price == pytest.approx(exact, rel=5e-5 * 10), (str(when), kind)
        assert f"{exact:.5g}" == f"{price:.5g}" or f"{exact:.4g}" == f"{price:.4g}"
    inside = (bars.times >= figures.times[0] - np.timedelta64(3600, "s")) & (bars.times < figures.times[-1])
    for kind, extreme in (("low", bars.mark_low[inside].min()), ("high", bars.mark_high[inside].max())):
        for price, told in zip(figures.mark_prices, figures.kinds, strict=True):
            if told == kind:
                assert price == pytest.approx(extreme, rel=5e-4)


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


def recorded(file):
    """Read a file's bars: {symbol: (times, high, low, close, funding)}; the daily files have no mark close."""
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    series = {}
    for row in rows:
        times, high, low, close, funding = series.setdefault(row.get("symbol", file.stem), ([], [], [], [], []))
        last = float(row["close"])
        ends = [float(row.get("mark_high") or row["high"]), float(row.get("mark_low") or row["low"])]
        mark = float(row.get("mark_close") or last)
        times.append(row["timestamp"])
        # Without a mark close the last price stands in, and may lie beyond the mark's extremes: they are widened to it.
        high.append(max(ends[0], mark))
        low.append(min(ends[1], mark))
        close.append(mark)
        rate = row.get("funding_rate") or row.get("funding_sum") or "nan"
        funding.append(float(rate))
    return series


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_fast_equals_plain_on_every_recorded_file(file):
    liquidated = 0
    schedule = rulebook("binance_usdm", "2024-08-01").schedule("BTCUSDT")
    for number, (symbol, (times, high, low, close, funding)) in enumerate(recorded(file).items()):
        book = replace(BOOK, schedules={symbol: schedule})
        path = MarkBars(symbols=(symbol,), times=times, high=[high], low=[low], close=[close], funding=[funding])
        for side in (1, -1):
            position = book.position(symbol, side * 300_000 / close[0], close[0], leverage=10)
            # Each file takes the policies in the other order, so that both meet both modes.
            policies = [full_close(), step_down()][:: 1 if (FILES.index(file) + number) % 2 else -1]
            for held, policy in zip((position.isolated(), position), policies, strict=True):
                rules = Rules(book=book, policy=policy, funding_from=PaidFrom.POSITION)
                liquidated += alike(Account(wallet_balance=40_000, positions=(held,)), path, rules)
    assert liquidated or "calm" in file.stem


def test_fast_equals_plain_on_books_of_one_crash():
    for event in ("2020-03_black-thursday", "2021-05_may-crash", "2022-11_ftx", "2025-10_cascade"):
        series = {}
        for file in FILES:
            if file.stem.startswith(f"h1_{event}") and not file.stem.endswith("alts"):
                series |= recorded(file)
        columns = list(zip(*series.values(), strict=True))
        assert all(times == columns[0][0] for times in columns[0])
        path = MarkBars(
            symbols=tuple(series),
            times=columns[0][0],
            high=columns[1],
            low=columns[2],
            close=columns[3],
            funding=columns[4],
        )
        schedule = rulebook("binance_usdm", "2024-08-01").schedule("ETHUSDT")
        book = replace(BOOK, schedules=dict.fromkeys(series, schedule))
        positions = tuple(
            book.position(symbol, sign * 20_000 / values[3][0], values[3][0], leverage=10)
            for (symbol, values), sign in zip(series.items(), (1, 1, -1), strict=True)
        )
        isolated = tuple(each.isolated() for each in positions)
        mixed = (positions[0], *isolated[1:])
        first = full_close(largest_loss_first)
        for held, policy in ((positions, full_close()), (positions, first), (isolated, full_close()), (mixed, first)):
            alike(Account(wallet_balance=7_000, positions=held), path, Rules(book=book, policy=policy))
