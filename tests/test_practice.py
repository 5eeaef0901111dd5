from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import nbformat
import pytest
from ipywidgets import Label
from nbclient import NotebookClient
from pressing import give, reply
from refresh_notebooks import clean

from marginlib import practice
from marginlib.course.tasks import SETS, tasks
from marginlib.practice import (
    ask,
    calibration,
    closing_questions,
    gain,
    opening_questions,
    predict,
    progress_page,
    reveal,
)
from marginlib.practice.bank import question, questions
from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.objectives import OBJECTIVES
from marginlib.practice.progress import Attempt, load, record

ROOT = Path(__file__).resolve().parents[1]
ASKED = [each for each in questions() if each.role in {"closing", "opening", "posttest"}]
PREDICTED = questions(role="prediction")
NUMBER = next(each for each in ASKED if each.kind == "number" and each.right is not None)
CHOICE = next(each for each in ASKED if each.kind == "choice")
BEFORE = questions(role="pretest")
each_question = pytest.mark.parametrize("asked", questions(), ids=lambda each: each.id)


def text(html):
    """Return what a reader sees."""
    seen = unescape(re.sub(r"<[^>]*>", "", html.replace("</p><p>", " "))).replace("\N{WORD JOINER}", "")
    return re.sub(r"\s+", " ", seen).strip()


def right(asked):
    """Return a right answer; of a counterexample the first on a grid."""
    if asked.kind != "counterexample":
        return asked.right
    steps = [[each.low + k / 12 * (each.high - each.low) for k in range(13)] for each in asked.inputs]
    names = [each.name for each in asked.inputs]
    tried = (dict(zip(names, values, strict=True)) for values in product(*steps))
    return next(each for each in tried if asked.judge(each).right)


def wrong(asked):
    """Return an answer to a choice or a number that is not right."""
    if asked.kind == "choice":
        return next(each.text for each in asked.options if not each.right)
    given = (asked.judge(each) for each in (asked.room[1] / 77, asked.room[1] / 7))
    return next(each.answer for each in given if not each.right)


def keep(asked, answer, days_ago=0, confidence="certain", kind="question"):
    """Put an answer into the progress file."""
    when = (datetime.now().astimezone() - timedelta(days=days_ago)).isoformat(timespec="seconds")
    verdict = asked.judge(answer)
    record(Attempt(item=asked.id, kind=kind, answer=answer, right=verdict.right, confidence=confidence, time=when))
    return when[:10]


def serving(page, item):
    """Return the number of objectives that an item serves."""
    return sum(item in items for items in page._items.values())  # noqa: SLF001


class Fields(HTMLParser):
    """What is in a form: fields with the words that name them, groups, buttons."""

    def __init__(self, html):
        super().__init__()
        self.open, self.named, self.groups, self.buttons, self.ids = [], [], [], [], []
        self.words = {}
        self.feed(html)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "input":
            self.named.append((given["type"], given["data-name"], "label" in self.open))
        else:
            self.open.append(tag)
            if tag == "button":
                self.buttons.append(given)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in ("legend", "label", "button"):
            if tag in self.open:
                self.words.setdefault(tag, []).append(data)


# --- panels ---------------------------------------------------------------------------------------------------------


@each_question
def test_every_question_is_asked_in_fields_that_have_names(asked):
    form = Fields(ask(asked.id).html)
    assert all(labelled for _, _, labelled in form.named)
    assert {name for _, name, _ in form.named} >= {"confidence"}
    assert "How sure are you?" in form.words["legend"]
    assert [button for button in form.buttons if "data-press" in button] == [{"type": "button", "data-press": "check"}]
    moves = [button for button in form.buttons if "data-move" in button]
    names = [button["aria-label"] for button in moves]
    assert len(set(names)) == len(names)
    assert (len(moves) > 0) == (asked.kind == "ordering")
    shown = unescape(text(ask(asked.id).html))
    assert re.sub(r"\s+", " ", asked.text).split(". ")[0][:60] in shown
    assert asked.label in shown


