"""Write the course's notebooks and exercises into a folder of the learner's own, and open it in JupyterLab.

Notebooks come without their outputs: nothing is answered before the learner acts.

A learner's work is never overwritten. `.marginlib-course.json` in the folder holds the SHA-256 of each file as it was
written, so a later version of the course updates what nobody touched; beside a file that was changed it puts the new
one, under the old name with the version in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from marginlib import __version__
from marginlib.errors import MarginError, wrong
from marginlib.files import write_whole

START = "notebooks/00_start_here.ipynb"
KERNEL_START = Path(__file__).with_name("kernel_start.py")
MANIFEST = ".marginlib-course.json"
_FOLDERS = ("notebooks", "exercises")
_TEACHERS = ("exercises/source/", "exercises/nbgrader_config.py", "exercises/item_analysis.ipynb")
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What became of each file of the course, by its name below the folder.

    Args:
        folder: where the course is.
        new: files that were not there.
        updated: files that nobody had changed, now those of this version.
        same: files that were already those of this version.
        kept: files that somebody changed; left as they are.
        beside: for a kept file that this version has otherwise, where the course's file stands now.
    """

    folder: Path
    new: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return it in words."""
        counts = f"{len(self.new)} new, {len(self.updated)} updated, {len(self.same)} as before, {len(self.kept)} kept"
        lines = [f"The course is in {self.folder}: {counts}."]
        lines += [f"You changed {name}: kept." for name in self.kept if name not in dict(self.beside)]
        lines += [f"You changed {name}: kept. This version's file is {other}." for name, other in self.beside]
        return "\n".join(lines)


def write_course(folder: str | Path, *, teach: bool = False) -> Written:
    """Write the notebooks and exercises of this version into a folder, and keep what a learner changed there.

    Args:
        folder: where to; it is made when it is not there.
        teach: whether to write, besides, what a graded course is made from: nbgrader's sources and settings.

    Raises:
        MarginError: it is a file, lies inside the library, or cannot be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as empty:
        ...     first = write_course(Path(empty) / "my-course")
        ...     again = write_course(Path(empty) / "my-course")
        >>> "notebooks/00_start_here.ipynb" in first.new, again.new, again.same == first.new
        (True, (), True)
    """
    target, source = Path(folder).expanduser().absolute(), _source()
    real = target.resolve()
    if target.exists() and not target.is_dir():
        raise wrong("folder", str(target), "there is a file of this name; give a folder, which may be new")
    if real == source or any(real.is_relative_to(own) for own in (_PACKAGE, *(source / each for each in _FOLDERS))):
        raise wrong("folder", str(target), "the library itself is there; give a folder of your own, such as my-course")
    try:
        target.mkdir(parents=True, exist_ok=True)
        hashes = _read_hashes(target / MANIFEST)
        found: dict[str, list[Any]] = {"new": [], "updated": [], "same": [], "kept": [], "beside": []}
        for name in _names(source, teach=teach):
            content = (source / name).read_bytes()
            if name.endswith(".ipynb"):
                content = _unopened(content, run=not name.startswith("notebooks/"))
            _place(target, name, content, hashes, found)
        manifest = {"format": "marginlib-course", "version": 1, "marginlib": __version__, "files": hashes}
        write_whole(target / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        give = f"{error.strerror or error} ({error.filename}); give a folder you can write to"
        raise wrong("folder", str(folder), give) from error
    return Written(folder=target, **{key: tuple(value) for key, value in found.items()})


def open_course(folder: str | Path, words: Sequence[str] = ()) -> None:
    """Open the first notebook of a written course in JupyterLab; return when JupyterLab ends.

    Args:
        folder: where the course is.
        words: what else JupyterLab is told, such as "--no-browser".

    Raises:
        MarginError: JupyterLab is not installed.
    """
    if find_spec("jupyterlab") is None:
        raise MarginError(
            'JupyterLab is not installed: in the repository, python -m pip install ".[course]"; '
            "or open the folder in another Jupyter"
        )
    from jupyterlab.labapp import LabApp  # noqa: PLC0415 - only here is it needed

    # People are root in a container, and JupyterLab refuses root unless it is told.
    may = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    os.environ.setdefault("PYTHONSTARTUP", str(KERNEL_START))  # kernels load the library while the page is read
    here = [f"--ServerApp.root_dir={Path(folder).expanduser().absolute()}", f"--LabApp.default_url=/lab/tree/{START}"]
    LabApp.launch_instance([*here, *may, *words])


def _source() -> Path:
    """Return the folder that holds the course: inside an installed library, or the checkout around it."""
    for place in (_PACKAGE / "jupyter" / "course_files", _PACKAGE.parent):
        if (place / START).is_file():
            return place
    raise MarginError(f"the course's files are not beside the library in {_PACKAGE}: install marginlib again")


def _names(source: Path, *, teach: bool = False) -> Iterator[str]:
    """Yield the names of the course's files: no hidden ones, and those that only a teacher needs where one asks."""
    for folder in _FOLDERS:
        for path in sorted((source / folder).rglob("*")):
            name = _below(source, path)
            hidden = any(part.startswith((".", "__")) for part in name.split("/"))
            if path.is_file() and not hidden and (teach or not name.startswith(_TEACHERS)):
                yield name


def _unopened(content: bytes, *, run: bool) -> bytes:
    """Return a notebook with what JupyterLab would write of this kernel, so that it opens unchanged.

    It keeps its outputs where it has been `run`; else it is as nobody has run it.
    """
    notebook = json.loads(content)
    if find_spec("ipykernel"):
        from ipykernel.ipkernel import IPythonKernel  # noqa: PLC0415 - only here are they needed
        from ipykernel.kernelspec import get_kernel_dict  # noqa: PLC0415

        spec = {"name": "python3", "display_name": get_kernel_dict()["display_name"], "language": "python"}
        notebook["metadata"] |= {"kernelspec": spec, "language_info": IPythonKernel.language_info}
    if not run:
        notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and not run:
            cell |= {"outputs": [], "execution_count": None}
    return f"{json.dumps(notebook, indent=1, ensure_ascii=False)}\n".encode()


def _place(target: Path, name: str, content: bytes, hashes: dict[str, str], found: dict[str, list[Any]]) -> None:
    """Write one file unless somebody changed what is there, and note what was done."""
    path, new = target / name, _hash(content)
    old = _hash(path.read_bytes()) if path.exists() else None
    written = hashes.get(name)
    if old in {None, new, written}:
        if old != new:
            write_whole(path, content)
        hashes[name] = new
        found["new" if old is None else "same" if old == new else "updated"].append(name)
        return
    found["kept"].append(name)
    if written != new:  # the course's file is not the one that was changed here
        beside, number = path.with_name(f"{path.stem}.{__version__}{path.suffix}"), 1
        while beside.exists() and _hash(beside.read_bytes()) not in {new, hashes.get(_below(target, beside))}:
            number += 1
            beside = path.with_name(f"{path.stem}.{__version__}-{number}{path.suffix}")
        write_whole(beside, content)
        hashes[_below(target, beside)] = new
        found["beside"].append((name, _below(target, beside)))


def _below(folder: Path, path: Path) -> str:
    """Return a file's name below a folder."""
    return path.relative_to(folder).as_posix()


def _read_hashes(path: Path) -> dict[str, str]:
    """Return what was written before; what cannot be read counts as nothing, so every other file is the learner's."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["files"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return {}


def _hash(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return sha256(content).hexdigest()
