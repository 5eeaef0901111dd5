"""What a learner answered, kept in one file on this machine: read it, add to it, export it. Nothing is sent anywhere.

The file is `$MARGINLIB_PROGRESS`, or else `progress.json` in the folder that the system keeps for the data of programs
(`platformdirs`), unless `~/.marginlib/progress.json` is there from before; in a browser it is `marginlib-progress.json`
at the top of the course's files. It is JSON, in UTF-8, version 1 of the format:

    {"format": "marginlib-progress", "version": 1, "learner": "9b1e...", "attempts": [
      {"id": "0f8c...",                  unique: the same attempt is never kept twice
       "time": "2026-11-03T18:05:00+01:00",  local time of the answer; the order is that of the list, not of the clock
       "item": "02-added-margin-short",  question or exercise
       "kind": "prediction",             or "question", "exercise"
       "answer": 54217.0,                any JSON
       "right": false,                   null where nobody judged it
       "codes": ["LIQUIDATION_IS_BANKRUPTCY"],  beliefs that the answer fits
       "confidence": "certain",          or "fairly sure", "guess", null
       "seed": null}                     what the numbers of an exercise were drawn from, a text
    ]}

"learner" stands for whoever keeps the file, so that what is drawn for a learner, such as the order of options, stays:
letters drawn once, no name. Whoever reads the file ignores fields and entries that it does not know, and keeps them
when it writes. A list of attempts alone counts as version 0. A file of a later version is read as far as it is
understood and never written: new attempts then go to `progress.version-1.json` beside it, and every reader adds up all
such files, each attempt once.

A write is whole or not at all: a temporary file in the same folder, flushed to the disk, takes the file's place. A lock
makes two notebooks take turns. What is no progress file is copied to `progress.damaged-1.json` before a new one begins.
Where nothing can be written, attempts stay in memory until the kernel stops, and go to the file if it becomes writable.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Container, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from glob import escape
from itertools import count
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from platformdirs import user_data_path

from marginlib.errors import MarginError, name_text, unknown, wrong
from marginlib.files import write_whole

CONFIDENCES = ("guess", "fairly sure", "certain")

_FORMAT, _VERSION = "marginlib-progress", 1
_UNWRITTEN = "They are kept until this kernel stops. The variable MARGINLIB_PROGRESS can name another file."
_KINDS = ("prediction", "question", "exercise")
_SECONDS = 10.0  # to wait for another notebook's write, which takes milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One answer of a person.

    Raises:
        MarginError: where a field holds what the file's format does not.
    """

    item: str  # id of the question or exercise
    kind: str  # "prediction", "question" or "exercise"
    answer: Any  # anything that JSON can hold
    right: bool | None = None  # None where nobody judged it
    codes: tuple[str, ...] = ()  # of the beliefs that the answer fits
    confidence: str | None = None  # "guess", "fairly sure" or "certain"; None where it was not asked
    seed: str | None = None  # what the numbers of an exercise were drawn from; None where all have the same
    time: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds"))  # ISO 8601
    id: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        name_text("item", self.item)
        name_text("id", self.id)
        _one_of("kind", self.kind, _KINDS)
        _one_of("right", self.right, (True, False, None))
        _one_of("confidence", self.confidence, (*CONFIDENCES, None))
        if self.seed is not None:
            name_text("seed", self.seed)
        object.__setattr__(self, "codes", tuple(name_text("codes", code) for code in self.codes))
        object.__setattr__(self, "answer", _plain(self.answer))
        try:
            datetime.fromisoformat(self.time)
        except (TypeError, ValueError):
            give = 'give date and time in ISO 8601, such as "2026-11-03T18:05:00+01:00"'
            raise wrong("time", self.time, give) from None

    @property
    def day(self) -> str:
        """The date of the answer where it was given, such as "2026-11-03"."""
        return datetime.fromisoformat(self.time).date().isoformat()


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Refuse a value that is none of those allowed; 1 is not True here."""
    if not any(value is each or (isinstance(value, str) and value == each) for each in allowed):
        raise unknown(name, value, map(repr, allowed), kind=MarginError)


def _plain(answer: object) -> Any:  # noqa: ANN401 - JSON is any of six types
    """Return an answer as JSON gives it back, or refuse it."""
    try:
        return json.loads(json.dumps(answer, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        give = "give numbers, texts, truth values, lists and dictionaries of these"
        raise MarginError(f"answer = {answer!r:.60}: {give}") from None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a person was right when this sure."""

    confidence: str  # what was said, such as "certain"
    said: int  # number of answers given with it
    right: int  # number of these that were right


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a person stands with an objective."""

    state: str  # "not yet"; "practised", where an answer was wrong the last time; "right", where none was
    items: int  # questions and exercises of the objective
    tried: int  # of these, answered
    repeat: tuple[str, ...]  # those answered wrong the last time


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a person answered so far, oldest first."""

    attempts: tuple[Attempt, ...] = ()  # in the order in which they were kept
    notes: tuple[str, ...] = ()  # what the person should be told about the file, such as that it could not be read
    learner: str = field(default="", compare=False)  # stands for the person, the same as long as the file lives

    @property
    def counted(self) -> tuple[Attempt, ...]:
        """The answers that count: of a question the first of each day, of an exercise all.

        What follows on the same day was given with the feedback in sight.
        """
        first: dict[tuple[str, ...], Attempt] = {}
        for each in self.attempts:
            first.setdefault((each.id,) if each.kind == "exercise" else (each.item, each.kind, each.day), each)
        return tuple(first.values())

    def last(self, item: str, kind: str | None = None) -> Attempt | None:
        """Return the newest answer to one question or exercise, or `None`."""
        found = (each for each in reversed(self.attempts) if each.item == item and kind in {None, each.kind})
        return next(found, None)

    def calibration(self, items: Container[str]) -> tuple[Calibration, ...]:
        """Return, from "guess" to "certain", how often answers to these items were right."""
        judged = [each for each in self.counted if each.right is not None and each.item in items]
        by_word = {word: [each.right for each in judged if each.confidence == word] for word in CONFIDENCES}
        return tuple(Calibration(word, len(rights), rights.count(True)) for word, rights in by_word.items())

    def by_objective(self, items: Mapping[str, Iterable[str]]) -> dict[str, Standing]:
        """Return the standing of each objective, given the ids of its questions and exercises.

        Predictions do not count: they come before the explanation.
        """
        newest = {each.item: each for each in self.counted if each.kind != "prediction" and each.right is not None}
        found = {}
        for objective, ids in items.items():
            tried = [newest[item] for item in ids if item in newest]
            repeat = tuple(each.item for each in tried if not each.right)
            state = "not yet" if not tried else "practised" if repeat else "right"
            found[objective] = Standing(state=state, items=len(tuple(ids)), tried=len(tried), repeat=repeat)
        return found


