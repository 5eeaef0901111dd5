"""An answer as a chain of small steps, each of which may go wrong on its own.

`RIGHT` is the chain that is right; a test holds it equal to the engine. A wrong belief changes one step or two, and
every quantity that a question may ask follows from the changed chain. Two beliefs combine when they change different
steps. The chain finds prices by itself, piece by piece, because a wrong step need not leave a pool that the engine
would take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from math import exp, fsum, inf, isfinite, log, sqrt
from statistics import NormalDist

from marginlib.errors import UnknownNameError, at_least_zero, finite, positive, wrong
from marginlib.margin import initial_margin
from marginlib.model import Account, MaintenanceBasis, Pool, Position
from marginlib.tiers import RiskSchedule

__all__ = ["ASKS", "RIGHT", "Ask", "Case", "Reasoning"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a question is about: an account, the position asked about, and what else the question gives.

    Args:
        account: the account, at the marks of the question.
        symbol: the position asked about; left out, the account's first. Of legs in several pools the first pool counts.
        last_prices: last traded prices, where they differ from the marks [quote currency per base coin].
        target_price: the price that the question speaks of, if any [quote currency per base coin].
        funding_rate: funding per settlement, three a day [1]; above 0 longs pay.
        fee_rate: trading fee, as a share of the notional [1].
        volatility: of the price, a year [1].
        days: how long the question looks ahead.

    Raises:
        MarginError: a number is out of its range, or the account has no position.
        UnknownNameError: the account has no position of `symbol`.

    Example:
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> Case(account=Account(wallet_balance=10_000, positions=(btc,))).symbol
        'BTCUSDT'
    """

    account: Account
    symbol: str = ""
    last_prices: Mapping[str, float] = field(default_factory=dict)
    target_price: float | None = None
    funding_rate: float = 0.0
    fee_rate: float = 0.0
    volatility: float = 0.0
    days: float = 0.0

    def __post_init__(self) -> None:
        symbols = [position.symbol for position in self.account.positions]
        if self.symbol not in symbols:
            if self.symbol or not symbols:
                raise wrong(
                    "symbol",
                    self.symbol,
                    f"give one of {', '.join(symbols) or 'none, for there is no position'}",
                    UnknownNameError,
                )
            object.__setattr__(self, "symbol", symbols[0])
        for symbol, price in self.last_prices.items():
            positive(f"last_prices[{symbol!r}]", price)
        if self.target_price is not None:
            positive("target_price", self.target_price)
        finite("funding_rate", self.funding_rate)
        for name in ("fee_rate", "volatility", "days"):
            at_least_zero(name, getattr(self, name))

    @cached_property
    def mark_price(self) -> float:
        """The mark price of the position asked about [quote currency per base coin]."""
        return next(each.mark_price for each in self.account.positions if each.symbol == self.symbol)


