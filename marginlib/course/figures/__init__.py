"""What the figures of the course show, notebook by notebook: each an `Explorer`, all of it computed by the engine.

A figure's module is loaded when the figure is first asked for: only some of them need numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marginlib.course.figures.crashes import CRASH_REPLAY
    from marginlib.course.figures.decision import PARTITIONS
    from marginlib.course.figures.desk import DESK
    from marginlib.course.figures.maps import HEDGE, SURVIVAL_MAP
    from marginlib.course.figures.odds import ODDS, TRADE_OFF
    from marginlib.course.figures.pools import CONTAGION, CROSS, ISOLATED, SIDE_BY_SIDE, TASTE, WHAT_IS_MARGIN
    from marginlib.course.figures.tiers import SIZE, TIER_DATE, TIERS
    from marginlib.course.figures.time import FUNDING_DRIFT, LIQUIDATION_STEPS
    from marginlib.course.figures.venues import RULEBOOKS

__all__ = [
    "CONTAGION",
    "CRASH_REPLAY",
    "CROSS",
    "DESK",
    "FUNDING_DRIFT",
    "HEDGE",
    "ISOLATED",
    "LIQUIDATION_STEPS",
    "ODDS",
    "PARTITIONS",
    "RULEBOOKS",
    "SIDE_BY_SIDE",
    "SIZE",
    "SURVIVAL_MAP",
    "TASTE",
    "TIERS",
    "TIER_DATE",
    "TRADE_OFF",
    "WHAT_IS_MARGIN",
]

_MODULES = {
    "crashes": ("CRASH_REPLAY",),
    "decision": ("PARTITIONS",),
    "desk": ("DESK",),
    "maps": ("HEDGE", "SURVIVAL_MAP"),
    "odds": ("ODDS", "TRADE_OFF"),
    "pools": ("CONTAGION", "CROSS", "ISOLATED", "SIDE_BY_SIDE", "TASTE", "WHAT_IS_MARGIN"),
    "tiers": ("SIZE", "TIERS", "TIER_DATE"),
    "time": ("FUNDING_DRIFT", "LIQUIDATION_STEPS"),
    "venues": ("RULEBOOKS",),
}


def __getattr__(name: str) -> object:
    """Return a figure from its module."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of all figures."""
    return [*globals(), *__all__]
