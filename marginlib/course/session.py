"""What a learner calls: `start` gives the numbers of a set, `check` judges an answer and remembers it.

Nothing here raises at a learner: what goes wrong comes back as feedback.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marginlib.course.tasks import task, tasks
from marginlib.errors import MarginError, wrong
from marginlib.practice import progress
from marginlib.practice.tasks import numbering
from marginlib.practice.tasks.collecting import collect
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import SELF_STUDY, given, open_cases
from marginlib.practice.tasks.task import Task
from marginlib.words import text_html

TICKETS = "marginlib_tickets.json"  # what a teacher gives each student of a course

# The tickets of the sets that were started in this session.
_TICKETS: dict[str, str] = {}


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
    found = tasks(set_id)
    name = learner or os.environ.get("MARGINLIB_LEARNER") or os.environ.get("JUPYTERHUB_USER") or SELF_STUDY
    ticket = ticket or _given_out(set_id)
    if ticket and not re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", str(ticket)):
        raise wrong("ticket", ticket, "give the 64 letters and digits that your teacher gave you")
    _TICKETS[set_id] = ticket.strip().lower() if ticket else numbering.ticket(set_id, name)
    return {each.id: Given(each, given(each, _TICKETS[set_id])) for each in found}


def _given_out(set_id: str) -> str | None:
    """Return the ticket in the file that a teacher gave out, if there is one."""
    here, named = Path.cwd(), os.environ.get("MARGINLIB_TICKETS")
    for place in [Path(named)] if named else [folder / TICKETS for folder in (here, *here.parents)]:
        if place.is_file():
            try:
                return str(json.loads(place.read_text(encoding="utf-8"))["tickets"][set_id])
            except (ValueError, TypeError, KeyError) as error:
                raise MarginError(
                    f"{place.name}: no ticket for {set_id!r} in it; ask your teacher for the file again"
                ) from error
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
        return Feedback(task=str(task_id), state="odd", passed=0, total=0, parts=(("No such task", f"{error}."),))
    seed = _TICKETS.get(asked.set) or numbering.ticket(asked.set)
    cases = open_cases(asked, seed)
    outcomes = collect(answer, cases if asked.asks_function else None)
    first = judge(asked, cases, outcomes)
    if first.state not in {"right", "wrong", "words"}:  # nothing was judged: nothing to remember, and no hint is due
        return first
    values = [outcome.get("value") for outcome in outcomes]
    kept: Any = values[0] if len(values) == 1 else values
    misses: list[Any] = []  # the different wrong answers that were given before, to the same numbers
    for attempt in progress.load().attempts:
        known = attempt.item == asked.id and attempt.seed == seed and attempt.right is False
        if known and attempt.answer != kept and attempt.answer not in misses:
            misses.append(attempt.answer)
    notes = progress.record(
        progress.Attempt(item=asked.id, kind="exercise", answer=kept, right=first.right, codes=first.codes, seed=seed)
    )
    staged = judge(asked, cases, outcomes, tries=len(misses))
    return replace(staged, parts=(*staged.parts, *(("Your progress", note) for note in notes)))
