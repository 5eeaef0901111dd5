"""What the class got wrong, as a page for the teacher: offline, printable, for the eye and for a screen reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from pandas import DataFrame, isna

from marginlib.course.tasks import task
from marginlib.drawing.style import css
from marginlib.grading.items import FEWEST, SetAnalysis
from marginlib.practice.beliefs import BELIEFS
from marginlib.tables import show

_EASY, _HARD, _WEAK = 0.9, 0.3, 0.15
_BARS = 10  # of the picture of points
_TALK, _MOST = 0.75, 3  # share of the class below which a task is worth a talk; how many of a kind are told
# The live classes of exercises/CLASSES.md: heading -> the beliefs that each question shows, in order.
_FILE = files("marginlib").joinpath("data", "classes.json")
_CLASSES: dict[str, list[list[str]]] = json.loads(_FILE.read_text(encoding="utf-8"))

_HOW_TO_READ = (
    "Right: the share of those whose answer was judged. Discrimination: how far those who have the task right have "
    "more points in all other tasks, from -1 to 1; below 0.15 a task tells little. "
    f"With fewer than {FEWEST} students it is left out. A text counts once a person has read it."
)
_NOT_SAID = 'No answer says how sure it is. A line sure = "certain" in an answer cell, never scored, would say it.'
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Item analysis: $title</title>
<style>
:root { $colours }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd }
th[scope=row] { white-space: nowrap } caption { display: none } td { font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto } .scroll table { min-width: 44rem } svg { display: block } .note { color: #444 }
@media print { body { margin: 0; max-width: none } }
</style>
</head>
<body>
<main>
<h1>Item analysis: $title</h1>
$body
</main>
</body>
</html>
""")


def task_table(found: SetAnalysis) -> DataFrame:
    """Return the table of tasks as texts, with what deserves a look."""
    columns = ["title", "right", "95 % interval", "discrimination", "what else came back", "look at"]
    rows = {}
    for item in found.tasks.itertuples():
        advice = {
            f"{item.unread} texts wait to be read": item.unread,
            "hard: most have it wrong": item.n and item.share < _HARD,
            "easy: nearly all have it right": item.n and item.share > _EASY,
            "does not tell strong from weak: read its words again": item.discrimination < _WEAK,
            f"slow code: {', '.join(item.slow)}": item.slow,
        }
        others = [f"{count} {state}" for state, count in item.states.items() if state not in {"right", "words"}]
        rows[item.Index] = (
            f"{task(item.Index).title}{f', variant {item.variant}' * bool(item.variant)}",
            f"{item.right} of {item.n}" if item.n else "-",
            f"{item.low:.0%} to {item.high:.0%}" if item.n else "-",
            "-" if isna(item.discrimination) else f"{item.discrimination:+.2f}",
            ", ".join(others) or "-",
            "; ".join(words for words, due in advice.items() if due) or "-",
        )
    return DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("task")


def belief_table(found: SetAnalysis) -> DataFrame:
    """Return the beliefs that explain wrong answers as texts, the most frequent first."""
    beliefs = [BELIEFS[code] for code in found.beliefs["belief"]]
    return DataFrame(
        {
            "belief": found.beliefs["belief"],
            "answers": [f"{count} of {len(found.totals)}" for count in found.beliefs["answers"]],
            "task": found.beliefs["task"],
            "what its holders think": [belief.statement for belief in beliefs],
            "what helps": [belief.remedy for belief in beliefs],
            "teach again": [belief.notebook for belief in beliefs],
        }
    )


def talk_about(found: SetAnalysis) -> list[str]:
    """Return the tasks that most of all are missed, a sentence or two each: how many miss them, and why most often."""
    missed = found.tasks[(found.tasks["n"] > 0) & (found.tasks["share"] < _TALK)].sort_values("share", kind="stable")
    first = {each.task: each for each in reversed(list(found.beliefs.itertuples()))}
    told = []
    for item in missed.head(_MOST).itertuples():
        said = (
            f"{item.Index}, {task(item.Index).title}: {item.n - item.right} of {item.n} do not have all of its points."
        )
        if item.Index in first:
            why = first[item.Index]
            said += f" The most frequent belief, in {why.answers} of the answers: “{BELIEFS[why.belief].statement}”"
        told.append(said)
    return told


