"""Which margin mode fits a book, a horizon and a limit on loss: every partition of the book, answered by simulation.

Each position of a small book is either cross or isolated, so n positions have 2^n partitions. All of them are sent
along the same simulated paths. A **limit** says how much may be lost, how often at most. What follows is a rule, not
advice:

1. a partition *meets* the limit, *breaks* it, or is *too close to call*: within two standard errors of it;
2. of those that meet it the best by a **goal** are kept: the fewest liquidations, or one of the other `GOALS`. Two
   that lie within the noise are not ranked.

`try_rule` holds a rule of thumb (isolated for high leverage, cross for the rest) against that, over a grid of books.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product
from math import ceil, fsum, log10
from types import MappingProxyType

from marginlib.errors import MarginError, positive, unknown, wrong
from marginlib.margin import risk
from marginlib.model import Account, Position
from marginlib.odds.checks import inside
from marginlib.odds.diffusion import Diffusion
from marginlib.odds.estimates import Estimate, Odds
from marginlib.odds.simulate import PathCache
from marginlib.venues import rulebook

WORST = 0.05  # the share of the paths whose losses are averaged as "the worst"
_ERRORS = 2.0  # how many standard errors are noise
_MOST_POSITIONS = 6  # 64 partitions
_ROUNDING = 1e-9  # of the equity: a loss of exactly the limit is not more than the limit

MARKETS: Mapping[str, Diffusion] = MappingProxyType(
    {
        "2020 to 2026": Diffusion(volatility={"BTCUSDT": 0.63, "ETHUSDT": 0.84}, correlation=0.83),
        "2023, calm": Diffusion(volatility={"BTCUSDT": 0.44, "ETHUSDT": 0.47}, correlation=0.83),
        "2021, wild": Diffusion(volatility={"BTCUSDT": 0.81, "ETHUSDT": 1.09}, correlation=0.78),
    }
)
"""Volatilities and correlations measured on daily log returns of Binance's USD-M perpetuals (last price), a year of 365
days, no drift: 2020-01-01 to 2026-05-15, the year 2023 and the year 2021. Rounded to two digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskLimit:
    """A limit on loss: more than this share of the equity may be lost with at most this probability.

    Args:
        loss: share of the equity at the start [1], above 0 and below 1; 0.5 is "more than half".
        chance: probability that is still accepted [1], above 0 and below 1.

    Raises:
        MarginError: a share is not above 0 and below 1.

    Example:
        >>> str(RiskLimit(loss=0.5, chance=0.05))
        'at most a 5 % chance of losing more than 50 %'
    """

    loss: float = 0.5
    chance: float = 0.05

    def __post_init__(self) -> None:
        for name in ("loss", "chance"):
            inside(name, getattr(self, name))

    def __str__(self) -> str:
        return f"at most a {100 * self.chance:g} % chance of losing more than {100 * self.loss:g} %"


class Meets(Enum):
    """Whether a partition meets a limit, as far as the simulation can tell."""

    YES = "meets the limit"
    NO = "breaks the limit"
    TOO_CLOSE = "too close to call"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Prospect:
    """What a simulation says of one partition of a book.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat, leverage=10)
        >>> cross, isolated = decide(10_000, [btc], MARKETS["2020 to 2026"], paths=4_096, seed=1).prospects
        >>> cross.liquidation.value < isolated.liquidation.value, isolated.meets.value
        (True, 'meets the limit')
    """

    name: str  # which positions are isolated, such as "cross" or "BTCUSDT isolated"
    account: Account  # in this partition
    odds: Odds
    limit: RiskLimit  # that it is held against

    @property
    def liquidation(self) -> Estimate:
        """Probability that any pool is liquidated [1]."""
        return self.odds.liquidation

    @property
    def over(self) -> Estimate:
        """Probability of losing more than the limit's share of the equity [1]."""
        kept = self.odds.equity_now * (1 - self.limit.loss - _ROUNDING)
        return self.odds.final_equity.at_most(kept)

    @property
    def median_loss(self) -> Estimate:
        """The loss that half of the paths stay below [quote currency]; a gain is a negative loss."""
        return self.odds.loss.quantile(0.5)

    @property
    def tail_loss(self) -> Estimate:
        """The average of the worst 5 % of the losses [quote currency]."""
        return self.odds.loss.upper_tail(WORST)

    @property
    def meets(self) -> Meets:
        """Whether it meets the limit; within two standard errors of it nobody can tell."""
        away = self.over.value - self.limit.chance
        if abs(away) <= _ERRORS * self.over.standard_error:
            return Meets.TOO_CLOSE
        return Meets.NO if away > 0 else Meets.YES


