"""Goods leave over HTTP: ordered, booked, weighed, handed over with the code, accepted; or made good."""

import re
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from settlement.messages import Deposit, RegisterParticipant
from settlement.messages.delivery import Dock, RequestDelivery
from settlement.venue import DEFAULT_VENUE
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import TRADER, WAREHOUSE, Office, buy, get, post, problem, sell

DOCK = Dock(warehouse="SX1", code="A", opens_s=8 * 3600, closes_s=18 * 3600, slot_seconds=1800, capacity_kg=12_000)
HALF_HOUR_NS = 1_800 * 10**9
SECOND_OPERATOR = 7

TRUCK: dict[str, Any] = {
    "ticket": "T1",
    "gross_g": 7_800_000,
    "tare_g": 7_500_000,
    "scale_id": "SX1-9",
    "plate": "粤G·12345",
    "carrier": "北坡物流",
    "driver": "黄师傅",
}
"""300 kg."""


async def bought(office: Office, *, docks: tuple[Dock, ...] = (DOCK,)) -> int:
    """The trader's receipt for 300 of the grower's 500 kg."""
    office.gateway.take(replace(DEFAULT_VENUE, docks=docks))
    await office.stock(500)
    await post(await office.as_("grower"), "orders", sell("s", 300))
    trader = await office.as_("trader")
    await post(trader, "orders", buy("b", 300))
    receipt_id: int = (await get(trader, "receipts"))["items"][0]["receipt_id"]
    return receipt_id


async def ordered(office: Office, *, docks: tuple[Dock, ...] = ()) -> tuple[int, str]:
    """A delivery order for it, and its code."""
    receipt_id = await bought(office, docks=docks)
    order = await post(await office.as_("trader"), f"receipts/{receipt_id}/deliveries", {}, 201)
    return order["delivery_id"], order["hand_over_code"]


async def delete(client: httpx.AsyncClient, path: str, *statuses: int) -> Any:
    answer = await client.delete(f"/api/v1/{path}")
    assert answer.status_code in (statuses or (200,)), answer.text
    return answer.json()


async def test_from_the_order_to_the_buyers_word(office: Office) -> None:
    receipt_id = await bought(office)
    trader, warehouse = await office.as_("trader"), await office.as_("warehouse")
    order = await post(trader, f"receipts/{receipt_id}/deliveries", {}, 201)
    assert (order["state"], order["ordered_g"], order["slot"], order["tries_left"]) == ("ordered", 300_000, None, 5)
    assert order["sequence"] == office.gateway.sequence
    code = order["hand_over_code"]
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code)
    delivery_id = order["delivery_id"]

    slots = (await get(trader, "slots", warehouse="SX1", date="2026-11-23"))["items"]
    assert len(slots) == 20
    free = next(slot for slot in slots if slot["starts_ns"] >= MONDAY_NS)
    assert (free["dock"], free["free"], free["capacity_kg"], free["starts_ns"]) == ("A", True, 12_000, MONDAY_NS)
    booked = await post(trader, f"deliveries/{delivery_id}/slot", {"dock": "A", "starts_ns": MONDAY_NS}, 201)
    assert booked["slot"]["ends_ns"] == MONDAY_NS + HALF_HOUR_NS

    weighed = await post(warehouse, f"deliveries/{delivery_id}/weigh-out", TRUCK, 201)
    assert (weighed["state"], weighed["loaded_g"]) == ("loaded", 300_000)
    assert [(load["net_g"], load["plate"]) for load in weighed["loads"]] == [(300_000, "粤G·12345")]

    answer = await warehouse.post(f"/api/v1/deliveries/{delivery_id}/hand-over", json={"code": "0000-0000"})
    problem(answer, 409, "wrong_code", "code")
    assert (await get(trader, f"deliveries/{delivery_id}"))["tries_left"] == 4
    handed = await post(warehouse, f"deliveries/{delivery_id}/hand-over", {"code": code.lower()}, 200)
    assert (handed["state"], handed["handed_g"], handed["slot"]) == ("handed_over", 300_000, None)
    assert (await get(trader, f"receipts/{receipt_id}"))["state"] == "delivered"

    accepted = await post(trader, f"deliveries/{delivery_id}/acceptance", {}, 200)
    assert accepted["state"] == "accepted"
    assert (await get(trader, "deliveries"))["items"] == []
    ended = (await get(trader, "deliveries", state="all"))["items"]
    assert [(each["delivery_id"], each["state"]) for each in ended] == [(delivery_id, "accepted")]
    detail = await get(trader, f"deliveries/{delivery_id}")
    assert (detail["state"], detail["buy_in"]) == ("accepted", None)
    assert [(load["state"], load["posted_g"]) for load in detail["loads"]] == [("handed_over", 300_000)]


