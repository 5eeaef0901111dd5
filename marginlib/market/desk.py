"""A desk: an account led through a price path decision by decision, and scored in dollars against doing nothing.

At each decision point the account is seen, orders are given, and time moves to the next point. Orders become events of
`marginlib.market.replay`, so `step` is the only place where state moves and the ledger adds up. An order that the venue
refuses changes nothing; the refusal is kept with its reason. Fills are at the mark price, with a fee.

Decision points are moments at which every coin has a *recorded close*: nobody knows at a low that it is the low.
Between recorded figures prices run on straight lines (`marginlib.market.walk`).

    equity at the end - equity at the start = what prices did - fees - funding - what liquidations took
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from math import copysign

import numpy as np

from marginlib.errors import MarginError, finite, fraction, name_text, positive, unknown, wrong
from marginlib.margin import account_risk, risk
from marginlib.market.events import AddIsolatedMargin, Event, Fill, SetLeverage, SetMarginMode
from marginlib.market.generate import seeded_paths
from marginlib.market.paths import PricePath
from marginlib.market.recorded import crash
from marginlib.market.replay import Rules, Snapshot, in_mode, step
from marginlib.market.walk import crash_rulebooks, walk
from marginlib.model import Account, MarginMode, Position

_MOST_STEPS = 20_000  # some seconds of playing


class Order:
    """What is ordered at a decision point; each order knows the events that carry it out."""

    def events(self, _state: Snapshot, _fee_rate: float) -> tuple[Event, ...]:
        """Return the events that carry the order out."""
        return ()

    def __str__(self) -> str:
        terms = (getattr(self, each.name) for each in fields(self) if each.repr)  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(str(getattr(term, 'value', term)) for term in terms)})"


@dataclass(frozen=True)
class Hold(Order):
    """Do nothing until the next decision point."""


@dataclass(frozen=True)
class AddMargin(Order):
    """Move money from what is free into an isolated position.

    Args:
        symbol: the isolated position.
        amount: how much [quote currency], above 0.
    """

    symbol: str
    amount: float

    def events(self, *_: object) -> tuple[Event, ...]:
        """Return the transfer."""
        return (AddIsolatedMargin(symbol=self.symbol, amount=self.amount),)


@dataclass(frozen=True)
class Reduce(Order):
    """Close a share of a position at the mark price.

    Args:
        symbol: the position.
        share: how much of it [1], above 0 and at most 1.
    """

    symbol: str
    share: float

    def events(self, state: Snapshot, fee_rate: float) -> tuple[Event, ...]:
        """Return the trade."""
        held = _held(state, self.symbol)
        if not 0 < finite("share", self.share) <= 1:
            raise wrong("share", self.share, "give a share above 0 and at most 1, the whole position")
        quantity = -self.share * held.quantity
        return (Fill(symbol=held.symbol, quantity=quantity, price=held.mark_price, fee_rate=fee_rate),)


@dataclass(frozen=True)
class Close(Reduce):
    """Close the whole position at the mark price.

    Args:
        symbol: the position.
    """

    share: float = field(default=1.0, init=False, repr=False)


@dataclass(frozen=True)
class Hedge(Order):
    """Take the other side in another coin, until it is this share of the hedged position's notional.

    What is held of that coin on the wrong side is closed first: a venue in one-way mode knows one net position a coin.

    Args:
        symbol: the coin to trade.
        against: the position that is hedged.
        share: the hedge's notional as a share of the hedged one [1], above 0.
        leverage: the leverage setting of a newly opened hedge [1].
        margin_mode: the mode of a newly opened hedge.
    """

    symbol: str
    against: str
    share: float = 1.0
    leverage: float = 5.0
    margin_mode: MarginMode = MarginMode.CROSS

    def events(self, state: Snapshot, fee_rate: float) -> tuple[Event, ...]:
        """Return the trades, and the settings of a new position between them."""
        hedged = _held(state, self.against)
        if self.symbol == self.against:
            raise wrong("symbol", self.symbol, "a hedge is another coin; to hold less of this one, reduce it")
        price = state.mark_prices.get(self.symbol)
        if price is None:
            raise unknown("symbol", self.symbol, state.mark_prices)
        target = copysign(positive("share", self.share) * hedged.notional / price, -hedged.quantity)
        trade = partial(Fill, symbol=self.symbol, price=price, fee_rate=fee_rate)
        now = next((each.quantity for each in state.account.positions if each.symbol == self.symbol), 0.0)
        if now * target > 0:
            if abs(target) <= abs(now):
                raise wrong("share", self.share, f"{self.symbol} hedges that much already; reduce it to hedge less")
            return (trade(quantity=target - now),)
        return (
            *((trade(quantity=-now),) if now else ()),
            SetMarginMode(symbol=self.symbol, margin_mode=self.margin_mode),
            SetLeverage(symbol=self.symbol, leverage=self.leverage),
            trade(quantity=target),
        )


@dataclass(frozen=True)
class SwitchMode(Order):
    """Hold a coin in the other margin mode, where the venue lets that be changed now.

    Args:
        symbol: the coin.
        margin_mode: cross or isolated.
    """

    symbol: str
    margin_mode: MarginMode

    def events(self, state: Snapshot, *_: object) -> tuple[Event, ...]:
        """Return the change."""
        return (SetMarginMode(symbol=_held(state, self.symbol).symbol, margin_mode=self.margin_mode),)


Decision = Order | Sequence[Order]  # one order, or several that are given one after the other


def _held(state: Snapshot, symbol: str) -> Position:
    """Return the position in a symbol, or refuse an order on one that is not there."""
    held = next((each for each in state.account.positions if each.symbol == symbol), None)
    if held is None:
        names = [each.symbol for each in state.account.positions] or ["nothing"]
        raise unknown("symbol", symbol, names, "no such position is open; the account holds", MarginError)
    return held


def act(state: Snapshot, order: Order, rules: Rules, *, fee_rate: float = 0.0005) -> Snapshot:
    """Return the state after an order, all of it or none; the fee of a trade is a share of the value traded [1].

    Raises:
        MarginError: the venue would refuse the order; nothing has changed.

    Example:
        >>> btc = crash_rulebooks("may-crash-2021")[0].position("BTCUSDT", 0.25, 40_000, leverage=5)
        >>> start = Snapshot.start(Account(wallet_balance=5_000, positions=(btc,)))
        >>> after = act(start, Reduce("BTCUSDT", 0.5), Rules())
        >>> after.account.positions[0].quantity, after.ledger.fees
        (0.125, 2.5)
    """
    if not isinstance(order, Order):
        raise wrong("order", order, "give Hold, AddMargin, Reduce, Close, Hedge or SwitchMode")
    for event in order.events(state, fraction("fee_rate", fee_rate)):
        state = step(state, event, rules)
    return state


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A position as it is opened: in dollars, so that the same book can be opened at other prices.

    Args:
        symbol: the coin.
        dollars: size with its sign, + long and - short [quote currency].
        leverage: the leverage setting [1].
        margin_mode: cross or isolated; while the position is open Binance does not let it be changed.

    Raises:
        MarginError: the size is 0 or not finite, or the leverage is not above 0.
    """

    symbol: str
    dollars: float
    leverage: float
    margin_mode: MarginMode = MarginMode.CROSS

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        positive("leverage", self.leverage)
        if not isinstance(self.margin_mode, MarginMode):
            raise wrong("margin_mode", self.margin_mode, "give MarginMode.CROSS or MarginMode.ISOLATED")
        if finite("dollars", self.dollars) == 0:
            raise wrong("dollars", self.dollars, "give a size with its sign, + for long, - for short")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Desk:
    """Where a session takes place: a book, a path of prices, the points at which it is decided, and the venue's rules.

    Raises:
        MarginError: the book cannot be opened.
    """

    name: str  # such as the event's title
    label: str  # one sentence on where the prices come from; show it wherever they are shown
    wallet: float  # the money in the account [quote currency]
    openings: tuple[Opening, ...]  # the book, opened at the first prices
    moments: tuple[tuple[np.datetime64, Mapping[str, float]], ...]  # mark prices of all coins; straight between them
    points: tuple[np.datetime64, ...]  # when it is decided, among the moments; the last moment is none
    rules: Rules
    fee_rate: float  # of a trade, as a share of the value traded [1]

    def __post_init__(self) -> None:
        object.__setattr__(self, "wallet", positive("wallet", self.wallet))
        fraction("fee_rate", self.fee_rate)
        self.account()

    def account(self) -> Account:
        """Return the account as it is opened, at the first prices."""
        book = self.rules.book
        if book is None:
            raise MarginError("rules.book = None: give a Rulebook with the risk tiers of the book's coins")
        prices = self.moments[0][1]
        positions = []
        for each in self.openings:
            if each.symbol not in prices:
                raise unknown("symbol", each.symbol, prices)
            price = prices[each.symbol]
            held = book.position(each.symbol, each.dollars / price, price, leverage=each.leverage)
            positions.append(in_mode(held, each.margin_mode, book))
        account = Account(wallet_balance=self.wallet, positions=tuple(positions))
        missing = -risk(account.pools()[0]).available
        if missing > 0:
            raise wrong("wallet", self.wallet, f"the book needs {missing:,.10g} more as initial margin")
        return account

    def held_in(self, margin_mode: MarginMode) -> Desk:
        """Return the same desk with every position opened in one mode."""
        return replace(self, openings=tuple(replace(each, margin_mode=margin_mode) for each in self.openings))


