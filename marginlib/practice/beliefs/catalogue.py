"""The wrong beliefs that people hold about margin, each as one changed step of the reasoning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from types import MappingProxyType

from marginlib.liquidation import liquidation_price
from marginlib.model import Account, Contract, Pool, Position
from marginlib.practice.beliefs.reasoning import ASKS, RIGHT, Case, Reasoning
from marginlib.tiers import RiskSchedule
from marginlib.venues import rulebook

__all__ = ["MISCONCEPTIONS", "Misconception"]


@dataclass(frozen=True, kw_only=True)
class Misconception:
    """A wrong belief: what it says, what it makes of the reasoning, and one line of numbers against it.

    Args:
        code: its name in questions, exercises and records.
        statement: the belief in one sentence, as somebody who holds it would say it.
        remedy: what holds instead, in one sentence.
        shows: returns one line of numbers against it, computed by the engine.
        source: where it was seen, or where the rule that it breaks is written.
        notebook: the notebook that treats it.
        twist: what it makes of a reasoning; None where the belief is about words and rules, not about a number.

    Example:
        >>> MISCONCEPTIONS["NO_MAINTENANCE"].refutation
        'A 10x long from 60,000 ends at 54,216.87, not 54,000: 18.07 dollars must still be there.'
    """

    code: str
    statement: str
    remedy: str
    shows: Callable[[], str]
    source: str
    notebook: str
    twist: Callable[[Reasoning], Reasoning] | None = None

    @property
    def refutation(self) -> str:
        """One line of numbers against the belief, computed now."""
        return self.shows()

    @cached_property
    def steps(self) -> frozenset[str]:
        """The steps of the reasoning that the belief changes; two beliefs combine when these differ."""
        if self.twist is None:
            return frozenset()
        twisted = self.twist(RIGHT)
        return frozenset(
            each.name for each in fields(RIGHT) if getattr(twisted, each.name) != getattr(RIGHT, each.name)
        )


# --- what the beliefs make of a step --------------------------------------------------------------------------------


def _change(**steps: object) -> Callable[[Reasoning], Reasoning]:
    """Return the twist that puts these steps in the place of the right ones."""
    return lambda reasoning: replace(reasoning, **steps)  # type: ignore[arg-type]


def _one_pool(account: Account) -> tuple[Pool, ...]:
    """Return the account as if all its money stood behind all its positions."""
    return (Pool(collateral=account.wallet_balance, positions=tuple(each.cross() for each in account.positions)),)


def _own_margin_only(account: Account) -> tuple[Pool, ...]:
    """Return the account as if only its initial margin stood behind each cross position."""
    cross, *isolated = account.pools()
    margins = [each.entry_notional / each.leverage for each in cross.positions]
    apart = [Pool(collateral=margin, positions=(each,)) for margin, each in zip(margins, cross.positions, strict=True)]
    return (Pool(collateral=max(0.0, cross.collateral - sum(margins))), *apart, *isolated)


def _wallet_by_leverage(account: Account) -> tuple[Pool, ...]:
    """Return the account with the cross collateral divided by the leverage setting."""
    cross, *isolated = account.pools()
    setting = cross.positions[0].leverage if cross.positions else 1.0
    return (replace(cross, collateral=cross.collateral / setting), *isolated)


def _by_the_setting(_price: float | None, position: Position) -> float:
    """Return the price at a distance of one over the leverage setting."""
    power, side = position.contract.power, 1 if position.exposure > 0 else -1
    return float((position.entry_price**power * (1 - side / position.leverage)) ** power)


def _by_initial_margin(_price: float | None, position: Position) -> float | None:
    """Return the liquidation price with the initial margin alone behind the position."""
    margin = position.entry_notional / position.leverage
    return liquidation_price(Pool(collateral=margin, positions=(position.cross(),)), position.symbol)


def _nothing_to_keep(_position: Position) -> RiskSchedule:
    """Return a table that asks nothing."""
    return RiskSchedule.flat(0.0)


def _scaled(position: Position) -> RiskSchedule:
    """Return the table with its rates divided by the leverage setting."""
    table = position.schedule
    tier = table.tier(position.notional)
    return RiskSchedule.flat(
        table.rates[tier] / position.leverage, maintenance_amount=table.amounts[tier] / position.leverage
    )


def _whole_position(position: Position) -> RiskSchedule:
    """Return a table with the rate of the position's tier on all of it."""
    return RiskSchedule.flat(position.schedule.rates[position.schedule.tier(position.notional)])


def _amount_added(position: Position) -> RiskSchedule:
    """Return the table of the position's tier with the maintenance amount added to the margin, not taken off."""
    table = position.schedule
    tier = table.tier(position.notional)
    return RiskSchedule.flat(table.rates[tier], maintenance_amount=-table.amounts[tier])


def _as_linear(account: Account) -> Account:
    """Return the account with each inverse contract replaced by a linear one of the same size at its entry price."""
    return account.after(positions=[_straight(each) for each in account.positions])


def _straight(position: Position) -> Position:
    """Return the linear position that gains, in coin, the same for the first small move."""
    if position.contract is Contract.LINEAR:
        return position
    return replace(position, contract=Contract.LINEAR, quantity=position.quantity / position.entry_price**2)


