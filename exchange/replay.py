"""Re-execution: the engine's state is what the journal's commands make of an empty engine.

Every batch is executed again; its events must come out as recorded, byte for byte, and where the row carries a state
hash the engine must have that one. Anything else means that the engine, its rules or the machine are not what they
were: the venue does not start on a guess.

Where the journal has segments of older rules, executing their rows again would rewrite history: they are read, their
chain checked, their events taken as they stand, and execution begins with the state that the newest rules began with.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from exchange.garbage import undisturbed
from exchange.journal import ENGINE_VERSION, JournalCorrupt, JournalError, JournalReader, JournalUnavailable, Record
from exchange.progress import Meter
from exchange.protocol import Command, Entry, Event, encode
from exchange.snapshot import SnapshotError, SnapshotFailed, Snapshots
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader

PROGRESS_COMMANDS = 50_000
"""Progress is told about each so many commands."""


class Machine(Protocol):
    """What sequencing and re-execution need of `exchange.engine.Engine`: a state that commands alone change."""

    @property
    def sequence(self) -> int:
        """Of the last command executed; 0 at birth."""
        ...

    @property
    def time_ns(self) -> int: ...

    def advance(self, time_ns: int, sequence: int) -> tuple[Event, ...]:
        """The implied `advance_time` of a batch, executed before its first command, whose sequence is given."""
        ...

    def execute(self, command: Command, sequence: int, time_ns: int) -> tuple[Event, ...]: ...

    def next_deadline_ns(self) -> int | None:
        """When time alone will next change something."""
        ...

    def state_hash(self) -> bytes: ...


M = TypeVar("M", bound=Machine)


class ReplayMismatch(Exception):
    """The command of `sequence` does not lead to what the journal says it led to."""

    def __init__(self, sequence: int, detail: str) -> None:
        super().__init__(f"re-execution differs from the journal at sequence {sequence}: {detail}")
        self.sequence = sequence


def run_batch(
    machine: Machine, commands: tuple[Command, ...], first_sequence: int, time_ns: int
) -> tuple[tuple[Event, ...], ...]:
    """Execute a batch: time first, whose events stand before the first command's own. One tuple of events a
    command."""
    implied = machine.advance(time_ns, first_sequence)
    execute = machine.execute
    events = [execute(command, sequence, time_ns) for sequence, command in enumerate(commands, first_sequence)]
    if implied:
        events[0] = implied + events[0]
    return tuple(events)


def reexecute(machine: Machine, record: Record) -> Entry:
    """Execute a recorded batch again and compare. Raises `ReplayMismatch`, `JournalCorrupt`.

    The recorded events are compared as bytes, which costs an encoding and saves a decoding.
    """
    commands = record.decoded_commands()
    try:
        events = run_batch(machine, commands, record.first_sequence, record.time_ns)
    except Exception as error:
        raise ReplayMismatch(machine.sequence + 1, f"the engine failed with {error!r}") from error
    if encode(events) != record.events:
        raise _first_difference(record, events)
    if record.state_hash is not None:
        found = machine.state_hash()
        if found != record.state_hash:
            detail = f"the state's hash is {found.hex()}, {record.state_hash.hex()} is recorded"
            raise ReplayMismatch(record.last_sequence, detail)
    return Entry(first_sequence=record.first_sequence, time_ns=record.time_ns, commands=commands, events=events)


def _first_difference(record: Record, events: tuple[tuple[Event, ...], ...]) -> ReplayMismatch:
    recorded = record.entry().events
    for sequence, (found, wanted) in enumerate(zip(events, recorded, strict=True), record.first_sequence):
        if encode(found) != encode(wanted):
            return ReplayMismatch(sequence, f"recorded {_shortened(wanted)}, re-executed {_shortened(found)}")
    return ReplayMismatch(record.first_sequence, "the events are equal but their encoding has changed")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 400 else text[:400] + " …"


def beginning(journal: JournalReader, restore: Callable[[bytes], M]) -> M | None:
    """The machine with which re-execution begins: none, an empty one. Raises `JournalCorrupt`. O(state)."""
    base = journal.base()
    if base is None:
        return None
    try:
        machine = restore(base.state)
    except ValueError as error:
        raise JournalCorrupt(f"the engine's state at sequence {base.sequence} is no state: {error}") from error
    if machine.sequence != base.sequence:
        raise JournalCorrupt(f"the engine's state at sequence {base.sequence} is that of {machine.sequence}")
    return machine


def hear_or_execute(machine: Machine, record: Record, listening: bool) -> Entry | None:
    """Execute a row unless the machine stands behind it; then it is taken as it was recorded, if somebody listens.

    Raises `ReplayMismatch`, `JournalCorrupt`.
    """
    if record.last_sequence > machine.sequence:
        return reexecute(machine, record)
    return record.entry() if listening else None


def replay(
    journal: JournalReader,
    engine_factory: Callable[[], M],
    *,
    heard: int | None = None,
    on_entry: Callable[[Entry], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> M:
    """The engine as the journal leaves it. Reads the rows in chunks; decoding, executing and encoding take the time.

    An engine that the factory gives at a later sequence goes on from there. `on_entry` is given each batch that it has
    not `heard` before (none: what the engine has not executed), `progress` the sequence reached. Raises
    `ReplayMismatch`, `JournalError`.
    """
    machine = engine_factory()
    told = 0
    for record in journal.read(machine.sequence if heard is None else heard):
        entry = hear_or_execute(machine, record, on_entry is not None)
        if on_entry is not None and entry is not None:
            on_entry(entry)
        if progress is not None and record.last_sequence - told >= PROGRESS_COMMANDS:
            told = record.last_sequence
            progress(told)
    return machine


def require_rules(journal: SqliteJournalReader) -> None:
    """Raises `JournalUnavailable` where the newest rows are of other rules than this release has."""
    written = journal.segment().engine_version
    if written != ENGINE_VERSION:
        raise JournalUnavailable(
            f"{journal.path}: written by engine version {written}, this release has {ENGINE_VERSION}"
        )


def run_replay(
    journal_path: Path,
    report: Callable[[str], Any] = print,
    *,
    engine_factory: Callable[[], Machine] | None = None,
    restore: Callable[[bytes], Machine] | None = None,
    from_snapshot: int | None = None,
    meter: Meter | None = None,
) -> int:
    """`exchange replay`: report the last sequence and the state hash. Exit status 0, 1 (found wrong) or 2 (no journal).

    From the snapshot of a sequence (0: the newest that is good) only what came after it is read and executed. The venue
    may be running meanwhile; the answer is then true of the moment when the end was reached.
    """
    if engine_factory is None:
        from exchange.engine import Engine

        engine_factory, restore = Engine, Engine.restore
    try:
        journal = SqliteJournal.open_reader(journal_path)
        try:
            require_rules(journal)
            begun = None
            if from_snapshot is not None:
                begun = _snapshot_at(from_snapshot, journal, report)
                report(f"from the snapshot of sequence {begun.sequence}")
            elif restore is not None:
                begun = beginning(journal, restore)
            machine = engine_factory() if begun is None else begun
            heard = 0 if from_snapshot is None else machine.sequence
            progress = (meter or Meter())("re-executing", journal.tip().sequence, heard)
            try:
                with undisturbed():
                    replay(journal, lambda: machine, heard=heard, on_entry=lambda it: progress.tell(it.last_sequence))
            finally:
                progress.end()
        finally:
            journal.close()
    except JournalUnavailable as error:
        report(str(error))
        return 2
    except (JournalError, ReplayMismatch, SnapshotError) as error:
        report(str(error))
        return 1
    report(f"sequence {machine.sequence}")
    report(f"state {machine.state_hash().hex()}")
    return 0


def _snapshot_at(sequence: int, journal: SqliteJournalReader, report: Callable[[str], Any]) -> Machine:
    """The engine of a snapshot. Raises `SnapshotError`, `JournalCorrupt`."""
    from exchange.recovery import begin, begin_with

    snapshots = Snapshots.beside(journal.path)
    if sequence:
        return begin_with(snapshots.path_of(sequence), journal, (), report).engine
    start = begin(journal, snapshots, (), report)
    if start.snapshot is None:
        raise SnapshotFailed(f"there is no good snapshot in {snapshots.path}")
    return start.engine
