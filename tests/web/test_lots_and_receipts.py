"""A lot from the field to the cold store and out again, as grower, warehouse and buyer see it."""

from typing import Any

from settlement.messages import AnnounceLot
from tests.web.office import GROWER, SYMBOL, TRADER, Office, buy, get, new_lot, post, problem, sell


async def test_a_lot_becomes_a_receipt_becomes_money(office: Office) -> None:
    grower, warehouse, trader = [await office.as_(name) for name in ("grower", "warehouse", "trader")]
    lot = await post(grower, "lots", new_lot(500, certificate_number="CN-1"), 201)
    assert (lot["status"], lot["symbol"], lot["grower"]) == ("announced", SYMBOL, "grower 先生")
    assert lot["sequence"] == office.gateway.sequence
    lot_id = lot["lot_id"]

    weighed = await post(
        warehouse, f"lots/{lot_id}/weighing", {"gross_g": 510_700, "tare_g": 10_000, "scale_id": "A"}, 200
    )
    assert (weighed["status"], weighed["net_g"]) == ("weighed", 500_700)
    graded = await post(warehouse, f"lots/{lot_id}/inspection", {"grade": "2", "colour_stage": 1}, 200)
    assert (graded["status"], graded["inspected_grade"], graded["symbol"]) == ("inspected", "2", "BXJ-2-SX1-26W47")
    receipt = await post(warehouse, f"lots/{lot_id}/receipt", {}, 201)
    assert (receipt["participant_id"], receipt["weight_g"], receipt["available_g"]) == (GROWER, 500_700, 500_700)
    receipt_id, symbol = receipt["receipt_id"], receipt["symbol"]
    assert (await get(grower, f"lots/{lot_id}"))["receipt_id"] == receipt_id

    await post(grower, "orders", sell("s", 300, symbol=symbol), 201)
    mine = (await get(grower, "receipts"))["items"][0]
    assert (mine["reserved_g"], mine["available_g"]) == (300_000, 200_700)
    everyones = (await get(warehouse, "receipts", all=True))["items"][0]
    assert (everyones["reserved_g"], everyones["available_g"]) == (300_000, 200_700)
    problem(await grower.post(f"/api/v1/receipts/{receipt_id}/delivery"), 409, "receipt_reserved")

    await post(trader, "orders", buy("b", 300, symbol=symbol), 201)
    theirs = (await get(trader, "receipts"))["items"][0]
    assert (theirs["parent_receipt_id"], theirs["weight_g"], theirs["available_g"]) == (receipt_id, 300_000, 300_000)
    assert (await get(grower, f"receipts/{receipt_id}"))["weight_g"] == 200_700

    bought = theirs["receipt_id"]
    problem(await grower.post(f"/api/v1/receipts/{bought}/delivery"), 404, "unknown_receipt")
    problem(await warehouse.post(f"/api/v1/receipts/{bought}/load-out", json={}), 409, "delivery_not_ordered")
    ordered = await trader.post(f"/api/v1/receipts/{bought}/delivery")
    assert (ordered.status_code, ordered.json()["state"], ordered.json()["available_g"]) == (200, "delivery_ordered", 0)
    left = await post(warehouse, f"receipts/{bought}/load-out", {}, 200)
    assert left["state"] == "delivered"
    assert (await get(trader, "receipts"))["items"] == []
    gone = (await get(trader, "receipts", state="all"))["items"]
    assert [(each["receipt_id"], each["state"], each["available_g"]) for each in gone] == [(bought, "delivered", 0)]
    assert (await get(trader, f"receipts/{bought}"))["state"] == "delivered"

    entries = (await get(trader, "ledger"))["items"]
    assert {entry["cause"] for entry in entries} == {"deposit", "trade", "load_out"}
    paid = (await get(trader, "ledger", asset="CNY"))["items"]
    assert sum(entry["amount"] for entry in paid if entry["debit"] == f"participant:{TRADER}") == 75_000 + 38


async def test_everyone_sees_what_is_his_to_see(office: Office) -> None:
    receipt_id = await office.stock(100)
    lot_id = 1
    trader, warehouse, operator = [await office.as_(name) for name in ("trader", "warehouse", "operator")]
    assert (await get(trader, "lots"))["items"] == []
    problem(await trader.get(f"/api/v1/lots/{lot_id}"), 404, "unknown_lot")
    problem(await trader.get(f"/api/v1/receipts/{receipt_id}"), 404, "unknown_receipt")
    problem(await trader.get("/api/v1/receipts", params={"all": True}), 403, "forbidden")
    for client in (warehouse, operator):
        assert [lot["lot_id"] for lot in (await get(client, "lots"))["items"]] == [lot_id]
        assert (await get(client, f"lots/{lot_id}"))["grower"] == "grower 先生"
        assert (await get(client, "receipts"))["items"] == []
        assert len((await get(client, "receipts", all=True))["items"]) == 1
        assert (await get(client, f"receipts/{receipt_id}"))["participant_id"] == GROWER


