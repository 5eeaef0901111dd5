from __future__ import annotations

import re

import ipywidgets
import pytest
from test_figures import EXPLORERS

from marginlib import figures
from marginlib.widgets import explore


def texts(panel):
    return [child.value for child in panel.children if isinstance(child, ipywidgets.HTML)]


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda explorer: explorer.name)
def test_every_control_moves_picture_sentence_and_table(explorer):
    panel = explore(explorer)
    assert len(repr(panel)) <= 110  # ipywidgets cuts a longer one
    for name, control in panel.controls.items():
        values = next(each for each in explorer.controls if each.name == name).values
        before = texts(panel)
        control.value = next(value for value in values if value != control.value)
        after = texts(panel)
        chart = explorer(**panel.settings)
        assert before[1] != after[1]
        assert chart.alt.split(". ")[0][:40] in ipywidgets.HTML(re.search('alt="([^"]*)"', after[1])[1]).value
        assert panel.sentence == chart.sentence
        assert before[0] == after[0]


def test_the_sentence_is_announced_and_controls_have_names():
    panel = explore(figures.ISOLATED)
    assert 'aria-live="polite"' in texts(panel)[2]
    assert [control.description for control in panel.controls.values()] == [
        "direction",
        "leverage setting",
        "margin added",
    ]
    assert isinstance(panel.controls["direction"], ipywidgets.ToggleButtons)


def test_without_a_kernel_a_sentence_stands_for_the_panel():
    shown = repr(explore(figures.TASTE))
    assert shown == "[Interactive figure: One trade, two margin modes. Run the cell to use it.]"
