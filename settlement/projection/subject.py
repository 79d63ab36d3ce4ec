"""A subject of the projection: it takes the events of its types, call by call, then writes the rows they led to."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sqlalchemy import Connection

Taker = Callable[[Any, int, int], None]
"""Takes an event, the sequence of the command that caused it, and the time of its batch (ns)."""


class Subject(Protocol):
    """Made anew for each call of `project`: all it holds is what this call's events did."""

    def takers(self) -> Mapping[type, Taker]:
        """What it does at which event. A type is one subject's alone."""

    def write(self, connection: Connection) -> None:
        """Write what was taken: added rows in order, changed ones as they stand at the end."""
