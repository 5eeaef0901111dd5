"""What follows from an event: the only place where the state of an account moves.

`step` takes a `Snapshot`, an event and the `Rules`, and returns the next snapshot; `replay` does so for one event after
another. After every event each pool is looked at, and one whose equity no longer exceeds its maintenance margin is
liquidated by the policy that the rules name. What the venues do differently (who is closed first, how much, who keeps
what is left, which wallet pays) is data in `Rules`, never a branch in a formula.

Money is neither made nor lost. The `Ledger` says where it went:

    deposits - withdrawals + fund at start
        = wallet (isolated margins included) + fees + funding paid + insurance fund + counterparties
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import singledispatch
from math import copysign, fsum
from types import MappingProxyType
from typing import NamedTuple, Self

from marginlib.errors import MarginError, at_least_zero, fraction, positive, wrong
from marginlib.margin import (
    Risk,
    add_isolated_margin,
    available_balance,
    max_addable_margin,
    position_risk,
    remove_isolated_margin,
    risk,
)
from marginlib.market.events import (
    AddIsolatedMargin,
    Deposit,
    Event,
    Fill,
    Funding,
    MarkPrices,
    RemoveIsolatedMargin,
    SetLeverage,
    SetMarginMode,
    Withdrawal,
)
from marginlib.model import Account, Contract, Health, MarginMode, Pool, Position
from marginlib.venues import Rulebook

__all__ = [
    "MODE_CHANGES",
    "Cut",
    "Ledger",
    "Leftover",
    "Liquidation",
    "ModeChange",
    "PaidFrom",
    "Replenishment",
    "Rules",
    "Setting",
    "Snapshot",
    "fifth_first",
    "full_close",
    "largest_loss_first",
    "largest_maintenance_first",
    "largest_notional_first",
    "liquidate",
    "replay",
    "step",
    "step_down",
]

# Two amounts that differ by less than this share of what was added up are the same amount.
_ROUNDING = 1e-12


class PaidFrom(Enum):
    """Which money an isolated position's fee or funding is taken from. A cross position has only the wallet."""

    ACCOUNT = "account"  # what is free first; the position's margin where that does not suffice
    POSITION = "position"  # the position's margin first; what is free where that does not suffice


class Leftover(Enum):
    """Who gets what is left of the maintenance margin when a position is taken over."""

    KEPT = "kept"  # the insurance fund: the owner is settled at the bankruptcy price
    RETURNED = "returned"  # the owner: settled at the mark price, less the clearance fee


class ModeChange(Enum):
    """When a venue lets the margin mode be changed."""

    ANY_TIME = "any time"  # with a position open too, if the margin suffices
    WHEN_FLAT = "when flat"  # not with a position of that symbol open
    WHOLE_ACCOUNT = "whole account"  # one mode for everything
    CROSS_ONLY = "cross only"  # there is no isolated mode


MODE_CHANGES: Mapping[str, ModeChange] = MappingProxyType(
    {
        "binance_usdm": ModeChange.WHEN_FLAT,  # error -4048
        "binance_usdm_multi_assets": ModeChange.CROSS_ONLY,
        "bybit": ModeChange.WHOLE_ACCOUNT,
        "vega": ModeChange.ANY_TIME,
    }
)
"""The rule on changing the margin mode, by venue: error code -4048 at Binance, the account-wide mode at Bybit."""


class Cut(NamedTuple):
    """One order of a liquidation policy: close this share of that position.

    Args:
        position: index among the pool's positions.
        share: how much of its quantity [1], above 0 and at most 1.
        taken_over: True where the venue takes the position over at its bankruptcy price, instead of selling it in the
            market at the mark price for the owner's account.

    Example:
        >>> Cut(0, 0.2, taken_over=False).share
        0.2
    """

    position: int
    share: float
    taken_over: bool


Order = Callable[[Pool], Sequence[int]]
"""Says in which order a pool's positions are liquidated, as indices among them."""

Policy = Callable[[Pool, int], Sequence[Cut]]
"""Says what to close of a pool that is liquidatable, given how often it has been cut in this event already."""


def _order_by(measure: Callable[[Position], float]) -> Order:
    """Return the order of falling measure; equals keep the order of the account."""
    return lambda pool: sorted(range(len(pool.positions)), key=lambda index: -measure(pool.positions[index]))


def largest_loss_first(pool: Pool) -> Sequence[int]:
    """Return the positions' indices, the one with the largest unrealized loss first.

    Args:
        pool: the pool to be liquidated.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=1, price=3_000, schedule=flat)
        >>> largest_loss_first(Pool(collateral=600, positions=(btc, eth.at(2_900))))
        [1, 0]
    """
    return _order_by(lambda position: -position.unrealized_pnl)(pool)


def largest_notional_first(pool: Pool) -> Sequence[int]:
    """Return the positions' indices, the one with the largest notional first.

    Args:
        pool: the pool to be liquidated.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=3, price=3_000, schedule=flat)
        >>> largest_notional_first(Pool(collateral=600, positions=(btc, eth)))
        [1, 0]
    """
    return _order_by(lambda position: position.notional)(pool)


