"""A notebook as one page that needs nothing else: `jupyter nbconvert --to lesson NOTEBOOK`.

nbconvert's own HTML page fetches a widget manager, MathJax and more when it is opened. A lesson asks nothing of the
network: what a live figure needs is its saved state and its own small script, and both stand in the page. Widgets that
cannot live without Python give way to the text that stands for them.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from nbconvert.preprocessors import Preprocessor
from traitlets import default

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
TEMPLATES = Path(__file__).parent / "templates"


def is_live_figure(model: Any) -> bool:  # noqa: ANN401 - a widget's saved state
    """Return whether a saved widget draws itself, whichever version saved it; a form needs Python to answer.

    Example:
        >>> saved = {"_anywidget_id": "marginlib.drawing.live.ExplorerPanel", "_esm": "export default {}"}
        >>> is_live_figure({"state": saved}), is_live_figure(None)
        (True, False)
    """
    state = model.get("state") if isinstance(model, dict) else None
    return isinstance(state, dict) and str(state.get("_anywidget_id")).endswith(".ExplorerPanel") and "_esm" in state


class LiveFigures(Preprocessor):
    """Put the saved state of live figures into the page, and other widgets' texts in their place."""

    def preprocess(self, notebook: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        """Return the notebook without widget views, and the resources with the figures' state."""
        widgets = notebook.metadata.pop("widgets", None) or {}
        saved: dict[str, Any] = (widgets.get(STATE) or {}).get("state") or {}
        still = 0  # figures whose state was not saved
        sources: list[dict[str, str]] = []  # script and style of a figure, given once for all that share them
        figures: dict[str, Any] = {}
        views = (each for cell in notebook.cells for each in cell.get("outputs", []) if VIEW in each.get("data", {}))
        for output in views:
            name = output.data.pop(VIEW)["model_id"]
            model: Any = saved.get(name)
            if not is_live_figure(model):
                still += str(output.data.get("text/plain", "")).startswith("[Interactive figure")
                continue
            state = dict(model["state"])
            source = {"esm": state.pop("_esm"), "css": state.pop("_css", "")}
            if source not in sources:
                sources.append(source)
            figures[name] = {"source": sources.index(source), "state": state, "buffers": model.get("buffers", [])}
            output.data["text/html"] = f'<div data-live-figure="{escape(name)}"></div>'
        if still:  # JupyterLab, Notebook and VS Code save a notebook without them
            name = resources.get("metadata", {}).get("name", "NOTEBOOK")
            self.log.warning(
                "Live figures saved without their frames: %d. Type: jupyter nbconvert --to lesson --execute %s.ipynb",
                still,
                name,
            )
        page = json.dumps({"sources": sources, "figures": figures})
        # "</" would end the script element that the state stands in.
        resources["live_figures"] = page.replace("</", "<\\/") if figures else ""
        resources["live_figures_script"] = (TEMPLATES / "lesson" / "live_figures.js").read_text(encoding="utf-8")
        return notebook, resources


class LessonExporter(HTMLExporter):
    """Write a notebook as one HTML page with live figures, for nbconvert's `--to lesson`."""

    export_from_notebook = "Lesson (HTML, offline)"

    @default("template_name")
    def _template_name(self) -> str:
        return "lesson"

    @default("extra_template_basedirs")
    def _template_folders(self) -> list[str]:
        return [str(TEMPLATES)]

    @default("preprocessors")
    def _preprocessors(self) -> list[Any]:
        return [LiveFigures]
