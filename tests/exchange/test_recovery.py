"""Wherever a start begins, it leads to the same engine and the same witnesses; what it passed over it says."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange import recovery
from exchange.bell import Heard
from exchange.engine import ENGINE_VERSION, Engine
from exchange.journal import JournalCorrupt, Tip
from exchange.publication import Publication
from exchange.recovery import CannotSucceed, begin, recover, write
from exchange.replay import hear_or_execute, replay
from exchange.snapshot import Header, Snapshot, SnapshotFailed, Snapshots, fit, read_header, read_snapshot
from exchange.sqlite_journal import SqliteJournal
from tests.exchange.seams import OLDER, a_change_of_rules, append
from tests.exchange.whole_venue.story import Story
from tests.exchange.witnessing import entries_of, rung, shown

TOLD = Story(5, audited=1_000).run(500).told
"""All offices of a venue at work."""


class Venue:
    """A data folder with a journal, and what was said while it was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.sqlite"
        self.snapshots = Snapshots.beside(self.path)
        self.said: list[str] = []

    def write_journal(self, told: list[tuple[Any, int]] = TOLD, *, engine_version: str = str(ENGINE_VERSION)) -> None:
        engine = Engine()
        with closing(
            SqliteJournal(self.path, venue_id="suixi", created_ns=1, engine_version=engine_version)
        ) as journal:
            append(journal, entries_of(told, engine), engine)

    def snapshot_at(self, *shares: float) -> list[int]:
        """Snapshots behind the rows at these shares of the journal, as the shadow takes them; their sequences."""
        sequences = []
        witnesses = (Publication(), Heard())
        with closing(SqliteJournal.open_reader(self.path)) as journal:
            rows = list(journal.read())
            wanted = [max(0, int(share * len(rows)) - 1) for share in shares]
            start = begin(journal, Snapshots(self.folder / "none"), witnesses, self.said.append)
            for number, record in enumerate(rows):
                entry = hear_or_execute(start.engine, record, listening=True)
                assert entry is not None
                start.hear(entry)
                if number in wanted:
                    row = Tip(record.last_sequence, record.time_ns, record.chain)
                    write(self.snapshots, start.engine, witnesses, row, journal.birth().venue_id)
                    sequences.append(record.last_sequence)
        return sequences

    def forge(self, taken_at: int, **changes: Any) -> None:
        """Write a snapshot anew with another header."""
        snapshot = read_snapshot(self.snapshots.path_of(taken_at))
        self.snapshots.write(msgspec.structs.replace(snapshot.header, **changes), snapshot.sections, believe)

    def open(self, **changes: Any) -> "Opened":
        self.said.clear()
        witnesses = (Publication(), Heard())
        with closing(SqliteJournal(self.path, other_rules=True)) as journal:
            heard: list[int] = []
            engine = recover(journal, self.snapshots, witnesses, self.said.append, progress=heard.append, **changes)
            return Opened(engine, *witnesses)


class Opened:
    def __init__(self, engine: Engine, publication: Publication, bell: Heard) -> None:
        self.engine = engine
        engine.audit()
        self.all = (
            engine.snapshot(),
            engine.state_hash(),
            engine.next_deadline_ns(),
            publication.state(),
            shown(publication, engine),
            bell.state(),
            rung(bell),
        )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    venue = Venue(folder)
    venue.write_journal()
    venue.snapshot_at(0.25, 0.5, 0.75)
    return folder


@pytest.fixture
def venue(tmp_path: Path, template: Path) -> Venue:
    shutil.copytree(template, tmp_path / "venue")
    return Venue(tmp_path / "venue")


