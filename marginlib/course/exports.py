"""What people have, as a table or as a venue's own export of positions: recognised by its shape, read from the disk.

An export is what a venue's account endpoints answer, as JSON: Binance USD-M (position risk of version 2 or 3, account,
leverage brackets, asset index), Bybit (position list, wallet balance, risk limit), OKX (positions, balance,
instruments, position tiers), Hyperliquid (clearinghouse state), dYdX (subaccount, markets), Lighter (account, order
book details). Several may stand one after another. Nothing here opens a connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isclose, isnan, log10, nan
from pathlib import Path
from re import fullmatch
from types import MappingProxyType
from typing import Any, TypeVar

from pandas import DataFrame, isna, read_csv

from marginlib import tables
from marginlib.course.figures import TIER_DATE
from marginlib.errors import MarginError, finite, unknown, wrong
from marginlib.model import Account, Coin, Contract, MaintenanceBasis, Position
from marginlib.tiers import RiskSchedule, RiskTier
from marginlib.venues import Rulebook, rulebook, rulebooks

Row = Mapping[str, Any]
Rows = Sequence[Row]
_T = TypeVar("_T")

_CLOSE = 1e-4  # exports round their amounts: two that differ by less are the same
_TIMES = (1.4e12, 4.2e12)  # ms: from 2014 to 2103; what is outside is in another unit
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_INVERSE = r"[A-Z0-9]+(-USD-\w+|USD(_\w+|[A-Z]\d\d)?)"
_PARTS: Mapping[type, str] = MappingProxyType({dict: "an object", list: "a list", str: "a text"})
_CHILD = 128  # dYdX: from this number on a subaccount backs isolated positions


@dataclass(frozen=True, kw_only=True)
class Export:
    """An account as it was read."""

    account: Account  # the wallet and its positions, under the rules below
    rules: Rulebook  # whose terms the positions follow
    # The venue's own liquidation price of each position; None where it says that there is none, nan where the file does
    # not say.
    shown: tuple[float | None, ...]
    notes: tuple[str, ...] = ()  # what was assumed because the file does not say it


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What the reader's owner adds to the file."""

    wallet_balance: float | None
    rates: Mapping[str, float]
    tables: Mapping[str, RiskSchedule]


@dataclass(frozen=True, kw_only=True)
class _Leg:
    """One position of an export, in the words of the engine."""

    symbol: str
    quantity: float
    entry_price: float
    mark_price: float
    leverage: float
    own: float | None  # isolated margin without unrealized PnL; None in cross
    shown: float | None
    rate: float | None = None  # of maintenance, as far as the file tells it
    fits: Callable[[RiskSchedule], bool] = lambda _: False  # whether a table agrees with the file
    table: RiskSchedule | None = None  # that stands in the file, or was pasted with it
    linear: bool = False  # whatever its name: EURUSD is no coin

    @property
    def unrealized_pnl(self) -> float:
        return self.quantity * (self.mark_price - self.entry_price)

    @property
    def notional(self) -> float:
        return abs(self.quantity) * self.mark_price

    def standing(self) -> _Leg:
        """Return a position whose profit has replaced its margin as one opened at the mark: its price is the same."""
        if self.own is None or self.own > 0 or self.own + self.unrealized_pnl <= 0:
            return self
        return replace(self, entry_price=self.mark_price, own=self.own + self.unrealized_pnl)


def read_account(
    source: DataFrame | Path | str | list[Any] | dict[str, Any],
    *,
    wallet_balance: float | None = None,
    rates: Mapping[str, float] = MappingProxyType({}),
    tiers: Path | str | list[Any] | dict[str, Any] | None = None,
) -> Export:
    """Return the account of a table or of a venue's export.

    A table has the columns of `marginlib.tables.positions`, and perhaps `wallet_balance` and `liquidation_price`, the
    venue's own; it follows Binance's risk tables that the course shows. An export says most of this itself. Its risk
    table is a recorded one that agrees with the maintenance margin in the file; where none does, the file's own rate is
    taken for every size, and where the file is silent, the table of its day: the notes say so.

    Args:
        source: a DataFrame, a file (CSV or JSON), the text of an export as it was pasted, or its JSON already read.
        wallet_balance: in place of what the file says, or where it does not: deposits + realized PnL, isolated margins
            included [quote currency].
        rates: maintenance margin rates by symbol, in place of tables [1].
        tiers: the venue's own risk tables, as it answers them (Binance, Bybit, OKX), in place of recorded ones.

    Raises:
        MarginError: the shape is not one of those known, a field is missing, or something in it cannot be; the message
            names it.

    Example:
        >>> state = '''{"assetPositions": [{"position": {"coin": "ETH", "szi": "0.0335", "entryPx": "2986.3",
        ...   "leverage": {"type": "isolated", "value": 20, "rawUsd": "-95.059824"}, "liquidationPx": "2866.26936529",
        ...   "positionValue": "100.02765", "maxLeverage": 50}}],
        ...   "marginSummary": {}, "crossMarginSummary": {"accountValue": "13104.514502"}}'''
        >>> found = read_account(state)
        >>> found.rules.name, round(found.account.positions[0].isolated_margin, 6), found.shown
        ('Hyperliquid', 4.981226, (2866.26936529,))

    Source: the venues' API documentation, by the names of the fields.
    """
    data, more = loaded(source), [] if tiers is None else list(_objects(loaded(tiers)))
    found = [*(() if isinstance(data, DataFrame) else _objects(data)), *more]
    given = _Given(wallet_balance=wallet_balance, rates=rates, tables=_tables(found))
    if more and not given.tables and not _having(more, *_OKX_TIERS):
        give = "leverageBracket of Binance, risk-limit of Bybit, position-tiers of OKX"
        raise MarginError(f"tiers: no risk table; give {give}")
    if isinstance(data, DataFrame):
        return _table(data, given)
    for shape, read in _READERS.items():
        if rows := _having(found, *shape):
            try:
                return read(rows, found, given)
            except KeyError as missing:
                raise MarginError(f"{missing.args[0]}: the field is missing; give the export whole") from missing
    raise MarginError(f"export: of no known shape; give a table, or the answer of one of {_KNOWN}")


