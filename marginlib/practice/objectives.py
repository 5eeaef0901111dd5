"""What each notebook promises, with the place that explains it, the question that asks it and the check that tests it.

The objectives stand in `data/objectives.json`, one record each. A test holds them to the notebooks' title cells, and
finds orphans either way: a promise that nobody asks, a question that serves no promise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from marginlib.errors import MarginError, name_text

_VERBS = ("compute", "predict", "compare", "choose")


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One thing that you can do after a notebook.

    Args:
        id: notebook and verb, such as "02-compute".
        notebook: number of the notebook, such as "02".
        text: the promise, as it follows the verb in the notebook's title cell.
        section: id of the cell that explains it.
        question: id of the question that asks it.
        check: id of the exercise task, or of a second question, that tests it.

    Raises:
        MarginError: a field is empty, or the id is not notebook and verb.
    """

    id: str
    notebook: str
    text: str
    section: str
    question: str
    check: str

    def __post_init__(self) -> None:
        for field in ("notebook", "text", "section", "question", "check"):
            name_text(f"objective {self.id!r}: {field}", getattr(self, field))
        if self.id not in {f"{self.notebook}-{verb}" for verb in _VERBS}:
            raise MarginError(
                f"objective {self.id!r}: id = {self.id!r}: give {self.notebook}- and one of {', '.join(_VERBS)}"
            )

    @property
    def verb(self) -> str:
        """What you do: compute, predict, compare or choose."""
        return self.id.partition("-")[2]


OBJECTIVES: tuple[Objective, ...] = tuple(
    Objective(**record)
    for record in json.loads(files("marginlib").joinpath("data", "objectives.json").read_text(encoding="utf-8"))[
        "objectives"
    ]
)
