"""Contracts through the gate: docks, scale and code, failed deliveries and their buy-ins, and goods that go back."""

from settlement.messages import HoldReceipt, LiftHold, ReceiptChanged, RegradeLot
from settlement.messages.contracts import (
    AcceptGoods,
    ApproveOutcome,
    ConfirmForceMajeure,
    DeclareForceMajeure,
    OpenDispute,
    ProposeOutcome,
    RegisterInvoice,
)
from settlement.messages.storage import StorageTariff
from tests.exchange.contract_floor import ContractFloor
from tests.exchange.floor import CHEN, LI, OPERATOR, SYMBOL, WAREHOUSE, time_of
from tests.exchange.gate import SECOND_OPERATOR, wall

# 4,000 kg at 250 fen: 1,000,000 fen, earnest money 200,000, fee 500.


def delivering() -> ContractFloor:
    """Li has paid and may fetch four tonnes of Chen's."""
    floor = ContractFloor()
    floor.bought()
    floor.pay()
    floor.tender()
    assert floor.contract().state == "delivering"
    return floor


def test_a_contract_from_the_listing_to_the_last_fen() -> None:
    venue = delivering()
    li, chen = venue.money(LI)[0], venue.money(CHEN)[0]
    assert venue.goods(LI) == (4_000_000, 4_000_000)
    venue.fetch(venue.contract(), 3_950_000, reason="dried in the cold store")
    contract = venue.contract()
    assert venue.steps() == ["picked_up", "quantity_agreed"]
    assert (contract.settled_fen, contract.refund_fen) == (987_500, 12_500)
    assert contract.weight_reason == "dried in the cold store"
    assert venue.goods(LI) == (0, 0)
    invoice = RegisterInvoice(participant_id=CHEN, contract_id=1, invoice_number="044002600111", amount_fen=987_500)
    venue.do(invoice)
    venue.do(AcceptGoods(participant_id=LI, contract_id=1))
    assert venue.contract().state == "completed"
    assert (venue.money(LI)[0] - li, venue.money(CHEN)[0] - chen) == (212_500, 1_187_500)
    assert venue.money(LI)[1] == venue.money(CHEN)[1] == 0


def test_a_truck_may_carry_more_within_the_tolerance_and_the_buyer_pays_for_it() -> None:
    venue = delivering()
    venue.fetch(venue.contract(), 4_100_000)
    contract = venue.contract()
    assert (contract.settled_g, contract.settled_fen, contract.surcharge_fen) == (4_100_000, 1_025_000, 25_000)


def test_goods_fetched_in_two_trucks_are_one_weight() -> None:
    venue = delivering()
    (delivery_id,) = venue.contract().delivery_ids
    for number, (net_g, last) in enumerate(((1_990_000, False), (2_005_000, True))):
        venue.wait_until(wall(11 + 2 * number))
        venue.renew_code(delivery_id, f"CODE{number}000")
        venue.book(delivery_id, wall(11 + 2 * number, 30))
        venue.time_ns = wall(11 + 2 * number, 30)
        venue.weigh_out(delivery_id, net_g, last=last, reason="a pallet broke")
        venue.hand_over(delivery_id, f"CODE{number}000")
        assert venue.contract().picked_g == (1_990_000 if number == 0 else 3_995_000)
    assert venue.contract().settled_g == 3_995_000


def test_by_the_old_ways_nobody_fetches_a_contracts_goods() -> None:
    venue = delivering()
    (receipt_id,) = venue.contract().receipt_ids
    venue.load_out(receipt_id)
    assert venue.refusal()[0] in ("under_delivery", "delivery_under_way")
    venue.cancel_delivery(1)
    assert venue.refusal()[0] == "under_contract"


def test_a_failed_delivery_is_bought_in_and_the_contract_ends_for_it() -> None:
    venue = delivering()
    (delivery_id,) = venue.contract().delivery_ids
    li = venue.money(LI)[0]
    venue.report_failure(delivery_id)
    assert venue.contract().state == "failed"
    venue.start_buy_in(delivery_id, None)
    for _ in range(10):
        deadline = venue.engine.next_deadline_ns()
        if venue.engine.contracts.get(1) is None or deadline is None:
            break
        venue.wait_until(deadline)
    assert venue.engine.contracts.get(1) is None
    buy_in = venue.buy_in()
    assert buy_in.defaulter_id == CHEN
    # Nothing was to be had: a tenth above the price is settled in money, the premium out of the earnest money.
    assert (buy_in.settled_fen, buy_in.from_escrow_fen, buy_in.from_earnest_fen) == (1_100_000, 1_000_000, 100_000)
    # The other half of that is forfeit too, and his own comes back.
    assert venue.money(LI)[0] - li == 1_100_000 + 100_000 + 200_000
    assert venue.money(LI)[1] == 0


def test_a_report_of_failure_that_is_dismissed_leaves_time_to_fetch() -> None:
    venue = delivering()
    (delivery_id,) = venue.contract().delivery_ids
    venue.report_failure(delivery_id)
    venue.wait_until(time_of("2026-12-01", 10))
    assert venue.steps() == []
    venue.dismiss(delivery_id)
    contract = venue.contract()
    assert (contract.state, contract.pickup_by_ns) == ("delivering", time_of("2026-12-03"))


