"""A scripted learner goes through the whole course, and is stopped in the middle of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from refresh_notebooks import notebooks

from marginlib.course.tasks import SETS, tasks
from marginlib.practice import gain, progress_page
from marginlib.practice.bank import questions
from marginlib.practice.objectives import OBJECTIVES
from marginlib.practice.progress import load

ROOT = Path(__file__).resolve().parents[1]
COURSE = [path.stem[:2] for path in notebooks()]
# What a learner does who knows the right answers; the last line stops the kernel as a power cut would.
LEARN = """
import os, signal, sys
from marginlib.course.session import check, start
from marginlib.practice.tasks.numbering import open_cases, ticket
from marginlib.course.tasks import tasks
from marginlib.practice import closing_questions, opening_questions, predict, reveal
from marginlib.practice.bank import questions
from pressing import give
from test_practice import right

def answer(panels):
    for panel in panels:
        give(panel, right(panel.question), "certain")

notebooks, sets = (words.split() for words in sys.argv[1:])
for notebook in notebooks:
    answer(opening_questions(notebook).questions.values())
    for asked in questions(notebook=notebook, role="prediction"):
        answer([predict(asked.id)])
        assert "Right: " in str(reveal(asked.id)), reveal(asked.id)
    answer(closing_questions(notebook).questions.values())
for name in sets:
    start(name, "ada")
    for task in tasks(name):
        if task.kind == "explain":
            continue
        case = open_cases(task, ticket(name, "ada"))[0]
        feedback = check(task.id, task.solve if task.asks_function else task.solve(**case))
        assert feedback.right, feedback
print("done", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def learn(notebooks, sets, place) -> None:
    """Let the learner work in a process of its own, which ends without warning."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LEARN, " ".join(notebooks), " ".join(sets)],
        cwd=ROOT / "tests",
        env=os.environ
        | {"MARGINLIB_PROGRESS": str(place), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools"), "."])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("done"), done.stderr


def text(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_learner_who_answers_right_passes_everything_and_a_restart_loses_nothing(tmp_path, monkeypatch):
    place = tmp_path / "progress.json"
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(place))
    learn(COURSE[:7], SETS[:3], place)
    kept = load()
    learn(COURSE[7:], SETS[3:], place)
    after = load()
    assert kept.attempts
    assert {each.id for each in kept.attempts} < {each.id for each in after.attempts}
    asked = {each.id for each in questions() if each.role != "opening"} | {  # of those to open with, three are drawn
        each.id for name in SETS for each in tasks(name) if each.kind != "explain"
    }
    assert {each.item for each in after.attempts} >= asked
    assert all(each.right for each in after.attempts)
    assert f"{len(OBJECTIVES)} of {len(OBJECTIVES)} objectives right." in text(progress_page().html)
    assert "Of 6 pairs answered twice you had 6 right before the course and 6 after it." in text(gain().html)