def _maintenance_value(position: Position) -> float:
    """Return the value that maintenance margin is a share of: at the mark, or frozen at entry."""
    at_entry = position.maintenance_basis is MaintenanceBasis.ENTRY
    return position.entry_notional if at_entry else position.notional


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    """The steps from an account to an answer; each can be replaced by a wrong one (`dataclasses.replace`).

    Args:
        prices: the account at the prices that count: the marks.
        contract: the account with its contracts read as what they are.
        positions: the account with the positions that need margin: all of them, both legs of a hedge too.
        pools: which money stands behind which positions.
        pnl: profit or loss of a position, at the price it has there [quote currency].
        others_pnl: what a neighbour in the pool adds, from the neighbour and its profit [quote currency].
        notional: value of a position [quote currency].
        maintenance_value: the value that maintenance margin is a share of [quote currency].
        schedule: the risk table that a position's maintenance margin is read from.
        others_maintenance: what of the neighbours' maintenance margin counts [quote currency].
        bankrupt_at: the equity at which a pool is bankrupt, from its maintenance margin [quote currency].
        counted: what of today's profit or loss counts in the equity [quote currency].
        usable: the positions whose profit can be used as margin for others: those of the cross pool.
        price_found: the liquidation price, from the one found and the position [quote currency per base coin].
        left_over: what is left of the equity when a pool is liquidated [quote currency].
        ratio: the margin ratio, from equity and maintenance margin [1].
        effective_leverage: from notional, equity and the leverage setting [1].
        add_up: the loss of several pools, from the loss of each [quote currency].
        at_risk: the most that can be lost, from what the pools can lose and the notional [quote currency].
        fee_base: what a fee is a share of, from the notional and the initial margin [quote currency].
        touched: the odds of reaching a price, from those of ending beyond it and of having turned back [1].
        together: the common move that ends a pool, from the true one and the moves of each symbol alone [1].

    Example:
        >>> from dataclasses import replace
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> case = Case(account=Account(wallet_balance=600, positions=(btc,)))
        >>> forgetful = replace(RIGHT, schedule=lambda position: RiskSchedule.flat(0.0))
        >>> [round(ASKS["liquidation_price"].compute(each, case), 2) for each in (RIGHT, forgetful)]
        [54216.87, 54000.0]
    """

    prices: Callable[[Case], Account] = lambda case: case.account
    contract: Callable[[Account], Account] = lambda account: account
    positions: Callable[[Account], Account] = lambda account: account
    pools: Callable[[Account], tuple[Pool, ...]] = Account.pools
    pnl: Callable[[Position], float] = lambda position: position.unrealized_pnl
    others_pnl: Callable[[Position, float], float] = lambda _position, profit: profit
    notional: Callable[[Position], float] = lambda position: position.notional
    maintenance_value: Callable[[Position], float] = _maintenance_value
    schedule: Callable[[Position], RiskSchedule] = lambda position: position.schedule
    others_maintenance: Callable[[float], float] = lambda maintenance: maintenance
    bankrupt_at: Callable[[float], float] = lambda _maintenance: 0.0
    counted: Callable[[float], float] = lambda profit: profit
    usable: Callable[[Account], tuple[Position, ...]] = lambda account: account.pools()[0].positions
    price_found: Callable[[float | None, Position], float | None] = lambda price, _position: price
    left_over: Callable[[float], float] = lambda equity: equity
    ratio: Callable[[float, float], float] = lambda equity, maintenance: maintenance / equity if equity > 0 else inf
    effective_leverage: Callable[[float, float, float], float] = lambda notional, equity, _setting: (
        notional / equity if equity > 0 else inf
    )
    add_up: Callable[[list[float]], float] = fsum
    at_risk: Callable[[float, float], float] = lambda amount, _notional: amount
    fee_base: Callable[[float, float], float] = lambda notional, _margin: notional
    touched: Callable[[float, float], float] = lambda ends, turns_back: ends + turns_back
    together: Callable[[float | None, list[float]], float | None] = lambda move, _single: move


RIGHT = Reasoning()


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A quantity that a question may ask.

    Args:
        name: its name in questions.
        unit: "$", "fraction", "price", "x", "days" or "pools". Inverse contracts: "$" is the base coin.
        compute: the quantity, from a reasoning and a case; None where there is none, such as no liquidation price.
        show: one line of arithmetic that leads to it.

    Example:
        >>> ASKS["pnl"].unit
        '$'
    """

    name: str
    unit: str
    compute: Callable[[Reasoning, Case], float | None]
    show: Callable[[Case], str]


@dataclass(frozen=True)
class _View:
    """A case as a reasoning sees it: the pool of the symbol asked about, its legs and their neighbours."""

    reasoning: Reasoning
    pool: Pool
    legs: tuple[Position, ...]
    rest: tuple[Position, ...]

    def equity(self, marks: Mapping[str, float] | None = None) -> float:
        """Return collateral and profits."""
        r, (legs, rest) = self.reasoning, self._at(marks)
        profit = fsum([*map(r.pnl, legs), *(r.others_pnl(each, r.pnl(each)) for each in rest)])
        return self.pool.collateral + (r.counted(profit) if marks is None else profit)

    def maintenance(self, marks: Mapping[str, float] | None = None) -> float:
        """Return what the pool has to keep."""
        r, (legs, rest) = self.reasoning, self._at(marks)
        return fsum([*self._kept(legs, self.legs), r.others_maintenance(fsum(self._kept(rest, self.rest)))])

    def _kept(self, now: Iterable[Position], today: Iterable[Position]) -> list[float]:
        """Return the positions' maintenance margins; a belief about the table looks at today's position."""
        r = self.reasoning
        pairs = zip(now, today, strict=True)
        return [r.schedule(one).maintenance_margin(r.maintenance_value(each)) for each, one in pairs]

    def _at(self, marks: Mapping[str, float] | None) -> tuple[tuple[Position, ...], tuple[Position, ...]]:
        """Return legs and neighbours at other marks."""
        new = marks or {}
        moved = [tuple(each.at(new.get(each.symbol, each.mark_price)) for each in of) for of in (self.legs, self.rest)]
        return moved[0], moved[1]

    def edges(self, positions: Iterable[Position], value: Callable[[Position], float]) -> list[float]:
        """Return where, in multiples of today's value, the positions pass an edge of their tables."""
        found = {floor / value(each) for each in positions for floor in self.reasoning.schedule(each).floors[1:]}
        return [0.0, *sorted(found)]


