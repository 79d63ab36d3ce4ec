"""Contracts of which somebody is late: charges day by day, default, spoiled goods, and goods that nobody fetches."""

import pytest

from settlement.ledger import participant_account
from settlement.messages import Hold, ReceiptChanged
from settlement.messages.contracts import Contract, ContractTerms, PayContract, TenderGoods
from tests.settlement.contract_books import CHEN, LI, SYMBOL, ContractBooks, causes, contract_in, time_of

# 1,000 kg at 300 fen: 300,000 fen, earnest money 60,000 each, a late day 300. D3 ends with Monday the 28th.

BY_HAND = ContractTerms(automatic_tender=False)


def pay(who: int = LI) -> PayContract:
    return PayContract(participant_id=who, contract_id=1)


def tender() -> TenderGoods:
    return TenderGoods(participant_id=CHEN, contract_id=1)


def test_a_buyer_who_pays_late_is_charged_for_each_begun_day() -> None:
    books = ContractBooks()
    books.open()
    chen = books.cash(CHEN)
    told = books.wait("2026-09-29")
    contract = contract_in(told)
    assert causes(told) == ["overdue"]
    assert (contract.state, contract.late, contract.late_days, contract.tendered) == ("overdue", "buyer", 1, True)
    assert (contract.buyer_earnest_fen, contract.buyer_late_fen, books.cash(CHEN) - chen) == (59_700, 300, 300)
    assert causes(books.wait("2026-09-30", 12)) == ["charged"]
    told = books.do(pay())
    assert causes(told) == ["paid", "title_passed"]
    contract = contract_in(told)
    assert (contract.state, contract.late, contract.buyer_late_fen, contract.escrow_fen) == (
        "delivering",
        None,
        600,
        300_000,
    )
    # Two days late: what follows is put off by as many.
    assert contract.pickup_by_ns == time_of("2026-10-03")
    assert contract.final_by_ns == time_of("2026-10-24")


def test_a_buyer_who_never_pays_loses_his_earnest_money_after_thirty_days() -> None:
    books = ContractBooks()
    books.open()
    li, chen = books.cash(LI), books.cash(CHEN)
    told = books.wait("2026-10-28", 23)
    assert causes(told) == ["overdue"] + 29 * ["charged"]
    assert contract_in(told).buyer_earnest_fen == 60_000 - 30 * 300
    told = books.wait("2026-10-29")
    contract = contract_in(told)
    assert causes(told) == ["defaulted"]
    assert (contract.state, contract.late, contract.reason, contract.buyer_late_fen) == (
        "defaulted",
        "buyer",
        "too_late",
        9_000,
    )
    assert books.cash(LI) == li
    assert books.cash(CHEN) - chen == 120_000
    receipt = books.books.receipts.get(2)
    assert receipt is not None
    assert (receipt.participant_id, receipt.state) == (CHEN, "issued")
    assert [event.cause for event in told if isinstance(event, ReceiptChanged)] == ["lifted"]


def test_a_seller_who_tenders_late_pays_the_buyer() -> None:
    books = ContractBooks(BY_HAND)
    books.open()
    books.do(pay())
    li = books.cash(LI)
    contract = contract_in(books.wait("2026-09-30"))
    assert (contract.late, contract.seller_late_fen, contract.seller_earnest_fen) == ("seller", 600, 59_400)
    assert books.cash(LI) - li == 600
    assert causes(books.do(tender())) == ["tendered", "title_passed"]


def test_a_seller_who_never_tenders_loses_his_earnest_money_and_the_price_returns() -> None:
    books = ContractBooks(BY_HAND)
    books.open()
    li = books.cash(LI)
    books.do(pay())
    contract = contract_in(books.wait("2026-10-29"))
    assert (contract.state, contract.late) == ("defaulted", "seller")
    assert books.cash(LI) - li == 120_000


def test_where_both_are_late_neither_is_charged_and_both_pay_the_risk_fund() -> None:
    books = ContractBooks(BY_HAND)
    books.open()
    li, chen = books.cash(LI), books.cash(CHEN)
    told = books.wait("2026-10-28", 23)
    assert (contract_in(told).late, books.account("earnest")) == ("both", 120_000)
    contract = contract_in(books.wait("2026-10-29"))
    assert (contract.state, contract.late) == ("defaulted", "both")
    assert books.account("risk_fund") == 60_000
    assert (books.cash(LI) - li, books.cash(CHEN) - chen) == (30_000, 30_000)


