"""The verdict on a submission, made outside of the student's process: plain outcomes in, scores and words out.

A task is worth all of its points or none: it is right when every open and every hidden case is. What could not be
judged has no score and a reason; only a wrong answer, or none, is a 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from marginlib import __version__
from marginlib.course.tasks import tasks
from marginlib.grading.keys import fingerprint
from marginlib.grading.sandbox import Reply, Sandbox
from marginlib.grading.sheet import Sheet, Ungradable, parse
from marginlib.practice.tasks.collecting import Outcome
from marginlib.practice.tasks.comparing import same
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import given, grading_cases, open_cases, ticket
from marginlib.practice.tasks.task import Task

__all__ = ["Course", "Match", "Result", "TaskResult", "grade", "refused"]

FORMAT = 1
_EXACT = 1e-6  # a copied number is the same number, not one within a task's tolerance
_TWICE = 2  # one number may agree by chance


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What a student gets for one task.

    Args:
        task: the task's id.
        kind: the kind of task.
        points: what it is worth [1].
        score: what the student gets [1]; None where a person has to say.
        state: the state of `Feedback`, or "missing" (no answer cell, and no such name) or "not graded".
        codes: the beliefs that explain the answer.
        slip: "percent", "sign", "close" or "".
        passed: open and hidden cases that are right.
        total: open and hidden cases.
        returned: the open outcomes, as plain JSON.
        parts: (heading, text) of each message to the student.
        notes: what was odd about the cells.
        seconds: how long the answer cell ran [s].

    Example:
        >>> TaskResult(task="sizing-1", kind="compute", points=1, score=1, state="right").codes
        ()
    """

    task: str
    kind: str
    points: int
    score: float | None
    state: str
    codes: tuple[str, ...] = ()
    slip: str = ""
    passed: int = 0
    total: int = 0
    returned: tuple[Outcome, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Match:
    """Another student whose right answers stand in this submission, where its own would be others.

    Args:
        student: whose numbers these are.
        tasks: where.

    Example:
        >>> Match(student="ben", tasks=("sizing-1", "sizing-2")).student
        'ben'
    """

    student: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The verdict on one submission.

    Args:
        student: the id in the gradebook.
        set: the set of exercises.
        submission: SHA-256 of the file, "" where there is none.
        exercises: the version of the set.
        status: "graded", or what kept it from being graded.
        reason: why, in words.
        tasks: a result for each task, in order.
        matches: students whose answers these may be.
        seconds: how long it took [s].
        format: of this record.

    Example:
        >>> Result(student="ada", set="sizing", submission="", exercises="", status="missing", reason="no file").tasks
        ()
    """

    student: str
    set: str
    submission: str
    exercises: str
    status: str
    reason: str = ""
    tasks: tuple[TaskResult, ...] = ()
    matches: tuple[Match, ...] = ()
    seconds: float = 0.0
    format: int = FORMAT

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @staticmethod
    def read(plain: Mapping[str, Any]) -> Result:
        """Return a result from what `plain` gave."""
        each = [
            TaskResult(
                **{
                    **task,
                    "codes": tuple(task["codes"]),
                    "returned": tuple(task["returned"]),
                    "parts": tuple((heading, text) for heading, text in task["parts"]),
                    "notes": tuple(task["notes"]),
                }
            )
            for task in plain["tasks"]
        ]
        matches = [Match(student=match["student"], tasks=tuple(match["tasks"])) for match in plain["matches"]]
        return Result(**{**plain, "tasks": tuple(each), "matches": tuple(matches)})


@dataclass(frozen=True, kw_only=True)
class Course:
    """What the teacher's side knows of one set: the key, and who takes part.

    Args:
        set: the set of exercises.
        key: the course's key.
        students: all ids, to find out whose answers were copied.

    Example:
        >>> Course(set="sizing", key=b"k" * 32).exercises == Course(set="sizing", key=b"l" * 32).exercises
        True
    """

    set: str
    key: bytes
    students: tuple[str, ...] = ()

    @property
    def exercises(self) -> str:
        """The version of the set: it changes when any of its tasks does."""
        said = [__version__, *(f"{task.id}:{task.version}:{task.points}" for task in tasks(self.set))]
        return sha256("\n".join(said).encode()).hexdigest()[:12]

    @property
    def key_name(self) -> str:
        """A short name of the key, which gives nothing of it away."""
        return fingerprint(self.key)

    def ticket(self, student: str) -> str:
        """Return a student's ticket for the set."""
        return ticket(self.set, student, self.key)

    @cached_property
    def truths(self) -> dict[str, dict[str, Any]]:
        """The right answers to the tasks that ask for one value: task -> student -> answer."""
        asked = [task for task in tasks(self.set) if task.kind in {"compute", "predict"} and not task.asks_function]
        return {
            task.id: {each: task.solve(**given(task, self.ticket(each))) for each in self.students} for task in asked
        }


def grade(content: bytes, student: str, course: Course, sandbox: Sandbox) -> Result:
    """Return the verdict on a submitted notebook.

    Args:
        content: the file's bytes.
        student: the id in the gradebook; nothing in the file is believed about who it is from.
        course: the set and its key.
        sandbox: where the cells run.

    Raises:
        Ungradable: the file is no notebook.
        SandboxError: the sandbox is broken.

    Example:
        >>> import shutil
        >>> if shutil.which("bwrap"):
        ...     with Sandbox() as sandbox:
        ...         empty = grade(b'{"nbformat": 4, "cells": []}', "ada", Course(set="sizing", key=b"k" * 32), sandbox)
        ...     print(empty.status, empty.tasks[0].state)
        ... else:
        ...     print("graded missing")
        graded missing
    """
    sheet = parse(content, course.set)
    asked = tasks(course.set)
    mine = course.ticket(student)
    cases = {task.id: open_cases(task, mine) for task in asked if task.asks_function}
    hidden = {task.id: grading_cases(task, student, course.key) for task in asked if task.asks_function}
    steps = [{**step, "cases": cases.get(step["check"])} if "check" in step else step for step in sheet.steps]
    reply = sandbox.run({"numbers": {task.id: given(task, mine) for task in asked}, "steps": steps}, hidden)
    results = tuple(_task(task, sheet, reply, mine, hidden.get(task.id, [])) for task in asked)
    return Result(
        student=student,
        set=course.set,
        submission=sheet.sha256,
        exercises=course.exercises,
        status="graded" if reply.status == "ran" else reply.status,
        reason=reply.reason,
        tasks=results,
        matches=_matches(results, student, course),
        seconds=reply.seconds,
    )


def refused(content: bytes, student: str, course: Course, why: Ungradable) -> Result:
    """Return the record of a submission that cannot be graded: no scores, but a status and its reason."""
    return Result(
        student=student,
        set=course.set,
        submission=sha256(content).hexdigest() if content else "",
        exercises=course.exercises,
        status=why.status,
        reason=str(why),
        tasks=tuple(
            TaskResult(task=task.id, kind=task.kind, points=task.points, score=None, state="not graded")
            for task in tasks(course.set)
        ),
    )


# --- one task -------------------------------------------------------------------------------------------------------


def _task(task: Task, sheet: Sheet, reply: Reply, mine: str, hidden: Sequence[Mapping[str, Any]]) -> TaskResult:
    """Return the result of one task."""
    blank = TaskResult(
        task=task.id, kind=task.kind, points=task.points, score=None, state="", notes=sheet.notes.get(task.id, ())
    )
    if task.kind == "explain":
        return _words(blank, sheet)
    stopped = _stopped(task, reply)
    outcomes = reply.open.get(task.id)
    if outcomes is None:
        return replace(blank, state="not graded", parts=(("Not graded", f"{reply.reason}."),))
    told = replace(blank, returned=tuple(outcomes), seconds=stopped[1], total=1)
    if outcomes[0]["kind"] == "missing":
        if stopped[0]:
            return replace(told, score=0, state="error", parts=(("Your cell stopped", stopped[0]),))
        text = f"Your notebook has no {task.answer} when this task is looked at."
        return replace(told, score=0, state="missing", parts=(("No answer", text),))
    feedback = judge(task, open_cases(task, mine), outcomes, tries=1)
    if feedback.right and hidden:
        found = reply.hidden.get(task.id, [])
        if len(found) != len(hidden):
            return replace(told, state="not graded", parts=(("Not graded", f"{reply.reason}."),))
        second = judge(task, hidden, found, grading=True, tries=1)
        feedback = replace(second, passed=feedback.passed + second.passed, total=feedback.total + second.total)
    return _scored(told, feedback, stopped[0])


def _scored(told: TaskResult, feedback: Feedback, stopped: str) -> TaskResult:
    """Return a result with the judge's words and the score."""
    parts = (("Your cell stopped", stopped), *feedback.parts) if stopped and not feedback.right else feedback.parts
    return replace(
        told,
        score=told.points if feedback.right else 0,
        state=feedback.state,
        codes=feedback.codes,
        slip=feedback.slip,
        passed=feedback.passed,
        total=feedback.total,
        parts=parts,
    )


def _words(blank: TaskResult, sheet: Sheet) -> TaskResult:
    """Return the result of a task in words, which a person reads; an empty one is a 0."""
    if blank.task not in sheet.answers:
        return replace(blank, score=0, state="missing", parts=(("No answer", "There is no cell with your text."),))
    if blank.task in sheet.untouched:
        return replace(blank, score=0, state="stub", parts=(("No answer", "Nothing is written here."),))
    return replace(blank, state="words", parts=(("Handed in", "A person reads this."),))


def _stopped(task: Task, reply: Reply) -> tuple[str, float]:
    """Return what stopped the answer cell, if anything did, and how long it ran [s]."""
    cells = [told for name, told in reply.steps.items() if name.startswith(f"{task.id}-answer ")]
    seconds = sum(told["seconds"] for told in cells)
    failed = next((told for told in cells if told["state"] != "ran"), None)
    if failed is None:
        return "", seconds
    line = f" The line: {failed['line']}" if failed["line"] else ""
    return f"{failed['type']}: {failed['value']}.{line}", seconds


# --- whose answers are these ----------------------------------------------------------------------------------------


def _matches(results: Sequence[TaskResult], student: str, course: Course) -> tuple[Match, ...]:
    """Return the students whose right answers stand here instead of this student's own, the most alike first."""
    found: dict[str, list[str]] = {}
    for result in results:
        if result.state != "wrong" or result.task not in course.truths:
            continue
        task = next(each for each in tasks(course.set) if each.id == result.task)
        value = _value(result.returned[0])
        for other, truth in course.truths[result.task].items():
            if other != student and _identical(task, value, truth):
                found.setdefault(other, []).append(result.task)
    alike = {other: names for other, names in found.items() if len(names) >= _TWICE}
    return tuple(
        Match(student=other, tasks=tuple(alike[other])) for other in sorted(alike, key=lambda o: -len(alike[o]))
    )


def _identical(task: Task, value: Any, truth: Any) -> bool:  # noqa: ANN401 - plain answers
    """Return whether an answer is another student's, to the last digits."""
    return same(task, value, truth, slack=_EXACT / task.tolerance)


def _value(outcome: Outcome) -> Any:  # noqa: ANN401 - a plain answer
    """Return the plain value of an outcome."""
    if outcome["kind"] == "list":
        return [_value(each) for each in outcome["value"]]
    return outcome.get("value")
