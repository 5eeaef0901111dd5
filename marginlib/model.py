"""Positions, pools and accounts: who backs what.

A **pool** is collateral plus the positions that it backs. Cross margin is one pool; isolated margin is one pool for
each position. A margin mode is therefore a *partition* of the account into pools, and `Account.pools()` is the one
place that reads it: every formula of this library takes a pool and never asks for the mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import fsum, inf, isclose
from typing import Any, Self, TypeVar

from marginlib.errors import LARGEST, MarginError, at_least_zero, finite, fraction, name_text, positive, unknown, wrong
from marginlib.tiers import RiskSchedule

__all__ = [
    "Account",
    "Coin",
    "Contract",
    "Health",
    "MaintenanceBasis",
    "MarginMode",
    "Netting",
    "Order",
    "Pool",
    "Position",
    "ShownPrice",
]


class MarginMode(Enum):
    """How an account's positions are split into pools."""

    CROSS = "cross"
    ISOLATED = "isolated"


class Health(Enum):
    """What a venue does with a pool: nothing, liquidate it, or take it over with nothing left in it."""

    HEALTHY = "healthy"
    LIQUIDATABLE = "liquidatable"
    BANKRUPT = "bankrupt"


class MaintenanceBasis(Enum):
    """The price at which a venue values a position when it asks for maintenance margin."""

    MARK = "mark"
    ENTRY = "entry"


class Netting(Enum):
    """What a venue asks for a long and a short of one symbol in a pool."""

    NONE = "margin for each leg"  # Binance
    LARGER_LEG = "margin for the larger of long and short"  # Kraken
    LEGS_CLOSED = "margin for what is left when long and short are closed against each other"  # Bybit, once


class ShownPrice(Enum):
    """The convention by which a venue shows a liquidation price in cross margin."""

    OTHERS_HELD = "all other marks held still"  # true if only this mark moves: Binance
    FROZEN_MAINTENANCE = "maintenance margin held at today's mark"  # Bitget, until September 2025
    PRO_RATA = "equity shared by the positions' values"  # KuCoin


