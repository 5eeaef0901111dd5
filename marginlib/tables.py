"""Tables as pandas DataFrames: positions in and out, risk, prices, tiers, ledgers, odds; `show` puts one on the page.

A frame holds numbers as numbers. The unit stands in brackets at the end of a column's name, and `show` writes the
column by it:

    [$]       an amount of dollars            $9,500.00
    [$/coin]  a price                         54,216.87; 0.1234
    [share]   a fraction, such as a rate      0.4 %
    [move]    a fraction with its sign        -9.6 %
    [x]       a leverage                      10x

What is missing is None or NaN in the frame, and reads "none": the liquidation price of a pool that none liquidates.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import partial
from itertools import starmap
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame
from pandas.io.formats.style import Styler

from marginlib.errors import MarginError, at_least_zero, finite, positive, unknown, wrong
from marginlib.liquidation import bankruptcy_price, liquidation_price
from marginlib.margin import account_risk, available_balance, risk
from marginlib.market import Crash, MarkPrices, Rules, Snapshot, replay
from marginlib.market.desk import Score, Session
from marginlib.model import Account, MarginMode, Pool, Position
from marginlib.odds.decision import GOALS, Decision, Trial, chance_text, leg_text
from marginlib.odds.estimates import Estimate, Odds
from marginlib.practice.progress import Attempt, Progress
from marginlib.tiers import RiskSchedule
from marginlib.venues import Leftover, Rulebook, rulebook
from marginlib.venues import rulebooks as recorded
from marginlib.words import decimals, money, percent, text_html

__all__ = [
    "Shown",
    "along",
    "book",
    "coins",
    "decisions",
    "desk",
    "each",
    "estimates",
    "facts",
    "key_figures",
    "ledger",
    "liquidations",
    "modes",
    "move",
    "not_expressed",
    "odds",
    "pools",
    "positions",
    "prices",
    "progress",
    "rulebooks",
    "runs",
    "scores",
    "session",
    "share",
    "show",
    "show_table",
    "tiers",
    "trials",
]

Format = str | Callable[[Any], str]

_LEFT = '<span style="display:block;text-align:left">{}</span>'
# The rows' names stay in sight in a table that is scrolled, and hide what passes below them.
_STUCK = 'style="position:sticky;left:0;background:var(--jp-layout-color0,Canvas)"'
_UNIT = re.compile(r" \[(\$|\$/coin|share|move|x)\]$")
_NEEDED = ("symbol", "quantity", "entry_price")
_CLOSED = {
    "mark [$/coin]": "mark_price",
    "settled at [$/coin]": "price",
    "fund pays [$]": "fund_paid",
    "others go without [$]": "deleveraged",
}
_UNITS = {  # of the columns of a table of positions
    "symbol": "",
    "quantity": "coins, + long, - short",
    "entry_price": "quote currency per coin",
    "mark_price": "quote currency per coin",
    "leverage": "1",
    "margin_mode": "",
    "isolated_margin": "quote currency",
    "maintenance_margin_rate": "1",
    "maintenance_amount": "quote currency",
}
_GIVE = "give the first three of, and any other of"


@dataclass(frozen=True)
class Shown:
    """A frame as it is read: HTML with headings that a screen reader follows, or aligned text.

    Args:
        frame: the numbers; the index names the rows.
        style: the same as a pandas Styler, for `to_excel` or `to_latex`.
        texts: headings and rows as they are written.
        caption: what the table is, in a few words.
    """

    frame: DataFrame
    style: Styler
    texts: tuple[tuple[str, ...], ...]
    caption: str

    def _repr_html_(self) -> str:
        """Return the table with its caption and the scope of each heading."""
        html: str = self.style.to_html(exclude_styles=True)  # bare: no ids that change, no classes
        head, body = html.split("<tbody>")
        head = head.replace("<th >", f'<th scope="col" {_STUCK}>', 1).replace("<th >", '<th scope="col">')
        return head + "<tbody>" + body.replace("<th >", f'<th scope="row" {_STUCK}>')

    def __repr__(self) -> str:
        """Return the table as aligned text, the same every time."""
        widths = [max(map(len, column)) for column in zip(*self.texts, strict=True)]
        ways = [str.ljust if starts else str.rjust for starts in (True, *_words(self.style.data))]
        rows = (zip(ways, texts, widths, strict=True) for texts in self.texts)
        lines = ["  ".join(way(text, width) for way, text, width in row) for row in rows]
        return "\n".join([self.caption] * bool(self.caption) + [line.rstrip() for line in lines])


def show(
    data: Any,  # noqa: ANN401 - whatever makes a DataFrame
    caption: str = "",
    *,
    digits: int = 2,
    formats: Mapping[str, Format] | None = None,
) -> Shown:
    """Return a table to end a cell with; its columns are written by their units (see the top of this module).

    Args:
        data: a DataFrame, or what makes one: a list of rows as dictionaries, a dictionary of columns. The first column
            names the rows, unless the frame has an index of its own.
        caption: what the table is, in a few words.
        digits: how many follow the point of amounts and prices.
        formats: by column, another way to write it: a template such as "{:.2%}", or a function.

    Example:
        >>> show([{"setting [x]": 2, "margin [$]": 3_000.0, "liquidated at [$/coin]": None},
        ...       {"setting [x]": 10, "margin [$]": 600.0, "liquidated at [$/coin]": 54_216.867}], "0.1 BTC", digits=0)
        0.1 BTC
        setting  margin  liquidated at
        2x       $3,000           none
        10x        $600         54,217
    """
    held = DataFrame(data)
    held = held.reset_index() if isinstance(held.index, pd.MultiIndex) else held
    if isinstance(held.index, pd.RangeIndex) and held.index.name is None and len(held.columns) > 1:
        held = held.set_axis(pd.Index(held.iloc[:, 0], name=held.columns[0])).iloc[:, 1:]
    frame = _with_errors(held, digits)
    names = [str(frame.index.name or ""), *map(str, frame.columns)]
    ways = [(formats or {}).get(name, _by_unit(name, digits)) for name in names]
    columns = [frame.index, *(frame.iloc[:, k] for k in range(len(frame.columns)))]
    cells = [[_text(value, way) for value in column] for column, way in zip(columns, ways, strict=True)]
    headings = [_UNIT.sub("", name) for name in names]
    written = {name: partial(_cell, way) for name, way in zip(frame.columns, ways[1:], strict=True)}
    style = frame.rename_axis(index=None, columns=_LEFT.format(text_html(headings[0]))).style.format(written)
    style.format_index(lambda value: _LEFT.format(_html(_text(value, ways[0]))))
    heads = [_LEFT if words else "{}" for words in _words(frame)]
    named = (head.format(text_html(name)) for head, name in zip(heads, headings[1:], strict=True))
    style.format_index(dict(zip(frame.columns, named, strict=True)).get, axis="columns")
    style.set_caption(text_html(caption))
    return Shown(held, style, (tuple(headings), *zip(*cells, strict=True)), caption)


def move(price: float | None, start: float) -> float | None:
    """Return how far a price is from another [1]; None where there is no such price.

    Args:
        price: such as a liquidation price [quote currency per base coin].
        start: where the way to it begins [quote currency per base coin].

    Example:
        >>> move(45_000, 60_000), move(None, 60_000)
        (-0.25, None)
    """
    return None if price is None else price / positive("start", start) - 1


def coins(dollars: float, price: float) -> float:
    """Return how many coins an amount of dollars buys [base coin].

    Args:
        dollars: the amount, with its sign [quote currency].
        price: of one coin [quote currency per base coin].

    Example:
        >>> coins(6_000, 60_000)
        0.1
    """
    return finite("dollars", dollars) / positive("price", price)


def share(part: float | None, whole: float) -> float | None:
    """Return how much a part is of a whole [1]; None where there is no such part.

    Args:
        part: such as what is lost [quote currency].
        whole: what it is compared with, such as the margin [quote currency].

    Example:
        >>> share(482, 500)
        0.964
    """
    if finite("whole", whole) == 0:
        raise wrong("whole", whole, "give what the part is a part of, not 0")
    return None if part is None else part / whole


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Shown:
    """Return rows of texts as a table: what notebooks of before called; new ones give numbers to `show`.

    Args:
        columns: the headings.
        rows: the cells, as many in each row as there are headings.

    Raises:
        MarginError: a row has more or fewer cells than there are headings.
    """
    texts = [list(map(str, row)) for row in rows]
    for number, row in enumerate(texts, start=1):
        if len(row) != len(columns):
            raise MarginError(f"rows, number {number}: {len(row)} cells: give {len(columns)}, one for each heading")
    return show(DataFrame(texts, columns=list(columns)))


class _Number(str):
    """A number with its error, as it is written: it stands where numbers stand."""

    __slots__ = ()


def _with_errors(frame: DataFrame, digits: int) -> DataFrame:
    """Return the frame with each standard error, a column "\u00b1 name", written behind the number that it is of."""
    shown, kept = frame.copy(), list[int]()
    for k, name in enumerate(map(str, frame.columns)):
        if name.startswith("\u00b1 "):
            pairs = zip(frame.iloc[:, kept[-1]], frame.iloc[:, k], strict=True)
            texts = [_number(name, *pair, digits) for pair in pairs]
            shown.isetitem(kept[-1], pd.Series(texts, frame.index, object))
        else:
            kept.append(k)
    return shown.iloc[:, kept]


def _number(name: str, value: float, error: float, digits: int) -> _Number:
    """Return a number with its error as text; a probability as a bound where it never or always happened."""
    if pd.isna(value):
        return _Number("none")
    if name.endswith("[share]"):
        return _Number(chance_text(Estimate(value, error, 0)))
    texts = (_text(each, _by_unit(name, digits)) for each in (value, error))
    return _Number(" \u00b1 ".join(texts).replace("\u00b1 $", "\u00b1 "))


def _by_unit(name: str, digits: int) -> Format:
    """Return how a column of this name is written."""
    unit = _UNIT.search(name)
    ways: dict[str, Format] = {
        "$": lambda amount: money(amount, digits),
        # Of a price below 1 as many digits count as of one that has two before the point.
        "$/coin": lambda price: decimals(price, digits + (0 < price < 1 and min(9, 1 - floor(log10(price))))),
        "share": lambda share: "below 0.05 %" if 0 < share < 0.0005 else f"{share:,.1%}",  # noqa: PLR2004 - reads "0.0 %"
        "move": percent,
        "x": lambda times: f"{times:.2f}".rstrip("0").rstrip(".") + "x",
    }
    return ways[unit[1]] if unit else ""


def _text(value: Any, way: Format) -> str:  # noqa: ANN401
    """Return one cell as text."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return "none" if pd.isna(value) else str(pd.Timestamp(value))[:16]
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not isfinite(value)):
        return "none"
    if isinstance(value, str) or not (way or isinstance(value, int | float | np.number)):
        return str(value)
    written = way(value) if callable(way) else (way or "{:,.10g}").format(value)
    written = re.sub(r"(?<=\d)%", " %", written.replace("$-", "-$"))  # as everywhere in the course
    return re.sub(r"^[-+](?=[0.]+ %$)", "", written)


