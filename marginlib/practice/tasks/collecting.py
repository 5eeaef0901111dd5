"""From whatever a learner made to plain JSON: the only place where a learner's code runs.

This module imports nothing of this library, so that a sandbox can hold it without holding any answer. It calls the
learner's function on the cases that it is given and describes what came back; it never says what is right.

Each outcome is a dict with a `kind`: "number", "nan" (also infinite), "none", "stub" (the three dots), "truth" (True or
False), "text", "list", "dict", "function", "other" (anything else: its type and its start), or "error" (type, message
and line of the learner's code). "value" holds what there is.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from functools import partial
from math import isfinite
from numbers import Real
from typing import Any

Outcome = dict[str, Any]

_LONGEST = 200  # characters of a text, items of a list: more is not an answer
_DEEPEST = 4  # lists in lists


def collect(thing: object, cases: Sequence[Mapping[str, Any]] | None = None) -> list[Outcome]:
    """Return what the learner's value is, or what the learner's function returns for each case, as plain JSON.

    There is one outcome for each case, whose values stand in the order of the function's arguments, or one for the
    value. An error inside the function is an outcome, too.

    Example:
        >>> collect(600)
        [{'kind': 'number', 'value': 600.0}]
        >>> collect(lambda margin: margin / 0, [{"margin": 500}])[0]["type"]
        'ZeroDivisionError'
    """
    if cases is None or not callable(thing):
        return [_guarded(lambda: thing, None)]
    # By position: a learner may rename the arguments. Copies: one call must not change what the next one gets.
    outcomes: list[Outcome] = []
    for case in cases:
        interrupted = outcomes and outcomes[-1].get("type") == "KeyboardInterrupt"  # who stops one call stops them all
        call = partial(thing, *deepcopy(list(case.values())))
        outcomes.append(outcomes[-1] if interrupted else _guarded(call, thing))
    return outcomes


def _guarded(make: Callable[[], object], function: object) -> Outcome:
    """Return the outcome of a call, whatever happens in it."""
    try:
        return _plain(make(), _DEEPEST)
    except BaseException as error:  # noqa: BLE001 - exit(), an interrupt and endless recursion are outcomes, too
        return describe(error, getattr(getattr(function, "__code__", None), "co_filename", ""))


def _plain(value: object, depth: int) -> Outcome:  # noqa: PLR0911 - one line for each kind
    """Return a value as plain JSON."""
    if value is None or value is ...:
        return {"kind": "none" if value is None else "stub"}
    if isinstance(value, bool):
        return {"kind": "truth", "value": value}
    if isinstance(value, Real | Decimal):
        return _number(value)
    if isinstance(value, str):
        return {"kind": "text", "value": str(value)[:_LONGEST]}
    if depth and isinstance(value, Mapping):
        items = list(value.items())[:_LONGEST]
        return {"kind": "dict", "value": {str(key)[:_LONGEST]: _plain(each, depth - 1) for key, each in items}}
    if depth and isinstance(value, list | tuple):
        return {"kind": "list", "value": [_plain(each, depth - 1) for each in value[:_LONGEST]]}
    if depth and not isinstance(value, type) and hasattr(value, "tolist"):  # numpy and pandas, without importing them
        values = value.tolist()
        while isinstance(values, list) and len(values) == 1:  # an array of a single number is that number
            values = values[0]
        return _plain(values, depth - 1)
    if callable(value):
        return {"kind": "function", "value": getattr(value, "__name__", type(value).__name__)}
    return {"kind": "other", "type": type(value).__name__, "value": repr(value)[:_LONGEST]}


def _number(value: Real | Decimal) -> Outcome:
    """Return a number as a float; what no float holds is no number here."""
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return {"kind": "nan", "value": "too large"}
    return {"kind": "number", "value": number} if isfinite(number) else {"kind": "nan", "value": str(number)}


def describe(error: BaseException, home: str) -> Outcome:
    """Return an error with the line of the learner's code, in the file or cell of that name, that it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == home]
    line = (frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno or 0)) if frames else ""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - the learner's own error class may be broken
        message = ""
    return {
        "kind": "error",
        "type": type(error).__name__,
        "value": message[:_LONGEST],
        "line": line.strip()[:_LONGEST],
        "number": frames[-1].lineno if frames else None,
    }
