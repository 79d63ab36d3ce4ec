"""Goods that do not come are bought in from the book at the defaulter's cost, or paid for in money."""

from typing import Any

import pytest

from settlement.buy_in import Cover, affordable, cash_price, cost_fen, limit_price
from settlement.messages import HoldReceipt, LedgerPosted, ReceiptChanged
from settlement.messages.delivery import BuyInAttempted, DeliveryTerms, SlotChanged
from tests.exchange.floor import CHEN, DAY_NS, LI, OPERATOR, SYMBOL, WANG, WAREHOUSE, told
from tests.exchange.gate import SECOND_OPERATOR, Gate, wall


def failed(cause: str = "missing", kilograms: int = 4_000, *, reported_by: int = WAREHOUSE, **venue: Any) -> Gate:
    """Li's goods, bought at 250, do not come: delivery 1 has failed. He has no money left."""
    gate = Gate(**({"docks": ()} | venue))
    receipt_id = gate.bought(kilograms)
    free_fen = gate.money(LI)[0]
    gate.adjust(LI, WANG, free_fen, "li-spends-it-all")
    gate.request(receipt_id)
    if cause == "held":
        gate.do(HoldReceipt(operator_id=OPERATOR, receipt_id=receipt_id, cause="quality", reason="mould"))
    if cause == "expired":
        gate.time_ns += 40 * DAY_NS
    gate.report_failure(1, cause, reported_by)
    assert gate.order().state == "failed"
    return gate


def risk_fund(gate: Gate, amount_fen: int) -> None:
    """Wang has paid into the venue's risk fund."""
    books = gate.engine._books
    books.pay(books.purses[WANG], "risk_fund", amount_fen)
    books.purse_digest.changed[WANG] = None
    books.balances.clear()


# Reporting


def test_a_failure_is_reported_with_its_cause_and_frees_the_dock() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(11))
    gate.report_failure(delivery_id)
    order = gate.order()
    assert (order.state, order.failed_g, order.failure, order.reported_by) == ("failed", 4_000_000, "missing", 2)
    assert order.failure_reason == "the pallets are not there"
    assert gate.only(SlotChanged).slot.state == "cancelled"
    assert gate.goods(LI) == (4_000_000, 4_000_000), "title stays until two people have decided"
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.refusal() == ("delivery_failed", "delivery_id")
    gate.report_failure(delivery_id)
    assert gate.refusal() == ("delivery_failed", "delivery_id")


def test_what_is_no_failure() -> None:
    gate = Gate(docks=())
    delivery_id = gate.request(gate.bought(4_000))
    gate.report_failure(delivery_id, operator_id=LI)
    assert gate.refusal() == ("wrong_role", "operator_id")
    gate.report_failure(77)
    assert gate.refusal() == ("unknown_delivery", "delivery_id")
    gate.report_failure(delivery_id, "held")
    assert gate.refusal() == ("not_held", "cause")
    gate.report_failure(delivery_id, "expired")
    assert gate.refusal() == ("not_expired", "cause")
    gate.weigh_out(delivery_id, 1_000_000)
    gate.report_failure(delivery_id)
    assert gate.refusal() == ("load_pending", "delivery_id")
    gate.hand_over(delivery_id)
    gate.report_failure(delivery_id)
    assert (gate.order().failed_g, gate.order().handed_g) == (3_000_000, 1_000_000)


def test_another_operator_finds_the_goods() -> None:
    gate = failed(reported_by=OPERATOR)
    gate.dismiss(1, WAREHOUSE)
    assert gate.refusal() == ("wrong_role", "operator_id")
    gate.dismiss(1)
    assert gate.refusal() == ("same_operator", "operator_id")
    gate.dismiss(1, SECOND_OPERATOR)
    order = gate.order()
    assert (order.state, order.failed_g, order.failure, order.reported_by) == ("ordered", 0, None, None)
    assert gate.causes() == ["failure_dismissed"]
    gate.dismiss(1, SECOND_OPERATOR)
    assert gate.refusal() == ("delivery_ordered", "delivery_id")
    gate.weigh_out(1, 1_000_000)
    gate.hand_over(1)
    gate.report_failure(1)
    gate.dismiss(1)
    assert gate.order().state == "loading"


# Deciding