async def test_the_code_is_shown_once_and_to_the_buyer_alone(office: Office) -> None:
    delivery_id, code = await ordered(office)
    trader, warehouse = await office.as_("trader"), await office.as_("warehouse")
    for client in (trader, warehouse):
        told = await client.get(f"/api/v1/deliveries/{delivery_id}")
        assert "code" not in told.json()
        assert "salt" not in told.text
        assert code not in told.text
    command = next(each for each in office.gateway.submitted if isinstance(each, RequestDelivery))
    assert code.replace("-", "") not in repr(command), "the journal has a digest"
    problem(await warehouse.post(f"/api/v1/deliveries/{delivery_id}/code"), 404, "unknown_delivery")
    renewed = await post(trader, f"deliveries/{delivery_id}/code", {}, 200)
    assert renewed["hand_over_code"] != code
    await post(warehouse, f"deliveries/{delivery_id}/weigh-out", TRUCK, 201)
    answer = await warehouse.post(f"/api/v1/deliveries/{delivery_id}/hand-over", json={"code": code})
    problem(answer, 409, "wrong_code")
    await post(warehouse, f"deliveries/{delivery_id}/hand-over", {"code": renewed["hand_over_code"]}, 200)


async def test_a_part_of_a_receipt_is_ordered_out_once_a_reference(office: Office) -> None:
    receipt_id = await bought(office)
    trader = await office.as_("trader")
    body = {"weight_g": 100_000, "reference": "truck-1"}
    order = await post(trader, f"receipts/{receipt_id}/deliveries", body, 201)
    assert (order["ordered_g"], order["receipt_id"]) == (100_000, receipt_id + 1)
    answer = await trader.post(f"/api/v1/receipts/{receipt_id + 2}/deliveries", json=body)
    problem(answer, 409, "duplicate_reference", "reference")
    answer = await trader.post(f"/api/v1/receipts/{receipt_id + 2}/deliveries", json={"weight_g": 200_001})
    problem(answer, 422, "invalid_weight_g", "weight_g")
    answer = await trader.post(f"/api/v1/receipts/{receipt_id + 2}/deliveries", json={"weight_g": 0})
    problem(answer, 400, "invalid_request", "weight_g")


