"""Every task of every set: right answers pass however they are written, wrong ones get their own words, nothing breaks.

A set is covered as soon as it stands in `SETS`; its right answers written differently stand in `exercises/SET.py`.
"""

from __future__ import annotations

import ast
import json
import re
import signal
from decimal import Decimal
from importlib import import_module
from inspect import Parameter, signature

import build_exercises as build
import nbformat
import numpy as np
import pytest
from exercise_checks import ALL, SECRET, faults
from nbclient import NotebookClient

from marginlib import MarginError
from marginlib.course import session
from marginlib.course.session import check, finish, start
from marginlib.course.tasks import SETS, task, tasks
from marginlib.practice import progress
from marginlib.practice.beliefs import BELIEFS as KNOWN
from marginlib.practice.beliefs.recognise import answer
from marginlib.practice.tasks.collecting import collect
from marginlib.practice.tasks.judging import judge
from marginlib.practice.tasks.numbering import given, grading_cases, open_cases, ticket
from marginlib.practice.tasks.task import Task

LEARNERS = ["self-study", "ada", "Zoë, 3rd"]
each_task = pytest.mark.parametrize("asked", ALL, ids=[each.id for each in ALL])
each_set = pytest.mark.parametrize("set_id", SETS)
JUDGED = [each for each in ALL if each.kind != "explain"]
judged = pytest.mark.parametrize("asked", JUDGED, ids=[each.id for each in JUDGED])


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """Give each test a progress file of its own, and no name from the machine."""
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("MARGINLIB_LEARNER", raising=False)
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)


def answered(asked: Task, function, learner="ada", **how):
    """Return the feedback on a solution: the function where one is asked for, its value where a value is."""
    cases = open_cases(asked, ticket(asked.set, learner))
    if asked.asks_function:
        return judge(asked, cases, collect(function, cases), **how)
    return judge(asked, cases, collect(function(**cases[0])), **how)


def said(feedback) -> str:
    return "\n".join(text for _, text in feedback.parts)


def others(asked: Task) -> tuple:
    return import_module(f"exercises.{asked.set}").OTHERS[asked.id]


# --- every task -----------------------------------------------------------------------------------------------------


@judged
@pytest.mark.parametrize("learner", LEARNERS)
def test_the_solution_passes(asked, learner):
    feedback = answered(asked, asked.solve, learner)
    assert feedback.state == "right", feedback
    if asked.asks_function:
        assert said(feedback) == f"{asked.open_cases} open checks passed."
        graded = said(answered(asked, asked.solve, learner, course=True))
        assert graded == f"{asked.open_cases} open checks passed; {asked.grading_cases} more at grading."
        hidden = grading_cases(asked, learner, SECRET)
        assert judge(asked, hidden, collect(asked.solve, hidden), grading=True).right


@judged
def test_right_answers_written_differently_pass(asked):
    assert len(others(asked)) >= 2
    for learner in LEARNERS:
        for other in others(asked):
            feedback = answered(asked, other, learner)
            assert feedback.state == "right", (other, feedback)
            if asked.asks_function:
                hidden = grading_cases(asked, learner, SECRET)
                assert judge(asked, hidden, collect(other, hidden), grading=True).right, other


BELIEFS = [(each, code) for each in ALL for code in each.beliefs]


@pytest.mark.parametrize(("asked", "code"), BELIEFS, ids=[f"{each.id}-{code}" for each, code in BELIEFS])
def test_every_belief_gets_its_own_message(asked, code):
    for learner in LEARNERS:
        # A bug's calculator as it was found says what its belief says; a learner's own code with it is no stub.
        feedback = answered(asked, asked.beliefs[code], learner)
        if asked.wrong is not None and feedback.state == "stub":
            continue
        assert feedback.state == "wrong"
        assert feedback.codes == tuple(code.split("+")), feedback
        assert said(feedback) != said(answered(asked, asked.solve, learner))


# --- one demand left out --------------------------------------------------------------------------------------------


def left_out(asked: Task) -> dict:
    return import_module(f"exercises.{asked.set}").LEFT_OUT[asked.id]


def without(asked: Task, words: str):
    """Return what somebody answers who reads over these words."""
    rule = left_out(asked)[words]
    if isinstance(rule, str):
        return asked.beliefs[rule]
    named = signature(rule).parameters
    whole = any(each.kind is Parameter.VAR_KEYWORD for each in named.values())

    def answers(*values, **numbers):
        numbers |= dict(zip(asked.parameters, values, strict=False))
        return rule(**(numbers if whole else {name: numbers[name] for name in named}))

    return answers


