"""Send a book through a recorded crash: who is liquidated when, at what price, and what is left.

The prices are recorded key figures and straight lines between them, so every moment found between two figures is a
moment on a line, not one that was recorded. What moves is `marginlib.market.replay.step` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from marginlib.errors import MarginError
from marginlib.market.events import MarkPrices
from marginlib.market.recorded import crash
from marginlib.market.replay import Rules, Snapshot, step
from marginlib.model import Account, Contract
from marginlib.venues import Rulebook, rulebook

Moment = tuple[np.datetime64, Mapping[str, float]]
"""A time and the mark prices by symbol."""

_Corner = tuple[int, Mapping[str, float]]  # where a line begins or ends: seconds since 1970 UTC, and the prices
_Line = tuple[_Corner, _Corner]

# Which recorded risk tables stand in for those in force. Only for October 2025 is one of the time recorded, of the day
# before. Where two are as near, one before and one after, both are given.
_EARLY = ({"BTCUSDT": "2021-03-18", "ETHUSDT": "2022-05-21"},)
_TABLES = MappingProxyType(
    {
        **dict.fromkeys(("black-thursday-2020", "uptrend-2021", "may-crash-2021"), _EARLY),
        "ftx-2022": (
            {"BTCUSDT": "2022-05-21", "ETHUSDT": "2022-05-21"},
            {"BTCUSDT": "2022-11-25", "ETHUSDT": "2022-11-25"},
        ),
        "cascade-2025": ({"BTCUSDT": "2025-10-09", "ETHUSDT": "2025-10-09", "SOLUSDT": "2025-10-09"},),
    }
)


def crash_rulebooks(event: str) -> tuple[Rulebook, ...]:
    """Return the risk tables to replay an event with: one, or two where it is not known which was in force.

    They are the recorded tables nearest to the event, by symbol; `source` says of which days. For 2020 and 2021 they
    are later ones, for none of the time is recorded. The date of a book is that of the event's first figure.

    Args:
        event: the event's short name, as in `marginlib.market.crashes()`.

    Raises:
        UnknownNameError: no such event is recorded.
    """
    recorded = crash(event)
    day = str(recorded.path(step="1d").times[0])[:10]
    return tuple(
        Rulebook(
            venue="binance_usdm",
            date=day,
            source=f"Binance USD-M tables: {', '.join(f'{symbol} of {date}' for symbol, date in dates.items())}",
            schedules=MappingProxyType(
                {symbol: rulebook("binance_usdm", date).schedule(symbol) for symbol, date in dates.items()}
            ),
        )
        for dates in _TABLES[event]
    )


def crash_replay(event: str, account: Account, rules: Rules, *, insurance_fund: float = 0.0) -> tuple[Snapshot, ...]:
    """Return the states of an account at every recorded figure of an event, and at each liquidation between them.

    Between two figures prices run on straight lines, and a pool that is safe at both ends of a line is safe along it:
    equity is straight there too, and maintenance margin, convex in the notional, never bulges above its chord; a line
    is cut where it jumps. So a liquidation is looked for only where an end is unsafe, and found to the second.

    Args:
        event: the event's short name, as in `marginlib.market.crashes()`.
        account: positions in symbols of the event; they meet its first figures as they are.
        rules: what the venue does.
        insurance_fund: what the venue's fund holds at the start [quote currency].

    Returns:
        Snapshots with their `time` (datetime64[s], UTC), the first at the first figure.

    Raises:
        UnknownNameError: no such event is recorded, or not that symbol in it.
        MarginError: the account holds nothing, or `walk` refuses it.

    Example:
        >>> book, = crash_rulebooks("may-crash-2021")
        >>> btc = book.position("BTCUSDT", 0.5, 44_408, leverage=5)
        >>> states = crash_replay("may-crash-2021", Account(wallet_balance=5_000, positions=(btc,)), Rules(book=book))
        >>> [(str(each.time), round(each.liquidations[0].mark_price)) for each in states if each.liquidations]
        [('2021-05-19T13:02:53', 34543)]
    """
    if not account.positions:
        raise MarginError("account.positions = (): give at least one position in a symbol of the event")
    path = crash(event).path(account.symbols, step="1d")
    return walk(Snapshot.start(account, insurance_fund=insurance_fund), path.marks(), rules)


def walk(state: Snapshot, moments: Iterable[Moment], rules: Rules) -> tuple[Snapshot, ...]:
    """Return the states along straight lines between rising moments: at each of them, and at each liquidation between.

    Raises:
        MarginError: the account holds an inverse contract, whose equity is not straight along a line.

    Example:
        >>> btc = crash_rulebooks("may-crash-2021")[0].position("BTCUSDT", 1, 100, leverage=2)
        >>> start = Snapshot.start(Account(wallet_balance=50, positions=(btc,)))
        >>> noon, later = np.datetime64("2021-05-19T12:00:00"), np.datetime64("2021-05-19T12:01:40")
        >>> moments = [(noon, {"BTCUSDT": 100.0}), (later, {"BTCUSDT": 0.1})]
        >>> [(str(each.time)[11:], len(each.account.positions)) for each in walk(start, moments, Rules())]
        [('12:00:00', 1), ('12:00:50', 0), ('12:01:40', 0)]
    """
    for position in state.account.positions:
        if position.contract is not Contract.LINEAR:
            give = "give linear contracts, as those recorded are"
            raise MarginError(f"contract of {position.symbol} = {position.contract}: {give}")
    corners = [(int(when.astype("datetime64[s]").astype(np.int64)), marks) for when, marks in moments]
    states = [_moved(state, *corners[0], rules)]
    for line in pairwise(corners):
        now = line[0][0]
        while now < line[1][0]:
            now = _next_stop(states[-1].account, line, now, rules)
            states.append(_moved(states[-1], now, _marks(line, now), rules))
    return tuple(states)


def _marks(line: _Line, second: int) -> Mapping[str, float]:
    """Return the prices at a second on a line."""
    (begin, first), (end, last) = line
    share = (second - begin) / (end - begin)
    if share == 1:
        return last  # a recorded figure to its last digit
    return {symbol: price + share * (last[symbol] - price) for symbol, price in first.items()}


def _next_stop(account: Account, line: _Line, now: int, rules: Rules) -> int:
    """Return the first second after `now` at which a pool is unsafe, or the end of the line."""
    held = set(account.symbols)

    def safe(second: int) -> bool:
        marks = {symbol: price for symbol, price in _marks(line, second).items() if symbol in held}
        return all(map(rules.safe, account.at(marks).pools()))

    low, end = now, line[1][0]
    for high in sorted({second for second in _jumps(account, line) if now < second < end} | {end}):
        if not safe(high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if safe(middle) else (low, middle)  # noqa: PLW2901 - the loop ends here
            return high
        low = high
    return end


def _jumps(account: Account, line: _Line) -> Iterator[int]:
    """Yield the seconds around which a position's maintenance margin jumps on a line."""
    (begin, first), (end, last) = line
    for each in account.positions:
        floors, start = each.schedule.floors[1:], first.get(each.symbol, each.mark_price)
        change = last.get(each.symbol, start) - start
        for floor in floors if each.schedule.whole_position and change else ():
            share = (floor / abs(each.quantity) - start) / change
            if 0 < share < 1:
                second = begin + int(share * (end - begin))
                yield from (second, second + 1)


def _moved(state: Snapshot, second: int, marks: Mapping[str, float], rules: Rules) -> Snapshot:
    """Return the state at a second, after the liquidations that its prices set off."""
    return replace(step(state, MarkPrices(prices=marks), rules), time=np.datetime64(second, "s"))
