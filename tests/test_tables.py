from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginlib import (
    Account,
    Coin,
    MarginError,
    Netting,
    Pool,
    Position,
    RiskSchedule,
    bankruptcy_price,
    liquidation_price,
    risk,
    rulebook,
    rulebooks,
    tables,
)
from marginlib.market import Fill, Leftover, MarkPrices, Rules, SetLeverage, crash, replay
from marginlib.market.desk import Close, Opening, compare_scores, crash_desk
from marginlib.odds import MARKETS, Diffusion, Estimate, compare, decide, trial
from marginlib.practice.progress import Attempt, Progress

BINANCE = rulebook("binance_usdm", "2026-09-29")
FLAT = RiskSchedule.flat(0.004)


def two(mode="cross"):
    btc = BINANCE.position("BTCUSDT", 0.1, 60_000, mark_price=61_000, leverage=10)
    eth = BINANCE.position("ETHUSDT", -2, 3_000, leverage=5)
    return (btc, eth) if mode == "cross" else (btc, eth.isolated(900))


# --- on the page ---


def test_numbers_stay_numbers_and_read_by_their_unit():
    rows = [
        {"setting [x]": 2, "margin [$]": -3.5, "ends [$/coin]": None, "rate [share]": 0.004, "away [move]": np.nan},
        {"setting [x]": 12.5, "margin [$]": 1234, "ends [$/coin]": 54_216.867, "rate [share]": 1, "away [move]": 0.1},
    ]
    shown = tables.show(rows)
    assert shown.frame["margin [$]"].sum() == 1230.5
    assert np.isnan(shown.frame["ends [$/coin]"].iloc[0])
    assert repr(shown).splitlines() == [
        "setting     margin       ends     rate     away",
        "2x          -$3.50       none    0.4 %     none",
        "12.5x    $1,234.00  54,216.87  100.0 %  +10.0 %",
    ]


def test_digits_and_formats_of_ones_own():
    rows = {"day": [1, 2], "left [$]": [2.4, 3.6], "odds [share]": [0.12345, 0], "price [$/coin]": [5.5, 6]}
    shown = tables.show(rows, digits=0, formats={"odds [share]": "{:.2%}", "day": lambda day: f"day {day}"})
    assert repr(shown).splitlines() == [
        "day    left     odds  price",
        "day 1    $2  12.35 %      6",
        "day 2    $4   0.00 %      6",
    ]


def test_words_truth_and_times_are_written_as_a_reader_writes_them():
    frame = pd.DataFrame({"time": np.array(["2021-05-19T13:02:53"], "datetime64[s]"), "dead": [True], "of": ["a & b"]})
    shown = tables.show(frame, "before $5")
    assert repr(shown).splitlines() == ["before $5", "time              dead  of", "2021-05-19 13:02   yes  a & b"]
    html = shown._repr_html_()
    assert "<caption>before <span>$</span>5</caption>" in html
    assert "a &amp; b" in html
    assert "<script>" not in tables.show({"<script>": ["<script>"], "b": ["<script>"]}, "<script>")._repr_html_()


def test_every_heading_says_to_a_screen_reader_what_it_heads_and_nothing_changes_from_run_to_run():
    html = tables.show(tables.prices(Account(wallet_balance=10_000, positions=two())), "both modes")._repr_html_()
    assert (
        html == tables.show(tables.prices(Account(wallet_balance=10_000, positions=two())), "both modes")._repr_html_()
    )
    assert len(re.findall("<th ", html)) == len(re.findall('<th scope="col"', html)) + 2
    assert len(re.findall('<th scope="row"', html)) == 2
    assert " id=" not in html
    assert " class=" not in html


def test_old_notebooks_still_show_texts():
    table = tables.show_table(["day", "in [$]", "in [$]"], [(0, "$2,000", "x"), (0, "-$5", None)])
    assert repr(table).splitlines() == ["day  in      in", "0    $2,000  x", "0    -$5     None"]
    assert table._repr_html_().count("<tr>") == 3
    with pytest.raises(MarginError, match="rows, number 2: 1 cells: give 2"):
        tables.show_table(["day", "equity"], [(0, 1), (0,)])