FEWEST = "fewest liquidations"
GOALS: Mapping[str, Callable[[Prospect], Estimate]] = MappingProxyType(
    {
        FEWEST: lambda each: each.liquidation,
        "smallest chance to lose more than the limit": lambda each: each.over,
        "smallest average loss": lambda each: each.odds.loss.mean,
        "smallest average of the worst 5 %": lambda each: each.tail_loss,
    }
)
"""What somebody may want of a partition that meets the limit: less of one of these. They do not agree, and no
simulation says which is right: fewer liquidations favour one large pool, a bounded worst case favours small ones."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Decision:
    """What a limit implies for a book: which partitions meet it, and which of those are best by a goal.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat, leverage=10)
        >>> decide(10_000, [btc], MARKETS["2020 to 2026"], days=30, paths=4_096).chosen
        ('cross',)
    """

    limit: RiskLimit
    days: float  # the horizon [day]
    prospects: tuple[Prospect, ...]  # every partition, in order of `partitions`

    def best(self, goal: str = FEWEST) -> tuple[str, ...]:
        """Return the names of those that meet the limit and are best by one of `GOALS`.

        Several where the simulation cannot tell them apart, none where no partition meets the limit for sure.
        """
        if goal not in GOALS:
            raise unknown("goal", goal, GOALS)
        seen = {each.name: GOALS[goal](each) for each in self.prospects if each.meets is Meets.YES}
        least = min(seen.values(), key=lambda each: each.value, default=None)
        return tuple(name for name, each in seen.items() if least and not told_apart(each, least))

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of those that meet the limit with the fewest liquidations."""
        return self.best()

    @property
    def reason(self) -> str:
        """Why these are chosen, in a sentence or two."""
        every, chosen = self.prospects, self.chosen
        meeting = [each for each in every if each.meets is Meets.YES]
        kept = [each for each in meeting if each.name in chosen]
        close = sum(each.meets is Meets.TOO_CLOSE for each in every)
        unsure = f" {close} of {len(every)} are too close to call: more paths would tell." if close else ""
        if not kept:
            nearest = min(every, key=lambda each: each.over.value)
            broken = "No partition meets the limit for sure." if close else "Every partition breaks the limit."
            return (
                f"{broken}{unsure} The least likely to lose more than the limit allows is {nearest.name}: "
                f"{chance_text(nearest.over)}. A smaller book changes that; a mode does not."
            )
        share = f"{len(meeting)} of {len(every)} partitions meet the limit."
        rest = [each for each in meeting if each not in kept]
        names = " and ".join(each.name for each in kept)
        if len(kept) > 1:
            told = f" Between {names} the difference in liquidations is within the noise: they are not ranked."
        else:
            told = f" Of these {names} is liquidated least often: {chance_text(kept[0].liquidation)}."
        if rest:
            second = min(rest, key=lambda each: each.liquidation.value)
            told += f" The next is {second.name}: {chance_text(second.liquidation)}."
        return f"{share}{unsure}{told}"


def partitions(wallet_balance: float, positions: Sequence[Position]) -> dict[str, Account]:
    """Return every way to hold each position cross or isolated, by name: all cross first, all isolated last.

    An isolated position sets its initial margin aside (entry notional / leverage), or its own amount if it has one.

    Args:
        wallet_balance: the money in the account [quote currency].
        positions: the book, one to six positions; the modes that they have are not read.

    Raises:
        MarginError: no position or more than six, or a partition needs more initial margin than there is.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat, leverage=10)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=-2, price=3_000, schedule=flat, leverage=10)
        >>> list(partitions(10_000, [btc, eth]))
        ['cross', 'ETHUSDT isolated', 'BTCUSDT isolated', 'isolated']
    """
    book = tuple(positions)
    if not 1 <= len(book) <= _MOST_POSITIONS:
        raise MarginError(f"positions: {len(book)} of them; give 1 to {_MOST_POSITIONS}")
    names = _names(book)
    accounts: dict[str, Account] = {}
    for alone in product((False, True), repeat=len(book)):
        turned = tuple(
            each.isolated(each.isolated_margin) if apart else each.cross()
            for each, apart in zip(book, alone, strict=True)
        )
        account = Account(wallet_balance=wallet_balance, positions=turned)
        missing = -risk(account.pools()[0]).available
        if missing > _ROUNDING * account.wallet_balance:
            raise wrong("wallet_balance", wallet_balance, f"the book needs {missing:,.10g} more as initial margin")
        accounts[_partition_name(names, alone)] = account
    return accounts


