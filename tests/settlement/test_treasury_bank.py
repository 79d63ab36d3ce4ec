"""The bank's statements: each line is somebody's or waits for two operators; nothing is lost, nothing taken twice."""

from typing import Any

import pytest

from settlement.bank import OLDEST_DAYS
from settlement.messages import LedgerPosted, RequestRefused
from settlement.messages.treasury import (
    MAXIMUM_LINES,
    ApproveRelease,
    ProposeRelease,
    RejectRelease,
    RejectWithdrawal,
    StatementImported,
    Withdrawal,
    WithdrawalChanged,
)
from settlement.payment_codes import deposit_code
from tests.settlement.teller import ADA, BO, LI, TODAY, WANG, Teller, kinds, line, lines_of, only, reconciled, told

YESTERDAY = "2026-11-23"


@pytest.fixture
def teller() -> Teller:
    return Teller()


def refusal(events: list[Any]) -> tuple[str, str | None, str]:
    """(reason, field, detail) of a command that led to nothing else."""
    (event,) = events
    assert isinstance(event, RequestRefused)
    return event.reason, event.field, event.detail


def posted(events: list[Any]) -> list[tuple[str, int, list[str]]]:
    return [
        (event.cause, event.reference_id, told(event.transfers)) for event in events if isinstance(event, LedgerPosted)
    ]


def propose(teller: Teller, line_id: int, to: Any, operator_id: int = ADA, **named: Any) -> list[Any]:
    return teller.do(ProposeRelease(operator_id=operator_id, line_id=line_id, to=to, reason="he called", **named))


def approve(teller: Teller, line_id: int, operator_id: int = BO) -> list[Any]:
    return teller.do(ApproveRelease(operator_id=operator_id, line_id=line_id))


def test_a_day_at_the_bank(teller: Teller) -> None:
    events = teller.statement(
        line("b-1", 50_000, virtual_account="P3", counterparty="李明"),
        line("b-2", 30_000, f"货款 {deposit_code(WANG)}"),
        line("b-3", 900, "hello"),
        line("b-4", -25, "账户管理费"),
        opening_fen=0,
    )
    assert kinds(events) == [
        "statement_imported",
        *("bank_line_changed", "ledger_posted"),
        *("bank_line_changed", "ledger_posted"),
        *("bank_line_changed", "ledger_posted"),
        "bank_line_changed",
        "statement_reconciled",
    ]
    imported = only(StatementImported, events)
    assert (imported.statement_id, imported.lines, imported.paid_in_fen, imported.paid_out_fen) == (1, 4, 80_900, 25)
    assert [(each.line_id, each.state, each.matched_by, each.unmatched) for each in lines_of(events)] == [
        (1, "booked", "virtual_account", None),
        (2, "booked", "deposit_code", None),
        (3, "suspense", None, "no_code"),
        (4, "unassigned", None, "no_code"),
    ]
    assert posted(events) == [
        ("statement", 1, ["bank -> participant:3 50000"]),
        ("statement", 2, ["bank -> participant:4 30000"]),
        ("suspense", 3, ["bank -> suspense 900"]),
    ]
    assert (teller.money(LI), teller.money(WANG)) == ((50_000, 0), (30_000, 0))
    day = reconciled(events)
    assert (day.bank_fen, day.ledger_fen, day.difference_fen) == (80_875, 80_900, -25)
    assert (day.unassigned, day.unassigned_fen, day.unexplained_fen) == (1, 25, 0)
    assert (day.suspense, day.suspense_fen) == (1, 900)


@pytest.mark.parametrize(
    ("fields", "unmatched"),
    [
        ({"virtual_account": "P99"}, "unknown_virtual_account"),
        ({"virtual_account": "62284800", "memo": ""}, "no_code"),
        ({"memo": "RJ00000304 x " + deposit_code(4)}, "wrong_check_digits"),
        ({"memo": deposit_code(3) + " " + deposit_code(4)}, "several_codes"),
        ({"memo": deposit_code(99)}, "unknown_participant"),
        ({"memo": "退汇 TX00000195"}, "returned_payment"),
    ],
)
def test_what_came_in_and_is_nobody_s_lies_in_suspense(teller: Teller, fields: Any, unmatched: str) -> None:
    events = teller.statement(line("b-1", 900, **fields))
    (suspended,) = lines_of(events)
    assert (suspended.state, suspended.unmatched, suspended.participant_id) == ("suspense", unmatched, None)
    assert teller.own() == {"bank": -900, "suspense": 900}