def _account(reasoning: Reasoning, case: Case) -> Account:
    """Return the account as the reasoning reads it."""
    return reasoning.positions(reasoning.contract(reasoning.prices(case)))


def _view(reasoning: Reasoning, case: Case) -> _View | None:
    """Return the pool that backs the symbol asked about; None where the reasoning sees no such position."""
    for pool in reasoning.pools(_account(reasoning, case)):
        legs = tuple(each for each in pool.positions if each.symbol == case.symbol)
        if legs:
            return _View(reasoning, pool, legs, tuple(each for each in pool.positions if each.symbol != case.symbol))
    return None


_TINY = 1e-12


def _zeros(surplus: Callable[[float], float], edges: list[float]) -> list[float]:
    """Return where a function made of straight pieces between the edges is 0, in t > 0."""
    pieces = [*pairwise(edges), (edges[-1], inf)]
    found = []
    for low, high in pieces:
        step = (high - low) / 3 if isfinite(high) else max(low, 1.0)
        first, second = surplus(low + step), surplus(low + 2 * step)
        if first == second:
            continue
        zero = low + step - first * step / (second - first)
        slack = 1e-9 * step
        if low - slack <= zero <= high + slack and zero > _TINY:
            found.append(zero)
    return found


def _price(view: _View | None, case: Case, short_of: Callable[[_View, Mapping[str, float]], float]) -> float | None:
    """Return the price of the symbol asked about at which `short_of` is 0, the nearest to the mark."""
    if view is None:
        return None
    mark, power = view.legs[0].mark_price, view.legs[0].contract.power

    def surplus(t: float) -> float:
        return short_of(view, {case.symbol: mark * t**power})

    # What remains of a difference of equal amounts is rounding, not a price next to 0.
    scale = abs(view.pool.collateral) + fsum(each.notional + each.entry_notional for each in view.pool.positions)
    least = _TINY * scale / fsum(leg.notional for leg in view.legs)
    zeros = [zero for zero in _zeros(surplus, view.edges(view.legs, lambda leg: leg.notional)) if zero > least]
    nearest = min(zeros, key=lambda zero: max(zero, 1 / zero), default=None)
    return None if nearest is None else float(mark * nearest**power)


def _liquidation_price(reasoning: Reasoning, case: Case) -> float | None:
    view = _view(reasoning, case)
    found = _price(view, case, lambda view, marks: view.equity(marks) - view.maintenance(marks))
    return reasoning.price_found(found, view.legs[0]) if view else None


def _bankruptcy_price(reasoning: Reasoning, case: Case) -> float | None:
    def short_of(view: _View, marks: Mapping[str, float]) -> float:
        return view.equity(marks) - reasoning.bankrupt_at(view.maintenance(marks))

    return _price(_view(reasoning, case), case, short_of)


def _move(price: Callable[[Reasoning, Case], float | None], reasoning: Reasoning, case: Case) -> float | None:
    """Return a price as a move from the mark [1]."""
    found = price(reasoning, case)
    return None if found is None else found / case.mark_price - 1


def _single_moves(reasoning: Reasoning, case: Case) -> list[float]:
    """Return the move of each symbol of the pool that would end it if only that mark moved."""
    view = _view(reasoning, case)
    symbols = view.pool.symbols if view else ()
    moves = (_move(_liquidation_price, reasoning, replace(case, symbol=symbol)) for symbol in symbols)
    return [move for move in moves if move is not None]


def _common(direction: int, reasoning: Reasoning, case: Case) -> float | None:
    """Return the nearest move of all marks together, down (-1) or up (1), at which the pool is liquidated [1]."""
    view = _view(reasoning, case)
    if view is None:
        return None
    power = view.legs[0].contract.power
    today = {each.symbol: each.mark_price for each in view.pool.positions}

    def surplus(t: float) -> float:
        marks = {symbol: price * t**power for symbol, price in today.items()}
        return view.equity(marks) - view.maintenance(marks)

    zeros = _zeros(surplus, view.edges(view.pool.positions, lambda each: each.notional))
    moves = [zero**power - 1 for zero in zeros]
    there = min((move for move in moves if move * direction > 0), key=abs, default=None)
    singles = [move for move in _single_moves(reasoning, case) if move * direction > 0]
    return reasoning.together(there, singles)


