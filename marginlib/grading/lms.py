"""Grades into the file that Canvas or Moodle itself has exported, so that it can be imported there again.

Only the cells of one column change; every other byte stays. What is not graded stays empty and is told, for an empty
cell changes nothing in the LMS and a 0 would.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from marginlib.errors import MarginError, wrong

__all__ = ["Filled", "fill_canvas", "fill_moodle", "read_file", "scores"]

Rows = list[list[str]]

_CANVAS = ("Student", "ID", "SIS Login ID", "Section")
_CANVAS_POINTS = "Points Possible"
_MOODLE = (
    ("Identifier", "Full name", "Grade", "Maximum Grade"),  # an assignment's offline grading worksheet
    ("Email address",),  # the gradebook's export
)
_MOODLE_MAXIMUM = "Maximum Grade"
_EMPTY = ("", "-")  # what stands where there is no grade


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """What became of the grades.

    Args:
        content: the file to import, as bytes.
        written: students whose grade is in it.
        ungraded: students in the file who have no grade yet: their cells are as they were.
        not_there: students with a grade who are not in the file.
        strangers: rows of the file whose students the course does not know, as the file names them.

    Example:
        >>> Filled(content=b"", written=("ada",)).ungraded
        ()
    """

    content: bytes
    written: tuple[str, ...] = ()
    ungraded: tuple[str, ...] = ()
    not_there: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in words."""
        lines = [f"{len(self.written)} grades written"]
        for names, words in (
            (self.ungraded, "not graded yet, left empty"),
            (self.not_there, "graded, but not in the file"),
            (self.strangers, "in the file, but not in the course"),
        ):
            if names:
                lines.append(f"{len(names)} {words}: {', '.join(names)}")
        return "\n".join(lines)


def scores(gradebook: str | Path, set_id: str) -> dict[str, float | None]:
    """Return each student's score in one assignment, from nbgrader's gradebook.

    Args:
        gradebook: the file, `gradebook.db` in the course's folder.
        set_id: the assignment.

    Returns:
        Student -> points; None while any part waits for a person, or where nothing was handed in.

    Raises:
        MarginError: there is no gradebook, or no such assignment in it.

    Example:
        >>> scores("no/such/gradebook.db", "sizing")
        Traceback (most recent call last):
        marginlib.errors.MarginError: gradebook = 'no/such/gradebook.db': no such file
    """
    if not Path(gradebook).is_file():
        raise wrong("gradebook", str(gradebook), "no such file")
    from nbgrader.api import Gradebook, MissingEntry  # noqa: PLC0415 - seconds, and only this function needs it

    with Gradebook(f"sqlite:///{Path(gradebook).absolute()}") as book:
        try:
            submissions = book.find_assignment(set_id).submissions
        except MissingEntry as error:
            raise wrong("set", set_id, "the gradebook has no such assignment") from error
        found: dict[str, float | None] = {student.id: None for student in book.students}
        for each in submissions:
            found[each.student.id] = None if each.needs_manual_grade else each.score - each.late_submission_penalty
        return found


def fill_canvas(
    content: bytes, grades: Mapping[str, float | None], assignment: str, *, points: float, replace: bool = False
) -> Filled:
    r"""Return a gradebook that Canvas has exported, with the grades of one assignment in it.

    Args:
        content: the exported CSV file.
        grades: student -> points; students are known by Canvas's SIS Login ID.
        assignment: the column's name, with or without the number in brackets that Canvas adds.
        points: the most that can be reached here; Canvas's own "Points Possible" may be another, and grades are scaled.
        replace: whether a different grade that stands there already may be overwritten.

    Raises:
        MarginError: the file is not what Canvas writes, has no such column, two rows of a student, or another grade.

    Example:
        >>> file = b"Student,ID,SIS Login ID,Section,Sizing (7)\r\n    Points Possible,,,,18\r\nAda,1,ada,A,\r\n"
        >>> fill_canvas(file, {"ada": 15}, "Sizing", points=18).content.splitlines()[-1]
        b'Ada,1,ada,A,15.00'
    """
    sheet = _Sheet(content)
    sheet.needs(_CANVAS, "Canvas")
    column = sheet.column(
        lambda name: name == assignment or (name.startswith(f"{assignment} (") and name.endswith(")")), assignment
    )
    most = points
    first = 1
    for row in sheet.rows[1:]:
        if row and row[0].strip() == _CANVAS_POINTS:
            most = _decimal_of(row[column], "Points Possible")
        elif row and row[0].strip() and row[sheet.at("SIS Login ID")].strip():
            break
        first += 1
    return _fill(
        sheet, first, "SIS Login ID", column, grades, lambda _: most / points if points else 1.0, replace=replace
    )


