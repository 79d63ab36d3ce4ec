"""A holder orders his goods out, keeps a dock for the truck, or thinks better of it."""

from typing import Any

import pytest

from settlement.messages import HoldReceipt, PledgeReceipt, ReceiptChanged
from settlement.messages.delivery import SlotChanged
from tests.exchange.floor import CHEN, DAY_NS, LI, OPERATOR, SYMBOL, WANG, WAREHOUSE, time_of
from tests.exchange.gate import CODE, DOCK, MINUTE_NS, SALT, Gate, wall


def test_a_whole_receipt_is_ordered_out_and_leaves_trade() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    gate.request(receipt_id)
    order = gate.order()
    assert (order.delivery_id, order.receipt_id, order.participant_id) == (1, receipt_id, LI)
    assert (order.state, order.ordered_g, order.loaded_g, order.tries_left) == ("ordered", 4_000_000, 0, 5)
    assert (order.warehouse, order.symbol, order.issued_by, order.slot) == ("SX1", SYMBOL, WAREHOUSE, None)
    assert gate.goods(LI) == (4_000_000, 4_000_000), "his, but not to be sold"
    assert [event.cause for event in gate.all(ReceiptChanged)] == ["delivery_ordered"]
    assert gate.engine.delivery.get(1) == order
    assert gate.engine.delivery.all() == [order]
    assert gate.sell(LI, 1, 300).reason == "insufficient_goods"


def test_a_part_splits_off_and_the_rest_can_still_be_sold() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    gate.request(receipt_id, weight_g=1_500_500)
    order = gate.order()
    assert order.ordered_g == 1_500_500
    assert gate.held(LI) == [(order.receipt_id, 1_500_500, 0), (order.receipt_id + 1, 2_499_500, 0)]
    assert [event.receipt.state for event in gate.all(ReceiptChanged)] == [
        "split",
        "issued",
        "issued",
        "delivery_ordered",
    ]
    assert gate.goods(LI) == (4_000_000, 1_500_500)
    assert gate.sell(LI, 2_499, 300).status == "resting"


def test_all_of_the_weight_is_the_whole_receipt() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    gate.request(receipt_id, weight_g=4_000_000)
    assert gate.order().receipt_id == receipt_id


def test_the_last_goods_that_are_ordered_out_close_the_market() -> None:
    gate = Gate()
    receipt_id = gate.receipt()
    gate.request(receipt_id, CHEN)
    instrument = gate.engine.market.instrument(SYMBOL)
    assert instrument is not None
    assert instrument.phase == "closed"
    gate.cancel_delivery(1, CHEN)
    instrument = gate.engine.market.instrument(SYMBOL)
    assert instrument is not None
    assert instrument.phase == "continuous", "what came back opens it again"


def refused(gate: Gate, *expected: Any) -> None:
    """The last command changed nothing, for this reason."""
    assert gate.refusal() == expected


def test_what_cannot_be_ordered_out() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    gate.ask(receipt_id, 99)
    refused(gate, "unknown_participant", "participant_id")
    gate.ask(receipt_id, WANG)
    refused(gate, "unknown_receipt", "receipt_id")
    gate.ask(77)
    refused(gate, "unknown_receipt", "receipt_id")
    gate.ask(receipt_id, code_salt=SALT)
    refused(gate, "invalid_code_digest", "code_digest")
    gate.ask(receipt_id, weight_g=4_000_001)
    refused(gate, "invalid_weight_g", "weight_g")
    gate.sell(LI, 1, 300)
    gate.ask(receipt_id)
    refused(gate, "receipt_reserved", "receipt_id")
    gate.ask(receipt_id, weight_g=1_000)
    refused(gate, "receipt_reserved", "receipt_id")
    gate.cancel_all(LI)
    gate.request(receipt_id)
    gate.ask(receipt_id)
    refused(gate, "not_issued", "receipt_id")


def test_pledged_held_and_expired_goods_are_not_ordered_out() -> None:
    gate = Gate()
    pledged, held, expired = gate.receipt(), gate.receipt(), gate.receipt()
    gate.do(
        PledgeReceipt(participant_id=CHEN, receipt_id=pledged, lender_id=WANG, reference="loan-1", amount_fen=1_000)
    )
    gate.ask(pledged, CHEN)
    refused(gate, "receipt_pledged", "receipt_id")
    gate.do(HoldReceipt(operator_id=OPERATOR, receipt_id=held, cause="quality", reason="mould"))
    gate.ask(held, CHEN)
    refused(gate, "receipt_held", "receipt_id")
    gate.wait_until(gate.time_ns + 40 * DAY_NS)
    gate.ask(expired, CHEN)
    refused(gate, "receipt_expired", "receipt_id")


