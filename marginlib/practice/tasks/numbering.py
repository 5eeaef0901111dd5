"""Whose numbers: every learner gets numbers of their own, the same ones each time, from a key and a name.

    ticket       = HMAC(key, "numbers", set, learner)      what a learner holds; it gives their numbers and open cases
    grading seed = HMAC(key, "grading", set, learner)      what only the holder of the key can compute

A ticket of a course that draws variants ends in a mark, the same for the whole class, which says of each task which of
its variants is asked:

    mark         = the first 8 digits of HMAC(key, "variants", set)

For self-study the key is public, so anybody may look everything up. In a course the teacher keeps a key, hands each
learner a ticket, and computes tickets and grading cases again from the gradebook's names. A ticket leads to no key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from random import Random
from typing import Any

from marginlib.errors import MarginError, name_text
from marginlib.practice.tasks.comparing import apart
from marginlib.practice.tasks.task import Task

PUBLIC_KEY = b"marginlib: public key for self-study"
SELF_STUDY = "self-study"
VARIED = b"variants "  # a key that begins so draws variants of the tasks
NUMBERS, _MARK = 64, 8  # digits of a ticket that give numbers, and of its mark
_TRIES = 200  # draws before a task is called impossible


def ticket(set_id: str, learner: str = SELF_STUDY, key: bytes = PUBLIC_KEY) -> str:
    """Return what gives a learner, by the name that the gradebook knows, their numbers in one set, and nobody else's.

    Example:
        >>> ticket("isolated", "ada") == ticket("isolated", "ada") != ticket("isolated", "ben")
        True
    """
    mark = _seed(key, "variants", set_id).hex()[:_MARK] if key.startswith(VARIED) else ""
    return _seed(key, "numbers", set_id, learner).hex() + mark


def asked(task: Task, variants: Sequence[Task], ticket: str) -> Task:
    """Return which question of a task the holder of a ticket is asked: the task, or the variant that its mark draws."""
    mark = ticket[NUMBERS:]
    return variants[int(_seed(mark.encode(), task.id).hex(), 16) % len(variants)] if mark and variants else task


def given(task: Task, ticket: str) -> dict[str, Any]:
    """Return a learner's numbers for a task: the first draw in which no belief gives the right answer.

    Raises:
        MarginError: no draw keeps the beliefs apart, so the task cannot be asked.
    """
    if task.asks_function:  # its numbers are the arguments of its cases; the text may hold an example's
        return task.draw(_random(bytes.fromhex(ticket), task, "text", 0))
    return _hand(task, bytes.fromhex(ticket), "given", 1)[0]


def open_cases(task: Task, ticket: str) -> list[dict[str, Any]]:
    """Return what the answer is judged on in front of the learner: the cases of a function, or the numbers alone."""
    if task.asks_function:
        return _hand(task, bytes.fromhex(ticket), "open", task.open_cases)
    return [given(task, ticket)]


def grading_cases(task: Task, learner: str, key: bytes) -> list[dict[str, Any]]:
    """Return the cases that are added at grading; a task that asks for no function has none."""
    if not task.asks_function:
        return []
    return _hand(task, _seed(key, "grading", task.set, learner), "grading", task.grading_cases)


def _seed(key: bytes, *words: str) -> bytes:
    """Return the digest of the words under the key; each is told with its length, so no two lists read alike."""
    name_text("learner", words[-1])
    message = "".join(f"{len(word)}:{word}" for word in words)
    return hmac.digest(key, message.encode(), "sha256")


def _random(seed: bytes, task: Task, purpose: str, attempt: int) -> Random:
    """Return the generator of one draw."""
    return Random(_seed(seed, purpose, task.id, str(task.version), str(attempt)))


def _hand(task: Task, seed: bytes, purpose: str, count: int) -> list[dict[str, Any]]:
    """Return the first draw of cases that tells the right answer and every belief from each other."""
    for attempt in range(_TRIES):
        random = _random(seed, task, purpose, attempt)
        cases = [task.deal(random) for _ in range(count)]
        if task.asks_function:  # in the order in which the function is called
            cases = [{name: case[name] for name in task.parameters} for case in cases]
        if apart(task, cases):
            return cases
    none = f"none of {_TRIES} draws keeps the right answer and all beliefs apart"
    raise MarginError(f"{task.id}: {none}; widen its numbers")
