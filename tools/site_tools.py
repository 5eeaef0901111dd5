"""What building the site and the book share: programs, environments of their own, a folder of what was fetched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".site-cache"
OWNER = os.environ.get("GITHUB_REPOSITORY_OWNER", "OWNER")  # of the links, as GitHub names it where it builds the pages


class SiteError(Exception):
    """Something that the site needs is missing, or is not what it should be."""


def run(*words: object, where: Path = ROOT) -> str:
    """Run a program and return what it printed; its own words are the error where it fails."""
    done = subprocess.run([str(each) for each in words], cwd=where, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SiteError(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def environment(name: str) -> Path:
    """Return the programs of an environment with what `tools/NAME-requirements.txt` lists, by hash; it is made once."""
    wanted = ROOT / "tools" / f"{name}-requirements.txt"
    place = CACHE / f"{name}-{sha256(wanted.read_bytes()).hexdigest()[:12]}"
    programs = place / ("Scripts" if sys.platform == "win32" else "bin")
    if not (place / "complete").exists():
        run(sys.executable, "-m", "uv", "venv", "--quiet", "--clear", "--python", sys.executable, place)
        run(
            sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--python", place, "-r", wanted
        )
        (place / "complete").touch()
    return programs


def write_json(path: Path, content: object) -> None:
    """Write JSON, which is YAML too."""
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def without(folder: Path, names: tuple[str, ...]) -> None:
    """Take files of these names away, wherever they are in a folder."""
    for path in (each for name in names for each in folder.rglob(name)):
        path.unlink()
