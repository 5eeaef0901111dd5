from __future__ import annotations

import csv
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlib.practice import progress as module
from marginlib.practice.progress import CONFIDENCES, Attempt, Calibration, Progress, export, load, record

ROOT = Path(__file__).resolve().parents[1]


def attempt(item="02-price", **fields):
    return Attempt(**{"item": item, "kind": "question", "answer": 1, "right": True} | fields)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "progress.json"


def stored(file):
    return json.loads(file.read_text(encoding="utf-8"))


def child(program, *arguments):
    """Start a second Python that records attempts, as a second notebook does."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


# --- an attempt -----------------------------------------------------------------------------------------------------


def test_an_attempt_knows_its_time_and_has_a_name_of_its_own():
    one, two = attempt(), attempt()
    assert one.id != two.id
    assert one.time[19] in "+-"  # with the distance from UTC
    assert attempt(time="2026-11-03T23:59:59-08:00").day == "2026-11-03"  # the day where it was answered


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("item", ""),
        ("item", 3),
        ("kind", "guess"),
        ("right", 1),
        ("right", "yes"),
        ("confidence", "sure"),
        ("codes", [3]),
        ("seed", 12),
        ("id", None),
        ("time", "yesterday"),
        ("time", 3),
        ("answer", float("nan")),
        ("answer", {1, 2}),
    ],
)
def test_an_attempt_refuses_what_the_file_cannot_hold(field, value):
    with pytest.raises(ValueError, match=f"^{field} = "):
        attempt(**{field: value})


# --- whose file it is -----------------------------------------------------------------------------------------------


def test_a_learner_is_drawn_once_and_stays(file):
    before = load(file).learner
    assert before == load(file).learner
    record(attempt(), file)
    assert stored(file)["learner"] == load(file).learner == before
    program = (
        "import sys; from marginlib.practice.progress import Attempt, load, record; file = sys.argv[1]; "
        "record(Attempt(item='a', kind='question', answer=1), file); print(load(file).learner)"
    )
    assert child(program, file).communicate(timeout=30)[0].strip() == before
    other = file.with_name("other.json")
    assert child(program, other).communicate(timeout=30)[0].strip() not in {"", before}


def test_a_file_from_before_learners_is_its_first_answer_s_for_ever(file):
    rows = [
        {"id": f"a{k}", "time": "2026-01-01T10:00:00", "item": "i", "kind": "question", "answer": k} for k in (1, 2)
    ]
    file.write_text(json.dumps({"format": "marginlib-progress", "version": 1, "attempts": rows}), encoding="utf-8")
    assert load(file).learner == "a1"
    record(attempt(), file)
    assert stored(file)["learner"] == load(file).learner == "a1"


# --- the file -------------------------------------------------------------------------------------------------------


def test_nothing_is_written_by_reading(file):
    assert load(file) == Progress()
    assert list(file.parent.iterdir()) == []


def test_the_place_is_the_environment_s_or_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "mine" / "p.json"))
    assert record(attempt()) == ()
    assert [each.item for each in load().attempts] == ["02-price"]
    assert (tmp_path / "mine" / "p.json").exists()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home folder of its own; the folder for data is in it."""
    monkeypatch.delenv("MARGINLIB_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(module, "user_data_path", lambda name, **_: tmp_path / "data" / name)
    return tmp_path


def test_without_the_environment_s_word_it_is_in_the_system_s_folder_for_data(home):
    record(attempt("03-price"))
    file = home / "data" / "marginlib" / "progress.json"
    assert stored(file)["attempts"][0]["item"] == "03-price"
    assert [each.item for each in load().attempts] == ["03-price"]
    assert os.name == "nt" or stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not (home / ".marginlib").exists()


def test_a_file_in_the_folder_of_before_is_found_and_stays_in_use(home):
    old = home / ".marginlib" / "progress.json"
    record(attempt("02-price"), old)
    assert [each.item for each in load().attempts] == ["02-price"]
    record(attempt("03-price"))
    assert [row["item"] for row in stored(old)["attempts"]] == ["02-price", "03-price"]
    assert not (home / "data").exists()


def test_a_home_that_nobody_knows_leaves_the_file_beside_the_notebook(home, monkeypatch):
    def unknown(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    monkeypatch.chdir(home)
    record(attempt())
    assert (home / "marginlib-progress.json").exists()


@pytest.mark.parametrize("drive", ["drive", "notebooks"], ids=["the drive", "no drive"])
def test_a_browser_keeps_one_file_for_all_notebooks_and_exercises(tmp_path, monkeypatch, drive):
    """Only what lies on its drive is still there tomorrow, and a notebook's folder is one of many on it."""
    (tmp_path / drive).mkdir()
    (tmp_path / "notebooks").mkdir(exist_ok=True)
    monkeypatch.delenv("MARGINLIB_PROGRESS")
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(module, "_DRIVE", tmp_path / "drive")
    monkeypatch.chdir(tmp_path / "notebooks")
    record(attempt())
    assert (tmp_path / drive / "marginlib-progress.json").exists()
    assert module.beside("my-trade.json") == tmp_path / drive / "my-trade.json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ATTEMPTS = st.builds(
    Attempt,
    item=st.text(min_size=1).filter(str.strip),
    kind=st.sampled_from(["prediction", "question", "exercise"]),
    answer=JSON,
    right=st.sampled_from([True, False, None]),
    codes=st.lists(st.text(min_size=1).filter(str.strip), max_size=2).map(tuple),
    confidence=st.sampled_from([*CONFIDENCES, None]),
    seed=st.none() | st.text(min_size=1).filter(str.strip),
    time=st.datetimes(timezones=st.timezones() | st.none()).map(lambda when: when.isoformat()),
)


@given(attempts=st.lists(ATTEMPTS, max_size=4))
def test_what_is_recorded_is_what_is_loaded(attempts, tmp_path_factory):
    file = tmp_path_factory.mktemp("trip") / "progress.json"
    for each in attempts:
        assert record(each, file) == ()
    assert load(file) == Progress(attempts=tuple(attempts))
    for each in attempts:  # again: nothing is kept twice
        record(each, file)
    assert load(file).attempts == tuple(attempts)


def test_one_attempt_a_line_and_nothing_left_over(file):
    for number in range(3):
        record(attempt(answer=number), file)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 5
    assert {each.name for each in file.parent.iterdir()} <= {"progress.json", "progress.json.lock"}


MANY = """
import sys, time
from pathlib import Path
from marginlib.practice.progress import Attempt, record
started = Path(sys.argv[1]).parent / "started"
started.mkdir(exist_ok=True)
(started / sys.argv[2]).touch()
while len(list(started.iterdir())) < 2:  # a slow start of one is no reason that they do not meet
    time.sleep(0.001)
for number in range(200):
    told = record(Attempt(item=sys.argv[2], kind="question", answer=number), sys.argv[1])
    assert told == (), told
    time.sleep(0.005)  # who waits for the file looks every 50 ms, and a person takes longer than that
"""


def test_two_notebooks_at_once_lose_nothing(file):
    both = [child(MANY, file, name) for name in ("one", "two")]
    assert [each.wait(timeout=60) for each in both] == [0, 0]
    for each in both:
        each.stdout.close()
    progress = load(file)
    for name in ("one", "two"):
        assert [each.answer for each in progress.attempts if each.item == name] == list(range(200))
    # They did take turns: neither waited until the other had finished.
    order = [each.item for each in progress.attempts]
    assert order not in (sorted(order), sorted(order, reverse=True))


ENDLESS = """
import sys
from marginlib.practice.progress import Attempt, record
number = int(sys.argv[2])
while True:
    number += 1
    record(Attempt(item="x", kind="question", answer=number), sys.argv[1])
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_process_killed_while_it_writes_loses_at_most_the_answer_being_written(file):
    random_source, said = random.Random(5), 0
    for _ in range(12):
        process = child(ENDLESS, file, said)
        process.stdout.readline()
        time.sleep(random_source.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.wait(timeout=10)
        process.stdout.close()
        said = max([said + 1, *map(int, rest.split("\n")[:-1])])
        answers = [each.answer for each in load(file).attempts]
        assert answers == list(range(1, len(answers) + 1))
        assert len(answers) in {said, said + 1}  # the last one may be written but not yet told
        said = len(answers)
    assert record(attempt(answer=said + 1), file) == ()
    assert [each.name for each in file.parent.glob(".*.tmp")] == []


def test_a_crash_half_way_through_a_write_leaves_the_file_as_it_was(file, monkeypatch):
    record(attempt(answer=1), file)
    before = file.read_bytes()
    leftover = file.with_name(".progress.json.abc.tmp")
    leftover.write_text('{"format": "marginlib-pro', encoding="utf-8")
    assert [each.answer for each in load(file).attempts] == [1]

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(KeyboardInterrupt):
        record(attempt(answer=2), file)
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert not leftover.exists()
    record(attempt(answer=3), file)
    assert [each.answer for each in load(file).attempts] == [1, 2, 3]  # the answer cut off came with the next
    assert list(file.parent.glob(".*.tmp")) == []


def test_unknown_fields_and_entries_are_kept(file):
    record(attempt(), file)
    document = stored(file)
    document["theme"] = {"dark": True}
    document["attempts"][0]["seconds"] = 12
    strange = [{"id": "s", "time": "2026-01-01", "item": "x", "kind": "dream", "answer": 1}, "what", {"id": 3}, None]
    document["attempts"] += strange
    file.write_text(json.dumps(document), encoding="utf-8")
    progress = load(file)
    assert len(progress.attempts) == 1
    assert progress.notes == ("4 entries of your progress are of no known kind; they are kept.",)
    record(attempt("new"), file)
    after = stored(file)
    assert after["theme"] == {"dark": True}
    assert after["attempts"][:-1] == document["attempts"]
    assert after["attempts"][-1]["item"] == "new"


def test_an_older_file_is_brought_up_to_date(file):
    rows = [{"item": "a", "kind": "question", "answer": 1, "time": "2026-01-01T10:00:00", "mood": "fine"}] * 2
    file.write_text(json.dumps(rows), encoding="utf-8")
    assert [each.item for each in load(file).attempts] == ["a", "a"]
    assert load(file).attempts == load(file).attempts  # the ids that it is given do not change
    assert record(attempt("b"), file) == ()
    document = stored(file)
    assert (document["format"], document["version"]) == ("marginlib-progress", 1)
    assert [row["item"] for row in document["attempts"]] == ["a", "a", "b"]
    assert document["attempts"][0]["mood"] == "fine"


@pytest.mark.parametrize("attempts", [[{"id": "n", "item": "x", "kind": "question", "new": 1}], {"by": "day"}, None])
def test_a_later_version_is_read_as_far_as_understood_and_never_written(file, attempts):
    known = {"id": "k", "item": "a", "kind": "question", "answer": 1, "time": "2026-01-01T10:00:00"}
    understood = isinstance(attempts, list)
    document = {"format": "marginlib-progress", "version": 2, "attempts": attempts, "new": [1]}
    if understood:
        document["attempts"] = [known, *attempts]
    file.write_text(json.dumps(document), encoding="utf-8")
    before = file.read_bytes()
    assert "was written by a later version" in load(file).notes[0]
    (told,) = record(attempt("b"), file)
    assert "stays as it is" in told
    assert "progress.version-1.json" in told
    assert record(attempt("c"), file) == ()  # said once
    assert file.read_bytes() == before
    assert [each.item for each in load(file).attempts] == (["a"] if understood else []) + ["b", "c"]


def test_a_later_version_reads_what_an_earlier_one_kept_beside_it(file, monkeypatch):
    file.write_text('{"format": "marginlib-progress", "version": 2, "attempts": []}', encoding="utf-8")
    record(attempt("b"), file)
    monkeypatch.setattr(module, "_VERSION", 2)
    assert record(attempt("c"), file) == ()
    assert [row["item"] for row in stored(file)["attempts"]] == ["c"]
    assert sorted(each.item for each in load(file).attempts) == ["b", "c"]


DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"3",
    b'"marginlib-progress"',
    b'{"format": "other"}',
    b'{"format": "marginlib-progress", "attempts": []}',
    b'{"format": "marginlib-progress", "version": true, "attempts": []}',
    b'{"format": "marginlib-progress", "version": 1, "attempts": {}}',
    b"[" * 100_000,
    b"9" * 10_000,
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_copied_aside_and_said_so(file, content):
    file.write_bytes(content)
    (note,) = load(file).notes
    assert "holds no progress that can be read" in note
    assert file.read_bytes() == content  # reading changes nothing
    (told,) = record(attempt("a"), file)
    assert "progress.damaged-1.json" in told
    assert (file.parent / "progress.damaged-1.json").read_bytes() == content
    assert load(file).notes == ()
    assert [each.item for each in load(file).attempts] == ["a"]


def test_a_second_damaged_file_takes_the_next_number(file):
    for content in (b"one", b"two"):
        file.write_bytes(content)
        record(attempt(), file)
    kept = [file.with_name(f"progress.damaged-{number}.json").read_bytes() for number in (1, 2)]
    assert kept == [b"one", b"two"]


@given(content=st.binary(max_size=200), cuts=st.tuples(st.integers(0, 400), st.integers(0, 400)))
def test_whatever_bytes_the_file_holds_an_answer_is_kept_and_they_are_too(content, cuts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    file = folder / "progress.json"
    record(attempt("before", id="before", answer="ä€"), file)
    whole = file.read_bytes()
    low, high = sorted(cuts)
    broken = whole[:low] + content + whole[high:]
    file.write_bytes(broken)
    first = load(file)
    record(attempt("after", id="after"), file)
    assert load(file).last("after")
    for each in first.attempts:
        assert each in load(file).attempts
    document = json.loads(file.read_bytes())
    copies = [each.read_bytes() for each in folder.glob("*.damaged-*.json")]
    assert copies == [broken] or {"before", "after"} & {row["id"] for row in document["attempts"]}


@pytest.mark.parametrize("breaks", ["folder", "replace", "lock"])
def test_where_nothing_can_be_written_answers_stay_in_memory_and_it_is_said_once(tmp_path, monkeypatch, breaks):
    file = tmp_path / "home" / "progress.json"
    if breaks == "folder":  # a file stands where the folder should be
        (tmp_path / "home").write_text("")
    elif breaks == "replace":

        def refuse(*_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "replace", refuse)
    else:
        monkeypatch.setattr(module, "_SECONDS", 0.05)
        file.parent.mkdir()
        held = module._alone(file)  # noqa: SLF001
    (told,) = record(attempt("a"), file)
    assert "cannot be written" in told
    assert "until this kernel stops" in told
    assert record(attempt("b"), file) == ()
    assert [each.item for each in load(file).attempts] == ["a", "b"]
    assert list(tmp_path.rglob("*.tmp")) == []
    monkeypatch.undo()
    if breaks == "folder":
        (tmp_path / "home").unlink()
    elif breaks == "lock":
        held.__exit__(None, None, None)
    record(attempt("c"), file)
    assert [row["item"] for row in stored(file)["attempts"]] == ["a", "b", "c"]


def test_a_file_that_may_not_be_read_is_not_replaced(tmp_path):
    folder = tmp_path / "progress.json"
    folder.mkdir()
    assert "could not be read" in load(folder).notes[0]
    assert "cannot be written" in record(attempt("a"), folder)[0]
    assert folder.is_dir()
    assert [each.item for each in load(folder).attempts] == ["a"]


def test_without_locks_it_writes_all_the_same(file, monkeypatch):
    def refuse(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert record(attempt("a"), file) == ()
    assert record(attempt("b"), file) == ()
    assert [each.item for each in load(file).attempts] == ["a", "b"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    record(attempt("a"), link)
    assert link.is_symlink()
    assert stored(real)["attempts"][0]["item"] == "a"


def test_ten_thousand_answers_are_no_burden(file):
    rows = [
        f'{{"id": "{k}", "time": "2026-01-01T10:00:00", "item": "i", "kind": "question", "answer": {k}}}'
        for k in range(10_000)
    ]
    file.write_text(f'{{"format": "marginlib-progress", "version": 1, "attempts": [{",".join(rows)}]}}')
    start = time.perf_counter()
    record(attempt(), file)
    assert len(load(file).attempts) == 10_001
    assert time.perf_counter() - start < 5


# --- what it says ---------------------------------------------------------------------------------------------------


def on(day, item="q", *, right, **fields):
    return attempt(item, right=right, time=f"2026-11-{day:02}T12:00:00+01:00", **fields)


def test_the_first_answer_of_a_day_counts_and_every_exercise():
    wrong, mended, later = on(3, right=False), on(3, right=True), on(9, right=True)
    predicted = on(3, right=False, kind="prediction")
    tasks = [on(3, "t-1", right=False, kind="exercise"), on(3, "t-1", right=True, kind="exercise")]
    progress = Progress(attempts=(predicted, wrong, mended, later, *tasks))
    assert progress.counted == (predicted, wrong, later, *tasks)
    assert progress.last("q") == later
    assert progress.last("q", "prediction") == predicted
    assert progress.last("nothing") is None


def test_a_clock_that_goes_back_changes_no_order():
    progress = Progress(attempts=(on(9, right=False), on(3, right=True)))
    assert progress.last("q").right is True
    assert progress.by_objective({"o": ["q"]})["o"].state == "right"


def test_calibration_counts_what_was_said_and_what_was_right():
    answers = [on(k, right=k != 2, confidence="certain") for k in (1, 2, 3, 4)]
    answers += [
        on(1, "r", right=False, confidence="guess"),
        on(1, "s", right=None, confidence="guess"),
        on(1, "u", right=True),
    ]
    answers += [on(1, "certain-and-late", right=False, confidence="fairly sure"), on(1, "certain-and-late", right=True)]
    progress = Progress(attempts=tuple(answers))
    assert progress.calibration({each.item for each in answers}) == (
        Calibration("guess", 1, 0),
        Calibration("fairly sure", 1, 0),
        Calibration("certain", 4, 3),
    )
    assert progress.calibration(["r"])[2] == Calibration("certain", 0, 0)


def test_an_objective_is_right_when_no_answer_was_wrong_the_last_time():
    items = {"o": ["q", "t-1"]}

    def standing(*attempts):
        return Progress(attempts=attempts).by_objective(items)["o"]

    assert standing().state == "not yet"
    assert standing(on(1, right=False, kind="prediction")).state == "not yet"
    assert standing(on(1, right=True)).state == "right"
    half = standing(on(1, right=True), on(2, "t-1", right=False, kind="exercise"))
    assert (half.state, half.repeat, half.tried, half.items) == ("practised", ("t-1",), 2, 2)
    assert standing(on(1, right=False), on(1, right=True)).state == "practised"  # corrected with the feedback in sight
    assert standing(on(1, right=False), on(5, right=True)).state == "right"
    assert standing(on(1, right=True), on(5, right=False)).repeat == ("q",)


# --- export ---------------------------------------------------------------------------------------------------------


def test_an_export_can_be_read_as_a_table_and_as_progress(file, tmp_path):
    record(
        on(3, right=False, answer={"text": 'a,b\n"c"'}, codes=("SIGN", "NO_MAINTENANCE"), confidence="certain"), file
    )
    record(on(4, "r", right=True, answer="=1+1"), file)
    before = file.read_bytes()
    copy, table = export(tmp_path / "out" / "mine.json", file)
    assert load(copy) == load(file)
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["item"] for row in rows] == ["q", "r"]
    assert rows[0]["codes"] == "SIGN NO_MAINTENANCE"
    assert json.loads(rows[0]["answer"]) == {"text": 'a,b\n"c"'}
    assert not rows[1]["answer"].startswith("=")  # no formula for a spreadsheet
    assert file.read_bytes() == before
    with pytest.raises(ValueError, match="progress file itself"):
        export(file, file)