def _words(frame: DataFrame) -> list[bool]:
    """Return for each column whether it has a word in it, and so begins at the left."""
    return [any(map(_is_word, frame.iloc[:, k])) for k in range(len(frame.columns))]


def _is_word(value: object) -> bool:
    """Return whether a cell holds a word and no number."""
    return isinstance(value, str | Enum) and not isinstance(value, _Number)


def _html(text: str) -> str:
    """Return text as HTML in which a path or a name of a program may be broken: a table on a phone has no room."""
    return re.sub(r"(?<=[A-Za-z][/_])(?=[A-Za-z])|(?<=[a-z]{2})(?=[A-Z][a-z])", "<wbr>", text_html(text))


def _cell(way: Format, value: Any) -> str:  # noqa: ANN401
    """Return one cell as HTML: numbers stand at the right, words at the left; a number or a date is not broken."""
    text = _html(_text(value, way))
    return _LEFT.format(text) if _is_word(value) else text.replace(" ", "\u00a0").replace("\u00a0\u00b1", " \u00b1")


def positions(source: DataFrame | str | Path, rules: Rulebook | float | None = None) -> tuple[Position, ...]:
    """Return the positions of a table, one a row: a DataFrame, or a CSV file of the same columns.

    `symbol`, `quantity` (+ long, - short) and `entry_price` must be there. `mark_price` [quote currency per coin],
    `leverage` [1], `margin_mode` ("cross" or "isolated") and `isolated_margin` [quote currency] may be: left out, or
    empty in a row, the mark is the entry price, the leverage 1, the mode cross, and an isolated position has its
    initial margin set aside. `maintenance_margin_rate` [1] and `maintenance_amount` [quote currency] are a row's own.

    Args:
        source: the table, or where the CSV file is.
        rules: a rulebook, or one flat maintenance margin rate [1], for rows without a rate of their own.

    Raises:
        MarginError: a column is missing or not known, or a cell does not hold what it should; the message names row
            (1 for the first under the headings) and column.

    Example:
        >>> table = DataFrame({"symbol": ["BTCUSDT", "ETHUSDT"], "quantity": [0.1, -2], "entry_price": [60_000, 3_000]})
        >>> [each.notional for each in positions(table, 0.004)]
        [6000.0, 6000.0]
    """
    table, where = (source, "") if isinstance(source, DataFrame) else (pd.read_csv(source), f"{Path(source).name}, ")
    for column in [*_NEEDED, *table.columns]:
        if column not in table.columns:
            there = ", ".join(map(str, table.columns)) or "no column"
            raise MarginError(f"{where}column {column} is missing, there is {there}: {_GIVE} {', '.join(_UNITS)}")
        if column not in _UNITS:
            raise unknown(f"{where}column", column, _UNITS, _GIVE)
    found = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        try:
            found.append(_position({name: _given(name, value) for name, value in row.items()}, rules))
        except MarginError as error:
            raise type(error)(f"{where}row {number}, {error}") from None
    return tuple(found)


