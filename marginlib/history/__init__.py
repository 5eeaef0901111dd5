"""Price paths: recorded key figures of real crashes, bar files, downloads, and seeded generators.

Two records carry every path. `Bars` holds one symbol's bars as a file or the exchange gave them. `PricePath` holds one
mark price per moment and symbol, and a label that says where they come from: recorded, interpolated or generated.
This package needs numpy; `download` needs the optional extra `live` as well.
"""

from marginlib.history.crashes import Crash, KeyFigures, crash, crashes
from marginlib.history.files import read_bars
from marginlib.history.generate import block_bootstrap_path, geometric_brownian_path, jump_diffusion_path
from marginlib.history.live import DownloadError, download
from marginlib.history.records import Bars, PricePath, join_bars

__all__ = [
    "Bars",
    "Crash",
    "DownloadError",
    "KeyFigures",
    "PricePath",
    "block_bootstrap_path",
    "crash",
    "crashes",
    "download",
    "geometric_brownian_path",
    "join_bars",
    "jump_diffusion_path",
    "read_bars",
]
