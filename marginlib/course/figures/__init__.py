"""What the figures of the course show: each is a function in a module of its own, and is called as that, in capitals.

To add a figure, write its module, then run `python tools/build_frames.py`: the frames of every figure are computed
beforehand, so that nobody waits for them. A module is loaded when its figure is first asked for, for only some need
numpy.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from marginlib.drawing.chart import Explorer
from marginlib.tiers import RiskSchedule

NAMES = [each.name.upper() for each in iter_modules(__path__)]
__all__ = [*NAMES]  # noqa: PLE0604 - a name for each module

TIER_DATE = "2026-09-29"  # of the risk tables that the figures show
# The maintenance rate of the course's first examples: one for every size, before notebook 05 brings the tiers.
FLAT = RiskSchedule.flat(0.004, max_leverage=125)
TIERS_SAID = f"Maintenance follows Binance USD-M's risk tiers of {TIER_DATE}."

LIBRARY = Path(__file__).parents[2]
FRAMES = LIBRARY / "course" / "frames"
# All that can change a number or a word of a figure: the engine with its data, two wings, the figures themselves.
_DATA = ("data/venues/*.json", "data/*.csv")
SOURCES = ("*.py", *_DATA, "market/*.py", "odds/*.py", "drawing/*.py", "course/figures/*.py")


@cache
def sources() -> str:
    """Return the digest of everything that figures are computed from.

    It stands beside the stored frames, and is taken again when one is asked for: after a change of any rule the stored
    frames are left alone and new ones are computed, so that no figure shows a rule that is gone.
    """
    digest = sha256()
    for path in sorted(path for pattern in SOURCES for path in LIBRARY.glob(pattern)):
        digest.update(path.relative_to(LIBRARY).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def __getattr__(name: str) -> Explorer:
    """Return a figure from its module, with its stored frames if they are those of today's sources."""
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    figure: Explorer = getattr(import_module(f"{__name__}.{name.lower()}"), name.lower())
    key, stored = FRAMES / "sources.sha256", FRAMES / f"{name}.frames"
    if stored.exists() and key.exists() and key.read_text(encoding="utf-8").strip() == sources():
        return replace(figure, packed=stored.read_bytes())
    return figure
