"""Venues' own exports of positions, in the form of their documentation, give the venues' own prices."""

import json
from math import isnan

import pandas as pd
import pytest

from marginlib import MarginError, liquidation_price, rulebook, rulebooks
from marginlib.course.exports import coin, read_account
from marginlib.margin import account_risk


def prices(found):
    """Return the liquidation price of each position in its pool."""
    held = [(each, pool) for pool in found.account.pools() for each in pool.positions]
    return [
        liquidation_price(next(pool for each, pool in held if each is one), one.symbol)
        for one in found.account.positions
    ]


# Binance, GET /fapi/v2/positionRisk: live rows of 2024 that stand in public programs' comments.
ETH = {
    "symbol": "ETHUSDT",
    "positionAmt": "-0.010",
    "entryPrice": "2468.49",
    "markPrice": "2473.15992704",
    "unRealizedProfit": "-0.04669927",
    "liquidationPrice": "2949.15712649",
    "leverage": "5",
    "maxNotionalValue": "320000000",
    "marginType": "isolated",
    "isolatedMargin": "4.87793828",
    "isAutoAddMargin": "false",
    "positionSide": "SHORT",
    "notional": "-24.73159927",
    "isolatedWallet": "4.92463755",
    "updateTime": "1730667935892",
}


def risk(symbol, amount, entry, mark, shown, leverage, cap, wallet):
    profit = float(amount) * (float(mark) - float(entry))
    side = "LONG" if float(amount) > 0 else "SHORT"
    said = {
        "positionAmt": amount,
        "entryPrice": entry,
        "markPrice": mark,
        "liquidationPrice": shown,
        "leverage": leverage,
    }
    return (
        ETH
        | said
        | {
            "symbol": symbol,
            "unRealizedProfit": f"{profit:.8f}",
            "maxNotionalValue": cap,
            "isolatedMargin": f"{float(wallet) + profit:.8f}",
            "isolatedWallet": wallet,
            "positionSide": side,
            "updateTime": 1709886017670,
        }
    )


BINANCE = [
    ETH,
    risk("DOGEUSDT", "-30", "0.175896779661", "0.17876815", "0.21903766", "4", "7000000", "1.32708230"),
    risk("DOGEUSDT", "-32", "0.16395", "0.17876815", "0.19059204", "6", "2200000", "0.88304001"),
    risk("BLURUSDT", "14", "0.721575", "0.72110000", "0.54942259", "4", "2000000", "2.52551250"),
    risk("BLURUSDT", "-28", "0.72165", "0.72110000", "0.88839917", "4", "2000000", "5.04210448"),
]
# GET /fapi/v1/leverageBracket; the first rate is that of both BLURUSDT rows.
BRACKETS = {
    "symbol": "BLURUSDT",
    "brackets": [
        {
            "bracket": 1,
            "initialLeverage": 25,
            "notionalCap": 2_000_000,
            "notionalFloor": 0,
            "maintMarginRatio": 0.015,
            "cum": 0.0,
        }
    ],
}


def test_binance_shows_what_is_computed():
    found = read_account(json.dumps(BINANCE) + "\n" + json.dumps([BRACKETS]))
    assert prices(found) == pytest.approx(list(found.shown), rel=1e-7)
    assert found.account.wallet_balance == pytest.approx(sum(float(each["isolatedWallet"]) for each in BINANCE))
    assert any("free" in each for each in found.notes)


def test_binance_isolated_margin_has_the_profit_in_it():
    wrong = read_account([ETH | {"isolatedWallet": ETH["isolatedMargin"]}])
    assert prices(wrong) == pytest.approx([2944.51], abs=0.01)  # what a reader of the wrong field gets
    old = read_account([{name: value for name, value in ETH.items() if name != "isolatedWallet"}])
    assert prices(old) == pytest.approx([2949.1571], abs=1e-4)


def test_binance_hedge_example_of_the_documentation():
    """The page's example of position risk, without `isolatedWallet`; the flat leg is left out."""
    long = {
        "entryPrice": "6563.66500",
        "marginType": "isolated",
        "isolatedMargin": "15517.54150468",
        "leverage": "10",
        "liquidationPrice": "5930.78",
        "markPrice": "6679.50671178",
        "positionAmt": "20.000",
        "symbol": "BTCUSDT",
        "unRealizedProfit": "2316.83423560",
        "positionSide": "LONG",
        "updateTime": 1625474304765,
    }
    found = read_account([long, long | {"positionAmt": "0.000", "entryPrice": "0.00000", "positionSide": "SHORT"}])
    assert prices(found) == pytest.approx([5930.78], abs=0.005)
    assert found.notes[0].startswith("BTCUSDT: the risk table of")


V3 = {  # GET /fapi/v3/positionRisk, the page's example: no leverage and no marginType
    "symbol": "ADAUSDT",
    "positionSide": "BOTH",
    "positionAmt": "30",
    "entryPrice": "0.385",
    "breakEvenPrice": "0.385077",
    "markPrice": "0.41047590",
    "unRealizedProfit": "0.76427700",
    "liquidationPrice": "0",
    "isolatedMargin": "0",
    "notional": "12.31427700",
    "marginAsset": "USDT",
    "isolatedWallet": "0",
    "initialMargin": "0.61571385",
    "maintMargin": "0.08004280",
    "positionInitialMargin": "0.61571385",
    "openOrderInitialMargin": "0",
    "updateTime": 1720736417660,
}
ACCOUNT = {  # GET /fapi/v3/account, its fields, own numbers
    "totalWalletBalance": "1000.00000000",
    "totalCrossWalletBalance": "1000.00000000",
    "assets": [
        {"asset": "USDT", "walletBalance": "1000.00000000", "crossWalletBalance": "1000.00000000"},
        {"asset": "USDC", "walletBalance": "7.00000000", "crossWalletBalance": "7.00000000"},
    ],
    "positions": [{"symbol": "ADAUSDT", "positionSide": "BOTH", "positionAmt": "30", "maintMargin": "0.08004280"}],
}


