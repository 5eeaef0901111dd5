from collections.abc import Mapping

from marginlib.course.calculators import audit as audited
from marginlib.market.desk import *
from marginlib.market.replay import Snapshot
from marginlib.model import Pool
from marginlib.tables import Shown, desk, show


def status(state: Snapshot) -> Shown:
    """Return what is a table of numbers now, written."""
    return show(desk(state.account))


def audit(calculator: str, cases: Mapping[str, tuple[Pool, str]]) -> Shown:
    """Return what are rows of numbers now, written."""
    return show(audited(calculator, cases))
