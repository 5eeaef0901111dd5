"""The finish line of a set: what is done, with how many hints, and what is worth another try with new numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from marginlib.practice.progress import Attempt
from marginlib.practice.tasks.task import Task
from marginlib.words import text_html as html

_HINTS = ("no hint", "1 hint", "2 hints", "worked solution")
_AGAIN = 2  # who needed so many hints does well to try again


def misses(task: Task, attempts: Iterable[Attempt], seed: str) -> tuple[bool, list[Any]]:
    """Return whether a task is done with these numbers, and the different wrong answers that came before that."""
    wrong: list[Any] = []
    for each in attempts:
        if each.item == task.id and each.kind == "exercise" and each.seed == seed:
            if each.right is not False:  # right, or words that the learner has compared
                return True, wrong
            if each.answer not in wrong:
                wrong.append(each.answer)
    return False, wrong


@dataclass(frozen=True, slots=True)
class Finish:
    """How far a learner is with a set."""

    tasks: Sequence[Task]  # the tasks of the set, in order
    done: Sequence[bool]  # whether each of them is done
    hints: Sequence[int]  # how many hints each of them took; the third one is the worked solution
    again: str = ""  # how to get new numbers, or "" where a teacher gives them

    @property
    def brief(self) -> str:
        """How many are done, the points, the hints, and what comes next, in one line."""
        count, hints = sum(self.done), sum(self.hints)
        points = sum(task.points for task, done in zip(self.tasks, self.done, strict=True) if done)
        tasks = f"All {count} tasks" if count == len(self.tasks) else f"{count} of {len(self.tasks)} tasks"
        left = [task.number for task, done in zip(self.tasks, self.done, strict=True) if not done]
        next_up = f" Next: task {left[0]}." if left else ""
        taken = f"{hints or 'no'} hint{'s' * (hints != 1)}"
        return f"{tasks} done, {points} of {sum(task.points for task in self.tasks)} points, {taken}.{next_up}"

    @property
    def _rest(self) -> str:
        """What is worth another try, or that the set is done."""
        more = [str(task.number) for task, hints in zip(self.tasks, self.hints, strict=True) if hints >= _AGAIN]
        if more and self.again:
            return f"Worth another try, with new numbers: {', '.join(more)}. {self.again}"
        return "You have crossed the finish line: there is nothing left to do here." if all(self.done) else ""

    def __repr__(self) -> str:
        rows = [f"{name}: {state}, {hints}" for name, state, hints, _ in self._rows()]
        return "\n".join([self.brief, *rows, *filter(None, [self._rest])])

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Return each task in words: its name, whether it is done, its hints, its points."""
        rows = []
        for task, done, hints in zip(self.tasks, self.done, self.hints, strict=True):
            state = "✓ done" if done else "not yet" if hints else "-"
            taken = _HINTS[hints] if done or hints else "-"
            rows.append((f"{task.number} · {task.title}", state, taken, f"{task.points * done} of {task.points}"))
        return rows

    def _repr_html_(self) -> str:
        """Return the line, a table of the tasks, and what is worth another try."""
        head = "".join(f'<th scope="col">{each}</th>' for each in ("task", "so far", "with", "points"))
        left = ' style="text-align: left"'
        body = "".join(
            f'<tr><th scope="row"{left}>{html(name)}</th>{"".join(f"<td>{each}</td>" for each in rest)}</tr>'
            for name, *rest in self._rows()
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<p><strong>{html(self.brief)}</strong></p>{table}<p>{html(self._rest)}</p>"
