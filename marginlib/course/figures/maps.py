"""Figures of notebook 06: over two prices at once, where an account survives; and what a hedge does.

Over two prices *equity - maintenance* of a pool is a concave function made of flat pieces. So the prices at which the
pool survives make a convex region with straight edges, whose corners lie on tier edges only: they are computed one by
one with `liquidation_price`, and no price is searched for.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise

from marginlib.course.figures.tiers import TIER_DATE
from marginlib.drawing.chart import Area, Chart, Explorer, Line, Marker, Panel, Table, choice, slider
from marginlib.errors import MarginError
from marginlib.liquidation import common_shock, liquidation_price
from marginlib.margin import risk
from marginlib.model import Account, Contract, Health, MaintenanceBasis, Pool, Position
from marginlib.venues import rulebook
from marginlib.words import money, percent, price_text

__all__ = ["HEDGE", "SURVIVAL_MAP", "safe_corners", "survival_chart"]

Point = tuple[float, float]
Span = tuple[float, float]

# ---------------------------------------------------------------------------------------------------------------------
# the region, exactly
# ---------------------------------------------------------------------------------------------------------------------


def safe_corners(pool: Pool, across: str, up: str, x_range: Span, y_range: Span) -> tuple[Point, ...]:
    """Return the corners of the region of two prices in which a pool is not liquidated, in order around it.

    The region is convex. A corner lies on the border of the ranges, or on the liquidation line where one of the two
    notionals stands on a tier edge: so along every tier edge of one symbol the other's liquidation price is a point of
    it, and the region is what these points span.

    Args:
        pool: a pool of linear contracts; symbols other than the two keep their marks.
        across: the symbol of the horizontal axis.
        up: the symbol of the vertical axis.
        x_range: lowest and highest price of `across`, above 0 [quote currency].
        y_range: lowest and highest price of `up`, above 0 [quote currency].

    Returns:
        (price of `across`, price of `up`) of each corner; none where no pair of prices keeps the pool.

    Raises:
        MarginError: the pool has an inverse contract, whose region is not convex in the price.

    Example:
        >>> rules = rulebook("binance_usdm", "2026-09-29")
        >>> longs = rules.position("BTCUSDT", 0.5, 60_000), rules.position("ETHUSDT", 10, 3_000)
        >>> pool = Pool(collateral=10_000, positions=longs)
        >>> corners = safe_corners(pool, "BTCUSDT", "ETHUSDT", (30_000, 90_000), (1_500, 4_500))
        >>> [(round(x), round(y)) for x, y in corners]
        [(30000, 3520), (70402, 1500), (90000, 1500), (90000, 4500), (30000, 4500)]
    """
    if any(position.contract is not Contract.LINEAR for position in pool.positions):
        raise MarginError(
            "contract: give a pool of linear contracts; the region of an inverse one is not convex in its price"
        )
    points = [
        *((x, y) for x in _edges(pool, across, x_range) for y in _zeros(pool.at({across: x}), up, y_range)),
        *((x, y) for y in _edges(pool, up, y_range) for x in _zeros(pool.at({up: y}), across, x_range)),
        *((x, y) for x in x_range for y in y_range if risk(pool.at({across: x, up: y})).health is Health.HEALTHY),
    ]
    return _hull(points, x_range[1] - x_range[0], y_range[1] - y_range[0])


@lru_cache(maxsize=256)
def _corners(pool: Pool, symbols: tuple[str, str], spans: tuple[Span, Span]) -> tuple[Point, ...]:
    """Return the corners again for prices that move over a map that stays."""
    return safe_corners(pool, *symbols, *spans)


def _edges(pool: Pool, symbol: str, span: Span) -> list[float]:
    """Return the prices in the span at which a leg of the symbol crosses into another tier, and the span's ends."""
    edges = [
        floor / abs(leg.quantity)
        for leg in pool.positions
        if leg.symbol == symbol and leg.maintenance_basis is MaintenanceBasis.MARK
        for floor in leg.schedule.floors[1:]
    ]
    return [*span, *(price for price in edges if span[0] < price < span[1])]


