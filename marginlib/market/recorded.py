"""Key figures of five real events: facts, and a path between them that says it is interpolated.

The figures are recorded mark prices of Binance's USD-M perpetuals. A **close** is the mark price at the end of an hour.
A **high** or **low** is the hour's extreme, whose minute is not recorded: it stands at half past. Prices are rounded to
four or five digits. Everything between two figures is a straight line that nobody traded on.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from marginlib.errors import unknown, wrong
from marginlib.market.paths import FloatArray, PricePath, TimeArray, moment, seconds

_SOURCE = "Binance USD-M mark price, UTC"

_TITLES = {
    "black-thursday-2020": "Black Thursday, March 2020",
    "uptrend-2021": "The rise to January 2021",
    "may-crash-2021": "The crash of May 2021",
    "ftx-2022": "The fall of FTX, November 2022",
    "cascade-2025": "The liquidation cascade of October 2025",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class KeyFigures:
    """One symbol's recorded figures in one event, as read-only arrays of one length n.

    Args:
        times: when, UTC (n,) [datetime64[s]].
        mark_prices: the recorded mark prices (n,) [quote currency per base coin].
        kinds: "close", "high" or "low" for each figure; a high or low is known to the hour only.
    """

    times: TimeArray
    mark_prices: FloatArray
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        self.times.setflags(write=False)
        self.mark_prices.setflags(write=False)

    def __len__(self) -> int:
        """Return how many figures are recorded."""
        return len(self.kinds)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crash:
    """The recorded figures of one event.

    Args:
        event: its short name, such as "black-thursday-2020".
        title: its name for a heading.
        source: where the figures come from.
        figures: the key figures of each symbol.
    """

    event: str
    title: str
    source: str
    figures: Mapping[str, KeyFigures]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols with recorded figures."""
        return tuple(self.figures)

    def path(self, symbols: Sequence[str] | None = None, *, step: str = "1h") -> PricePath:
        """Return mark prices at equal steps and at every recorded moment, on straight lines between the figures.

        The path passes exactly through each recorded figure of the symbols asked for; `recorded` marks them, and the
        label says that the rest is interpolated. A real price moves much more between two figures than a line does.

        Args:
            symbols: one or more of the event's symbols; left out, all.
            step: distance of the moments between the figures, such as "1h" or "5m".

        Raises:
            UnknownNameError: no figures of that symbol are recorded, or the step is not a name such as "1h".
            MarginError: no symbol, or one twice.

        Example:
            >>> path = crash("cascade-2025").path(["BTCUSDT", "SOLUSDT"])
            >>> dict(zip(path.symbols, path.mark_prices.min(axis=0).tolist()))
            {'BTCUSDT': 101880.0, 'SOLUSDT': 143.83}
        """
        chosen = self.symbols if symbols is None else tuple(symbols)
        if isinstance(symbols, str) or not chosen or len(set(chosen)) < len(chosen):
            raise wrong("symbols", symbols, f"give a list of {', '.join(self.symbols)}, each once")
        for symbol in chosen:
            if symbol not in self.figures:
                raise unknown("symbol", symbol, self.symbols, f"{self.event} has")
        known = [self.figures[symbol] for symbol in chosen]
        start, end = known[0].times[[0, -1]]
        grid = np.arange(start, end, np.timedelta64(seconds("step", step), "s"))
        times = np.unique(np.concatenate([grid, *(figures.times for figures in known)]))
        at = times.astype(np.int64)
        prices = np.column_stack([np.interp(at, each.times.astype(np.int64), each.mark_prices) for each in known])
        seen = np.column_stack([np.isin(times, each.times) for each in known])
        counts = " + ".join(str(len(each)) for each in known)
        label = f"{self.source}; interpolated: straight lines between {counts} recorded figures, not the traded path"
        return PricePath(symbols=chosen, times=times, mark_prices=prices, interpolated=True, recorded=seen, label=label)


def crash(event: str) -> Crash:
    """Return the recorded figures of an event.

    Args:
        event: its short name; `crashes()` has them all.

    Raises:
        UnknownNameError: no such event is recorded; the message lists those that are.

    Source: Binance USD-M mark price, UTC.
    """
    if event not in _events():
        raise unknown("event", event, _events())
    return _events()[event]


def crashes() -> tuple[Crash, ...]:
    """Return the recorded events in order of time; one of them is a rise, which liquidates shorts.

    Example:
        >>> [each.event for each in crashes()]
        ['black-thursday-2020', 'uptrend-2021', 'may-crash-2021', 'ftx-2022', 'cascade-2025']
    """
    return tuple(_events().values())


@cache
def _events() -> dict[str, Crash]:
    """Read the recorded figures, once, in the order of `_TITLES`."""
    lines = files("marginlib").joinpath("data", "crash_key_figures.csv").read_text(encoding="utf-8").splitlines()
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        rows.setdefault((row["event"], row["symbol"]), []).append(row)
    figures: dict[str, dict[str, KeyFigures]] = {event: {} for event in _TITLES}
    for (event, symbol), mine in rows.items():
        figures[event][symbol] = KeyFigures(
            times=np.array([moment("time_utc", row["time_utc"]) for row in mine]),
            mark_prices=np.array([float(row["mark_price"]) for row in mine]),
            kinds=tuple(row["kind"] for row in mine),
        )
    return {
        event: Crash(event=event, title=_TITLES[event], source=_SOURCE, figures=MappingProxyType(symbols))
        for event, symbols in figures.items()
    }
