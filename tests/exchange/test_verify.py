"""`exchange verify` agrees with what a venue wrote, and names whatever was changed in its journal or its database."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

import exchange.projector
from exchange.database import connect, sqlite_url, upgrade
from exchange.engine import Engine
from exchange.mark import mark_path
from exchange.sqlite_journal import SqliteJournal
from exchange.sums import Sums
from exchange.verify import run_verify
from tests.exchange.days import a_day_of_trading, journal_of, project
from tests.exchange.floor import Floor


class House:
    """A journal and its database, and what verification says of them."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self.said: list[str] = []

    def verify(self) -> int:
        self.said.clear()
        return run_verify(self.path, self.url, self.said.append)

    def change(self, statement: str) -> None:
        """By somebody who has seen to it that no constraint stands in his way."""
        database = connect(self.url, foreign_keys=False)
        with database.begin() as connection:
            if database.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            assert connection.execute(text(statement)).rowcount == 1
        database.dispose()

    def number(self, query: str) -> int:
        database = connect(self.url)
        with database.begin() as connection:
            found = int(connection.execute(text(query)).scalar_one())
        database.dispose()
        return found


@pytest.fixture(scope="module")
def day() -> Floor:
    return a_day_of_trading(seed=7)


@pytest.fixture
def journal(tmp_path: Path, day: Floor) -> Iterator[SqliteJournal]:
    journal = journal_of(day, tmp_path / "journal.sqlite")
    yield journal
    journal.close()


