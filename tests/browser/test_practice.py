"""Questions in a real notebook: answered by keyboard alone, read by a screen reader, kept through a restart."""

from __future__ import annotations

import nbformat
import pytest
from access import SERIOUS, WIDGETS, axe, check, dark, phone, picture, tab_walk, unnamed
from lab import lab_server
from playwright.sync_api import expect

from marginlib.practice.bank import questions
from marginlib.practice.progress import load

pytestmark = pytest.mark.xdist_group("practice")  # one notebook, test after test

ASKED = [each for each in questions() if each.role == "closing"]
PREDICTED, OPEN = [each for each in questions(role="prediction") if each.kind == "number"][:2]
NUMBER = next(each for each in ASKED if each.kind == "number" and each.right is not None)
CHOICE = next(each for each in ASKED if each.kind == "choice")
ORDERING = next((each for each in ASKED if each.kind == "ordering"), None)
REFUTED = next(each for each in ASKED if each.kind == "counterexample")
CELLS = {
    "prediction": f"predict({PREDICTED.id!r})",
    "number": f"ask({NUMBER.id!r})",
    "choice": f"ask({CHOICE.id!r})",
    "ordering": f"ask({ORDERING.id!r})",
    "counterexample": f"ask({REFUTED.id!r})",
    "calibration": "calibration()",
    "progress": "progress_page()",
    "open": f"predict({OPEN.id!r})",  # stays unanswered
}
AA, RING = 4.5, 3.0  # contrasts of text and of a focus ring, WCAG 2.2


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "progress.json"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A notebook with a panel of every kind."""
    path = tmp_path_factory.mktemp("practice") / "practice.ipynb"
    sources = ["from marginlib.practice import ask, calibration, predict, progress_page", *CELLS.values()]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells.insert(2, nbformat.v4.new_markdown_cell("## What the open card above does not hold back"))
    for heading, printed in (("###", "held"), ("##", "free")):
        cells += [nbformat.v4.new_markdown_cell(f"{heading} Below the open card")]
        cells += [nbformat.v4.new_code_cell(f"print({printed!r})")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture(scope="module")
def own_lab(file):
    """A JupyterLab whose kernels keep progress in a file of this test."""
    with lab_server(environment={"MARGINLIB_PROGRESS": str(file)}) as lab:
        yield lab


@pytest.fixture(scope="module")
def practice(browser, own_lab, path):
    with own_lab.opened(browser, path) as notebook:
        notebook.run_all()
        yield notebook


def panel(practice, name):
    return practice.page.locator(".marginlib-form").nth(list(CELLS).index(name))


def reply(practice, name):
    return panel(practice, name).get_by_role("status")


def enter(practice, name):
    """Put the focus on the first field of a panel; that the Tab key reaches it is tested below."""
    field = panel(practice, name).locator("input").first
    field.focus()
    expect(field).to_be_focused()


def press(practice, *keys):
    for key in keys:
        practice.page.keyboard.press(key)


def attempts(file, item):
    return tuple(each for each in load(file).attempts if each.item == item)


def cells(practice):
    """Return what the cells hold and which is active: a key that JupyterLab takes would change it."""
    return practice.page.evaluate(
        "() => { const nb = jupyterapp.shell.currentWidget.content;"
        " return [nb.activeCellIndex, nb.widgets.map(cell => [cell.model.type, cell.model.sharedModel.source])] }"
    )


def test_nothing_is_written_until_somebody_answers(practice, file):
    assert practice.cell_errors() == []
    assert practice.record.faults() == []
    assert practice.record.outside() == []
    assert not file.exists()


def test_a_prediction_by_keyboard_alone(practice, file):
    before = cells(practice)
    card, result = panel(practice, "prediction"), panel(practice, "prediction").locator(".marginlib-result")
    expect(card).to_contain_text(PREDICTED.text)
    expect(card).not_to_contain_text("Computed")
    expect(result).to_have_count(0)
    enter(practice, "prediction")
    practice.page.keyboard.type("54,000")
    press(practice, "Tab", "ArrowDown", "ArrowDown", "Tab", "Enter")  # guess, then fairly sure, then certain
    expect(result).to_contain_text("You predicted 54,000 dollars and were certain.")
    expect(result).to_contain_text(f"Computed: {PREDICTED.shown(PREDICTED.right)}.")
    expect(result).to_be_focused()
    (kept,) = attempts(file, PREDICTED.id)
    assert (kept.kind, kept.answer, kept.confidence) == ("prediction", 54_000, "certain")
    assert cells(practice)[1] == before[1]
    expect(panel(practice, "calibration")).to_contain_text("certain once")  # it follows at once


def test_a_number_typed_and_sent_with_enter(practice, file):
    enter(practice, "number")
    press(practice, "Enter")
    expect(reply(practice, "number")).to_contain_text("No answer yet")
    practice.page.keyboard.type("abc dd xx")  # letters that are commands of the notebook
    press(practice, "Enter")
    expect(reply(practice, "number")).to_contain_text("is not a number")
    press(practice, "Control+a")
    practice.page.keyboard.type(repr(NUMBER.right))
    press(practice, "Enter")
    expect(reply(practice, "number")).to_have_text("Choose how sure you are, then press the button again.")
    assert attempts(file, NUMBER.id) == ()
    press(practice, "Tab", "Space", "Enter")
    expect(reply(practice, "number")).to_contain_text("Right: ")
    (kept,) = attempts(file, NUMBER.id)
    assert (kept.right, kept.confidence) == (True, "guess")


def test_a_choice_and_the_feedback_below_it(practice, file):
    shown = panel(practice, "choice").locator("label span").all_text_contents()  # in this learner's order
    place, chosen = next((shown.index(each.text), each) for each in CHOICE.options if not each.right)
    enter(practice, "choice")
    press(practice, "Space", *["ArrowDown"] * place, "Tab", "Space", "ArrowDown", "Tab", "Space")
    expect(reply(practice, "choice")).to_contain_text("Not yet. ")
    (kept,) = attempts(file, CHOICE.id)
    assert (kept.answer, kept.right, kept.confidence) == (chosen.text, False, "fairly sure")
    assert kept.codes == ((chosen.code,) if chosen.code else ())
    assert reply(practice, "choice").get_attribute("aria-live") == "polite"
    # What is chosen in one form leaves the others alone.
    expect(panel(practice, "number").get_by_label("guess")).to_be_checked()
    expect(panel(practice, "number").get_by_label("guess")).to_be_checked()


def test_lines_put_in_order_by_their_buttons(practice, file):
    lines = list(ORDERING.offered)
    for place, wanted in enumerate(ORDERING.right):
        button = panel(practice, "ordering").get_by_role("button", name=f"Up: {wanted}", exact=True)
        button.focus()
        for step in range(lines.index(wanted) - place):
            press(practice, "Enter")
            expect(reply(practice, "ordering")).to_have_text(f"Place {lines.index(wanted) - step} of {len(lines)}.")
            expect(button).to_be_focused()
        lines.remove(wanted)
        lines.insert(place, wanted)
    panel(practice, "ordering").get_by_label("certain").press("Space")
    panel(practice, "ordering").get_by_role("button", name="Check").press("Enter")
    expect(reply(practice, "ordering")).to_contain_text("Right, in this order.")
    (kept,) = attempts(file, ORDERING.id)
    assert tuple(kept.answer) == ORDERING.right


def test_a_counterexample_out_of_its_range_is_asked_for_again(practice, file):
    enter(practice, "counterexample")
    for each in REFUTED.inputs:
        practice.page.keyboard.type(str(each.high + 1))
        press(practice, "Tab")
    press(practice, "Space", "Tab", "Enter")
    expect(reply(practice, "counterexample")).to_contain_text("give a number from")
    assert attempts(file, REFUTED.id) == ()


def test_an_open_card_holds_back_its_section_with_the_smaller_headings_and_no_other(practice):
    held = practice.page.locator(".jp-CodeCell.marginlib-held")
    expect(held).to_have_count(1)
    expect(held.locator(".jp-Cell-inputArea")).to_contain_text("print('held')")
    expect(held.locator(".jp-OutputArea-child")).to_be_hidden()
    expect(practice.page.locator(".jp-MarkdownCell.marginlib-held h3")).to_be_visible()  # where a reader is


def test_the_export_is_written_and_named(practice, own_lab):
    panel(practice, "progress").get_by_role("button").press("Enter")
    expect(reply(practice, "progress")).to_contain_text("Written: ")
    (copy,) = own_lab.folder.rglob("marginlib-progress-*.json")
    expect(reply(practice, "progress")).to_contain_text(str(copy))
    assert len(load(copy).attempts) == 4


# --- access ---------------------------------------------------------------------------------------------------------


def test_a_screen_reader_finds_names_and_axe_finds_nothing_serious(practice):
    panel(practice, "progress").locator("summary").first.click()
    found = axe(practice.page, WIDGETS)
    assert [each for each in found if each.impact in SERIOUS] == []
    for name in CELLS:
        assert unnamed([panel(practice, name)]) == []
    expect(panel(practice, "choice").get_by_role("group", name=CHOICE.label)).to_have_count(1)
    expect(panel(practice, "open").get_by_role("group", name="How sure are you?")).to_have_count(1)


def test_the_tab_key_goes_from_top_to_bottom_and_shows_where_it_is(practice):
    for name in CELLS:
        stops = tab_walk(panel(practice, name))
        assert [stop for stop, _ in stops] == check(panel(practice, name), "stops")
        assert min((ring for _, ring in stops), default=RING) >= RING, name


def _faint(practice):
    return [found for name in CELLS for found in check(panel(practice, name), "contrasts") if found[0] < AA]


def _pictures(practice, folder, name):
    for each in CELLS:
        picture(panel(practice, each), folder, f"practice-{each}-{name}")


def test_it_can_be_read_in_both_themes(practice, shots):
    assert _faint(practice) == []
    _pictures(practice, shots, "light")
    with dark(practice):
        assert _faint(practice) == []
        _pictures(practice, shots, "dark")
        assert [each for each in axe(practice.page, WIDGETS) if each.impact in SERIOUS] == []


def test_on_a_phone_nothing_is_cut_off(practice, shots):
    with phone(practice):
        for name in CELLS:
            where = panel(practice, name)
            assert where.bounding_box()["width"] < 390
            assert check(where, "cutOff") == []
            assert check(where, "overlaps") == []
            assert check(where, "smallest")[0] >= 9
        _pictures(practice, shots, "phone")


# --- what happens to a kernel ---------------------------------------------------------------------------------------


def test_a_second_view_of_a_panel_is_a_panel(practice, file):
    practice.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 3 }")
    practice.command("notebook:create-output-view")
    views = practice.page.locator(".marginlib-form", has=practice.page.get_by_text(NUMBER.text, exact=True))
    expect(views).to_have_count(2)
    second = views.nth(1)
    expect(second.get_by_role("textbox")).to_have_value(repr(NUMBER.right))  # as it stands in the first
    second.get_by_role("textbox").fill("1")
    second.get_by_role("button", name="Check").click()
    expect(second.get_by_role("status")).to_contain_text("You said ")
    expect(reply(practice, "number")).to_contain_text("You said ")
    assert [each.answer for each in attempts(file, NUMBER.id)] == [NUMBER.right, 1]
    practice.page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon").last.click()


def test_a_restart_in_the_middle_loses_nothing(practice, file):
    before = load(file)
    practice.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    practice.wait_idle()
    # The old panel says that nobody listens any more.
    panel(practice, "open").get_by_role("button", name="Show me without a prediction").click()
    expect(reply(practice, "open")).to_contain_text("No reply from the kernel", timeout=30_000)
    practice.run_all()
    expect(reply(practice, "choice")).to_contain_text("Your answer of ")
    expect(reply(practice, "choice")).to_contain_text("It was not right.")
    expect(panel(practice, "prediction")).to_contain_text("You predicted 54,000 dollars and were certain.")
    expect(panel(practice, "open")).not_to_contain_text("Computed")
    expect(panel(practice, "calibration")).to_contain_text("certain")
    assert load(file) == before
    assert practice.record.faults() == []
