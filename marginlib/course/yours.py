"""What each notebook says, said again of your own trade: a sentence and a table, of what `my_trade` keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf

from pandas import DataFrame

from marginlib import tables
from marginlib.course.exports import coin, named, plain
from marginlib.course.trade import my_account
from marginlib.drawing import static, tank_chart
from marginlib.errors import MarginError, unknown
from marginlib.liquidation import bankruptcy_price, liquidation_price
from marginlib.margin import account_risk, risk
from marginlib.market import Rules, Snapshot, crash_rulebooks, crashes
from marginlib.market.walk import walk
from marginlib.model import Account, Contract, Pool, Position
from marginlib.odds import MARKETS, Diffusion, chance_text, compare, decide
from marginlib.tables import Shown, show
from marginlib.venues import Rulebook, rulebook, rulebooks
from marginlib.words import money, percent, text_html

_STEPS = (0.1, -0.05, -0.1, -0.2, -0.3)
_DAY_RATE = 3 * 0.0001  # funding of a day at the usual 0.01 % every eight hours
_OPEN_FEE = 0.0005
_LEADER = "BTCUSDT"  # recorded in every crash
_PATHS, _DAYS, _SEED = 4_096, 30.0, 1

Restated = tuple[str, DataFrame, str]  # a sentence, a table and its caption


@dataclass(frozen=True)
class Yours:
    """A lesson restated on an account."""

    sentences: tuple[str, ...]  # whose account it is, and what the lesson says of it
    table: Shown  # the numbers
    picture: str = ""  # HTML of a picture, or nothing

    def _repr_html_(self) -> str:
        """Return it for a page."""
        said = "".join(f"<p>{text_html(each)}</p>" for each in self.sentences)
        return f"<section>{said}{self.picture}{self.table._repr_html_()}</section>"

    def __repr__(self) -> str:
        """Return it as text."""
        return "\n".join([*self.sentences, repr(self.table)])


def yours(notebook: str) -> Yours:
    """Return what a notebook says, of your own trade; where none is kept, of the course's example, and it says so.

    Args:
        notebook: its number, "01" to "13".

    Raises:
        MarginError: no such notebook, or the file of your trade cannot be read.
    """
    if notebook not in _LESSONS:
        raise unknown("notebook", notebook, _LESSONS)
    kept, own = my_account()
    account = plain(kept)
    whose = "Your trade." if own else "The course's example: my_trade() in 01 takes a trade of yours."
    try:
        sentence, frame, caption = _LESSONS[notebook](account)
    except MarginError as error:
        sentence, frame, caption = f"This lesson cannot be said of it: {error}.", tables.desk(account), "as it is"
    picture = "" if notebook not in {"01", "13"} else _tanks(account)
    digits = 0 if notebook in {"01", "04", "05", "09", "10", "11"} else 2  # estimated, in all, or many columns
    table = show(frame, caption, digits=digits, formats=dict.fromkeys(frame.filter(like="rate ["), "{:.2%}"))
    return Yours((f"{whose} {_held(account)}", sentence), table, picture)


def _held(account: Account) -> str:
    """Return what an account holds, in words."""
    held = ", ".join(
        f"{money(each.notional, 0)} of {named(each)} ({each.margin_mode.value}, {each.leverage:g}x)"
        for each in account.positions
    )
    return f"Wallet {money(account.wallet_balance, 0)}: {held}."


def _cross(account: Account) -> Account:
    """Return an account with everything in cross: one pool."""
    return account.after(positions=[each.cross() for each in account.positions])


def _own(position: Position) -> Pool:
    """Return a position as a pool of its own, with its isolated margin or else its initial margin."""
    return position.isolated(position.isolated_margin).pool


def _margin(account: Account) -> Restated:
    """01: what decides the risk is what stands behind the size, not the setting."""
    now = account_risk(account)
    leverage = "no equity stands behind it" if now.effective_leverage == inf else f"{now.effective_leverage:.2f}x"
    sentence = (
        f"{money(now.equity, 0)} of equity stand behind {money(now.notional, 0)} of notional: effective leverage "
        f"{leverage}. Maintenance margin is {money(now.maintenance, 0)}."
    )
    return sentence, tables.desk(account).filter(regex="equity|main|ratio|liq").drop("free to use"), "your positions"


@dataclass(frozen=True)
class _Each:
    """A lesson that says something of each position: a sentence, and a column for each number."""

    caption: str
    said: str
    columns: Mapping[str, Callable[[Position, Account], object]]
    held: str = "if isolated"  # how the positions are held, above their names

    def __call__(self, account: Account) -> Restated:
        columns = {self.held: lambda each, _: named(each), **self.columns}
        rows = [{name: column(each, account) for name, column in columns.items()} for each in account.positions]
        return self.said, DataFrame(rows), self.caption


def _ends(each: Position, collateral: float | None = None) -> float | None:
    """Return where a position is liquidated with its own margin, or with another amount behind it."""
    pool = _own(each)
    return liquidation_price(pool if collateral is None else replace(pool, collateral=collateral), each.symbol)


def _shared_end(each: Position, account: Account, moves: Callable[[Position], float]) -> float | None:
    """Return where a position is liquidated with everything in cross, after moves of the coins [1]."""
    (pool,) = _cross(account).pools()
    moved = pool.at({other.symbol: other.mark_price * (1 + moves(other)) for other in pool.positions})
    return liquidation_price(moved, each.symbol)


def backing(account: Account, each: Position) -> Pool:
    """Return the pool that backs a position."""
    return next(pool for pool in account.pools() if any(held is each for held in pool.positions))


def ends_in(account: Account, each: Position) -> float | None:
    """Return where a position of an account is liquidated."""
    return liquidation_price(backing(account, each), each.symbol)


def dragged(account: Account, fall: float) -> DataFrame:
    """Return how far each liquidation price moves when one coin falls, as a share of its own coin's mark price [1]."""
    rows, ends = [], [ends_in(account, each) for each in account.positions]
    for symbol in dict.fromkeys(each.symbol for each in account.positions):
        mark = next(each.mark_price for each in account.positions if each.symbol == symbol)
        after = account.at({symbol: mark * (1 - fall)})
        row: dict[str, object] = {f"{100 * fall:g} % lower": coin(symbol)}
        for old, price, new in zip(account.positions, ends, after.positions, strict=True):
            then = ends_in(after, new)
            row[f"{named(old)} [move]"] = None if price is None or then is None else (then - price) / old.mark_price
        rows.append(row)
    return DataFrame(rows)


