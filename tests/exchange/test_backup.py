"""`exchange backup`: all that a venue cannot make again, whole or not at all."""

import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select

import web.tables
from exchange.backup import MANIFEST, Manifest, run_backup
from exchange.config import Settings
from exchange.database import connect, downgrade, sqlite_url
from exchange.own_records import kind_of, own_tables
from exchange.progress import Progress
from exchange.projector import all_metadata
from exchange.restore import Point, run_restore
from exchange.sqlite_journal import SqliteJournal
from exchange.verify import run_verify
from tests.exchange.days import a_day_of_trading, journal_of, project
from web.price_csv import Mapping, read_prices
from web.price_records import import_file
from web.regions import set_region

SIGNED_IN = {"token_digest": b"t" * 32, "participant_id": 3, "csrf_token": "c", "created_ns": 1, "expires_ns": 2}
TITLE = {
    "participant_id": 3,
    "title": "遂溪县陈记香蕉专业合作社",
    "tax_number": None,
    "address": "北坡镇",
    "phone": "0759-0000000",
    "bank": "ICBC",
    "account": "6222",
    "tax_status": "producer",
    "changed_ns": 4,
}


def people() -> list[dict[str, Any]]:
    names = enumerate(("operator", "warehouse", "chen", "li", "wang"), 1)
    return [
        {"participant_id": each, "name": name, "password_hash": f"$argon2id${name}", "created_ns": 1, "changed_ns": 2}
        for each, name in names
    ]


def invoice(trade_id: int) -> dict[str, Any]:
    return {
        "source": "trade",
        "source_id": trade_id,
        "kind": "normal",
        "state": "requested",
        "buyer_id": 4,
        "seller_id": 3,
        "requested_by": 4,
        "buyer": {"title": "李", "tax_number": None},
        "seller": {"title": "陈"},
        "symbol": "BXJ-1-SX1-26W47",
        "tax_status": "producer",
        "quantity_g": 1_000,
        "unit_price_microfen": 1,
        "amount_fen": 100,
        "rate_permille": None,
        "tax_fen": 0,
        "total_fen": 100,
        "remarks": "",
        "requested_ns": 5,
        "changed_ns": 5,
    }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a day in it, to be copied."""
    folder = tmp_path_factory.mktemp("story")
    journal = journal_of(a_day_of_trading(seed=5), folder / "journal.sqlite")
    fill(journal, sqlite_url(folder / "exchange.sqlite"))
    journal.close()
    (folder / "documents.key").write_text("ab" * 32)
    (folder / "reserves.pem").write_text("a key")
    return folder


@pytest.fixture
def settings(story: Path, tmp_path: Path) -> Settings:
    return Settings(data=str(shutil.copytree(story, tmp_path / "data")))


def fill(journal: SqliteJournal, url: str) -> None:
    """The views, and what the database alone owns."""
    project(journal, url)
    database = connect(url)
    with database.begin() as connection:
        connection.execute(insert(web.tables.credentials), people())
        connection.execute(insert(web.tables.sessions), SIGNED_IN)
        connection.execute(insert(web.tables.invoice_titles), TITLE)
        connection.execute(insert(web.tables.invoices), [invoice(1), invoice(2)])
        set_region(connection, 3, "广东湛江", 20_000, 1)
        week = b"Date,Price,Units\n2021-10-22,0.8,\xa3/kg\n2021-10-29,dear,\xa3/kg\n"
        file = read_prices(week, Mapping(source="DEFRA"))
        import_file(connection, "DEFRA", file, week, file_name="week.csv", now_ns=1, imported_by=None)
    database.dispose()


def rows(url: str) -> dict[str, list[Any]]:
    """Everything that a restored database has to hold: all but who is signed in."""
    database = connect(url)
    with database.connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for metadata in all_metadata()
            for table in metadata.sorted_tables
        }
    database.dispose()
    assert found.pop("sessions") is not None
    return found


@pytest.mark.parametrize("of", ["sqlite", "postgresql"])
@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_what_is_restored_is_what_was(
    of: str, into: str, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """From either kind of database into either kind."""
    server = request.getfixturevalue("postgres_server") if "postgresql" in (of, into) else None
    urls = {}
    for name, kind in (("old", of), ("new", into)):
        urls[name] = server.url(server.create()) if kind == "postgresql" else None
    if urls["old"] is not None:
        settings = msgspec.structs.replace(settings, database_url=urls["old"])
        journal = SqliteJournal(settings.journal_path)
        fill(journal, settings.database)
        journal.close()
    before = rows(settings.database)
    assert sum(map(len, before.values())) > 1_000
    assert run_backup(settings, tmp_path / "backup") == 0
    new = Settings(data=str(tmp_path / "new"), database_url=urls["new"])
    assert run_restore(new, tmp_path / "backup", Point()) == 0
    assert rows(new.database) == before
    said: list[str] = []
    assert run_verify(new.journal_path, new.database, said.append) == 0, said
    for key in ("documents.key", "reserves.pem"):
        assert (new.folder / key).read_bytes() == (settings.folder / key).read_bytes()
        assert stat.S_IMODE((new.folder / key).stat().st_mode) == 0o600
    # Numbers go on behind those that were brought along.
    database = connect(new.database)
    with database.begin() as connection:
        number = connection.execute(insert(web.tables.invoices), invoice(3)).inserted_primary_key
        assert number is not None
        assert tuple(number) == (3,)
    database.dispose()


def test_the_folder_tells_what_it_holds_and_is_its_owners_alone(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "backup"
    assert run_backup(settings, to) == 0
    said = capsys.readouterr()
    assert "copying the journal 100 %" in said.err
    assert "verifying the copy 100 %" in said.err
    assert "verified" in said.out
    manifest = msgspec.json.decode((to / MANIFEST).read_bytes(), type=Manifest)
    reader = SqliteJournal.open_reader(settings.journal_path)
    tip = reader.tip()
    reader.close()
    assert (manifest.sequence, manifest.time_ns, manifest.chain) == (tip.sequence, tip.time_ns, tip.chain.hex())
    assert manifest.venue_id == "suixi"
    assert manifest.time.startswith("2026-1")
    assert manifest.records == {
        "credentials": 5,
        "invoice_titles": 1,
        "invoices": 2,
        "participant_regions": 1,
        "price_imports": 1,
        "price_rejects": 1,
        "price_series": 1,
        "prices": 1,
    }
    assert {each.name for each in manifest.files} == {
        str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()
    } - {MANIFEST}
    assert {stat.S_IMODE(path.stat().st_mode) for path in to.rglob("*") if path.is_file()} == {0o600}
    assert stat.S_IMODE(to.stat().st_mode) == 0o700
    assert "遂溪县陈记香蕉专业合作社" in (to / "records" / "invoice_titles.jsonl").read_text()


def test_every_column_that_the_database_alone_owns_can_be_carried() -> None:
    assert {kind_of(column) for table in own_tables() for column in table.columns} <= {
        "integer",
        "text",
        "bytes",
        "json",
    }


def test_a_folder_in_use_is_refused(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "backup"
    to.mkdir()
    (to / "thesis.txt").write_text("irreplaceable")
    assert run_backup(settings, to) == 2
    assert "remove it, or name another" in capsys.readouterr().err
    assert [path.name for path in to.iterdir()] == ["thesis.txt"]
    (to / "thesis.txt").unlink()
    assert run_backup(settings, to) == 0
    before = (to / MANIFEST).read_bytes()
    capsys.readouterr()
    assert run_backup(settings, to) == 2
    assert "is not an empty folder; name another" in capsys.readouterr().err
    assert (to / MANIFEST).read_bytes() == before


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        (lambda data: (data / "journal.sqlite").unlink(), 2, "there is no journal"),
        (lambda data: (data / "exchange.sqlite").unlink(), 2, "start the venue once"),
        (lambda data: downgrade(sqlite_url(data / "exchange.sqlite"), "base"), 2, "holds no tables of the exchange"),
        (lambda data: downgrade(sqlite_url(data / "exchange.sqlite"), "0011"), 2, "the database is at revision 0011"),
        (lambda data: execute(data / "exchange.sqlite", "UPDATE projection SET venue_id = 'x'"), 2, "another venue's"),
        (lambda data: execute(data / "journal.sqlite", "UPDATE batches SET time_ns = time_ns + 1"), 1, "the chain"),
        (lambda data: execute(data / "journal.sqlite", "DELETE FROM batches WHERE last_sequence = 30"), 1, "follows"),
        (lambda data: overwrite(data / "journal.sqlite", 40_000), 1, "journal.sqlite"),
    ],
    ids=["no journal", "no database", "empty", "old schema", "foreign", "changed", "gap", "torn"],
)
def test_what_is_wrong_is_named_and_nothing_stays(
    change: Any, status: int, named: str, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(settings.folder)
    assert run_backup(settings, tmp_path / "backup") == status
    assert named in capsys.readouterr().err
    assert not (tmp_path / "backup").exists()


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def overwrite(path: Path, at: int) -> None:
    """A stretch of noise, as a dying disk leaves it."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(20_000))