async def test_whose_goods_they_are(office: Office) -> None:
    receipt_id = await bought(office)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    answer = await grower.post(f"/api/v1/receipts/{receipt_id}/deliveries", json={})
    problem(answer, 404, "unknown_receipt")
    for number in ("0", "9007199254740992"):
        problem(await trader.post(f"/api/v1/receipts/{number}/deliveries", json={}), 404, "unknown_receipt")
        problem(await trader.get(f"/api/v1/deliveries/{number}"), 404, "unknown_delivery")
        problem(await trader.delete(f"/api/v1/deliveries/{number}"), 404, "unknown_delivery")
        problem(await trader.get(f"/api/v1/deliveries/{number}/buy-in"), 404, "unknown_buy_in")
    delivery_id = (await post(trader, f"receipts/{receipt_id}/deliveries", {}, 201))["delivery_id"]
    problem(await grower.get(f"/api/v1/deliveries/{delivery_id}"), 404, "unknown_delivery")
    problem(await grower.delete(f"/api/v1/deliveries/{delivery_id}"), 404, "unknown_delivery")
    problem(await grower.post(f"/api/v1/deliveries/{delivery_id}/acceptance"), 404, "unknown_delivery")
    problem(await grower.get("/api/v1/deliveries?all=true"), 403, "forbidden")
    assert (await get(grower, "deliveries"))["items"] == []
    for name in ("warehouse", "operator"):
        everyones = (await get(await office.as_(name), "deliveries", all=True))["items"]
        assert [each["participant_id"] for each in everyones] == [TRADER]
        assert (await get(await office.as_(name), f"deliveries/{delivery_id}"))["delivery_id"] == delivery_id
    past = (await get(await office.as_("warehouse"), "deliveries", all=True, state="ordered", warehouse="SX1"))["items"]
    assert [each["delivery_id"] for each in past] == [delivery_id]
    assert (await get(await office.as_("warehouse"), "deliveries", all=True, warehouse="SX2"))["items"] == []


async def test_an_order_is_taken_back(office: Office) -> None:
    delivery_id, _ = await ordered(office)
    trader = await office.as_("trader")
    cancelled = await delete(trader, f"deliveries/{delivery_id}")
    assert cancelled["state"] == "cancelled"
    assert (await get(trader, "receipts"))["items"][0]["available_g"] == 300_000
    problem(await trader.delete(f"/api/v1/deliveries/{delivery_id}"), 409, "delivery_closed")


async def test_docks_are_booked_moved_and_given_back(office: Office) -> None:
    delivery_id, _ = await ordered(office, docks=(DOCK,))
    trader, trader2, warehouse = [await office.as_(name) for name in ("trader", "trader2", "warehouse")]
    path = f"deliveries/{delivery_id}/slot"
    problem(await trader.delete(f"/api/v1/{path}"), 409, "no_slot")
    problem(await trader.post(f"/api/v1/{path}", json={"dock": "B", "starts_ns": MONDAY_NS}), 404, "unknown_dock")
    problem(await trader.post(f"/api/v1/{path}", json={"dock": "a b", "starts_ns": 1}), 404, "unknown_dock", "dock")
    answer = await trader.post(f"/api/v1/{path}", json={"dock": "A", "starts_ns": MONDAY_NS + 1})
    problem(answer, 409, "off_grid", "starts_ns")
    await post(warehouse, path, {"dock": "A", "starts_ns": MONDAY_NS}, 201)
    answer = await trader.post(f"/api/v1/{path}", json={"dock": "A", "starts_ns": MONDAY_NS})
    problem(answer, 409, "slot_booked")
    later = MONDAY_NS + 2 * HALF_HOUR_NS
    answer = await trader.patch(f"/api/v1/{path}", json={"dock": "A", "starts_ns": later, "slots": 2})
    assert answer.status_code == 200, answer.text
    assert answer.json()["slot"]["starts_ns"] == later
    for client, known in ((trader, delivery_id), (warehouse, delivery_id), (trader2, None)):
        slots = (await get(client, "slots", warehouse="SX1", date="2026-11-23"))["items"]
        taken = [(slot["starts_ns"], slot["delivery_id"]) for slot in slots if not slot["free"]]
        assert taken == [(later, known), (later + HALF_HOUR_NS, known)]
    assert (await delete(trader, path))["slot"] is None
    assert (await get(trader, "slots", warehouse="SX2", date="2026-11-23"))["items"] == []
    problem(await trader.get("/api/v1/slots?warehouse=SX9&date=2026-11-23"), 404, "unknown_warehouse")
    problem(await trader.get("/api/v1/slots?warehouse=SX1&date=2026-02-30"), 400, "invalid_request", "date")
    problem(await trader.get("/api/v1/slots?warehouse=SX1"), 400, "invalid_request")