def _given(name: str, value: Any) -> Any:  # noqa: ANN401
    """Return a cell of a table of positions as the engine takes it, None for an empty one."""
    if pd.isna(value):
        if name in _NEEDED:
            raise wrong(name, None, "fill the cell")
        return None
    try:
        if name == "margin_mode":
            return value if isinstance(value, MarginMode) else MarginMode(str(value).strip().lower())
        return str(value) if name == "symbol" else float(value)
    except (TypeError, ValueError):
        raise wrong(name, value, f"give {'cross or isolated' if name == 'margin_mode' else 'a number'}") from None


def _position(row: Mapping[str, Any], rules: Rulebook | float | None) -> Position:
    """Return the position of one row."""
    given = {name: value for name, value in row.items() if value is not None}
    symbol, quantity, entry = (given.pop(name) for name in _NEEDED)
    mode, own = given.pop("margin_mode", MarginMode.CROSS), given.pop("isolated_margin", None)
    laws = rules if isinstance(rules, Rulebook) else Rulebook(venue="", date="", source="", schedules={})
    rate = given.pop("maintenance_margin_rate", None if isinstance(rules, Rulebook) else rules)
    amount = given.pop("maintenance_amount", None)
    if rate is not None:
        given["schedule"] = RiskSchedule.flat(rate, maintenance_amount=amount or 0.0)
    elif rules is None or amount is not None:
        raise MarginError("maintenance_margin_rate = None: fill the cell, or give rules")
    made = laws.position(symbol, quantity, entry, **given)
    return laws.isolate(made, own) if mode is MarginMode.ISOLATED else replace(made, isolated_margin=own)