def test_binance_version_3_with_its_account():
    found = read_account([[V3], ACCOUNT])
    (held,) = found.account.positions
    assert (held.leverage, held.own_margin, found.account.wallet_balance) == (20, 0, 1000)
    assert held.schedule.rates == pytest.approx((0.0065,), rel=1e-4)
    assert prices(found) == [None] == list(found.shown)
    assert "0.65 % is taken for every size" in found.notes[0]


def test_the_table_that_agrees_with_the_file_is_taken():
    """Of 100,000 the newest table asks 400, those of before 450: from 50,000 on 0.5 % less 50."""
    row = ETH | {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "100000", "markPrice": "100000"}
    row |= {"maintMargin": "450", "unRealizedProfit": "0", "marginType": "cross", "positionSide": "BOTH"}
    found = read_account([row], wallet_balance=20_000)
    assert found.account.positions[0].schedule.maintenance_margin(100_000) == 450  # 0.5 % - 50, from 50,000 on
    assert found.notes == ()


def test_a_wallet_that_is_not_in_the_file_is_asked_for():
    with pytest.raises(MarginError, match="wallet_balance: not in the file"):
        read_account([V3])


# Bybit, GET /v5/position/list; first the live row of 2022 that ccxt quotes, its own price rounded to 0.05.
BYBIT = {
    "positionIdx": 0,
    "symbol": "ETHUSDT",
    "side": "Buy",
    "size": "0.10",
    "positionValue": "119.845",
    "avgPrice": "1198.45",
    "tradeMode": 1,
    "leverage": "4.2",
    "positionBalance": "28.58931118",
    "liqPrice": "919.10",
    "bustPrice": "913.15",
    "unrealisedPnl": "0.083",
    "updatedTime": "1669413126190",
    "riskLimitValue": "900000",
}


def bybit(*rows):
    return {"retCode": 0, "retMsg": "OK", "result": {"list": list(rows), "category": "linear"}, "time": 1670836410404}


def test_bybit_shows_what_is_computed():
    flat = BYBIT | {"side": "None", "size": "0.000", "avgPrice": "0", "symbol": "BTCUSDT", "liqPrice": ""}
    found = read_account(bybit(BYBIT, flat))
    assert prices(found) == pytest.approx([919.10], abs=0.05)
    assert found.account.positions[0].mark_price == pytest.approx(1199.28)


def test_bybit_margins_hold_the_fee_for_closing():
    """Own numbers in the help centre's rule of 2022: 1 BTC, 20,000, 50x, 0.5 %: 19,700, whatever the fee is."""
    fee = 0.0006 * 19_600
    row = BYBIT | {"symbol": "BTCUSDT", "size": "1", "avgPrice": "20000", "positionValue": "20000", "leverage": "50"}
    row |= {"positionBalance": str(400 + fee), "positionMM": str(100 + fee), "riskLimitValue": "", "unrealisedPnl": "0"}
    assert prices(read_account(bybit(row))) == pytest.approx([19_700])
    short = row | {
        "side": "Sell",
        "positionBalance": str(400 + 0.0006 * 20_400),
        "positionMM": str(100 + 0.0006 * 20_400),
    }
    assert prices(read_account(bybit(short))) == pytest.approx([20_300])


@pytest.mark.parametrize("size", [1, -1, 0.5, -0.25, 2])
def test_five_positions_of_bybit(size):
    """Own numbers in the rule of 2022, each at its own leverage: entry x (1 - side x (1 / leverage - 0.5 %))."""
    rows, expected = [], []
    for number, leverage in enumerate((2, 5, 10, 20, 50)):
        entry, side = 1_000 * (number + 1), 1 if size > 0 else -1
        value, fee = abs(size) * entry, 0.0006 * abs(size) * entry * (1 - side / leverage)
        said = {"symbol": f"COIN{number}USDT", "side": "Buy" if side > 0 else "Sell", "size": str(abs(size))}
        said |= {"avgPrice": str(entry), "positionValue": str(value), "leverage": str(leverage), "unrealisedPnl": "0"}
        said |= {"positionBalance": str(value / leverage + fee), "positionMM": str(0.005 * value + fee)}
        rows.append(BYBIT | said)
        expected.append(entry * (1 - side * (1 / leverage - 0.005)))
    assert prices(read_account(bybit(*rows))) == pytest.approx(expected)