def _right(ask: str, case: Case) -> float | None:
    """Return the right answer."""
    return ASKS[ask].compute(RIGHT, case)


def _sum(of: Callable[[Reasoning, Position], float], reasoning: Reasoning, case: Case) -> float:
    """Return the sum over the legs of the symbol asked about."""
    return fsum(of(reasoning, each) for each in _account(reasoning, case).positions if each.symbol == case.symbol)


def _initial(reasoning: Reasoning, position: Position) -> float:
    return reasoning.notional(position) / position.leverage


def _maintenance(reasoning: Reasoning, position: Position) -> float:
    return reasoning.schedule(position).maintenance_margin(reasoning.maintenance_value(position))


def _pnl_on_margin(reasoning: Reasoning, case: Case) -> float:
    margin = fsum(each.entry_notional / each.leverage for each in case.account.positions if each.symbol == case.symbol)
    return _sum(lambda r, position: r.pnl(position), reasoning, case) / margin


def _equity(reasoning: Reasoning, case: Case) -> float:
    view = _view(reasoning, case)
    return reasoning.pools(_account(reasoning, case))[0].collateral if view is None else view.equity()


def _pool_maintenance(reasoning: Reasoning, case: Case) -> float:
    view = _view(reasoning, case)
    return 0.0 if view is None else view.maintenance()


def _available(reasoning: Reasoning, case: Case) -> float:
    account = _account(reasoning, case)
    cross = reasoning.pools(account)[0]
    profit = reasoning.counted(fsum(map(reasoning.pnl, reasoning.usable(account))))
    return max(0.0, cross.collateral + profit - fsum(_initial(reasoning, each) for each in cross.positions))


def _margin_ratio(reasoning: Reasoning, case: Case) -> float | None:
    view = _view(reasoning, case)
    return None if view is None else reasoning.ratio(view.equity(), view.maintenance())


def _effective_leverage(reasoning: Reasoning, case: Case) -> float | None:
    view = _view(reasoning, case)
    if view is None:
        return None
    notional = fsum(reasoning.notional(each) for each in view.pool.positions)
    return reasoning.effective_leverage(notional, view.equity(), view.legs[0].leverage)


def _left_at_liquidation(reasoning: Reasoning, case: Case) -> float | None:
    view, price = _view(reasoning, case), _liquidation_price(reasoning, case)
    if view is None or price is None:
        return None
    return max(0.0, reasoning.left_over(view.equity({case.symbol: price})))


def _loss_at_liquidation(reasoning: Reasoning, case: Case) -> float | None:
    view, left = _view(reasoning, case), _left_at_liquidation(reasoning, case)
    return None if view is None or left is None else view.pool.collateral - left


def _most(reasoning: Reasoning, case: Case) -> float:
    """Return the money that the account's positions can lose: what stands behind them, or less where none is short."""
    pools = [pool for pool in reasoning.pools(_account(reasoning, case)) if pool.positions]
    amounts = []
    for pool in pools:
        bounded = all(each.exposure > 0 for each in pool.positions)  # their value can fall to 0, and no further
        worst = fsum(each.entry_cost for each in pool.positions) if bounded else inf
        amounts.append(min(pool.collateral, worst))
    return reasoning.at_risk(reasoning.add_up(amounts), fsum(each.entry_notional for each in case.account.positions))


def _money_left(reasoning: Reasoning, case: Case) -> float:
    """Return what the account has when every pool is settled at the marks; a pool below 0 is the venue's loss."""
    pools = reasoning.pools(_account(reasoning, case))
    profits = [fsum(map(reasoning.pnl, pool.positions)) for pool in pools]
    losses = [min(-profit, pool.collateral) for profit, pool in zip(profits, pools, strict=True) if profit < 0]
    gains = [*(profit for profit in profits if profit > 0), *(pool.collateral for pool in pools)]
    return fsum(gains) - reasoning.add_up(losses)


def _pool_count(reasoning: Reasoning, case: Case) -> float:
    return float(sum(bool(pool.positions) for pool in reasoning.pools(_account(reasoning, case))))


