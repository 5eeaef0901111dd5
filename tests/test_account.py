"""What an account faces, by arithmetic of its own: prices, contagion, remedies, crashes, odds, differences."""

import json
from dataclasses import replace
from math import log, nan, sqrt

import pandas as pd
import pytest

from marginlib import Account, MarginError, Pool, RiskSchedule, liquidation_price
from marginlib.__main__ import main
from marginlib.course.account import answers, chances, contagion, crashes, differences, page, remedies, where
from marginlib.course.exports import read_account
from marginlib.margin import account_risk
from marginlib.model import MaintenanceBasis

RATE = 0.005
TABLE = pd.DataFrame(
    {
        "symbol": ["BTCUSDT", "ETHUSDT", "SOLUSDT"],
        "quantity": [0.5, -4.0, 50.0],
        "entry_price": [60_000.0, 3_000.0, 150.0],
        "mark_price": [61_000.0, 3_100.0, 145.0],
        "leverage": [10, 5, 10],
        "margin_mode": ["cross", "cross", "isolated"],
        "maintenance_margin_rate": [RATE] * 3,
        "liquidation_price": [nan, nan, nan],
    }
)
CROSS = 12_000 - 750  # the wallet without SOL's initial margin


@pytest.fixture
def found():
    return read_account(TABLE, wallet_balance=12_000)


def test_where_each_is_liquidated(found):
    """Collateral + profit of the other - its maintenance + q (P - entry) = rate |q| P."""
    frame = where(found).frame
    btc = (0.5 * 60_000 - (CROSS - 4 * 100 - RATE * 12_400)) / (0.5 * (1 - RATE))
    eth = (CROSS + 0.5 * 1_000 - RATE * 30_500 + 4 * 3_000) / (4 * (1 + RATE))
    sol = (50 * 150 - 750) / (50 * (1 - RATE))
    assert frame["liquidated at [$/coin]"].tolist() == pytest.approx([btc, eth, sol])
    assert frame["away [move]"].tolist() == pytest.approx([btc / 61_000 - 1, eth / 3_100 - 1, sol / 145 - 1])
    daily = [each / sqrt(365) for each in (0.63, 0.84, 1.0)]
    away = [log(btc / 61_000), log(eth / 3_100), log(sol / 145)]
    assert frame["daily deviations"].tolist() == pytest.approx(
        [far / each for far, each in zip(away, daily, strict=True)]
    )


def test_the_nearest_is_told_first_and_what_is_shared(found):
    assert where(found).said.startswith("Nearest: SOL long, -6.4 % away. A daily standard deviation: BTC 3.3 %")
    alone = shown(nan)  # one isolated position of 0.1 BTC, in a wallet of 10,000
    assert "ETH" not in where(alone).said
    assert contagion(alone).said == "No two positions share a pool, so none moves the liquidation price of another."
    held = replace(alone, account=replace(alone.account, positions=(alone.account.positions[0].cross(),)))
    assert where(held).said.startswith("No price of one coin alone liquidates anything. ")


def test_a_coin_of_less_than_a_dollar_has_digits():
    """1,000 coins at 0.25, 10x: 0.25 x 0.9 / (1 - 0.004) = 0.2259."""
    row = {"symbol": ["DOGEUSDT"], "quantity": [1_000.0], "entry_price": [0.25], "leverage": [10]}
    row |= {"margin_mode": ["isolated"], "maintenance_margin_rate": [0.004]}
    found = read_account(pd.DataFrame(row), wallet_balance=100)
    assert "0.2259" in repr(where(found))


def test_where_in_the_other_mode(found):
    other = where(found).frame["in the other mode [$/coin]"]
    alone = [(30_000 - 3_000) / (0.5 * (1 - RATE)), (2_400 + 12_000) / (4 * (1 + RATE))]
    assert other.iloc[:2].tolist() == pytest.approx(alone)
    behind = 12_000 + 0.5 * 1_000 - 4 * 100 - RATE * (30_500 + 12_400)
    assert behind > 50 * 150  # the whole account behind it: no price is low enough
    assert pd.isna(other.iloc[2])


def test_volatility_that_is_given_counts(found):
    first, second = (where(found, each).frame["daily deviations"] for each in ({}, {"SOL": 2.0}))
    assert second.iloc[2] == pytest.approx(first.iloc[2] / 2)
    assert second.iloc[0] == first.iloc[0]


