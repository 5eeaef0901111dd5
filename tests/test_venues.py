"""The recorded rulebooks."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime
from datetime import date as day
from itertools import groupby, pairwise
from pathlib import Path

import pytest

import marginlib
from marginlib import (
    Account,
    Contract,
    Health,
    MaintenanceBasis,
    MarginError,
    MarginMode,
    Pool,
    Risk,
    RiskSchedule,
    RiskTier,
    Rulebook,
    UnknownNameError,
    bankruptcy_price,
    liquidation_price,
    maintenance_margin,
    risk,
    rulebook,
    rulebooks,
)
from marginlib.market.events import DepositCoin, Fill, MarkPrices, SetLeverage, SetMarginMode
from marginlib.market.replay import Rules, Snapshot, replay, step
from marginlib.venues import ClosingFee, Fact, Leftover, ModeChange, ModeScope, RatioConvention, SourceKind

SHARED = Path(os.environ.get("MARGINLIB_SHARED", Path(__file__).resolve().parents[2] / "shared"))
DATA = Path(__file__).parent / "data"
ROWS = {
    row["id"]: row
    for name in ("published_examples.jsonl", "more_examples.jsonl")
    for row in map(json.loads, (DATA / name).read_text(encoding="utf-8").splitlines())
}
# The book whose terms each venue's published rows are built under.
BOOKS = {
    "binance_usdm": "2021-03-18",
    "binance_coinm": "undated",
    "bybit": "2022-11-25",
    "okx": "2021-07-25",
    "hyperliquid": "2025/2026",
    "dydx": "2026-03-04",
    "lighter": "2026-08-08",
}
VENUES = {"dydx": "dydx_v4"}  # where a row's venue is written otherwise


def test_books_are_listed_oldest_first_within_a_venue() -> None:
    books = rulebooks()
    assert len(set(books)) == len(books) >= 3
    assert [venue for venue, _ in groupby(books, key=lambda book: book[0])] == [
        "aster",
        "binance_coinm",
        "binance_usdm",
        "bingx",
        "bitget",
        "bybit",
        "dydx_v4",
        "gate",
        "hyperliquid",
        "kucoin",
        "lighter",
        "mexc",
        "okx",
        "toobit",
    ]
    assert all(
        earlier[1] < later[1] for earlier, later in pairwise(books) if earlier[0] == later[0]
    )  # ISO dates sort as text


@pytest.mark.parametrize(("venue", "date"), rulebooks())
def test_a_book_says_where_its_figures_were_published(venue: str, date: str) -> None:
    book = rulebook(venue, date)
    assert (book.venue, book.date) == (venue, date)
    assert book.source
    assert book.not_recorded  # no book is complete, and each says so
    assert book.name
    assert book.first_step
    assert book.last_step
    assert book.words["risk tier"]
    assert book is rulebook(venue, date)


def test_every_bracket_book_has_bitcoin_and_the_newest_has_the_course_s_six_contracts() -> None:
    assert all("BTCUSDT" in rulebook(*book).symbols for book in rulebooks() if book[0] == "binance_usdm")
    six = {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT"}
    assert six <= set(rulebook("binance_usdm", "2026-09-29").symbols)


def test_the_first_bitcoin_tier_has_grown() -> None:
    # Published: up to 50,000 at 125x in 2021 and 2024, up to 300,000 in 2026.
    assert rulebook("binance_usdm", "2021-03-18").schedule("BTCUSDT").max_notional(125) == 50_000
    assert rulebook("binance_usdm", "2024-08-01").schedule("BTCUSDT").max_notional(125) == 50_000
    assert rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT").max_notional(125) == 300_000


@pytest.fixture(scope="module")
def published() -> dict[str, dict]:
    """Return the published tables, where they lie beside this repository."""
    path = SHARED / "facts" / "risk_tiers.json"
    if not path.exists():
        pytest.skip("the published tables are not beside this repository")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_recorded_bracket_tables_are_the_published_ones(published: dict[str, dict]) -> None:
    books = [book for book in rulebooks() if book[0] == "binance_usdm"]
    assert {date for _, date in books} == set(published["binance_usdm"])
    for venue, date in books:
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


def test_hyperliquid_s_rates_are_half_the_smallest_initial_margin(published: dict[str, dict]) -> None:
    book = rulebook("hyperliquid", "2025/2026")
    tables = {name: rows for names, rows in published["hyperliquid"]["symbols"].items() for name in names.split(",")}
    assert {"BTC", "ETH", "SOL", "XRP", "DOGE", "BNB"} == set(book.symbols)
    for symbol in book.symbols:
        schedule, rows = book.schedule(symbol), tables[symbol]
        assert schedule.floors == tuple(row["notional_floor"] for row in rows)
        assert schedule.rates == pytest.approx([row["mmr"] for row in rows], rel=1e-15)
        assert [tier.max_leverage for tier in schedule.tiers] == [row["max_leverage"] for row in rows]
        deduction = rows[1]["notional_floor"] * (rows[1]["mmr"] - rows[0]["mmr"])
        assert schedule.amounts == (0, pytest.approx(deduction))


def test_dydx_s_tiers_are_flat_fractions(published: dict[str, dict]) -> None:
    book = rulebook("dydx_v4", "2026-03-04")
    tiers = {tier["name"]: tier for tier in published["dydx_v4"]["tiers"]}
    assert set(book.symbols) == set(tiers)
    for name, tier in tiers.items():
        schedule = book.schedule(name)
        assert schedule.rates == (pytest.approx(tier["mmf"], rel=1e-15),)
        assert schedule.tiers[0].initial_margin_rate == pytest.approx(tier["imf"], rel=1e-15)


def test_the_published_rows_are_the_shared_ones() -> None:
    path = SHARED / "facts" / "published_examples.jsonl"
    if not path.exists():
        pytest.skip("the published examples are not beside this repository")
    shared = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(shared) == 42
    for row in shared:
        del row["source"]  # worded for a reader here
        assert {name: value for name, value in ROWS[row["id"]].items() if name != "source"} == row


# --- published prices through a rulebook ----------------------------------------------------------------------------


def built(book: Rulebook, row: dict, **symbols: str) -> tuple[Pool, str]:
    """Return the pool of a published row under a book's terms, and the symbol asked about.

    A symbol that is renamed has its rate from the book's own table, the others the rate of the row.
    """
    legs = []
    for leg in row["positions"]:
        own = symbols.get(leg["symbol"])
        rate = RiskSchedule.flat(leg["maintenance_margin_rate"], maintenance_amount=leg["maintenance_amount"])
        legs.append(
            book.position(
                own or leg["symbol"],
                leg["quantity"],
                leg["entry_price"],
                mark_price=leg.get("mark_price"),
                # What the wallet of an isolated row says; where the fee is counted at the opening, it depends on that.
                leverage=min(abs(leg["quantity"]) * leg["entry_price"] / row["wallet_balance"], 100)
                if book.closing_fee is ClosingFee.IN_BOTH
                else 1,
                schedule=None if own else rate,
            )
        )
    wallet = row["wallet_balance"]
    if row.get("mode", "isolated") == "isolated":
        (leg,) = legs
        legs = [book.isolate(leg, wallet + book.closing_fee_set_aside(leg))]
        wallet = legs[0].isolated_margin
    return Pool(collateral=wallet, positions=tuple(legs)), symbols.get(row["symbol"], row["symbol"])


def book_of(row: dict) -> Rulebook:
    """Return the book of a row's venue, with the row's fee where that is counted in maintenance."""
    book = rulebook(VENUES.get(row["venue"], row["venue"]), BOOKS[row["venue"]])
    return replace(book, closing_fee_rate=row["fee_rate"]) if book.closing_fee is ClosingFee.IN_MAINTENANCE else book


def agrees(price: float | None, row: dict) -> bool:
    """Say whether a price is the published one, within the row's tolerance."""
    expected = row["expected"]["liquidation_price"]
    if expected is None or price is None:
        return expected is price
    return abs(price - expected) <= max(row["tolerance"].get("abs", 0), row["tolerance"].get("rel", 0) * expected)


