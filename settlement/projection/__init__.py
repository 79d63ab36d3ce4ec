"""Committed events become rows of `settlement.tables`, in few statements: what later events of a call overwrite is not
written first.

Whoever calls this moves the cursor in the same transaction, so each event is projected once; a row that exists already
therefore means that this was broken, and raises `IntegrityError` where rows are only ever added.

Each subject has a module, named as its office, and a line in `SUBJECTS`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from settlement.projection.bank import Bank
from settlement.projection.climate import Climate
from settlement.projection.contracts import Contracts
from settlement.projection.delivery import Delivery
from settlement.projection.depository import Depository
from settlement.projection.intake import Intake
from settlement.projection.people import People
from settlement.projection.storage import Storage
from settlement.projection.subject import Subject, Taker
from settlement.projection.trading import Trading
from settlement.projection.treasury import Treasury

SUBJECTS: Final[tuple[Callable[[], Subject], ...]] = (
    People,
    Intake,
    Depository,
    Trading,
    Contracts,
    Treasury,
    Storage,
    Climate,
    Bank,
    Delivery,
)
"""In the order in which they write: rows that others name come first."""


class Committed(Protocol):
    """A batch as the journal has it: command `i` has sequence `first_sequence + i` and caused `events[i]`."""

    @property
    def first_sequence(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def events(self) -> Sequence[Sequence[Any]]: ...


def project(connection: Connection, batches: Iterable[Committed]) -> None:
    """Write what the batches did, in their order. O(events), a statement a table that they touch."""
    subjects = [subject() for subject in SUBJECTS]
    takers = _takers(subjects)
    for batch in batches:
        time_ns = batch.time_ns
        for sequence, events in enumerate(batch.events, batch.first_sequence):
            for event in events:
                take = takers.get(type(event))
                # What nobody takes is a refusal, or a step of matching: no row of settlement comes of it.
                if take is not None:
                    take(event, sequence, time_ns)
    for subject in subjects:
        subject.write(connection)


def _takers(subjects: Iterable[Subject]) -> dict[type, Taker]:
    found: dict[type, Taker] = {}
    for subject in subjects:
        own = subject.takers()
        assert found.keys().isdisjoint(own), "an event is one subject's"
        found.update(own)
    return found
