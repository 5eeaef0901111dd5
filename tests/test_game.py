"""The desk is played: the future stays hidden, the end is what `play` says, and many paths agree with one at a time."""

import re
from random import Random

import numpy as np
import pytest
from pressing import reply

from marginlib.course import game
from marginlib.course.game import DeskGame, end_card, play_the_desk
from marginlib.drawing.frames import frame
from marginlib.market.desk import compare_scores, play, score


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html)).strip()


def buttons(played):
    return re.findall(r'data-press="([\w-]+)"', played.controls.html)


def played_out(seed, wish="hold"):
    played = DeskGame(seed)
    draw = Random(seed)
    played.decide(draw.choice(buttons(played)))
    while not played.over:
        names = buttons(played)
        played.decide(wish if wish in names else draw.choice(names))
    return played


@pytest.mark.parametrize("seed", range(8))
def test_what_comes_is_on_the_page_only_when_it_has_come(seed):
    played, hours, draw = DeskGame(seed), [], Random(seed)
    whole = game.desk_of(seed, "cross")
    name = whole.name
    while not played.over:
        figure = played.figure()()
        now = float(re.search(r"At the start()|After ([\d.]+) hours", figure.sentence)[2] or 0)
        hours.append(now)
        assert all(max(line.x) <= now + 0.05 for line in figure.panels[1].lines)
        assert name not in text(played.controls.html) + reply(played.controls) + figure.alt
        assert all(name not in each for each in frame(figure).texts)
        played.decide(draw.choice(buttons(played)))
    assert hours[1:] == sorted(hours[1:])
    assert name in text(played.controls.html)


@pytest.mark.parametrize("seed", range(4))
def test_the_end_is_what_a_session_of_these_orders_comes_to(seed):
    played = played_out(seed, wish="half-eth")
    desk = game.desk_of(seed, played.mode)
    assert len(played.orders) == len(desk.points)
    done = score(play(desk, played.orders))
    assert f"${done.end:,.0f} at the end" in text(played.controls.html)
    here, many = end_card(seed, played.mode, played.orders)
    assert here["end [$]"].to_list() == [each.end for each in compare_scores(desk, played.orders).values()]
    assert many["liquidated [share]"].between(0, 1).all()
    assert (many["worst 5 % [$]"] <= many["average end [$]"]).all()


def test_the_many_paths_are_played_as_single_ones_are():
    played = played_out(4, wish="half-btc")
    path, marks = game.many_paths(4)
    for k in range(0, game.PATHS, 2_000):
        made = game.PricePath(symbols=path.symbols, times=path.times, mark_prices=marks[:, :, k], label="one")
        one = game.made_up(made, played.mode)
        alone, _ = game.fleet_ends(one, played.orders, marks[:, :, k : k + 1])
        assert alone[0] == pytest.approx(score(play(one, played.orders)).end)


def test_the_many_paths_move_as_they_are_said_to():
    _, marks = game.many_paths(1)
    moves = np.diff(np.log(marks), axis=0)
    years = 2 / (24 * 365)
    wild = game.WILD
    for k, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        variance = wild["volatility"][symbol] ** 2 + wild["jumps_per_year"] * (
            wild["jump_mean"] ** 2 + wild["jump_volatility"] ** 2
        )
        assert moves[:, k].var() == pytest.approx(variance * years, rel=0.02)
    growth = marks[-1].mean(axis=1) / marks[0].mean(axis=1)
    assert growth == pytest.approx([1, 1], abs=0.01)  # no drift


def test_the_same_seed_is_the_same_game_and_another_is_drawn():
    one, two = played_out(5), played_out(5)
    assert one.controls.html == two.controls.html
    assert "play_the_desk(seed=5)" in text(one.controls.html)
    one.decide("again")
    assert (one.mode, one.orders, one.point) == ("", [], 0)
    assert play_the_desk(9).seed == 9
    assert {game.desk_of(seed, "cross").name for seed in range(40)} >= {"generated path"}
    assert len({game.desk_of(seed, "cross").name for seed in range(40)}) == 6


def test_buttons_offer_what_can_be_done():
    played = DeskGame(0)
    assert buttons(played) == ["cross", "eth", "isolated"]
    played.decide("half-btc")  # no mode yet
    assert played.point == 0
    played.decide("eth")
    assert "add-eth" in buttons(played)
    assert "add-btc" not in buttons(played)
    played.decide("close-eth")
    assert not {"add-eth", "half-eth", "close-eth"} & set(buttons(played))


def test_what_happened_is_said_with_its_price_and_its_loss():
    played = DeskGame(3)
    played.decide("isolated")
    said = []
    while not played.over:
        played.decide("hold")
        said.append(text(reply(played.controls)))
    gone = [each for each in said if "liquidated at" in each]
    assert gone
    assert all(re.search(r"(BTC|ETH) was liquidated at [\d,.]+, [\d.]+ hours in: -\$2,500", each) for each in gone)
