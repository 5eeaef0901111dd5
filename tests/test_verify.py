"""Published prices computed again, and every row that cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from marginlib import Contract, MaintenanceBasis, MarginError
from marginlib.verify import Check, RowError, check, read_row, read_rows

DATA = Path(__file__).parent / "data"
FILES = ["published_examples.jsonl", "published_examples_2.jsonl", "more_examples.jsonl"]


def rows(name: str) -> list[str]:
    """Return the lines of a data file."""
    return (DATA / name).read_text(encoding="utf-8").splitlines()


def row(**changes: Any) -> dict[str, Any]:
    """Return a row of two positions that passes, with fields changed; `...` leaves one out."""
    values = {
        "id": "two",
        "source": "worked out by hand",
        "venue": "generic",
        "contract": "linear",
        "wallet_balance": 1_000,
        "fee_rate": 0,
        "maintenance_basis": "mark",
        "symbol": "ETH",
        "positions": [leg(), leg(symbol="BTC", quantity=-0.1, entry_price=60_000, mark_price=61_000)],
        # 1,000 - 100 lost on BTC - 61 kept for it = 839; (3,000 - 839) / 0.99
        "expected": {"liquidation_price": 2_161 / 0.99, "bankruptcy_price": 2_100},
        "tolerance": {"rel": 1e-12},
    }
    return {name: value for name, value in (values | changes).items() if value is not ...}


def leg(**changes: Any) -> dict[str, Any]:
    """Return a position of a row, with fields changed; `...` leaves one out."""
    values = {
        "symbol": "ETH",
        "quantity": 1,
        "entry_price": 3_000,
        "maintenance_margin_rate": 0.01,
        "maintenance_amount": 0,
    }
    return {name: value for name, value in (values | changes).items() if value is not ...}


def checks(data: dict[str, Any]) -> dict[str, Check]:
    """Return the checks of a row by the price's name."""
    return {each.price: each for each in check(read_row(json.dumps(data)))}


def computed(data: dict[str, Any]) -> float | None:
    """Return the liquidation price of a row."""
    return checks(data)["liquidation_price"].computed


# --- rows that pass and fail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in FILES for line in rows(name)])
def test_published_prices_come_out(name: str, line: str) -> None:
    assert name in FILES
    results = check(read_row(line))
    assert results
    assert all(each.passed for each in results), results


def test_there_are_forty_two_published_rows_and_seventeen_more() -> None:
    assert len(rows("published_examples.jsonl")) == 42
    assert len(rows("published_examples_2.jsonl")) == 17


def test_a_row_is_read_as_it_is_written() -> None:
    read = read_row(json.dumps(row()))
    assert (read.name, read.symbol, read.relative, read.absolute) == ("two", "ETH", 1e-12, 0.0)
    assert read.pool.collateral == 1_000
    eth, btc = read.pool.positions
    assert (btc.quantity, btc.entry_price, btc.mark_price) == (-0.1, 60_000, 61_000)
    assert eth.mark_price == 3_000
    assert (eth.contract, eth.maintenance_basis) == (Contract.LINEAR, MaintenanceBasis.MARK)
    assert all(each.passed for each in checks(row()).values())


@pytest.mark.parametrize(
    ("expected", "tolerance", "passed"),
    [
        (2_100, {"abs": 0}, True),
        (2_101, {"abs": 1}, True),
        (2_101, {"abs": 0.999}, False),
        (2_000, {"rel": 0.05}, True),
        (2_000, {"rel": 0.049}, False),
        (2_000, {"abs": 100, "rel": 0}, True),  # the larger of the two counts
        (2_000, {"abs": 0, "rel": 0.05}, True),
        (2_000, {"abs": 60, "rel": 0.03}, False),  # and not their sum
        (None, {"abs": 1e9}, False),
        (0, {"abs": 1}, False),
    ],
)
def test_a_price_passes_within_the_larger_tolerance(
    expected: float | None, tolerance: dict[str, float], passed: bool
) -> None:
    result = checks(row(expected={"bankruptcy_price": expected}, tolerance=tolerance))["bankruptcy_price"]
    assert result.computed == 2_100
    assert result.passed == passed


