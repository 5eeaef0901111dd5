"""Settlement: what a cut books, by hand, for the owner, the fund and the other side."""

from dataclasses import FrozenInstanceError, replace

import pytest

from marginlib import Contract, MarginError, Pool, Position, RiskSchedule
from marginlib.market.policies import Cut
from marginlib.market.settlement import Liquidation, settle, split
from marginlib.venues import Leftover

FLAT = RiskSchedule.flat(0.01)
KEPT, RETURNED = Leftover.KEPT, Leftover.RETURNED


def held(symbol="BTC", quantity=10.0, *, mark=91.0, entry=100.0, rate=0.01, **terms):
    """Return a cross position."""
    schedule = RiskSchedule.flat(rate)
    terms = {"leverage": 10.0} | terms
    return Position(symbol=symbol, quantity=quantity, entry_price=entry, mark_price=mark, schedule=schedule, **terms)


def booked(collateral, positions, cuts, *, leftover=KEPT, fee_rate=0.0, fund=0.0):
    """Return the settlement of a pool; whoever gets it, all its money is somewhere."""
    made = settle(
        Pool(collateral=collateral, positions=positions), cuts, leftover=leftover, fee_rate=fee_rate, fund=fund
    )
    flows = made.flows
    assert made.wallet + flows["insurance_fund"] + flows["counterparties"] == pytest.approx(0, abs=1e-9)
    assert flows["insurance_fund"] == pytest.approx(sum(each.fee + each.kept - each.fund_paid for each in made.done))
    assert flows["deleveraged"] == pytest.approx(sum(each.deleveraged for each in made.done))
    assert flows["counterparties"] == pytest.approx(-sum(each.realized_pnl + each.deleveraged for each in made.done))
    return made


def sold(share, index=0):
    return Cut(index, share, taken_over=False)


def seized(share=1.0, index=0):
    return Cut(index, share, taken_over=True)


# A share of a position.


def test_a_position_splits_into_what_is_closed_and_what_is_left():
    closed, rest = split(held(), 0.3)
    assert (closed.quantity, rest.quantity) == (3, 7)
    assert (closed.isolated_margin, rest.isolated_margin) == (None, None)
    closed, rest = split(held(quantity=-10).isolated(200), 0.25)
    assert (closed.quantity, rest.quantity) == (-2.5, -7.5)
    assert (closed.isolated_margin, rest.isolated_margin) == (50, 150)
    whole = held().isolated(200)
    assert split(whole, 1) == (whole, None)
    assert split(whole, 1.5) == (whole, None)


# One position: 10 at 100, now 91: a loss of 90, notional 910, maintenance 9.1.


def test_what_is_sold_at_the_mark_costs_its_loss_and_the_fee_on_the_part():
    made = booked(99, (held(),), [sold(0.2)], fee_rate=0.002)  # equity 9, of which a fifth is 1.8
    (closed,) = made.done
    assert (closed.symbol, closed.quantity, closed.mark_price, closed.price) == ("BTC", 2, 91, 91)
    assert closed.fee == pytest.approx(0.002 * 182)
    assert closed.realized_pnl == pytest.approx(-18)
    assert (closed.kept, closed.fund_paid, closed.deleveraged) == (0, 0, 0)
    assert (closed.closed.own_margin, closed.taken_over) == (0, False)
    assert made.wallet == pytest.approx(-18 - 0.364)
    ((old, rest),) = made.swaps
    assert old == held()
    assert rest == replace(held(), quantity=8)


def test_the_fee_takes_no_more_than_the_equity_behind_the_part():
    made = booked(99, (held(),), [sold(0.2)], fee_rate=0.05)  # 9.1 asked, 1.8 there
    assert made.done[0].fee == pytest.approx(1.8)
    assert made.done[0].price == 91  # a fee is no part of the price of what was sold in the market


