"""Rulebooks: what a venue asked on a date, as data with its source.

A rulebook is dated; venues change their tables often, and none of these is live. Venues differ in *data*: the terms
below and their risk tables. The formulas are the same for all, so nothing in this library asks which venue it is.

A venue is one file, `data/venues/<venue>.json`: its terms, by the names of `Rulebook`, and `books`, one for each date
with its `source`; a term of a dated book stands before the venue's own. A member of an enumeration is written as its
name. Risk tables are given as their source gives them, by symbol: `brackets`, rows of [notional floor, cap or null,
maintenance margin rate, largest leverage, maintenance amount], or `tiers`, each with a `notional_floor` and either a
`maintenance_margin_rate` or a `max_leverage` and the `maintenance_fraction` of its initial margin, and then perhaps a
`notional_cap`; `whole_position` says that the tables' rates are asked of the whole position. What is not known is left
out, and `not_recorded` says so. `contracts` names the symbols whose contract is another than the venue's, and `facts`
says where terms come from: the `terms`, the `kind` of source, the day on which it was `read` (as much of it as is
known) and the `source`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date as day
from enum import Enum
from functools import cache
from math import copysign
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marginlib.errors import MarginError, fraction, positive, unknown, wrong
from marginlib.margin import Risk, WithdrawalRule
from marginlib.model import Coin, Contract, Health, MaintenanceBasis, Netting, Position, ShownPrice
from marginlib.tiers import RiskSchedule, RiskTier

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ClosingFee",
    "Fact",
    "Leftover",
    "ModeChange",
    "ModeScope",
    "PaidFrom",
    "PositionMode",
    "RatioConvention",
    "Rulebook",
    "SourceKind",
    "rulebook",
    "rulebooks",
]


class ClosingFee(Enum):
    """Where a venue counts the fee for closing."""

    NOT_COUNTED = "not counted"
    IN_MAINTENANCE = "in maintenance margin"  # of the value that maintenance margin is taken of
    IN_BOTH = "in initial and maintenance margin"  # of the value at the bankruptcy price, fixed at the opening


class RatioConvention(Enum):
    """How a venue shows how near liquidation is."""

    RISES = "maintenance / equity, rises to 100 %"
    FALLS = "equity / maintenance, falls to 100 %"
    AMOUNTS = "two amounts side by side"


class ModeScope(Enum):
    """What a margin mode is set for."""

    POSITION = "each position"
    ACCOUNT = "the whole account"
    SUBACCOUNT = "each subaccount"  # isolated is a subaccount of its own


class ModeChange(Enum):
    """When a venue lets the margin mode be changed."""

    ANY_TIME = "any time"  # with a position open too, if the margin suffices: Vega
    WHEN_FLAT = "when flat"  # not with a position of that symbol open: Binance's error -4048
    WHOLE_ACCOUNT = "whole account"  # one mode for everything
    CROSS_ONLY = "cross only"  # there is no isolated mode: Binance's Multi-Assets mode


class PositionMode(Enum):
    """What a fill against a position does."""

    ONE_WAY = "one position a symbol"  # it reduces, closes or flips the position
    HEDGE = "a long and a short of one symbol"  # it opens the other leg, unless it says that it reduces


class PaidFrom(Enum):
    """Which money an isolated position's fee or funding is taken from. A cross position has only the wallet."""

    ACCOUNT = "account"  # what is free first; the position's margin where that does not suffice
    POSITION = "position"  # the position's margin first; what is free where that does not suffice


class Leftover(Enum):
    """Who gets what is left of the maintenance margin when a position is taken over."""

    KEPT = "kept"  # the insurance fund: the owner is settled at the bankruptcy price
    RETURNED = "returned"  # the owner: settled at the mark price, less the clearance fee


