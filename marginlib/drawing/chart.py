"""A figure as a table: lines, areas, markers, a sentence and a small table of the numbers, before anybody draws it.

A `Chart` is described once and drawn elsewhere. An `Explorer` is a figure with controls: a function from the values of
its controls to a `Chart`, each control with the finite list of values that it can take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from math import inf
from typing import Any, Self

from marginlib.errors import MarginError, unknown, wrong
from marginlib.liquidation import bankruptcy_price, liquidation_price
from marginlib.margin import risk
from marginlib.model import Contract, Health, Pool
from marginlib.words import money, percent, price_text

POINTS = 121  # of a line that bends


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a panel.

    Args:
        label: its name in the legend; empty for one that needs no name there.
        role: what it stands for, such as "equity" or "maintenance"; colour and dashes follow from it.
        x: positions along the horizontal axis.
        y: heights, as many as `x`.

    Example:
        >>> Line.through("equity", "equity", [(50_000, -400), (60_000, 600)]).y
        (-400, 600)
    """

    label: str
    role: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def through(cls, label: str, role: str, points: Iterable[tuple[float, float]]) -> Self:
        """Return the line through some points (x, y), or the area whose corners they are."""
        drawn = tuple(points)
        return cls(label, role, tuple(x for x, _ in drawn), tuple(y for _, y in drawn))


class Area(Line):
    """A part of a panel's plane with straight edges, such as all pairs of prices at which an account survives.

    Its points are its corners, in order around it; none for an area that is empty. Colour and hatching follow from its
    role. Later areas cover earlier ones.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Marker:
    """A point that matters, such as a liquidation price.

    Args:
        label: its name in the legend, with "{}" where its position stands; left out, the position follows the name.
        role: what it stands for, such as "liquidation"; colour and shape follow from it.
        x: position along the horizontal axis; None where there is no such price.
        y: height.
        absent: what the legend says where there is none; left out, the name and "none".
    """

    label: str
    role: str
    x: float | None
    y: float
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Words at a place of a panel, centred there.

    Args:
        text: what they say; empty for none.
        x: where they stand along the horizontal axis.
        y: their height.
        strong: True for what is read first; the rest is muted.
    """

    text: str
    x: float
    y: float
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a panel, which stays while the controls move unless the panel is a close-up.

    Args:
        label: its name, with its [unit].
        span: its lowest and its highest value.
        log: True for an axis in powers of ten.
        floor: where its numbers begin; infinity for an axis without numbers.
    """

    label: str
    span: tuple[float, float]
    log: bool = False
    floor: float = -inf


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes and what is drawn in it: always as many lines, markers and areas.

    Args:
        title: what stands above it.
        x: the horizontal axis.
        y: the vertical axis.
        lines: what is drawn.
        markers: the points that matter.
        areas: what is filled below the lines.
        near: True for a close-up of the panel before it, whose legend serves both.
        notes: words inside it.
        share: of the width, beside another of 1.
    """

    title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    markers: tuple[Marker, ...] = ()
    areas: tuple[Area, ...] = ()
    near: bool = False
    notes: tuple[Note, ...] = ()
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """A small table of texts, for those who would rather read than look.

    Args:
        columns: the headings.
        rows: the cells, as many in each row as there are headings.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure: its panels, one sentence that says what they show, and a table of the numbers.

    Args:
        title: what it is called, for those who do not see it.
        panels: one or two pairs of axes, and close-ups of them.
        sentence: what they show.
        table: the numbers.
        kind: what they are, for those who do not see them; left out, line charts.

    Example:
        >>> from marginlib.course import figures
        >>> figures.CONTAGION().alt[:81]
        'Contagion in a cross pool of $10,000. Line chart against SOL price move [%], with'
    """

    title: str
    panels: tuple[Panel, ...]
    sentence: str
    table: Table
    kind: str = ""

    @property
    def alt(self) -> str:
        """The text that stands for the picture where it is not seen."""
        if self.kind:
            return f"{self.title}. {self.kind} {self.sentence}"
        panel = self.panels[0]
        *others, last = (f'"{line.label}"' for line in panel.lines)
        lines = f"lines {', '.join(others)} and {last}" if others else f"line {last}"
        return f"{self.title}. Line chart against {panel.x.label}, with the {lines}. {self.sentence}"