class Contract(Enum):
    """How profit follows the price: `quantity x (price^power - entry^power) x power`.

    A linear contract (power 1) pays in the quote currency. An inverse contract (power -1) pays in the base coin, and
    is a linear contract in the reciprocal of the price. So one formula, written in `price^power`, serves both.
    """

    LINEAR = 1
    INVERSE = -1

    @property
    def power(self) -> int:
        """The exponent of the price, 1 or -1."""
        return self._value_  # `value`, four times as quick


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """One position: a signed quantity of a contract, bought or sold at a price, valued at the mark price.

    Args:
        symbol: the contract's name, such as "BTCUSDT".
        quantity: size with its sign, + long and - short [base coin; inverse contracts: face value in quote currency].
        entry_price: average price at which it was opened [quote currency per base coin].
        mark_price: the venue's fair price, which values and liquidates it [quote currency per base coin].
        schedule: the contract's risk tiers.
        leverage: the chosen multiple [1]; it sets the initial margin, and nothing else.
        margin_mode: cross or isolated.
        isolated_margin: wallet money set aside for this position alone [quote currency; inverse: base coin]. Needed
            when the mode is isolated; not to be given when it is cross.
        contract: linear or inverse.
        maintenance_basis: whether maintenance margin follows the mark price or is frozen at the entry price.

    Raises:
        MarginError: a price or the leverage is not above 0, the quantity is 0, a number is not finite, the size or the
            leverage is above what the risk tiers allow.

    Example:
        >>> position = Position(
        ...     symbol="BTCUSDT", quantity=0.1, entry_price=60_000, mark_price=61_000,
        ...     schedule=RiskSchedule.flat(0.004), leverage=10,
        ... )
        >>> position.notional, position.unrealized_pnl
        (6100.0, 100.0)
    """

    symbol: str
    quantity: float
    entry_price: float
    mark_price: float
    schedule: RiskSchedule
    leverage: float = 1.0
    margin_mode: MarginMode = MarginMode.CROSS
    isolated_margin: float | None = None
    contract: Contract = Contract.LINEAR
    maintenance_basis: MaintenanceBasis = MaintenanceBasis.MARK

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        _keep(self, quantity=finite("quantity", self.quantity), entry_price=positive("entry_price", self.entry_price))
        _keep(self, mark_price=positive("mark_price", self.mark_price), leverage=positive("leverage", self.leverage))
        if self.quantity == 0:
            raise wrong("quantity", self.quantity, "give a size with its sign, + for long, - for short")
        if self.isolated_margin is not None:
            _keep(self, isolated_margin=positive("isolated_margin", self.isolated_margin))
        for field, kind in _KINDS.items():
            if not isinstance(value := getattr(self, field), kind):
                names = ", ".join(map(str, kind)) if issubclass(kind, Enum) else f"a {kind.__name__}"
                raise wrong(field, value, f"give {names}")
        _check_values(self)
        limit = self.schedule.max_leverage(self.entry_notional)
        if self.leverage > limit:
            give = f"{self.symbol} allows at most {limit:,.10g} at a notional of {self.entry_notional:,.10g}"
            raise wrong("leverage", self.leverage, give)

    @classmethod
    def open(
        cls,
        *,
        symbol: str,
        price: float,
        schedule: RiskSchedule,
        quantity: float | None = None,
        notional: float | None = None,
        leverage: float = 1.0,
    ) -> Self:
        """Return a linear cross position just opened: its entry price is its mark price.

        Args:
            symbol: the contract's name, such as "BTCUSDT".
            price: the price at which it is opened [quote currency per base coin].
            schedule: the contract's risk tiers.
            quantity: size with its sign, + long and - short [base coin].
            notional: in its place, what the position is worth, with the same sign [quote currency].
            leverage: the chosen multiple [1].

        Example:
            >>> Position.open(
            ...     symbol="ETHUSDT", notional=-6_000, price=3_000, schedule=RiskSchedule.flat(0.004)
            ... ).at(2_900).unrealized_pnl
            200.0
        """
        price = positive("price", price)
        if notional is not None:
            if quantity is not None or finite("notional", notional) == 0:
                raise wrong("notional", notional, "give quantity or notional, with its sign, + for long, - for short")
            quantity = finite("notional", notional) / price
        size = finite("quantity", quantity)
        return cls(
            symbol=symbol, quantity=size, entry_price=price, mark_price=price, schedule=schedule, leverage=leverage
        )

    def isolated(self, isolated_margin: float | None = None) -> Self:
        """Return this position in isolated mode, with its initial margin set aside unless an amount is given.

        Args:
            isolated_margin: wallet money to set aside [quote currency]; left out, entry notional / leverage.

        Example:
            >>> Position.open(
            ...     symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=10
            ... ).isolated().isolated_margin
            600.0
        """
        margin = self.entry_notional / self.leverage if isolated_margin is None else isolated_margin
        return replace(self, margin_mode=MarginMode.ISOLATED, isolated_margin=margin)

    def cross(self) -> Self:
        """Return this position in cross mode, backed by what the whole account has."""
        return replace(self, margin_mode=MarginMode.CROSS, isolated_margin=None)

    def at(self, mark_price: float) -> Self:
        """Return this position valued at another mark price [quote currency per base coin]."""
        return replace(self, mark_price=mark_price)

    @property
    def own_margin(self) -> float:
        """Money set aside for this position alone [quote currency; inverse: base coin]; 0 where it shares a pool."""
        return self.isolated_margin or 0.0

    @property
    def pool(self) -> Pool:
        """The pool of an isolated position: its own margin, and nothing else behind it.

        Raises:
            MarginError: the position shares a pool.
        """
        if not self.own_margin:
            raise wrong("isolated_margin", None, f"{self.symbol} has no margin of its own; isolated positions do")
        return Pool(collateral=self.own_margin, positions=(self,))

    @property
    def exposure(self) -> float:
        """The signed size that multiplies `price^power`: + gains when that rises."""
        return self.quantity * self.contract.power

    @property
    def entry_cost(self) -> float:
        """Signed value at the entry price: exposure x entry^power."""
        return self.exposure * self.entry_price**self.contract.power

    @property
    def entry_notional(self) -> float:
        """Value at the entry price [quote currency; inverse: base coin]."""
        return abs(self.entry_cost)

    @property
    def notional(self) -> float:
        """Value at the mark price [quote currency; inverse: base coin]: |quantity| x mark^power."""
        return abs(self.quantity) * self.mark_price**self.contract.power

    @property
    def unrealized_pnl(self) -> float:
        """Profit or loss not yet taken [quote currency; inverse: base coin]: exposure x (mark^power - entry^power)."""
        power = self.contract.power
        return self.exposure * (self.mark_price**power - self.entry_price**power)


