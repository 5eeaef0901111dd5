"""What people have, as a table or as a venue's own export of positions: recognised by its shape, read from the disk.

An export is what a venue's account endpoints answer, as JSON: Binance USD-M (position risk of version 2 or 3, account,
leverage brackets), Bybit (position list), OKX (positions, instruments), Hyperliquid (clearinghouse state), dYdX
(subaccount, markets). Several may stand one after another. Nothing here opens a connection.
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
from typing import Any

from pandas import DataFrame, isna, read_csv

from marginlib import tables
from marginlib.course.figures import TIER_DATE
from marginlib.errors import MarginError, wrong
from marginlib.model import Account, MaintenanceBasis, Position
from marginlib.tiers import RiskSchedule
from marginlib.venues import Rulebook, rulebook, rulebooks

Row = Mapping[str, Any]

_CLOSE = 1e-4  # exports round their amounts: two that differ by less are the same
_LATEST = 1e14  # ms: what is later is no time
_CHILD = 128  # dYdX: from this number on a subaccount backs isolated positions
_NO_RATES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Export:
    """An account as it was read.

    Args:
        account: the wallet and its positions, under the rules below.
        rules: the rulebook whose terms the positions follow.
        shown: the venue's own liquidation price of each position; None where the venue says that there is none, nan
            where the file does not say.
        notes: what was assumed because the file does not say it.
    """

    account: Account
    rules: Rulebook
    shown: tuple[float | None, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What the reader's owner adds to the file."""

    wallet_balance: float | None
    rates: Mapping[str, float]


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
    table: RiskSchedule | None = None  # that stands in the file

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
    rates: Mapping[str, float] = _NO_RATES,
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
    data = loaded(source)
    given = _Given(wallet_balance=wallet_balance, rates=rates)
    if isinstance(data, DataFrame):
        return _table(data, given)
    found = list(_objects(data))
    for shape, read in _READERS.items():
        if rows := _having(found, *shape):
            try:
                return read(rows, found, given)
            except KeyError as missing:
                raise MarginError(f"{missing.args[0]}: the field is missing; give the export whole") from missing
            except (AttributeError, TypeError) as error:
                raise MarginError(f"export: a field is of another kind ({error}); give it as the venue does") from error
    raise MarginError(f"export: of no known shape; give a table, or the answer of one of {_KNOWN}")


def coin(symbol: str) -> str:
    """Return the coin of a contract's name, at any venue.

    Example:
        >>> [coin(name) for name in ("BTCUSDT", "BTC-USDT-SWAP", "BTC-USD", "BTC")]
        ['BTC', 'BTC', 'BTC', 'BTC']
    """
    return symbol.partition("-")[0].removesuffix("USDT").removesuffix("USDC")


def plain(account: Account) -> Account:
    """Return an account whose contracts are called as those of the recorded crashes and volatilities: BTCUSDT."""
    return account.after(positions=[replace(each, symbol=f"{coin(each.symbol)}USDT") for each in account.positions])


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
        except ValueError as error:
            raise MarginError(f"export: no JSON at {rest[:30]!r} ({error}); paste the answer whole") from error
        yield value
        rest = rest[end:].lstrip(" \t\r\n,;")


def _objects(data: Any) -> Iterator[Row]:  # noqa: ANN401 - JSON
    """Yield every object in JSON, however it is wrapped."""
    if isinstance(data, dict):
        yield data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _objects(each)


def _having(found: Sequence[Row], *fields: str) -> list[Row]:
    """Return the objects that have all these fields."""
    return [each for each in found if set(fields) <= each.keys()]


def _number(row: Row, *names: str, default: float | None = None) -> float:
    """Return the first of these fields as a number; numbers may stand as text, an empty one is as good as missing."""
    for name in names:
        if row.get(name) not in {None, ""}:
            try:
                return float(row[name])
            except (TypeError, ValueError):
                raise wrong(name, row[name], f"give a number{_of(row)}") from None
    if default is None:
        raise MarginError(f"{names[0]}: the field is missing or empty{_of(row)}; give the export whole")
    return default


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
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d}" if 0 < time < _LATEST else "9999"


