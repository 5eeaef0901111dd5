"""Run notebooks from a fresh kernel and store them clean: `python tools/refresh_notebooks.py [NOTEBOOK ...]`.

What is stored is what a code host can show: texts, tables and pictures, with no trace of the machine. A widget lives
only while a kernel runs, so its view is left out and the text that stands for it is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebooks() -> list[Path]:
    """Return the course's notebooks in order."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def clean(notebook: Any) -> Any:  # noqa: ANN401 - nbformat has no types
    """Return the notebook without anything that depends on the machine or lives only with a kernel."""
    notebook.metadata = nbformat.from_dict(METADATA)
    number = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in ("tags",) if key in cell.metadata})
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = number
                if "data" in output:
                    output.data.pop(WIDGET_VIEW, None)
                    output.metadata = nbformat.from_dict({})
    return notebook


def text(notebook: Any) -> str:  # noqa: ANN401
    """Return the notebook as it is stored."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def refresh(path: Path) -> None:
    """Run one notebook and store it clean."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    path.write_text(text(clean(notebook)), encoding="utf-8")


if __name__ == "__main__":
    for chosen in [Path(word) for word in sys.argv[1:]] or notebooks():
        refresh(chosen)
        print(chosen.name)  # noqa: T201