def largest_maintenance_first(pool: Pool) -> Sequence[int]:
    """Return the positions' indices, the one that needs the most maintenance margin first.

    Args:
        pool: the pool to be liquidated.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=3, price=3_000, schedule=RiskSchedule.flat(0.001))
        >>> largest_maintenance_first(Pool(collateral=600, positions=(btc, eth)))  # 24 and 9
        [0, 1]
    """
    return _order_by(lambda position: position_risk(position).maintenance)(pool)


def full_close(order: Order | None = None) -> Policy:
    """Return the policy that takes positions over whole: the pool at once, or one position after another.

    Args:
        order: which position goes first, until the rest is safe; None takes the whole pool over at once. With
            `Leftover.KEPT` taking one cross position over never helps the rest: equity leaves pro rata to maintenance.

    Example:
        >>> from marginlib import RiskSchedule
        >>> eth = Position.open(symbol="ETHUSDT", quantity=1, price=3_000, schedule=RiskSchedule.flat(0.004))
        >>> full_close()(Pool(collateral=10, positions=(eth,)), 0)
        [Cut(position=0, share=1.0, taken_over=True)]
    """

    def policy(pool: Pool, _cuts: int) -> list[Cut]:
        chosen = range(len(pool.positions)) if order is None else order(pool)[:1]
        return [Cut(index, 1.0, taken_over=True) for index in chosen]

    return policy


def step_down(tiers: int = 1, order: Order = largest_loss_first) -> Policy:
    """Return the policy that sells down to a safer tier, and takes over what is in the safest tiers already.

        sold: notional - upper edge of the tier that is `tiers` below

    Args:
        tiers: how many tiers at a time: 1 as Binance's smart liquidation, 2 as OKX. A position that has not as many
            tiers below it is taken over at its bankruptcy price.
        order: which position goes first; one that can be sold down is always tried before a take-over.

    Raises:
        MarginError: `tiers` is not a whole number of 1 or more.

    Example:
        >>> from marginlib import RiskSchedule
        >>> table = [(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50)]
        >>> schedule = RiskSchedule.from_brackets(table)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=25, price=4_000, schedule=schedule)
        >>> cut, = step_down()(Pool(collateral=100, positions=(eth,)), 0)
        >>> cut.position, round(cut.share, 6), cut.taken_over
        (0, 0.5, False)

    Source: Binance, "Liquidation protocols" (smart liquidation); OKX, "partial liquidation".
    """
    if not isinstance(tiers, int) or tiers < 1:
        raise wrong("tiers", tiers, "give a whole number of 1 or more")

    def policy(pool: Pool, _cuts: int) -> list[Cut]:
        ordered = order(pool)
        for index in ordered:
            position = pool.positions[index]
            below = position.schedule.tier(position.notional) - tiers
            if below >= 0:
                keep = position.schedule.floors[below + 1] / position.notional
                # A hair below the edge, or rounding leaves the position in the tier that it is to leave.
                return [Cut(index, min(1.0, 1.0 - keep * (1 - _ROUNDING)), taken_over=False)]
        return [Cut(ordered[0], 1.0, taken_over=True)]

    return policy


