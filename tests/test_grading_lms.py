"""Grades in files that Canvas and Moodle have exported: one column changes, everything else stays byte for byte."""

from __future__ import annotations

import csv
import io

import pytest

from marginlib import MarginError
from marginlib.grading import lms
from marginlib.grading.lms import fill_canvas, fill_moodle

# As Canvas exports it: a byte order mark, a row of points, a row of its own about posting, a test student.
CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Sizing and margin (4711),Isolated (4712),Current Score\r\n"
    ",,,,,Manual Posting,,(read only)\r\n"
    "    Points Possible,,,,,18.00,20.00,(read only)\r\n"
    '"Lovelace, Ada",11,s11,ada,A,,3.50,90\r\n'
    '"O\'Neil, ""Ben""",12,s12,ben,A,,,80\r\n'
    '"Żółć, Łucja",13,s13,łucja,B,,,\r\n'
    '"=1+1, Mallory",14,s14,mallory,B,,,\r\n'
    '"Student, Test",15,,,A,,,\r\n'
).encode()
# The grading worksheet of a Moodle assignment, and the gradebook's export.
WORKSHEET = (
    b"Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    b"Last modified (submission),Last modified (grade),Feedback comments\n"
    b'Participant 101,"Lovelace, Ada",,Ada@X.org,Submitted,,100.00,Yes,"Friday, 27 November 2026, 9:00 AM",-,\n'
    b"Participant 102,Ben Ney,,ben@x.org,No submission,,100.00,Yes,-,-,\n"
)
EXPORT = (
    "First name;Last name;ID number;Institution;Department;Email address;Assignment: Sizing (Real);Last downloaded\r\n"
    "Ada;Lovelace;7;;;ada@x.org;-;1\r\n"
    "Zoë;Ney;8;;;zoë@x.org;-;1\r\n"
).encode()


def canvas(grades, content=CANVAS, assignment="Sizing and margin", **how):
    return fill_canvas(content, grades, assignment, points=18, **how)