OF_A_VENUE = [name for name, row in ROWS.items() if row["venue"] in BOOKS]


@pytest.mark.parametrize("name", OF_A_VENUE)
def test_published_prices_come_out_under_the_venue_s_terms(name: str) -> None:
    row = ROWS[name]
    pool, symbol = built(book_of(row), row)
    # The terms are the book's, and are those that the row was published with.
    assert all(leg.contract is Contract[row["contract"].upper()] for leg in pool.positions)
    assert all(leg.maintenance_basis is MaintenanceBasis(row["maintenance_basis"]) for leg in pool.positions)
    assert agrees(liquidation_price(pool, symbol), row)


def test_each_of_these_venues_has_published_rows() -> None:
    counts = {venue: sum(ROWS[name]["venue"] == venue for name in OF_A_VENUE) for venue in BOOKS}
    assert all(counts.values()), counts


@pytest.mark.parametrize(
    ("name", "date", "symbols"),
    [
        ("binance-usdm-faq-btc-isolated", "2021-03-18", {"TARGET": "BTCUSDT"}),
        ("binance-usdm-live-hedge-long", "2021-03-18", {"TARGET": "BTCUSDT"}),
        ("binance-usdm-live-doge-isolated-short", "2024-08-01", {"TARGET": "DOGEUSDT"}),
        ("binance-usdm-faq-eth-cross-2pos", "2021-03-18", {"BTCUSDT": "BTCUSDT"}),  # ETH's table of then is not known
        ("binance-coinm-live-btc-isolated-long", "undated", {"BTCUSD_PERP": "BTCUSD_PERP"}),
        ("bybit-live-ethusdt-isolated", "2022-11-25", {"TARGET": "ETHUSDT"}),
        ("okx-live-btc-cross-long", "2021-07-25", {"TARGET": "BTC-USDT-SWAP"}),
        ("hyperliquid-live-04-sol-long-2x", "2025/2026", {"TARGET": "SOL"}),
        ("hyperliquid-live-13-sol-long-5x", "2025/2026", {"TARGET": "SOL"}),
        ("hyperliquid-live-22-sol-long-3x", "2025/2026", {"TARGET": "SOL"}),
        ("hyperliquid-live-28-sol-short-5x", "2025/2026", {"TARGET": "SOL"}),
        ("dydx-doc-isolated-short", "2026-03-04", {"TARGET": "Small-Cap"}),
        *(
            (
                f"lighter-live-6pos-{name}",
                "2026-08-08",
                {each: each for each in ("BTC", "SUI", "ENA", "OP", "NMR", "STRK")},
            )
            for name in ("btc-long", "sui-short", "nmr-short", "strk-short")
        ),
    ],
)
def test_published_prices_come_out_of_the_book_s_own_figures(name: str, date: str, symbols: dict[str, str]) -> None:
    row = ROWS[name]
    book = rulebook(VENUES.get(row["venue"], row["venue"]), date)
    pool, symbol = built(book, row, **symbols)
    assert any(leg.symbol in book.symbols for leg in pool.positions)
    assert agrees(liquidation_price(pool, symbol), row)


def test_okx_s_live_ratio_falls_to_one() -> None:
    # The wallet is the one unknown of that position; price and ratio are two figures that it has to give.
    row = ROWS["okx-live-btc-cross-long"]
    book = book_of(row)
    pool, symbol = built(book, row)
    assert book.shown_ratio(risk(pool)) == pytest.approx(140.49930117599155, rel=1e-9)
    there = risk(pool.at({symbol: liquidation_price(pool, symbol)}))
    assert book.shown_ratio(there) == pytest.approx(1, abs=1e-9)


# Live positions quoted in ccxt 4.5.90, python/ccxt/bybit.py, parse_position: all three at a fee of 0.06 %.
@pytest.mark.parametrize(
    ("quantity", "entry", "leverage", "rate", "initial", "maintenance", "digits"),
    [
        (0.1, 1198.45, 4.2, 0.005, 28.58931118, None, 2e-6),
        (0.5, 1073.85, 10, 0.005, 53.98243950, 2.97456450, 1e-9),
        (100, 0.3615, 10, 0.01, 3.634521, 0.381021, 1e-9),
    ],
)
def test_bybit_counts_the_closing_fee_in_both_margins(
    quantity: float,
    entry: float,
    leverage: float,
    rate: float,
    initial: float,
    maintenance: float | None,
    digits: float,
) -> None:
    book = rulebook("bybit", "2022-11-25")
    long = book.isolate(book.position("ANY", quantity, entry, leverage=leverage, schedule=RiskSchedule.flat(rate)))
    assert long.isolated_margin == pytest.approx(initial, abs=digits)
    if maintenance is not None:
        assert maintenance_margin(long) == pytest.approx(maintenance, abs=digits)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("leverage", [1, 2, 10, 50])