class SourceKind(Enum):
    """What kind of source a term of a rulebook comes from."""

    PUBLISHED = "published"  # by the venue itself
    THIRD_PARTY = "third party"  # quoted or captured by somebody else
    INFERRED = "inferred"  # worked out, or assumed where sources disagree


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Where one term of a rulebook comes from.

    Args:
        term: the term, by its name in `Rulebook` or in a venue's file.
        kind: what kind of source it is.
        read: the day on which it was read as YYYY-MM-DD, or as much of it as is known.
        source: where it stands.

    Raises:
        MarginError: `read` is no day, month or year.
    """

    term: str
    kind: SourceKind
    read: str
    source: str

    def __post_init__(self) -> None:
        try:
            self.read_on  # noqa: B018 - a property that refuses what is no day
        except (TypeError, ValueError):
            raise wrong("read", self.read, "give a day as YYYY-MM-DD, a month as YYYY-MM or a year") from None

    @property
    def read_on(self) -> day:
        """The first day on which it can have been read."""
        return day.fromisoformat(self.read + "-01-01"[len(self.read) - 4 :])


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """One venue's margin rules on one date.

    Args:
        venue: the venue's short name, such as "binance_usdm".
        date: the day of its figures as YYYY-MM-DD, or as much of it as the source gives ("2025/2026", "undated").
        source: where the figures were published.
        schedules: the risk tiers of each symbol.
        name: the venue's name as people write it.
        contract: linear or inverse, for all symbols of this book but those of `contracts`.
        contracts: the contract of each symbol that has another.
        maintenance_basis: whether maintenance margin follows the mark price or is frozen at the entry price.
        isolated_basis: the same for isolated positions; left out, as `maintenance_basis`.
        closing_fee: where the fee for closing is counted.
        closing_fee_rate: that fee [1].
        liquidates_at_equality: whether equity = maintenance is liquidated already (not by dYdX and Hyperliquid).
        ratio: how the venue shows how near liquidation is.
        shown_price: by which convention it shows a liquidation price in cross margin.
        mode_scope: what a margin mode is set for.
        mode_change: when it may be changed; None where that is not recorded, as of the terms below.
        first_step: what the venue does first when a pool is liquidated, in words.
        liquidation: the same as data: `policy`, a name of `marginlib.market.policies`, and its numbers.
        last_step: who gets what is left of the margin then, in words.
        leftover: the same of a position that is taken over, as data.
        clearance_fee_rate: fee on the notional closed by force [1].
        fee_from: which money pays the fee of an isolated position's fill.
        funding_from: which money pays the funding of an isolated position.
        withdrawal: what has to stay in a pool when money leaves it, and whether profit may.
        netting: what is asked for a long and a short of one symbol in one pool.
        haircuts: the coins that it takes as collateral, by symbol, and the share of each price that does not count [1].
        words: what the venue calls the ideas of this course, by our name.
        not_recorded: what this book leaves out because it is not known here.
        facts: where each term comes from.

    Raises:
        MarginError: a fee rate is not at least 0 and below 1.

    Example:
        >>> rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT").max_leverage(1_000_000)
        75.0
    """

    venue: str
    date: str
    source: str
    schedules: Mapping[str, RiskSchedule]
    name: str = ""
    contract: Contract = Contract.LINEAR
    contracts: Mapping[str, Contract] = field(default_factory=lambda: MappingProxyType({}))
    maintenance_basis: MaintenanceBasis = MaintenanceBasis.MARK
    isolated_basis: MaintenanceBasis | None = None
    closing_fee: ClosingFee = ClosingFee.NOT_COUNTED
    closing_fee_rate: float = 0.0
    liquidates_at_equality: bool = True
    ratio: RatioConvention = RatioConvention.RISES
    shown_price: ShownPrice = ShownPrice.OTHERS_HELD
    mode_scope: ModeScope = ModeScope.POSITION
    mode_change: ModeChange | None = None
    first_step: str = ""
    liquidation: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    last_step: str = ""
    leftover: Leftover | None = None
    clearance_fee_rate: float | None = None
    fee_from: PaidFrom | None = None
    funding_from: PaidFrom | None = None
    withdrawal: WithdrawalRule | None = None
    netting: Netting = Netting.NONE
    haircuts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    not_recorded: str = ""
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        fraction("closing_fee_rate", self.closing_fee_rate)
        for symbol, share in self.haircuts.items():
            fraction(f"haircuts[{symbol!r}]", share)
        fraction("clearance_fee_rate", 0.0 if self.clearance_fee_rate is None else self.clearance_fee_rate)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that the book has tiers for."""
        return tuple(self.schedules)

    def schedule(self, symbol: str) -> RiskSchedule:
        """Return the risk tiers of `symbol`, as published: without a closing fee.

        Raises:
            UnknownNameError: the book has no such symbol; the message lists those it has.
        """
        if symbol not in self.schedules:
            known = self.symbols or ["no table: give a schedule of your own"]
            raise unknown("symbol", symbol, known, f"{self.venue} of {self.date} has")
        return self.schedules[symbol]

    def coin(self, symbol: str, amount: float, mark_price: float) -> Coin:
        """Return a coin as collateral under these rules.

        Args:
            symbol: whose mark price values it.
            amount: how many coins [base coin].
            mark_price: the venue's fair price [quote currency per base coin].

        Raises:
            UnknownNameError: the venue takes no such coin; the message lists those it takes.
        """
        if symbol not in self.haircuts:
            raise unknown("symbol", symbol, self.haircuts or ["none"], f"{self.venue} takes as collateral")
        return Coin(symbol=symbol, amount=amount, mark_price=mark_price, haircut=self.haircuts[symbol])

    def position(
        self,
        symbol: str,
        quantity: float,
        entry_price: float,
        *,
        mark_price: float | None = None,
        leverage: float = 1.0,
        schedule: RiskSchedule | None = None,
        contract: Contract | None = None,
    ) -> Position:
        """Return a cross position under these rules (`isolate` makes it isolated).

        Args:
            symbol: one of the book's symbols; any name, where a schedule is given.
            quantity: size with its sign, + long and - short [base coin; inverse: face value in quote currency].
            entry_price: average entry price [quote currency per base coin].
            mark_price: the price that values it; left out, the entry price, as when it has just been opened.
            leverage: the leverage set [1].
            schedule: risk tiers to put in place of the book's own, such as a rate read on a venue's page; the book's
                other terms, its closing fee among them, are laid on top.
            contract: linear or inverse; left out, as the book says of the symbol.

        Raises:
            UnknownNameError: the book has no such symbol.
            MarginError: a number is out of its range, the leverage is above what the tiers allow, or a symbol named as
                inverse contracts are (BTC-USD-SWAP, BTCUSD, BTCUSD_PERP) would be computed as linear.

        Example:
            >>> btc = rulebook("okx", "2021-07-25").position("BTC-USDT-SWAP", 0.1, 60_000, leverage=10)
            >>> round(btc.schedule.rates[0], 4)  # 0.4 % of maintenance and 0.05 % for closing
            0.0045
        """
        named = re.fullmatch(r"[A-Z0-9]+(-USD-\w+|USD(_\w+|[A-Z]\d\d)?)", str(symbol))
        known = symbol in self.schedules or symbol in self.contracts
        if named and contract is None and self.contract is Contract.LINEAR and not known:
            give = "an inverse contract by its name, and this book's are linear; give contract=Contract.INVERSE"
            raise wrong("symbol", symbol, give)
        position = Position(
            symbol=symbol,
            quantity=quantity,
            entry_price=entry_price,
            mark_price=entry_price if mark_price is None else mark_price,
            schedule=self.schedule(symbol) if schedule is None else schedule,
            leverage=leverage,
            contract=contract or self.contracts.get(symbol, self.contract),
            maintenance_basis=self.maintenance_basis,
        )
        match self.closing_fee:
            case ClosingFee.NOT_COUNTED:
                return position
            case ClosingFee.IN_MAINTENANCE:
                charged = replace(position.schedule, closing_fee_rate=self.closing_fee_rate)
            case ClosingFee.IN_BOTH:  # an amount, not a rate: it stays when the mark moves
                amount = position.schedule.first_amount - self.closing_fee_set_aside(position)
                charged = replace(position.schedule, first_amount=amount)
        return replace(position, schedule=charged)

    def closing_fee_set_aside(self, position: Position) -> float:
        """Return what the venue adds to the initial margin, and to the maintenance margin, for the fee of closing.

            fee = rate x value at the bankruptcy price = rate x entry notional x (1 - side / leverage)

        with the side of the exposure, + or -. It is 0 where the venue does not count the fee at the opening.

        Args:
            position: the position as it was opened.

        Source: Bybit, order cost and maintenance margin of USDT contracts.
        """
        rate = self.closing_fee_rate if self.closing_fee is ClosingFee.IN_BOTH else 0.0
        side = copysign(1.0, position.exposure)
        return rate * position.entry_notional * max(0.0, 1 - side / position.leverage)

    def isolate(self, position: Position, isolated_margin: float | None = None) -> Position:
        """Return a position of these rules in isolated mode, with what the venue sets aside unless an amount is given.

        Args:
            position: what `position` gave.
            isolated_margin: money to set aside [quote currency; inverse: base coin]; left out, entry notional /
                leverage, and the closing fee where the venue asks it at the opening.

        Example:
            >>> rules = rulebook("bybit", "2022-11-25")
            >>> eth = rules.position("ETHUSDT", 0.1, 1198.45, leverage=4.2)
            >>> round(rules.isolate(eth).isolated_margin, 4)  # the venue showed 28.5893
            28.5893
        """
        own = position.entry_notional / position.leverage + self.closing_fee_set_aside(position)
        judged = replace(position, maintenance_basis=self.isolated_basis or position.maintenance_basis)
        return judged.isolated(own if isolated_margin is None else isolated_margin)

    def health(self, now: Risk) -> Health:
        """Return the state that this venue sees in a pool whose risk is `now`: its own rule decides at equality."""
        if now.equity == now.maintenance and not self.liquidates_at_equality:
            return Health.HEALTHY
        return now.health

    def shown_ratio(self, now: Risk) -> float | None:
        """Return the ratio of a pool whose risk is `now` as the venue shows it [1]; None where it shows two amounts."""
        shown = {RatioConvention.RISES: now.margin_ratio, RatioConvention.FALLS: now.margin_level}
        return shown.get(self.ratio)