def book(held: Sequence[Position], rules: Rulebook | None = None) -> DataFrame:
    """Return positions as the table that `positions` reads; `attrs["units"]` has the unit of each column.

    Args:
        held: the positions.
        rules: the rulebook that they follow, to be given again when the table is read. Without it a flat maintenance
            margin rate goes along with each position, and longer schedules are lost.

    Example:
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=8)
        >>> positions(book([btc.isolated(900)])) == (btc.isolated(900),)
        True
    """
    frame = DataFrame([{name: getattr(each, name, None) for name in _UNITS} for each in held], columns=list(_UNITS))
    frame["margin_mode"] = [each.margin_mode.value for each in held]
    flat = [each.schedule if rules is None and len(each.schedule.tiers) == 1 else None for each in held]
    frame["maintenance_margin_rate"] = [each and each.rates[0] for each in flat]
    frame["maintenance_amount"] = [each and each.amounts[0] for each in flat]
    frame.attrs["units"] = _UNITS
    return frame


def pools(held: Account | Iterable[Pool]) -> DataFrame:
    """Return what each pool has and needs, one a row: the cross pool first, then each isolated position's own.

    Args:
        held: an account, or some pools.

    Example:
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=8)
        >>> show(pools(Account(wallet_balance=1_000, positions=(btc,)))[["equity [$]", "health"]], digits=0)
        backs  equity  health
        BTC    $1,000  healthy
    """
    found = list(held.pools() if isinstance(held, Account) else held)
    rows = [
        {
            "collateral [$]": pool.collateral,
            "equity [$]": now.equity,
            "notional [$]": now.notional,
            "initial margin [$]": now.initial,
            "maintenance margin [$]": now.maintenance,
            "available [$]": now.available,
            "margin ratio [share]": now.margin_ratio,
            "effective leverage [x]": now.effective_leverage,
            "health": now.health.value,
        }
        for pool, now in zip(found, map(risk, found), strict=True)
    ]
    return DataFrame(rows, pd.Index([" + ".join(pool.symbols) or "no position" for pool in found], name="backs"))


