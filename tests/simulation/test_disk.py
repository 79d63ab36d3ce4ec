"""The simulated disk keeps what a real one would keep, and the journals on it keep what they have promised."""

from collections import Counter
from random import Random

import pytest

from exchange.journal import ENGINE_VERSION, Birth, Journal, JournalCorrupt, JournalError, Tip, seal
from exchange.protocol import Entry
from matching.messages import AdvanceTime
from tests.simulation.disk import Disk, Fault, Stopped
from tests.simulation.log_journal import LogJournal
from tests.simulation.sqlite_disk import NAME, sqlite_on_disk
from tests.simulation.storage import LogStorage, SqliteStorage, Storage

FAULTS: tuple[Fault, ...] = ("kill", "power", "full", "write_error", "sync_error")


def disk_of(seed: int = 0) -> Disk:
    return Disk(Random(seed), lambda fault: None)


def append(journal: Journal, tip: Tip) -> Tip:
    """One more row; where the journal ends then."""
    sequence = tip.sequence + 1
    entry = Entry(first_sequence=sequence, time_ns=sequence, commands=(AdvanceTime(sequence),), events=((),))
    record = seal(entry, tip.chain)
    journal.append(record)
    return Tip(sequence, sequence, record.chain)


# --- the disk


def test_what_is_written_is_seen_and_what_is_synced_is_kept() -> None:
    disk = disk_of()
    file = disk.file("a")
    disk.write(file, 0, b"kept")
    disk.sync(file)
    disk.write(file, 4, b", and this is not")
    assert file.content == b"kept, and this is not"
    assert file.durable == b"kept"
    disk.crash(power=False)
    assert file.content == b"kept, and this is not", "who is killed loses nothing that he wrote"


def test_a_loss_of_power_keeps_any_legal_part() -> None:
    left: Counter[bytes] = Counter()
    for seed in range(200):
        disk = disk_of(seed)
        file = disk.file("a")
        disk.write(file, 0, b"old.")
        disk.sync(file)
        disk.write(file, 0, b"new1")
        disk.write(file, 4, b"new2")
        disk.crash(power=True)
        left[bytes(file.content)] += 1
    assert set(left) == {b"old.", b"new1", b"new1new2", b"old.new2"}


def test_a_write_is_torn_by_sectors_and_nowhere_else() -> None:
    pieces: dict[bytes, None] = {}
    for seed in range(300):
        disk = disk_of(seed)
        file = disk.file("a")
        disk.write(file, 0, bytes(1_024))
        disk.sync(file)
        disk.write(file, 256, b"x" * 512)
        disk.crash(power=True)
        pieces[bytes(file.content[256:512] + b"|" + file.content[512:768])] = None
    whole, none = b"x" * 256, bytes(256)
    assert set(pieces) == {a + b"|" + b for a in (whole, none) for b in (whole, none)}


def test_what_a_failed_sync_gives_up_no_later_one_writes() -> None:
    disk = disk_of()
    file = disk.file("a")
    disk.write(file, 0, b"first")
    disk.arm("sync_error", 1)
    with pytest.raises(OSError, match="input/output error"):
        disk.sync(file)
    disk.write(file, 5, b" second")
    disk.sync(file)
    assert file.content == b"first second"
    disk.crash(power=True)
    assert file.content == bytes(5) + b" second"


def test_a_stopped_machine_does_nothing_more() -> None:
    disk = disk_of()
    stops: list[Fault] = []
    disk.on_stop = stops.append
    file = disk.file("a")
    disk.arm("power", 2)
    disk.write(file, 0, b"a")
    for _ in range(2):
        with pytest.raises(Stopped):
            disk.write(file, 1, b"b")
    assert stops == ["power"]


# --- journals


def storages(seed: int) -> list[Storage]:
    return [LogStorage(disk_of(seed), 1), SqliteStorage(disk_of(seed), 1)]


@pytest.mark.parametrize("which", [0, 1], ids=["log", "sqlite"])
def test_no_acknowledged_row_is_lost_by_any_row_of_faults(which: int) -> None:
    """Lives that end in every way, one after the other. The SQLite journal lost rows here, where a sync had failed,
    until a start made durable what it read."""
    with sqlite_on_disk():
        for seed in range(120):
            chance = Random(seed)
            storage = storages(seed)[which]
            acknowledged = 0
            for _ in range(5):
                try:
                    journal = storage.open()
                    tip = journal.tip()
                    assert tip.sequence >= acknowledged, f"seed {seed}"
                    assert [record.last_sequence for record in journal.read()] == list(range(1, tip.sequence + 1))
                    storage.disk.arm(chance.choice(FAULTS), chance.randint(1, 60))
                    for _ in range(chance.randrange(80)):
                        tip = append(journal, tip)
                        acknowledged = tip.sequence
                except JournalError:
                    pass
                storage.disk.stopped = True
                storage.abandon()
                storage.disk.crash(power=chance.random() < 0.5)


def require_kept(storage: Storage, sequence: int) -> None:
    """A start reads so far, and after a loss of power the next one does."""
    assert storage.open().tip().sequence == sequence
    storage.disk.stopped = True
    storage.abandon()
    storage.disk.crash(power=True)
    assert storage.open().tip().sequence == sequence
    storage.abandon()


def test_a_row_that_was_read_at_a_start_is_durable() -> None:
    """Killed between writing and syncing; the next life reads the row and tells of it, then the power goes."""
    with sqlite_on_disk():
        for seed in range(40):
            storage = SqliteStorage(disk_of(seed), 1)
            journal = storage.open()
            tip = append(journal, journal.tip())
            storage.disk.arm("kill", 3)  # a frame is two writes and their sync
            with pytest.raises(JournalError):
                append(journal, tip)
            storage.abandon()
            storage.disk.crash(power=False)
            require_kept(storage, 2)


def test_a_row_whose_sync_failed_and_that_was_read_at_a_start_is_durable() -> None:
    """The log keeps on the disk what came before it. A start that emptied the log in memory alone had it back after a
    loss of power, and SQLite poured it over the file: seed 1679 found that."""
    with sqlite_on_disk():
        for seed in range(40):
            storage = SqliteStorage(disk_of(seed), 1)
            journal = storage.open()
            tip = append(journal, journal.tip())
            storage.disk.arm("sync_error", 1)
            with pytest.raises(JournalError):
                append(journal, tip)
            storage.disk.stopped = True
            storage.abandon()
            storage.disk.crash(power=False)
            require_kept(storage, 2)


def test_a_log_that_was_cut_shows_itself_by_its_mark() -> None:
    disk = disk_of()
    birth = Birth(venue_id="a", engine_version=ENGINE_VERSION, created_ns=1)
    journal = LogJournal(disk, birth)
    tip = journal.tip()
    for _ in range(3):
        tip = append(journal, tip)
    disk.cut("log", len(disk.files["log"].content) - 1)
    with pytest.raises(JournalCorrupt, match="ends at sequence 2, but 3 was written"):
        LogJournal(disk, birth)


def test_a_file_that_was_cut_is_corrupt_and_breaks_nothing_else() -> None:
    """Rows of a file that is too short may read as NULL, which was once taken for a payload."""
    with sqlite_on_disk():
        storage = SqliteStorage(disk_of(), 1)
        journal = storage.open()
        tip = journal.tip()
        for _ in range(600):
            tip = append(journal, tip)
        storage.abandon()
        image = storage.disk.image()
        for size in range(0, len(image[NAME]), 4_096):
            storage.disk.restore({**image, NAME: image[NAME][:size]})
            try:
                assert len(list(storage.open().read())) <= 600
            except JournalError:
                pass
            storage.abandon()