def _netted(account: Account) -> Account:
    """Return the account with legs in opposite directions of one symbol cancelled, their profit booked."""
    kept: list[Position] = []
    booked = 0.0
    for symbol in dict.fromkeys(each.symbol for each in account.positions):
        legs = [each for each in account.positions if each.symbol == symbol]
        longs, shorts = ([leg for leg in legs if leg.quantity * side > 0] for side in (1, -1))
        size = {1: sum(leg.quantity for leg in longs), -1: -sum(leg.quantity for leg in shorts)}
        both = min(size.values())
        for side, of in ((1, longs), (-1, shorts)):
            share = both / size[side] if of else 0.0
            booked += share * sum(leg.unrealized_pnl for leg in of)
            kept += [_part(leg, 1 - share) for leg in of if share < 1 - 1e-12]
    return account.after(wallet_balance=account.wallet_balance + booked, positions=kept)


def _part(position: Position, share: float) -> Position:
    """Return a part of a position, with that part of its isolated margin."""
    margin = None if position.isolated_margin is None else position.isolated_margin * share
    return replace(position, quantity=position.quantity * share, isolated_margin=margin)


def _marks_are_last(case: Case) -> Account:
    """Return the account valued at the last traded prices."""
    return case.account.at(case.last_prices)


def _as_long(position: Position) -> float:
    """Return the profit as if every position were long."""
    return position.unrealized_pnl if position.quantity > 0 else -position.unrealized_pnl


def _by_margin(position: Position) -> float:
    """Return the profit in proportion to initial margin over margin put in."""
    margin = position.isolated_margin
    return position.unrealized_pnl * (1 if margin is None else position.entry_notional / position.leverage / margin)


def _nearest(move: float | None, single: list[float]) -> float | None:
    """Return the nearest of the moves that the screen shows."""
    return min(single, key=abs, default=move)


# --- numbers against them -------------------------------------------------------------------------------------------

_FLAT = RiskSchedule.flat(0.004, max_leverage=125)
_FLAT_SOL = RiskSchedule.flat(0.005, max_leverage=100)


def _long(quantity: float = 0.1, price: float = 60_000.0, leverage: float = 10.0) -> Position:
    return Position.open(symbol="BTCUSDT", quantity=quantity, price=price, schedule=_FLAT, leverage=leverage)


def _case(wallet: float, *positions: Position, **rest: object) -> Case:
    return Case(account=Account(wallet_balance=wallet, positions=positions), **rest)  # type: ignore[arg-type]


def _both(ask: str, case: Case, code: str) -> tuple[float, float]:
    """Return the right answer and the belief's."""
    twist = MISCONCEPTIONS[code].twist
    found = [ASKS[ask].compute(each, case) for each in (RIGHT, twist(RIGHT) if twist else RIGHT)]
    return found[0] or 0.0, found[1] or 0.0


def _five_hundred() -> Case:
    """Return the course's first isolated position: 500 dollars at 10x."""
    return _case(10_000, _long(1 / 12).isolated())


def _pair_of_longs() -> Case:
    """Return the course's pair: 10,000 dollars of ETH beside 40,000 of SOL, with 10,000 behind both."""
    eth = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=_FLAT, leverage=10)
    sol = Position.open(symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=_FLAT_SOL, leverage=10)
    return _case(10_000, eth, sol)


def _say_no_maintenance() -> str:
    case = _five_hundred()
    right, wrong = _both("liquidation_price", case, "NO_MAINTENANCE")
    left = ASKS["left_at_liquidation"].compute(RIGHT, case)
    return f"A 10x long from 60,000 ends at {right:,.2f}, not {wrong:,.0f}: {left:.2f} dollars must still be there."


def _say_bankruptcy() -> str:
    case = _five_hundred()
    end, bust = (ASKS[ask].compute(RIGHT, case) for ask in ("liquidation_price", "bankruptcy_price"))
    left = ASKS["left_at_liquidation"].compute(RIGHT, case)
    return f"Liquidated at {end:,.2f} with {left:.2f} of 500 dollars left; bankrupt only at {bust:,.0f}."


def _say_distance() -> str:
    right = ASKS["liquidation_move"].compute(RIGHT, _case(600, _long(1, leverage=100).isolated(600))) or 0.0
    return f"At 100x the fall is {-100 * right:.1f} %, not 1 %: the maintenance margin of 0.4 % is reached first."


def _say_leverage_in_maintenance() -> str:
    right, wrong = _both("maintenance_margin", _five_hundred(), "LEVERAGE_IN_MAINTENANCE")
    return f"5,000 x 0.4 % = {right:.0f} dollars at 1x, at 10x and at 100x; never {wrong:.0f}."


def _say_leverage_moves_price() -> str:
    prices = [
        ASKS["liquidation_price"].compute(RIGHT, _case(10_000, _long(0.5, leverage=setting))) or 0.0
        for setting in (5, 20)
    ]
    return f"Half a bitcoin, 10,000 dollars, cross: {prices[0]:,.0f} at 5x and {prices[1]:,.0f} at 20x."


