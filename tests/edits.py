"""Each number of each cell, edited as a learner edits: `python tests/edits.py [--all] NOTEBOOK ...` prints a table.

A number becomes 1, 0, its negative and a thousand times itself. The cell is run, and after it the cells that depend on
it, in a process forked from one that has run the notebook so far. A `MarginError` tells what is wrong; any other error
is a bare one, and so is one about a value of None: "no price" is an answer, and a cell should show it. Of an exercise
only errors out of the library count: what stands in an answer cell is the learner's own.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, wherever another one is installed
PATIENCE = 20  # seconds of computing for an edit: what takes longer counts as an error
FINE, REFUSED, BARE, SLOW = "fine", "MarginError", "bare", "too slow"


@dataclass(frozen=True)
class Edit:
    """One number of a cell written in another way."""

    number: str
    line: int
    into: str
    source: str


@dataclass(frozen=True)
class Outcome:
    """What became of an edit: the cell where it ended, and the error there."""

    kind: str
    cell: str = ""
    error: str = ""


def edits(source: str) -> Iterator[Edit]:
    """Give every edit of a cell, number by number."""
    lines = source.encode().splitlines(keepends=True)
    starts = [sum(map(len, lines[:k])) for k in range(len(lines))]
    for node in _numbers(ast.parse(source)):
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        text = source.encode()[start:end].decode(errors="replace")
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):  # before Python 3.12 a number within an f-string has no place of its own
            continue
        for new in dict.fromkeys((1, 0, -value, 1000 * value)):
            if new != value:
                into = f"({new!r})" if new < 0 else repr(new)
                edited = source.encode()[:start] + into.encode() + source.encode()[end:]
                yield Edit(text, node.lineno, repr(new), edited.decode())


def _numbers(node: ast.AST) -> Iterator[ast.expr]:
    """Give the numbers of a piece of code, each with its sign."""
    signed = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    if type(getattr(node.operand if signed else node, "value", None)) in (int, float):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _numbers(child)


@cache
def _names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell reads, and those that it gives a value."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    stored = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            stored.add(node.name)
        elif isinstance(node, ast.alias):
            stored.add((node.asname or node.name).split(".")[0])
    return {node.id for node in found if isinstance(node.ctx, ast.Load)}, stored


def downstream(sources: list[str], edited: int) -> list[int]:
    """Return the cells after an edited one that read what it has changed, and those that these need."""
    names = [_names(source) for source in sources]
    changed, wanted = set(names[edited][1]), []
    for k in range(edited + 1, len(sources)):
        if names[k][0] & changed:
            wanted.append(k)
            changed |= names[k][1]
    needed: set[int] = set()
    missing: set[str] = set()
    for k in range(len(sources) - 1, edited, -1):
        if k in wanted or names[k][1] & missing:
            needed.add(k)
            missing = (missing - names[k][1]) | names[k][0]
    return sorted(needed)


class Page:
    """A notebook in this process, with a shell like a kernel's; it is at the end of one of its cells."""

    def __init__(self, path: Path) -> None:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        self.path, self.cells = path, [cell for cell in cells if cell["cell_type"] == "code"]
        self.sources = ["".join(cell["source"]) for cell in self.cells]
        self.exercise = any(cell["id"].endswith("-check") for cell in self.cells)
        from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415 - after the environment is set

        from marginlib.course.refusals import show_refusals  # noqa: PLC0415

        self.shell = InteractiveShell.instance()
        show_refusals()
        self.shell.showtraceback = self._in_display
        self._shown: BaseException | None = None

    def _in_display(self, error: tuple | None = None, *_: object, **__: object) -> None:
        """Keep the error of a cell, or of showing what it returns."""
        self._shown = (error or sys.exc_info())[1]

    def run(self, source: str, *, silent: bool = False) -> BaseException | None:
        """Run a cell and show what it returns, if not silent; return its error."""
        self._shown = None
        result = self.shell.run_cell(source, store_history=False, silent=silent)
        return result.error_before_exec or result.error_in_exec or self._shown

    def tried(self, k: int, edit: Edit) -> Outcome:
        """Return what becomes of an edit of the cell that is next."""
        sources = [(k, edit.source), *((n, self.sources[n]) for n in downstream(self.sources, k))]
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
            with os.fdopen(writer, "w") as told:
                json.dump(self._run_on(sources), told)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as told:
            text = told.read()
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (-signal.SIGXCPU, -signal.SIGKILL):
            return Outcome(SLOW, self.cells[k]["id"], f"more than {PATIENCE} s")
        return Outcome(*json.loads(text)) if text else Outcome(BARE, self.cells[k]["id"], "the kernel died")

    def _run_on(self, sources: list[tuple[int, str]]) -> list[str]:
        """Run the edited cell and what depends on it, up to the first error."""
        for later, source in sources:
            error = self.run(source)
            if error is not None and not self._learners_own(error, self.cells[later]["id"]):
                kind = REFUSED if self._told(error) else BARE
                return [kind, self.cells[later]["id"], f"{type(error).__name__}: {error}"]
            if error is not None:
                return [FINE]
        return [FINE]

    def _told(self, error: BaseException) -> bool:
        """Say whether a page shows an error as one message: the library's own, and not for a price that is none."""
        from marginlib import MarginError  # noqa: PLC0415 - after the environment is set

        return isinstance(error, MarginError) and error is not self._shown and "= None: give" not in str(error)

    def _learners_own(self, error: BaseException, cell: str) -> bool:
        """Say whether an error comes out of an exercise's answer, and out of no code but that."""
        return self.exercise and cell.endswith("-answer") and "marginlib" not in _last_file(error.__traceback__)


