"""What storage costs, as holders, the warehouse and operators see and pay it."""

from msgspec.structs import replace

from settlement.messages import Deposit, RecordShrinkage
from settlement.messages.storage import StorageTariff
from settlement.venue import DEFAULT_VENUE
from tests.web.office import GROWER, WAREHOUSE, Office, buy, get, post, problem, sell

DAY_NS = 86_400 * 10**9
TARIFF = StorageTariff(
    warehouse="SX1",
    fen_per_tonne_day=300,
    free_days=2,
    insurance_fen_per_tonne_day=20,
    insurer="示范保险",
    insured_fen_per_kg=500,
    wastage_permille=50,
)


async def stocked(office: Office) -> int:
    """Ten tonnes of the grower's in a store that asks 3.20 yuan a tonne and day after two days; the receipt."""
    office.gateway.take(replace(DEFAULT_VENUE, storage=(TARIFF,)))
    office.gateway.take(Deposit(participant_id=GROWER, amount_fen=1_000_000, reference="grower"))
    return await office.stock(10_000)


async def later(office: Office, days: int) -> None:
    await office.gateway.set_clock(office.gateway.time_ns + days * DAY_NS)


async def test_what_a_receipt_owes_is_seen_and_paid_by_its_holder(office: Office) -> None:
    receipt_id = await stocked(office)
    grower = await office.as_("grower")
    free = await get(grower, f"receipts/{receipt_id}/storage")
    assert (free["from_date"], free["today"], free["due_fen"], free["tomorrow_fen"]) == (
        "2026-11-25",
        "2026-11-23",
        0,
        0,
    )
    assert free["tariff"]["insurer"] == "示范保险"
    assert (free["insured_fen"], free["standard_g"], free["shrinkage_g"]) == (5_000_000, 500_000, 0)

    await later(office, 7)
    due = await get(grower, f"receipts/{receipt_id}/storage")
    assert (due["due_fen"], due["tomorrow_fen"]) == (5 * 3_200, 6 * 3_200)
    paid = await post(grower, "storage/payments", {"receipt_ids": [receipt_id]}, 200)
    assert (paid["payment_id"], paid["amount_fen"]) == (1, 16_000)
    assert paid["receipts"] == [
        {"receipt_id": receipt_id, "from_date": "2026-11-25", "to_date": "2026-11-30", "amount_fen": 16_000}
    ]
    again = await post(grower, "storage/payments", {"receipt_ids": [receipt_id]}, 200)
    assert (again["payment_id"], again["amount_fen"]) == (None, 0)
    assert (await get(grower, f"receipts/{receipt_id}"))["storage_from_day"] == 20_787
    assert (await get(grower, "balances"))["items"][0]["total"] == 984_000

    (payment,) = (await get(grower, "storage/payments"))["items"]
    assert (payment["cause"], payment["amount_fen"], payment["due_fen"]) == ("payment", 16_000, 16_000)


async def test_load_out_waits_for_the_money(office: Office) -> None:
    receipt_id = await stocked(office)
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    await post(grower, f"receipts/{receipt_id}/delivery", {}, 200)
    await later(office, 4)
    problem(await warehouse.post(f"/api/v1/receipts/{receipt_id}/load-out", json={}), 409, "storage_unpaid")
    await post(grower, "storage/payments", {"receipt_ids": [receipt_id]}, 200)
    assert (await post(warehouse, f"receipts/{receipt_id}/load-out", {}, 200))["state"] == "delivered"


async def test_what_is_not_his_he_neither_sees_nor_pays(office: Office) -> None:
    receipt_id = await stocked(office)
    trader, warehouse, grower = [await office.as_(name) for name in ("trader", "warehouse", "grower")]
    problem(await trader.get(f"/api/v1/receipts/{receipt_id}/storage"), 404, "unknown_receipt")
    for number in (99, 2**60):
        problem(await grower.get(f"/api/v1/receipts/{number}/storage"), 404, "unknown_receipt")
    assert (await get(warehouse, f"receipts/{receipt_id}/storage"))["receipt_id"] == receipt_id
    body = {"receipt_ids": [receipt_id]}
    problem(await trader.post("/api/v1/storage/payments", json=body), 404, "unknown_receipt", "receipt_ids")
    twice = {"receipt_ids": [receipt_id, receipt_id]}
    problem(await grower.post("/api/v1/storage/payments", json=twice), 422, "invalid_receipt_ids", "receipt_ids")
    problem(await grower.post("/api/v1/storage/payments", json={"receipt_ids": []}), 400, "invalid_request")
    problem(await office.anyone.post("/api/v1/storage/payments", json=body), 401, "unauthenticated")
    problem(await trader.get("/api/v1/storage/payments", params={"all": True}), 403, "forbidden")


