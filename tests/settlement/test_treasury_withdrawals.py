"""Money on its way out: reserved when it is asked for, approved by two, gone when the bank shows it."""

from typing import Any

import pytest

from settlement.ledger import REMEMBERED_NS
from settlement.messages import LedgerPosted, RequestRefused
from settlement.messages.ledger import PendingChanged
from settlement.messages.treasury import (
    DAY_NS,
    ApproveWithdrawal,
    CancelWithdrawal,
    RejectWithdrawal,
    Withdrawal,
    WithdrawalChanged,
    WithdrawalRepeated,
)
from settlement.withdrawals import MAXIMUM_LIVE
from tests.settlement.teller import ADA, BO, LI, TODAY, WANG, Teller, kinds, line, only, told


@pytest.fixture
def teller() -> Teller:
    """Li has 1,000 fen."""
    teller = Teller()
    teller.deposit(LI, 1_000, "b-1")
    return teller


def changed(events: list[Any]) -> Withdrawal:
    found: Withdrawal = only(WithdrawalChanged, events).withdrawal
    return found


def refused(events: list[Any]) -> tuple[str, str | None]:
    """(reason, field) of a command that led to nothing else."""
    (event,) = events
    assert isinstance(event, RequestRefused)
    return event.reason, event.field


def test_from_the_request_to_the_bank_s_word(teller: Teller) -> None:
    asked = teller.ask(LI, 700)
    assert kinds(asked) == ["withdrawal_changed", "pending_changed"]
    withdrawal = changed(asked)
    assert (withdrawal.number, withdrawal.state, withdrawal.approvals) == ("TX00000195", "requested", ())
    assert withdrawal.expires_ns == teller.books.time_ns + 5 * DAY_NS
    assert teller.money(LI) == (1_000, 700)
    assert teller.treasury.reserved_by_participant() == {LI: 700}

    once = teller.do(ApproveWithdrawal(operator_id=ADA, withdrawal_id=1))
    assert (kinds(once), changed(once).state) == (["withdrawal_changed"], "requested")
    twice = teller.do(ApproveWithdrawal(operator_id=BO, withdrawal_id=1))
    assert (changed(twice).state, changed(twice).approvals, changed(twice).expires_ns) == ("approved", (ADA, BO), None)
    pendings = [event.pending for event in twice if isinstance(event, PendingChanged)]
    assert [(pending.key, pending.state) for pending in pendings] == [
        ("request:3:w-1", "voided"),
        ("payment:1", "pending"),
    ]
    assert teller.money(LI) == (1_000, 700)

    shown = teller.statement(line("b-1", 1_000), line("b-2", -700, "付款 TX00000195"))
    paid = changed(shown)
    assert (paid.state, paid.paid_line_id, paid.ended_ns) == ("paid", 2, teller.books.time_ns)
    (posted,) = [event for event in shown if isinstance(event, LedgerPosted)]
    assert (posted.cause, posted.reference_id, told(posted.transfers)) == (
        "withdrawal",
        1,
        ["participant:3 -> bank 700"],
    )
    assert (teller.money(LI), teller.own()) == ((300, 0), {"bank": -300})
    assert teller.treasury.reserved_by_participant() == {}


def test_asked_for_twice_it_is_done_once(teller: Teller) -> None:
    first = changed(teller.ask(LI, 700))
    again = teller.ask(LI, 700)
    assert again == [WithdrawalRepeated(withdrawal=first)]
    for field, other in (("amount_fen", 701), ("payee_name", "x"), ("payee_bank", "x"), ("payee_account", "x")):
        amount = {"amount_fen": 700} | {field: other}
        events = teller.ask(LI, amount.pop("amount_fen"), **amount)  # type: ignore[arg-type]
        assert refused(events) == (f"exists_with_different_{field}", field)
    # References are each participant's own.
    teller.deposit(WANG, 700, "b-2")
    assert changed(teller.ask(WANG, 700)).withdrawal_id == 2
    # The same answer after it has ended, until it is forgotten.
    teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=1))
    teller.wait(REMEMBERED_NS - 1)
    assert only(WithdrawalRepeated, teller.ask(LI, 700)).withdrawal.state == "cancelled"
    teller.wait(1)
    assert changed(teller.ask(LI, 700)).withdrawal_id == 3


def test_only_what_is_free_can_be_asked_for(teller: Teller) -> None:
    teller.ask(LI, 700)
    assert refused(teller.ask(LI, 301, "w-2")) == ("insufficient_funds", "amount_fen")
    assert refused(teller.ask(99, 1)) == ("unknown_participant", "participant_id")
    # What an order holds is not free either.
    teller.books.purses[LI].reserved_fen += 200
    assert refused(teller.ask(LI, 101, "w-2"))[0] == "insufficient_funds"
    teller.books.purses[LI].reserved_fen -= 200
    teller.ask(LI, 300, "w-2")
    assert teller.money(LI) == (1_000, 1_000)


