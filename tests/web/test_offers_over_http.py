"""Listings, auctions and reported trades over HTTP as those see them who trade so."""

from typing import Any

import httpx
import pytest

from tests.web.local_gateway import MONDAY_NS
from tests.web.office import SYMBOL, TRADER, Office, get, post, problem

HOUR_NS = 3_600 * 10**9


async def open_for(office: Office, mode: str) -> int:
    """An instrument of that mode, of which the grower has a ton; his receipt."""
    operator = await office.as_("operator")
    await post(operator, "operator/instruments", {"symbol": SYMBOL, "mode": mode}, 201)
    return await office.stock(1000)


def listing(client_order_id: str = "l-1", **other: Any) -> dict[str, Any]:
    return {"client_order_id": client_order_id, "symbol": SYMBOL, "quantity": 600, "price": 250, **other}


async def free(client: httpx.AsyncClient) -> list[int]:
    return [each["reserved"] for each in (await get(client, "balances"))["items"]]


async def test_a_lot_is_listed_bargained_for_and_taken(office: Office) -> None:
    receipt_id = await open_for(office, "listing")
    grower, trader = await office.as_("grower"), await office.as_("trader")
    offered = await post(grower, "listings", listing(receipt_id=receipt_id), 201)
    assert (offered["via"], offered["status"], offered["lots"]) == ("listing", "resting", [[receipt_id, 600]])
    offer_id = offered["order_id"]
    assert await post(grower, "listings", listing(receipt_id=receipt_id), 200) == offered

    counter = await post(
        trader, f"listings/{offer_id}/counters", {"client_order_id": "c-1", "quantity": 200, "price": 220}, 201
    )
    assert (counter["via"], counter["offer_id"], counter["status"]) == ("counter", offer_id, "resting")
    (seen,) = (await get(trader, "listings", symbol=SYMBOL))["items"]
    assert (seen["listing_id"], seen["remaining"], seen["mine"], seen["receipt_id"]) == (
        *(offer_id, 600, False, receipt_id),
    )
    assert [(each["price"], each["mine"]) for each in seen["counters"]] == [(220, True)]
    assert "participant_id" not in repr(seen)

    accepted = await post(grower, f"counters/{counter['order_id']}/acceptance", {}, 200)
    assert (accepted["order_id"], accepted["filled"], accepted["remaining"]) == (offer_id, 200, 400)
    taken = await post(trader, f"listings/{offer_id}/takes", {"client_order_id": "t-1", "quantity": 100}, 201)
    assert (taken["status"], taken["traded_fen"]) == ("filled", 25_000)
    answer = await grower.delete(f"/api/v1/listings/{offer_id}")
    assert (answer.status_code, answer.json()["status"], answer.json()["filled"]) == (200, "cancelled", 300)
    assert await free(grower) == [0, 0]
    assert (await get(trader, "listings"))["items"] == []
    assert [each["via"] for each in (await get(trader, "orders"))["items"]] == ["take", "counter"]
    assert [each["price"] for each in (await get(trader, "fills"))["items"]] == [250, 220]


async def test_what_is_refused_is_answered_as_an_orders_refusal(office: Office) -> None:
    receipt_id = await open_for(office, "listing")
    grower, trader = await office.as_("grower"), await office.as_("trader")
    refused = await post(grower, "listings", listing(receipt_id=receipt_id, quantity=1_001), 201)
    assert (refused["status"], refused["reason"]) == ("rejected", "insufficient_goods")
    again = await grower.post("/api/v1/listings", json=listing(quantity=5, receipt_id=receipt_id))
    problem(again, 409, "client_order_id_reused", "client_order_id")
    take = {"client_order_id": "t-1", "quantity": 1}
    for number in (77, 0, 2**60):
        problem(await trader.post(f"/api/v1/listings/{number}/takes", json=take), 404, "unknown_listing")
        problem(await trader.delete(f"/api/v1/listings/{number}"), 404, "unknown_listing")
        problem(await trader.delete(f"/api/v1/counters/{number}"), 404, "unknown_counter")
        problem(await trader.post(f"/api/v1/counters/{number}/acceptance"), 404, "unknown_counter")
    await post(grower, "listings", listing("l-2", receipt_id=receipt_id), 201)
    offer_id = (await get(grower, "listings"))["items"][0]["listing_id"]
    problem(await trader.delete(f"/api/v1/listings/{offer_id}"), 404, "unknown_listing")
    missing = await trader.post(f"/api/v1/listings/{offer_id}/takes", json={"client_order_id": "t-1"})
    problem(missing, 400, "invalid_request", "quantity")


