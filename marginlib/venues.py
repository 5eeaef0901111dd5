"""Rulebooks: what a venue asked on a date, as data with its source.

A rulebook is dated. Venues change their tables often; none of these is live. Venues differ in *data*: the terms below
and their risk tables. The formulas are the same for all, so nothing in this library asks which venue it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from math import copysign
from types import MappingProxyType
from typing import Any

from marginlib.errors import UnknownNameError, fraction, wrong
from marginlib.margin import Risk
from marginlib.model import Contract, Health, MaintenanceBasis, Position
from marginlib.tiers import RiskSchedule, RiskTier

__all__ = ["ClosingFee", "ModeScope", "RatioConvention", "Rulebook", "rulebook", "rulebooks"]


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


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """One venue's margin rules on one date.

    Args:
        venue: the venue's short name, such as "binance_usdm".
        date: the day of its figures as YYYY-MM-DD, or as much of it as the source gives ("2025/2026", "undated").
        source: where the figures were published.
        schedules: the risk tiers of each symbol.
        name: the venue's name as people write it.
        contract: linear or inverse, for all symbols of this book.
        maintenance_basis: whether maintenance margin follows the mark price or is frozen at the entry price.
        isolated_basis: the same for isolated positions; left out, as `maintenance_basis`.
        closing_fee: where the fee for closing is counted.
        closing_fee_rate: that fee [1].
        liquidates_at_equality: True where equity = maintenance is liquidated already (most venues); False where only
            equity < maintenance is (dYdX).
        ratio: how the venue shows how near liquidation is.
        mode_scope: what a margin mode is set for.
        first_step: what the venue does first when a pool is liquidated, in words.
        leftover: who gets what is left of the margin then, in words.
        words: what the venue calls the ideas of this course, by our name.
        not_recorded: what this book leaves out because it is not known here.

    Raises:
        MarginError: the fee rate is not at least 0 and below 1.

    Example:
        >>> rules = rulebook("binance_usdm", "2026-09-29")
        >>> rules.schedule("BTCUSDT").max_leverage(1_000_000)
        75.0
        >>> rulebook("okx", "2021-07-25").closing_fee
        <ClosingFee.IN_MAINTENANCE: 'in maintenance margin'>
    """

    venue: str
    date: str
    source: str
    schedules: Mapping[str, RiskSchedule]
    name: str = ""
    contract: Contract = Contract.LINEAR
    maintenance_basis: MaintenanceBasis = MaintenanceBasis.MARK
    isolated_basis: MaintenanceBasis | None = None
    closing_fee: ClosingFee = ClosingFee.NOT_COUNTED
    closing_fee_rate: float = 0.0
    liquidates_at_equality: bool = True
    ratio: RatioConvention = RatioConvention.RISES
    mode_scope: ModeScope = ModeScope.POSITION
    first_step: str = ""
    leftover: str = ""
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    not_recorded: str = ""

    def __post_init__(self) -> None:
        fraction("closing_fee_rate", self.closing_fee_rate)

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
            known = ", ".join(self.symbols) or "no table: give a schedule of your own"
            raise wrong("symbol", symbol, f"{self.venue} of {self.date} has {known}", UnknownNameError)
        return self.schedules[symbol]

    def position(
        self,
        symbol: str,
        quantity: float,
        entry_price: float,
        *,
        mark_price: float | None = None,
        leverage: float = 1.0,
        schedule: RiskSchedule | None = None,
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

        Raises:
            UnknownNameError: the book has no such symbol.
            MarginError: a number is out of its range, or the leverage is above what the tiers allow.

        Example:
            >>> btc = rulebook("okx", "2021-07-25").position("BTC-USDT-SWAP", 0.1, 60_000, leverage=10)
            >>> round(btc.schedule.rates[0], 4)  # 0.4 % of maintenance and 0.05 % for closing
            0.0045
        """
        position = Position(
            symbol=symbol,
            quantity=quantity,
            entry_price=entry_price,
            mark_price=entry_price if mark_price is None else mark_price,
            schedule=self.schedule(symbol) if schedule is None else schedule,
            leverage=leverage,
            contract=self.contract,
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

        Example:
            >>> rules = rulebook("bybit", "2022-11-25")
            >>> eth = rules.position("ETHUSDT", 0.1, 1198.45, leverage=4.2)
            >>> round(rules.closing_fee_set_aside(eth), 4)
            0.0548

        Source: Bybit, order cost and maintenance margin of USDT contracts.
        """
        rate = {ClosingFee.IN_BOTH: self.closing_fee_rate}.get(self.closing_fee, 0.0)
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
        judged = replace(position, maintenance_basis=self.isolated_basis or self.maintenance_basis)
        return judged.isolated(own if isolated_margin is None else isolated_margin)

    def health(self, now: Risk) -> Health:
        """Return the state that this venue sees in a pool of that risk: its own rule decides the case of equality.

        Args:
            now: `risk(pool)`.

        Example:
            >>> rulebook("dydx_v4", "2026-03-04").health(Risk(24, 600, 24))
            <Health.HEALTHY: 'healthy'>
        """
        if now.equity == now.maintenance and not self.liquidates_at_equality:
            return Health.HEALTHY
        return now.health

    def shown_ratio(self, now: Risk) -> float | None:
        """Return the ratio of a pool as this venue shows it [1]; None where it shows two amounts instead.

        Args:
            now: `risk(pool)`.

        Example:
            >>> binance, okx = rulebook("binance_usdm", "2026-09-29"), rulebook("okx", "2021-07-25")
            >>> binance.shown_ratio(Risk(600, 600, 24)), okx.shown_ratio(Risk(600, 600, 24))
            (0.04, 25.0)
        """
        shown = {RatioConvention.RISES: now.margin_ratio, RatioConvention.FALLS: now.margin_level}
        return shown.get(self.ratio)


def rulebook(venue: str, date: str) -> Rulebook:
    """Return the recorded rules of a venue on a recorded date.

    Args:
        venue: the venue's short name; `rulebooks()` lists them.
        date: one of the recorded dates, as `rulebooks()` writes it.

    Raises:
        UnknownNameError: the venue or the date is not recorded; the message lists what is.

    Example:
        >>> rulebook("binance_usdm", "2024-08-01").symbols
        ('BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'BNBUSDT', 'DOGEUSDT')
    """
    books = _books()
    if venue not in books:
        raise wrong("venue", venue, f"give one of {', '.join(books)}", UnknownNameError)
    if date not in books[venue]:
        raise wrong("date", date, f"{venue} is recorded for {', '.join(books[venue])}", UnknownNameError)
    return _rulebook(venue, date)


def rulebooks() -> tuple[tuple[str, str], ...]:
    """Return the recorded (venue, date) pairs, oldest first within a venue.

    Example:
        >>> rulebooks()[-1]
        ('dydx_v4', '2026-03-04')
    """
    return tuple((venue, date) for venue, dates in _books().items() for date in sorted(dates))


@cache
def _rulebook(venue: str, date: str) -> Rulebook:
    """Build a rulebook from its record, once."""
    terms = dict(_books()[venue][date])
    brackets, tiers, caps = (terms.pop(part, {}) for part in ("symbols", "tiers", "notional_cap"))
    schedules = {symbol: RiskSchedule.from_brackets(rows) for symbol, rows in brackets.items()}
    for symbol, rows in tiers.items():
        schedules[symbol] = RiskSchedule(tiers=tuple(map(_tier, rows)), notional_cap=caps.get(symbol))
    terms |= {term: kind[terms[term]] for term, kind in _KINDS.items() if term in terms}
    terms["words"] = MappingProxyType(terms.get("words", {}))
    return Rulebook(venue=venue, date=date, schedules=MappingProxyType(schedules), **terms)


# The terms that a record gives as the name of a member.
_KINDS: dict[str, type[Enum]] = {
    "contract": Contract,
    "maintenance_basis": MaintenanceBasis,
    "isolated_basis": MaintenanceBasis,
    "closing_fee": ClosingFee,
    "ratio": RatioConvention,
    "mode_scope": ModeScope,
}


def _tier(row: Mapping[str, float]) -> RiskTier:
    """Return a tier of a record; where a largest leverage is published, rate = maintenance fraction / that."""
    most = row.get("max_leverage")
    rate = row["maintenance_margin_rate"] if most is None else row["maintenance_fraction"] / most
    return RiskTier(notional_floor=row["notional_floor"], maintenance_margin_rate=rate, max_leverage=most)


@cache
def _books() -> dict[str, dict[str, dict[str, Any]]]:
    """Read what is recorded, once: {venue: {date: terms}}, a dated term before the venue's own."""
    # Imported on first use: these two would take a quarter of the time of `import marginlib`.
    import json  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415

    data = files("marginlib").joinpath("data")
    rules, tables = (
        json.loads(data.joinpath(name).read_text(encoding="utf-8")) for name in ("rulebooks.json", "risk_tiers.json")
    )
    del rules["about"]
    books: dict[str, dict[str, dict[str, Any]]] = {}
    for venue, terms in rules.items():
        dated = terms.pop("books") | tables.get(venue, {})
        books[venue] = {date: {**terms, **book} for date, book in dated.items()}
    return books
