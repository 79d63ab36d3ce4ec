"""Objections with their evidence and answers, disputes with their outcomes, and force majeure."""

from typing import Any

import pytest

from settlement.messages.contracts import (
    AcceptGoods,
    AgreeWeight,
    AnswerObjection,
    ApproveOutcome,
    ConfirmForceMajeure,
    Contract,
    DeclareForceMajeure,
    ObjectQuality,
    OpenDispute,
    PayContract,
    ProposeOutcome,
    RegisterInvoice,
    TenderGoods,
    WithdrawObjection,
)
from tests.settlement.contract_books import (
    CHEN,
    DEPUTY,
    LI,
    OPERATOR,
    WANG,
    ContractBooks,
    causes,
    contract_in,
    time_of,
)

PHOTOGRAPH = "0f" * 32


def objection(claim_fen: int = 50_000, **changed: Any) -> ObjectQuality:
    evidence: dict[str, Any] = {"photo_digests": (PHOTOGRAPH,)} | changed
    return ObjectQuality(participant_id=LI, contract_id=1, reason="crown rot", claim_fen=claim_fen, **evidence)


def answer(*, accepted: bool) -> AnswerObjection:
    return AnswerObjection(participant_id=CHEN, contract_id=1, accepted=accepted, reason="seen at the gate")


def invoice(amount_fen: int) -> RegisterInvoice:
    return RegisterInvoice(participant_id=CHEN, contract_id=1, invoice_number="1", amount_fen=amount_fen)


def outcome(buyer_fen: int, seller_fen: int, risk_fund_fen: int = 0, goods_to: Any = "buyer") -> ProposeOutcome:
    return ProposeOutcome(
        operator_id=OPERATOR,
        contract_id=1,
        buyer_fen=buyer_fen,
        seller_fen=seller_fen,
        risk_fund_fen=risk_fund_fen,
        goods_to=goods_to,
        reason="the laboratory found crown rot in a fifth of the hands",
    )


def approve(who: int = DEPUTY) -> ApproveOutcome:
    return ApproveOutcome(operator_id=who, contract_id=1)


def dispute(who: int = LI) -> OpenDispute:
    return OpenDispute(participant_id=who, contract_id=1, reason="no answer on the telephone")


def delivering(books: ContractBooks) -> Contract:
    books.open()
    books.do(PayContract(participant_id=LI, contract_id=1))
    return contract_in(books.do(TenderGoods(participant_id=CHEN, contract_id=1)))


def part_paid() -> ContractBooks:
    """1,000 kg at 300 fen weighed as agreed: 60,000 of the price and both earnest monies of 60,000 are held."""
    books = ContractBooks()
    books.fetch(delivering(books), 1_000_000)
    return books


def test_an_objection_that_is_granted_comes_out_of_the_second_part() -> None:
    books = part_paid()
    li, chen = books.cash(LI), books.cash(CHEN)
    contract = contract_in(books.do(objection(50_000)))
    assert contract.state == "objected"
    assert books.refused(AcceptGoods(participant_id=LI, contract_id=1)) == "wrong_state"
    assert causes(books.do(answer(accepted=True))) == ["answered"]
    assert books.refused(invoice(300_000)) == "wrong_amount"
    assert causes(books.do(invoice(250_000))) == ["invoiced", "completed"]
    assert (books.cash(LI) - li, books.cash(CHEN) - chen) == (110_000, 70_000)


def test_a_claim_beyond_the_second_part_takes_the_sellers_earnest_money_and_then_his_cash() -> None:
    books = part_paid()
    li, chen = books.cash(LI), books.cash(CHEN)
    books.do(objection(150_000))
    books.spend(CHEN, books.cash(CHEN) - 29_999)
    assert books.refused(answer(accepted=True)) == "insufficient_funds"
    books.deposit(CHEN, 1)
    contract = contract_in(books.do(answer(accepted=True)))
    assert (contract.escrow_fen, contract.seller_earnest_fen, contract.granted_fen) == (0, 0, 150_000)
    assert books.cash(LI) - li == 150_000
    assert (books.cash(CHEN), chen > 0) == (0, True)


def test_an_objection_that_is_denied_is_a_dispute() -> None:
    books = part_paid()
    books.do(objection())
    told = books.do(answer(accepted=False))
    assert causes(told) == ["answered", "disputed"]
    assert (contract_in(told).dispute_opened_by, contract_in(told).dispute_reason) == (CHEN, "seen at the gate")


