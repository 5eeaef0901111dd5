"""Bars and price paths: what is no history is refused; moments are UTC."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from marginlib import MarginError
from marginlib.course.paths import path_chart
from marginlib.market.generate import seeded_paths
from marginlib.market.paths import Bars, PricePath, moment, text
from marginlib.market.paths import seconds as timeframe_seconds
from marginlib.market.recorded import crash
from marginlib.words import percent


def hours(first, count):
    return np.datetime64(first, "s") + np.arange(count) * np.timedelta64(3600, "s")


def flat_bars(close, *, symbol="BTCUSDT", first="2020-03-01T00:00", **columns):
    close = np.asarray(close, dtype=float)
    return Bars(
        symbol=symbol, times=hours(first, close.size), open=close, high=close, low=close, close=close, **columns
    )


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
        (lambda: path_of([[1, 2]]), "shape (1, 2) does not fit 1 times"),
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
        (lambda: flat_bars([1.0]), "bar 0: one bar does not tell its length"),
        (lambda: flat_bars([1.0, -2.0]), "open of BTCUSDT at 2020-03-01T01:00:00Z = -2.0: give a finite price above 0"),
        (lambda: flat_bars([1.0, np.nan]), "give a finite price above 0"),
        (lambda: flat_bars([1, 2], volume=[1, -1]), "volume of BTCUSDT at 2020-03-01T01:00:00Z = -1.0"),
        (lambda: flat_bars([1, 2], funding_rate=[np.inf, 0]), "funding_rate of BTCUSDT"),
        (lambda: flat_bars([1, 2], volume=[1]), "volume of BTCUSDT: shape (1,); give 2 numbers"),
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
            lambda: dataclasses.replace(
                flat_bars([1, 2]), step=np.timedelta64("NaT", "s"), times=np.array([1, 0], dtype="datetime64[s]")
            ),
            "in order of time",
        ),
        (
            lambda: dataclasses.replace(flat_bars([1, 2, 3]), times=hours("2020-01-01", 4)[[0, 1, 3]]),
            "bar 2: a gap",
        ),
        (
            lambda: dataclasses.replace(flat_bars([1, 2]), step=np.timedelta64(-1, "s")),
            "bar 0: step = -1 seconds: give",
        ),
    ],
)
def test_records_refuse_what_is_no_history(make, message):
    with pytest.raises(MarginError, match=re.escape(message)):
        make()


def test_a_moment_is_utc_and_says_so():
    noon = np.datetime64("2020-03-01T12:00:00")
    for given in (
        "2020-03-01T12:00Z", "2020-03-01 12:00:00+00:00", datetime(2020, 3, 1, 12, tzinfo=UTC), noon,
        np.datetime64("2020-03-01T12", "h"),
    ):  # fmt: skip
        found = moment("start", given)
        assert found == noon
        assert found.dtype == np.dtype("datetime64[s]")
    midnight = np.datetime64("2020-03-01T00:00:00")
    assert moment("start", "2020-03-01") == moment("start", datetime(2020, 3, 1, tzinfo=UTC).date()) == midnight
    assert text(noon) == text(1583064000) == "2020-03-01T12:00:00Z"
    for given, message in (
        ("2020-03-01T01:00", "start = '2020-03-01T01:00': no time zone; all times are UTC, so write 2020-03-01T01:00Z"),
        (datetime(2020, 3, 1, 1), "no time zone; all times are UTC, so write 2020-03-01T01:00:00Z"),  # noqa: DTZ001
        ("2020-03-01T01:00+02:00", "give UTC; this moment is 2020-02-29T23:00:00Z"),
        (datetime(2020, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), "give UTC"),
        ("2020-03-01T01:00:00.5Z", "give a whole second"),
        (np.datetime64("2020-03-01T01:00:00.5"), "give a whole second"),
        (np.datetime64("NaT", "s"), "give a UTC moment such as"),
        (1583020800, "give a UTC moment such as"),
        ("noon", "give a UTC date and time such as"),
    ):
        with pytest.raises(MarginError, match=re.escape(message)):
            moment("start", given)


def test_a_record_of_arrays_is_equal_to_itself_alone():
    for record in (flat_bars([1, 2]), path_of([1, 2]), crash("ftx-2022"), crash("ftx-2022").figures["BTCUSDT"]):
        assert record == record  # noqa: PLR0124
        assert dataclasses.replace(record) != record
        assert len({record, dataclasses.replace(record)}) == 2


@pytest.mark.parametrize("record", [Bars, PricePath])
def test_a_record_is_named_field_by_field_and_cannot_be_changed(record):
    assert all(field.kw_only for field in dataclasses.fields(record))
    assert record.__dataclass_params__.frozen


def test_every_timeframe_is_as_long_as_its_name_says():
    for unit, length in (("m", 60), ("h", 3_600), ("d", 86_400)):
        for count in {"m": (1, 3, 5, 15, 30), "h": (1, 2, 4, 6, 8, 12), "d": (1,)}[unit]:
            assert timeframe_seconds("step", f"{count}{unit}") == count * length


def test_a_moment_before_or_after_a_whole_second_is_none():
    for given in ("2020-03-01T01:00:00.5", "1969-12-31T23:59:59.5"):
        with pytest.raises(MarginError, match="give a whole second"):
            moment("start", np.datetime64(given))


def test_bars_keep_their_arrays_as_they_are_and_say_what_they_are():
    times = np.array(["2020-03-12T10", "2020-03-12T12"], dtype="datetime64[h]")
    bars = Bars(symbol="A", times=times, open=[1, 2], high=[3, 3], low=[1, 1], close=[2, 3], volume=[0, 1], source="me")
    assert bars.times.dtype == np.dtype("datetime64[s]")
    assert bars.end == np.datetime64("2020-03-12T14:00:00")
    assert (len(bars), bars.step) == (2, np.timedelta64(7_200, "s"))
    assert repr(bars) == "<Bars A: 2 of 2:00:00 from 2020-03-12T10:00:00Z to 2020-03-12T14:00:00Z; me>"
    for name in ("times", "open", "high", "low", "close", "volume"):
        assert not getattr(bars, name).flags.writeable
    path = PricePath(symbols=("A", "B"), times=times, mark_prices=[[1, 2], [3, 4]], label="made up")
    assert repr(path) == "<PricePath A, B: 2 moments from 2020-03-12T10:00:00Z to 2020-03-12T12:00:00Z; made up>"
    assert [(str(when), marks) for when, marks in path.marks()] == [
        ("2020-03-12T10:00:00", {"A": 1, "B": 2}),
        ("2020-03-12T12:00:00", {"A": 3, "B": 4}),
    ]


@pytest.mark.parametrize(
    "times", [[1698364800000, 1698368400000], [1698364800, 1698368400], [1.6983648e9, 1.6983684e9]]
)
def test_numbers_are_no_times_as_they_do_not_say_their_unit(times):
    ones = [1.0, 1.0]
    for make in (
        lambda: Bars(symbol="A", times=times, open=ones, high=ones, low=ones, close=ones),
        lambda: path_of(ones, times),
    ):
        with pytest.raises(MarginError, match=r"times = 1,?698,?364,?800.*: numbers do not say their unit; of .* np"):
            make()
    advised = np.array([1698364800000, 1698368400000], dtype="datetime64[ms]")
    bars = Bars(symbol="A", times=advised, open=ones, high=ones, low=ones, close=ones)
    assert text(bars.times[0]) == "2023-10-27T00:00:00Z"


def test_a_time_that_is_none_is_answered_with_one_that_is_taken():
    ones = [1.0]
    with pytest.raises(MarginError, match=r"times = \['2023-10-27Z'\]: give UTC moments such as (\S+)") as refused:
        path_of(ones, ["2023-10-27Z"])
    advised = str(refused.value).rsplit(" ", 1)[1]
    assert text(path_of(ones, [advised]).times[0]) == f"{advised}:00Z"


def test_a_chart_of_a_recorded_path_passes_through_every_figure_of_each_coin():
    event = crash("may-crash-2021")
    chart = path_chart(event.title, event.path(["BTCUSDT", "ETHUSDT"]))
    for line, symbol in zip(chart.panels[0].lines, ("BTCUSDT", "ETHUSDT"), strict=True):
        figures = event.figures[symbol]
        days = (figures.times - figures.times[0]) / np.timedelta64(1, "D")
        moves = 100 * (figures.mark_prices / figures.mark_prices[0] - 1)
        assert np.interp(days, line.x, line.y) == pytest.approx(moves)
    assert [row[0] for row in chart.table.rows] == ["BTC", "ETH"]
    assert "interpolated" in chart.sentence
    assert "interpolated" in chart.alt


def test_a_chart_of_many_paths_draws_all_and_names_the_lowest_the_middle_and_the_highest():
    paths = seeded_paths(9, {"BTCUSDT": 60_000}, steps=30, step="1d", volatility=0.6)
    chart = path_chart("nine", *paths)
    ends = sorted(each.mark_prices[-1, 0] / 60_000 - 1 for each in paths)
    assert sorted(line.y[-1] for line in chart.panels[0].lines) == pytest.approx([100 * end for end in ends])
    named = {line.label: line.y[-1] / 100 for line in chart.panels[0].lines if line.label}
    assert named.pop("the others") in [pytest.approx(end) for end in ends[1:4] + ends[5:8]]
    assert [*named] == ["BTC ends lowest", "BTC in the middle", "BTC ends highest"]
    assert [*named.values()] == pytest.approx([ends[0], ends[4], ends[8]])
    assert [row[3] for row in chart.table.rows] == [percent(ends[k]) for k in (0, 4, 8)]
    assert chart.sentence == "9 paths, all generated, not recorded: geometric Brownian motion."
    mixed = path_chart("two", paths[0], crash("ftx-2022").path(["BTCUSDT"]))
    assert mixed.sentence == f"2 paths; the first is {paths[0].label}."


@pytest.mark.parametrize("steps", [1, 30])
def test_prices_that_stand_still_have_a_chart(steps):
    chart = path_chart("still", *seeded_paths(1, {"BTCUSDT": 60_000}, steps=steps, volatility=0.0))
    assert chart.table.rows == (("BTC", "0.0 %", "0.0 %", "0.0 %"),)
    low, high = chart.panels[0].y.span
    assert low < 0 < high


def test_a_chart_of_no_path_is_refused():
    with pytest.raises(MarginError, match="paths: give at least one"):
        path_chart("none")
