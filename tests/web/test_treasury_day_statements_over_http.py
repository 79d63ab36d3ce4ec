"""A participant's day over HTTP: as JSON, as a spreadsheet, as a page for the printer."""

import csv
from io import StringIO

from settlement.messages import Deposit, RegisterParticipant
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import SYMBOL, TRADER, TRADER2, Office, buy, get, post, problem, sell

TODAY = "2026-11-23"
DAY_NS = 24 * 3_600 * 10**9


async def traded(office: Office) -> None:
    """The trader buys 400 kg at 2.50 yuan, a day after the money came in."""
    await office.gateway.set_clock(MONDAY_NS + DAY_NS)
    await office.stock(1000)
    await post(await office.as_("grower"), "orders", sell("offer-1", 600, 250), 201)
    await post(await office.as_("trader"), "orders", buy("bid-1", 400, 260), 201)


async def test_a_day_as_json(office: Office) -> None:
    await traded(office)
    trader = await office.as_("trader")
    monday = await get(trader, f"statements/{TODAY}")
    assert (monday["date"], monday["complete"], monday["participant_id"]) == (TODAY, True, TRADER)
    (cash,) = monday["assets"]
    assert (cash["opening"], cash["closing"], [each["cause"] for each in cash["entries"]]) == (0, 10**6, ["deposit"])

    tuesday = await get(trader, "statements/2026-11-24")
    assert tuesday["complete"] is False
    cash, goods = tuesday["assets"]
    assert (cash["opening"], cash["debits"], cash["closing"]) == (1_000_000, 100_050, 899_950)
    assert [(each["account"], each["amount"], each["balance"]) for each in cash["entries"]] == [
        ("participant", -100_000, 900_000),
        ("fees", -50, 899_950),
    ]
    assert (goods["asset"], goods["symbol"], goods["unit"]) == ("LOT-1", SYMBOL, "g")
    assert (goods["opening"], goods["credits"], goods["closing"]) == (0, 400_000, 400_000)
    assert cash["closing"] == (await get(trader, "balances"))["items"][0]["total"]
    assert tuesday["sequence"] == office.gateway.sequence

    await office.gateway.set_clock(MONDAY_NS + 2 * DAY_NS)
    assert (await get(trader, "statements/2026-11-24"))["complete"] is True
    quiet = await get(trader, "statements/2026-11-25")
    assert [(part["opening"], part["closing"], part["entries"]) for part in quiet["assets"]] == [
        (899_950, 899_950, []),
        (400_000, 400_000, []),
    ]


async def test_a_day_as_a_spreadsheet(office: Office) -> None:
    office.gateway.take(RegisterParticipant(name="sly", display_name='=HYPERLINK("x")', roles=("trader",)))
    office.gateway.take(Deposit(participant_id=7, amount_fen=50, reference="sly-1"))
    operator = await office.as_("operator")
    answer = await operator.get(f"/api/v1/statements/{TODAY}/statement.csv", params={"participant_id": 7})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="statement-{TODAY}-P7.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[1] == ["账户 participant", "7", '\'=HYPERLINK("x")']
    assert [row[-1] for row in rows[3:]] == ["0.00", "0.50", "0.50"]


async def test_a_day_for_the_printer(office: Office) -> None:
    office.gateway.take(RegisterParticipant(name="sly", display_name="<script>alert(1)</script>", roles=("trader",)))
    office.gateway.take(Deposit(participant_id=7, amount_fen=50, reference="sly-1"))
    operator = await office.as_("operator")
    answer = await operator.get(f"/print/statements/{TODAY}", params={"participant_id": 7})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    page = answer.text
    assert '<html lang="zh-CN">' in page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '入金 <span lang="en">deposit</span>' in page
    assert "当日未结束" in page
    assert "$" not in page
    style = await office.anyone.get("/print/statement.css")
    assert style.status_code == 200
    assert style.headers["content-type"].startswith("text/css")
    assert "@media print" in style.text


async def test_a_statement_is_its_participant_s(office: Office) -> None:
    trader, operator = await office.as_("trader"), await office.as_("operator")
    for path in (
        f"/api/v1/statements/{TODAY}",
        f"/api/v1/statements/{TODAY}/statement.csv",
        f"/print/statements/{TODAY}",
    ):
        problem(await trader.get(path, params={"participant_id": TRADER2}), 403, "forbidden")
        assert (await trader.get(path, params={"participant_id": TRADER})).status_code == 200
        assert (await operator.get(path, params={"participant_id": TRADER2})).status_code == 200
        problem(await operator.get(path, params={"participant_id": 99}), 404, "unknown_participant", "participant_id")
        problem(await operator.get(path, params={"participant_id": 0}), 400, "invalid_request", "participant_id")
        problem(await office.anyone.get(path), 401, "unauthenticated")


async def test_a_day_outside_the_calendar(office: Office) -> None:
    trader = await office.as_("trader")
    for date in ("2026-11-24", "2026-02-30", "yesterday", "1969-01-01", "20261123"):
        problem(await trader.get(f"/api/v1/statements/{date}"), 409, "outside_calendar", "date")


async def test_a_statement_never_leaves_out_what_is_committed(office: Office) -> None:
    trader = await office.as_("trader")
    office.gateway.projecting = False
    office.gateway.take(Deposit(participant_id=TRADER, amount_fen=5, reference="late"))
    problem(await trader.get(f"/api/v1/statements/{TODAY}"), 503, "view_behind")
    office.gateway.project()
    assert (await get(trader, f"statements/{TODAY}"))["assets"][0]["closing"] == 1_000_005


async def test_a_halted_venue_tells_of_days_from_the_database(office: Office) -> None:
    await traded(office)
    trader, operator = await office.as_("trader"), await office.as_("operator")
    before = [await get(trader, f"statements/{date}") for date in (TODAY, "2026-11-24")]
    office.gateway.halted = "the disk is full"
    assert [await get(trader, f"statements/{date}") for date in (TODAY, "2026-11-24")] == before
    await office.gateway.set_clock(MONDAY_NS + 2 * DAY_NS)
    tuesday = await get(trader, "statements/2026-11-24")
    assert tuesday == before[1], "not over: its last commands may not be in the database"
    assert (await get(trader, "statements/2026-11-25"))["complete"] is False
    problem(await trader.get("/api/v1/statements/2026-11-26"), 409, "outside_calendar", "date")
    stranger = await operator.get(f"/api/v1/statements/{TODAY}", params={"participant_id": 99})
    problem(stranger, 503, "venue_halted")