def coin(symbol: str) -> str:
    """Return the coin of a contract's name, at any venue.

    Example:
        >>> [coin(name) for name in ("BTCUSDT", "BTC-USDT-SWAP", "BTC-USD", "BTC")]
        ['BTC', 'BTC', 'BTC', 'BTC']
    """
    return symbol.partition("-")[0].removesuffix("USDT").removesuffix("USDC")


def named(position: Position) -> str:
    """Return a position in two words."""
    return f"{coin(position.symbol)} {'long' if position.quantity > 0 else 'short'}"


def plain(account: Account) -> Account:
    """Return an account whose contracts are called as those of the recorded crashes and volatilities: BTCUSDT."""
    return account.after(
        positions=[replace(each, symbol=f"{coin(each.symbol)}USDT") for each in account.positions],
        coins=[replace(each, symbol=f"{coin(each.symbol)}USDT") for each in account.coins],
    )


def loaded(source: DataFrame | Path | str | list[Any] | dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return a table, or what JSON holds: several texts one after another as a list."""
    if isinstance(source, DataFrame | list | dict):
        return source
    if isinstance(source, str) and source.lstrip()[:1] in {"{", "["}:
        return list(_parsed(source))
    place = Path(source)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise MarginError(f"{place}: {getattr(error, 'strerror', None) or 'not a text in UTF-8'}") from error
    if text.lstrip()[:1] in {"{", "["}:
        return list(_parsed(text))
    try:
        return read_csv(place)
    except ValueError as error:  # an empty file, rows of other lengths
        raise MarginError(f"{place}: no table ({error}); give CSV or JSON") from error


def _parsed(text: str) -> Iterator[Any]:
    """Yield each JSON value of a text."""
    decoder, rest = json.JSONDecoder(), text.lstrip()
    while rest:
        try:
            value, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError) as error:
            raise MarginError(f"export: no JSON at {rest[:30]!r} ({error}); paste the answer whole") from error
        yield value
        rest = rest[end:].lstrip(" \t\r\n,;")


def _objects(data: Any) -> Iterator[Row]:  # noqa: ANN401 - JSON
    """Yield every object in JSON, however it is wrapped."""
    if isinstance(data, dict):
        yield data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _objects(each)


def _having(found: Rows, *fields: str) -> list[Row]:
    """Return the objects that have all these fields."""
    return [each for each in found if set(fields) <= each.keys()]


def _silent(row: Row, name: str) -> bool:
    """Return whether a field is missing, or empty, which is as good."""
    return row.get(name) is None or row[name] == ""


def _number(row: Row, *names: str, default: float | None = None) -> float:
    """Return the first of these fields as a number; numbers may stand as text, an empty one is as good as missing."""
    for name in names:
        if not _silent(row, name):
            value = row[name]
            if isinstance(value, bool) or not fullmatch(_NUMBER, str(value)):
                raise wrong(name, value, f"give a number{_of(row)}")
            return finite(name, float(value))
    if default is None:
        raise MarginError(f"{names[0]}: the field is missing or empty{_of(row)}; give the export whole")
    return default


def _above(row: Row, *names: str, default: float | None = None, zero: bool = False) -> float:
    """Return a number that has to be above 0, or may be 0, or refuse it by the venue's own name."""
    if (number := _number(row, *names, default=default)) < 0 or (number == 0 and not zero):
        name = next((each for each in names if not _silent(row, each)), names[0])
        raise wrong(name, row.get(name), f"give a number {'of at least' if zero else 'above'} 0{_of(row)}")
    return number


def _part(row: Row, name: str, kind: type[_T]) -> _T:
    """Return a field that is an object, a list or a text, or refuse what is of another kind."""
    if not isinstance(value := row[name], kind) or value == "":
        raise wrong(name, value, f"give {_PARTS[kind]}, as the venue does{_of(row)}")
    return value


def _word(row: Row, name: str, words: Mapping[str, _T]) -> _T:
    """Return what one of a few words means; another is refused, for a guess would be silent."""
    if (word := str(row[name])) not in words:
        raise unknown(name, row[name], words, f"give, as the venue does{_of(row)},")
    return words[word]


def _of(row: Row) -> str:
    """Return whose row it is, for a message."""
    named = next((row[name] for name in ("symbol", "instId", "coin", "market") if row.get(name)), None)
    return f" in {named}" if named else ""


def _price(row: Row, name: str) -> float | None:
    """Return a liquidation price as venues write it: "", 0 and below mean that there is none; nan: not in the file."""
    if name not in row:
        return nan
    price = _number(row, name, default=0.0)
    return price if price > 0 else None


def _day(row: Row, name: str) -> str:
    """Return the day of a time in milliseconds, as rulebooks are dated; a late one where there is none."""
    time = _number(row, name, default=0.0)
    if time and not _TIMES[0] <= time <= _TIMES[1]:
        raise wrong(name, row[name], f"give milliseconds since 1970, such as 1730667935892{_of(row)}")
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d}" if time else "9999"