@pytest.fixture(scope="module")
def template(day: Floor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed house to be copied."""
    folder = tmp_path_factory.mktemp("template")
    journal = journal_of(day, folder / "journal.sqlite")
    project(journal, sqlite_url(folder / "exchange.sqlite"))
    journal.close()
    return folder


@pytest.fixture
def house(tmp_path: Path, template: Path) -> House:
    folder = tmp_path / "house"
    shutil.copytree(template, folder)
    return House(folder / "journal.sqlite", sqlite_url(folder / "exchange.sqlite"))


def test_a_venue_that_is_as_it_was_left_is_verified(day: Floor, journal: SqliteJournal, database_url: str) -> None:
    """Also while the journal is open for writing, as a running venue's is."""
    project(journal, database_url)
    house = House(journal.path, database_url)
    assert house.verify() == 0, house.said
    commands = len(day.commands)
    assert [re.sub(r"\d[\d,]*", "N", line) for line in house.said[:5]] == [
        "engine: N live orders, N receipts, N lots and N balances are what the events say",
        "ledger: each of N assets sums to zero over N accounts in all",
        "balances: N are what N transfers add up to",
        "reservations: N live orders, N pending payment and N receipts that cannot be sold hold what is held back",
        "receipts: N live ones are the stock of N lots in N warehouses",
    ]
    rows = re.findall(r"in ([\d,]+) rows", house.said[-1])[0]
    assert int(rows.replace(",", "")) > 1_000
    assert house.said[5:] == [
        f"journal: {commands} commands, chain and re-execution agree, state {day.engine.state_hash().hex()}",
        f"database: agrees with the journal at sequence {commands}, 0 commands behind, in {rows} rows",
    ]
    house.change("UPDATE balances SET total = total + 1 WHERE participant_id = 4 AND asset = 'CNY'")
    assert house.verify() == 1


def test_the_story_has_everything_in_it(house: House) -> None:
    """What is verified here is worth verifying."""
    database = connect(house.url)
    with database.connect() as connection:

        def number(question: str) -> int:
            return int(connection.execute(text(question)).scalar_one())

        assert number("SELECT count(*) FROM trades") > 30
        assert number("SELECT count(*) FROM candles") > 30
        for status in ("resting", "filled", "cancelled", "rejected", "expired"):
            assert number(f"SELECT count(*) FROM orders WHERE status = '{status}'") > 0, status
        for state in ("issued", "split", "expired", "delivered"):
            assert number(f"SELECT count(*) FROM receipts WHERE state = '{state}'") > 0, state
        for status in ("announced", "receipted", "refused"):
            assert number(f"SELECT count(*) FROM lots WHERE status = '{status}'") > 0, status
        for way in ("order", "listing", "take", "counter", "auction", "bid", "report", "confirmation"):
            assert number(f"SELECT count(*) FROM orders WHERE via = '{way}' AND status <> 'rejected'") > 0, way
        assert number("SELECT count(*) FROM instruments WHERE mode = 'listing'") == 1
        for cause in ("load_out", "bust", "adjustment"):
            assert number(f"SELECT count(*) FROM transfers WHERE cause = '{cause}'") > 0, cause
        assert 0 < number("SELECT count(*) FROM trades WHERE busted") < number("SELECT count(*) FROM trades")
    database.dispose()


@pytest.mark.parametrize("seed", range(2))
def test_other_days_are_verified_too(tmp_path: Path, seed: int) -> None:
    journal = journal_of(a_day_of_trading(seed), tmp_path / "journal.sqlite")
    url = sqlite_url(tmp_path / "exchange.sqlite")
    project(journal, url)
    house = House(journal.path, url)
    assert house.verify() == 0, house.said
    journal.close()


def test_a_database_that_is_behind_is_judged_at_its_own_cursor(
    day: Floor, journal: SqliteJournal, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange.projector, "MAXIMUM_COMMANDS", 40)
    project(journal, database_url, up_to=150)
    house = House(journal.path, database_url)
    assert house.verify() == 0, house.said
    reached, behind = map(int, re.findall(r"\d+", house.said[-1])[:2])
    assert 150 <= reached < 200
    assert reached + behind == len(day.commands)
    house.change("UPDATE balances SET total = total + 1 WHERE participant_id = 4 AND asset = 'CNY'")
    assert house.verify() == 1


def test_a_database_that_holds_nothing_yet_is_behind_and_no_more(journal: SqliteJournal, database_url: str) -> None:
    upgrade(database_url)
    house = House(journal.path, database_url)
    assert house.verify() == 0
    assert house.said[-1].startswith("database: agrees with the journal at sequence 0")


ANY_TRADE = "(SELECT max(trade_id) FROM trades)"
BUSTED_TRADE = "(SELECT max(trade_id) FROM trades WHERE busted)"
LIVE_ORDER = "(SELECT max(order_id) FROM orders WHERE status IN ('resting', 'partly_filled'))"
ENDED_ORDER = "(SELECT min(order_id) FROM orders WHERE status = 'filled')"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE balances SET total = total + 1 WHERE participant_id = 4 AND asset = 'CNY'",
            "balances: 4 CNY has total",
        ),
        ("UPDATE balances SET reserved = 3 WHERE participant_id = 5 AND asset = 'CNY'", "balances: 5 CNY has reserved"),
        ("DELETE FROM balances WHERE participant_id = 4 AND asset = 'CNY'", "balances: 4 CNY is missing"),
        (f"UPDATE orders SET filled = filled + 1 WHERE order_id = {LIVE_ORDER}", "has filled"),
        (f"UPDATE orders SET status = 'cancelled' WHERE order_id = {ENDED_ORDER}", "has status 'cancelled'"),
        (f"DELETE FROM orders WHERE order_id = {ENDED_ORDER}", "is missing"),
        ("UPDATE orders SET via = 'order' WHERE via = 'auction'", "has via 'order'"),
        ("UPDATE receipts SET weight_g = weight_g - 1 WHERE receipt_id = 2", "receipts: 2 has weight_g"),
        ("UPDATE receipts SET participant_id = 5 WHERE receipt_id = 1", "receipts: 1 has participant_id 5"),
        ("UPDATE lots SET village = 'elsewhere' WHERE lot_id = 1", "lots: 1 has village 'elsewhere'"),
        ("UPDATE transfers SET amount = amount + 1 WHERE transfer_id = 9", "transfers: 9 has amount"),
        ("UPDATE transfers SET credit = 'fees' WHERE transfer_id = 2", "transfers: 2 has credit 'fees'"),
        ("INSERT INTO transfers VALUES (99999, 1, 1, 'deposit', 1, 'CNY', 'bank', 'participant:4', 1)", "transfers: "),
        (f"UPDATE fills SET fee_fen = fee_fen + 1 WHERE trade_id = {ANY_TRADE} AND side = 'sell'", "sell has fee_fen"),
        (f"UPDATE fills SET lots = '[]' WHERE trade_id = {ANY_TRADE} AND side = 'buy'", "buy has lots []"),
        (f"DELETE FROM trades WHERE trade_id = {ANY_TRADE}", "is missing"),
        (f"UPDATE trades SET price = 1 WHERE trade_id = {ANY_TRADE}", "has price 1"),
        (f"UPDATE trades SET busted = NOT busted WHERE trade_id = {ANY_TRADE}", "marked as busted"),
        (f"UPDATE trades SET busted = NOT busted WHERE trade_id = {BUSTED_TRADE}", "is not marked as busted"),
        (f"UPDATE busts SET reason = 'whim' WHERE trade_id = {BUSTED_TRADE}", "has reason 'whim'"),
        ("UPDATE adjustments SET amount_fen = 1", "has amount_fen 1"),
        ("UPDATE candles SET volume = volume + 1 WHERE interval = '1w' AND symbol = 'BXJ-1-SX1-26W51'", "1w"),
        (
            "UPDATE participants SET display_name = 'Nobody' WHERE participant_id = 3",
            "participants: 3 has display_name",
        ),
        ("UPDATE deposits SET reference = 'another' WHERE participant_id = 4", "has reference 'another'"),
        (
            "UPDATE venue_configurations SET configuration = '{}' WHERE sequence = 1",
            "venue_configurations: 1 has configuration {}",
        ),
        ("UPDATE instruments SET phase = 'halted' WHERE symbol = 'BXJ-1-SX1-26W51'", "has phase 'halted'"),
        ("DELETE FROM instruments WHERE symbol = 'BXJ-1-SX1-26W51'", "instruments: BXJ-1-SX1-26W51 is missing"),
        ("UPDATE projection SET venue_id = 'another'", "database: the database was built from the journal of another"),
    ],
)
def test_whatever_is_changed_in_the_database_is_named(house: House, statement: str, told: str) -> None:
    house.change(statement)
    assert house.verify() == 1
    assert any(told in line for line in house.said), house.said


