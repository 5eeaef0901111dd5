"""Run notebooks from a fresh kernel and store them clean: `python tools/refresh_notebooks.py [NOTEBOOK ...]`.

What is stored is what a code host can show: texts, tables and pictures, with no trace of the machine. A live figure
brings its own script, so its state is stored too and it is drawn without a kernel; its names are made from its cell's.
Other widgets live only while a kernel runs, so their views are left out and the text that stands for them is kept.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import nbformat
from nbclient import NotebookClient

from marginlib.jupyter.lesson import STATE as WIDGET_STATE
from marginlib.jupyter.lesson import VIEW as WIDGET_VIEW
from marginlib.jupyter.lesson import is_live_figure

ROOT = Path(__file__).resolve().parents[1]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python"},  # without it, --to script writes .txt
}


def notebooks() -> list[Path]:
    """Return the course's notebooks in order."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def clean(notebook: Any) -> Any:  # noqa: ANN401 - nbformat has no types
    """Return the notebook without anything that depends on the machine or lives only with a kernel."""
    saved = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    kept: dict[str, Any] = {}
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
                    keep_live_figure(output.data, cell.id, saved, kept)
                    output.metadata = nbformat.from_dict({})
    widgets = {"widgets": {WIDGET_STATE: {"state": kept, "version_major": 2, "version_minor": 0}}} if kept else {}
    notebook.metadata = nbformat.from_dict(METADATA | widgets)
    return notebook


def keep_live_figure(data: Any, cell: str, saved: dict[str, Any], kept: dict[str, Any]) -> None:  # noqa: ANN401
    """Move the state behind a cell's widget view to `kept` under names that stay; drop a view that needs a kernel."""
    view = data.pop(WIDGET_VIEW, None)
    model = saved.get(view["model_id"]) if view else None
    if not is_live_figure(model):
        return
    figure, layout = (uuid5(NAMESPACE_URL, f"{cell}/{part}").hex for part in ("figure", "layout"))
    kept[figure] = model | {"state": model["state"] | {"layout": f"IPY_MODEL_{layout}"}}
    kept[layout] = saved[model["state"]["layout"].removeprefix("IPY_MODEL_")]
    data[WIDGET_VIEW] = nbformat.from_dict({"model_id": figure, "version_major": 2, "version_minor": 0})


def text(notebook: Any) -> str:  # noqa: ANN401
    """Return the notebook as it is stored."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def refresh(path: Path) -> None:
    """Run one notebook and store it clean."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # As somebody who has not answered anything: what is stored must not depend on anybody's progress.
        os.environ["MARGINLIB_PROGRESS"] = str(Path(folder) / "progress.json")
        NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}}
        ).execute()
    path.write_text(text(clean(notebook)), encoding="utf-8")


if __name__ == "__main__":
    for chosen in [Path(word) for word in sys.argv[1:]] or notebooks():
        refresh(chosen)
        print(chosen.name)
