"""What the class got wrong, as a page for the teacher: offline, printable, for the eye and for a screen reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from string import Template

from marginlib.course.tasks import task
from marginlib.drawing.style import css
from marginlib.grading.items import FEWEST, Item, SetAnalysis
from marginlib.practice.beliefs import BELIEFS

__all__ = ["belief_rows", "page", "summary", "table", "task_rows", "tasks_picture", "totals_picture"]

_EASY, _HARD, _WEAK = 0.9, 0.3, 0.15

_HOW_TO_READ = (
    "Right: the share of those whose answer was judged. Discrimination: how far those who have the task right have "
    "more points in all other tasks, from -1 to 1; below 0.15 a task tells little. "
    f"With fewer than {FEWEST} students it is left out. A text counts once a person has read it."
)
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
th[scope=row] { white-space: nowrap } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
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


def task_rows(found: SetAnalysis) -> list[tuple[str, ...]]:
    """Return the table of tasks as text, a header first.

    Args:
        found: the analysis.

    Example:
        >>> empty = SetAnalysis(
        ...     set="sizing", graded=0, not_graded=(), items=(), totals=(), points=0, reliability=None, matches=()
        ... )
        >>> task_rows(empty)[0][:3]
        ('task', 'title', 'right')
    """
    head = ("task", "title", "right", "95 % interval", "discrimination", "what else came back", "look at")
    return [head, *(_task_row(item) for item in found.items)]


def _task_row(item: Item) -> tuple[str, ...]:
    """Return one task as text."""
    others = ", ".join(f"{count} {state}" for state, count in item.states if state not in {"right", "words"})
    return (
        item.task,
        task(item.task).title,
        f"{item.right} of {item.n}" if item.n else "-",
        _span(item) if item.n else "-",
        "-" if item.discrimination is None else f"{item.discrimination:+.2f}",
        others or "-",
        _advice(item) or "-",
    )


def _advice(item: Item) -> str:
    """Return why a task deserves a look, or "" where it does not."""
    words = []
    if item.unread:
        words.append(f"{item.unread} texts wait to be read")
    if item.n and item.difficulty < _HARD:
        words.append("hard: most have it wrong")
    if item.n and item.difficulty > _EASY:
        words.append("easy: nearly all have it right")
    if item.discrimination is not None and item.discrimination < _WEAK:
        words.append("does not tell strong from weak: read its words again")
    if item.slow:
        words.append(f"slow code: {', '.join(item.slow)}")
    return "; ".join(words)


def belief_rows(found: SetAnalysis) -> list[tuple[str, ...]]:
    """Return the beliefs that explain wrong answers as text, a header first, the most frequent first.

    Args:
        found: the analysis.

    Example:
        >>> item = Item(task="sizing-2", n=9, right=1, difficulty=1 / 9, interval=(0, 0.4), beliefs=(("SIGN", 5),))
        >>> some = SetAnalysis(
        ...     set="sizing", graded=9, not_graded=(), items=(item,), totals=(), points=1, reliability=None, matches=()
        ... )
        >>> belief_rows(some)[1][:3]
        ('SIGN', '5 of 9', 'sizing-2')
    """
    rows = sorted(((count, code, item.task) for item in found.items for code, count in item.beliefs), reverse=True)
    table: list[tuple[str, ...]] = [
        ("belief", "answers", "task", "what its holders think", "what helps", "teach again")
    ]
    for count, code, name in rows:
        belief = BELIEFS[code]
        table.append((code, f"{count} of {found.graded}", name, belief.statement, belief.remedy, belief.notebook))
    return table


def totals_picture(found: SetAnalysis, bars: int = 10) -> str:
    """Return how many students reached how many points, as SVG with the numbers in its label.

    Args:
        found: the analysis.
        bars: how many.

    Example:
        >>> some = SetAnalysis(
        ...     set="sizing", graded=2, not_graded=(), items=(), totals=(0, 10), points=10, reliability=None, matches=()
        ... )
        >>> totals_picture(some, bars=2).split('"')[3]
        '0 to 5 points: 1 student; 5 to 10 points: 1 student'
    """
    step = found.points / bars
    counts = [0] * bars
    for total in found.totals:
        counts[min(int(total / step), bars - 1)] += 1
    ranges = [f"{k * step:g} to {(k + 1) * step:g}" for k in range(bars)]
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
    box = f"0 0 {width * bars} {height + 48}"
    return f'<svg role="img" aria-label="{label}" viewBox="{box}" font-size="11" width="100%">{"".join(drawn)}</svg>'


def tasks_picture(found: SetAnalysis) -> str:
    """Return the share of the class that has each task right, with its interval, as SVG with the numbers in its label.

    Args:
        found: the analysis.

    Example:
        >>> item = Item(task="sizing-2", n=9, right=1, difficulty=1 / 9, interval=(0, 0.4))
        >>> some = SetAnalysis(
        ...     set="sizing", graded=9, not_graded=(), items=(item,), totals=(), points=1, reliability=None, matches=()
        ... )
        >>> tasks_picture(some).split('"')[3]
        'sizing-2: 11% right, 0% to 40%'
    """
    items = [item for item in found.items if item.n]
    row, left, wide = 24, 90, 420
    said = [f"{item.task}: {item.difficulty:.0%} right, {_span(item)}" for item in items]
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
        low, dot, high = (f"{left + wide * at:.1f}" for at in (item.interval[0], item.difficulty, item.interval[1]))
        drawn += [
            f'<text x="{left - 8}" y="{middle + 4:g}" text-anchor="end">{item.task}</text>',
            f'<line x1="{low}" y1="{middle:g}" x2="{high}" y2="{middle:g}" stroke="#595959" stroke-width="2"/>',
            f'<circle cx="{dot}" cy="{middle:g}" r="5" fill="var(--lm-equity, #0072B2)"/>',
        ]
    label, box = "; ".join(said), f"0 0 {left + wide + 30} {foot + 24}"
    return f'<svg role="img" aria-label="{label}" viewBox="{box}" font-size="11" width="100%">{"".join(drawn)}</svg>'


def _span(item: Item) -> str:
    """Return a task's interval as text."""
    low, high = item.interval
    return f"{low:.0%} to {high:.0%}"


