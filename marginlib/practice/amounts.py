"""Numbers as people type them, and as they are said to people."""

from __future__ import annotations

import re
from math import isfinite
from numbers import Real
from typing import Final

NOTHING: Final = "nothing"  # what stands for "that is no number", since None is an answer: "there is none"
_NONE = {"none", "never", "no", "no price", "there is none", "no such price"}
_WORDS = re.compile(r"(?i)dollars?|usdt|usd|percent|per cent|days?|pools?|coins?|[$%\s_\u00a0\u202f]|(?<=\d)x$")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def read_number(answer: object) -> float | str | None:
    """Return the number meant; None for "none"; `NOTHING` for what is no number.

    Args:
        answer: a number, or what somebody typed.

    Example:
        >>> [read_number(each) for each in ("$1,016.00", "9,6 %", "1.016,00", "never", "abc")]
        [1016.0, 9.6, 1016.0, None, 'nothing']
    """
    if answer is None:
        return None
    if not isinstance(answer, bool) and isinstance(answer, Real):
        try:
            number = float(answer)
        except OverflowError:  # an integer beyond every float
            return NOTHING
        return number if isfinite(number) else NOTHING
    if not isinstance(answer, str):
        return NOTHING
    if answer.strip().casefold().rstrip(".") in _NONE:
        return None
    text = _WORDS.sub("", answer.strip().replace("\N{MINUS SIGN}", "-"))
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        text = text.replace(",", "")  # 1,000.5
    elif re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+,\d*", text):
        text = text.replace(".", "").replace(",", ".")  # 1.000,5
    elif re.fullmatch(r"[-+]?\d*,\d+", text):
        text = text.replace(",", ".")  # 9,6
    number = float(text) if _NUMBER.fullmatch(text) else float("inf")
    return number if isfinite(number) else NOTHING


def say(value: float | None, unit: str = "") -> str:
    """Return a number with its unit, without digits that say nothing; percent with one digit after the point.

    Args:
        value: a number, or None where there is no such price.
        unit: such as "dollars", "%" or "x".

    Example:
        >>> say(54216.867, "dollars"), say(-9.6386, "%"), say(10, "x"), say(None)
        ('54,217 dollars', '-9.6 %', '10x', 'none')
    """
    if value is None:
        return "none"
    if unit == "%":
        value = round(value, 1 if abs(value) >= 1 else 2)
    size = abs(value)
    text = f"{value:,.0f}" if size >= 10_000 else f"{value:,.2f}" if size >= 1 else f"{value:.4g}"  # noqa: PLR2004
    text = text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    return f"{text}{unit}" if unit == "x" else f"{text} {unit}".strip()