def test_which_position_drags_which(found):
    frame = contagion(found, 0.1).frame.set_index("10 % lower")
    loss, less = 0.1 * 61_000 * 0.5, RATE * 0.1 * 61_000 * 0.5  # BTC's fall takes this, and asks less maintenance
    mark = found.account.positions[1].mark_price
    assert frame.loc["BTC", "ETH short [move]"] == pytest.approx((less - loss) / (4 * (1 + RATE)) / mark)
    assert (frame["SOL long [move]"] == 0).all()
    assert frame.loc["SOL"].tolist() == [0, 0, 0]
    assert frame.loc["BTC", "BTC long [move]"] == 0


def at(account, index, **changes):
    """Return the liquidation price of a position after changes to it."""
    held = list(account.positions)
    held[index] = replace(held[index], **changes)
    return Account(wallet_balance=account.wallet_balance, positions=tuple(held))


@pytest.mark.parametrize("away", [0.2, 0.5])
def test_what_would_help_helps(found, away):
    frame = remedies(found, away).frame
    for index, each in enumerate(found.account.positions):
        wanted = each.mark_price * (1 - away if each.quantity > 0 else 1 + away)
        pool = next(pool for pool in found.account.pools() if each in pool.positions)
        row = frame.iloc[index]
        more = replace(pool, collateral=pool.collateral + row["add [$]"])
        ends = liquidation_price(more, each.symbol)
        if row["add [$]"]:
            assert ends == pytest.approx(wanted)
        else:
            assert row["or the other mode"] == "is not needed"
            assert ends is None or abs(ends / each.mark_price - 1) >= away
        share = row["or close [share]"]
        if share:
            kept = replace(each, quantity=each.quantity * (1 - share))
            left = pool.collateral + share * each.unrealized_pnl - row["fee for that [$]"]
            others = tuple(one for one in pool.positions if one is not each)
            assert liquidation_price(Pool(collateral=left, positions=(*others, kept)), each.symbol) == pytest.approx(
                wanted
            )
            assert row["fee for that [$]"] == pytest.approx(0.0005 * share * each.notional)
    assert frame["add [$]"].iloc[2] == pytest.approx(
        50 * 145 * (1 - away) * RATE - (750 + 50 * (145 * (1 - away) - 150))
    )
    assert frame["free to add [$]"].iloc[2] > 0


def test_no_size_is_small_enough_for_a_pool_that_has_nothing(found):
    poor = at(found.account, 2, isolated_margin=1.0)
    frame = remedies(replace(found, account=poor)).frame
    assert pd.isna(frame["or close [share]"].iloc[2])


def test_crashes_meet_the_same_dollars(found):
    frame = crashes(found).frame.set_index("event")
    assert frame.loc["The fall of FTX, November 2022", "moved as BTC"] == "SOL"
    assert frame.loc["The liquidation cascade of October 2025", "moved as BTC"] == ""
    assert "SOL" in frame.loc["The liquidation cascade of October 2025", "liquidated"]
    rich = replace(found, account=replace(found.account, wallet_balance=1e7))
    row = crashes(rich).frame.set_index("event").loc["The rise to January 2021"]
    assert row["liquidated"] == "nobody"
    assert row["left at the end [$]"] > account_risk(rich.account).equity  # it is a rise


def test_odds_have_errors_and_their_assumptions(found):
    answer = chances(found, 7)
    assert {"as it is", "all cross", "all isolated"} == set(answer.frame.index)
    assert (answer.frame["± liquidation [share]"] > 0).all()
    assert (
        "BTC 63.0 % (measured 2020 to 2026), ETH 84.0 % (measured 2020 to 2026), SOL 100.0 % (assumed)" in answer.said
    )
    assert (
        answer.frame.loc["all isolated", "liquidation [share]"] > answer.frame.loc["all cross", "liquidation [share]"]
    )


def shown(price, **changes):
    """Return a lone BTC long under Binance's rules whose venue shows a price."""
    row = {
        "symbol": ["BTCUSDT"],
        "quantity": [0.1],
        "entry_price": [60_000.0],
        "mark_price": [61_000.0],
        "leverage": [10],
    }
    row |= {"margin_mode": ["isolated"], "liquidation_price": [price]}
    return read_account(pd.DataFrame(row | changes), wallet_balance=10_000)


def why(found):
    return differences(found).frame["why"].iloc[0]


