"""What everyone may see without signing in, and how long a reader waits for it."""

import asyncio

from marketdata.depth import checksum
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import SYMBOL, Office, buy, get, post, problem, sell


async def test_the_venue(office: Office) -> None:
    venue = await get(office.anyone, "venue")
    assert (venue["profile"], venue["fee_rate_ppm"], venue["fee_taker_rate_ppm"]) == ("open", 500, 500)
    assert [each["code"] for each in venue["warehouses"]] == ["SX1", "SX2"]
    assert "巴西蕉" in [each["name_zh"] for each in venue["varieties"]]
    assert len(venue["towns"]) == 15
    assert venue["towns"][9] == {"name_zh": "北坡镇", "name_en": "Beipo"}
    assert venue["clock"] == {"mode": "manual", "time_ns": MONDAY_NS}


async def test_an_instrument_its_book_its_trades_its_candles(office: Office) -> None:
    await office.stock(1000)
    trader, grower = await office.as_("trader"), await office.as_("grower")
    for number, price in enumerate((255, 251, 253)):
        await post(grower, "orders", sell(f"s{number}", 10, price), 201)
    for number, price in enumerate((240, 245)):
        await post(trader, "orders", buy(f"b{number}", 7, price), 201)
    await post(trader, "orders", buy("x", 4, 251), 201)

    listed = (await get(office.anyone, "instruments"))["items"]
    assert [(each["symbol"], each["bid"], each["ask"], each["last"]) for each in listed] == [(SYMBOL, 245, 251, 251)]
    one = await get(office.anyone, f"instruments/{SYMBOL}")
    assert one == listed[0]
    assert (one["variety"], one["grade"], one["warehouse"], one["harvest_week"]) == ("BXJ", "1", "SX1", "26W47")

    book = await get(office.anyone, f"instruments/{SYMBOL}/book")
    assert book["bids"] == [[245, 7, 1], [240, 7, 1]]
    assert book["asks"] == [[251, 6, 1], [253, 10, 1], [255, 10, 1]]
    assert book["checksum"] == checksum(
        [(price, quantity, orders) for price, quantity, orders in book["bids"]],
        [(price, quantity, orders) for price, quantity, orders in book["asks"]],
    )
    top = await get(office.anyone, f"instruments/{SYMBOL}/book", depth=1)
    assert (top["bids"], top["asks"], top["checksum"]) == ([[245, 7, 1]], [[251, 6, 1]], book["checksum"])

    trades = await get(office.anyone, f"instruments/{SYMBOL}/trades")
    assert [
        (each["trade_id"], each["price"], each["quantity"], each["aggressor_side"]) for each in trades["items"]
    ] == [(1, 251, 4, "buy")]
    candles = await get(office.anyone, f"instruments/{SYMBOL}/candles", interval="1h")
    assert candles["items"] == [[MONDAY_NS, 251, 251, 251, 251, 4]]
    assert (await get(office.anyone, f"instruments/{SYMBOL}/candles", to_ns=MONDAY_NS))["items"] == []


async def test_instruments_come_in_pages_where_a_limit_is_given(office: Office) -> None:
    symbols = [f"BXJ-{grade}-SX{number}-26W{week}" for grade in ("1", "2") for number in (1, 2) for week in (46, 47)]
    operator = await office.as_("operator")
    for symbol in reversed(symbols):
        await post(operator, "operator/instruments", {"symbol": symbol}, 201)
    whole = await get(office.anyone, "instruments")
    assert ([each["symbol"] for each in whole["items"]], whole["next"]) == (symbols, None)
    for limit in (1, 3, 8, 1000):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await get(office.anyone, "instruments", limit=limit, **cursor)
            assert len(page["items"]) <= limit
            found += [each["symbol"] for each in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == symbols


async def test_a_reader_waits_for_the_sequence_that_he_names(office: Office) -> None:
    trader = await office.as_("trader")
    wanted = office.gateway.sequence + 1
    async with asyncio.TaskGroup() as readers:
        waiting = readers.create_task(get(trader, "balances", min_sequence=wanted))
        await asyncio.sleep(0)
        placed = await post(trader, "orders", buy("a", 1), 201)
    assert placed["sequence"] == wanted
    assert waiting.result()["sequence"] == wanted


async def test_a_reader_who_looks_too_far_ahead_is_told_so(office: Office) -> None:
    trader = await office.as_("trader")
    await office.stock(100)
    far = {"min_sequence": office.gateway.sequence + 1000}
    paths = ("balances", "fills", "instruments", f"instruments/{SYMBOL}/trades", "orders", "orders/1", "venue", "me")
    answers = await asyncio.gather(*(trader.get(f"/api/v1/{path}", params=far) for path in paths))
    for answer in answers:
        problem(answer, 503, "view_behind")
        assert answer.headers["retry-after"] == "1"


async def test_the_past_can_be_behind_the_present(office: Office) -> None:
    await office.stock(100)
    trader = await office.as_("trader")
    office.gateway.projecting = False
    await post(trader, "orders", buy("a", 1), 201)
    present, past = await get(trader, "orders", status="live"), await get(trader, "orders")
    assert (len(present["items"]), present["sequence"]) == (1, office.gateway.sequence)
    assert (len(past["items"]), past["sequence"]) == (0, office.gateway.sequence - 1)
    problem(
        await trader.get("/api/v1/orders", params={"status": "all", "min_sequence": present["sequence"]}),
        503,
        "view_behind",
    )