def fill_moodle(
    content: bytes,
    grades: Mapping[str, float | None],
    assignment: str = "Grade",
    *,
    points: float,
    student: str = "Email address",
    replace: bool = False,
) -> Filled:
    r"""Return a file that Moodle has exported, with the grades of one assignment in it.

    Args:
        content: an assignment's offline grading worksheet, or the gradebook's export as CSV.
        grades: student -> points.
        assignment: the column; "Grade" is that of the worksheet.
        points: the most that can be reached here; where the worksheet's "Maximum Grade" is another, grades are scaled.
        student: the column that holds the ids of the course.
        replace: whether a different grade that stands there already may be overwritten.

    Raises:
        MarginError: the file is not what Moodle writes, has no such column, two rows of a student, or another grade.

    Example:
        >>> file = b"Identifier,Full name,Email address,Grade,Maximum Grade\nParticipant 1,Ada,ada@x.org,,36.00\n"
        >>> fill_moodle(file, {"ada@x.org": 15}, points=18).content.splitlines()[-1]
        b'Participant 1,Ada,ada@x.org,30.00,36.00'
    """
    sheet = _Sheet(content)
    if not any(set(names) <= set(sheet.head) for names in _MOODLE):
        sheet.needs(_MOODLE[0], "Moodle")
    sheet.needs((student,), "Moodle")
    column = sheet.column(lambda name: name in {assignment, f"Assignment: {assignment} (Real)"}, assignment)
    maximum = sheet.head.index(_MOODLE_MAXIMUM) if _MOODLE_MAXIMUM in sheet.head else None

    def scale(row: Sequence[str]) -> float:
        return _decimal_of(row[maximum], _MOODLE_MAXIMUM) / points if maximum is not None and points else 1.0

    return _fill(sheet, 1, student, column, grades, scale, replace=replace)


# --- the file -------------------------------------------------------------------------------------------------------


class _Sheet:
    """A CSV file as its rows, and how it was written: signature, separator, line ends."""

    def __init__(self, content: bytes) -> None:
        self.signed = content.startswith(b"\xef\xbb\xbf")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise MarginError(
                f"file: not UTF-8 at byte {error.start}; export it again as CSV, or save it as UTF-8"
            ) from error
        self.lines = _records(text)
        head = self.lines[0] if self.lines else ""
        self.separator = max(",;\t", key=head.count)
        self.rows: Rows = [next(csv.reader([line], delimiter=self.separator), []) for line in self.lines]
        self.head = [name.strip() for name in self.rows[0]] if self.rows else []

    def needs(self, names: Sequence[str], who: str) -> None:
        """Refuse a file without these columns."""
        missing = [name for name in names if name not in self.head]
        if missing:
            found = ", ".join(self.head[:8]) or "nothing"
            raise MarginError(f"file: no column {missing[0]!r}, which every file of {who} has; its columns: {found}")

    def at(self, name: str) -> int:
        """Return the place of a column."""
        return self.head.index(name)

    def column(self, fits: Callable[[str], bool], wanted: str) -> int:
        """Return the place of the one column that fits."""
        found = [k for k, name in enumerate(self.head) if fits(name)]
        if len(found) != 1:
            which = "no column" if not found else f"{len(found)} columns"
            raise wrong("assignment", wanted, f"{which} of that name; there are {', '.join(self.head)}")
        return found[0]

    def write(self, row: int, column: int, text: str) -> None:
        """Change one cell of a row, and nothing else of it."""
        places = _cells(self.lines[row], self.separator)
        start, end = places[column]
        self.lines[row] = self.lines[row][:start] + text + self.lines[row][end:]

    def content(self) -> bytes:
        """Return the file."""
        return (b"\xef\xbb\xbf" if self.signed else b"") + "".join(self.lines).encode()