def _book(venue: str, day: str = "9999") -> Rulebook:
    """Return a venue's newest rulebook of that day or before; its oldest where all are later."""
    dates = [date for name, date in rulebooks() if name == venue]
    return rulebook(venue, max((date for date in dates if date <= day), default=dates[0]))


def _schedule(book: Rulebook, leg: _Leg, given: _Given) -> tuple[RiskSchedule, str]:
    """Return the risk tiers of a position, and what was assumed in that."""
    if leg.symbol in given.rates:
        return RiskSchedule.flat(given.rates[leg.symbol]), ""
    books = [book, *(rulebook(*each) for each in reversed(rulebooks()) if each[0] == book.venue)]
    known = [(each.schedules[leg.symbol], each.date) for each in books if leg.symbol in each.schedules]
    if agrees := leg.table or next((table for table, _ in known if leg.fits(table)), None):
        return agrees, ""
    if leg.rate is not None:
        said = (
            f"{leg.symbol}: no recorded table agrees with the file; its {100 * leg.rate:.4g} % is taken for every size"
        )
        return RiskSchedule.flat(leg.rate), said
    if not known:
        give = "paste the venue's table of tiers after the positions, or give rates, such as 0.01 for 1 %"
        raise MarginError(
            f"maintenance_margin_rate: no table of {leg.symbol} is recorded, and the file has none; {give}"
        )
    return known[0][0], f"{leg.symbol}: the risk table of {known[0][1]} is assumed, for the file does not tell it"


def _export(book: Rulebook, legs: Sequence[_Leg], free: float | None, given: _Given, *notes: str) -> Export:
    """Return the account of some positions and of what stands behind the cross ones."""
    if not legs:
        raise MarginError("positions: none is open in the file; every size is 0")
    legs = [leg.standing() for leg in legs]
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
    account = Account(wallet_balance=wallet, positions=tuple(positions))
    return Export(account=account, rules=book, shown=tuple(leg.shown for leg in legs), notes=tuple(said))


def _position(book: Rulebook, leg: _Leg, schedule: RiskSchedule) -> Position:
    """Return a position under a rulebook's terms."""
    if fullmatch(r"[A-Z0-9]+(-USD-\w+|USD(_\w+|[A-Z]\d\d)?)", leg.symbol):
        raise wrong("symbol", leg.symbol, "an inverse contract, whose account is in coin; leave it out of the file")
    held = book.position(
        leg.symbol,
        leg.quantity,
        leg.entry_price,
        mark_price=leg.mark_price,
        leverage=leg.leverage,
        schedule=schedule,
    )
    return held if leg.own is None else book.isolate(held, leg.own)


def _table(frame: DataFrame, given: _Given) -> Export:
    """Read a table of positions; a wallet and the venue's prices may stand in columns of their own."""
    book, extra = rulebook("binance_usdm", TIER_DATE), {"wallet_balance", "liquidation_price"} & set(frame.columns)
    rows = frame.drop(columns=list(extra))
    wallet = given.wallet_balance
    if wallet is None:
        told = [*frame["wallet_balance"].dropna()] if "wallet_balance" in extra else []
        if not told:
            raise MarginError("wallet_balance: a table needs it; give it (--wallet), or a column of that name")
        wallet = _number({"wallet_balance": told[0]}, "wallet_balance")
    if given.rates and "symbol" in rows:
        rows = rows.assign(maintenance_margin_rate=rows["symbol"].map(given.rates))
    account = Account(wallet_balance=wallet, positions=tables.positions(rows, book))
    prices = frame["liquidation_price"] if "liquidation_price" in extra else [nan] * len(frame)
    shown = tuple(nan if isna(price) else _price({"liquidation_price": price}, "liquidation_price") for price in prices)
    return Export(account=account, rules=book, shown=shown)


