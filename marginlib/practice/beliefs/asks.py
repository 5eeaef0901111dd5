"""The quantities that a question may ask: one record each, its value and the line of arithmetic that leads to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from math import exp, fsum, inf, isfinite, log, sqrt
from statistics import NormalDist

from marginlib.margin import initial_margin
from marginlib.model import MaintenanceBasis, Pool, Position
from marginlib.practice.beliefs.reasoning import RIGHT, Case, Reasoning

_TINY = 1e-12
_Marks = Mapping[str, float]
_Asked = Sequence[Sequence[Sequence[Position]]]  # for each symbol, sets of legs: the one that needs most is asked for


class Reading:
    """A case as a reasoning sees it: the pool of the symbol asked about, its legs there, and their neighbours.

    It finds prices by itself, piece by piece, because a wrong step need not leave a pool that the engine would take.
    """

    def __init__(self, case: Case, reasoning: Reasoning = RIGHT) -> None:
        self.case, self.steps = case, reasoning
        self.account = reasoning.positions(reasoning.traded(reasoning.contract(reasoning.prices(case)), case))
        self.pools = tuple(map(reasoning.pool, reasoning.pools(self.account)))
        # A belief may leave no position of the symbol: then there are no legs.
        self.pool = next((pool for pool in self.pools if case.symbol in pool.symbols), self.pools[0])
        self.legs = tuple(each for each in self.pool.positions if each.symbol == case.symbol)
        self._rest = tuple(each for each in self.pool.positions if each.symbol != case.symbol)
        self._asked = [replace(self.pool, positions=each).asked_legs() for each in (self.legs, self._rest)]
        self.target = {} if case.target_price is None else {case.symbol: case.target_price}
        self.all_legs = tuple(each for each in self.account.positions if each.symbol == case.symbol)  # in all pools

    def __call__(self, ask: str) -> float:
        """Return the value of another ask, 0 where there is none."""
        return ASKS[ask].value(self) or 0.0

    def backing(self, pool: Pool, marks: _Marks | None = None) -> float:
        """Return what a pool has without profits: money, and what its coins count for, today or at other marks."""
        coins = (self.steps.coin(coin, coin.at((marks or {}).get(coin.symbol, coin.mark_price))) for coin in pool.coins)
        return pool.collateral + fsum(coins)

    def equity(self, marks: _Marks | None = None) -> float:
        """Return collateral and profits, today or at other marks."""
        profits = [self.steps.pnl(each) for each in _at(self.legs, marks)]
        profits += [self.steps.others_pnl(each, self.steps.pnl(each)) for each in _at(self._rest, marks)]
        won = self.steps.counted(fsum(profits)) if marks is None else fsum(profits)
        return self.backing(self.pool, marks) + won

    def maintenance(self, marks: _Marks | None = None) -> float:
        """Return what the pool has to keep, today or at other marks."""
        own, others = (self.needs(asked, marks) for asked in self._asked)
        return own + self.steps.others_maintenance(others)

    def needs(self, asked: _Asked, marks: _Marks | None = None) -> float:
        """Return the maintenance margin of the legs that it is asked for."""
        return fsum(max(fsum(map(self.kept, legs, _at(legs, marks))) for legs in sets) for sets in asked)

    def kept(self, today: Position, now: Position) -> float:
        """Return a position's maintenance margin now; a belief about the table looks at today's position."""
        return self.steps.schedule(today).maintenance_margin(self.steps.maintenance_value(now))

    def initial(self, positions: Iterable[Position]) -> float:
        """Return the initial margin of some positions."""
        return fsum(self.steps.notional(each) / each.leverage for each in positions)

    def free(self) -> float:
        """Return the equity of the cross pool that is not initial margin, of positions or of open orders."""
        cross = self.pools[0]
        won = self.steps.counted(fsum(map(self.steps.pnl, self.steps.usable(self.account))))
        asked = fsum(max(map(self.initial, sets)) for sets in cross.asked_legs())
        return self.backing(cross) + won - asked - self.steps.reserved(cross.reserved)

    def price(self, surplus: Callable[[_Marks], float]) -> float | None:
        """Return the price of the symbol asked about, the nearest to the mark, at which something is 0."""
        # What remains of a difference of equal amounts is rounding, not a price next to 0.
        scale = abs(self.pool.collateral) + self.pool.coins_value
        scale += fsum(each.notional + each.entry_notional for each in self.pool.positions)
        zeros = self._zeros(surplus, {self.case.symbol}, _TINY * scale)
        nearest = min(zeros, key=lambda zero: max(zero, 1 / zero), default=None)
        return None if nearest is None else float(self.legs[0].mark_price * nearest ** self.legs[0].contract.power)

    def liquidation_price(self) -> float | None:
        """Return the price at which the pool has what it must keep."""
        if not self.legs:
            return None
        found = self.price(lambda marks: self.equity(marks) - self.maintenance(marks))
        return self.steps.price_found(found, self.legs[0])

    def left_at_liquidation(self) -> float | None:
        """Return what the pool has left when it is liquidated."""
        price = self.liquidation_price()
        return None if price is None else max(0.0, self.steps.left_over(self.equity({self.case.symbol: price})))

    def bankruptcy_price(self) -> float | None:
        """Return the price at which nothing is left."""
        return self.price(lambda marks: self.equity(marks) - self.steps.bankrupt_at(self.maintenance(marks)))

    def move(self) -> float | None:
        """Return the liquidation price as a move from the mark [1]."""
        price = self.liquidation_price()
        return None if price is None else price / self.case.mark_price - 1

    def common_fall(self) -> float | None:
        """Return the nearest fall of all marks together at which the pool is liquidated [1]."""
        if not self.legs:
            return None
        zeros = self._zeros(lambda marks: self.equity(marks) - self.maintenance(marks), {*self.pool.symbols})
        moves = [zero ** self.legs[0].contract.power - 1 for zero in zeros]
        symbols = dict.fromkeys(each.symbol for each in self.pool.positions)
        alone = [Reading(replace(self.case, symbol=symbol, trade=0.0), self.steps).move() for symbol in symbols]
        falls = [move for move in moves if move < 0]
        return self.steps.together(max(falls, default=None), [move for move in alone if move is not None and move < 0])

    def _zeros(self, surplus: Callable[[_Marks], float], symbols: set[str], rounding: float = 0.0) -> list[float]:
        """Return by which factors the values of some symbols make something 0 that is straight between tiers."""
        if not self.legs:
            return []
        power = self.legs[0].contract.power
        today = {each.symbol: each.mark_price for each in self.pool.held if each.symbol in symbols}
        values = [each.notional for each in self.pool.positions if each.symbol in symbols]
        least = max(_TINY, rounding / fsum(values))

        def at(t: float) -> float:
            return surplus({symbol: price * t**power for symbol, price in today.items()})

        legs = (leg for asked in self._asked for sets in asked for leg in chain(*sets) if leg.symbol in symbols)
        edges = {floor / each.notional for each in legs for floor in self.steps.schedule(each).floors[1:]}
        found, before = [], 0.0
        for low, high in pairwise([0.0, *sorted(edges), inf]):
            step = (high - low) / 3 if isfinite(high) else max(low, 1.0)
            first, second = at(low + step), at(low + 2 * step)
            if before * (2 * first - second) < 0:  # a tier of the whole position jumps over 0
                found.append(low)
            before = 2 * second - first
            if abs(second - first) <= rounding * max(1.0, low):  # flat but for rounding
                continue
            zero = low + step - first * step / (second - first)
            slack = 1e-9 * step
            if low - slack <= zero <= high + slack and zero > least:
                found.append(zero)
        return found


def _at(positions: Sequence[Position], marks: _Marks | None) -> Sequence[Position]:
    """Return positions at other marks; those left out keep theirs."""
    return positions if marks is None else tuple(each.at(marks.get(each.symbol, each.mark_price)) for each in positions)


@dataclass(frozen=True)
class Ask:
    """A quantity that a question may ask."""

    unit: str  # "$", "fraction", "price", "x", "days" or "pools". Inverse contracts: "$" is the base coin
    value: Callable[[Reading], float | None]  # None where there is none, such as no liquidation price
    shown: Callable[[Reading], str]  # one line of arithmetic that leads to it, from the right reading


# --- numbers in a line of arithmetic --------------------------------------------------------------------------------


def _text(value: float | None) -> str:
    """Return an amount with no more digits than it has, at most two after the point."""
    if value is None:
        return "none"
    shown = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:,.4g}"
    return shown.rstrip("0").rstrip(".") if "." in shown and "e" not in shown else shown


def _signed(value: float, places: int = 0) -> str:
    amount = max(_text(abs(value)), f"{abs(value):,.{places}f}", key=len)
    return f"{'-' if value < 0 else '+'} {amount}"


def _share(value: float) -> str:
    return f"{_text(round(100 * value, 2))} %"


def _sum(parts: Iterable[str], total: float) -> str:
    return f"{' + '.join(parts)} = {_text(total)}"


# --- values and lines that take more than a line ----------------------------------------------------------------------


def _show_pnl(r: Reading) -> str:
    return " and ".join(
        f"{_text(leg.quantity)} x ({_text(leg.mark_price)} - {_text(leg.entry_price)}) = {_text(leg.unrealized_pnl)}"
        if leg.contract.power > 0
        else f"{_text(leg.quantity)} x (1/{_text(leg.entry_price)} - 1/{_text(leg.mark_price)}) = "
        f"{leg.unrealized_pnl:,.6g}"
        for leg in r.all_legs
    )


def _show_maintenance(r: Reading) -> str:
    parts = []
    for leg in r.all_legs:
        value, table = r.steps.maintenance_value(leg), leg.schedule
        tier = table.tier(value)
        amount = f" - {_text(table.amounts[tier])}" if table.amounts[tier] else ""
        parts.append(f"{_text(value)} x {_share(table.rates[tier])}{amount}")
    return _sum(parts, r("maintenance_margin"))


def _show_available(r: Reading) -> str:
    cross = r.pools[0]
    profit, asked = fsum(map(RIGHT.pnl, cross.positions)), cross.asked_legs()
    needed = fsum(max(fsum(map(initial_margin, legs)) for legs in sets) for sets in asked)
    orders = f" - {_text(cross.reserved)} of open orders" if cross.reserved else ""
    return (
        f"{_text(r.backing(cross))} {_signed(profit)} of profit or loss - {_text(needed)} of initial margin{orders} = "
        f"{_text(r.free())}"
    )


def _stays(r: Reading) -> float:
    """Return the maintenance margin of the cross pool."""
    cross = r.pools[0]
    return r.maintenance() if r.pool is cross else r.needs(cross.asked_legs())


def _show_leaves(r: Reading) -> str:
    cross, money = r.pools[0], r.backing(r.pools[0])
    beside = f"; beside the coins there are {_text(cross.collateral)} of money" if cross.coins else ""
    return (
        f"{_show_available(r)} not needed; {_text(money)} - {_text(_stays(r))} to keep = "
        f"{_text(money - _stays(r))} of money{beside}; the smallest may leave, if above 0: {_text(r('may_leave'))}"
    )


def _at_end(r: Reading, price: float | None, left: Callable[[_Marks], str]) -> str:
    """Return what is left at a price that ends the pool, if there is one."""
    if price is None:
        return f"{_text(r.backing(r.pool))} of collateral: no price of {r.case.symbol} alone uses it up"
    return f"at {_text(price)}: {left({r.case.symbol: price})}"


def _left(r: Reading, marks: _Marks) -> str:
    """Return what is left at some marks, and what must be kept."""
    equity, had = r.equity(marks), r.backing(r.pool)
    change = _signed(equity - had, places=len(_text(equity).partition(".")[2]))
    return f"{_text(had)} {change} = {_text(equity)} left, and {_text(r.maintenance(marks))} must be kept"


def _show_liquidation(r: Reading) -> str:
    return _at_end(r, r.liquidation_price(), partial(_left, r))


def _solve_liquidation(r: Reading) -> str:
    """Return how the price is found: equity = maintenance margin, solved for the price of one linear position."""
    price, (leg, *more) = r.liquidation_price(), r.legs
    of_the_entry, jumps = leg.maintenance_basis is MaintenanceBasis.ENTRY, leg.schedule.whole_position
    if price is None or more or leg.contract.power < 0 or of_the_entry or jumps or r.pool.coins:
        return _show_liquidation(r)
    tier, size = leg.schedule.tier(leg.at(price).notional), abs(leg.quantity)
    rate, amount = leg.schedule.rates[tier], leg.schedule.amounts[tier]
    others = [each for each in r.pool.positions if each is not leg]
    beside = [fsum(map(RIGHT.pnl, others)), -fsum(r.kept(each, each) for each in others)] if others else []
    start = leg.entry_cost - r.pool.collateral - fsum(beside) - amount
    have = f"{' '.join([_text(r.pool.collateral), *map(_signed, beside)])} {_signed(leg.quantity)}"
    keep = f"{_share(rate)} of {_text(size)} x P" + (f" - {_text(amount)}" if amount else "")
    return (
        f"{have} x (P - {_text(leg.entry_price)}) = {keep}, "
        f"so P = {_text(abs(start))} / {_text(abs(leg.quantity - rate * size))} = {_text(price)}"
    )


def _most(r: Reading) -> float:
    """Return the money that the account's positions can lose: what stands behind them, or less where none is short."""
    amounts = []
    for pool in r.pools:
        bounded = all(each.exposure > 0 for each in pool.positions)  # their value can fall to 0, and no further
        worst = fsum(each.entry_cost for each in pool.positions) if bounded else inf
        amounts += [min(r.backing(pool), worst)] if pool.positions else []
    return r.steps.at_risk(r.steps.add_up(amounts), fsum(each.entry_notional for each in r.case.account.positions))


