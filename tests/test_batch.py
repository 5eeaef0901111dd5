"""The array twins give the numbers of the scalar engine, NaN where it says None, and refuse by name."""

from __future__ import annotations

import random
from itertools import product
from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import CONTRACTS, REAL_SCHEDULES, pools, positions, schedules, with_cushion
from twins import amounts, bisected_liquidation_price, maintenance_by_slices, marks_of, surplus

from marginlib import (
    Contract,
    MaintenanceBasis,
    MarginError,
    Pool,
    Position,
    RiskSchedule,
    RiskTier,
    UnknownNameError,
    batch,
    common_shock,
    liquidation,
    liquidation_prices,
    lone_liquidation_price,
    risk,
    rulebook,
)

BTC = rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT")
FLAT = RiskSchedule.flat(0.004)
MODES = list(product(Contract, MaintenanceBasis))
OFF_BY_ULPS = [1 + ulps * 2.0**-52 for ulps in range(-40, 41)]


def lone_cases(count: int, seed: int = 1) -> list[tuple[float, float, float]]:
    """Return (collateral, quantity, entry price) of random positions; a third is backed by its whole value or more."""
    dice = random.Random(seed)
    cases = []
    for _ in range(count):
        entry, value = 10 ** dice.uniform(-3, 5), 10 ** dice.uniform(1, 9.5)
        share = dice.choice([dice.uniform(-0.1, 1), dice.choice(OFF_BY_ULPS), dice.uniform(0.9, 2)])
        cases.append((value * share, dice.choice([-1, 1]) * value / entry, entry))
    return cases


def as_float(price: float | None) -> float:
    """Return NaN for None."""
    return nan if price is None else price


def opened(collateral: float, quantity: float, entry: float, schedule: RiskSchedule, **kind: object) -> Pool:
    """Return a pool of one position just opened."""
    position = Position(symbol="A", quantity=quantity, entry_price=entry, mark_price=entry, schedule=schedule, **kind)
    return Pool(collateral=collateral, positions=(position,))


@given(schedules(), st.lists(st.floats(0, 1e10), min_size=1, max_size=20))
def test_maintenance_margin_is_the_schedules_own(schedule: RiskSchedule, notionals: list[float]) -> None:
    notionals += schedule.floors
    found = batch.maintenance_margin(schedule, notionals)
    assert found.tolist() == [schedule.maintenance_margin(notional) for notional in notionals]
    assert found == pytest.approx([maintenance_by_slices(schedule, each) for each in notionals], rel=1e-9)


def test_maintenance_margin_keeps_the_shape() -> None:
    assert batch.maintenance_margin(BTC, 1_000).shape == ()
    assert batch.maintenance_margin(BTC, [[1_000, 2_000]]).tolist() == [[4.0, 8.0]]


@pytest.mark.parametrize("schedule", [*REAL_SCHEDULES[:6], FLAT, RiskSchedule.flat(0.02, maintenance_amount=500.0)])
def test_linear_prices_are_the_lone_positions_own_to_the_last_digit(schedule: RiskSchedule) -> None:
    cases = lone_cases(1_500)
    scalar = [as_float(lone_liquidation_price(*case, schedule)) for case in cases]
    found = batch.liquidation_price(*np.array(cases).T, schedule)
    np.testing.assert_array_equal(found, scalar)
    assert 100 < np.isnan(found).sum() < 1_000


@pytest.mark.parametrize(("contract", "basis"), MODES)
@pytest.mark.parametrize("schedule", [FLAT, BTC])
def test_prices_are_those_of_a_pool_of_one(contract: Contract, basis: MaintenanceBasis, schedule: RiskSchedule) -> None:
    # Sizes of the value wanted: an inverse quantity is that value times the price. None has more than the cap.
    cases = [
        (money, size * entry ** (1 - contract.power), entry)
        for money, size, entry in lone_cases(1_000)
        if abs(size * entry) < 1e9
    ]
    kind = {"contract": contract, "maintenance_basis": basis}
    alone = [opened(*case, schedule, **kind) for case in cases]
    found = batch.liquidation_price(*np.array(cases).T, schedule, **kind)
    scalar = [as_float(liquidation.liquidation_price(pool, "A")) for pool in alone]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(scalar))
    # Where what is left is a small part of what it is left of, both are as exact as their inputs, and no more.
    near = [abs(money) / abs(size * entry**contract.power) for money, size, entry in cases]
    clear = np.abs(np.array(near) - 1) > 1e-3
    np.testing.assert_allclose(found[clear], np.array(scalar)[clear], rtol=1e-12, atol=0)
    for pool, price in zip(alone, found.tolist(), strict=True):
        if not isnan(price):
            marks = {"A": price}
            assert abs(surplus(pool, marks)) <= 1e-12 * amounts(pool, marks)


