"""An answer as a chain of small steps, each of which may go wrong on its own.

`RIGHT` is the chain that is right; a test holds it equal to the engine. A wrong belief changes one step or two, and
every quantity that a question may ask (`asks`) follows from the changed chain. Two beliefs combine when they change
different steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import fsum, inf
from typing import Any

from marginlib.errors import at_least_zero, finite, positive, unknown, wrong
from marginlib.model import Account, Coin, Contract, MaintenanceBasis, Netting, Order, Pool, Position
from marginlib.tiers import RiskSchedule, RiskTier
from marginlib.venues import PositionMode, rulebook


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a question is about: an account, the position asked about, and what else the question gives.

    Raises:
        MarginError: a number is out of its range, or the account has no position.
        UnknownNameError: the account has no position of `symbol`.
    """

    account: Account  # at the marks of the question
    symbol: str = ""  # the position asked about; left out, the first. Of legs in several pools the first pool counts
    last_prices: Mapping[str, float] = field(default_factory=dict)  # where they differ from the marks [quote per coin]
    target_price: float | None = None  # that the question speaks of, if any [quote currency per base coin]
    funding_rate: float = 0.0  # per settlement, three a day [1]; above 0 longs pay
    fee_rate: float = 0.0  # of a trade, as a share of the notional [1]
    volatility: float = 0.0  # of the price, a year [1]
    days: float = 0.0  # how long the question looks ahead
    # What is then traded at the mark against the position asked about, + bought and - sold [base coin].
    trade: float = 0.0
    position_mode: PositionMode = PositionMode.ONE_WAY  # what that trade does

    def __post_init__(self) -> None:
        symbols = [position.symbol for position in self.account.positions]
        if self.symbol not in symbols:
            if self.symbol or not symbols:
                raise unknown("symbol", self.symbol, symbols or ["none, for there is no position"])
            object.__setattr__(self, "symbol", symbols[0])
        for symbol, price in self.last_prices.items():
            positive(f"last_prices[{symbol!r}]", price)
        if self.target_price is not None:
            positive("target_price", self.target_price)
        finite("funding_rate", self.funding_rate)
        for name in ("fee_rate", "volatility", "days"):
            at_least_zero(name, getattr(self, name))
        held = self.account.positions[symbols.index(self.symbol)]
        if finite("trade", self.trade) * held.quantity > 0:
            raise wrong("trade", self.trade, "give one against the position: - where it is long, + where it is short")

    @classmethod
    def from_plain(cls, record: Mapping[str, Any]) -> Case:
        """Return the case of a record in plain numbers, as the bank of questions has it.

        It is `{wallet, positions, coins, orders, netting}` and any other field; a position is `{symbol, quantity or
        notional (signed), entry, mark, leverage, isolated (true, or the margin), rate or table (a date) or tiers (pairs
        of floor and rate) and whole, closing_fee, contract}`; a coin and an order have the fields of theirs.
        """
        account = Account(
            wallet_balance=record["wallet"],
            positions=tuple(map(_position, record["positions"])),
            coins=tuple(Coin(**each) for each in record.get("coins", ())),
            orders=tuple(Order(**each) for each in record.get("orders", ())),
            netting=Netting[record.get("netting", "none").upper()],
        )
        rest = {name: value for name, value in record.items() if name not in _OF_THE_ACCOUNT}
        if "position_mode" in rest:
            rest["position_mode"] = PositionMode[rest["position_mode"].upper()]
        return cls(account=account, **rest)

    @cached_property
    def mark_price(self) -> float:
        """The mark price of the position asked about [quote currency per base coin]."""
        return next(each.mark_price for each in self.account.positions if each.symbol == self.symbol)


_OF_THE_ACCOUNT = {"wallet", "positions", "coins", "orders", "netting"}


def _position(record: Mapping[str, Any]) -> Position:
    """Return the position that a record of plain numbers describes."""
    entry, symbol = record["entry"], record["symbol"]
    if "table" in record:
        schedule = rulebook("binance_usdm", record["table"]).schedule(symbol)
    elif "tiers" in record:
        tiers = [RiskTier(notional_floor=floor, maintenance_margin_rate=rate) for floor, rate in record["tiers"]]
        schedule = RiskSchedule(tiers=tuple(tiers), whole_position=record.get("whole", False))
    else:
        schedule = RiskSchedule.flat(record.get("rate", 0.004), closing_fee_rate=record.get("closing_fee", 0.0))
    position = Position(
        symbol=symbol,
        quantity=record["quantity"] if "quantity" in record else record["notional"] / entry,
        entry_price=entry,
        mark_price=record.get("mark", entry),
        schedule=schedule,
        leverage=record.get("leverage", 1),
        contract=Contract[record.get("contract", "linear").upper()],
    )
    margin = record.get("isolated", False)
    return position if margin is False else position.isolated(None if margin is True else margin)