@each_question
def test_a_right_answer_is_right_and_is_kept(asked):
    panel = ask(asked.id)
    said = text(give(panel, right(asked), "certain"))
    assert said.startswith("Right")
    assert asked.explain in said  # and why
    (kept,) = load().attempts
    assert (kept.item, kept.kind, kept.right, kept.confidence, kept.codes) == (
        asked.id,
        "question",
        True,
        "certain",
        (),
    )
    assert kept == panel.answers[0]


@pytest.mark.parametrize(
    ("asked", "option"),
    [(each, option.text) for each in ASKED if each.kind == "choice" for option in each.options],
    ids=lambda value: getattr(value, "id", str(value)[:30]),
)
def test_every_option_gets_its_own_verdict(asked, option):
    verdict = asked.judge(option)
    panel = ask(asked.id)
    said = text(give(panel, option))
    if not verdict.right:  # not yet, with the belief named where the option shows one; the answer comes second
        assert said == re.sub(r"\s+", " ", verdict.again)
        assert said.startswith("Not yet.")
        assert all(BELIEFS[code].statement in said for code in verdict.codes)
        assert f"It is: {asked.right}" not in said
        said = text(give(panel, option))
    assert said == re.sub(r"\s+", " ", verdict.message)
    assert verdict.right or verdict.codes or not next(each.code for each in asked.options if each.text == option)
    assert load().attempts[-1].codes == verdict.codes


def test_the_same_reply_twice_is_said_twice():
    panel = ask(CHOICE.id)
    give(panel, CHOICE.right)
    first = panel.feedback
    give(panel, CHOICE.right)
    assert panel.feedback["html"] == first["html"]
    assert panel.feedback["number"] == first["number"] + 1


def test_what_is_missing_is_asked_for_and_nothing_is_kept():
    panel = ask(CHOICE.id)
    panel.press("check")
    assert text(reply(panel)).startswith("No answer yet: choose one of ")
    assert "how sure you are" in text(give(panel, CHOICE.right, confidence=None))
    typed = ask(NUMBER.id)
    typed.values = {"value": "about 3", "confidence": "0"}
    typed.press("check")
    assert "'about 3' is not a number" in text(reply(typed))
    typed.values = {"confidence": "0"}
    typed.press("check")
    assert text(reply(typed)).startswith("No answer yet: give a number")
    assert load().attempts == ()


def test_a_press_in_the_page_carries_the_values_of_its_view():
    panel = ask(NUMBER.id)
    panel.values = {"value": "1", "confidence": "0"}
    panel.pressed = {"name": "check", "number": 1, "values": {"value": repr(NUMBER.right), "confidence": "2"}}
    assert text(reply(panel)).startswith("Right: ")
    assert panel.answers[0].confidence == "certain"


def test_what_a_person_types_is_text_and_not_markup():
    typed = ask(NUMBER.id)
    typed.values = {"value": "<img src=x onerror=alert(1)>", "confidence": "0"}
    typed.press("check")
    assert "<img" not in reply(typed)
    assert "&lt;img" in reply(typed)


def test_after_a_restart_the_earlier_answer_is_shown():
    assert reply(ask(CHOICE.id)) == ""
    keep(CHOICE, wrong(CHOICE), days_ago=3)
    day = datetime.now().astimezone() - timedelta(days=3)
    said = text(reply(ask(CHOICE.id)))
    assert said.startswith(f"Your answer of {day.day} {day:%B}")
    assert wrong(CHOICE) in said
    assert said.endswith(", certain. It was not right.")
    assert load().attempts == load().attempts[:1]  # showing keeps nothing


def test_an_answer_from_before_the_question_changed_is_shown_as_it_is():
    record(Attempt(item=NUMBER.id, kind="question", answer={"old": ["shape"]}, right=True))
    assert "{'old': ['shape']}" in text(reply(ask(NUMBER.id)))
    assert "You predicted {'old': ['shape']}" in repr(reveal(NUMBER.id))


