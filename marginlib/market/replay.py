"""What follows from an event: the only place where the state of an account moves.

`step` takes a `Snapshot`, an event and the `Rules`, and returns the next snapshot; `replay` does so for one event after
another. After every event each pool is looked at, and one whose equity no longer exceeds its maintenance margin is
liquidated by the policy that the rules name. What the venues do differently (who is closed first, how much, who keeps
what is left, which wallet pays) is data in `Rules`, never a branch in a formula.

Money is neither made nor lost. The `Ledger` says where it went:

    deposits - withdrawals + fund at start
        = wallet (isolated margins included) + fees + funding paid + insurance fund + counterparties

Coins that stand as collateral are no money until the venue sells them; each sale is an action, a `Conversion`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import singledispatch
from math import copysign, fsum, inf
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from marginlib.errors import MarginError, at_least_zero, fraction, wrong
from marginlib.margin import (
    WithdrawalRule,
    add_isolated_margin,
    available_balance,
    max_withdrawal,
    remove_isolated_margin,
    risk,
)
from marginlib.market import events as happens
from marginlib.market.events import Event, Fill
from marginlib.market.policies import Policy, check_mode_change, full_close, recorded_policy
from marginlib.market.settlement import ROUNDING, Liquidation, settle, split
from marginlib.model import Account, Coin, Contract, Health, MarginMode, Order, Pool, Position
from marginlib.venues import Leftover, ModeChange, PaidFrom, PositionMode, Rulebook


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a venue does with an account, as data. `Rules.of(book)` makes them from a rulebook.

    Args:
        book: risk tiers and the case of equality; needed to open a position of a symbol that is not held yet.
        policy: what is closed when a pool is liquidatable; `full_close()`, `step_down()` and `fifth_first()` make some.
        leftover: who gets what is left when a position is taken over. `KEPT` makes the take-over of one cross position
            no help to the rest, whatever the policy's order: equity leaves pro rata to maintenance margin.
        clearance_fee_rate: fee on the notional closed by force, paid into the insurance fund [1]. It never takes more
            than the equity behind what is closed.
        fee_from: which money pays the fee of an isolated position's fill.
        funding_from: which money pays the funding of an isolated position.
        withdrawal: what has to stay in a pool when money leaves it, and whether profit may; by default Binance's rule.
        mode_change: when the margin mode may be changed.
        position_mode: whether a fill against a position reduces it or opens the other leg; the account's choice.
        replenish: isolated symbols with auto margin replenishment: instead of being liquidated they draw one initial
            margin after another from the available balance, until they hold their whole entry value.
        assumed: the terms that the rulebook does not record and that stand at their defaults, as `of` found them.

    Raises:
        MarginError: the clearance fee rate is not at least 0 and below 1, or a text stands for one of the choices.

    Example:
        >>> from marginlib import rulebook
        >>> rules = Rules.of(rulebook("dydx_v4", "2026-03-04"))
        >>> rules.leftover, rules.clearance_fee_rate
        (<Leftover.RETURNED: 'returned'>, 0.015)
        >>> rules.assumed
        ('policy', 'fee_from', 'funding_from', 'withdrawal', 'mode_change')
    """

    book: Rulebook | None = None
    policy: Policy = full_close()  # noqa: RUF009 - a function, not a mutable value
    leftover: Leftover = Leftover.KEPT
    clearance_fee_rate: float = 0.0
    fee_from: PaidFrom = PaidFrom.ACCOUNT
    funding_from: PaidFrom = PaidFrom.POSITION
    withdrawal: WithdrawalRule = WithdrawalRule()  # noqa: RUF009 - frozen
    mode_change: ModeChange = ModeChange.WHEN_FLAT
    position_mode: PositionMode = PositionMode.ONE_WAY
    replenish: frozenset[str] = frozenset()
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fraction("clearance_fee_rate", self.clearance_fee_rate)
        for each in fields(self):  # a text in place of a member would pass for another member
            kind, value = type(each.default), getattr(self, each.name)
            if issubclass(kind, Enum) and not isinstance(value, kind):
                raise wrong(each.name, value, f"give {', '.join(map(str, kind))}")
        object.__setattr__(self, "replenish", frozenset(self.replenish))

    @classmethod
    def of(cls, book: Rulebook, **given: Any) -> Self:  # noqa: ANN401 - each is of its own kind
        """Return the rules that a rulebook records; what it leaves out stands at a default, and `assumed` names it.

        Args:
            book: the rulebook.
            given: terms to put in place of the book's, or of what it leaves out.

        Raises:
            MarginError: the book names no policy that there is, or a number that the policy does not take.
        """
        recorded: dict[str, Any] = {"policy": recorded_policy(book.liquidation) if book.liquidation else None}
        for term in ("leftover", "clearance_fee_rate", "fee_from", "funding_from", "withdrawal", "mode_change"):
            recorded[term] = getattr(book, term)
        said = {term: value for term, value in recorded.items() if value is not None} | given
        return cls(book=book, assumed=tuple(term for term in recorded if term not in said), **said)

    def safe(self, pool: Pool) -> bool:
        """Return whether the venue leaves the pool alone; a pool without positions is always safe."""
        now = risk(pool)
        return not pool.positions or (self.book.health(now) if self.book else now.health) is Health.HEALTHY


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Where the money came from and where it went, added up since the start [quote currency].

    deposits - withdrawals + fund_at_start = wallet + fees + funding + insurance_fund + counterparties
    """

    deposits: float = 0.0  # paid in, the first wallet balance included
    withdrawals: float = 0.0
    fees: float = 0.0  # trading fees, received by the venue
    funding: float = 0.0  # paid less received, which the other side of the contracts got
    insurance_fund: float = 0.0  # what the fund holds now
    fund_at_start: float = 0.0
    counterparties: float = 0.0  # realized by those who traded against the account: minus its own realized PnL
    # What the counterparties went without, because a loss was larger than the collateral and the fund was empty: a
    # note, not money, for `counterparties` is net of it.
    deleveraged: float = 0.0


class Setting(NamedTuple):
    """What is set for a symbol, held or not: a leverage [1] and a margin mode."""

    leverage: float = 1.0
    margin_mode: MarginMode = MarginMode.CROSS


@dataclass(frozen=True, kw_only=True, slots=True)
class Replenishment:
    """Margin that an isolated position drew from the available balance instead of being liquidated.

    Args:
        symbol: the position.
        amount: how much [quote currency].
    """

    symbol: str
    amount: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """Collateral coins that the venue sold at their mark price, before it touched a position."""

    symbol: str  # whose mark price valued them
    amount: float  # how many [base coin]
    price: float  # at which they were sold [quote currency per base coin]


Action = Liquidation | Replenishment | Conversion


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The whole state after an event: the account, where the money is, and what the event set off.

    Args:
        account: positions and wallet.
        ledger: where the money came from and went.
        mark_prices: the last mark price of every symbol seen.
        settings: leverage and margin mode of each symbol, "" for those not seen yet; they outlive its position.
        event: what happened last; None at the start.
        actions: liquidations, replenishments and conversions that the event set off, in order.
        time: when, in whatever the data calls time; None where it does not say.
    """

    account: Account
    ledger: Ledger
    mark_prices: Mapping[str, float]
    settings: Mapping[str, Setting]
    event: Event | None = None
    actions: tuple[Action, ...] = ()
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
            mark_prices=MappingProxyType({each.symbol: each.mark_price for each in account.held}),
            settings=MappingProxyType(
                {each.symbol: Setting(each.leverage, each.margin_mode) for each in account.positions}
            ),
        )

    @property
    def liquidations(self) -> tuple[Liquidation, ...]:
        """The liquidations among the actions."""
        return tuple(action for action in self.actions if isinstance(action, Liquidation))

    @property
    def imbalance(self) -> float:
        """The money missing (-) or too much (+), as a share of all that came in [1]: 0 but for rounding."""
        books = self.ledger
        went = (books.withdrawals, books.fees, books.funding, books.insurance_fund, books.counterparties)
        came = books.deposits + books.fund_at_start
        return (fsum((self.account.wallet_balance, *went)) - came) / (came or 1.0)


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
        >>> from marginlib.market import MarkPrices, SetLeverage
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
def _(event: happens.Deposit, state: Snapshot, _rules: Rules) -> Snapshot:
    return _booked(state, wallet=event.amount, deposits=event.amount)


