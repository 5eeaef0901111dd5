"""Questions on the page: a form for each, and what happens when its button is pressed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from marginlib.practice.form import Form, Stack, choices
from marginlib.practice.judge import Question
from marginlib.practice.progress import CONFIDENCES, Attempt, load, record
from marginlib.words import text_html

_listeners: list[Callable[[], None]] = []


def on_answer(listener: Callable[[], None]) -> Callable[[], None]:
    """Call a function after every answer, and return it."""
    _listeners.append(listener)
    return listener


def today() -> str:
    """Return the date of now, such as "2026-11-03"."""
    return datetime.now().astimezone().date().isoformat()


def day_text(day: str) -> str:
    """Return a date such as "2026-11-03" as text, without the year while it is this one."""
    given = datetime.fromisoformat(day).date()
    year = "" if today().startswith(str(given.year)) else f" {given.year}"
    return f"{given.day} {given:%B}{year}"


def sure(confidence: str | None) -> str:
    """Return how sure somebody was, as the end of a sentence that begins with an answer."""
    if confidence is None:
        return ""
    return " as a guess" if confidence == "guess" else f" and were {confidence}"


class QuestionPanel(Form):
    """One question with its fields, a choice of how sure you are, and a button.

    Args:
        question: what to ask.
        feedback: whether the answer is judged at once, or only kept.
        recall: whether an answer from an earlier day is shown.
    """

    kind, stands_for = "question", "[A question. Run the cell to answer it.]"
    buttons: tuple[tuple[str, str], ...] = (("check", "Check"),)

    def __init__(self, question: Question, *, feedback: bool = True, recall: bool = True) -> None:
        self.question = question
        self.answers: tuple[Attempt, ...] = ()
        self._feedback = feedback
        kept = load()
        buttons = self.buttons if feedback else (("check", "Keep my answer"),)
        super().__init__(
            self.stands_for,
            self.asked()
            + question.markup(kept.learner)
            + choices("confidence", "How sure are you?", CONFIDENCES, row=True)
            + "".join(f'<button type="button" data-press="{name}">{text}</button>' for name, text in buttons),
        )
        earlier = kept.last(question.id, self.kind)
        if earlier is not None and (recall or earlier.day == today()):
            self.recall(earlier)

    def asked(self) -> str:
        """Return the question's words as HTML."""
        return "".join(f"<p>{text_html(each)}</p>" for each in self.question.text.split("\n\n"))

    def recall(self, earlier: Attempt) -> None:
        """Say what was answered before."""
        was = f" It was {'right' if earlier.right else 'not right'}." if self._feedback else ""
        self.say(f"Your answer of {day_text(earlier.day)}: {self._show(earlier)}.{was}")

    def _repr_mimebundle_(self, **_: object) -> Any:  # noqa: ANN401
        """Return the view, and what a page without a kernel shows instead."""
        bundle: Any = super()._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/html"] = f"<div>{self.page()}</div>"
        return bundle

    def page(self) -> str:
        """Return the question's words and its answer, for a page on which nobody answers."""
        listed = "".join(f"<li>{text_html(each)}</li>" for each in self.question.offered)
        return f"{self.asked()}{listed and f'<ul>{listed}</ul>'}{self.answered()}"

    def answered(self) -> str:
        """Return the right answer, folded, as HTML."""
        right = "More than one answer is right; with a kernel, yours is checked."
        if self.question.kind != "counterexample":
            right = self.question.judge(self.question.right).message
        return f"<details><summary>Answer</summary><p>{text_html(right)}</p></details>"

    def press(self, name: str) -> None:  # noqa: ARG002 - there is one button
        """Read the fields, judge and keep the answer, reply; after a first miss there is another try."""
        verdict = self.question.judge(self.question.read(self.values))
        chosen = self.values.get("confidence")
        if not verdict.answered:
            self.say(verdict.message)
        elif chosen is None:
            self.say("Choose how sure you are, then press the button again.")
        else:
            attempt = Attempt(
                item=self.question.id,
                kind=self.kind,
                answer=verdict.answer,
                right=verdict.right,
                codes=verdict.codes,
                confidence=CONFIDENCES[int(chosen)],
            )
            self.keep(attempt, verdict.message if verdict.right or self.answers else verdict.again)

    def keep(self, attempt: Attempt, message: str) -> None:
        """Keep an answer, reply, and tell the pages that count answers."""
        self.answers += (attempt,)
        told = record(attempt)
        first = next(each for each in reversed(load().counted) if (each.item, each.kind) == (attempt.item, self.kind))
        self.reply(attempt, first, message, told)
        for listener in _listeners:
            listener()

    def reply(self, attempt: Attempt, first: Attempt, message: str, told: Iterable[str]) -> None:
        """Say what is to be said of an answer; `first` is the one of its day that counts."""
        if self._feedback:
            self.say(message, *told)
            return
        again = first.answer != attempt.answer
        counts = f" Your first of today ({self._show(first)}) is the one that counts." if again else ""
        self.say(f"Kept: {self._show(attempt)}. You will see later how it compares.{counts}", *told)

    def _show(self, attempt: Attempt) -> str:
        """Return an answer and how sure the person was, as text."""
        text = self.question.shown(attempt.answer)
        return f"{text}, {attempt.confidence}" if attempt.confidence else text


class QuestionPanels(Stack):
    """Several questions below each other.

    Args:
        title: what stands for them where no kernel runs.
        panels: one panel for each.
    """

    def __init__(self, title: str, panels: Iterable[QuestionPanel]) -> None:
        self._title = title
        self.questions = {panel.question.id: panel for panel in panels}
        super().__init__(children=list(self.questions.values()))

    def __repr__(self) -> str:
        """Return what stands for the questions where no kernel runs."""
        return self._title

    def _repr_mimebundle_(self, **keywords: Any) -> Any:  # noqa: ANN401
        """Return the view, and the questions' words for a page without a kernel."""
        bundle: Any = super()._repr_mimebundle_(**keywords)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        pages = [each.page() for each in self.questions.values()]
        items = "".join(f"<li>{page}</li>" for page in pages)
        data["text/html"] = f"<ol>{items}</ol>" if len(pages) > 1 else f"<div>{''.join(pages)}</div>"
        return bundle
