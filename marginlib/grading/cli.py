"""The command line of a graded course: `marginlib grade COMMAND`."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marginlib.course.tasks import SETS, tasks
from marginlib.errors import MarginError, wrong
from marginlib.grading.jobs import Setup, make_way, run, stale, submitters
from marginlib.grading.keys import new_key, read_key, read_roster, write_tickets
from marginlib.grading.lms import fill_canvas, fill_moodle, read_results, scores
from marginlib.grading.sandbox import Sandbox


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: the words after `marginlib grade`.

    Returns:
        0 when it is done, 2 when it cannot be done; the reason stands on standard error.

    Example:
        >>> main(["status", "no/such/course", "sizing"])
        2
    """
    chosen = _parser().parse_args(arguments)
    try:
        chosen.command(chosen)
    except MarginError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="marginlib grade", description="A graded course: see exercises/TEACHING.md.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, words: str, *operands: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(command=function, lms=name)
        for operand in operands:
            added.add_argument(operand.lower(), metavar=operand, choices=SETS if operand == "SET" else None)
        return added

    command("check", _check, "say whether this machine can run students' code safely, and how fast")
    command("key", _key, "make the course's key; keep the file, and keep it to yourself", "FILE")
    made = command("tickets", _tickets, "write each student's tickets into a folder", "ROSTER", "FOLDER")
    grades = command("run", _run, "grade what was handed in; what is done already is not done again", "COURSE", "SET")
    for each in (made, grades):
        each.add_argument("--key", metavar="FILE", help="the course's key; left out, $MARGINLIB_COURSE_KEY names it")
    grades.add_argument("--roster", metavar="FILE", help="CSV with a column id: who takes part, present or not")
    grades.add_argument("--processes", type=int, default=1, metavar="N", help="how many at once on this machine")
    grades.add_argument("--shard", default="1/1", metavar="K/N", help="only the K-th of N parts, for a cluster")
    status = command("status", _status, "list every result: status, score, whose answers it may hold", "COURSE", "SET")
    status.add_argument("--csv", action="store_true", help="as CSV")
    command("report", _report, "write what the class got wrong as an HTML page", "COURSE", "SET", "PAGE")
    canvas = command("canvas", _fill, "put grades into a gradebook that Canvas has exported", "COURSE", "SET", "FILE")
    canvas.add_argument("--assignment", required=True, help="the column, as Canvas calls it")
    canvas.add_argument("--student", default="SIS Login ID", help="the column that holds the course's ids")
    moodle = command("moodle", _fill, "put grades into a file that Moodle has exported", "COURSE", "SET", "FILE")
    moodle.add_argument("--assignment", default="Grade", help="the column; left out, that of a grading worksheet")
    moodle.add_argument("--student", default="Email address", help="the column that holds the course's ids")
    for each in (canvas, moodle):
        each.add_argument("--maximum", help="the most that the LMS gives, or Moodle's column that says it")
        each.add_argument("--roster", metavar="FILE", help="who takes part, in the file or not")
        each.add_argument("--out", metavar="FILE", help="where to; left out, FILE with -filled in its name")
        each.add_argument("--replace", action="store_true", help="overwrite other grades that stand there")
    return parser


def _check(_chosen: argparse.Namespace) -> None:
    """Try the sandbox, and measure it."""
    request = {"numbers": {}, "steps": [{"run": "cell", "source": "answer = 1"}]}
    with Sandbox() as sandbox:
        start, count = time.perf_counter(), 20
        for _ in range(count):
            sandbox.run(request)
        each = (time.perf_counter() - start) / count
        walls = "bubblewrap" if sandbox.confined else "no walls of its own: you said that the container is the sandbox"
    print(f"ready ({walls}); an empty notebook takes {1_000 * each:.0f} ms")


def _key(chosen: argparse.Namespace) -> None:
    """Make a key."""
    new_key(chosen.file)
    print(f"{chosen.file}: a new key. Whoever has it can compute every answer; without it nothing can be graded again.")


