"""What every test may ask for: real databases, a real browser, and a property-test profile that fits where it runs.

`HYPOTHESIS_PROFILE` chooses the profile. `default` explores anew on every run; `ci` always tries the same examples,
so that a red run is about the change and not about luck; `soak` is for long runs by `./dev soak`.
"""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.postgres", "tests.databases", "tests.browser"]

# Two cores shared with a database and a browser make deadlines measure the neighbours.
_SLOW_IS_NO_FAULT = [HealthCheck.too_slow]

settings.register_profile("default", deadline=None, suppress_health_check=_SLOW_IS_NO_FAULT)
settings.register_profile(
    "ci", deadline=None, suppress_health_check=_SLOW_IS_NO_FAULT, derandomize=True, print_blob=True
)
settings.register_profile(
    "soak",
    deadline=None,
    suppress_health_check=_SLOW_IS_NO_FAULT,
    print_blob=True,
    max_examples=5_000,
    stateful_step_count=200,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))
