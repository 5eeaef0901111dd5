"""Liquidation and bankruptcy prices against closed forms and published figures; shocks and close-outs."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import settings
from twins import bisected_liquidation_price, exact_liquidation_price

from marginlib import (
    Account,
    Coin,
    Contract,
    MaintenanceBasis,
    MarginError,
    Netting,
    Pool,
    Position,
    RiskSchedule,
    RiskTier,
    ShownPrice,
    UnknownNameError,
    bankruptcy_price,
    close_out,
    common_shock,
    liquidation_price,
    liquidation_prices,
    lone_liquidation_price,
    risk,
    rulebook,
    shown_liquidation_price,
)

FLAT = RiskSchedule.flat(0.004)
ENTRY, MARK = MaintenanceBasis.ENTRY, MaintenanceBasis.MARK


def held(
    quantity: float,
    entry: float,
    *,
    symbol: str = "BTC",
    mark: float | None = None,
    schedule: RiskSchedule = FLAT,
    contract: Contract = Contract.LINEAR,
    basis: MaintenanceBasis = MARK,
) -> Position:
    """Return a cross position, marked at its entry unless a mark is given."""
    return Position(
        symbol=symbol,
        quantity=quantity,
        entry_price=entry,
        mark_price=entry if mark is None else mark,
        schedule=schedule,
        contract=contract,
        maintenance_basis=basis,
    )


def price(collateral: float, *positions: Position, symbol: str = "BTC") -> float | None:
    """Return the liquidation price of a pool."""
    return liquidation_price(Pool(collateral=collateral, positions=positions), symbol)


# --- the course's examples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notional", "cross", "isolated"),
    [  # liquidation as a move from the entry, in per cent; 10,000 in the account, 1,000 set aside
        (1_000, None, None),
        (5_000, None, -19.7),
        (10_000, None, -9.6),
        (20_000, -49.8, -4.6),
        (50_000, -19.7, -1.6),
    ],
)
def test_ten_thousand_and_a_thousand_of_eth(notional: float, cross: float | None, isolated: float | None) -> None:
    eth = Position.open(symbol="ETH", quantity=notional / 3_000, price=3_000, schedule=FLAT, leverage=notional / 1_000)
    shared = Account(wallet_balance=10_000, positions=(eth,)).pools()[0]
    apart = Account(wallet_balance=10_000, positions=(eth.isolated(),)).pools()[1]
    assert apart.collateral == pytest.approx(1_000)
    for pool, expected in ((shared, cross), (apart, isolated)):
        found = liquidation_price(pool, "ETH")
        assert (None if found is None else round(100 * (found / 3_000 - 1), 1)) == expected


def test_at_a_fixed_size_leverage_moves_the_isolated_price_only() -> None:
    cross, isolated = [], []
    for leverage in (2, 5, 10, 20):
        btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=FLAT, leverage=leverage)
        cross.append(price(5_000, btc))
        isolated.append(price(6_000 / leverage, btc))
        assert price(10_000, btc) is None
    assert len(set(cross)) == 1
    assert [round(each or 0) for each in isolated] == [30_120, 48_193, 54_217, 57_229]


def test_five_hundred_of_bitcoin() -> None:
    btc = Position.open(symbol="BTC", quantity=5_000 / 60_000, price=60_000, schedule=FLAT, leverage=10).isolated()
    pool = Account(wallet_balance=10_000, positions=(btc,)).pools()[1]
    assert pool.collateral == pytest.approx(500)
    liquidated = liquidation_price(pool, "BTC")
    assert liquidated is not None
    assert round(liquidated) == 54_217
    out = close_out(pool.at({"BTC": liquidated}))
    assert round(out.realized_pnl, 2) == -481.93
    assert round(out.remaining, 2) == 18.07
    assert bankruptcy_price(pool, "BTC") == pytest.approx(54_000)


def test_contagion() -> None:
    eth = held(10_000 / 3_000, 3_000, symbol="ETH")
    sol = held(400, 100, symbol="SOL", schedule=RiskSchedule.flat(0.005))
    pool = Pool(collateral=10_000, positions=(eth, sol))
    before, after = liquidation_price(pool, "ETH"), liquidation_price(pool.at({"SOL": 80}), "ETH")
    assert before is not None
    assert after is not None
    assert (round(before), round(after)) == (60, 2_458)


def test_once_leverage_in_all_four_ways() -> None:
    assert price(60_000, held(1, 60_000)) is None
    short = price(60_000, held(-1, 60_000))
    assert short is not None
    assert round(100 * (short / 60_000 - 1), 1) == 99.2
    long = price(100 / 60_000, held(100, 60_000, contract=Contract.INVERSE))
    assert long == pytest.approx(60_000 * 1.004 / 2)
    assert price(100 / 60_000, held(-100, 60_000, contract=Contract.INVERSE)) is None


def test_one_hundred_times_is_liquidated_before_one_per_cent() -> None:
    found = lone_liquidation_price(600, 1, 60_000, FLAT)
    assert found is not None
    assert 100 * (found / 60_000 - 1) == pytest.approx(-0.602, abs=5e-4)  # about -(1/100 - 0.4 %)


# --- closed forms of the venues -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("margin", "rate", "amount", "fee"), [(900, 0.004, 0, 0), (2_000, 0.01, 13, 0.0006)])
def test_linear_maintenance_at_the_mark(side: int, margin: float, rate: float, amount: float, fee: float) -> None:
    schedule = RiskSchedule.flat(rate, maintenance_amount=amount, closing_fee_rate=fee)
    expected = (margin + amount - side * 0.1 * 60_000) / (0.1 * (rate + fee - side))
    assert price(margin, held(side * 0.1, 60_000, schedule=schedule)) == pytest.approx(expected, rel=1e-12)
    assert lone_liquidation_price(margin, side * 0.1, 60_000, schedule) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("leverage", [2, 5, 20])
def test_linear_maintenance_frozen_at_entry(side: int, leverage: float) -> None:
    expected = 60_000 * (1 - side / leverage + side * 0.004)  # Bybit
    assert price(6_000 / leverage, held(side * 0.1, 60_000, basis=ENTRY)) == pytest.approx(expected, rel=1e-12)


def test_the_two_conventions_of_maintenance_differ() -> None:
    percent = RiskSchedule.flat(0.01)
    assert price(2, held(1, 10, schedule=percent, basis=ENTRY)) == pytest.approx(8.1)
    assert price(2, held(1, 10, schedule=percent, basis=MARK)) == pytest.approx(8.081, abs=5e-4)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("amount", [0, 0.0005])
def test_inverse_contracts_count_in_coins(side: int, amount: float) -> None:
    contracts, size, wallet, entry, rate = 50, 100, 0.02, 60_000, 0.01
    # Binance COIN-M: [contracts x rate + side x contracts] / [(wallet + amount) / size + side x contracts / entry]
    expected = (contracts * rate + side * contracts) / ((wallet + amount) / size + side * contracts / entry)
    schedule = RiskSchedule.flat(rate, maintenance_amount=amount)
    coin = held(side * contracts * size, entry, schedule=schedule, contract=Contract.INVERSE)
    assert price(wallet, coin) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("leverage", [2, 10])
@pytest.mark.parametrize("side", [1, -1])
def test_bankruptcy_is_one_over_leverage_away(side: int, leverage: float) -> None:
    pool = Pool(collateral=6_000 / leverage, positions=(held(side * 0.1, 60_000),))
    assert bankruptcy_price(pool, "BTC") == pytest.approx(60_000 * (1 - side / leverage))
    coins = Pool(collateral=0.1 / leverage, positions=(held(side * 6_000, 60_000, contract=Contract.INVERSE),))
    assert bankruptcy_price(coins, "BTC") == pytest.approx(60_000 * leverage / (leverage + side))


def test_the_cross_price_of_one_is_the_lone_price_net_of_the_others() -> None:
    others = [held(-2, 3_000, symbol="ETH", mark=3_200), held(50, 100, symbol="SOL", mark=90, basis=ENTRY)]
    kept = 0.004 * (6_400 + 5_000)  # ETH at its mark, SOL at its entry
    lost = 2 * 200 + 50 * 10
    expected = lone_liquidation_price(5_000 - lost - kept, 0.5, 60_000, FLAT)
    assert price(5_000, held(0.5, 60_000), *others) == pytest.approx(expected, rel=1e-12)


def test_a_profit_of_others_backs_a_negative_wallet() -> None:
    winner = held(10, 3_000, symbol="ETH", mark=4_000)  # 10,000 of profit, 160 kept
    assert price(-4_000, held(0.5, 60_000), winner) == pytest.approx((30_000 - 5_840) / (0.5 * 0.996))
    assert price(-4_000, held(0.5, 60_000)) is not None


def test_hedge_legs_share_one_price() -> None:
    schedule_long, schedule_short = RiskSchedule.flat(0.005), RiskSchedule.flat(0.01)
    long, short = held(2, 100, schedule=schedule_long), held(-1, 110, schedule=schedule_short)
    # Binance, hedge mode: (wallet - long value + short value) / (rates x sizes - long + short)
    expected = (60 - 200 + 110) / (2 * 0.005 + 1 * 0.01 - 2 + 1)
    legs = [long, held(-1, 110, mark=100, schedule=schedule_short)]
    assert price(60, *legs) == pytest.approx(expected)
    assert price(60, short, held(2, 100, mark=110, schedule=schedule_long)) == pytest.approx(expected)


@pytest.mark.parametrize(("mark", "nearest"), [(100, "rise"), (20, "fall")])
def test_of_two_prices_the_nearer_one_is_given(mark: float, nearest: str) -> None:
    # Long 1 from 100 and short 1 from 100 with steep tiers: profit is always 0, maintenance grows with the price.
    steep = RiskSchedule(
        tiers=(
            RiskTier(notional_floor=0, maintenance_margin_rate=0.01),
            RiskTier(notional_floor=200, maintenance_margin_rate=0.6),
        )
    )
    long, short = held(2, 100, mark=mark, schedule=steep), held(-1, 100, mark=mark, schedule=steep)
    fall = (95 - 200 + 100) / (0.02 + 0.01 - 1)  # both legs in the first tier
    found = price(95, long, short)
    other = bisected_liquidation_price(Pool(collateral=95, positions=(long, short)), "BTC")
    assert found == pytest.approx(other)
    assert found is not None
    assert (found == pytest.approx(fall)) == (nearest == "fall")
    assert (found > mark) == (nearest == "rise")


@pytest.mark.parametrize("mark", [100, 20])
def test_of_two_prices_of_an_inverse_contract_the_nearer_one_is_the_reciprocal_of_the_linear_one(mark: float) -> None:
    steep = RiskSchedule(
        tiers=(
            RiskTier(notional_floor=0, maintenance_margin_rate=0.01),
            RiskTier(notional_floor=200, maintenance_margin_rate=0.6),
        )
    )
    linear = price(95, *(held(side, 100, mark=mark, schedule=steep) for side in (2, -1)))
    legs = [held(side, 0.01, mark=1 / mark, schedule=steep, contract=Contract.INVERSE) for side in (-2, 1)]
    assert linear is not None
    assert price(95, *legs) == pytest.approx(1 / linear)


def test_equal_legs_are_liquidated_by_their_maintenance_alone() -> None:
    legs = [held(1, 100), held(-1, 100)]
    assert price(2, *legs) == pytest.approx(2 / 0.008)
    assert bankruptcy_price(Pool(collateral=2, positions=tuple(legs)), "BTC") is None


# --- tiers ----------------------------------------------------------------------------------------------------------


def test_the_tier_is_the_one_at_the_liquidation_price_and_not_at_entry() -> None:
    schedule = rulebook("binance_usdm", "2021-03-18").schedule("BTCUSDT")
    # 5 BTC from 60,000: 300,000 at entry is in the third tier (1 %, 1,300), 228,... at liquidation in the second.
    found = lone_liquidation_price(75_000, 5, 60_000, schedule)
    assert found == pytest.approx((300_000 - 75_000 - 50) / (5 * (1 - 0.005)))
    assert found is not None
    assert 50_000 < 5 * found < 250_000
    short = lone_liquidation_price(75_000, -4, 60_000, schedule)  # 240,000 at entry, more at liquidation
    assert short == pytest.approx((240_000 + 75_000 + 1_300) / (4 * (1 + 0.01)))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("ulps", range(-3, 4))
def test_newton_stops_on_a_tier_edge(sign: int, ulps: int) -> None:
    schedule = rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT")
    for edge in schedule.floors[1:]:
        size = edge / 60_000
        collateral = schedule.maintenance_margin(edge) * (1 + ulps * 2**-52)
        pool = Pool(collateral=collateral, positions=(held(sign * size, 60_000, schedule=schedule),))
        assert liquidation_price(pool, "BTC") == pytest.approx(60_000, rel=1e-12)


# --- no price -------------------------------------------------------------------------------------------------------


def test_a_margin_that_just_pays_for_everything_leaves_no_price_whatever_the_decimals() -> None:
    numbers = random.Random(7)
    for _ in range(300):
        size, entry = round(numbers.uniform(0.1, 1_000), 3), round(numbers.uniform(1, 5_000), 2)
        other, opened = round(numbers.uniform(0.1, 1e5), 3), round(numbers.uniform(1, 5_000), 2)
        mark = round(opened * numbers.uniform(0.9, 1.1), 2)
        exact = [Fraction(str(each)) for each in (size, entry, other, opened, mark, 0.004)]
        wallet = exact[0] * exact[1] - exact[2] * (exact[4] - exact[3]) + exact[2] * exact[4] * exact[5]
        pool = Pool(
            collateral=float(wallet),
            positions=(held(size, entry), held(other, opened, symbol="ETH", mark=mark)),
        )
        assert liquidation_price(pool, "BTC") is None
        assert liquidation_prices(pool)["BTC"] is None
        assert lone_liquidation_price(float(exact[0] * exact[1]), size, entry, FLAT) is None


EPSILON = 2.0**-52


@pytest.mark.parametrize(
    ("amount", "mark", "roundings", "found"),
    [  # in units of the entry value: 4 roundings of (collateral + value at mark and at entry + amount)
        (0.0, 1.0, 11, False),  # 4 x (1 + 1 + 1) = 12
        (0.0, 1.0, 12, True),
        (0.5, 1.0, 11, False),  # 4 x (0.5 + 1 + 1 + 0.5) = 12
        (0.5, 1.0, 12, True),
        (0.5, 0.5, 9, False),  # 4 x (0.5 + 0.5 + 1 + 0.5) = 10
        (0.5, 0.5, 10, True),
        (1.5, 0.25, 13, False),  # 4 x (0.5 + 0.25 + 1 + 1.5) = 13
        (1.5, 0.25, 14, True),
    ],
)
def test_what_is_missing_counts_when_it_is_more_than_rounding(
    amount: float, mark: float, roundings: int, found: bool
) -> None:
    value = 2.0**20
    collateral = value - amount * value - roundings * EPSILON * value
    schedule = RiskSchedule.flat(0.004, maintenance_amount=amount * value)
    pool = Pool(collateral=collateral, positions=(held(1, value, mark=mark * value, schedule=schedule),))
    expected = pytest.approx(roundings * EPSILON * value / 0.996) if found else None
    assert liquidation_price(pool, "BTC") == expected
    assert liquidation_prices(pool)["BTC"] == expected
    if mark == 1:  # plain numbers are of a position just opened
        assert lone_liquidation_price(collateral, 1.0, value, schedule) == expected


def test_what_is_missing_by_rounding_alone_is_nothing() -> None:
    entry = 2.0**20 * (1 + 4 * EPSILON)
    collateral = 2.0**20 * (1 - 8 * EPSILON)
    assert entry - collateral == 4 * EPSILON * (collateral + 2 * entry)  # exactly the rounding of what it is made of
    pool = Pool(collateral=collateral, positions=(held(1, entry),))
    assert lone_liquidation_price(collateral, 1.0, entry, FLAT) is None
    assert liquidation_price(pool, "BTC") is None
    assert bankruptcy_price(pool, "BTC") is None


def test_a_little_less_than_everything_leaves_a_price() -> None:
    assert lone_liquidation_price(0.3 * (1 - 1e-12), 0.1, 3, FLAT) == pytest.approx(3e-12 / 0.996, rel=1e-3)


def test_legs_that_cancel_in_decimals_cancel() -> None:
    legs = tuple(held(quantity, 100, basis=ENTRY) for quantity in (0.1, 0.2, -0.3))
    for collateral in (-10, 10):
        pool = Pool(collateral=collateral, positions=legs)
        assert liquidation_price(pool, "BTC") is None
        assert bankruptcy_price(pool, "BTC") is None
        assert tuple(common_shock(pool)) == (None, None)


def test_plain_numbers_may_be_of_any_kind() -> None:
    numpy = pytest.importorskip("numpy")
    expected = (60_000 - 6_000) / 0.996
    for number in (float, int, Decimal, Fraction, numpy.float64, numpy.int64, numpy.array):
        found = lone_liquidation_price(number(6_000), number(1), number(60_000), FLAT)
        assert type(found) is float
        assert found == pytest.approx(expected)
    for other in (Decimal, numpy.float64):
        for which in range(3):
            numbers = [other(each) if k == which else float(each) for k, each in enumerate((6_000, 1, 60_000))]
            found = lone_liquidation_price(*numbers, FLAT)
            assert type(found) is float
            assert found == pytest.approx(expected)
    assert lone_liquidation_price(0, 1e300, 1, FLAT) == pytest.approx(1 / 0.996)  # the largest value that there is


def test_plain_numbers_ask_no_leverage() -> None:
    half = RiskTier(notional_floor=0, maintenance_margin_rate=0.5, max_leverage=1)
    whole = RiskSchedule(tiers=(half,), whole_position=True)
    assert lone_liquidation_price(80, 1, 100, whole) == pytest.approx(40)  # 20 = 0.5 p


def test_where_the_margin_outlasts_a_price_of_nothing_there_is_no_price() -> None:
    assert lone_liquidation_price(60_000.5, 1.0, 60_000.0, FLAT) is None  # it would be -0.5
    assert price(60_000.5, held(1, 60_000)) is None
    tiny = 1e20 * 1e-320  # a price that no float can hold comes out as 0
    assert lone_liquidation_price(tiny * (1 - 1e-10), 1e20, 1e-320, FLAT) is None
    assert price(tiny * (1 - 1e-10), held(1e20, 1e-320)) is None


def test_a_reciprocal_beyond_every_float_is_no_price_and_the_least_number_has_one() -> None:
    nothing_left = 1 - 40 * EPSILON
    coin = held(-1e300, 1e300, contract=Contract.INVERSE)  # short: its price grows as the margin does
    assert price(nothing_left, coin) is None
    assert bankruptcy_price(Pool(collateral=nothing_left, positions=(coin,)), "BTC") is None
    assert price(nothing_left, held(1e300, 1e-300)) == pytest.approx(40 * EPSILON * 1e-300 / 0.996)
    edge = held(-(2.0**990), 2.0**990, contract=Contract.INVERSE)
    assert bankruptcy_price(Pool(collateral=1 - 2.0**-32, positions=(edge,)), "BTC") == 2.0**1022


def test_legs_cancel_within_their_own_rounding_and_no_further() -> None:
    far = tuple(held(quantity, 100, basis=ENTRY) for quantity in (100_000.1, 200_000.2, -300_000.3))
    net = 100_000.1 + 200_000.2 - 300_000.3
    assert 0 < abs(net) < 1e-9
    assert bankruptcy_price(Pool(collateral=10, positions=far), "BTC") is None
    near = tuple(held(quantity, 100, basis=ENTRY) for quantity in (100_000.1, -100_000.1 + 1e-9))
    net = near[0].quantity + near[1].quantity
    assert bankruptcy_price(Pool(collateral=-10, positions=near), "BTC") == pytest.approx((net * 100 + 10) / net)
    small = tuple(held(quantity, 1e20, basis=ENTRY) for quantity in (1e-19, -0.5e-19))
    assert bankruptcy_price(Pool(collateral=2, positions=small), "BTC") == pytest.approx((5 - 2) / 0.5e-19)
    # Exactly the rounding of the two sizes is nothing.
    even = tuple(held(quantity, 100, basis=ENTRY) for quantity in (1 + 4 * EPSILON, -(1 - 4 * EPSILON)))
    assert bankruptcy_price(Pool(collateral=-10, positions=even), "BTC") is None


def test_a_price_beyond_every_float_is_no_price() -> None:
    assert lone_liquidation_price(1e5, -5e-324, 1e10, FLAT) is None
    assert lone_liquidation_price(1e5, 5e-324, 1e300, RiskSchedule.flat(0.5)) is None
    tiny = held(-1e-300, 1e5)
    assert price(1e20, tiny) is None
    coin = held(1e-20, 60_000, contract=Contract.INVERSE)  # a long of next to nothing against a fortune
    assert price(1e290, coin) is None
    assert common_shock(Pool(collateral=1e290, positions=(coin,))).fall is None


def test_a_pool_that_nothing_can_save_has_no_price() -> None:
    assert price(-200, held(-1, 100)) is None
    assert price(-50, held(1, 100), held(-1, 100)) is None


# --- several prices -------------------------------------------------------------------------------------------------


def test_all_prices_of_a_pool() -> None:
    pool = Pool(collateral=10_000, positions=(held(0.5, 60_000), held(-10, 3_000, symbol="ETH")))
    prices = liquidation_prices(pool)
    assert prices == {symbol: pytest.approx(liquidation_price(pool, symbol)) for symbol in ("BTC", "ETH")}
    assert liquidation_prices(Pool(collateral=5)) == {}


@pytest.mark.parametrize("ask", [liquidation_price, bankruptcy_price])
def test_an_unknown_symbol_is_answered_with_the_known_ones(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(UnknownNameError, match="symbol = 'DOGE': give one of BTC"):
        ask(Pool(collateral=1, positions=(held(1, 100),)), "DOGE")
    with pytest.raises(UnknownNameError, match="none, for the pool has no position"):
        ask(Pool(collateral=1), "DOGE")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((float("nan"), 1, 100), "collateral = nan: give one finite number"),
        (("500", 1, 100), "collateral = '500': give one finite number"),
        ((500, 0, 100), "quantity = 0: give a size with its sign, + for long, - for short"),
        ((500, float("inf"), 100), "quantity = inf: give one finite number"),
        ((500, 1, 0), "entry_price = 0: give a number above 0"),
        ((500, 1, -100), "entry_price = -100: give a number above 0"),
        ((500, 1, None), "entry_price = None: give one finite number"),
        ((500, 10**400, 1.0), "quantity = an integer of"),
        ((500, 1e-200, 1e-200), "quantity x entry_price = 0: too large or too small for a float"),
        ((500, 1e-200, 2e-200), "quantity x entry_price = 0: too large or too small for a float"),
        ((500, 1e200, 1e200), "quantity x entry_price = inf: too large or too small for a float"),
        # Plain floats are looked at when no price comes out, or when the entry price could not be one.
        ((float("nan"), 1.0, 100.0), "collateral = nan: give one finite number"),
        ((float("inf"), 1.0, 100.0), "collateral = inf: give one finite number"),
        ((500.0, float("nan"), 100.0), "quantity = nan: give one finite number"),
        ((500.0, 0.0, 100.0), "quantity = 0: give a size with its sign, + for long, - for short"),
        ((500.0, -1.0, float("nan")), "entry_price = nan: give one finite number"),
        ((500.0, -1.0, 0.0), "entry_price = 0: give a number above 0"),
        ((500.0, -1.0, -0.5), "entry_price = -0.5: give a number above 0"),
        ((500.0, -1.0, -100.0), "entry_price = -100: give a number above 0"),
    ],
)
def test_plain_numbers_are_checked(numbers: tuple[float, float, float], message: str) -> None:
    with pytest.raises(MarginError) as refused:
        lone_liquidation_price(*numbers, FLAT)
    assert message in str(refused.value)


# --- common shocks --------------------------------------------------------------------------------------------------


def test_a_common_shock_of_a_net_long_book() -> None:
    pool = Pool(collateral=10_000, positions=(held(0.5, 60_000), held(10, 3_000, symbol="ETH")))
    shock = common_shock(pool)
    # 60,000 of notional: 10,000 + 60,000 x = 0.004 x 60,000 (1 + x)
    assert shock.fall == pytest.approx((240 - 10_000) / (60_000 * 0.996))
    assert shock.rise is None


def test_a_common_shock_of_a_short_and_of_a_hedged_book() -> None:
    short = common_shock(Pool(collateral=10_000, positions=(held(-1, 60_000),)))
    assert short.fall is None
    assert short.rise == pytest.approx((10_000 - 240) / (60_000 * 1.004))
    hedged = common_shock(Pool(collateral=500, positions=(held(1, 60_000), held(-20, 3_000, symbol="ETH"))))
    assert hedged.fall is None
    assert hedged.rise == pytest.approx(500 / (120_000 * 0.004) - 1)
    assert tuple(common_shock(Pool(collateral=500))) == (None, None)


def test_a_common_shock_of_a_mark_on_the_edge_of_a_tier_that_jumps() -> None:
    """On the floor the lower tier still holds: the pool is safe, and the least rise ends it."""
    tiers = (
        RiskTier(notional_floor=0, maintenance_margin_rate=0.005),
        RiskTier(notional_floor=200_000, maintenance_margin_rate=0.05),
    )
    jumps = RiskSchedule(tiers=tiers, whole_position=True)
    long = Pool(collateral=5_000, positions=(held(2_000, 100, schedule=jumps),))
    # 5,000 + 200,000 x = 0.005 x 200,000 (1 + x)
    assert tuple(common_shock(long)) == (pytest.approx((1_000 - 5_000) / (200_000 * 0.995)), 0.0)
    short = Pool(collateral=5_000, positions=(held(-2_000, 100, schedule=jumps),))
    assert tuple(common_shock(short)) == (None, 0.0)


def test_a_common_shock_of_coins() -> None:
    long = Pool(collateral=0.01, positions=(held(1_000, 60_000, contract=Contract.INVERSE),))
    found = liquidation_price(long, "BTC")
    assert found is not None
    shock = common_shock(long)
    assert shock.fall == pytest.approx(found / 60_000 - 1)
    assert shock.rise is None


def test_a_book_can_be_liquidated_both_ways() -> None:
    steep = RiskSchedule(
        tiers=(
            RiskTier(notional_floor=0, maintenance_margin_rate=0.01),
            RiskTier(notional_floor=200, maintenance_margin_rate=0.6),
        )
    )
    pool = Pool(collateral=95, positions=(held(2, 100, schedule=steep), held(-1, 100, symbol="ETH", schedule=steep)))
    shock = common_shock(pool)
    assert shock.fall == pytest.approx((95 - 100) / (0.03 - 1) / 100 - 1)
    assert shock.rise is not None
    assert shock.rise > 0


def test_a_common_shock_of_a_coin_that_is_short_is_a_rise() -> None:
    short = Pool(collateral=0.01, positions=(held(-1_000, 60_000, contract=Contract.INVERSE),))
    found = liquidation_price(short, "BTC")
    assert found is not None
    shock = common_shock(short)
    assert shock.fall is None
    assert shock.rise == pytest.approx(found / 60_000 - 1)


def test_a_common_shock_of_next_to_nothing_has_one_side_as_any_other() -> None:
    tiny = common_shock(Pool(collateral=0.05, positions=(held(-0.001, 100),)))
    assert tiny.fall is None
    assert tiny.rise == pytest.approx((0.05 - 0.0004) / (0.1 * 1.004))


def test_the_shock_that_would_save_a_pool() -> None:
    shock = common_shock(Pool(collateral=100, positions=(held(1, 60_000),)))
    assert shock.fall == pytest.approx((240 - 100) / (60_000 * 0.996))  # a rise


# --- closing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "fee_rate", "pnl", "fee", "remaining", "deficit"),
    [
        (60_000, 0.01, 0, 60, 540, 0),
        (55_000, 0.01, -500, 55, 45, 0),
        (54_100, 0.01, -590, 10, 0, 0),  # the fee takes what is there, and no more
        (54_000, 0.01, -600, 0, 0, 0),
        (53_000, 0.01, -700, 0, 0, 100),
        (53_000, 0, -700, 0, 0, 100),
    ],
)
def test_what_closing_leaves(
    mark: float, fee_rate: float, pnl: float, fee: float, remaining: float, deficit: float
) -> None:
    out = close_out(Pool(collateral=600, positions=(held(0.1, 60_000, mark=mark),)), clearance_fee_rate=fee_rate)
    assert (out.realized_pnl, out.fee, out.remaining, out.deficit) == pytest.approx((pnl, fee, remaining, deficit))


def test_the_fee_is_charged_on_what_is_closed_at_its_mark_and_on_nothing_else() -> None:
    btc, eth = held(0.1, 60_000, mark=55_000), held(-2, 3_000, symbol="ETH", mark=2_900)
    both = close_out(Pool(collateral=5_000, positions=(btc, eth)), clearance_fee_rate=0.01)
    assert both.fee == pytest.approx(0.01 * (5_500 + 5_800))
    # Half of a position, with the money behind it, pays half: never for the part that stays open.
    whole = close_out(Pool(collateral=1_000, positions=(btc,)), clearance_fee_rate=0.01)
    half = close_out(Pool(collateral=500, positions=(held(0.05, 60_000, mark=55_000),)), clearance_fee_rate=0.01)
    assert (whole.fee, half.fee) == pytest.approx((55, 27.5))
    assert half.remaining == pytest.approx(whole.remaining / 2)
    assert close_out(Pool(collateral=1_000, positions=(btc,))).fee == 0


def test_a_fee_that_is_no_fraction_is_refused() -> None:
    with pytest.raises(MarginError, match=r"clearance_fee_rate = 1\.25: give a fraction"):
        close_out(Pool(collateral=1), clearance_fee_rate=1.25)


# --- tiers whose rate is asked of the whole position: maintenance jumps at an edge, and nothing is concave ------------

JUMPING = RiskSchedule(
    tiers=(
        RiskTier(notional_floor=0, maintenance_margin_rate=0.01),
        RiskTier(notional_floor=1_000, maintenance_margin_rate=0.05),
    ),
    whole_position=True,
)


@pytest.mark.parametrize(
    ("quantity", "entry", "collateral", "expected"),
    [
        # Above 100 a long of 10 needs 5 %, below it 1 %: liquidated at 102.1, though it would be safe again at 99.
        (10, 105, 80, (1_050 - 80) / 9.5),
        (10, 99, 60, 930 / 9.9),  # only the lower tier's line
        (10, 99, 20, 100.0),  # at the edge equity is 30, and above it 50 are needed: a long that dies of a rise
        (-10, 99, 30, 100.0),  # equity is 20 at the edge, the need 10 below it and 50 above: it dies on the jump
        (-10, 99, 200, 1_190 / 10.5),
        (-0.1, 9_900, 200, 1_190 / 0.105),
        (0.1, 10_500, 80, 970 / 0.095),
        (10_000, 0.105, 80, 970 / 9_500),  # a coin of a few cents: all edges are below 1
    ],
)
def test_a_tier_that_jumps_by_hand(quantity: float, entry: float, collateral: float, expected: float) -> None:
    assert price(collateral, held(quantity, entry, schedule=JUMPING)) == pytest.approx(expected)
    assert lone_liquidation_price(collateral, quantity, entry, JUMPING) == pytest.approx(expected)
    # The same with a ten-thousandth of all money: nothing hangs on a dollar.
    tiers = [replace(each, notional_floor=each.notional_floor / 1e4) for each in JUMPING.tiers]
    small = held(quantity / 1e4, entry, schedule=RiskSchedule(tiers=tiers, whole_position=True))
    assert price(collateral / 1e4, small) == pytest.approx(expected)


def test_a_common_shock_stops_at_the_first_jump_on_either_side() -> None:
    book = (held(10, 105, schedule=JUMPING), held(1, 50, symbol="ETH", schedule=JUMPING))
    fall, rise = common_shock(Pool(collateral=80, positions=book))
    # 80 + 1,100 f - 1,100 = 0.05 x 1,050 f + 0.01 x 50 f
    assert fall == pytest.approx(1_020 / (1_100 - 52.5 - 0.5) - 1)
    assert rise is None
    short = common_shock(Pool(collateral=30, positions=(held(-10, 99, schedule=JUMPING),)))
    assert short == (None, pytest.approx(100 / 99 - 1))


def test_a_margin_that_only_touches_what_is_needed_before_or_behind_a_jump_is_no_price() -> None:
    # 10 (p - 100) + 10 is 0.1 p at the edge, 100, but 0.5 p is asked right above it: safe from 990 / 9.5 on alone.
    assert price(10, held(10, 100, mark=90, schedule=JUMPING)) == pytest.approx(990 / 9.5)
    # 10 (p - 100) + 50 is 0.5 p at 100, where 0.1 p is asked still: safe from 950 / 9.9 on.
    assert price(50, held(10, 100, mark=110, schedule=JUMPING)) == pytest.approx(950 / 9.9)
    # The same with a jump at 33,676, in decimals whose sum is not quite 0.
    floors = (
        RiskTier(notional_floor=0, maintenance_margin_rate=0.01),
        RiskTier(notional_floor=233_711.44, maintenance_margin_rate=0.05),
    )
    btc = held(6.94, 33_929, mark=37_000, schedule=RiskSchedule(tiers=floors, whole_position=True))
    assert price(13_441.392, btc) == pytest.approx((6.94 * 33_929 - 13_441.392) / (6.94 * 0.99))


def test_a_margin_that_outlasts_a_price_of_nothing_by_little_is_not_used_up_by_a_jump() -> None:
    assert price(1_050.5, held(10, 105, schedule=JUMPING)) is None


def test_of_three_turns_the_next_on_either_side_count() -> None:
    # Safe from 960 / 9.9 = 96.97 to the edge, 100, and again from 960 / 9.5 = 101.05 on.
    for mark, nearest in ((97.5, 960 / 9.9), (99, 100), (100.5, 100), (101, 960 / 9.5), (103, 960 / 9.5)):
        assert price(30, held(10, 99, mark=mark, schedule=JUMPING)) == pytest.approx(nearest)
    shock = common_shock(Pool(collateral=30, positions=(held(10, 99, schedule=JUMPING),)))
    assert shock == pytest.approx((960 / 9.9 / 99 - 1, 100 / 99 - 1))


def test_of_two_legs_of_which_one_is_asked_the_larger_changes_between_edges() -> None:
    """Of a long of 10 1 % is asked, at the mark and up to 1,000 of it; of a short 9, whatever the mark."""
    short = held(-2, 100, mark=96, schedule=RiskSchedule.flat(0.045), basis=ENTRY)
    legs = (held(10, 100, mark=96, schedule=JUMPING), short)
    pool = Pool(collateral=49.5, positions=legs, netting=Netting.LARGER_LEG)
    # 49.5 + 8 (p - 100) = 0.1 p, which is above 9 from 90 on.
    assert liquidation_price(pool, "BTC") == pytest.approx(95)
    # Below 90 it is 9: 121 + 8 (p - 100) = 9.
    assert liquidation_price(replace(pool, collateral=121), "BTC") == pytest.approx(86)
    # The other way: a short of 10 and a long of 2 of which 9 are asked. 9.5 - 8 (p - 95) = 0.1 p.
    rising = (held(-10, 100, mark=93, schedule=JUMPING), held(2, 100, mark=93, schedule=short.schedule, basis=ENTRY))
    assert liquidation_price(
        Pool(collateral=-30.5, positions=rising, netting=Netting.LARGER_LEG), "BTC"
    ) == pytest.approx(95)
    # A coin of a few cents, behind its last edge: 8,000 (p - 0.1) - 25 = 500 p.
    cents = (
        held(10_000, 0.1, mark=0.115, schedule=JUMPING),
        held(-2_000, 0.1, mark=0.115, schedule=short.schedule, basis=ENTRY),
    )
    assert liquidation_price(Pool(collateral=-25, positions=cents, netting=Netting.LARGER_LEG), "BTC") == pytest.approx(
        0.11
    )


def test_of_equal_legs_the_one_whose_margin_grows_is_asked_in_the_end() -> None:
    legs = (
        held(10, 100, schedule=RiskSchedule.flat(0.01), basis=ENTRY),
        held(-10, 100, schedule=RiskSchedule.flat(0.01)),
    )
    pool = Pool(collateral=20, positions=legs, netting=Netting.LARGER_LEG)
    assert liquidation_price(pool, "BTC") == pytest.approx(200)  # 20 = 0.1 p


@pytest.mark.parametrize("seed", range(600 if settings.get_current_profile_name() == "search" else 150))
def test_the_price_of_any_rules_is_that_of_an_exact_brute_force(seed: int) -> None:
    source = random.Random(seed)
    legs, jumps = [], source.random() < 0.5
    for symbol in source.choices("AAAB", k=source.randint(1, 4)):
        floors = sorted(source.sample(range(100, 5_000), source.randint(0, 4)))
        rates = sorted(source.sample(range(1, 400), len(floors) + 1))
        rows = zip((0, *floors), rates, strict=True)
        tiers = tuple(RiskTier(notional_floor=floor, maintenance_margin_rate=rate / 1_000) for floor, rate in rows)
        schedule = RiskSchedule(tiers=tiers, whole_position=jumps and source.random() < 0.8)
        size = source.choice((1, -1)) * source.randint(1, 50)
        basis = source.choice((MARK, MARK, ENTRY))
        legs.append(held(size, source.randint(50, 150), symbol=symbol, mark=100, schedule=schedule, basis=basis))
    coins = tuple(
        Coin(symbol=symbol, amount=source.randint(1, 40), mark_price=100, haircut=source.choice((0, 0.25, 0.5)))
        for symbol in source.sample("ABC", source.choice((0, 0, 1, 2)))
    )
    pool = Pool(
        collateral=source.randint(-500, 5_000),
        positions=tuple(legs),
        coins=coins,
        netting=source.choice(list(Netting)),
    )
    for symbol, together in liquidation_prices(pool).items():
        expected, found = exact_liquidation_price(pool, symbol), liquidation_price(pool, symbol)
        assert (found is None) == (together is None) == (expected is None)
        assert found is None or (found, together) == pytest.approx((float(expected), float(expected)), rel=1e-9)


# --- prices that venues show by a convention -------------------------------------------------------------------------


def test_a_margin_shared_by_value_gives_a_price_where_there_is_none() -> None:
    """KuCoin's page: 1,000 behind 620 dollars of bitcoin and a short of 3,800 dollars of ether, at 22.62 % of each.

    Its bitcoin price, 47,956, is a slip: its own formula gives 48,243. The ether price is the formula's.
    """
    btc = held(0.01, 62_000, schedule=RiskSchedule.flat(0.005, closing_fee_rate=0.0006))
    eth = held(-1, 3_800, symbol="ETH", schedule=RiskSchedule.flat(0.01, closing_fee_rate=0.0006))
    pool = Pool(collateral=1_000, positions=(btc, eth))
    assert liquidation_price(pool, "BTC") is None
    share = 1_000 / 4_420
    shown = {symbol: shown_liquidation_price(pool, symbol, ShownPrice.PRO_RATA) for symbol in pool.symbols}
    assert shown["BTC"] == pytest.approx(62_000 * (1 - share) / (1 - 0.0056))
    assert shown["BTC"] == pytest.approx(48_243, abs=1)
    rounding = 3_800 * 0.00005 / 1.0106  # of the page's 22.62 %
    assert shown["ETH"] == pytest.approx(4_610.7, abs=rounding)


def test_a_margin_shared_by_value_counts_what_the_position_has_gained() -> None:
    ten = RiskSchedule.flat(0.1)
    btc, eth = held(1, 100, mark=110, schedule=ten), held(-1, 100, symbol="ETH", mark=90, schedule=ten)
    shown = shown_liquidation_price(Pool(collateral=40, positions=(btc, eth)), "BTC", ShownPrice.PRO_RATA)
    # Of 60 of equity 110 / 200 are 33: 33 + p - 110 = 0.1 p.
    assert shown == pytest.approx(77 / 0.9)


@pytest.mark.parametrize("side", [1, -1])
def test_a_maintenance_held_at_today_s_mark_gives_a_price_that_drifts(side: int) -> None:
    prices = []
    for mark in (3_000, 2_800):
        pool = Pool(collateral=10_000, positions=(held(side * 20, 3_000, mark=mark),))
        shown = shown_liquidation_price(pool, "BTC", ShownPrice.FROZEN_MAINTENANCE)
        assert shown == pytest.approx(3_000 - side * (10_000 - 0.004 * 20 * mark) / 20)
        assert shown_liquidation_price(pool, "BTC", ShownPrice.OTHERS_HELD) == liquidation_price(pool, "BTC")
        prices.append((shown, liquidation_price(pool, "BTC")))
    assert prices[0][0] != prices[1][0]
    assert prices[0][1] == prices[1][1]


def test_conventions_of_coins_and_of_legs_that_cancel() -> None:
    inverse = held(60_000, 60_000, contract=Contract.INVERSE)
    pool = Pool(collateral=0.5, positions=(inverse,))
    # Equity 0.5, maintenance 0.004: 1/p = 1/60,000 + 0.496 / 60,000.
    frozen = shown_liquidation_price(pool, "BTC", ShownPrice.FROZEN_MAINTENANCE)
    assert frozen == pytest.approx(60_000 / 1.496)
    legs = Pool(collateral=100, positions=(held(1, 100), held(-1, 100)))
    assert shown_liquidation_price(legs, "BTC", ShownPrice.FROZEN_MAINTENANCE) is None
    coins = Pool(collateral=0, coins=(Coin(symbol="BTC", amount=1, mark_price=100),))
    assert all(shown_liquidation_price(coins, "BTC", convention) is None for convention in ShownPrice)
    beside = replace(coins, positions=(held(1, 100, symbol="ETH"),))
    assert shown_liquidation_price(beside, "BTC", ShownPrice.PRO_RATA) is None


# --- a long and a short of one symbol: what is asked of them ----------------------------------------------------------


@pytest.mark.parametrize(
    ("netting", "needed", "expected"),
    [
        # A long of 5 and a short of 3 from 100 with 250 behind them, 10 % of maintenance: equity is 250 + 2 (p - 100).
        (Netting.NONE, 80, None),  # 0.8 p is more only above 50 / -1.2
        (Netting.LARGER_LEG, 50, None),
        (Netting.LEGS_CLOSED, 20, None),
    ],
)
def test_what_is_asked_of_a_long_and_a_short(netting: Netting, needed: float, expected: float | None) -> None:
    legs = (held(5, 100, schedule=RiskSchedule.flat(0.1)), held(-3, 100, schedule=RiskSchedule.flat(0.1)))
    pool = Pool(collateral=250, positions=legs, netting=netting)
    assert risk(pool).maintenance == pytest.approx(needed)
    assert risk(pool).initial == pytest.approx(10 * needed)
    assert risk(pool).notional == 800
    assert liquidation_price(pool, "BTC") is expected
    # With 100 instead: 2 (p - 50) = 0.8 p, 0.5 p, 0.2 p.
    nearer = replace(pool, collateral=100)
    assert liquidation_price(nearer, "BTC") == pytest.approx(100 / (2 - needed / 100))
    other = held(1, 100, symbol="ETH", schedule=RiskSchedule.flat(0.1))
    assert risk(replace(pool, positions=(*legs, other))).maintenance == pytest.approx(needed + 10)


def test_equal_legs_are_never_liquidated_where_they_are_closed_against_each_other_first() -> None:
    legs = (held(0.1, 100), held(0.2, 100), held(-0.3, 100))
    pool = Pool(collateral=1, positions=legs, netting=Netting.LEGS_CLOSED)
    assert (risk(pool).maintenance, risk(pool).initial) == (0, 0)
    assert liquidation_price(pool, "BTC") is None
    # The larger leg alone: 1 = 0.004 x 0.3 p; both: half of that.
    assert liquidation_price(replace(pool, netting=Netting.LARGER_LEG), "BTC") == pytest.approx(1 / 0.0012)
    assert liquidation_price(replace(pool, netting=Netting.NONE), "BTC") == pytest.approx(1 / 0.0024)


def test_a_coin_has_a_price_that_liquidates_and_a_shock_moves_it() -> None:
    coin = Coin(symbol="BTC", amount=2, mark_price=100, haircut=0.1)
    eth = held(-5, 100, symbol="ETH", schedule=RiskSchedule.flat(0.1))
    pool = Pool(collateral=0, positions=(eth,), coins=(coin,))
    assert risk(pool).equity == 180
    assert liquidation_price(pool, "BTC") == pytest.approx(50 / 1.8)  # of the short 50 are needed
    assert bankruptcy_price(replace(pool, positions=(eth.at(120),)), "BTC") == pytest.approx(100 / 1.8)
    assert liquidation_prices(pool) == pytest.approx({"ETH": 680 / 5.5, "BTC": 50 / 1.8})
    # All marks by a factor f: 180 f - 500 (f - 1) = 50 f.
    assert common_shock(pool) == (None, pytest.approx(500 / 370 - 1))
    assert close_out(pool.at({"ETH": 120})).realized_pnl == -100
    shown = shown_liquidation_price(pool, "ETH", ShownPrice.FROZEN_MAINTENANCE)
    assert shown == pytest.approx(100 + 130 / 5)


def test_a_coin_is_refused_where_it_can_be_none() -> None:
    with pytest.raises(MarginError, match=r"haircut = 1: give a fraction"):
        Coin(symbol="BTC", amount=1, mark_price=1, haircut=1)
    with pytest.raises(MarginError, match=r"another BTC leg of the pool has 100"):
        Pool(collateral=0, positions=(held(1, 100),), coins=(Coin(symbol="BTC", amount=1, mark_price=99),))
    with pytest.raises(MarginError, match=r"coins: an inverse contract pays in its own coin"):
        Pool(
            collateral=0,
            positions=(held(1, 100, contract=Contract.INVERSE),),
            coins=(Coin(symbol="BTC", amount=1, mark_price=100),),
        )
    owing = Account(wallet_balance=-50, coins=(Coin(symbol="BTC", amount=1, mark_price=100, haircut=0.4),))
    assert risk(owing.pools()[0]).equity == pytest.approx(10)
    with pytest.raises(MarginError, match=r"wallet_balance = -70"):
        Account(wallet_balance=-70, coins=owing.coins)


def test_a_pool_of_coins_alone_that_owes_money_ends_where_they_do() -> None:
    pool = Pool(collateral=-1_000, coins=(Coin(symbol="BTCUSDT", amount=1, mark_price=60_000),))
    assert liquidation_price(pool, "BTCUSDT") == 1_000
    assert common_shock(pool).fall == pytest.approx(1_000 / 60_000 - 1)
    assert common_shock(Pool(collateral=5)) == (None, None)
