"""Commands of nbgrader as processes forked from one that has imported it, which takes most of a command's time.

Nothing else is imported here: each command imports this module again.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import NamedTemporaryFile

_LOADED = ("nbgrader.apps", "nbgrader.api", "nbgrader.preprocessors", "nbconvert.exporters", "alembic.command", "numpy")


@cache
def _server() -> BaseContext:
    """Return what forks the commands; Linux has it, and only there anything is graded."""
    server = get_context("forkserver")
    server.set_forkserver_preload([*_LOADED])
    return server


def nbgrader(folder: Path, environment: Mapping[str, str], *words: str) -> tuple[int | None, str]:
    """Run a command of nbgrader in a folder, and return its exit code and all that it says."""
    with NamedTemporaryFile() as told:
        child = _server().Process(target=_command, args=(told.name, str(folder), dict(environment), words))
        child.start()
        child.join()
        return child.exitcode, told.read().decode()


def _command(told: str, folder: str, environment: dict[str, str], words: tuple[str, ...]) -> None:
    """Run a command here, in a process of its own."""
    with Path(told).open("w", encoding="utf-8") as file:
        for standard in (1, 2):
            os.dup2(file.fileno(), standard)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["nbgrader", *words]
    from nbgrader.apps import NbGraderApp  # noqa: PLC0415 - imported where this process was forked from
    from sqlalchemy import Engine, event  # noqa: PLC0415

    # A test's gradebook need not outlive a power cut: nobody waits for the disk.
    event.listen(Engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    try:
        NbGraderApp.launch_instance()
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - a forked process does not; a sandbox ends there