@pytest.mark.parametrize("contract", Contract)
def test_bankruptcy_prices_are_those_of_a_pool_of_one(contract: Contract) -> None:
    cases = [(m, q * e ** (1 - contract.power), e) for m, q, e in lone_cases(1_000) if abs(q * e) < 1e9]
    scalar = [as_float(liquidation.bankruptcy_price(opened(*case, BTC, contract=contract), "A")) for case in cases]
    found = batch.bankruptcy_price(*np.array(cases).T, contract=contract)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(scalar))
    np.testing.assert_allclose(found, scalar, rtol=1e-9)
    assert 100 < np.isnan(found).sum() < 900


def test_what_is_backed_by_its_whole_value_has_no_price_whatever_rounding_says() -> None:
    size, entry = 0.1, 61_234.56
    collateral = [size * entry * share for share in OFF_BY_ULPS]
    scalar = [as_float(lone_liquidation_price(each, size, entry, FLAT)) for each in collateral]
    found = batch.liquidation_price(collateral, size, entry, FLAT)
    np.testing.assert_array_equal(found, scalar)
    # Both kinds are among them: a shortfall of a few units in the last place is none, one of forty is.
    assert isnan(found[40])
    assert not isnan(found[0])


def test_rounding_is_judged_against_a_large_amount_too() -> None:
    size, entry, schedule = 0.1, 61_234.56, RiskSchedule.flat(0.02, maintenance_amount=612_345.6)
    frozen = {"maintenance_basis": MaintenanceBasis.ENTRY}
    empty = size * entry * (1 + 0.02) - 612_345.6  # no equity but what the position needs is left at a price of 0
    collateral = [empty * share for share in OFF_BY_ULPS]
    scalar = [
        as_float(liquidation.liquidation_price(opened(each, size, entry, schedule, **frozen), "A"))
        for each in collateral
    ]
    found = batch.liquidation_price(collateral, size, entry, schedule, **frozen)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(scalar))
    assert isnan(found[38])


def test_tables_longer_than_a_byte_counts() -> None:
    rates = np.linspace(0.004, 0.5, 200)
    many = RiskSchedule(
        tiers=tuple(
            RiskTier(notional_floor=1e4 * number, maintenance_margin_rate=float(rate))
            for number, rate in enumerate(rates)
        )
    )
    entry = np.full(200, 100.0)
    size = np.linspace(-2e4, 2e4, 200)
    scalar = [lone_liquidation_price(each * 10, each, 100.0, many) for each in np.abs(size)]
    assert batch.liquidation_price(np.abs(size) * 10, np.abs(size), entry, many).tolist() == scalar


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    money, size, entry = np.array(lone_cases(100)).T
    whole, one_entry = batch.liquidation_price(money, size, entry, BTC), batch.liquidation_price(money, size, 9.0, BTC)
    monkeypatch.setattr(batch, "_CHUNK", 7)
    np.testing.assert_array_equal(batch.liquidation_price(money, size, entry, BTC), whole)
    np.testing.assert_array_equal(batch.liquidation_price(money, size, 9.0, BTC), one_entry)


def test_plain_numbers_stand_for_every_element() -> None:
    one = batch.liquidation_price(500, 1 / 12, 60_000, FLAT)
    assert one.shape == ()
    assert one == lone_liquidation_price(500, 1 / 12, 60_000, FLAT)
    grid = batch.liquidation_price([[500], [600]], 1 / 12, 60_000, FLAT)
    assert grid.shape == (2, 1)
    assert batch.liquidation_price([], 1.0, 60_000, FLAT).shape == (0,)


def test_columns_of_a_table_and_whole_numbers_are_taken() -> None:
    table = np.array(lone_cases(50))
    np.testing.assert_array_equal(
        batch.liquidation_price(table[:, 0], table[:, 1], table[:, 2], BTC),
        batch.liquidation_price(*np.ascontiguousarray(table.T), BTC),
    )
    assert batch.liquidation_price([600], [1], [1_000], FLAT).tolist() == [400 / 0.996]


