"""Trucks over the scale, the buyer's code at the gate, and his word that the goods are there."""

from typing import Any

import pytest

from settlement.messages import (
    HoldReceipt,
    LedgerPosted,
    LiftHold,
    ReceiptChanged,
    RecordShrinkage,
    RequestRefused,
    TakeStock,
)
from settlement.messages.delivery import DeliveryTerms, LoadChanged
from settlement.messages.receipts import StockChanged
from settlement.messages.storage import PayStorage, StoragePaid, StorageTariff, WastageClaimed
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, OPERATOR, WANG, WAREHOUSE, told
from tests.exchange.gate import CODE, OTHER_CODE, Gate, wall


def gate_with(kilograms: int = 4_000, **changes: Any) -> tuple[Gate, int]:
    """A delivery order of Li's, at a warehouse without docks unless told."""
    gate = Gate(**({"docks": ()} | changes))
    return gate, gate.request(gate.bought(kilograms))


def test_one_truck_takes_it_all() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 4_000_000)
    order = gate.order()
    assert (order.state, order.loaded_g, order.handed_g) == ("loaded", 4_000_000, 0)
    load = gate.load()
    assert (load.load_id, load.net_g, load.posted_g, load.last, load.reason) == (1, 4_000_000, 4_000_000, True, None)
    assert (load.plate, load.carrier, load.driver, load.scale_id) == ("粤G·12345", "北坡物流", "黄师傅", "SX1-9")
    assert gate.goods(LI) == (4_000_000, 4_000_000), "the truck stands on the scale, nothing has left"
    gate.hand_over(delivery_id)
    order = gate.order()
    assert (order.state, order.handed_g, order.wasted_g, order.tries_left) == ("handed_over", 4_000_000, 0, None)
    assert order.accept_by_ns == gate.time_ns + 24 * HOUR_NS
    posted = gate.only(LedgerPosted)
    assert (posted.cause, posted.reference_id) == ("load_out", order.receipt_id)
    assert told(posted.transfers) == ["LOT-1 participant:4 -> warehouse:SX1 4000000"]
    assert gate.only(ReceiptChanged).receipt.state == "delivered"
    assert gate.load().state == "handed_over"
    assert gate.goods(LI) == (0, 0)
    gate.accept(delivery_id)
    assert (gate.order().state, gate.causes()) == ("accepted", ["accepted"])
    assert gate.engine.delivery.all() == []


def test_three_trucks_with_a_code_each_and_what_has_dried_up() -> None:
    gate, delivery_id = gate_with()
    receipt_id = gate.held(LI)[0][0]
    gate.weigh_out(delivery_id, 1_500_000)
    gate.hand_over(delivery_id)
    assert (gate.order().state, gate.order().tries_left) == ("loading", None)
    assert gate.held(LI) == [(receipt_id, 2_500_000, 0)]
    assert gate.only(ReceiptChanged).receipt.state == "delivery_ordered", "part delivered"

    gate.weigh_out(delivery_id, 1_200_000)
    gate.weigh_out(delivery_id, 1_180_000, last=True)
    assert gate.refusal() == ("reason_required", "reason")
    gate.weigh_out(delivery_id, 1_180_000, last=True, reason="dried up in three weeks")
    assert (gate.order().state, gate.order().loaded_g) == ("loaded", 3_880_000)

    gate.hand_over(delivery_id)
    assert gate.refusal() == ("no_code", "delivery_id")
    gate.renew_code(delivery_id, OTHER_CODE)
    gate.hand_over(delivery_id, CODE)
    assert gate.refused() == ("wrong_code", "code"), "the first code is spent"
    gate.hand_over(delivery_id, OTHER_CODE)
    order = gate.order()
    assert (order.state, order.handed_g, order.wasted_g) == ("handed_over", 3_880_000, 120_000)
    assert order.wastage_reason == "dried up in three weeks"
    wasted, left = gate.all(LedgerPosted)
    assert wasted.cause == "shrinkage"
    assert told(wasted.transfers) == ["LOT-1 participant:4 -> shrinkage 120000"]
    assert told(left.transfers) == [
        "LOT-1 participant:4 -> warehouse:SX1 1200000",
        "LOT-1 participant:4 -> warehouse:SX1 1180000",
    ]
    stock = gate.only(StockChanged)
    assert (stock.booked_g, stock.weight_g, stock.shrinkage_g) == (8_500_000, 8_380_000, 120_000)
    assert (stock.reason, stock.operator_id) == ("dried up in three weeks", WAREHOUSE)
    assert [event.receipt.state for event in gate.all(ReceiptChanged)] == ["delivery_ordered", "delivered"]
    assert gate.goods(LI) == (0, 0)


