"""What the treasury has told becomes rows, and questions find them: the same on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from settlement import tables
from settlement.messages import ParticipantRegistered
from settlement.messages.treasury import (
    ApproveRelease,
    ApproveVoucher,
    CancelWithdrawal,
    ProposeRelease,
    ProposeVoucher,
    RejectVoucher,
    VoucherEntry,
)
from settlement.projection import project
from settlement.queries import bank as queries
from settlement.queries.treasury import ledger_of_account
from tests.settlement.teller import ADA, BO, LI, TODAY, WANG, Teller, line


class Batch(Struct, frozen=True):
    first_sequence: int
    time_ns: int
    events: Sequence[Sequence[Any]]


class Followed(Teller):
    """A teller whose every word is projected at once."""

    def __init__(self, database: Engine) -> None:
        super().__init__()
        self.database = database
        people: list[ParticipantRegistered] = self.books.participants.all()
        self.tell(people)

    def tell(self, events: Sequence[Any]) -> None:
        self.books.sequence += 1
        with self.database.begin() as connection:
            project(connection, [Batch(self.books.sequence, self.books.time_ns, [events])])

    def _close(self) -> list[Any]:
        events = super()._close()
        if events:
            self.tell(events)
        return events


@pytest.fixture
def teller(database: Engine) -> Followed:
    return day_at_the_bank(database)


def day_at_the_bank(database: Engine) -> Followed:
    """Li's money came in, somebody's too, a fee and a withdrawal of Li's went out."""
    teller = Followed(database)
    teller.deposit(LI, 1_000, "b-1")
    teller.withdrawal(LI, 400)
    teller.ask(LI, 100, "w-2")
    teller.statement(
        line("b-1", 1_000),
        line("b-2", 900, "hello", counterparty="张三", counterparty_account="6222"),
        line("b-3", -25, "账户管理费"),
        line("b-4", -400, "付款 TX00000195"),
    )
    return teller


def test_a_statement_and_its_lines(teller: Followed) -> None:
    with teller.database.connect() as connection:
        (statement,) = queries.bank_statements(connection).items
        assert (statement.statement_id, statement.date, statement.lines) == (1, TODAY, 4)
        assert (statement.opening_fen, statement.paid_in_fen, statement.paid_out_fen) == (0, 1_900, 425)
        assert queries.bank_statement(connection, 1) == statement
        assert queries.bank_statement(connection, 2) is None

        lines = queries.bank_lines(connection, statement_id=1).items
        assert [(each.line_id, each.state, each.matched_by, each.unmatched) for each in lines] == [
            (4, "booked", "withdrawal", None),
            (3, "unassigned", None, "no_code"),
            (2, "suspense", None, "no_code"),
            (1, "booked", "by_hand", None),
        ]
        assert [each.line_id for each in queries.bank_lines(connection, state="open").items] == [3, 2]
        first = queries.bank_lines(connection, limit=3)
        assert [each.line_id for each in queries.bank_lines(connection, limit=3, cursor=first.next).items] == [1]

        (day,) = queries.reconciliations(connection).items
        assert (day.bank_fen, day.ledger_fen, day.difference_fen, day.unassigned_fen) == (1_475, 1_500, -25, 25)


def test_a_released_line_tells_who_released_it(teller: Followed) -> None:
    teller.do(ProposeRelease(operator_id=ADA, line_id=2, to="participant", participant_id=WANG, reason="he called"))
    with teller.database.connect() as connection:
        proposed = queries.bank_line(connection, 2)
    assert proposed is not None
    assert proposed.release is not None
    assert (proposed.state, proposed.release.approved_by) == ("suspense", None)
    teller.do(ApproveRelease(operator_id=BO, line_id=2))
    with teller.database.connect() as connection:
        released = queries.bank_line(connection, 2)
    assert released is not None
    assert released.release is not None
    assert (released.state, released.release.proposed_by, released.release.approved_by) == ("released", ADA, BO)
    assert released.release.reason == "he called"