def test_the_legs_of_a_row_are_those_of_its_symbol() -> None:
    names = ("BTC", "ETH", "SOL", "ETH")
    read = read_row(
        json.dumps(
            row(positions=[leg(symbol=name, quantity=k, mark_price=3_000) for k, name in enumerate(names, start=1)])
        )
    )
    assert [each.quantity for each in read.legs] == [2, 4]


def test_relative_error_where_there_is_one() -> None:
    assert checks(row(expected={"bankruptcy_price": 2_000}))["bankruptcy_price"].relative_error == 0.05
    assert checks(row(expected={"bankruptcy_price": None}))["bankruptcy_price"].relative_error is None
    assert checks(row(expected={"bankruptcy_price": 0}))["bankruptcy_price"].relative_error is None
    for published, error in ((-50, 1.0), (0, None), (50, 3.0)):  # the long from 3,000 has lost 100
        lost = row(positions=[leg(mark_price=2_900)], expected={"unrealized_pnl": published})
        assert checks(lost)["unrealized_pnl"].relative_error == error
    rich = checks(row(wallet_balance=1e6, expected={"bankruptcy_price": 5}))["bankruptcy_price"]
    assert (rich.computed, rich.relative_error, rich.passed) == (None, None, False)


def test_null_means_that_there_is_no_such_price() -> None:
    none = {"liquidation_price": None, "bankruptcy_price": None}
    assert all(each.passed for each in checks(row(wallet_balance=1e6, expected=none)).values())
    assert not any(each.passed for each in checks(row(expected=none)).values())


# --- what a row can say ---------------------------------------------------------------------------------------------


def test_the_target_s_own_mark_may_be_given_and_does_not_matter() -> None:
    others = row()["positions"][1:]
    assert computed(row(positions=[leg(mark_price=1), *others])) == computed(row())
    assert computed(row(positions=[leg(mark_price=None), *others])) == computed(row())


def test_a_closing_fee_is_counted_inside_maintenance() -> None:
    # 1,000 - 100 - 6,100 x 1.06 % = 835.34; (3,000 - 835.34) / (1 - 0.0106)
    assert computed(row(fee_rate=0.0006)) == pytest.approx(2_164.66 / 0.9894)


def test_maintenance_may_be_frozen_at_entry() -> None:
    # Kept: 1 % of 3,000 and of 6,000; lost: 100.
    assert computed(row(maintenance_basis="entry")) == pytest.approx(3_000 - (1_000 - 100 - 30 - 60))


def test_an_amount_is_taken_off_maintenance() -> None:
    assert computed(row(positions=[leg(maintenance_amount=20), row()["positions"][1]])) == pytest.approx(2_141 / 0.99)


def test_inverse_rows_count_in_coins() -> None:
    legs = [
        leg(quantity=-3_000),
        leg(symbol="ETH-QUARTER", quantity=3_000, entry_price=3_000, mark_price=2_500),
    ]
    # Profit of the other leg: 3,000 (1/3,000 - 1/2,500) = -0.2; kept 1 % of 1.2; short: face (rate - 1) / (...).
    wallet = 0.5 - 0.2 - 0.012
    found = computed(row(contract="inverse", wallet_balance=0.5, positions=legs))
    assert found == pytest.approx(3_000 * (0.01 - 1) / (wallet - 1))


def test_hedge_legs_of_the_target_have_their_own_rates() -> None:
    legs = [leg(quantity=2, maintenance_margin_rate=0.005), leg(quantity=-1, entry_price=3_200)]
    expected = (500 - 6_000 + 3_200) / (2 * 0.005 + 1 * 0.01 - 2 + 1)
    data = row(wallet_balance=500, positions=legs)
    assert computed(data) == pytest.approx(expected)
    assert computed(data | {"positions": legs[::-1]}) == pytest.approx(expected)
    # A mark given for one leg is the mark of both.
    marked = read_row(json.dumps(data | {"positions": [legs[0], legs[1] | {"mark_price": 3_100}]}))
    assert [position.mark_price for position in marked.pool.positions] == [3_100, 3_100]
    # Where none is given, the first leg's entry is; another symbol's mark is not theirs.
    unmarked = read_row(json.dumps(data | {"positions": [*legs, leg(symbol="SOL", mark_price=90)]}))
    assert [position.mark_price for position in unmarked.pool.positions] == [3_000, 3_000, 90]


