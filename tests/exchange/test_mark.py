"""A journal whose last rows are gone is refused by its mark, and nothing else is."""

import shutil
from pathlib import Path

import pytest

from exchange.journal import JournalCorrupt, Tip, seal
from exchange.mark import MarkDamaged, Marker, mark_path, read_mark
from exchange.protocol import Entry
from exchange.sqlite_journal import SqliteJournal
from matching.messages import AdvanceTime

VENUE = "5eed" * 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal(path, venue_id=VENUE, created_ns=1)


def written(path: Path, rows: int, time_ns: int = 0) -> Tip:
    """So many more rows, and a clean stop."""
    journal = opened(path)
    try:
        return add(journal, rows, time_ns)
    finally:
        journal.close()


def add(journal: SqliteJournal, rows: int, time_ns: int = 0) -> Tip:
    for _ in range(rows):
        tip = journal.tip()
        at = max(tip.sequence + 1, time_ns)
        entry = Entry(first_sequence=tip.sequence + 1, time_ns=at, commands=(AdvanceTime(at),), events=((),))
        journal.append(seal(entry, tip.chain))
    return journal.tip()


def copied(path: Path, to: Path) -> Path:
    """The folder as it lies there, of a venue that runs or was killed: nobody has closed anything."""
    shutil.copytree(path.parent, to)
    return to / path.name


def test_the_mark_follows_every_row(path: Path) -> None:
    journal = opened(path)
    mark = read_mark(path)
    assert mark is not None
    assert mark.sequence == 0
    for sequence in (1, 2, 3):
        tip = add(journal, 1)
        mark = read_mark(path)
        assert mark is not None
        assert (mark.sequence, mark.chain) == (sequence, tip.chain)
    journal.close()
    again = opened(path)
    assert again.tip().sequence == 3
    assert again.mark_trouble is None
    again.close()


def test_a_damaged_end_of_the_log_is_refused_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    """Killed with three rows in the log; a bit of the last one flips. SQLite alone would start at the second."""
    journal = opened(path)
    add(journal, 3)
    killed = copied(path, tmp_path / "killed")
    journal.close()
    log = killed.with_name("journal.sqlite-wal")
    content = bytearray(log.read_bytes())
    content[-100] ^= 4
    log.write_bytes(content)
    for _ in range(2):
        with pytest.raises(
            JournalCorrupt, match=r"ends at sequence 2, but journal.sqlite.mark says that 3 was written"
        ):
            opened(killed)
        assert log.read_bytes() == content, "it may be evidence"
    content[-100] ^= 4
    log.write_bytes(content)
    mended = opened(killed)
    assert mended.tip().sequence == 3
    mended.close()


def test_a_log_that_is_gone_is_refused(path: Path, tmp_path: Path) -> None:
    journal = opened(path)
    add(journal, 3)
    killed = copied(path, tmp_path / "killed")
    journal.close()
    killed.with_name("journal.sqlite-wal").unlink()
    with pytest.raises(JournalCorrupt, match="ends at sequence 0"):
        opened(killed)


def test_a_journal_that_is_gone_is_not_begun_anew(path: Path) -> None:
    written(path, 2)
    path.unlink()
    with pytest.raises(JournalCorrupt, match=r"is gone, and journal.sqlite.mark says that 2 was written"):
        opened(path)
    mark_path(path).unlink()
    opened(path).close()


def test_an_older_copy_in_its_place_is_refused_until_the_mark_is_moved_away(path: Path, tmp_path: Path) -> None:
    written(path, 2)
    older = shutil.copy(path, tmp_path / "older")
    written(path, 1)
    shutil.copy(older, path)
    with pytest.raises(JournalCorrupt, match="where it was replaced on purpose, move the mark away"):
        opened(path)
    mark_path(path).rename(tmp_path / "moved")
    journal = opened(path)
    assert journal.tip().sequence == 2
    journal.close()
    mark = read_mark(path)
    assert mark is not None
    assert mark.sequence == 2


def test_a_copy_that_went_another_way_is_refused(path: Path, tmp_path: Path) -> None:
    written(path, 2)
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / path.name
    shutil.copy(path, other)
    written(other, 2, time_ns=77)
    written(path, 1)
    shutil.copy(other, path)
    with pytest.raises(JournalCorrupt, match="the journal differs at sequence 3"):
        opened(path)


def test_another_venues_journal_in_its_place_is_refused(path: Path, tmp_path: Path) -> None:
    written(path, 2)
    other = tmp_path / "other.sqlite"
    SqliteJournal(other).close()
    shutil.copy(other, path)
    with pytest.raises(JournalCorrupt, match="is of another venue's journal"):
        opened(path)


def test_a_folder_without_its_mark_is_begun_with_one(path: Path) -> None:
    tip = written(path, 2)
    mark_path(path).unlink()
    journal = opened(path)
    assert journal.mark_trouble is None
    mark = read_mark(path)
    assert mark is not None
    assert (mark.sequence, mark.chain) == (2, tip.chain)
    journal.close()


def test_a_mark_that_is_behind_is_brought_up_to_date(path: Path) -> None:
    """As a loss of power leaves it."""
    first = written(path, 1)
    written(path, 2)
    marker = Marker(path, VENUE)
    marker.write(first.sequence, first.chain)
    marker.close()
    opened(path).close()
    mark = read_mark(path)
    assert mark is not None
    assert mark.sequence == 3


@pytest.mark.parametrize("damage", [b"", b"BANAMARK", None])
def test_a_damaged_mark_is_told_and_written_anew(path: Path, damage: bytes | None) -> None:
    written(path, 2)
    content = bytearray(mark_path(path).read_bytes())
    content[30] ^= 1
    mark_path(path).write_bytes(content if damage is None else damage)
    with pytest.raises(MarkDamaged, match=r"journal.sqlite.mark is damaged"):
        read_mark(path)
    journal = opened(path)
    assert journal.mark_trouble is not None
    assert "nothing tells whether the journal's last rows are missing" in journal.mark_trouble
    journal.close()
    again = opened(path)
    assert again.mark_trouble is None
    again.close()


def test_a_mark_that_cannot_be_written_stops_the_venue(path: Path) -> None:
    """Nothing may be acknowledged that it does not know of."""
    journal = opened(path)
    journal._marker.close()
    with pytest.raises(Exception, match=r"journal.sqlite.mark: Bad file descriptor") as told:
        add(journal, 1)
    assert type(told.value).__name__ == "JournalUnavailable"
    with pytest.raises(Exception, match="Bad file descriptor"):
        journal.close()
