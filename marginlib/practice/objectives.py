"""What each notebook promises, with the place that explains it, the question that asks it and the check that tests it.

The objectives stand at the top of `data/questions.json`, one record each, before the questions that serve them. A test
holds them to the notebooks' title cells, and finds orphans either way: a promise that nobody asks, a question that
serves no promise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from marginlib.errors import name_text, wrong

_VERBS = ("compute", "predict", "compare", "choose")


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One thing that you can do after a notebook.

    Raises:
        MarginError: a field is empty, or the id is not notebook and verb.
    """

    id: str  # notebook and verb, such as "02-compute"
    notebook: str  # its number, such as "02"
    text: str  # the promise, as it follows the verb in the notebook's title cell
    section: str  # id of the cell that explains it
    question: str  # id of the question that asks it
    check: str  # id of the exercise task, or of a second question, that tests it

    def __post_init__(self) -> None:
        for field in ("notebook", "text", "section", "question", "check"):
            name_text(f"objective {self.id!r}: {field}", getattr(self, field))
        if self.id not in {f"{self.notebook}-{verb}" for verb in _VERBS}:
            raise wrong(f"objective {self.id!r}: id", self.id, f"give {self.notebook}- and one of {', '.join(_VERBS)}")

    @property
    def verb(self) -> str:
        """What you do: compute, predict, compare or choose."""
        return self.id.partition("-")[2]


BANK = json.loads(files("marginlib").joinpath("data", "questions.json").read_text(encoding="utf-8"))
OBJECTIVES = tuple(Objective(**record) for record in BANK["objectives"])
