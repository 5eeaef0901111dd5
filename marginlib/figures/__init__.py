"""What the figures of the course show, notebook by notebook: each an `Explorer`, all of it computed by the engine."""

from marginlib.figures.crashes import CRASH_REPLAY
from marginlib.figures.maps import HEDGE, SURVIVAL_MAP
from marginlib.figures.odds import ODDS, TRADE_OFF
from marginlib.figures.pools import CONTAGION, CROSS, ISOLATED, SIDE_BY_SIDE, TASTE, WHAT_IS_MARGIN
from marginlib.figures.tiers import SIZE, TIER_DATE, TIERS
from marginlib.figures.time import FUNDING_DRIFT, LIQUIDATION_STEPS

__all__ = [
    "CONTAGION",
    "CRASH_REPLAY",
    "CROSS",
    "FUNDING_DRIFT",
    "HEDGE",
    "ISOLATED",
    "LIQUIDATION_STEPS",
    "ODDS",
    "SIDE_BY_SIDE",
    "SIZE",
    "SURVIVAL_MAP",
    "TASTE",
    "TIERS",
    "TIER_DATE",
    "TRADE_OFF",
    "WHAT_IS_MARGIN",
]
