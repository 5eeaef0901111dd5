"""Replay over bars: the mark's high, low and close of each bar, and the funding settled at its open.

A bar does not say which came first, its high or its low. So a pool is tested where every one of its positions stands at
its own worst: longs at the mark's low, shorts at its high, all in the same bar. For a single position that is exact.
For a pool with longs and shorts it is the worst that the bar allows, and may never have happened at one moment: what
survives this test survived; what does not, may have.

`replay_bars` is the plain loop, to be read and to be stepped through. `replay_bars_fast` jumps over all bars in which
nothing can happen and runs the very same code on those that are left, so it finds the same events at the same times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import copysign, fsum
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginlib.errors import MarginError, name_text, wrong
from marginlib.margin import position_risk, risk
from marginlib.market.events import Funding, MarkPrices
from marginlib.market.paths import Bars, PricePath
from marginlib.market.replay import Action, Rules, Snapshot, in_mode, liquidate, step
from marginlib.market.walk import walk
from marginlib.model import Account, MaintenanceBasis, MarginMode, Pool, Position
from marginlib.venues import PaidFrom

Array = NDArray[np.float64]

# A pool is closed where its equity is this little below its maintenance margin, so that rounding decides nothing.
_BEYOND = 1e-9
# A bar is opened when a pool comes this near to its maintenance margin, as a share of the amounts that were added up.
_NEAR = 1e-9
# _Blocks without a settlement are cut to about this many bars: their extremes have to stay close to their bars.
_LONGEST = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class MarkBars:
    """Mark prices and funding of some symbols, bar by bar, on one clock.

    Raises:
        MarginError: shapes differ, a price is not finite and above 0, a close is outside its bar, a rate is not between
            -1 and 1. The message names symbol and bar.
    """

    symbols: tuple[str, ...]  # one for each row of the arrays
    times: Sequence[object] | NDArray[np.generic]  # when each bar opens, in any form; they are handed through
    high: Array  # highest mark price of the bar [quote currency per base coin], shape (symbols, bars)
    low: Array
    close: Array  # it values the account between bars
    # Rate settled at the bar's open, at the mark of that instant, the close before [1]; NaN where nothing is settled.
    funding: Array | None = None
    _settled: NDArray[np.intp] = field(init=False, repr=False)  # the bars at whose open anything is settled

    def __post_init__(self) -> None:
        symbols = tuple(name_text("symbol", symbol) for symbol in self.symbols)
        if not symbols or len(set(symbols)) < len(symbols):
            raise wrong("symbols", symbols, "give each symbol once, at least one")
        keep = object.__setattr__
        keep(self, "symbols", symbols)
        for name in ("high", "low", "close", *(("funding",) if self.funding is not None else ())):
            keep(self, name, self._array(name, getattr(self, name)))
        high, low, close, rates = self.high, self.low, self.close, self.funding
        self._all("low", low > 0, "a price above 0")
        self._all("high", high < np.inf, "a finite price")
        self._all("close", low <= close, "a price from low to high")
        self._all("close", close <= high, "a price from low to high")
        settled = np.empty(0, dtype=np.intp)
        if rates is not None:
            some: NDArray[np.bool_] = ~np.isnan(rates[0])
            for row in rates[1:]:
                some |= ~np.isnan(row)
            settled = np.flatnonzero(some)
            if not (np.abs(rates[:, settled]) < 1).all():
                self._all("funding", ~(np.abs(rates) >= 1), "a fraction above -1 and below 1, or NaN")
        keep(self, "_settled", settled)

    def _array(self, name: str, values: ArrayLike) -> Array:
        """Return the values as rows of floats, one row for each symbol, or refuse another shape."""
        shape = (len(self.symbols), len(self.times))
        try:
            rows = np.ascontiguousarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise MarginError(f"{name} = {type(values).__name__}: give numbers of shape {shape}") from error
        if rows.shape != shape:
            raise MarginError(f"{name}: shape {rows.shape}; give {shape}, a row a symbol and a column a bar")
        return rows

    def _all(self, name: str, right: NDArray[np.bool_], wanted: str) -> None:
        """Refuse the first value that is not right; NaN never is, in a comparison."""
        if not right.all():
            row, bar = np.unravel_index(int(np.argmin(right)), right.shape)
            where = f"{self.symbols[row]}, bar {bar} ({self.times[int(bar)]})"
            raise wrong(name, float(getattr(self, name)[row, bar]), f"{where}; give {wanted}")

    @classmethod
    def of(cls, *series: Bars, last_for_mark: bool = False) -> Self:
        """Return the mark prices and funding of some symbols' bars, which have to be on one clock.

        A bar's funding counts as settled at its open; the sum of a day's settlements, in daily bars, at the day's.
        `last_for_mark` lets the last price stand in for a mark price that the source does not have, the extremes
        widened to hold the close; else such bars are refused: venues liquidate at the mark.
        """
        if not series or any(not np.array_equal(each.times, series[0].times) for each in series):
            raise MarginError("series: give bars of at least one symbol, all of the same times")
        columns: dict[str, list[Array]] = {"high": [], "low": [], "close": []}
        for each in series:
            found = {name: getattr(each, f"mark_{name}") for name in columns}
            missing = [f"mark_{name}" for name, column in found.items() if column is None]
            if missing and not last_for_mark:
                raise MarginError(
                    f"{missing[0]} = None: {each.symbol} of {each.source} has no mark price; "
                    "give last_for_mark=True to let the last price stand in"
                )
            high, low, close = (getattr(each, name) if column is None else column for name, column in found.items())
            columns["high"].append(np.maximum(high, close) if missing else high)
            columns["low"].append(np.minimum(low, close) if missing else low)
            columns["close"].append(close)
        none = np.full(len(series[0].times), np.nan)
        rates = [none if each.funding_rate is None else each.funding_rate for each in series]
        funding = None if all(each is none for each in rates) else np.array(rates)
        rows = {name: np.array(values) for name, values in columns.items()}
        return cls(symbols=tuple(each.symbol for each in series), times=series[0].times, funding=funding, **rows)

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.times)

    @cached_property
    def blocks(self) -> _Blocks:
        """The bars gathered into blocks, from one funding settlement to the next; worked out once per data set."""
        settled, bars = self._settled, len(self)
        starts = settled if settled.size and settled[0] == 0 else np.concatenate(([0], settled)).astype(np.intp)
        if starts.size * _LONGEST < bars:
            starts = np.union1d(starts, np.arange(0, bars, _LONGEST))
        before = self.close.take(np.maximum(starts, 1) - 1, axis=1)
        rate = np.zeros_like(before) if self.funding is None else self.funding.take(starts, axis=1)
        rate[np.isnan(rate)] = 0.0
        high, low = _extremes(np.maximum, self.high, starts), _extremes(np.minimum, self.low, starts)
        np.maximum(high, before, out=high)
        np.minimum(low, before, out=low)
        lowest, highest = low.min(axis=1), high.max(axis=1)
        return _Blocks(starts=starts, high=high, low=low, before=before, rate=rate, lowest=lowest, highest=highest)

    def prices(self, bar: int) -> tuple[list[float], list[float], list[float]]:
        """Return high, low and close of every symbol in one bar, as plain floats."""
        return self.high[:, bar].tolist(), self.low[:, bar].tolist(), self.close[:, bar].tolist()

    def rates(self, bar: int) -> dict[str, float]:
        """Return the funding rates settled at the open of a bar, of the symbols that settle then."""
        if self.funding is None:
            return {}
        found = zip(self.symbols, self.funding[:, bar].tolist(), strict=True)
        return {symbol: rate for symbol, rate in found if rate == rate}  # noqa: PLR0124 - NaN is not equal to itself


def replay_bars(account: Account | Snapshot, bars: MarkBars, rules: Rules) -> Iterator[Snapshot]:
    """Yield the state at the close of every bar: the plain loop.

    At a bar's open comes its funding; where the bar does not hold the close before it, the marks jump to its nearer
    end. Then every pool is tried at its worst marks within the bar, and closed by the rules where the straight way
    there first meets its maintenance margin (a pool that is cut and safe again goes on towards the worst from there);
    then the marks are the bar's close.

    Example:
        >>> from marginlib import RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.01), leverage=10)
        >>> bars = MarkBars(symbols=("BTC",), times=[0, 1], high=[[101, 99]], low=[[98, 80]], close=[[99, 95]])
        >>> account = Account(wallet_balance=50, positions=(btc.isolated(),))
        >>> for state in replay_bars(account, bars, Rules()):
        ...     print(state.account.wallet_balance, [round(each.price, 6) for each in state.liquidations])
        50.0 []
        40.0 [90.0]
    """
    state = account if isinstance(account, Snapshot) else Snapshot.start(account)
    for bar in range(len(bars)):
        state = _bar(state, bars, bar, rules)
        yield state


def _bar(state: Snapshot, bars: MarkBars, bar: int, rules: Rules) -> Snapshot:
    """Return the state at the close of one bar, with everything that was set off in it."""
    actions: list[Action] = []
    if rates := bars.rates(bar):
        state = step(state, Funding(rates=rates), rules)
        actions.extend(state.actions)
    high, low, close = (dict(zip(bars.symbols, prices, strict=True)) for prices in bars.prices(bar))
    before = {each.symbol: each.mark_price for each in state.account.positions if each.symbol in low}
    nearest = {symbol: min(max(mark, low[symbol]), high[symbol]) for symbol, mark in before.items()}
    if nearest != before:  # a gap: no mark between the close before and this bar was ever there
        state = step(state, MarkPrices(prices=nearest), rules)
        actions.extend(state.actions)
    state = _tried(replace(state, actions=()), high, low, rules)
    actions.extend(state.actions)
    state = step(state, MarkPrices(prices=close), rules)
    return replace(state, actions=(*actions, *state.actions), time=bars.times[bar])


def _tried(state: Snapshot, high: Mapping[str, float], low: Mapping[str, float], rules: Rules) -> Snapshot:
    """Return the state after every pool was led to its worst marks in the bar, one pool after another."""
    for key in dict.fromkeys(_key(pool) for pool in state.account.pools() if pool.positions):
        while pool := next((each for each in state.account.pools() if each.positions and _key(each) == key), None):
            pool.check_plain("a replay of bars")
            worst = pool.at(_worst(pool, high, low))
            if rules.safe(worst):
                break
            touched = _touched(pool, worst)
            if rules.safe(touched):
                touched = worst  # less than a rounding apart
            marked = {id(old): new for old, new in zip(pool.positions, touched.positions, strict=True)}
            positions = tuple(marked.get(id(each), each) for each in state.account.positions)
            state = liquidate(replace(state, account=replace(state.account, positions=positions)), rules)
    return state


def _key(pool: Pool) -> tuple[str, float] | None:
    """Return what tells a pool from the others while its positions change: None for the cross pool."""
    return (pool.positions[0].symbol, copysign(1.0, pool.positions[0].quantity)) if pool.own else None


def _worst(pool: Pool, high: Mapping[str, float], low: Mapping[str, float]) -> dict[str, float]:
    """Return the worst marks of a pool in a bar: low for longs, high for shorts; for two legs the worse of both."""
    worst = {}
    for symbol in low.keys() & pool.symbols:
        legs = tuple(each for each in pool.positions if each.symbol == symbol)
        ends = (low[symbol], high[symbol])
        if len(legs) == 1:  # the commonest case, in a third of the time
            worst[symbol] = ends[legs[0].quantity < 0]
        else:
            both = Pool(collateral=0.0, positions=legs)
            tried = {end: risk(both.at({symbol: end})) for end in ends}
            worst[symbol] = min(ends, key=lambda end: tried[end].equity - tried[end].maintenance)
    return worst


def _touched(pool: Pool, worst: Pool) -> Pool:
    """Return the pool where the straight way to its worst marks first takes it below its maintenance margin.

    Along the way (in price^power) equity - maintenance is concave and made of straight pieces, so Newton's steps from
    the far end come from one side and stop, exactly, at the zero.
    """
    margin = _BEYOND * risk(worst).maintenance
    way = 1.0
    while True:
        here = _between(pool, worst, way)
        terms, slopes = [here.collateral, margin], []
        for start, end, at in zip(pool.positions, worst.positions, here.positions, strict=True):
            power = at.contract.power
            change = end.mark_price**power - start.mark_price**power
            each = position_risk(at)
            terms += (each.equity, -each.maintenance)
            rate = 0.0
            if at.maintenance_basis is MaintenanceBasis.MARK:
                # On an edge the piece before it counts: that is where the way comes from.
                rate = at.schedule.rates[at.schedule.tier(at.notional)]
            slopes.append(change * (at.exposure - rate * abs(at.quantity)))
        slope = fsum(slopes)
        following = way - fsum(terms) / slope if slope < 0 else way
        if not 0 <= following < way:
            return here
        way = following


def _between(pool: Pool, worst: Pool, way: float) -> Pool:
    """Return the pool with its marks a share of the way from here to its worst."""
    marks = {}
    for start, end in zip(pool.positions, worst.positions, strict=True):
        power = start.contract.power
        near, far = start.mark_price**power, end.mark_price**power
        marks[start.symbol] = end.mark_price if way == 1 else (near + way * (far - near)) ** power
    return pool.at(marks)


def replay_history(
    account: Account,
    history: Mapping[str, Bars] | PricePath,
    rules: Rules,
    *,
    last_for_mark: bool = False,
    insurance_fund: float = 0.0,
) -> dict[str, tuple[Snapshot, ...]]:
    """Lead an account through a history twice: every position in cross margin, and every one in isolated margin.

    Args:
        account: wallet and positions, at the marks at which they meet the history; a position in isolated margin keeps
            its own there, another sets aside its entry notional / leverage.
        history: bars by symbol, as `read_bars` gives them, on one clock; or a path of mark prices.
        rules: what the venue does.
        last_for_mark: True lets the bars' last price stand in for a mark price that their source does not have.
        insurance_fund: what the venue's fund holds at the start [quote currency].

    Returns:
        The states in "cross" and in "isolated", each with its `time`: of bars the start, the close of every bar in
        which anything was set off, and the end; of a path what `walk` gives.

    Raises:
        MarginError: the bars have no mark price or different clocks; the account cannot be held in one of the modes.

    Example:
        >>> from marginlib import RiskSchedule
        >>> bars = Bars(
        ...     symbol="BTC", times=np.array(["2020-03-12T10", "2020-03-12T11"], dtype="datetime64[s]"),
        ...     open=[100, 98], high=[101, 99], low=[97, 80], close=[98, 96],
        ... )
        >>> btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.01), leverage=10)
        >>> account = Account(wallet_balance=50, positions=(btc,))
        >>> both = replay_history(account, {"BTC": bars}, Rules(), last_for_mark=True)
        >>> {mode: states[-1].account.wallet_balance for mode, states in both.items()}
        {'cross': 50.0, 'isolated': 40.0}
    """
    modes = {mode.value: [in_mode(each, mode, rules.book) for each in account.positions] for mode in MarginMode}
    bars = None if isinstance(history, PricePath) else MarkBars.of(*history.values(), last_for_mark=last_for_mark)
    found = {}
    for mode, positions in modes.items():
        start = Snapshot.start(account.after(positions=positions), insurance_fund=insurance_fund)
        if isinstance(history, PricePath):
            found[mode] = walk(start, history.marks(), rules)
        elif bars is not None:
            run = replay_bars_fast(start, bars, rules)
            acted = [state for _, state in run.opened if state.actions]
            found[mode] = (start, *(state for state in acted if state is not run.final), run.final)
    return found


# The fast path.


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blocks:
    """Bars gathered into blocks, each from one settlement to the bar before the next.

    The last close before a block belongs to its extremes: funding is paid at it, and the account looked at.
    """

    starts: NDArray[np.intp]  # first bar of each block, shape (blocks,)
    high: Array  # highest mark price of each block, shape (symbols, blocks)
    low: Array
    before: Array  # close before the block; before the first there is none, and its own first close stands in
    rate: Array  # funding rate settled at the block's start, 0 where nothing is settled
    lowest: Array  # lowest mark price of all blocks, shape (symbols,)
    highest: Array
    _values: dict[int, Array] = field(default_factory=dict, repr=False)

    def value(self, power: int) -> Array:
        """Return funding per unit of quantity, rate x (close before the block)^power, worked out once."""
        if power not in self._values:
            self._values[power] = self.rate * self.before**power
        return self._values[power]


def _extremes(extreme: np.ufunc, values: Array, starts: NDArray[np.intp]) -> Array:
    """Return the extreme of each block, as `extreme.reduceat` does, by halves where the blocks are of one length.

    Halving reads whole rows at a time and is many times faster than reducing eight numbers twelve thousand times.
    """
    widths = np.diff(starts)
    bars = values.shape[1]
    if widths.size < 3 or (widths[1:] != widths[1]).any():  # noqa: PLR2004 - a first, a middle and a last one
        return np.asarray(extreme.reduceat(values, starts, axis=1))
    # The first and the last block may be of another length.
    first, last, width = int(starts[1]), int(starts[-1]), int(widths[1])
    middle = values[:, first:last]
    while width % 2 == 0:
        middle = extreme(middle[:, ::2], middle[:, 1::2])
        width //= 2
    if width > 1:
        middle = extreme.reduceat(middle, np.arange(0, middle.shape[1], width), axis=1)
    head, tail = (extreme.reduce(values[:, part], axis=1, keepdims=True) for part in (slice(first), slice(last, bars)))
    return np.concatenate((head, middle, tail), axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class BarRun:
    """What the fast replay found; of the bars that were opened, the states at their close, in order.

    All liquidations are among them.
    """

    final: Snapshot
    opened: tuple[tuple[int, Snapshot], ...]


def replay_bars_fast(account: Account | Snapshot, bars: MarkBars, rules: Rules) -> BarRun:
    """Return what `replay_bars` finds, opening only the bars in which something can happen.

        equity - maintenance at a block's worst marks <= that of every bar in the block

    so a block whose lower bound is above 0 is passed over as a whole, its funding added up. The bars of the other
    blocks are tried the same way, and the first that fails is run by the plain loop's code, as is the first of all: the
    account meets it at marks of its own. What depends on the data alone, `MarkBars.blocks`, is worked out once.
    """
    state = account if isinstance(account, Snapshot) else Snapshot.start(account)
    opened: list[tuple[int, Snapshot]] = []
    bar = 0
    while bar < len(bars):
        if bar > 0:
            passage = _Passage(state, bars, rules, bar)
            # The first bar in which something may happen. Too early is no fault: the plain code decides.
            if (until := min([passage.first_short(), *map(passage.first_near, passage.pools)])) > bar:
                state, bar = passage.skip(until), until
        if bar < len(bars):
            state = _bar(state, bars, bar, rules)
            opened.append((bar, state))
            bar += 1
    return BarRun(final=state, opened=tuple(opened))


class _Passage:
    """The bars from one to the end, in which an account is supposed to stay as it is but for its funding."""

    def __init__(self, state: Snapshot, bars: MarkBars, rules: Rules, begin: int) -> None:
        self.state, self.bars, self.begin, self.stop = state, bars, begin, len(bars)
        blocks = bars.blocks
        self.rows = {symbol: row for row, symbol in enumerate(bars.symbols)}
        self.first = int(blocks.starts.searchsorted(begin, side="right")) - 1
        self.starts = blocks.starts[self.first :]
        self.positions = state.account.positions
        self.pools = [pool for pool in state.account.pools() if pool.positions]
        self.isolated = any(pool.own for pool in self.pools)
        self.by_position = rules.funding_from is PaidFrom.POSITION
        self.wallet = self._after(state.account.wallet_balance, self._paid(self.positions))
        self._kept: dict[int, Array | float] = {}

    def _after(self, balance: float, paid: Array | None) -> Array | float:
        """Return a balance after each payment."""
        if paid is None:
            return balance
        left = np.cumsum(paid)
        return np.subtract(balance, left, out=left)

    def _paid(self, positions: tuple[Position, ...]) -> Array | None:
        """Return what some positions pay together at the start of each block; None where that is nothing at all."""
        blocks = self.bars.blocks
        known = [each for each in positions if each.symbol in self.rows]
        if self.bars.funding is None or not known:
            return None
        quantities = np.zeros(len(self.bars.symbols))
        for each in known:
            quantities[self.rows[each.symbol]] += each.quantity
        paid: Array = quantities @ blocks.value(known[0].contract.power)[:, self.first :]
        if self.starts[0] < self.begin:
            paid[0] = 0.0  # the bar that settles this block's funding is behind
        return paid

    def first_short(self) -> int:
        """Return the first bar in which what is free may not suffice for the funding that the account takes on."""
        if self.by_position or not self.isolated or (total := self._paid(self.positions)) is None:
            return self.stop
        blocks, here = self.bars.blocks, slice(self.first, None)
        cross = self.state.account.pools()[0]
        free = np.full(self.starts.size, cross.collateral)
        for position in cross.positions:
            row, power = self.rows.get(position.symbol), position.contract.power
            before = position.mark_price if row is None else blocks.before[row, here]
            free += position.exposure * before**power - position.entry_cost
            free -= abs(position.quantity) * before**power / position.leverage
        free -= np.cumsum(total) - total
        each_paid = [paid for each in self.positions if (paid := self._paid((each,))) is not None]
        need = np.sum([np.maximum(paid, 0.0) for paid in each_paid], axis=0)
        near = sum(map(_near, self.pools))
        short = np.flatnonzero((free <= need + near) & (need > 0))
        return int(max(self.starts[short[0]], self.begin)) if short.size else self.stop

    def _collateral(self, pool: Pool) -> Array | float:
        """Return the pool's collateral after the settlement at the start of each block."""
        if not pool.own and (not self.by_position or not self.isolated):
            # Everything is paid by the account: the wallet less what is set aside, which stays.
            return self.wallet - (self.state.account.wallet_balance - pool.collateral)
        if pool.own and not self.by_position:
            return pool.collateral
        left = self._after(pool.collateral, self._paid(pool.positions))
        if pool.own:
            self._kept[id(pool.positions[0])] = left
        return left

    def first_near(self, pool: Pool) -> int:
        """Return the first bar in which the pool comes near its maintenance margin, or the end."""
        blocks, here = self.bars.blocks, slice(self.first, None)
        collateral = self._collateral(pool)
        near = _near(pool)
        lines = _Lines(pool, self.rows, blocks)
        surplus = lines.least(blocks.low[:, here], blocks.high[:, here]) + collateral
        limit = self.stop
        if pool.own and not isinstance(collateral, float):
            # Where the margin cannot pay, what follows is for the plain loop to say.
            used_up = np.flatnonzero(collateral <= near)
            limit = int(max(self.starts[used_up[0]], self.begin)) if used_up.size else self.stop
        failing = np.flatnonzero(surplus <= near)
        ends = np.append(self.starts[1:], self.stop)
        # Open the failing blocks a few at a time, then more: the first is usually the one.
        size = 16
        while failing.size:
            some, failing, size = failing[:size], failing[size:], size * 8
            starts = np.maximum(self.starts[some], self.begin)
            if starts[0] >= limit:
                break
            lengths = ends[some] - starts
            behind = np.concatenate(([0], np.cumsum(lengths)[:-1]))
            inside = np.repeat(starts - behind, lengths) + np.arange(lengths.sum())
            kept = collateral if isinstance(collateral, float) else np.repeat(collateral[some], lengths)
            earlier = self.bars.close[:, inside - 1]  # counted in, as nothing is tried here before the second bar
            low, high = np.minimum(self.bars.low[:, inside], earlier), np.maximum(self.bars.high[:, inside], earlier)
            found = np.flatnonzero(lines.least(low, high) + kept <= near)
            if found.size:
                return min(limit, int(inside[found[0]]))
        return limit

    def skip(self, until: int) -> Snapshot:
        """Return the state at the open of bar `until`."""
        count = int(self.starts.searchsorted(until, side="left"))
        account = self.state.account
        wallet = self.wallet if isinstance(self.wallet, float) else float(self.wallet[count - 1])
        close = dict(zip(self.bars.symbols, self.bars.prices(until - 1)[2], strict=True))
        positions = []
        for each in account.positions:
            left = self._kept.get(id(each), each.isolated_margin)  # of its own margin, after the settlements
            margin = left if left is None or isinstance(left, float) else float(left[count - 1])
            mark_price = close.get(each.symbol, each.mark_price)
            positions.append(replace(each, mark_price=mark_price, isolated_margin=margin))
        ledger = replace(self.state.ledger, funding=self.state.ledger.funding + account.wallet_balance - wallet)
        return replace(
            self.state,
            account=account.after(wallet_balance=wallet, positions=positions),
            ledger=ledger,
            mark_prices=MappingProxyType({**self.state.mark_prices, **close}),
            event=MarkPrices(prices=close),
            actions=(),
            time=self.bars.times[until - 1],
        )