def own_words(asked: Task, feedback) -> str:
    """Return what is told of this answer alone: the belief, the demand, the slip, or what becomes of the account."""
    if asked.refutes is not None:
        return re.sub(r"[-+\d.,]+", "", feedback.parts[0][1])
    if feedback.state == "stub":  # a calculator as it was found
        return feedback.parts[0][0]
    return " ".join(text for heading, text in feedback.parts if heading not in {"Not yet", "Hint"})


OMISSIONS = [(each, words) for each in JUDGED for words in left_out(each)]


@pytest.mark.parametrize(("asked", "words"), OMISSIONS, ids=[f"{each.id}-{words}" for each, words in OMISSIONS])
def test_who_leaves_out_a_demand_fails_an_open_check_and_is_told_so(asked, words):
    assert words in f"{asked.text} {asked.ask}"
    for k in range(6):
        feedback = answered(asked, without(asked, words), f"learner {k}")
        assert feedback.state in ({"wrong", "stub"} if asked.wrong else {"wrong"}), feedback
        assert own_words(asked, feedback), feedback


@judged
def test_each_demand_has_words_of_its_own_and_none_is_without_a_case(asked):
    for learner in LEARNERS:
        told = [own_words(asked, answered(asked, without(asked, words), learner)) for words in left_out(asked)]
        assert len(set(told)) == len(told)
        shown = " ".join(told)
        assert [text for text in asked.demands if text not in shown] == []


@each_task
def test_no_belief_gives_the_right_answer_for_any_of_300_learners(asked):
    assert [fault for k in range(300) for fault in faults(asked, f"learner {k}")] == []


CATALOGUED = [(each, code) for each in ALL if each.catalogue for code in ["", *each.beliefs]]


@pytest.mark.parametrize(("asked", "code"), CATALOGUED, ids=[f"{each.id}-{code}" for each, code in CATALOGUED])
def test_right_answer_and_beliefs_agree_with_the_catalogue(asked, code):
    ask, build_case = asked.catalogue
    codes = code.split("+") if code else []
    function = asked.beliefs[code] if code else asked.solve
    for k in range(20):
        for case in open_cases(asked, ticket(asked.set, f"learner {k}")):
            mine, its = function(**case), answer(ask, build_case(**case), *codes)
            assert mine == (None if its is None else pytest.approx(its, rel=1e-9)), case


@pytest.mark.parametrize(
    ("task_id", "pair"),
    [("sizing-3", "SIGN+ENTRY_FOR_MARK"), ("isolated-1", "NO_MAINTENANCE+WALLET_FOR_MARGIN")],
)
def test_beliefs_that_a_task_does_not_list_are_found_in_the_catalogue(task_id, pair):
    asked = task(task_id)
    assert pair not in asked.beliefs
    ask, build_case = asked.catalogue

    def holder(*numbers, **named):
        case = named or dict(zip(asked.parameters, numbers, strict=True))
        return answer(ask, build_case(**case), *pair.split("+"))

    feedback = answered(asked, holder)
    assert set(feedback.codes) == set(pair.split("+"))


def test_every_belief_is_in_the_catalogue():
    assert {code for each in ALL for key in each.beliefs for code in key.split("+")} <= set(KNOWN)


@each_task
def test_an_untouched_stub_gets_a_kind_message(asked):
    def untouched(*_arguments):
        return ...

    cases = open_cases(asked, ticket(asked.set))
    for stub in (untouched, ...) if asked.asks_function else (...,):
        feedback = judge(asked, cases, collect(stub, cases if asked.asks_function else None))
        assert (feedback.state, feedback.right, feedback.codes) == ("stub", None, ())
        assert asked.ask in said(feedback)


@pytest.mark.parametrize("asked", [each for each in ALL if each.wrong], ids=lambda each: each.id)
def test_a_calculator_as_found_is_shown_where_it_is_wrong(asked):
    for k in range(20):
        cases = open_cases(asked, ticket(asked.set, f"learner {k}"))
        words = said(judge(asked, cases, collect(asked.wrong, cases)))
        (shown,) = [case for case in cases if all(f"{name}={value!r}" in words for name, value in case.items())]
        assert asked.wrong(**shown) != pytest.approx(asked.solve(**shown), rel=1e-9)


