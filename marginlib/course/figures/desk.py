"""The figure of notebook 13: one decision in the crash of May 2021, beside doing nothing."""

from __future__ import annotations

from functools import cache

from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, choice, figure, slider
from marginlib.margin import account_risk
from marginlib.market import AddMargin, Close, Hedge, Hold, Opening, Reduce, compare_scores, crash_desk, play
from marginlib.market.desk import Desk, Order, Score, Session, score
from marginlib.model import MarginMode
from marginlib.words import money, percent

EVENT, WALLET, DOLLARS, LEVERAGE = "may-crash-2021", 10_000.0, 12_500.0, 5.0
SYMBOLS = ("BTCUSDT", "ETHUSDT")
_MODES = {
    "cross": (MarginMode.CROSS, MarginMode.CROSS),
    "eth": (MarginMode.CROSS, MarginMode.ISOLATED),
    "isolated": (MarginMode.ISOLATED, MarginMode.ISOLATED),
}
_MODE_WORDS = {"cross": "both cross", "eth": "ETH isolated", "isolated": "both isolated"}
_ORDERS: dict[str, Order] = {
    "reduce": Reduce("ETHUSDT", 0.5),
    "close": Close("ETHUSDT"),
    "add": AddMargin("ETHUSDT", 1_000.0),
    "hedge": Hedge("BTCUSDT", against="ETHUSDT"),
}
_ORDER_WORDS = {"reduce": "sell half of ETH", "close": "close ETH", "add": "add $1,000 to ETH", "hedge": "short BTC"}


def book(mode: str) -> list[Opening]:
    """Return the same two longs, opened in these modes."""
    return [
        Opening(symbol=symbol, dollars=DOLLARS, leverage=LEVERAGE, margin_mode=each)
        for symbol, each in zip(SYMBOLS, _MODES[mode], strict=True)
    ]


@cache
def _desk(mode: str) -> Desk:
    """Return the desk of the figure."""
    return crash_desk(EVENT, WALLET, book(mode))


@cache
def _session(mode: str, order: str | None, point: int) -> Session:
    """Return the session with one order at one point, or with none."""
    return play(_desk(mode), [] if order is None else [*[Hold()] * (point - 1), _ORDERS[order]])


@cache
def _untouched(mode: str) -> dict[str, Score]:
    """Return the scores of doing nothing; so far, that is what is decided, too."""
    return compare_scores(_desk(mode), [])


@figure(
    "One decision in a crash",
    choice("mode", "opened", _MODE_WORDS, "cross"),
    choice("order", "order", _ORDER_WORDS, "reduce"),
    slider("point", "decision point", tuple(range(1, 9)), 2, "{}"),
)
def desk(*, mode: str, order: str, point: int) -> Chart:
    """Return equity with the decision, and without."""
    opened, session, idle = _desk(mode), _session(mode, order, point), _session(mode, None, 0)
    stop = session.stops[point - 1]
    lines = (_line(session, "your decision", "equity"), _line(idle, "nothing done", "maintenance"))
    hour = _hours(opened, stop.time)
    since = f"hours since {str(opened.points[0])[:16].replace('T', ' ')} UTC, prices interpolated"
    panel = Panel(
        f"opened {_MODE_WORDS[mode]}: {_ORDER_WORDS[order]} at point {point}",
        Axis(since, (0.0, _hours(opened, opened.moments[-1][0]))),
        Axis("equity of the account [$]", (-500.0, 11_500.0)),
        lines=lines,
        markers=(
            Marker(f"point {point}, after {{}} h", "initial", hour, account_risk(stop.after.account).equity),
            _death(session, "your decision", "liquidation"),
            _death(idle, "nothing done", "bankruptcy"),
        ),
    )
    scores = _untouched(mode) | {"your decisions": score(session)}
    mine, nothing = scores["your decisions"], scores["nothing done"]
    if stop.refused:
        did = f"is refused ({stop.refused[0]})"
    else:
        did = f"changes the end by {money(mine.end - nothing.end, 0)}"
    when = str(stop.time)[5:16].replace("T", " ")
    sentence = (
        f"Two longs of {money(DOLLARS, 0)} at {LEVERAGE:g}x in May 2021, opened {_MODE_WORDS[mode]}, wallet "
        f"{money(WALLET, 0)}. To {_ORDER_WORDS[order]} at {when} UTC {did}: {money(mine.end, 0)} instead of "
        f"{money(nothing.end, 0)}. Prices between the recorded figures are interpolated."
    )
    rows = tuple(
        (
            name,
            money(each.end, 0),
            percent(each.end / WALLET - 1, 0),
            money(each.lowest, 0),
            money(each.fees, 0),
            ", ".join(symbol.removesuffix("USDT") for symbol in each.liquidated) or "none",
        )
        for name, each in scores.items()
    )
    columns = ("session", "equity at the end", "since the start", "lowest", "fees", "liquidated")
    title = "Equity in the crash of May 2021 with one decision, and without"
    return Chart(title, (panel,), sentence, Table(columns, rows))


def _hours(desk: Desk, when: object) -> float:
    """Return the hours since the first decision point."""
    return float((when - desk.points[0]).astype(float)) / 3_600  # type: ignore[operator]


def _line(session: Session, label: str, role: str) -> Line:
    """Return the equity of a session."""
    hours = tuple(_hours(session.desk, state.time) for state in session.states)
    return Line(label, role, hours, tuple(account_risk(each.account).equity for each in session.states))


def _death(session: Session, label: str, role: str) -> Marker:
    """Return the mark of the first liquidation of a session."""
    first = next((state for state in session.states if state.liquidations), None)
    if first is None:
        return Marker(label, role, None, 0.0, f"{label}: alive")
    label += ": gone at {} h"
    return Marker(label, role, round(_hours(session.desk, first.time), 1), account_risk(first.account).equity)
