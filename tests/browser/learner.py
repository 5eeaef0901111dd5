"""A learner goes through an open notebook by keyboard, section by section, and answers everything wrong.

All cells of a section are run before its cards are answered: that is when a result could stand on the page too early.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import mistune
from lab import Notebook
from playwright.sync_api import Locator

from marginlib.practice.bank import questions
from marginlib.practice.judge import Question, Verdict

_PANEL = "window.jupyterapp.shell.currentWidget.content"
# What the cells are: their text, whether a heading begins a section with them.
_CELLS = f"() => {_PANEL}.widgets.map(cell => [cell.model.type, cell.model.sharedModel.source])"
# Selects the cells of a section: JupyterLab takes a quarter of a second for each key that runs one and goes on.
_SELECT = f"""([first, last]) => {{
    {_PANEL}.activeCellIndex = first; {_PANEL}.mode = 'command'
    {_PANEL}.extendContiguousSelectionTo(last); {_PANEL}.activeCell.node.focus()
}}"""
_RAN = f"""([first, end]) => {_PANEL}.widgets.slice(first, end).every(({{model}}) => model.type !== 'code'
    || !model.sharedModel.source || (model.executionCount !== null && model.executionState === 'idle'))"""
# Milliseconds from the key that presses a button until the card, or its reply, has changed.
_CLOCK = """() => {
    window.lags = []; let pressed = null
    addEventListener("keydown", ({key, target}) => {
        if (key === "Enter" && target.closest?.(".marginlib-form")) pressed = performance.now()
    }, true)
    new MutationObserver(records => {
        const changed = pressed !== null && records.some(({target}) =>
            target instanceof Element && target.closest(".marginlib-form, .marginlib-feedback"))
        if (changed) { window.lags.push(performance.now() - pressed); pressed = null }
    }).observe(document, {childList: true, subtree: true})
}"""
_ASKING = r"(predict|opening_questions|closing_questions)\("
_OPEN = ".marginlib-form:visible:has([data-press='show'])"
_ASKS = ".marginlib-form:visible:has([data-press='check']):not(:has([data-press='show']))"


def words(text: str) -> str:
    """Return a text without what marks it up."""
    return re.sub(r"\W+", " ", unescape(re.sub(r"<[^>]*>", " ", text))).strip()


def secrets(asked: Question) -> list[str]:
    """Return what nobody should read before the prediction: the reason, each paragraph's beginning, and the result."""
    why = re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", str(mistune.html(asked.why)), re.DOTALL)
    result = f"{'Computed' if asked.kind == 'number' else 'The answer'}: {asked.shown(asked.right)}."
    found = [words(each)[:60] for each in [*why, asked.explain, result]]
    return [each for each in found if each and words(asked.text).find(each) < 0]


def wrong(asked: Question) -> tuple[Any, Verdict]:
    """Return a wrong answer and what the library says about it."""
    if asked.kind == "choice":
        answer: Any = next(each.text for each in asked.options if not each.right)
    elif asked.kind == "number":
        low, high = asked.room
        tried = [1.37 * asked.right, 0.6 * asked.right] if asked.right else [low + 0.37 * (high - low)]
        digits = "{:.0f}" if asked.unit == "pools" else "{:.4g}"  # half a pool is asked back
        tried = [float(digits.format(x)) for x in tried]
        answer = next(x for x in tried if low <= x <= high and not asked.judge(x).right)
    elif asked.kind == "ordering":
        answer = asked.offered
    else:
        low = {each.name: each.low for each in asked.inputs}
        answer = low if not asked.judge(low).right else {each.name: each.high for each in asked.inputs}
    return answer, asked.judge(answer)


