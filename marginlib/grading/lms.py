"""Grades into the file that Canvas or Moodle itself has exported, so that it can be imported there again.

Only the cells of one column change; every other byte stays. What is not graded stays empty and is told, for an empty
cell changes nothing in the LMS and a 0 would.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from marginlib.errors import MarginError, wrong

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
    """What became of the grades."""

    content: bytes  # the file to import
    written: tuple[str, ...] = ()  # students whose grade is in it
    ungraded: tuple[str, ...] = ()  # students in the file who have no grade yet: their cells are as they were
    not_there: tuple[str, ...] = ()  # students with a grade who are not in the file
    strangers: tuple[str, ...] = ()  # rows whose students the course does not know, as the file names them

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
    """Return each student's score in one assignment, from nbgrader's `gradebook.db` in the course's folder.

    It is None while any part waits for a person, or where nothing was handed in.

    Raises:
        MarginError: there is no gradebook, or no such assignment in it.
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

    Students are known by Canvas's SIS Login ID, and the column by its name, with or without the number in brackets that
    Canvas adds. `points` is the most that can be reached here; Canvas's own "Points Possible" may be another, and
    grades are scaled. A different grade that stands there already is refused, unless it may be replaced.

    Raises:
        MarginError: the file is not what Canvas writes, has no such column, two rows of a student, or another grade.

    Example:
        >>> file = b"Student,ID,SIS Login ID,Section,Sizing (7)\r\n    Points Possible,,,,18\r\nAda,1,ada,A,\r\n"
        >>> fill_canvas(file, {"ada": 15}, "Sizing", points=18).content.splitlines()[-1]
        b'Ada,1,ada,A,15.00'
    """
    sheet = _Sheet(content, _CANVAS, "Canvas")
    column = sheet.column(re.compile(re.escape(assignment) + r"( \(.*\))?"), assignment)
    most, first = points, 1
    for row in sheet.rows[1:]:
        if row and row[0].strip() == _CANVAS_POINTS:
            most = _number(row[column], _CANVAS_POINTS)
        elif row and row[0].strip() and row[sheet.head.index("SIS Login ID")].strip():
            break
        first += 1
    share = most / points if points else 1.0
    return _fill(sheet, first, "SIS Login ID", column, grades, lambda _: share, replace=replace)


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

    It is an assignment's offline grading worksheet, whose column is "Grade", or the gradebook's export as CSV;
    `student` is the column with the ids of the course. Where the worksheet's "Maximum Grade" is not the most that can
    be reached here, grades are scaled. A different grade that stands there already is refused, unless it may be
    replaced.

    Raises:
        MarginError: the file is not what Moodle writes, has no such column, two rows of a student, or another grade.

    Example:
        >>> file = b"Identifier,Full name,Email address,Grade,Maximum Grade\nParticipant 1,Ada,ada@x.org,,36.00\n"
        >>> fill_moodle(file, {"ada@x.org": 15}, points=18).content.splitlines()[-1]
        b'Participant 1,Ada,ada@x.org,30.00,36.00'
    """
    sheet = _Sheet(content, (student,), "Moodle", *_MOODLE)
    name = re.escape(assignment)
    column = sheet.column(re.compile(f"{name}|Assignment: {name} \\(Real\\)"), assignment)
    maximum = sheet.head.index(_MOODLE_MAXIMUM) if _MOODLE_MAXIMUM in sheet.head else None

    def share(row: Sequence[str]) -> float:
        return 1.0 if maximum is None or not points else _number(row[maximum], _MOODLE_MAXIMUM) / points

    return _fill(sheet, 1, student, column, grades, share, replace=replace)