def fifth_first(
    *,
    share: float = 0.2,
    above: float = 100_000.0,
    backstop: float = 2 / 3,
    order: Order = largest_loss_first,
) -> Policy:
    """Return the policy that sells a fifth of a large position first, and the whole of it if that was not enough.

    A pool whose equity is below `backstop` of its maintenance margin is taken over whole, collateral and all.

    Args:
        share: what is sold first of a large position [1].
        above: notional from which a position is large [quote currency].
        backstop: share of the maintenance margin below which the vault takes over [1].
        order: which position goes first.

    Raises:
        MarginError: a share is out of its range.

    Example:
        >>> from marginlib import RiskSchedule
        >>> eth = Position.open(symbol="ETHUSDT", quantity=50, price=3_000, schedule=RiskSchedule.flat(0.01))
        >>> fifth_first()(Pool(collateral=1_200, positions=(eth,)), 0)
        [Cut(position=0, share=0.2, taken_over=False)]

    Source: Hyperliquid documentation, "Liquidations": the cooldown of 30 seconds, in which the whole position is sold,
    is the rest of the same event here.
    """
    positive("share", fraction("share", share))
    at_least_zero("above", above)
    fraction("backstop", backstop)

    def policy(pool: Pool, cuts: int) -> Sequence[Cut]:
        now = risk(pool)
        if now.equity < backstop * now.maintenance:
            return full_close()(pool, cuts)
        index = order(pool)[0]
        first = cuts == 0 and pool.positions[index].notional > above
        return [Cut(index, share if first else 1.0, taken_over=False)]

    return policy


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a venue does with an account, as data.

    Args:
        book: risk tiers and the case of equality; needed to open a position of a symbol that is not held yet.
        policy: what is closed when a pool is liquidatable; `full_close()`, `step_down()` and `fifth_first()` make some.
        leftover: who gets what is left when a position is taken over. `KEPT` makes the take-over of one cross position
            no help to the rest, whatever the policy's order: equity leaves pro rata to maintenance margin.
        clearance_fee_rate: fee on the notional closed by force, paid into the insurance fund [1]. It never takes more
            than the equity behind what is closed.
        fee_from: which money pays the fee of an isolated position's fill.
        funding_from: which money pays the funding of an isolated position.
        mode_change: when the margin mode may be changed; `MODE_CHANGES` has some venues'.
        replenish: isolated symbols with auto margin replenishment: instead of being liquidated they draw one initial
            margin after another from the available balance, until they hold their whole entry value.

    Raises:
        MarginError: the clearance fee rate is not at least 0 and below 1.

    Example:
        >>> Rules(clearance_fee_rate=0.0125, mode_change=MODE_CHANGES["binance_usdm"]).leftover
        <Leftover.KEPT: 'kept'>
    """

    book: Rulebook | None = None
    policy: Policy = full_close()  # noqa: RUF009 - a function, not a mutable value
    leftover: Leftover = Leftover.KEPT
    clearance_fee_rate: float = 0.0
    fee_from: PaidFrom = PaidFrom.ACCOUNT
    funding_from: PaidFrom = PaidFrom.POSITION
    mode_change: ModeChange = ModeChange.WHEN_FLAT
    replenish: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        fraction("clearance_fee_rate", self.clearance_fee_rate)
        object.__setattr__(self, "replenish", frozenset(self.replenish))

    def safe(self, pool: Pool) -> bool:
        """Return whether the venue leaves the pool alone; a pool without positions is always safe."""
        now = risk(pool)
        return not pool.positions or (self.book.health(now) if self.book else now.health) is Health.HEALTHY


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Where the money came from and where it went, added up since the start.

        deposits - withdrawals + fund_at_start = wallet + fees + funding + insurance_fund + counterparties

    Args:
        deposits: paid in, the first wallet balance included [quote currency].
        withdrawals: taken out.
        fees: trading fees, received by the venue.
        funding: funding paid less received, which the other side of the contracts got.
        insurance_fund: what the fund holds now.
        fund_at_start: what it held before the first event.
        counterparties: what those who traded against the account have realized on it; minus its own realized PnL.
        deleveraged: the part that the counterparties went without, because a loss was larger than the collateral and
            the fund was empty. A note, not money: `counterparties` is net of it.

    Example:
        >>> Ledger(deposits=1_000.0, fees=2.0).imbalance(wallet_balance=998.0)
        0.0
    """

    deposits: float = 0.0
    withdrawals: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    insurance_fund: float = 0.0
    fund_at_start: float = 0.0
    counterparties: float = 0.0
    deleveraged: float = 0.0

    def imbalance(self, wallet_balance: float) -> float:
        """Return the money that is missing (-) or too much (+) beside this wallet, as a share of all that came in [1].

        Args:
            wallet_balance: the account's wallet, isolated margins included [quote currency].
        """
        held = fsum((wallet_balance, self.fees, self.funding, self.insurance_fund, self.counterparties))
        came = self.deposits + self.fund_at_start
        return (held - (came - self.withdrawals)) / (came or 1.0)


class Setting(NamedTuple):
    """What is set for a symbol before it is held.

    Args:
        leverage: the multiple [1].
        margin_mode: cross or isolated.

    Example:
        >>> Setting().margin_mode
        <MarginMode.CROSS: 'cross'>
    """

    leverage: float = 1.0
    margin_mode: MarginMode = MarginMode.CROSS


