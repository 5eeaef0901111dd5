"""How often `marginlib grade all` names honest students as alike, and how often it finds who copied.

    python tests/long/alike.py [CLASSES] [SET ...]       1,000 classes of 30, and a tenth as many of 200, if left out

Each class is drawn from as many students of a set as there are classes.

Honest students are simulated: each has habits (how long names are, how much stands in one line, how numbers are
unpacked, which side of a product comes first, comments) and writes each answer alone, from the model solution or from
another right one of `tests/exercises`, some of them with a mistake that many make. Names come from a list that is short
for each thing, the lesson's own first; so honest answers do agree now and then. Who copies takes all answers of another
student of the class, or of the public worked sheet, and changes them as the table says. Ends with 1 where more than
one honest class in fifty has a pair or a public sheet in its list.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from importlib import import_module
from math import log2
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from submissions import solutions

from marginlib.course.tasks import SETS, task, tasks
from marginlib.grading.alike import Forms, forms, groups, of_public, shared, worth

Answers = dict[str, str]
Told = dict[str, list[float]]  # what is counted -> of each class

SYNONYMS = (  # what students call one thing; a name that is in none of these is kept, shortened or numbered
    ("notional", "size", "value", "position", "n", "notional_value", "pos_size"),
    ("equity", "eq", "e", "balance", "account_equity", "total"),
    ("profit", "pnl", "p", "gain", "won", "upnl", "unrealized"),
    ("reserved", "initial", "im", "initial_margin", "margin_used", "locked"),
    ("to_keep", "kept", "maintenance", "mm", "keep", "maint", "maintenance_margin"),
    ("loss", "lost", "l", "down", "losses"),
    ("move", "change", "diff", "delta", "d"),
    ("money", "left", "rest", "collateral", "cash", "wallet_left"),
    ("shortfall", "needed", "missing", "gap", "required"),
    ("without_price", "top", "numerator", "num", "a", "upper"),
    ("with_price", "bottom", "denominator", "den", "b", "lower"),
    ("rate", "mmr", "r", "maint_rate", "mm_rate"),
    ("fall", "drop", "f", "pct", "share"),
    ("result", "res", "out", "ans", "x", "final"),
)
_OF = {name: words for words in SYNONYMS for name in words}


class Habits:
    """How one student writes."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.lesson = chance.betavariate(2, 2)  # how often the lesson's own name is kept
        self.inlines = chance.betavariate(1, 2)  # how often a step has no line of its own
        self.splits = chance.betavariate(1, 4)  # how often a part of a formula gets one
        self.turns = chance.betavariate(1, 4)  # how often the sides of a product or sum are the other way round
        self.shuffles = chance.betavariate(1, 2)  # how often lines that do not need each other change places
        self.unpacks = chance.random() < 0.3  # a line for each number that is given
        self.names_rate = chance.random() < 0.25  # 0.004 gets a name
        self.returns_at_once = chance.random() < 0.4  # no `answer = ...` before `return answer`
        self.other_ways = chance.choice((0.0, 0.1, 0.3))  # how often it is not the model's way
        self.mistakes = chance.betavariate(1, 3)  # how often something is wrong
        self.comments = chance.random() < 0.4


# --- one honest answer ----------------------------------------------------------------------------------------------


@cache
def ways(set_id: str) -> dict[str, list[ast.Module]]:
    """Return the right ways to each task in code, the model solution first."""
    told = import_module(f"exercises.{set_id}")
    module = ast.parse(inspect.getsource(told))
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    table = next(
        node.value for node in module.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OTHERS"
    )
    assert isinstance(table, ast.Dict)
    found = {}
    for each in tasks(set_id):
        if each.kind == "explain":
            continue
        found[each.id] = [ast.parse(solutions(set_id)[each.id])]
        place = [ast.literal_eval(key) for key in table.keys if key].index(each.id)
        for way in getattr(table.values[place], "elts", []):
            call = f"{each.answer} = (WAY)" if each.asks_function else f"{each.answer} = (WAY)(**numbers[{each.id!r}])"
            made = ast.parse(call.replace("WAY", ast.unparse(way)))
            used = {node.id for node in ast.walk(way) if isinstance(node, ast.Name)} & functions.keys()
            made.body[:0] = [functions[name] for name in sorted(used)]
            found[each.id].append(made)
    return found


