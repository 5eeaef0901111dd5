"""Risk tiers: amounts, look-ups, limits, and the tables that are refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import inf
from typing import Any

import pytest
from twins import maintenance_by_slices

from marginlib import MarginError, Pool, Position, RiskSchedule, RiskTier, liquidation_price, lone_liquidation_price

# The first four tiers of Binance's BTCUSDT table of 2021, with the amounts as printed there.
TABLE = [
    (0, 50_000, 0.004, 125, 0),
    (50_000, 250_000, 0.005, 100, 50),
    (250_000, 1_000_000, 0.01, 50, 1_300),
    (1_000_000, 10_000_000, 0.025, 20, 16_300),
]


def tiers(*rows: tuple[float, float, float | None]) -> tuple[RiskTier, ...]:
    """Return tiers from (floor, rate, leverage)."""
    return tuple(
        RiskTier(notional_floor=floor, maintenance_margin_rate=rate, max_leverage=leverage)
        for floor, rate, leverage in rows
    )


def test_amounts_are_the_printed_ones() -> None:
    assert RiskSchedule.from_brackets(TABLE).amounts == (0.0, 50.0, 1_300.0, 16_300.0)


@pytest.mark.parametrize(
    ("notional", "expected"),
    [
        (0, 0),
        (10_000, 40),
        (50_000, 200),
        (60_000, 250),  # 50,000 at 0.4 % and 10,000 at 0.5 %
        (250_000, 1_200),  # 200 + 200,000 at 0.5 %
        (1_000_000, 8_700),  # 1,200 + 750,000 at 1 %
        (2_000_000, 33_700),  # 8,700 + 1,000,000 at 2.5 %
        (20_000_000, 483_700),  # the last rate goes on above the cap
    ],
)
def test_each_rate_applies_to_its_own_slice(notional: float, expected: float) -> None:
    schedule = RiskSchedule.from_brackets(TABLE)
    assert schedule.maintenance_margin(notional) == pytest.approx(expected)
    assert maintenance_by_slices(schedule, notional) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("floor", "rates", "notional", "marginal", "whole"),
    [
        (1_000_000, (0.004, 0.01), 2_000_000, 14_000, 20_000),
        (50_000, (0.004, 0.005), 60_000, 250, 300),
        (50_000, (0.004, 0.005), 50_000, 200, 200),  # an edge belongs to the tier below it
    ],
)
def test_a_rate_on_the_whole_position_takes_nothing_off(
    floor: float, rates: tuple[float, float], notional: float, marginal: float, whole: float
) -> None:
    rows = tiers((0, rates[0], None), (floor, rates[1], None))
    assert RiskSchedule(tiers=rows).maintenance_margin(notional) == pytest.approx(marginal)
    schedule = RiskSchedule(tiers=rows, whole_position=True)
    assert schedule.maintenance_margin(notional) == pytest.approx(whole)
    assert maintenance_by_slices(schedule, notional) == pytest.approx(whole)
    assert schedule.amounts == (0, 0)


def test_a_table_of_rates_on_the_whole_position_is_read_and_has_no_amounts() -> None:
    rows = [(floor, cap, rate, leverage, 0) for floor, cap, rate, leverage, _ in TABLE]
    schedule = RiskSchedule.from_brackets(rows, whole_position=True)
    assert schedule.maintenance_margin(60_000) == pytest.approx(300)
    with pytest.raises(MarginError, match=r"maintenance_amount = 50: tier 2 needs 0$"):
        RiskSchedule.from_brackets(TABLE, whole_position=True)


def test_a_closing_fee_is_added_to_every_rate() -> None:
    schedule = RiskSchedule.from_brackets(TABLE, closing_fee_rate=0.0006)
    assert schedule.rates == pytest.approx((0.0046, 0.0056, 0.0106, 0.0256))
    assert schedule.maintenance_margin(60_000) == pytest.approx(250 + 36)
    assert schedule.amounts == (0.0, 50.0, 1_300.0, 16_300.0)


@pytest.mark.parametrize(
    ("notional", "tier", "leverage"),
    [(0, 0, 125), (50_000, 0, 125), (50_000.01, 1, 100), (250_000, 1, 100), (250_001, 2, 50), (10_000_000, 3, 20)],
)
def test_the_upper_edge_belongs_to_a_tier(notional: float, tier: int, leverage: float) -> None:
    schedule = RiskSchedule.from_brackets(TABLE)
    assert schedule.tier(notional) == tier
    assert schedule.max_leverage(notional) == leverage


@pytest.mark.parametrize(
    ("leverage", "most"),
    [(125, 50_000), (101, 50_000), (100, 250_000), (50, 1_000_000), (21, 1_000_000), (20, 1e7), (1, 1e7)],
)
def test_the_largest_notional_at_a_leverage(leverage: float, most: float) -> None:
    assert RiskSchedule.from_brackets(TABLE).max_notional(leverage) == most


def test_nothing_limits_the_size_where_no_cap_is_named() -> None:
    assert RiskSchedule.flat(0.01).max_notional(5) == inf


def test_a_size_found_as_notional_over_price_stays_in_its_tier() -> None:
    schedule = RiskSchedule.from_brackets(TABLE)
    price = next(price for price in range(1_000, 2_000) if 50_000 / price * price > 50_000)
    assert schedule.max_leverage(50_000 / price * price) == 125


def test_a_tier_without_a_named_leverage_allows_one_over_its_rate() -> None:
    (tier,) = RiskSchedule.flat(0.005).tiers
    assert tier.leverage_limit == 200
    assert tier.initial_margin_rate == 0.005
    free = RiskTier(notional_floor=0, maintenance_margin_rate=0)
    assert free.leverage_limit == inf
    assert free.initial_margin_rate == 0


def test_a_tier_read_out_of_a_longer_table_keeps_its_amount() -> None:
    assert RiskSchedule.flat(0.1, maintenance_amount=135_365).maintenance_margin(5_366_968) == pytest.approx(401_331.8)


def test_numbers_of_numpy_and_decimals_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    for floors, rates, most in (
        (numpy.array([0, 50_000]), numpy.array([0.004, 0.005]), numpy.int64(100)),
        ([Decimal(0), Decimal(50_000)], [Decimal("0.004"), Decimal("0.005")], Decimal(100)),
    ):
        first, second = (
            RiskTier(notional_floor=floor, maintenance_margin_rate=rate, max_leverage=most)
            for floor, rate in zip(floors, rates, strict=True)
        )
        schedule = RiskSchedule(tiers=(first, second), notional_cap=most * 1_000, closing_fee_rate=rates[0])
        assert schedule.amounts == (0.0, 50.0)
        assert schedule.rates == pytest.approx((0.008, 0.009))
        assert schedule.max_notional(most) == 100_000
        assert first.initial_margin_rate == 0.01
        assert RiskTier(notional_floor=0, maintenance_margin_rate=rates[1]).leverage_limit == 200


def test_tiers_are_kept_as_a_tuple() -> None:
    listed = RiskSchedule(tiers=list(tiers((0, 0.01, None))))  # type: ignore[arg-type]
    assert listed == RiskSchedule(tiers=tiers((0, 0.01, None)))
    assert hash(listed)


def test_equal_tables_are_equal_and_hash_alike() -> None:
    first, second = RiskSchedule.from_brackets(TABLE), RiskSchedule.from_brackets(list(TABLE))
    assert first == second
    assert hash(first) == hash(second)


def test_a_schedule_shows_what_it_is_made_of_and_not_what_is_derived() -> None:
    tier = "RiskTier(notional_floor=0.0, maintenance_margin_rate=0.01, max_leverage=None)"
    rest = "notional_cap=None, closing_fee_rate=0.0, first_amount=0.0, whole_position=False"
    shown = f"RiskSchedule(tiers=({tier},), {rest})"
    assert repr(RiskSchedule.flat(0.01)) == shown


@pytest.mark.parametrize(
    ("make", "field", "value", "hint"),
    [
        (lambda: RiskSchedule(tiers=()), "tiers", "()", "at least one RiskTier"),
        (lambda: RiskSchedule(tiers=tiers((5, 0.01, None), (9, 0.02, None))), "notional_floor", "5", "starts at 0"),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.01, None), (0, 0.02, None))),
            "notional_floor",
            "0",
            "tier 2 overlaps the one before; give more than 0",
        ),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.01, None), (90, 0.02, None), (50, 0.03, None))),
            "notional_floor",
            "50",
            "tier 3 overlaps",
        ),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.02, 10), (50, 0.01, 10))),
            "maintenance_margin_rate",
            "0.01",
            "tier 2 is not convex; give at least 0.02",
        ),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.01, 10), (50, 0.02, 20))),
            "max_leverage",
            "20",
            "tier 2 allows more than the one before; give at most 10",
        ),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.01, None), (50, 0.02, None)), notional_cap=50),
            "notional_cap",
            "50",
            "give more than 50",
        ),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.01, None), (50, 0.02, None), (90, 0.03, None)), notional_cap=60),
            "notional_cap",
            "60",
            "give more than 90",
        ),
        (
            lambda: RiskSchedule(tiers=tiers((0, 0.1, None), (50, 0.6, None)), closing_fee_rate=0.5),
            "maintenance_margin_rate + closing_fee_rate",
            "1.1",
            "below 1",
        ),
        (lambda: RiskSchedule(tiers=tiers((0, 0.01, None)), notional_cap=-1), "notional_cap", "-1", "above 0"),
        (lambda: RiskSchedule.flat(0.01, closing_fee_rate=-0.1), "closing_fee_rate", "-0.1", "fraction"),
        (lambda: RiskSchedule.flat(0.01, maintenance_amount=float("nan")), "first_amount", "nan", "finite"),
        (
            lambda: RiskSchedule.flat(0.6, closing_fee_rate=0.5),
            "maintenance_margin_rate + closing_fee_rate",
            "1.1",
            "1",
        ),
        (lambda: RiskSchedule.flat(1.5), "maintenance_margin_rate", "1.5", "0.4 % is 0.004"),
        (lambda: RiskSchedule.flat(0.01, max_leverage=0), "max_leverage", "0", "above 0"),
        (lambda: RiskSchedule.flat(0.01, max_leverage=101), "max_leverage", "101", "at most 100"),
        (lambda: tiers((-5, 0.01, None)), "notional_floor", "-5", "0 or a number above 0"),
        (lambda: RiskSchedule.from_brackets([]), "tiers", "()", "at least one"),
        (
            lambda: RiskSchedule.from_brackets([(0, None, 0.01, 50, 0, 7)]),
            "tier 1",
            "(0, None, 0.01, 50, 0, 7)",
            "give notional_floor, notional_cap, maintenance_margin_rate, max_leverage, maintenance_amount",
        ),
        (lambda: RiskSchedule.from_brackets([(0, None, 0.01, 50)]), "tier 1", "(0, None, 0.01, 50)", "notional_floor"),
        (
            lambda: RiskSchedule.from_brackets([(0, 50, 0.01, 50, 0), (40, None, 0.02, 20, 0.4)]),
            "notional_floor",
            "40",
            "tier 2 overlaps the one before; give 50",
        ),
        (
            lambda: RiskSchedule.from_brackets([(0, 50, 0.01, 50, 0), (60, None, 0.02, 20, 0.6)]),
            "notional_floor",
            "60",
            "tier 2 leaves a gap after the one before; give 50",
        ),
        (
            lambda: RiskSchedule.from_brackets([(0, None, 0.01, 50, 0), (60, None, 0.02, 20, 0.6)]),
            "notional_cap",
            "None",
            "tier 1 is not the last; give 60,",
        ),
        (
            lambda: RiskSchedule.from_brackets(
                [(0, 50, 0.01, 50, 0), (50, None, 0.02, 20, 0.5), (60, None, 0.03, 10, 1.1)]
            ),
            "notional_cap",
            "None",
            "tier 2 is not the last; give 60,",
        ),
        (
            lambda: RiskSchedule.from_brackets([(0, 50, 0.01, 50, 0), (50, None, 0.02, 20, 5)]),
            "maintenance_amount",
            "5",
            "tier 2 needs 0.5, or the margin jumps there; if the rate is of the whole position, give",
        ),
        (
            lambda: RiskSchedule.from_brackets([(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50.0003)]),
            "maintenance_amount",
            "50.0003",
            "tier 2 needs 50",
        ),
        # In coins an amount is small, and a wrong one is still wrong.
        (
            lambda: RiskSchedule.from_brackets([(0, 5, 0.004, 125, 0), (5, None, 0.005, 100, 0.0051)]),
            "maintenance_amount",
            "0.0051",
            "tier 2 needs 0.005",
        ),
        (
            lambda: RiskSchedule.from_brackets([(0, "50", 0.01, 50, 0)]),  # type: ignore[list-item]
            "tier 1: notional_cap",
            "'50'",
            "finite",
        ),
        (lambda: RiskSchedule.from_brackets(TABLE).tier(-1), "notional", "-1", "0 or a number above 0"),
        (lambda: RiskSchedule.from_brackets(TABLE).maintenance_margin(float("nan")), "notional", "nan", "finite"),
        (lambda: RiskSchedule.from_brackets(TABLE).max_leverage(1.1e7), "notional", "11,000,000", "at most 10,000,000"),
        (lambda: RiskSchedule.from_brackets(TABLE).max_leverage(float("nan")), "notional", "nan", "finite"),
        (lambda: RiskSchedule.from_brackets(TABLE).max_notional(126), "leverage", "126", "at most 125"),
        (lambda: RiskSchedule.from_brackets(TABLE).max_notional(0), "leverage", "0", "above 0"),
    ],
)
def test_a_table_that_no_venue_has_is_refused(make: Callable[[], Any], field: str, value: str, hint: str) -> None:
    with pytest.raises(MarginError) as refused:
        make()
    message = str(refused.value)
    assert message.startswith(f"{field} = {value}: ")
    assert hint in message


def test_an_amount_may_be_rounded_to_a_millionth_of_the_maintenance_on_the_floor() -> None:
    rows = [(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50.0002)]  # a millionth of 250 is 0.00025
    assert RiskSchedule.from_brackets(rows).amounts == (0.0, 50.0)


def test_tiers_may_share_a_rate_and_a_leverage() -> None:
    schedule = RiskSchedule(tiers=tiers((0, 0.01, 20), (50, 0.01, 20), (90, 0.01, 20)), notional_cap=91)
    assert schedule.amounts == (0.0, 0.0, 0.0)
    assert schedule.max_notional(20) == 91


@pytest.mark.parametrize("first_amount", [0.0, 30.0, -700.0])
@pytest.mark.parametrize("fee_rate", [0.0, 0.0006])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(
    "notional", [1_000, 49_999, 50_001, 200_000, 249_999, 250_001, 900_000, 999_999, 1_000_001, 5_000_000, 20_000_000]
)
def test_a_liquidation_is_looked_up_in_every_tier_from_both_sides(
    notional: float, direction: int, fee_rate: float, first_amount: float
) -> None:
    rows = [(floor, rate, leverage) for floor, _, rate, leverage, _ in TABLE]
    schedule = RiskSchedule(tiers=tiers(*rows), closing_fee_rate=fee_rate, first_amount=first_amount)
    # What the position needs at a price of 100 is what it has left there: slices of the tiers, added up by the twin.
    size, entry = direction * notional / 100, 100 + direction * 40
    kept = maintenance_by_slices(schedule, notional)
    found = lone_liquidation_price(kept + size * (entry - 100), size, entry, schedule)
    assert found == pytest.approx(100, rel=1e-12)
    # The same in a pool, at prices far below 1, where the steps from tier to tier are small.
    leg = Position(symbol="A", quantity=size * 1e6, entry_price=entry / 1e6, mark_price=entry / 1e6, schedule=schedule)
    pool = Pool(collateral=kept + size * (entry - 100), positions=(leg,))
    assert liquidation_price(pool, "A") == pytest.approx(100 / 1e6, rel=1e-9)


def test_a_notional_is_above_an_edge_when_it_is_more_than_two_roundings_above() -> None:
    schedule = RiskSchedule(tiers=tiers((0, 0.01, 50), (65_536, 0.02, 20)))
    assert schedule.max_leverage(65_536 * (1 + 2 * 2**-52)) == 50
    assert schedule.max_leverage(65_536 * (1 + 3 * 2**-52)) == 20
    capped = RiskSchedule(tiers=tiers((0, 0.01, 50)), notional_cap=65_536)
    assert capped.max_leverage(65_536 * (1 + 2 * 2**-52)) == 50
    with pytest.raises(MarginError, match="allows at most 65,536"):
        capped.max_leverage(65_536 * (1 + 3 * 2**-52))


def test_the_largest_leverage_may_be_all_that_the_rate_allows_and_its_rounding() -> None:
    for rate in (0.01, 1 / 3, 0.004, 1 / 49):
        assert (
            RiskTier(notional_floor=0, maintenance_margin_rate=rate, max_leverage=1 / rate).leverage_limit == 1 / rate
        )
        assert RiskTier(notional_floor=0, maintenance_margin_rate=rate, max_leverage=(1 + 1e-13) / rate)
        with pytest.raises(MarginError, match="max_leverage"):
            RiskTier(notional_floor=0, maintenance_margin_rate=rate, max_leverage=(1 + 1e-11) / rate)
    assert RiskTier(notional_floor=0, maintenance_margin_rate=0.5, max_leverage=2 * (1 + 1e-12)).leverage_limit > 2
