"""The wheel for real: built, installed into an empty environment, its course written and opened in JupyterLab.

Needs the package index and minutes: `python -m pytest tests/long/test_wheel.py`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = os.name == "nt"
SCRIPTS = "Scripts" if WINDOWS else "bin"


def run(*words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **more)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """Nothing of this shell that could help, and a home of its own."""
    home = tmp_path_factory.mktemp("home")
    dropped = ("PYTHON", "JUPYTER", "VIRTUAL_ENV", "IPYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {
        "JUPYTER_DATA_DIR": f"{home}/data",
        "JUPYTER_CONFIG_DIR": f"{home}/config",
        "IPYTHONDIR": f"{home}/i",
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (found,) = folder.glob("marginlib-*.whl")
    return found


@pytest.fixture(scope="module", params=["wheel", "editable"])
def scripts(request, tmp_path_factory, wheel):
    """Where the programs of a fresh environment are."""
    place = tmp_path_factory.mktemp(request.param) / "env"
    venv.create(place, with_pip=True)
    what = [f"marginlib[course] @ {wheel.as_uri()}"] if request.param == "wheel" else ["-e", f"{ROOT}[course]"]
    start = time.monotonic()
    run(place / SCRIPTS / "python", "-m", "pip", "install", "--disable-pip-version-check", *what)
    print(f"{request.param}: installed in {time.monotonic() - start:.0f} s")
    return place / SCRIPTS


def test_the_name_that_an_earlier_version_left_in_a_servers_settings_is_no_fault(scripts, variables, tmp_path):
    (tmp_path / "jupyter_server_config.d").mkdir()
    settings = {"ServerApp": {"jpserver_extensions": {"marginlib._jupyter": True}}}
    (tmp_path / "jupyter_server_config.d" / "earlier.json").write_text(json.dumps(settings))
    told = run(
        scripts / "jupyter", "server", "extension", "list", env=variables | {"JUPYTER_CONFIG_DIR": str(tmp_path)}
    )
    assert "OK" in told.partition("Validating marginlib._jupyter")[2].splitlines()[1]


def test_the_course_opens(scripts, variables, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    start = time.monotonic()
    lab = subprocess.Popen([scripts / "marginlib", "course", "my course", *words], cwd=tmp_path, env=variables)  # noqa: S603
    try:
        start_page = f"http://127.0.0.1:{port}/lab/tree/notebooks/00_start_here.ipynb"
        while True:
            try:
                with urllib.request.urlopen(start_page, timeout=10) as page:
                    assert "JupyterLab" in page.read().decode()
                break
            except urllib.error.URLError:
                assert lab.poll() is None
                assert time.monotonic() - start < 120
                time.sleep(0.2)
        print(f"the start page answers after {time.monotonic() - start:.1f} s")
        for folder in ("notebooks", "exercises"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents/{folder}") as told:
                assert json.load(told)["content"]
    finally:
        lab.send_signal(signal.SIGTERM)
        lab.wait(timeout=60)
    assert (tmp_path / "my course" / "notebooks" / "00_start_here.ipynb").is_file()