def body_of(module: ast.Module) -> list[ast.stmt]:
    """Return the statements that lead to the answer: a function's, or the cell's."""
    inner = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    return inner[-1].body if inner else module.body


def read(node: ast.AST) -> Counter[str]:
    """Return the names that something reads, and how often."""
    return Counter(each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load))


def plain_step(node: ast.stmt) -> str:
    """Return the name that a plain step makes, or ""."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


class Puts(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, made: Mapping[str, ast.expr]) -> None:
        self.made = made

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Put one."""
        return deepcopy(self.made[node.id]) if node.id in self.made and isinstance(node.ctx, ast.Load) else node


class Renames(ast.NodeTransformer):
    """Calls things otherwise."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename one."""
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Rename an argument."""
        node.arg = self.names.get(node.arg, node.arg)
        return node


def inlined(body: list[ast.stmt], which: Sequence[str]) -> list[ast.stmt]:
    """Return the statements without the steps of these names, which stand where they were used."""
    for name in which:
        at = next((k for k, node in enumerate(body) if plain_step(node) == name), None)
        if at is None or at == len(body) - 1 or sum(plain_step(node) == name for node in body) > 1:
            continue
        step = body[at]
        assert isinstance(step, ast.Assign)
        if any(isinstance(node, ast.AugAssign) and ast.unparse(node.target) == name for node in body):
            continue
        body = [*body[:at], *(Puts({name: step.value}).visit(node) for node in body[at + 1 :])]
    return body


def turned(node: ast.AST, chance: Random, often: float) -> ast.AST:
    """Turn products, sums and calls of max and min round."""
    for each in ast.walk(node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Add | ast.Mult) and chance.random() < often:
            each.left, each.right = each.right, each.left
        if isinstance(each, ast.Call) and ast.unparse(each.func) in {"max", "min"} and chance.random() < often:
            each.args.reverse()
    return node


def shuffled(body: list[ast.stmt], chance: Random, often: float) -> list[ast.stmt]:
    """Let neighbours that do not need each other change places."""
    for at in range(len(body) - 1):
        one, other = body[at], body[at + 1]
        made, makes = plain_step(one), plain_step(other)
        free = made and makes and made != makes and made not in read(other) and makes not in read(one)
        if free and made != "given" and chance.random() < often:
            body[at], body[at + 1] = other, one
    return body


def split(body: list[ast.stmt], chance: Random, often: float) -> list[ast.stmt]:
    """Give parts of formulas a line of their own."""
    for at, node in reversed(list(enumerate(body))):
        name = plain_step(node)
        if name and isinstance(node.value, ast.BinOp) and chance.random() < often:  # type: ignore[attr-defined]
            side = "left" if isinstance(node.value.left, ast.BinOp) else "right"  # type: ignore[attr-defined]
            part = getattr(node.value, side)  # type: ignore[attr-defined]
            if isinstance(part, ast.BinOp):
                new = chance.choice(("part", "top", "step", "x", "temp", "first", "numerator"))
                setattr(node.value, side, ast.Name(new, ast.Load()))  # type: ignore[attr-defined]
                body.insert(at, ast.Assign([ast.Name(new, ast.Store())], part))
    return body


def mistaken(body: list[ast.stmt], chance: Random) -> None:
    """Make one of the mistakes that are made: a sign, a part left out, another number."""
    sums = [each for node in body for each in ast.walk(node) if isinstance(each, ast.BinOp)]
    if sums:
        node = chance.choice(sums[:3])
        if isinstance(node.op, ast.Add | ast.Sub):
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        else:
            node.op = ast.Mult() if isinstance(node.op, ast.Div) else ast.Div()


def called(name: str, habits: Habits) -> str:
    """Return what a student calls a thing that the lesson calls so."""
    chance = habits.chance
    if chance.random() < habits.lesson:
        return name
    words = _OF.get(name)
    if words:
        return chance.choices(words, [1 / k for k in range(1, len(words) + 1)])[0]
    return chance.choice((name, name[0], name[:3], f"my_{name}", f"{name}1", name.upper()))


def honest(task_id: str, habits: Habits) -> str:
    """Return an answer cell as one student writes it."""
    asked, chance = task(task_id), habits.chance
    known = ways(asked.set)[task_id]
    other = len(known) > 1 and chance.random() < habits.other_ways
    module = deepcopy(chance.choice(known[1:]) if other else known[0])
    body = body_of(module)
    steps = [name for name in map(plain_step, body[:-1]) if name and name not in {"given", asked.answer}]
    new = inlined(body, [name for name in steps if chance.random() < habits.inlines])
    if habits.returns_at_once and isinstance(new[-1], ast.Return):
        new = inlined(new, ["answer"])
    new = split(new, chance, habits.splits)
    new = [turned(node, chance, habits.turns) for node in shuffled(new, chance, habits.shuffles)]  # type: ignore[misc]
    if chance.random() < habits.mistakes * 0.6:
        mistaken(new, chance)
    if asked.asks_function and habits.names_rate:
        new = named_rate(new)
    body[:] = new
    if not asked.asks_function and habits.unpacks and not other:
        module.body = unpacked(module.body, task_id, chance)
    mine = {name for node in ast.walk(module) if (name := plain_step(node))} - {"given", asked.answer}  # type: ignore[arg-type]
    renamed = Renames({name: called(name, habits) for name in sorted(mine)}).visit(module)
    return commented(ast.unparse(ast.fix_missing_locations(renamed)), habits)


def named_rate(body: list[ast.stmt]) -> list[ast.stmt]:
    """Give 0.004 a name."""

    class Names(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            return ast.Name("rate", ast.Load()) if node.value == 0.004 else node

    new = [Names().visit(node) for node in body]
    used = any("rate" in read(node) for node in new)
    return [ast.Assign([ast.Name("rate", ast.Store())], ast.Constant(0.004)), *new] if used else new


def unpacked(body: list[ast.stmt], task_id: str, chance: Random) -> list[ast.stmt]:
    """Give each number that is used a line of its own, in the order of the sheet or of their use."""
    used = dict.fromkeys(
        node.slice.value
        for each in body
        for node in ast.walk(each)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) == "given"
    )
    names = sorted(used) if chance.random() < 0.3 else list(used)
    taken = {name for each in body for name in read(each)}
    names = [name for name in names if isinstance(name, str) and name.isidentifier() and name not in taken]

    class Unpacks(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            fits = ast.unparse(node.value) == "given" and key in names
            return ast.Name(str(key), ast.Load()) if fits else self.generic_visit(node)

    lines = [ast.parse(f"{name} = given[{name!r}]").body[0] for name in names]
    head = ast.parse(f"given = numbers[{task_id!r}]").body
    return [*head, *lines, *(Unpacks().visit(node) for node in body if plain_step(node) != "given")]


def commented(code: str, habits: Habits) -> str:
    """Return code with remarks in it, where a student makes any."""
    lines = code.splitlines()
    if habits.comments:
        lines = [f"{line}  # step {k}" if habits.chance.random() < 0.3 else line for k, line in enumerate(lines)]
    return "\n".join(lines)


def student(set_id: str, seed: str) -> Answers:
    """Return the answers of one honest student; the same seed gives the same again."""
    habits = Habits(Random(seed))
    asked = [each.id for each in tasks(set_id) if each.kind != "explain"]
    return {each: honest(each, habits) for each in asked if habits.chance.random() < 0.95}


# --- who copies -----------------------------------------------------------------------------------------------------


def copied(answers: Answers, how: str, chance: Random) -> Answers:
    """Return somebody's answers as one hands them in who took them: as they are, or changed."""
    made = {}
    for each, code in answers.items():
        module = ast.parse(code)
        body = body_of(module)
        if how in {"lines in another order", "all of these"}:
            body[:] = shuffled(body, chance, 1.0)
        if how in {"a step written into its place", "all of these"}:
            steps = [name for name in map(plain_step, body[:-1]) if name and name != "given"]
            body[:] = inlined(body, steps[-1:])
        if how in {"other names", "all of these"}:
            keep = {"given", task(each).answer}
            mine = sorted({name for node in ast.walk(module) if (name := plain_step(node))} - keep)  # type: ignore[arg-type]
            Renames({name: f"v{k}_{chance.randrange(100)}" for k, name in enumerate(mine)}).visit(module)
        code_ = ast.unparse(ast.fix_missing_locations(module))
        made[each] = code if how == "nothing" else code_ + "\n# my own work"
    return made


