"""The widgets of each notebook can be used by keyboard, by screen reader and by weak eyes."""

from access import SERIOUS, WIDGETS, axe, check, check_each, dark, phone, picture, tab_walk, unnamed, zoomed
from figure import live_figures
from playwright.sync_api import expect

AA = 4.5  # contrast of text, WCAG 2.2, 1.4.3
RING = 3.0  # contrast of a focus ring, 1.4.11
LETTERS = 9.0  # pixels; smaller is not read


def regions(opened):
    """Return what each cell with widgets shows: live figures, and any other panel."""
    found = opened.page.locator(WIDGETS)
    return [found.nth(index) for index in range(found.count())]


def _serious(opened):
    """Return the serious findings of axe-core; the others are printed (`pytest -rP` shows them)."""
    found = axe(opened.page, WIDGETS) if regions(opened) else []
    for each in found:
        print(each)  # noqa: T201
    return [each for each in found if each.impact in SERIOUS]


def test_axe_finds_nothing_serious(opened):
    assert _serious(opened) == []


def test_every_control_and_group_has_a_name(opened):
    assert unnamed(regions(opened)) == []


def test_controls_say_what_the_library_calls_them_with_their_units(opened):
    for figure in live_figures(opened.page):
        state = figure.state()
        for control, index in zip(figure.explorer.controls, state, strict=True):
            if control.choice:
                group = figure.root.get_by_role("radiogroup", name=control.label, exact=True).or_(
                    figure.root.get_by_role("group", name=control.label, exact=True)
                )
                expect(group).to_have_count(1)
                expect(figure.input(control)).to_have_accessible_name(control.texts[index])
            else:
                expect(figure.input(control)).to_have_accessible_name(control.label)
                expect(figure.input(control)).to_have_attribute("aria-valuetext", control.texts[index])


def _without_ring(stops):
    return [(name, round(ring, 2)) for name, ring in stops if ring < RING]


def test_tab_reaches_every_control_in_visual_order_and_shows_where_it_is(opened):
    for region in regions(opened):
        stops = tab_walk(region)
        assert [name for name, _ in stops] == check(region, "stops")
        assert _without_ring(stops) == []


def _faint(opened):
    found = [each for region in check_each(opened.page, "contrasts") for each in region]
    return [(round(ratio, 2), text) for ratio, text in found if ratio < AA]


def test_text_stands_out(opened):
    assert _faint(opened) == []


def test_nothing_moves_for_those_who_ask_for_that(opened):
    opened.page.emulate_media(reduced_motion="reduce")
    try:
        assert not any(check_each(opened.page, "moving"))
    finally:
        opened.page.emulate_media(reduced_motion="no-preference")


def _layout_faults(opened):
    faults = [each for name in ("cutOff", "overlaps") for region in check_each(opened.page, name) for each in region]
    small = [(size, text) for size, text in check_each(opened.page, "smallest") if size < LETTERS]
    return faults + [f"'{text}' is {size:.1f} px high" for size, text in small]


def _still_moves(opened):
    """Move each slider to and fro: the words follow the library, and neither slider nor chart changes its size."""
    for figure in live_figures(opened.page):
        sliders = [(k, each) for k, each in enumerate(figure.explorer.controls) if not each.choice]
        for place, control in sliders:
            state, last = figure.state(), len(control.values) - 1
            slider, chart = figure.input(control), figure.root.locator(".marginlib-chart")
            slider.focus()
            sizes = set()
            for key, index in (("Home", 0), ("End", last), ("ArrowLeft", last - 1)):
                opened.page.keyboard.press(key)
                state[place] = index
                figure.wait_for(state)
                assert figure.differences(state) == {}
                boxes = slider.bounding_box(), chart.bounding_box()
                sizes.add(tuple(round(box[side]) for box in boxes for side in ("width", "height")))
            assert len(sizes) == 1, (figure.explorer.name, control.name, sizes)


def _pictures(opened, folder, name):
    for figure in live_figures(opened.page):
        picture(figure.root, folder, f"{opened.path.stem}-{figure.explorer.name}-{name}")


def test_layout_in_a_window(opened):
    assert _layout_faults(opened) == []


def test_a_phone_in_the_dark_theme_shows_and_moves_it(opened, shots):
    """A width changes the layout and a theme the colours, so one pass looks at both."""
    with dark(opened), phone(opened):
        _pictures(opened, shots, "phone")
        assert (_layout_faults(opened), _serious(opened), _faint(opened)) == ([], [], [])
        _still_moves(opened)
        opened.page.keyboard.press("Tab")
        assert _without_ring([stop for region in check_each(opened.page, "rings") for stop in region]) == []


def test_double_zoom_shows_it(opened, shots):
    with zoomed(opened):
        _pictures(opened, shots, "zoom")
        assert _layout_faults(opened) == []
