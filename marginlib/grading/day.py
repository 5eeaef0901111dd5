"""A teacher's day: a set handed out, collected, graded and returned, each step done again and again without harm.

`whole` does in order what `run`, `nbgrader autograde`, `nbgrader generate_feedback` and `report` do one by one. What is
up to date is left alone: a result by its name, a gradebook's row and a page by what they were made of.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from marginlib.files import write_whole
from marginlib.grading.alike import HONEST, alike
from marginlib.grading.jobs import Setup, autograded, make_way, run, stale, submitters
from marginlib.grading.keys import KEY, is_student, read_key, same_name
from marginlib.grading.lms import read_results
from marginlib.grading.release import settle_source
from marginlib.grading.verdict import Result

_SHOWN = "marginlib_shown.txt"  # beside a feedback page: what it was made of
UNREAD = "rfc3987_syntax"  # no web address is read here, and grammars for them take half of nbgrader's start
_NBGRADER = f"import sys; sys.modules.setdefault({UNREAD!r}, None); from nbgrader.apps.nbgraderapp import main; main()"
_SAID, _NAMED = 3_000, 12  # letters of nbgrader's log that are shown where it failed; most names in a line


@dataclass(kw_only=True, slots=True)
class Day:
    """What `whole` did, and what is left for a person."""

    done: list[str] = field(default_factory=list)
    person: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return it in words."""
        rest = ["For you:", *(f"  {each}" for each in self.person)] if self.person else ["Nothing waits for you."]
        return "\n".join([*self.done, *rest])


def nbgrader(root: str | Path, key: str | Path | None, *words: str) -> str:
    """Run a command of nbgrader in a course; return what it complained of, "" where all went well."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    surroundings = {**os.environ, "PATH": path, **({KEY: str(Path(key).expanduser().absolute())} if key else {})}
    command = [sys.executable, "-c", _NBGRADER, *words]
    ran = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, check=False)  # noqa: S603
    return f"{ran.stdout}{ran.stderr}"[-_SAID:] if ran.returncode else ""


def released(root: str | Path, set_id: str, key: str | Path | None) -> str:
    """Release a set as the course's key asks it, unless that is done; return what nbgrader complained of."""
    changed = settle_source(root, set_id, read_key(key))
    if (Path(root) / "release" / set_id / f"{set_id}.ipynb").is_file() and not changed:
        return ""
    return nbgrader(root, key, "generate_assignment", set_id, "--force")


def settle(root: str | Path, roster: Sequence[str]) -> list[str]:
    """Give each submission's folder the name that the roster has; return what a person should look at."""
    folder, told = Path(root) / "submitted", []
    ours = {same_name(name): name for name in roster}
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = ours.get(same_name(each.name))
        if each.is_dir() and not is_student(each.name) and not each.name.startswith((".", "_")):
            told.append(f"the folder {each.name!r} in submitted is no student's: its name has letters that none has")
        elif name and name != each.name and (folder / name).exists():
            told.append(f"{name!r} has two folders in submitted, {each.name!r} is the other: keep one")
        elif name and name != each.name:
            each.rename(folder / name)
    return told


