"""HTTP as it comes over a real socket: large bodies, broken requests, hung-up clients."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.web.office import TRADER, Office, buy
from tests.web.serving import serving


@pytest_asyncio.fixture
async def port(office: Office) -> AsyncIterator[int]:
    async with serving(office) as listening:
        yield listening


async def talk(port: int, *sent: bytes) -> bytes:
    """Send, then read until the server hangs up or says nothing more for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in sent:
        writer.write(part)
        await writer.drain()
    heard = b""
    async with asyncio.timeout(10):
        while b"\r\n\r\n" not in heard:
            part = await reader.read(65_536)
            if not part:
                break
            heard += part
    writer.close()
    return heard


async def test_four_mebibytes_hear_why(office: Office, port: int) -> None:
    trader = await office.as_("trader")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=trader.headers) as client:
        for path in ("orders", "orders/", "lots"):
            answer = await client.post(
                f"/api/v1/{path}", content=b"x" * (4 * 1024 * 1024), headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
            assert (await client.get("/healthz")).status_code == 200


async def test_a_request_on_a_kept_connection(office: Office, port: int) -> None:
    trader = await office.as_("trader")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=trader.headers) as client:
        for number in range(20):
            answer = await client.post("/api/v1/orders", json=buy(f"o{number}", 1))
            assert answer.status_code == 201
            assert int(answer.headers["content-length"]) == len(answer.content)
    assert len(office.gateway.submitted) >= 20


async def test_what_is_no_http_does_no_harm(office: Office, port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert b"400" in await talk(port, b"nonsense\r\n\r\n")
    head = b"POST /api/v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    assert b"401" in await talk(port, head + b"content-length: 2\r\n\r\n{}")
    assert b"400" in await talk(port, head + b"content-length: two\r\n\r\n{}")
    assert (await talk(port, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_client_who_hangs_up_in_the_middle_of_his_order_has_placed_none(
    office: Office, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    token = await office.token("trader")
    body = json.dumps(buy("a", 1)).encode()
    head = (
        f"POST /api/v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    before = office.gateway.sequence
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + body[:10])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert b"HTTP/1.1 201" in await talk(port, head + body)
    assert office.gateway.sequence == before + 1
    assert len(office.gateway.live_orders(TRADER)) <= 1
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert reader is not None


@pytest.mark.parametrize("path", ["orders", "orders/", "lots", "sessions", "receipts/1/delivery"])
@pytest.mark.parametrize("broken", [b"", b'5\r\n{"cli', b'5\r\n{"cli\r\nnonsense\r\n', b"zz\r\n"])
async def test_a_body_that_breaks_off_is_nobodys_fault(
    office: Office, port: int, caplog: pytest.LogCaptureFixture, path: str, broken: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    token = await office.token("grower")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /api/v1/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    )
    writer.write(broken)
    await writer.drain()
    if not broken.endswith(b"\r\n"):
        writer.close()
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        while 'status="499"' not in (await office.anyone.get("/metrics")).text:
            await asyncio.sleep(0.005)
    assert [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []
