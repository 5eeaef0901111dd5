"""Mutation testing: change the library in one place after another, and see whether its own tests notice.

    pip install cosmic-ray
    python tests/long/mutants.py engine                          all modules of a room, as mutants.toml lists them
    python tests/long/mutants.py engine liquidation tiers        some of them
    python tests/long/mutants.py market --list                   what has survived so far

The operators are cosmic-ray's, and three of our own. Tests run in a forked process whose import of one module gives the
mutant, so no file is changed: those tests that reach the changed line, the module's own and the quickest first; all of
them, where the line runs as modules are imported or what it gives is cached. What has been killed is kept in .mutants/
and not tried again while module and mutant stay the same (`--again` tries everything). The order is drawn once: a run
that is stopped (Ctrl+C prints its table) has tried a random sample, and the next goes on there. A survivor that no test
could notice is named in mutants.toml with its reason.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib.util
import inspect
import json
import os
import re
import resource
import signal
import sys
import tomllib
import warnings
from collections import Counter
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
from math import inf
from pathlib import Path
from random import Random
from time import process_time
from typing import NamedTuple

import coverage
import hypothesis.strategies  # noqa: F401 - what tests import is loaded once, so that no child has to
import nbval.plugin  # noqa: F401 - two seconds
import pandas as pd  # noqa: F401
import parso
import pytest
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".mutants"
PLAIN = [
    "-o",
    "addopts=",
    "-q",
    "-x",
    "--no-header",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:unraisableexception",
]
# Left out, for they would flatter the score or say nothing: what raises at once on any float or None, what is killed by
# whatever kills its neighbours, and `==` for `is`, which is the same for None and the members of an Enum.
TRIVIAL = re.compile(
    "Shift|BitAnd|BitOr|BitXor|Binary.*_(FloorDiv|Mod|Pow)$"
    "|Comparison.*_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)$|Comparison.*_(Is|IsNot)_(Eq|NotEq|Lt|LtE|Gt|GtE)$"
)
MEMORY = 4 << 30


class DropOperand(Operator):
    """`a * b` becomes `a`, and `b`."""

    def mutation_positions(self, node):
        if node.type in {"arith_expr", "term"}:
            for operand in node.children[::2]:
                yield operand.start_pos, operand.end_pos

    def mutate(self, node, index):
        first = 2 * index
        del node.children[slice(0, 2) if first == 0 else slice(first - 1, first + 1)]
        return node

    @classmethod
    def examples(cls):
        return ()


class DropStatement(Operator):
    """A call whose result nobody uses, or a refusal, is left out."""

    def mutation_positions(self, node):
        if node.type == "raise_stmt" or (node.type == "atom_expr" and node.parent.type == "simple_stmt"):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        assert index == 0
        return parso.python.tree.Keyword("pass", node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls):
        return ()


class SwapMinMax(Operator):
    """`min` becomes `max`, and `max` becomes `min`."""

    def mutation_positions(self, node):
        if node.type == "name" and node.value in {"min", "max"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        assert index == 0
        node.value = {"min": "max", "max": "min"}[node.value]
        return node

    @classmethod
    def examples(cls):
        return ()


class Mutant(NamedTuple):
    """One changed place of a module."""

    module: str
    operator: str
    line: int
    column: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """What tells it from all others, whatever moves above it; the column tells two of a line apart."""
        return json.dumps([self.module, self.operator, self.column, self.before, self.after])


def path_of(module: str) -> Path:
    """Return the file of a module, named as below marginlib/: `tiers`, `market/replay`."""
    return ROOT / "marginlib" / f"{module}.py"


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where a module's annotations begin and end: nothing of them is run."""
    nodes = list(ast.walk(ast.parse(source)))
    marked = [getattr(node, part, None) for node in nodes for part in ("annotation", "returns")]
    return [((it.lineno, it.col_offset), (it.end_lineno, it.end_col_offset)) for it in marked if it is not None]