def each(label: str, found: Mapping[Any, Pool | Account], symbol: str | None = None) -> DataFrame:
    """Return what each of some pools has and needs, and where one of its positions is liquidated, one pool a row.

    Args:
        label: what the names are, such as "setting [x]".
        found: the pools by name; of an account, the pool that backs the symbol, or an empty one if all is closed.
        symbol: whose price it is; left out, the first position's.

    Raises:
        UnknownNameError: a pool or an account has no position of the symbol.

    Example:
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> behind = {dollars: Pool(collateral=dollars, positions=(btc,)) for dollars in (600, 6_000)}
        >>> show(each("behind it [$]", behind)[["effective leverage [x]", "after [move]"]], digits=0)
        behind it  effective leverage   after
        $600                      10x  -9.6 %
        $6,000                     1x    none
    """
    backs, rows = list[Pool](), list[dict[str, float | None]]()
    for held in found.values():
        marks = {position.symbol: position.mark_price for position in held.positions}
        if not marks and isinstance(held, Account):
            backs.append(Pool(collateral=0))
            rows.append({})
            continue
        name = symbol or next(iter(marks), "")
        if name not in marks:
            raise unknown("symbol", name, marks or ["none, for there is no position"])
        backs += [pool for pool in (held.pools() if isinstance(held, Account) else [held]) if name in pool.symbols][:1]
        price = liquidation_price(backs[-1], name)
        rows.append({"liquidated at [$/coin]": price, "after [move]": move(price, marks[name])})
    names = pd.Index(list(found), name=label)
    ends = DataFrame(rows, names, ["liquidated at [$/coin]", "after [move]"], dtype=float)
    return pd.concat([pools(backs).set_axis(names), ends], axis=1)


def modes(label: str, found: Mapping[Any, Position], wallet: float) -> DataFrame:
    """Return each of some positions, alone in an account, in both modes: what it needs, and where it is liquidated.

    Args:
        label: what the names are, such as "setting [x]".
        found: the positions by name.
        wallet: what the account has [quote currency].

    Example:
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=8)
        >>> show(modes("who", {"Anna": btc}, 3_000)[["cross: away [move]", "isolated: away [move]"]])
        who   cross: away  isolated: away
        Anna      -49.8 %         -12.1 %
    """
    held = [Account(wallet_balance=wallet, positions=(position.cross(),)) for position in found.values()]
    needs = pools(pool for account in held for pool in account.pools())
    ends = DataFrame([row for account in held for row in prices(account).to_dict("records")])
    names = pd.Index(list(found), name=label)
    return pd.concat([needs.set_axis(names), ends.set_axis(names)], axis=1)


def prices(held: Account, rules: Rulebook | None = None) -> DataFrame:
    """Return where each position is liquidated in both modes, all of them cross and each of them isolated.

    Each price holds while the other marks stand still. An isolated position has its own isolated margin, or else its
    initial margin.

    Args:
        held: the account.
        rules: the rulebook that says what isolating sets aside, where it is not entry notional / leverage.

    Example:
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=8)
        >>> show(prices(Account(wallet_balance=10_000, positions=(btc,))), digits=0)
        symbol    mark  cross  cross: away  cross: bankrupt  isolated  isolated: away  isolated: bankrupt
        BTC     60,000   none         none             none    52,711         -12.1 %              52,500
    """
    shared, *_ = held.after(positions=[each.cross() for each in held.positions]).pools()
    rows = []
    for each in held.positions:
        own = each.isolated_margin
        alone = each.isolated(own) if rules is None else rules.isolate(each.cross(), own)
        row: dict[str, object] = {"mark [$/coin]": each.mark_price}
        for mode, pool in (("cross", shared), ("isolated", alone.pool)):
            price = liquidation_price(pool, each.symbol)
            row |= {
                f"{mode} [$/coin]": price,
                f"{mode}: away [move]": move(price, each.mark_price),
                f"{mode}: bankrupt [$/coin]": bankruptcy_price(pool, each.symbol),
            }
        rows.append(row)
    return DataFrame(rows, pd.Index([each.symbol for each in held.positions], name="symbol"))


