"""What a newcomer, another system and a code host meet: files of the repository that no other test reads."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image

import marginlib
from marginlib.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "exercises/TEACHING.md",
    "exercises/README.md",
    "exercises/GRADING.md",
    "docs/run.md",
    "docs/figures.md",
]
COMMANDS = re.compile(r"```(?:sh|powershell)\n(.*?)\n```", re.DOTALL)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def told() -> list[tuple[str, str]]:
    """Every command that a page tells, with the page: one for each part between && and ;."""
    return [
        (page, part.strip())
        for page in PAGES
        for block in COMMANDS.findall(read(page))
        for line in block.splitlines()
        for part in re.split(r"&&|;", line)
        if part.strip()
    ]


# --- other systems ----------------------------------------------------------------------------------------------------

ELSEWHERE = """
import ctypes, doctest, importlib, os, pathlib, re, signal, sys
import marginlib

root = pathlib.Path(marginlib.__file__).parent
paths = [path for path in root.rglob("*.py") if path.name != "__main__.py"]
# those that name anything of one system; the others import nothing but these and what the map of CONTRIBUTING.md allows
asked = re.compile(r"\\b(signal|resource|ctypes|fcntl|pwd|pyseccomp|fork|termios)\\b")
paths = [path for path in paths if asked.search(path.read_text(encoding="utf-8"))]
names = [".".join(("marginlib", *path.relative_to(root).with_suffix("").parts)) for path in paths]
names = [name.removesuffix(".__init__") for name in names]
assert {"marginlib.grading.worker", "marginlib.grading.sandbox", "marginlib.course.session"} <= set(names), names
for name in names:  # the packages of others come from a system that has everything
    importlib.import_module(name)
for name in [each for each in sys.modules if each.split(".")[0] == "marginlib"]:
    del sys.modules[name]

def none(*_words, **_more):
    raise TypeError("bad argument type for built-in operation")  # what ctypes.CDLL(None) says on Windows

ctypes.CDLL = none
for name in ("resource", "fcntl", "pwd", "grp", "termios", "pyseccomp"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "setsid"):
    delattr(os, name)
for name in ("setitimer", "SIGALRM", "SIGVTALRM", "SIGKILL"):
    delattr(signal, name)
failed = 0
for name in names:
    module = importlib.import_module(name)
    if name == "marginlib.grading.worker":
        failed += doctest.testmod(module).failed
sys.exit(failed)
"""


def test_where_there_is_no_linux_every_module_is_imported_all_the_same() -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=False, cwd=ROOT, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- what pages and messages say --------------------------------------------------------------------------------------


def test_what_is_installed_stands_in_this_repository_and_its_extras_are_there() -> None:
    """No registry has the package, so every command and every message names the repository's folder."""
    extras = set(PROJECT["optional-dependencies"])
    texts = {page: read(page) for page in PAGES}
    texts |= {str(path): path.read_text(encoding="utf-8") for path in (ROOT / "marginlib").rglob("*.py")}
    named = [
        (place, *found)
        for place, text in texts.items()
        for found in re.findall(r"""install[^\n]*?["'](\S*?)\[(\w+)\]""", text)
    ]
    assert len(named) >= 6
    assert [
        each
        for each in named
        if each[1] != "." and "@" not in each[1] and "marginlib" in each[1] and each[0] != "docs/run.md"
    ] == []
    assert [each for each in named if each[2] not in extras] == []


@pytest.mark.parametrize(("page", "command"), told())
def test_each_command_of_a_page_names_what_is_there(page: str, command: str) -> None:
    """Programs and files, as they are written; tests/long/test_commands.py runs what changes a machine."""
    words = shlex.split(command.replace("\\", "/"))
    files = [word for word in words if re.fullmatch(r"(\./)?(tools|tests|notebooks|exercises|docs)/[\w./]+", word)]
    assert [word for word in files if not (ROOT / word).exists() and not word.startswith("tests/browser")] == [], page
    if "marginlib" in words[0] or words[1:3] == ["-m", "marginlib"]:
        name = words[words.index("marginlib") + 1] if "marginlib" in words else words[1]
        with pytest.raises(SystemExit) as left:
            main([name, "--help"])
        assert left.value.code == 0