@_apply.register
def _(event: happens.Withdrawal, state: Snapshot, rules: Rules) -> Snapshot:
    free = max_withdrawal(state.account, rules.withdrawal)
    if event.amount > free:
        raise wrong("amount", event.amount, f"at most {free:,.10g} can be withdrawn now")
    return _booked(state, wallet=-event.amount, withdrawals=event.amount)


@_apply.register
def _(event: happens.PlaceOrder, state: Snapshot, rules: Rules) -> Snapshot:
    if event.name in {order.name for order in state.account.orders}:
        raise wrong("name", event.name, "an open order has it; give another")
    named = rules.book and rules.book.contracts.get(event.symbol, rules.book.contract)
    contract = next((leg.contract for leg in _legs(state, event.symbol)), named)
    order = Order(
        name=event.name,
        symbol=event.symbol,
        quantity=event.quantity,
        price=event.price,
        leverage=_setting(state, event.symbol).leverage,
        contract=contract or Contract.LINEAR,
    )
    placed = replace(state, account=state.account.after(orders=(*state.account.orders, order)))
    return _affordable(state, placed, "quantity", event.quantity)


@_apply.register
def _(event: happens.CancelOrder, state: Snapshot, _rules: Rules) -> Snapshot:
    left = [order for order in state.account.orders if order.name != event.name]
    if len(left) == len(state.account.orders):
        raise wrong("name", event.name, "no open order has it")
    return replace(state, account=state.account.after(orders=left))


