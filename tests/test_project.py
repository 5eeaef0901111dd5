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
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest
from build_site import BARE

import marginlib

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["numpy", "pandas", "scipy", "numba", "matplotlib", "ipywidgets", "IPython"]
# What a package offers stands in its __init__; its modules are its own business.
MODULES = ["marginlib", *(each.name for each in pkgutil.iter_modules(marginlib.__path__, "marginlib."))]
SCALAR = ["_validate", "tiers", "model", "margin", "liquidation", "venues", "verify", "events", "replay", "__main__"]


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


@pytest.mark.parametrize("module", ["marginlib", *(f"marginlib.{name}" for name in SCALAR)])
def test_the_scalar_side_imports_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = run(["-c", program], PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


SCALAR_TOUR = """
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


def test_the_scalar_side_works_where_nothing_is_installed(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = tmp_path / "bare" / folder / name
    tour = run(["-c", SCALAR_TOUR], python=python, PYTHONPATH=str(ROOT))
    assert tour.returncode == 0, tour.stderr
    examples = ROOT / "tests" / "data" / "published_examples.jsonl"
    verified = run(["-m", "marginlib", "verify", str(examples)], python=python, PYTHONPATH=str(ROOT))
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.splitlines()[-1] == "42 passed, 0 failed"


BARE_BROWSER = """
import json, sys
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "pandas", "matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(history_length=0, cache_size=0)
for cell in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"])).raise_error()
"""
PURE = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb") if path.name[:2] in BARE)


def test_the_notebooks_of_the_bare_browser_are_there() -> None:
    assert [name[:2] for name in PURE] == list(BARE)
    assert {"00", "01", "02", "03", "04"} <= set(BARE)


@pytest.mark.parametrize("notebook", PURE)
def test_the_sites_notebooks_run_without_arrays_tables_and_pictures(notebook: str, tmp_path: Path) -> None:
    pytest.importorskip("ipywidgets")
    path = str(ROOT / "notebooks" / notebook)
    done = run(["-c", BARE_BROWSER, path], PYTHONPATH=str(ROOT), IPYTHONDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["HEDGE", "LIQUIDATION_STEPS", "SIDE_BY_SIDE", "TIERS"])
def test_a_figure_that_needs_no_arrays_imports_no_numpy(name: str) -> None:
    program = f"import sys; from marginlib import figures; figures.{name}(); print('numpy' in sys.modules)"
    done = run(["-c", program], PYTHONPATH=str(ROOT))
    assert done.stdout.strip() == "False", done.stdout + done.stderr


def test_a_figure_that_there_is_not_is_an_attribute_error() -> None:
    program = "from marginlib import figures; print(set(figures.__all__) <= set(dir(figures))); figures.NOTHING"
    done = run(["-c", program], PYTHONPATH=str(ROOT))
    assert done.stdout.strip() == "True"
    assert "AttributeError: module 'marginlib.course.figures' has no attribute 'NOTHING'" in done.stderr


# --- documentation --------------------------------------------------------------------------------------------------


def loaded(name: str) -> ModuleType:
    """Return a module, or skip where what it draws with is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")


def public(module: ModuleType) -> dict[str, object]:
    """Return what a module offers, by name."""
    return {name: getattr(module, name) for name in module.__all__}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_docstring_and_says_what_it_offers(name: str) -> None:
    module = loaded(name)
    assert module.__doc__
    defined = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
    }
    missing = defined - set(module.__all__)
    if name == "marginlib":
        assert not missing
    # What is not offered is a helper of the module's own, and says so by its underscore.
    assert not missing, f"{sorted(missing)}: add to __all__ or start with an underscore"
    assert all(hasattr(module, each) for each in module.__all__)


def parameters(thing: object) -> list[str]:
    """Return the names that a caller gives."""
    return [each for each in inspect.signature(thing).parameters if each not in {"self", "cls"}]  # type: ignore[arg-type]


def section(doc: str, title: str) -> str:
    """Return the indented text below a title of a docstring."""
    found = re.search(rf"^{title}:\n((?:\s+.*\n?|\n)*)", doc, re.MULTILINE)
    return found.group(1) if found else ""


def documented() -> list[tuple[str, str]]:
    """Return (module, name) of every public function and class."""
    found: list[tuple[str, str]] = []
    for name in MODULES[1:]:  # the top level offers again what its modules offer
        if not name.startswith("marginlib._"):
            offered = public(importlib.import_module(name))
            found += [(name, each) for each, it in offered.items() if inspect.isfunction(it) or inspect.isclass(it)]
    return found


@pytest.mark.parametrize(("module", "name"), documented())
def test_every_public_name_is_explained_with_its_arguments_and_a_function_with_an_example(
    module: str, name: str
) -> None:
    thing = getattr(loaded(module), name)
    doc = inspect.getdoc(thing) or ""
    summary = doc.partition("\n")[0]
    assert summary.endswith((".", ":")), f"{name}: a summary is one sentence on the first line"
    if inspect.isclass(thing) and issubclass(thing, Enum | Exception):
        return
    arguments = section(doc, "Args")
    if inspect.isfunction(thing) or is_dataclass(thing):
        for parameter in parameters(thing):
            assert re.search(rf"^\s+\*?{parameter}\b.*:", arguments, re.MULTILINE), (
                f"{name}: {parameter} is not in Args"
            )
    if inspect.isfunction(thing):
        assert ">>> " in section(doc, "Example"), f"{name}: no example that can be run"


def shown_again(example: doctest.Example) -> bool:
    """Whether an example gives back what it was given: a record as it was made, or a field as it was set."""
    try:
        made, want = (
            ast.parse(example.source.strip(), mode="eval").body,
            ast.parse(example.want.strip(), mode="eval").body,
        )
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


@pytest.mark.parametrize(("module", "name"), documented())
def test_examples_teach_or_go(module: str, name: str) -> None:
    doc = inspect.getdoc(getattr(loaded(module), name)) or ""
    again = [each.source.strip() for each in doctest.DocTestParser().get_examples(doc) if shown_again(each)]
    assert not again, f"{name}: these examples give back what they were given; show what follows from it, or none"


GLOSSARY = ROOT / "notebooks" / "GLOSSARY.md"


def glossary() -> set[str]:
    """Return the names of the code that the glossary explains."""
    code = GLOSSARY.read_text(encoding="utf-8").partition("## Names in the code")[2]
    return set(re.findall(r"^\| `(\w+)` \| \S", code, re.MULTILINE))


def offered() -> set[str]:
    """Return every public name of the library."""
    return {each for name in MODULES for each in loaded(name).__all__}


def test_every_public_name_is_in_the_glossary() -> None:
    assert sorted(offered() - glossary()) == []


def test_the_glossary_explains_no_name_that_is_gone() -> None:
    assert sorted(glossary() - offered()) == []
