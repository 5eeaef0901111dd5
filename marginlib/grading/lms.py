"""Grades into the file that Canvas or Moodle itself has exported, so that it can be imported there again.

Only the cells of one column change; every other byte stays. What is not graded stays empty and is told, for an empty
cell changes nothing in the LMS and a 0 would.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from pathlib import Path

from marginlib.errors import MarginError, wrong
from marginlib.grading.jobs import results
from marginlib.grading.keys import same_name
from marginlib.grading.verdict import Result, TaskResult

Grades = Mapping[str, float | None]  # student -> points; None where there is no grade yet
Share = Callable[[Sequence[str]], float]  # of a row: what a point here is worth there

_CANVAS_POINTS = "Points Possible"
_MOODLE_MAXIMUM = "Maximum Grade"
_EMPTY = ("", "-")  # what stands where there is no grade
_EXCUSED = "ex"  # Canvas's word for who need not hand in


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """What became of the grades."""

    content: bytes  # the file to import
    written: tuple[str, ...] = ()  # students whose grade is in it
    ungraded: tuple[str, ...] = ()  # students in the file who have no grade yet: their cells are as they were
    not_there: tuple[str, ...] = ()  # students with a grade who are not in the file
    strangers: tuple[str, ...] = ()  # rows whose students the course does not know, as the file names them
    excused: tuple[str, ...] = ()  # students whom the file excuses: their cells are as they were

    def __str__(self) -> str:
        """Return it in words."""
        lines = [f"{len(self.written)} grades written"]
        for names, words in (
            (self.ungraded, "not graded yet, left empty"),
            (self.not_there, "graded, but not in the file"),
            (self.strangers, "in the file, but not in the course"),
            (self.excused, "excused, left so"),
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
            found[each.student.id] = total(each.score, each.late_submission_penalty, waits=each.needs_manual_grade)
        return found


def read_results(root: str | Path, set_id: str) -> list[Result]:
    """Return the results of one set with the scores that a person has given since, as the gradebook holds them."""
    found, book = results(Path(root) / "results" / set_id), Path(root) / "gradebook.db"
    by_hand = _by_hand(book, set_id) if book.is_file() else {}

    def read(result: Result, task: TaskResult) -> TaskResult:
        score = by_hand.get((result.student, task.task))
        return task if score is None else replace(task, score=score, state="read" if task.score is None else task.state)

    return [replace(each, tasks=tuple(read(each, task) for task in each.tasks)) for each in found]


def _by_hand(book: Path, set_id: str) -> dict[tuple[str, str], float]:
    """Return the scores that a person has given and stands by: (student, task) -> points."""
    from nbgrader.api import Gradebook  # noqa: PLC0415 - seconds, as above

    with Gradebook(f"sqlite:///{book.absolute()}") as gradebook:
        return {
            (each.student.id, grade.cell.name.rpartition("-")[0]): grade.manual_score
            for each in gradebook.assignment_submissions(set_id)
            for notebook in each.notebooks
            for grade in notebook.grades
            if grade.manual_score is not None and not grade.needs_manual_grade
        }


def total(score: float, penalty: float | None, *, waits: bool) -> float | None:
    """Return a grade less its penalty, which takes no more than there is; None while a person has to say."""
    return None if waits else max(0.0, score - (penalty or 0.0))


def fill_canvas(
    content: bytes,
    grades: Grades,
    assignment: str,
    *,
    points: float,
    student: str = "SIS Login ID",
    maximum: float | None = None,
    replace: bool = False,
) -> Filled:
    r"""Return a gradebook that Canvas has exported, with the grades of one assignment in it.

    Students are known by Canvas's SIS Login ID, and the column by its name, with or without the number in brackets that
    Canvas adds. `points` is the most that can be reached here; Canvas's own "Points Possible" may be another, and
    grades are scaled. A different grade that stands there already is refused, unless it may be replaced; who is excused
    there stays so.

    Args:
        content: the file.
        grades: student -> points [points]; None where there is no grade yet.
        assignment: the column.
        points: the most that can be reached here [points].
        student: the column that holds the course's ids.
        maximum: the most in the LMS [points]; left out, what the file says.
        replace: whether other grades may go.

    Raises:
        MarginError: the file has no such column, no maximum above 0, two rows of a student, or another grade; or a
            grade is no number from 0 up.

    Example:
        >>> file = b"Student,ID,SIS Login ID,Section,Sizing (7)\r\n    Points Possible,,,,18\r\nAda,1,ada,A,\r\n"
        >>> fill_canvas(file, {"ada": 15}, "Sizing", points=18).content.splitlines()[-1]
        b'Ada,1,ada,A,15.00'
    """
    sheet = _Sheet(content, student, "Canvas")
    column = sheet.column(re.compile(re.escape(assignment) + r"( \(\d+\))?"), assignment)
    first = 1
    for row in sheet.rows[1:]:
        if row[0].strip() == _CANVAS_POINTS:
            maximum = _number(row[column], _CANVAS_POINTS) if maximum is None else maximum
        elif row[0].strip() and row[sheet.ids].strip():
            break
        first += 1
    share = _above_zero(maximum) / _above_zero(points)
    return _fill(sheet, first, column, grades, lambda _: share, replace=replace)


def fill_moodle(
    content: bytes,
    grades: Grades,
    assignment: str = "Grade",
    *,
    points: float,
    student: str = "Email address",
    maximum: float | str | None = None,
    replace: bool = False,
) -> Filled:
    r"""Return a file that Moodle has exported, with the grades of one assignment in it.

    It is an assignment's offline grading worksheet, whose column is "Grade", or the gradebook's export as CSV. In
    another language the columns have other names: give them. Arguments and refusals are those of `fill_canvas`, but
    `maximum` may be the column that says it, too; left out, it is "Maximum Grade".

    Example:
        >>> file = b"Identifier,Full name,Email address,Grade,Maximum Grade\nParticipant 1,Ada,ada@x.org,,36.00\n"
        >>> fill_moodle(file, {"ada@x.org": 15}, points=18).content.splitlines()[-1]
        b'Participant 1,Ada,ada@x.org,30.00,36.00'
    """
    sheet = _Sheet(content, student, "Moodle")
    name = re.escape(assignment)
    column = sheet.column(re.compile(f"{name}|[^:]+: {name} \\([^()]+\\)"), assignment)
    if maximum is None and _MOODLE_MAXIMUM in sheet.head:
        maximum = _MOODLE_MAXIMUM
    at = sheet.column(re.compile(re.escape(maximum)), maximum) if isinstance(maximum, str) else None

    def share(row: Sequence[str]) -> float:
        return _above_zero(maximum if at is None else _number(row[at], sheet.head[at])) / _above_zero(points)

    return _fill(sheet, 1, column, grades, share, replace=replace)


class _Sheet:
    """A CSV file as rows of cells, and each row as it was written, so that what does not change stays byte for byte."""

    def __init__(self, content: bytes, student: str, who: str) -> None:
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
            line = "".join(physical[begin : reader.line_num])
            missing = (len(self.rows[0]) if self.rows else len(row)) - len(row) if row else 0
            if missing > 0:  # a row may end before the last columns
                body = line.rstrip("\r\n")
                line = body + self.separator * missing + line[len(body) :]
            self.rows.append(row + [""] * missing)
            self.lines.append(line)
            begin = reader.line_num
        self.head = [name.strip() for name in self.rows[0]] if self.rows else []
        if self.head.count(student) != 1:
            found = ", ".join(self.head[:8]) or "nothing"
            give = "say with --student which column holds your course's ids"
            raise MarginError(f"file: no column {student!r}, which {who} writes in English; {give}; there are: {found}")
        self.ids = self.head.index(student)
        self.rows = [row or [""] * len(self.head) for row in self.rows]

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


def _fill(sheet: _Sheet, first: int, column: int, grades: Grades, share: Share, *, replace: bool) -> Filled:
    """Write every grade into its row, or refuse the file."""
    for name, grade in grades.items():
        if grade is not None and not (isfinite(grade) and grade >= 0):
            raise wrong("grade", grade, f"{name!r} needs a number from 0 up; look at the gradebook")
    known = {same_name(name): name for name in grades}
    if len(known) < len(grades):
        raise MarginError("grades: two students have the same id but for capitals")
    rows, strangers = _rows(sheet, first, known)
    excused = tuple(name for name, at in rows.items() if sheet.rows[at][column].strip().casefold() == _EXCUSED)
    due = {name: grade for name in rows if name not in excused and (grade := grades[name]) is not None}
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
                both = f"has the grade {there} already, and would get {text}"
                raise MarginError(f"file: {name!r} {both}; say `replace` if it may go")
        sheet.write(at, column, text)
    return Filled(
        content=(sheet.mark + "".join(sheet.lines)).encode(),
        written=tuple(due),
        ungraded=tuple(name for name in rows if name not in due and name not in excused),
        not_there=tuple(name for name, grade in grades.items() if name not in rows and grade is not None),
        strangers=tuple(strangers),
        excused=excused,
    )


def _rows(sheet: _Sheet, first: int, known: Mapping[str, str]) -> tuple[dict[str, int], list[str]]:
    """Return in which row each student of the course stands, and who else is in the file."""
    rows: dict[str, int] = {}
    strangers = []
    for at, row in list(enumerate(sheet.rows))[first:]:
        if not any(cell.strip() for cell in row):
            continue
        name = known.get(same_name(row[sheet.ids]))
        if name is None:
            strangers.append(row[sheet.ids].strip() or row[0].strip())
        elif name in rows:
            raise MarginError(f"file: {name!r} stands in rows {rows[name] + 1} and {at + 1}; each student has one row")
        else:
            rows[name] = at
    return rows, strangers


def _above_zero(maximum: float | str | None) -> float:
    """Return the most that can be reached, which has to be known and above 0: with 0 it would take away all grades."""
    if maximum is None:
        raise MarginError("maximum: the file does not say how many points the LMS gives at most; say it with --maximum")
    if isinstance(maximum, str) or not (isfinite(maximum) and maximum > 0):
        raise wrong("maximum", maximum, "give a number above 0; change it in the LMS, or say it with --maximum")
    return float(maximum)


def _number(text: str, column: str) -> float:
    """Return a number in the file, with a point or a comma before its decimals."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise MarginError(f"file: {column} = {text!r}: a number is wanted") from error
