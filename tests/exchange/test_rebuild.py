"""`exchange rebuild`: the same rows again, whoever is in the way, wherever it was interrupted."""

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

import exchange.projector
import exchange.rebuild
import web.tables
from exchange.database import connect, sqlite_url
from exchange.engine import Engine
from exchange.progress import Meter
from exchange.projector import Projector, all_metadata
from exchange.protocol import Entry
from exchange.rebuild import CannotRebuild, RebuildFailed, rebuild, run_rebuild
from exchange.sqlite_journal import SqliteJournal
from exchange.verify import run_verify
from exchange.views import ViewsHeld, hold_views
from tests.exchange.days import a_day_of_trading, journal_of, project
from tests.exchange.seams import OLDER, append
from tests.exchange.whole_venue.story import Story
from tests.exchange.witnessing import entries_of
from tests.running import ROOT
from tests.running import exchange as command

SIGNED_IN = {"token_digest": b"t" * 32, "participant_id": 3, "csrf_token": "c", "created_ns": 1, "expires_ns": 2}
KNOWN = {"participant_id": 3, "name": "chen", "password_hash": "…", "created_ns": 1, "changed_ns": 1}


class Teller:
    """What a rebuild says, and how far it has come."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stream = io.StringIO()

    def rebuild(self, path: Path, url: str, **options: Any) -> int:
        return rebuild(path, url, self.said.append, Meter(self.stream), **options)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("story") / "journal.sqlite"
    journal_of(a_day_of_trading(seed=11), path).close()
    return path


@pytest.fixture
def path(story: Path, tmp_path: Path) -> Path:
    """The journal of a day, in a data folder where nobody works."""
    return Path(shutil.copy(story, tmp_path / "journal.sqlite"))


@pytest.fixture
def url(path: Path, database_url: str) -> str:
    """A database that has followed the journal, and in which somebody is signed in."""
    journal = SqliteJournal(path)
    project(journal, database_url)
    journal.close()
    database = connect(database_url)
    with database.begin() as connection:
        connection.execute(insert(web.tables.credentials), KNOWN)
        connection.execute(insert(web.tables.sessions), SIGNED_IN)
    database.dispose()
    return database_url


def rows(url: str) -> dict[str, list[Any]]:
    """Everything that the database holds."""
    database = connect(url)
    with database.connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for metadata in all_metadata()
            for table in metadata.sorted_tables
        }
    database.dispose()
    return found


def do(url: str, statement: str) -> None:
    database = connect(url)
    with database.begin() as connection:
        connection.execute(text(statement))
    database.dispose()


def test_the_rows_are_the_same_again(path: Path, url: str) -> None:
    before = rows(url)
    assert sum(map(len, before.values())) > 1_000
    do(url, "DELETE FROM transfers")
    do(url, "UPDATE orders SET fee_fen = fee_fen + 1")
    assert rows(url) != before
    teller = Teller()
    reached = teller.rebuild(path, url)
    assert rows(url) == before
    assert teller.said == [f"rebuilt to sequence {reached}"]
    said: list[str] = []
    assert run_verify(path, url, said.append) == 0, said


def test_who_was_signed_in_still_is(path: Path, url: str) -> None:
    Teller().rebuild(path, url)
    found = rows(url)
    assert len(found["credentials"]) == len(found["sessions"]) == 1


def test_a_database_that_holds_nothing_is_built(path: Path, database_url: str, url: str, tmp_path: Path) -> None:
    before = rows(url)
    other = sqlite_url(tmp_path / "other.sqlite")
    Teller().rebuild(path, other)
    assert {name: len(found) for name, found in rows(other).items() if name not in ("credentials", "sessions")} == {
        name: len(found) for name, found in before.items() if name not in ("credentials", "sessions")
    }


def test_an_interrupted_rebuild_goes_on_where_it_stopped(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(url)
    monkeypatch.setattr(exchange.rebuild, "COMMANDS_AT_ONCE", 50)
    project_batches = exchange.projector.project
    taken: list[int] = []

    def failing(connection: Connection, entries: Sequence[Entry]) -> None:
        taken.append(entries[0].first_sequence)
        if len(taken) == 4:
            raise ZeroDivisionError
        project_batches(connection, entries)

    with monkeypatch.context() as patch:
        patch.setattr(exchange.projector, "project", failing)
        with pytest.raises(ZeroDivisionError):
            Teller().rebuild(path, url)
        stopped_before = taken[-1]
        assert rows(url) != before
        teller = Teller()
        reached = teller.rebuild(path, url)
    assert taken[4] == stopped_before > 100, "nothing was done twice"
    assert teller.said == [
        f"goes on at sequence {stopped_before - 1}, where the last rebuild stopped",
        f"rebuilt to sequence {reached}",
    ]
    assert rows(url) == before


def test_it_begins_anew_where_that_is_asked_for_or_a_follower_came_between(
    path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(url)
    monkeypatch.setattr(exchange.rebuild, "COMMANDS_AT_ONCE", 50)

    def interrupt() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(exchange.rebuild, "_mark", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                Teller().rebuild(path, url, anew=True)

    interrupt()
    do(url, "DELETE FROM transfers")
    teller = Teller()
    teller.rebuild(path, url, anew=True)
    assert len(teller.said) == 1, "no word of going on"
    assert rows(url) == before

    interrupt()
    do(url, "UPDATE projection SET rebuilding_to = NULL")  # as a follower does with its first transaction
    do(url, "DELETE FROM transfers")
    Teller().rebuild(path, url)
    assert rows(url) == before


def test_a_follower_that_goes_on_ends_the_rebuild(path: Path, url: str) -> None:
    database = connect(url)
    with database.begin() as connection:
        connection.execute(text("UPDATE projection SET rebuilding_to = 99, sequence = 0"))
    journal = SqliteJournal.open_reader(path)
    birth = exchange.projector.birth_of(journal)
    with database.begin() as connection:
        exchange.rebuild._empty(connection)
        connection.execute(exchange.projector.projection.update().values(chain=birth.chain))
    follower = Projector(database, journal)
    follower.start()
    list(follower.advance())
    with database.begin() as connection:
        assert connection.execute(select(exchange.projector.projection.c.rebuilding_to)).scalar_one() is None
    journal.close()
    database.dispose()


def test_it_refuses_beside_a_venue_and_beside_a_follower(path: Path, url: str) -> None:
    before = rows(url)
    venue = SqliteJournal(path)
    with pytest.raises(CannotRebuild, match="another venue has this data folder open"):
        Teller().rebuild(path, url)
    venue.close()
    follower = hold_views(path, alone=False)
    with pytest.raises(CannotRebuild, match="a follower brings the views up to date"):
        Teller().rebuild(path, url)
    os.close(follower)
    assert rows(url) == before
    Teller().rebuild(path, url)


def test_followers_share_the_views_and_wait_for_a_rebuild(path: Path) -> None:
    one, other = hold_views(path, alone=False), hold_views(path, alone=False)
    os.close(one)
    os.close(other)
    alone = hold_views(path, alone=True)
    with pytest.raises(ViewsHeld, match="the views are being rebuilt"):
        hold_views(path, alone=False)
    os.close(alone)


def test_a_damaged_journal_costs_no_view(path: Path, url: str) -> None:
    before = rows(url)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE batches SET time_ns = time_ns + 1 WHERE last_sequence = 30")
    connection.close()
    with pytest.raises(RebuildFailed, match=r"does not fit the chain.*the views were left as they are"):
        Teller().rebuild(path, url)
    assert rows(url) == before


def test_a_database_of_another_venue_is_left_alone(path: Path, url: str) -> None:
    do(url, "UPDATE projection SET venue_id = 'another'")
    before = rows(url)
    with pytest.raises(CannotRebuild, match="the journal of another venue"):
        Teller().rebuild(path, url)
    assert rows(url) == before


def test_a_release_that_cannot_go_on_leaves_the_database_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, engine = tmp_path / "journal.sqlite", Engine()
    with closing(SqliteJournal(path, engine_version=OLDER)) as journal:
        append(journal, entries_of(Story(3, audited=1_000).run(20).told, engine), engine)
    assert run_rebuild(path, sqlite_url(tmp_path / "exchange.sqlite")) == 2
    said = capsys.readouterr().err
    assert f"the journal was written by engine version {OLDER}, this release has " in said
    assert not (tmp_path / "exchange.sqlite").exists(), "no schema that the release that wrote it would not open"


def test_events_that_make_no_rows_are_told(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(connection: Connection, entries: Sequence[Entry]) -> None:
        for _ in range(2):
            exchange.projector.settlement.projection.project(connection, entries)

    monkeypatch.setattr(exchange.projector, "project", doubled)
    with pytest.raises(RebuildFailed, match="make rows that the database refuses"):
        Teller().rebuild(path, url)


def test_exit_statuses(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = sqlite_url(tmp_path / "exchange.sqlite")
    assert run_rebuild(path, url) == 0
    said = capsys.readouterr()
    assert said.out.startswith("rebuilt to sequence ")
    assert "rebuilding 100 %" in said.err
    assert run_rebuild(tmp_path / "none.sqlite", url) == 2
    assert "there is no journal" in capsys.readouterr().err
    assert not (tmp_path / "none.sqlite.lock").exists(), "looking makes none"
    assert run_rebuild(path, "postgresql://nobody@127.0.0.1:1/none") == 2
    path.write_bytes(path.read_bytes()[:-8192])
    assert run_rebuild(path, url) == 1
    assert "the views were left as they are" in capsys.readouterr().err


def test_a_rebuild_that_is_killed_goes_on(path: Path, tmp_path: Path) -> None:
    """The command as an operator runs it, at a moment that nobody has chosen."""
    folder, url = path.parent, sqlite_url(path.parent / "exchange.sqlite")
    assert command("rebuild", "--data", folder).returncode == 0
    before = rows(url)
    program = (
        "import exchange.rebuild, exchange.__main__, sys;"
        "exchange.rebuild.COMMANDS_AT_ONCE = 10;"
        "sys.exit(exchange.__main__.main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "rebuild", "--data", folder], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("rebuilding ") and not line.startswith("rebuilding 0 "):
            process.send_signal(signal.SIGKILL)
            break
    process.wait(30)
    process.stderr.close()
    assert process.returncode == -signal.SIGKILL
    assert rows(url) != before
    again = command("rebuild", "--data", folder)
    assert again.returncode == 0, again
    assert "goes on at sequence" in again.stdout
    assert rows(url) == before
