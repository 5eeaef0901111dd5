"""What a class got wrong: difficulty, discrimination, beliefs and time, task by task, from the results of one set.

    difficulty       share of those who handed in who have the task right, with Wilson's interval (95 %)
    discrimination   correlation of the task's score with the points in all other tasks (corrected, item to total)
    reliability      Cronbach's alpha of the set: how far its tasks measure one thing

Texts that a person has yet to read, and submissions that could not be graded, are left out, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import StatisticsError, correlation, median, pvariance

from marginlib.errors import MarginError
from marginlib.grading.verdict import Result, TaskResult

__all__ = ["Item", "SetAnalysis", "analyse", "holders"]

FEWEST = 10  # students, below which a correlation says nothing
_Z = 1.959964  # of a normal distribution, 95 % within
_FAR = 3.5  # robust standard deviations from the median


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One task, as the class did it.

    Args:
        task: the task's id.
        n: students whose answer was judged.
        right: of those, how many are right.
        difficulty: share that is right [1]; a high one is an easy task.
        interval: where the share of a larger class like this one may be [1].
        discrimination: correlation with the rest of the set [1]; None with fewer than 10 students, or where all agree.
        states: how many answers were "right", "wrong", "stub", "error" and so on.
        beliefs: (code, students) of each belief that explains a wrong answer, the most frequent first.
        slow: students whose answer took far longer than the others'.
        unread: texts that wait for a person.

    Example:
        >>> Item(task="sizing-1", n=20, right=15, difficulty=0.75, interval=(0.53, 0.89)).discrimination is None
        True
    """

    task: str
    n: int
    right: int
    difficulty: float
    interval: tuple[float, float]
    discrimination: float | None = None
    states: tuple[tuple[str, int], ...] = ()
    beliefs: tuple[tuple[str, int], ...] = ()
    slow: tuple[str, ...] = ()
    unread: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAnalysis:
    """One set, as the class did it.

    Args:
        set: the set of exercises.
        graded: how many submissions were graded.
        not_graded: (student, status, reason) of the others.
        items: its tasks, in order.
        totals: points of each graded submission, texts left out.
        points: the most that could be reached, texts left out.
        reliability: Cronbach's alpha [1]; None with fewer than 10 students, or where it is not defined.
        matches: (student, of whom, tasks): answers that are right for somebody else.

    Example:
        >>> analyse([]).items
        Traceback (most recent call last):
        marginlib.errors.MarginError: results: give those of one set; none were given
    """

    set: str
    graded: int
    not_graded: tuple[tuple[str, str, str], ...]
    items: tuple[Item, ...]
    totals: tuple[float, ...]
    points: float
    reliability: float | None
    matches: tuple[tuple[str, str, tuple[str, ...]], ...]


def analyse(results: Sequence[Result]) -> SetAnalysis:
    """Return the analysis of one set.

    Args:
        results: one for each student.

    Raises:
        MarginError: there are none, or they are of several sets.

    Example:
        >>> right = TaskResult(task="sizing-1", kind="compute", points=1, score=1, state="right")
        >>> one = Result(student="ada", set="sizing", submission="", exercises="", status="graded", tasks=(right,))
        >>> analyse([one]).items[0].difficulty
        1.0
    """
    sets = {result.set for result in results}
    if len(sets) != 1:
        raise MarginError(f"results: give those of one set; {', '.join(sorted(sets)) or 'none'} were given")
    graded = [result for result in results if result.status == "graded"]
    judged = [[task for task in result.tasks if task.kind != "explain"] for result in graded]
    totals = [sum(task.score or 0 for task in tasks) for tasks in judged]
    names = [task.task for task in (graded[0].tasks if graded else ())]
    return SetAnalysis(
        set=sets.pop(),
        graded=len(graded),
        not_graded=tuple((each.student, each.status, each.reason) for each in results if each.status != "graded"),
        items=tuple(_item(graded, k, totals) for k in range(len(names))),
        totals=tuple(totals),
        points=sum(task.points for task in judged[0]) if judged else 0.0,
        reliability=_alpha([[task.score or 0.0 for task in tasks] for tasks in judged]),
        matches=tuple((each.student, match.student, match.tasks) for each in results for match in each.matches),
    )


def holders(results: Sequence[Result], code: str) -> dict[str, list[str]]:
    """Return whose answers a belief explains: task -> students.

    Args:
        results: one for each student.
        code: of the belief.

    Example:
        >>> wrong = TaskResult(task="sizing-2", kind="compute", points=1, score=0, state="wrong", codes=("SIGN",))
        >>> one = Result(student="ada", set="sizing", submission="", exercises="", status="graded", tasks=(wrong,))
        >>> holders([one], "SIGN")
        {'sizing-2': ['ada']}
    """
    held: dict[str, list[str]] = {}
    for result in results:
        for task in result.tasks:
            if code in task.codes:
                held.setdefault(task.task, []).append(result.student)
    return held


def _item(graded: Sequence[Result], k: int, totals: Sequence[float]) -> Item:
    """Return one task."""
    answers = [(result.student, result.tasks[k]) for result in graded]
    judged = [(student, task) for student, task in answers if task.score is not None]
    right = sum(task.score == task.points for _, task in judged)
    rest = [total - (task.score or 0) for (_, task), total in zip(answers, totals, strict=True)]
    beliefs = Counter(code for _, task in answers for code in task.codes)
    explained = answers[0][1].kind == "explain"
    return Item(
        task=answers[0][1].task,
        n=len(judged),
        right=right,
        difficulty=right / len(judged) if judged else 0.0,
        interval=_wilson(right, len(judged)),
        discrimination=None if explained else _correlation([task.score or 0 for _, task in answers], rest),
        states=tuple(sorted(Counter(task.state for _, task in answers).items(), key=lambda each: (-each[1], each[0]))),
        beliefs=tuple(sorted(beliefs.items(), key=lambda each: (-each[1], each[0]))),
        slow=_slow(answers),
        unread=sum(task.state == "words" for _, task in answers),
    )


def _wilson(right: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval for a share."""
    if not n:
        return 0.0, 1.0
    share, square = right / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return a correlation, where there is one to speak of."""
    if len(one) < FEWEST:
        return None
    try:
        return correlation(one, other)
    except StatisticsError:  # everybody has the same
        return None


def _alpha(scores: Sequence[Sequence[float]]) -> float | None:
    """Return Cronbach's alpha of students' scores, one row each."""
    if len(scores) < FEWEST or len(scores[0]) < 2:  # noqa: PLR2004 - of one task there is nothing to compare
        return None
    whole = pvariance([sum(row) for row in scores])
    parts = sum(pvariance(column) for column in zip(*scores, strict=True))
    count = len(scores[0])
    return count / (count - 1) * (1 - parts / whole) if whole else None


def _slow(answers: Sequence[tuple[str, TaskResult]]) -> tuple[str, ...]:
    """Return the students whose answer ran far longer than the others', by median and median deviation."""
    seconds = [task.seconds for _, task in answers]
    middle = median(seconds)
    spread = max(1.4826 * median(abs(each - middle) for each in seconds), 0.05)  # below that a clock has no say
    return tuple(student for student, task in answers if (task.seconds - middle) / spread > _FAR)
