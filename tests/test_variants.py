"""Variants: what a graded course asks instead of the public sheet, whose solutions as they stand get it wrong."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields, replace
from functools import cache

import build_exercises as build
import nbformat
import pytest
from exercise_checks import VARIANTS as EVERY
from exercise_checks import answered_by, faults, given_away
from nbgrader_course import needs_sandbox, surroundings
from submissions import content, filled, full, hand_in, solutions
from test_grading_day import quick

from marginlib import MarginError
from marginlib.course import session
from marginlib.course.session import check, start
from marginlib.course.tasks import SETS, drawn, tasks, variants
from marginlib.grading import cli
from marginlib.grading import day as day_module
from marginlib.grading.example import example_class
from marginlib.grading.items import analyse
from marginlib.grading.keys import read_key
from marginlib.grading.release import settle_source
from marginlib.grading.sandbox import Sandbox
from marginlib.grading.verdict import Course, grade
from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.beliefs.recognise import answer
from marginlib.practice.tasks.collecting import collect
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import VARIED, given, grading_cases, open_cases, ticket
from marginlib.practice.tasks.task import Task, belief_codes

KEY = VARIED + b"a key that a teacher keeps, too."
JUDGED = [each for each in EVERY if each.kind != "explain"]
each_variant = pytest.mark.parametrize("asked", EVERY, ids=[f"{each.id}-v{each.variant}" for each in EVERY])
judged = pytest.mark.parametrize("asked", JUDGED, ids=[f"{each.id}-v{each.variant}" for each in JUDGED])
public = cache(solutions)


def verdicts(code: str, asked: Task, learner: str) -> list[bool]:
    """Return whether an answer cell passes in front of the learner, and at grading."""
    mine = ticket(asked.set, learner, KEY)
    answer = answered_by(code, asked, mine)
    judging = [cases for cases in (open_cases(asked, mine), grading_cases(asked, learner, KEY)) if cases]
    came = [collect(answer, cases if asked.asks_function else None) for cases in judging]
    return [judge(asked, cases, its).right is True for cases, its in zip(judging, came, strict=True)]


@judged
def test_the_public_solution_is_wrong_for_every_student_and_the_model_right(asked):
    model = build.faded(asked.cell, "worked", words=False)
    for k in range(25):
        assert all(verdicts(model, asked, f"learner {k}")), k
        assert not verdicts(public(asked.set)[asked.id], asked, f"learner {k}")[0], k


@judged
def test_beliefs_and_demands_get_words_of_their_own_and_no_points(asked):
    for k in range(6):
        cases = open_cases(asked, ticket(asked.set, f"learner {k}", KEY))
        for code, rule in {**asked.beliefs, **asked.demands}.items():
            outcomes = collect(rule, cases) if asked.asks_function else collect(rule(**cases[0]))
            told = judge(asked, cases, outcomes)
            assert told.state == "wrong" or (asked.wrong is not None and told.state == "stub"), (code, told)
            found = told.codes == belief_codes(code) if code in asked.beliefs else code in str(told)
            assert found or told.state == "stub", (code, told)
    assert {code for key in asked.beliefs for code in belief_codes(key)} <= BELIEFS.keys()


@judged
def test_neither_a_belief_nor_the_public_solution_is_right_for_any_of_100_learners(asked):
    names = [f"learner {k}" for k in range(100)]
    assert [fault for each in names for fault in (*faults(asked, each), *given_away(asked, each))] == []


@pytest.mark.parametrize("asked", [each for each in EVERY if each.catalogue], ids=lambda each: each.id)
def test_right_answer_and_beliefs_agree_with_the_engine(asked):
    ask, build_case = asked.catalogue
    for k in range(10):
        (case, *_) = open_cases(asked, ticket(asked.set, f"learner {k}", KEY))
        for codes, rule in {"": asked.solve, **asked.beliefs}.items():
            its = answer(ask, build_case(**case), *filter(None, codes.split("+")))
            assert rule(**case) == pytest.approx(its, rel=1e-9), codes


@each_variant
def test_a_variant_is_another_question_of_the_same_task(asked):
    plain = tasks(asked.set)[asked.number - 1]
    same = ("id", "objective", "points", "function", "title", "open_cases", "grading_cases")
    assert type(asked) is type(plain)
    assert [getattr(asked, name) for name in same] == [getattr(plain, name) for name in same]
    assert asked.reading != plain.reading
    assert bool(asked.model) == (asked.kind != "explain")
    for learner in ("ada", "ben"):
        numbers = given(asked, ticket(asked.set, learner, KEY))
        words = [asked.text.format(**numbers), *(text.format(**numbers) for text in asked.options.values())]
        cases = open_cases(asked, ticket(asked.set, learner, KEY))
        words += [asked.worked(**cases[0]), asked.nudge, asked.step, asked.reading, *asked.rubric, *asked.demands]
        assert not re.search(r"\{|\}|\$|\d\.\d{9}", re.sub(r"`[^`]*`", "", " ".join(words))), words
    assert {each.name for each in fields(asked)} == {each.name for each in fields(plain)}


def test_a_key_draws_one_variant_for_a_whole_class_and_old_keys_none():
    several = next(found for set_id in SETS for found in variants(set_id).values() if len(found) > 1)
    set_id, task_id = several[0].set, several[0].id
    seen = set()
    for k in range(40):
        key = VARIED + bytes([k]) * 32
        asked = [next(each for each in drawn(set_id, ticket(set_id, name, key)) if each.id == task_id) for name in "ab"]
        assert asked[0].variant == asked[1].variant > 0
        seen.add(asked[0].variant)
        assert drawn(set_id, ticket(set_id, "a", bytes([k]) * 32)) == tasks(set_id) == drawn(set_id, ticket(set_id))
    assert seen == set(range(1, len(several) + 1))


def test_a_ticket_asks_the_variant_and_check_never_tells_its_solution(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "_TICKETS", {})
    monkeypatch.setattr(session, "_NAMES", {})
    tickets = [[ticket(set_id, "ada", KEY + bytes([k])) for k in range(20)] for set_id in SETS]
    for asked in EVERY:
        monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / f"{asked.id} {asked.variant}.json"))
        mine = next(each for each in tickets[SETS.index(asked.set)] if asked in drawn(asked.set, each))
        numbers = start(asked.set, ticket=mine)
        assert asked.text.format(**numbers[asked.id]) in repr(numbers[asked.id])
        worked = asked.worked(**open_cases(asked, mine)[0])
        for wrong in (0.5, 1.5, 2.5, 3.5) if asked.kind != "explain" else ():
            told = check(asked.id, (lambda *_, wrong=wrong: wrong) if asked.asks_function else wrong)
            assert told.state in {"wrong", "odd"}
            assert worked not in str(told)


@needs_sandbox
@pytest.mark.parametrize("set_id", SETS)
def test_a_graded_course_gives_the_public_sheet_nothing_and_its_own_model_everything(set_id, tmp_path):
    source = tmp_path / "source" / set_id / f"{set_id}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(build.source_path(set_id), source)
    course = Course(set=set_id, key=KEY, students=("ada", "ben"))
    assert settle_source(tmp_path, set_id, KEY)
    assert not settle_source(tmp_path, set_id, KEY)
    with pytest.raises(MarginError, match="a question of another key"):
        settle_source(tmp_path, set_id, KEY[len(VARIED) :])
    release = nbformat.read(source, as_version=4)
    answers = {cell.id.removesuffix("-answer"): cell for cell in release.cells if cell.id.endswith("-answer")}
    model = {
        name: build.faded(cell.source, "worked", words=cell.cell_type == "markdown") for name, cell in answers.items()
    }
    with Sandbox() as sandbox:
        right = grade(content(filled(release, model)), "ada", course, sandbox)
        sheets = [build.version_path(set_id, "worked").read_bytes(), content(filled(release, public(set_id)))]
        given_away = [grade(sheet, "ben", course, sandbox) for sheet in sheets]
    assert {each.task: each.score for each in right.tasks} == full(set_id)
    assert {each.task: each.variant > 0 for each in right.tasks} == {n: bool(v) for n, v in variants(set_id).items()}
    for result in given_away:  # a task without a variant is asked as it stands
        assert all(each.variant == 0 for each in result.tasks if each.score)
        most = sum(each.points for each in result.tasks if each.score is not None)
        share = sum(each.score or 0 for each in result.tasks) / most
        print(f"{set_id}: the public sheet gets {share:.0%} of {most} points that no person gives")  # noqa: T201
        assert share <= 0.1


@needs_sandbox
def test_a_course_with_variants_from_its_key_to_its_feedback(tmp_path, monkeypatch, capsys):
    course, key = tmp_path / "course", tmp_path / "keys" / "key"
    key.parent.mkdir()
    shutil.copytree(build.source_path("sizing").parent, course / "source" / "sizing")
    shutil.copy(build.ROOT / "exercises" / "nbgrader_config.py", course)
    (course / "roster.csv").write_text("id\nada\nben\n", encoding="utf-8")
    monkeypatch.setattr(day_module, "nbgrader", quick)
    for name, value in surroundings(key).items():
        monkeypatch.setenv(name, value)
    where = [str(course), "sizing"]
    for words in (["key", str(key)], ["hand-out", *where], ["sheet", *where]):
        assert cli.main(words) == 0, capsys.readouterr().err
    mine = nbformat.read(course / "hand-out" / "sizing" / "ada" / "sizing.ipynb", as_version=4)
    asked = drawn("sizing", ticket("sizing", "ada", read_key(key)))
    text = {cell.id: cell.source for cell in mine.cells}
    assert [each for each in asked if not text[f"{each.id}-text"].endswith(each.reading)] == []
    assert "BEGIN" not in str(text)
    model = nbformat.read(course / "model" / "sizing.ipynb", as_version=4)
    checks = [str(cell.outputs) for cell in model.cells if cell.id.endswith("-check")]
    assert ["✓" in shown for shown in checks] == [True] * 8
    worked = {cell.id.removesuffix("-answer"): cell.source for cell in model.cells if cell.id.endswith("-answer")}
    hand_in(course, "ada", "sizing", content(filled(mine, worked)))
    hand_in(course, "ben", "sizing", build.version_path("sizing", "worked").read_bytes())
    assert cli.main(["all", *where, "--processes", "1"]) == 0
    capsys.readouterr()
    assert cli.main(["status", *where]) == 0
    scores = [line.split()[:4] for line in capsys.readouterr().out.splitlines()[1:]]
    assert scores == [["ada", "graded", "15", "18"], ["ben", "graded", "0", "18"]]
    page = (course / "feedback" / "ada" / "sizing" / "sizing.html").read_text(encoding="utf-8")
    for each in asked:
        assert each.reading.split("`")[0][:60] in page.replace("&#39;", "'"), each.id
    assert asked[-1].rubric[0][:40] in page
    assert "variant 1" in (course / "sizing.html").read_text(encoding="utf-8")


def test_results_of_two_questions_are_not_thrown_together():
    one, other, *_ = example_class("sizing", students=4)
    told = tuple(replace(each, variant=1) for each in other.tasks)
    with pytest.raises(MarginError, match=r"sizing-1, .*asked in several variants"):
        analyse([one, replace(one, student="x", tasks=told)])
