"""The course in a folder of the learner's own: written, updated, never overwritten, opened."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from jupyter_client.manager import start_new_kernel

from marginlib import MarginError, __version__
from marginlib.__main__ import main
from marginlib.jupyter import folder as course
from marginlib.jupyter.folder import MANIFEST, START, open_course, write_course

ROOT = Path(__file__).resolve().parents[1]
OLD, NEW = f"notebooks/a.{__version__}.md", f"notebooks/a.{__version__}-2.md"


FIRST = course._unopened(b'{"cells": [], "metadata": {}}', run=False).decode()  # noqa: SLF001 - as it comes to a folder


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A course of four files, whose version can be changed."""
    files = {START: FIRST, "notebooks/a.md": "a", "exercises/b.md": "b", "exercises/source/b.md": "solution"}
    files["exercises/nbgrader_config.py"] = "grader"
    for name, content in (files | {"notebooks/.hidden": "h", "exercises/__pycache__/b": "p"}).items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(course, "_source", lambda: tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def test_the_whole_course_is_written_and_its_links_lead_somewhere(mine):
    written = write_course(mine)
    assert START in written.new
    assert len([name for name in written.new if re.fullmatch(r"notebooks/\d\d_\w+\.ipynb", name)]) >= 11
    assert "exercises/README.md" in written.new
    for name in written.new:
        if name.startswith("exercises/") and name.endswith(".ipynb"):  # as they are, for this kernel
            own, ours = (json.loads((folder / name).read_text("utf-8")) for folder in (mine, ROOT))
            assert own["cells"] == ours["cells"]
            assert own["metadata"].keys() == ours["metadata"].keys()
        elif not name.endswith(".ipynb"):
            assert (mine / name).read_bytes() == (ROOT / name).read_bytes()
        if name.endswith((".md", ".ipynb")):
            for target in re.findall(r"\]\(([^)#\s]+)", (mine / name).read_text(encoding="utf-8")):
                assert "://" in target or ((mine / name).parent / target).exists(), (name, target)


def test_nothing_is_answered_before_the_learner_acts(mine):
    write_course(mine)
    for path in sorted((mine / "notebooks").glob("*.ipynb")):
        own, ours = (json.loads((folder / "notebooks" / path.name).read_text("utf-8")) for folder in (mine, ROOT))
        code = [cell for cell in own["cells"] if cell["cell_type"] == "code"]
        assert code
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
        assert "widgets" not in own["metadata"]
        assert [(cell["id"], cell["source"]) for cell in own["cells"]] == [
            (cell["id"], cell["source"]) for cell in ours["cells"]
        ]


@pytest.mark.usefixtures("source")
def test_hidden_files_and_solutions_stay_behind(mine):
    write_course(mine)
    assert contents(mine) == {START: FIRST, "notebooks/a.md": "a", "exercises/b.md": "b"}


@pytest.mark.usefixtures("source")
def test_a_teacher_gets_what_a_graded_course_is_made_from(mine):
    write_course(mine)
    first = contents(mine)
    written = write_course(mine, teach=True)
    more = {"exercises/source/b.md": "solution", "exercises/nbgrader_config.py": "grader"}
    assert contents(mine) == first | more
    assert (set(written.new), set(written.same)) == (set(more), set(first))


def test_what_nobody_touched_is_updated(source, mine):
    write_course(mine)
    (source / "notebooks/a.md").write_text("a2")
    written = write_course(mine)
    assert (written.updated, written.kept, written.new) == (("notebooks/a.md",), (), ())
    assert contents(mine)["notebooks/a.md"] == "a2"


def test_what_the_learner_changed_is_kept_and_the_new_file_stands_beside_it(source, mine):
    write_course(mine)
    (mine / "notebooks/a.md").write_text("my work")
    assert write_course(mine).kept == ("notebooks/a.md",)
    assert OLD not in contents(mine)  # nothing new to offer
    (source / "notebooks/a.md").write_text("a2")
    for _ in range(2):  # and again
        written = write_course(mine)
        assert written.beside == (("notebooks/a.md", OLD),)
        assert contents(mine)["notebooks/a.md"] == "my work"
        assert contents(mine)[OLD] == "a2"
    assert f"You changed notebooks/a.md: kept. This version's file is {OLD}." in str(written)


def test_work_in_the_file_beside_is_kept_too(source, mine):
    write_course(mine)
    (mine / "notebooks/a.md").write_text("my work")
    (source / "notebooks/a.md").write_text("a2")
    write_course(mine)
    (mine / OLD).write_text("my other work")
    (source / "notebooks/a.md").write_text("a3")
    for _ in range(2):
        assert write_course(mine).beside == (("notebooks/a.md", NEW),)
        assert [contents(mine)[name] for name in ("notebooks/a.md", OLD, NEW)] == ["my work", "my other work", "a3"]


@pytest.mark.usefixtures("source")
def test_a_file_that_was_there_before_the_course_is_the_learners(mine):
    (mine / "notebooks").mkdir(parents=True)
    (mine / "notebooks/a.md").write_text("mine since ever")
    (mine / "own.md").write_text("another")
    assert write_course(mine).beside == (("notebooks/a.md", OLD),)
    assert contents(mine)["notebooks/a.md"] == "mine since ever"
    assert contents(mine)["own.md"] == "another"


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"files": 5}', "\udcff"])
def test_where_the_record_is_lost_every_other_file_counts_as_the_learners(source, mine, broken):
    write_course(mine)
    (mine / "notebooks/a.md").write_text("my work")
    (mine / MANIFEST).write_bytes(broken.encode("utf-8", "surrogateescape"))
    (source / "notebooks/a.md").write_text("a2")
    written = write_course(mine)
    assert contents(mine)["notebooks/a.md"] == "my work"
    assert written.same == (START, "exercises/b.md")
    assert json.loads((mine / MANIFEST).read_text())["marginlib"] == __version__


