"""Orders over HTTP as their senders see them."""

from urllib.parse import quote

import msgspec

from settlement.messages import MAXIMUM_INTEGER
from tests.web.office import SYMBOL, Office, buy, get, post, problem, sell
from web.ports import VenueBusy

ORDER_FIELDS = [
    *("order_id", "client_order_id", "symbol", "side", "kind", "price", "stop_price", "quantity", "filled"),
    *("remaining", "time_in_force", "status", "reason", "traded_fen", "fee_fen", "sequence", "time_ns"),
]
"""As the contract lists them."""


async def test_an_order_rests_meets_another_and_both_sides_see_it(office: Office) -> None:
    receipt_id = await office.stock(1000)
    grower, trader = await office.as_("grower"), await office.as_("trader")

    offer = await post(grower, "orders", sell("offer-1", 600, 250), 201)
    assert list(offer)[: len(ORDER_FIELDS)] == ORDER_FIELDS
    assert (offer["status"], offer["remaining"], offer["lots"]) == ("resting", 600, [[receipt_id, 600]])

    bought = await post(trader, "orders", buy("bid-1", 400, 260), 201)
    assert (bought["status"], bought["filled"], bought["remaining"]) == ("filled", 400, 0)
    assert (bought["traded_fen"], bought["fee_fen"]) == (100_000, 50)

    book = await get(office.anyone, f"instruments/{SYMBOL}/book")
    assert (book["bids"], book["asks"]) == ([], [[250, 200, 1]])
    assert book["sequence"] == bought["sequence"]

    seen = await get(grower, f"orders/{offer['order_id']}")
    assert (seen["status"], seen["filled"], seen["remaining"]) == ("partly_filled", 400, 200)
    fill = (await get(trader, "fills", order_id=bought["order_id"]))["items"][0]
    assert (fill["price"], fill["quantity"], fill["fee_fen"]) == (250, 400, 50)
    assert fill["lots"][0][1] == 400
    assert (await get(grower, "fills"))["items"][0]["lots"] == [[receipt_id, 400]]
    balances = {each["asset"]: each for each in (await get(trader, "balances"))["items"]}
    assert balances["CNY"]["total"] == 1_000_000 - 100_000 - 50
    assert balances[SYMBOL]["total_kg"] == balances[SYMBOL]["available_kg"] == 400
    assert balances["CNY"]["total_kg"] is None


async def test_what_the_market_refuses_is_an_order_too(office: Office) -> None:
    trader = await office.as_("trader")
    unknown = await post(trader, "orders", buy("a", 10, symbol="NOTHING"), 201)
    assert (unknown["status"], unknown["reason"]) == ("rejected", "unknown_symbol")
    await office.stock(100)
    for name, body, reason in (
        ("b", buy("b", 0), "invalid_quantity"),
        ("c", buy("c", -5), "invalid_quantity"),
        ("d", buy("d", 10, 0), "invalid_price"),
        ("e", buy("e", 10, kind="market"), "invalid_price"),
        ("f", buy("f", 1_000_000), "insufficient_funds"),
        ("g", sell("g", 10), "insufficient_goods"),
        ("h", buy("h", 10, lots=[1]), "invalid_lots"),
    ):
        order = await post(trader, "orders", body, 201)
        assert (order["client_order_id"], order["status"], order["reason"]) == (name, "rejected", reason)
        assert (await get(trader, f"orders/{order['order_id']}")) == order


async def test_the_same_order_sent_again_gets_the_first_answer(office: Office) -> None:
    await office.stock(100)
    trader, grower = await office.as_("trader"), await office.as_("grower")
    first = await trader.post("/api/v1/orders", json=buy("once", 50))
    assert first.status_code == 201
    await post(grower, "orders", sell("s", 20), 201)

    again = await trader.post("/api/v1/orders", json=buy("once", 50))
    assert again.status_code == 200
    assert again.content == first.content
    assert (await get(trader, "orders/by-client-id/once"))["filled"] == 20

    other = await trader.post("/api/v1/orders", json=buy("once", 51))
    problem(other, 409, "client_order_id_reused", "client_order_id")
    theirs = await post(grower, "orders", sell("once", 5), 201)
    assert theirs["order_id"] != first.json()["order_id"]


