"""Replay of 100,000 bars against the peers, printed in one run.

    python tests/benchmarks/replay.py [--peers PYTHON]

The peers run under a Python of their own (`tests/benchmarks/replay_peers.py` says what to install there); --peers or
the variable MARGINLIB_PEERS names it, `.peers/bin/python` otherwise. A peer that cannot be run is named and left out.

*Cold* is from arrays of prices to the result: checking the data, gathering it into blocks, replaying. *Prepared* is the
replay alone, the data having been gathered once: what another account, or another slider value, costs.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported
from __future__ import annotations

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import json
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path
from time import process_time

import numpy as np

from marginlib import Account, rulebook
from marginlib.market.bars import MarkBars, replay_bars_fast
from marginlib.market.replay import Rules
from marginlib.venues import Rulebook

BARS = 100_000
EVERY = 8
RATE = 1e-5
FEE = 0.0005
WALLET = 20_000.0
QUANTITIES = (100.0, -80.0, 60.0, -40.0, 20.0)
SYMBOLS = tuple("ABCDE")
PEERS = Path(__file__).with_name("replay_peers.py")


def data():
    """Return five hourly paths that no position is liquidated on, so that every peer goes to the end."""
    source = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(source.normal(0, 0.0002, (len(SYMBOLS), BARS)), axis=1))
    funding = np.full(close.shape, np.nan)
    funding[:, ::EVERY] = RATE
    return {"high": close * 1.001, "low": close * 0.999, "close": close, "funding": funding}


def best(action, number):
    """Return the shortest of some repeats [s of the processor]: the others say what else the machine did."""
    action()
    return min(timeit.repeat(action, number=number, repeat=9, timer=process_time)) / number


def ours(arrays, count):
    """Return the cold and the prepared time of a book of `count` positions [s], its opening fees paid."""
    symbols = SYMBOLS[:count]
    book = Rulebook(
        venue="binance_usdm",
        date="2026-09-29",
        source="",
        schedules=dict.fromkeys(symbols, rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT")),
    )
    rules = Rules(book=book)
    rows = {name: values[:count] for name, values in arrays.items()}
    positions = tuple(
        book.position(symbol, quantity, float(close[0]), leverage=10)
        for symbol, quantity, close in zip(symbols, QUANTITIES, rows["close"], strict=False)
    )
    fees = FEE * sum(each.notional for each in positions)
    account = Account(wallet_balance=WALLET - fees, positions=positions)

    def make():
        return MarkBars(symbols=symbols, times=range(BARS), **rows)

    ready = make()
    run = replay_bars_fast(account, ready, rules)
    died = any(state.liquidations for _, state in run.opened)
    if died or len(run.final.account.positions) != count or run.final.ledger.funding == 0:
        msg = "the benchmark's book is not the one that it is meant to be"
        raise RuntimeError(msg)
    cold = best(lambda: replay_bars_fast(account, make(), rules), 5)
    return cold, best(lambda: replay_bars_fast(account, ready, rules), 20)


def peer(python, name, file):
    """Return a peer's time [s], or None and why."""
    try:
        done = subprocess.run(
            [python, str(PEERS), name, str(file)], capture_output=True, text=True, timeout=900, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])["seconds"], ""
    except subprocess.CalledProcessError as error:
        return None, error.stderr.strip().splitlines()[-1:]
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError) as error:
        return None, repr(error)


def main():
    """Print the table; exit with 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=os.environ.get("MARGINLIB_PEERS", ".peers/bin/python"))
    python = parser.parse_args().peers
    arrays = data()
    book_cold, book_prepared = ours(arrays, 5)
    one_cold, one_prepared = ours(arrays, 1)
    rows = [
        ("6", "5 cross positions, cold", "lrvx_cross", book_cold, 20),
        ("6", "5 cross positions, prepared", "lrvx_cross", book_prepared, 300),
        ("7", "1 position, cold", "archive_backtest", one_cold, 60),
        ("7", "1 position, cold", "nautilus", one_cold, 600),
        ("7", "1 position, cold", "freqtrade", one_cold, 4_000),
        ("7", "1 position, prepared", "archive_session", one_prepared, None),
    ]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bars.npz"
        plain = {name: arrays[name] for name in ("high", "low", "close")}
        np.savez(file, **plain, quantities=QUANTITIES, wallet=WALLET, rate=RATE, every=EVERY)
        times = {name: peer(python, name, file) for name in dict.fromkeys(row[2] for row in rows)}
    print(f"{BARS:,} bars, funding every {EVERY}; microseconds a bar")
    print(f"{'row':4}{'what':30}{'ours':>9}  {'peer':18}{'its':>9}{'ratio':>10}{'target':>9}")
    for row, what, name, seconds, target in rows:
        theirs, why = times[name]
        mine = seconds / BARS * 1e6
        if theirs is None:
            print(f"{row:4}{what:30}{mine:9.4f}  {name:18}{'-':>9}{'-':>10}{target or '-':>9}  not run: {why}")
            continue
        ratio = theirs / seconds
        verdict = "" if target is None else "PASS" if ratio >= target else "MISS"
        missed += verdict == "MISS"
        wanted = f"{target:,}x" if target else "-"
        print(f"{row:4}{what:30}{mine:9.4f}  {name:18}{theirs / BARS * 1e6:9.3f}{ratio:9,.0f}x{wanted:>9}  {verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
