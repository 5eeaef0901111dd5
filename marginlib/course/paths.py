"""Prices along time as a picture: what was recorded, or what a model makes up."""

from __future__ import annotations

import numpy as np

from marginlib.drawing.chart import Axis, Chart, Line, Panel, Table
from marginlib.errors import MarginError
from marginlib.market.paths import PricePath
from marginlib.words import percent

_ROLES = ("bankruptcy", "initial", "position", "isolated")  # each line has its own look, up to so many
_AMONG_MANY = ("ends lowest", "in the middle", "ends highest")


def path_chart(title: str, *paths: PricePath) -> Chart:
    """Return how far prices have moved since their start: `price / first price - 1`.

    Where there are more lines than looks, three have a name: those that end lowest, in the middle and highest.

    Args:
        title: what the figure is called.
        paths: one of several symbols, or many of one model.

    Raises:
        MarginError: there is no path.

    Example:
        >>> from marginlib.market import crash
        >>> path_chart("FTX", crash("ftx-2022").path(["BTCUSDT"])).table.rows
        (('BTC', '-25.1 %', '+0.6 %', '-15.2 %'),)
    """
    if not paths:
        raise MarginError("paths: give at least one, such as crash('may-crash-2021').path()")
    found = []
    for path in paths:
        days = tuple(((path.times - path.times[0]) / np.timedelta64(1, "D")).tolist())
        for symbol, prices in zip(path.symbols, path.mark_prices.T, strict=True):
            found.append((symbol.removesuffix("USDT"), days, tuple((100 * (prices / prices[0] - 1)).tolist())))
    if many := len(found) > len(_ROLES):
        found.sort(key=lambda each: each[2][-1])
        middle = len(found) // 2
        found = [found[0], found[middle], found[-1], *found[1:middle], *found[middle + 1 : -1]]
    names = [coin for coin, _, _ in found]
    if many:
        names = [f"{coin} {where}" for coin, where in zip(names, _AMONG_MANY, strict=False)]
    lines = [Line(name, role, x, y) for (_, x, y), name, role in zip(found, names, _ROLES, strict=False)]
    others = [Line("the others" * (not k), "after", x, y) for k, (_, x, y) in enumerate(found[len(names) :])]
    heights = [move for each in (*lines, *others) for move in each.y]
    room = 0.05 * (max(heights) - min(heights)) or 1.0
    last = max(x[-1] for _, x, _ in found) or 1.0
    rows = tuple((each.label, *(percent(y / 100) for y in (min(each.y), max(each.y), each.y[-1]))) for each in lines)
    panel = Panel(
        title,
        Axis("days since the start", (0.0, last)),
        Axis("since the start [%]", (min(heights) - room, max(heights) + room)),
        lines=(*others, *lines),
    )
    told = paths[0].label
    if len(paths) > 1:
        kind, *kinds = dict.fromkeys(path.label.rpartition(",")[0] for path in paths)  # without the seed
        told = f"{len(paths)} paths; the first is {told}" if kinds else f"{len(paths)} paths, all {kind}"
    table = Table(("path" if many else "price of", "lowest", "highest", "at the end"), rows)
    return Chart(title, (panel,), f"{told}.", table, "Line chart of price moves [%] against days.")