async def test_amend(office: Office) -> None:
    await office.stock(100)
    trader = await office.as_("trader")
    order_id = (await post(trader, "orders", buy("a", 50, 240), 201))["order_id"]
    less = await trader.patch(f"/api/v1/orders/{order_id}", json={"quantity": 30})
    assert (less.status_code, less.json()["quantity"], less.json()["price"]) == (200, 30, 240)
    same = await trader.patch(f"/api/v1/orders/{order_id}", json={})
    assert (same.status_code, same.json()["quantity"]) == (200, 30)
    for change, field in (
        ({"price": 0}, "price"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"display_quantity": 51}, "display_quantity"),
    ):
        for slash in ("", "/"):
            answer = await trader.patch(f"/api/v1/orders/{order_id}{slash}", json=change)
            problem(answer, 409, f"invalid_{field}", field)
    problem(await trader.patch(f"/api/v1/orders/{order_id}", json={"price": 10**9}), 409, "insufficient_funds")
    problem(await trader.patch(f"/api/v1/orders/{order_id}", json={"side": "sell"}), 400, "invalid_request", "side")
    problem(await trader.patch("/api/v1/orders/999", json={"quantity": 1}), 404, "unknown_order")
    trader2 = await office.as_("trader2")
    problem(await trader2.patch(f"/api/v1/orders/{order_id}", json={"quantity": 1}), 404, "unknown_order")
    assert (await get(trader, f"orders/{order_id}"))["quantity"] == 30


async def test_cancel_and_cancel_again(office: Office) -> None:
    await office.stock(100)
    trader, trader2 = await office.as_("trader"), await office.as_("trader2")
    order_id = (await post(trader, "orders", buy("a", 50), 201))["order_id"]
    problem(await trader2.delete(f"/api/v1/orders/{order_id}"), 404, "unknown_order")
    problem(await trader2.get(f"/api/v1/orders/{order_id}"), 404, "unknown_order")
    first = await trader.delete(f"/api/v1/orders/{order_id}")
    assert (first.status_code, first.json()["status"], first.json()["reason"]) == (200, "cancelled", "requested")
    again = await trader.delete(f"/api/v1/orders/{order_id}")
    assert (again.status_code, again.json()) == (200, first.json())
    details = problem(await trader.patch(f"/api/v1/orders/{order_id}", json={"quantity": 9}), 404, "unknown_order")
    assert "cancelled" in details["detail"]
    problem(await trader.delete("/api/v1/orders/0"), 404, "unknown_order")
    problem(await trader.delete(f"/api/v1/orders/{MAXIMUM_INTEGER + 1}"), 404, "unknown_order")
    problem(await trader.delete("/api/v1/orders/-1"), 404, "unknown_order")
    problem(await trader.delete("/api/v1/orders/one"), 404, "not_found")


async def test_a_filled_order_cannot_be_cancelled(office: Office) -> None:
    await office.stock(100)
    trader, grower = await office.as_("trader"), await office.as_("grower")
    await post(grower, "orders", sell("s", 20), 201)
    order_id = (await post(trader, "orders", buy("b", 20), 201))["order_id"]
    details = problem(await trader.delete(f"/api/v1/orders/{order_id}"), 404, "unknown_order")
    assert "filled" in details["detail"]


async def test_an_address_that_only_looks_like_an_order(office: Office) -> None:
    await office.stock(100)
    trader = await office.as_("trader")
    order_id = (await post(trader, "orders", buy("a", 50), 201))["order_id"]
    for path in (f"ordersX{order_id}", f"orders{order_id}", f"orders//{order_id}/x", f"orders/{order_id}x"):
        problem(await trader.delete(f"/api/v1/{path}"), 404, "not_found")
    assert (await get(trader, f"orders/{order_id}"))["status"] == "resting"


async def test_cancel_all(office: Office) -> None:
    await office.stock(100)
    trader = await office.as_("trader")
    ids = [(await post(trader, "orders", buy(f"o{n}", 5, 200 + n), 201))["order_id"] for n in range(3)]
    none = (await trader.delete("/api/v1/orders", params={"side": "sell"})).json()
    assert none["items"] == []
    gone = await trader.delete("/api/v1/orders", params={"symbol": SYMBOL})
    assert [each["order_id"] for each in gone.json()["items"]] == ids
    assert {each["reason"] for each in gone.json()["items"]} == {"mass_cancel"}
    assert gone.json()["sequence"] == office.gateway.sequence
    problem(await trader.delete("/api/v1/orders", params={"symbol": "NO"}), 404, "unknown_symbol", "symbol")
    problem(await trader.delete("/api/v1/orders", params={"side": "both"}), 400, "invalid_request", "side")


