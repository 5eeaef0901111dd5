"""How likely is a liquidation, and how much is lost: simulated price paths, and formulas where there are any.

Prices follow a correlated geometric Brownian motion (`Diffusion`), or paths that are handed in: jumps, or a history cut
in blocks. Every function takes an `Account` and works on its pools, so cross, isolated and mixed books are one case.

**What happens at liquidation.** A pool is liquidated when its equity first meets its maintenance margin, and all of it
is closed there and then; the other pools go on. What it still has is kept by the venue. Prices of a diffusion do not
jump, so nothing is lost beyond the collateral. Where prices are looked at only now and then, or jump, the pool is
closed at the prices of that moment: what is missing below 0 is a deficit, which the venue bears and the owner does not.

**Between two steps.** Thirty steps see only thirty prices; the path has been lower and higher in between. A Brownian
bridge says by how much, so that few steps do (`odds`). It is for diffusions only.

Two kernels: `odds` and `PathCache` take few steps with the bridge; `compare_on` looks at each step of the paths given.
"""

from __future__ import annotations

from marginlib.odds.decision import (
    GOALS,
    MARKETS,
    Outcome,
    RiskLimit,
    chance_text,
    decide,
    partitions,
    rule_of_thumb,
    trial,
    try_rule,
)
from marginlib.odds.diffusion import Diffusion, touch_probability
from marginlib.odds.estimates import Distribution, Estimate, Odds, PoolOdds
from marginlib.odds.simulate import PathCache, compare, compare_on, odds

__all__ = [
    "GOALS",
    "MARKETS",
    "Diffusion",
    "Distribution",
    "Estimate",
    "Odds",
    "Outcome",
    "PathCache",
    "PoolOdds",
    "RiskLimit",
    "chance_text",
    "compare",
    "compare_on",
    "decide",
    "odds",
    "partitions",
    "rule_of_thumb",
    "touch_probability",
    "trial",
    "try_rule",
]