def _records(text: str) -> list[str]:
    """Return the records of a CSV text with their line ends; a quoted cell may hold line ends of its own."""
    records, held = [], ""
    for line in io.StringIO(text, newline=""):
        held += line
        if held.count('"') % 2 == 0:
            records.append(held)
            held = ""
    return [*records, held] if held else records


def _cells(line: str, separator: str) -> list[tuple[int, int]]:
    """Return where each cell of a record begins and ends."""
    places, start, quoted = [], 0, False
    body = line.rstrip("\r\n")
    for at, letter in enumerate(body):
        if letter == '"':
            quoted = not quoted
        elif letter == separator and not quoted:
            places.append((start, at))
            start = at + 1
    return [*places, (start, len(body))]


# --- the grades -----------------------------------------------------------------------------------------------------


def _fill(
    sheet: _Sheet,
    first: int,
    student: str,
    column: int,
    grades: Mapping[str, float | None],
    scale: Callable[[Sequence[str]], float],
    *,
    replace: bool,
) -> Filled:
    """Write every grade into its row, or refuse the file."""
    known = {_same(name): name for name in grades}
    if len(known) < len(grades):
        raise MarginError("grades: two students have the same id but for capitals")
    rows: dict[str, int] = {}
    strangers = []
    for at, row in list(enumerate(sheet.rows))[first:]:
        if not any(cell.strip() for cell in row):
            continue
        name = known.get(_same(row[sheet.at(student)]))
        if name is None:
            strangers.append(row[sheet.at(student)].strip() or row[0].strip())
        elif name in rows:
            raise MarginError(f"file: {name!r} stands in rows {rows[name] + 1} and {at + 1}; each student has one row")
        else:
            rows[name] = at
    written = []
    for name, at in rows.items():
        grade = grades[name]
        if grade is None:
            continue
        text = _rounded(grade * scale(sheet.rows[at]))
        there = sheet.rows[at][column].strip()
        if there not in _EMPTY and _differs(there, text) and not replace:
            raise MarginError(
                f"file: {name!r} has the grade {there} already, and would get {text}; say `replace` if it may go"
            )
        sheet.write(at, column, text)
        written.append(name)
    return Filled(
        content=sheet.content(),
        written=tuple(written),
        ungraded=tuple(name for name in rows if grades[name] is None),
        not_there=tuple(name for name, grade in grades.items() if name not in rows and grade is not None),
        strangers=tuple(strangers),
    )


def _same(name: str) -> str:
    """Return an id as it is compared: capitals, blanks around it and ways to write an accent make no difference."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _rounded(grade: float) -> str:
    """Return a grade with two digits; halves go up, as a person rounds."""
    return str(Decimal(repr(grade)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _differs(there: str, text: str) -> bool:
    """Return whether what stands there is another grade."""
    try:
        return Decimal(there.replace(",", ".")) != Decimal(text)
    except ArithmeticError:
        return True


def _decimal_of(text: str, column: str) -> float:
    """Return a number in the file, with a point or a comma before its decimals."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise MarginError(f"file: {column} = {text!r}: a number is wanted") from error


def read_file(path: str | Path) -> bytes:
    """Return a file's bytes, or say why there are none.

    Args:
        path: the file.

    Raises:
        MarginError: it cannot be read.

    Example:
        >>> read_file("no/such.csv")
        Traceback (most recent call last):
        marginlib.errors.MarginError: file = 'no/such.csv': No such file or directory
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise wrong("file", str(path), f"{error.strerror}") from error
