"""Monte Carlo against numpy's bare generator, and the closed form against QuantLib: rows 8, 9, 10, 12 and 13.

    python -m venv .peers && .peers/bin/pip install "QuantLib==1.44"
    python tests/benchmarks/odds.py [--peer .peers/bin/python]

Ratios of one run; the contestants take turns, and each counts with its best turn. One thread of linear algebra.
QuantLib runs in a Python of its own (`--peer`, or MARGINLIB_PEER_PYTHON) and never next to the library.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from marginlib import Account, rulebook
from marginlib import montecarlo as mc

RULES = rulebook("binance_usdm", "2026-09-29")
PRICES = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0, "SOLUSDT": 150.0, "XRPUSDT": 0.6, "BNBUSDT": 500.0}
NOTIONALS = {"BTCUSDT": 400_000, "ETHUSDT": 200_000, "SOLUSDT": -100_000, "XRPUSDT": 50_000, "BNBUSDT": -80_000}
VOLATILITY = {"BTCUSDT": 0.55, "ETHUSDT": 0.7, "SOLUSDT": 0.9, "XRPUSDT": 0.9, "BNBUSDT": 0.6}
MARKET = mc.Diffusion(volatility=VOLATILITY, correlation=0.7)
LEGS = tuple(RULES.position(s, NOTIONALS[s] / PRICES[s], PRICES[s], leverage=5) for s in PRICES)
WALLET = 200_000
BOTH = {
    "cross": Account(wallet_balance=WALLET, positions=LEGS),
    "isolated": Account(wallet_balance=WALLET, positions=tuple(leg.isolated() for leg in LEGS)),
}
HOURS, PATHS = 720, 16_384
# (price, barrier, volatility, drift, days) of one-touches in one market: a curve over barriers
TOUCHES = [(60_000.0, 60_000.0 * (0.55 + 0.04 * i), 0.6, 0.05, 30.0) for i in range(11)]

PEER = """
import json, sys, time
import math
import QuantLib as ql
touches = json.load(sys.stdin)
today = ql.Date(1, 1, 2026)
ql.Settings.instance().evaluationDate = today
count = ql.Actual365Fixed()

def market(price, volatility, drift):
    # A payment of 1 at expiry if touched, discounted at the rate r: its price times exp(r T) is the probability.
    spot = ql.QuoteHandle(ql.SimpleQuote(price))
    rate = ql.YieldTermStructureHandle(ql.FlatForward(today, drift, count))
    none = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, count))
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, count))
    return ql.BlackScholesMertonProcess(spot, none, rate, vol)

def one_touch(process, price, barrier, days):
    kind = ql.Option.Put if barrier < price else ql.Option.Call
    exercise = ql.AmericanExercise(today, today + int(days), True)
    made = ql.VanillaOption(ql.CashOrNothingPayoff(kind, barrier, 1.0), exercise)
    made.setPricingEngine(ql.AnalyticDigitalAmericanEngine(process))
    return made

def best(question):
    fastest = math.inf
    for _ in range(30):
        start = time.perf_counter()
        for _ in range(40):
            for touch in touches:
                question(touch)
        fastest = min(fastest, (time.perf_counter() - start) / 40 / len(touches))
    return fastest

# Five new numbers each time, as our function takes them; and, for the record, the market kept, and the option kept.
def asked(touch):
    price, barrier, volatility, drift, days = touch
    return one_touch(market(price, volatility, drift), price, barrier, days).NPV()