ODD = [
    None,
    float("nan"),
    float("inf"),
    10**400,
    True,
    "",
    "1,000",
    "about 5 %",
    1 + 2j,
    object(),
    [],
    {},
    [1, [2, [3, [4, [5, [6]]]]]],
    {"a": {"b": 1}},
    print,
    Task,
    np.array([1.0, 2.0]),
    np.datetime64("2026-01-01"),
    b"54217",
    {1, 2},
    range(10**9),
    "x" * 100_000,
]


@each_task
def test_whatever_is_handed_in_gets_words_and_never_an_error(asked):
    cases = open_cases(asked, ticket(asked.set))
    for odd in ODD:
        for thing in (odd, lambda *_arguments, odd=odd: odd):
            outcomes = collect(thing, cases if asked.asks_function else None)
            json.dumps(outcomes, allow_nan=False)
            feedback = judge(asked, cases, outcomes, tries=9)
            assert feedback.state != "right", odd
            assert len(said(feedback)) < 3_000
            assert feedback._repr_html_()


@each_task
def test_the_stages_come_one_by_one(asked):
    if asked.kind == "explain":
        return
    wrong = (lambda **_: dict.fromkeys(asked.inputs, -1.0)) if asked.inputs else _wrong_answer(asked)
    lengths = [len(answered(asked, wrong, tries=tries).parts) for tries in range(5)]
    assert lengths[0] in {2, 3, 4}  # what came back, one belief or two, and a first hint
    assert [length - lengths[0] for length in lengths] == [0, 1, 2, 2, 2]
    last = answered(asked, wrong, tries=3).parts
    assert [text for _, text in last[-3:-1]] == [asked.nudge, asked.step]


def _wrong_answer(asked):
    """Return a function whose answers are of the right kind, and wrong."""

    def wrong(*arguments, **named):
        truth = asked.solve(*arguments, **named)
        if isinstance(truth, list | tuple):
            words = asked.words or [1, 2, 3, 4]
            return [next(each for each in words if each != its) for its in truth]
        if isinstance(truth, str):  # the right letter with a reason that is not its own
            return truth[0] + next(digit for digit in asked.reasons if digit != truth[1])
        return (truth or 0) * 1.37 + 11

    return wrong


@each_task
def test_messages_never_show_a_grading_case(asked):
    if not asked.asks_function:
        assert grading_cases(asked, "ada", SECRET) == []
        return
    hidden = grading_cases(asked, "ada", SECRET)

    def stops(*_arguments):
        raise ValueError

    def carries_out(*arguments):
        raise type(str(arguments[0]), (ValueError,), {})(arguments)

    stopping = [stops, carries_out, lambda *arguments: str(arguments), lambda *arguments: arguments[0] / 0]
    answers = [asked.solve, _wrong_answer(asked), *stopping, lambda *_: None, *asked.beliefs.values()]
    fixed = [text for each in KNOWN.values() for text in (each.statement, each.remedy, each.refutation)]
    for function in answers:
        words = str(judge(asked, hidden, collect(function, hidden), tries=9, grading=True))
        for text in fixed:  # the numbers in a belief's words are the same for everybody
            words = words.replace(text, "")
        for case in hidden:
            for value in [*case.values(), asked.solve(**case)]:
                if isinstance(value, float | int) and abs(value) > 20:
                    assert f"{value:,.0f}" not in words
                    assert str(value) not in words


@each_task
def test_a_task_says_what_it_trains_and_where_to_read(asked):
    assert re.fullmatch(r"\d\d-(compute|predict|compare|choose)", asked.objective)
    notebook = nbformat.read(build.ROOT / "notebooks" / f"{build.notebook_of(asked.objective)}.ipynb", as_version=4)
    assert asked.read in [cell.id for cell in notebook.cells]
    assert 1 <= asked.points <= 5
    words = " ".join([asked.text, asked.ask, asked.nudge, asked.step, *asked.rubric, *asked.options.values()])
    assert "$" not in words
    assert not asked.ask.endswith(".")
    case = open_cases(asked, ticket(asked.set))[0]
    assert len(asked.worked(**case)) > 20


