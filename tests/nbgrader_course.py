"""A real nbgrader course in an empty folder, for tests; nothing in here knows of students."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import build_exercises as build
import forked
import pytest
from filelock import FileLock

from marginlib.course.tasks import SETS
from marginlib.grading.keys import new_key

needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None and not os.environ.get("CI"),  # the gate skips nothing
    reason="no bubblewrap, so students' code runs nowhere: install it (Debian: apt-get install bubblewrap)",
)


def make_course(home: Path, *sets: str, run: Callable[..., object] | None = None) -> tuple[Path, Path]:
    """Return a course whose sets are released, and the file of its key; `run` may run the commands in another way."""
    course, key = home / "course", home / "keys" / "key"
    key.parent.mkdir(parents=True)
    new_key(key, variants=False)  # the tasks as the model solutions of the repository answer them
    course.mkdir()
    shutil.copy(build.ROOT / "exercises" / "nbgrader_config.py", course)
    for each in sets:
        shutil.copytree(build.source_path(each).parent, course / "source" / each)
        (run or nbgrader)(course, key, "generate_assignment", each)
    return course, key


def made_once(shared: Path) -> Path:
    """Return a folder with a course whose sets are all released; whichever process is first makes it for all."""
    with FileLock(shared / "course.lock"):
        if not (home := shared / "released").exists():
            make_course(shared / "making", *SETS)
            (shared / "making").rename(home)
    return home


def copied(released: Path, home: Path) -> tuple[Path, Path]:
    """Return a copy of that course, and the file of its key."""
    shutil.copytree(released, home, dirs_exist_ok=True)
    return home / "course", home / "keys" / "key"


def surroundings(key: Path) -> dict[str, str]:
    """Return the environment of a command in a course."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "MARGINLIB_COURSE_KEY": str(key), "PATH": path, "PYTHONPATH": str(build.ROOT)}


def nbgrader(course: Path, key: Path, *words: str) -> str:
    """Run a command of nbgrader in a course, and return what it says."""
    code, said = forked.nbgrader(course, surroundings(key), *words)
    assert code == 0, said[-3_000:]
    return said