def told_apart(one: Estimate, other: Estimate) -> bool:
    """Return whether two estimates differ by more than noise: by more than two standard errors of each, added up.

    Two results of the same paths are not independent. Whatever their correlation, the standard error of a difference is
    at most the sum of the two, so this never calls noise a difference more often than two standard errors do.

    Example:
        >>> told_apart(Estimate.share(300, 10_000), Estimate.share(310, 10_000))
        False
    """
    return abs(one.value - other.value) > _ERRORS * (one.standard_error + other.standard_error)


def decide(
    wallet_balance: float,
    positions: Sequence[Position],
    market: Diffusion,
    *,
    days: float = 30.0,
    limit: RiskLimit | None = None,
    paths: int = 16_384,
    seed: int = 0,
) -> Decision:
    """Return what a limit implies for a book: every partition on the same paths, and those kept by the rule above.

    Args:
        wallet_balance: the money in the account [quote currency].
        positions: the book, one to six positions with their leverage settings.
        market: how prices move; `MARKETS` has measured ones for BTCUSDT and ETHUSDT, for others state your own.
        days: the horizon [day], above 0.
        limit: the limit; left out, at most a 5 % chance of losing more than half.
        paths: how many simulated paths; losses are read off 65,536 of them at most.
        seed: the same seed gives the same result.

    Raises:
        MarginError: an argument is out of its range, or the book needs more initial margin than there is.
        UnknownNameError: the market lacks a symbol of the book.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=1, price=60_000, schedule=flat, leverage=20)
        >>> decision = decide(10_000, [btc], MARKETS["2020 to 2026"], days=30, paths=4_096)
        >>> decision.chosen, [each.meets.value for each in decision.prospects]
        (('isolated',), ['breaks the limit', 'meets the limit'])
    """
    cache = _cache(market, days, paths, seed)
    return _decided(partitions(wallet_balance, positions), cache, days, limit or RiskLimit())


def chance_text(estimate: Estimate) -> str:
    """Return a counted probability in percent, to the first digit of its error; what never or always was as a bound.

    What has probability p, n paths miss with (1 - p)^n: below 5 % from p = 3 / n. The error of a count of 0 is 1 / n.

    Args:
        estimate: the probability [1].

    Example:
        >>> chance_text(Estimate(0.1234, 0.0031, 10_000)), chance_text(Estimate.share(0, 10_000))
        ('12.3 % ± 0.3', 'below 0.03 %')
    """
    value, error = 100 * estimate.value, 100 * estimate.standard_error
    if value in {0, 100}:
        bound = min(100, 3 * error)
        return f"above {100 - bound:.4g} %" if value else f"below {float(f'{bound:.1g}'):g} %"
    digits = max(1, ceil(-log10(error))) if error > 0 else 1
    return f"{value:.{digits}f} % ± {error:.{digits}f}"


def _cache(market: Diffusion, days: float, paths: int, seed: int) -> PathCache:
    """Return simulated paths: a price a day, and at least thirty."""
    return PathCache(market, days=days, steps=max(30, ceil(positive("days", days))), paths=paths, seed=seed)


def _decided(accounts: Mapping[str, Account], cache: PathCache, days: float, limit: RiskLimit) -> Decision:
    """Return what the limit implies for these partitions."""
    every = tuple(
        Prospect(name=name, account=account, odds=cache.odds(account), limit=limit)
        for name, account in accounts.items()
    )
    return Decision(limit=limit, days=days, prospects=every)


def _names(book: Sequence[Position]) -> list[str]:
    """Return a name for each position: its symbol, with its side where a symbol is held twice."""
    symbols = [each.symbol for each in book]
    names = [each.symbol if symbols.count(each.symbol) == 1 else leg_text(each) for each in book]
    return [name if names.count(name) == 1 else f"{name} {k + 1}" for k, name in enumerate(names)]


