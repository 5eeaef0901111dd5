"""Policies say what to cut, and when a mode may change: pure functions, each case by hand."""

import pytest

from marginlib import MarginError, MarginMode, Pool, Position, RiskSchedule
from marginlib.market.events import SetMarginMode
from marginlib.market.policies import (
    Cut,
    check_mode_change,
    fifth_first,
    full_close,
    largest_loss_first,
    largest_maintenance_first,
    largest_notional_first,
    pairs_first,
    recorded_policy,
    step_down,
)
from marginlib.venues import ModeChange

FLAT = RiskSchedule.flat(0.01)
# Amounts: 0; 10,000 x 0.01 = 100; 100 + 50,000 x 0.03 = 1,600.
TIERED = RiskSchedule.from_brackets(
    [(0, 10_000, 0.01, 50, 0), (10_000, 50_000, 0.02, 25, 100), (50_000, None, 0.05, 10, 1_600)]
)


def held(symbol, quantity, *, mark=100, entry=100, schedule=FLAT):
    """Return a cross position."""
    return Position(symbol=symbol, quantity=quantity, entry_price=entry, mark_price=mark, schedule=schedule)


def pool_of(collateral, *positions):
    """Return a pool."""
    return Pool(collateral=collateral, positions=positions)


# Orders.

# Notional 40,000, 20,000, 30,000, 20,000; loss 0, 2,000, -1,000, 2,000; maintenance 400, 200, 500, 200.
FOUR = pool_of(
    5_000,
    held("BTC", 400),
    held("ETH", -200, entry=90),
    held("SOL", 300, mark=100, entry=96 + 2 / 3, schedule=TIERED),
    held("XRP", 200, entry=110),
)


@pytest.mark.parametrize(
    ("order", "indices"),
    [
        (largest_loss_first, [1, 3, 0, 2]),  # ETH and XRP have lost the same: as in the account
        (largest_notional_first, [0, 2, 1, 3]),
        (largest_maintenance_first, [2, 0, 1, 3]),
    ],
)
def test_an_order_falls_and_equals_stay_as_in_the_account(order, indices):
    assert order(FOUR) == indices


# Policies.


def test_a_full_close_takes_over_the_whole_pool_or_the_first_of_an_order():
    assert full_close()(FOUR, 0) == [Cut(index, 1.0, taken_over=True) for index in range(4)]
    assert full_close(largest_maintenance_first)(FOUR, 3) == [Cut(2, 1.0, taken_over=True)]


@pytest.mark.parametrize(
    ("tiers", "quantity", "left"),
    [
        (1, 600, 50_000),  # third tier to second
        (2, 600, 10_000),  # third to first
        (1, -600, 50_000),
        (1, 300, 10_000),  # second to first
        (1, 500.0001, 50_000),  # hardly above the edge
    ],
)
def test_a_step_down_leaves_the_upper_edge_of_the_safer_tier(tiers, quantity, left):
    position = held("SOL", quantity, schedule=TIERED)
    (cut,) = step_down(tiers)(pool_of(100, position), 0)
    assert (cut.position, cut.taken_over) == (0, False)
    rest = (1 - cut.share) * position.notional
    assert rest == pytest.approx(left, rel=1e-9)
    assert TIERED.tier(rest) == TIERED.tier(position.notional) - tiers  # and not a hair above the edge


@pytest.mark.parametrize(("tiers", "quantity"), [(1, 50), (2, 300), (3, 600)])
def test_what_has_no_such_tier_below_is_taken_over(tiers, quantity):
    pool = pool_of(100, held("SOL", quantity, schedule=TIERED))
    assert step_down(tiers)(pool, 0) == [Cut(0, 1.0, taken_over=True)]


