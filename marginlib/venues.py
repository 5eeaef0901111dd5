"""Rulebooks: what a venue asked on a date, as data with its source.

A rulebook is dated. Venues change their tables often; none of these is live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from marginlib._validate import UnknownNameError
from marginlib.margin import Risk
from marginlib.model import Contract, Health, MaintenanceBasis, Position
from marginlib.tiers import RiskSchedule

__all__ = ["Rulebook", "rulebook", "rulebooks"]


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """One venue's margin rules on one date.

    Args:
        venue: the venue's short name, such as "binance_usdm".
        date: the day on which the table was in force, as YYYY-MM-DD.
        source: where the figures were published.
        schedules: the risk tiers of each symbol.
        contract: linear or inverse, for all symbols of this book.
        maintenance_basis: whether maintenance margin follows the mark price or is frozen at the entry price.
        liquidates_at_equality: True where equity = maintenance is liquidated already (most venues); False where only
            equity < maintenance is (dYdX).

    Example:
        >>> rules = rulebook("binance_usdm", "2026-09-29")
        >>> rules.schedule("BTCUSDT").max_leverage(1_000_000)
        75.0
    """

    venue: str
    date: str
    source: str
    schedules: Mapping[str, RiskSchedule]
    contract: Contract = Contract.LINEAR
    maintenance_basis: MaintenanceBasis = MaintenanceBasis.MARK
    liquidates_at_equality: bool = True

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that the book has tiers for."""
        return tuple(self.schedules)

    def schedule(self, symbol: str) -> RiskSchedule:
        """Return the risk tiers of `symbol`.

        Raises:
            UnknownNameError: the book has no such symbol; the message lists those it has.
        """
        if symbol not in self.schedules:
            msg = f"symbol = {symbol!r}: {self.venue} of {self.date} has {', '.join(self.symbols)}"
            raise UnknownNameError(msg)
        return self.schedules[symbol]

    def position(
        self,
        symbol: str,
        quantity: float,
        entry_price: float,
        *,
        mark_price: float | None = None,
        leverage: float = 1.0,
    ) -> Position:
        """Return a cross position under these rules (`.isolated()` makes it isolated).

        Args:
            symbol: one of the book's symbols.
            quantity: size with its sign, + long and - short [base coin].
            entry_price: average entry price [quote currency per base coin].
            mark_price: the price that values it; left out, the entry price, as when it has just been opened.
            leverage: the leverage set [1].

        Raises:
            UnknownNameError: the book has no such symbol.
            MarginError: a number is out of its range, or the leverage is above what the tiers allow.

        Example:
            >>> btc = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 0.1, 60_000, leverage=10)
            >>> btc.isolated().isolated_margin
            600.0
        """
        return Position(
            symbol=symbol,
            quantity=quantity,
            entry_price=entry_price,
            mark_price=entry_price if mark_price is None else mark_price,
            schedule=self.schedule(symbol),
            leverage=leverage,
            contract=self.contract,
            maintenance_basis=self.maintenance_basis,
        )

    def health(self, now: Risk) -> Health:
        """Return the state that this venue sees in a pool of that risk: its own rule decides the case of equality.

        Args:
            now: `risk(pool)`.

        Example:
            >>> rulebook("binance_usdm", "2026-09-29").health(Risk(24, 600, 24))
            <Health.LIQUIDATABLE: 'liquidatable'>
        """
        if now.equity == now.maintenance and not self.liquidates_at_equality:
            return Health.HEALTHY
        return now.health


def rulebook(venue: str, date: str) -> Rulebook:
    """Return the recorded rules of a venue on a recorded date.

    Args:
        venue: the venue's short name; `rulebooks()` lists them.
        date: one of the recorded dates, as YYYY-MM-DD.

    Raises:
        UnknownNameError: the venue or the date is not recorded; the message lists what is.

    Example:
        >>> rulebook("binance_usdm", "2024-08-01").symbols
        ('BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'BNBUSDT', 'DOGEUSDT')
    """
    books = _tables()
    if venue not in books:
        msg = f"venue = {venue!r}: give one of {', '.join(books)}"
        raise UnknownNameError(msg)
    if date not in books[venue]:
        msg = f"date = {date!r}: {venue} is recorded for {', '.join(books[venue])}"
        raise UnknownNameError(msg)
    return _rulebook(venue, date)


def rulebooks() -> tuple[tuple[str, str], ...]:
    """Return the recorded (venue, date) pairs, oldest first.

    Example:
        >>> rulebooks()[-1]
        ('binance_usdm', '2026-09-29')
    """
    return tuple((venue, date) for venue, books in _tables().items() for date in sorted(books))


@cache
def _rulebook(venue: str, date: str) -> Rulebook:
    """Build a rulebook from its recorded table, once."""
    table = _tables()[venue][date]
    schedules = {symbol: RiskSchedule.from_brackets(rows) for symbol, rows in table["symbols"].items()}
    return Rulebook(venue=venue, date=date, source=table["source"], schedules=MappingProxyType(schedules))


@cache
def _tables() -> dict[str, dict[str, Any]]:
    """Read the recorded tables, once: {venue: {date: {source, symbols}}}."""
    # Imported on first use: these two would take a quarter of the time of `import marginlib`.
    import json  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415

    text = files("marginlib").joinpath("data", "risk_tiers.json").read_text(encoding="utf-8")
    return {venue: dates for venue, dates in json.loads(text).items() if venue != "about"}