async def test_an_auction_is_bid_in_and_cannot_be_withdrawn_then(office: Office) -> None:
    receipt_id = await open_for(office, "one_way_auction")
    grower, trader = await office.as_("grower"), await office.as_("trader")
    terms = {
        "client_order_id": "a-1",
        "symbol": SYMBOL,
        "quantity": 500,
        "receipt_id": receipt_id,
        "style": "english",
        "start_price": 200,
        "reserve_price": 230,
        "step": 5,
        "ends_ns": MONDAY_NS + HOUR_NS,
    }
    auction = await post(grower, "auctions", terms, 201)
    assert (auction["via"], auction["expires_ns"]) == ("auction", MONDAY_NS + HOUR_NS)
    auction_id = auction["order_id"]
    leading = await post(trader, f"auctions/{auction_id}/bids", {"client_order_id": "b-1", "price": 240}, 201)
    assert (leading["via"], leading["status"]) == ("bid", "resting")
    (seen,) = (await get(trader, "auctions"))["items"]
    assert (seen["price"], seen["leading"], seen["mine"]) == (240, True, False)
    assert "reserve" not in repr(seen)
    problem(await grower.delete(f"/api/v1/auctions/{auction_id}"), 409, "has_bids")
    problem(await trader.delete(f"/api/v1/orders/{leading['order_id']}"), 409, "bid_stands")
    outbid = await post(
        await office.as_("trader2"), f"auctions/{auction_id}/bids", {"client_order_id": "b-1", "price": 250}, 201
    )
    assert outbid["status"] == "resting"
    assert await free(trader) == [0]
    unknown = await trader.post("/api/v1/auctions/77/bids", json={"client_order_id": "b-2", "price": 1})
    problem(unknown, 404, "unknown_auction", "auction_id")


@pytest.mark.parametrize("ended_by", ["grower", "trader"])
async def test_a_reported_trade_is_confirmed_or_ended_by_either(office: Office, ended_by: str) -> None:
    await open_for(office, "negotiated")
    grower, trader = await office.as_("grower"), await office.as_("trader")
    terms = {
        "counterparty_id": TRADER,
        "symbol": SYMBOL,
        "side": "sell",
        "quantity": 300,
        "price": 260,
        "expires_ns": MONDAY_NS + HOUR_NS,
    }
    report = await post(grower, "reports", {"client_order_id": "r-1", **terms}, 201)
    (seen,) = (await get(trader, "reports"))["items"]
    assert (seen["report_id"], seen["side"], seen["mine"]) == (report["order_id"], "sell", False)
    assert (await get(await office.as_("trader2"), "reports"))["items"] == []
    confirmed = await post(trader, f"reports/{report['order_id']}/confirmation", {"client_order_id": "k-1"}, 201)
    assert (confirmed["via"], confirmed["status"], confirmed["traded_fen"]) == ("confirmation", "filled", 78_000)

    second = await post(grower, "reports", {"client_order_id": "r-2", **terms}, 201)
    address = f"/api/v1/reports/{second['order_id']}"
    problem(await (await office.as_("trader2")).delete(address), 404, "unknown_report")
    assert (await (await office.as_(ended_by)).delete(address)).status_code == 204
    problem(await grower.delete(address), 404, "unknown_report")
    ended = await get(grower, f"orders/{second['order_id']}")
    assert ended["reason"] == ("requested" if ended_by == "grower" else "declined")


async def test_who_may_not_trade_may_look(office: Office) -> None:
    analyst = await office.as_("analyst")
    for path in ("listings", "auctions", "reports"):
        problem(await analyst.post(f"/api/v1/{path}", json={}), 403, "forbidden")
        assert (await get(analyst, path))["items"] == []
        problem(await office.anyone.get(f"/api/v1/{path}"), 401, "unauthenticated")
