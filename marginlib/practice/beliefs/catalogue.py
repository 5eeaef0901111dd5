"""The wrong beliefs that people hold about margin: one record each, with the step of the reasoning that it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import copysign, inf, sqrt
from typing import Any

from marginlib.liquidation import liquidation_price
from marginlib.model import Account, Coin, Contract, Netting, Order, Pool, Position
from marginlib.practice.beliefs.asks import ASKS, Reading
from marginlib.practice.beliefs.reasoning import RIGHT, Case, Reasoning, netted, traded
from marginlib.tiers import RiskSchedule, RiskTier
from marginlib.venues import PositionMode, rulebook

_FLAT = RiskSchedule.flat(0.004, max_leverage=125)


def _long(quantity: float = 0.1, leverage: float = 10.0, **changes: Any) -> Position:  # noqa: ANN401 - fields
    opened = Position.open(symbol="BTCUSDT", quantity=quantity, price=60_000, schedule=_FLAT, leverage=leverage)
    return replace(opened, **changes)


def _case(wallet: float, *positions: Position, marks: Mapping[str, float] | None = None, **rest: Any) -> Case:  # noqa: ANN401
    more = {name: rest.pop(name) for name in ("coins", "orders", "netting") if name in rest}
    return Case(account=Account(wallet_balance=wallet, positions=positions, **more).at(marks or {}), **rest)


_ETH = Position.open(symbol="ETHUSDT", quantity=10_000 / 3_000, price=3_000, schedule=_FLAT, leverage=10)
_SOL = Position.open(
    symbol="SOLUSDT", quantity=40_000 / 150, price=150, schedule=RiskSchedule.flat(0.005, max_leverage=100), leverage=10
)
_FIVE_HUNDRED = _case(10_000, _long(1 / 12).isolated())  # the course's first isolated position: 500 dollars at 10x
_HALF = _case(10_000, _long(0.5))
_HALF_ISOLATED = _case(10_000, _long(0.5).isolated())
_PAIR = _case(10_000, _ETH, _SOL)  # 10,000 dollars of ETH beside 40,000 of SOL, with 10,000 behind both
_FALLEN = _case(10_000, _ETH, _SOL, marks={"SOLUSDT": 120})
_UP = _case(10_000, _long(), marks={"BTCUSDT": 61_000})
_TIERED = rulebook("binance_usdm", "2026-09-29").position("BTCUSDT", 1_000_000 / 60_000, 60_000)
_MILLION = _case(100_000, _TIERED)
_EIGHT_HUNDRED = _case(10_000, _long(1 / 12).isolated(800))  # and 300 added
_BY_VENUE = [
    _case(10_000, _long(schedule=RiskSchedule.flat(rate, max_leverage=10)).isolated()) for rate in (0.004, 0.0125, 0.03)
]
_WON = _case(2_000, _long(1 / 6, 20), marks={"BTCUSDT": 78_000})  # 3,000 dollars of open profit
_BID = _case(
    10_000,
    _long(0.5),
    orders=(Order(name="bid", symbol="ETHUSDT", quantity=10, price=3_000, leverage=10),),
)
_COINS = _case(0, _long(1), coins=(Coin(symbol="BTCUSDT", amount=0.5, mark_price=60_000, haircut=0.05),))
_LEGS = (_long(1, entry_price=69_400), _long(-1))
_SELL: dict[str, Any] = {"trade": -0.4}
_WHOLE = RiskSchedule(
    tiers=(
        RiskTier(notional_floor=0, maintenance_margin_rate=0.004),
        RiskTier(notional_floor=1_000_000, maintenance_margin_rate=0.01),
    ),
    whole_position=True,
)
_MONTH: dict[str, Any] = {"volatility": 0.6, "days": 30.0}
_ONE_COIN = _case(10_000, _long(5 / 6))  # 50,000 dollars in all
_FIVE_COINS = _case(10_000, *(_long(1 / 6, symbol=f"COIN{k}") for k in range(5)))
_ERROR = 1.96 * sqrt(0.05 * 0.95 / 1_000)  # of a chance of 5 % counted on 1,000 paths, in nineteen of twenty tries


@dataclass(frozen=True, kw_only=True, eq=False)
class Belief:
    """A wrong belief: what it says, which steps of the reasoning it changes, and one line of numbers against it.

    Example:
        >>> BELIEFS["NO_MAINTENANCE"].refutation
        'A 10x long from 60,000 ends at 54,216.87, not 54,000: 18.07 dollars must still be there.'
    """

    notebook: str  # that treats it
    statement: str  # the belief in one sentence, as somebody who holds it would say it
    remedy: str  # what holds instead, in one sentence
    source: str  # where it was seen, or where the rule that it breaks is written
    # What its holder puts in the place of a step of the reasoning, by the step's name; nothing where the belief is
    # about words and rules, not about a number. Two beliefs combine when their steps differ.
    changes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    case: Case = _FIVE_HUNDRED  # what its numbers are about
    # Makes the line, given what is right and what the belief says, of an ask and a case (its own, if left out).
    against: Callable[[Callable[..., float], Callable[..., float]], str]

    def twist(self, reasoning: Reasoning) -> Reasoning:
        """Return what the belief makes of a reasoning."""
        return replace(reasoning, **self.changes)

    @property
    def refutation(self) -> str:
        """One line of numbers against the belief, computed now by the engine's rules."""

        def by(reasoning: Reasoning) -> Callable[..., float]:
            return lambda ask, case=self.case: ASKS[ask].value(Reading(case, reasoning)) or 0.0

        return self.against(by(RIGHT), by(self.twist(RIGHT)))


# --- steps that take more than a line -------------------------------------------------------------------------------


def _own_margin_only(account: Account) -> tuple[Pool, ...]:
    """Return the account as if only its initial margin stood behind each cross position."""
    cross, *isolated = account.pools()
    margins = [each.entry_notional / each.leverage for each in cross.positions]
    apart = [Pool(collateral=margin, positions=(each,)) for margin, each in zip(margins, cross.positions, strict=True)]
    return (replace(cross, collateral=max(0.0, cross.collateral - sum(margins)), positions=()), *apart, *isolated)


