"""Write `exercises/CLASSES.md`, a live class for each notebook: `python tools/build_classes.py`.

What to ask are the notebook's predictions; what is right, which answers are common and which belief each shows is
computed from the question bank, so the page says what the panels say. `data/classes.json` says which question of a
class shows which belief, for the page of a graded class. A test holds both, as they are stored, equal to this.
"""

from __future__ import annotations

import json
from pathlib import Path

from marginlib.practice.bank import questions
from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.judge import Number, Question

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "exercises" / "CLASSES.md"
SHOWN = ROOT / "marginlib" / "data" / "classes.json"
NOTEBOOKS = tuple(f"{k:02}" for k in range(15))
MOST = 5  # questions in a class: seven minutes each
WRONG = 3  # answers told for each

HEAD = """# Live classes

Fifty minutes for each notebook, with the class in front of one screen or of their own. Every class has the same rhythm:

| minutes | what |
|---|---|
| 0 to 5 | Each student answers the notebook's opening questions alone: what that student missed earlier. |
| 5 to 40 | The questions below: about seven minutes each, or twelve where there are three. |
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


def asked_in(number: str) -> list[Question]:
    """Return the questions of the class on a notebook."""
    return [each for each in questions(number, "prediction") if each.kind in {"number", "choice"}][:MOST]


def wrong_of(asked: Question) -> list[tuple[str, str]]:
    """Return the wrong answers that a question's class is told, each with the belief that it shows."""
    if isinstance(asked, Number):
        return _numbers(asked)
    return [(option.text, option.code) for option in asked.options if option.code][:WRONG]


def lines(place: int, asked: Question) -> list[str]:
    """Return one question for the class, with its place there."""
    if isinstance(asked, Number):
        right = asked.shown(asked.right)
    else:
        right = "; ".join(option.text for option in asked.options if option.right)
    said = [f"**{place}. {asked.text}**", "", f"Right: {right}.", ""]
    said += [f"- {text} [`{code}`]: “{BELIEFS[code].statement}”" for text, code in wrong_of(asked)]
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
    for number in NOTEBOOKS:
        file, heading = title_of(number)
        parts.append(f"## {heading}\n\n[{file}](../notebooks/{file})\n")
        asked = enumerate(asked_in(number), start=1)
        parts.append("\n".join(line for place, each in asked for line in lines(place, each)))
    return "\n".join(parts).rstrip() + "\n"


def shown() -> str:
    """Return which beliefs each question of each class shows, as JSON: a class stands under the page's heading."""
    codes = {title_of(k)[1]: [[code for _, code in wrong_of(each)] for each in asked_in(k)] for k in NOTEBOOKS}
    rows = [f"  {json.dumps(head, ensure_ascii=False)}: {json.dumps(each)}" for head, each in codes.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    SHOWN.write_text(shown(), encoding="utf-8")