@_apply.register
def _(event: happens.DepositCoin, state: Snapshot, rules: Rules) -> Snapshot:
    if rules.book is None or event.symbol not in state.mark_prices:
        raise wrong("symbol", event.symbol, "give a Rulebook that takes this coin, and its mark price first")
    coin = rules.book.coin(event.symbol, event.amount, state.mark_prices[event.symbol])
    return _with_coin(state, coin, coin.amount + sum(each.amount for each in _coins(state, event.symbol)))


@_apply.register
def _(event: happens.WithdrawCoin, state: Snapshot, rules: Rules) -> Snapshot:
    spare = rules.withdrawal.spare(state.account.pools()[0])
    most = sum(each.amount * min(1.0, spare / each.value) for each in _coins(state, event.symbol))
    if event.amount > most:
        raise wrong("amount", event.amount, f"at most {most:,.10g} of {event.symbol} can be withdrawn now")
    (held,) = _coins(state, event.symbol)
    return _with_coin(state, held, held.amount - event.amount)


def _coins(state: Snapshot, symbol: str) -> list[Coin]:
    """Return what the account has of a coin, as one record, or none."""
    return [coin for coin in state.account.coins if coin.symbol == symbol]


def _with_coin(state: Snapshot, coin: Coin, amount: float) -> Snapshot:
    """Return the state with so much of a coin."""
    coins = [each for each in state.account.coins if each.symbol != coin.symbol]
    coins += [replace(coin, amount=amount)] if amount > 0 else []
    return replace(state, account=state.account.after(coins=coins))


@_apply.register
def _(event: happens.MarkPrices, state: Snapshot, _rules: Rules) -> Snapshot:
    held = set(state.account.symbols)
    account = state.account.at({symbol: price for symbol, price in event.prices.items() if symbol in held})
    return replace(state, account=account, mark_prices=MappingProxyType({**state.mark_prices, **event.prices}))


@_apply.register
def _(event: happens.AddIsolatedMargin, state: Snapshot, rules: Rules) -> Snapshot:
    return replace(state, account=add_isolated_margin(state.account, event.symbol, event.amount, rules.withdrawal))


@_apply.register
def _(event: happens.RemoveIsolatedMargin, state: Snapshot, rules: Rules) -> Snapshot:
    account = remove_isolated_margin(state.account, event.symbol, event.amount, rules.withdrawal)
    realized = account.wallet_balance - state.account.wallet_balance
    ledger = replace(state.ledger, counterparties=state.ledger.counterparties - realized)
    return replace(state, account=account, ledger=ledger)


