"""Notebook 06: what a hedge does, against which move."""

from __future__ import annotations

from functools import cache
from math import ceil

from marginlib.course.figures import TIER_DATE, TIERS_SAID
from marginlib.course.figures.survival_map import share_of_way
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, figure, slider
from marginlib.liquidation import common_shock
from marginlib.model import Pool
from marginlib.venues import rulebook
from marginlib.words import money, percent, share_text

RATIOS = tuple(k / 10 for k in range(16))
_DRAWN = tuple(k / 20 for k in range(31))  # the lines bend, so they are drawn at more ratios than can be set
_MONEY = 10_000.0
_FAR = 20  # a rise beyond twenty times the price is told as that
_WAYS = ("both fall", "both rise", "BTC falls, ETH rises by as much")

# In each mode: a common fall, a common rise, and the share by which the two coins part [1].
Ends = dict[str, tuple[float | None, float | None, float | None]]


@figure(
    "How much hedge, and against what",
    slider("ratio", "hedge ratio", RATIOS, 0.5, "{:.1f}"),
    slider("leverage", "BTC long / money", (2, 3, 4, 5, 8), 5, "{}x"),
)
def hedge(*, ratio: float, leverage: int) -> Chart:
    """Return how far coins may move, together or apart, along the size of an ETH short beside a BTC long."""
    ends = {each: _hedge_ends(each, leverage) for each in _DRAWN}
    long, short = leverage * _MONEY, ratio * leverage * _MONEY
    *alike, parting = ends[ratio]["cross"]
    first = next((100 * move for move in alike if move is not None and abs(move) <= 1), None)
    together = Panel(
        "both coins move alike",
        Axis("hedge ratio: ETH short / BTC long", (0, 1.5)),
        Axis("move that liquidates [%]", (-100, 100)),
        lines=(
            _along("cross, a fall", "liquidation", ends, "cross", 0),
            _along("cross, a rise", "equity", ends, "cross", 1),
            _along("isolated BTC long, a fall", "isolated", ends, "isolated", 0),
            _along("isolated ETH short, a rise", "initial", ends, "isolated", 1),
        ),
        markers=(_here(ratio, first),),
    )
    apart = Panel(
        "they part: BTC down, ETH up by as much",
        Axis("hedge ratio: ETH short / BTC long", (0, 1.5)),
        Axis("move each way [%]", (0, 10 * ceil(max(10 * (each["cross"][2] or 0.0) for each in ends.values())))),
        lines=(
            _along("cross", "liquidation", ends, "cross", 2),
            _along("isolated, the first leg lost", "isolated", ends, "isolated", 2),
        ),
        markers=(_here(ratio, parting and 100 * parting),),
    )
    texts = {mode: [_way_text(move, way) for way, move in enumerate(each)] for mode, each in ends[ratio].items()}
    sentence = (
        f"{money(long, 0)} of BTC long, {money(short, 0)} of ETH short, {money(_MONEY, 0)} in all. If both coins move "
        f"alike, cross ends after {texts['cross'][0]}, and after {texts['cross'][1]}; isolated, the long after "
        f"{texts['isolated'][0]}, the short after {texts['isolated'][1]}. If they part, cross ends after "
        f"{texts['cross'][2]}, the first isolated leg after {texts['isolated'][2]}. {TIERS_SAID}"
    )
    rows = tuple(
        (name, *(cell for each in ends[ratio].values() for cell in _cells(each[way], way, long, short)))
        for way, name in enumerate(_WAYS)
    )
    has = "the account then has"
    table = Table(("what happens", "cross ends after", has, "an isolated leg ends after", has), rows)
    kind = (
        "Line charts of the move that liquidates against the hedge ratio, for coins that move alike and for coins that "
        "part."
    )
    return Chart("A BTC long hedged with an ETH short", (together, apart), sentence, table, kind)


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
    fall, rise = (common_shock(leg.isolated().pool)[way] for way, leg in enumerate((long, short)))
    first = min(abs(move) for move in (fall, rise) if move is not None)
    return {"cross": (*common_shock(pool), _parting(pool)), "isolated": (fall, rise, first)}


def _parting(pool: Pool) -> float | None:
    """Return the share by which BTC falls while ETH rises by as much until the pool is liquidated, below 1."""
    btc, eth = pool.positions
    return share_of_way(pool, {"BTCUSDT": 1e-12 * btc.mark_price, "ETHUSDT": 2 * eth.mark_price})


def _along(label: str, role: str, ends: dict[float, Ends], mode: str, way: int) -> Line:
    """Return one way of ending along the hedge ratio, where it is inside the axes."""
    found = [(ratio, each[mode][way]) for ratio, each in ends.items()]
    shown = ((ratio, 100 * move) for ratio, move in found if move is not None and abs(move) <= 1)
    return Line.through(label, role, shown)


def _here(ratio: float, height: float | None) -> Marker:
    """Return the marker of the chosen ratio."""
    x = ratio if height is not None else None
    return Marker("this hedge, ratio", "mark", x, height or 0.0, "this hedge: none")


def _way_text(move: float | None, way: int) -> str:
    """Return a move in words."""
    word = ("a fall of {}", "a rise of {}", "{} each way")[way]
    if move is None:
        return ("no fall", "no rise", "no parting")[way]
    return word.format(share_text(abs(move))) if move <= _FAR else f"no rise below {share_text(_FAR, 0)}"


def _cells(move: float | None, way: int, long: float, short: float) -> tuple[str, str]:
    """Return a move, and what the account has after it; parting has no sign, for one coin falls and the other rises."""
    if move is None:
        return "none", "-"
    if move > _FAR:
        return f"beyond {percent(_FAR, 0)}", "-"
    has = _MONEY + (long - short) * move if way < 2 else _MONEY - (long + short) * move  # noqa: PLR2004
    return (percent if way < 2 else share_text)(move), money(has, 0)  # noqa: PLR2004