def test_by_force_majeure_goods_that_were_ordered_out_come_back() -> None:
    venue = delivering()
    venue.do(DeclareForceMajeure(operator_id=OPERATOR, contract_id=1, reason="typhoon"))
    venue.do(ConfirmForceMajeure(operator_id=SECOND_OPERATOR, contract_id=1))
    assert venue.contract().state == "annulled"
    assert venue.goods(LI) == (0, 0)
    assert venue.goods(CHEN) == (10_000_000, 0)
    assert [event.cause for event in venue.all(ReceiptChanged)] == ["returned", "returned"]
    assert venue.list_lot(CHEN, 4_000, 250, receipt_id=venue.held(CHEN)[-1][0]).status == "resting"


def test_what_has_expired_meanwhile_comes_back_expired() -> None:
    venue = delivering()
    venue.do(OpenDispute(participant_id=LI, contract_id=1, reason="no lorry will come"))
    venue.wait_until(time_of("2026-12-20"))
    venue.do(DeclareForceMajeure(operator_id=OPERATOR, contract_id=1, reason="typhoon"))
    venue.do(ConfirmForceMajeure(operator_id=SECOND_OPERATOR, contract_id=1))
    (given, taken) = [event.receipt for event in venue.all(ReceiptChanged)]
    assert (given.state, taken.state, taken.participant_id) == ("split", "expired", CHEN)
    assert venue.goods(CHEN) == (10_000_000, 10_000_000)
    assert venue.list_lot(CHEN, 4_000, 250, receipt_id=taken.receipt_id).status == "rejected"


def test_a_dispute_may_send_what_is_left_back_to_the_seller() -> None:
    venue = delivering()
    (delivery_id,) = venue.contract().delivery_ids
    venue.book(delivery_id, wall(11))
    venue.renew_code(delivery_id, "CODE0000")
    venue.time_ns = wall(11)
    venue.weigh_out(delivery_id, 1_000_000)
    venue.hand_over(delivery_id, "CODE0000")
    venue.do(OpenDispute(participant_id=LI, contract_id=1, reason="the rest is not what I bought"))
    venue.do(
        ProposeOutcome(
            operator_id=OPERATOR,
            contract_id=1,
            buyer_fen=950_000,
            seller_fen=450_000,
            risk_fund_fen=0,
            goods_to="seller",
            reason="one tonne was delivered",
        )
    )
    venue.do(ApproveOutcome(operator_id=SECOND_OPERATOR, contract_id=1))
    assert venue.contract().state == "resolved"
    assert venue.goods(LI) == (0, 0)
    assert venue.goods(CHEN) == (9_000_000, 0)


def test_goods_that_a_late_buyer_leaves_are_his_when_the_contract_is_over() -> None:
    venue = delivering()
    venue.wait_until(time_of("2026-12-28"))
    contract = venue.contract()
    assert (contract.state, contract.settled_g, contract.buyer_late_fen) == ("completed", 4_000_000, 20 * 1_000)
    assert venue.goods(LI)[0] == 4_000_000


def test_storage_is_the_sellers_until_title_passes_and_the_buyers_from_then_on() -> None:
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=300)
    venue = ContractFloor(storage=(tariff,))
    venue.bought()
    venue.pay()
    venue.wait_until(time_of("2026-11-25", 10))
    venue.tender()
    contract = venue.contract()
    # Two days of four tonnes.
    assert [due.due_fen for due in contract.storage] == [2_400]
    chen = venue.money(CHEN)[0]
    (delivery_id,) = contract.delivery_ids
    venue.renew_code(delivery_id, "CODE0000")
    venue.book(delivery_id, wall(11, date="2026-11-25"))
    venue.time_ns = wall(11, date="2026-11-25")
    venue.weigh_out(delivery_id, 4_000_000, last=True)
    venue.hand_over(delivery_id, "CODE0000")
    assert venue.money(CHEN)[0] - chen == 800_000 - 2_400


def test_goods_on_hold_do_not_pass() -> None:
    venue = ContractFloor()
    venue.bought()
    (held,) = venue.contract().receipt_ids
    venue.do(HoldReceipt(operator_id=WAREHOUSE, receipt_id=held, cause="quality", reason="crown rot"))
    venue.pay()
    venue.tender()
    assert venue.refusal()[0] == "goods_not_at_hand"
    venue.wait_until(time_of("2026-11-26"))
    assert venue.contract().late == "seller"
    venue.do(LiftHold(operator_id=WAREHOUSE, receipt_id=held, cause="quality"))
    venue.tender()
    assert venue.contract().state == "delivering"
    assert venue.goods(LI) == (4_000_000, 4_000_000)


def test_regraded_goods_are_not_what_was_sold() -> None:
    venue = ContractFloor()
    venue.bought()
    venue.pay()
    venue.do(RegradeLot(operator_id=WAREHOUSE, lot_id=1, grade="2", colour_stage=2, reason="brown spots"))
    venue.tender()
    assert venue.refusal()[0] == "goods_not_at_hand"
    assert venue.goods(CHEN, SYMBOL) == (0, 0)
