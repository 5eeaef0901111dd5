"""Notebook 06: over two prices at once, where an account survives.

Over two prices *equity - maintenance* of a pool is a concave function made of flat pieces. So the prices at which the
pool survives make a convex region with straight edges, whose corners lie on tier edges only: they are computed one by
one with `liquidation_price`, and no price is searched for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from marginlib.course.figures import TIER_DATE, TIERS_SAID
from marginlib.drawing.chart import Area, Axis, Chart, Line, Marker, Panel, Table, choice, figure, slider
from marginlib.errors import MarginError, finite, wrong
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Account, Contract, Health, MaintenanceBasis, Pool, Position
from marginlib.venues import rulebook
from marginlib.words import money, percent, price_text

Point = tuple[float, float]
Span = tuple[float, float]


@lru_cache(maxsize=256)
def safe_corners(pool: Pool, across: str, up: str, x_range: Span, y_range: Span) -> tuple[Point, ...]:
    """Return the corners of the region of two prices in which a pool is not liquidated, in order around it.

    The region is convex. A corner lies on the border of the ranges, or on the liquidation line where one of the two
    notionals stands on a tier edge: so along every tier edge of one symbol the other's liquidation price is a point of
    it, and the region is what these points span. A corner is a price of the symbol `across` and one of the symbol `up`,
    within their ranges [quote currency]; other symbols keep their marks.

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
        why = "the region of an inverse one is not convex in its price"
        raise MarginError(f"contract: give a pool of linear contracts; {why}")
    points = [
        *((x, y) for x in _edges(pool, across, x_range) for y in _zeros(pool.at({across: x}), up, y_range)),
        *((x, y) for y in _edges(pool, up, y_range) for x in _zeros(pool.at({up: y}), across, x_range)),
        *((x, y) for x in x_range for y in y_range if risk(pool.at({across: x, up: y})).health is Health.HEALTHY),
    ]
    return _hull(points, x_range[1] - x_range[0], y_range[1] - y_range[0])


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
            while len(half) > 1:
                (x0, y0), (x1, y1) = half[-2:]
                turn = (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)  # + to the left
                if turn > _ROUNDING * width * height:
                    break
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    corners = (*halves[0], *halves[1])
    return corners if len(corners) > 2 else ()  # noqa: PLR2004 - a line holds no area