@each_task
def test_numbers_are_plain_and_stay_the_same(asked):
    for learner in LEARNERS:
        mine = ticket(asked.set, learner)
        numbers = given(asked, mine)
        assert json.loads(json.dumps(numbers)) == numbers == given(asked, mine)
        assert all(tuple(case) == asked.parameters for case in open_cases(asked, mine)) or not asked.asks_function
        json.dumps(open_cases(asked, mine))
    if asked.beliefs:
        assert len({str(open_cases(asked, ticket(asked.set, f"learner {k}"))) for k in range(20)}) > 5


# --- every set ------------------------------------------------------------------------------------------------------


@each_set
def test_a_set_has_six_to_eleven_tasks_in_order(set_id):
    found = tasks(set_id)
    assert 6 <= len(found) <= 11
    assert [each.id for each in found] == [f"{set_id}-{k}" for k in range(1, len(found) + 1)]
    assert len({each.kind for each in found}) >= 5


@each_set
def test_the_stored_notebooks_are_what_the_tool_makes(set_id):
    for path, content in build.built(set_id).items():
        assert path.read_text(encoding="utf-8") == content, "run tools/build_exercises.py"


@each_set
def test_the_worked_version_is_right_and_the_others_are_kind(set_id):
    for version in build.VERSIONS:
        notebook = nbformat.read(build.version_path(set_id, version), as_version=4)
        build.run(notebook)  # raises where a cell does
        for asked in tasks(set_id):
            name = "compare" if asked.kind == "explain" else "check"
            (cell,) = (cell for cell in notebook.cells if cell.id == f"{asked.id}-{name}")
            shown = cell.outputs[-1].data["text/plain"]
            if version == "worked":
                wanted = f"You find {len(asked.rubric)} of" if asked.kind == "explain" else "Right: "
                assert wanted in shown
            else:
                assert re.search(r"Not started yet|as you found it|Not finished|Nothing came back", shown), shown


