"""Positions, pools and accounts: values, the partition into pools, and what no account can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from marginlib import (
    Account,
    CloseOut,
    Coin,
    Contract,
    MaintenanceBasis,
    MarginError,
    MarginMode,
    Netting,
    Order,
    Pool,
    Position,
    Risk,
    RiskSchedule,
    RiskTier,
    UnknownNameError,
    WithdrawalRule,
    rulebook,
)
from marginlib.verify import Check, Row

FLAT = RiskSchedule.flat(0.004)


def position(**changes: Any) -> Position:
    """Return 0.1 BTC long at 60,000, with fields changed."""
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "quantity": 0.1,
        "entry_price": 60_000,
        "mark_price": 61_000,
        "schedule": FLAT,
        "leverage": 10,
    }
    return Position(**(values | changes))


@pytest.mark.parametrize(
    ("quantity", "contract", "pnl", "notional"),
    [
        (0.1, Contract.LINEAR, 100, 6_100),  # 0.1 x (61,000 - 60,000)
        (-0.1, Contract.LINEAR, -100, 6_100),
        (6_000, Contract.INVERSE, 6_000 / 60_000 - 6_000 / 61_000, 6_000 / 61_000),  # face x (1/entry - 1/mark)
        (-6_000, Contract.INVERSE, 6_000 / 61_000 - 6_000 / 60_000, 6_000 / 61_000),
    ],
)
def test_profit_and_notional(quantity: float, contract: Contract, pnl: float, notional: float) -> None:
    held = position(quantity=quantity, contract=contract)
    assert held.unrealized_pnl == pytest.approx(pnl)
    assert held.notional == pytest.approx(notional)
    assert held.entry_notional == pytest.approx(abs(quantity) * 60_000 ** (1 if contract is Contract.LINEAR else -1))


def test_a_position_opens_at_its_mark() -> None:
    opened = Position.open(symbol="ETHUSDT", quantity=-2, price=3_000, schedule=FLAT)
    assert opened.entry_price == opened.mark_price == 3_000
    assert opened.unrealized_pnl == 0
    assert (opened.margin_mode, opened.leverage) == (MarginMode.CROSS, 1)


def test_isolating_sets_the_initial_margin_aside_and_crossing_gives_it_back() -> None:
    isolated = position().isolated()
    assert (isolated.margin_mode, isolated.isolated_margin) == (MarginMode.ISOLATED, 600)
    assert position().isolated(750).isolated_margin == 750
    assert isolated.cross() == position()


def test_numbers_are_kept_as_plain_floats() -> None:
    numpy = pytest.importorskip("numpy")
    held = position(quantity=numpy.float64(0.5), entry_price=60_000, leverage=numpy.int64(3)).isolated(numpy.float32(9))
    for name in ("quantity", "entry_price", "mark_price", "leverage", "isolated_margin"):
        assert type(getattr(held, name)) is float


RECORDS = [
    position(),
    Pool(collateral=1.0),
    Account(wallet_balance=1.0),
    FLAT.tiers[0],
    FLAT,
    CloseOut(realized_pnl=0.0, fee=0.0, remaining=0.0, deficit=0.0),
    Row(name="a", pool=Pool(collateral=1.0), symbol="B", expected={}, absolute=0.0, relative=0.0),
    Check(name="a", price="liquidation_price", expected=None, computed=None, passed=True),
    rulebook("okx", "2021-07-25"),
    WithdrawalRule(),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_are_frozen_and_keyword_only(record: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, 1)
    by_place: Callable[..., object] = type(record)
    with pytest.raises(TypeError, match="positional"):
        by_place(*(getattr(record, field.name) for field in fields(record) if field.init))


def test_records_of_which_there_are_many_have_no_room_for_more() -> None:
    roomy = {type(record).__name__ for record in [*RECORDS, Risk(1, 0, 0)] if hasattr(record, "__dict__")}
    assert roomy == {"RiskSchedule", "Rulebook"}
    with pytest.raises(FrozenInstanceError):
        Risk(1, 0, 0).equity = 2  # type: ignore[misc]


NAN = float("nan")


def opened(price: float = 60_000, **given: float) -> Position:
    return Position.open(symbol="BTCUSDT", price=price, schedule=FLAT, **given)


def test_a_notional_stands_for_the_quantity() -> None:
    assert opened(notional=-6_000, leverage=5) == opened(quantity=-0.1, leverage=5)
    assert opened(notional=6_000, leverage=5) == opened(quantity=0.1, leverage=5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: position(quantity=0), "quantity = 0: give a size with its sign, + for long, - for short"),
        (lambda: position(quantity=NAN), "quantity = nan: give one finite number"),
        (lambda: position(quantity="1"), "quantity = '1': give one finite number"),
        (lambda: position(entry_price=0), "entry_price = 0: give a number above 0"),
        (lambda: position(entry_price=None), "entry_price = None: give one finite number"),
        (lambda: position(mark_price=-1), "mark_price = -1: give a number above 0"),
        (lambda: position(mark_price=float("inf")), "mark_price = inf: give one finite number"),
        (lambda: position(leverage=0), "leverage = 0: give a number above 0"),
        (lambda: position(leverage=251), "leverage = 251: BTCUSDT allows at most 250 at a notional of 6,000"),
        (lambda: position(symbol=" "), "symbol = ' ': give a name"),
        (lambda: position(isolated_margin=0), "isolated_margin = 0: give a number above 0"),
        (lambda: position(isolated_margin=NAN), "isolated_margin = nan: give one finite number"),
        (lambda: position(schedule=0.004), "schedule = 0.004: give a RiskSchedule"),
        (lambda: position(margin_mode="cross"), "margin_mode = 'cross': give MarginMode.CROSS, MarginMode.ISOLATED"),
        (lambda: position(contract="linear"), "contract = 'linear': give Contract.LINEAR, Contract.INVERSE"),
        (lambda: position(maintenance_basis="mark"), "maintenance_basis = 'mark': give MaintenanceBasis.MARK"),
        (lambda: opened(price=-60_000, quantity=1), "price = -60000: give a number above 0"),
        (opened, "quantity = None: give one finite number"),
        (lambda: opened(notional=0), "notional = 0: give quantity or notional, with its sign"),
        (lambda: opened(notional=500, quantity=1), "notional = 500: give quantity or notional, with its sign"),
        (lambda: Pool(collateral=1, positions=position()), "positions = one position, BTCUSDT: give them in brackets"),
        (
            lambda: Account(wallet_balance=1, positions=5),
            "positions = 5: give them in brackets, each followed by a comma",
        ),
        (lambda: Account(wallet_balance=1).after(positions="BTC"), "positions = 'BTC': give them in brackets"),
        (lambda: position(quantity=1e-300, entry_price=1e-300), "value at entry_price = 1e-300 of quantity = 1e-300"),
        (lambda: position(quantity=1e-300, mark_price=1e-300), "value at mark_price = 1e-300 of quantity = 1e-300"),
        (lambda: position(quantity=1e250, mark_price=1e60), "value at mark_price = 1e+60 of quantity = 1e+250 = inf"),
        (lambda: position(mark_price=1e-310, contract=Contract.INVERSE), "value at mark_price = 1e-310"),
        (
            lambda: position(quantity=1e6, schedule=RiskSchedule.from_brackets([(0, 5e7, 0.004, 125, 0)])),
            "notional = 60,000,000,000: the risk table allows at most 50,000,000",
        ),
        (lambda: position(quantity=1e200, mark_price=1e105), "value at mark_price = 1e+105 of quantity = 1e+200 = 1e"),
        (lambda: position().isolated(-5), "isolated_margin = -5: give a number above 0"),
        (lambda: position().at(0), "mark_price = 0: give a number above 0"),
        (lambda: Pool(collateral=NAN), "collateral = nan: give one finite number"),
        (lambda: Pool(collateral="5"), "collateral = '5': give one finite number"),  # type: ignore[arg-type]
        (
            lambda: Pool(collateral=1, positions=(position(), position(mark_price=62_000))),
            "mark_price = 62,000: another BTCUSDT leg of the pool has 61,000",
        ),
        (
            lambda: Pool(collateral=1, positions=(position(mark_price=62_000), position())),
            "mark_price = 61,000: another BTCUSDT leg of the pool has 62,000",
        ),
        (
            lambda: Account(wallet_balance=1_000, positions=(position().isolated(),)).after(wallet_balance=599),
            "isolated_margin: 600 in all is more than wallet_balance = 599.0",
        ),
        (
            lambda: Account(wallet_balance=-0.5, positions=(position(mark_price=60_000),)),
            "wallet_balance = -0.5: give 0 or a number above 0",
        ),
        (
            lambda: Pool(collateral=1, positions=(position(), position(symbol="B", contract=Contract.INVERSE))),
            "contract: linear and inverse positions pay in different currencies; put them in separate pools",
        ),
        (lambda: Account(wallet_balance=NAN), "wallet_balance = nan: give one finite number"),
        (lambda: Account(wallet_balance=float("inf")), "wallet_balance = inf: give one finite number"),
        (lambda: Account(wallet_balance=-1), "wallet_balance = -1: give 0 or a number above 0"),
        (lambda: Account(wallet_balance=None), "wallet_balance = None: give one finite number"),  # type: ignore[arg-type]
        (
            lambda: Account(wallet_balance=1, positions=(position(margin_mode=MarginMode.ISOLATED),)),
            "isolated_margin = None: BTCUSDT is isolated; give the money set aside for it",
        ),
        (
            lambda: Account(wallet_balance=100, positions=(position(isolated_margin=5),)),
            "isolated_margin = 5: BTCUSDT is cross; leave it out, or isolate it",
        ),
        (
            lambda: Account(wallet_balance=599, positions=(position().isolated(),)),
            "isolated_margin: 600 in all is more than wallet_balance = 599.0",
        ),
        (
            lambda: Account(
                wallet_balance=9_999,
                positions=(position().isolated(), position(contract=Contract.INVERSE).isolated(1)),
            ),
            "contract: linear and inverse positions pay in different currencies; put them in separate accounts",
        ),
    ],
)
def test_what_no_account_can_have_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(MarginError) as refused:
        make()
    assert message in str(refused.value)


def test_a_mode_is_a_partition() -> None:
    btc, eth = position(), position(symbol="ETHUSDT")
    (cross,) = Account(wallet_balance=10_000, positions=(btc, eth)).pools()
    assert (cross.collateral, cross.positions) == (10_000, (btc, eth))
    free, first, second = Account(wallet_balance=10_000, positions=(btc.isolated(), eth.isolated(900))).pools()
    assert (free.collateral, free.positions) == (8_500, ())
    assert (first.collateral, first.positions) == (600, (btc.isolated(),))
    assert (second.collateral, second.positions) == (900, (eth.isolated(900),))
    shared, apart = Account(wallet_balance=10_000, positions=(btc.isolated(), eth)).pools()
    assert (shared.collateral, shared.positions) == (9_400, (eth,))
    assert apart.collateral == 600
    assert [pool.own for pool in (cross, free, first, second, shared, apart)] == [False, False, True, True, False, True]
    assert [each.own_margin for each in (btc, btc.isolated(), eth.isolated(900))] == [0, 600, 900]
    assert apart.at({"BTCUSDT": 59_000}).own


def test_what_adding_up_floats_leaves_over_is_no_debt() -> None:
    legs = tuple(position(symbol=name).isolated(0.1) for name in "ABC")
    assert 0.3 - 0.1 - 0.1 - 0.1 < 0
    assert Account(wallet_balance=0.3, positions=legs).pools()[0].collateral == 0


def test_marks_move_by_symbol() -> None:
    btc, eth = position(), position(symbol="ETHUSDT", mark_price=3_000)
    pool = Pool(collateral=1, positions=(btc, eth, btc))
    assert pool.symbols == ("BTCUSDT", "ETHUSDT")
    assert [each.mark_price for each in pool.at({"BTCUSDT": 50_000}).positions] == [50_000, 3_000, 50_000]
    account = Account(wallet_balance=1, positions=(btc, eth)).at({"ETHUSDT": 2_000})
    assert [each.mark_price for each in account.positions] == [61_000, 2_000]


@pytest.mark.parametrize("held", [Pool(collateral=1, positions=(position(),)), Account(wallet_balance=1)])
def test_an_unknown_symbol_is_answered_with_the_known_ones(held: Pool | Account) -> None:
    names = "BTCUSDT" if held.positions else "none, for there is no position"
    with pytest.raises(UnknownNameError, match=f"symbol = 'DOGE': give one of {names}"):
        held.at({"DOGE": 1})


def test_collateral_of_a_shared_pool_may_be_below_zero() -> None:
    assert Pool(collateral=-5, positions=(position(),)).collateral == -5


def test_a_basis_and_a_contract_have_their_words() -> None:
    assert MaintenanceBasis("entry") is MaintenanceBasis.ENTRY
    assert (Contract.LINEAR.power, Contract.INVERSE.power) == (1, -1)


def test_a_debt_must_be_covered_by_open_profit_and_may_come_to_be_uncovered() -> None:
    """A realized loss beyond the wallet is a state while another position's profit stands behind it."""
    won = Position.open(symbol="BTCUSDT", quantity=1, price=60_000, schedule=FLAT).at(60_500)
    covered = Account(wallet_balance=-400, positions=(won,))
    assert covered.pools()[0].collateral == -400
    for profit in (400, 400.5):  # just covered is covered
        assert Account(wallet_balance=-400, positions=(won.at(60_000 + profit),)).wallet_balance == -400
    assert Account(wallet_balance=-0.5, positions=(won,)).pools()[0].collateral == -0.5
    with pytest.raises(MarginError, match=r"wallet_balance = -501: give 0"):
        Account(wallet_balance=-501, positions=(won,))
    assert covered.at({"BTCUSDT": 60_100}).wallet_balance == -400  # the market may uncover it