def whole(
    root: str | Path,
    set_id: str,
    *,
    key: str | Path | None = None,
    roster: Sequence[str] = (),
    processes: int = 1,
) -> Day:
    """Grade a set to the end: results, gradebook, feedback, the page of the class; return what waits for a person.

    `key` is the key's file, as `read_key` takes it; with no roster whoever handed in takes part.

    Raises:
        MarginError: there is no key, or nothing to grade.
        SandboxError: students' code cannot be run safely on this machine.
    """
    from marginlib.grading.items import analyse  # noqa: PLC0415 - pandas takes half a second, which no other command needs
    from marginlib.grading.report import page  # noqa: PLC0415

    root, day = Path(root).resolve(), Day()
    day.person += settle(root, roster)
    everybody = tuple(sorted({*roster, *submitters(root)}))
    setup = Setup(root=root, set=set_id, key=read_key(key), students=everybody)
    list(run(setup, processes=processes))
    again, due = make_way(root, set_id), stale(root, set_id)
    day.person += _failed(released(root, set_id, key))
    if due:
        day.person += _failed(nbgrader(root, key, "autograde", set_id))
    if pages := _pages(root, set_id):
        day.person += _failed(nbgrader(root, key, "generate_feedback", set_id))
        for student, made_of in pages.items():
            folder = root / "feedback" / student / set_id
            if (folder / f"{set_id}.html").is_file():
                write_whole(folder / _SHOWN, made_of)
    found = read_results(root, set_id)
    report = page(analyse(found))
    target = root / f"{set_id}.html"
    if not target.is_file() or target.read_text(encoding="utf-8") != report:
        write_whole(target, report)
    graded = sum(result.status == "graded" for result in found)
    day.done.append(f"{len(found)} students: {graded} graded, {len(found) - graded} not; {target.name} is the class")
    day.done.append(f"{len(due)} into the gradebook, {len(again)} of them again; {len(pages)} feedback pages written")
    day.person += _for_a_person(root, set_id, found, roster)
    return day


def _failed(said: str) -> list[str]:
    """Return what nbgrader complained of as one line for a person, if it did."""
    errors = [line for line in said.splitlines() if "ERROR" in line]
    return [f"nbgrader: {'; '.join(errors[-3:]) or said[-300:]}"] if said else []


def _for_a_person(root: Path, set_id: str, found: Sequence[Result], roster: Sequence[str]) -> list[str]:
    """Return what only a person can do."""
    told = []
    unread = [each.student for each in found if any(task.state == "words" for task in each.tasks)]
    if unread:
        told.append(f"{len(unread)} texts to read, in Formgrader: {_names(unread)}")
    by_status: dict[str, list[str]] = {}
    for each in found:
        if each.status != "graded":
            by_status.setdefault(each.status, []).append(each.student)
    told += [f"{len(who)} not graded, {status}: {_names(who)}" for status, who in sorted(by_status.items())]
    if late := stale(root, set_id):
        told.append(f"{len(late)} whose result did not reach the gradebook: {_names(late)}")
    if roster and (strangers := sorted({each.student for each in found} - set(roster))):
        told.append(f"{len(strangers)} not in the roster: {_names(strangers)}")
    for each in found:
        told += [f"{each.student}: right answers of {its.student} in {', '.join(its.tasks)}" for its in each.matches]
    if listed := alike(root, set_id, found):
        told.append(f"to talk about, and no verdict ({HONEST}):")
    return told + [f"  {words}" for words in listed]


def _names(students: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    more = f" and {len(students) - _NAMED} more" if len(students) > _NAMED else ""
    return ", ".join(students[:_NAMED]) + more


def _pages(root: Path, set_id: str) -> dict[str, str]:
    """Take away the feedback pages that show what is no longer so; return what those to be written are made of."""
    due = {}
    for student, made_of in _made_of(root, set_id).items():
        folder = root / "feedback" / student / set_id
        shown = folder / _SHOWN
        if not shown.is_file() or shown.read_text() != made_of:
            due[student] = made_of
            shutil.rmtree(folder, ignore_errors=True)
    return due


def _made_of(root: Path, set_id: str) -> dict[str, str]:
    """Return, for each submission in the gradebook, a digest of all that its page shows."""
    book = root / "gradebook.db"
    if not book.is_file():
        return {}
    from nbgrader.api import Gradebook  # noqa: PLC0415 - seconds, and only this function needs it

    found = {}
    with Gradebook(f"sqlite:///{book}") as gradebook:
        for each in gradebook.assignment_submissions(set_id):
            marker = autograded(root, set_id, each.student.id)
            told = [marker.read_text() if marker.is_file() else "", str(each.late_submission_penalty)]
            for notebook in each.notebooks:
                told += map(repr, sorted((its.cell.name, its.score, its.needs_manual_grade) for its in notebook.grades))
                told += sorted(f"{its.cell.name}: {its.comment}" for its in notebook.comments)
            if marker.is_file():
                found[each.student.id] = sha256("\n".join(told).encode()).hexdigest()
    return found