def test_bybit_since_2025_values_at_the_mark():
    """1 BTC from 60,000 at 10x in cross, marked at 50,000, 0.5 % and the fee: 20,000 + P - 60,000 = 0.5 % P + fee."""
    now = 1764547200000  # 2025-12-01
    book = rulebook("bybit", max(date for venue, date in rulebooks() if venue == "bybit" and date <= "2025-12-01"))
    fee = book.closing_fee_rate * 60_000 * (1 - 1 / 10)
    row = BYBIT | {"symbol": "BTCUSDT", "size": "1", "avgPrice": "60000", "markPrice": "50000", "leverage": "10"}
    row |= {"positionMM": str(300 + fee), "positionMMByMp": str(250 + fee), "tradeMode": 0, "updatedTime": str(now)}
    assert fee > 0
    own = row | {
        "tradeMode": 1,
        "markPrice": "60000",
        "positionMMByMp": str(300 + fee),
        "positionBalance": str(6_000 + fee),
    }
    assert prices(read_account(bybit(own))) == pytest.approx([54_271.36], abs=0.005)
    assert prices(read_account(bybit(row), wallet_balance=20_000)) == pytest.approx([(40_000 + fee) / 0.995])


def test_bybit_mode_is_the_accounts():
    row = BYBIT | {"tradeMode": 0}
    info = {"result": {"marginMode": "ISOLATED_MARGIN", "unifiedMarginStatus": 4}}
    purse = {"result": {"list": [{"coin": [{"coin": "USDT", "walletBalance": "500"}]}]}}
    assert read_account([bybit(row), purse]).account.positions[0].own_margin == 0
    found = read_account([bybit(row), purse, info]).account
    assert (found.positions[0].own_margin, found.wallet_balance) == (28.58931118, 500)


# OKX, GET /api/v5/account/positions: the live row of 2021 that ccxt quotes.
OKX = {
    "avgPx": "34131.1",
    "ccy": "USDT",
    "imr": "170.66093041794787",
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "last": "34134.4",
    "lever": "2",
    "liqPx": "12608.959083877446",
    "margin": "",
    "mgnMode": "cross",
    "mgnRatio": "140.49930117599155",
    "mmr": "1.3652874433435829",
    "notionalUsd": "341.5130010779638",
    "pos": "1",
    "posSide": "long",
    "uTime": "1627227626502",
    "upl": "0.0108608358957281",
}


def test_okx_shows_what_is_computed():
    found = read_account({"code": "0", "data": [OKX, OKX | {"pos": "0", "instId": "ETH-USDT-SWAP"}], "msg": ""})
    assert prices(found) == pytest.approx([12608.959083877446], rel=1e-9)
    assert found.account.positions[0].quantity == 0.01  # a contract is no coin


def test_okx_contracts_are_not_coins():
    size = {"instId": "BTC-USDT-SWAP", "ctVal": "0.01", "instType": "SWAP"}
    assert prices(read_account([OKX | {"notionalUsd": ""}, size])) == pytest.approx([12608.959083877446], rel=1e-9)
    with pytest.raises(MarginError, match=r"ctVal = 0\.029.*BTC-USDT-SWAP; paste the instruments"):
        read_account([OKX | {"notionalUsd": "1000"}])
    short = OKX | {"posSide": "short", "mgnMode": "isolated", "margin": "170", "upl": "-0.0108608358957281"}
    found = read_account([short])
    entry, rate = 34131.1, 0.0045
    assert prices(found) == pytest.approx([(170 + 0.01 * entry) / (0.01 * (1 + rate))], rel=1e-6)


def test_five_positions_of_okx_share_one_wallet():
    """Own numbers in OKX's form: coins a contract, contracts, entry, mark, rate; the ratio is the account's."""
    held = {
        "BTC-USDT-SWAP": (0.01, 50, 60_000, 61_000, 0.004),
        "ETH-USDT-SWAP": (0.1, -30, 3_000, 3_100, 0.004),
        "SOL-USDT-SWAP": (1, 40, 150, 145, 0.0065),
        "XRP-USDT-SWAP": (100, -20, 0.5, 0.51, 0.01),
        "DOGE-USDT-SWAP": (1000, 5, 0.2, 0.19, 0.01),
    }
    wallet, fee = 15_000, 0.0005
    profit = {name: size * count * (mark - entry) for name, (size, count, entry, mark, _) in held.items()}
    need = {name: (rate + fee) * size * abs(count) * mark for name, (size, count, _, mark, rate) in held.items()}
    ratio = (wallet + sum(profit.values())) / sum(need.values())
    rows = []
    for name, (size, count, entry, mark, rate) in held.items():
        notional = size * abs(count) * mark
        said = {
            "instId": name,
            "avgPx": str(entry),
            "markPx": str(mark),
            "mmr": str(rate * notional),
            "pos": str(count),
        }
        said |= {
            "posSide": "net",
            "mgnRatio": str(ratio),
            "notionalUsd": str(1.0004 * notional),
            "upl": str(profit[name]),
        }
        rows.append(OKX | said | {"lever": "3"})
    found = read_account({"code": "0", "data": rows})
    assert found.account.wallet_balance == pytest.approx(wallet)
    for (name, (size, count, entry, _, rate)), price in zip(held.items(), prices(found), strict=True):
        coins, others = size * count, [each for each in held if each != name]
        behind = wallet + sum(profit[each] - need[each] for each in others)
        expected = (coins * entry - behind) / (coins - abs(coins) * (rate + fee))
        assert price == (None if expected <= 0 else pytest.approx(expected)), name


