"""The journal keeps what it acknowledged, in order, and shows whatever was done to it afterwards."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from exchange.journal import (
    ENGINE_VERSION,
    Birth,
    JournalCorrupt,
    JournalLocked,
    JournalUnavailable,
    Record,
    Tip,
    require_reaching,
    seal,
)
from exchange.protocol import Entry, encode
from exchange.sqlite_journal import CHUNK_ROWS, PAGE_BYTES, TIDY_PAGES, SqliteJournal
from matching.messages import AdvanceTime, CommandRejected, SetPhase


def batch(first: int, size: int = 1, time_ns: int = 1_000) -> Entry:
    """Phase changes of an instrument that is not there, refused one by one."""
    return Entry(
        first_sequence=first,
        time_ns=time_ns,
        commands=tuple(SetPhase(f"GHOST{first}", "closed") for _ in range(size)),
        events=tuple((CommandRejected("set_phase", f"GHOST{first}", "unknown_symbol"),) for _ in range(size)),
    )


def fill(journal: SqliteJournal, rows: int, size: int = 1) -> list[Record]:
    tip = journal.tip()
    records = []
    for number in range(rows):
        entry = batch(tip.sequence + 1 + number * size, size, time_ns=tip.time_ns + number)
        record = seal(entry, records[-1].chain if records else tip.chain)
        journal.append(record)
        records.append(record)
    return records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_a_new_journal_is_empty_and_knows_its_birth(path: Path) -> None:
    journal = SqliteJournal(path, venue_id="suixi", created_ns=5)
    assert journal.birth() == Birth(venue_id="suixi", engine_version=ENGINE_VERSION, created_ns=5)
    assert journal.last() is None
    assert journal.tip().sequence == 0
    assert list(journal.read()) == []
    journal.close()
    assert not path.with_name("journal.sqlite-wal").exists(), "closing leaves one file"


def test_what_was_appended_is_read_back_after_reopening(path: Path) -> None:
    journal = SqliteJournal(path)
    written = fill(journal, 3, size=2)
    journal.close()

    again = SqliteJournal(path)
    assert list(again.read()) == written
    assert again.last() == written[-1]
    assert [record.entry() for record in again.read()] == [batch(1 + 2 * n, 2, time_ns=n) for n in range(3)]
    written += fill(again, 1)
    assert [record.first_sequence for record in again.read()] == [1, 3, 5, 7]
    again.close()


def test_reading_starts_with_the_batch_that_holds_the_next_sequence(path: Path) -> None:
    journal = SqliteJournal(path)
    fill(journal, 3, size=4)
    assert [record.first_sequence for record in journal.read(4)] == [5, 9]
    assert [record.first_sequence for record in journal.read(6)] == [5, 9]
    assert [record.first_sequence for record in journal.read(12)] == []
    assert journal.entry_of(6).first_sequence == 5
    assert journal.entry_of(8).first_sequence == 5
    for unknown in (0, -1, 13):
        with pytest.raises(LookupError):
            journal.entry_of(unknown)
    journal.close()


def test_reading_goes_on_over_many_chunks_while_the_writer_writes(path: Path) -> None:
    journal = SqliteJournal(path)
    fill(journal, CHUNK_ROWS + 1)
    reader = SqliteJournal.open_reader(path)
    rows = reader.read()
    read = [next(rows)]
    fill(journal, CHUNK_ROWS)
    read += rows
    assert [record.first_sequence for record in read] == list(range(1, 2 * CHUNK_ROWS + 2))
    fill(journal, 1)
    assert [record.first_sequence for record in reader.read(read[-1].last_sequence)] == [2 * CHUNK_ROWS + 2]
    reader.close()
    journal.close()


def test_a_state_hash_is_kept_and_is_part_of_the_chain(path: Path) -> None:
    journal = SqliteJournal(path)
    tip = journal.tip()
    hashed = seal(batch(1), tip.chain, state_hash=b"s" * 32)
    assert hashed.chain != seal(batch(1), tip.chain).chain
    journal.append(hashed)
    last = journal.last()
    assert last is not None
    assert last.state_hash == b"s" * 32
    journal.close()


def test_a_second_venue_is_told_in_one_line(path: Path) -> None:
    journal = SqliteJournal(path)
    with pytest.raises(JournalLocked, match=r"another venue has this data folder open \(process \d+\)") as told:
        SqliteJournal(path)
    assert "\n" not in str(told.value)
    journal.close()
    SqliteJournal(path).close()


def test_what_is_no_journal_of_ours_is_refused(path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="there is no journal"):
        SqliteJournal.open_reader(path)
    sqlite3.connect(path).execute("CREATE TABLE cats (name TEXT)").connection.close()
    with pytest.raises(JournalUnavailable, match="not a journal"):
        SqliteJournal(path)
    path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(JournalCorrupt):
        SqliteJournal(path)
    path.write_bytes(b"")
    with pytest.raises(JournalUnavailable, match="not a journal"):
        SqliteJournal(path)


def test_other_rules_and_other_formats_are_refused(path: Path) -> None:
    SqliteJournal(path, engine_version="1").close()
    with pytest.raises(JournalUnavailable, match="written by engine version 1, this is 2"):
        SqliteJournal(path, engine_version="2")
    SqliteJournal(path, engine_version="1").close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(JournalUnavailable, match="format 9"):
        SqliteJournal(path)


def test_a_log_without_its_file_is_not_poured_into_a_new_journal(path: Path) -> None:
    path.with_name("journal.sqlite-wal").write_bytes(b"left over")
    with pytest.raises(JournalCorrupt, match="is gone, its log"):
        SqliteJournal(path)


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="No such file or directory"):
        SqliteJournal(tmp_path / "nowhere" / "journal.sqlite")


def test_a_refused_open_leaves_the_lock_free(path: Path) -> None:
    SqliteJournal(path, engine_version="1").close()
    with pytest.raises(JournalUnavailable):
        SqliteJournal(path, engine_version="2")
    SqliteJournal(path, engine_version="1").close()


# --- segments --------------------------------------------------------------------------------------------------------


def succeeded(path: Path) -> list[Record]:
    """Three rows under the rules `1`, two under `2`, one more behind a seam that changed no rules."""
    with closing(SqliteJournal(path, engine_version="1", venue_id="suixi", created_ns=5)) as journal:
        records = fill(journal, 3, size=2)
    with closing(SqliteJournal(path, engine_version="2", other_rules=True)) as journal:
        journal.begin_segment("upgrade", state=b"state after six", began_ns=7)
        records += fill(journal, 2)
        journal.begin_segment("restored", began_ns=8)
        records += fill(journal, 1)
    return records


def test_the_birth_is_the_first_segment(path: Path) -> None:
    with closing(SqliteJournal(path, engine_version="1", venue_id="suixi", created_ns=5)) as journal:
        (first,) = journal.segments()
        assert first == journal.segment()
        assert (first.first_sequence, first.engine_version, first.began_ns, first.reason) == (1, "1", 5, "birth")
        assert journal.base() is None


def test_other_rules_begin_a_segment_with_the_state_at_the_end(path: Path) -> None:
    records = succeeded(path)
    reader = SqliteJournal.open_reader(path)
    told = [(each.first_sequence, each.engine_version, each.reason, each.began_ns) for each in reader.segments()]
    assert told == [(1, "1", "birth", 5), (7, "2", "upgrade", 7), (9, "2", "restored", 8)]
    assert reader.segment().first_sequence == 9
    assert reader.base() == (6, b"state after six"), "the rules of the last two segments are the same"
    assert list(reader.read()) == records
    for after in range(9):
        assert list(reader.read(after)) == [record for record in records if record.last_sequence > after]
    assert records[3].chain != seal(records[3].entry(), records[2].chain).chain, "the seam is part of the chain"
    assert reader.birth().engine_version == "1"
    reader.close()
    with pytest.raises(JournalUnavailable, match="written by engine version 2, this is 1"):
        SqliteJournal(path, engine_version="1")
    again = SqliteJournal(path, engine_version="2")
    fill(again, 1)
    assert len(list(again.read())) == 7
    again.close()


def test_a_segment_without_rows_is_the_end_to_go_on_from(path: Path) -> None:
    with closing(SqliteJournal(path, engine_version="1")) as journal:
        records = fill(journal, 2)
    with closing(SqliteJournal(path, engine_version="2", other_rules=True)) as journal:
        begun = journal.begin_segment("upgrade", state=b"state")
        assert journal.tip() == Tip(2, 1, begun.chain())
        assert journal.base() == (2, b"state")
    with closing(SqliteJournal(path, engine_version="3", other_rules=True)) as journal:
        journal.begin_segment("upgrade", state=b"converted")
        assert [each.engine_version for each in journal.segments()] == ["1", "3"], "the empty one is replaced"
        fill(journal, 1)
        assert [record.first_sequence for record in journal.read(2)] == [3]
        assert list(journal.read())[:2] == records
        assert journal.base() == (2, b"converted")


def test_other_rules_begin_an_empty_journal_without_a_state(path: Path) -> None:
    SqliteJournal(path, engine_version="1").close()
    with closing(SqliteJournal(path, engine_version="2", other_rules=True)) as journal:
        journal.begin_segment("upgrade")
        fill(journal, 1)
        assert len(list(journal.read())) == 1
        assert journal.base() is None
        assert journal.segment().engine_version == "2"


def test_a_reader_that_was_there_before_follows_across_the_seam(path: Path) -> None:
    with closing(SqliteJournal(path, engine_version="1")) as journal:
        fill(journal, 2)
        reader = SqliteJournal.open_reader(path)
        rows = reader.read()
        read = [next(rows)]
    with closing(SqliteJournal(path, engine_version="2", other_rules=True)) as journal:
        journal.begin_segment("upgrade", state=b"state")
        fill(journal, 2)
        read += rows
        assert [record.first_sequence for record in read] == [1, 2, 3, 4]
        assert reader.tip() == journal.tip()
        assert reader.segment().engine_version == "2"
    reader.close()


def in_format_1(path: Path) -> None:
    """As the first release left it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TABLE segments")
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_a_journal_of_format_1_is_read_as_it_is_and_brought_up_to_date_by_a_venue(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        records = fill(journal, 2)
        chain = journal.birth().chain()
    in_format_1(path)
    with closing(SqliteJournal.open_reader(path)) as reader:
        assert reader.birth().format_version == 1
        assert (list(reader.read()), len(reader.segments()), reader.base()) == (records, 1, None)
        with closing(SqliteJournal(path)) as journal:
            assert journal.birth().format_version == 2
            assert journal.birth().chain() == chain
            journal.begin_segment("restored")
            records += fill(journal, 1)
            assert list(reader.read()) == records, "who has it open reads on"
    with closing(SqliteJournal(path)) as journal:
        assert list(journal.read()) == records


# --- what is done to it afterwards -----------------------------------------------------------------------------------


def tamper(path: Path, statement: str, *parameters: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        changed = connection.execute(statement, parameters).rowcount
    connection.close()
    assert changed == 1


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("UPDATE batches SET time_ns = time_ns + 1 WHERE last_sequence = 2", ()),
        ("UPDATE batches SET events = ? WHERE last_sequence = 2", (encode(((),)),)),
        ("UPDATE batches SET commands = ? WHERE last_sequence = 2", (encode((AdvanceTime(1),)),)),
        ("UPDATE batches SET state_hash = NULL WHERE last_sequence = 3", ()),
        ("UPDATE batches SET state_hash = zeroblob(32) WHERE last_sequence = 2", ()),
        ("UPDATE batches SET first_sequence = 1 WHERE last_sequence = 2", ()),
        ("UPDATE batches SET chain = zeroblob(32) WHERE last_sequence = 2", ()),
        ("UPDATE batches SET chain = 'text' WHERE last_sequence = 2", ()),
        ("DELETE FROM batches WHERE last_sequence = 2", ()),
        ("DELETE FROM batches WHERE last_sequence = 1", ()),
        ("UPDATE birth SET venue_id = 'another'", ()),
        ("UPDATE birth SET created_ns = 1", ()),
    ],
)
def test_no_change_goes_unnoticed(path: Path, statement: str, parameters: tuple[object, ...]) -> None:
    journal = SqliteJournal(path)
    fill(journal, 2)
    last = journal.tip()
    journal.append(seal(batch(3, time_ns=9), last.chain, state_hash=b"h" * 32))
    journal.close()
    tamper(path, statement, *parameters)
    reader = SqliteJournal.open_reader(path)
    with pytest.raises(JournalCorrupt):
        list(reader.read())
    reader.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE segments SET engine_version = '9' WHERE first_sequence = 7",
        "UPDATE segments SET began_ns = 9 WHERE first_sequence = 7",
        "UPDATE segments SET reason = 'whim' WHERE first_sequence = 7",
        "UPDATE segments SET state_digest = zeroblob(32) WHERE first_sequence = 7",
        "UPDATE segments SET state_digest = NULL WHERE first_sequence = 7",
        "UPDATE segments SET parent_chain = zeroblob(32) WHERE first_sequence = 7",
        "UPDATE segments SET parent_chain = 'text' WHERE first_sequence = 9",
        "UPDATE segments SET first_sequence = 8 WHERE first_sequence = 7",
        "UPDATE segments SET first_sequence = 4 WHERE first_sequence = 7",
        "DELETE FROM segments WHERE first_sequence = 7",
        "DELETE FROM segments WHERE first_sequence = 9",
        "DELETE FROM batches WHERE last_sequence = 6",
        "UPDATE birth SET engine_version = '2'",
    ],
)
def test_no_change_of_a_segment_goes_unnoticed(path: Path, statement: str) -> None:
    succeeded(path)
    tamper(path, statement)
    with closing(SqliteJournal.open_reader(path)) as reader, pytest.raises(JournalCorrupt):
        list(reader.read())


