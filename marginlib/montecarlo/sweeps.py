"""The same question at many settings, here or on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from marginlib._validate import MarginError

__all__ = ["Point", "sweep"]


class Point(NamedTuple):
    """One point of a sweep.

    Args:
        parameters: name -> value, as they were given to the function.
        result: what it returned.

    Example:
        >>> Point({"leverage": 10}, 0.5).result
        0.5
    """

    parameters: dict[str, Any]
    result: Any


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    *,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[Point]:
    """Return `function(**parameters)` at every combination of the values, here or on a Dask cluster.

    The results are the same either way and in the same order, the last name changing fastest. On a cluster, work of a
    worker that is lost is done again by another; an error of the function itself stops the sweep.

    Args:
        function: what to compute, such as one that builds an account and returns its `odds`; seeded, so that a
            result does not depend on where it is computed. On a cluster it is sent to workers that have marginlib.
        grid: name -> values.
        scheduler: address of a Dask scheduler, such as "tcp://10.0.0.5:8786"; left out, everything is done here.
        progress: whether to draw a bar on the error stream.

    Raises:
        MarginError: the grid is empty, Dask is not installed, or no scheduler answers at the address.

    Example:
        >>> points = sweep(lambda a, b: a * b, {"a": [1, 2], "b": [10, 20]}, progress=False)
        >>> [point.result for point in points]
        [10, 20, 20, 40]
    """
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if not grid or not combinations:
        msg = f"grid = {dict(grid)!r}: give at least one name with at least one value"
        raise MarginError(msg)
    bar = _Bar(len(combinations), shown=progress)
    if scheduler is None:
        return [Point(each, bar.passing(function(**each))) for each in combinations]
    results = _on_cluster(function, combinations, scheduler, bar)
    return [Point(each, result) for each, result in zip(combinations, results, strict=True)]


def _on_cluster(
    function: Callable[..., Any], combinations: list[dict[str, Any]], scheduler: str, bar: _Bar
) -> list[Any]:
    """Return the results computed by the workers of a scheduler, in the order of the combinations."""
    try:
        import distributed  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        msg = f"scheduler = {scheduler!r}: Dask is not installed; pip install 'marginlib[scale]'"
        raise MarginError(msg) from error
    try:
        client = distributed.Client(scheduler, timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        msg = f'scheduler = {scheduler!r}: no Dask scheduler answers there; give an address such as "tcp://host:8786"'
        raise MarginError(msg) from error
    with client:
        # `pure=False`: each combination is a task of its own, also where two are equal.
        tasks = [client.submit(_call, function, each, pure=False) for each in combinations]
        keys, results = [task.key for task in tasks], {}
        for task in distributed.as_completed(tasks, loop=client.loop):  # type: ignore[no-untyped-call]
            results[task.key] = bar.passing(task.result())
            task.release()  # what is here already need not be computed again when its worker is lost
        return [results[key] for key in keys]


def _call(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """Call the function by keyword: names of the grid then never meet names of Dask."""
    return function(**parameters)


class _Bar:
    """A bar of text that says how far a sweep is."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self.total, self.shown, self.done = total, shown, 0

    def passing(self, result: Any) -> Any:  # noqa: ANN401 - whatever it is
        """Count one result and hand it on."""
        self.done += 1
        if self.shown:
            filled = 30 * self.done // self.total
            end = "\n" if self.done == self.total else ""
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {self.done} of {self.total}{end}")
            sys.stderr.flush()
        return result
