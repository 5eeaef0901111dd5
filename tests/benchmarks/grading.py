"""How fast submissions are graded: prints a table, ends with 1 where a target is missed.

    python tests/benchmarks/grading.py [STUDENTS]

Run from the repository's root, with marginlib[test] and bubblewrap installed, and leave the machine alone meanwhile:
all of it runs on one processor. The worker alone is measured on the clock, nbgrader in seconds of the processor, with
its start and all processes counted. STUDENTS are 1,000 if left out, which takes minutes; a row stands there as soon as
it is measured. All that is graded is written here, so root may run it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any, NamedTuple, Self

import psutil
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from nbgrader_course import make_course, surroundings  # noqa: E402
from submissions import drawn, hand_in  # noqa: E402

from marginlib.course.tasks import SETS, tasks  # noqa: E402
from marginlib.grading.alike import alike  # noqa: E402
from marginlib.grading.items import analyse  # noqa: E402
from marginlib.grading.keys import read_key  # noqa: E402
from marginlib.grading.lms import read_results  # noqa: E402
from marginlib.grading.report import page  # noqa: E402
from marginlib.grading.sandbox import AS_ROOT, AS_ROOT_STATED, Limits, Sandbox  # noqa: E402
from marginlib.grading.sheet import parse  # noqa: E402
from marginlib.grading.verdict import Course, grade  # noqa: E402
from marginlib.practice.tasks.numbering import given, grading_cases, open_cases  # noqa: E402

KEY = bytes(range(32))
SUBMISSIONS, TURNS, SAMPLE = 120, 3, 20
SET = "sizing"


class Row(NamedTuple):
    """One line of the table."""

    what: str
    target: str
    measured: str
    passed: bool = True


class Asked(NamedTuple):
    """What `Sandbox.run` takes for one submission."""

    request: Mapping[str, Any]
    hidden: Mapping[str, Sequence[Mapping[str, Any]]]


def right_answers(set_id: str) -> bytes:
    """Return a set's notebook with all answers in it."""
    return (ROOT / "exercises" / "worked" / f"{set_id}.ipynb").read_bytes()


def asked(set_id: str, student: str) -> Asked:
    """Return what a sheet with right answers asks of the sandbox."""
    mine = Course(set=set_id, key=KEY).ticket(student)
    all_ = tasks(set_id)
    cases = {task.id: open_cases(task, mine) for task in all_ if task.asks_function}
    steps = [
        {**step, "cases": cases.get(step["check"])} if "check" in step else step
        for step in parse(right_answers(set_id), set_id).steps
    ]
    hidden = {task.id: grading_cases(task, student, KEY) for task in all_ if task.asks_function}
    return Asked({"numbers": {task.id: given(task, mine) for task in all_}, "steps": steps}, hidden)


def worker_alone() -> Iterator[Row]:
    """Yield submissions a second on one processor: all sets in turns, everything asked beforehand, nothing judged."""
    sheets = [asked(set_id, "ada") for set_id in SETS]
    with Sandbox(Limits()) as sandbox:
        for set_id in SETS:  # what is timed is right
            result = grade(right_answers(set_id), "ada", Course(set=set_id, key=KEY), sandbox)
            if wrong := [task.task for task in result.tasks if task.kind != "explain" and task.score != task.points]:
                msg = f"not right: {wrong}"
                raise SystemExit(msg)
        best = 0.0
        for _ in range(TURNS):
            start = perf_counter()
            for turn in range(SUBMISSIONS):
                sandbox.run(*sheets[turn % len(sheets)])
            best = max(best, SUBMISSIONS / (perf_counter() - start))
    yield Row("worker alone, submissions a second on one core", ">= 40", f"{best:.0f}", best >= 40)


class Spent(NamedTuple):
    """What a command took, with all of its processes."""

    processor: float
    clock: float
    memory: float