def _say_multiplies() -> str:
    case = Case(account=_case(10_000, _long()).account.at({"BTCUSDT": 61_000}))
    right, wrong = _both("pnl", case, "LEVERAGE_MULTIPLIES_PNL")
    return f"0.1 x (61,000 - 60,000) = {right:.0f} dollars at every setting, not {wrong:,.0f} at 10x."


def _say_wallet_for_margin() -> str:
    right, wrong = _both("liquidation_price", _case(10_000, _long(0.5).isolated()), "WALLET_FOR_MARGIN")
    return f"3,000 of 10,000 dollars set aside for half a bitcoin: liquidated at {right:,.0f}, not {wrong:,.0f}."


def _say_margin_for_wallet() -> str:
    case = _case(10_000, _long(0.5))
    right, wrong = _both("liquidation_price", case, "MARGIN_FOR_WALLET")
    return (
        f"Half a bitcoin in cross on 10,000 dollars ends at {right:,.0f}; on its 3,000 alone it would at {wrong:,.0f}."
    )


def _say_wallet_by_leverage() -> str:
    right, wrong = _both("liquidation_price", _case(10_000, _long(0.5)), "LEVERAGE_IN_CROSS")
    return f"10,000 dollars stand behind it at 10x as at 1x: {right:,.0f}, not {wrong:,.0f}."


def _say_entry() -> str:
    case = Case(account=_five_hundred().account.at({"BTCUSDT": 57_000}))
    right, wrong = _both("maintenance_margin", case, "ENTRY_FOR_MARK")
    return f"Bought for 5,000, worth 4,750 at a mark of 57,000: keep {right:.0f} dollars, not {wrong:.0f}."


def _say_last() -> str:
    case = _case(10_000, _long(), last_prices={"BTCUSDT": 54_000.0})
    right, wrong = _both("equity", case, "LAST_FOR_MARK")
    return f"Last trade 54,000, mark 60,000: the equity is {right:,.0f} dollars, not {wrong:,.0f}."


def _say_flat_tier() -> str:
    big = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 1_000_000 / 60_000, 60_000)
    right, wrong = _both("maintenance_margin", _case(100_000, big), "FLAT_TIER")
    return f"1,000,000 dollars in tier 3: keep {right:,.0f}, slice by slice, not 0.65 % of all, {wrong:,.0f}."


def _say_amount() -> str:
    big = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 1_000_000 / 60_000, 60_000)
    right, wrong = _both("maintenance_margin", _case(100_000, big), "AMOUNT_SIGN")
    amount, whole = big.schedule.amounts[2], 1_000_000 * big.schedule.rates[2]
    return f"{whole:,.0f} - {amount:,.0f} = {right:,.0f} dollars to keep for 1,000,000 in tier 3, not {wrong:,.0f}."


def _say_old_table() -> str:
    needs = [
        rulebook("binance_usdm", date).schedule("BTCUSDT").maintenance_margin(1_000_000)
        for date in ("2022-05-21", "2026-09-29")
    ]
    return f"1,000,000 dollars of BTC had to keep {needs[0]:,.0f} in 2022 and {needs[1]:,.0f} in 2026."


def _say_sign() -> str:
    short = _long(-0.1)
    right, wrong = _both("liquidation_price", _case(600, short), "SIGN")
    return f"A 10x short from 60,000 is liquidated by a rise, at {right:,.0f}, not by a fall to {wrong:,.0f}."


def _say_cross_lowers() -> str:
    prices = [ASKS["liquidation_price"].compute(RIGHT, _case(dollars, _long(-0.5))) or 0 for dollars in (3_000, 10_000)]
    return (
        f"A short of half a bitcoin: {prices[0]:,.0f} with 3,000 dollars behind it, {prices[1]:,.0f} with 10,000: up."
    )


def _say_others_maintenance() -> str:
    case = _pair_of_longs()
    right, wrong = _both("liquidation_price", case, "OTHER_POSITIONS_MAINTENANCE")
    keep = ASKS["maintenance_margin"].compute(RIGHT, replace(case, symbol="SOLUSDT"))
    none = "none" if not wrong else f"{wrong:,.0f}"
    return f"SOL must keep {keep:,.0f} of the 10,000 dollars: ETH's liquidation price is {right:,.0f}, not {none}."


def _fallen_pair() -> Case:
    return replace(_pair_of_longs(), account=_pair_of_longs().account.at({"SOLUSDT": 120}))


def _say_others_pnl() -> str:
    right, wrong = _both("liquidation_price", _fallen_pair(), "OTHER_POSITIONS_PNL")
    lost = ASKS["pnl"].compute(RIGHT, replace(_fallen_pair(), symbol="SOLUSDT")) or 0.0
    return f"SOL has lost {-lost:,.0f} dollars of the pool: ETH's liquidation price is {right:,.0f}, not {wrong:,.0f}."


def _short_beside() -> Case:
    eth = Position.open(symbol="ETHUSDT", quantity=-10, price=3_000, schedule=_FLAT)
    return Case(account=_case(10_000, _long(0.5), eth).account.at({"ETHUSDT": 3_200}))


