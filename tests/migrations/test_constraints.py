"""Constraints: in every database the ones that the code states, whatever way led there, and rows that break them are
refused."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from exchange.database import _config, _with_schema, connect, create_all, downgrade, sqlite_url, upgrade
from exchange.own_records import own_tables
from exchange.projector import all_metadata, view_tables
from exchange.sqlite_journal import SqliteJournal
from marketdata.messages import Interval
from matching.messages import Kind, Phase, Side
from settlement.messages import LotStatus, OrderStatus, ReceiptState, Via
from settlement.messages.ledger import PendingState
from tests.exchange.days import a_day_of_trading, journal_of, project
from tests.postgres import PostgresServer

REVISIONS = [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]

LOST_ON_THE_WAY_DOWN = {"venue_configurations", "projection", "receipts"}
"""What was added to these since the first revisions cannot be kept there."""

BEGINS_AGAIN = "0014"
"""From here on views are emptied on the way up, for new tables hold what only the journal can tell."""


def go_to(url: str, revision: str) -> None:
    """Step by step, also from nothing."""
    _with_schema(url, lambda connection: command.upgrade(_config(connection), revision))


def schema(url: str) -> dict[str, Any]:
    """Everything that a database knows about its tables; the order of columns is no part of it."""
    engine = connect(url)
    with engine.connect() as connection:
        inspector = sqlalchemy.inspect(connection)
        found = {
            name: {
                "columns": {
                    each["name"]: (repr(each["type"]), each["nullable"], each["default"])
                    for each in inspector.get_columns(name)
                },
                "key": inspector.get_pk_constraint(name),
                "foreign keys": {str(each["name"]): each for each in inspector.get_foreign_keys(name)},
                "unique": {str(each["name"]): each["column_names"] for each in inspector.get_unique_constraints(name)},
                "checks": {
                    str(each["name"]): re.sub(r"\s+", " ", str(each["sqltext"]))
                    for each in inspector.get_check_constraints(name)
                },
                "indexes": {
                    str(each["name"]): (
                        each["column_names"],
                        each["unique"],
                        {option: str(value) for option, value in (each.get("dialect_options") or {}).items()},
                    )
                    for each in inspector.get_indexes(name)
                },
            }
            for name in inspector.get_table_names()
            if name != "alembic_version"
        }
    engine.dispose()
    return found


def rows(url: str) -> dict[str, list[str]]:
    engine = connect(url)
    with engine.connect() as connection:
        tables = sqlalchemy.MetaData()
        tables.reflect(connection)
        found = {
            name: sorted(repr(dict(row)) for row in connection.execute(select(table)).mappings())
            for name, table in tables.tables.items()
        }
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("story") / "journal.sqlite"
    journal_of(a_day_of_trading(seed=3), path).close()
    return path


def live_in(url: str, story: Path) -> str:
    journal = SqliteJournal(story)
    project(journal, url)
    journal.close()
    return url


@pytest.fixture
def lived_in(database_url: str, story: Path) -> str:
    """A database in which a day has passed."""
    return live_in(database_url, story)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting(request: pytest.FixtureRequest, story: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all who change nothing there."""
    if request.param == "sqlite":
        return live_in(sqlite_url(tmp_path_factory.mktemp("lasting") / "exchange.sqlite"), story)
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return live_in(server.url(server.create()), story)


def test_the_migrations_lead_to_what_the_code_would_make_at_once(database_url: str) -> None:
    go_to(database_url, "head")
    migrated = schema(database_url)
    downgrade(database_url, "base")
    engine = connect(database_url)
    with engine.begin() as connection:
        create_all(connection)
    engine.dispose()
    stated = schema(database_url)
    for name, table in stated.items():
        assert migrated[name] == table, name
    assert migrated.keys() == stated.keys()


def test_tables_made_in_postgresql_first_lack_nothing_in_sqlite(postgres_url: str, tmp_path: Path) -> None:
    upgrade(postgres_url)
    one = sqlite_url(tmp_path / "exchange.sqlite")
    upgrade(one)
    assert "fk_lots_receipt_id_receipts" in schema(postgres_url)["lots"]["foreign keys"]
    assert "fk_lots_receipt_id_receipts" in schema(one)["lots"]["foreign keys"]