def command(course: Path, key: Path, *words: str) -> None:
    """Run a command of nbgrader in a process of its own, as a teacher does."""
    line = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(line, cwd=course, env=surroundings(key), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]


def spent(course: Path, key: Path, *words: str) -> Spent:
    """Return processor and clock [s] and peak memory [MB] of one command of nbgrader."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    memory = Peak()
    with memory:
        command(course, key, *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(used, perf_counter() - start, memory.megabytes)


class Peak:
    """The most memory that this process's children hold at once, looked at ten times a second [MB]."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._done = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.1):
            total = 0
            for each in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    total += each.memory_full_info().pss  # what is shared counts once
            self.megabytes = max(self.megabytes, total / 1e6)


def through_nbgrader(home: Path, students: int) -> Iterator[Row]:
    """Yield how a class goes through `nbgrader autograde`, and a sample of it through nbgrader as it comes."""
    course, key = make_course(home, SET, run=command)
    fair = {}
    for k in range(students):
        name = f"student{k:04}"
        file, fair[name] = drawn(SET, name, read_key(key), skill=(k % 10) / 9)
        hand_in(course, name, SET, file)
    stock = home / "stock"
    shutil.copytree(
        course, stock, ignore=lambda folder, names: sorted(names)[SAMPLE:] if folder.endswith("submitted") else []
    )
    settings = (stock / "nbgrader_config.py").read_text(encoding="utf-8")
    (stock / "nbgrader_config.py").write_text(settings.partition("# Students' code runs")[0], encoding="utf-8")

    ours = spent(course, key, "autograde", SET)
    each = ours.processor / students
    yield Row(f"{students} through nbgrader, processor a submission", "<= 0.2 s", f"{each:.3f} s", each <= 0.2)
    yield Row(f"{students} on the clock", "", f"{ours.clock:.0f} s")
    yield Row("peak memory, all processes", "", f"{ours.memory:.0f} MB")
    book = gradebook(course)
    lost = sum(book.get(name) != scores for name, scores in fair.items())
    yield Row("submissions lost, or with other scores than are fair", "0", f"{lost}", lost == 0)
    shown = spent(course, key, "generate_feedback", SET).processor / students
    yield Row("a student's feedback page, processor", "<= 0.2 s", f"{shown:.3f} s", shown <= 0.2)
    start = process_time()
    found = read_results(course, SET)
    listed = alike(course, SET, found)
    report, looked = page(analyse(found)), process_time() - start
    assert "<h1>" in report
    yield Row(f"the page of the class, and who is alike ({len(listed)} lines), processor", "", f"{looked:.1f} s")
    theirs = spent(stock, key, "autograde", SET)
    yield Row(f"stock nbgrader, {SAMPLE} of the same files", "", f"{theirs.processor / SAMPLE:.3f} s")
    yield Row("stock's time over ours", "", f"{theirs.processor / SAMPLE / each:.1f}x")
    yield Row("stock's peak memory", "", f"{theirs.memory:.0f} MB")


def gradebook(course: Path) -> dict[str, dict[str, float | None]]:
    """Return what was given without a person: student -> task -> points."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            submission.student.id: {grade.cell.name.rpartition("-")[0]: grade.auto_score for grade in notebook.grades}
            for submission in book.assignment_submissions(SET)
            for notebook in submission.notebooks
        }


def main() -> int:
    """Print the table, each row as soon as it is measured; return 0 when every target is met."""
    students = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    os.environ[AS_ROOT] = AS_ROOT_STATED
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    passed = True
    print(f"{'row':70}  {'target':>8}  {'measured':>10}", flush=True)
    with TemporaryDirectory() as home:
        for row in chain(worker_alone(), through_nbgrader(Path(home), students)):
            verdict = ("PASS" if row.passed else "MISS") if row.target else ""
            print(f"{row.what:70}  {row.target:>8}  {row.measured:>10}  {verdict}".rstrip(), flush=True)
            passed &= row.passed
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
