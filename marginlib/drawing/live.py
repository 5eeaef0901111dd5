"""Live figures: an `Explorer` with its controls in the browser, drawn from frames. No arithmetic here.

A figure goes to the browser whole, a frame for every state: it answers in one frame of the screen, and it lives without
a kernel, in a saved notebook, in a lesson's page and in a book.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from marginlib.drawing.chart import Explorer
from marginlib.drawing.frames import pack
from marginlib.drawing.style import css
from marginlib.errors import MarginError

_HERE = Path(__file__).parent
_DARK = (
    f'[data-jp-theme-light="false"] .marginlib-figure{{{css("dark")}}}'
    f"@media (prefers-color-scheme:dark){{body:not([data-jp-theme-light]) .marginlib-figure{{{css('dark')}}}}}"
)
# Where the reader's own colours rule, dashes, markers and hatching tell the ideas apart.
_OWN = ";".join(
    f"{name}:{'Canvas' if name.endswith(('page', 'face', 'grid')) else 'CanvasText'}!important"
    for name, _, _ in (each.partition(":") for each in css("light").split(";"))
)


class ExplorerPanel(anywidget.AnyWidget):
    """The controls of an explorer above its picture, its sentence and its table, all of them live.

    Args:
        explorer: the figure to explore.
    """

    _esm = (_HERE / "live.js").read_text(encoding="utf-8")
    _css = f".marginlib-figure{{{css('light')}}}{_DARK}@media (forced-colors:active){{.marginlib-figure{{{_OWN}}}}}" + (
        _HERE / "live.css"
    ).read_text(encoding="utf-8")

    packed = traitlets.Bytes().tag(sync=True)  # every frame
    # Where the controls stand. The browser knows what it has sent: an echo would pull its sliders back.
    at: traitlets.List[int] = traitlets.List().tag(sync=True, echo_update=False)
    path: traitlets.List[float] = traitlets.List().tag(sync=True, echo_update=False)  # one that a hand has drawn

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        super().__init__(packed=explorer.packed or pack(explorer), at=explorer.places(explorer.settings()))

    def __repr__(self) -> str:
        """Return what stands for the panel where no kernel runs."""
        return f"[Interactive figure: {self.explorer.title}. Run the cell to use it.]"

    @traitlets.validate("at")
    def _inside(self, proposal: Mapping[str, Any]) -> list[int]:
        """Refuse a place that a control does not have."""
        at, counts = list(proposal["value"]), [len(control.values) for control in self.explorer.controls]
        if len(at) != len(counts) or not all(0 <= k < count for k, count in zip(at, counts, strict=True)):
            raise MarginError(f"at = {at}: give one place for each control, from 0 and below {counts}")
        return at


def explore(explorer: Explorer) -> ExplorerPanel:
    """Return a figure with its controls, to be shown as a cell's result.

    Args:
        explorer: a figure of `marginlib.course.figures`, or one of your own.

    Raises:
        MarginError: a figure of your own has too many states to compute them all; the error says what to thin. Or it
            is a chart, which has no controls.

    Example:
        >>> from marginlib.course import figures
        >>> explore(figures.ISOLATED)
        [Interactive figure: One position with its own collateral. Run the cell to use it.]
    """
    if not isinstance(explorer, Explorer):
        raise MarginError("explorer: give a figure without brackets, such as figures.ISOLATED; static shows a chart")
    return ExplorerPanel(explorer)