def _book(venue: str, day: str = "9999") -> Rulebook:
    """Return a venue's newest rulebook of that day or before; its oldest where all are later."""
    dates = [date for name, date in rulebooks() if name == venue]
    return rulebook(venue, max((date for date in dates if date <= day), default=dates[0]))


def _schedule(book: Rulebook, leg: _Leg, given: _Given) -> tuple[RiskSchedule, str]:
    """Return the risk tiers of a position, and what was assumed in that."""
    if leg.symbol in given.rates:
        return RiskSchedule.flat(given.rates[leg.symbol]), ""
    if table := leg.table or given.tables.get(leg.symbol):
        asked, told = table.maintenance_margin(leg.notional), None if leg.rate is None else leg.rate * leg.notional
        apart = told is not None and not leg.fits(table)
        return table, f"{leg.symbol}: the table given asks {asked:,.6g}, and the file has {told:,.6g}" if apart else ""
    books = [book, *(rulebook(*each) for each in reversed(rulebooks()) if each[0] == book.venue)]
    known = [(each.schedules[leg.symbol], each.date) for each in books if leg.symbol in each.schedules]
    if agrees := next((table for table, _ in known if leg.fits(table)), None):
        return agrees, ""
    if leg.rate is not None:
        taken = f"its {100 * leg.rate:.4g} % is taken for every size"
        return RiskSchedule.flat(leg.rate), f"{leg.symbol}: no recorded table agrees with the file; {taken}"
    if not known:
        none = f"no table of {leg.symbol} is recorded, and the file has none"
        give = "paste the venue's table of tiers after the positions, or give rates, such as 0.01 for 1 %"
        raise MarginError(f"maintenance_margin_rate: {none}; {give}")
    return known[0][0], f"{leg.symbol}: the risk table of {known[0][1]} is assumed, for the file does not tell it"


def _export(
    book: Rulebook, legs: list[_Leg], free: float | None, given: _Given, *notes: str, coins: Sequence[Coin] = ()
) -> Export:
    """Return the account of some positions and of what stands behind the cross ones."""
    if not legs:
        raise MarginError("positions: none is open in the file; every size is 0")
    legs = [leg.standing() for leg in legs]
    for leg in legs:
        if leg.own is not None and leg.own <= 0:
            raise wrong("isolated margin", leg.own, f"nothing is left behind {leg.symbol}; check its size and its cash")
    positions, said = [], [*notes]
    for leg in legs:
        schedule, note = _schedule(book, leg, given)
        positions.append(_position(book, leg, schedule))
        said += [note] * bool(note)
    wallet = given.wallet_balance
    if wallet is None:
        if free is None:
            free = 0.0
            if any(leg.own is None for leg in legs):
                raise MarginError("wallet_balance: not in the file; give it, or paste the account after the positions")
            said.append("what is free beside the isolated margins is not in the file: 0")
        wallet = free + sum(leg.own or 0.0 for leg in legs)
    account = Account(wallet_balance=wallet, positions=tuple(positions), coins=tuple(coins), netting=book.netting)
    return Export(account=account, rules=book, shown=tuple(leg.shown for leg in legs), notes=tuple(said))


