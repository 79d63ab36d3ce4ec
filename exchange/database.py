"""The database that views are kept in: SQLite in the data folder, or PostgreSQL by its URL; connections and schema.

What can go wrong is a `DatabaseProblem` whose text is one line that says what to do:

    DatabaseProblem
      DatabaseUnreachable   no such server, folder, driver or right; or not a database
      ForeignDatabase       it holds tables of the same names that this program did not make
      UnknownRevision       its schema is of a newer release

On SQLite a writer begins with `BEGIN IMMEDIATE`, so that it waits for another writer at the start and not in the
middle where it could only fail, and so that schema changes are rolled back whole. A reader begins deferred: in WAL
mode it sees one snapshot and neither waits for a writer nor holds one up. On PostgreSQL a reader's transaction is
`REPEATABLE READ`, for the same one snapshot: what it reads is true of the cursor that it reads beside it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError

import migrations

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_SECONDS = 10
"""How long a SQLite writer waits for another; a projection's transaction is some tens of milliseconds."""

PROJECTION_CACHE_KIB = 32 * 1024
"""Each row of a projection goes into several trees: with SQLite's usual two megabytes it is a sixth slower."""

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
"""PostgreSQL ends a reader's statement after this long."""

JSON_CODEC: dict[str, Any] = {
    "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    "json_deserializer": msgspec.json.decode,
}
"""A name in Chinese stays readable in a JSON column, and the codec is several times as fast as the standard one."""

UPGRADE_LOCK = 0x62616E616E61
"""PostgreSQL's advisory lock under which one process at a time changes the schema."""

alembic_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, as it makes it: a test holds the two to each other."""


class DatabaseProblem(Exception):
    """What the operator must know and can do, in one line."""


class DatabaseUnreachable(DatabaseProblem):
    """There is no usable database at the URL."""


class ForeignDatabase(DatabaseProblem):
    """The database is used for something else."""


class UnknownRevision(DatabaseProblem):
    """The database was changed by a newer release."""


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever its name holds."""
    return URL.create("sqlite+pysqlite", database=str(path)).render_as_string()


def connect(url: str, *, read_only: bool = False, rebuildable: bool = False, foreign_keys: bool = True) -> Engine:
    """An engine for the URL. It opens no connection yet: `reach` or the first use does.

    `rebuildable` is for what can be written again after a loss of power, a projection whose cursor goes back with its
    rows: commits then do not wait for the disk. Without `foreign_keys` SQLite does not look at them: for changes of the
    schema, which end with `check_foreign_keys`. Raises `DatabaseUnreachable` where the URL or its driver is no use.
    """
    parsed = _parse(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed, read_only=read_only, rebuildable=rebuildable, foreign_keys=foreign_keys)
        return _postgresql(parsed, read_only=read_only, rebuildable=rebuildable)
    except ModuleNotFoundError as error:
        raise DatabaseUnreachable(
            f"the driver {error.name} is not installed: install banana-exchange[postgres], or leave out "
            "EXCHANGE_DATABASE_URL to use SQLite"
        ) from error


def reach(engine: Engine) -> None:
    """Open a connection and close it. Raises `DatabaseUnreachable`."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        raise unreachable(engine.url, error) from error


def unreachable(url: URL, error: DBAPIError) -> DatabaseUnreachable:
    """The problem told in one line, without the password."""
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    shown = url.render_as_string(hide_password=True)
    if isinstance(error, IntegrityError | DataError):
        advice = "its rows are not those of this journal: name another database, or move this one away"
    elif url.get_backend_name() == "sqlite":
        advice = "check the folder, its rights and free space"
    else:
        advice = "start the server or correct EXCHANGE_DATABASE_URL"
    return DatabaseUnreachable(f"cannot use the database {shown}: {lines[0]}: {advice}")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to this release's, in one transaction: an empty database is filled, a current one left alone.
    An earlier `revision` is for what was copied from a database of that one.

    Raises `DatabaseUnreachable`, `ForeignDatabase`, `UnknownRevision`.
    """

    def forward(connection: Connection) -> None:
        check_schema(connection)
        if revision == "head" and not _present(connection):
            # What all steps together lead to, in a tenth of their time; a test holds the two to each other.
            create_all(connection)
            alembic_version.create(connection, checkfirst=True)
            connection.execute(insert(alembic_version).values(version_num=head_revision()))
        elif revision != "head" or _present(connection) != [head_revision()]:
            from alembic import command

            command.upgrade(_config(connection), revision)

    _with_schema(url, forward)


