from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from marginlib.files import write_whole


def test_it_holds_what_it_is_given_and_folders_are_made(tmp_path):
    file = tmp_path / "a" / "b" / "text.txt"
    write_whole(file, "äöü\r\n1\n")
    assert file.read_bytes() == "äöü\r\n1\n".encode()
    write_whole(file, b"\x00\xff")
    assert file.read_bytes() == b"\x00\xff"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path, monkeypatch, broken, error):
    file = tmp_path / "text.txt"
    write_whole(file, "before")

    def cut(*_):
        raise error

    monkeypatch.setattr(*((os, "fsync") if broken == "fsync" else (Path, "replace")), cut)
    with pytest.raises(type(error)):
        write_whole(file, "after")
    assert file.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name == "nt", reason="rights are those of the folder")
def test_the_rights_are_those_of_the_file_before_or_the_usual_ones(tmp_path):
    old, new, usual = (tmp_path / name for name in ("old", "new", "usual"))
    old.write_text("")
    old.chmod(0o640)
    write_whole(old, "1")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    usual.write_text("")
    write_whole(new, "1")
    assert new.stat().st_mode == usual.stat().st_mode
