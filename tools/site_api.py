"""The library's reference as pages of the book: what each room offers, in the words of its docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from textwrap import dedent

# Rooms that a learner or a teacher types, in the order of the map in CONTRIBUTING.md.
ROOMS = (
    "marginlib",
    "marginlib.market",
    "marginlib.odds",
    "marginlib.drawing",
    "marginlib.practice",
    "marginlib.tables",
)
SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Attributes|Examples?):$\n((?:^(?: .*)?\n?)*)", re.MULTILINE)
FIELD = re.compile(r"^(\*{0,2}[A-Za-z_][\w., *]*): (.*)$")


def pages() -> dict[str, str]:
    """Return the pages by their names, `reference/ROOM.md`."""
    return {f"reference/{name.rpartition('.')[2]}.md": page(name) for name in ROOMS}


def page(name: str) -> str:
    """Return one room's page: what the room is, then its names by the alphabet."""
    room = importlib.import_module(name)
    found = [(each, getattr(room, each)) for each in sorted(room.__all__, key=str.casefold)]
    told = [entry(each, value) for each, value in found if inspect.isroutine(value) or inspect.isclass(value)]
    return "\n\n".join([f"# {name}", markdown(inspect.getdoc(room) or ""), *told]) + "\n"


def entry(name: str, value: object) -> str:
    """Return what stands on a page for one function or class: how it is called, and its docstring."""
    try:
        called = str(inspect.signature(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        called = ""
    called = re.sub(r"(: |-> )'([^']*)'", r"\1\2", called)
    called = called.removesuffix(" -> None") if inspect.isclass(value) else called
    if len(called) > 80:  # noqa: PLR2004
        called = (
            re.sub(r", (?=\*?\w+[:,=]|\*, |/, )", ",\n    ", called)
            .replace("(", "(\n    ", 1)
            .replace(") ->", "\n) ->")
        )
    kind = "class " if inspect.isclass(value) else ""
    methods = [
        entry(f"{name}.{each}", member)
        for each, member in (vars(value).items() if inspect.isclass(value) else ())
        if not each.startswith("_") and inspect.isfunction(member) and member.__doc__
    ]
    level = "###" if "." in name else "##"
    return "\n\n".join(
        [f"{level} {name}", f"```python\n{kind}{name}{called}\n```", markdown(inspect.getdoc(value) or ""), *methods]
    )


def markdown(text: str) -> str:
    """Return a docstring as Markdown: fields as a list, examples as code."""

    def section(found: re.Match[str]) -> str:
        title, body = found[1], dedent(found[2]).strip()
        if title.startswith("Example"):
            return f"```pycon\n{body}\n```\n\n"
        lines = [FIELD.sub(r"- `\1`: \2", line) for line in body.splitlines()]
        return f"**{'Arguments' if title == 'Args' else title}**\n\n" + "\n".join(lines) + "\n\n"

    return SECTION.sub(section, text + "\n").strip()