def create_all(connection: Connection) -> None:
    """Every table as the code states it, in an empty database.

    Made of copies: a key that PostgreSQL must be given afterwards is marked as made by SQLAlchemy, for good, and left
    out where the same process creates the tables in SQLite next.
    """
    for metadata in _metadata():
        copies = sqlalchemy.MetaData(naming_convention=metadata.naming_convention)
        for table in metadata.sorted_tables:
            table.to_metadata(copies)
        copies.create_all(connection)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to `revision` (`base`: to nothing), in one transaction. Raises as `upgrade`."""

    def back(connection: Connection) -> None:
        from alembic import command

        check_schema(connection)
        command.downgrade(_config(connection), revision)

    _with_schema(url, back)


def _with_schema(url: str, work: Callable[[Connection], None]) -> None:
    """Run `work` in one transaction that no other process changes the schema in."""
    engine = connect(url, foreign_keys=False)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
            work(connection)
            check_foreign_keys(connection)
    except DBAPIError as error:
        raise unreachable(engine.url, error) from error
    finally:
        engine.dispose()


def check_foreign_keys(connection: Connection) -> None:
    """On SQLite, hold all rows against the foreign keys, which are off while the schema is changed: it writes tables
    anew, and would take that for the deletion of their rows. Raises `ForeignDatabase`."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise ForeignDatabase(
            f"the database has a row of {broken[0]} that names no row of {broken[2]}: its rows are not those of a "
            "journal; move it away: it is built again"
        )


def check_schema(connection: Connection) -> None:
    """Raises `UnknownRevision` where the schema is of a newer release, `ForeignDatabase` where it is none of ours."""
    known, present = migrations.revisions(), _present(connection)
    for revision in present:
        if revision not in known:
            raise UnknownRevision(
                f"the database is at revision {revision}, which this release does not know: run the newer release "
                "that made it, or choose another database by EXCHANGE_DATABASE_URL"
            )
    if not present:
        ours = {table.name for metadata in _metadata() for table in metadata.sorted_tables}
        strangers = sorted(ours & set(sqlalchemy.inspect(connection).get_table_names()))
        if strangers:
            raise ForeignDatabase(
                f"the database has a table {strangers[0]} that the exchange did not make: choose an empty database "
                "by EXCHANGE_DATABASE_URL"
            )


def revision_of(connection: Connection) -> str | None:
    """What the schema is at; none where there is none of ours."""
    return next(iter(_present(connection)), None)


def head_revision() -> str:
    """What this release's schema is."""
    return migrations.revisions()[-1]


def knows_revision(revision: str) -> bool:
    """Whether this release's schema came by there."""
    return revision in migrations.revisions()


def _present(connection: Connection) -> list[str]:
    """What alembic has written down: one revision, or none in an empty database."""
    if not sqlalchemy.inspect(connection).has_table(alembic_version.name):
        return []
    return list(connection.execute(select(alembic_version.c.version_num)).scalars())


def _config(connection: Connection | None = None) -> "Config":
    # Imported here, as its commands are: alembic takes a tenth of a second, and is needed only to change a schema.
    from alembic.config import Config

    config = Config()
    # By the package's place, not by pyproject: an installed wheel has none. ConfigParser would read `%` as its own.
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _metadata() -> list[sqlalchemy.MetaData]:
    from exchange.projector import all_metadata

    return all_metadata()


def _parse(url: str) -> URL:
    """Raises `DatabaseUnreachable` for what is no URL of a database that we know."""
    try:
        parsed = sqlalchemy.make_url(url)
        name = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise DatabaseUnreachable(
            "the database's URL cannot be read: write sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from error
    if name == "postgres":
        parsed, name = parsed.set(drivername="postgresql"), "postgresql"
    if name == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if name != "sqlite":
        raise DatabaseUnreachable(f"{name} is no database of the exchange: use sqlite:///FILE or postgresql://…")
    if parsed.database in (None, "", ":memory:"):
        raise DatabaseUnreachable("a database in memory cannot be shared with the follower: use sqlite:///FILE")
    return parsed.set(drivername="sqlite+pysqlite")


def _sqlite(url: URL, *, read_only: bool, rebuildable: bool, foreign_keys: bool) -> Engine:
    engine = sqlalchemy.create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True, **JSON_CODEC
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late for schema changes and for reads.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute(f"PRAGMA synchronous = {'NORMAL' if rebuildable else 'FULL'}")
        if rebuildable:
            cursor.execute(f"PRAGMA cache_size = -{PROJECTION_CACHE_KIB}")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, *, read_only: bool, rebuildable: bool) -> Engine:
    options = ["-c timezone=UTC"]
    if read_only:
        options.append(f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS}s")
    if rebuildable:
        options.append("-c synchronous_commit=off")
    return sqlalchemy.create_engine(
        url,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
        **JSON_CODEC,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": " ".join(options),
            "application_name": "banana-exchange",
            # A server that has vanished without a word is noticed in ten seconds, not in two hours.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )
