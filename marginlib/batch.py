"""The engine for arrays (numpy): many positions in one call, curves, maps of two prices, large cross books.

Each function is the twin of a scalar one and gives the same numbers; a number that the scalar engine calls None is
NaN here. Arguments that go together are arrays of one shape, or plain numbers that stand for every element.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import fsum, inf
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib._validate import MarginError
from marginlib.liquidation import _ROUNDING, CommonShock, _shock, _split, _zeros
from marginlib.margin import maintenance_margin as position_maintenance
from marginlib.margin import risk
from marginlib.model import Contract, MaintenanceBasis, Pool, Position
from marginlib.tiers import RiskSchedule

__all__ = ["Book", "Curve", "bankruptcy_price", "curve", "liquidation_price", "maintenance_margin", "surface"]

Array = NDArray[np.float64]

# Positions per pass: long enough to forget the cost of a call, short enough to stay in the processor's cache.
_CHUNK = 1 << 16

# No maintenance at all: what is left of the liquidation price is the bankruptcy price.
_NOTHING = RiskSchedule.flat(0.0)


def maintenance_margin(schedule: RiskSchedule, notional: ArrayLike) -> Array:
    """Return the margin needed to keep positions of these notionals: `schedule.maintenance_margin` for an array.

        maintenance margin = notional x rate - amount        (rate and amount of the tier that holds the notional)

    Args:
        schedule: the contract's risk tiers.
        notional: values of the positions [quote currency; inverse: base coin], 0 or more, any shape.

    Returns:
        Array of the shape of `notional` [quote currency; inverse: base coin].

    Raises:
        MarginError: a notional is negative or not finite; the message names the first.

    Example:
        >>> maintenance_margin(RiskSchedule.flat(0.004), [1_000, 6_000]).tolist()
        [4.0, 24.0]
    """
    values = _array("notional", notional)
    _refuse_where("notional", values, ~(np.isfinite(values) & (values >= 0)), "0 or a number above 0")
    return _maintenance(schedule, values)


def liquidation_price(
    collateral: ArrayLike,
    quantity: ArrayLike,
    entry_price: ArrayLike,
    schedule: RiskSchedule,
    *,
    contract: Contract = Contract.LINEAR,
    maintenance_basis: MaintenanceBasis = MaintenanceBasis.MARK,
    out: Array | None = None,
) -> Array:
    """Return the exact liquidation prices of many positions, each alone in its pool.

        price = (collateral + amount - quantity x entry) / (|quantity| x rate - quantity)

    with rate and amount of the tier that holds the notional *at that price*. An inverse position is a linear one of
    the opposite sign in the reciprocal of the price.

    Args:
        collateral: money behind each position, no unrealized PnL [quote currency; inverse: base coin], shape S.
        quantity: signed sizes, + long and - short [base coin; inverse: face value in quote currency], shape S.
        entry_price: average entry prices [quote currency per base coin], shape S.
        schedule: the contract's risk tiers, the same for all.
        contract: linear or inverse, for all.
        maintenance_basis: whether maintenance margin follows the mark price or is frozen at the entry price, for all.
        out: array of floats of shape S to write the prices into; left out, a new one.

    Returns:
        Array of shape S [quote currency per base coin]; NaN where no positive price liquidates the position.

    Raises:
        MarginError: shapes are mixed; a number is not finite, a quantity 0, an entry price not above 0: the message
            names the field, the first such index and the value.

    Example:
        >>> liquidation_price(500, [1 / 12, -1 / 12], 60_000, RiskSchedule.flat(0.004)).round(2).tolist()
        [54216.87, 65737.05]

    Source: Binance USD-M and COIN-M, "How to calculate liquidation price", one position.
    """
    given = _same_shape(collateral=collateral, quantity=quantity, entry_price=entry_price)
    frozen = maintenance_basis is MaintenanceBasis.ENTRY
    money, size, entry = given.values()
    prices = _room(out, given)
    with np.errstate(all="ignore"):  # what is not finite is refused or NaN, and not a warning
        if contract is Contract.INVERSE:
            _solve(given, money, -size, 1 / entry, schedule, prices, frozen=frozen)
            np.reciprocal(prices, out=prices)
            prices[np.isinf(prices)] = np.nan  # beyond a float
            return prices
        return _solve(given, money, size, entry, schedule, prices, frozen=frozen)


def bankruptcy_price(
    collateral: ArrayLike, quantity: ArrayLike, entry_price: ArrayLike, *, contract: Contract = Contract.LINEAR
) -> Array:
    """Return the prices at which the equity of many positions, each alone in its pool, is 0.

        price = entry - collateral / quantity

    Args:
        collateral: money behind each position, no unrealized PnL [quote currency; inverse: base coin], shape S.
        quantity: signed sizes, + long and - short [base coin; inverse: face value in quote currency], shape S.
        entry_price: average entry prices [quote currency per base coin], shape S.
        contract: linear or inverse, for all.

    Returns:
        Array of shape S [quote currency per base coin]; NaN where no positive price does it.

    Raises:
        MarginError: as `liquidation_price`.

    Example:
        >>> bankruptcy_price([600, 6_000], 0.1, 60_000).tolist()
        [54000.0, nan]

    Source: BitMEX and Bybit, "bankruptcy price".
    """
    return liquidation_price(collateral, quantity, entry_price, _NOTHING, contract=contract)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """What a pool has and what it must keep along the price of one symbol.

    Args:
        price: mark prices of the symbol [quote currency per base coin].
        equity: collateral + unrealized PnL of the pool at each [quote currency; inverse: base coin].
        maintenance: maintenance margin of the pool at each [quote currency; inverse: base coin].

    Example:
        >>> eth = Position.open(symbol="ETHUSDT", quantity=-2, price=3_000, schedule=RiskSchedule.flat(0.004))
        >>> line = curve(Pool(collateral=1_500, positions=(eth,)), "ETHUSDT", [3_000, 3_500, 4_000])
        >>> line.price[line.equity <= line.maintenance].tolist()
        [4000.0]
    """

    price: Array
    equity: Array
    maintenance: Array


def curve(pool: Pool, symbol: str, prices: ArrayLike) -> Curve:
    """Return equity and maintenance margin of a pool at many prices of one symbol, its other marks held still.

    Equal to `risk(pool.at({symbol: price}))` at every price.

    Args:
        pool: collateral and the positions that it backs.
        symbol: whose price moves; several legs of it (hedge mode) move together.
        prices: mark prices [quote currency per base coin], above 0, any shape.

    Raises:
        UnknownNameError: the pool has no position of `symbol`.
        MarginError: a price is not finite or not above 0; the message names the first.

    Example:
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, schedule=RiskSchedule.flat(0.004))
        >>> line = curve(Pool(collateral=1_500, positions=(eth,)), "ETHUSDT", [2_500, 3_000])
        >>> line.equity.tolist(), line.maintenance.tolist()
        ([500.0, 1500.0], [20.0, 24.0])
    """
    legs, rest = _split(pool, symbol)
    marks = _prices("prices", prices)
    others = risk(replace(pool, positions=tuple(rest)))
    pnl, needed = _along(legs, marks)
    return Curve(price=marks, equity=others.equity + pnl, maintenance=others.maintenance + needed)


def surface(pool: Pool, symbols: tuple[str, str], prices_a: ArrayLike, prices_b: ArrayLike) -> Array:
    """Return equity - maintenance of a pool on a grid of two prices: the pool is liquidated where it is 0 or less.

    Args:
        pool: collateral and the positions that it backs.
        symbols: the two symbols whose prices move; the other marks are held still.
        prices_a: mark prices of the first [quote currency per base coin], above 0, shape (A,).
        prices_b: mark prices of the second, shape (B,).

    Returns:
        Array of shape (A, B) [quote currency; inverse: base coin].

    Raises:
        UnknownNameError: the pool has no position of a symbol.
        MarginError: the symbols are the same, prices are not in one row, or one is not finite or not above 0.

    Example:
        >>> flat = RiskSchedule.flat(0.01)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=-10, price=3_000, schedule=flat)
        >>> pool = Pool(collateral=10_000, positions=(btc, eth))
        >>> surface(pool, ("BTCUSDT", "ETHUSDT"), [50_000, 60_000], [3_000]).tolist()
        [[4450.0], [9400.0]]
    """
    first, second = symbols
    if first == second:
        msg = f"symbols = {symbols!r}: give two different ones; `curve` moves one price"
        raise MarginError(msg)
    legs, _ = _split(pool, first)
    more_legs, _ = _split(pool, second)
    rest = risk(replace(pool, positions=tuple(each for each in pool.positions if each.symbol not in symbols)))
    rows, columns = _row("prices_a", prices_a), _row("prices_b", prices_b)
    pnl, needed = _along(legs, rows)
    more_pnl, more_needed = _along(more_legs, columns)
    grid: Array = (pnl - needed)[:, None] + (more_pnl - more_needed) + (rest.equity - rest.maintenance)
    return grid


@dataclass(frozen=True, eq=False)
class Book:
    """A cross pool of many positions, prepared once and asked at many marks.

    Longs and shorts, each with tiers of its own and with maintenance at the mark or frozen at the entry. One position
    a symbol: legs of one symbol (hedge mode) are for `liquidation.liquidation_prices`.

    Args:
        pool: collateral and N positions; arrays that go in and come out are in the order of `symbols`, shape (N,).

    Raises:
        MarginError: a symbol has more than one position; the message names it.

    Example:
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=-10, price=3_000, schedule=flat)
        >>> book = Book.from_pool(Pool(collateral=10_000, positions=(btc, eth)))
        >>> book.symbols, book.liquidation_prices().round(1).tolist()
        (('BTCUSDT', 'ETHUSDT'), [40401.6, 3972.1])
    """

    pool: Pool
    mark_prices: Array = field(init=False, repr=False)

    # Prepared: a column for each position, a row for each tier. A frozen maintenance margin is one tier of rate 0.
    _power: int = field(init=False, repr=False)
    _exposure: Array = field(init=False, repr=False)
    _size: Array = field(init=False, repr=False)
    _direction: Array = field(init=False, repr=False)
    _entry: Array = field(init=False, repr=False)  # entry price ^ power
    _cost: Array = field(init=False, repr=False)
    _floors: Array = field(init=False, repr=False)  # above the first; infinite where there is no such tier
    _rates: Array = field(init=False, repr=False)
    _amounts: Array = field(init=False, repr=False)
    _raises: Array = field(init=False, repr=False)  # what each tier above the first adds to the amount
    _bends: Array = field(init=False, repr=False)  # and to the rate
    _constant: float = field(init=False, repr=False)  # equity - maintenance where all marks are next to 0
    _edges: Array = field(init=False, repr=False)  # direction x shortfall of a position liquidated on a tier's floor
    _per_price: Array = field(init=False, repr=False)  # exposure - size x rate
    _columns: NDArray[np.intp] = field(init=False, repr=False)
    _scale: float = field(init=False, repr=False)  # what rounding is judged against, but for the notional at the marks

    def __post_init__(self) -> None:
        positions = self.pool.positions
        for symbol, count in Counter(position.symbol for position in positions).items():
            if count > 1:
                msg = f"symbol = {symbol!r}: {count} positions of it; a Book takes one position a symbol"
                raise MarginError(msg)
        power = positions[0].contract.power if positions else 1
        exposure = np.array([position.exposure for position in positions])
        entry = np.array([position.entry_price**power for position in positions])
        floors, rates, amounts = _tables(positions)
        direction, some = np.sign(exposure), np.isfinite(floors)
        needs = rates[1:] * np.where(some, floors, 0.0) - amounts[1:]
        prepared = {
            "mark_prices": np.array([position.mark_price for position in positions]),
            "_power": power,
            "_exposure": exposure,
            "_size": np.abs(exposure),
            "_direction": direction,
            "_entry": entry,
            "_cost": exposure * entry,
            "_floors": floors,
            "_rates": rates,
            "_amounts": amounts,
            "_raises": np.diff(amounts, axis=0).reshape(-1),
            "_bends": np.diff(rates, axis=0),
            "_constant": fsum([self.pool.collateral, *(-exposure * entry), *amounts[0]]),
            "_edges": floors - direction * needs,
            "_per_price": exposure * (1 - direction * rates),
            "_columns": np.arange(len(positions)),
            "_scale": abs(self.pool.collateral)
            + fsum(position.entry_notional + abs(position.schedule.first_amount) for position in positions),
        }
        for name, value in prepared.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_pool(cls, pool: Pool) -> Self:
        """Return the book of a pool, at the pool's marks unless others are given."""
        return cls(pool)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The positions' symbols, in the order of all arrays."""
        return self.pool.symbols

    def liquidation_prices(self, mark_prices: ArrayLike | None = None) -> Array:
        """Return the liquidation price of each symbol, all other marks held still, as the scalar function does.

        Args:
            mark_prices: marks [quote currency per base coin], shape (N,); left out, those of the pool.

        Returns:
            Array of shape (N,) [quote currency per base coin]; NaN where no positive price does it.

        Raises:
            MarginError: there is not one mark a position, or a mark is not finite or not above 0.
        """
        marks = self._marks(mark_prices)
        notional = self._size * marks
        pnl = self._exposure * (marks - self._entry)
        tier = self._tier(self._floors <= notional)
        needed = notional * self._rates.take(tier) - self._amounts.take(tier)
        surplus = fsum([self.pool.collateral, *pnl.tolist(), *(-needed).tolist()])
        shortfall = self._cost - (surplus - (pnl - needed))
        tier = self._tier(self._edges <= self._direction * shortfall)
        above = shortfall - self._amounts.take(tier)
        found = above / self._per_price.take(tier)
        rounding = _ROUNDING * (self._scale + fsum(notional.tolist()))
        prices: Array = np.where((found > 0) & (np.abs(above) > rounding), found, np.nan) ** self._power
        return prices

    def common_shock(self, mark_prices: ArrayLike | None = None) -> CommonShock:
        """Return the fall and the rise of all marks together that liquidate the pool, as the scalar function does.

        Args:
            mark_prices: marks [quote currency per base coin], shape (N,); left out, those of the pool.

        Raises:
            MarginError: there is not one mark a position, or a mark is not finite or not above 0.
        """
        marks = self._marks(mark_prices)
        notional = self._size * marks
        net, needed = float(self._exposure.dot(marks)), float(self._rates[0].dot(notional))
        gross = fsum(notional.tolist())
        # Along a factor on all marks, each tier raises the intercept and bends the slope once its floor is reached.
        floors, steps = (self._floors / notional).reshape(-1), np.empty((2, self._floors.size))
        steps[0], steps[1] = self._raises, (self._bends * notional).reshape(-1)

        def tangent(factor: float) -> tuple[float, float]:
            raised, bent = steps.dot((floors <= factor).astype(float)).tolist()
            slope = net - needed - bent
            # A slope within its own rounding is 0, as where legs cancel.
            level = abs(slope) <= _ROUNDING * (gross + net - slope)
            return self._constant + raised, 0.0 if level else slope

        return _shock(_zeros(tangent, self._scale + gross), self._power)

    def _marks(self, mark_prices: ArrayLike | None) -> Array:
        """Return marks ^ power, after checking marks that are not the pool's."""
        marks = self.mark_prices if mark_prices is None else _prices("mark_prices", mark_prices)
        if marks.shape != self._exposure.shape:
            msg = f"mark_prices: shape {marks.shape}; give {self._exposure.shape}, one mark for each of the symbols"
            raise MarginError(msg)
        powers: Array = marks**self._power
        return powers

    def _tier(self, reached: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return where in the flat tables the tier of each position stands, from the floors that it has reached."""
        row: NDArray[np.intp] = np.add.reduce(reached, axis=0, dtype=np.intp)
        return row * len(self._columns) + self._columns


def _tables(positions: Sequence[Position]) -> tuple[Array, Array, Array]:
    """Return floors above the first, rates and amounts of the positions' tiers, a column for each position."""
    schedules = [_followed(position) for position in positions]
    most = max((len(schedule.floors) for schedule in schedules), default=1)

    def table(rows: int, columns: list[tuple[float, ...]], beyond: list[float]) -> Array:
        filled = [[*column, *[last] * (rows - len(column))] for column, last in zip(columns, beyond, strict=True)]
        return np.array(filled).reshape(len(filled), rows).T.copy()

    rates, amounts = [schedule.rates for schedule in schedules], [schedule.amounts for schedule in schedules]
    return (
        table(most - 1, [schedule.floors[1:] for schedule in schedules], [inf] * len(schedules)),
        table(most, rates, [each[-1] for each in rates]),
        table(most, amounts, [each[-1] for each in amounts]),
    )


def _followed(position: Position) -> RiskSchedule:
    """Return the tiers by which the position's maintenance margin follows the mark; frozen, it is one amount."""
    if position.maintenance_basis is MaintenanceBasis.MARK:
        return position.schedule
    return RiskSchedule.flat(0.0, maintenance_amount=-position_maintenance(position))


def _along(legs: Sequence[Position], marks: Array) -> tuple[Array, Array]:
    """Return unrealized PnL and maintenance margin of the legs of one symbol along its mark."""
    power = legs[0].contract.power
    values = marks**power
    pnl, needed = np.zeros_like(values), np.zeros_like(values)
    for leg in legs:
        pnl += leg.exposure * (values - leg.entry_price**power)
        needed += _maintenance(_followed(leg), abs(leg.quantity) * values)
    return pnl, needed


def _maintenance(schedule: RiskSchedule, notional: Array) -> Array:
    """Return the maintenance margin of notionals that are known to be good."""
    tier = np.searchsorted(schedule.floors, notional, side="right") - 1
    needed: Array = notional * np.take(schedule.rates, tier) - np.take(schedule.amounts, tier)
    return needed


def _solve(
    given: dict[str, Array],
    money: Array,
    size: Array,
    entry: Array,
    schedule: RiskSchedule,
    prices: Array,
    *,
    frozen: bool,
) -> Array:
    """Return `prices` filled with the liquidation prices of linear positions, or refuse what was `given`.

    The same steps as `lone_liquidation_price`, chunk by chunk and in place.
    """
    out, *columns = (each.reshape(-1) if each.ndim else each for each in (np.atleast_1d(prices), money, size, entry))
    lines = _NOTHING if frozen else schedule
    keeps, amounts, clears = (np.array(column) for column in zip(*lines.liquidation_lines, strict=True))
    clear = inf if schedule.first_amount else float(clears.max())
    counts = np.min_scalar_type(len(keeps))  # a byte, for any table that a venue has
    work = [np.empty(min(out.size, _CHUNK), kind) for kind in (float, float, counts, np.bool_)]
    for here in (slice(start, start + _CHUNK) for start in range(0, out.size, _CHUNK)):
        found = out[here]
        own_money, own_size, own_entry = (each[here] if each.ndim else each for each in columns)
        shortfall, scratch, count, crossed = (each[: found.size] for each in work)
        np.multiply(own_size, own_entry, out=found)
        np.subtract(found, own_money, out=shortfall)
        if frozen:
            shortfall += _maintenance(schedule, np.abs(found))
        line = _crossed(lines.liquidation_edges, shortfall, count, crossed)
        above = np.subtract(shortfall, amounts.take(line, out=scratch, mode="clip"), out=shortfall)
        per_price = np.multiply(keeps.take(line, out=scratch, mode="clip"), own_size, out=scratch)
        np.divide(above, per_price, out=found)
        # Most prices are settled here: they have no bad number in them, and are no rounding of 0.
        settled = np.greater(found, clear * own_entry.max(), crossed)
        ordinary = own_entry.min() > 0 and found.max() < inf
        doubtful = np.flatnonzero(~settled) if ordinary else np.arange(found.size)
        if doubtful.size:
            money, size, entry = (each[doubtful] if each.ndim else each for each in (own_money, own_size, own_entry))
            cost = size * entry
            if not ((entry > 0) & (cost != 0) & np.isfinite(cost - money)).all():
                _refuse(given)
            scale = np.abs(money) + (2 * np.abs(cost) + abs(schedule.first_amount))
            price, left = found[doubtful], np.abs(above[doubtful])
            found[doubtful] = np.where((price > 0) & (price < inf) & (left > _ROUNDING * scale), price, np.nan)
    return prices


def _crossed(edges: Sequence[float], values: Array, count: NDArray[Any], crossed: NDArray[np.bool_]) -> NDArray[Any]:
    """Return how many of the rising edges each value has reached; where they are few, faster than a search."""
    # Edges beyond the values on either side are the same for all of them.
    first, last = bisect_left(edges, values.min()), bisect_right(edges, values.max())
    count[:] = first
    for edge in edges[first:last]:
        np.greater_equal(values, edge, crossed)
        np.add(count, crossed.view(np.uint8), count)
    return count


def _array(field: str, value: ArrayLike) -> Array:
    """Return the value as an array of floats, or refuse what is not numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        msg = f"{field} = {value!r:.60}: give numbers, in an array of one shape"
        raise MarginError(msg)
    return array.astype(float, copy=False)


def _same_shape(**fields: ArrayLike) -> dict[str, Array]:
    """Return the fields as arrays that have one shape or stand for every element, or refuse."""
    arrays = {field: _array(field, value) for field, value in fields.items()}
    shapes = {field: array.shape for field, array in arrays.items() if array.ndim}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{field} {shape}" for field, shape in shapes.items())
        msg = f"mixed shapes: {told}; give one shape, or a plain number for all"
        raise MarginError(msg)
    return arrays


def _room(out: Array | None, given: dict[str, Array]) -> Array:
    """Return the array that results go into, of the shape of what was given and apart from it."""
    shape = np.broadcast_shapes(*(each.shape for each in given.values()))
    if out is None:
        return np.empty(shape)
    if out.shape != shape or out.dtype != np.float64 or not out.flags.c_contiguous:
        msg = f"out: {out.dtype} of shape {out.shape}; give float64 of shape {shape}, in one piece"
        raise MarginError(msg)
    for name, array in given.items():
        if np.may_share_memory(out, array):
            msg = f"out: shares memory with {name}; give an array of its own"
            raise MarginError(msg)
    return out


def _prices(field: str, value: ArrayLike) -> Array:
    """Return an array of prices, or refuse the first that is not one."""
    prices = _array(field, value)
    if not (prices.min(initial=inf) > 0 and prices.max(initial=0) < inf):
        _refuse_where(field, prices, ~((prices > 0) & (prices < inf)), "a number above 0")
    return prices


def _row(field: str, value: ArrayLike) -> Array:
    """Return prices that stand in one row."""
    prices = _prices(field, value)
    if prices.ndim != 1:
        msg = f"{field}: shape {prices.shape}; give prices in one row, shape (n,)"
        raise MarginError(msg)
    return prices


def _refuse_where(field: str, values: Array, bad: NDArray[np.bool_], right: str) -> None:
    """Refuse the first bad value, if there is one, by its field and index."""
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"[{', '.join(map(str, index))}]" if index else ""
        msg = f"{field}{place} = {float(values[index])!r}: give {right}"
        raise MarginError(msg)


def _refuse(given: dict[str, Array]) -> None:
    """Refuse the first number that no position has."""
    money, size, entry = given.values()
    _refuse_where("collateral", money, ~np.isfinite(money), "one finite number")
    _refuse_where("quantity", size, ~np.isfinite(size), "one finite number")
    _refuse_where("quantity", size, size == 0, "a size with its sign, + for long, - for short")
    _refuse_where("entry_price", entry, ~(np.isfinite(entry) & (entry > 0)), "a number above 0")
    cost = size * entry
    _refuse_where("quantity x entry_price", cost, ~np.isfinite(cost) | (cost == 0), "a value that a float can hold")
    msg = "collateral, quantity, entry_price: too large or too small for a float"
    raise MarginError(msg)