def leg_text(position: Position) -> str:
    """Return a position in two words: its symbol and its side."""
    return f"{position.symbol} {'long' if position.quantity > 0 else 'short'}"


def _partition_name(names: Sequence[str], alone: Sequence[bool]) -> str:
    """Return which positions are isolated, in words."""
    if not any(alone):
        return "cross"
    if all(alone):
        return "isolated"
    return " + ".join(name for name, apart in zip(names, alone, strict=True) if apart) + " isolated"


# --- the rule of thumb: "cross for larger, longer-term, diversified positions; isolated for high leverage" -----------

_HIGH_LEVERAGE = 10  # the setting from which the rule of thumb isolates
_WALLET = 10_000.0
_PRICES = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}

BOOKS: Mapping[str, tuple[Mapping[str, int], float | None]] = MappingProxyType(
    {
        "one coin": ({"BTCUSDT": 1}, None),
        "two longs": ({"BTCUSDT": 1, "ETHUSDT": 1}, None),
        "diversified": ({"BTCUSDT": 1, "ETHUSDT": 1}, 0.0),
        "hedged pair": ({"BTCUSDT": -1, "ETHUSDT": 1}, None),
    }
)
"""The kinds of book that the rule is tried on: sides by symbol, and a correlation that is assumed instead of the
market's (None: the market's). Each coin gets the same number of dollars."""


class Outcome(Enum):
    """How a rule of thumb did on one book."""

    AGREES = "agrees"  # its partition is among those kept
    BREAKS = "breaks the limit"  # its partition breaks it, and another meets it
    NOT_BEST = "meets the limit, another is better"  # by the goal that is asked for
    NO_DIFFERENCE = "no difference"  # all partitions are kept: the mode does not matter here
    NOTHING_MEETS = "nothing meets the limit"
    TOO_CLOSE = "too close to call"


class Why(Enum):
    """Why the partition that a rule of thumb names is not the one with the fewest liquidations under the limit."""

    WHOLE_WALLET = "cross puts the whole wallet behind the book"
    THIN = "little is set aside, though the wallet would have carried the book"
    LONE_LEG = "a hedge taken apart loses one leg"
    PARTLY = "to isolate one position is enough"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Trial:
    """One book on which the rule of thumb was tried.

    Example:
        >>> found = trial("hedged pair", size=2, leverage=25, days=30, market=MARKETS["2020 to 2026"], paths=4_096)
        >>> found.said, found.decision.chosen, found.outcome.value, found.why.value
        ('isolated', ('cross',), 'meets the limit, another is better', 'a hedge taken apart loses one leg')
        >>> found.by("smallest average of the worst 5 %").value
        'agrees'
    """

    kind: str  # of book, one of `BOOKS`
    size: float  # its gross notional, in wallets [1]
    leverage: float  # the leverage setting of each position [1]
    days: float  # the horizon [day]
    said: str  # the partition that the rule names
    decision: Decision  # what the simulation says

    def by(self, goal: str) -> Outcome:
        """Return how the rule did if this of `GOALS` is what one wants of the partitions that meet the limit."""
        kept = self.decision.best(goal)
        if len(kept) == len(self.decision.prospects):
            return Outcome.NO_DIFFERENCE
        if self.said in kept:
            return Outcome.AGREES
        meets = next(each.meets for each in self.decision.prospects if each.name == self.said)
        if meets is Meets.TOO_CLOSE:
            return Outcome.TOO_CLOSE
        if not kept:
            return Outcome.NOTHING_MEETS
        return Outcome.BREAKS if meets is Meets.NO else Outcome.NOT_BEST

    @property
    def outcome(self) -> Outcome:
        """How the rule did if the fewest liquidations are wanted."""
        return self.by(FEWEST)

    @property
    def why(self) -> Why | None:
        """Why the rule's partition is not among those with the fewest liquidations; None where it is.

        Cross is liquidated least often of all, so it can only fail by the limit; isolated fails by its liquidations.
        """
        if self.outcome not in {Outcome.BREAKS, Outcome.NOT_BEST}:
            return None
        if self.said == "cross":
            return Why.WHOLE_WALLET
        positions = self.decision.prospects[0].account.positions
        net = abs(fsum(each.quantity * each.mark_price for each in positions))
        if len(positions) > 1 and 2 * net < fsum(each.notional for each in positions):
            return Why.LONE_LEG
        return Why.THIN if "cross" in self.decision.chosen else Why.PARTLY