def rulebook(venue: str, date: str, *, folder: str | Path | None = None) -> Rulebook:
    """Return the recorded rules of a venue on a recorded date.

    Args:
        venue: the venue's short name; `rulebooks()` lists them.
        date: one of the recorded dates, as `rulebooks()` writes it.
        folder: where the venues' files are; left out, the library's own.

    Raises:
        UnknownNameError: the venue or the date is not recorded; the message lists what is.
        MarginError: the record is not one of a rulebook; the message names the file, the date and the term.
    """
    books = _books(folder)
    if venue not in books:
        raise unknown("venue", venue, books)
    if date not in books[venue]:
        raise unknown("date", date, books[venue], f"{venue} is recorded for")
    return books[venue][date]


def rulebooks(folder: str | Path | None = None) -> tuple[tuple[str, str], ...]:
    """Return the recorded (venue, date) pairs, oldest first within a venue.

    Args:
        folder: where the venues' files are; left out, the library's own.

    Example:
        >>> rulebooks()[-1]
        ('toobit', 'undated')
    """
    return tuple((venue, date) for venue, dates in _books(folder).items() for date in sorted(dates))


@cache
def _books(folder: str | Path | None) -> dict[str, dict[str, Rulebook]]:
    """Read every venue's file, once: {venue: {date: rulebook}}, a dated term before the venue's own."""
    # Imported on first use: these would take a quarter of the time of `import marginlib`.
    import json  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    place = Path(folder) if folder is not None else files("marginlib").joinpath("data", "venues")
    found: dict[str, dict[str, Rulebook]] = {}
    for file in sorted((each for each in place.iterdir() if each.name.endswith(".json")), key=lambda each: each.name):
        venue, where = file.name.removesuffix(".json"), file.name
        try:
            terms = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(terms, dict) or not isinstance(terms.get("books"), dict):
                raise MarginError("give an object of terms, and in it `books`, an object for each date")
            for date, book in terms.pop("books").items():
                where = f"{file.name}, book of {date}"
                found.setdefault(venue, {})[date] = _rulebook(venue, date, terms, book)
        except (AttributeError, ValueError, TypeError) as error:  # what JSON cannot be, and what a term cannot be
            raise MarginError(f"{where}: {error}") from error
    return found