@dataclass(frozen=True, kw_only=True, slots=True)
class Liquidation:
    """A position, or a share of one, that was closed by force.

    Args:
        symbol: the contract.
        quantity: what was closed, with the sign that the position had [base coin].
        price: at which the owner was settled [quote currency per base coin]: the mark price, or the bankruptcy price
            where the position was taken over and the leftover kept. Where money was missing, the price at which the
            collateral was used up.
        mark_price: of that moment.
        taken_over: True where the venue took the position over; False where it was sold for the owner.
        realized_pnl: PnL at the mark price [quote currency].
        fee: clearance fee [quote currency].
        kept: what the insurance fund got besides the fee [quote currency].
        fund_paid: what the insurance fund paid of the loss beyond the collateral [quote currency].
        deleveraged: what the counterparties went without, the fund being empty [quote currency].
        isolated: True where the pool was an isolated one.

    Example:
        >>> from marginlib import RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.01), leverage=10)
        >>> start = Snapshot.start(Account(wallet_balance=50, positions=(btc.isolated(),)))
        >>> closed, = step(start, MarkPrices(prices={"BTC": 90.5}), Rules()).liquidations
        >>> closed.price, closed.kept
        (90.0, 0.5)
    """

    symbol: str
    quantity: float
    price: float
    mark_price: float
    taken_over: bool
    realized_pnl: float
    fee: float
    kept: float
    fund_paid: float
    deleveraged: float
    isolated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Replenishment:
    """Margin that an isolated position drew from the available balance instead of being liquidated.

    Args:
        symbol: the position.
        amount: how much [quote currency].

    Example:
        >>> Replenishment(symbol="BTCUSDT", amount=600.0).amount
        600.0
    """

    symbol: str
    amount: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The whole state after an event: the account, where the money is, and what the event set off.

    Args:
        account: positions and wallet.
        ledger: where the money came from and went.
        mark_prices: the last mark price of every symbol seen.
        settings: leverage and margin mode set for symbols not held.
        event: what happened last; None at the start.
        actions: liquidations and replenishments that the event set off, in order.
        time: when, in whatever the data calls time; None where it does not say.

    Example:
        >>> Snapshot.start(Account(wallet_balance=1_000)).ledger.deposits
        1000.0
    """

    account: Account
    ledger: Ledger
    mark_prices: Mapping[str, float]
    settings: Mapping[str, Setting]
    event: Event | None = None
    actions: tuple[Liquidation | Replenishment, ...] = ()
    time: object = None

    @classmethod
    def start(cls, account: Account, *, insurance_fund: float = 0.0) -> Self:
        """Return the state before the first event.

        Args:
            account: the account; its wallet balance counts as deposited.
            insurance_fund: what the venue's fund holds [quote currency].

        Raises:
            MarginError: the fund is below 0 or not finite.
        """
        fund = at_least_zero("insurance_fund", insurance_fund)
        return cls(
            account=account,
            ledger=Ledger(deposits=account.wallet_balance, insurance_fund=fund, fund_at_start=fund),
            mark_prices=MappingProxyType({each.symbol: each.mark_price for each in account.positions}),
            settings=MappingProxyType({}),
        )

    @property
    def liquidations(self) -> tuple[Liquidation, ...]:
        """The liquidations among the actions."""
        return tuple(action for action in self.actions if isinstance(action, Liquidation))

    @property
    def imbalance(self) -> float:
        """The money missing or too much, as a share of all that came in [1]: 0 but for rounding."""
        return self.ledger.imbalance(self.account.wallet_balance)


def step(before: Snapshot, event: Event, rules: Rules) -> Snapshot:
    """Return the state after an event and after everything that the venue does because of it.

    First the event itself, then replenishment and liquidation of every pool whose equity <= maintenance margin.

    Args:
        before: the state that the event meets.
        event: what happens.
        rules: what the venue does.

    Raises:
        MarginError: the venue would refuse the event; the message says why, and nothing has changed.

    Example:
        >>> from marginlib import rulebook
        >>> rules = Rules(book=rulebook("binance_usdm", "2026-09-29"))
        >>> state = Snapshot.start(Account(wallet_balance=1_000))
        >>> state = step(state, SetLeverage(symbol="BTCUSDT", leverage=10), rules)
        >>> state = step(state, Fill(symbol="BTCUSDT", quantity=0.1, price=60_000, fee_rate=0.0005), rules)
        >>> state = step(state, MarkPrices(prices={"BTCUSDT": 50_000}), rules)
        >>> [(each.symbol, each.quantity) for each in state.liquidations], state.account.wallet_balance
        ([('BTCUSDT', 0.1)], 0.0)
    """
    return liquidate(_apply(event, replace(before, event=event, actions=()), rules), rules)


def replay(
    account: Account | Snapshot, events: Iterable[Event], rules: Rules, *, insurance_fund: float = 0.0
) -> Iterator[Snapshot]:
    """Yield the state at the start and after every event.

    Args:
        account: what to start from; a snapshot goes on with its ledger, and `insurance_fund` is then not read.
        events: what happens, in order; they are taken one at a time, so a generator will do.
        rules: what the venue does.
        insurance_fund: what the venue's fund holds at the start [quote currency].

    Raises:
        MarginError: the venue would refuse an event.

    Example:
        >>> events = [Deposit(amount=500), Withdrawal(amount=200)]
        >>> [each.account.wallet_balance for each in replay(Account(wallet_balance=1_000), events, Rules())]
        [1000.0, 1500.0, 1300.0]
    """
    state = account if isinstance(account, Snapshot) else Snapshot.start(account, insurance_fund=insurance_fund)
    yield state
    for event in events:
        state = step(state, event, rules)
        yield state


# Each event's own effect, before anybody looks at the health of a pool.


@singledispatch
def _apply(event: object, _state: Snapshot, _rules: Rules) -> Snapshot:
    """Return the state after the event alone."""
    raise wrong("event", event, "give one of the records of marginlib.market.events")


@_apply.register
def _(event: Deposit, state: Snapshot, _rules: Rules) -> Snapshot:
    return _booked(state, wallet=event.amount, deposits=event.amount)


@_apply.register
def _(event: Withdrawal, state: Snapshot, _rules: Rules) -> Snapshot:
    # Open profit may back a position, but it is not yet money that could leave.
    free = max(0.0, min(available_balance(state.account), state.account.pools()[0].collateral))
    if event.amount > free:
        raise wrong("amount", event.amount, f"at most {free:g} can be withdrawn now")
    return _booked(state, wallet=-event.amount, withdrawals=event.amount)


@_apply.register
def _(event: MarkPrices, state: Snapshot, _rules: Rules) -> Snapshot:
    held = {position.symbol for position in state.account.positions}
    account = state.account.at({symbol: price for symbol, price in event.prices.items() if symbol in held})
    return replace(state, account=account, mark_prices=MappingProxyType({**state.mark_prices, **event.prices}))


@_apply.register
def _(event: AddIsolatedMargin, state: Snapshot, _rules: Rules) -> Snapshot:
    return replace(state, account=add_isolated_margin(state.account, event.symbol, event.amount))


@_apply.register
def _(event: RemoveIsolatedMargin, state: Snapshot, _rules: Rules) -> Snapshot:
    return replace(state, account=remove_isolated_margin(state.account, event.symbol, event.amount))


@_apply.register
def _(event: Fill, state: Snapshot, rules: Rules) -> Snapshot:
    held = _held(state, event.symbol)
    size = abs(held.quantity) + abs(event.quantity) if held else 0.0
    after = event.quantity + (held.quantity if held else 0.0)
    if abs(after) <= _ROUNDING * size:
        after = 0.0  # what subtracting floats left over is no position
    if held is None or held.quantity * event.quantity > 0:
        closed, opened = 0.0, event.quantity
    else:
        flips = held.quantity * after < 0
        closed, opened = (held.quantity, after) if flips else (held.quantity - after, 0.0)
    traded = state if held is None or not closed else _closed(state, held, closed, event.price)
    if opened:
        traded = _opened(traded, event, opened, rules)
    return _charged(traded, event, rules, before=state if opened else None)


@_apply.register
def _(event: Funding, state: Snapshot, rules: Rules) -> Snapshot:
    for symbol, rate in event.rates.items():
        for position in state.account.positions:
            if position.symbol == symbol:
                state = _funded(state, position, rate * copysign(position.notional, position.quantity), rules)
    return state


@_apply.register
def _(event: SetLeverage, state: Snapshot, rules: Rules) -> Snapshot:
    held = _held(state, event.symbol)
    if held is None:
        if rules.book is not None:
            rules.book.schedule(event.symbol).max_notional(event.leverage)  # refuses what no tier allows
        return _set(state, event.symbol, _setting(state, event.symbol)._replace(leverage=event.leverage))
    moved = replace(held, leverage=event.leverage)
    if held.isolated_margin is not None:
        # A lower leverage asks for more margin; what a higher one would free is left where it is, until it is removed.
        moved = replace(moved, isolated_margin=max(held.isolated_margin, moved.entry_notional / moved.leverage))
    changed = replace(state, account=_swap(state.account, held, moved))
    return _affordable(state, changed, f"leverage = {event.leverage!r}")


@_apply.register
def _(event: SetMarginMode, state: Snapshot, rules: Rules) -> Snapshot:
    _allow_mode_change(event, state, rules.mode_change)
    mode, changed = event.margin_mode, state
    symbols = dict.fromkeys((*state.mark_prices, *state.settings)) if event.symbol is None else (event.symbol,)
    for symbol in symbols:
        changed = _set(changed, symbol, _setting(state, symbol)._replace(margin_mode=mode))
    turned = tuple(
        _in_mode(position, mode) if position.symbol in symbols else position for position in state.account.positions
    )
    changed = replace(changed, account=state.account.after(positions=turned))
    return _affordable(state, changed, f"margin_mode = {mode}")


def _in_mode(position: Position, mode: MarginMode) -> Position:
    """Return the position in that mode; one that is in it already is left as it is, its margin included."""
    if position.margin_mode is mode:
        return position
    return {MarginMode.CROSS: position.cross, MarginMode.ISOLATED: position.isolated}[mode]()


def _allow_mode_change(event: SetMarginMode, state: Snapshot, rule: ModeChange) -> None:
    """Refuse a change of mode as the venue does."""
    mode = event.margin_mode
    if rule is ModeChange.CROSS_ONLY and mode is not MarginMode.CROSS:
        msg = f"margin_mode = {mode}: this venue knows cross margin only; keep MarginMode.CROSS"
    elif rule is ModeChange.WHOLE_ACCOUNT and event.symbol is not None:
        msg = f"symbol = {event.symbol!r}: this venue has one margin mode for the whole account; leave the symbol out"
    elif rule is ModeChange.WHEN_FLAT and (open_ := _in_the_way(event, state)):
        msg = f"margin_mode = {mode}: refused while {open_} is open; close it first, then change the mode"
    elif rule is not ModeChange.WHOLE_ACCOUNT and event.symbol is None:
        msg = "symbol = None: this venue has a margin mode for each symbol; name one"
    else:
        return
    raise MarginError(msg)


def _in_the_way(event: SetMarginMode, state: Snapshot) -> str:
    """Return the open positions whose mode the event would change."""
    return ", ".join(
        position.symbol
        for position in state.account.positions
        if event.symbol in {None, position.symbol} and position.margin_mode is not event.margin_mode
    )


def _closed(state: Snapshot, held: Position, closed: float, price: float) -> Snapshot:
    """Return the state after `closed` of a position was sold at `price`; its share of the isolated margin comes free.

    realized PnL = closed x (price - entry)
    """
    power = held.contract.power
    realized = closed * power * (price**power - held.entry_price**power)
    rest = _rest(held, closed / held.quantity)
    try:
        return _booked(state, wallet=realized, swap=(held, rest), counterparties=-realized)
    except MarginError as error:
        raise wrong(
            "price", price, f"closing {held.symbol} there would lose {-realized:g}, more than the wallet can pay"
        ) from error


def _opened(state: Snapshot, event: Fill, quantity: float, rules: Rules) -> Snapshot:
    """Return the state after a position was opened or added to; an isolated one takes its initial margin with it.

    average entry price = (quantity x entry + added x price) / (quantity + added)
    """
    held = _held(state, event.symbol)
    new = _new_position(state, event, quantity, rules) if held is None else _grown(held, quantity, event.price)
    if new.isolated_margin is not None:
        moved = new.isolated_margin - (held.isolated_margin or 0.0 if held else 0.0)
        most = max_addable_margin(state.account)
        if moved > most * (1 + _ROUNDING):
            raise wrong("quantity", event.quantity, f"{event.symbol} sets {moved:g} aside, and {most:g} is available")
    marks = MappingProxyType({event.symbol: event.price, **state.mark_prices})
    return replace(state, account=_swap(state.account, held, new), mark_prices=marks)


def _new_position(state: Snapshot, event: Fill, quantity: float, rules: Rules) -> Position:
    """Return the position that a fill opens, in the mode and with the leverage set for its symbol."""
    if rules.book is None:
        raise MarginError(
            f"rules.book = None: give a Rulebook with the risk tiers of {event.symbol} to open a position in it"
        )
    setting = _setting(state, event.symbol)
    mark = state.mark_prices.get(event.symbol, event.price)
    new = rules.book.position(event.symbol, quantity, event.price, mark_price=mark, leverage=setting.leverage)
    return _in_mode(new, setting.margin_mode)


def _grown(held: Position, quantity: float, price: float) -> Position:
    """Return the position after adding to it; price^power is averaged, for profit is a straight line in that."""
    power = held.contract.power
    total = held.quantity + quantity
    value = held.quantity * held.entry_price**power + quantity * price**power
    margin = held.isolated_margin
    added = abs(quantity) * price**power / held.leverage
    entry = (value / total) ** power
    return replace(held, quantity=total, entry_price=entry, isolated_margin=None if margin is None else margin + added)


def _charged(state: Snapshot, event: Fill, rules: Rules, *, before: Snapshot | None) -> Snapshot:
    """Return the state after the fill's fee was paid, or refuse a fill that asks for more than is available."""
    held = _held(state, event.symbol)
    contract = held.contract if held else rules.book.contract if rules.book else Contract.LINEAR
    fee = event.fee_rate * abs(event.quantity) * event.price**contract.power
    swap: tuple[Position, Position] | None = None
    if held is not None and held.isolated_margin is not None and rules.fee_from is PaidFrom.POSITION:
        if fee >= held.isolated_margin:
            raise wrong("fee_rate", event.fee_rate, f"a fee of {fee:g} uses the isolated margin of {event.symbol} up")
        swap = (held, replace(held, isolated_margin=held.isolated_margin - fee))
    try:
        paid = _booked(state, wallet=-fee, swap=swap, fees=fee)
    except MarginError as error:
        raise wrong("fee_rate", event.fee_rate, f"the wallet cannot pay a fee of {fee:g}") from error
    return paid if before is None else _affordable(before, paid, f"quantity = {event.quantity!r}")


