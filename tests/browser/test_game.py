"""The capstone played by keyboard from start to end, and a trade that is entered once and found after a restart."""

from __future__ import annotations

import re

import nbformat
import pytest
from access import SERIOUS, WIDGETS, axe, check, narrow, phone
from lab import lab_server
from playwright.sync_api import expect

from marginlib.course.game import desk_of

pytestmark = pytest.mark.xdist_group("game")
SEEDS = (3, 5)
CELLS = ["from marginlib.course.notebook import *", *(f"play_the_desk(seed={seed})" for seed in SEEDS)]
CELLS += ["my_trade()", *(f'yours("{k:02}")' for k in range(1, 14))]


@pytest.fixture(scope="module")
def notebook(browser, tmp_path_factory):
    home = tmp_path_factory.mktemp("game")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), home / "game.ipynb")
    with (
        lab_server(environment={"MARGINLIB_PROGRESS": str(home / "progress.json")}) as lab,
        lab.opened(browser, home / "game.ipynb") as opened,
    ):
        opened.run_all()
        yield opened


def press(form, name):
    """Press a button by its key alone."""
    form.locator(f"button[data-press='{name}']").focus()
    form.page.keyboard.press("Enter")


@pytest.mark.parametrize("number", range(2))
def test_the_desk_is_played_from_start_to_end_and_hides_what_comes(notebook, number):
    form = notebook.page.locator(".marginlib-form").nth(number)
    figure = notebook.page.locator("[data-figure='DESK_GAME']").nth(number)
    desk = desk_of(SEEDS[number], "eth")
    expect(form).to_contain_text("Choose the mode")
    press(form, "eth")
    hours = []
    for point in range(1, len(desk.points) + 1):
        expect(form).to_contain_text(f"Decision {point} of {len(desk.points)}")
        assert desk.name not in form.inner_text() + figure.inner_text()
        now = (desk.points[point - 1] - desk.points[0]).astype(float) / 3_600
        expect(figure).to_contain_text(f"After {now:.1f} hours" if now else "At the start the account has")
        hours.append(now)
        press(form, "half-eth" if point == 2 else "hold")
    expect(form).to_contain_text(f"It was: {desk.name}")
    expect(form).to_contain_text(f"play_the_desk(seed={SEEDS[number]})")
    assert len(hours) == len(desk.points)
    assert notebook.record.faults() == []
    with narrow(notebook):
        broken = """cells => cells.filter(cell => {
            const text = document.createRange()
            text.selectNodeContents(cell)
            return !/\\s/.test(cell.textContent.trim()) && text.getBoundingClientRect().height > 30
        }).map(cell => cell.textContent)"""
        assert form.locator("td, th").evaluate_all(broken) == []


def test_a_trade_is_restated_in_every_notebook_after_a_restart(notebook):
    form, page = notebook.page.locator(".marginlib-form").nth(2), notebook.page
    assert page.get_by_text(re.compile("The course's example: my_trade")).count() == 13
    for name, typed in (
        ("wallet_balance", "5,000"),
        ("symbol-0", "btc"),
        ("quantity-0", "-0.1"),
        ("entry_price-0", "60,000"),
    ):
        form.locator(f"input[data-name='{name}']").focus()
        page.keyboard.type(typed)
    press(form, "keep")
    expect(form.get_by_role("status")).to_contain_text("Kept on this machine")
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    notebook.run_all()
    expect(page.get_by_text(re.compile(r"Your trade\. Wallet \$5,000: \$6,000 of BTC short"))).to_have_count(13)
    assert notebook.cell_errors() == []


def test_game_and_form_pass_axe_on_a_page_and_on_a_phone(notebook):
    assert [each for each in axe(notebook.page, WIDGETS) if each.impact in SERIOUS] == []
    forms = notebook.page.locator(".marginlib-form")
    for around in (phone, narrow):
        with around(notebook):
            assert [each for each in axe(notebook.page, WIDGETS) if each.impact in SERIOUS] == []
            assert [fault for form in forms.all() for fault in check(form, "cutOff")] == []
