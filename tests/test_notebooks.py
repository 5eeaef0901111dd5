"""The notebooks keep the course's rules: shape, clean storage, numbers that the code backs; nbval runs them."""

from __future__ import annotations

import io
import re
import tokenize
import zlib
from base64 import b64decode
from datetime import date
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest
from refresh_notebooks import ROOT, clean, notebooks, text

from marginlib.course import figures
from marginlib.drawing.live import ExplorerPanel
from marginlib.jupyter.lesson import is_live_figure
from marginlib.practice.bank import questions
from marginlib.practice.spacing import draw

NOTEBOOKS = notebooks()
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
NUMBER = re.compile(r"(?<![\w.])\d[\d,_]*(?:\.\d+)?(?:e\d+)?")
LAPTOP = 88  # columns of code that stand beside the panels of JupyterLab at 1366 x 768
LONGEST = 45  # minutes: what a learner does in one sitting
# Common sayings about the two modes, and the notebook whose heading takes each up.
SAYINGS = {
    "02_isolated_margin": [
        "losses are contained to the single position",
        "different margin",
        "safer for high",
        "much easier to liquidate",
        "dies quickly unless you add more margin",
    ],
    "03_cross_margin": [
        "harder to get liquidated",
        "smooths volatility",
        "hedged or diversified",
        "drain your entire balance",
        "total exposure",
    ],
}

# Cells of more than five lines, and how many they have: a list that a learner fills in.
LONGER = {
    (number, name): lines
    for number, cells in {
        "09": {"book": 6},  # a form that a learner fills in, one entry a line
        "11": {"book": 8},  # another form
        "13": {"decisions": 8},  # a policy that is written, one decision a line
    }.items()
    for name, lines in cells.items()
}


def load(path: Path):
    return nbformat.read(path, as_version=4)