def _say_others_sign() -> str:
    right, wrong = _both("equity", _short_beside(), "OTHER_POSITIONS_SIGN")
    lost = ASKS["pnl"].compute(RIGHT, replace(_short_beside(), symbol="ETHUSDT")) or 0.0
    return f"A short of 10 ETH has lost {-lost:,.0f} dollars at 3,200: the pool has {right:,.0f}, not {wrong:,.0f}."


def _say_screen() -> str:
    right, wrong = _both("common_fall", _pair_of_longs(), "NEAREST_SHOWN_PRICE")
    return f"All prices together: over after {100 * right:.1f} %; the nearest one alone is {100 * wrong:.1f} % away."


def _say_one_margin() -> str:
    coins = [replace(_long(0.1), symbol=f"COIN{k}").isolated() for k in range(3)]
    right, wrong = _both("most_you_can_lose", _case(10_000, *coins), "ONE_MARGIN_AT_RISK")
    return f"Three isolated positions with {wrong:,.0f} dollars each can lose {right:,.0f} together."


def _say_no_more() -> str:
    before, after = (
        ASKS["most_you_can_lose"].compute(RIGHT, _case(10_000, _long(1 / 12).isolated(margin))) for margin in (500, 800)
    )
    return f"500 dollars set aside, 300 added: it can lose {after:,.0f}, not {before:,.0f}; the fee to open is extra."


def _say_fund() -> str:
    pool = _case(600, _long().isolated()).account.pools()[1].at({"BTCUSDT": 53_000})
    loss = -pool.positions[0].unrealized_pnl
    return (
        f"A gap to 53,000 loses {loss:,.0f}: your 600 are gone; the fund, if it can, pays the other {loss - 600:,.0f}."
    )


def _say_profit() -> str:
    case = Case(account=_case(10_000, _long(0.5)).account.at({"BTCUSDT": 62_000}))
    right, wrong = _both("equity", case, "OPEN_PROFIT_IGNORED")
    return f"Half a bitcoin, up 2,000 a coin: the pool has {right:,.0f} dollars, not {wrong:,.0f}."


def _say_isolated_profit() -> str:
    case = Case(account=_case(10_000, _long(0.5).isolated()).account.at({"BTCUSDT": 62_000}))
    right, wrong = _both("available_balance", case, "ISOLATED_PROFIT_IS_FREE")
    return f"3,000 of 10,000 dollars set aside, 1,000 won in that pool: {right:,.0f} can be used, not {wrong:,.0f}."


def _say_switch() -> str:
    before, after = (
        ASKS["liquidation_price"].compute(RIGHT, _case(10_000, each)) or 0.0
        for each in (_long(0.5), _long(0.5).isolated())
    )
    return f"It would move a price from {before:,.0f} to {after:,.0f} at once: Binance refuses it with a position open."


def _say_ratio() -> str:
    case = Case(account=_case(600, _long()).account.at({"BTCUSDT": 54_300}))
    right, wrong = _both("margin_ratio", case, "RATIO_UPSIDE_DOWN")
    keep, equity = (ASKS[ask].compute(RIGHT, case) for ask in ("pool_maintenance", "equity"))
    return (
        f"{keep:.2f} to keep of {equity:.0f} dollars: one app shows {100 * right:.0f} % and liquidates at 100 % on the "
        f"way up, another shows {100 * wrong:.0f} % and liquidates at 100 % on the way down."
    )


def _say_hedged() -> str:
    legs = (replace(_long(1), entry_price=69_400), _long(-1))
    right, left = (ASKS[ask].compute(RIGHT, _case(10_000, *legs)) for ask in ("liquidation_price", "equity"))
    return f"Long and short of 1 BTC with {left:,.0f} dollars behind both: liquidated at {right:,.0f}."


def _say_inverse() -> str:
    coin = _inverse_long()
    right, wrong = _both("liquidation_price", coin, "INVERSE_AS_LINEAR")
    return (
        f"An inverse 2x long from 60,000 ends at {right:,.0f}, not {wrong:,.0f}: its collateral falls with the price."
    )


def _inverse_long() -> Case:
    coin = Position(
        symbol="BTCUSD",
        quantity=60_000,
        entry_price=60_000,
        mark_price=60_000,
        schedule=_FLAT,
        leverage=2,
        contract=Contract.INVERSE,
    )
    return _case(0.5, coin.isolated())


def _say_added() -> str:
    case = Case(account=_case(10_000, _long(1 / 12).isolated(800)).account.at({"BTCUSDT": 66_000}))
    right, wrong = _both("pnl", case, "ADDED_MARGIN_SHRINKS_PNL")
    return f"With 500 dollars or with 800 behind it, a rise of 6,000 earns {right:,.0f}, not {wrong:,.2f}."


def _say_times() -> str:
    right, wrong = _both("most_you_can_lose", _five_hundred(), "MARGIN_TIMES_LEVERAGE")
    return f"500 dollars at 10x, isolated: at most {right:,.0f} can go, not {wrong:,.0f}."


