"""A whole term from a clean install, as exercises/TEACHING.md tells it; ends with 1 where it went wrong.

    python tests/long/term.py [STUDENTS [OTHERS]]

The commands are the page's own, run in one shell, in an empty folder and an environment that holds the wheel and
nothing of this checkout; only the key is a plain one, for the odd files answer the tasks as they stand. STUDENTS (200
if left out) of mixed abilities, with all of the habits below, hand in the first set in an archive as Canvas makes it,
OTHERS (all of them if left out) the second in one of Moodle's and the rest in folders; into the first set come the
attackers and odd files of `test_grading_faults`, too. The first set's grading is killed and goes on, the second's runs
in two shards; `marginlib grade all` does the rest. Some then hand in again, a person reads the texts, and one of those
read hands in again. After each `all`, two more change nothing. Needs marginlib[test], bubblewrap, the package index
and some minutes.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from submissions import TEXT, drawn
from test_grading_faults import FAULTS, FULL, Place, hand_in_all

from marginlib.course.tasks import SETS, tasks
from marginlib.grading.keys import read_key, same_name

Scores = dict[str, float | None]
Cell = dict[str, Any]

FIRST, SHARDS = SETS[0], SETS[1]
TEXTS = {task.id for task in tasks(FIRST) if task.kind == "explain"}
CANVAS_COLUMN, MOODLE_COLUMN = "Sizing and margin (4711)", "Grade"
MOODLE = ("Identifier", "Full name", "ID number", "Email address", "Status", MOODLE_COLUMN, "Maximum Grade")
READ = 2.0  # points that whoever reads the texts gives to each
EVERYBODY_ELSE = ("Łucja Żółć", 'Ben "Bo" O\'Neil, jr.', "李小龍")  # as an LMS may call people
ODD_IDS = ("zoë.{:03}", "Ж" * 39 + "{:03}", "o'neil {:03}", "McX{:03}", "=cmd{:03}", "{:03}@example.org")

# --- habits: what students do to a notebook that costs them nothing --------------------------------------------------


def at(cells: Sequence[Cell], name: str) -> int:
    """Return the place of a cell."""
    return next(k for k, cell in enumerate(cells) if cell["id"] == name)


def code(source: str, **more: Any) -> Cell:
    """Return a cell of the student's own."""
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None, **more}


def has_none(_cells: list[Cell]) -> None:
    """Hand in what was made of the sheet."""


def deletes_the_first_cell(cells: list[Cell]) -> None:
    """Delete it."""
    del cells[at(cells, "start")]


def moves_the_first_cell(cells: list[Cell]) -> None:
    """Put it last."""
    cells.append(cells.pop(at(cells, "start")))


def first_cell_fails(cells: list[Cell]) -> None:
    """Import what is not there."""
    cells[at(cells, "start")]["source"] = "import seaborn\n" + cells[at(cells, "start")]["source"]


def writes_headings(cells: list[Cell]) -> None:
    """Begin each line of a text with #."""
    for cell in cells:
        if cell["source"] == TEXT:
            cell["source"] = "# What I think\n## " + TEXT


def writes_into_an_own_cell(cells: list[Cell]) -> None:
    """Leave the answer cell empty, and write the text below it, in a cell without a name."""
    for k in [k for k, cell in enumerate(cells) if cell["source"] == TEXT]:
        cells[k]["source"] = "Your words here."
        cells.insert(k + 1, {"cell_type": "markdown", "metadata": {}, "source": TEXT})


def loses_the_ids(cells: list[Cell]) -> None:
    """Save with a program that knows no ids."""
    for cell in cells:
        cell.pop("id")


def makes_large_outputs(cells: list[Cell]) -> None:
    """Show a picture of three megabytes; a cell below the text would be read as one, so it stands above."""
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * (3 << 20)}}
    cells.insert(0, code("1", outputs=[picture]))


