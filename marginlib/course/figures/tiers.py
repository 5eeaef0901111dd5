"""Notebook 05: a risk table as a staircase."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from marginlib.course.figures import TIER_DATE
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, choice, figure, grid, slider
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook
from marginlib.words import money, share_text

# Ten thousand to a hundred million, in steps that a finger can feel.
NOTIONALS = (*(int(m * 10**e) for e in range(4, 8) for m in (1, 1.5, 2, 3, 5, 8, 9)), 10**8)


@figure(
    "A risk table as a staircase",
    choice("symbol", "contract", {"BTCUSDT": "BTC", "ETHUSDT": "ETH", "SOLUSDT": "SOL", "DOGEUSDT": "DOGE"}, "BTCUSDT"),
    slider("notional", "notional", NOTIONALS, 1_000_000, "${:,}"),
)
def tiers(*, symbol: str, notional: int) -> Chart:
    """Return the maintenance margin and the largest leverage of a symbol along the notional."""
    schedule = rulebook("binance_usdm", TIER_DATE).schedule(symbol)
    low, high = 10_000.0, min(1.0e8, schedule.notional_cap or schedule.floors[-1] * 2)
    whole = ((x, 100 * schedule.maintenance_margin(x) / x) for x in grid(low, high, log=True))
    k = schedule.tier(notional)
    maintenance = schedule.maintenance_margin(notional)
    rates = [100 * rate for rate in schedule.rates]
    left = Panel(
        "maintenance margin as a share of the notional",
        Axis("notional [$]", (low, high), log=True),
        Axis("[%]", (0, 110 * schedule.rates[schedule.tier(high)])),
        lines=(
            Line.through("of the whole position", "maintenance", whole),
            _staircase("of the next dollar (tier rate)", "mark", schedule, (low, high), rates),
        ),
        markers=(Marker("this position", "mark", float(notional), 100 * maintenance / notional),),
    )
    limits = [tier.leverage_limit for tier in schedule.tiers]
    right = Panel(
        "largest leverage",
        Axis("notional [$]", (low, high), log=True),
        Axis("[x]", (0, 160)),
        lines=(_staircase("largest leverage", "initial", schedule, (low, high), limits),),
        markers=(Marker("this position", "mark", float(notional), schedule.max_leverage(notional)),),
    )
    sentence = (
        f"{money(notional, 0)} of {symbol} stands in tier {k + 1}: {share_text(schedule.rates[k], 2)} on the part "
        f"above {money(schedule.floors[k], 0)}. Maintenance margin is {money(maintenance)}, "
        f"{share_text(maintenance / notional, 2)} of the whole, "
        f"and the largest leverage is {schedule.max_leverage(notional):g}x."
    )
    rows = (
        ("tier", str(k + 1)),
        ("maintenance rate of the tier", share_text(schedule.rates[k], 2)),
        ("maintenance amount", money(schedule.amounts[k])),
        ("notional x rate", money(notional * schedule.rates[k])),
        ("maintenance margin", money(maintenance)),
        ("largest leverage", f"{schedule.max_leverage(notional):g}x"),
    )
    title, table = f"Risk tiers of {symbol}, Binance USD-M, {TIER_DATE}", Table(("of the position", "value"), rows)
    return Chart(title, (left, right), sentence, table)


def _staircase(
    label: str, role: str, schedule: RiskSchedule, span: tuple[float, float], heights: Sequence[float]
) -> Line:
    """Return a line that is level within each tier and steps on its floor."""
    edges = [span[0], *(floor for floor in schedule.floors if span[0] < floor < span[1]), span[1]]
    levels = [(low, high, heights[schedule.tier((low + high) / 2)]) for low, high in pairwise(edges)]
    return Line.through(label, role, [(x, y) for low, high, y in levels for x in (low, high)])
