"""A form in the page: markup in, values and presses out. Native fields: keyboard and screen reader know them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from marginlib.words import text_html

_HERE = Path(__file__).parent


class Form(anywidget.AnyWidget):
    """A box of fields and buttons with a place below them where replies appear and are read aloud.

    Args:
        title: what stands for it where no kernel runs.
        html: its fields and buttons; `data-name` names a field, `data-press` a button.
    """

    _esm = (_HERE / "form.js").read_text(encoding="utf-8")
    _css = (_HERE / "form.css").read_text(encoding="utf-8")
    html = traitlets.Unicode().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    pressed = traitlets.Dict().tag(sync=True)
    feedback = traitlets.Dict().tag(sync=True)

    def __init__(self, title: str, html: str) -> None:
        self._title = title
        super().__init__(html=html)

    def __repr__(self) -> str:
        """Return what stands for the form where no kernel runs."""
        return self._title

    @traitlets.observe("pressed")
    def _pressed(self, change: Any) -> None:  # noqa: ANN401 - traitlets has no type for it
        """Take over the values of the view where a button was pressed, and do what the button does."""
        self.values = change["new"].get("values", {})
        self.press(change["new"]["name"])

    def press(self, name: str) -> None:
        """Do what a button does."""
        raise NotImplementedError

    def say(self, *paragraphs: str) -> None:
        """Show a reply below the fields."""
        number = self.feedback.get("number", 0) + 1  # the same reply twice is said twice
        html = "".join(f"<p>{text_html(each)}</p>" for each in paragraphs if each)
        self.feedback = {"html": html, "number": number}


class Stack(anywidget.AnyWidget):
    """Widgets below each other; for a `VBox`, JupyterLab would first fetch every control that ipywidgets has."""

    _esm = (_HERE / "stack.js").read_text(encoding="utf-8")
    children: Any = traitlets.List().tag(sync=True, **ipywidgets.widget_serialization)


def choices(name: str, legend: str, options: Sequence[str], order: Sequence[int] = (), *, row: bool = False) -> str:
    """Return a group of options of which one is chosen.

    Args:
        name: name of the field.
        legend: what is asked.
        options: what can be chosen; the value is the option's number, from 0.
        order: the numbers in the order in which the options stand; as they are given, if left out.
        row: whether they stand side by side where there is room.
    """
    labels = "".join(
        f'<label><input type="radio" data-name="{escape(name)}" value="{number}">'
        f"<span>{text_html(options[number])}</span></label>"
        for number in order or range(len(options))
    )
    return f"<fieldset><legend>{text_html(legend)}</legend><div{' class=marginlib-row' * row}>{labels}</div></fieldset>"


def number_field(name: str, label: str) -> str:
    """Return a field for a number, with its label."""
    return (
        f'<label class="field"><span>{text_html(label)}</span> '
        f'<input type="text" autocomplete="off" data-name="{escape(name)}"></label>'
    )