# Hyperliquid, clearinghouseState: the example of its documentation.
STATE = {
    "assetPositions": [
        {
            "position": {
                "coin": "ETH",
                "entryPx": "2986.3",
                "leverage": {"rawUsd": "-95.059824", "type": "isolated", "value": 20},
                "liquidationPx": "2866.26936529",
                "marginUsed": "4.967826",
                "maxLeverage": 50,
                "positionValue": "100.02765",
                "szi": "0.0335",
                "unrealizedPnl": "-0.0134",
            },
            "type": "oneWay",
        }
    ],
    "crossMarginSummary": {"accountValue": "13104.514502", "totalMarginUsed": "0.0"},
    "marginSummary": {"accountValue": "13109.482328", "totalMarginUsed": "4.967826"},
    "time": 1708622398623,
}


def test_hyperliquid_shows_what_is_computed():
    found = read_account(json.dumps(STATE))
    assert prices(found) == pytest.approx(list(found.shown), rel=1e-8)
    assert found.account.wallet_balance == pytest.approx(13104.514502 + 4.967826 + 0.0134, abs=1e-4)


# Five live positions of one account, as freqtrade's tests quote them: coin, size, entry, margin, price, rate.
LIVE = [
    ("ETH", 0.015, 2458.5, 36.864593, 0.86915825, 50),
    ("SOL", 0.33, 145.83, 24.045107, 74.83696193, 20),
    ("DOGE", -351.0, 0.14333, 25.136807, 0.20970228, 20),
    ("ETH", -0.0327, 2552.0, 20.833393, 3157.53150453, 50),
    ("SOL", -0.48, 163.11, 15.650731, 190.94213618, 20),
]


def test_five_positions_of_hyperliquid():
    rows = [
        {
            "coin": name,
            "szi": str(size),
            "entryPx": str(entry),
            "positionValue": str(abs(size) * entry),
            "leverage": {"type": "isolated", "value": 1, "rawUsd": repr(margin - size * entry)},
            "liquidationPx": str(shown),
            "maxLeverage": most,
        }
        for name, size, entry, margin, shown, most in LIVE
    ]
    found = read_account(STATE | {"assetPositions": [{"position": each} for each in rows]})
    assert prices(found) == pytest.approx(list(found.shown), rel=1e-4)  # the venue's marks are rounded to 5 digits


def test_a_margin_that_profit_has_replaced():
    """0.1 BTC from 60,000 at 90,000 with 6,500 of debt: price = debt / (size x (1 - 1 / 80))."""
    row = STATE["assetPositions"][0]["position"] | {"coin": "BTC", "szi": "0.1", "entryPx": "60000", "maxLeverage": 40}
    row |= {"positionValue": "9000", "leverage": {"type": "isolated", "value": 10, "rawUsd": "-6500"}}
    found = read_account(STATE | {"assetPositions": [{"position": row}]})
    assert prices(found) == pytest.approx([6_500 / (0.1 * (1 - 1 / 80))])
    assert account_risk(found.account).equity == pytest.approx(13104.514502 + 2_500)


# dYdX: the subaccounts of a parent, as its own front end's tests have them.
def child(number, equity, free, market, size, entry, profit, cash):
    side = "LONG" if cash > 0 else "SHORT"
    held = {"market": market, "side": "LONG", "size": size, "entryPrice": entry, "unrealizedPnl": profit}
    return {
        "subaccountNumber": number,
        "equity": equity,
        "freeCollateral": free,
        "openPerpetualPositions": {market: held} if market else {},
        "assetPositions": {"USDC": {"size": str(abs(cash)), "symbol": "USDC", "side": side}},
    }


CHILDREN = [
    child(0, "862.675984", "862.675984", "", "0", "0", "0", 862.675984),
    child(128, "59.810279856", "57.7685502848", "APE-USD", "8", "1.292", "-0.127352144", 49.601632),
    child(
        256, "41.902552695", "21.9040510255", "XLM-USD", "1810", "0.11046795580110497238", "0.038016695", -158.082464
    ),
    child(
        384, "39.638080292", "20.6751854628", "ARB-USD", "166", "1.14298795180722891566", "-0.107051708", -149.990868
    ),
]


def test_dydx_by_its_own_rule():
    """Price = (equity - size x price) / (|size| x fraction - size), with the fractions 10, 5 and 5 %."""
    found = read_account({"contents": {"subaccount": {"parentSubaccountNumber": 0, "childSubaccounts": CHILDREN}}})
    expected = [None, 158.082464 / (1810 * 0.95), 149.990868 / (166 * 0.95)]
    assert prices(found) == [None, *(pytest.approx(each, rel=1e-9) for each in expected[1:])]
    assert all(map(isnan, found.shown))
    assert found.account.wallet_balance == pytest.approx(1004.026896843 + 0.127352144 - 0.038016695 + 0.107051708)


