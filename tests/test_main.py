"""The command line: what it prints and the code it ends with."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from marginlib import rulebook, tables
from marginlib.__main__ import main

DATA = Path(__file__).parent / "data"
GOOD: dict[str, Any] = {
    "id": "karen",
    "source": "bitmex.com",
    "venue": "BitMEX",
    "contract": "linear",
    "wallet_balance": 10_000,
    "fee_rate": 0,
    "maintenance_basis": "entry",
    "symbol": "ETH",
    "positions": [
        {
            "symbol": "ETH",
            "quantity": 20,
            "entry_price": 1_000,
            "maintenance_margin_rate": 0.01,
            "maintenance_amount": 0,
        }
    ],
    "expected": {"liquidation_price": 510, "bankruptcy_price": 500},
    "tolerance": {"rel": 1e-9},
}
LINE = json.dumps(GOOD)


def verify(folder: Path, content: str | bytes) -> int:
    """Write a file, run the command on it, and return its exit code."""
    path = folder / "rows.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return main(["verify", str(path)])


def test_the_published_examples_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(DATA / "published_examples.jsonl")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "42 passed, 0 failed"
    assert not err


def test_the_sources_of_the_rulebooks_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    book = rulebook("bybit", "2025-09-02")
    later = partial(tables.facts, [book], today=date(2027, 11, 1))
    monkeypatch.setattr(tables, "facts", later)
    assert main(["rulebooks"]) == 0
    head, *lines, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["rulebook", "term", "kind", "read", "source"]
    assert len(lines) == len(book.facts)
    (fee,) = (line for line in lines if " closing_fee_rate " in line)
    assert " published " in fee
    assert "Fees Explained" in fee
    old = sum("OLD" in line for line in lines)
    assert 0 < old < len(lines)
    assert last == f"{len(lines)} terms, {old} read more than a year ago"


def test_the_module_is_a_program() -> None:
    command = [sys.executable, "-m", "marginlib", "verify", str(DATA / "more_examples.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(" passed, 0 failed")


def test_each_price_has_a_line_with_both_values_and_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = GOOD | {"id": "wrong", "expected": {"liquidation_price": 500, "bankruptcy_price": None}}
    assert verify(tmp_path, f"{LINE}\n\n{json.dumps(wrong)}\n") == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok   karen: liquidation_price expected 510, computed 510, relative error 0.0e+00",
        "ok   karen: bankruptcy_price expected 500, computed 500, relative error 0.0e+00",
        "FAIL wrong: liquidation_price expected 500, computed 510, relative error 2.0e-02",
        "FAIL wrong: bankruptcy_price expected none, computed 500, relative error -",
        "1 passed, 1 failed",
    ]


def test_a_row_fails_when_one_of_its_prices_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = GOOD | {"expected": {"liquidation_price": 510, "bankruptcy_price": 501}}
    assert verify(tmp_path, json.dumps(half)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n \n"], ids=repr)
def test_files_come_from_everywhere(tmp_path: Path, start: bytes, end: bytes) -> None:
    assert verify(tmp_path, start + LINE.encode() + end) == 0


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (f"{LINE}\n{{", ["line 2: ", "not JSON"]),
        (f"\n{LINE}\n[5]", ["line 3: ", "[5]: give a JSON object"]),
        (f"{LINE}\n{json.dumps(GOOD | {'wallet_balance': float('nan')})}", ["line 2: ", "wallet_balance = nan"]),
        (json.dumps(GOOD | {"contract": "quanto"}), ["line 1: ", "contract = 'quanto': give one of linear, inverse"]),
        (json.dumps(GOOD | {"symbol": "BTC"}), ["line 1: ", "symbol = 'BTC': give one of the positions' symbols, ETH"]),
        (json.dumps(GOOD | {"expected": {"price": 5}}), ["line 1: ", "expected = {'price': 5}"]),
        (json.dumps(GOOD | {"tolerance": {"pct": 5}}), ["line 1: ", "tolerance = {'pct': 5}"]),
        (
            json.dumps(GOOD | {"positions": [*GOOD["positions"], GOOD["positions"][0] | {"symbol": "BTC"}]}),
            ["line 1: ", "positions, number 2: mark_price: the field is missing"],
        ),
        (
            LINE.encode() + b'\n{"id": "\xff\xfe"}',
            ["line 2: ", "not UTF-8 text at character 9", "save the file as UTF-8"],
        ),
        (LINE.encode("utf-16"), ["line 1: ", "not UTF-8"]),
        (b"", ["no rows: give one JSON object a line"]),
        (b"\xef\xbb\xbf\n \n", ["no rows: give one JSON object a line"]),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, messages: list[str]
) -> None:
    assert verify(tmp_path, content) == 2
    out, err = capsys.readouterr()
    assert err.startswith(str(tmp_path / "rows.jsonl"))
    assert all(message in err for message in messages), err
    assert "passed" not in out


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_named_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    data = {name: value for name, value in GOOD.items() if name != field}
    assert verify(tmp_path, f"{LINE}\n{json.dumps(data)}") == 2
    assert capsys.readouterr().err == f"{tmp_path / 'rows.jsonl'}: line 2: {field}: the field is missing\n"


@pytest.mark.parametrize("field", sorted(GOOD["positions"][0]))
def test_a_missing_field_of_a_position_is_named_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    position = {name: value for name, value in GOOD["positions"][0].items() if name != field}
    assert verify(tmp_path, json.dumps(GOOD | {"positions": [position]})) == 2
    assert f"line 1: positions, number 1: {field}: the field is missing" in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "nothing.jsonl")]) == 2
    assert "nothing.jsonl: No such file or directory" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["verify"], ["audit", "x"], ["verify", "a", "b"]])
def test_a_command_that_is_not_one_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: marginlib" in capsys.readouterr().err


def test_a_name_that_the_terminal_cannot_show_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert verify(tmp_path, json.dumps(GOOD | {"id": "日本 \ud800"})) == 0
    terminal.flush()
    assert isinstance(terminal.buffer, io.BytesIO)
    assert b"ok   \\u65e5\\u672c \\ud800: liquidation_price" in terminal.buffer.getvalue()
