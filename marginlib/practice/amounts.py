"""Numbers as people type them, and as they are said to people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from math import inf, isfinite
from numbers import Real
from typing import Final

NOTHING: Final = "nothing"  # what stands for "that is no number", since None is an answer: "there is none"
UNITS: Mapping[str, str] = {  # a question's unit, and how people write it
    "%": r"%|per ?cent\b|pct\b",
    "dollars": r"\$|dollars?\b|usd[tc]?\b",
    "days": r"days?\b",
    "pools": r"pools?\b",
    "coins": r"coins?\b|btc\b|eth\b|sol\b",
    "x": r"(?<=\d) ?x$",
}
_NONE = {"none", "never", "no", "no price", "there is none", "no such price"}
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def read_number(answer: object) -> tuple[float | str | None, str]:
    """Return the number meant, and the unit written with it, "" where there is none.

    The number is None for "none", and `NOTHING` for what is no number.

    Example:
        >>> [read_number(each) for each in ("$1,016.00", "9,6 %", "1.016,5")]
        [(1016.0, 'dollars'), (9.6, '%'), (1016.5, '')]
    """
    if answer is None or (isinstance(answer, str) and answer.strip().casefold().rstrip(".") in _NONE):
        return None, ""
    if not isinstance(answer, bool) and isinstance(answer, Real):
        with suppress(OverflowError):  # an integer beyond every float
            answer = str(float(answer))
    text = answer.strip().casefold().replace("\N{MINUS SIGN}", "-") if isinstance(answer, str) else ""
    written = [unit for unit, pattern in UNITS.items() if re.search(pattern, text)]
    for unit in written:
        text = re.sub(UNITS[unit], "", text)
    text = _with_a_point(re.sub(r"[\s_\u00a0\u202f]", "", text))
    number = float(text) if _NUMBER.fullmatch(text) and len(written) < 2 else inf  # noqa: PLR2004 - one unit
    return (number if isfinite(number) else NOTHING), "".join(written[:1])


def _with_a_point(text: str) -> str:
    """Return a number's text with a point before the decimals and nothing between the thousands."""
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", text):
        return text.replace(",", "")  # 1,000.5
    if re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+,\d*", text):
        return text.replace(".", "").replace(",", ".")  # 1.000,5
    return text.replace(",", ".") if re.fullmatch(r"[-+]?\d*,\d+", text) else text  # 9,6


def say(value: float | None, unit: str = "") -> str:
    """Return a number with its unit, without digits that say nothing; percent with one digit after the point.

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