def _rulebook(venue: str, date: str, own: dict[str, Any], book: dict[str, Any]) -> Rulebook:
    """Return the rulebook of a venue's own terms and those of a dated book, which stand before them."""
    record = own | book
    terms = {name: _term(name, value) for name, value in record.items()}
    if not terms.get("source"):
        raise MarginError("source: say where the figures were published")
    terms["facts"] = tuple(_facts([*own.get("facts", []), *book.get("facts", [])], record))
    terms["contracts"] = {name: _term("contract", each) for name, each in terms.get("contracts", {}).items()}
    brackets, tiers, caps = (terms.pop(part, {}) for part in ("brackets", "tiers", "notional_cap"))
    whole = terms.pop("whole_position", False)
    schedules = {symbol: RiskSchedule.from_brackets(rows, whole_position=whole) for symbol, rows in brackets.items()}
    for symbol, rows in tiers.items():
        cap, found = caps.get(symbol), tuple(map(_tier, rows))
        schedules[symbol] = RiskSchedule(tiers=found, notional_cap=cap, whole_position=whole)
    return Rulebook(venue=venue, date=date, schedules=MappingProxyType(schedules), **terms)


# What each term of a record is; a number is checked by the record that it goes into.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("source", "name", "first_step", "last_step", "not_recorded"), str),
    **dict.fromkeys(("brackets", "tiers", "notional_cap", "liquidation", "words", "contracts", "haircuts"), dict),
    "facts": list,
    "kind": SourceKind,
    **dict.fromkeys(("closing_fee_rate", "clearance_fee_rate"), object),
    **dict.fromkeys(("liquidates_at_equality", "whole_position"), bool),
    "contract": Contract,
    "maintenance_basis": MaintenanceBasis,
    "isolated_basis": MaintenanceBasis,
    "closing_fee": ClosingFee,
    "ratio": RatioConvention,
    "shown_price": ShownPrice,
    "netting": Netting,
    "withdrawal": WithdrawalRule,
    "mode_scope": ModeScope,
    "mode_change": ModeChange,
    "leftover": Leftover,
    "fee_from": PaidFrom,
    "funding_from": PaidFrom,
}