def test_out_receives_the_prices() -> None:
    columns, room = np.array(lone_cases(50)).T, np.empty(50)
    assert batch.liquidation_price(*columns, BTC, out=room) is room
    np.testing.assert_array_equal(room, batch.liquidation_price(*columns, BTC))


@pytest.mark.parametrize(
    ("room", "told"),
    [
        (np.empty(3), r"out: float64 of shape \(3,\); give float64 of shape \(2,\)"),
        (np.empty(2, np.float32), "out: float32"),
        (np.empty(4)[::2], "in one piece"),
    ],
)
def test_an_out_that_does_not_fit_is_refused(room: np.ndarray, told: str) -> None:
    with pytest.raises(MarginError, match=told):
        batch.liquidation_price([1.0, 2.0], 1.0, 10.0, FLAT, out=room)


def test_an_out_that_is_an_input_is_refused() -> None:
    money = np.array([1.0, 2.0])
    with pytest.raises(MarginError, match="out: shares memory with collateral"):
        batch.liquidation_price(money, 1.0, 10.0, FLAT, out=money)


GOOD = {"collateral": [1.0, 2.0, 3.0], "quantity": [1.0, -1.0, 1.0], "entry_price": [10.0, 20.0, 30.0]}


@pytest.mark.parametrize("contract", Contract)
@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("collateral", nan, r"collateral\[1\] = nan: give one finite number"),
        ("collateral", inf, r"collateral\[1\] = inf"),
        ("collateral", -inf, r"collateral\[1\] = -inf"),
        ("quantity", nan, r"quantity\[1\] = nan"),
        ("quantity", -inf, r"quantity\[1\] = -inf"),
        ("quantity", 0.0, r"quantity\[1\] = 0.0: give a size with its sign"),
        ("entry_price", nan, r"entry_price\[1\] = nan: give a number above 0"),
        ("entry_price", inf, r"entry_price\[1\] = inf"),
        ("entry_price", 0.0, r"entry_price\[1\] = 0.0"),
        ("entry_price", -20.0, r"entry_price\[1\] = -20.0"),
    ],
)
def test_a_bad_number_is_refused_with_its_field_and_index(
    contract: Contract, field: str, value: float, told: str
) -> None:
    bad = GOOD | {field: [GOOD[field][0], value, GOOD[field][2]]}
    for basis in MaintenanceBasis:
        with pytest.raises(MarginError, match=told):
            batch.liquidation_price(**bad, schedule=BTC, contract=contract, maintenance_basis=basis)
    with pytest.raises(MarginError, match=told):
        batch.bankruptcy_price(**bad, contract=contract)


def test_the_first_of_several_bad_numbers_is_named() -> None:
    with pytest.raises(MarginError, match=r"quantity\[1, 0\] = 0.0"):
        batch.liquidation_price(1.0, [[1.0, 1.0], [0.0, 0.0]], 10.0, FLAT)
    with pytest.raises(MarginError, match=r"entry_price = -10\.0"):
        batch.liquidation_price([1.0, -100.0], 1.0, -10.0, FLAT)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((1.0, 1e200, 1e200), "quantity x entry_price = inf"),
        ((1.0, 1e-200, 1e-200), "quantity x entry_price = 0.0"),
        ((-1.7e308, 1e150, 1e158), "too large or too small"),
    ],
)
def test_values_beyond_a_float_are_refused(numbers: tuple[float, float, float], told: str) -> None:
    with pytest.raises(MarginError, match=told):
        batch.liquidation_price(*numbers, FLAT)


def test_prices_beyond_a_float_are_none_as_in_the_scalar_engine() -> None:
    assert isnan(batch.liquidation_price(1e5, -5e-324, 1e10, FLAT))
    assert isnan(batch.liquidation_price(1e5, 5e-324, 1e300, RiskSchedule.flat(0.5)))
    assert isnan(batch.liquidation_price(1e20, -1e-300, 1e5, FLAT, contract=Contract.INVERSE))


def test_mixed_shapes_are_refused_by_name() -> None:
    with pytest.raises(MarginError, match=r"collateral \(2,\), quantity \(3,\); give one shape"):
        batch.liquidation_price([1.0, 2.0], [1.0, 2.0, 3.0], 10.0, FLAT)
    # Not even where numpy would stretch one of them.
    with pytest.raises(MarginError, match=r"quantity \(1,\), entry_price \(2,\)"):
        batch.bankruptcy_price(1.0, [1.0], [10.0, 20.0])


