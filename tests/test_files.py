"""Bar files, tables and lists: read exactly, refused by file, line and column."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from marginlib import MarginError
from marginlib.market.files import read_bars
from marginlib.market.paths import moment

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
    "header alone": (lambda lines: lines.__delitem__(slice(1, None)), "line 1: no bars"),
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
    [ARCHIVE, [ARCHIVE_HEADER, *ARCHIVE], [microseconds(line) for line in ARCHIVE], [f"{line}," for line in ARCHIVE]],
    ids=["no header", "header", "microseconds", "a comma after each line"],
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
    high, low, close = (bars.mark_high, bars.mark_low, bars.mark_close)
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
        read_bars(archive(tmp_path, [ARCHIVE[1], ARCHIVE[0], ARCHIVE[2]], "ETHUSDT-1h.csv"))
    with pytest.raises(MarginError, match="has other times than"):
        read_bars(bars, mark=archive(tmp_path, ARCHIVE_MARK[:2], "mark.csv"))
    with pytest.raises(MarginError, match="line 1: columns timestamp, open"):
        read_bars(bars, mark=archive(tmp_path, [HEADER, *PLAIN], "mark.csv"))
    wrong = archive(tmp_path, [ARCHIVE_MARK[0], ARCHIVE_MARK[1].replace("7959.5", "1"), ARCHIVE_MARK[2]], "mark.csv")
    with pytest.raises(MarginError, match=r"mark\.csv, line 2: high = '1': it is below low"):
        read_bars(bars, mark=wrong)
    for lines, message in (
        (ARCHIVE_FUNDING[:1], "line 1: no bars"),
        ([ARCHIVE_FUNDING[0], "1583942400003,8,"], "line 2: last_funding_rate = empty"),
        ([*ARCHIVE_FUNDING, ARCHIVE_FUNDING[1]], "line 6: calc_time = '1583942400003': not after"),
        ([*ARCHIVE_FUNDING[:2], "1583942400009,8,0.1"], "line 3: calc_time = '1583942400009': not after"),
        (["calc_time,rate", "1583942400003,1"], "line 1: columns calc_time, rate: give calc_time, funding_interval"),
        ([ARCHIVE_FUNDING[0], "1583942400003,8"], "line 2: last_funding_rate = empty"),
        (["1583942400003,8,0.1,9"], "line 1: columns 1583942400003, 8, 0.1, 9: give calc_time"),
    ):
        with pytest.raises(MarginError, match=message):
            read_bars(bars, funding=archive(tmp_path, lines, "funding.csv"))
    with pytest.raises(MarginError, match="line 1: no bars"):
        read_bars(archive(tmp_path, [ARCHIVE_HEADER], "ETHUSDT-1h.csv"))
    with pytest.raises(MarginError, match="does not say it; give symbol="):
        read_bars(archive(tmp_path, ARCHIVE, "download.csv"))
    (tmp_path / "BTCUSDT-1h.zip").write_bytes(b"PK not a zip")
    with pytest.raises(MarginError, match="not one table"):
        read_bars(tmp_path / "BTCUSDT-1h.zip")
    with zipfile.ZipFile(tmp_path / "BTCUSDT-2h.zip", "w") as bundle:
        bundle.writestr("readme.txt", "no bars")
    with pytest.raises(MarginError, match="line 1: no bars"):
        read_bars(tmp_path / "BTCUSDT-2h.zip")


def test_a_table_and_a_list_are_read_as_the_file_is(tmp_path):
    file = plain(tmp_path, [HEADER, *PLAIN])
    (expected,) = read_bars(file).values()
    frame = pd.read_csv(file)
    for table in (frame, frame.assign(timestamp=pd.to_datetime(frame["timestamp"], utc=True))):
        found = read_bars(table, symbol="BTCUSDT")["BTCUSDT"]
        assert found.source == "table"
        for column in ("times", "open", "high", "low", "close", "volume", "mark_close", "funding_rate"):
            np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    both = read_bars(pd.concat([frame.assign(symbol="A"), frame.assign(symbol="B")]))
    assert {name: len(bars) for name, bars in both.items()} == {"A": 4, "B": 4}
    rows = [[1584054000000 + 3_600_000 * k, *map(float, line.split(",")[1:6])] for k, line in enumerate(PLAIN)]
    listed = read_bars(rows, symbol="BTCUSDT")["BTCUSDT"]
    np.testing.assert_array_equal(listed.times, expected.times)
    assert (listed.close.tolist(), listed.volume.tolist()) == ([11, 12, 13, 14], [100, 100, 0, 100])
    assert listed.mark_close is None


def test_faults_of_tables_and_lists_are_named_with_their_row():
    frame = pd.DataFrame([line.split(",")[:5] for line in PLAIN], columns=HEADER.split(",")[:5])
    rows = [[1584054000000, 10, 12, 9, 11, 100], [1584057600000, 11, 13, 10, 12, 100]]
    for source, options, message in (
        (frame.assign(close=[11, 12, None, 14]), {"symbol": "A"}, "table, row 2: close = empty: give one"),
        (frame.assign(low=[9, 99, 11, 12]), {"symbol": "A"}, "table, row 1: high = '13': it is below low"),
        (frame.assign(timestamp="2020-03-12T23:00:00"), {"symbol": "A"}, "table, row 0: timestamp = '2020-03"),
        (frame.assign(timestamp=pd.to_datetime(frame.timestamp).dt.tz_localize(None)), {"symbol": "A"}, "no time zone"),
        (frame, {}, "symbol = None: give it where no column of the table says it"),
        (frame.drop(columns="open"), {"symbol": "A"}, "table, row 1: columns missing: 'open'"),
        (frame.iloc[:0], {"symbol": "A"}, "table, row 1: no bars"),
        (rows, {}, "symbol = None: a list does not say whose bars these are"),
        ([], {"symbol": "A"}, "list, row 1: no bars"),
        ([row[:5] for row in rows], {"symbol": "A"}, "list, row 1: columns"),
        ([rows[0], [1584057600, *rows[1][1:]]], {"symbol": "A"}, "list, row 1: timestamp = '1584057600': give"),
        ([rows[0], [1584057600000, 11, "x", 10, 12, 1]], {"symbol": "A"}, "list, row 1: high = 'x': give one finite"),
    ):  # fmt: skip
        with pytest.raises(MarginError, match=re.escape(message)):
            read_bars(source, **options)


def test_a_settlement_belongs_to_the_nearest_second(tmp_path):
    """1.4 s before one o'clock is still midnight's bar; 0.4 s before it is one o'clock's."""
    bars = archive(tmp_path, ARCHIVE)
    for stamp, expected in ((1583974798600, [0.5, np.nan, np.nan]), (1583974799600, [np.nan, 0.5, np.nan])):
        funding = archive(tmp_path, [ARCHIVE_FUNDING[0], f"{stamp},8,0.5"], "funding.csv")
        np.testing.assert_array_equal(read_bars(bars, funding=funding)["BTCUSDT"].funding_rate, expected)


def test_settlements_rise_and_bars_open_at_whole_seconds(tmp_path):
    bars = archive(tmp_path, ARCHIVE)
    twice = archive(tmp_path, [*ARCHIVE_FUNDING, ARCHIVE_FUNDING[-1]], "funding.csv")
    with pytest.raises(MarginError, match="line 6: calc_time = '1583999999000': not after"):
        read_bars(bars, funding=twice)
    late = [line.replace("00000,79", "00500,79", 1) for line in ARCHIVE]
    assert [line[:13] for line in late] == ["1583971200500", "1583974800500", "1583978400500"]
    with pytest.raises(
        MarginError, match="line 1: close_time = '1583974799999': a complete bar closes one unit before"
    ):
        read_bars(archive(tmp_path, late))


def test_files_of_two_contracts_are_not_joined(tmp_path):
    bars = archive(tmp_path, ARCHIVE)
    foreign = archive(tmp_path, ARCHIVE_MARK, "ETHUSDT-1h-2020-03-12.csv")
    with pytest.raises(MarginError, match=r"mark: .*ETHUSDT-1h.* is not of BTCUSDT"):
        read_bars(bars, mark=foreign)
    settled = archive(tmp_path, ARCHIVE_FUNDING, "ETHUSDT-fundingRate-2020-03.csv")
    with pytest.raises(MarginError, match=r"funding: .*ETHUSDT-fundingRate.* is not of BTCUSDT"):
        read_bars(bars, funding=settled, symbol="BTC")
    far = [re.sub(r",7(\d{3}\.)", r",\1", line) for line in ARCHIVE_MARK]  # 7,937 becomes 937
    with pytest.raises(MarginError, match=r"stands at 0\.1\d+ times the bars' close; give their contract's file"):
        read_bars(bars, mark=archive(tmp_path, far, "mark.csv"))


def test_files_as_people_download_them(tmp_path):
    (expected,) = read_bars(archive(tmp_path, ARCHIVE)).values()
    epochs = [",".join(line.split(",")[:6]) for line in ARCHIVE]
    header = "timestamp,open,high,low,close,volume"
    for lines in (
        ARCHIVE[::-1],
        [ARCHIVE_HEADER, *ARCHIVE[::-1]],
        ["https://where.it.comes.from", ARCHIVE_HEADER, *ARCHIVE],
        epochs,
        epochs[::-1],
        [header, *epochs],
        [header, *(line.replace("00000,79", "00000000,79", 1) for line in epochs)],
    ):
        found = read_bars(archive(tmp_path, lines), symbol="BTCUSDT")["BTCUSDT"]
        for column in ("times", "open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    with pytest.raises(MarginError, match=r"line 1: high = '7800': it is below low"):  # newest first: as it stands
        read_bars(archive(tmp_path, [ARCHIVE[2].replace("7920.00", "7800"), *ARCHIVE[1::-1]]))


def test_tiny_prices_and_huge_sizes_are_read_to_the_last_digit(tmp_path):
    fields = ("0.00000001", "0.0000000123456789", "1e-8", "0.00000001000000001", "98765432109876543.21")
    lines = [",".join((f"{1583971200000 + 3_600_000 * hour}", *fields)) for hour in range(2)]
    (bars,) = read_bars(plain(tmp_path, lines)).values()
    found = (bars.open[1], bars.high[1], bars.low[1], bars.close[1], bars.volume[1])
    assert found == tuple(map(float, fields))


SERVER = "are its server's: give a column timestamp in UTC, with a header"
METATRADER = [  # 5, daily bars of 5, 5 with commas, 4, and what is called ASCII elsewhere
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
    "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
    "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>",
    "2023.10.27,00:00,34000.0,34100.0,33900.0,34050.0,123",
    "2023.10.27\t00:00\t34000.0\t34100.0\t33900.0\t34050.0\t123",
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER.replace(",", ";"), PLAIN[0].replace(",", ";")], "line 1: it seems to be a table of semicolons"),
        (["# note", "1583971200000;7,5;8,5;7,1;7,2;1"], "line 2: it seems to be a table of semicolons; give commas"),
        (["<!DOCTYPE html>", "<p>404, not found</p>"], "line 1: it seems to be a web page"),
        ([HEADER, *PLAIN[:2], HEADER, *PLAIN[2:]], "line 4: the header again; delete this line"),
        ([*ARCHIVE[:2], ARCHIVE_HEADER, ARCHIVE[2]], "line 3: the header again; delete this line"),
        (["1583971200500,7,8,6,7,1", "1583974800500,7,8,6,7,1"], "line 1: timestamp = '1583971200500': give a whole"),
        *(([line], f"line 1: it seems to be an export of MetaTrader, whose times {SERVER}") for line in METATRADER),
    ],
)
def test_what_a_file_seems_to_be_is_said(tmp_path, lines, message):
    with pytest.raises(MarginError, match=re.escape(message)):
        read_bars(plain(tmp_path, lines), symbol="A")


# Headers as others write them; three hours of one contract, 1583971200 to 1583978400, with what is not read beside.
HOURS = [(7938.05, 7966.17, 7927.24, 7950.0), (7950.0, 7960.0, 7900.0, 7910.1), (7910.1, 7920.0, 7880.0, 7890.2)]
SECONDS = [1583971200, 1583974800, 1583978400]


def rows_of(layout):
    """The three hours as lines of a layout; `t` is the time, `p` the four prices."""
    return [
        layout.format(t=time, ms=time * 1000, us=time * 10**6, ns=time * 10**9, iso=str(np.datetime64(time, "s")),
                      day=str(np.datetime64(time, "s")).replace("T", " "), p=",".join(map(str, hour)), o=hour[0],
                      h=hour[1], l=hour[2], c=hour[3])
        for time, hour in zip(SECONDS, HOURS, strict=True)
    ]  # fmt: skip


LAYOUTS = {
    "OKX's archive": (
        "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm",
        "BTC-USDT-SWAP,{p},2350,23.5,90000,{ms},1",
        "BTC-USDT-SWAP",
        None,
    ),
    "OKX": ("ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm", "{ms},{p},2350,23.5,90000,1", None, None),
    "OKX, bare": ("", "{ms},{p},2350,23.5,90000,1", None, None),
    "Bybit": ("startTime,openPrice,highPrice,lowPrice,closePrice,volume,turnover", "{ms},{p},5,9000", None, 5),
    "Bybit, bare": ("", "{ms},{p},5,9000", None, 5),
    "Bybit's index": ("start_at,symbol,period,open,high,low,close", "{t},BTCUSDT,60,{p}", "BTCUSDT", None),
    "TradingView": ("time,open,high,low,close,Volume,MA,RSI (14)", "{t},{p},5,NaN,51.2", None, 5),
    "TradingView, ISO": ("time,open,high,low,close", "{iso}Z,{p}", None, None),
    "CryptoDataDownload": (
        "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount",
        "{ms},{day},BTC/USDT,{p},5,9000,77",
        "BTC/USDT",
        5,
    ),
    "CryptoDataDownload, seconds": (
        "unix,date,symbol,open,high,low,close,Volume USDT,Volume BTC",
        "{t},{day},BTC/USDT,{p},9000,5",
        "BTC/USDT",
        5,
    ),
    "MetaTrader 5 as its Python package gives it": (
        "time,open,high,low,close,tick_volume,spread,real_volume",
        "{t},{p},5,1,0",
        None,
        None,
    ),
    "yfinance": ("Datetime,Open,High,Low,Close,Adj Close,Volume", "{day}+00:00,{o},{h},{l},{c},{c},5", None, 5),
    "yfinance, other order": ("Datetime,Close,High,Low,Open,Volume", "{day}+00:00,{c},{h},{l},{o},5", None, 5),
    "seconds": ("timestamp,open,high,low,close,volume", "{t},{p},5", None, 5),
    "microseconds": ("timestamp,open,high,low,close,volume", "{us},{p},5", None, 5),
    "nanoseconds": ("timestamp,open,high,low,close,volume", "{ns},{p},5", None, 5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_headers_of_others_are_read(tmp_path, layout):
    header, row, symbol, volume = LAYOUTS[layout]
    head = [header] if header else []
    given = None if symbol else "BTCUSDT"
    for lines in ([*head, *rows_of(row)], ["https://www.example.org", *head, *rows_of(row)[::-1]]):
        found = read_bars(plain(tmp_path, lines, "download.csv"), symbol=given)[symbol or "BTCUSDT"]
        assert found.times.astype(int).tolist() == SECONDS
        assert list(zip(found.open, found.high, found.low, found.close, strict=True)) == HOURS
        assert (None if found.volume is None else found.volume.tolist()) == (volume and [volume] * 3)
    table = pd.read_csv(io.StringIO("\n".join(lines[1:])), header=0 if header else None)
    if header:
        (of_table,) = read_bars(table, symbol=given).values()
        listed = of_table
    else:
        (listed,) = read_bars(table.astype(str).to_numpy().tolist(), symbol=given).values()
    np.testing.assert_array_equal(listed.close, found.close)


def test_each_line_may_end_with_a_comma(tmp_path):
    lines = ["timestamp,open,high,low,close,volume,", *rows_of("{ms},{p},5,")]
    (bars,) = read_bars(plain(tmp_path, lines), symbol="A").values()
    assert list(zip(bars.open, bars.high, bars.low, bars.close, strict=True)) == HOURS
    with pytest.raises(MarginError, match="Expected 7 fields in line 3, saw 8"):
        read_bars(plain(tmp_path, [*lines[:2], lines[2] + ",", lines[3]]), symbol="A")


def test_a_day_is_its_midnight_in_utc_and_an_index_may_hold_the_times(tmp_path):
    lines = ["Date,Open,High,Low,Close,Volume", "2023-10-27,7,9,6,8,1", "2023-10-28,8,9,7,8,1"]
    (bars,) = read_bars(plain(tmp_path, lines), symbol="A").values()
    assert [str(each) for each in bars.times] == ["2023-10-27T00:00:00", "2023-10-28T00:00:00"]
    frame = pd.read_csv(io.StringIO("\n".join(lines)), index_col="Date", parse_dates=True)
    assert read_bars(frame.tz_localize("UTC"), symbol="A")["A"].close.tolist() == [8, 8]
    assert read_bars(frame.tz_localize("UTC").rename_axis(None), symbol="A")["A"].close.tolist() == [8, 8]


def test_what_belongs_to_no_layout_is_refused(tmp_path):
    bybit, row = LAYOUTS["Bybit"][:2]
    okx, bar = LAYOUTS["OKX's archive"][:2]
    for lines, message in (
        ([bybit.replace("turnover", "mark"), *rows_of(row)], "line 1: columns unknown: 'mark'"),
        (["time,openPrice,high,low,Open", *rows_of("{t},{p}")], "line 1: columns missing: 'close'"),
        (["time,open,high,low,close,Open", *rows_of("{t},{p},1")], "line 1: columns twice: 'open'"),
        ([okx, *rows_of(bar)[:2], rows_of(bar)[2][:-1] + "0"], "line 4: confirm = '0': this bar is not complete"),
        (["Price,Close,High,Low,Open", "Ticker,A,A,A,A", "Date,,,,"], "give one (yfinance: multi_level_index=False)"),
    ):
        with pytest.raises(MarginError, match=re.escape(message)):
            read_bars(plain(tmp_path, lines), symbol=None if lines[0] == okx else "A")
    levels = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["Open", "Close"], ["A"]]))
    with pytest.raises(MarginError, match=r"yfinance: multi_level_index=False"):
        read_bars(levels, symbol="A")


def zipped(data, *names):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as bundle:
        for name in names:
            bundle.writestr(name, data)
    return memory.getvalue()


def test_archives_in_archives_are_opened_and_what_else_they_hold_is_said(tmp_path):
    text = "\n".join([HEADER, *PLAIN]).encode()
    for data, name in (
        (gzip.compress(text), "h1_BTCUSDT.csv.gz"),
        (gzip.compress(text), "h1_BTCUSDT.csv"),
        (zipped(zipped(text, "a.csv"), "a.zip"), "h1_BTCUSDT.zip"),
        (
            zipped(
                gzip.compress(text),
                "a.csv.gz",
            ),
            "h1_BTCUSDT.csv.zip",
        ),
        (zipped(text, "a.csv", "__MACOSX/._a.csv"), "h1_BTCUSDT.zip"),
    ):
        (tmp_path / name).write_bytes(data)
        assert read_bars(tmp_path / name)["BTCUSDT"].close.tolist() == [11, 12, 13, 14]
    for data, message in (
        (zipped(text, "a.csv", "b.csv"), "it seems to be several files; give one: a.csv, b.csv"),
        (zipped(text, "xl/workbook.xml", "a.xml"), "it seems to be a spreadsheet; save it as CSV"),
        (zipped(b"<!DOCTYPE html>", "a.csv"), "line 1: it seems to be a web page"),
        (gzip.compress(text)[:-9], "not one table of comma-separated values"),
        (b'{"code": "0", "data": []}', "line 1: it seems to be JSON"),
        (b"PAR1\x15\x04", "line 1: it seems to be Parquet"),
        (text.decode().encode("utf-16"), "line 1: it seems to be no text in UTF-8"),
        (text.replace(b",", b"\t"), "line 1: it seems to be a table of tabs"),
        (text.replace(b",", b"|"), "line 1: it seems to be a table of upright strokes"),
        (text.replace(b",12,9,", b',"12,5",9,'), "line 2: high = '12,5': give one finite number, with a point in the"),
    ):
        (tmp_path / "h1_BTCUSDT.csv").write_bytes(data)
        with pytest.raises(MarginError, match=re.escape(message)):
            read_bars(tmp_path / "h1_BTCUSDT.csv")


def test_a_hole_is_named_and_kept_or_cut_at(tmp_path):
    lines = [f"{1583971200 + 3_600 * hour},10,12,9,{10 + hour / 10},1" for hour in (0, 1, 4, 5, 6, 7)]
    file = plain(tmp_path, lines, "h1_A.csv")
    with pytest.raises(
        MarginError, match=r'line 3: .*a gap: 2 of the bars of 3600 s .*; gaps="keep" keeps it, gaps="cut"'
    ):
        read_bars(file)
    kept, cut = (read_bars(file, gaps=gaps)["A"] for gaps in ("keep", "cut"))
    assert [(str(begin), str(end)) for begin, end in kept.holes] == [("2020-03-12T02:00:00", "2020-03-12T04:00:00")]
    assert "a gap from 2020-03-12T02:00:00Z to 2020-03-12T04:00:00Z" in repr(kept)
    assert (len(kept), cut.close.tolist(), cut.holes) == (6, [10.4, 10.5, 10.6, 10.7], [])
    assert "h1_A.csv, 4 of its 6 bars, cut at gaps" in repr(cut)
    assert read_bars(plain(tmp_path, lines[::-1], "h1_A.csv"), gaps="cut")["A"].close.tolist() == cut.close.tolist()
    with pytest.raises(MarginError, match='gaps = \'fill\': give "refuse", "keep" or "cut"'):
        read_bars(file, gaps="fill")
    uneven = [*lines, lines[-1].replace("1583996400", "1583998200")]
    with pytest.raises(MarginError, match="comes 1800 s after"):  # no whole bar is missing there
        read_bars(plain(tmp_path, uneven), symbol="A", gaps="keep")


def test_funding_is_settled_in_the_bars_that_a_hole_left(tmp_path):
    bars = archive(tmp_path, ARCHIVE[::2])
    funding = [ARCHIVE_FUNDING[0], "1583978400001,8,0.3", "1583974800001,8,0.2", "1583971200001,8,0.1"]
    for lines in (funding, [funding[0], *funding[:0:-1]]):  # newest first, and oldest
        found = read_bars(bars, funding=archive(tmp_path, lines, "funding.csv"), gaps="keep")["BTCUSDT"]
        assert found.funding_rate.tolist() == [0.1, 0.3]


@pytest.mark.parametrize("written", ["2023-10-27T00:00:00", "2023-10-27 10:30"])
def test_the_time_that_a_refusal_writes_is_read(tmp_path, written):
    def lines(first):
        return ["timestamp,open,high,low,close", f"{first},7,9,6,8", "2023-10-27T11:00:00Z,8,9,7,8"]

    with pytest.raises(MarginError) as refused:
        read_bars(plain(tmp_path, lines(written)), symbol="A")
    advice = re.search(r"so write (\S+( \S+)?)$", str(refused.value))
    assert len(read_bars(plain(tmp_path, lines(advice[1])), symbol="A", gaps="keep")["A"]) == 2
    with pytest.raises(MarginError) as refused:
        read_bars(plain(tmp_path, lines("noon")), symbol="A")
    advice = re.search(r"such as (\S+)$", str(refused.value))
    assert moment("timestamp", advice[1]) == np.datetime64("2020-03-12T11:00:00")


def test_tables_of_decimals_and_of_text_are_exact():
    fields = ["0.00000001", "0.0000000123456789", "0.00000001", "0.00000001000000001", "98765432109876543.21"]
    for kind in (str, Decimal):
        frame = pd.DataFrame([[1583971200000 + 3_600_000 * hour, *map(kind, fields)] for hour in range(2)])
        (bars,) = read_bars(
            frame.set_axis(["timestamp", "open", "high", "low", "close", "volume"], axis=1), symbol="A"
        ).values()
        assert [bars.open[1], bars.high[1], bars.low[1], bars.close[1], bars.volume[1]] == [
            float(each) for each in fields
        ]


@pytest.mark.parametrize("name", ["btcusdt-1h-2020-03-12.csv", "BTC.USDT-1h-2020-03-12.csv"])
def test_a_name_that_is_no_symbol_is_not_taken_for_one(tmp_path, name):
    with pytest.raises(MarginError, match=r"symbol: the name of .* does not say it; give symbol="):
        read_bars(archive(tmp_path, ARCHIVE, name))


@pytest.mark.parametrize("digits", [9, 12, 15, 18])
def test_times_of_the_year_2000_are_read_in_every_unit(tmp_path, digits):
    opens = [str(946_684_800 + 3_600 * hour).ljust(digits, "0") for hour in range(3)]
    bars = read_bars(plain(tmp_path, [f"{each},10,12,9,11,1" for each in opens], "h1_A.csv"))["A"]
    assert [str(each) for each in bars.times] == [f"2000-01-01T0{hour}:00:00" for hour in range(3)]


@pytest.mark.parametrize("first", ["20000101", "9466848000000000000000"])
def test_a_number_that_is_no_time_since_1970_is_refused(tmp_path, first):
    with pytest.raises(MarginError, match=f"line 1: .*{first}.*microseconds|line 1: .*{first}.*milli-"):
        read_bars(plain(tmp_path, [f"{first},10,12,9,11,1"], "h1_A.csv"))


def test_two_bars_may_come_newest_first_and_cutting_cuts_nothing_where_there_is_no_hole(tmp_path):
    (one, two), (expected,) = ARCHIVE[:2], read_bars(archive(tmp_path, ARCHIVE[:2])).values()
    found = read_bars(archive(tmp_path, [two, one]), gaps="cut")["BTCUSDT"]
    assert found.times.tolist() == expected.times.tolist()
    assert found.close.tolist() == expected.close.tolist()
    assert repr(found) == repr(expected)
    assert not found.gaps


@pytest.mark.parametrize(("ratio", "told"), [(0.78, True), (0.82, False), (0.999, False), (1.2, False), (1.3, True)])
def test_a_mark_stands_within_a_quarter_of_the_last_price(tmp_path, ratio, told):
    flat = "{},10,10,10,10,1,{},1,1,1,1,0"
    times = [(1583971200000 + 3_600_000 * hour, 1583974799999 + 3_600_000 * hour) for hour in range(3)]
    bars = archive(tmp_path, [flat.format(*each) for each in times])
    price = f"{10 * ratio:g}"
    lines = [flat.replace("10,10,10,10", ",".join([price] * 4)).format(*each) for each in times]
    mark = archive(tmp_path, lines, "BTCUSDT-mark.csv")
    if told:
        with pytest.raises(MarginError, match=f"stands at {ratio} times the bars' close"):
            read_bars(bars, mark=mark)
    else:
        assert read_bars(bars, mark=mark)["BTCUSDT"].mark_close.tolist() == [float(price)] * 3


def test_settlements_a_second_apart_are_in_order_and_the_first_that_is_not_is_named(tmp_path):
    bars, head = archive(tmp_path, ARCHIVE), ARCHIVE_FUNDING[0]
    close = ["1583974799400,8,0.3", "1583974800400,8,0.2"]  # the last second of the first bar, the first of the second
    for lines in (close, close[::-1]):
        found = read_bars(bars, funding=archive(tmp_path, [head, *lines], "funding.csv"))["BTCUSDT"]
        np.testing.assert_array_equal(found.funding_rate, [0.3, 0.2, np.nan])
    stamps = [1583971200000, 1583974800000, 1583974800000, 1583978400000, 1583978400000]
    funding = archive(tmp_path, [head, *(f"{each},8,0.1" for each in stamps)], "funding.csv")
    with pytest.raises(MarginError, match="line 4: calc_time = '1583974800000': not after the line before"):
        read_bars(bars, funding=funding)


def test_the_first_of_several_headers_again_is_named(tmp_path):
    with pytest.raises(MarginError, match="line 3: the header again"):
        read_bars(plain(tmp_path, [HEADER, PLAIN[0], HEADER, PLAIN[1], HEADER]))


@pytest.mark.parametrize(
    ("lengths", "line"),  # of the three bars, in milliseconds
    [
        pytest.param([3_600_000, 3_600_000, 7_200_000], 3, id="longer"),
        pytest.param([3_600_500] * 3, 1, id="half a second late"),
        pytest.param([0] * 3, 1, id="no length"),
        pytest.param([-3_600_000] * 3, 1, id="backwards"),
    ],
)
def test_an_archive_bar_lasts_as_long_as_the_first_and_closes_at_a_whole_second(tmp_path, lengths, line):
    lines = [each.split(",") for each in ARCHIVE]
    for fields, length in zip(lines, lengths, strict=True):
        fields[6] = str(int(fields[0]) + length - 1)
    with pytest.raises(MarginError, match=f"line {line}: close_time = .*lasts as long as the first"):
        read_bars(archive(tmp_path, [",".join(fields) for fields in lines]))
