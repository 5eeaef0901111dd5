"""The course's key and the tickets it makes: who may read what, and which numbers a student gets."""

from __future__ import annotations

import json
import stat

import pytest

from marginlib import MarginError
from marginlib.course.session import check, start
from marginlib.course.tasks import SETS, task
from marginlib.grading.keys import fingerprint, new_key, read_key, read_roster, write_tickets
from marginlib.practice.tasks.numbering import VARIED, given, ticket

KEY = b"k" * 32


def test_a_key_is_the_owners_alone_and_never_replaced(tmp_path):
    key = new_key(tmp_path / "key")
    assert len(key) == len(VARIED) + 32
    assert len(new_key(tmp_path / "plain", variants=False)) == 32
    assert read_key(tmp_path / "plain").hex() == (tmp_path / "plain").read_text().strip()
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(MarginError, match="changes every student's numbers"):
        new_key(tmp_path / "key")
    assert read_key(tmp_path / "key") == key


def test_a_key_is_kept_out_of_what_is_shared(tmp_path):
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "nbgrader_config.py").touch()
    for place in ("repository/key", "repository/deep/key", "course/key"):
        with pytest.raises(MarginError, match="keep it outside of"):
            new_key(tmp_path / place)
        with pytest.raises(MarginError, match="keep it outside of"):
            read_key(tmp_path / place)


def test_a_key_is_read_from_the_file_that_the_variable_names(tmp_path, monkeypatch):
    monkeypatch.delenv("MARGINLIB_COURSE_KEY", raising=False)
    with pytest.raises(MarginError, match="MARGINLIB_COURSE_KEY"):
        read_key()
    key = new_key(tmp_path / "key")
    monkeypatch.setenv("MARGINLIB_COURSE_KEY", str(tmp_path / "key"))
    assert read_key() == key


@pytest.mark.parametrize("text", ["", "no key", "ab" * 31, "ab" * 33, "variants " + "ab" * 31, "variant " + "ab" * 32])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path, text):
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(MarginError, match="64 hexadecimal digits") as told:
        read_key(tmp_path / "key")
    assert not text or text not in str(told.value)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    new_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(MarginError, match="others can read it"):
        read_key(tmp_path / "key")


def test_a_fingerprint_gives_nothing_of_the_key_away():
    assert fingerprint(KEY) not in KEY.hex()
    assert len({fingerprint(bytes([k]) * 32) for k in range(200)}) == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("name\nada\n", "found: name"),
        ("id\nada\nada\n", "stands twice"),
        ("id,name\n,Ada\n", "is empty"),
        ("id\n../../etc\n", "no name of a folder"),
        ("id\n..\n", "no name of a folder"),
        ("id\nada\nADA\n", "stands twice"),
        ("id\nzoë\nZoe\u0308\n", "stands twice"),
    ],
)
def test_a_roster_that_would_mix_students_up_is_refused(tmp_path, text, words):
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8")
    with pytest.raises(MarginError, match=words):
        read_roster(tmp_path / "roster.csv")


def test_a_roster_from_a_spreadsheet_is_read(tmp_path):
    (tmp_path / "roster.csv").write_bytes('﻿id,last_name\r\nada,"Lovelace, Ada"\r\nюлия,Ю\r\n'.encode())
    assert read_roster(tmp_path / "roster.csv") == ["ada", "юлия"]


# --- tickets --------------------------------------------------------------------------------------------------------


@pytest.fixture
def handed_out(tmp_path):
    write_tickets(KEY, ["ada", "ben"], tmp_path)
    return tmp_path


def test_a_student_gets_a_ticket_for_each_set_and_nothing_of_the_key(handed_out):
    text = (handed_out / "ada" / "marginlib_tickets.json").read_text(encoding="utf-8")
    assert set(json.loads(text)["tickets"]) == set(SETS)
    assert KEY.hex() not in text
    assert json.loads(text)["tickets"]["sizing"] == ticket("sizing", "ada", KEY)


def test_the_notebook_finds_the_tickets_beside_it_or_above(handed_out, monkeypatch):
    monkeypatch.delenv("MARGINLIB_TICKETS", raising=False)
    deep = handed_out / "ada" / "exercises" / "blank"
    deep.mkdir(parents=True)
    numbers = given(task("sizing-1"), ticket("sizing", "ada", KEY))
    for place in (handed_out / "ada", deep):
        monkeypatch.chdir(place)
        assert dict(start("sizing")["sizing-1"]) == numbers
        assert dict(start("sizing", "another name")["sizing-1"]) == numbers  # the ticket counts


def test_the_variable_names_the_tickets_where_they_lie_elsewhere(handed_out, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARGINLIB_TICKETS", str(handed_out / "ben" / "marginlib_tickets.json"))
    assert dict(start("sizing")["sizing-1"]) == given(task("sizing-1"), ticket("sizing", "ben", KEY))
    monkeypatch.setenv("MARGINLIB_TICKETS", str(handed_out / "nobody.json"))
    with pytest.raises(MarginError, match="no such file"):
        start("sizing")


@pytest.mark.parametrize("text", ["", "[]", '{"tickets": {}}', '{"tickets": {"sizing": "made up"}}'])
def test_a_broken_ticket_is_refused_and_never_replaced_by_other_numbers(tmp_path, monkeypatch, text):
    (tmp_path / "marginlib_tickets.json").write_text(text)
    monkeypatch.delenv("MARGINLIB_TICKETS", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MarginError, match="ticket"):
        start("sizing")


def test_a_graded_sheet_without_its_ticket_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MARGINLIB_TICKETS", raising=False)
    monkeypatch.chdir(tmp_path)
    sheet = {"cells": [{"id": "start", "metadata": {"nbgrader": {"grade_id": "start"}}, "source": ""}, 3]}
    (tmp_path / "sizing.ipynb").write_text(json.dumps(sheet))
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "sizing.ipynb"))
    start("sizing")
    assert "your ticket is not here" in capsys.readouterr().out
    start("sizing", ticket=ticket("sizing", "ada", KEY))
    assert capsys.readouterr().out == ""
    (tmp_path / "sizing.ipynb").write_text("{}")
    start("sizing")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("graded", [True, False])
def test_a_check_in_a_graded_course_never_tells_the_solution(graded):
    how = {"ticket": ticket("sizing", "ada", KEY)} if graded else {"learner": "ada"}
    start("sizing", **how)
    told = [heading for wrong in range(1, 8) for heading, _ in check("sizing-1", wrong / 7).parts]
    assert "Second hint" in told
    assert ("Worked solution" in told) is not graded


@pytest.mark.parametrize(
    ("roster", "words"),
    [("id\nJos\xe9\n".encode("latin-1"), "give a CSV file in UTF-8"), (b"name\nada,1,2\n", "name, None")],
)
def test_a_roster_that_is_no_text_or_too_wide_is_told(tmp_path, roster, words):
    path = tmp_path / "roster.csv"
    path.write_bytes(roster)
    with pytest.raises(MarginError, match=words):
        read_roster(path)
