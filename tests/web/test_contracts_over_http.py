"""Contracts over HTTP as buyer, seller, operators and strangers see them."""

from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from matching.messages import AdvanceTime
from settlement.messages import Deposit
from settlement.messages.contracts import ContractTerms, Differential
from settlement.venue import DEFAULT_VENUE
from tests.exchange.contract_floor import weekdays
from tests.web.office import GROWER, SYMBOL, TRADER, Office, get, post, problem

# 500 kg at 250 fen: 125,000 fen, earnest money 25,000, fee 63 (62.5 rounded up).

PHOTOGRAPH = "0f" * 32
TABLE = (Differential(kind="location", value="SX2", fen_per_kg=-6),)


async def traded(office: Office, **terms: Any) -> dict[str, Any]:
    """The grower's listing of 500 kg, taken whole by the trader: the contract."""
    venue = replace(DEFAULT_VENUE, contract=ContractTerms(**terms), differentials=TABLE)
    office.gateway.take(venue)
    office.gateway.take(weekdays("2026-11-23", "2026-12-31"))
    office.gateway.take(Deposit(participant_id=GROWER, amount_fen=1_000_000, reference="grower"))
    operator = await office.as_("operator")
    await post(operator, "operator/instruments", {"symbol": SYMBOL, "mode": "listing"}, 201)
    receipt_id = await office.stock(1000)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    offer = {"client_order_id": "l", "symbol": SYMBOL, "quantity": 500, "price": 250, "receipt_id": receipt_id}
    listing = await post(grower, "listings", offer, 201)
    await post(trader, f"listings/{listing['order_id']}/takes", {"client_order_id": "t", "quantity": 500}, 201)
    found: dict[str, Any] = (await get(trader, "contracts"))["items"][0]
    return found


async def second_operator(office: Office) -> httpx.AsyncClient:
    body = {"name": "second", "password": "plantain-test", "display_name": "第二", "roles": ["operator"]}
    await post(await office.as_("operator"), "operator/participants", body, 201)
    return await office.as_("second")


async def fetched(office: Office, contract: dict[str, Any], net_g: int) -> dict[str, Any]:
    """Paid, tendered, and gone over the scale by the gate's own rules."""
    number = contract["contract_id"]
    grower, trader, warehouse = [await office.as_(name) for name in ("grower", "trader", "warehouse")]
    await post(trader, f"contracts/{number}/payment", {}, 200)
    passed = await post(grower, f"contracts/{number}/tender", {}, 200)
    (delivery_id,) = passed["delivery_ids"]
    code = (await post(trader, f"deliveries/{delivery_id}/code", {}, 200))["hand_over_code"]
    truck = {
        "ticket": "T1",
        "gross_g": net_g + 7_500_000,
        "tare_g": 7_500_000,
        "scale_id": "SX1-9",
        "plate": "粤G·12345",
        "carrier": "北坡物流",
        "driver": "黄师傅",
        "last": True,
        "reason": "dried",
    }
    await post(warehouse, f"deliveries/{delivery_id}/weigh-out", truck, 201)
    await post(warehouse, f"deliveries/{delivery_id}/hand-over", {"code": code}, 200)
    found: dict[str, Any] = await get(trader, f"contracts/{number}")
    return found


async def test_a_contract_from_the_listing_to_its_end(office: Office) -> None:
    contract = await traded(office)
    assert (contract["state"], contract["value_fen"], contract["first_day"]) == ("concluded", 125_000, "2026-11-23")
    assert (contract["buyer"], contract["seller"]) == ("trader 先生", "grower 先生")
    assert contract["sequence"] == office.gateway.sequence
    contract = await fetched(office, contract, 490_000)
    assert (contract["state"], contract["settled_fen"], contract["refund_fen"]) == ("part_paid", 122_500, 2_500)
    assert contract["weight_reason"] == "dried"

    grower, trader = await office.as_("grower"), await office.as_("trader")
    body = {"invoice_number": "044002600111", "amount_fen": 122_500}
    invoiced = await post(grower, "contracts/1/invoice", body, 201)
    assert invoiced["invoice_number"] == "044002600111"
    problem(await grower.post("/api/v1/contracts/1/invoice", json=body), 409, "already_invoiced")
    ended = await post(trader, "contracts/1/acceptance", {}, 200)
    assert (ended["state"], ended["due_ns"], ended["escrow_fen"]) == ("completed", None, 0)

    assert (await get(trader, "contracts"))["items"] == []
    (kept,) = (await get(grower, "contracts", state="ended"))["items"]
    assert {**kept, "sequence": 0} == {**ended, "sequence": 0}
    assert (await get(trader, "contracts/1"))["state"] == "completed"
    steps = (await get(trader, "contracts/1/steps"))["items"]
    assert [step["cause"] for step in reversed(steps)] == [
        *("concluded", "paid", "tendered", "title_passed", "picked_up", "quantity_agreed"),
        *("invoiced", "accepted", "completed"),
    ]
    (cash,) = [each for each in (await get(trader, "balances"))["items"] if each["asset"] == "CNY"]
    assert cash["total"] == 1_000_000 - 122_500 - 63