def _zeros(pool: Pool, symbol: str, span: Span) -> list[float]:
    """Return the prices in the span at which the pool is liquidated: at most two, so each is nearest to one end."""
    nearest = {liquidation_price(pool.at({symbol: end}), symbol) for end in span}
    # A price that rounding puts beside the end of the span is on it.
    near = [(price, min(max(price, span[0]), span[1])) for price in nearest if price is not None]
    return [held for price, held in near if abs(price - held) <= _ROUNDING * held]


_ROUNDING = 1e-12


def _hull(points: list[Point], width: float, height: float) -> tuple[Point, ...]:
    """Return the corners of what the points span, counter-clockwise; points on a straight edge are no corners."""
    ordered = sorted(set(points))
    halves: list[list[Point]] = []
    for way in (ordered, ordered[::-1]):
        half: list[Point] = []
        for point in way:
            while len(half) > 1 and _turn(half[-2], half[-1], point) <= _ROUNDING * width * height:
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    corners = (*halves[0], *halves[1])
    return corners if len(corners) > 2 else ()  # noqa: PLR2004 - a line holds no area


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return twice the area of the triangle, + where the way from a over b to c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _frontier(pool: Pool, symbols: tuple[str, str], corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the corners that lie on the liquidation line, from left to right."""
    found = []
    for x, y in corners:
        now = risk(pool.at({symbols[0]: x, symbols[1]: y}))
        if abs(now.equity - now.maintenance) <= 1e-9 * now.notional:
            found.append((x, y))
    return tuple(sorted(found))


# ---------------------------------------------------------------------------------------------------------------------
# 06: the survival map
# ---------------------------------------------------------------------------------------------------------------------

# Each area's role, legend and the word written inside it; a later one covers what it shares with an earlier one.
_AREAS = (
    ("isolated", "cross is gone, one isolated position lives", "one isolated"),
    ("neither", "no position survives", "none"),
    ("cross", "only cross keeps both positions", "only cross"),
    ("both", "both modes keep both positions", "both modes"),
)


def survival_chart(
    wallet_balance: float, positions: tuple[Position, Position], *, title: str, reach: float = 0.5
) -> Chart:
    """Return the map of two prices: which pairs of prices a book survives in cross margin, which isolated.

    Isolated, each position has its initial margin (entry notional / leverage) behind it, and the rest of the wallet
    stands behind nothing. In cross the whole wallet stands behind both.

    Args:
        wallet_balance: the money in the account [quote currency].
        positions: two linear positions, of different symbols, in any margin mode.
        title: what the figure is called.
        reach: how far the map goes up and down from the entry prices [1].

    Raises:
        MarginError: the symbols are the same, a contract is inverse, or the wallet is less than the initial margins.

    Example:
        >>> rules = rulebook("binance_usdm", "2026-09-29")
        >>> btc = rules.position("BTCUSDT", 0.5, 60_000, leverage=6)
        >>> eth = rules.position("ETHUSDT", 10, 3_000, leverage=6)
        >>> survival_chart(10_000, (btc, eth), title="two longs").table.rows[0]
        ('cross', 'alive, equity $10,000.00', '40,401.61', '2,020.08')
    """
    if len({position.symbol for position in positions}) != len(positions) or len(positions) != 2:  # noqa: PLR2004
        raise MarginError(
            f"positions = {', '.join(each.symbol for each in positions)}: give two positions of different symbols"
        )
    across, up = symbols = (positions[0].symbol, positions[1].symbol)
    spans = [(each.entry_price * (1 - reach), each.entry_price * (1 + reach)) for each in positions]
    (cross,) = Account(wallet_balance=wallet_balance, positions=tuple(each.cross() for each in positions)).pools()
    _, *alone = Account(wallet_balance=wallet_balance, positions=tuple(each.isolated() for each in positions)).pools()
    at = [liquidation_price(pool, symbol) for pool, symbol in zip(alone, symbols, strict=True)]
    parts = [_parts(*each) for each in zip(positions, at, spans, strict=True)]
    corners = _corners(cross.at({each.symbol: each.entry_price for each in positions}), symbols, tuple(spans))
    shapes = {
        "isolated": _rectangle(*spans),
        "neither": _rectangle(*(dead for _, dead in parts)),
        "cross": corners,
        "both": _rectangle(*(safe for safe, _ in parts)),
    }
    marks = (positions[0].mark_price, positions[1].mark_price)
    now = tuple(int((mark - low) / (high - low) * _CELLS) for mark, (low, high) in zip(marks, spans, strict=True))
    words = _places(tuple(shapes.items()), tuple(spans), now)
    line = _frontier(cross, symbols, corners)
    panel = Panel(
        title=title,
        x_label=f"{_coin(across)} mark price [$]",
        y_label=f"{_coin(up)} mark price [$]",
        x_range=spans[0],
        y_range=spans[1],
        areas=tuple(
            Area(
                label=label,
                role=role,
                x=tuple(x for x, _ in shapes[role]),
                y=tuple(y for _, y in shapes[role]),
                word=word,
                word_at=words.get(role),
            )
            for role, label, word in _AREAS
        ),
        lines=(
            Line(
                label="cross is liquidated on this line",
                role="liquidation",
                x=tuple(x for x, _ in line),
                y=tuple(y for _, y in line),
            ),
            Line(
                label=f"isolated {_coin(across)} is liquidated here",
                role="isolated",
                x=() if at[0] is None else (at[0], at[0]),
                y=() if at[0] is None else spans[1],
            ),
            Line(
                label=f"isolated {_coin(up)} is liquidated here",
                role="initial",
                x=() if at[1] is None else spans[0],
                y=() if at[1] is None else (at[1], at[1]),
            ),
        ),
        markers=(Marker(label=f"now, {_coin(across)} at", role="mark", x=marks[0], y=marks[1]),),
    )
    states = [_state(pool) for pool in (cross, *alone)]
    moved = [
        f"{_coin(each.symbol)} at {_price(each.mark_price).removesuffix('.00')} "
        f"({percent(each.mark_price / each.entry_price - 1, 0)})"
        for each in positions
    ]
    sentence = (
        f"{' and '.join(moved)}. Cross: {states[0]}. "
        f"Isolated {_coin(across)}: {states[1]}; isolated {_coin(up)}: {states[2]}."
    )
    held = [_price(liquidation_price(cross, symbol)) for symbol in symbols]
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=Table(
            columns=("pool", "at these prices", f"{_coin(across)} liquidation price", f"{_coin(up)} liquidation price"),
            rows=(
                ("cross", states[0], *held),
                (f"isolated {_coin(across)}", states[1], _price(at[0]), "-"),
                (f"isolated {_coin(up)}", states[2], "-", _price(at[1])),
            ),
        ),
        alt=(
            f"{title}. Map of {_coin(across)} and {_coin(up)} prices: isolated, both positions survive inside a box; "
            f"in cross, on one side of a line. {sentence}"
        ),
    )


def _coin(symbol: str) -> str:
    """Return the coin's name for an axis."""
    return symbol.removesuffix("USDT")


def _price(price: float | None) -> str:
    """Return a price as text, with more digits where it is a part of a dollar."""
    return price_text(price) if price is None or price >= 1 else f"{price:.4f}"


def _parts(position: Position, liquidation: float | None, span: Span) -> tuple[Span, Span]:
    """Return the parts of the span in which a lone position lives and is gone; where it starts it lives."""
    low, high = span
    if position.quantity > 0:
        edge = min(max(low if liquidation is None else liquidation, low), high)
        return (edge, high), (low, edge)
    edge = min(max(high if liquidation is None else liquidation, low), high)
    return (low, edge), (edge, high)


def _rectangle(x: Span, y: Span) -> tuple[Point, ...]:
    """Return the corners of a rectangle, none where it has no area."""
    if x[0] == x[1] or y[0] == y[1]:
        return ()
    return ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))


