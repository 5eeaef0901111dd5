"""What your answers add up to: how sure and how right, and where you stand with each objective."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from weakref import WeakSet

from marginlib.practice.bank import questions
from marginlib.practice.form import Form
from marginlib.practice.objectives import OBJECTIVES
from marginlib.practice.panels import on_answer, today
from marginlib.practice.progress import Calibration, Progress, Standing, export, load
from marginlib.practice.tasks.task import Task
from marginlib.words import text_html

_FEW = 10
_pages: WeakSet[_Page] = WeakSet()
_exercises: list[Callable[[], Iterable[Task]]] = []


def count_exercises(source: Callable[[], Iterable[Task]]) -> None:
    """Let pages of progress count some tasks beside the questions; the course, which stands above, hands them in."""
    _exercises.append(source)


class _Page(Form):
    """A page that is written again after every answer."""

    def __init__(self, title: str) -> None:
        super().__init__(title, self.text(load()))
        _pages.add(self)

    def text(self, progress: Progress) -> str:
        """Return the page's HTML."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Write the page again."""
        self.html = self.text(load())


@on_answer
def _refresh() -> None:
    """Write all pages again."""
    for page in list(_pages):
        page.refresh()


def _table(heads: Iterable[str], rows: Iterable[tuple[object, ...]], caption: str = "") -> str:
    """Return a table of texts whose first column says what each row is about."""
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{text_html(str(first))}</th>'
        f"{''.join(f'<td>{text_html(str(each))}</td>' for each in rest)}</tr>"
        for first, *rest in rows
    )
    name = f"<caption>{caption}</caption>" if caption else ""
    return f"<table>{name}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class CalibrationPage(_Page):
    """How often answers were right, by how sure you were.

    Args:
        notebook: two digits; all notebooks, if it is `None`.
    """

    def __init__(self, notebook: str | None) -> None:
        # What was asked before the course is resolved later; a share would give it away.
        asked = [each for each in questions(notebook=notebook) if each.role != "pretest"]
        self._labels = {each.id: f"({each.notebook}) {each.asks}" for each in asked}
        super().__init__("[How sure, how right. Run the cell to see it.]")

    def text(self, progress: Progress) -> str:
        """Return a row for each word, and what it means."""
        counts = progress.calibration(self._labels)
        surely = [each for each in progress.counted if each.item in self._labels and each.confidence == "certain"]
        missed = dict.fromkeys(self._labels[each.item] for each in surely if each.right is False)
        rows = [
            (each.confidence, each.said, f"{each.right} ({100 * each.right / each.said:.0f} %)" if each.said else "-")
            for each in counts
        ]
        table = _table(("you said", "times", "right"), rows, "How sure you were, and how often you were right")
        return table + "".join(f"<p>{text_html(each)}</p>" for each in _meaning(counts, list(missed)))


def _meaning(counts: tuple[Calibration, ...], missed: list[str]) -> list[str]:
    """Return what the counts say, and how much they can say."""
    said = sum(each.said for each in counts)
    if not said:
        return ["You have kept no answer here yet."]
    certain = counts[-1]
    learn = f"Where you are certain and wrong, you learn most. {' '.join(missed)}"
    if not certain.said:
        first = "You were never certain. Say it when you would bet on it: then you learn whether you can trust it."
    elif certain.right == certain.said:
        first = f"All {certain.said} answers that you called certain were right. So far you can trust the word."
    else:
        were = "was" if certain.right == 1 else "were"
        first = f"Of {certain.said} answers that you called certain, {certain.right} {were} right. {learn}"
    if certain.said == 1:
        first = f"You were certain once, and {'right.' if certain.right else f'wrong. {learn}'}"
    few = f"These are few answers: one more or less moves a share of {said} by {100 / said:.0f} points."
    return [first, few] if said < _FEW else [first]


