"""Practise on the page: predict, then see; questions with feedback; how sure, how right; progress by objective.

Each function gives something to show as a cell's result. What a person answers is kept by `progress`, in a file on this
machine; nothing is written until somebody presses a button, so that a notebook that runs by itself leaves no trace. The
text that stands for a panel never depends on anybody's progress.
"""

from __future__ import annotations

from datetime import date

from marginlib.errors import unknown
from marginlib.practice.bank import question, questions
from marginlib.practice.card import Card, Reveal, See, reveal
from marginlib.practice.pages import CalibrationPage, GainPage, ProgressPage
from marginlib.practice.panels import QuestionPanel, QuestionPanels, today
from marginlib.practice.progress import load
from marginlib.practice.spacing import draw

__all__ = [
    "CalibrationPage",
    "Card",
    "GainPage",
    "ProgressPage",
    "QuestionPanel",
    "QuestionPanels",
    "Reveal",
    "ask",
    "calibration",
    "closing_questions",
    "gain",
    "opening_questions",
    "predict",
    "progress_page",
    "reveal",
]


def predict(question_id: str, see: See | None = None) -> Card:
    """Return the card of a prediction: the question, then what happens, then why.

    Args:
        question_id: the question, such as "02-price".
        see: returns the picture that is shown with the result, as `Card` explains.
    """
    return Card(question(question_id), see)


def ask(question_id: str) -> QuestionPanel:
    """Return one question.

    Args:
        question_id: the question, such as "02-added-margin-short".
    """
    return QuestionPanel(question(question_id))


def opening_questions(notebook: str, count: int = 3) -> QuestionPanels:
    """Return questions on earlier notebooks, those that you missed first; in 00 the questions before the course.

    They stay the same for a day, so that a restart in the middle loses nothing. Those before the course are kept
    without feedback.

    Args:
        notebook: two digits, such as "05".
        count: how many.
    """
    title = "[Questions to begin with. Run the cell to answer them.]"
    before = questions(notebook=_known(notebook), role="pretest")
    if before:
        return QuestionPanels(title, [QuestionPanel(each, feedback=False) for each in before])
    now = today()
    earlier = tuple(each for each in load().counted if each.day != now)
    drawn = draw(earlier, notebook, count, date.fromisoformat(now))
    return QuestionPanels(title, [QuestionPanel(each, recall=False) for each in drawn])


def closing_questions(notebook: str) -> QuestionPanels:
    """Return a notebook's own questions; in the last notebook, those that pair with the ones before the course, too.

    Args:
        notebook: two digits, such as "05".
    """
    asked = [*questions(notebook=_known(notebook), role="closing"), *questions(notebook=notebook, role="posttest")]
    title = "[Questions to close with. Run the cell to answer them.]"
    return QuestionPanels(title, [QuestionPanel(each) for each in asked])


def calibration(notebook: str | None = None) -> CalibrationPage:
    """Return how often your answers were right, by how sure you were; it follows your answers.

    Args:
        notebook: two digits, such as "05"; the whole course, if left out.
    """
    return CalibrationPage(None if notebook is None else _known(notebook))


def gain() -> GainPage:
    """Return the questions before the course beside their twins after it."""
    return GainPage()


def progress_page() -> ProgressPage:
    """Return your progress by objective, with a button that writes a copy."""
    return ProgressPage()


def _known(notebook: str) -> str:
    """Return the name of a notebook, or refuse one that has no questions."""
    known = sorted({each.notebook for each in questions()})
    if notebook not in known:
        raise unknown("notebook", notebook, known, "give as a text one of")
    return notebook