def _say_setting() -> str:
    right, wrong = _both("effective_leverage", _case(10_000, _long(leverage=20)), "SETTING_IS_EFFECTIVE")
    return f"6,000 dollars of BTC on 10,000 of equity: {right:.1f}x, whatever the setting of {wrong:.0f}x says."


def _say_spent() -> str:
    case = _case(10_000, _long())
    left = ASKS["money_left"].compute(RIGHT, case)
    return f"600 of 10,000 dollars reserved at 60,000, closed at 60,000: you have {left:,.0f} again."


def _say_mode() -> str:
    prices = [
        ASKS["liquidation_price"].compute(RIGHT, _case(10_000, each)) or 0.0
        for each in (_long(0.5).isolated(9_999.999), _long(0.5))
    ]
    return f"The same 10,000 dollars behind half a bitcoin: {prices[0]:,.0f} isolated, {prices[1]:,.0f} cross."


def _say_stop() -> str:
    price, kept = (ASKS[ask].compute(RIGHT, _five_hundred()) for ask in ("liquidation_price", "left_at_liquidation"))
    return f"A stop at {price:,.0f} leaves {kept:.2f} of the 500 dollars; a liquidation there usually takes them too."


def _say_size() -> str:
    case = Case(account=_case(10_000, _long()).account.at({"BTCUSDT": 61_000}))
    right, wrong = _both("pnl", case, "MARGIN_IS_SIZE")
    return f"600 dollars of margin at 10x hold 6,000 of BTC: a rise of 1,000 a coin earns {right:.0f}, not {wrong:.0f}."


def _say_fee() -> str:
    right, wrong = _both("fee_on_margin", _case(10_000, _long(leverage=100), fee_rate=0.0005), "FEE_ON_MARGIN")
    return f"A fee of {100 * wrong:.2f} % of the position is {100 * right:.1f} % of the margin at 100x."


def _say_touch() -> str:
    case = _case(10_000, _long(1 / 12).isolated(), volatility=0.6, days=30.0)
    right, wrong = _both("touch_probability", case, "TOUCH_IS_END")
    return (
        f"In 30 days at 60 % volatility {100 * wrong:.0f} % end below 54,217, and {100 * right:.0f} % have been there."
    )


def _say_dollar() -> str:
    prices = [
        ASKS["liquidation_price"].compute(RIGHT, _case(10_000, _long(1 / 12).isolated(margin))) or 0.0
        for margin in (500, 800)
    ]
    return f"300 dollars behind a twelfth of a bitcoin move its price by {prices[0] - prices[1]:,.0f} dollars."


def _say_pool_tier() -> str:
    table = rulebook("binance_usdm", "2026-09-29").schedule("BTCUSDT")
    one, two = (table.maintenance_margin(notional) for notional in (1_000_000, 2_000_000))
    return f"Two positions of 1,000,000 dollars keep {2 * one:,.0f}; one of 2,000,000 keeps {two:,.0f}."


def _say_leftover() -> str:
    left = ASKS["left_at_liquidation"].compute(RIGHT, _five_hundred())
    return f"{left:.2f} of 500 dollars are left when the position is taken over; most venues keep them."


def _say_only_loser() -> str:
    case = _pair_of_longs()
    price = ASKS["liquidation_price"].compute(RIGHT, replace(case, symbol="SOLUSDT")) or 0.0
    left = ASKS["equity"].compute(RIGHT, Case(account=case.account.at({"SOLUSDT": price}), symbol="ETHUSDT"))
    return f"With SOL at {price:.2f} the pool has {left:.2f} dollars behind SOL and ETH alike."


def _say_proportional() -> str:
    chances = [
        ASKS["touch_probability"].compute(
            RIGHT, _case(10_000, _long(leverage=setting).isolated(), volatility=0.6, days=30.0)
        )
        or 0.0
        for setting in (10, 5)
    ]
    return f"At 10x {100 * chances[0]:.1f} % are liquidated within 30 days, at 5x {100 * chances[1]:.1f} %."


def _say_never_seen() -> str:
    missed = (1 - 0.0023) ** 1_000
    return f"What happens on 0.23 % of the paths is missing from 1,000 of them in {100 * missed:.0f} % of tries."


def _say_volatility() -> str:
    case = _case(10_000, _long(leverage=3).isolated(), volatility=0.6, days=1.0)
    chance = ASKS["touch_probability"].compute(RIGHT, case) or 0.0
    return f"A calm model gives a 3x long {chance:.0e} of dying in a day; one jump of 35 % is enough."


def _say_rules() -> str:
    tables = (RiskSchedule.flat(rate, max_leverage=10) for rate in (0.004, 0.0125, 0.03))
    prices = (
        ASKS["liquidation_price"].compute(RIGHT, _case(10_000, replace(_long(), schedule=table).isolated())) or 0.0
        for table in tables
    )
    return (
        "A 10x long from 60,000 with 0.4, 1.25 and 3 % to keep: " + ", ".join(f"{each:,.0f}" for each in prices) + "."
    )


def _say_thumb() -> str:
    alone = ASKS["liquidation_price"].compute(RIGHT, _case(10_000, _long(0.5))) or 0.0
    beside = ASKS["liquidation_price"].compute(RIGHT, _fallen_pair()) or 0.0
    return f"Cross with one long of 30,000: {alone:,.0f} of 60,000. Beside a falling neighbour: {beside:,.0f} of 3,000."