async def test_lots_are_found_by_state_and_warehouse(office: Office) -> None:
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    await office.stock(100)
    await post(grower, "lots", new_lot(100, warehouse="SX2"), 201)
    await post(grower, "lots", new_lot(100), 201)
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [3, 2, 1]),
        ({"status": "announced"}, [3, 2]),
        ({"warehouse": "SX2"}, [2]),
        ({"status": "receipted"}, [1]),
        ({"status": "refused"}, []),
    ]
    for parameters, ids in cases:
        assert [lot["lot_id"] for lot in (await get(warehouse, "lots", **parameters))["items"]] == ids
    page = await get(warehouse, "lots", limit=2)
    assert [lot["lot_id"] for lot in (await get(warehouse, "lots", limit=2, cursor=page["next"]))["items"]] == [1]


async def test_what_the_rules_refuse_names_rule_and_field(office: Office) -> None:
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    for changes, field in (
        ({"variety": "XXX"}, "variety"),
        ({"warehouse": "ZZ9"}, "warehouse"),
        ({"harvest_date": "2026-02-30"}, "harvest_date"),
        ({"harvest_date": "2027-01-01"}, "harvest_date"),
        ({"weight_g": 10**12}, "weight_g"),
    ):
        answer = await grower.post("/api/v1/lots", json=new_lot(100, **changes))
        assert answer.status_code in (404, 409, 422), answer.text
        problem(answer, answer.status_code, answer.json()["code"], field)
    assert office.gateway.lots() == []
    lot_id = (await post(grower, "lots", new_lot(100), 201))["lot_id"]
    answer = await warehouse.post(f"/api/v1/lots/{lot_id}/inspection", json={"grade": "1", "colour_stage": 1})
    problem(answer, 409, answer.json()["code"])
    answer = await warehouse.post(f"/api/v1/lots/{lot_id}/receipt")
    problem(answer, 409, answer.json()["code"])
    for path in ("weighing", "inspection", "receipt"):
        body = {
            "weighing": {"gross_g": 2, "tare_g": 1, "scale_id": "s"},
            "inspection": {"grade": "1", "colour_stage": 1},
        }
        for number in (99, 2**60):
            answer = await warehouse.post(f"/api/v1/lots/{number}/{path}", json=body.get(path, {}))
            problem(answer, 404, "unknown_lot")


async def test_writes_that_need_no_body_take_no_fields(office: Office) -> None:
    receipt_id = await office.stock(100)
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    for client, path in (
        (grower, f"receipts/{receipt_id}/delivery"),
        (warehouse, f"receipts/{receipt_id}/load-out"),
    ):
        problem(await client.post(f"/api/v1/{path}", json={"weight_g": 1}), 400, "invalid_request", "weight_g")
    assert (await get(grower, f"receipts/{receipt_id}"))["state"] == "issued"


async def test_roles(office: Office) -> None:
    trader, grower = await office.as_("trader"), await office.as_("grower")
    problem(await trader.post("/api/v1/lots", json=new_lot(100)), 403, "forbidden")
    for client in (trader, grower):
        for path in ("lots/1/weighing", "lots/1/inspection", "lots/1/receipt", "receipts/1/load-out"):
            problem(await client.post(f"/api/v1/{path}", json={}), 403, "forbidden")
    for path in ("lots", "lots/1", "receipts", "receipts/1", "balances", "ledger"):
        problem(await office.anyone.get(f"/api/v1/{path}"), 401, "unauthenticated")
    assert not any(isinstance(command, AnnounceLot) for command in office.gateway.submitted)


async def test_receipts_page_newest_first(office: Office) -> None:
    grower = await office.as_("grower")
    ids = [await office.stock(100) for _ in range(3)]
    page = await get(grower, "receipts", limit=2)
    assert [each["receipt_id"] for each in page["items"]] == ids[:0:-1]
    rest = await get(grower, "receipts", limit=2, cursor=page["next"])
    assert ([each["receipt_id"] for each in rest["items"]], rest["next"]) == (ids[:1], None)
    assert (await get(grower, "receipts", symbol="X"))["items"] == []
    assert len((await get(grower, "receipts", state="all", warehouse="SX1"))["items"]) == 3


async def test_the_ledger_is_ones_own_unless_one_runs_the_venue(office: Office) -> None:
    trader, operator = await office.as_("trader"), await office.as_("operator")
    mine = (await get(trader, "ledger"))["items"]
    assert [(entry["cause"], entry["amount"], entry["credit"]) for entry in mine] == [
        ("deposit", 1_000_000, f"participant:{TRADER}")
    ]
    assert (await get(trader, "ledger", participant_id=TRADER))["items"] == mine
    problem(await trader.get("/api/v1/ledger", params={"participant_id": GROWER}), 403, "forbidden")
    assert len((await get(operator, "ledger"))["items"]) == 2
    assert (await get(operator, "ledger", participant_id=TRADER))["items"] == mine
