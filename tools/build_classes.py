"""Write `exercises/CLASSES.md`, a live class for each notebook: `python tools/build_classes.py`.

What to ask are the notebook's predictions; what is right, which answers are common and which belief each shows is
computed from the question bank, so the page says what the panels say. A test holds the stored page equal to this.
"""

from __future__ import annotations

import json
from pathlib import Path

from marginlib.practice.bank import questions
from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.judge import Number, Question

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "exercises" / "CLASSES.md"
MOST = 5  # questions in a class: seven minutes each
WRONG = 3  # answers told for each

HEAD = """# Live classes

Fifty minutes for each notebook, with the class in front of one screen or of their own. Every class has the same rhythm:

| minutes | what |
|---|---|
| 0 to 5 | Each student answers the notebook's opening questions alone: what that student missed earlier. |
| 5 to 40 | The questions below, about seven minutes each. |
| 40 to 47 | Move the notebook's figure together: one student says where the line will go, another moves the control. |
| 47 to 50 | The closing questions are homework. |

For each question: read it aloud. Everybody answers in the notebook *before* you run its cell; then count hands for each
answer. Let two who disagree convince each other. Run the cell. Name the belief behind the common wrong answer,
never the person.

In brackets stands the code of the belief that an answer shows; `marginlib.practice.beliefs` has the numbers against it.
This page is made by `tools/build_classes.py` from the question bank.
"""


def title_of(number: str) -> tuple[str, str]:
    """Return the file of a notebook and its first heading."""
    path = next((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    heading = "".join(first).splitlines()[0].lstrip("# ")
    return path.name, heading


def lines(asked: Question) -> list[str]:
    """Return one question for the class."""
    said = [f"**{asked.text}**", ""]
    if isinstance(asked, Number):
        said.append(f"Right: {asked.shown(asked.right)}.")
        wrong = _numbers(asked)
    else:
        said.append("Right: " + "; ".join(option.text for option in asked.options if option.right) + ".")
        wrong = [(option.text, option.code) for option in asked.options if option.code][:WRONG]
    said.append("")
    said += [f"- {text} [`{code}`]: “{BELIEFS[code].statement}”" for text, code in wrong]
    return [*said, ""]


def _numbers(asked: Number) -> list[tuple[str, str]]:
    """Return the wrong numbers that beliefs give, each once."""
    found: dict[str, str] = {}
    right = asked.shown(asked.right)
    for code, belief in BELIEFS.items():
        text = asked.shown(asked.says(code)) if belief.changes else right
        if text != right and text not in found:
            found[text] = code
    return list(found.items())[:WRONG]


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for number in (f"{k:02}" for k in range(15)):
        file, heading = title_of(number)
        parts.append(f"## {heading}\n\n[{file}](../notebooks/{file})\n")
        asked = [each for each in questions(number, "prediction") if each.kind in {"number", "choice"}][:MOST]
        parts.append("\n".join(line for each in asked for line in lines(each)))
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
