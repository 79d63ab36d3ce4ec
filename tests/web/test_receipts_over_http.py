"""Receipts over HTTP: all their elements, and what holders, lenders, the warehouse and operators do with them."""

from typing import Any

import pytest
from msgspec.structs import replace

from settlement.messages.storage import StorageTariff
from settlement.receipt_numbers import receipt_number
from settlement.venue import DEFAULT_VENUE
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import GROWER, TRADER, TRADER2, WAREHOUSE, Office, get, new_lot, post, problem, sell

TARIFF = StorageTariff(
    warehouse="SX1",
    fen_per_tonne_day=350,
    free_days=3,
    insurance_fen_per_tonne_day=20,
    insurer="PICC Zhanjiang",
    insured_fen_per_kg=280,
    wastage_permille=30,
    period_days=60,
)
DAY_NS = 86_400 * 10**9


async def test_a_receipt_has_all_elements_of_the_standard(office: Office) -> None:
    office.gateway.take(replace(DEFAULT_VENUE, storage=(TARIFF,)))
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    lot = await post(grower, "lots", new_lot(500, certificate_number="CN-1", marks="陈 / 7"), 201)
    lot_id = lot["lot_id"]
    arrived = await post(warehouse, f"lots/{lot_id}/arrival", {"plate": "粤G12345", "carrier": "Cold Haulage"}, 200)
    assert (arrived["status"], arrived["arrived_ns"], arrived["marks"]) == ("arrived", MONDAY_NS, "陈 / 7")
    await post(warehouse, f"lots/{lot_id}/weighing", {"gross_g": 510_000, "tare_g": 10_000, "scale_id": "A"}, 200)
    found = {"grade": "1", "colour_stage": 2, "defect_permille": 40, "finger_length_mm": 180, "thickness_mm": 35}
    await post(warehouse, f"lots/{lot_id}/inspection", found, 200)
    issued = await post(warehouse, f"lots/{lot_id}/receipt", {"weight_g": 499_000}, 201)
    assert issued["number"] == receipt_number("SX1", MONDAY_NS, issued["receipt_id"])
    # A later tariff is for later lots.
    office.gateway.take(DEFAULT_VENUE)

    receipt = await get(grower, f"receipts/{issued['receipt_id']}")
    assert receipt["elements"] == {
        "depositor": {"participant_id": GROWER, "name": "grower 先生"},
        "goods": {
            "variety": "BXJ",
            "variety_zh": "巴西蕉",
            "variety_en": "Brazil",
            "weight_g": 499_000,
            "grade": "1",
            "colour_stage": 2,
            "defect_permille": 40,
            "finger_length_mm": 180,
            "thickness_mm": 35,
            "cartons": 33,
            "marks": "陈 / 7",
            "harvest_date": "2026-11-20",
            "town": "北坡镇",
            "village": "下黎村（合成）",
            "certificate_number": "CN-1",
        },
        "wastage_permille": 30,
        "place": "SX1",
        "place_zh": "遂溪一号库",
        "place_en": "Suixi No. 1",
        "storage_from_ns": MONDAY_NS,
        "storage_until_ns": receipt["expires_ns"],
        "storage_fee": {"fen_per_tonne_day": 350, "insurance_fen_per_tonne_day": 20, "free_days": 3},
        "insurance": {
            "amount_fen": 499_000 * 280 // 1_000,
            "insurer": "PICC Zhanjiang",
            "from_ns": MONDAY_NS,
            "until_ns": MONDAY_NS + 60 * DAY_NS,
        },
        "issuer": {"participant_id": WAREHOUSE, "name": "warehouse 先生"},
        "place_of_issue": "SX1",
        "date_of_issue": "2026-11-23",
        "issued_from": [],
        "merged_into": None,
    }


async def test_without_a_tariff_the_elements_of_one_are_null(office: Office) -> None:
    office.gateway.take(replace(DEFAULT_VENUE, storage=()))
    grower = await office.as_("grower")
    elements = (await get(grower, f"receipts/{await office.stock(100)}"))["elements"]
    assert (elements["storage_fee"], elements["insurance"], elements["wastage_permille"]) == (None, None, None)


async def test_title_is_told_while_the_database_is_away(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower = await office.as_("grower")
    await get(grower, "me")
    office.gateway.history_is_down = True
    answer = await grower.get(f"/api/v1/receipts/{receipt_id}")
    office.gateway.history_is_down = False
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["elements"]) == ("issued", None)