def _binance(rows: Sequence[Row], found: Sequence[Row], given: _Given) -> Export:
    """Read Binance USD-M: position risk, account, balance, leverage brackets."""
    rows = _having(rows, "markPrice") or rows  # an account beside position risk has the same positions, with less
    brackets = {each["symbol"]: _brackets(each["brackets"]) for each in _having(found, "symbol", "brackets")}
    legs = [_binance_leg(row, brackets) for row in rows if _number(row, "positionAmt")]
    assets = {row.get("marginAsset", "USDT") for row in rows}
    purses = [each for each in _having(found, "asset", "crossWalletBalance") if each["asset"] in assets]
    free = sum(_number(each, "crossWalletBalance") for each in purses) if purses else None
    day = max(_day(row, "updateTime") for row in rows)
    return _export(_book("binance_usdm", day), legs, free, given)


def _brackets(rows: Sequence[Row]) -> RiskSchedule:
    """Return the tiers of Binance's leverage brackets."""
    names = ("notionalFloor", "notionalCap", "maintMarginRatio", "initialLeverage", "cum")
    return RiskSchedule.from_brackets(sorted([_number(row, name) for name in names] for row in rows))


def _binance_leg(row: Row, brackets: Mapping[str, RiskSchedule]) -> _Leg:
    """Read one position of Binance; `isolatedMargin` has the unrealized PnL in it, `isolatedWallet` has not."""
    amount, entry = _number(row, "positionAmt"), _number(row, "entryPrice")
    profit = _number(row, "unRealizedProfit", "unrealizedProfit")
    mark = _number(row, "markPrice", default=entry + profit / amount)
    wallet = _number(row, "isolatedWallet", default=max(0.0, _number(row, "isolatedMargin", default=0.0) - profit))
    mode = row.get("marginType", "isolated" if row.get("isolated", wallet != 0) else "cross")
    notional = abs(amount) * mark
    needs, cap = _number(row, "maintMargin", default=nan), _number(row, "maxNotionalValue", "maxNotional", default=nan)
    leverage = _number(row, "leverage", default=0.0) or round(notional / _number(row, "positionInitialMargin"), 2)
    return _Leg(
        symbol=row["symbol"],
        quantity=amount,
        entry_price=entry,
        mark_price=mark,
        leverage=leverage,
        own=wallet if mode == "isolated" else None,
        shown=_price(row, "liquidationPrice"),
        rate=None if isnan(needs) else needs / notional,
        fits=(lambda table: leverage <= table.tiers[0].leverage_limit and table.max_notional(leverage) == cap)
        if isnan(needs)
        else _asks(notional, needs),
        table=brackets.get(row["symbol"]),
    )


def _asks(notional: float, maintenance: float) -> Callable[[RiskSchedule], bool]:
    """Return whether a table asks this maintenance margin of this notional."""
    return lambda table: isclose(table.maintenance_margin(notional), maintenance, rel_tol=_CLOSE)


def _bybit(rows: Sequence[Row], found: Sequence[Row], given: _Given) -> Export:
    """Read Bybit: position list, and perhaps wallet balance and account info, which has the account's one mode."""
    modes = {each["marginMode"] for each in _having(found, "marginMode", "unifiedMarginStatus")}
    book = _book("bybit", max(_day(row, "updatedTime") for row in rows))
    legs = [_bybit_leg(row, "ISOLATED_MARGIN" in modes, book) for row in rows if _number(row, "size", default=0.0)]
    purses = [each for each in _having(found, "coin", "walletBalance") if each["coin"] == "USDT"]
    if not purses:
        return _export(book, legs, None, given)
    free = _number(purses[0], "walletBalance") - sum(leg.own or 0.0 for leg in legs)
    return _export(book, legs, free, given)


