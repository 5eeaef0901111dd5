"""Four calculators of a liquidation price, three of them wrong, for notebook 13. Find out which before you read on.

Each mistake was found in public code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from marginlib.errors import MarginError, unknown
from marginlib.liquidation import liquidation_price
from marginlib.model import Pool
from marginlib.words import price_text

Calculator = Callable[[Pool, str], float | None]


def ada(pool: Pool, symbol: str) -> float | None:
    """Return a price that counts the profit and loss of the other positions, but not what they need to be kept."""
    own = tuple(each for each in pool.positions if each.symbol == symbol)
    profit = sum(each.unrealized_pnl for each in pool.positions if each.symbol != symbol)
    return liquidation_price(Pool(collateral=pool.collateral + profit, positions=own), symbol)


def ben(pool: Pool, symbol: str) -> float | None:
    """Return a price that counts size x (mark - entry) for the others, as if each were a long."""
    others = [each for each in pool.positions if each.symbol != symbol]
    excess = sum((abs(each.quantity) - each.quantity) * (each.mark_price - each.entry_price) for each in others)
    return liquidation_price(replace(pool, collateral=pool.collateral + excess), symbol)


def cleo(pool: Pool, symbol: str) -> float | None:
    """Return a price that subtracts the tier's maintenance amount where it is added."""
    right = liquidation_price(pool, symbol)
    if right is None:
        return None
    own = [each for each in pool.positions if each.symbol == symbol]
    amounts = sum(each.schedule.amounts[each.schedule.tier(abs(each.quantity) * right)] for each in own)
    return liquidation_price(replace(pool, collateral=pool.collateral - 2 * amounts), symbol)


CALCULATORS: Mapping[str, Calculator] = MappingProxyType(
    {"Ada": ada, "Ben": ben, "Cleo": cleo, "Dora": liquidation_price}
)
"""The calculators by name."""


def audit(calculator: str, cases: Mapping[str, tuple[Pool, str]]) -> list[dict[str, str | float | None]]:
    """Return a calculator's prices beside the engine's, a row for each case.

    Args:
        calculator: one of `CALCULATORS`.
        cases: a pool and the symbol asked about, by name.

    Raises:
        MarginError: there is no such calculator, or no case.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> eth = Position.open(symbol="ETHUSDT", quantity=10, price=3_000, schedule=RiskSchedule.flat(0.004))
        >>> audit("Dora", {"alone": (Pool(collateral=3_000, positions=(eth,)), "ETHUSDT")})[0]["verdict"]
        'same'
    """
    if calculator not in CALCULATORS:
        raise unknown("calculator", calculator, CALCULATORS)
    if not cases:
        raise MarginError("cases = {}: give at least one pool with the symbol asked about")
    rows: list[dict[str, str | float | None]] = []
    for name, (pool, symbol) in cases.items():
        right, theirs = liquidation_price(pool, symbol), CALCULATORS[calculator](pool, symbol)
        same = price_text(right) == price_text(theirs)  # to the cent, as prices are read
        prices = {"engine [$/coin]": right, f"{calculator} [$/coin]": theirs}
        rows.append({"case": name, **prices, "verdict": "same" if same else "differs"})
    return rows
