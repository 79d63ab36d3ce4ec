"""What whoever watches the venue asks it."""

from tests.web.office import CHEAP, SYMBOL, Office, buy, get, post


async def test_healthy_and_ready(office: Office) -> None:
    assert (await office.anyone.get("/healthz")).json() == {"status": "ok"}
    ready = await office.anyone.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["reasons"]) == (200, True, [])


async def test_a_halted_venue_lives_and_is_not_ready(office: Office) -> None:
    office.gateway.halted = "the journal cannot be written"
    assert (await office.anyone.get("/healthz")).status_code == 200
    ready = await office.anyone.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == ["halted: the journal cannot be written"]


async def test_a_database_far_behind_is_not_ready() -> None:
    from msgspec.structs import replace

    office = await Office(replace(CHEAP, maximum_lag=3)).open()
    office.gateway.projecting = False
    trader = await office.as_("trader")
    for number in range(4):
        await post(trader, "orders", buy(f"o{number}", 1), 201)
    ready = await office.anyone.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["the database is 4 commands behind"])
    office.gateway.project()
    assert (await office.anyone.get("/readyz")).status_code == 200
    await office.close()


async def test_a_database_that_is_not_followed_is_a_warning(office: Office) -> None:
    assert (await office.anyone.get("/readyz")).json()["warnings"] == []
    office.gateway.projection_fault = "no connection to postgresql://secret.host"
    ready = await office.anyone.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["warnings"] == ["database"]
    assert "secret" not in ready.text


async def test_metrics_count_by_template_and_reason(office: Office) -> None:
    trader = await office.as_("trader")
    await office.stock(10)
    await post(trader, "orders", buy("a", 1), 201)
    await post(trader, "orders", buy("b", 0), 201)
    await trader.post("/api/v1/orders", json={})
    await get(office.anyone, f"instruments/{SYMBOL}/book")
    for number in range(3):
        await office.anyone.get(f"/api/v1/nothing/{number}")
        await office.anyone.get(f"/some/page/{number}")
        await office.anyone.request(f"PEEL{number}", "/api/v1/orders")
    answer = await office.anyone.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'http_requests_total{method="POST",route="/api/v1/orders",status="201"} 2.0',
        'http_requests_total{method="POST",route="/api/v1/orders",status="400"} 1.0',
        'http_requests_total{method="GET",route="/api/v1/instruments/{symbol}/book",status="200"} 1.0',
        'http_requests_total{method="GET",route="unrouted",status="404"} 3.0',
        'http_requests_total{method="other",route="unrouted",status="405"} 3.0',
        'orders_total{reason="",status="resting"} 1.0',
        'orders_total{reason="invalid_quantity",status="rejected"} 1.0',
        f"venue_sequence {float(office.gateway.sequence)}",
        "venue_projection_lag 0.0",
        "venue_projection_lag_seconds 0.0",
        "venue_halted 0.0",
        "feed_connections 0.0",
    ):
        assert line in lines, line
    assert "nothing/" not in answer.text
    assert "some/page" not in answer.text
    assert 'http_request_duration_seconds_count{method="POST",route="/api/v1/orders"} 3.0' in lines
