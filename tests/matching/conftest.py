"""How hard Hypothesis tries on the matching floor: HYPOTHESIS_PROFILE=soak lets it run thousands of examples."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "matching", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("soak", settings.get_profile("matching"), max_examples=5_000)

if os.environ.get("HYPOTHESIS_PROFILE") == "soak":
    settings.load_profile("soak")