def test_a_database_with_rows_goes_down_and_up_step_by_step(
    lived_in: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """At each step it is what an empty database would be there, and what is kept is kept."""
    before, head = rows(lived_in), schema(lived_in)
    kept = before.keys() - LOST_ON_THE_WAY_DOWN - {"alembic_version"}
    if lived_in.startswith("sqlite"):
        empty = sqlite_url(tmp_path / "empty.sqlite")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        empty = server.url(server.create())
    steps = {}
    for revision in REVISIONS:
        go_to(empty, revision)
        steps[revision] = schema(empty)
    for revision in REVISIONS[-2::-1]:
        downgrade(lived_in, revision)
        assert schema(lived_in) == steps[revision], revision
    there = rows(lived_in)
    assert sum(map(len, there.values())) > 1_000
    for revision in REVISIONS[1 : REVISIONS.index(BEGINS_AGAIN)]:
        go_to(lived_in, revision)
    after = rows(lived_in)
    for revision in REVISIONS[REVISIONS.index(BEGINS_AGAIN) :]:
        go_to(lived_in, revision)
    assert schema(lived_in) == head
    emptied = rows(lived_in)
    assert [table.name for table in view_tables() if emptied[table.name]] == []
    assert emptied["projection"] == [], "the follower begins at the beginning"
    for owned in own_tables():
        assert emptied[owned.name] == after.get(owned.name, []), owned.name
    for name in sorted(kept & there.keys()):
        if name in ("orders", "fills"):  # by what way they traded, and what was taken back, came later
            assert len(after[name]) == len(before[name]), name
        else:
            assert after[name] == before[name], name


def do(url: str, *statements: str) -> None:
    """Each changes one row; they are one transaction."""
    engine = connect(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                assert connection.execute(text(statement)).rowcount == 1, statement
    finally:
        engine.dispose()


def refused(url: str, statement: str) -> str:
    """What the database says against it."""
    with pytest.raises(IntegrityError) as caught:
        do(url, statement)
    return str(caught.value.orig)


ORDER = "(SELECT max(order_id) FROM orders WHERE status = 'resting')"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE transfers SET amount = 0 WHERE transfer_id = 1", "ck_transfers_amount"),
        ("UPDATE transfers SET debit = credit WHERE transfer_id = 1", "ck_transfers_accounts"),
        ("UPDATE transfers SET debit = 'nobody' WHERE transfer_id = 1", "fk_transfers_debit_accounts"),
        ("INSERT INTO accounts VALUES ('participant:3', 4)", "ck_accounts_owner"),
        ("UPDATE balances SET reserved = total + 1 WHERE participant_id = 4 AND asset = 'CNY'", "ck_balances_reserved"),
        ("UPDATE balances SET reserved = -1 WHERE participant_id = 4 AND asset = 'CNY'", "ck_balances_reserved"),
        ("UPDATE balances SET participant_id = 99 WHERE participant_id = 4 AND asset = 'CNY'", "fk_balances_"),
        ("INSERT INTO deposits VALUES (9999, 1, 4, 0, 'nothing')", "ck_deposits_amount_fen"),
        ("INSERT INTO deposits VALUES (9999, 1, 99, 1, 'nobody')", "fk_deposits_participant_id_participants"),
        ("UPDATE adjustments SET credit_id = debit_id", "ck_adjustments_accounts"),
        ("UPDATE lots SET status = 'lost' WHERE lot_id = 1", "ck_lots_status"),
        ("UPDATE lots SET receipt_id = NULL WHERE lot_id = 1", "ck_lots_receipted"),
        ("UPDATE lots SET net_g = net_g + 1 WHERE lot_id = 1", "ck_lots_net_g"),
        ("UPDATE lots SET receipt_id = 99999 WHERE lot_id = 1", "fk_lots_receipt_id_receipts"),
        ("UPDATE receipts SET weight_g = -1 WHERE receipt_id = 1", "ck_receipts_weight_g"),
        ("UPDATE receipts SET reserved_g = weight_g + 1 WHERE receipt_id = 1", "ck_receipts_weight_g"),
        ("UPDATE receipts SET state = 'eaten' WHERE receipt_id = 1", "ck_receipts_state"),
        ("UPDATE receipts SET parent_receipt_id = receipt_id WHERE receipt_id = 1", "ck_receipts_descent"),
        ("UPDATE receipts SET lot_id = 99 WHERE receipt_id = 1", "fk_receipts_lot_id_lots"),
        ("DELETE FROM receipts WHERE receipt_id = 1", "fk_"),
        (f"UPDATE orders SET filled = quantity + 1 WHERE order_id = {ORDER}", "ck_orders_filled"),
        (f"UPDATE orders SET displayed = remaining + 1 WHERE order_id = {ORDER}", "ck_orders_displayed"),
        (f"UPDATE orders SET status = 'filled' WHERE order_id = {ORDER}", "ck_orders_ended"),
        (f"UPDATE orders SET participant_id = 99 WHERE order_id = {ORDER}", "fk_orders_participant_id_participants"),
        ("UPDATE fills SET price = 0 WHERE trade_id = 1 AND side = 'buy'", "ck_fills_money"),
        ("UPDATE fills SET order_id = 99999 WHERE trade_id = 1 AND side = 'buy'", "fk_fills_order_id_orders"),
        ("UPDATE trades SET symbol = 'XX' WHERE trade_id = 1", "fk_trades_symbol_instruments"),
        ("UPDATE instruments SET phase = 'asleep' WHERE symbol = 'BXJ-1-SX1-26W47'", "ck_instruments_phase"),
        ("UPDATE projection SET one = 2", "ck_projection_one"),
        ("INSERT INTO sessions VALUES ('x', 3, 'c', 1, 2, NULL)", "ck_sessions_token_digest"),
        ("UPDATE participants SET name = 'chen' WHERE participant_id = 4", "participants"),
    ],
)
def test_what_breaks_a_rule_is_refused(lasting: str, statement: str, constraint: str) -> None:
    said = refused(lasting, statement)
    if lasting.startswith("postgresql") or constraint.startswith("ck_"):
        assert constraint in said
    else:
        assert "FOREIGN KEY constraint failed" in said or constraint in said


