"""Live figures: an `Explorer` with its controls in the browser, drawn from what Python computes. No arithmetic here.

A figure of few states goes to the browser whole and needs no kernel afterwards. Any other asks Python for each state:
one question at a time, and the last position wins. While the hand rests, the states that one control can reach are
computed and sent ahead, so that the next move along one control needs no question.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from marginlib.drawing.chart import Control, Explorer
from marginlib.drawing.frames import form, frame, lattice, neighbours, position, precomputed, settings
from marginlib.drawing.style import css
from marginlib.errors import wrong

__all__ = ["ControlValue", "ExplorerPanel", "explore"]

_HERE = Path(__file__).parent
_REST, _BREATH = 0.5, 0.02  # s without a question until states are computed ahead; s between them, for other work
_DARK = (
    f'[data-jp-theme-light="false"] .marginlib-figure{{{css("dark")}}}'
    f"@media (prefers-color-scheme:dark){{body:not([data-jp-theme-light]) .marginlib-figure{{{css('dark')}}}}}"
)
# Where the reader's own colours rule, dashes, markers and hatching tell the ideas apart.
_OWN = ";".join(
    f"{name}:{'Canvas' if name.endswith(('page', 'face', 'grid')) else 'CanvasText'}!important"
    for name, _, _ in (each.partition(":") for each in css("light").split(";"))
)


class ControlValue:
    """One control of a panel: what it stands at, to read and to set.

    Args:
        panel: the panel that it belongs to.
        control: what it can be set to.

    Raises:
        MarginError: it is set to a value that it cannot take.

    Example:
        >>> from marginlib.course import figures
        >>> leverage = explore(figures.ISOLATED).controls["leverage"]
        >>> leverage.value = 20
        >>> leverage.label, leverage.value
        ('leverage setting', 20)
    """

    def __init__(self, panel: ExplorerPanel, control: Control) -> None:
        self._panel, self._control = panel, control

    @property
    def label(self) -> str:
        """Its name for the reader."""
        return self._control.label

    @property
    def value(self) -> Any:  # noqa: ANN401 - a figure decides what its controls can be set to
        """What it stands at."""
        return self._panel.settings[self._control.name]

    @value.setter
    def value(self, value: object) -> None:
        if value not in self._control.values:
            raise wrong(self._control.name, value, f"give one of {', '.join(map(repr, self._control.values))}")
        self._panel.at = position(self._panel.explorer, self._panel.settings | {self._control.name: value})


class ExplorerPanel(anywidget.AnyWidget):
    """The controls of an explorer above its picture, its sentence and its table, all of them live.

    Args:
        explorer: the figure to explore.

    Example:
        >>> from marginlib.course import figures
        >>> ExplorerPanel(figures.ISOLATED)
        [Interactive figure: One position with its own collateral. Run the cell to use it.]
    """

    _esm = (_HERE / "live.js").read_text(encoding="utf-8")
    _css = f".marginlib-figure{{{css('light')}}}{_DARK}@media (forced-colors:active){{.marginlib-figure{{{_OWN}}}}}" + (
        _HERE / "live.css"
    ).read_text(encoding="utf-8")

    form = traitlets.Dict().tag(sync=True)
    first = traitlets.Dict().tag(sync=True)  # the frame of the start, readable at once
    start: traitlets.List[int] = traitlets.List().tag(sync=True)
    packed = traitlets.Bytes().tag(sync=True)  # every frame, where the figure needs no kernel
    # Where the controls stand. The browser knows what it has sent: an echo would pull its sliders back.
    at: traitlets.List[int] = traitlets.List().tag(sync=True, echo_update=False)

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self._known: dict[tuple[int, ...], tuple[dict[str, Any], list[bytes]]] = {}
        self._ahead: asyncio.TimerHandle | None = None
        start = position(explorer, {control.name: control.start for control in explorer.controls})
        numbers, texts = frame(explorer())
        super().__init__(
            form=form(explorer),
            first={"numbers": [[None if isnan(each) else each for each in some] for some in numbers], "texts": texts},
            packed=lattice(explorer) if precomputed(explorer) else b"",
            start=start,
            at=start,
        )
        self.on_msg(self._asked)

    def __repr__(self) -> str:
        """Return what stands for the panel where no kernel runs."""
        return f"[Interactive figure: {self.explorer.title}. Run the cell to use it.]"

    @property
    def controls(self) -> dict[str, ControlValue]:
        """The controls by name."""
        return {control.name: ControlValue(self, control) for control in self.explorer.controls}

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the controls."""
        return settings(self.explorer, self.at)

    @property
    def sentence(self) -> str:
        """The sentence below the picture."""
        return self.explorer(**self.settings).sentence

    @traitlets.validate("at")
    def _inside(self, proposal: Mapping[str, Any]) -> list[int]:
        """Refuse a position that the controls cannot take."""
        settings(self.explorer, proposal["value"])
        return list(proposal["value"])

    def _asked(self, _: object, content: Mapping[str, Any], __: object) -> None:
        """Answer the browser: the frame of where its controls stand."""
        if self._ahead:
            self._ahead.cancel()
        self.set_state({"at": content["ask"]})
        self.send(*self._answer(tuple(self.at)))
        self._look_ahead(neighbours(self.explorer, self.at), _REST)

    def _answer(self, at: tuple[int, ...]) -> tuple[dict[str, Any], list[bytes]]:
        """Return the frame of a state as the browser gets it, computed once."""
        if at not in self._known:
            numbers, texts = frame(self.explorer(**settings(self.explorer, at)))
            content = {"at": at, "lengths": [len(each) for each in numbers], "texts": texts}
            self._known[at] = content, [array("f", (each for some in numbers for each in some)).tobytes()]
        return self._known[at]

    def _look_ahead(self, states: Iterator[tuple[int, ...]], seconds: float) -> None:
        """Compute and send these states while nobody asks, one at a time, the first after some seconds."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a browser asks through a running loop; a script has no hand that rests
            return

        def compute() -> None:
            state = next((each for each in states if each not in self._known), None)
            if state is not None:
                content, buffers = self._answer(state)
                self.send({**content, "ahead": True}, buffers)
                self._look_ahead(states, _BREATH)

        self._ahead = loop.call_later(seconds, compute)


def explore(explorer: Explorer) -> ExplorerPanel:
    """Return a figure with its controls, to be shown as a cell's result.

    Args:
        explorer: a figure of `marginlib.course.figures`, or one of your own.

    Example:
        >>> from marginlib.course import figures
        >>> panel = explore(figures.ISOLATED)
        >>> panel.controls["leverage"].value = 20
        >>> panel.sentence.split(". ")[1]
        'The pool is liquidated at 57,228.92 (-4.6 %) and bankrupt at 57,000.00.'
    """
    return ExplorerPanel(explorer)
