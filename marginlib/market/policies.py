"""Policies: what a venue closes of a pool that is liquidatable, in which order, and when it lets the mode be changed.

A policy is a function from a pool to cuts; it moves no money (`settlement` does) and knows no prices but the marks. A
rulebook names one with its numbers, as data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from marginlib.errors import MarginError, at_least_zero, fraction, positive, unknown, wrong
from marginlib.margin import position_risk, risk
from marginlib.market.events import SetMarginMode
from marginlib.model import MarginMode, Pool, Position
from marginlib.venues import ModeChange


class Cut(NamedTuple):
    """One order of a liquidation policy: close this share of that position."""

    position: int  # index among the pool's positions
    share: float  # of its quantity [1], above 0 and at most 1
    taken_over: bool  # by the venue at its bankruptcy price, or else sold at the mark price for the owner's account


Order = Callable[[Pool], Sequence[int]]
"""Says in which order a pool's positions are liquidated, as indices among them."""

Policy = Callable[[Pool, int], Sequence[Cut]]
"""Says what to close of a pool that is liquidatable, given how often it has been cut in this event already."""


def _falling(pool: Pool, measure: Callable[[Position], float]) -> Sequence[int]:
    """Return the positions' indices by falling measure; equals keep the order of the account."""
    return sorted(range(len(pool.positions)), key=lambda index: -measure(pool.positions[index]))


def largest_loss_first(pool: Pool) -> Sequence[int]:
    """Return the positions' indices, the one with the largest unrealized loss first.

    Args:
        pool: the pool to be liquidated.
    """
    return _falling(pool, lambda position: -position.unrealized_pnl)


def largest_notional_first(pool: Pool) -> Sequence[int]:
    """Return the positions' indices, the one with the largest notional first.

    Args:
        pool: the pool to be liquidated.
    """
    return _falling(pool, lambda position: position.notional)


def largest_maintenance_first(pool: Pool) -> Sequence[int]:
    """Return the positions' indices, the one that needs the most maintenance margin first.

    Args:
        pool: the pool to be liquidated.
    """
    return _falling(pool, lambda position: position_risk(position).maintenance)


def full_close(order: Order | None = None) -> Policy:
    """Return the policy that takes positions over whole: the pool at once, or one position after another.

    Args:
        order: which position goes first, until the rest is safe; None takes the whole pool over at once. With
            `Leftover.KEPT` taking one cross position over never helps the rest: equity leaves pro rata to maintenance.
    """

    def policy(pool: Pool, _cuts: int) -> Sequence[Cut]:
        chosen = range(len(pool.positions)) if order is None else order(pool)[:1]
        return [Cut(index, 1.0, taken_over=True) for index in chosen]

    return policy


def step_down(tiers: int = 1, order: Order = largest_loss_first) -> Policy:
    """Return the policy that sells down to a safer tier, and takes over what is in the safest tiers already.

        sold: notional - upper edge of the tier that is `tiers` below

    Args:
        tiers: how many tiers at a time: 1 as Binance's smart liquidation, 2 as OKX. A position that has not as many
            tiers below it is taken over at its bankruptcy price.
        order: which position goes first; one that can be sold down is always tried before a take-over.

    Raises:
        MarginError: `tiers` is not a whole number of 1 or more.

    Example:
        >>> from marginlib import RiskSchedule
        >>> table = [(0, 50_000, 0.004, 125, 0), (50_000, None, 0.005, 100, 50)]
        >>> schedule = RiskSchedule.from_brackets(table)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=25, price=4_000, schedule=schedule)
        >>> cut, = step_down()(Pool(collateral=100, positions=(eth,)), 0)
        >>> cut.position, round(cut.share, 6), cut.taken_over
        (0, 0.5, False)

    Source: Binance, "Liquidation protocols" (smart liquidation); OKX, "partial liquidation".
    """
    if not isinstance(tiers, int) or tiers < 1:
        raise wrong("tiers", tiers, "give a whole number of 1 or more")

    def policy(pool: Pool, _cuts: int) -> Sequence[Cut]:
        ordered = order(pool)
        for index in ordered:
            position = pool.positions[index]
            below = position.schedule.tier(position.notional) - tiers
            if below >= 0:
                keep = position.schedule.floors[below + 1] / position.notional
                # A hair below the edge, or rounding leaves the position in the tier that it is to leave.
                return [Cut(index, 1.0 - keep * (1 - 1e-12), taken_over=False)]
        return [Cut(ordered[0], 1.0, taken_over=True)]

    return policy


