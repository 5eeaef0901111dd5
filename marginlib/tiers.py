"""Risk tiers: how maintenance margin grows with the size of a position.

A venue asks a higher maintenance rate of a larger position, tier by tier, the way an income tax does: the higher
rate applies only to the part above the tier's floor. The **maintenance amount** of a tier is what makes that come out
right when one writes `notional x rate - amount`:

    amount_0 = 0
    amount_k = amount_(k-1) + floor_k x (rate_k - rate_(k-1))

so the maintenance margin is continuous and convex in the notional: `max over k of (notional x rate_k - amount_k)`.
Some venues take the tier's rate of the **whole position** instead: then nothing is taken off, and the margin jumps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from math import inf, isclose
from sys import float_info
from typing import Self

from marginlib.errors import MarginError, at_least_zero, finite, fraction, positive, wrong

__all__ = ["RiskSchedule", "RiskTier"]

_ROUNDING = 2 * float_info.epsilon


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskTier:
    """One row of a venue's risk table: from this notional on, this rate and this largest leverage.

    Args:
        notional_floor: where the tier starts [quote currency; base coin for inverse contracts], 0 or more.
        maintenance_margin_rate: share of the notional needed to keep the position [1], at least 0 and below 1.
        max_leverage: largest leverage that may be set in this tier [1]; left out, it is 1 / maintenance_margin_rate,
            above which a position would be liquidated as it opens.

    Raises:
        MarginError: a field is out of its range, or the leverage asks less to open than the rate asks to keep.

    Example:
        >>> RiskTier(notional_floor=300_000, maintenance_margin_rate=0.005, max_leverage=100).initial_margin_rate
        0.01
    """

    notional_floor: float
    maintenance_margin_rate: float
    max_leverage: float | None = None

    def __post_init__(self) -> None:
        at_least_zero("notional_floor", self.notional_floor)
        rate = fraction("maintenance_margin_rate", self.maintenance_margin_rate)
        if self.max_leverage is not None and positive("max_leverage", self.max_leverage) * rate > 1 + 1e-12:
            most = f"at a maintenance_margin_rate of {rate!r} give at most {1 / rate:g}"
            raise wrong("max_leverage", self.max_leverage, f"{most}, or a position is liquidated as it opens")

    @property
    def leverage_limit(self) -> float:
        """The largest leverage of the tier [1]: `max_leverage`, or 1 / rate where the venue names none."""
        if self.max_leverage is not None:
            return float(self.max_leverage)
        return 1 / float(self.maintenance_margin_rate) if self.maintenance_margin_rate else inf

    @property
    def initial_margin_rate(self) -> float:
        """The smallest share of the notional that opens a position in this tier [1]: 1 / largest leverage."""
        return 1 / self.leverage_limit


@dataclass(frozen=True, kw_only=True)
class RiskSchedule:
    """A contract's ordered risk tiers, with the maintenance amounts derived from their floors and rates.

    Args:
        tiers: `RiskTier`s with floors that rise from 0, rates that never fall, and leverage that never rises.
        notional_cap: largest notional that may be opened [quote currency]; None where the venue names none. A position
            may grow past it by a price move; the last tier's rate then goes on.
        closing_fee_rate: fee for closing that the venue counts inside maintenance [1]; it is added to every rate.
        first_amount: maintenance amount of the first tier [quote currency]. 0, unless the schedule is one tier taken
            out of a longer table (`RiskSchedule.flat`).
        whole_position: whether a tier's rate is asked of the whole position, not of the part above the tier's floor.

    Raises:
        MarginError: no tiers, a first floor that is not 0, floors that do not rise (tiers that overlap), rates that
            fall (tiers that are not convex), leverage that rises, a cap inside the tiers.

    Example:
        >>> schedule = RiskSchedule(tiers=(
        ...     RiskTier(notional_floor=0, maintenance_margin_rate=0.004, max_leverage=125),
        ...     RiskTier(notional_floor=50_000, maintenance_margin_rate=0.005, max_leverage=100),
        ... ))
        >>> schedule.amounts
        (0.0, 50.0)
        >>> schedule.maintenance_margin(60_000)
        250.0
        >>> RiskSchedule(tiers=schedule.tiers, whole_position=True).maintenance_margin(60_000)
        300.0

    Source: Binance USD-M, leverage and margin tables ("maintenance amount", cum).
    """

    tiers: tuple[RiskTier, ...]
    notional_cap: float | None = None
    closing_fee_rate: float = 0.0
    first_amount: float = 0.0
    whole_position: bool = False

    # Derived once, since every price asks for them.
    floors: tuple[float, ...] = field(init=False, repr=False, compare=False)
    rates: tuple[float, ...] = field(init=False, repr=False, compare=False)
    amounts: tuple[float, ...] = field(init=False, repr=False, compare=False)
    # For `lone_liquidation_price`: the shortfall `value - maintenance(|value|)` of a position rises with its signed
    # value along straight lines, tier by tier, shorts below and longs above. Line k ends at edge k; on it,
    # value = (shortfall - amount) / keep, where keep is 1 + rate for shorts and 1 - rate for longs.
    liquidation_edges: tuple[float, ...] = field(init=False, repr=False, compare=False)
    liquidation_lines: tuple[tuple[float, float], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tiers = tuple(self.tiers)
        fee = fraction("closing_fee_rate", self.closing_fee_rate)
        first = finite("first_amount", self.first_amount)
        _check_order(tiers, self.notional_cap)
        floors = tuple(float(tier.notional_floor) for tier in tiers)
        rates = tuple(float(tier.maintenance_margin_rate) + fee for tier in tiers)
        fraction("maintenance_margin_rate + closing_fee_rate", rates[-1])
        amounts = (first,) * len(tiers) if self.whole_position else _amounts(tiers, first)
        upper = [(floor, rate * floor - amount) for floor, rate, amount in zip(floors, rates, amounts, strict=True)][1:]
        tops, bottoms = [floor - need for floor, need in upper], [-floor - need for floor, need in upper]
        longs = [(1 - rate, amount) for rate, amount in zip(rates, amounts, strict=True)]
        shorts = [(1 + rate, amount) for rate, amount in zip(rates, amounts, strict=True)]
        set_field = object.__setattr__  # the way a frozen dataclass sets what it derives
        set_field(self, "tiers", tiers)
        set_field(self, "floors", floors)
        set_field(self, "rates", rates)
        set_field(self, "amounts", amounts)
        set_field(self, "liquidation_edges", (*reversed(bottoms), first, *tops))
        set_field(self, "liquidation_lines", (*reversed(shorts), *longs))

    @classmethod
    def flat(
        cls,
        maintenance_margin_rate: float,
        *,
        max_leverage: float | None = None,
        maintenance_amount: float = 0.0,
        closing_fee_rate: float = 0.0,
    ) -> Self:
        """Return a schedule of one tier: the same rate at every size.

        Args:
            maintenance_margin_rate: share of the notional needed to keep the position [1].
            max_leverage: largest leverage that may be set [1]; left out, 1 / rate.
            maintenance_amount: what is taken off, when the tier was read out of a longer table [quote currency].
            closing_fee_rate: closing fee that the venue counts inside maintenance [1].

        Raises:
            MarginError: an argument is out of its range.

        Example:
            >>> RiskSchedule.flat(0.004).maintenance_margin(6_000)
            24.0
        """
        tier = RiskTier(notional_floor=0.0, maintenance_margin_rate=maintenance_margin_rate, max_leverage=max_leverage)
        return cls(tiers=(tier,), first_amount=maintenance_amount, closing_fee_rate=closing_fee_rate)

    @classmethod
    def from_brackets(
        cls,
        brackets: Iterable[Sequence[float | None]],
        *,
        closing_fee_rate: float = 0.0,
        whole_position: bool = False,
    ) -> Self:
        """Return the schedule of a published table, checking that the table agrees with itself.

        Args:
            brackets: rows of (notional floor, notional cap or None, maintenance rate, largest leverage, maintenance
                amount) [quote currency, quote currency, 1, 1, quote currency], lowest first. The amounts are derived
                again and compared with the ones given.
            closing_fee_rate: closing fee that the venue counts inside maintenance [1].
            whole_position: whether a tier's rate is asked of the whole position; every amount is then 0.

        Raises:
            MarginError: a row is short, tiers overlap or leave a gap, or an amount is not the derived one.

        Example:
            >>> table = [(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50)]
            >>> RiskSchedule.from_brackets(table).max_leverage(50_000)
            125.0
        """
        tiers: list[RiskTier] = []
        previous_cap: float | None = 0.0
        rows = [_bracket(number, row) for number, row in enumerate(brackets, start=1)]
        for number, (floor, cap, rate, leverage, _) in enumerate(rows, start=1):
            if previous_cap is None:
                give = f"give {floor:,.10g}, where the next starts"
                raise MarginError(f"notional_cap = None: tier {number - 1} is not the last; {give}")
            if floor != previous_cap:
                kind = "overlaps" if floor < previous_cap else "leaves a gap after"
                raise wrong("notional_floor", floor, f"tier {number} {kind} the one before; give {previous_cap:,.10g}")
            tiers.append(RiskTier(notional_floor=floor, maintenance_margin_rate=rate, max_leverage=leverage))
            previous_cap = cap
        schedule = cls(
            tiers=tuple(tiers),
            notional_cap=previous_cap,
            closing_fee_rate=closing_fee_rate,
            whole_position=whole_position,
        )
        for number, (row, derived) in enumerate(zip(rows, schedule.amounts, strict=True), start=1):
            # Compared in proportion to the maintenance on the floor: tables in coins have amounts far below 0.01.
            if not isclose(row[4], derived, abs_tol=1e-6 * row[0] * row[2]):
                jumps = ", or the margin jumps there; if the rate is of the whole position, give whole_position=True"
                give = f"tier {number} needs {derived:,.10g}{'' if whole_position else jumps}"
                raise wrong("maintenance_amount", row[4], give)
        return schedule

    def tier(self, notional: float) -> int:
        """Return the index of the tier that holds `notional` [quote currency]; a tier's upper edge belongs to it.

        Example:
            >>> table = [(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50)]
            >>> schedule = RiskSchedule.from_brackets(table)
            >>> schedule.tier(50_000), schedule.tier(50_001)
            (0, 1)
        """
        at_least_zero("notional", notional)
        return max(0, bisect_left(self.floors, notional) - 1)  # venues write an edge as the lower tier's cap

    def maintenance_margin(self, notional: float) -> float:
        """Return the margin needed to keep a position of `notional`, closing fee included where the venue says so.

            maintenance margin = notional x rate - amount        (rate and amount of the tier that holds the notional)

        Args:
            notional: value of the position [quote currency; base coin for inverse contracts], 0 or more.

        Raises:
            MarginError: the notional is negative or not finite.

        Example:
            >>> RiskSchedule.flat(0.01, maintenance_amount=1_300).maintenance_margin(500_000)
            3700.0
        """
        at_least_zero("notional", notional)
        k = max(0, bisect_left(self.floors, notional) - 1)
        return notional * self.rates[k] - self.amounts[k]

    def max_leverage(self, notional: float) -> float:
        """Return the largest leverage that may be set for a position of `notional` [1].

        Args:
            notional: value of the position at its entry price [quote currency].

        Raises:
            MarginError: the notional is above the largest that the table allows.

        Example:
            >>> RiskSchedule.flat(0.01, max_leverage=50).max_leverage(1_000)
            50.0
        """
        # A size that was found as notional / price may come back an ulp above the tier's edge.
        least = at_least_zero("notional", notional) * (1 - _ROUNDING)
        if self.notional_cap is not None and least > self.notional_cap:
            raise wrong("notional", notional, f"the risk table allows at most {self.notional_cap:,.10g}")
        return self.tiers[self.tier(least)].leverage_limit

    def max_notional(self, leverage: float) -> float:
        """Return the largest notional that may be held at `leverage` [quote currency]; `inf` where nothing limits it.

        Args:
            leverage: the leverage to be set [1].

        Raises:
            MarginError: the leverage is not positive, or above what the first tier allows.

        Example:
            >>> table = [(0, 50_000, 0.004, 125, 0), (50_000, 250_000, 0.005, 100, 50)]
            >>> RiskSchedule.from_brackets(table).max_notional(125)
            50000.0
        """
        positive("leverage", leverage)
        allowed = sum(tier.leverage_limit >= leverage for tier in self.tiers)
        if not allowed:
            give = f"give at most {self.tiers[0].leverage_limit:,.10g}, the first tier's limit"
            raise wrong("leverage", leverage, give)
        if allowed < len(self.tiers):
            return self.floors[allowed]
        return inf if self.notional_cap is None else float(self.notional_cap)


def _amounts(tiers: tuple[RiskTier, ...], first: float) -> tuple[float, ...]:
    """Return the maintenance amounts, in decimal arithmetic: rates are decimals, and 50 must come out as 50."""
    total = _decimal(first)
    amounts = [first]
    for below, above in pairwise(tiers):
        total += _decimal(above.notional_floor) * (
            _decimal(above.maintenance_margin_rate) - _decimal(below.maintenance_margin_rate)
        )
        amounts.append(float(total))
    return tuple(amounts)


def _decimal(number: float) -> Decimal:
    """Return the decimal that a float is written as (0.1, not the binary number next to it)."""
    return Decimal(repr(float(number)))


def _bracket(number: int, row: Sequence[float | None]) -> tuple[float, float | None, float, float, float]:
    """Return one row of a published table as five numbers, or say which is missing."""
    names = ("notional_floor", "notional_cap", "maintenance_margin_rate", "max_leverage", "maintenance_amount")
    if len(row) != len(names):
        raise MarginError(f"tier {number} = {tuple(row)!r}: give {', '.join(names)}")
    floor, cap, rate, leverage, amount = row
    return (
        finite(f"tier {number}: notional_floor", floor),
        None if cap is None else positive(f"tier {number}: notional_cap", cap),
        finite(f"tier {number}: maintenance_margin_rate", rate),
        finite(f"tier {number}: max_leverage", leverage),
        finite(f"tier {number}: maintenance_amount", amount),
    )


def _check_order(tiers: tuple[RiskTier, ...], notional_cap: float | None) -> None:
    """Refuse tiers that overlap, whose rates fall, or allow more leverage to a larger position."""
    if not tiers:
        raise MarginError("tiers = (): give at least one RiskTier")
    if tiers[0].notional_floor != 0:
        raise wrong("notional_floor", tiers[0].notional_floor, "the first tier starts at 0")
    for number, (below, above) in enumerate(pairwise(tiers), start=2):
        if above.notional_floor <= below.notional_floor:
            give = f"tier {number} overlaps the one before; give more than {below.notional_floor:,.10g}"
            raise wrong("notional_floor", above.notional_floor, give)
        if above.maintenance_margin_rate < below.maintenance_margin_rate:
            least = f"give at least {below.maintenance_margin_rate!r}, the rate of the tier before"
            give = f"tier {number} is not convex; {least}"
            raise wrong("maintenance_margin_rate", above.maintenance_margin_rate, give)
        if above.leverage_limit > below.leverage_limit:
            give = f"tier {number} allows more than the one before; give at most {below.leverage_limit:,.10g}"
            raise wrong("max_leverage", above.leverage_limit, give)
    if notional_cap is not None and positive("notional_cap", notional_cap) <= tiers[-1].notional_floor:
        raise wrong("notional_cap", notional_cap, f"give more than {tiers[-1].notional_floor:,.10g}, the last floor")