# --- positions in and out ---


@pytest.mark.parametrize("venue", rulebooks(), ids="-".join)
@pytest.mark.parametrize("mode", ["cross", "isolated", "own"])
def test_positions_make_a_round_trip_through_a_frame_and_a_file(venue, mode, tmp_path):
    rules = rulebook(*venue)
    size = 6_000 if rules.contract.power == -1 else 0.1
    held = []
    for symbol, schedule in rules.schedules.items():
        position = rules.position(symbol, size, 60_000, mark_price=61_000, leverage=min(5, schedule.max_leverage(1)))
        held.append({"cross": position, "isolated": rules.isolate(position), "own": rules.isolate(position, 77)}[mode])
    frame = tables.book(held, rules)
    assert tables.positions(frame, rules) == tuple(held)
    frame.to_csv(tmp_path / "book.csv", index=False)
    assert tables.positions(tmp_path / "book.csv", rules) == tuple(held)


@given(
    rate=st.floats(0, 0.4),
    amount=st.floats(0, 1e4),
    quantity=st.floats(-1e6, 1e6).filter(lambda q: abs(q) > 1e-6),
    price=st.floats(1e-3, 1e6),
    own=st.none() | st.floats(1e-3, 1e6),
)
def test_positions_of_one_rate_carry_it_along(rate, amount, quantity, price, own):
    schedule = RiskSchedule.flat(rate, maintenance_amount=amount)
    position = Position(symbol="X", quantity=quantity, entry_price=price, mark_price=2 * price, schedule=schedule)
    held = position.isolated(own)
    assert tables.positions(tables.book([position, held])) == (position, held)