def test_it_takes_a_second_operator_to_start_a_buy_in() -> None:
    gate = failed(reported_by=OPERATOR)
    gate.start_buy_in(1)
    assert gate.refusal() == ("same_operator", "operator_id")
    gate.start_buy_in(1, operator_id=WAREHOUSE)
    assert gate.refusal() == ("wrong_role", "operator_id")
    gate.start_buy_in(9, operator_id=SECOND_OPERATOR)
    assert gate.refusal() == ("unknown_delivery", "delivery_id")
    gate.start_buy_in(1, None, operator_id=SECOND_OPERATOR)
    assert gate.refusal() == ("base_price_required", "base_price")
    gate.start_buy_in(1, operator_id=SECOND_OPERATOR, defaulter_id=99)
    assert gate.refusal() == ("unknown_participant", "defaulter_id")
    gate.start_buy_in(1, operator_id=SECOND_OPERATOR, defaulter_id=LI)
    assert gate.refusal() == ("same_participant", "defaulter_id")
    gate.start_buy_in(1, operator_id=SECOND_OPERATOR)
    assert gate.order().state == "buying_in"
    gate.start_buy_in(1, operator_id=SECOND_OPERATOR)
    assert gate.refusal() == ("delivery_buying_in", "delivery_id")


def test_what_has_not_failed_is_not_bought_in() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.start_buy_in(delivery_id)
    assert gate.refusal() == ("delivery_ordered", "delivery_id")


# Buying


def test_the_warehouse_pays_for_other_goods() -> None:
    """4 000 kg at 250 are gone; Chen offers 3 000 at 260 and 3 000 at 280, within the limit of 300."""
    gate = failed()
    gate.deposit(WAREHOUSE, 5_000_000)
    gate.sell(CHEN, 3_000, 260)
    gate.sell(CHEN, 3_000, 280)
    gate.start_buy_in(1)
    attempt = gate.only(BuyInAttempted)
    assert (attempt.attempt, attempt.limit_price, attempt.quantity, attempt.bought) == (1, 300, 4_000, 4_000)
    cost = 3_000 * 260 + 1_000 * 280
    fee = 530
    assert (attempt.amount_fen, attempt.fee_fen, attempt.reason) == (cost, fee, None)
    buy_in = gate.buy_in()
    assert (buy_in.defaulter_id, buy_in.base_price, buy_in.limit_price, buy_in.cash_price) == (WAREHOUSE, 250, 300, 275)
    assert (buy_in.bought_g, buy_in.settled_g, buy_in.uncovered_fen) == (4_000_000, 0, 0)
    assert (buy_in.from_escrow_fen, buy_in.from_earnest_fen) == (0, 0)
    assert (buy_in.from_cash_fen, buy_in.from_risk_fund_fen) == (cost + fee, 0)
    assert gate.order().state == "made_good"
    assert gate.causes() == ["buy_in_started", "made_good"]
    assert gate.goods(LI) == (4_000_000, 0), "other receipts, free"
    assert gate.money(LI) == (0, 0), "it cost him nothing"
    assert gate.money(WAREHOUSE) == (5_000_000 - cost - fee, 0)
    assert gate.engine.delivery.all() == []


def test_lost_goods_are_shrinkage_and_the_loan_is_paid_back() -> None:
    gate = failed(kilograms=10)
    gate.deposit(WAREHOUSE, 5_000)
    gate.sell(CHEN, 10, 260)
    gate.start_buy_in(1)
    lost, lent, traded, back = gate.all(LedgerPosted)
    assert (lost.cause, told(lost.transfers)) == ("shrinkage", ["LOT-1 participant:4 -> shrinkage 10000"])
    assert (lent.cause, lent.reference_id) == ("buy_in", 1)
    assert told(lent.transfers) == ["CNY participant:2 -> participant:4 3002"], "ten at the limit, and the fee"
    assert told(traded.transfers)[:2] == ["CNY participant:4 -> participant:3 2600", "CNY participant:4 -> fees 2"]
    assert told(back.transfers) == ["CNY participant:4 -> participant:2 400"]
    receipt = gate.all(ReceiptChanged)[0].receipt
    assert (receipt.state, receipt.weight_g) == ("void", 0)


@pytest.mark.parametrize("cause", ["refused", "held"])
def test_goods_that_are_there_still_become_the_defaulters(cause: str) -> None:
    gate = failed(cause)
    gate.deposit(CHEN, 1)
    gate.deposit(WANG, 10_000_000)
    gate.start_buy_in(1, defaulter_id=WANG)
    given = gate.all(LedgerPosted)[0]
    assert (given.cause, told(given.transfers)) == ("delivery", ["LOT-1 participant:4 -> participant:5 4000000"])
    old, new = [event.receipt for event in gate.all(ReceiptChanged)][:2]
    assert (old.state, new.participant_id, new.parent_receipt_id) == ("split", WANG, old.receipt_id)
    assert new.state == ("issued" if cause == "refused" else "held")
    assert gate.goods(LI) == (0, 0)
    assert gate.goods(WANG) == (4_000_000, 0 if cause == "refused" else 4_000_000)


