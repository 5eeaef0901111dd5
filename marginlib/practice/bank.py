"""The bank of questions: the list `questions` of `data/questions.json`, whose `objectives` stand before them.

To add a question, add a record there; a notebook asks those of its number by itself. Every question has

    id          "NN-words"; a prediction is named after its cell: `predict-price` of notebook 02 is "02-price"
    kind        "choice", "number", "ordering" or "counterexample"
    notebook    "00" to "14"
    objective   the objective that it serves
    role        "prediction", "opening", "closing", "pretest" or "posttest"
    text        the whole question
    label       a short name of the input, with its unit
    pair        pretest and posttest: id of the twin with other numbers
    explain     optional: one line of arithmetic or reason, where none can be computed
    why         of a prediction: what follows its result in the card, in Markdown

and, by kind,

    number          ask and case, optional minus, times, unit, tolerance {rel, abs}, sized
    choice          three options or more [{text, right: true} or {text, code}], the code that of the belief whose
                    holder would choose it; they are shown in another order to each learner
    ordering        lines in the right order, optional equivalents (other right orders), slips
    counterexample  claim, inputs [{name, label, low, high}], checker, code

A case is an account in plain numbers: `{wallet, positions}` and any other field of `beliefs.Case`, a position
`{symbol, quantity or notional (signed), entry, mark, leverage, isolated, rate or table, contract}`. Right answers and
wrong ones are computed from it by `practice.beliefs`; none is written down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from marginlib.errors import MarginError, unknown
from marginlib.practice.judge import KINDS, Question, refused
from marginlib.practice.objectives import BANK, OBJECTIVES

_FORMAT, _VERSION = "marginlib-questions", 1
_ROLES = ("prediction", "opening", "closing", "pretest", "posttest")


def question(name: str) -> Question:
    """Return the question of that id.

    Raises:
        UnknownNameError: there is no such question; the message lists those of the same notebook.

    Example:
        >>> question("02-price").kind
        'number'
    """
    bank = _bank()
    if name not in bank:
        near = [each for each in bank if each[:2] == str(name)[:2]] or list(bank)
        raise unknown("question", name, near)
    return bank[name]


def questions(notebook: str | None = None, role: str | None = None) -> tuple[Question, ...]:
    """Return the questions of a notebook and a role, in the order of the bank.

    Args:
        notebook: number of the notebook, such as "02"; left out, all.
        role: "prediction", "opening", "closing", "pretest" or "posttest"; left out, all.

    Example:
        >>> len(questions("00", "pretest")), len(questions("13", "posttest"))
        (6, 6)
    """
    return tuple(each for each in _bank().values() if notebook in {None, each.notebook} and role in {None, each.role})


@cache
def _bank() -> Mapping[str, Question]:
    """Read the bank, once."""
    return MappingProxyType(_read(BANK))


def _read(record: Mapping[str, Any]) -> dict[str, Question]:
    """Return the questions of a bank, each checked."""
    if (record.get("format"), record.get("version")) != (_FORMAT, _VERSION):
        found = f"format = {record.get('format')!r}, version = {record.get('version')!r}"
        raise MarginError(f"questions: {found}: give {_FORMAT!r} and {_VERSION}")
    bank: dict[str, Question] = {}
    for each in record["questions"]:
        made = _question(each)
        if made.id in bank:
            raise refused(made.id, "id", made.id, "an id that no other question has")
        bank[made.id] = made
    for made in bank.values():
        twin = bank.get(made.pair)
        if made.role in {"pretest", "posttest"} and (twin is None or twin.pair != made.id or twin.role == made.role):
            raise refused(made.id, "pair", made.pair, "the id of a question of the other test that names this one")
    return bank


def _question(record: Mapping[str, Any]) -> Question:
    """Return one question, or say which field of which question is wrong; its kind checks the fields of its own."""
    name = str(record.get("id", "?"))
    for key in ("id", "kind", "notebook", "objective", "role", "text", "label"):
        if not isinstance(record.get(key), str) or not record[key].strip():
            raise refused(name, key, record.get(key), "a text")
    for key, known in (("kind", tuple(KINDS)), ("role", _ROLES)):
        if record[key] not in known:
            raise refused(name, key, record[key], f"one of {', '.join(known)}")
    if not re.fullmatch(r"\d\d", record["notebook"]) or not name.startswith(f"{record['notebook']}-"):
        raise refused(name, "notebook", record["notebook"], "the two digits that the id begins with")
    if record["objective"] not in {each.id for each in OBJECTIVES}:
        raise refused(name, "objective", record["objective"], "the id of an objective")
    fields = {key: value for key, value in record.items() if key != "kind"}
    try:
        return KINDS[record["kind"]](**fields)
    except TypeError as error:  # a field that the kind does not know, or has to have
        raise MarginError(f"question {name!r}: {str(error).partition(' ')[2]}") from error
