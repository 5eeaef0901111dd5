"""How each kind of question is asked, how its fields are read, and how an answer is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from marginlib.practice.form import choices, field
from marginlib.practice.questions import Question, Verdict, judge, say
from marginlib.words import text_html

__all__ = ["KINDS", "Kind", "judged", "shown"]

_Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of question.

    Args:
        markup: the fields, as HTML.
        read: what stands in the fields, for `questions.judge`, which knows what is missing.
        fill: what the fields hold when an answer stands in them.
        show: an answer as text.

    Example:
        >>> sorted(KINDS)
        ['choice', 'counterexample', 'number', 'ordering']
    """

    markup: Callable[[Question], str]
    read: Callable[[Question, _Values], Any]
    fill: Callable[[Question, Any], dict[str, Any]]
    show: Callable[[Question, Any], str]


def judged(question: Question, answer: Any) -> Verdict:  # noqa: ANN401 - whatever the question asks for
    """Return the verdict on an answer as it is kept, where `None` means "there is no such number".

    Args:
        question: what was asked.
        answer: a kept answer, or the right one.

    Example:
        >>> from marginlib.practice.questions import questions
        >>> all(judged(each, each.right).right for each in questions() if not each.inputs)
        True
    """
    return judge(question, "none" if answer is None and question.kind == "number" else answer)


def shown(question: Question, answer: Any) -> str:  # noqa: ANN401
    """Return a kept answer as text; the question may have had another kind when it was kept.

    Args:
        question: what is asked.
        answer: what was answered.

    Example:
        >>> from marginlib.practice.questions import question
        >>> shown(question("02-price"), 9.6), shown(question("02-price"), ["up", "down"])
        ('9.6 %', "['up', 'down']")
    """
    try:
        return KINDS[question.kind].show(question, answer)
    except (KeyError, TypeError, ValueError):
        return str(answer)


def _texts(question: Question) -> list[str]:
    """Return the choices, or the lines to order, as they are shown."""
    return [option.text for option in question.options()]


def _ask_order(question: Question) -> str:
    """Return the lines with buttons that move them."""
    rows = "".join(
        f'<li data-key="{key}"><div class="marginlib-row"><span>{text_html(line)}</span><span class="moves">'
        f'<button type="button" data-move="up" aria-label="Up: {escape(line)}">Up</button>'
        f'<button type="button" data-move="down" aria-label="Down: {escape(line)}">Down</button></span></div></li>'
        for key, line in enumerate(_texts(question))
    )
    return (
        f"<fieldset><legend>{text_html(question.label)}</legend>"
        f'<p>Put the first line at the top.</p><ol data-name="value">{rows}</ol></fieldset>'
    )


def _read_order(question: Question, values: _Values) -> list[str]:
    """Return the lines from top to bottom."""
    lines = _texts(question)
    return [lines[int(key)] for key in values.get("value", range(len(lines)))]


def _ask_inputs(question: Question) -> str:
    """Return a field for each number of a counterexample."""
    fields = "".join(
        field(each.name, f"{each.label}, from {say(each.low)} to {say(each.high)}") for each in question.inputs
    )
    return f"<fieldset><legend>{text_html(question.label)}</legend>{fields}</fieldset>"


def _typed(value: float | None) -> str:
    """Return a number as somebody types it."""
    return "none" if value is None else repr(value)


KINDS: Mapping[str, Kind] = {
    "choice": Kind(
        markup=lambda asked: choices("value", asked.label, _texts(asked)),
        read=lambda _, values: int(values["value"]) if "value" in values else None,
        fill=lambda asked, answer: {"value": str(_texts(asked).index(answer))},
        show=lambda _, answer: str(answer),
    ),
    "number": Kind(
        markup=lambda asked: f"<div>{field('value', asked.label)}</div>",
        read=lambda _, values: values.get("value", ""),
        fill=lambda _, answer: {"value": _typed(answer)},
        show=lambda asked, answer: say(answer, asked.unit),
    ),
    "ordering": Kind(
        markup=_ask_order,
        read=_read_order,
        fill=lambda asked, answer: {"value": [str(_texts(asked).index(line)) for line in answer]},
        show=lambda _, answer: "; ".join(f"{place}. {line}" for place, line in enumerate(answer, start=1)),
    ),
    "counterexample": Kind(
        markup=_ask_inputs,
        read=lambda asked, values: {each.name: values.get(each.name) for each in asked.inputs},
        fill=lambda _, answer: {name: _typed(value) for name, value in answer.items()},
        show=lambda asked, answer: ", ".join(f"{each.label} {say(answer[each.name])}" for each in asked.inputs),
    ),
}
