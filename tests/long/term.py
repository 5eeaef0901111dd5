"""A whole term from a clean install, as exercises/TEACHING.md tells it; prints what happened, ends with 1 where it is unfair.

    python tests/long/term.py [STUDENTS]

The commands are the page's own, run in one shell, in an empty folder and an environment that holds the wheel and nothing
of this checkout. STUDENTS (200 if left out) of mixed abilities hand in all six sets; into the first come the attackers of
`test_grading_faults`, too. The first set's grading is killed and goes on, the second's runs on Dask, the third's in two
shards; nbgrader grades the others by itself. Needs marginlib[test], bubblewrap, the package index and some minutes.
"""

from __future__ import annotations

import csv
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from submissions import drawn, hand_in  # noqa: E402
from test_grading_faults import FAULTS, FULL, Place, hand_in_all  # noqa: E402

from marginlib.exercises import SETS, tasks  # noqa: E402
from marginlib.grading.keys import read_key  # noqa: E402

Scores = dict[str, float | None]

FIRST, DASK, SHARDS = SETS[0], SETS[1], SETS[2]
READ = 2.0  # points that whoever reads the texts gives to each
EVERYBODY_ELSE = ("Łucja Żółć", 'Ben "Bo" O\'Neil, jr.', "李小龍")  # as an LMS may call people


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
    """Return the shell commands of the page's first section, block by block."""
    page = (ROOT / "exercises" / "TEACHING.md").read_text(encoding="utf-8")
    section = page.partition("## A course from zero")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def clean_variables(home: Path) -> dict[str, str]:
    """Return this shell's variables without anything of Python's or Jupyter's, and with a home of its own."""
    dropped = ("PYTHON", "JUPYTER", "VIRTUAL_ENV", "IPYTHON", "MARGINLIB", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    index = Path.home() / ".config" / "pip"  # a mirror, where the machine has one
    if index.is_dir():
        shutil.copytree(index, home / ".config" / "pip")
    return kept | {"HOME": str(home)}


def install(block: str, home: Path, shell: Shell) -> None:
    """Run the page's first block with the wheel of this checkout in the place of the one on the index."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(home), str(ROOT)], check=True
    )
    (wheel,) = home.glob("marginlib-*.whl")
    lines = [line for line in block.splitlines() if not line.startswith("apt-get")]  # the gate installs it
    asked = "\n".join(lines).replace('"marginlib[grade]"', f"-q 'marginlib[grade,scale] @ {wheel.as_uri()}'")
    assert str(wheel) in asked, "the page installs something else"
    shell.run(asked)
    where = shell.run('python -c "import marginlib; print(marginlib.__file__)"')
    assert str(home) in where, where


def classes(course: Path, names: list[str], key: bytes) -> dict[str, dict[str, Scores]]:
    """Hand in everything but the attackers, and return the fair scores: set -> student -> task -> points."""
    fair: dict[str, dict[str, Scores]] = {}
    for set_id in SETS:
        fair[set_id] = {}
        for k, name in enumerate(names):
            file, fair[set_id][name] = drawn(set_id, name, key, skill=(k % 10) / 9)
            hand_in(course, name, set_id, file)
    return fair


def killed_and_resumed(command: str, shell: Shell, results: Path, least: int) -> str:
    """Start a grading in the background, kill it in the middle, run it again; return what the second run prints."""
    shell.run(f"{command} > killed.log 2>&1 & echo $! > pid")
    deadline = time.monotonic() + 300
    while len(list(results.glob("*.json"))) < least:
        assert time.monotonic() < deadline, (results.parents[1] / "killed.log").read_text()
        time.sleep(0.01)
    os.kill(int((results.parents[1] / "pid").read_text()), signal.SIGKILL)
    done = {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}
    said = shell.run(command)
    again = {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert len(again) > len(done), "it was done before it was killed"
    assert all(again[name] == when for name, when in done.items()), "something was done twice"
    print(f"killed after {len(done)} results, resumed to {len(again)}, none of them done twice")
    return said


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def on_dask(command: str, shell: Shell, home: Path, variables: Mapping[str, str]) -> str:
    """Run a grading on the workers of a real cluster, in the clean environment."""
    script = home / "cluster.py"
    script.write_text(CLUSTER)
    python = home / ".venv" / "bin" / "python"
    with subprocess.Popen(  # noqa: S603
        [python, script], env=dict(variables), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        said = shell.run(f"{command.partition(' --processes')[0]} --dask {address}")
        assert cluster.stdin is not None
        cluster.stdin.close()
    return said


def recorded(course: Path, set_id: str) -> dict[str, Scores]:
    """Return what the gradebook holds: student -> task -> points that were given without a person."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            each.student.id: {grade.cell.name.rpartition("-")[0]: grade.auto_score for grade in notebook.grades}
            for each in book.assignment_submissions(set_id)
            for notebook in each.notebooks
        }


