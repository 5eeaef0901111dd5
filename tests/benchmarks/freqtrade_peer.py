"""freqtrade's liquidation prices, timed in an environment of their own; `engine.py` starts this script and asks it.

Reads one JSON object with the positions, then one word a line: `prices` is answered with the lone positions' prices,
`lone` and `cross` with the processor's seconds that a pass over the positions takes.
"""

from __future__ import annotations

import json
import sys
from time import process_time
from types import SimpleNamespace

from freqtrade.enums import MarginMode, RunMode, TradingMode
from freqtrade.exchange.binance import Binance

TIMES = 10


class Offline(Binance):
    """The exchange without a connection, and so with none to close."""

    def __del__(self) -> None:
        """Leave everything as it is."""


def exchange(tables: dict[str, list[list[float]]], margin_mode: MarginMode) -> Binance:
    """Return the exchange as a backtest uses it, with the attributes that the function reads."""
    made = Offline.__new__(Offline)
    made._config = {"runmode": RunMode.BACKTEST}  # noqa: SLF001
    made.trading_mode = TradingMode.FUTURES
    made.margin_mode = margin_mode
    names = ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage", "maintAmt")
    made._leverage_tiers = {  # noqa: SLF001
        pair: [dict(zip(names, row, strict=True)) for row in rows] for pair, rows in tables.items()
    }
    return made


def main() -> None:
    """Answer until the input ends."""
    given = json.loads(sys.stdin.readline())
    lone = exchange(given["tables"], MarginMode.ISOLATED).dry_run_liquidation_price
    cross = exchange(given["tables"], MarginMode.CROSS).dry_run_liquidation_price
    names = ("pair", "open_rate", "is_short", "amount", "stake_amount", "leverage")
    trades = [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in given["cross"]]
    alone = [(*row, []) for row in given["lone"]]
    together = [(*row, given["wallet"], trades) for row in given["cross"]]
    questions = {"lone": (lone, alone), "cross": (cross, together)}
    for word in map(str.strip, sys.stdin):
        if word == "prices":
            print(json.dumps([lone(*row) for row in alone]), flush=True)
            continue
        ask, rows = questions[word]
        start = process_time()
        for _ in range(TIMES):
            for pair, open_rate, is_short, amount, stake_amount, leverage, wallet_balance, open_trades in rows:
                ask(  # by keyword, as freqtrade calls it
                    pair=pair,
                    open_rate=open_rate,
                    is_short=is_short,
                    amount=amount,
                    leverage=leverage,
                    stake_amount=stake_amount,
                    wallet_balance=wallet_balance,
                    open_trades=open_trades,
                )
        print((process_time() - start) / TIMES, flush=True)


if __name__ == "__main__":
    main()
