"""Ten thousand learners: no misconception gives any of them a right answer. `python tests/long/seeds.py [SET ...]`."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exercise_checks import ALL, faults

LEARNERS = 10_000


def of(index: int) -> tuple[str, float, list[str]]:
    """Return a task's id, the seconds it took and its faults."""
    began = time.process_time()
    found = [fault for k in range(LEARNERS) for fault in faults(ALL[index], f"learner {k}")]
    return ALL[index].id, time.process_time() - began, found


if __name__ == "__main__":
    total = 0
    with ProcessPoolExecutor() as workers:
        chosen = [k for k, task in enumerate(ALL) if not sys.argv[1:] or task.set in sys.argv[1:]]
        for name, seconds, found in workers.map(of, chosen):
            print(f"{name:12} {LEARNERS:,} learners, {len(found)} faults, {seconds:.1f} s", *found[:3], sep="\n  ")
            total += len(found)
    print(f"{len(chosen)} tasks x {LEARNERS:,} learners: {total} faults")
    sys.exit(1 if total else 0)