def _position(book: Rulebook, leg: _Leg, schedule: RiskSchedule) -> Position:
    """Return a position under a rulebook's terms."""
    if fullmatch(_INVERSE, leg.symbol) and not leg.linear:
        raise wrong("symbol", leg.symbol, "an inverse contract, whose account is in coin; leave it out of the file")
    try:
        held = book.position(
            leg.symbol,
            leg.quantity,
            leg.entry_price,
            mark_price=leg.mark_price,
            leverage=leg.leverage,
            schedule=schedule,
            contract=Contract.LINEAR,
        )
        return held if leg.own is None else book.isolate(held, leg.own)
    except MarginError as error:
        raise MarginError(f"{leg.symbol}: {error}") from error


def _coin(name: str, amount: float, price: float, counted: float, legs: Sequence[_Leg], form: str) -> Coin:
    """Return a coin as collateral that counts for so many dollars, at the mark of its position where there is one."""
    held = next((leg for leg in legs if coin(leg.symbol) == name), None)
    symbol, mark = (held.symbol, held.mark_price) if held else (form.format(name), price)
    share = counted / (amount * mark)
    return Coin(symbol=symbol, amount=amount * max(1.0, share), mark_price=mark, haircut=max(0.0, 1 - share))


def _tables(found: Rows) -> dict[str, RiskSchedule]:
    """Return the risk tables in an export, by symbol: leverage brackets of Binance, risk limits of Bybit."""
    columns, tables_ = ("notionalFloor", "notionalCap", "maintMarginRatio", "initialLeverage", "cum"), {}
    for each in _having(found, "symbol", "brackets"):
        brackets = sorted([_number(row, name) for name in columns] for row in _part(each, "brackets", list))
        tables_[each["symbol"]] = RiskSchedule.from_brackets(brackets)
    limits: dict[str, list[Row]] = {}
    for row in _having(found, "symbol", "riskLimitValue", "maintenanceMargin"):
        limits.setdefault(row["symbol"], []).append(row)
    for symbol, rows in limits.items():
        rows.sort(key=lambda row: _above(row, "riskLimitValue"))
        floors, cap = [0.0, *(_number(row, "riskLimitValue") for row in rows)], _number(rows[-1], "riskLimitValue")
        steps = [
            RiskTier(
                notional_floor=floor,
                maintenance_margin_rate=_number(row, "maintenanceMargin"),
                max_leverage=_above(row, "maxLeverage"),
            )
            for floor, row in zip(floors, rows, strict=False)
        ]
        tables_[symbol] = RiskSchedule(tiers=tuple(steps), notional_cap=cap)
        for row, amount in zip(rows, tables_[symbol].amounts, strict=True):
            if not isclose(_number(row, "mmDeduction", default=amount), amount, rel_tol=_CLOSE):
                raise wrong("mmDeduction", row["mmDeduction"], f"the rates and limits make it {amount:,.10g}{_of(row)}")
    return tables_


def _table(frame: DataFrame, given: _Given) -> Export:
    """Read a table of positions; a wallet and the venue's prices may stand in columns of their own."""
    book = rulebook("binance_usdm", TIER_DATE)
    book = replace(book, schedules={**book.schedules, **given.tables})
    extra = {"wallet_balance", "liquidation_price"} & set(frame.columns)
    rows = frame.drop(columns=list(extra))
    if "symbol" in rows and rows.empty:
        raise MarginError("positions: none is in the table; give a row for each")
    wallet = given.wallet_balance
    if wallet is None:
        told = [*frame["wallet_balance"].dropna()] if "wallet_balance" in extra else []
        if not told:
            raise MarginError("wallet_balance: a table needs it; give it (--wallet), or a column of that name")
        wallet = _number({"wallet_balance": told[0]}, "wallet_balance")
    if given.rates and "symbol" in rows:
        own = rows.get("maintenance_margin_rate", nan)
        rows = rows.assign(maintenance_margin_rate=rows["symbol"].map(given.rates).fillna(own))
    account = Account(wallet_balance=wallet, positions=tables.positions(rows, book))
    prices = frame["liquidation_price"] if "liquidation_price" in extra else [nan] * len(frame)
    shown = tuple(nan if isna(price) else _price({"liquidation_price": price}, "liquidation_price") for price in prices)
    return Export(account=account, rules=book, shown=shown)


