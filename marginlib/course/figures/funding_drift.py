"""Notebook 07: funding moves the liquidation price while the mark price stands still."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import MappingProxyType

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, choice, figure, slider
from marginlib.liquidation import liquidation_price
from marginlib.market import Funding, Rules, Snapshot, replay
from marginlib.model import Account, Pool, Position
from marginlib.venues import PaidFrom
from marginlib.words import money, percent, price_text

MARK, WALLET, LONGEST, A_DAY = 60_000.0, 10_000.0, 60, 3  # settlements a day, one every eight hours
_BTC = Position.open(symbol="BTCUSDT", quantity=0.5, price=MARK, schedule=FLAT, leverage=10)
_PAYERS = MappingProxyType({"margin": "its own margin", "account": "the available balance", "cross": "the cross pool"})


@cache
def _funded(rate: float, payer: str) -> tuple[tuple[Snapshot, float, float], ...]:
    """Return half a bitcoin after every settlement of sixty days, while it lives: state, money behind it, price."""
    held = _BTC if payer == "cross" else _BTC.isolated()
    rules = Rules(funding_from=PaidFrom.ACCOUNT if payer == "account" else PaidFrom.POSITION)
    settlements = [Funding(rates={"BTCUSDT": rate})] * (LONGEST * A_DAY)
    states = replay(Account(wallet_balance=WALLET, positions=(held,)), settlements, rules)
    alive = [state for state in states if state.account.positions]
    pools = [backing(state.account) for state in alive]
    prices = [liquidation_price(pool, "BTCUSDT") or 0.0 for pool in pools]
    return tuple(zip(alive, (pool.collateral for pool in pools), prices, strict=True))


def backing(account: Account) -> Pool:
    """Return the pool that backs the position, or the free money where there is no position any more."""
    pools = account.pools()
    return next((pool for pool in pools if pool.positions), pools[0])


@figure(
    "Funding moves the liquidation price",
    choice("payer", "paid from", _PAYERS, "margin"),
    slider(
        "rate",
        "funding rate per 8 h",
        (-0.001, -0.0005, -0.0003, -0.0001, 0.0, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002),
        0.0003,
        lambda rate: percent(rate, 2),
    ),
    slider("days", "days", (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 32, 45, 60), 30, "{}"),
)
def funding_drift(*, rate: float, payer: str, days: int) -> Chart:
    """Return the liquidation price of a long over days of funding, the mark price standing still."""
    alive, behind, prices = zip(*_funded(rate, payer), strict=True)
    xs = tuple(k / A_DAY for k in range(len(alive)))
    free = tuple(state.account.wallet_balance - own for state, own in zip(alive, behind, strict=True))
    last = min(days * A_DAY, len(alive) - 1)
    ended = days * A_DAY >= len(alive)
    here, price = alive[last], prices[last]
    now = Marker("on day {}", "liquidation", round(xs[last], 2), price)
    left = Panel(
        "liquidation price",
        Axis("days", (0, LONGEST)),
        Axis("BTC price [$]", (35_000, 62_500)),
        lines=(
            Line("mark price, standing still", "mark", (0, LONGEST), (MARK, MARK)),
            Line("liquidation price", "liquidation", xs, prices),
        ),
        markers=(now,),
    )
    right = Panel(
        "your money",
        Axis("days", (0, LONGEST)),
        Axis("[$]", (0, 13_000)),
        lines=(Line("behind the position", "equity", xs, behind), Line("rest of the account", "isolated", xs, free)),
        markers=(replace(now, role="mark", y=behind[last]),),
    )
    paid = here.ledger.funding
    # The available balance pays as long as there is one, and the margin pays what is missing.
    parts = [
        (free[0] - free[last], "the available balance"),
        (behind[0] - behind[last], _PAYERS[payer.replace("account", "margin")]),
    ]
    way = "into" if paid < 0 else "from"
    flow = " and ".join(f"{money(abs(part))} {way} {whose}" for part, whose in parts if round(part, 2))
    flow = f"{'receives' if paid < 0 else 'pays'} {flow or 'nothing'}"
    drift = f"stays at {price:,.0f}" if price == prices[0] else f"moves from {prices[0]:,.0f} to {price:,.0f}"
    sentence = (
        f"At {percent(rate, 2)} every eight hours, BTC standing still, the long {flow} in {xs[last]:.4g} days. Its "
        f"liquidation price {drift}."
    )
    if ended:
        sentence += f" The settlement at {(last + 1) / A_DAY:.4g} days liquidates it."
    rows = (
        ("one settlement", money(rate * _BTC.notional)),
        ("paid so far (-: received)", money(paid)),
        ("behind the position", money(behind[last])),
        ("rest of the account", money(free[last])),
        ("liquidation price", price_text(price)),
        ("away from the mark price", percent(price / MARK - 1)),
    )
    title, table = "Funding of a long of 0.5 BTC in a wallet of $10,000", Table(("after the days", "value"), rows)
    return Chart(title, (left, right), sentence, table)