def test_five_positions_of_dydx_two_of_them_in_one_subaccount():
    """In a subaccount of two, price = (equity - size x price - the other's margin) / (|size| x fraction - size)."""
    cross = child(0, "1800", "1620", "BTC-USD", "0.1", "60000", "-100", -1_000.0)
    short = {"market": "ETH-USD", "side": "SHORT", "size": "-1", "entryPrice": "3000", "unrealizedPnl": "-100"}
    cross["openPerpetualPositions"] = {"BTC-USD": {**cross["openPerpetualPositions"]["BTC-USD"], "side": "LONG"}}
    cross["openPerpetualPositions"]["ETH-USD"] = short
    fractions = {"initialMarginFraction": "0.02", "maintenanceMarginFraction": "0.012"}
    markets = {"markets": {name: {"ticker": name, **fractions} for name in ("BTC-USD", "ETH-USD")}}
    parent = {"parentSubaccountNumber": 0, "childSubaccounts": [cross, *CHILDREN[1:]]}
    found = read_account([{"contents": {"subaccount": parent}}, markets])
    expected = [(1_800 - 5_900 - 0.012 * 3_100) / (0.1 * 0.012 - 0.1), (1_800 + 3_100 - 0.012 * 5_900) / 1.012]
    assert prices(found)[:2] == pytest.approx(expected, rel=1e-9)
    assert prices(found)[2:] == prices(
        read_account({"contents": {"subaccount": parent | {"childSubaccounts": CHILDREN}}})
    )


def test_dydx_short_of_its_documentation():
    short = child(0, "1000", "0", "ETH-USD", "-3", "3000", "0", 10_000.0)
    short["openPerpetualPositions"]["ETH-USD"]["side"] = "SHORT"
    market = {
        "markets": {
            "ETH-USD": {"ticker": "ETH-USD", "initialMarginFraction": "0.1", "maintenanceMarginFraction": "0.05"}
        }
    }
    assert prices(read_account([short, market])) == pytest.approx([3174.60], abs=0.005)


def test_a_table_with_the_venues_prices():
    table = pd.DataFrame({"symbol": ["BTCUSDT"], "quantity": [0.1], "entry_price": [60_000], "wallet_balance": [500]})
    found = read_account(table.assign(liquidation_price=[55_221.0]))
    assert found.account.wallet_balance == 500
    assert found.shown == (55_221.0,)
    assert prices(found) == pytest.approx([(500 - 6_000) / (-0.1 * 0.996)])
    with pytest.raises(MarginError, match="wallet_balance: a table needs it"):
        read_account(table.drop(columns="wallet_balance"))


def test_a_table_may_say_that_there_is_no_price():
    table = pd.DataFrame({"symbol": ["BTCUSDT"] * 2, "quantity": [0.1] * 2, "entry_price": [60_000] * 2})
    found = read_account(table.assign(liquidation_price=[0, None]), wallet_balance=20_000)
    assert found.shown[0] is None
    assert isnan(found.shown[1])


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "mine.csv").write_text("")
    with pytest.raises(MarginError, match=r"mine\.csv: no table"):
        read_account(tmp_path / "mine.csv")


def test_a_csv_file(tmp_path):
    place = tmp_path / "mine.csv"
    place.write_text("symbol,quantity,entry_price,leverage\nBTCUSDT,-0.1,60000,10\n")
    assert prices(read_account(place, wallet_balance=600)) == pytest.approx([6_600 / (0.1 * 1.004)])
    assert prices(read_account(str(place), wallet_balance=600, rates={"BTCUSDT": 0.01})) == pytest.approx(
        [6_600 / 0.101]
    )


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ([{name: value for name, value in ETH.items() if name != "entryPrice"}], "entryPrice: .* in ETHUSDT"),
        ([ETH | {"entryPrice": "much"}], "entryPrice = 'much': give a number in ETHUSDT"),
        ([{name: value for name, value in OKX.items() if name != "mmr"}], "mmr: .* in BTC-USDT-SWAP"),
        (bybit({name: value for name, value in BYBIT.items() if name != "positionBalance"}), "positionBalance"),
        ({name: value for name, value in STATE.items() if name != "crossMarginSummary"}, "crossMarginSummary"),
        ([ETH | {"positionAmt": "0"}], "positions: none is open"),
        ([ETH | {"symbol": "BTCUSD_PERP", "maintMargin": "1"}], "an inverse contract"),
        ([ETH | {"symbol": "NEWUSDT"}], "no table of NEWUSDT is recorded"),
        ('{"positions": ', "no JSON at"),
        ({"hello": 1}, "of no known shape"),
        (
            STATE | {"assetPositions": [{"position": {"coin": "ETH", "szi": "1", "entryPx": "1"}}]},
            "leverage: the field",
        ),
        (STATE | {"assetPositions": [{"type": "oneWay"}]}, "position: the field is missing"),
        (STATE | {"assetPositions": [{"position": None}]}, "position = None: give an object, as the venue does"),
        (STATE | {"assetPositions": ["ETH"]}, "assetPositions = 'ETH': give a list of objects"),
        # Milliseconds as seconds, or as microseconds: another year's rules, in silence.
        ([ETH | {"updateTime": 1730667935}], "updateTime = 1730667935: give milliseconds since 1970.* in ETHUSDT"),
        (bybit(BYBIT | {"updatedTime": "1669413126190000"}), "updatedTime = '1669413126190000': give milliseconds"),
        # Words that no venue writes: a long, or a cross position, by guess.
        (bybit(BYBIT | {"side": "Long"}), "side = 'Long': give, as the venue does in ETHUSDT, Buy, Sell"),
        (bybit(BYBIT | {"tradeMode": 2}), "tradeMode = 2: give, as the venue does in ETHUSDT, 0, 1"),
        (
            [ETH | {"marginType": "isolate"}],
            r"marginType = 'isolate' \(did you mean isolated.*\): give, as the venue does in ETHUSDT",
        ),
        ([ETH | {"positionAmt": "0.010"}], "positionAmt = '0.010': give a size of the sign of its positionSide"),
        ([OKX | {"posSide": "buy"}], "posSide = 'buy': give"),
        ([OKX | {"mgnMode": "cash"}], "mgnMode = 'cash': give"),
        # What is paid in coin is no linear contract, whatever its name.
        (
            {"result": {"category": "inverse", "list": [BYBIT | {"symbol": "BTCPERPX"}]}},
            "category = 'inverse': contracts whose",
        ),
        # Two currencies are two pools.
        (
            [ETH | {"marginAsset": "USDT"}, ETH | {"symbol": "BTCUSDC", "marginAsset": "USDC", "maintMargin": "1"}],
            r"marginAsset = \['USDC', 'USDT'\]: each backs its own positions",
        ),
        ([OKX, OKX | {"ccy": "USDC", "instId": "BTC-USDC-SWAP"}], r"ccy = \['USDC', 'USDT'\]: each backs its own"),
        (pd.DataFrame({"quantity": [1], "wallet_balance": [None]}), "wallet_balance: a table needs it"),
        (pd.DataFrame({"quantity": [1], "wallet_balance": ["much"]}), "wallet_balance = 'much': give a number"),
        ("/nowhere/mine.json", "mine.json: No such file"),
    ],
)
def test_what_is_missing_is_named(source, named):
    with pytest.raises(MarginError, match=named):
        read_account(source)


