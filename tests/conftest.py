"""Hypothesis profiles: the same examples every time by default; `--hypothesis-profile=search` looks further."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "marginlib", deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=1_500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marginlib")
