"""An operator takes trades back and moves money; everybody else sees what became of them."""

from tests.web.office import SYMBOL, TRADER, TRADER2, Office, buy, get, post, problem, sell

BUST = {"trade_id": 1, "reason": "price off by a digit"}
ADJUSTMENT = {
    "debit_id": TRADER,
    "credit_id": TRADER2,
    "amount_fen": 700,
    "reference": "case-1",
    "reason": "goods gone",
}


async def traded(office: Office) -> None:
    """The trader buys 400 kg at 2.50 yuan."""
    await office.stock(1000)
    await post(await office.as_("grower"), "orders", sell("offer-1", 600, 250), 201)
    await post(await office.as_("trader"), "orders", buy("bid-1", 400, 260), 201)


async def test_a_trade_is_taken_back_and_everybody_sees_it(office: Office) -> None:
    await traded(office)
    operator, trader = await office.as_("operator"), await office.as_("trader")
    busted = await post(operator, "operator/busts", BUST, 201)
    assert (busted["trade_id"], busted["symbol"], busted["price"], busted["quantity"]) == (1, SYMBOL, 250, 400)
    assert (busted["buyer_id"], busted["reason"], busted["lots"]) == (TRADER, BUST["reason"], [[2, 3, 400]])

    cash, *goods = (await get(trader, "balances"))["items"]
    assert (cash["total"], goods) == (1_000_000, [])
    assert [fill["busted"] for fill in (await get(trader, "fills"))["items"]] == [True]
    assert [trade["busted"] for trade in (await get(office.anyone, f"instruments/{SYMBOL}/trades"))["items"]] == [True]
    assert (await get(office.anyone, f"instruments/{SYMBOL}/candles", interval="1m"))["items"] == []
    assert [(entry["cause"], entry["amount"]) for entry in (await get(trader, "ledger"))["items"]][:3] == [
        ("bust", 400_000),
        ("bust", 100_000),
        ("bust", 50),
    ]
    (listed,) = (await get(operator, "operator/busts"))["items"]
    assert (listed["trade_id"], listed["reason"], listed["sequence"]) == (1, BUST["reason"], busted["sequence"])


async def test_a_trade_that_cannot_be_taken_back(office: Office) -> None:
    await traded(office)
    operator, trader = await office.as_("operator"), await office.as_("trader")
    unknown = await operator.post("/api/v1/operator/busts", json={**BUST, "trade_id": 9})
    problem(unknown, 404, "unknown_trade", "trade_id")
    await post(trader, "orders", sell("offer-2", 1, 300), 201)
    problem(await operator.post("/api/v1/operator/busts", json=BUST), 409, "goods_moved", "trade_id")
    await trader.delete("/api/v1/orders")
    await post(operator, "operator/busts", BUST, 201)
    problem(await operator.post("/api/v1/operator/busts", json=BUST), 409, "already_busted", "trade_id")


async def test_money_is_moved_where_goods_cannot_be(office: Office) -> None:
    operator, payee = await office.as_("operator"), await office.as_("trader2")
    adjusted = await post(operator, "operator/adjustments", ADJUSTMENT, 201)
    assert {name: adjusted[name] for name in ADJUSTMENT} == ADJUSTMENT
    assert (await get(payee, "balances"))["items"][0]["total"] == 1_000_700
    assert (await get(payee, "ledger"))["items"][0]["cause"] == "adjustment"
    assert (await get(operator, "operator/adjustments"))["items"] == [adjusted]
    again = await operator.post("/api/v1/operator/adjustments", json=ADJUSTMENT)
    problem(again, 409, "duplicate_reference", "reference")
    for changes, status, code, field in (
        ({"debit_id": 99}, 404, "unknown_participant", "debit_id"),
        ({"credit_id": TRADER}, 409, "same_participant", "credit_id"),
        ({"amount_fen": 10**9}, 409, "insufficient_funds", "amount_fen"),
        ({"amount_fen": 0}, 400, "invalid_request", "amount_fen"),
        ({"reason": ""}, 400, "invalid_request", "reason"),
    ):
        answer = await operator.post("/api/v1/operator/adjustments", json={**ADJUSTMENT, "reference": "r", **changes})
        problem(answer, status, code, field)


async def test_only_operators_correct(office: Office) -> None:
    for name in ("trader", "grower", "warehouse", "analyst"):
        client = await office.as_(name)
        for path, body in (("busts", BUST), ("adjustments", ADJUSTMENT)):
            problem(await client.post(f"/api/v1/operator/{path}", json=body), 403, "forbidden")
            problem(await client.get(f"/api/v1/operator/{path}"), 403, "forbidden")


async def test_both_sides_hear_of_it_on_the_feed(office: Office) -> None:
    """The fill is told again, busted, beside the balances."""
    await traded(office)
    told = office.gateway.publication.feed
    assert told.instruments[SYMBOL].day.volume == 400
    await post(await office.as_("operator"), "operator/busts", BUST, 201)
    assert told.instruments[SYMBOL].day.volume == 0
    assert [trade.busted for trade in told.instruments[SYMBOL].trades] == [True]
