"""Lists are cut into pages by indexes: no question reads a whole table, or sorts more than it answers.

Each case is asked for its first page and for a later one. The plan of every statement must name the expected index; a
later page begins in it at the cursor. PostgreSQL is told not to scan or sort where there is any other way: whatever
scans or sorts then has no index to go by. Which of two indexes it takes depends on what the tables hold, and these are
empty: so what it takes instead of the expected one is withdrawn, until it takes that one or has to scan.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

import marketdata.queries
import marketdata.tables
import settlement.queries.bank
import settlement.tables
from exchange.database import connect, upgrade
from marketdata import queries as public
from settlement import queries
from settlement.queries import bank

SYMBOL = "BXJ-1-SX1-26W47"
LATER = "9"

Question = Callable[[Connection, str | None], Any]


def _two(cursor: str | None, mark: str) -> str | None:
    """The cursor of a list whose key has two parts."""
    return None if cursor is None else f"9{mark}"


LISTS: dict[str, tuple[Question, str]] = {
    "own orders": (lambda c, at: queries.orders(c, 1, cursor=at), "ix_orders_participant_id_order_id"),
    "own ended orders": (
        lambda c, at: queries.orders(c, 1, status="ended", symbol=SYMBOL, cursor=at),
        "ix_orders_participant_id_order_id",
    ),
    "all orders": (lambda c, at: queries.orders(c, None, cursor=at), "pk_orders"),
    "own fills": (lambda c, at: queries.fills(c, 1, cursor=_two(at, "-buy")), "ix_fills_participant_id_trade_id_side"),
    "fills of an order": (
        lambda c, at: queries.fills(c, None, order_id=1, cursor=_two(at, "-buy")),
        "ix_fills_order_id_trade_id_side",
    ),
    "all fills": (lambda c, at: queries.fills(c, None, cursor=_two(at, "-buy")), "pk_fills"),
    "busts": (lambda c, at: queries.busts(c, cursor=at), "ix_busts_sequence"),
    "adjustments": (lambda c, at: queries.adjustments(c, cursor=at), "pk_adjustments"),
    "own deposits": (lambda c, at: queries.deposits(c, 1, cursor=at), "ix_deposits_participant_id_sequence"),
    "all deposits": (lambda c, at: queries.deposits(c, None, cursor=at), "pk_deposits"),
    "own ledger, out": (lambda c, at: queries.ledger(c, 1, cursor=at), "ix_transfers_debit_transfer_id"),
    "own ledger, in": (lambda c, at: queries.ledger(c, 1, asset="CNY", cursor=at), "ix_transfers_credit_transfer_id"),
    "an account's ledger": (
        lambda c, at: queries.ledger_of_account(c, "fees", cursor=at),
        "ix_transfers_credit_transfer_id",
    ),
    "all postings": (lambda c, at: queries.ledger(c, None, cursor=at), "pk_transfers"),
    "own receipts": (lambda c, at: queries.receipts(c, 1, cursor=at), "ix_receipts_participant_id_receipt_id"),
    "a lot's receipts": (lambda c, at: queries.receipts(c, None, lot_id=1, cursor=at), "ix_receipts_lot_id_receipt_id"),
    "a warehouse's receipts": (
        lambda c, at: queries.receipts(c, None, warehouse="SX1", cursor=at),
        "ix_receipts_warehouse_receipt_id",
    ),
    "a symbol's receipts": (
        lambda c, at: queries.receipts(c, None, symbol=SYMBOL, cursor=at),
        "ix_receipts_symbol_receipt_id",
    ),
    "securities of a lender": (
        lambda c, at: queries.receipts(c, None, lender_id=1, cursor=at),
        "ix_receipts_lender_id_receipt_id",
    ),
    "all live receipts": (lambda c, at: queries.receipts(c, None, state="live", cursor=at), "ix_receipts_live"),
    "all receipts": (lambda c, at: queries.receipts(c, None, cursor=at), "pk_receipts"),
    "stock changes": (
        lambda c, at: queries.stock_changes(c, 1, cursor=_two(at, "-1")),
        "ix_stock_changes_lot_id_sequence_position",
    ),
    "own lots": (lambda c, at: queries.lots(c, 1, cursor=at), "ix_lots_participant_id_lot_id"),
    "lots in a state": (lambda c, at: queries.lots(c, None, status="weighed", cursor=at), "ix_lots_status_lot_id"),
    "a warehouse's lots": (lambda c, at: queries.lots(c, None, warehouse="SX1", cursor=at), "ix_lots_warehouse_lot_id"),
    "all lots": (lambda c, at: queries.lots(c, None, cursor=at), "pk_lots"),
    "participants": (lambda c, at: queries.participants(c, cursor=at), "pk_participants"),
    "contracts, bought": (lambda c, at: queries.contracts(c, 1, cursor=at), "ix_contracts_buyer_id_contract_id"),
    "contracts, sold": (
        lambda c, at: queries.contracts(c, 1, standing="ended", cursor=at),
        "ix_contracts_seller_id_contract_id",
    ),
    "live contracts": (lambda c, at: queries.contracts(c, None, standing="live", cursor=at), "ix_contracts_live"),
    "all contracts": (lambda c, at: queries.contracts(c, None, cursor=at), "pk_contracts"),
    "a contract's steps": (
        lambda c, at: queries.contract_steps(c, 1, cursor=_two(at, ".1")),
        "ix_contract_steps_contract_id_sequence_line",
    ),
    "own deliveries": (lambda c, at: queries.deliveries(c, 1, cursor=at), "ix_deliveries_participant_id_delivery_id"),
    "a warehouse's deliveries": (
        lambda c, at: queries.deliveries(c, None, warehouse="SX1", cursor=at),
        "ix_deliveries_warehouse_delivery_id",
    ),
    "a receipt's deliveries": (
        lambda c, at: queries.deliveries(c, None, receipt_id=1, cursor=at),
        "ix_deliveries_receipt_id_delivery_id",
    ),
    "deliveries in a state": (
        lambda c, at: queries.deliveries(c, None, state="ordered", cursor=at),
        "ix_deliveries_state_delivery_id",
    ),
    "live deliveries": (lambda c, at: queries.deliveries(c, None, state="live", cursor=at), "ix_deliveries_live"),
    "own storage": (
        lambda c, at: queries.storage_payments(c, 1, cursor=_two(at, ".1")),
        "ix_storage_payments_participant_id_sequence_line",
    ),
    "a warehouse's storage": (
        lambda c, at: queries.storage_payments(c, None, warehouse="SX1", cursor=_two(at, ".1")),
        "ix_storage_payments_warehouse_sequence_line",
    ),
    "all storage": (
        lambda c, at: queries.storage_payments(c, None, cursor=_two(at, ".1")),
        "pk_storage_payments",
    ),
    "own wastage": (
        lambda c, at: queries.wastage_claims(c, 1, cursor=at),
        "ix_wastage_shares_participant_id_claim_id",
    ),
    "all wastage": (lambda c, at: queries.wastage_claims(c, None, cursor=at), "pk_wastage_claims"),
    "readings": (
        lambda c, at: queries.readings(c, "SX1", logger_id=None, from_ns=1, to_ns=9, cursor=at and "5:L"),
        "ix_readings_warehouse_time_ns_logger_id",
    ),
    "a logger's readings": (
        lambda c, at: queries.readings(c, "SX1", logger_id="L", from_ns=1, to_ns=9, cursor=at and "5:L"),
        "ix_readings_warehouse_time_ns_logger_id",
    ),
    "a warehouse's broken cold chains": (
        lambda c, at: queries.cold_chain_breaks(c, None, warehouse="SX1", cursor=at),
        "ix_cold_chain_breaks_warehouse_break_id",
    ),
    "own broken cold chains": (
        lambda c, at: queries.cold_chain_breaks(c, 1, cursor=at),
        "ix_cold_chain_receipts_participant_id_break_id",
    ),
    "all broken cold chains": (lambda c, at: queries.cold_chain_breaks(c, None, cursor=at), "pk_cold_chain_breaks"),
    "what a broken cold chain affects": (
        lambda c, at: queries.cold_chain_receipts(c, 1, None, cursor=at),
        "pk_cold_chain_receipts",
    ),
    "what of it concerns a participant": (
        lambda c, at: queries.cold_chain_receipts(c, 1, 1, cursor=at),
        "pk_cold_chain_receipts",
    ),
    "bank statements": (lambda c, at: bank.bank_statements(c, cursor=at), "pk_bank_statements"),
    "a statement's lines": (
        lambda c, at: bank.bank_lines(c, statement_id=1, cursor=at),
        "ix_bank_lines_statement_id_line_id",
    ),
    "lines in a state": (lambda c, at: bank.bank_lines(c, state="suspense", cursor=at), "ix_bank_lines_state_line_id"),
    "open lines": (lambda c, at: bank.bank_lines(c, state="open", cursor=at), "ix_bank_lines_open"),
    "all lines": (lambda c, at: bank.bank_lines(c, cursor=at), "pk_bank_lines"),
    "reconciliations": (lambda c, at: bank.reconciliations(c, cursor=at), "pk_reconciliations"),
    "own withdrawals": (
        lambda c, at: bank.withdrawals(c, 1, cursor=at),
        "ix_withdrawals_participant_id_withdrawal_id",
    ),
    "live withdrawals": (lambda c, at: bank.withdrawals(c, None, state="live", cursor=at), "ix_withdrawals_live"),
    "withdrawals in a state": (
        lambda c, at: bank.withdrawals(c, None, state="paid", cursor=at),
        "ix_withdrawals_state_withdrawal_id",
    ),
    "vouchers": (lambda c, at: bank.vouchers(c, cursor=at), "pk_vouchers"),
    "vouchers in a state": (
        lambda c, at: bank.vouchers(c, state="proposed", cursor=at),
        "ix_vouchers_state_voucher_id",
    ),
    "pending transfers": (
        lambda c, at: bank.pending_transfers(c, state="pending", cursor=at),
        "ix_pending_transfers_state_pending_id",
    ),
    "the tape": (lambda c, at: public.trades(c, SYMBOL, cursor=at), "ix_trades_symbol_trade_id"),
    "candles": (lambda c, at: public.candles(c, SYMBOL, "1m", cursor=at), "pk_candles"),
    "instruments": (lambda c, at: public.instruments(c, cursor=at), "pk_instruments"),
    "phases": (lambda c, at: public.phases(c, SYMBOL, cursor=_two(at, "-1")), "pk_phase_changes"),
    "the index of a code": (lambda c, at: public.index_days(c, "SXBI", cursor=at), "pk_index_days"),
}
"""What is asked for, and the index that its pages are cut by."""

AS_GOOD = {
    "deliveries in a state": "ix_deliveries_live",
    "lines in a state": "ix_bank_lines_open",
    "the extremes of readings": "pk_readings",
    "a warehouse's storage income": "ix_storage_payments_to_day",
    "a day's storage income": "ix_storage_payments_warehouse_to_day",
}
"""Which is better depends on what the tables hold: where all in a state are live, the short index of those."""

BY_NUMBER_OF_PARTS = ("own wastage", "own broken cold chains")
"""Found by what is the participant's of it: so many numbers are looked up, and put in order."""

