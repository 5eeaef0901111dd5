"""How amounts, shares and prices are written, and text as HTML: one way for all."""

from __future__ import annotations

from html import escape
from re import sub

__all__ = ["money", "percent", "price_text", "share", "text_html"]


def money(amount: float, digits: int = 2) -> str:
    """Return an amount of dollars as text, the sign before the currency.

    Args:
        amount: the amount [quote currency].
        digits: how many follow the point.

    Example:
        >>> money(-481.927)
        '-$481.93'
    """
    sign = "-" if round(amount, digits) < 0 else ""
    return f"{sign}${abs(amount):,.{digits}f}"


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as a percentage with its sign; what rounds to 0 has none.

    Args:
        fraction: the fraction [1].
        digits: how many follow the point.

    Example:
        >>> percent(-0.0964), percent(0, 0)
        ('-9.6 %', '0 %')
    """
    sign = "+" if round(100 * fraction, digits) else ""
    return f"{100 * fraction:{sign}z,.{digits}f} %"


def share(fraction: float, digits: int = 1) -> str:
    """Return a fraction as a percentage without a sign, for what can only be a part.

    Args:
        fraction: the fraction, at least 0 [1].
        digits: how many follow the point.

    Example:
        >>> share(0.0065, 2)
        '0.65 %'
    """
    return f"{100 * fraction:,.{digits}f} %"


def price_text(price: float | None) -> str:
    """Return a price as text, or `none` where no positive price does it.

    Args:
        price: the price [quote currency per base coin], or None.

    Example:
        >>> price_text(54_216.867), price_text(None)
        ('54,216.87', 'none')
    """
    return "none" if price is None else f"{price:,.2f}"


def text_html(text: str) -> str:
    """Return text as HTML whose dollars are not taken for mathematics.

    JupyterLab and exported pages set what stands between two dollars as a formula, but never across a tag. A percent
    sign stays on the line of its number, and a date on one line.

    Args:
        text: plain text.

    Example:
        >>> text_html("$5 & 1 % more")
        '<span>$</span>5 &amp; 1&nbsp;% more'
    """
    whole = sub(r" (?=%|\d\d:\d\d)", "&nbsp;", escape(text).replace("$", "<span>$</span>"))
    return sub(r"(?<=\d-)(?=\d)", "&NoBreak;", whole)