LIVE_RECEIPT = "(SELECT max(receipt_id) FROM receipts WHERE state = 'issued')"
EXPIRED_RECEIPT = "(SELECT max(receipt_id) FROM receipts WHERE state = 'expired')"
SELLING = f"{LIVE_ORDER[:-1]} AND side = 'sell')"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE transfers SET amount = amount + 1 WHERE transfer_id = 9", "ledger: .* by its transfers, .* in the en"),
        ("UPDATE transfers SET debit = 'fees', amount = 1000000000 WHERE transfer_id = 1", "ledger: fees owes "),
        ("DELETE FROM transfers WHERE transfer_id = 1", "ledger: bank has "),
        (
            "UPDATE balances SET total = total + 1 WHERE participant_id = 4 AND asset = 'CNY'",
            "balances: participant 4 has .* of CNY by the transfers, .* by the balance",
        ),
        ("DELETE FROM balances WHERE participant_id = 3 AND asset = 'BXJ-1-SX1-26W51'", "balances: participant 3 has "),
        (
            "UPDATE balances SET reserved = reserved + 1 WHERE participant_id = 4 AND asset = 'CNY'",
            "reservations: participant 4 has .* of CNY is held, .* by the balance",
        ),
        (f"UPDATE orders SET lots = NULL WHERE order_id = {SELLING}", "reservations: participant .* is held"),
        (
            f"UPDATE orders SET lots = '[[99999, 1]]' WHERE order_id = {SELLING}",
            "receipt 99999 is offered and does not",
        ),
        (f"UPDATE orders SET lots = '[[%d, 99999999]]' WHERE order_id = {SELLING}", "kg of it are offered"),
        ("UPDATE pending_transfers SET state = 'voided'", "reservations: participant 4 has .* of CNY is held"),
        (f"UPDATE receipts SET state = 'issued' WHERE receipt_id = {EXPIRED_RECEIPT}", "reservations: participant "),
        (f"UPDATE receipts SET weight_g = weight_g - 1 WHERE receipt_id = {LIVE_RECEIPT}", "receipts: of LOT-.* stock"),
        (f"UPDATE receipts SET state = 'void' WHERE receipt_id = {LIVE_RECEIPT}", "receipts: of LOT-.* on receipts"),
    ],
)
def test_what_does_not_add_up_is_told_by_its_rule(house: House, statement: str, told: str) -> None:
    """Beside the row that differs: whoever reads the line knows which promise is broken."""
    house.change(statement.replace("%d", str(house.number(f"SELECT {LIVE_RECEIPT}"))))
    assert house.verify() == 1
    assert any(re.search(told, line) for line in house.said), house.said
    rule = told.partition(":")[0]
    if rule in ("ledger", "balances", "reservations", "receipts"):
        assert any(re.fullmatch(rf"{rule}: wrong in \d+ places", line) for line in house.said)


