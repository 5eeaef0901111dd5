"""Notebook 04: the same trade in both modes, side by side."""

from __future__ import annotations

from dataclasses import replace

from marginlib.course.figures import FLAT
from marginlib.drawing.chart import Chart, Marker, Table, choice, close_up, figure, pool_panel, slider
from marginlib.liquidation import close_out, liquidation_price
from marginlib.margin import risk
from marginlib.model import Pool, Position
from marginlib.words import money, percent, price_text

_SET_ASIDE = 3_000.0  # what a 10x setting asks for half a bitcoin


@figure(
    "The same trade in both modes",
    choice("same", "compare at", {"size": "same size", "margin": "same margin"}, "size"),
    slider("move", "price move", tuple(range(-40, 21)), -12, lambda move: percent(move / 100, 0)),
)
def side_by_side(*, same: str, move: int) -> Chart:
    """Return half a bitcoin, cross beside isolated, at one price move: in one wallet, or with the same money behind."""
    btc = Position.open(symbol="BTCUSDT", quantity=0.5, price=60_000, schedule=FLAT, leverage=10)
    wallet = {"size": 10_000.0, "margin": _SET_ASIDE}[same]
    mark = 60_000 * (1 + move / 100)
    panels, told, rows = [], [], []
    for mode, behind in (("cross", wallet), ("isolated", _SET_ASIDE)):
        pool = Pool(collateral=behind, positions=(btc,))
        price = liquidation_price(pool, "BTCUSDT") or 0.0
        over = mark <= price
        end = close_out(pool.at({"BTCUSDT": price})).remaining if over else risk(pool.at({"BTCUSDT": mark})).equity
        state = f"liquidated at {price:,.0f}" if over else "alive"
        has = money(wallet - behind + end)
        told.append(f"{mode.capitalize()}: {state}, the account has {has}.")
        rows.append((mode, money(behind, 0), price_text(price), state, money(end), has))
        title = f"{mode}: {money(behind, 0)} of {money(wallet, 0)} behind it"
        panel = pool_panel(pool, "BTCUSDT", title, (36_000, 72_000), (-2_000, 18_000))
        # What the pool has now: on the equity line while it lives, what the close-out left once it does not.
        left = Marker("the pool, with BTC at", "mark", mark, end)
        panel = replace(panel, markers=(left, *panel.markers[1:]))
        panels += [panel, close_up(panel)]
    sentence = f"BTC has moved by {percent(move / 100, 0)} to {mark:,.0f}. {' '.join(told)}"
    columns = ("mode", "behind it", "liquidation price", "state", "the pool has", "the account has")
    return Chart("0.5 BTC bought at 60,000, cross and isolated", tuple(panels), sentence, Table(columns, tuple(rows)))
