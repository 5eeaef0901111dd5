"""Your own trade: entered once, kept on this machine, restated in every notebook."""

import json

import pandas as pd
import pytest
from pressing import reply

from marginlib import Account, MarginError, liquidation_price, rulebook
from marginlib.course.account import contagion
from marginlib.course.exports import Export
from marginlib.course.figures import TIER_DATE
from marginlib.course.trade import TradeForm, forget_trade, keep_trade, my_account, my_export, my_trade
from marginlib.course.yours import _LESSONS, yours
from marginlib.practice.progress import beside

TABLE = pd.DataFrame(
    {
        "symbol": ["SOLUSDT", "BTCUSDT"],
        "quantity": [-20, 0.1],
        "entry_price": [150.0, 60_000.0],
        "leverage": [5, 10],
        "margin_mode": ["isolated", "cross"],
    }
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MARGINLIB_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path


def filled(form, **values):
    form.values = {
        "wallet_balance": "5,000",
        "symbol-0": "btc",
        "quantity-0": "0.2",
        "entry_price-0": "$60,000",
    } | values
    return form


def test_where_nothing_is_kept_the_example_stands_and_says_so():
    account, own = my_account()
    assert (own, account.wallet_balance, len(account.positions)) == (False, 10_000, 2)
    assert yours("02").sentences[0].startswith("The course's example")


@pytest.mark.parametrize("notebook", _LESSONS)
def test_each_lesson_is_said_of_what_is_kept(notebook):
    keep_trade(5_000, TABLE)
    said = yours(notebook)
    assert said.sentences[0].startswith("Your trade. Wallet $5,000: $3,000 of SOL short (isolated, 5x)")
    assert "cannot be said" not in said.sentences[1] or notebook == "09"  # not every recorded crash has SOL
    html = said._repr_html_()
    assert 'scope="col"' in html
    assert ("<img" in html) == (notebook in {"01", "13"})
    assert said.sentences[1] in repr(said)


def test_the_numbers_are_the_engines():
    account = keep_trade(5_000, TABLE)
    rules = rulebook("binance_usdm", TIER_DATE)
    sol = rules.isolate(rules.position("SOLUSDT", -20, 150, leverage=5))
    btc = rules.position("BTCUSDT", 0.1, 60_000, leverage=10)
    assert account == Account(wallet_balance=5_000, positions=(sol, btc))
    cross, own = account.pools()
    frame = yours("01").table.frame
    assert frame["liquidation [$/coin]"].iloc[:2].tolist() == [
        liquidation_price(cross, "BTCUSDT"),
        liquidation_price(own, "SOLUSDT"),
    ]


def test_a_new_start_finds_what_was_kept_and_forgetting_deletes_it(home):
    keep_trade(5_000, TABLE)
    assert my_account()[1]
    assert json.loads((home / "my-trade.json").read_text("utf-8"))["wallet_balance"] == 5_000
    assert TradeForm().values["symbol-0"] == "SOLUSDT"  # noqa: PD011 - a form
    assert TradeForm().html.count(" open>") == 2  # positions are open where there is one
    forget_trade()
    assert TradeForm().html.count(" open>") == 1
    assert [*home.iterdir()] == []
    assert not my_account()[1]


def test_what_moves_alike_is_shown_once_and_every_line_has_room_on_a_phone():
    keep_trade(5_000, TABLE)
    assert [*yours("04").table.frame][:2] == ["SOL [move]", "cross: alive"]
    assert [*yours("01").table.frame] == [
        "equity [$]",
        "maintenance [$]",
        "margin ratio [share]",
        "liquidation [$/coin]",
    ]


def test_a_csv_file_is_taken_as_a_table_is(tmp_path):
    TABLE.to_csv(tmp_path / "mine.csv", index=False)
    assert keep_trade(5_000, tmp_path / "mine.csv") == keep_trade(5_000, TABLE)


def test_the_form_keeps_what_is_typed_as_people_type_it():
    form = filled(my_trade(), **{"leverage-0": "20x", "margin_mode-0": "1"})
    form.press("keep")
    assert "BTCUSDT long, isolated: liquidated at 57,228.92 (-4.6&nbsp;%)" in reply(form)
    (btc,) = my_account()[0].positions
    assert (btc.quantity, btc.entry_price, btc.leverage, btc.isolated_margin) == (0.2, 60_000, 20, 600)
    form.press("forget")
    assert not my_account()[1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"wallet_balance": ""}, "wallet_balance = empty"),
        ({"quantity-0": "much"}, "position 1, quantity = much"),
        ({"symbol-0": "NOPE"}, "NOPE"),
        ({"entry_price-0": "-60000"}, "entry_price"),
        ({"wallet_balance": "10", "margin_mode-0": "1"}, "isolated_margin"),
        ({"symbol-0": "", "quantity-0": "", "entry_price-0": ""}, "fill one row"),
    ],
)
def test_what_cannot_be_is_not_kept_and_named(values, said):
    form = filled(my_trade(), **values)
    form.press("keep")
    assert reply(form).startswith("<p>Not kept.")
    assert said in reply(form)
    assert not my_account()[1]


def test_a_file_that_is_no_trade_is_named():
    beside("my-trade.json").write_text('{"format": "marginlib-trade", "version": 9}', "utf-8")
    with pytest.raises(MarginError, match=r"my-trade\.json: no trade that this version reads"):
        my_account()


