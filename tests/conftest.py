"""What holds for every test: hypothesis profiles, and a progress file of the tests' own.

Hypothesis tries the same examples every time by default; `--hypothesis-profile=search` looks further.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

settings.register_profile(
    "marginlib", deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=1_500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marginlib")

# Set before any kernel starts, so that neither a test nor a notebook reads or writes a person's own progress.
_FOLDER = tempfile.TemporaryDirectory(prefix="marginlib-progress-", ignore_cleanup_errors=True)
os.environ["MARGINLIB_PROGRESS"] = str(Path(_FOLDER.name) / "progress.json")


def pytest_collection_modifyitems(items):
    """Measure no coverage where hypothesis asks the same lines a hundred times: it makes them four times as slow."""
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(autouse=True)
def _no_progress_yet():
    """Begin every test as somebody who has not answered anything."""
    for left in Path(_FOLDER.name).glob("*"):
        left.unlink()