def test_a_reference_is_taken_once_of_each_holder() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    gate.request(receipt_id, weight_g=1_000_000, reference="truck-1")
    rest = gate.held(LI)[-1][0]
    gate.ask(rest, weight_g=1_000_000, reference="truck-1")
    refused(gate, "duplicate_reference", "reference")
    gate.request(rest, weight_g=1_000_000, reference="truck-2")
    mine = gate.held(CHEN)[-1][0]
    gate.request(mine, CHEN, reference="truck-1")
    assert gate.order().delivery_id == 3


def test_the_holder_takes_his_order_back_before_a_truck_was_weighed() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    delivery_id = gate.request(receipt_id)
    gate.book(delivery_id, wall(10))
    gate.cancel_delivery(delivery_id, WANG)
    refused(gate, "unknown_delivery", "delivery_id")
    gate.cancel_delivery(delivery_id)
    assert gate.order().state == "cancelled"
    assert gate.all(SlotChanged)[0].slot.state == "cancelled"
    assert [event.cause for event in gate.all(ReceiptChanged)] == ["recalled"]
    assert gate.goods(LI) == (4_000_000, 0)
    assert gate.sell(LI, 4_000, 300).status == "resting"
    gate.cancel_delivery(delivery_id)
    refused(gate, "delivery_closed", "delivery_id")
    gate.cancel_delivery(9)
    refused(gate, "unknown_delivery", "delivery_id")


def test_it_is_too_late_to_take_it_back_once_a_truck_is_loaded() -> None:
    gate = Gate(docks=())
    delivery_id = gate.request(gate.bought(4_000))
    gate.weigh_out(delivery_id, 1_000_000)
    gate.cancel_delivery(delivery_id)
    refused(gate, "delivery_loading", "delivery_id")


def test_held_goods_do_not_come_back_to_trade() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    delivery_id = gate.request(receipt_id)
    gate.do(HoldReceipt(operator_id=OPERATOR, receipt_id=receipt_id, cause="court", reason="case 7"))
    gate.cancel_delivery(delivery_id)
    refused(gate, "receipt_held", "delivery_id")


def test_goods_whose_green_life_ended_meanwhile_come_back_expired() -> None:
    gate = Gate()
    receipt_id = gate.bought(4_000)
    delivery_id = gate.request(receipt_id)
    gate.wait_until(gate.time_ns + 40 * DAY_NS)
    receipt = gate.engine.receipt(receipt_id)
    assert receipt is not None
    assert receipt.state == "delivery_ordered", "what is ordered out does not expire"
    gate.cancel_delivery(delivery_id)
    receipt = gate.engine.receipt(receipt_id)
    assert receipt is not None
    assert receipt.state == "expired"


# Slots


def test_a_dock_is_kept_moved_and_given_back() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(11))
    slot = gate.order().slot
    assert slot is not None
    assert (slot.slot_id, slot.dock, slot.starts_ns, slot.ends_ns) == (1, "A", wall(11), wall(11, 30))
    gate.move(delivery_id, wall(14), slots=2)
    moved = gate.order().slot
    assert moved is not None
    assert (moved.slot_id, moved.starts_ns, moved.ends_ns) == (1, wall(14), wall(15))
    assert gate.causes() == ["slot_moved"]
    gate.move(delivery_id, wall(14, 30), slots=2)
    assert gate.causes() == ["slot_moved"], "over one's own time"
    gate.cancel_slot(delivery_id)
    assert gate.causes() == ["slot_cancelled"]
    assert gate.order().slot is None
    gate.cancel_slot(delivery_id)
    refused(gate, "no_slot", "delivery_id")
    gate.move(delivery_id, wall(14))
    refused(gate, "no_slot", "delivery_id")


def test_nobody_gets_a_dock_that_another_has() -> None:
    gate = Gate()
    mine = gate.request(gate.bought(4_000))
    theirs = gate.request(gate.held(CHEN)[0][0], CHEN)
    gate.book(mine, wall(11), slots=2)
    gate.book(theirs, wall(11, 30), CHEN)
    refused(gate, "slot_taken", "starts_ns")
    gate.book(theirs, wall(10, 30), CHEN, slots=2)
    refused(gate, "slot_taken", "starts_ns")
    gate.book(theirs, wall(12), CHEN)
    gate.move(theirs, wall(11), CHEN)
    refused(gate, "slot_taken", "starts_ns")
    gate.move(mine, wall(15))
    gate.move(theirs, wall(11), CHEN)
    assert gate.causes() == ["slot_moved"]


@pytest.mark.parametrize(
    ("starts_ns", "more", "reason", "field"),
    [
        (wall(11), {"dock": "B"}, "unknown_dock", "dock"),
        (wall(11, 10), {}, "off_grid", "starts_ns"),
        (wall(7, 30), {}, "outside_opening_hours", "starts_ns"),
        (wall(17, 30), {"slots": 2}, "outside_opening_hours", "starts_ns"),
        (wall(9, 30), {}, "slot_in_past", "starts_ns"),
        (time_of("2026-12-20", 9), {}, "receipt_expires", "starts_ns"),
    ],
)
def test_times_that_cannot_be_had(starts_ns: int, more: dict[str, Any], reason: str, field: str) -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, starts_ns, **more)
    refused(gate, reason, field)