def test_an_objection_that_nobody_answers_is_a_dispute_after_the_last_day() -> None:
    books = part_paid()
    books.do(objection())
    told = books.wait("2026-10-22")
    assert causes(told) == ["disputed"]
    assert contract_in(told).dispute_reason == "objection_not_answered"


def test_an_objection_that_is_withdrawn_leaves_the_rest_of_the_window() -> None:
    books = part_paid()
    books.do(invoice(300_000))
    books.do(objection())
    withdraw = WithdrawObjection(participant_id=LI, contract_id=1)
    assert contract_in(books.do(withdraw)).state == "part_paid"
    assert books.refused(withdraw) == "wrong_state"
    assert books.refused(objection()) == "already_objected"
    assert causes(books.wait("2026-09-25", 10)) == ["completed"]


def test_an_objection_that_is_withdrawn_after_the_window_ends_the_contract() -> None:
    books = part_paid()
    books.do(invoice(300_000))
    books.do(objection())
    books.wait("2026-09-26")
    assert causes(books.do(WithdrawObjection(participant_id=LI, contract_id=1))) == ["withdrawn", "completed"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"photo_digests": ()}, "no_evidence"),
        ({"laboratory": "Zhanjiang Inspection"}, "incomplete_report"),
        ({"report_number": "ZJ-7"}, "incomplete_report"),
        ({"report_digest": PHOTOGRAPH}, "incomplete_report"),
        ({"claim_fen": 300_001}, "claim_too_high"),
    ],
)
def test_an_objection_needs_evidence_and_measure(changed: dict[str, Any], reason: str) -> None:
    assert part_paid().refused(objection(**changed)) == reason


def test_a_report_alone_is_evidence() -> None:
    books = part_paid()
    books.do(objection(photo_digests=(), laboratory="Zhanjiang Inspection", report_number="ZJ-7"))


def test_after_the_window_or_an_acceptance_it_is_too_late_to_object() -> None:
    books = part_paid()
    books.wait("2026-09-25", 9)
    books.do(AcceptGoods(participant_id=LI, contract_id=1))
    assert books.refused(objection()) == "objection_too_late"
    assert books.refused(AcceptGoods(participant_id=LI, contract_id=1)) == "already_accepted"

    books = part_paid()
    books.wait("2026-09-25", 10)
    assert books.refused(objection()) == "objection_too_late"


def test_quality_can_be_objected_to_while_the_weight_is_not_agreed() -> None:
    books = ContractBooks()
    books.fetch(delivering(books), 800_000)
    # 800 kg are worth 240,000 fen.
    assert books.refused(objection(240_001)) == "claim_too_high"
    assert contract_in(books.do(objection(40_000))).state == "weighed"
    books.do(AgreeWeight(participant_id=LI, contract_id=1, weight_g=800_000))
    told = books.do(AgreeWeight(participant_id=CHEN, contract_id=1, weight_g=800_000))
    assert contract_in(told).state == "objected"
    books.do(answer(accepted=True))
    assert books.account("escrow") == 48_000 - 40_000


# Disputes


def test_two_operators_divide_what_the_contract_holds() -> None:
    books = part_paid()
    li, chen = books.cash(LI), books.cash(CHEN)
    assert causes(books.do(dispute())) == ["disputed"]
    assert books.refused(approve()) == "no_proposal"
    assert books.refused(outcome(180_001, 0)) == "amounts_do_not_add_up"
    assert books.refused(outcome(0, 179_999)) == "amounts_do_not_add_up"
    assert causes(books.do(outcome(100_000, 70_000, 10_000))) == ["proposed"]
    assert books.refused(approve(OPERATOR)) == "same_operator"
    assert books.refused(approve(LI)) == "wrong_role"
    told = books.do(approve())
    assert causes(told) == ["resolved"]
    contract = contract_in(told)
    assert (contract.state, contract.approved_by) == ("resolved", DEPUTY)
    assert (books.cash(LI) - li, books.cash(CHEN) - chen, books.account("risk_fund")) == (100_000, 70_000, 10_000)
    assert (books.account("earnest"), books.account("escrow")) == (0, 0)


def test_a_later_proposal_takes_the_place_of_an_earlier_one() -> None:
    books = part_paid()
    books.do(dispute())
    books.do(outcome(180_000, 0))
    books.do(outcome(0, 180_000))
    assert books.do(approve())
    assert books.ended[1].reason == "the laboratory found crown rot in a fifth of the hands"


