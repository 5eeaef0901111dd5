"""What a class got wrong: difficulty, discrimination, beliefs and time, task by task, as tables of pandas.

    difficulty       share of those who handed in who have the task right, with Wilson's interval (95 %)
    discrimination   correlation of the task's score with the points in all other tasks (corrected, item to total)
    reliability      Cronbach's alpha of the set: how far its tasks measure one thing

Texts that a person has yet to read, and submissions that could not be graded, are left out, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame, Series

from marginlib.errors import MarginError
from marginlib.grading.verdict import Result
from marginlib.practice.progress import CONFIDENCES

FEWEST = 10  # students, below which a correlation says nothing
_Z = 1.959964  # of a normal distribution, 95 % within
_FAR = 3.5  # robust standard deviations from the median

_ANSWER = ("task", "kind", "points", "score", "state", "codes", "seconds", "variant", "sure")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SetAnalysis:
    """One set, as the class did it."""

    set: str
    # One row a task, in order: `variant` that was asked (0: the task itself), `n` answers judged, `right` of them,
    # `share` that is right [1] (a high one is an easy task), `low` and `high`, between which that of a larger class may
    # be [1], `discrimination` [1] (NaN with fewer than 10 students, or where all agree), `states` ("wrong", "stub" and
    # so on, counted), `slow` (students whose answer took far longer than the others'), `unread` (texts that wait for a
    # person).
    tasks: DataFrame
    # One row for a belief that explains answers to a task, the most frequent first: `belief`, `task`, `answers` (how
    # many), `students`.
    beliefs: DataFrame
    # One row for each way to be sure, from a guess up: `sure`, `said` (judged answers that say so), `right` of them,
    # `worst` (the task that most of these have wrong) and `missed` (how many they are).
    sure: DataFrame
    totals: Series  # student -> points, texts left out, one for each graded submission
    points: float  # the most that could be reached, texts left out
    reliability: float | None  # Cronbach's alpha [1]; None with fewer than 10 students, or where it is not defined
    matches: DataFrame  # answers that are right for somebody else: `student`, `of`, `tasks`
    not_graded: DataFrame  # submissions without a score: `student`, `status`, `reason`


def analyse(results: Sequence[Result]) -> SetAnalysis:
    """Return the analysis of one set from a result for each student.

    Example:
        >>> analyse([])
        Traceback (most recent call last):
        marginlib.errors.MarginError: results: give those of one set; none were given
    """
    sets = {result.set for result in results}
    if len(sets) != 1:
        raise MarginError(f"results: give those of one set; {', '.join(sorted(sets)) or 'none'} were given")
    asked = {(task.task, task.variant) for each in results for task in each.tasks}
    if twice := sorted(name for name, often in Counter(name for name, _ in asked).items() if often > 1):
        raise MarginError(f"results: {', '.join(twice)} asked in several variants; give those of one course")
    graded = [result for result in results if result.status == "graded"]
    told = [(each.student, *(getattr(task, name) for name in _ANSWER)) for each in graded for task in each.tasks]
    answers = DataFrame(told, columns=["student", *_ANSWER]).astype({"score": float})
    code = answers[answers["kind"] != "explain"]
    scores = code.pivot_table("score", "student", "task", aggfunc="sum", sort=False)  # what has no score adds nothing
    totals = scores.sum(axis=1).reindex([each.student for each in graded], fill_value=0.0)
    held = answers.explode("codes").dropna(subset="codes").rename(columns={"codes": "belief"})
    beliefs = held.groupby(["belief", "task"], as_index=False, sort=False).agg(students=("student", list))
    beliefs.insert(2, "answers", beliefs["students"].str.len())
    # Cronbach's alpha: of one task, or where everybody has the same, there is nothing to compare.
    size, spread = scores.shape[1], scores.sum(axis=1).var(ddof=0)
    defined = len(scores) >= FEWEST and size > 1 and spread > 0
    matches = [(each.student, match.student, match.tasks) for each in results for match in each.matches]
    refused = [(each.student, each.status, each.reason) for each in results if each.status != "graded"]
    return SetAnalysis(
        set=sets.pop(),
        tasks=_tasks(answers, scores),
        beliefs=beliefs.sort_values(["answers", "belief", "task"], ascending=[False, True, True], ignore_index=True),
        sure=_sure(answers[answers["score"].notna()]),
        totals=totals,
        points=float(code.drop_duplicates("task")["points"].sum()),
        reliability=float(size / (size - 1) * (1 - scores.var(ddof=0).sum() / spread)) if defined else None,
        matches=DataFrame(matches, columns=["student", "of", "tasks"]),
        not_graded=DataFrame(refused, columns=["student", "status", "reason"]),
    )


def _tasks(answers: DataFrame, scores: DataFrame) -> DataFrame:
    """Return one row a task."""
    told = answers.assign(right=answers["score"] == answers["points"], unread=answers["state"] == "words")
    by_task = told.groupby("task", sort=False)
    found = by_task.agg(
        variant=("variant", "first"), n=("score", "count"), right=("right", "sum"), unread=("unread", "sum")
    )
    n = found["n"].clip(lower=1)
    share, square = found["right"] / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return found.assign(
        share=share,
        low=(middle - half).clip(lower=0).where(found["n"] > 0, 0.0),
        high=(middle + half).clip(upper=1).where(found["n"] > 0, 1.0),
        discrimination=_discrimination(scores).reindex(found.index),
        states={task: dict(Counter(sorted(each["state"])).most_common()) for task, each in by_task},
        slow={task: _slow(each) for task, each in by_task},
    )


def _sure(judged: DataFrame) -> DataFrame:
    """Return how many answers that say how sure somebody is are right."""
    told = judged.assign(right=judged["score"] == judged["points"])
    rows = []
    for word in CONFIDENCES:
        said = told[told["sure"] == word]
        missed = said[~said["right"]]["task"].value_counts()
        worst = (missed.index[0], int(missed.iloc[0])) if len(missed) else ("", 0)
        rows.append((word, len(said), int(said["right"].sum()), *worst))
    return DataFrame(rows, columns=["sure", "said", "right", "worst", "missed"])


def _discrimination(scores: DataFrame) -> Series:
    """Return the correlation of each task with the rest of the set, where there is one to speak of."""
    rest = scores.rsub(scores.sum(axis=1), axis=0)
    spread = (scores.std() > 0) & (rest.std() > 0)  # where everybody has the same, there is nothing to compare
    kept = spread[spread].index if len(scores) >= FEWEST else []
    return Series({task: scores[task].corr(rest[task]) for task in kept}, dtype=float)


def _slow(answers: DataFrame) -> tuple[str, ...]:
    """Return the students whose answer ran far longer than the others', by median and median deviation."""
    late = answers["seconds"] - answers["seconds"].median()
    spread = max(1.4826 * late.abs().median(), 0.05)  # below that a clock has no say
    return tuple(answers["student"][late / spread > _FAR])
