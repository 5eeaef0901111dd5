"""Figures of notebook 05: risk tiers, and what size does to the liquidation price."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

from marginlib.drawing.chart import POINTS, Chart, Explorer, Line, Marker, Panel, Table, alt_text, choice, slider
from marginlib.liquidation import liquidation_price
from marginlib.model import Pool, Position
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook
from marginlib.words import money, percent

__all__ = ["SIZE", "TIERS", "TIER_DATE"]

TIER_DATE = "2026-09-29"
NOTIONALS = tuple(
    int(m * 10**e) for e in range(4, 8) for m in (1, 1.5, 2, 3, 5, 7)
)  # ten thousand to seventy million, in steps that a finger can feel


def _tiers(*, symbol: str, notional: int) -> Chart:
    """Return the maintenance margin and the largest leverage of a symbol along the notional."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule(symbol)
    cap = schedule.notional_cap or schedule.floors[-1] * 2
    low, high = 10_000.0, min(1.0e8, cap)
    xs = tuple(low * (high / low) ** (k / (POINTS - 1)) for k in range(POINTS))
    k = schedule.tier(notional)
    maintenance = schedule.maintenance_margin(notional)
    left = Panel(
        title="maintenance margin as a share of the notional",
        x_label="notional [$]",
        y_label="[%]",
        x_range=(low, high),
        y_range=(0, 110 * schedule.rates[schedule.tier(high)]),
        log_x=True,
        lines=(
            Line(
                label="of the whole position",
                role="maintenance",
                x=xs,
                y=tuple(100 * schedule.maintenance_margin(x) / x for x in xs),
            ),
            _staircase(
                "of the next dollar (tier rate)", "mark", schedule, (low, high), lambda k: 100 * schedule.rates[k]
            ),
        ),
        markers=(Marker(label="this position", role="mark", x=float(notional), y=100 * maintenance / notional),),
    )
    right = Panel(
        title="largest leverage",
        x_label="notional [$]",
        y_label="[x]",
        x_range=(low, high),
        y_range=(0, 160),
        log_x=True,
        lines=(
            _staircase(
                "largest leverage", "initial", schedule, (low, high), lambda k: schedule.tiers[k].leverage_limit
            ),
        ),
        markers=(Marker(label="this position", role="mark", x=float(notional), y=schedule.max_leverage(notional)),),
    )
    sentence = (
        f"{money(notional, 0)} of {symbol} stands in tier {k + 1}: {100 * schedule.rates[k]:.2f} % on the part above "
        f"{money(schedule.floors[k], 0)}. Maintenance margin is {money(maintenance)}, "
        f"{100 * maintenance / notional:.2f} % of the whole, "
        f"and the largest leverage is {schedule.max_leverage(notional):g}x."
    )
    return Chart(
        panels=(left, right),
        sentence=sentence,
        table=Table(
            columns=("of the position", "value"),
            rows=(
                ("tier", str(k + 1)),
                ("maintenance rate of the tier", f"{100 * schedule.rates[k]:.2f} %"),
                ("maintenance amount", money(schedule.amounts[k])),
                ("notional x rate", money(notional * schedule.rates[k])),
                ("maintenance margin", money(maintenance)),
                ("largest leverage", f"{schedule.max_leverage(notional):g}x"),
            ),
        ),
        alt=alt_text(f"Risk tiers of {symbol}, Binance USD-M, {TIER_DATE}", left, sentence),
    )


def _staircase(
    label: str, role: str, schedule: RiskSchedule, span: tuple[float, float], height: Callable[[int], float]
) -> Line:
    """Return a line that is level within each tier and steps on its floor."""
    edges = [span[0], *(floor for floor in schedule.floors if span[0] < floor < span[1]), span[1]]
    xs = [x for low, high in pairwise(edges) for x in (low, high)]
    ys = [height(schedule.tier((low + high) / 2)) for low, high in pairwise(edges) for _ in (0, 1)]
    return Line(label=label, role=role, x=tuple(xs), y=tuple(ys))


TIERS = Explorer(
    name="TIERS",
    title="A risk table as a staircase",
    controls=(
        choice(
            "symbol", "contract", {"BTCUSDT": "BTC", "ETHUSDT": "ETH", "SOLUSDT": "SOL", "DOGEUSDT": "DOGE"}, "BTCUSDT"
        ),
        slider("notional", "notional", NOTIONALS, 1_000_000, "${:,}"),
    ),
    build=_tiers,
)


def _size(*, leverage: int, notional: int) -> Chart:
    """Return how far the liquidation price of an isolated BTC long is, along its size."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT")
    low, high = 10_000.0, min(1.0e8, schedule.max_notional(leverage))
    flat = RiskSchedule.flat(schedule.rates[0])
    away = _distance(float(notional), leverage, schedule)
    xs, ys = _distances(leverage, low, high)
    panel = Panel(
        title=f"fall that liquidates an isolated BTC long at {leverage}x",
        x_label="notional at entry [$]",
        y_label="price move [%]",
        x_range=(low, 100_000_000.0),
        y_range=(-115 / leverage, 0),
        log_x=True,
        lines=(
            Line(label="with the tiers", role="liquidation", x=xs, y=ys),
            Line(
                label="if the first rate held for every size",
                role="mark",
                x=(low, 100_000_000.0),
                y=(100 * _distance(low, leverage, flat),) * 2,
            ),
        ),
        markers=(
            Marker(
                label="this position",
                role="liquidation",
                x=float(notional) if notional <= high else None,
                y=100 * away,
            ),
        ),
    )
    if notional <= high:
        sentence = (
            f"An isolated BTC long of {money(notional, 0)} at {leverage}x is liquidated after a move of "
            f"{percent(away, 2)}; with the first tier's rate at every size it would be "
            f"{percent(_distance(low, leverage, flat), 2)}."
        )
    else:
        sentence = f"The table allows {leverage}x up to {money(high, 0)}, so {money(notional, 0)} cannot be opened."
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=Table(
            columns=("notional at entry", "liquidated after a move of"),
            rows=tuple(
                (money(x, 0), percent(_distance(x, leverage, schedule), 2))
                for x in (10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0, 100_000_000.0)
                if x <= high
            ),
        ),
        alt=alt_text("Liquidation distance along the size, Binance USD-M BTC tiers", panel, sentence),
    )


@cache
def _distances(leverage: int, low: float, high: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return notionals from low to high, and the move that liquidates a BTC long of each [%]."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT")
    xs = tuple(low * (high / low) ** (k / (POINTS - 1)) for k in range(POINTS))
    return xs, tuple(100 * _distance(x, leverage, schedule) for x in xs)


def _distance(notional: float, leverage: float, schedule: RiskSchedule) -> float:
    """Return the move that liquidates an isolated long of a notional, as a fraction of its entry price."""
    # At an entry price of 1 the quantity is the notional, and the price is 1 + the move.
    entry = Position(symbol="BTCUSDT", quantity=notional, entry_price=1, mark_price=1, schedule=schedule)
    price = liquidation_price(Pool(collateral=notional / leverage, positions=(entry,)), "BTCUSDT")
    return -1.0 if price is None else price - 1


SIZE = Explorer(
    name="SIZE",
    title="Why size changes the price",
    controls=(
        slider("leverage", "leverage setting", (5, 10, 20, 50), 20, "{}x"),
        slider("notional", "notional", NOTIONALS, 1_000_000, "${:,}"),
    ),
    build=_size,
)