def crash_desk(
    event: str, wallet: float, openings: Iterable[Opening], *, rules: Rules | None = None, fee_rate: float = 0.0005
) -> Desk:
    """Return a desk in a recorded event: decisions at the moments at which every coin has a recorded close.

    Args:
        event: the event's short name, as in `marginlib.market.crashes()`.
        wallet: the money in the account [quote currency].
        openings: the book.
        rules: what the venue does; left out, those of Binance with the first of `crash_rulebooks(event)`.
        fee_rate: fee of a trade, as a share of the value traded [1].

    Raises:
        UnknownNameError: no such event is recorded.
        MarginError: the book cannot be opened.
    """
    recorded = crash(event)
    path = recorded.path(step="1d")
    closes = [
        {when for when, kind in zip(seen.times, seen.kinds, strict=True) if kind == "close"}
        for seen in recorded.figures.values()
    ]
    return Desk(
        name=recorded.title,
        label=path.label,
        wallet=wallet,
        openings=tuple(openings),
        moments=tuple(path.marks()),
        points=tuple(sorted(set.intersection(*closes) - {path.times[-1]})),
        rules=rules or Rules(book=crash_rulebooks(event)[0]),
        fee_rate=fee_rate,
    )


def path_desk(
    path: PricePath, wallet: float, openings: Iterable[Opening], *, rules: Rules, count: int, fee_rate: float = 0.0005
) -> Desk:
    """Return a desk on any path of prices, such as a generated one, with decision points equally far apart.

    Args:
        path: mark prices; its label says where they come from.
        wallet: the money in the account [quote currency].
        openings: the book, opened at the path's first prices.
        rules: what the venue does, with a rulebook that has the book's coins.
        count: how many decision points, 1 or more; the first is the path's first moment.
        fee_rate: fee of a trade, as a share of the value traded [1].

    Raises:
        MarginError: the book cannot be opened, or the path has too few moments.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count < len(path):
        raise wrong("count", count, f"give a whole number from 1 to {len(path) - 1}")
    return Desk(
        name="interpolated path" if path.interpolated else "generated path",
        label=path.label,
        wallet=wallet,
        openings=tuple(openings),
        moments=tuple(path.marks()),
        points=tuple(path.times[k * (len(path) - 1) // count] for k in range(count)),
        rules=rules,
        fee_rate=fee_rate,
    )


def generated_desks(
    like: Desk, count: int, *, volatility: Mapping[str, float], correlation: float, steps: int, step: str = "2h"
) -> tuple[Desk, ...]:
    """Return desks with the book, the rules and as many points as another, each on a path that nobody recorded.

    Args:
        like: the desk whose first prices the paths begin with.
        count: how many; the seeds of the paths are 0, 1, 2 and so on.
        volatility: of each coin [1 / sqrt(year)]; there is no drift.
        correlation: of every pair of coins [1].
        steps: how many steps a path has; times `count`, at most 20,000 in all.
        step: how long one is.

    Raises:
        MarginError: there would be no path, or more steps than can be played while somebody waits.
    """
    first = like.moments[0][1]
    start = {each.symbol: first[each.symbol] for each in like.openings}
    whole = all(isinstance(each, int) and each > 0 for each in (count, steps))
    if not whole or count * steps > _MOST_STEPS:
        limit = f"give whole numbers of at least 1, whose product is at most {_MOST_STEPS:,}"
        raise MarginError(f"count = {count}, steps = {steps}: {limit}")
    paths = seeded_paths(count, start, volatility=volatility, correlation=correlation, steps=steps, step=step)
    return tuple(
        path_desk(path, like.wallet, like.openings, rules=like.rules, count=len(like.points), fee_rate=like.fee_rate)
        for path in paths
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Stop:
    """One decision point of a session."""

    number: int  # 1 for the first
    time: np.datetime64  # UTC [datetime64[s]]
    before: Snapshot  # the state that is seen
    after: Snapshot  # the state after the orders
    orders: tuple[Order, ...]
    refused: tuple[str, ...]  # why the venue refused, for each order that it did


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Session:
    """A session at a desk: every state in order, those after orders included, and the decision points."""

    desk: Desk
    states: tuple[Snapshot, ...]
    stops: tuple[Stop, ...]

    def stop(self, point: int) -> Stop:
        """Return one decision point, 1 for the first.

        Raises:
            MarginError: there is no such point.
        """
        if point not in range(1, len(self.stops) + 1):
            raise wrong("point", point, f"give a whole number from 1 to {len(self.stops)}")
        return self.stops[point - 1]


def play(desk: Desk, decisions: Sequence[Decision]) -> Session:
    """Return the session in which these decisions are taken, one for each point in order; what is missing is `Hold()`.

    Args:
        desk: where.
        decisions: for each point an order, or several in a list. Orders that the venue refuses are kept in `Stop`.

    Raises:
        MarginError: there are more decisions than points, or one is not an order.

    Example:
        >>> book = [Opening(symbol=each, dollars=12_500, leverage=5) for each in ("BTCUSDT", "ETHUSDT")]
        >>> desk = crash_desk("may-crash-2021", 10_000, book)
        >>> [round(score(play(desk, each)).end) for each in ([], [Hold(), Hold(), Reduce("ETHUSDT", 0.5)])]
        [0, 6635]
    """
    plan = _plan(decisions, len(desk.points))
    ends = [*desk.points[1:], desk.moments[-1][0]]
    state = Snapshot.start(desk.account())
    states: list[Snapshot] = []
    stops: list[Stop] = []
    for number, (time, end, orders) in enumerate(zip(desk.points, ends, plan, strict=True), start=1):
        if not states:
            states += walk(state, [each for each in desk.moments if each[0] <= time], desk.rules)
        before = after = states[-1]
        refused = []
        for order in orders:
            try:
                after = replace(act(after, order, desk.rules, fee_rate=desk.fee_rate), time=before.time)
            except MarginError as error:
                refused.append(str(error))
        stops.append(Stop(number=number, time=time, before=before, after=after, orders=orders, refused=tuple(refused)))
        if any(not isinstance(each, Hold) for each in orders):
            states.append(after)
        states += walk(after, [each for each in desk.moments if time <= each[0] <= end], desk.rules)[1:]
    return Session(desk=desk, states=tuple(states), stops=tuple(stops))


def _plan(decisions: Sequence[Decision], points: int) -> list[tuple[Order, ...]]:
    """Return the orders of every point, each checked to be one."""
    if len(decisions) > points:
        raise MarginError(f"decisions: {len(decisions)} of them: give at most {points}, one for each decision point")
    plan = [tuple(each) if isinstance(each, list | tuple) else (each,) for each in decisions]
    for number, orders in enumerate(plan, start=1):
        for order in orders:
            if not isinstance(order, Order):
                raise wrong(f"decision {number}", order, "give Hold(), AddMargin(...), Reduce(...), or the like")
    return [each or (Hold(),) for each in plan] + [(Hold(),)] * (points - len(plan))


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What a session came to, in dollars and in survival.

        end - start = prices - fees - funding - taken

    Example:
        >>> desk = crash_desk("may-crash-2021", 10_000, [Opening(symbol="ETHUSDT", dollars=12_500, leverage=5)])
        >>> done = score(play(desk, [Close("ETHUSDT")]))
        >>> done.end, round(done.fees, 6), done.liquidated
        (9993.75, 6.25, ())
    """

    start: float  # equity at the start, all amounts in quote currency
    end: float  # equity at the end, open positions at the mark
    lowest: float  # lowest equity on the way
    prices: float  # what the price moves gave, less what others had to bear
    fees: float  # trading fees paid
    funding: float  # paid less received
    taken: float  # what liquidations took for the venue's fund: maintenance margin and clearance fees
    liquidated: tuple[str, ...]  # symbols of the positions liquidated, in order


