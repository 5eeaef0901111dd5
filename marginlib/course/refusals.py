"""What a notebook's page says of a refusal, or of a name that no cell has made yet: the line, the traceback folded."""

from __future__ import annotations

import linecache
from traceback import StackSummary, format_list, walk_tb
from types import TracebackType

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from marginlib.errors import MarginError
from marginlib.words import text_html

_REMEDIES: dict[type[Exception], str] = {
    MarginError: "Change the number, here or in a cell above, and run the cell again.",
    NameError: "If a cell above makes it, run that one first; if that one was refused, mend it. Else look for a slip.",
}


def _show(
    shell: InteractiveShell, kind: type[Exception], error: Exception, trace: TracebackType, **_: object
) -> list[str]:
    """Show the error of a cell; it stays an error for all that run notebooks."""
    frames = [(frame, line) for frame, line in walk_tb(trace)]
    mine = [k for k, (frame, _) in enumerate(frames) if frame.f_globals is shell.user_ns]
    told = [str(error)]
    if mine:
        frame, line = frames[mine[-1]]
        told.append(f"Line {line} of this cell: {linecache.getline(frame.f_code.co_filename, line).strip()}")
    told.append(next(remedy for of, remedy in _REMEDIES.items() if isinstance(error, of)))
    shell._showtraceback(kind, error, told)  # noqa: SLF001 - what a kernel overrides to send an error
    way = "".join(format_list(StackSummary.extract(iter(frames[mine[0] if mine else 0 :]))))
    folded = f"<details><summary>Where in the code</summary><pre>{text_html(way)}</pre></details>"
    shell.display_pub.publish({"text/html": folded, "text/plain": way})
    return told


def show_refusals() -> None:
    """Show such an error in this way from now on, if this is a notebook."""
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc(tuple(_REMEDIES), _show)
