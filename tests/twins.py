"""Dull twins of the clever formulas: plain loops and bisections, written to be believed at sight.

They ask about the contract and the side as a reader would, sum maintenance margin slice by slice, and search for a
price instead of computing it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from marginlib import Coin, Contract, MaintenanceBasis, Netting, Pool, Position, RiskSchedule

# The prices searched, as multiples of the mark.
FAR = 1e9


def maintenance_by_slices(schedule: RiskSchedule, notional: float) -> float:
    """Return maintenance margin as an income tax: each tier's rate on the slice of the notional inside the tier.

    Where the venue asks the rate of the whole position it is one slice, in the last tier that it is above.
    """
    owed = 0.0
    tiers = schedule.tiers
    if schedule.whole_position:
        rate = [tier.maintenance_margin_rate for tier in tiers if tier.notional_floor < notional or tier is tiers[0]][
            -1
        ]
        return notional * (rate + schedule.closing_fee_rate) - schedule.first_amount
    for number, tier in enumerate(tiers):
        top = tiers[number + 1].notional_floor if number + 1 < len(tiers) else float("inf")
        inside = min(notional, top) - tier.notional_floor
        if inside > 0:
            owed += inside * (tier.maintenance_margin_rate + schedule.closing_fee_rate)
    return owed - schedule.first_amount


def profit(position: Position, mark: float) -> float:
    """Return the unrealized PnL of a position, as one would say it."""
    size = abs(position.quantity)
    if position.contract is Contract.LINEAR:
        gain = size * mark - size * position.entry_price
    else:
        gain = size / position.entry_price - size / mark
    return gain if position.quantity > 0 else -gain


def value(position: Position, price: float) -> float:
    """Return the notional of a position at a price."""
    size = abs(position.quantity)
    return size * price if position.contract is Contract.LINEAR else size / price


def surplus(pool: Pool, marks: dict[str, float]) -> float:
    """Return equity - maintenance of a pool at these marks."""
    total = pool.collateral
    for position in pool.positions:
        mark = marks[position.symbol]
        asked_at = mark if position.maintenance_basis is MaintenanceBasis.MARK else position.entry_price
        total += profit(position, mark)
        total -= maintenance_by_slices(position.schedule, value(position, asked_at))
    return total


def amounts(pool: Pool, marks: dict[str, float]) -> float:
    """Return the sum of the amounts that the surplus is a difference of: what its rounding is measured against."""
    total = abs(pool.collateral)
    for position in pool.positions:
        total += value(position, position.entry_price) + value(position, marks[position.symbol])
    return total


def marks_of(pool: Pool) -> dict[str, float]:
    """Return the pool's marks by symbol."""
    return {position.symbol: position.mark_price for position in pool.positions}


def along_price(pool: Pool, symbol: str) -> Callable[[float], float]:
    """Return the surplus as a function of (price / mark) of one symbol, the other marks held still."""
    marks = marks_of(pool)
    return lambda factor: surplus(pool, marks | {symbol: marks[symbol] * factor})


def along_shock(pool: Pool) -> Callable[[float], float]:
    """Return the surplus as a function of a factor on all marks."""
    marks = marks_of(pool)
    return lambda factor: surplus(pool, {symbol: mark * factor for symbol, mark in marks.items()})


class Zeros(NamedTuple):
    """Where a function that rises and then falls is 0, as factors on the mark; None where it is not."""

    below: float | None
    above: float | None


def zeros(function: Callable[[float], float]) -> Zeros:
    """Search the zeros on both sides of the highest point."""
    low, high = 1 / FAR, FAR
    for _ in range(120):
        left, right = (low**2 * high) ** (1 / 3), (low * high**2) ** (1 / 3)
        if function(left) < function(right):
            low = left
        else:
            high = right
    peak = (low * high) ** 0.5
    if function(peak) <= 0:
        return Zeros(None, None)
    return Zeros(
        bisect(function, 1 / FAR, peak) if function(1 / FAR) <= 0 else None,
        bisect(function, FAR, peak) if function(FAR) <= 0 else None,
    )


def bisect(function: Callable[[float], float], liquidated: float, healthy: float) -> float:
    """Return the factor between the two at which the function changes sign."""
    for _ in range(80):
        middle = (liquidated * healthy) ** 0.5
        if function(middle) <= 0:
            liquidated = middle
        else:
            healthy = middle
    return healthy


def nearest_price(found: Zeros, mark: float) -> float | None:
    """Return the price of the zero that is nearer to the mark as a ratio."""
    factors = [factor for factor in found if factor is not None]
    return mark * min(factors, key=lambda factor: max(factor, 1 / factor)) if factors else None


def bisected_liquidation_price(pool: Pool, symbol: str) -> float | None:
    """Return the liquidation price nearest to the mark, found by search."""
    return nearest_price(zeros(along_price(pool, symbol)), marks_of(pool)[symbol])