def fifth_first(
    *, share: float = 0.2, above: float = 100_000.0, backstop: float = 2 / 3, order: Order = largest_loss_first
) -> Policy:
    """Return the policy that sells a fifth of a large position first, and the whole of it if that was not enough.

    A pool whose equity is below `backstop` of its maintenance margin is taken over whole, collateral and all.

    Args:
        share: what is sold first of a large position [1].
        above: notional from which a position is large [quote currency].
        backstop: share of the maintenance margin below which the vault takes over [1].
        order: which position goes first.

    Raises:
        MarginError: a share is out of its range.

    Source: Hyperliquid documentation, "Liquidations": the cooldown of 30 seconds, in which the whole position is sold,
    is the rest of the same event here.
    """
    positive("share", fraction("share", share))
    at_least_zero("above", above)
    fraction("backstop", backstop)

    def policy(pool: Pool, cuts: int) -> Sequence[Cut]:
        now = risk(pool)
        if now.equity < backstop * now.maintenance:
            return full_close()(pool, cuts)
        index = order(pool)[0]
        first = cuts == 0 and pool.positions[index].notional > above
        return [Cut(index, share if first else 1.0, taken_over=False)]

    return policy


def pairs_first(then: Policy) -> Policy:
    """Return the policy that sells long and short of one symbol against each other, before another policy is asked.

    Args:
        then: what is done when no symbol has both.

    Source: MEXC and OKX, "liquidation of hedged positions".
    """

    def policy(pool: Pool, cuts: int) -> Sequence[Cut]:
        for symbol in pool.symbols:
            legs = [(i, each.quantity) for i, each in enumerate(pool.positions) if each.symbol == symbol]
            sizes = [sum(abs(quantity) for _, quantity in legs if quantity * sign > 0) for sign in (1, -1)]
            if pair := min(sizes):
                return [Cut(i, min(1.0, pair / sizes[quantity < 0]), taken_over=False) for i, quantity in legs]
        return then(pool, cuts)

    return policy


def recorded_policy(liquidation: Mapping[str, Any]) -> Policy:
    """Return the policy that a rulebook's `liquidation` names, with its numbers and perhaps an `order` of those above.

    Args:
        liquidation: `policy`, its numbers, and `pairs_first`, true where long and short are closed against each other.

    Raises:
        MarginError: there is no such policy or order, or a number is not one that the policy takes.
    """
    makers: dict[str, Callable[..., Policy]] = {each.__name__: each for each in (full_close, step_down, fifth_first)}
    orders = {each.__name__: each for each in (largest_loss_first, largest_notional_first, largest_maintenance_first)}
    terms = dict(liquidation)
    name, order, pairs = terms.pop("policy", None), terms.get("order"), terms.pop("pairs_first", False)
    if name not in makers:
        raise unknown("policy", name, makers)
    if "order" in terms:
        if order not in orders:
            raise unknown("order", order, orders)
        terms["order"] = orders[order]
    try:
        return pairs_first(makers[name](**terms)) if pairs else makers[name](**terms)
    except TypeError as error:
        raise wrong("liquidation", dict(liquidation), str(error)) from error


def check_mode_change(event: SetMarginMode, positions: Iterable[Position], rule: ModeChange) -> None:
    """Refuse a change of the margin mode as the venue does."""
    mode = event.margin_mode
    in_the_way = [each.symbol for each in positions if event.symbol in {None, each.symbol} and each.margin_mode != mode]
    if rule is ModeChange.CROSS_ONLY and mode is not MarginMode.CROSS:
        raise MarginError(f"margin_mode = {mode.value}: this venue knows cross margin only; keep cross")
    if rule is ModeChange.WHOLE_ACCOUNT and event.symbol is not None:
        give = "this venue has one margin mode for the whole account; leave the symbol out"
        raise wrong("symbol", event.symbol, give)
    if rule is ModeChange.WHEN_FLAT and in_the_way:
        held = ", ".join(in_the_way)
        remedy = "close it first, then change the mode"
        raise MarginError(f"margin_mode = {mode.value}: refused while {held} is open; {remedy}")
    if rule is not ModeChange.WHOLE_ACCOUNT and event.symbol is None:
        raise MarginError("symbol = None: this venue has a margin mode for each symbol; name one")