def test_an_odd_fen_of_two_defaulters_is_theirs() -> None:
    books = ContractBooks(BY_HAND)
    books.open(price=301, quantity=5)
    # ⌈20 % of 1,505⌉ = 301 of each: 150 to the fund, 151 back.
    li = books.cash(LI)
    books.wait("2026-10-29")
    assert (books.account("risk_fund"), books.cash(LI) - li) == (300, 151)


def test_who_does_his_part_is_late_no_longer() -> None:
    books = ContractBooks(BY_HAND)
    books.open()
    books.wait("2026-09-30")
    contract = contract_in(books.do(pay()))
    assert (contract.state, contract.late) == ("overdue", "seller")
    contract = contract_in(books.wait("2026-10-02"))
    assert (contract.late_days, contract.seller_late_fen, contract.buyer_late_fen) == (4, 600, 0)

    books = ContractBooks(BY_HAND)
    books.open()
    books.wait("2026-09-30")
    contract = contract_in(books.do(tender()))
    assert (contract.state, contract.late) == ("overdue", "buyer")
    assert books.refused(tender()) == "already_tendered"
    contract = contract_in(books.wait("2026-10-01"))
    assert (contract.late_days, contract.buyer_late_fen, contract.seller_late_fen) == (3, 300, 0)


def test_a_late_charge_that_earnest_money_does_not_cover_is_taken_from_cash_as_far_as_it_reaches() -> None:
    books = ContractBooks(ContractTerms(earnest_permille=2, tolerance_permille=0, late_permille=1))
    books.open()
    books.spend(LI, books.cash(LI) - 100)
    contract = contract_in(books.wait("2026-10-02"))
    # 600 of earnest money are two days; the third finds 100 of cash, the fourth nothing.
    assert (contract.late_days, contract.buyer_late_fen, contract.buyer_earnest_fen) == (4, 700, 0)
    assert books.cash(LI) == 0


def test_goods_that_spoil_in_time_end_a_contract_without_fault() -> None:
    books = ContractBooks()
    books.store(1_000, expires="2026-10-15")
    for who in (CHEN, LI):
        books.deposit(who, 600_000)
    li, chen = books.cash(LI), books.cash(CHEN)
    books.trade()
    books.do(pay())
    stock = books.books.receipts.stock(1)
    books.books.receipts.shorten(stock, time_of("2026-09-27", 12))
    told = books.wait("2026-09-29")
    contract = contract_in(told)
    assert (contract.state, contract.reason) == ("terminated", "goods_expired")
    # But for the fee, which stays.
    assert (li - books.cash(LI), chen - books.cash(CHEN)) == (150, 150)


def test_goods_that_spoil_while_somebody_is_late_are_his_default() -> None:
    books = ContractBooks()
    books.store(1_000, expires="2026-10-03")
    for who in (CHEN, LI):
        books.deposit(who, 600_000)
    books.trade()
    contract = contract_in(books.wait("2026-10-10"))
    assert (contract.state, contract.late, contract.reason) == ("defaulted", "buyer", "goods_expired")
    assert contract.ended_ns == time_of("2026-10-03")
    assert contract.buyer_late_fen == 4 * 300


def test_goods_on_hold_are_not_tendered_and_the_seller_is_late() -> None:
    books = ContractBooks()
    books.open()
    books.do(pay())
    receipt = books.books.receipts.get(2)
    assert receipt is not None
    hold = Hold(cause="quality", reason="rot", operator_id=2, since_ns=books.books.time_ns)
    books.books.receipts.hold(receipt, hold)
    assert books.refused(tender()) == "goods_not_at_hand"
    contract = contract_in(books.wait("2026-09-29"))
    assert (contract.state, contract.late) == ("overdue", "seller")
    books.books.receipts.lift(receipt, "quality")
    assert causes(books.do(tender())) == ["tendered", "title_passed"]