def markdown(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def cards(path: Path) -> str:
    """What the cards of a notebook say when a prediction has been made: prose that stands in the bank."""
    return "\n\n".join(each.why for each in questions(notebook=path.stem[:2], role="prediction"))


def shown(notebook) -> str:
    """All text that the code cells print or show, but for the cards: what they say is prose from the bank."""
    parts = []
    for cell in notebook.cells:
        if cell.source.startswith("predict("):
            continue
        for output in cell.get("outputs", []):
            parts.append(output.get("text", ""))
            parts.extend(value for kind, value in output.get("data", {}).items() if kind == "text/plain")
            html = output.get("data", {}).get("text/html", "")
            parts.append(re.sub(r"<[^>]*>", " ", html))
    return "\n".join(parts)


def code_without_comments(notebook) -> str:
    """The code cells' tokens; a number in a comment is a claim, not an input."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tokens = tokenize.generate_tokens(io.StringIO(cell.source).readline)
            parts.extend(token.string for token in tokens if token.type != tokenize.COMMENT)
    return " ".join(parts)


def minutes(path: Path) -> tuple[float, str]:
    """Return how long a notebook takes, by one rule for all, and the sum in words.

    Read at 200 words a minute: the text and what the questions and cards say. Code at 12 lines a minute, but for what
    only puts something on the page. Two minutes for each figure to play with. Half a minute to think for each
    prediction and each question, three questions to begin with among them. What follows the closing questions is not
    counted. A title names the result within three minutes.
    """
    cells, number = load(path).cells, path.stem[:2]
    cells = cells[: [cell.id for cell in cells].index("closing") + 1]
    asked = [each for each in questions(notebook=number) if each.role != "opening"]
    begins = [] if any(each.role == "pretest" for each in asked) else draw([], number, 3, date(2026, 1, 1))
    asked += begins
    words = [cell.source for cell in cells if cell.cell_type == "markdown"]
    words += [f"{each.text} {each.why}" for each in asked]
    code = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    figure_count = sum(line.startswith("explore(") for line in code)
    read = [line for line in code if line and not re.match(r"from |import |[a-z_]+\(", line)]
    count = len(re.findall(r"[^\W_]+(?:[.,'-]\w+)*", re.sub(r"\]\([^)]*\)", "", " ".join(words))))
    told = f"{count} words, {len(read)} lines of code, {len(asked)} questions, {figure_count} figures"
    return count / 200 + len(read) / 12 + len(asked) / 2 + figure_count * 2, told


def numbers(source: str) -> set[Decimal]:
    return {Decimal(found.rstrip(",").replace(",", "").replace("_", "")) for found in NUMBER.findall(source)}


def test_the_course_has_its_notebooks():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(len(NOTEBOOKS))]
    assert len(NOTEBOOKS) >= 14


@pytest.mark.parametrize("path", [*NOTEBOOKS, ROOT / "exercises" / "item_analysis.ipynb"], ids=lambda path: path.stem)
def test_stored_clean(path):
    stored = path.read_text(encoding="utf-8")
    assert stored == text(clean(load(path))), "run tools/refresh_notebooks.py"
    for cell in load(path).cells:
        assert all(output.output_type != "error" for output in cell.get("outputs", []))
        assert all(output.get("name") != "stderr" for output in cell.get("outputs", []))


@each_notebook
def test_stored_figures_bring_todays_script_and_style(path):
    # A style that is stored wins over the one of the library even after the cells have run.
    saved = load(path).metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    shown = [each["state"] for each in saved.values() if is_live_figure(each)]
    assert shown
    for state in shown:
        assert (state["_esm"], state["_css"]) == (ExplorerPanel._esm, ExplorerPanel._css), "run refresh_notebooks.py"  # noqa: SLF001


@each_notebook
def test_stored_figures_show_todays_frames(path):
    stored = load(path)
    saved = stored.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    explored = re.findall(r"^explore\(figures\.(\w+)\)", "\n".join(cell.source for cell in stored.cells), re.MULTILINE)
    shown = [each["buffers"][0]["data"] for each in saved.values() if is_live_figure(each)]
    today = [(figures.FRAMES / f"{name}.frames").read_bytes() for name in explored]
    # Two versions of zlib may write the same in other bytes.
    assert sorted(map(zlib.decompress, map(b64decode, shown))) == sorted(map(zlib.decompress, today))


@each_notebook
def test_cells_have_stable_names_and_one_idea(path):
    ids = [cell.id for cell in load(path).cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) and len(name) <= 40 for name in ids)
    for cell in load(path).cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= LONGER.get((path.stem[:2], cell.id), 5), cell.id
            assert max(map(len, lines)) <= LAPTOP, cell.id
            assert not re.search(r"^\s*(def|class|%|!)", cell.source, re.MULTILINE), cell.id


def test_no_cell_that_may_be_longer_has_become_short():
    found = {(path.stem[:2], cell.id): cell.source for path in NOTEBOOKS for cell in load(path).cells}
    assert {key: sum(bool(line.strip()) for line in found[key].splitlines()) for key in LONGER} == LONGER


@each_notebook
def test_a_table_is_a_frame_with_headings_and_no_loop_prints_one(path):
    for cell in load(path).cells:
        if cell.cell_type == "code":
            loops = re.findall(r"^( *)for .*:\n(?:\1 .*\n)*?\1 +print\(.*end=", cell.source, re.MULTILINE)
            assert not loops, f"{cell.id}: a table that a loop prints: use show"
            assert not re.search(r"show_table|ShownTable|\brjust\(|:[<>]\d", cell.source), cell.id
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            if cell.source.startswith(("static(", "explore(")):
                continue  # a figure's table is the figure's
            for table in re.findall(r"<table.*?</table>", html, re.DOTALL):
                headings = re.findall(r"<th\b[^>]*>", table)
                assert headings, cell.id
                assert all("scope=" in heading for heading in headings), cell.id


@each_notebook
def test_opens_with_objectives_and_closes_with_questions(path):
    notebook = load(path)
    ids = [cell.id for cell in notebook.cells]
    title = notebook.cells[0].source
    assert ids[0] == "title"
    assert title.startswith(f"# {path.stem[:2]} · ")
    assert re.search(r"^\d+ minutes", title, re.MULTILINE)
    objectives = re.findall(r"^- \*\*(\w+)\*\*", title, re.MULTILINE)
    assert 3 <= len(objectives) <= 5
    assert set(objectives) <= {"compute", "predict", "compare", "choose"}
    assert ids.index("summary") < ids.index("closing") < ids.index("sources") == len(ids) - 1
    assert any(cell.source.startswith("predict(") for cell in notebook.cells)


def minutes_said(path):
    """Return the minutes in the title of a notebook."""
    return int(re.search(r"^(\d+) minutes", load(path).cells[0].source, re.MULTILINE)[1])


def test_the_readme_says_the_minutes_of_each_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {name: int(minutes) for name, minutes in re.findall(r"\(notebooks/(\w+)\.ipynb\) \|.*\| (\d+) \|", readme)}
    found = {path.stem: minutes_said(path) for path in NOTEBOOKS}
    assert told == found
    shortest, longest = min(found.values()), max(found.values())
    assert f"one lesson of {shortest} to {longest} minutes" in readme


@each_notebook
def test_the_minutes_are_those_that_the_rule_gives(path):
    said = minutes_said(path)
    found, told = minutes(path)
    assert abs(said - found) <= 3, f"{said} minutes in the title, {found:.1f} by the rule: {told}"
    assert found <= LONGEST, f"{found:.1f} minutes: {told}"


@each_notebook
def test_every_interactive_figure_has_a_twin_that_needs_no_kernel(path):
    cells = load(path).cells
    explored = [k for k, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.startswith("explore(")]
    assert explored
    for k in explored:
        figure = re.match(r"explore\((figures\.\w+)\)", cells[k].source)[1]
        twin = next(cell for cell in cells[k + 1 : k + 3] if cell.cell_type == "code")
        assert twin.source.startswith(f"static({figure}("), figure
        (output,) = twin.outputs
        html = output.data["text/html"]
        alt = re.search(r'<img alt="([^"]+)"', html)[1]
        assert len(alt) > 60
        assert "<figcaption>" in html
        assert "<table>" in html


@each_notebook
def test_a_number_and_its_percent_sign_stay_on_one_line(path):
    prose = "\n".join(cell.source for cell in load(path).cells if cell.cell_type == "markdown")
    assert re.findall(r"\d %", re.sub(r"`[^`]*`", "", prose)) == []


@each_notebook
def test_every_number_in_the_prose_is_computed_or_given_to_the_code(path):
    notebook = load(path)
    backed = numbers(code_without_comments(notebook)) | numbers(shown(notebook))
    told = [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and cell.id != "sources"]
    prose = "\n".join([*told, cards(path)])
    prose = re.sub(r"\[[^\]]*\]\([^)]*\)", " ", prose)  # links to notebooks carry numbers of their own
    prose = re.sub(r"^# \d\d · |^\d+ minutes.*$|^\*\*\d+\.\*\*|^\d+\. ", " ", prose, flags=re.MULTILINE)
    prose = re.sub(r"^Try: .*$", " ", prose, flags=re.MULTILINE)  # for the reader to put in, not a claim
    prose = re.sub(r"`\d\d`|(?<![\d.,])0\d\b|\b1[0-3] · ", " ", prose)  # notebook numbers
    unbacked = []
    for found in re.finditer(NUMBER.pattern + r"(?=(\s?%)?)", prose):
        value = Decimal(found[0].rstrip(",").replace(",", "").replace("_", ""))
        if value == int(value) and value < 10:
            continue  # counts of things, such as "3 coins"
        if value not in backed and not (found[1] and value / 100 in backed):
            unbacked.append(prose[max(0, found.start() - 30) : found.end() + 10].replace("\n", " "))
    assert not unbacked


@pytest.mark.parametrize("stem", SAYINGS)
def test_every_claim_of_the_two_systems_has_a_heading_of_its_own(stem):
    headings = re.findall(r"^#+ (.*)$", markdown(load(ROOT / "notebooks" / f"{stem}.ipynb")), re.MULTILINE)
    for claim in SAYINGS[stem]:
        assert any(claim in heading.lower() for heading in headings), claim


@each_notebook
def test_links_lead_to_files_that_exist(path):
    for target in re.findall(r"\]\(([^)#]+)", f"{markdown(load(path))}\n{cards(path)}"):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@each_notebook
def test_dollars_in_the_prose_are_not_mathematics(path):
    # JupyterLab sets what stands between two dollar signs as a formula, escaped or not: the prose writes the word.
    assert "$" not in markdown(load(path))


@each_notebook
def test_every_prediction_is_a_card_and_its_result_is_computed_after_it(path):
    notebook, number = load(path), path.stem[:2]
    asked = {each.id: each for each in questions(notebook=number, role="prediction")}
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith("closing_questions(")]
    for name, each in asked.items():
        assert each.why, f"{name}: its card ends without a reason"
        place = next(k for k, source in enumerate(sources) if source.startswith(f'predict("{name}"'))
        computed = [each for each in sources[place + 1 :] if not each.startswith(("predict(", "explore(", "static("))]
        assert computed, f"{name}: nothing is computed after the prediction"
        if each.kind == "number" and each.right is not None:
            # What the bank computes is what a cell has shown, to the digits that it shows.
            shown_here = numbers(shown(notebook)) | numbers(code_without_comments(notebook))
            assert any(close_to(each.right, value) for value in shown_here), name
    assert not [source for source in sources if source.startswith("reveal(")]  # the card says it itself


@each_notebook
def test_no_prediction_is_answered_by_the_prose(path):
    """All of it can be read before a cell has run; answers on paper are folded, and a choice is words of the page."""
    prose = re.sub(r"<details>.*?</details>", "", markdown(load(path)), flags=re.DOTALL)
    for question in questions(notebook=path.stem[:2], role="prediction"):
        if question.kind == "number" and question.right:
            answer = question.shown(question.right).split()[0].removesuffix("x")
            assert not re.search(rf"(?<![\d.,]){re.escape(answer)}(?![\d]|[.,]\d)", prose), question.id


def close_to(right: float, value: Decimal) -> bool:
    """Whether a shown number is the right one, rounded where it was cut; a share may stand as a percentage."""
    unit = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return any(abs(abs(Decimal(repr(number))) - value) <= unit / 2 for number in (right, right / 100))


@each_notebook
def test_the_practice_loop_is_whole(path):
    number = path.stem[:2]
    sources = [cell.source for cell in load(path).cells if cell.cell_type == "code"]
    loop = [f'{name}("{number}")' for name in ("opening_questions", "closing_questions", "calibration")]
    places = [sources.index(each) for each in loop]
    assert places == sorted(places)
    # Questions to begin with come before anything is computed; in 00 they close the tour.
    assert number == "00" or places[0] == 1
