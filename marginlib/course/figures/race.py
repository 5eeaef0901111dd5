"""Notebooks 04 and 09: one crash, two accounts: tanks that drain while the prices fall, until one ends first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from marginlib.course.figures.tanks import modes_sentence
from marginlib.drawing.chart import Axis, Chart, Line, Panel, Table, choice, figure, slider
from marginlib.drawing.tanks import KIND, Tank, tank, tank_panel
from marginlib.market import PricePath, Rules, Snapshot, crash, crash_rulebooks, jump_diffusion_path
from marginlib.market.walk import walk
from marginlib.model import Account, Pool
from marginlib.words import money

WALLET, MARGIN = 10_000.0, 2_500.0
GROUPS = "cross: the first tank; isolated: the other three"
_SYMBOLS = ("BTCUSDT", "ETHUSDT")
_EVENTS = {
    "black-thursday-2020": "March 2020",
    "may-crash-2021": "May 2021",
    "ftx-2022": "FTX 2022",
    "cascade-2025": "October 2025",
    "seed 1": "made up, seed 1",
    "seed 2": "made up, seed 2",
}
_RULES = "cascade-2025"  # whose risk tables hold for what is made up


@cache
def prices(event: str) -> PricePath:
    """Return the prices of an event: recorded figures, or a week of hours that a seed makes up."""
    if not event.startswith("seed"):
        return crash(event).path(_SYMBOLS, step="1d")
    return jump_diffusion_path(
        {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0},
        volatility={"BTCUSDT": 0.9, "ETHUSDT": 1.2},
        correlation=0.8,
        jumps_per_year=50.0,
        jump_mean=-0.05,
        jump_volatility=0.06,
        steps=168,
        seed=int(event.removeprefix("seed")),
    )


@cache
def replays(event: str, leverage: int) -> dict[str, tuple[Snapshot, ...]]:
    """Return the states of the same two longs in both modes."""
    path = prices(event)
    book = crash_rulebooks(_RULES if event.startswith("seed") else event)[0]
    _, first = next(path.marks())
    held = (book.position(each, MARGIN * leverage / price, price, leverage=leverage) for each, price in first.items())
    cross = tuple(held)
    modes = {"cross": cross, "isolated": tuple(each.isolated() for each in cross)}
    return {
        mode: walk(Snapshot.start(Account(wallet_balance=WALLET, positions=opened)), path.marks(), Rules(book=book))
        for mode, opened in modes.items()
    }


@figure(
    "Two accounts, one crash",
    choice("event", "prices", _EVENTS, "may-crash-2021"),
    slider("leverage", "leverage", (4, 6, 10), 4, "{}x"),
    slider("cursor", "time that has passed", tuple(range(101)), 0, "{} %", plays=True),
)
def race(*, event: str, leverage: int, cursor: int) -> Chart:
    """Return both accounts as tanks at a moment of an event, and the prices up to it."""
    path, runs = prices(event), replays(event, leverage)
    hours = (path.times - path.times[0]).astype(float) / 3_600
    now = float(hours[-1]) * cursor / 100
    drawn = {mode: at_hour(states, path, now) for mode, states in runs.items()}
    (cross,), (wallet, btc, eth) = ([short(each) for each in tanks] for tanks in drawn.values())
    tanks = tank_panel(GROUPS, (cross, btc, eth, wallet), WALLET)
    kind = "Prices between the recorded figures are interpolated." if path.interpolated else "These prices are made up."
    size = money(MARGIN * leverage, 0)
    sentence = f"Two longs of {size}, after {now:.1f} of {hours[-1]:.0f} hours. {modes_sentence(drawn)} {kind}"
    title = f"Two accounts in {_EVENTS[event]}, at {leverage}x"
    return Chart(title, (tanks, prices_panel(path, hours, now)), sentence, _table(runs, path, now), KIND)


def at_hour(
    states: Sequence[Snapshot], path: PricePath, now: float, closed: frozenset[str] = frozenset()
) -> list[Tank]:
    """Return the pools of an account as tanks, so many hours after the start; what the owner closed is left out."""
    start = states[0].account
    start = start.after(positions=[each for each in start.positions if each.symbol not in closed])
    past = [each for each in states if hours_of(each, path) <= now]
    held = {each.symbol for each in past[-1].account.positions}
    marks = {symbol: price for symbol, price in _marks(path, now).items() if symbol in held}
    pools = past[-1].account.at(marks).pools()
    own = {pool.positions[0].symbol: pool for pool in pools if pool.own}
    went = dict.fromkeys(_SYMBOLS, 0.0)
    for each in (each for state in past for each in state.liquidations):
        went[each.symbol] += each.fee + each.kept - each.fund_paid - each.deleveraged
    left = [own.get(pool.positions[0].symbol, Pool(collateral=0.0)) if pool.own else pools[0] for pool in start.pools()]
    return [
        tank(before, after, MARGIN * 10, sum(went[symbol] for symbol in before.symbols))
        for before, after in zip(start.pools(), left, strict=True)
    ]


def short(drawn: Tank) -> Tank:
    """Return a tank with few words: four stand beside each other, on a phone too."""
    pipes = tuple(replace(pipe, size="") for pipe in drawn.pipes)
    return replace(drawn, name=re.split(r":|'| wallet", drawn.name)[0], pipes=pipes)


def hours_of(state: Snapshot, path: PricePath) -> float:
    """Return the hours from the start of a path to a state."""
    return float((state.time - path.times[0]).astype(float)) / 3_600


def _marks(path: PricePath, now: float) -> dict[str, float]:
    """Return the prices so many hours after the start, on straight lines between the moments of the path."""
    seconds = (path.times - path.times[0]).astype(float)
    return {symbol: float(np.interp(now * 3_600, seconds, path.price(symbol))) for symbol in path.symbols}


def prices_panel(path: PricePath, hours: np.ndarray, now: float) -> Panel:
    """Return the prices up to now, as changes since the start: what comes is not drawn."""
    marks, kept = _marks(path, now), hours <= now
    lines = []
    for symbol, role in zip(_SYMBOLS, ("bankruptcy", "initial"), strict=True):
        first = path.price(symbol)[0]
        change = 100 * (marks[symbol] / first - 1)
        x, y = (*hours[kept].tolist(), now), (*(100 * (path.price(symbol)[kept] / first - 1)).tolist(), change)
        lines.append(Line(symbol.removesuffix("USDT"), role, x, y))
    across = Axis(
        "hours since the start, prices interpolated" if path.interpolated else "hours", (0.0, hours[-1].item())
    )
    up = Axis("since the start [%]", (-70.0, 30.0))
    return Panel("mark prices so far", across, up, tuple(lines), share=0.6)


def _table(runs: dict[str, tuple[Snapshot, ...]], path: PricePath, now: float) -> Table:
    """Return who was liquidated so far, when, at which price, and who paid what."""
    rows = [
        (
            f"{mode}: {each.symbol.removesuffix('USDT')}",
            f"{hours_of(state, path):.1f}",
            f"{each.mark_price:,.2f}",
            money(each.settled_pnl - each.fee, 0),
            money(each.fee + each.kept, 0),
        )
        for mode, states in runs.items()
        for state in states
        if hours_of(state, path) <= now
        for each in state.liquidations
    ]
    columns = ("liquidated so far", "hour", "mark price", "lost by the account", "of it to the venue")
    return Table(columns, tuple(rows) or (("nobody", "-", "-", "-", "-"),))