# --- reading --------------------------------------------------------------------------------------------------------

_Row = dict[str, Any]
# Attempts that could not be written yet, by file.
_waiting: dict[Path, list[_Row]] = {}
_told: set[tuple[Path, str]] = set()
_DRIVE = Path("/drive")  # where a browser shows the course's files to Python
_NEW_LEARNER = uuid4().hex  # until a file says who it is


class _DamagedError(ValueError):
    """A file that holds no progress."""


def _place(path: str | os.PathLike[str] | None) -> Path:
    """Return the progress file; a link is followed, so that it stays a link."""
    given = path or os.environ.get("MARGINLIB_PROGRESS")
    with suppress(RuntimeError, OSError):  # a system without home folders, or one that shows nobody's
        if given:
            return Path(given).expanduser().resolve()
        if sys.platform != "emscripten":  # a browser forgets all folders but the course's
            old = Path("~/.marginlib/progress.json").expanduser()  # where it was at first, and stays if it is there
            new = user_data_path("marginlib", appauthor=False) / "progress.json"
            return (old if old.exists() and not new.exists() else new).resolve()
    return (_DRIVE if _DRIVE.is_dir() else Path()).joinpath("marginlib-progress.json").resolve()


def beside(name: str) -> Path:
    """Return where a file of this name is kept beside the progress.

    Args:
        name: of the file.
    """
    return _place(None).with_name(name)


