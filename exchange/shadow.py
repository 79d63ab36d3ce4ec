"""The shadow: a second engine, in the follower's process, that executes each committed batch again and compares.

Events must come out byte for byte as recorded and the state's hash as on the row. A difference means that the engine is
not deterministic, or that memory or the journal is not what it was: the venue then halts, for it must not trade on a
guess. The shadow works in small steps, so that projecting never waits for more than one. Whoever listens hears every
batch, also those of before the machine's own beginning that he has missed: snapshots hold what he has heard.
"""

import time
from collections.abc import Callable, Iterator

from exchange.journal import JournalReader, Record, Tip
from exchange.protocol import Entry
from exchange.replay import Machine, hear_or_execute


class Shadow:
    """Follows a journal with a machine of its own, from where that machine stands."""

    def __init__(
        self,
        machine: Machine,
        journal: JournalReader,
        *,
        heard: int | None = None,
        hear: Callable[[Entry], None] | None = None,
        row: Tip | None = None,
    ) -> None:
        """`hear` is given the batches behind the sequence that was `heard`, the machine's own unless it is said. `row`
        is the one that the machine stands behind, as far as it is known."""
        self._machine = machine
        self._journal = journal
        self._heard = machine.sequence if heard is None else heard
        self._hear = hear
        self._row = row
        self._rows: Iterator[Record] | None = None

    @property
    def sequence(self) -> int:
        """All up to here came out as recorded, or is what the machine was begun with."""
        return self._machine.sequence

    @property
    def row(self) -> Tip | None:
        """The row behind which machine and listener both stand; none while the listener still hears of the past."""
        return self._row if self._heard == self._machine.sequence else None

    def step(self, seconds: float) -> bool:
        """Execute rows for about so long; at least one, if there is one. Says whether there may be more at once.

        Raises `ReplayMismatch`, after which the shadow is of no further use, and `JournalError`.
        """
        end = time.monotonic() + seconds
        rows = self._rows or self._journal.read(self._heard)
        self._rows = None
        for record in rows:
            entry = hear_or_execute(self._machine, record, self._hear is not None)
            if self._hear is not None and entry is not None:
                self._hear(entry)
            self._heard = record.last_sequence
            self._row = Tip(record.last_sequence, record.time_ns, record.chain)
            if time.monotonic() >= end:
                self._rows = rows
                return True
        return False
