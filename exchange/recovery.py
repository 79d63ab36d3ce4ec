"""Recovery: how a venue, and its shadow, come to stand where the journal ends.

    newest snapshot that fits ─► engine and witnesses ─► the journal's tail, executed again
       │ none that is any good: said, and the next older one
       └ none at all: today's rules from where they began, and what the rows before say

Witnesses are what must have heard every batch from the first, although nothing of it is in the engine's state: what
the feed shows of the past, what the bell goes by. A start from a snapshot leaves them as a full replay would.

A release with other rules goes on from a snapshot at the journal's very end, which a clean stop leaves behind: there it
begins a segment (`exchange.journal`), and takes a snapshot of that at once.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from exchange.conversions import CONVERSIONS, Conversion, convert
from exchange.engine import Engine
from exchange.garbage import undisturbed
from exchange.journal import ENGINE_VERSION, Tip
from exchange.protocol import Entry
from exchange.replay import beginning, replay
from exchange.snapshot import (
    Header,
    Snapshot,
    SnapshotDamaged,
    SnapshotError,
    SnapshotFailed,
    Snapshots,
    SnapshotUnfit,
    fit,
    read_header,
    read_snapshot,
)
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader

UPGRADE: Final = "upgrade"
"""What a segment says of its beginning where the rules have changed."""

WRITERS_SECONDS: Final = 60.0
"""How long a start with other rules waits for a snapshot that is still being written; its venue may just have gone."""

ENGINE: Final = "engine"
"""The section of the engine; those of witnesses have their names."""

Say = Callable[[str], None]
"""Takes a line for the operator."""


class Witness(Protocol):
    """What hears every batch from the first. It is made without arguments, and its state decides all that it shows."""

    @property
    def name(self) -> str: ...

    def hear(self, entry: Entry) -> None: ...

    def state(self) -> bytes:
        """Canonical: the same batches give the same bytes."""
        ...

    def restore(self, state: bytes, engine: Engine) -> None:
        """Put back what `state` gave when the engine stood there. Raises ValueError on another release's, and has
        changed nothing."""
        ...


class CannotSucceed(Exception):
    """The rules have changed, and there is no state to go on from; one line that says what to do."""


class Start(NamedTuple):
    """An engine to go on with, and what must hear of the past before it does.

    `sequence` is where the engine stands now. `late` are the witnesses who have heard nothing, the others have heard
    everything up to there.
    """

    engine: Engine
    sequence: int
    witnesses: Sequence[Witness]
    late: Sequence[Witness]
    snapshot: Header | None = None
    """What it was begun with, or none."""

    @property
    def heard(self) -> int:
        """From which sequence on there is something to hear."""
        return 0 if self.late else self.sequence

    def hear(self, entry: Entry) -> None:
        """The next batch, in order."""
        for witness in self.witnesses if entry.last_sequence > self.sequence else self.late:
            witness.hear(entry)


def recover(
    journal: SqliteJournal,
    snapshots: Snapshots,
    witnesses: Sequence[Witness],
    say: Say,
    *,
    news: Say | None = None,
    progress: Callable[[int], None] | None = None,
    conversions: Mapping[str, Conversion] = CONVERSIONS,
) -> Engine:
    """The engine where the journal ends, under today's rules, and the witnesses as they are then.

    `say` hears what is amiss, `news` what is as it should be, or `say` that too where there is none. Raises
    `CannotSucceed`, `ReplayMismatch`, `JournalError`.
    """
    with undisturbed():
        if journal.segment().engine_version == ENGINE_VERSION:
            start = begin(journal, snapshots, witnesses, say)
        else:
            start = succeed(journal, snapshots, witnesses, say, conversions, news=news)
        return replay(journal, lambda: start.engine, heard=start.heard, on_entry=start.hear, progress=progress)


def begin(journal: SqliteJournalReader, snapshots: Snapshots, witnesses: Sequence[Witness], say: Say) -> Start:
    """With the newest snapshot that fits, or without. Raises `JournalCorrupt`. O(state)."""
    for path in snapshots.newest_first():
        try:
            return begin_with(path, journal, witnesses, say)
        except SnapshotDamaged as error:
            say(f"a snapshot is passed over: {error}")
        except SnapshotError as error:
            say(f"{path.name} is passed over: {error}")
    engine = beginning(journal, Engine.restore) or Engine()
    return Start(engine, engine.sequence, witnesses, witnesses)


def begin_with(path: Path, journal: SqliteJournalReader, witnesses: Sequence[Witness], say: Say) -> Start:
    """With this snapshot. Raises `SnapshotError` where it will not do, `JournalCorrupt` where rows are lost.
    O(state)."""
    with undisturbed():
        return _begin_with(path, journal, witnesses, say)


def _begin_with(path: Path, journal: SqliteJournalReader, witnesses: Sequence[Witness], say: Say) -> Start:
    header = read_header(path)
    unfit = fit(header, journal)
    if unfit is None and header.engine_version != ENGINE_VERSION:
        unfit = f"is of engine version {header.engine_version}"
    if unfit is not None:
        raise SnapshotUnfit(f"it {unfit}")
    snapshot = read_snapshot(path)
    engine = restored(snapshot)
    return Start(engine, engine.sequence, witnesses, _late(witnesses, snapshot, engine, say), header)


def succeed(
    journal: SqliteJournal,
    snapshots: Snapshots,
    witnesses: Sequence[Witness],
    say: Say,
    conversions: Mapping[str, Conversion] = CONVERSIONS,
    *,
    news: Say | None = None,
) -> Start:
    """Begin a segment of today's rules. Raises `CannotSucceed`, `JournalError`. O(state)."""
    end = journal.tip()
    if end.sequence == 0:
        journal.begin_segment(UPGRADE)
        return Start(Engine(), 0, witnesses, ())
    written = journal.segment().engine_version
    snapshot, engine = _at_the_end(journal, snapshots, say, conversions)
    header = snapshot.header
    journal.begin_segment(UPGRADE, state=engine.snapshot())
    told = f"engine version {ENGINE_VERSION} goes on at sequence {end.sequence}, where version {written} stopped"
    (news or say)(told)
    start = Start(engine, end.sequence, witnesses, _late(witnesses, snapshot, engine, say), header)
    if not start.late:
        row = Tip(header.sequence, header.time_ns, header.chain)
        try:
            write(snapshots, engine, witnesses, row, header.venue_id)
        except SnapshotError as error:
            say(str(error))  # The journal has the state, and the next snapshot will have the rest.
    return start