OTHERS: dict[str, tuple[Question, str]] = {
    "a trade's postings": (
        lambda c, _: queries.ledger_of_cause(c, "trade", 1),
        "ix_transfers_cause_reference_id_transfer_id",
    ),
    "an order by its client's name": (
        lambda c, _: queries.order_by_client_id(c, 1, "mine"),
        "ix_orders_participant_id_client_order_id_order_id",
    ),
    "both sides of a trade": (lambda c, _: queries.fills_of_trade(c, 1), "pk_fills"),
    "a participant's balances": (lambda c, _: queries.balances(c, 1), "pk_balances"),
    "a participant by name": (lambda c, _: queries.participant_by_name(c, "chen"), "uq_participants_name"),
    "the venue in force": (lambda c, _: queries.venue(c, 9), "pk_venue_configurations"),
    "the last regrading": (lambda c, _: queries.last_regrade(c, 1), "ix_regrades_lot_id_sequence"),
    "a delivery's loads": (lambda c, _: queries.loads(c, 1), "ix_loads_delivery_id_load_id"),
    "attempts to buy in": (lambda c, _: queries.buy_in_attempts(c, 1), "pk_buy_in_attempts"),
    "a contract by its trade": (lambda c, _: queries.contract_of_trade(c, 1), "uq_contracts_trade_id"),
    "an account's day": (
        lambda c, _: bank.postings_between(c, "fees", 1, 9, 100),
        "ix_transfers_debit_transfer_id",
    ),
    "a pending transfer by key": (
        lambda c, _: bank.pending_transfer_of(c, "key"),
        "ix_pending_transfers_key_pending_id",
    ),
    "a day's storage income": (lambda c, _: queries.storage_income(c, 1, 2), "ix_storage_payments_to_day"),
    "a warehouse's storage income": (
        lambda c, _: queries.storage_income(c, 1, 2, "SX1"),
        "ix_storage_payments_warehouse_to_day",
    ),
    "the extremes of readings": (
        lambda c, _: queries.readings_summary(c, "SX1", logger_id="L", from_ns=1, to_ns=9),
        "ix_readings_warehouse_time_ns_logger_id",
    ),
    "what an account held": (lambda c, _: bank.balances_before(c, "fees", 9), "ix_transfers_credit_transfer_id"),
    "the index of today": (lambda c, _: public.index(c), "ix_index_days_day_code"),
    "a book of the past": (
        lambda c, _: public.levels_at(c, SYMBOL, "buy", 9, 25),
        "ix_level_changes_symbol_side_price_sequence_quantity_orders",
    ),
    "the batch of a command": (lambda c, _: public.moment_of(c, 9), "pk_moments"),
    "the batch at a time": (lambda c, _: public.moment_at(c, 9), "ix_moments_time_ns_sequence"),
    "receipts in store": (lambda c, _: queries.receipts_in_store(c), "ix_receipts_live"),
    "lots in store": (lambda c, _: queries.lots_in_store(c), "ix_receipts_live"),
    "what orders display": (lambda c, _: queries.displayed(c, [1, 2]), "pk_orders"),
    "reserves": (lambda c, _: queries.reserves(c, ["SX1"]), "ix_receipts_live"),
}
"""Questions that are no lists of pages."""


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'exchange.sqlite'}"
    upgrade(url)
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def postgresql(postgres_server: Any) -> Iterator[Engine]:
    name = postgres_server.create()
    upgrade(postgres_server.url(name))
    engine = connect(postgres_server.url(name))
    yield engine
    engine.dispose()
    postgres_server.drop(name)