def test_a_step_down_is_tried_before_a_take_over_whatever_the_order():
    # BTC has lost more, but stands in its only tier.
    pool = pool_of(100, held("SOL", 600, entry=101, schedule=TIERED), held("BTC", 100, entry=200))
    assert largest_loss_first(pool) == [1, 0]
    (cut,) = step_down()(pool, 0)
    assert (cut.position, cut.taken_over) == (0, False)
    # Where none can be sold down, the first of the order is taken over.
    pool = pool_of(100, held("SOL", 50, entry=101, schedule=TIERED), held("BTC", 100, entry=200))
    assert step_down()(pool, 0) == [Cut(1, 1.0, taken_over=True)]
    assert step_down(order=largest_maintenance_first)(FOUR, 0)[0].position == 2


@pytest.mark.parametrize(
    ("equity", "quantity", "cuts", "expected"),
    [
        (1_900, 2_000, 0, Cut(0, 0.2, taken_over=False)),  # 200,000, maintenance 2,000
        (1_900, 2_000, 1, Cut(0, 1.0, taken_over=False)),  # a fifth was not enough
        (900, 1_000, 0, Cut(0, 1.0, taken_over=False)),  # 100,000 is not above 100,000
        (950, 1_000.001, 0, Cut(0, 0.2, taken_over=False)),
        (2_000 * (2 / 3), 2_000, 0, Cut(0, 0.2, taken_over=False)),  # not below two thirds
        (1_333, 2_000, 0, Cut(0, 1.0, taken_over=True)),
        (1_333, 2_000, 1, Cut(0, 1.0, taken_over=True)),
    ],
)
def test_a_fifth_first_by_size_count_and_equity(equity, quantity, cuts, expected):
    assert fifth_first()(pool_of(equity, held("BTC", quantity)), cuts) == [expected]


def test_a_fifth_first_has_its_numbers_and_its_order():
    pool = pool_of(400, held("BTC", 200), held("ETH", 300))  # maintenance 500
    assert fifth_first()(pool, 0) == [Cut(0, 1.0, taken_over=False)]
    assert fifth_first(above=20_000)(pool, 0) == [Cut(0, 1.0, taken_over=False)]
    half = fifth_first(share=0.5, above=0, order=largest_notional_first)
    assert half(pool, 0) == [Cut(1, 0.5, taken_over=False)]
    assert fifth_first(backstop=0.9)(pool, 0) == [Cut(index, 1.0, taken_over=True) for index in (0, 1)]
    assert fifth_first(backstop=0.8)(pool, 0) == [Cut(0, 1.0, taken_over=False)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: step_down(0), r"tiers = 0: give a whole number of 1 or more"),
        (lambda: step_down(1.5), r"tiers = 1\.5: give a whole number"),
        (lambda: fifth_first(share=0), r"share = 0: give a number above 0"),
        (lambda: fifth_first(share=1), r"share = 1: give a fraction"),
        (lambda: fifth_first(above=-1), r"above = -1: give 0 or"),
        (lambda: fifth_first(backstop=1), r"backstop = 1: give a fraction"),
    ],
)
def test_numbers_out_of_range_are_refused(make, said):
    with pytest.raises(MarginError, match=said):
        make()


def test_a_recorded_policy_is_the_one_of_that_name_with_its_numbers_and_its_order():
    assert recorded_policy({"policy": "full_close"})(FOUR, 0) == full_close()(FOUR, 0)
    by_notional = recorded_policy({"policy": "full_close", "order": "largest_notional_first"})
    assert by_notional(FOUR, 0) == [Cut(0, 1.0, taken_over=True)]
    two = recorded_policy({"policy": "step_down", "tiers": 2, "order": "largest_maintenance_first"})
    assert two(FOUR, 0) == [Cut(2, 1.0, taken_over=True)]  # SOL is in its second tier
    fifth = recorded_policy(
        {"policy": "fifth_first", "share": 0.1, "above": 1_000, "backstop": 0, "order": "largest_loss_first"}
    )
    assert fifth(FOUR, 0) == [Cut(1, 0.1, taken_over=False)]


