"""Where a pool is liquidated, where it is bankrupt, and what is left when it is closed.

Along one price, with every other mark held still, the equity of a pool is a straight line and its maintenance margin
is convex and made of straight pieces (the risk tiers). So *equity - maintenance* is concave, and its zeros are found
exactly, without a search: take the tiers that hold the positions somewhere, solve the straight line, look which tiers
hold them there, and go on until these are the same (Newton's method). For an inverse contract the same holds along the
reciprocal of the price. One linear position alone needs no steps: its tier is looked up. Where a tier's rate is asked
of the whole position, maintenance jumps and nothing is concave: then every tier is walked through, from 0 upwards.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, pairwise
from math import fsum, inf, isfinite, nan
from sys import float_info
from typing import NamedTuple, Self

from marginlib.errors import LARGEST, finite, fraction, positive, unknown, wrong
from marginlib.margin import maintenance_margin, risk
from marginlib.model import Coin, MaintenanceBasis, Pool, Position, ShownPrice
from marginlib.tiers import RiskSchedule

__all__ = [
    "CloseOut",
    "CommonShock",
    "bankruptcy_price",
    "close_out",
    "common_shock",
    "liquidation_price",
    "liquidation_prices",
    "lone_liquidation_price",
    "shown_liquidation_price",
]

# A difference of two amounts is nothing when it is smaller than the rounding of the amounts themselves.
_ROUNDING = 4 * float_info.epsilon


def lone_liquidation_price(
    collateral: float,
    quantity: float,
    entry_price: float,
    schedule: RiskSchedule,
) -> float | None:
    """Return the exact liquidation price of one linear position that is alone in its pool, from plain numbers.

        price = (collateral + amount - quantity x entry) / (|quantity| x rate - quantity)

    with rate and amount of the tier that holds the notional *at that price*. Cross margin is the same formula, with
    the collateral net of what the other positions have lost and need: see `liquidation_price`.

    Args:
        collateral: money behind the position, no unrealized PnL [quote currency].
        quantity: size with its sign, + long and - short [base coin].
        entry_price: average entry price [quote currency per base coin].
        schedule: the contract's risk tiers.

    Returns:
        The price [quote currency per base coin], or None where no positive price liquidates the position. Where tiers
        that jump make several, the nearest to the entry price.

    Raises:
        MarginError: a number is not finite, the quantity is 0, the entry price is not above 0.

    Example:
        >>> round(lone_liquidation_price(500, 1 / 12, 60_000, RiskSchedule.flat(0.004)), 2)
        54216.87
        >>> lone_liquidation_price(5_000, 1 / 12, 60_000, RiskSchedule.flat(0.004)) is None
        True

    Source: Binance USD-M, "How to calculate liquidation price of USD-M futures contracts", one position.
    """
    if not (type(collateral) is float and type(quantity) is float and type(entry_price) is float and entry_price > 0):
        collateral, quantity, entry_price = _checked(collateral, quantity, entry_price)
    if schedule.whole_position:
        uncapped = replace(schedule, notional_cap=None)
        alone = Position.open(symbol="-", quantity=quantity, price=entry_price, schedule=uncapped, leverage=1e-9)
        return liquidation_price(Pool(collateral=collateral, positions=(alone,)), "-")
    cost = quantity * entry_price
    shortfall = cost - collateral
    keep, amount = schedule.liquidation_lines[bisect_right(schedule.liquidation_edges, shortfall)]
    short, per_price = shortfall - amount, quantity * keep
    price = short / per_price if per_price else nan
    scale = abs(collateral) + 2 * abs(cost) + abs(schedule.first_amount)  # as `_scale`, of a position just opened
    if 0 < price < inf and abs(short) > _ROUNDING * scale:
        return price
    _checked(collateral, quantity, entry_price)  # no such price, or no such number?
    return None


def _checked(collateral: object, quantity: object, entry_price: object) -> tuple[float, float, float]:
    """Return the three as floats that have a product, or say which of them is wrong."""
    money, size = finite("collateral", collateral), finite("quantity", quantity)
    entry = positive("entry_price", entry_price)
    if size == 0:
        raise wrong("quantity", quantity, "give a size with its sign, + for long, - for short")
    if not 0 < abs(size * entry) <= LARGEST:
        raise wrong("quantity x entry_price", size * entry, "too large or too small for a float")
    return money, size, entry


def liquidation_price(pool: Pool, symbol: str) -> float | None:
    """Return the mark price of `symbol` at which the pool is liquidated, all its other marks held still.

    The price solves *equity of the pool = maintenance margin of the pool*. In a pool of one it is the isolated
    liquidation price; in a shared pool every position has a price of its own, and each moves when another mark does.

    Args:
        pool: collateral and the positions that it backs.
        symbol: whose price is asked; several legs of it (hedge mode) share one price, and a coin that stands as
            collateral has one, too.

    Returns:
        The price [quote currency per base coin], or None where no positive price does it. Where both a fall and a rise
        would (legs in both directions), the one that is nearer to the mark as a ratio.

    Raises:
        UnknownNameError: the pool has no position of `symbol`.

    Example:
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=20, price=3_000, schedule=flat)
        >>> round(liquidation_price(Pool(collateral=10_000, positions=(eth,)), "ETHUSDT"), 2)
        2510.04

    Source: Binance USD-M and COIN-M, "How to calculate liquidation price".
    """
    own, rest = _split(pool, symbol)
    return _liquidation_price(fsum([pool.collateral, *_terms(rest)]), own, _scale(pool))


def liquidation_prices(pool: Pool) -> dict[str, float | None]:
    """Return `liquidation_price` of every symbol in the pool.

    The prices are points of one surface: each says where the pool is liquidated if *only* that mark moves.

    Args:
        pool: collateral and the positions that it backs.

    Example:
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=-10, price=3_000, schedule=flat)
        >>> prices = liquidation_prices(Pool(collateral=10_000, positions=(btc, eth)))
        >>> {symbol: round(price, 1) for symbol, price in prices.items()}
        {'BTCUSDT': 40401.6, 'ETHUSDT': 3972.1}
    """
    owns = {symbol: _split(pool, symbol)[0] for symbol in pool.symbols}
    terms = {symbol: _terms(own) for symbol, own in owns.items()}
    surplus, scale = fsum([pool.collateral, *chain(*terms.values())]), _scale(pool)
    return {symbol: _liquidation_price(surplus - fsum(terms[symbol]), own, scale) for symbol, own in owns.items()}


def shown_liquidation_price(pool: Pool, symbol: str, convention: ShownPrice) -> float | None:
    """Return the price that a venue shows as the liquidation price of `symbol`, by its convention.

    Only `OTHERS_HELD` is a price at which the pool is liquidated, if nothing but this mark moves: `liquidation_price`.

        frozen maintenance:  mark - (equity - maintenance margin) / quantity
        pro rata:            the price of the position alone, with equity x notional / all notional behind it

    Args:
        pool: collateral and the positions that it backs.
        symbol: whose price is asked.
        convention: what the venue shows.

    Returns:
        The price [quote currency per base coin], or None where the convention gives no positive one.

    Raises:
        UnknownNameError: the pool has no position of `symbol`.

    Example:
        >>> eth = Position.open(symbol="ETH", quantity=20, price=3_000, schedule=RiskSchedule.flat(0.004))
        >>> pool = Pool(collateral=10_000, positions=(eth,))
        >>> [round(shown_liquidation_price(pool, "ETH", each), 2) for each in ShownPrice]
        [2510.04, 2512.0, 2510.04]

    Source: Bitget and KuCoin, "estimated liquidation price" and "liquidation price in cross margin mode".
    """
    own, now = _split(pool, symbol)[0], risk(pool)
    alone = risk(own)
    if convention is ShownPrice.PRO_RATA:
        if not alone.notional:
            return None  # a coin has no share: it is no position
        share = now.equity * alone.notional / now.notional
        return _liquidation_price(share - alone.equity, own, _scale(pool))
    if convention is ShownPrice.FROZEN_MAINTENANCE:
        mark, power = _mark(own)
        exposure = _total([each.exposure for each in own.held])
        return _power(_root(now.equity - now.maintenance - exposure * mark, exposure, scale=_scale(pool)), power)
    return liquidation_price(pool, symbol)


def bankruptcy_price(pool: Pool, symbol: str) -> float | None:
    """Return the mark price of `symbol` at which the pool's equity is 0, all its other marks held still.

        price = (quantity x entry - collateral - the others' unrealized PnL) / quantity

    Between the liquidation price and this one lies what the maintenance margin is for.

    Args:
        pool: collateral and the positions that it backs.
        symbol: whose price is asked.

    Returns:
        The price [quote currency per base coin], or None where no positive price does it.

    Raises:
        UnknownNameError: the pool has no position of `symbol`.

    Example:
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> bankruptcy_price(Pool(collateral=600, positions=(btc,)), "BTCUSDT")
        54000.0

    Source: BitMEX and Bybit, "bankruptcy price".
    """
    own, rest = _split(pool, symbol)
    parts = [pool.collateral, *_worth(rest), *(-leg.entry_cost for leg in own.positions)]
    exposure = _total([each.exposure for each in own.held])
    return _power(_root(fsum(parts), exposure, scale=_scale(pool)), _mark(own)[1])


class CommonShock(NamedTuple):
    """The moves of all marks together that liquidate a pool; None where no such move does.

    Args:
        fall: nearest fall, as a fraction of today's marks [1]: -0.2 is 20 % down.
        rise: nearest rise [1].
    """

    fall: float | None
    rise: float | None


def common_shock(pool: Pool) -> CommonShock:
    """Return the fall and the rise of *all* marks together, by one fraction, at which the pool is liquidated.

        equity(marks x (1 + shock)) = maintenance(marks x (1 + shock))

    Args:
        pool: collateral and the positions that it backs.

    Returns:
        `CommonShock(fall, rise)`. A pool that is liquidatable already has the shock that would bring it back, if any:
        a rise for a book that is net long comes out as a positive `fall`.

    Example:
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=10, price=3_000, schedule=flat)
        >>> shock = common_shock(Pool(collateral=10_000, positions=(btc, eth)))
        >>> round(shock.fall, 4), shock.rise
        (-0.1633, None)
    """
    power = pool.positions[0].contract.power if pool.positions else 1
    zeros = _Surplus.of(pool.collateral, pool, lambda each: each.mark_price**power, _scale(pool)).zeros(1.0)
    below, above = (_power(factor, power) for factor in zeros)
    moves = sorted(factor - 1 for factor in (below, above) if factor is not None)
    if len(moves) != 1:
        return CommonShock(*(moves or (None, None)))
    # One zero: the pool is safe on one side of it, and the side on which the pool is safe says which way is the danger.
    falling = (below is not None) == (power > 0)
    return CommonShock(moves[0], None) if falling else CommonShock(None, moves[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseOut:
    """What closing a pool leaves: the owner gets `remaining`, and someone else has to bear `deficit`.

    Args:
        realized_pnl: profit or loss taken by closing at the marks [quote currency].
        fee: clearance fee charged, never more than what is there [quote currency].
        remaining: collateral left for the owner [quote currency].
        deficit: loss beyond the collateral [quote currency], for the insurance fund or the winners to bear.
    """

    realized_pnl: float
    fee: float
    remaining: float
    deficit: float


def close_out(pool: Pool, *, clearance_fee_rate: float = 0.0) -> CloseOut:
    """Return what is left of a pool when every position is closed at its mark price.

        fee = min(rate x notional, what is left)
        remaining = max(0, equity) - fee;   deficit = max(0, -equity)

    Args:
        pool: the pool at the marks of the close-out (`pool.at` moves them).
        clearance_fee_rate: fee on the notional closed by force [1].

    Raises:
        MarginError: the fee rate is not at least 0 and below 1.

    Example:
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> close_out(Pool(collateral=600, positions=(btc,)).at({"BTCUSDT": 53_000}))
        CloseOut(realized_pnl=-700.0, fee=0.0, remaining=0.0, deficit=100.0)
    """
    fraction("clearance_fee_rate", clearance_fee_rate)
    now = risk(pool)
    fee = min(now.notional * clearance_fee_rate, max(now.equity, 0.0))
    return CloseOut(
        realized_pnl=now.equity - pool.coins_value - pool.collateral,
        fee=fee,
        remaining=max(now.equity, 0.0) - fee,
        deficit=max(-now.equity, 0.0),
    )


def _split(pool: Pool, symbol: str) -> tuple[Pool, Pool]:
    """Return what the pool has of `symbol` and what else it has, as pools without collateral."""
    if symbol not in pool.symbols:
        raise unknown("symbol", symbol, pool.symbols or ["none, for the pool has no position"])
    own, rest = (
        replace(
            pool,
            collateral=0.0,
            positions=tuple(each for each in pool.positions if (each.symbol == symbol) is asked),
            coins=tuple(each for each in pool.coins if (each.symbol == symbol) is asked),
        )
        for asked in (True, False)
    )
    return own, rest


def _worth(pool: Pool) -> list[float]:
    """Return what a pool has besides its collateral, term by term."""
    return [*(each.unrealized_pnl for each in pool.positions), *(coin.value for coin in pool.coins)]


def _terms(pool: Pool) -> list[float]:
    """Return what a pool has besides its collateral and what it needs, term by term."""
    needs = [max(([maintenance_margin(leg) for leg in legs] for legs in sets), key=fsum) for sets in pool.asked_legs()]
    return [*_worth(pool), *(-need for need in chain(*needs))]


def _mark(own: Pool) -> tuple[float, int]:
    """Return the mark of a pool on one symbol, as price^power, and the power."""
    power = own.positions[0].contract.power if own.positions else 1
    return own.held[0].mark_price ** power, power


def _liquidation_price(free: float, own: Pool, scale: float) -> float | None:
    """Return the price at which `free` collateral and what a pool has of one symbol meet their maintenance margin."""
    mark, power = _mark(own)
    zeros = _Surplus.of(free, own, lambda _: 1.0, scale).zeros(mark)
    found = [zero for zero in zeros if zero is not None]
    return _power(min(found, key=lambda zero: max(zero / mark, mark / zero), default=None), power)


class _Surplus(NamedTuple):
    """*equity - maintenance* along a variable t > 0: straight lines, concave but where tiers jump.

    surplus(t) = constant + sum of slopes x t - for each symbol, the maintenance margin of the set that needs most
    """

    constant: float
    slopes: Sequence[float]
    asked: Sequence[Sequence[Sequence[tuple[float, Position]]]]  # sets of legs, each with its notional for a unit of t
    scale: float  # of the amounts that it is a difference of

    @classmethod
    def of(cls, free: float, pool: Pool, unit: Callable[[Position | Coin], float], scale: float) -> Self:
        """Return the surplus of `free` collateral and a pool where price^power is so much for each unit of t."""
        slopes = [each.exposure * unit(each) for each in pool.held]
        asked = [
            [[(abs(leg.exposure) * unit(leg), leg) for leg in legs] for legs in sets] for sets in pool.asked_legs()
        ]
        return cls(fsum([free, *(-each.entry_cost for each in pool.positions)]), slopes, asked, scale)

    def line(self, t: float) -> tuple[float, float]:
        """Return intercept and slope of the straight line at t."""

        def off(need: tuple[list[float], list[float]]) -> tuple[float, ...]:
            """Return what a need takes off at t and, where two take as much there, from t on."""
            start, slope = map(fsum, need)
            return (slope,) if t == inf else (start + slope * t, slope)

        needs = [min((_need(legs, t) for legs in sets), key=off) for sets in self.asked]
        intercepts, slopes = ([each for need in needs for each in need[part]] for part in (0, 1))
        return fsum([self.constant, *intercepts]), _total([*self.slopes, *slopes])

    def zeros(self, now: float) -> tuple[float | None, float | None]:
        """Return where the surplus rises and where it falls through 0; of several, the next on either side of `now`."""
        if any(leg.schedule.whole_position for _, leg in self.legs):
            turns, near = self.turns(), _ROUNDING * now
            # On an edge the lower tier still holds: what falls through 0 there does so above `now`.
            below = [(t, rises) for t, rises in turns if t <= (now + near if rises else now - near)]
            ends = {rises: t for t, rises in below[-1:] + turns[len(below) :][:1]}
            return ends.get(True), ends.get(False)
        return self.reached(self.line(0.0), 1.0), self.reached(self.line(inf), -1.0)

    @property
    def legs(self) -> list[tuple[float, Position]]:
        """Every leg that margin may be asked for, with its notional for a unit of t."""
        return [leg for sets in self.asked for legs in sets for leg in legs]

    def turns(self) -> list[tuple[float, bool]]:
        """Return every t at which the surplus changes its sign, rising, and whether it is above 0 beyond it."""
        edges = {floor / size for size, leg in self.legs if size for floor in leg.schedule.floors[1:]}
        edges |= {t for low, high in _stretches(edges) for t in self.crossings(low, high)}
        found: list[tuple[float, bool]] = []
        for low, high in _stretches(edges):
            line = self.line(_inside(low, high))
            zero, rises = _root(*line, scale=self.scale), line[1] > 0
            found.append((low, self.above(line, low)))
            if zero is not None and low < zero < high:
                found.append((zero, rises))
        return [turn for before, turn in pairwise(found) if before[1] != turn[1]]

    def crossings(self, low: float, high: float) -> Iterator[float]:
        """Yield every t between two edges at which another set of legs comes to need most."""
        for sets in self.asked:
            lines = [tuple(map(fsum, _need(legs, _inside(low, high)))) for legs in sets]
            for (start, slope), (other, steeper) in combinations(lines, 2):
                if slope != steeper and low < (t := (other - start) / (slope - steeper)) < high:
                    yield t

    def above(self, line: tuple[float, float], t: float) -> bool:
        """Return whether a line is above 0 from t on; what is rounding there counts as 0."""
        value = line[0] + line[1] * t
        return (value if abs(value) > _ROUNDING * self.scale else line[1]) > 0

    def reached(self, line: tuple[float, float], direction: float) -> float | None:
        """Return the zero that Newton's steps reach from an outer line, which slopes in `direction`, or None.

        Every line lies above a concave function. So the steps come from one side, and stop on the line with the zero.
        """
        zero: float | None = None
        while line[1] * direction > 0:
            before, zero = zero, _root(*line, scale=self.scale)
            if zero is None:
                return None
            following = self.line(zero)
            # On a tier edge two lines meet, and rounding may lead back: no step forward means that this is the zero.
            if following == line or (before is not None and (zero - before) * direction <= 0):
                return zero
            line = following
        return None


def _need(legs: Sequence[tuple[float, Position]], t: float) -> tuple[list[float], list[float]]:
    """Return intercepts and slopes of what maintenance margin of these legs takes off the surplus at t."""
    intercepts, slopes = [], []
    for size, leg in legs:
        if leg.maintenance_basis is MaintenanceBasis.ENTRY:
            intercepts.append(-maintenance_margin(leg))
            continue
        k = bisect_right(leg.schedule.floors, size * t) - 1
        intercepts.append(leg.schedule.amounts[k])
        slopes.append(-size * leg.schedule.rates[k])
    return intercepts, slopes


def _stretches(edges: set[float]) -> Iterator[tuple[float, float]]:
    """Return the stretches of t > 0 between edges."""
    return pairwise((0.0, *sorted(edges), inf))


def _inside(low: float, high: float) -> float:
    """Return a t between two."""
    return (low + high) / 2 if high < inf else 2 * low + 1


def _root(intercept: float, slope: float, *, scale: float) -> float | None:
    """Return the positive zero of a line, or None; an intercept within its own rounding is 0."""
    if slope == 0 or abs(intercept) <= _ROUNDING * scale:
        return None
    zero = -intercept / slope
    return zero if zero > 0 and isfinite(zero) else None


def _total(parts: list[float]) -> float:
    """Return the sum of sizes; legs that cancel, as 0.1 + 0.2 - 0.3 do in decimals, cancel."""
    total = fsum(parts)
    return total if abs(total) > _ROUNDING * fsum(map(abs, parts)) else 0.0


def _scale(pool: Pool) -> float:
    """Return the sum of the amounts that a pool's equity is a difference of: its rounding is judged against them."""
    # What coins are worth can only be offset by one of these.
    return abs(pool.collateral) + fsum(
        position.notional + position.entry_notional + abs(position.schedule.first_amount) for position in pool.positions
    )


def _power(value: float | None, power: int) -> float | None:
    """Return the value or its reciprocal; None where the reciprocal is beyond a float."""
    if value is None or (power < 0 and value < float_info.min):
        return None
    return float(value**power)
