"""What an account that you have faces: where it is liquidated, what drags it, what would help, how likely it is.

All of it is arithmetic on what `marginlib.course.exports` read. It is no advice, and it sends nothing anywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, log, nan, sqrt
from pathlib import Path
from typing import Any

from pandas import DataFrame

from marginlib import tables
from marginlib.course.exports import Export, coin, named, plain, read_account
from marginlib.course.yours import assumed, backing, dragged, drawn, ends_in, in_crashes, modes
from marginlib.errors import MarginError, fraction, positive
from marginlib.files import write_whole
from marginlib.liquidation import liquidation_price, shown_liquidation_price
from marginlib.margin import max_addable_margin, risk
from marginlib.model import Account, MaintenanceBasis, MarginMode, Netting, Pool, Position, ShownPrice
from marginlib.odds import MARKETS, Diffusion, chance_text, compare
from marginlib.odds.diffusion import DAYS_PER_YEAR
from marginlib.tables import Shown, move, show
from marginlib.venues import rulebook, rulebooks
from marginlib.words import money, percent, text_html

_PATHS, _SEED = 16_384, 1
_FEE = 0.0005  # of a fill that closes, as most venues ask of a taker
_SAME = 5e-5  # venues round marks to five digits: prices that differ by less are the same
_STEPS = 60  # of a bisection: to the last digit
_FEES = (0.0004, 0.0005, 0.00055, 0.0006)
_DEVIATIONS = "daily deviations"
_SILENT = "not in the file"


@dataclass(frozen=True)
class Answer:
    """One answer: a sentence, and a table with its caption."""

    name: str
    said: str
    frame: DataFrame
    caption: str

    @property
    def table(self) -> Shown:
        """The table as it is read."""
        return show(self.frame, self.caption, formats={_DEVIATIONS: "{:+.1f}"})

    def section(self, heading: str) -> str:
        """Return it as a part of a page, below a heading of some level, such as "h2"."""
        name, said = text_html(self.name), text_html(self.said)
        return f"<section><{heading}>{name}</{heading}><p>{said}</p>{self.table._repr_html_()}</section>"

    def _repr_html_(self) -> str:
        """Return it for a notebook, whose own headings are above."""
        return self.section("h3")

    def __repr__(self) -> str:
        """Return it as text."""
        return f"{self.name}\n{self.said}\n{self.table!r}"


def answers(
    found: Export,
    *,
    away: float = 0.2,
    days: float = 30.0,
    volatility: Mapping[str, float] | None = None,
) -> tuple[Answer, ...]:
    """Return everything that this module says of an account, in order.

    Args:
        found: what `read_account` gave.
        away: the distance from liquidation that is wanted, as a share of the mark price [1].
        days: the horizon of the odds [day].
        volatility: by coin, in place of what was measured (BTC, ETH) or is assumed (100 %) [1 / sqrt(year)].

    Raises:
        MarginError: an argument is out of its range.

    Example:
        >>> table = DataFrame({"symbol": ["BTCUSDT"], "quantity": [0.1], "entry_price": [60_000], "leverage": [10]})
        >>> [each.name for each in answers(read_account(table, wallet_balance=1_000))][:3]
        ['Where', 'The price that your venue shows', 'Which position drags which']
    """
    return (
        where(found, volatility),
        differences(found),
        contagion(found),
        remedies(found, away),
        crashes(found),
        chances(found, days, volatility),
    )


def page(given: Sequence[Answer], found: Export) -> str:
    """Return the answers as one HTML page to print; it asks nothing of the network."""
    notes = "".join(f"<li>{text_html(each)}</li>" for each in _notes(found))
    body = "".join(each.section("h2") for each in given)
    style = "body{font:11pt sans-serif;margin:2em}td,th{padding:.1em .6em;text-align:right}section{break-inside:avoid}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>My account</title><style>{style}</style>'
    return f"{head}<h1>My account</h1><ul>{notes}</ul>{body}</html>\n"


def _notes(found: Export) -> list[str]:
    """Return which rules were used and what was assumed."""
    rules = f"{found.rules.name} as of {found.rules.date}; dated, not live"
    return [f"Rules: {rules}. Arithmetic on your file, and no advice.", *found.notes]


def where(found: Export, volatility: Mapping[str, float] | None = None) -> Answer:
    """Return where each position is liquidated as it is, and with its own mode switched; the others as they are."""
    market = assumed(plain(found.account), volatility)
    daily = {coin(name): value / sqrt(DAYS_PER_YEAR) for name, value in market.volatility.items()}
    rows = []
    for each in found.account.positions:
        price, other = ends_in(found.account, each), _switched(found, each)
        row = {
            "position": named(each),
            "mode": each.margin_mode.value,
            "away [move]": move(price, each.mark_price),
            _DEVIATIONS: None if price is None else log(price / each.mark_price) / daily[coin(each.symbol)],
            "liquidated at [$/coin]": price,
            "in the other mode [$/coin]": other,
            "then away [move]": move(other, each.mark_price),
        }
        rows.append(row)
    told, frame = _volatilities(found, market, volatility, sqrt(DAYS_PER_YEAR)), DataFrame(rows)
    far, nearest = frame["away [move]"].astype(float).dropna(), "No price of one coin alone liquidates anything."
    if len(far):
        first = far.abs().idxmin()
        nearest = f"Nearest: {frame['position'][first]}, {percent(far[first])} away."
    said = f"{nearest} A daily standard deviation: {told}. Each price holds while the other marks stand still."
    return Answer("Where", said, frame, "as it is, and with this one position's mode switched")


def differences(found: Export) -> Answer:
    """Return the venue's own prices beside those computed, and the likely reason where they differ."""
    rows = []
    for each, shown in zip(found.account.positions, found.shown, strict=True):
        computed = ends_in(found.account, each)
        silent = shown is not None and isnan(shown)
        row = {"position": named(each), "shown [$/coin]": shown, "computed [$/coin]": computed}
        row |= {"apart [move]": None if shown is None or silent or computed is None else computed / shown - 1}
        rows.append(row | {"why": _SILENT if silent else _reason(found, each, shown)})
    same = sum(row["why"] == "the same" for row in rows)
    told = sum(row["why"] != _SILENT for row in rows)
    said = f"{same} of {told} agree within {100 * _SAME:g} %."
    if same < told:
        said += " A reason is one that gives the shown price when tried."
    if not told:
        said = "The file has no price of the venue: hold the computed one against what its page shows."
    return Answer("The price that your venue shows", said, DataFrame(rows), "shown and computed")