def test_a_fee_in_both_margins_moves_no_isolated_price(side: int, leverage: int) -> None:
    for book in (rulebook("bybit", "2022-11-25"), rulebook("bybit", "2025")):  # the value taken at the entry price
        position = book.position("A", side * 2, 100, leverage=leverage, schedule=RiskSchedule.flat(0.005))
        position = book.isolate(position)
        pool = Pool(collateral=position.isolated_margin, positions=(position,))
        expected = 100 * (1 - side / leverage + side * 0.005)  # Bybit's own formula
        assert liquidation_price(pool, "A") == pytest.approx(expected, rel=1e-12)


def test_an_inverse_fee_is_taken_of_the_value_at_the_bankruptcy_price() -> None:
    book = replace(rulebook("bybit", "2022-11-25"), contract=Contract.INVERSE)
    for side in (1, -1):
        position = book.position("A", side * 6_000, 60_000, leverage=4, schedule=RiskSchedule.flat(0.005))
        bust = bankruptcy_price(Pool(collateral=0.1 / 4, positions=(position,)), "A")
        assert bust == pytest.approx(60_000 * 4 / (4 + side))
        assert book.closing_fee_set_aside(position) == pytest.approx(0.0006 * 6_000 / bust)


def test_the_basis_of_an_isolated_position_may_differ() -> None:
    book = replace(rulebook("bybit", "2025-09-02"), isolated_basis=MaintenanceBasis.ENTRY)
    shared = book.position("A", 1, 100, mark_price=90, leverage=10, schedule=RiskSchedule.flat(0.01))
    fee = 0.00055 * 90
    assert maintenance_margin(shared) == pytest.approx(0.9 + fee)
    assert maintenance_margin(book.isolate(shared)) == pytest.approx(1.0 + fee)
    assert book.isolate(shared).isolated_margin == pytest.approx(10 + fee)
    assert book.isolate(shared, 25).isolated_margin == 25


def test_bybit_before_and_since_2_september_2025() -> None:
    # Both margins of a long of 1 from 60,000 at 10x hold the fee for closing at 54,000, which cancels: 6,000 - 300 away
    # by the entry price, and 60,000 - 6,000 = 54,000 = price x (1 - 0.5 %) by the mark price.
    found = {}
    for date in ("2022-11-25", "2025", "2025-09-02"):
        book = rulebook("bybit", date)
        shared = book.position("BTCUSDT", 1, 60_000, leverage=10, schedule=RiskSchedule.flat(0.005))
        own = book.isolate(shared)
        assert shared.maintenance_basis is own.maintenance_basis
        assert own.isolated_margin == pytest.approx(6_000 + book.closing_fee_rate * 54_000)
        found[date] = liquidation_price(own.pool, "BTCUSDT")
    assert found == {
        "2022-11-25": pytest.approx(54_300),
        "2025": pytest.approx(54_300),
        "2025-09-02": pytest.approx(54_000 / 0.995),
    }
    assert [rulebook("bybit", date).closing_fee_rate for date in found] == [0.0006, 0.00055, 0.00055]


def test_mark_or_entry_basis_differ_by_the_formula() -> None:
    # entry x rate x (1/leverage - rate) / (1 - rate): 8.100 and 8.081 from 10 at 5x and 1 %
    prices = []
    for book in (rulebook("bybit", "2022-11-25"), rulebook("binance_usdm", "2026-09-29")):
        position = book.isolate(book.position("A", 1, 10, leverage=5, schedule=RiskSchedule.flat(0.01)))
        prices.append(liquidation_price(Pool(collateral=position.isolated_margin, positions=(position,)), "A"))
    assert prices == pytest.approx([8.1, 8.080808080808081])
    assert prices[0] - prices[1] == pytest.approx(10 * 0.01 * (0.2 - 0.01) / 0.99)


def test_coin_margined_prices_follow_binance_s_own_formula() -> None:
    # (quantity x rate + side x quantity) / (wallet / face + side x quantity / entry), a quantity of contracts
    book = rulebook("binance_coinm", "undated")
    assert book.position("BTCUSD_PERP", 100, 60_000).contract is Contract.INVERSE
    for side, contracts, entry, wallet in ((1, 60, 60_000, 0.02), (-1, 60, 60_000, 0.02), (1, 5, 37_000, 0.004)):
        position = book.position("BTCUSD_PERP", side * contracts * 100, entry)
        found = liquidation_price(Pool(collateral=wallet, positions=(position,)), "BTCUSD_PERP")
        assert found == pytest.approx(
            (contracts * 0.004 + side * contracts) / (wallet / 100 + side * contracts / entry)
        )


def test_each_venue_s_terms() -> None:
    books = {venue: rulebook(VENUES.get(venue, venue), date) for venue, date in BOOKS.items()}
    inverse = {venue for venue, book in books.items() if book.contract is Contract.INVERSE}
    assert inverse == {"binance_coinm"}
    fees = {venue: book.closing_fee for venue, book in books.items() if book.closing_fee is not ClosingFee.NOT_COUNTED}
    assert fees == {"bybit": ClosingFee.IN_BOTH, "okx": ClosingFee.IN_MAINTENANCE}
    assert {venue for venue, book in books.items() if not book.liquidates_at_equality} == {
        "dydx",
        "hyperliquid",
        "lighter",
    }
    assert {venue for venue, book in books.items() if book.maintenance_basis is MaintenanceBasis.ENTRY} == {"bybit"}
    assert {venue for venue, book in books.items() if book.ratio is RatioConvention.FALLS} == {"okx"}
    assert {venue for venue, book in books.items() if book.ratio is RatioConvention.AMOUNTS} == {"dydx", "lighter"}
    scopes = {venue: book.mode_scope for venue, book in books.items() if book.mode_scope is not ModeScope.POSITION}
    assert scopes == {"bybit": ModeScope.ACCOUNT, "dydx": ModeScope.SUBACCOUNT}


