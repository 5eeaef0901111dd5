"""What holds for every test: hypothesis profiles, a progress file of the tests' own, and kernels without a network.

Hypothesis tries the same examples every time by default; `--hypothesis-profile=search` looks further.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from offline import offline_kernels
from rerun import with_second_runs

settings.register_profile(
    "marginlib", deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=1_500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marginlib")

# Set before any kernel starts, so that neither a test nor a notebook reads or writes a person's own progress, and that
# a notebook which needs the network fails.
_FOLDER = tempfile.TemporaryDirectory(prefix="marginlib-progress-", ignore_cleanup_errors=True)
os.environ["MARGINLIB_PROGRESS"] = str(Path(_FOLDER.name) / "progress.json")
_IPYTHON = tempfile.TemporaryDirectory(prefix="marginlib-ipython-", ignore_cleanup_errors=True)
os.environ["MARGINLIB_GRADE_AS_ROOT"] = "nothing-else-of-value-is-here"  # a gate may be root
os.environ["IPYTHONDIR"] = offline_kernels(Path(_IPYTHON.name))


def pytest_collection_modifyitems(config, items):
    """Run each notebook's cells again after its end."""
    items[:] = with_second_runs(items, config.rootpath / "notebooks")


@pytest.fixture(autouse=True)
def _no_progress_yet():
    """Begin every test as somebody who has not answered anything."""
    for left in Path(_FOLDER.name).glob("*"):
        left.unlink()


@pytest.fixture(scope="session")
def released_course(tmp_path_factory):
    """A course of nbgrader with every set released: made once, for all processes of the run; to be copied."""
    from nbgrader_course import made_once  # noqa: PLC0415 - most tests need no nbgrader

    base = tmp_path_factory.getbasetemp()
    return made_once(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
