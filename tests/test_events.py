"""Events refuse what cannot happen, by name, as they are made."""

from dataclasses import FrozenInstanceError, fields
from math import inf, nan

import pytest

from marginlib import MarginError, MarginMode
from marginlib.market.events import (
    AddIsolatedMargin,
    CancelOrder,
    Deposit,
    DepositCoin,
    Event,
    Fill,
    Funding,
    MarkPrices,
    PlaceOrder,
    RemoveIsolatedMargin,
    SetLeverage,
    SetMarginMode,
    Withdrawal,
    WithdrawCoin,
)


@pytest.mark.parametrize("amount", [0, -1, nan, inf, True, "10"])
@pytest.mark.parametrize("record", [Deposit, Withdrawal])
def test_money_in_and_out_is_above_zero(record, amount):
    with pytest.raises(MarginError, match=r"amount = "):
        record(amount=amount)


@pytest.mark.parametrize("amount", [0, -1, nan])
@pytest.mark.parametrize("record", [AddIsolatedMargin, RemoveIsolatedMargin])
def test_margin_moved_is_above_zero(record, amount):
    with pytest.raises(MarginError, match=r"amount = "):
        record(symbol="BTCUSDT", amount=amount)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 0),
        ("quantity", nan),
        ("price", 0),
        ("price", -5),
        ("fee_rate", -0.1),
        ("fee_rate", 1),
        ("symbol", ""),
    ],
)
def test_a_fill_names_the_field_that_is_wrong(field, value):
    with pytest.raises(MarginError, match=f"{field} = "):
        Fill(**{"symbol": "BTCUSDT", "quantity": 1, "price": 100, field: value})


def test_prices_and_rates_are_checked_one_by_one():
    with pytest.raises(MarginError, match=r"prices = {}"):
        MarkPrices(prices={})
    with pytest.raises(MarginError, match=r"prices\['ETHUSDT'\] = 0"):
        MarkPrices(prices={"BTCUSDT": 1, "ETHUSDT": 0})
    with pytest.raises(MarginError, match=r"rates = {}"):
        Funding(rates={})
    for rate in (1, -1, 1.5, -1.5):
        with pytest.raises(MarginError, match=rf"rates\['BTCUSDT'\] = {rate}: give a fraction above -1 and below 1"):
            Funding(rates={"ETHUSDT": 0.5, "BTCUSDT": rate})
    assert Funding(rates={"BTCUSDT": -0.999}).rates == {"BTCUSDT": -0.999}
    for record in (MarkPrices, Funding):
        with pytest.raises(MarginError, match=r"symbol = ''"):
            record(**{"prices" if record is MarkPrices else "rates": {"": 0.5}})


def test_records_keep_a_copy_that_nobody_changes():
    mine = {"BTCUSDT": 60_000}
    event = MarkPrices(prices=mine)
    mine["BTCUSDT"] = 1
    assert event.prices["BTCUSDT"] == 60_000
    with pytest.raises(TypeError):
        event.prices["BTCUSDT"] = 2


EVENTS = [
    Deposit(amount=1),
    Withdrawal(amount=1),
    Fill(symbol="A", quantity=1, price=1),
    MarkPrices(prices={"A": 1}),
    Funding(rates={"A": 0}),
    AddIsolatedMargin(symbol="A", amount=1),
    RemoveIsolatedMargin(symbol="A", amount=1),
    SetLeverage(symbol="A", leverage=1),
    SetMarginMode(margin_mode=MarginMode.CROSS),
    DepositCoin(symbol="A", amount=1),
    WithdrawCoin(symbol="A", amount=1),
    PlaceOrder(name="bid", symbol="A", quantity=1, price=1),
    CancelOrder(name="bid"),
]


def test_every_event_is_tried():
    assert {type(event).__name__ for event in EVENTS} == {kind.__name__ for kind in Event.__subclasses__()}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_frozen_and_keyword_only_and_holds_floats(event):
    assert isinstance(event, Event)
    assert not hasattr(event, "__dict__")
    for each in fields(event):
        assert each.kw_only
        with pytest.raises(FrozenInstanceError):
            setattr(event, each.name, 2)
        assert type(getattr(event, each.name)) is not int
    assert getattr(event, "fee_rate", 0.0) == 0


@pytest.mark.parametrize("record", [AddIsolatedMargin, RemoveIsolatedMargin, SetLeverage, SetMarginMode])
def test_a_symbol_is_a_name(record):
    number = {SetLeverage: {"leverage": 1}, SetMarginMode: {"margin_mode": MarginMode.CROSS}}.get(record, {"amount": 1})
    with pytest.raises(MarginError, match=r"symbol = ' ': give a name"):
        record(symbol=" ", **number)


def test_settings_are_checked():
    with pytest.raises(MarginError, match=r"leverage = 0"):
        SetLeverage(symbol="BTCUSDT", leverage=0)
    with pytest.raises(MarginError, match=r"margin_mode = 'isolated': give MarginMode\.CROSS or"):
        SetMarginMode(symbol="BTCUSDT", margin_mode="isolated")
    assert SetMarginMode(margin_mode=MarginMode.CROSS).symbol is None