def contagion(found: Export, fall: float = 0.01) -> Answer:
    """Return how far each liquidation price moves when the price of one coin falls; a pool of its own does not move."""
    frame = dragged(found.account, fraction("fall", fall))
    said = (
        "How far each liquidation price moves, in percent of its coin's mark price, when one coin falls and the others "
        "stand still. A long's price that rises, and a short's that falls, has come nearer."
    )
    if all(len(pool.positions) <= 1 for pool in found.account.pools()):
        said = "No two positions share a pool, so none moves the liquidation price of another."
    return Answer("Which position drags which", said, frame, "liquidation prices, as the modes are")


def remedies(found: Export, away: float = 0.2) -> Answer:
    """Return what each position needs to be so far from its liquidation: money, a smaller size, or the other mode.

        money to add = maintenance margin - equity of its pool, at the price that is wanted

    Closing a part is at the mark price, for a fee, and what it sets free stays in the pool.

    Args:
        found: what `read_account` gave.
        away: the distance that is wanted, as a share of the mark price [1].
    """
    fraction("away", away)
    rows, rule = [], found.rules.withdrawal
    free = max_addable_margin(found.account, rule) if rule else max_addable_margin(found.account)
    for each in found.account.positions:
        pool, wanted = backing(found.account, each), each.mark_price * (1 - away if each.exposure > 0 else 1 + away)
        there = risk(pool.at({each.symbol: wanted}))
        add, close = max(0.0, there.maintenance - there.equity), _share_to_close(pool, each, wanted)
        other = move(_switched(found, each), each.mark_price)
        reaches = other is None or abs(other) >= away * (1 - _SAME)
        row = {"position": named(each), "now [move]": move(ends_in(found.account, each), each.mark_price)}
        row |= {"add [$]": add, "free to add [$]": free if pool.own else None}
        row |= {"or close [share]": close, "fee for that [$]": None if close is None else _FEE * close * each.notional}
        switch = "is not needed" if not add else "is enough" if reaches else "is not enough"
        rows.append(row | {"or the other mode": switch})
    near = [str(row["position"]) for row in rows if row["or the other mode"] != "is not needed"]
    said = (
        f"Wanted: at least {100 * away:g} % from each mark. Nearer than that: {', '.join(near) or 'none'}. In cross, "
        f"money to add comes from outside. What a sale sets free is left in the pool; its fee is {100 * _FEE:g} %. "
        "A switch costs nothing but what it puts at risk: see the first table."
    )
    return Answer("What would help", said, DataFrame(rows), f"each alone, to be {100 * away:g} % away")