def test_a_profit_of_others_backs_a_negative_wallet() -> None:
    legs = [leg(), leg(symbol="BTC", quantity=1, entry_price=60_000, mark_price=62_000)]
    assert computed(row(wallet_balance=-500, positions=legs)) == pytest.approx((3_000 - 880) / 0.99)


def test_fields_that_the_schema_does_not_name_are_let_through() -> None:
    assert computed(row(kind="venue-doc", mode="cross", note=None)) == computed(row())


# --- rows that cannot be read ---------------------------------------------------------------------------------------

FIELDS = sorted(row())
LEG_FIELDS = sorted(leg())


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(MarginError) as refused:
        read_row(json.dumps(row(**{field: ...})))
    assert str(refused.value) == f"{field}: the field is missing"


@pytest.mark.parametrize("field", LEG_FIELDS)
def test_a_missing_field_of_a_position_is_named(field: str) -> None:
    for number in (1, 2):
        legs = row()["positions"]
        del legs[number - 1][field]
        with pytest.raises(MarginError) as refused:
            read_row(json.dumps(row(positions=legs)))
        assert str(refused.value) == f"positions, number {number}: {field}: the field is missing"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("wrong", [None, True, [], [1], "", {"a": 1}], ids=repr)
def test_a_field_of_a_wrong_type_is_named(field: str, wrong: object) -> None:
    with pytest.raises(MarginError) as refused:
        read_row(json.dumps(row(**{field: wrong})))
    assert field in str(refused.value)
    assert "give" in str(refused.value) or "missing" in str(refused.value)


@pytest.mark.parametrize("field", [*LEG_FIELDS, "mark_price"])
@pytest.mark.parametrize("wrong", [True, [1], "", float("nan"), float("inf"), {}], ids=repr)
def test_a_field_of_a_position_of_a_wrong_type_is_named(field: str, wrong: object) -> None:
    legs = [row()["positions"][1], leg(**{"mark_price": 3_000, field: wrong})]
    with pytest.raises(MarginError) as refused:
        read_row(json.dumps(row(positions=legs, symbol="BTC")))
    assert str(refused.value).startswith(f"positions, number 2: {field} = {wrong!r}: give")