def _binance(rows: Rows, found: Rows, given: _Given) -> Export:
    """Read Binance USD-M: position risk, account, balance, leverage brackets; in Multi-Assets mode the asset index."""
    rows = _having(rows, "markPrice") or rows  # an account beside position risk has the same positions, with less
    legs = [_binance_leg(row) for row in rows if _number(row, "positionAmt")]
    book = _book("binance_usdm", max(_day(row, "updateTime") for row in rows))
    balances = _having(found, "asset", "crossWalletBalance")
    purses = {str(each["asset"]): _number(each, "crossWalletBalance") for each in balances}
    index = {str(each["symbol"]): each for each in _having(found, "symbol", "index", "bidBuffer")}
    if index or any(str(each["multiAssetsMargin"]).lower() == "true" for each in _having(found, "multiAssetsMargin")):
        free, coins = _binance_coins(purses, index, legs, book)
        said = "Multi-Assets mode: USDT counts as a dollar, and coins as the file or the rulebook says"
        return _export(book, legs, free, given, said, coins=coins)
    assets = sorted({str(row.get("marginAsset", "USDT")) for row in rows if _number(row, "positionAmt")})
    if len(assets) > 1:
        raise wrong("marginAsset", assets, "each backs its own positions; give those of one, or the asset index")
    return _export(book, legs, purses.get(assets[0]) if assets else None, given)


def _binance_coins(
    purses: Mapping[str, float], index: Mapping[str, Row], legs: Sequence[_Leg], book: Rulebook
) -> tuple[float, list[Coin]]:
    """Return the dollars and the coins behind the positions of Multi-Assets mode; what is owed counts as dollars."""
    free, coins = purses.get("USDT", 0.0), []
    for name, amount in purses.items():
        if name == "USDT" or not amount:
            continue
        row, form = index.get(f"{name}USD"), f"{name}USDT"
        held = next((leg for leg in legs if leg.symbol == form and form in book.haircuts), None)
        if row is not None:
            price, haircut = _above(row, "index"), _number(row, "bidBuffer")
        elif held is not None:
            price, haircut = held.mark_price, book.haircuts[form]
        else:
            raise MarginError(f"index: nothing says what {name} counts for; paste the asset index after the account")
        if amount > 0:
            coins.append(_coin(name, amount, price, amount * price * (1 - haircut), legs, "{}USDT"))
        free += min(amount, 0.0) * price
    return free, coins


def _binance_leg(row: Row) -> _Leg:
    """Read one position of Binance; `isolatedMargin` has the unrealized PnL in it, `isolatedWallet` has not."""
    amount, entry = _number(row, "positionAmt"), _above(row, "entryPrice")
    profit = _number(row, "unRealizedProfit", "unrealizedProfit")
    mark = _above(row, "markPrice", default=entry + profit / amount)
    without = max(0.0, _number(row, "isolatedMargin", default=0.0) - profit)
    wallet = _above(row, "isolatedWallet", default=without, zero=True)
    told = {"marginType": "isolated" if str(row.get("isolated", wallet != 0)).lower() == "true" else "cross", **row}
    own = _word(told, "marginType", {"isolated": True, "cross": False, "ISOLATED": True, "CROSSED": False})
    if amount * _word({"positionSide": "BOTH", **row}, "positionSide", {"BOTH": amount, "LONG": 1, "SHORT": -1}) < 0:
        raise wrong("positionAmt", row["positionAmt"], f"give a size of the sign of its positionSide{_of(row)}")
    notional = abs(amount) * mark
    needs = nan if _silent(row, "maintMargin") else _above(row, "maintMargin", zero=True)
    cap = _number(row, "maxNotionalValue", "maxNotional", default=nan)
    if _silent(row, "leverage"):
        leverage = round(notional / _above(row, "positionInitialMargin"), 2)
    else:
        leverage = _above(row, "leverage")
    return _Leg(
        symbol=_part(row, "symbol", str),
        quantity=amount,
        entry_price=entry,
        mark_price=mark,
        leverage=leverage,
        own=_above({**row, "isolatedWallet": wallet}, "isolatedWallet") if own else None,
        shown=_price(row, "liquidationPrice"),
        rate=None if isnan(needs) else needs / notional,
        fits=(lambda table: leverage <= table.tiers[0].leverage_limit and table.max_notional(leverage) == cap)
        if isnan(needs)
        else _asks(notional, needs),
    )


def _asks(notional: float, maintenance: float) -> Callable[[RiskSchedule], bool]:
    """Return whether a table asks this maintenance margin of this notional."""
    return lambda table: isclose(table.maintenance_margin(notional), maintenance, rel_tol=_CLOSE)


def _bybit(rows: Rows, found: Rows, given: _Given) -> Export:
    """Read Bybit: position list, and perhaps wallet balance and account info, which has the account's one mode."""
    modes = {str(each["marginMode"]) for each in _having(found, "marginMode", "unifiedMarginStatus")}
    if any(each["category"] == "inverse" for each in _having(found, "category", "list")):
        raise wrong("category", "inverse", "contracts whose account is in coin; give those of category linear")
    book = _book("bybit", max(_day(row, "updatedTime") for row in rows))
    legs = [_bybit_leg(row, "ISOLATED_MARGIN" in modes, book) for row in rows if _number(row, "size", default=0.0)]
    purses = {str(each["coin"]): _number(each, "walletBalance") for each in _having(found, "coin", "walletBalance")}
    others = [name for name, amount in purses.items() if name != "USDT" and amount]
    said = f"{', '.join(others)}: no collateral here, for the file does not tell what a unified account counts of it"
    free = purses["USDT"] - sum(leg.own or 0.0 for leg in legs) if "USDT" in purses else None
    return _export(book, legs, free, given, *[said] * bool(others))


