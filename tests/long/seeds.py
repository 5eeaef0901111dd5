"""Thousands of learners: no misconception gives any of them a right answer, and no public solution one to a variant.

python tests/long/seeds.py [--learners=10000] [SET ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "tools")]

from exercise_checks import ALL, VARIANTS, faults, given_away

ASKED = [*ALL, *VARIANTS]


def of(index: int, learners: int) -> tuple[str, float, list[str]]:
    """Return a task's id, the seconds it took and its faults."""
    began = time.process_time()
    asked, names = ASKED[index], [f"learner {k}" for k in range(learners)]
    found = [fault for each in names for fault in faults(asked, each)]
    if asked.variant and asked.kind != "explain":
        found += [fault for each in names for fault in given_away(asked, each)]
    name = f"{asked.id} variant {asked.variant}" if asked.variant else asked.id
    return name, time.process_time() - began, found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--learners", type=int, default=10_000)
    words, total = parser.parse_args(), 0
    with ProcessPoolExecutor() as workers:
        chosen = [k for k, task in enumerate(ASKED) if not words.sets or task.set in words.sets]
        for name, seconds, found in workers.map(of, chosen, repeat(words.learners)):
            print(
                f"{name:21} {words.learners:,} learners, {len(found)} faults, {seconds:.1f} s", *found[:3], sep="\n  "
            )
            total += len(found)
    print(f"{len(chosen)} tasks and variants x {words.learners:,} learners: {total} faults")
    sys.exit(1 if total else 0)
