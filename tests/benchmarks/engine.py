"""The engine against freqtrade and numpy: prints a table of ratios, ends with 1 where one misses its target.

Run from the repository's root, with marginlib and numpy installed; tests/benchmarks/README.md has the commands. The
measurements of a row are taken in turns, over passes that are about equally long, in seconds of the processor, since
other work on a machine is not what is asked about. Each counts with its fastest pass.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))  # before numpy

import argparse
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from marginlib.batch import Book, liquidation_price

from marginlib import (
    Pool,
    Position,
    RiskSchedule,
    common_shock,
    liquidation_prices,
    lone_liquidation_price,
    risk,
    rulebook,
)

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("MARGINLIB_PEERS", ROOT / ".peers" / ("Scripts" if os.name == "nt" else "bin") / "python"))
RULES = rulebook("binance_usdm", "2026-09-29")
BTC = RULES.schedule("BTCUSDT")  # twelve tiers
MANY = 1_000_000
LONE = 1_000
FLAT_RATE = 0.004
LIGHT = ("numpy", "pandas", "scipy", "numba", "matplotlib", "ipywidgets", "IPython")

Pass = Callable[[], float]


class Row(NamedTuple):
    """One line of the table: what was measured, in what unit, against what, and the ratio that is asked."""

    number: int
    what: str
    ours: float
    theirs: float
    unit: str
    least: float | None = None  # theirs / ours, at least
    most: float | None = None  # ours / theirs, at most

    @property
    def passed(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.least if self.least is not None else self.ratio <= (self.most or 0.0)

    @property
    def ratio(self) -> float:
        """How many times as fast, or which share of the other's time."""
        return self.theirs / self.ours if self.least is not None else self.ours / self.theirs

    def __str__(self) -> str:
        """Return the line as it is printed."""
        target = f">= {self.least:g}x" if self.least is not None else f"<= {self.most:g}x"
        verdict = "PASS" if self.passed else "MISS"
        return (
            f"{self.number:>3}  {self.what:<58}{self.ours:>10.4g}{self.theirs:>10.4g} {self.unit:<6}"
            f"{self.ratio:>9.2f}x  {target:<9}{verdict}"
        )


