"""Each notebook is run once, by nbval; in the same kernel, at its end, each cell is run again and must print the same.

A learner goes back, changes a number and runs a cell: names that a later cell has taken for something else would break
it, or make it lie. So each cell is run in the state that the whole notebook leaves behind.
"""

from __future__ import annotations

import nbformat
from nbval.plugin import IPyNbCell

QUICK = 20  # seconds of computing that a notebook may take

# Run between a notebook and its second run: the state to come back to, and the time that the kernel has computed.
_END = f"""_end = dict(globals())
__import__("time").process_time() < {QUICK}"""


def again(cells: list[IPyNbCell]) -> list[IPyNbCell]:
    """Return the cells of one notebook once more, as they are run after its end."""
    quick = nbformat.v4.new_output("execute_result", {"text/plain": "True"}, execution_count=1)
    end = nbformat.v4.new_code_cell(_END, execution_count=1, outputs=[quick])
    second = [_cell(cells[-1], "The end, in time", end)]
    for each in cells:
        cell = nbformat.from_dict(each.cell | {"source": f"globals().update(_end)\n{each.cell.source}"})
        second.append(_cell(each, f"{each.name} again", cell))
    return second


def _cell(like: IPyNbCell, name: str, cell: nbformat.NotebookNode) -> IPyNbCell:
    """Return a cell that is run and compared like another one of its notebook."""
    return IPyNbCell.from_parent(like.parent, name=name, cell_num=like.cell_num, cell=cell, options=like.options.copy())


def with_second_runs(items: list, folder: object) -> list:
    """Return all tests, those of each whole notebook of the folder followed by its second run."""
    cells: dict[object, list[IPyNbCell]] = {}
    for item in items:
        if isinstance(item, IPyNbCell) and item.path.parent == folder:
            cells.setdefault(item.parent, []).append(item)
    last = {of[-1]: again(of) for notebook, of in cells.items() if len(of) == _code_cells(notebook)}
    return [each for item in items for each in (item, *last.get(item, ()))]


def _code_cells(notebook: object) -> int:
    """Return how many cells of a notebook are run: a part of it, chosen by name, has no end to come back from."""
    return sum(cell.cell_type == "code" for cell in notebook.nb.cells)
