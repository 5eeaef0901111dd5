"""One list of decisions on thousands of paths at once: what `play` does on one path, in arrays.

Prices run on straight lines between moments, and a pool that is safe at both ends of a line is safe along it. What is
left of a liquidated pool goes to the venue whole, so at which second of the line it happens does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marginlib.errors import MarginError, unknown, wrong
from marginlib.market.desk import AddMargin, Decision, Desk, Hold, Order, Reduce
from marginlib.model import Account, Contract, MaintenanceBasis
from marginlib.tiers import RiskSchedule
from marginlib.venues import Leftover

Array = NDArray[np.float64]


class _Fleet:
    """The same account on every path: money that is shared, and for each position size, margin and mark."""

    def __init__(self, account: Account, paths: int, fee_rate: float) -> None:
        for pool in account.pools():
            pool.check_plain("a fleet")
        held = account.positions
        if any(each.contract is Contract.INVERSE or each.maintenance_basis is MaintenanceBasis.ENTRY for each in held):
            raise MarginError("contract, maintenance_basis: give linear contracts whose maintenance follows the mark")
        self.symbols, self.fee_rate = [each.symbol for each in held], fee_rate
        self.schedules, self.leverage = [each.schedule for each in held], [each.leverage for each in held]
        self.isolated = np.array([each.own_margin > 0 for each in held])
        self.entry = np.array([[each.entry_price] for each in held])
        self.quantity = np.repeat([[each.quantity] for each in held], paths, axis=1)
        self.margin = np.repeat([[each.own_margin] for each in held], paths, axis=1)
        self.shared = np.full(paths, account.pools()[0].collateral)
        self.mark = np.repeat(self.entry, paths, axis=1)
        self.liquidated = np.zeros(paths, np.bool_)

    @property
    def profit(self) -> Array:
        """Unrealized PnL of each position [quote currency], shape (positions, paths)."""
        found: Array = self.quantity * (self.mark - self.entry)
        return found

    @property
    def maintenance(self) -> Array:
        """Maintenance margin of each position [quote currency], shape (positions, paths)."""
        notional = np.abs(self.quantity) * self.mark
        return np.array([_maintenance(each, row) for each, row in zip(self.schedules, notional, strict=True)])

    @property
    def equity(self) -> Array:
        """Equity of each account [quote currency], shape (paths,)."""
        found: Array = self.shared + self.margin.sum(axis=0) + self.profit.sum(axis=0)
        return found

    def go(self, marks: Array) -> None:
        """Move the marks, and close every pool that has no more than its maintenance margin."""
        self.mark = marks
        profit, needed, open_ = self.profit, self.maintenance, self.quantity != 0
        together = ~self.isolated[:, None]
        over = self.shared + (profit * together).sum(axis=0) <= (needed * together).sum(axis=0)
        over &= (open_ & together).any(axis=0)
        alone = open_ & ~together & (self.margin + profit <= needed)
        self.shared = np.where(over, 0.0, self.shared)
        self.margin = np.where(alone, 0.0, self.margin)
        self.quantity = np.where(alone | (together & over), 0.0, self.quantity)
        self.liquidated |= over | alone.any(axis=0)

    def order(self, order: Order) -> None:
        """Carry an order out on every path on which the venue takes it."""
        if isinstance(order, Hold):
            return
        if not isinstance(order, Reduce | AddMargin):
            raise wrong("order", order, "give Hold, Reduce, Close or AddMargin; play others on one path at a time")
        if order.symbol not in self.symbols:
            raise unknown("symbol", order.symbol, self.symbols)
        k = self.symbols.index(order.symbol)
        if isinstance(order, Reduce) and 0 < order.share <= 1:
            sold = order.share * self.quantity[k]
            freed = order.share * self.margin[k]
            self.shared = self.shared + freed + sold * (self.mark[k] - self.entry[k])
            self.shared = self.shared - self.fee_rate * np.abs(sold) * self.mark[k]
            self.quantity[k] -= sold
            self.margin[k] -= freed
        elif isinstance(order, AddMargin) and order.amount > 0 and self.isolated[k]:
            moved = np.where((self.quantity[k] != 0) & (order.amount <= self._addable()), order.amount, 0.0)
            self.shared = self.shared - moved
            self.margin[k] += moved

    def _addable(self) -> Array:
        """Return the most that can be moved out of the cross pool: see `marginlib.margin.max_addable_margin`."""
        together = ~self.isolated[:, None]
        initial = np.abs(self.quantity) * self.mark / np.array(self.leverage)[:, None]
        free = self.shared + (self.profit * together).sum(axis=0) - (initial * together).sum(axis=0)
        found: Array = np.maximum(np.minimum(free, self.shared - (self.maintenance * together).sum(axis=0)), 0.0)
        return found


def _maintenance(schedule: RiskSchedule, notional: Array) -> Array:
    """Return maintenance margins: the largest of the tiers' straight lines, of those that are reached."""
    reached = sum(floor <= notional.max() for floor in schedule.floors)
    lines = [rate * notional - amount for rate, amount in zip(schedule.rates, schedule.amounts, strict=True)][:reached]
    found: Array = np.maximum.reduce(lines)
    return found


def fleet_ends(desk: Desk, decisions: Sequence[Decision], marks: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the equity at the end of each path, and where anything was liquidated.

    Args:
        desk: where; its moments are those of the paths, its first prices theirs.
        decisions: for each point an order, or several in a list, as `play` takes them.
        marks: mark prices, shape (moments, positions, paths), positions in the order of the desk's openings.

    A pool that is liquidated is closed whole, whatever the venue's policy is.

    Raises:
        MarginError: a shape does not fit, an order is none that this knows, a contract is inverse, or the venue gives
            back what is left of a liquidated pool or replenishes margin.
    """
    if desk.rules.leftover is not Leftover.KEPT or desk.rules.replenish:
        raise MarginError("rules: give a venue that keeps what is left of a liquidated pool, without replenishment")
    account = desk.account()
    if marks.shape[:2] != (len(desk.moments), len(account.positions)):
        give = f"give {len(desk.moments)} moments and {len(account.positions)} positions"
        raise MarginError(f"marks: shape {marks.shape}; {give}")
    fleet = _Fleet(account, marks.shape[2], desk.fee_rate)
    times = [when for when, _ in desk.moments]
    orders = [(each,) if isinstance(each, Order) else each for each in decisions]
    plan = dict(zip((times.index(point) for point in desk.points), orders, strict=False))
    for k, row in enumerate(marks):
        fleet.go(row)
        for order in plan.get(k, ()):
            fleet.order(order)
    return fleet.equity, fleet.liquidated
