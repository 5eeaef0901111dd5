"""Notebook 08: a liquidation, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from marginlib.course.figures import TIER_DATE
from marginlib.course.figures.funding_drift import backing
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, choice, figure, slider
from marginlib.liquidation import liquidation_price
from marginlib.margin import risk
from marginlib.market import MarkPrices, Rules, Snapshot, fifth_first, full_close, replay, step_down
from marginlib.market.settlement import Liquidation
from marginlib.model import Account, Health, Pool
from marginlib.venues import rulebook
from marginlib.words import money, price_text

_POLICIES = MappingProxyType(
    {
        "full": ("all at once", full_close()),
        "down": ("one tier", step_down(1)),
        "two": ("two tiers", step_down(2)),
        "fifth": ("a fifth", fifth_first()),
    }
)
_ENDINGS = MappingProxyType({"jumps": ("it jumps down", 58_000.0), "recovers": ("it recovers", 60_000.0)})
_FALL = (59_500.0, 59_100.0, 59_000.0)
_CLEARANCE, _STAKE, _FUND = 0.003, 24_000.0, 100_000.0
STEPS = 2 * (len(_FALL) + 1)  # a price, then what the venue does, for each price


@cache
def _liquidated(policy: str, ending: str) -> tuple[Snapshot, ...]:
    """Return 20 BTC at 50x, isolated, along the fall and its ending; everything but the policy is the same."""
    book = rulebook("binance_usdm", TIER_DATE)
    held = book.position("BTCUSDT", 20, 60_000, leverage=50).isolated(_STAKE)
    rules = Rules(book=book, policy=_POLICIES[policy][1], clearance_fee_rate=_CLEARANCE)
    events = [MarkPrices(prices={"BTCUSDT": price}) for price in (*_FALL, _ENDINGS[ending][1])]
    account = Account(wallet_balance=_STAKE, positions=(held,))
    return tuple(replay(account, events, rules, insurance_fund=_FUND))


class _Frame(NamedTuple):
    """What there is at one step: the pool at its mark price, where the money is, and what happened, in words."""

    mark: float
    pool: Pool
    state: Snapshot
    words: str


def _frames(policy: str, ending: str) -> list[_Frame]:
    """Return every step: the start, and for each price first what the venue sees, then what it does."""
    states = _liquidated(policy, ending)
    bought = "20 BTC are bought at 60,000 with $24,000 of isolated margin. The position stands in tier 3."
    frames = [_Frame(60_000.0, backing(states[0].account), states[0], bought)]
    for before, after in pairwise(states):
        mark = after.mark_prices["BTCUSDT"]
        pool = backing(before.account)
        seen = pool.at(dict.fromkeys(pool.symbols, mark))
        frames.append(_Frame(mark, seen, before, _seen(seen, mark)))
        frames.append(_Frame(mark, backing(after.account), after, _done(after)))
    return frames


def _seen(pool: Pool, mark: float) -> str:
    """Return what the venue sees at a new price, in words."""
    if not pool.positions:
        return f"BTC is at {mark:,.0f}. There is no position any more."
    now = risk(pool)
    verdict = "is above" if now.health is Health.HEALTHY else "is no longer above"
    return (
        f"BTC is at {mark:,.0f}. The equity, {money(now.equity, 0)}, {verdict} the maintenance margin, "
        f"{money(now.maintenance, 0)}."
    )


def _done(state: Snapshot) -> str:
    """Return what the venue does, in words."""
    if not state.liquidations:
        return "The venue has nothing to do."
    words = " ".join(map(_told, state.liquidations))
    pool = backing(state.account)
    if not pool.positions:
        return f"{words} Nothing is left of the position."
    price = price_text(liquidation_price(pool, "BTCUSDT"))
    return f"{words} {pool.positions[0].quantity:.2f} BTC stay open, liquidated at {price}."


def _told(action: Liquidation) -> str:
    """Return one forced close in words."""
    size = f"{abs(action.quantity):.2f} BTC"
    if not action.taken_over:
        return f"The venue sells {size} at {action.mark_price:,.0f} and takes a fee of {money(action.fee, 0)}."
    if action.fund_paid:
        return (
            f"The price is past the bankruptcy price of {action.price:,.0f}: the fund takes {size} over and loses "
            f"{money(action.fund_paid, 0)}."
        )
    kept = money(action.fee + action.kept, 0)
    return f"The venue takes {size} over at {action.price:,.0f}; the fund gets what was left, {kept}."


def _stairs(heights: Sequence[float]) -> tuple[float, ...]:
    """Return each height twice: level from half a step before it to half a step after."""
    return tuple(height for each in heights for height in (each, each))


@figure(
    "A liquidation, step by step",
    choice("policy", "closes", {name: words for name, (words, _) in _POLICIES.items()}, "down"),
    choice("ending", "at the end", {name: words for name, (words, _) in _ENDINGS.items()}, "jumps"),
    slider("step", "step", tuple(range(STEPS + 1)), 0, "{}", plays=True),
)
def liquidation_steps(*, policy: str, ending: str, step: int) -> Chart:
    """Return a large long that is liquidated, up to one step: what is held, and who has the money."""
    frames = _frames(policy, ending)[: step + 1]
    risks = [risk(frame.pool) for frame in frames]
    funds = [frame.state.ledger.insurance_fund - _FUND for frame in frames]
    mark, pool, state, words = frames[-1]
    now, span = risks[-1], (-0.5, STEPS + 0.5)
    xs = tuple(x for k in range(step + 1) for x in (k - 0.5, k + 0.5))
    floors = rulebook("binance_usdm", TIER_DATE).schedule("BTCUSDT").floors
    left = Panel(
        f"what is held (closes {_POLICIES[policy][0]})",
        Axis("step", span),
        Axis("notional [$]", (0, 1_300_000)),
        lines=(
            Line("position", "position", xs, _stairs([each.notional for each in risks])),
            Line("tier 3 starts", "isolated", span, (floors[2],) * 2),
            Line("tier 2 starts", "mark", span, (floors[1],) * 2),
        ),
        markers=(Marker("step", "mark", float(step), now.notional),),
    )
    right = Panel(
        f"who has the money ({_ENDINGS[ending][0]})",
        Axis("step", span),
        Axis("[$]", (-5_000, 26_000)),
        lines=(
            Line("your equity", "equity", xs, _stairs([each.equity for each in risks])),
            Line("maintenance margin", "maintenance", xs, _stairs([each.maintenance for each in risks])),
            Line("insurance fund, change", "bankruptcy", xs, _stairs(funds)),
        ),
        markers=(Marker("step", "mark", float(step), now.equity),),
    )
    wallet, ledger = state.account.wallet_balance, state.ledger
    rows = (
        ("mark price", price_text(mark)),
        ("position", f"{pool.positions[0].quantity:.2f} BTC" if pool.positions else "none"),
        ("your equity", money(now.equity)),
        ("maintenance margin", money(now.maintenance)),
        ("liquidation price", price_text(liquidation_price(pool, "BTCUSDT") if pool.positions else None)),
        ("your wallet", money(wallet)),
        ("insurance fund", money(ledger.insurance_fund)),
        ("those who traded with you", money(ledger.counterparties)),
        ("these three together", money(wallet + ledger.insurance_fund + ledger.counterparties)),
    )
    title, table = f"A long of 20 BTC is liquidated ({_POLICIES[policy][0]})", Table(("at this step", "value"), rows)
    return Chart(title, (left, right), f"Step {step}. {words}", table)