# Lighter, GET /api/v1/account: a live account of 2026-08-08 that stands in a public program, whose longs have no price.
LIGHTER = [
    ("BTC", 1, "3.87333", "64969.5", "251677.750743", "0"),
    ("SUI", -1, "1382.1", "0.75987", "942.882441", "1252.8958441209281"),
    ("ENA", 1, "125.5", "0.11002", "11.374065", "0"),
    ("OP", 1, "1640.9", "0.11977", "142.266030", "0"),
    ("NMR", -1, "0.85", "8.3569", "7.173065", "1798562.881587889"),
    ("STRK", -1, "144.7", "0.04987", "3.591454", "11319.784492361827"),
]


def lighter(rows=LIGHTER, **more):
    names = ("symbol", "sign", "position", "avg_entry_price", "position_value", "liquidation_price")
    same = {"initial_margin_fraction": "33.33", "margin_mode": 0, "allocated_margin": "0.000000"} | more
    held = [dict(zip(names, row, strict=True)) | same for row in rows]
    return {"accounts": [{"cross_asset_value": "1837610.4619429999", "positions": held}]}


def test_six_positions_of_lighter_give_its_own_prices():
    found = read_account(lighter())
    assert prices(found) == [None if each is None else pytest.approx(each, rel=1e-9) for each in found.shown]
    assert sum(each is not None for each in found.shown) == 3
    assert account_risk(found.account).maintenance == pytest.approx(3084.930401)  # as the account itself says
    assert "BTC: the risk table of 2026-08-08 is assumed" in found.notes[0]
    fraction = {"symbol": "SUI", "maintenance_margin_fraction": 1200}
    told = read_account([lighter(LIGHTER[1:2]), {"order_book_details": [fraction]}])
    assert told.account.positions[0].schedule.rates == (0.12,)
    assert told.notes == ("SUI: no recorded table agrees with the file; its 12 % is taken for every size",)
    euro = ("EURUSD", 1, "100", "1.1", "110", "0")  # linear, though inverse contracts elsewhere are called so
    assert read_account(lighter([euro]), rates={"EURUSD": 0.01}).account.positions[0].contract.power == 1
    alone = read_account(lighter(LIGHTER[:1], margin_mode=1, allocated_margin="100000"))
    assert alone.account.positions[0].own_margin == 100_000
    assert "allocated_margin is read as" in alone.notes[0]


# --- coins as collateral, and the venues' own tables -----------------------------------------------------------------


def index(coin_, price, buffer):
    """GET /fapi/v1/assetIndex, its fields."""
    return {
        "symbol": f"{coin_}USD",
        "index": str(price),
        "bidBuffer": str(buffer),
        "bidRate": str(price * (1 - buffer)),
    }


def test_binance_multi_assets_mode():
    """1 BTC from 60,000 at 50,000 on 2,000 USDT, 0.5 BTC at 5 % off and 1,000 USDC owed; 0.4 % to keep.

    Price P with 2,000 - 1,000 + 0.475 P x index / mark + P - 60,000 = 0.004 P.
    """
    row = ETH | {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "60000", "markPrice": "50000"}
    row |= {"marginType": "cross", "maintMargin": "200", "positionSide": "LONG", "unRealizedProfit": "-10000"}
    row |= {"updateTime": "1790000000000"}
    purses = {"USDT": "2000", "BTC": "0.5", "USDC": "-1000", "BNB": "0"}
    account = {"assets": [{"asset": name, "crossWalletBalance": amount} for name, amount in purses.items()]}
    found = read_account([[row], account, [index("BTC", 50_100, 0.05), index("USDC", 1, 0.0001)]])
    assert account_risk(found.account).equity == pytest.approx(2_000 - 1_000 + 0.95 * 0.5 * 50_100 - 10_000)
    assert found.notes[0].startswith("Multi-Assets mode")
    # Valued as the venue does now; from there on with the mark of the position.
    assert prices(found) == [pytest.approx(59_000 / (1 + 0.475 * 50_100 / 50_000 - 0.004))]
    config = {"multiAssetsMargin": True, "dualSidePosition": False}
    del purses["USDC"]
    account = {"assets": [{"asset": name, "crossWalletBalance": amount} for name, amount in purses.items()]}
    told = read_account(
        [[row | {"entryPrice": "59000"}], account, config]
    )  # its rulebook's 5 %, at the position's mark
    assert prices(told) == [pytest.approx(57_000 / (1.475 - 0.004))]
    account["assets"].append({"asset": "DOGE", "crossWalletBalance": "7"})
    with pytest.raises(MarginError, match="index: nothing says what DOGE counts for; paste the asset index"):
        read_account([[row], account, config])
    single = read_account([[row], account])  # without the mode, USDT alone backs what is margined in it
    assert (single.account.wallet_balance, single.account.coins) == (2_000, ())