def test_the_virtual_account_counts_more_than_the_memo(teller: Teller) -> None:
    teller.statement(
        line("b-1", 900, deposit_code(WANG), virtual_account="P3"),
        line("b-2", 100, deposit_code(WANG), virtual_account="the venue's own"),
    )
    assert (teller.money(LI), teller.money(WANG)) == ((900, 0), (100, 0))


@pytest.mark.parametrize(
    ("changes", "reason", "field", "detail"),
    [
        ({"operator_id": LI}, "wrong_role", "operator_id", ""),
        ({"operator_id": 99}, "unknown_participant", "operator_id", ""),
        ({"date": "2026-02-30"}, "outside_calendar", "date", "2026-02-30"),
        ({"date": "2026-11-25"}, "outside_calendar", "date", f"last {OLDEST_DAYS}"),
        ({"date": "2025-11-22"}, "outside_calendar", "date", ""),
        ({"date": YESTERDAY}, "duplicate_statement", "date", YESTERDAY),
        ({"date": "2026-11-22"}, "out_of_order", "date", YESTERDAY),
        ({"lines": (line("x", 1),) * (MAXIMUM_LINES + 1)}, "too_many_lines", "lines", "5001"),
        ({"lines": (line("x", 1), line("y", 0))}, "invalid_amount_fen", "lines", "line 2"),
        ({"lines": (line("x", 1), line("x", 1))}, "duplicate_bank_reference", "lines", "line 2: x"),
        ({"lines": (line("b-1", 1),)}, "duplicate_bank_reference", "lines", "line 1: b-1"),
        ({"opening_fen": 499}, "balance_gap", "opening_fen", "499 fen, the statement of 2026-11-23 closed with 500"),
        ({"closing_fen": 501}, "lines_do_not_add_up", "closing_fen", "make 601 fen, not 501"),
        (
            {"lines": tuple(line(f"x-{at}", 2**53 - 1) for at in range(1025)), "closing_fen": 500 + 1025 * (2**53 - 1)},
            "exceeds_maximum",
            "lines",
            "",
        ),
    ],
)
def test_a_statement_that_breaks_a_rule_leaves_no_trace(
    teller: Teller, changes: Any, reason: str, field: str, detail: str
) -> None:
    teller.statement(line("b-1", 500), date=YESTERDAY)
    before = teller.treasury.state(), teller.books.ledger.state()
    lines = changes.get("lines", (line("b-2", 101),))
    fields = {"date": TODAY, "opening_fen": 500} | {name: value for name, value in changes.items() if name != "lines"}
    events = teller.statement(*lines, **fields)
    assert refusal(events)[:2] == (reason, field)
    assert detail in refusal(events)[2]
    assert (teller.treasury.state(), teller.books.ledger.state()) == before


def test_the_same_day_again_is_refused_however_it_was_taken(teller: Teller) -> None:
    teller.statement(line("b-1", 500), date=YESTERDAY)
    teller.statement(opening_fen=500, date=TODAY)
    for date in (YESTERDAY, TODAY):
        assert refusal(teller.statement(date=date, opening_fen=500))[0] == "duplicate_statement"
    assert refusal(teller.statement(date="2026-11-20"))[0] == "out_of_order"


def test_the_first_statement_opens_with_what_the_bank_says(teller: Teller) -> None:
    day = reconciled(teller.statement(line("b-1", 500, virtual_account="P3"), opening_fen=70_000))
    assert (day.bank_fen, day.ledger_fen, day.difference_fen, day.unexplained_fen) == (70_500, 500, 70_000, 70_000)


def test_a_deposit_by_hand_is_not_booked_again(teller: Teller) -> None:
    teller.deposit(LI, 500, "b-1")
    teller.deposit(WANG, 300, "b-2")
    events = teller.statement(line("b-1", 500, virtual_account="P3"), date=YESTERDAY)
    (shown,) = lines_of(events)
    assert (shown.state, shown.matched_by, shown.participant_id) == ("booked", "by_hand", LI)
    assert teller.money(LI) == (500, 0)
    day = reconciled(events)
    assert (day.difference_fen, day.by_hand, day.by_hand_fen, day.unexplained_fen) == (-300, 1, 300, 0)
    # The bank had another amount: what differs stays to be explained.
    day = reconciled(teller.statement(line("b-2", 290), opening_fen=500))
    assert (day.difference_fen, day.by_hand, day.unexplained_fen) == (-10, 0, -10)


def test_what_a_statement_has_shown_cannot_be_booked_by_hand(teller: Teller) -> None:
    teller.statement(line("b-1", 500, virtual_account="P3"))
    assert refusal(teller.deposit(WANG, 500, "b-1"))[:2] == ("duplicate_reference", "reference")


@pytest.mark.parametrize(
    ("memo", "amount_fen", "unmatched"),
    [
        ("", 700, "no_code"),
        ("TX00000196", 700, "wrong_check_digits"),
        ("TX00000195 TX00000292", 700, "several_codes"),
        ("TX00000389", 700, "unknown_withdrawal"),
        ("TX00000292", 200, "not_in_flight"),
        ("TX00000195", 699, "amount_differs"),
    ],
)
def test_what_went_out_and_is_no_withdrawal_is_not_in_the_ledger_yet(
    teller: Teller, memo: str, amount_fen: int, unmatched: str
) -> None:
    teller.deposit(LI, 1_000, "b-1")
    teller.withdrawal(LI, 700)
    teller.ask(LI, 200, "w-2")
    events = teller.statement(line("b-1", 1_000), line("b-2", -amount_fen, memo))
    assert [(each.state, each.unmatched) for each in lines_of(events)][1:] == [("unassigned", unmatched)]
    assert (teller.money(LI), teller.own()) == ((1_000, 900), {"bank": -1_000})
    day = reconciled(events)
    assert (day.unassigned_fen, day.in_flight_fen, day.unexplained_fen) == (amount_fen, 700, 0)


def test_a_withdrawal_is_paid_once(teller: Teller) -> None:
    teller.deposit(LI, 1_000, "b-1")
    teller.withdrawal(LI, 400)
    events = teller.statement(line("b-1", 1_000), line("b-2", -400, "TX00000195"), line("b-3", -400, "TX00000195"))
    assert [(each.state, each.unmatched) for each in lines_of(events)] == [
        ("booked", None),
        ("booked", None),
        ("unassigned", "not_in_flight"),
    ]
    assert teller.money(LI) == (600, 0)


# Lines that two operators release


@pytest.fixture
def suspended(teller: Teller) -> Teller:
    """Line 1 came in, line 2 went out, and both are nobody's; Li has 1,000 fen by line 3."""
    teller.statement(
        line("b-1", 900, "hello", counterparty="张三", counterparty_account="6222"),
        line("b-2", -25, "fee"),
        line("b-3", 1_000, virtual_account="P3"),
    )
    return teller


def test_four_eyes_credit_a_participant(suspended: Teller) -> None:
    (proposed,) = lines_of(propose(suspended, 1, "participant", participant_id=WANG))
    assert proposed.release is not None
    assert (proposed.state, proposed.release.proposed_by, proposed.release.approved_by) == ("suspense", ADA, None)
    assert suspended.money(WANG) == (0, 0)
    assert refusal(approve(suspended, 1, ADA))[:2] == ("same_operator", "operator_id")
    events = approve(suspended, 1)
    (released,) = lines_of(events)
    assert (released.state, released.participant_id) == ("released", WANG)
    assert released.release is not None
    assert released.release.approved_by == BO
    assert posted(events) == [("suspense", 1, ["suspense -> participant:4 900"])]
    assert (suspended.money(WANG), suspended.own()) == ((900, 0), {"bank": -1_900})
    assert refusal(approve(suspended, 1))[0] == "unknown_line"


