"""The figures over time, against arithmetic done by hand."""

from __future__ import annotations

import re

import pytest

from marginlib.course import figures
from marginlib.words import money

# 0.5 BTC at 60,000: 30,000 of notional; 3,000 behind it when isolated, 10,000 in cross; 0.4 % maintenance.
BACKING = {"margin": 3_000.0, "account": 3_000.0, "cross": 10_000.0}


def cells(chart):
    return dict(chart.table.rows)


def price_with(collateral):
    """Equity = maintenance: collateral + 0.5 x (price - 60,000) = 0.004 x 0.5 x price."""
    return (30_000 - collateral) / (0.5 * (1 - 0.004))


@pytest.mark.parametrize("payer", BACKING)
@pytest.mark.parametrize("rate", [-0.001, -0.0001, 0.0, 0.0003, 0.0005])
@pytest.mark.parametrize("days", [0, 7, 60])
def test_funding_drift_is_what_the_payments_take_from_the_pool_that_pays(payer, rate, days):
    chart = figures.FUNDING_DRIFT(rate=rate, payer=payer, days=days)
    paid = 3 * days * rate * 30_000
    # Received money goes where paid money comes from.
    behind = BACKING[payer] - (0.0 if payer == "account" else paid)
    assert cells(chart)["paid so far (-: received)"] == money(paid)
    assert cells(chart)["behind the position"] == money(behind)
    assert cells(chart)["liquidation price"] == f"{price_with(behind):,.2f}"
    # All money is somewhere: 10,000 less what was paid.
    assert cells(chart)["rest of the account"] == money(10_000 - paid - behind)


def test_the_price_stands_still_and_funding_alone_liquidates():
    # 3,000 - 120 of maintenance margin at 30 a settlement: the 96th, on day 32.
    chart = figures.FUNDING_DRIFT(rate=0.001, payer="margin", days=60)
    assert "The settlement at 32 days liquidates it." in chart.sentence
    assert cells(chart)["paid so far (-: received)"] == money(95 * 30)
    assert all(len(line.x) == 96 for line in (chart.panels[0].lines[1], *chart.panels[1].lines))
    assert "liquidates" not in figures.FUNDING_DRIFT(rate=0.001, payer="margin", days=30).sentence


def test_money_goes_into_and_out_of_the_pot_that_has_it():
    # 60 a settlement: the free 7,000 pay 116 of them, and the margin the 47 after, for the last 40 do not suffice.
    empty = figures.FUNDING_DRIFT(rate=0.002, payer="account", days=60).sentence
    assert "pays $6,960.00 from the available balance and $2,820.00 from its own margin" in empty
    received = figures.FUNDING_DRIFT(rate=-0.001, payer="account", days=30).sentence
    assert "receives $2,700.00 into the available balance in 30 days" in received
    assert "pays nothing in 30 days" in figures.FUNDING_DRIFT(rate=0.0, days=30).sentence


def test_a_long_that_receives_moves_away_and_one_whose_account_pays_does_not_move():
    near, far = price_with(3_000), price_with(3_000 + 90 * 30)
    assert f"moves from {near:,.0f} to {far:,.0f}" in figures.FUNDING_DRIFT(rate=-0.001, days=30).sentence
    assert f"stays at {near:,.0f}" in figures.FUNDING_DRIFT(payer="account", days=30).sentence


POLICIES, ENDINGS, STEPS = (control.values for control in figures.LIQUIDATION_STEPS.controls)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_dollar_is_lost_at_any_step_and_a_step_only_adds_to_the_picture(policy, ending):
    before = None
    for step in STEPS:
        chart = figures.LIQUIDATION_STEPS(policy=policy, ending=ending, step=step)
        # 24,000 of margin and a fund of 100,000.
        assert cells(chart)["these three together"] == money(124_000)
        drawn = [panel.lines[0].y for panel in chart.panels]
        assert all(len(heights) == 2 * (step + 1) for heights in drawn)
        if before:
            assert [heights[:-2] for heights in drawn] == before
        before = drawn


@pytest.mark.parametrize(
    ("policy", "held", "fee"),
    [
        ("full", 0.0, 6_000.0),  # 24,000 - 20 x 900: all that was left
        ("down", 800_000 / 59_100, 0.003 * (20 * 59_100 - 800_000)),  # down to the floor of tier 3
        ("two", 300_000 / 59_100, 0.003 * (20 * 59_100 - 300_000)),  # down to the floor of tier 2
        ("fifth", 16.0, 0.003 * 4 * 59_100),
    ],
)
def test_what_each_policy_closes_first(policy, held, fee):
    chart = figures.LIQUIDATION_STEPS(policy=policy, step=4)
    assert cells(chart)["position"] == (f"{held:.2f} BTC" if held else "none")
    assert cells(chart)["insurance fund"] == money(100_000 + fee)
    equity = 24_000 - 20 * 900 - fee
    assert cells(chart)["your equity"] == money(equity)


def test_a_jump_past_the_bankruptcy_price_is_the_funds_loss():
    first = 24_000 - 20 * 900 - 0.003 * (20 * 59_100 - 800_000)
    held = 800_000 / 59_100
    second = first - held * 100 - 0.003 * (held * 59_000 - 300_000)
    missing = 300_000 / 59_000 * 1_000 - second
    chart = figures.LIQUIDATION_STEPS(policy="down", ending="jumps", step=STEPS[-1])
    assert f"loses {money(missing, 0)}" in chart.sentence
    assert cells(chart)["your wallet"] == money(0)
    recovered = figures.LIQUIDATION_STEPS(policy="down", ending="recovers", step=STEPS[-1])
    assert cells(recovered)["your equity"] == money(second + 300_000 / 59_000 * 1_000)


def test_every_step_says_what_the_venue_sees_or_does():
    words = [figures.LIQUIDATION_STEPS(policy="fifth", step=step).sentence for step in STEPS]
    assert [int(re.match(r"Step (\d)\. ", each)[1]) for each in words] == list(STEPS)
    assert "is no longer above the maintenance margin" in words[3]
    assert "sells 4.00 BTC at 59,100" in words[4]
    assert "There is no position any more." in words[7]