def _bybit_leg(row: Row, isolated: bool, book: Rulebook) -> _Leg:
    """Read one position of Bybit; its margins have the fee for closing in them, and `side` has the sign."""
    size = _number(row, "size") * (-1 if row.get("side") == "Sell" else 1)
    entry = _number(row, "avgPrice", "entryPrice")
    mark = _number(row, "markPrice", default=entry + _number(row, "unrealisedPnl", default=0.0) / size)
    own = isolated or str(row.get("tradeMode", 0)) == "1"
    leverage, cap = _number(row, "leverage"), _number(row, "riskLimitValue", default=0.0)
    leg = _Leg(
        symbol=row["symbol"],
        quantity=size,
        entry_price=entry,
        mark_price=mark,
        leverage=leverage,
        own=_number(row, "positionBalance") if own else None,
        shown=_price(row, "liqPrice"),
        fits=lambda table: table.notional_cap == cap,
    )
    basis = book.isolated_basis if own and book.isolated_basis else book.maintenance_basis
    at_mark = basis is MaintenanceBasis.MARK
    needs = _number(row, *["positionMMByMp"] * at_mark, "positionMM", default=0.0)
    if not needs:
        return leg
    fee = book.closing_fee_set_aside(_position(book, replace(leg, own=None), RiskSchedule.flat(0.0)))
    return replace(leg, rate=(needs - fee) / (leg.notional if at_mark else abs(size) * entry), fits=lambda _: False)


def _okx(rows: Sequence[Row], found: Sequence[Row], given: _Given) -> Export:
    """Read OKX: positions, and perhaps instruments, for the positions are counted in contracts."""
    sizes = {each["instId"]: _number(each, "ctVal") for each in _having(found, "instId", "ctVal")}
    held = [row for row in rows if _number(row, "pos", default=0.0)]
    book = _book("okx", max(_day(row, "uTime") for row in rows))
    legs = [_okx_leg(row, sizes) for row in held]
    shared = [(row, leg) for row, leg in zip(held, legs, strict=True) if leg.own is None]
    if not shared:
        return _export(book, legs, None, given)
    if given.wallet_balance is None and not all(row.get("mgnRatio") for row, _ in shared):
        return _export(book, legs, None, given)
    needs = sum(_number(row, "mmr") + book.closing_fee_rate * leg.notional for row, leg in shared)
    equity = _number(shared[0][0], "mgnRatio", default=0.0) * needs
    said = f"the wallet is worked out from mgnRatio, at a closing fee of {100 * book.closing_fee_rate:g} %"
    return _export(book, legs, equity - sum(leg.unrealized_pnl for _, leg in shared), given, said)


def _okx_leg(row: Row, sizes: Mapping[str, float]) -> _Leg:
    """Read one position of OKX: `pos` counts contracts, of so many coins each."""
    entry, price = _number(row, "avgPx"), _number(row, "markPx", "last", "avgPx")
    contracts = _number(row, "pos") * (-1 if row.get("posSide") == "short" and _number(row, "pos") > 0 else 1)
    size = sizes.get(row["instId"]) or _contract(row, abs(contracts) * price)
    quantity = contracts * size
    mark = _number(row, "markPx", default=entry + _number(row, "upl") / quantity)
    notional, needs = abs(quantity) * mark, _number(row, "mmr")
    return _Leg(
        symbol=row["instId"],
        quantity=quantity,
        entry_price=entry,
        mark_price=mark,
        leverage=_number(row, "lever"),
        own=_number(row, "margin") if row.get("mgnMode") == "isolated" else None,
        shown=_price(row, "liqPx"),
        rate=needs / notional,
        fits=_asks(notional, needs),
    )


def _contract(row: Row, value: float) -> float:
    """Return how many coins one contract is: a power of ten, as far as the notional tells it."""
    size = _number(row, "notionalUsd") / value
    power: float = 10.0 ** round(log10(size))
    if not isclose(size, power, rel_tol=0.02):  # dollars against the coin that it is paid in
        raise wrong("ctVal", size, f"no power of ten{_of(row)}; paste the instruments after the positions")
    return power