def _bybit_leg(row: Row, isolated: bool, book: Rulebook) -> _Leg:
    """Read one position of Bybit; its margins have the fee for closing in them, and `side` has the sign."""
    size = _above(row, "size") * _word(row, "side", {"Buy": 1, "Sell": -1})
    entry = _above(row, "avgPrice", "entryPrice")
    mark = _above(row, "markPrice", default=entry + _number(row, "unrealisedPnl", default=0.0) / size)
    own = isolated or _word({"tradeMode": 0, **row}, "tradeMode", {"0": False, "1": True})
    leverage, cap = _above(row, "leverage"), _number(row, "riskLimitValue", default=0.0)
    leg = _Leg(
        symbol=_part(row, "symbol", str),
        quantity=size,
        entry_price=entry,
        mark_price=mark,
        leverage=leverage,
        own=_above(row, "positionBalance") if own else None,
        shown=_price(row, "liqPrice"),
        fits=lambda table: table.notional_cap == cap,
    )
    basis = book.isolated_basis if own and book.isolated_basis else book.maintenance_basis
    at_mark = basis is MaintenanceBasis.MARK
    needs = _above(row, *["positionMMByMp"] * at_mark, "positionMM", default=0.0, zero=True)
    if not needs:
        return leg
    fee = book.closing_fee_set_aside(_position(book, replace(leg, own=None), RiskSchedule.flat(0.0)))
    value = leg.notional if at_mark else abs(size) * entry
    return replace(leg, rate=(needs - fee) / value, fits=_asks(value, needs - fee))


def _okx(rows: Rows, found: Rows, given: _Given) -> Export:
    """Read OKX: positions, counted in contracts, and perhaps balance, instruments and position tiers."""
    sizes = {each["instId"]: _above(each, "ctVal") for each in _having(found, "instId", "ctVal")}
    held = [row for row in rows if _number(row, "pos", default=0.0)]
    book = _book("okx", max(_day(row, "uTime") for row in rows))
    legs = [_okx_leg(row, sizes, _okx_table(row, held, found)) for row in held]
    balance, settled = _having(found, "ccy", "cashBal"), sorted({str(row.get("ccy", "USDT")) for row in held})
    whole = [each for each in _having(found, "details", "adjEq") if not _silent(each, "adjEq")]
    if len(settled) > 1 and not whole:
        raise wrong("ccy", settled, "each backs its own positions; give those of one, or a balance with adjEq")
    if balance and settled:
        return _okx_account(book, legs, settled, balance if whole else [], balance, given)
    shared = [(row, leg) for row, leg in zip(held, legs, strict=True) if leg.own is None]
    if not shared or (given.wallet_balance is None and not all(row.get("mgnRatio") for row, _ in shared)):
        return _export(book, legs, None, given)
    needs = sum(_number(row, "mmr") + book.closing_fee_rate * leg.notional for row, leg in shared)
    equity = _number(shared[0][0], "mgnRatio", default=0.0) * needs
    said = f"the wallet is worked out from mgnRatio, at a closing fee of {100 * book.closing_fee_rate:g} %"
    return _export(book, legs, equity - sum(leg.unrealized_pnl for _, leg in shared), given, said)


def _okx_account(
    book: Rulebook, legs: list[_Leg], settled: list[str], shared: Rows, balance: Rows, given: _Given
) -> Export:
    """Return an account with its balance; with adjEq all coins back cross positions, each at its discount equity."""
    free, coins = sum(_number(row, "cashBal") for row in balance if row["ccy"] in settled), []
    for row in shared:
        if row["ccy"] in settled or not (amount := _number(row, "eq")):
            continue
        if amount > 0 and (counted := _number(row, "disEq")):
            coins.append(_coin(row["ccy"], amount, _above(row, "eqUsd") / amount, counted, legs, "{}-USDT-SWAP"))
        free += min(0.0, _number(row, "disEq"))
    said = f"{' and '.join(settled)} counts as a dollar, and other coins at their discount equity"
    return _export(book, legs, free, given, *[said] * bool(coins), coins=coins)