def _wallet_by_leverage(account: Account) -> tuple[Pool, ...]:
    """Return the account with the cross collateral divided by the leverage setting."""
    cross, *isolated = account.pools()
    setting = cross.positions[0].leverage if cross.positions else 1.0
    return (replace(cross, collateral=cross.collateral / setting), *isolated)


def _by_the_setting(_price: float | None, position: Position) -> float | None:
    """Return the price at a distance of one over the leverage setting; at 1x there may be none."""
    power, side = position.contract.power, 1 if position.exposure > 0 else -1
    away = position.entry_price**power * (1 - side / position.leverage)
    return float(away**power) if away > 0 else None


def _on_initial_margin(_price: float | None, position: Position) -> float | None:
    """Return the price of a position with its initial margin alone behind it."""
    return liquidation_price(position.isolated().pool, position.symbol)


def _dollar_for_dollar(price: float | None, position: Position) -> float | None:
    """Return the price on the initial margin, moved by a dollar for each dollar added to it or taken."""
    if position.isolated_margin is None:
        return price
    first, moved = _on_initial_margin(price, position), position.isolated_margin - position.isolated().own_margin
    return first and first - copysign(moved, moved * position.quantity)


def _tier(position: Position, share: float = 1.0, amount: float = 1.0) -> RiskSchedule:
    """Return the tier of a position as its whole table, with a share of its rate and of its amount."""
    table = position.schedule
    tier = table.tier(position.notional)
    return RiskSchedule.flat(table.rates[tier] * share, maintenance_amount=table.amounts[tier] * amount)


def _as_linear(account: Account) -> Account:
    """Return the account with linear contracts that gain, in coin, the same for the first small move."""
    return account.after(
        positions=[
            each
            if each.contract is Contract.LINEAR
            else replace(each, contract=Contract.LINEAR, quantity=each.quantity / each.entry_price**2)
            for each in account.positions
        ]
    )


def _by_rate(price: Callable[..., float]) -> str:
    """Return the liquidation prices of one position under three rates, in words."""
    prices = (f"{price('liquidation_price', each):,.0f}" for each in _BY_VENUE)
    return f"A 10x long from 60,000 with 0.4, 1.25 and 3 % to keep: {', '.join(prices)}"


