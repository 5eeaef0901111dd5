"""Build the course as a site that runs in the browser: `python tools/build_site.py [--output DIR] [--pyodide WHERE]`.

The site is JupyterLite: Python runs in the reader's browser, and everything that it needs is served by the site itself.
Left alone, the tool takes Pyodide's core from npm; that has no numpy, so the notebooks that need it can be read there
but not run. With `--pyodide`, a folder, archive or address of the full Pyodide distribution, all notebooks run.

Needs `uv` and `npm`. JupyterLite lives in an environment of its own below `build/`, where downloads are kept too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no installation to build

from marginlib.jupyter.folder import _names

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "site-cache"
PYODIDE = "314.0.6"  # the version that jupyterlite-pyodide-kernel 0.8.6 is made for
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
# Notebooks that run without numpy and matplotlib; tests/test_project.py holds them to it.
BARE = ("00", "01", "02", "03", "04", "05", "07", "08", "12")
KERNEL = {
    "kernelspec": {"display_name": "Python (in this browser)", "language": "python", "name": "python"},
    "language_info": {"name": "python"},
}
# The site's address opens the first notebook; JupyterLite's pages look for the script in it.
INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Margin: a course</title>
<script id="jupyter-config-data" type="application/json" data-jupyter-lite-root=".">{}</script>
<meta http-equiv="refresh" content="0; url=lab/index.html?path=notebooks/00_start_here.ipynb"></head>
<body><a href="lab/index.html?path=notebooks/00_start_here.ipynb">Start here</a></body></html>
"""
READ_ONLY = """**You can read this notebook here, but not run it.** It needs numpy, which this site does not carry.
The course on your own computer runs it: `pip install "marginlib[course]"`, then `marginlib course my-course`."""


def build_site(output: Path, pyodide: str | None = None) -> Path:
    """Build the site and return its folder.

    Args:
        output: where to; what is there is replaced.
        pyodide: the full Pyodide distribution; left out, its core from npm.
    """
    output, lite = output.resolve(), CACHE / "lite"
    shutil.rmtree(lite, ignore_errors=True)
    lite.mkdir(parents=True)
    for name, content in _contents(full=pyodide is not None):
        path = lite / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (lite / "jupyter_lite_config.json").write_text(json.dumps(_configuration(_wheel(), pyodide), indent=1))
    if pyodide is None:
        _core(lite / "static" / "pyodide")
    shutil.rmtree(output, ignore_errors=True)
    # In its own folder, new each time: what it remembers of earlier builds does not know that their output is gone.
    _run(_environment() / "jupyter", "lite", "build", "--output-dir", output, folder=lite)
    if "pyodideUrl" not in (output / "jupyter-lite.json").read_text(encoding="utf-8"):
        msg = "the site would fetch Pyodide from elsewhere: jupyter-lite.json names none of its own"
        raise SystemExit(msg)
    (output / "index.html").write_text(INDEX)
    return output


def _contents(*, full: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the course's files, notebooks with the kernel that the browser has."""
    for name in _names(ROOT):
        path = ROOT / name
        if path.suffix == ".ipynb":
            notebook = json.loads(path.read_text(encoding="utf-8"))
            notebook["metadata"] = KERNEL
            if not full and name.startswith("notebooks/") and path.name[:2] not in BARE:
                note = {"cell_type": "markdown", "id": "read-only", "metadata": {}, "source": READ_ONLY}
                notebook["cells"].insert(1, note)
            yield name, json.dumps(notebook, ensure_ascii=False).encode()
        else:
            yield name, path.read_bytes()


def _configuration(wheel: Path, pyodide: str | None) -> dict[str, Any]:
    """Return what `jupyter lite build` is told: the library's wheel and all that it imports are part of the site."""
    needs = ["anywidget", "filelock", "ipywidgets", "platformdirs"]
    if pyodide is not None:
        needs += ["matplotlib", "numpy"]
    return {
        "LiteBuildConfig": {"no_sourcemaps": True, "no_unused_shared_packages": True, "apps": ["lab"]},
        "PyodideAddon": {} if pyodide is None else {"pyodide_url": pyodide},
        "PyodideLockAddon": {
            "enabled": True,
            "wheels": [str(wheel)],
            "specs": ["comm", "ipython", "jedi", "marginlib", "micropip", "traitlets", *needs],
            "prefetch_extra": ["marginlib", *needs],
        },
    }


def _core(folder: Path) -> None:
    """Unpack Pyodide's core, and a lock that promises no packages beyond it."""
    archive = CACHE / f"pyodide-{PYODIDE}.tgz"
    if not archive.exists():
        _run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", "--pack-destination", CACHE)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        for name in (*CORE, "pyodide-lock.json"):
            packed.extract(f"package/{name}", CACHE, filter="data")
            shutil.copy(CACHE / "package" / name, folder / name)
    lock = json.loads((folder / "pyodide-lock.json").read_text())
    lock["packages"] = {}
    lock["info"]["version"] = PYODIDE
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))


def _wheel() -> Path:
    """Build the library's wheel and return it."""
    folder = CACHE / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    _run("uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _environment() -> Path:
    """Return where the programs of JupyterLite's own environment are; JupyterLab would trip over its extensions."""
    place = CACHE / "env"
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        _run("uv", "venv", "--quiet", "--python", sys.executable, place)
    _run("uv", "pip", "install", "--quiet", "--python", python, f"{ROOT}[site]")
    return python.parent


def _run(*words: object, folder: Path = CACHE) -> None:
    """Run a command, and end with what it said where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            list(map(str, words)), check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
        )
    except FileNotFoundError as missing:
        msg = f"{words[0]} is not installed: the site needs uv and npm"
        raise SystemExit(msg) from missing
    if done.returncode:
        msg = f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}"
        raise SystemExit(msg)


def main() -> None:
    """Build what the command line asks for, and say what it took."""
    parser = argparse.ArgumentParser(description="Build the course as a site that runs in the browser.")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="the site's folder")
    parser.add_argument("--pyodide", help="folder, archive or address of the full Pyodide distribution")
    chosen = parser.parse_args()
    start = time.monotonic()
    site = build_site(chosen.output, chosen.pyodide)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{site}: {size / 1e6:.0f} MB in {time.monotonic() - start:.0f} s")  # noqa: T201


if __name__ == "__main__":
    main()
