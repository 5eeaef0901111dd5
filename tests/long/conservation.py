"""Money is conserved over many random sequences of events: the long run, outside pytest.

    python tests/long/conservation.py [--sequences 10000] [--events 400] [--seed 0] [--processes 2]

Each sequence is one of `tests/test_replay.py`: an account of 10,000 under rules drawn at random (every liquidation
policy, who keeps what is left, which money pays, when a mode may change, replenishment, what may be withdrawn, netting,
hedge mode, tiers that jump), some 400 random events, coins and orders among them. After every event the ledger and a
second witness, which knows no entry prices, have to agree to 1e-9 of the money that came in. It ends with what
happened, and exit code 1 where a sequence failed: its number makes it again with --seed NUMBER --sequences 1.

A run in which most events are refused would show nothing, so half of all must happen or it fails, too. That is asked of
the run, not of each sequence: how many are refused is drawn, as the events are, so of thousands of sequences some lie
far from the mean. The fewest is told.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_replay import COINS, TIERED, sequence, walk

from marginlib import Netting, WithdrawalRule
from marginlib.market.policies import (
    fifth_first,
    full_close,
    largest_loss_first,
    largest_maintenance_first,
    largest_notional_first,
    pairs_first,
    step_down,
)
from marginlib.market.replay import Rules
from marginlib.venues import Leftover, ModeChange, PaidFrom, PositionMode

LEAST_SHARE = 0.5  # of the events of a run: fewer would not show much

POLICIES = (
    full_close(),
    full_close(largest_loss_first),
    full_close(largest_maintenance_first),
    step_down(),
    step_down(2, largest_notional_first),
    fifth_first(above=5_000),
    pairs_first(step_down()),
)


def rules_of(seed: int) -> Rules:
    """Return the rules of one sequence."""
    source = random.Random(-1 - seed)
    jumping = replace(TIERED, whole_position=True)
    return Rules(
        book=source.choice([COINS, replace(COINS, schedules={**COINS.schedules, "SOL": jumping})]),
        policy=source.choice(POLICIES),
        leftover=source.choice(list(Leftover)),
        clearance_fee_rate=source.choice([0.0, 0.005, 0.0125]),
        fee_from=source.choice(list(PaidFrom)),
        funding_from=source.choice(list(PaidFrom)),
        withdrawal=source.choice([WithdrawalRule(), WithdrawalRule(profit=True, notional_share=0.1)]),
        position_mode=source.choice(list(PositionMode)),
        mode_change=source.choice([ModeChange.ANY_TIME, ModeChange.WHEN_FLAT]),
        replenish=frozenset(source.choice([(), ("BTC",), ("BTC", "ETH"), ("BTC", "ETH", "SOL")])),
    )


def one(length: int, seed: int) -> tuple[int, int, int, str]:
    """Run one sequence; return its number, how many events happened, how many liquidations, and what went wrong."""
    try:
        happened, liquidated = walk(
            sequence(seed, length), rules_of(seed), [0.0, 500.0][seed % 2], list(Netting)[seed % 3]
        )
    except Exception as error:  # noqa: BLE001 - whatever went wrong belongs in the report
        return seed, 0, 0, repr(error)[:300]
    return seed, happened, liquidated, ""


def main() -> int:
    """Run the sequences and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    began, happened, liquidated, failed, fewest = time.monotonic(), 0, 0, 0, chosen.events
    seeds = range(chosen.seed, chosen.seed + chosen.sequences)
    with ProcessPoolExecutor(chosen.processes) as pool:
        for number, (seed, events, closed, fault) in enumerate(
            pool.map(partial(one, chosen.events), seeds, chunksize=25), start=1
        ):
            happened, liquidated = happened + events, liquidated + closed
            if fault:
                failed += 1
                print(f"sequence {seed}: {fault}")
            else:
                fewest = min(fewest, events)
            if number % 1_000 == 0:
                print(f"{number:,} sequences, {time.monotonic() - began:.0f} s", flush=True)
    passed, share = chosen.sequences - failed, happened / (chosen.sequences * chosen.events)
    print(f"{happened:,} events ({share:.1%} of those tried; the fewest of a sequence {fewest} of {chosen.events})")
    print(f"{liquidated:,} liquidations in {time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed")
    if share < LEAST_SHARE:
        print(f"too few events happened: {share:.1%}, and {LEAST_SHARE:.0%} are asked")
    return 1 if failed or share < LEAST_SHARE else 0


if __name__ == "__main__":
    sys.exit(main())