class GainPage(_Page):
    """The questions before the course beside those after it: each pair asks the same with other numbers.

    Of a question before the course your first answer counts; of one after it the first of the newest day.
    """

    def __init__(self) -> None:
        self._pairs = [(each.pair, each) for each in questions(role="posttest")]
        super().__init__("[What you gained. Run the cell to see it.]")

    def text(self, progress: Progress) -> str:
        """Return a row for each pair, and the two sums."""
        pairs = []
        for before, after in self._pairs:
            first = [each for each in progress.counted if each.item == before][:1]
            last = [each for each in progress.counted if each.item == after.id][-1:]
            pairs.append((after, first, last))
        words = {True: "right", False: "wrong", None: "wrong"}
        rows = [
            (after.label, *(words[answers[0].right] if answers else "not answered" for answers in (first, last)))
            for after, first, last in pairs
        ]
        both = [(first[0].right, last[0].right) for _, first, last in pairs if first and last]
        if both:
            was, now = (sum(each is True for each in column) for column in zip(*both, strict=True))
            sums = f"Of {len(both)} pairs answered twice you had {was} right before the course and {now} after it."
        else:
            sums = (
                "Answer the questions of notebook 00 before the course and those above after it; then the gain is here."
            )
        caption = "Before the course and after it"
        return f"{_table(('question', 'before', 'after'), rows, caption)}<p>{sums}</p>"


class ProgressPage(_Page):
    """Where you stand with each objective of the course, and a button that writes a copy."""

    def __init__(self) -> None:
        exercises = [task for source in _exercises for task in source()]
        self._labels = {each.id: each.asks for each in questions()}
        self._labels |= {each.id: f"exercise {each.id}, {each.title}" for each in exercises}
        counting = [each for each in questions() if each.role not in {"prediction", "pretest"}]
        serves = [(each.id, each.objective) for each in counting] + [(each.id, each.objective) for each in exercises]
        # The questions and exercises of each objective, each once.
        self._items = {
            each.id: tuple(dict.fromkeys((each.question, each.check, *(it for it, of in serves if of == each.id))))
            for each in OBJECTIVES
        }
        super().__init__("[Your progress. Run the cell to see it.]")
        notes = load().notes
        if notes:
            self.say(*notes)

    def text(self, progress: Progress) -> str:
        """Return a table for each notebook, folded, and the button."""
        standings = progress.by_objective(self._items)
        right = sum(each.state == "right" for each in standings.values())
        rule = '"Right" means: no question of the objective was answered wrong the last time. Predictions do not count.'
        parts = [f"<p><b>{right} of {len(standings)} objectives right.</b> {rule}</p>"]
        for notebook, group in groupby(OBJECTIVES, key=lambda each: each.notebook):
            mine = [(each, standings[each.id]) for each in group]
            done = sum(standing.state == "right" for _, standing in mine)
            bar = "●" * done + "○" * (len(mine) - done)
            table = _table(("you can", "so far"), [(f"{e.verb} {e.text}", self._state(state)) for e, state in mine])
            parts.append(
                f'<details aria-label="notebook {notebook}"'
                f"{' open' * any(each.tried and each.repeat != () for _, each in mine)}><summary>"
                f'{notebook}: {done} of {len(mine)} right <span class="bar" aria-hidden="true">{bar}</span></summary>'
                f"{table}</details>"
            )
        parts.append('<button type="button" data-press="export">Write a copy beside this notebook</button>')
        return "".join(parts)

    def press(self, name: str) -> None:  # noqa: ARG002 - there is one button
        """Write the copy and say where it is."""
        try:
            copy, table = export(f"marginlib-progress-{today()}.json")
        except OSError as error:
            self.say(f"The copy could not be written: {error.strerror or error}.")
        else:
            self.say(f"Written: {copy}, and {table.name} for a spreadsheet. Nothing was sent anywhere.")

    def _state(self, standing: Standing) -> str:
        """Return where somebody stands with one objective, and what to repeat."""
        if not standing.tried:
            return "not yet"
        repeat = "; ".join(self._labels.get(item, item) for item in standing.repeat)
        again = f". Again: {repeat}" if repeat else ""
        return f"{standing.state}, {standing.tried} of {standing.items} answered{again}"