def test_what_the_scale_shows_beyond_the_order_is_no_goods() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 4_020_001)
    assert gate.refusal() == ("over_order", "gross_g"), "five permille of four tonnes are twenty kilograms"
    gate.weigh_out(delivery_id, 4_020_000)
    load = gate.load()
    assert (load.net_g, load.posted_g, load.last) == (4_020_000, 4_000_000, True)
    gate.hand_over(delivery_id)
    assert gate.goods(LI) == (0, 0)
    assert gate.goods(CHEN) == (6_000_000, 0)


def test_more_is_missing_than_may_be_wasted() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 3_799_999, last=True, reason="gone")
    assert gate.refusal() == ("over_wastage", "last"), "the venue's own standard is five per cent"
    gate.weigh_out(delivery_id, 3_800_000, last=True, reason="dried up")
    assert gate.order().state == "loaded"


def test_the_standard_that_the_receipt_states_counts() -> None:
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=0, wastage_permille=10)
    gate, delivery_id = gate_with(storage=(tariff,))
    gate.weigh_out(delivery_id, 3_959_999, last=True, reason="gone")
    assert gate.refusal() == ("over_wastage", "last")
    gate.weigh_out(delivery_id, 3_960_000, last=True, reason="dried up")
    assert gate.order().state == "loaded"


def test_storage_is_paid_before_load_out() -> None:
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=300)
    gate, delivery_id = gate_with(storage=(tariff,))
    receipt_id = gate.held(LI)[0][0]
    gate.time_ns += 3 * DAY_NS
    gate.weigh_out(delivery_id, 4_000_000)
    assert gate.refused() == ("storage_unpaid", "delivery_id")
    gate.do(PayStorage(participant_id=LI, receipt_ids=(receipt_id,)))
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.order().state == "loading"
    gate.time_ns += DAY_NS
    gate.weigh_out(delivery_id, 3_000_000)
    assert gate.refused() == ("storage_unpaid", "delivery_id"), "another day for what was left"


def test_a_truck_that_stands_over_midnight_owes_another_day() -> None:
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=300)
    gate, delivery_id = gate_with(storage=(tariff,))
    before = gate.money(LI)[0]
    gate.weigh_out(delivery_id, 1_500_000)
    gate.time_ns += DAY_NS
    gate.hand_over(delivery_id)
    paid = gate.only(StoragePaid)
    assert (paid.cause, paid.weight_g, paid.due_fen, paid.amount_fen) == ("delivery", 4_000_000, 1_200, 1_200)
    assert gate.money(LI)[0] == before - 1_200
    assert gate.order().handed_g == 1_500_000


# By appointment


def test_trucks_come_by_appointment_where_there_are_docks() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.refusal() == ("no_slot", "delivery_id")
    gate.book(delivery_id, wall(11))
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.refusal() == ("outside_slot", "delivery_id")
    gate.time_ns = wall(10, 30) - 1
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.refusal() == ("outside_slot", "delivery_id")
    gate.time_ns = wall(10, 30)
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.order().state == "loading", "half an hour early is early enough"
    gate.time_ns = wall(12) - 1
    gate.weigh_out(delivery_id, 1_000_000)
    assert gate.order().loaded_g == 2_000_000


def test_goods_whose_green_life_is_over_leave_when_they_can() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.time_ns += 40 * DAY_NS
    gate.weigh_out(delivery_id, 4_000_000)
    assert gate.order().state == "loaded"


# Who and what


def test_what_is_wrong_with_a_weighing() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 1_000_000, operator_id=99)
    assert gate.refusal() == ("unknown_participant", "operator_id")
    gate.weigh_out(delivery_id, 1_000_000, operator_id=LI)
    assert gate.refusal() == ("wrong_role", "operator_id")
    gate.weigh_out(77, 1_000_000)
    assert gate.refusal() == ("unknown_delivery", "delivery_id")
    gate.weigh_out(delivery_id, 0, tare_g=8_000_000)
    assert gate.refusal() == ("invalid_tare_g", "tare_g")
    gate.weigh_out(delivery_id, 1_000_000, ticket="A-17")
    gate.weigh_out(delivery_id, 1_000_000, ticket="A-17")
    assert gate.refusal() == ("duplicate_reference", "ticket"), "a request that is sent again weighs nothing twice"
    gate.weigh_out(delivery_id, 1_000_000, ticket="A-17", scale_id="SX1-8")
    assert gate.order().loaded_g == 2_000_000, "another scale counts for itself"