async def test_a_receipt_is_found_by_its_number(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    number = receipt_number("SX1", MONDAY_NS, receipt_id)
    assert (await get(grower, f"receipts/by-number/{number}"))["receipt_id"] == receipt_id
    assert (await get(grower, f"receipts/by-number/{number.lower()}"))["number"] == number
    problem(await trader.get(f"/api/v1/receipts/by-number/{number}"), 404, "unknown_receipt")
    mistyped = number.replace("SX1", "SX2", 1)
    problem(await grower.get(f"/api/v1/receipts/by-number/{mistyped}"), 422, "invalid_number", "number")
    another = receipt_number("SX2", MONDAY_NS, receipt_id)
    problem(await grower.get(f"/api/v1/receipts/by-number/{another}"), 404, "unknown_receipt")
    problem(await grower.get(f"/api/v1/receipts/by-number/{'9' * 200}"), 422, "invalid_number", "number")


async def test_split_and_merge(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower = await office.as_("grower")
    parts = await post(grower, f"receipts/{receipt_id}/split", {"weights_g": [30_000, 70_000]}, 201)
    ids = [part["receipt_id"] for part in parts["items"]]
    assert [(part["weight_g"], part["parent_receipt_id"]) for part in parts["items"]] == [
        (30_000, receipt_id),
        (70_000, receipt_id),
    ]
    merged = await post(grower, "receipts/merge", {"receipt_ids": ids}, 201)
    assert (merged["weight_g"], merged["state"]) == (100_000, "issued")
    whole = await get(grower, f"receipts/{merged['receipt_id']}")
    assert whole["elements"]["issued_from"] == ids
    gone = await get(grower, f"receipts/{ids[1]}")
    assert (gone["state"], gone["elements"]["merged_into"]) == ("merged", merged["receipt_id"])
    assert [each["receipt_id"] for each in (await get(grower, "receipts"))["items"]] == [merged["receipt_id"]]
    states = [each["state"] for each in (await get(grower, "receipts", state="all"))["items"]]
    assert states == ["issued", "merged", "merged", "split"]
    assert len((await get(grower, "receipts", state="merged"))["items"]) == 2


async def test_what_cannot_be_split_or_merged(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    split = f"/api/v1/receipts/{receipt_id}/split"
    problem(await grower.post(split, json={"weights_g": [1, 2]}), 409, "weights_do_not_add_up", "weights_g")
    problem(await grower.post(split, json={"weights_g": [100_000]}), 400, "invalid_request", "weights_g")
    problem(await grower.post(split, json={"weights_g": [0, 100_000]}), 400, "invalid_request")
    problem(await trader.post(split, json={"weights_g": [50_000, 50_000]}), 404, "unknown_receipt")
    problem(await grower.post(f"/api/v1/receipts/{2**60}/split", json={"weights_g": [1, 2]}), 404, "unknown_receipt")
    merge = {"receipt_ids": [receipt_id, receipt_id]}
    problem(await grower.post("/api/v1/receipts/merge", json=merge), 422, "invalid_receipt_ids", "receipt_ids")


async def test_a_lender_sees_his_security_and_releases_it(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, lender, other = [await office.as_(name) for name in ("grower", "trader", "trader2")]
    loan = {"lender_id": TRADER, "amount_fen": 20_000, "reference": "loan 1"}
    pledged = await post(grower, f"receipts/{receipt_id}/pledge", loan, 200)
    assert (pledged["state"], pledged["available_g"]) == ("pledged", 0)
    assert pledged["pledge"] == {
        "lender_id": TRADER,
        "reference": "loan 1",
        "amount_fen": 20_000,
        "since_ns": MONDAY_NS,
    }
    assert [each["receipt_id"] for each in (await get(lender, "receipts", lent=True))["items"]] == [receipt_id]
    assert (await get(lender, "receipts"))["items"] == []
    assert (await get(lender, f"receipts/{receipt_id}"))["participant_id"] == GROWER
    problem(await other.get(f"/api/v1/receipts/{receipt_id}"), 404, "unknown_receipt")
    problem(await grower.post(f"/api/v1/receipts/{receipt_id}/pledge", json=loan), 409, "receipt_pledged")
    problem(await grower.post(f"/api/v1/receipts/{receipt_id}/release"), 409, "not_lender")
    problem(await other.post(f"/api/v1/receipts/{receipt_id}/release"), 404, "unknown_receipt")
    assert (await post(lender, f"receipts/{receipt_id}/release", {}, 200))["state"] == "issued"
    assert (await get(lender, "receipts", lent=True))["items"] == []
    problem(await grower.post(f"/api/v1/receipts/{receipt_id}/pledge", json=loan), 409, "duplicate_reference")


async def test_a_receipt_is_given(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    gift = {"to_participant_id": TRADER, "reference": "note 1"}
    given = await post(grower, f"receipts/{receipt_id}/transfer", gift, 200)
    assert (given["weight_g"], given["to_participant_id"]) == (100_000, TRADER)
    mine = (await get(trader, "receipts"))["items"]
    assert [each["receipt_id"] for each in mine] == [given["new_receipt_id"]]
    problem(await grower.post(f"/api/v1/receipts/{receipt_id}/transfer", json=gift), 404, "unknown_receipt")
    office.gateway.take(replace(DEFAULT_VENUE, profile="cn-spot"))
    back = {"to_participant_id": TRADER2, "reference": "note 2"}
    answer = await trader.post(f"/api/v1/receipts/{given['new_receipt_id']}/transfer", json=back)
    problem(answer, 409, "transfer_not_permitted")


async def test_a_hold_by_the_warehouse_a_court_order_by_an_operator(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, warehouse, operator = [await office.as_(name) for name in ("grower", "warehouse", "operator")]
    order = await post(grower, "orders", sell("s", 50), 201)
    held = await post(warehouse, f"receipts/{receipt_id}/hold", {"cause": "quality", "reason": "a smell"}, 200)
    assert (held["state"], held["reserved_g"]) == ("held", 0)
    await post(operator, f"receipts/{receipt_id}/hold", {"cause": "court", "reason": "case 7"}, 200)
    ended = await get(grower, f"orders/{order['order_id']}")
    assert (ended["status"], ended["reason"]) == ("cancelled", "receipt_held")
    lifted = await post(warehouse, f"receipts/{receipt_id}/lift", {"cause": "quality"}, 200)
    assert [hold["cause"] for hold in lifted["holds"]] == ["court"]
    problem(await warehouse.post(f"/api/v1/receipts/{receipt_id}/lift", json={"cause": "quality"}), 409, "not_held")
    assert (await post(operator, f"receipts/{receipt_id}/lift", {"cause": "court"}, 200))["state"] == "issued"
    answer = await warehouse.post(f"/api/v1/receipts/{receipt_id}/hold", json={"cause": "contract", "reason": "x"})
    problem(answer, 400, "invalid_request", "cause")


async def test_loss_and_replacement(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, operator = await office.as_("grower"), await office.as_("operator")
    problem(await operator.post(f"/api/v1/receipts/{receipt_id}/replace"), 409, "not_lost")
    assert (await post(grower, f"receipts/{receipt_id}/loss", {"reason": "burnt"}, 200))["state"] == "held"
    new = await post(operator, f"receipts/{receipt_id}/replace", {}, 201)
    assert (new["parent_receipt_id"], new["weight_g"], new["state"]) == (receipt_id, 100_000, "issued")
    assert (await get(grower, f"receipts/{receipt_id}"))["state"] == "replaced"


async def test_a_receipt_issued_in_error(office: Office) -> None:
    receipt_id = await office.stock(100)
    operator = await office.as_("operator")
    voided = await post(operator, f"receipts/{receipt_id}/void", {"reason": "the wrong lot"}, 200)
    assert (voided["state"], voided["available_g"]) == ("void", 0)
    assert (await get(operator, "receipts", all=True))["items"] == []


async def test_shrinkage_counts_and_who_may_look_at_them(office: Office) -> None:
    await office.stock(100)
    grower, warehouse, trader = [await office.as_(name) for name in ("grower", "warehouse", "trader")]
    lost = await post(warehouse, "lots/1/shrinkage", {"weight_g": 2_000, "reason": "dried up"}, 200)
    assert (lost["booked_g"], lost["weight_g"], lost["shrinkage_g"]) == (100_000, 98_000, 2_000)
    counted = await post(warehouse, "lots/1/stock-take", {"weight_g": 99_000}, 200)
    assert (counted["cause"], counted["weight_g"], counted["shrinkage_g"]) == ("stock_take", 99_000, 1_000)
    too_much = await warehouse.post("/api/v1/lots/1/stock-take", json={"weight_g": 100_001})
    problem(too_much, 409, "surplus_over_shrinkage", "weight_g")
    for client in (grower, warehouse):
        changes = (await get(client, "lots/1/stock-changes"))["items"]
        assert [(each["cause"], each["weight_g"]) for each in changes] == [
            ("stock_take", 99_000),
            ("shrinkage", 98_000),
        ]
    page = await get(grower, "lots/1/stock-changes", limit=1)
    rest = await get(grower, "lots/1/stock-changes", limit=1, cursor=page["next"])
    assert ([each["weight_g"] for each in rest["items"]], rest["next"]) == ([98_000], None)
    problem(await trader.get("/api/v1/lots/1/stock-changes"), 404, "unknown_lot")
    problem(await warehouse.post("/api/v1/lots/9/shrinkage", json={"weight_g": 1, "reason": "x"}), 404, "unknown_lot")
    answer = await warehouse.post("/api/v1/lots/1/shrinkage", json={"weight_g": 99_001, "reason": "x"})
    problem(answer, 409, "exceeds_stock", "weight_g")


@pytest.mark.parametrize("path", ["lots/1/regrade", "receipts/1/regrade"])
async def test_a_lot_is_regraded_by_itself_or_by_one_of_its_receipts(office: Office, path: str) -> None:
    receipt_id = await office.stock(100)
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    found: dict[str, Any] = {"grade": "2", "colour_stage": 2, "reason": "spots"}
    regraded = await post(warehouse, path, found, 200)
    assert (regraded["previous_symbol"], regraded["symbol"]) == ("BXJ-1-SX1-26W47", "BXJ-2-SX1-26W47")
    receipt = await get(grower, f"receipts/{receipt_id}")
    assert (receipt["symbol"], receipt["expires_ns"]) == ("BXJ-2-SX1-26W47", regraded["expires_ns"])
    assert (receipt["elements"]["goods"]["grade"], receipt["elements"]["goods"]["colour_stage"]) == ("2", 2)
    answer = await warehouse.post(f"/api/v1/{path}", json=found | {"grade": "E", "defect_permille": 60})
    problem(answer, 409, "defects_over_tolerance", "defect_permille")
    for unknown in ("lots/9/regrade", "receipts/9/regrade", f"receipts/{2**60}/regrade"):
        problem(await warehouse.post(f"/api/v1/{unknown}", json=found), 404, f"unknown_{unknown.split('/')[0][:-1]}")


async def test_a_receipt_for_more_than_was_weighed(office: Office) -> None:
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    await post(grower, "lots", new_lot(500), 201)
    await post(warehouse, "lots/1/weighing", {"gross_g": 500_000, "tare_g": 10_000, "scale_id": "A"}, 200)
    await post(warehouse, "lots/1/inspection", {"grade": "1", "colour_stage": 1}, 200)
    problem(
        await warehouse.post("/api/v1/lots/1/receipt", json={"weight_g": 490_001}), 409, "more_than_weighed", "weight_g"
    )
    problem(await warehouse.post("/api/v1/lots/1/receipt", json={"weight": 1}), 400, "invalid_request", "weight")
    assert (await post(warehouse, "lots/1/receipt", {}, 201))["weight_g"] == 490_000


async def test_roles_of_custody(office: Office) -> None:
    receipt_id = await office.stock(100)
    bodies: dict[str, Any] = {
        "lots/1/arrival": {"plate": "x", "carrier": "y"},
        "lots/1/regrade": {"grade": "1", "colour_stage": 1, "reason": "x"},
        "lots/1/shrinkage": {"weight_g": 1, "reason": "x"},
        "lots/1/stock-take": {"weight_g": 1},
        f"receipts/{receipt_id}/regrade": {"grade": "1", "colour_stage": 1, "reason": "x"},
    }
    watched: dict[str, Any] = {
        f"receipts/{receipt_id}/hold": {"cause": "quality", "reason": "x"},
        f"receipts/{receipt_id}/lift": {"cause": "quality"},
        f"receipts/{receipt_id}/void": {"reason": "x"},
        f"receipts/{receipt_id}/replace": {},
    }
    grower, operator = await office.as_("grower"), await office.as_("operator")
    for path, body in (bodies | watched).items():
        problem(await grower.post(f"/api/v1/{path}", json=body), 403, "forbidden")
        problem(await office.anyone.post(f"/api/v1/{path}", json=body), 401, "unauthenticated")
    for path, body in bodies.items():
        problem(await operator.post(f"/api/v1/{path}", json=body), 403, "forbidden")
    assert (await get(grower, f"receipts/{receipt_id}"))["state"] == "issued"
