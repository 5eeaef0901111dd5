"""A class as jobs: nothing done twice, nothing lost after a kill, and the same results however they are shared out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import build_exercises as build
import psutil
import pytest
from nbgrader_course import needs_sandbox
from submissions import TEXT, content, filled, full, hand_in, released, solutions

from marginlib import MarginError
from marginlib.course.tasks import task
from marginlib.grading import cli, jobs
from marginlib.grading.jobs import Setup, result_of, results, run
from marginlib.grading.keys import new_key
from marginlib.grading.sandbox import SandboxError
from marginlib.practice.tasks.numbering import given, ticket

SET = "sizing"
NAMES = tuple(f"student {k:02}" for k in range(24))  # a name with a space is a name, too
RIGHT = {**solutions(SET), "sizing-9": TEXT}

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """A class of which every third student has one task wrong, and the last handed in nothing."""
    root = tmp_path_factory.mktemp("class")
    release = released(SET)
    for k, name in enumerate(NAMES[:-1]):
        wrong = {} if k % 3 else {"sizing-1": "answer_1 = 1"}
        hand_in(root, name, SET, content(filled(release, {**RIGHT, **wrong})))
    return root


@pytest.fixture
def setup(handed_in, tmp_path):
    """The class in a folder of the test's own."""
    shutil.copytree(handed_in, tmp_path / "course")
    return Setup(root=tmp_path / "course", set=SET, key=b"k" * 32, students=NAMES)


def told(found):
    """Return what results say, without the time that they took."""
    return {each.student: (each.status, tuple((task.score, task.state) for task in each.tasks)) for each in found}


@pytest.fixture(scope="module")
def expected(handed_in, tmp_path_factory):
    """What a plain run of the class gives."""
    root = tmp_path_factory.mktemp("plain") / "course"
    shutil.copytree(handed_in, root)
    return told(run(Setup(root=root, set=SET, key=b"k" * 32, students=NAMES)))


def test_the_class_gets_what_it_deserves(expected):
    for k, name in enumerate(NAMES[:-1]):
        status, tasks = expected[name]
        fair = {**full(SET), **({} if k % 3 else {"sizing-1": 0})}
        assert status == "graded"
        assert [score for score, _ in tasks] == list(fair.values())
    assert expected[NAMES[-1]][0] == "missing"
    assert {score for score, _ in expected[NAMES[-1]][1]} == {None}  # unknown, and no 0


def test_what_is_done_is_not_done_again(setup, monkeypatch):
    first = told(run(setup))
    times = {path: path.stat().st_mtime_ns for path in setup.folder.iterdir()}
    monkeypatch.setattr(jobs, "_sandbox", lambda: pytest.fail("a sandbox was asked for"))
    assert told(run(setup)) == first
    assert {path: path.stat().st_mtime_ns for path in setup.folder.iterdir()} == times


def test_what_an_earlier_version_wrote_besides_is_left_out(setup):
    result = result_of(setup, NAMES[0])
    (path,) = setup.folder.iterdir()
    plain = json.loads(path.read_text(encoding="utf-8"))
    tasks = [each | {"passed": 2, "total": 3} for each in plain["tasks"]]
    path.write_text(json.dumps(plain | {"tasks": tasks, "seconds": 0.5, "format": 1}), encoding="utf-8")
    assert results(setup.folder) == [result_of(setup, NAMES[0])] == [result]


def test_a_new_submission_a_new_key_and_new_exercises_are_graded_anew(setup, monkeypatch):
    name = NAMES[1]
    (before,) = run(Setup(root=setup.root, set=SET, key=setup.key, students=(name,)))
    jobs.submission(setup.root, SET, name).write_bytes(content(filled(released(SET), {})))
    after = result_of(setup, name)
    assert before.tasks[0].state == "right"
    assert after.tasks[0].state == "stub"
    assert after.submission != before.submission
    assert len(list(setup.folder.glob("student%2001*"))) == 1  # the older result is gone
    files = set(setup.folder.iterdir())
    result_of(Setup(root=setup.root, set=SET, key=b"l" * 32, students=NAMES), name)
    assert set(setup.folder.iterdir()) != files
    monkeypatch.setattr(jobs.Course, "exercises", "a later version")
    assert result_of(setup, name).exercises == "a later version"