def test_what_is_left_out_has_its_default():
    table = pd.DataFrame({"symbol": ["BTCUSDT", "ETHUSDT"], "quantity": [0.1, "-2"], "entry_price": [60_000, 3_000]})
    (btc, eth) = tables.positions(table.assign(margin_mode=["Isolated ", None]), 0.004)
    assert btc == Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=FLAT).isolated()
    assert eth == Position.open(symbol="ETHUSDT", quantity=-2, price=3_000, schedule=FLAT)
    assert tables.book([btc]).attrs["units"]["entry_price"] == "quote currency per coin"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("quantity", "1,000", "row 2, quantity = '1,000': give a number"),
        ("quantity", 0, "row 2, quantity = 0: give a size with its sign"),
        ("entry_price", None, "row 2, entry_price = None: fill the cell"),
        ("entry_price", -1, "row 2, entry_price = -1: give a number above 0"),
        ("margin_mode", "both", "row 2, margin_mode = 'both': give cross or isolated"),
        ("leverage", 500, "row 2, leverage = 500: ETHUSDT allows at most"),
        ("isolated_margin", 50, None),
        ("symbol", "NO", "row 2, symbol = 'NO': binance_usdm of 2026-09-29 has BTCUSDT"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(column, value, message):
    frame = tables.book(two()).astype(object)
    frame.loc[1, column] = value
    if message:
        with pytest.raises(MarginError, match=f"^{re.escape(message)}"):
            tables.positions(frame, BINANCE)
    elif column == "isolated_margin":  # a cross position with money of its own is refused by the account
        with pytest.raises(MarginError, match="ETHUSDT is cross"):
            Account(wallet_balance=10_000, positions=tables.positions(frame, BINANCE))


def test_a_wrong_table_is_named(tmp_path):
    (tmp_path / "mine.csv").write_text("symbol,quantity,price\nBTCUSDT,1,60000\n")
    # A missing column is named beside those that are there, and what to give.
    missing = r"^mine\.csv, column entry_price is missing, there is symbol, quantity, price: give .*, entry_price, mark"
    with pytest.raises(MarginError, match=missing):
        tables.positions(tmp_path / "mine.csv", BINANCE)
    with pytest.raises(MarginError, match=r"^column symbol is missing, there is no column: give the first three of"):
        tables.positions(pd.DataFrame(), BINANCE)
    (tmp_path / "mine.csv").write_text("symbol,quantity,entry_price,margin mode\nBTCUSDT,1,60000,isolated\n")
    with pytest.raises(MarginError, match=r"^mine\.csv, column = 'margin mode' \(did you mean margin_mode\?\)"):
        tables.positions(tmp_path / "mine.csv", BINANCE)
    (tmp_path / "mine.csv").write_text("symbol,quantity,entry_price\nBTCUSDT,1,60000\n")
    with pytest.raises(MarginError, match=r"^mine\.csv, row 1, maintenance_margin_rate = None"):
        tables.positions(tmp_path / "mine.csv")


# --- what the frames hold is what the engine says ---


def test_pools_are_those_of_the_engine():
    account = Account(wallet_balance=10_000, positions=two("mixed"))
    frame = tables.pools(account)
    for (_, row), pool in zip(frame.iterrows(), account.pools(), strict=True):
        now = risk(pool)
        assert (row["collateral [$]"], row["equity [$]"], row["health"]) == (
            pool.collateral,
            now.equity,
            now.health.value,
        )
        assert (row["maintenance margin [$]"], row["margin ratio [share]"]) == (now.maintenance, now.margin_ratio)
    assert tables.pools(Account(wallet_balance=5)).index.tolist() == ["no position"]


def test_prices_of_both_modes_are_those_of_the_engine():
    account = Account(wallet_balance=2_000, positions=two("mixed"))
    frame = tables.prices(account)
    btc, eth = account.positions
    shared = Pool(collateral=2_000, positions=(btc, eth.cross()))
    own = Pool(collateral=900, positions=(eth,))
    assert frame.loc["ETHUSDT", "cross [$/coin]"] == liquidation_price(shared, "ETHUSDT")
    assert frame.loc["ETHUSDT", "isolated [$/coin]"] == liquidation_price(own, "ETHUSDT")
    assert frame.loc["ETHUSDT", "isolated: bankrupt [$/coin]"] == bankruptcy_price(own, "ETHUSDT")
    away = frame.loc["BTCUSDT", "isolated: away [move]"]
    assert away == liquidation_price(Pool(collateral=600, positions=(btc.isolated(),)), "BTCUSDT") / 61_000 - 1


def test_a_rulebook_says_what_isolating_sets_aside():
    rules = rulebook("bybit", "2022-11-25")
    eth = rules.position("ETHUSDT", 0.1, 1198.45, leverage=4.2)
    frame = tables.prices(Account(wallet_balance=100, positions=(eth,)), rules)
    assert round(frame["isolated [$/coin]"].item(), 2) == 919.10  # as the venue showed


def test_the_desk_shows_each_position_with_its_pool_and_what_is_free():
    frame = tables.desk(Account(wallet_balance=10_000, positions=two("mixed")))
    assert frame.index.tolist() == ["BTCUSDT long", "ETHUSDT short", "free to use"]
    assert frame["equity [$]"].tolist() == [9_200.0, 900.0, 8_590.0]


def test_facts_older_than_a_year_are_marked():
    frame = tables.facts([rulebook("bybit", "2025-09-02")], today=date(2027, 11, 1)).set_index("term")
    assert frame.loc["closing_fee_rate", ["kind", "read"]].tolist() == ["published", "2026-11-28"]
    assert not frame.loc["closing_fee_rate", "over a year ago"]  # on 28 November it will have been
    assert frame.loc["words", "over a year ago"]  # read in 2026, perhaps on its first day
    assert set(frame["rulebook"]) == {"bybit 2025-09-02"}
    assert len(tables.facts()) == sum(len(rulebook(*each).facts) for each in rulebooks())


def test_the_glossary_names_the_venues_that_cannot_be_said():
    glossary = (Path(__file__).parents[1] / "notebooks" / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = tables.not_expressed()["why not"]
    part = glossary.partition("## Venues that no rulebook here can say")[2].partition("## ")[0]
    assert [f"| {venue} | {why} |" for venue, why in rows.items()] == part.strip().splitlines()[2:]
    assert not set(rows.index) & {rulebook(*each).name for each in rulebooks()}


def test_tiers_and_rulebooks_are_as_recorded():
    schedule = BINANCE.schedule("BTCUSDT")
    frame = tables.tiers(schedule)
    assert frame["amount [$]"].tolist() == list(schedule.amounts)
    assert frame.index.tolist() == list(range(1, len(schedule.tiers) + 1))
    books = tables.rulebooks([BINANCE, rulebook("dydx_v4", "2026-03-04")])
    assert books["liquidates at equality"].tolist() == [True, False]
    assert books["maintenance basis"].tolist() == ["mark", "mark"]


def test_a_ledger_has_one_row_an_event_and_keeps_the_balance():
    events = [
        SetLeverage(symbol="BTCUSDT", leverage=10),
        Fill(symbol="BTCUSDT", quantity=0.1, price=60_000, fee_rate=0.0005),
        MarkPrices(prices={"BTCUSDT": 50_000}),
    ]
    frame = tables.ledger(replay(Account(wallet_balance=800), events, Rules(book=BINANCE), insurance_fund=500))
    assert frame["event"].tolist() == ["start", "set leverage", "fill", "mark prices"]
    assert frame["liquidated"].tolist() == ["", "", "", "BTCUSDT"]
    came = frame["deposits [$]"] - frame["withdrawals [$]"] + frame["fund at start [$]"]
    went = frame[["wallet [$]", "fees [$]", "funding [$]", "insurance fund [$]", "counterparties [$]"]].sum(axis=1)
    assert np.allclose(came, went)


def test_what_was_closed_by_force_is_told_to_the_last_dollar():
    held = BINANCE.position("BTCUSDT", 20, 60_000, leverage=50).isolated()  # 24,000 of margin
    account, path = Account(wallet_balance=30_000, positions=(held,)), [MarkPrices(prices={"BTCUSDT": 58_000})]
    (row,) = tables.liquidations(replay(account, path, Rules(book=BINANCE), insurance_fund=10_000)).to_dict("records")
    assert row["you lose [$]"] == 24_000
    assert (row["fund pays [$]"], row["others go without [$]"], row["fund gets [$]"]) == (10_000, 6_000, 0)
    assert (row["mark [$/coin]"], row["settled at [$/coin]"]) == (58_000, pytest.approx(58_800))
    assert row["account has then [$]"] == 6_000
    above = [MarkPrices(prices={"BTCUSDT": 59_100})]  # 6,000 are left, and the fund keeps them
    (row,) = tables.liquidations(replay(account, above, Rules(book=BINANCE))).to_dict("records")
    assert (row["you lose [$]"], row["fund gets [$]"]) == (24_000, 6_000)
    shared = Rules(book=BINANCE, leftover=Leftover.RETURNED, clearance_fee_rate=0.003)
    (row,) = tables.liquidations(replay(account, above, shared)).to_dict("records")
    assert (row["you lose [$]"], row["fund gets [$]"]) == (pytest.approx(21_546), pytest.approx(3_546))


def test_replays_end_side_by_side_and_where_nothing_is_closed_it_says_so():
    held = BINANCE.position("BTCUSDT", 0.5, 60_000, leverage=10)
    path = [MarkPrices(prices={"BTCUSDT": price}) for price in (54_000, 57_000)]
    both = {"cross": held, "isolated": held.isolated()}
    found = {
        mode: list(replay(Account(wallet_balance=10_000, positions=(each,)), path, Rules(book=BINANCE)))
        for mode, each in both.items()
    }
    assert repr(tables.show(tables.runs(found), digits=0)).splitlines() == [
        "account   starts with  at its lowest  ends with  liquidated",
        "cross         $10,000         $7,000     $8,500  nothing",
        "isolated      $10,000         $7,000     $7,000  BTCUSDT",
    ]
    assert repr(tables.show(tables.liquidations(found["cross"]))).splitlines() == ["liquidated", "nothing"]
    assert "time" not in tables.liquidations(found["isolated"])


def test_who_was_closed_is_named_with_its_side_where_a_coin_was_held_on_both():
    legs = [BINANCE.position("BTCUSDT", size, 60_000, leverage=10).isolated() for size in (0.5, -0.5)]
    account = Account(wallet_balance=10_000, positions=tuple(legs))
    ways = {"fall": (54_000,), "rise": (66_000,), "both": (54_000, 66_000)}
    rules = Rules(book=BINANCE)
    found = {
        name: replay(account, [MarkPrices(prices={"BTCUSDT": price}) for price in path], rules)
        for name, path in ways.items()
    }
    assert tables.runs(found)["liquidated"].tolist() == ["BTCUSDT long", "BTCUSDT short", "BTCUSDT long, BTCUSDT short"]


def test_a_simulated_number_is_written_with_its_error_and_never_as_zero():
    columns = {
        "odds [share]": [Estimate.share(0, 16_384), Estimate.share(38, 16_384), Estimate.share(16_384, 16_384), None],
        "loss [$]": [None, Estimate(10_000, 0, 9), Estimate(-622, 12.4, 9), Estimate(5, 1, 9)],
    }
    shown = tables.show(tables.estimates(columns, ["never", "seldom", "always", "none"]), digits=0)
    assert shown.frame["\u00b1 loss [$]"].tolist()[1:] == [0, 12.4, 1]  # numbers stay numbers
    assert [row[1:] for row in shown.texts] == [
        ("odds", "loss"),
        ("below 0.02 %", "none"),
        ("0.23 % \u00b1 0.04", "$10,000 \u00b1 0"),
        ("above 99.98 %", "-$622 \u00b1 12"),
        ("none", "$5 \u00b1 1"),
    ]
    assert "\u00b1</th>" not in shown._repr_html_()
    exact = tables.show({"days": [1, 7], "odds [share]": [0.00001, 0.0]})
    assert [row[1] for row in exact.texts[1:]] == ["below 0.05 %", "0.0 %"]


def test_key_figures_are_the_recorded_ones():
    frame = tables.key_figures(crash("may-crash-2021"))
    recorded = crash("may-crash-2021").figures["BTCUSDT"]
    assert frame.loc["BTCUSDT", "mark price [$/coin]"].tolist() == recorded.mark_prices.tolist()


def test_scores_add_up():
    found = compare_scores(
        crash_desk("may-crash-2021", 10_000, [Opening(symbol="ETHUSDT", dollars=12_500, leverage=5)]),
        [Close("ETHUSDT")],
    )
    frame = tables.scores(found)
    assert frame.index.tolist() == list(found)
    parts = frame["prices [$]"] - frame["fees [$]"] - frame["funding [$]"] - frame["taken [$]"]
    assert np.allclose(frame["end [$]"] - frame["start [$]"], parts)


def test_odds_stand_beside_their_errors():
    btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=FLAT, leverage=10)
    accounts = {
        "cross": Account(wallet_balance=1e9, positions=(btc,)),
        "own": Account(wallet_balance=10, positions=(btc,)),
    }
    found = compare(accounts, Diffusion(volatility={"BTC": 0.6}), paths=1_024, seed=1)
    frame = tables.odds(found)
    assert frame.loc["own", "liquidation [share]"] == found["own"].liquidation.value
    assert frame.loc["own", "± liquidation [share]"] == found["own"].liquidation.standard_error
    assert np.isnan(frame.loc["cross", "loss if liquidated [$]"])


def test_decisions_and_trials_are_told_with_their_limit():
    btc = Position.open(symbol="BTCUSDT", quantity=1, price=60_000, schedule=FLAT, leverage=20)
    found = decide(10_000, [btc], MARKETS["2020 to 2026"], paths=1_024)
    frame = tables.decisions(found)
    assert frame["limit"].tolist() == ["breaks the limit", "meets the limit"]
    assert frame["loses more than 50 % [share]"].tolist() == [each.over.value for each in found.prospects]
    pair = [Position.open(symbol=each, quantity=0.1, price=1_000, schedule=FLAT) for each in ("BTCUSDT", "ETHUSDT")]
    four = tables.decisions(decide(10_000, pair, MARKETS["2020 to 2026"], paths=1_024))
    assert four.index.tolist() == ["cross", "ETHUSDT isolated", "BTCUSDT isolated", "isolated"]
    assert (four["± median loss [$]"] > 0).all()
    tried = trial("one coin", size=1, leverage=3, days=1, market=MARKETS["2023, calm"], paths=1_024)
    row = tables.trials([tried]).iloc[0]
    assert (row["kind"], row["leverage"], row["outcome"]) == ("one coin", 3, tried.outcome.value)


def test_progress_is_one_row_an_answer():
    kept = Progress(attempts=(Attempt(item="02-price", kind="question", answer=5, right=True, codes=("SIGN",)),))
    assert tables.progress(kept)[["item", "right"]].to_numpy().tolist() == [["02-price", True]]
    assert tables.progress(Progress()).columns.tolist() == tables.progress(kept).columns.tolist()


def test_coins_and_shares_are_refused_where_nothing_divides():
    assert tables.coins(6_000, 60_000) == 0.1
    assert tables.share(None, 500) is None
    with pytest.raises(MarginError, match="price = 0"):
        tables.coins(6_000, 0)
    with pytest.raises(MarginError, match="whole = 0"):
        tables.share(300, 0)
    with pytest.raises(MarginError, match="start = 0"):
        tables.move(54_000, 0)


# --- along a path ---


def test_what_is_left_of_a_pool_stays_in_the_account_and_what_is_gone_stays_gone():
    # 40 behind 1 BTC in cross, 10 of them isolated: at 90.2 the isolated pool has 0.2, less than it must keep.
    btc = Position.open(symbol="BTCUSDT", quantity=1, price=100, schedule=FLAT, leverage=10)
    found = tables.along(Account(wallet_balance=40, positions=(btc,)), {"BTCUSDT": [-0.098, -0.5, 0.0]})
    assert list(found["BTC [move]"]) == [-0.098, -0.5, 0.0]
    assert list(found["cross: alive"]) == ["BTC", "nobody", "nobody"]
    assert list(found["cross: has [$]"]) == pytest.approx([30.2, 0, 0])
    assert list(found["isolated: alive"]) == ["nobody"] * 3
    assert list(found["isolated: has [$]"]) == pytest.approx([30.2] * 3)


def test_an_isolated_margin_of_ones_own_is_kept_along_a_path():
    btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=FLAT, leverage=10).isolated(25)
    found = tables.along(Account(wallet_balance=40, positions=(btc,)), {"BTC": [-0.2]})
    assert found["isolated: alive"].item() == "BTC"


