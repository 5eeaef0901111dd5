"""The figure of notebook 12: one position under six rulebooks."""

from __future__ import annotations

from dataclasses import replace
from math import copysign
from typing import NamedTuple

from marginlib.drawing.chart import Axis, Chart, Control, Marker, Table, choice, close_up, figure, pool_panel
from marginlib.errors import finite, positive
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Contract, Position
from marginlib.tiers import RiskSchedule
from marginlib.venues import Rulebook, rulebook
from marginlib.words import percent, price_text, share_text

_ENTRY = 60_000.0
_VALUE = 6_000.0  # dollars at the entry: 0.1 BTC, or the face value of 60 inverse contracts
# The leverage setting with its side, + long and - short.
_SETTINGS = {-leverage: f"short {leverage}x" for leverage in (20, 10, 5, 2, 1)}
_SETTINGS |= {leverage: f"long {leverage}x" for leverage in (1, 2, 5, 10, 20)}
_MONEY = {Contract.LINEAR: "dollars", Contract.INVERSE: "coins"}
_LOWEST = {Contract.LINEAR: 100.0, Contract.INVERSE: 2_000.0}  # a coin's price near 0 makes an inverse line endless


class Case(NamedTuple):
    """A rulebook and where its maintenance rate for BTC comes from: its own table, or a rate that stands in."""

    book: Rulebook
    symbol: str
    schedule: RiskSchedule | None = None

    def opened(self, dollars: float, entry: float, leverage: float) -> Position:
        """Return a cross position worth so many dollars at its entry, + long and - short: coins, or an inverse face."""
        size = finite("dollars", dollars) / positive("entry", entry)
        quantity = dollars if self.book.contract is Contract.INVERSE else size
        return self.book.position(self.symbol, quantity, entry, leverage=leverage, schedule=self.schedule)

    def isolated(self, dollars: float, entry: float, leverage: float) -> Position:
        """Return it in isolated mode, with what the venue sets aside."""
        return self.book.isolate(self.opened(dollars, entry, leverage))

    def unit(self, entry: float) -> float:
        """Return what a unit of its margin is worth at the entry: a dollar, or a coin [quote currency]."""
        return entry if self.book.contract is Contract.INVERSE else 1.0

    def price(self, dollars: float, entry: float, leverage: float) -> float | None:
        """Return where it is liquidated, isolated."""
        return liquidation_price(self.isolated(dollars, entry, leverage).pool, self.symbol)


CASES = {
    "binance_usdm": Case(rulebook("binance_usdm", "2026-09-29"), "BTCUSDT"),
    "binance_coinm": Case(rulebook("binance_coinm", "undated"), "BTCUSD_PERP"),
    # No table of BTC is recorded for Bybit: the first rate of ETH stands in.
    "bybit": Case(rulebook("bybit", "2025-09-02"), "BTCUSDT", rulebook("bybit", "2022-11-25").schedule("ETHUSDT")),
    "okx": Case(rulebook("okx", "2021-07-25"), "BTC-USDT-SWAP"),
    "hyperliquid": Case(rulebook("hyperliquid", "2025/2026"), "BTC"),
    "dydx_v4": Case(rulebook("dydx_v4", "2026-03-04"), "Large-Cap"),  # the liquidity tier that BTC is taken to be in
}


@figure(
    "One position under six rulebooks",
    choice("venue", "rulebook", {name: case.book.name for name, case in CASES.items()}, "binance_usdm"),
    Control("setting", "side and leverage setting", tuple(_SETTINGS), tuple(_SETTINGS.values()), 10),
)
def rulebooks(*, venue: str, setting: int) -> Chart:
    """Return equity and maintenance of the position under one rulebook, as shares of its value at entry."""
    dollars = copysign(_VALUE, setting)
    pools = {name: case.isolated(dollars, _ENTRY, abs(setting)).pool for name, case in CASES.items()}
    found = {name: liquidation_price(pool, CASES[name].symbol) for name, pool in pools.items()}
    case, pool = CASES[venue], pools[venue]
    value, reach = pool.positions[0].entry_notional, 1.3 / abs(setting)
    low, high = max(_ENTRY * (1 - reach), _LOWEST[case.book.contract]), _ENTRY * (1 + reach)
    liquidation, base = found[venue], found["binance_usdm"]
    title = f"{case.book.name}, {_SETTINGS[setting]}"
    panel = pool_panel(pool, case.symbol, title, (low, high), (-25 * reach, 190 * reach))
    # Shares of the value at entry, so that dollars and coins fit on one scale.
    shares = [replace(line, y=tuple(100 * amount / value for amount in line.y)) for line in panel.lines]
    points = [replace(marker, y=100 * marker.y / value) for marker in panel.markers]
    panel = replace(
        panel,
        x=Axis("BTC mark price [$]", (low, high)),
        y=replace(panel.y, label=f"share of the value at entry, in {_MONEY[case.book.contract]} [%]"),
        lines=tuple(shares),
        markers=(*points, Marker("on Binance USD-M", "isolated", base, 0.0)),
    )
    sentence = (
        f"Under the rules of {case.book.name}, 6,000 dollars of BTC {_SETTINGS[setting]} from 60,000, isolated, "
        f"{_verdict(liquidation, base)}"
    )
    rows = tuple(
        (
            CASES[name].book.name,
            share_text(risk(each).maintenance / each.positions[0].entry_notional, 2),
            price_text(found[name]),
            "-" if found[name] is None else percent((found[name] or 0.0) / _ENTRY - 1, 2),
        )
        for name, each in pools.items()
    )
    table = Table(("rulebook", "must keep, of the value", "liquidation price", "move"), rows)
    return Chart("One position under six rulebooks", (panel, close_up(panel)), sentence, table)


def _verdict(price: float | None, base: float | None) -> str:
    """Return where the position is liquidated, and how far that is from where Binance USD-M has it."""
    if price is None:
        return "has no liquidation price."
    where = f"is liquidated at {price_text(price)} ({percent(price / _ENTRY - 1, 2)})"
    if base is None:
        return f"{where}; on Binance USD-M it has no liquidation price."
    apart = f", {abs(price - base):,.2f} dollars from the price on Binance USD-M" if price != base else ""
    return f"{where}{apart}."