def test_shards_are_the_class_once_and_give_the_same(setup, expected):
    parts = [told(run(setup, shard=(k, 4))) for k in range(1, 5)]
    assert sum(map(len, parts)) == len(NAMES)
    assert {name: each for part in parts for name, each in part.items()} == expected
    assert max(map(len, parts)) < len(NAMES)
    assert told(results(setup.folder)) == expected


@pytest.mark.parametrize("shard", [(0, 4), (5, 4), (1, 0)])
def test_a_shard_that_is_none_is_refused(setup, shard):
    with pytest.raises(MarginError, match="from 1 to n"):
        list(run(setup, shard=shard))


def test_two_processes_give_the_same(setup, expected):
    assert told(run(setup, processes=2)) == expected


@pytest.mark.parametrize("after", [1, 7])
def test_a_run_that_is_killed_goes_on_where_it_was(setup, expected, tmp_path, after):
    new_key(tmp_path / "key")
    (tmp_path / "key").write_text(setup.key.hex())
    roster = tmp_path / "roster.csv"
    roster.write_text("id\n" + "\n".join(NAMES))
    words = [str(setup.root), SET, "--key", str(tmp_path / "key"), "--roster", str(roster)]
    command = [sys.executable, "-m", "marginlib", "grade", "run", *words]
    environment = {**os.environ, "PYTHONPATH": str(build.ROOT)}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603
    deadline = time.monotonic() + 60
    while len(list(setup.folder.glob("*.json"))) < after:
        assert time.monotonic() < deadline
        assert killed.poll() is None, "it was done before it could be killed"
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = {path: path.stat().st_mtime_ns for path in setup.folder.glob("*.json")}
    assert after <= len(done) < len(NAMES)
    for path in done:
        json.loads(path.read_text(encoding="utf-8"))  # none is half written
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    assert f"{len(NAMES)} results" in again.stdout
    assert told(results(setup.folder)) == expected
    assert {path: path.stat().st_mtime_ns for path in done} == done


@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_outlives_a_run_that_was_killed(setup, tmp_path, processes):
    script = tmp_path / "run.py"
    lines = [
        "import os, sys; from pathlib import Path; from marginlib.grading.jobs import *",
        "if __name__ == '__main__':",
        f"    setup = Setup(root=Path({str(setup.root)!r}), set={SET!r}, key=b'k' * 32, students={NAMES!r})",
        f"    running = run(setup, processes={processes}); next(running)",
        "    print(os.getpid(), flush=True); sys.stdin.read()",
    ]
    script.write_text("\n".join(lines))
    environment = {**os.environ, "PYTHONPATH": str(build.ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, script], env=environment, text=True, **pipes) as killed:  # noqa: S603
        assert int(killed.stdout.readline()) == killed.pid
        children = psutil.Process(killed.pid).children(recursive=True)
        assert len(children) >= 3 * processes, "a sandbox each, and the processes themselves"
        killed.kill()
    deadline = time.monotonic() + 10
    while any(child.is_running() for child in children):
        assert time.monotonic() < deadline, "something is still there"
        time.sleep(0.05)


