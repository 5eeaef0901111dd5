"""Rules of the whole project: what imports what, what an import costs, what is documented."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path

import pytest

import marginlib

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["numpy", "pandas", "scipy", "numba", "matplotlib", "ipywidgets", "IPython"]
ENGINE = ["errors", "words", "tiers", "model", "margin", "liquidation", "venues", "verify"]
# What a room offers stands in its __init__; its modules are its own business.
ROOMS = ["marginlib", *(each.name for each in pkgutil.iter_modules(marginlib.__path__[:1], "marginlib."))]


def run(
    arguments: list[str], *, python: Path = Path(sys.executable), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python on the arguments with nothing but these variables, so that no setting of this shell helps."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "HOME") if name in os.environ}
    return subprocess.run(  # noqa: S603
        [str(python), *arguments], cwd=ROOT, env=kept | variables, capture_output=True, text=True, check=False
    )


# --- imports --------------------------------------------------------------------------------------------------------


def test_each_module_imports_only_from_those_below_it() -> None:
    pytest.importorskip("importlinter")
    # The program behind `lint-imports`, whose place on the disk differs between systems.
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = run(["-c", program, "--no-cache"], PYTHONPATH=str(ROOT), PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def imports() -> dict[str, set[str]]:
    """Return what each room imports: rooms, and what does not come with Python."""
    pytest.importorskip("grimp")
    import grimp  # noqa: PLC0415 - a tool of maintainers

    graph = grimp.build_graph("marginlib", include_external_packages=True, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        parts = module.split(".")
        if parts[0] == "marginlib" and len(parts) > 1:
            others = (each.split(".") for each in graph.find_modules_directly_imported_by(module))
            names = {other[1] if other[0] == "marginlib" else other[0] for other in others if other != ["marginlib"]}
            found.setdefault(parts[1], set()).update(names - sys.stdlib_module_names - {parts[1]})
    return found


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_map_shows_every_room_and_each_imports_only_from_lines_below_its_own() -> None:
    (drawn,) = re.findall(r"<!-- map -->\n```\n(.*?)```", CONTRIBUTING, re.DOTALL)
    line = {room: number for number, text in enumerate(drawn.splitlines()) for room in text.split()}
    found = imports()
    assert set(line) == set(found)
    upwards = [(room, other) for room in found for other in found[room] & set(found) if line[other] <= line[room]]
    assert upwards == []


def test_the_map_names_what_each_room_imports_from_outside() -> None:
    rows = re.findall(r"^\| (`.*?`) \| .*? \| (.*?) ?\|$", CONTRIBUTING, re.MULTILINE)
    named = {room: set(outside.split(", ")) - {""} for rooms, outside in rows for room in re.findall(r"`(\w+)`", rooms)}
    found = imports()
    assert named == {room: names - set(found) for room, names in found.items()}


@pytest.mark.parametrize("module", ["marginlib", *(f"marginlib.{each}" for each in [*ENGINE, "__main__"])])
def test_the_engine_imports_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = run(["-c", program], PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


TOUR = """
import importlib.util
from marginlib import *

assert importlib.util.find_spec("numpy") is None
assert ("okx", "2021-07-25") in rulebooks()
rules = rulebook("binance_usdm", "2026-09-29")
btc = rules.position("BTCUSDT", 0.1, 60_000, leverage=10)
eth = rules.position("ETHUSDT", -2, 3_000, mark_price=3_100, leverage=5)
account = Account(wallet_balance=10_000, positions=(btc.isolated(), eth))
account = remove_isolated_margin(add_isolated_margin(account, "BTCUSDT", 300), "BTCUSDT", 100)
shared, apart = account.at({"BTCUSDT": 59_000}).pools()
assert rules.health(risk(shared)) is Health.HEALTHY
assert 52_000 < liquidation_price(apart, "BTCUSDT") < 53_000
assert bankruptcy_price(apart, "BTCUSDT") == 52_000
assert liquidation_prices(shared)["ETHUSDT"] > 3_100
assert lone_liquidation_price(800, 0.1, 60_000, RiskSchedule.flat(0.004)) < 60_000
assert common_shock(shared).rise > 0
assert close_out(apart, clearance_fee_rate=0.0125).fee > 0
assert available_balance(account) > max_removable_margin(account.positions[0])
assert max_addable_margin(account) > 0
assert account_risk(account).equity == 9_800
coin = Position(symbol="BTCUSD", quantity=100, entry_price=8_000, mark_price=8_000,
                schedule=RiskSchedule(tiers=(RiskTier(notional_floor=0, maintenance_margin_rate=0.01),)),
                contract=Contract.INVERSE, maintenance_basis=MaintenanceBasis.ENTRY)
