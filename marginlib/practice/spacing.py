"""Which questions to ask again, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from marginlib.practice.bank import questions
from marginlib.practice.judge import Question
from marginlib.practice.objectives import OBJECTIVES
from marginlib.practice.progress import Attempt

# Leitner's boxes: a right answer moves a question to the next box, a wrong one back to the first. The days that pass
# until it is asked again double from box to box, as C. A. Mace proposed in 1932.
# Source: S. Leitner, So lernt man lernen (1972); C. A. Mace, The Psychology of Study (1932).
_INTERVALS = (0, 1, 2, 4, 8, 16)
_AGAIN = {"opening", "closing"}  # the roles of questions that are asked again
_History = list[tuple[date, bool]]


def draw(attempts: Iterable[Attempt], notebook: str, count: int, today: date) -> tuple[Question, ...]:
    """Return questions of earlier notebooks to begin a notebook with: earlier misses first, then what is due.

    A question that was answered right waits 1, 2, 4, 8, then 16 days; a wrong answer, to it or to a prediction or task
    of its objective, brings it back at once. What was never asked follows, the nearest notebook first, so that without
    any attempts the choice is fixed. Nothing is asked that takes more than a calculator: no odds.

    Example:
        >>> [each.notebook for each in draw([], "03", 3, date(2026, 1, 1))]
        ['02', '01', '00']
    """
    earlier = [each for each in questions() if each.notebook < notebook and each.role in _AGAIN]
    bank = [each for each in earlier if getattr(each, "ask", "") != "touch_probability"]
    seen = _histories(attempts)
    ranked = sorted(enumerate(bank), key=lambda item: _urgency(item[1], item[0], bank, seen, today))
    return tuple(each for _, each in ranked[: max(0, count)])


def _urgency(
    asked: Question, place: int, bank: Sequence[Question], seen: Mapping[str, _History], today: date
) -> tuple[float, ...]:
    """Return where a question stands in the queue: missed, due, never asked, not due yet."""
    box, last = -1, date.min
    for day, right in seen.get(asked.id, []):
        box, last = (min(max(box, 0) + 1, len(_INTERVALS) - 1) if right else 0), day
    for day, right in seen.get(f"objective {asked.objective}", []):
        if not right and day >= last:
            box, last = 0, day
    if box < 0:
        same = [each for each in bank[:place] if each.notebook == asked.notebook]
        return (2, len(same), -int(asked.notebook), place)  # one of each notebook, the nearest first, then the next one
    waits = (today - last).days - _INTERVALS[box]
    if box == 0:
        return (0, -waits, place)
    return (1, -waits, place) if waits >= 0 else (3, -waits, place)


def _histories(attempts: Iterable[Attempt]) -> dict[str, _History]:
    """Return day and outcome of every judged answer, oldest first, by question and by objective."""
    bank = {each.id: each for each in questions()}
    serves = {each.check: each.id for each in OBJECTIVES} | {each.id: each.objective for each in questions()}
    found: dict[str, _History] = {}
    for each in attempts:
        if each.right is None:
            continue
        outcome = (date.fromisoformat(each.day), each.right)
        found.setdefault(each.item, []).append(outcome)
        if each.item in serves and not (each.item in bank and bank[each.item].role in _AGAIN):
            found.setdefault(f"objective {serves[each.item]}", []).append(outcome)
    return {name: sorted(days, key=lambda each: each[0]) for name, days in found.items()}
