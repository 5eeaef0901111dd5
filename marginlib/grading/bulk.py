"""A class's files in one archive: what an LMS hands over in bulk, and what it takes back under the same names.

    Canvas   NAME[_LATE]_USER_ATTACHMENT_FILE                  USER is the column ID of its gradebook
    Moodle   NAME_NUMBER_assignsubmission_file_[/]FILE         NUMBER stands in the grading worksheet's first column
    folder   STUDENT/.../FILE                                  as an exchange or a teacher's own script leaves it

Nothing is unpacked by the names in an archive: each notebook is read and written where a submission stands.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from marginlib.errors import MarginError, wrong
from marginlib.files import write_whole
from marginlib.grading.jobs import submission
from marginlib.grading.keys import is_student, same_name
from marginlib.grading.sheet import LARGEST
from marginlib.practice.tasks.numbering import ticket

_MOODLE = re.compile(r"(?P<prefix>[^/]*_(?P<number>\d+)_assign(?:submission|feedback)_[a-z]+_?)(?P<rest>.*)", re.DOTALL)
_CANVAS = re.compile(r"(?P<prefix>[^/_]+(?:_LATE)?_(?P<number>\d+)_\d+_)(?P<rest>[^/]+)")
_MOST_FILES = 100_000
_SELF_STUDY = 'learner="self-study"'
_HOW_SURE = '# Never scored: say in an answer cell how sure you are, sure = "certain", "fairly sure" or "guess".'


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file of a download."""

    path: str  # where it stands
    prefix: str  # the part of the path that says whose it is
    rest: str  # what is left of the path
    number: str  # how the LMS calls the student; in a folder, its name
    when: tuple[int, ...]  # when it was written there
    size: int  # how large it is [byte]
    read: Callable[[], bytes]


@dataclass(kw_only=True, slots=True)
class Collected:
    """What became of a download."""

    fresh: list[str] = field(default_factory=list)  # students whose notebook is new, or another one than before
    same: list[str] = field(default_factory=list)  # students whose notebook was there already
    told: list[str] = field(default_factory=list)  # what a person should look at

    def __str__(self) -> str:
        """Return it in words."""
        return "\n".join([f"{len(self.fresh)} new, {len(self.same)} as before", *self.told])


def entries(download: str | Path) -> list[Entry]:
    """Return the files of a bulk download: an archive, or a folder.

    Raises:
        MarginError: there is no such file, or it is no archive.
    """
    source = Path(download)
    if source.is_dir():
        there = [each for each in sorted(source.rglob("*")) if each.is_file() and not each.is_symlink()]
        return [
            _entry(path, (int(each.stat().st_mtime),), each.stat().st_size, each.read_bytes)
            for each in there
            if _ours(path := each.relative_to(source).as_posix())
        ]
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise wrong("download", str(download), "give the archive of all submissions (.zip), or a folder") from error
    infos = [each for each in archive.infolist() if not each.is_dir() and _ours(each.filename)]
    if len(infos) > _MOST_FILES:
        raise wrong("download", str(download), f"it holds {len(infos):,} files; a class hands in fewer")
    return [_entry(each.filename, each.date_time, each.file_size, partial(_content, archive, each)) for each in infos]