def rule_of_thumb(positions: Sequence[Position]) -> str:
    """Return the partition that the rule of thumb names: isolated for settings from 10x up, cross for the rest.

    "Larger", "longer-term" and "diversified" speak for cross as well, so they change nothing here.

    Args:
        positions: the book.

    Example:
        >>> from marginlib import RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTCUSDT", quantity=0.1, price=60_000, schedule=flat, leverage=20)
        >>> eth = Position.open(symbol="ETHUSDT", quantity=2, price=3_000, schedule=flat, leverage=3)
        >>> rule_of_thumb([btc, eth])
        'BTCUSDT isolated'
    """
    return _partition_name(_names(positions), [each.leverage >= _HIGH_LEVERAGE for each in positions])


def trial(
    kind: str,
    *,
    size: float,
    leverage: float,
    days: float,
    market: Diffusion,
    limit: RiskLimit | None = None,
    paths: int = 16_384,
    seed: int = 0,
) -> Trial:
    """Return how the rule of thumb does on one book.

    Args:
        kind: the kind of book, one of `BOOKS`.
        size: its gross notional, in wallets [1].
        leverage: the leverage setting of each position [1].
        days: the horizon [day].
        market: how prices move; it needs BTCUSDT and ETHUSDT.
        limit, paths, seed: as `decide` takes them.

    Raises:
        MarginError: there is no such kind, or the book needs more initial margin than the wallet holds.

    Example:
        >>> trial("one coin", size=1, leverage=3, days=1, market=MARKETS["2023, calm"], paths=4_096).outcome.value
        'no difference'
    """
    if kind not in BOOKS:
        raise unknown("kind", kind, BOOKS)
    cache = _cache(_market_of(market, kind), days, paths, seed)
    return _trial(kind, size, leverage, days, cache, limit or RiskLimit())


def try_rule(
    market: Diffusion,
    *,
    sizes: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0),
    leverages: Sequence[float] = (3.0, 5.0, 10.0, 25.0),
    days: Sequence[float] = (1.0, 7.0, 30.0),
    limit: RiskLimit | None = None,
    paths: int = 8_192,
    seed: int = 0,
) -> tuple[Trial, ...]:
    """Return how the rule of thumb does on a grid of books: kinds x sizes x leverages x horizons.

    Books that need more initial margin than the wallet holds (size above leverage) cannot be opened and are left out.

    Args:
        market: how prices move; it needs BTCUSDT and ETHUSDT.
        sizes: gross notionals, in wallets [1].
        leverages: leverage settings [1].
        days: horizons [day].
        limit, paths, seed: as `decide` takes them.

    Example:
        >>> trials = try_rule(MARKETS["2020 to 2026"], sizes=(1, 4), leverages=(3, 25), days=(7,), paths=2_048)
        >>> len(trials)  # 4 kinds, and 3 of 4 pairs of size and leverage can be opened
        12
    """
    found = []
    for kind, horizon in product(BOOKS, days):
        cache = _cache(_market_of(market, kind), horizon, paths, seed)
        for size, leverage in product(sizes, leverages):
            if size <= leverage:
                found.append(_trial(kind, size, leverage, horizon, cache, limit or RiskLimit()))
    return tuple(found)


def _market_of(market: Diffusion, kind: str) -> Diffusion:
    """Return the market of a kind of book: with its own correlation where it assumes one."""
    correlation = BOOKS[kind][1]
    return market if correlation is None else replace(market, correlation=correlation)


def _trial(kind: str, size: float, leverage: float, days: float, cache: PathCache, limit: RiskLimit) -> Trial:
    """Return how the rule does on one book, on these paths."""
    sides, _ = BOOKS[kind]
    dollars = size * _WALLET / len(sides)
    book = rulebook("binance_usdm", "2026-09-29")
    positions = [
        book.position(symbol, side * dollars / _PRICES[symbol], _PRICES[symbol], leverage=leverage)
        for symbol, side in sides.items()
    ]
    decision = _decided(partitions(_WALLET, positions), cache, days, limit)
    return Trial(kind=kind, size=size, leverage=leverage, days=days, said=rule_of_thumb(positions), decision=decision)