def test_where_nothing_can_be_written_the_panel_says_so_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    panel = ask(CHOICE.id)
    assert "cannot be written" in text(give(panel, CHOICE.right))
    assert "cannot be written" not in text(give(panel, CHOICE.right))
    assert len(load().attempts) == 2


# --- predictions ----------------------------------------------------------------------------------------------------


def secrets(asked):
    """Return what nobody may read before they have predicted: the result and the reason, as far as they are words."""
    told = asked.kind == "choice" or asked.right is None  # a choice is among the options, as "none" is in the label
    right = [] if told else [asked.shown(asked.right)]
    return [*right, *(each for each in (asked.explain, text(predict(asked.id).question.why)) if each)]


@pytest.mark.parametrize("asked", PREDICTED, ids=lambda each: each.id)
def test_a_card_shows_nothing_of_result_and_reason_before_the_prediction_and_all_of_it_after(asked):
    panel = predict(asked.id)
    before = text(panel.html)
    assert asked.text.replace("\n\n", " ") in before
    assert not re.search(r"Computed|The answer:", before)
    for secret in secrets(asked):
        assert secret not in before.replace(asked.text.replace("\n\n", " "), "")
    answer = wrong(asked)
    give(panel, answer, "fairly sure")
    (kept,) = load().attempts
    assert (kept.kind, kept.confidence) == ("prediction", "fairly sure")
    after = text(panel.html)
    mine = asked.shown(answer)
    mine = f"\N{LEFT DOUBLE QUOTATION MARK}{mine}\N{RIGHT DOUBLE QUOTATION MARK}" if asked.kind == "choice" else mine
    assert f"You predicted {mine} and were fairly sure." in after
    assert asked.shown(asked.right) in after
    said = asked.judge(answer).message
    assert text(re.split(rf"it is:? {re.escape(asked.shown(asked.right))}\.", said, flags=re.IGNORECASE)[-1]) in after
    assert "You said" not in after  # it stands there as what was predicted
    assert not re.search(r"<input|<button", panel.html)
    assert predict(asked.id).html == panel.html  # run again, it stands as it was left


@pytest.mark.parametrize("asked", PREDICTED, ids=lambda each: each.id)
def test_who_looks_without_a_prediction_is_shown_all_and_counts_nowhere(asked):
    panel = predict(asked.id)
    panel.press("show")
    assert "You looked without a prediction." in text(panel.html)
    assert asked.shown(asked.right) in text(panel.html)
    (kept,) = load().attempts
    assert (kept.kind, kept.right, kept.confidence) == ("prediction", None, None)
    assert sum(each.said for each in load().calibration([asked.id])) == 0


def test_the_picture_is_made_when_it_is_shown_and_knows_the_guess():
    asked = next(each for each in PREDICTED if each.kind == "number")
    seen = []
    panel = practice.predict(asked.id, see=lambda guess: seen.append(guess) or Label(f"the picture of {guess}"))
    data, _ = panel._repr_mimebundle_()
    assert (seen, panel.picture) == ([], None)
    assert "data-picture" not in panel.html + data["text/html"]
    give(panel, 7.0)
    assert (seen, panel.picture.value) == ([7.0], "the picture of 7.0")
    assert panel.html.count("data-picture") == 1
    looked = practice.predict(PREDICTED[0].id, see=seen.append)
    looked.press("show")
    assert (seen, looked.picture) == ([7.0, ...], None)
    words = []
    first = practice.predict(PREDICTED[1].id, see=lambda _: words.append(first.html))
    first.press("show")
    assert "marginlib-result" in words[0]  # nobody waits for a drawing to read the result


