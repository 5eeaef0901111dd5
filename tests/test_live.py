from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_figures import EXPLORERS

from marginlib import MarginError, UnknownNameError
from marginlib.course import figures
from marginlib.drawing.frames import pack
from marginlib.drawing.live import explore


@pytest.fixture(scope="module", params=EXPLORERS, ids=lambda explorer: explorer.name)
def panel(request):
    return explore(request.param)


def chart(panel):
    controls = panel.explorer.controls
    return panel.explorer(**{each.name: each.values[k] for each, k in zip(controls, panel.at, strict=True)})


def test_every_control_moves_and_the_browser_hears_where_it_stands(panel):
    heard = []
    panel.observe(lambda change: heard.append(change.new), "at")
    assert len(repr(panel)) <= 110  # a notebook cuts a longer one
    for place in range(len(panel.at)):
        before, at = chart(panel), list(panel.at)
        at[place] = int(at[place] == 0)
        panel.at = at
        assert heard[-1] == at
        assert chart(panel) != before
    panel.unobserve_all("at")


def test_what_the_browser_sends_is_not_sent_back(panel):
    sent = []
    panel.send_state = lambda key=None: sent.append(key)
    try:
        panel.set_state({"at": [0] * len(panel.at)})
    finally:
        del panel.send_state
    assert panel.at == [0] * len(panel.at)
    assert sent in ([], [set()])


def test_a_place_outside_is_refused(panel):
    before = panel.at
    for at in ([], [-1] * len(before), [10_000] * len(before)):
        with pytest.raises(MarginError, match="one place for each control"):
            panel.at = at
    assert panel.at == before


def test_a_value_that_a_control_cannot_take_is_named():
    with pytest.raises(MarginError, match="leverage = 7: give one of 1, 2, 3, 5"):
        figures.ISOLATED(leverage=7)
    with pytest.raises(UnknownNameError, match=r"'lever' \(did you mean leverage\?\): ISOLATED has direction, lev"):
        figures.ISOLATED(lever=2)


def test_the_state_is_the_frames_and_where_the_controls_stand(panel):
    state = panel.get_state()
    own = {name for name in panel.keys if name not in {"layout", "tabbable", "tooltip"} and not name.startswith("_")}
    assert own == {"packed", "at", "path"}
    assert state["packed"] == (panel.explorer.packed or pack(panel.explorer))
    json.dumps(state["at"])
    assert len(state["_esm"]) + len(state["_css"]) < 44_000


def test_a_figure_of_ones_own_is_packed_on_the_spot():
    from dataclasses import replace  # noqa: PLC0415

    own = replace(figures.CONTAGION, packed=b"")
    assert explore(own).packed == pack(own) != b""


def test_without_a_kernel_a_sentence_stands_for_the_panel():
    panel = explore(figures.TASTE)
    shown = "[Interactive figure: One trade, two margin modes. Run the cell to use it.]"
    assert repr(panel) == panel._repr_mimebundle_()[0]["text/plain"] == shown


def test_a_live_figure_of_the_scalar_engine_loads_neither_matplotlib_nor_numpy_nor_pandas():
    code = (
        "import sys\n"
        "from marginlib.course import figures\n"
        "from marginlib.drawing import explore\n"
        "explore(figures.SURVIVAL_MAP)\n"
        "print({'matplotlib', 'numpy', 'pandas'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.strip() == "set()"
