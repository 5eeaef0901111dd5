"""A set as a course asks it: the questions that its key draws in the source for nbgrader, and a model sheet of them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from marginlib.course.tasks import drawn, variants
from marginlib.errors import MarginError
from marginlib.files import write_whole
from marginlib.grading.bulk import personal
from marginlib.practice.tasks.numbering import SELF_STUDY, ticket
from marginlib.practice.tasks.task import BEGIN, END


def settle_source(root: str | Path, set_id: str, key: bytes) -> bool:
    """Put the questions that a course's key draws into the source of a set; return whether that changed it.

    A course whose set was released without its source is left as it is.

    Raises:
        MarginError: the source holds a question that this key does not draw, and what stood there is gone.
    """
    path = Path(root) / "source" / set_id / f"{set_id}.ipynb"
    if not path.is_file():
        return False
    notebook, changed = json.loads(path.read_bytes()), False
    cells = {cell.get("id"): cell for cell in notebook["cells"]}
    for task in drawn(set_id, ticket(set_id, SELF_STUDY, key)):
        text, answer = cells.get(f"{task.id}-text"), cells.get(f"{task.id}-answer")
        if text is None or answer is None:
            continue
        reading = "".join(text["source"])
        if task.variant:
            asked = "\n\n".join([*reading.split("\n\n")[:2], task.reading])
            for cell, source in ((text, asked), (answer, task.cell)):
                changed |= "".join(cell["source"]) != source
                cell["source"] = source.splitlines(keepends=True)
        elif any(reading.endswith(other.reading) for other in variants(set_id)[task.id]):
            give = "put the source of the set there as the course came with it"
            raise MarginError(f"source: {task.id} in {path} is a question of another key; {give}")
    if changed:
        write_whole(path, json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")
    return changed


def model(root: str | Path, set_id: str, key: bytes) -> Path:
    """Write a course's sheet with the model solutions, the numbers of somebody called "model", and all checks run."""
    import nbformat  # noqa: PLC0415 - seconds, which no other command needs
    from nbconvert.preprocessors import ExecutePreprocessor  # noqa: PLC0415

    target, source = (Path(root) / folder / f"{set_id}.ipynb" for folder in ("model", f"source/{set_id}"))
    notebook = nbformat.read(source, as_version=4)
    texts = {f"{task.id}-compare": task for task in drawn(set_id, ticket(set_id, SELF_STUDY, key)) if task.rubric}
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        cell.source = "\n".join(line for line in cell.source.split("\n") if line.strip() not in {BEGIN, END})
        if cell.get("id") in texts:
            cell.source = cell.source.replace("= ...", f"= {texts[cell.id].solve()!r}")
    write_whole(target, nbformat.writes(notebook))
    worked = nbformat.reads(personal(target, set_id, "model", key).decode(), as_version=4)
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, MARGINLIB_PROGRESS=f"{folder}/progress.json"):
        ExecutePreprocessor(timeout=120, kernel_name="python3").preprocess(worked, {})
    write_whole(target, nbformat.writes(worked))
    return target
