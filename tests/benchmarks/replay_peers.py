"""The peers of the replay benchmark: each replays the bars of a file, and prints what a bar costs, as one line of JSON.

It runs under a Python of its own, in which the peers are installed; none of them is a dependency:

    pip install lrvx==0.11.0 0xarchive-backtest==0.3.1 nautilus_trader==1.231.0 freqtrade==2026.9
    python tests/benchmarks/replay_peers.py NAME FILE.npz

Each peer gets its data loaded and converted before the clock starts, which counts seconds of the processor, opens what
it has to hold, and is asked afterwards whether it still holds it: a peer that had nothing to do would be no peer.
"""

# ruff: noqa: PLC0415, SLF001 - each peer is imported where it runs, and driven as it can be
from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

HOUR_NS = 3_600 * 10**9
REPEATS = 3
# The first bar opens here, for peers that need a calendar.
START = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp())


def lrvx_cross(data):
    """Drive five cross positions, all marks of a bar at once; funding from the library's own schedule."""
    import lrvx

    close = data["close"]
    quantities = data["quantities"].tolist()
    rows = [list(enumerate(prices)) for prices in close.T.tolist()]
    plain = close.T.tolist()
    symbols = list(range(len(quantities)))
    every = int(data["every"])
    times = []
    for _ in range(REPEATS):
        account = lrvx.Account(1, float(data["wallet"]))
        account.set_margin_mode(lrvx.MarginMode.Cross)
        engine = lrvx.LiquidationEngine.binance_um_futures()
        engine.attach_account(account)
        for symbol, quantity in zip(symbols, quantities, strict=True):
            account.open_position(symbol, quantity, plain[0][symbol])
        funding = lrvx.FundingSchedule.constant(every * HOUR_NS, float(data["rate"]))
        began = time.process_time()
        for bar, row in enumerate(rows):
            if bar % every == 0:
                for payment in funding.tick(bar * HOUR_NS, symbols, quantities, plain[bar]):
                    account.add_equity(payment.amount)
            engine.on_marks(row, bar * HOUR_NS)
        times.append(time.process_time() - began)
        if account.position_count() != len(quantities) or account.equity() == float(data["wallet"]):
            raise RuntimeError("lrvx lost a position or paid no funding")
    return min(times)


def _archive(data, run):
    """Write the bars as minute files, which is what it reads, and run over them."""
    import oxarchive_backtest as oxb
    from oxarchive_backtest import _native

    high, low, close = (data[name][0].tolist() for name in ("high", "low", "close"))
    every = int(data["every"])
    with tempfile.TemporaryDirectory() as folder:
        market = Path(folder) / "BTC"
        market.mkdir()
        months = {}
        for bar, price in enumerate(close):
            at = START + 60 * bar
            month = datetime.fromtimestamp(at, UTC).strftime("%Y-%m")
            before = close[max(bar - 1, 0)]
            row = {"ts": at * 1000, "open": before, "high": high[bar], "low": low[bar], "close": price}
            row |= {"volume": 1e3, "mark_price": price, "spread_bps": 1.0, "funding_rate": float(data["rate"])}
            row |= {"funding_settled": float(data["rate"]) if bar % every == 0 else None}
            row |= dict.fromkeys(("depth_bid_10bps", "depth_ask_10bps", "depth_bid_50bps", "depth_ask_50bps"), 1e8)
            months.setdefault(month, []).append(row)
        for month, rows in months.items():
            _native._write_rows(str(market), "hyperliquid:BTC", month, "v1", rows)

        def hold(ctx, _history):
            if not ctx.state.get("in"):
                ctx.market("BTC", float(data["quantities"][0]))
                ctx.state["in"] = True

        strategy = oxb.Strategy(universe=["BTC"], clock="1d", step=hold)
        end = (START + 60 * len(close)) * 1000
        times = []
        for _ in range(REPEATS):
            seconds, report = run(oxb, _native, strategy, folder, end, float(data["wallet"]))
            if report.final_positions.get("BTC") != float(data["quantities"][0]) or not report.funding_paid:
                raise RuntimeError("0xarchive-backtest holds no position or paid no funding")
            times.append(seconds)
        return min(times)


def archive_backtest(data):
    """Drive `backtest`, its way in: it reads its files as it goes."""

    def run(oxb, _native, strategy, folder, end, wallet):
        config = oxb.Config(starting_cash=wallet)
        began = time.process_time()
        report = oxb.backtest(strategy, START * 1000, end, source=folder, config=config)
        return time.process_time() - began, report

    return _archive(data, run)


def archive_session(data):
    """Drive `Session.replay` over rows that are loaded already: the compiled loop alone."""

    def run(oxb, native, strategy, folder, _end, wallet):
        rows = native.load(str(Path(folder) / "BTC"))
        session = oxb.Session(strategy, ["BTC"], start=START * 1000, config=oxb.Config(starting_cash=wallet))
        began = time.process_time()
        session.replay({"BTC": rows})
        return time.process_time() - began, session.report()

    return _archive(data, run)