@_apply.register
def _(event: Fill, state: Snapshot, rules: Rules) -> Snapshot:
    if event.order is not None:
        state = _filled(state, event)
    held = _traded(state, event, rules)
    if event.reduces and not (held and 0 < -event.quantity / held.quantity <= 1 + ROUNDING):
        most = -held.quantity if held else 0.0
        raise wrong("quantity", event.quantity, f"this reduces {event.symbol}; give at most {most:,.10g}")
    if held is None or held.quantity * event.quantity > 0:
        opened = _opened(state, held, event, event.quantity, rules)
        return _affordable(state, _charged(opened, held, event, rules), "quantity", event.quantity)
    share = -event.quantity / held.quantity
    if abs(share - 1) <= ROUNDING * (share + 1):
        share = 1.0  # what subtracting floats leaves over is no position
    closed, rest = split(held, share)
    realized = closed.at(event.price).unrealized_pnl
    try:
        traded = _booked(state, (held, rest), wallet=realized, counterparties=-realized)
    except MarginError as error:
        loss = f"closing {held.symbol} there would lose {-realized:,.10g}, more than the wallet can pay"
        raise wrong("price", event.price, loss) from error
    if share <= 1:
        return _charged(traded, held, event, rules)
    flipped = _opened(traded, None, event, held.quantity + event.quantity, rules)
    return _affordable(state, _charged(flipped, held, event, rules), "quantity", event.quantity)


@_apply.register
def _(event: happens.Funding, state: Snapshot, rules: Rules) -> Snapshot:
    for symbol, rate in event.rates.items():
        for position in state.account.positions:
            if position.symbol == symbol:
                state = _funded(state, position, rate * copysign(position.notional, position.quantity), rules)
    return state


@_apply.register
def _(event: happens.SetLeverage, state: Snapshot, rules: Rules) -> Snapshot:
    legs = _legs(state, event.symbol)
    if not legs:
        if rules.book is not None:
            rules.book.schedule(event.symbol).max_notional(event.leverage)  # refuses what no tier allows
        return _set(state, (event.symbol,), leverage=event.leverage)
    moved = [replace(held, leverage=event.leverage) for held in legs]
    # A lower leverage asks for more margin; what a higher one would free is left where it is, until it is removed.
    moved = [
        new.isolated(max(new.own_margin, new.entry_notional / new.leverage)) if new.own_margin else new for new in moved
    ]
    changed = _set(_booked(state, *zip(legs, moved, strict=True)), (event.symbol,), leverage=event.leverage)
    return _affordable(state, changed, "leverage", event.leverage)


@_apply.register
def _(event: happens.SetMarginMode, state: Snapshot, rules: Rules) -> Snapshot:
    check_mode_change(event, state.account.positions, rules.mode_change)
    mode = event.margin_mode
    symbols = dict.fromkeys((*state.mark_prices, *state.settings, "")) if event.symbol is None else (event.symbol,)
    turned = ((each, in_mode(each, mode, rules.book)) for each in state.account.positions if each.symbol in symbols)
    changed = _set(_booked(state, *turned), symbols, margin_mode=mode)
    return _affordable(state, changed, "margin_mode", mode)


def in_mode(position: Position, mode: MarginMode, book: Rulebook | None) -> Position:
    """Return the position in that mode, as a book holds it there; one that is in it already is left as it is."""
    if position.margin_mode is mode:
        return position
    if mode is MarginMode.ISOLATED:
        return book.isolate(position) if book else position.isolated()
    shared = position.cross()
    return replace(shared, maintenance_basis=book.maintenance_basis) if book and book.isolated_basis else shared


def _opened(state: Snapshot, held: Position | None, event: Fill, quantity: float, rules: Rules) -> Snapshot:
    """Return the state after a position was opened or added to; an isolated one takes its initial margin with it.

    average entry price = (quantity x entry + added x price) / (quantity + added)
    """
    if held is not None:
        # price^power is averaged, for profit is a straight line in that.
        power, total = held.contract.power, held.quantity + quantity
        value = held.quantity * held.entry_price**power + quantity * event.price**power
        new = replace(held, quantity=total, entry_price=(value / total) ** power)
        if held.own_margin:
            new = new.isolated(held.own_margin + abs(quantity) * event.price**power / held.leverage)
    elif rules.book is None:
        give = f"give a Rulebook with the risk tiers of {event.symbol} to open a position in it"
        raise MarginError(f"rules.book = None: {give}")
    else:
        leverage, mode = _setting(state, event.symbol)
        mark = state.mark_prices.get(event.symbol, event.price)
        opened = rules.book.position(event.symbol, quantity, event.price, mark_price=mark, leverage=leverage)
        new = in_mode(opened, mode, rules.book)
    aside = new.own_margin - (held.own_margin if held else 0.0)
    most = max_withdrawal(state.account, rules.withdrawal)
    if aside > most * (1 + ROUNDING):
        raise wrong("quantity", event.quantity, f"{event.symbol} sets {aside:,.10g} aside; {most:,.10g} is available")
    marks = MappingProxyType({event.symbol: event.price, **state.mark_prices})
    return replace(_booked(state, (held, new)), mark_prices=marks)