def _hyperliquid(rows: Sequence[Row], _: Sequence[Row], given: _Given) -> Export:
    """Read Hyperliquid: the clearinghouse state of one account."""
    state = rows[0]
    legs = [_hyperliquid_leg(each["position"]) for each in state["assetPositions"]]
    if "crossMarginSummary" not in state:
        raise MarginError("crossMarginSummary: the field is missing; give the export whole")
    equity = _number(state["crossMarginSummary"], "accountValue")
    free = equity - sum(leg.unrealized_pnl for leg in legs if leg.own is None)
    return _export(_book("hyperliquid", _day(state, "time")), legs, free, given)


def _hyperliquid_leg(row: Row) -> _Leg:
    """Read one position of Hyperliquid: the margin follows from `rawUsd`, its cash; `marginUsed` has profit in it."""
    size, entry = _number(row, "szi"), _number(row, "entryPx")
    leverage, rate = row["leverage"], 0.5 / _number(row, "maxLeverage")
    isolated = leverage["type"] == "isolated"
    return _Leg(
        symbol=row["coin"],
        quantity=size,
        entry_price=entry,
        mark_price=_number(row, "positionValue") / abs(size),
        leverage=_number(leverage, "value"),
        own=_number(leverage, "rawUsd") + size * entry if isolated else None,
        shown=_price(row, "liquidationPx"),
        rate=rate,
        fits=lambda table: isclose(table.rates[0], rate),
    )


def _dydx(rows: Sequence[Row], found: Sequence[Row], given: _Given) -> Export:
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
    held = row["assetPositions"].get("USDC")
    return _number(held, "size") * (-1 if held.get("side") == "SHORT" else 1) if held else 0.0


def _dydx_legs(row: Row, markets: Mapping[str, Row]) -> list[_Leg]:
    """Read the positions of a subaccount of dYdX, which shows no liquidation price."""
    held = [each for each in row["openPerpetualPositions"].values() if _number(each, "size")]
    child = _number(row, "subaccountNumber", default=0.0) >= _CHILD
    if child and len(held) > 1:
        raise wrong("subaccountNumber", row["subaccountNumber"], f"it backs {len(held)} positions; give it alone, as 0")
    legs = []
    for each in held:
        size = abs(_number(each, "size")) * (-1 if each.get("side") == "SHORT" else 1)
        entry = _number(each, "entryPrice")
        mark = entry + _number(each, "unrealizedPnl") / size
        initial, rate = _fractions(row, markets.get(each["market"]), len(held))
        leg = _Leg(
            symbol=each["market"],
            quantity=size,
            entry_price=entry,
            mark_price=mark,
            leverage=1 / initial,
            own=_cash(row) + size * entry if child else None,
            shown=nan,
            rate=rate,
        )
        legs.append(leg)
    return legs


def _fractions(row: Row, known: Row | None, held: int) -> tuple[float, float | None]:
    """Return the initial and maintenance fraction: as the markets say, or as what is free beside one position says."""
    if known:
        return _number(known, "initialMarginFraction"), _number(known, "maintenanceMarginFraction")
    if held > 1:
        return 1.0, None
    equity = _number(row, "equity")
    initial = (equity - _number(row, "freeCollateral")) / abs(equity - _cash(row))
    tiers = [table.tiers[0] for table in _book("dydx_v4").schedules.values()]
    rates = {
        tier.maintenance_margin_rate for tier in tiers if isclose(tier.initial_margin_rate, initial, rel_tol=_CLOSE)
    }
    return initial, rates.pop() if len(rates) == 1 else None


_READERS: Mapping[tuple[str, ...], Callable[[Sequence[Row], Sequence[Row], _Given], Export]] = MappingProxyType(
    {
        ("positionAmt", "symbol"): _binance,
        ("size", "side", "symbol", "leverage"): _bybit,
        ("pos", "instId", "avgPx"): _okx,
        ("assetPositions", "marginSummary"): _hyperliquid,
        ("openPerpetualPositions", "assetPositions"): _dydx,
    }
)
_KNOWN = "Binance positionRisk, Bybit position list, OKX positions, Hyperliquid clearinghouseState, dYdX subaccounts"