def _funded(state: Snapshot, held: Position, payment: float, rules: Rules) -> Snapshot:
    """Return the state after a position paid its funding (or received it, below 0), from the money the rules name.

    A payment that neither its margin nor the free balance can make is made by closing as much of the position as has
    that equity behind it: open profit pays for nothing before it is realized.
    """
    margin = held.isolated_margin
    if margin is None:
        return _booked(state, wallet=-payment, funding=payment)
    if payment <= 0:
        from_margin = rules.funding_from is PaidFrom.POSITION
    elif rules.funding_from is PaidFrom.POSITION:
        from_margin = payment < margin
    else:
        from_margin = payment > available_balance(state.account) and payment < margin
    if from_margin:
        kept = replace(held, isolated_margin=margin - payment)
        return _booked(state, wallet=-payment, swap=(held, kept), funding=payment)
    if payment <= available_balance(state.account):
        return _booked(state, wallet=-payment, funding=payment)
    equity = margin + held.unrealized_pnl
    share = min(1.0, payment / equity)
    paid = share * equity
    unpaid = payment - paid
    sold = _record(held, share, isolated=True, deleveraged=unpaid)
    state = _booked(
        state,
        wallet=sold.realized_pnl - paid,
        swap=(held, _rest(held, share)),
        counterparties=-sold.realized_pnl,
        funding=paid,
        deleveraged=unpaid,
    )
    return replace(state, actions=(*state.actions, sold))