def crashes(found: Export) -> Answer:
    """Return what the recorded crashes would have done to the same dollars; a coin not recorded moves as BTC."""
    said = (
        "The same dollars and the equity of now, opened at the first recorded figure; between figures, straight lines."
    )
    frame = in_crashes(plain(found.account))
    return Answer("In recorded crashes", said, frame, "the same dollars in the recorded crashes")


def chances(found: Export, days: float = 30.0, volatility: Mapping[str, float] | None = None) -> Answer:
    """Return the odds of a liquidation within some days, with their errors, in three ways to hold the account."""
    account = plain(found.account)
    if account.coins or account.netting is not Netting.NONE:
        said = "No odds: the draws know neither coins as collateral nor legs that are netted."
        return Answer("Odds", said, DataFrame({"held": [named(each) for each in account.positions]}), "not drawn")
    market = assumed(account, volatility)
    result = compare(modes(account), market, days=positive("days", days), paths=_PATHS, seed=_SEED)
    told = ", ".join(f"{name} {chance_text(each.liquidation)}" for name, each in result.items())
    yearly = _volatilities(found, market, volatility)
    said = f"A liquidation within {days:g} days: {told}. Volatility a year: {yearly}; {drawn(account, market, _PATHS)}."
    return Answer("Odds", said, tables.odds(result), f"{days:g} days")


def _volatilities(found: Export, market: Diffusion, given: Mapping[str, float] | None, parts: float = 1.0) -> str:
    """Return the volatilities of an account's coins in words, each with where it is from, of a year or a part of it."""
    told = []
    for symbol in plain(found.account).symbols:
        value = market.volatility[symbol]
        measured = "measured 2020 to 2026" if value == MARKETS["2020 to 2026"].volatility.get(symbol) else "assumed"
        source = "given" if coin(symbol) in (given or {}) else measured
        told.append(f"{coin(symbol)} {percent(value / parts).lstrip('+')} ({source})")
    return ", ".join(told)


def _switched(found: Export, each: Position) -> float | None:
    """Return where a position is liquidated in its other mode: with its initial margin, or with all that is shared."""
    if each.margin_mode is MarginMode.CROSS:
        return liquidation_price(found.rules.isolate(each).pool, each.symbol)
    shared = found.account.pools()[0]
    behind, positions = shared.collateral + each.own_margin, (*shared.positions, each.cross())
    return liquidation_price(replace(shared, collateral=behind, positions=positions), each.symbol)


def _share_to_close(pool: Pool, each: Position, wanted: float) -> float | None:
    """Return the smallest share to close at the mark so that the pool lives at a price; None: none is enough."""

    def lives(share: float) -> bool:
        money_left = pool.collateral + share * each.unrealized_pnl - share * _FEE * each.notional
        smaller = () if share == 1 else (replace(each, quantity=(1 - share) * each.quantity),)
        others = tuple(one for one in pool.positions if one is not each)
        left = replace(pool, collateral=money_left, positions=(*others, *smaller))
        now = risk(left.at({each.symbol: wanted} if each.symbol in left.symbols else {}))
        return now.equity >= now.maintenance

    if lives(0.0):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if lives(middle) else (middle, high)
    return high if lives(high) else None


def _reason(found: Export, each: Position, shown: float | None) -> str:
    """Return why the venue shows another price: the cause that comes nearest to it, if it gives that price."""
    if _same(ends_in(found.account, each), shown):
        return "the same"
    tried = {name: abs((price or 0.0) - (shown or 0.0)) for name, price in _causes(found, each) if _same(price, shown)}
    return min(tried, key=tried.__getitem__) if tried else _left_over(found.account, each, shown)


def _same(computed: float | None, shown: float | None) -> bool:
    """Return whether two prices agree, as closely as venues write them."""
    if computed is None or shown is None:
        return computed is shown
    digits = next((k for k in range(1, 16) if round(shown, k) == shown), 16)  # as far as the venue writes it
    return abs(computed - shown) <= max(_SAME * shown, 0.5 * 10.0**-digits)


def _causes(found: Export, each: Position) -> Iterator[tuple[str, float | None]]:
    """Yield what may be otherwise at the venue, and the price that follows from it."""
    pool = backing(found.account, each)
    for name, fields in _rules(found, each):
        yield name, _under(pool, each, fields)
    for convention in ShownPrice:
        yield f"a convention: {convention.value}", shown_liquidation_price(pool, each.symbol, convention)
    profit = each.unrealized_pnl if pool.own else 0.0
    for word, sign in (("without", 1), ("with", -1)):
        other = replace(pool, collateral=pool.collateral + sign * profit)
        yield f"a margin read {word} its unrealized PnL in it", liquidation_price(other, each.symbol)


