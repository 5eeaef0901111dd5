"""The other ways to open the course (docs/run.md), as far as they go without their services.

Needs the package index, git and Chromium, and minutes: `python -m pytest tests/long/test_elsewhere.py`.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
RUN = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")
# What such a service has installed before a notebook's first cell: its kernel, and widgets of another generation.
COLAB = ("ipykernel==6.17.1", "ipywidgets==7.7.1", "pip")


def run(*words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **more)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def environment(place, *packages):
    """Make an environment with these packages and return where its programs are."""
    run("uv", "venv", "--quiet", "--seed", "--python", sys.executable, place)
    run("uv", "pip", "install", "--quiet", "--python", place / "bin" / "python", *packages)
    return place / "bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run("uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (found,) = folder.glob("*.whl")
    return found


@contextmanager
def served(words, address, **more):
    """Start a server and wait until its address answers."""
    server = subprocess.Popen(list(map(str, words)), **more)  # noqa: S603
    end = time.monotonic() + 120
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=60).close()  # noqa: S310
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.3)
        yield server
    finally:
        server.terminate()
        server.wait(timeout=30)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("name", ["00_start_here", "04_side_by_side", "10_odds"])
def test_the_cell_for_colab_installs_what_a_notebook_needs(tmp_path, wheel, name):
    cell = re.search(r"<!-- colab cell -->\n```\n(.*)\n```", RUN)[1]
    assert "git+https://github.com/OWNER/marginlib" in cell
    cell = cell.replace("git+https://github.com/OWNER/marginlib", wheel.as_uri())
    bare = environment(tmp_path / "env", *COLAB)
    spec = tmp_path / "kernels" / "bare"
    spec.mkdir(parents=True)
    command = [str(bare / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "bare", "language": "python"}))
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(cell))
    notebook.metadata.kernelspec.name = "bare"
    client = NotebookClient(notebook, timeout=300, kernel_name="bare", resources={"metadata": {"path": tmp_path}})
    client.km = client.create_kernel_manager()
    client.km.kernel_spec_manager = KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")])
    start = time.monotonic()
    client.execute(env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    print(f"{name}: installed and run in {time.monotonic() - start:.0f} s")


def test_voila_shows_a_figure_that_moves(tmp_path, wheel):
    from lab import chromium, watch  # noqa: PLC0415 - Chromium may be missing where the other tests run

    scripts = environment(tmp_path / "env", f"marginlib[course] @ {wheel.as_uri()}", "voila")
    notebook = ROOT / "notebooks" / "04_side_by_side.ipynb"
    port = free_port()
    words = [scripts / "voila", "--no-browser", f"--port={port}", "--template=marginlib", "--theme=light", notebook]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables |= {"PATH": f"{scripts}{os.pathsep}{variables['PATH']}", "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    with served(words, f"http://127.0.0.1:{port}/static/nothing", env=variables), chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        record = watch(page)
        start = time.monotonic()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector(".marginlib-figure[data-ready='true']")
        print(f"voila: first figure after {time.monotonic() - start:.1f} s, faults: {record.faults()}")
        assert record.outside() == []
        figure = page.locator(".marginlib-figure").first
        before = figure.inner_text()
        figure.locator("input[type=range]").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("([each, text]) => each.innerText !== text", arg=[figure.element_handle(), before])


def test_a_notebook_is_tested_where_pytest_and_nbval_alone_are_installed(tmp_path, wheel):
    scripts = environment(tmp_path / "env", f"marginlib[notebook] @ {wheel.as_uri()}", "ipykernel", "pytest", "nbval")
    checkout = tmp_path / "marginlib"
    run("git", "clone", "--quiet", ROOT, checkout)
    run(scripts / "python", "-m", "pytest", "--nbval", "notebooks/02_isolated_margin.ipynb", cwd=checkout)


def test_nbgitpuller_brings_the_notebooks_and_keeps_a_learners_work(tmp_path):
    scripts = environment(tmp_path / "env", "nbgitpuller", "jupyter-server")
    source, home = tmp_path / "source", tmp_path / "home"
    run("git", "clone", "--quiet", ROOT, source)
    pull = [scripts / "gitpuller", source.as_uri(), run("git", "-C", source, "branch", "--show-current").strip()]
    run(*pull, home)
    first = home / "notebooks" / "00_start_here.ipynb"
    first.write_text("my work")
    (source / "notebooks" / "00_start_here.ipynb").write_text("a newer version")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    run("git", "-C", source, *author, "commit", "--quiet", "--all", "--message", "newer")
    run(*pull, home)
    assert first.read_text() == "my work"
    assert "nbgitpuller" in run(scripts / "jupyter", "server", "extension", "list")


def test_the_images_commands_install_a_course_that_starts(tmp_path):
    """No Docker here: the files that it would copy, and its commands in an empty environment."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"]
    place = tmp_path / "marginlib"
    place.mkdir()
    run("cp", "-r", *(ROOT / name for name in copied), place)
    installs = [line.removeprefix("RUN pip install --no-cache-dir ") for line in lines if "pip install" in line]
    packages = [word.strip('"').replace("/opt/marginlib", str(place)) for line in installs for word in line.split()]
    scripts = environment(tmp_path / "env", *packages)
    command = json.loads(next(line for line in reversed(lines) if line.startswith("CMD")).removeprefix("CMD "))
    port = free_port()
    words = [scripts / command[0], *command[1:], f"--port={port}"]
    with served(words, f"http://127.0.0.1:{port}/api", cwd=tmp_path):
        assert (tmp_path / "course" / "notebooks" / "00_start_here.ipynb").is_file()
    assert (scripts / "jupyterhub-singleuser").exists()


def test_binders_requirements_are_the_course():
    assert (ROOT / ".binder" / "requirements.txt").read_text().split() == [".[course]"]