def test_a_participant_cancels_while_the_bank_has_it_not(teller: Teller) -> None:
    teller.ask(LI, 700)
    assert refused(teller.do(CancelWithdrawal(participant_id=WANG, withdrawal_id=1)))[0] == "unknown_withdrawal"
    teller.do(ApproveWithdrawal(operator_id=ADA, withdrawal_id=1))
    cancelled = teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=1))
    assert kinds(cancelled) == ["withdrawal_changed", "pending_changed"]
    assert (changed(cancelled).state, teller.money(LI)) == ("cancelled", (1_000, 0))
    assert refused(teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=1)))[0] == "already_ended"
    second = teller.withdrawal(LI, 100, "w-2")
    cancel = CancelWithdrawal(participant_id=LI, withdrawal_id=second.withdrawal_id)
    assert refused(teller.do(cancel)) == ("already_approved", "withdrawal_id")


def test_two_different_operators_approve_and_neither_his_own(teller: Teller) -> None:
    teller.ask(LI, 700)

    def approve(operator_id: int, withdrawal_id: int = 1) -> list[Any]:
        return teller.do(ApproveWithdrawal(operator_id=operator_id, withdrawal_id=withdrawal_id))

    assert refused(approve(LI))[0] == "wrong_role"
    assert refused(approve(ADA, 9))[0] == "unknown_withdrawal"
    approve(ADA)
    assert refused(approve(ADA)) == ("same_operator", "withdrawal_id")
    approve(BO)
    assert refused(approve(ADA))[0] == "already_approved"
    teller.deposit(BO, 50, "b-2")
    teller.ask(BO, 50)
    assert refused(approve(BO, 2))[0] == "own_withdrawal"
    teller.do(RejectWithdrawal(operator_id=ADA, withdrawal_id=2, reason="no"))
    assert refused(approve(ADA, 2))[0] == "already_ended"


def test_one_rejects_a_request_and_two_what_the_bank_has(teller: Teller) -> None:
    def reject(operator_id: int, withdrawal_id: int) -> list[Any]:
        return teller.do(
            RejectWithdrawal(operator_id=operator_id, withdrawal_id=withdrawal_id, reason="no such account")
        )

    teller.ask(LI, 100)
    rejected = changed(reject(ADA, 1))
    assert (rejected.state, rejected.reason, rejected.rejections) == ("rejected", "no such account", (ADA,))
    assert refused(reject(BO, 1))[0] == "already_ended"
    assert refused(reject(BO, 9))[0] == "unknown_withdrawal"

    teller.withdrawal(LI, 200, "w-2")
    assert changed(reject(ADA, 2)).state == "approved"
    assert teller.money(LI) == (1_000, 200)
    assert refused(reject(ADA, 2)) == ("same_operator", "withdrawal_id")
    ended = reject(BO, 2)
    assert (changed(ended).state, kinds(ended)) == ("rejected", ["withdrawal_changed", "pending_changed"])
    assert teller.money(LI) == (1_000, 0)


def test_a_request_that_nobody_approves_expires(teller: Teller) -> None:
    teller.ask(LI, 700, life_ns=DAY_NS)
    teller.ask(LI, 200, "w-2")
    teller.withdrawal(LI, 100, "w-3")
    assert teller.wait(DAY_NS - 1) == []
    events = teller.wait(1)
    assert kinds(events) == ["pending_changed", "withdrawal_changed"]
    expired = changed(events)
    assert (expired.withdrawal_id, expired.state, expired.reason) == (1, "expired", "not_approved")
    assert teller.money(LI) == (1_000, 300)
    assert refused(teller.do(ApproveWithdrawal(operator_id=ADA, withdrawal_id=1)))[0] == "already_ended"
    # What the bank has does not end by waiting.
    teller.wait(365 * DAY_NS)
    assert teller.money(LI) == (1_000, 100)


def test_a_participant_has_a_hundred_at_a_time(teller: Teller) -> None:
    for number in range(MAXIMUM_LIVE):
        teller.ask(LI, 1, f"w-{number}")
    assert refused(teller.ask(LI, 1, "one more")) == ("too_many_withdrawals", None)
    teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=7))
    teller.ask(LI, 1, "one more")


def test_a_restart_forgets_nothing(teller: Teller) -> None:
    teller.ask(LI, 100, life_ns=DAY_NS)
    teller.withdrawal(LI, 200, "w-2")
    teller.ask(LI, 300, "w-3")
    teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=3))
    again = teller.restarted()
    assert again.money(LI) == (1_000, 300)
    assert only(WithdrawalRepeated, again.ask(LI, 300, "w-3")).withdrawal.state == "cancelled"
    shown = again.statement(line("b-1", 1_000), line("b-2", -200, "TX00000292"), date=TODAY)
    assert changed(shown).state == "paid"
    assert changed(again.wait(DAY_NS)).state == "expired"
    assert again.money(LI) == (800, 0)


def test_it_is_time_that_forgets_and_not_a_request_that_changes_nothing(teller: Teller) -> None:
    teller.ask(LI, 100, "w-1")
    teller.do(CancelWithdrawal(participant_id=LI, withdrawal_id=1))
    teller.ask(LI, 200, "w-2")
    teller.wait(31 * DAY_NS)
    kept = teller.treasury.state()
    assert refused(teller.ask(LI, 5_000, "w-3"))[0] == "insufficient_funds"
    assert only(WithdrawalRepeated, teller.ask(LI, 200, "w-2")).withdrawal.withdrawal_id == 2
    assert teller.treasury.state() == kept
    assert changed(teller.ask(LI, 100, "w-1")).withdrawal_id == 3
