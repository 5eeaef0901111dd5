"""What must hold for every pool, each with its condition: the claims of the course among them."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import NOTIONALS, PRICES, REAL_SCHEDULES, SIGNS, accounts, lone_pools, pools, positions, schedules
from twins import along_price, along_shock, amounts, maintenance_by_slices, marks_of, nearest_price, zeros

import marginlib
from marginlib import (
    Account,
    Contract,
    Health,
    MaintenanceBasis,
    Pool,
    Position,
    Risk,
    RiskSchedule,
    RiskTier,
    account_risk,
    add_isolated_margin,
    available_balance,
    bankruptcy_price,
    close_out,
    common_shock,
    initial_margin,
    liquidation_price,
    liquidation_prices,
    lone_liquidation_price,
    maintenance_margin,
    max_addable_margin,
    max_removable_margin,
    position_risk,
    remove_isolated_margin,
    risk,
)

NEAR = 1e-6  # how far "just inside" is from the price, as a fraction
ROUNDING = 1e-12  # of the amounts that a surplus is a difference of
FAR = 1e8  # beyond this multiple of the mark a price is as good as none


def leaves_rounding(pool: Pool, symbol: str, factor: float) -> bool:
    """Whether the surplus at a multiple of the mark is more than rounding."""
    mark = marks_of(pool)[symbol]
    scale = amounts(pool, marks_of(pool) | {symbol: mark * factor})
    return abs(along_price(pool, symbol)(factor)) > ROUNDING * scale


def same(first: float | None, second: float | None, mark: float) -> bool:
    """Whether two prices agree; one that is beyond any market agrees with none."""
    shown = [None if price is None or not mark / FAR < price < mark * FAR else price for price in (first, second)]
    if shown[0] is None or shown[1] is None:
        return shown[0] is shown[1]
    return shown[0] == pytest.approx(shown[1], rel=1e-6)


def distance(price: float | None, mark: float) -> float:
    """How far a liquidation price is from the mark, as a fraction of it; infinite where there is none."""
    return float("inf") if price is None else abs(price / mark - 1)


# --- liquidation prices ---------------------------------------------------------------------------------------------


@given(pools())
def test_a_healthy_pool_is_healthy_just_inside_its_liquidation_price_and_liquidated_just_outside(pool: Pool) -> None:
    for symbol, price in liquidation_prices(pool).items():
        if price is None:
            continue
        mark = marks_of(pool)[symbol]
        toward_mark = 1.0 if price < mark else -1.0
        inside, outside = price * (1 + toward_mark * NEAR), price * (1 - toward_mark * NEAR)
        if leaves_rounding(pool, symbol, inside / mark):
            assert risk(pool.at({symbol: inside})).health is Health.HEALTHY
        if leaves_rounding(pool, symbol, outside / mark):
            assert risk(pool.at({symbol: outside})).health is not Health.HEALTHY


@given(pools())
def test_at_the_liquidation_price_equity_is_maintenance_to_the_last_digits(pool: Pool) -> None:
    for symbol, price in liquidation_prices(pool).items():
        if price is not None:
            mark = marks_of(pool)[symbol]
            scale = amounts(pool, marks_of(pool) | {symbol: price})
            assert abs(along_price(pool, symbol)(price / mark)) <= ROUNDING * scale


@given(pools(least=-0.5))
def test_the_liquidation_price_is_the_one_that_a_bisection_finds(pool: Pool) -> None:
    for symbol in pool.symbols:
        mark = marks_of(pool)[symbol]
        both = zeros(along_price(pool, symbol))
        exact, searched = liquidation_price(pool, symbol), nearest_price(both, mark)
        # Two zeros equally far from the mark, or a peak that only just reaches 0: rounding may choose.
        if None not in both and min(both) < 1 < max(both):  # type: ignore[type-var, operator]
            assume(abs(both.below * both.above - 1) > NEAR)  # type: ignore[operator]
        for price in (exact, searched):
            if price is not None and mark / FAR < price < mark * FAR:
                assume(
                    leaves_rounding(pool, symbol, price / mark * (1 - NEAR))
                    or leaves_rounding(pool, symbol, price / mark * (1 + NEAR))
                )
        assert same(exact, searched, mark)


@given(pools())
def test_where_there_is_no_liquidation_price_no_price_liquidates(pool: Pool) -> None:
    for symbol, price in liquidation_prices(pool).items():
        if price is None:
            for factor in (1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1.1, 2, 10, 1e3, 1e6, 1e9):
                scale = amounts(pool, marks_of(pool) | {symbol: marks_of(pool)[symbol] * factor})
                assert along_price(pool, symbol)(factor) >= -ROUNDING * scale


@given(pools(least=-0.5))
def test_all_prices_at_once_are_the_prices_one_by_one(pool: Pool) -> None:
    together = liquidation_prices(pool)
    assert list(together) == list(pool.symbols)
    for symbol in pool.symbols:
        alone = liquidation_price(pool, symbol)
        if alone is not None and not leaves_rounding(pool, symbol, alone / marks_of(pool)[symbol] * (1 + NEAR)):
            continue
        assert same(together[symbol], alone, marks_of(pool)[symbol])


@given(lone_pools(contract=Contract.LINEAR, basis=MaintenanceBasis.MARK))
def test_the_price_from_plain_numbers_is_the_price_of_the_pool(pool: Pool) -> None:
    (position,) = pool.positions
    plain = lone_liquidation_price(pool.collateral, position.quantity, position.entry_price, position.schedule)
    assert same(plain, liquidation_price(pool, "A"), position.mark_price)


@given(lone_pools())
def test_liquidation_lies_between_the_mark_and_bankruptcy_of_a_healthy_lone_position(pool: Pool) -> None:
    (position,) = pool.positions
    liquidated, bankrupt = liquidation_price(pool, "A"), bankruptcy_price(pool, "A")
    if position.quantity > 0:
        assert position.mark_price > (liquidated or 0.0) >= (bankrupt or 0.0)
    else:
        infinite = float("inf")
        assert position.mark_price < (liquidated or infinite) <= (bankrupt or infinite)


@given(pools())
def test_at_the_bankruptcy_price_nothing_is_left(pool: Pool) -> None:
    for symbol in pool.symbols:
        price = bankruptcy_price(pool, symbol)
        if price is not None and marks_of(pool)[symbol] / FAR < price < marks_of(pool)[symbol] * FAR:
            moved = pool.at({symbol: price})
            assert abs(risk(moved).equity) <= ROUNDING * amounts(moved, marks_of(moved))


# --- symmetries -----------------------------------------------------------------------------------------------------


@given(PRICES, NOTIONALS, st.floats(0.01, 0.9), schedules())
def test_a_long_and_a_short_mirror_each_other_about_the_entry_price(
    entry: float, notional: float, share: float, schedule: RiskSchedule
) -> None:
    size, collateral = notional / entry, share * notional
    for basis in MaintenanceBasis:
        sides = [
            Pool(
                collateral=collateral,
                positions=(
                    Position(
                        symbol="A",
                        quantity=sign * size,
                        entry_price=entry,
                        mark_price=entry,
                        schedule=schedule,
                        maintenance_basis=basis,
                    ),
                ),
            )
            for sign in (1, -1)
        ]
        long_bankrupt, short_bankrupt = (bankruptcy_price(side, "A") for side in sides)
        assert long_bankrupt is not None
        assert short_bankrupt is not None
        assert long_bankrupt + short_bankrupt == pytest.approx(2 * entry)
        long_price, short_price = (liquidation_price(side, "A") for side in sides)
        assert long_price is not None
        assume(short_price is not None)  # maintenance may be more than the collateral already
        assert short_price is not None
        # Maintenance per unit pushes both prices towards the entry; without it they are the mirror images above.
        keeps = [
            maintenance_margin(side.at({"A": price}).positions[0]) / size
            for side, price in zip(sides, (long_price, short_price), strict=True)
        ]
        assert (long_price - keeps[0]) + (short_price + keeps[1]) == pytest.approx(2 * entry)
        if basis is MaintenanceBasis.ENTRY:
            assert long_price + short_price == pytest.approx(2 * entry)


def scaled(schedule: RiskSchedule, factor: float) -> RiskSchedule:
    """Return the schedule in another unit of money."""
    tiers = tuple(
        RiskTier(
            notional_floor=tier.notional_floor * factor,
            maintenance_margin_rate=tier.maintenance_margin_rate,
            max_leverage=tier.max_leverage,
        )
        for tier in schedule.tiers
    )
    cap = None if schedule.notional_cap is None else schedule.notional_cap * factor
    return RiskSchedule(tiers=tiers, notional_cap=cap, closing_fee_rate=schedule.closing_fee_rate)


def in_units(pool: Pool, *, quantity: float, price: float, money: float) -> Pool:
    """Return the pool with its quantities, prices and money multiplied."""
    return Pool(
        collateral=pool.collateral * money,
        positions=tuple(
            Position(
                symbol=position.symbol,
                quantity=position.quantity * quantity,
                entry_price=position.entry_price * price,
                mark_price=position.mark_price * price,
                schedule=scaled(position.schedule, money),
                contract=position.contract,
                maintenance_basis=position.maintenance_basis,
            )
            for position in pool.positions
        ),
    )


@given(pools(least=0.01), st.floats(0.01, 100))
def test_prices_do_not_change_when_money_and_quantities_are_multiplied(pool: Pool, factor: float) -> None:
    larger = in_units(pool, quantity=factor, price=1.0, money=factor)
    for symbol, price in liquidation_prices(pool).items():
        if price is None or leaves_rounding(pool, symbol, price / marks_of(pool)[symbol] * (1 + NEAR)):
            assert same(price, liquidation_price(larger, symbol), marks_of(pool)[symbol])


@given(pools(least=0.01), st.floats(0.01, 100))
def test_prices_are_multiplied_when_all_prices_are(pool: Pool, factor: float) -> None:
    money = factor ** pool.positions[0].contract.power
    dearer = in_units(pool, quantity=1.0, price=factor, money=money)
    for symbol, price in liquidation_prices(pool).items():
        if price is None or leaves_rounding(pool, symbol, price / marks_of(pool)[symbol] * (1 + NEAR)):
            moved = liquidation_price(dearer, symbol)
            assert same(price, None if moved is None else moved / factor, marks_of(pool)[symbol])


@given(lone_pools(contract=Contract.INVERSE))
def test_an_inverse_contract_is_a_linear_one_in_the_reciprocal_of_the_price(pool: Pool) -> None:
    (inverse,) = pool.positions
    linear = Position(
        symbol="A",
        quantity=-inverse.quantity,
        entry_price=1 / inverse.entry_price,
        mark_price=1 / inverse.mark_price,
        schedule=inverse.schedule,
        maintenance_basis=inverse.maintenance_basis,
    )
    twin = Pool(collateral=pool.collateral, positions=(linear,))
    for price in (liquidation_price, bankruptcy_price):
        reciprocal = price(twin, "A")
        assert same(price(pool, "A"), None if reciprocal is None else 1 / reciprocal, inverse.mark_price)
    assert risk(pool).equity == pytest.approx(risk(twin).equity)


# --- modes, margin and leverage -------------------------------------------------------------------------------------


@given(lone_pools(), st.floats(0, 1e6))
def test_cross_with_one_position_is_isolated_with_the_same_collateral(pool: Pool, spare: float) -> None:
    assume(pool.collateral > 0)
    (position,) = pool.positions
    cross = Account(wallet_balance=pool.collateral, positions=(position,))
    isolated = Account(wallet_balance=pool.collateral + spare, positions=(position.isolated(pool.collateral),))
    backing = [next(each for each in account.pools() if each.positions) for account in (cross, isolated)]
    assert liquidation_price(backing[0], "A") == liquidation_price(backing[1], "A")
    assert bankruptcy_price(backing[0], "A") == bankruptcy_price(backing[1], "A")
    assert risk(backing[0]) == risk(backing[1])


@given(lone_pools(), st.floats(0, 2))
def test_more_margin_never_brings_liquidation_nearer(pool: Pool, more: float) -> None:
    (position,) = pool.positions
    richer = Pool(collateral=pool.collateral + more * position.notional, positions=pool.positions)
    before, after = liquidation_price(pool, "A"), liquidation_price(richer, "A")
    assert distance(after, position.mark_price) >= distance(before, position.mark_price) * (1 - 1e-9)
    if more > 0.01 and before is not None and position.mark_price / FAR < before:
        assert distance(after, position.mark_price) > distance(before, position.mark_price)


@given(lone_pools(), st.floats(0.001, 1))
def test_isolating_a_lone_position_with_spare_balance_never_moves_liquidation_away(pool: Pool, share: float) -> None:
    assume(pool.collateral > 0)
    (position,) = pool.positions
    isolated = Pool(collateral=share * pool.collateral, positions=(position,))
    assume(risk(isolated).health is Health.HEALTHY)
    mark = position.mark_price
    assert distance(liquidation_price(isolated, "A"), mark) <= distance(liquidation_price(pool, "A"), mark) * (1 + 1e-9)


def test_isolating_a_position_beside_a_loser_moves_liquidation_away() -> None:
    flat = RiskSchedule.flat(0.004)
    eth = Position.open(symbol="ETHUSDT", quantity=10, price=3_000, schedule=flat, leverage=10)
    sol = Position.open(symbol="SOLUSDT", quantity=400, price=100, schedule=flat)
    shared = Account(wallet_balance=10_000, positions=(eth, sol)).at({"SOLUSDT": 80})
    apart = Account(wallet_balance=10_000, positions=(eth.isolated(), sol)).at({"SOLUSDT": 80})
    cross = liquidation_price(shared.pools()[0], "ETHUSDT")
    isolated = liquidation_price(apart.pools()[1], "ETHUSDT")
    assert cross is not None
    assert isolated is not None
    # Cross: 10,000 - 8,000 lost - 128 kept for SOL back ETH; isolated: the 3,000 set aside do, whatever SOL does.
    assert cross == pytest.approx((30_000 - 1_872) / (10 * 0.996))
    assert isolated == pytest.approx((30_000 - 3_000) / (10 * 0.996))
    assert isolated < cross < 3_000


@given(pools(), st.data())
def test_leverage_moves_initial_margin_and_nothing_else_in_cross(pool: Pool, data: st.DataObject) -> None:
    relevered = []
    for position in pool.positions:
        limit = min(position.schedule.max_leverage(position.entry_notional), 1e3)
        leverage = data.draw(st.floats(0.5, limit))
        changed = Position(
            symbol=position.symbol,
            quantity=position.quantity,
            entry_price=position.entry_price,
            mark_price=position.mark_price,
            schedule=position.schedule,
            leverage=leverage,
            contract=position.contract,
            maintenance_basis=position.maintenance_basis,
        )
        assert maintenance_margin(changed) == maintenance_margin(position)
        assert initial_margin(changed) == pytest.approx(position.notional / leverage)
        relevered.append(changed)
    changed_pool = Pool(collateral=pool.collateral, positions=tuple(relevered))
    assert liquidation_prices(changed_pool) == liquidation_prices(pool)
    assert common_shock(changed_pool) == common_shock(pool)


@given(accounts(), st.floats(0, 1))
def test_margin_can_be_added_up_to_the_most_and_no_further(account: Account, share: float) -> None:
    for position in account.positions:
        alone = [each.symbol for each in account.positions].count(position.symbol) == 1
        if position.isolated_margin is None or not alone:
            continue
        most = max_addable_margin(account)
        if share * most > 0:
            richer = add_isolated_margin(account, position.symbol, share * most)
            assert sum(pool.collateral for pool in richer.pools()) == pytest.approx(account.wallet_balance)
            assert available_balance(richer) == pytest.approx(
                available_balance(account) - share * most, abs=1e-9 * account.wallet_balance
            )
        with pytest.raises(ValueError, match="amount"):
            add_isolated_margin(account, position.symbol, most * 1.001 + 0.001)


@given(accounts(), st.floats(0.01, 0.99))
def test_margin_can_be_removed_up_to_the_most_and_no_further(account: Account, share: float) -> None:
    for position in account.positions:
        alone = [each.symbol for each in account.positions].count(position.symbol) == 1
        if position.isolated_margin is None or not alone:
            continue
        most = max_removable_margin(position)
        assert 0 <= most <= position.isolated_margin
        if share * most > 0:
            poorer = remove_isolated_margin(account, position.symbol, share * most)
            assert sum(pool.collateral for pool in poorer.pools()) == pytest.approx(account.wallet_balance)
            changed = next(each for each in poorer.positions if each.symbol == position.symbol)
            left = risk(Pool(collateral=changed.isolated_margin or 0.0, positions=(changed,)))
            assert left.equity > left.initial
        with pytest.raises(ValueError, match="amount"):
            remove_isolated_margin(account, position.symbol, most * 1.001 + 0.001)


# --- tiers ----------------------------------------------------------------------------------------------------------


@given(schedules(), NOTIONALS)
def test_maintenance_is_an_income_tax(schedule: RiskSchedule, notional: float) -> None:
    assert schedule.maintenance_margin(notional) == pytest.approx(maintenance_by_slices(schedule, notional), rel=1e-9)


@given(schedules(), NOTIONALS)
def test_maintenance_is_the_largest_over_all_tiers(schedule: RiskSchedule, notional: float) -> None:
    lines = [notional * rate - amount for rate, amount in zip(schedule.rates, schedule.amounts, strict=True)]
    assert schedule.maintenance_margin(notional) == pytest.approx(max(lines), rel=1e-9)


@pytest.mark.parametrize("schedule", REAL_SCHEDULES)
def test_maintenance_is_continuous_over_the_edges_of_the_recorded_tables(schedule: RiskSchedule) -> None:
    for number, (below, above) in enumerate(pairwise(range(len(schedule.tiers)))):
        edge = schedule.floors[number + 1]
        kept = [edge * schedule.rates[tier] - schedule.amounts[tier] for tier in (below, above)]
        assert kept[0] == pytest.approx(kept[1], rel=1e-9)


@given(schedules(), PRICES, SIGNS, st.floats(0, 1e-3))
def test_the_liquidation_price_is_continuous_over_the_edges_of_tiers(
    schedule: RiskSchedule, entry: float, sign: float, step: float
) -> None:
    for edge in schedule.floors[1:]:
        size = 2 * edge / entry if sign > 0 else 0.5 * edge / entry  # liquidation at half, or at twice, the entry
        collateral = schedule.maintenance_margin(edge) - sign * (edge - size * entry)
        on_edge = lone_liquidation_price(collateral, sign * size, entry, schedule)
        assert on_edge is not None
        assert on_edge == pytest.approx(edge / size, rel=1e-9)
        # A step of money moves the price by no more than the step per unit, enlarged by the highest rate.
        reach = step * edge / size / (1 - schedule.rates[-1])
        for near in (collateral - step * edge, collateral + step * edge):
            price = lone_liquidation_price(near, sign * size, entry, schedule)
            assert price == pytest.approx(on_edge, rel=0, abs=reach + 1e-12 * on_edge)


@given(schedules(), st.data())
def test_the_largest_notional_at_a_leverage_allows_that_leverage(schedule: RiskSchedule, data: st.DataObject) -> None:
    leverage = data.draw(st.floats(0.5, min(schedule.tiers[0].leverage_limit, 1e3)))
    most = schedule.max_notional(leverage)
    if most < float("inf"):
        assert schedule.max_leverage(most) >= leverage
        price = data.draw(PRICES)
        Position.open(symbol="A", quantity=most / price, price=price, schedule=schedule, leverage=leverage)
        beyond = most * 1.001
        if schedule.notional_cap is not None and beyond > schedule.notional_cap:
            with pytest.raises(ValueError, match="notional"):
                schedule.max_leverage(beyond)
        else:
            assert schedule.max_leverage(beyond) < leverage
    else:
        assert schedule.max_leverage(1e12) >= leverage


# --- risk, shocks, closing ------------------------------------------------------------------------------------------


@given(accounts())
def test_an_account_is_the_sum_of_its_pools_and_a_pool_the_sum_of_its_positions(account: Account) -> None:
    whole = account_risk(account)
    scale = account.wallet_balance + sum(each.notional + each.entry_notional for each in account.positions)
    parts = [position_risk(position) for position in account.positions]
    expected = Risk(
        account.wallet_balance + sum(part.equity for part in parts),
        sum(part.initial for part in parts),
        sum(part.maintenance for part in parts),
        sum(part.notional for part in parts),
    )
    for field in ("equity", "initial", "maintenance", "notional"):
        assert getattr(whole, field) == pytest.approx(getattr(expected, field), abs=1e-12 * scale)
    assert sum(pool.collateral for pool in account.pools()) == pytest.approx(account.wallet_balance)
    assert sum(len(pool.positions) for pool in account.pools()) == len(account.positions)


@given(pools())
def test_a_common_shock_is_the_one_that_a_bisection_finds(pool: Pool) -> None:
    shock, searched = common_shock(pool), zeros(along_shock(pool))
    for move, factor in zip(shock, searched, strict=True):
        for each in (factor, None if move is None else 1 + move):
            if each is not None and 1 / FAR < each < FAR:
                moved = {symbol: mark * each * (1 + NEAR) for symbol, mark in marks_of(pool).items()}
                assume(abs(along_shock(pool)(each * (1 + NEAR))) > ROUNDING * amounts(pool, moved))
        assert same(None if move is None else 1 + move, factor, 1.0)


@given(lone_pools())
def test_a_common_shock_of_one_position_is_its_liquidation_price(pool: Pool) -> None:
    (position,) = pool.positions
    price, shock = liquidation_price(pool, "A"), common_shock(pool)
    move = shock.fall if position.quantity > 0 else shock.rise
    assert (shock.rise if position.quantity > 0 else shock.fall) is None
    assert same(None if move is None else 1 + move, None if price is None else price / position.mark_price, 1.0)


@given(pools(least=-0.5), st.floats(0, 0.02))
def test_closing_a_pool_makes_no_money_and_loses_none(pool: Pool, fee_rate: float) -> None:
    out = close_out(pool, clearance_fee_rate=fee_rate)
    scale = amounts(pool, marks_of(pool))
    assert pool.collateral + out.realized_pnl == pytest.approx(
        out.fee + out.remaining - out.deficit, abs=ROUNDING * scale
    )
    assert min(out.fee, out.remaining, out.deficit) >= 0
    assert out.remaining == 0 or out.deficit == 0


@given(positions(), st.floats(0.5, 2))
def test_profit_does_not_depend_on_the_path(position: Position, move: float) -> None:
    there = position.at(position.mark_price * move)
    assert there.at(position.mark_price) == position


# --- the one idea ---------------------------------------------------------------------------------------------------

PACKAGE = Path(marginlib.__file__).parent
# Where pictures and cases are made, a scenario may ask for a mode by its name; a formula may not.
FORMULAS = ("tiers", "model", "margin", "liquidation", "venues", "verify", "batch")


def functions(module: str) -> list[tuple[str, ast.FunctionDef]]:
    """Return the functions of a module with their names, methods as Class.method."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found = [("", node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    for parent in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        found += [(f"{parent.name}.", node) for node in parent.body if isinstance(node, ast.FunctionDef)]
    return [(prefix + node.name, node) for prefix, node in found]


def test_the_margin_mode_is_read_in_one_place() -> None:
    readers = {
        name
        for module in FORMULAS
        if (PACKAGE / f"{module}.py").exists()
        for name, function in functions(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and (
            node.attr == "margin_mode"
            or (isinstance(node.value, ast.Name) and node.value.id == "MarginMode" and node.attr != "value")
        )
    }
    assert readers == {"Account.pools", "Position.isolated", "Position.cross"}


def test_no_formula_asks_for_the_side() -> None:
    """A quantity is compared with 0 only to refuse a size of 0."""
    for module in FORMULAS:
        if not (PACKAGE / f"{module}.py").exists():
            continue
        for name, function in functions(module):
            for node in ast.walk(function):
                if not isinstance(node, ast.Compare):
                    continue
                sides = [node.left, *node.comparators]
                words = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in sides}
                if words & {"quantity", "exposure"} and any(
                    isinstance(each, ast.Constant) and each.value == 0 for each in sides
                ):
                    assert all(isinstance(operator, ast.Eq) for operator in node.ops), f"{module}.{name}"
