"""The picture in a prediction's card: the guess and the truth on the lines of the very account that is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from marginlib.drawing.chart import Axis, Chart, Explorer, Line, Marker, Panel, Table, grid
from marginlib.drawing.live import ExplorerPanel
from marginlib.margin import Risk, risk
from marginlib.practice.bank import question
from marginlib.practice.beliefs import Case, answer
from marginlib.practice.card import Card
from marginlib.practice.judge import Number, Question
from marginlib.words import money


def _worth(case: Case, notional: float) -> Case:
    """Return a case whose position is worth that much."""
    (held,) = case.account.positions
    return replace(case, account=case.account.at({held.symbol: held.mark_price * notional / held.notional}))


def _moved(case: Case, price: float) -> Case:
    """Return a case whose first position has that mark price, and whose others have moved by as much."""
    factor = price / case.account.positions[0].mark_price
    return replace(case, account=case.account.at({p.symbol: p.mark_price * factor for p in case.account.positions}))


def _set(case: Case, leverage: float) -> Case:
    """Return a case whose one position has another leverage setting."""
    (held,) = case.account.positions
    return replace(case, account=replace(case.account, positions=(replace(held, leverage=leverage),)))


_WHERE = {"liquidation_price", "liquidation_move", "common_fall"}  # read off the place at which two lines meet
# What is read off the height of a line: what runs along it, where the question stands, the case elsewhere, and how many
# times lower the line begins: far below a price, what an inverse contract loses has no end.
_HEIGHTS: Mapping[str, tuple[str, Callable[[Case], float], Callable[[Case, float], Case], int]] = {
    "touch_probability": ("days", lambda case: case.days, lambda case, x: replace(case, days=x), 50),
    "maintenance_margin": ("value of the position [$]", lambda case: case.account.positions[0].notional, _worth, 50),
    "fee_on_margin": ("leverage setting [x]", lambda case: case.account.positions[0].leverage, _set, 50),
    "available_balance": (
        "coins in the order",
        lambda case: case.account.orders[0].quantity,
        lambda case, x: replace(
            case, account=replace(case.account, orders=(replace(*case.account.orders, quantity=x),))
        ),
        50,
    ),
    **dict.fromkeys(
        ("money_left", "equity"), ("price [$/coin]", lambda case: case.account.positions[0].mark_price, _moved, 2)
    ),
}
_ROLES = {"today": "mark", "computed": "liquidation", "your prediction": "isolated"}


def picture(asked: Question) -> Callable[[Any], ExplorerPanel] | None:
    """Return what draws a guess beside the truth; None for a question that no line of one account answers.

    Args:
        asked: the question.
    """
    if not isinstance(asked, Number) or asked.minus is not None or asked.ask not in _WHERE | _HEIGHTS.keys():
        return None
    chart = _where if asked.ask in _WHERE else _height

    def drawn(guess: Any) -> ExplorerPanel:  # noqa: ANN401 - a number, None for "none", ... for no prediction
        found = {"computed": asked.right} | ({} if guess is ... else {"your prediction": guess})
        made, title = chart(asked, found), f"Your prediction beside the answer ({asked.id})"
        return ExplorerPanel(Explorer(name="GUESS", title=title, controls=(), build=lambda: made))

    return drawn


def _where(asked: Number, found: dict[str, float | None]) -> Chart:
    """Return equity and maintenance margin of the pool along the price, or the fall, that is asked for."""
    case = asked.cases[0]
    pool = next(each for each in case.account.pools() if case.symbol in each.symbols)
    moved = [each for each in pool.positions if asked.ask == "common_fall" or each.symbol == case.symbol]
    today, most = (case.mark_price, 0.0) if asked.ask == "liquidation_price" else (0.0, -asked.times)

    def at(x: float) -> Risk:
        factor = max(x / today if today else 1 + x / asked.times, 1e-4)  # a price is above 0
        return risk(pool.at({each.symbol: each.mark_price * factor for each in moved}))

    found = {"today": today, **found}
    ends = [most if x is None else x for x in found.values()]
    room = 0.15 * (max(ends) - min(ends))
    first, last = (0.0, inf) if today else (-100.0, 100.0 if most > 0 else inf)  # no fall is deeper than 100 %
    end, drawn = found["computed"], grid(max(min(ends) - room, first), min(max(ends) + room, last), 41)
    along = [(x, at(x)) for x in (drawn if end is None else sorted({*drawn, end}))]
    side = [1.0 if end is None else (x - end) * (today - end) for x, _ in along]  # above 0 before the end, 0 at it
    alive = [each for each, way in zip(along, side, strict=True) if way >= 0]
    beyond = [each for each, way in zip(along, side, strict=True) if way <= 0]
    equity = Line.through("equity", "equity", [(x, now.equity) for x, now in alive])
    kept = Line.through("maintenance margin", "maintenance", [(x, now.maintenance) for x, now in alive])
    after = Line.through("equity if nobody closed it", "after", [(x, now.equity) for x, now in beyond])
    seen = {k: x for k, x in found.items() if x is not None}
    rows = {k: (money(at(x).equity), money(at(x).maintenance)) for k, x in seen.items()}
    told = f"At {asked.shown(asked.right)} the equity is down to the maintenance margin."
    if asked.right is None:
        told = "Equity stays above the maintenance margin: there is no such point."
    if (mine := found.get("your prediction")) is not None:
        enough = at(mine).equity > at(mine).maintenance
        lives = "that is enough, the pool still lives" if enough else "the pool is gone by then"
        has, needs = rows["your prediction"]
        told += f" At your {asked.shown(mine)} it would be {has}, with {needs} to keep: {lives}."
    marks = [Marker(f"{k}: {{}} {asked.unit}", _ROLES[k], round(x, 1), at(x).equity) for k, x in seen.items()]
    cells = tuple((f"{k}: {asked.shown(x)}", *rows[k]) for k, x in seen.items())
    across = "price [$/coin]" if today else asked.label.replace(", or none", "")
    return _chart((across, "[$]"), (equity, kept, after), marks, told, Table(("at", "equity", "to keep"), cells))


def _height(asked: Number, found: dict[str, float | None]) -> Chart:
    """Return the quantity that is asked for along what it depends on, with the guess above or below the truth."""
    label, where, there, lower = _HEIGHTS[asked.ask]
    case, here = asked.cases[0], where(asked.cases[0])
    along = [(x, asked.times * (answer(asked.ask, there(case, x)) or 0.0)) for x in grid(here / lower, 2 * here, 25)]
    heights = {k: y for k, y in found.items() if y is not None}
    told = f"The answer is {asked.shown(asked.right)}."
    if (gap := heights.get("your prediction", heights["computed"]) - heights["computed"]) != 0:
        size = f"{asked.shown(abs(gap)).removesuffix(' %')} points" if asked.unit == "%" else asked.shown(abs(gap))
        told += f" Your prediction lies {size} {'above' if gap > 0 else 'below'} it."
    marks = [Marker(f"{k}: {asked.shown(y)} at {{}}", _ROLES[k], round(here, 1), y) for k, y in heights.items()]
    table = Table(("which", asked.label), tuple((k, asked.shown(y)) for k, y in heights.items()))
    return _chart((label, asked.label), (Line.through(asked.label, "equity", along),), marks, told, table)


def _chart(labels: tuple[str, str], lines: tuple[Line, ...], marks: Sequence[Marker], told: str, table: Table) -> Chart:
    """Return the chart of some lines with a mark for the answer and one for the guess."""
    heights = [0.0, *(y for line in lines for y in line.y), *(each.y for each in marks)]
    widths = [x for line in lines for x in line.x]
    axes = Axis(labels[0], (min(widths), max(widths))), Axis(labels[1], (min(heights), 1.05 * max(heights)))
    guessed = any(each.role == _ROLES["your prediction"] for each in marks)
    title = "your prediction beside the answer" if guessed else "the answer"
    return Chart("Your prediction", (Panel(title, *axes, lines, tuple(marks)),), told, table)


def predict(question_id: str) -> Card:
    """Return the card of a prediction, with a picture of the guess beside the truth where the course can draw one.

    Args:
        question_id: the question, such as "02-price".
    """
    asked = question(question_id)
    return Card(asked, picture(asked))