def test_a_machine_that_cannot_run_code_safely_stops_and_scores_nobody(setup, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("MARGINLIB_GRADE_UNCONFINED", raising=False)
    jobs._sandbox.cache_clear()  # noqa: SLF001 - as in a new process
    with pytest.raises(SandboxError, match="bubblewrap"):
        list(run(setup))
    jobs._sandbox.cache_clear()  # noqa: SLF001
    assert not list(setup.folder.glob("*.json"))


def test_who_handed_in_whose_answers(setup):
    other = ticket(SET, NAMES[2], setup.key)
    numbers = {k: given(task(f"sizing-{k}"), other) for k in (1, 2)}
    answers = {f"sizing-{k}": f"answer_{k} = {task(f'sizing-{k}').solve(**numbers[k])!r}" for k in (1, 2)}
    jobs.submission(setup.root, SET, NAMES[1]).write_bytes(content(filled(released(SET), answers)))
    (match,) = result_of(setup, NAMES[1]).matches
    assert (match.student, match.tasks) == (NAMES[2], ("sizing-1", "sizing-2"))


ODD = ("юлия" * 9 + "три", "=cmd", "a" * 180, "ada\tb", ".ipynb_checkpoints", "__MACOSX", "zoë")


def test_a_name_of_any_length_and_letters_stops_nobody(setup, capsys):
    file = jobs.submission(setup.root, SET, NAMES[1]).read_bytes()
    shutil.rmtree(setup.root / "submitted")
    for name in (*ODD, "ben"):
        hand_in(setup.root, name, SET, file)
    (setup.root / "submitted" / ".DS_Store").write_bytes(b"")
    (setup.root / "submitted" / "roster.csv").write_text("id")
    assert set(jobs.submitters(setup.root)) == {*ODD, "ben"} - {"ada\tb", ".ipynb_checkpoints", "__MACOSX"}
    everybody = Setup(root=setup.root, set=SET, key=setup.key, students=(*jobs.submitters(setup.root), "two\nlines"))
    found = {each.student: each.status for each in run(everybody)}
    assert found.pop("two\nlines") == "missing"
    assert set(found.values()) == {"graded"}
    assert set(found) == {each.student for each in results(setup.folder)} - {"two\nlines"}
    assert cli.main(["status", str(setup.root), SET, "--csv"]) == 0
    assert "\n'=cmd," in capsys.readouterr().out.replace("\r", "")


def test_what_ends_in_an_error_costs_nobody_else(setup, monkeypatch):
    real = jobs.grade

    def breaks(content, student, *rest):
        if student == NAMES[2]:
            raise ZeroDivisionError
        return real(content, student, *rest)

    monkeypatch.setattr(jobs, "grade", breaks)
    found = {each.student: each for each in run(setup)}
    assert (found[NAMES[2]].status, found[NAMES[2]].tasks[0].score) == ("failed", None)
    assert found[NAMES[3]].status == "graded"


@pytest.mark.parametrize("name", ["sizing (1).ipynb", "Sizing.ipynb", "sizing-2.ipynb", "sizing.zip"])
def test_what_stands_in_the_place_of_a_notebook_is_named(setup, name):
    path = jobs.submission(setup.root, SET, NAMES[1])
    path.rename(path.with_name(name))
    result = result_of(setup, NAMES[1])
    assert (result.status, repr(name) in result.reason) == ("missing", True)


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "{root}", SET], "MARGINLIB_COURSE_KEY"),
        (["run", "{root}", SET, "--key", "{key}", "--shard", "three"], "give K/N, such as 3/16"),
        (["run", "{root}", SET, "--key", "{key}", "--shard", "5/4"], "from 1 to n"),
        (["run", "{root}", SET, "--key", "{key}", "--roster", "/no/such"], "roster = '/no/such'"),
        (["status", "{root}", SET], "`marginlib grade run` makes results"),
        (["report", "{root}", SET, "page.html"], "`marginlib grade run` makes results"),
        (["tickets", "/no/such", "{root}", "--key", "{key}"], "roster = '/no/such'"),
        (["key", "{key}"], "there is a file already"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(setup, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.delenv("MARGINLIB_COURSE_KEY", raising=False)
    new_key(tmp_path / "key")
    assert cli.main([word.format(root=setup.root, key=tmp_path / "key") for word in words]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_set_is_graded_and_looked_at_from_the_command_line(setup, tmp_path, capsys):
    assert cli.main(["key", str(tmp_path / "key")]) == 0
    roster = tmp_path / "roster.csv"
    roster.write_text("id\n" + "\n".join(NAMES))
    key = ["--key", str(tmp_path / "key")]
    assert cli.main(["tickets", str(roster), str(tmp_path / "tickets"), *key]) == 0
    assert cli.main(["run", str(setup.root), SET, "--roster", str(roster), *key]) == 0
    assert cli.main(["status", str(setup.root), SET]) == 0
    assert cli.main(["report", str(setup.root), SET, str(tmp_path / "page.html")]) == 0
    out = capsys.readouterr().out
    assert f"{len(NAMES)} files" in out
    assert f"{len(NAMES) - 1} graded, 1 not" in out
    (absent,) = [line for line in out.splitlines() if line.startswith(f"{NAMES[-1]} ")]
    assert "missing" in absent
    assert "no file sizing.ipynb was handed in" in absent
    assert "sizing-1" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert cli.main(["status", str(setup.root), SET, "--csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == len(NAMES) + 1
    assert rows[1].startswith(f"{NAMES[0]},graded,")


def test_check_says_that_the_machine_is_ready(capsys):
    assert cli.main(["check"]) == 0
    assert capsys.readouterr().out.startswith("ready (bubblewrap)")