def test_a_first_miss_is_told_kindly_and_without_the_answer_a_second_one_with_it():
    wrong_text = next(each.text for each in CHOICE.options if not each.right)
    panel = ask(CHOICE.id)
    first = text(give(panel, wrong_text))
    assert first.startswith("Not yet.")
    assert first.endswith("Try once more; then the answer is shown.")
    assert f"It is: {CHOICE.right}" not in first
    assert f"It is: {CHOICE.right}" in text(give(panel, wrong_text))
    assert text(give(panel, CHOICE.right)).startswith("Right: ")
    assert [each.right for each in load().attempts] == [False, False, True]
    assert [each.right for each in load().counted] == [False]  # with the feedback in sight nothing counts


def test_a_right_prediction_is_told_that_it_was():
    asked = PREDICTED[0]
    panel = predict(asked.id)
    give(panel, asked.right, "guess")
    assert "as a guess. Right: " in text(panel.html)


def test_the_first_prediction_of_the_newest_day_is_compared():
    asked = next(each for each in PREDICTED if each.kind == "number")
    keep(asked, 1.0, days_ago=9, kind="prediction")
    keep(asked, 2.0, days_ago=5, kind="prediction")
    keep(asked, asked.right, days_ago=5, kind="prediction")
    day = datetime.now().astimezone() - timedelta(days=5)
    said = f"On {day.day} {day:%B} you predicted {asked.shown(2.0)}"
    assert said in repr(reveal(asked.id)).replace(f" {day.year}", "")
    assert said in text(predict(asked.id).html).replace(f" {day.year}", "")


# --- several questions ----------------------------------------------------------------------------------------------


def test_a_notebook_closes_with_its_own_questions():
    for notebook in sorted({each.notebook for each in questions(role="closing")}):
        panels = closing_questions(notebook)
        assert set(panels.questions) >= {each.id for each in questions(notebook=notebook, role="closing")}
        assert {each.question.notebook for each in panels.questions.values()} == {notebook}
    first = next(iter(panels.questions.values())).question
    give(panels.questions[first.id], right(first))
    assert len(panels.questions[first.id].answers) == 1


def test_a_notebook_opens_with_what_was_missed_before_and_keeps_it_for_the_day():
    fixed = list(opening_questions("05").questions)
    assert fixed == list(opening_questions("05").questions)
    missed = next(each for each in questions(role="closing") if each.notebook < "05" and each.kind == "choice")
    keep(missed, wrong(missed), days_ago=4)
    panels = opening_questions("05")
    assert missed.id in panels.questions
    assert reply(panels.questions[missed.id]) == ""  # from memory: the old answer is not shown
    before = list(panels.questions)
    give(panels.questions[missed.id], missed.right)
    again = opening_questions("05")  # the kernel restarts in the middle
    assert list(again.questions) == before
    assert text(reply(again.questions[missed.id])).endswith("It was right.")


def test_the_questions_before_the_course_are_kept_without_a_verdict():
    panels = opening_questions("00")
    assert list(panels.questions) == [each.id for each in BEFORE]
    for each in BEFORE:
        said = text(give(panels.questions[each.id], right(each), "certain"))
        assert re.fullmatch(r"Kept: .+, certain\. You will see later how it compares\.", said)
        assert text(reply(opening_questions("00").questions[each.id])).endswith(", certain.")
    assert [each.right for each in load().attempts] == [True] * len(BEFORE)
    assert "You have kept no answer here yet." in text(calibration("00").html)


def test_a_name_that_is_no_notebook_is_refused():
    for make in (opening_questions, closing_questions, calibration):
        with pytest.raises(ValueError, match=r"^notebook = '2': give as a text one of 00"):
            make("2")
    with pytest.raises(ValueError, match="no-such-question"):
        ask("no-such-question")


# --- pages ----------------------------------------------------------------------------------------------------------


