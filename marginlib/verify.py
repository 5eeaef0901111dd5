"""The library against the world: published prices and amounts, one JSON object a line, computed again.

Each row gives a pool, the symbol asked about and what somebody published; `check` computes it and compares within the
row's own tolerance. The schema is in the README. Numbers may be written as text, as venues do; a price that is empty,
0 or below 0 is their way to say that there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import fsum, isfinite
from typing import Any, TypeVar

from marginlib.errors import MarginError, at_least_zero, finite, fraction, name_text, positive, unknown, wrong
from marginlib.liquidation import bankruptcy_price, liquidation_price
from marginlib.margin import max_removable_margin, risk
from marginlib.model import Contract, MaintenanceBasis, Pool, Position
from marginlib.tiers import RiskSchedule

__all__ = ["Check", "Row", "RowError", "check", "read_row", "read_rows"]

_T = TypeVar("_T")

_PRICES = {"liquidation_price": liquidation_price, "bankruptcy_price": bankruptcy_price}


# What else a venue shows, by the account's pool or the symbol's legs, and the fields that each position then needs.
_AMOUNTS: dict[str, tuple[Callable[[Row], float], tuple[str, ...]]] = {
    "margin_ratio": (lambda row: risk(row.pool).margin_ratio, ("mark_price",)),
    "margin_level": (lambda row: risk(row.pool).margin_level, ("mark_price",)),
    "available_balance": (lambda row: max(0.0, risk(row.pool).available), ("mark_price", "leverage")),
    "max_removable_margin": (
        lambda row: max_removable_margin(row.legs[0].isolated(row.pool.collateral)),
        ("mark_price", "leverage"),
    ),
    "unrealized_pnl": (lambda row: fsum(each.unrealized_pnl for each in row.legs), ("mark_price",)),
    "funding_payment": (
        lambda row: fsum(row.funding_rate * each.quantity * each.mark_price**each.contract.power for each in row.legs),
        ("mark_price",),
    ),
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORDS = frozenset({"id", "source", "venue", "symbol", "contract", "maintenance_basis"})


class RowError(MarginError):
    """A row that cannot be read; the message names the field, the value and what would be right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One published example.

    Args:
        name: the row's id.
        pool: collateral and positions.
        symbol: whose prices are asked.
        expected: published prices and amounts by name; None means "no such price".
        absolute: tolerance [the unit of what is expected].
        relative: tolerance [1]; the larger of the two counts.
        funding_rate: rate of the settlement whose payment is asked [1].

    Example:
        >>> from marginlib import RiskSchedule
        >>> eth = Position.open(symbol="ETH", quantity=1, price=100, schedule=RiskSchedule.flat(0.01))
        >>> row = Row(
        ...     name="by hand", pool=Pool(collateral=10, positions=(eth,)), symbol="ETH",
        ...     expected={"bankruptcy_price": 90}, absolute=0, relative=1e-9,
        ... )
        >>> check(row)[0].passed
        True
    """

    name: str
    pool: Pool
    symbol: str
    expected: dict[str, float | None]
    absolute: float
    relative: float
    funding_rate: float = 0.0

    @property
    def legs(self) -> tuple[Position, ...]:
        """The positions of the symbol that is asked about."""
        return tuple(each for each in self.pool.positions if each.symbol == self.symbol)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One published price beside the computed one.

    Args:
        name: the row's id.
        price: what was published, such as "liquidation_price" or "margin_ratio".
        expected: its value, or None for "no such price".
        computed: the library's.
        passed: whether they agree within the row's tolerance.
    """

    name: str
    price: str
    expected: float | None
    computed: float | None
    passed: bool

    @property
    def relative_error(self) -> float | None:
        """|computed - expected| / |expected| [1]; None where one of them is "no such price" or 0 is expected."""
        if self.expected is None or self.computed is None or self.expected == 0:
            return None
        return abs(self.computed - self.expected) / abs(self.expected)


