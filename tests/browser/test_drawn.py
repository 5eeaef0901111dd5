"""A path that a hand draws, and walls moved on the picture: by keyboard and by pointer, as the library says."""

from __future__ import annotations

import nbformat
import pytest
from access import SERIOUS, WIDGETS, axe, check, dark, narrow, phone, tab_walk
from figure import live_figures
from lab import lab_server
from playwright.sync_api import expect

from marginlib.course import figures

pytestmark = pytest.mark.xdist_group("drawn")
CELLS = [
    "from marginlib.course.notebook import *",
    "explore(figures.DRAWN_PATH)",
    "explore(figures.TANKS)",
    "explore(figures.RACE)",
]
NOW = figures.DRAWN_PATH.controls[2]


@pytest.fixture(scope="module")
def notebook(browser, tmp_path_factory):
    home = tmp_path_factory.mktemp("drawn")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), home / "drawn.ipynb")
    with lab_server() as lab, lab.opened(browser, home / "drawn.ipynb") as opened:
        opened.run_all()
        opened.page.wait_for_selector("[data-figure='RACE'][data-ready='true']", timeout=60_000)
        yield opened


def shown(notebook, name):
    return next(each for each in live_figures(notebook.page) if each.explorer.name == name)


def reached(figure, values):
    """Wait for the state of these values of lowest and now; the words are then the library's, the picture too."""
    low, now = (NOW.values.index(value) for value in values)
    state = [figure.state()[0], low, now]
    figure.wait_for(state)
    assert figure.differences(state) == {}
    assert figure.misplaced(state) == []


def test_points_are_chosen_and_moved_by_key(notebook):
    figure, keys = shown(notebook, "DRAWN_PATH"), notebook.page.keyboard
    figure.root.locator("[data-point='1']").focus()
    keys.press("ArrowDown")
    reached(figure, (NOW.path[0] - 2,) * 2)
    keys.press("Home")
    reached(figure, (NOW.values[0],) * 2)
    keys.press("End")
    reached(figure, (0, NOW.values[-1]))  # a path starts unmoved: its lowest is not above
    for _ in range(4):
        keys.press("ArrowRight")
    expect(figure.root.locator("[data-point='5']")).to_be_focused()
    keys.press("ArrowUp")
    reached(figure, (min(NOW.path[1:4]), NOW.path[4] + 2))
    keys.press("ArrowLeft")
    expect(figure.root.locator("[data-point='4']")).to_be_focused()
    expect(figure.root.locator("[data-point='4']")).to_have_accessible_name("Point 4 of 12")
    expect(figure.root.locator("[data-point='4']")).to_have_attribute("aria-valuetext", "-12 %")


def test_a_pointer_draws_the_points_that_it_passes_and_play_walks_them(notebook):
    figure, mouse = shown(notebook, "DRAWN_PATH"), notebook.page.mouse
    figure.root.scroll_into_view_if_needed()
    field = figure.root.locator(".marginlib-field")
    box = field.bounding_box()
    across = [box["x"] + box["width"] * (k + 0.5) / len(NOW.path) for k in range(len(NOW.path))]
    high = {True: box["y"] + 0.8 * box["height"], False: box["y"] + 0.3 * box["height"]}
    mouse.move(across[0], high[False])
    mouse.down()
    for k, x in enumerate(across):
        mouse.move(x, high[k == 6])
    mouse.up()
    drawn = [int(each.input_value()) for each in field.locator("input").all()]
    assert len({place for k, place in enumerate(drawn) if k != 6}) == 1
    assert drawn[6] < drawn[5]
    reached(figure, (NOW.values[drawn[6]], NOW.values[drawn[-1]]))
    figure.root.locator("[data-play='path']").focus()
    notebook.page.keyboard.press("Enter")
    expect(figure.root.locator(".marginlib-path output")).to_have_text("step 3 of 12", timeout=20_000)
    notebook.page.keyboard.press("Enter")
    notebook.page.wait_for_timeout(300)
    state = figure.state()
    assert state[1] == min(state[2], drawn[0])
    assert figure.differences(state) == {}
    notebook.page.keyboard.press("Enter")
    expect(figure.root.locator(".marginlib-path output")).to_have_text("step 12 of 12", timeout=20_000)
    reached(figure, (NOW.values[drawn[6]], NOW.values[drawn[-1]]))


def test_a_path_is_kept_over_a_reload_as_every_slider_is(notebook):
    figure, page = shown(notebook, "DRAWN_PATH"), notebook.page
    figure.root.locator("[data-point='5']").press("ArrowDown")
    read = "root => [...root.querySelectorAll('.marginlib-path :is(input, output)')].map(each => each.value)"
    page.wait_for_timeout(700)  # Python hears of it
    before, state = figure.root.evaluate(read), figure.state()
    notebook.command("docmanager:save")
    page.reload()
    notebook.wait_idle()
    page.wait_for_selector("[data-figure='RACE'][data-ready='true']")
    figure = shown(notebook, "DRAWN_PATH")
    assert (figure.root.evaluate(read), figure.state()) == (before, state)
    assert figure.differences(state) == {}


def test_walls_are_moved_where_they_stand(notebook):
    figure, page = shown(notebook, "TANKS"), notebook.page
    walls = [figure.root.get_by_role("button", name=f"Wall around {coin}") for coin in ("BTC", "ETH")]
    sizes = [each.bounding_box() for each in walls]
    assert all(min(size["width"], size["height"]) >= 24 for size in sizes)
    walls[0].focus()
    page.keyboard.press("Enter")
    state = [1, *figure.state()[1:]]
    figure.wait_for(state)
    walls[1].scroll_into_view_if_needed()
    place = walls[1].bounding_box()
    page.mouse.move(place["x"] + 14, place["y"] + 14)
    page.mouse.down()
    page.mouse.move(place["x"] + 60, place["y"] + 14, steps=3)
    page.mouse.up()
    state[0] = 3
    figure.wait_for(state)
    assert figure.differences(state) == {}
    for wall in walls:
        expect(wall).to_have_attribute("aria-pressed", "true")
    walls[0].focus()
    page.keyboard.press("Space")
    figure.wait_for([2, *state[1:]])
    expect(walls[0]).to_have_attribute("aria-pressed", "false")


def test_field_and_walls_are_open_to_all(notebook):
    for around in (phone, narrow, dark):
        with around(notebook):
            assert [each for each in axe(notebook.page, WIDGETS) if each.impact in SERIOUS] == []
            for figure in live_figures(notebook.page):
                stops = tab_walk(figure.root)
                assert [name for name, _ in stops] == check(figure.root, "stops")
                assert min(ring for _, ring in stops) >= 3
                assert check(figure.root, "cutOff") + check(figure.root, "overlaps") == []
                assert check(figure.root, "smallest")[0] >= 9  # pixels of the page


def test_water_jumps_where_less_motion_is_wanted(notebook):
    page = notebook.page
    figure, water = shown(notebook, "TANKS"), page.locator("[data-figure='TANKS'] .area.equity").first
    flows = "each => parseFloat(getComputedStyle(each).transitionDuration) > 0"
    figure.root.get_by_role("button", name="Wall around BTC").press("Enter")
    assert water.evaluate(flows)
    figure.input(figure.explorer.controls[1]).press("Home")
    assert not water.evaluate(flows)  # it stands where a hand on a slider does
    figure.root.get_by_role("button", name="Wall around BTC").press("Enter")
    page.emulate_media(reduced_motion="reduce")
    try:
        assert [each for figure in live_figures(page) for each in check(figure.root, "moving")] == []
    finally:
        page.emulate_media(reduced_motion="no-preference")