def how_sure(found: SetAnalysis) -> list[str]:
    """Return how many of the answers of each confidence are right, and what those who were certain have wrong."""
    told = [
        f"Said as “{each.sure}”: {each.right} of {each.said} right ({each.right / each.said:.0%})."
        for each in found.sure.itertuples()
        if each.said
    ]
    certain = found.sure.iloc[-1]
    if certain["missed"] > 1:
        most = f"{certain['worst']}, {task(certain['worst']).title}"
        told.append(f"Certain and wrong most often: {most}, by {certain['missed']} students. Begin with these.")
    return told


def next_class(found: SetAnalysis) -> list[str]:
    """Return the beliefs that most students hold, at least two, and the live class that asks about each."""
    held = found.beliefs.explode("students").groupby("belief")["students"].nunique()
    most = held[held > 1].sort_values(ascending=False, kind="stable").head(_MOST)
    told = f"of {len(found.totals)} students answered as if:"
    return [f"{count} {told} “{BELIEFS[code].statement}” {_class_on(code)}" for code, count in most.items()]


def _class_on(code: str) -> str:
    """Return where to ask about a belief: in the class nearest to the belief's own notebook."""
    home = BELIEFS[code].notebook
    asked = {head: [str(k) for k, shown in enumerate(each, 1) if code in shown] for head, each in _CLASSES.items()}
    heads = [head for head, places in asked.items() if places]
    if not heads:
        return f"No live class asks about it: read notebook {home} again."
    best = min(heads, key=lambda head: abs(int(head[:2]) - int(home)))
    return f"Ask in the live class “{best}”: question{'s' * (len(asked[best]) > 1)} {', '.join(asked[best])}."