def _money_left(r: Reading) -> float:
    """Return what the account has when every pool is settled at the marks; a pool below 0 is the venue's loss."""
    profits = [fsum(map(r.steps.pnl, pool.positions)) for pool in r.pools]
    have = [*map(r.backing, r.pools)]
    losses = [min(-profit, money) for profit, money in zip(profits, have, strict=True) if profit < 0]
    gains = [*(profit for profit in profits if profit > 0), *have]
    return fsum(gains) - r.steps.add_up(losses)


def _show_money_left(r: Reading) -> str:
    left = [max(0.0, fsum([r.backing(pool), *map(RIGHT.pnl, pool.positions)])) for pool in r.pools]
    alike = Counter(map(_text, left[1:]))
    parts = [text if count == 1 else f"{count} x {text}" for text, count in alike.items()]
    if not parts:
        return ASKS["equity"].shown(r)
    return f"{_text(left[0])} outside + {' + '.join(parts)} in the pools = {_text(fsum(left))}"


def _funding(r: Reading) -> float:
    """Return what one settlement takes from the position [quote currency]; below 0 it is received."""
    parts = (r.steps.notional(each) * (1 if each.quantity > 0 else -1) for each in r.all_legs)
    return fsum(parts) * r.case.funding_rate


def _days(r: Reading) -> float | None:
    """Return how long the pool can pay its funding, three times a day, while the price stands still."""
    paid = 3 * _funding(r)
    return (r.equity() - r.maintenance()) / paid if r.legs and paid > 0 else None


