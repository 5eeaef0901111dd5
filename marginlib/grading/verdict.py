"""The verdict on a submission, made outside of the student's process: plain outcomes in, scores and words out.

A task is worth all of its points or none: it is right when every open and every hidden case is. What could not be
judged has no score and a reason; only a wrong answer, or none, is a 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from marginlib import __version__
from marginlib.course.tasks import drawn, tasks
from marginlib.grading.sandbox import Reply, Sandbox
from marginlib.grading.sheet import Sheet, Ungradable, parse
from marginlib.practice.tasks.collecting import Outcome
from marginlib.practice.tasks.comparing import plain, same
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import SELF_STUDY, given, grading_cases, open_cases, ticket
from marginlib.practice.tasks.task import Task

SELF_STUDY_NUMBERS = "(self-study numbers: the ticket was not there)"  # told in the place of another student
_EXACT = 1e-6  # a copied number is the same number, not one within a task's tolerance
_TWICE = 2  # one number may agree by chance


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What a student gets for one task."""

    task: str
    kind: str
    points: int
    score: float | None  # None where a person has to say
    state: str  # that of `Feedback`, or "missing" (no answer cell, and no such name) or "not graded"
    codes: tuple[str, ...] = ()  # the beliefs that explain the answer
    slip: str = ""  # or "percent", "sign", "close"
    returned: tuple[Outcome, ...] = ()  # the open outcomes, as plain JSON
    parts: tuple[tuple[str, str], ...] = ()  # (heading, text) of each message to the student
    notes: tuple[str, ...] = ()  # what was odd about the cells
    seconds: float = 0.0  # how long the answer cell ran [s]
    variant: int = 0  # which variant of the task was asked; 0 is the task itself
    sure: str = ""  # how sure the student was: "guess", "fairly sure", "certain", or "" where that is not said


@dataclass(frozen=True, kw_only=True)
class Match:
    """Another student whose right answers to some tasks stand in this submission, where its own would be others."""

    student: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The verdict on one submission."""

    student: str  # the id in the gradebook
    set: str
    submission: str  # SHA-256 of the file, "" where there is none
    exercises: str  # the version of the set
    status: str  # "graded", or what kept it from being graded
    reason: str = ""  # why, in words
    tasks: tuple[TaskResult, ...] = ()
    matches: tuple[Match, ...] = ()  # students whose answers these may be

    @property
    def digest(self) -> str:
        """What tells whether a gradebook holds this result or an earlier one."""
        return sha256(json.dumps(asdict(self)).encode()).hexdigest()

    @staticmethod
    def read(plain: Mapping[str, Any]) -> Result:
        """Return a result from its plain JSON."""
        tasks = tuple(TaskResult(**_fields(TaskResult, task)) for task in plain["tasks"])
        matches = tuple(Match(**_fields(Match, match)) for match in plain["matches"])
        return Result(**_fields(Result, plain) | {"tasks": tasks, "matches": matches})


def _fields(kind: type[Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's fields with tuples in the place of JSON's lists; those of an earlier version are left out."""
    known = {each.name: plain[each.name] for each in fields(kind) if each.name in plain}
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    if "parts" in found:
        found["parts"] = tuple(map(tuple, found["parts"]))
    return found


@dataclass(frozen=True, kw_only=True)
class Course:
    """What the teacher's side knows of one set: the key, and who takes part."""

    set: str
    key: bytes
    students: tuple[str, ...] = ()  # all ids, to find out whose answers were copied

    @property
    def exercises(self) -> str:
        """The version of the set: it changes when any of its tasks does."""
        said = [__version__, *(f"{task.id}:{task.version}:{task.points}" for task in tasks(self.set))]
        said += [f"{task.id}:{task.variant}:{task.version}" for task in self.asked if task.variant]
        return sha256("\n".join(said).encode()).hexdigest()[:12]

    @cached_property
    def asked(self) -> tuple[Task, ...]:
        """The tasks as this course asks them."""
        return drawn(self.set, self.ticket(SELF_STUDY))

    def ticket(self, student: str) -> str:
        """Return a student's ticket for the set."""
        return ticket(self.set, student, self.key)

    @cached_property
    def truths(self) -> dict[str, dict[str, Any]]:
        """The right answers to the tasks that ask for one value: task -> student -> answer."""
        tickets, alone = {each: self.ticket(each) for each in self.students}, ticket(self.set)
        return {
            task.id: {each: task.solve(**given(task, its)) for each, its in tickets.items()}
            | {SELF_STUDY_NUMBERS: public.solve(**given(public, alone))}
            for task, public in zip(self.asked, tasks(self.set), strict=True)
            if task.kind in {"compute", "predict"}
        }