def along(held: Account, moves: Mapping[str, Sequence[float]]) -> DataFrame:
    """Return who lives and what the account has along some moves: all its positions in cross, and all isolated.

    A pool that is not healthy is closed at these prices, whole and without a fee; what it leaves stays in the account.

    Args:
        held: the account; an isolated position has its own isolated margin, or else its initial margin.
        moves: of each symbol its moves, each counted from the account's mark price [1]; as many for each symbol.

    Raises:
        MarginError: other symbols than those held, none or unlike numbers of moves, or the account cannot be held so.

    Example:
        >>> btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.004), leverage=10)
        >>> show(along(Account(wallet_balance=40, positions=(btc,)), {"BTC": [-0.2, 0.1]}), digits=0)
        step      BTC  cross: alive  cross: has  isolated: alive  isolated: has
        1     -20.0 %  BTC                  $20  nobody                     $30
        2     +10.0 %  BTC                  $50  nobody                     $30
    """
    marks = {each.symbol: each.mark_price for each in held.positions}
    count, *others = {len(each) for each in moves.values()} or {0}
    if set(moves) != set(marks) or others or not count:
        raise wrong("moves", dict(moves), f"give as many of each of {', '.join(marks) or 'no symbol'}, one at least")
    steps = DataFrame(dict(moves), index=pd.RangeIndex(1, count + 1, name="step"))
    events = [MarkPrices(prices={s: marks[s] * (1 + up) for s, up in row.items()}) for row in steps.to_dict("records")]
    frame, rules = steps.rename(columns="{} [move]".format), Rules(leftover=Leftover.RETURNED)
    isolated = [each if each.own_margin else each.isolated() for each in held.positions]
    for mode, legs in {"cross": [each.cross() for each in held.positions], "isolated": isolated}.items():
        _, *states = replay(held.after(positions=legs), events, rules)
        frame[f"{mode}: alive"] = [" ".join(p.symbol for p in now.account.positions) or "nobody" for now in states]
        frame[f"{mode}: has [$]"] = [account_risk(now.account).equity for now in states]
    return frame.rename(columns=lambda name: name.replace("USDT", "")).replace("USDT", "", regex=True)


def desk(held: Account) -> DataFrame:
    """Return what a trader watches: each position with its pool and how far its liquidation is, then what is free.

    Args:
        held: the account; the liquidation price of a cross position holds while the other prices stand still.
    """
    rows: list[Mapping[str, object]] = []
    for pool in held.pools():
        now = risk(pool)
        for each in pool.positions:
            price = liquidation_price(pool, each.symbol)
            row = {
                "position": leg_text(each),
                "mode": each.margin_mode.value,
                "notional [$]": each.notional,
                "equity [$]": now.equity,
                "maintenance [$]": now.maintenance,
                "margin ratio [share]": now.margin_ratio,
                "liquidation [$/coin]": price,
                "away [move]": move(price, each.mark_price),
            }
            rows.append(row)
    rows.append({"position": "free to use", "mode": "", "equity [$]": available_balance(held)})
    return DataFrame(rows).set_index("position")


def tiers(schedule: RiskSchedule) -> DataFrame:
    """Return the tiers of a schedule, one a row; above its floor a tier asks `notional x rate - amount`.

    Args:
        schedule: the risk tiers.

    Example:
        >>> table = [(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50)]
        >>> show(tiers(RiskSchedule.from_brackets(table)), digits=0)
        tier  notional above   rate  largest leverage  amount
        1                 $0  0.4 %              125x      $0
        2            $50,000  0.5 %              100x     $50
    """
    columns = {
        "notional above [$]": schedule.floors,
        "rate [share]": schedule.rates,
        "largest leverage [x]": [tier.leverage_limit for tier in schedule.tiers],
        "amount [$]": schedule.amounts,
    }
    return DataFrame(columns, index=pd.RangeIndex(1, len(schedule.tiers) + 1, name="tier"))


def rulebooks(books: Iterable[Rulebook]) -> DataFrame:
    """Return rulebooks side by side, one a row: each of their terms in a column.

    Args:
        books: the rulebooks.
    """
    rows = {}
    for each in books:
        names = [field.name for field in fields(each) if field.name not in {"name", "words", "contracts", "facts"}]
        terms = {name: getattr(each, name) for name in names}
        terms |= {"isolated_basis": each.isolated_basis or each.maintenance_basis, "schedules": len(each.schedules)}
        terms |= {"contract": each.contract.name.lower(), "liquidation": each.liquidation.get("policy")}
        rows[each.name] = {name.replace("_", " "): getattr(term, "value", term) for name, term in terms.items()}
    return DataFrame.from_dict(rows, orient="index").rename_axis("rulebook")


