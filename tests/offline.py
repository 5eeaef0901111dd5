"""Kernels without a network: what runs first in each, from a folder for the variable IPYTHONDIR."""

from __future__ import annotations

from pathlib import Path

# A cell that asks for a machine elsewhere fails.
OFFLINE = """
import sys as _sys

def _offline(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in ("127.0.0.1", "localhost", "::1"):
        raise OSError(f"tests run offline, and a cell asks for {args[1]}")

_sys.addaudithook(_offline)
del _sys
"""


def offline_kernels(folder: Path) -> str:
    """Make a folder of IPython's whose kernels reach no other machine; return its name for IPYTHONDIR."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-offline.py").write_text(OFFLINE, encoding="utf-8")
    return str(folder)
