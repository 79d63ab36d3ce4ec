"""The public past over HTTP: books at a moment, phases, the index, what lies in store."""

from marketdata.candles import DAY_NS
from matching.messages import SetPhase
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import SYMBOL, Office, buy, get, post, problem, sell


async def trade(office: Office, kilograms: int, price: int, name: str) -> None:
    await post(await office.as_("grower"), "orders", sell(f"s-{name}", kilograms, price), 201)
    await post(await office.as_("trader"), "orders", buy(f"b-{name}", kilograms, price), 201)


async def test_a_book_is_shown_as_it_was(office: Office) -> None:
    await office.stock(1000)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    asked = await post(grower, "orders", sell("s1", 10, 255), 201)
    await post(grower, "orders", sell("s2", 10, 256), 201)
    await office.gateway.set_clock(MONDAY_NS + 5)
    bought = await post(trader, "orders", buy("b1", 4, 255), 201)
    now = await get(office.anyone, f"instruments/{SYMBOL}/book")
    assert now == await get(office.anyone, f"instruments/{SYMBOL}/book", at_sequence=now["sequence"])
    assert now == await get(office.anyone, f"instruments/{SYMBOL}/book", at_ns=MONDAY_NS + 5)
    first = await get(office.anyone, f"instruments/{SYMBOL}/book", at_sequence=asked["sequence"])
    assert (first["bids"], first["asks"], first["time_ns"]) == ([], [[255, 10, 1]], MONDAY_NS)
    before = await get(office.anyone, f"instruments/{SYMBOL}/book", at_ns=MONDAY_NS + 4, depth=1)
    assert (before["sequence"], before["asks"]) == (bought["sequence"] - 1, [[255, 10, 1]])


async def test_a_halted_venue_shows_the_last_book_from_the_database(office: Office) -> None:
    await office.stock(1000)
    await post(await office.as_("grower"), "orders", sell("s1", 10, 255), 201)
    await post(await office.as_("trader"), "orders", buy("b1", 4, 250), 201)
    book = f"instruments/{SYMBOL}/book"
    before = [await get(office.anyone, book), await get(office.anyone, book, depth=1)]
    assert before[0]["bids"] == [[250, 4, 1]]
    office.gateway.projecting = False
    office.gateway.take(SetPhase(SYMBOL, "auction"))
    office.gateway.halted = "the disk is full"
    assert [await get(office.anyone, book), await get(office.anyone, book, depth=1)] == before
    behind = await office.anyone.get(f"/api/v1/{book}", params={"min_sequence": office.gateway.sequence})
    problem(behind, 503, "view_behind")
    problem(await office.anyone.get("/api/v1/instruments/X/book"), 404, "unknown_symbol", "symbol")


async def test_what_an_auction_collected_is_not_shown_afterwards(office: Office) -> None:
    await office.stock(1000)
    await post(await office.as_("grower"), "orders", sell("s1", 10, 255), 201)
    office.gateway.take(SetPhase(SYMBOL, "auction"))
    collected = await post(await office.as_("grower"), "orders", sell("s2", 10, 254), 201)
    office.gateway.take(SetPhase(SYMBOL, "continuous"))
    within = await get(office.anyone, f"instruments/{SYMBOL}/book", at_sequence=collected["sequence"])
    assert (within["phase"], within["bids"], within["asks"]) == ("auction", [], [])
    after = await get(office.anyone, f"instruments/{SYMBOL}/book", at_sequence=collected["sequence"] + 1)
    assert (after["phase"], after["asks"]) == ("continuous", [[254, 10, 1], [255, 10, 1]])
    phases = (await get(office.anyone, f"instruments/{SYMBOL}/phases", limit=2))["items"]
    assert [(each["phase"], each["dark"]) for each in phases] == [("continuous", False), ("auction", True)]
    assert phases[0]["sequence"] == collected["sequence"] + 1