def _okx_table(row: Row, held: Rows, found: Rows) -> RiskSchedule | None:
    """Return the rate of the tier that holds a position, of the whole position; long and short of cross add up."""
    name = _part(row, "instId", str)
    same = [each for each in held if each["instId"] == name and each.get("mgnMode") == "cross"]
    contracts = sum(abs(_number(each, "pos")) for each in (same if row.get("mgnMode") == "cross" else [row]))
    steps = [
        each
        for each in _having(found, *_OKX_TIERS)
        if {name, name.rpartition("-")[0]} & {each.get("instId"), each.get("instFamily"), each.get("uly")}
    ]
    fit = [each for each in steps if _number(each, "minSz") <= contracts <= _number(each, "maxSz")]
    if steps and not fit:
        raise wrong("pos", contracts, f"no tier given holds so many contracts{_of(row)}; give all tiers")
    return RiskSchedule.flat(_number(fit[0], "mmr"), max_leverage=_above(fit[0], "maxLever")) if fit else None


def _okx_leg(row: Row, sizes: Mapping[str, float], table: RiskSchedule | None) -> _Leg:
    """Read one position of OKX: `pos` counts contracts, of so many coins each."""
    entry, price = _above(row, "avgPx"), _above(row, "markPx", "last", "avgPx")
    side = _word({"posSide": "net", **row}, "posSide", {"net": 1, "long": 1, "short": -1})
    contracts = _number(row, "pos") if side > 0 else -abs(_number(row, "pos"))
    size = sizes.get(row["instId"]) or _contract(row, abs(contracts) * price)
    quantity = contracts * size
    mark = _above(row, "markPx", default=entry + _number(row, "upl") / quantity)
    notional, needs = abs(quantity) * mark, _above(row, "mmr", zero=True)
    return _Leg(
        symbol=row["instId"],
        quantity=quantity,
        entry_price=entry,
        mark_price=mark,
        leverage=_above(row, "lever"),
        own=_above(row, "margin") if _word(row, "mgnMode", {"isolated": True, "cross": False}) else None,
        shown=_price(row, "liqPx"),
        rate=needs / notional,
        fits=_asks(notional, needs),
        table=table,
    )


def _contract(row: Row, value: float) -> float:
    """Return how many coins one contract is: a power of ten, as far as the notional tells it."""
    size = _above(row, "notionalUsd") / value
    power: float = 10.0 ** round(log10(size))
    if not isclose(size, power, rel_tol=0.02):  # dollars against the coin that it is paid in
        raise wrong("ctVal", size, f"no power of ten{_of(row)}; paste the instruments after the positions")
    return power


def _hyperliquid(rows: Rows, _: Rows, given: _Given) -> Export:
    """Read Hyperliquid: the clearinghouse state of one account."""
    state = rows[0]
    for each in _part(state, "assetPositions", list):
        if not isinstance(each, dict):
            raise wrong("assetPositions", each, "give a list of objects, as the venue does")
    held = [_part(each, "position", dict) for each in state["assetPositions"]]
    legs = [_hyperliquid_leg(each) for each in held if _number(each, "szi")]
    equity = _number(_part(state, "crossMarginSummary", dict), "accountValue")
    free = equity - sum(leg.unrealized_pnl for leg in legs if leg.own is None)
    return _export(_book("hyperliquid", _day(state, "time")), legs, free, given)


def _hyperliquid_leg(row: Row) -> _Leg:
    """Read one position of Hyperliquid: the margin follows from `rawUsd`, its cash; `marginUsed` has profit in it."""
    size, entry = _number(row, "szi"), _above(row, "entryPx")
    leverage, rate = _part(row, "leverage", dict), 0.5 / _above(row, "maxLeverage")
    isolated = _word(leverage, "type", {"isolated": True, "cross": False})
    return _Leg(
        symbol=_part(row, "coin", str),
        quantity=size,
        entry_price=entry,
        mark_price=_above(row, "positionValue") / abs(size),
        leverage=_above(leverage, "value"),
        own=_number(leverage, "rawUsd") + size * entry if isolated else None,
        shown=_price(row, "liquidationPx"),
        rate=rate,
        fits=lambda table: isclose(table.rates[0], rate),
    )


def _dydx(rows: Rows, found: Rows, given: _Given) -> Export:
    """Read dYdX: a subaccount, or a parent with its children, and perhaps the markets, which have the rates."""
    markets = {each["ticker"]: each for each in _having(found, "ticker", "maintenanceMarginFraction")}
    parents = [row for row in rows if _number(row, "subaccountNumber", default=0.0) < _CHILD]
    if len(parents) > 1:
        raise wrong("subaccountNumber", len(parents), "several cross accounts; give one, and its children")
    legs = [leg for row in rows for leg in _dydx_legs(row, markets)]
    free = sum(_cash(row) + sum(leg.quantity * leg.entry_price for leg in _dydx_legs(row, markets)) for row in parents)
    return _export(_book("dydx_v4"), legs, free, given)


def _cash(row: Row) -> float:
    """Return the USDC of a subaccount, below 0 where it owes them."""
    held = _part(row, "assetPositions", dict)
    if "USDC" not in held:
        return 0.0
    cash = _part(held, "USDC", dict)
    return abs(_number(cash, "size")) * _word(cash, "side", _DYDX_SIDES)


