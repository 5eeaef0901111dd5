"""What the kernel fetches while its reader still reads: the library with numpy and pandas, then what draws pictures.

The kernel is ready before, and a cell waits for what it needs.
"""

import asyncio
from collections.abc import Awaitable

from pyodide_js import loadPackage


async def _library() -> None:
    await loadPackage("marginlib")


async def _everything() -> None:
    await library
    await asyncio.sleep(0)  # a cell that waits for the library comes first
    import marginlib.course.notebook  # noqa: F401, PLC0415 - takes a second or two, which most first cells would wait

    await loadPackage("matplotlib")


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
    draws = any(word in code for word in ("static", "still", "matplotlib"))
    await (library if place == 1 and not draws else everything)