async def test_contracts_are_for_their_parties_and_operators(office: Office) -> None:
    await traded(office)
    trader2, operator, analyst = [await office.as_(name) for name in ("trader2", "operator", "analyst")]
    assert (await get(trader2, "contracts"))["items"] == []
    problem(await trader2.get("/api/v1/contracts/1"), 404, "unknown_contract")
    problem(await trader2.get("/api/v1/contracts/1/steps"), 404, "unknown_contract")
    problem(await trader2.post("/api/v1/contracts/1/payment"), 404, "unknown_contract")
    problem(await analyst.get("/api/v1/contracts", params={"all": True}), 403, "forbidden")
    problem(await office.anyone.get("/api/v1/contracts"), 401, "unauthenticated")
    assert [each["contract_id"] for each in (await get(operator, "contracts", all=True))["items"]] == [1]
    assert [each["contract_id"] for each in (await get(operator, "contracts", all=True, state="all"))["items"]] == [1]
    assert (await get(operator, "contracts/1"))["contract_id"] == 1
    problem(await operator.get("/api/v1/contracts/0"), 404, "unknown_contract")
    problem(await operator.get("/api/v1/contracts/99"), 404, "unknown_contract")


async def test_a_halted_venue_tells_of_contracts_from_the_database(office: Office) -> None:
    await traded(office)
    trader, trader2 = await office.as_("trader"), await office.as_("trader2")
    before = [await get(trader, path) for path in ("contracts", "contracts/1", "contracts/1/steps")]
    office.gateway.halted = "the disk is full"
    assert [await get(trader, path) for path in ("contracts", "contracts/1", "contracts/1/steps")] == before
    problem(await trader2.get("/api/v1/contracts/1"), 404, "unknown_contract")
    problem(await trader.get("/api/v1/contracts/0"), 404, "unknown_contract")
    problem(await trader.get("/api/v1/contracts/2"), 503, "venue_halted")
    problem(await trader.post("/api/v1/contracts/1/payment"), 503, "venue_halted")