def _hundredfold(each: Position) -> Position:
    """Return a hundred times a position, with a hundred times its margin."""
    alone = _own(each).positions[0]
    return replace(alone, quantity=100 * each.quantity, isolated_margin=100 * alone.own_margin)


def _rate(each: Position) -> float:
    """Return the maintenance margin rate of the tier that holds a position [1]."""
    return each.schedule.rates[each.schedule.tier(each.notional)]


def _funding(each: Position) -> float:
    """Return what a position pays in a day at the usual rate [quote currency]."""
    return _DAY_RATE * each.notional * (1 if each.quantity > 0 else -1)


def _left(each: Position) -> float | None:
    """Return what an isolated position still has at its liquidation price [quote currency]."""
    end = _ends(each)
    return None if end is None else risk(_own(each).at({each.symbol: end})).equity


def _along(account: Account) -> Restated:
    """04: the same trades, the same prices, both modes."""
    frame = tables.along(account, {each.symbol: _STEPS for each in account.positions})
    cross, isolated = (money(frame[f"{mode}: has [$]"].iloc[-1], 0) for mode in ("cross", "isolated"))
    sentence = (
        f"If all move by as much and end at {percent(_STEPS[-1])}, cross has {cross} left and isolated {isolated}."
    )
    return sentence, frame[[*[*frame][:1], *frame.filter(like=":")]], "all prices move by as much, step after step"


def _crashes(account: Account) -> Restated:
    """09: the recorded crashes, met with your sizes."""
    sentence = (
        "The same dollars, opened at the first recorded figure of each event; prices between figures are interpolated."
    )
    return sentence, in_crashes(account), "your sizes in the recorded crashes"


def in_crashes(account: Account) -> DataFrame:
    """Return how the recorded crashes end for an account of as many dollars, with the equity that it has now.

    A coin that is not recorded in an event moves as BTC does there, and a column says so.

    Args:
        account: its contracts are called as those of the crashes.
    """
    rows, held = [], {each.symbol: each.mark_price for each in account.positions}
    held |= {each.symbol: each.mark_price for each in account.coins}
    for event in crashes():
        known = [symbol for symbol in event.symbols if symbol in held or symbol == _LEADER]
        moments = list(event.path(known, step="1d").marks())
        first = moments[0][1]
        others = {symbol: mark / first[_LEADER] for symbol, mark in held.items() if symbol not in known}
        path = [
            (when, {**marks, **{name: each * marks[_LEADER] for name, each in others.items()}})
            for when, marks in moments
        ]
        start = Snapshot.start(_opened(account, path[0][1]))
        states = walk(start, path, Rules(book=crash_rulebooks(event.event)[0]))
        gone = ", ".join(coin(each.symbol) for state in states for each in state.liquidations)
        row: dict[str, object] = {"event": event.title, "liquidated": gone or "nobody"}
        row |= {"left at the end [$]": account_risk(states[-1].account).equity}
        rows.append(row | ({"moved as BTC": ", ".join(map(coin, others))} if others else {}))
    return DataFrame(rows).fillna("")