def test_a_folder_of_an_earlier_version_is_updated(source, mine):
    (source / "notebooks/new.md").write_text("new")
    for name, content in {START: "as written", "notebooks/a.md": "my work", "exercises/b.md": "b"}.items():
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(content)
    # As version 0.1.0 wrote it before its modules moved.
    (mine / MANIFEST).write_text("""{
 "files": {
  "exercises/b.md": "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
  "notebooks/00_start_here.ipynb": "a51efc7c4bd2b4444723b58cee4847c45bafb5bdefa0362e13ba8e48fe395e89",
  "notebooks/a.md": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
 },
 "format": "marginlib-course",
 "marginlib": "0.1.0",
 "version": 1
}
""")
    written = write_course(mine)
    assert (written.updated, written.new, written.same) == ((START,), ("notebooks/new.md",), ("exercises/b.md",))
    assert written.kept == ("notebooks/a.md",)
    assert contents(mine)["notebooks/a.md"] == "my work"


@pytest.mark.usefixtures("source")
def test_a_file_that_was_deleted_comes_back(mine):
    write_course(mine)
    (mine / "notebooks/a.md").unlink()
    assert write_course(mine).new == ("notebooks/a.md",)


def test_an_interrupted_write_loses_nothing(source, mine, monkeypatch):
    write_course(mine)
    (source / "notebooks/a.md").write_text("a2")

    def full(_):
        raise OSError(28, "No space left on device", "a.md")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MarginError, match="No space left on device"):
        write_course(mine)
    assert contents(mine) == {START: FIRST, "notebooks/a.md": "a", "exercises/b.md": "b"}


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("name", ["mine", "mine/below"])
def test_a_file_is_no_folder(mine, name):
    mine.write_text("a file")
    with pytest.raises(MarginError, match="give a folder"):
        write_course(mine.parent / name)
    assert mine.read_text() == "a file"