def doubles_an_answer(cells: list[Cell]) -> None:
    """Copy the first answer cell as it was handed out, but for the quotes."""
    name = next(cell["id"] for cell in cells if cell["id"].endswith("-1-answer"))
    stub = f"given = numbers[{name.removesuffix('-answer')!r}]\nanswer_1 = ..."
    cells.insert(at(cells, name) + 1, cells[at(cells, name)] | {"source": stub})


def edits_the_numbers(cells: list[Cell]) -> None:
    """Write more into the cell that shows the numbers."""
    name = next(cell["id"] for cell in cells if cell["id"].endswith("-1-numbers"))
    cells[at(cells, name)]["source"] += "\nfrom IPython import get_ipython\nmine = 3"


def prints_and_plots(cells: list[Cell]) -> None:
    """Look at things on the way."""
    cells.insert(at(cells, "start"), code("%matplotlib inline\nimport pandas as pd\n!pip list\nprint(pd.__version__)"))


def deletes_the_checks(cells: list[Cell]) -> None:
    """Tidy up."""
    cells[:] = [cell for cell in cells if not cell["id"].endswith("-check")]


def says_how_sure(cells: list[Cell]) -> None:
    """Say it in every answer."""
    for cell in cells:
        if cell["id"].endswith("-answer") and cell["cell_type"] == "code":
            cell["source"] += '\nsure = "fairly sure"'


HABITS: tuple[Callable[[list[Cell]], None], ...] = (
    *(has_none, deletes_the_first_cell, moves_the_first_cell, first_cell_fails, writes_headings),
    *(writes_into_an_own_cell, loses_the_ids, makes_large_outputs, doubles_an_answer, edits_the_numbers),
    *(prints_and_plots, deletes_the_checks, says_how_sure),
)


def with_habit(file: bytes, number: int) -> bytes:
    """Return a notebook as the student of that number leaves it."""
    notebook = json.loads(file)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    HABITS[number % len(HABITS)](notebook["cells"])
    return json.dumps(notebook).encode()


def nested(name: str, file: bytes) -> bytes:
    """Return an archive with one file in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, file)
    return out.getvalue()


def called(number: int, set_id: str, file: bytes) -> tuple[str, bytes]:
    """Return under which name a student hands a notebook in, and in what."""
    names = (f"{set_id}.ipynb", f"{set_id} (1).ipynb", f"{set_id}-2.ipynb", f"{set_id.title()}.ipynb", "homework.zip")
    name = names[number % len(names)]
    return name, nested(f"my work/{set_id}.ipynb", file) if name.endswith(".zip") else file


def pack(path: Path, files: Mapping[str, bytes]) -> None:
    """Write an archive as an LMS makes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, file in files.items():
            made.writestr(name, file)


class Shell:
    """One bash that runs the page's commands one after another and stops at the first that fails."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash"],  # noqa: S607
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        """Return what the lines of a block print."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        lines = " &&\n".join(block.strip().splitlines())
        self._bash.stdin.write(f"{lines}\ncode=$?; echo; echo @@$code\n")
        self._bash.stdin.flush()
        said = []
        for line in self._bash.stdout:
            if line.startswith("@@"):
                break
            said.append(line)
        else:
            line = "@@ended"
        if line.strip() != "@@0":
            msg = f"{block}\n{''.join(said)[-4_000:]}\nexit code {line.strip()[2:]}"
            raise SystemExit(msg)
        return "".join(said)

    def close(self) -> None:
        """End it."""
        self._bash.terminate()
        self._bash.wait()


def page_blocks() -> list[str]:
    """Return the shell commands of the page, block by block."""
    page = (ROOT / "exercises" / "TEACHING.md").read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", page, re.DOTALL)


def clean_variables(home: Path) -> dict[str, str]:
    """Return this shell's variables without anything of Python's or Jupyter's, and with a home of its own."""
    dropped = ("PYTHON", "JUPYTER", "VIRTUAL_ENV", "IPYTHON", "MARGINLIB", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    index = Path.home() / ".config" / "pip"  # a mirror, where the machine has one
    if index.is_dir():
        shutil.copytree(index, home / ".config" / "pip")
    return kept | {"HOME": str(home), "MARGINLIB_GRADE_AS_ROOT": "nothing-else-of-value-is-here"}


def install(block: str, home: Path, shell: Shell) -> None:
    """Run the page's first block with the wheel of this checkout in the place of the one on the index."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(home), str(ROOT)], check=True
    )
    (wheel,) = home.glob("marginlib-*.whl")
    lines = [line for line in block.splitlines() if "apt-get" not in line]  # the gate installs it
    asked = "\n".join(lines).replace('".[grade]"', f"-q 'marginlib[grade] @ {wheel.as_uri()}'")
    assert str(wheel) in asked, "the page installs something else"
    shell.run(asked)
    where = shell.run('python -c "import marginlib; print(marginlib.__file__)"')
    assert str(home) in where, where


def ids(count: int) -> list[str]:
    """Return the students' ids: mostly plain ones, and some as they are found."""
    plain = [f"student{k:03}" for k in range(count)]
    return [ODD_IDS[k // 3 % len(ODD_IDS)].format(k) if k % 3 == 2 else name for k, name in enumerate(plain)]


def as_the_lms_writes(name: str, number: int) -> str:
    """Return an id as the LMS has it: capitals, and accents in two letters, for some."""
    return (name, name.upper(), unicodedata.normalize("NFD", name))[number % 3]


def killed_and_resumed(command: str, shell: Shell, results: Path, least: int) -> str:
    """Start a grading in the background, kill it in the middle and run it again; return how it went."""
    shell.run(f"{command} > killed.log 2>&1 & echo $! > pid")
    deadline = time.monotonic() + 300
    while len(list(results.glob("*.json"))) < least:
        assert time.monotonic() < deadline, (results.parents[1] / "killed.log").read_text()
        time.sleep(0.01)
    os.kill(int((results.parents[1] / "pid").read_text()), signal.SIGKILL)
    done = {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}
    shell.run(command)
    again = {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert len(again) > len(done), "it was done before it was killed"
    assert all(again[name] == when for name, when in done.items()), "something was done twice"
    return f"killed after {len(done)} results, resumed to {len(again)}, none of them done twice"


def recorded(course: Path, set_id: str) -> dict[str, Scores]:
    """Return what the gradebook holds: student -> task -> points that were given without a person."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            each.student.id: {grade.cell.name.rpartition("-")[0]: grade.auto_score for grade in notebook.grades}
            for each in book.assignment_submissions(set_id)
            for notebook in each.notebooks
        }


def read_texts(course: Path) -> int:
    """Give every text that waits its points, as formgrader does; return how many there were."""
    texts, count = {f"{task}-answer" for task in TEXTS}, 0
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for each in book.assignment_submissions(FIRST):
            for notebook in each.notebooks:
                for grade in notebook.grades:
                    if grade.needs_manual_grade and grade.cell.name in texts:
                        grade.manual_score, grade.needs_manual_grade = READ, False
                        count += 1
        book.db.commit()
    return count


def lms_files(course: Path, names: Sequence[str]) -> None:
    """Write what Canvas and Moodle export: who is which number, and a column for grades."""
    points = sum(task.points for task in tasks(FIRST))
    canvas = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", CANVAS_COLUMN]]
    canvas.append(["    Points Possible", "", "", "", "", f"{points}"])
    moodle = [[*MOODLE]]
    for k, name in enumerate(names):
        said, mine = EVERYBODY_ELSE[k % 3] if k % 7 == 0 else f"Student {k}", as_the_lms_writes(name, k)
        canvas.append([said, str(1_000 + k), f"s{k}", mine, "A", ""])
        moodle.append([f"Participant {1_000 + k}", said, mine, mine, "Submitted", "", f"{points:.2f}"])
    canvas.append(["Student, Test", "9999", "", "", "A", ""])
    for file, rows in (("canvas.csv", canvas), ("moodle.csv", moodle)):
        with (course / file).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(rows)


def due_grades(fair: Mapping[str, Scores], again: str) -> dict[str, str]:
    """Return the grade that each student is to have in the LMS; nobody's, whose text waits for a second look."""
    due = {}
    for name, scores in fair.items():
        waits = name == again or {task for task, score in scores.items() if score is None} - TEXTS
        known = [READ if score is None else score for score in scores.values()]
        due[name] = "" if waits else f"{sum(known):.2f}"
    return due


def column(path: Path, name: str, value: str) -> dict[str, str]:
    """Return a column of a CSV file by another."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row[name]: row[value] for row in csv.DictReader(file) if row[name]}


def written(course: Path) -> dict[str, int]:
    """Return when each file of a course was written."""
    return {str(path): path.stat().st_mtime_ns for path in course.rglob("*") if path.is_file()}


class Term:
    """One term: what is done, in order, and what was not as it should be."""

    def __init__(self, home: Path, students: int, others: int) -> None:
        self.home, self.begin, self.wrong = home, time.monotonic(), list[str]()
        self.names = ids(students)
        self.later = self.names[:others]  # who takes part in the other sets
        self.variables = clean_variables(home)
        self.shell = Shell(home, self.variables)
        self.course, self.key_file = home / "my-course" / "exercises", home / "margin-course.key"
        self.fair: dict[str, dict[str, Scores]] = {}

    def tell(self, words: str) -> None:
        """Print what happened, and when."""
        print(f"{time.monotonic() - self.begin:5.0f} s  {words}", flush=True)

    def play(self) -> list[str]:
        """Play it all and return what is not as it should be."""
        installing, starting, releasing, self.day, exporting = page_blocks()
        install(installing, self.home, self.shell)
        checked = self.shell.run("marginlib grade check").strip()
        self.tell(f"installed the wheel into an empty environment; {checked}")
        self.wrong += [line for line in checked.splitlines() if line.startswith("not installed")]
        self.shell.run(starting.replace("grade key", "grade key --plain"))
        self.release(releasing)
        canary, connections = self.hand_in()
        for set_id in SETS:
            self.kill_or_shard(set_id)
            self.grade(set_id)
            self.look(set_id)
        self.look_for_escapes(canary, connections)
        self.analyse()
        self.hand_in_again(self.names[::10], 1.1)
        self.grade(FIRST)
        self.tell(f"every tenth handed in again; a person reads {read_texts(self.course)} texts")
        self.grade(FIRST)
        again = next(name for name, scores in self.fair[FIRST].items() if None in scores.values())
        self.hand_in_again([again], 1.1, b"\n\n")
        self.grade(FIRST)
        self.export(exporting, again)
        self.shell.close()
        return self.wrong

    def release(self, block: str) -> None:
        """Release every set, with a ticket for everybody."""
        (self.course / "roster.csv").write_text("id\n" + "\n".join([*self.names, *FAULTS]) + "\n", encoding="utf-8")
        lms_files(self.course, [*self.names, *FAULTS])
        for set_id in SETS:
            self.shell.run(block.replace("sizing", set_id))
        made = list((self.course / "hand-out" / FIRST).iterdir())
        self.tell(f"handed out {len(SETS)} sets, each to {len(made)} students")

    def hand_in(self) -> tuple[Path, list[object]]:
        """Hand in what everybody has; return a file that nobody may change, and who came through the network."""
        key = read_key(self.key_file)
        for set_id in SETS:
            self.fair[set_id], files = {}, {}
            for k, name in enumerate(self.names if set_id == FIRST else self.later):
                file, self.fair[set_id][name] = drawn(set_id, name, key, skill=(k % 10) / 9)
                called_, handed = called(k, set_id, with_habit(file, k))
                if set_id == FIRST:
                    files[f"lastfirst{'_LATE' * (k % 5 == 0)}_{1_000 + k}_{90_000 + k}_{called_}"] = handed
                elif set_id == SHARDS:
                    files[f"Last First_{1_000 + k}_assignsubmission_file{'_' * (k % 2)}/{called_}"] = handed
                else:
                    files[f"{as_the_lms_writes(name, k)}/{called_}"] = handed
                files |= {"__MACOSX/._x.ipynb": b"", ".DS_Store": b"", "nobody_5_6_sizing.ipynb": b"{}"}
            self.collect(set_id, files)
        canary, connections = self.home / "canary", list[object]()
        canary.write_text("untouched")
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=lambda: connections.append(listener.accept()), daemon=True).start()
        hand_in_all(Place(self.course, self.key_file, canary, listener.getsockname()[1], os.getpid()))
        handed = {name: fault for name, fault in FAULTS.items() if name != "missing_notebook"}
        self.fair[FIRST] |= {name: {**FULL, **fault.scores} for name, fault in handed.items()}
        self.tell(
            f"{len(self.names)} students handed in {FIRST}, {len(self.later)} the others, {len(FAULTS)} attackers one"
        )
        return canary, connections

    def collect(self, set_id: str, files: Mapping[str, bytes]) -> None:
        """Collect an archive by the page's command."""
        pack(self.course / "download.zip", files)
        people = "moodle.csv" if set_id == SHARDS else "canvas.csv"
        command = self.day.strip().splitlines()[0].replace("sizing", set_id).replace("canvas.csv", people)
        said = self.shell.run(command)
        expected = len(files) - 3
        if not said.startswith(f"{expected} new, 0 as before"):
            self.wrong.append(f"{set_id}: not {expected} new: {said[:2_000]}")

    def hand_in_again(self, names: Sequence[str], skill: float, end: bytes = b"\n") -> None:
        """Let some hand in the first set again, with everything right; texts wait for a second look.

        The file ends in other blanks than the one before, which makes it another file.
        """
        files = {"__MACOSX/._x.ipynb": b"", ".DS_Store": b"", "nobody_5_6_sizing.ipynb": b"{}"}
        for name in names:
            file, fair = drawn(FIRST, name, read_key(self.key_file), skill=skill)
            files[f"lastfirst_{1_000 + self.names.index(name)}_99999_{FIRST}-1.ipynb"] = file + end
            self.fair[FIRST][name] = fair
        self.collect(FIRST, files)

    def kill_or_shard(self, set_id: str) -> None:
        """Grade the first set in a run that is killed, and the second in two parts; `all` finds them done."""
        run = f"marginlib grade run . {set_id} --roster roster.csv"
        if set_id == FIRST:
            least = len(self.names) // 2
            self.tell(killed_and_resumed(run, self.shell, self.course / "results" / set_id, least))
        elif set_id == SHARDS:
            for k in (1, 2):
                self.shell.run(f"{run} --shard {k}/2")

    def grade(self, set_id: str) -> None:
        """Grade one set by the page's command, and see that nothing changes when it is run twice more."""
        command, start = self.day.replace("sizing", set_id).strip().splitlines()[1], time.monotonic()
        said = self.shell.run(f"{command} 2>&1 | grep -v submission/s")
        self.tell(f"{command}: {time.monotonic() - start:.0f} s\n{said.strip()}")
        before = written(self.course)
        for _ in range(2):
            self.shell.run(command)
            after = written(self.course)
            changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            self.wrong += [f"{set_id}: once more, and {name} changed" for name in changed]

    def look(self, set_id: str) -> None:
        """Hold scores, status, feedback and report of one set against what is fair."""
        fair, found = self.fair[set_id], recorded(self.course, set_id)
        self.wrong += [
            f"{set_id}: {name}: fair {fair.get(name)}, found {found.get(name)}"
            for name in fair.keys() | found.keys()
            if fair.get(name) != found.get(name)
        ]
        listed = self.shell.run(f"marginlib grade status . {set_id}")
        self.wrong += [f"{set_id}: status does not list {name}" for name in fair if f"{name} " not in listed]
        pages = {path.parts[-3] for path in (self.course / "feedback").glob(f"*/{set_id}/{set_id}.html")}
        self.wrong += [f"{set_id}: no feedback page for {name}" for name in fair.keys() - pages]
        page = (self.course / f"{set_id}.html").read_text(encoding="utf-8")
        graded = [scores for scores in fair.values() if set(scores.values()) != {None}]
        for task in tasks(set_id):
            right = sum(scores[task.id] == task.points for scores in graded)
            if task.kind != "explain" and f">{right} of {len(graded)}<" not in page:
                self.wrong.append(f"{set_id}: the report does not say {right} of {len(graded)} for {task.id}")

    def look_for_escapes(self, canary: Path, connections: list[object]) -> None:
        """Hold the attackers' statuses against what is fair, and see that none got out."""
        files = (self.course / "results" / FIRST).glob("*.json")
        found = {each["student"]: each["status"] for each in (json.loads(path.read_text()) for path in files)}
        self.wrong += [
            f"{name}: status {found.get(name)}, not {fault.status}"
            for name, fault in FAULTS.items()
            if found.get(name) != fault.status
        ]
        if connections or canary.read_text(encoding="utf-8") != "untouched":
            self.wrong.append("an attacker got out")

    def analyse(self) -> None:
        """Run the item analysis's notebook on the class."""
        self.shell.run(
            "jupyter nbconvert --to notebook --execute --stdout item_analysis.ipynb > done.ipynb 2> done.log"
        )
        done = (self.course / "done.ipynb").read_text(encoding="utf-8")
        for words in (
            "from results/sizing",
            "copied_from_right_as_the_model has the right answers of right_as_the_model",
        ):
            if words not in done:
                self.wrong.append(f"the item analysis does not say {words!r}")
        self.tell("ran the item analysis's notebook")

    def export(self, block: str, again: str) -> None:
        """Pack the feedback, fill the LMS's files and read every grade back."""
        files = {f"lastfirst_{1_000 + k}_{90_000 + k}_{FIRST}.ipynb": b"{}" for k in range(len(self.names))}
        pack(self.course / "download.zip", files)
        self.shell.run(self.day.strip().splitlines()[2])
        with zipfile.ZipFile(self.course / f"{FIRST}-feedback.zip") as packed:
            if len(packed.namelist()) != len(self.names):
                self.wrong.append(f"feedback for {len(packed.namelist())}, not {len(self.names)}")
        due = due_grades(self.fair[FIRST], again)
        self.shell.run(block)
        for file, name, value in (
            ("canvas-filled.csv", "SIS Login ID", CANVAS_COLUMN),
            ("moodle-filled.csv", "ID number", MOODLE_COLUMN),
        ):
            written_ = column(self.course / file, name, value)
            found = {same_name(student): grade for student, grade in written_.items()}
            self.wrong += [
                f"{file}: {student} has {found.get(same_name(student))}, not {grade}"
                for student, grade in due.items()
                if found.get(same_name(student)) != grade
            ]
            self.tell(f"{file}: {sum(bool(grade) for grade in due.values())} grades, {len(due)} students")


def main() -> int:
    """Play a term; return 0 when every score is fair and everything is there."""
    students, others = [*map(int, sys.argv[1:]), 200, 200][:2] if len(sys.argv) != 2 else [int(sys.argv[1])] * 2
    with TemporaryDirectory() as home:
        wrong = Term(Path(home), students, others).play()
    print("\n".join(wrong) or "every score is what is fair")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