def check(row: Row) -> tuple[Check, ...]:
    """Return a `Check` for every price that the row gives.

    Args:
        row: the published example.

    Example:
        >>> line = (
        ...     '{"id": "karen", "source": "bitmex.com", "venue": "BitMEX", "contract": "linear", "fee_rate": 0, '
        ...     '"wallet_balance": 10000, "maintenance_basis": "entry", "symbol": "ETH", '
        ...     '"positions": [{"symbol": "ETH", "quantity": 20, "entry_price": 1000, '
        ...     '"maintenance_margin_rate": 0.01, "maintenance_amount": 0}], '
        ...     '"expected": {"liquidation_price": 510}, "tolerance": {"rel": 1e-9}}'
        ... )
        >>> check(read_row(line))[0].computed
        510.0
    """
    return tuple(_compare(row, price, expected) for price, expected in row.expected.items())


def read_rows(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) for every line that is not blank.

    Args:
        lines: the lines of a file, or any texts.

    Raises:
        RowError: a line cannot be read; the message starts with its number.

    Example:
        >>> list(read_rows(["", "5"]))
        Traceback (most recent call last):
        marginlib.verify.RowError: line 2: row = 5: give a JSON object with the fields of the schema
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, read_row(line)
            except MarginError as error:
                raise RowError(f"line {number}: {error}") from error


def read_row(line: str) -> Row:
    """Return the row that a line of JSON describes.

    Args:
        line: one JSON object; `check` shows one.

    Raises:
        MarginError: the line is not a JSON object, or a field is missing or wrong; the message names it.

    Example:
        >>> read_row('{"id": "karen"}')
        Traceback (most recent call last):
        marginlib.verify.RowError: source: the field is missing
    """
    try:
        data = json.loads(line, object_pairs_hook=_object)
    except RowError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or an integer of thousands of digits
        raise RowError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise wrong("row", data, "give a JSON object with the fields of the schema", RowError)
    for field in ("id", "source", "venue", "symbol"):
        name_text(field, _field(data, field))
    published, tolerance = _record(data, "expected"), _tolerance(_record(data, "tolerance"))
    if not published or not published.keys() <= {*_PRICES, *_AMOUNTS}:
        raise wrong("expected", published, f"give {', '.join([*_PRICES, *_AMOUNTS])}, one or more", RowError)
    expected = {name: _expected(name, value, tolerance) for name, value in published.items()}
    rate = finite("funding_rate", _field(data, "funding_rate") if "funding_payment" in published else 0.0)
    pool = _pool(data, {field for name in published if name in _AMOUNTS for field in _AMOUNTS[name][1]})
    if "max_removable_margin" in published and len(pool.positions) > 1:
        raise wrong("max_removable_margin", "asked", "give one position, whose margin wallet_balance is", RowError)
    return Row(
        name=data["id"],
        pool=pool,
        symbol=data["symbol"],
        expected=expected,
        absolute=tolerance[0],
        relative=tolerance[1],
        funding_rate=rate,
    )