@pytest.mark.usefixtures("source")
def test_a_folder_where_a_file_should_be_is_named(mine):
    (mine / "notebooks/a.md").mkdir(parents=True)
    with pytest.raises(MarginError, match=r"a\.md"):
        write_course(mine)


@pytest.mark.usefixtures("source")
def test_a_folder_that_cannot_be_written_to_is_refused(mine, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(MarginError, match=r"Permission denied .*give a folder you can write to"):
        write_course(mine)


@pytest.mark.parametrize("inside", [".", "notebooks", "notebooks/mine", "marginlib", "marginlib/figures", "exercises"])
def test_the_library_does_not_write_into_itself(inside):
    before = {path.name for path in ROOT.iterdir()}
    with pytest.raises(MarginError, match="the library itself is there"):
        write_course(ROOT / inside)
    assert {path.name for path in ROOT.iterdir()} == before


def test_a_library_without_its_files_says_so(mine, monkeypatch, tmp_path):
    monkeypatch.setattr(course, "_PACKAGE", tmp_path / "elsewhere" / "marginlib")
    with pytest.raises(MarginError, match="install marginlib again"):
        write_course(mine)


# --- opening --------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(monkeypatch):
    """What JupyterLab is told, instead of starting it."""
    monkeypatch.setattr(os, "environ", {**os.environ})
    os.environ.pop("PYTHONSTARTUP", None)
    words: list[str] = []

    class LabApp:
        launch_instance = words.extend

    module = ModuleType("jupyterlab.labapp")
    module.LabApp = LabApp
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", module)
    return words


def test_the_command_writes_and_opens_the_first_notebook(mine, told, capsys):
    assert main(["course", str(mine), "--no-browser", "--port", "9000"]) == 0
    assert told[0] == f"--ServerApp.root_dir={mine}"
    assert told[1] == f"--LabApp.default_url=/lab/tree/{START}"
    assert told[-3:] == ["--no-browser", "--port", "9000"]
    assert f"The course is in {mine}: " in capsys.readouterr().out


@pytest.mark.usefixtures("told")
def test_a_kernel_of_the_course_has_loaded_the_library_before_the_first_cell(mine):
    open_course(mine)
    manager, client = start_new_kernel(env=dict(os.environ))
    try:
        answer = client.execute(
            "_",
            reply=True,
            timeout=60,
            user_expressions={
                "loaded": "'marginlib.course.notebook' in __import__('sys').modules",
                "names": "[each for each in get_ipython().user_ns if 'margin' in each]",
            },
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    found = answer["content"]["user_expressions"]
    assert [found[each]["data"]["text/plain"] for each in ("loaded", "names")] == ["True", "[]"]


@pytest.mark.usefixtures("told")
def test_a_startup_of_ones_own_stays(mine):
    os.environ["PYTHONSTARTUP"] = "mine.py"
    open_course(mine)
    assert os.environ["PYTHONSTARTUP"] == "mine.py"


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_where_people_are_root(mine, told, monkeypatch, user, allowed):
    monkeypatch.setattr("os.geteuid", lambda: user, raising=False)
    open_course(mine)
    assert ("--allow-root" in told) == allowed


@pytest.mark.parametrize("word", ["--no-open", "--teach"])
def test_the_command_only_writes_when_told_so(mine, told, capsys, word):
    assert main(["course", str(mine), word]) == 0
    assert (mine / START).is_file()
    assert told == []
    assert "new" in capsys.readouterr().out


def test_words_for_nobody_are_an_error(mine):
    with pytest.raises(SystemExit) as ended:
        main(["course", str(mine), "--no-open", "--port=9000"])
    assert ended.value.code == 2
    assert not mine.exists()


def test_without_jupyterlab_the_course_is_written_and_the_way_is_named(mine, monkeypatch, capsys):
    monkeypatch.setattr(course, "find_spec", lambda _: None)
    assert main(["course", str(mine)]) == 2
    assert 'python -m pip install ".[course]"' in capsys.readouterr().err
    assert (mine / START).is_file()