price, _, volatility, drift, days = touches[0]
process = market(price, volatility, drift)
kept = one_touch(process, price, touches[0][1], days)
values = [one_touch(process, p, barrier, t).NPV() * math.exp(drift * t / 365) for p, barrier, _, _, t in touches]
print(json.dumps({
    "version": ql.__version__,
    "values": values,
    "asked": best(asked),
    "same_market": best(lambda touch: one_touch(process, touch[0], touch[1], touch[4]).NPV()),
    "repriced": best(lambda touch: kept.recalculate()),
}))
"""

MEMORY = r"""
import re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import odds
# Not `getrusage`: what it calls the peak of a process begins with that of the one that started it.
peak = lambda: int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
odds.mc.compare(odds.BOTH, odds.MARKET, paths=int(sys.argv[2]))
print(peak() - before)
"""


def best_in_turns(turns: int, *contestants: Callable[[], object]) -> list[float]:
    """Return the best time of each [s]; they take turns, so that a busy moment does not hit one alone."""
    best = [float("inf")] * len(contestants)
    for _ in range(turns):
        for i, contestant in enumerate(contestants):
            start = time.perf_counter()
            contestant()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def floor() -> None:
    """Draw the normal numbers of 5 assets at every hour, and do nothing with them."""
    rng = np.random.Generator(np.random.SFC64(1))
    numbers = np.empty((len(PRICES), PATHS), np.float32)
    for _ in range(HOURS):
        rng.standard_normal(out=numbers, dtype=np.float32)


def simulations(turns: int) -> list[tuple[str, str, str, bool]]:
    """Rows 8 and 9."""
    bare, hourly, few = best_in_turns(
        turns,
        floor,
        lambda: mc.compare(BOTH, MARKET, steps=HOURS, paths=PATHS, bridge=False),
        lambda: mc.compare(BOTH, MARKET, paths=2 * PATHS),
    )
    share, ratio = bare / hourly, bare / PATHS / (few / (2 * PATHS))
    exact = mc.liquidation_odds(BOTH["isolated"], MARKET)[1:]
    simulated = mc.compare(BOTH, MARKET, paths=262_144)["isolated"].pools[1:]
    worst = max(
        abs(pool.liquidation.value - truth.value) / pool.liquidation.standard_error
        for pool, truth in zip(simulated, exact, strict=True)
    )
    return [
        ("8  hourly, 5 assets, both modes: share of the bare generator", ">= 70 %", f"{share:.0%}", share >= 0.70),
        ("9  30 steps and the bridge: rate over the floor's", ">= 6x", f"{ratio:.1f}x", ratio >= 6),
        ("9  isolated off the formula, in standard errors, worst of 5", "<= 3", f"{worst:.1f}", worst <= 3),
    ]


def sliders(turns: int) -> list[tuple[str, str, str, bool]]:
    """Row 10."""
    cache = mc.PathCache(MARKET)
    wallets = [Account(wallet_balance=WALLET * k, positions=LEGS) for k in (0.5, 0.75, 1.0)]
    moves = {"cross, wallet": wallets, "isolated": [BOTH["isolated"]], "mode": list(BOTH.values())}
    rows = []
    for name, accounts in moves.items():
        worst = max(best_in_turns(turns, *(lambda book=book: cache.odds(book) for book in accounts))) * 1e3
        rows.append((f"10 slider on {cache.paths:,} kept paths: {name}", "< 5 ms", f"{worst:.1f} ms", worst < 5))
    return rows


def memory() -> list[tuple[str, str, str, bool]]:
    """Row 12."""
    taken = []
    for paths in (16_384, 1_048_576):
        command = [sys.executable, "-c", MEMORY, str(Path(__file__).parent), str(paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken.append(float(done.stdout))
    said = " / ".join(f"{each:.0f}" for each in taken)
    return [("12 memory above import, 16,384 / 1,048,576 paths", "<= 32 MB", f"{said} MB", max(taken) <= 32)]


def closed_form(peer: str) -> list[tuple[str, str, str, bool]]:
    """Row 13."""

    def ours() -> None:
        for _ in range(200):
            for price, barrier, volatility, drift, days in TOUCHES:
                mc.touch_probability(price, barrier, volatility=volatility, drift=drift, days=days)

    if not Path(peer).exists():
        return [("13 closed form against QuantLib's one-touch", ">= 15x", f"no Python at {peer}", False)]
    done = subprocess.run([peer, "-c", PEER], input=json.dumps(TOUCHES), capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    mine = best_in_turns(30, ours)[0] / 200 / len(TOUCHES)
    values = [
        mc.touch_probability(p, barrier, volatility=volatility, drift=drift, days=days)
        for p, barrier, volatility, drift, days in TOUCHES
    ]
    off = max(abs(a - b) for a, b in zip(values, theirs["values"], strict=True))
    ratio = theirs["asked"] / mine
    market, again = theirs["same_market"] / mine, theirs["repriced"] / mine
    said = f"{ratio:.0f}x ({mine * 1e6:.2f} us, {theirs['asked'] * 1e6:.1f} us)"
    return [
        (f"13 closed form against QuantLib {theirs['version']}'s one-touch", ">= 15x", said, ratio >= 15),
        ("   for the record: its market kept, its option kept", "", f"{market:.1f}x, {again:.1f}x", True),
        ("13 largest difference of the two", "<= 1e-9", f"{off:.0e}", off <= 1e-9),
    ]


def main() -> int:
    """Print the table; return 0 when every target is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("MARGINLIB_PEER_PYTHON", ".peers/bin/python")
    parser.add_argument("--peer", default=default, help="a Python that has QuantLib")
    parser.add_argument("--turns", type=int, default=7, help="turns of each contestant")
    options = parser.parse_args()
    rows = [*simulations(options.turns), *sliders(10 * options.turns), *memory(), *closed_form(options.peer)]
    width = max(len(row[0]) for row in rows)
    print(f"{'row'.ljust(width)}  {'target':>8}  {'measured':>24}")
    for name, target, measured, passed in rows:
        print(f"{name.ljust(width)}  {target:>8}  {measured:>24}  {'PASS' if passed else 'MISS'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