def facts(books: Iterable[Rulebook] | None = None, *, today: date | None = None) -> DataFrame:
    """Return where each term of some rulebooks comes from, one row a term.

    Args:
        books: the rulebooks; left out, all that are recorded.
        today: the day from which a year is counted back; left out, the day of the clock.
    """
    since = (today or datetime.now(tz=UTC).date()) - timedelta(days=365)
    rows = [
        {
            "rulebook": f"{book.venue} {book.date}",
            "term": each.term,
            "kind": each.kind.value,
            "read": each.read,
            "over a year ago": each.read_on < since,
            "source": each.source,
        }
        for book in (starmap(rulebook, recorded()) if books is None else books)
        for each in book.facts
    ]
    return DataFrame(rows)


def not_expressed() -> DataFrame:
    """Return the venues whose rules no rulebook here can say, one a row, each with the reason."""
    path = Path(__file__).parent / "data" / "not_expressed.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    return DataFrame(said.items(), columns=["venue", "why not"]).set_index("venue")


def ledger(states: Iterable[Snapshot]) -> DataFrame:
    """Return a replay as a ledger, one row an event: where the money went, added up since the start.

        deposits - withdrawals + fund at start = wallet + fees + funding + insurance fund + counterparties

    Args:
        states: what `replay`, `crash_replay` or a desk's session gave.
    """
    rows = []
    for state in states:
        event = "Start" if state.event is None else type(state.event).__name__
        row = {
            "time": state.time,
            "event": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event).lower(),
            "liquidated": ", ".join(each.symbol for each in state.liquidations),
            "wallet [$]": state.account.wallet_balance,
            "equity [$]": account_risk(state.account).equity,
        }
        rows.append(row | {f"{name.replace('_', ' ')} [$]": sum_ for name, sum_ in asdict(state.ledger).items()})
    return DataFrame(rows).rename_axis("step")


def liquidations(states: Iterable[Snapshot]) -> DataFrame:
    """Return what a replay closed by force, one row a position, in order; one row "nothing" where it closed none.

    Args:
        states: what `replay`, `crash_replay` or a desk's session gave.
    """
    rows: list[dict[str, object]] = []
    for state in states:
        left = account_risk(state.account).equity
        for each in state.liquidations:
            gets = each.fee + each.kept
            lost = gets - each.realized_pnl - each.fund_paid - each.deleveraged
            row = {"liquidated": each.symbol, "time": state.time}
            row |= {name: getattr(each, attribute) for name, attribute in _CLOSED.items()}
            rows.append(row | {"fund gets [$]": gets, "you lose [$]": lost, "account has then [$]": left})
    frame = DataFrame(rows or [{"liquidated": "nothing"}]).set_index("liquidated")
    return frame.dropna(axis="columns", how="all")  # a path without times has none


def runs(found: Mapping[str, Iterable[Snapshot]]) -> DataFrame:
    """Return how replays ended, one a row: the equity at the start, at its lowest and at the end, and who was closed.

    Args:
        found: replays by name, such as that of each margin mode.
    """
    rows = {}
    for name, states in ((name, list(states)) for name, states in found.items()):
        equity = ledger(states)["equity [$]"]
        told = {"starts with [$]": equity.iloc[0], "at its lowest [$]": equity.min(), "ends with [$]": equity.iloc[-1]}
        closed = [each.closed for state in states for each in state.liquidations]
        held = {(each.symbol, each.quantity > 0) for state in states for each in state.account.positions}
        sides = Counter(symbol for symbol, _ in held | {(each.symbol, each.quantity > 0) for each in closed})
        names = (leg_text(each) if sides[each.symbol] > 1 else each.symbol for each in closed)
        rows[name] = told | {"liquidated": ", ".join(names) or "nothing"}
    return DataFrame.from_dict(rows, orient="index").rename_axis("account")


def key_figures(crash: Crash) -> DataFrame:
    """Return the recorded figures of an event, one a row.

    Args:
        crash: the event, such as `marginlib.market.crash("ftx-2022")`.
    """
    parts = [
        DataFrame({"symbol": symbol, "time": each.times, "kind": each.kinds, "mark price [$/coin]": each.mark_prices})
        for symbol, each in crash.figures.items()
    ]
    return pd.concat(parts).set_index("symbol")


