"""Notebook 05: a risk table as a staircase."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from marginlib.course.figures import TIER_DATE
from marginlib.drawing.chart import POINTS, Chart, Explorer, Line, Marker, Panel, Table, alt_text, choice, slider
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook
from marginlib.words import money

__all__ = ["NOTIONALS", "TIERS"]

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
                "of the whole position", "maintenance", xs, tuple(100 * schedule.maintenance_margin(x) / x for x in xs)
            ),
            _staircase(
                "of the next dollar (tier rate)", "mark", schedule, (low, high), lambda k: 100 * schedule.rates[k]
            ),
        ),
        markers=(Marker("this position", "mark", float(notional), 100 * maintenance / notional),),
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
        markers=(Marker("this position", "mark", float(notional), schedule.max_leverage(notional)),),
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
    return Line(label, role, tuple(xs), tuple(ys))


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