def require_way(
    journal: SqliteJournalReader, snapshots: Snapshots, say: Say, conversions: Mapping[str, Conversion] = CONVERSIONS
) -> None:
    """See to it that today's rules can go on from where the journal ends, and change nothing. Raises `CannotSucceed`,
    `JournalError`. O(1); where the rules have changed, O(state)."""
    if journal.segment().engine_version == ENGINE_VERSION or journal.tip().sequence == 0:
        return
    said: list[str] = []
    try:
        _at_the_end(journal, snapshots, said.append, conversions)
    except CannotSucceed:
        for line in said:  # Where there is a way, `recover` says it all.
            say(line)
        raise


def _at_the_end(
    journal: SqliteJournalReader, snapshots: Snapshots, say: Say, conversions: Mapping[str, Conversion]
) -> tuple[Snapshot, Engine]:
    """The snapshot at the journal's end, and its engine under today's rules. Raises as `require_way`."""
    written, end = journal.segment().engine_version, journal.tip()
    changed = f"the journal was written by engine version {written}, this release has {ENGINE_VERSION}"
    snapshots.wait_for_writers(WRITERS_SECONDS)
    for path in snapshots.newest_first():
        try:
            header = read_header(path)
            if fit(header, journal) is not None or header.sequence != end.sequence:
                continue
            snapshot = read_snapshot(path)
            state = convert(snapshot.sections[ENGINE], header.engine_version, conversions)
            if state is None:
                raise CannotSucceed(f"{changed}, which cannot go on from that: start a release in between first")
            return snapshot, Engine.restore(state)
        except (SnapshotError, ValueError, KeyError) as error:
            say(f"{path.name} is passed over: {error}")
    raise CannotSucceed(
        f"{changed}, and no snapshot reaches its end at sequence {end.sequence}: start the release that wrote it once "
        "more and stop it cleanly, which leaves one"
    )


def write(snapshots: Snapshots, engine: Engine, witnesses: Sequence[Witness], row: Tip, venue_id: str) -> Header:
    """Take a snapshot of an engine that stands behind this row, and of its witnesses. O(state). Raises
    `SnapshotFailed`."""
    assert engine.sequence == row.sequence
    header = Header(
        venue_id=venue_id,
        engine_version=ENGINE_VERSION,
        sequence=row.sequence,
        time_ns=row.time_ns,
        chain=row.chain,
        state_hash=engine.state_hash(),
    )
    sections = {ENGINE: engine.snapshot()} | {witness.name: witness.state() for witness in witnesses}
    makers = [type(witness) for witness in witnesses]
    snapshots.write(header, sections, lambda written: check_restores(written, makers))
    return header


def restored(snapshot: Snapshot) -> Engine:
    """The engine of a snapshot. Raises `SnapshotFailed` where it comes to another state than the one it was taken of,
    or to none. O(state)."""
    header = snapshot.header
    try:
        engine = Engine.restore(snapshot.sections[ENGINE])
    except Exception as error:  # Whatever it is: an older snapshot, or the journal, may do better.
        raise SnapshotFailed(f"the state at sequence {header.sequence} cannot be restored: {error!r}") from error
    if engine.state_hash() != header.state_hash:
        raise SnapshotFailed(
            f"the state at sequence {header.sequence} is restored to another: its hash is "
            f"{engine.state_hash().hex()}, {header.state_hash.hex()} is recorded"
        )
    return engine


def check_restores(snapshot: Snapshot, makers: Sequence[Callable[[], Witness]] = ()) -> None:
    """That engine and witnesses come back exactly as they were: they would write the same bytes again. Raises
    `SnapshotFailed`. O(state)."""
    engine = restored(snapshot)
    again = {ENGINE: engine.snapshot()}
    for make in makers:
        witness = make()
        try:
            witness.restore(snapshot.sections[witness.name], engine)
        except ValueError as error:
            raise SnapshotFailed(f"the section {witness.name} cannot be restored: {error}") from error
        again[witness.name] = witness.state()
    for name, content in again.items():
        if content != snapshot.sections[name]:
            raise SnapshotFailed(f"the section {name} at sequence {snapshot.header.sequence} is restored to another")


def _late(witnesses: Sequence[Witness], snapshot: Snapshot, engine: Engine, say: Say) -> list[Witness]:
    """Those whose state is missing, or of another release's form."""
    late = []
    for witness in witnesses:
        try:
            witness.restore(snapshot.sections[witness.name], engine)
        except (KeyError, ValueError) as error:
            say(f"the section {witness.name} is of another form, so that the whole journal is read: {error!r}")
            late.append(witness)
    return late
