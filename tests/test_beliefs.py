"""The right reasoning is the engine; a belief's answer is recognised as that belief, and the right one never is."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from functools import cache, partial
from itertools import combinations
from math import fsum, inf, isclose, nan
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from refresh_notebooks import notebooks
from strategies import accounts, pools

import marginlib
from marginlib import (
    Account,
    Coin,
    Contract,
    MarginError,
    MarginMode,
    Netting,
    Order,
    Pool,
    Position,
    RiskSchedule,
    RiskTier,
    UnknownNameError,
    available_balance,
    bankruptcy_price,
    close_out,
    common_shock,
    initial_margin,
    liquidation_price,
    maintenance_margin,
    max_withdrawal,
    risk,
    rulebook,
)
from marginlib.market import Fill, MarkPrices, Rules, SetLeverage, SetMarginMode, replay
from marginlib.practice.beliefs import ASKS, BELIEFS, RIGHT, Belief, Case, Tolerance, answer, explanations, working
from marginlib.venues import PositionMode

FLAT = RiskSchedule.flat(0.004, max_leverage=125)
BTC_TABLE = rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT")
JUMPING = RiskSchedule(
    tiers=(
        RiskTier(notional_floor=0, maintenance_margin_rate=0.004),
        RiskTier(notional_floor=1_000_000, maintenance_margin_rate=0.01),
    ),
    whole_position=True,
)


def long(quantity: float = 1 / 12, symbol: str = "BTCUSDT", price: float = 60_000, leverage: float = 10) -> Position:
    return Position.open(symbol=symbol, quantity=quantity, price=price, schedule=FLAT, leverage=leverage)


def case(wallet: float, *positions: Position, **rest: object) -> Case:
    return Case(account=Account(wallet_balance=wallet, positions=positions), **rest)


def beliefs(ask: str, asked: Case, tolerance: Tolerance) -> dict[str, float | None]:
    """Return what each belief answers, those that answer right left out."""
    right = answer(ask, asked)
    said = {code: answer(ask, asked, code) for code in BELIEFS}
    return {code: value for code, value in said.items() if value != right and not tolerance.same(value, right)}


def recognise(value: object, ask: str, asked: Case, tolerance: Tolerance | None = None) -> tuple[str, ...]:
    """Return the belief, or pair of beliefs, that is named first; () if the answer is right or nothing explains it."""
    return next(iter(explanations(value, partial(answer, ask, asked), (tolerance or Tolerance()).same)), ())


# --- the right reasoning --------------------------------------------------------------------------------------------


def same(found: float | None, expected: float | None, rel: float = 1e-7, scale: float = 0.0) -> bool:
    if found is None or expected is None:
        return found is expected
    return isclose(found, expected, rel_tol=rel, abs_tol=1e-9 * scale) or found == expected


def near_nothing(pool: Pool, price: float | None, symbol: str) -> bool:
    """Whether a price is so small or so large that "none" and the price are one rounding apart."""
    mark = next(each.mark_price for each in pool.positions if each.symbol == symbol)
    return price is not None and not 1e-6 < price / mark < 1e6


@given(pools(least=0.01))
def test_prices_of_a_shared_pool_are_the_engines(pool: Pool) -> None:
    account = Account(wallet_balance=0).after(wallet_balance=pool.collateral, positions=pool.positions)
    for symbol in pool.symbols:
        asked = Case(account=account, symbol=symbol)
        for ask, engine in (("liquidation_price", liquidation_price), ("bankruptcy_price", bankruptcy_price)):
            expected, found = engine(pool, symbol), answer(ask, asked)
            if not near_nothing(pool, expected, symbol) and not near_nothing(pool, found, symbol):
                assert same(found, expected), (ask, symbol)


@given(pools(least=0.01))
def test_common_moves_of_a_healthy_pool_are_the_engines(pool: Pool) -> None:
    account = Account(wallet_balance=0).after(wallet_balance=pool.collateral, positions=pool.positions)
    shock = common_shock(pool)
    for ask, expected in (("common_fall", shock.fall),):
        found = answer(ask, Case(account=account))
        moves = [1 + move for move in (found, expected) if move is not None]
        if all(1e-6 < move < 1e6 for move in moves):
            assert same(found, expected, rel=1e-6), ask


@given(accounts())
def test_amounts_of_an_account_are_the_engines(account: Account) -> None:
    assume(account.positions)
    by_pool = [risk(pool) for pool in account.pools()]
    scale = abs(account.wallet_balance) + fsum(each.notional + abs(each.unrealized_pnl) for each in account.positions)
    close = partial(same, rel=1e-9, scale=scale)
    assert close(answer("money_left", Case(account=account)), fsum(close_out(p).remaining for p in account.pools()))
    assert close(answer("available_balance", Case(account=account)), available_balance(account))
    assert answer("pool_count", Case(account=account)) == sum(bool(pool.positions) for pool in account.pools())
    for symbol in {each.symbol for each in account.positions}:
        asked = Case(account=account, symbol=symbol)
        legs = [each for each in account.positions if each.symbol == symbol]
        pool, now = next(
            (pool, now) for pool, now in zip(account.pools(), by_pool, strict=True) if symbol in pool.symbols
        )
        assert close(answer("pnl", asked), fsum(leg.unrealized_pnl for leg in legs))
        assert close(answer("notional", asked), fsum(leg.notional for leg in legs))
        assert close(answer("initial_margin", asked), fsum(map(initial_margin, legs)))
        assert close(answer("maintenance_margin", asked), fsum(map(maintenance_margin, legs)))
        assert close(answer("equity", asked), now.equity)
        assert close(answer("pool_maintenance", asked), now.maintenance)
        if abs(now.equity) > 1e-6 * scale:
            ratio, leverage = answer("margin_ratio", asked), answer("effective_leverage", asked)
            assert same(ratio, now.margin_ratio, rel=1e-5)
            assert same(leverage, now.effective_leverage, rel=1e-5)
        end = answer("liquidation_price", asked)
        if end is not None and not near_nothing(pool, end, symbol) and now.equity > now.maintenance:
            at_end = close_out(pool.at({symbol: end}))
            assert same(answer("left_at_liquidation", asked), at_end.remaining, rel=1e-5, scale=1e3 * scale)
            assert same(
                answer("loss_at_liquidation", asked), pool.collateral - at_end.remaining, rel=1e-5, scale=1e3 * scale
            )


@st.composite
def accounts_of_more_rules(draw: st.DrawFn) -> Account:
    """Draw one or two symbols, with two legs or not, coins, open orders and a rule of netting; the pool is healthy."""
    schedule = draw(st.sampled_from([FLAT, BTC_TABLE, JUMPING]))  # one table: what is asked of a larger leg is more
    sizes = draw(st.lists(st.floats(0.01, 40), min_size=1, max_size=4))
    sides = [draw(st.sampled_from([1, -1])) for _ in sizes]
    legs = tuple(
        replace(
            Position.open(symbol="AB"[k // 2], quantity=side * size, price=60_000, schedule=schedule),
            entry_price=60_000 * draw(st.floats(0.7, 1.4)),
        )
        for k, (side, size) in enumerate(zip(sides, sizes, strict=True))
    )
    coins = tuple(
        Coin(symbol=symbol, amount=draw(st.floats(0.01, 5)), mark_price=60_000, haircut=draw(st.floats(0, 0.9)))
        for symbol in draw(st.lists(st.sampled_from("ABC"), max_size=2))
        if symbol == "C" or any(leg.symbol == symbol for leg in legs)
    )
    orders = (Order(name="bid", symbol="A", quantity=draw(st.floats(0.1, 5)), price=50_000, leverage=10),)
    bare = Pool(collateral=0.0, positions=legs, coins=coins, netting=draw(st.sampled_from(Netting)))
    needs = risk(bare)
    cushion = draw(st.floats(0.01, 1.5)) * needs.notional
    wallet = max(0.0, needs.maintenance - needs.equity) + cushion
    return Account(
        wallet_balance=wallet,
        positions=legs,
        coins=coins,
        netting=bare.netting,
        orders=draw(st.sampled_from([(), orders])),
    )


@given(accounts_of_more_rules())
def test_coins_orders_netting_tiers_and_what_may_leave_are_the_engines(account: Account) -> None:
    pool, now = account.pools()[0], risk(account.pools()[0])
    scale = fsum(each.notional + each.entry_notional for each in pool.positions) + pool.coins_value
    close = partial(same, rel=1e-9, scale=scale)
    assert close(answer("may_leave", Case(account=account)), max_withdrawal(account))
    assert close(answer("available_balance", Case(account=account)), available_balance(account))
    assert close(answer("equity", Case(account=account)), now.equity)
    assert close(answer("pool_maintenance", Case(account=account)), now.maintenance)
    for symbol in dict.fromkeys(each.symbol for each in pool.positions):
        for ask, engine in (("liquidation_price", liquidation_price), ("bankruptcy_price", bankruptcy_price)):
            expected, found = engine(pool, symbol), answer(ask, Case(account=account, symbol=symbol))
            if not near_nothing(pool, expected, symbol) and not near_nothing(pool, found, symbol):
                assert same(found, expected, rel=1e-6), (ask, symbol)
    expected, found = common_shock(pool).fall, answer("common_fall", Case(account=account))
    if all(1e-6 < 1 + move < 1e6 for move in (found, expected) if move is not None):
        assert same(found, expected, rel=1e-6)


@given(st.floats(0.1, 3), st.floats(0.1, 4), st.sampled_from([1, -1]), st.booleans(), st.sampled_from(PositionMode))
def test_what_a_trade_leaves_is_what_the_replay_leaves(
    size: float, sold: float, side: int, isolated: bool, mode: PositionMode
) -> None:
    rules = Rules(book=rulebook("binance_usdm", "2026-09-29"), position_mode=mode)
    events = [
        SetMarginMode(symbol="BTCUSDT", margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS),
        SetLeverage(symbol="BTCUSDT", leverage=10),
        Fill(symbol="BTCUSDT", quantity=side * size, price=60_000),
        MarkPrices(prices={"BTCUSDT": 61_000}),
        Fill(symbol="BTCUSDT", quantity=-side * sold, price=61_000),
    ]
    *_, before, after = replay(Account(wallet_balance=100_000), events, rules)
    asked, legs = Case(account=before.account, trade=-side * sold, position_mode=mode), after.account.positions
    assert legs or sold == size
    for ask, expected in {
        "notional": fsum(each.notional for each in legs),
        "pnl": fsum(each.unrealized_pnl for each in legs),
        "initial_margin": fsum(map(initial_margin, legs)),
        "available_balance": available_balance(after.account),
    }.items():
        assert same(answer(ask, asked), expected, scale=1e5), ask


@given(st.floats(0.6, 1.5), st.floats(1.01, 1.3), st.booleans())
def test_the_margin_for_a_target_is_liquidated_there(entry: float, away: float, short: bool) -> None:
    side = -1 if short else 1
    asked = case(1_000_000, replace(long(side * 2.0), entry_price=60_000 * entry), target_price=60_000 * away**-side)
    needed = answer("margin_for_target", asked)
    pool = Pool(collateral=needed, positions=asked.account.positions)
    assert liquidation_price(pool, "BTCUSDT") == pytest.approx(asked.target_price)


def test_funding_is_paid_until_the_maintenance_margin_is_left() -> None:
    # Half a bitcoin, 3,000 dollars, 0.10 %: 30 dollars three times a day, and 120 must be kept: (3,000 - 120) / 90.
    asked = case(10_000, long(0.5).isolated(), funding_rate=0.001)
    assert answer("funding", asked) == pytest.approx(30)
    assert answer("days", asked) == pytest.approx(32)
    assert answer("days", asked, "NO_MAINTENANCE") == pytest.approx(3_000 / 90)
    received = case(10_000, long(-0.5).isolated(), funding_rate=0.001)
    assert answer("funding", received) == pytest.approx(-30)
    assert answer("days", received) is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (case(10_000, long().isolated()), 500),
        (case(10_000, long(1 / 60)), 1_000),  # a long of 1,000 dollars can lose 1,000, whatever stands behind it
        (case(10_000, long(-1 / 60)), 10_000),
        (case(10_000, *(long(0.1, symbol).isolated() for symbol in "ABC")), 1_800),
    ],
)
def test_the_most_that_can_be_lost(asked: Case, expected: float) -> None:
    assert answer("most_you_can_lose", asked) == pytest.approx(expected)


# --- the catalogue --------------------------------------------------------------------------------------------------

# The beliefs whose codes the course names in its prose and its exercises.
NAMED_BY_THE_COURSE = {
    "NO_MAINTENANCE", "SIGN", "OTHER_POSITIONS_MAINTENANCE", "LEVERAGE_IN_MAINTENANCE", "WALLET_FOR_MARGIN",
    "ENTRY_FOR_MARK", "FLAT_TIER", "LAST_FOR_MARK", "LEVERAGE_MULTIPLIES_PNL", "LIQUIDATION_IS_BANKRUPTCY",
}  # fmt: skip


def test_the_catalogue_is_large_enough_and_complete() -> None:
    assert set(BELIEFS) >= NAMED_BY_THE_COURSE
    assert sum(bool(each.changes) for each in BELIEFS.values()) >= 18
    numbers = {path.stem[:2] for path in notebooks()}
    for code, each in BELIEFS.items():
        assert each.statement.endswith(".")
        assert each.remedy.endswith(".")
        assert each.source
        assert each.notebook in numbers
        line = each.refutation
        assert "\n" not in line
        assert any(letter.isdigit() for letter in line), code


def test_a_refutation_is_computed_when_it_is_read() -> None:
    """With 1 % to keep, where it was 0.4 %, each line says another number; lines without a price of the case stay."""
    changed = set()
    for code, each in BELIEFS.items():
        dearer = tuple(
            replace(position, schedule=RiskSchedule.flat(0.01, max_leverage=100))
            for position in each.case.account.positions
        )
        told = replace(each, case=replace(each.case, account=each.case.account.after(positions=dearer))).refutation
        changed |= {code} if told != each.refutation else set()
    assert {"NO_MAINTENANCE", "LIQUIDATION_IS_BANKRUPTCY", "LEVERAGE_IS_DISTANCE", "HEDGED_IS_SAFE"} <= changed
    assert len(changed) > 20


def test_a_belief_is_one_record() -> None:
    """What it says, what it changes and what is said against it stand in one place."""
    package = Path(marginlib.__file__).parent
    texts = {path: path.read_text(encoding="utf-8") for path in (package / "practice").rglob("*.py")}
    for code in BELIEFS:
        found = [path.name for path, text in texts.items() for _ in re.findall(rf'"{code}": Belief\(', text)]
        assert found == ["catalogue.py"], code


def test_a_new_belief_is_asked_and_recognised_with_its_record_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Belief(
        notebook="07",
        statement="Half of the margin goes to fees.",
        remedy="Fees are a share of the notional.",
        source="made up for this test",
        changes={"left_over": lambda equity: equity / 2},
        against=lambda right, wrong: f"{right('left_at_liquidation'):.2f}, not {wrong('left_at_liquidation'):.2f}.",
    )
    held = MappingProxyType({**BELIEFS, "FEES_ARE_MARGIN": new})
    monkeypatch.setattr("marginlib.practice.beliefs.recognise.BELIEFS", held)
    value = answer("left_at_liquidation", BANK["isolated"], "FEES_ARE_MARGIN")
    assert value == pytest.approx(answer("left_at_liquidation", BANK["isolated"]) / 2)
    assert recognise(value, "left_at_liquidation", BANK["isolated"]) == ("FEES_ARE_MARGIN",)
    assert new.refutation == "18.07, not 9.04."


# A bank of cases: for each belief at least one asks what it changes.
LEGS = (replace(long(1), entry_price=69_400), long(-1))
INVERSE = Position(
    symbol="BTCUSD", quantity=60_000, entry_price=60_000, mark_price=50_000, schedule=FLAT, leverage=2,
    contract=Contract.INVERSE,
).isolated()  # fmt: skip
BANK = {
    "isolated": case(
        10_000, long().isolated(), target_price=48_000, funding_rate=0.0005, fee_rate=0.0004, volatility=0.6, days=20
    ),
    "isolated, won": Case(account=case(10_000, long(0.5).isolated()).account.at({"BTCUSDT": 62_000})),
    "isolated, added": Case(account=case(10_000, long().isolated(800)).account.at({"BTCUSDT": 57_000})),
    "isolated short": Case(account=case(10_000, long(-0.2, leverage=7).isolated()).account.at({"BTCUSDT": 61_500})),
    "cross": case(10_000, long(0.5, leverage=12), target_price=45_000),
    "cross short": case(10_000, long(-0.5, leverage=20), last_prices={"BTCUSDT": 63_000}),
    "cross pair": Case(
        account=case(10_000, long(0.3), long(-4, "ETHUSDT", 3_000, 5)).account.at({"BTCUSDT": 55_000, "ETHUSDT": 3_200})
    ),
    "three isolated": case(10_000, *(long(0.02 * k, f"COIN{k}").isolated() for k in (1, 2, 3))),
    "large": case(
        200_000,
        Position.open(symbol="BTCUSDT", quantity=1_000_000 / 60_000, price=60_000, schedule=BTC_TABLE, leverage=20),
    ),
    "hedge": case(10_000, *LEGS),
    "hedge, netted": Case(account=Account(wallet_balance=10_000, positions=LEGS, netting=Netting.LARGER_LEG)),
    "won, with a bid": Case(
        account=Account(
            wallet_balance=2_000,
            positions=(long(1 / 6, leverage=20),),
            orders=(Order(name="bid", symbol="ETHUSDT", quantity=5, price=3_000, leverage=10),),
        ).at({"BTCUSDT": 78_000})
    ),
    "coins": Case(
        account=Account(
            wallet_balance=5_000,
            positions=(long(1),),
            coins=(Coin(symbol="BTCUSDT", amount=0.4, mark_price=60_000, haircut=0.05),),
        )
    ),
    "whole position": case(
        100_000, Position.open(symbol="BTCUSDT", quantity=30, price=60_000, schedule=JUMPING, leverage=20)
    ),
    "sold, hedge mode": case(10_000, long(1), trade=-0.4, position_mode=PositionMode.HEDGE),
    "sold, one-way mode": case(10_000, long(1), trade=-0.4),
    "inverse": case(1, INVERSE),
}
EXACT = Tolerance(rel=1e-6)


def held() -> list[tuple[str, str, str]]:
    """Return (case, ask, belief) wherever a belief changes what is asked."""
    return [(name, ask, code) for name, asked in BANK.items() for ask in ASKS for code in beliefs(ask, asked, EXACT)]


def test_every_belief_with_a_number_is_seen_somewhere_in_the_bank() -> None:
    assert {code for *_, code in held()} == {code for code, each in BELIEFS.items() if each.changes}


@pytest.mark.parametrize(
    "held", [long(leverage=1), replace(INVERSE, quantity=-60_000, leverage=1)], ids=["linear", "inverse"]
)
def test_at_1x_a_distance_of_one_over_the_setting_is_no_price(held: Position) -> None:
    assert answer("liquidation_price", case(10_000, held.isolated()), "LEVERAGE_IS_DISTANCE") is None


def test_a_frozen_pair_whose_legs_are_closed_has_no_price_and_not_one_that_is_rounding() -> None:
    legs = (long(1.36, price=30_200).at(23_500), long(-1.36, price=23_500))
    closed = Account(wallet_balance=9_773, positions=legs, netting=Netting.LEGS_CLOSED)
    assert answer("liquidation_price", Case(account=closed)) is None


@pytest.mark.parametrize("name", BANK)
def test_each_beliefs_answer_is_recognised_and_the_right_one_never_is(name: str) -> None:
    asked, ties = BANK[name], 0
    for ask in ASKS:
        says = cache(partial(answer, ask, asked))
        assert explanations(says(), says, EXACT.same) == ()
        wrong = beliefs(ask, asked, EXACT)
        for code, value in wrong.items():
            found = explanations(value, says, EXACT.same)
            assert (code,) in found, (ask, code)
            # What ties does so because it says the same; the first is the one that is named.
            assert all(EXACT.same(says(*codes), value) for codes in found)
            assert code != "NO_MAINTENANCE" or recognise(value, ask, asked, EXACT) == found[0]
            ties += len(found) > 1
    assert name != "isolated" or ties  # 54,000 is what several beliefs say


def test_a_tie_is_reported_as_one() -> None:
    found = explanations(500, partial(answer, "loss_at_liquidation", BANK["isolated"]))
    assert found[:2] == (("NO_MAINTENANCE",), ("LIQUIDATION_IS_BANKRUPTCY",))


def test_pairs_that_change_different_steps_are_recognised() -> None:
    seen = set()
    for name in ("isolated", "isolated short", "cross", "cross pair", "large"):
        asked = BANK[name]
        for ask in ("liquidation_price", "margin_ratio", "maintenance_margin", "equity", "loss_at_liquidation", "days"):
            says = cache(partial(answer, ask, asked))
            right, single = says(), beliefs(ask, asked, EXACT)
            for a, b in combinations(single, 2):
                value = says(a, b)
                if BELIEFS[a].changes.keys() & BELIEFS[b].changes.keys() or EXACT.same(value, right):
                    continue
                found = explanations(value, says, EXACT.same)
                assert found
                if any(EXACT.same(value, said) for said in single.values()):
                    assert all(len(codes) == 1 for codes in found)  # the simpler explanation
                else:
                    assert (a, b) in found, (name, ask, a, b)
                    seen.add((a, b))
    assert ("NO_MAINTENANCE", "LEVERAGE_MULTIPLIES_PNL") in seen
    assert len(seen) > 20


@settings(phases=[Phase.explicit, Phase.generate])
@given(accounts(), st.floats(0.9, 1.1))
def test_the_right_answer_is_never_called_wrong(account: Account, near: float) -> None:
    assume(account.positions)
    asked = Case(account=account)
    for ask in ("liquidation_price", "margin_ratio", "pnl", "maintenance_margin", "most_you_can_lose"):
        right = answer(ask, asked)
        assert recognise(right, ask, asked) == ()
        if right is not None:
            given_answer = right * (1 + 0.001 * (near - 1))  # within the tolerance
            assert recognise(given_answer, ask, asked) == ()


@pytest.mark.parametrize("value", [nan, inf, -inf, "54,000", True, object(), [1]])
def test_what_is_no_number_is_explained_by_nothing(value: object) -> None:
    assert recognise(value, "liquidation_price", BANK["isolated"]) == ()


def test_no_price_is_an_answer() -> None:
    assert answer("liquidation_price", BANK["hedge"], "HEDGED_IS_SAFE") is None
    assert recognise(None, "liquidation_price", BANK["hedge"]) == ("HEDGED_IS_SAFE",)


def test_refusals_name_what_would_be_right() -> None:
    with pytest.raises(UnknownNameError, match="ask = 'price': give one of pnl"):
        working("price", BANK["cross"])
    with pytest.raises(UnknownNameError, match="code = 'WRONG': give one of SELL_CLOSES"):
        answer("pnl", BANK["cross"], "WRONG")
    with pytest.raises(UnknownNameError, match="symbol = 'X': give one of BTCUSDT"):
        case(10_000, long(), symbol="X")
    with pytest.raises(UnknownNameError, match="give one of none"):
        case(10_000)
    with pytest.raises(MarginError, match="rel = -1"):
        Tolerance(rel=-1)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("name", BANK)
def test_each_ask_has_one_line_of_arithmetic(name: str, ask: str) -> None:
    asked = BANK[name]
    if ask == "margin_for_target" and asked.target_price is None:
        return
    line = working(ask, asked)
    assert line
    assert "\n" not in line
    assert "nan" not in line


def test_every_step_is_explained_beside_it() -> None:
    lines = inspect.getsource(type(RIGHT)).splitlines()
    for each in fields(RIGHT):
        k = next(k for k, line in enumerate(lines) if line.startswith(f"    {each.name}: "))
        assert "# " in lines[k] or lines[k - 1].lstrip().startswith("# "), each.name