# Liquidation.


def liquidate(state: Snapshot, rules: Rules) -> Snapshot:
    """Return the state after every pool whose equity does not exceed its maintenance margin has been dealt with.

    Isolated positions with auto margin replenishment draw margin first. Then the pools, in the account's order, are cut
    by the rules' policy until they are safe or empty. A bankrupt pool is taken over whole, whatever the policy: its
    loss beyond the collateral is paid by the insurance fund and, when that is empty, by the counterparties, who are
    closed at the price at which the collateral was used up (auto-deleveraging).

    Args:
        state: the state at the marks of this moment.
        rules: what the venue does.

    Raises:
        MarginError: the policy closes nothing, or more than there is.

    Example:
        >>> from marginlib import RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.01), leverage=10)
        >>> account = Account(wallet_balance=50, positions=(btc.isolated().at(90.5),))
        >>> liquidate(Snapshot.start(account), Rules()).account
        Account(wallet_balance=40.0, positions=())
    """
    counts: dict[tuple[str, float] | None, int] = {}
    while (pool := _unsafe(state.account, rules)) is not None:
        first = pool.positions[0]
        isolated = first.isolated_margin is not None
        if isolated and first.symbol in rules.replenish and (more := _replenishment(state.account, first)) > 0:
            filled = replace(first, isolated_margin=pool.collateral + more)
            action = Replenishment(symbol=first.symbol, amount=more)
            state = replace(state, account=_swap(state.account, first, filled), actions=(*state.actions, action))
            continue
        key = (first.symbol, copysign(1.0, first.quantity)) if isolated else None
        cuts = rules.policy(pool, counts.get(key, 0))
        counts[key] = counts.get(key, 0) + 1
        state = _cut(state, pool, cuts, rules)
    return state


