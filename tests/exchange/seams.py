"""Journals of a venue whose rules have changed on the way: the first part was made by an older engine."""

from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from exchange.engine import Engine
from exchange.journal import seal
from exchange.protocol import Entry
from exchange.sqlite_journal import SqliteJournal
from tests.exchange.witnessing import entries_of

OLDER = "0"
"""An engine version that no release has."""


def append(journal: SqliteJournal, entries: list[Entry], engine: Engine) -> None:
    """The last row carries the state's hash."""
    for entry in entries:
        hashed = engine.state_hash() if entry is entries[-1] else None
        journal.append(seal(entry, journal.tip().chain, hashed))


def a_change_of_rules(
    path: Path, told: list[tuple[Any, int]], commands: int, *, silent: int | None = None
) -> tuple[Engine, int]:
    """So many commands under older rules, the others under today's: the engine at the end, and the last sequence of the
    older part. Older rules led to what today's do, but for the `silent` batch, of which they told nothing."""
    engine = Engine()
    older = entries_of(told[:commands], engine)
    if silent is not None:
        older[silent] = replace(older[silent], events=((),) * len(older[silent].commands))
    with closing(SqliteJournal(path, venue_id="suixi", created_ns=1, engine_version=OLDER)) as journal:
        append(journal, older, engine)
    with closing(SqliteJournal(path, other_rules=True)) as journal:
        seam = journal.begin_segment("upgrade", state=engine.snapshot()).first_sequence - 1
        append(journal, entries_of(told[commands:], engine), engine)
    return engine, seam
