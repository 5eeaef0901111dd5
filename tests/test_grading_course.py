"""nbgrader's own commands on the course as it is: validate, exchange, autograde again, feedback, export."""

from __future__ import annotations

import csv
import getpass
import json
import re
import subprocess
import sys
from pathlib import Path

import build_exercises as build
import pytest
from nbgrader.api import Gradebook
from nbgrader_course import make_course, nbgrader, needs_sandbox
from submissions import TEXT, content, filled, hand_in, released, solutions

from marginlib.exercises import SETS, given, grading_cases, task, tasks, ticket
from marginlib.grading.keys import read_key, write_tickets

SET = "sizing"
RIGHT = {**solutions(SET), "sizing-9": TEXT}

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """A course in which ada has all right, ben believes that the setting is the leverage, and cy changed nothing."""
    course, key = make_course(tmp_path_factory.mktemp("term"), SET)
    release = released(SET)
    for student, answers in {"ada": RIGHT, "ben": {**RIGHT, "sizing-1": "answer_1 = 1"}, "cy": {}}.items():
        hand_in(course, student, SET, content(filled(release, answers)))
    nbgrader(course, key, "autograde", SET)
    nbgrader(course, key, "generate_feedback", SET)
    return course, key


def scores(course: Path) -> dict[str, float]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {each.student.id: each.score for each in gradebook.assignment_submissions(SET)}


def feedback(course: Path, student: str) -> str:
    return (course / "feedback" / student / SET / f"{SET}.html").read_text(encoding="utf-8")


def test_scores_are_in_the_gradebook(term):
    points = sum(each.points for each in tasks(SET) if each.kind != "explain")
    first = task("sizing-1").points
    assert scores(term[0]) == {"ada": points, "ben": points - first, "cy": 0}


def test_export_writes_what_the_gradebook_holds(term):
    course, key = term
    nbgrader(course, key, "export")
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert rows == scores(course)


def test_feedback_names_what_was_returned_and_no_hidden_case(term):
    course, key = term
    page = feedback(course, "ben")
    assert "You answered 1 dollars." in re.sub(r"<[^>]*>", "", page)
    for each in tasks(SET):
        if each.asks_function:
            for case in grading_cases(each, "ben", read_key(key)):
                values = [str(value) for value in case.values() if isinstance(value, float)]
                assert not values or not all(value in page for value in values)


def test_feedback_is_a_page_that_asks_nothing_of_the_network(term):
    for student in ("ada", "ben", "cy"):
        page = feedback(term[0], student)
        assert re.findall(r"""(?:src|href)=["']https?://[^"']*\.(?:js|css)""", page) == []
        assert "<script src=" not in page


def test_the_rubric_stands_below_each_text_and_answers_of_the_key_do_not(term):
    page = feedback(term[0], "ada")
    assert "How to read this text" in page
    assert TEXT in page


def test_a_score_given_by_hand_survives_another_autograde(term):
    course, key = term
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("sizing-9-answer", SET, SET, "ada")
        assert grade.needs_manual_grade
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()
    before = scores(course)
    nbgrader(course, key, "autograde", SET, "--student", "ada", "--force")
    assert scores(course) == before


def test_a_later_submission_replaces_the_earlier_one(term):
    course, key = term
    before = scores(course)["cy"]
    path = course / "submitted" / "cy" / SET / f"{SET}.ipynb"
    path.write_bytes(content(filled(released(SET), {"sizing-1": RIGHT["sizing-1"]})))
    nbgrader(course, key, "autograde", SET, "--student", "cy", "--force")
    assert scores(course)["cy"] == before + task("sizing-1").points


@pytest.mark.parametrize("set_id", SETS)
def test_every_set_is_released_as_its_blank_version(tmp_path, set_id):
    course, _ = make_course(tmp_path, set_id)
    made = json.loads((course / "release" / set_id / f"{set_id}.ipynb").read_text(encoding="utf-8"))
    blank = json.loads(build.version_path(set_id, "blank").read_text(encoding="utf-8"))
    assert [each["source"] for each in made["cells"]] == [each["source"] for each in blank["cells"]]
    marked = [cell["metadata"]["nbgrader"] for cell in made["cells"] if "nbgrader" in cell["metadata"]]
    points = sum(each.get("points", 0) for each in marked if each["grade"])
    assert points == sum(each.points for each in tasks(set_id))


def validate(folder: Path, answers: dict[str, str]) -> str:
    """Return what `nbgrader validate` tells a student."""
    path = folder / f"{SET}.ipynb"
    path.write_bytes(content(filled(released(SET), answers)))
    command = [sys.executable, "-m", "nbgrader", "validate", path.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout


def test_validate_runs_on_what_a_student_has(tmp_path, monkeypatch):
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "progress.jsonl"))
    assert "Success" in validate(tmp_path, RIGHT)
    assert "failed" in validate(tmp_path, {"sizing-1": "answer_1 = 1 / 0"})


def test_the_exchange_carries_a_set_out_and_back(tmp_path):
    """A folder that all can reach stands for a hub's; the student is whoever runs the test."""
    course, key = make_course(tmp_path, SET)
    exchange, home = tmp_path / "exchange", tmp_path / "home"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    home.mkdir()
    me = getpass.getuser()
    where = ["--course", "marginlib", f"--Exchange.root={exchange}", f"--Exchange.cache={tmp_path / 'cache'}"]
    nbgrader(course, key, "release_assignment", SET, *where)
    nbgrader(home, key, "fetch_assignment", SET, *where)
    write_tickets(read_key(key), [me], tmp_path / "tickets")
    (home / "marginlib_tickets.json").write_bytes((tmp_path / "tickets" / me / "marginlib_tickets.json").read_bytes())
    path = home / SET / f"{SET}.ipynb"
    numbers = given(task("sizing-1"), ticket(SET, me, read_key(key)))
    answer = f"answer_1 = {task('sizing-1').solve(**numbers)!r}"
    path.write_bytes(content(filled(released(SET), {"sizing-1": answer})))
    nbgrader(home, key, "submit", SET, *where)
    nbgrader(course, key, "collect", SET, *where)
    assert (course / "submitted" / me / SET / "timestamp.txt").is_file()
    nbgrader(course, key, "autograde", SET)
    assert scores(course) == {me: task("sizing-1").points}
    nbgrader(course, key, "generate_feedback", SET)
    nbgrader(course, key, "release_feedback", SET, *where)
    nbgrader(home, key, "fetch_feedback", SET, *where)
    assert list(home.rglob(f"{SET}.html"))