def load(path: str | os.PathLike[str] | None = None) -> Progress:
    """Return the progress kept in a file, the learner's own if left out; reading never writes."""
    place, notes = _place(path), []
    rows: list[Any] = []
    learner = ""
    others: list[Path] = []  # files that another version could not put into this one
    with suppress(OSError):
        found = place.parent.glob(f"{escape(place.stem)}.version-*{place.suffix}")
        others = sorted(each for each in found if each.stem.rpartition("-")[2].isdecimal())
    for source in (place, *others):
        try:
            document = _read(source)
        except OSError as error:
            notes.append(f"Your progress in {source} could not be read: {error.strerror or error}.")
        except _DamagedError as error:
            notes.append(f"{source} holds no progress that can be read: {error}. Your next answer begins a new file.")
        else:
            rows += document["attempts"]
            learner = learner or _learner(document)
            if document["version"] > _VERSION:
                notes.append(f"{source} was written by a later version; what this one knows of it was read.")
    rows = _union(rows, _waiting.get(place, ()))
    attempts = list(map(_attempt, rows))
    if None in attempts:
        notes.append(f"{attempts.count(None)} entries of your progress are of no known kind; they are kept.")
    known = tuple(each for each in attempts if each is not None)
    return Progress(attempts=known, notes=tuple(notes), learner=learner or _NEW_LEARNER)


def _learner(document: _Row) -> str:
    """Return whose file it is; one that was begun before files said so is known by its first answer."""
    first = next((str(row["id"]) for row in document["attempts"] if isinstance(row, dict) and "id" in row), "")
    return str(document.get("learner") or first)


def _read(place: Path) -> _Row:
    """Return a file's document in this version's shape, everything unknown kept; an empty one if there is no file."""
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return {"format": _FORMAT, "version": _VERSION, "attempts": []}
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _DamagedError("it is not JSON") from None
    return _current(document)


def _current(document: Any) -> _Row:  # noqa: ANN401 - JSON is any of six types
    """Return a document of any version in this version's shape, or refuse what holds no progress."""
    if isinstance(document, list):
        document = {"format": _FORMAT, "version": 0, "attempts": document}
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise _DamagedError(f'it does not say "format": "{_FORMAT}"')
    version, rows = document.get("version"), document.get("attempts")
    if type(version) is not int or version < 0:
        raise _DamagedError("its version is no whole number")
    if version > _VERSION:  # its shape may be another; what looks like attempts is read
        return {"version": version, "attempts": rows if isinstance(rows, list) else []}
    if not isinstance(rows, list):
        raise _DamagedError('its "attempts" are no list')
    if version == 0:  # an attempt without an id gets one, the same whenever the list is read
        for number, row in enumerate(rows):
            if isinstance(row, dict):
                row.setdefault("id", uuid5(NAMESPACE_URL, f"{number} {row}").hex)
    return document | {"version": _VERSION}


_FIELDS = tuple(each.name for each in fields(Attempt))


def _attempt(row: object) -> Attempt | None:
    """Return an entry as an attempt, or `None` if this version cannot read it."""
    if not isinstance(row, dict) or "id" not in row or "time" not in row:
        return None
    try:
        return Attempt(**{name: row[name] for name in _FIELDS if name in row})
    except (MarginError, TypeError):
        return None


