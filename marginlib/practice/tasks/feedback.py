"""What a learner gets back: pure data, in stages, readable as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass

from marginlib.words import text_html as html

# The mark and the colour of a state; the first word of the message says the same.
_LOOKS = {
    "right": ("✓ ", "var(--jp-success-color1, #2e7d32)"),
    "wrong": ("✗ ", "var(--jp-warn-color1, #e65100)"),
    "error": ("✗ ", "var(--jp-warn-color1, #e65100)"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """The judgement of one answer, with the messages that are due at this try."""

    task: str  # the task's id
    # "right", "wrong", "stub" (nothing written yet), "odd" (no answer of the kind that was asked for), "error" (the
    # learner's code stopped) or "words" (a person has to read it).
    state: str
    codes: tuple[str, ...] = ()  # the misconception codes that explain the answer, if any
    slip: str = ""  # "percent", "thousands", "sign" or "close" where the number is right but for that; else empty
    parts: tuple[tuple[str, str], ...] = ()  # (heading, text) of each message, in order

    @property
    def right(self) -> bool | None:
        """Whether the answer is right; None where there is nothing to judge, or where a person has to."""
        return None if self.state in {"stub", "words"} else self.state == "right"

    def __str__(self) -> str:
        """Return all messages, one a line."""
        return f"{self.task} · " + "\n".join(f"{heading}: {text}" for heading, text in self.parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return all messages as paragraphs, right and not yet by mark and colour; dollars are no mathematics."""
        mark, colour = _LOOKS.get(self.state, ("", "var(--jp-border-color1, #9e9e9e)"))
        parts = [(html(heading), html(text).replace("\n", "<br>")) for heading, text in self.parts]
        lines = "".join(f"<p><strong>{heading}.</strong> {text}</p>" for heading, text in parts)
        style = f"border-left: 4px solid {colour}; padding-left: 12px"
        return f'<div role="status" style="{style}">{lines.replace("<strong>", f"<strong>{mark}", 1)}</div>'