def _dydx_legs(row: Row, markets: Mapping[str, Row]) -> Iterator[_Leg]:
    """Yield the positions of a subaccount of dYdX, which shows no liquidation price."""
    markets_ = _part(row, "openPerpetualPositions", dict)
    held = [each for name in markets_ if _number(each := _part(markets_, name, dict), "size")]
    child = _number(row, "subaccountNumber", default=0.0) >= _CHILD
    if child and len(held) > 1:
        raise wrong("subaccountNumber", row["subaccountNumber"], f"it backs {len(held)} positions; give it alone, as 0")
    for each in held:
        size = abs(_number(each, "size")) * _word(each, "side", _DYDX_SIDES)
        entry, name = _above(each, "entryPrice"), _part(each, "market", str)
        mark = entry + _number(each, "unrealizedPnl") / size
        initial, rate = _fractions(row, markets.get(name), len(held))
        yield _Leg(
            symbol=name,
            quantity=size,
            entry_price=entry,
            mark_price=mark,
            leverage=1 / initial,
            own=_cash(row) + size * entry if child else None,
            shown=nan,
            rate=rate,
        )


def _fractions(row: Row, known: Row | None, held: int) -> tuple[float, float | None]:
    """Return the initial and maintenance fraction: as the markets say, or as what is free beside one position says."""
    if known:
        return _above(known, "initialMarginFraction"), _above(known, "maintenanceMarginFraction", zero=True)
    if held > 1:
        return 1.0, None
    equity = _number(row, "equity")
    if not (value := abs(equity - _cash(row))) or not (kept := equity - _number(row, "freeCollateral")) > 0:
        give = "no initial margin follows from it; paste the markets after the subaccount"
        raise wrong("equity", row["equity"], give)
    initial = kept / value
    tiers = [table.tiers[0] for table in _book("dydx_v4").schedules.values()]
    rates = {
        tier.maintenance_margin_rate for tier in tiers if isclose(tier.initial_margin_rate, initial, rel_tol=_CLOSE)
    }
    return initial, rates.pop() if len(rates) == 1 else None


def _lighter(rows: Rows, found: Rows, given: _Given) -> Export:
    """Read Lighter: an account, and perhaps the order book details, which have the fractions."""
    details = {str(each["symbol"]): each for each in _having(found, "symbol", "maintenance_margin_fraction")}
    legs = [_lighter_leg(row, details.get(str(row["symbol"]))) for row in rows if _number(row, "position")]
    accounts = _having(found, "positions", "cross_asset_value")
    if len(accounts) != 1:
        raise wrong("cross_asset_value", len(accounts), "give one account, and all of it")
    free = _number(accounts[0], "cross_asset_value") - sum(leg.unrealized_pnl for leg in legs if leg.own is None)
    said = "allocated_margin is read as the margin without unrealized PnL"
    return _export(_book("lighter"), legs, free, given, *[said] * any(leg.own is not None for leg in legs))


def _lighter_leg(row: Row, details: Row | None) -> _Leg:
    """Read one position of Lighter: its sign stands apart; a market's fraction is of 10,000, its own of 100."""
    size = _number(row, "position") * _word(row, "sign", {"1": 1, "-1": -1})
    rate = None if details is None else _above(details, "maintenance_margin_fraction", zero=True) / 10_000
    return _Leg(
        symbol=_part(row, "symbol", str),
        quantity=size,
        entry_price=_above(row, "avg_entry_price"),
        mark_price=_above(row, "position_value") / abs(size),
        leverage=round(100 / _above(row, "initial_margin_fraction"), 4),
        own=_above(row, "allocated_margin") if _word(row, "margin_mode", {"0": False, "1": True}) else None,
        shown=_price(row, "liquidation_price"),
        rate=rate,
        fits=lambda table: rate is not None and isclose(table.rates[0], rate),
        linear=True,
    )


_OKX_TIERS = ("minSz", "maxSz", "mmr", "maxLever")
_DYDX_SIDES = MappingProxyType({"LONG": 1, "SHORT": -1})
_READERS: Mapping[tuple[str, ...], Callable[[Rows, Rows, _Given], Export]] = MappingProxyType(
    {
        ("positionAmt", "symbol"): _binance,
        ("size", "side", "symbol", "leverage"): _bybit,
        ("pos", "instId", "avgPx"): _okx,
        ("assetPositions", "marginSummary"): _hyperliquid,
        ("openPerpetualPositions", "assetPositions"): _dydx,
        ("avg_entry_price", "position", "sign"): _lighter,
    }
)
_KNOWN = (
    "Binance positionRisk, Bybit position list, OKX positions, Hyperliquid clearinghouseState, dYdX subaccounts, "
    "Lighter account"
)
