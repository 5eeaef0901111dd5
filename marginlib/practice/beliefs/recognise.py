"""From an answer back to the belief that gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import isfinite
from numbers import Real

from marginlib.errors import MarginError, UnknownNameError, at_least_zero, wrong
from marginlib.practice.beliefs.catalogue import MISCONCEPTIONS
from marginlib.practice.beliefs.reasoning import ASKS, RIGHT, Ask, Case

__all__ = [
    "Tolerance",
    "answer",
    "beliefs",
    "explanations",
    "recognise",
    "recognise_function",
    "recognise_values",
    "working",
]


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How near two answers are to count as the same: within the larger of the two limits.

    Args:
        rel: share of the second answer [1].
        abs: amount, in the unit of the answer.

    Raises:
        MarginError: a limit is below 0.

    Example:
        >>> Tolerance(rel=0.001).same(54_217, 54_216.87), Tolerance(abs=1).same(54_000, 54_217)
        (True, False)
    """

    rel: float = 0.001
    abs: float = 1e-9

    def __post_init__(self) -> None:
        at_least_zero("rel", self.rel)
        at_least_zero("abs", self.abs)

    def same(self, one: object, other: object) -> bool:
        """Return whether two answers count as the same; None, for "no such price", is the same as None only."""
        if one is None or other is None:
            return one is other
        if isinstance(one, bool) or not isinstance(one, Real) or not isinstance(other, Real):
            return False
        a, b = float(one), float(other)
        return a == b or (isfinite(a) and isfinite(b) and abs(a - b) <= max(self.rel * abs(b), self.abs))


_DEFAULT = Tolerance()


def answer(ask: str, case: Case, *codes: str) -> float | None:
    """Return the answer of somebody who holds the beliefs; without codes, the right answer.

    Args:
        ask: what is asked, one of `ASKS`.
        case: what it is asked of.
        codes: beliefs held, one or two.

    Returns:
        The answer in the unit of the ask; None where there is no such price.

    Raises:
        UnknownNameError: there is no such ask or belief.

    Example:
        >>> from marginlib import Account, Position, RiskSchedule
        >>> btc = Position.open(
        ...     symbol="BTCUSDT", quantity=1 / 12, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=10
        ... )
        >>> case = Case(account=Account(wallet_balance=10_000, positions=(btc.isolated(),)))
        >>> round(answer("liquidation_price", case), 2), round(answer("liquidation_price", case, "NO_MAINTENANCE"), 2)
        (54216.87, 54000.0)
    """
    reasoning = RIGHT
    for code in codes:
        if code not in MISCONCEPTIONS:
            raise wrong("code", code, f"give one of {', '.join(MISCONCEPTIONS)}", UnknownNameError)
        twist = MISCONCEPTIONS[code].twist
        reasoning = twist(reasoning) if twist else reasoning
    return _ask(ask).compute(reasoning, case)


def working(ask: str, case: Case) -> str:
    """Return one line of arithmetic that leads to the right answer.

    Args:
        ask: what is asked, one of `ASKS`.
        case: what it is asked of.

    Raises:
        UnknownNameError: there is no such ask.

    Example:
        >>> from marginlib import Account, Position, RiskSchedule
        >>> btc = Position.open(
        ...     symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=10
        ... )
        >>> case = Case(account=Account(wallet_balance=600, positions=(btc,)))
        >>> working("liquidation_price", case)
        'at 54,216.87: 600 - 578.31 = 21.69 left, and 21.69 must be kept'
    """
    return _ask(ask).show(case)


def beliefs(ask: str, case: Case, tolerance: Tolerance = _DEFAULT) -> dict[str, float | None]:
    """Return what each belief answers, the ones that answer right left out.

    Args:
        ask: what is asked, one of `ASKS`.
        case: what it is asked of.
        tolerance: how near to the right answer still counts as right.

    Example:
        >>> from marginlib import Account, Position, RiskSchedule
        >>> btc = Position.open(
        ...     symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=10
        ... ).at(61_000)
        >>> beliefs("pnl", Case(account=Account(wallet_balance=600, positions=(btc,))))
        {'LEVERAGE_MULTIPLIES_PNL': 1000.0, 'MARGIN_IS_SIZE': 10.0}
    """
    right = answer(ask, case)
    said = {code: answer(ask, case, code) for code in MISCONCEPTIONS}
    return {code: value for code, value in said.items() if value != right and not tolerance.same(value, right)}


