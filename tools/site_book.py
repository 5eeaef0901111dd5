"""The course as a book: pages that need no Python, with figures that move and predictions that are asked first.

`build_site.py` calls `book`. Jupyter Book lays the pages out; what stands on them is the notebooks' own stored output.
"""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from functools import cache
from html import escape
from os.path import relpath
from pathlib import Path
from typing import Any

import nbformat
from site_api import pages as reference
from site_tools import CACHE, OWNER, ROOT, SiteError, environment, run, without, write_json

from marginlib.course.guess import picture
from marginlib.drawing.live import ExplorerPanel
from marginlib.jupyter.lesson import LiveFigures
from marginlib.practice.bank import question
from marginlib.practice.beliefs import singles
from marginlib.practice.card import Card
from marginlib.practice.form import Form
from marginlib.words import text_html

HERE = Path(__file__).parent / "book"
PARTS = {
    "The course": ["notebooks/[0-9]*.ipynb", "notebooks/GLOSSARY.md"],
    "Exercises": ["exercises/README.md", "exercises/blank/*.ipynb"],
    "For teachers": ["exercises/TEACHING.md", "exercises/GRADING.md", "exercises/CLASSES.md"],
    "The kit": ["docs/run.md", "docs/figures.md"],
}
# What would run a page's code on another machine: the site does that here.
THEBE = re.compile(
    r"<script>const THEBE_JS_URL.*?</script>|<(script|link)[^>]*sphinx-thebe[^>]*>(</script>)?", re.DOTALL
)
UNUSED = ("*.map", "fa-*.ttf")
ICON = re.compile(
    r'(?<=[{,])("[\w-]+"|[A-Za-z_$][\w$]*):\[\d+,\d+,\[[^\[\]]*\],"[0-9a-f]+",(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?'
)
CONFIG: dict[str, Any] = {
    "title": "Margin: cross and isolated",
    "author": "The marginlib contributors",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "off"},
    "parse": {"myst_enable_extensions": []},  # a dollar is money, not mathematics
    "html": {"use_issues_button": False, "use_repository_button": False, "extra_footer": ""},
    "launch_buttons": {"notebook_interface": "classic", "binderhub_url": "", "colab_url": "", "thebe": False},
    "sphinx": {
        "config": {
            "html_context": {"default_mode": "auto"},
            "html_copy_source": False,
            "html_favicon": "_static/icon.svg",
            # One field for searching is enough; what there is to download is the site's notebook.
            "html_theme_options": {"navbar_persistent": [], "use_download_button": False},
            "nb_ipywidgets_js": {},  # they would come from another machine
            "myst_heading_anchors": 3,
            "suppress_warnings": ["mystnb.unknown_mime_type"],
        },
    },
}


def book(output: Path) -> None:
    """Build the book into a folder."""
    programs = environment("book")
    source = CACHE / "book"
    shutil.rmtree(source, ignore_errors=True)
    sets = (ROOT / "exercises" / "README.md").read_text(encoding="utf-8")  # has them in the course's order

    def place(path: Path) -> tuple[int, Path]:
        return sets.find(f"({path.parent.name}/{path.name})"), path

    parts = {t: [each for glob in globs for each in sorted(ROOT.glob(glob), key=place)] for t, globs in PARTS.items()}
    pages = [each.relative_to(ROOT).as_posix() for found in parts.values() for each in found]
    for name in pages:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        page(name, set(pages), source / name)
    for name, text in reference().items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "notebooks" / "images", source / "notebooks" / "images")
    shutil.copytree(HERE, source / "_static")
    (source / "_static" / "form.css").write_text(Form._css, encoding="utf-8")  # noqa: SLF001
    (source / "index.md").write_text(front(set(pages)), encoding="utf-8")
    chapters = {title: [each.relative_to(ROOT).as_posix() for each in found] for title, found in parts.items()}
    chapters["The library"] = list(reference())
    toc = [{"caption": title, "chapters": [{"file": name} for name in names]} for title, names in chapters.items()]
    write_json(source / "_toc.yml", {"format": "jb-book", "root": "index", "parts": toc})
    write_json(source / "_config.yml", CONFIG)
    said = run(programs / "jupyter-book", "build", "--all", source)
    if warnings := [line for line in said.splitlines() if "WARNING" in line or "ERROR" in line]:
        raise SiteError("the book has warnings:\n" + "\n".join(warnings))
    built = source / "_build" / "html"
    slim(built)
    for path in built.rglob("*.html"):
        text = THEBE.sub("", path.read_text(encoding="utf-8"))
        text = re.sub(r'(href="[^":?]*)\.ipynb(["#])', r"\1.html\2", text)  # of what a notebook's code wrote
        path.write_text(text, encoding="utf-8")
    shutil.copytree(built, output, dirs_exist_ok=True)


def slim(built: Path) -> None:
    """Take away what no page asks for: the theme brings two thousand icons as a script, of which pages show a dozen."""
    without(built, UNUSED)
    shutil.rmtree(built / "_static" / "locales")
    icons, scripts = built / "_static" / "scripts" / "fontawesome.js", (built / "_static").rglob("*.js")
    pages = [path.read_text(encoding="utf-8") for path in (*built.rglob("*.html"), *scripts) if path != icons]
    shown = {name for text in pages for name in re.findall(r"fa-([a-z][a-z0-9-]*)", text)}
    text = icons.read_text(encoding="utf-8")
    text = ICON.sub(lambda found: found[0] if found[1].strip('"') in shown else "", text)
    icons.write_text(text, encoding="utf-8")


def front(pages: set[str]) -> str:
    """Return the first page: the README as far as it is for a reader."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Test")[0]
    text = re.sub(r"^\[!\[.*\n\n", "", text, flags=re.MULTILINE)  # no badges
    text = text.replace("# marginlib", "# Margin: cross and isolated", 1)
    text = re.sub(r" `OWNER` is the account[^.]*\.\n\n(\[\w+\]: .*\n)+", "\n", text)
    start = "notebooks/00_start_here"  # who reads this is here already: both links lead on
    text = text.replace("[Read it][read]**, a book whose figures move", f"[Read on]({start}.ipynb)**, the figures move")
    text = text.replace("[run it][run]", f'<a href="run/lab/index.html?path={start}.ipynb">run it</a>')
    return links(text, "README.md", pages)


def page(name: str, pages: set[str], target: Path) -> None:
    """Write one page's source."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if not name.endswith(".ipynb"):
        target.write_text(links(text, name, pages), encoding="utf-8")
        return
    notebook = nbformat.reads(text, as_version=4)
    figures = cards(notebook)
    notebook, resources = LiveFigures(enabled=True)(notebook, {})
    notebook.cells = [each for cell in notebook.cells for each in anchored(cell, pages, name)]
    back = relpath(".", Path(name).parent)
    address = f"{back}/run/lab/index.html?path={name}"
    run_link = f'<a class="marginlib-run" href="{address}">Run this page: Python in your browser</a>'
    first, line, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f"{first}\n\n{run_link}\n{line}{rest}"
    live = json.loads(resources["live_figures"] or '{"sources": [], "figures": {}}')
    if figures or live["figures"]:
        live["sources"] = live["sources"] or [{"esm": ExplorerPanel._esm, "css": ExplorerPanel._css}]  # noqa: SLF001
        live["figures"] |= figures
        state = json.dumps(live).replace("</", "<\\/")
        script = f'<script type="application/json" id="live-figures">{state}</script>'
        script += f'<script type="module">{resources["live_figures_script"]}</script>'
        output = nbformat.v4.new_output("display_data", {"text/html": script})
        notebook.cells.append(nbformat.v4.new_code_cell("pass", metadata={"tags": ["remove-input"]}, outputs=[output]))
    nbformat.write(notebook, target)


def anchored(cell: Any, pages: set[str], name: str) -> list[Any]:  # noqa: ANN401
    """Return a cell with its links, after a place that links from elsewhere lead to."""
    if cell.cell_type == "markdown":
        cell.source = links(cell.source, name, pages)
    if f"#cell-id={cell.id})" not in _everything():
        return [cell]
    anchor = f'<a id="cell-id={cell.id}"></a>'
    if cell.cell_type == "code" or not cell.source.startswith("#"):
        return [nbformat.v4.new_markdown_cell(anchor), cell]
    heading, _, rest = cell.source.partition("\n")
    cell.source = f"{heading}\n\n{anchor}\n{rest}"
    return [cell]


@cache
def _everything() -> str:
    """Return the text of all pages that link into notebooks."""
    found = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("exercises/blank/*.ipynb"), *ROOT.glob("*/*.md")]
    return "".join(each.read_text(encoding="utf-8") for each in found)


def cards(notebook: Any) -> dict[str, Any]:  # noqa: ANN401
    """Put a card that needs no Python into the place of each prediction; return the figures that the cards show."""
    figures = {}
    for cell in notebook.cells:
        if cell.source.startswith(("predict(", "explore(", "static(")):
            cell.metadata["tags"] = ["remove-input"]  # a reader without Python sees what it shows
        if found := re.fullmatch(r'predict\("([\w-]+)"\)', cell.source.strip()):
            name, asked = found[1], question(found[1])
            draw = picture(asked)
            if draw:
                state = draw(...).get_state(["packed", "at"])
                packed = {"path": ["packed"], "data": b64encode(state.pop("packed")).decode()}
                figures[f"card-{name}"] = {"source": 0, "state": state, "buffers": [packed]}
            cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": card(name, bool(draw))})]
    return figures


def card(name: str, drawn: bool) -> str:
    """Return a card as HTML."""
    whole = Card(question(name))
    asked = whole.asked()
    fields = (
        f'{whole.question.markup("everybody")}<button type="button" data-press="check">Keep it, then show me</button>'
    )
    fields += '<button type="button" data-press="show">Show me without a prediction</button>'
    result = whole.answered()
    place = f'<div data-said></div><div data-live-figure="card-{name}"></div>' if drawn else "<div data-said></div>"
    result = result.replace("</strong></p>", f"</strong></p>{place}", 1)
    told = escape(json.dumps({"told": said(whole.question)}))
    return (
        f'<div class="marginlib-form tex2jax_ignore mathjax_ignore" data-card="{name}" data-told="{told}">'
        f'<div class="marginlib-ask">{asked}{fields}</div><div role="status" aria-live="polite"></div>{result}</div>'
    )


def said(asked: Any) -> list[tuple[float, float, str]]:  # noqa: ANN401 - a question of either kind
    """Return what is said about each answer that a belief gives: from, to, and the words."""
    if asked.kind == "choice":
        return [(k, k, f"<p>{text_html(asked.judge(k).reason)}</p>") for k in range(len(asked.options))]
    found = []
    for value in (asked.right, *singles(asked.says, asked.tolerance.same).values()):
        near = abs(value or 0) * (asked.tolerance.rel if value == asked.right else 0.01) + asked.tolerance.abs
        centre = -1e300 if value is None else value
        found.append((centre - near, centre + near, f"<p>{text_html(asked.judge(value).reason)}</p>"))
    return found


def links(text: str, name: str, pages: set[str]) -> str:
    """Return a page's text with links that lead somewhere: to a page of the book, a file of the site, or nowhere."""

    def put(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        place = Path(relpath((ROOT / name).parent / target, ROOT)).as_posix()
        if place in pages and anchor.startswith("#cell-id="):
            return f'<a href="{Path(target).with_suffix(".html").as_posix()}{anchor}">{words}</a>'
        if place in pages:
            return found[0]
        if place.startswith("exercises/") and place.endswith(".ipynb"):
            return f'<a href="{relpath(".", Path(name).parent)}/run/lab/index.html?path={place}">{words}</a>'
        return words

    text = text.replace("OWNER", OWNER)
    return re.sub(r"(?<!!)\[([^\]\n]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)", put, text)