def session(played: Session, points: int | None = None) -> DataFrame:
    """Return a session at a desk, one row a decision point: what is there, what is ordered, what is refused; the end.

    Args:
        played: the session.
        points: how many points to show; left out, all of them and the end.
    """
    rows: list[dict[str, object]] = []
    for stop in played.stops if points is None else played.stops[: int(at_least_zero("points", points))]:
        held = stop.before.account
        asked = {"order": ", ".join(map(str, stop.orders)), "refused": "; ".join(stop.refused)}
        rows.append({"point": str(stop.number), "UTC": stop.time} | _watched(held) | asked)
    last = played.states[-1]
    end = {"point": "end", "UTC": last.time} | _watched(last.account) | {"order": "", "refused": ""}
    rows += [end] if points is None or points > len(rows) else []
    return DataFrame(rows, columns=list(end)).set_index("point")


def _watched(held: Account) -> dict[str, object]:
    """Return what a trader watches first: what the account holds, and how far the nearest liquidation is."""
    seen = desk(held)
    away = seen.get("away [move]", pd.Series(dtype=float)).dropna()
    nearest = away.loc[away.abs().idxmin()] if len(away) else None
    open_now = ", ".join(each.symbol for each in held.positions) or "nothing"
    return {
        "open": open_now,
        "equity [$]": account_risk(held).equity,
        "free [$]": available_balance(held),
        "nearest liquidation [move]": nearest,
    }


def scores(found: Mapping[str, Score]) -> DataFrame:
    """Return what sessions at a desk came to, one a row: `end - start = prices - fees - funding - taken`.

    Args:
        found: scores by name, as `compare_scores` gives them.
    """
    frame = DataFrame.from_dict({name: asdict(each) for name, each in found.items()}, orient="index")
    frame["liquidated"] = [", ".join(each.liquidated) or "none" for each in found.values()]
    return frame.rename(columns=lambda name: name if name == "liquidated" else f"{name} [$]").rename_axis("session")


def odds(found: Mapping[str, Odds]) -> DataFrame:
    """Return odds by name, each number followed by its standard error in a column of its own.

    Args:
        found: odds by name, as `marginlib.odds.compare` gives them.
    """
    columns: dict[str, list[Estimate | None]] = {
        "liquidation [share]": [each.liquidation for each in found.values()],
        "loss if liquidated [$]": [each.loss_if_liquidated for each in found.values()],
        "average left [$]": [each.final_equity.mean for each in found.values()],
        "deficit [$]": [each.deficit for each in found.values()],
    }
    return estimates(columns, pd.Index(found, name="account"))


def estimates(columns: Mapping[str, Iterable[Estimate | None]], index: Iterable[object] | None = None) -> DataFrame:
    """Return simulated numbers, each column followed by one of their standard errors, "\u00b1" before its name.

    Args:
        columns: estimates by name; None where there is none.
        index: names of the rows.
    """
    split = {}
    for name, values in columns.items():
        known = list(values)
        split[name] = [None if each is None else each.value for each in known]
        split[f"\u00b1 {name}"] = [None if each is None else each.standard_error for each in known]
    return DataFrame(split, index=index)


def decisions(found: Decision) -> DataFrame:
    """Return the partitions of a book against its limit on loss, each number followed by its standard error.

    Args:
        found: what `marginlib.odds.decide` gave.
    """
    columns = {
        "any liquidation [share]": [each.liquidation for each in found.prospects],
        f"loses more than {100 * found.limit.loss:g} % [share]": [each.over for each in found.prospects],
        "median loss [$]": [each.median_loss for each in found.prospects],
        "average of the worst 5 % [$]": [each.tail_loss for each in found.prospects],
    }
    frame = estimates(columns, pd.Index([each.name for each in found.prospects], name="partition"))
    return frame.assign(limit=[each.meets.value for each in found.prospects])


def trials(found: Iterable[Trial]) -> DataFrame:
    """Return the books on which a rule of thumb was tried, one a row, ready to be grouped and counted.

    Args:
        found: what `marginlib.odds.try_rule` gave.
    """
    names = ("kind", "size", "leverage", "days", "said")
    return DataFrame(
        {name: getattr(each, name) for name in names}
        | {"outcome": each.outcome.value, "why": each.why and each.why.value}
        | {goal: each.by(goal).value for goal in GOALS}
        | {"cross": each.decision.prospects[0].meets.value, "kept": " or ".join(each.decision.chosen)}
        for each in found
    )


def progress(kept: Progress) -> DataFrame:
    """Return every answer of a learner, one a row, oldest first.

    Args:
        kept: what `marginlib.practice.progress.load` gave.
    """
    return DataFrame([asdict(each) for each in kept.attempts], columns=[field.name for field in fields(Attempt)])
