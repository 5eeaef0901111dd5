"""Measure the house: `python tools/house.py` prints the measures, and fails when one is exceeded.

Rooms are the modules and packages directly under `marginlib/`; an arrow is an import from one room to another. A
function's body is what stands after its docstring. A private function that is called once and has six lines or less
is one that a reader jumps to for nothing.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "marginlib"
# 22,000 for the house as it was before the learner's features, and what those brought: tanks, a path and walls moved by
# hand, an own trade and desk, a guess drawn beside the truth, a finish line, demands of tasks, refusals in plain words;
# an account read from a venue's own export, more rules of venues as data, what grading used to drop; coins behind an
# account, the venues' own risk tables, and each wrong field of an export refused by the venue's name for it;
# beliefs and tasks about what may leave, open orders, coins, netting, position modes and whole-position tiers.
# 2,700 are variants of the tasks, prose and formulas that a graded course asks; 200 read near copies; 190 are the
# task on netting, with its variant, and the prediction of an order that waits; 30 are widgets below each other without
# ipywidgets' controls, closed legs named by their side, and one unit along an axis; 65 draw prices along time.
MOST_LINES = 32_300
# 2,500 for one kind of tiers and one collateral; whole-position tiers, coins as collateral, netting, orders, what may
# leave a pool, prices as venues show them, and more of what `verify` checks came after.
MOST_ENGINE = 3_115
ENGINE = ("__init__", "errors", "words", "tiers", "model", "margin", "liquidation", "venues", "verify")
SHORT = 6
sys.path.insert(0, str(ROOT))  # this checkout, wherever another one is installed


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function and method."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return function.end_lineno - body[0].lineno + 1 if body and function.end_lineno else 0


def lines(paths: list[Path]) -> int:
    """Return the lines of some files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def called_once(trees: dict[Path, ast.AST]) -> list[str]:
    """Return the short private functions that one place of their own module names."""
    found = []
    for path, tree in trees.items():
        named = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        found += [
            f"{path.relative_to(ROOT).as_posix()}:{function.lineno} {function.name}"
            for function in functions(tree)
            if re.match(r"_[a-z0-9]", function.name)
            and not function.decorator_list  # a property, a validator, a dispatched method: called by its framework
            and named[function.name] == 1
            and function.end_lineno - function.lineno + 1 <= SHORT
        ]
    return found


def rooms_and_arrows() -> tuple[set[str], set[tuple[str, str]]]:
    """Return the rooms, and which imports which."""
    graph = grimp.build_graph("marginlib", include_external_packages=False, cache_dir=None)
    room = {name: name.split(".")[1] for name in graph.modules if "." in name}
    arrows = {
        (room[name], room[other])
        for name in room
        for other in graph.find_modules_directly_imported_by(name)
        if other in room and room[other] != room[name]
    }
    return set(room.values()), arrows


def circle(arrows: set[tuple[str, str]]) -> bool:
    """Return whether the rooms import each other in a circle."""
    left = set(arrows)
    while left:
        free = {pair for pair in left if pair[1] not in {source for source, _ in left}}
        if not free:
            return True
        left -= free
    return False


def main() -> int:
    """Print the measures; return 1 if one is exceeded."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    bodies = sorted(body_length(each) for tree in trees.values() for each in functions(tree))
    once = called_once(trees)
    rooms, arrows = rooms_and_arrows()
    every = [path for ending in ("py", "js", "css") for path in PACKAGE.rglob(f"*.{ending}")]
    measures = [
        ("rooms: modules and packages directly under marginlib/", len(rooms), 20),
        ("import arrows between them", len(arrows), 85),
        ("circles of imports", int(circle(arrows)), 0),
        ("lines of the engine", lines([PACKAGE / f"{name}.py" for name in ENGINE]), MOST_ENGINE),
        ("lines of marginlib/ (py, js, css)", lines(every), MOST_LINES),
        ("body of a function, lines: median", int(statistics.median(bodies)), 5),
        ("body of a function, lines: 90th percentile", bodies[int(0.9 * len(bodies))], 16),
        ("body of a function, lines: longest", bodies[-1], 60),
        (f"private functions called once, {SHORT} lines or less", len(once), 40),
    ]
    for what, now, most in measures:
        print(f"{what:<58}{now:>7,} of at most {most:>6,}{'' if now <= most else '   EXCEEDED'}")
    if "--list" in sys.argv:
        print(*once, sep="\n")
        for path, tree in trees.items():
            for each in functions(tree):
                if body_length(each) > 60:  # noqa: PLR2004 - the limit above
                    print(f"{path.relative_to(ROOT).as_posix()}:{each.lineno} {each.name}: {body_length(each)} lines")
    return int(any(now > most for _, now, most in measures))


if __name__ == "__main__":
    sys.exit(main())