def _margin_for_target(reasoning: Reasoning, case: Case) -> float | None:
    """Return the money behind the position with which it is liquidated at the target price."""
    view = _view(reasoning, case)
    if view is None or case.target_price is None:
        return None
    marks = {case.symbol: case.target_price}
    return view.maintenance(marks) - (view.equity(marks) - view.pool.collateral)


def _funding(reasoning: Reasoning, case: Case) -> float:
    """Return what one settlement takes from the position [quote currency]; below 0 it is received."""
    of = _account(reasoning, case).positions
    parts = (reasoning.notional(each) * (1 if each.quantity > 0 else -1) for each in of if each.symbol == case.symbol)
    return fsum(parts) * case.funding_rate


def _days(reasoning: Reasoning, case: Case) -> float | None:
    """Return how long the pool can pay its funding, three times a day, while the price stands still."""
    view, paid = _view(reasoning, case), 3 * _funding(reasoning, case)
    return None if view is None or paid <= 0 else (view.equity() - view.maintenance()) / paid


def _fee_on_margin(reasoning: Reasoning, case: Case) -> float | None:
    """Return the fee for opening as a share of the initial margin [1]."""
    margin = _sum(_initial, reasoning, case)
    notional = _sum(lambda r, position: r.notional(position), reasoning, case)
    return case.fee_rate * reasoning.fee_base(notional, margin) / margin if margin else None


def _touch_probability(reasoning: Reasoning, case: Case) -> float | None:
    """Return the odds that a price without drift, on a continuous path, reaches the liquidation price [1].

    Source: Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2.
    """
    price = _liquidation_price(reasoning, case)
    spread = case.volatility * sqrt(case.days / 365)
    if price is None or price <= 0 or not spread:
        return 0.0
    away, half = log(price / case.mark_price), spread**2 / 2
    side, normal = (1 if away < 0 else -1), NormalDist()
    ends = normal.cdf(side * (away + half) / spread)
    turns_back = exp(-away) * normal.cdf(side * (away - half) / spread)
    return reasoning.touched(ends, turns_back)


def _text(value: float | None) -> str:
    """Return an amount for a line of arithmetic; no more digits than it has, at most two after the point."""
    if value is None:
        return "none"
    shown = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:,.4g}"
    return shown.rstrip("0").rstrip(".") if "." in shown and "e" not in shown else shown


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {_text(abs(value))}"


def _share(value: float) -> str:
    return f"{_text(round(100 * value, 2))} %"


def _show_pnl(case: Case) -> str:
    return " and ".join(
        f"{_text(leg.quantity)} x ({_text(leg.mark_price)} - {_text(leg.entry_price)}) = {_text(leg.unrealized_pnl)}"
        if leg.contract.power > 0
        else f"{_text(leg.quantity)} x (1/{_text(leg.entry_price)} - 1/{_text(leg.mark_price)}) = "
        f"{leg.unrealized_pnl:,.6g}"
        for leg in case.account.positions
        if leg.symbol == case.symbol
    )


def _show_pnl_on_margin(case: Case) -> str:
    profit, share = _right("pnl", case), _right("pnl_on_margin", case)
    return f"{_text(profit)} / {_text((profit or 0) / share if share else 0)} of margin = {_share(share or 0)}"


def _show_notional(case: Case) -> str:
    legs = [leg for leg in case.account.positions if leg.symbol == case.symbol]
    return " + ".join(f"{_text(abs(leg.quantity))} x {_text(leg.mark_price)}" for leg in legs) + (
        f" = {_text(_right('notional', case))}"
    )


def _show_initial(case: Case) -> str:
    legs = [leg for leg in case.account.positions if leg.symbol == case.symbol]
    return " + ".join(f"{_text(leg.notional)} / {_text(leg.leverage)}" for leg in legs) + (
        f" = {_text(fsum(map(initial_margin, legs)))}"
    )


def _show_maintenance(case: Case) -> str:
    parts = []
    for leg in case.account.positions:
        if leg.symbol == case.symbol:
            value, table = _maintenance_value(leg), leg.schedule
            tier = table.tier(value)
            amount = f" - {_text(table.amounts[tier])}" if table.amounts[tier] else ""
            parts.append(f"{_text(value)} x {_share(table.rates[tier])}{amount}")
    return " + ".join(parts) + f" = {_text(_right('maintenance_margin', case))}"