HOWS = (
    "nothing",
    "comments",
    "other names",
    "lines in another order",
    "a step written into its place",
    "all of these",
)


@cache
def read_forms(source: str, name: str) -> Forms:
    """Return an answer's forms; the same answer comes often."""
    return forms(source, name)


def formed(answers: Answers) -> dict[str, Forms]:
    """Return the forms of somebody's answers."""
    return {each: read_forms(code, task(each).answer) for each, code in answers.items()}


def simulate(set_id: str, classes: int, size: int, pool: Sequence[Answers], told: Told) -> None:
    """Try some honest classes, drawn from the pool, and some of them with somebody in them who copies."""
    worked = {each: ast.unparse(known[0]) for each, known in ways(set_id).items()}
    model = formed(worked)
    public, mine = {"the worked sheet": model}, [formed(each) for each in pool]
    for number in range(classes):
        chance = Random(f"{set_id} {number} of {size}")
        drawn = chance.sample(range(len(pool)), size)
        class_ = {f"s{k}": mine[place] for k, place in enumerate(drawn)}
        told["honest: a pair"].append(bool(groups(class_, public)))
        told["honest: the public sheet"].append(bool(of_public(class_, public)))
        best = max((sum(each.values()) for each in shared(class_, public).values()), default=0.0)
        told["bits of a pair"].append(best - log2(size * (size - 1) / 2))
        told["bits of the sheet"].append(max(worth(each, model) for each in class_.values()) - log2(size))
        for how in HOWS if number % 10 == 0 else ():
            lines = groups(class_ | {"s1": formed(copied(pool[drawn[0]], how, chance))}, public)
            caught = any({"s0", "s1"} <= {*line.partition(": ")[2].split(", ")} for line in lines)
            told[f"copied, changed: {how}"].append(caught)
            lines = of_public(class_ | {"s1": formed(copied(worked, how, chance))}, public)
            told[f"from the public sheet, changed: {how}"].append(any("s1" in line for line in lines))


def main() -> int:
    """Print the table; return 0 when honest classes are left alone."""
    words = sys.argv[1:]
    classes = int(words.pop(0)) if words and words[0].isdigit() else 1_000
    sets = words or list(SETS)
    pools = {each: [student(each, f"{each} {k} of {classes}") for k in range(max(250, classes))] for each in sets}
    failed = False
    for size, count in ((30, classes), (200, classes // 10)):
        told: Told = defaultdict(list)
        for k, set_id in enumerate(sets):
            simulate(set_id, len(range(k, count, len(sets))), size, pools[set_id], told)
        print(f"classes of {size}")
        for what, all_ in told.items():
            if what.startswith("bits"):
                largest = ", ".join(f"{each:.1f}" for each in sorted(all_, reverse=True)[: max(3, len(all_) // 50)])
                print(f"  {what}, the largest: {largest}")
                continue
            print(f"  {what:60} {sum(all_):5g} of {len(all_):5}")
            failed |= what.startswith("honest") and sum(all_) > len(all_) / 50
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