def score(session: Session) -> Score:
    """Return what a session came to."""
    last, ledger = session.states[-1], session.states[-1].ledger
    equities = [account_risk(each.account).equity for each in session.states]
    unrealized = sum(each.unrealized_pnl for each in last.account.positions)
    return Score(
        start=equities[0],
        end=equities[-1],
        lowest=min(equities),
        prices=unrealized - ledger.counterparties,
        fees=ledger.fees,
        funding=ledger.funding,
        taken=ledger.insurance_fund - ledger.fund_at_start,
        liquidated=tuple(each.symbol for state in session.states for each in state.liquidations),
    )


def compare_scores(desk: Desk, decisions: Sequence[Decision]) -> dict[str, Score]:
    """Return the score of the decisions beside those of doing nothing: as opened, all in cross, all in isolated.

    Prices, rules and sizes are the same in all four.

    Args:
        desk: where.
        decisions: what is decided.

    Example:
        >>> book = [Opening(symbol=each, dollars=12_500, leverage=5) for each in ("BTCUSDT", "ETHUSDT")]
        >>> desk = crash_desk("may-crash-2021", 10_000, book)
        >>> {name: round(each.end) for name, each in compare_scores(desk, [Close("ETHUSDT")]).items()}
        {'your decisions': 8897, 'nothing done': 0, 'cross, nothing done': 0, 'isolated, nothing done': 5000}
    """
    untouched = {
        "nothing done": desk,
        "cross, nothing done": desk.held_in(MarginMode.CROSS),
        "isolated, nothing done": desk.held_in(MarginMode.ISOLATED),
    }
    scores = {name: score(play(each, [])) for name, each in untouched.items()}
    return {"your decisions": score(play(desk, decisions))} | scores


def worth(desk: Desk, decisions: Sequence[Decision]) -> tuple[float, ...]:
    """Return what each decision was worth: equity at the end less that of the same session with a hold in its place.

    They need not add up: decisions change what later ones do.

    Args:
        desk: where.
        decisions: what is decided.

    Example:
        >>> desk = crash_desk("may-crash-2021", 10_000, [Opening(symbol="ETHUSDT", dollars=12_500, leverage=5)])
        >>> [round(each) for each in worth(desk, [Hold(), Reduce("ETHUSDT", 0.5)])]
        [0, 384]
    """
    whole = score(play(desk, decisions)).end
    without = ([*decisions[:k], Hold(), *decisions[k + 1 :]] for k in range(len(decisions)))
    return tuple(whole - score(play(desk, each)).end for each in without)


def against_nothing(desks: Iterable[Desk], decisions: Sequence[Decision]) -> tuple[tuple[Score, Score], ...]:
    """Return (decisions, nothing done) at each desk: the same decisions on other paths tell luck from skill.

    A desk with fewer points takes the first of the decisions.

    Args:
        desks: where; the decisions must make sense on all of them.
        decisions: what is decided.
    """
    return tuple((score(play(each, decisions[: len(each.points)])), score(play(each, []))) for each in desks)
