"""Answers that are nearly the same: a list of whom to talk to, and never a verdict.

An answer is read in three ways, each blind to more than the one before: its letters, without blanks and comments; its
lines, whatever its names are called and in whatever order they stand; and what its result is made of, whatever has a
line, a name or a helper of its own. The task's short formulas have few ways to be written, so what two share counts by
how rare it is: as many bits as halvings lead from the whole class to those who have it. Two are named when they share
so many bits that hardly an honest class has such a pair.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import combinations
from math import log2
from pathlib import Path

from marginlib.course.tasks import task
from marginlib.grading.jobs import submission
from marginlib.grading.sheet import SURE, Ungradable, parse, read_bytes
from marginlib.grading.verdict import Result

Forms = tuple[str, ...]  # of one answer: its letters, its lines, its result

# As tests/long/alike.py has measured it.
HONEST = "of 1,000 simulated honest classes of 30, none had such a pair, and 6 somebody with a public sheet"
SPARE = 16.5  # bits beyond those that single out one pair, or one student, of the class
COMMON = 1 / 4  # what more than so many of the class share is the usual way
_WORTH = (3.0, 1.0, 0.0)  # bits of sharing a public sheet's letters, its lines, or its result alone
_PUBLIC = ("worked", "half")  # folders of the sheets that everybody has
_LONGEST, _MOST_STEPS, _DEEPEST = 5_000, 20_000, 4  # letters, pieces, and helpers within helpers that are read


def fingerprints(content: bytes, set_id: str) -> dict[str, Forms]:
    """Return the forms of each answer in code of a notebook: task -> digests.

    Example:
        >>> fingerprints(b"{}", "sizing")
        {}
    """
    with suppress(Ungradable):
        sheet = parse(content, set_id)
        return {
            each: forms(source, task(each).answer)
            for each, source in sheet.answers.items()
            if each not in sheet.untouched and task(each).kind != "explain"
        }
    return {}


def forms(source: str, name: str) -> Forms:
    r"""Return digests of an answer whose result has a name: of its letters, its lines and its result.

    What is too long, or no Python, has its letters alone.

    Example:
        >>> short, long = "answer_1 = 2 * numbers['x']", "half = numbers['x']\nanswer_1 = half * 2  # twice"
        >>> [a == b for a, b in zip(forms(short, "answer_1"), forms(long, "answer_1"), strict=True)]
        [False, False, True]
    """
    source = SURE.sub("", source)
    code = "".join(line.partition("#")[0] for line in source.splitlines())
    letters = _digest(re.sub(r"\s+", "", code))
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        if len(source) <= _LONGEST:
            reading = _Reading()
            known: dict[str, str] = {}
            reading.block(ast.parse(source).body, known)
            result = reading.helper(name, []) if name in reading.helpers else known.get(name, "")
            return letters, _digest(*sorted(reading.lines), result), result
    return (letters,)


def _digest(*parts: str) -> str:
    """Return a short name of some parts."""
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class _Reading:
    """What a cell computes, name by name, as digests; nothing is run."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.helpers: dict[str, ast.FunctionDef | ast.Lambda] = {}
        self._steps, self._depth = 0, 0

    def block(self, body: Sequence[ast.stmt], known: dict[str, str]) -> str:
        """Read statements, in order, with what is known of names; return a digest of what they return."""
        returned = ""
        for node in body:
            match node:
                case ast.FunctionDef():
                    self.helpers[node.name] = node
                    self.helper(node.name, [], known)
                case ast.Assign(targets=targets, value=value):
                    self._assign(targets[0], value, known)
                case ast.AugAssign(target=target, op=op, value=value):
                    self._assign(target, ast.BinOp(left=target, op=op, right=value), known)
                case ast.Return(value=value):
                    said = self.of(value, known) if value else "None"
                    returned = _digest(returned, said) if returned else said
                case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Import() | ast.ImportFrom():
                    pass
                case _:
                    returned = self._compound(node, known, returned)
        return returned

    def _assign(self, target: ast.expr, value: ast.expr, known: dict[str, str]) -> None:
        """Read one assignment; several at once are as many."""
        match target, value:
            case ast.Name(id=name), ast.Lambda():
                self.helpers[name] = value
            case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
                for each, made in zip(names, [self.of(part, known) for part in values], strict=True):
                    self._bind(each, made, known)
            case _:
                self._bind(target, self.of(value, known), known)

    def _compound(self, node: ast.stmt, known: dict[str, str], returned: str) -> str:
        """Read a branch, a loop or whatever else holds statements."""
        if isinstance(node, ast.For):
            self._bind(node.target, _digest("each", self.of(node.iter, known)), known)
        heads = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        head = _digest(type(node).__name__, *(self.of(each, known) for each in heads))
        for _, part in ast.iter_fields(node):
            if isinstance(part, list) and part and isinstance(part[0], ast.stmt):
                before = dict(known)
                inner = self.block(part, known)
                known |= {name: _digest(head, made) for name, made in known.items() if before.get(name) != made}
                returned = _digest(returned, head, inner) if inner else returned
        return returned

    def _bind(self, target: ast.expr, made: str, known: dict[str, str]) -> None:
        """Let a name, or several, stand for what was made."""
        if isinstance(target, ast.Name):
            known[target.id] = made
            self.lines.append(made)
        else:
            for place, each in enumerate(ast.iter_child_nodes(target)):
                if isinstance(each, ast.expr):
                    self._bind(each, _digest(made, str(place)), known)

    def helper(self, name: str, given: Sequence[str], known: Mapping[str, str] = {}) -> str:
        """Return a digest of what a function of the cell returns; its arguments are what is given, or their places."""
        node = self.helpers[name]
        if self._depth == _DEEPEST:
            return name
        inner = dict(known)
        for place, argument in enumerate(node.args.args):
            inner[argument.arg] = given[place] if place < len(given) else f"argument {place}"
        self._depth += 1
        try:
            return self.of(node.body, inner) if isinstance(node, ast.Lambda) else self.block(node.body, inner)
        finally:
            self._depth -= 1

    def of(self, node: ast.AST, known: dict[str, str]) -> str:
        """Return a digest of an expression: the same where it has the same meaning, as far as that is seen at once."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise ValueError("more pieces than are read")
        match node:
            case ast.Name(id=name):
                return known.get(name, name)
            case ast.Constant(value=value):
                return repr(value)
            case ast.BinOp(op=ast.Add() | ast.Mult()):
                return _digest(type(node.op).__name__, *sorted((self.of(node.left, known), self.of(node.right, known))))
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in self.helpers:
                return self.helper(name, [self.of(each, known) for each in node.args], known)
            case ast.Lambda(args=arguments):
                known = known | {each.arg: f"argument {place}" for place, each in enumerate(arguments.args)}
        if generators := getattr(node, "generators", None):
            known = dict(known)
            for each in generators:
                self._bind(each.target, _digest("each", self.of(each.iter, known)), known)
        fields = (part if isinstance(part, list) else [part] for _, part in ast.iter_fields(node))
        parts = [each for part in fields for each in part]
        told = (self.of(each, known) if isinstance(each, ast.AST) else str(each) for each in parts)
        return _digest(type(node).__name__, *told)


def alike(root: str | Path, set_id: str, results: Sequence[Result]) -> list[str]:
    """Return a line for each group who share more than chance gives, and for each public sheet that some share."""
    root = Path(root)
    told: dict[str, dict[str, Forms]] = {}
    for result in results:
        with suppress(Ungradable):
            content = read_bytes(submission(root, set_id, result.student), root)
            told[result.student] = fingerprints(content, set_id)
    public = {
        f"the public sheet {folder}/{path.name}": fingerprints(path.read_bytes(), set_id)
        for folder in _PUBLIC
        if (path := root / folder / f"{set_id}.ipynb").is_file()
    }
    return [*of_public(told, public), *groups(told, public)]


def of_public(told: Mapping[str, Mapping[str, Forms]], public: Mapping[str, Mapping[str, Forms]]) -> list[str]:
    """Return a line for each public sheet of which some have more than anybody writes alone."""
    found, enough = dict[str, set[str]](), log2(max(len(told), 2)) + SPARE
    for student, mine in told.items():
        for name, its in public.items():
            if worth(mine, its) > enough:
                found.setdefault(name, set()).add(student)
                break
    return [f"nearly the code of {name}: {', '.join(sorted(who))}" for name, who in found.items()]


def worth(mine: Mapping[str, Forms], its: Mapping[str, Forms]) -> float:
    """Return how much of a public sheet somebody has, in bits."""
    both = [zip(mine[each], its[each], _WORTH, strict=False) for each in mine.keys() & its.keys()]
    return sum(next((bits for one, other, bits in forms_ if one == other), 0.0) for forms_ in both)


def shared(
    told: Mapping[str, Mapping[str, Forms]], public: Mapping[str, Mapping[str, Forms]] = {}
) -> dict[tuple[str, str], dict[str, float]]:
    """Return how rare it is what two students share: (one, other) -> task -> bits, from student -> task -> forms."""
    count = max(len(told), 2)
    known = {(each, at, form) for its in public.values() for each, said in its.items() for at, form in enumerate(said)}
    holders: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for student, mine in told.items():
        for each, said in mine.items():
            for at, form in enumerate(said):
                holders[each, at, form].append(student)
    bits: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for (each, at, form), who in holders.items():
        if (each, at, form) not in known and 1 < len(who) <= max(2, COMMON * count):
            rare = log2((count - 1) / (len(who) - 1))
            for pair in combinations(who, 2):
                bits[pair][each] = max(rare, bits[pair].get(each, 0.0))
    return bits


def groups(told: Mapping[str, Mapping[str, Forms]], public: Mapping[str, Mapping[str, Forms]] = {}) -> list[str]:
    """Return a line for each group of students of whom each shares more than chance gives with another."""
    enough = log2(max(len(told) * (len(told) - 1) / 2, 1)) + SPARE
    found: list[tuple[set[str], set[str]]] = []
    for two, by_task in shared(told, public).items():
        if sum(by_task.values()) > enough:
            met = [group for group in found if group[0] & {*two}]
            found = [group for group in found if group not in met]
            found.append(({*two}.union(*(who for who, _ in met)), {*by_task}.union(*(where for _, where in met))))
    return [f"nearly the same code in {', '.join(sorted(where))}: {', '.join(sorted(who))}" for who, where in found]