# --- the beliefs: where two explain an answer, the first is named first, the special before the common ---------------
BELIEFS: Mapping[str, Belief] = {
    "SELL_CLOSES": Belief(
        notebook="06",
        statement="A sell always closes or reduces my long.",
        remedy="In one-way mode it does; in hedge mode it opens a short beside the long, unless it is only to reduce.",
        source="Binance USD-M, hedge mode: dualSidePosition",
        changes={"traded": lambda account, case: traded(account, case, PositionMode.ONE_WAY)},
        case=_case(10_000, _long(1), position_mode=PositionMode.HEDGE, **_SELL),
        against=lambda right, wrong: (
            f"1 BTC long, 0.4 sold in hedge mode: positions worth {right('notional'):,.0f} dollars ask for margin, "
            f"not {wrong('notional'):,.0f}."
        ),
    ),
    "SELL_OPENS": Belief(
        notebook="06",
        statement="A sell beside a long always opens a short.",
        remedy="In one-way mode a symbol has one position: the sell reduces the long first.",
        source="Binance USD-M, one-way mode",
        changes={"traded": lambda account, case: traded(account, case, PositionMode.HEDGE)},
        case=_case(10_000, _long(1), **_SELL),
        against=lambda right, wrong: (
            f"1 BTC long, 0.4 sold in one-way mode: {right('notional'):,.0f} dollars are left that ask for margin, "
            f"not {wrong('notional'):,.0f}."
        ),
    ),
    "WALLET_CAN_LEAVE": Belief(
        notebook="03",
        statement="Everything in the wallet can be withdrawn, positions or not.",
        remedy="What positions need stays: the smaller of two amounts may leave.",
        source="Binance, maximum withdrawal",
        changes={"leaves": lambda wallet, _free, _money: wallet},
        case=_HALF,
        against=lambda right, wrong: (
            f"{wrong('may_leave'):,.0f} dollars behind half a bitcoin at 10x: {right('may_leave'):,.0f} may leave."
        ),
    ),
    "HEDGED_IS_SAFE": Belief(
        notebook="06",
        statement="Long and short of the same size cannot be liquidated.",
        remedy="In one pool both legs need maintenance margin; isolated, each leg can end alone.",
        source="hedge mode; Binance, one price for both legs",
        changes={"positions": netted},
        case=_case(10_000, *_LEGS),
        against=lambda right, _: (
            f"Long and short of 1 BTC with {right('equity'):,.0f} dollars behind both: "
            f"liquidated at {right('liquidation_price'):,.0f}."
        ),
    ),
    "SETTING_IS_EFFECTIVE": Belief(
        notebook="01",
        statement="The leverage that you feel is the leverage that you set.",
        remedy="It is notional divided by equity, and it moves with the price.",
        source="Binance and Hyperliquid: the setting fixes the initial margin only",
        changes={"effective_leverage": lambda _notional, _equity, setting: setting},
        case=_case(10_000, _long(leverage=20)),
        against=lambda right, wrong: (
            f"6,000 dollars of BTC on 10,000 of equity: {right('effective_leverage'):.1f}x, "
            f"whatever the setting of {wrong('effective_leverage'):.0f}x says."
        ),
    ),
    "NO_MAINTENANCE": Belief(
        notebook="02",
        statement="A position can use up all of its margin before it is liquidated.",
        remedy="It is liquidated when the maintenance margin is all that is left.",
        source="public calculators with entry x (1 - 1/leverage)",
        changes={"schedule": lambda _position: RiskSchedule.flat(0.0)},
        against=lambda right, wrong: (
            f"A 10x long from 60,000 ends at {right('liquidation_price'):,.2f}, not {wrong('liquidation_price'):,.0f}: "
            f"{right('left_at_liquidation'):.2f} dollars must still be there."
        ),
    ),
    "LIQUIDATION_IS_BANKRUPTCY": Belief(
        notebook="02",
        statement="The liquidation price and the bankruptcy price are the same: at liquidation nothing is left.",
        remedy="Liquidation comes first; the maintenance margin lies between the two.",
        source="BitMEX and Bybit, bankruptcy price; Kraken, equity protection",
        changes={"bankrupt_at": lambda maintenance: maintenance, "left_over": lambda _equity: 0.0},
        against=lambda right, _: (
            f"Liquidated at {right('liquidation_price'):,.2f} with {right('left_at_liquidation'):.2f} of 500 dollars "
            f"left; bankrupt only at {right('bankruptcy_price'):,.0f}."
        ),
    ),
    "LEVERAGE_IS_DISTANCE": Belief(
        notebook="02",
        statement=(
            "At 10x the position is liquidated after a move of 10 %, at 100x after 1 %: one over the leverage setting."
        ),
        remedy="The money behind the position decides, less what must be kept.",
        source="coinsnews, questions and answers on 100x",
        changes={"price_found": _by_the_setting},
        case=_case(600, _long(1, leverage=100).isolated(600)),
        against=lambda right, _: (
            f"At 100x the fall is {-100 * right('liquidation_move'):.1f} %, not 1 %: "
            "the maintenance margin of 0.4 % is reached first."
        ),
    ),
    "LEVERAGE_MOVES_PRICE": Belief(
        notebook="03",
        statement="A higher leverage setting always brings the liquidation price nearer.",
        remedy="In cross margin the whole account stands behind the position, whatever the setting.",
        source="Hyperliquid, documentation, liquidations",
        changes={"price_found": _on_initial_margin},
        case=_case(10_000, _long(0.5, leverage=5)),
        against=lambda right, _: (
            f"Half a bitcoin, 10,000 dollars, cross: {right('liquidation_price'):,.0f} at 5x and "
            f"{right('liquidation_price', _case(10_000, _long(0.5, leverage=20))):,.0f} at 20x."
        ),
    ),
    "LEVERAGE_MULTIPLIES_PNL": Belief(
        notebook="01",
        statement="Leverage multiplies the profit or loss.",
        remedy="Profit or loss is size times price move; the setting is not in it.",
        source="Binance Square, posts on 200 dollars at 5x and 500 at 2x",
        changes={"pnl": lambda position: position.unrealized_pnl * position.leverage},
        case=_UP,
        against=lambda right, wrong: (
            f"0.1 x (61,000 - 60,000) = {right('pnl'):.0f} dollars at every setting, not {wrong('pnl'):,.0f} at 10x."
        ),
    ),
    "SIGN": Belief(
        notebook="02",
        statement="A short and a long are reckoned alike.",
        remedy="A short gains when the price falls, where a long loses; its quantity is negative.",
        source="a public port of Binance's formula with the profit negated",
        changes={
            "pnl": lambda position: position.unrealized_pnl if position.quantity > 0 else -position.unrealized_pnl
        },
        case=_case(600, _long(-0.1)),
        against=lambda right, wrong: (
            f"A 10x short from 60,000 is liquidated by a rise, at {right('liquidation_price'):,.0f}, "
            f"not by a fall to {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "WALLET_FOR_MARGIN": Belief(
        notebook="02",
        statement="The whole wallet stands behind an isolated position.",
        remedy="Only the money set aside for it does.",
        source="Binance, isolated margin; freqtrade 10668 has it the other way round",
        changes={
            "pools": lambda account: (
                replace(
                    account.pools()[0],
                    collateral=account.wallet_balance,
                    positions=tuple(each.cross() for each in account.positions),
                ),
            )
        },
        case=_HALF_ISOLATED,
        against=lambda right, wrong: (
            f"3,000 of 10,000 dollars set aside for half a bitcoin: liquidated at {right('liquidation_price'):,.0f}, "
            f"not {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "MARGIN_FOR_WALLET": Belief(
        notebook="03",
        statement="In cross margin a position can lose only its own initial margin.",
        remedy="All money of the account that is not isolated stands behind it.",
        source="freqtrade 10668: wallet balance taken as the stake",
        changes={"pools": _own_margin_only},
        case=_HALF,
        against=lambda right, wrong: (
            f"Half a bitcoin in cross on 10,000 dollars ends at {right('liquidation_price'):,.0f}; "
            f"on its 3,000 alone it would at {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "LEVERAGE_IN_CROSS": Belief(
        notebook="03",
        statement="The leverage setting belongs in the cross formula: it divides the wallet.",
        remedy="The setting is in neither equity nor maintenance margin.",
        source="freqtrade 11318",
        changes={"pools": _wallet_by_leverage},
        case=_HALF,
        against=lambda right, wrong: (
            f"10,000 dollars stand behind it at 10x as at 1x: {right('liquidation_price'):,.0f}, "
            f"not {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "LEVERAGE_IN_MAINTENANCE": Belief(
        notebook="01",
        statement="The leverage setting divides the maintenance margin, as it does the initial margin.",
        remedy="Maintenance margin is a share of the notional; the setting is not in it.",
        source="a public model of Binance's rules; Nautilus Trader's default",
        changes={"schedule": lambda position: _tier(position, 1 / position.leverage, 1 / position.leverage)},
        against=lambda right, wrong: (
            f"5,000 x 0.4 % = {right('maintenance_margin'):.0f} dollars at 1x, at 10x and at 100x; "
            f"never {wrong('maintenance_margin'):.0f}."
        ),
    ),
    "ENTRY_FOR_MARK": Belief(
        notebook="01",
        statement="Margins and values stay at the entry price.",
        remedy="A position is worth what the mark price of now says.",
        source="Bybit up to 1 September 2025 (position value at entry)",
        changes={
            "notional": lambda position: position.entry_notional,
            "maintenance_value": lambda position: position.entry_notional,
        },
        case=_case(10_000, _long(1 / 12).isolated(), marks={"BTCUSDT": 57_000}),
        against=lambda right, wrong: (
            f"Bought for 5,000, worth 4,750 at a mark of 57,000: keep {right('maintenance_margin'):.0f} dollars, "
            f"not {wrong('maintenance_margin'):.0f}."
        ),
    ),
    "LAST_FOR_MARK": Belief(
        notebook="08",
        statement="The last traded price decides.",
        remedy="The mark price values and liquidates; a wick in the last price does not.",
        source="Binance, mark price; 13 March 2020",
        changes={"prices": lambda case: case.account.at(case.last_prices)},
        case=_case(10_000, _long(), last_prices={"BTCUSDT": 54_000.0}),
        against=lambda right, wrong: (
            f"Last trade 54,000, mark 60,000: the equity is {right('equity'):,.0f} dollars, not {wrong('equity'):,.0f}."
        ),
    ),
    "FLAT_TIER": Belief(
        notebook="05",
        statement="In a higher tier the higher rate holds for the whole position.",
        remedy="The higher rate is charged on the part above the tier's floor only.",
        source="Binance, maintenance amount",
        changes={"schedule": lambda position: _tier(position, amount=0.0)},
        case=_MILLION,
        against=lambda right, wrong: (
            f"1,000,000 dollars in tier 3: keep {right('maintenance_margin'):,.0f}, slice by slice, "
            f"not 0.65 % of all, {wrong('maintenance_margin'):,.0f}."
        ),
    ),
    "TIERS_ARE_SLICES": Belief(
        notebook="05",
        statement="At every venue a tier's rate is asked only of the part above the tier's floor.",
        remedy="Some venues ask the rate of the tier of the whole position: ask yours.",
        source="OKX, help on position tiers, as third parties read it",
        changes={"schedule": lambda position: replace(position.schedule, whole_position=False)},
        case=_case(100_000, _long(30, leverage=20, schedule=_WHOLE)),
        against=lambda right, wrong: (
            f"0.4 % up to 1,000,000 dollars and 1 % above, of the whole position: 1,800,000 keep "
            f"{right('maintenance_margin'):,.0f}, not {wrong('maintenance_margin'):,.0f}."
        ),
    ),
    "AMOUNT_SIGN": Belief(
        notebook="05",
        statement="The maintenance amount is added to the maintenance margin.",
        remedy="It is taken off: it gives back what the rate charged too much.",
        source="a public calculator that takes the amount off the wallet",
        changes={"schedule": lambda position: _tier(position, amount=-1.0)},
        case=_MILLION,
        against=lambda right, wrong: (
            f"{1_000_000 * _TIERED.schedule.rates[2]:,.0f} - {_TIERED.schedule.amounts[2]:,.0f} = "
            f"{right('maintenance_margin'):,.0f} dollars to keep for 1,000,000 in tier 3, "
            f"not {wrong('maintenance_margin'):,.0f}."
        ),
    ),
    "OTHER_POSITIONS_MAINTENANCE": Belief(
        notebook="03",
        statement="What the other positions in the pool must keep does not matter to this one.",
        remedy="Their maintenance margin is taken off the money that stands behind this one.",
        source="TorchTrade 344",
        changes={"others_maintenance": lambda _maintenance: 0.0},
        case=_PAIR,
        against=lambda right, wrong: (
            f"SOL must keep {right('maintenance_margin', replace(_PAIR, symbol='SOLUSDT')):,.0f} of the 10,000 "
            "dollars: ETH's "
            f"liquidation price is {right('liquidation_price'):,.0f}, not {wrong('liquidation_price') or 'none'}."
        ),
    ),
    "OTHER_POSITIONS_PNL": Belief(
        notebook="03",
        statement="What the other positions win or lose does not move this one's liquidation price.",
        remedy="In one pool every profit and loss counts for everybody.",
        source="cross liquidation prices treated as independent",
        changes={"others_pnl": lambda _position, _profit: 0.0},
        case=_FALLEN,
        against=lambda right, wrong: (
            f"SOL has lost {-right('pnl', replace(_FALLEN, symbol='SOLUSDT')):,.0f} dollars of the pool: ETH's "
            f"liquidation price is {right('liquidation_price'):,.0f}, not {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "OTHER_POSITIONS_SIGN": Belief(
        notebook="06",
        statement="The neighbours' profits are size times price move, shorts like longs.",
        remedy="A short's quantity is negative, and so is its profit when the price rises.",
        source="freqtrade, cross margin: profits summed without their side",
        changes={"others_pnl": lambda position, profit: profit if position.quantity > 0 else -profit},
        case=_case(10_000, _long(0.5), replace(_ETH, quantity=-10), marks={"ETHUSDT": 3_200}),
        against=lambda right, wrong: (
            f"A short of 10 ETH has lost 2,000 dollars at 3,200: the pool has {right('equity'):,.0f}, "
            f"not {wrong('equity'):,.0f}."
        ),
    ),
    "NEAREST_SHOWN_PRICE": Belief(
        notebook="03",
        statement="The nearest liquidation price on the screen says how far the market can move.",
        remedy="Each price on the screen holds the other prices still; a move of all is another question.",
        source="cross liquidation prices read as one true price",
        changes={"together": lambda move, single: min(single, key=abs, default=move)},
        case=_PAIR,
        against=lambda right, wrong: (
            f"All prices together: over after {100 * right('common_fall'):.1f} %; "
            f"the nearest one alone is {100 * wrong('common_fall'):.1f} % away."
        ),
    ),
    "ONE_MARGIN_AT_RISK": Belief(
        notebook="04",
        statement="With several isolated positions the most that can go is one margin.",
        remedy="Each pool can lose its own margin; add them up.",
        source="castropatton.com: many isolated longs recreate cross exposure",
        changes={"add_up": lambda amounts: max(amounts, default=0.0)},
        case=_case(10_000, *(_long(symbol=f"COIN{k}").isolated() for k in range(3))),
        against=lambda right, wrong: (
            f"Three isolated positions with {wrong('most_you_can_lose'):,.0f} dollars each can lose "
            f"{right('most_you_can_lose'):,.0f} together."
        ),
    ),
    "MARGIN_TIMES_LEVERAGE": Belief(
        notebook="02",
        statement="The most that can be lost is margin times leverage.",
        remedy="It is the money that stands behind the position: isolated its margin, cross the pool.",
        source="popular guides: maximal loss",
        changes={"at_risk": lambda _amount, notional: notional},
        against=lambda right, wrong: (
            f"500 dollars at 10x, isolated: at most {right('most_you_can_lose'):,.0f} can go, "
            f"not {wrong('most_you_can_lose'):,.0f}."
        ),
    ),
    "OPEN_PROFIT_IGNORED": Belief(
        notebook="01",
        statement="Profit and loss count only once the position is closed.",
        remedy="Unrealized profit and loss are part of a pool's equity.",
        source="BitMEX in 2018; Binance and Hyperliquid count them",
        changes={"counted": lambda _profit: 0.0},
        case=_case(10_000, _long(0.5), marks={"BTCUSDT": 62_000}),
        against=lambda right, wrong: (
            f"Half a bitcoin, up 2,000 a coin: the pool has {right('equity'):,.0f} dollars, not {wrong('equity'):,.0f}."
        ),
    ),
    "ISOLATED_PROFIT_IS_FREE": Belief(
        notebook="02",
        statement="Profit won in an isolated position can be used to open others.",
        remedy="It stays inside that position's pool until the position is closed.",
        source="Binance, available balance",
        changes={"usable": lambda account: account.positions},
        case=_case(10_000, _long(0.5).isolated(), marks={"BTCUSDT": 62_000}),
        against=lambda right, wrong: (
            f"3,000 of 10,000 dollars set aside, 1,000 won in that pool: {right('available_balance'):,.0f} can be "
            f"used, not {wrong('available_balance'):,.0f}."
        ),
    ),
    "PROFIT_CAN_LEAVE": Belief(
        notebook="03",
        statement="Open profit can be withdrawn as soon as it is there.",
        remedy="At Binance it leaves only once it is realized; at Hyperliquid it may leave before.",
        source="Binance, maximum withdrawal; Hyperliquid, margining",
        changes={"leaves": lambda _wallet, free, _money: free},
        case=_WON,
        against=lambda right, wrong: (
            f"2,000 dollars and an open profit of 3,000: {right('may_leave'):,.0f} may leave at Binance, "
            f"not {wrong('may_leave'):,.0f}."
        ),
    ),
    "NOTHING_CAN_LEAVE": Belief(
        notebook="03",
        statement="While a position is open, nothing can be withdrawn.",
        remedy="What no position and no order needs may leave.",
        source="Binance, maximum withdrawal",
        changes={"leaves": lambda _wallet, _free, _money: 0.0},
        case=_HALF,
        against=lambda right, _: (
            f"10,000 dollars behind half a bitcoin at 10x: {right('may_leave'):,.0f} may leave, not 0."
        ),
    ),
    "ORDERS_ARE_FREE": Belief(
        notebook="03",
        statement="An open order costs nothing until it is filled.",
        remedy="It reserves initial margin, which is not available for anything else while it waits.",
        source="Binance USD-M account information, openOrderInitialMargin",
        changes={"reserved": lambda _reserved: 0.0},
        case=_BID,
        against=lambda right, wrong: (
            f"With a bid for 10 ETH at 3,000 and 10x {right('available_balance'):,.0f} dollars are available, "
            f"not {wrong('available_balance'):,.0f}."
        ),
    ),
    "ORDERS_MOVE_PRICE": Belief(
        notebook="03",
        statement="What an open order reserves no longer stands behind the positions.",
        remedy="It is reserved, not gone: equity and liquidation price stay until the order is filled.",
        source="Binance USD-M account information, openOrderInitialMargin",
        changes={"pool": lambda pool: replace(pool, collateral=pool.collateral - pool.reserved, reserved=0.0)},
        case=_BID,
        against=lambda right, wrong: (
            f"Half a bitcoin ends at {right('liquidation_price'):,.0f} with or without a bid that reserves 3,000 "
            f"dollars, not at {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "COIN_AT_FULL_PRICE": Belief(
        notebook="03",
        statement="A coin that stands as collateral counts at its full price.",
        remedy="It counts for less, by the haircut.",
        source="Binance Multi-Assets mode, collateral ratio; OKX, discount rates",
        changes={"coin": lambda _today, there: there.amount * there.mark_price},
        case=_COINS,
        against=lambda right, wrong: (
            f"Half a bitcoin at 60,000 with a haircut of 5 % counts for {right('equity'):,.0f} dollars, "
            f"not {wrong('equity'):,.0f}."
        ),
    ),
    "COIN_STANDS_STILL": Belief(
        notebook="03",
        statement="What a coin counts for today it counts for when it is needed.",
        remedy="It moves with its price: behind a long of the same coin it falls as the long loses.",
        source="Binance Multi-Assets mode, collateral ratio; OKX, discount rates",
        changes={"coin": lambda today, _there: today.value},
        case=_COINS,
        against=lambda right, wrong: (
            f"With half a bitcoin behind it a long of 1 BTC ends at {right('liquidation_price'):,.0f}, "
            f"not at {wrong('liquidation_price'):,.0f}."
        ),
    ),
    "LEGS_ADD_UP": Belief(
        notebook="06",
        statement="At every venue a long and a short of one coin need margin twice.",
        remedy="Some ask for the larger leg alone, or for what is left when the legs are closed against each other.",
        source="Kraken, cross margin: the larger of long and short",
        changes={"pool": lambda pool: replace(pool, netting=Netting.NONE)},
        case=_case(10_000, *_LEGS, netting=Netting.LARGER_LEG),
        against=lambda right, wrong: (
            f"1 BTC long and 1 BTC short, margin asked for the larger leg: keep {right('pool_maintenance'):,.0f} "
            f"dollars, not {wrong('pool_maintenance'):,.0f}."
        ),
    ),
    "LARGER_LEG_COUNTS": Belief(
        notebook="06",
        statement="At every venue a long and a short of one coin need margin once, for the larger.",
        remedy="Binance asks for both legs.",
        source="Binance, maintenance margin in hedge mode",
        changes={"pool": lambda pool: replace(pool, netting=Netting.LARGER_LEG)},
        case=_case(10_000, *_LEGS),
        against=lambda right, wrong: (
            f"1 BTC long and 1 BTC short, margin asked for each leg: keep {right('pool_maintenance'):,.0f} dollars, "
            f"not {wrong('pool_maintenance'):,.0f}."
        ),
    ),
    "RATIO_UPSIDE_DOWN": Belief(
        notebook="01",
        statement="A margin ratio reads the same in every app.",
        remedy="Some show what must be kept over equity, others equity over what must be kept.",
        source="Binance (rises to 100 %), OKX (falls to 100 %)",
        changes={"ratio": lambda equity, maintenance: equity / maintenance if maintenance else inf},
        case=_case(600, _long(), marks={"BTCUSDT": 54_300}),
        against=lambda right, wrong: (
            f"{right('pool_maintenance'):.2f} to keep of {right('equity'):.0f} dollars: one app shows "
            f"{100 * right('margin_ratio'):.0f} % and liquidates at 100 % on the way up, another shows "
            f"{100 * wrong('margin_ratio'):.0f} % and liquidates at 100 % on the way down."
        ),
    ),
    "INVERSE_AS_LINEAR": Belief(
        notebook="12",
        statement="An inverse contract gains and loses like a linear one.",
        remedy="It is paid in the coin: its collateral is worth less when the price falls.",
        source="Binance COIN-M, Kraken, OKX: inverse contracts",
        changes={"contract": _as_linear},
        case=_case(0.5, _long(60_000, leverage=2, symbol="BTCUSD", contract=Contract.INVERSE).isolated()),
        against=lambda right, wrong: (
            f"An inverse 2x long from 60,000 ends at {right('liquidation_price'):,.0f}, "
            f"not {wrong('liquidation_price'):,.0f}: its collateral falls with the price."
        ),
    ),
    "ADDED_MARGIN_SHRINKS_PNL": Belief(
        notebook="02",
        statement="Adding margin lowers the leverage and with it the profit or loss.",
        remedy="Added margin moves the liquidation price; profit or loss is size times price move.",
        source="Bitget, adding margin",
        changes={
            "pnl": lambda position: (
                position.unrealized_pnl / (position.own_margin * position.leverage / position.entry_notional or 1)
            )
        },
        case=_case(10_000, _long(1 / 12).isolated(800), marks={"BTCUSDT": 66_000}),
        against=lambda right, wrong: (
            f"With 500 dollars or with 800 behind it, a rise of 6,000 earns {right('pnl'):,.0f}, not "
            f"{wrong('pnl'):,.2f}."
        ),
    ),
    "MARGIN_IS_SIZE": Belief(
        notebook="01",
        statement="The margin is the position: profit is the price move on the margin.",
        remedy="The margin times the leverage used is the position, and the price moves all of it.",
        source="both readings of 1,000 dollars long, margin or notional",
        changes={"pnl": lambda position: position.unrealized_pnl / position.leverage},
        case=_UP,
        against=lambda right, wrong: (
            f"600 dollars of margin at 10x hold 6,000 of BTC: a rise of 1,000 a coin earns {right('pnl'):.0f}, "
            f"not {wrong('pnl'):.0f}."
        ),
    ),
    "FEE_ON_MARGIN": Belief(
        notebook="07",
        statement="A fee is a share of the margin.",
        remedy="It is a share of the position's value, so on the margin it is leverage times larger.",
        source="Binance USD-M, trading fees on the notional",
        changes={"fee_base": lambda _notional, margin: margin},
        case=_case(10_000, _long(leverage=100), fee_rate=0.0005),
        against=lambda right, wrong: (
            f"A fee of {100 * wrong('fee_on_margin'):.2f} % of the position is {100 * right('fee_on_margin'):.1f} % "
            "of the margin at 100x."
        ),
    ),
    "TOUCH_IS_END": Belief(
        notebook="10",
        statement="Only where the price ends decides whether a position is liquidated.",
        remedy="Touching the price on the way is enough: the position is closed there, and stays closed.",
        source="Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2",
        changes={"touched": lambda ends, _turns_back: ends},
        case=_case(10_000, _long(1 / 12).isolated(), **_MONTH),
        against=lambda right, wrong: (
            f"In 30 days at 60 % volatility {100 * wrong('touch_probability'):.0f} % end below "
            f"{right('liquidation_price'):,.0f}, and {100 * right('touch_probability'):.0f} % have been there."
        ),
    ),
    "DOLLAR_FOR_DOLLAR": Belief(
        notebook="02",
        statement="Each dollar added or paid moves the liquidation price by one dollar.",
        remedy="It moves the price by one dollar divided by the quantity.",
        source="Bitget, adding margin: 272.495 move the price from 24,637.9 to 21,900.4",
        changes={"price_found": _dollar_for_dollar},
        against=lambda right, _: (
            "300 dollars behind a twelfth of a bitcoin move its price by "
            f"{right('liquidation_price') - right('liquidation_price', _EIGHT_HUNDRED):,.0f} dollars."
        ),
    ),
    "ONE_TIER_FOR_POOL": Belief(
        notebook="05",
        statement="In cross margin the tier follows the sum of all positions.",
        remedy="Each position stands in its own tier of its own coin; the pool adds up the margins.",
        source="Binance, liquidation price in cross: rate and amount of each contract",
        case=_MILLION,
        against=lambda right, _: (
            f"Two positions of 1,000,000 dollars keep {2 * right('maintenance_margin'):,.0f}; one of 2,000,000 keeps "
            f"{_TIERED.schedule.maintenance_margin(2_000_000):,.0f}."
        ),
    ),
    "LEFTOVER_RETURNED": Belief(
        notebook="08",
        statement="What is left at a liquidation always comes back to you.",
        remedy="Most venues settle you at the bankruptcy price and keep the rest; some return it.",
        source="Binance, liquidation at the bankruptcy price; Kraken returns the rest",
        against=lambda right, _: (
            f"{right('left_at_liquidation'):.2f} of 500 dollars are left when the position is taken over; "
            "most venues keep them."
        ),
    ),
    "ONLY_LOSER_CLOSES": Belief(
        notebook="08",
        statement="In a cross liquidation only the position with the loss is closed.",
        remedy="The whole pool is liquidatable; which position goes is the venue's rule.",
        source="Hyperliquid, documentation: the vault takes all cross positions",
        case=replace(_PAIR, symbol="SOLUSDT"),
        against=lambda right, _: (
            f"With SOL at {right('liquidation_price'):.2f} the pool has {right('left_at_liquidation'):.2f} dollars "
            "behind SOL and ETH alike."
        ),
    ),
    "ODDS_ARE_PROPORTIONAL": Belief(
        notebook="10",
        statement="Half the leverage, or half the time, halves the odds of a liquidation.",
        remedy="Odds are not in proportion: a far price is seldom met in a short time, a near one nearly always.",
        source="Borodin and Salminen, Handbook of Brownian Motion, 2.1.2.0.2",
        case=_case(10_000, _long().isolated(), **_MONTH),
        against=lambda right, _: (
            f"At 10x {100 * right('touch_probability'):.1f} % are liquidated within 30 days, at 5x "
            f"{100 * right('touch_probability', _case(10_000, _long(leverage=5).isolated(), **_MONTH)):.1f} %."
        ),
    ),
    "NEVER_SEEN_IS_NEVER": Belief(
        notebook="10",
        statement="What happened on no path, simulated or recorded, does not happen.",
        remedy="Rare is not never: count how often a try of that size would miss it.",
        source="binomial distribution",
        against=lambda *_: (
            "What happens on 0.23 % of the paths is missing from 1,000 of them in "
            f"{100 * (1 - 0.0023) ** 1_000:.0f} % of tries."
        ),
    ),
    "VOLATILITY_SAYS_ALL": Belief(
        notebook="10",
        statement="Two markets with the same volatility have the same odds.",
        remedy="Jumps make the far price likelier and the near one rarer.",
        source="Merton (1976), option pricing when underlying stock returns are discontinuous",
        case=_case(10_000, _long(leverage=3).isolated(), volatility=0.6, days=1.0),
        against=lambda right, _: (
            f"A calm model gives a 3x long {right('touch_probability'):.0e} of dying in a day; one jump of 35 "
            "% is enough."
        ),
    ),
    "RULES_ARE_THE_SAME": Belief(
        notebook="12",
        statement="Every venue has the same rules, so the same position has the same liquidation price.",
        remedy="Rates, the price that counts, fees and what happens then are each venue's own.",
        source="rulebooks of Binance, Bybit, OKX, Hyperliquid, dYdX",
        against=lambda right, _: f"{_by_rate(right)}.",
    ),
    "RULE_OF_THUMB": Belief(
        notebook="11",
        statement="A rule of thumb says which margin mode is right, whatever the book.",
        remedy="It depends on the book: what hedges what, what can be lost, and for how long.",
        source="popular guides: which mode to use",
        case=_HALF,
        against=lambda right, _: (
            f"Cross with one long of 30,000: {right('liquidation_price'):,.0f} of 60,000. "
            f"Beside a falling neighbour: {right('liquidation_price', _FALLEN):,.0f} of 3,000."
        ),
    ),
    "CROSS_LOWERS_PRICE": Belief(
        notebook="03",
        statement="More collateral always lowers the liquidation price.",
        remedy="It moves the price away from the mark: down for a long, up for a short.",
        source="greeks.live, on cross margin",
        case=_case(3_000, _long(-0.5)),
        against=lambda right, _: (
            f"A short of half a bitcoin: {right('liquidation_price'):,.0f} with 3,000 dollars behind it, "
            f"{right('liquidation_price', _case(10_000, _long(-0.5))):,.0f} with 10,000: up."
        ),
    ),
    "MODE_DECIDES": Belief(
        notebook="04",
        statement="Isolated is always easier to liquidate than cross.",
        remedy="Less money behind the same size is gone sooner, in any mode; in cross a neighbour's loss uses it up.",
        source="freqtrade's test for Hyperliquid: the same rows in both modes",
        case=_HALF,
        against=lambda right, _: (
            "The same 10,000 dollars behind half a bitcoin: "
            f"{right('liquidation_price', _case(10_000, _long(0.5).isolated(9_999.999))):,.0f} isolated, "
            f"{right('liquidation_price'):,.0f} cross."
        ),
    ),
    "MARGIN_IS_SPENT": Belief(
        notebook="01",
        statement="Margin is the price of a position: it is spent when you open it.",
        remedy="It is a deposit; what is left of it comes back.",
        source="Binance USD-M: initial margin is reserved, not paid",
        case=_case(10_000, _long()),
        against=lambda right, _: (
            f"{right('initial_margin'):,.0f} of 10,000 dollars reserved at 60,000, closed at 60,000: "
            f"you have {right('money_left'):,.0f} again."
        ),
    ),
    "ISOLATED_LOSES_NO_MORE": Belief(
        notebook="02",
        statement="Isolated means that the first margin is all that can ever be lost.",
        remedy="Fees, funding and money added later come on top, and so does opening again.",
        source="Toobit, funding and position margin; Bybit, auto margin replenishment",
        against=lambda right, _: (
            f"500 dollars set aside, 300 added: it can lose {right('most_you_can_lose', _EIGHT_HUNDRED):,.0f}, "
            f"not {right('most_you_can_lose'):,.0f}; the fee to open is extra."
        ),
    ),
    "FUND_SAVES_YOU": Belief(
        notebook="08",
        statement="The insurance fund gives back what you lose.",
        remedy="It bears what is lost beyond your margin; your margin is gone.",
        source="spam pages on insurance funds; Binance, insurance fund",
        case=_case(600, _long().isolated(), marks={"BTCUSDT": 53_000}),
        against=lambda right, _: (
            f"A gap to 53,000 loses {-right('pnl'):,.0f}: your 600 are gone; "
            f"the fund, if it can, pays the other {-right('pnl') - 600:,.0f}."
        ),
    ),
    "SWITCH_ANY_TIME": Belief(
        notebook="12",
        statement="The margin mode can be switched at any time.",
        remedy="Binance refuses it with a position open (-4048); at Bybit it holds for the whole account.",
        source="Binance, error -4048; Bybit, margin mode",
        case=_HALF,
        against=lambda right, _: (
            f"It would move a price from {right('liquidation_price'):,.0f} to "
            f"{right('liquidation_price', _HALF_ISOLATED):,.0f} at once: Binance refuses it with a position open."
        ),
    ),
    "TABLE_IS_FIXED": Belief(
        notebook="05",
        statement="A venue's risk table and rules stay as they are.",
        remedy="Venues change them, and the change reaches open positions.",
        source="Binance, tables of 2022, 2024 and 2026",
        case=_MILLION,
        against=lambda right, _: (
            "1,000,000 dollars of BTC had to keep "
            f"{rulebook('binance_usdm', '2022-05-21').schedule('BTCUSDT').maintenance_margin(1_000_000):,.0f} in 2022 "
            f"and {right('maintenance_margin'):,.0f} in 2026."
        ),
    ),
    "LIQUIDATION_AS_STOP": Belief(
        notebook="08",
        statement="Isolated margin is as good as a stop order.",
        remedy="It exits at the worst place and costs the maintenance margin and a fee.",
        source="Hyperliquid, documentation, liquidations",
        against=lambda right, _: (
            f"A stop at {right('liquidation_price'):,.0f} leaves {right('left_at_liquidation'):.2f} of the 500 "
            "dollars; a liquidation there usually takes them too."
        ),
    ),
    "COINS_HOLD_UP": Belief(
        notebook="06",
        statement="Several coins in one pool hold each other up: the more of them, the safer.",
        remedy="Only a gain holds up others: a loss is taken from the money behind all, and coins often fall together.",
        source="popular guides: cross for diversified portfolios",
        case=_ONE_COIN,
        against=lambda right, _: (
            "50,000 dollars on 10,000, when all coins fall alike: one coin is over after "
            f"{-100 * right('common_fall'):.1f} %, five after {-100 * right('common_fall', _FIVE_COINS):.1f} %."
        ),
    ),
    "LIMIT_ONLY_NEARER": Belief(
        notebook="05",
        statement="An order above the limit of the table is accepted: only its liquidation price comes nearer.",
        remedy="It is refused: the table says which leverage a size may have, at most.",
        source="Binance, maximum leverage by notional",
        case=_MILLION,
        against=lambda *_: (
            f"100x is offered up to {_TIERED.schedule.max_notional(100):,.0f} dollars of BTC; for 900,000 "
            f"{_TIERED.schedule.max_leverage(900_000):.0f}x is the most."
        ),
    ),
    "KEPT_IS_A_BUFFER": Belief(
        notebook="05",
        statement="What must be kept is a buffer: the more of it, the further away is the liquidation.",
        remedy="The position is liquidated when only that is left: the more must be kept, the sooner.",
        source="OKX and Gate: a closing fee inside the maintenance margin",
        against=lambda right, _: f"{_by_rate(right)}, nearer each time.",
    ),
    "CONTAINED_LIVES": Belief(
        notebook="04",
        statement="Isolated margin contains the loss, so it lives longer than cross.",
        remedy="It limits what can go, not when: with less money behind the same size it is gone sooner.",
        source="popular claim: cross is riskier",
        case=_HALF_ISOLATED,
        against=lambda right, _: (
            f"Half a bitcoin, 10,000 dollars: liquidated at {right('liquidation_price'):,.0f} with 3,000 isolated, "
            f"at {right('liquidation_price', _HALF):,.0f} in cross."
        ),
    ),
    "SOLD_IS_SAVED": Belief(
        notebook="13",
        statement="What is sold in a fall is saved: it is better to have sold.",
        remedy="It cannot fall any further, and cannot come back: without drift selling gains nothing on average.",
        source="optional stopping: without drift no rule for selling wins on average",
        case=_case(10_000, _long(0.25), marks={"BTCUSDT": 54_000}),  # the half that is sold
        against=lambda right, _: (
            "Half a bitcoin falls to 54,000 and comes back: with half of it sold there "
            f"{10_000 + right('pnl'):,.0f} dollars are left, with nothing sold {right('money_left', _HALF):,.0f}."
        ),
    ),
    "ONE_RUN_IS_PROOF": Belief(
        notebook="10",
        statement="What a run, a replay or a few crashes have shown is exact, and holds the next time.",
        remedy="It is one draw, seen through a model: ask how far it may be off, and what chance alone would show.",
        source="binomial distribution",
        against=lambda *_: (
            f"A rule that fails on one path of five passes a single one in {100 * (1 - 1 / 5):.0f} % of tries; "
            f"a chance of 5 % counted on 1,000 paths comes out at {5 - 100 * _ERROR:.1f} to {5 + 100 * _ERROR:.1f} %."
        ),
    ),
    "UNSURE_SAYS_NOTHING": Belief(
        notebook="10",
        statement="A number that may be off says nothing.",
        remedy="Ask by how much it may be off: what lies well outside of that stays true.",
        source="standard error; no risk table of March 2020 is recorded",
        against=lambda right, _: (
            f"With 0.4 % to keep or with 1.25 % a 10x long from 60,000 ends at {right('liquidation_price'):,.0f} or at "
            f"{right('liquidation_price', _BY_VENUE[1]):,.0f}: a fall to 50,000 ends it either way."
        ),
    ),
    "POSITION_IS_OWNED": Belief(
        notebook="01",
        statement="Who opens a leveraged position owns the coins, and gets their price when closing it.",
        remedy="No coins change hands: closing pays the profit or loss, and the margin is free again.",
        source="perpetual futures: 01, what is traded",
        case=_case(10_000, _long()),
        against=lambda right, _: (
            f"10,000 dollars, a position of {right('notional'):,.0f} opened and closed at 60,000: you have "
            f"{right('money_left'):,.0f} again, not {10_000 - right('initial_margin') + right('notional'):,.0f}."
        ),
    ),
    "OPEN_LOSS_IS_GONE": Belief(
        notebook="14",
        statement="An open loss has left the margin already, so only the rest stands behind the position.",
        remedy="The price is counted from the entry, with that loss in it: begin with the money before it.",
        source="Binance: isolatedMargin is isolatedWallet and the unrealized profit",
        case=replace(_HALF_ISOLATED, account=_HALF_ISOLATED.account.at({"BTCUSDT": 58_000})),
        against=lambda right, _: (
            f"3,000 dollars behind half a bitcoin that has lost {-right('pnl'):,.0f}: it ends at "
            f"{right('liquidation_price'):,.0f}; with the rest alone it would be "
            f"{right('liquidation_price', _case(10_000, _long(0.5).isolated(3_000 + right('pnl')))):,.0f}."
        ),
    ),
}