def _show_pool_maintenance(case: Case) -> str:
    view = _right_view(case)
    parts = [f"{each.symbol} {_text(_maintenance(RIGHT, each))}" for each in view.pool.positions]
    return " + ".join(parts) + f" = {_text(view.maintenance())}"


def _right_view(case: Case) -> _View:
    """Return the view of the right reasoning, which sees every position."""
    view = _view(RIGHT, case)
    if view is None:  # pragma: no cover - a case has the position that it asks about
        raise wrong("symbol", case.symbol, "not in the account", UnknownNameError)
    return view


def _show_equity(case: Case) -> str:
    view = _right_view(case)
    profit = view.equity() - view.pool.collateral
    return f"{_text(view.pool.collateral)} {_signed(profit)} of profit or loss = {_text(view.equity())}"


def _show_available(case: Case) -> str:
    cross = case.account.pools()[0]
    needed, profit = (fsum(of(each) for each in cross.positions) for of in (initial_margin, RIGHT.pnl))
    return (
        f"{_text(cross.collateral)} {_signed(profit)} of profit or loss - {_text(needed)} of initial margin = "
        f"{_text(_right('available_balance', case))}"
    )


def _show_ratio(case: Case) -> str:
    view = _right_view(case)
    return (
        f"{_text(view.maintenance())} to keep / {_text(view.equity())} of equity = "
        f"{_share(_right('margin_ratio', case) or 0)}"
    )


def _show_effective(case: Case) -> str:
    view = _right_view(case)
    notional = fsum(each.notional for each in view.pool.positions)
    return f"{_text(notional)} / {_text(view.equity())} of equity = {_text(_right('effective_leverage', case))}x"


def _show_liquidation(case: Case) -> str:
    view, price = _right_view(case), _liquidation_price(RIGHT, case)
    if price is None:
        return f"{_text(view.pool.collateral)} of collateral: no price of {case.symbol} alone uses it up"
    marks = {case.symbol: price}
    equity, keep = view.equity(marks), view.maintenance(marks)
    return (
        f"at {_text(price)}: {_text(view.pool.collateral)} {_signed(equity - view.pool.collateral)} = "
        f"{_text(equity)} left, and {_text(keep)} must be kept"
    )


def _show_bankruptcy(case: Case) -> str:
    view, price = _right_view(case), _bankruptcy_price(RIGHT, case)
    if price is None:
        return f"{_text(view.pool.collateral)} of collateral: no price of {case.symbol} alone uses it up"
    loss = view.equity({case.symbol: price}) - view.pool.collateral
    return f"at {_text(price)}: {_text(view.pool.collateral)} {_signed(loss)} = 0"


def _show_with_move(show: Callable[[Case], str], ask: str, case: Case) -> str:
    move = _right(ask, case)
    return show(case) if move is None else f"{show(case)}: a move of {100 * move:+.1f} %"


def _show_most(case: Case) -> str:
    pools = [pool for pool in case.account.pools() if pool.positions]
    behind = " + ".join(_text(pool.collateral) for pool in pools)
    return f"{behind} behind the positions, of which at most {_text(_right('most_you_can_lose', case))} can go"


def _show_money_left(case: Case) -> str:
    left = [max(0.0, fsum([pool.collateral, *map(RIGHT.pnl, pool.positions)])) for pool in case.account.pools()]
    alike = Counter(map(_text, left[1:]))
    parts = [text if count == 1 else f"{count} x {text}" for text, count in alike.items()]
    if not parts:
        return _show_equity(case)
    return f"{_text(left[0])} outside + {' + '.join(parts)} in the pools = {_text(fsum(left))}"


def _show_common(ask: str, case: Case) -> str:
    view, move = _right_view(case), _right(ask, case)
    if move is None:
        return "no move of all prices together does it"
    marks = {each.symbol: each.mark_price * (1 + move) for each in view.pool.positions}
    return (
        f"all at {100 * move:+.1f} %: {_text(view.pool.collateral)} "
        f"{_signed(view.equity(marks) - view.pool.collateral)} = {_text(view.equity(marks))} left, and "
        f"{_text(view.maintenance(marks))} must be kept"
    )


def _show_target(case: Case) -> str:
    view, price = _right_view(case), case.target_price or 0.0
    marks = {case.symbol: price}
    loss = view.pool.collateral - view.equity(marks)
    return (
        f"at {_text(price)}: {_text(loss)} of loss + {_text(view.maintenance(marks))} to keep = "
        f"{_text(_right('margin_for_target', case))}"
    )


