"""Equity, initial and maintenance margin, and what can be moved; the figures are worked out beside them."""

from __future__ import annotations

from math import inf

import pytest

from marginlib import (
    Account,
    Coin,
    Health,
    MaintenanceBasis,
    MarginError,
    Netting,
    Pool,
    Position,
    Risk,
    RiskSchedule,
    UnknownNameError,
    WithdrawalRule,
    account_risk,
    add_isolated_margin,
    available_balance,
    initial_margin,
    maintenance_margin,
    max_addable_margin,
    max_removable_margin,
    position_risk,
    remove_isolated_margin,
    risk,
)

FLAT = RiskSchedule.flat(0.004)
BTC = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=FLAT, leverage=10)
ETH = Position.open(symbol="ETHUSDT", quantity=-2, price=3_000, schedule=FLAT, leverage=6)


def test_initial_margin_depends_on_leverage_and_maintenance_does_not() -> None:
    # The course's table: 0.1 BTC at 60,000 at 2x, 5x, 10x and 20x.
    for leverage, expected in ((2, 3_000), (5, 1_200), (10, 600), (20, 300)):
        btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=FLAT, leverage=leverage)
        assert initial_margin(btc) == expected
        assert maintenance_margin(btc) == 24


def test_maintenance_follows_the_mark_or_is_frozen_at_entry() -> None:
    for basis, expected in ((MaintenanceBasis.MARK, 20), (MaintenanceBasis.ENTRY, 24)):
        btc = Position(
            symbol="B", quantity=0.1, entry_price=60_000, mark_price=50_000, schedule=FLAT, maintenance_basis=basis
        )
        assert maintenance_margin(btc) == pytest.approx(expected)


def test_a_pool_is_its_collateral_and_its_positions() -> None:
    now = risk(Pool(collateral=1_500, positions=(BTC.at(59_000), ETH.at(3_100))))
    assert now.equity == pytest.approx(1_500 - 100 - 200)
    assert now.initial == pytest.approx(590 + 6_200 / 6)
    assert now.maintenance == pytest.approx(0.004 * (5_900 + 6_200))
    assert now.notional == pytest.approx(12_100)
    assert now.available == pytest.approx(1_200 - 590 - 6_200 / 6)
    assert now.effective_leverage == pytest.approx(12_100 / 1_200)
    assert position_risk(ETH.at(3_100)).equity == -200


def test_an_account_is_its_pools() -> None:
    account = Account(wallet_balance=10_000, positions=(BTC.isolated(), ETH)).at({"BTCUSDT": 59_000, "ETHUSDT": 3_100})
    assert account_risk(account).equity == pytest.approx(10_000 - 100 - 200)
    assert account_risk(Account(wallet_balance=0)) == Risk(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("equity", "maintenance", "health", "ratio", "level"),
    [
        (100, 40, Health.HEALTHY, 0.4, 2.5),
        (100, 0, Health.HEALTHY, 0.0, inf),
        (40, 40, Health.LIQUIDATABLE, 1.0, 1.0),
        (30, 40, Health.LIQUIDATABLE, 40 / 30, 0.75),
        (0, 40, Health.BANKRUPT, inf, 0.0),
        (-10, 40, Health.BANKRUPT, inf, -0.25),
        (-10, 0, Health.BANKRUPT, inf, -inf),
        (0, 0, Health.HEALTHY, 0.0, inf),  # an empty pool owes nothing
        # Amounts below 1 are amounts.
        (0.5, 0.2, Health.HEALTHY, 0.4, 2.5),
        (0.5, 1.0, Health.LIQUIDATABLE, 2.0, 0.5),
        (0, 0.5, Health.BANKRUPT, inf, 0.0),
        (-0.5, 0, Health.BANKRUPT, inf, -inf),
        # A large maintenance amount may take all of the maintenance off, and more.
        (10, -5, Health.HEALTHY, -0.5, inf),
        (0, -5, Health.HEALTHY, 0.0, inf),
        (-5, -5, Health.BANKRUPT, inf, -inf),
    ],
)
def test_health_and_the_two_ratios(
    equity: float, maintenance: float, health: Health, ratio: float, level: float
) -> None:
    now = Risk(equity, 0.0, maintenance)
    assert (now.health, now.margin_ratio, now.margin_level) == (health, ratio, level)