async def test_income_is_told_by_the_day_with_what_is_still_owed(office: Office) -> None:
    receipt_id = await stocked(office)
    grower, trader, operator = [await office.as_(name) for name in ("grower", "trader", "operator")]
    await later(office, 4)
    await post(grower, "storage/payments", {"receipt_ids": [receipt_id]}, 200)
    await later(office, 1)
    await post(grower, "orders", sell("s", 1_000, 250), 201)
    await post(trader, "orders", buy("b", 1_000, 250), 201)
    income = await get(operator, "operator/storage/income", **{"from": "2026-11-23", "to": "2026-11-30"})
    assert [(day["date"], day["paid_fen"], day["earned_fen"]) for day in income["items"]] == [
        ("2026-11-25", 0, 3_200),
        ("2026-11-26", 0, 3_200),
        ("2026-11-27", 6_400, 320),
        ("2026-11-28", 320, 0),
    ]
    assert income["outstanding"] == [{"warehouse": "SX1", "due_fen": 2_880}]
    elsewhere = await get(
        operator, "operator/storage/income", **{"from": "2026-11-23", "to": "2026-11-30", "warehouse": "SX2"}
    )
    assert (elsewhere["items"], elsewhere["outstanding"]) == ([], [])
    everyones = await get(await office.as_("warehouse"), "storage/payments", all=True, limit=1)
    assert everyones["items"][0]["cause"] == "trade"
    assert everyones["next"] is not None
    address = "/api/v1/operator/storage/income"
    problem(await grower.get(address, params={"from": "2026-11-23", "to": "2026-11-23"}), 403, "forbidden")
    for span in (("2026-02-30", "2026-03-01"), ("2026-11-23", "2026-11-22"), ("2026-01-01", "2026-12-31")):
        asked = {"from": span[0], "to": span[1]}
        problem(await operator.get(address, params=asked), 400, "invalid_request")


async def test_tariffs_are_public(office: Office) -> None:
    await stocked(office)
    told = await get(office.anyone, "storage/tariffs")
    assert [(each["warehouse"], each["fen_per_tonne_day"], each["free_days"]) for each in told["items"]] == [
        ("SX1", 300, 2)
    ]
    office.gateway.halted = "the disk is full"
    assert await get(office.anyone, "storage/tariffs") == told, "from the database"


async def test_a_store_answers_for_what_it_loses_beyond_its_standard(office: Office) -> None:
    receipt_id = await stocked(office)
    grower, operator, trader = [await office.as_(name) for name in ("grower", "operator", "trader")]
    office.gateway.take(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=600_000, reason="a door stood open"))
    assert (await get(grower, f"receipts/{receipt_id}/storage"))["shrinkage_g"] == 600_000
    (claim,) = (await get(grower, "wastage-claims"))["items"]
    assert (claim["beyond_g"], claim["amount_fen"], claim["due_fen"], claim["outcome"]) == (
        100_000,
        50_000,
        50_000,
        None,
    )
    assert (await get(trader, "wastage-claims"))["items"] == []
    assert len((await get(operator, "wastage-claims", all=True))["items"]) == 1
    problem(await trader.get("/api/v1/wastage-claims", params={"all": True}), 403, "forbidden")
    body = {"outcome": "paid", "reason": "as counted"}
    address = "/api/v1/operator/wastage-claims"
    problem(await grower.post(f"{address}/1", json=body), 403, "forbidden")
    problem(await operator.post(f"{address}/1", json=body), 409, "insufficient_funds")
    for number in (7, 2**60):
        problem(await operator.post(f"{address}/{number}", json=body), 404, "unknown_claim")
    settled = await post(operator, "operator/wastage-claims/1", {"outcome": "dismissed", "reason": "found again"}, 200)
    assert settled["outcome"] == "dismissed"
    (claim,) = (await get(grower, "wastage-claims"))["items"]
    assert (claim["outcome"], claim["reason"]) == ("dismissed", "found again")