@each_set
@pytest.mark.parametrize("version", build.VERSIONS)
def test_each_cell_run_again_after_the_end_shows_the_same(set_id, version):
    notebook = nbformat.read(build.version_path(set_id, version), as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    end = nbformat.v4.new_code_cell("_end = dict(globals())")
    again = [nbformat.v4.new_code_cell(f"globals().update(_end)\n{cell.source}") for cell in cells]
    notebook.cells = [*cells, end, *again]
    build.run(notebook)
    for cell, second in zip(cells, again, strict=True):
        # What is done so far is more at the end than at first.
        shown, after = [
            [
                re.sub(r"(All \d+|\d+ of \d+) tasks done, [^<\\]*", "", str(each.get("text") or each.data))
                for each in of.outputs
            ]
            for of in (cell, second)
        ]
        assert shown == after, cell.id


@each_set
def test_the_blank_version_holds_no_solution(set_id):
    source = nbformat.read(build.source_path(set_id), as_version=4)
    blank = build.version_path(set_id, "blank").read_text(encoding="utf-8")
    assert "SOLUTION" not in blank
    for cell in source.cells:
        if build.BEGIN in cell.source:
            found, solution, _ = build._parts(cell.source)  # noqa: SLF001 - the tool's own
            for line in solution:
                assert line in found or len(line.strip()) < 25 or json.dumps(line.strip())[1:-1] not in blank


@each_set
def test_the_source_is_in_the_grader_s_format(set_id):
    source = nbformat.read(build.source_path(set_id), as_version=4)
    found = [cell.metadata["nbgrader"] for cell in source.cells if "nbgrader" in cell.metadata]
    names = [each["grade_id"] for each in found]
    assert len(set(names)) == len(names)
    assert all(each["schema_version"] == 3 and each["task"] is False for each in found)
    assert sum(each.get("points", 0) for each in found) == sum(each.points for each in tasks(set_id))
    for cell in source.cells:
        of = cell.metadata.get("nbgrader", {})
        assert (build.BEGIN in cell.source) == bool(of.get("solution"))
        assert ("points" in of) == bool(of.get("grade"))
        if cell.cell_type == "code":
            ast.parse(cell.source)


def test_a_blank_notebook_runs_in_a_real_kernel(tmp_path):
    notebook = nbformat.read(build.version_path("sizing", "blank"), as_version=4)
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    last = next(cell for cell in notebook.cells if cell.id == "sizing-1-check").outputs[-1]
    assert "Not started yet" in last.data["text/html"]


# --- numbers --------------------------------------------------------------------------------------------------------


def test_a_ticket_leads_neither_to_the_key_nor_to_the_grading_cases():
    asked = next(each for each in ALL if each.asks_function)
    mine = ticket(asked.set, "ada", SECRET)
    assert mine != ticket(asked.set, "ada")
    hidden = grading_cases(asked, "ada", SECRET)
    assert hidden != grading_cases(asked, "ada", bytes.fromhex(mine))
    assert hidden != open_cases(asked, mine)
    assert hidden != grading_cases(asked, "ben", SECRET)


def test_names_and_sets_cannot_be_shifted_into_each_other():
    assert ticket("sizing", "ada") != ticket("sizin", "gada")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_learner_needs_a_name(name):
    with pytest.raises(MarginError, match="learner"):
        ticket("sizing", name)


def test_start_takes_a_name_an_environment_or_a_ticket(monkeypatch):
    ada = start("sizing", "ada")
    assert ada != start("sizing")
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    assert start("sizing") == ada
    monkeypatch.setenv("MARGINLIB_LEARNER", "ben")
    assert start("sizing") == start("sizing", "ben") != ada
    assert start("sizing", ticket=ticket("sizing", "ada")) == ada
    with pytest.raises(MarginError, match="ticket"):
        start("sizing", ticket="42")
    with pytest.raises(MarginError, match="set"):
        start("nothing")


# --- the learner's code ---------------------------------------------------------------------------------------------


def test_collect_gives_plain_json():
    values = [1, 2.5, np.float32(0.5), np.int64(3), Decimal("4.5"), np.array([5.0]), np.array(6)]
    assert [collect(value)[0] for value in values] == [
        {"kind": "number", "value": value} for value in (1.0, 2.5, 0.5, 3.0, 4.5, 5.0, 6.0)
    ]
    assert collect(None) == [{"kind": "none"}]
    assert collect(...) == [{"kind": "stub"}]
    assert collect((1, "a"))[0]["value"] == [{"kind": "number", "value": 1.0}, {"kind": "text", "value": "a"}]


def test_an_error_is_told_with_the_line_of_the_learner():
    def divides(margin):
        nothing = margin - margin
        return margin / nothing

    (outcome,) = collect(divides, [{"margin": 5}])
    assert (outcome["type"], outcome["line"]) == ("ZeroDivisionError", "return margin / nothing")


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, RecursionError, MemoryError, GeneratorExit])
def test_nothing_that_a_function_raises_gets_out(error):
    def stops(_margin):
        raise error

    assert collect(stops, [{"margin": 5}])[0]["type"] == error.__name__


def test_who_interrupts_an_endless_loop_need_not_do_it_for_every_case():
    calls = []

    def endless(margin):
        calls.append(margin)
        raise KeyboardInterrupt

    outcomes = collect(endless, [{"margin": margin} for margin in (1, 2, 3)])
    assert (calls, [each["type"] for each in outcomes]) == ([1], ["KeyboardInterrupt"] * 3)


def test_endless_recursion_is_told():
    def deeper(margin):
        return deeper(margin)

    assert collect(deeper, [{"margin": 5}])[0]["type"] == "RecursionError"


def test_a_call_cannot_change_what_the_next_one_gets():
    seen = []

    def greedy(prices):
        seen.append(list(prices))
        prices.clear()

    cases = [{"prices": [1, 2]}, {"prices": [3]}]
    collect(greedy, cases)
    assert seen == [[1, 2], [3]]
    assert cases == [{"prices": [1, 2]}, {"prices": [3]}]


class Equal(float):
    """Equal to everything."""

    __hash__ = None

    def __eq__(self, _other):
        return True

    def __sub__(self, _other):
        return 0.0

    def __rsub__(self, _other):
        return 0.0


def test_an_object_that_is_equal_to_everything_is_its_number():
    assert answered(task("sizing-1"), lambda **_: Equal(1.0)).state == "wrong"


class Broken(Exception):  # noqa: N818
    """Cannot even be shown."""

    def __str__(self):
        raise TypeError


def test_an_error_that_cannot_be_shown_is_told_by_its_name():
    def stops(_margin):
        raise Broken

    assert collect(stops, [{"margin": 5}])[0]["type"] == "Broken"


# --- slips and progress ---------------------------------------------------------------------------------------------


