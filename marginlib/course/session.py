"""What a learner calls: `start` gives the numbers of a set, `check` judges an answer and remembers it.

Nothing here raises at a learner: what goes wrong comes back as feedback.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marginlib.course.tasks import SETS, task, tasks
from marginlib.errors import MarginError, wrong
from marginlib.practice import progress
from marginlib.practice.pages import ProgressPage
from marginlib.practice.tasks.collecting import Outcome, collect
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import SELF_STUDY, given, open_cases, ticket
from marginlib.practice.tasks.task import Task

__all__ = ["TICKETS", "Given", "check", "progress_page", "start"]

TICKETS = "marginlib_tickets.json"  # what a teacher gives each student of a course

# The tickets of the sets that were started in this session.
_TICKETS: dict[str, str] = {}


class Given(dict[str, Any]):
    """A learner's numbers for one task, by name; shown as the task's words with the numbers in them.

    Example:
        >>> Given(task("sizing-1"), {"quantity": 0.1, "price": 60_000, "leverage": 10})["price"]
        60000
    """

    def __init__(self, task: Task, numbers: Mapping[str, Any]) -> None:
        super().__init__(numbers)
        self._task = task

    def _lines(self) -> list[str]:
        """Return the scenario, the choices and what is asked for."""
        choices = {**self._task.options, **self._task.reasons}
        said = {mark: text.format(**self) for mark, text in choices.items()}
        lines = [self._task.text.format(**self), *(f"{mark}) {text}" for mark, text in said.items())]
        known = [f"{name} = {value!r}" for name, value in self.items() if value not in said.values()]
        if known:
            lines.append("given: " + ", ".join(known))
        words = self._task.kind == "explain"
        return [*lines, "Write your text into the next cell." if words else f"Wanted: {self._task.ask}."]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        lines = (html.escape(line).replace("$", "<span>$</span>").replace("\n", "<br>") for line in self._lines())
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
    _TICKETS[set_id] = _valid(ticket) if ticket else _ticket(set_id, name)
    return {each.id: Given(each, given(each, _TICKETS[set_id])) for each in found}


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
    seed = _TICKETS.get(asked.set) or _ticket(asked.set, SELF_STUDY)
    cases = open_cases(asked, seed)
    outcomes = collect(answer, cases if asked.asks_function else None)
    first = judge(asked, cases, outcomes)
    if first.state not in {"right", "wrong", "words"}:  # nothing was judged: nothing to remember, and no hint is due
        return first
    kept = _plain(outcomes)
    earlier = _earlier_misses(asked.id, seed)
    notes = progress.record(
        progress.Attempt(item=asked.id, kind="exercise", answer=kept, right=first.right, codes=first.codes, seed=seed)
    )
    staged = judge(asked, cases, outcomes, tries=len([miss for miss in earlier if miss != kept]))
    return replace(staged, parts=(*staged.parts, *(("Your progress", note) for note in notes)))


def _given_out(set_id: str) -> str | None:
    """Return the ticket in the file that a teacher gave out, if there is one."""
    here = Path.cwd()
    named = os.environ.get("MARGINLIB_TICKETS")
    places = [Path(named)] if named else [folder / TICKETS for folder in (here, *here.parents)]
    for place in places:
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


def _ticket(set_id: str, learner: str) -> str:
    """Return the ticket of self-study."""
    return ticket(set_id, learner)


def _valid(text: str) -> str:
    """Return a ticket, or refuse what is none."""
    try:
        if len(bytes.fromhex(text)) == 32:  # noqa: PLR2004 - the length of a SHA-256 digest
            return text.strip().lower()
    except (TypeError, ValueError):
        pass
    raise wrong("ticket", text, "give the 64 letters and digits that your teacher gave you")


def _plain(outcomes: list[Outcome]) -> Any:  # noqa: ANN401 - JSON
    """Return the answer as it is kept: the value, or the list of what the function returned."""
    values = [outcome.get("value") for outcome in outcomes]
    return values[0] if len(values) == 1 else values


def _earlier_misses(task_id: str, seed: str) -> list[Any]:
    """Return the different wrong answers that were given before, to the same numbers."""
    answers: list[Any] = []
    for attempt in progress.load().attempts:
        known = attempt.item == task_id and attempt.seed == seed and attempt.right is False
        if known and attempt.answer not in answers:
            answers.append(attempt.answer)
    return answers


def progress_page() -> ProgressPage:
    """Return your progress by objective, the exercises counted, with a button that writes a copy."""
    return ProgressPage(task for each in SETS for task in tasks(each))