def test_a_ratio_is_shown_the_venue_s_way() -> None:
    now = Risk(equity=600, initial=600, maintenance=24)
    assert rulebook("bybit", "2025").shown_ratio(now) == 0.04
    assert rulebook("okx", "2021-07-25").shown_ratio(now) == 25
    assert rulebook("dydx_v4", "2026-03-04").shown_ratio(now) is None


def test_a_closing_fee_is_a_fraction() -> None:
    with pytest.raises(MarginError, match=r"closing_fee_rate = 1: give a fraction"):
        replace(rulebook("okx", "2021-07-25"), closing_fee_rate=1)


def test_a_size_above_the_recorded_tier_is_refused() -> None:
    assert rulebook("bybit", "2022-11-25").position("ETHUSDT", 900, 1_000, leverage=2).notional == 900_000
    with pytest.raises(MarginError, match=r"the risk table allows at most 900,000"):
        rulebook("bybit", "2022-11-25").position("ETHUSDT", 901, 1_000, leverage=2)


def test_a_position_under_the_rules_takes_the_book_s_terms() -> None:
    book = rulebook("binance_usdm", "2026-09-29")
    position = book.position("ETHUSDT", -2, 3_000, mark_price=2_900, leverage=20)
    assert (position.quantity, position.entry_price, position.mark_price) == (-2, 3_000, 2_900)
    assert position.schedule is book.schedule("ETHUSDT")
    assert position.contract is Contract.LINEAR
    assert book.position("ETHUSDT", -2, 3_000).mark_price == 3_000


def test_a_rulebook_is_frozen_and_what_could_be_mistaken_is_given_by_name() -> None:
    book = rulebook("binance_usdm", "2026-09-29")
    with pytest.raises(FrozenInstanceError):
        book.venue = "mine"  # type: ignore[misc]
    assert all(each.kw_only for each in (*fields(book), *fields(Fact)))
    with pytest.raises(FrozenInstanceError):
        next(iter(book.facts)).source = "me"  # type: ignore[misc]
    with pytest.raises(TypeError):
        book.position("ETHUSDT", 1, 3_000, 2_900)  # type: ignore[misc]
    with pytest.raises(TypeError):
        rulebook("okx", "2021-07-25", "venues")  # type: ignore[misc]
    assert book.position("ETHUSDT", 1, 3_000).leverage == 1


def test_where_the_collateral_outlasts_the_price_closing_costs_nothing() -> None:
    book = rulebook("bybit", "2022-11-25")
    for quantity, leverage, fee in ((1, 0.5, 0), (1, 1, 0), (-1, 0.5, 0.0006 * 1_000 * 3), (1, 2, 0.0006 * 1_000 / 2)):
        position = book.position("ETHUSDT", quantity, 1_000, leverage=leverage)
        assert book.closing_fee_set_aside(position) == pytest.approx(fee)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"venue = 'mt_gox': give one of aster, binance_coinm"):
        rulebook("mt_gox", "2014-02-24")
    with pytest.raises(UnknownNameError, match=r"date = '2020-01-01': binance_usdm is recorded for 2021-03-18"):
        rulebook("binance_usdm", "2020-01-01")
    with pytest.raises(UnknownNameError, match=r"symbol = 'SHIBUSDT': binance_usdm of 2026-09-29 has BTCUSDT, ETHUSDT"):
        rulebook("binance_usdm", "2026-09-29").schedule("SHIBUSDT")
    with pytest.raises(UnknownNameError, match="symbol = 'SHIBUSDT'"):
        rulebook("binance_usdm", "2026-09-29").position("SHIBUSDT", 1, 1)
    with pytest.raises(UnknownNameError, match=r"bybit of 2025 has no table: give a schedule of your own"):
        rulebook("bybit", "2025").schedule("BTCUSDT")


def test_leverage_above_the_tier_s_limit_is_refused() -> None:
    with pytest.raises(MarginError, match=r"leverage = 76: BTCUSDT allows at most 75 at a notional of 1,000,000"):
        rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 10, 100_000, leverage=76)


@pytest.mark.parametrize(
    ("equity", "at_equality", "below"),
    [(25, Health.HEALTHY, Health.HEALTHY), (24, Health.LIQUIDATABLE, Health.HEALTHY), (23, *[Health.LIQUIDATABLE] * 2)],
)
def test_a_rulebook_says_which_inequality_liquidates(equity: float, at_equality: Health, below: Health) -> None:
    most = rulebook("binance_usdm", "2026-09-29")
    dydx = rulebook("dydx_v4", "2026-03-04")
    assert most.health(Risk(equity, 600, 24)) is at_equality
    assert dydx.health(Risk(equity, 600, 24)) is below
    assert most.health(Risk(0, 600, 24)) is Health.BANKRUPT


# --- a venue is one file --------------------------------------------------------------------------------------------

