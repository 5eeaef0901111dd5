"""The engine against freqtrade: prints a table of ratios, ends with 1 where one misses its target.

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

from marginlib import (
    Pool,
    Position,
    RiskSchedule,
    liquidation_price,
    liquidation_prices,
    lone_liquidation_price,
    rulebook,
)

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("MARGINLIB_PEERS", ROOT / ".peers" / ("Scripts" if os.name == "nt" else "bin") / "python"))
RULES = rulebook("binance_usdm", "2026-09-29")
BTC = RULES.schedule("BTCUSDT")  # twelve tiers
LONE = 1_000
LIGHT = ("numpy", "pandas", "scipy", "numba", "matplotlib", "ipywidgets", "IPython")

Pass = Callable[[], float]


class Row(NamedTuple):
    """One line of the table: what was measured, in what unit, against what, and the ratio that is asked, if any."""

    number: int | str
    what: str
    ours: float
    theirs: float
    unit: str
    least: float | None = None  # theirs / ours, at least
    most: float | None = None  # ours / theirs, at most

    @property
    def passed(self) -> bool:
        """Whether the target is reached, where there is one."""
        if self.least is None and self.most is None:
            return True
        return self.ratio >= self.least if self.least is not None else self.ratio <= (self.most or 0.0)

    @property
    def ratio(self) -> float:
        """How many times as fast, or which share of the other's time."""
        return self.ours / self.theirs if self.most is not None else self.theirs / self.ours

    def __str__(self) -> str:
        """Return the line as it is printed."""
        target, verdict = "no target", ""
        if self.least is not None or self.most is not None:
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

    Sizes are heavy-tailed, as accounts are: half below 100,000, some in more than half of the twelve tiers.
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


def expect(*, holds: bool, what: str) -> None:
    """End the run where something that is measured is not what it is taken for."""
    if not holds:
        sys.exit(f"not comparable: {what}")


def one_price(peer: Peer, repeats: int) -> list[Row]:
    """Row 1: one position that is alone in its pool."""
    few = draw(LONE, seed=1)
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
    hit = {BTC.tier(abs(price * case[1])) for price, case in zip(ours, alone, strict=True) if price is not None}
    expect(holds=len(hit) > len(BTC.tiers) / 2, what=f"only {len(hit)} tiers are hit")
    lone, freqtrade = fastest([timed(loop, 40), lambda: float(peer.ask("lone"))], 5 * repeats)
    return [Row(1, "one exact tiered price / freqtrade", lone * 1e6 / LONE, freqtrade * 1e6 / LONE, "us", least=2)]


def cross_book(peer: Peer, pool: Pool, repeats: int) -> list[Row]:
    """Print, without a target, how long all prices of a cross book take."""
    alone = {symbol: liquidation_price(pool, symbol) for symbol in pool.symbols}
    same = all(
        price == alone[symbol] or math.isclose(price or 0, alone[symbol] or 0, rel_tol=1e-9)
        for symbol, price in liquidation_prices(pool).items()
    )
    expect(holds=same, what="all prices at once and one by one differ")
    passes = [timed(lambda: liquidation_prices(pool), 20), lambda: float(peer.ask("cross"))]
    prices, freqtrade = (1e6 * seconds for seconds in fastest(passes, repeats))
    return [Row("-", "all 50 prices of a 50-position cross book / freqtrade", prices, freqtrade, "us")]


def imports(repeats: int) -> list[Row]:
    """Row 11: a fresh process each time; what it imports is checked in another."""
    check = f"import sys, marginlib; print(*[name for name in {LIGHT!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.split()
    expect(holds=not loaded, what=f"import marginlib imports {', '.join(loaded)}")

    def fresh(module: str) -> Pass:
        clock = f"from time import process_time as now; a = now(); import {module}; print(now() - a)"
        # numpy came compiled: ours is to be measured compiled, too, wherever this runs.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-c", clock]
        return lambda: float(subprocess.run(command, capture_output=True, check=True, env=kept).stdout)

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
    rows = one_price(peer, asked.repeats) + cross_book(peer, pool, asked.repeats) + imports(asked.repeats)
    print(f"{'row':>3}  {'what / against':<58}{'ours':>10}{'theirs':>10} {'unit':<6}{'ratio':>10}  target")
    for row in rows:
        print(row)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