def test_a_full_disk_is_said_before_anything_is_copied(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("exchange.backup.shutil.disk_usage", lambda path: usage._replace(free=1_000))
    assert run_backup(settings, tmp_path / "backup") == 2
    assert "MiB are free" in capsys.readouterr().err
    assert not (tmp_path / "backup").exists()


def test_a_venue_that_writes_meanwhile_is_copied_as_of_one_moment(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row follows after each step of the copy; it comes too late, whole and without a trace."""
    monkeypatch.setattr("exchange.backup.PAGES_AT_ONCE", 4)
    journal = SqliteJournal(settings.journal_path)
    before = journal.tip()
    steps = 0

    def tell(self: Progress, done: int) -> None:
        nonlocal steps
        steps += 1
        execute(settings.journal_path, "CREATE TABLE IF NOT EXISTS noise (page BLOB)")
        execute(settings.journal_path, "INSERT INTO noise VALUES (randomblob(200000))")

    monkeypatch.setattr(Progress, "tell", tell)
    assert run_backup(settings, tmp_path / "backup") == 0
    monkeypatch.undo()
    journal.close()
    assert steps > 3
    manifest = json.loads((tmp_path / "backup" / MANIFEST).read_text())
    assert (manifest["sequence"], manifest["chain"]) == (before.sequence, before.chain.hex())
    connection = sqlite3.connect(tmp_path / "backup" / "journal.sqlite")
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'noise'").fetchone() == (0,)
    connection.close()