@pytest.mark.parametrize("moves", [{}, {"BTC": []}, {"BTC": [0.1], "ETH": [0.1]}, {"ETH": [0.1]}])
def test_moves_that_do_not_fit_the_account_are_refused(moves):
    btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=FLAT, leverage=10)
    with pytest.raises(MarginError, match=r"^moves = .*give as many of each of BTC, one at least"):
        tables.along(Account(wallet_balance=40, positions=(btc,)), moves)


BTC = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004), leverage=10)
ETH = Position.open(symbol="ETHUSDT", quantity=1, price=3_000, schedule=RiskSchedule.flat(0.004), leverage=10)


def test_each_pool_is_a_row_with_the_price_of_one_position():
    frame = tables.each("in the wallet [$]", {own: Pool(collateral=own, positions=(BTC, ETH)) for own in (900, 90_000)})
    assert frame.index.name == "in the wallet [$]"
    assert list(frame["collateral [$]"]) == [900, 90_000]
    assert frame["liquidated at [$/coin]"].iloc[0] == liquidation_price(
        Pool(collateral=900, positions=(BTC, ETH)), "BTCUSDT"
    )
    assert "none" in repr(tables.show(frame))


def test_of_an_account_the_pool_that_backs_the_symbol_is_shown():
    account = Account(wallet_balance=10_000, positions=(BTC, ETH.isolated(500)))
    frame = tables.each("state", {"now": account}, "ETHUSDT")
    assert list(frame["collateral [$]"]) == [500]
    assert frame["after [move]"].item() == pytest.approx(frame["liquidated at [$/coin]"].item() / 3_000 - 1)
    with pytest.raises(MarginError, match=r"did you mean ETHUSDT\?"):
        tables.each("state", {"now": account}, "eth")