@lru_cache(maxsize=256)
def _frontier(pool: Pool, symbols: tuple[str, str], corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the corners that lie on the liquidation line, from left to right."""
    found = []
    for x, y in corners:
        now = risk(pool.at({symbols[0]: x, symbols[1]: y}))
        if abs(now.equity - now.maintenance) <= 1e-9 * now.notional:
            found.append((x, y))
    return tuple(sorted(found))


# Each area's role and legend; a later one covers what it shares with an earlier one.
_AREAS = {
    "isolated": "cross is gone, one isolated lives",
    "neither": "no position survives",
    "cross": "only cross keeps both positions",
    "both": "both modes keep both positions",
}


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
        ('cross', 'alive, $10,000.00 of equity', '40,401.61', '2,020.08')
    """
    if len({position.symbol for position in positions}) != len(positions) or len(positions) != 2:  # noqa: PLR2004
        held = ", ".join(each.symbol for each in positions)
        raise MarginError(f"positions = {held}: give two positions of different symbols")
    if not 0 < finite("reach", reach) < 1:
        raise wrong("reach", reach, "give a share of the entry prices above 0 and below 1")
    symbols = (positions[0].symbol, positions[1].symbol)
    coins = [symbol.removesuffix("USDT") for symbol in symbols]
    wide, high = spans = tuple((each.entry_price * (1 - reach), each.entry_price * (1 + reach)) for each in positions)
    (cross,) = Account(wallet_balance=wallet_balance, positions=tuple(each.cross() for each in positions)).pools()
    free, *alone = Account(
        wallet_balance=wallet_balance, positions=tuple(each.isolated() for each in positions)
    ).pools()
    at = [liquidation_price(pool, symbol) for pool, symbol in zip(alone, symbols, strict=True)]
    lives = [_parts(*each) for each in zip(positions, at, spans, strict=True)]
    # At the entry prices, so that a map is computed once for all prices that move over it.
    opened = cross.at({each.symbol: each.entry_price for each in positions})
    corners = safe_corners(opened, *symbols, *spans)
    shapes = {
        "isolated": _rectangle(*spans),
        "neither": _rectangle(*(gone for _, gone in lives)),
        "cross": corners,
        "both": _rectangle(*(safe for safe, _ in lives)),
    }
    line = _frontier(opened, symbols, corners)
    upright = [(at[0], y) for y in high if at[0] is not None]
    level = [(x, at[1]) for x in wide if at[1] is not None]
    panel = Panel(
        title,
        Axis(f"{coins[0]} mark price [$]", wide),
        Axis(f"{coins[1]} mark price [$]", high),
        areas=tuple(Area.through(label, role, shapes[role]) for role, label in _AREAS.items()),
        lines=(
            Line.through("cross is liquidated on this line", "liquidation", line),
            Line.through(f"isolated {coins[0]} is liquidated here", "isolated", upright),
            Line.through(f"isolated {coins[1]} is liquidated here", "initial", level),
        ),
        markers=(Marker(f"now, {coins[0]} at", "mark", positions[0].mark_price, positions[1].mark_price),),
    )
    sentence, states = _told(positions, (cross, *alone), free.collateral)
    rows = (
        ("cross", states[0], *(_price(liquidation_price(cross, symbol)) for symbol in symbols)),
        (f"isolated {coins[0]}", states[1], _price(at[0]), "-"),
        (f"isolated {coins[1]}", states[2], "-", _price(at[1])),
    )
    columns = ("pool", "at these prices", *(f"{coin} liquidation price" for coin in coins))
    kind = (
        f"Map of {coins[0]} and {coins[1]} prices: isolated, both positions survive inside a box; in cross, on one "
        "side of a line."
    )
    return Chart(title, (panel,), sentence, Table(columns, rows), kind)


def share_of_way(pool: Pool, marks: Mapping[str, float]) -> float | None:
    """Return the share of the straight way to other prices that a pool of linear contracts goes until it is liquidated.

    It is None where the pool goes the whole way.

    Example:
        >>> rules = rulebook("binance_usdm", "2026-09-29")
        >>> pool = Pool(collateral=600, positions=(rules.position("BTCUSDT", 0.1, 60_000),))
        >>> round(share_of_way(pool, {"BTCUSDT": 50_000}), 4)
        0.5783
    """
    # Along the way equity - maintenance is straight between the shares at which a leg crosses into another tier.
    edges = {
        (floor / abs(leg.quantity) - leg.mark_price) / (marks[leg.symbol] - leg.mark_price)
        for leg in pool.positions
        if marks[leg.symbol] != leg.mark_price
        for floor in leg.schedule.floors[1:]
    }
    stops = (0.0, *sorted(edge for edge in edges if 0 < edge < 1), 1.0)
    start = {leg.symbol: leg.mark_price for leg in pool.positions}
    along = [risk(pool.at({s: start[s] + (marks[s] - start[s]) * stop for s in start})) for stop in stops]
    left = [now.equity - now.maintenance for now in along]
    ways = zip(pairwise(stops), pairwise(left), strict=True)
    return next((max(0.0, a + (b - a) * u / (u - v)) for (a, b), (u, v) in ways if v <= 0), None)


def _after(pool: Pool, positions: tuple[Position, Position]) -> tuple[bool, float]:
    """Return whether a pool lives after the straight way from the entry prices to the marks, and what it then has."""
    ways = {each.symbol: (each.entry_price, each.mark_price) for each in positions if each.symbol in pool.symbols}
    start = pool.at({symbol: entry for symbol, (entry, _) in ways.items()})
    share = share_of_way(start, {symbol: mark for symbol, (_, mark) in ways.items()})
    far = 1.0 if share is None else share
    return share is None, risk(pool.at({s: entry + (mark - entry) * far for s, (entry, mark) in ways.items()})).equity


def _told(positions: tuple[Position, Position], pools: tuple[Pool, ...], free: float) -> tuple[str, list[str]]:
    """Return who lives and what each account has when prices went straight to where they are, and each pool's state."""
    ends = [_after(pool, positions) for pool in pools]
    (cross, whole), *alone = ends
    moved, lives = [], []
    for each, (alive, _) in zip(positions, alone, strict=True):
        coin, price = each.symbol.removesuffix("USDT"), _price(each.mark_price).removesuffix(".00")
        moved.append(f"{coin} at {price} ({percent(each.mark_price / each.entry_price - 1, 0)})")
        lives.append(f"{coin} {'lives' if alive else 'is gone'}")
    sentence = (
        f"{' and '.join(moved)}. Cross: {'both live' if cross else 'both are gone'}, the account has {money(whole, 0)}."
        f" Isolated: {' and '.join(lives)}, the account has {money(free + sum(has for _, has in alone), 0)}."
    )
    return sentence, [
        f"{'alive' if alive else 'liquidated'}, {money(has)} {'of equity' if alive else 'left'}" for alive, has in ends
    ]


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


_WALLET = 100_000
_MOVES = (-40, -30, -20, -15, -10, -8, -5, 0, 5, 10, 15, 20, 30, 40)
_BOOKS = {"longs": (0.5, 0.5), "hedge": (0.5, -0.5), "uneven": (0.9, 0.1)}  # shares of the notional, + long, - short
_TITLES = {"longs": "BTC and ETH long", "hedge": "BTC long, ETH short", "uneven": "a large BTC long, a small ETH long"}


@figure(
    "Who survives at which prices",
    choice("book", "book", {"longs": "two longs", "hedge": "long, short", "uneven": "large, small"}, "longs"),
    slider("leverage", "leverage of the book", (3, 5, 6, 10, 15, 20), 6, "{}x"),
    slider("btc", "BTC price move", _MOVES, -10, lambda move: percent(move / 100, 0)),
    slider("eth", "ETH price move", _MOVES, -10, lambda move: percent(move / 100, 0)),
)
def survival_map(*, book: str, leverage: int, btc: int, eth: int) -> Chart:
    """Return the map of a BTC and an ETH position with 100,000 behind them, after each coin has moved."""
    rules = rulebook("binance_usdm", TIER_DATE)
    sizes = [share * leverage * _WALLET for share in _BOOKS[book]]
    legs = zip(("BTCUSDT", "ETHUSDT"), sizes, (60_000, 3_000), (btc, eth), strict=True)
    one, other = (
        rules.position(symbol, size / price, price, mark_price=price * (1 + move / 100), leverage=leverage)
        for symbol, size, price, move in legs
    )
    title = f"{_TITLES[book]}: {money(leverage * _WALLET, 0)} in all, {money(_WALLET, 0)} behind it"
    chart = survival_chart(_WALLET, (one, other), title=title)
    return replace(chart, sentence=f"{chart.sentence} {TIERS_SAID}")