def test_a_difference_has_its_reason():
    margin, size, entry = 600, 0.1, 60_000
    plain = (size * entry - margin) / (size * (1 - 0.004))
    assert why(shown(round(plain, 2))) == "the same"
    assert (
        why(shown((size * entry - margin) / (size * (1 - 0.0045))))
        == "a fee for closing of 0.05 % in maintenance margin"
    )
    frozen = entry - (margin - 0.004 * size * entry) / size
    assert why(shown(frozen)) == "maintenance margin at the entry price"
    assert why(shown(61_000 - (margin + 100 - 0.004 * 6_100) / size)).startswith(
        "a convention: maintenance margin held"
    )
    assert (
        why(shown((size * entry - margin - 100) / (size * (1 - 0.004))))
        == "a margin read without its unrealized PnL in it"
    )
    assert why(shown(50_000.0)).startswith("no rule explains it: $")
    assert why(shown(nan)) == "not in the file"


def test_a_price_that_is_shared_by_the_positions_values_is_a_reason(found):
    equity, notional = CROSS + 0.5 * 1_000 - 4 * 100, 30_500 + 12_400
    behind = equity * 30_500 / notional - 0.5 * 1_000
    price = (0.5 * 60_000 - behind) / (0.5 * (1 - RATE))
    export = replace(found, shown=(price, nan, nan))
    assert why(export) == "a convention: equity shared by the positions' values"


def test_an_account_that_is_bankrupt_has_its_answers_too():
    found = read_account(TABLE, wallet_balance=1_000)
    fallen = replace(found, account=found.account.at({"BTCUSDT": 50_000, "SOLUSDT": 100}))
    where_, _, _, help_, _ = (give(fallen) for give in (where, differences, contagion, remedies, chances))
    assert where_.frame["away [move]"].iloc[0] > 0  # it is past its price
    assert help_.frame["add [$]"].min() > 0


def test_what_the_venue_says_is_counted(found):
    assert differences(shown(54_216.87, mark_price=[60_000.0])).said == "1 of 1 agree within 0.005 %."
    assert "tried" in differences(shown(50_000.0)).said
    assert differences(found).said.startswith("The file has no price of the venue")


def test_an_older_table_is_a_reason():
    """1.5 BTC: 100,000 of notional is in the first tier of today's table and was in the second before."""
    old = (1.5 * 60_000 - 9_000 - 50) / (1.5 * (1 - 0.005))
    assert why(shown(old, quantity=[1.5])) == "the risk table of 2024-08-01"


def test_a_venue_that_shows_none():
    flat = RiskSchedule.flat(0.004)
    found = shown(nan)
    held = replace(found.account.positions[0], schedule=flat, maintenance_basis=MaintenanceBasis.MARK)
    export = replace(found, account=Account(wallet_balance=2_000, positions=(held,)), shown=(None,))
    assert why(export) == "not explained: the venue shows none"


def test_all_of_it_as_text_and_as_a_page(found):
    given = answers(found, away=0.3, days=7)
    assert [each.name for each in given] == [
        "Where",
        "The price that your venue shows",
        "Which position drags which",
        "What would help",
        "In recorded crashes",
        "Odds",
    ]
    html = page(given, found)
    assert html.count("<table") == 6
    assert "no advice" in html
    assert "http" not in html
    assert all(each.said in repr(each) for each in given)


# The command

FILE = TABLE.assign(wallet_balance=12_000)


