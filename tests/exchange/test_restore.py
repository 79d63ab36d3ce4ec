"""`exchange restore`: the venue as it was at any of its moments, or a refusal that names what is wrong."""

import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

import web.tables
from exchange.backup import MANIFEST, run_backup
from exchange.config import Settings
from exchange.database import connect, sqlite_url
from exchange.engine import Engine
from exchange.journal import ENGINE_VERSION, seal
from exchange.protocol import Entry
from exchange.recovery import begin, write
from exchange.replay import replay, run_batch
from exchange.restore import Point, cut, read_time, run_restore
from exchange.snapshot import Snapshots, sequence_of
from exchange.sqlite_journal import SqliteJournal
from exchange.verify import run_verify
from marketdata.tables import trades
from settlement.tables import participants
from tests.exchange.days import project
from tests.exchange.floor import CHEN, HOUR_NS, LI, WANG, Floor
from tests.exchange.test_backup import execute, invoice, people

BATCH = 7


def a_morning() -> Floor:
    """People, fruit, and orders that trade, expire and are cancelled, with hours between some of them."""
    floor = Floor(fee_minimum_fen=30)
    for who in (LI, WANG):
        floor.deposit(who, 10_000_000)
    floor.receipt(CHEN, 9_000_000)
    for number in range(20):
        floor.time_ns += number % 3 * HOUR_NS // 4
        floor.sell(CHEN, 10, 250 + number % 4)
        floor.buy(LI if number % 2 else WANG, 12, 251, time_in_force="gtd", expires_ns=floor.time_ns + HOUR_NS // 5)
    floor.register("newcomer", "trader")
    floor.deposit(6, 1_000_000)
    floor.buy(6, 30, 253)
    return floor


class House:
    """A data folder with a morning in it, its backup, and what the engine was after each sequence."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=str(folder / "data"))
        self.backup = folder / "backup"
        self.settings.folder.mkdir(parents=True)
        floor = a_morning()
        journal = SqliteJournal(self.settings.journal_path, venue_id="suixi", created_ns=1)
        engine = Engine()
        for at in range(0, len(floor.commands), BATCH):
            commands = tuple(command for command, _ in floor.commands[at : at + BATCH])
            time_ns, tip = floor.commands[at][1], journal.tip()
            first = tip.sequence + 1
            entry = Entry(
                first_sequence=first,
                time_ns=time_ns,
                commands=commands,
                events=run_batch(engine, commands, first, time_ns),
            )
            journal.append(seal(entry, tip.chain, engine.state_hash()))
            if entry.last_sequence in (BATCH, 3 * BATCH, 5 * BATCH):
                write(Snapshots.beside(journal.path), engine, (), journal.tip(), "suixi")
        self.end = journal.tip().sequence
        self.entries = [record.entry() for record in journal.read()]
        project(journal, self.settings.database)
        journal.close()
        database = connect(self.settings.database)
        with database.begin() as connection:
            newcomer = {"participant_id": 6, "name": "newcomer", "password_hash": "$", "created_ns": 1, "changed_ns": 1}
            connection.execute(insert(web.tables.credentials), [*people(), newcomer])
            traded = connection.execute(select(func.max(trades.c.trade_id))).scalar_one()
            connection.execute(insert(web.tables.invoices), [invoice(1), invoice(traded)])
        database.dispose()
        (self.settings.folder / "documents.key").write_text("ab" * 32)
        assert run_backup(self.settings, self.backup) == 0

    def state_at(self, sequence: int) -> bytes:
        """What commands alone make of an empty engine."""
        engine = Engine()
        for entry in self.entries:
            count = sequence - entry.first_sequence + 1
            if count > 0:
                run_batch(engine, entry.commands[:count], entry.first_sequence, entry.time_ns)
        assert engine.sequence == sequence
        return engine.state_hash()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture
def new(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "new"))


def state_of(journal: Path) -> tuple[int, bytes]:
    reader = SqliteJournal.open_reader(journal)
    engine = replay(reader, Engine)
    reader.close()
    return engine.sequence, engine.state_hash()


def verified(settings: Settings) -> list[str]:
    said: list[str] = []
    assert run_verify(settings.journal_path, settings.database, said.append) == 0, said
    return said


def snapshots_in(folder: Path) -> list[int]:
    return [sequence_of(path) for path in Snapshots(folder / "snapshots").newest_first()]


def count_of(settings: Settings, table: Any) -> int:
    database = connect(settings.database, read_only=True)
    with database.connect() as connection:
        count = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
    database.dispose()
    return count


def test_each_sequence_of_each_batch_gives_the_state_of_that_moment(house: House, tmp_path: Path) -> None:
    assert house.end > 4 * BATCH
    for sequence in range(1, house.end + 1):
        path = tmp_path / f"{sequence}.sqlite"
        shutil.copyfile(house.backup / "journal.sqlite", path)
        cut(path, sequence)
        assert state_of(path) == (sequence, house.state_at(sequence))
        reader = SqliteJournal.open_reader(path)
        whole = sequence % BATCH == 0 or sequence == house.end
        begun, kept = reader.segment(), sequence if whole else sequence // BATCH * BATCH
        assert (begun.reason, begun.engine_version, begun.first_sequence) == ("restored", ENGINE_VERSION, kept + 1)
        old = SqliteJournal.open_reader(house.backup / "journal.sqlite")
        assert begun.parent_chain == (old.record_of(kept).chain if kept else old.birth().chain())
        assert reader.birth() == old.birth()
        old.close()
        reader.close()


@pytest.mark.parametrize("sequence", [1, 3 * BATCH, 3 * BATCH + 3])
def test_a_restored_venue_is_verified_and_trades_on(house: House, new: Settings, sequence: int) -> None:
    assert run_restore(new, house.backup, Point(sequence)) == 0
    assert any(f"journal: {sequence} commands" in line for line in verified(new))
    journal = SqliteJournal(new.journal_path)
    engine = replay(journal, Engine)
    for _ in range(2):
        floor = Floor()
        commands = tuple(command for command, _ in floor.commands[:2])
        tip = journal.tip()
        time_ns = engine.time_ns + HOUR_NS
        events = run_batch(engine, commands, tip.sequence + 1, time_ns)
        entry = Entry(first_sequence=tip.sequence + 1, time_ns=time_ns, commands=commands, events=events)
        journal.append(seal(entry, tip.chain, engine.state_hash()))
    project(journal, new.database)
    journal.close()
    assert any(f"journal: {sequence + 4} commands" in line for line in verified(new))


@pytest.mark.parametrize(("sequence", "kept"), [(BATCH - 1, []), (BATCH, [BATCH]), (4 * BATCH + 1, [3 * BATCH, BATCH])])
def test_snapshots_up_to_the_point_make_the_start_short(
    house: House, new: Settings, sequence: int, kept: list[int]
) -> None:
    assert snapshots_in(house.backup) == [5 * BATCH, 3 * BATCH, BATCH]
    assert run_restore(new, house.backup, Point(sequence)) == 0
    assert snapshots_in(new.folder) == kept
    said: list[str] = []
    reader = SqliteJournal.open_reader(new.journal_path)
    start = begin(reader, Snapshots.beside(new.journal_path), (), said.append)
    reader.close()
    assert said == []
    assert (start.sequence, start.snapshot is not None) == (max(kept, default=0), bool(kept))


def test_a_snapshot_that_is_no_good_is_left_behind(house: House, tmp_path: Path) -> None:
    """It saves time, and that it would not."""
    data = Path(shutil.copytree(house.settings.folder, tmp_path / "data"))
    damaged = data / "snapshots" / f"{5 * BATCH}.snapshot"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    shutil.copyfile(data / "snapshots" / f"{BATCH}.snapshot", data / "snapshots" / "9.snapshot")
    assert run_backup(Settings(data=str(data)), tmp_path / "backup") == 0
    assert snapshots_in(tmp_path / "backup") == [3 * BATCH, BATCH]


def test_what_names_what_came_later_is_left_out(
    house: House, new: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer's number will be another's: his password must not open the other's account."""
    assert run_restore(new, house.backup, Point(house.end - 3)) == 0
    said = capsys.readouterr().out
    assert "rows of credentials left out, for they name what came later: 1" in said
    assert "rows of invoices left out, for they name what came later: 1" in said
    assert count_of(new, web.tables.credentials) == count_of(new, participants) == 5
    assert count_of(new, web.tables.invoices) == 1
    database = connect(new.database)
    with database.connect() as connection:
        assert "newcomer" not in connection.execute(select(web.tables.credentials.c.name)).scalars().all()
    database.dispose()


def test_the_whole_backup_keeps_all(house: House, new: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_restore(new, house.backup, Point()) == 0
    said = capsys.readouterr()
    assert "left out" not in said.out
    assert sorted(path.name for path in new.folder.iterdir()) == [
        "documents.key",
        "exchange.sqlite",
        "journal.sqlite",
        "journal.sqlite.lock",
        "journal.sqlite.mark",
        "snapshots",
    ]
    for what in ("checking the backup", "checking the journal", "rebuilding"):
        assert f"{what} 100 %" in said.err
    assert count_of(new, web.tables.credentials) == 6
    assert count_of(new, web.tables.invoices) == 2
    assert state_of(new.journal_path) == (house.end, house.state_at(house.end))


def test_a_time_means_all_that_had_happened_by_then(house: House, tmp_path: Path) -> None:
    for number, entry in enumerate(house.entries[1:4]):
        for offset_ns, sequence in ((0, entry.last_sequence), (-1, entry.first_sequence - 1)):
            new = Settings(data=str(tmp_path / f"{number} {offset_ns}"))
            same = [each for each in house.entries if each.time_ns == entry.time_ns]
            if offset_ns == 0:
                sequence = same[-1].last_sequence
            elif same[0] is not entry:
                continue
            assert run_restore(new, house.backup, Point(time_ns=entry.time_ns + offset_ns)) == 0
            assert state_of(new.journal_path) == (sequence, house.state_at(sequence))


def test_times_are_read_with_their_zone() -> None:
    noon = datetime(2026, 11, 24, 4, 0, 0, 250_000, tzinfo=UTC)
    ns = (noon - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    assert read_time("2026-11-24T12:00:00.250000+08:00") == read_time("2026-11-24T04:00:00.25Z") == ns
    with pytest.raises(ValueError, match=r"does not say in which zone: write it as 2026-11-24T12:00\+08:00"):
        read_time("2026-11-24T12:00")
    with pytest.raises(ValueError, match="is no time: write it as"):
        read_time("yesterday")


@pytest.mark.parametrize(
    ("point", "named"),
    [
        (Point(0), "name one of its sequences"),
        (Point(10**6), "name one of its sequences"),
        (Point(time_ns=10**18 * 9), "name a time before"),
        (Point(time_ns=5), "nothing had happened by 1970-01-01 08:00:00"),
    ],
)
def test_points_that_are_not_there_are_refused(
    house: House, new: Settings, point: Point, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_restore(new, house.backup, point) == 2
    assert named in capsys.readouterr().err
    assert not new.folder.exists()


def test_a_folder_in_use_is_refused(house: House, new: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_restore(new, house.backup, Point()) == 0
    before = new.journal_path.read_bytes()
    assert run_restore(new, house.backup, Point(3)) == 2
    assert "is not an empty folder; name another" in capsys.readouterr().err
    assert new.journal_path.read_bytes() == before


def test_an_unfinished_restoration_is_no_venue(
    house: House, new: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed at its worst moment, it leaves a folder without a journal, and says so when it is tried again."""
    (new.folder / "restoring").mkdir(parents=True)
    (new.folder / "restoring" / "journal.sqlite").write_bytes(b"half of it")
    assert run_restore(new, house.backup, Point()) == 2
    assert "it holds a restoration that was not finished: remove it" in capsys.readouterr().err
    shutil.rmtree(new.folder)

    def fail(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("exchange.restore.rebuild", fail)
    with pytest.raises(KeyboardInterrupt):
        run_restore(new, house.backup, Point())
    assert not new.folder.exists()


def test_a_database_in_use_is_refused(
    house: House, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = SqliteJournal(shutil.copy(house.settings.journal_path, tmp_path / "journal.sqlite"))
    project(journal, database_url)
    journal.close()
    new = Settings(data=str(tmp_path / "new"), database_url=database_url)
    assert run_restore(new, house.backup, Point()) == 2
    assert "is in use: name an empty one" in capsys.readouterr().err
    assert not new.folder.exists()


@pytest.mark.parametrize("name", ["journal.sqlite", f"snapshots/{BATCH}.snapshot", "records/credentials.jsonl"])
@pytest.mark.parametrize("damage", ["flipped", "shortened", "missing"])
def test_damage_is_found_and_the_file_named(
    house: House, tmp_path: Path, new: Settings, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = Path(shutil.copytree(house.backup, tmp_path / "backup"))
    path = backup / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "flipped":
        path.write_bytes(content)
    elif damage == "shortened":
        os.truncate(path, len(content) - 1)
    else:
        path.unlink()
    assert run_restore(new, backup, Point()) == 1
    assert f"{path} is " in capsys.readouterr().err
    assert not new.folder.exists()


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        (lambda told: None, 2, "or was never finished"),
        (lambda told: told | {"format": 2}, 2, "format 2, this release reads format 1"),
        (lambda told: told | {"revision": "9999"}, 2, "restore it by release 7.0 or a newer one"),
        (lambda told: told | {"sequence": 3}, 1, "tells of another journal"),
        (lambda told: told | {"files": None}, 1, "manifest.json is damaged"),
    ],
    ids=["missing", "newer", "newer schema", "wrong", "nonsense"],
)
def test_manifests_that_will_not_do(
    house: House,
    tmp_path: Path,
    new: Settings,
    change: Any,
    status: int,
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    backup = Path(shutil.copytree(house.backup, tmp_path / "backup"))
    told = change(json.loads((backup / MANIFEST).read_text()) | {"release": "7.0"})
    (backup / MANIFEST).unlink()
    if told is not None:
        (backup / MANIFEST).write_text(json.dumps(told))
    assert run_restore(new, backup, Point()) == status
    assert named in capsys.readouterr().err
    assert not new.folder.exists()


def test_rules_that_changed_right_at_the_point_keep_their_state(house: House, tmp_path: Path) -> None:
    """A segment of other rules holds the state that they begin with: cutting into its first row, or right before it,
    must not lose that.
    """
    grown = tmp_path / "grown.sqlite"
    shutil.copyfile(house.settings.journal_path, grown)
    state = house.state_at(house.end)
    journal = SqliteJournal(grown, engine_version="next", other_rules=True)
    engine = replay(journal, Engine)
    journal.begin_segment("release", state=engine.snapshot(), began_ns=9)
    floor = Floor()
    commands = tuple(command for command, _ in floor.commands[:3])
    tip, time_ns = journal.tip(), engine.time_ns
    events = run_batch(engine, commands, tip.sequence + 1, time_ns)
    entry = Entry(first_sequence=tip.sequence + 1, time_ns=time_ns, commands=commands, events=events)
    journal.append(seal(entry, tip.chain))
    journal.close()
    for sequence in (house.end, house.end + 1, house.end + 3):
        path = tmp_path / f"{sequence}.sqlite"
        shutil.copyfile(grown, path)
        cut(path, sequence)
        reader = SqliteJournal.open_reader(path)
        base = reader.base()
        assert base is not None
        assert (base.sequence, Engine.restore(base.state).state_hash()) == (house.end, state)
        assert reader.segment().engine_version == "next"
        assert [segment.reason for segment in reader.segments()].count("restored") == 1
        assert [record.last_sequence for record in reader.read()][-1] == sequence
        reader.close()


def test_a_journal_of_format_1_is_restored_as_one_of_today(house: House, tmp_path: Path) -> None:
    path = Path(shutil.copy(house.backup / "journal.sqlite", tmp_path / "old.sqlite"))
    execute(path, "DROP TABLE segments")
    execute(path, "PRAGMA user_version = 1")
    cut(path, BATCH + 2)
    assert state_of(path) == (BATCH + 2, house.state_at(BATCH + 2))


def test_the_restored_journal_is_one_file_in_wal_mode(house: House, new: Settings) -> None:
    assert run_restore(new, house.backup, Point(BATCH + 1)) == 0
    connection = sqlite3.connect(new.journal_path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert sqlite_url(new.folder / "exchange.sqlite") == new.database