def _show_funding(case: Case) -> str:
    paid = _right("funding", case) or 0.0
    return (
        f"{_text(_right('notional', case))} x {100 * case.funding_rate:g} % = {_text(abs(paid))} "
        f"{'received' if paid < 0 else 'paid'} each time"
    )


def _show_days(case: Case) -> str:
    view, paid = _right_view(case), 3 * (_right("funding", case) or 0.0)
    return (
        f"({_text(view.equity())} - {_text(view.maintenance())} to keep) / {_text(paid)} a day = "
        f"{_text(_right('days', case))} days"
    )


def _show_pool_count(case: Case) -> str:
    pools = [pool for pool in case.account.pools() if pool.positions]
    return f"{len(pools)}: " + ", ".join(" with ".join(pool.symbols) for pool in pools)


def _show_fee(case: Case) -> str:
    margin, notional = _right("initial_margin", case) or 0.0, _right("notional", case) or 0.0
    fee = case.fee_rate * notional
    return (
        f"{_text(notional)} x {100 * case.fee_rate:g} % = {_text(fee)}, and {_text(fee)} / {_text(margin)} of margin = "
        f"{_share(fee / margin)}"
    )


def _show_touch(case: Case) -> str:
    price, chance = _right("liquidation_price", case), _right("touch_probability", case) or 0.0
    ends = replace(RIGHT, touched=lambda ends, _turns_back: ends)
    beyond = ASKS["touch_probability"].compute(ends, case) or 0.0
    return (
        f"{_text(price)} is {_share((price or 0) / case.mark_price - 1)} away: {_share(beyond)} end beyond it, and as "
        f"many again, about, touch it and turn back: {_share(chance)}"
    )


def _asks() -> dict[str, Ask]:
    """Return every quantity that can be asked."""
    fall, rise = partial(_common, -1), partial(_common, 1)
    rows: list[tuple[str, str, Callable[[Reasoning, Case], float | None], Callable[[Case], str]]] = [
        ("pnl", "$", partial(_sum, lambda r, position: r.pnl(position)), _show_pnl),
        ("pnl_on_margin", "fraction", _pnl_on_margin, _show_pnl_on_margin),
        ("notional", "$", partial(_sum, lambda r, position: r.notional(position)), _show_notional),
        ("initial_margin", "$", partial(_sum, _initial), _show_initial),
        ("maintenance_margin", "$", partial(_sum, _maintenance), _show_maintenance),
        ("pool_maintenance", "$", _pool_maintenance, _show_pool_maintenance),
        ("equity", "$", _equity, _show_equity),
        ("available_balance", "$", _available, _show_available),
        ("margin_ratio", "fraction", _margin_ratio, _show_ratio),
        ("effective_leverage", "x", _effective_leverage, _show_effective),
        ("liquidation_price", "price", _liquidation_price, _show_liquidation),
        (
            "liquidation_move",
            "fraction",
            partial(_move, _liquidation_price),
            partial(_show_with_move, _show_liquidation, "liquidation_move"),
        ),
        ("bankruptcy_price", "price", _bankruptcy_price, _show_bankruptcy),
        (
            "bankruptcy_move",
            "fraction",
            partial(_move, _bankruptcy_price),
            partial(_show_with_move, _show_bankruptcy, "bankruptcy_move"),
        ),
        ("left_at_liquidation", "$", _left_at_liquidation, _show_liquidation),
        ("loss_at_liquidation", "$", _loss_at_liquidation, _show_liquidation),
        ("most_you_can_lose", "$", _most, _show_most),
        ("money_left", "$", _money_left, _show_money_left),
        ("common_fall", "fraction", fall, partial(_show_common, "common_fall")),
        ("common_rise", "fraction", rise, partial(_show_common, "common_rise")),
        ("margin_for_target", "$", _margin_for_target, _show_target),
        ("funding", "$", _funding, _show_funding),
        ("days", "days", _days, _show_days),
        ("fee_on_margin", "fraction", _fee_on_margin, _show_fee),
        ("touch_probability", "fraction", _touch_probability, _show_touch),
        ("pool_count", "pools", _pool_count, _show_pool_count),
    ]
    return {name: Ask(name=name, unit=unit, compute=compute, show=show) for name, unit, compute, show in rows}


ASKS: Mapping[str, Ask] = _asks()