async def test_a_weighing_is_taken_back(office: Office) -> None:
    delivery_id, _ = await ordered(office)
    warehouse, trader = await office.as_("warehouse"), await office.as_("trader")
    path = f"/api/v1/deliveries/{delivery_id}/weigh-out"
    problem(await trader.post(path, json=TRUCK), 403, "forbidden")
    problem(await warehouse.post(path, json=TRUCK | {"gross_g": 7_810_000}), 409, "over_order", "gross_g")
    problem(await warehouse.post(path, json=TRUCK | {"tare_g": 7_800_000}), 422, "invalid_tare_g", "tare_g")
    problem(await warehouse.post(path, json=TRUCK | {"gross_g": 7_600_000, "last": True}), 409, "reason_required")
    few = {"gross_g": 7_600_000, "last": True, "reason": "gone"}
    problem(await warehouse.post(path, json=TRUCK | few), 409, "over_wastage")
    await post(warehouse, f"deliveries/{delivery_id}/weigh-out", TRUCK | {"gross_g": 7_600_000}, 201)
    problem(await warehouse.post(path, json=TRUCK), 409, "duplicate_reference", "ticket")
    voiding = f"deliveries/{delivery_id}/loads/1/voiding"
    problem(await warehouse.post(f"/api/v1/{voiding}", json={}), 400, "invalid_request", "reason")
    voided = await post(warehouse, voiding, {"reason": "the wrong pallet"}, 200)
    assert (voided["state"], voided["loads"]) == ("ordered", [])
    detail = await get(trader, f"deliveries/{delivery_id}")
    assert [load["state"] for load in detail["loads"]] == ["voided"]
    missing = f"/api/v1/deliveries/{delivery_id}/loads/9/voiding"
    problem(await warehouse.post(missing, json={"reason": "x"}), 404, "unknown_load")
    nothing = f"/api/v1/deliveries/{delivery_id}/loads/0/voiding"
    problem(await warehouse.post(nothing, json={"reason": "x"}), 404, "unknown_load")


async def second_operator(office: Office) -> httpx.AsyncClient:
    """Somebody else in the office, registered over HTTP."""
    operator = await office.as_("operator")
    body = {"name": "second", "password": "plantain-test", "display_name": "第二", "roles": ["operator"]}
    registered = await post(operator, "operator/participants", body, 201)
    assert registered["participant_id"] == SECOND_OPERATOR
    return await office.as_("second")


async def test_what_fails_is_made_good_by_two_people(office: Office) -> None:
    delivery_id, _ = await ordered(office)
    warehouse, trader, operator = [await office.as_(name) for name in ("warehouse", "trader", "operator")]
    second = await second_operator(office)
    failure = f"deliveries/{delivery_id}/failure"
    problem(await trader.post(f"/api/v1/{failure}", json={"cause": "missing", "reason": "x"}), 403, "forbidden")
    problem(await operator.post(f"/api/v1/{failure}", json={"cause": "bored", "reason": "x"}), 400, "invalid_request")
    failed = await post(operator, failure, {"cause": "missing", "reason": "the pallets are not there"}, 200)
    assert (failed["state"], failed["failed_g"], failed["failure"]) == ("failed", 300_000, "missing")
    problem(await warehouse.post(f"/api/v1/{failure}/dismissal", json={"reason": "x"}), 403, "forbidden")
    problem(await operator.post(f"/api/v1/{failure}/dismissal", json={"reason": "x"}), 409, "same_operator")
    dismissed = await post(second, f"{failure}/dismissal", {"reason": "found in chamber 3"}, 200)
    assert dismissed["state"] == "ordered"

    await post(warehouse, failure, {"cause": "missing", "reason": "not in chamber 3 either"}, 200)
    await post(await office.as_("grower"), "orders", sell("s2", 100, price=260))
    office.gateway.take(Deposit(participant_id=WAREHOUSE, amount_fen=100_000, reference="bank-w"))
    start = f"deliveries/{delivery_id}/buy-in"
    problem(await trader.post(f"/api/v1/{start}", json={}), 403, "forbidden")
    problem(await operator.post(f"/api/v1/{start}", json={}), 409, "base_price_required", "base_price")
    problem(await trader.get(f"/api/v1/{start}"), 404, "unknown_buy_in")
    begun = await post(operator, start, {"base_price": 250}, 201)
    assert (begun["limit_price"], begun["cash_price"], begun["defaulter_id"]) == (300, 275, WAREHOUSE)
    assert (begun["bought_g"], begun["attempts_left"]) == (100_000, 2)
    assert [(each["attempt"], each["quantity"], each["bought"]) for each in begun["tries"]] == [(1, 300, 100)]
    for client in (trader, warehouse, second):
        assert (await get(client, start))["bought_g"] == 100_000
    problem(await (await office.as_("trader2")).get(f"/api/v1/{start}"), 404, "unknown_buy_in")
    detail = await get(trader, f"deliveries/{delivery_id}")
    assert (detail["state"], detail["buy_in"]["bought_g"]) == ("buying_in", 100_000)
    assert (await get(trader, "balances"))["items"][1]["total"] == 100_000