def page(found: SetAnalysis) -> str:
    """Return the analysis as an HTML page that asks nothing of the network.

    Args:
        found: the analysis.

    Example:
        >>> empty = SetAnalysis(
        ...     set="sizing", graded=0, not_graded=(), items=(), totals=(), points=0, reliability=None, matches=()
        ... )
        >>> "Nothing was graded" in page(empty)
        True
    """
    body = "\n".join(_sections(found))
    return _PAGE.substitute(title=escape(found.set), colours=css("light"), body=body)


def _sections(found: SetAnalysis) -> Iterable[str]:
    """Yield the parts of the page."""
    if not found.graded:
        yield "<p>Nothing was graded.</p>"
    else:
        yield f"<p>{escape(summary(found))}</p>"
        yield "<h2>Points</h2>" + totals_picture(found)
        yield "<h2>Share of the class that is right</h2>" + tasks_picture(found)
        yield "<h2>Tasks</h2>" + table(task_rows(found), numbers=(2, 3, 4))
        yield f'<p class="note">{_HOW_TO_READ}</p>'
        beliefs = belief_rows(found)
        yield "<h2>Beliefs behind wrong answers</h2>"
        yield table(beliefs) if len(beliefs) > 1 else "<p>None was recognised.</p>"
    if found.matches:
        told = [(student, other, ", ".join(names)) for student, other, names in found.matches]
        rows = [("student", "has the right answers of", "in"), *told]
        yield "<h2>Answers that are right for somebody else</h2>" + table(rows)
        yield '<p class="note">Each student has numbers of their own. Talk to both before you judge.</p>'
    if found.not_graded:
        yield "<h2>Not graded</h2>" + table([("student", "status", "reason"), *found.not_graded])
        yield '<p class="note">These have no score, which is not the same as 0.</p>'


def summary(found: SetAnalysis) -> str:
    """Return the set in a few sentences.

    Args:
        found: the analysis, of at least one graded submission.

    Example:
        >>> found = {"set": "sizing", "graded": 3, "not_graded": (), "items": (), "matches": ()}
        >>> summary(SetAnalysis(**found, totals=(2, 4, 9), points=10, reliability=None))
        '3 submissions graded, 0 not. Half of the class has 4 or more of 10 points, texts left out.'
    """
    middle = sorted(found.totals)[len(found.totals) // 2]
    words = f"{found.graded} submissions graded, {len(found.not_graded)} not. Half of the class has {middle:g} or more "
    words += f"of {found.points:g} points, texts left out."
    if found.reliability is not None:
        words += f" Reliability (Cronbach's alpha) {found.reliability:.2f}: {len(found.items)} tasks are a short test, "
        words += "so read single scores with care."
    return words


def table(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return rows as an HTML table, the first as its head; the first cell of a row names it.

    Args:
        rows: texts, all rows of one length.
        numbers: columns that hold numbers and stand to the right.

    Example:
        >>> "<td>1 &lt; 2</td>" in table([("task", "why"), ("sizing-1", "1 < 2")])
        True
    """
    side = [' class="number"' if k in numbers else "" for k in range(len(rows[0]))]
    head = "".join(f'<th scope="col"{side[k]}>{escape(cell)}</th>' for k, cell in enumerate(rows[0]))
    lines = []
    for first, *rest in rows[1:]:
        cells = "".join(f"<td{side[k]}>{escape(cell)}</td>" for k, cell in enumerate(rest, start=1))
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    body = "".join(lines)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="group" aria-label="Table: {escape(rows[0][0])}">{table}</div>'
