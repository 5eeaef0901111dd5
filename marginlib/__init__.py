"""Margin, exactly: pools of collateral, risk tiers, liquidation prices, cross and isolated.

A margin mode is a partition: cross margin is one pool, isolated margin is one pool per position, and every formula
takes a pool. This is the engine; it stands on the standard library alone. Four wings stand on it: `marginlib.market`
(time moves), `marginlib.odds` (how likely, how bad), `marginlib.drawing` and `marginlib.practice`; above them the
`marginlib.course` and its `marginlib.tables`.
"""

from marginlib.errors import MarginError, UnknownNameError
from marginlib.liquidation import (
    CloseOut,
    CommonShock,
    bankruptcy_price,
    close_out,
    common_shock,
    liquidation_price,
    liquidation_prices,
    lone_liquidation_price,
    shown_liquidation_price,
)
from marginlib.margin import (
    Risk,
    WithdrawalRule,
    account_risk,
    add_isolated_margin,
    available_balance,
    initial_margin,
    maintenance_margin,
    max_addable_margin,
    max_removable_margin,
    max_withdrawal,
    position_risk,
    remove_isolated_margin,
    risk,
)
from marginlib.model import (
    Account,
    Coin,
    Contract,
    Health,
    MaintenanceBasis,
    MarginMode,
    Netting,
    Order,
    Pool,
    Position,
    ShownPrice,
)
from marginlib.tiers import RiskSchedule, RiskTier
from marginlib.venues import Rulebook, rulebook, rulebooks

__version__ = "0.1.0"

# Notebooks of an earlier version find modules that have moved: see marginlib/jupyter/earlier.
__path__ = [*__path__, f"{__path__[0]}/jupyter/earlier"]

__all__ = [
    "Account",
    "CloseOut",
    "Coin",
    "CommonShock",
    "Contract",
    "Health",
    "MaintenanceBasis",
    "MarginError",
    "MarginMode",
    "Netting",
    "Order",
    "Pool",
    "Position",
    "Risk",
    "RiskSchedule",
    "RiskTier",
    "Rulebook",
    "ShownPrice",
    "UnknownNameError",
    "WithdrawalRule",
    "account_risk",
    "add_isolated_margin",
    "available_balance",
    "bankruptcy_price",
    "close_out",
    "common_shock",
    "initial_margin",
    "liquidation_price",
    "liquidation_prices",
    "lone_liquidation_price",
    "maintenance_margin",
    "max_addable_margin",
    "max_removable_margin",
    "max_withdrawal",
    "position_risk",
    "remove_isolated_margin",
    "risk",
    "rulebook",
    "rulebooks",
    "shown_liquidation_price",
]