def test_goods_that_were_tendered_and_put_on_hold_are_tendered_no_longer() -> None:
    books = ContractBooks()
    books.open()
    books.do(tender())
    receipt = books.books.receipts.get(2)
    assert receipt is not None
    hold = Hold(cause="quality", reason="rot", operator_id=2, since_ns=books.books.time_ns)
    books.books.receipts.hold(receipt, hold)
    contract = contract_in(books.do(pay()))
    assert (contract.state, contract.paid, contract.tendered) == ("paid", True, False)
    contract = contract_in(books.wait("2026-09-29"))
    assert (contract.state, contract.late) == ("overdue", "seller")


def test_goods_of_another_grade_by_now_are_not_what_was_sold() -> None:
    books = ContractBooks()
    books.open()
    books.do(pay())
    books.books.receipts.regrade(books.books.receipts.stock(1), "BXJ-2-SX1-26W39", 2)
    contract = contract_in(books.wait("2026-09-29"))
    assert (contract.state, contract.late) == ("overdue", "seller")


def test_a_buyer_who_fetches_late_is_charged_and_then_the_goods_count_as_fetched() -> None:
    books = ContractBooks()
    books.open()
    books.do(pay())
    books.do(tender())
    chen = books.cash(CHEN)
    contract = contract_in(books.wait("2026-10-01"))
    assert (contract.state, contract.late, contract.late_days) == ("uncollected", "buyer", 1)
    told = books.wait("2026-10-31")
    assert causes(told)[-2:] == ["quantity_agreed", "completed"]
    contract = contract_in(told)
    assert (contract.settled_g, contract.weight_reason, contract.accepted) == (1_000_000, "not_collected", True)
    assert contract.buyer_late_fen == 9_000
    assert books.cash(CHEN) - chen == 300_000 + 9_000 + 60_000
    receipt = books.books.receipts.get(contract.receipt_ids[0])
    assert receipt is not None
    assert (receipt.participant_id, receipt.state) == (LI, "delivery_ordered")
    # The gate goes on with the delivery; the contract is over.
    books.load_out(1)
    assert books.let("on_weighed_out", 1, 1, 1_000_000, 1_000_000, True, 0, None) == []
    assert books.contracts.collection.default_of(1) is None
    assert books.contracts.collection.cover_of(1, 1_000) == (0, 0)


def test_a_buyer_who_fetches_late_pays_for_the_days_and_no_more() -> None:
    books = ContractBooks()
    books.open()
    books.do(pay())
    contract = contract_in(books.do(tender()))
    books.wait("2026-10-02", 9)
    told = books.fetch(contract, 1_000_000)
    assert causes(told) == ["picked_up", "quantity_agreed"]
    contract = contract_in(told)
    assert (contract.late, contract.late_days, contract.buyer_late_fen) == (None, 0, 600)


@pytest.mark.parametrize("weight_g", [700_000, 1_000_000])
def test_goods_that_spoil_with_a_late_buyer_are_his(weight_g: int) -> None:
    books = ContractBooks()
    books.store(1_000, expires="2026-10-05")
    for who in (CHEN, LI):
        books.deposit(who, 600_000)
    books.trade()
    books.do(pay())
    contract = contract_in(books.do(tender()))
    left_g = 1_000_000 - weight_g
    if left_g:
        told = books.let("on_weighed_out", 1, contract.delivery_ids[0], left_g, left_g, False, 0, None)
        assert causes(told) == ["picked_up"]
        receipt = books.books.receipts.get(contract.receipt_ids[0])
        assert receipt is not None
        stock = books.books.receipts.load_out(receipt, left_g)
        books.books.move_goods(stock, participant_account(LI), stock.account, left_g)
    told = books.wait("2026-10-06")
    contract = contract_in(told)
    assert (contract.settled_g, contract.state) == (1_000_000, "part_paid")
    assert contract.weighed_ns == time_of("2026-10-05")


def test_goods_under_contract_are_not_sold_again_before_it_is_over() -> None:
    books = ContractBooks()
    books.open()
    receipts = books.books.receipts
    assert receipts.reserve(CHEN, SYMBOL, 1, None, []) == "insufficient_goods"
    assert receipts.reserve(CHEN, SYMBOL, 1, (2,), []) == "unknown_receipt"
    books.do(pay())
    contract: Contract = contract_in(books.do(tender()))
    assert receipts.reserve(LI, SYMBOL, 1, contract.receipt_ids, []) == "unknown_receipt"
    assert receipts.reserve(LI, SYMBOL, 1, None, []) == "insufficient_goods"