def test_thirteen_tonnes_need_two_slots() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.receipt(weight_g=13_000_000), CHEN)
    gate.book(delivery_id, wall(11), CHEN)
    refused(gate, "over_capacity", "slots")
    gate.book(delivery_id, wall(11), CHEN, slots=2)
    assert gate.causes() == ["slot_booked"]
    gate.move(delivery_id, wall(12), CHEN)
    refused(gate, "over_capacity", "slots")


def test_one_booking_a_delivery_and_by_whom() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(11), WANG)
    refused(gate, "unknown_delivery", "delivery_id")
    gate.book(delivery_id, wall(11), 99)
    refused(gate, "unknown_participant", "participant_id")
    gate.book(77, wall(11))
    refused(gate, "unknown_delivery", "delivery_id")
    gate.book(delivery_id, wall(11), WAREHOUSE)
    assert gate.causes() == ["slot_booked"], "the warehouse books for the buyer"
    gate.book(delivery_id, wall(15))
    refused(gate, "slot_booked", "delivery_id")


def test_a_truck_that_does_not_come_has_missed_its_slot() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(11))
    assert gate.engine.next_deadline_ns() == wall(12), "half an hour after its end"
    gate.wait_until(wall(12) - 1)
    assert gate.causes() == []
    gate.wait_until(wall(12))
    assert gate.causes() == ["slot_missed"]
    assert gate.all(SlotChanged)[0].slot.state == "missed"
    gate.book(delivery_id, wall(14))
    assert gate.causes() == ["slot_booked"]


def test_a_slot_in_which_a_truck_was_loaded_was_used() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(10))
    gate.weigh_out(delivery_id, 1_000_000)
    gate.wait_until(wall(11))
    assert gate.causes() == ["slot_used"]
    assert gate.all(SlotChanged)[0].slot.state == "used"
    gate.book(delivery_id, wall(14))
    slot = gate.order().slot
    assert slot is not None
    assert slot.slot_id == 2


def test_what_is_loaded_whole_needs_no_dock_any_more() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(10))
    gate.weigh_out(delivery_id, 4_000_000)
    gate.book(delivery_id, wall(14))
    refused(gate, "delivery_loaded", "delivery_id")
    gate.hand_over(delivery_id)
    assert gate.all(SlotChanged)[0].slot.state == "used"
    assert gate.engine.delivery.slots.free("SX1", "A", wall(10), wall(10, 30))


def test_the_day_of_a_dock_shows_who_has_it() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(8, 30, "2026-11-24"), slots=2)
    spans = list(gate.engine.delivery.slots.day(DOCK, 20_781))
    assert spans[0].starts_ns == wall(8, 0, "2026-11-24")
    assert [span.delivery_id for span in spans[:4]] == [None, delivery_id, delivery_id, None]


def test_a_dock_that_is_configured_away_keeps_its_bookings() -> None:
    gate = Gate()
    delivery_id = gate.request(gate.bought(4_000))
    gate.book(delivery_id, wall(11))
    gate.configure(docks=())
    gate.wait_until(wall(11))
    gate.weigh_out(delivery_id, 4_000_000)
    gate.hand_over(delivery_id, CODE)
    assert gate.order().state == "handed_over"


def test_a_venue_is_not_configured_with_two_docks_of_one_name() -> None:
    gate = Gate()
    gate.configure(docks=(DOCK, DOCK))
    refused(gate, "invalid_docks", "docks")


def test_the_engine_that_is_put_back_goes_on_with_its_deliveries() -> None:
    gate = Gate()
    first = gate.request(gate.bought(4_000))
    second = gate.request(gate.held(CHEN)[0][0], CHEN, weight_g=2_000_000)
    gate.book(first, wall(11))
    gate.weigh_out(second, 1, scale_id="x")
    gate.time_ns = wall(11)
    gate.weigh_out(first, 1_000_000)
    before = gate.engine.state_hash()
    again = type(gate.engine).restore(gate.engine.snapshot())
    again.audit()
    assert again.state_hash() == before
    assert again.delivery.all() == gate.engine.delivery.all()
    assert again.delivery.loads(first) == gate.engine.delivery.loads(first) != []
    assert again.next_deadline_ns() == gate.engine.next_deadline_ns()
    time_ns = wall(12) + MINUTE_NS
    assert again.advance(time_ns, gate.engine.sequence + 1) == gate.engine.advance(time_ns, gate.engine.sequence + 1)
    assert again.state_hash() == gate.engine.state_hash()
