"""What nbgrader runs instead of a kernel: a clean notebook in, the verdict of `jobs` into cells and gradebook.

`exercises/nbgrader_config.py` names these. nbgrader never sees what a student handed in, but the course's own notebook
with the student's answers in it; so doubled, deleted, renamed and broken cells cannot upset it, nor can files that lie
beside the notebook.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.api
from nbconvert.exporters import HTMLExporter, NotebookExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from marginlib.course.tasks import drawn
from marginlib.files import write_whole
from marginlib.grading.jobs import Setup, autograded, result_of, submitters
from marginlib.grading.keys import read_key
from marginlib.grading.sheet import Ungradable, parse, read_bytes
from marginlib.grading.verdict import Result, TaskResult
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.numbering import given, ticket
from marginlib.practice.tasks.task import Task

# nbgrader opens its gradebook anew for each question that it asks; one engine keeps what it has compiled.
nbgrader.api.create_engine = lru_cache(nbgrader.api.create_engine)

# What the exchange puts beside a submission, and looks for beside its feedback.
_EXCHANGED = ("timestamp.txt", "submission_secret.txt")
_MOST_SHOWN, _MOST_CODE, _WIDEST = 10_000, 3_000, 300  # letters of added cells, of a cell, and of a line on a page
_CUT = "# Longer than a page shows: the file that was handed in has the rest."
_TOTAL = re.compile(r"(<h4>[^<(]*\(Score: [^<)]*)\)")

# Letters that can be neither markup nor part of a link once they are written as numbers.
_ACTIVE = re.compile(r"[^\w .,;:!?'\"\n-]")
_UNREAD = -987654321.0  # nbgrader's page writes any score as a number; this one is then written in words

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
            code = cell.cell_type == "code"
            cell.source = legible(sheet.answers[name]) if code else inert(sheet.answers[name])
    left = _MOST_SHOWN
    for k, (kind, source) in enumerate(sheet.own, start=1):
        shown, left = source[:left], left - min(left, len(source))
        if shown:
            made = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
            clean.cells.append(made(legible(shown) if kind == "code" else inert(shown), id=f"own-{k}"))


def legible(code: str) -> str:
    """Return code as far as a person reads it: what colours it takes for ever over a line of a hundred thousand signs.

    Example:
        >>> legible("answer_1 = 3")
        'answer_1 = 3'
    """
    kept = "\n".join(line[:_WIDEST] for line in code[:_MOST_CODE].splitlines())
    return kept if len(kept) >= len(code.rstrip("\n")) else f"{kept}\n{_CUT}"


def inert(text: str) -> str:
    """Return a text as it was written, letter by letter, as HTML in which nothing is a link, a picture or a script.

    Example:
        >>> inert("[x](javascript:y)")
        '<div style="white-space: pre-wrap">&#91;x&#93;&#40;javascript:y&#41;</div>'
    """
    safe = _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", text).replace("\n", "<br>")
    return f'<div style="white-space: pre-wrap">{safe}</div>'


class FeedbackExporter(HTMLExporter):
    """Writes feedback pages that ask nothing of the network, and on which what waits for a person is no 0."""

    def _preprocess(self, nb: NotebookNode, resources: Any) -> Any:  # noqa: ANN401
        """Return the notebook with scores, and mark those that a person has yet to give."""
        nb, resources = super()._preprocess(nb, resources)
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            grades = gradebook.find_submission_notebook(about["notebook"], about["assignment"], about["student"]).grades
            waits = {grade.cell.name: grade.max_score for grade in grades if grade.needs_manual_grade}
        about["waits"] = sum(waits.values())
        for cell in nb.cells:
            marked = cell.metadata.get("nbgrader", {})
            if marked.get("grade_id") in waits and "score" in marked:
                marked["score"] = _UNREAD
        return nb, resources

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **named: Any) -> Any:  # noqa: ANN401
        """Return the page without the scripts for formulas, and without a search for pictures, half of the time."""
        self.register_filter("highlight_code", lambda code, **_: _coloured(code))
        resources = self._init_resources(resources)
        page, resources = TemplateExporter.from_notebook_node(self, nb, resources, **named)
        page = _SCRIPTS.sub("", page).replace(f"{_UNREAD}", "waits for a person")
        if waits := resources["nbgrader"]["waits"]:
            page = _TOTAL.sub(rf"\1; {waits:g} of these wait for a person)", page, count=1)
        return page, resources


@lru_cache(maxsize=1_000)
def _coloured(code: str) -> str:
    """Return code in colours; most cells of a page are in every page."""
    return str(Highlight2HTML()(code))


class Verdict(NbGraderPreprocessor):
    """Puts the verdict on a submission into its notebook and into the gradebook, in the place of `Execute`."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:  # noqa: ANN401
        """Return the notebook with a message below each task; write the scores."""
        about = resources["nbgrader"]
        coursedir = self.parent.parent.coursedir
        setup = _setup(coursedir.root, about["assignment"])
        result = result_of(setup, about["student"])
        told = {each.task: each for each in result.tasks}
        mine = ticket(setup.set, about["student"], setup.key)
        asked = {task.id: task for task in drawn(setup.set, mine)}
        nb.cells = [each for cell in nb.cells for each in _with_verdict(cell, told, result, asked, mine)]
        names = about["notebook"], about["assignment"], about["student"]
        with Gradebook(about["db_url"]) as gradebook:
            _save(gradebook.find_submission_notebook(*names), told, result)
            gradebook.db.commit()
        write_whole(autograded(coursedir.root, setup.set, about["student"]), result.digest)
        return nb, resources


