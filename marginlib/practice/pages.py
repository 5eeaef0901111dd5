"""What your answers add up to: how sure and how right, and where you stand with each objective."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from weakref import WeakSet

from marginlib.practice.bank import questions
from marginlib.practice.form import Form
from marginlib.practice.objectives import OBJECTIVES
from marginlib.practice.panels import on_answer, today
from marginlib.practice.progress import Attempt, Calibration, Progress, Standing, export, load
from marginlib.practice.tasks.task import Task
from marginlib.words import text_html

_FEW = 10
_pages: WeakSet[_Page] = WeakSet()
_exercises: list[Callable[[], Iterable[Task]]] = []


def count_exercises(source: Callable[[], Iterable[Task]]) -> None:
    """Let pages of progress count some tasks beside the questions; the course, which stands above, hands them in.

    Args:
        source: returns the tasks.
    """
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


class CalibrationPage(_Page):
    """How often answers were right, by how sure you were.

    Args:
        notebook: two digits; all notebooks, if it is `None`.
    """

    def __init__(self, notebook: str | None) -> None:
        # What was asked before the course is resolved later; a share would give it away.
        self._labels = {each.id: each.label for each in questions(notebook=notebook) if each.role != "pretest"}
        super().__init__("[How sure, how right. Run the cell to see it.]")

    def text(self, progress: Progress) -> str:
        """Return a row for each word, and what it means."""
        counts = progress.calibration(self._labels)
        surely = [each for each in progress.counted if each.item in self._labels and each.confidence == "certain"]
        missed = dict.fromkeys(self._labels[each.item] for each in surely if each.right is False)
        rows = "".join(
            f'<tr><th scope="row">{each.confidence}</th><td>{each.said}</td><td>'
            f"{f'{each.right} ({100 * each.right / each.said:.0f} %)' if each.said else '-'}</td></tr>"
            for each in counts
        )
        return (
            "<table><caption>How sure you were, and how often you were right</caption><thead><tr>"
            '<th scope="col">you said</th><th scope="col">times</th><th scope="col">right</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
            + "".join(f"<p>{text_html(each)}</p>" for each in _meaning(counts, list(missed)))
        )


def _meaning(counts: tuple[Calibration, ...], missed: list[str]) -> list[str]:
    """Return what the counts say, and how much they can say."""
    said = sum(each.said for each in counts)
    if not said:
        return ["You have kept no answer here yet."]
    certain = counts[-1]
    learn = f"Where you are certain and wrong, you learn most: {'; '.join(missed)}."
    if not certain.said:
        first = "You were never certain. Say it when you would bet on it: then you learn whether you can trust it."
    elif certain.right == certain.said:
        first = f"All {certain.said} answers that you called certain were right. So far you can trust the word."
    else:
        were = "was" if certain.right == 1 else "were"
        first = f"Of {certain.said} answers that you called certain, {certain.right} {were} right. {learn}"
    if certain.said == 1:
        first = f"You were certain once, and {'right' if certain.right else f'wrong. {learn[:-1]}'}."
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
        rows = "".join(
            f'<tr><th scope="row">{text_html(after.label)}</th><td>{_outcome(first)}</td><td>{_outcome(last)}</td></tr>'
            for after, first, last in pairs
        )
        both = [(first[0].right, last[0].right) for _, first, last in pairs if first and last]
        if both:
            was, now = (sum(each is True for each in column) for column in zip(*both, strict=True))
            sums = f"Of {len(both)} pairs answered twice you had {was} right before the course and {now} after it."
        else:
            sums = (
                "Answer the questions of notebook 00 before the course and those above after it; then the gain is here."
            )
        return (
            "<table><caption>Before the course and after it</caption><thead><tr>"
            '<th scope="col">question</th><th scope="col">before</th><th scope="col">after</th></tr></thead>'
            f"<tbody>{rows}</tbody></table><p>{sums}</p>"
        )


def _outcome(attempts: list[Attempt]) -> str:
    """Return an answer's outcome as a word."""
    return "not answered" if not attempts else "right" if attempts[0].right else "wrong"


class ProgressPage(_Page):
    """Where you stand with each objective of the course, and a button that writes a copy."""

    def __init__(self) -> None:
        exercises = [task for source in _exercises for task in source()]
        self._labels = {each.id: each.label for each in questions()}
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
            bar = "■" * done + "□" * (len(mine) - done)
            rows = "".join(
                f'<tr><th scope="row">{text_html(f"{each.verb} {each.text}")}</th><td>{self._state(standing)}</td></tr>'
                for each, standing in mine
            )
            parts.append(
                f'<details aria-label="notebook {notebook}"'
                f"{' open' * any(each.tried and each.repeat != () for _, each in mine)}><summary>"
                f'{notebook}: {done} of {len(mine)} right <span class="bar" aria-hidden="true">{bar}</span></summary>'
                f'<table><thead><tr><th scope="col">you can</th><th scope="col">so far</th></tr></thead>'
                f"<tbody>{rows}</tbody></table></details>"
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
        return text_html(f"{standing.state}, {standing.tried} of {standing.items} answered{again}")