def test_an_engine_that_makes_money_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = Engine.accounts

    def made_of_nothing(engine: Engine) -> list[tuple[str, str, int]]:
        return [(asset, name, held + (name == "fees")) for asset, name, held in accounts(engine)]

    monkeypatch.setattr(Engine, "accounts", made_of_nothing)
    assert house.verify() == 1
    assert "ledger: CNY sums to 1" in house.said
    assert "ledger: wrong in 2 places" in house.said


def test_a_balance_that_the_engine_does_not_have_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "balances", lambda *_: [])
    assert house.verify() == 1
    assert any(line.startswith("engine's balances: ") for line in house.said)
    assert not any(line.startswith("engine: ") for line in house.said)


def test_sums_may_take_more_than_64_bits(database_url: str) -> None:
    """Each amount fits, what went through an account in all need not."""
    upgrade(database_url)
    database = connect(database_url)
    added = text("INSERT INTO transfers VALUES (:number, 1, 1, 'adjustment', 1, 'CNY', :debit, :credit, :amount)")
    with database.begin() as connection:
        connection.execute(text("INSERT INTO accounts (account) VALUES ('bank'), ('fees')"))
        for number in range(8):
            debit, credit = ("bank", "fees") if number < 4 else ("fees", "bank")
            row = {"number": number, "debit": debit, "credit": credit, "amount": 2**63 - 1 - number}
            connection.execute(added, row)
        said: list[str] = []
        Sums(connection, Engine(), said.append).check()
    database.dispose()
    assert "ledger: bank has -16 of CNY by its transfers, 0 in the engine" in said


def test_many_differences_are_told_in_part(house: House) -> None:
    database = connect(house.url)
    with database.begin() as connection:
        connection.execute(text("UPDATE trades SET price = price + 1"))
        assert house.verify() == 0, "not committed"
    database.dispose()
    assert house.verify() == 1
    assert sum(line.startswith("trades: ") for line in house.said) == 21
    assert any(line.endswith(" more") for line in house.said)


def test_a_changed_journal_is_named(house: House) -> None:
    connection = sqlite3.connect(house.path)
    with connection:
        connection.execute("UPDATE batches SET time_ns = time_ns + 1 WHERE last_sequence = 30")
    connection.close()
    assert house.verify() == 1
    assert house.said[-1].startswith("journal: the row at sequence 30 does not fit the chain")


def test_a_journal_that_ends_before_its_mark_or_the_databases_cursor_is_named(house: House) -> None:
    connection = sqlite3.connect(house.path)
    with connection:
        connection.execute("DELETE FROM batches WHERE last_sequence > 100")
    connection.close()
    assert house.verify() == 1
    assert "the journal ends at sequence 100, but journal.sqlite.mark says that" in house.said[-1]
    mark_path(house.path).unlink()
    assert house.verify() == 1
    assert "rows of the journal are lost" in house.said[-1]


def test_a_damaged_mark_is_named(house: House) -> None:
    mark_path(house.path).write_bytes(bytes(80))
    assert house.verify() == 1
    assert house.said[0] == "mark: journal.sqlite.mark is damaged: the next start writes it anew"


def test_a_damaged_file_is_named(house: House) -> None:
    content = bytearray(house.path.read_bytes())
    content[16384 * 3 : 16384 * 3 + 64] = b"\xff" * 64
    house.path.write_bytes(content)
    assert house.verify() == 1
    assert house.said[-1].startswith("journal: ")


def test_a_broken_invariant_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def audit(engine: Engine) -> None:
        raise AssertionError("kilograms from nowhere")

    monkeypatch.setattr(Engine, "audit", audit)
    assert house.verify() == 1
    assert "an invariant is broken at sequence" in house.said[0]
    assert "kilograms from nowhere" in house.said[0]


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    url = sqlite_url(tmp_path / "exchange.sqlite")
    assert run_verify(tmp_path / "journal.sqlite", url, said.append) == 2
    SqliteJournal(tmp_path / "journal.sqlite").close()
    assert run_verify(tmp_path / "journal.sqlite", url, said.append) == 2
    assert not (tmp_path / "exchange.sqlite").exists(), "looking makes none"
    sqlite3.connect(tmp_path / "exchange.sqlite").close()
    (tmp_path / "exchange.sqlite").touch()
    assert run_verify(tmp_path / "journal.sqlite", url, said.append) == 2
    assert run_verify(tmp_path / "journal.sqlite", "postgresql://nobody@127.0.0.1:1/none", said.append) == 2
    assert len(said) == 4
    assert "there is no journal" in said[0]
    assert "there is no database" in said[1]
    assert "holds no tables" in said[2]
    assert "cannot use the database" in said[3]
