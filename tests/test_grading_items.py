"""Item analysis: figures that can be worked out by hand, and a page that says what they mean."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest

from marginlib import MarginError
from marginlib.grading.items import analyse
from marginlib.grading.report import belief_table, how_sure, page, task_table, totals_picture
from marginlib.grading.verdict import Match, Result, TaskResult


def told(task, score, points=1, **how):
    how = {"kind": "compute", "state": "right" if score else "wrong", **how}
    return TaskResult(task=task, points=points, score=score, **how)


def result(student, scores, **how):
    tasks = tuple(told(f"sizing-{k}", score) for k, score in enumerate(scores, start=1))
    blank = {"student": student, "set": "sizing", "submission": "", "exercises": "", "status": "graded", "tasks": tasks}
    return Result(**{**blank, **how})


CLASS = [result(f"s{k}", [int(k < 9), int(k < 6), int(k % 2)]) for k in range(12)]


def test_difficulty_is_the_share_that_is_right_with_wilsons_interval():
    first = analyse(CLASS).tasks.iloc[0]
    assert (first.n, first.right, first.share) == (12, 9, 0.75)
    assert (first.low, first.high) == pytest.approx((0.468, 0.911), abs=1e-3)  # R: binom::binom.wilson(9, 12)


def test_discrimination_is_the_correlation_with_the_other_tasks():
    scores = np.array([[task.score for task in each.tasks] for each in CLASS])
    for k, found in enumerate(analyse(CLASS).tasks["discrimination"]):
        rest = scores.sum(axis=1) - scores[:, k]
        assert found == pytest.approx(np.corrcoef(scores[:, k], rest)[0, 1])


def test_reliability_is_cronbachs_alpha():
    scores = np.array([[task.score for task in each.tasks] for each in CLASS])
    alpha = 3 / 2 * (1 - scores.var(axis=0).sum() / scores.sum(axis=1).var())
    assert analyse(CLASS).reliability == pytest.approx(alpha)


def test_how_sure_and_how_right():
    words = ("certain", "guess", "certain", "")
    said = [
        Result(
            student=f"s{k}",
            set="sizing",
            submission="",
            exercises="",
            status="graded",
            tasks=(told("sizing-1", int(k > 3), sure=words[k % 4]), told("sizing-2", 1, sure="certain")),
        )
        for k in range(8)
    ]
    assert how_sure(analyse(said)) == [
        "Said as “guess”: 1 of 2 right (50%).",
        "Said as “certain”: 10 of 12 right (83%).",
        "Certain and wrong most often: sizing-1, The deposit, today, by 2 students. Begin with these.",
    ]
    assert "No answer says how sure it is" in page(analyse(CLASS))


def test_a_few_students_have_no_correlation():
    few = analyse(CLASS[:9])
    assert few.reliability is None
    assert few.tasks["discrimination"].isna().all()


def test_a_task_that_all_have_right_has_no_correlation():
    same = analyse([result(f"s{k}", [1, k % 2]) for k in range(12)])
    assert same.tasks["discrimination"].isna().tolist() == [True, True]  # and nothing is left to compare the other with


def test_what_was_not_graded_is_told_and_counts_nowhere():
    broken = result("zed", [], status="unreadable", reason="not JSON")
    found = analyse([*CLASS, broken])
    assert len(found.totals) == 12
    assert found.not_graded.values.tolist() == [["zed", "unreadable", "not JSON"]]
    alone = analyse([broken])
    assert (len(alone.tasks), alone.points, alone.reliability) == (0, 0, None)
    assert "Nothing was graded" in page(alone)


def test_a_text_that_waits_is_no_zero():
    text = told("sizing-9", None, points=3, kind="explain", state="words")
    found = analyse([Result(**{**vars(each), "tasks": (*each.tasks, text)}) for each in CLASS])
    text_row = found.tasks.iloc[-1]
    assert (text_row.n, text_row.unread, text_row.low, text_row.high, found.points) == (0, 12, 0, 1, 3)


def test_beliefs_are_counted_by_task():
    wrong = [told("sizing-2", 0, codes=("SIGN",)), told("sizing-2", 0, codes=("SIGN", "LEVERAGE_MULTIPLIES_PNL"))]
    found = analyse([Result(**{**vars(result(f"s{k}", [])), "tasks": (each,)}) for k, each in enumerate(wrong)])
    assert found.beliefs.values.tolist() == [
        ["SIGN", "sizing-2", 2, ["s0", "s1"]],
        ["LEVERAGE_MULTIPLIES_PNL", "sizing-2", 1, ["s1"]],
    ]
    assert belief_table(found).iloc[:, :3].values.tolist() == [
        ["SIGN", "2 of 2", "sizing-2"],
        ["LEVERAGE_MULTIPLIES_PNL", "1 of 2", "sizing-2"],
    ]


def test_code_that_runs_far_longer_than_the_others_is_named():
    random = Random(1)
    usual = [told("sizing-1", 1, seconds=0.01 + 0.002 * random.random()) for _ in range(11)]
    found = analyse(
        [
            Result(**{**vars(result(f"s{k}", [])), "tasks": (each,)})
            for k, each in enumerate([*usual, told("sizing-1", 1, seconds=4.0)])
        ]
    )
    assert found.tasks["slow"].tolist() == [("s11",)]
    assert "slow code: s11" in task_table(found)["look at"].iloc[0]


def test_results_of_two_sets_are_refused():
    with pytest.raises(MarginError, match="isolated, sizing"):
        analyse([CLASS[0], result("x", [], set="isolated")])


def test_the_page_says_it_all_and_asks_nothing_of_the_network():
    copied = result("mal<l>ory", [0, 0, 0], matches=(Match(student="ada", tasks=("sizing-1", "sizing-2")),))
    found = analyse([*CLASS, copied, result("zed", [], status="missing", reason="no file sizing.ipynb was handed in")])
    html = page(found)
    assert "mal&lt;l&gt;ory" in html
    assert "<script" not in html
    assert not re.search(r'(src|href)="?https?:', html)
    for words in ("sizing-1, sizing-2", "no file sizing.ipynb", "13 submissions graded, 1 not", "Reliability"):
        assert words in html
    for title in task_table(found)["title"]:
        assert title in html


def test_the_picture_has_its_numbers_as_text():
    label = re.search('aria-label="([^"]*)"', totals_picture(analyse(CLASS))).group(1)
    counts = [int(each) for each in re.findall(r": (\d+) student", label)]
    totals = [sum(task.score for task in each.tasks) for each in CLASS]
    assert [counts[k] for k in (0, 3, 6, 9)] == [totals.count(k) for k in range(4)]
    assert sum(counts) == len(CLASS)
