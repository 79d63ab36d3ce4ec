"""Days at the bank go through journal and database, and `exchange verify` finds what was changed there."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from exchange.database import connect, sqlite_url
from exchange.verify import run_verify
from settlement.messages.treasury import (
    DAY_NS,
    ApproveRelease,
    ApproveVoucher,
    ApproveWithdrawal,
    ImportStatement,
    ProposeRelease,
    ProposeVoucher,
    RequestWithdrawal,
    StatementLine,
    VoucherEntry,
)
from tests.exchange.days import journal_of, project
from tests.exchange.floor import LI, OPERATOR, WANG, Floor

SECOND = 6


def days_at_the_bank() -> Floor:
    """Money in by hand and by the bank, money out, suspense to a participant and back to its sender, a voucher, and a
    request that nobody approves.
    """
    floor = Floor()
    floor.register("second", "operator")
    floor.deposit(LI, 100_000, "b-1")
    for number, fen in enumerate((40_000, 5_000, 700), 1):
        floor.do(
            RequestWithdrawal(
                participant_id=LI,
                client_reference=f"w-{number}",
                amount_fen=fen,
                payee_name="李明",
                payee_bank="农行遂溪支行",
                payee_account="6228480",
            )
        )
    for withdrawal_id in (1, 2):
        for operator_id in (OPERATOR, SECOND):
            floor.do(ApproveWithdrawal(operator_id=operator_id, withdrawal_id=withdrawal_id))
    lines = (
        StatementLine(bank_reference="b-1", amount_fen=100_000),
        StatementLine(bank_reference="b-2", amount_fen=900, memo="hello", counterparty_account="6222"),
        StatementLine(bank_reference="b-3", amount_fen=800, memo="hello"),
        StatementLine(bank_reference="b-4", amount_fen=-25, memo="fee"),
        StatementLine(bank_reference="b-5", amount_fen=-40_000, memo="TX00000195"),
    )
    floor.do(ImportStatement(operator_id=OPERATOR, date="2026-11-23", opening_fen=0, closing_fen=61_675, lines=lines))
    floor.do(ProposeRelease(operator_id=OPERATOR, line_id=2, to="sender", reason="not ours"))
    floor.do(ProposeRelease(operator_id=OPERATOR, line_id=3, to="participant", participant_id=WANG, reason="he called"))
    for line_id in (2, 3):
        floor.do(ApproveRelease(operator_id=SECOND, line_id=line_id))
    entries = (VoucherEntry(debit=f"participant:{WANG}", credit="risk_fund", amount_fen=100),)
    for number in (1, 2):
        floor.do(ProposeVoucher(operator_id=SECOND, reference=f"v-{number}", reason="agreed", entries=entries))
    floor.do(ApproveVoucher(operator_id=OPERATOR, voucher_id=1))
    floor.wait_until(floor.time_ns + 6 * DAY_NS)
    return floor


@pytest.fixture(scope="module")
def floor() -> Floor:
    return days_at_the_bank()


@pytest.fixture(scope="module")
def template(floor: Floor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("treasury")
    journal = journal_of(floor, folder / "journal.sqlite")
    project(journal, sqlite_url(folder / "exchange.sqlite"))
    journal.close()
    return folder


@pytest.fixture
def house(template: Path, tmp_path: Path) -> Path:
    """The data folder of those days, to be changed."""
    return Path(shutil.copytree(template, tmp_path / "house"))


def test_what_the_treasury_wrote_is_verified(floor: Floor, tmp_path: Path, database_url: str) -> None:
    journal = journal_of(floor, tmp_path / "journal.sqlite")
    project(journal, database_url)
    said: list[str] = []
    assert run_verify(journal.path, database_url, said.append) == 0, said
    journal.close()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE bank_statements SET time_ns = time_ns + 1", "bank_statements"),
        ("UPDATE bank_lines SET memo = 'x' WHERE line_id = 2", "bank_lines"),
        ("UPDATE bank_lines SET memo = 'x' WHERE line_id = 5", "bank_lines"),
        ("DELETE FROM reconciliations", "reconciliations"),
        ("UPDATE withdrawals SET amount_fen = 1 WHERE withdrawal_id = 2", "withdrawals"),
        ("UPDATE withdrawals SET reason = 'x' WHERE withdrawal_id = 3", "withdrawals"),
        ("UPDATE vouchers SET reason = 'x' WHERE voucher_id = 2", "vouchers"),
        ("UPDATE pending_transfers SET amount = amount + 1 WHERE state = 'expired'", "pending_transfers"),
    ],
)
def test_what_was_changed_is_named(house: Path, change: str, named: str) -> None:
    url = sqlite_url(house / "exchange.sqlite")
    database = connect(url)
    with database.begin() as connection:
        assert connection.execute(text(change)).rowcount == 1
    database.dispose()
    said: list[str] = []
    assert run_verify(house / "journal.sqlite", url, said.append) == 1
    assert any(line.startswith(f"{named}:") for line in said), said
