"""Replay: numbers derived by hand, every policy, money conserved, bars."""

import random
from collections import Counter
from dataclasses import FrozenInstanceError, astuple, fields, replace
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginlib import (
    Account,
    Contract,
    MaintenanceBasis,
    MarginError,
    MarginMode,
    Netting,
    Pool,
    RiskSchedule,
    WithdrawalRule,
    available_balance,
    liquidation_price,
    risk,
)
from marginlib.market.events import (
    AddIsolatedMargin,
    CancelOrder,
    Deposit,
    DepositCoin,
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
from marginlib.market.policies import (
    Cut,
    fifth_first,
    full_close,
    largest_loss_first,
    largest_maintenance_first,
    largest_notional_first,
    step_down,
)
from marginlib.market.replay import Conversion, Ledger, Replenishment, Rules, Snapshot, in_mode, replay, step
from marginlib.market.settlement import Liquidation
from marginlib.venues import ClosingFee, Leftover, ModeChange, PaidFrom, PositionMode, Rulebook

FLAT = RiskSchedule.flat(0.01)
# Amounts by the tax rule: 0; 0 + 10,000 x 0.01 = 100; 100 + 50,000 x 0.03 = 1,600.
TIERED = RiskSchedule.from_brackets(
    [(0, 10_000, 0.01, 50, 0), (10_000, 50_000, 0.02, 25, 100), (50_000, None, 0.05, 10, 1_600)]
)
BOOK = Rulebook(venue="test", date="2026-01-01", source="made up", schedules={"BTC": FLAT, "ETH": FLAT, "SOL": TIERED})
RULES = Rules(book=BOOK)
MONEY = 1e-9


def run(events, *, wallet=10_000, rules=RULES, fund=0.0):
    """Replay, looking after every event whether money was conserved; return the last state."""
    states = list(replay(Account(wallet_balance=wallet), events, rules, insurance_fund=fund))
    for state in states:
        assert abs(state.imbalance) <= MONEY, state
        assert all(rules.safe(pool) for pool in state.account.pools())
    assert len(states) == len(events) + 1
    return states[-1]


def fill(quantity, price, symbol="BTC", fee_rate=0.0):
    return Fill(symbol=symbol, quantity=quantity, price=price, fee_rate=fee_rate)


def isolated(symbol="BTC", leverage=10):
    return [
        SetMarginMode(symbol=symbol, margin_mode=MarginMode.ISOLATED),
        SetLeverage(symbol=symbol, leverage=leverage),
    ]


def marks(**prices):
    return MarkPrices(prices=prices)


# Fills.


def test_adding_averages_the_entry_price():
    (position,) = run([fill(2, 100), fill(1, 130)]).account.positions
    assert position.quantity == 3
    assert position.entry_price == pytest.approx(110)  # (2 x 100 + 1 x 130) / 3
    (small,) = run([fill(0.5, 100), fill(0.25, 130)]).account.positions
    assert (small.quantity, small.entry_price) == (0.75, pytest.approx(110))


@pytest.mark.parametrize("sign", [1, -1])
def test_reducing_realizes_a_share_and_keeps_the_entry_price(sign):
    state = run([fill(4 * sign, 100), fill(-1 * sign, 110)])
    (position,) = state.account.positions
    assert (position.quantity, position.entry_price) == (3 * sign, 100)
    assert state.account.wallet_balance == 10_000 + 10 * sign
    assert state.ledger.counterparties == -10 * sign


@pytest.mark.parametrize("sign", [1, -1])
def test_flipping_closes_the_old_and_opens_the_rest_at_the_fill_price(sign):
    state = run([fill(2 * sign, 100), fill(-5 * sign, 90)])
    (position,) = state.account.positions
    assert (position.quantity, position.entry_price) == (-3 * sign, 90)
    assert state.account.wallet_balance == 10_000 - 20 * sign


def test_closing_leaves_no_position_not_even_a_rounding_of_one():
    assert not run([fill(0.3, 100), fill(-0.1, 100), fill(-0.2, 100)]).account.positions


def test_the_fee_is_a_share_of_the_value_traded_and_goes_to_the_venue():
    state = run([fill(2, 100, fee_rate=0.001), fill(-2, 110, fee_rate=0.001)])
    assert state.ledger.fees == pytest.approx(0.2 + 0.22)
    assert state.account.wallet_balance == pytest.approx(10_000 + 20 - 0.42)


@pytest.mark.parametrize(("payer", "margin"), [(PaidFrom.ACCOUNT, 100.0), (PaidFrom.POSITION, 99.0)])
def test_which_money_pays_an_isolated_fill(payer, margin):
    # 10 x 100 at 10x sets 100 aside; the fee is 1,000 x 0.001 = 1.
    state = run([*isolated(), fill(10, 100, fee_rate=0.001)], rules=replace(RULES, fee_from=payer))
    assert state.account.positions[0].isolated_margin == pytest.approx(margin)
    assert state.account.wallet_balance == 9_999


@pytest.mark.parametrize("fee_rate", [0.1, 0.2])
def test_a_fee_that_leaves_no_isolated_margin_is_refused(fee_rate):
    rules = replace(RULES, fee_from=PaidFrom.POSITION)
    with pytest.raises(MarginError, match=rf"fee_rate = {fee_rate}: a fee of .00 uses up the margin of BTC"):
        run([*isolated(), fill(10, 100, fee_rate=fee_rate)], rules=rules)


def test_a_fee_that_the_wallet_cannot_pay_is_refused():
    with pytest.raises(MarginError, match=r"fee_rate = 0\.001: the wallet cannot pay a fee of 1"):
        run([*isolated(), fill(10, 100, fee_rate=0.001)], wallet=100)  # all of it is set aside


def test_reducing_an_isolated_position_frees_the_same_share_of_its_margin():
    state = run([*isolated(), fill(10, 100), fill(-4, 95)])
    (position,) = state.account.positions
    assert position.isolated_margin == pytest.approx(60)
    assert state.account.wallet_balance == 10_000 - 20
    # Vega's rule: equity 100 - 50 before, 60 % of it after.
    assert risk(state.account.pools()[1].at({"BTC": 95})).equity == pytest.approx(30)


def test_adding_to_and_flipping_an_isolated_position():
    (grown,) = run([*isolated(), fill(10, 100), marks(BTC=120), fill(10, 120)]).account.positions
    assert grown.isolated_margin == pytest.approx(100 + 120)
    # What the wallet has to have free is the margin that is added, 120, and not all that is then set aside.
    (grown,) = run([*isolated(), fill(10, 100), marks(BTC=120), fill(10, 120)], wallet=225).account.positions
    assert grown.isolated_margin == pytest.approx(100 + 120)
    (flipped,) = run([*isolated(), fill(10, 100), marks(BTC=120), fill(-15, 120)]).account.positions
    assert (flipped.quantity, flipped.isolated_margin) == (-5, pytest.approx(60))


def test_inverse_contracts_average_the_reciprocal_price():
    book = Rulebook(venue="t", date="2026-01-01", source="-", schedules={"BTC": FLAT}, contract=Contract.INVERSE)
    state = run([fill(100, 100), fill(100, 200), fill(-200, 400)], wallet=10, rules=Rules(book=book))
    # 100/100 + 100/200 = 1.5 coins for 200 of face value; closed at 200/400 = 0.5 coins: a profit of 1.
    assert state.account.wallet_balance == pytest.approx(11)


def test_an_inverse_contract_pays_fees_and_sets_margin_aside_in_its_coin():
    book = Rulebook(venue="t", date="2026-01-01", source="-", schedules={"BTC": FLAT}, contract=Contract.INVERSE)
    events = [*isolated(), fill(100, 50, fee_rate=0.01), fill(100, 25, fee_rate=0.01)]
    state = run(events, wallet=10, rules=Rules(book=book))
    # 100/50 and 100/25 coins at 10x; 1 % of each is the fee.
    assert state.account.positions[0].isolated_margin == pytest.approx(0.2 + 0.4)
    assert state.ledger.fees == pytest.approx(0.02 + 0.04)
    closed = step(state, fill(-200, 20, fee_rate=0.01), Rules())  # a book is needed to open only
    assert closed.ledger.fees == pytest.approx(0.06 + 0.1)


def test_what_happens_to_one_symbol_happens_to_no_other():
    events = [fill(10, 100, symbol) for symbol in ("ETH", "BTC", "SOL")]
    for symbol in ("BTC", "ETH", "SOL"):
        state = run([*events, Funding(rates={symbol: 0.01})])
        assert state.ledger.funding == pytest.approx(10)
        state = run([*events, fill(-4, 100, symbol)])
        assert {each.symbol: each.quantity for each in state.account.positions if each.quantity != 10} == {symbol: 6}


def test_a_fill_that_is_too_large_is_refused_and_says_by_how_much():
    with pytest.raises(MarginError, match=r"quantity = 200: needs 10,000 more than is available"):
        run([fill(200, 100)])
    with pytest.raises(MarginError, match=r"quantity = 2,000: BTC sets 20,000 aside; 10,000 is available"):
        run([*isolated(), fill(2_000, 100)])
    with pytest.raises(MarginError, match=r"price = 1: closing BTC there would lose 99, more than the wallet can pay"):
        run([SetLeverage(symbol="BTC", leverage=10), fill(1, 100), fill(-1, 1)], wallet=50)
    with pytest.raises(MarginError, match=r"rules.book = None: give a Rulebook with the risk tiers of BTC"):
        run([fill(1, 100)], rules=Rules())


def test_what_an_isolated_position_lacks_is_no_room_for_the_cross_pool():
    events = [*isolated(), fill(10, 100), marks(BTC=95)]  # 50 of equity for 95 of initial margin; 9,900 are free
    with pytest.raises(MarginError, match=r"quantity = 99\.2: needs 20 more than is available"):
        run([*events, fill(99.2, 100, "ETH")])


def test_reducing_is_never_refused_for_want_of_initial_margin():
    state = run([SetLeverage(symbol="BTC", leverage=10), fill(100, 100), marks(BTC=92), fill(-1, 92)], wallet=1_000)
    assert state.account.positions[0].quantity == 99


def test_two_legs_of_a_symbol_are_refused_by_a_fill():
    legs = tuple(BOOK.position("BTC", quantity, 100) for quantity in (1, -1))
    with pytest.raises(MarginError, match=r"2 legs"):
        step(Snapshot.start(Account(wallet_balance=1_000, positions=legs)), fill(1, 100), RULES)


def test_a_realized_loss_may_exceed_the_wallet_while_open_profit_covers_it():
    lever = [SetLeverage(symbol=symbol, leverage=50) for symbol in ("BTC", "ETH")]
    state = run([*lever, fill(10, 100), fill(10, 100, "ETH"), marks(BTC=150, ETH=60), fill(-10, 60, "ETH")], wallet=200)
    assert state.account.wallet_balance == 200 - 400
    assert risk(state.account.pools()[0]).equity == 300
    with pytest.raises(MarginError, match=r"wallet_balance = -200:"):
        replace(state.account, positions=())
    with pytest.raises(MarginError, match=r"at most 0 can be withdrawn"):
        step(state, Withdrawal(amount=1), RULES)
    # Cashing the profit in settles the debt.
    closed = step(state, fill(-10, 150), RULES)
    assert closed.account.wallet_balance == 300
    assert abs(closed.imbalance) <= MONEY


# Money, margin, leverage, mode.


def test_deposits_and_withdrawals():
    state = run([Deposit(amount=5), Withdrawal(amount=15)])
    assert state.account.wallet_balance == 9_990
    assert (state.ledger.deposits, state.ledger.withdrawals) == (10_005, 15)
    with pytest.raises(MarginError, match=r"at most 9,900 can be withdrawn"):
        run([fill(1, 100), Withdrawal(amount=9_901)])
    assert run([*isolated(), fill(10, 100), Withdrawal(amount=9_900)]).account.wallet_balance == 100
    with pytest.raises(MarginError, match=r"at most 9,900 can be withdrawn"):
        run([*isolated(), fill(10, 100), Withdrawal(amount=9_901)])


def test_open_profit_cannot_be_withdrawn_and_what_keeps_the_position_stays():
    # 10 x 1,000 dollars need 100 to be kept.
    events = [fill(10, 100), marks(BTC=1_000), SetLeverage(symbol="BTC", leverage=100)]
    with pytest.raises(MarginError, match=r"at most 9,900 can be withdrawn"):
        run([*events, Withdrawal(amount=9_901)])
    assert run([*events, Withdrawal(amount=9_900)]).account.wallet_balance == 100


PROFIT = WithdrawalRule(profit=True, notional_share=0.1)


def test_binance_lets_90_of_200_leave():
    events = [SetLeverage(symbol="BTC", leverage=100), fill(1, 10_000), marks(BTC=11_000)]
    with pytest.raises(MarginError, match=r"amount = 91: at most 90 can be withdrawn now"):
        run([*events, Withdrawal(amount=91)], wallet=200)
    assert run([*events, Withdrawal(amount=90)], wallet=200).account.wallet_balance == 110


@pytest.mark.parametrize(("entry", "mark", "wallet", "most"), [(100, 150, 100, 45), (2_000, 3_000, 1_000, 900)])
def test_profit_leaves_an_isolated_position_where_the_venue_lets_it(entry, mark, wallet, most):
    rules = replace(RULES, withdrawal=PROFIT)
    events = [*isolated(), fill(1, entry), marks(BTC=mark)]
    with pytest.raises(MarginError, match=rf"at most {most} can be moved for BTC now"):
        run([*events, RemoveIsolatedMargin(symbol="BTC", amount=most + 0.01)], wallet=wallet, rules=rules)
    before = run(events, wallet=wallet, rules=rules)
    state = run([*events, RemoveIsolatedMargin(symbol="BTC", amount=most)], wallet=wallet, rules=rules)
    pools, were = state.account.pools(), before.account.pools()
    assert risk(pools[1]).equity == pytest.approx(risk(were[1]).equity - most)
    assert risk(pools[0]).equity == pytest.approx(risk(were[0]).equity + most)
    # The price is that of the margin less what left, profit realized or not.
    least = Pool(collateral=entry / 10 - most, positions=(before.account.positions[0].cross(),))
    assert liquidation_price(pools[1], "BTC") == pytest.approx(liquidation_price(least, "BTC"))
    # And the money is the counterparties' once it leaves the account.
    gone = step(state, Withdrawal(amount=wallet - entry / 10 + most), rules)
    assert abs(gone.imbalance) <= MONEY
    assert step(gone, fill(-1, mark), rules).account.wallet_balance == pytest.approx(mark - entry + entry / 10 - most)


def test_profit_leaves_the_cross_pool_and_its_wallet_owes_it():
    rules = replace(RULES, withdrawal=PROFIT)
    events = [SetLeverage(symbol="BTC", leverage=10), fill(1, 100), marks(BTC=150)]
    state = run([*events, Withdrawal(amount=45)], wallet=10, rules=rules)
    assert state.account.wallet_balance == -35
    with pytest.raises(MarginError, match=r"at most 0 can be withdrawn now"):
        step(state, Withdrawal(amount=1), rules)
    assert step(state, fill(-1, 150), rules).account.wallet_balance == 15


def test_isolated_margin_moves_within_the_wallet():
    state = run([*isolated(), fill(10, 100), AddIsolatedMargin(symbol="BTC", amount=50)])
    assert state.account.positions[0].isolated_margin == 150
    state = run(
        [
            *isolated(),
            fill(10, 100),
            AddIsolatedMargin(symbol="BTC", amount=50),
            RemoveIsolatedMargin(symbol="BTC", amount=30),
        ]
    )
    assert state.account.positions[0].isolated_margin == 120
    assert state.account.wallet_balance == 10_000


def test_leverage_changes_what_is_needed_and_nothing_else():
    state = run([fill(10, 100), SetLeverage(symbol="BTC", leverage=20)])
    assert risk(state.account.pools()[0]).initial == 50
    # Isolated, lower leverage asks for more margin: 1,000 / 5; a higher one leaves the margin where it is.
    state = run([*isolated(), fill(10, 100), SetLeverage(symbol="BTC", leverage=5)])
    assert state.account.positions[0].isolated_margin == 200
    state = run([*isolated(), fill(10, 100), SetLeverage(symbol="BTC", leverage=20)])
    assert state.account.positions[0].isolated_margin == 100
    with pytest.raises(MarginError, match=r"leverage = 1: needs"):
        run(
            [SetLeverage(symbol="BTC", leverage=10), fill(100, 100), SetLeverage(symbol="BTC", leverage=1)],
            wallet=2_000,
        )
    with pytest.raises(MarginError, match=r"leverage = 101:"):
        run([fill(1, 100), SetLeverage(symbol="BTC", leverage=101)])
    with pytest.raises(MarginError, match=r"leverage = 101:"):
        run([SetLeverage(symbol="BTC", leverage=101)])


def test_a_mode_is_not_changed_under_an_open_position_where_the_venue_refuses():
    with pytest.raises(MarginError, match=r"refused while BTC is open; close it first"):
        run([fill(1, 100), SetMarginMode(symbol="BTC", margin_mode=MarginMode.ISOLATED)])
    state = run([fill(1, 100), SetMarginMode(symbol="ETH", margin_mode=MarginMode.ISOLATED), fill(1, 100, "ETH")])
    assert [each.margin_mode for each in state.account.positions] == [MarginMode.CROSS, MarginMode.ISOLATED]


def test_what_other_venues_say_to_a_change_of_mode():
    change = SetMarginMode(symbol="BTC", margin_mode=MarginMode.ISOLATED)
    everything = SetMarginMode(margin_mode=MarginMode.ISOLATED)
    any_time = replace(RULES, mode_change=ModeChange.ANY_TIME)
    (position,) = run([SetLeverage(symbol="BTC", leverage=10), fill(10, 100), change], rules=any_time).account.positions
    assert position.isolated_margin == 100
    back = run([*isolated(), fill(10, 100), SetMarginMode(symbol="BTC", margin_mode=MarginMode.CROSS)], rules=any_time)
    assert back.account.pools()[0].collateral == 10_000
    with pytest.raises(MarginError, match=r"knows cross margin only"):
        run([change], rules=replace(RULES, mode_change=ModeChange.CROSS_ONLY))
    whole = replace(RULES, mode_change=ModeChange.WHOLE_ACCOUNT)
    with pytest.raises(MarginError, match=r"one margin mode for the whole account; leave the symbol out"):
        run([change], rules=whole)
    with pytest.raises(MarginError, match=r"a margin mode for each symbol; name one"):
        run([everything])
    state = run([fill(1, 100), fill(1, 100, "ETH"), everything], rules=whole)
    assert {each.margin_mode for each in state.account.positions} == {MarginMode.ISOLATED}


# Coins as collateral.

COINS = replace(BOOK, haircuts={"BTC": 0.1, "ETH": 0.25})
TAKES = Rules(book=COINS)


def test_a_coin_backs_a_position_after_its_haircut_and_is_no_money():
    events = [marks(BTC=100), DepositCoin(symbol="BTC", amount=4), DepositCoin(symbol="BTC", amount=1)]
    state = run([*events, fill(4, 100, "ETH")], wallet=0, rules=TAKES)
    (coin,) = state.account.coins
    assert (coin.amount, coin.value, state.account.wallet_balance) == (5, 450, 0)
    # 450 of equity, 400 of initial margin: 50 / 0.9 dollars of coins may leave, and no money.
    with pytest.raises(MarginError, match=r"at most 0 can be withdrawn now"):
        step(state, Withdrawal(amount=1), TAKES)
    with pytest.raises(MarginError, match=r"amount = 0.6: at most 0.5555555556 of BTC can be withdrawn now"):
        step(state, WithdrawCoin(symbol="BTC", amount=0.6), TAKES)
    assert step(state, WithdrawCoin(symbol="BTC", amount=0.5), TAKES).account.coins[0].amount == 4.5
    with pytest.raises(MarginError, match=r"at most 0 of ETH can be withdrawn now"):
        step(state, WithdrawCoin(symbol="ETH", amount=1), TAKES)
    assert not run([*events, WithdrawCoin(symbol="BTC", amount=5)], rules=TAKES).account.coins


def test_a_coin_that_the_venue_does_not_take_is_refused():
    with pytest.raises(MarginError, match=r"symbol = 'SOL': test takes as collateral BTC, ETH"):
        run([marks(SOL=100), DepositCoin(symbol="SOL", amount=1)], rules=TAKES)
    with pytest.raises(MarginError, match=r"symbol = 'BTC': give a Rulebook that takes this coin, and its mark price"):
        run([DepositCoin(symbol="BTC", amount=1)], rules=TAKES)
    with pytest.raises(MarginError, match=r"haircuts\['BTC'\] = 1: give a fraction"):
        replace(BOOK, haircuts={"BTC": 1})


def test_coins_are_sold_before_a_position_is_touched_and_what_the_haircut_held_back_may_be_enough():
    lever = SetLeverage(symbol="ETH", leverage=20)
    events = [marks(BTC=100), DepositCoin(symbol="BTC", amount=5), lever, fill(40, 100, "ETH")]
    # At 90: 450 - 400 = 50 of equity, more than 1 % of 3,600. At 89.5: 30, less than 35.8; sold at 100, 80 are there.
    assert not run([*events, marks(ETH=90)], wallet=0, rules=TAKES).actions
    state = run([*events, marks(ETH=89.5)], wallet=0, rules=TAKES)
    assert state.actions == (Conversion(symbol="BTC", amount=5, price=100),)
    assert (state.account.wallet_balance, state.account.coins) == (500, ())
    assert state.ledger.counterparties == -500
    # Lower still, and the position goes too.
    state = run([*events, marks(ETH=88)], wallet=0, rules=TAKES)
    assert [type(each) for each in state.actions] == [Conversion, Liquidation]


def test_a_wrong_way_coin_falls_with_the_position_that_it_backs():
    long = BOOK.position("BTC", 10, 100, leverage=10)
    coin = COINS.coin("BTC", 2, 100)
    account = Account(wallet_balance=0, positions=(long,), coins=(coin,))
    # 1.8 p + 10 (p - 100) = 0.1 p; with 180 dollars in its place, 10 (p - 100) + 180 = 0.1 p.
    assert liquidation_price(account.pools()[0], "BTC") == pytest.approx(1_000 / 11.7)
    assert liquidation_price(Pool(collateral=180, positions=(long,)), "BTC") == pytest.approx(820 / 9.9)
    safe, sold = (step(Snapshot.start(account), marks(BTC=price), TAKES) for price in (85.5, 85.4))
    assert (safe.actions, sold.actions[0]) == ((), Conversion(symbol="BTC", amount=2, price=85.4))


# Open orders.


def test_an_open_order_reserves_margin_and_changes_neither_equity_nor_a_price():
    lever = SetLeverage(symbol="ETH", leverage=10)
    held = [SetLeverage(symbol="BTC", leverage=10), fill(10, 100), lever]
    bid = PlaceOrder(name="bid", symbol="ETH", quantity=20, price=90)
    before, after = run(held, wallet=500), run([*held, bid], wallet=500)
    pools = before.account.pools()[0], after.account.pools()[0]
    assert [risk(pool).equity for pool in pools] == [500, 500]
    assert [available_balance(each.account) for each in (before, after)] == [400, 220]  # 20 x 90 / 10
    assert liquidation_price(pools[0], "BTC") == liquidation_price(pools[1], "BTC")
    with pytest.raises(MarginError, match=r"at most 220 can be withdrawn now"):
        step(after, Withdrawal(amount=221), RULES)
    with pytest.raises(MarginError, match=r"quantity = 30: needs 50 more than is available"):
        step(after, PlaceOrder(name="ask", symbol="ETH", quantity=30, price=90), RULES)
    with pytest.raises(MarginError, match=r"name = 'bid': an open order has it"):
        step(after, bid, RULES)
    assert step(after, CancelOrder(name="bid"), RULES).account == before.account
    with pytest.raises(MarginError, match=r"name = 'ask': no open order has it"):
        step(after, CancelOrder(name="ask"), RULES)


def test_a_filled_order_reserves_what_is_left_of_it():
    bid = PlaceOrder(name="bid", symbol="ETH", quantity=20, price=90)
    half = Fill(symbol="ETH", quantity=5, price=90, order="bid")
    state = run([bid, half], wallet=5_000)
    assert [order.quantity for order in state.account.orders] == [15]
    assert available_balance(state.account) == 5_000 - 450 - 1_350
    assert not step(state, replace(half, quantity=15), RULES).account.orders
    for wrong in (replace(half, quantity=16), replace(half, quantity=-5), replace(half, symbol="BTC")):
        with pytest.raises(MarginError, match=r"order = 'bid': no open order to trade"):
            step(state, wrong, RULES)


def test_orders_are_cancelled_before_a_position_is_liquidated():
    events = [*isolated(), fill(10, 100)]
    events += [PlaceOrder(name=each, symbol=each, quantity=1, price=10) for each in ("BTC", "ETH")]
    assert [order.name for order in run([*events, marks(BTC=85)]).account.orders] == ["ETH"]
    events = [SetLeverage(symbol="BTC", leverage=10), fill(10, 100)]
    events += [PlaceOrder(name=each, symbol=each, quantity=1, price=10) for each in ("BTC", "ETH")]
    assert not run([*events, marks(BTC=85)], wallet=150).account.orders


def test_an_order_for_an_inverse_contract_reserves_coins():
    book = replace(BOOK, contract=Contract.INVERSE)
    state = run([PlaceOrder(name="bid", symbol="BTC", quantity=100, price=50)], wallet=10, rules=Rules(book=book))
    assert available_balance(state.account) == 8


# One-way and hedge mode.

HEDGE = replace(RULES, position_mode=PositionMode.HEDGE)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_opposite_fill_reduces_in_one_mode_and_opens_the_other_leg_in_the_other(sign):
    events = [SetLeverage(symbol="BTC", leverage=10), fill(5 * sign, 100), fill(-2 * sign, 110)]
    (position,) = run(events).account.positions
    assert position.quantity == 3 * sign
    legs = run(events, rules=HEDGE).account.positions
    assert [(leg.quantity, leg.entry_price, leg.leverage) for leg in legs] == [
        (5 * sign, 100, 10),
        (-2 * sign, 110, 10),
    ]
    reduce = Fill(symbol="BTC", quantity=-2 * sign, price=110, reduces=True)
    assert [leg.quantity for leg in run([*events[:2], reduce], rules=HEDGE).account.positions] == [3 * sign]
    both = run([*events, reduce, fill(-1 * sign, 120)], rules=HEDGE)
    assert [(leg.quantity, leg.entry_price) for leg in both.account.positions] == [
        (3 * sign, 100),
        (-3 * sign, pytest.approx((2 * 110 + 120) / 3)),
    ]


def test_what_only_reduces_never_opens():
    for rules in (RULES, HEDGE):
        for size in (1, -6):
            with pytest.raises(MarginError, match=rf"quantity = {size}: this reduces BTC; give at most"):
                run([fill(5, 100), Fill(symbol="BTC", quantity=size, price=100, reduces=True)], rules=rules)


def test_a_leverage_is_that_of_both_legs():
    state = run([*isolated(), fill(5, 100), fill(-2, 100), SetLeverage(symbol="BTC", leverage=5)], rules=HEDGE)
    assert [(leg.leverage, leg.isolated_margin) for leg in state.account.positions] == [(5, 100), (5, 40)]
    assert len(state.account.pools()) == 3


def test_isolated_legs_die_alone_and_cross_legs_hold_each_other():
    legs = [fill(10, 100), fill(-10, 100)]
    apart = run([*isolated(), *legs, marks(BTC=85)], rules=HEDGE)
    assert [leg.quantity for leg in apart.account.positions] == [-10]
    shared = run([SetLeverage(symbol="BTC", leverage=10), *legs, marks(BTC=85)], wallet=250, rules=HEDGE)
    assert len(shared.account.positions) == 2


# Funding.


@pytest.mark.parametrize(("quantity", "rate", "paid"), [(10, 0.001, 1.1), (10, -0.001, -1.1), (-10, 0.001, -1.1)])
def test_longs_pay_shorts_at_the_mark(quantity, rate, paid):
    state = run([fill(quantity, 100), marks(BTC=110), Funding(rates={"BTC": rate})])
    assert state.ledger.funding == pytest.approx(paid)
    assert state.account.wallet_balance == pytest.approx(10_000 - paid)


@pytest.mark.parametrize(("payer", "margin"), [(PaidFrom.POSITION, 99.0), (PaidFrom.ACCOUNT, 100.0)])
def test_which_wallet_pays_the_funding_is_said(payer, margin):
    state = run([*isolated(), fill(10, 100), Funding(rates={"BTC": 0.001})], rules=replace(RULES, funding_from=payer))
    assert state.account.positions[0].isolated_margin == pytest.approx(margin)
    assert state.account.wallet_balance == 9_999


def test_the_other_money_pays_where_the_first_does_not_suffice():
    # 100 of margin is not enough for 0.06 x 2,000 = 120; the free 9,900 pay.
    events = [*isolated(), fill(10, 100), marks(BTC=200), Funding(rates={"BTC": 0.06})]
    state = run(events)
    assert (state.account.positions[0].isolated_margin, state.account.wallet_balance) == (100, 9_880)
    # With all 100 set aside, equity of 100 + 1,000 stands behind the position: 120 / 1,100 of it is sold.
    state = run(events, wallet=100)
    (sold,) = state.liquidations
    assert sold.quantity == pytest.approx(10 * 120 / 1_100)
    assert state.account.positions[0].isolated_margin == pytest.approx(100 * (1 - 120 / 1_100))
    assert state.ledger.funding == pytest.approx(120)
    assert (sold.deleveraged, state.ledger.deleveraged) == (0, 0)


@pytest.mark.parametrize(
    ("payer", "rate", "wallet", "margin", "left"),
    [
        # 10 at 100, 100 of margin: 0.001 is a payment of 1, 0.1 one of 100.
        (PaidFrom.POSITION, 0.1, 300, 100, 200),  # a margin is never used up: the free 200 pay
        (PaidFrom.POSITION, -0.1, 300, 200, 400),  # what is received goes where the payments come from
        (PaidFrom.ACCOUNT, -0.1, 300, 100, 400),
        (PaidFrom.ACCOUNT, 0.001, 100.5, 99, 99.5),  # a half is not enough: the margin pays all of it
        (PaidFrom.ACCOUNT, 0.001, 101, 100, 100),  # one is
        (PaidFrom.ACCOUNT, 0.1, 200, 100, 100),
    ],
)
def test_which_money_pays_at_the_edge(payer, rate, wallet, margin, left):
    events = [*isolated(), fill(10, 100), Funding(rates={"BTC": rate})]
    state = run(events, wallet=wallet, rules=replace(RULES, funding_from=payer))
    assert not state.actions
    assert state.account.positions[0].isolated_margin == pytest.approx(margin)
    assert state.account.wallet_balance == pytest.approx(left)


def test_the_last_of_the_free_money_pays_what_a_margin_cannot():
    events = [*isolated(), fill(10, 100), marks(BTC=200), Funding(rates={"BTC": 0.06})]  # a payment of 120
    state = run(events, wallet=220)
    assert not state.actions
    assert (state.account.positions[0].isolated_margin, state.account.wallet_balance) == (100, 100)


def test_a_payment_beyond_all_equity_closes_the_position_and_the_receivers_go_without_the_rest():
    # 100 of margin and 100 of profit at 110; a payment of 0.5 x 1,100 = 550.
    state = run([*isolated(), fill(10, 100), marks(BTC=110), Funding(rates={"BTC": 0.5})], wallet=100)
    (sold,) = state.liquidations
    assert (sold.quantity, sold.taken_over, sold.closed.own_margin > 0, sold.price) == (10, False, True, 110)
    assert (sold.fee, sold.kept, sold.fund_paid) == (0, 0, 0)
    assert sold.deleveraged == pytest.approx(350)
    assert (state.ledger.funding, state.ledger.deleveraged) == (pytest.approx(200), pytest.approx(350))
    assert state.ledger.counterparties == pytest.approx(-100)
    assert state.account == Account(wallet_balance=0)


def test_funding_may_liquidate():
    state = run([*isolated(), fill(10, 100), marks(BTC=91.5), Funding(rates={"BTC": 0.01})])
    assert [each.symbol for each in state.liquidations] == ["BTC"]  # 100 - 85 - 9.15 < 9.15


# Liquidation.


def crash(price, *, rules=RULES, wallet=10_000, fund=0.0, quantity=10):
    return run([*isolated(), fill(quantity, 100), marks(BTC=price)], rules=rules, wallet=wallet, fund=fund)


def test_a_full_close_settles_at_the_bankruptcy_price_and_the_fund_keeps_the_rest():
    state = crash(90.5)  # equity 100 - 95 = 5 <= 905 x 0.01
    (closed,) = state.liquidations
    assert (closed.quantity, closed.mark_price) == (10, 90.5)
    assert closed.price == pytest.approx(90)  # where 100 of margin is used up
    assert closed.kept == pytest.approx(5)
    assert state.account.wallet_balance == 9_900
    assert state.ledger.insurance_fund == pytest.approx(5)
    assert state.ledger.counterparties == pytest.approx(95)


def test_what_is_left_may_be_returned_less_the_clearance_fee():
    rules = replace(RULES, leftover=Leftover.RETURNED, clearance_fee_rate=0.002)
    state = crash(90.5, rules=rules)
    (closed,) = state.liquidations
    assert closed.price == 90.5
    assert closed.fee == pytest.approx(905 * 0.002)
    assert state.account.wallet_balance == pytest.approx(9_900 + 5 - 1.81)
    assert state.ledger.insurance_fund == pytest.approx(1.81)


def test_the_clearance_fee_takes_no_more_than_there_is():
    state = crash(90.5, rules=replace(RULES, leftover=Leftover.RETURNED, clearance_fee_rate=0.0125))
    assert state.liquidations[0].fee == pytest.approx(5)  # not 905 x 0.0125 = 11.3
    assert state.account.wallet_balance == pytest.approx(9_900)


@pytest.mark.parametrize(("leftover", "price"), [(Leftover.KEPT, 90), (Leftover.RETURNED, 90.5)])
@pytest.mark.parametrize("fee", [0, 4.999, 5, 11])
def test_the_price_of_a_take_over_depends_on_who_gets_the_leftover_and_not_on_the_fee(leftover, price, fee):
    state = crash(90.5, rules=replace(RULES, leftover=leftover, clearance_fee_rate=fee / 905))  # 5 of equity is left
    (closed,) = state.liquidations
    assert closed.price == pytest.approx(price)
    assert closed.fee == pytest.approx(min(fee, 5))
    assert closed.fee + closed.kept == pytest.approx(5 if leftover is Leftover.KEPT else min(fee, 5))
    assert state.account.wallet_balance == pytest.approx(9_905 - closed.fee - closed.kept)


@pytest.mark.parametrize("fee_rate", [0, 0.002, 0.5])
def test_taking_one_cross_position_over_never_helps_the_rest(fee_rate):
    rules = replace(RULES, policy=full_close(largest_loss_first), clearance_fee_rate=fee_rate)
    state = run(
        [
            *(SetLeverage(symbol=symbol, leverage=10) for symbol in ("BTC", "ETH")),
            *(fill(10, 100, symbol=symbol) for symbol in ("BTC", "ETH")),
            marks(BTC=60, ETH=90),  # equity 510 - 400 - 100 = 10 <= 6 + 9
        ],
        wallet=510,
        rules=rules,
    )
    # BTC leaves with 10 x 6 / 15 = 4: ETH keeps 6 for its 9, as little as 10 was for 15.
    assert [each.symbol for each in state.liquidations] == ["BTC", "ETH"]
    assert [each.fee + each.kept for each in state.liquidations] == pytest.approx([4, 6])
    assert not state.account.positions


@pytest.mark.parametrize(("fund", "paid", "deleveraged"), [(1_000, 50, 0), (20, 20, 30), (0, 0, 50)])
def test_a_gap_is_paid_by_the_fund_and_then_by_the_winners(fund, paid, deleveraged):
    state = crash(85, fund=fund)  # a loss of 150 on 100
    (closed,) = state.liquidations
    assert closed.fund_paid == pytest.approx(paid)
    assert closed.deleveraged == pytest.approx(deleveraged)
    assert state.account.wallet_balance == 9_900
    assert state.ledger.insurance_fund == pytest.approx(fund - paid)
    assert state.ledger.counterparties == pytest.approx(150 - deleveraged)
    assert closed.price == pytest.approx(90)


def test_a_short_is_liquidated_the_other_way():
    state = crash(109.5, quantity=-10)
    assert state.liquidations[0].quantity == -10
    assert state.liquidations[0].price == pytest.approx(110)


def test_stepping_down_one_tier_sells_to_the_edge_and_stops_when_safe():
    # 600 SOL at 95: notional 57,000, maintenance 57,000 x 0.05 - 1,600 = 1,250; equity 4,200 - 3,000 = 1,200.
    rules = replace(RULES, policy=step_down())
    start = Account(wallet_balance=4_200, positions=(BOOK.position("SOL", 600, 100, leverage=10),))
    state = step(Snapshot.start(start), marks(SOL=95), rules)
    (sold,) = state.liquidations
    assert not sold.taken_over
    assert sold.quantity == pytest.approx(600 - 50_000 / 95)
    assert state.account.positions[0].notional == pytest.approx(50_000)
    # Sold at the mark for the owner: equity is what it was, 4,200 - 3,000; maintenance 50,000 x 0.02 - 100 = 900.
    now = risk(state.account.pools()[0])
    assert (now.equity, now.maintenance) == (pytest.approx(1_200), pytest.approx(900))
    assert abs(state.imbalance) <= MONEY


def test_stepping_down_two_tiers_at_a_time():
    start = Account(wallet_balance=4_200, positions=(BOOK.position("SOL", 600, 100, leverage=10),))
    state = step(Snapshot.start(start), marks(SOL=95), replace(RULES, policy=step_down(2)))
    assert state.account.positions[0].notional == pytest.approx(10_000)  # tier 3 to tier 1
    # In tier 2 there are no two tiers below: taken over.
    start = Account(wallet_balance=1_800, positions=(BOOK.position("SOL", 300, 100, leverage=25),))
    state = step(Snapshot.start(start), marks(SOL=95), replace(RULES, policy=step_down(2)))
    assert [each.taken_over for each in state.liquidations] == [True]
    assert state.account.wallet_balance == 0


def test_stepping_down_goes_on_until_it_is_taken_over():
    start = Account(wallet_balance=3_050, positions=(BOOK.position("SOL", 600, 100, leverage=10),))
    state = step(Snapshot.start(start), marks(SOL=95), replace(RULES, policy=step_down()))
    # Equity 50: too little for 900 of the second tier and for 100 of the first.
    assert [each.taken_over for each in state.liquidations] == [False, False, True]
    assert not state.account.positions
    assert abs(state.imbalance) <= MONEY


def test_a_fifth_first_above_100k_then_the_whole_and_the_vault_below_two_thirds():
    rules = replace(RULES, policy=fifth_first())
    big = BOOK.position("BTC", 2_000, 100, leverage=50)

    def at(equity):  # at 95: loss 10,000, notional 190,000, maintenance 1,900
        return step(Snapshot.start(Account(wallet_balance=10_000 + equity, positions=(big,))), marks(BTC=95), rules)

    one = at(1_800)  # after a fifth: maintenance 1,520 < 1,800
    assert [(each.quantity, each.taken_over) for each in one.liquidations] == [(400, False)]
    two = at(1_500)  # 1,520 >= 1,500: the rest, 1,600, goes too, and the owner keeps what is left
    assert [each.quantity for each in two.liquidations] == [400, pytest.approx(1_600)]
    assert two.account.wallet_balance == pytest.approx(1_500)
    vault = at(1_000)  # below 2/3 of 1,900
    assert [(each.quantity, each.taken_over) for each in vault.liquidations] == [(2_000, True)]
    assert vault.account.wallet_balance == 0
    assert vault.ledger.insurance_fund == pytest.approx(1_000)
    small = step(
        Snapshot.start(Account(wallet_balance=4_750 + 800, positions=(BOOK.position("BTC", 950, 100, leverage=50),))),
        marks(BTC=95),
        rules,
    )
    assert [each.quantity for each in small.liquidations] == [950]  # 90,250 is not above 100,000


@pytest.mark.parametrize(
    ("policy", "symbol", "size", "wallet", "sold"),
    [
        # 600 at 95 are 57,000 and have 1,200 for 1,250: cut to 50,000, or to 10,000.
        (step_down(), "SOL", 600, 4_200, 7_000),
        (step_down(2), "SOL", 600, 4_200, 47_000),
        # 2,000 at 95 are 190,000 and have 1,800 for 1,900: a fifth goes.
        (fifth_first(), "BTC", 2_000, 11_800, 38_000),
        (fifth_first(share=0.5, above=150_000), "BTC", 2_000, 11_800, 95_000),
        (full_close(), "BTC", 2_000, 11_800, 190_000),
        (full_close(largest_loss_first), "BTC", 2_000, 11_800, 190_000),
        (lambda _pool, _cuts: [Cut(0, 0.3, taken_over=True)], "BTC", 2_000, 11_800, 57_000),
    ],
)
@pytest.mark.parametrize("leftover", Leftover)
def test_the_clearance_fee_is_on_the_part_that_is_cut(policy, symbol, size, wallet, sold, leftover):
    rules = replace(RULES, policy=policy, clearance_fee_rate=0.001, leftover=leftover)
    position = BOOK.position(symbol, size, 100, leverage=10)
    for held in (position, position.isolated(wallet)):
        state = step(Snapshot.start(Account(wallet_balance=wallet, positions=(held,))), marks(**{symbol: 95}), rules)
        first = state.liquidations[0]
        assert first.quantity * 95 == pytest.approx(sold)
        assert first.fee == pytest.approx(sold * 0.001)
        assert state.ledger.insurance_fund == pytest.approx(sum(each.fee + each.kept for each in state.liquidations))
        assert abs(state.imbalance) <= MONEY


@pytest.mark.parametrize(
    ("order", "first"),
    [(largest_loss_first, "ETH"), (largest_notional_first, "BTC"), (largest_maintenance_first, "SOL")],
)
def test_the_order_of_cross_liquidation_is_the_one_passed_in(order, first):
    # At the marks: BTC 40,000, loss 0, maintenance 400; ETH 20,000, loss 2,000, 200; SOL 30,000, loss 0, 500.
    positions = (
        BOOK.position("BTC", 400, 100, leverage=50),
        BOOK.position("ETH", 200, 110, mark_price=110, leverage=50),
        BOOK.position("SOL", 300, 100, leverage=25),
    )
    rules = replace(RULES, policy=full_close(order), leftover=Leftover.RETURNED)
    # Equity 1,000 is not above 1,100; without the first one's maintenance it is.
    state = step(Snapshot.start(Account(wallet_balance=3_000, positions=positions)), marks(ETH=100), rules)
    assert [each.symbol for each in state.liquidations] == [first]
    assert abs(state.imbalance) <= MONEY


def test_the_whole_cross_pool_goes_at_once_unless_an_order_is_given():
    positions = (BOOK.position("BTC", 400, 100, leverage=50), BOOK.position("ETH", 100, 100, leverage=50))
    # Loss 4,000 on BTC: equity 400; maintenance 360 + 100 = 460.
    start = Snapshot.start(Account(wallet_balance=4_400, positions=positions))
    whole = step(start, marks(BTC=90), RULES)
    assert [each.symbol for each in whole.liquidations] == ["BTC", "ETH"]
    assert whole.account.wallet_balance == 0
    # One after the other, what is returned helps the rest: ETH alone needs 100 and has 400.
    rules = replace(RULES, policy=full_close(largest_loss_first), leftover=Leftover.RETURNED)
    one = step(start, marks(BTC=90), rules)
    assert [each.symbol for each in one.liquidations] == ["BTC"]
    assert risk(one.account.pools()[0]).equity == pytest.approx(400)


def test_isolated_pools_do_not_touch_each_other_and_a_cross_pool_falls_whole():
    rules = RULES
    events = [*isolated(), fill(10, 100), fill(50, 100, "ETH"), marks(BTC=80)]
    state = run(events, rules=rules, wallet=6_000)
    assert [each.symbol for each in state.account.positions] == ["ETH"]
    assert state.account.wallet_balance == 5_900


def test_auto_margin_replenishment_draws_one_initial_margin_after_another():
    rules = replace(RULES, replenish=frozenset({"BTC"}))
    state = crash(90.5, rules=rules)  # equity 5 + 100 > 9.05
    assert [type(each) for each in state.actions] == [Replenishment]
    assert state.account.positions[0].isolated_margin == 200
    deep = crash(70, rules=rules)  # loss 300: 100 -> 400 leaves 100 > 7
    assert [each.amount for each in deep.actions] == [100, 100, 100]
    poor = crash(70, rules=rules, wallet=250)  # 150 to draw, then it is over
    assert [type(each) for each in poor.actions] == [Replenishment, Replenishment, Liquidation]
    assert poor.account.wallet_balance == 0
    nearly = [*isolated(), fill(10, 100), AddIsolatedMargin(symbol="BTC", amount=850), marks(BTC=4.5)]  # 995 lost or so
    assert [each.amount for each in run(nearly, rules=rules).actions] == [pytest.approx(50)]  # the rest of 1,000
    full = run([*isolated(), fill(10, 100), marks(BTC=0.5)], rules=rules)  # 1x: 995 lost of 1,000, 5 > 0.05
    assert full.account.positions[0].isolated_margin == pytest.approx(1_000)


def test_each_pool_is_cut_by_its_own_count():
    rules = replace(RULES, policy=fifth_first(backstop=0))
    # 2,000 at 95: 190,000 and 1,900 of maintenance margin; a fifth less, 1,520.
    pair = [BOOK.position(symbol, 2_000, 100, leverage=50) for symbol in ("BTC", "ETH")]
    apart = Account(wallet_balance=23_600, positions=[each.isolated(11_800) for each in pair])
    state = step(Snapshot.start(apart), marks(BTC=95, ETH=95), rules)
    assert [(each.symbol, each.quantity) for each in state.liquidations] == [("BTC", 400), ("ETH", 400)]
    # The cross pool is one: after the first cut whole positions go, whichever stands first then.
    together = Account(wallet_balance=18_500, positions=[pair[0], BOOK.position("ETH", 1_500, 100, leverage=50)])
    state = step(Snapshot.start(together), marks(BTC=95, ETH=95), rules)  # 1,000 of equity, too little for either
    assert [each.quantity for each in state.liquidations] == [400, pytest.approx(1_600), 1_500]
    # Two legs of a symbol are two pools: 10,000 lost each, 1,900 left for 2,000.
    legs = [BOOK.position("BTC", side * 2_000, 100 + side * 5, mark_price=100, leverage=10) for side in (1, -1)]
    hedge = Account(wallet_balance=23_800, positions=[each.isolated(11_900) for each in legs])
    state = step(Snapshot.start(hedge), marks(BTC=100), rules)
    assert [each.quantity for each in state.liquidations] == [400, -400]


def test_a_policy_is_told_how_often_the_pool_has_been_cut():
    seen = []

    def half(_pool, cuts):
        seen.append(cuts)
        return [Cut(0, 0.5, taken_over=False)]

    state = crash(90.05, rules=replace(RULES, policy=half))  # 0.5 of equity for 9.005, 4.5, 2.25, 1.13, 0.56, 0.28
    assert seen == [0, 1, 2, 3, 4]
    assert len(state.liquidations) == 5


def test_equality_is_safe_where_the_book_says_so():
    # 1 from 100 to 64: 68 - 36 = 32 of equity, 64 x 0.5 = 32 of maintenance margin.
    half = replace(BOOK, schedules={"BTC": RiskSchedule.flat(0.5)})
    start = Snapshot.start(Account(wallet_balance=68, positions=(half.position("BTC", 1, 100),)))
    for book, liquidated in ((half, 1), (replace(half, liquidates_at_equality=False), 0), (None, 1)):
        state = step(start, marks(BTC=64), Rules(book=book))
        assert len(state.liquidations) == liquidated


@pytest.mark.parametrize("crossed", ["BTC", "SOL"])  # whichever of the cross pool's symbols is named, too
def test_isolated_positions_that_may_draw_margin_go_before_the_cross_pool(crossed):
    positions = [BOOK.position(symbol, 10, 100, leverage=10) for symbol in ("BTC", "SOL", "ETH")]
    account = Account(wallet_balance=300, positions=[*positions[:2], positions[2].isolated(100)])
    rules = replace(RULES, replenish={"ETH", crossed})
    state = step(Snapshot.start(account), marks(BTC=85, SOL=95, ETH=85), rules)
    assert [each.symbol for each in state.liquidations] == ["ETH", "BTC", "SOL"]


@pytest.mark.parametrize(
    "cuts", [[], [Cut(0, 0.0, taken_over=False)], [Cut(0, 1.5, taken_over=True)], [Cut(0, 0.5, taken_over=False)] * 2]
)
def test_a_policy_that_closes_nothing_or_too_much_is_refused(cuts):
    with pytest.raises(MarginError, match=r"policy: "):
        crash(90.5, rules=replace(RULES, policy=lambda _pool, _count: cuts))


def test_bad_policies_rules_and_events_are_refused_by_name():
    with pytest.raises(MarginError, match=r"tiers = 0"):
        step_down(0)
    with pytest.raises(MarginError, match=r"share = 0"):
        fifth_first(share=0)
    with pytest.raises(MarginError, match=r"clearance_fee_rate = 1.5"):
        Rules(clearance_fee_rate=1.5)
    with pytest.raises(MarginError, match=r"insurance_fund = -1"):
        Snapshot.start(Account(wallet_balance=1), insurance_fund=-1)
    nothing = Snapshot.start(Account(wallet_balance=1_000))
    with pytest.raises(MarginError, match=r"quantity = -1: this reduces BTC; give at most 0$"):
        step(nothing, Fill(symbol="BTC", quantity=-1, price=100, reduces=True), RULES)
    with pytest.raises(MarginError, match=r"event = 'crash'"):
        step(Snapshot.start(Account(wallet_balance=1)), "crash", RULES)


def test_amounts_and_records_are_given_by_name_and_nobody_changes_them():
    account = Account(wallet_balance=1_000)
    with pytest.raises(TypeError):
        Snapshot.start(account, 500.0)
    with pytest.raises(TypeError):
        replay(account, [], RULES, 500.0)
    mine = {"BTC"}
    rules = Rules(replenish=mine)
    mine.add("ETH")
    assert rules.replenish == {"BTC"}
    start = Snapshot.start(account)
    sold = Conversion(symbol="BTC", amount=1.0, price=1.0)
    for record in (RULES, start, start.ledger, Replenishment(symbol="BTC", amount=1.0), sold):
        assert all(each.kw_only for each in fields(record))
        with pytest.raises(FrozenInstanceError):
            setattr(record, fields(record)[0].name, None)
        assert hasattr(record, "__dict__") is (record is RULES)


def test_a_replay_starts_with_what_it_is_given_and_nothing_else():
    assert astuple(Ledger()) == (0,) * 8
    assert next(replay(Account(wallet_balance=10), [], RULES)).ledger == Ledger(deposits=10)
    funded = next(replay(Account(wallet_balance=10), [], RULES, insurance_fund=5))
    assert funded.ledger == Ledger(deposits=10, insurance_fund=5, fund_at_start=5)
    assert next(replay(funded, [], RULES, insurance_fund=7)) is funded


def test_the_ledger_sees_missing_money():
    from_nothing = replace(Snapshot.start(Account(wallet_balance=0)), account=Account(wallet_balance=5))
    assert from_nothing.imbalance == 5
    short = replace(Snapshot.start(Account(wallet_balance=100)), account=Account(wallet_balance=99))
    assert short.imbalance == pytest.approx(-0.01)


# What is rounding, and what is not. 1e-12 of what was added up is the same amount.


@pytest.mark.parametrize(("left", "kept"), [(1e-11, 0), (1e-10, 0), (1e-9, 1e-9)])
def test_what_subtracting_leaves_in_a_wallet_is_nothing_and_more_is_money(left, kept):
    state = run([Withdrawal(amount=90 - left)], wallet=90)  # 1e-12 of 180 is 1.8e-10
    assert state.account.wallet_balance == (0 if not kept else pytest.approx(kept, rel=1e-3))


@pytest.mark.parametrize(
    ("factor", "left"),
    [
        (1 - 5e-12, 5e-11),
        (1 - 2.5e-12, 2.5e-11),
        (1 - 1.5e-12, None),
        (1, None),
        (1 + 1.5e-12, None),
        (1 + 2.5e-12, -2.5e-11),
        (1 + 5e-12, -5e-11),
    ],
)
def test_a_rounding_of_a_position_is_none_and_more_is_one(factor, left):
    positions = run([fill(10, 100), fill(-10 * factor, 100)]).account.positions
    assert [each.quantity for each in positions] == ([] if left is None else [pytest.approx(left, rel=1e-3)])


def test_what_is_missing_by_rounding_is_there():
    lever = SetLeverage(symbol="BTC", leverage=10)
    assert run([lever, fill(10 + 1.5e-11, 100)], wallet=100).account.positions  # needs 1.5e-10; 1e-12 of 200 is 2e-10
    with pytest.raises(MarginError, match=r"needs 1\.0000\d*e-09 more"):
        run([lever, fill(10 + 1e-10, 100)], wallet=100)
    assert run([*isolated(), fill(10 + 0.9e-11, 100)], wallet=100).account.positions  # 1e-12 of 100
    with pytest.raises(MarginError, match=r"BTC sets 100 aside; 100 is available"):
        run([*isolated(), fill(10 + 3e-11, 100)], wallet=100)


@pytest.mark.parametrize(("missing", "drawn"), [(1e-10, []), (1e-8, [pytest.approx(1e-8, rel=1e-3)])])
def test_a_margin_that_is_whole_but_for_rounding_draws_nothing(missing, drawn):
    # 10 short from 100: bankrupt at 200 with 1,000, the whole entry value.
    short = BOOK.position("BTC", -10, 100).isolated(1_000 - missing)
    start = Snapshot.start(Account(wallet_balance=2_000, positions=(short,)))
    state = step(start, marks(BTC=250), replace(RULES, replenish={"BTC"}))
    assert [each.amount for each in state.actions if isinstance(each, Replenishment)] == drawn
    assert len(state.liquidations) == 1


# Money is conserved over random sequences. The second witness knows nothing of entry prices: what an account has now is
# what it put in, less what it bought, plus what it sold and what it holds, less costs.

SYMBOLS = ("BTC", "ETH", "SOL")


def events_from(draws, state):  # noqa: C901, PLR0911 - one event a line
    """Turn random numbers into events that mean something to the account as it is."""
    way, which, first, second = draws
    symbol = SYMBOLS[which]
    mark = state.mark_prices.get(symbol, 100.0)
    match way:
        case 0:
            return Deposit(amount=1 + 1_000 * first)
        case 1:
            return Withdrawal(amount=1 + 3_000 * first)
        case 2 | 3 | 4:
            size = 10 ** (2 + 3 * first) / mark * (1 if second > 0.5 else -1)
            return fill(size, mark * (0.99 + 0.02 * second), symbol, fee_rate=0.001 * first)
        case 5 | 6 | 7:
            return MarkPrices(
                prices={
                    each: max(1.0, state.mark_prices.get(each, 100.0) * (0.8 + 0.4 * part))
                    for each, part in zip(SYMBOLS, (first, second, (first + second) / 2), strict=True)
                }
            )
        case 8:
            return Funding(rates={symbol: 0.02 * (first - 0.4)})
        case 9:
            kind = AddIsolatedMargin if second > 0.5 else RemoveIsolatedMargin
            return kind(symbol=symbol, amount=1 + 500 * first)
        case 10:
            return SetLeverage(symbol=symbol, leverage=5 + 20 * first)
        case 11:
            kind = DepositCoin if second > 0.5 else WithdrawCoin
            return kind(symbol=symbol, amount=(1 + 500 * first) / mark)
        case 12 if state.account.orders:
            order = state.account.orders[0]
            if second > 0.6:
                return CancelOrder(name=order.name)
            return Fill(symbol=order.symbol, quantity=order.quantity * first, price=order.price, order=order.name)
        case 12:
            return PlaceOrder(name="one", symbol=symbol, quantity=(1 + 5_000 * first) / mark, price=mark * 0.95)
        case _:
            return SetMarginMode(symbol=symbol, margin_mode=MarginMode.ISOLATED if first > 0.4 else MarginMode.CROSS)


RULEBOOKS = st.builds(
    Rules,
    book=st.just(COINS),
    policy=st.sampled_from(
        [
            full_close(),
            full_close(largest_loss_first),
            step_down(),
            step_down(2, largest_notional_first),
            fifth_first(above=5_000),
        ]
    ),
    leftover=st.sampled_from(Leftover),
    clearance_fee_rate=st.sampled_from([0.0, 0.005, 0.0125]),
    fee_from=st.sampled_from(PaidFrom),
    funding_from=st.sampled_from(PaidFrom),
    mode_change=st.sampled_from([ModeChange.ANY_TIME, ModeChange.WHEN_FLAT]),
    position_mode=st.sampled_from(PositionMode),
    withdrawal=st.sampled_from([WithdrawalRule(), PROFIT]),
    replenish=st.sampled_from([frozenset(), frozenset({"BTC", "ETH"})]),
)


def worth(state):
    """Wallet and open profit."""
    return state.account.wallet_balance + sum(each.unrealized_pnl for each in state.account.positions)


def walk(draws, rules, fund, netting=Netting.NONE):
    """Run the events, refused ones left out; return how many happened, and how many liquidations there were."""
    state = Snapshot.start(Account(wallet_balance=10_000, netting=netting), insurance_fund=fund)
    cash, happened, liquidated, coins = 10_000.0, 0, 0, Counter()
    for draw in draws:
        event = events_from(draw, state)
        if rules.position_mode is PositionMode.HEDGE and isinstance(event, Fill) and draw[2] < 0.4:
            event = replace(event, reduces=True, order=None)
        try:
            after = step(state, event, rules)
        except MarginError:
            assert abs(state.imbalance) <= MONEY  # what is refused has changed nothing
            continue
        ledger, was = after.ledger, state.ledger
        cash += (ledger.deposits - was.deposits) - (ledger.withdrawals - was.withdrawals)
        cash -= (ledger.fees - was.fees) + (ledger.funding - was.funding)
        if isinstance(event, Fill):
            cash -= event.quantity * event.price
        for each in after.liquidations:
            cash += each.quantity * each.mark_price - each.fee - each.kept + each.fund_paid
            cash += each.deleveraged if each.taken_over else 0.0
        for each in after.actions:
            if isinstance(each, Conversion):
                cash += each.amount * each.price
                coins[each.symbol] -= each.amount
        if isinstance(event, DepositCoin | WithdrawCoin):
            coins[event.symbol] += event.amount if isinstance(event, DepositCoin) else -event.amount
        held = {each.symbol: each.amount for each in after.account.coins}
        assert all(abs(coins[symbol] - held.get(symbol, 0.0)) <= MONEY * (1 + coins[symbol]) for symbol in coins)
        holding = sum(each.quantity * each.mark_price for each in after.account.positions)
        scale = ledger.deposits + ledger.fund_at_start
        assert abs(after.imbalance) <= MONEY
        assert abs(cash + holding - worth(after)) <= MONEY * scale
        assert ledger.insurance_fund >= -MONEY * scale
        assert all(rules.safe(pool) for pool in after.account.pools())
        state, happened, liquidated = after, happened + 1, liquidated + len(after.liquidations)
    return happened, liquidated


def sequence(seed, length=400):
    """Random numbers for a walk; hypothesis chooses the seed and the rules."""
    source = random.Random(seed)
    return [(source.randrange(14), source.randrange(3), source.random(), source.random()) for _ in range(length)]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rules=RULEBOOKS,
    fund=st.sampled_from([0.0, 500.0]),
    netting=st.sampled_from(Netting),
)
def test_money_is_conserved_over_random_events(seed, rules, fund, netting):
    happened, _ = walk(sequence(seed), rules, fund, netting)
    assert happened >= 200


