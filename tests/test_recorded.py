"""Recorded key figures: they are those of the file, and a path passes through each."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import os
import re
from pathlib import Path

import numpy as np
import pytest

from marginlib import MarginError, UnknownNameError
from marginlib.market.recorded import Crash, KeyFigures, crash, crashes

SHARED = Path(os.environ.get("MARGINLIB_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))


def seconds(times):
    return np.asarray(times, dtype="datetime64[s]").astype(np.int64)


EVENTS = [each.event for each in crashes()]


def test_the_figures_are_those_recorded():
    facts = SHARED / "facts" / "crash_key_figures.csv"
    if not facts.exists():
        pytest.skip("no recorded figures to compare with")
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
        (lambda: crash("ftx"), UnknownNameError, "event = 'ftx' (did you mean ftx-2022?): give one of black-"),
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


@pytest.mark.parametrize("record", [KeyFigures, Crash])
def test_a_record_is_named_field_by_field_and_cannot_be_changed(record):
    assert all(field.kw_only for field in dataclasses.fields(record))
    assert record.__dataclass_params__.frozen


@pytest.mark.parametrize("figures", [each for event in crashes() for each in event.figures.values()])
def test_recorded_figures_are_rising_moments_with_prices_and_their_kinds(figures):
    assert figures.times.shape == figures.mark_prices.shape == (len(figures.kinds),) == (len(figures),)
    assert set(figures.kinds) <= {"close", "high", "low"}
    assert (np.diff(figures.times) > np.timedelta64(0, "s")).all()
    assert (np.isfinite(figures.mark_prices) & (figures.mark_prices > 0)).all()
    with pytest.raises(ValueError, match="read-only"):
        figures.mark_prices[0] = 1