def test_more_set_aside_than_the_wallet_holds_is_refused_beside_a_cross_position_too() -> None:
    """The cross position's pool would start with a debt."""
    btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=FLAT)
    eth = Position.open(symbol="ETHUSDT", quantity=1, price=3_000, schedule=FLAT).isolated(500)
    with pytest.raises(MarginError, match=r"wallet_balance = 100: 400 less than the isolated margins"):
        Account(wallet_balance=100, positions=(btc, eth))


def test_what_adding_up_margins_leaves_over_is_no_debt() -> None:
    # Taken off one by one, three margins come to an ulp more than their sum.
    flat = RiskSchedule.flat(0.004)
    margins = (0.1, 0.1, 1.1)
    wallet = sum(margins)
    assert wallet - margins[0] - margins[1] - margins[2] < 0
    names = ("AUSDT", "BUSDT", "CUSDT")
    held = [
        Position.open(symbol=name, quantity=0.01, price=10, schedule=flat).isolated(margin)
        for name, margin in zip(names, margins, strict=True)
    ]
    losing = Position.open(symbol="DUSDT", quantity=1, price=1, schedule=flat, leverage=10).at(0.9)
    free = Account(wallet_balance=wallet, positions=(*held, losing)).pools()[0]
    assert free.collateral == 0