def test_the_random_events_do_liquidate():
    runs = [walk(sequence(seed), TAKES, 0.0) for seed in range(5)]
    assert all(happened >= 200 for happened, _ in runs)
    assert sum(liquidated for _, liquidated in runs) >= 5


OF_A_VENUE = replace(
    BOOK, isolated_basis=MaintenanceBasis.ENTRY, closing_fee_rate=0.0006, closing_fee=ClosingFee.IN_BOTH
)


def test_a_replay_isolates_as_its_rulebook_does():
    rules, book = Rules(book=OF_A_VENUE), OF_A_VENUE
    start = Snapshot.start(Account(wallet_balance=1_000))
    turned = [SetMarginMode(symbol="BTC", margin_mode=mode) for mode in (MarginMode.ISOLATED, MarginMode.CROSS)]
    lever, buy = SetLeverage(symbol="BTC", leverage=10), Fill(symbol="BTC", quantity=1, price=100)
    expected = book.isolate(book.position("BTC", 1, 100, leverage=10))
    assert expected.own_margin > 10  # the fee for closing is set aside, too
    *_, opened = replay(start, [turned[0], lever, buy], rules)
    assert opened.account.positions == (expected,)
    free = replace(rules, mode_change=ModeChange.ANY_TIME)
    *_, later = replay(start, [lever, buy, turned[0]], free)
    assert later.account.positions == (expected,)
    *_, back = replay(start, [turned[0], lever, buy, turned[1]], free)
    assert back.account.positions == (book.position("BTC", 1, 100, leverage=10),)
    bare = in_mode(expected, MarginMode.CROSS, None)
    assert bare.maintenance_basis is MaintenanceBasis.ENTRY  # without a rulebook nothing says otherwise


