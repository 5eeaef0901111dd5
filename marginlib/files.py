"""Files are written whole or not at all: the one writer that every room uses."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Let a file hold this, or, if anything fails, what it held before.

    A new file beside it (`.<name>.<letters>.tmp`), flushed to the disk, takes its place; it keeps the old one's rights.
    Missing folders are made. Two writers at once are no harm: the later one wins.

    Args:
        path: the file.
        content: what it is to hold; a text is written in UTF-8, its line ends as they are.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with part.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # there only if something failed, be it a keyboard interrupt
    # The new name reaches the disk with its folder, where a system can do that.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
