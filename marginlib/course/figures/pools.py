"""Figures of notebooks 00 to 04: pools along one price, in one mode and in both."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf

from marginlib.drawing.chart import (
    Chart,
    Explorer,
    Line,
    Marker,
    Panel,
    Table,
    alt_text,
    choice,
    grid,
    pool_panel,
    pool_sentence,
    pool_table,
    slider,
    times,
)
from marginlib.liquidation import close_out, liquidation_price
from marginlib.margin import risk
from marginlib.model import Health, Pool, Position
from marginlib.tiers import RiskSchedule
from marginlib.words import money, price_text

__all__ = ["CONTAGION", "CROSS", "ISOLATED", "SIDE_BY_SIDE", "TASTE", "WHAT_IS_MARGIN"]

# The maintenance rates of the course's first examples: one rate for every size, before notebook 05 brings the tiers.
FLAT = RiskSchedule.flat(0.004, max_leverage=125)
FLAT_SOL = RiskSchedule.flat(0.005, max_leverage=100)

# ---------------------------------------------------------------------------------------------------------------------
# 00: the same trade in both modes, and what the leverage setting does to each
# ---------------------------------------------------------------------------------------------------------------------

LEVERAGES = (3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100)


def _taste(*, leverage: float) -> Chart:
    """Return half a bitcoin bought at 60,000 with a wallet of 10,000, in cross and in isolated mode."""
    btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=FLAT, leverage=leverage)
    cross = Pool(collateral=10_000, positions=(btc,))
    isolated = Pool(collateral=btc.entry_notional / leverage, positions=(btc,))
    panels = tuple(
        pool_panel(pool, "BTCUSDT", title=title, x_range=(30_000, 70_000), y_range=(-5_500, 15_500))
        for pool, title in ((cross, "cross margin"), (isolated, f"isolated margin, {leverage}x"))
    )
    at = [liquidation_price(pool, "BTCUSDT") for pool in (cross, isolated)]
    sentence = (
        f"At {leverage}x, the isolated position is liquidated at {price_text(at[1])}, "
        f"the cross position at {price_text(at[0])}: the setting moves the isolated price only."
    )
    rows = tuple(
        (name, money(pool.collateral), price_text(price), money(risk(pool).maintenance))
        for name, pool, price in (("cross", cross, at[0]), ("isolated", isolated, at[1]))
    )
    return Chart(
        panels=panels,
        sentence=sentence,
        table=Table(
            columns=("mode", "collateral of the pool", "liquidation price", "maintenance margin now"), rows=rows
        ),
        alt=alt_text("0.5 BTC bought at 60,000 with a wallet of $10,000, in both modes", panels[0], sentence),
    )


TASTE = Explorer(
    name="TASTE",
    title="One trade, two margin modes",
    controls=(slider("leverage", "leverage setting", LEVERAGES, 5, "{}x"),),
    build=_taste,
)

# ---------------------------------------------------------------------------------------------------------------------
# 01: margin, leverage setting, effective leverage
# ---------------------------------------------------------------------------------------------------------------------


FELT_AT_MOST = 40  # effective leverage grows without bound as equity runs out; the axis ends before


def _what_is_margin(*, quantity: float, leverage: float, move: int) -> Chart:
    """Return a BTC long in a wallet of 10,000: what it has, needs to open, needs to keep; and how much is felt."""
    entry = 60_000.0
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=entry, schedule=FLAT, leverage=leverage)
    pool = Pool(collateral=10_000, positions=(btc.at(entry * (1 + move / 100)),))
    panel = pool_panel(
        pool, "BTCUSDT", title="what you have, what you need", x_range=(38_000, 78_000), y_range=(-8_500, 22_000)
    )
    prices = panel.lines[0].x
    initial = Line(
        label="initial margin",
        role="initial",
        x=prices,
        y=tuple(risk(pool.at({"BTCUSDT": price})).initial for price in prices),
    )
    panel = replace(panel, lines=(*panel.lines, initial), markers=panel.markers[:2])
    now = risk(pool)
    shown = _felt(pool.at({"BTCUSDT": entry}))
    right = Panel(
        title="effective leverage",
        x_label="BTC mark price [$]",
        y_label="notional / equity [x]",
        x_range=(38_000, 78_000),
        y_range=(0, 20),
        lines=(
            Line(label="effective leverage", role="equity", x=tuple(p for p, _ in shown), y=tuple(e for _, e in shown)),
            Line(label="leverage setting", role="initial", x=(38_000, 78_000), y=(leverage, leverage)),
        ),
        markers=(
            Marker(
                label="mark price now",
                role="mark",
                x=None if now.effective_leverage == inf else pool.positions[0].mark_price,
                y=0.0 if now.effective_leverage == inf else now.effective_leverage,
            ),
        ),
    )
    sentence = (
        f"{quantity:g} BTC at {pool.positions[0].mark_price:,.0f} is worth {money(now.notional, 0)}. "
        f"A {leverage}x setting asks {money(now.initial, 0)} to open it; keeping it needs {money(now.maintenance)}. "
        f"With {money(now.equity, 0)} of equity the effective leverage is {times(now.effective_leverage)}."
    )
    if now.health is not Health.HEALTHY:
        sentence += f" It is liquidated at {price_text(liquidation_price(pool, 'BTCUSDT'))} already."
    return Chart(
        panels=(panel, right),
        sentence=sentence,
        table=pool_table(pool, "BTCUSDT"),
        alt=alt_text("A BTC long in a wallet of $10,000", panel, sentence),
    )


@cache
def _felt(pool: Pool) -> tuple[tuple[float, float], ...]:
    """Return the effective leverage along the price, where it is not too high to draw."""
    felt = [(price, risk(pool.at({"BTCUSDT": price})).effective_leverage) for price in grid(38_000, 78_000)]
    return tuple((price, leverage) for price, leverage in felt if leverage < FELT_AT_MOST)


WHAT_IS_MARGIN = Explorer(
    name="WHAT_IS_MARGIN",
    title="What you have and what you need",
    controls=(
        slider("quantity", "size [BTC]", (0.1, 0.2, 0.3, 0.5, 0.8, 1.0), 0.5, "{:g} BTC"),
        slider("leverage", "leverage setting", (6, 8, 10, 15, 20), 10, "{}x"),
        slider("move", "price move", tuple(range(-30, 31, 2)), 0, "{:+d} %"),
    ),
    build=_what_is_margin,
)

# ---------------------------------------------------------------------------------------------------------------------
# 02: one isolated position
# ---------------------------------------------------------------------------------------------------------------------


def _isolated(*, direction: int, leverage: float, added: float) -> Chart:
    """Return a BTC position with 500 of isolated margin, and what has been added to it."""
    btc = Position.open(
        symbol="BTCUSDT", quantity=direction * 500 * leverage / 60_000, price=60_000, schedule=FLAT, leverage=leverage
    )
    pool = Pool(collateral=500 + added, positions=(btc,))
    word = "long" if direction > 0 else "short"
    panel = pool_panel(
        pool, "BTCUSDT", title=f"$500 at {leverage}x, {word}", x_range=(40_000, 80_000), y_range=(-1_000, 3_000)
    )
    sentence = (
        f"A {word} of {money(btc.entry_notional, 0)} with {money(pool.collateral, 0)} behind it. "
        + pool_sentence(pool, "BTCUSDT")
    )
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=pool_table(pool, "BTCUSDT"),
        alt=alt_text(f"Isolated margin: a BTC {word} opened at 60,000", panel, sentence),
    )


ISOLATED = Explorer(
    name="ISOLATED",
    title="One position with its own collateral",
    controls=(
        choice("direction", "direction", {1: "long", -1: "short"}, 1),
        slider("leverage", "leverage setting", (2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100), 10, "{}x"),
        slider("added", "margin added", tuple(range(0, 1_001, 50)), 0, "${}"),
    ),
    build=_isolated,
    precomputed=True,
)

# ---------------------------------------------------------------------------------------------------------------------
# 03: the whole account behind everything
# ---------------------------------------------------------------------------------------------------------------------


def _cross(*, leverage: int, wallet: int) -> Chart:
    """Return an ETH long with 1,000 of initial margin, backed by a whole wallet."""
    eth = Position.open(
        symbol="ETHUSDT", quantity=1_000 * leverage / 3_000, price=3_000, schedule=FLAT, leverage=leverage
    )
    pool = Pool(collateral=wallet, positions=(eth,))
    own = Pool(collateral=1_000, positions=(eth,))
    panel = pool_panel(
        pool, "ETHUSDT", title=f"$1,000 of margin at {leverage}x, cross", x_range=(0, 4_500), y_range=(-20_000, 30_000)
    )
    alone = liquidation_price(own, "ETHUSDT")
    panel = replace(
        panel,
        markers=(
            *panel.markers[:2],
            Marker(label="with $1,000 isolated", role="isolated", x=alone, y=0.0),
        ),
    )
    sentence = (
        f"{money(eth.entry_notional, 0)} of ETH backed by {money(wallet, 0)}. {pool_sentence(pool, 'ETHUSDT')} "
        f"With only its $1,000 behind it, isolated, the price would be {price_text(alone)}."
    )
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=pool_table(pool, "ETHUSDT"),
        alt=alt_text("Cross margin: an ETH long backed by the whole wallet", panel, sentence),
    )


CROSS = Explorer(
    name="CROSS",
    title="The whole account behind one position",
    controls=(
        slider("leverage", "leverage setting", (1, 2, 5, 8, 10, 15, 20, 30, 40, 50), 20, "{}x"),
        slider(
            "wallet", "wallet balance", (1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000), 10_000, "${:,}"
        ),
    ),
    build=_cross,
)


def _contagion(*, sol_move: int) -> Chart:
    """Return ETH and SOL longs in one cross pool, while only SOL moves."""
    eth = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=FLAT)
    sol = Position.open(symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=FLAT_SOL)
    pool = Pool(collateral=10_000, positions=(eth, sol))
    drawn = _eth_prices(pool)
    here = pool.at({"SOLUSDT": 150 * (1 + sol_move / 100)})
    price = liquidation_price(here, "ETHUSDT")
    panel = Panel(
        title="ETH's liquidation price while only SOL moves",
        x_label="SOL price move [%]",
        y_label="ETH price [$]",
        x_range=(-25, 11),
        y_range=(0, 4_500),
        lines=(
            Line(
                label="ETH liquidation price",
                role="liquidation",
                x=tuple(move for move, _ in drawn),
                y=tuple(value for _, value in drawn),
            ),
            Line(label="ETH mark price", role="mark", x=(-25, 11), y=(3_000, 3_000)),
        ),
        markers=(Marker(label="now", role="mark", x=None if price is None else float(sol_move), y=price or 0.0),),
    )
    now = risk(here)
    verdict = (
        "No positive ETH price liquidates the account."
        if price is None
        else f"ETH's liquidation price is {price:,.0f}."
    )
    sentence = f"SOL has moved {sol_move:+d} %, ETH has not moved from 3,000. {verdict}"
    if now.health is not Health.HEALTHY:
        sentence += " The account is liquidated already."
    return Chart(
        panels=(panel,),
        sentence=sentence,
        table=Table(
            columns=("of the pool", "value"),
            rows=(
                ("SOL unrealized PnL", money(here.positions[1].unrealized_pnl)),
                ("equity", money(now.equity)),
                ("maintenance margin", money(now.maintenance)),
                ("ETH liquidation price", price_text(price)),
                ("ETH mark price", "3,000.00"),
            ),
        ),
        alt=alt_text("Contagion in a cross pool of $10,000", panel, sentence),
    )


@cache
def _eth_prices(pool: Pool) -> tuple[tuple[float, float], ...]:
    """Return ETH's liquidation price for each move of SOL [%] that leaves one."""
    moves = range(-24, 11)
    prices = [liquidation_price(pool.at({"SOLUSDT": 150 * (1 + move / 100)}), "ETHUSDT") for move in moves]
    return tuple((float(move), price) for move, price in zip(moves, prices, strict=True) if price is not None)


