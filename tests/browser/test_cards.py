"""Every prediction of every notebook: nothing of its result and its reason is on the card before somebody acts."""

from __future__ import annotations

import re
from html import unescape

import mistune
from playwright.sync_api import expect

from marginlib.practice.bank import questions

OPENS = "Show me without a prediction"


def words(text: str) -> str:
    """Return a text without what marks it up."""
    return re.sub(r"\W+", " ", unescape(re.sub(r"<[^>]*>", " ", text))).strip()


def test_every_card_is_closed_until_a_key_opens_it(opened):
    asked = questions(opened.path.stem[:2], "prediction")
    cards = opened.page.locator(".marginlib-form", has=opened.page.get_by_role("button", name=OPENS))
    expect(cards).to_have_count(len(asked))
    for each in asked:  # in the order of the bank, which may not be the page's
        reason = words(str(mistune.html(each.why)))[:60]
        card = cards.filter(has_text=each.text.split("\n\n")[0]).first
        before = card.inner_text()
        assert not re.search("Computed|The answer", before)
        assert not reason or reason not in words(before)
        card.get_by_role("button", name=OPENS).press("Enter")
        result = opened.page.locator(".marginlib-result:focus")  # the reader is taken along
        expect(result).to_contain_text("You looked without a prediction.")
        assert reason in words(result.inner_text())
