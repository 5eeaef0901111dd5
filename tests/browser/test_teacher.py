"""What a teacher looks at: formgrader with a text and its rubric, and the page of the item analysis."""

from __future__ import annotations

import pytest
from access import SERIOUS, axe, picture
from lab import lab_server, watch
from nbgrader.api import Gradebook
from nbgrader_course import make_course, nbgrader, needs_sandbox
from submissions import TEXT, content, filled, hand_in, released, solutions

from marginlib.course.tasks import task
from marginlib.grading.example import example_class
from marginlib.grading.items import analyse
from marginlib.grading.report import page as report

SET, WORDS = "sizing", "sizing-9"
pytestmark = pytest.mark.xdist_group("teacher")


@needs_sandbox
def test_a_text_is_read_and_scored_in_formgrader(browser, tmp_path, shots):
    course, key = make_course(tmp_path, SET)
    hand_in(course, "ada", SET, content(filled(released(SET), {**solutions(SET), WORDS: TEXT})))
    nbgrader(course, key, "autograde", SET)
    with lab_server(environment={"MARGINLIB_COURSE_KEY": str(key)}, folder=course) as lab:
        page = browser.new_context(viewport={"width": 1_200, "height": 1_000}).new_page()
        record = watch(page)
        page.goto(f"{lab.url}/formgrader/gradebook")
        page.get_by_role("link", name=SET).click()
        page.get_by_role("link", name=SET).last.click()
        page.get_by_role("link", name="Submission #1").click()
        page.wait_for_load_state("networkidle")
        assert TEXT in page.inner_text("body")
        assert all(statement in page.inner_text("body") for statement in task(WORDS).rubric)
        box = page.locator("input.score").last
        box.scroll_into_view_if_needed()
        box.fill("2")
        box.blur()
        page.wait_for_timeout(500)
        picture(page.locator("html"), shots, "formgrader")
        page.context.close()
        # nbgrader's own page asks for MathJax; without it, formulas stand there as TeX.
        assert [each for each in record.outside() if "mathjax" not in each] == []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade(f"{WORDS}-answer", SET, SET, "ada")
        assert (grade.manual_score, grade.needs_manual_grade) == (2, False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1_100])
def test_the_item_analysis_is_readable_for_everybody(browser, tmp_path, shots, width, scheme):
    (tmp_path / "page.html").write_text(report(analyse(example_class(SET))), encoding="utf-8")
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    record = watch(page)
    page.goto((tmp_path / "page.html").as_uri())
    assert [each for each in axe(page, "body") if each.impact in SERIOUS] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide tables scroll by themselves
    picture(page.locator("html"), shots, f"item-analysis-{width}-{scheme}")
    page.context.close()
    assert (record.outside(), record.faults()) == ([], [])
