"""What the holder of a belief answers, and from a wrong answer back to the belief that gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from numbers import Real
from typing import Any

from marginlib.errors import at_least_zero, unknown
from marginlib.practice.beliefs.asks import ASKS, Ask, Reading
from marginlib.practice.beliefs.catalogue import BELIEFS
from marginlib.practice.beliefs.reasoning import RIGHT, Case


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How near two answers are to count as the same: within the larger of the two limits.

    Example:
        >>> Tolerance(rel=0.001).same(54_217, 54_216.87), Tolerance(abs=1).same(54_000, 54_217)
        (True, False)
    """

    rel: float = 0.001  # share of the second answer [1], 0 or above
    abs: float = 1e-9  # amount, in the unit of the answer

    def __post_init__(self) -> None:
        at_least_zero("rel", self.rel)
        at_least_zero("abs", self.abs)

    def same(self, one: object, other: object) -> bool:
        """Return whether two answers count as the same; None, for "no such price", is the same as None only."""
        if one is None or other is None:
            return one is other
        if isinstance(one, bool) or not isinstance(one, float | Real) or not isinstance(other, float | Real):
            return False
        a, b = float(one), float(other)
        return a == b or (isfinite(a) and isfinite(b) and abs(a - b) <= max(self.rel * abs(b), self.abs))


def answer(ask: str, case: Case, *codes: str) -> float | None:
    """Return the answer of somebody who holds the beliefs, in the unit of the ask; without codes, the right answer.

    Raises:
        UnknownNameError: there is no such ask or belief.
    """
    reasoning = RIGHT
    for code in codes:
        if code not in BELIEFS:
            raise unknown("code", code, BELIEFS)
        reasoning = BELIEFS[code].twist(reasoning)
    return _ask(ask).value(Reading(case, reasoning))


def working(ask: str, case: Case) -> str:
    """Return one line of arithmetic that leads to the right answer."""
    return _ask(ask).shown(Reading(case))


def _ask(name: str) -> Ask:
    """Return the ask of that name."""
    if name not in ASKS:
        raise unknown("ask", name, ASKS)
    return ASKS[name]


def explanations(
    value: object, says: Callable[..., object], same: Callable[[Any, Any], bool] = Tolerance().same
) -> tuple[tuple[str, ...], ...]:
    """Return every explanation of a wrong answer: single beliefs if any fits, else pairs that change different steps.

    More than one means a tie: the answer alone cannot tell them apart; the one to name first comes first. None means
    that the answer is right, or that no belief gives it.

    `says` returns what the holder of some beliefs answers, called with their codes, or with none; like the value given,
    that is one answer, or several, case by case.

    Example:
        >>> says = {(): 100.0, ("SIGN",): -100.0}
        >>> explanations(-100, lambda *codes: says.get(codes, 100.0))
        (('SIGN',),)
    """
    if same(value, says()):
        return ()
    found = tuple((code,) for code, its in singles(says, same).items() if same(value, its))
    return found or tuple(codes for codes, its in pairs(says, same).items() if same(value, its))


def singles(says: Callable[..., Any], same: Callable[[Any, Any], bool]) -> dict[str, Any]:
    """Return what each belief says that does not say what is right: it explains nothing, alone or in a pair."""
    said = {code: says(code) for code, belief in BELIEFS.items() if belief.changes}
    return {code: its for code, its in said.items() if not same(its, says())}


def pairs(says: Callable[..., Any], same: Callable[[Any, Any], bool]) -> dict[tuple[str, ...], Any]:
    """Return what any two beliefs say that change different steps and do not cancel."""
    two = combinations(singles(says, same), 2)
    said = {(a, b): says(a, b) for a, b in two if BELIEFS[a].changes.keys().isdisjoint(BELIEFS[b].changes)}
    return {codes: its for codes, its in said.items() if not same(its, says())}


def chance(value: float, numbers: Iterable[float], fit: Tolerance) -> float:
    """Return how likely a number meets one of some others by chance: their share from its half to its double.

    Example:
        >>> round(chance(100, [80, 100, 100, 1_000], Tolerance(rel=0.01)), 4)
        0.024
    """
    low, high = sorted((value / 2, 2 * value))
    covered, end = 0.0, low
    for number in sorted(set(numbers)):
        near = max(fit.rel * abs(number), fit.abs)
        top = min(number + near, high)
        covered += max(0.0, top - max(number - near, end))
        end = max(end, top)
    return covered / (high - low) if high > low else 1.0