@pytest.mark.parametrize("value", ["text", [True], [[1.0], [1.0, 2.0]], None, [1j]])
def test_what_is_not_numbers_is_refused(value: object) -> None:
    with pytest.raises(MarginError, match=r"quantity = .*give numbers"):
        batch.liquidation_price(1.0, value, 10.0, FLAT)


@pytest.mark.parametrize("value", [-1.0, nan, inf])
def test_a_bad_notional_is_refused(value: float) -> None:
    with pytest.raises(MarginError, match=rf"notional\[1\] = {value}: give 0 or a number above 0"):
        batch.maintenance_margin(FLAT, [1.0, value])


@given(pools(), st.lists(st.floats(0.01, 100), min_size=1, max_size=9))
def test_a_curve_is_the_risk_of_the_pool_at_every_price(pool: Pool, moves: list[float]) -> None:
    symbol, marks = pool.symbols[0], marks_of(pool)
    prices = [marks[symbol] * move for move in moves]
    line = batch.curve(pool, symbol, prices)
    assert line.price.tolist() == prices
    for price, equity, maintenance in zip(prices, line.equity, line.maintenance, strict=True):
        there = risk(pool.at({symbol: price}))
        assert equity == pytest.approx(there.equity, rel=1e-12, abs=1e-13 * amounts(pool, marks | {symbol: price}))
        assert maintenance == pytest.approx(there.maintenance, rel=1e-12)


@given(pools(), st.lists(st.floats(0.01, 100), min_size=2, max_size=4))
def test_a_surface_is_the_risk_of_the_pool_at_every_pair_of_prices(pool: Pool, moves: list[float]) -> None:
    assume(len(pool.symbols) > 1)
    (first, second), marks = pool.symbols[:2], marks_of(pool)
    rows, columns = [marks[first] * move for move in moves], [marks[second] * move for move in moves[1:]]
    grid = batch.surface(pool, (first, second), rows, columns)
    assert grid.shape == (len(rows), len(columns))
    for (a, price_a), (b, price_b) in product(enumerate(rows), enumerate(columns)):
        there = marks | {first: price_a, second: price_b}
        now = risk(pool.at(there))
        assert grid[a, b] == pytest.approx(now.equity - now.maintenance, rel=1e-12, abs=1e-13 * amounts(pool, there))


def test_curves_and_surfaces_refuse_by_name() -> None:
    pool = opened(600.0, 0.1, 60_000.0, FLAT)
    with pytest.raises(UnknownNameError, match="symbol = 'B': give one of A"):
        batch.curve(pool, "B", [1.0])
    with pytest.raises(MarginError, match=r"prices\[1\] = 0.0: give a number above 0"):
        batch.curve(pool, "A", [1.0, 0.0])
    with pytest.raises(MarginError, match="two different ones"):
        batch.surface(pool, ("A", "A"), [1.0], [1.0])
    with pytest.raises(UnknownNameError, match="symbol = 'B'"):
        batch.surface(pool, ("A", "B"), [1.0], [1.0])
    other = Position.open(symbol="B", quantity=1.0, price=10.0, schedule=FLAT)
    both = Pool(collateral=600.0, positions=(*pool.positions, other))
    with pytest.raises(MarginError, match=r"prices_b: shape \(1, 1\); give prices in one row"):
        batch.surface(both, ("A", "B"), [1.0], [[1.0]])


@st.composite
def books(draw: st.DrawFn) -> Pool:
    """Draw a cross pool with one position a symbol: both sides, linear or inverse, marked or frozen maintenance."""
    contract = draw(CONTRACTS)
    count = draw(st.integers(1, 8))
    return with_cushion(
        draw, tuple(draw(positions(symbol=f"S{number}", contract=contract)) for number in range(count)), -0.5
    )


@given(books())
def test_a_books_prices_are_the_scalar_engines(pool: Pool) -> None:
    found = batch.Book.from_pool(pool).liquidation_prices()
    scalar = [as_float(price) for price in liquidation_prices(pool).values()]
    np.testing.assert_allclose(found, scalar, rtol=1e-12, atol=0)


@given(books(), st.lists(st.floats(0.5, 2.0), min_size=8, max_size=8))
def test_a_book_is_asked_at_other_marks(pool: Pool, moves: list[float]) -> None:
    book = batch.Book.from_pool(pool)
    marks = book.mark_prices * moves[: len(book.symbols)]
    moved = pool.at(dict(zip(book.symbols, marks.tolist(), strict=True)))
    scalar = [as_float(price) for price in liquidation_prices(moved).values()]
    np.testing.assert_allclose(book.liquidation_prices(marks), scalar, rtol=1e-12, atol=0)
    assert_same_shock(book.common_shock(marks), common_shock(moved))