def _charged(state: Snapshot, before: Position | None, event: Fill, rules: Rules) -> Snapshot:
    """Return the state after the fill's fee was paid."""
    held = _traded(state, event, rules)
    traded = held or before
    fee = event.fee_rate * abs(event.quantity) * event.price ** (traded.contract.power if traded else 1)
    swaps = []
    if held is not None and held.own_margin and rules.fee_from is PaidFrom.POSITION:
        if fee >= held.own_margin:
            raise wrong("fee_rate", event.fee_rate, f"a fee of {fee:,.10g} uses up the margin of {event.symbol}")
        swaps = [(held, held.isolated(held.own_margin - fee))]
    try:
        return _booked(state, *swaps, wallet=-fee, fees=fee)
    except MarginError as error:
        raise wrong("fee_rate", event.fee_rate, f"the wallet cannot pay a fee of {fee:,.10g}") from error


def _funded(state: Snapshot, held: Position, payment: float, rules: Rules) -> Snapshot:
    """Return the state after a position paid its funding (or received it, below 0), from the money the rules name.

    A payment that neither its margin nor the available balance can make is made by closing as much of the position as
    has that equity behind it: open profit pays for nothing before it is realized.
    """
    own = held.own_margin
    free = available_balance(state.account) if own else inf
    if own and payment < own and (rules.funding_from is PaidFrom.POSITION or payment > free):
        return _booked(state, (held, held.isolated(own - payment)), wallet=-payment, funding=payment)
    if payment <= free:
        return _booked(state, wallet=-payment, funding=payment)
    equity = own + held.unrealized_pnl
    share = min(1.0, payment / equity)
    paid = share * equity
    closed, rest = split(held, share)
    pnl, unpaid = closed.unrealized_pnl, payment - paid
    sold = Liquidation(closed=closed, taken_over=False, settled_pnl=pnl, deleveraged=unpaid)
    flows = {"counterparties": -pnl, "funding": paid, "deleveraged": unpaid}
    return _booked(state, (held, rest), wallet=pnl - paid, actions=(sold,), **flows)


def liquidate(state: Snapshot, rules: Rules) -> Snapshot:
    """Return the state after every pool whose equity does not exceed its maintenance margin has been dealt with.

    Isolated positions with auto margin replenishment draw margin first, and coins that back a pool are sold. Then the
    pools, in the account's order, are cut by the rules' policy until they are safe or empty. A bankrupt pool is taken
    over whole, whatever the policy: its loss beyond the collateral is paid by the insurance fund and, when that is
    empty, by the counterparties, who are closed at the price at which the collateral was used up (auto-deleveraging).
    """
    counts: Counter[tuple[str, float] | None] = Counter()
    while unsafe := [pool for pool in state.account.pools() if not rules.safe(pool)]:
        # Those that can draw margin do so while the cross pool, which they draw it from, is still there.
        pool = max(unsafe, key=lambda each: each.own and each.positions[0].symbol in rules.replenish)
        # Orders go first: those of an isolated position, or all.
        orders = [order for order in state.account.orders if pool.own and order.symbol not in pool.symbols]
        state = replace(state, account=state.account.after(orders=orders))
        if pool.coins:  # what the haircut held back may be enough
            sold = tuple(
                Conversion(symbol=each.symbol, amount=each.amount, price=each.mark_price) for each in pool.coins
            )
            value = fsum(each.amount * each.price for each in sold)
            state = _booked(state, wallet=value, counterparties=-value, actions=sold)
            state = replace(state, account=state.account.after(coins=()))
            continue
        first, own = pool.positions[0], pool.collateral
        if pool.own and first.symbol in rules.replenish:
            value = first.entry_notional
            more = min(value / first.leverage, value - own, max_withdrawal(state.account, rules.withdrawal))
            if more > ROUNDING * value:
                drawn = Replenishment(symbol=first.symbol, amount=more)
                state = _booked(state, (first, first.isolated(own + more)), actions=(drawn,))
                continue
        which = (first.symbol, copysign(1.0, first.quantity)) if pool.own else None
        cuts = rules.policy(pool, counts[which])
        counts[which] += 1
        fund = state.ledger.insurance_fund
        made = settle(pool, cuts, leftover=rules.leftover, fee_rate=rules.clearance_fee_rate, fund=fund)
        state = _booked(state, *made.swaps, wallet=made.wallet, actions=made.done, **made.flows)
    return state


