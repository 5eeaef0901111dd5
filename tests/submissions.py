"""Submissions for tests: notebooks as students hand them in, and the scores of those who are right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random

import build_exercises as build
import nbformat
from nbformat import NotebookNode

from marginlib.course.tasks import drawn as asks
from marginlib.course.tasks import tasks
from marginlib.practice.tasks.numbering import given, ticket
from marginlib.practice.tasks.task import Task

TEXT = "I would compare the sizes, not the settings, and then the money behind them."


def source(set_id: str, key: bytes = b"") -> NotebookNode:
    """Return the source of a set as a course with this key asks it; without a key, as the repository has it."""
    notebook = nbformat.read(build.source_path(set_id), as_version=4)
    for asked in asks(set_id, ticket(set_id, "anybody", key)) if key else ():
        for cell in notebook.cells if asked.variant else ():
            if cell.id == f"{asked.id}-answer":
                cell.source = asked.cell
    return notebook


def solutions(set_id: str, key: bytes = b"") -> dict[str, str]:
    """Return the model solution of each task, as a student would write it."""
    return {
        cell.id.removesuffix("-answer"): build.faded(cell.source, "worked", words=cell.cell_type == "markdown")
        for cell in source(set_id, key).cells
        if cell.id.endswith("-answer")
    }


def released(set_id: str, key: bytes = b"") -> NotebookNode:
    """Return the notebook that students get, with the grader's marks in it."""
    notebook = source(set_id, key)
    for cell in notebook.cells:
        if build.BEGIN in cell.source:
            cell.source = build.faded(cell.source, "blank", words=cell.cell_type == "markdown")
    return notebook


def filled(release: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Return a copy of a released notebook with these answer cells; the others stay as they are."""
    notebook = deepcopy(release)
    for cell in notebook.cells:
        task = cell.id.removesuffix("-answer")
        if cell.id.endswith("-answer") and task in answers:
            cell.source = answers[task]
    return notebook


def content(notebook: NotebookNode) -> bytes:
    """Return a notebook as the bytes of its file."""
    return nbformat.writes(notebook).encode()


def hand_in(course: Path, student: str, set_id: str, file: bytes) -> Path:
    """Put a file where a collected submission stands."""
    path = course / "submitted" / student / set_id / f"{set_id}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(file)
    return path


def believed(task: Task, code: str, ticket: str) -> str | None:
    """Return an answer cell of somebody who holds a belief, or None where the task asks for more than a value."""
    if task.asks_function or task.refutes is not None or task.kind == "explain":
        return None
    value = task.beliefs[code](**given(task, ticket))
    if task.kind == "choose":  # a belief names part of an answer: the letter, the reason or both
        right = str(task.solve(**given(task, ticket)))
        letter = value[0] if value[0].isalpha() else right[0]
        value = letter + (value[-1] if value[-1].isdigit() else right[1:])
    plain = json.loads(json.dumps(value))
    return f"{task.answer} = {plain!r}"


def full(set_id: str) -> dict[str, float | None]:
    """Return the scores of somebody who answers everything right: texts wait for a person."""
    return {task.id: None if task.kind == "explain" else task.points for task in tasks(set_id)}


def drawn(set_id: str, student: str, key: bytes, skill: float) -> tuple[bytes, dict[str, float | None]]:
    """Return what a student of some skill [0 to 1] hands in, and the fair scores; the same name does the same again."""
    chance = Random(f"{set_id} {student}")
    mine = ticket(set_id, student, key)
    answers, scores = {}, full(set_id)
    for each, solution in _solutions(set_id, key).items():
        if chance.random() < skill:
            answers[each] = TEXT if scores[each] is None else solution
            continue
        asked = next(found for found in asks(set_id, mine) if found.id == each)
        wrong = [answer for code in asked.beliefs if (answer := believed(asked, code, mine))]
        scores[each] = 0
        if wrong and chance.random() < 0.7:
            answers[each] = chance.choice(wrong)
        elif asked.kind != "explain" and chance.random() < 0.3:
            answers[each] = "this is no Python"
    return content(filled(_released(set_id, key), answers)), scores


_solutions, _released = cache(solutions), cache(released)