def _unsafe(account: Account, rules: Rules) -> Pool | None:
    """Return the first pool that is to be liquidated; isolated ones that can draw margin come before the cross pool."""
    unsafe = [pool for pool in account.pools() if not rules.safe(pool)]
    return min(unsafe, key=lambda pool: pool.positions[0].symbol not in rules.replenish, default=None)


def _replenishment(account: Account, held: Position) -> float:
    """Return one initial margin, or what is missing to the whole entry value, or what is available: the least."""
    margin = held.isolated_margin or 0.0
    more = min(held.entry_notional / held.leverage, held.entry_notional - margin, max_addable_margin(account))
    return more if more > _ROUNDING * held.entry_notional else 0.0


def _cut(state: Snapshot, pool: Pool, cuts: Sequence[Cut], rules: Rules) -> Snapshot:
    """Return the state after these cuts of a pool, all at its marks.

    Each position answers for the share of the pool's equity that its share of the maintenance margin is: that is what
    it leaves when it is taken over, and what its clearance fee cannot exceed.
    """
    now = risk(pool)
    if now.equity <= 0:
        cuts = [Cut(index, 1.0, taken_over=True) for index in range(len(pool.positions))]
    shares = [(pool.positions[cut.position], cut) for cut in cuts]
    if not shares or not all(0 < cut.share <= 1 for cut in cuts):
        raise MarginError(f"policy: {list(cuts)!r} for {', '.join(pool.symbols)}; give shares above 0 and at most 1")
    fund = state.ledger.insurance_fund
    done: list[Liquidation] = []
    for held, cut in shares:
        behind = now.equity * cut.share * _weight(held, now)
        fee = min(rules.clearance_fee_rate * cut.share * held.notional, max(behind, 0.0))
        # The bankruptcy price is that at which nothing is left to the owner: the fund gets it all, as a fee or so.
        at_bankruptcy = cut.taken_over and rules.leftover is Leftover.KEPT
        kept = max(behind, 0.0) - fee if at_bankruptcy else 0.0
        covered = min(max(-behind, 0.0), fund)
        fund -= covered
        missing = max(-behind, 0.0) - covered
        action = _record(
            held,
            cut.share,
            isolated=held.isolated_margin is not None,
            taken_over=cut.taken_over,
            at_bankruptcy=at_bankruptcy,
            fee=fee,
            kept=kept,
            fund_paid=covered,
            deleveraged=missing,
        )
        done.append(action)
    realized = fsum(each.realized_pnl for each in done)
    missing = fsum(each.deleveraged for each in done)
    to_fund = fsum(each.fee + each.kept - each.fund_paid for each in done)
    change = realized - to_fund + missing
    emptied = len(cuts) == len(pool.positions) and all(cut.share == 1 for cut in cuts)
    if emptied and abs(pool.collateral + change) <= _ROUNDING * (abs(pool.collateral) + abs(realized)):
        # Nothing is left but rounding, which the fund takes.
        to_fund += pool.collateral + change
        change = -pool.collateral
    rests = {id(held): _rest(held, cut.share, margin=pool.collateral + change) for held, cut in shares}
    positions = [rests.get(id(each), each) for each in state.account.positions]
    account = state.account.after(
        wallet_balance=_settled(state.account.wallet_balance, change),
        positions=tuple(each for each in positions if each is not None),
    )
    ledger = _added(state.ledger, insurance_fund=to_fund, counterparties=-realized - missing, deleveraged=missing)
    return replace(state, account=account, ledger=ledger, actions=(*state.actions, *done))