def test_calibration_counts_by_what_was_said_and_follows_the_answers():
    page = calibration(CHOICE.notebook)
    assert "You have kept no answer here yet." in text(page.html)
    give(ask(CHOICE.id), CHOICE.right, "certain")
    assert "All 1 answers" not in page.html
    assert "You were certain once, and right." in text(page.html)
    assert "one more or less moves a share of 1 by 100 points" in text(page.html)
    for days in (1, 2, 3):
        keep(CHOICE, CHOICE.right if days > 1 else wrong(CHOICE), days_ago=days)
    page.refresh()
    assert re.search(r"certain\s*4\s*3 \(75 %\)", text(page.html.replace("</", " </")))
    assert "Of 4 answers that you called certain, 3 were right." in text(page.html)
    assert f"you learn most. ({CHOICE.notebook}) {CHOICE.asks}" in text(page.html)
    other = next(each for each in ASKED if each.notebook != CHOICE.notebook)
    assert "no answer here yet" in text(calibration(other.notebook).html)
    assert "3 (75 %)" in text(calibration().html)
    for days in range(4, 12):
        keep(CHOICE, CHOICE.right, days_ago=days)
    page.refresh()
    assert "few answers" not in text(page.html)


def test_progress_shows_every_objective_and_what_to_repeat():
    page = progress_page()
    shown = text(page.html)
    assert f"0 of {len(OBJECTIVES)} objectives right" in shown
    for each in OBJECTIVES:
        assert re.sub(r"\s+", " ", f"{each.verb} {each.text}") in shown
    objective = next(each for each in OBJECTIVES if question(each.question).kind in {"choice", "number"})
    asked = question(objective.question)
    keep(asked, wrong(asked), days_ago=2)
    page.refresh()
    assert f"practised, 1 of {len(page._items[objective.id])} answered. Again: {asked.asks}" in text(page.html)  # noqa: SLF001
    keep(asked, asked.right)
    page.refresh()
    assert f"{serving(page, asked.id)} of {len(OBJECTIVES)} objectives right" in text(page.html)
    assert "●" in page.html


def test_an_exercise_that_checks_an_objective_counts_for_it():
    task = tasks(SETS[0])[0]
    record(Attempt(item=task.id, kind="exercise", answer=1, right=False, seed="s"))
    page = progress_page()
    assert serving(page, task.id) >= 1
    assert f"Again: exercise {task.id}, {task.title}" in text(page.html)
    record(Attempt(item=task.id, kind="exercise", answer=2, right=True, seed="s"))
    page.refresh()
    assert f"{serving(page, task.id)} of {len(OBJECTIVES)} objectives right" in text(page.html)


def test_the_button_writes_a_copy_beside_the_notebook_and_says_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keep(CHOICE, CHOICE.right)
    page = progress_page()
    page.press("export")
    (copy,) = tmp_path.glob("marginlib-progress-*.json")
    assert str(copy) in text(reply(page))
    assert "Nothing was sent anywhere" in text(reply(page))
    assert load(copy).attempts == load().attempts
    assert copy.with_suffix(".csv").exists()
    monkeypatch.setattr(
        "marginlib.practice.pages.export", lambda _: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    page.press("export")
    assert text(reply(page)) == "The copy could not be written: No space left."


def test_a_damaged_file_is_told_on_the_page(tmp_path, monkeypatch):
    file = tmp_path / "progress.json"
    file.write_text("{")
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(file))
    assert "holds no progress that can be read" in text(reply(progress_page()))
    assert "progress.damaged-1.json" in text(give(ask(CHOICE.id), CHOICE.right))


# --- without a person -----------------------------------------------------------------------------------------------


def panels():
    """Return every panel that a notebook can show."""
    notebooks = sorted({each.notebook for each in questions(role="closing")})
    return [
        *(predict(each.id) for each in PREDICTED),
        ask(CHOICE.id),
        *(opening_questions(each) for each in notebooks),
        *(closing_questions(each) for each in notebooks),
        calibration(notebooks[0]),
        progress_page(),
    ]


def test_what_stands_for_a_panel_depends_on_nobody_s_progress_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "progress.json"))
    before = [repr(each) for each in panels()]
    assert all(re.fullmatch(r"\[.{5,100}\. Run the cell to .+\.\]", each) for each in before)
    assert list(tmp_path.iterdir()) == []
    keep(CHOICE, CHOICE.right)
    keep(NUMBER, NUMBER.right, days_ago=3)
    assert [repr(each) for each in panels()] == before