def test_a_billionth_of_the_wallet_is_rounding_and_more_is_a_debt() -> None:
    def free(wallet: float, set_aside: float) -> float:
        held = position(quantity=1e-9).isolated(set_aside)
        return Account(wallet_balance=wallet, positions=(held,)).pools()[0].collateral

    assert free(1e9, 1e9 + 0.5) == 0
    assert free(1e9, 1e9 - 0.5) == 0.5  # what is there is there
    for wallet, set_aside in ((1e9, 1e9 + 2), (1e-3, 1e-3 + 1e-11)):
        with pytest.raises(MarginError, match="in all is more than wallet_balance"):
            free(wallet, set_aside)


def test_the_leverage_is_one_where_none_is_set_and_a_little_margin_is_its_own() -> None:
    plain = Position(symbol="B", quantity=1, entry_price=100, mark_price=100, schedule=FLAT)
    assert plain.leverage == 1
    assert Account(wallet_balance=1, positions=(plain.isolated(0.5),)).pools()[1].own


def test_an_isolated_position_has_a_pool_of_its_own_and_a_shared_one_has_none():
    btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.01), leverage=10)
    assert btc.isolated().pool == Pool(collateral=10, positions=(btc.isolated(),))
    with pytest.raises(MarginError, match="isolated_margin = None: BTC has no margin of its own"):
        btc.pool  # noqa: B018 - asking is enough