def statements(engine: Engine, connection: Connection, question: Question, at: str | None) -> list[tuple[str, Any]]:
    """The first is what the page is made of; others look up what belongs to it."""
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        question(connection, at)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    return asked


@pytest.mark.parametrize("name", [*LISTS, *OTHERS])
def test_sqlite_goes_by_the_index(sqlite: Engine, name: str) -> None:
    question, index = (LISTS | OTHERS)[name]
    good = tuple(re.sub(r"^(pk|uq)_.*", "sqlite_autoindex_", each) for each in (index, AS_GOOD.get(name, index)))
    with sqlite.connect() as connection:
        for at in (None, LATER) if name in LISTS else (None,):
            plans = []
            for statement, parameters in statements(sqlite, connection, question, at):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                plans.append([str(row[3]) for row in rows])
            for plan in plans:
                merged = name in BY_NUMBER_OF_PARTS or any(step.startswith("MERGE (UNION ALL)") for step in plan)
                for step in plan:
                    of_a_table = step.startswith("SCAN") and not re.match(r"SCAN (CONSTANT|anon_|\()", step)
                    assert not of_a_table or " INDEX " in step, plan
                    # Two pages that are put together are sorted: as many rows as they have.
                    assert "TEMP B-TREE" not in step or merged or "GROUP BY" in step or "DISTINCT" in step, plan
            found = [step for plan in plans for step in plan if any(f" INDEX {each}" in step for each in good)]
            assert found, plans
            if at is not None and name not in BY_NUMBER_OF_PARTS:
                begins = [step for step in found if step in plans[0]]
                assert any(step.startswith("SEARCH") and ("<" in step or ">" in step) for step in begins), plans