def _tickets(chosen: argparse.Namespace) -> None:
    """Write tickets."""
    paths = write_tickets(read_key(chosen.key), read_roster(chosen.roster), chosen.folder)
    print(f"{len(paths)} files; each belongs beside the notebooks of its student, or above them")


def _run(chosen: argparse.Namespace) -> None:
    """Grade one set."""
    root = Path(chosen.course).resolve()  # workers of a cluster stand elsewhere
    students = read_roster(chosen.roster) if chosen.roster else ()
    everybody = tuple(sorted({*students, *submitters(root)}))
    setup = Setup(root=root, set=chosen.set, key=read_key(chosen.key), students=everybody)
    k, _, n = chosen.shard.partition("/")
    if not (k.isdecimal() and n.isdecimal()):
        raise wrong("shard", chosen.shard, "give K/N, such as 3/16")
    done = list(run(setup, shard=(int(k), int(n)), processes=chosen.processes))
    again = make_way(root, chosen.set)
    graded = sum(result.status == "graded" for result in done)
    print(f"{len(done)} results in {setup.folder}: {graded} graded, {len(done) - graded} not; `status` says why")
    if again:
        print(f"{len(again)} handed in again: {', '.join(again)}; `nbgrader autograde` takes the new ones")


def _status(chosen: argparse.Namespace) -> None:
    """List the results of one set; a score that is not there is empty, and no 0."""
    rows: list[tuple[str, ...]] = [("student", "status", "score", "of", "to read", "answers of", "reason")]
    for result in read_results(chosen.course, chosen.set):
        known = [task.score for task in result.tasks if task.score is not None]
        score, most = f"{sum(known):g}" if known else "", f"{sum(task.points for task in result.tasks):g}"
        to_read = str(sum(task.state == "words" for task in result.tasks))
        others = ", ".join(match.student for match in result.matches)
        rows.append((result.student, result.status, score, most, to_read, others, result.reason))
    if chosen.csv:
        csv.writer(sys.stdout).writerows([map(_harmless, row) for row in rows])
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _report(chosen: argparse.Namespace) -> None:
    """Write the item analysis of one set."""
    from marginlib.grading.items import analyse  # noqa: PLC0415 - pandas takes half a second, which no other command needs
    from marginlib.grading.report import page  # noqa: PLC0415

    found = analyse(read_results(chosen.course, chosen.set))
    Path(chosen.page).write_text(page(found), encoding="utf-8")
    print(f"{chosen.page}: {len(found.totals)} submissions, {len(found.tasks)} tasks")


def _fill(chosen: argparse.Namespace) -> None:
    """Write the file that Canvas or Moodle imports, and say what became of whom."""
    source = Path(chosen.file)
    if differ := stale(chosen.course, chosen.set):
        give = "`marginlib grade all` puts the newest results into the gradebook first"
        raise wrong("gradebook", ", ".join(differ), f"these have another result than the gradebook holds; {give}")
    everybody = read_roster(chosen.roster) if chosen.roster else ()
    grades = dict.fromkeys(everybody) | scores(Path(chosen.course) / "gradebook.db", chosen.set)
    try:
        content = source.read_bytes()
    except OSError as error:
        raise wrong("file", chosen.file, f"{error.strerror}") from error
    most = sum(task.points for task in tasks(chosen.set))
    maximum: Any = chosen.maximum
    with suppress(ValueError, TypeError):
        maximum = float(chosen.maximum)
    fill = fill_canvas if chosen.lms == "canvas" else fill_moodle
    how = {"student": chosen.student, "maximum": maximum, "replace": chosen.replace}
    filled = fill(content, grades, chosen.assignment, points=most, **how)
    target = Path(chosen.out) if chosen.out else source.with_stem(f"{source.stem}-filled")
    target.write_bytes(filled.content)
    print(f"{target}: {filled}")