STATE = {  # a clearinghouse state of Hyperliquid, own numbers: 0.1 BTC from 60,000 at 10x in cross, 1,000 behind it
    "assetPositions": [
        {
            "position": {
                "coin": "BTC",
                "szi": "0.1",
                "entryPx": "60000",
                "positionValue": "6000",
                "leverage": {"type": "cross", "value": 10},
                "maxLeverage": 40,
                "liquidationPx": "50632.9",
            }
        }
    ],
    "marginSummary": {"accountValue": "1000"},
    "crossMarginSummary": {"accountValue": "1000"},
}


def test_an_export_that_is_pasted_is_kept_as_it_is():
    form = filled(my_trade(), export=json.dumps(STATE))  # a wallet of 5,000 stands in the form: the file's counts
    form.press("keep")
    found, own = my_export()
    assert (own, found.account.wallet_balance, found.rules.name, found.shown) == (
        True,
        1_000,
        "Hyperliquid",
        (50_632.9,),
    )
    expected = (6_000 - 1_000) / (0.1 * (1 - 1 / 80))
    assert liquidation_price(found.account.pools()[0], "BTC") == pytest.approx(expected)
    assert yours("03").table.frame["liquidated at [$/coin]"].tolist() == pytest.approx([expected])
    for notebook in ("09", "11", "12"):
        assert "cannot be said" not in " ".join(yours(notebook).sentences)


def test_what_is_not_in_an_export_is_taken_from_the_form():
    row = {"symbol": "BTCUSDT", "positionAmt": "0.1", "entryPrice": "60000", "markPrice": "60000", "leverage": "10"}
    form = filled(my_trade(), export=json.dumps([row | {"unRealizedProfit": "0", "marginType": "cross"}]))
    form.press("keep")
    assert my_account()[0].wallet_balance == 5_000
    form = filled(my_trade(), export=json.dumps([row]), wallet_balance="")
    form.press("keep")
    assert "unRealizedProfit: the field is missing" in reply(form)


def test_half_a_call_and_an_unknown_notebook_are_refused():
    with pytest.raises(MarginError, match="give both"):
        my_trade(5_000)
    with pytest.raises(MarginError, match="give one of 01"):
        yours("00")


def test_a_market_that_nobody_measured_is_named_with_its_assumption():
    keep_trade(5_000, TABLE)
    assert "Assumed volatility a year: SOLUSDT 100 %, BTCUSDT 63 %" in yours("10").sentences[1]


def test_the_form_drops_no_position_that_it_has_no_room_for():
    table = pd.concat([TABLE, TABLE.assign(symbol=["ETHUSDT", "XRPUSDT"])])
    keep_trade(9_000, table)
    form = TradeForm()
    form.press("keep")
    assert "positions = 4: the form has room for 3" in reply(form)
    assert len(my_account()[0].positions) == 4


def test_a_trade_that_cannot_be_written_is_told(monkeypatch):
    monkeypatch.setenv("MARGINLIB_PROGRESS", "/proc/none/progress.json")
    form = filled(TradeForm())
    form.press("keep")
    assert "No such file" in reply(form) or "Permission" in reply(form)


def test_both_legs_of_a_hedge_are_told_and_odds_are_given_without_room_for_all_isolated():
    legs = pd.DataFrame({"symbol": ["BTCUSDT"] * 2, "quantity": [1.0, -0.5], "entry_price": [60_000.0, 61_000.0]})
    keep_trade(14_000, legs.assign(leverage=[5, 10], mark_price=60_000.0))
    told = repr(yours("12"))
    assert "BTC long if isolated" in told
    assert "BTC short if isolated" in told
    assert not any("cannot be said" in each for each in yours("10").sentences)


def test_a_decimal_comma_is_one_and_thousands_are_thousands():
    form = filled(TradeForm(), **{"quantity-0": "0,5", "entry_price-0": "60.000,5", "leverage-0": "10x"})
    form.press("keep")
    (held,) = my_account()[0].positions
    assert (held.quantity, held.entry_price, held.leverage) == (0.5, 60_000.5, 10)
    filled(form, **{"quantity-0": "5 %"}).press("keep")
    assert my_account()[0].positions == (held,)


def test_what_is_said_in_cross_counts_coins_as_the_pool_does():
    book = rulebook("binance_usdm", TIER_DATE)
    legs = (book.position("BTCUSDT", 0.5, 60_000, leverage=10), book.position("ETHUSDT", 5, 3_000, leverage=10))
    account = Account(wallet_balance=2_000, positions=legs, coins=(book.coin("BTCUSDT", 0.15, 60_000),))
    _, frame, _ = _LESSONS["03"](account)
    (pool,) = account.pools()
    assert frame["liquidated at [$/coin]"].tolist() == [liquidation_price(pool, each) for each in pool.symbols]


def test_what_drags_what_is_one_number_in_06_and_in_14():
    account = keep_trade(5_000, TABLE.assign(margin_mode="cross"))
    _, frame, _ = _LESSONS["06"](account)
    before, after = (
        liquidation_price(each.pools()[0], "SOLUSDT") for each in (account, account.at({"BTCUSDT": 59_400}))
    )
    assert frame["SOL short [move]"].iloc[1] == pytest.approx((after - before) / 150)
    assert frame.equals(
        contagion(Export(account=account, rules=rulebook("binance_usdm", TIER_DATE), shown=()), 0.01).frame
    )


def test_a_venue_that_does_not_offer_the_leverage_does_not_take_the_others_away():
    keep_trade(
        1_000, pd.DataFrame({"symbol": ["BTCUSDT"], "quantity": [0.1], "entry_price": [60_000.0], "leverage": [50]})
    )
    named = yours("12").table.frame.index.tolist()
    assert any("Binance" in each for each in named)
    assert not any("Hyperliquid" in each for each in named)
