"""Claims to refute: whether some numbers do it, and one line that says what happens there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.model import Health, Pool, Position
from marginlib.practice.amounts import say
from marginlib.tiers import RiskSchedule
from marginlib.words import price_text

_FLAT = RiskSchedule.flat(0.004, max_leverage=125)
_FLAT_SOL = RiskSchedule.flat(0.005, max_leverage=100)


def _cross_dies_first(eth: float, sol: float) -> tuple[bool, str]:
    """Whether cross is liquidated at two prices where the isolated ETH long lives."""
    ether = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=_FLAT, leverage=5)
    solana = Position.open(symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=_FLAT_SOL, leverage=10)
    shared = risk(Pool(collateral=10_000, positions=(ether.at(eth), solana.at(sol))))
    alone = risk(Pool(collateral=2_000, positions=(ether.at(eth),)))
    line = (
        f"cross has {shared.equity:,.2f} dollars and must keep {shared.maintenance:,.2f}; "
        f"ETH alone has {alone.equity:,.2f} and must keep {alone.maintenance:,.2f}"
    )
    return shared.health is not Health.HEALTHY and alone.health is Health.HEALTHY, line


def _price(quantity: float, money: float) -> float | None:
    """Return where bitcoin opened at 60,000 is liquidated with some money behind it."""
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=60_000, schedule=_FLAT)
    return liquidation_price(Pool(collateral=money, positions=(btc,)), "BTCUSDT")


def _added_money_raises(quantity: float, collateral: float, added: float) -> tuple[bool, str]:
    """Whether more money does not lower the liquidation price."""
    if not quantity:
        return False, "with a quantity of 0 there is no position"
    before, after = _price(quantity, collateral), _price(quantity, collateral + added)
    line = f"with {say(added)} dollars more the price goes from {price_text(before)} to {price_text(after)}"
    return before is not None and after is not None and after > before, line


def _hedge_dies(long_entry: float, short_entry: float, price: float) -> tuple[bool, str]:
    """Whether one bitcoin long and one short, in one pool with 10,000 dollars, are liquidated at a price."""
    legs = [
        Position(symbol="BTCUSDT", quantity=side, entry_price=entry, mark_price=price, schedule=_FLAT)
        for side, entry in ((1, long_entry), (-1, short_entry))
    ]
    now = risk(Pool(collateral=10_000, positions=tuple(legs)))
    line = f"at {price:,.0f} the pool has {now.equity:,.2f} dollars and must keep {now.maintenance:,.2f}"
    return now.health is not Health.HEALTHY, line


def _isolated_no_nearer(margin: float) -> tuple[bool, str]:
    """Whether half a bitcoin, isolated with a margin, is liquidated no sooner than in cross with 10,000 dollars."""
    cross, isolated = _price(0.5, 10_000), _price(0.5, margin)
    line = f"isolated with {say(margin)} dollars it ends at {price_text(isolated)}, in cross at {price_text(cross)}"
    return isolated is None or (cross is not None and isolated <= cross), line


CLAIMS: Mapping[str, Callable[..., tuple[bool, str]]] = {
    "added_money_raises": _added_money_raises,
    "cross_dies_first": _cross_dies_first,
    "hedge_dies": _hedge_dies,
    "isolated_no_nearer": _isolated_no_nearer,
}