def test_while_a_dispute_is_open_no_term_runs() -> None:
    books = part_paid()
    books.do(dispute(CHEN))
    assert books.contracts.next_deadline_ns() is None
    assert books.wait("2026-12-30") == []


def test_only_parties_dispute_and_only_what_can_be() -> None:
    books = ContractBooks()
    books.open()
    assert books.refused(dispute()) == "wrong_state"
    assert books.refused(dispute(WANG)) == "unknown_contract"
    assert books.refused(outcome(0, 120_000)) == "wrong_state"


def test_goods_that_have_not_left_go_where_the_operators_say() -> None:
    books = ContractBooks()
    contract = delivering(books)
    books.do(dispute())
    books.do(outcome(360_000, 60_000, goods_to="seller"))
    books.do(approve())
    assert books.gate.orders == {}
    (receipt,) = books.books.receipts.of(CHEN)
    assert (receipt.weight_g, receipt.state, receipt.parent_receipt_id) == (
        1_000_000,
        "issued",
        contract.receipt_ids[0],
    )
    assert books.books.receipts.of(LI) == []


def test_goods_without_title_may_be_awarded_to_the_buyer() -> None:
    books = ContractBooks()
    books.open()
    books.do(PayContract(participant_id=LI, contract_id=1))
    receipt = books.books.receipts.get(2)
    assert receipt is not None
    books.books.receipts.regrade(books.books.receipts.stock(1), "BXJ-2-SX1-26W39", 2)
    books.wait("2026-09-30")
    books.do(dispute())
    # Two late days of the seller's were 600 fen.
    assert books.refused(outcome(200_000, 220_000)) == "amounts_do_not_add_up"
    books.do(outcome(200_000, 219_400))
    books.do(approve())
    (awarded,) = books.books.receipts.of(LI)
    assert (awarded.weight_g, awarded.state) == (1_000_000, "issued")


def test_goods_that_leave_during_a_dispute_are_counted_and_nothing_else() -> None:
    books = ContractBooks()
    contract = delivering(books)
    books.do(dispute())
    books.do(outcome(0, 420_000))
    told = books.fetch(contract, 1_000_000)
    assert (contract_in(told).state, contract_in(told).weighed_g) == ("disputed", 1_000_000)
    books.do(approve())
    assert books.ended[1].state == "resolved"


# Force majeure


def declare() -> DeclareForceMajeure:
    return DeclareForceMajeure(operator_id=OPERATOR, contract_id=1, reason="typhoon")


def confirm(who: int = DEPUTY) -> ConfirmForceMajeure:
    return ConfirmForceMajeure(operator_id=who, contract_id=1)


@pytest.mark.parametrize("title_passed", [False, True])
def test_by_force_majeure_all_goes_back_but_the_fee(title_passed: bool) -> None:
    books = ContractBooks()
    books.open()
    # Before the trade: 600,000 and 300,000.
    books.do(PayContract(participant_id=LI, contract_id=1))
    if title_passed:
        books.do(TenderGoods(participant_id=CHEN, contract_id=1))
    books.do(declare())
    assert books.refused(confirm(OPERATOR)) == "same_operator"
    assert books.refused(approve()) == "wrong_state"
    told = books.do(confirm())
    assert (contract_in(told).state, contract_in(told).reason) == ("annulled", "typhoon")
    assert (books.cash(LI), books.cash(CHEN), books.account("fees")) == (599_850, 299_850, 300)
    (receipt,) = books.books.receipts.of(CHEN)
    assert (receipt.state, receipt.weight_g) == ("issued", 1_000_000)
    assert books.gate.orders == {}


def test_goods_that_have_left_are_no_case_of_force_majeure() -> None:
    books = ContractBooks()
    contract = delivering(books)
    books.do(declare())
    receipt = books.books.receipts.get(contract.receipt_ids[0])
    assert receipt is not None
    books.let("on_weighed_out", 1, 1, 400_000, 400_000, False, 0, None)
    assert books.refused(confirm()) == "already_delivered"
    assert books.refused(declare()) == "already_delivered"


def test_a_proposal_of_one_kind_is_not_confirmed_as_another() -> None:
    books = ContractBooks()
    delivering(books)
    assert books.refused(confirm()) == "no_proposal"
    books.do(dispute())
    books.do(outcome(420_000, 0))
    assert books.refused(confirm()) == "no_proposal"
    books.do(declare())
    assert books.refused(approve()) == "no_proposal"
    assert books.now(contract_in(books.do(confirm()))).ended_ns == time_of("2026-09-23", 10)