async def test_lists_are_pages_newest_first(office: Office) -> None:
    await office.stock(100)
    trader = await office.as_("trader")
    ids = [(await post(trader, "orders", buy(f"o{n}", 5, 200 + n), 201))["order_id"] for n in range(5)]
    for order_id in ids[:2]:
        await trader.delete(f"/api/v1/orders/{order_id}")
    for status, wanted in (("live", ids[2:]), ("ended", ids[:2]), ("all", ids)):
        found, cursor = [], None
        while True:
            page = await get(
                trader, "orders", status=status, limit=2, symbol=SYMBOL, **({"cursor": cursor} if cursor else {})
            )
            assert page["sequence"] == office.gateway.sequence
            assert len(page["items"]) <= 2
            found += [each["order_id"] for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert found == wanted[::-1]
    for status in ("live", "ended"):
        answer = await trader.get("/api/v1/orders", params={"status": status, "cursor": "abc"})
        problem(answer, 400, "invalid_request", "cursor")
    assert (await get(trader, "orders", symbol="OTHER"))["items"] == []


async def test_client_names_may_be_any_text(office: Office) -> None:
    trader = await office.as_("trader")
    for name in ("a/b", "香蕉 1", "50%", "x" * 64, "a?b=c", "+"):
        await post(trader, "orders", buy(name, 1), 201)
        answer = await trader.get("/api/v1/orders/by-client-id/" + quote(name, safe=""))
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["client_order_id"] == name
    problem(await trader.get("/api/v1/orders/by-client-id/nobody"), 404, "unknown_order")
    problem(await trader.get(f"/api/v1/orders/by-client-id/{'x' * 65}"), 400, "invalid_request", "client_order_id")
    problem(await trader.get("/api/v1/orders/by-client-id/a%00b"), 400, "invalid_request", "client_order_id")


async def test_orders_that_ended_lately_need_no_database(office: Office) -> None:
    """Live from the engine, ended from what was committed last: never a moment at which an order is in neither."""
    trader, trader2, grower = await office.as_("trader"), await office.as_("trader2"), await office.as_("grower")
    await office.stock(10)
    for fault in ("behind", "away"):
        office.gateway.projecting, office.gateway.history_is_down = False, fault == "away"
        order = await post(trader, "orders", buy(f"a-{fault}", 5), 201)
        order_id = order["order_id"]
        assert (await get(trader, f"orders/{order_id}"))["status"] == "resting"
        gone = await trader.delete(f"/api/v1/orders/{order_id}")
        again = await trader.delete(f"/api/v1/orders/{order_id}")
        assert (again.status_code, again.json()) == (200, gone.json())
        assert await get(trader, f"orders/{order_id}") == gone.json()
        assert await get(trader, f"orders/{order_id}", min_sequence=gone.json()["sequence"]) == gone.json()
        assert await get(trader, f"orders/by-client-id/a-{fault}") == gone.json()
        details = problem(await trader.patch(f"/api/v1/orders/{order_id}", json={"quantity": 9}), 404, "unknown_order")
        assert "cancelled" in details["detail"]
        for answer in (
            await trader2.get(f"/api/v1/orders/{order_id}"),
            await trader2.delete(f"/api/v1/orders/{order_id}"),
            await trader2.patch(f"/api/v1/orders/{order_id}", json={}),
            await trader.get(f"/api/v1/orders/{order_id + 1}"),
            await trader.delete(f"/api/v1/orders/{order_id + 1}"),
        ):
            details = problem(answer, 404, "unknown_order")
            assert "cancelled" not in details["detail"]
    live = await post(grower, "orders", sell("live", 5), 201)
    problem(await trader.delete(f"/api/v1/orders/{live['order_id']}"), 404, "unknown_order")
    office.gateway.history_is_down = False
    office.gateway.project()
    kept = await get(trader, f"orders/{order_id}")
    _forget_ended_orders(office)
    assert await get(trader, f"orders/{order_id}") == kept, "the database says the same"


async def test_orders_that_ended_long_ago_are_told_by_the_database(office: Office) -> None:
    trader, trader2 = await office.as_("trader"), await office.as_("trader2")
    await office.stock(10)
    old = await post(trader, "orders", buy("old", 5), 201)
    cancelled = (await trader.delete(f"/api/v1/orders/{old['order_id']}")).json()
    resting = await post(trader, "orders", buy("new", 5), 201)
    office.gateway.projecting = False
    await trader.delete(f"/api/v1/orders/{resting['order_id']}")
    unseen = await post(trader, "orders", buy("unseen", 0), 201)
    _forget_ended_orders(office)
    # What the database has of the past is told, however far behind it is.
    assert await get(trader, f"orders/{old['order_id']}") == cancelled
    again = await trader.delete(f"/api/v1/orders/{old['order_id']}")
    assert (again.status_code, again.json()) == (200, cancelled)
    # What it does not know to have ended, or does not know at all, it will.
    for order in (resting, unseen):
        for answer in (
            await trader.get(f"/api/v1/orders/{order['order_id']}"),
            await trader.delete(f"/api/v1/orders/{order['order_id']}"),
        ):
            problem(answer, 503, "view_behind")
            assert answer.headers["retry-after"] == "1"
    problem(await trader.get("/api/v1/orders/by-client-id/nobody"), 503, "view_behind")
    office.gateway.history_is_down = True
    problem(await trader.get(f"/api/v1/orders/{old['order_id']}"), 503, "history_unavailable")
    office.gateway.history_is_down = False
    office.gateway.project()
    assert (await get(trader, f"orders/{resting['order_id']}"))["status"] == "cancelled"
    assert (await get(trader, f"orders/{unseen['order_id']}"))["status"] == "rejected"
    problem(await trader.get("/api/v1/orders/by-client-id/nobody"), 404, "unknown_order")
    problem(await trader2.get(f"/api/v1/orders/{old['order_id']}"), 404, "unknown_order")


def _forget_ended_orders(office: Office) -> None:
    """As after ten thousand others."""
    office.gateway.publication._ended.clear()


async def test_only_who_may_trade_trades(office: Office) -> None:
    for name in ("warehouse", "analyst", "operator"):
        client = await office.as_(name)
        problem(await client.post("/api/v1/orders", json=buy("a", 1)), 403, "forbidden")
        problem(await client.delete("/api/v1/orders/1"), 403, "forbidden")
        problem(await client.patch("/api/v1/orders/1", json={}), 403, "forbidden")
        problem(await client.delete("/api/v1/orders"), 403, "forbidden")
    problem(await office.anyone.post("/api/v1/orders", json=buy("a", 1)), 401, "unauthenticated")
    problem(await office.anyone.get("/api/v1/orders"), 401, "unauthenticated")


async def test_a_busy_and_a_halted_venue_say_so(office: Office) -> None:
    trader = await office.as_("trader")
    office.gateway.refuses = VenueBusy(1500)
    busy = await trader.post("/api/v1/orders", json=buy("a", 1))
    problem(busy, 503, "busy")
    assert busy.headers["retry-after"] == "2"
    office.gateway.refuses = None
    office.gateway.halted = "the journal cannot be written: the disk is full"
    for answer in (await trader.post("/api/v1/orders", json=buy("a", 1)), await trader.delete("/api/v1/orders")):
        assert problem(answer, 503, "venue_halted")["detail"] == "the journal cannot be written: the disk is full"
        assert "retry-after" in answer.headers


async def test_the_short_way_and_litestars_way_give_the_same_answers(office: Office) -> None:
    """A query string, even an empty-handed one, leads around the lane."""
    await office.stock(10)
    trader = await office.as_("trader")
    short = await trader.post("/api/v1/orders", json=buy("a", 1))
    long = await trader.post("/api/v1/orders?", json=buy("b", 1))
    unknown = await trader.post("/api/v1/orders?x=1", json=buy("c", 1))
    problem(unknown, 400, "invalid_request", "x")
    wanted = {**short.json(), "client_order_id": "b", "order_id": 2, "sequence": short.json()["sequence"] + 1}
    assert long.json() == wanted
    for body in (b"", b"{", b"[]", b'{"symbol":1}', msgspec.json.encode({**buy("d", 1), "more": 1})):
        headers = {"content-type": "application/json"}
        one = await trader.post("/api/v1/orders", content=body, headers=headers)
        two = await trader.request("POST", "/api/v1/orders/", content=body, headers=headers)
        assert (one.status_code, one.json()) == (two.status_code, two.json()), body
        assert dict(one.headers) == dict(two.headers)
