"""Put controls beside a figure: their values go to an `Explorer`, its chart is drawn again. No arithmetic here."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets

from marginlib.chart import Chart, Control, Explorer
from marginlib.plots import Drawing, table_html, text_html

__all__ = ["ExplorerPanel", "explore"]


class ExplorerPanel(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """The controls of an explorer above its picture, its sentence and its table.

    Args:
        explorer: the figure to explore.

    Example:
        >>> from marginlib import figures
        >>> ExplorerPanel(figures.ISOLATED)
        [Interactive figure: One position with its own collateral. Run the cell to use it.]
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.controls = {control.name: _control(control) for control in explorer.controls}
        chart = explorer()
        self._drawing = Drawing(chart)
        self._picture, self._sentence, self._table = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self._show(chart)
        help_text = "Click a control, then move it with the arrow keys or drag it."
        super().__init__(
            [
                ipywidgets.HTML(f"<b>{escape(explorer.title)}</b><br><small>{help_text}</small>"),
                *self.controls.values(),
                self._picture,
                self._sentence,
                self._table,
            ]
        )
        for control in self.controls.values():
            control.observe(self._moved, names="value")

    def __repr__(self) -> str:
        """Return what stands for the panel where no kernel runs."""
        return f"[Interactive figure: {self.explorer.title}. Run the cell to use it.]"

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the controls."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def sentence(self) -> str:
        """The sentence below the picture."""
        return self.explorer(**self.settings).sentence

    def _moved(self, _: object) -> None:
        """Draw the chart of the controls' new values."""
        chart = self.explorer(**self.settings)
        self._drawing.update(chart)
        self._show(chart)

    def _show(self, chart: Chart) -> None:
        """Show picture, sentence and table of a chart, together."""
        self._picture.value = self._drawing.img(chart.alt)
        self._sentence.value = f'<p aria-live="polite" style="line-height:1.4">{text_html(chart.sentence)}</p>'
        self._table.value = table_html(chart.table)


def explore(explorer: Explorer) -> ExplorerPanel:
    """Return a figure with its controls, to be shown as a cell's result.

    Args:
        explorer: a figure of `marginlib.figures`, or one of your own.

    Example:
        >>> from marginlib import figures
        >>> panel = explore(figures.ISOLATED)
        >>> panel.controls["leverage"].value = 20
        >>> panel.sentence.split(". ")[1]
        'The pool is liquidated at 57,228.92 (-4.6 %) and bankrupt at 57,000.00.'
    """
    return ExplorerPanel(explorer)


def _control(control: Control) -> Any:  # noqa: ANN401 - ipywidgets has no types
    """Return the widget of a control: a choice between words, or a slider along its values."""
    options = list(zip(control.texts, control.values, strict=True))
    kind = ipywidgets.ToggleButtons if control.choice else ipywidgets.SelectionSlider
    return kind(
        options=options,
        value=control.start,
        description=control.label,
        style={"description_width": "11em"} | ({"button_width": "auto"} if control.choice else {}),
        layout=ipywidgets.Layout(width="36em", max_width="100%"),
    )