def _opened(account: Account, marks: Mapping[str, float]) -> Account:
    """Return an account of as many dollars just opened at other marks; what was won or lost is in its wallet."""
    held = []
    for each in account.positions:
        mark = marks[each.symbol]
        margin = each.isolated_margin and each.isolated_margin + each.unrealized_pnl
        size = each.quantity * each.mark_price / mark
        held.append(replace(each, quantity=size, entry_price=mark, mark_price=mark, isolated_margin=margin))
    coins = [
        replace(each, amount=each.amount * each.mark_price / marks[each.symbol], mark_price=marks[each.symbol])
        for each in account.coins
    ]
    money_ = account_risk(account).equity - sum(each.value for each in account.coins)
    return Account(wallet_balance=money_, positions=tuple(held), coins=tuple(coins), netting=account.netting)


def assumed(account: Account, volatility: Mapping[str, float] | None = None) -> Diffusion:
    """Return how an account's prices are assumed to move: as measured where that was done, else at 100 % a year.

    Args:
        account: its contracts are called as those that were measured: BTCUSDT, ETHUSDT.
        volatility: yours, by coin, in place of that [1 / sqrt(year)].
    """
    measured, given = MARKETS["2020 to 2026"], volatility or {}
    if strangers := given.keys() - (coins := [*map(coin, account.symbols)]):
        raise unknown("volatility", min(strangers), coins)
    if not given and set(account.symbols) <= set(measured.symbols):
        return measured
    known = {name: given.get(coin(name), measured.volatility.get(name, 1.0)) for name in account.symbols}
    return Diffusion(volatility=known, correlation=0.8)


def drawn(account: Account, market: Diffusion, paths: int) -> str:
    """Return what else is assumed of the paths that are drawn, in words; a lone coin has nothing to move along with."""
    return f"{f'correlation {market.correlation:g}; ' * (len(account.symbols) > 1)}no drift, {paths:,} paths"


def modes(account: Account) -> dict[str, Account]:
    """Return an account as it is, all in cross and, where its wallet has the initial margins, all isolated."""
    held = {"as it is": account, "all cross": _cross(account)}
    with suppress(MarginError):  # they are more than the wallet
        held["all isolated"] = replace(account, positions=tuple(_own(each).positions[0] for each in account.positions))
    return held


def _chances(account: Account) -> Restated:
    """10: how likely, and how bad."""
    market = assumed(account)
    found = compare(modes(account), market, days=_DAYS, paths=_PATHS, seed=_SEED)
    told = ", ".join(f"{name} {chance_text(each.liquidation)}" for name, each in found.items())
    sigma = ", ".join(f"{symbol} {market.volatility[symbol]:.0%}".replace("%", " %") for symbol in account.symbols)
    rest = drawn(account, market, _PATHS)
    said = f"A liquidation within {_DAYS:g} days: {told}. Assumed volatility a year: {sigma}; {rest}."
    return said, tables.odds(found), "your odds"


def _which(account: Account) -> Restated:
    """11: what a limit on loss implies."""
    found = decide(account.wallet_balance, account.positions, assumed(account), days=_DAYS, paths=_PATHS, seed=_SEED)
    kept = " or ".join(found.chosen) or "no partition for sure"
    limit = found.limit
    sentence = (
        f"Under the limit of at most {100 * limit.chance:g} % for losing more than {100 * limit.loss:g} % within "
        f"{_DAYS:g} days, the fewest liquidations: {kept}."
    )
    return sentence, tables.decisions(found).filter(regex="any|more than|limit"), "the partitions of your book"


