"""Predict, see, why: one card that keeps a guess, then shows what happens, then says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import ipywidgets
import mistune
import traitlets

from marginlib.practice.bank import question
from marginlib.practice.judge import Question
from marginlib.practice.panels import QuestionPanel, day_text, sure, today
from marginlib.practice.progress import Attempt, load
from marginlib.words import text_html

See = Callable[[Any], ipywidgets.Widget | None]


def _told(question: Question, kept: Attempt | None) -> tuple[str, ...]:
    """Return the right answer, what was predicted and how it compares; one that nobody judged is a look without one."""
    truth = question.shown(question.right)
    first = f"{'Computed' if question.kind == 'number' else 'The answer'}: {truth}."
    if kept is None or kept.right is None:
        return (first, "You kept no prediction." if kept is None else "You looked without a prediction.")
    mine = question.shown(kept.answer)
    when = "" if kept.day == today() else f"On {day_text(kept.day)} you"
    told = f"\N{LEFT DOUBLE QUOTATION MARK}{mine}\N{RIGHT DOUBLE QUOTATION MARK}" if question.kind == "choice" else mine
    return (first, f"{when or 'You'} predicted {told}{sure(kept.confidence)}.", question.judge(kept.answer).reason)


class Card(QuestionPanel):
    """A prediction, then what happens, then why; nothing of the last two is on the page before the first.

    Args:
        question: what is to be predicted; its `why` is the text that follows the result.
        see: returns the picture that is shown with the result, a widget or None, for the kept answer; for `...` where
            nothing was predicted. A page without a kernel has no picture.
    """

    kind, stands_for = "prediction", "[Your prediction. Run the cell to make it.]"
    buttons = (("check", "Keep it, then show me"), ("show", "Show me without a prediction"))
    picture = traitlets.Instance(ipywidgets.Widget, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, question: Question, see: See | None = None) -> None:
        self._see = see
        super().__init__(question)

    def recall(self, earlier: Attempt) -> None:
        """Stand complete where a prediction was kept before; the first of its day is the one that counts."""
        mine = [each for each in load().counted if (each.item, each.kind) == (earlier.item, earlier.kind)]
        self._show_all(mine[-1])

    def press(self, name: str) -> None:
        """Keep the prediction, or that there is none, and show the rest."""
        if name == "show":
            self.keep(Attempt(item=self.question.id, kind=self.kind, answer=None), "")
        else:
            super().press(name)

    def reply(self, attempt: Attempt, first: Attempt, message: str, told: Iterable[str]) -> None:  # noqa: ARG002
        """Show what happens and why, beside the prediction that counts."""
        self._show_all(first)
        self.say(*told)

    def _show_all(self, kept: Attempt) -> None:
        """Show the whole card, and its picture when it is drawn: nobody waits for a drawing to read the result."""
        self.html = self.asked() + self.answered(kept)
        if self._see:
            self.picture = self._see(kept.answer if kept.right is not None else ...)

    def answered(self, kept: Attempt | None = None) -> str:
        """Return what follows the question, as HTML: what is right, what was predicted, room for the picture, why."""
        shown = "<div data-picture></div>" if self._see and kept else ""
        why = str(mistune.html(self.question.why)).replace("$", "<span>$</span>").replace(" %", "&nbsp;%")
        truth, *rest = (text_html(each) for each in _told(self.question, kept) if each)
        said = f"<p><strong>{truth}</strong></p>" + "".join(f"<p>{each}</p>" for each in rest if kept)
        return f'<div class="marginlib-result" tabindex="-1" data-focus>{said}{shown}{why}</div>'


@dataclass(frozen=True, slots=True)
class Reveal:
    """What was computed and what was predicted, as a cell of its own.

    Args:
        sentences: what it says, one sentence or two each.
    """

    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        """Return it as one paragraph."""
        return " ".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return it as one paragraph for each part."""
        return "".join(f"<p>{text_html(each)}</p>" for each in self.sentences)


def reveal(question_id: str) -> Reveal:
    """Return your prediction beside the right answer; a card says the same by itself.

    Args:
        question_id: the question that was predicted, such as "02-price".
    """
    kept = [each for each in load().counted if each.item == question_id]
    return Reveal(_told(question(question_id), kept[-1] if kept else None))