assert liquidation_price(Pool(collateral=0.001, positions=(coin,)), "BTCUSD") < 8_000
"""


def test_the_engine_works_where_nothing_is_installed(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = tmp_path / "bare" / folder / name
    tour = run(["-c", TOUR], python=python, PYTHONPATH=str(ROOT))
    assert tour.returncode == 0, tour.stderr
    examples = ROOT / "tests" / "data" / "published_examples.jsonl"
    verified = run(["-m", "marginlib", "verify", str(examples)], python=python, PYTHONPATH=str(ROOT))
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.splitlines()[-1] == "42 passed, 0 failed"


def test_a_kernel_of_the_tests_reaches_no_other_machine() -> None:
    pytest.importorskip("ipykernel")
    cell = "import socket; socket.create_connection(('203.0.113.1', 80), timeout=5)"
    done = run(["-m", "IPython", "-c", cell], IPYTHONDIR=os.environ["IPYTHONDIR"])
    assert "tests run offline" in done.stdout, done.stdout + done.stderr


JOBS = re.findall(r"^\| an? (\w[\w ]*) \| (.*) \|$", CONTRIBUTING.partition("## Seven jobs")[2], re.MULTILINE)


def test_each_of_the_seven_jobs_touches_three_files_or_fewer_that_are_there() -> None:
    assert [job for job, _ in JOBS] == [
        "venue",
        "notebook with a figure",
        "belief",
        "question",
        "task",
        "fee rule",
        "colour",
    ]
    for job, text in JOBS:
        named = re.findall(r"`([\w/]+\.\w+)`", text)
        assert 1 <= len(named) <= 3, job
        assert all(list(ROOT.glob(re.sub(r"[A-Z]{3,}", "*", name))) for name in named), named


# --- documentation --------------------------------------------------------------------------------------------------


def documented() -> list[tuple[str, str]]:
    """Return (module, name) of every public function and class of the rooms."""
    return [
        (room, name)
        for room in ROOMS
        if room != "marginlib.errors"  # checks of the library's own, each a line that says all
        for name in importlib.import_module(room).__all__
        if inspect.isfunction(thing := getattr(importlib.import_module(room), name)) or inspect.isclass(thing)
    ]


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_says_what_it_is_for_and_what_it_offers(name: str) -> None:
    room = importlib.import_module(name)
    assert room.__doc__
    assert all(hasattr(room, each) for each in room.__all__)
    own = {
        each
        for each, value in vars(room).items()
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == name
    }
    missing = {each for each in own if not each.startswith("_")} - set(room.__all__)
    assert not missing, f"{sorted(missing)}: add to __all__ or start with an underscore"


@pytest.mark.parametrize(("room", "name"), documented())
def test_every_public_name_is_explained_with_its_arguments(room: str, name: str) -> None:
    thing = getattr(importlib.import_module(room), name)
    doc = inspect.getdoc(thing) or ""
    assert doc.partition("\n")[0].endswith((".", ":")), f"{name}: a summary is one sentence on the first line"
    arguments = re.search(r"^Args:\n((?:\s+.*\n?|\n)*)", doc, re.MULTILINE)
    if inspect.isfunction(thing) or (is_dataclass(thing) and not issubclass(thing, Enum | Exception)):
        for each in inspect.signature(thing).parameters:
            explained = arguments and re.search(rf"^\s+(?:\w+, )*\*?{each}\b.*:", arguments[1], re.MULTILINE)
            assert explained, f"{name}: {each} is not in Args"


def shown_again(example: doctest.Example) -> bool:
    """Whether an example gives back what it was given: a record as it was made, or a field as it was set."""
    try:
        made, want = (ast.parse(each.strip(), mode="eval").body for each in (example.source, example.want))
    except SyntaxError:  # a statement, or an output that is no Python
        return False
    if isinstance(made, ast.Attribute) and isinstance(made.value, ast.Call):
        given = {each.arg: each.value for each in made.value.keywords}
        return made.attr in given and ast.dump(given[made.attr]) == ast.dump(want)
    return isinstance(made, ast.Call) and ast.dump(made) == ast.dump(want)


@pytest.mark.parametrize(
    ("text", "again"),
    [
        (">>> Hold()\nHold()", True),
        (">>> CloseOut(fee=10, remaining=8.07).remaining\n8.07", True),
        (">>> Setting(leverage=5).margin_mode\n<MarginMode.CROSS: 'cross'>", False),
        (
            ">>> RiskTier(notional_floor=0, maintenance_margin_rate=0.005, max_leverage=100).initial_margin_rate\n0.01",
            False,
        ),
        (">>> money(-481.927)\n'-$481.93'", False),
    ],
)
def test_an_example_that_only_shows_a_record_again_is_known(text: str, again: bool) -> None:
    assert shown_again(doctest.DocTestParser().get_examples(text)[0]) == again


@pytest.mark.parametrize(("room", "name"), documented())
def test_examples_teach_or_go(room: str, name: str) -> None:
    doc = inspect.getdoc(getattr(importlib.import_module(room), name)) or ""
    again = [each.source.strip() for each in doctest.DocTestParser().get_examples(doc) if shown_again(each)]
    assert not again, f"{name}: these examples give back what they were given; show what follows from it, or none"


GLOSSARY = ROOT / "notebooks" / "GLOSSARY.md"


def glossary() -> set[str]:
    """Return the names of the code that the glossary explains."""
    code = GLOSSARY.read_text(encoding="utf-8").partition("## Names in the code")[2]
    return set(re.findall(r"^\| `(\w+)` \| \S", code, re.MULTILINE))


def offered(modules: Iterable[str]) -> set[str]:
    """Return every public name of some modules."""
    return {name for module in modules for name in getattr(importlib.import_module(module), "__all__", ())}


def test_every_public_name_is_in_the_glossary() -> None:
    assert sorted(offered({*ROOMS, "marginlib.course.figures"} - {"marginlib.errors"}) - glossary()) == []


def test_the_glossary_explains_no_name_that_is_gone() -> None:
    every = (each.name for each in pkgutil.walk_packages(marginlib.__path__[:1], "marginlib."))
    assert sorted(glossary() - offered(every)) == []