@lru_cache(maxsize=8)
def _setup(root: str, set_id: str) -> Setup:
    """Return what every submission of an assignment has in common, read once a run."""
    return Setup(root=Path(root), set=set_id, key=read_key(), students=submitters(root))


def _kept_back(told: TaskResult, result: Result) -> str:
    """Return why a submission that could not be graded was not; "" where it was."""
    refused = told.score is None and result.status != "graded"
    return f"{result.status}: {result.reason}. Your teacher sees this, too." if refused else ""


def _with_verdict(
    cell: NotebookNode, told: Mapping[str, TaskResult], result: Result, tasks: Mapping[str, Task], mine: str
) -> Iterator[NotebookNode]:
    """Yield a cell with what is said of it: numbers, the student's message below a check, the rubric below a text."""
    name, _, part = cell.metadata.get("nbgrader", {}).get("grade_id", "").rpartition("-")
    yield cell
    if name not in told:
        return
    each, asked, kept_back = told[name], tasks[name], _kept_back(told[name], result)
    if part == "numbers":
        numbers = given(asked, mine)
        words = asked.text.format(**numbers)
        values = ", ".join(f"{key} = {value!r}" for key, value in numbers.items())
        told_of = (("Your numbers", f"{words}\n{values}"),)
        cell.outputs = _shown(Feedback(task=name, state="words", parts=told_of))
    elif part == "check":
        parts = (("Not graded", kept_back),) if kept_back else each.parts
        parts += tuple(("Your notebook", note) for note in each.notes)
        cell.outputs = _shown(Feedback(task=name, state=each.state, parts=parts))
    elif part == "answer" and cell.cell_type == "markdown":
        text = f"**Not graded.** {kept_back}\n\n" if kept_back else ""
        yield nbformat.v4.new_markdown_cell(text + _rubric(asked, mine), id=f"{name}-rubric")


def _shown(told: Feedback) -> list[NotebookNode]:
    """Return feedback as the output of a cell."""
    data = {"text/html": told._repr_html_(), "text/plain": str(told)}
    return [nbformat.v4.new_output("display_data", data=data)]


def _rubric(asked: Task, mine: str) -> str:
    """Return what whoever reads a text finds below it: what a good one says, how points follow, one way to say it."""
    lines = [
        f"**How to read this text** ({asked.points} point{'s' if asked.points > 1 else ''})\n",
        f"{asked.points / len(asked.rubric):g} for each statement that it makes, in whatever words, with its reason:\n",
        *(f"- {statement}" for statement in asked.rubric),
        f"\nOne way to say it: {asked.worked(**given(asked, mine))}",
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
