"""Events: what may happen to an account, as frozen records.

An event says what happened and nothing about what follows from it; `marginlib.market.replay.step` works that out. Every record
checks itself as it is made, so a wrong number is refused where it was written, not a thousand events later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from marginlib.errors import MarginError, finite, fraction, name_text, positive, wrong
from marginlib.model import MarginMode

__all__ = [
    "AddIsolatedMargin",
    "Deposit",
    "Event",
    "Fill",
    "Funding",
    "MarkPrices",
    "RemoveIsolatedMargin",
    "SetLeverage",
    "SetMarginMode",
    "Withdrawal",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposit:
    """Money that comes into the wallet from outside.

    Args:
        amount: how much [quote currency], above 0.

    Raises:
        MarginError: the amount is not above 0.

    Example:
        >>> Deposit(amount=1_000)
        Deposit(amount=1000.0)
    """

    amount: float

    def __post_init__(self) -> None:
        _keep(self, "amount", positive("amount", self.amount))


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    """Money that leaves the wallet; only what is neither set aside nor needed as initial margin may leave.

    Args:
        amount: how much [quote currency], above 0.

    Raises:
        MarginError: the amount is not above 0.

    Example:
        >>> Withdrawal(amount=250)
        Withdrawal(amount=250.0)
    """

    amount: float

    def __post_init__(self) -> None:
        _keep(self, "amount", positive("amount", self.amount))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fill:
    """A trade of the account's own: it opens, adds to, reduces, closes or flips the position of its symbol.

        new quantity = old quantity + quantity

    Args:
        symbol: the contract.
        quantity: what was bought (+) or sold (-) [base coin; inverse contracts: face value in quote currency].
        price: at which it was traded [quote currency per base coin].
        fee_rate: fee as a share of the value traded [1].

    Raises:
        MarginError: the quantity is 0, the price is not above 0, the fee rate is not at least 0 and below 1.

    Example:
        >>> Fill(symbol="ETHUSDT", quantity=-2, price=3_000, fee_rate=0.0005).quantity
        -2.0
    """

    symbol: str
    quantity: float
    price: float
    fee_rate: float = 0.0

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        _keep(self, "quantity", finite("quantity", self.quantity))
        _keep(self, "price", positive("price", self.price))
        _keep(self, "fee_rate", fraction("fee_rate", self.fee_rate))
        if self.quantity == 0:
            raise wrong("quantity", self.quantity, "give a size with its sign, + bought, - sold")


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkPrices:
    """New mark prices, all of the same instant. Symbols left out keep theirs; symbols not held are remembered.

    Args:
        prices: mark price of each symbol [quote currency per base coin].

    Raises:
        MarginError: there is no price, or one is not above 0.

    Example:
        >>> MarkPrices(prices={"BTCUSDT": 60_000}).prices["BTCUSDT"]
        60000.0
    """

    prices: Mapping[str, float]

    def __post_init__(self) -> None:
        checked = {
            name_text("symbol", symbol): positive(f"prices[{symbol!r}]", price) for symbol, price in self.prices.items()
        }
        _keep(self, "prices", _some("prices", checked))


@dataclass(frozen=True, kw_only=True, slots=True)
class Funding:
    """A funding settlement: with a positive rate longs pay and shorts receive, on the notional at the mark price.

        payment = rate x quantity x mark price           (below 0: received)

    Args:
        rates: funding rate of each symbol for the period that ends now [1], with its sign.

    Raises:
        MarginError: there is no rate, or one is not a number above -1 and below 1.

    Example:
        >>> Funding(rates={"BTCUSDT": 0.0001}).rates["BTCUSDT"]
        0.0001
    """

    rates: Mapping[str, float]

    def __post_init__(self) -> None:
        checked = {name_text("symbol", symbol): _rate(symbol, rate) for symbol, rate in self.rates.items()}
        _keep(self, "rates", _some("rates", checked))


@dataclass(frozen=True, kw_only=True, slots=True)
class AddIsolatedMargin:
    """Money moved from the cross pool into an isolated position.

    Args:
        symbol: the isolated position.
        amount: how much [quote currency], above 0.

    Raises:
        MarginError: the amount is not above 0.

    Example:
        >>> AddIsolatedMargin(symbol="BTCUSDT", amount=100).amount
        100.0
    """

    symbol: str
    amount: float

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        _keep(self, "amount", positive("amount", self.amount))


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveIsolatedMargin:
    """Money moved out of an isolated position, back into the cross pool.

    Args:
        symbol: the isolated position.
        amount: how much [quote currency], above 0.

    Raises:
        MarginError: the amount is not above 0.

    Example:
        >>> RemoveIsolatedMargin(symbol="BTCUSDT", amount=100).amount
        100.0
    """

    symbol: str
    amount: float

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        _keep(self, "amount", positive("amount", self.amount))


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLeverage:
    """Another leverage setting for a symbol, held or not yet held.

    Args:
        symbol: the contract.
        leverage: the multiple to be set [1], above 0.

    Raises:
        MarginError: the leverage is not above 0.

    Example:
        >>> SetLeverage(symbol="BTCUSDT", leverage=20).leverage
        20.0
    """

    symbol: str
    leverage: float

    def __post_init__(self) -> None:
        name_text("symbol", self.symbol)
        _keep(self, "leverage", positive("leverage", self.leverage))


@dataclass(frozen=True, kw_only=True, slots=True)
class SetMarginMode:
    """Another margin mode for a symbol or, where the venue has one mode for everything, for the account.

    Args:
        margin_mode: cross or isolated.
        symbol: the contract; None means the whole account.

    Raises:
        MarginError: the mode is not a `MarginMode`.

    Example:
        >>> SetMarginMode(symbol="BTCUSDT", margin_mode=MarginMode.ISOLATED).margin_mode
        <MarginMode.ISOLATED: 'isolated'>
    """

    margin_mode: MarginMode
    symbol: str | None = None

    def __post_init__(self) -> None:
        if self.symbol is not None:
            name_text("symbol", self.symbol)
        if self.margin_mode not in set(MarginMode):  # a text is easily given in its place
            raise wrong("margin_mode", self.margin_mode, "give MarginMode.CROSS or MarginMode.ISOLATED")


Event = (
    Deposit
    | Withdrawal
    | Fill
    | MarkPrices
    | Funding
    | AddIsolatedMargin
    | RemoveIsolatedMargin
    | SetLeverage
    | SetMarginMode
)


def _keep(record: object, field: str, value: object) -> None:
    """Store a checked value in a frozen record that is being made."""
    object.__setattr__(record, field, value)


def _some(field: str, checked: dict[str, float]) -> Mapping[str, float]:
    """Return a read-only copy, or refuse an empty one."""
    if not checked:
        raise MarginError(f"{field} = {{}}: give at least one symbol")
    return MappingProxyType(checked)


def _rate(symbol: str, rate: float) -> float:
    """Return a funding rate, which is a small share of the notional with a sign."""
    number = finite(f"rates[{symbol!r}]", rate)
    if not -1 < number < 1:
        raise MarginError(f"rates[{symbol!r}] = {rate!r}: give a fraction above -1 and below 1 (0.01 % is 0.0001)")
    return number
