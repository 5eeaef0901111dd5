"""A learner who goes through each notebook by keyboard reads nothing too early, and is told what is wrong each time."""

from __future__ import annotations

from statistics import median

from marginlib.practice.bank import questions


def test_the_notebook_opens_as_it_was_written(opened):
    assert opened.clean


def test_nothing_is_told_before_it_is_predicted_and_each_wrong_answer_gets_its_reply(opened):
    assert opened.learner.faults == []
    assert sorted(opened.learner.predicted) == sorted(each.id for each in questions(opened.path.stem[:2], "prediction"))
    closing = [each for role in ("closing", "pretest", "posttest") for each in questions(opened.path.stem[:2], role)]
    assert {each.id for each in closing} <= set(opened.learner.answered)


def test_nothing_is_held_back_when_all_is_answered(opened):
    assert opened.page.locator(".marginlib-held").count() == 0


def test_each_picture_of_a_guess_is_drawn(opened):
    for card in opened.page.locator("[data-picture]").all():
        label = card.locator("svg[role=img]").get_attribute("aria-label")
        assert "your prediction" in card.inner_text()
        assert card.locator(".marginlib-sentence").inner_text().split(".")[0] in label


def test_a_press_is_answered_soon(opened):
    """How soon is printed (`pytest -rP`), for the machine may be busy."""
    lags = opened.page.evaluate("() => window.lags")
    print(f"{len(lags)} presses, median {median(lags):.0f} ms, longest {max(lags):.0f} ms")  # noqa: T201
    assert len(lags) >= len(opened.learner.predicted)