@each_question
def test_a_page_without_a_kernel_has_the_question_and_its_answer_folded(asked):
    data, _ = ask(asked.id)._repr_mimebundle_()
    assert data["text/plain"] == "[A question. Run the cell to answer it.]"
    shown, folded = data["text/html"].split("<details>")
    assert re.sub(r"\s+", " ", asked.text.replace("\n\n", " ")) in re.sub(r"\s+", " ", text(shown.replace("</p>", " ")))
    assert len(text(folded)) > len("Answer")
    assert "$" not in data["text/html"].replace("<span>$</span>", "")  # no formula for the notebook


@pytest.mark.parametrize("asked", PREDICTED, ids=lambda each: each.id)
def test_a_page_without_a_kernel_has_the_whole_card(asked):
    data, _ = predict(asked.id)._repr_mimebundle_()
    assert data["text/plain"] == "[Your prediction. Run the cell to make it.]"
    shown = text(data["text/html"].replace("</p>", " ").replace("</li>", " "))
    for each in (asked.text.replace("\n\n", " "), asked.shown(asked.right), *asked.offered):
        assert re.sub(r"\s+", " ", each) in shown
    assert "You kept no prediction" not in shown
    assert "$" not in data["text/html"].replace("<span>$</span>", "")


def test_a_stored_notebook_has_the_words_and_no_form():
    cells = [
        nbformat.v4.new_code_cell(source, id=f"cell-{number}")
        for number, source in enumerate(
            [
                "from marginlib.practice import closing_questions, calibration, predict",
                f"predict({PREDICTED[0].id!r})",
                f"closing_questions({CHOICE.notebook!r})",
                "calibration()",
            ]
        )
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = [cell.outputs[0].data for cell in clean(notebook).cells if cell.outputs]
    assert [sorted(each) for each in shown] == [
        ["text/html", "text/plain"],
        ["text/html", "text/plain"],
        ["text/plain"],
    ]
    assert "widgets" not in notebook.metadata


def test_a_group_has_its_questions_words_too():
    panels = closing_questions(CHOICE.notebook)
    data = panels._repr_mimebundle_()[0]
    assert data["text/html"].count("<details>") == len(panels.questions)


def test_it_runs_where_there_is_neither_numpy_nor_pandas_nor_matplotlib():
    program = (
        "import sys; import marginlib.practice as p; p.gain(); p.calibration(); "
        "print(*({'numpy', 'pandas', 'matplotlib', 'filelock'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


def test_answers_are_kept_as_plain_json():
    for each in (CHOICE, NUMBER):
        give(ask(each.id), each.right)
    assert json.loads(json.dumps([each.answer for each in load().attempts])) == [CHOICE.right, NUMBER.right]
    assert sorted(practice.__all__) == practice.__all__


# --- before the course and after it -----------------------------------------------------------------------------------


def test_the_gain_counts_the_first_answer_before_and_the_last_one_after():
    page = gain()
    assert "then the gain is here" in text(page.html)
    for before in BEFORE:
        given = wrong(before) if before.kind in {"choice", "number"} else right(before)
        record(Attempt(item=before.id, kind="question", answer=given, right=False, confidence="guess"))
    panels = closing_questions("13").questions.values()
    after = [each for each in panels if each.question.role == "posttest"]
    for panel in after[:-1]:
        give(panel, panel.question.right, "certain")
    shown = text(page.html)  # the page follows the answers
    assert (
        f"Of {len(after) - 1} pairs answered twice you had 0 right before the course and {len(after) - 1} after it."
        in shown
    )
    assert shown.count("not answered") == 1


def test_a_reveal_without_a_prediction_has_the_answer_alone():
    for asked in PREDICTED:
        said = repr(reveal(asked.id))
        assert asked.shown(asked.right) in said
        assert said.endswith("You kept no prediction.")
