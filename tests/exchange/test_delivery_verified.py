"""`exchange verify` holds deliveries, docks, trucks and buy-ins against the journal, and names what was changed."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from exchange.database import connect, sqlite_url
from exchange.verify import run_verify
from settlement.messages.delivery import DeliveryTerms
from tests.exchange.days import journal_of, project
from tests.exchange.floor import CHEN, DAY_NS, LI, WAREHOUSE
from tests.exchange.gate import Gate, wall


def largest(gate: Gate) -> int:
    """The heaviest of Li's receipts."""
    return max(gate.held(LI), key=lambda each: each[1])[0]


def a_day_at_the_gate() -> Gate:
    """One delivery is accepted, one is taken back, one is being loaded, one was made good, one is being bought in."""
    gate = Gate(delivery=DeliveryTerms(buy_in_attempts=2, buy_in_interval_seconds=3_600))
    receipt_id = gate.bought(4_000)
    first = gate.request(receipt_id, weight_g=1_000_000)
    gate.book(first, wall(10))
    gate.weigh_out(first, 990_000, last=True, reason="dried up")
    gate.hand_over(first)
    gate.accept(first)
    second = gate.request(gate.held(LI)[-1][0], weight_g=1_000_000)
    gate.book(second, wall(11))
    gate.cancel_delivery(second)
    mine = gate.held(CHEN)[0][0]
    third = gate.request(mine, CHEN, weight_g=2_000_000)
    gate.book(third, wall(10), CHEN)
    gate.weigh_out(third, 500_000)
    gate.void_load(third, 2)
    gate.weigh_out(third, 700_000)
    gate.deposit(WAREHOUSE, 1_000_000)
    gate.sell(CHEN, 500, 260)
    for _ in range(2):
        failed = gate.request(largest(gate), weight_g=600_000)
        gate.report_failure(failed)
        gate.start_buy_in(failed)
        gate.wait_until(gate.time_ns + 3_600 * 10**9)
    gate.wait_until(gate.time_ns + 1)
    assert [order.state for order in gate.engine.delivery.all()] == ["loading"]
    failed = gate.request(largest(gate), weight_g=100_000)
    gate.report_failure(failed)
    gate.start_buy_in(failed)
    assert [order.state for order in gate.engine.delivery.all()] == ["loading", "buying_in"]
    return gate


@pytest.fixture(scope="module")
def gate() -> Gate:
    return a_day_at_the_gate()


@pytest.fixture(scope="module")
def template(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    journal = journal_of(gate, folder / "journal.sqlite")
    project(journal, sqlite_url(folder / "exchange.sqlite"))
    journal.close()
    return folder


@pytest.fixture
def house(template: Path, tmp_path: Path) -> Path:
    """The data folder of that day, to be changed."""
    return Path(shutil.copytree(template, tmp_path / "house"))


def test_a_day_at_the_gate_is_verified(gate: Gate, tmp_path: Path, database_url: str) -> None:
    journal = journal_of(gate, tmp_path / "journal.sqlite")
    project(journal, database_url)
    said: list[str] = []
    assert run_verify(journal.path, database_url, said.append) == 0, said
    journal.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE deliveries SET handed_g = handed_g - 1 WHERE delivery_id = 1", "deliveries: 1 has handed_g"),
        ("UPDATE deliveries SET state = 'ordered' WHERE delivery_id = 3", "deliveries: 3 has state"),
        ("UPDATE slots SET ends_ns = ends_ns + 1 WHERE slot_id = 1", "slots: 1 has ends_ns"),
        ("UPDATE loads SET driver = 'nobody' WHERE load_id = 3", "loads: 3 has driver"),
        ("UPDATE buy_ins SET returned_fen = 7 WHERE delivery_id = 4", "buy_ins: 4 has returned_fen"),
        ("DELETE FROM buy_in_attempts WHERE delivery_id = 6", "buy_in_attempts: 6"),
    ],
)
def test_what_was_changed_is_named(house: Path, change: str, told: str) -> None:
    url = sqlite_url(house / "exchange.sqlite")
    database = connect(url, foreign_keys=False)
    with database.begin() as connection:
        assert connection.execute(text(change)).rowcount == 1
    database.dispose()
    said: list[str] = []
    assert run_verify(house / "journal.sqlite", url, said.append) == 1
    assert any(line.startswith(told) for line in said), said


def test_the_story_has_what_is_to_be_verified(gate: Gate) -> None:
    assert gate.engine.delivery.last_delivery_id == 6
    assert gate.engine.buy_ins.get(6) is not None
    assert gate.time_ns < wall(10) + DAY_NS