def _expected(name: str, value: object, tolerance: tuple[float, float]) -> float | None:
    """Return what was published, None for "no such price"; a tolerance within which anything passes is refused."""
    if value is None or (name in _PRICES and value == ""):
        return None
    number = finite(f"expected: {name}", value)
    if name in _PRICES and number <= 0:
        return None
    if number and max(tolerance[0], tolerance[1] * abs(number)) >= abs(number):
        give = f"give one below the {name} expected, {number:.10g}"
        raise wrong("tolerance", {"abs": tolerance[0], "rel": tolerance[1]}, give, RowError)
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, or refuse one that gives a field twice: JSON would drop the first in silence."""
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowError(f"{twice}: the field is given twice; give it once")
    for name, value in pairs:  # a number that is written as text is a number
        if isinstance(value, str) and name not in _WORDS and _NUMBER.fullmatch(value):
            data[name] = float(value)
    return data


def _compare(row: Row, price: str, expected: float | None) -> Check:
    """Return the published price beside the computed one."""
    computed = _PRICES[price](row.pool, row.symbol) if price in _PRICES else _AMOUNTS[price][0](row)
    if computed is not None and not isfinite(computed):
        computed = None
    if expected is None or computed is None:
        passed = expected is computed
    else:
        passed = abs(computed - expected) <= max(row.absolute, row.relative * abs(expected))
    return Check(name=row.name, price=price, expected=expected, computed=computed, passed=passed)


def _pool(data: dict[str, Any], asked: set[str]) -> Pool:
    """Return the pool of a row, whose positions give these fields, too."""
    contract = Contract[_choice(data, "contract", "linear", "inverse").upper()]
    basis = MaintenanceBasis(_choice(data, "maintenance_basis", "mark", "entry"))
    fee_rate = fraction("fee_rate", _field(data, "fee_rate"))
    collateral = finite("wallet_balance", _field(data, "wallet_balance"))
    legs = _field(data, "positions")
    if not isinstance(legs, list) or not legs:
        raise wrong("positions", legs, "give a list of at least one position", RowError)
    symbols = _each(legs, _symbol)
    _each(legs, lambda leg: [positive(field, _field(leg, field)) for field in sorted(asked)])
    target = data["symbol"]
    if target not in symbols:
        raise unknown("symbol", target, symbols, "give one of the positions' symbols,", RowError)
    # The target's mark does not enter its own price, so it may be left out; its legs share the one that is known.
    own = [leg for leg, symbol in zip(legs, symbols, strict=True) if symbol == target]
    given = [leg["mark_price"] for leg in own if leg.get("mark_price") is not None]
    marks = {target: given[0] if given else own[0].get("entry_price")}
    read = partial(_position, marks=marks, fee_rate=fee_rate, contract=contract, maintenance_basis=basis)
    return Pool(collateral=collateral, positions=tuple(_each(legs, read)))


def _each(legs: list[object], read: Callable[[Any], _T]) -> list[_T]:
    """Return what `read` makes of each position; an error says which position it is."""
    results: list[_T] = []
    for number, leg in enumerate(legs, start=1):
        try:
            results.append(read(leg))
        except MarginError as error:
            raise RowError(f"positions, number {number}: {error}") from error
    return results


def _symbol(leg: object) -> str:
    """Return the symbol of one position of a row."""
    if not isinstance(leg, dict):
        raise wrong("position", leg, "give an object with symbol, quantity, entry_price, ...", RowError)
    return name_text("symbol", _field(leg, "symbol"))


def _position(leg: dict[str, Any], marks: dict[str, Any], fee_rate: float, **terms: Any) -> Position:  # noqa: ANN401
    """Return one position of a row; a mark that it does not give is one of `marks`."""
    symbol = leg["symbol"]
    entry_price = positive("entry_price", _field(leg, "entry_price"))
    unmarked = symbol in marks and leg.get("mark_price") is None
    mark_price = positive("mark_price", marks[symbol] if unmarked else _field(leg, "mark_price"))
    schedule = RiskSchedule.flat(
        fraction("maintenance_margin_rate", _field(leg, "maintenance_margin_rate")),
        maintenance_amount=finite("maintenance_amount", _field(leg, "maintenance_amount")),
        closing_fee_rate=fee_rate,
    )
    return Position(
        symbol=symbol,
        quantity=finite("quantity", _field(leg, "quantity")),
        entry_price=entry_price,
        mark_price=mark_price,
        schedule=schedule,
        leverage=leg.get("leverage", 1.0),
        **terms,
    )


def _tolerance(data: dict[str, Any]) -> tuple[float, float]:
    """Return absolute and relative tolerance of a row."""
    if not data or set(data) - {"abs", "rel"}:
        raise wrong("tolerance", data, "give abs or rel, or both", RowError)
    return (
        at_least_zero("tolerance: abs", data.get("abs", 0.0)),
        at_least_zero("tolerance: rel", data.get("rel", 0.0)),
    )


def _field(data: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    """Return a field that must be there."""
    if name not in data:
        raise RowError(f"{name}: the field is missing")
    return data[name]


def _record(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a field that must be an object."""
    value = _field(data, name)
    if not isinstance(value, dict):
        raise wrong(name, value, "give an object", RowError)
    return value


def _choice(data: dict[str, Any], name: str, *choices: str) -> str:
    """Return a field that must be one of a few words."""
    value = _field(data, name)
    if not isinstance(value, str) or value not in choices:
        raise unknown(name, value, choices, kind=RowError)
    return value
