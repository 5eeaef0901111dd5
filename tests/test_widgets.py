from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from math import isnan

import pytest
from test_figures import EXPLORERS
from test_frames import in_32_bits, split

from marginlib import MarginError
from marginlib.course import figures
from marginlib.drawing.chart import Explorer, slider
from marginlib.drawing.frames import frame, position, precomputed
from marginlib.drawing.live import explore


class Wire:
    """Stands for the connection to the browser: keeps what Python sends."""

    def __init__(self, panel):
        self.panel, self.sent = panel, []
        panel.send = lambda content, buffers=None: self.sent.append((content, buffers))

    def ask(self, at):
        self.panel._handle_custom_msg({"ask": at}, [])  # noqa: SLF001 - what a message from the browser calls
        return self.sent[-1]


@pytest.fixture(scope="module", params=EXPLORERS, ids=lambda explorer: explorer.name)
def panel(request):
    return explore(request.param)


def test_every_control_moves_settings_and_sentence(panel):
    explorer = panel.explorer
    assert len(repr(panel)) <= 110  # a notebook cuts a longer one
    for name, control in panel.controls.items():
        values = next(each for each in explorer.controls if each.name == name).values
        before = explorer(**panel.settings)
        control.value = next(value for value in values if value != control.value)
        assert panel.settings[name] == control.value
        after = explorer(**panel.settings)
        assert panel.sentence == after.sentence
        assert after != before


def test_the_browser_asks_for_a_state_and_gets_its_frame(panel):
    explorer = panel.explorer
    at = [len(control.values) - 1 for control in explorer.controls]
    answer, (buffer,) = Wire(panel).ask(at)
    expected = frame(explorer(**{control.name: control.values[-1] for control in explorer.controls}))
    assert list(answer["at"]) == panel.at == at
    assert tuple(answer["texts"]) == expected.texts
    assert split(answer["lengths"], buffer) == in_32_bits(expected.numbers)
    json.dumps(answer)


def test_what_the_browser_sends_is_not_sent_back(panel):
    sent = []
    panel.send_state = lambda key=None: sent.append(key)
    try:
        Wire(panel).ask([0] * len(panel.at))
    finally:
        del panel.send_state
    assert sent in ([], [set()])


def test_a_position_outside_is_refused(panel):
    before = panel.at
    for at in ([], [-1] * len(before), [10_000] * len(before)):
        with pytest.raises(MarginError, match="one place for each control"):
            panel.at = at
    assert panel.at == before


def test_a_value_that_a_control_cannot_take_is_named():
    panel = explore(figures.ISOLATED)
    with pytest.raises(MarginError, match="leverage = 7: give one of 2, 3, 5"):
        panel.controls["leverage"].value = 7


def test_python_moves_the_browser():
    panel = explore(figures.TASTE)
    heard = []
    panel.observe(lambda change: heard.append(change.new), "at")
    panel.controls["leverage"].value = 100
    assert heard == [position(figures.TASTE, {"leverage": 100})] == [[13]]


def test_the_first_picture_needs_no_second_message(panel):
    first = panel.get_state()["first"]
    expected = frame(panel.explorer())
    assert tuple(first["texts"]) == expected.texts
    assert [[x for x in each if x is not None] for each in first["numbers"]] == [
        [x for x in each if not isnan(x)] for each in expected.numbers
    ]
    json.dumps(first, allow_nan=False)


def test_data_and_code_are_small(panel):
    state = panel.get_state()
    assert len(state["packed"]) * 4 / 3 <= 400_000
    assert bool(state["packed"]) == precomputed(panel.explorer)
    assert len(state["_esm"]) + len(state["_css"]) < 40_000


def test_controls_have_names():
    assert [control.label for control in explore(figures.ISOLATED).controls.values()] == [
        "direction",
        "leverage setting",
        "margin added",
    ]


def test_without_a_kernel_a_sentence_stands_for_the_panel():
    panel = explore(figures.TASTE)
    shown = "[Interactive figure: One trade, two margin modes. Run the cell to use it.]"
    assert repr(panel) == panel._repr_mimebundle_()[0]["text/plain"] == shown


def test_a_live_figure_needs_neither_matplotlib_nor_numpy_nor_pandas():
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'numpy', 'pandas'): sys.modules[name] = None\n"
        "from marginlib.course import figures\n"
        "from marginlib.drawing.still import static\n"
        "from marginlib.drawing.live import explore\n"
        "panel = explore(figures.SURVIVAL_MAP)\n"
        "html = static(figures.TASTE())._repr_mimebundle_()['text/html']\n"
        "assert 'needs matplotlib' in html and '<table>' in html and '<img' not in html\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own code


def test_pictures_load_matplotlib_only_when_one_is_drawn():
    code = "import sys, marginlib.drawing.still\nassert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own code


def test_while_the_hand_rests_what_one_control_can_reach_is_computed(monkeypatch):
    monkeypatch.setattr("marginlib.drawing.live._REST", 0.02)
    monkeypatch.setattr("marginlib.drawing.live._BREATH", 0)
    built = []

    def build(**values):
        built.append(tuple(values.values()))
        return figures.ISOLATED()

    controls = [slider(name, name, (0, 1, 2), 0, "{}") for name in "abc"]
    panel = explore(Explorer(name="E", title="E", controls=tuple(controls), build=build))
    wire = Wire(panel)

    async def rest_then_move():
        wire.ask([1, 0, 0])
        await asyncio.sleep(0.2)
        before = list(built)
        wire.ask([1, 2, 0])
        return before

    before = asyncio.run(rest_then_move())
    reachable = {(0, 0, 0), (2, 0, 0), (1, 1, 0), (1, 2, 0), (1, 0, 1), (1, 0, 2)}
    assert set(before) == reachable | {(1, 0, 0)}
    assert built == before
    assert wire.sent[-1][0]["at"] == (1, 2, 0)