@pytest.mark.parametrize(
    ("leftover", "fee_rate", "fee", "kept", "price"),
    [
        (KEPT, 0, 0, 4.5, 90.1),  # 5 of 10: half the equity of 9 is 4.5, 0.9 a coin
        (KEPT, 0.002, 0.91, 3.59, 90.1),
        (KEPT, 0.02, 4.5, 0, 90.1),  # the whole equity goes as a fee, and the price says so
        (RETURNED, 0, 0, 0, 91),
        (RETURNED, 0.002, 0.91, 0, 91),
        (RETURNED, 0.02, 4.5, 0, 91),
    ],
)
def test_a_take_over_gives_what_is_left_to_the_fund_or_back(leftover, fee_rate, fee, kept, price):
    made = booked(99, (held(),), [seized(0.5)], leftover=leftover, fee_rate=fee_rate)
    (closed,) = made.done
    assert closed.taken_over
    assert (closed.fee, closed.kept, closed.price) == (pytest.approx(fee), pytest.approx(kept), pytest.approx(price))
    assert made.wallet == pytest.approx(-45 - fee - kept)


@pytest.mark.parametrize(("fund", "paid"), [(0, 0), (20, 20), (50, 50), (1_000, 50)])
@pytest.mark.parametrize("leftover", Leftover)
def test_a_debt_is_paid_by_the_fund_and_then_by_the_other_side(fund, paid, leftover):
    # 100 of collateral, a loss of 150 at 85: all is taken over, whatever was to be cut.
    made = booked(100, (held(mark=85),), [sold(0.2)], fee_rate=0.01, fund=fund, leftover=leftover)
    (closed,) = made.done
    assert (closed.quantity, closed.taken_over, closed.fee, closed.kept) == (10, True, 0, 0)
    assert (closed.fund_paid, closed.deleveraged) == (pytest.approx(paid), pytest.approx(50 - paid))
    assert closed.price == pytest.approx(90)  # where the collateral was used up
    assert made.wallet == -100
    assert made.flows["insurance_fund"] == pytest.approx(-paid)
    assert made.flows["counterparties"] == pytest.approx(150 - (50 - paid))
    assert made.swaps == ((held(mark=85), None),)


def test_a_pool_of_no_equity_at_all_is_taken_over_and_nobody_pays():
    made = booked(150, (held(mark=85),), [sold(0.2)], fee_rate=0.01, fund=10)
    (closed,) = made.done
    assert (closed.taken_over, closed.fund_paid, closed.deleveraged, closed.price) == (True, 0, 0, 85)


def test_a_part_of_an_isolated_position_leaves_its_margin_less_what_that_cost():
    own = held().isolated(99)
    made = booked(99, (own,), [sold(0.2)], fee_rate=0.002)
    assert made.done[0].closed.own_margin
    ((_, rest),) = made.swaps
    assert rest.quantity == 8
    assert rest.isolated_margin == pytest.approx(99 - 18 - 0.364)


def test_an_inverse_contract_is_settled_in_its_coin():
    # 1,000 dollars from 100 to 92: 10 - 1,000/92 = -0.8696 coins; 0.9 of collateral leave 0.0304 of 0.1087.
    coin = held(quantity=1_000, mark=92, contract=Contract.INVERSE)
    (closed,) = booked(0.9, (coin,), [seized()]).done
    assert closed.realized_pnl == pytest.approx(10 - 1_000 / 92)
    assert closed.kept == pytest.approx(0.9 + 10 - 1_000 / 92)
    assert closed.price == pytest.approx(1_000 / (10 + 0.9))  # the coins are gone when a dollar costs so much of one


# Two positions: each answers by its share of the maintenance margin.


def test_equity_leaves_by_maintenance_margin():
    # BTC 10 at 91 (9.1), ETH 10 at 100 and 3 % (30): equity 120 - 90 = 30 of 39.1.
    btc, eth = held(), held("ETH", mark=100, rate=0.03)
    made = booked(120, (btc, eth), [seized(index=1), seized(0.5, index=0)])
    assert [each.symbol for each in made.done] == ["ETH", "BTC"]
    assert [each.kept for each in made.done] == pytest.approx([30 * 30 / 39.1, 30 * 0.5 * 9.1 / 39.1])
    assert [old.symbol for old, _ in made.swaps] == ["ETH", "BTC"]
    assert [rest and rest.quantity for _, rest in made.swaps] == [None, 5]


def test_equity_leaves_by_notional_where_no_maintenance_margin_is_asked():
    btc, eth = held(rate=0), held("ETH", mark=100, rate=0, entry=101)
    made = booked(140, (btc, eth), [seized(index=0)])  # equity 140 - 90 - 10 = 40 of a notional of 1,910
    assert made.done[0].kept == pytest.approx(40 * 910 / 1_910)


