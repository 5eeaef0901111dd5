"""The odds of an account: from a diffusion, from paths kept for sliders, from paths handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from marginlib.errors import MarginError, name_text
from marginlib.model import Account
from marginlib.odds.bridge import blocks
from marginlib.odds.checks import path_count
from marginlib.odds.diffusion import Diffusion
from marginlib.odds.draws import Grid, factors, streams
from marginlib.odds.estimates import KEPT_PATHS, Odds
from marginlib.odds.plans import Book
from marginlib.odds.tallies import Tally
from marginlib.odds.walks import WALK_PATHS, Returns, chunks, walk


def odds(
    account: Account,
    diffusion: Diffusion,
    *,
    days: float = 30.0,
    steps: int = 30,
    paths: int = KEPT_PATHS,
    seed: int = 0,
    bridge: bool = True,
) -> Odds:
    """Return how likely a liquidation is within some days, and the distribution of what is left, by simulation.

    Few steps, and a Brownian bridge for what happens between them. With a, b the distances from liquidation at both
    ends of a step, in standard deviations of the step, the path has touched it in between with probability

        exp(-2 a b)

    - *A pool on one symbol* has a liquidation price, tiers included, and a and b are logarithms of price over
      liquidation price: exact, for any number of steps.
    - *A pool on several symbols* has an edge of liquidation that is curved in log prices. The distance is taken along
      the line on which the pool loses fastest, with the edge straight across it. Condition: within a step prices
      move by about a tenth at most, and the pool is not hedged so well that what is left of its risk is smaller than
      what the curvature does in a step. More steps make both milder. Measured on eight books of two and five symbols
      (long, short, hedged, correlations from -0.5 to 0.95, odds of 8 to 48 %): 10, 30 and 90 steps all lie within 0.3
      points of 960 steps, which is the noise of 100,000 paths; without the bridge 30 steps miss 1 to 5 points.
    - Pools of one account share the luck of a path *inside* a step, as if they fell and rose together there. The odds
      of each pool are not touched; those of "at least one" could be, but by less than the same noise.

    Args:
        account: the account, at its mark prices.
        diffusion: how the prices move; it may have more symbols than the account.
        days: the time [day], above 0.
        steps: how many prices are simulated in that time, 1 or more.
        paths: how many paths, 2 or more. Memory does not grow with it.
        seed: the same seed gives the same result, bit for bit on the same machine.
        bridge: False looks at the prices of the steps alone, as somebody who looks now and then; a liquidation is
            then found late or never, and a pool is closed at the prices of the step. 720 steps in 30 days are hours.

    Raises:
        MarginError: an argument is out of its range.
        UnknownNameError: the diffusion lacks a symbol of the account.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=1 / 12, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> one = odds(Account(wallet_balance=500, positions=(btc,)), Diffusion(volatility={"BTC": 0.6}), seed=1)
        >>> abs(one.liquidation.value - 0.5838) < 3 * one.liquidation.standard_error
        True
    """
    one = {"": account}
    return compare(one, diffusion, days=days, steps=steps, paths=paths, seed=seed, bridge=bridge)[""]


def compare(
    accounts: Mapping[str, Account],
    diffusion: Diffusion,
    *,
    days: float = 30.0,
    steps: int = 30,
    paths: int = KEPT_PATHS,
    seed: int = 0,
    bridge: bool = True,
) -> dict[str, Odds]:
    """Return `odds` of several accounts on the same paths, such as one book in cross and in isolated margin.

    Args:
        accounts: name -> account.
        diffusion, days, steps, paths, seed, bridge: as `odds` takes them.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> flat = RiskSchedule.flat(0.004)
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=flat, leverage=10)
        >>> both = {"cross": btc, "isolated": btc.isolated()}
        >>> accounts = {name: Account(wallet_balance=2_000, positions=(each,)) for name, each in both.items()}
        >>> result = compare(accounts, Diffusion(volatility={"BTC": 0.6}), paths=4_096)
        >>> result["cross"].liquidation.value < result["isolated"].liquidation.value
        True
    """
    books = [Book.of(account, diffusion.symbols) for account in accounts.values()]
    grid = Grid.of(diffusion, days, steps)
    paths = path_count(paths, grid.steps)
    tallies = [Tally() for _ in books]
    if bridge:
        for block in blocks(grid, paths, seed):
            for tally, book in zip(tallies, books, strict=True):
                tally.add([block.outcome(plan) for plan in book.plans])
            del block  # before the next one is made
    else:
        for rng, n in streams(seed, paths, WALK_PATHS):
            for tally, outcomes in zip(tallies, walk(factors(grid, n, rng), books, len(grid.symbols), n), strict=True):
                tally.add(outcomes)
    return {name: tally.odds(book) for name, tally, book in zip(accounts, tallies, books, strict=True)}


class PathCache:
    """Simulated paths, prepared once: for sliders that change the account and keep the luck.

    A question asked of the same paths again is answered in milliseconds, and two answers differ by what was
    changed, not by chance. `cache.odds(account)` equals `odds(account, ...)` of the same arguments, exactly.

    A cache is not thread-safe: its blocks of paths share scratch memory, so ask it from one thread at a time.

    Args:
        diffusion: how the prices move.
        days: the time [day], above 0.
        steps: how many prices are simulated in that time, 1 or more.
        paths: how many paths to keep, 2 or more; each takes about 4 x steps x (symbols + 2) bytes.
        seed: the same seed gives the same paths.

    Raises:
        MarginError: an argument is out of its range.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> cache = PathCache(Diffusion(volatility={"BTC": 0.6}), paths=4_096)
        >>> [cache.odds(Account(wallet_balance=w, positions=(btc,))).liquidation.value > 0.5 for w in (500, 5_000)]
        [True, False]
    """

    def __init__(
        self, diffusion: Diffusion, *, days: float = 30.0, steps: int = 30, paths: int = 16_384, seed: int = 0
    ) -> None:
        self.diffusion = diffusion
        self._grid = Grid.of(diffusion, days, steps)
        self.paths = path_count(paths, steps)
        self._blocks = list(blocks(self._grid, self.paths, seed))

    def odds(self, account: Account) -> Odds:
        """Return the odds of an account, at its mark prices, on these paths."""
        book = Book.of(account, self.diffusion.symbols)
        tally = Tally()
        for block in self._blocks:
            tally.add([block.outcome(plan) for plan in book.plans])
        return tally.odds(book)


def compare_on(accounts: Mapping[str, Account], returns: Returns, *, symbols: Sequence[str]) -> dict[str, Odds]:
    """Return the odds of accounts on paths that are handed in: jumps, a history cut in blocks, a scenario.

    Each step is looked at, and nothing between two steps; a pool that is found liquidatable is closed at that step's
    prices, so a jump can leave a deficit.

    Args:
        accounts: name -> account, at the mark prices from which every path starts.
        returns: changes of the log price, shape (paths, steps, symbols) [1]; or chunks of that shape, one after the
            other; or a function that is called once and gives them. Chunks of 2,048 to 16,384 paths keep memory small.
        symbols: the symbols along the last axis.

    Raises:
        MarginError: the shape is another one, there is no path, or a return is not finite.
        UnknownNameError: `symbols` lacks a symbol of an account.

    Example:
        >>> from marginlib import Position, RiskSchedule
        >>> btc = Position.open(symbol="BTC", quantity=0.1, price=60_000, schedule=RiskSchedule.flat(0.004))
        >>> gap = np.log([[[0.80]], [[0.99]]])  # two paths of one step: 20 % down, 1 % down
        >>> result = compare_on({"one": Account(wallet_balance=1_000, positions=(btc,))}, gap, symbols=["BTC"])["one"]
        >>> result.liquidation.value, round(result.deficit.value, 2), result.final_equity.sample.round(2).tolist()
        (0.5, 100.0, [0.0, 940.0])
    """
    names = tuple(name_text("symbol", symbol) for symbol in symbols)
    books = [Book.of(account, names) for account in accounts.values()]
    tallies = [Tally() for _ in books]
    for chunk in chunks(returns, len(names)):
        for start in range(0, len(chunk), WALK_PATHS):
            part = chunk[start : start + WALK_PATHS]
            steps = (np.exp(part[:, k, :].T) for k in range(part.shape[1]))
            for tally, outcomes in zip(tallies, walk(steps, books, len(names), len(part)), strict=True):
                tally.add(outcomes)
    if not tallies or not tallies[0].paths:
        raise MarginError("returns: no path, or no account; give (paths, steps, symbols) and an account")
    return {name: tally.odds(book) for name, tally, book in zip(accounts, tallies, books, strict=True)}