@pytest.mark.parametrize(
    ("liquidation", "said"),
    [
        ({"policy": "vanish"}, r"^policy = 'vanish': give one of full_close, step_down, fifth_first$"),
        ({"tiers": 1}, r"^policy = None: give one of full_close"),
        (
            {"policy": "full_close", "order": "alphabetical"},
            r"^order = 'alphabetical': give one of largest_loss_first, largest_notional_first, largest_m",
        ),
        ({"policy": "step_down", "tier": 2}, r"^liquidation = {'policy': 'step_down', 'tier': 2}: .*argument 'tier'"),
        ({"policy": "step_down", "tiers": 0}, r"^tiers = 0: give a whole number"),
    ],
)
def test_a_record_that_names_no_policy_is_refused(liquidation, said):
    with pytest.raises(MarginError, match=said):
        recorded_policy(liquidation)


def test_a_policy_s_numbers_are_given_by_name():
    with pytest.raises(TypeError):
        fifth_first(0.2)


# Changes of the margin mode.

CROSS, ISOLATED = MarginMode.CROSS, MarginMode.ISOLATED
OPEN = (held("BTC", 1), held("ETH", 1).isolated(), held("SOL", 1))


@pytest.mark.parametrize(
    ("rule", "symbol", "mode", "said"),
    [
        (ModeChange.ANY_TIME, "BTC", ISOLATED, None),
        (
            ModeChange.ANY_TIME,
            None,
            ISOLATED,
            r"^symbol = None: this venue has a margin mode for each symbol; name",
        ),
        (ModeChange.WHEN_FLAT, "XRP", ISOLATED, None),
        (ModeChange.WHEN_FLAT, "BTC", CROSS, None),  # it is in that mode
        (ModeChange.WHEN_FLAT, "ETH", ISOLATED, None),
        (
            ModeChange.WHEN_FLAT,
            "BTC",
            ISOLATED,
            r"^margin_mode = isolated: refused while BTC is open; close",
        ),
        (ModeChange.WHEN_FLAT, "ETH", CROSS, r"refused while ETH is open"),
        (ModeChange.WHEN_FLAT, None, ISOLATED, r"refused while BTC, SOL is open"),
        (ModeChange.WHOLE_ACCOUNT, None, ISOLATED, None),
        (ModeChange.WHOLE_ACCOUNT, None, CROSS, None),
        (
            ModeChange.WHOLE_ACCOUNT,
            "BTC",
            ISOLATED,
            r"^symbol = 'BTC': this venue has one margin mode for the whole",
        ),
        (
            ModeChange.CROSS_ONLY,
            "BTC",
            ISOLATED,
            r"^margin_mode = isolated: this venue knows cross margin",
        ),
        (ModeChange.CROSS_ONLY, "ETH", CROSS, None),
        (ModeChange.CROSS_ONLY, None, CROSS, r"^symbol = None"),
    ],
)
def test_who_lets_the_mode_be_changed_when(rule, symbol, mode, said):
    event = SetMarginMode(symbol=symbol, margin_mode=mode)
    if said is None:
        check_mode_change(event, OPEN, rule)
        return
    with pytest.raises(MarginError, match=said):
        check_mode_change(event, OPEN, rule)


def test_pairs_are_closed_before_anything_else_is():
    legs = tuple(Position.open(symbol="BTC", quantity=size, price=100, schedule=FLAT) for size in (6, -3, -1))
    eth = Position.open(symbol="ETH", quantity=1, price=100, schedule=FLAT)
    pool = Pool(collateral=1, positions=(eth, *legs))
    cuts = pairs_first(full_close())(pool, 0)
    assert [(cut.position, cut.share, cut.taken_over) for cut in cuts] == [
        (1, pytest.approx(4 / 6), False),
        (2, 1, False),
        (3, 1, False),
    ]
    alone = Pool(collateral=1, positions=(eth, legs[0]))
    assert pairs_first(full_close())(alone, 0) == full_close()(alone, 0)
    recorded = recorded_policy({"policy": "full_close", "pairs_first": True})
    assert list(recorded(pool, 0)) == list(cuts)
