"""The recorded rulebooks."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from marginlib import Contract, Health, MarginError, Risk, Rulebook, UnknownNameError, rulebook, rulebooks

SHARED = Path(os.environ.get("MARGINLIB_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def test_books_are_listed_oldest_first() -> None:
    books = rulebooks()
    assert len(set(books)) == len(books) >= 3
    assert all(
        earlier[1] < later[1] for earlier, later in pairwise(books) if earlier[0] == later[0]
    )  # ISO dates sort as text


@pytest.mark.parametrize(("venue", "date"), rulebooks())
def test_a_book_says_where_its_figures_were_published(venue: str, date: str) -> None:
    book = rulebook(venue, date)
    assert (book.venue, book.date) == (venue, date)
    assert book.source
    assert "BTCUSDT" in book.symbols
    assert book is rulebook(venue, date)


def test_the_newest_book_has_the_course_s_six_contracts() -> None:
    venue, date = rulebooks()[-1]
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT"} <= set(rulebook(venue, date).symbols)


def test_the_first_bitcoin_tier_has_grown() -> None:
    # Published: up to 50,000 at 125x in 2021 and 2024, up to 300,000 in 2026.
    assert rulebook("binance_usdm", "2021-03-18").schedule("BTCUSDT").max_notional(125) == 50_000
    assert rulebook("binance_usdm", "2024-08-01").schedule("BTCUSDT").max_notional(125) == 50_000
    assert rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT").max_notional(125) == 300_000


def test_the_recorded_tables_are_the_published_ones() -> None:
    path = SHARED / "facts" / "risk_tiers.json"
    if not path.exists():
        pytest.skip("the published tables are not beside this repository")
    published = json.loads(path.read_text(encoding="utf-8"))
    for venue, date in rulebooks():
        symbols = published[venue][date]["symbols"]
        book = rulebook(venue, date)
        for symbol in book.symbols:
            schedule = book.schedule(symbol)
            floors, caps, rates, leverages, amounts = zip(*symbols[symbol], strict=True)
            assert schedule.floors == floors
            assert schedule.rates == rates
            assert schedule.amounts == pytest.approx(amounts)
            assert tuple(tier.max_leverage for tier in schedule.tiers) == leverages
            assert schedule.notional_cap == caps[-1]


def test_a_position_under_the_rules_takes_the_book_s_terms() -> None:
    book = rulebook("binance_usdm", "2026-09-29")
    position = book.position("ETHUSDT", -2, 3_000, mark_price=2_900, leverage=20)
    assert (position.quantity, position.entry_price, position.mark_price) == (-2, 3_000, 2_900)
    assert position.schedule is book.schedule("ETHUSDT")
    assert position.contract is Contract.LINEAR
    assert book.position("ETHUSDT", -2, 3_000).mark_price == 3_000


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"venue = 'mt_gox': give one of binance_usdm"):
        rulebook("mt_gox", "2014-02-24")
    with pytest.raises(UnknownNameError, match=r"date = '2020-01-01': binance_usdm is recorded for 2021-03-18"):
        rulebook("binance_usdm", "2020-01-01")
    with pytest.raises(UnknownNameError, match=r"symbol = 'SHIBUSDT': binance_usdm of 2026-09-29 has BTCUSDT, ETHUSDT"):
        rulebook("binance_usdm", "2026-09-29").schedule("SHIBUSDT")
    with pytest.raises(UnknownNameError, match="symbol = 'SHIBUSDT'"):
        rulebook("binance_usdm", "2026-09-29").position("SHIBUSDT", 1, 1)


def test_leverage_above_the_tier_s_limit_is_refused() -> None:
    with pytest.raises(MarginError, match=r"leverage = 76.0: BTCUSDT allows at most 75 at a notional of 1,000,000"):
        rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 10, 100_000, leverage=76)


@pytest.mark.parametrize(
    ("equity", "at_equality", "below"),
    [(25, Health.HEALTHY, Health.HEALTHY), (24, Health.LIQUIDATABLE, Health.HEALTHY), (23, *[Health.LIQUIDATABLE] * 2)],
)
def test_a_rulebook_says_which_inequality_liquidates(equity: float, at_equality: Health, below: Health) -> None:
    most = rulebook("binance_usdm", "2026-09-29")
    dydx = Rulebook(venue="dydx", date="2024-01-01", source="", schedules={}, liquidates_at_equality=False)
    assert most.health(Risk(equity, 600, 24)) is at_equality
    assert dydx.health(Risk(equity, 600, 24)) is below
    assert most.health(Risk(0, 600, 24)) is Health.BANKRUPT