@dataclass(frozen=True, kw_only=True, slots=True)
class Coin:
    """A coin that stands as collateral: it counts for less than its price, and moves with it.

        value = amount x mark price x (1 - haircut)

    Args:
        symbol: whose mark price values it, such as "BTCUSDT".
        amount: how many coins [base coin], above 0.
        mark_price: the venue's fair price [quote currency per base coin], above 0.
        haircut: share of the price that does not count [1], at least 0 and below 1.

    Raises:
        MarginError: a number is out of its range.

    Example:
        >>> Coin(symbol="BTCUSDT", amount=0.5, mark_price=60_000, haircut=0.05).value
        28500.0
    """

    symbol: str
    amount: float
    mark_price: float
    haircut: float = 0.0

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        _keep(self, amount=positive("amount", self.amount), mark_price=positive("mark_price", self.mark_price))
        _keep(self, haircut=fraction("haircut", self.haircut))
        positive("amount x mark_price", self.amount * self.mark_price)

    @property
    def exposure(self) -> float:
        """What its value changes by for each unit of its price [base coin]."""
        return self.amount * (1 - self.haircut)

    @property
    def value(self) -> float:
        """What it counts for as collateral [quote currency]."""
        return self.exposure * self.mark_price

    def at(self, mark_price: float) -> Self:
        """Return this coin at another mark price [quote currency per base coin]."""
        return replace(self, mark_price=mark_price)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An open order that would open a position: it reserves initial margin, and changes neither equity nor maintenance.

    Args:
        name: what tells it from the account's other orders.
        symbol: the contract.
        quantity: what is to be bought (+) or sold (-) [base coin], not 0.
        price: its limit [quote currency per base coin], above 0.
        leverage: the leverage set for the symbol [1], above 0.
        contract: linear or inverse.

    Raises:
        MarginError: a number is out of its range.

    Example:
        >>> Order(name="bid", symbol="BTCUSDT", quantity=0.1, price=50_000, leverage=10).margin
        500.0
    """

    name: str
    symbol: str
    quantity: float
    price: float
    leverage: float = 1.0
    contract: Contract = Contract.LINEAR

    def __post_init__(self) -> None:
        name_text("name", self.name)
        name_text("symbol", self.symbol)
        _keep(self, quantity=finite("quantity", self.quantity), price=positive("price", self.price))
        _keep(self, leverage=positive("leverage", self.leverage))
        positive("|quantity| x price", abs(self.quantity) * self.price)

    @property
    def margin(self) -> float:
        """Initial margin that it reserves [quote currency; inverse: base coin]: |quantity| x price^power / leverage."""
        return abs(self.quantity) * self.price**self.contract.power / self.leverage


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Collateral and the positions that it backs: what every formula of this library takes.

    Args:
        collateral: money in the pool without unrealized PnL [quote currency; inverse: base coin]. It may be below 0 in
            a cross pool whose open profits cover a realized loss.
        positions: the positions that this collateral backs, and no others.
        coins: other coins that back them too, beside linear contracts.
        reserved: initial margin of open orders [quote currency].
        netting: what is asked for a long and a short of one symbol.

    Raises:
        MarginError: the collateral is not finite, two legs of a symbol have different marks, or linear and inverse
            contracts, whose profits are in different currencies, are mixed.

    Example:
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=1, price=3_000, schedule=flat)
        >>> Pool(collateral=500, positions=(eth,)).at({"ETHUSDT": 2_900}).positions[0].unrealized_pnl
        -100.0
    """

    collateral: float
    positions: tuple[Position, ...] = ()
    coins: tuple[Coin, ...] = ()
    netting: Netting = Netting.NONE
    reserved: float = 0.0

    def __post_init__(self) -> None:
        _keep(self, reserved=at_least_zero("reserved", self.reserved), coins=_several("coins", self.coins))
        _keep(self, collateral=finite("collateral", self.collateral), positions=_several("positions", self.positions))
        if not isinstance(self.netting, Netting):
            raise wrong("netting", self.netting, f"give {', '.join(map(str, Netting))}")
        marks: dict[str, float] = {}
        for each in self.held:
            mark = marks.setdefault(each.symbol, each.mark_price)
            if mark != each.mark_price:
                raise wrong("mark_price", each.mark_price, f"another {each.symbol} leg of the pool has {mark:,.10g}")
        _one_currency(self.positions, "pools")
        if self.coins and any(position.contract is not Contract.LINEAR for position in self.positions):
            raise MarginError("coins: an inverse contract pays in its own coin; give linear ones beside other coins")

    @property
    def own(self) -> bool:
        """Whether the pool is one isolated position's own; False of the cross pool."""
        return any(position.own_margin > 0 for position in self.positions)

    @property
    def held(self) -> tuple[Position | Coin, ...]:
        """The pool's positions and coins."""
        return (*self.positions, *self.coins)

    @property
    def coins_value(self) -> float:
        """What the coins count for as collateral [quote currency]."""
        return fsum(coin.value for coin in self.coins)

    def asked_legs(self) -> list[Sequence[Sequence[Position]]]:
        """Return, for each symbol, sets of legs: margin is asked for the set that needs most.

        Without netting that is one set of all legs; the longs and the shorts; or what is left of the larger side.
        """
        if self.netting is Netting.NONE:
            return [[self.positions]]
        found: list[Sequence[Sequence[Position]]] = []
        for symbol in dict.fromkeys(position.symbol for position in self.positions):
            legs = [position for position in self.positions if position.symbol == symbol]
            sides = [[leg for leg in legs if leg.quantity * sign > 0] for sign in (1, -1)]
            if self.netting is Netting.LEGS_CLOSED:
                less, more = sorted(sides, key=lambda side: fsum(abs(leg.quantity) for leg in side))
                left = 1 - fsum(abs(leg.quantity) for leg in less) / fsum(abs(leg.quantity) for leg in more)
                # Legs that cancel, as 0.1 + 0.2 and 0.3 do in decimals, cancel.
                sides = [[replace(leg, quantity=leg.quantity * left) for leg in more if left > 1e-12]]  # noqa: PLR2004
            found.append(sides)
        return found

    def check_plain(self, what: str) -> None:
        """Refuse coins, netting and tiers that jump, for what takes none of them."""
        jump = any(each.schedule.whole_position and len(each.schedule.tiers) > 1 for each in self.positions)
        asks = {"coins": bool(self.coins), "netting": self.netting is not Netting.NONE, "whole_position": jump}
        for field, asked in asks.items():
            if asked:
                raise MarginError(f"{field}: {what} knows nothing of it; replay the account's events one by one")

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the pool's positions and coins, each once, in order."""
        return tuple(dict.fromkeys(each.symbol for each in self.held))

    def at(self, mark_prices: Mapping[str, float]) -> Self:
        """Return the pool at other mark prices [quote currency per base coin]; symbols left out keep theirs.

        Raises:
            UnknownNameError: a symbol is not in the pool.
        """
        return replace(self, **_at(self, mark_prices))


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A wallet and its positions, each in cross or isolated mode.

    Args:
        wallet_balance: deposits + realized PnL + funding - fees, isolated margins included, no unrealized PnL
            [quote currency; inverse: base coin]; 0 or more. Only beside an open cross position may it, or what is left
            of it after the isolated margins, be below 0: a realized loss that open profit has to cover.
        positions: the open positions.
        coins: other coins in the cross pool, beside the balance.
        orders: open orders, all of which reserve margin in the cross pool.
        netting: what the venue asks for a long and a short of one symbol in one pool.

    Raises:
        MarginError: the balance is not finite, or negative by more than the open profit of cross positions covers, an
            isolated position has no isolated margin, a cross position has one, more is set aside than the wallet
            holds, or linear and inverse contracts are mixed.

    Example:
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat, leverage=12)
        >>> [pool.collateral for pool in Account(wallet_balance=10_000, positions=(btc,)).pools()]
        [10000.0]
        >>> [pool.collateral for pool in Account(wallet_balance=10_000, positions=(btc.isolated(),)).pools()]
        [9500.0, 500.0]
    """

    wallet_balance: float
    positions: tuple[Position, ...] = ()
    coins: tuple[Coin, ...] = ()
    netting: Netting = Netting.NONE
    orders: tuple[Order, ...] = ()

    def __post_init__(self) -> None:
        _keep(self, wallet_balance=finite("wallet_balance", self.wallet_balance))
        _keep(self, **{part: _several(part, getattr(self, part)) for part in ("positions", "coins", "orders")})
        cross = self.pools()[0]  # refuses what cannot be partitioned
        profit = sum(position.unrealized_pnl for position in cross.positions) + cross.coins_value
        if cross.collateral < 0 and cross.collateral + profit < 0:
            at_least_zero("wallet_balance", self.wallet_balance)
            missing = f"{-cross.collateral:,.10g} less than the isolated margins"
            uncovered = f"an open profit of {profit:,.10g} does not cover that"
            raise wrong("wallet_balance", self.wallet_balance, f"{missing}, and {uncovered}; give more")

    def after(
        self,
        *,
        wallet_balance: float | None = None,
        positions: Iterable[Position] | None = None,
        coins: Iterable[Coin] | None = None,
        orders: Iterable[Order] | None = None,
    ) -> Self:
        """Return the account after something happened to it: other marks, a loss taken, a position gone.

        What happens may leave a debt in the cross pool that no open profit covers. That is a state (the pool is
        bankrupt), not bad input, so it is not refused here.

        Args:
            wallet_balance: the new balance [quote currency]; left out, as before.
            positions: the new positions; left out, as before.
            coins: the new coins; left out, as before.
            orders: the new orders; left out, as before.

        Example:
            >>> eth = Position.open(symbol="ETHUSDT", quantity=1, price=3_000, schedule=RiskSchedule.flat(0.004))
            >>> Account(wallet_balance=100, positions=(eth,)).after(wallet_balance=-40).pools()[0].collateral
            -40.0
        """
        changed = object.__new__(type(self))
        _keep(
            changed,
            wallet_balance=self.wallet_balance if wallet_balance is None else finite("wallet_balance", wallet_balance),
            positions=self.positions if positions is None else _several("positions", positions),
            coins=self.coins if coins is None else tuple(coins),
            netting=self.netting,
            orders=self.orders if orders is None else tuple(orders),
        )
        changed.pools()
        return changed

    def pools(self) -> tuple[Pool, ...]:
        """Return the account's pools: the cross pool first (it may back no position), then one per isolated position.

        This is the one place where the margin mode is read.
        """
        _one_currency(self.positions, "accounts")
        cross: list[Position] = []
        isolated: list[Pool] = []
        free = self.wallet_balance
        for position in self.positions:
            margin = position.isolated_margin
            match position.margin_mode:
                case MarginMode.CROSS if margin is None:
                    cross.append(position)
                case MarginMode.ISOLATED if margin is not None:
                    isolated.append(Pool(collateral=margin, positions=(position,)))
                    free -= margin
                case MarginMode.CROSS:
                    raise wrong("isolated_margin", margin, f"{position.symbol} is cross; leave it out, or isolate it")
                case _:
                    raise MarginError(
                        f"isolated_margin = None: {position.symbol} is isolated; give the money set aside for it"
                    )
        if free < 0 and self.wallet_balance > 0 and isclose(free, 0.0, abs_tol=1e-9 * self.wallet_balance):
            free = 0.0  # what adding up floats left over
        if free < 0 and not cross and not self.coins:
            at_least_zero("wallet_balance", self.wallet_balance)
            set_aside = self.wallet_balance - free
            raise MarginError(
                f"isolated_margin: {set_aside:,.10g} in all is more than wallet_balance = {self.wallet_balance!r}"
            )
        reserved = fsum(order.margin for order in self.orders)
        shared = Pool(
            collateral=free, positions=tuple(cross), coins=self.coins, netting=self.netting, reserved=reserved
        )
        return (shared, *isolated)

    @property
    def held(self) -> tuple[Position | Coin, ...]:
        """The account's positions and coins."""
        return (*self.positions, *self.coins)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the account's positions and coins, each once, in order."""
        return tuple(dict.fromkeys(each.symbol for each in self.held))

    def at(self, mark_prices: Mapping[str, float]) -> Self:
        """Return the account at other mark prices [quote currency per base coin]; symbols left out keep theirs.

        Raises:
            UnknownNameError: a symbol is not in the account.
        """
        return self.after(**_at(self, mark_prices))


