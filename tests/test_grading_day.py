"""A teacher's day in three commands, with what Canvas and Moodle hand over; done again, it changes nothing."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import forked
import nbformat
import pytest
from build_exercises import ROOT
from nbgrader.api import Gradebook
from nbgrader_course import copied, needs_sandbox
from submissions import TEXT, content, filled, released, solutions

from marginlib import MarginError
from marginlib.course.tasks import task
from marginlib.grading import cli
from marginlib.grading import day as day_module
from marginlib.grading.alike import fingerprints, forms, groups, of_public
from marginlib.grading.bulk import collect, entries, people
from marginlib.grading.keys import read_key
from marginlib.practice.tasks.numbering import ticket

SET = "sizing"
RIGHT = {**solutions(SET), "sizing-9": TEXT}
NAMES = ("ada", "ben", "cy", "łucja")
GRADEBOOK = "Student,ID,SIS User ID,SIS Login ID,Section,Sizing (7)\n    Points Possible,,,,,18\n" + "".join(
    f'"{name}, X",{100 + k},s{k},{name.upper()},A,\n' for k, name in enumerate(NAMES)
)
WORKSHEET = "Identifier,Full name,Email address,Status,Grade,Maximum Grade\n" + "".join(
    f"Participant {100 + k},{name} X,{name},,,18.00\n" for k, name in enumerate(NAMES)
)


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for k, (name, file) in enumerate(files.items()):
            made.writestr(zipfile.ZipInfo(name, (2026, 11, 1, 10, k, 0)), file)
    return path


def nested(name: str, file: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(name, file)
    return out.getvalue()


def collected(folder: Path, files: dict[str, bytes], known: str = GRADEBOOK, student: str = "SIS Login ID"):
    """Collect an archive into an empty course; return what came of it, and what stands there."""
    (folder / "people.csv").write_text(known, encoding="utf-8")
    download = archive(folder / "download.zip", files)
    named = people(folder / "people.csv", student)
    done = collect(folder, SET, download, roster=NAMES, known=named)
    there = {path.parts[-3]: path.read_bytes() for path in (folder / "submitted").glob(f"*/{SET}/{SET}.ipynb")}
    return done, there


# --- what an LMS hands over -----------------------------------------------------------------------------------------


def test_canvas_names_lead_to_the_students_of_the_roster(tmp_path):
    files = {
        "xada_100_9001_sizing.ipynb": b"{1}",
        "xben_LATE_101_9002_sizing-2.ipynb": b"{2}",
        "xcy_102_9003_Sizing (1).ipynb": b"{3}",
        "xucja_103_9004_work.zip": nested("folder/sizing.ipynb", b"{4}"),
        "stranger_777_9005_sizing.ipynb": b"{5}",
        "__MACOSX/._xada_100_9001_sizing.ipynb": b"",
        ".DS_Store": b"",
    }
    done, there = collected(tmp_path, files)
    assert there == {"ada": b"{1}", "ben": b"{2}", "cy": b"{3}", "łucja": b"{4}"}
    assert sorted(done.fresh) == sorted(NAMES)
    assert "1 unknown: 777" in str(done)
    again, _ = collected(tmp_path, files)
    assert (again.fresh, sorted(again.same)) == ([], sorted(NAMES))


@pytest.mark.parametrize("layout", ["{}_{}_assignsubmission_file_/{}", "{}_{}_assignsubmission_file_{}"])
def test_moodle_folders_and_flat_names_lead_to_the_students(tmp_path, layout):
    files = {layout.format(f"{name} X", 100 + k, "sizing.ipynb"): f"{{{k}}}".encode() for k, name in enumerate(NAMES)}
    files |= {"ada X_100_assignsubmission_onlinetext_/onlinetext.html": b"hello"}
    _, there = collected(tmp_path, files, WORKSHEET, "Email address")
    assert there == {name: f"{{{k}}}".encode() for k, name in enumerate(NAMES)}


def test_moodle_of_today_has_no_underscore_before_the_slash(tmp_path):
    _, there = collected(tmp_path, {"ben X_101_assignsubmission_file/sizing.ipynb": b"{}"}, WORKSHEET, "Email address")
    assert there == {"ben": b"{}"}


def test_the_latest_of_several_counts_and_is_told(tmp_path):
    files = {
        "xada_100_9001_sizing.ipynb": b"{1}",
        "xada_100_9009_sizing-1.ipynb": b"{2}",
        "xada_100_9010_notes.ipynb": b"{3}",
        "xben_101_9002_homework.ipynb": b"{4}",
        "xcy_102_9003_essay.pdf": b"{5}",
    }
    done, there = collected(tmp_path, files)
    assert there == {"ada": b"{2}", "ben": b"{4}"}
    assert "ada: handed in 2 notebooks; took 'xada_100_9009_sizing-1.ipynb', the latest" in done.told
    assert any(line.startswith("ben: took 'homework.ipynb'") for line in done.told)
    assert "cy: handed in 'essay.pdf', and no notebook" in done.told


def test_a_folder_and_an_archive_of_one_are_taken_too(tmp_path):
    (tmp_path / "there" / "ADA" / SET).mkdir(parents=True)
    (tmp_path / "there" / "ADA" / SET / "sizing.ipynb").write_bytes(b"{1}")
    (tmp_path / "there" / "ben.txt").write_bytes(b"")
    done = collect(tmp_path, SET, tmp_path / "there", roster=NAMES, known={})
    assert done.fresh == ["ada"]
    assert (tmp_path / "submitted" / "ada" / SET / "sizing.ipynb").read_bytes() == b"{1}"


def test_no_name_in_an_archive_leads_anywhere_else(tmp_path):
    files = {"../../../evil/sizing.ipynb": b"{}", "/etc/sizing.ipynb": b"{}", "..\\x/sizing.ipynb": b"{}"}
    archive(tmp_path / "download.zip", files)
    done = collect(tmp_path / "course", SET, tmp_path / "download.zip", roster=(), known={})
    assert done.fresh == ["..\\x"] or not done.fresh
    assert not (tmp_path / "evil").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"download.zip", "course"}


@pytest.mark.parametrize("text", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path, text):
    (tmp_path / "download.zip").write_bytes(text)
    with pytest.raises(MarginError, match="give the archive"):
        entries(tmp_path / "download.zip")


def test_a_broken_archive_of_a_student_costs_nobody_else(tmp_path):
    broken = nested("sizing.ipynb", b"{}")
    files = {"xada_100_1_work.zip": broken[:-10], "xben_101_2_sizing.ipynb": b"{2}"}
    done, there = collected(tmp_path, files)
    assert there == {"ben": b"{2}"}
    assert any(line.startswith("ada: handed in 'work.zip'") for line in done.told)


# --- the day --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day(released_course, tmp_path_factory):
    """A course with its roster, what Canvas exports, and what the class handed in."""
    course, key = copied(released_course, tmp_path_factory.mktemp("day"))
    (course / "roster.csv").write_text("id\n" + "\n".join((*NAMES, "dee")), encoding="utf-8")
    (course / "people.csv").write_text(GRADEBOOK, encoding="utf-8")
    release = released(SET)
    right = content(filled(release, RIGHT))
    files = {
        "xada_100_1_sizing.ipynb": right,
        "xben_101_2_sizing.ipynb": content(filled(release, {**RIGHT, "sizing-1": "answer_1 = 1"})),
        "xcy_102_3_sizing.ipynb": content(filled(release, {"sizing-1": RIGHT["sizing-1"]})),
    }
    archive(course / "download.zip", files)
    return course, key


def command(capsys, day, *words: str) -> str:
    assert cli.main([words[0], str(day[0]), SET, *words[1:]]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def quick(root, _key, *words: str) -> str:
    """Do what `day.nbgrader` does in a process that has nbgrader loaded already."""
    code, said = forked.nbgrader(Path(root), dict(os.environ), *words)
    return said if code else ""


def state(course: Path) -> dict[str, tuple[int, bytes]]:
    """Everything that grading has written, and when."""
    there = [path for path in course.rglob("*") if path.is_file()]
    return {path.relative_to(course).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in there}


@needs_sandbox
def test_a_day_from_the_hand_out_to_feedback_in_the_lms(day, capsys, monkeypatch):
    course, key = day
    monkeypatch.setenv("MARGINLIB_COURSE_KEY", str(key))
    monkeypatch.setattr(day_module, "nbgrader", quick)
    assert "5 notebooks" in command(capsys, day, "hand-out")
    mine = nbformat.read(course / "hand-out" / SET / "łucja" / f"{SET}.ipynb", as_version=4)
    assert ticket(SET, "łucja", read_key(key)) in next(cell for cell in mine.cells if cell.id == "start").source
    how = (str(course / "download.zip"), "--people", str(course / "people.csv"))
    assert command(capsys, day, "collect", *how).startswith("3 new")
    first = command(capsys, day, "all", "--processes", "1")
    assert "5 students: 3 graded, 2 not" in first
    assert "2 texts to read" in first
    assert "2 not graded, missing: dee, łucja" in first
    before = state(course)
    for _ in range(2):
        again = command(capsys, day, "all", "--processes", "1")
        assert state(course) == before
        assert "0 into the gradebook, 0 of them again; 0 feedback pages" in again
    page = (course / "feedback" / "ada" / SET / f"{SET}.html").read_text(encoding="utf-8")
    assert "waits for a person" in page
    # A person reads ada's text; cy hands in again, with a text of headings.
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        grade = book.find_grade("sizing-9-answer", SET, SET, "ada")
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        book.db.commit()
    better = content(filled(released(SET), {**RIGHT, "sizing-9": "# All of it"}))
    archive(course / "download.zip", {"xcy_102_4_sizing-1.ipynb": better})
    assert command(capsys, day, "collect", *how).startswith("1 new")
    (course / "canvas.csv").write_text(GRADEBOOK, encoding="utf-8")
    assert cli.main(["run", str(course), SET]) == 0
    assert "1 handed in again: cy;" in capsys.readouterr().out
    assert cli.main(["canvas", str(course), SET, str(course / "canvas.csv"), "--assignment", "Sizing"]) == 2
    assert "'cy': these have another result than the gradebook holds" in capsys.readouterr().err
    assert "1 into the gradebook" in command(capsys, day, "all", "--processes", "1")
    page = (course / "feedback" / "ada" / SET / f"{SET}.html").read_text(encoding="utf-8")
    assert "waits for a person" not in page
    listed = command(capsys, day, "status")
    (ada,) = [line.split() for line in listed.splitlines() if line.startswith("ada ")]
    assert ada[1:5] == ["graded", "17", "18", "0"]
    roster = ["--roster", str(course / "roster.csv")]
    assert cli.main(["canvas", str(course), SET, str(course / "canvas.csv"), "--assignment", "Sizing", *roster]) == 0
    said = capsys.readouterr().out
    filled_in = (course / "canvas-filled.csv").read_text(encoding="utf-8")
    assert ",ADA,A,17.00\n" in filled_in
    assert ",ŁUCJA,A,\n" in filled_in
    assert "not in the course" not in said
    assert "1 files, under the names that the LMS takes back; not in it: ada, ben" in command(
        capsys, day, "return", *how
    )
    with zipfile.ZipFile(course / f"{SET}-feedback.zip") as packed:
        assert packed.namelist() == ["xcy_102_4_sizing-1.html"]
        assert b"All of it" in packed.read("xcy_102_4_sizing-1.html")


def test_moodle_takes_each_students_notebook_before_anybody_handed_in(day, capsys, monkeypatch):
    course, key = day
    monkeypatch.setenv("MARGINLIB_COURSE_KEY", str(key))
    (course / "worksheet.csv").write_text(WORKSHEET, encoding="utf-8")
    said = command(capsys, day, "hand-out", "--people", str(course / "worksheet.csv"))
    assert "not in it: dee" in said
    with zipfile.ZipFile(course / "hand-out" / f"{SET}.zip") as packed:
        names = packed.namelist()
        assert len(names) == 4
        # As Moodle splits the name of a folder: name, number, kind and plug-in.
        assert {tuple(name.split("/")[0].split("_", 4)[1:4]) for name in names} == {
            (str(100 + k), "assignfeedback", "file") for k in range(4)
        }


# --- alike ----------------------------------------------------------------------------------------------------------


MINE = """
def available(wallet, quantity, entry, mark, leverage):
    equity = wallet + quantity * (mark - entry)
    reserved = abs(quantity) * mark / leverage
    return max(0, equity - reserved)
