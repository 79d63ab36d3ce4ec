"""The schema: migrations lead from an empty database to the tables that the code states, and back."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Connection, Integer, insert, select, text

import migrations
from exchange.database import (
    ForeignDatabase,
    UnknownRevision,
    _config,
    alembic_version,
    connect,
    downgrade,
    head_revision,
    upgrade,
)
from exchange.projector import all_metadata, projection
from settlement.tables import balances, participants
from web.tables import credentials

OURS = {table.name for metadata in all_metadata() for table in metadata.sorted_tables}


def names(url: str) -> set[str]:
    engine = connect(url)
    found = set(sqlalchemy.inspect(engine).get_table_names())
    engine.dispose()
    return found


def difference(connection: Connection) -> list[Any]:
    """What `alembic revision --autogenerate` would write; it takes several collections, though its type says one."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    stated: Any = all_metadata()
    return list(compare_metadata(context, stated))


def test_an_empty_database_gets_every_table(database_url: str) -> None:
    upgrade(database_url)
    assert names(database_url) == OURS | {"alembic_version"}


@pytest.mark.parametrize("step_by_step", [False, True])
def test_the_migrations_lead_to_what_the_code_states(database_url: str, step_by_step: bool) -> None:
    if step_by_step:
        upgrade(database_url, "0001")
    upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        assert difference(connection) == []
        assert _constraints(connection) == _stated_constraints()
    engine.dispose()


def _constraints(connection: Connection) -> dict[str, set[str]]:
    """Names of keys and unique constraints, which comparing metadata leaves out in part."""
    inspector = sqlalchemy.inspect(connection)
    return {
        name: {str(inspector.get_pk_constraint(name)["name"])}
        | {str(each["name"]) for each in inspector.get_unique_constraints(name)}
        for name in OURS
    }


def _stated_constraints() -> dict[str, set[str]]:
    kinds = (sqlalchemy.PrimaryKeyConstraint, sqlalchemy.UniqueConstraint)
    return {
        table.name: {str(each.name) for each in table.constraints if isinstance(each, kinds)}
        for metadata in all_metadata()
        for table in metadata.sorted_tables
    }


def test_alembic_tells_the_same_history() -> None:
    script = ScriptDirectory.from_config(_config())
    assert migrations.revisions() == tuple(each.revision for each in script.walk_revisions())[::-1]
    assert head_revision() == script.get_current_head()


def test_the_revision_is_written_down_as_alembic_does(database_url: str) -> None:
    """An empty database is filled and marked without alembic, to which its mark must mean the same."""
    engine = connect(database_url)
    upgrade(database_url)
    with engine.begin() as connection:
        made = _version_table(connection)
        assert MigrationContext.configure(connection).get_current_heads() == (head_revision(),)
        alembic_version.drop(connection)
        MigrationContext.configure(connection)._ensure_version_table()
        assert made == _version_table(connection)
    engine.dispose()


def _version_table(connection: Connection) -> tuple[Any, ...]:
    inspector = sqlalchemy.inspect(connection)
    columns = [
        {name: str(value) for name, value in column.items()} for column in inspector.get_columns(alembic_version.name)
    ]
    return columns, inspector.get_pk_constraint(alembic_version.name)


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            insert(credentials),
            {"participant_id": 1, "name": "grower", "password_hash": "…", "created_ns": 1, "changed_ns": 1},
        )
    upgrade(database_url)
    with engine.begin() as connection:
        assert connection.execute(select(credentials.c.name)).scalar_one() == "grower"
    engine.dispose()


def test_where_new_tables_hold_what_the_journal_alone_can_tell_the_views_begin_again(database_url: str) -> None:
    upgrade(database_url, "0013")
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            insert(credentials),
            {"participant_id": 1, "name": "grower", "password_hash": "…", "created_ns": 1, "changed_ns": 1},
        )
        at = {"one": 1, "venue_id": "v", "sequence": 7, "time_ns": 1, "chain": bytes(32)}
        connection.execute(insert(projection), at)
        balance = {"participant_id": 1, "asset": "CNY", "total": 1, "reserved": 0}
        person = {"participant_id": 1, "name": "grower", "display_name": "G", "roles": ["grower"], "obliged": False}
        connection.execute(insert(participants), person)
        connection.execute(insert(balances), balance)
    upgrade(database_url)
    with engine.begin() as connection:
        assert connection.execute(select(credentials.c.name)).scalar_one() == "grower"
        for table in (projection, participants, balances):
            assert connection.execute(select(table)).all() == []
    engine.dispose()


def test_going_down_leaves_nothing_and_up_again_everything(database_url: str) -> None:
    upgrade(database_url)
    downgrade(database_url, "base")
    assert names(database_url) == {"alembic_version"}
    upgrade(database_url)
    assert names(database_url) == OURS | {"alembic_version"}


def test_two_processes_may_upgrade_at_once(database_url: str) -> None:
    failures: list[BaseException] = []
    # SQLite's file is made first: two connections that both make it wait for nobody.
    reach = connect(database_url)
    reach.connect().close()
    reach.dispose()
    barrier = threading.Barrier(2)

    def one() -> None:
        barrier.wait()
        try:
            upgrade(database_url)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(database_url) == OURS | {"alembic_version"}


def test_a_database_of_a_newer_release_is_left_alone(database_url: str) -> None:
    upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnknownRevision) as caught:
        upgrade(database_url)
    line = str(caught.value)
    assert "9999" in line
    assert "newer release" in line
    assert "\n" not in line
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    engine.dispose()


def test_somebody_elses_tables_are_left_alone(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (pizza BIGINT)"))
    with pytest.raises(ForeignDatabase) as caught:
        upgrade(database_url)
    assert "orders" in str(caught.value)
    assert names(database_url) == {"orders"}
    engine.dispose()


def test_all_integers_are_as_wide_as_the_journals() -> None:
    narrow = [
        f"{table.name}.{column.name}"
        for metadata in all_metadata()
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Integer) and not isinstance(column.type, BigInteger)
    ]
    assert narrow == []


def test_all_layers_name_constraints_alike() -> None:
    conventions = [metadata.naming_convention for metadata in all_metadata()]
    assert all(each == conventions[0] for each in conventions)


def test_the_migrations_are_found_by_package_and_not_by_folder(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    upgrade(database_url)
    assert (Path(migrations.__file__).parent / "env.py").is_file()