def _state(pool: Pool) -> str:
    """Return what has become of a pool whose prices went straight to where they are."""
    now = risk(pool)
    return f"alive, equity {money(now.equity)}" if now.health is Health.HEALTHY else "liquidated"


# A word is about so wide and high, as shares of the panel.
_CELLS, _WIDE, _HIGH = 25, 4, 1.5


Shapes = tuple[tuple[str, tuple[Point, ...]], ...]  # each role with its corners


@lru_cache(maxsize=256)
def _places(shapes: Shapes, spans: tuple[Span, Span], now: tuple[int, ...]) -> dict[str, Point]:
    """Return where each area's word stands: far from every other area and from the mark prices, if there is room.

    Only the words are placed on a grid, `now` is the cell of the mark prices; the areas are exact.
    """
    xs, ys = _cells(spans)
    top = [list(column) for column in _seen(shapes, spans)]
    if all(0 <= k < _CELLS for k in now):
        top[now[0]][now[1]] = "now"
    reach = [[0.0] * _CELLS for _ in xs]
    order = [(i, j) for i in range(_CELLS) for j in range(_CELLS)]
    # Two passes, there and back: how many words fit between a cell and the nearest cell of another area or the border.
    for way, step in ((order, -1), (order[::-1], 1)):
        for i, j in way:
            near = [
                (reach[a][b] if top[a][b] == top[i][j] else 0.0) + cost if 0 <= a < _CELLS and 0 <= b < _CELLS else cost
                for a, b, cost in ((i + step, j, 1 / _WIDE), (i, j + step, 1 / _HIGH))
            ]
            reach[i][j] = min([*near, reach[i][j]] if step > 0 else near)
    words = {}
    for role, _ in shapes:
        cells = [(reach[i][j], i, j) for i, j in order if top[i][j] == role and reach[i][j] >= 1]
        best = [(i, j) for room, i, j in cells if room == max(cells)[0]]
        if best:
            middle = [sum(each) / len(best) for each in zip(*best, strict=True)]
            i, j = min(best, key=lambda cell: abs(cell[0] - middle[0]) + abs(cell[1] - middle[1]))
            words[role] = (xs[i], ys[j])
    return words


def _cells(spans: tuple[Span, Span]) -> list[list[float]]:
    """Return the middles of the grid's cells along both axes."""
    return [[low + (high - low) * (k + 0.5) / _CELLS for k in range(_CELLS)] for low, high in spans]


@lru_cache(maxsize=64)
def _seen(shapes: Shapes, spans: tuple[Span, Span]) -> tuple[tuple[str, ...], ...]:
    """Return the role of the area that is seen in each cell of the grid."""
    xs, ys = _cells(spans)
    return tuple(
        tuple(next(role for role, corners in reversed(shapes) if _inside(corners, (x, y))) for y in ys) for x in xs
    )


def _inside(corners: tuple[Point, ...], point: Point) -> bool:
    """Whether the point is in the convex area, whose corners go round counter-clockwise."""
    return bool(corners) and all(_turn(a, b, point) >= 0 for a, b in pairwise((*corners, corners[0])))


_WALLET = 100_000
_BOOKS = {"longs": (0.5, 0.5), "hedge": (0.5, -0.5), "uneven": (0.9, 0.1)}  # shares of the notional, + long, - short
_TITLES = {
    "longs": "BTC and ETH long",
    "hedge": "BTC long, ETH short",
    "uneven": "a large BTC long, a small ETH long",
}


def _survival_map(*, book: str, leverage: int, move: int) -> Chart:
    """Return the map of a BTC and an ETH position with 100,000 behind them, after both coins have moved alike."""
    rules = rulebook("binance_usdm", TIER_DATE)
    sizes = [share * leverage * _WALLET for share in _BOOKS[book]]
    btc, eth = (
        rules.position(symbol, size / price, price, mark_price=price * (1 + move / 100), leverage=leverage)
        for symbol, size, price in zip(("BTCUSDT", "ETHUSDT"), sizes, (60_000, 3_000), strict=True)
    )
    title = f"{_TITLES[book]}: {money(leverage * _WALLET, 0)} in all, {money(_WALLET, 0)} behind it"
    return survival_chart(_WALLET, (btc, eth), title=title)


SURVIVAL_MAP = Explorer(
    name="SURVIVAL_MAP",
    title="Who survives at which prices",
    controls=(
        choice("book", "book", {"longs": "two longs", "hedge": "long, short", "uneven": "large, small"}, "longs"),
        slider("leverage", "leverage of the book", (2, 3, 4, 5, 6, 8, 10, 15, 20), 5, "{}x"),
        slider("move", "move of both coins", tuple(range(-48, 49, 2)), -10, "{:+d} %"),
    ),
    build=_survival_map,
)

# ---------------------------------------------------------------------------------------------------------------------
# 06: the hedge ratio
# ---------------------------------------------------------------------------------------------------------------------

RATIOS = tuple(k / 10 for k in range(16))
_DRAWN = tuple(k / 20 for k in range(31))  # the lines bend, so they are drawn at more ratios than can be set
_MONEY = 10_000.0
_FAR = 20  # a rise beyond twenty times the price is told as that
_WAYS = ("both fall", "both rise", "BTC falls, ETH rises by as much")

# In each mode: a common fall, a common rise, and the share by which the two coins part [1].
Ends = dict[str, tuple[float | None, float | None, float | None]]


def _hedge(*, ratio: float, leverage: int) -> Chart:
    """Return how far coins may move, together or apart, along the size of an ETH short beside a BTC long."""
    ends = {each: _hedge_ends(each, leverage) for each in _DRAWN}
    long, short = leverage * _MONEY, ratio * leverage * _MONEY
    parting = ends[ratio]["cross"][2]
    together = Panel(
        title="both coins move alike",
        x_label="hedge ratio: ETH short / BTC long",
        y_label="move that liquidates [%]",
        x_range=(0, 1.5),
        y_range=(-100, 100),
        lines=(
            _along("cross, a fall", "liquidation", ends, "cross", 0),
            _along("cross, a rise", "equity", ends, "cross", 1),
            _along("isolated BTC long, a fall", "isolated", ends, "isolated", 0),
            _along("isolated ETH short, a rise", "initial", ends, "isolated", 1),
        ),
        markers=(_here(ratio, 0),),
    )
    apart = Panel(
        title="they part: BTC down, ETH up by as much",
        x_label="hedge ratio: ETH short / BTC long",
        y_label="move each way [%]",
        x_range=(0, 1.5),
        y_range=(0, 60),
        lines=(
            _along("cross", "liquidation", ends, "cross", 2),
            _along("isolated, the first leg lost", "isolated", ends, "isolated", 2),
        ),
        markers=(_here(ratio, parting and 100 * parting),),
    )
    texts = {mode: [_way_text(move, way) for way, move in enumerate(each)] for mode, each in ends[ratio].items()}
    sentence = (
        f"{money(long, 0)} of BTC long, {money(short, 0)} of ETH short, {money(_MONEY, 0)} in all. If both coins move "
        f"alike, cross ends after {texts['cross'][0]} or {texts['cross'][1]}; isolated, the long after "
        f"{texts['isolated'][0]}, the short after {texts['isolated'][1]}. If they part, cross ends after "
        f"{texts['cross'][2]}, the first isolated leg after {texts['isolated'][2]}."
    )
    return Chart(
        panels=(together, apart),
        sentence=sentence,
        table=Table(
            columns=("what happens", "cross ends after", "an isolated leg ends after"),
            rows=tuple(
                (name, *(_cell(ends[ratio][mode][way], way) for mode in ("cross", "isolated")))
                for way, name in enumerate(_WAYS)
            ),
        ),
        alt=(
            "A BTC long hedged with an ETH short. Line charts of the move that liquidates against the hedge ratio, "
            f"for coins that move alike and for coins that part. {sentence}"
        ),
    )


@cache
def _hedge_ends(ratio: float, leverage: int) -> Ends:
    """Return the moves that end a hedged pair in each mode: a common fall, a common rise, and parting [1]."""
    rules = rulebook("binance_usdm", TIER_DATE)
    setting = leverage * (1 + ratio)  # with it the initial margins of both legs are all the money there is
    long = rules.position("BTCUSDT", leverage * _MONEY / 60_000, 60_000, leverage=setting)
    if not ratio:
        fall = common_shock(Pool(collateral=_MONEY, positions=(long,))).fall
        return dict.fromkeys(("cross", "isolated"), (fall, None, fall and -fall))
    short = rules.position("ETHUSDT", -ratio * leverage * _MONEY / 3_000, 3_000, leverage=setting)
    pool = Pool(collateral=_MONEY, positions=(long, short))
    fall, rise = (
        common_shock(Pool(collateral=leg.entry_notional / setting, positions=(leg,)))[way]
        for way, leg in enumerate((long, short))
    )
    first = min(abs(move) for move in (fall, rise) if move is not None)
    return {"cross": (*common_shock(pool), _parting(pool)), "isolated": (fall, rise, first)}


def _parting(pool: Pool) -> float | None:
    """Return the share by which BTC falls while ETH rises by as much until the pool is liquidated, below 1."""
    # Along the way equity - maintenance is straight between the shares at which a leg crosses into another tier.
    shares = [
        way * (floor / leg.notional - 1)
        for leg, way in zip(pool.positions, (-1, 1), strict=True)
        for floor in leg.schedule.floors[1:]
    ]
    stops = (0.0, *sorted(share for share in shares if 0 < share < 1), 1 - _ROUNDING)
    left = [_surplus_apart(pool, share) for share in stops]
    ways = zip(pairwise(stops), pairwise(left), strict=True)
    return next((a + (b - a) * u / (u - v) for (a, b), (u, v) in ways if v <= 0), None)


def _surplus_apart(pool: Pool, share: float) -> float:
    """Return equity - maintenance after BTC has fallen by a share and ETH has risen by as much [quote currency]."""
    btc, eth = pool.positions
    now = risk(pool.at({"BTCUSDT": btc.mark_price * (1 - share), "ETHUSDT": eth.mark_price * (1 + share)}))
    return now.equity - now.maintenance


def _along(label: str, role: str, ends: dict[float, Ends], mode: str, way: int) -> Line:
    """Return one way of ending along the hedge ratio, where it is inside the axes."""
    found = [(ratio, each[mode][way]) for ratio, each in ends.items()]
    shown = [(ratio, 100 * move) for ratio, move in found if move is not None and abs(move) <= 1]
    return Line(label=label, role=role, x=tuple(x for x, _ in shown), y=tuple(y for _, y in shown))


def _here(ratio: float, height: float | None) -> Marker:
    """Return the marker of the chosen ratio."""
    return Marker(label="this hedge, ratio", role="mark", x=ratio if height is not None else None, y=height or 0.0)


def _way_text(move: float | None, way: int) -> str:
    """Return a move in words."""
    word = ("a fall of {}", "a rise of {}", "{} each way")[way]
    if move is None:
        return ("no fall", "no rise", "no parting")[way]
    return word.format(f"{100 * abs(move):,.1f} %") if move <= _FAR else f"no rise below {100 * _FAR:,.0f} %"


def _cell(move: float | None, way: int) -> str:
    """Return a move as a cell of the table; parting has no sign, for one coin falls and the other rises."""
    if move is None:
        return "none"
    return percent(move).lstrip("+" if way > 1 else "") if move <= _FAR else f"beyond {100 * _FAR:+,.0f} %"


HEDGE = Explorer(
    name="HEDGE",
    title="How much hedge, and against what",
    controls=(
        slider("ratio", "hedge ratio", RATIOS, 0.5, "{:.1f}"),
        slider("leverage", "BTC long / money", (2, 3, 4, 5, 8), 5, "{}x"),
    ),
    build=_hedge,
)