def test_an_account_whose_positions_are_closed_is_a_row_with_an_empty_pool():
    alone = Account(wallet_balance=10_000, positions=(BTC.isolated(600),))
    frame = tables.each("state", {"before": alone, "after": Account(wallet_balance=9_400)})
    assert list(frame["collateral [$]"]) == [600, 0]
    assert frame["liquidated at [$/coin]"].diff().isna().all()


def test_a_position_stands_in_both_modes_whatever_it_is_in():
    frame = tables.modes("held", {"cross": BTC, "isolated": BTC.isolated()}, 3_000)
    assert frame.loc["cross"].equals(frame.loc["isolated"])
    assert frame.loc["cross", "effective leverage [x]"] == 2
    assert frame.loc["cross", "isolated [$/coin]"] == pytest.approx(54_216.867)
    assert frame.loc["cross", "cross [$/coin]"] == pytest.approx((6_000 - 3_000) / 0.0996)


def test_headings_stand_where_their_column_begins():
    html = tables.show([{"who": "Anna", "mode": "cross", "has [$]": 3.0}])._repr_html_()
    word, number = (
        '<th scope="col"><span style="display:block;text-align:left">mode</span></th>',
        '<th scope="col">has</th>',
    )
    assert word in html
    assert number in html
    assert html.count("position:sticky") == 2  # the corner and the row's name