def nautilus(data):
    """Drive its backtest engine over bars of one perpetual, one position held; it settles no funding from bars."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    perpetual = TestInstrumentProvider.btcusdt_perp_binance()
    kind = BarType.from_str(f"{perpetual.id}-1-HOUR-LAST-EXTERNAL")
    digits, size = perpetual.price_precision, Quantity(1_000, perpetual.size_precision)
    high, low, close = (data[name][0].tolist() for name in ("high", "low", "close"))
    bars = [
        Bar(
            kind,
            *(Price(price, digits) for price in (close[i], high[i], low[i], close[i])),
            size,
            i * HOUR_NS,
            i * HOUR_NS,
        )
        for i in range(len(close))
    ]

    class Hold(Strategy):
        def on_start(self):
            self.subscribe_bars(kind)

        def on_bar(self, _bar):
            # One order, then no more calls into Python.
            self.unsubscribe_bars(kind)
            quantity = Quantity(float(data["quantities"][0]), perpetual.size_precision)
            self.submit_order(self.order_factory.market(perpetual.id, OrderSide.BUY, quantity))

    times = []
    for _ in range(REPEATS):
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
        engine.add_venue(
            venue=perpetual.id.venue,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=None,
            starting_balances=[Money(1_000_000, USDT)],
            bar_execution=True,
        )
        engine.add_instrument(perpetual)
        engine.add_data(bars)
        engine.add_strategy(Hold())
        began = time.process_time()
        engine.run()
        times.append(time.process_time() - began)
        if [float(each.quantity) for each in engine.cache.positions_open()] != [float(data["quantities"][0])]:
            raise RuntimeError("nautilus_trader holds no position")
        engine.dispose()
    return min(times)


FREQTRADE_STRATEGY = """
from freqtrade.strategy import IStrategy

class Hold(IStrategy):
    timeframe = "1h"
    can_short = True
    minimal_roi = {"0": 100}
    stoploss = -0.99
    startup_candle_count = 0

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 0
        dataframe.loc[dataframe.index[0], "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe
"""


def freqtrade(data):
    """Drive `Backtesting.backtest` over one pair, offline: the exchange's one market and its tiers are given to it.

    Its funding, looked up in a data frame every eight hours, makes it ten times as slow and is left out until the end.
    """
    import pandas as pd
    from freqtrade.enums import RunMode
    from freqtrade.exchange import Binance
    from freqtrade.optimize.backtesting import Backtesting

    pair = "BTC/USDT:USDT"
    market = {
        "id": "BTCUSDT", "symbol": pair, "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap",
        "swap": True, "spot": False, "future": False, "option": False, "contract": True, "linear": True, "active": True,
        "contractSize": 1, "precision": {"amount": 0.001, "price": 0.0001}, "info": {},
        "limits": {"amount": {"min": 0.001, "max": 1e9}, "price": {"min": None, "max": None},
                   "cost": {"min": 5, "max": None}, "leverage": {"min": 1, "max": 125}},
        "taker": 0.0005, "maker": 0.0002,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "hold.py").write_text(FREQTRADE_STRATEGY, encoding="utf-8")
        config = {
            "runmode": RunMode.OTHER, "dry_run": True, "dry_run_wallet": float(data["wallet"]),
            "stake_currency": "USDT", "stake_amount": 1_000,
            "max_open_trades": 1, "timeframe": "1h", "trading_mode": "futures",
            "margin_mode": "isolated", "strategy": "Hold", "strategy_path": folder, "user_data_dir": Path(folder),
            "datadir": Path(folder), "exportfilename": Path(folder), "dataformat_ohlcv": "feather",
            "dataformat_trades": "feather", "fee": 0.0005, "tradable_balance_ratio": 0.99,
            "exchange": {"name": "binance", "pair_whitelist": [pair], "pair_blacklist": [], "enable_ws": False},
            "pairlists": [{"method": "StaticPairList"}], "entry_pricing": {}, "exit_pricing": {}, "original_config": {},
        }  # fmt: skip
        exchange = Binance(config, validate=False)
        exchange._markets = {pair: market}
        exchange._api.set_markets([market])
        exchange._api_async.set_markets([market])
        exchange.reload_markets = lambda *_args, **_more: None
        exchange._leverage_tiers = {
            pair: [
                {
                    "minNotional": 0,
                    "maxNotional": 1e12,
                    "maintenanceMarginRate": 0.004,
                    "maxLeverage": 125,
                    "maintAmt": 0,
                }
            ]
        }
        tester = Backtesting(config, exchange)
        close = data["close"][0]
        dates = pd.date_range("2010-01-01", periods=close.size, freq="h", tz="UTC")
        candles = pd.DataFrame(
            {"date": dates, "open": np.r_[close[0], close[:-1]], "high": data["high"][0], "low": data["low"][0],
             "close": close, "volume": 1_000.0}
        )  # fmt: skip
        settled = dates[:: int(data["every"])]
        tester.futures_data = {
            pair: pd.DataFrame(
                {
                    "date": settled,
                    "open_fund": float(data["rate"]),
                    "open_mark": candles["open"].to_numpy()[:: int(data["every"])],
                }
            )
        }
        tester.funding_fee_timeframe_secs = 10**10
        tester._set_strategy(tester.strategylist[0])
        times = []
        for _ in range(REPEATS):
            prepared = tester.strategy.advise_all_indicators({pair: candles.copy()})
            began = time.process_time()
            result = tester.backtest(processed=prepared, start_date=dates[0], end_date=dates[-1])
            times.append(time.process_time() - began)
            trades = result["results"]
            held = (trades["close_date"] - trades["open_date"]).max()
            if len(trades) != 1 or held < 0.9 * (dates[-1] - dates[0]):
                raise RuntimeError(f"freqtrade held {len(trades)} trades, the longest for {held}")
        return min(times)


PEERS = {each.__name__: each for each in (lrvx_cross, archive_backtest, archive_session, nautilus, freqtrade)}


def main():
    """Run one peer and print its cost in microseconds a bar."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    name, file = sys.argv[1:]
    with np.load(file) as loaded:
        data = {key: loaded[key] for key in loaded.files}
    answer = sys.stdout
    with Path(os.devnull).open("w", encoding="utf-8") as quiet:
        sys.stdout = quiet
        seconds = PEERS[name](data)
    sys.stdout = answer
    print(json.dumps({"peer": name, "seconds": seconds}))


if __name__ == "__main__":
    main()
