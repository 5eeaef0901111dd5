"""Make the exercise notebooks: `python tools/build_exercises.py [SET ...]`.

Three steps, each of which anybody can repeat:

1. `exercises/source/SET/SET.ipynb` is brought in line with the tasks of `marginlib.course.tasks.SET`: words, numbers
   and checks come from there, and a task that is new gets its cells. The answer cells are yours and stay as they are.
2. From the source come three versions: `worked` (the solutions, run), `half` (all steps of each solution but the last)
   and `blank` (nothing but the three dots). The blank one is what nbgrader makes of the source.
3. All are stored clean. Tests hold the stored files equal to what this tool makes.

An answer cell keeps what is between `### BEGIN SOLUTION` and `### END SOLUTION` from the learner. A line `NAME = ...`
just above it is the placeholder: it is what an untouched notebook hands in.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from refresh_notebooks import METADATA, ROOT, text

from marginlib.course.session import WORDS_STUB
from marginlib.course.tasks import SETS, tasks
from marginlib.practice.tasks.task import BEGIN, END, Task

VERSIONS = ("worked", "half", "blank")
TITLES = {
    "sizing": "Sizing and margin",
    "isolated": "Isolated margin",
    "cross": "Cross margin",
    "tiers": "Tiers and hedges",
    "crash": "A crash by hand",
    "audit": "Audit of wrong calculators",
}
STUB = "# Your code here."
KINDS = {
    "compute": "Compute",
    "function": "Write a function",
    "predict": "Predict",
    "explain": "Explain",
    "bug": "Find the bug",
    "counterexample": "Find a counterexample",
    "choose": "Choose and defend",
}


# --- the source -----------------------------------------------------------------------------------------------------


def source_path(set_id: str) -> Path:
    """Return where the source of a set is kept."""
    return ROOT / "exercises" / "source" / set_id / f"{set_id}.ipynb"


def version_path(set_id: str, version: str) -> Path:
    """Return where a version of a set is kept."""
    return ROOT / "exercises" / version / f"{set_id}.ipynb"


def notebook_of(objective: str) -> str:
    """Return the notebook that an objective belongs to, as the name of its file."""
    return next(path.stem for path in sorted((ROOT / "notebooks").glob(f"{objective[:2]}_*.ipynb")))


def _cell(kind: str, name: str, source: str, **nbgrader: Any) -> NotebookNode:  # noqa: ANN401
    """Return a cell with its stable name, which is its name in the gradebook, too."""
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    cell = make(source, id=name)
    if nbgrader:
        plain = {"grade": False, "locked": True, "solution": False, "task": False, "schema_version": 3}
        cell.metadata["nbgrader"] = {**plain, "grade_id": name, **nbgrader}
    return cell


def _heading(notebook: str, name: str) -> str:
    """Return the heading that a cell of a notebook stands below."""
    heading = ""
    for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells:
        found = re.findall(r"^##+ (.*)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        heading = found[0] if found else heading
        if cell.id == name:
            return heading
    msg = f"read = {name!r}: {notebook} has no such cell"
    raise ValueError(msg)


def _task_cells(task: Task, answers: dict[str, str]) -> list[NotebookNode]:
    """Return the cells of one task."""
    name = task.id
    notebook = notebook_of(task.objective)
    section = f"{notebook[:2]}, {_heading(notebook, task.read)}"
    points = f"{task.points} point{'s' if task.points > 1 else ''}"
    words = (
        f"## {task.number} · {task.title}\n\n**{KINDS[task.kind]}** · {points} · trains `{task.objective}` · "
        f"read again: [{section}](../../notebooks/{notebook}.ipynb#cell-id={task.read})\n\n{task.reading}"
    )
    answer = f"{name}-answer"
    source = answers.get(answer, task.cell)
    cells = [
        _cell("markdown", f"{name}-text", words, locked=True),
        _cell("code", f"{name}-numbers", f'numbers["{name}"]', locked=True),
    ]
    check = f'check("{name}", {task.answer})'
    if task.kind != "explain":
        return [
            *cells,
            _cell("code", answer, source, locked=False, solution=True),
            _cell("code", f"{name}-check", check, grade=True, points=task.points),
        ]
    compare = '# When your text stands, run this. Then write the letters of what your text says, such as ["a"].\n'
    return [
        *cells,
        _cell("markdown", answer, source, locked=False, solution=True, grade=True, points=task.points),
        _cell("code", f"{name}-compare", f"{compare}{task.answer} = ...\n{check}"),
    ]


def synced(set_id: str, notebook: NotebookNode | None) -> NotebookNode:
    """Return the source of a set in line with its tasks; the answer cells stay as they are."""
    answers = {cell.id: cell.source for cell in notebook.cells} if notebook else {}
    after = max(notebook_of(task.objective) for task in tasks(set_id))
    cells = [
        _cell(
            "markdown",
            "title",
            f"# Exercises · {TITLES[set_id]}\n\nAfter [{after[:2]}](../../notebooks/{after}.ipynb). Your numbers "
            "are your own: they follow from the name that you put into the next cell. A teacher's ticket, where one "
            "stands there, is left as it is.\n\nFor each task: read it, run "
            "the cell below it to see your numbers, replace the three dots, run that cell, then run the check. A wrong "
            "answer brings a hint, and one more each time it changes. The last cell is the finish line.",
        ),
        _cell(
            "code",
            "start",
            f'from marginlib.course import check, finish, start\n\nnumbers = start("{set_id}", learner="self-study")',
        ),
    ]
    for task in tasks(set_id):
        cells += _task_cells(task, answers)
    cells += [
        _cell("markdown", "finish-text", "## The finish line\n\nRun this whenever you want to see how far you are."),
        _cell("code", "finish", f'finish("{set_id}")'),
    ]
    return _notebook(cells)


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    """Return a notebook of these cells with nothing of any machine in it."""
    made = nbformat.v4.new_notebook(cells=cells, metadata=nbformat.from_dict(METADATA))
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    return made


# --- the versions ---------------------------------------------------------------------------------------------------


def _parts(source: str) -> tuple[list[str], list[str], list[str]]:
    """Return the lines before, within and after the solution."""
    lines = source.split("\n")
    marks = [k for mark in (BEGIN, END) for k, line in enumerate(lines) if line.strip() == mark]
    if len(marks) != 2 or marks[0] > marks[1]:  # noqa: PLR2004
        msg = f"one {BEGIN} and one {END} are needed in:\n{source}"
        raise ValueError(msg)
    return lines[: marks[0]], lines[marks[0] + 1 : marks[1]], lines[marks[1] + 1 :]


def _placeholder(before: list[str]) -> list[str]:
    """Return the line `NAME = ...` just above the solution, if there is one."""
    return before[-1:] if before and re.fullmatch(r"\s*\w+ = \.\.\.", before[-1]) else []


def _steps(solution: list[str]) -> list[str]:
    """Return the solution without its last step."""
    indent = " " * (len(solution[0]) - len(solution[0].lstrip()))
    code = "\n".join(line.removeprefix(indent) for line in solution)
    last = ast.parse(code).body[-1].lineno - 1
    while last and not solution[last - 1].strip().strip("#"):  # pragma: no cover - blank lines above it go, too
        last -= 1
    return solution[:last]


def faded(source: str, version: str, *, words: bool) -> str:
    """Return an answer cell as it stands in one version."""
    before, solution, after = _parts(source)
    indent = re.match(r"\s*", solution[0])[0]  # type: ignore[index]
    stub = [WORDS_STUB if words else indent + STUB]
    placeholder = [] if words else _placeholder(before)
    kept = before[: len(before) - len(placeholder)]
    if version != "blank" and not words:  # a bug's lines that the solution mends
        mended = [re.match(r"\s*(\w+) = ", line) for line in solution]
        kept = [line for line in kept if not any(each and line.startswith(each[0]) for each in mended)]
    if version == "worked":
        lines = [*kept, *solution, *after]
    elif version == "half" and words:
        lines = [*kept, *solution[:-1], *stub, *after]
    elif version == "half":
        lines = [*kept, *_steps(solution), *(placeholder or [f"{indent}answer = ..."]), *stub, *after]
    else:
        lines = [*before, *stub, *after]
    return "\n".join(lines)


def version_of(set_id: str, notebook: NotebookNode, version: str) -> NotebookNode:
    """Return a version of a source: solutions kept or faded, nothing of the grader's in it; the worked one is run."""
    cells = []
    for cell in notebook.cells:
        new = _cell(cell.cell_type, cell.id, cell.source)
        if BEGIN in cell.source:
            new.source = faded(cell.source, version, words=cell.cell_type == "markdown")
        if version == "worked" and cell.id.endswith("-compare"):
            task = next(each for each in tasks(set_id) if cell.id.startswith(f"{each.id}-"))
            letters = list("abcdefgh"[: len(task.rubric)])
            new.source = cell.source.replace("= ...", f"= {letters!r}".replace("'", '"'))
        cells.append(new)
    made = _notebook(cells)
    return run(made) if version == "worked" else made


