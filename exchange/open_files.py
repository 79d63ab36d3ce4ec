"""How many files and connections the process may have open.

Systems give a process 1,024 unless it asks, for the sake of programs that use `select`. A venue that runs out of them
can accept nobody, and cannot open its own files either.
"""

import resource
from typing import Final

WANTED: Final = 65_536
"""Readers on both ports up to their limits, and as many requests beside them."""


def raise_limit() -> int:
    """Ask for `WANTED`, or as many as the system lets a process ask for; what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