OTHER = leg(symbol="BTC", mark_price=60_000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wallet_balance": float("nan")}, "wallet_balance = nan: give one finite number"),
        ({"wallet_balance": float("inf")}, "wallet_balance = inf: give one finite number"),
        ({"wallet_balance": "1_0"}, "wallet_balance = '1_0': give one finite number"),
        ({"wallet_balance": "1,5"}, "wallet_balance = '1,5': give one finite number"),
        ({"wallet_balance": 10**400}, "wallet_balance = an integer of"),
        ({"fee_rate": -0.1}, "fee_rate = -0.1: give a fraction"),
        ({"fee_rate": 0.995}, "positions, number 1: maintenance_margin_rate + closing_fee_rate = "),
        ({"contract": "quanto"}, "contract = 'quanto': give one of linear, inverse"),
        ({"contract": ["linear"]}, "contract = ['linear'] (did you mean linear?): give one of linear, inverse"),
        ({"maintenance_basis": "index"}, "maintenance_basis = 'index': give one of mark, entry"),
        ({"symbol": "DOGE"}, "symbol = 'DOGE': give one of the positions' symbols, ETH, BTC"),
        ({"positions": {}}, "positions = {}: give a list of at least one position"),
        ({"positions": [5]}, "positions, number 1: position = 5: give an object with symbol"),
        ({"positions": [leg(quantity=0)]}, "positions, number 1: quantity = 0: give a size with its sign"),
        ({"positions": [leg(entry_price=0)]}, "positions, number 1: entry_price = 0: give a number above 0"),
        ({"positions": [leg(entry_price=-3)]}, "positions, number 1: entry_price = -3: give a number above 0"),
        (
            {"positions": [leg(maintenance_margin_rate=1)]},
            "positions, number 1: maintenance_margin_rate = 1: give a fr",
        ),
        ({"positions": [leg(), leg(symbol="BTC")]}, "positions, number 2: mark_price: the field is missing"),
        ({"positions": [leg(), leg(symbol="BTC", mark_price=None)]}, "number 2: mark_price = None: give one finite"),
        ({"positions": [leg(), leg(symbol="BTC", mark_price=0)]}, "number 2: mark_price = 0: give a number above 0"),
        (
            {"positions": [leg(), OTHER, OTHER | {"mark_price": 61_000}]},
            "mark_price = 61,000: another BTC leg of the pool has 60,000",
        ),
        (
            {"positions": [leg(mark_price=3_000), leg(mark_price=3_001)]},
            "mark_price = 3,001: another ETH leg of the pool has 3,000",
        ),
        ({"expected": {}}, "expected = {}: give liquidation_price, bankruptcy_price, margin_ratio, "),
        ({"expected": {"liq_price": 5}}, "expected = {'liq_price': 5}: give liquidation_price, bankruptcy_price"),
        ({"expected": {"liquidation_price": "x"}}, "expected: liquidation_price = 'x': give one finite number"),
        ({"expected": {"bankruptcy_price": float("nan")}}, "expected: bankruptcy_price = nan: give one finite number"),
        ({"expected": 5}, "expected = 5: give an object"),
        ({"tolerance": {}}, "tolerance = {}: give abs or rel, or both"),
        ({"tolerance": {"absolute": 1}}, "tolerance = {'absolute': 1}: give abs or rel, or both"),
        ({"tolerance": {"abs": -1}}, "tolerance: abs = -1: give 0 or a number above 0"),
        ({"tolerance": {"rel": None}}, "tolerance: rel = None: give one finite number"),
        ({"tolerance": 0.1}, "tolerance = 0.1: give an object"),
    ],
)
def test_a_row_that_is_wrong_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MarginError) as refused:
        read_row(json.dumps(row(**changes)))
    assert message in str(refused.value)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON: "),
        ("id,source", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ('{"id": ' + "1" * 5_000 + "}", "not JSON: "),
        ("5", "row = 5: give a JSON object"),
        ("null", "row = None: give a JSON object"),
        ("[1]", "row = [1]: give a JSON object"),
        (json.dumps("x" * 500), "...: give a JSON object"),
        ('{"id": "a", "id": "b"}', "id: the field is given twice; give it once"),
        ('{"id": "a", "source": "b", "source": "c"}', "source: the field is given twice; give it once"),
    ],
)
def test_a_line_that_is_no_row_is_refused(line: str, message: str) -> None:
    with pytest.raises(RowError) as refused:
        read_row(line)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 200


def test_lines_are_counted_from_one_and_blank_ones_skipped() -> None:
    good = json.dumps(row())
    assert [number for number, _ in read_rows([good, "\n", "  ", good])] == [1, 4]
    with pytest.raises(RowError, match="line 3: not JSON"):
        list(read_rows([good, "", "{"]))


# --- what else a venue shows ------------------------------------------------------------------------------------------


def own(**changes: Any) -> dict[str, Any]:
    """Return a row of one ETH long of 2 from 3,000 at 3,100, 10x, with 700 behind it."""
    held = leg(quantity=2, mark_price=3_100, leverage=10)
    return row(wallet_balance=700, positions=[held], funding_rate=0.0001, **changes)