@pytest.fixture(scope="module")
def whole(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """What a replay of the whole journal leads to."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(template / "journal.sqlite", folder)
    return Venue(folder).open()


def believe(snapshot: Snapshot) -> None:
    """Whatever it is."""


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def test_a_start_from_any_snapshot_is_a_whole_replay(venue: Venue, whole: Opened) -> None:
    paths = venue.snapshots.newest_first()
    assert len(paths) == 3
    for path in paths:
        assert venue.open().all == whole.all
        assert venue.said == []
        path.unlink()
    assert venue.open().all == whole.all
    venue.snapshots.path.rmdir()
    assert venue.open().all == whole.all
    assert venue.said == []


def test_it_begins_with_the_newest_and_executes_no_more_than_the_tail(venue: Venue) -> None:
    newest = venue.snapshots.newest_first()[0]
    with closing(SqliteJournal.open_reader(venue.path)) as journal:
        start = begin(journal, venue.snapshots, (Publication(), Heard()), venue.said.append)
    assert start.snapshot == read_header(newest)
    assert (start.heard, start.sequence, list(start.late)) == (start.snapshot.sequence, start.snapshot.sequence, [])


def test_a_damaged_one_is_passed_over_for_the_one_before_and_that_is_said(venue: Venue, whole: Opened) -> None:
    for number, path in enumerate(venue.snapshots.newest_first(), 1):
        damage(path)
        assert venue.open().all == whole.all
        assert len(venue.said) == number
        assert all("a snapshot is passed over: " in line and "is damaged in its section" in line for line in venue.said)
        assert path.name in venue.said[-1]


def test_one_of_another_venue_is_passed_over(venue: Venue, whole: Opened, tmp_path: Path) -> None:
    other = Venue(tmp_path / "other")
    other.folder.mkdir()
    with closing(SqliteJournal(other.path, venue_id="zhanjiang")) as journal:
        engine = Engine()
        append(journal, entries_of(TOLD, engine), engine)
    other.snapshot_at(1.0)
    shutil.copy(other.snapshots.newest_first()[0], venue.snapshots.path)
    assert venue.open().all == whole.all
    assert venue.said == [f"{engine.sequence}.snapshot is passed over: it is another venue's"]


def test_one_of_a_journal_that_went_on_otherwise_is_passed_over(venue: Venue, tmp_path: Path) -> None:
    """The journal was cut, and trading went on: the snapshot tells of rows that are no more."""
    newest, *_ = (read_header(path).sequence for path in venue.snapshots.newest_first())
    other = Venue(tmp_path / "other")
    other.folder.mkdir()
    other.write_journal(TOLD[: newest - 3] + [(TOLD[0][0], time_ns) for _, time_ns in TOLD[newest - 3 : newest + 40]])
    shutil.copytree(venue.snapshots.path, other.snapshots.path)
    opened = other.open()
    (line,) = other.said
    assert line.startswith(f"{newest}.snapshot is passed over: it is of ")
    shutil.rmtree(other.snapshots.path)
    assert other.open().all == opened.all


def test_one_beyond_the_journals_end_stops_the_start(venue: Venue, tmp_path: Path) -> None:
    """Rows are lost: SQLite drops a damaged tail in silence. What is damaged behind its header says so too."""
    newest = venue.snapshots.newest_first()[0]
    cut = Venue(tmp_path / "cut")
    cut.folder.mkdir()
    cut.write_journal(TOLD[: len(TOLD) // 3])
    shutil.copytree(venue.snapshots.path, cut.snapshots.path)
    for _ in range(2):
        sequence = read_header(newest).sequence
        with pytest.raises(
            JournalCorrupt, match=f"but there is a snapshot of sequence {sequence}: rows of the journal"
        ):
            cut.open()
        damage(cut.snapshots.path / newest.name)


def test_one_of_other_rules_is_passed_over(venue: Venue, whole: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "ENGINE_VERSION", "9")
    (sequence,) = venue.snapshot_at(0.9)
    monkeypatch.undo()
    assert venue.open().all == whole.all
    assert venue.said == [f"{sequence}.snapshot is passed over: it is of engine version 9"]


def test_one_whose_state_is_not_what_the_header_says_is_passed_over(venue: Venue, whole: Opened) -> None:
    newest = venue.snapshots.newest_first()[0]
    snapshot = read_snapshot(newest)
    for changes, sections, gist in (
        ({"state_hash": b"x" * 32}, snapshot.sections, "is restored to another: its hash is"),
        ({}, snapshot.sections | {"engine": Engine().snapshot()}, "is restored to another: its hash is"),
        ({}, snapshot.sections | {"engine": b"no state"}, "cannot be restored"),
        ({}, {"bell": b""}, "cannot be restored: KeyError"),
    ):
        forged = msgspec.structs.replace(snapshot.header, **changes)
        venue.snapshots.write(forged, sections, believe)
        assert venue.open().all == whole.all
        assert len(venue.said) == 1
        assert gist in venue.said[0]


def test_a_hash_that_the_journal_recorded_counts(venue: Venue, whole: Opened) -> None:
    (end,) = venue.snapshot_at(1.0)
    snapshot = read_snapshot(venue.snapshots.path / f"{end}.snapshot")
    forged = msgspec.structs.replace(snapshot.header, state_hash=b"x" * 32)
    venue.snapshots.write(forged, snapshot.sections, believe)
    assert venue.open().all == whole.all
    assert venue.said == [
        f"{end}.snapshot is passed over: it is of another state than the journal recorded at sequence {end}"
    ]


@pytest.mark.parametrize("name", ["publication", "bell"])
def test_a_witness_of_another_form_hears_everything_anew(venue: Venue, whole: Opened, name: str) -> None:
    """The engine's state serves all the same, and the other witness is not told twice."""
    newest = venue.snapshots.newest_first()[0]
    snapshot = read_snapshot(newest)
    for sections in (
        snapshot.sections | {name: b"\x91\x01"},
        {each: content for each, content in snapshot.sections.items() if each != name},
    ):
        venue.snapshots.write(snapshot.header, sections, believe)
        assert venue.open().all == whole.all
        (line,) = venue.said
        assert line.startswith(f"the section {name} is of another form, so that the whole journal is read")


def test_what_does_not_come_back_as_it_was_gets_no_name(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [path.name for path in venue.snapshots.newest_first()]

    class Forgetful(Heard):
        def restore(self, state: bytes, engine: Engine) -> None:
            super().restore(state, engine)
            self.told_ns = 1

    with closing(SqliteJournal.open_reader(venue.path)) as journal:
        start = begin(journal, venue.snapshots, (Publication(), Heard()), venue.said.append)
        assert start.snapshot is not None
        row = Tip(start.sequence, start.snapshot.time_ns, start.snapshot.chain)
        forgetful = Forgetful()
        with pytest.raises(SnapshotFailed, match=r"the section bell at sequence \d+ is restored to another"):
            write(venue.snapshots, start.engine, (start.witnesses[0], forgetful), row, "suixi")
        monkeypatch.setattr(Engine, "restore", classmethod(lambda cls, state: Engine()))
        with pytest.raises(SnapshotFailed, match="is restored to another: its hash is"):
            write(venue.snapshots, start.engine, start.witnesses, row, "suixi")
    assert [path.name for path in venue.snapshots.newest_first()] == before


# --- other rules -----------------------------------------------------------------------------------------------------


def older(state: bytes) -> bytes:
    """Today's state as a made-up older version wrote it: without the venue's last transfer, which it kept elsewhere."""
    fields = msgspec.msgpack.decode(state)
    fields[0] = int(OLDER)
    return msgspec.msgpack.encode([*fields, "a field that is no more"])


def newer(state: bytes) -> bytes:
    """The conversion of that version's state: one field less, and today's number."""
    fields = msgspec.msgpack.decode(state)
    if fields[0] != int(OLDER):
        raise ValueError("no state of that version")
    fields[0] = ENGINE_VERSION
    return msgspec.msgpack.encode(fields[:-1])


STEPS = {OLDER: newer} | {str(version): lambda state: state for version in range(1, ENGINE_VERSION)}
"""From the made-up version over those that were never released."""


def stopped_cleanly(venue: Venue) -> None:
    """The older release leaves a snapshot at the journal's end."""
    (end,) = venue.snapshot_at(1.0)
    snapshot = read_snapshot(venue.snapshots.path / f"{end}.snapshot")
    header = msgspec.structs.replace(snapshot.header, engine_version=OLDER)
    sections = snapshot.sections | {"engine": older(snapshot.sections["engine"])}
    venue.snapshots.write(header, sections, believe)


@pytest.fixture
def outdated(tmp_path: Path) -> Venue:
    """A venue that was last run by the older release; its journal has today's events."""
    venue = Venue(tmp_path / "outdated")
    venue.folder.mkdir()
    venue.write_journal(engine_version=OLDER)
    return venue


def test_a_release_with_other_rules_goes_on_from_the_snapshot_at_the_end(outdated: Venue, whole: Opened) -> None:
    stopped_cleanly(outdated)
    news: list[str] = []
    assert outdated.open(conversions=STEPS, news=news.append).all == whole.all
    end = whole.engine.sequence
    assert outdated.said == [], "nothing is amiss"
    assert news == [f"engine version {ENGINE_VERSION} goes on at sequence {end}, where version {OLDER} stopped"]
    with closing(SqliteJournal.open_reader(outdated.path)) as journal:
        assert [(each.first_sequence, each.engine_version, each.reason) for each in journal.segments()] == [
            (1, OLDER, "birth"),
            (end + 1, str(ENGINE_VERSION), "upgrade"),
        ]
        base = journal.base()
        assert base is not None
        assert base == (end, whole.engine.snapshot())
    header = read_header(outdated.snapshots.newest_first()[0])
    assert (header.sequence, header.engine_version) == (end, str(ENGINE_VERSION)), "the snapshot is today's too"
    assert outdated.open().all == whole.all, "again, without conversions"
    assert outdated.said == []
    shutil.rmtree(outdated.snapshots.path)
    assert outdated.open().all == whole.all, "and of the journal alone"


def test_without_a_snapshot_at_the_end_it_says_what_to_do(outdated: Venue) -> None:
    outdated.snapshot_at(0.5)
    with pytest.raises(CannotSucceed, match="start the release that wrote it once more and stop it cleanly") as told:
        outdated.open(conversions=STEPS)
    assert str(told.value).startswith(
        f"the journal was written by engine version {OLDER}, this release has {ENGINE_VERSION}, and no snapshot"
    )
    with closing(SqliteJournal.open_reader(outdated.path)) as journal:
        assert len(journal.segments()) == 1, "nothing was begun"


def test_a_version_from_which_no_conversion_leads_here_is_told(outdated: Venue) -> None:
    stopped_cleanly(outdated)
    for steps in ({}, {OLDER: newer}):
        with pytest.raises(CannotSucceed, match="start a release in between first"):
            outdated.open(conversions=steps)


def test_a_state_that_cannot_be_converted_is_passed_over(outdated: Venue) -> None:
    stopped_cleanly(outdated)
    for first in (lambda state: newer(b"\x91\x05"), lambda state: b"no state"):
        with pytest.raises(CannotSucceed, match="no snapshot reaches its end"):
            outdated.open(conversions=STEPS | {OLDER: first})
        assert "is passed over" in outdated.said[0]


def test_an_empty_venue_of_other_rules_begins_with_todays(tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    SqliteJournal(venue.path, engine_version=OLDER).close()
    assert venue.open().engine.sequence == 0
    with closing(SqliteJournal(venue.path)) as journal:
        engine = Engine()
        append(journal, entries_of(TOLD[:20], engine), engine)
    assert venue.open().engine.snapshot() == engine.snapshot()


def test_snapshots_of_before_the_seam_are_of_no_use_behind_it(tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    engine, seam = a_change_of_rules(venue.path, TOLD, len(TOLD) // 2)
    plain = venue.open()
    assert plain.engine.snapshot() == engine.snapshot()
    (newest,) = venue.snapshot_at(0.8)
    assert newest > seam
    assert venue.open().all == plain.all
    damage(venue.snapshots.path / f"{newest}.snapshot")
    snapshot_of_older(venue, seam)
    assert venue.open().all == plain.all
    assert venue.said[1] == f"{seam}.snapshot is passed over: it is of engine version {OLDER}"


def test_a_snapshot_of_the_seam_is_held_to_the_hash_of_its_own_rules(tmp_path: Path) -> None:
    """The version is part of the hash: what an upgrade takes of its beginning has another than the row before it."""
    venue = Venue(tmp_path)
    _, seam = a_change_of_rules(venue.path, TOLD, len(TOLD) // 2)
    with closing(SqliteJournal.open_reader(venue.path)) as journal:
        row = journal.record_of(seam)
        header = Header(
            venue_id="suixi",
            engine_version=str(ENGINE_VERSION),
            sequence=seam,
            time_ns=row.time_ns,
            chain=row.chain,
            state_hash=b"n" * 32,
        )
        assert fit(header, journal) is None
        of_before = msgspec.structs.replace(header, engine_version=OLDER)
        assert fit(of_before, journal) == f"is of another state than the journal recorded at sequence {seam}"
        end = journal.tip()
        of_end = msgspec.structs.replace(header, sequence=end.sequence, time_ns=end.time_ns, chain=end.chain)
        assert fit(of_end, journal) == f"is of another state than the journal recorded at sequence {end.sequence}"


def snapshot_of_older(venue: Venue, seam: int) -> None:
    with closing(SqliteJournal.open_reader(venue.path)) as journal:
        row = journal.record_of(seam)
        assert row.state_hash is not None
        header = Header(
            venue_id="suixi",
            engine_version=OLDER,
            sequence=seam,
            time_ns=row.time_ns,
            chain=row.chain,
            state_hash=row.state_hash,
        )
    venue.snapshots.write(header, {"engine": b"older"}, believe)


def test_the_bell_and_the_feed_go_on_alike_from_either_start(venue: Venue) -> None:
    """More batches after the start: what is told then depends on nothing that a snapshot has left out."""
    with closing(SqliteJournal.open_reader(venue.path)) as journal:
        engine = replay(journal, Engine)
    more = entries_of([(command, engine.time_ns + 60 * 10**9) for command, _ in TOLD[40:120]], engine)
    witnesses = []
    for _ in range(2):
        pair = (Publication(), Heard())
        with closing(SqliteJournal(venue.path)) as journal:
            recover(journal, venue.snapshots, pair, venue.said.append)
        for entry in more:
            for witness in pair:
                witness.hear(entry)
        witnesses.append(pair)
        shutil.rmtree(venue.snapshots.path, ignore_errors=True)
    assert [each.state() for each in witnesses[0]] == [each.state() for each in witnesses[1]]
    assert shown(witnesses[0][0], engine) == shown(witnesses[1][0], engine)
