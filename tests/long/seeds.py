"""Ten thousand learners: no misconception gives any of them a right answer, and no public solution one to a variant.

`python tests/long/seeds.py [SET ...]`
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "tools")]

from exercise_checks import ALL, VARIANTS, faults, given_away

LEARNERS = 10_000
ASKED = [*ALL, *VARIANTS]


def of(index: int) -> tuple[str, float, list[str]]:
    """Return a task's id, the seconds it took and its faults."""
    began = time.process_time()
    asked, learners = ASKED[index], [f"learner {k}" for k in range(LEARNERS)]
    found = [fault for each in learners for fault in faults(asked, each)]
    if asked.variant and asked.kind != "explain":
        found += [fault for each in learners for fault in given_away(asked, each)]
    name = f"{asked.id} variant {asked.variant}" if asked.variant else asked.id
    return name, time.process_time() - began, found


if __name__ == "__main__":
    total = 0
    with ProcessPoolExecutor() as workers:
        chosen = [k for k, task in enumerate(ASKED) if not sys.argv[1:] or task.set in sys.argv[1:]]
        for name, seconds, found in workers.map(of, chosen):
            print(f"{name:20} {LEARNERS:,} learners, {len(found)} faults, {seconds:.1f} s", *found[:3], sep="\n  ")
            total += len(found)
    print(f"{len(chosen)} tasks and variants x {LEARNERS:,} learners: {total} faults")
    sys.exit(1 if total else 0)
