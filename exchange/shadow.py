"""The shadow: a second engine, in the follower's process, that executes each committed batch again and compares.

Events must come out byte for byte as recorded and the state's hash as on the row. A difference means that the engine is
not deterministic, or that memory or the journal is not what it was: the venue then halts, for it must not trade on a
guess. The shadow works in small steps, so that projecting never waits for more than one.
"""

import time
from collections.abc import Iterator

from exchange.journal import JournalReader, Record
from exchange.replay import Machine, reexecute


class Shadow:
    """Follows a journal with a machine of its own, from where that machine stands."""

    def __init__(self, machine: Machine, journal: JournalReader) -> None:
        self._machine = machine
        self._journal = journal
        self._rows: Iterator[Record] | None = None

    @property
    def sequence(self) -> int:
        """All up to here came out as recorded."""
        return self._machine.sequence

    def step(self, seconds: float) -> bool:
        """Execute rows for about so long; at least one, if there is one. Says whether there may be more at once.

        Raises `ReplayMismatch`, after which the shadow is of no further use, and `JournalError`.
        """
        end = time.monotonic() + seconds
        rows = self._rows or self._journal.read(self._machine.sequence)
        self._rows = None
        for record in rows:
            reexecute(self._machine, record)
            if time.monotonic() >= end:
                self._rows = rows
                return True
        return False