@pytest.mark.parametrize("state", ["zeroblob(40)", "NULL", "x'789c030000000001'"])
def test_the_state_of_a_segment_is_what_was_written(path: Path, state: str) -> None:
    succeeded(path)
    tamper(path, f"UPDATE segments SET state = {state} WHERE first_sequence = 7")
    reader = SqliteJournal.open_reader(path)
    with pytest.raises(JournalCorrupt, match="the state at sequence 6"):
        reader.base()
    reader.close()


def test_a_flipped_bit_in_the_file_is_noticed(path: Path) -> None:
    journal = SqliteJournal(path)
    records = fill(journal, 40, size=50)
    journal.close()
    content = bytearray(path.read_bytes())
    place = content.find(records[20].events)
    assert place > 0
    content[place + 30] ^= 4
    path.write_bytes(content)
    reader = SqliteJournal.open_reader(path)
    with pytest.raises(
        JournalCorrupt, match=f"the row at sequence {records[20].first_sequence} does not fit the chain"
    ):
        list(reader.read())
    reader.close()


def test_a_damaged_page_is_noticed(path: Path) -> None:
    journal = SqliteJournal(path)
    fill(journal, 40, size=200)
    journal.close()
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 16384):
        content[page * 16384 : page * 16384 + 64] = b"\xff" * 64
    path.write_bytes(content)
    reader = SqliteJournal.open_reader(path)
    with pytest.raises(JournalCorrupt):
        list(reader.read())
    assert reader.damage() is not None
    reader.close()


