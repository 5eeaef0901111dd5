"""The picture of the idea: each pool is a tank, each position a pipe below it, and isolated means a tank of one's own.

Height is money, on one scale for all tanks of a panel: a tank's level is the equity of its pool, so the levels add up
to what the account has. All tanks are equally wide. A pipe is as wide as the position's notional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, pi, sin

from marginlib.drawing.chart import Area, Axis, Chart, Line, Note, Panel, Table
from marginlib.drawing.style import number_text
from marginlib.errors import MarginError
from marginlib.liquidation import bankruptcy_price, liquidation_prices
from marginlib.margin import risk
from marginlib.model import Account, Pool
from marginlib.words import decimals, money

_HALF = 0.42  # of a tank's width, where a place is 1 wide
_DEPTH = 0.6  # of what is below the ground, in heights of a tank
_WIDEST = 0.3  # of a pipe
_ROOMY = 3  # tanks beside each other in which a long word has room, on a phone too
_WRITTEN = 0.5  # dollars: less is written as none
Pools = Account | Sequence[Pool]
KIND = "Pools drawn as tanks: the level is equity, a line near the bottom maintenance margin, a pipe a position."
_WAVE = tuple(k / 8 for k in range(9))


@dataclass(frozen=True, slots=True)
class Pipe:
    """A position as a pipe below its tank."""

    label: str  # whose it is, such as "BTC"
    size: str  # its notional, as text
    width: float  # from 0 to 1, its notional as a share of the largest that the figure shows
    pnl: float = 0.0  # unrealized PnL, what has run through it [quote currency]
    # Where its pool is liquidated and where it is bankrupt, as texts; empty once it is liquidated.
    ends: tuple[str, ...] = ()
    shut: bool = False  # True once it is liquidated


@dataclass(frozen=True, slots=True)
class Tank:
    """A pool as a tank."""

    name: str  # what stands above it
    start: float  # equity at the start [quote currency]
    level: float  # equity now; 0 once it is liquidated
    line: float  # maintenance margin [quote currency]
    pipes: tuple[Pipe, ...] = ()  # its positions, two at most
    taken: float | None = None  # what the venue took when it was liquidated [quote currency]; None while it lives

    @property
    def state(self) -> str:
        """What has become of it, in words."""
        if self.taken is not None:
            return f"liquidated, {money(self.taken, 0)} to the venue"
        if not self.pipes:
            return "no position"
        return "open" if self.level > self.line else "liquidatable"


def tank(before: Pool, now: Pool, widest: float, taken: float = 0.0) -> Tank:
    """Return a pool as a tank.

    Args:
        before: the pool at the start.
        now: the pool now; where it has been liquidated, what is left of it: no position.
        widest: the largest notional that the figure shows [quote currency].
        taken: what went to the venue when it was liquidated [quote currency].
    """
    left, prices = risk(now), liquidation_prices(now)
    coins = [each.symbol.removesuffix("USDT") for each in before.positions]
    name = f"{coins[0]}'s own" if before.own else f"cross: {' + '.join(coins)}" if coins else "free wallet"
    held, pipes = {(each.symbol, each.quantity > 0): each for each in now.positions}, []  # of a hedge both legs
    for coin, opened in zip(coins, before.positions, strict=True):
        leg = held.get((opened.symbol, opened.quantity > 0))
        notional = (leg or opened).entry_notional
        size, width = money(notional, 0), notional / widest
        if leg is None:
            pipes.append(Pipe(coin, size, width, shut=True))
            continue
        ends = zip(("line", "dry"), (prices[leg.symbol], bankruptcy_price(now, leg.symbol)), strict=True)
        words = tuple(f"{word} {'none' if price is None else number_text(price)}" for word, price in ends)
        pipes.append(Pipe(coin, size, width, leg.unrealized_pnl, words))
    ended = bool(coins) and not held
    return Tank(name, risk(before).equity, left.equity, left.maintenance, tuple(pipes), taken if ended else None)


def tank_panel(title: str, tanks: Sequence[Tank | None], top: float, *, lens: bool = False) -> Panel:
    """Return tanks beside each other as a panel, always of as many parts.

    Args:
        title: what stands above it.
        tanks: one for each place; None where there is none.
        top: how high a tank is [quote currency].
        lens: True for the last dollars at a scale of their own: prices below the tanks instead of pipes.

    Example:
        >>> panel = tank_panel("one pool", [Tank("cross", 1_000, 600, 40)], 1_000)
        >>> panel.areas[1].y[1] == 600, [note.text for note in panel.notes][:2]
        (True, ['cross', '$600'])
    """
    areas, lines, notes = [], [], []
    for k, tank in enumerate(tanks):
        areas += _areas(tank, k + 0.5, top, named=not k)
        lines += _lines(tank, k + 0.5, top, named=not k)
        notes += _notes(tank, k + 0.5, top, tight=len(tanks) > _ROOMY)
    held = [(pipe, tank, k + 0.5, n) for k, tank in enumerate(tanks) if tank for n, pipe in enumerate(tank.pipes)]
    for pipe, tank, middle, n in sorted(held, key=lambda each: each[0].label):  # always in the same order
        aside, tight = n - (len(tank.pipes) - 1) / 2, len(tanks) > _ROOMY
        if not lens:
            parts, cross = _pipe(pipe, middle + (0.44 if tight else 0.36) * aside, top)
            areas += parts
            lines.append(cross)
        moved = f"{'+' if pipe.pnl > 0 else ''}{money(pipe.pnl, 0)}" * (abs(pipe.pnl) >= _WRITTEN)
        words = pipe.ends if lens else tuple(filter(None, (pipe.size, "shut" if pipe.shut else moved)))
        # Words are wider than pipes: those of two stand further apart, or on lines of their own.
        rows = ["", *words, ""] if tight and aside > 0 else [*words, "", ""]
        said = (pipe.label, *rows[:2])
        apart = 0.5 if tight else 1.05 if lens else 0.36 if len(tanks) <= 2 else 0.8  # noqa: PLR2004 - of few tanks they stand below each
        x, high = middle + apart * aside, -0.1 if lens else -0.34
        notes += [Note(text, x, (high - 0.1 * row) * top, strong=not row) for row, text in enumerate(said)]
    span = (0.0, float(len(tanks))) if len(tanks) > 1 else (-0.5, 1.5)  # a lone tank is as wide as one of two
    across, up = Axis("", span, floor=inf), Axis("[$]", (-_DEPTH * top, 1.16 * top), floor=0.0)
    return Panel(title, across, up, tuple(lines), areas=tuple(areas), notes=tuple(notes))


def tank_chart(title: str, held: Pools, start: Pools | None = None, taken: Sequence[float] = ()) -> Chart:
    """Return an account as tanks, with the sentence and the table.

    Args:
        title: what the figure is called.
        held: the account, or its pools; a pool that has been liquidated is what is left of it, without a position.
        start: the same at the start; left out, as it is now.
        taken: what went to the venue from each pool that has been liquidated [quote currency]; 0 for the others.

    Raises:
        MarginError: there is no pool, or not as many of them now as at the start.

    Example:
        >>> tank_chart("my account", Account(wallet_balance=500)).sentence
        'The account has $500 (free wallet $500).'
    """
    now, before = (each.pools() if isinstance(each, Account) else each for each in (held, start or held))
    counts = len(before), len(now), len(taken := taken or [0.0] * len(now))
    if len(set(counts)) > 1 or not now:
        raise MarginError(f"each tank is a pool at the start, a pool now and what was taken: {counts} are given")
    widest = max((each.entry_notional for pool in before for each in pool.positions), default=1.0)
    tanks = [tank(was, left, widest, gone) for was, left, gone in zip(before, now, taken, strict=True)]
    top = max(0.0, sum(each.start for each in tanks)) or 1.0  # all of it: on one scale for every partition
    panel = tank_panel(title, tanks, top)
    return Chart(title, (panel,), tank_sentence(tanks).replace("the", "The", 1), tank_table(tanks), KIND)


def tank_sentence(tanks: Sequence[Tank]) -> str:
    """Return what all tanks of an account hold, and each of them.

    Args:
        tanks: every pool of the account.
    """
    left, start = money(sum(each.level for each in tanks), 0), money(sum(each.start for each in tanks), 0)
    held = (f"{each.name} {money(each.level, 0) if each.taken is None else each.state}" for each in tanks)
    return f"the account has {left}{'' if left == start else f' of {start}'} ({'; '.join(held)})."


def tank_table(tanks: Sequence[Tank]) -> Table:
    """Return the numbers of the tanks of an account, and their sums.

    Args:
        tanks: every pool of the account.
    """
    columns = ("pool", "equity at the start", "equity now", "maintenance margin", "state")
    amounts = [(each.start, each.level, each.line) for each in tanks]
    sums = tuple(money(sum(column), 0) for column in zip(*amounts, strict=True))
    rows = [
        (each.name, *(money(amount, 0) for amount in row), each.state) for each, row in zip(tanks, amounts, strict=True)
    ]
    return Table(columns, (*rows, ("the account", *sums, "-")))


def _areas(tank: Tank | None, middle: float, top: float, *, named: bool) -> list[Area]:
    """Return the inside of a tank and the water in it."""
    label = "equity: the level" if named else ""
    if tank is None:
        return [Area("", "tank", (), ()), Area(label, "equity", (), ())]
    left, right = middle - _HALF, middle + _HALF
    level = min(tank.level, top)
    wave = min(0.008 * top, level / 2)  # around the level
    surface = [(left + 2 * _HALF * x, level + wave * sin(4 * pi * x)) for x in _WAVE] if level > 0 else []
    return [
        Area.through("", "tank", ((left, 0), (left, top), (right, top), (right, 0))),
        Area.through(label, "equity", [(left, 0), *surface, (right, 0)] if surface else ()),
    ]


def _lines(tank: Tank | None, middle: float, top: float, *, named: bool) -> list[Line]:
    """Return the walls of a tank, its line and its level at the start."""
    labels = ("level at the start", "maintenance margin: the line", "") if named else ("", "", "")
    if tank is None:
        return [Line(label, role, (), ()) for label, role in zip(labels, ("mark", "maintenance", "pool"), strict=True)]
    left, right = middle - _HALF, middle + _HALF
    walls = ((left, 1.03 * top), (left, 0), (right, 0), (right, 1.03 * top))
    line = tank.line if tank.line and tank.level else None
    return [
        Line.through(labels[0], "mark", ((left, tank.start), (right, tank.start)) if tank.start <= top else ()),
        Line.through(labels[1], "maintenance", ((left, line), (right, line)) if line else ()),
        Line.through(labels[2], "pool", walls),
    ]


def _notes(tank: Tank | None, middle: float, top: float, *, tight: bool) -> list[Note]:
    """Return a tank's name and its level, or that it has ended and what the venue took."""
    if tank is None:
        return [Note("", middle, 0.0, strong=row == 1) for row in range(5)]
    went = "" if tank.taken is None else money(tank.taken, 0)
    ended = ("ended", "venue", went) if tight else ("liquidated", f"venue {went}", "")
    high = min(max(tank.level, tank.line) / top + 0.075, 0.9) if tank.taken is None else 0.35
    level = (decimals if tight else money)(tank.level, 0)  # a narrow tank has no room for a "$", which the axis has
    return [
        Note(tank.name, middle, 1.1 * top),
        Note(("\u2191 " if tank.level > 1.001 * top else "") + level, middle, high * top, strong=True),
        *(Note(text if went else "", middle, (0.245 - 0.1 * row) * top) for row, text in enumerate(ended)),
    ]


def _pipe(pipe: Pipe, x: float, top: float) -> tuple[list[Area], Line]:
    """Return a pipe with an arrow for the way in which money runs; or, with a cross over it, the venue's bucket."""
    half, end = _WIDEST * pipe.width / 2, -0.16 * top
    body = Area.through("", "pipe", ((x - half, 0), (x - half, end), (x + half, end), (x + half, 0)))
    bucket = ((x - 0.1, -0.19 * top), (x - 0.07, -0.27 * top), (x + 0.07, -0.27 * top), (x + 0.1, -0.19 * top))
    tail, tip = (-0.19 * top, -0.26 * top) if pipe.pnl < 0 else (-0.26 * top, -0.19 * top)
    arrow = ((x - 0.07, tail), (x, tip), (x + 0.07, tail)) if abs(pipe.pnl) >= _WRITTEN else ()
    side, low, high = 0.11, -0.15 * top, -0.03 * top
    cross = ((x - side, low), (x + side, high), (x, (low + high) / 2), (x - side, high), (x + side, low))
    below = Area.through("", "equity", bucket if pipe.shut else arrow)
    return [body, below], Line.through("", "pool", cross if pipe.shut else ())