def grade(content: bytes, student: str, course: Course, sandbox: Sandbox) -> Result:
    """Return the verdict on a submitted notebook; nothing in the file is believed about who it is from.

    Raises:
        Ungradable: the file is no notebook.
        SandboxError: the sandbox is broken.
    """
    sheet = parse(content, course.set)
    asked = course.asked
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
        tasks=tuple(map(_ungraded, course.asked)),
    )


def _ungraded(task: Task) -> TaskResult:
    """Return the result of a task of which nothing is known yet."""
    about: dict[str, Any] = {"task": task.id, "kind": task.kind, "points": task.points, "variant": task.variant}
    return TaskResult(**about, score=None, state="not graded")


def _task(  # noqa: PLR0911 - each way to end is told at once
    task: Task, sheet: Sheet, reply: Reply, mine: str, hidden: Sequence[Mapping[str, Any]]
) -> TaskResult:
    """Return the result of one task."""
    told = replace(_ungraded(task), notes=sheet.notes.get(task.id, ()), sure=sheet.sure.get(task.id, ""))
    if task.kind == "explain":
        if task.id not in sheet.answers:
            return replace(told, score=0, state="missing", parts=(("No answer", "There is no cell with your text."),))
        if task.id in sheet.untouched:
            return replace(told, score=0, state="stub", parts=(("No answer", "Nothing is written here."),))
        return replace(told, state="words", parts=(("Handed in", "A person reads this."),))
    outcomes = reply.open.get(task.id)
    unknown = (("Not graded", f"{reply.reason}."),)
    if outcomes is None:
        return replace(told, parts=unknown)
    cells = [came for name, came in reply.steps.items() if name.startswith(f"{task.id}-answer ")]
    told = replace(told, returned=tuple(outcomes), seconds=sum(came["seconds"] for came in cells))
    failed = next((came for came in cells if came["state"] != "ran"), None)
    stopped: tuple[tuple[str, str], ...] = ()
    if failed is not None:
        line = f" The line: {failed['line']}" if failed["line"] else ""
        stopped = (("Your cell stopped", f"{failed['type']}: {failed['value']}.{line}"),)
    if outcomes[0]["kind"] == "missing":
        text = f"Your notebook has no {task.answer} when this task is looked at."
        state = "error" if stopped else "missing"
        return replace(told, score=0, state=state, parts=stopped or (("No answer", text),))
    feedback = judge(task, open_cases(task, mine), outcomes, course=True)
    if feedback.right and hidden:
        found = reply.hidden.get(task.id, [])
        if len(found) != len(hidden):
            return replace(told, parts=unknown)
        feedback = judge(task, hidden, found, grading=True)
    return replace(
        told,
        score=told.points if feedback.right else 0,
        state=feedback.state,
        codes=feedback.codes,
        slip=feedback.slip,
        parts=feedback.parts if feedback.right else (*stopped, *feedback.parts),
    )


def _matches(results: Sequence[TaskResult], student: str, course: Course) -> tuple[Match, ...]:
    """Return the students whose right answers stand here instead of this student's own, the most alike first."""
    found: dict[str, list[str]] = {}
    for result in results:
        if result.state != "wrong" or result.task not in course.truths:
            continue
        task = next(each for each in course.asked if each.id == result.task)
        answer = plain(result.returned[0])
        for other, truth in course.truths[result.task].items():
            if other != student and same(task, answer, truth, slack=_EXACT / task.tolerance):
                found.setdefault(other, []).append(result.task)
    alike = sorted(found.items(), key=lambda each: -len(each[1]))
    return tuple(Match(student=other, tasks=tuple(names)) for other, names in alike if len(names) >= _TWICE)
