"""Loggers send what they read, as JSON or as files; what is too warm for too long is told to whom it concerns."""

from typing import Any

import httpx
from msgspec.structs import replace

from settlement.messages.climate import ClimateRule
from settlement.venue import DEFAULT_VENUE
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import Office, get, post, problem

HOUR_NS = 3_600 * 10**9


async def with_a_logger(office: Office) -> httpx.AsyncClient:
    office.gateway.take(replace(DEFAULT_VENUE, climate=ClimateRule()))
    warehouse = await office.as_("warehouse")
    placed = await post(warehouse, "warehouse/loggers", {"logger_id": "A-1", "warehouse": "SX1"}, 200)
    assert (placed["logger_id"], placed["chamber"]) == ("A-1", None)
    return warehouse


def readings(*temperatures_dc: int, until_ns: int = MONDAY_NS) -> dict[str, Any]:
    """An hourly reading each, the last one at `until_ns`."""
    start_ns = until_ns - (len(temperatures_dc) - 1) * HOUR_NS
    return {
        "logger_id": "A-1",
        "warehouse": "SX1",
        "readings": [
            {"time_ns": start_ns + at * HOUR_NS, "temperature_dc": each, "humidity_permille": 920}
            for at, each in enumerate(temperatures_dc)
        ],
    }


async def send_file(client: httpx.AsyncClient, content: str | bytes, **parameters: str) -> httpx.Response:
    body = content if isinstance(content, bytes) else content.encode()
    return await client.post(
        "/api/v1/warehouse/readings",
        content=body,
        params=parameters,
        headers={"content-type": "text/csv; charset=utf-8"},
    )


async def test_readings_by_json_are_taken_once_and_found_again(office: Office) -> None:
    warehouse = await with_a_logger(office)
    taken = await post(warehouse, "warehouse/readings", readings(138, 139, 141), 200)
    assert (taken["recorded"], taken["repeated"], taken["breaks"]) == (3, 0, [])
    again = await post(warehouse, "warehouse/readings", readings(138, 139, 141), 200)
    assert (again["recorded"], again["repeated"]) == (0, 3)
    found = await get(warehouse, "warehouse/readings", warehouse="SX1", limit=2)
    assert [each["temperature_dc"] for each in found["items"]] == [141, 139]
    assert (found["summary"]["minimum_temperature_dc"], found["summary"]["maximum_temperature_dc"]) == (138, 141)
    assert found["summary"]["readings"] == 3
    rest = await get(warehouse, "warehouse/readings", warehouse="SX1", limit=2, cursor=found["next"])
    assert [each["temperature_dc"] for each in rest["items"]] == [138]
    assert rest["next"] is None
    (logger,) = (await get(warehouse, "warehouse/loggers", warehouse="SX1"))["items"]
    assert (logger["logger_id"], logger["last_ns"], logger["temperature_dc"]) == ("A-1", MONDAY_NS, 141)


async def test_one_wrong_reading_refuses_all_and_is_named(office: Office) -> None:
    warehouse = await with_a_logger(office)
    address = "/api/v1/warehouse/readings"
    future = readings(138, 139, until_ns=MONDAY_NS + HOUR_NS)
    problem(await warehouse.post(address, json=future), 409, "reading_in_future", "readings[1]")
    problem(await warehouse.post(address, json=readings(138) | {"logger_id": "B"}), 404, "unknown_logger", "logger_id")
    problem(await warehouse.post(address, json=readings(138) | {"warehouse": "SX2"}), 404, "unknown_logger")
    problem(await warehouse.post(address, json=readings(138) | {"warehouse": "ZZ9"}), 404, "unknown_warehouse")
    problem(await warehouse.post(address, json=readings(9_999)), 400, "invalid_request")
    problem(await warehouse.post(address, json=readings(138), params={"logger_id": "A-1"}), 400, "invalid_request")
    backwards = readings(138, 139)
    backwards["readings"].reverse()
    problem(await warehouse.post(address, json=backwards), 422, "invalid_readings", "readings[1]")
    problem(await (await office.as_("grower")).post(address, json=readings(138)), 403, "forbidden")
    problem(await office.anyone.post(address, json=readings(138)), 401, "unauthenticated")
    assert (await get(warehouse, "warehouse/readings", warehouse="SX1"))["items"] == []


async def test_a_loggers_file_is_taken_whole_or_its_bad_lines_are_listed(office: Office) -> None:
    warehouse = await with_a_logger(office)
    file = (
        "记录仪,时间,温度(℃),湿度(%),电量\r\n"
        "A-1,2026-11-23 08:00:00,13.4,92.5,80\r\n"
        "\r\n"
        "A-1,2026-11-23 08:10:00,13.65,,79\r\n"
        "A-1,2026-11-23T00:20:00Z,-0.04,100,79\r\n"
    )
    taken = await send_file(warehouse, file, warehouse="SX1")
    assert taken.status_code == 200, taken.text
    assert taken.json()["recorded"] == 3
    assert (await send_file(warehouse, file, warehouse="SX1")).json()["repeated"] == 3
    found = (await get(warehouse, "warehouse/readings", warehouse="SX1"))["items"]
    assert [(each["temperature_dc"], each["humidity_permille"]) for each in found] == [
        (0, 1000),
        (137, None),
        (134, 925),
    ]
    assert found[2]["time_ns"] == MONDAY_NS - 2 * HOUR_NS

    bad = "timestamp,value\n1795398000,13.4\nnoon,13.5\n1795398600,warm\n1795398700,99\n1795398800,13.1,1\n"
    details = problem(await send_file(warehouse, bad, logger_id="A-1", warehouse="SX1"), 400, "invalid_request")
    assert [each["field"] for each in details["errors"]] == ["line 3", "line 4", "line 5", "line 6"]
    future = "timestamp,value\n1795399200,13.4\n1795402800,13.4\n"
    problem(await send_file(warehouse, future, logger_id="A-1", warehouse="SX1"), 409, "reading_in_future", "line 3")
    problem(await send_file(warehouse, "timestamp,value\n1795399200,13.4\n"), 400, "invalid_request")
    problem(await send_file(warehouse, ""), 400, "invalid_request")
    problem(
        await send_file(warehouse, "timestamp,value\n1795399200,13.4\n", logger_id="A 1\u0007", warehouse="SX1"),
        400,
        "invalid_request",
        "logger_id",
    )
    assert (await get(warehouse, "warehouse/readings", warehouse="SX1"))["summary"]["readings"] == 3


