"""How amounts, shares and prices are written."""

from __future__ import annotations

import pytest

from marginlib.errors import MarginError
from marginlib.words import decimals, money, percent, price_text, share_text, text_html


@pytest.mark.parametrize(
    ("amount", "digits", "text"),
    [
        (-481.927, 2, "-$481.93"),
        (1_234_567.891, 2, "$1,234,567.89"),
        (0.5, 0, "$0"),
        (-0.6, 0, "-$1"),
        (-0.4, 0, "$0"),  # what rounds to nothing has no sign
        (-0.004, 2, "$0.00"),
        (0.004, 2, "$0.00"),
        (0.6, 0, "$1"),
        (1, 3, "$1.000"),
    ],
)
def test_an_amount_has_its_sign_before_the_currency(amount: float, digits: int, text: str) -> None:
    assert money(amount, digits) == text
    assert money(amount) == money(amount, 2)


@pytest.mark.parametrize(
    ("fraction", "digits", "text"),
    [(-0.0964, 1, "-9.6 %"), (0.5, 0, "+50 %"), (0, 1, "0.0 %"), (-0.0001, 1, "0.0 %"), (0.12345, 2, "+12.35 %")],
)
def test_a_fraction_is_a_percentage_with_its_sign(fraction: float, digits: int, text: str) -> None:
    assert percent(fraction, digits) == text
    assert percent(fraction) == percent(fraction, 1)


def test_a_price_is_written_to_the_cent_and_no_price_is_none() -> None:
    assert price_text(54_216.867) == "54,216.87"
    assert price_text(0.0) == "0.00"
    assert price_text(None) == "none"


@pytest.mark.parametrize("write", [money, percent])
def test_no_amount_and_no_share_is_none(write) -> None:
    assert write(None) == "none"


@pytest.mark.parametrize("digits", [-1, 13, 2_000, 1.5])
@pytest.mark.parametrize("write", [decimals, money, percent])
def test_a_text_has_no_more_digits_than_can_be_meant(write, digits) -> None:
    with pytest.raises(MarginError, match="whole number from 0 to 12"):
        write(1.0, digits)


def test_dollars_of_a_text_are_no_mathematics() -> None:
    assert text_html('$5 < $6 & "more"') == "<span>$</span>5 &lt; <span>$</span>6 &amp; &quot;more&quot;"


def test_a_name_and_a_date_stay_whole() -> None:
    assert text_html("USD-M of 2026-09-29, not 1-2") == "USD-&NoBreak;M of 2026-&NoBreak;09-&NoBreak;29, not 1-2"


def test_shares_and_signs_are_of_a_hundred() -> None:
    assert [share_text(0.0065, 2), share_text(0.996, 1)] == ["0.65 %", "99.6 %"]
    assert [percent(0.005), percent(0.0005), percent(-0.005)] == ["+0.5 %", "+0.1 %", "-0.5 %"]
    assert [share_text(0.1234), percent(0.000497)] == ["12.3 %", "0.0 %"]


def test_as_many_digits_as_can_be_meant_are_written() -> None:
    assert [decimals(0.1, 12), decimals(2.4, 0)] == ["0.100000000000", "2"]
