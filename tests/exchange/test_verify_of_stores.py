"""What was paid for storage, owed by a store, read and broken is verified like the rest."""

from pathlib import Path

import pytest
from sqlalchemy import text

from exchange.database import connect, sqlite_url
from exchange.verify import run_verify
from settlement.messages import RecordShrinkage
from settlement.messages.climate import ClimateRule, PlaceLot, RecordReadings, RegisterLogger
from settlement.messages.storage import PayStorage, SettleWastage, StorageTariff
from tests.exchange.days import journal_of, project
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, MONDAY, OPERATOR, WAREHOUSE, Floor

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, wastage_permille=10, insured_fen_per_kg=300)


def a_week_in_the_stores() -> Floor:
    floor = Floor()
    floor.configure(storage=(TARIFF,), climate=ClimateRule())
    floor.do(RegisterLogger(operator_id=WAREHOUSE, logger_id="A", warehouse="SX1", chamber="C1"))
    floor.deposit(CHEN, 1_000_000)
    floor.deposit(LI, 10_000_000)
    first, second = floor.receipt(), floor.receipt(weight_g=3_000_000)
    floor.do(PlaceLot(operator_id=WAREHOUSE, lot_id=1, chamber="C1"))
    floor.wait_until(MONDAY + 2 * DAY_NS)
    floor.do(PayStorage(participant_id=CHEN, receipt_ids=(first, second)))
    floor.wait_until(MONDAY + 3 * DAY_NS)
    floor.sell(CHEN, 11_000, 250)
    floor.buy(LI, 11_000, 250)
    for lost_g in (200_000, 300_000):
        floor.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=lost_g, reason="dried up"))
    floor.do(SettleWastage(operator_id=OPERATOR, claim_id=1, outcome="dismissed", reason="as counted"))
    for temperature_dc in (200, 140):
        start_ns = floor.time_ns + HOUR_NS
        floor.time_ns += 5 * HOUR_NS
        readings = tuple((start_ns + at * HOUR_NS, temperature_dc, None) for at in range(5))
        floor.do(RecordReadings(operator_id=WAREHOUSE, logger_id="A", warehouse="SX1", readings=readings))
    return floor


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    journal = journal_of(a_week_in_the_stores(), tmp_path / "journal.sqlite")
    project(journal, sqlite_url(tmp_path / "exchange.sqlite"))
    journal.close()
    return tmp_path / "journal.sqlite"


def verify(journal_path: Path) -> tuple[int, list[str]]:
    said: list[str] = []
    return run_verify(journal_path, sqlite_url(journal_path.with_name("exchange.sqlite")), said.append), said


def test_a_week_in_the_stores_is_as_the_journal_says(journal_path: Path) -> None:
    status, said = verify(journal_path)
    assert status == 0, said
    database = connect(sqlite_url(journal_path.with_name("exchange.sqlite")))
    with database.connect() as connection:
        for table in TABLES:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() > 0, table
    database.dispose()


TABLES = {
    "storage_payments": "amount_fen = amount_fen - 1 WHERE sequence = (SELECT max(sequence) FROM storage_payments)",
    "wastage_claims": "amount_fen = amount_fen + 1 WHERE claim_id = 2",
    "wastage_shares": "weight_g = weight_g + 1 WHERE claim_id = 1 AND participant_id = 4",
    "wastage_settlements": "reason = 'why not' WHERE claim_id = 1",
    "loggers": "chamber = 'C2' WHERE logger_id = 'A'",
    "lot_places": "chamber = 'C2' WHERE lot_id = 1",
    "readings": "temperature_dc = 139 WHERE time_ns = (SELECT max(time_ns) FROM readings)",
    "cold_chain_breaks": "extreme_dc = 199 WHERE break_id = 1",
    "cold_chain_receipts": "participant_id = 3 WHERE receipt_id = (SELECT max(receipt_id) FROM cold_chain_receipts)",
    "cold_chain_ends": "outside_ns = outside_ns + 1 WHERE break_id = 1",
    "life_losses": "hours = hours + 1 WHERE lot_id = (SELECT min(lot_id) FROM life_losses)",
}


@pytest.mark.parametrize("table", TABLES)
def test_whatever_is_changed_is_named(journal_path: Path, table: str) -> None:
    database = connect(sqlite_url(journal_path.with_name("exchange.sqlite")))
    with database.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        changed = connection.execute(text(f"UPDATE {table} SET {TABLES[table]}"))
        assert 1 <= changed.rowcount <= 2
    database.dispose()
    status, said = verify(journal_path)
    assert status == 1
    assert any(line.startswith(f"{table}: ") for line in said), said