CONTAGION = Explorer(
    name="CONTAGION",
    title="One position moves the other's liquidation price",
    controls=(slider("sol_move", "SOL price move", tuple(range(-24, 11)), 0, "{:+d} %"),),
    build=_contagion,
)

# ---------------------------------------------------------------------------------------------------------------------
# 04: side by side
# ---------------------------------------------------------------------------------------------------------------------


def _side_by_side(*, same: str, move: int) -> Chart:
    """Return one BTC long in a wallet of 10,000: cross beside isolated, at one price move."""
    quantity = {"size": 0.5, "margin": 0.05}[same]
    btc = Position.open(symbol="BTCUSDT", quantity=quantity, price=60_000, schedule=FLAT, leverage=10)
    # Same size: the isolated pool holds the initial margin only. Same margin: both pools hold the same money.
    cross_money, isolated_money = {"size": (10_000.0, 3_000.0), "margin": (300.0, 300.0)}[same]
    mark = 60_000 * (1 + move / 100)
    pools = {
        "cross": Pool(collateral=cross_money, positions=(btc,)),
        "isolated": Pool(collateral=isolated_money, positions=(btc,)),
    }
    top = {"size": (-6_000, 18_000), "margin": (-700, 1_000)}[same]
    ends = {name: _after_fall(pool, mark) for name, pool in pools.items()}
    panels = []
    for name, pool in pools.items():
        title = f"{name}: {money(pool.collateral, 0)} behind {quantity:g} BTC"
        panel = pool_panel(pool, "BTCUSDT", title=title, x_range=(36_000, 72_000), y_range=top)
        # What is left now: on the equity line while the pool lives, what the close-out left once it does not.
        left = Marker(label="left, with BTC at", role="mark", x=mark, y=ends[name][1])
        panels.append(replace(panel, markers=(left, *panel.markers[1:])))
    sentence = f"BTC has moved {move:+d} % to {mark:,.0f}. " + " ".join(
        f"{name.capitalize()}: {text}." for name, (text, _) in ends.items()
    )
    rows = tuple(
        (
            name,
            money(pool.collateral, 0),
            price_text(liquidation_price(pool, "BTCUSDT")),
            ends[name][0],
            money(ends[name][1]),
        )
        for name, pool in pools.items()
    )
    return Chart(
        panels=tuple(panels),
        sentence=sentence,
        table=Table(columns=("mode", "collateral", "liquidation price", "state", "left in the pool"), rows=rows),
        alt=alt_text(f"{quantity:g} BTC bought at 60,000, cross and isolated", panels[0], sentence),
    )


def _after_fall(pool: Pool, mark: float) -> tuple[str, float]:
    """Return the state of a long pool after a steady move to `mark`, and what is left in it."""
    liquidation = liquidation_price(pool, "BTCUSDT")
    if liquidation is not None and mark <= liquidation:
        left = close_out(pool.at({"BTCUSDT": liquidation})).remaining
        return f"liquidated at {liquidation:,.0f} with {money(left)} left", left
    now = risk(pool.at({"BTCUSDT": mark}))
    return f"alive with {money(now.equity, 0)} of equity", now.equity


SIDE_BY_SIDE = Explorer(
    name="SIDE_BY_SIDE",
    title="The same trade in both modes",
    controls=(
        choice("same", "compare at", {"size": "same size", "margin": "same margin"}, "size"),
        slider("move", "price move", tuple(range(-40, 21)), -12, "{:+d} %"),
    ),
    build=_side_by_side,
)
