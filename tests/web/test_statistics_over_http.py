"""The county's statistics over HTTP: sums, ranks, shares and growth, day by day, and as files."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from settlement.civil import day_number, iso_date, venue_day
from settlement.queries.statistics import Traded
from settlement.tables import daily_totals, daily_trading
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import Office, get, post, problem
from web.periods import Span, month_before, span_of, week_before, year_before
from web.regions import set_region
from web.statistics import average, growth, safe

TODAY = venue_day(MONDAY_NS)
DAY_NS = 86_400 * 10**9


async def traded(office: Office, *rows: tuple[str, str, int, int]) -> None:
    """Date, symbol without its week, kilograms, fen."""
    values = []
    for date, goods, volume, turnover_fen in rows:
        variety, grade, warehouse = goods.split("-")
        values.append(
            {
                "day": day_number(date),
                "variety": variety,
                "grade": grade,
                "warehouse": warehouse,
                "volume": volume,
                "turnover_fen": turnover_fen,
                "trades": 2,
            }
        )
    await office.gateway.own_records(lambda connection: connection.execute(insert(daily_totals), values))


def shown(table: dict[str, Any]) -> list[str]:
    """Rank, key, kilograms, share, average, growth of the volume."""
    return [
        f"{row['rank']} {row['key']} {row['volume']} {row['share_permille']} {row['average_price']} "
        f"{row['week']['volume_permille']} {row['month']['volume_permille']} {row['year']['volume_permille']}"
        for row in table["items"]
    ]


async def test_a_month_by_variety(office: Office) -> None:
    await traded(
        office,
        ("2025-11-03", "BXJ-1-SX1", 800, 200_000),
        ("2026-10-05", "BXJ-1-SX1", 2_000, 500_000),
        ("2026-10-30", "WLS-1-SX1", 999, 1),  # not among the same dates
        ("2026-11-02", "BXJ-1-SX1", 600, 150_000),
        ("2026-11-23", "BXJ-E-SX2", 401, 120_503),
        ("2026-11-23", "WLS-1-SX1", 3_000, 900_000),
        ("2026-11-23", "FJ-1-SX1", 3_000, 600_000),
    )
    table = await get(office.anyone, "statistics/varieties")
    assert (table["from_date"], table["to_date"], table["through"]) == ("2026-11-01", "2026-11-30", "2026-11-23")
    assert shown(table) == [
        "1 FJ 3000 429 200 None None None",
        "1 WLS 3000 429 300 2003 None None",
        "3 BXJ 1001 143 270 668 -499 251",
    ]
    assert table["items"][2]["name_zh"] == "巴西蕉"
    assert table["items"][2]["turnover_fen"] == 270_503
    assert (table["total"]["volume"], table["total"]["trades"]) == (7_001, 8)
    assert table["total"]["year"] == {
        "volume_permille": 7_751,
        "turnover_permille": 7_853,
        "price_permille": 12,
    }
    by_price = await get(office.anyone, "statistics/varieties", order_by="price")
    assert [row["key"] for row in by_price["items"]] == ["WLS", "BXJ", "FJ"]


async def test_other_dimensions_spans_and_goods(office: Office) -> None:
    await traded(
        office,
        ("2026-11-16", "BXJ-1-SX1", 100, 20_000),
        ("2026-11-23", "BXJ-1-SX1", 150, 30_000),
        ("2026-11-23", "BXJ-E-SX2", 50, 20_000),
    )
    day = await get(office.anyone, "statistics/warehouses", period="day", date="2026-11-23")
    assert shown(day) == ["1 SX1 150 750 200 500 None None", "2 SX2 50 250 400 None None None"]
    week = await get(office.anyone, "statistics/grades", period="week", date="2026-11-18")
    assert (week["from_date"], week["to_date"], shown(week)) == (
        "2026-11-16",
        "2026-11-22",
        ["1 1 100 1000 200 None None None"],
    )
    extra = await get(office.anyone, "statistics/varieties", from_date="2026-11-01", to_date="2026-11-30", grade="E")
    assert shown(extra) == ["1 BXJ 50 1000 400 None None None"]
    nothing = await get(office.anyone, "statistics/varieties", period="year", date="2001-01-01")
    assert (nothing["items"], nothing["total"]["average_price"]) == ([], None)
    tomorrow = await get(office.anyone, "statistics/varieties", period="day", date="2026-11-24")
    assert (tomorrow["items"], tomorrow["through"]) == ([], None)


async def test_the_series_is_read_page_by_page(office: Office) -> None:
    codes = ("BXJ", "FJ")
    rows = [(f"2026-11-{day:02}", f"{code}-1-SX1", 10 * day, 100 * day) for day in range(1, 6) for code in codes]
    await traded(office, *rows)
    found, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = await get(office.anyone, "statistics/varieties/days", limit=3, **more)
        found += [(row["date"], row["key"], row["volume"]) for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [(date, goods[: goods.index("-")], volume) for date, goods, volume, _ in rows]
    answer = await office.anyone.get("/api/v1/statistics/varieties/days", params={"cursor": "9"})
    problem(answer, 400, "invalid_request", "cursor")


async def test_files_hold_the_same_and_no_formula(office: Office) -> None:
    await traded(office, ("2026-11-23", "BXJ-1-SX1", 150, 30_000))
    answer = await office.anyone.get("/api/v1/statistics/varieties/table.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="varieties-2026-11-01-2026-11-30.csv"' in answer.headers["content-disposition"]
    header, row, total = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
    told = dict(zip(header, row, strict=True))
    assert (told["key"], told["name_zh"], told["volume_kg"], told["average_price_fen_per_kg"]) == (
        "BXJ",
        "巴西蕉",
        "150",
        "200",
    )
    assert total[header.index("turnover_fen")] == "30000"
    days = await office.anyone.get("/api/v1/statistics/varieties/days.csv")
    assert days.content.decode("utf-8-sig").splitlines()[1] == "varieties,2026-11-23,BXJ,0,150,30000,200,2"
    assert [safe(cell) for cell in ("=1+1", "-2", "岭北镇")] == ["'=1+1", "'-2", "岭北镇"]


async def test_the_example_of_the_documentation(office: Office) -> None:
    document = " ".join((Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8").split())
    await traded(
        office,
        ("2026-11-16", "BXJ-1-SX1", 200, 200 * 250),
        ("2026-11-23", "BXJ-1-SX1", 100, 100 * 250),
        ("2026-11-23", "BXJ-1-SX2", 300, 300 * 270),
    )
    total = (await get(office.anyone, "statistics/varieties", period="day"))["total"]
    told = f"volume {total['volume']}, turnover {total['turnover_fen']:,} fen, average {total['average_price']}"
    week = total["week"]
    grown = (
        f"volume {week['volume_permille']:+} ‰, turnover {week['turnover_permille']:+} ‰ and price "
        f"{week['price_permille']:+} ‰"
    )
    assert f"{told}; against the week before {grown}." in document


async def test_what_trades_is_counted_at_once(office: Office) -> None:
    await office.stock(200)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    order = {"symbol": "BXJ-1-SX1-26W47", "quantity": 40, "kind": "limit", "price": 250}
    await post(grower, "orders", {**order, "side": "sell", "client_order_id": "s"}, 201)
    await post(trader, "orders", {**order, "side": "buy", "client_order_id": "b"}, 201)
    table = await get(office.anyone, "statistics/varieties", period="day")
    assert shown(table) == ["1 BXJ 40 1000 250 None None None"]
    assert (await get(office.anyone, "statistics"))["last_date"] == "2026-11-23"
    # Whence and whither, in two days: with one grower and one buyer it is told together.
    await office.gateway.set_clock(MONDAY_NS + 2 * DAY_NS)
    for dimension in ("origins", "buyer-regions"):
        table = await get(office.anyone, f"statistics/{dimension}", period="day")
        assert shown(table) == ["None 其他 40 1000 250 None None None"]
        assert table["items"][0]["other"] is True


async def test_buyers_are_where_they_were_at_home_on_the_day(office: Office) -> None:
    operator = await office.as_("operator")
    told = await get(operator, "operator/participants")
    assert {each["region"] for each in told["items"]} == {None}
    path = "/api/v1/operator/participants/4"
    changed = await operator.patch(path, json={"region": " 广东湛江 "})
    assert (changed.status_code, changed.json()["region"]) == (200, "广东湛江")
    await office.gateway.set_clock(MONDAY_NS + DAY_NS)
    await operator.patch(path, json={"region": "北京"})
    listed = await get(operator, "operator/participants")
    assert {each["participant_id"]: each["region"] for each in listed["items"]}[4] == "北京"
    people = {"seller_id": [11, 12, 13], "buyer_id": [4, 5, 6]}
    rows = [
        {
            "day": TODAY + day,
            "variety": "BXJ",
            "grade": "1",
            "warehouse": "SX1",
            "town": "岭北镇",
            "seller_id": seller_id,
            "buyer_id": buyer_id,
            "volume": 10,
            "turnover_fen": 2_500,
            "trades": 1,
        }
        for day in (0, 1)
        for seller_id, buyer_id in zip(*people.values(), strict=True)
    ]
    await office.gateway.own_records(lambda connection: connection.execute(insert(daily_trading), rows))
    for participant_id in (5, 6):
        for time_ns, region in ((MONDAY_NS, "广东湛江"), (MONDAY_NS + DAY_NS, "北京")):
            day = venue_day(time_ns)
            await office.gateway.own_records(_at_home(participant_id, region, day))
    await office.gateway.set_clock(MONDAY_NS + 4 * DAY_NS)
    days = await get(office.anyone, "statistics/buyer-regions/days", from_date=iso_date(TODAY), to_date="2026-11-30")
    assert [(row["date"], row["key"], row["volume"], row["trades"]) for row in days["items"]] == [
        ("2026-11-23", "广东湛江", 30, 3),
        ("2026-11-24", "北京", 30, 3),
    ]


def _at_home(participant_id: int, region: str, day: int) -> Any:
    return lambda connection: set_region(connection, participant_id, region, day, 1)


async def test_who_may_say_where_somebody_is_at_home(office: Office) -> None:
    operator, trader = await office.as_("operator"), await office.as_("trader")
    path = "/api/v1/operator/participants"
    problem(await trader.patch(f"{path}/4", json={"region": "北京"}), 403, "forbidden")
    problem(await operator.patch(f"{path}/99", json={"region": "北京"}), 404, "unknown_participant", "participant_id")
    for region in ("其他", "未登记", " "):
        problem(await operator.patch(f"{path}/4", json={"region": region}), 400, "invalid_request", "region")
    new = {"name": "li-4", "password": "plantain-li", "display_name": "李四", "roles": ["trader"], "region": "北京"}
    assert (await post(operator, "operator/participants", new, 201))["region"] == "北京"
    taken_back = await operator.patch(f"{path}/7", json={"region": None})
    assert taken_back.json()["region"] is None


@pytest.mark.parametrize(
    ("path", "named", "field"),
    [
        ("statistics/varieties", {"period": "decade"}, "period"),
        ("statistics/varieties", {"date": "2026-02-30"}, "date"),
        ("statistics/varieties", {"to_date": "2026-02-20"}, "from_date"),
        ("statistics/varieties", {"from_date": "2026-02-20", "to_date": "2026-02-19"}, "to_date"),
        ("statistics/varieties", {"from_date": "2025-01-01", "to_date": "2026-01-02"}, "to_date"),
        ("statistics/varieties", {"from_date": "2026-01-01", "period": "day"}, "period"),
        ("statistics/varieties", {"order_by": "beauty"}, "order_by"),
        ("statistics/origins", {"from_date": "1969-01-01"}, "from_date"),
    ],
)
async def test_requests_that_are_none(office: Office, path: str, named: dict[str, str], field: str) -> None:
    problem(await office.anyone.get(f"/api/v1/{path}", params=named), 400, "invalid_request", field)


async def test_no_such_dimension(office: Office) -> None:
    problem(await office.anyone.get("/api/v1/statistics/sellers"), 404, "unknown_dimension", "dimension")


def days(first: str, last: str) -> Span:
    numbers = day_number(first), day_number(last)
    assert numbers[0] is not None
    assert numbers[1] is not None
    return Span(numbers[0], numbers[1])


@pytest.mark.parametrize(
    ("span", "week", "month", "year"),
    [
        (
            ("2026-03-29", "2026-03-31"),
            ("2026-03-22", "2026-03-24"),
            ("2026-02-28", "2026-02-28"),
            ("2025-03-29", "2025-03-31"),
        ),
        (
            ("2026-02-01", "2026-02-28"),
            ("2026-01-25", "2026-02-21"),
            ("2026-01-01", "2026-01-31"),
            ("2025-02-01", "2025-02-28"),
        ),
        (
            ("2028-02-29", "2028-02-29"),
            ("2028-02-22", "2028-02-22"),
            ("2028-01-29", "2028-01-29"),
            ("2027-02-28", "2027-02-28"),
        ),
        (
            ("2026-01-01", "2026-12-31"),
            ("2025-12-25", "2026-12-24"),
            ("2025-12-01", "2026-11-30"),
            ("2025-01-01", "2025-12-31"),
        ),
    ],
)
def test_spans_are_compared_with_the_same_dates(
    span: tuple[str, str], week: tuple[str, str], month: tuple[str, str], year: tuple[str, str]
) -> None:
    now = days(*span)
    assert (week_before(now), month_before(now), year_before(now)) == (days(*week), days(*month), days(*year))


def test_periods() -> None:
    assert span_of("week", "2026-11-29", None, None, 0) == days("2026-11-23", "2026-11-29")
    assert span_of("month", "2028-02-10", None, None, 0) == days("2028-02-01", "2028-02-29")
    assert span_of("year", None, None, None, TODAY) == days("2026-01-01", "2026-12-31")


def test_averages_and_growth_are_rounded_half_up() -> None:
    assert [average(Traded(2, fen, 1)) for fen in (1, 2, 3, 5)] == [1, 1, 2, 3]
    assert average(Traded(0, 0, 0)) is None
    assert growth(Traded(1, 1, 1), Traded(2_000, 2_000, 1)).volume_permille == -999  # -999.5
    grown = growth(Traded(0, 0, 0), Traded(5, 5, 1))
    assert (grown.volume_permille, grown.price_permille) == (-1000, None)
