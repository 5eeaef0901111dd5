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

from marginlib.course.session import WORDS_STUB
from marginlib.course.tasks import tasks, variants
from marginlib.errors import MarginError
from marginlib.practice.progress import CONFIDENCES
from marginlib.practice.tasks.task import Task

LARGEST, _MOST_PIECES = 100 << 20, 3_000_000  # bytes of a file, most of which are outputs; values in it
_MOST_CELLS, _LONGEST_CELL, _LONGEST = 1_000, 100_000, 1_000_000  # cells, and letters of one and of all without outputs
_LONGEST_NAME = 80
_PARTS = ("text", "numbers", "answer", "check", "compare")
_OURS = ("title", "start", "finish-text", "finish")

# A line of an answer cell as it was handed out, without the blanks around it: numbers taken, three dots for the answer.
_STUB = re.compile(
    r"""(\#.* | given\ =\ numbers\[["'].*["']\] | \w+\ =\ \.\.\. | def\ \w+\(.*\): | return\ answer)?""", re.VERBOSE
)
# How sure somebody is, said in an answer cell if they like; it is not scored.
SURE = re.compile(f"""^sure *= *["']({"|".join(CONFIDENCES)})["'].*$""", re.MULTILINE | re.IGNORECASE)
_WORDS_STUB = ("", "Your words:", WORDS_STUB)
_ASKS = re.compile(r"^(check|finish)\(", re.MULTILINE)  # the sheet's own code below a text
# A line of the words around the tasks, as they were handed out.
_AROUND = re.compile(
    r"""\#\ Exercises\ ·\ .* | After\ \[.*(keep\ it|as\ it\ is)\. | For\ each\ task:\ .*finish\ line\.
    | \#\#\ The\ finish\ line | Run\ this\ whenever\ .*\ you\ are\. |""",
    re.VERBOSE,
)


class Ungradable(MarginError):  # noqa: N818 - a verdict on a file, not a fault of ours
    """A submission that cannot be graded: `status` in a word or two, the reason in the message."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What a submitted notebook holds."""

    sha256: str  # of the file
    steps: tuple[Mapping[str, Any], ...]  # what to run and to check, in order, as `Sandbox.run` takes it
    answers: Mapping[str, str]  # task -> the student's answer cell, as it was handed in, where there is one
    untouched: frozenset[str]  # tasks whose answer cell is as it was handed out
    own: tuple[tuple[str, str], ...]  # (kind, source) of each cell that the student added
    notes: Mapping[str, tuple[str, ...]]  # task -> what was odd about its cells
    sure: Mapping[str, str]  # task -> how sure the student is, where that is said