def test_a_slip_of_the_pen_is_taken_back() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 1_000_000)
    gate.void_load(delivery_id, 1, LI)
    assert gate.refusal() == ("wrong_role", "operator_id")
    gate.void_load(delivery_id, 9)
    assert gate.refusal() == ("unknown_load", "load_id")
    gate.void_load(delivery_id, 1)
    assert (gate.order().state, gate.order().loaded_g, gate.load().state) == ("ordered", 0, "voided")
    gate.void_load(delivery_id, 1)
    assert gate.refusal() == ("unknown_load", "load_id")
    gate.cancel_delivery(delivery_id)
    assert gate.order().state == "cancelled", "as if no truck had been there"


def test_taking_a_truck_back_opens_an_order_that_the_last_had_closed() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 1_000_000)
    gate.weigh_out(delivery_id, 2_900_000, last=True, reason="dried up")
    gate.void_load(delivery_id, 1)
    assert gate.order().state == "loading"
    assert [(event.load.load_id, event.load.state, event.load.last) for event in gate.all(LoadChanged)] == [
        (1, "voided", False),
        (2, "weighed", False),
    ]
    gate.hand_over(delivery_id)
    assert (gate.order().state, gate.order().handed_g, gate.order().wasted_g) == ("loading", 2_900_000, 0)
    gate.renew_code(delivery_id, CODE)
    gate.weigh_out(delivery_id, 1_100_000)
    gate.void_load(delivery_id, 3)
    assert gate.order().state == "loading", "some has left, it cannot be as before"


# The code


def test_nobody_gets_the_goods_without_the_code() -> None:
    gate, delivery_id = gate_with()
    gate.hand_over(delivery_id)
    assert gate.refusal() == ("nothing_weighed", "delivery_id")
    gate.weigh_out(delivery_id, 4_000_000)
    gate.hand_over(delivery_id, operator_id=LI)
    assert gate.refusal() == ("wrong_role", "operator_id")
    gate.hand_over(77)
    assert gate.refusal() == ("unknown_delivery", "delivery_id")
    for left in (4, 3, 2, 1, 0):
        gate.hand_over(delivery_id, OTHER_CODE)
        assert gate.causes() == ["wrong_code"]
        assert gate.order().tries_left == left
        assert gate.only(RequestRefused).reason == "wrong_code"
    gate.hand_over(delivery_id, CODE)
    assert gate.refusal() == ("code_locked", "delivery_id"), "the right one comes too late"
    gate.renew_code(delivery_id, OTHER_CODE, WANG)
    assert gate.refusal() == ("unknown_delivery", "delivery_id")
    gate.renew_code(delivery_id, OTHER_CODE)
    assert gate.order().tries_left == 5
    gate.hand_over(delivery_id, "zzzz-oooo")
    assert gate.order().state == "handed_over", "small letters, a dash and O for 0"
    gate.renew_code(delivery_id, CODE)
    assert gate.refusal() == ("delivery_handed_over", "delivery_id")


def test_a_code_can_be_drawn_later() -> None:
    gate = Gate(docks=(), delivery=DeliveryTerms(code_tries=1))
    delivery_id = gate.request(gate.bought(4_000), code=None)
    assert gate.order().tries_left is None
    gate.weigh_out(delivery_id, 4_000_000)
    gate.hand_over(delivery_id)
    assert gate.refusal() == ("no_code", "delivery_id")
    gate.renew_code(delivery_id, CODE)
    assert gate.order().tries_left == 1
    gate.hand_over(delivery_id)
    assert gate.order().state == "handed_over"


# Acceptance


def test_silence_is_acceptance() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 4_000_000)
    gate.accept(delivery_id)
    assert gate.refusal() == ("delivery_loaded", "delivery_id")
    gate.hand_over(delivery_id)
    gate.accept(delivery_id, WANG)
    assert gate.refusal() == ("unknown_delivery", "delivery_id")
    assert gate.engine.next_deadline_ns() == gate.time_ns + 24 * HOUR_NS
    gate.wait_until(gate.time_ns + 24 * HOUR_NS)
    assert (gate.causes(), gate.order().state) == (["accepted_by_time"], "accepted")
    gate.accept(delivery_id)
    assert gate.refusal() == ("delivery_closed", "delivery_id")


# Goods that others change meanwhile


