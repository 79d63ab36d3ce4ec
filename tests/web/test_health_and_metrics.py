"""What whoever watches the venue asks it."""

import asyncio
import re

from marketdata.pump import Pump
from tests.marketdata.feed_reader import Reader
from tests.web.office import CHEAP, SYMBOL, Office, buy, get, post
from web.figures import Distribution
from web.metrics import MAXIMUM_SERIES, Metrics


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
        "venue_paused 0.0",
        'feed_connections{adapter="browsers"} 0.0',
        'feed_connections{adapter="programs"} 0.0',
        'problems_total{code="invalid_request"} 1.0',
        'problems_total{code="not_found"} 6.0',
        'problems_total{code="method_not_allowed"} 3.0',
    ):
        assert line in lines, line
    assert "nothing/" not in answer.text
    assert "some/page" not in answer.text
    assert 'http_request_duration_seconds_count{method="POST",route="/api/v1/orders"} 3.0' in lines


async def test_a_pause_is_not_ready_and_a_clock_of_its_own_is_a_warning(office: Office) -> None:
    office.gateway.paused = "the database is 7 commands and 0 seconds behind"
    office.gateway.shown.clock_ahead_seconds = -61.0
    ready = await office.anyone.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"], ready.json()["warnings"]) == (
        *(503, ["paused: the database is 7 commands and 0 seconds behind"], ["clock"]),
    )


async def test_the_venues_own_figures(office: Office) -> None:
    figures = office.gateway.shown
    figures.waiting, figures.refused = 7, {"room": 1, "share": 2, "database_behind": 3}
    figures.halt_cause, figures.pauses, figures.paused_seconds = "journal", 2, 1.5
    figures.verified_sequence = office.gateway.sequence - 4
    figures.clock_ahead_seconds, figures.follower_starts = -61.0, 3
    figures.snapshot_sequence, figures.snapshot_age_seconds = office.gateway.sequence - 5, 90.0
    figures.snapshot_failures, figures.journal_bytes, figures.uptime_seconds = 1, 2_048, 12.0
    figures.gc_pauses[2].observe(0.03)
    for value in (1, 2, 3, 600):
        figures.batch_commands.observe(value)
    for value in (0.0001, 0.002, 9.0):
        figures.commit_seconds.observe(value)
    programs, browser = Reader(office.gateway.feed, framed=True), Reader(office.gateway.feed)
    for reader in (programs, browser):
        reader.ask(op="subscribe", channel="heartbeat")
    programs.outlet.stuck = 1_000
    lines = (await office.anyone.get("/metrics")).text.splitlines()
    for line in (
        "venue_queue_commands 7.0",
        'venue_refused_total{lack="room"} 1.0',
        'venue_refused_total{lack="share"} 2.0',
        'venue_refused_total{lack="database_behind"} 3.0',
        'venue_batch_commands_bucket{le="1.0"} 1.0',
        'venue_batch_commands_bucket{le="2.0"} 2.0',
        'venue_batch_commands_bucket{le="512.0"} 3.0',
        'venue_batch_commands_bucket{le="+Inf"} 4.0',
        "venue_batch_commands_count 4.0",
        "venue_batch_commands_sum 606.0",
        'venue_commit_seconds_bucket{le="0.0001"} 1.0',
        'venue_commit_seconds_bucket{le="5.0"} 2.0',
        "venue_commit_seconds_count 3.0",
        "venue_execute_seconds_count 0.0",
        "venue_shadow_lag 4.0",
        'venue_halts_total{cause="journal"} 1.0',
        'venue_halts_total{cause="engine"} 0.0',
        "venue_pauses_total 2.0",
        "venue_paused_seconds_total 1.5",
        "venue_clock_ahead_seconds -61.0",
        "venue_follower_starts_total 3.0",
        "venue_snapshot_age_commands 5.0",
        "venue_snapshot_age_seconds 90.0",
        "venue_snapshot_failures_total 1.0",
        "venue_journal_bytes 2048.0",
        "exchange_uptime_seconds 12.0",
        'exchange_gc_pause_seconds_bucket{generation="2",le="0.025"} 0.0',
        'exchange_gc_pause_seconds_bucket{generation="2",le="0.05"} 1.0',
        'exchange_gc_pause_seconds_count{generation="0"} 0.0',
        'feed_connections{adapter="programs"} 1.0',
        'feed_connections{adapter="browsers"} 1.0',
        'feed_subscriptions{channel="heartbeat"} 2.0',
        'feed_subscriptions{channel="book"} 0.0',
        "feed_lag 0.0",
        "feed_subscriptions_behind 0.0",
        "feed_buffered_bytes 1000.0",
        "feed_flush_seconds_count 0.0",
    ):
        assert line in lines, line
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


async def test_codes_and_reasons_have_bounded_series(office: Office) -> None:
    metrics = Metrics(office.gateway)
    for number in range(MAXIMUM_SERIES + 50):
        metrics.problem(f"invented_{number}")
        metrics.order("rejected", f"invented_{number}")
    text = metrics.text().decode()
    for family in ("problems_total", "orders_total"):
        series = re.findall(rf"^{family}\{{(.*)\}} (.*)$", text, re.MULTILINE)
        assert len(series) <= MAXIMUM_SERIES + 1
        assert sum(float(count) for _, count in series) == MAXIMUM_SERIES + 50
        assert any("other" in labels for labels, _ in series)


async def test_a_flush_is_measured_from_the_publication_that_it_was_for(office: Office) -> None:
    told: list[float] = []
    pump = Pump(office.gateway.feed, flushed=told.append)
    pump.start()
    trader = await office.as_("trader")
    reader = Reader(office.gateway.feed)
    reader.ask(op="subscribe", channel="book", symbols=[SYMBOL])
    await office.stock(10)
    reader.ask(op="subscribe", channel="book", symbols=[SYMBOL])
    await post(trader, "orders", buy("a", 1), 201)
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.001)
    pump.stop()
    assert all(0 <= seconds < 10 for seconds in told)


def test_a_distribution_counts_each_value_once_at_its_bound() -> None:
    distribution = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        distribution.observe(value)
    assert (distribution.counts, distribution.total) == ([2, 2, 1], 7.5)
    assert Distribution((1.0, 2.0)).counts == [0, 0, 0]
