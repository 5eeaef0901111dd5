"""What nbgrader runs instead of a kernel: a clean notebook in, the verdict of `jobs` into cells and gradebook.

`exercises/nbgrader_config.py` names these. nbgrader never sees what a student handed in, but the course's own notebook
with the student's answers in it; so doubled, deleted, renamed and broken cells cannot upset it, nor can files that lie
beside the notebook.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from marginlib.course.tasks import task
from marginlib.files import write_whole
from marginlib.grading.jobs import Setup, result_of, submitters
from marginlib.grading.keys import read_key
from marginlib.grading.sheet import Ungradable, parse, read_bytes
from marginlib.grading.verdict import Result, TaskResult
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.numbering import given, ticket

# What the exchange puts beside a submission, and looks for beside its feedback.
_EXCHANGED = ("timestamp.txt", "submission_secret.txt")

# A script from elsewhere, and the one that sets it up.
_SCRIPTS = re.compile(r'<script[^>]*(src="https?://[^"]*"|text/x-mathjax-config)[^>]*>.*?</script>', re.DOTALL)


class CleanExporter(NotebookExporter):
    """Reads a submission as the course's notebook with the student's answers in it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - nbconvert's own
        super().__init__(*arguments, **named)
        if self.parent is not None:  # of the student's folder, nothing else is taken over: a link may lead anywhere
            self.parent.coursedir.ignore = ["*", ".*"]

    def from_filename(self, filename: str, resources: Any = None, **named: Any) -> Any:  # noqa: ANN401
        """Return the notebook of a file; one that was handed in is made anew from the course's own."""
        coursedir: Any = getattr(self.parent, "coursedir", None)
        path = Path(filename)
        submitted = Path(coursedir.root) / coursedir.submitted_directory
        if submitted not in path.parents:
            return super().from_filename(filename, resources=resources, **named)
        about = resources["nbgrader"]
        released = Path(coursedir.format_path(coursedir.release_directory, ".", about["assignment"]))
        clean = nbformat.read(released / f"{about['notebook']}.ipynb", as_version=4)
        with contextlib.suppress(Ungradable):  # its cells stay empty then, and `Verdict` says why
            _fill(clean, path, submitted, about["assignment"])
        target = Path(coursedir.format_path(coursedir.autograded_directory, about["student"], about["assignment"]))
        for name in _EXCHANGED:
            with contextlib.suppress(Ungradable):
                write_whole(target / name, read_bytes(path.with_name(name), submitted))
        return self.from_notebook_node(clean, resources=resources, **named)


def _fill(clean: NotebookNode, path: Path, submitted: Path, set_id: str) -> None:
    """Put a student's answers and own cells into the course's notebook."""
    sheet = parse(read_bytes(path, submitted), set_id)
    for cell in clean.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-answer")
        if name in sheet.answers and name not in sheet.untouched:
            source = sheet.answers[name]
            if cell.cell_type != "code":  # a text, without anything that a browser would load or run
                source = html.escape(source, quote=False).replace("![", "!\\[")
            cell.source = source
    clean.cells += [nbformat.v4.new_code_cell(source, id=f"own-{k}") for k, source in enumerate(sheet.own, start=1)]


class FeedbackExporter(HTMLExporter):
    """Writes feedback pages that ask nothing of the network: nbgrader's own load what sets formulas."""

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **named: Any) -> Any:  # noqa: ANN401
        """Return the page without the scripts that nbconvert adds for formulas."""
        page, resources = super().from_notebook_node(nb, resources, **named)
        return _SCRIPTS.sub("", page), resources


class Verdict(NbGraderPreprocessor):
    """Puts the verdict on a submission into its notebook and into the gradebook, in the place of `Execute`."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:  # noqa: ANN401
        """Return the notebook with a message below each task; write the scores."""
        about = resources["nbgrader"]
        result = result_of(_setup(self.parent.parent.coursedir.root, about["assignment"]), about["student"])
        told = {each.task: each for each in result.tasks}
        nb.cells = [each for cell in nb.cells for each in _with_verdict(cell, told, result)]
        names = about["notebook"], about["assignment"], about["student"]
        with Gradebook(about["db_url"]) as gradebook:
            _save(gradebook.find_submission_notebook(*names), told, result)
            gradebook.db.commit()
        return nb, resources


@lru_cache(maxsize=8)
def _setup(root: str, set_id: str) -> Setup:
    """Return what every submission of an assignment has in common, read once a run."""
    return Setup(root=Path(root), set=set_id, key=read_key(), students=submitters(root))


def _kept_back(told: TaskResult, result: Result) -> str:
    """Return why a submission that could not be graded was not; "" where it was."""
    refused = told.score is None and result.status != "graded"
    return f"{result.status}: {result.reason}. Your teacher sees this, too." if refused else ""


def _with_verdict(cell: NotebookNode, told: Mapping[str, TaskResult], result: Result) -> Iterator[NotebookNode]:
    """Yield a cell with what is said of it: the student's message below a check, the rubric below a text."""
    name, _, part = cell.metadata.get("nbgrader", {}).get("grade_id", "").rpartition("-")
    yield cell
    if name not in told:
        return
    each, kept_back = told[name], _kept_back(told[name], result)
    if part == "check":
        parts = (("Not graded", kept_back),) if kept_back else each.parts
        parts += tuple(("Your notebook", note) for note in each.notes)
        shown = Feedback(task=name, state=each.state, passed=each.passed, total=each.total, parts=parts)
        data = {"text/html": shown._repr_html_(), "text/plain": str(shown)}
        cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    elif part == "answer" and cell.cell_type == "markdown":
        text = f"**Not graded.** {kept_back}\n\n{_rubric(name)}" if kept_back else _rubric(name)
        yield nbformat.v4.new_markdown_cell(text, id=f"{name}-rubric")


def _rubric(name: str) -> str:
    """Return what whoever reads a text finds below it: what a good one says, how points follow, one way to say it."""
    asked = task(name)
    lines = [
        f"**How to read this text** ({asked.points} point{'s' if asked.points > 1 else ''})\n",
        f"{asked.points / len(asked.rubric):g} for each statement that it makes, in whatever words, with its reason:\n",
        *(f"- {statement}" for statement in asked.rubric),
        f"\nOne way to say it: {asked.worked(**given(asked, ticket(asked.set)))}",
    ]
    return "\n".join(lines).replace("$", "&#36;")


def _save(submission: Any, told: Mapping[str, TaskResult], result: Result) -> None:  # noqa: ANN401 - a gradebook's row
    """Write scores and comments; what has no score waits for a person. A person's own score and comment stay."""
    for grade in submission.grades:
        score = told[grade.cell.name.rpartition("-")[0]].score
        grade.auto_score = score
        grade.needs_manual_grade = score is None or grade.manual_score is not None
    for comment in submission.comments:
        each = told[comment.cell.name.rpartition("-")[0]]
        nothing = "No response." if each.state in {"stub", "missing"} else None
        comment.auto_comment = _kept_back(each, result) or nothing