class Peer:
    """freqtrade in its own environment, asked over a pipe."""

    def __init__(self, python: Path, given: dict[str, Any]) -> None:
        script = Path(__file__).with_name("freqtrade_peer.py")
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._write(json.dumps(given))

    def ask(self, word: str) -> Any:
        """Return the answer to one question."""
        self._write(word)
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            sys.exit(f"the peer ended with {self._process.wait()}; see its message above")
        return json.loads(answer)

    def _write(self, line: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def fastest(passes: Sequence[Pass], repeats: int) -> list[float]:
    """Return the fastest of each, measured in turns, so that a slow moment of the machine meets all of them."""
    return [min(times) for times in zip(*([each() for each in passes] for _ in range(repeats)), strict=True)]


def timed(work: Callable[[], object], times: int = 1) -> Pass:
    """Return a pass of so many calls that returns the seconds of one."""

    def run() -> float:
        start = process_time()
        for _ in range(times):
            work()
        return (process_time() - start) / times

    return run


def draw(count: int, seed: int) -> dict[str, np.ndarray]:
    """Return isolated positions of both sides at leverages that their tiers allow.

    Sizes are heavy-tailed, as accounts are: half below 100,000, some in each of the twelve tiers.
    """
    dice = np.random.default_rng(seed)
    notional = dice.lognormal(math.log(1e5), 2.5, count)
    limits = np.array([tier.leverage_limit for tier in BTC.tiers])
    limit = limits[np.searchsorted(BTC.floors, notional, side="right") - 1]
    leverage = np.minimum(dice.choice([2.0, 5.0, 10.0, 20.0, 50.0], count), limit)
    entry = dice.uniform(20_000, 120_000, count)
    return {
        "collateral": notional / leverage,
        "quantity": dice.choice([-1.0, 1.0], count) * notional / entry,
        "entry_price": entry,
        "leverage": leverage,
    }


def cross_pool(count: int = 50) -> Pool:
    """Return a cross pool of positions of both sides, in many tiers, with wallet money of a tenth of their notional."""
    dice = random.Random(4)
    positions = []
    for number in range(count):
        entry = 10 ** dice.uniform(-1, 5)
        notional = 10 ** dice.uniform(3.5, 6.5)
        positions.append(
            Position(
                symbol=f"S{number}",
                quantity=dice.choice([-1, 1, 1]) * notional / entry,
                entry_price=entry,
                mark_price=entry,
                schedule=RULES.schedule(dice.choice(RULES.symbols)),
            )
        )
    return Pool(collateral=0.1 * sum(each.notional for each in positions), positions=tuple(positions))


def peer_row(pair: str, position: Position, leverage: float) -> list[Any]:
    """Return a position as freqtrade's function takes it."""
    size, stake = abs(position.quantity), position.entry_notional / leverage
    return [pair, position.entry_price, position.quantity < 0, size, stake, leverage]


def brackets(schedule: RiskSchedule) -> list[list[float]]:
    """Return the tiers as the venue lists them: floor, cap, rate, largest leverage, amount."""
    caps = (*schedule.floors[1:], schedule.notional_cap or 1e15)
    limits = [tier.leverage_limit for tier in schedule.tiers]
    return [list(row) for row in zip(schedule.floors, caps, schedule.rates, limits, schedule.amounts, strict=True)]


def flat_rate(
    collateral: np.ndarray, quantity: np.ndarray, entry: np.ndarray, out: np.ndarray, chunk: int = 1 << 15
) -> None:
    """Write liquidation prices at one flat rate, as numpy does it best: in place and in chunks that stay in cache."""
    lent = np.empty(chunk)
    for start in range(0, len(out), chunk):
        here = slice(start, start + chunk)
        price, size = out[here], quantity[here]
        scratch = lent[: len(price)]
        np.multiply(size, entry[here], out=price)
        np.subtract(collateral[here], price, out=price)
        np.abs(size, out=scratch)
        np.multiply(scratch, FLAT_RATE, out=scratch)
        np.subtract(scratch, size, out=scratch)
        np.divide(price, scratch, out=price)


def bisected_shocks(book: Book, tables: tuple[np.ndarray, np.ndarray], marks: np.ndarray, steps: int) -> list[float]:
    """Return the factors on all marks, below and above 1, found by bisection over arrays."""
    rates, amounts = tables
    exposure = np.array([position.exposure for position in book.pool.positions])
    value, cost = exposure * marks, float(exposure @ np.array([p.entry_price for p in book.pool.positions]))
    notional, net, constant = np.abs(value), float(value.sum()), book.pool.collateral - cost

    def surplus(factor: float) -> float:
        return constant + net * factor - float((rates * (notional * factor) - amounts).max(axis=0).sum())

    found = []
    for outside in (0.0, 1_000.0):
        liquidated, healthy = outside, 1.0
        if surplus(liquidated) > 0:
            continue
        for _ in range(steps):
            middle = (liquidated + healthy) / 2
            if surplus(middle) > 0:
                healthy = middle
            else:
                liquidated = middle
        found.append(healthy)
    return found


def padded(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """Return rates and amounts of all tiers, a column for each position; short tables repeat their last tier."""
    most = max(len(position.schedule.tiers) for position in pool.positions)
    rates = [[*p.schedule.rates, *[p.schedule.rates[-1]] * (most - len(p.schedule.rates))] for p in pool.positions]
    amounts = [
        [*p.schedule.amounts, *[p.schedule.amounts[-1]] * (most - len(p.schedule.amounts))] for p in pool.positions
    ]
    return np.array(rates).T.copy(), np.array(amounts).T.copy()


def expect(*, holds: bool, what: str) -> None:
    """End the run where something that is measured is not what it is taken for."""
    if not holds:
        sys.exit(f"not comparable: {what}")


def scalar_and_arrays(peer: Peer, repeats: int) -> list[Row]:
    """Rows 1 to 3: one price, and a million."""
    few, many = draw(LONE, seed=1), draw(MANY, seed=2)
    alone = list(zip(*(few[name].tolist() for name in ("collateral", "quantity", "entry_price")), strict=True))

    def loop() -> None:
        for collateral, quantity, entry_price in alone:
            lone_liquidation_price(collateral, quantity, entry_price, BTC)

    # freqtrade reads the tier off the stake: where all of it is one tier, it is asked the same and answers the same.
    ours, theirs = [lone_liquidation_price(*case, BTC) for case in alone], peer.ask("prices")
    small = [i for i, case in enumerate(alone) if abs(case[1] * case[2]) < BTC.floors[1] / 2]
    expect(
        holds=len(small) > LONE / 4 and all(math.isclose(ours[i] or 0, theirs[i], rel_tol=1e-12) for i in small),
        what="prices inside the first tier differ",
    )
    columns = many["collateral"], many["quantity"], many["entry_price"]
    out, flat = np.empty(MANY), np.empty(MANY)
    passes = [
        timed(loop, 40),
        lambda: float(peer.ask("lone")),
        timed(lambda: liquidation_price(*columns, BTC, out=out)),
        timed(lambda: flat_rate(*columns, flat), 4),
    ]
    lone, freqtrade, array, numpy = fastest(passes, 5 * repeats)
    some = range(0, MANY, 997)
    scalar = [lone_liquidation_price(*(float(column[i]) for column in columns), BTC) for i in some]
    nan = [math.nan if price is None else price for price in scalar]
    expect(holds=np.array_equal(out[::997], nan, equal_nan=True), what="array and scalar differ")
    hit = len(set(np.searchsorted(BTC.floors, np.abs(out * many["quantity"])).tolist()))
    expect(holds=hit == len(BTC.tiers), what=f"only {hit} tiers are hit")
    each, million, nano = 1e6 / LONE, 1e6 / MANY, 1e9 / MANY
    return [
        Row(1, "one exact tiered price / freqtrade", lone * each, freqtrade * each, "us", least=4),
        Row(2, "1e6 exact 12-tier prices, each / freqtrade", array * million, freqtrade * each, "us", least=100),
        Row(3, "the same / numpy's flat-rate pass in place", array * nano, numpy * nano, "ns", most=5),
    ]


def books(peer: Peer, pool: Pool, repeats: int) -> list[Row]:
    """Rows 4 and 5: a cross book of 50 positions, at marks that it has not seen when it is prepared."""
    book, tables = Book.from_pool(pool), padded(pool)
    marks = book.mark_prices * np.random.default_rng(5).uniform(0.97, 1.03, len(book.symbols))
    moved = pool.at(dict(zip(book.symbols, marks.tolist(), strict=True)))
    scalar = [math.nan if price is None else price for price in liquidation_prices(moved).values()]
    same = np.allclose(book.liquidation_prices(marks), scalar, rtol=1e-12, atol=0, equal_nan=True)
    expect(holds=same, what="book and scalar prices differ")
    shock = book.common_shock(marks)
    expect(holds=np.allclose(shock, common_shock(moved), rtol=1e-12, atol=0), what="book and scalar shocks differ")
    for move in shock:
        now = risk(moved.at({each.symbol: each.mark_price * (1 + (move or 0)) for each in moved.positions}))
        # A rise that liquidates is far away, where the pool holds hundreds of wallets: that is what it is measured in.
        residual = abs(now.equity - now.maintenance) / max(pool.collateral, now.equity)
        expect(holds=residual <= 1e-12, what=f"residual of the shock is {residual:.1e} of the wallet")
    bisected = [factor - 1 for factor in bisected_shocks(book, tables, marks, 60)]
    expect(holds=np.allclose(shock, bisected, rtol=1e-9, atol=0), what="Newton and bisection differ")
    passes = [
        timed(lambda: book.liquidation_prices(marks), 500),
        lambda: float(peer.ask("cross")),
        timed(lambda: book.common_shock(marks), 300),
        timed(lambda: bisected_shocks(book, tables, marks, 60), 20),
    ]
    prices, freqtrade, newton, bisection = (1e6 * seconds for seconds in fastest(passes, repeats))
    return [
        Row(4, "all 50 prices of a 50-position cross book / freqtrade", prices, freqtrade, "us", least=50),
        Row(5, "both common shocks of the book / 60-step bisections", newton, bisection, "us", least=15),
    ]


def imports(repeats: int) -> list[Row]:
    """Row 11: a fresh process each time; what it imports is checked in another."""
    check = f"import sys, marginlib; print(*[name for name in {LIGHT!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.split()
    expect(holds=not loaded, what=f"import marginlib imports {', '.join(loaded)}")

    def fresh(module: str) -> Pass:
        clock = f"from time import process_time as now; a = now(); import {module}; print(now() - a)"
        return lambda: float(subprocess.run([sys.executable, "-c", clock], capture_output=True, check=True).stdout)

    ours, theirs = (1e3 * seconds for seconds in fastest([fresh("marginlib"), fresh("numpy")], repeats))
    return [Row(11, "import marginlib / import numpy", ours, theirs, "ms", most=0.6)]


def main() -> int:
    """Print the table; 0 where all targets are reached, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, default=PEERS, help="python of the peers' environment (%(default)s)")
    parser.add_argument("--repeats", type=int, default=15, help="passes of each measurement (%(default)s)")
    asked = parser.parse_args()
    if not asked.peers.exists():
        parser.error(f"{asked.peers} is not there: make it as tests/benchmarks/README.md says, or give --peers")
    few, pool = draw(LONE, seed=1), cross_pool()
    lone = [
        ["BTCUSDT", entry, quantity < 0, abs(quantity), collateral, leverage, collateral]
        for collateral, quantity, entry, leverage in zip(*(few[name].tolist() for name in few), strict=True)
    ]
    given = {
        "tables": {"BTCUSDT": brackets(BTC)} | {each.symbol: brackets(each.schedule) for each in pool.positions},
        "lone": lone,
        "cross": [peer_row(each.symbol, each, 10.0) for each in pool.positions],
        "wallet": pool.collateral,
    }
    peer = Peer(asked.peers, given)
    rows = scalar_and_arrays(peer, asked.repeats) + books(peer, pool, asked.repeats) + imports(asked.repeats)
    print(f"{'row':>3}  {'what / against':<58}{'ours':>10}{'theirs':>10} {'unit':<6}{'ratio':>10}  target")
    for row in rows:
        print(row)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
