from marginlib.market import *
from marginlib.market.events import *
from marginlib.market.policies import *
from marginlib.market.replay import *
from marginlib.venues import ModeChange

MODE_CHANGES = {
    "binance_usdm": ModeChange.WHEN_FLAT,
    "binance_usdm_multi_assets": ModeChange.CROSS_ONLY,
    "bybit": ModeChange.WHOLE_ACCOUNT,
    "vega": ModeChange.ANY_TIME,
}  # in the rulebooks now