def okx_row(name, size, count, entry, mark, rate, **more):
    notional = size * abs(count) * mark
    said = {"instId": name, "avgPx": str(entry), "markPx": str(mark), "mmr": str(rate * notional), "pos": str(count)}
    said |= {"posSide": "net", "mgnRatio": "", "notionalUsd": str(notional), "upl": str(size * count * (mark - entry))}
    return OKX | said | {"lever": "3"} | more


def test_okx_with_several_coins():
    """5 ETH short from 3,000 at 3,100 on 4,000 USDT, 2 ETH at 98 % and 0.1 BTC at 60,000, also 98 %; 0.4 % + 0.05 %."""
    row = okx_row("ETH-USDT-SWAP", 0.1, -50, 3_000, 3_100, 0.004)
    details = [
        {"ccy": "USDT", "cashBal": "4000", "eq": "3500", "eqUsd": "3500", "disEq": "3500"},
        {"ccy": "ETH", "cashBal": "2", "eq": "2", "eqUsd": "6200", "disEq": "6076"},
        {"ccy": "BTC", "cashBal": "0.1", "eq": "0.1", "eqUsd": "6000", "disEq": "5880"},
        {"ccy": "OKB", "cashBal": "-1", "eq": "-1", "eqUsd": "-50", "disEq": "-50"},
        {"ccy": "XYZ", "cashBal": "9", "eq": "9", "eqUsd": "9", "disEq": "0"},
    ]
    found = read_account([{"data": [row]}, {"data": [{"adjEq": "15406", "totalEq": "1", "details": details}]}])
    assert account_risk(found.account).equity == pytest.approx(4_000 - 500 + 6_076 + 5_880 - 50)
    # 4,000 - 50 + 5,880 + 1.96 P - 5 (P - 3,000) = 0.0045 x 5 P; ETH as collateral moves with the short.
    assert prices(found) == [pytest.approx((4_000 - 50 + 5_880 + 15_000) / (5 - 1.96 + 0.0045 * 5))]
    assert found.notes[0] == "USDT counts as a dollar, and other coins at their discount equity"
    one = read_account([{"data": [row]}, {"data": [{"adjEq": "", "details": details}]}])
    assert (one.account.wallet_balance, one.account.coins) == (4_000, ())
    assert prices(one) == [pytest.approx(19_000 / (5 * 1.0045))]


def test_bybit_says_which_coins_it_leaves_out():
    purse = {
        "result": {
            "list": [{"coin": [{"coin": "USDT", "walletBalance": "500"}, {"coin": "BTC", "walletBalance": "1"}]}]
        }
    }
    found = read_account([bybit(BYBIT | {"tradeMode": 0}), purse])
    assert found.account.wallet_balance == 500
    assert found.notes[0].startswith("BTC: no collateral here")


def limit(symbol, value, rate, leverage, deduction):
    """GET /v5/market/risk-limit, its fields."""
    said = {"id": 1, "symbol": symbol, "riskLimitValue": value, "maintenanceMargin": rate, "initialMargin": "0.01"}
    return said | {"isLowestRisk": 1, "maxLeverage": leverage, "mmDeduction": deduction}


LIMITS = {
    "result": {
        "category": "linear",
        "list": [
            limit("ETHUSDT", "1000000", "0.005", "100.00", ""),
            limit("ETHUSDT", "2000000", "0.01", "50.00", "5000"),
        ],
    }
}


def test_bybit_s_own_table():
    """300 ETH of 4,000 at 10x since 2025: 0.5 % up to 1,000,000, then 1 % less 5,000."""
    row = BYBIT | {
        "size": "300",
        "avgPrice": "4000",
        "markPrice": "4000",
        "leverage": "10",
        "riskLimitValue": "2000000",
    }
    row |= {"updatedTime": "1764547200000", "tradeMode": 0}
    found = read_account(bybit(row), wallet_balance=200_000, tiers=LIMITS)
    book = found.rules
    fee = book.closing_fee_rate * 1_200_000 * 0.9
    assert prices(found) == [pytest.approx((1_200_000 - 200_000 + fee - 5_000) / (300 * 0.99))]
    assert found.notes == ()
    needs = row | {"positionMM": str(6_000 + fee), "positionMMByMp": str(6_000 + fee)}
    (said,) = read_account(bybit(needs), wallet_balance=200_000, tiers=LIMITS).notes
    assert said == "ETHUSDT: the table given asks 7,000, and the file has 6,000"
    wrong = json.loads(json.dumps(LIMITS).replace('"5000"', '"50"'))
    with pytest.raises(MarginError, match="mmDeduction = '50': the rates and limits make it 5,000 in ETHUSDT"):
        read_account(bybit(row), wallet_balance=200_000, tiers=wrong)


