"""nbgrader's own commands on the course as it is: validate, exchange, autograde again, feedback, export."""

from __future__ import annotations

import csv
import getpass
import json
import re
from pathlib import Path

import build_exercises as build
import pytest
from nbgrader.api import Gradebook
from nbgrader_course import copied, nbgrader, needs_sandbox
from submissions import TEXT, believed, content, filled, hand_in, released, solutions

from marginlib.course.tasks import SETS, task, tasks
from marginlib.grading.items import analyse
from marginlib.grading.jobs import Setup, run
from marginlib.grading.keys import read_key, write_tickets
from marginlib.grading.report import next_class, page, talk_about
from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.tasks.numbering import given, grading_cases, open_cases, ticket

SET = "sizing"
RIGHT = {**solutions(SET), "sizing-9": TEXT}

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def term(released_course, tmp_path_factory):
    """A course in which ada has all right, ben has one number wrong, cy changed nothing, and dee has functions wrong.

    One of dee's functions fails in front of her, the other one at grading only.
    """
    course, key = copied(released_course, tmp_path_factory.mktemp("term"))
    release = released(SET)
    seen = [tuple(case.values()) for case in open_cases(task("sizing-3"), ticket(SET, "dee", read_key(key)))]
    known = f"def available(*case):\n    if case not in {seen!r}:\n        return -7\n"
    right = RIGHT["sizing-3"].replace("def available", "    def really").replace("\n", "\n    ")
    wrong = {
        "sizing-3": f"{known}{right}\n    return really(*case)",
        "sizing-6": "def margin_ratio(wallet, quantity, entry, mark):\n    return 0.125",
    }
    class_ = {"ada": RIGHT, "ben": {**RIGHT, "sizing-1": "answer_1 = 1"}, "cy": {}, "dee": {**RIGHT, **wrong}}
    for student, answers in class_.items():
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
    points = {each.id: each.points for each in tasks(SET) if each.kind != "explain"}
    full = sum(points.values())
    dee = full - points["sizing-3"] - points["sizing-6"]
    assert scores(term[0]) == {"ada": full, "ben": full - points["sizing-1"], "cy": 0, "dee": dee}


def test_export_writes_what_the_gradebook_holds(term):
    course, key = term
    nbgrader(course, key, "export")
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file) if row["assignment"] == SET}
    assert rows == scores(course)


def told(page: str, case: dict[str, float]) -> bool:
    """Return whether all numbers of a case can be read on a page, however they are written there."""
    text = re.sub(r"<style.*?</style>|<[^>]*>|(?<=\d),(?=\d{3})", "", page, flags=re.DOTALL)
    return {abs(value) for value in case.values()} <= {float(number) for number in re.findall(r"\d+\.?\d*", text)}


def test_feedback_names_what_was_returned(term):
    assert "You answered 1 dollar." in re.sub(r"<[^>]*>", "", feedback(term[0], "ben"))


def test_feedback_tells_an_open_case_and_no_hidden_one(term):
    course, key = term
    page, mine = feedback(course, "dee"), ticket(SET, "dee", read_key(key))
    assert any(told(page, case) for case in open_cases(task("sizing-6"), mine))
    for each in tasks(SET):
        if each.asks_function:
            assert not any(told(page, case) for case in grading_cases(each, "dee", read_key(key))), each.id


def test_feedback_is_a_page_that_asks_nothing_of_the_network(term):
    for student in ("ada", "ben", "cy", "dee"):
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


def test_the_class_page_names_what_to_talk_about_and_the_live_class(tmp_path):
    """Of four, three answer sizing-8 by one belief and one of these sizing-2 by another; that one is no class."""
    setup = Setup(root=tmp_path, set=SET, key=b"k" * 32, students=("ada", "ben", "cy", "dee"))
    for student in setup.students:
        mine, held = ticket(SET, student, setup.key), {}
        if student != "ada":
            held["sizing-8"] = believed(task("sizing-8"), "NO_MAINTENANCE", mine)
        if student == "dee":
            held["sizing-2"] = believed(task("sizing-2"), "SIGN", mine)
        hand_in(tmp_path, student, SET, content(filled(released(SET), {**RIGHT, **held})))
    found = analyse(list(run(setup)))
    statement = BELIEFS["NO_MAINTENANCE"].statement
    (said,) = talk_about(found)
    assert said.startswith(f"sizing-8, {task('sizing-8').title}: 3 of 4 do not have all of its points.")
    assert said.endswith(f"The most frequent belief, in 3 of the answers: “{statement}”")
    (told,) = next_class(found)
    assert told.startswith(f"3 of 4 students answered as if: “{statement}” Ask in the live class “02 · ")
    heading, places = re.search("“(02 · [^”]*)”: questions? ([0-9, ]+)", told).groups()
    classes = (build.ROOT / "exercises" / "CLASSES.md").read_text(encoding="utf-8")
    lesson = classes.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    asked = re.split(r"^\*\*(\d+)\. ", lesson, flags=re.MULTILINE)
    shown = [place for place, text in zip(asked[1::2], asked[2::2], strict=True) if "[`NO_MAINTENANCE`]" in text]
    assert places.split(", ") == shown
    assert f"<li>{told}</li>" in page(found)


@pytest.mark.parametrize("set_id", SETS)
def test_every_set_is_released_as_its_blank_version(released_course, set_id):
    made = json.loads((released_course / "course" / "release" / set_id / f"{set_id}.ipynb").read_text(encoding="utf-8"))
    blank = json.loads(build.version_path(set_id, "blank").read_text(encoding="utf-8"))
    assert [each["source"] for each in made["cells"]] == [each["source"] for each in blank["cells"]]
    marked = [cell["metadata"]["nbgrader"] for cell in made["cells"] if "nbgrader" in cell["metadata"]]
    points = sum(each.get("points", 0) for each in marked if each["grade"])
    assert points == sum(each.points for each in tasks(set_id))


def validate(folder: Path, answers: dict[str, str]) -> str:
    """Return what `nbgrader validate` tells a student."""
    path = folder / f"{SET}.ipynb"
    path.write_bytes(content(filled(released(SET), answers)))
    return nbgrader(folder, folder / "no key", "validate", path.name)


def test_validate_runs_on_what_a_student_has(tmp_path, monkeypatch):
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "progress.jsonl"))
    assert "Success" in validate(tmp_path, RIGHT)
    assert "failed" in validate(tmp_path, {"sizing-1": "answer_1 = 1 / 0"})


def test_the_exchange_carries_a_set_out_and_back(released_course, tmp_path):
    """A folder that all can reach stands for a hub's; the student is whoever runs the test."""
    course, key = copied(released_course, tmp_path)
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