def read_bytes(path: str | Path, root: str | Path) -> bytes:
    """Return the bytes of a submitted file; below `root`, where students' folders stand, no link may lead to it.

    Raises:
        Ungradable: there is no such file, or it is a link, no file, or too large.
    """
    path, root = Path(path), Path(root)
    for part in (path, *path.parents):
        if part == root:
            break
        if part.is_symlink():
            raise Ungradable("a link", f"{part.name} is a link to another place, not a file that was handed in")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if not path.exists():
            raise Ungradable("missing", f"no file {path.name} was handed in{_instead(path.parent)}") from error
        raise Ungradable("unreadable", f"{path.name}: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise Ungradable("unreadable", f"{path.name} is no plain file")
        if about.st_size > LARGEST:
            reason = f"{path.name} has {about.st_size / 1e6:,.1f} MB; give at most {LARGEST / 1e6:,.0f}"
            raise Ungradable("too large", reason)
        return file.read(LARGEST + 1)


def _instead(folder: Path) -> str:
    """Return what stands where a notebook was to stand, in words."""
    try:
        there = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError:
        return ""
    found = [name for name in there if name not in {"timestamp.txt", "submission_secret.txt"}]
    return f"; there is {', '.join(map(repr, found[:3]))}: look whether that is it" if found else ""


def parse(content: bytes, set_id: str) -> Sheet:
    """Return what a submitted notebook holds.

    Raises:
        Ungradable: it is no notebook, or one that is built to break its reader.

    Example:
        >>> parse(b"PK..", "sizing")
        Traceback (most recent call last):
        marginlib.grading.sheet.Ungradable: a zip archive, not a notebook: hand in the file sizing.ipynb itself
    """
    cells, asked = _cells(content, set_id), tasks(set_id)
    notes: dict[str, list[str]] = {}
    places = {task.id: _places(task, cells, notes) for task in asked}
    answers = {task: cells[found[-1]][2] for task, found in places.items() if found}
    untouched = {task.id for task in asked if task.id in answers and _untouched(answers[task.id], task)}
    chosen = {at for found in places.values() for at in found}
    known = {f"{task.id}-{part}": task for task in asked for part in _PARTS}
    # A task is looked at after its check, or after its answer where that stands later.
    due: dict[int, list[Mapping[str, Any]]] = {}
    for task in asked:
        checks = [at for at, (_, name, _) in enumerate(cells) if name == f"{task.id}-check"]
        if task.kind != "explain":
            look = {"check": task.id, "name": task.answer, "cases": None}  # cases come from who knows the student
            due.setdefault(max([*checks, *places[task.id]]) if checks else len(cells), []).append(look)
    steps: list[Mapping[str, Any]] = []
    loose: list[tuple[Task | None, str, str]] = []  # cells that the student added, and below which task they stand
    below: Task | None = None
    for at, (kind, name, source) in enumerate(cells):
        below = known.get(name, below)
        added = at not in chosen and source.strip() and not _ours(kind, name, source, below if name in known else None)
        if added:
            loose.append((below, kind, source))
        runs = at in chosen or added or name == "start" or name.endswith("-numbers")
        if runs and kind == "code" and source.strip():
            steps.append({"run": f"{name or 'cell'} ({at + 1})", "source": source})
        steps += due.get(at, [])
    for task in asked:
        if task.kind == "explain" and (found := _texts(task, answers, untouched, loose)):
            answers[task.id] = "\n\n".join(found)
            untouched.discard(task.id)
    return Sheet(
        sha256=sha256(content).hexdigest(),
        steps=(*steps, *due.get(len(cells), [])),
        answers=answers,
        untouched=frozenset(untouched),
        own=tuple((kind, source) for _, kind, source in loose),
        notes={task: tuple(said) for task, said in notes.items()},
        sure={task: found[-1].lower() for task, source in answers.items() if (found := SURE.findall(source))},
    )


def _places(task: Task, cells: Sequence[tuple[str, str, str]], notes: dict[str, list[str]]) -> list[int]:
    """Return where the answer cells of a task stand; a copy that was left as handed out does not count."""
    found = [at for at, (_, name, _) in enumerate(cells) if name == f"{task.id}-answer"]
    filled = [at for at in found if not _untouched(cells[at][2], task)]
    if len(found) > 1:
        which = "the last one that was filled in counts" if filled else "none was filled in"
        notes.setdefault(task.id, []).append(f"The answer cell stands {len(found)} times; {which}.")
    if not found:
        notes.setdefault(task.id, []).append("The answer cell is not there, or has another name.")
    return filled or found[-1:]


def _ours(kind: str, name: str, source: str, task: Task | None) -> bool:
    """Return whether a cell is one that was handed out; between words that were, a student may have written others."""
    if kind == "markdown" and task and task.rubric and name.endswith("-text"):
        return any(source.rstrip().endswith(each.reading) for each in (task, *variants(task.set)[task.id]))
    if kind == "markdown" and not task:
        return all(_AROUND.fullmatch(line.strip()) for line in source.splitlines())
    return task is not None or name in _OURS


def _texts(
    task: Task, answers: Mapping[str, str], untouched: set[str], loose: Sequence[tuple[Task | None, str, str]]
) -> list[str]:
    """Return the answer and all else that may be meant as one: what stands in a cell of another kind is read, too."""
    if task.id in answers and task.id not in untouched:
        return [answers[task.id], *(source for below, kind, source in loose if below is task and kind != "code")]
    return [s for below, kind, s in loose if kind != "code" or (below is task and not _ASKS.search(s))]


def _untouched(source: str, task: Task) -> bool:
    """Return whether an answer cell holds nothing but what was handed out; in a text, a line with # is a heading."""
    lines = [line.strip() for line in source.splitlines()]
    return all(line in _WORDS_STUB if task.kind == "explain" else _STUB.fullmatch(line) for line in lines)


def _cells(content: bytes, set_id: str) -> list[tuple[str, str, str]]:
    """Return (kind, name, source) of each cell, or refuse the file."""
    if content[:2] == b"PK":
        raise Ungradable("not a notebook", f"a zip archive, not a notebook: hand in the file {set_id}.ipynb itself")
    if sum(map(content.count, b"{[,")) > _MOST_PIECES:
        give = "clear the outputs and hand it in again"
        raise Ungradable("too large", f"more than {_MOST_PIECES:,} values in one file: {give}")
    try:
        notebook = json.loads(content)
    except RecursionError as error:
        raise Ungradable("unreadable", "nested too deeply for a notebook") from error
    except ValueError as error:
        reason = "not JSON, as a notebook is: it may have been cut off or edited by hand"
        raise Ungradable("unreadable", reason) from error
    cells = notebook.get("cells") if isinstance(notebook, dict) and notebook.get("nbformat") == 4 else None  # noqa: PLR2004
    if not isinstance(cells, list):
        raise Ungradable("not a notebook", "JSON, but not a notebook of format 4")
    if len(cells) > _MOST_CELLS:
        most = f"a notebook of this set has fewer than {_MOST_CELLS:,}"
        raise Ungradable("too large", f"{len(cells):,} cells; {most}")
    found = [_cell(cell) for cell in cells]
    if sum(len(source) for _, _, source in found) > _LONGEST:
        raise Ungradable("too large", f"more than {_LONGEST:,} characters without outputs")
    return found


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
        raise Ungradable("too large", f"a cell of {len(source):,} characters; give at most {_LONGEST_CELL:,}")
    metadata = cell.get("metadata")
    grader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    graded = grader.get("grade_id") if isinstance(grader, dict) else None
    # What UTF-8 cannot hold cannot be run or stored either.
    source = source.encode("utf-8", "replace").decode()
    name = str(graded or cell.get("id") or "")[:_LONGEST_NAME]
    return str(cell.get("cell_type")), "".join(filter(str.isprintable, name)), source