def run(notebook: NotebookNode) -> NotebookNode:
    """Run a notebook's cells here, each in the same namespace, and keep what they show.

    The cells hold plain Python and print little, so that no kernel is needed, and every machine shows the same.
    """
    space: dict[str, Any] = {"__name__": "__main__"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    with tempfile.TemporaryDirectory() as folder, _environment(MARGINLIB_PROGRESS=str(Path(folder) / "progress.json")):
        for count, cell in enumerate(code, start=1):
            cell.execution_count = count
            cell.outputs = _outputs(cell.source, space, count)
    return notebook


@contextlib.contextmanager
def _environment(**variables: str) -> Any:  # noqa: ANN401
    """Set environment variables, and leave them as they were."""
    before = {name: os.environ.get(name) for name in [*variables, "MARGINLIB_LEARNER", "JUPYTERHUB_USER"]}
    for name in before:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


def _outputs(source: str, space: dict[str, Any], count: int) -> list[NotebookNode]:
    """Return the outputs of one cell: what it prints, and what its last expression is."""
    body = ast.parse(source).body
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None  # type: ignore[attr-defined]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), f"<cell {count}>", "exec"), space)  # noqa: S102 - the course's own cells
        value = eval(compile(last, f"<cell {count}>", "eval"), space) if last else None  # noqa: S307
    outputs = []
    if printed.getvalue():
        outputs.append(nbformat.v4.new_output("stream", name="stdout", text=printed.getvalue()))
    if value is not None:
        data = {"text/plain": repr(value)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_()
        outputs.append(nbformat.v4.new_output("execute_result", data=data, execution_count=count))
    return outputs


# --- files ----------------------------------------------------------------------------------------------------------


def built(set_id: str) -> dict[Path, str]:
    """Return every file of a set as it should be stored."""
    path = source_path(set_id)
    source = synced(set_id, nbformat.read(path, as_version=4) if path.exists() else None)
    files = {path: text(source)}
    for version in VERSIONS:
        files[version_path(set_id, version)] = text(version_of(set_id, source, version))
    return files


if __name__ == "__main__":
    for chosen in sys.argv[1:] or SETS:
        for file, content in built(chosen).items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        print(chosen)