def _weight(held: Position, now: Risk) -> float:
    """Return the position's share of its pool's maintenance margin, or of its notional where none is asked."""
    return position_risk(held).maintenance / now.maintenance if now.maintenance else held.notional / now.notional


def _record(
    held: Position,
    share: float,
    *,
    isolated: bool,
    taken_over: bool = False,
    at_bankruptcy: bool = False,
    fee: float = 0.0,
    kept: float = 0.0,
    fund_paid: float = 0.0,
    deleveraged: float = 0.0,
) -> Liquidation:
    """Return the record of a share of a position closed by force, with the price at which its owner was settled."""
    power, realized = held.contract.power, share * held.unrealized_pnl
    # A fee counts into the price only where the venue settles at the bankruptcy price, which holds everything.
    settled = realized - kept - (fee if at_bankruptcy else 0.0) + fund_paid + (deleveraged if taken_over else 0.0)
    at = held.entry_price**power + settled / (share * held.exposure)
    return Liquidation(
        symbol=held.symbol,
        quantity=share * held.quantity,
        price=held.mark_price if settled == realized else at**power,
        mark_price=held.mark_price,
        taken_over=taken_over,
        realized_pnl=realized,
        fee=fee,
        kept=kept,
        fund_paid=fund_paid,
        deleveraged=deleveraged,
        isolated=isolated,
    )


# Small changes of a state.


def _rest(held: Position, share: float, *, margin: float | None = None) -> Position | None:
    """Return what is left of a position when a share of it is closed; its isolated margin shrinks too, or is given."""
    if share >= 1:
        return None
    own = held.isolated_margin
    left = None if own is None else (1 - share) * own if margin is None else margin
    return replace(held, quantity=(1 - share) * held.quantity, isolated_margin=left)


def _booked(
    state: Snapshot,
    *,
    wallet: float,
    swap: tuple[Position, Position | None] | None = None,
    **flows: float,
) -> Snapshot:
    """Return the state with the wallet changed, a position exchanged, and the flows added to the ledger."""
    old, new = swap or (None, None)
    positions = (new if each is old else each for each in state.account.positions)
    account = state.account.after(
        wallet_balance=_settled(state.account.wallet_balance, wallet),
        positions=tuple(each for each in positions if each is not None),
    )
    return replace(state, account=account, ledger=_added(state.ledger, **flows))


def _settled(wallet_balance: float, change: float) -> float:
    """Return the wallet after a change; what subtracting floats leaves of nothing is nothing."""
    after = wallet_balance + change
    return 0.0 if abs(after) <= _ROUNDING * (abs(wallet_balance) + abs(change)) else after


def _added(ledger: Ledger, **flows: float) -> Ledger:
    """Return the ledger with the flows added."""
    return replace(ledger, **{field: getattr(ledger, field) + flow for field, flow in flows.items()})


def _swap(account: Account, old: Position | None, new: Position) -> Account:
    """Return the account with a position exchanged, or added where there was none."""
    if old is None:
        return account.after(positions=(*account.positions, new))
    return account.after(positions=tuple(new if each is old else each for each in account.positions))


def _setting(state: Snapshot, symbol: str) -> Setting:
    """Return what is set for a symbol, or what holds until something is."""
    return state.settings.get(symbol, Setting())


def _set(state: Snapshot, symbol: str, setting: Setting) -> Snapshot:
    """Return the state with a symbol's setting changed."""
    return replace(state, settings=MappingProxyType({**state.settings, symbol: setting}))


def _held(state: Snapshot, symbol: str) -> Position | None:
    """Return the position of a symbol, or None; two legs of one symbol (hedge mode) cannot be told apart by a fill."""
    legs = [position for position in state.account.positions if position.symbol == symbol]
    if len(legs) > 1:
        raise wrong("symbol", symbol, f"the account has {len(legs)} legs of it; trade a symbol held once")
    return legs[0] if legs else None


def _affordable(before: Snapshot, after: Snapshot, what: str) -> Snapshot:
    """Return the state after, or refuse it where the cross pool lacks initial margin and has less of it than before."""
    was, now = risk(before.account.pools()[0]), risk(after.account.pools()[0])
    if now.available < min(0.0, was.available) - _ROUNDING * (abs(now.equity) + now.initial):
        raise MarginError(f"{what}: needs {-now.available:g} more than is available")
    return after