def _near(pool: Pool) -> float:
    """Return how near to 0 a surplus is taken for rounding: a share of the amounts that were added up, roughly."""
    return _NEAR * fsum([abs(pool.collateral), *(abs(position.entry_cost) for position in pool.positions)])


class _Lines:
    """*Equity - maintenance* of a pool, collateral aside, as lines in price^power: one for each tier reached."""

    def __init__(self, pool: Pool, rows: Mapping[str, int], blocks: _Blocks) -> None:
        self.constant = 0.0
        self.power = pool.positions[0].contract.power  # an account holds contracts of one kind
        self.straight = np.zeros((2, len(rows)))  # slopes of longs, and of shorts
        self.bent: list[tuple[int, list[Position], list[list[tuple[float, float]]]]] = []
        for symbol in pool.symbols:
            legs = [position for position in pool.positions if position.symbol == symbol]
            row = rows.get(symbol)
            if row is None:
                now = risk(Pool(collateral=0.0, positions=tuple(legs)))  # without bars, at its own mark
                self.constant += now.equity - now.maintenance
                continue
            pieces = [_pieces(leg, float(blocks.lowest[row]), float(blocks.highest[row])) for leg in legs]
            if len(legs) > 1 or len(pieces[0]) > 1:
                self.bent.append((row, legs, pieces))
                continue
            # One tier for all these prices: the commonest case is one product for all positions.
            (intercept, slope), leg = pieces[0][0], legs[0]
            self.straight[int(leg.quantity < 0), row] += slope
            self.constant += intercept

    def least(self, low: Array, high: Array) -> Array:
        """Return the least that each column's extremes allow: a long is tried at the low, a short at the high."""
        least = np.full(low.shape[1], self.constant)
        for slopes, prices in zip(self.straight, (low, high), strict=True):
            if slopes.any():
                least += slopes @ (prices if self.power == 1 else prices**self.power)
        for row, legs, pieces in self.bent:
            # Two legs of one symbol are tried at both ends.
            ends = [low[row], high[row]] if len(legs) > 1 else [(low if legs[0].quantity > 0 else high)[row]]
            tried = np.zeros((len(ends), low.shape[1]))
            for place, end in enumerate(ends):
                for lines in pieces:
                    tried[place] += np.min([start + slope * end**self.power for start, slope in lines], axis=0)
            least += tried.min(axis=0)
        return least


def _pieces(leg: Position, lowest: float, highest: float) -> list[tuple[float, float]]:
    """Return (intercept, slope) of *PnL - maintenance* along price^power, for each tier that the prices reach."""
    base = -leg.entry_cost
    if leg.maintenance_basis is MaintenanceBasis.ENTRY:
        return [(base - position_risk(leg).maintenance, leg.exposure)]
    size, schedule = abs(leg.quantity), leg.schedule
    reached = sorted(price**leg.contract.power for price in (lowest, highest, leg.mark_price))
    first, last = (bisect_right(schedule.floors, size * value) - 1 for value in (reached[0], reached[-1]))
    return [(base + schedule.amounts[k], leg.exposure - size * schedule.rates[k]) for k in range(first, last + 1)]
