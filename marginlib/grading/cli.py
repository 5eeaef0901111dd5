"""The command line of a graded course: `marginlib grade COMMAND`."""

from __future__ import annotations

import argparse
import csv
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marginlib.course.tasks import SETS, tasks
from marginlib.errors import MarginError, wrong
from marginlib.files import write_whole
from marginlib.grading.bulk import collect, named_back, packed, people, personal
from marginlib.grading.day import UNREAD, released, whole
from marginlib.grading.jobs import Setup, make_way, run, stale, submitters
from marginlib.grading.keys import new_key, read_key, read_roster, same_name, write_tickets
from marginlib.grading.lms import fill_canvas, fill_moodle, read_results, scores
from marginlib.grading.release import model
from marginlib.grading.sandbox import PACKAGES, Sandbox, needed_packages, packages

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


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
    sys.modules.setdefault(UNREAD, None)  # type: ignore[arg-type]  # as a missing one
    try:
        chosen.command(chosen)
    except (MarginError, OSError) as error:  # such as a folder that is not there
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

    out = command("hand-out", _hand_out, "write each student's own notebook, ticket and all", "COURSE", "SET")
    takes = command("collect", _collect, "put a bulk download where submissions stand", "COURSE", "SET", "DOWNLOAD")
    day = command("all", _all, "grade a set to the end, and say what waits for a person", "COURSE", "SET")
    back = command("return", _return, "pack feedback under the names of a download", "COURSE", "SET", "DOWNLOAD")
    for each in (out, takes, back):
        each.add_argument("--people", metavar="FILE", help="Canvas's gradebook, or Moodle's grading worksheet")
        each.add_argument("--student", help="its column that holds the course's ids")
    sheet = command("sheet", _sheet, "release a set as the key asks it, and write a model of it", "COURSE", "SET")
    for each in (out, takes, day, back):
        each.add_argument("--roster", metavar="FILE", help="CSV with a column id; left out, COURSE/roster.csv")
    out.add_argument("--download", help="where an LMS took a first, empty hand-in: its bulk download")
    day.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="how many at once")
    command("check", _check, "say whether this machine can run students' code safely, and how fast")
    key = command("key", _key, "make the course's key; keep the file, and keep it to yourself", "FILE")
    key.add_argument("--plain", action="store_true", help="ask the tasks that the public sheets answer, no variants")
    made = command("tickets", _tickets, "write each student's tickets into a folder", "ROSTER", "FOLDER")
    grades = command("run", _run, "grade what was handed in; what is done already is not done again", "COURSE", "SET")
    for each in (out, day, sheet, made, grades):
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
    named = needed_packages(packages())
    asked = [name for name in re.findall(r"[\w.-]+", packages().lower()) if name in named]
    there = ", ".join(f"{name} {named[name]}" for name in asked if named[name]) or "none"
    print(f"students may import, besides Python's own: {there}")
    if missing := [name for name in asked if not named[name]]:
        print(f"not installed here, so nobody can use: {', '.join(missing)}; pip install them, or change {PACKAGES}")


def _roster(chosen: argparse.Namespace) -> list[str]:
    """Return who takes part: from the roster that is named, or from the course's own where there is one."""
    usual = Path(chosen.course) / "roster.csv"
    return read_roster(chosen.roster or usual) if chosen.roster or usual.is_file() else []


def _release(chosen: argparse.Namespace) -> None:
    """Release a set as the key asks it, or refuse to go on."""
    if said := released(chosen.course, chosen.set, chosen.key):
        raise MarginError(f"release: nbgrader could not make it: {said.strip().splitlines()[-1]}")


def _hand_out(chosen: argparse.Namespace) -> None:
    """Write each student's own notebook, by folders and, where an LMS takes it back, as one archive."""
    root, key = Path(chosen.course), read_key(chosen.key)
    roster, known = _roster(chosen), people(chosen.people, chosen.student)
    if not roster:
        raise wrong("roster", "roster.csv", "name everybody who takes part, in a CSV file with a column id")
    release = root / "release" / chosen.set / f"{chosen.set}.ipynb"
    _release(chosen)
    folder = root / "hand-out" / chosen.set
    made = {student: personal(release, chosen.set, student, key) for student in roster}
    for student, content in made.items():
        write_whole(folder / student / release.name, content)
    print(f"{folder}: {len(made)} notebooks, one for each student, with the ticket in it")
    if chosen.people or chosen.download:
        to = named_back(chosen.download, roster, known, ".ipynb") if chosen.download else {}
        ours = {same_name(each): each for each in roster}
        listed = {ours[same_name(name)]: number for number, name in known.items() if same_name(name) in ours}
        # Moodle takes a file for those who have handed in nothing, too.
        first = {each: (f"{each}_{number}_assignfeedback_file_/{release.name}",) for each, number in listed.items()}
        _pack(folder.with_name(f"{chosen.set}.zip"), made, to or first)


def _pack(target: Path, made: Mapping[str, bytes], to: Mapping[str, Sequence[str]]) -> None:
    """Write an archive that an LMS takes back, and say who is not in it."""
    files = {name: made[student] for student, names in to.items() if student in made for name in names}
    write_whole(target, packed(files))
    left = sorted(made.keys() - to.keys())
    rest = f"; not in it: {', '.join(left)}" if left else ""
    print(f"{target}: {len(files)} files, under the names that the LMS takes back{rest}")


def _sheet(chosen: argparse.Namespace) -> None:
    _release(chosen)
    print(f"{model(chosen.course, chosen.set, read_key(chosen.key))}: the set as this course asks it, with solutions")


def _collect(chosen: argparse.Namespace) -> None:
    known = people(chosen.people, chosen.student)
    print(collect(chosen.course, chosen.set, chosen.download, roster=_roster(chosen), known=known))


def _all(chosen: argparse.Namespace) -> None:
    print(whole(chosen.course, chosen.set, key=chosen.key, roster=_roster(chosen), processes=chosen.processes))


def _return(chosen: argparse.Namespace) -> None:
    pages = (Path(chosen.course) / "feedback").glob(f"*/{chosen.set}/{chosen.set}.html")
    made = {path.parts[-3]: path.read_bytes() for path in pages}
    if not made:
        raise wrong("feedback", chosen.course, "no page is there; `marginlib grade all` writes them")
    to = named_back(chosen.download, sorted(made), people(chosen.people, chosen.student), ".html")
    _pack(Path(chosen.course) / f"{chosen.set}-feedback.zip", made, to)


def _key(chosen: argparse.Namespace) -> None:
    new_key(chosen.file, variants=not chosen.plain)
    print(f"{chosen.file}: a new key. Whoever has it can compute every answer; without it nothing can be graded again.")


def _tickets(chosen: argparse.Namespace) -> None:
    paths = write_tickets(read_key(chosen.key), read_roster(chosen.roster), chosen.folder)
    print(f"{len(paths)} files; each belongs beside the notebooks of its student, or above them")


def _run(chosen: argparse.Namespace) -> None:
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
        safe = ([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows)
        csv.writer(sys.stdout).writerows(safe)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _report(chosen: argparse.Namespace) -> None:
    from marginlib.grading.items import analyse  # noqa: PLC0415 - pandas takes half a second, which no other command needs
    from marginlib.grading.report import page  # noqa: PLC0415

    found = analyse(read_results(chosen.course, chosen.set))
    write_whole(Path(chosen.page), page(found))
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
    write_whole(target, filled.content)
    print(f"{target}: {filled}")