# PnL 200, equity 900, maintenance 1 % of 6,200, initial margin a tenth of it; 700 - 62 and 900 - 620 may be taken out.
SHOWN = {
    "margin_ratio": 62 / 900,
    "margin_level": 900 / 62,
    "available_balance": 280,
    "max_removable_margin": 280,
    "unrealized_pnl": 200,
    "funding_payment": 0.62,
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_else_a_venue_shows_is_computed(name: str) -> None:
    found = checks(own(expected={name: SHOWN[name]}))[name]
    assert found.computed == pytest.approx(SHOWN[name], rel=1e-12)
    assert found.passed
    assert not checks(own(expected={name: SHOWN[name] * 1.001}))[name].passed
    bare = row(positions=[leg(quantity=2)], expected={name: SHOWN[name]}, funding_rate=0.0001)
    with pytest.raises(MarginError, match=r"positions, number 1: (mark_price|leverage): the field is missing"):
        read_row(json.dumps(bare))


def test_of_two_positions_the_pool_or_the_symbol_s_legs_count() -> None:
    legs = [leg(mark_price=3_100, leverage=10), leg(symbol="BTC", quantity=-0.1, entry_price=60_000, mark_price=61_000)]
    legs[1]["leverage"] = 5
    shown = {"unrealized_pnl": 100, "margin_ratio": 92 / 1_000, "available_balance": 0, "funding_payment": 0.31}
    both = checks(row(positions=legs, expected=shown, funding_rate=0.0001, tolerance={"abs": 1e-9}))
    assert {name: each.computed for name, each in both.items()} == pytest.approx(shown)
    with pytest.raises(RowError, match="give one position, whose margin wallet_balance is"):
        read_row(json.dumps(row(positions=legs, expected={"max_removable_margin": 5})))
    with pytest.raises(RowError, match="funding_rate: the field is missing"):
        read_row(json.dumps(row(positions=legs, expected={"funding_payment": 5})))


def test_an_inverse_payment_is_counted_in_coins_and_a_loss_below_nothing_has_no_ratio() -> None:
    held = leg(quantity=-6_000, mark_price=3_000, entry_price=3_000)
    data = row(contract="inverse", wallet_balance=1, positions=[held], funding_rate=0.0001)
    assert checks(data | {"expected": {"funding_payment": -0.0002}})["funding_payment"].passed
    lost = own(expected={"margin_ratio": None})
    lost["positions"][0]["mark_price"] = 2_000
    assert checks(lost)["margin_ratio"].passed


@pytest.mark.parametrize("nothing", ["0", "0.00", "", "-1", 0, -12.5, None])
def test_a_venue_s_ways_to_say_that_there_is_no_price(nothing: object) -> None:
    none = {"liquidation_price": nothing, "bankruptcy_price": nothing}
    assert all(each.passed for each in checks(row(wallet_balance="1000000", expected=none)).values())
    assert not any(each.passed for each in checks(row(expected=none)).values())


def test_numbers_may_be_written_as_text() -> None:
    written = json.loads(json.dumps(row()), parse_int=str, parse_float=str)
    assert {name: each.computed for name, each in checks(written).items()} == {
        name: each.computed for name, each in checks(row()).items()
    }
    assert read_row(json.dumps(row(id="42"))).name == "42"


@pytest.mark.parametrize("tolerance", [{"abs": 0.01}, {"rel": 1.0}, {"abs": 5e-6}])
def test_a_tolerance_within_which_anything_passes_is_refused(tolerance: dict[str, float]) -> None:
    tiny = {"positions": [leg(entry_price=1.13e-5, quantity=1e6)], "wallet_balance": 1}
    tiny |= {"expected": {"liquidation_price": 5e-6}, "tolerance": tolerance}
    given = re.escape(str({"abs": 0.0, "rel": 0.0, **tolerance}))
    with pytest.raises(RowError, match=f"tolerance = {given}: give one below the liquidation_price expected, 5e-06"):
        read_row(json.dumps(row(**tiny)))
    assert read_row(json.dumps(row(**tiny | {"tolerance": {"rel": 0.9}}))).relative == 0.9
    assert read_row(json.dumps(row())).funding_rate == 0


def test_a_row_without_leverage_may_have_tiers_that_allow_none() -> None:
    # 1,000 + p - 3,000 = 0.6 p
    assert computed(row(positions=[leg(maintenance_margin_rate=0.6)])) == pytest.approx(5_000)
