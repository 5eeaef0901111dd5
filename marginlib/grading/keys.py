"""The course's key, which only the teacher holds, and the tickets that it makes for students.

Every number of a student comes from the key and the student's id (`ticket` of
`marginlib.practice.tasks.numbering`); hidden cases, too. So the key stays out of the course's folder, and a ticket,
which shows its holder their own numbers, leads to nothing else.
"""

from __future__ import annotations

import csv
import json
import os
import secrets
import unicodedata
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from marginlib.course.session import TICKETS
from marginlib.course.tasks import SETS
from marginlib.errors import MarginError, wrong
from marginlib.files import write_whole
from marginlib.practice.tasks.numbering import VARIED, ticket

KEY = "MARGINLIB_COURSE_KEY"  # the variable that names the key's file
_BYTES, _LONGEST = 32, 200  # of a key, and of a student's id


def new_key(path: str | Path, *, variants: bool = True) -> bytes:
    """Write a new course key into a file that only its owner can read, and return it.

    A course with such a key asks variants of the tasks, or the tasks as the public sheets ask them.

    Raises:
        MarginError: the file is there already, or would lie in a repository.
    """
    target = _outside(Path(path))
    digits = secrets.token_bytes(_BYTES)
    try:
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        give = "there is a file already; a key that is replaced changes every student's numbers"
        raise wrong("key", str(path), give) from error
    with os.fdopen(file, "w", encoding="ascii") as written:
        written.write(f"{VARIED.decode() if variants else ''}{digits.hex()}\n")
    return (VARIED if variants else b"") + digits


def read_key(path: str | Path | None = None) -> bytes:
    """Return the course's key from its file, or from the one that the variable `MARGINLIB_COURSE_KEY` names.

    Raises:
        MarginError: no file is named or there, it is no key, others may read it, or it lies in a repository.
    """
    named = path or os.environ.get(KEY)
    if not named:
        raise MarginError(f"key: name the file of the course's key, with --key or in the variable {KEY}")
    source = _outside(Path(named))
    if not source.is_file():
        raise wrong("key", str(named), "no such file; `marginlib grade key FILE` makes one")
    if source.stat().st_mode & 0o077:
        raise wrong("key", str(named), "others can read it; `chmod 600` the file, or make a new key if somebody has")
    first, _, digits = (text := source.read_text(encoding="utf-8", errors="replace")).partition(" ")
    varied = first == VARIED.decode().strip()
    try:
        key = bytes.fromhex(digits if varied else text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise wrong("key", str(named), f"not a course key, which is {2 * _BYTES} hexadecimal digits")
    return VARIED + key if varied else key


def _outside(path: Path) -> Path:
    """Return the path, or refuse one in a repository or beside nbgrader's settings."""
    home = path.expanduser().absolute()
    for folder in home.parents:
        if (folder / ".git").exists() or (folder / "nbgrader_config.py").exists():
            raise wrong("key", str(path), f"keep it outside of {folder}, which is shared with others")
    return home


def fingerprint(key: bytes) -> str:
    """Return a short name of a key that gives nothing of it away."""
    return sha256(b"marginlib fingerprint" + key).hexdigest()[:12]


def read_roster(path: str | Path) -> list[str]:
    """Return the students' ids, in the order of a CSV file with a column `id`, as nbgrader's own lists have it.

    Raises:
        MarginError: there is no such file or column, or an id is empty or stands twice.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise wrong("roster", str(path), getattr(error, "strerror", None) or "give a CSV file in UTF-8") from error
    if not rows or "id" not in rows[0]:
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise wrong("roster", str(path), f"give a CSV file with a column id; found: {found}")
    students = [unicodedata.normalize("NFC", (row["id"] or "").strip()) for row in rows]
    often = Counter(map(same_name, students))
    for student in students:
        if not is_student(student) or often[same_name(student)] > 1:
            give = f"id {student!r} is empty, stands twice (capitals make no difference), or is no name of a folder"
            raise wrong("roster", str(path), give)
    return students


def same_name(name: str) -> str:
    """Return an id as it is compared: capitals, blanks around it and ways to write an accent make no difference.

    Example:
        >>> same_name(" Zoe\u0308 ") == same_name("ZOË")
        True
    """
    return unicodedata.normalize("NFC", name.strip()).casefold()


def is_student(name: str) -> bool:
    """Return whether a folder of that name can be a student's: it is printable, and no system's own.

    Example:
        >>> [is_student(name) for name in ("ada", "..", ".ipynb_checkpoints", "__MACOSX", "a/b", "")]
        [True, False, False, False, False, False]
    """
    fits = bool(name) and name.isprintable() and "/" not in name and len(name.encode("utf-8", "replace")) <= _LONGEST
    return fits and name == name.strip() and not name.startswith(".") and name != "__MACOSX"


def write_tickets(key: bytes, students: Iterable[str], folder: str | Path) -> list[Path]:
    """Write one file of tickets a student, `FOLDER/STUDENT/marginlib_tickets.json`, for the student's own folder."""
    paths = []
    for student in students:
        tickets = {each: ticket(each, student, key) for each in SETS}
        paths.append(Path(folder) / student / TICKETS)
        write_whole(paths[-1], json.dumps({"student": student, "tickets": tickets}, indent=1))
    return paths