@dataclass
class Learner:
    """Somebody who goes through a notebook.

    Args:
        notebook: it, open in JupyterLab.
        number: two digits.
    """

    notebook: Notebook
    number: str
    faults: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    predicted: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    @property
    def page(self) -> Any:
        return self.notebook.page

    def go(self) -> None:
        """Run and answer everything; sections that ask nothing are run together with the next one that does."""
        self.page.evaluate(_CLOCK)
        cells = self.page.evaluate(_CELLS)
        heads = [k for k, (kind, text) in enumerate(cells) if kind == "markdown" and re.match(r"#+ ", text)]
        start = heads[0]
        for head, end in zip(heads, [*heads[1:], len(cells)], strict=True):
            asking = [text for kind, text in cells[head:end] if kind == "code" and re.match(_ASKING, text)]
            if not asking and end < len(cells):
                continue
            self.page.evaluate(_SELECT, [start, end - 1])
            self.page.keyboard.press("Shift+Enter")
            self.page.wait_for_function(_RAN, arg=[start, end])  # the kernel is idle before it has heard of them, too
            for each in asking:
                if each.startswith("predict("):
                    self._predict()
            if any(not each.startswith("predict(") for each in asking):
                self._answer()
            start = end

    def _predict(self) -> None:
        """Answer the first open card, after a look at all that can be read."""
        card = self.page.locator(_OPEN).first
        card.wait_for()
        asked = self._question(card, "prediction")
        seen = words(self.page.locator(".jp-NotebookPanel-notebook").inner_text())
        earlier = words(" ".join(self.told))
        self.faults += [
            f"{asked.id}: {each!r} before the prediction"
            for each in secrets(asked)
            if each in seen and each not in earlier
        ]
        answer, verdict = wrong(asked)
        self._fill(card, asked, answer)
        self.page.keyboard.press("Enter")
        result = self.page.wait_for_selector(".marginlib-result:focus")  # the reader is taken along
        text, shown = result.inner_text(), asked.shown(answer)
        self.told.append(text)
        self.predicted.append(asked.id)
        wanted = words(verdict.message.rpartition(f"{asked.shown(asked.right)}. ")[2])
        told = "not right" in text and all(each in words(text) for each in (wanted, words(f"predicted {shown}")))
        self.faults += [] if told else [f"{asked.id}: {text}"]

    def _answer(self) -> None:
        """Answer the questions that stand open: wrong, and the same once more."""
        forms, before = self.page.locator(_ASKS), len(self.answered)
        forms.nth(before).wait_for()  # all forms of a cell come at once
        for form in forms.all()[before:]:
            asked = self._question(form, "")
            answer, verdict = wrong(asked)
            self._fill(form, asked, answer)
            self.page.keyboard.press("Enter")
            reply = form.locator("[role=status]")  # by its role in the tree of accessibility it takes a second
            self._until("reply => reply.innerText", reply)
            self.answered.append(asked.id)
            if asked.role == "pretest":
                continue  # kept without a word
            told = reply.inner_text()
            self.faults += [] if words(told) == words(verdict.again) else [f"{asked.id}: {told}"]
            if len(self.answered) == before + 1 and verdict.again != verdict.message:
                self.page.keyboard.press("Enter")  # the same once more: now the answer is shown
                self._until(f"reply => reply.innerText !== {json.dumps(told)}", reply)

    def _until(self, condition: str, element: Locator) -> None:
        """Wait until something holds; `expect` would describe the page to a screen reader each time it asks."""
        self.page.wait_for_function(condition, arg=element.element_handle())

    def _question(self, form: Locator, role: str) -> Question:
        """Return the question that a form asks."""
        text = words(form.locator("p").first.inner_text())
        found = [each for each in questions() if words(each.text).startswith(text) and role in each.role]
        return next((each for each in found if each.notebook == self.number), found[0])

    def _fill(self, form: Locator, asked: Question, answer: Any) -> None:
        """Type or choose an answer and how sure one is, and come to the button, all by keys."""
        press = self.page.keyboard.press
        form.locator("input").first.focus()  # that the Tab key comes there is tested with each widget
        if asked.kind == "choice":
            shown = form.locator("fieldset").first.locator("label span").all_text_contents()
            press("Space")
            shown = [each.replace("\u00a0", " ").replace("\u2060", "") for each in shown]  # what keeps a line whole
            for _ in range(shown.index(answer)):
                press("ArrowDown")
            press("Tab")
        elif asked.kind != "ordering":
            for value in answer.values() if isinstance(answer, dict) else [answer]:
                self.page.keyboard.insert_text(repr(value))
                press("Tab")
        press("Space")
        press("Tab")