def _catalogue() -> Iterable[Misconception]:
    """Yield every belief; where two explain an answer, the first is named first: the special, then the common."""

    def row(
        code: str, notebook: str, statement: str, remedy: str, source: str, shows: Callable[[], str], **steps: object
    ) -> Misconception:
        return Misconception(
            code=code,
            statement=statement,
            remedy=remedy,
            shows=shows,
            source=source,
            notebook=notebook,
            twist=_change(**steps) if steps else None,
        )

    yield row(
        "HEDGED_IS_SAFE",
        "06",
        "Long and short of the same size cannot be liquidated.",
        "In one pool both legs need maintenance margin; isolated, each leg can end alone.",
        "hedge mode; Binance, one price for both legs",
        _say_hedged,
        positions=_netted,
    )
    yield row(
        "SETTING_IS_EFFECTIVE",
        "01",
        "The leverage that you feel is the leverage that you set.",
        "It is notional divided by equity, and it moves with the price.",
        "Binance and Hyperliquid: the setting fixes the initial margin only",
        _say_setting,
        effective_leverage=lambda _notional, _equity, setting: setting,
    )
    yield row(
        "NO_MAINTENANCE",
        "02",
        "A position can use up all of its margin before it is liquidated.",
        "It is liquidated when the maintenance margin is all that is left.",
        "public calculators with entry x (1 - 1/leverage)",
        _say_no_maintenance,
        schedule=_nothing_to_keep,
    )
    yield row(
        "LIQUIDATION_IS_BANKRUPTCY",
        "02",
        "The liquidation price and the bankruptcy price are the same: at liquidation nothing is left.",
        "Liquidation comes first; the maintenance margin lies between the two.",
        "BitMEX and Bybit, bankruptcy price; Kraken, equity protection",
        _say_bankruptcy,
        bankrupt_at=lambda maintenance: maintenance,
        left_over=lambda _equity: 0.0,
    )
    yield row(
        "LEVERAGE_IS_DISTANCE",
        "02",
        "At 10x the position is liquidated after a move of 10 %, at 100x after 1 %: one over the leverage setting.",
        "The money behind the position decides, less what must be kept.",
        "coinsnews, questions and answers on 100x",
        _say_distance,
        price_found=_by_the_setting,
    )
    yield row(
        "LEVERAGE_MOVES_PRICE",
        "03",
        "A higher leverage setting always brings the liquidation price nearer.",
        "In cross margin the whole account stands behind the position, whatever the setting.",
        "Hyperliquid, documentation, liquidations",
        _say_leverage_moves_price,
        price_found=_by_initial_margin,
    )
    yield row(
        "LEVERAGE_MULTIPLIES_PNL",
        "01",
        "Leverage multiplies the profit or loss.",
        "Profit or loss is size times price move; the setting is not in it.",
        "Binance Square, posts on 200 dollars at 5x and 500 at 2x",
        _say_multiplies,
        pnl=lambda position: position.unrealized_pnl * position.leverage,
    )
    yield row(
        "SIGN",
        "02",
        "A short is reckoned like a long.",
        "A short gains when the price falls; its quantity is negative.",
        "a public port of Binance's formula with the profit negated",
        _say_sign,
        pnl=_as_long,
    )
    yield row(
        "WALLET_FOR_MARGIN",
        "02",
        "The whole wallet stands behind an isolated position.",
        "Only the money set aside for it does.",
        "Binance, isolated margin; freqtrade 10668 has it the other way round",
        _say_wallet_for_margin,
        pools=_one_pool,
    )
    yield row(
        "MARGIN_FOR_WALLET",
        "03",
        "In cross margin a position can lose only its own initial margin.",
        "All money of the account that is not isolated stands behind it.",
        "freqtrade 10668: wallet balance taken as the stake",
        _say_margin_for_wallet,
        pools=_own_margin_only,
    )
    yield row(
        "LEVERAGE_IN_CROSS",
        "03",
        "The leverage setting belongs in the cross formula: it divides the wallet.",
        "The setting is in neither equity nor maintenance margin.",
        "freqtrade 11318",
        _say_wallet_by_leverage,
        pools=_wallet_by_leverage,
    )
    yield row(
        "LEVERAGE_IN_MAINTENANCE",
        "01",
        "The leverage setting divides the maintenance margin, as it does the initial margin.",
        "Maintenance margin is a share of the notional; the setting is not in it.",
        "a public model of Binance's rules; Nautilus Trader's default",
        _say_leverage_in_maintenance,
        schedule=_scaled,
    )
    yield row(
        "ENTRY_FOR_MARK",
        "01",
        "Margins and values stay at the entry price.",
        "A position is worth what the mark price of now says.",
        "Bybit before 2025 (position value at entry)",
        _say_entry,
        notional=lambda position: position.entry_notional,
        maintenance_value=lambda position: position.entry_notional,
    )
    yield row(
        "LAST_FOR_MARK",
        "08",
        "The last traded price decides.",
        "The mark price values and liquidates; a wick in the last price does not.",
        "Binance, mark price; 13 March 2020",
        _say_last,
        prices=_marks_are_last,
    )
    yield row(
        "FLAT_TIER",
        "05",
        "In a higher tier the higher rate holds for the whole position.",
        "The higher rate is charged on the part above the tier's floor only.",
        "Binance, maintenance amount",
        _say_flat_tier,
        schedule=_whole_position,
    )
    yield row(
        "AMOUNT_SIGN",
        "05",
        "The maintenance amount is added to the maintenance margin.",
        "It is taken off: it gives back what the rate charged too much.",
        "a public calculator that takes the amount off the wallet",
        _say_amount,
        schedule=_amount_added,
    )
    yield row(
        "OTHER_POSITIONS_MAINTENANCE",
        "03",
        "What the other positions in the pool must keep does not matter to this one.",
        "Their maintenance margin is taken off the money that stands behind this one.",
        "TorchTrade 344",
        _say_others_maintenance,
        others_maintenance=lambda _maintenance: 0.0,
    )
    yield row(
        "OTHER_POSITIONS_PNL",
        "03",
        "What the other positions win or lose does not move this one's liquidation price.",
        "In one pool every profit and loss counts for everybody.",
        "cross liquidation prices treated as independent",
        _say_others_pnl,
        others_pnl=lambda _position, _profit: 0.0,
    )
    yield row(
        "OTHER_POSITIONS_SIGN",
        "06",
        "The neighbours' profits are size times price move, shorts like longs.",
        "A short's quantity is negative, and so is its profit when the price rises.",
        "freqtrade, cross margin: profits summed without their side",
        _say_others_sign,
        others_pnl=lambda position, profit: profit if position.quantity > 0 else -profit,
    )
    yield row(
        "NEAREST_SHOWN_PRICE",
        "03",
        "The nearest liquidation price on the screen says how far the market can move.",
        "Each price on the screen holds the other prices still; a move of all is another question.",
        "cross liquidation prices read as one true price",
        _say_screen,
        together=_nearest,
    )
    yield row(
        "ONE_MARGIN_AT_RISK",
        "04",
        "With several isolated positions the most that can go is one margin.",
        "Each pool can lose its own margin; add them up.",
        "castropatton.com: many isolated longs recreate cross exposure",
        _say_one_margin,
        add_up=lambda amounts: max(amounts, default=0.0),
    )
    yield row(
        "MARGIN_TIMES_LEVERAGE",
        "02",
        "The most that can be lost is margin times leverage.",
        "It is the money that stands behind the position: isolated its margin, cross the pool.",
        "popular guides: maximal loss",
        _say_times,
        at_risk=lambda _amount, notional: notional,
    )
    yield row(
        "OPEN_PROFIT_IGNORED",
        "01",
        "Profit and loss count only once the position is closed.",
        "Unrealized profit and loss are part of a pool's equity.",
        "BitMEX in 2018; Binance and Hyperliquid count them",
        _say_profit,
        counted=lambda _profit: 0.0,
    )
    yield row(
        "ISOLATED_PROFIT_IS_FREE",
        "02",
        "Profit won in an isolated position can be used to open others.",
        "It stays inside that position's pool until the position is closed.",
        "Binance, available balance",
        _say_isolated_profit,
        usable=lambda account: account.positions,
    )
    yield row(
        "RATIO_UPSIDE_DOWN",
        "01",
        "A margin ratio reads the same in every app.",
        "Some show what must be kept over equity, others equity over what must be kept.",
        "Binance (rises to 100 %), OKX (falls to 100 %)",
        _say_ratio,
        ratio=lambda equity, maintenance: equity / maintenance if maintenance else float("inf"),
    )
    yield row(
        "INVERSE_AS_LINEAR",
        "12",
        "An inverse contract gains and loses like a linear one.",
        "It is paid in the coin: its collateral is worth less when the price falls.",
        "Binance COIN-M, Kraken, OKX: inverse contracts",
        _say_inverse,
        contract=_as_linear,
    )
    yield row(
        "ADDED_MARGIN_SHRINKS_PNL",
        "02",
        "Adding margin lowers the leverage and with it the profit or loss.",
        "Added margin moves the liquidation price; profit or loss is size times price move.",
        "Bitget, adding margin",
        _say_added,
        pnl=_by_margin,
    )
    yield row(
        "MARGIN_IS_SIZE",
        "01",
        "The margin is the position: profit is the price move on the margin.",
        "The margin times the leverage used is the position, and the price moves all of it.",
        "both readings of 1,000 dollars long, margin or notional",
        _say_size,
        pnl=lambda position: position.unrealized_pnl / position.leverage,
    )
    yield row(
        "FEE_ON_MARGIN",
        "07",
        "A fee is a share of the margin.",
        "It is a share of the position's value, so on the margin it is leverage times larger.",
        "Binance USD-M, trading fees on the notional",
        _say_fee,
        fee_base=lambda _notional, margin: margin,
    )
    yield row(
        "TOUCH_IS_END",
        "10",
        "Only where the price ends decides whether a position is liquidated.",
        "Touching the price on the way is enough, about twice as likely as ending beyond it.",
        "Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2",
        _say_touch,
        touched=lambda ends, _turns_back: ends,
    )
    for code, notebook, statement, remedy, source, shows in (
        (
            "DOLLAR_FOR_DOLLAR",
            "02",
            "Each dollar added or paid moves the liquidation price by one dollar.",
            "It moves the price by one dollar divided by the quantity.",
            "Bitget, adding margin: 272.495 move the price from 24,637.9 to 21,900.4",
            _say_dollar,
        ),
        (
            "ONE_TIER_FOR_POOL",
            "05",
            "In cross margin the tier follows the sum of all positions.",
            "Each position stands in its own tier of its own coin; the pool adds up the margins.",
            "Binance, liquidation price in cross: rate and amount of each contract",
            _say_pool_tier,
        ),
        (
            "LEFTOVER_RETURNED",
            "08",
            "What is left at a liquidation always comes back to you.",
            "Most venues settle you at the bankruptcy price and keep the rest; some return it.",
            "Binance, liquidation at the bankruptcy price; Kraken returns the rest",
            _say_leftover,
        ),
        (
            "ONLY_LOSER_CLOSES",
            "08",
            "In a cross liquidation only the position with the loss is closed.",
            "The whole pool is liquidatable; which position goes is the venue's rule.",
            "Hyperliquid, documentation: the vault takes all cross positions",
            _say_only_loser,
        ),
        (
            "ODDS_ARE_PROPORTIONAL",
            "10",
            "Half the leverage, or half the time, halves the odds of a liquidation.",
            "Odds fall faster the further away the price is; ask the formula.",
            "Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2",
            _say_proportional,
        ),
        (
            "NEVER_SEEN_IS_NEVER",
            "10",
            "What happened on no simulated path does not happen.",
            "Rare is not never: count how often a try of that size would miss it.",
            "binomial distribution",
            _say_never_seen,
        ),
        (
            "VOLATILITY_SAYS_ALL",
            "10",
            "Two markets with the same volatility have the same odds.",
            "Jumps make the far price likelier and the near one rarer.",
            "Merton (1976), option pricing when underlying stock returns are discontinuous",
            _say_volatility,
        ),
        (
            "RULES_ARE_THE_SAME",
            "12",
            "The same position has the same liquidation price at every venue.",
            "Rates, the price that counts, fees and what happens then are each venue's own.",
            "rulebooks of Binance, Bybit, OKX, Hyperliquid, dYdX",
            _say_rules,
        ),
        (
            "RULE_OF_THUMB",
            "11",
            "A rule of thumb says which margin mode is right, whatever the book.",
            "It depends on the book: what hedges what, what can be lost, and for how long.",
            "popular guides: which mode to use",
            _say_thumb,
        ),
    ):
        yield row(code, notebook, statement, remedy, source, shows)
    yield row(
        "CROSS_LOWERS_PRICE",
        "03",
        "More collateral always lowers the liquidation price.",
        "It moves the price away from the mark: down for a long, up for a short.",
        "greeks.live, on cross margin",
        _say_cross_lowers,
    )
    yield row(
        "MODE_DECIDES",
        "04",
        "Isolated is always easier to liquidate than cross.",
        "Less money behind the same size is; with the same money both prices are equal.",
        "freqtrade's test for Hyperliquid: the same rows in both modes",
        _say_mode,
    )
    yield row(
        "MARGIN_IS_SPENT",
        "01",
        "Margin is the price of a position: it is spent when you open it.",
        "It is a deposit; what is left of it comes back.",
        "Binance USD-M: initial margin is reserved, not paid",
        _say_spent,
    )
    yield row(
        "ISOLATED_LOSES_NO_MORE",
        "02",
        "Isolated means that the first margin is all that can ever be lost.",
        "Fees, funding and money added later come on top, and so does opening again.",
        "Toobit, funding and position margin; Bybit, auto margin replenishment",
        _say_no_more,
    )
    yield row(
        "FUND_SAVES_YOU",
        "08",
        "The insurance fund gives back what you lose.",
        "It bears what is lost beyond your margin; your margin is gone.",
        "spam pages on insurance funds; Binance, insurance fund",
        _say_fund,
    )
    yield row(
        "SWITCH_ANY_TIME",
        "12",
        "The margin mode can be switched at any time.",
        "Binance refuses it with a position open (-4048); at Bybit it holds for the whole account.",
        "Binance, error -4048; Bybit, margin mode",
        _say_switch,
    )
    yield row(
        "TABLE_IS_FIXED",
        "05",
        "A venue's risk table stays as it is.",
        "Venues change their tables, and the change reaches open positions.",
        "Binance, tables of 2022, 2024 and 2026",
        _say_old_table,
    )
    yield row(
        "LIQUIDATION_AS_STOP",
        "08",
        "Isolated margin is as good as a stop order.",
        "It exits at the worst place and costs the maintenance margin and a fee.",
        "Hyperliquid, documentation, liquidations",
        _say_stop,
    )


MISCONCEPTIONS: Mapping[str, Misconception] = MappingProxyType({each.code: each for each in _catalogue()})
