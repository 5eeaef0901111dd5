"""How amounts, shares and prices are written, and text as HTML: one way for all."""

from __future__ import annotations

from html import escape
from re import sub

from marginlib.errors import wrong

__all__ = ["decimals", "money", "percent", "price_text", "share_text", "text_html"]

MOST_DIGITS = 12  # more than a float knows of an amount of dollars


def decimals(number: float | None, digits: int) -> str:
    """Return a number as text, or `none` where there is none.

    Args:
        number: the number, or None.
        digits: how many follow the point.

    Raises:
        MarginError: there cannot be so many.

    Example:
        >>> decimals(54_216.867, 1), decimals(None, 1)
        ('54,216.9', 'none')
    """
    if not isinstance(digits, int) or not 0 <= digits <= MOST_DIGITS:
        raise wrong("digits", digits, f"give a whole number from 0 to {MOST_DIGITS}")
    return "none" if number is None else f"{number:z,.{digits}f}"


def money(amount: float | None, digits: int = 2) -> str:
    """Return an amount of dollars as text, the sign before the currency; `none` where there is none.

    Args:
        amount: the amount [quote currency], or None.
        digits: how many follow the point.

    Example:
        >>> money(-481.927)
        '-$481.93'
    """
    text = decimals(amount, digits)
    return text if amount is None else f"-${text[1:]}" if text.startswith("-") else f"${text}"


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage with its sign; what rounds to 0 has none, and no fraction is `none`.

    Args:
        fraction: the fraction [1], or None.
        digits: how many follow the point.

    Example:
        >>> percent(-0.0964), percent(0.0004, 0), percent(None)
        ('-9.6 %', '0 %', 'none')
    """
    if fraction is None:
        return "none"
    text = decimals(100 * fraction, digits)
    return f"{'+' if round(100 * fraction, digits) > 0 else ''}{text} %"


def share_text(fraction: float, digits: int = 1) -> str:
    """Return a fraction as a percentage without a sign, for what can only be a part.

    Args:
        fraction: the fraction, at least 0 [1].
        digits: how many follow the point.

    Example:
        >>> share_text(0.0065, 2)
        '0.65 %'
    """
    return f"{decimals(100 * fraction, digits)} %"


def price_text(price: float | None) -> str:
    """Return a price as text, or `none` where no positive price does it.

    Args:
        price: the price [quote currency per base coin], or None.

    Example:
        >>> price_text(54_216.867), price_text(None)
        ('54,216.87', 'none')
    """
    return decimals(price, 2)


def text_html(text: str) -> str:
    """Return text as HTML whose dollars are not taken for mathematics.

    JupyterLab and exported pages set what stands between two dollars as a formula, but never across a tag. A percent
    sign and an error stay on the line of their number, and a date or a name such as USD-M on one line.

    Args:
        text: plain text.

    Example:
        >>> text_html("$5 & 1 % more")
        '<span>$</span>5 &amp; 1&nbsp;% more'
    """
    whole = sub(r" (?=[%±]|\d\d:\d\d)|(?<=±) ", "&nbsp;", escape(text).replace("$", "<span>$</span>"))
    whole = sub(r"(?<=[A-Z]-)(?=[A-Z]\b)", "&NoBreak;", whole)
    return sub(r"(?<![\w/-])(\d{4}-)(\d\d-)(?=\d\d(?!\w))", r"\1&NoBreak;\2&NoBreak;", whole)  # no name of a file
