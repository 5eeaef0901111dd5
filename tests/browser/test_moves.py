"""Every control moves by keyboard, and the figure then shows what the library computes for that state.

What a figure does by itself is tried on the page from the disk; what JupyterLab could do to it, in JupyterLab.
"""

import pytest
from access import check
from figure import live_figures


@pytest.fixture
def page(lesson):
    return lesson[0]


@pytest.fixture
def figures_shown(page):
    return _some(live_figures(page))


@pytest.fixture
def in_jupyterlab(opened):
    return _some(live_figures(opened.page))


def _some(found):
    if not found:
        pytest.skip("this notebook has no live figure")
    return found


def _ends(last):
    """Keys of a slider, each with the position that it leads to."""
    return [("End", last), ("ArrowLeft", last - 1), ("Home", 0), ("ArrowRight", 1), ("ArrowUp", min(2, last))]


def _steps(control, many):
    """Milliseconds in which a control that plays would have gone so many steps further."""
    return many * min(900, max(60, 6_000 / (len(control.values) - 1)))


def _wraps(start, count):
    """Keys of a choice: once around."""
    return [("ArrowRight", (start + step) % count) for step in range(1, count + 1)]


def test_figures_start_as_the_library_says(opened, in_jupyterlab):
    for figure, first in zip(in_jupyterlab, opened.first, strict=True):
        start = [control.values.index(control.start) for control in figure.explorer.controls]
        assert figure.differences(start, first) == {}


def test_jupyterlab_leaves_the_keys_to_a_control(opened, in_jupyterlab):
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    for figure in in_jupyterlab:
        for place, control in enumerate(figure.explorer.controls):
            state = figure.state()
            figure.input(control).focus()
            cell = opened.page.evaluate(active)
            last = len(control.values) - 1
            key, index = _wraps(state[place], last + 1)[0] if control.choice else _ends(last)[0]
            opened.page.keyboard.press(key)
            state[place] = index
            figure.wait_for(state)
            assert figure.differences(state) == {}, (figure.explorer.name, control.name, key)
            assert figure.seen()["focus"] == control.name
            assert opened.page.evaluate(active) == cell
        assert figure.misplaced(state) == [], figure.explorer.name


def test_every_control_moves_by_keyboard(page, figures_shown):
    for figure in figures_shown:
        for place, control in enumerate(figure.explorer.controls):
            state = figure.state()
            figure.input(control).focus()
            last = len(control.values) - 1
            for key, index in _wraps(state[place], last + 1) if control.choice else _ends(last):
                page.keyboard.press(key)
                state[place] = index
                figure.wait_for(state)
                assert figure.differences(state) == {}, (figure.explorer.name, control.name, key)
                assert figure.misplaced(state) == [], (figure.explorer.name, control.name, key)
                assert figure.seen()["focus"] == control.name


def test_the_last_position_wins(opened, in_jupyterlab):
    states = []
    for figure in in_jupyterlab:
        control = max(figure.explorer.controls, key=lambda each: 0 if each.choice else len(each.values))
        place, state = figure.explorer.controls.index(control), figure.state()
        figure.input(control).focus()
        opened.page.keyboard.press("Home")
        for _ in range(len(control.values) - 2):
            opened.page.keyboard.press("ArrowRight")  # faster than the page draws
        state[place] = len(control.values) - 2
        figure.wait_for(state)
        states.append(state)
    opened.page.wait_for_timeout(700)  # what Python hears must not undo it
    for figure, state in zip(in_jupyterlab, states, strict=True):
        assert figure.differences(state) == {}, figure.explorer.name


def test_play_moves_and_pause_stops(page, figures_shown):
    for figure in figures_shown:
        for control in figure.explorer.controls:
            button = figure.root.locator(f"[data-play='{control.name}']")
            if button.count() == 0:
                continue
            place = figure.explorer.controls.index(control)
            figure.input(control).focus()
            page.keyboard.press("Home")
            start = figure.state()
            start[place] = 0
            figure.wait_for(start)
            button.focus()
            page.keyboard.press("Space")
            page.wait_for_function(
                "([root, place]) => +root.dataset.state.split(',')[place] >= 2",
                arg=[figure.root.element_handle(), place],
            )
            page.keyboard.press("Space")
            page.wait_for_timeout(200)  # the step under way arrives
            paused = figure.state()
            page.wait_for_timeout(_steps(control, 1.6))
            assert figure.state() == paused, figure.explorer.name
            assert 2 <= paused[place] < len(control.values)
            assert figure.differences(paused) == {}


def test_the_stepper_and_the_crash_replay_can_play(figures_shown):
    for figure in figures_shown:
        if figure.explorer.name in {"LIQUIDATION_STEPS", "CRASH_REPLAY"}:
            assert figure.root.locator("[data-play]").count() == 1


def test_with_less_motion_the_button_goes_one_step(page, figures_shown):
    page.emulate_media(reduced_motion="reduce")
    try:
        for figure in figures_shown:
            for place, control in enumerate(figure.explorer.controls):
                button = figure.root.locator(f"[data-play='{control.name}']")
                if button.count() == 0:
                    continue
                state = figure.state()
                figure.input(control).focus()
                page.keyboard.press("Home")
                button.focus()
                for step in (1, 2):
                    page.keyboard.press("Space")
                    state[place] = step
                    figure.wait_for(state)
                page.wait_for_timeout(_steps(control, 1.6))
                assert figure.differences(state) == {}
    finally:
        page.emulate_media(reduced_motion="no-preference")


_THREE_STEPS = """async input => {
    for (const _ of [1, 2, 3]) {
        input.stepUp()
        input.dispatchEvent(new Event('input', {bubbles: true}))
        await new Promise(done => setTimeout(done)) // whoever speaks at once is heard; a stall ends here first
    }
}"""


def test_the_live_region_speaks_once_a_pause(page, figures_shown):
    moved = []  # figures are moved one after the other, and their pauses waited for together
    for figure in figures_shown:
        control = max(figure.explorer.controls, key=lambda each: 0 if each.choice else len(each.values))
        place, state = figure.explorer.controls.index(control), figure.state()
        figure.input(control).focus()
        for key, index in (("Home", 0), ("ArrowRight", 1)):  # wherever it stood, something new is said
            page.keyboard.press(key)
            state[place] = index
            figure.wait_for(state)
        moved.append((figure, control, place, state))
    for figure, control, place, state in moved:
        _wait_until_spoken(figure)
        check(figure.root, "listen")
        # The page makes the moves itself: between presses of a key a busy machine may make a pause of its own.
        figure.input(control).evaluate(_THREE_STEPS)
        state[place] = min(4, len(control.values) - 1)
        figure.wait_for(state)
    for figure, *_ in moved:
        _wait_until_spoken(figure)
    page.wait_for_timeout(300)
    for figure, _, _, state in moved:
        assert figure.root.evaluate("root => root.heard") == [figure.expected(state).sentence], figure.explorer.name


def test_nothing_is_logged_or_asked_for_from_outside(lesson):
    _, record = lesson
    assert (record.faults(), record.outside()) == ([], [])


def _wait_until_spoken(figure):
    text = "root.querySelector('.marginlib-{}').textContent"
    same = f"root => {text.format('live')} === {text.format('sentence')}"
    figure.page.wait_for_function(same, arg=figure.root.element_handle())