SLIPS = [(100, "percent"), (0.01, "percent"), (1_000, "thousands"), (-1, "sign"), (1.01, "close")]


@pytest.mark.parametrize(("factor", "slip"), SLIPS)
def test_right_but_for_a_slip(factor, slip):
    asked = task("isolated-1")
    feedback = answered(asked, lambda **given: factor * asked.solve(**given))
    assert (feedback.state, feedback.slip, feedback.codes) == ("wrong", slip, ())


def test_hints_come_with_different_wrong_answers_and_are_remembered():
    start("sizing", "ada")
    for tried, hints in ((1.0, 1), (1.0, 1), (2.0, 2), (2.0, 2), (3.0, 3), (4.0, 3), (5.0, 3)):
        headings = [heading for heading, _ in check("sizing-1", tried).parts]
        assert headings == ["Not yet", *["Hint", "Second hint", "Worked solution"][:hints], "So far"]
    for slip in (..., "600", None, float("nan")):
        check("sizing-1", slip)  # no answer at all: nothing is remembered
    assert len(progress.load().attempts) == 7
    start("sizing", "ben")  # other numbers: from the start
    assert [heading for heading, _ in check("sizing-1", 1.0).parts] == ["Not yet", "Hint", "So far"]


@each_task
def test_what_is_no_answer_at_all_burns_no_hint(asked):
    start(asked.set, "ada")
    for strange in ("z9", "blah", "decrease", {}, [], ["decrease"] * 5, ["decrease"] * 4, 7 if asked.options else "7"):
        feedback = check(asked.id, (lambda *_numbers, strange=strange: strange) if asked.asks_function else strange)
        assert feedback.state == "odd", (strange, feedback)
        assert asked.ask in said(feedback)
    assert progress.load().attempts == ()


def test_parts_are_counted():
    start("sizing", "ada")
    asked = task("sizing-4")
    right = asked.solve(**given(asked, ticket("sizing", "ada")))
    other = {"up": "down", "down": "up", "same": "up"}
    feedback = check("sizing-4", [*right[:3], other[right[3]], other[right[4]]])
    assert "3 of 5 right" in said(feedback)
    assert "Item 2 of your list is the text 'decrease'" in said(check("sizing-4", ["up", "decrease", *right[2:]]))


@pytest.mark.parametrize(
    ("answer", "state"), [("blah", "odd"), ("a, c", "words"), (["a"], "words"), (["a", "blah"], "odd"), ("d", "words")]
)
def test_letters_of_a_text_are_letters(answer, state):
    assert check("sizing-9", answer).state == state


@pytest.mark.parametrize("asked", [each for each in ALL if each.rubric], ids=lambda each: each.id)
def test_what_a_text_leaves_out_is_named(asked):
    letters = "abcdefgh"[: len(asked.rubric)]
    for missing in letters:
        told = dict(check(asked.id, [each for each in letters if each != missing]).parts)
        assert f"({missing}) is missing" in told["Yours"]


def test_a_text_that_was_not_begun_gets_no_model_answer(tmp_path, monkeypatch):
    path = build.version_path("sizing", "blank")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    feedback = check("sizing-9", ["a"])
    assert (feedback.state, [heading for heading, _ in feedback.parts]) == ("stub", ["Not started yet"])
    written = tmp_path / "sizing.ipynb"
    written.write_text(path.read_text(encoding="utf-8").replace(session.WORDS_STUB, "Size decides."), encoding="utf-8")
    for name in (written, tmp_path / "renamed.ipynb"):
        monkeypatch.setenv("JPY_SESSION_NAME", str(name))
        assert check("sizing-9", ["a"]).state == "words"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such clock: an interrupt stops it")
def test_an_endless_loop_is_stopped_and_told(monkeypatch):
    monkeypatch.setattr(session, "_SECONDS", 0.2)
    calls = []

    def endless(*numbers):
        calls.append(numbers)
        while True:
            pass

    feedback = check("sizing-3", endless)
    assert len(calls) == 1
    assert "it computed for 0.2 seconds. Does a loop never end? The line:" in said(feedback)
    assert progress.load().attempts == ()
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_without_a_clock_an_interrupt_stops_it_at_once(monkeypatch):
    monkeypatch.delattr(signal, "setitimer", raising=False)

    def interrupted(*_numbers):
        raise KeyboardInterrupt

    assert "it was interrupted. Does a loop never end?" in said(check("sizing-3", interrupted))