def test_the_command_answers_and_writes(tmp_path, capsys):
    FILE.to_csv(tmp_path / "mine.csv", index=False)
    assert main(["account", str(tmp_path / "mine.csv"), "--to", str(tmp_path / "out"), "--volatility", "SOL=1.2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Rules: Binance USD-M as of ")
    assert "SOL 6.3 % (given)" in text  # 120 % a year, a day's
    assert (tmp_path / "out" / "account.html").read_text("utf-8").startswith("<!doctype html>")
    where_csv = pd.read_csv(tmp_path / "out" / "where.csv")
    assert where_csv["position"].tolist() == ["BTC long", "ETH short", "SOL long"]
    assert len(list((tmp_path / "out").glob("*.csv"))) == 6


def test_the_command_reads_an_export(tmp_path, capsys):
    row = {"symbol": "BTCUSDT", "positionAmt": "0.1", "entryPrice": "60000", "markPrice": "60000", "leverage": "10"}
    row |= {"unRealizedProfit": "0", "marginType": "cross", "liquidationPrice": "55221.0"}
    (tmp_path / "mine.json").write_text(json.dumps([row]))
    assert main(["account", str(tmp_path / "mine.json"), "--wallet", "500", "--rate", "BTCUSDT=0.004"]) == 0
    assert "the same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.json"], "nothing.json: No such file"),
        (["mine.csv", "--rate", "BTCUSDT"], "--rate BTCUSDT: give NAME=NUMBER"),
        (["mine.csv", "--away", "2"], "away = 2: give a fraction"),
        (["mine.csv", "--days", "0"], "days = 0: give a number above 0"),
    ],
)
def test_the_command_names_what_is_wrong(words, said, tmp_path, capsys, monkeypatch):
    FILE.to_csv(tmp_path / "mine.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert main(["account", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_command_says_how_it_is_used(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["account"])
    assert ended.value.code == 2
    assert "usage: marginlib account" in capsys.readouterr().err


def test_an_empty_wallet_is_named():
    with pytest.raises(MarginError, match="740 less than the isolated margins"):
        read_account(TABLE, wallet_balance=10)


def test_an_account_whose_collateral_is_coins():
    """1 BTC long from 60,000 on 1,000 dollars and 0.5 BTC at 5 % off: a crash takes both, and no odds are drawn."""
    row = {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "60000", "markPrice": "60000", "leverage": "10"}
    row |= {"unRealizedProfit": "0", "liquidationPrice": "40000", "marginType": "cross", "maxNotionalValue": "1"}
    row |= {"maintMargin": "240", "updateTime": "1790000000000"}
    purses = [{"asset": name, "crossWalletBalance": amount} for name, amount in (("USDT", "1000"), ("BTC", "0.5"))]
    sol = {"symbol": "SOLUSD", "index": "150", "bidBuffer": "0.1"}  # a coin that no position is in
    more = {"assets": [*purses, {"asset": "SOL", "crossWalletBalance": "10"}]}
    rich = read_account([[row], more, [sol, {"symbol": "BTCUSD", "index": "60000", "bidBuffer": "0.05"}]])
    assert where(rich).frame["liquidated at [$/coin]"].tolist() == pytest.approx([(59_000 - 1_350) / (1.475 - 0.004)])
    assert crashes(rich).frame["moved as BTC"].str.contains("SOL").any()
    coins = read_account([[row], {"assets": purses}, {"multiAssetsMargin": True}])
    said = answers(coins)
    assert where(coins).frame["liquidated at [$/coin]"].tolist() == pytest.approx([59_000 / (1.475 - 0.004)])
    assert said[-1].said.startswith("No odds: the draws know neither coins")
    cash = replace(coins, account=Account(wallet_balance=1_000 + 28_500, positions=coins.account.positions))
    left = [crashes(each).frame["left at the end [$]"] for each in (coins, cash)]
    assert (left[0] < left[1]).any()  # what backs the long falls with it
    assert (left[0] > left[1]).any()  # and rises with it


def test_the_venue_s_own_table_on_the_command_line(tmp_path, capsys):
    (tmp_path / "mine.csv").write_text("symbol,quantity,entry_price,leverage\nETHUSDT,300,4000,10\n")
    rows = [("1000000", "0.005", "100", ""), ("2000000", "0.01", "50", "5000")]
    names = ("riskLimitValue", "maintenanceMargin", "maxLeverage", "mmDeduction")
    limits = [dict(zip(names, row, strict=True)) | {"symbol": "ETHUSDT"} for row in rows]
    (tmp_path / "limits.json").write_text(json.dumps({"result": {"list": limits}}))
    told = [str(tmp_path / "mine.csv"), "--wallet", "200000", "--tiers", str(tmp_path / "limits.json")]
    assert main(["account", *told]) == 0
    assert f"{(1_200_000 - 205_000) / (300 * 0.99):,.2f}" in capsys.readouterr().out


@pytest.mark.parametrize(("price", "same"), [(8e-6, False), (1.0204e-5, True), (1.02e-5, True), (1.03e-5, False)])
def test_a_price_of_a_small_coin_agrees_only_as_far_as_it_is_written(price, same):
    """2e-5 less half of it, which stands behind it, over 1 - 0.02: 1.0204e-5."""
    columns = ["symbol", "quantity", "entry_price", "leverage", "margin_mode", "maintenance_margin_rate"]
    table = pd.DataFrame([["SHIBUSDT", 1e9, 2e-5, 2, "isolated", 0.02]], columns=columns)
    found = read_account(table.assign(liquidation_price=price), wallet_balance=20_000)
    assert (differences(found).frame["why"].iloc[0] == "the same") is same


def test_a_volatility_of_a_coin_that_is_not_held_is_refused_and_nothing_is_not_the_measured_one(found):
    with pytest.raises(MarginError, match="volatility = 'btc'"):
        chances(found, volatility={"btc": 0.9})
    alone = shown(nan)
    with pytest.raises(MarginError, match="volatility of BTCUSDT = 0"):
        chances(alone, volatility={"BTC": 0.0})
    assert "correlation" not in chances(alone).said
    assert "correlation 0.8; no drift" in chances(found).said
