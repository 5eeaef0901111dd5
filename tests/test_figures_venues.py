from __future__ import annotations

import pytest

from marginlib import MarginError
from marginlib.course import figures
from marginlib.course.figures.rulebooks import CASES

TEN = figures.RULEBOOKS(setting=10)


def row(chart, name):
    return next(cells for cells in chart.table.rows if cells[0] == name)


def test_every_venue_s_own_formula_gives_the_price_in_the_table():
    # 60,000 long at 10x: E (1 - 1/L) / (1 - rate); inverse (1 + rate) / (1/E + 1/(E L))
    expected = {
        "Binance USD-M": 54_000 / (1 - 0.004),
        "Binance COIN-M": 1.004 / (1 / 60_000 + 1 / 600_000),
        "Bybit": 54_000 / (1 - 0.005),
        "OKX": 54_000 / (1 - 0.0045),
        "Hyperliquid": 54_000 / (1 - 0.0125),
        "dYdX v4": 54_000 / (1 - 0.012),
    }
    assert [cells[0] for cells in TEN.table.rows] == list(expected)
    for name, price in expected.items():
        assert row(TEN, name)[2] == f"{price:,.2f}"


def test_the_table_is_the_same_whichever_rulebook_is_drawn():
    venues = figures.RULEBOOKS.controls[0].values
    assert len({figures.RULEBOOKS(venue=venue, setting=-5).table for venue in venues}) == 1


@pytest.mark.parametrize(
    ("venue", "setting", "words"),
    [
        ("binance_coinm", 1, "liquidated at 30,120.00 (-49.80 %); on Binance USD-M it has no liquidation price"),
        ("binance_coinm", -1, "has no liquidation price"),
        ("bybit", 1, "has no liquidation price"),  # since 2 September 2025 the value is taken at the mark price
        ("binance_usdm", -1, "liquidated at 119,521.91 (+99.20 %)"),  # 120,000 / 1.004
    ],
)
def test_a_setting_of_one_divides_the_contracts(venue, setting, words):
    assert words in figures.RULEBOOKS(venue=venue, setting=setting).sentence


def test_the_synthetic_dollar_keeps_its_value_at_every_price():
    line = figures.RULEBOOKS(venue="binance_coinm", setting=-1).panels[0].lines[0]
    worth = [0.1 * share / 100 * price for price, share in zip(line.x, line.y, strict=True)]
    assert worth == pytest.approx([6_000] * len(worth))


def test_the_lines_meet_at_the_liquidation_price():
    for venue in figures.RULEBOOKS.controls[0].values:
        panel = figures.RULEBOOKS(venue=venue, setting=-5).panels[0]
        equity, maintenance, after = panel.lines
        marker = panel.markers[1]
        assert equity.x[-1] == maintenance.x[-1] == after.x[0] == pytest.approx(marker.x)
        assert equity.y[-1] == pytest.approx(marker.y) == pytest.approx(maintenance.y[-1])
        assert equity.y[0] > maintenance.y[0]
        assert panel.x.span[0] < marker.x < panel.x.span[1]


def test_a_case_opens_coins_or_a_face_value_and_knows_what_its_margin_is_worth():
    linear, inverse = CASES["binance_usdm"], CASES["binance_coinm"]
    assert linear.opened(6_000, 60_000, 10).quantity == pytest.approx(0.1)
    assert inverse.opened(6_000, 60_000, 10).quantity == 6_000
    assert (linear.unit(60_000), inverse.unit(60_000)) == (1, 60_000)
    assert linear.price(6_000, 60_000, 1) is None
    assert linear.price(-6_000, 60_000, 10) > 60_000
    with pytest.raises(MarginError, match="entry = 0"):
        linear.opened(6_000, 0, 10)
