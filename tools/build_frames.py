"""Compute the frames of every figure and store them: `python tools/build_frames.py`.

Run it after a change of the engine, of `market`, `odds` or `drawing`, or of a figure; the tests say when it is needed.
A file is written only where its frames have changed.
"""

from __future__ import annotations

from importlib import import_module

from marginlib.course import figures
from marginlib.drawing.frames import pack


def build() -> list[str]:
    """Store the frames of today's sources; return the names of the figures whose frames are others than before."""
    figures.FRAMES.mkdir(exist_ok=True)
    changed = []
    for name in figures.NAMES:
        figure = getattr(import_module(f"{figures.__name__}.{name.lower()}"), name.lower())
        packed, path = pack(figure), figures.FRAMES / f"{name}.frames"
        if not path.exists() or path.read_bytes() != packed:
            path.write_bytes(packed)
            changed.append(name)
    for path in figures.FRAMES.glob("*.frames"):
        if path.stem not in figures.NAMES:
            path.unlink()
    (figures.FRAMES / "sources.sha256").write_text(figures.sources() + "\n", encoding="utf-8")
    return changed


if __name__ == "__main__":
    print("changed:", ", ".join(build()) or "none")
