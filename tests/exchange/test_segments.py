"""A journal whose rules have changed: older rows stand as they were recorded, newer ones are executed again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import exchange.projector
from exchange.database import connect, sqlite_url
from exchange.engine import Engine
from exchange.journal import JournalCorrupt
from exchange.rebuild import run_rebuild
from exchange.replay import ReplayMismatch, beginning, replay, run_replay
from exchange.sqlite_journal import SqliteJournal
from exchange.verify import run_verify
from tests.exchange.days import a_day_of_trading, project
from tests.exchange.seams import OLDER, a_change_of_rules, append
from tests.exchange.test_follower_process import rows
from tests.exchange.test_recovery import Venue
from tests.exchange.witnessing import entries_of

TOLD = a_day_of_trading(seed=21).commands
HALF = len(TOLD) // 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_older_rows_are_heard_and_newer_ones_executed(path: Path) -> None:
    engine, seam = a_change_of_rules(path, TOLD, HALF)
    with closing(SqliteJournal.open_reader(path)) as reader:
        begun = beginning(reader, Engine.restore)
        assert begun is not None
        assert begun.sequence == seam
        heard: list[int] = []
        again = replay(reader, lambda: begun, heard=0, on_entry=lambda entry: heard.append(entry.last_sequence))
        assert again.snapshot() == engine.snapshot()
        assert heard == [record.last_sequence for record in reader.read()]
    said: list[str] = []
    assert run_replay(path, said.append) == 0
    assert said == [f"sequence {engine.sequence}", f"state {engine.state_hash().hex()}"]


def test_what_older_rules_led_to_is_not_held_against_todays(path: Path) -> None:
    """Their chain is what counts."""
    a_change_of_rules(path, TOLD, HALF, silent=3)
    with closing(SqliteJournal.open_reader(path)) as reader:
        with pytest.raises(ReplayMismatch):
            replay(reader, Engine)
        forged = [record.last_sequence for record in reader.read()][4]
    assert run_replay(path, lambda line: None) == 0
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE batches SET events = x'9190' WHERE last_sequence = ?", (forged,))
    connection.close()
    said: list[str] = []
    assert run_replay(path, said.append) == 1
    assert "does not fit the chain" in said[0]


def test_the_newest_rules_of_another_release_are_told(path: Path, tmp_path: Path) -> None:
    with closing(SqliteJournal(path, engine_version=OLDER)):
        pass
    url = sqlite_url(tmp_path / "exchange.sqlite")
    with closing(SqliteJournal.open_reader(path)) as journal:
        project(journal, url)
    for work in (lambda say: run_replay(path, say), lambda say: run_verify(path, url, say)):
        said: list[str] = []
        assert work(said.append) == 2
        assert f"written by engine version {OLDER}, this release has" in said[0]


def test_a_state_that_is_no_state_is_a_corrupt_journal(path: Path) -> None:
    with closing(SqliteJournal(path, engine_version=OLDER)) as journal:
        engine = Engine()
        append(journal, entries_of(TOLD[:3], engine), engine)
    for state, gist in ((b"no state", "is no state"), (Engine().snapshot(), "is that of 0")):
        with closing(SqliteJournal(path, other_rules=True)) as journal:
            journal.begin_segment("upgrade", state=state)
            with pytest.raises(JournalCorrupt, match=f"the engine's state at sequence 3 {gist}"):
                beginning(journal, Engine.restore)


def test_verification_judges_the_database_across_the_seam(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, seam = a_change_of_rules(path, TOLD, HALF)
    monkeypatch.setattr(exchange.projector, "MAXIMUM_COMMANDS", 1)
    url = sqlite_url(tmp_path / "exchange.sqlite")
    with closing(SqliteJournal.open_reader(path)) as journal:
        ends = [record.last_sequence for record in journal.read()]
        for reached, status, gist in (
            (ends[ends.index(seam) - 3], 1, "where older rules were in force"),
            (seam, 0, f"agrees with the journal at sequence {seam}"),
            (ends[ends.index(seam) + 3], 0, "agrees with the journal"),
            (engine.sequence, 0, "0 commands behind"),
        ):
            project(journal, url, up_to=reached)
            said: list[str] = []
            assert run_verify(path, url, said.append) == status, said
            assert gist in said[-1]
            assert f"{engine.sequence} commands, chain and re-execution agree" in said[-2]
    database = connect(url)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE transfers SET amount = amount + 1 WHERE transfer_id = 2")
    database.dispose()
    assert run_verify(path, url, said.append) == 1, "what the older part made is judged too"


def test_views_are_rebuilt_of_all_segments(path: Path, tmp_path: Path) -> None:
    a_change_of_rules(path, TOLD, HALF)
    url, other = (sqlite_url(tmp_path / f"{name}.sqlite") for name in ("one", "other"))
    assert run_rebuild(path, url, lambda line: None) == 0
    with closing(SqliteJournal.open_reader(path)) as journal:
        project(journal, other)
    assert rows(url) == rows(other)


def test_snapshots_are_held_against_the_states_that_re_execution_comes_to(path: Path, tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    venue.write_journal(TOLD[:120])
    url = sqlite_url(tmp_path / "exchange.sqlite")
    with closing(SqliteJournal.open_reader(path)) as journal:
        project(journal, url)

    def verify() -> tuple[int, list[str]]:
        said: list[str] = []
        return run_verify(path, url, said.append), [line for line in said if line.startswith("snapshots")]

    assert verify() == (0, [])
    first, second, _ = venue.snapshot_at(0.3, 0.6, 0.9)
    assert verify() == (0, ["snapshots: 3 hold the states that re-execution comes to"])
    venue.forge(first, engine_version=OLDER)
    told = [f"snapshots: {first}.snapshot is of engine version {OLDER}"]
    assert verify() == (0, [*told, "snapshots: 2 hold the states that re-execution comes to"])
    venue.forge(second, state_hash=b"x" * 32)
    told.append(f"snapshots: that of sequence {second} holds another state than re-execution comes to")
    assert verify() == (1, [*told, "snapshots: 1 hold the states that re-execution comes to"])
    (venue.snapshots.path / "7.snapshot").write_bytes(b"")
    told.insert(1, "snapshots: 7.snapshot is no snapshot")
    assert verify() == (1, [*told, "snapshots: 1 hold the states that re-execution comes to"])
    venue.forge(first, sequence=10**6)
    said: list[str] = []
    assert run_verify(path, url, said.append) == 1
    assert "but there is a snapshot of sequence 1000000: rows of the journal are lost" in said[-1]