ORDER = {"name": "bid", "symbol": "BTCUSDT", "quantity": -0.1, "price": 50_000.0}
COIN = {"symbol": "BTCUSDT", "amount": 0.5, "mark_price": 60_000.0}


def test_an_order_reserves_its_value_over_the_leverage() -> None:
    assert Order(**ORDER).margin == 5_000  # 1x, where nothing is said
    assert Order(**ORDER, leverage=10).margin == 500
    face = {**ORDER, "quantity": 30_000}
    assert Order(**face, leverage=2, contract=Contract.INVERSE).margin == pytest.approx(0.3)  # 0.6 BTC


@pytest.mark.parametrize(
    ("kind", "values", "field", "value"),
    [
        *((Order, ORDER, field, " ") for field in ("name", "symbol")),
        *((Order, ORDER, field, "many") for field in ("quantity", "price", "leverage")),
        *((Order, ORDER, "|quantity| x price", quantity) for quantity in (0.0, 1e299)),
        (Coin, COIN, "symbol", ""),
        *((Coin, COIN, field, 0.0) for field in ("amount", "mark_price")),
        (Coin, COIN, "amount x mark_price", 1e299),
    ],
)
def test_an_order_or_a_coin_out_of_range_is_refused_by_its_field(kind, values, field, value) -> None:
    named = {"|quantity| x price": "quantity", "amount x mark_price": "amount"}.get(field, field)
    with pytest.raises(MarginError) as refused:
        kind(**{**values, named: value})
    assert str(refused.value).startswith(f"{field} = ")


