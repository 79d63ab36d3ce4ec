"""Databases with this release's tables in them, made once by a test process.

To make the tables takes SQLite a sixth of a second of CPU and PostgreSQL half a second, and to copy PostgreSQL's is no
cheaper: each table and each index is a file. So SQLite's one file is copied, and PostgreSQL's rows are deleted after
each test.
"""

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from exchange.database import connect, sqlite_url, upgrade
from tests.postgres import PostgresServer


def with_tables(url: str) -> None:
    """What `upgrade` makes of the database, sooner where it is an empty one in SQLite."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        Path(parsed.database).write_bytes(_empty_file())
    else:
        upgrade(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """All tables and no rows, for this test alone, once of each kind."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "exchange.sqlite3")
        with_tables(url)
    else:
        url = request.getfixturevalue("standing_postgres")
    engine = connect(url)
    yield engine
    if request.param == "postgresql":
        _delete_rows(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def standing_postgres(postgres_server: PostgresServer) -> str:
    """The URL of a database that outlives its tests; who writes there deletes."""
    url = postgres_server.url(postgres_server.create())
    upgrade(url)
    return url


@functools.cache
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exchange.sqlite"
        upgrade(sqlite_url(path))
        assert [each.name for each in path.parent.iterdir()] == [path.name], "the write-ahead log is in the file"
        return path.read_bytes()


def _delete_rows(engine: Engine) -> None:
    """Also from under a connection that a failed test left open."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    tables = "schemaname = 'public' AND tablename <> 'alembic_version'"
    with engine.begin() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        names = connection.execute(text(f"SELECT quote_ident(tablename) FROM pg_tables WHERE {tables}")).scalars()
        deletions = "; ".join(f"DELETE FROM {name}" for name in names)
        # No foreign key is looked at meanwhile: in the end nothing is left that could name anything.
        connection.exec_driver_sql(f"SET LOCAL session_replication_role = replica; {deletions}")
