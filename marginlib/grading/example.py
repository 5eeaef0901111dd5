"""A class that never was, so that the item analysis can be tried before anybody has handed in anything."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from random import Random

from marginlib.course.tasks import tasks
from marginlib.grading.verdict import Match, Result, TaskResult
from marginlib.practice.progress import CONFIDENCES

_KNOWN, _SAYS = 0.7, 0.5  # share of wrong answers that a belief explains; of answers that say how sure somebody is


def example_class(set_id: str, students: int = 60, seed: int = 1) -> list[Result]:
    """Return made-up results of one set, as a class of mixed abilities might have them; nothing was run.

        share who have a task right = 1 / (1 + exp(difficulty of the task - ability of the student))

    The last student handed in a file that is no notebook, and the one before copied. Another seed draws another class.

    Source:
        G. Rasch, "Probabilistic Models for Some Intelligence and Attainment Tests", 1960 (the share's formula).
    """
    chance, says, asked = Random(f"{set_id} {seed}"), Random(f"{set_id} {seed} sure"), tasks(set_id)
    # A set's tasks grow harder, not quite in order.
    hard = [3 * k / len(asked) - 2 + chance.gauss(0, 0.4) for k in range(len(asked))]
    told = []
    for k in range(1, students + 1):
        able, each = chance.gauss(0, 1.2), []
        for task, by in zip(asked, hard, strict=True):
            about = {"task": task.id, "kind": task.kind, "points": task.points}
            about["seconds"] = 0.002 + chance.random() / 500
            how: dict[str, object] = {"score": 0, "state": "wrong"}
            if task.kind == "explain":
                how = {"score": None, "state": "words"}
            elif chance.random() < 1 / (1 + exp(by - able)):
                how = {"score": task.points, "state": "right"}
            elif task.beliefs and chance.random() < _KNOWN:
                how["codes"] = (chance.choice(sorted(task.beliefs)),)
            else:
                how["state"] = chance.choice(["wrong", "stub", "error"])
            if task.kind != "explain" and says.random() < _SAYS:
                how["sure"] = CONFIDENCES[min(2, max(0, round(says.gauss(1.2 if how["score"] else 0.7, 0.8))))]
            each.append(TaskResult(**about, **how))  # type: ignore[arg-type]
        name = f"student{k:02}"
        told.append(Result(student=name, set=set_id, submission="", exercises="", status="graded", tasks=tuple(each)))
    *_, copied, broken = told
    alike = tuple(task.id for task in asked if task.kind == "compute")
    told[-2] = replace(copied, matches=(Match(student=told[0].student, tasks=alike),))
    told[-1] = replace(broken, status="not a notebook", reason="a zip archive, not a notebook", tasks=())
    return told
