"""Notebook 10: how likely a liquidation is, and what is left, on simulated paths that are kept."""

from __future__ import annotations

from functools import cache
from math import isnan

import numpy as np

from marginlib.course.figures import TIER_DATE
from marginlib.drawing.chart import Axis, Chart, Line, Marker, Panel, Table, figure, grid, slider
from marginlib.model import Account, MarginMode
from marginlib.odds import Diffusion, Estimate, Odds, PathCache, chance_text
from marginlib.venues import rulebook
from marginlib.words import money, share_text

WALLET, MARGIN = 10_000.0, 2_500.0
_MARKS = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
PATHS, _SEED = 4_096, 1  # the same luck at every setting, so that what moves is the setting
WORST = 0.05  # the share of the paths whose losses are averaged as "the worst"
_LINES = {MarginMode.CROSS: "equity", MarginMode.ISOLATED: "isolated"}


@cache
def paths(volatility: float, correlation: float, days: int) -> PathCache:
    """Return the paths of both coins, simulated once for each setting of the market."""
    diffusion = Diffusion(volatility=dict.fromkeys(_MARKS, volatility), correlation=correlation)
    # Steps of two days at most: at the highest volatility prices then move by a fourteenth in one, typically.
    return PathCache(diffusion, days=days, steps=30, paths=PATHS, seed=_SEED)


def book_of(notional: float, leverage: float, margin: float | None) -> Account:
    """Return a long of this size in each coin: isolated with this margin each, or cross where there is none."""
    rules = rulebook("binance_usdm", TIER_DATE)
    opened = [rules.position(each, notional / mark, mark, leverage=leverage) for each, mark in _MARKS.items()]
    positions = tuple(each if margin is None else each.isolated(margin) for each in opened)
    return Account(wallet_balance=WALLET, positions=positions)


def amount(estimate: Estimate | None) -> str:
    """Return an amount of money with its standard error."""
    if estimate is None:
        return "no path shows it"
    error = estimate.standard_error  # one path alone has none
    return f"{money(estimate.value, 0)} {'on one path' if isnan(error) else f'± {error:,.0f}'}"


LEVERAGES = (2, 3, 4, 5, 7, 10, 15, 20)


@cache
def _odds_of(leverage: int, volatility: float, days: int, mode: MarginMode) -> Odds:
    """Return the odds of two longs of the same margin, one of them for each coin."""
    margin = MARGIN if mode is MarginMode.ISOLATED else None
    return paths(volatility, 0.8, days).odds(book_of(MARGIN * leverage, leverage, margin))


@figure(
    "How likely a liquidation is, and what is left",
    slider("leverage", "leverage setting", LEVERAGES, 5, "{}x"),
    slider("volatility", "volatility a year", (0.3, 0.45, 0.6, 0.8, 1.0), 0.6, lambda rate: share_text(rate, 0)),
    slider("days", "horizon", (1, 7, 14, 30, 60), 30, "{} days"),
)
def odds(*, leverage: int, volatility: float, days: int) -> Chart:
    """Return how likely a liquidation is along the leverage, and the distribution of what is left."""
    along = {mode: [_odds_of(each, volatility, days, mode) for each in LEVERAGES] for mode in _LINES}
    here = {mode: _odds_of(leverage, volatility, days, mode) for mode in _LINES}
    left = Panel(
        f"a liquidation within {days} days",
        Axis("leverage setting [x]", (0.0, LEVERAGES[-1] + 1.0)),
        Axis("probability [%]", (-3.0, 103.0)),
        lines=tuple(
            Line(f"{mode.value} margin", role, LEVERAGES, tuple(100 * each.liquidation.value for each in along[mode]))
            for mode, role in _LINES.items()
        ),
        markers=tuple(
            Marker(f"{mode.value}, at {{}}x", "mark", float(leverage), 100 * each.liquidation.value)
            for mode, each in here.items()
        ),
    )
    amounts = grid(-500.0, 25_000.0, 256)
    near = np.array(amounts) + 1e-6  # a hair above, for what subtracting floats leaves of an amount is that amount
    finals = {mode: each.final_equity.sample for mode, each in here.items()}
    shares = {mode: 100 * np.searchsorted(each, near, side="right") / len(each) for mode, each in finals.items()}
    right = Panel(
        "what is left at the end",
        Axis("final equity of the account [$]", (amounts[0], amounts[-1])),
        Axis("paths with at most that much [%]", (-3.0, 103.0)),
        lines=tuple(
            Line(f"{mode.value} margin", role, amounts, tuple(shares[mode].tolist())) for mode, role in _LINES.items()
        ),
        markers=(Marker("wallet at the start", "initial", WALLET, 0.0),),
    )
    told = " and ".join(f"{mode.value} {chance_text(each.liquidation)}" for mode, each in here.items())
    sentence = (
        f"Two longs of {money(MARGIN * leverage, 0)} at {leverage}x in a wallet of {money(WALLET, 0)}, volatility "
        f"{share_text(volatility, 0)} a year, correlation 0.8: within {days} days something is liquidated in {told} "
        f"(standard errors, {PATHS:,} paths)."
    )
    rows = tuple(
        (
            mode.value,
            chance_text(each.liquidation),
            amount(each.loss_if_liquidated),
            amount(each.loss.upper_tail(WORST)),
            amount(each.final_equity.quantile(0.5)),
        )
        for mode, each in here.items()
    )
    columns = ("mode", "liquidation", "average loss if so", "average of the worst 5 % of losses", "median left")
    title = "Probability of liquidation in both modes, and the distribution of final equity"
    return Chart(title, (left, right), sentence, Table(columns, rows))