def _ours(path: str) -> bool:
    """Return whether a file is a person's and not a system's."""
    return not any(part.startswith((".", "~")) or part == "__MACOSX" for part in PurePosixPath(path).parts)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return one file of an archive, and no more of it than a notebook may have."""
    with archive.open(info) as file:
        return file.read(LARGEST + 1)


def _entry(path: str, when: tuple[int, ...], size: int, read: Callable[[], bytes]) -> Entry:
    """Return a file with the part of its path that says whose it is."""
    found = _MOODLE.match(path) or _CANVAS.match(PurePosixPath(path).name)
    prefix, _, rest = path.partition("/")
    number = prefix
    if found:
        prefix, rest, number = found["prefix"], found["rest"].lstrip("/"), found["number"]
    return Entry(path=path, prefix=prefix, rest=rest, number=number, when=when, size=size, read=read)


def people(file: str | Path | None, student: str | None = None) -> dict[str, str]:
    """Return how the LMS calls each student, from a file that it exports: its number -> the course's id.

    It is Canvas's gradebook, whose column ID has the numbers, or Moodle's grading worksheet, whose first column ends in
    them. `student` is the column with the course's ids; left out, Canvas's SIS Login ID or Moodle's Email address.
    Without a file nobody is known so.
    """
    if file is None:
        return {}
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong("people", str(file), "give the file that the LMS exports, in UTF-8") from error
    head = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    canvas = "SIS Login ID" in (table.fieldnames or ())
    student, rows = student or ("SIS Login ID" if canvas else "Email address"), list(table)
    if not rows or student not in rows[0]:
        found = ", ".join(str(name) for name in rows[0]) if rows else "nothing"
        raise wrong("student", student, f"{file} has no such column; there are {found}")
    number = "ID" if canvas and "ID" in rows[0] else next(iter(rows[0]))
    named = [((row[number] or "").strip().rpartition(" ")[2], (row[student] or "").strip()) for row in rows]
    return {each: name for each, name in named if each and name}


def _owners(found: Sequence[Entry], known: Mapping[str, str], roster: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    """Yield each file with the student whose it is, as the roster writes the name; "" where nobody knows."""
    ours = {same_name(name): name for name in roster}
    for each in found:
        name = known.get(each.number, each.number)
        yield ours.get(same_name(name), "" if roster or not is_student(name) else name), each


def collect(
    root: str | Path, set_id: str, download: str | Path, *, roster: Sequence[str], known: Mapping[str, str]
) -> Collected:
    """Put the notebooks of a download where submissions stand, and return what became of them.

    What is there already stays untouched. Of several notebooks of a student the latest counts; one in an archive of the
    student's own is taken out of it. `known` is from `people`; with no roster everybody in the download takes part.
    """
    done = Collected()
    by_student: dict[str, list[Entry]] = {}
    strangers = set()
    for student, each in _owners(entries(download), known, roster):
        if student:
            by_student.setdefault(student, []).append(each)
        else:
            strangers.add(each.number)
    for student, files in sorted(by_student.items()):
        content, word = _chosen(files, set_id)
        if word:
            done.told.append(f"{student}: {word}")
        if content is None:
            continue
        target = submission(root, set_id, student)
        before = target.read_bytes() if target.is_file() and not target.is_symlink() else None
        (done.same if before == content else done.fresh).append(student)
        if before != content:
            write_whole(target, content)
    if strangers:
        give = "give --people FILE, the file of the LMS that says who they are, or add them to the roster"
        done.told.append(f"{len(strangers)} unknown: {', '.join(sorted(strangers)[:20])}; {give}")
    return done


def _chosen(files: Sequence[Entry], set_id: str) -> tuple[bytes | None, str]:
    """Return the notebook that counts, if there is one, and what a person should know of it."""
    called = re.compile(rf"{re.escape(set_id)}[-_ ]?(?:\((\d+)\)|(\d+))?\.ipynb", re.IGNORECASE)
    found = [each for file in files for each in _inside(file)]
    fits = [each for each in found if called.fullmatch(PurePosixPath(each.rest).name)]
    notebooks = fits or [each for each in found if each.rest.lower().endswith(".ipynb")]
    if not notebooks:
        names = ", ".join(repr(PurePosixPath(each.rest).name) for each in files[:3])
        return None, f"handed in {names}, and no notebook"
    # Of those written at the same time, the one with the highest number that a browser or an LMS has added.
    number = {id(each): int(re.sub(r"\D", "", PurePosixPath(each.rest).stem)[-9:] or 0) for each in notebooks}
    latest = max(notebooks, key=lambda each: (each.when, number[id(each)]))
    name = PurePosixPath(latest.rest).name
    word = "" if fits else f"took {name!r}, the name of another file: look whether that is it"
    if len(notebooks) > 1:
        word = f"handed in {len(notebooks)} notebooks; took {latest.path!r}, the latest"
    try:
        return latest.read(), word
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:  # encrypted, cut off, too new
        return None, f"{latest.path!r} cannot be read: {type(error).__name__}"


def _inside(file: Entry) -> Iterator[Entry]:
    """Yield a file, or the notebooks in an archive that a student handed in."""
    if not file.rest.lower().endswith(".zip") or file.size > LARGEST:
        yield file
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))
        infos = [each for each in archive.infolist()[:1_000] if _ours(each.filename)]
    except Exception:  # noqa: BLE001 - zipfile raises of many kinds on what is none
        return
    for info in infos:
        if info.filename.lower().endswith(".ipynb") and info.file_size <= LARGEST:
            path, read = f"{file.path}/{info.filename}", partial(_content, archive, info)
            yield replace(file, path=path, prefix="", rest=info.filename, number="", size=info.file_size, read=read)


# --- what goes back -------------------------------------------------------------------------------------------------


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return an archive; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def named_back(
    download: str | Path, roster: Sequence[str], known: Mapping[str, str], suffix: str
) -> dict[str, tuple[str, ...]]:
    """Return the names under which an LMS takes a file back: student -> names, one for each time they handed in.

    Canvas goes by user and attachment, Moodle by the number in the folder's name; the rest is free.
    """
    found: dict[str, dict[str, None]] = {}
    for student, each in _owners(entries(download), known, roster):
        if student:
            folder = each.path.removeprefix(each.prefix).startswith("/")
            stem = PurePosixPath(each.rest).stem if _CANVAS.match(PurePosixPath(each.path).name) else ""
            name = f"{each.prefix}/feedback{suffix}" if folder else f"{each.prefix}{stem or 'feedback'}{suffix}"
            found.setdefault(student, {})[name] = None
    return {student: tuple(names) for student, names in found.items()}


def personal(release: str | Path, set_id: str, student: str, key: bytes) -> bytes:
    """Return a released notebook with a student's ticket in its first cell, so that it needs no other file.

    Raises:
        MarginError: the first cell is not the one that is released.
    """
    notebook = json.loads(Path(release).read_bytes())
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell.get("id") == "start" and _SELF_STUDY in source:
            mine = source.replace(_SELF_STUDY, f'ticket="{ticket(set_id, student, key)}"')
            cell["source"] = f"{mine}\n{_HOW_SURE}".splitlines(keepends=True)
            return f"{json.dumps(notebook, ensure_ascii=False, indent=1)}\n".encode()
    raise MarginError(f"{release}: its first cell has no {_SELF_STUDY}; release the set again")
