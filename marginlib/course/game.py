"""Notebook 13, played: a crash that you have not seen, one decision at a time, and an end card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random, SystemRandom
from typing import Any

import numpy as np
from pandas import DataFrame

from marginlib import tables
from marginlib.course.figures.desk import SYMBOLS, WALLET, book
from marginlib.course.figures.race import at_hour, hours_of, prices_panel
from marginlib.drawing.chart import Chart, Explorer
from marginlib.drawing.frames import pack
from marginlib.drawing.live import ExplorerPanel
from marginlib.drawing.tanks import KIND, tank_panel, tank_sentence, tank_table
from marginlib.market import AddMargin, Close, Hold, Reduce, compare_scores, crash_desk, path_desk, play
from marginlib.market.desk import Desk, Order, Session
from marginlib.market.fleet import Array, fleet_ends
from marginlib.market.generate import jump_diffusion_path
from marginlib.market.paths import PricePath
from marginlib.market.recorded import crashes
from marginlib.market.replay import Rules
from marginlib.market.walk import crash_rulebooks
from marginlib.practice.form import Form, Stack
from marginlib.words import money, percent, text_html

POINTS, PATHS = 8, 16_384
_MADE_UP = 3  # of these seeds and the recorded events, each game draws one
WILD: dict[str, Any] = {  # of the paths that are made up: a crash's week, not a long run
    "volatility": {"BTCUSDT": 1.6, "ETHUSDT": 2.1},
    "correlation": 0.83,
    "jumps_per_year": 60.0,
    "jump_mean": -0.06,
    "jump_volatility": 0.08,
    "step": "2h",
}
_STEPS = 36
_FIRST = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
_MODES = {"cross": "both in cross", "eth": "ETH isolated", "isolated": "both isolated"}
_ORDERS: dict[str, tuple[str, Order]] = {
    "hold": ("Do nothing", Hold()),
    "half-btc": ("Sell half of BTC", Reduce("BTCUSDT", 0.5)),
    "half-eth": ("Sell half of ETH", Reduce("ETHUSDT", 0.5)),
    "close-btc": ("Close BTC", Close("BTCUSDT")),
    "close-eth": ("Close ETH", Close("ETHUSDT")),
    "add-btc": ("Add $1,000 to BTC", AddMargin("BTCUSDT", 1_000.0)),
    "add-eth": ("Add $1,000 to ETH", AddMargin("ETHUSDT", 1_000.0)),
}


def desk_of(seed: int, mode: str) -> Desk:
    """Return the desk of a game: a recorded event or made-up prices, as its seed draws."""
    events = [each.event for each in crashes()]
    chosen = Random(seed).randrange(len(events) + _MADE_UP)
    if chosen < len(events):
        return crash_desk(events[chosen], WALLET, book(mode))
    return made_up(jump_diffusion_path(_FIRST, seed=seed, steps=_STEPS, **WILD), mode)


def made_up(path: PricePath, mode: str) -> Desk:
    """Return a desk on prices that are made up."""
    return path_desk(path, WALLET, book(mode), rules=Rules(book=crash_rulebooks("cascade-2025")[0]), count=POINTS)


@cache
def many_paths(seed: int) -> tuple[PricePath, Array]:
    """Return one path and mark prices of `PATHS` paths, shape (moments, coins, paths): long paths cut into pieces."""
    pieces, runs = PATHS // 64, []
    for k in range(64):
        draw = np.random.default_rng((seed, k))
        long = jump_diffusion_path(_FIRST, seed=draw, steps=_STEPS * pieces, **WILD)
        runs.append(np.diff(np.log(long.mark_prices), axis=0).reshape(pieces, _STEPS, 2))
    moves = np.concatenate(runs).transpose(1, 2, 0)
    first = np.array(list(_FIRST.values()))[:, None]
    marks = first * np.exp(np.concatenate([np.zeros((1, 2, PATHS)), np.cumsum(moves, axis=0)]))
    return jump_diffusion_path(_FIRST, seed=seed, steps=_STEPS, **WILD), marks


def end_card(seed: int, mode: str, orders: Sequence[Order]) -> tuple[DataFrame, DataFrame]:
    """Return what a game came to, beside doing nothing and each mode held throughout: on its prices, and on many paths.

    Args:
        seed: of the game.
        mode: "cross", "eth" or "isolated", as opened.
        orders: one for each decision point.

    Returns:
        The scores of this game; and for the same decisions on `PATHS` made-up paths: how often anything was
        liquidated, the average at the end, and the average of the worst 5 %.
    """
    desk = desk_of(seed, mode)
    path, marks = many_paths(seed)
    rows = []
    for name, opened, plan in (
        ("your decisions", mode, orders),
        ("nothing done", mode, ()),
        ("cross, nothing done", "cross", ()),
        ("isolated, nothing done", "isolated", ()),
    ):
        ends, over = fleet_ends(made_up(path, opened), plan, marks)
        worst = np.sort(ends)[: PATHS // 20]
        rows.append((name, float(over.mean()), float(ends.mean()), float(worst.mean())))
    columns = ["on many paths", "liquidated [share]", "average end [$]", "worst 5 % [$]"]
    return tables.scores(compare_scores(desk, orders)), DataFrame(rows, columns=columns)


class _Controls(Form):
    """The buttons of the game and what is said below them."""

    def __init__(self, game: DeskGame) -> None:
        self._game = game
        super().__init__("[The desk. Run the cell to play it.]", "")

    def press(self, name: str) -> None:
        """Take the decision that a button stands for."""
        self._game.decide(name)


class DeskGame(Stack):
    """A desk that is led through a crash, one decision at a time; what comes is on the page only when it has come.

    Args:
        seed: draws the prices; the same seed is the same game for everybody.

    Example:
        >>> game = DeskGame(seed=3)
        >>> game.decide("isolated")
        >>> game.point, len(game.orders)
        (1, 0)
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.mode = seed, ""
        self.orders: list[Order] = []
        self.controls = _Controls(self)
        self.panel = ExplorerPanel(self.figure())
        super().__init__(children=[self.panel, self.controls])
        self._show()

    def __repr__(self) -> str:
        """Return what stands for the game where no kernel runs."""
        return "[The desk. Run the cell to play it.]"

    @property
    def point(self) -> int:
        """The decision point that is next, from 1; 0 before the mode is chosen."""
        return len(self.orders) + 1 if self.mode else 0

    @property
    def over(self) -> bool:
        """Whether the last decision has been taken."""
        return bool(self.mode) and len(self.orders) == len(desk_of(self.seed, self.mode).points)

    def decide(self, name: str) -> None:
        """Take a decision: a mode first, then one order at each point; "again" begins anew with another seed."""
        if name == "again":
            self.seed, self.mode, self.orders = SystemRandom().randrange(10_000), "", []
        elif not self.mode and name in _MODES:
            self.mode = name
        elif self.mode and not self.over and name in _ORDERS:
            self.orders = [*self.orders, _ORDERS[name][1]]
        self.panel.packed = pack(self.figure())
        self._show()

    def _session(self) -> Session:
        """Return the session so far; what is not decided yet is a hold, and is not shown."""
        return play(desk_of(self.seed, self.mode or "cross"), self.orders)

    def _now(self, session: Session) -> tuple[PricePath, float]:
        """Return the prices of the game, and how many hours have passed."""
        moments = session.desk.moments
        rows = [[marks[symbol] for symbol in SYMBOLS] for _, marks in moments]
        path = PricePath(
            symbols=SYMBOLS,
            times=np.array([when for when, _ in moments]),
            mark_prices=np.array(rows),
            label=session.desk.label,
        )
        times = [*session.desk.points, moments[-1][0]]
        return path, float((times[len(self.orders)] - times[0]).astype(float)) / 3_600

    def figure(self) -> Explorer:
        """Return the account as tanks and the prices up to now, as a figure with nothing to move."""
        session = self._session()
        path, now = self._now(session)
        hours = (path.times - path.times[0]).astype(float) / 3_600
        states = [each for each in session.states if hours_of(each, path) <= now]
        held = {each.symbol for each in states[-1].account.positions}
        gone = {each.symbol for state in states for each in state.liquidations}
        tanks = at_hour(states, path, now, frozenset(SYMBOLS) - held - gone)
        panels = (tank_panel("your account", [*tanks, None, None][:3], WALLET), prices_panel(path, hours, now))
        when = f"After {now:.1f} hours" if now else "At the start"
        chart = Chart("The desk", panels, f"{when} {tank_sentence(tanks)}", tank_table(tanks), KIND)
        return Explorer(name="DESK_GAME", title="The desk", controls=(), build=lambda: chart)

    def _show(self) -> None:
        """Show the buttons that make sense now, and what has happened since the last decision."""
        if not self.mode:
            asked = "Two longs of $12,500 at 5x. Choose the mode: it cannot be changed while a position is open."
            self.controls.html = _buttons(asked, _MODES)
            self.controls.say(f"Game {self.seed}. What comes is hidden.")
            return
        session = self._session()
        path, now = self._now(session)
        last = [each for each in session.states if hours_of(each, path) <= now][-1]
        self.controls.say(*self._happened(session, path, now))
        if self.over:
            self.controls.html = self._card(session)
            return
        held = {each.symbol: each.own_margin > 0 for each in last.account.positions}
        fitting = {
            name: words
            for name, (words, order) in _ORDERS.items()
            if not isinstance(order, Reduce | AddMargin)
            or (order.symbol in held and (held[order.symbol] or isinstance(order, Reduce)))
        }
        watched = ["notional [$]", "liquidation [$/coin]", "away [move]"]
        rows = tables.desk(last.account).reindex(columns=watched).iloc[: len(held)]  # nothing is held at the worst
        table = _scrolled(rows, "your positions") if held else ""
        asked = f"Decision {self.point} of {len(session.desk.points)}. What do you do?"
        self.controls.html = _buttons(asked, fitting, table)

    def _happened(self, session: Session, path: PricePath, now: float) -> list[str]:
        """Return what the last decision and the time after it brought, in words."""
        if not self.orders:
            return []
        stop = session.stops[len(self.orders) - 1]
        begun = hours_of(stop.before, path)
        told = [f"The venue refused: {each}." for each in stop.refused]
        for state in session.states:
            for each in state.liquidations if begun < hours_of(state, path) <= now else ():
                lost = money(each.settled_pnl - each.fee, 0)
                coin = each.symbol.removesuffix("USDT")
                told.append(
                    f"{coin} was liquidated at {each.mark_price:,.2f}, {hours_of(state, path):.1f} hours in: {lost}."
                )
        return told or ["Nothing was liquidated since that decision."]

    def _card(self, session: Session) -> str:
        """Return the end card as HTML: this game, many paths, and the seed to share."""
        scores, many = end_card(self.seed, self.mode, self.orders)
        mine = scores.iloc[0]
        lived = "Everything survived" if mine["liquidated"] == "none" else f"Liquidated: {mine['liquidated']}"
        end = mine["end [$]"]
        told = f"{money(end, 0)} at the end ({percent(end / WALLET - 1)}). {lived}. It was: {session.desk.name}."
        here = _scrolled(scores[["end [$]", "lowest [$]", "liquidated"]], "this game")
        wide = _scrolled(many, f"the same decisions on {PATHS:,} made-up paths")
        seed = f"To play the same game, or to let others play it: play_the_desk(seed={self.seed})"
        return (
            f'<div tabindex="-1" data-focus><p><strong>{text_html(told)}</strong></p>{here}{wide}'
            f'<p>{text_html(seed)}</p></div><button data-press="again">Another game</button>'
        )


def _scrolled(table: DataFrame, caption: str) -> str:
    """Return a table that is scrolled where the page is narrower."""
    shown = tables.show(table, caption, digits=0)._repr_html_()
    return f'<div class="marginlib-scroll" tabindex="0" role="group" aria-label="Table: {caption}">{shown}</div>'


def _buttons(asked: str, names: Mapping[str, str], table: str = "") -> str:
    """Return a question with its buttons."""
    made = " ".join(f'<button data-press="{name}">{text_html(words)}</button>' for name, words in names.items())
    return f'<p tabindex="-1" data-focus><strong>{text_html(asked)}</strong></p>{table}<p>{made}</p>'


def play_the_desk(seed: int | None = None) -> DeskGame:
    """Return a crash to be led through, one decision at a time, the future hidden.

    Args:
        seed: which game; left out, one that is drawn now, and told.
    """
    return DeskGame(SystemRandom().randrange(10_000) if seed is None else seed)