def test_four_eyes_take_what_the_venue_earned_or_owes(suspended: Teller) -> None:
    propose(suspended, 1, "venue", account="risk_fund")
    assert posted(approve(suspended, 1)) == [("suspense", 1, ["suspense -> risk_fund 900"])]
    propose(suspended, 2, "venue", account="fees")
    assert refusal(approve(suspended, 2))[:2] == ("insufficient_funds", "line_id")
    suspended.do(RejectRelease(operator_id=BO, line_id=2, reason="no fees yet"))
    propose(suspended, 2, "venue", BO, account="risk_fund")
    assert posted(approve(suspended, 2, ADA)) == [("suspense", 2, ["risk_fund -> bank 25"])]
    assert suspended.own() == {"bank": -1_875, "risk_fund": 875}
    suspended.wait(24 * 3_600 * 10**9)
    assert reconciled(suspended.statement(opening_fen=1_875, date="2026-11-25")).difference_fen == 0


def test_four_eyes_charge_a_participant_what_he_has_free(suspended: Teller) -> None:
    propose(suspended, 2, "participant", participant_id=WANG)
    assert refusal(approve(suspended, 2))[0] == "insufficient_funds"
    suspended.do(RejectRelease(operator_id=ADA, line_id=2, reason="was Li's"))
    propose(suspended, 2, "participant", participant_id=LI)
    assert posted(approve(suspended, 2)) == [("suspense", 2, ["participant:3 -> bank 25"])]
    assert (suspended.money(LI), suspended.own()) == ((975, 0), {"bank": -1_875, "suspense": 900})


def test_four_eyes_know_a_withdrawal_whose_number_the_bank_has_lost(teller: Teller) -> None:
    teller.deposit(LI, 1_000, "b-1")
    teller.withdrawal(LI, 400)
    teller.ask(LI, 100, "w-2")
    teller.statement(line("b-1", 1_000), line("b-2", -400, "payment"))
    assert refusal(propose(teller, 2, "withdrawal", withdrawal_id=9))[0] == "unknown_withdrawal"
    assert refusal(propose(teller, 2, "withdrawal", withdrawal_id=2))[0] == "not_in_flight"
    propose(teller, 2, "withdrawal", withdrawal_id=1)
    events = approve(teller, 2)
    assert only(WithdrawalChanged, events).withdrawal.state == "paid"
    assert teller.money(LI) == (600, 100)


def test_a_withdrawal_that_ends_before_the_approval(teller: Teller) -> None:
    teller.deposit(LI, 1_000, "b-1")
    teller.withdrawal(LI, 400)
    teller.statement(line("b-1", 1_000), line("b-2", -400, "payment"))
    propose(teller, 2, "withdrawal", withdrawal_id=1)
    for operator_id in (ADA, BO):
        teller.do(RejectWithdrawal(operator_id=operator_id, withdrawal_id=1, reason="the bank says no"))
    assert refusal(approve(teller, 2))[:2] == ("not_in_flight", "line_id")


def refunded(teller: Teller) -> Withdrawal:
    propose(teller, 1, "sender")
    events = approve(teller, 1)
    assert [each.state for each in lines_of(events)] == ["returning"]
    withdrawal: Withdrawal = only(WithdrawalChanged, events).withdrawal
    return withdrawal


def test_four_eyes_pay_it_back_to_the_sender(suspended: Teller) -> None:
    withdrawal = refunded(suspended)
    assert (withdrawal.participant_id, withdrawal.line_id, withdrawal.amount_fen) == (None, 1, 900)
    assert (withdrawal.payee_name, withdrawal.payee_account) == ("张三", "6222")
    assert (withdrawal.state, withdrawal.approvals) == ("approved", (ADA, BO))
    assert suspended.books.ledger.available("CNY", "suspense") == 0
    assert refusal(propose(suspended, 1, "participant", participant_id=LI))[0] == "already_proposed"
    assert refusal(approve(suspended, 1))[0] == "not_proposed"
    again = suspended.restarted()
    again.wait(24 * 3_600 * 10**9)
    events = again.statement(line("b-9", -900, withdrawal.number), opening_fen=1_875, date="2026-11-25")
    assert [(each.line_id, each.state) for each in lines_of(events)] == [(4, "booked"), (1, "released")]
    assert posted(events) == [("withdrawal", 1, ["suspense -> bank 900"])]
    assert again.own() == {"bank": -1_000}
    assert reconciled(events).difference_fen == -25