def test_the_audit_of_the_readme_passes_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = [each for _, each in told() if "marginlib verify" in each]
    words = shlex.split(command)
    assert main([words[-2], str(ROOT / words[-1])]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "42 passed, 0 failed"


# --- what a code host runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_pinned_and_may_do_no_more_than_it_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)", text)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["runs-on"] for job in workflow["jobs"].values())


def test_three_systems_and_four_pythons_run_the_command_of_the_readme() -> None:
    text = read(".github/workflows/tests.yml")
    matrix = yaml.safe_load(text)["jobs"]["tests"]["strategy"]["matrix"]
    assert [each.split("-")[0] for each in matrix["system"]] == ["ubuntu", "macos", "windows"]
    named = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert matrix["python"] == named == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={named[0]}"
    (awk,) = re.findall(r"awk '[^']+' README.md", text)
    assert awk in read(".ci/run")  # the one line that takes the command out of the README
    windows = re.findall(r"```powershell\n(.*?)```", read("README.md"), re.DOTALL)
    assert len([each for each in windows if "pytest" in each]) == 1
    assert "(?s)```powershell" in text


def test_the_version_is_one() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == marginlib.__version__
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    released = headings[headings[0] == "Unreleased" :]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each) for each in released)
    assert all(each.startswith(f"{marginlib.__version__} - ") for each in released[:1])  # what is dated is this version
    assert " AND ".join(citation["license"]) == PROJECT["license"]


def test_forms_ask_for_what_makes_a_report_reproducible() -> None:
    forms = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
    }
    assert set(forms) == {"config", "wrong_number", "unclear_sentence", "venue_rule_changed"}
    asked = {
        name: {field["id"] for field in form["body"] if field["validations"]["required"]}
        for name, form in forms.items()
        if "body" in form
    }
    assert asked == {
        "wrong_number": {"row", "expected", "version"},
        "unclear_sentence": {"where", "sentence", "understood"},
        "venue_rule_changed": {"venue", "since", "source", "rule"},
    }


def test_the_hooks_before_a_commit_are_steps_of_the_gate() -> None:
    hooks = [hook["entry"] for hook in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]]
    gate = re.findall(r"^run (.+)$", read(".ci/run"), re.MULTILINE)
    programs = [entry.removeprefix(".venv/bin/python ").removeprefix("-m ") for entry in hooks]
    assert [each for each in programs if not any(each.removeprefix("python ") in step for step in gate)] == []


# --- the first screen -------------------------------------------------------------------------------------------------


def test_the_first_screen_shows_it_moving_and_says_how_to_get_it() -> None:
    first = read("README.md").split("## Open the course")[0]
    (badge, (alternative, place)) = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", first)
    there = "../../actions/workflows/"  # from the README's own page, whoever keeps the repository
    assert badge[1].removeprefix(there).removesuffix("/badge.svg") in {path.name for path in WORKFLOWS}
    with Image.open(ROOT / place) as picture:
        assert picture.is_animated
        assert picture.n_frames >= 20
    assert (ROOT / place).stat().st_size <= 600_000
    assert "cross margin" in alternative
    assert "isolated margin" in alternative
    (block,) = COMMANDS.findall(first)
    assert [line.split()[:2] for line in block.splitlines()] == [["git", "clone"], ["python3", "-m"]]
    named = dict(re.findall(r"^\[(\w+)\]: (\S+)$", read("README.md"), re.MULTILINE))
    assert set(re.findall(r"\]\[(\w+)\]", read("README.md"))) == set(named) == {"read", "run"}
    assert read("README.md").count("OWNER/") == first.count("OWNER/")  # one place
    run = named["run"].removeprefix(named["read"])
    assert run.startswith("run/lab/index.html?path=")  # where tools/build_site.py puts it
    assert '"run"' in read("tools/build_site.py")
    assert (ROOT / run.partition("path=")[2]).is_file()