def exact_surplus(pool: Pool, symbol: str, price: Fraction) -> Fraction:
    """Return equity - maintenance of linear positions and coins with one mark moved, in fractions."""

    def mark(each: Position | Coin) -> Fraction:
        return price if each.symbol == symbol else Fraction(each.mark_price)

    total = Fraction(pool.collateral)
    for coin in pool.coins:
        total += Fraction(coin.amount) * mark(coin) * (1 - Fraction(str(coin.haircut)))
    for position in pool.positions:
        total += Fraction(position.quantity) * (mark(position) - Fraction(position.entry_price))
    for name in {position.symbol for position in pool.positions}:
        legs = [position for position in pool.positions if position.symbol == name]
        total -= exact_need(legs, mark(legs[0]), pool.netting)
    return total


def exact_need(legs: list[Position], mark: Fraction, netting: Netting) -> Fraction:
    """Return the maintenance margin of the legs of one symbol, in fractions."""
    longs, shorts = ([leg for leg in legs if (leg.quantity > 0) is up] for up in (True, False))

    def need(side: list[Position], share: Fraction = Fraction(1)) -> Fraction:
        owed = Fraction(0)
        for leg in side:
            basis = mark if leg.maintenance_basis is MaintenanceBasis.MARK else Fraction(leg.entry_price)
            owed += exact_maintenance(leg.schedule, share * abs(Fraction(leg.quantity)) * basis)
        return owed

    if netting is Netting.NONE:
        return need(longs) + need(shorts)
    if netting is Netting.LARGER_LEG:
        return max(need(longs), need(shorts))
    bought, sold = (sum(abs(Fraction(leg.quantity)) for leg in side) for side in (longs, shorts))
    if bought > sold:
        return need(longs, 1 - sold / bought)
    return need(shorts, 1 - bought / sold) if sold > bought else Fraction(0)


def exact_maintenance(schedule: RiskSchedule, notional: Fraction) -> Fraction:
    """Return maintenance margin in fractions, from floors and rates alone."""
    floors = [Fraction(str(tier.notional_floor)) for tier in schedule.tiers]
    rates = [Fraction(str(tier.maintenance_margin_rate)) for tier in schedule.tiers]
    if schedule.whole_position:
        return notional * [rate for floor, rate in zip(floors, rates, strict=True) if floor < notional or not floor][-1]
    tops = [*floors[1:], max(notional, floors[-1])]
    return sum(
        (rate * max(min(notional, top) - low, Fraction(0)) for low, top, rate in zip(floors, tops, rates, strict=True)),
        Fraction(0),
    )


def exact_liquidation_price(pool: Pool, symbol: str) -> Fraction | None:
    """Return the price next to the mark at which the surplus changes its sign.

    Every edge of every leg, whole and less what an opposite leg closes of it, cuts the prices into stretches; in each,
    where legs may change places, the straight parts are found by halving until the ends agree.
    """
    marks = {each.symbol: Fraction(each.mark_price) for each in (*pool.positions, *pool.coins)}
    mark, legs = marks[symbol], [position for position in pool.positions if position.symbol == symbol]
    sizes = {sign: sum(abs(Fraction(leg.quantity)) for leg in legs if leg.quantity * sign > 0) for sign in (1, -1)}
    shares = {Fraction(1)} | {1 - sizes[-sign] / sizes[sign] for sign in (1, -1) if sizes[sign] > sizes[-sign]}
    edges = {
        Fraction(str(floor)) / abs(Fraction(leg.quantity)) / share
        for leg in legs
        for floor in leg.schedule.floors[1:]
        for share in shares
    }
    stops = [Fraction(0), *sorted(edges), max(edges, default=mark) + 10**9]

    def surplus(price: Fraction) -> Fraction:
        return exact_surplus(pool, symbol, price)

    places = set(edges)
    for low, high in pairwise(stops):
        for left, right in straight(surplus, low + (high - low) / 10**15, high - (high - low) / 10**15):
            rise = surplus(right) - surplus(left)
            zero = left - surplus(left) * (right - left) / rise if rise else left
            places |= {zero} if low < zero < high else set()
    stops = [Fraction(0), *sorted(places), max(places, default=mark) + 10**9]
    signs = [surplus((low + high) / 2) > 0 for low, high in pairwise(stops)]
    turns = [place for place, (before, after) in zip(sorted(places), pairwise(signs), strict=True) if before != after]
    return min(turns, key=lambda turn: max(turn / mark, mark / turn), default=None)


def straight(
    surplus: Callable[[Fraction], Fraction], low: Fraction, high: Fraction, depth: int = 0
) -> list[tuple[Fraction, Fraction]]:
    """Return stretches on which a function is a straight line, as two points of each; a bend is closed in upon."""
    thirds = [low + (high - low) * part / 3 for part in range(4)]
    rises = [surplus(right) - surplus(left) for left, right in pairwise(thirds)]
    if rises[0] == rises[1] == rises[2] or depth == 60:
        return [(low, high)]
    middle = (low + high) / 2
    return [*straight(surplus, low, middle, depth + 1), *straight(surplus, middle, high, depth + 1)]