def test_right_and_not_yet_do_not_look_alike():
    start("sizing", "ada")
    asked = task("sizing-1")
    right = check("sizing-1", asked.solve(**given(asked, ticket("sizing", "ada"))))._repr_html_()
    wrong, odd = check("sizing-1", 1.0)._repr_html_(), check("sizing-1", "z9")._repr_html_()
    looks = [(html[: html.index(">")], "✓" in html, "✗" in html) for html in (right, wrong, odd)]
    assert len(set(looks)) == 3
    assert [look[1:] for look in looks] == [(True, False), (False, True), (False, False)]


# --- the finish line ------------------------------------------------------------------------------------------------


def test_the_finish_line_counts_tasks_points_and_hints():
    start("sizing", "ada 2")
    assert finish("sizing").brief == "0 of 9 tasks done, 0 of 18 points, no hints. Next: task 1."
    for asked in tasks("sizing"):
        numbers = given(asked, ticket("sizing", "ada 2"))
        wrong = {2: [1.0, 2.0], 5: [1.0, 2.0, 3.0, 4.0]}.get(asked.number, [])
        for tried in (*wrong, *wrong):
            check(asked.id, tried)
        right = asked.solve if asked.asks_function else asked.solve(**numbers)
        assert dict(check(asked.id, right).parts)["So far"] == finish("sizing").brief
        check(asked.id, ... if asked.asks_function else 9.0)  # what comes after it takes nothing back
    end = finish("sizing")
    assert (end.done, end.hints) == ([True] * 9, [0, 2, 0, 0, 3, 0, 0, 0, 0])
    assert end.brief == "All 9 tasks done, 18 of 18 points, 5 hints."
    assert "Worth another try, with new numbers: 2, 5. Put another name into the first cell" in repr(end)
    assert 'learner="ada 3"' in repr(end)
    assert "worked solution" in end._repr_html_()
    start("sizing", "ada 3")
    assert finish("sizing").brief.startswith("0 of 9 tasks done")


def test_who_needed_no_hint_has_nothing_left_to_do():
    start("sizing")
    for asked in tasks("sizing"):
        numbers = given(asked, ticket("sizing"))
        check(asked.id, asked.solve if asked.asks_function else asked.solve(**numbers))
    assert repr(finish("sizing")).endswith("You have crossed the finish line: there is nothing left to do here.")


def test_answers_to_the_numbers_of_an_earlier_version_do_not_count():
    asked = task("sizing-1")
    mine = ticket("sizing", "ada")
    progress.record(progress.Attempt(item=asked.id, kind="exercise", answer=1.0, right=True, seed=mine))
    start("sizing", "ada")
    assert asked.version > 1
    assert not finish("sizing").done[0]


def test_grading_is_spoken_of_where_somebody_grades():
    asked = task("sizing-3")
    start("sizing", "ada")
    assert "grading" not in said(check("sizing-3", asked.solve))
    assert "grading" not in said(check("sizing-9", ["a"]))
    start("sizing", ticket=ticket("sizing", "ada", SECRET))
    assert "2 more at grading" in said(check("sizing-3", asked.solve))
    assert "A person reads it at grading." in said(check("sizing-9", ["a"]))
    assert "another name" not in repr(finish("sizing"))


def test_a_wrong_unit_is_named_and_burns_no_hint():
    start("sizing", "ada")
    asked = task("sizing-1")
    right = asked.solve(**given(asked, ticket("sizing", "ada")))
    for factor in (100, 0.01, 1_000):
        told = dict(check("sizing-1", factor * right).parts)
        assert list(told) == ["Not yet", "Unit"]
        assert asked.ask in told["Unit"]
    assert "600 without quotes" in said(check("sizing-1", "600 dollars"))
    assert progress.load().attempts == ()
    fraction = task("sizing-6")
    percent = check("sizing-6", lambda *case: 100 * fraction.solve(*case))
    assert "4 % is 0.04 as a fraction" in said(percent)


def test_an_unknown_task_is_told():
    assert "sizing-1" in said(check("sizing-99", 1))
    assert "isolated" in said(check("nothing-1", 1))
    assert check(None).state == "odd"


def test_a_learner_is_told_where_progress_cannot_be_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    told = dict(check("sizing-1", 1.0).parts)
    assert "cannot be written" in told["Your progress"]