def test_a_lost_tail_is_noticed_by_who_has_seen_further(tmp_path: Path, path: Path) -> None:
    """The log is cut, as a disk that lied about a sync would: SQLite drops the damaged rows without a word."""
    journal = SqliteJournal(path)
    fill(journal, 10)
    log = path.with_name("journal.sqlite-wal").read_bytes()
    copy = tmp_path / "copy" / "journal.sqlite"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    copy.with_name("journal.sqlite-wal").write_bytes(log[: len(log) * 7 // 10])
    journal.close()

    shorter = SqliteJournal(copy)
    end = shorter.tip().sequence
    assert 0 < end < 10
    assert [record.last_sequence for record in shorter.read()] == list(range(1, end + 1))
    require_reaching(shorter, end, "the database")
    with pytest.raises(JournalCorrupt, match=f"ends at sequence {end}, but the database has seen 10"):
        require_reaching(shorter, 10, "the database")
    shorter.close()


def test_a_row_of_another_shape_is_corrupt() -> None:
    good = seal(batch(1, 2), b"")
    for bad in (
        Record(first_sequence=1, last_sequence=1, time_ns=0, commands=good.commands, events=good.events, chain=b""),
        Record(first_sequence=1, last_sequence=2, time_ns=0, commands=b"\xc1", events=good.events, chain=b""),
    ):
        with pytest.raises(JournalCorrupt):
            bad.entry()


# --- crashes ---------------------------------------------------------------------------------------------------------

_APPENDER = """
import sys
from pathlib import Path
from exchange.journal import seal
from exchange.sqlite_journal import SqliteJournal
from exchange.protocol import Entry
from matching.messages import CommandRejected, SetPhase

journal = SqliteJournal(Path(sys.argv[1]))
tip = journal.tip()
sequence, chain = tip.sequence + 1, tip.chain
while True:
    size = 1 + sequence % 7
    record = seal(
        Entry(
            first_sequence=sequence,
            time_ns=sequence,
            commands=(SetPhase("GHOST", "closed"),) * size,
            events=((CommandRejected("set_phase", "GHOST", "unknown_symbol"),),) * size,
        ),
        chain,
    )
    journal.append(record)
    print(record.last_sequence, flush=True)
    sequence, chain = record.last_sequence + 1, record.chain
"""


@pytest.mark.parametrize("rows", [1, 40, 700])
def test_every_acknowledged_row_survives_a_kill(path: Path, rows: int) -> None:
    """Killed and started again three times; 700 rows run into a checkpoint of the log."""
    root = Path(__file__).parents[2]
    acknowledged = 0
    for _ in range(3):
        appender = subprocess.Popen(
            [sys.executable, "-c", _APPENDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
        )
        assert appender.stdout is not None
        watchdog = threading.Timer(60, appender.kill)
        watchdog.start()
        lines = [appender.stdout.readline() for _ in range(rows)]
        appender.kill()
        lines += appender.stdout.readlines()
        appender.wait()
        watchdog.cancel()
        complete = [line for line in lines if line.endswith("\n")]
        assert len(complete) >= rows
        acknowledged = int(complete[-1])

        reader = SqliteJournal.open_reader(path)
        sequences = [(record.first_sequence, record.last_sequence) for record in reader.read()]
        assert sequences[-1][1] >= acknowledged
        assert reader.damage() is None
        reader.close()
    journal = SqliteJournal(path)
    assert journal.tip().sequence >= acknowledged
    fill(journal, 1)
    journal.close()


def test_a_log_that_is_tidied_up_behind_the_rows_begins_anew(path: Path) -> None:
    journal = SqliteJournal(path)
    log = path.with_name("journal.sqlite-wal")
    longest = 0
    for _ in range(2 * TIDY_PAGES):
        fill(journal, 1)
        journal.tidy()
        longest = max(longest, log.stat().st_size)
    assert longest < 2 * TIDY_PAGES * PAGE_BYTES, "a row takes at least a page: the log has begun anew"
    assert path.stat().st_size > PAGE_BYTES, "and its rows are in the file"
    assert journal.tip().sequence == 2 * TIDY_PAGES
    assert journal.damage() is None
    journal.close()


def test_who_reads_for_long_holds_up_the_log_and_no_rows(path: Path) -> None:
    journal = SqliteJournal(path)
    fill(journal, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as reading:
        reading.execute("BEGIN")
        assert reading.execute("SELECT count(*) FROM batches").fetchone() == (1,)
        for _ in range(2 * TIDY_PAGES):
            fill(journal, 1)
            journal.tidy()
        assert reading.execute("SELECT count(*) FROM batches").fetchone() == (1,), "it sees its own moment"
    for _ in range(TIDY_PAGES):
        fill(journal, 1)
        journal.tidy()
    assert journal.tip().sequence == 3 * TIDY_PAGES + 1
    assert len(list(journal.read())) == 3 * TIDY_PAGES + 1
    journal.close()