def assert_same_shock(found: tuple[float | None, float | None], scalar: tuple[float | None, float | None]) -> None:
    """Compare shocks as factors on the marks, which is what the steps find."""
    for one, other in zip(found, scalar, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert 1 + one == pytest.approx(1 + other, rel=1e-12)


def test_a_books_prices_are_found_by_search_too() -> None:
    dice, rules = random.Random(7), rulebook("binance_usdm", "2024-08-01")
    pool = Pool(
        collateral=500_000.0,
        positions=tuple(
            rules.position(symbol, dice.choice([-1, 1]) * 10 ** dice.uniform(4, 6) / 100, 100.0, mark_price=101.0)
            for symbol in rules.symbols
        ),
    )
    found = batch.Book.from_pool(pool).liquidation_prices().tolist()
    searched = [as_float(bisected_liquidation_price(pool, symbol)) for symbol in pool.symbols]
    assert found == pytest.approx(searched, rel=1e-9, nan_ok=True)


def test_a_book_of_fifty_positions_in_many_tiers() -> None:
    dice, rules = random.Random(11), rulebook("binance_usdm", "2026-09-29")
    held = []
    for number in range(50):
        entry = 10 ** dice.uniform(-2, 5)
        size = dice.choice([-1, 1]) * 10 ** dice.uniform(3, 6.5) / entry
        schedule = rules.schedule(dice.choice(rules.symbols))
        basis = dice.choice(list(MaintenanceBasis))
        held.append(
            Position(
                symbol=f"S{number}",
                quantity=size,
                entry_price=entry,
                mark_price=entry * dice.uniform(0.9, 1.1),
                schedule=schedule,
                maintenance_basis=basis,
            )
        )
    pool = Pool(collateral=0.1 * sum(each.notional for each in held), positions=tuple(held))
    book = batch.Book.from_pool(pool)
    scalar = [as_float(price) for price in liquidation_prices(pool).values()]
    np.testing.assert_allclose(book.liquidation_prices(), scalar, rtol=1e-12, atol=0)
    assert_same_shock(book.common_shock(), common_shock(pool))


@pytest.mark.parametrize("share", [1.0, 1 + 2**-52, 1 - 2**-52, 1.5])
def test_a_book_with_nothing_to_lose_beyond_its_money_has_no_price(share: float) -> None:
    pool = opened(6_000.0 * share, 0.1, 60_000.0, FLAT)
    assert liquidation_prices(pool) == {"A": None}
    book = batch.Book.from_pool(pool)
    assert isnan(book.liquidation_prices()[0])
    assert book.common_shock() == (None, None)


@pytest.mark.parametrize("side", [1, -1])
def test_legs_that_cancel_in_decimals_have_no_shock_in_a_book_either(side: int) -> None:
    held = tuple(
        Position(
            symbol=f"S{size}",
            quantity=side * size,
            entry_price=1.0,
            mark_price=1.0,
            schedule=FLAT,
            maintenance_basis=MaintenanceBasis.ENTRY,
        )
        for size in (0.1, 0.2, -0.3)
    )
    assert 0.1 + 0.2 - 0.3 != 0
    pool = Pool(collateral=1.0, positions=held)
    assert batch.Book.from_pool(pool).common_shock() == common_shock(pool) == (None, None)


def test_an_empty_book() -> None:
    book = batch.Book.from_pool(Pool(collateral=100.0))
    assert book.liquidation_prices().shape == (0,)
    assert book.common_shock() == (None, None)


def test_a_book_refuses_by_name() -> None:
    leg = Position.open(symbol="A", quantity=1.0, price=100.0, schedule=FLAT)
    short = Position.open(symbol="A", quantity=-1.0, price=100.0, schedule=FLAT)
    with pytest.raises(MarginError, match="symbol = 'A': 2 positions of it"):
        batch.Book.from_pool(Pool(collateral=100.0, positions=(leg, short)))
    book = batch.Book.from_pool(Pool(collateral=100.0, positions=(leg,)))
    for asked in (book.liquidation_prices, book.common_shock):
        with pytest.raises(MarginError, match=r"mark_prices: shape \(2,\); give \(1,\)"):
            asked([1.0, 2.0])
        with pytest.raises(MarginError, match=r"mark_prices\[0\] = nan: give a number above 0"):
            asked([nan])
