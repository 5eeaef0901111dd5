"""Whatever is handed in, exported or downloaded: it is read, or refused with a reason, and never slowly.

    python -m pytest tests/long/test_fuzz.py --hypothesis-profile=search      about ten minutes

A corpus of what has once been slow or odd is tried first; then hypothesis builds notebooks, and damages real files.
Time is that of the processor, so a busy machine fails nothing.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from submissions import TEXT, content, filled, released, solutions

from marginlib import MarginError
from marginlib.course.tasks import tasks
from marginlib.grading.alike import fingerprints
from marginlib.grading.bulk import collect
from marginlib.grading.jobs import Setup, result_of, submission
from marginlib.grading.lms import fill_canvas, fill_moodle
from marginlib.grading.preprocessors import FeedbackExporter, _fill
from marginlib.grading.sheet import Ungradable, parse

SET = "sizing"
RELEASE = released(SET)
RIGHT = content(filled(RELEASE, {**solutions(SET), "sizing-9": TEXT}))
LONGEST = 1.0  # of the processor, for one step [s]
SLOW = {  # texts that a careless pattern, a renderer or a parser takes long over
    "blanks": " " * 99_000 + "x",
    "lines": "\n" * 99_000,
    "brackets": "[" * 99_000,
    "links": "[a](" * 24_000,
    "stars": "*a_" * 33_000,
    "quotes": "> " * 49_000,
    "ticks": "`" * 99_000,
    "entities": "&" * 99_000,
    "tags": "<a " * 33_000,
    "comment": "<!--" * 24_000,
    "dollars": "$" * 99_000,
    "stub": "given = numbers[" + '"' * 90_000,
    "function": "def f(" + ")" * 90_000,
    "surrogates": "\ud800" * 1_000 + "\x00\x1b[31m\u202e",
    "table": "|a" * 40_000 + "\n" + "|-" * 9_000,
    "deep": "(" * 50_000,
}


class Page(FeedbackExporter):
    """Feedback without a gradebook: nobody waits for a score."""

    _preprocess = HTMLExporter._preprocess  # noqa: SLF001 - what its own one replaces


def within(work):
    """Return what some work returns; fail where the processor was busy with it for too long."""
    start = time.process_time()
    done = work()
    took = time.process_time() - start
    assert took < LONGEST, f"{took:.2f} s"
    return done


def read(file: bytes) -> None:
    """Read a submission as grading does, up to the page that a person opens."""
    with suppress(Ungradable):
        sheet = within(lambda: parse(file, SET))
        json.dumps([*sheet.steps, dict(sheet.answers), sheet.own])
        within(lambda: fingerprints(file, SET))


@pytest.mark.parametrize("where", ["answer", "own", "raw", "name"])
@pytest.mark.parametrize("name", SLOW)
def test_whatever_is_handed_in_is_read_in_a_second(name, where, tmp_path):
    notebook = json.loads(RIGHT)
    text = SLOW[name]
    for cell in notebook["cells"]:
        if where == "answer" and cell["id"].endswith("-answer") and cell["id"] > "sizing-5":
            cell["source"] = text
    if where == "own":
        notebook["cells"] += [{"cell_type": kind, "metadata": {}, "source": text} for kind in ("code", "markdown")]
    if where == "raw":
        notebook["cells"].append({"cell_type": "raw", "source": [text]})
    if where == "name":
        notebook["cells"].append({"cell_type": "code", "id": text, "source": "1", "metadata": {"nbgrader": text}})
    path = tmp_path / "submitted" / "ada" / SET / f"{SET}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(json.dumps(notebook).encode())
    read(path.read_bytes())
    clean = deepcopy(RELEASE)
    within(lambda: _fill(clean, path, tmp_path / "submitted", SET))
    page = within(lambda: Page().from_notebook_node(clean, {"nbgrader": {"waits": 0}})[0])
    assert "<script>1" not in page


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(PLAIN, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each))
NAMES = st.sampled_from([f"{task.id}-{part}" for task in tasks(SET) for part in ("answer", "check", "text", "numbers")])
SOURCE = (
    st.text(max_size=60) | st.sampled_from(sorted(SLOW.values())) | st.lists(st.text(max_size=9), max_size=4) | JSON
)
CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | JSON,
        "id": NAMES | JSON,
        "source": SOURCE,
        "metadata": st.fixed_dictionaries({"nbgrader": st.fixed_dictionaries({"grade_id": NAMES | JSON}) | JSON})
        | JSON,
        "outputs": JSON,
    },
)
NOTEBOOK = st.fixed_dictionaries({"nbformat": st.just(4) | JSON, "cells": st.lists(CELL | JSON, max_size=12) | JSON})


@given(NOTEBOOK)
def test_a_notebook_of_any_shape_is_read_or_refused(notebook):
    read(json.dumps(notebook).encode())


def damaged(whole: bytes):
    """Files that are a real one with pieces lost, doubled or put in."""
    cuts = st.tuples(st.integers(0, len(whole)), st.integers(0, 400), st.binary(max_size=12), st.integers(1, 3))

    def hurt(pieces):
        file = whole
        for at, length, put, times in pieces:
            file = file[:at] + put + file[at : at + length] * (times - 1) + file[at + length * (times % 2) :]
        return file

    return st.lists(cuts, min_size=1, max_size=4).map(hurt)


@given(damaged(RIGHT) | st.binary(max_size=200))
def test_a_damaged_notebook_is_read_or_refused(file):
    read(file)


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xada_100_9001_sizing.ipynb", b"{}" * 200)
        made.writestr("ben_101_assignsubmission_file_/sizing.ipynb", b"{}")
        made.writestr("cy/work.zip", b"PK\x03\x04" + bytes(60))
    return out.getvalue()


@settings(max_examples=settings.default.max_examples // 2)
@given(damaged(archive()))
def test_a_damaged_archive_is_collected_or_refused(tmp_path_factory, file):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "d.zip").write_bytes(file)
    with suppress(MarginError):
        within(lambda: collect(folder / "course", SET, folder / "d.zip", roster=(), known={}))
    assert {path.name for path in folder.iterdir()} <= {"d.zip", "course"}


CANVAS = (
    b'Student,ID,SIS Login ID,Section,Sizing (7)\r\n  Points Possible,,,,18\r\n"L, Ada",1,ada,A,\r\nBen,2,ben,A,EX\r\n'
)
MOODLE = (
    b"Identifier,Full name,Email address,Grade,Maximum Grade\nParticipant 1,Ada,ada,-,36.00\nParticipant 2,B,ben,,36\n"
)


@given(damaged(CANVAS) | damaged(MOODLE))
def test_a_damaged_file_of_an_lms_is_filled_or_refused(file):
    grades = {"ada": 15.0, "ben": None}
    with suppress(MarginError):
        within(lambda: fill_canvas(file, grades, "Sizing", points=18))
    with suppress(MarginError):
        within(lambda: fill_moodle(file, grades, points=18))


@settings(max_examples=max(10, settings.default.max_examples // 10))
@given(damaged(RIGHT))
def test_a_damaged_notebook_is_graded_or_refused(tmp_path_factory, file):
    root = tmp_path_factory.mktemp("fuzz")
    setup = Setup(root=root, set=SET, key=b"k" * 32, students=("ada",))
    submission(root, SET, "ada").parent.mkdir(parents=True)
    submission(root, SET, "ada").write_bytes(file)
    assert result_of(setup, "ada").status != "failed"