def test_a_coin_and_an_order_are_kept_as_they_are_given_and_cannot_be_changed() -> None:
    coin, order = Coin(**{**COIN, "amount": 2}), Order(**{**ORDER, "quantity": 1})
    assert [type(each) for each in (coin.amount, coin.mark_price, order.quantity, order.price)] == [float] * 4
    for each in (coin, order):
        with pytest.raises(FrozenInstanceError):
            each.symbol = "ETHUSDT"
        with pytest.raises(TypeError):
            type(each)("BTCUSDT", 1.0, 60_000.0)
    account = Account(wallet_balance=10_000, coins=[coin], orders=[order])
    assert (account.coins, account.orders, Pool(collateral=1, coins=[coin]).coins) == ((coin,), (order,), (coin,))
    assert account.after(coins=[], orders=[]).orders == ()
    assert account.after(orders=[order, Order(**ORDER)]).orders == (order, Order(**ORDER))


def test_what_knows_plain_pools_alone_says_what_it_does_not_know() -> None:
    tiers = [RiskTier(notional_floor=0, maintenance_margin_rate=0.004)]
    more = [*tiers, RiskTier(notional_floor=100_000, maintenance_margin_rate=0.01)]
    one, two = (position(schedule=RiskSchedule(tiers=each, whole_position=True)) for each in (tiers, more))
    Pool(collateral=1_000, positions=(one,)).check_plain("this")
    asking = {
        "whole_position": Pool(collateral=1_000, positions=(two,)),
        "coins": Pool(collateral=1_000, positions=(position(),), coins=(Coin(**{**COIN, "symbol": "ETHUSDT"}),)),
        "netting": Pool(collateral=1_000, positions=(position(),), netting=Netting.LARGER_LEG),
    }
    for field, pool in asking.items():
        with pytest.raises(MarginError, match=f"^{field}: this knows nothing of it"):
            pool.check_plain("this")


def test_one_record_in_the_place_of_several_is_told_how_it_is_written() -> None:
    coin = Coin(symbol="BTCUSDT", amount=0.5, mark_price=60_000)
    order = Order(name="bid", symbol="BTCUSDT", quantity=-0.1, price=50_000)
    for name, given in (("coins", coin), ("orders", order)):
        with pytest.raises(MarginError, match=rf"{name} = one {name[:-1]}, BTCUSDT: give them in brackets"):
            Account(wallet_balance=100, **{name: given})
    with pytest.raises(MarginError, match="coins = one coin, BTCUSDT"):
        Pool(collateral=100, coins=coin)  # type: ignore[arg-type]


def test_a_number_in_the_place_of_prices_by_symbol_is_refused() -> None:
    account = Account(wallet_balance=100)
    for held in (account, account.pools()[0]):
        with pytest.raises(MarginError, match=r"mark_prices = 5: give a price for each symbol"):
            held.at(5)  # type: ignore[arg-type]


def test_netting_written_as_a_text_is_refused_for_it_would_pass_for_another() -> None:
    with pytest.raises(MarginError, match=r"netting = 'none': give Netting\.NONE"):
        Account(wallet_balance=100, netting="none")  # type: ignore[arg-type]