def test_what_the_bank_will_not_return_lies_in_suspense_again(suspended: Teller) -> None:
    refunded(suspended)
    suspended.do(RejectWithdrawal(operator_id=ADA, withdrawal_id=1, reason="account closed"))
    events = suspended.do(RejectWithdrawal(operator_id=BO, withdrawal_id=1, reason="account closed"))
    (line_,) = lines_of(events)
    assert (line_.line_id, line_.state, line_.release, line_.withdrawal_id) == (1, "suspense", None, None)
    propose(suspended, 1, "participant", participant_id=LI)
    approve(suspended, 1)
    assert suspended.money(LI) == (1_900, 0)


@pytest.mark.parametrize(
    ("line_id", "to", "named", "reason", "field"),
    [
        (3, "participant", {"participant_id": LI}, "unknown_line", "line_id"),
        (9, "participant", {"participant_id": LI}, "unknown_line", "line_id"),
        (1, "withdrawal", {"withdrawal_id": 1}, "invalid_to", "to"),
        (2, "sender", {}, "invalid_to", "to"),
        (1, "participant", {}, "invalid_participant_id", "participant_id"),
        (1, "participant", {"participant_id": LI, "account": "fees"}, "invalid_account", "account"),
        (1, "venue", {"account": "fees", "participant_id": LI}, "invalid_participant_id", "participant_id"),
        (1, "venue", {}, "invalid_account", "account"),
        (1, "venue", {"account": "escrow"}, "invalid_account", "account"),
        (1, "venue", {"account": "bank"}, "invalid_account", "account"),
        (1, "sender", {"withdrawal_id": 1}, "invalid_withdrawal_id", "withdrawal_id"),
        (1, "participant", {"participant_id": 99}, "unknown_participant", "participant_id"),
        (2, "withdrawal", {"withdrawal_id": 1}, "unknown_withdrawal", "withdrawal_id"),
    ],
)
def test_a_proposal_that_makes_no_sense(
    suspended: Teller, line_id: int, to: str, named: Any, reason: str, field: str
) -> None:
    assert refusal(propose(suspended, line_id, to, **named))[:2] == (reason, field)


def test_a_sender_without_an_account_cannot_be_paid_back(teller: Teller) -> None:
    teller.statement(line("b-1", 900, counterparty="cash desk"))
    assert refusal(propose(teller, 1, "sender"))[:2] == ("no_sender", "to")


def test_only_operators_decide(suspended: Teller) -> None:
    assert refusal(propose(suspended, 1, "participant", LI, participant_id=LI))[0] == "wrong_role"
    propose(suspended, 1, "participant", participant_id=LI)
    assert refusal(approve(suspended, 1, LI))[0] == "wrong_role"
    reject = RejectRelease(operator_id=LI, line_id=1, reason="no")
    assert refusal(suspended.do(reject))[0] == "wrong_role"
    assert refusal(propose(suspended, 1, "venue", account="fees"))[0] == "already_proposed"
    assert refusal(approve(suspended, 2))[0] == "not_proposed"


def test_a_restart_forgets_neither_lines_nor_references(suspended: Teller) -> None:
    propose(suspended, 1, "participant", participant_id=WANG)
    suspended.deposit(LI, 5, "by hand")
    again = suspended.restarted()
    assert refusal(again.statement(opening_fen=1_875))[0] == "duplicate_statement"
    again.wait(24 * 3_600 * 10**9)
    twice = again.statement(line("b-3", 1), opening_fen=1_875, date="2026-11-25")
    assert refusal(twice)[0] == "duplicate_bank_reference"
    events = again.statement(line("by hand", 5), opening_fen=1_875, date="2026-11-25")
    assert lines_of(events)[0].matched_by == "by_hand"
    approve(again, 1)
    assert again.money(WANG) == (900, 0)


def test_references_of_old_statements_are_forgotten(teller: Teller) -> None:
    teller.statement(line("b-1", 5, virtual_account="P3"))
    teller.wait(401 * 24 * 3_600 * 10**9)
    teller.statement(line("b-2", 5, virtual_account="P3"), opening_fen=5, date="2027-12-29")
    teller.deposit(LI, 5, "b-1")
    assert teller.money(LI) == (15, 0)