def _venues(account: Account) -> Restated:
    """12: the same account at other venues."""
    rows = []
    for venue, date in dict(rulebooks()).items():  # the last date of each venue
        book = rulebook(venue, date)
        names = {each.symbol: _named(book, each) for each in account.positions}
        if None in names.values() or book.contract is not Contract.LINEAR:
            continue
        row: dict[str, object] = {"rulebook": book.name}
        with suppress(MarginError):  # a leverage that this venue does not offer: it has no row
            for each in account.positions:
                name, mark = str(names[each.symbol]), each.mark_price
                held = book.position(name, each.quantity, each.entry_price, leverage=each.leverage, mark_price=mark)
                alone = book.isolate(held, _own(each).collateral)
                row[f"{named(each)} if isolated [$/coin]"] = liquidation_price(_own(alone), held.symbol)
            rows.append(row)
    if not rows:
        raise MarginError("no recorded rulebook has all your symbols and offers their leverage")
    said = "The same size and margin under each recorded rulebook that knows your symbols and offers their leverage."
    return said, DataFrame(rows), "venue by venue"


def _named(book: Rulebook, position: Position) -> str | None:
    """Return what a venue calls a position's contract, or None where the venue does not record it."""
    return next((name for name in book.schedules if coin(name) == coin(position.symbol)), None)


def _tanks(account: Account) -> str:
    """Return the account's pools as a picture of tanks, where there is room for them."""
    pools = account.pools()
    if len(pools) > 4 or any(len(each.positions) > 2 for each in pools):  # noqa: PLR2004 - places of a panel, pipes of a tank
        return ""
    html: str = static(tank_chart("your pools as tanks", pools))._repr_mimebundle_()["text/html"]
    return f"{html.split('<figcaption', maxsplit=1)[0]}</figure>"


_LESSONS: dict[str, Callable[[Account], Restated]] = {
    "01": _margin,
    "02": _Each(
        "each position with its own margin",
        "Isolated, no position can lose more than its margin, fees and funding aside.",
        {
            "lost at most [$]": lambda each, _: _own(each).collateral,
            "liquidated at [$/coin]": lambda each, _: _ends(each),
            "with half more margin [$/coin]": lambda each, _: _ends(each, 1.5 * _own(each).collateral),
        },
    ),
    "03": _Each(
        "what 1 % of the other coins does to a liquidation price, all cross",
        "With everything in cross, your other positions move each liquidation price.",
        {
            "liquidated at [$/coin]": lambda each, account: _shared_end(each, account, lambda _: 0.0),
            "others 1 % lower [$/coin]": lambda each, account: _shared_end(
                each, account, lambda other: 0.0 if other.symbol == each.symbol else -0.01
            ),
        },
        held="all cross",
    ),
    "04": _along,
    "05": _Each(
        "your size and margin, and a hundred times both",
        "A hundred times the size is liquidated nearer to its mark where a higher tier holds at that price.",
        {
            "notional [$]": lambda each, _: each.notional,
            "rate [share]": lambda each, _: _rate(each),
            "liquidated at [$/coin]": lambda each, _: _ends(each),
            "x100: rate [share]": lambda each, _: _rate(_hundredfold(each)),
            "x100: liquidated at [$/coin]": lambda each, _: _ends(_hundredfold(each)),
        },
    ),
    "06": lambda account: (
        "In cross, this is how far each liquidation price moves, in percent of that coin's mark price.",
        dragged(_cross(account), 0.01),
        "contagion, all cross",
    ),
    "07": _Each(
        "what time costs, each with its own margin",
        (
            f"At 0.01 % every eight hours and a fee of {100 * _OPEN_FEE:g} %, with prices unmoved: a long pays funding "
            "(+), a short is paid (-)."
        ),
        {
            "fee to open [$]": lambda each, _: _OPEN_FEE * each.entry_notional,
            "of the margin [share]": lambda each, _: _OPEN_FEE * each.entry_notional / _own(each).collateral,
            "funding a day [$]": lambda each, _: _funding(each),
            "liquidated at [$/coin]": lambda each, _: _ends(each),
            "after 30 days [$/coin]": lambda each, _: _ends(each, _own(each).collateral - 30 * _funding(each)),
        },
    ),
    "08": _Each(
        "the end, each with its own margin",
        "What is left at the liquidation price goes to the venue or back to you, by its rules.",
        {
            "liquidated at [$/coin]": lambda each, _: _ends(each),
            "left there [$]": lambda each, _: _left(each),
            "bankrupt at [$/coin]": lambda each, _: bankruptcy_price(_own(each), each.symbol),
        },
    ),
    "09": _crashes,
    "10": _chances,
    "11": _which,
    "12": _venues,
    "13": lambda account: (
        tank_chart("", account).sentence,
        tables.desk(account),
        "what a trader watches",
    ),
}