def test_a_path_in_a_cell_may_be_broken_and_a_number_not():
    html = tables.show(
        [{"field": "isolatedWallet", "from": "fapi/v1", "share [share]": 0.5, "of": "1/50", "at": "2026-09-29"}]
    )._repr_html_()
    assert "isolated<wbr>Wallet" in html
    assert "fapi/<wbr>v1" in html
    assert "1/50" in html
    assert "2026-&NoBreak;09-&NoBreak;29" in html


def test_prices_of_an_account_count_its_coins_and_what_it_nets():
    btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
    short = replace(btc, quantity=-0.04)
    coin = Coin(symbol="BTCUSDT", amount=0.05, mark_price=60_000)
    for account in (
        Account(wallet_balance=600, positions=(btc,), coins=(coin,)),
        Account(wallet_balance=600, positions=(btc, short), netting=Netting.LARGER_LEG),
    ):
        (pool,) = account.pools()
        shown = tables.prices(account)
        assert shown["cross [$/coin]"].iloc[0] == liquidation_price(pool, "BTCUSDT")
        assert shown["cross: bankrupt [$/coin]"].iloc[0] == bankruptcy_price(pool, "BTCUSDT")


def test_tables_of_nothing_are_empty():
    assert tables.prices(Account(wallet_balance=100)).empty
    assert tables.pools([]).empty
    assert tables.each("setting [x]", {}).empty
    assert tables.modes("who", {}, 100).empty


def test_an_amount_without_its_rate_is_refused_under_a_rulebook_too():
    row = {"symbol": ["BTCUSDT"], "quantity": [1], "entry_price": [100], "maintenance_amount": [50]}
    for rules in (None, rulebook("binance_usdm", "2026-09-29")):
        with pytest.raises(MarginError, match="maintenance_margin_rate"):
            tables.positions(pd.DataFrame(row), rules)


def test_what_is_missing_reads_none_whatever_pandas_calls_it_and_two_indexes_are_two_columns():
    frame = pd.DataFrame({"who": ["a", "b"], "n": pd.array([1, None], dtype="Int64"), "when": [pd.NaT, pd.NaT]})
    assert tables.show(frame).texts[-1] == ("b", "none", "none")
    grouped = pd.DataFrame({"kind": ["x", "x"], "size": [1, 2], "end [$]": [3.0, 4.0]}).groupby(["kind", "size"]).mean()
    assert tables.show(grouped).texts == (("kind", "size", "end"), ("x", "1", "$3.00"), ("x", "2", "$4.00"))
