"""Settlement: what a liquidation books, and whose money it is.

A pool that is cut leaves realized PnL, a fee, what the insurance fund keeps or pays, and what the counterparties go
without. `settle` works that out for one pool, at its marks, and changes nothing; `replay` books it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import NamedTuple

from marginlib.errors import MarginError
from marginlib.margin import position_risk, risk
from marginlib.market.policies import Cut
from marginlib.model import Pool, Position
from marginlib.venues import Leftover

# Two amounts that differ by less than this share of what was added up are the same amount.
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Liquidation:
    """A position, or a share of one, that was closed by force; amounts in quote currency.

    Example:
        >>> from marginlib import RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1, price=100, schedule=RiskSchedule.flat(0.01)).at(90.5)
        >>> seized = Liquidation(closed=btc, taken_over=True, settled_pnl=-10, kept=0.5)  # 10 of margin: bankrupt at 90
        >>> seized.price, seized.realized_pnl
        (90.0, -9.5)
    """

    closed: Position  # what was closed, at the mark price of that moment
    taken_over: bool  # by the venue; False where it was sold for the owner
    settled_pnl: float  # PnL at the price at which the owner was settled
    fee: float = 0.0  # clearance fee
    kept: float = 0.0  # what the insurance fund got besides the fee
    fund_paid: float = 0.0  # what the insurance fund paid of the loss beyond the collateral
    deleveraged: float = 0.0  # what the counterparties went without, the fund being empty

    @property
    def symbol(self) -> str:
        """The contract."""
        return self.closed.symbol

    @property
    def quantity(self) -> float:
        """What was closed, with the sign that the position had [base coin]."""
        return self.closed.quantity

    @property
    def mark_price(self) -> float:
        """The mark price of that moment [quote currency per base coin]."""
        return self.closed.mark_price

    @property
    def realized_pnl(self) -> float:
        """PnL at the mark price [quote currency]."""
        return self.closed.unrealized_pnl

    @property
    def price(self) -> float:
        """The price at which the owner was settled [quote currency per base coin]: the mark or the bankruptcy price."""
        if self.settled_pnl == self.realized_pnl:
            return self.mark_price
        power = self.closed.contract.power
        return (self.closed.entry_price**power + self.settled_pnl / self.closed.exposure) ** power


class Settlement(NamedTuple):
    """What is booked when a pool is cut."""

    done: tuple[Liquidation, ...]
    swaps: tuple[tuple[Position, Position | None], ...]  # each position that was cut, and what is left of it
    wallet: float  # its change [quote currency]
    # What is added to the ledger [quote currency]: `insurance_fund`, what the fund got less what it paid;
    # `counterparties`, what those on the other side realized; `deleveraged`, what they went without.
    flows: Mapping[str, float]


def split(held: Position, share: float) -> tuple[Position, Position | None]:
    """Return what is closed of a position and what is left of it, each with its share of the position's own margin."""
    if share >= 1:
        return held, None
    own = held.isolated_margin
    closed, rest = (
        replace(held, quantity=size * held.quantity, isolated_margin=None if own is None else size * own)
        for size in (share, 1 - share)
    )
    return closed, rest


def settle(pool: Pool, cuts: Sequence[Cut], *, leftover: Leftover, fee_rate: float, fund: float) -> Settlement:
    """Return what is booked when these cuts of a pool are made, all at its marks.

    Each position answers for the share of the pool's equity that its share of the maintenance margin is: that is what
    it leaves when it is taken over, and what its clearance fee cannot exceed. A bankrupt pool is taken over whole,
    whatever the cuts; a loss beyond the collateral is paid by the fund and, when that is empty, by the counterparties.

    Raises:
        MarginError: the cuts close nothing, or more than there is.

    Example:
        >>> from marginlib import RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=10, price=100, schedule=RiskSchedule.flat(0.01)).at(91)
        >>> pool = Pool(collateral=99, positions=(btc,))  # equity 9 of 9.1
        >>> sold = settle(pool, [Cut(0, 0.2, taken_over=False)], leftover=Leftover.KEPT, fee_rate=0.005, fund=0)
        >>> round(sold.flows["insurance_fund"], 6), round(sold.wallet, 6)  # 0.5 % of 2 x 91; a fifth of 90
        (0.91, -18.91)
    """
    now, needs = risk(pool), [position_risk(position).maintenance for position in pool.positions]
    gross = sum(needs)  # of every leg, where netting asks for less
    if now.equity <= 0:
        cuts = [Cut(index, 1.0, taken_over=True) for index in range(len(pool.positions))]
    if len({cut.position for cut in cuts}) != len(cuts) or not cuts or not all(0 < cut.share <= 1 for cut in cuts):
        raise MarginError(f"policy: {list(cuts)!r} for {', '.join(pool.symbols)}; give shares above 0 and at most 1")
    done, swaps = [], []
    for cut in cuts:
        held = pool.positions[cut.position]
        closed, rest = split(held, cut.share)
        swaps.append((held, rest))
        weight = needs[cut.position] / gross if gross else held.notional / now.notional
        behind = now.equity * cut.share * weight
        left, debt = max(behind, 0.0), max(-behind, 0.0)
        fee = min(fee_rate * closed.notional, left)
        # The bankruptcy price is that at which nothing is left to the owner: the fund gets it all, as a fee or so.
        seized = cut.taken_over and leftover is Leftover.KEPT
        covered = min(debt, fund)
        fund -= covered
        liquidation = Liquidation(
            closed=closed,
            taken_over=cut.taken_over,
            settled_pnl=closed.unrealized_pnl + debt - (left if seized else 0.0),
            fee=fee,
            kept=left - fee if seized else 0.0,
            fund_paid=covered,
            deleveraged=debt - covered,
        )
        done.append(liquidation)
    realized = fsum(each.realized_pnl for each in done)
    missing = fsum(each.deleveraged for each in done)
    to_fund = fsum(each.fee + each.kept - each.fund_paid for each in done)
    wallet = realized - to_fund + missing
    emptied = len(cuts) == len(pool.positions) and all(cut.share == 1 for cut in cuts)
    if emptied and abs(pool.collateral + wallet) <= ROUNDING * (abs(pool.collateral) + abs(realized)):
        # Nothing is left but rounding, which the fund takes.
        to_fund += pool.collateral + wallet
        wallet = -pool.collateral
    if pool.own and rest is not None:
        swaps = [(held, replace(rest, isolated_margin=pool.collateral + wallet))]  # the one position has what is left
    flows = {"insurance_fund": to_fund, "counterparties": -realized - missing, "deleveraged": missing}
    return Settlement(tuple(done), tuple(swaps), wallet, flows)
