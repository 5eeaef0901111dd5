"""What Python fetches before a notebook has it, and while a reader reads: the library, then what draws pictures.

The kernel is ready before all of it is there, and a cell waits for what it needs.
"""

import asyncio
from collections.abc import Awaitable

from pyodide_js import loadPackage


async def _library() -> None:
    await loadPackage("marginlib")


async def _everything() -> None:
    await library
    await taken.wait()
    await asyncio.sleep(0.3)  # a cell that waits comes first
    import marginlib.course.notebook  # noqa: F401, PLC0415 - takes a second or two, which most first cells would wait

    await loadPackage("matplotlib")


taken = asyncio.Event()  # a notebook has this kernel
library = asyncio.ensure_future(_library())
everything = asyncio.ensure_future(_everything())


async def wait(code: str, place: int, asked: Awaitable[object]) -> None:
    """Wait for what a cell needs.

    Args:
        code: the cell.
        place: how many cells were run, with this one; the first brings the names.
        asked: what fetches the packages that the cell imports.
    """
    await asked
    if place > 1 or "import" in code:  # a first cell that brings no names needs nothing
        draws = any(word in code for word in ("static", "still", "matplotlib"))
        await (library if place == 1 and not draws else everything)
