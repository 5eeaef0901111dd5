"""How amounts, shares and prices are written, and text as HTML: one way for all."""

from __future__ import annotations

from html import escape
from math import ceil, log10

__all__ = ["chance_text", "money", "percent", "price_text", "text_html"]


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
    return f"{100 * fraction:{sign}z.{digits}f} %"


def price_text(price: float | None) -> str:
    """Return a price as text, or `none` where no positive price does it.

    Args:
        price: the price [quote currency per base coin], or None.

    Example:
        >>> price_text(54_216.867), price_text(None)
        ('54,216.87', 'none')
    """
    return "none" if price is None else f"{price:,.2f}"


def chance_text(share: float, error: float) -> str:
    """Return a counted probability in percent, to the first digit of its error; never and always as a bound.

    What has probability p, n paths miss with (1 - p)^n: below 5 % from p = 3 / n. The error of a count of 0 is 1 / n.

    Args:
        share: on which share of the paths it happened [1].
        error: its standard error [1].

    Example:
        >>> chance_text(0.1234, 0.0031), chance_text(0.0023, 0.0002), chance_text(0, 0.0001)
        ('12.3 % ± 0.3', '0.23 % ± 0.02', 'below 0.03 %')
    """
    if share in {0, 1}:
        bound = min(100, 300 * error)
        return f"below {bound:.1g} %" if share == 0 else f"above {100 - bound:.4g} %"
    digits = max(1, ceil(-log10(100 * error))) if error > 0 else 1
    return f"{100 * share:.{digits}f} % ± {100 * error:.{digits}f}"


def text_html(text: str) -> str:
    """Return text as HTML whose dollars are not taken for mathematics.

    JupyterLab and exported pages set what stands between two dollars as a formula, but never across a tag.

    Args:
        text: plain text.

    Example:
        >>> text_html("$5 & more")
        '<span>$</span>5 &amp; more'
    """
    return escape(text).replace("$", "<span>$</span>")
