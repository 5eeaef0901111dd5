"""How amounts, shares and prices are written."""

from __future__ import annotations

import pytest

from marginlib.words import money, percent, price_text, text_html


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


def test_dollars_of_a_text_are_no_mathematics() -> None:
    assert text_html('$5 < $6 & "more"') == "<span>$</span>5 &lt; <span>$</span>6 &amp; &quot;more&quot;"
