"""A real nbgrader course in an empty folder, for tests; nothing in here knows of students."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import build_exercises as build
import pytest

from marginlib.grading.keys import new_key

needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None and not os.environ.get("CI"),  # the gate skips nothing
    reason="no bubblewrap, so students' code runs nowhere: install it (Debian: apt-get install bubblewrap)",
)


def make_course(home: Path, *sets: str) -> tuple[Path, Path]:
    """Return a course whose sets are released, and the file of its key."""
    course, key = home / "course", home / "keys" / "key"
    key.parent.mkdir()
    new_key(key)
    course.mkdir()
    shutil.copy(build.ROOT / "exercises" / "nbgrader_config.py", course)
    for each in sets:
        shutil.copytree(build.source_path(each).parent, course / "source" / each)
        nbgrader(course, key, "generate_assignment", each)
    return course, key


def nbgrader(course: Path, key: Path, *words: str) -> str:
    """Run a command of nbgrader in a course, and return what it says."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "MARGINLIB_COURSE_KEY": str(key), "PATH": path, "PYTHONPATH": str(build.ROOT)}
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stderr