def _last_file(trace: TracebackType | None) -> str:
    """Return the file in which an error was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename if trace else ""


def report(page: Page, every: int) -> tuple[Counter, list[str], int]:
    """Run a notebook with every nth edit of its cells; return the counts, a line for each bare error, and all edits."""
    counts, lines, number = Counter(), [], 0
    for k, source in enumerate(page.sources):
        for edit in edits(source):
            number += 1
            if number % every:
                continue
            found = page.tried(k, edit)
            counts[found.kind] += 1
            if found.kind in (BARE, SLOW):
                where = page.cells[k]["id"] + (f" -> {found.cell}" if found.cell != page.cells[k]["id"] else "")
                lines.append(f"  {where}, line {edit.line}: {edit.number} -> {edit.into}: {found.error[:150]}")
        error = page.run(source, silent=True)  # what it shows as it stands is compared by nbval
        if error is not None:
            counts[BARE] += 1
            lines.append(f"  {page.cells[k]['id']} fails as it stands: {error!r}")
    return counts, lines, number


def _table(path: Path, every: int) -> tuple[str, int]:
    """Return what to print of a notebook, and how many edits ended badly."""
    begun = time.perf_counter()
    counts, lines, number = report(Page(path), every)
    row = "".join(f"{counts[kind]:6} {kind}" for kind in (FINE, REFUSED, BARE, SLOW))
    head = f"{path.stem:24}{sum(counts.values()):5} of {number} edits{row}{time.perf_counter() - begun:7.1f} s"
    return "\n".join([head, *lines, ""]), counts[BARE] + counts[SLOW]


def main() -> int:
    """Print a table of the notebooks, and the bare errors of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try every Nth edit only")
    words = parser.parse_args()
    bad, paths = 0, [path.resolve() for path in words.notebooks]
    with (
        tempfile.TemporaryDirectory() as folder,
        os.fdopen(os.dup(1), "w", encoding="utf-8") as told,
        Path(os.devnull).open("w", encoding="utf-8") as null,
    ):
        os.environ |= {"MARGINLIB_PROGRESS": f"{folder}/progress.json", "IPYTHONDIR": folder, "TMPDIR": folder}
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # what has threads should not be forked
        # Once for all, after the environment is set; a first still imports matplotlib, and each fork would again.
        import matplotlib.figure  # noqa: F401, PLC0415

        import marginlib.course.notebook  # noqa: F401, PLC0415

        for path in paths:
            child = os.fork()  # each notebook in a process of its own, which says nothing but its table
            if child == 0:
                for standard in (1, 2):
                    os.dup2(null.fileno(), standard)
                os.chdir(path.parent)
                text, count = _table(path, words.every)
                told.write(text)
                told.flush()
                os._exit(min(count, 100))
            bad += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return min(bad, 100)


if __name__ == "__main__":
    sys.exit(main())