_T = TypeVar("_T")

# What a position's fields must be that are not numbers: a mode written as text would leave it out of every pool.
_KINDS: dict[str, type] = {
    "schedule": RiskSchedule,
    "margin_mode": MarginMode,
    "contract": Contract,
    "maintenance_basis": MaintenanceBasis,
}


def _check_values(position: Position) -> None:
    """Refuse a size and a price whose product no float can hold."""
    for field in ("entry_price", "mark_price"):
        price = getattr(position, field)
        try:
            value = abs(position.quantity) * price**position.contract.power
        except OverflowError:  # the reciprocal of a price next to 0
            value = inf
        if not 0 < value <= LARGEST:
            positive(f"value at {field} = {price!r} of quantity = {position.quantity!r}", value)


def _several(field: str, given: Iterable[_T]) -> tuple[_T, ...]:
    """Return records as a tuple; what is none of them is told how it is written."""
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        symbol = getattr(given, "symbol", None)
        told = f"one {type(given).__name__.lower()}, {symbol}" if symbol else repr(given)
        raise MarginError(f"{field} = {told}: give them in brackets, each followed by a comma, such as (btc,)")
    return tuple(given)


def _one_currency(positions: tuple[Position, ...], holders: str) -> None:
    """Refuse a mix of linear and inverse contracts."""
    if len({position.contract for position in positions}) > 1:
        give = f"put them in separate {holders}"
        raise MarginError(f"contract: linear and inverse positions pay in different currencies; {give}")


def _keep(record: object, **values: object) -> None:
    """Store checked values, as plain floats, in a frozen record that is being made."""
    for field, value in values.items():
        object.__setattr__(record, field, value)


def _at(held_by: Pool | Account, mark_prices: Mapping[str, float]) -> dict[str, Any]:
    """Return positions and coins at the mark prices given, or refuse a symbol that none of them has."""
    if not isinstance(mark_prices, Mapping):
        raise wrong("mark_prices", mark_prices, 'give a price for each symbol, such as {"BTCUSDT": 60_000}')
    for symbol in mark_prices:
        if symbol not in (known := held_by.symbols):
            raise unknown("symbol", symbol, known or ["none, for there is no position"])
    positions, coins = (
        tuple(each.at(mark_prices.get(each.symbol, each.mark_price)) for each in part)
        for part in (held_by.positions, held_by.coins)
    )
    return {"positions": positions, "coins": coins}
