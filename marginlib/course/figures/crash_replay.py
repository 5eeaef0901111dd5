"""The figure of notebook 09: a book of two positions on its way through a recorded crash, in both modes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, choice, figure, slider
from marginlib.margin import account_risk
from marginlib.market import Rules, Snapshot, crash, crash_rulebooks
from marginlib.market import crash_replay as replayed
from marginlib.model import Account, MarginMode
from marginlib.words import money, percent

WALLET, MARGIN = 10_000.0, 2_500.0  # the book of the figure: two positions, each with this margin times the leverage
_SYMBOLS = ("BTCUSDT", "ETHUSDT")
_EVENTS = {
    "black-thursday-2020": "March 2020",
    "uptrend-2021": "rise, 2021",
    "may-crash-2021": "May 2021",
    "ftx-2022": "FTX 2022",
    "cascade-2025": "October 2025",
}
_RISING = "uptrend-2021"
_HEIGHTS = {True: (-15.0, 135.0), False: (-62.0, 14.0)}  # of the price panel [%]: in the rise, in the falls
_LINES = {MarginMode.CROSS: "equity", MarginMode.ISOLATED: "isolated"}


@dataclass(frozen=True)
class _Run:
    """One account's way through an event."""

    hours: tuple[float, ...]  # moments since the first figure [h], each liquidation twice: just before and just after
    equity: tuple[float, ...]  # of the account at these moments [quote currency]
    # (hour, symbol, equity of the account afterwards, UTC) of each liquidation.
    gone: tuple[tuple[float, str, float, str], ...]

    def at(self, hour: float) -> float:
        """Return the equity at an hour, after the liquidations of that moment."""
        after = next((k for k, each in enumerate(self.hours) if each > hour), len(self.hours))
        if after == len(self.hours):
            return self.equity[-1]
        (x0, x1), (y0, y1) = self.hours[after - 1 : after + 1], self.equity[after - 1 : after + 1]
        return y0 + (y1 - y0) * (hour - x0) / (x1 - x0)

    def until(self, hour: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return moments and equity up to an hour, that hour included."""
        kept = sum(each <= hour for each in self.hours)
        return (*self.hours[:kept], hour), (*self.equity[:kept], self.at(hour))


@cache
def _run(event: str, leverage: int, mode: MarginMode) -> _Run:
    """Return the way of the figure's book through an event: longs, or shorts in the rise."""
    book = crash_rulebooks(event)[0]
    side = -1 if event == _RISING else 1
    first = {symbol: crash(event).figures[symbol].mark_prices[0].item() for symbol in _SYMBOLS}
    opened = [
        book.position(symbol, side * MARGIN * leverage / price, price, leverage=leverage)
        for symbol, price in first.items()
    ]
    positions = tuple(each.isolated() if mode is MarginMode.ISOLATED else each for each in opened)
    return _way(replayed(event, Account(wallet_balance=WALLET, positions=positions), Rules(book=book)))


def _way(states: tuple[Snapshot, ...]) -> _Run:
    """Return the equity along some states."""
    hours, equity, gone = [0.0], [account_risk(states[0].account).equity], []
    for before, state in pairwise(states):
        hour = float((state.time - states[0].time).astype(float)) / 3_600  # type: ignore[operator]
        held = {each.symbol for each in before.account.positions}
        marks = {symbol: price for symbol, price in state.mark_prices.items() if symbol in held}
        after = account_risk(state.account).equity
        hours += [hour, hour]
        equity += [account_risk(before.account.at(marks)).equity, after]
        gone += [
            (hour, each.symbol, after, f"{str(state.time)[5:16].replace('T', ' ')}") for each in state.liquidations
        ]
    return _Run(tuple(hours), tuple(equity), tuple(gone))


@figure(
    "A book on its way through a recorded crash",
    choice("event", "event", _EVENTS, "may-crash-2021"),
    slider("leverage", "leverage", (2, 3, 4, 5, 6, 8, 10, 15, 20), 4, "{}x"),
    slider("cursor", "time that has passed", tuple(range(0, 101, 2)), 0, "{} %", plays=True),
)
def crash_replay(*, event: str, leverage: int, cursor: int) -> Chart:
    """Return equity of both modes, and the prices, up to a moment of an event."""
    recorded = crash(event)
    runs = {mode: _run(event, leverage, mode) for mode in _LINES}
    length = runs[MarginMode.CROSS].hours[-1]
    now = length * cursor / 100
    start = recorded.figures["BTCUSDT"].times[0]
    x_label = f"hours since {str(start)[:16].replace('T', ' ')} UTC"
    money_panel = Panel(
        f"equity at {leverage}x, prices interpolated",
        Axis(x_label, (0.0, length)),
        Axis("[$]", (-500.0, 14_500.0)),
        lines=tuple(Line(f"{mode.value} margin", role, *runs[mode].until(now)) for mode, role in _LINES.items()),
        markers=(
            *(Marker(f"{m.value}, after {{}} h", _LINES[m], round(now, 1), run.at(now)) for m, run in runs.items()),
            _death(runs[MarginMode.CROSS], "BTCUSDT", now, "all in cross", "liquidation"),
            _death(runs[MarginMode.ISOLATED], "BTCUSDT", now, "BTC isolated", "bankruptcy"),
            _death(runs[MarginMode.ISOLATED], "ETHUSDT", now, "ETH isolated", "maintenance"),
        ),
    )
    # Only what has happened by now: nobody in the market has seen more.
    prices = [_prices(event, symbol) for symbol in _SYMBOLS]
    ways = [
        Line(symbol.removesuffix("USDT"), role, *way.until(now))
        for symbol, role, way in zip(_SYMBOLS, ("bankruptcy", "initial"), prices, strict=True)
    ]
    price_panel = Panel(
        "mark prices, interpolated between figures",
        Axis(x_label, (0.0, length)),
        Axis("since the first figure [%]", _HEIGHTS[event == _RISING]),
        lines=tuple(ways),
        markers=tuple(Marker(f"{line.label}, after {{}} h", line.role, round(now, 1), line.y[-1]) for line in ways),
    )
    title = f"{recorded.title}: a book of BTC and ETH in both modes, and their prices, interpolated"
    return Chart(title, (money_panel, price_panel), _sentence(event, leverage, now, runs), _table(runs, now))


def _death(run: _Run, symbol: str, now: float, label: str, role: str) -> Marker:
    """Return the mark of a liquidation that has happened by now."""
    found = next(((hour, left) for hour, name, left, _ in run.gone if name == symbol and hour <= now), None)
    hour, left = found or (None, 0.0)
    x = None if hour is None else round(hour, 1)
    return Marker(f"{label}: gone at {{}} h", role, x, left, f"{label}: alive so far")


@cache
def _prices(event: str, symbol: str) -> _Run:
    """Return the way of a symbol's recorded figures, as changes since the first [%]."""
    figures = crash(event).figures[symbol]
    hours = (figures.times - figures.times[0]).astype(float) / 3_600
    change = 100 * (figures.mark_prices / figures.mark_prices[0] - 1)
    return _Run(tuple(hours.tolist()), tuple(change.tolist()), ())


def _sentence(event: str, leverage: int, now: float, runs: dict[MarginMode, _Run]) -> str:
    """Return what has happened by now, in words."""
    side = "shorts" if event == _RISING else "longs"
    told = []
    for mode, run in runs.items():
        gone = [f"{symbol.removesuffix('USDT')} {when}" for hour, symbol, _, when in run.gone if hour <= now]
        lost = f"liquidated ({', '.join(gone)} UTC)" if gone else "nothing liquidated"
        told.append(f"{mode.value} has {money(run.at(now), 0)}, {lost}")
    return (
        f"{crash(event).title}: two {side} of {money(MARGIN * leverage, 0)} at {leverage}x, each with "
        f"{money(MARGIN, 0)} of margin, in a wallet of {money(WALLET, 0)}. "
        f"After {now:.1f} hours {'; '.join(told)}. Prices between the recorded figures are interpolated."
    )


def _table(runs: dict[MarginMode, _Run], now: float) -> Table:
    """Return what each mode has now and had at the end, and when which position went."""
    rows = []
    for mode, run in runs.items():
        past = [each for each in run.gone if each[0] <= now]
        rows.append(
            (
                mode.value,
                money(run.at(now), 0),
                percent(run.at(now) / WALLET - 1, 0),
                *(next((when for _, name, _, when in past if name == symbol), "alive") for symbol in _SYMBOLS),
            )
        )
    columns = ("mode", "equity now", "since the start", "BTC liquidated, UTC", "ETH liquidated, UTC")
    return Table(columns, tuple(rows))