async def test_books_that_cannot_be_told(office: Office) -> None:
    await office.stock(10)
    book = f"/api/v1/instruments/{SYMBOL}/book"
    problem(await office.anyone.get(book, params={"at_sequence": 5, "at_ns": 5}), 400, "invalid_request", "at_ns")
    late = await office.anyone.get(book, params={"at_ns": MONDAY_NS + 1})
    problem(late, 400, "invalid_request", "at_ns")
    problem(await office.anyone.get(book, params={"at_sequence": 1}), 404, "unknown_symbol", "symbol")
    beyond = await office.anyone.get(book, params={"at_sequence": office.gateway.sequence + 1})
    problem(beyond, 503, "view_behind")
    problem(await office.anyone.get("/api/v1/instruments/X/phases"), 404, "unknown_symbol", "symbol")


async def test_the_index_day_by_day(office: Office) -> None:
    assert (await get(office.anyone, "index"))["items"] == []
    await office.stock(40)
    for number in range(5):
        await trade(office, 2, 250 + number, f"{number}")
    # Less than five tonnes a day is thin: there is no price yet, and no index.
    assert (await get(office.anyone, "index"))["items"] == []
    problem(await office.anyone.get("/api/v1/index/SXBI/days"), 404, "unknown_index", "code")
    wrong = await office.anyone.get("/api/v1/index/SXBI/days", params={"from": "24.11.2026"})
    problem(wrong, 400, "invalid_request", "from")


async def test_an_index_with_a_price(office: Office) -> None:
    await office.stock(9_000)
    operator = await office.as_("operator")
    await post(operator, "operator/deposits", {"participant_id": 4, "amount_fen": 90_000_000, "reference": "more"}, 201)
    for number in range(5):
        await trade(office, 1_000, 250 + number, f"{number}")
    (overall, variety) = (await get(office.anyone, "index"))["items"]
    assert (overall["code"], overall["date"], overall["value"], overall["final"]) == (
        "SXBI",
        "2026-11-23",
        100_000,
        False,
    )
    assert (variety["code"], variety["value"], variety["carried"]) == ("SXBI-BXJ", 25_200, False)
    assert variety["constituents"] == [[SYMBOL, 5_000, 25_200]]
    await office.gateway.set_clock(MONDAY_NS + DAY_NS)
    await trade(office, 100, 250, "next")
    newest, oldest = (await get(office.anyone, "index/SXBI-BXJ/days"))["items"]
    assert (newest["date"], newest["final"]) == ("2026-11-24", False)
    assert (oldest["date"], oldest["value"], oldest["final"]) == ("2026-11-23", 25_200, True)
    page = await get(office.anyone, "index/SXBI-BXJ/days", limit=1)
    assert page["items"] == [newest]
    assert (await get(office.anyone, "index/SXBI-BXJ/days", limit=1, cursor=page["next"]))["items"] == [oldest]
    only = await get(office.anyone, "index/SXBI-BXJ/days", **{"from": "2026-11-23", "to": "2026-11-24"})
    assert only["items"] == [oldest]


async def test_what_lies_in_store_is_summed_up_without_people(office: Office) -> None:
    assert (await get(office.anyone, "stock/receipts"))["items"] == []
    for kilograms in (700, 300):
        await office.stock(kilograms)
    later = await office.stock(50, harvest_date="2026-11-10")
    await trade(office, 100, 250, "some")
    week, before = (await get(office.anyone, "stock/receipts"))["items"][::-1]
    assert (week["symbol"], week["warehouse"], week["weight_g"], week["receipts"]) == (SYMBOL, "SX1", 1_000_000, 3)
    assert (before["symbol"], before["weight_g"], before["pledged_g"]) == ("BXJ-1-SX1-26W46", 50_000, 0)
    assert later
    lots = (await get(office.anyone, "stock/lots", symbol=SYMBOL))["items"]
    assert [(each["lots"], each["weight_g"], each["first_harvest"]) for each in lots] == [(2, 1_000_000, "2026-11-20")]
    assert (await get(office.anyone, "stock/lots", warehouse="SX2"))["items"] == []