def cells(content: bytes, separator=",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=separator))


def test_canvas_gets_one_column_and_nothing_else_changes():
    filled = canvas({"ada": 15, "ben": 0, "łucja": 17.125, "mallory": 1})
    for before, after in zip(CANVAS.split(b"\r\n"), filled.content.split(b"\r\n"), strict=True):
        if b"Ada" in before:
            assert after == before.replace(b",ada,A,,", b",ada,A,15.00,")
        elif b"Ben" in before:
            assert after == before.replace(b",ben,A,,", b",ben,A,0.00,")
        elif "Łucja".encode() in before:
            assert after == before.replace("łucja,B,,".encode(), "łucja,B,17.13,".encode())
        elif b"Mallory" in before:
            assert after == before.replace(b",mallory,B,,", b",mallory,B,1.00,")
        else:
            assert after == before
    assert filled.written == ("ada", "ben", "łucja", "mallory")
    assert filled.strangers == ("Student, Test",)


def test_what_is_not_graded_stays_empty_and_is_told():
    filled = canvas({"ada": None, "ben": 3, "zed": 9, "quiet": None})
    assert cells(filled.content)[3][5] == ""
    assert (filled.ungraded, filled.not_there) == (("ada",), ("zed",))
    assert set(filled.strangers) == {"łucja", "mallory", "Student, Test"}
    words = str(filled)
    assert "1 grades written" in words
    assert "graded, but not in the file: zed" in words


@pytest.mark.parametrize(
    ("points", "text"),
    [(2.345, "2.35"), (2.675, "2.68"), (2.665, "2.67"), (1 / 3, "0.33"), (17.999, "18.00"), (0, "0.00")],
)
def test_halves_go_up_at_the_second_digit(points, text):
    assert cells(canvas({"ada": points}).content)[3][5] == text


def test_grades_are_scaled_to_what_the_lms_says_is_possible():
    half = CANVAS.replace(b"18.00,20.00", b"9.00,20.00")
    assert cells(canvas({"ada": 15}, half).content)[3][5] == "7.50"


def test_ids_are_the_same_but_for_capitals_and_ways_to_write_an_accent():
    assert canvas({"ADA": 1, "łucja": 2}).written == ("ADA", "łucja")
    decomposed = {"zoe\u0308@x.org": 4}
    assert fill_moodle(EXPORT, decomposed, "Sizing", points=18, maximum=18).written == ("zoe\u0308@x.org",)
    with pytest.raises(MarginError, match="same id"):
        canvas({"ada": 1, "ADA": 2})


def test_a_grade_that_stands_there_is_not_lost_in_silence():
    with pytest.raises(MarginError, match=r"'ada' has the grade 3\.50 already"):
        canvas({"ada": 15}, assignment="Isolated")
    assert cells(canvas({"ada": 15}, assignment="Isolated", replace=True).content)[3][6] == "16.67"
    again = canvas({"ada": 15}).content
    assert canvas({"ada": 15}, again).content == again


@pytest.mark.parametrize(
    ("content", "assignment", "words"),
    [
        (b"Name,Grade\r\nAda,\r\n", "Sizing and margin", "no column 'SIS Login ID'.*Name, Grade"),
        (b"", "Sizing and margin", "no column 'SIS Login ID'.*nothing"),
        (CANVAS.replace(b"18.00,20.00", b"0.00,20.00"), "Sizing and margin", r"maximum = 0: give a number above 0"),
        (CANVAS.replace(b"18.00,20.00", b"-5,20.00"), "Sizing and margin", "give a number above 0"),
        (CANVAS.replace(b"18.00,20.00", b"nan,20.00"), "Sizing and margin", "give a number above 0"),
        (CANVAS.replace(b"    Points Possible", b"    Punkte"), "Sizing and margin", "say it with --maximum"),
        (CANVAS.replace(b"margin (4711)", b"margin (retake) (8)"), "Sizing and margin", "no column of that name"),
        (CANVAS, "Sizing", "no column of that name"),
        (CANVAS.replace(b"Isolated (4712)", b"Sizing and margin (4712)"), "Sizing and margin", "2 columns"),
        (CANVAS.replace(b",ben,", b",ada,"), "Sizing and margin", "'ada' stands in rows 4 and 5"),
        (CANVAS.replace(b"18.00", b"many"), "Sizing and margin", "Points Possible = 'many'"),
        ("Student\n".encode("utf-16"), "Sizing and margin", "not UTF-8"),
    ],
)
def test_a_file_that_canvas_does_not_write_is_refused(content, assignment, words):
    with pytest.raises(MarginError, match=words):
        canvas({"ada": 1}, content, assignment)


def test_moodles_worksheet_is_filled_to_its_own_maximum():
    filled = fill_moodle(WORKSHEET, {"ada@x.org": 9, "ben@x.org": None}, points=18)
    assert filled.content == WORKSHEET.replace(b"Submitted,,100.00", b"Submitted,50.00,100.00")
    assert filled.ungraded == ("ben@x.org",)


def test_moodles_gradebook_keeps_its_semicolons():
    filled = fill_moodle(EXPORT, {"8": 15}, "Sizing", points=18, student="ID number", maximum=100)
    assert filled.content == EXPORT.replace("zoë@x.org;-;1".encode(), "zoë@x.org;83.33;1".encode())


def test_a_dash_is_no_grade_that_could_be_lost():
    assert fill_moodle(EXPORT, {"ada@x.org": 12}, "Sizing", points=18, maximum=18).written == ("ada@x.org",)


def test_the_columns_of_another_language_are_named_by_the_teacher():
    german = (
        "ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung,Bestwertung\n"
        "Teilnehmer/in 1,Ada,ada@x.org,Abgegeben,,36.00\n"
    ).encode()
    named = {"student": "E-Mail-Adresse", "maximum": "Bestwertung"}
    filled = fill_moodle(german, {"ada@x.org": 15}, "Bewertung", points=18, **named)
    assert filled.content == german.replace(b"Abgegeben,,36", b"Abgegeben,30.00,36")
    split = b"LastName,FirstName,ID,SIS Login ID,Section,Sizing (7)\nPoints Possible,,,,,18\nL,Ada,1,ada,A,\n"
    assert fill_canvas(split, {"ada": 15}, "Sizing", points=18).content.endswith(b"ada,A,15.00\n")


def test_a_row_that_ends_early_is_filled():
    short = (
        b'Student,ID,SIS Login ID,Section,Sizing (7)\n    Points Possible,,,,18\n"L, Ada",1,ada,A\n\n"B, Ben",2,ben\n'
    )
    filled = fill_canvas(short, {"ada": 15, "ben": 3}, "Sizing", points=18)
    assert filled.content.endswith(b'"L, Ada",1,ada,A,15.00\n\n"B, Ben",2,ben,,3.00\n')


@pytest.mark.parametrize("replace", [True, False])
def test_who_is_excused_stays_so_and_is_told(replace):
    file = CANVAS.replace(b",ada,A,,", b",ada,A,EX,")
    filled = canvas({"ada": 15, "ben": 3}, file, replace=replace)
    assert b",ada,A,EX," in filled.content
    assert (filled.excused, filled.written, filled.ungraded) == (("ada",), ("ben",), ())
    assert "1 excused, left so: ada" in str(filled)


@pytest.mark.parametrize("grade", [float("nan"), float("inf"), -1.0])
def test_a_grade_that_is_none_is_refused_with_the_name(grade):
    with pytest.raises(MarginError, match="'ada' needs a number from 0 up"):
        canvas({"ada": grade})


@pytest.mark.parametrize(("score", "penalty", "grade"), [(15, 20, 0.0), (15, 5, 10.0), (15, None, 15.0)])
def test_a_late_penalty_takes_no_more_than_there_is(score, penalty, grade):
    assert lms.total(score, penalty, waits=False) == grade
    assert lms.total(score, penalty, waits=True) is None


@pytest.mark.parametrize(
    ("content", "how", "words"),
    [
        (CANVAS, {}, "no column 'Email address'"),
        (EXPORT, {"assignment": "Sizing"}, "say it with --maximum"),
        (WORKSHEET.replace(b"100.00", b"0.00"), {}, "give a number above 0"),
        (WORKSHEET, {"student": "Matrikel"}, "no column 'Matrikel'"),
        (WORKSHEET.replace(b"100.00,Yes,-", b"?,Yes,-"), {}, r"Maximum Grade = '\?'"),
    ],
)
def test_a_file_that_moodle_does_not_write_is_refused(content, how, words):
    with pytest.raises(MarginError, match=words):
        fill_moodle(content, {"ada@x.org": 1, "ben@x.org": 2}, points=18, **how)


def test_a_quoted_cell_may_hold_line_ends_and_commas():
    odd = CANVAS.replace(b'"Lovelace, Ada"', b'"Lovelace,\r\nAda"')
    assert canvas({"ada": 15}, odd).content == odd.replace(b",ada,A,,", b",ada,A,15.00,")


def test_a_quote_within_a_name_hides_no_row_and_moves_no_cell():
    odd = CANVAS.replace(b'"Lovelace, Ada"', b'Ada 5" Lovelace')
    assert canvas({"ada": 15, "ben": 3}, odd).content == odd.replace(b",ada,A,,", b",ada,A,15.00,").replace(
        b",ben,A,,", b",ben,A,3.00,"
    )