_Swap = tuple[Position | None, Position | None]  # a position and what stands in its place; None for none


def _booked(
    state: Snapshot, *swaps: _Swap, wallet: float = 0.0, actions: tuple[Action, ...] = (), **flows: float
) -> Snapshot:
    """Return the state with positions exchanged, the wallet changed, and the flows added to the ledger."""
    instead = {id(old): new for old, new in swaps}
    positions = [instead.get(id(each), each) for each in state.account.positions]
    positions += [new for old, new in swaps if old is None]
    was = state.account.wallet_balance
    now = was + wallet
    if abs(now) <= ROUNDING * (abs(was) + abs(wallet)):
        now = 0.0  # what subtracting floats leaves of nothing is nothing
    account = state.account.after(wallet_balance=now, positions=[each for each in positions if each is not None])
    ledger = replace(state.ledger, **{field: getattr(state.ledger, field) + flow for field, flow in flows.items()})
    return replace(state, account=account, ledger=ledger, actions=(*state.actions, *actions))


def _setting(state: Snapshot, symbol: str) -> Setting:
    """Return a symbol's own setting, or the one that was set for all before it was seen."""
    return state.settings.get(symbol, state.settings.get("", Setting()))


def _set(state: Snapshot, symbols: Iterable[str], **setting: Any) -> Snapshot:  # noqa: ANN401 - a field of Setting
    """Return the state with the settings of some symbols changed."""
    changed = {symbol: _setting(state, symbol)._replace(**setting) for symbol in symbols}
    return replace(state, settings=MappingProxyType({**state.settings, **changed}))


def _legs(state: Snapshot, symbol: str) -> list[Position]:
    """Return the positions of a symbol: one, or in hedge mode two."""
    return [position for position in state.account.positions if position.symbol == symbol]


def _traded(state: Snapshot, event: Fill, rules: Rules) -> Position | None:
    """Return the position that a fill trades, or None: in hedge mode the leg of its way, or the one it reduces."""
    legs = _legs(state, event.symbol)
    if rules.position_mode is PositionMode.HEDGE:
        way = -event.quantity if event.reduces else event.quantity
        legs = [leg for leg in legs if leg.quantity * way > 0]
    if len(legs) > 1:
        give = f"the account has {len(legs)} legs of it; trade a symbol held once, or in PositionMode.HEDGE"
        raise wrong("symbol", event.symbol, give)
    return legs[0] if legs else None


def _filled(state: Snapshot, event: Fill) -> Snapshot:
    """Return the state with an order, or as much of it as was filled, open no longer."""
    orders = {order.name: order for order in state.account.orders}
    order = orders.pop(str(event.order), None)
    share = event.quantity / order.quantity if order and order.symbol == event.symbol else 0.0
    if order is None or not 0 < share <= 1 + ROUNDING:
        raise wrong("order", event.order, f"no open order to trade {event.quantity:g} of {event.symbol}")
    if share < 1 - ROUNDING:
        orders[order.name] = replace(order, quantity=order.quantity - event.quantity)
    return replace(state, account=state.account.after(orders=orders.values()))


def _affordable(before: Snapshot, after: Snapshot, field: str, value: object) -> Snapshot:
    """Return the state after, or refuse it where the cross pool lacks initial margin and has less of it than before."""
    was, now = risk(before.account.pools()[0]), risk(after.account.pools()[0])
    if now.available < min(0.0, was.available) - ROUNDING * (abs(now.equity) + now.initial):
        raise wrong(field, value, f"needs {-now.available:,.10g} more than is available")
    return after
