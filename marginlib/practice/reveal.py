"""A prediction beside what was computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marginlib.errors import wrong
from marginlib.practice.bank import question
from marginlib.practice.panels import day_text, sure, today
from marginlib.practice.progress import load
from marginlib.words import text_html

_OWN = object()  # stands for the question's own answer, since None is an answer: "no such price"


@dataclass(frozen=True, slots=True)
class Reveal:
    """What was computed, what was predicted, and what the difference may come from.

    Args:
        sentences: what it says, one sentence or two each.

    Example:
        >>> Reveal(("Computed: 54,217 dollars.", "You kept no prediction."))
        Computed: 54,217 dollars. You kept no prediction.
    """

    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        """Return it as one paragraph."""
        return " ".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return it as one paragraph for each part."""
        return "".join(f"<p>{text_html(each)}</p>" for each in self.sentences)


def reveal(question_id: str, value: Any = _OWN) -> Reveal:  # noqa: ANN401 - whatever the question asks for
    """Return your prediction beside the right answer.

    The first prediction of the newest day is the one compared.

    Args:
        question_id: the question that was predicted, such as "02-price".
        value: what a cell computed, to be held against the question's own right answer; may be left out.

    Raises:
        MarginError: where the value is not the question's right answer; then the notebook and the question disagree.
    """
    asked = question(question_id)
    value = asked.right if value is _OWN else value
    if not asked.judge(value).right:
        raise wrong(
            "value", value, f"question {question_id} has the answer {asked.right!r}; make cell and question agree"
        )
    lead = "Computed" if asked.kind == "number" else "The answer"
    computed = f"{lead}: {asked.shown(value)}."
    kept = [each for each in load().counted if each.item == question_id]
    if not kept:
        return Reveal((computed, "You kept no prediction."))
    mine = kept[-1]
    when = "" if mine.day == today() else f"On {day_text(mine.day)} you"
    predicted = f"{when or 'You'} predicted {asked.shown(mine.answer)}{sure(mine.confidence)}."
    return Reveal((computed, predicted, asked.judge(mine.answer).message))