def read_texts(course: Path, set_id: str) -> int:
    """Give every text that waits its points, as formgrader does; return how many there were."""
    count = 0
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for each in book.assignment_submissions(set_id):
            for notebook in each.notebooks:
                for grade in notebook.grades:
                    if grade.needs_manual_grade and grade.cell.name in _texts(set_id):
                        grade.manual_score, grade.needs_manual_grade = READ, False
                        count += 1
        book.db.commit()
    return count


def _texts(set_id: str) -> set[str]:
    return {f"{task.id}-answer" for task in tasks(set_id) if task.kind == "explain"}


def lms_files(course: Path, set_id: str, fair: Mapping[str, Scores]) -> dict[str, str]:
    """Write what Canvas and Moodle export, and return the grade that each student is to have there."""
    points = sum(task.points for task in tasks(set_id))
    canvas = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Sizing and margin (4711)"]]
    canvas.append(["    Points Possible", "", "", "", "", f"{points}"])
    moodle = [["First name", "Last name", "ID number", "Email address", "Assignment: Sizing (Real)"]]
    due = {}
    for k, (name, scores) in enumerate(fair.items()):
        said = EVERYBODY_ELSE[k % 3] if k % 7 == 0 else name
        canvas.append([said, str(k), f"s{k}", name, "A", ""])
        moodle.append(["", said, name, f"{k}@example.org", "-"])
        waits = {task for task, score in scores.items() if score is None} - {
            t.removesuffix("-answer") for t in _texts(set_id)
        }
        known = [READ if score is None else score for score in scores.values()]
        due[name] = "" if waits else f"{sum(known):.2f}"
    canvas.append(["Student, Test", "9999", "", "", "A", ""])
    for file, rows in (("canvas.csv", canvas), ("moodle.csv", moodle)):
        with (course / file).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(rows)
    return due