def test_effective_leverage_where_there_is_nothing_to_divide() -> None:
    assert Risk(100, 0, 0).effective_leverage == 0
    assert Risk(0, 0, 0, 500).effective_leverage == inf
    assert Risk(100, 0, 0, 500).effective_leverage == 5
    assert Risk(0.5, 0, 0, 500).effective_leverage == 1_000
    assert Risk(100, 0, 0, 1).effective_leverage == 0.01
    assert Risk(-5, 0, 0, 0).effective_leverage == 0
    assert Risk(-5, 0, 0, 500).effective_leverage == inf


def test_available_balance_is_the_cross_pool_s_and_never_below_zero() -> None:
    account = Account(wallet_balance=10_000, positions=(BTC.isolated(), ETH))
    assert available_balance(account) == pytest.approx(10_000 - 600 - 1_000)
    # An isolated profit or loss is not available; a cross one is.
    assert available_balance(account.at({"BTCUSDT": 70_000})) == pytest.approx(8_400)
    assert available_balance(account.at({"ETHUSDT": 2_700})) == pytest.approx(9_400 + 600 - 900)
    assert available_balance(account.at({"ETHUSDT": 9_000})) == 0
    assert risk(account.at({"ETHUSDT": 9_000}).pools()[0]).available < 0


def test_the_most_that_can_be_added_leaves_unrealized_profit_alone() -> None:
    account = Account(wallet_balance=10_000, positions=(BTC.isolated(), ETH))
    assert max_addable_margin(account) == pytest.approx(8_400)  # the available balance
    rich = account.at({"ETHUSDT": 1_000})  # a profit of 4,000: available 13,066.67, money 9,400, kept 8
    assert available_balance(rich) == pytest.approx(9_400 + 4_000 - 2_000 / 6)
    assert max_addable_margin(rich) == pytest.approx(9_400 - 8)
    assert max_addable_margin(account.at({"ETHUSDT": 9_000})) == 0
    poor = Position.open(symbol="ETHUSDT", quantity=0.001, price=3_000, schedule=FLAT, leverage=100)
    assert max_addable_margin(Account(wallet_balance=0.01, positions=(poor,))) == 0  # 0.012 to keep, 0.01 there


@pytest.mark.parametrize(
    ("mark", "most"),
    [
        (60_000, 300),  # 900 - 600 of initial margin
        (58_500, 165),  # 900 - 150 lost - 585
        (56_000, 0),  # 900 - 400 - 560 < 0
        (70_000, 872),  # a profit is not money yet: 900 - 28 of maintenance
    ],
)
def test_the_most_that_can_be_removed(mark: float, most: float) -> None:
    assert max_removable_margin(BTC.isolated(900).at(mark)) == pytest.approx(most)


def test_margin_moves_between_the_pools_and_the_wallet_stays() -> None:
    account = Account(wallet_balance=10_000, positions=(ETH, BTC.isolated()))
    richer = add_isolated_margin(account, "BTCUSDT", 300)
    assert [pool.collateral for pool in richer.pools()] == [9_100, 900]
    assert remove_isolated_margin(richer, "BTCUSDT", 300) == account
    assert richer.wallet_balance == 10_000


def test_all_that_is_available_can_be_added() -> None:
    account = Account(wallet_balance=10_000, positions=(BTC.isolated(), ETH))
    everything = add_isolated_margin(account, "BTCUSDT", max_addable_margin(account))
    assert available_balance(everything) == 0


