"""Connections: what cannot be used is told in one line, readers see one snapshot and hold nobody up."""

import socket
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from exchange.database import DatabaseUnreachable, connect, reach, sqlite_url, upgrade
from settlement.tables import venue_configurations as anything

ROW = {"sequence": 1, "time_ns": 0, "configuration": {}}


def problem(url: str) -> str:
    with pytest.raises(DatabaseUnreachable) as caught:
        reach(connect(url))
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = taken.getsockname()[1]
        line = problem(f"postgresql://banana:plantain@127.0.0.1:{port}/exchange")
    assert f"127.0.0.1:{port}" in line
    assert "plantain" not in line
    assert "EXCHANGE_DATABASE_URL" in line


def test_a_wrong_password_and_a_missing_database_are_told(postgres_url: str) -> None:
    from sqlalchemy import make_url

    url = make_url(postgres_url)
    assert "password authentication failed" in problem(url.set(password="wrong").render_as_string(hide_password=False))
    assert '"nowhere" does not exist' in problem(url.set(database="nowhere").render_as_string(hide_password=False))


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    line = problem(sqlite_url(tmp_path / "missing" / "exchange.sqlite"))
    assert "missing" in line
    assert "check the folder" in line


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "exchange.sqlite").write_text("bananas\n" * 200)
    assert "file is not a database" in problem(sqlite_url(tmp_path / "exchange.sqlite"))


@pytest.mark.parametrize(
    "url",
    [
        "bananas",
        "mysql://localhost/exchange",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://localhost:port/exchange",
    ],
)
def test_a_url_of_no_use_is_told(url: str) -> None:
    with pytest.raises(DatabaseUnreachable) as caught:
        connect(url)
    assert "\n" not in str(caught.value)


def test_upgrading_what_cannot_be_reached_is_told_the_same_way(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable):
        upgrade(sqlite_url(tmp_path / "missing" / "exchange.sqlite"))


def test_both_ways_to_name_postgresql_find_the_driver(postgres_url: str) -> None:
    for name in ("postgresql", "postgres", "postgresql+psycopg"):
        engine = connect(postgres_url.replace("postgresql+psycopg", name))
        reach(engine)
        engine.dispose()


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "香蕉 100% ?a=b#c"
    folder.mkdir()
    url = sqlite_url(folder / "exchange.sqlite")
    upgrade(url)
    assert (folder / "exchange.sqlite").is_file()


def test_a_reader_sees_one_snapshot_while_a_writer_commits(database_url: str) -> None:
    upgrade(database_url)
    writer, reader = connect(database_url), connect(database_url, read_only=True)
    with writer.begin() as connection:
        connection.execute(insert(anything), ROW)
    with reader.connect() as reading:
        assert len(reading.execute(select(anything)).all()) == 1
        # The writer gets through although the reader's transaction is open …
        with writer.begin() as connection:
            connection.execute(insert(anything), ROW | {"sequence": 2})
        # … and the reader still sees what it began with.
        assert len(reading.execute(select(anything)).all()) == 1
    with reader.connect() as reading:
        assert len(reading.execute(select(anything)).all()) == 2
    writer.dispose()
    reader.dispose()


def test_a_reader_is_not_held_up_by_an_open_write(database_url: str) -> None:
    upgrade(database_url)
    writer, reader = connect(database_url), connect(database_url, read_only=True)
    with writer.begin() as connection:
        connection.execute(insert(anything), ROW)
        with reader.connect() as reading:
            assert reading.execute(select(anything)).all() == []
    writer.dispose()
    reader.dispose()


def test_a_reader_cannot_write(database_url: str) -> None:
    upgrade(database_url)
    reader = connect(database_url, read_only=True)
    with pytest.raises(DBAPIError), reader.begin() as connection:
        connection.execute(insert(anything), ROW)
    reader.dispose()


def test_a_second_writer_waits_for_the_first(database_url: str) -> None:
    """Each adds to what the other left, and neither fails."""
    upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(insert(anything), ROW)

    def count() -> None:
        for _ in range(20):
            with engine.begin() as connection:
                connection.execute(text("UPDATE venue_configurations SET time_ns = time_ns + 1"))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with engine.connect() as connection:
        assert connection.execute(select(anything.c.time_ns)).scalar_one() == 60
    engine.dispose()


def test_a_schema_change_that_fails_leaves_nothing_behind(database_url: str) -> None:
    engine = connect(database_url)
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("CREATE TABLE crate (kilograms BIGINT)"))
        transaction.rollback()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE crate (kilograms BIGINT)"))
    engine.dispose()