def test_the_fund_pays_one_debt_after_another_while_it_lasts():
    btc, eth = held(mark=80), held("ETH", mark=80)  # 200 lost each, 300 there: 50 of debt each
    made = booked(300, (btc, eth), [], fund=70)
    assert [each.fund_paid for each in made.done] == pytest.approx([50, 20])
    assert [each.deleveraged for each in made.done] == pytest.approx([0, 30])
    assert made.wallet == -300


def test_rounding_left_in_an_empty_pool_goes_to_the_fund_and_nothing_else_does():
    positions = tuple(held(f"COIN{index}", quantity=0.1 * index, mark=91.3) for index in range(1, 8))
    collateral = sum(-each.unrealized_pnl for each in positions) + 0.37
    made = settle(
        Pool(collateral=collateral, positions=positions),
        [seized(index=index) for index in range(7)],
        leftover=KEPT,
        fee_rate=0.0001,
        fund=0,
    )
    assert made.wallet == -collateral  # to the last digit: the wallet is empty
    # What is given back is no rounding: it stays.
    assert booked(99, (held(),), [seized()], leftover=RETURNED).wallet == -90
    # A pool that keeps a position is not empty, however little money is left in it.
    two = booked(90 + 1e-11, (held(), held("ETH", mark=101)), [sold(1)])
    assert (two.wallet, two.flows["insurance_fund"]) == (-90, 0)
    half = booked(85 + 1e-11, (held(), held("ETH", mark=101)), [sold(1), sold(0.5, index=1)])
    assert (half.wallet, half.flows["insurance_fund"]) == (-85, 0)


@pytest.mark.parametrize(
    ("left", "wallet"), [(1e-11, -90 - 1e-11), (1.3e-10, -90 - 1.3e-10), (1e-9, -90)]
)  # 1e-12 of 180 is 1.8e-10
def test_money_left_in_an_emptied_pool_is_rounding_up_to_a_share_of_what_was_added_up(left, wallet):
    pool = Pool(collateral=90 + left, positions=(held(),))
    made = settle(pool, [seized()], leftover=RETURNED, fee_rate=0, fund=0)
    assert made.wallet == wallet
    assert made.flows["insurance_fund"] == pytest.approx(0 if wallet == -90 else left, rel=1e-3)


@pytest.mark.parametrize(
    "cuts", [[], [sold(0)], [sold(-0.1)], [sold(1.01)], [sold(0.5), sold(0.5)], [seized(), sold(0)]]
)
def test_cuts_that_close_nothing_or_too_much_are_refused(cuts):
    with pytest.raises(MarginError, match=r"^policy: \[.*\] for BTC, ETH; give shares above 0 and at most 1$"):
        settle(Pool(collateral=500, positions=(held(), held("ETH"))), cuts, leftover=KEPT, fee_rate=0, fund=0)


def test_a_pool_with_any_equity_is_not_taken_over_and_any_margin_is_a_pool_of_its_own():
    (closed,) = booked(90.5, (held(),), [sold(0.2)]).done
    assert not closed.taken_over
    (closed,) = booked(0.5, (held(quantity=0.01).isolated(0.5),), [seized()]).done
    assert closed.closed.own_margin


def test_a_record_is_frozen_and_keyword_only_and_costs_nothing_that_is_not_said():
    record = Liquidation(closed=held(), taken_over=False, settled_pnl=-90)
    assert (record.fee, record.kept, record.fund_paid, record.deleveraged) == (0, 0, 0, 0)
    with pytest.raises(FrozenInstanceError):
        record.fee = 1.0
    assert not hasattr(record, "__dict__")
    with pytest.raises(TypeError):
        Liquidation(held(), False, -90.0)  # noqa: FBT003
    with pytest.raises(TypeError):
        settle(Pool(collateral=500, positions=(held(),)), [sold(1)], KEPT, 0.0, 0.0)


def test_a_liquidation_derives_its_price():
    long, short = held(), held(quantity=-10, mark=109)
    at_mark = {"taken_over": False, "settled_pnl": -90.0}
    assert Liquidation(closed=long, **at_mark).price == 91
    assert Liquidation(closed=short, **at_mark).price == 109
    assert Liquidation(closed=long, taken_over=True, settled_pnl=-100).price == 90
    assert Liquidation(closed=short, taken_over=True, settled_pnl=-100).price == 110