NOVA = {
    "name": "Nova",
    "contract": "LINEAR",
    "liquidates_at_equality": False,
    "closing_fee": "IN_MAINTENANCE",
    "closing_fee_rate": 0.001,
    "mode_change": "ANY_TIME",
    "liquidation": {"policy": "step_down", "tiers": 1, "order": "largest_notional_first"},
    "leftover": "RETURNED",
    "clearance_fee_rate": 0.01,
    "fee_from": "POSITION",
    "books": {
        "2026-01-01": {
            "source": "made up",
            "tiers": {"BTC": [{"notional_floor": 0, "maintenance_margin_rate": 0.01, "max_leverage": 40}]},
        },
        "2026-06-01": {
            "source": "made up, later",
            "leftover": "KEPT",
            "brackets": {"BTC": [[0, 10_000, 0.01, 50, 0], [10_000, None, 0.02, 25, 100]]},
            "tiers": {"ETH": [{"notional_floor": 0, "max_leverage": 20, "maintenance_fraction": 0.5}]},
            "notional_cap": {"ETH": 5_000},
        },
    },
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a copy of the folder of venues, which a test may change."""
    return Path(shutil.copytree(Path(marginlib.__file__).parent / "data" / "venues", tmp_path / "venues"))


def test_a_new_file_is_a_new_venue_and_nothing_else_has_to_be_touched(data: Path) -> None:
    (data / "nova.json").write_text(json.dumps(NOVA), encoding="utf-8")
    assert rulebooks(data) == tuple(sorted((*rulebooks(), ("nova", "2026-01-01"), ("nova", "2026-06-01"))))
    book = rulebook("nova", "2026-06-01", folder=data)
    assert (book.name, book.source, book.leftover) == ("Nova", "made up, later", Leftover.KEPT)
    older = rulebook("nova", "2026-01-01", folder=data)
    assert older.leftover is Leftover.RETURNED
    assert older.schedule("BTC").tiers[0] == RiskTier(notional_floor=0, maintenance_margin_rate=0.01, max_leverage=40)
    assert book.schedule("ETH").rates == (0.025,)
    assert book.schedule("ETH").notional_cap == 5_000
    assert book.schedule("BTC").amounts == (0, 100)
    # From the file to an account: 150 at 100, 25x, isolated by a change of mode under the open position.
    rules = Rules.of(book)
    assert rules.assumed == ("funding_from", "withdrawal")
    isolate = SetMarginMode(symbol="BTC", margin_mode=MarginMode.ISOLATED)
    events = [SetLeverage(symbol="BTC", leverage=25), Fill(symbol="BTC", quantity=150, price=100), isolate]
    # At 97.8 the notional is 14,670 and the equity 600 - 330 = 270, above 14,670 x (0.02 + 0.001) - 100 = 208.07.
    # At 97.2: 14,580 and 180 <= 206.18. Sold down to 10,000, which needs 110, for 1 % of 4,580.
    events += [MarkPrices(prices={"BTC": 97.8}), MarkPrices(prices={"BTC": 97.2})]
    *_, safe, last = replay(Account(wallet_balance=1_000), events, rules)
    assert not safe.liquidations
    (sold,) = last.liquidations
    assert not sold.taken_over
    assert sold.fee == pytest.approx(45.8)
    assert last.account.positions[0].notional == pytest.approx(10_000)
    assert last.account.wallet_balance == pytest.approx(1_000 - 2.8 * 4_580 / 97.2 - 45.8)
    # The library's own folder knows nothing of it.
    with pytest.raises(UnknownNameError, match="venue = 'nova'"):
        rulebook("nova", "2026-06-01")


def test_a_venue_whose_rate_is_of_the_whole_position_says_so_in_its_file(data: Path) -> None:
    rows = [{"notional_floor": 0, "maintenance_margin_rate": 0.004}]
    rows += [{"notional_floor": 1_000_000, "maintenance_margin_rate": 0.01}]
    brackets = [[0, 50_000, 0.004, 125, 0], [50_000, None, 0.005, 100, 0]]
    book = {"source": "made up", "whole_position": True, "tiers": {"BTC": rows}, "brackets": {"ETH": brackets}}
    (data / "nova.json").write_text(json.dumps(NOVA | {"books": {"2026-01-01": book}}), encoding="utf-8")
    nova = rulebook("nova", "2026-01-01", folder=data)
    assert nova.schedule("BTC").maintenance_margin(2_000_000) == pytest.approx(20_000)
    assert nova.schedule("ETH").maintenance_margin(60_000) == pytest.approx(300)
    # The closing fee of this venue, 0.1 %, is laid on top.
    held = nova.position("BTC", 20_000, 100)
    assert marginlib.maintenance_margin(held) == pytest.approx(22_000)


def test_coins_netting_and_the_shown_price_are_terms_of_a_file(data: Path) -> None:
    terms = {"haircuts": {"BTC": 0.05}, "netting": "LARGER_LEG", "shown_price": "PRO_RATA"}
    (data / "nova.json").write_text(json.dumps(NOVA | terms), encoding="utf-8")
    nova = rulebook("nova", "2026-01-01", folder=data)
    assert (nova.netting, nova.shown_price) == (marginlib.Netting.LARGER_LEG, marginlib.ShownPrice.PRO_RATA)
    assert nova.coin("BTC", 2, 100).value == 190
    with pytest.raises(UnknownNameError, match=r"symbol = 'DOGE': nova takes as collateral BTC"):
        nova.coin("DOGE", 1, 1)


def test_recorded_collateral_netting_and_steps_reach_an_account() -> None:
    # Binance and Aster: 5 % off a coin in Multi-Assets mode. 1 BTC at 60,000 counts 57,000.
    for book in (rulebook("binance_usdm", "2026-09-29"), rulebook("aster", "undated")):
        events = [MarkPrices(prices={"BTCUSDT": 60_000}), DepositCoin(symbol="BTCUSDT", amount=1)]
        *_, rich = replay(Account(wallet_balance=0), events, Rules.of(book))
        assert rich.account.pools()[0].coins_value == pytest.approx(57_000)
    assert not rulebook("binance_usdm", "2021-03-18").haircuts  # before there was such a mode
    # Bybit, once: 2 long and 2 short ask nothing, and no price liquidates them.
    bybit = rulebook("bybit", "2022-11-25")
    legs = tuple(bybit.position("ETHUSDT", size, 1_000) for size in (2, -2))
    assert liquidation_price(Pool(collateral=10, positions=legs, netting=bybit.netting), "ETHUSDT") is None
    # OKX, MEXC and BingX close the pair first, and stop when that is enough; Binance cuts a leg.
    closed = {}
    for venue, date in (("okx", "2021-07-25"), ("mexc", "undated"), ("bingx", "undated"), ("toobit", "undated")):
        book = rulebook(venue, date)
        legs = tuple(book.position("A", size, 100, schedule=RiskSchedule.flat(0.01)) for size in (30, -20))
        cuts = Rules.of(book).policy(Pool(collateral=1, positions=legs), 0)
        closed[venue] = [cut.share for cut in cuts]
    pair = [pytest.approx(2 / 3), 1]
    assert closed == {"okx": pair, "mexc": pair, "bingx": pair, "toobit": [1, 1]}
    # OKX's rate is of the whole position; with one tier nothing jumps, so nothing refuses it.
    okx = rulebook("okx", "2021-07-25")
    assert okx.schedule("BTC-USDT-SWAP").whole_position
    Pool(collateral=1, positions=(okx.position("BTC-USDT-SWAP", 1, 60_000),)).check_plain("nothing")


def test_bitget_s_shown_price_has_changed() -> None:
    # 1 BTC from 60,000 at 50,000 beside 10 ETH at 3,000 on 15,000: 5,000 - 250 - 150, at 0.5 % and a fee of 0.06 %.
    found = []
    for date in ("2025", "2025-09-29"):
        book, flat = rulebook("bitget", date), RiskSchedule.flat(0.005)
        btc = book.position("BTCUSDT", 1, 60_000, mark_price=50_000, schedule=flat)
        pool = Pool(collateral=15_000, positions=(btc, book.position("ETHUSDT", 10, 3_000, schedule=flat)))
        found.append(marginlib.shown_liquidation_price(pool, "BTCUSDT", book.shown_price))
    assert found == [pytest.approx(50_000 - (5_000 - 80_000 * 0.0056)), pytest.approx((45_000 + 168) / (1 - 0.0056))]


def test_a_fee_rule_is_a_line_of_the_file(data: Path) -> None:
    file = data / "hyperliquid.json"
    text = file.read_text(encoding="utf-8")
    changed = text.replace(
        '"clearance_fee_rate": 0,',
        '"clearance_fee_rate": 0.002, "closing_fee": "IN_MAINTENANCE", "closing_fee_rate": 0.0005,',
    )
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    now, then = rulebook("hyperliquid", "2025/2026", folder=data), rulebook("hyperliquid", "2025/2026")
    held = [book.position("BTC", 1, 60_000, leverage=20) for book in (now, then)]
    assert maintenance_margin(held[0]) - maintenance_margin(held[1]) == pytest.approx(60_000 * 0.0005)
    fees = []
    for book, position in zip((now, then), held, strict=True):
        # Equity 700 of 725 or more: an order to the book closes all of the 58,000, less than 100,000.
        start = Snapshot.start(Account(wallet_balance=2_700, positions=(position,)))
        (closed,) = step(start, MarkPrices(prices={"BTC": 58_000}), Rules.of(book)).liquidations
        fees.append(closed.fee)
    assert fees == [pytest.approx(58_000 * 0.002), 0]


ASSUMED = {
    "aster": ("policy", "clearance_fee_rate", "fee_from", "funding_from"),
    "bingx": ("clearance_fee_rate", "fee_from", "withdrawal", "mode_change"),
    "lighter": ("policy", "fee_from", "funding_from", "mode_change"),
    "toobit": ("fee_from", "withdrawal", "mode_change"),
    "binance_usdm": ("clearance_fee_rate", "fee_from", "funding_from"),
    "binance_coinm": ("clearance_fee_rate", "fee_from", "funding_from", "withdrawal", "mode_change"),
    "bybit": ("clearance_fee_rate", "fee_from", "withdrawal"),
    "dydx_v4": ("policy", "fee_from", "funding_from", "withdrawal", "mode_change"),
    **dict.fromkeys(
        ("bitget", "gate", "kucoin"),
        ("policy", "leftover", "clearance_fee_rate", "fee_from", "funding_from", "withdrawal", "mode_change"),
    ),
    "mexc": ("clearance_fee_rate", "fee_from", "funding_from", "withdrawal", "mode_change"),
    "hyperliquid": ("fee_from", "funding_from"),
    "okx": ("clearance_fee_rate", "fee_from", "funding_from", "withdrawal", "mode_change"),
}


@pytest.mark.parametrize(("venue", "date"), rulebooks())
def test_rules_come_of_every_book_and_name_what_it_leaves_out(venue: str, date: str) -> None:
    book = rulebook(venue, date)
    rules = Rules.of(book)
    known = {"clearance_fee_rate"} if book.clearance_fee_rate is not None else set()  # Binance's, of late only
    assert rules.assumed == tuple(term for term in ASSUMED[venue] if term not in known)
    assert rules.book is book
    for term in ("leftover", "clearance_fee_rate", "fee_from", "funding_from", "withdrawal", "mode_change"):
        default = getattr(Rules, term)
        assert getattr(rules, term) == (default if term in rules.assumed else getattr(book, term))


def test_a_term_that_is_given_stands_before_the_book_s_and_is_not_assumed() -> None:
    rules = Rules.of(rulebook("okx", "2021-07-25"), clearance_fee_rate=0.003, leftover=Leftover.RETURNED)
    assert (rules.clearance_fee_rate, rules.leftover) == (0.003, Leftover.RETURNED)
    assert rules.assumed == ("fee_from", "funding_from", "withdrawal", "mode_change")


def test_the_venues_rules_on_changing_the_mode_are_those_recorded() -> None:
    rules = {venue: rulebook(venue, date).mode_change for venue, date in rulebooks()}
    assert {venue: rule for venue, rule in rules.items() if rule} == {
        "aster": ModeChange.WHEN_FLAT,
        "binance_usdm": ModeChange.WHEN_FLAT,
        "bybit": ModeChange.WHOLE_ACCOUNT,
        "hyperliquid": ModeChange.WHEN_FLAT,
    }


def test_recorded_steps_are_the_policies_of_that_name() -> None:
    # 600 at 100 in the third tier: one tier down leaves 50,000, two tiers 10,000.
    tiers = [(0, 10_000, 0.01, 50, 0), (10_000, 50_000, 0.02, 25, 100), (50_000, None, 0.05, 10, 1_600)]
    schedule = RiskSchedule.from_brackets(tiers)
    kept = {}
    for venue, date in (("binance_usdm", "2026-09-29"), ("okx", "2021-07-25"), ("hyperliquid", "2025/2026")):
        position = rulebook(venue, date).position("BTC", 3_000, 100, schedule=schedule)
        pool = Pool(collateral=14_000, positions=(position,))
        (cut,) = Rules.of(rulebook(venue, date)).policy(pool, 0)
        kept[venue] = round((1 - cut.share) * 300_000)
    assert kept == {"binance_usdm": 50_000, "okx": 10_000, "hyperliquid": 240_000}


FACT = {"terms": ["ratio"], "kind": "PUBLISHED", "read": "2026", "source": "a page"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"closing_fee": "SOMEWHERE"},
            r"nova\.json, book of 2026-01-01: closing_fee = 'SOMEWHERE': give one of NOT_COUNTED",
        ),
        ({"mode_change": ["ANY_TIME"]}, r"nova\.json, book of 2026-01-01: .*unhashable"),
        ({"leverage": 20}, r"term = 'leverage': give one of brackets, clearance_fee_rate, closing_fee(?!.* kind,)"),
        ({"haircuts": {"BTC": 0.05, "ETH": 1}}, r"haircuts\['ETH'\] = 1: give a fraction"),
        ({"name": 7}, r"name = 7: give a text"),
        ({"words": []}, r"words = \[\]: give an object"),
        ({"liquidates_at_equality": "false"}, r"liquidates_at_equality = 'false': give true or false"),
        ({"clearance_fee_rate": 1}, r"clearance_fee_rate = 1: give a fraction"),
        ({"closing_fee_rate": "0.1"}, r"closing_fee_rate = '0\.1': give one finite number"),
        ({"source": ""}, r"source: say where the figures were published"),
        ({"tiers": {"BTC": [{"notional_floor": 0}]}}, r"tier = {'notional_floor': 0}: give a notional_floor, and a"),
        (
            {"tiers": {"BTC": [{"notional_floor": 0, "maintenance_margin_rate": 2}]}},
            r"maintenance_margin_rate = 2: give",
        ),
        (
            {"tiers": {"BTC": [{"notional_floor": 0, "max_leverage": 0, "maintenance_fraction": 0.5}]}},
            r"max_leverage = 0: give a number above 0",
        ),
        (
            {"tiers": {"BTC": [{"notional_floor": 0, "maintenance_margin_rate": 0.1, "rate": 0.1}]}},
            r"tier = {.*: give a notional_floor, and a maintenance_margin_rate or the two that make one",
        ),
        (
            {"tiers": {"BTC": [{"notional_floor": 0, "max_leverage": 9, "maintenance_fraction": 0.5, "rate": 0.1}]}},
            r"tier = {.*\.\.\.: give a notional_floor",
        ),
        ({"facts": 5}, r"book of 2026-01-01: "),
        ({"facts": [{"terms": ["ratio"]}]}, r"fact = {.*}: give terms, kind, read and source"),
        (
            {"facts": [{"terms": ["ratio"], "kind": "stated", "read": "2026-01-01", "source": "x", "page": 1}]},
            r"fact = {.*: give terms, kind, read and source",
        ),
        ({"facts": [FACT | {"terms": ["ration"]}]}, r"term = 'ration' \(did you mean ratio\?\)"),
        ({"facts": [FACT | {"kind": "HEARD"}]}, r"kind = 'HEARD': give one of PUBLISHED, THIRD_PARTY, INFERRED"),
        ({"facts": [FACT | {"read": "May"}]}, r"read = 'May': give a day as YYYY-MM-DD"),
        ({"facts": [FACT | {"read": 2026}]}, r"read = 2026: give a day as YYYY-MM-DD"),
        ({"contracts": {"BTCUSD": "COIN"}}, r"contract = 'COIN': give one of LINEAR, INVERSE"),
        ({"withdrawal": {"profit": True, "notional_share": 1}}, r"notional_share = 1: give a fraction"),
        ({"withdrawal": {"profits": True}}, r"nova\.json, book of 2026-01-01: .*unexpected keyword argument 'profits'"),
        ({"brackets": {"BTC": 5}}, r"nova\.json, book of 2026-01-01: "),
    ],
)
def test_a_faulty_file_is_refused_with_its_name_its_date_and_the_term(data: Path, change: dict, said: str) -> None:
    book = {"source": "made up", "tiers": {}} | change
    (data / "nova.json").write_text(json.dumps(NOVA | {"books": {"2026-01-01": book}}), encoding="utf-8")
    with pytest.raises(MarginError, match=said):
        rulebooks(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"books": {}', r"nova\.json: .*line 1 column"),
        ("[]", r"nova\.json: give an object of terms, and in it `books`"),
        ('{"name": "Nova"}', r"nova\.json: give an object of terms, and in it `books`"),
        ('{"books": {"2026-01-01": []}}', r"nova\.json, book of 2026-01-01: "),
    ],
)
def test_what_is_no_venue_s_file_is_refused_by_its_name(data: Path, text: str, said: str) -> None:
    (data / "nova.json").write_text(text, encoding="utf-8")
    with pytest.raises(MarginError, match=said):
        rulebook("okx", "2021-07-25", folder=data)


def test_what_is_no_json_is_left_alone(data: Path) -> None:
    (data / "README.txt").write_text("notes", encoding="utf-8")
    assert rulebooks(data) == rulebooks()


def test_steps_that_no_policy_takes_are_refused() -> None:
    with pytest.raises(MarginError, match=r"tiers = 0: give a whole number"):
        Rules.of(replace(rulebook("okx", "2021-07-25"), liquidation={"policy": "step_down", "tiers": 0}))


def test_a_contract_named_as_inverse_is_not_computed_as_linear() -> None:
    flat = marginlib.RiskSchedule.flat(0.008)
    okx = marginlib.rulebook("okx", "2021-07-25")
    for book in (okx, *(marginlib.rulebook(*each) for each in marginlib.rulebooks() if each[0] == "bybit")):
        for symbol in ("SOL-USD-210430", "XRP-USD-SWAP", "XRPUSD", "BTCUSD_PERP", "BTCUSDH25"):
            with pytest.raises(marginlib.MarginError, match=r"an inverse contract by its name.*give contract="):
                book.position(symbol, 10, 2566.31, leverage=10, schedule=flat)
            given = book.position(symbol, 10, 100, schedule=flat, contract=marginlib.Contract.INVERSE)
            assert given.contract is marginlib.Contract.INVERSE
        for symbol in ("BTCUSDT", "BTC-USDT-SWAP", "BTC-USD", "BTCUSDC", "BTC"):
            assert book.position(symbol, 1, 100, schedule=flat).contract is marginlib.Contract.LINEAR


def test_a_book_knows_which_of_its_symbols_are_inverse() -> None:
    okx = rulebook("okx", "2021-04-27")  # its price as published: 2352.8497
    eth = okx.position("ETH-USD-210430", 10, 2566.31, leverage=10)
    own = okx.isolate(eth)
    assert own.isolated_margin == pytest.approx(0.0003896645377994, rel=1e-12)  # as published
    assert liquidation_price(own.pool, eth.symbol) == pytest.approx(2352.8497, abs=0.011)
    # 10,000 dollars from 50,000, 0.02 BTC behind: 0.2 + 0.02 BTC less the fee for closing at 45,454.55 buy 10,050.
    bybit = rulebook("bybit", "2025-09-02")
    btc = bybit.position("BTCUSD", 10_000, 50_000, leverage=10, schedule=RiskSchedule.flat(0.005))
    found = liquidation_price(bybit.isolate(btc, 0.02).pool, "BTCUSD")
    assert found == pytest.approx(10_050 / (0.22 - 0.00055 * 10_000 / 45_454.545454545))
    assert 45_700 < found < 45_710


@pytest.mark.parametrize(
    ("venue", "date", "quantity", "entry", "leverage", "rate", "more", "published", "digits"),
    [
        ("mexc", "undated", 0.1, 50_000, 25, 0.004, 0, 48_200, 1e-6),
        ("kucoin", "undated", -0.005, 28_000, 100, 0.004, 0, 28_168, 1e-6),
        # Gate's own formula: (entry - margin / size) / (1 - rate - fee)
        ("gate", "2023-07-02", 1, 60_000, 10, 0.005, 0, 54_000 / (1 - 0.00575), 1e-6),
        ("gate", "2023-07-02", -1, 60_000, 10, 0.005, 0, 66_000 / (1 + 0.00575), 1e-6),
    ],
)
def test_isolated_prices_of_more_venues_come_out_as_published(
    venue: str,
    date: str,
    quantity: float,
    entry: float,
    leverage: float,
    rate: float,
    more: float,
    published: float,
    digits: float,
) -> None:
    book = rulebook(venue, date)
    held = book.position("BTCUSDT", quantity, entry, leverage=leverage, schedule=RiskSchedule.flat(rate))
    own = book.isolate(held, held.entry_notional / leverage + more)
    assert liquidation_price(own.pool, "BTCUSDT") == pytest.approx(published, abs=digits)


@pytest.mark.parametrize("date", ["2025", "2025-09-29"])
@pytest.mark.parametrize("name", ["bitget-doc-amr-0", "bitget-doc-amr-1"])
def test_bitget_s_published_prices_come_out_of_its_books(name: str, date: str) -> None:
    book, row = rulebook("bitget", date), ROWS[name]
    assert row["fee_rate"] == book.closing_fee_rate
    (leg,) = row["positions"]
    flat = RiskSchedule.flat(leg["maintenance_margin_rate"], maintenance_amount=leg["maintenance_amount"])
    held = book.position("TARGET", leg["quantity"], leg["entry_price"], schedule=flat)
    pool = Pool(collateral=row["wallet_balance"], positions=(held,))
    assert agrees(liquidation_price(pool, "TARGET"), row)


def test_kucoin_s_book_shows_the_cross_price_that_its_page_has() -> None:
    book = rulebook("kucoin", "undated")
    rates = {"BTCUSDT": (0.01, 62_000, 0.005), "ETHUSDT": (-1, 3_800, 0.01)}
    legs = [
        book.position(symbol, quantity, mark, schedule=RiskSchedule.flat(rate, closing_fee_rate=0.0006))
        for symbol, (quantity, mark, rate) in rates.items()
    ]
    pool = Pool(collateral=1_000, positions=tuple(legs))
    shown = marginlib.shown_liquidation_price(pool, "ETHUSDT", book.shown_price)
    assert shown == pytest.approx(4_610.7, abs=3_800 * 0.00005 / 1.0106)  # the page rounds its 22.62 %


# --- where each term comes from -------------------------------------------------------------------------------------

SAID_ELSEWHERE = {"books", "name", "source", "not_recorded", "facts"}


@pytest.mark.parametrize(("venue", "date"), rulebooks())
def test_every_term_of_every_book_has_a_source_a_kind_and_a_day(venue: str, date: str) -> None:
    path = Path(marginlib.__file__).parent / "data" / "venues" / f"{venue}.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    terms = (set(record) | set(record["books"][date])) - SAID_ELSEWHERE
    facts = rulebook(venue, date).facts
    assert [each.term for each in facts] == sorted(terms)
    assert all(each.source and day(2026, 1, 1) <= each.read_on <= datetime.now(tz=UTC).date() for each in facts)


def test_a_book_s_own_fact_stands_before_the_venue_s(data: Path) -> None:
    early = {"terms": ["leftover", "clearance_fee_rate"], "kind": "PUBLISHED", "read": "2024-05", "source": "a page"}
    late = {"terms": ["leftover"], "kind": "INFERRED", "read": "2026-06-01", "source": "a guess"}
    nova = NOVA | {"facts": [early]}
    nova["books"] = {date: dict(book) for date, book in NOVA["books"].items()}
    nova["books"]["2026-06-01"]["facts"] = [late]
    (data / "nova.json").write_text(json.dumps(nova), encoding="utf-8")
    first, second = (rulebook("nova", date, folder=data) for date in ("2026-01-01", "2026-06-01"))
    assert [(each.term, each.kind.value, each.read) for each in first.facts] == [
        ("clearance_fee_rate", "published", "2024-05"),
        ("leftover", "published", "2024-05"),
    ]
    assert [(each.term, each.kind.value, each.source) for each in second.facts] == [
        ("clearance_fee_rate", "published", "a page"),
        ("leftover", "inferred", "a guess"),
    ]
    assert [each.read_on for each in second.facts] == [day(2024, 5, 1), day(2026, 6, 1)]
    assert Fact(term="ratio", kind=SourceKind.PUBLISHED, read="2025", source="it").read_on == day(2025, 1, 1)
