"""What a person does with a form, without a browser: fill in its fields, press its button, read the reply."""

from __future__ import annotations

from marginlib.practice.progress import CONFIDENCES


def fields(asked, answer):
    """Return what the fields of a question hold when an answer stands in them."""
    if asked.kind == "counterexample":
        return {name: repr(value) for name, value in answer.items()}
    if asked.kind == "ordering":
        return {"value": [str(asked.offered.index(line)) for line in answer]}
    if asked.kind == "choice":
        return {"value": str(asked.texts.index(answer))}
    return {"value": "none" if answer is None else repr(answer)}


def give(panel, answer, confidence="guess"):
    """Answer a question as its view does, and return the reply."""
    chosen = {} if confidence is None else {"confidence": str(CONFIDENCES.index(confidence))}
    number = panel.pressed.get("number", 0) + 1
    panel.pressed = {"name": "check", "number": number, "values": fields(panel.question, answer) | chosen}
    return reply(panel)


def reply(form):
    """Return what stands below the fields, as HTML."""
    return form.feedback.get("html", "")