def mutants_of(module: str) -> list[Mutant]:
    """Return every mutant of a module that can be compiled; kept, for making them takes a while."""
    source = path_of(module).read_text(encoding="utf-8")
    warnings.simplefilter("ignore", SyntaxWarning)  # `is` with a number
    original = ast.dump(ast.parse(source))
    unread, tree, old = annotations(source), parso.parse(source), source.splitlines()
    theirs = [name for name in operator_names() if not TRIVIAL.search(name)]
    operators = {name.rpartition("/")[2]: get_operator(name) for name in theirs}
    operators |= {each.__name__: each for each in (DropOperand, DropStatement, SwapMinMax)}
    how = inspect.getsource(mutants_of) + TRIVIAL.pattern + " ".join(operators)
    print_of = sha256((source + how).encode()).hexdigest()[:12]
    kept = KEPT / f"{module.replace('/', '.')}.{print_of}"
    if kept.exists():
        return [Mutant(*each) for each in json.loads(kept.read_text(encoding="utf-8"))]
    found = []
    for name, kind in operators.items():
        if kind.arguments():
            continue
        spots = [(node, spot) for node in ast_nodes(tree) for spot in kind().mutation_positions(node)]
        for occurrence, (node, ((line, column), _)) in enumerate(spots):
            star = (
                node.parent is not None and node.parent.type == "parameters"
            )  # in `def f(a, *, b)` it multiplies nothing
            if star or any(start <= (line, column) < end for start, end in unread):
                continue
            try:
                mutated = mutate_code(source, kind(), occurrence)
                compile(mutated or "?", module, "exec")
            except (SyntaxError, AttributeError):  # the second where `except` names a class with a dot
                continue
            if name == "NumberReplacer" and ast.dump(ast.parse(mutated)) == original:  # 1e300 + 1 is 1e300
                continue
            new = mutated.splitlines()
            same = next(k for k in range(len(old)) if k >= len(new) or old[k] != new[k])
            tail = next(k for k in range(1, len(old)) if old[-k] != new[-k])
            before = "\n".join(each.strip() for each in old[same : len(old) - tail + 1])
            after = "\n".join(each.strip() for each in new[same : len(new) - tail + 1])
            found.append(Mutant(module, name, line, column, before, after, mutated))
    KEPT.mkdir(exist_ok=True)
    kept.write_text(json.dumps(found), encoding="utf-8")
    return found


class _Finder(MetaPathFinder):
    """Give the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.mutant = "marginlib." + mutant.module.replace("/", "."), mutant
        self.name = self.name.removesuffix(".__init__")

    def find_spec(self, fullname, *_):
        if fullname != self.name:
            return None
        file, code = str(path_of(self.mutant.module)), self.mutant.source

        class Loader(SourceFileLoader):
            def get_code(self, *_):
                return compile(code, file, "exec", dont_inherit=True)

        return importlib.util.spec_from_file_location(fullname, file, loader=Loader(fullname, file))


class Contexts:
    """Tell coverage which test is running, and keep how long each takes."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured, self.seconds = measured, {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.measured.switch_context(item.nodeid)
        start = process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = process_time() - start
            self.measured.switch_context("")


def forked(work, seconds: float) -> int:
    """Return the exit code of `work()` in a process of its own, with so many seconds of the processor; -1: too long."""
    sys.stdout.flush()
    gc.freeze()
    child = os.fork()
    if not child:
        code = 99
        try:
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            code = int(work())
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return -1 if status in {-signal.SIGXCPU, -signal.SIGKILL} else status


def reach(room: str, tests: list[str]) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
    """Return which tests reach each line of each file, and how long each test takes."""
    KEPT.mkdir(exist_ok=True)
    answer = KEPT / f"{room}.reach.json"

    def measure() -> int:
        measured = coverage.Coverage(data_file=None, source_pkgs=["marginlib"], config_file=False)
        plugin = Contexts(measured)
        measured.start()
        code = pytest.main([*PLAIN, *tests], plugins=[plugin])
        measured.stop()
        data = measured.get_data()
        lines = {file: data.contexts_by_lineno(file) for file in data.measured_files()}
        answer.write_text(json.dumps([lines, plugin.seconds]), encoding="utf-8")
        return int(code)

    if forked(measure, 3600):
        sys.exit("the tests fail as they are")
    lines, seconds = json.loads(answer.read_text(encoding="utf-8"))
    return {file: {int(line): ids for line, ids in each.items()} for file, each in lines.items()}, seconds