def test_expired_goods_become_the_defaulters_as_what_they_are() -> None:
    gate = failed("expired")
    gate.start_buy_in(1, defaulter_id=WANG)
    assert gate.all(ReceiptChanged)[1].receipt.state == "expired"
    assert gate.goods(WANG) == (4_000_000, 4_000_000)


def test_what_cannot_be_bought_today_is_tried_tomorrow_and_then_paid_in_money() -> None:
    gate = failed()
    gate.deposit(WAREHOUSE, 5_000_000)
    gate.sell(CHEN, 1_000, 270)
    gate.sell(CHEN, 1_000, 301)
    gate.start_buy_in(1)
    first = gate.only(BuyInAttempted)
    assert (first.quantity, first.bought, first.reason) == (4_000, 1_000, "no_offer")
    buy_in = gate.buy_in()
    assert (buy_in.attempts, buy_in.attempts_left) == (1, 2)
    assert buy_in.next_attempt_ns == gate.time_ns + DAY_NS
    assert gate.engine.buy_ins.get(1) == buy_in

    gate.wait_until(gate.time_ns + DAY_NS)
    second = gate.only(BuyInAttempted)
    assert (second.attempt, second.quantity, second.bought, second.reason) == (2, 3_000, 0, "no_offer")

    gate.sell(CHEN, 500, 300)
    before = gate.money(WAREHOUSE)[0]
    gate.wait_until(gate.time_ns + DAY_NS)
    third = gate.only(BuyInAttempted)
    assert (third.attempt, third.bought) == (3, 500)
    buy_in = gate.buy_in()
    assert (buy_in.bought_g, buy_in.settled_g, buy_in.settled_fen) == (1_500_000, 2_500_000, 2_500 * 275)
    assert (buy_in.uncovered_fen, buy_in.attempts_left, buy_in.next_attempt_ns) == (0, 0, None)
    assert buy_in.ended_ns == gate.time_ns
    assert gate.money(LI) == (2_500 * 275, 0)
    assert gate.money(WAREHOUSE)[0] == before - 500 * 300 - 75 - 2_500 * 275
    assert gate.order().state == "made_good"
    assert gate.engine.buy_ins.get(1) is None


def test_the_risk_fund_steps_in_and_what_nobody_has_is_told() -> None:
    """One attempt; the warehouse has 50 yuan, the fund 100: that buys no more than there is."""
    gate = failed(kilograms=100, delivery=DeliveryTerms(buy_in_attempts=1))
    gate.deposit(WAREHOUSE, 5_000)
    risk_fund(gate, 10_000)
    gate.sell(CHEN, 100, 250)
    gate.start_buy_in(1)
    attempt = gate.only(BuyInAttempted)
    assert (attempt.quantity, attempt.bought, attempt.reason) == (49, 49, "no_cover"), "at the limit of 300"
    buy_in = gate.buy_in()
    cost = 49 * 250 + 7
    assert buy_in.bought_fen + buy_in.fee_fen == cost
    left = 15_000 - cost
    due = 51 * 275
    assert (buy_in.settled_g, buy_in.settled_fen, buy_in.uncovered_fen) == (51_000, left, due - left)
    assert (buy_in.from_cash_fen, buy_in.from_risk_fund_fen) == (5_000, 10_000)
    assert gate.money(WAREHOUSE) == (0, 0)
    assert gate.money(LI) == (left, 0)
    assert gate.engine._books.ledger.balance("CNY", "risk_fund") == 0


def test_money_that_the_defaulter_has_promised_in_the_market_is_not_taken() -> None:
    gate = failed(kilograms=10, delivery=DeliveryTerms(buy_in_attempts=1))
    gate.deposit(WAREHOUSE, 3_000)
    gate.buy(WAREHOUSE, 10, 200)
    assert gate.money(WAREHOUSE) == (3_000, 2_001)
    gate.sell(CHEN, 10, 250)
    gate.start_buy_in(1)
    assert gate.only(BuyInAttempted).bought == 3, "what is free reaches for three"
    assert gate.money(WAREHOUSE)[0] >= gate.money(WAREHOUSE)[1]


def test_nobody_has_any_money() -> None:
    gate = failed(delivery=DeliveryTerms(buy_in_attempts=1))
    gate.sell(CHEN, 100, 250)
    gate.start_buy_in(1)
    attempt = gate.only(BuyInAttempted)
    assert (attempt.order_id, attempt.quantity, attempt.reason) == (None, 0, "no_cover")
    buy_in = gate.buy_in()
    assert (buy_in.settled_fen, buy_in.uncovered_fen) == (0, 4_000 * 275)
    assert gate.order().state == "made_good"


