"""What a learner calls: `start` gives the numbers of a set, `check` judges an answer, `finish` says what is done.

Nothing here raises at a learner: what goes wrong comes back as feedback.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from marginlib.course.tasks import drawn, task, tasks
from marginlib.errors import MarginError, wrong
from marginlib.practice import progress
from marginlib.practice.tasks import numbering
from marginlib.practice.tasks.collecting import collect
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.finish import Finish, misses
from marginlib.practice.tasks.judging import ASKED_BACK, judge
from marginlib.practice.tasks.numbering import SELF_STUDY, given, open_cases
from marginlib.practice.tasks.task import Task
from marginlib.words import text_html

TICKETS = "marginlib_tickets.json"  # what a teacher gives each student of a course
WORDS_STUB = "Your words here."  # what stands where a text is asked for

_NO_TICKET = (
    "These are the numbers of self-study, not yours: your ticket is not here. Put the file marginlib_tickets.json that "
    "your teacher gave you beside this notebook, or open the notebook that was made for you; then run this cell again."
)
_SECONDS = 20.0  # of computing, for one check: whoever tries every cent of a price needs a few of them
# The tickets of the sets that were started in this session, and the names; a ticket that a teacher gave has none.
_TICKETS: dict[str, str] = {}
_NAMES: dict[str, str] = {}


class Given(dict[str, Any]):
    """A learner's numbers for one task, by name; shown as the task's words with the numbers in them.

    Example:
        >>> Given(task("sizing-1"), {"quantity": 0.1, "entry": 60_000, "mark": 60_500, "leverage": 10})["entry"]
        60000
    """

    def __init__(self, task: Task, numbers: Mapping[str, Any]) -> None:
        super().__init__(numbers)
        self._task = task

    def __repr__(self) -> str:
        asked = self._task
        said = {mark: text.format(**self) for mark, text in {**asked.options, **asked.reasons}.items()}
        lines = [asked.text.format(**self), *(f"{mark}) {text}" for mark, text in said.items())]
        if asked.asks_function:
            case = open_cases(asked, _ticket(asked.set))[0]
            call = ", ".join(f"{name}={value!r}" for name, value in case.items())
            lines.append(f"One of the {asked.open_cases} calls of the check: {asked.function}({call})")
        known = [f"{name} = {value!r}" for name, value in self.items() if value not in said.values()]
        if known:
            lines.append("given: " + ", ".join(known))
        wanted = "Write your text into the next cell." if asked.kind == "explain" else f"Wanted: {asked.ask}."
        return "\n".join([*lines, wanted])

    def _repr_html_(self) -> str:
        lines = text_html(repr(self)).split("\n")
        return "".join(f"<p>{line}</p>" for line in lines)


def start(set_id: str, learner: str | None = None, *, ticket: str | None = None) -> dict[str, Given]:
    """Return a learner's numbers for every task of a set, and use them in `check` from now on.

    Args:
        set_id: the set, such as "isolated".
        learner: any name; the same name gets the same numbers. Left out, the name that the environment gives
            (`MARGINLIB_LEARNER`, or a hub's user), or else the numbers of self-study.
        ticket: in a course with a key of its own, what the teacher gave you; your name is in it. Left out, it is read
            from the file `marginlib_tickets.json` in this folder or one above it, or from the one that the variable
            `MARGINLIB_TICKETS` names; where there is one, it counts and not the name.

    Returns:
        Task id -> numbers.

    Raises:
        MarginError: there is no such set, or the ticket is not one.

    Example:
        >>> start("sizing", "ada")["sizing-1"] == start("sizing", "ada")["sizing-1"]
        True
    """
    tasks(set_id)  # refuses what is no set, before anything else is looked at
    name = learner or os.environ.get("MARGINLIB_LEARNER") or os.environ.get("JUPYTERHUB_USER") or SELF_STUDY
    ticket = ticket or _given_out(set_id)
    if ticket and not re.fullmatch(r"\s*[0-9a-fA-F]{64}(?:[0-9a-fA-F]{8})?\s*", str(ticket)):
        raise wrong("ticket", ticket, "give the 72 letters and digits that your teacher gave you, 64 in some courses")
    _TICKETS[set_id] = ticket.strip().lower() if ticket else numbering.ticket(set_id, name)
    _NAMES[set_id] = "" if ticket else name
    if not ticket and any("nbgrader" in cell.get("metadata", {}) for cell in _cells()):
        print(_NO_TICKET)  # noqa: T201 - a sheet that is graded, with numbers that are nobody's
    return {each.id: Given(each, given(each, _TICKETS[set_id])) for each in drawn(set_id, _TICKETS[set_id])}


def _given_out(set_id: str) -> str | None:
    """Return the ticket in the file that a teacher gave out, if there is one."""
    here, named = Path.cwd(), os.environ.get("MARGINLIB_TICKETS")
    for place in [Path(named)] if named else [folder / TICKETS for folder in (here, *here.parents)]:
        if place.is_file():
            try:
                return str(json.loads(place.read_text(encoding="utf-8"))["tickets"][set_id])
            except (ValueError, TypeError, KeyError) as error:
                give = "ask your teacher for the file again"
                raise MarginError(f"{place.name}: no ticket for {set_id!r} in it; {give}") from error
    if named:
        raise wrong("MARGINLIB_TICKETS", named, "no such file")
    return None


def check(task_id: str, answer: object = ...) -> Feedback:
    """Return the feedback on an answer; a wrong one brings one stage more each time that it changes.

    Args:
        task_id: the task, such as "isolated-3".
        answer: the value, or the function itself, that the task asks for.

    Returns:
        `Feedback`, which a notebook shows.

    Example:
        >>> check("sizing-1").state
        'stub'
    """
    try:
        asked = task(task_id)
    except MarginError as error:
        return Feedback(task=str(task_id), state="odd", parts=(("No such task", f"{error}."),))
    ticket = _ticket(asked.set)
    asked = drawn(asked.set, ticket)[asked.number - 1]
    if asked.kind == "explain" and _untouched(asked):
        text = f'"{WORDS_STUB}" still stands in your text. Write yours, save the notebook, and run this cell again.'
        return Feedback(task=asked.id, state="stub", parts=(("Not started yet", text),))
    cases = open_cases(asked, ticket)
    with _limited():
        outcomes = collect(answer, cases if asked.asks_function else None)
    course = not _NAMES.get(asked.set, SELF_STUDY)
    values = [outcome.get("value") for outcome in outcomes]
    kept: Any = values[0] if len(values) == 1 else values
    seed = _seed(asked, ticket)
    # The different wrong answers that were given before, to the same numbers.
    before = misses(asked, [each for each in progress.load().attempts if each.right is False], seed)[1]
    found = judge(asked, cases, outcomes, tries=len([each for each in before if each != kept]), course=course)
    # Where nothing was judged, or the unit alone is wrong, there is nothing to remember.
    if found.state not in {"right", "wrong", "words"} or found.slip in ASKED_BACK:
        return found
    notes = progress.record(
        progress.Attempt(item=asked.id, kind="exercise", answer=kept, right=found.right, codes=found.codes, seed=seed)
    )
    told = (("So far", finish(asked.set).brief), *(("Your progress", note) for note in notes))
    return replace(found, parts=(*found.parts, *told))


def finish(set_id: str) -> Finish:
    """Return how far you are with a set: what is done, with how many hints, and what is worth another try.

    Args:
        set_id: the set, such as "isolated".

    Raises:
        MarginError: there is no such set.

    Example:
        >>> len(finish("sizing").tasks)
        9
    """
    tasks(set_id)
    attempts, ticket = progress.load().attempts, _ticket(set_id)
    found = drawn(set_id, ticket)
    each_one = [misses(each, attempts, _seed(each, ticket)) for each in found]
    again, name = "", _NAMES.get(set_id, SELF_STUDY)
    if name:  # a name gives other numbers; a teacher's ticket stays
        stem, _, number = name.rpartition(" ")
        other = f"{stem} {int(number) + 1}" if stem and number.isdecimal() else f"{name} 2"
        again = (
            f'Put another name into the first cell, such as start("{set_id}", learner="{other}"), and run all again.'
        )
    return Finish(found, [done for done, _ in each_one], [min(len(wrong), 3) for _, wrong in each_one], again)


def _ticket(set_id: str) -> str:
    """Return the ticket of a set, which need not have been started."""
    return _TICKETS.get(set_id) or numbering.ticket(set_id)


def _seed(asked: Task, ticket: str) -> str:
    """Return what a task's numbers come from: answers to the numbers of an earlier version do not meet these."""
    return ticket if asked.version == 1 else f"{ticket} version {asked.version}"


def _untouched(asked: Task) -> bool:
    """Return whether a text is still the stub, in the notebook that Jupyter says this kernel is for."""
    found = (cell.get("source", "") for cell in _cells() if cell.get("id") == f"{asked.id}-answer")
    return any(WORDS_STUB in "".join(source) for source in found)


def _cells() -> list[dict[str, Any]]:
    """Return the cells of the notebook that Jupyter says this kernel is for; other places do not say."""
    try:
        cells = json.loads(Path(os.environ["JPY_SESSION_NAME"]).read_text(encoding="utf-8"))["cells"]
        return [cell for cell in cells if isinstance(cell, dict)]
    except (KeyError, OSError, TypeError, ValueError):
        return []


@contextmanager
def _limited() -> Iterator[None]:
    """Interrupt what computes too long, as Ctrl+C would; where there is no such clock, an interrupt of yours does."""
    here = hasattr(signal, "setitimer") and sys.platform != "emscripten"  # a browser has the name, and no clock
    if not here or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_signal: object) -> None:
        raise KeyboardInterrupt(f"it computed for {_SECONDS:g} seconds")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