def test_a_lot_and_its_receipt_may_be_written_in_any_order(lived_in: str) -> None:
    """Each names the other: the lot's word is looked at when the transaction ends."""
    columns = "receipt_id, lot_id, participant_id, symbol, warehouse, weight_g, reserved_g, state, harvest_date"
    receipt = f"INSERT INTO receipts ({columns}, issued_ns, expires_ns, issued_by) VALUES (9999, 1, 3, 'x', 'SX1', 1, 0"
    do(
        lived_in,
        "UPDATE lots SET receipt_id = 9999 WHERE lot_id = 1",
        f"{receipt}, 'issued', '2026-11-20', 1, 2, 0)",
    )
    refused(lived_in, "UPDATE lots SET receipt_id = 99999 WHERE lot_id = 1")


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("receipts", "state", ReceiptState),
        ("lots", "status", LotStatus),
        ("orders", "status", OrderStatus),
        ("orders", "via", Via),
        ("orders", "kind", Kind),
        ("orders", "side", Side),
        ("fills", "side", Side),
        ("trades", "aggressor_side", Side),
        ("instruments", "phase", Phase),
        ("candles", "interval", Interval),
        ("pending_transfers", "state", PendingState),
    ],
)
def test_each_word_that_can_be_said_can_be_written(table: str, column: str, words: Any) -> None:
    """A state that a later release adds needs a migration; without one the follower would stop at its first row."""
    stated = {each.name: each for metadata in all_metadata() for each in metadata.sorted_tables}[table]
    (check,) = (
        str(each.sqltext)
        for each in stated.constraints
        if isinstance(each, sqlalchemy.CheckConstraint) and str(each.name) == f"ck_{table}_{column}"
    )
    assert set(re.findall(r"'(\w+)'", check)) == set(get_args(words))