def statement(tree: ast.AST, line: int) -> range:
    """Return the lines of the innermost statement around a line; of a compound one, its head."""
    best = range(line, line + 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno
            here = range(node.lineno, max(last or line, node.lineno) + 1)
            if line in here:
                best = here
    return best


def cached(tree: ast.AST, line: int) -> bool:
    """Return whether a line stands in a function that runs once for many tests."""
    return any(
        isinstance(node, ast.FunctionDef)
        and node.lineno <= line <= (node.end_lineno or line)
        and any("cache" in ast.unparse(each) for each in node.decorator_list)
        for node in ast.walk(tree)
    )


def outcome(
    mutant: Mutant, tests: list[str], lines: dict[int, list[str]], seconds: dict[str, float], longest: float
) -> str:
    """Return "killed", "too long" or "survived"."""

    def ask(asked: list[str]) -> int:
        def work() -> int:
            sys.meta_path.insert(0, _Finder(mutant))
            return pytest.main([*PLAIN, *asked])

        usual = sum(seconds[test] for test in asked if test in seconds) or sum(seconds.values())
        return forked(work, 20 + 3 * usual)  # a busy machine takes longer, and that kills nothing

    tree = ast.parse(path_of(mutant.module).read_text(encoding="utf-8"))
    near = {test for line in statement(tree, mutant.line) for test in lines.get(line, ())}
    chosen = sorted(near - {""}, key=lambda test: seconds.get(test, 0.0))
    chosen = [test for test in chosen if seconds.get(test, 0.0) <= longest]
    own = [test for test in chosen if f"test_{mutant.module.rpartition('/')[2]}." in test]
    code = ask(own) if own else 0
    if code == 0 and len(own) < len(chosen):
        code = ask([test for test in chosen if test not in own])
    everywhere = "" in near or cached(tree, mutant.line)
    if code in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED} or (code == 0 and everywhere):
        slow = [f"--deselect={test}" for test, took in seconds.items() if took > longest]
        code = ask([*slow, *tests])
    return {0: "survived", -1: "too long"}.get(code, "killed")


def main() -> int:
    """Try the mutants, print the score of each module; 1 where it is below the room's least."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", help="a table of mutants.toml: engine, market")
    parser.add_argument("modules", nargs="*", help="some of the room's modules; left out, all")
    parser.add_argument("--again", action="store_true", help="try what was killed before, too")
    parser.add_argument("--quick", action="store_true", help="leave the tests out that take more than 0.1 s")
    parser.add_argument("--list", action="store_true", help="try nothing; print what is known")
    asked = parser.parse_args()
    with Path(__file__).with_name("mutants.toml").open("rb") as file:
        settings = tomllib.load(file)
    room = settings[asked.room]
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # some take seconds to load, and no test here needs one
    sys.path.insert(0, str(ROOT))
    tests, modules = room["tests"], asked.modules or room["modules"]
    named = settings.get("equivalent", ())
    equivalent = {(each["module"], each["before"], each["after"]) for each in named if each["module"] != "*"}
    anywhere = [(each["before"], each["after"]) for each in named if each["module"] == "*"]
    kept = KEPT / f"{asked.room}.json"
    known: dict[str, str] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    lines, seconds = ({}, {}) if asked.list else reach(asked.room, tests)
    scores: dict[str, Counter[str]] = {module: Counter() for module in modules}
    drawn = [mutant for module in modules for mutant in mutants_of(module)]
    Random("mutants").shuffle(drawn)
    stopped = asked.list
    for mutant in drawn:
        same = any(old in mutant.before and mutant.before.replace(old, new) == mutant.after for old, new in anywhere)
        if same or (mutant.module, mutant.before, mutant.after) in equivalent:
            scores[mutant.module]["equivalent"] += 1
            continue
        result = known.get(mutant.key, "not tried")
        if not stopped and (asked.again or result in {"survived", "not tried"}):
            try:
                reached = lines.get(str(path_of(mutant.module)), {})
                result = outcome(mutant, tests, reached, seconds, 0.1 if asked.quick else inf)
            except KeyboardInterrupt:
                stopped = True
            else:
                known[mutant.key] = result
                kept.write_text(json.dumps(known), encoding="utf-8")
        scores[mutant.module][result] += 1
        if result == "survived":
            change = f"{mutant.module}:{mutant.line} {mutant.operator}\n  - {mutant.before}\n  + {mutant.after}"
            print(change, flush=True)
    print(f"{'module':<20}{'mutants':>8}{'killed':>8}{'too long':>9}{'survived':>9}{'equivalent':>11}{'not tried':>10}")
    for name, score in [*scores.items(), ("all", sum(scores.values(), Counter()))]:
        every, dead = sum(score.values()) - score["not tried"], score["killed"] + score["too long"]
        tried = every - score["equivalent"]
        print(
            f"{name:<20}{sum(score.values()):>8}{score['killed']:>8}{score['too long']:>9}{score['survived']:>9}"
            f"{score['equivalent']:>11}{score['not tried']:>10}{dead / every if every else 1:>9.1%} of all tried,"
            f" {dead / tried if tried else 1:.1%} without the equivalent ones"
        )
    return int(dead < room["least"] * tried)


if __name__ == "__main__":
    sys.exit(main())