def explanations(
    value: object, says: Callable[..., object], tolerance: Tolerance = _DEFAULT
) -> tuple[tuple[str, ...], ...]:
    """Return every explanation of a wrong answer: single beliefs if any fits, else pairs that change different steps.

    More than one means a tie: the answer alone cannot tell them apart. None means that the answer is right, or that no
    belief gives it.

    Args:
        value: the answer given.
        says: returns what the holder of some beliefs answers; called with their codes, and with none.
        tolerance: how near counts as the same.

    Example:
        >>> says = {(): 100.0, ("SIGN",): -100.0}
        >>> explanations(-100, lambda *codes: says.get(codes, 100.0))
        (('SIGN',),)
    """
    right = says()
    if tolerance.same(value, right):
        return ()
    twisted = [each for each in MISCONCEPTIONS.values() if each.twist]
    singles = {each.code: says(each.code) for each in twisted}
    found = [(code,) for code, said in singles.items() if _fits(value, said, right, tolerance)]
    if found:
        return tuple(found)
    # A belief that changes nothing here adds nothing to a pair.
    moved = [each for each in twisted if not tolerance.same(singles[each.code], right)]
    pairs = ((a, b) for a, b in combinations(moved, 2) if not a.steps & b.steps)
    return tuple((a.code, b.code) for a, b in pairs if _fits(value, says(a.code, b.code), right, tolerance))


def recognise(value: object, ask: str, case: Case, tolerance: Tolerance = _DEFAULT) -> tuple[str, ...]:
    """Return the belief, or the pair of beliefs, that explains an answer; () if it is right or nothing explains it.

    Args:
        value: the answer given; None says "there is no such price".
        ask: what was asked, one of `ASKS`.
        case: what it was asked of.
        tolerance: how near counts as the same.

    Returns:
        The codes of the first explanation; `explanations` gives all where several fit.

    Example:
        >>> from marginlib import Account, Position, RiskSchedule
        >>> btc = Position.open(
        ...     symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=10
        ... )
        >>> case = Case(account=Account(wallet_balance=600, positions=(btc,)))
        >>> recognise(54_000, "liquidation_price", case), recognise(54_217, "liquidation_price", case)
        (('NO_MAINTENANCE',), ())
    """
    return next(iter(explanations(value, partial(answer, ask, case), tolerance)), ())


def recognise_values(
    values: Sequence[object],
    right: Sequence[object],
    holders: Mapping[str, Sequence[object]],
    tolerance: Tolerance = _DEFAULT,
) -> tuple[str, ...]:
    """Return the codes of all holders whose answers are these, case by case; () if the answers are right.

    Args:
        values: the answers given, one for each case.
        right: the right answers.
        holders: what the holder of each belief, or of several (any names), answers.
        tolerance: how near counts as the same.

    Raises:
        MarginError: a list of answers is of another length.

    Example:
        >>> recognise_values([54_000, 57_000], [54_217, 57_229], {"NO_MAINTENANCE": [54_000, 57_000]})
        ('NO_MAINTENANCE',)
    """
    for name, answers in {"values": values, **holders}.items():
        if len(answers) != len(right):
            raise MarginError(f"{name} has {len(answers)} answers: give {len(right)}, one for each case")

    def same(given: Iterable[object], other: Iterable[object]) -> bool:
        return all(tolerance.same(one, two) for one, two in zip(given, other, strict=True))

    if same(values, right):
        return ()
    return tuple(code for code, said in holders.items() if not same(said, right) and same(values, said))


def recognise_function(
    function: Callable[..., object],
    cases: Iterable[Mapping[str, object]],
    reference: Callable[..., object],
    holders: Mapping[str, Callable[..., object]],
    tolerance: Tolerance = _DEFAULT,
) -> tuple[str, ...]:
    """Return the codes of all holders that answer every case as a function does; () if it is right everywhere.

    Args:
        function: what somebody wrote; an error in a case counts as an answer that nobody gives.
        cases: the arguments of each case, by name.
        reference: the right function.
        holders: for each belief, the function that its holder would write.
        tolerance: how near counts as the same.

    Example:
        >>> cases = [{"entry": 60_000, "leverage": 10}, {"entry": 3_000, "leverage": 20}]
        >>> right = lambda entry, leverage: entry * (1 - 1 / leverage) / (1 - 0.004)
        >>> naive = lambda entry, leverage: entry * (1 - 1 / leverage)
        >>> recognise_function(naive, cases, right, {"NO_MAINTENANCE": naive})
        ('NO_MAINTENANCE',)
    """
    listed = list(cases)
    said = {code: [holder(**case) for case in listed] for code, holder in holders.items()}
    return recognise_values(
        [_try(function, case) for case in listed], [reference(**case) for case in listed], said, tolerance
    )


def _fits(value: object, said: object, right: object, tolerance: Tolerance) -> bool:
    """Return whether an answer is a belief's and not the right one."""
    return not tolerance.same(said, right) and tolerance.same(value, said)


def _ask(name: str) -> Ask:
    """Return the ask of that name."""
    if name not in ASKS:
        raise wrong("ask", name, f"give one of {', '.join(ASKS)}", UnknownNameError)
    return ASKS[name]


def _try(function: Callable[..., object], case: Mapping[str, object]) -> object:
    """Return a function's answer, or something that is no answer."""
    try:
        return function(**case)
    except Exception:  # noqa: BLE001 - somebody else's function may fail in any way
        return _try