@pytest.mark.parametrize("name", [*LISTS, *OTHERS])
def test_postgresql_goes_by_the_index(postgresql: Engine, name: str) -> None:
    question, index = (LISTS | OTHERS)[name]
    good = (index, AS_GOOD.get(name, index))
    with postgresql.connect() as connection:
        for setting in ("seqscan", "sort", "bitmapscan"):
            connection.exec_driver_sql(f"SET LOCAL enable_{setting} = off")
        for at in (None, LATER) if name in LISTS else (None,):
            asked = statements(postgresql, connection, question, at)
            named: list[dict[str, Any]] = []
            nodes: list[dict[str, Any]] = []
            while not named:
                nodes = plans(connection, asked)
                kinds = [node["Node Type"] for node in nodes]
                assert "Seq Scan" not in kinds, nodes
                # What is summed up by warehouse is put in the warehouses' order.
                sorts = name in BY_NUMBER_OF_PARTS or "Aggregate" in kinds
                assert sorts or not any("Sort" in kind for kind in kinds), nodes
                named = [node for node in nodes if node.get("Index Name") in good]
                if not named:
                    withdraw(connection, index, {node["Index Name"] for node in nodes if "Index Name" in node})
            if at is not None:
                assert any("Index Cond" in node for node in named), nodes


def plans(connection: Connection, asked: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """The nodes of every statement's plan."""
    found = [connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {each}", values).scalar_one() for each, values in asked]
    return [node for plan in found for node in _nodes(plan[0]["Plan"])]


def withdraw(connection: Connection, index: str, others: set[str]) -> None:
    """Let the planner of this transaction do without those `others` that are of the same table as the index."""
    taken = connection.exec_driver_sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = ANY(%s::regclass[])"
        " AND indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = %s::regclass)",
        (sorted(others), index),
    )
    assert taken.rowcount, f"{sorted(others)} are not of the table of {index}"


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


@pytest.mark.parametrize("module", [settlement.queries, settlement.queries.bank, marketdata.queries])
def test_every_list_is_among_them(module: ModuleType) -> None:
    """Whoever adds one says by which index its pages are cut."""
    paged = {
        name
        for name, function in vars(module).items()
        if inspect.isfunction(function) and "cursor" in inspect.signature(function).parameters
        if not name.startswith("_") and name not in ("page", "fetch")
    }
    source = inspect.getsource(inspect.getmodule(_two))  # type: ignore[arg-type]
    alias = {settlement.queries: "queries", settlement.queries.bank: "bank", marketdata.queries: "public"}[module]
    assert paged
    assert {name for name in paged if f" {alias}.{name}(" not in source} == set()