def column(path: Path, name: str, value: str) -> dict[str, str]:
    """Return a column of a CSV file by another."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row[name]: row[value] for row in csv.DictReader(file) if row[name]}


def differences(fair: Mapping[str, Scores], found: Mapping[str, Scores]) -> Iterator[str]:
    """Yield every student who has other scores than are fair."""
    for name in fair.keys() | found.keys():
        if fair.get(name) != found.get(name):
            yield f"{name}: fair {fair.get(name)}, found {found.get(name)}"


def play(home: Path, students: int) -> list[str]:
    """Play the term and return what is not as it should be."""
    wrong: list[str] = []
    variables = clean_variables(home)
    shell, blocks = Shell(home, variables), page_blocks()
    installing, starting, releasing, grading, exporting = blocks
    begin = time.monotonic()

    def tell(words: str) -> None:
        print(f"{time.monotonic() - begin:5.0f} s  {words}", flush=True)

    install(installing, home, shell)
    tell("installed the wheel into an empty environment; " + shell.run("marginlib grade check").strip())
    shell.run(starting)
    course, key_file = home / "my-course" / "exercises", home / "margin-course.key"
    names = [f"student{k:03}" for k in range(students)]
    attackers = [*FAULTS]
    (course / "roster.csv").write_text("id\n" + "\n".join([*names, *attackers]) + "\n")
    for set_id in SETS:
        shell.run(releasing.replace("sizing", set_id))
    tell(f"released {len(SETS)} sets, wrote {len(list((course / 'tickets').iterdir()))} students' tickets")

    key = read_key(key_file)
    fair = classes(course, names, key)
    canary, connections = home / "canary", []
    canary.write_text("untouched")
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: connections.append(listener.accept()), daemon=True).start()
    hand_in_all(Place(course, key_file, canary, listener.getsockname()[1], os.getpid()))
    fair[FIRST] |= {name: {**FULL, **fault.scores} for name, fault in FAULTS.items() if name != "missing_notebook"}
    tell(f"{len(names)} students handed in {len(SETS)} sets each, {len(attackers)} attackers one")

    for set_id in SETS:
        run, autograde, status, feedback, report = grading.replace("sizing", set_id).strip().splitlines()
        if set_id == FIRST:
            killed_and_resumed(run, shell, course / "results" / set_id, least=students // 2)
        elif set_id == DASK:
            tell("on Dask: " + on_dask(run, shell, home, variables).strip().splitlines()[-1])
        elif set_id == SHARDS:
            for k in (1, 2):
                shell.run(f"{run.partition(' --processes')[0]} --shard {k}/2")
        start = time.monotonic()
        shell.run(autograde)
        tell(f"{set_id}: in the gradebook after {time.monotonic() - start:.0f} s")
        wrong += [f"{set_id}: {each}" for each in differences(fair[set_id], recorded(course, set_id))]
        listed = shell.run(status)
        wrong += [f"status does not list {name}" for name in fair[set_id] if f"{name} " not in listed]
        start = time.monotonic()
        shell.run(feedback)
        pages = list((course / "feedback").glob(f"*/{set_id}/{set_id}.html"))
        tell(f"{set_id}: {len(pages)} feedback pages after {time.monotonic() - start:.0f} s")
        if len(pages) != len(fair[set_id]):
            wrong.append(f"{set_id}: {len(pages)} feedback pages for {len(fair[set_id])} submissions")
        shell.run(report)
        page = (course / f"{set_id}.html").read_text(encoding="utf-8")
        graded = [scores for scores in fair[set_id].values() if set(scores.values()) != {None}]
        for task in tasks(set_id):
            right = sum(scores[task.id] == task.points for scores in graded)
            if task.kind != "explain" and f">{right} of {len(graded)}<" not in page:
                wrong.append(f"{set_id}: the report does not say that {right} of {len(graded)} have {task.id} right")
    statuses = {
        each["student"]: each["status"]
        for each in map(json.loads, (path.read_text() for path in (course / "results" / FIRST).glob("*.json")))
    }
    wrong += [
        f"{name}: status {statuses.get(name)}, not {fault.status}"
        for name, fault in FAULTS.items()
        if statuses.get(name) != fault.status
    ]
    if connections or canary.read_text() != "untouched":
        wrong.append("an attacker got out")

    shell.run("jupyter nbconvert --to notebook --execute --stdout item_analysis.ipynb > analysed.ipynb 2> analysis.log")
    analysed = (course / "analysed.ipynb").read_text(encoding="utf-8")
    if (
        "from results/sizing" not in analysed
        or "copied_from_right_as_the_model has the right answers of" not in analysed
    ):
        wrong.append("the item analysis does not show this class")
    tell("item analysis: a page for each set, and the notebook")

    tell(f"a person read {read_texts(course, FIRST)} texts")
    due = lms_files(course, FIRST, fair[FIRST])
    shell.run(exporting)
    for file, name, value in (
        ("canvas-filled.csv", "SIS Login ID", "Sizing and margin (4711)"),
        ("moodle-filled.csv", "ID number", "Assignment: Sizing (Real)"),
    ):
        found = {
            student: "" if grade == "-" else grade for student, grade in column(course / file, name, value).items()
        }
        wrong += [
            f"{file}: {each} has {found.get(each)}, not {due[each]}" for each in due if found.get(each) != due[each]
        ]
        tell(f"{file}: {sum(map(bool, found.values()))} grades")
    shell.close()
    return wrong


def main() -> int:
    """Play a term; return 0 when every score is fair and everything is there."""
    students = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with TemporaryDirectory() as home:
        wrong = play(Path(home), students)
    print("\n".join(wrong) or "every score is what is fair")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