def _rules(found: Export, each: Position) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a venue's rules may be otherwise, as fields of a position."""
    fee = each.schedule.closing_fee_rate
    for venue, date in reversed(rulebooks()):
        if venue == found.rules.venue and each.symbol in (known := rulebook(venue, date).schedules):
            yield f"the risk table of {date}", {"schedule": replace(known[each.symbol], closing_fee_rate=fee)}
    for rate in (0.0, *_FEES):
        schedule = replace(each.schedule, closing_fee_rate=rate)
        yield f"a fee for closing of {100 * rate:g} % in maintenance margin", {"schedule": schedule}
    for basis in MaintenanceBasis:
        yield f"maintenance margin at the {basis.value} price", {"maintenance_basis": basis}


def _under(pool: Pool, each: Position, fields: Mapping[str, Any]) -> float | None:
    """Return where a position is liquidated under other rules; nan where these do not allow it."""
    try:
        held = tuple(replace(one, **fields) if one.symbol == each.symbol else one for one in pool.positions)
        return liquidation_price(replace(pool, positions=held), each.symbol)
    except MarginError:  # such as a leverage above the table's
        return nan


def _left_over(account: Account, each: Position, shown: float | None) -> str:
    """Return what would have to be otherwise where no cause that is known gives the shown price."""
    pool = backing(account, each)
    if shown is None:
        return "not explained: the venue shows none"
    there = risk(pool.at({each.symbol: shown}))
    missing = there.maintenance - there.equity
    lone, way = len(pool.positions) == 1, "more" if missing > 0 else "less"
    other = "another wallet" if lone else "marks of the other positions that are not those of the file"
    return f"no rule explains it: {money(abs(missing))} {way} behind it would, such as from {other}"


def report(words: Sequence[str]) -> str:
    """Return what `marginlib account` prints for a file, and write the page and the tables where that is asked for.

    Args:
        words: what follows `marginlib account`.

    Raises:
        MarginError: the file cannot be read, or something in it cannot be.
    """
    parser = argparse.ArgumentParser(prog="marginlib account", description="What your account faces, from your file.")
    parser.add_argument("file", type=Path, metavar="FILE", help="a CSV table, or a venue's export as JSON")
    parser.add_argument("--wallet", type=float, metavar="AMOUNT", help="the wallet balance, where the file has none")
    parser.add_argument("--away", type=float, default=0.2, help="the distance that is wanted, a share of the mark: 0.2")
    parser.add_argument("--days", type=float, default=30.0, help="the horizon of the odds: 30")
    parser.add_argument("--volatility", nargs="*", default=[], metavar="COIN=0.6", help="a year's, in place of ours")
    parser.add_argument("--rate", nargs="*", default=[], metavar="SYMBOL=0.004", help="maintenance margin rates")
    parser.add_argument("--tiers", type=Path, metavar="TABLE", help="the venue's own risk tables, as JSON")
    parser.add_argument("--to", type=Path, metavar="DIR", help="write account.html and a CSV file of each table there")
    chosen = parser.parse_args(words)
    rates = _pairs("--rate", chosen.rate)
    found = read_account(chosen.file, wallet_balance=chosen.wallet, rates=rates, tiers=chosen.tiers)
    given = answers(found, away=chosen.away, days=chosen.days, volatility=_pairs("--volatility", chosen.volatility))
    if chosen.to:
        _write(chosen.to, given, found)
    return "\n\n".join(["\n".join(_notes(found)), *map(repr, given)])


def _pairs(option: str, words: Sequence[str]) -> dict[str, float]:
    """Return NAME=NUMBER words as a dictionary."""
    try:
        return {name: float(number) for name, number in (word.split("=") for word in words)}
    except ValueError:
        raise MarginError(f"{option} {' '.join(words)}: give NAME=NUMBER, such as BTC=0.6") from None


def _write(folder: Path, given: Sequence[Answer], found: Export) -> None:
    """Write the page to print and the tables."""
    try:
        write_whole(folder / "account.html", page(given, found))
        for each in given:
            file = folder / f"{each.name.lower().replace(' ', '-')}.csv"
            write_whole(file, each.frame.to_csv(index=each.name == "Odds"))
    except OSError as error:
        raise MarginError(f"{folder}: {error.strerror or error}") from error
