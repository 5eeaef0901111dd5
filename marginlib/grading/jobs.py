"""Grading as jobs: one submission in, one result file out; any job may run again, anywhere, at any time.

A result's name holds what it depends on: the file, the student, the version of the exercises and the key. So what is
there is not done again, a run that was killed goes on where it was, and shards need no word with each other. Nothing
here touches the gradebook: `preprocessors`, inside nbgrader, is its only writer.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from hashlib import sha256
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from urllib.parse import quote

from tqdm import tqdm

from marginlib.errors import MarginError, wrong
from marginlib.files import write_whole
from marginlib.grading.keys import fingerprint, is_student
from marginlib.grading.sandbox import Sandbox, SandboxError
from marginlib.grading.sheet import Ungradable, read_bytes
from marginlib.grading.verdict import Course, Result, grade, refused

_LONGEST = 120  # bytes of a student's name in that of a file, and letters of a reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What every job of one assignment needs to know."""

    root: Path  # the course's folder, as nbgrader lays it out
    set: str  # the set of exercises, which is the assignment's name
    key: bytes
    students: tuple[str, ...] = ()  # everybody who takes part; whoever handed in nothing gets a result that says so

    @property
    def folder(self) -> Path:
        """Where the results are."""
        return self.root / "results" / self.set


def submission(root: str | Path, set_id: str, student: str) -> Path:
    """Return where a student's notebook is."""
    return Path(root) / "submitted" / student / set_id / f"{set_id}.ipynb"


def submitters(root: str | Path) -> tuple[str, ...]:
    """Return everybody who handed in anything, in order; what is no student's folder is left out."""
    folder = Path(root) / "submitted"
    there = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(each.name for each in there if each.is_dir() and is_student(each.name)))


def result_of(setup: Setup, student: str) -> Result:
    """Return a student's result: the one that is stored, or else graded now and stored.

    Raises:
        SandboxError: students' code cannot be run safely on this machine.
    """
    course = _course(setup)
    content, why = b"", None
    try:
        content = read_bytes(submission(setup.root, setup.set, student), setup.root / "submitted")
    except Ungradable as error:
        why = error
    depends = content if why is None else why.status.encode()
    parts = [sha256(depends).hexdigest(), student, setup.set, course.exercises, fingerprint(setup.key)]
    name, digest = _stem(student), sha256("\n".join(parts).encode()).hexdigest()[:16]
    path = setup.folder / f"{name}--{digest}.json"
    if path.is_file():
        return Result.read(json.loads(path.read_text(encoding="utf-8")))
    if why is None:
        try:
            result = grade(content, student, course, _sandbox())
        except Ungradable as error:
            why = error
        except SandboxError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs nobody else
            why = Ungradable("failed", f"grading it ended with {type(error).__name__}; look at the file")
    if why is not None:
        result = refused(content, student, course, why)
    write_whole(path, json.dumps(asdict(result), indent=1))
    for earlier in setup.folder.glob("*.json"):
        if earlier.name.rpartition("--")[0] == name and earlier != path:
            earlier.unlink(missing_ok=True)
    return result


def _stem(student: str) -> str:
    """Return how a student's results are named, which fits into any file system."""
    whole, digest = quote(student, safe=""), sha256(student.encode()).hexdigest()[:16]
    return whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 20]}~{digest}"


def run(setup: Setup, *, shard: tuple[int, int] = (1, 1), processes: int = 1) -> Iterator[Result]:
    """Grade everybody's submission, or one shard of them, and yield each result as it is there.

    `processes` run at once on this machine. A shard (k, n) is the k-th of n parts, from 1, for a cluster whose machines
    see the course's folder; which part a student is in depends on the id alone.

    Raises:
        MarginError: there is no such shard.
        SandboxError: students' code cannot be run safely on a machine.
    """
    k, n = shard
    if not 1 <= k <= n:
        raise MarginError(f"shard = {k}/{n}: give k/n with k from 1 to n")
    students = [each for each in setup.students if int.from_bytes(sha256(each.encode()).digest()[:8]) % n == k - 1]
    job = partial(result_of, setup)
    found: Iterable[Result] = map(job, students)
    with ExitStack() as kept:
        if processes > 1:  # each process has a sandbox of its own
            pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_with_parent)
            kept.enter_context(pool)
            found = (each.result() for each in as_completed([pool.submit(job, student) for student in students]))
        # None: no bar where there is no terminal.
        yield from tqdm(found, total=len(students), desc=setup.set, unit="submission", disable=None)


def results(folder: str | Path) -> list[Result]:
    """Return the results in a folder, in the order of the students' ids; refuse where there is none."""
    found = [Result.read(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(Path(folder).glob("*.json"))]
    if not found:
        raise wrong("results", str(folder), "nothing there; `marginlib grade run` makes results")
    return sorted(found, key=lambda result: result.student)


def autograded(root: str | Path, set_id: str, student: str) -> Path:
    """Return where it stands which result of a student's is in the gradebook."""
    return Path(root) / "autograded" / student / set_id / "marginlib_result.txt"


def stale(root: str | Path, set_id: str) -> list[str]:
    """Return the students whose result is not the one that the gradebook holds."""
    found = []
    for result in results(Path(root) / "results" / set_id):
        marker = autograded(root, set_id, result.student)
        handed_in = result.status != "missing"  # nbgrader passes over who handed in nothing
        if handed_in and not (marker.is_file() and marker.read_text() == result.digest):
            found.append(result.student)
    return found


def make_way(root: str | Path, set_id: str) -> list[str]:
    """Take away what nbgrader has made of earlier submissions, so that it grades the new ones; return whose."""
    again = []
    for student in stale(root, set_id):
        folder = autograded(root, set_id, student).parent
        if folder.is_dir():
            shutil.rmtree(folder)
            again.append(student)
    return again


def _end_with_parent() -> None:
    """Let this process end when the one that started it is killed, which would otherwise leave it waiting for ever."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()


@lru_cache(maxsize=8)
def _course(setup: Setup) -> Course:
    """Return the course of an assignment; the right answers of all students are computed once a process."""
    named = tuple(filter(is_student, setup.students))
    return Course(set=setup.set, key=setup.key, students=named)


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    """Return this process's sandbox."""
    sandbox = Sandbox().__enter__()
    atexit.register(sandbox.__exit__)
    return sandbox
