"""The picture in a prediction's card: guess and truth stand where the account's own lines say."""

from __future__ import annotations

import pytest
from pressing import give

from marginlib.course.guess import picture
from marginlib.course.notebook import predict
from marginlib.margin import risk
from marginlib.practice.amounts import say
from marginlib.practice.bank import question, questions

# Why no line along a price, a time, a size or a setting shows the answer.
WITHOUT = {
    "03-drain": "what is left at a price that is itself to be found",
    "06-slope": "a difference of two prices: one cent's width on any picture of both",
    "07-storm": "days, which nearly all lie at the edge: they double as the rate halves",
    "14-add": "the margin for a wished price, which has no meaning above today's",
}
NUMBERS = [each for each in questions(role="prediction") if each.kind == "number"]
DRAWN = [each for each in NUMBERS if each.id not in WITHOUT]


def drawn(asked, guess):
    """Return the chart for a guess, and its markers by name."""
    chart = picture(asked)(guess).explorer()
    markers = {
        name: each for each in chart.panels[0].markers for name in ("computed", "prediction") if name in each.label
    }
    return chart, markers


def test_the_predictions_without_a_picture_are_known():
    assert {each.id for each in NUMBERS if picture(each) is None} == WITHOUT.keys()
    assert all(picture(each) is None for each in questions(role="prediction") if each.kind == "choice")


@pytest.mark.parametrize("asked", DRAWN, ids=lambda each: each.id)
def test_guess_and_truth_stand_apart_by_what_they_differ(asked):
    guess = 1.25 * asked.right if asked.right else 40.0
    chart, markers = drawn(asked, guess)
    panel = chart.panels[0]
    mine, truth = markers["prediction"], markers.get("computed")
    assert (truth is None) == (asked.right is None)  # what is nowhere has no mark
    if truth and mine.x == truth.x:  # read off the height
        assert (mine.y, truth.y) == pytest.approx((guess, asked.right or 0), abs=1e-6)
        assert "above" in chart.sentence
    else:
        assert mine.x == pytest.approx(guess, abs=0.06)
        assert truth is None or truth.x == pytest.approx(asked.right, abs=0.06)
        assert panel.x.span[0] < mine.x < panel.x.span[1]
        assert asked.shown(guess) in chart.sentence
    assert truth is None or mine.role != truth.role
    table = str(chart.table.rows)
    assert all(str(say(each)) in table or asked.shown(each) in table for each in (guess, asked.right) if each)


def test_the_pool_lives_before_the_truth_and_not_after_it():
    asked = question("02-price")
    pool = asked.cases[0].account.pools()[1]
    for fall, word in ((5, "still lives"), (20, "gone by then")):
        chart, markers = drawn(asked, fall)
        assert word in chart.sentence
        assert markers["prediction"].y == pytest.approx(risk(pool.at({"BTCUSDT": 60_000 * (1 - fall / 100)})).equity)


def test_who_says_none_or_looks_has_no_second_mark():
    asked = question("03-notional")
    assert asked.right is None
    chart, markers = drawn(asked, None)
    assert markers == drawn(asked, ...)[1] == {}
    assert "no such point" in chart.sentence


def test_every_line_of_a_guess_stays_inside_the_picture():
    for asked in DRAWN:
        panel = drawn(asked, 1.25 * asked.right if asked.right else 40.0)[0].panels[0]
        assert max(y for line in panel.lines for y in line.y) <= panel.y.span[1], asked.id


def test_no_fall_is_deeper_than_all():
    chart, _ = drawn(question("03-notional"), 99.0)
    assert chart.panels[0].x.span[1] == 100.0


def test_the_card_of_a_notebook_draws_it_when_the_prediction_is_kept():
    card = predict("02-price")
    assert card.picture is None
    give(card, 12.0)
    assert "12 %" in card.picture.explorer().sentence
    assert predict("02-price").picture is not None  # run again, it stands as it was left
    assert predict("02-added").picture is None


def test_of_an_inverse_contract_the_line_goes_no_lower_than_a_guess_can_be_seen_beside_it():
    chart, _ = drawn(question("12-inverse"), -0.1)
    assert min(chart.panels[0].lines[0].y) == pytest.approx(0.1 + 6_000 * (1 / 60_000 - 1 / 15_000))  # half the price


@pytest.mark.parametrize("asked", [each for each in DRAWN if each.ask == "liquidation_price"], ids=lambda each: each.id)
def test_the_lines_of_a_pool_end_where_it_is_liquidated(asked):
    equity, kept, after = drawn(asked, ...)[0].panels[0].lines
    assert (equity.label, after.label) == ("equity", "equity if nobody closed it")
    assert all(have >= need - 1e-6 for have, need in zip(equity.y, kept.y, strict=True))
    if asked.right is None:
        assert after.x == ()
    else:
        assert {equity.x[0], equity.x[-1]} & {after.x[0], after.x[-1]} == {asked.right}