async def test_the_warehouse_may_not_decide_its_own_failure(office: Office) -> None:
    """One with both roles reports and cannot decide."""
    delivery_id, _ = await ordered(office)
    office.gateway.take(RegisterParticipant(name="both", display_name="both", roles=("warehouse", "operator")))
    warehouse, operator = await office.as_("warehouse"), await office.as_("operator")
    failure = {"cause": "refused", "reason": "brown tips"}
    await post(operator, f"deliveries/{delivery_id}/failure", failure, 200)
    answer = await operator.post(f"/api/v1/deliveries/{delivery_id}/buy-in", json={"base_price": 250})
    problem(answer, 409, "same_operator")
    problem(await warehouse.post(f"/api/v1/deliveries/{delivery_id}/buy-in", json={"base_price": 1}), 403, "forbidden")


@pytest.mark.parametrize("path", ["deliveries", "deliveries/1", "slots?warehouse=SX1&date=2026-11-23"])
async def test_nobody_in_particular_sees_nothing(office: Office, path: str) -> None:
    problem(await office.anyone.get(f"/api/v1/{path}"), 401, "unauthenticated")


async def test_lists_are_pages_in_the_present_and_in_the_past(office: Office) -> None:
    receipt_id = await bought(office)
    trader = await office.as_("trader")
    for part in range(3):
        order = await post(trader, f"receipts/{receipt_id}/deliveries", {"weight_g": 50_000}, 201)
        receipt_id = order["receipt_id"] + 1
        assert order["delivery_id"] == part + 1
    for state in ("live", "all", "ordered"):
        first = await get(trader, "deliveries", state=state, limit=2)
        assert [each["delivery_id"] for each in first["items"]] == [3, 2]
        second = await get(trader, "deliveries", state=state, limit=2, cursor=first["next"])
        assert ([each["delivery_id"] for each in second["items"]], second["next"]) == ([1], None)
    problem(await trader.get("/api/v1/deliveries?state=lost"), 400, "invalid_request", "state")


async def test_a_halted_venue_tells_of_deliveries_and_people_from_the_database(office: Office) -> None:
    await ordered(office)
    trader, trader2, operator = [await office.as_(name) for name in ("trader", "trader2", "operator")]
    before = [await get(trader, "deliveries"), await get(trader, "deliveries/1")]
    people = await get(operator, "operator/participants", limit=2)
    office.gateway.halted = "the disk is full"
    assert [await get(trader, "deliveries"), await get(trader, "deliveries/1")] == before
    assert await get(operator, "operator/participants", limit=2) == people
    problem(await trader2.get("/api/v1/deliveries/1"), 404, "unknown_delivery")
    problem(await trader.get("/api/v1/deliveries/1/buy-in"), 404, "unknown_buy_in")
    problem(await trader.get("/api/v1/deliveries/2"), 503, "venue_halted")
    problem(await trader.delete("/api/v1/deliveries/1"), 503, "venue_halted")