def test_a_market_that_is_closed_is_tried_again() -> None:
    gate = failed(kilograms=10)
    gate.deposit(WAREHOUSE, 100_000)
    gate.sell(CHEN, 10, 250)
    gate.phase("halted")
    gate.start_buy_in(1)
    assert gate.only(BuyInAttempted).reason == "wrong_phase"
    assert gate.money(WAREHOUSE) == (100_000, 0), "what was lent came back"
    gate.phase("continuous")
    gate.wait_until(gate.time_ns + DAY_NS)
    assert gate.only(BuyInAttempted).bought == 10
    assert gate.order().state == "made_good"


def test_an_instrument_in_boxes_of_ten_is_bought_in_boxes() -> None:
    gate = failed(kilograms=25, delivery=DeliveryTerms(buy_in_attempts=1))
    gate.phase("closed")
    gate.define(SYMBOL, lot_size=10)
    gate.deposit(WAREHOUSE, 100_000)
    gate.sell(CHEN, 100, 250)
    gate.start_buy_in(1)
    attempt = gate.only(BuyInAttempted)
    assert (attempt.quantity, attempt.bought) == (20, 20)
    assert gate.buy_in().settled_g == 5_000


def test_grams_are_never_bought() -> None:
    gate = Gate(docks=())
    receipt_id = gate.bought(10)
    gate.request(receipt_id, weight_g=999)
    gate.report_failure(1)
    gate.deposit(WAREHOUSE, 100_000)
    gate.start_buy_in(1)
    assert gate.only(BuyInAttempted).reason == "less_than_a_lot"
    buy_in = gate.buy_in()
    assert (buy_in.settled_g, buy_in.settled_fen) == (999, 274), "rounded down to the fen"
    assert gate.order().state == "made_good"


def test_the_buyers_own_offers_do_not_stand_in_the_way() -> None:
    """He may not sell to himself at the warehouse's cost, nor hinder that others sell to him."""
    gate = failed(kilograms=10)
    gate.deposit(WAREHOUSE, 100_000)
    gate.deposit(LI, 10_000)
    gate.sell(CHEN, 5, 240)
    gate.buy(LI, 5, 240)
    gate.sell(LI, 5, 245)
    gate.sell(CHEN, 10, 250)
    gate.start_buy_in(1)
    attempt = gate.only(BuyInAttempted)
    assert (attempt.bought, attempt.amount_fen) == (10, 2_500)
    assert gate.engine.live_orders(LI) == []


def test_a_running_buy_in_survives_a_restart() -> None:
    gate = failed()
    gate.deposit(WAREHOUSE, 5_000_000)
    gate.sell(CHEN, 1_000, 270)
    gate.start_buy_in(1)
    again = type(gate.engine).restore(gate.engine.snapshot())
    again.audit()
    assert again.state_hash() == gate.engine.state_hash()
    later = gate.time_ns + 2 * DAY_NS
    sequence = gate.engine.sequence + 1
    assert again.advance(later, sequence) == gate.engine.advance(later, sequence)
    assert again.state_hash() == gate.engine.state_hash()
    assert again.delivery.all() == []


# Arithmetic


def test_prices_of_a_buy_in_are_rounded_as_they_say() -> None:
    terms = DeliveryTerms(buy_in_cap_permille=150, cash_premium_permille=55)
    assert limit_price(251, terms) == 288, "288.65 down"
    assert cash_price(251, terms) == 265, "264.805 up"
    assert (limit_price(1, DeliveryTerms()), cash_price(1, DeliveryTerms())) == (1, 2)


def test_money_is_taken_source_by_source() -> None:
    cover = Cover(100, 50, 30, 20)
    assert cover.first(0) == Cover()
    assert cover.first(120) == Cover(100, 20, 0, 0)
    assert cover.first(190) == Cover(100, 50, 30, 10)
    assert cover.first(1_000) == cover
    assert cover.less(cover.first(120)) == Cover(0, 30, 30, 20)


@pytest.mark.parametrize("funds_fen", [0, 1, 249, 250, 251, 25_000, 25_012, 25_013, 10**9])
def test_no_more_is_bought_than_there_is_money_for(funds_fen: int) -> None:
    found = affordable(100, 250, funds_fen, 500, 0)
    assert cost_fen(250, found, 500, 0) <= funds_fen
    assert found == 100 or cost_fen(250, found + 1, 500, 0) > funds_fen
    assert affordable(100, 250, 260, 500, 20) == 0, "the least fee counts"