def test_shrinkage_that_is_recorded_meanwhile_is_nobodys_load() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 2_000_000)
    gate.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=7_500_000, reason="a broken chiller"))
    assert gate.held(LI)[0][1] == 1_000_000
    gate.weigh_out(delivery_id, 100_000)
    assert gate.refusal() == ("over_order", "gross_g"), "less is left than stands on the scale"
    gate.hand_over(delivery_id)
    order = gate.order()
    assert (order.state, order.handed_g, order.wasted_g) == ("handed_over", 1_000_000, 0)
    assert gate.load().posted_g == 1_000_000
    assert gate.goods(LI) == (0, 0)


def test_what_stock_taking_finds_while_the_last_truck_stands_is_wastage_with_a_reason() -> None:
    gate, delivery_id = gate_with()
    gate.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=500_000, reason="dry air"))
    gate.weigh_out(delivery_id, 3_800_000)
    gate.do(TakeStock(operator_id=WAREHOUSE, lot_id=1, weight_g=10_000_000))
    assert gate.held(LI)[0][1] == 4_000_000
    gate.hand_over(delivery_id)
    order = gate.order()
    assert (order.handed_g, order.wasted_g) == (3_800_000, 200_000)
    assert order.wastage_reason == gate.only(StockChanged).reason == "left when the last truck was loaded"


def test_when_all_is_lost_nothing_is_handed_over() -> None:
    gate, delivery_id = gate_with()
    gate.weigh_out(delivery_id, 2_000_000)
    gate.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=10_000_000, reason="a fire"))
    gate.hand_over(delivery_id)
    assert gate.refusal() == ("receipt_gone", "delivery_id")
    gate.weigh_out(delivery_id, 1_000)
    assert gate.refusal() == ("receipt_gone", "delivery_id")
    gate.void_load(delivery_id, 1)
    gate.cancel_delivery(delivery_id)
    assert gate.refusal() == ("receipt_gone", "delivery_id")
    gate.report_failure(delivery_id, "spoiled")
    assert (gate.order().state, gate.order().failed_g) == ("failed", 4_000_000)


@pytest.mark.parametrize("verb", ["weigh_out", "hand_over"])
def test_held_goods_stay(verb: str) -> None:
    gate, delivery_id = gate_with()
    receipt_id = gate.held(LI)[0][0]
    gate.weigh_out(delivery_id, 1_000_000)
    gate.do(HoldReceipt(operator_id=OPERATOR, receipt_id=receipt_id, cause="quality", reason="mould"))
    if verb == "weigh_out":
        gate.weigh_out(delivery_id, 1_000_000)
    else:
        gate.hand_over(delivery_id)
    assert gate.refusal() == ("receipt_held", "delivery_id")
    gate.do(LiftHold(operator_id=OPERATOR, receipt_id=receipt_id, cause="quality"))
    gate.hand_over(delivery_id)
    assert gate.order().handed_g == 1_000_000


def test_the_old_way_out_does_not_pass_a_delivery_order_by() -> None:
    gate, delivery_id = gate_with()
    receipt_id = gate.held(LI)[0][0]
    gate.load_out(receipt_id)
    assert gate.refusal() == ("under_delivery", "receipt_id")
    assert gate.engine.delivery.get(delivery_id) is not None
    mine = gate.held(CHEN)[0][0]
    gate.order_delivery(CHEN, mine)
    gate.load_out(mine)
    assert gate.goods(CHEN) == (0, 0), "and goes on for what has none"


# What a warehouse owes beyond its standard


def test_wastage_beyond_the_standard_of_the_lot_is_claimed() -> None:
    """One per cent of ten tonnes may be lost; 90 kg were recorded before the last truck leaves 30."""
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=0, wastage_permille=10, insured_fen_per_kg=200)
    gate, delivery_id = gate_with(storage=(tariff,))
    gate.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=90_000, reason="dry air"))
    gate.weigh_out(delivery_id, 4_000_000 - 36_000 - 30_000, last=True, reason="dried up")
    gate.hand_over(delivery_id)
    claim = gate.only(WastageClaimed)
    assert (claim.beyond_g, claim.amount_fen) == (20_000, 4_000)
    assert [(share.participant_id, share.weight_g) for share in claim.shares] == [(LI, 20_000)]


def test_what_a_buy_in_makes_good_is_not_claimed_again() -> None:
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=0, wastage_permille=0, insured_fen_per_kg=200)
    gate, delivery_id = gate_with(storage=(tariff,))
    gate.report_failure(delivery_id)
    gate.start_buy_in(delivery_id)
    assert gate.all(WastageClaimed) == []
    gate.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=90_000, reason="dry air"))
    assert gate.only(WastageClaimed).beyond_g == 90_000
