"""A submitted notebook, read as what it is: bytes from a student. It becomes steps to run and texts to read.

Nothing of the notebook decides what is checked: the tasks do. A check cell only says *where* in the notebook its task
is looked at; what it holds is ours. So a deleted, changed or doubled check cell changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from marginlib.course.tasks import tasks
from marginlib.errors import MarginError
from marginlib.practice.tasks.task import Task

__all__ = ["Sheet", "Ungradable", "parse", "read_bytes"]

_LARGEST = 2 << 20  # bytes of a notebook; the sets with all answers have less than a tenth of it
_MOST_CELLS, _LONGEST_CELL = 1_000, 100_000
_PARTS = ("text", "numbers", "answer", "check", "compare")

# A line of an answer cell as it was handed out: numbers taken, three dots for the answer.
_STUB = re.compile(
    r"""\s* (\#.* | given\ =\ numbers\[".*"\] | \w+\ =\ \.\.\. | def\ \w+\(.*\): | return\ answer
    | Your\ words(:|\ here\.) )? \s*""",
    re.VERBOSE,
)


class Ungradable(MarginError):  # noqa: N818 - a verdict on a file, not a fault of ours
    """A submission that cannot be graded: `status` in a word or two, the reason in the message."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What a submitted notebook holds.

    Args:
        set: the set.
        sha256: of the file.
        steps: what to run and to check, in order, as `Sandbox.run` takes it.
        answers: task -> the student's answer cell, as it was handed in; a task without one is not there.
        untouched: tasks whose answer cell is as it was handed out.
        own: cells of code that the student added.
        notes: task -> what was odd about its cells.

    Example:
        >>> cell = {"cell_type": "code", "id": "sizing-1-answer", "metadata": {}, "source": "answer_1 = 600"}
        >>> parse(json.dumps({"nbformat": 4, "cells": [cell]}).encode(), "sizing").answers["sizing-1"]
        'answer_1 = 600'
    """

    set: str
    sha256: str
    steps: tuple[Mapping[str, Any], ...]
    answers: Mapping[str, str]
    untouched: frozenset[str]
    own: tuple[str, ...]
    notes: Mapping[str, tuple[str, ...]]


def read_bytes(path: str | Path, root: str | Path) -> bytes:
    """Return the bytes of a submitted file, if it is a plain file of a fit size that no link leads to.

    Args:
        path: the file.
        root: the folder that students' folders stand in; no link may stand between it and the file.

    Raises:
        Ungradable: there is no such file, or it is a link, no file, or too large.

    Example:
        >>> read_bytes("submitted/ada/sizing/sizing.ipynb", "submitted")
        Traceback (most recent call last):
        marginlib.grading.sheet.Ungradable: no file sizing.ipynb was handed in
    """
    path, root = Path(path), Path(root)
    for part in (path, *path.parents):
        if part == root:
            break
        if part.is_symlink():
            reason = f"{part.name} is a link to another place, not a file that was handed in"
            raise Ungradable("a link", reason)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = f"no file {path.name} was handed in" if not path.exists() else f"{path.name}: {error.strerror}"
        raise Ungradable("missing" if not path.exists() else "unreadable", reason) from error
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            reason = f"{path.name} is no plain file"
            raise Ungradable("unreadable", reason)
        if about.st_size > _LARGEST:
            reason = f"{path.name} has {about.st_size / 1e6:,.1f} MB; a notebook of this set has less than 2"
            raise Ungradable("too large", reason)
        return file.read(_LARGEST + 1)


def parse(content: bytes, set_id: str) -> Sheet:
    """Return what a submitted notebook holds.

    Args:
        content: the file's bytes.
        set_id: the set that was asked for.

    Raises:
        Ungradable: it is no notebook, or one that is built to break its reader.

    Example:
        >>> parse(b"PK..", "sizing")
        Traceback (most recent call last):
        marginlib.grading.sheet.Ungradable: a zip archive, not a notebook: hand in the file sizing.ipynb itself
    """
    cells = _cells(content, set_id)
    return _Reader(set_id, cells).sheet(sha256(content).hexdigest())


def _cells(content: bytes, set_id: str) -> list[tuple[str, str, str]]:
    """Return (kind, name, source) of each cell, or refuse the file."""
    if content[:2] == b"PK":
        reason = f"a zip archive, not a notebook: hand in the file {set_id}.ipynb itself"
        raise Ungradable("not a notebook", reason)
    try:
        notebook = json.loads(content)
    except RecursionError as error:
        raise Ungradable("unreadable", "nested too deeply for a notebook") from error
    except (ValueError, UnicodeDecodeError) as error:
        reason = "not JSON, as a notebook is: it may have been cut off or edited by hand"
        raise Ungradable("unreadable", reason) from error
    cells = notebook.get("cells") if isinstance(notebook, dict) and notebook.get("nbformat") == 4 else None  # noqa: PLR2004
    if not isinstance(cells, list):
        raise Ungradable("not a notebook", "JSON, but not a notebook of format 4")
    if len(cells) > _MOST_CELLS:
        reason = f"{len(cells):,} cells; a notebook of this set has fewer than {_MOST_CELLS:,}"
        raise Ungradable("too large", reason)
    return [_cell(cell) for cell in cells]


def _cell(cell: object) -> tuple[str, str, str]:
    """Return kind, name and source of a cell; its name in the gradebook goes before its own."""
    if not isinstance(cell, dict):
        raise Ungradable("not a notebook", "a cell that is no cell")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Ungradable("not a notebook", "a cell without text")
    if len(source) > _LONGEST_CELL:
        reason = f"a cell of {len(source):,} characters; give at most {_LONGEST_CELL:,}"
        raise Ungradable("too large", reason)
    metadata = cell.get("metadata")
    grader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    graded = grader.get("grade_id") if isinstance(grader, dict) else None
    # What UTF-8 cannot hold cannot be run or stored either.
    source = source.encode("utf-8", "replace").decode()
    return str(cell.get("cell_type")), str(graded or cell.get("id") or ""), source


class _Reader:
    """Puts a notebook's cells to the tasks that they belong to."""

    def __init__(self, set_id: str, cells: Sequence[tuple[str, str, str]]) -> None:
        self.set_id = set_id
        self.tasks = tasks(set_id)
        self.cells = cells
        self.known = {f"{task.id}-{part}" for task in self.tasks for part in _PARTS} | {"title"}
        self.notes: dict[str, list[str]] = {}
        self.places = {task.id: self._places(task) for task in self.tasks}

    def sheet(self, digest: str) -> Sheet:
        """Return the sheet."""
        chosen = {at for places in self.places.values() for at in places}
        answers = {task: self.cells[places[-1]][2] for task, places in self.places.items() if places}
        steps: list[Mapping[str, Any]] = []
        own: list[str] = []
        due: dict[int | None, list[Task]] = {}
        for task in self.tasks:
            due.setdefault(self._checked_at(task), []).append(task)
        for at, (kind, name, source) in enumerate(self.cells):
            if at in chosen or (kind == "code" and name not in self.known):
                if at not in chosen and name != "start":
                    own.append(source)
                if kind == "code" and source.strip():
                    steps.append({"run": f"{name or 'cell'} ({at + 1})", "source": source})
            steps += [self._check(task) for task in due.get(at, [])]
        steps += [self._check(task) for task in due.get(len(self.cells), [])]
        return Sheet(
            set=self.set_id,
            sha256=digest,
            steps=tuple(steps),
            answers=answers,
            untouched=frozenset(task for task, source in answers.items() if _untouched(source)),
            own=tuple(own),
            notes={task: tuple(notes) for task, notes in self.notes.items()},
        )

    def _places(self, task: Task) -> list[int]:
        """Return where the answer cells of a task stand; a copy that was left as handed out does not count."""
        found = [at for at, (_, name, _) in enumerate(self.cells) if name == f"{task.id}-answer"]
        filled = [at for at in found if not _untouched(self.cells[at][2])]
        if len(found) > 1:
            which = "the last one that was filled in counts" if filled else "none was filled in"
            self.notes.setdefault(task.id, []).append(f"The answer cell stands {len(found)} times; {which}.")
        if not found:
            self.notes.setdefault(task.id, []).append("The answer cell is not there, or has another name.")
        return filled or found[-1:]

    def _checked_at(self, task: Task) -> int | None:
        """Return the cell after which a task is looked at: its check, or its answer where that stands later."""
        if task.kind == "explain":
            return None
        checks = [at for at, (_, name, _) in enumerate(self.cells) if name == f"{task.id}-check"]
        return max([*checks, *self.places[task.id]]) if checks else len(self.cells)

    def _check(self, task: Task) -> Mapping[str, Any]:
        """Return the step that looks at a task; its cases are filled in by who knows the student."""
        return {"check": task.id, "name": task.answer, "cases": None}


def _untouched(source: str) -> bool:
    """Return whether an answer cell holds nothing but what was handed out."""
    return all(_STUB.fullmatch(line) for line in source.splitlines())
