"""Transfers by hand: one operator proposes, another approves, all of them are posted or none."""

from typing import Any

import pytest

from settlement.messages import LedgerPosted, RequestRefused
from settlement.messages.treasury import (
    ApproveVoucher,
    ProposeVoucher,
    RejectVoucher,
    Voucher,
    VoucherChanged,
    VoucherEntry,
)
from settlement.vouchers import MAXIMUM_PROPOSED
from tests.settlement.teller import ADA, BO, LI, Teller, kinds, line, only, told


@pytest.fixture
def teller() -> Teller:
    """Fees have 500 fen, and Li 1,000."""
    teller = Teller()
    teller.statement(line("b-1", 1_000, virtual_account="P3"))
    teller.books.pay("bank", "fees", 500)
    return teller


def entry(debit: str, credit: str, amount_fen: int) -> VoucherEntry:
    return VoucherEntry(debit=debit, credit=credit, amount_fen=amount_fen)


def propose(teller: Teller, *entries: VoucherEntry, reference: str = "v-1", operator_id: int = ADA) -> list[Any]:
    return teller.do(ProposeVoucher(operator_id=operator_id, reference=reference, reason="goodwill", entries=entries))


def approve(teller: Teller, voucher_id: int = 1, operator_id: int = BO) -> list[Any]:
    return teller.do(ApproveVoucher(operator_id=operator_id, voucher_id=voucher_id))


def changed(events: list[Any]) -> Voucher:
    found: Voucher = only(VoucherChanged, events).voucher
    return found


def refused(events: list[Any]) -> tuple[str, str | None]:
    (event,) = events
    assert isinstance(event, RequestRefused)
    return event.reason, event.field


def test_four_eyes_post_it_in_order(teller: Teller) -> None:
    """The second entry lives on what the first brings."""
    proposed = propose(teller, entry("fees", "risk_fund", 300), entry("risk_fund", "participant:3", 250))
    assert (kinds(proposed), changed(proposed).state) == (["voucher_changed"], "proposed")
    assert refused(approve(teller, operator_id=ADA)) == ("same_operator", "operator_id")
    events = approve(teller)
    assert kinds(events) == ["voucher_changed", "ledger_posted"]
    assert (changed(events).state, changed(events).decided_by) == ("posted", BO)
    (posted,) = [event for event in events if isinstance(event, LedgerPosted)]
    assert (posted.cause, posted.reference_id) == ("voucher", 1)
    assert told(posted.transfers) == ["fees -> risk_fund 300", "risk_fund -> participant:3 250"]
    assert teller.own() == {"bank": -1_500, "fees": 200, "risk_fund": 50}
    assert teller.money(LI) == (1_250, 0)
    assert refused(approve(teller))[0] == "already_ended"


def test_what_is_not_there_is_not_posted_and_the_voucher_waits(teller: Teller) -> None:
    propose(teller, entry("fees", "risk_fund", 300), entry("storage", "fees", 1))
    before = teller.books.ledger.state()
    assert refused(approve(teller)) == ("insufficient_funds", "voucher_id")
    assert teller.books.ledger.state() == before
    teller.books.pay("bank", "storage", 1)
    assert changed(approve(teller)).state == "posted"


def test_what_a_participant_has_reserved_is_his(teller: Teller) -> None:
    teller.ask(LI, 900)
    propose(teller, entry("participant:3", "risk_fund", 101))
    assert refused(approve(teller))[0] == "insufficient_funds"
    propose(teller, entry("participant:3", "risk_fund", 100), reference="v-2")
    approve(teller, 2)
    assert teller.money(LI) == (900, 900)


@pytest.mark.parametrize(
    ("entries", "reason", "field"),
    [
        ((), "invalid_entries", "entries"),
        ((("fees", "risk_fund"),) * 51, "invalid_entries", "entries"),
        ((("earnest", "fees"),), "unknown_account", "entries"),
        ((("fees", "escrow"),), "unknown_account", "entries"),
        ((("fees", "suspense"),), "unknown_account", "entries"),
        ((("fees", "participant:99"),), "unknown_account", "entries"),
        ((("fees", "participant:03"),), "unknown_account", "entries"),
        ((("fees", "participant:"),), "unknown_account", "entries"),
        ((("fees", "Fees"),), "unknown_account", "entries"),
        ((("fees", "fees"),), "same_account", "entries"),
    ],
)
def test_a_proposal_that_makes_no_sense(teller: Teller, entries: Any, reason: str, field: str) -> None:
    assert refused(propose(teller, *(entry(debit, credit, 1) for debit, credit in entries))) == (reason, field)
    # The reference is not taken by it.
    assert changed(propose(teller, entry("fees", "risk_fund", 1))).voucher_id == 1


def test_each_reference_is_taken_once(teller: Teller) -> None:
    propose(teller, entry("fees", "risk_fund", 1))
    assert refused(propose(teller, entry("fees", "risk_fund", 1))) == ("duplicate_reference", "reference")
    rejected = changed(teller.do(RejectVoucher(operator_id=ADA, voucher_id=1, reason="a digit too many")))
    assert (rejected.state, rejected.decided_by, rejected.rejection) == ("rejected", ADA, "a digit too many")
    assert refused(propose(teller, entry("fees", "risk_fund", 1)))[0] == "duplicate_reference"
    assert refused(approve(teller))[0] == "already_ended"
    assert refused(approve(teller, 2))[0] == "unknown_voucher"


def test_only_operators_write_vouchers(teller: Teller) -> None:
    assert refused(propose(teller, entry("fees", "participant:3", 1), operator_id=LI))[0] == "wrong_role"
    propose(teller, entry("fees", "participant:3", 1))
    assert refused(approve(teller, operator_id=LI))[0] == "wrong_role"
    assert refused(teller.do(RejectVoucher(operator_id=LI, voucher_id=1, reason="no")))[0] == "wrong_role"


def test_so_many_may_wait(teller: Teller) -> None:
    for number in range(MAXIMUM_PROPOSED):
        teller.treasury.handlers()[ProposeVoucher](
            ProposeVoucher(operator_id=ADA, reference=f"v-{number}", reason="r", entries=(entry("fees", "bank", 1),))
        )
    teller.books.events.clear()
    assert refused(propose(teller, entry("fees", "bank", 1), reference="one more")) == ("too_many_vouchers", None)
    assert teller.restarted().treasury.state() == teller.treasury.state()