async def test_contracts_are_paged(office: Office) -> None:
    await traded(office)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    receipt = next(each for each in (await get(grower, "receipts"))["items"] if each["state"] == "issued")
    offer = {"client_order_id": "m", "symbol": SYMBOL, "quantity": 300, "price": 250}
    listing = await post(grower, "listings", offer | {"receipt_id": receipt["receipt_id"]}, 201)
    for number in range(3):
        take = {"client_order_id": f"t{number}", "quantity": 100}
        await post(trader, f"listings/{listing['order_id']}/takes", take, 201)
    for state in ("live", "all"):
        found: list[int] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await get(trader, "contracts", state=state, limit=3, **cursor)
            found += [each["contract_id"] for each in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == [4, 3, 2, 1]
    problem(await trader.get("/api/v1/contracts", params={"cursor": "x"}), 400, "invalid_request", "cursor")


async def test_what_is_not_yours_to_say_or_out_of_turn_is_a_problem_with_the_rules_name(office: Office) -> None:
    await traded(office)
    grower, trader, operator = [await office.as_(name) for name in ("grower", "trader", "operator")]
    problem(await grower.post("/api/v1/contracts/1/payment"), 403, "wrong_party")
    problem(await trader.post("/api/v1/contracts/1/acceptance"), 409, "wrong_state")
    problem(await trader.post("/api/v1/contracts/1/weight", json={"weight_g": 1}), 409, "wrong_state")
    problem(await trader.post("/api/v1/contracts/1/dispute", json={"reason": "late"}), 409, "wrong_state")
    answer = await grower.post("/api/v1/contracts/1/tender", json={"receipt_ids": [1]})
    problem(answer, 409, "substitution_not_allowed", "receipt_ids")
    problem(await trader.post("/api/v1/contracts/1/outcome/approval"), 403, "forbidden")
    problem(await operator.post("/api/v1/contracts/1/outcome/approval"), 409, "wrong_state")
    answer = await trader.post("/api/v1/contracts/1/objection", json={"reason": "x", "claim_fen": 0})
    problem(answer, 400, "invalid_request", "claim_fen")
    answer = await trader.post(
        "/api/v1/contracts/1/objection", json={"reason": "x", "claim_fen": 1, "photo_digests": ["ff"]}
    )
    problem(answer, 400, "invalid_request")


async def test_other_goods_are_tendered_where_the_venue_allows_it(office: Office) -> None:
    await traded(office, substitution=True)
    grower = await office.as_("grower")
    problem(await grower.post("/api/v1/contracts/1/tender", json={"receipt_ids": []}), 422, "invalid_receipt_ids")
    problem(await grower.post("/api/v1/contracts/1/tender", json={"receipt_ids": [77]}), 404, "unknown_receipt")
    fresh = await office.stock(600)
    tendered = await post(grower, "contracts/1/tender", {"receipt_ids": [fresh]}, 200)
    assert (tendered["state"], tendered["differential_fen"]) == ("tendered", 0)


async def test_an_objection_is_answered_or_withdrawn(office: Office) -> None:
    await fetched(office, await traded(office), 500_000)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    body = {"reason": "crown rot", "claim_fen": 5_000, "photo_digests": [PHOTOGRAPH]}
    problem(await trader.post("/api/v1/contracts/1/objection", json={**body, "photo_digests": []}), 409, "no_evidence")
    objected = await post(trader, "contracts/1/objection", body, 201)
    assert (objected["state"], objected["objection"]["claim_fen"]) == ("objected", 5_000)
    granted = await post(grower, "contracts/1/objection/answer", {"accepted": True, "reason": "seen"}, 200)
    assert (granted["state"], granted["granted_fen"]) == ("part_paid", 5_000)
    problem(await trader.delete("/api/v1/contracts/1/objection"), 409, "wrong_state")


@pytest.mark.parametrize("withdrawn", [True, False])
async def test_an_objection_is_withdrawn_or_goes_to_the_operators(office: Office, withdrawn: bool) -> None:
    await fetched(office, await traded(office), 500_000)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    body = {"reason": "crown rot", "claim_fen": 5_000, "laboratory": "湛江", "report_number": "7"}
    await post(trader, "contracts/1/objection", body, 201)
    if withdrawn:
        answer = await trader.delete("/api/v1/contracts/1/objection")
        assert (answer.status_code, answer.json()["objection"]["standing"]) == (200, "withdrawn")
    else:
        denied = await post(grower, "contracts/1/objection/answer", {"accepted": False, "reason": "it is fine"}, 200)
        assert (denied["state"], denied["dispute_opened_by"]) == ("disputed", GROWER)


async def test_two_operators_end_a_dispute(office: Office) -> None:
    await fetched(office, await traded(office), 300_000)
    trader, operator = await office.as_("trader"), await office.as_("operator")
    second = await second_operator(office)
    assert (await get(trader, "contracts/1"))["state"] == "weighed"
    stated = await post(trader, "contracts/1/weight", {"weight_g": 300_000}, 200)
    assert stated["buyer_weight_g"] == 300_000
    disputed = await post(trader, "contracts/1/dispute", {"reason": "he says 400 kg"}, 201)
    assert (disputed["state"], disputed["dispute_opened_by"]) == ("disputed", TRADER)
    outcome = {"buyer_fen": 75_000, "seller_fen": 100_000, "goods_to": "buyer", "reason": "the scale's record"}
    problem(
        await operator.post("/api/v1/contracts/1/outcome", json={**outcome, "buyer_fen": 74_999}),
        *(409, "amounts_do_not_add_up"),
    )
    proposed = await post(operator, "contracts/1/outcome", outcome, 201)
    assert proposed["proposal"]["seller_fen"] == 100_000
    problem(await operator.post("/api/v1/contracts/1/outcome/approval"), 409, "same_operator")
    ended = await post(second, "contracts/1/outcome/approval", {}, 200)
    assert (ended["state"], ended["reason"]) == ("resolved", "the scale's record")


async def test_two_operators_find_force_majeure(office: Office) -> None:
    await traded(office)
    operator = await office.as_("operator")
    second = await second_operator(office)
    await post(operator, "contracts/1/force-majeure", {"reason": "台风"}, 201)
    problem(await operator.post("/api/v1/contracts/1/force-majeure/confirmation"), 409, "same_operator")
    ended = await post(second, "contracts/1/force-majeure/confirmation", {}, 200)
    assert (ended["state"], ended["reason"]) == ("annulled", "台风")


async def test_a_late_day_comes_with_the_clock(office: Office) -> None:
    contract = await traded(office)
    operator, trader = await office.as_("operator"), await office.as_("trader")
    await post(operator, "operator/clock", {"time_ns": contract["pay_by_ns"]}, 200, 201)
    office.gateway.take(AdvanceTime(contract["pay_by_ns"]))
    late = await get(trader, "contracts/1")
    assert (late["state"], late["late"], late["buyer_late_fen"]) == ("overdue", "buyer", 125)


async def test_the_terms_and_the_days_are_public(office: Office) -> None:
    told = await get(office.anyone, "contracts/terms")
    assert (told["terms"], told["since"], told["trading_days"]) == (None, None, [])
    await traded(office)
    told = await get(office.anyone, "contracts/terms")
    assert (told["terms"]["earnest_permille"], told["until"]) == (200, "2026-12-31")
    assert told["trading_days"][:2] == ["2026-11-23", "2026-11-24"]
    assert told["differentials"] == [{"kind": "location", "value": "SX2", "fen_per_kg": -6, "variety": None}]
