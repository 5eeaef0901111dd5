"""Answers of the same letters: a list of whom to talk to, and never a verdict.

Two cells are the same where their code is, blanks and comments aside. Short answers have few ways to be written, so
only longer ones count, and only those who share several of them are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from marginlib.grading.jobs import submission
from marginlib.grading.sheet import Ungradable, parse, read_bytes
from marginlib.grading.verdict import Result

SHORTEST, FEWEST = 80, 3  # letters of a cell that counts, and cells that two have to share
_PUBLIC = ("worked", "half")  # folders of the sheets that everybody has


def fingerprints(content: bytes, set_id: str) -> dict[str, str]:
    """Return a digest of each longer answer of a notebook: task -> digest of its code, blanks and comments aside.

    Example:
        >>> fingerprints(b"{}", "sizing")
        {}
    """
    found = {}
    with suppress(Ungradable):
        sheet = parse(content, set_id)
        for task, source in sheet.answers.items():
            code = "".join(line.partition("#")[0] for line in source.splitlines())
            bare = re.sub(r"\s+", "", code)
            if task not in sheet.untouched and len(bare) >= SHORTEST:
                found[task] = sha256(bare.encode()).hexdigest()
    return found


def alike(root: str | Path, set_id: str, results: Sequence[Result]) -> list[str]:
    """Return a line for all who share several longer answers, letter by letter, with each other or a public sheet."""
    root = Path(root)
    told: dict[str, dict[str, str]] = {}
    for result in results:
        with suppress(Ungradable):
            content = read_bytes(submission(root, set_id, result.student), root)
            told[result.student] = fingerprints(content, set_id)
    public = {}
    for folder in _PUBLIC:
        path = root / folder / f"{set_id}.ipynb"
        if path.is_file():
            public[f"the public sheet {folder}/{path.name}"] = fingerprints(path.read_bytes(), set_id)
    known = {(task, digest) for each in public.values() for task, digest in each.items()}
    own = {student: dict(set(mine.items()) - known) for student, mine in told.items()}
    return [*_with(told, public), *groups(own)]


def _with(told: Mapping[str, Mapping[str, str]], public: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield a line for each student who has a public sheet's answers."""
    for student, mine in told.items():
        for name, its in public.items():
            same = sorted(task for task in mine if its.get(task) == mine[task])
            if len(same) >= FEWEST:
                yield f"{student} has the letters of {name} in {', '.join(same)}"
                break


def groups(told: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a line for each pair of students who share answers; student -> task -> digest is given."""
    holders: dict[tuple[str, str], list[str]] = {}
    for student, mine in told.items():
        for task, digest in mine.items():
            holders.setdefault((task, digest), []).append(student)
    shared: dict[tuple[str, str], list[str]] = {}
    for (task, _), who in holders.items():
        for other in who[1:]:  # with the first of them: a hundred who share make no thousands of pairs
            shared.setdefault((who[0], other), []).append(task)
    return [
        f"{one} and {other} have the same letters in {', '.join(sorted(tasks))}"
        for (one, other), tasks in shared.items()
        if len(tasks) >= FEWEST
    ]