class _Sheet:
    """A CSV file as rows of cells, and each row as it was written, so that what does not change stays byte for byte."""

    def __init__(self, content: bytes, needed: Sequence[str], who: str, *kinds: Sequence[str]) -> None:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            give = "export it again as CSV, or save it as UTF-8"
            raise MarginError(f"file: not UTF-8 at byte {error.start}; {give}") from error
        self.mark, text = text[: text.startswith("\ufeff")], text.removeprefix("\ufeff")
        physical = list(io.StringIO(text, newline=""))
        self.separator = max(",;\t", key=(physical[0] if physical else "").count)
        reader = csv.reader(physical, delimiter=self.separator)
        self.rows, self.lines, begin = list[list[str]](), list[str](), 0
        for row in reader:
            self.rows.append(row)
            self.lines.append("".join(physical[begin : reader.line_num]))
            begin = reader.line_num
        self.head = [name.strip() for name in self.rows[0]] if self.rows else []
        if kinds and not any(set(names) <= set(self.head) for names in kinds):
            needed = kinds[0]
        for name in needed:
            if name not in self.head:
                found = ", ".join(self.head[:8]) or "nothing"
                raise MarginError(f"file: no column {name!r}, which every file of {who} has; its columns: {found}")

    def column(self, fits: re.Pattern[str], wanted: str) -> int:
        """Return the place of the one column that fits."""
        found = [k for k, name in enumerate(self.head) if fits.fullmatch(name)]
        if len(found) != 1:
            which = "no column" if not found else f"{len(found)} columns"
            raise wrong("assignment", wanted, f"{which} of that name; there are {', '.join(self.head)}")
        return found[0]

    def write(self, row: int, column: int, text: str) -> None:
        """Change one cell of a row, and nothing else of it."""
        cell = f'(?:"(?:[^"]|"")*")?[^{self.separator}\r\n]*'
        found = re.match(f"((?:{cell}{self.separator}){{{column}}}){cell}", self.lines[row])
        if found is None:
            raise MarginError(f"file: row {row + 1} has no cell for column {self.head[column]!r}")
        self.lines[row] = found[1] + text + self.lines[row][found.end() :]

    def content(self) -> bytes:
        """Return the file."""
        return (self.mark + "".join(self.lines)).encode()


def _fill(
    sheet: _Sheet,
    first: int,
    student: str,
    column: int,
    grades: Mapping[str, float | None],
    share: Callable[[Sequence[str]], float],
    *,
    replace: bool,
) -> Filled:
    """Write every grade into its row, or refuse the file."""
    known = {_same(name): name for name in grades}
    if len(known) < len(grades):
        raise MarginError("grades: two students have the same id but for capitals")
    ids = sheet.head.index(student)
    rows: dict[str, int] = {}
    strangers = []
    for at, row in list(enumerate(sheet.rows))[first:]:
        if not any(cell.strip() for cell in row):
            continue
        name = known.get(_same(row[ids]))
        if name is None:
            strangers.append(row[ids].strip() or row[0].strip())
        elif name in rows:
            raise MarginError(f"file: {name!r} stands in rows {rows[name] + 1} and {at + 1}; each student has one row")
        else:
            rows[name] = at
    due = {name: grade for name in rows if (grade := grades[name]) is not None}
    for name, grade in due.items():
        at = rows[name]
        points = Decimal(repr(grade * share(sheet.rows[at])))
        text = str(points.quantize(Decimal("0.01"), ROUND_HALF_UP))  # halves go up, as a person rounds
        there = sheet.rows[at][column].strip()
        if there not in _EMPTY and not replace:
            try:
                kept = Decimal(there.replace(",", ".")) == Decimal(text)
            except ArithmeticError:
                kept = False
            if not kept:
                raise MarginError(
                    f"file: {name!r} has the grade {there} already, and would get {text}; say `replace` if it may go"
                )
        sheet.write(at, column, text)
    return Filled(
        content=sheet.content(),
        written=tuple(due),
        ungraded=tuple(name for name in rows if name not in due),
        not_there=tuple(name for name, grade in grades.items() if name not in rows and grade is not None),
        strangers=tuple(strangers),
    )


def _same(name: str) -> str:
    """Return an id as it is compared: capitals, blanks around it and ways to write an accent make no difference."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _number(text: str, column: str) -> float:
    """Return a number in the file, with a point or a comma before its decimals."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise MarginError(f"file: {column} = {text!r}: a number is wanted") from error
