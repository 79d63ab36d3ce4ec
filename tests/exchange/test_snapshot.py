"""A snapshot's file is what was written or says that it is not, and never takes what others need."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.snapshot import (
    ROOM_BYTES,
    Header,
    Snapshot,
    SnapshotDamaged,
    SnapshotFailed,
    Snapshots,
    read_header,
    read_snapshot,
    sequence_of,
)

SECTIONS = {"engine": b"state " * 1_000, "bell": b"\x00\x01\x02", "nothing": b""}
ROOT = Path(__file__).parents[2]


def header(sequence: int = 7, venue_id: str = "suixi") -> Header:
    return Header(
        venue_id=venue_id,
        engine_version="3",
        sequence=sequence,
        time_ns=5,
        chain=b"c" * 32,
        state_hash=b"s" * 32,
    )


def believe(snapshot: Snapshot) -> None:
    """Whatever it is."""


@pytest.fixture
def folder(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def names(folder: Snapshots) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_what_was_written_is_read_back(folder: Snapshots) -> None:
    assert folder.newest_first() == []
    path = folder.write(header(), SECTIONS, believe)
    assert path.name == "7.snapshot"
    assert names(folder) == ["7.snapshot"], "and nothing is left over"
    read = read_snapshot(path)
    assert read.sections == SECTIONS
    assert read.header == read_header(path)
    assert (read.header.sequence, read.header.venue_id, read.header.chain) == (7, "suixi", b"c" * 32)
    packed = {section.name: section.packed for section in read.header.sections}
    assert packed == {"engine": True, "bell": False, "nothing": False}, "where it pays"
    assert path.stat().st_size < 1_000


def test_the_check_sees_what_the_file_holds_before_it_has_its_name(folder: Snapshots) -> None:
    def check(snapshot: Snapshot) -> None:
        assert snapshot.sections == SECTIONS
        assert folder.newest_first() == []
        (left,) = names(folder)
        assert left.endswith(".unfinished")
        raise SnapshotFailed("it does not please")

    with pytest.raises(SnapshotFailed, match="it does not please"):
        folder.write(header(), SECTIONS, check)
    assert names(folder) == []


def test_every_damage_of_every_byte_is_noticed(folder: Snapshots, tmp_path: Path) -> None:
    """A bit flipped anywhere, a file cut anywhere, a byte too many: never read as anything else."""
    path = folder.write(header(), {"engine": b"state " * 20, "bell": b"\x00\x01\x02"}, believe)
    whole = path.read_bytes()
    other = tmp_path / "7.snapshot"
    for place in range(len(whole)):
        for damaged in (whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :], whole[:place]):
            other.write_bytes(damaged)
            with pytest.raises(SnapshotDamaged) as told:
                read_snapshot(other)
            assert "\n" not in str(told.value)
            assert "7.snapshot" in str(told.value)
    other.write_bytes(whole + b"!")
    with pytest.raises(SnapshotDamaged, match="longer than it says"):
        read_snapshot(other)
    other.write_bytes(whole)
    assert read_snapshot(other).header.sequence == 7


def test_what_is_no_snapshot_of_ours_says_so(folder: Snapshots, tmp_path: Path) -> None:
    path = folder.write(header(), SECTIONS, believe)
    with pytest.raises(SnapshotDamaged, match=r"8\.snapshot is named otherwise than it says, 7"):
        read_header(path.rename(folder.path / "8.snapshot"))
    with pytest.raises(SnapshotDamaged, match="No such file"):
        read_header(path)
    (folder.path / "9.snapshot").mkdir()
    with pytest.raises(SnapshotDamaged, match="Is a directory"):
        read_snapshot(folder.path / "9.snapshot")


def test_names_say_the_order(folder: Snapshots) -> None:
    for sequence in (9, 100, 20):
        folder.write(header(sequence), SECTIONS, believe)
    for name in ("x.snapshot", "-1.snapshot", ".snapshot", "7.snapshot.old", "٧.snapshot"):
        (folder.path / name).write_bytes(b"")
    assert [sequence_of(path) for path in folder.newest_first()] == [100, 20, 9]


def test_the_last_few_are_kept(folder: Snapshots) -> None:
    for sequence in range(10, 60, 10):
        folder.write(header(sequence), SECTIONS, believe)
        folder.retain(3, header(sequence))
    assert [sequence_of(path) for path in folder.newest_first()] == [50, 40, 30]


def test_what_is_anothers_or_of_later_is_left_alone_and_takes_no_place(folder: Snapshots) -> None:
    for sequence in (10, 20, 30, 40):
        folder.write(header(sequence), SECTIONS, believe)
    folder.write(header(35, "another"), SECTIONS, believe)
    folder.write(header(15, "another"), SECTIONS, believe)
    folder.write(header(90), SECTIONS, believe)
    folder.retain(2, header(40))
    assert [sequence_of(path) for path in folder.newest_first()] == [90, 40, 35, 30, 15]


def test_a_damaged_one_takes_no_place_and_goes_with_the_old(folder: Snapshots) -> None:
    for sequence in (10, 20, 30, 40):
        folder.write(header(sequence), SECTIONS, believe)
    for damaged in (20, 40):
        (folder.path / f"{damaged}.snapshot").write_bytes(b"BANASNAP")
    folder.retain(2, header(40))
    assert [sequence_of(path) for path in folder.newest_first()] == [40, 30, 20, 10]
    folder.retain(1, header(40))
    assert [sequence_of(path) for path in folder.newest_first()] == [40, 30]


def test_what_a_killed_writer_left_behind_is_taken_away_and_what_a_living_one_writes_is_not(folder: Snapshots) -> None:
    folder.path.mkdir()
    (folder.path / "5.99999999.unfinished").write_bytes(b"half")
    with (folder.path / "6.99999998.unfinished").open("xb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        folder.write(header(), SECTIONS, believe)
        assert names(folder) == ["6.99999998.unfinished", "7.snapshot"]
        assert folder.wait_for_writers(0.01)
    assert not folder.wait_for_writers(60)


# --- no room ---------------------------------------------------------------------------------------------------------


def test_a_snapshot_leaves_the_journal_its_room(folder: Snapshots) -> None:
    older = folder.write(header(5), SECTIONS, believe)
    disk = os.statvfs(folder.path)
    with pytest.raises(SnapshotFailed, match=r"a snapshot of 0 MiB is not written: \d+ MiB are free on the disk"):
        folder.write(header(), SECTIONS, believe, room_bytes=disk.f_bavail * disk.f_frsize + ROOM_BYTES)
    assert read_snapshot(older).sections == SECTIONS
    assert names(folder) == ["5.snapshot"]


_LIMITED = """
import os, resource, sys
from pathlib import Path
from exchange.snapshot import SnapshotFailed, Snapshots
from tests.exchange.test_snapshot import believe, header
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    Snapshots(Path(sys.argv[1])).write(header(), {"engine": os.urandom(100_000)}, believe)
except SnapshotFailed as failed:
    print(failed)
"""


def test_where_the_file_may_not_grow_the_older_ones_are_as_they_were(folder: Snapshots) -> None:
    older = folder.write(header(5), SECTIONS, believe)
    told = subprocess.run(
        [sys.executable, "-c", _LIMITED, folder.path], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "7.snapshot cannot be written: File too large\n"
    assert names(folder) == ["5.snapshot"]
    assert read_snapshot(older).sections == SECTIONS


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_bytes(b"a file")
    folder = Snapshots(tmp_path / "snapshots")
    assert folder.newest_first() == []
    assert not folder.wait_for_writers(1)
    with pytest.raises(SnapshotFailed, match=r"7\.snapshot cannot be written: File exists"):
        folder.write(header(), SECTIONS, believe)
