"""What a pool has, what it needs to open and what it needs to keep: equity, initial margin, maintenance margin.

`Risk` holds the three numbers and adds with `+`, so a pool is its collateral plus its positions, and an account is its
pools. Everything else here reads a `Risk`. What may leave a pool is a rule of the venue's: `WithdrawalRule`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import fsum, inf

from marginlib.errors import fraction, positive, unknown, wrong
from marginlib.model import Account, Health, MaintenanceBasis, Netting, Pool, Position

__all__ = [
    "Risk",
    "WithdrawalRule",
    "account_risk",
    "add_isolated_margin",
    "available_balance",
    "initial_margin",
    "maintenance_margin",
    "max_addable_margin",
    "max_removable_margin",
    "max_withdrawal",
    "position_risk",
    "remove_isolated_margin",
    "risk",
]


@dataclass(frozen=True, slots=True)
class Risk:
    """The equity of something, the margin it needs to be opened, and the margin it needs to be kept.

        risk of a pool = Risk(collateral, 0, 0) + the sum of its positions' risks

    Args:
        equity: collateral + unrealized PnL [quote currency]; of a position alone, its unrealized PnL.
        initial: initial margin, notional / leverage [quote currency].
        maintenance: maintenance margin, from the risk tiers [quote currency].
        notional: value of the positions, long and short added up without sign [quote currency].

    Example:
        >>> Risk(1_000, 300, 24, 6_000) + Risk(-50, 100, 8, 2_000)
        Risk(equity=950, initial=400, maintenance=32, notional=8000)
    """

    equity: float
    initial: float
    maintenance: float
    notional: float = 0.0

    def __add__(self, other: Risk) -> Risk:
        """Return the risk of both together."""
        return Risk(
            self.equity + other.equity,
            self.initial + other.initial,
            self.maintenance + other.maintenance,
            self.notional + other.notional,
        )

    @property
    def available(self) -> float:
        """Equity that is not initial margin [quote currency]; below 0 when more is needed than there is."""
        return self.equity - self.initial

    @property
    def margin_ratio(self) -> float:
        """Maintenance margin / equity [1]: rises to 1 at liquidation (Binance, Bybit). `inf` when no equity is left."""
        if self.equity > 0:
            return self.maintenance / self.equity
        return inf if self.maintenance > 0 or self.equity < 0 else 0.0

    @property
    def margin_level(self) -> float:
        """Equity / maintenance margin [1]: falls to 1 at liquidation (OKX, Phemex). The inverse of `margin_ratio`."""
        if self.maintenance > 0:
            return self.equity / self.maintenance
        return inf if self.equity >= 0 else -inf

    @property
    def effective_leverage(self) -> float:
        """Notional / equity [1]: how many times a small price move is felt. `inf` when no equity is left."""
        if self.notional == 0:
            return 0.0
        return self.notional / self.equity if self.equity > 0 else inf

    @property
    def health(self) -> Health:
        """The state that a venue sees: liquidatable as soon as equity <= maintenance, bankrupt at equity <= 0."""
        if self.equity > self.maintenance or self.equity == self.maintenance == 0:
            return Health.HEALTHY
        return Health.LIQUIDATABLE if self.equity > 0 else Health.BANKRUPT


def initial_margin(position: Position) -> float:
    """Return the margin needed to open the position, at its mark price.

        initial margin = notional / leverage

    Args:
        position: the position; its leverage is the setting, not the effective leverage.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, leverage=6, schedule=flat)
        >>> initial_margin(eth)
        1000.0
    """
    return position.notional / position.leverage


def maintenance_margin(position: Position) -> float:
    """Return the margin needed to keep the position; leverage does not enter it.

        maintenance margin = notional x rate - amount     (rate and amount of the tier that holds the notional)

    Args:
        position: the position; its `maintenance_basis` says whether the mark or the entry price values it here.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, leverage=6, schedule=flat)
        >>> maintenance_margin(eth)
        24.0
    """
    by_entry = position.maintenance_basis is MaintenanceBasis.ENTRY
    return position.schedule.maintenance_margin(position.entry_notional if by_entry else position.notional)


def position_risk(position: Position) -> Risk:
    """Return what one position adds to the pool that backs it; its equity is its unrealized PnL.

    Args:
        position: the position.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, leverage=6, schedule=flat)
        >>> position_risk(eth.at(2_900))
        Risk(equity=-200.0, initial=966.6666666666666, maintenance=23.2, notional=5800.0)
    """
    return Risk(position.unrealized_pnl, initial_margin(position), maintenance_margin(position), position.notional)


def risk(pool: Pool) -> Risk:
    """Return the risk of a pool: its collateral and its positions added up.

        equity = collateral + coins + sum of unrealized PnL;   initial and maintenance margin: sums over the positions

    The pool's `netting` says which legs of a symbol the margins are asked for; open orders add to initial margin alone.

    Args:
        pool: a pool of an account, or one of your own.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, leverage=6, schedule=flat)
        >>> risk(Pool(collateral=1_500, positions=(eth,))).effective_leverage
        4.0
    """
    start = Risk(pool.collateral + pool.coins_value if pool.coins else pool.collateral, pool.reserved, 0.0)
    each = sum((position_risk(position) for position in pool.positions), start)
    if pool.netting is Netting.NONE:
        return each
    initial = pool.reserved + _asked(pool, initial_margin)
    return replace(each, initial=initial, maintenance=_asked(pool, maintenance_margin))


def _asked(pool: Pool, margin: Callable[[Position], float]) -> float:
    """Return a margin of the legs that it is asked for."""
    return fsum(max(fsum(map(margin, legs)) for legs in sets) for sets in pool.asked_legs())


def account_risk(account: Account) -> Risk:
    """Return the risk of a whole account, its pools added up. No venue liquidates on this number: a pool is liquidated.

    Args:
        account: the account.

    Example:
        >>> account_risk(Account(wallet_balance=10_000)).equity
        10000.0
    """
    return sum((risk(pool) for pool in account.pools()), Risk(0.0, 0.0, 0.0))


def available_balance(account: Account) -> float:
    """Return what can still be used as initial margin: the cross pool's equity that is not initial margin already.

        available balance = max(0, cross collateral + cross unrealized PnL - cross initial margin)

    A shortage counts as 0, as the venues show it; `risk(pool).available` is the same number with its sign.

    Args:
        account: the account. Isolated margin is set aside, so neither it nor its PnL is available.

    Source: Binance USD-M account information, `availableBalance`.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, leverage=6, schedule=flat)
        >>> available_balance(Account(wallet_balance=10_000, positions=(eth.at(2_900),)))
        8833.333333333334
    """
    return max(0.0, risk(account.pools()[0]).available)


@dataclass(frozen=True, kw_only=True, slots=True)
class WithdrawalRule:
    """What has to stay in a pool when money leaves it, and whether open profit may be that money.

        equity - max(initial margin, share x notional), and without profit at most collateral - maintenance margin

    Args:
        profit: whether profit may leave that is not realized yet.
        notional_share: share of the notional that stays as equity, whatever the leverage [1].

    Raises:
        MarginError: the share is not at least 0 and below 1.

    Source: Binance, "How to calculate the maximum withdrawal" (both caps); Hyperliquid, "Margining" (with profit, 0.1).

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.01)
        >>> btc = Position.open(symbol="BTC", quantity=1, price=10_000, schedule=flat, leverage=100).at(11_000)
        >>> pool = Pool(collateral=200, positions=(btc,))  # 1,000 of profit
        >>> WithdrawalRule().most(pool), WithdrawalRule(profit=True).most(pool)
        (90.0, 1090.0)
    """

    profit: bool = False
    notional_share: float = 0.0

    def __post_init__(self) -> None:
        fraction("notional_share", self.notional_share)

    def spare(self, pool: Pool) -> float:
        """Return the equity that a pool can do without [quote currency], 0 or more."""
        now = risk(pool)
        spare = now.equity - max(now.initial, self.notional_share * now.notional)
        return max(0.0, spare if self.profit else min(spare, pool.collateral + pool.coins_value - now.maintenance))

    def most(self, pool: Pool) -> float:
        """Return the most money that may leave a pool [quote currency], 0 or more; coins that back it stay."""
        spare = self.spare(pool)
        return spare if self.profit else max(0.0, min(spare, pool.collateral))


_BINANCE = WithdrawalRule()


def max_withdrawal(account: Account, rule: WithdrawalRule = _BINANCE) -> float:
    """Return the most that can leave the wallet, or be moved from the cross pool into an isolated position.

        max(0, min(cross equity - cross initial margin, cross collateral - cross maintenance margin))

    The second term keeps unrealized profit, which is not yet money, where it is; a rule may say otherwise.

    Args:
        account: the account.
        rule: what the venue lets leave; left out, Binance's.

    Source: Binance USD-M, "isolated margin: maximum addable", and its rule of withdrawals.

    Example:
        >>> max_withdrawal(Account(wallet_balance=10_000))
        10000.0
    """
    return rule.most(account.pools()[0])


def max_addable_margin(account: Account, rule: WithdrawalRule = _BINANCE) -> float:
    """Return the most that can be moved from the cross pool into an isolated position: `max_withdrawal`.

    Args:
        account: the account.
        rule: what the venue lets leave; left out, Binance's.

    Example:
        >>> max_addable_margin(Account(wallet_balance=10_000))
        10000.0
    """
    return max_withdrawal(account, rule)


def max_removable_margin(position: Position, rule: WithdrawalRule = _BINANCE) -> float:
    """Return the most isolated margin that can be taken back out of an isolated position.

        max(0, min(isolated margin - maintenance margin, isolated margin + unrealized PnL - initial margin))

    A loss lowers it; a profit does not raise it above what was set aside, unless the venue's rule lets profit leave.

    Args:
        position: an isolated position.
        rule: what the venue lets leave; left out, Binance's.

    Raises:
        MarginError: the position has no isolated margin.

    Source: Binance USD-M, "isolated margin: maximum removable".

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, leverage=10, schedule=flat)
        >>> max_removable_margin(btc.isolated(900)), max_removable_margin(btc.isolated(900).at(58_500))
        (300.0, 165.0)
        >>> eth = Position.open(symbol="ETH", quantity=1, price=100, leverage=10, schedule=flat).isolated().at(150)
        >>> max_removable_margin(eth, WithdrawalRule(profit=True, notional_share=0.1))
        45.0
    """
    return rule.most(position.pool)


def add_isolated_margin(account: Account, symbol: str, amount: float, rule: WithdrawalRule = _BINANCE) -> Account:
    """Return the account after `amount` moved from the cross pool into the isolated position of `symbol`.

    Args:
        account: the account; its wallet balance does not change, for the money stays in the wallet.
        symbol: the isolated position, which must be the only one of its symbol.
        amount: money to add [quote currency], above 0.
        rule: what the venue lets leave the cross pool; left out, Binance's.

    Raises:
        MarginError: the amount is not above 0 or more than `max_addable_margin`, or the position is not isolated.
        UnknownNameError: there is no such position.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, leverage=10, schedule=flat)
        >>> account = Account(wallet_balance=10_000, positions=(btc.isolated(),))
        >>> add_isolated_margin(account, "BTCUSDT", 300).positions[0].isolated_margin
        900.0
    """
    return _move(account, symbol, positive("amount", amount), max_addable_margin(account, rule), 1)


def remove_isolated_margin(account: Account, symbol: str, amount: float, rule: WithdrawalRule = _BINANCE) -> Account:
    """Return the account after `amount` moved out of the isolated position of `symbol` into the cross pool.

    Where a rule lets more leave than was set aside, the position's profit is realized first: its entry price becomes
    its mark price, and its equity and its liquidation price are what the amount alone makes of them.

    Args:
        account: the account; its wallet balance changes by a profit that is realized, and else not at all.
        symbol: the isolated position, which must be the only one of its symbol.
        amount: money to take out [quote currency], above 0.
        rule: what the venue lets leave; left out, Binance's.

    Raises:
        MarginError: the amount is not above 0 or more than `max_removable_margin`, or the position is not isolated.
        UnknownNameError: there is no such position.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, leverage=10, schedule=flat)
        >>> account = Account(wallet_balance=10_000, positions=(btc.isolated(900),))
        >>> remove_isolated_margin(account, "BTCUSDT", 300).positions[0].isolated_margin
        600.0
    """
    return _move(account, symbol, positive("amount", amount), max_removable_margin(_only(account, symbol), rule), -1)


def _move(account: Account, symbol: str, amount: float, most: float, sign: int) -> Account:
    """Return the account with an isolated margin raised or lowered by an amount that is at most `most`."""
    position = _only(account, symbol)
    margin = position.pool.collateral
    if amount > most:
        raise wrong("amount", amount, f"at most {most:,.10g} can be moved for {symbol} now")
    left, wallet = margin + sign * amount, account.wallet_balance
    if left <= 0:  # the rest of it is profit
        left, wallet = left + position.unrealized_pnl, wallet + position.unrealized_pnl
        moved = replace(position, isolated_margin=left, entry_price=position.mark_price)
    else:
        moved = replace(position, isolated_margin=left)
    held = (moved if each is position else each for each in account.positions)
    return account.after(wallet_balance=wallet, positions=held)


def _only(account: Account, symbol: str) -> Position:
    """Return the account's one position of `symbol`."""
    found = [position for position in account.positions if position.symbol == symbol]
    if not found:
        names = [position.symbol for position in account.positions]
        raise unknown("symbol", symbol, names or ["none, for there is no position"])
    if len(found) > 1:
        raise wrong("symbol", symbol, f"the account has {len(found)} positions of it; give a symbol held once")
    return found[0]
