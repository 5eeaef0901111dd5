"""What hypothesis draws: schedules, positions, pools and accounts that a venue could hold."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import strategies as st

from marginlib import (
    Account,
    Contract,
    MaintenanceBasis,
    Pool,
    Position,
    RiskSchedule,
    RiskTier,
    risk,
    rulebook,
    rulebooks,
)

CONTRACTS = st.sampled_from(Contract)
BASES = st.sampled_from(MaintenanceBasis)
SIGNS = st.sampled_from([1.0, -1.0])
LARGEST = 6.5  # of what NOTIONALS draws, as a power of ten
REAL_SCHEDULES = [
    schedule
    for book in rulebooks()
    for schedule in rulebook(*book).schedules.values()
    if (schedule.notional_cap or 10**LARGEST) >= 10**LARGEST  # a table in coins allows a few thousand coins
]


def magnitudes(low: float, high: float) -> st.SearchStrategy[float]:
    """Draw numbers whose logarithm is spread between two powers of ten."""
    return st.floats(low, high).map(lambda power: float(f"{10**power:.6g}"))


PRICES = magnitudes(-3, 5)
NOTIONALS = magnitudes(1, LARGEST)
MOVES = st.floats(0.5, 2.0)


@st.composite
def random_schedules(draw: st.DrawFn) -> RiskSchedule:
    """Draw convex tiers: floors that rise, rates that rise."""
    steps = draw(st.lists(magnitudes(2, 6), min_size=0, max_size=5))
    rates = sorted(draw(st.lists(st.floats(0.001, 0.6), min_size=len(steps) + 1, max_size=len(steps) + 1)))
    tiers = tuple(
        RiskTier(notional_floor=floor, maintenance_margin_rate=rate)
        for floor, rate in zip(accumulate(steps, initial=0.0), rates, strict=True)
    )
    return RiskSchedule(tiers=tiers, closing_fee_rate=draw(st.sampled_from([0.0, 0.0005])))


def schedules() -> st.SearchStrategy[RiskSchedule]:
    """Draw random convex tiers or one of the recorded tables."""
    return st.one_of(random_schedules(), st.sampled_from(REAL_SCHEDULES))


@st.composite
def positions(
    draw: st.DrawFn,
    *,
    symbol: str = "A",
    contract: Contract | None = None,
    mark: float | None = None,
    basis: MaintenanceBasis | None = None,
) -> Position:
    """Draw a cross position: either side, linear or inverse, marked or frozen maintenance."""
    contract = draw(CONTRACTS) if contract is None else contract
    mark = draw(PRICES) if mark is None else mark
    entry = mark * draw(MOVES)
    size = draw(NOTIONALS) / entry**contract.power
    return Position(
        symbol=symbol,
        quantity=draw(SIGNS) * size,
        entry_price=entry,
        mark_price=mark,
        schedule=draw(schedules()),
        contract=contract,
        maintenance_basis=draw(BASES) if basis is None else basis,
    )


def with_cushion(draw: st.DrawFn, backed: tuple[Position, ...], least: float) -> Pool:
    """Return a pool whose collateral is what the positions need and a cushion, a share of the notional."""
    needs = risk(Pool(collateral=0.0, positions=backed))
    cushion = draw(st.floats(least, 1.5)) * needs.notional
    return Pool(collateral=needs.maintenance - needs.equity + cushion, positions=backed)


@st.composite
def lone_pools(
    draw: st.DrawFn,
    *,
    least: float = 0.001,
    contract: Contract | None = None,
    basis: MaintenanceBasis | None = None,
) -> Pool:
    """Draw a healthy pool of one position."""
    return with_cushion(draw, (draw(positions(contract=contract, basis=basis)),), least)


@st.composite
def pools(draw: st.DrawFn, *, least: float = 0.001, most: int = 6) -> Pool:
    """Draw a pool of one to six positions in up to three symbols; healthy, unless `least` is below 0.

    Legs of one symbol share its mark, as in hedge mode.
    """
    contract = draw(CONTRACTS)
    marks = {symbol: draw(PRICES) for symbol in "ABC"}
    symbols = draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=most))
    backed = tuple(draw(positions(symbol=symbol, contract=contract, mark=marks[symbol])) for symbol in symbols)
    return with_cushion(draw, backed, least)


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Draw an account of up to five positions, each cross or isolated, and a wallet that holds what is set aside."""
    contract = draw(CONTRACTS)
    marks = {symbol: draw(PRICES) for symbol in "ABC"}
    held: list[Position] = []
    for symbol in draw(st.lists(st.sampled_from("ABC"), max_size=5)):
        position = draw(positions(symbol=symbol, contract=contract, mark=marks[symbol]))
        share = draw(st.one_of(st.none(), st.floats(0.01, 1.5)))
        held.append(position if share is None else position.isolated(share * position.entry_notional))
    set_aside = sum(position.isolated_margin or 0.0 for position in held)
    return Account(wallet_balance=set_aside + draw(st.floats(0, 1e6)), positions=tuple(held))
