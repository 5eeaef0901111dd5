"""Questions on the page: a form for each, and what happens when its button is pressed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import ipywidgets

from marginlib.practice.form import Form, choices
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
        title: what stands for it where no kernel runs.
        kind: "prediction" or "question".
        feedback: whether the answer is judged at once, or only kept.
        text: whether the question's words are shown; else they stand above the panel.
        recall: whether an answer from an earlier day is shown.
    """

    def __init__(
        self,
        question: Question,
        *,
        title: str,
        kind: str = "question",
        feedback: bool = True,
        text: bool = True,
        recall: bool = True,
    ) -> None:
        self.question = question
        self.answers: tuple[Attempt, ...] = ()
        self._kind, self._feedback, self._text = kind, feedback, text
        kept = load()
        asked = "".join(f"<p>{text_html(each)}</p>" for each in question.text.split("\n\n")) if text else ""
        button = "Check" if feedback else "Keep my prediction" if kind == "prediction" else "Keep my answer"
        super().__init__(
            title,
            asked
            + question.markup(kept.learner)
            + choices("confidence", "How sure are you?", CONFIDENCES, row=True)
            + f'<button type="button" data-press="check">{button}</button>',
        )
        earlier = kept.last(question.id, kind)
        if earlier is not None and (recall or earlier.day == today()):
            what = "prediction" if kind == "prediction" else "answer"
            was = f" It was {'right' if earlier.right else 'not right'}." if feedback else ""
            self.say(f"Your {what} of {day_text(earlier.day)}: {self._show(earlier)}.{was}")

    def _repr_mimebundle_(self, **_: object) -> Any:  # noqa: ANN401
        """Return the view, and the question's words for a page without a kernel that does not have them already."""
        bundle = super()._repr_mimebundle_()
        return _with_words(bundle, [self.question]) if self._text else bundle

    def answer(self, answer: Any, confidence: str | None = "guess") -> str:  # noqa: ANN401
        """Fill in the fields, press the button and return the reply as HTML: what a person does, without a browser."""
        filled = self.question.fill(answer)
        chosen = {} if confidence is None else {"confidence": str(CONFIDENCES.index(confidence))}
        self.values = filled | chosen
        self.press("check")
        return self.said

    def press(self, name: str) -> None:  # noqa: ARG002 - there is one button
        """Read the fields, judge and keep the answer, reply."""
        verdict = self.question.judge(self.question.read(self.values))
        chosen = self.values.get("confidence")
        if not verdict.answered:
            self.say(verdict.message)
            return
        if chosen is None:
            self.say("Choose how sure you are, then press the button again.")
            return
        attempt = Attempt(
            item=self.question.id,
            kind=self._kind,
            answer=verdict.answer,
            right=verdict.right,
            codes=verdict.codes,
            confidence=CONFIDENCES[int(chosen)],
        )
        self.answers += (attempt,)
        told = record(attempt)
        if self._feedback:
            self.say(verdict.message, *told)
        else:
            rest = "Now run the next cell." if self._kind == "prediction" else "You will see later how it compares."
            mine = (self.question.id, self._kind)
            first = [each for each in load().counted if (each.item, each.kind) == mine][-1]
            if first.answer != attempt.answer:
                rest += f" Your first of today ({self._show(first)}) is the one that counts."
            self.say(f"Kept: {self._show(attempt)}. {rest}", *told)
        for listener in _listeners:
            listener()

    def _show(self, attempt: Attempt) -> str:
        """Return an answer and how sure the person was, as text."""
        text = self.question.shown(attempt.answer)
        return f"{text}, {attempt.confidence}" if attempt.confidence else text


class QuestionPanels(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """Several questions below each other.

    Args:
        title: what stands for them where no kernel runs.
        panels: one panel for each.
    """

    def __init__(self, title: str, panels: Iterable[QuestionPanel]) -> None:
        self._title = title
        self.questions = {panel.question.id: panel for panel in panels}
        super().__init__(list(self.questions.values()))

    def __repr__(self) -> str:
        """Return what stands for the questions where no kernel runs."""
        return self._title

    def _repr_mimebundle_(self, **keywords: Any) -> Any:  # noqa: ANN401
        """Return the view, and the questions' words for a page without a kernel."""
        return _with_words(super()._repr_mimebundle_(**keywords), [each.question for each in self.questions.values()])

    @property
    def answers(self) -> tuple[Attempt, ...]:
        """What was answered here since the cell ran."""
        return tuple(answer for panel in self.questions.values() for answer in panel.answers)

    def answer(self, question: str, answer: Any, confidence: str | None = "guess") -> str:  # noqa: ANN401
        """Answer one of the questions, given its id, and return the reply as HTML."""
        return self.questions[question].answer(answer, confidence)


def _with_words(bundle: Any, questions: list[Question]) -> Any:  # noqa: ANN401 - (data, metadata), or data alone
    """Add the questions' words to what a cell shows: a page without a kernel then has them, and not the panels."""
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    items = "".join(f"<li>{_words(question)}</li>" for question in questions)
    data["text/html"] = f"<ol>{items}</ol>" if len(questions) > 1 else f"<div>{''.join(map(_words, questions))}</div>"
    return bundle


def _words(question: Question) -> str:
    """Return a question and its right answer, folded, as HTML."""
    asked = "".join(f"<p>{text_html(each)}</p>" for each in question.text.split("\n\n"))
    listed = "".join(f"<li>{text_html(each)}</li>" for each in question.offered)
    right = (
        "More than one answer is right; with a kernel, yours is checked."
        if question.kind == "counterexample"
        else question.judge(question.right).message
    )
    return (
        f"{asked}{listed and f'<ul>{listed}</ul>'}<details><summary>Answer</summary><p>{text_html(right)}</p></details>"
    )