def netted(account: Account) -> Account:
    """Return the account with legs in opposite directions of one symbol cancelled, their profit booked."""
    kept: list[Position] = []
    booked = 0.0
    for symbol in dict.fromkeys(each.symbol for each in account.positions):
        legs = [each for each in account.positions if each.symbol == symbol]
        longs, shorts = ([leg for leg in legs if leg.quantity * side > 0] for side in (1, -1))
        size = {1: sum(leg.quantity for leg in longs), -1: -sum(leg.quantity for leg in shorts)}
        both = min(size.values())
        for side, of in ((1, longs), (-1, shorts)):
            share = both / size[side] if of else 0.0
            booked += share * sum(leg.unrealized_pnl for leg in of)
            for leg in of if share < 1 - 1e-12 else ():
                margin = None if leg.isolated_margin is None else leg.isolated_margin * (1 - share)
                kept.append(replace(leg, quantity=leg.quantity * (1 - share), isolated_margin=margin))
    return account.after(wallet_balance=account.wallet_balance + booked, positions=kept)


def traded(account: Account, case: Case, mode: PositionMode) -> Account:
    """Return the account after the trade of a case, by what a trade does: it opens the other leg, or closes first."""
    if not case.trade:
        return account
    held = next(each for each in account.positions if each.symbol == case.symbol)
    leg = replace(held.cross(), quantity=case.trade, entry_price=held.mark_price)
    both = account.after(positions=(*account.positions, leg.isolated() if held.own_margin else leg))
    return both if mode is PositionMode.HEDGE else netted(both)


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    """The steps from an account to an answer; each can be replaced by a wrong one (`dataclasses.replace`)."""

    prices: Callable[[Case], Account] = lambda case: case.account  # the account at the prices that count: the marks
    # The account with its contracts read as what they are.
    contract: Callable[[Account], Account] = lambda account: account
    # The account after what the case then trades.
    traded: Callable[[Account, Case], Account] = lambda account, case: traded(account, case, case.position_mode)
    # The account with the positions that need margin: all of them, both legs of a hedge too.
    positions: Callable[[Account], Account] = lambda account: account
    pools: Callable[[Account], tuple[Pool, ...]] = Account.pools  # which money stands behind which positions
    # Each of these pools, with what its venue nets and what open orders leave behind its positions.
    pool: Callable[[Pool], Pool] = lambda pool: pool
    # What a coin counts for as collateral, from the coin as it is today and as it is there [quote currency].
    coin: Callable[[Coin, Coin], float] = lambda _today, there: there.value
    # What open orders keep from being available, from the initial margin that they reserve [quote currency].
    reserved: Callable[[float], float] = lambda reserved: reserved
    # What may leave, from the money in the pool, the equity less initial margin, and the money less maintenance margin.
    leaves: Callable[[float, float, float], float] = min
    # Profit or loss of a position, at the price it has there [quote currency].
    pnl: Callable[[Position], float] = lambda position: position.unrealized_pnl
    # What a neighbour in the pool adds, from the neighbour and its profit [quote currency].
    others_pnl: Callable[[Position, float], float] = lambda _position, profit: profit
    notional: Callable[[Position], float] = lambda position: position.notional  # value of a position [quote currency]
    # The value that maintenance margin is a share of [quote currency].
    maintenance_value: Callable[[Position], float] = lambda position: (
        position.entry_notional if position.maintenance_basis is MaintenanceBasis.ENTRY else position.notional
    )
    # The risk table that a position's maintenance margin is read from.
    schedule: Callable[[Position], RiskSchedule] = lambda position: position.schedule
    # What of the neighbours' maintenance margin counts [quote currency].
    others_maintenance: Callable[[float], float] = lambda maintenance: maintenance
    # The equity at which a pool is bankrupt, from its maintenance margin [quote currency].
    bankrupt_at: Callable[[float], float] = lambda _maintenance: 0.0
    # What of today's profit or loss counts in the equity [quote currency].
    counted: Callable[[float], float] = lambda profit: profit
    # The positions whose profit can be used as margin for others: those of the cross pool.
    usable: Callable[[Account], tuple[Position, ...]] = lambda account: account.pools()[0].positions
    # The liquidation price, from the one found and the position [quote currency per base coin].
    price_found: Callable[[float | None, Position], float | None] = lambda price, _position: price
    # What is left of the equity when a pool is liquidated [quote currency].
    left_over: Callable[[float], float] = lambda equity: equity
    # The margin ratio, from equity and maintenance margin [1].
    ratio: Callable[[float, float], float] = lambda equity, maintenance: maintenance / equity if equity > 0 else inf
    # From notional, equity and the leverage setting [1].
    effective_leverage: Callable[[float, float, float], float] = lambda notional, equity, _setting: (
        notional / equity if equity > 0 else inf
    )
    add_up: Callable[[list[float]], float] = fsum  # the loss of several pools, from the loss of each [quote currency]
    # The most that can be lost, from what the pools can lose and the notional [quote currency].
    at_risk: Callable[[float, float], float] = lambda amount, _notional: amount
    # What a fee is a share of, from the notional and the initial margin [quote currency].
    fee_base: Callable[[float, float], float] = lambda notional, _margin: notional
    # The odds of reaching a price, from those of ending beyond it and of having turned back [1].
    touched: Callable[[float, float], float] = lambda ends, turns_back: ends + turns_back
    # The common move that ends a pool, from the true one and the moves of each symbol alone [1].
    together: Callable[[float | None, list[float]], float | None] = lambda move, _single: move


RIGHT = Reasoning()