@dataclass(frozen=True, slots=True)
class Handle:
    """A button that stands in the first panel and moves a choice, such as a wall between two tanks."""

    label: str  # its name for the reader
    across: float  # where it stands in the panel, from 0 at the left to 1
    down: float  # and from 0 at the top to 1
    to: tuple[Any, ...]  # for each value of the choice, in order, the value to which it leads; that one leads back


@dataclass(frozen=True, slots=True)
class Control:
    """A slider or a choice: the values that it can take, each with its text."""

    name: str  # the argument that it sets
    label: str  # its name for the reader, with the unit
    values: tuple[Any, ...]  # what it can be set to, in order
    texts: tuple[str, ...]  # how each value reads
    start: Any  # where it stands at first
    choice: bool = False  # True for a choice between a few words rather than a slider
    plays: bool = False  # True for a slider along time or steps, which can also play by itself
    path: tuple[Any, ...] = ()  # values that a hand draws one after the other; the control before it has their lowest
    handles: tuple[Handle, ...] = ()  # of a choice, on the picture itself

    def __post_init__(self) -> None:
        if self.start not in self.values:
            raise wrong(self.name, self.start, f"its start; give one of {', '.join(self.texts)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Explorer:
    """A figure with controls; calling it with values gives the `Chart`, values left out stand at their start.

    Raises:
        UnknownNameError: there is no such control.
        MarginError: a control cannot take the value.

    Example:
        >>> from marginlib.course import figures
        >>> figures.ISOLATED(leverage=10).table.rows[0]
        ('liquidation price', '54,216.87')
    """

    name: str  # what it is called in code, in capitals
    title: str  # what it is called
    controls: tuple[Control, ...]  # what can be moved
    build: Callable[..., Chart]  # the function that makes the chart from the controls' values, given by name
    # Every frame, where they were computed beforehand (`marginlib.drawing.frames.pack`); left out, they are computed
    # when the figure is explored.
    packed: bytes = field(default=b"", repr=False, compare=False)

    def __call__(self, **values: object) -> Chart:
        """Return the chart for these values of the controls."""
        return self.build(**self.settings(**values))

    def settings(self, **values: object) -> dict[str, Any]:
        """Return a value for each control: these, and the start of those left out."""
        known = {control.name: control for control in self.controls}
        for name, value in values.items():
            if name not in known:
                raise unknown("control", name, known, f"{self.name} has")
            if value not in known[name].values:
                raise unknown(name, value, map(repr, known[name].values), kind=MarginError)
        return {name: values.get(name, control.start) for name, control in known.items()}

    def places(self, settings: Mapping[str, object]) -> list[int]:
        """Return the place of each control's value among its values."""
        return [control.values.index(settings[control.name]) for control in self.controls]


def grid(low: float, high: float, points: int = POINTS, *, log: bool = False) -> tuple[float, ...]:
    """Return evenly spaced values from low to high.

    Args:
        low: the first value.
        high: the last value.
        points: how many there are, at least two.
        log: True for equal ratios instead of equal steps.

    Example:
        >>> grid(0, 10, 3)
        (0.0, 5.0, 10.0)
    """
    if log:
        return tuple(low * (high / low) ** (k / (points - 1)) for k in range(points))
    return tuple(low + (high - low) * k / (points - 1) for k in range(points))


def pool_panel(pool: Pool, symbol: str, title: str, prices: tuple[float, float], amounts: tuple[float, float]) -> Panel:
    """Return equity and maintenance margin of a pool along one price, with its liquidation and bankruptcy price.

    Both lines end where the pool is liquidated. What its equity would be from there to bankruptcy is a line of its own:
    nobody owes more.

    Args:
        pool: the pool.
        symbol: the price that moves; the other marks are held.
        title: what stands above the panel.
        prices: lowest and highest price drawn [quote currency per base coin].
        amounts: lowest and highest amount drawn [quote currency].

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> pool = Pool(collateral=600, positions=(btc,))
        >>> panel = pool_panel(pool, "BTCUSDT", "10x", (50_000, 70_000), (-500, 2_000))
        >>> [marker.label for marker in panel.markers]
        ['mark price now', 'liquidation price', 'bankruptcy price']
    """
    liquidation, bankruptcy = liquidation_price(pool, symbol), bankruptcy_price(pool, symbol)
    kept = 0.0 if liquidation is None else risk(pool.at({symbol: liquidation})).maintenance
    # A close-up shows both prices with room around them, wherever they stand.
    shown = [price for price in (liquidation, bankruptcy) if price is not None]
    gap = max(shown, default=0.0) - min(shown, default=0.0)
    high = max([prices[1], *(price + gap for price in shown)])
    span = max(min([prices[0], *(price - gap for price in shown)]), high / 1e4), high
    alive = _alive(pool, symbol, span)
    along = [risk(pool.at({symbol: price})) for price in alive]
    after: tuple[float, ...] = ()
    if liquidation is not None:
        beyond = bankruptcy or (span[1] if not alive or liquidation > alive[0] else span[0])
        after = _breaks(pool, symbol, (min(liquidation, beyond), max(liquidation, beyond)))
    left = tuple(risk(pool.at({symbol: price})).equity for price in after)
    now = next(each.mark_price for each in pool.positions if each.symbol == symbol)
    return Panel(
        title,
        Axis(f"{symbol.removesuffix('USDT')} mark price [$]", prices),
        Axis("[$]", amounts),
        lines=(
            Line("equity", "equity", alive, tuple(each.equity for each in along)),
            Line("maintenance margin", "maintenance", alive, tuple(each.maintenance for each in along)),
            Line("equity if nobody closed it", "after", after, left),
        ),
        markers=(
            Marker("mark price now", "mark", now, risk(pool).equity),
            Marker("liquidation price", "liquidation", liquidation, kept),
            Marker("bankruptcy price", "bankruptcy", bankruptcy, 0.0),
        ),
    )


def _alive(pool: Pool, symbol: str, span: tuple[float, float]) -> tuple[float, ...]:
    """Return the prices of a span between which a pool lives and its lines are straight, none where it never lives.

    It lives in one piece of the span, whose ends are the span's or a liquidation price: the nearest to that end.
    """
    ends = []
    for price in span:
        there = pool.at({symbol: price})
        ends.append(price if risk(there).health is Health.HEALTHY else liquidation_price(there, symbol))
    low, high = ends
    return () if low is None or high is None or low >= high else _breaks(pool, symbol, (low, high))


def close_up(panel: Panel) -> Panel:
    """Return a panel once more, at the scale of the place where equity meets the maintenance margin.

    It shows the liquidation and the bankruptcy price apart, and the maintenance margin above zero. Where no price
    liquidates the pool, it shows the prices at which the equity is smallest.

    Args:
        panel: a panel with a line "equity" first, and markers of the roles "liquidation" and "bankruptcy".

    Example:
        >>> from marginlib.course import figures
        >>> near = figures.ISOLATED(leverage=10).panels[1]
        >>> [round(price) for price in near.x.span], [round(amount, 1) for amount in near.y.span]
        ([53848, 54434], [-8.1, 43.4])
    """
    ends = {marker.role: marker for marker in panel.markers}
    end, broke = ends["liquidation"], ends["bankruptcy"]
    if not panel.lines[0].x:
        return replace(panel, near=True)
    if end.x is None or not end.y:
        x, y = _least(panel)
        title = "close-up: where it has least"
    else:
        # Of one position that lives at higher prices the gap is above zero, of one that lives at lower ones below.
        gap = end.x - (broke.x or 0.0)
        one, other = max(0.0, end.x - 1.7 * gap), end.x + gap
        title, x, y = "close-up: where it ends", (min(one, other), max(one, other)), (-0.45 * end.y, 2.4 * end.y)
    return replace(panel, title=title, x=replace(panel.x, span=x), y=replace(panel.y, span=y), near=True)


def _least(panel: Panel) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return prices and amounts at the end of a panel at which its first line is lower."""
    line, (left, right) = panel.lines[0], panel.x.span
    width = 0.1 * (right - left)
    inner, outer = (1, 0) if line.y[0] <= line.y[-1] else (-2, -1)
    slope = abs((line.y[inner] - line.y[outer]) / (line.x[inner] - line.x[outer]))
    most = line.y[outer] + slope * width or 1.0
    return (right - width, right) if outer else (left, left + width), (-0.2 * most, 1.2 * most)


def _breaks(pool: Pool, symbol: str, span: tuple[float, float]) -> tuple[float, ...]:
    """Return the prices between which a pool's lines are straight: the ends, and where a leg crosses into a tier.

    An inverse contract's lines bend everywhere: they are drawn through many points.
    """
    legs = [position for position in pool.positions if position.symbol == symbol]
    if any(leg.contract is not Contract.LINEAR for leg in legs):
        return grid(*span)
    edges = {floor / abs(leg.quantity) for leg in legs if leg.quantity for floor in leg.schedule.floors}
    return (span[0], *sorted(price for price in edges if span[0] < price < span[1]), span[1])


def pool_chart(pool: Pool, symbol: str = "", *, title: str = "", x_range: tuple[float, float] | None = None) -> Chart:
    """Return the chart of one pool along one price: for any pool of your own.

    Args:
        pool: the pool.
        symbol: the price that moves; the other marks are held. Left out, the first of the pool.
        title: what the figure is called; left out, the money and the symbol.
        x_range: lowest and highest price drawn [quote currency]; left out, half to one and a half times the mark, or
            more where the liquidation or the bankruptcy price lies further out.

    Example:
        >>> from marginlib import rulebook
        >>> btc = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 0.1, 60_000, leverage=10)
        >>> pool_chart(Pool(collateral=600, positions=(btc,)), "BTCUSDT", title="10x long").sentence
        'BTCUSDT is at 60,000.00. The pool is liquidated at 54,216.87 (-9.6 %) and bankrupt at 54,000.00.'
    """
    symbol = symbol or next(iter(pool.symbols), "")
    mark = next((each.mark_price for each in pool.positions if each.symbol == symbol), None)
    if mark is None:
        raise unknown("symbol", symbol, pool.symbols or ["none, for the pool has no position"])
    title = title or f"{money(pool.collateral, 0)} behind {' + '.join(pool.symbols)}"
    ends = [each for each in (liquidation_price(pool, symbol), bankruptcy_price(pool, symbol)) if each is not None]
    if x_range and not x_range[0] < x_range[1]:
        raise wrong("x_range", x_range, "give the lower end, then the higher one")
    span = x_range or (min([0.5 * mark, *(0.9 * end for end in ends)]), max([1.5 * mark, *(1.1 * end for end in ends)]))
    equities = [risk(pool.at({symbol: max(end, mark / 1e4)})).equity for end in span]
    panel = pool_panel(pool, symbol, title, span, (min(0.0, *equities), max(0.0, *equities)))
    sentence = f"{symbol} is at {price_text(mark)}. {pool_sentence(pool, symbol)}"
    return Chart(title, (panel, close_up(panel)), sentence, pool_table(pool, symbol))


def pool_sentence(pool: Pool, symbol: str) -> str:
    """Return where the pool is liquidated and bankrupt, in words.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> pool_sentence(Pool(collateral=6_000, positions=(btc,)), "BTCUSDT")
        'No positive price liquidates the pool.'
    """
    mark = next(each.mark_price for each in pool.positions if each.symbol == symbol)
    liquidation, bankruptcy = liquidation_price(pool, symbol), bankruptcy_price(pool, symbol)
    if liquidation is None:
        return "No positive price liquidates the pool."
    end = "and no positive price makes it bankrupt." if bankruptcy is None else f"and bankrupt at {bankruptcy:,.2f}."
    return f"The pool is liquidated at {liquidation:,.2f} ({percent(liquidation / mark - 1)}) {end}"


def pool_table(pool: Pool, symbol: str) -> Table:
    """Return the numbers of a pool along one price.

    Args:
        pool: the pool.
        symbol: whose liquidation and bankruptcy price are shown.
    """
    now = risk(pool)
    rows = (
        ("liquidation price", price_text(liquidation_price(pool, symbol))),
        ("bankruptcy price", price_text(bankruptcy_price(pool, symbol))),
        ("equity", money(now.equity)),
        ("notional", money(now.notional)),
        ("initial margin", money(now.initial)),
        ("maintenance margin", money(now.maintenance)),
        ("effective leverage", times(now.effective_leverage)),
    )
    return Table(("of the pool", "value"), rows)


def times(leverage: float) -> str:
    """Return a leverage as text; it is infinite where no equity is left.

    Example:
        >>> times(10.0), times(float("inf"))
        ('10.00x', 'none: no equity left')
    """
    return "none: no equity left" if leverage == inf else f"{leverage:.2f}x"


def slider(
    name: str,
    label: str,
    values: Sequence[float],
    start: float,
    text: str | Callable[[Any], str],
    *,
    plays: bool = False,
    path: Sequence[float] = (),
) -> Control:
    """Return a slider whose values read as `text.format(value)`, or as `text(value)`.

    Args:
        name: the argument that it sets.
        label: its name for the reader, with the unit.
        values: what it can be set to, in order.
        start: where it stands at first.
        text: how a value reads, such as "{}x", or a function that writes it, such as `marginlib.words.percent`.
        plays: True where it runs along time or steps, and can also play by itself.
        path: where it also follows a path that is drawn by hand, the values drawn at first, all from `start` on. The
            control before it then follows the lowest so far: its values are the first of these, up to `start`.

    Example:
        >>> slider("leverage", "leverage setting", (5, 10), 5, "{}x").texts
        ('5x', '10x')
        >>> slider("move", "price move", (-5, 0, 5), 0, lambda move: percent(move / 100, 0)).texts
        ('-5 %', '0 %', '+5 %')
    """
    written = text.format if isinstance(text, str) else text
    return Control(name, label, tuple(values), tuple(map(written, values)), start, plays=plays, path=tuple(path))


def choice(name: str, label: str, words: Mapping[Any, str], start: object, handles: Sequence[Handle] = ()) -> Control:
    """Return a choice between a few words.

    Args:
        name: the argument that it sets.
        label: its name for the reader.
        words: each value with the words that stand for it.
        start: the value chosen at first.
        handles: what moves it on the picture itself, too.

    Example:
        >>> choice("direction", "side", {1: "long", -1: "short"}, 1).texts
        ('long', 'short')
    """
    return Control(name, label, tuple(words), tuple(words.values()), start, choice=True, handles=tuple(handles))


def figure(title: str, *controls: Control, **short: object) -> Callable[[Callable[..., Chart]], Explorer]:
    """Make a figure of a function: what it is called, and the controls whose values the function takes by name.

    A control may be given in short, as `ipywidgets.interact` takes it: (lowest, highest) or (lowest, highest, step) for
    a slider, a list or a dictionary {text: value} for a choice, True or False for yes and no. It starts at the
    function's own default, or else in the middle of a slider and at the first of a choice.

    Args:
        title: what the figure is called.
        controls: what can be moved, each with the name of an argument.
        short: more of them, in short.

    Raises:
        MarginError: a short form is none of these, or the function's default is none of its values.

    Example:
        >>> from marginlib import Pool, rulebook
        >>> @figure("A pool of your own", wallet=(600, 900, 100))
        ... def mine(wallet=600):
        ...     btc = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 0.1, 60_000, leverage=10)
        ...     return pool_chart(Pool(collateral=wallet, positions=(btc,)))
        >>> mine.controls[0].texts, mine(wallet=900).table.rows[0]
        (('600', '700', '800', '900'), ('liquidation price', '51,204.82'))
    """

    def made(build: Callable[..., Chart]) -> Explorer:
        starts = {name: each.default for name, each in signature(build).parameters.items()}
        more = [_control(name, given, starts.get(name, Parameter.empty)) for name, given in short.items()]
        return Explorer(name=build.__name__.upper(), title=title, controls=(*controls, *more), build=build)

    return made


def _control(name: str, given: object, start: Any) -> Control:  # noqa: ANN401 - whatever the function takes
    """Return a control from its short form."""
    label, words = name.replace("_", " "), given
    if isinstance(given, bool):
        words, start = {"no": False, "yes": True}, given if start is Parameter.empty else start
    if isinstance(words, tuple) and len(words) in {2, 3} and all(isinstance(x, int | float) for x in words):
        low, high, *given_step = words
        step = given_step[0] if given_step else 1 if all(isinstance(x, int) for x in words) else (high - low) / 20
        if not 0 < step <= high - low:
            raise wrong(name, given, "give the lowest, then the highest, and a step above 0 that fits between them")
        many = int((high - low) / step + 1e-9)  # where the step does not end at the highest, it is not passed
        values = [round(low + k * step, 12) for k in range(many + 1)]  # 0.3, not 0.30000000000000004
        begin = values[many // 2] if start is Parameter.empty else start
        made = slider(name, label, values, begin, lambda value: f"{value:,.10g}")
    elif isinstance(words, Mapping | list) and words:
        pairs = words if isinstance(words, Mapping) else {str(each): each for each in words}
        first = next(iter(pairs.values())) if start is Parameter.empty else start
        made = choice(name, label, {value: text for text, value in pairs.items()}, first)
    else:
        raise wrong(name, given, "give (lowest, highest), (lowest, highest, step), a list, a dictionary, True or False")
    return made