def test_a_mode_for_the_whole_account_holds_for_a_symbol_that_comes_later():
    whole = replace(RULES, mode_change=ModeChange.WHOLE_ACCOUNT)
    isolated, lever = SetMarginMode(margin_mode=MarginMode.ISOLATED), SetLeverage(symbol="BTC", leverage=10)
    buys = [Fill(symbol=symbol, quantity=1, price=100) for symbol in ("BTC", "ETH")]
    for events in ([isolated, lever, *buys], [lever, isolated, *buys]):
        *_, opened = replay(Snapshot.start(Account(wallet_balance=1_000)), events, whole)
        assert [each.margin_mode for each in opened.account.positions] == [MarginMode.ISOLATED] * 2
        assert [each.leverage for each in opened.account.positions] == [10, 1]


@pytest.mark.parametrize("field", [each.name for each in fields(Rules) if isinstance(each.default, Enum)])
def test_a_text_in_the_place_of_a_choice_is_refused_for_it_would_pass_for_another(field):
    right = getattr(RULES, field)
    with pytest.raises(MarginError, match=f"{field} = '{right.value}': give {type(right).__name__}"):
        replace(RULES, **{field: right.value})


def test_an_order_in_an_inverse_contract_of_a_linear_book_reserves_coins():
    book = replace(BOOK, schedules={"BTC-USD": FLAT}, contracts={"BTC-USD": Contract.INVERSE})
    order = PlaceOrder(name="bid", symbol="BTC-USD", quantity=1_000, price=60_000)
    placed = step(Snapshot.start(Account(wallet_balance=1)), order, Rules(book=book))
    assert placed.account.orders[0].contract is Contract.INVERSE
    assert placed.account.pools()[0].reserved == pytest.approx(1_000 / 60_000)


def test_an_inverse_fill_beside_a_linear_position_is_refused():
    book = replace(BOOK, contracts={"ETH": Contract.INVERSE})
    start = Snapshot.start(Account(wallet_balance=1_000))
    buys = [Fill(symbol=symbol, quantity=1, price=100) for symbol in ("BTC", "ETH")]
    with pytest.raises(MarginError, match="linear and inverse"):
        list(replay(start, [SetMarginMode(symbol="ETH", margin_mode=MarginMode.ISOLATED), *buys], Rules(book=book)))
