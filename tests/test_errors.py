"""Every check names the field, the value and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest

from marginlib import Account, MarginError, UnknownNameError, liquidation_price, rulebook
from marginlib import margin as margins
from marginlib.errors import _near, at_least_zero, finite, fraction, name_text, positive, unknown

Check = Callable[[str, object], float]
NOT_NUMBERS = [float("nan"), float("inf"), float("-inf"), None, "5", True, [5], 1 + 2j]


@pytest.mark.parametrize("check", [finite, positive, at_least_zero, fraction])
@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_not_one_finite_number_is_refused(check: Check, value: object) -> None:
    with pytest.raises(MarginError) as refused:
        check("price", value)
    assert str(refused.value) == f"price = {value!r}: give one finite number"


@pytest.mark.parametrize(
    ("check", "value", "hint"),
    [
        (positive, 0, "give a number above 0"),
        (positive, -0.5, "give a number above 0"),
        (at_least_zero, -1e-9, "give 0 or a number above 0"),
        (fraction, -0.1, "give a fraction of at least 0 and below 1"),
        (fraction, 1, "give a fraction of at least 0 and below 1"),
        (fraction, 40, "0.4 % is 0.004"),
        (finite, 1e301, "give one finite number of at most 1e+300 in size"),
        (finite, -1e301, "give one finite number of at most 1e+300 in size"),
    ],
)
def test_a_number_out_of_range_is_refused_with_a_hint(check: Check, value: float, hint: str) -> None:
    with pytest.raises(MarginError) as refused:
        check("rate", value)
    assert str(refused.value).startswith(f"rate = {value!r}: ")
    assert hint in str(refused.value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (finite, -3),
        (finite, 0),
        (finite, 1e300),
        (finite, -1e300),
        (positive, 1e-300),
        (at_least_zero, 0),
        (fraction, 0),
        (fraction, 0.999),
    ],
)
def test_the_edge_of_a_range_belongs_to_it(check: Check, value: float) -> None:
    assert check("number", value) == value


def test_any_real_number_becomes_a_plain_float() -> None:
    numpy = pytest.importorskip("numpy")
    for value in (2, Fraction(2), numpy.float64(2), numpy.int32(2), numpy.float32(2)):
        assert type(finite("number", value)) is float


def test_decimals_and_arrays_of_no_dimension_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    for value in (Decimal("0.4"), numpy.array(0.4), numpy.array(0.4)[()]):
        number = finite("rate", value)
        assert type(number) is float
        assert number == 0.4
    assert fraction("rate", Decimal("0.004")) == 0.004
    for bad in (numpy.array([0.4]), numpy.array(True), numpy.bool_(True), numpy.array("0.4"), numpy.array(1j)):  # noqa: FBT003
        with pytest.raises(MarginError, match="give one finite number"):
            finite("rate", bad)
    for nothing in ("NaN", "sNaN", "Infinity", "-Infinity"):
        with pytest.raises(MarginError, match=f"rate = {nothing}: give one finite number$"):
            finite("rate", Decimal(nothing))


def test_a_number_is_shown_as_a_person_writes_it() -> None:
    numpy = pytest.importorskip("numpy")
    for value, shown in ((Decimal("-0.10"), "-0.10"), (numpy.float64(-0.5), "-0.5"), (numpy.array(-3), "-3")):
        with pytest.raises(MarginError) as refused:
            positive("price", value)
        assert str(refused.value) == f"price = {shown}: give a number above 0"


@pytest.mark.parametrize("digits", [400, 5_000])
def test_an_integer_beyond_every_float_is_refused_in_a_line(digits: int) -> None:
    with pytest.raises(MarginError, match=r"price = an integer of .* bits: give one finite number") as refused:
        finite("price", 10**digits)
    assert len(str(refused.value)) < 100


def test_the_longest_integer_that_is_written_out_has_two_hundred_bits() -> None:
    for value, shown in ((-(2**200 - 1), str(-(2**200 - 1))[:57] + "..."), (-(2**200), "an integer of 201 bits")):
        with pytest.raises(MarginError, match="give a number above 0") as refused:
            positive("price", value)
        assert str(refused.value).startswith(f"price = {shown}: ")


def test_a_value_that_would_fill_the_screen_is_cut() -> None:
    for length, shown in ((58, f"'{'x' * 58}'"), (59, f"'{'x' * 56}...")):  # with its quotes: 60 and 61
        with pytest.raises(MarginError) as refused:
            finite("price", "x" * length)
        assert str(refused.value) == f"price = {shown}: give one finite number"


@pytest.mark.parametrize("value", ["", "  ", None, 5, ["BTC"]], ids=repr)
def test_a_name_is_a_text_with_something_in_it(value: object) -> None:
    with pytest.raises(MarginError) as refused:
        name_text("symbol", value)
    assert str(refused.value) == f'symbol = {value!r}: give a name, such as "BTCUSDT"'


def test_a_name_is_returned_as_it_is() -> None:
    assert name_text("symbol", "BTCUSDT") == "BTCUSDT"


def test_errors_are_value_errors() -> None:
    assert issubclass(UnknownNameError, MarginError)
    assert issubclass(MarginError, ValueError)


SYMBOLS = ("BTCUSDT", "BTCDOMUSDT", "ETHUSDT", "AVAXUSDT", "DOTUSDT", "BNBUSDT")
SLIPS = ("BTC", "btcusdt", "BTC/USDT", "BTC/USDT:USDT", "BTC-USD", "BTCUSDT.P", "BTC-PERP", "BTC-USDT-SWAP", " BTCUSDT")


@pytest.mark.parametrize(
    ("value", "names", "near"),
    [
        *((value, SYMBOLS, "BTCUSDT") for value in SLIPS),
        ("BT", SYMBOLS, "BTCUSDT or BTCDOMUSDT"),
        ("binance", ("binance_coinm", "binance_usdm", "okx"), "binance_coinm or binance_usdm"),
        ("Binance USDM", ("binance_coinm", "binance_usdm", "okx"), "binance_usdm"),
        ("hyperliqid", ("okx", "hyperliquid"), "hyperliquid"),
        ("2026/09/29", ("2021-03-18", "2026-09-29"), "2026-09-29"),
        ("20260929", ("2021-03-18", "2026-09-29"), "2026-09-29"),
        ("2026-09", ("2021-03-18", "2026-09-29"), "2026-09-29"),
        ("full close", ("full_close", "step_down"), "full_close"),
        ("entry", ("symbol", "quantity", "entry_price"), "entry_price"),
        ("quantitty", ("symbol", "quantity", "entry_price"), "quantity"),
    ],
)
def test_the_name_that_may_be_meant_is_asked_back(value, names, near):
    message = f"name = {value!r} (did you mean {near}?): give one of {', '.join(names)}"
    assert str(unknown("name", value, names)) == message


@pytest.mark.parametrize(
    ("value", "names"),
    [
        *((value, SYMBOLS) for value in ("BCHUSDT", "SOLUSDT", "ETCUSDT", "ADAUSDT", "DOGE", "", "USDT", "/")),
        ("2020-01-01", ("2021-03-18", "2026-09-29")),
        ("mt_gox", ("okx", "binance_usdm")),
        (1, ("10", "100")),
        (None, ("nonesuch",)),
    ],
)
def test_another_coin_or_date_is_not_taken_for_a_slip(value, names):
    assert str(unknown("name", value, names)) == f"name = {value!r}: give one of {', '.join(names)}"


def test_whoever_looks_a_name_up_asks_back():
    book = rulebook("binance_usdm", "2026-09-29")
    account = Account(wallet_balance=10_000, positions=(book.position("BTCUSDT", 0.1, 60_000, leverage=10),))
    asked: list[Callable[[], object]] = [
        lambda: book.schedule("BTC"),
        lambda: rulebook("binance_usdm", "2026/09/29"),
        lambda: rulebook("binance-usdm", "2026-09-29"),
        lambda: account.at({"btcusdt": 59_000}),
        lambda: liquidation_price(account.pools()[0], "BTC/USDT"),
        lambda: margins.add_isolated_margin(account, "BTC", 5),
    ]
    for ask in asked:
        with pytest.raises(UnknownNameError, match=r"did you mean (BTCUSDT|2026-09-29|binance_usdm)\?"):
            ask()


def test_three_names_at_most_are_suggested() -> None:
    names = [f"coin{k}" for k in range(5)]
    assert _near("coin", names) == names[:3]


def test_the_largest_numbers_are_taken_whatever_their_type() -> None:
    for number in (1e300, -1e300, Decimal(10) ** 300, -(Decimal(10) ** 300)):
        assert finite("x", number) == float(number)
    with pytest.raises(MarginError, match="of at most 1e\\+300 in size"):
        finite("x", Decimal(10) ** 301)