@pytest.mark.parametrize(
    ("symbol", "amount", "error", "message"),
    [
        ("BTCUSDT", 0, MarginError, "amount = 0: give a number above 0"),
        ("BTCUSDT", float("nan"), MarginError, "amount = nan: give one finite number"),
        ("BTCUSDT", 1e6, MarginError, "amount = 1,000,000: at most "),
        ("ETHUSDT", 5, MarginError, "isolated_margin = None: ETHUSDT has no margin of its own; isolated positions do"),
        ("DOGE", 5, UnknownNameError, "symbol = 'DOGE': give one of ETHUSDT, BTCUSDT, SOL, SOL"),
        ("SOL", 5, MarginError, "symbol = 'SOL': the account has 2 positions of it; give a symbol held once"),
    ],
)
def test_margin_that_cannot_be_moved_is_refused(
    symbol: str, amount: float, error: type[MarginError], message: str
) -> None:
    sol = Position.open(symbol="SOL", quantity=1, price=100, schedule=FLAT).isolated()
    account = Account(wallet_balance=10_000, positions=(ETH, BTC.isolated(), sol, sol))
    for move in (add_isolated_margin, remove_isolated_margin):
        with pytest.raises(error) as refused:
            move(account, symbol, amount)
        assert message in str(refused.value)


def test_an_account_without_positions_has_no_symbol() -> None:
    with pytest.raises(UnknownNameError, match="none, for there is no position"):
        add_isolated_margin(Account(wallet_balance=1), "BTCUSDT", 1)


def test_a_cross_position_has_no_margin_to_remove() -> None:
    with pytest.raises(MarginError, match="isolated_margin = None: BTCUSDT has no margin of its own"):
        max_removable_margin(BTC)


PROFIT = Position.open(symbol="BTC", quantity=1, price=10_000, schedule=RiskSchedule.flat(0.01), leverage=100)
PROFIT = PROFIT.isolated(200).at(11_000)  # 200 and 1,000 of profit; 110 must stay


@pytest.mark.parametrize(("amount", "margin"), [(199.5, 0.5), (200, 1_000), (600, 600), (1_090, 110)])
def test_what_leaves_beyond_the_margin_is_profit_made_real(amount: float, margin: float) -> None:
    before = Account(wallet_balance=5_000, positions=(PROFIT,))
    after = remove_isolated_margin(before, "BTC", amount, WithdrawalRule(profit=True))
    (left,) = after.positions
    real = amount >= 200
    assert (left.isolated_margin, left.entry_price) == (margin, 11_000 if real else 10_000)
    assert after.wallet_balance == (6_000 if real else 5_000)
    assert account_risk(after).equity == account_risk(before).equity


def test_a_rule_of_withdrawal_says_how_much_may_leave() -> None:
    pool = PROFIT.pool
    assert (WithdrawalRule().most(pool), WithdrawalRule(profit=True).most(pool)) == (90, 1_090)
    # Hyperliquid keeps a tenth of 11,000 where that is more than the initial margin of 110.
    assert WithdrawalRule(profit=True, notional_share=0.1).most(pool) == 100

    cross = Position.open(symbol="BTC", quantity=1, price=10_000, schedule=RiskSchedule.flat(0.01), leverage=100)
    assert WithdrawalRule().most(Pool(collateral=-50, positions=(cross.at(11_000),))) == 0
    # A coin worth 500 keeps the 99 that must stay, so all the money may go.
    coin = Coin(symbol="ETH", amount=1, mark_price=500)
    assert WithdrawalRule().most(Pool(collateral=300, positions=(cross.at(9_900),), coins=(coin,))) == 300


def test_netted_legs_are_asked_beside_what_waits() -> None:
    legs = tuple(
        Position.open(symbol="BTC", quantity=size, price=10_000, schedule=RiskSchedule.flat(0.01), leverage=10)
        for size in (3, -1)
    )
    pool = Pool(collateral=9_000, positions=legs, netting=Netting.LEGS_CLOSED, reserved=50)
    assert (risk(pool).initial, risk(pool).maintenance) == (2_050, 200)


def test_nothing_can_leave_a_pool_that_lacks_a_cent() -> None:
    pool = Pool(collateral=599.99, positions=(BTC,))
    assert WithdrawalRule().spare(pool) == WithdrawalRule(profit=True).spare(pool) == 0
