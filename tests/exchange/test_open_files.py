"""A venue asks for as many open files as it may have."""

import resource
import subprocess
import sys

from exchange.open_files import WANTED

PROGRAM = """
import resource
from exchange.open_files import raise_limit
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0], raise_limit())
"""


def test_the_limit_is_raised_as_far_as_the_system_lets_it() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(wanted)] * 3