async def test_files_are_taken_where_files_are_read_and_nowhere_else(office: Office) -> None:
    warehouse = await with_a_logger(office)
    csv = {"content-type": "text/csv"}
    for address, kind in (("warehouse/loggers", csv), ("warehouse/readings", {"content-type": "text/plain"})):
        answer = await warehouse.post(f"/api/v1/{address}", content=b"a,b\n", headers=kind)
        problem(answer, 415, "unsupported_media_type")


async def test_who_holds_goods_there_sees_the_readings_and_what_was_broken(office: Office) -> None:
    warehouse = await with_a_logger(office)
    grower, trader, operator = [await office.as_(name) for name in ("grower", "trader", "operator")]
    address = "/api/v1/warehouse/readings"
    problem(await grower.get(address, params={"warehouse": "SX1"}), 403, "forbidden")
    receipt_id = await office.stock(500)
    taken = await post(warehouse, "warehouse/readings", readings(190, 195, 190, 190), 200)
    assert taken["breaks"] == [1]
    assert len((await get(grower, "warehouse/readings", warehouse="SX1"))["items"]) == 4
    problem(await trader.get(address, params={"warehouse": "SX1"}), 403, "forbidden")
    problem(await grower.get(address, params={"warehouse": "SX2"}), 403, "forbidden")

    (broken,) = (await get(grower, "cold-chain/breaks"))["items"]
    assert (broken["break_id"], broken["logger_id"], broken["extreme_dc"], broken["receipts"]) == (1, "A-1", 195, 1)
    assert (broken["restored_ns"], broken["hours"]) == (None, 2)
    (mine,) = (await get(grower, "cold-chain/breaks/1/receipts"))["items"]
    receipt = await get(grower, f"receipts/{receipt_id}")
    assert (mine["receipt_id"], mine["hours"], mine["expires_ns"]) == (receipt_id, 2, receipt["expires_ns"])
    assert (receipt["state"], receipt["holds"][0]["cause"]) == ("held", "cold_chain")
    assert (await get(trader, "cold-chain/breaks"))["items"] == []
    assert (await get(trader, "cold-chain/breaks/1/receipts"))["items"] == []
    assert (await get(trader, f"cold-chain/breaks/{2**60}/receipts"))["items"] == []
    assert len((await get(operator, "cold-chain/breaks", warehouse="SX1"))["items"]) == 1
    (logger,) = (await get(operator, "warehouse/loggers"))["items"]
    assert (logger["break_id"], logger["outside_since_ns"]) == (1, MONDAY_NS - 3 * HOUR_NS)


async def test_lots_are_placed_in_chambers(office: Office) -> None:
    warehouse = await with_a_logger(office)
    await office.stock(500)
    placed = await post(warehouse, "lots/1/chamber", {"chamber": "C-2"}, 200)
    assert (placed["lot_id"], placed["warehouse"], placed["chamber"]) == (1, "SX1", "C-2")
    for number in (7, 2**60):
        problem(await warehouse.post(f"/api/v1/lots/{number}/chamber", json={"chamber": None}), 404, "unknown_lot")
    problem(await warehouse.post("/api/v1/lots/1/chamber", json={"chamber": "ein Raum"}), 400, "invalid_request")
    problem(await (await office.as_("grower")).post("/api/v1/lots/1/chamber", json={"chamber": "C"}), 403, "forbidden")


async def test_the_rule_is_public_and_a_span_is_no_longer_than_a_year(office: Office) -> None:
    warehouse = await with_a_logger(office)
    told = await get(office.anyone, "climate")
    assert (told["rule"]["low_dc"], told["rule"]["high_dc"], told["rule"]["tolerated_seconds"]) == (120, 150, 7_200)
    office.gateway.halted = "the disk is full"
    assert await get(office.anyone, "climate") == told, "from the database"
    office.gateway.halted = None
    address = "/api/v1/warehouse/readings"
    for span in ((0, MONDAY_NS), (MONDAY_NS, MONDAY_NS - 1)):
        asked = {"warehouse": "SX1", "from_ns": span[0], "to_ns": span[1]}
        problem(await warehouse.get(address, params=asked), 400, "invalid_request", "to_ns")
    problem(await warehouse.get(address, params={"warehouse": "SX1", "cursor": "yesterday"}), 400, "invalid_request")
