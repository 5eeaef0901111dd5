"""Time moves: events and what follows from them, price paths, recorded crashes, and an account led through them.

`step(snapshot, event, rules)` is the only place where an account's state changes. `Bars` holds one symbol's bars as a
file gave them; a `PricePath` holds one mark price per moment and symbol, and says whether it is recorded, interpolated
or generated. `read_bars`, then `replay_history`: from a bar file to an account in both margin modes. This wing needs
numpy, and bar files pandas.
"""

from marginlib.market.bars import replay_history
from marginlib.market.desk import (
    AddMargin,
    Close,
    Hedge,
    Hold,
    Opening,
    Reduce,
    SwitchMode,
    against_nothing,
    compare_scores,
    crash_desk,
    generated_desks,
    path_desk,
    play,
    worth,
)
from marginlib.market.events import AddIsolatedMargin, Fill, Funding, MarkPrices, SetLeverage, SetMarginMode
from marginlib.market.files import read_bars
from marginlib.market.generate import geometric_brownian_path, jump_diffusion_path, seeded_paths
from marginlib.market.paths import Bars, PricePath
from marginlib.market.policies import (
    fifth_first,
    full_close,
    largest_loss_first,
    largest_maintenance_first,
    largest_notional_first,
    step_down,
)
from marginlib.market.recorded import Crash, KeyFigures, crash, crashes
from marginlib.market.replay import Replenishment, Rules, Snapshot, replay, step
from marginlib.market.walk import crash_replay, crash_rulebooks
from marginlib.venues import Leftover, ModeChange, PaidFrom, PositionMode

__all__ = [
    "AddIsolatedMargin",
    "AddMargin",
    "Bars",
    "Close",
    "Crash",
    "Fill",
    "Funding",
    "Hedge",
    "Hold",
    "KeyFigures",
    "Leftover",
    "MarkPrices",
    "ModeChange",
    "Opening",
    "PaidFrom",
    "PositionMode",
    "PricePath",
    "Reduce",
    "Replenishment",
    "Rules",
    "SetLeverage",
    "SetMarginMode",
    "Snapshot",
    "SwitchMode",
    "against_nothing",
    "compare_scores",
    "crash",
    "crash_desk",
    "crash_replay",
    "crash_rulebooks",
    "crashes",
    "fifth_first",
    "full_close",
    "generated_desks",
    "geometric_brownian_path",
    "jump_diffusion_path",
    "largest_loss_first",
    "largest_maintenance_first",
    "largest_notional_first",
    "path_desk",
    "play",
    "read_bars",
    "replay",
    "replay_history",
    "seeded_paths",
    "step",
    "step_down",
    "worth",
]
