"""The figure of notebook 11: the four partitions of a book of two positions, against a limit on loss."""

from __future__ import annotations

from functools import cache

from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, choice, figure, slider
from marginlib.odds.decision import BOOKS, MARKETS, Decision, Prospect, chance_text, trial
from marginlib.words import money

WALLET = 10_000.0
_DAYS, _PATHS, _SEED = 30, 4_096, 1
_KINDS = {"two longs": "two longs", "diversified": "two longs, unrelated", "hedged pair": "hedged pair"}
_ROLES = {"cross": "equity", "BTCUSDT isolated": "initial", "ETHUSDT isolated": "maintenance", "isolated": "isolated"}
_SIDES = {1: "long", -1: "short"}
_LABELS = {
    "cross": "both cross",
    "BTCUSDT isolated": "BTC isolated",
    "ETHUSDT isolated": "ETH isolated",
    "isolated": "both isolated",
}


@cache
def _decision(kind: str, size: int, leverage: int) -> Decision:
    """Return what the limit implies for one book, on the same luck at every setting."""
    market = MARKETS["2020 to 2026"]
    return trial(kind, size=size, leverage=leverage, days=_DAYS, market=market, paths=_PATHS, seed=_SEED).decision


@figure(
    "Four partitions of one book, against a limit",
    choice("kind", "book", _KINDS, "two longs"),
    slider("size", "size of the book", (1, 2, 3, 4), 2, "{}x the wallet"),
    slider("leverage", "leverage setting", (4, 5, 7, 10, 15, 25), 5, "{}x"),
)
def partitions(*, kind: str, size: int, leverage: int) -> Chart:
    """Return the partitions by how likely a liquidation is, and by how much is lost."""
    decision = _decision(kind, size, leverage)
    limit = decision.limit
    left = Panel(
        f"how likely: the limit is {100 * limit.chance:g} %",
        Axis("any liquidation within 30 days [%]", (-4.0, 104.0)),
        Axis("loses more than half [%]", (-4.0, 64.0)),
        lines=(Line("the limit", "liquidation", (-4.0, 104.0), (100 * limit.chance,) * 2),),
        markers=tuple(_dot(each, 100 * each.over.value) for each in _ordered(decision)),
    )
    right = Panel(
        "how much",
        Axis("any liquidation within 30 days [%]", (-4.0, 104.0)),
        Axis("average of the worst 5 % [$]", (-400.0, 10_900.0)),
        lines=(Line("half of the wallet", "mark", (-4.0, 104.0), (limit.loss * WALLET,) * 2),),
        markers=tuple(_dot(each, each.tail_loss.value) for each in _ordered(decision)),
    )
    sides, correlation = BOOKS[kind]
    legs = " and ".join(f"{_SIDES[side]} {symbol.removesuffix('USDT')}" for symbol, side in sides.items())
    unrelated = "" if correlation is None else f", correlation taken as {correlation:g}"
    told = ", ".join(f"{_LABELS[each.name]} {chance_text(each.over)}" for each in _ordered(decision))
    sentence = (
        f"A book of {legs}, {money(size * WALLET / 2, 0)} each at {leverage}x, in a wallet of {money(WALLET, 0)}"
        f"{unrelated}. It loses more than half within {_DAYS} days: {told} (standard errors, {_PATHS:,} paths). "
        f"{_implied(decision)}"
    )
    return Chart("The four partitions of a book, as points", (left, right), sentence, _table(decision))


def _implied(decision: Decision) -> str:
    """Return what the limit implies, in words."""
    chosen = " and ".join(_LABELS[name] for name in decision.chosen)
    if not chosen:
        return "No partition meets the limit for sure."
    alike = " These are not told apart." if len(decision.chosen) > 1 else ""
    return f"Of those that meet the limit, the fewest liquidations: {chosen}.{alike}"


def _ordered(decision: Decision) -> list[Prospect]:
    """Return the prospects in the order of the legend."""
    return sorted(decision.prospects, key=lambda each: list(_ROLES).index(each.name))


def _table(decision: Decision) -> Table:
    """Return the partitions with their numbers and errors, in the order of the legend."""
    rows = tuple(
        (
            _LABELS[each.name],
            chance_text(each.liquidation),
            chance_text(each.over),
            *(f"{money(loss.value, 0)} ± {loss.standard_error:,.0f}" for loss in (each.median_loss, each.tail_loss)),
            each.meets.value,
        )
        for each in _ordered(decision)
    )
    over = f"loses more than {100 * decision.limit.loss:g} %"
    columns = ("partition", "any liquidation", over, "median loss", "average of the worst 5 %", "limit")
    return Table(columns, rows)


def _dot(prospect: Prospect, height: float) -> Marker:
    """Return the point of a partition."""
    x = round(100 * prospect.liquidation.value, 1)
    return Marker(f"{_LABELS[prospect.name]}, at {{}} %", _ROLES[prospect.name], x, height)
