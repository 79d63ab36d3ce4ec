"""Price series of other markets over HTTP: operators bring them, everybody reads and compares them."""

import base64
from typing import Any

import pytest
from sqlalchemy import insert

from settlement.civil import venue_day
from settlement.tables import daily_totals
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import Office, get, post, problem
from web.prices import KILOGRAMS, _converted, _kilograms, _rate

TODAY = venue_day(MONDAY_NS)

WEEK = """\
Origin,Date,Price,Units
ecuador,20/11/2026,0.69,£/kg
ecuador,23/11/2026,0.7,£/kg
ecuador,24/11/2026,dear,£/kg
peru,23/11/2026,1,£/kg
"""


async def brought(office: Office, content: str = WEEK, **said: Any) -> dict[str, Any]:
    operator = await office.as_("operator")
    return await post(operator, "operator/prices", {"source": "DEFRA", "content": content, **said})


async def test_an_operator_brings_a_file_and_everybody_reads_it(office: Office) -> None:
    taken = await brought(office, file_name="week.csv")
    assert [taken[name] for name in ("rows", "added", "existing", "conflicts", "rejected", "series")] == [
        4,
        3,
        0,
        0,
        1,
        2,
    ]
    assert [(each["line"], each["field"], each["reason"]) for each in taken["rejects"]] == [(4, "price", "no_price")]
    again = await brought(office, file_name="week.csv")
    assert (again["import_id"], again["added"], again["existing"]) == (taken["import_id"], 0, 3)
    series = await get(office.anyone, "prices", limit=1)
    assert series["items"] == [
        {
            "series_id": 1,
            "source": "DEFRA",
            "origin": "ecuador",
            "currency": "GBP",
            "unit": "kg",
            "prices": 2,
            "first_date": "2026-11-20",
            "last_date": "2026-11-23",
        }
    ]
    rest = await get(office.anyone, "prices", limit=1, cursor=series["next"])
    assert [each["origin"] for each in rest["items"]] == ["peru"]
    page = await get(office.anyone, "prices/1", limit=1)
    assert page["items"] == [{"date": "2026-11-23", "price": 7, "scale": 1, "text": "0.7"}]
    rest = await get(office.anyone, "prices/1", cursor=page["next"])
    assert [each["text"] for each in rest["items"]] == ["0.69"]
    answer = await office.anyone.get("/api/v1/prices/1/prices.csv", params={"from_date": "2026-11-21"})
    assert answer.content.decode("utf-8-sig").splitlines() == [
        "source,origin,date,price,currency,unit",
        "DEFRA,ecuador,2026-11-23,0.7,GBP,kg",
    ]


async def test_what_became_no_price_is_kept(office: Office) -> None:
    await brought(office, file_name="week.csv")
    other = base64.b64encode(b"Date,Price\n23/11/2026,0.8\n20/11/2026,0.690\n").decode()
    operator = await office.as_("operator")
    said = {"currency": "GBP", "unit": "kg", "origin": "ecuador"}
    taken = await post(operator, "operator/prices", {"source": "DEFRA", "content_base64": other, **said})
    assert (taken["existing"], taken["conflicts"]) == (1, 1)
    imports = await get(operator, "operator/prices/imports", limit=1)
    assert [(each["rows"], each["conflicts"], each["imported_by"]) for each in imports["items"]] == [(2, 1, 1)]
    assert len((await get(operator, "operator/prices/imports", cursor=imports["next"]))["items"]) == 1
    kept = await get(operator, f"operator/prices/imports/{taken['import_id']}/rejects")
    assert kept["items"] == [
        {
            "line": 2,
            "field": "price",
            "reason": "conflict",
            "detail": "2026-11-23 has 0.7 already",
            "text": "23/11/2026,0.8",
        }
    ]


async def test_a_series_beside_ours(office: Office) -> None:
    await brought(office)
    rows = [
        {
            "day": TODAY,
            "variety": code,
            "grade": "1",
            "warehouse": "SX1",
            "volume": 10,
            "turnover_fen": fen,
            "trades": 1,
        }
        for code, fen in (("BXJ", 2_500), ("FJ", 5_004))
    ]
    await office.gateway.own_records(lambda connection: connection.execute(insert(daily_totals), rows))
    beside = await get(office.anyone, "prices/1/compare")
    assert (beside["ours_unit"], beside["from_date"], beside["to_date"]) == ("fen/kg", "2025-11-23", "2026-11-23")
    assert [(each["date"], each["text"], each["converted"], each["ours"]) for each in beside["items"]] == [
        ("2026-11-20", "0.69", None, None),
        ("2026-11-23", "0.7", None, 375),
    ]
    of_one = await get(office.anyone, "prices/1/compare", variety="BXJ", rate="9.15", from_date="2026-11-21")
    assert [(each["text"], each["converted"], each["ours"]) for each in of_one["items"]] == [("0.7", 641, 250)]
    problem(await office.anyone.get("/api/v1/prices/1/compare?against=NONE"), 404, "unknown_index", "against")
    await brought(office, "Date,Price\n2026-11-23,7\n", currency="USD", unit="carton")
    problem(await office.anyone.get("/api/v1/prices/3/compare?rate=7.1"), 409, "unknown_unit", "rate")


def test_units_and_rates_are_exact() -> None:
    assert _kilograms("斤") == (1, 2)
    assert _kilograms("18.14 kg") == (1814, 100)
    assert _kilograms("500g") == (500, 1000)
    assert _kilograms("carton") is None
    assert _kilograms("0kg") is None
    assert all(_kilograms(unit) for unit in KILOGRAMS)
    rate = _rate("7.1")
    assert rate == (71, 10)
    assert _converted(1, 0, rate, (1814, 100)) == 39  # 1 * 7.10 yuan / 18.14 kg
    assert _converted(69, 2, (1, 1), (1, 2)) == 138


async def test_requests_that_are_refused(office: Office) -> None:
    operator, analyst = await office.as_("operator"), await office.as_("analyst")
    path = "/api/v1/operator/prices"
    problem(await analyst.post(path, json={"source": "S", "content": WEEK}), 403, "forbidden")
    problem(await office.anyone.get(f"{path}/imports"), 401, "unauthenticated")
    for body, field in (
        ({"source": "S"}, "content"),
        ({"source": "S", "content": WEEK, "content_base64": "eA=="}, "content"),
        ({"source": "S", "content_base64": "x"}, "content_base64"),
        ({"source": "S", "content": "Date,Price\n2026-11-23,1\n"}, "currency"),
        ({"source": "S", "content": WEEK, "date_format": "ymd"}, "date_format"),
        ({"source": "S", "content": WEEK, "colour": "yellow"}, "colour"),
    ):
        problem(await operator.post(path, json=body), 400, "invalid_request", field)
    for missing in ("prices/9", "prices/9/compare", "prices/9/prices.csv", f"prices/{2**62}"):
        problem(await office.anyone.get(f"/api/v1/{missing}"), 404, "unknown_series", "series_id")


@pytest.mark.parametrize("named", [{"rate": "0"}, {"rate": "-1"}, {"rate": "1e3"}, {"from_date": "soon"}])
async def test_comparisons_that_cannot_be_made(office: Office, named: dict[str, str]) -> None:
    await brought(office)
    (field,) = named
    problem(await office.anyone.get("/api/v1/prices/1/compare", params=named), 400, "invalid_request", field)