def _touch_probability(r: Reading) -> float:
    """Return the odds that a price without drift, on a continuous path, reaches the liquidation price [1].

    Source: Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2.
    """
    price = r.liquidation_price()
    spread = r.case.volatility * sqrt(r.case.days / 365)
    if price is None or price <= 0 or not spread:
        return 0.0
    away, half = log(price / r.case.mark_price), spread**2 / 2
    side, normal = (1 if away < 0 else -1), NormalDist()
    ends = normal.cdf(side * (away + half) / spread)
    turns_back = exp(-away) * normal.cdf(side * (away - half) / spread)
    return r.steps.touched(ends, turns_back)


def _show_touch(r: Reading) -> str:
    price = r.liquidation_price()
    beyond = Reading(r.case, replace(RIGHT, touched=lambda ends, _turns_back: ends))("touch_probability")
    return (
        f"{_text(price)} is {_share(r('liquidation_move'))} away: {_share(beyond)} end beyond it, and as "
        f"many again, about, touch it and turn back: {_share(r('touch_probability'))}"
    )


ASKS: Mapping[str, Ask] = {
    "pnl": Ask("$", lambda r: fsum(map(r.steps.pnl, r.all_legs)), _show_pnl),
    "notional": Ask(
        "$",
        lambda r: fsum(map(r.steps.notional, r.all_legs)),
        lambda r: _sum((f"{_text(abs(leg.quantity))} x {_text(leg.mark_price)}" for leg in r.all_legs), r("notional")),
    ),
    "initial_margin": Ask(
        "$",
        lambda r: r.initial(r.all_legs),
        lambda r: _sum((f"{_text(leg.notional)} / {_text(leg.leverage)}" for leg in r.all_legs), r("initial_margin")),
    ),
    "maintenance_margin": Ask("$", lambda r: fsum(r.kept(each, each) for each in r.all_legs), _show_maintenance),
    "pool_maintenance": Ask(
        "$",
        Reading.maintenance,
        lambda r: _sum(
            [
                f"the larger of {_text(r.needs([[sets[0]]]))} and {_text(r.needs([[sets[1]]]))}"
                if len(sets) > 1
                else " + ".join(f"{each.symbol} {_text(r.kept(each, each))}" for each in sets[0])
                for sets in r.pool.asked_legs()
                if any(sets)
            ]
            or ["legs that cancel"],
            r.maintenance(),
        ),
    ),
    "equity": Ask(
        "$",
        Reading.equity,
        lambda r: (
            "".join(f"{_text(c.amount)} {c.symbol} count for {_text(c.value)}; " for c in r.pool.coins)
            + f"{_text(r.backing(r.pool))} {_signed(r.equity() - r.backing(r.pool))} of profit or loss = "
            f"{_text(r.equity())}"
        ),
    ),
    "available_balance": Ask("$", lambda r: max(0.0, r.free()), _show_available),
    "may_leave": Ask(
        "$",
        lambda r: max(0.0, r.steps.leaves(r.pools[0].collateral, r.free(), r.backing(r.pools[0]) - _stays(r))),
        _show_leaves,
    ),
    "margin_ratio": Ask(
        "fraction",
        lambda r: r.steps.ratio(r.equity(), r.maintenance()) if r.legs else None,
        lambda r: f"{_text(r.maintenance())} to keep / {_text(r.equity())} of equity = {_share(r('margin_ratio'))}",
    ),
    "effective_leverage": Ask(
        "x",
        lambda r: (
            r.steps.effective_leverage(fsum(map(r.steps.notional, r.pool.positions)), r.equity(), r.legs[0].leverage)
            if r.legs
            else None
        ),
        lambda r: (
            f"{_text(fsum(each.notional for each in r.pool.positions))} / {_text(r.equity())} of equity = "
            f"{_text(r('effective_leverage'))}x"
        ),
    ),
    "liquidation_price": Ask("price", Reading.liquidation_price, _solve_liquidation),
    "liquidation_move": Ask(
        "fraction",
        Reading.move,
        lambda r: (
            _solve_liquidation(r) + ("" if r.move() is None else f": a move of {100 * r('liquidation_move'):+.1f} %")
        ),
    ),
    "bankruptcy_price": Ask(
        "price",
        Reading.bankruptcy_price,
        lambda r: _at_end(
            r,
            r.bankruptcy_price(),
            lambda marks: f"{_text(r.backing(r.pool))} {_signed(r.equity(marks) - r.backing(r.pool))} = 0",
        ),
    ),
    "left_at_liquidation": Ask("$", Reading.left_at_liquidation, _show_liquidation),
    "loss_at_liquidation": Ask(
        "$",
        lambda r: None if (left := r.left_at_liquidation()) is None else r.backing(r.pool) - left,
        _show_liquidation,
    ),
    "most_you_can_lose": Ask(
        "$",
        _most,
        lambda r: (
            f"{' + '.join(_text(r.backing(pool)) for pool in r.pools if pool.positions)} behind the "
            f"positions, of which at most {_text(r('most_you_can_lose'))} can go"
        ),
    ),
    "money_left": Ask("$", _money_left, _show_money_left),
    "common_fall": Ask(
        "fraction",
        Reading.common_fall,
        lambda r: (
            "no move of all prices together does it"
            if (fall := r.common_fall()) is None
            else f"all at {100 * fall:+.1f} %: "
            + _left(r, {each.symbol: each.mark_price * (1 + fall) for each in r.pool.positions})
        ),
    ),
    "margin_for_target": Ask(
        "$",
        lambda r: r.maintenance(r.target) - r.equity(r.target) + r.backing(r.pool) if r.legs and r.target else None,
        lambda r: (
            f"at {_text(r.case.target_price)}: {_text(r.backing(r.pool) - r.equity(r.target))} of loss + "
            f"{_text(r.maintenance(r.target))} to keep = {_text(r('margin_for_target'))}"
        ),
    ),
    "funding": Ask(
        "$",
        _funding,
        lambda r: (
            f"{_text(r('notional'))} x {100 * r.case.funding_rate:g} % = {_text(abs(_funding(r)))} "
            f"{'received' if _funding(r) < 0 else 'paid'} each time"
        ),
    ),
    "days": Ask(
        "days",
        _days,
        lambda r: (
            f"({_text(r.equity())} - {_text(r.maintenance())} to keep) / {_text(3 * r('funding'))} a day = "
            f"{_text(_days(r))} days"
        ),
    ),
    "fee_on_margin": Ask(
        "fraction",
        lambda r: (
            r.case.fee_rate * r.steps.fee_base(r("notional"), r("initial_margin")) / r("initial_margin")
            if r("initial_margin")
            else None
        ),
        lambda r: (
            f"{_text(r('notional'))} x {100 * r.case.fee_rate:g} % = {_text(r.case.fee_rate * r('notional'))}, and "
            f"{_text(r.case.fee_rate * r('notional'))} / {_text(r('initial_margin'))} of margin = "
            f"{_share(r.case.fee_rate * r('notional') / r('initial_margin'))}"
        ),
    ),
    "touch_probability": Ask("fraction", _touch_probability, _show_touch),
    "pool_count": Ask(
        "pools",
        lambda r: float(sum(bool(pool.positions) for pool in r.pools)),
        lambda r: (
            f"{r('pool_count'):.0f}: " + ", ".join(" with ".join(pool.symbols) for pool in r.pools if pool.positions)
        ),
    ),
}