def totals_picture(found: SetAnalysis) -> str:
    """Return how many students reached how many points, as SVG with the numbers in its label."""
    step = found.points / _BARS
    counts = (found.totals // step).clip(upper=_BARS - 1).value_counts().reindex(range(_BARS), fill_value=0).tolist()
    ranges = [f"{k * step:g} to {(k + 1) * step:g}" for k in range(_BARS)]
    people = [f"{count} student{'' if count == 1 else 's'}" for count in counts]
    label = "; ".join(f"{span} points: {who}" for span, who in zip(ranges, people, strict=True))
    width, height, most = 56, 120, max(1, *counts)
    drawn = []
    for k, count in enumerate(counts):
        tall, short = round(height * count / most), ranges[k].replace(" to ", "-")
        bar = f'x="{k * width + 4}" y="{20 + height - tall}" width="{width - 8}" height="{tall}"'
        drawn += [
            f'<rect {bar} fill="var(--lm-equity, #0072B2)"/>',
            f'<text x="{k * width + width / 2}" y="{14 + height - tall}" text-anchor="middle">{count or ""}</text>',
            f'<text x="{k * width + width / 2}" y="{height + 38}" text-anchor="middle">{short}</text>',
        ]
    return _svg(label, width * _BARS, height + 48, drawn)


def tasks_picture(found: SetAnalysis) -> str:
    """Return the share of the class that has each task right, with its interval, as SVG with a label of the numbers."""
    items = list(found.tasks[found.tasks["n"] > 0].itertuples())
    row, left, wide = 24, 90, 420
    said = [f"{item.Index}: {item.share:.0%} right, {item.low:.0%} to {item.high:.0%}" for item in items]
    foot = row * len(items) + 4
    drawn = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = left + wide * share
        drawn += [
            f'<line x1="{at:g}" y1="0" x2="{at:g}" y2="{foot}" stroke="#ddd"/>',
            f'<text x="{at:g}" y="{foot + 16}" text-anchor="middle">{share:.0%}</text>',
        ]
    for k, item in enumerate(items):
        middle = row * k + row / 2
        low, dot, high = (f"{left + wide * at:.1f}" for at in (item.low, item.share, item.high))
        drawn += [
            f'<text x="{left - 8}" y="{middle + 4:g}" text-anchor="end">{item.Index}</text>',
            f'<line x1="{low}" y1="{middle:g}" x2="{high}" y2="{middle:g}" stroke="#595959" stroke-width="2"/>',
            f'<circle cx="{dot}" cy="{middle:g}" r="5" fill="var(--lm-equity, #0072B2)"/>',
        ]
    return _svg("; ".join(said), left + wide + 30, foot + 24, drawn)


def _svg(label: str, width: int, height: int, drawn: list[str]) -> str:
    """Return a picture with its numbers as its label."""
    how = f'role="img" aria-label="{label}" viewBox="0 0 {width} {height}" font-size="11" width="100%"'
    return f"<svg {how}>{''.join(drawn)}</svg>"


def page(found: SetAnalysis) -> str:
    """Return the analysis as an HTML page that asks nothing of the network."""
    body = "\n".join(_sections(found))
    return _PAGE.substitute(title=escape(found.set), colours=css("light"), body=body)


def _sections(found: SetAnalysis) -> Iterator[str]:
    """Yield the parts of the page."""
    if len(found.totals):
        beliefs = belief_table(found)
        yield f"<p>{escape(summary(found))}</p>"
        yield "<h2>Points</h2>" + totals_picture(found)
        yield "<h2>Share of the class that is right</h2>" + tasks_picture(found)
        yield _table(task_table(found), "Tasks")
        yield f'<p class="note">{_HOW_TO_READ}</p>'
        title = "Beliefs behind wrong answers"
        yield f"<h2>{title}</h2><p>None was recognised.</p>" if beliefs.empty else _table(beliefs, title)
        few = f"No task that was judged is right for less than {_TALK:.0%} of the class."
        yield _list(talk_about(found) or [few], "Tasks to talk about")
        yield _list(how_sure(found) or [_NOT_SAID], "How sure, how right")
        yield _list(next_class(found) or ["No belief was recognised in two students."], "For the next class")
    else:
        yield "<p>Nothing was graded.</p>"
    if len(found.matches):
        told = found.matches.assign(tasks=found.matches["tasks"].map(", ".join))
        told.columns = ["student", "has the right answers of", "in"]
        yield _table(told, "Answers that are right for somebody else")
        yield '<p class="note">Each student has numbers of their own. Talk to both before you judge.</p>'
    if len(found.not_graded):
        yield _table(found.not_graded, "Not graded")
        yield '<p class="note">These have no score, which is not the same as 0.</p>'


def _list(sentences: Sequence[str], title: str) -> str:
    """Return sentences as a list below its heading."""
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{escape(each)}</li>' for each in sentences)}</ul>"


def _table(rows: DataFrame, title: str) -> str:
    """Return a table below its heading; a wide one scrolls by itself."""
    inner = show(rows, title)._repr_html_()
    return f'<h2>{title}</h2><div class="scroll" tabindex="0" role="group" aria-label="Table: {title}">{inner}</div>'


def summary(found: SetAnalysis) -> str:
    """Return a set with at least one graded submission in a few sentences."""
    count = len(found.totals)
    middle = found.totals.sort_values().iloc[count // 2]
    words = f"{count} submissions graded, {len(found.not_graded)} not. Half of the class has {middle:g} or more "
    words += f"of {found.points:g} points, texts left out."
    if found.reliability is not None:
        words += f" Reliability (Cronbach's alpha) {found.reliability:.2f}: {len(found.tasks)} tasks are a short test, "
        words += "so read single scores with care."
    return words