"""
CHANGED = """
def pnl(q, bought, now):  # mine
    return q * (now - bought)
def available(w, q, e, m, l):
    b = abs(q) * m / l
    a = pnl(q, e, m) + w
    sure = "certain"
    return max(0, a - b)
"""


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (f"{MINE}# a remark\nsure = 'guess'", [True, True, True]),
        (MINE.replace("equity", "eq").replace("reserved", "im"), [False, True, True]),
        (
            MINE.replace(
                "    return max(0, equity - reserved)", "    rest = equity - reserved\n    return max(0, rest)"
            ),
            None,
        ),
        (CHANGED, [False, False, True]),
        (MINE.replace("mark - entry", "entry - mark"), [False, False, False]),
        ("def available(*case): return 3", [False, False, False]),
        ("available = = 3", [False]),
        ("available = " + "-" * 4_000 + "1", [False]),
    ],
)
def test_an_answer_is_the_same_whatever_it_calls_things_and_wherever_they_stand(other, same):
    found = [a == b for a, b in zip(forms(MINE, "available"), forms(other, "available"), strict=False)]
    assert found == (same or [False, False, True])


def test_who_shares_what_is_rare_is_named_and_who_shares_the_usual_way_is_not():
    tasks = [f"sizing-{k}" for k in range(1, 9)]
    usual = {f"s{k}": {each: ("a", "b", f"{each} {k % 3}") for each in tasks} for k in range(28)}
    rare = {each: (f"rare {each}", "", "") for each in tasks}
    assert groups(usual) == []
    (line,) = groups({**usual, "ada": rare, "ben": rare})
    assert line == f"nearly the same code in {', '.join(tasks)}: ada, ben"
    assert groups({**usual, "ada": dict(list(rare.items())[:2]), "ben": rare}) == []
    assert groups({**usual, "ada": rare, "ben": rare}, {"the sheet": rare}) == []
    assert of_public({**usual, "ada": rare}, {"the sheet": rare}) == ["nearly the code of the sheet: ada"]


def test_a_public_sheet_is_known_again():
    mine = fingerprints(content(filled(released(SET), RIGHT)), SET)
    assert len(mine) == 8
    worked = fingerprints((ROOT / "exercises" / "worked" / f"{SET}.ipynb").read_bytes(), SET)
    assert of_public({"ada": mine}, {"worked": worked}) == ["nearly the code of worked: ada"]


def test_a_personal_notebook_is_the_release_but_for_its_first_cell(day, capsys, monkeypatch):
    course, key = day
    monkeypatch.setenv("MARGINLIB_COURSE_KEY", str(key))
    command(capsys, day, "hand-out")
    release = json.loads((course / "release" / SET / f"{SET}.ipynb").read_text(encoding="utf-8"))
    mine = json.loads((course / "hand-out" / SET / "ada" / f"{SET}.ipynb").read_text(encoding="utf-8"))
    differ = [a["id"] for a, b in zip(release["cells"], mine["cells"], strict=True) if a["source"] != b["source"]]
    assert differ == ["start"]
    assert task("sizing-1").set == SET