_WRITTEN = {str: "a text", dict: "an object", bool: "true or false", list: "a list"}


def _term(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a term of a record as a rulebook holds it, or refuse one that no rulebook has."""
    kind = _KINDS[_known_term(name)]
    if issubclass(kind, Enum):
        if value not in kind.__members__:
            raise unknown(name, value, kind.__members__)
        return kind[value]
    if kind is WithdrawalRule:
        return WithdrawalRule(**value)
    if not isinstance(value, kind):
        raise wrong(name, value, f"give {_WRITTEN[kind]}")
    return MappingProxyType(value) if isinstance(value, dict) else value


def _known_term(name: str) -> str:
    """Return the name of a term, or refuse one that no rulebook has."""
    if name not in _KINDS:
        raise unknown("term", name, sorted(set(_KINDS) - {"kind"}))
    return name


def _facts(given: list[Mapping[str, Any]], record: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield a fact for each term of the record that `given` speaks of; what is said last of a term counts."""
    said: dict[str, Fact] = {}
    for row in given:
        if set(row) != {"terms", "kind", "read", "source"}:
            raise wrong("fact", row, "give terms, kind, read and source")
        for term in row["terms"]:
            _known_term(term)
            kind = _term("kind", row["kind"])
            said[term] = Fact(term=term, kind=kind, read=row["read"], source=_term("source", row["source"]))
    yield from (said[term] for term in sorted(said) if term in record)


def _tier(row: Mapping[str, float]) -> RiskTier:
    """Return a tier of a record; where a largest leverage is published, rate = maintenance fraction / that."""
    most, given = row.get("max_leverage"), set(row)
    if given == {"notional_floor", "max_leverage", "maintenance_fraction"}:
        rate = positive("maintenance_fraction", row["maintenance_fraction"]) / positive("max_leverage", most)
    elif given - {"max_leverage"} == {"notional_floor", "maintenance_margin_rate"}:
        rate = row["maintenance_margin_rate"]
    else:
        raise wrong("tier", row, "give a notional_floor, and a maintenance_margin_rate or the two that make one")
    return RiskTier(notional_floor=row["notional_floor"], maintenance_margin_rate=rate, max_leverage=most)
