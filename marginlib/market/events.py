"""Events: what may happen to an account, as frozen records.

An event says what happened and nothing about what follows from it; `marginlib.market.replay.step` works that out. Every
record checks itself as it is made, so a wrong number is refused where it was written, not a thousand events later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from marginlib.errors import finite, fraction, name_text, positive, wrong
from marginlib.model import MarginMode

_CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    "symbol": name_text, "name": name_text, "amount": positive, "quantity": finite, "price": positive,
    "fee_rate": fraction, "leverage": positive,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to an account.

    Raises:
        MarginError: a value is not in the range that its record names, a name is not a text.
    """

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name in _CHECKS and (value := getattr(self, each.name)) is not each.default:
                object.__setattr__(self, each.name, _CHECKS[each.name](each.name, value))

    def _keep(self, name: str, checked: dict[str, float]) -> None:
        """Store a number for each symbol, read-only."""
        if not checked:
            raise wrong(name, checked, "give at least one symbol")
        object.__setattr__(self, name, MappingProxyType(checked))


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposit(Event):
    """Money that comes into the wallet from outside."""

    amount: float  # [quote currency], above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal(Event):
    """Money that leaves the wallet; what may leave is a rule of the venue's, `marginlib.WithdrawalRule`."""

    amount: float  # [quote currency], above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DepositCoin(Event):
    """Coins that come into the cross pool as collateral, valued at the last mark price of their symbol."""

    symbol: str
    amount: float  # [base coin], above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class WithdrawCoin(Event):
    """Coins that leave the cross pool; what they count for has to be available."""

    symbol: str
    amount: float  # [base coin], above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fill(Event):
    """A trade of the account's own: it opens, adds to, reduces, closes or flips the position of its symbol.

        new quantity = old quantity + quantity

    Args:
        symbol: the contract.
        quantity: what was bought (+) or sold (-) [base coin; inverse contracts: face value in quote currency];
            not 0.
        price: at which it was traded [quote currency per base coin], above 0.
        fee_rate: fee as a share of the value traded [1], at least 0 and below 1.
        reduces: whether it may only reduce a position; in hedge mode, what is not said to reduce opens or adds to the
            leg of its own direction.
        order: name of the open order that was filled, or a part of it; None of a trade at once.
    """

    symbol: str
    quantity: float
    price: float
    fee_rate: float = 0.0
    reduces: bool = False
    order: str | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.quantity == 0:
            raise wrong("quantity", self.quantity, "give a size with its sign, + bought, - sold")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceOrder(Event):
    """An order that would open or add to a position: it reserves initial margin until it is filled or cancelled."""

    name: str
    symbol: str
    quantity: float  # to be bought (+) or sold (-) [base coin], not 0
    price: float  # its limit [quote currency per base coin], above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelOrder(Event):
    """An open order that is taken back."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkPrices(Event):
    """New mark prices, all of the same instant. Symbols left out keep theirs; symbols not held are remembered.

    Args:
        prices: mark price of each symbol, one at least [quote currency per base coin], above 0.
    """

    prices: Mapping[str, float]

    def __post_init__(self) -> None:
        named = {name_text("symbol", symbol): price for symbol, price in self.prices.items()}
        self._keep("prices", {symbol: positive(f"prices[{symbol!r}]", price) for symbol, price in named.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Funding(Event):
    """A funding settlement: with a positive rate longs pay and shorts receive, on the notional at the mark price.

        payment = rate x quantity x mark price           (below 0: received)

    Args:
        rates: funding rate of each symbol for the period that ends now [1], one at least, with its sign,
            above -1 and below 1.
    """

    rates: Mapping[str, float]

    def __post_init__(self) -> None:
        named = {name_text("symbol", symbol): rate for symbol, rate in self.rates.items()}
        for symbol, rate in named.items():
            if not -1 < finite(f"rates[{symbol!r}]", rate) < 1:
                raise wrong(f"rates[{symbol!r}]", rate, "give a fraction above -1 and below 1 (0.01 % is 0.0001)")
        self._keep("rates", {symbol: float(rate) for symbol, rate in named.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class AddIsolatedMargin(Event):
    """Money moved from the cross pool into an isolated position.

    Args:
        symbol: the isolated position.
        amount: how much [quote currency], above 0.
    """

    symbol: str
    amount: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveIsolatedMargin(Event):
    """Money moved out of an isolated position, back into the cross pool."""

    symbol: str
    amount: float  # [quote currency], above 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLeverage(Event):
    """Another leverage setting for a symbol, held or not yet held.

    Args:
        symbol: the contract.
        leverage: the multiple to be set [1], above 0.
    """

    symbol: str
    leverage: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SetMarginMode(Event):
    """Another margin mode for a symbol or, where the venue has one mode for everything, for the account.

    Args:
        margin_mode: cross or isolated.
        symbol: the contract; None means the whole account.
    """

    margin_mode: MarginMode
    symbol: str | None = None

    def __post_init__(self) -> None:
        Event.__post_init__(self)
        if self.margin_mode not in set(MarginMode):  # a text is easily given in its place
            raise wrong("margin_mode", self.margin_mode, "give MarginMode.CROSS or MarginMode.ISOLATED")