def test_withdrawals_as_they_stand(teller: Followed) -> None:
    with teller.database.connect() as connection:
        second, first = queries.withdrawals(connection, LI).items
        assert (first.state, first.approvals, first.paid_line_id) == ("paid", (ADA, BO), 4)
        assert (second.state, second.client_reference, second.payee_name) == ("requested", "w-2", "李明")
        assert queries.withdrawals(connection, None, state="live").items == [second]
        assert queries.withdrawals(connection, None, state="paid").items == [first]
        assert queries.withdrawals(connection, WANG).items == []
        assert queries.withdrawal(connection, 1) == first
        pendings = queries.pending_transfers(connection).items
        assert [(each.key, each.state, each.posted) for each in pendings] == [
            ("request:3:w-2", "pending", 0),
            ("payment:1", "posted", 400),
            ("request:3:w-1", "voided", 0),
        ]
        assert queries.pending_transfers(connection, state="pending").items == pendings[:1]
        assert queries.pending_transfer_of(connection, "payment:1") == pendings[1]
    teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=2))
    with teller.database.connect() as connection:
        assert [each.state for each in queries.pending_transfers(connection).items] == ["voided", "posted", "voided"]


def test_a_line_that_returns_to_its_sender(teller: Followed) -> None:
    teller.do(ProposeRelease(operator_id=ADA, line_id=2, to="sender", reason="not ours"))
    teller.do(ApproveRelease(operator_id=BO, line_id=2))
    teller.wait(24 * 3_600 * 10**9)
    teller.statement(line("b-9", -900, "TX00000389"), opening_fen=1_475, date="2026-11-25")
    with teller.database.connect() as connection:
        refund = queries.withdrawal(connection, 3)
        line_ = queries.bank_line(connection, 2)
    assert refund is not None
    assert (refund.line_id, refund.participant_id, refund.state, refund.payee_account) == (2, None, "paid", "6222")
    assert line_ is not None
    assert (line_.state, line_.withdrawal_id) == ("released", 3)


def test_vouchers_as_they_stand(teller: Followed) -> None:
    entries = (VoucherEntry(debit="participant:3", credit="fees", amount_fen=7),)
    for number in (1, 2, 3):
        teller.do(ProposeVoucher(operator_id=ADA, reference=f"v-{number}", reason="goodwill", entries=entries))
    teller.do(ApproveVoucher(operator_id=BO, voucher_id=1))
    teller.do(RejectVoucher(operator_id=BO, voucher_id=2, reason="a digit too many"))
    with teller.database.connect() as connection:
        found = queries.vouchers(connection).items
        assert [(each.voucher_id, each.state, each.decided_by, each.rejection) for each in found] == [
            (3, "proposed", None, None),
            (2, "rejected", BO, "a digit too many"),
            (1, "posted", BO, None),
        ]
        assert found[2].entries == entries
        assert queries.vouchers(connection, state="proposed").items == found[:1]
        assert queries.voucher(connection, 2) == found[1]
        assert [each.cause for each in ledger_of_account(connection, "fees").items] == ["voucher"]


def test_an_account_s_day_is_added_up_from_its_postings(teller: Followed) -> None:
    begin_ns = teller.books.time_ns
    teller.wait(5)
    teller.deposit(LI, 50, "b-10")
    teller.deposit(LI, 60, "b-11")
    with teller.database.connect() as connection:
        assert queries.balances_before(connection, "participant:3", begin_ns) == {}
        assert queries.balances_before(connection, "participant:3", begin_ns + 5) == {"CNY": 600}
        assert queries.balances_before(connection, "participant:3", begin_ns + 6) == {"CNY": 710}
        found = queries.postings_between(connection, "participant:3", begin_ns + 5, begin_ns + 6, 10)
        assert [(each.amount, each.cause) for each in found] == [(50, "deposit"), (60, "deposit")]
        assert len(queries.postings_between(connection, "participant:3", 0, begin_ns + 6, 3)) == 3
        assert queries.symbols_of_lots(connection, []) == {}


def test_each_day_has_one_statement_in_the_database_too(teller: Followed) -> None:
    table = tables.bank_statements
    with teller.database.begin() as connection:
        row = dict(connection.execute(select(table)).mappings().one()) | {"statement_id": 2}
        with pytest.raises(IntegrityError):
            connection.execute(table.insert(), row)
        connection.rollback()
