"""Figures of notebook 10: how likely a liquidation is and how much it takes, on simulated paths that are kept."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from marginlib.course.figures.tiers import TIER_DATE
from marginlib.drawing.chart import Chart, Explorer, Line, Marker, Panel, Table, alt_text, grid, slider
from marginlib.model import Account, MarginMode
from marginlib.odds.diffusion import Diffusion
from marginlib.odds.estimates import Estimate, Odds
from marginlib.odds.simulate import PathCache
from marginlib.venues import rulebook
from marginlib.words import money

__all__ = ["ODDS", "TRADE_OFF"]

WALLET, MARGIN = 10_000.0, 2_500.0
_MARKS = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
_PATHS, _SEED = 4_096, 1  # the same luck at every setting, so that what moves is the setting
_WORST = 0.05  # the share of the paths whose losses are averaged as "the worst"
_LINES = {MarginMode.CROSS: "equity", MarginMode.ISOLATED: "isolated"}


@cache
def _paths(volatility: float, correlation: float, days: int) -> PathCache:
    """Return the paths of both coins, simulated once for each setting of the market."""
    diffusion = Diffusion(volatility=dict.fromkeys(_MARKS, volatility), correlation=correlation)
    # Steps of two days at most: at the highest volatility prices then move by a fourteenth in one, typically.
    return PathCache(diffusion, days=days, steps=30, paths=_PATHS, seed=_SEED)


def _book(notional: float, leverage: float, margin: float | None) -> Account:
    """Return a long of this size in each coin: isolated with this margin each, or cross where there is none."""
    rules = rulebook("binance_usdm", TIER_DATE)
    opened = [rules.position(each, notional / mark, mark, leverage=leverage) for each, mark in _MARKS.items()]
    positions = tuple(each if margin is None else each.isolated(margin) for each in opened)
    return Account(wallet_balance=WALLET, positions=positions)


def _chance(estimate: Estimate) -> str:
    """Return a probability with its standard error, in percent."""
    return f"{100 * estimate.value:.1f} % ± {100 * estimate.standard_error:.1f}"


def _amount(estimate: Estimate | None) -> str:
    """Return an amount of money with its standard error."""
    return "never" if estimate is None else f"{money(estimate.value, 0)} ± {estimate.standard_error:,.0f}"


# ---------------------------------------------------------------------------------------------------------------------
# How likely, and what is left: two longs in both modes
# ---------------------------------------------------------------------------------------------------------------------

LEVERAGES = (2, 3, 4, 5, 7, 10, 15, 20)


@cache
def _odds_of(leverage: int, volatility: float, days: int, mode: MarginMode) -> Odds:
    """Return the odds of two longs of the same margin, one of them for each coin."""
    margin = MARGIN if mode is MarginMode.ISOLATED else None
    return _paths(volatility, 0.8, days).odds(_book(MARGIN * leverage, leverage, margin))


def _odds(*, leverage: int, volatility: float, days: int) -> Chart:
    """Return how likely a liquidation is along the leverage, and the distribution of what is left."""
    along = {mode: [_odds_of(each, volatility, days, mode) for each in LEVERAGES] for mode in _LINES}
    here = {mode: _odds_of(leverage, volatility, days, mode) for mode in _LINES}
    left = Panel(
        title=f"a liquidation within {days} days",
        x_label="leverage setting [x]",
        y_label="probability [%]",
        x_range=(0.0, LEVERAGES[-1] + 1.0),
        y_range=(-3.0, 103.0),
        lines=tuple(
            Line(
                label=f"{mode.value} margin",
                role=role,
                x=tuple(map(float, LEVERAGES)),
                y=tuple(100 * each.liquidation.value for each in along[mode]),
            )
            for mode, role in _LINES.items()
        ),
        markers=tuple(
            Marker(label=f"{mode.value}, at", role="mark", x=float(leverage), y=100 * each.liquidation.value)
            for mode, each in here.items()
        ),
    )
    amounts = grid(-500.0, 25_000.0, 256)
    right = Panel(
        title="what is left at the end",
        x_label="final equity of the account [$]",
        y_label="paths with at most that much [%]",
        x_range=(amounts[0], amounts[-1]),
        y_range=(-3.0, 103.0),
        lines=tuple(
            Line(label=f"{mode.value} margin", role=role, x=amounts, y=_at_most(here[mode], amounts))
            for mode, role in _LINES.items()
        ),
        markers=(Marker(label="wallet at the start", role="initial", x=WALLET, y=0.0),),
    )
    told = " and ".join(f"{mode.value} {_chance(each.liquidation)}" for mode, each in here.items())
    sentence = (
        f"Two longs of {money(MARGIN * leverage, 0)} at {leverage}x in a wallet of {money(WALLET, 0)}, volatility "
        f"{100 * volatility:.0f} % a year, correlation 0.8: within {days} days something is liquidated in {told} "
        f"(standard errors, {_PATHS:,} paths)."
    )
    rows = tuple(
        (
            mode.value,
            _chance(each.liquidation),
            _amount(each.loss_if_liquidated),
            _amount(each.loss.upper_tail(_WORST)),
            _amount(each.final_equity.quantile(0.5)),
        )
        for mode, each in here.items()
    )
    columns = ("mode", "liquidation", "average loss if so", "average of the worst 5 % of losses", "median left")
    return Chart(
        panels=(left, right),
        sentence=sentence,
        table=Table(columns=columns, rows=rows),
        alt=alt_text("Probability of liquidation in both modes, and the distribution of final equity", left, sentence),
    )


def _at_most(odds: Odds, amounts: tuple[float, ...]) -> tuple[float, ...]:
    """Return the share of the paths that end with at most each amount [%]."""
    sample = odds.final_equity.sample
    # A hair above, for what subtracting floats leaves of an amount is that amount.
    counts = np.searchsorted(sample, np.array(amounts) + 1e-6, side="right")
    return tuple((100 * counts / len(sample)).tolist())


ODDS = Explorer(
    name="ODDS",
    title="How likely a liquidation is, and what is left",
    controls=(
        slider("leverage", "leverage setting", LEVERAGES, 5, "{}x"),
        slider("volatility", "volatility a year", (0.3, 0.45, 0.6, 0.8, 1.0), 0.6, "{:.0%}"),
        slider("days", "horizon", (1, 7, 14, 30, 60), 30, "{} days"),
    ),
    build=_odds,
)

# ---------------------------------------------------------------------------------------------------------------------
# How likely against how much: one book, more or less margin set aside
# ---------------------------------------------------------------------------------------------------------------------

MARGINS = (500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000)
_VOLATILITY, _DAYS = 0.6, 30


class _Point(NamedTuple):
    """One way to set margin aside: how likely a liquidation is, and what it takes."""

    margin: float | None
    odds: Odds

    @property
    def x(self) -> float:
        """The probability of a liquidation [%]."""
        return 100 * self.odds.liquidation.value

    @property
    def y(self) -> float | None:
        """The average loss on the paths with one [quote currency], or None where there is none."""
        loss = self.odds.loss_if_liquidated
        return None if loss is None else loss.value


@cache
def _points(correlation: float, leverage: int) -> tuple[_Point, ...]:
    """Return the isolated points in order of margin, and the cross point last."""
    paths, notional = _paths(_VOLATILITY, correlation, _DAYS), leverage * WALLET / 2
    chosen = (*MARGINS, None)
    return tuple(
        _Point(margin, paths.odds(_book(notional, max(1.0, notional / (margin or WALLET / 2)), margin)))
        for margin in chosen
    )


def _trade_off(*, correlation: float, leverage: int) -> Chart:
    """Return probability and loss for more and more isolated margin, and for cross."""
    *isolated, cross = _points(correlation, leverage)
    drawn = [(each.x, each.y) for each in isolated if each.y is not None]
    few, half = isolated[0], isolated[MARGINS.index(2_500)]
    panel = Panel(
        title=f"a book of {leverage}x the wallet, correlation {correlation:g}",
        x_label="how likely: probability of a liquidation within 30 days [%]",
        y_label="how much: average loss if so [$]",
        x_range=(-3.0, 103.0),
        y_range=(-500.0, 10_800.0),
        lines=(
            Line(
                label=f"isolated, from {MARGINS[0]:,} to {MARGINS[-1]:,} dollars each",
                role="isolated",
                x=tuple(x for x, _ in drawn),
                y=tuple(y for _, y in drawn),
            ),
        ),
        markers=(
            _dot(few, f"isolated, {money(MARGINS[0], 0)} each: at", "isolated"),
            _dot(half, "isolated, $2,500 each: at", "maintenance"),
            _dot(isolated[-1], f"isolated, {money(MARGINS[-1], 0)} each: at", "initial"),
            _dot(cross, "cross, the whole wallet: at", "liquidation"),
        ),
    )
    sentence = (
        f"With two longs of {money(leverage * WALLET / 2, 0)} in a wallet of {money(WALLET, 0)}, "
        f"{money(MARGINS[0], 0)} of margin each are liquidated in {_chance(few.odds.liquidation)} of the paths, for an "
        f"average loss of {_amount(few.odds.loss_if_liquidated)}; cross in {_chance(cross.odds.liquidation)}, for "
        f"{_amount(cross.odds.loss_if_liquidated)} (standard errors, {_PATHS:,} paths)."
    )
    rows = tuple(
        (
            "cross" if each.margin is None else f"isolated, {money(each.margin, 0)} each",
            _chance(each.odds.liquidation),
            _amount(each.odds.loss_if_liquidated),
            _amount(each.odds.loss.upper_tail(_WORST)),
        )
        for each in (*isolated, cross)
    )
    columns = ("margin", "liquidation", "average loss if so", "average of the worst 5 % of losses")
    title = "How likely against how much, as margin is set aside"
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=Table(columns=columns, rows=rows),
        alt=alt_text(title, panel, sentence),
    )


def _dot(point: _Point, label: str, role: str) -> Marker:
    """Return a point of the trade-off, or none where nothing was liquidated on any path."""
    return Marker(label=label, role=role, x=None if point.y is None else round(point.x, 1), y=point.y or 0.0)


TRADE_OFF = Explorer(
    name="TRADE_OFF",
    title="How likely against how much",
    controls=(
        slider("correlation", "correlation", (-0.5, 0.0, 0.3, 0.6, 0.8, 0.95), 0.8, "{:g}"),
        slider("leverage", "size of the book", (1, 2, 3, 4, 5, 6, 8), 4, "{}x the wallet"),
    ),
    build=_trade_off,
)