def _union(rows: Iterable[Any], more: Iterable[Any]) -> list[Any]:
    """Return all entries in their order, those with the same id once."""
    kept, seen = [], set()
    for row in (*rows, *more):
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str) or name not in seen:
            kept.append(row)
        if isinstance(name, str):
            seen.add(name)
    return kept


# --- writing --------------------------------------------------------------------------------------------------------


def record(attempt: Attempt, path: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """Keep an answer in the file, and return what the person should be told: nothing, if all went well."""
    place = _place(path)
    waiting = _waiting.setdefault(place, [])
    waiting.append(asdict(attempt))
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # answers are nobody else's business
        with _alone(place):
            notes = _add(place, rows := list(waiting))
    except (OSError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        notes = [f"Your answers cannot be written to {place} ({reason}). {_UNWRITTEN}"]
    else:
        for row in rows:
            waiting.remove(row)
    new = [note for note in notes if (place, note) not in _told]
    _told.update((place, note) for note in new)
    return tuple(new)


def _add(place: Path, rows: Iterable[_Row]) -> list[str]:
    """Put entries into the file, or beside it where the file belongs to a later version; return notes."""
    # Under the lock nobody else is writing: what is left over is from a write that was cut off.
    for leftover in place.parent.glob(f".{escape(place.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)
    notes = []
    try:
        document = _read(place)
    except _DamagedError as error:
        names = (place.with_name(f"{place.stem}.damaged-{number}{place.suffix}") for number in count(1))
        copy = next(name for name in names if not name.exists())
        write_whole(copy, place.read_bytes())
        notes.append(f"{place} could not be read: {error}. It is kept as {copy.name}, and a new file begins.")
        document = {"format": _FORMAT, "version": _VERSION, "attempts": []}
    if document["version"] > _VERSION:
        beside = place.with_name(f"{place.stem}.version-{_VERSION}{place.suffix}")
        note = f"{place} was written by a later version and stays as it is. New answers are kept in {beside.name}."
        return [note, *_add(beside, rows)]
    learner = _learner(document) or _NEW_LEARNER
    write_whole(place, _text(document | {"learner": learner, "attempts": _union(document["attempts"], rows)}))
    return notes


def _alone(place: Path) -> AbstractContextManager[object]:
    """Return the file's lock, held; nothing where there are none, for a write is whole and follows a read."""
    try:
        # Only who writes needs it.
        from filelock import FileLock  # noqa: PLC0415

        return FileLock(place.with_name(f"{place.name}.lock"), timeout=_SECONDS).acquire()
    except (ImportError, NotImplementedError):  # a browser, where one notebook writes; a file system without locks
        return nullcontext()


def _text(document: _Row) -> str:
    """Return a document as JSON, one attempt a line."""
    rest = {name: value for name, value in document.items() if name != "attempts"}
    rows = ",\n".join(json.dumps(row) for row in document["attempts"])
    return f'{json.dumps(rest)[:-1]}, "attempts": [\n{rows}\n]}}\n'


def export(target: str | os.PathLike[str], path: str | os.PathLike[str] | None = None) -> tuple[Path, Path]:
    """Write a copy of the progress, and a table of it for a spreadsheet beside it; return both files.

    The copy has the format of the progress file, whose place it cannot take; the table (CSV) has a row for each answer.
    """
    copy = Path(target).expanduser().resolve()
    if copy == _place(path):
        raise wrong("target", str(target), "this is the progress file itself; give another name")
    progress = load(path)
    rows = [asdict(each) for each in progress.attempts]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, ("time", "item", "kind", "answer", "right", "codes", "confidence", "seed", "id"))
    writer.writeheader()
    writer.writerows(row | {"answer": json.dumps(row["answer"]), "codes": " ".join(row["codes"])} for row in rows)
    write_whole(copy, _text({"format": _FORMAT, "version": _VERSION, "attempts": rows}))
    write_whole(copy.with_suffix(".csv"), table.getvalue())
    return copy, copy.with_suffix(".csv")