def test_okx_s_own_table_is_of_contracts_and_of_the_whole_position():
    names = ("tier", "minSz", "maxSz", "mmr", "imr", "maxLever")
    rows = [("1", "0", "1000", "0.004", "0.01", "100"), ("2", "1000.01", "2000", "0.01", "0.02", "50")]
    tiers = {
        "data": [dict(zip(names, row, strict=True)) | {"instFamily": "BTC-USDT", "uly": "BTC-USDT"} for row in rows]
    }
    for count, rate in ((1_000, 0.004), (1_500, 0.01)):
        row = okx_row("BTC-USDT-SWAP", 0.01, count, 60_000, 60_000, rate)
        found = read_account({"data": [row]}, wallet_balance=200_000, tiers=tiers)
        coins = count * 0.01
        assert prices(found) == [pytest.approx((coins * 60_000 - 200_000) / (coins * (1 - rate - 0.0005)))]
    # Long and short of one contract share a tier in cross: 800 and 700 are 1,500.
    pair = [
        okx_row("BTC-USDT-SWAP", 0.01, count, 60_000, 60_000, 0.01, posSide=side)
        for count, side in ((800, "long"), (700, "short"))
    ]
    both = read_account({"data": pair}, wallet_balance=200_000, tiers=tiers).account.positions
    assert [each.schedule.rates[0] for each in both] == [pytest.approx(0.0105)] * 2
    with pytest.raises(MarginError, match=r"pos = 2,500: no tier given holds so many contracts in BTC-USDT-SWAP"):
        read_account(
            {"data": [okx_row("BTC-USDT-SWAP", 0.01, 2_500, 60_000, 60_000, 0.01)]}, wallet_balance=9, tiers=tiers
        )


def test_a_table_of_one_s_own_beside_a_table_of_tiers():
    frame = pd.DataFrame(
        {"symbol": ["ETHUSDT"], "quantity": [300.0], "entry_price": [4_000.0], "wallet_balance": [200_000]}
    )
    found = read_account(frame, tiers=json.dumps(LIMITS))
    assert prices(found) == [pytest.approx((1_200_000 - 200_000 - 5_000) / (300 * 0.99))]
    with pytest.raises(MarginError, match="tiers: no risk table; give leverageBracket of Binance"):
        read_account(frame, tiers={"hello": 1})


# Every field that a reader takes a number from, by venue: another value is refused by the venue's own name for it.
TAKEN = {
    "binance": ([ETH], {"positionAmt", "entryPrice", "markPrice", "leverage", "isolatedWallet", "updateTime"}),
    "bybit": (bybit(BYBIT), {"size", "avgPrice", "leverage", "positionBalance", "updatedTime", "unrealisedPnl"}),
    "okx": ([OKX], {"pos", "avgPx", "lever", "mmr", "notionalUsd", "upl", "mgnRatio", "uTime"}),
    "hyperliquid": (
        STATE,
        {"szi", "entryPx", "positionValue", "maxLeverage", "value", "rawUsd", "accountValue", "time"},
    ),
    "dydx": ({"childSubaccounts": CHILDREN}, {"size", "entryPrice", "unrealizedPnl", "equity", "freeCollateral"}),
    "lighter": (lighter(), {"position", "avg_entry_price", "position_value", "initial_margin_fraction"}),
}


def changed(data, name, value):
    """Return the data with a field, wherever it stands, of another value."""
    if isinstance(data, list):
        return [changed(each, name, value) for each in data]
    if not isinstance(data, dict):
        return data
    return {key: value if key == name else changed(each, name, value) for key, each in data.items()}


@pytest.mark.parametrize("venue", TAKEN)
def test_a_wrong_field_is_refused_by_the_venue_s_name_for_it(venue):
    payload, fields = TAKEN[venue]
    for name in sorted(fields):
        for value in ("much", True, "1e400", ["1"], {"a": 1}):
            with pytest.raises(MarginError, match=rf"^{name} = .*: give"):
                read_account(changed(payload, name, value))


@pytest.mark.parametrize("said", ["", "0", "-3.5", "0.00"])
def test_no_price_as_venues_write_it(said):
    assert read_account([ETH | {"liquidationPrice": said}]).shown == (None,)


def test_the_coin_of_a_name():
    assert {coin(name) for name in ("ETHUSDT", "ETH-USDT-SWAP", "ETH-USD", "ETH", "ETHUSDC")} == {"ETH"}


def test_a_rate_for_one_symbol_leaves_the_others_their_own():
    rows = pd.DataFrame({"symbol": ["BTCUSDT", "ETHUSDT"], "quantity": [0.1, 1.0], "entry_price": [60_000.0, 3_000.0]})
    rows = rows.assign(maintenance_margin_rate=[0.02, 0.03])
    held = read_account(rows, wallet_balance=1_000, rates={"BTCUSDT": 0.01}).account.positions
    assert [each.schedule.rates for each in held] == [(0.01,), (0.03,)]


def test_a_table_without_a_row_is_refused():
    empty = pd.DataFrame(columns=["symbol", "quantity", "entry_price"])
    with pytest.raises(MarginError, match="positions: none is in the table"):
        read_account(empty, wallet_balance=1_000)
