"""`/feed` on the web port, as a browser opens it."""

import asyncio
import json
from collections.abc import AsyncIterator
from socket import SO_RCVBUF, SOL_SOCKET
from socket import socket as raw_socket
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from websockets import Origin, Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from marketdata.messages import CHANNELS
from tests.web.office import SYMBOL, Office, buy, get, post, problem, sell
from tests.web.serving import serving

DEADLINE_S = 10.0


@pytest_asyncio.fixture
async def port(office: Office) -> AsyncIterator[int]:
    await office.stock(1000)
    async with serving(office) as listening:
        yield listening


async def ask(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    await socket.send(json.dumps(message))
    return await hear(socket)


async def hear(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        heard: dict[str, Any] = json.loads(await socket.recv())
    return heard


async def cookie(office: Office, name: str) -> dict[str, str]:
    return {"cookie": f"other=1; banana_session={await office.token(name)}"}


async def test_the_market_and_ones_own_account(office: Office, port: int) -> None:
    origin = Origin(f"http://127.0.0.1:{port}")
    headers = await cookie(office, "trader")
    async with connect(f"ws://127.0.0.1:{port}/feed", origin=origin, additional_headers=headers) as socket:
        assert socket.response is not None
        assert "permessage-deflate" not in socket.response.headers.get("sec-websocket-extensions", "")
        subscribed = await ask(socket, op="subscribe", id=1, channel="book", symbols=[SYMBOL])
        assert (subscribed["op"], subscribed["rate"]) == ("subscribed", 10)
        snapshot = await hear(socket)
        assert (snapshot["kind"], snapshot["bids"]) == ("snapshot", [])
        assert (await ask(socket, op="subscribe", id=2, channel="account"))["op"] == "subscribed"
        account = await hear(socket)
        assert (account["kind"], account["balances"][0]["total"]) == ("snapshot", 1_000_000)

        trader = await office.as_("trader")
        placed = await post(trader, "orders", buy("a", 10, 240), 201)
        heard = [await hear(socket) for _ in range(3)]
        by_channel = {each["channel"]: each for each in heard}
        assert by_channel["book"]["bids"] == [[240, 10, 1]]
        book = await get(office.anyone, f"instruments/{SYMBOL}/book")
        assert by_channel["book"]["checksum"] == book["checksum"]
        assert by_channel["book"]["sequence"] == placed["sequence"] == book["sequence"]
        assert [each["order"] for each in heard if "order" in each] == [placed]
        (balance,) = [each["balance"] for each in heard if "balance" in each]
        assert balance == (await get(trader, "balances"))["items"][0]


async def test_fills_say_what_http_says(office: Office, port: int) -> None:
    trader, grower = await office.as_("trader"), await office.as_("grower")
    headers = await cookie(office, "trader")
    async with connect(f"ws://127.0.0.1:{port}/feed", additional_headers=headers) as socket:
        await ask(socket, op="subscribe", id=1, channel="account")
        await hear(socket)
        await post(grower, "orders", sell("s", 10, 240), 201)
        await post(trader, "orders", buy("b", 10, 240), 201)
        fills: list[Any] = []
        while not fills:
            heard = await hear(socket)
            fills += [heard["fill"]] if "fill" in heard else []
        assert fills == (await get(trader, "fills"))["items"]


async def test_nobody_reads_the_market_and_no_account(office: Office, port: int) -> None:
    for headers in ({}, {"cookie": "banana_session=gone"}, {"authorization": "Bearer x"}):
        async with connect(f"ws://127.0.0.1:{port}/feed", additional_headers=headers) as socket:
            assert (await ask(socket, op="subscribe", id=1, channel="account"))["code"] == "not_signed_in"
            assert (await ask(socket, op="subscribe", id=2, channel="status", symbols=[SYMBOL]))["op"] == "subscribed"


async def test_signing_out_silences_the_account(office: Office, port: int) -> None:
    token = await office.token("trader")
    headers = {"cookie": f"banana_session={token}"}
    async with connect(f"ws://127.0.0.1:{port}/feed", additional_headers=headers) as socket:
        await ask(socket, op="subscribe", id=1, channel="account")
        await hear(socket)
        await office.anyone.delete("/api/v1/sessions/current", headers={"authorization": f"Bearer {token}"})
        told = await hear(socket)
        assert (told["op"], told["id"], told["code"]) == ("error", None, "signed_out")
        trader = await office.as_("trader")
        await post(trader, "orders", buy("a", 10, 240), 201)
        assert (await ask(socket, op="ping", id=2))["op"] == "pong"
        assert (await ask(socket, op="subscribe", id=3, channel="account"))["code"] == "not_signed_in"


@pytest.mark.parametrize("origin", ["http://evil", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
async def test_pages_of_other_sites_are_refused(office: Office, port: int, origin: str) -> None:
    headers = await cookie(office, "trader")
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{port}/feed", origin=Origin(origin), additional_headers=headers)
    assert refused.value.response.status_code == 403


async def test_the_phones_lane(office: Office, port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/feed?lane=phone") as socket:
        assert (await ask(socket, op="subscribe", id=1, channel="book", symbols=[SYMBOL]))["rate"] == 4
    with pytest.raises(InvalidStatus):
        await connect(f"ws://127.0.0.1:{port}/feed?lane=fast")


async def test_both_encodings(office: Office, port: int) -> None:
    protocols = [Subprotocol("banana.feed.v1+msgpack"), Subprotocol("banana.feed.v1+json")]
    async with connect(f"ws://127.0.0.1:{port}/feed", subprotocols=protocols) as socket:
        assert socket.subprotocol == "banana.feed.v1+msgpack"
        await socket.send(msgspec.msgpack.encode({"op": "ping", "id": 1}))
        assert msgspec.msgpack.decode(await socket.recv(decode=False))["op"] == "pong"
    async with connect(f"ws://127.0.0.1:{port}/feed", subprotocols=protocols[1:]) as socket:
        assert socket.subprotocol == "banana.feed.v1+json"
        assert (await ask(socket, op="ping", id=1))["op"] == "pong"


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_every_channel_is_here_as_on_the_programs_port(office: Office, port: int, encoding: str) -> None:
    binary = encoding == "msgpack"
    seen: dict[str, list[dict[str, Any]]] = {}

    async def say(**message: Any) -> None:
        await socket.send(msgspec.msgpack.encode(message) if binary else json.dumps(message))

    async def until(channel: str, kind: str, **fields: Any) -> dict[str, Any]:
        """The first such message; all that come are kept."""
        while True:
            for message in seen.get(channel, []):
                if message["kind"] == kind and fields.items() <= message.items():
                    return message
            async with asyncio.timeout(DEADLINE_S):
                raw = await socket.recv()
            message = msgspec.msgpack.decode(raw) if isinstance(raw, bytes) else json.loads(raw)
            assert isinstance(raw, bytes) is binary
            assert message.get("op") in (None, "subscribed"), message
            if "channel" in message and "op" not in message:
                seen.setdefault(message["channel"], []).append(message)

    protocol = Subprotocol(f"banana.feed.v1+{encoding}")
    async with connect(f"ws://127.0.0.1:{port}/feed", subprotocols=[protocol]) as socket:
        for channel in CHANNELS:
            if channel not in ("account", "heartbeat", "index"):
                interval = {"interval": "1m"} if channel == "candles" else {}
                await say(op="subscribe", channel=channel, symbols=[SYMBOL], **interval)
        await say(op="subscribe", channel="index", symbols=["SXBI", f"SXBI-{SYMBOL.partition('-')[0]}"])
        await say(op="subscribe", channel="heartbeat")
        assert (await until("orders", "snapshot"))["orders"] == []
        assert (await until("lots", "snapshot"))["lots"] == []
        assert (await until("index", "snapshot"))["value"] is None
        assert (await until("auction", "snapshot"))["price"] is None

        grower, trader = await office.as_("grower"), await office.as_("trader")
        await post(grower, "orders", sell("a", 30, 260), 201)
        await post(trader, "orders", buy("b", 10, 260), 201)
        assert (await until("orders", "delta", action="add"))["quantity"] == 30
        assert (await until("orders", "delta", action="change"))["quantity"] == 20
        (told,) = (await until("trades", "delta"))["trades"]
        assert (told["price"], told["quantity"]) == (260, 10)
        assert (await until("candles", "delta"))["candles"][0][1:] == [260, 260, 260, 260, 10]
        assert (await until("ticker", "delta", volume=10))["ask"] == [260, 20]

        operator = await office.as_("operator")
        await post(operator, "operator/phases", {"symbol": SYMBOL, "phase": "auction"}, 200)
        assert (await until("status", "delta"))["phase"] == "auction"
        await post(trader, "orders", buy("c", 15, 261), 201)
        indicated = await until("auction", "delta")
        assert (indicated["price"], indicated["quantity"], indicated["surplus"]) == (260, 15, -5)
        beat = await until("heartbeat", "snapshot")
        assert {stream[0] for stream in beat["streams"]} == set(CHANNELS) - {"account", "heartbeat"}


async def test_orders_are_not_taken_here(office: Office, port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/feed", additional_headers=await cookie(office, "trader")) as socket:
        assert (await ask(socket, op="place", id=1, **buy("a", 1)))["code"] == "not_available"


async def test_nonsense_is_answered_and_too_much_of_it_closes(
    office: Office, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(f"ws://127.0.0.1:{port}/feed") as socket:
        for message in ("{", "[]", '{"op": 1}', '{"op": "fly", "id": 3}'):
            await socket.send(message)
            assert (await hear(socket))["op"] == "error"
        await socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1009
    await _nobody_reads(office)
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_hanging_up_leaves_nothing_behind(office: Office, port: int) -> None:
    before = len(asyncio.all_tasks())
    for end in ("close", "cut"):
        socket = await connect(f"ws://127.0.0.1:{port}/feed")
        await ask(socket, op="subscribe", id=1, channel="book", symbols=[SYMBOL])
        assert 'feed_connections{adapter="browsers"} 1.0' in (await office.anyone.get("/metrics")).text
        if end == "close":
            await socket.close()
        else:
            socket.transport.abort()
            await socket.wait_closed()
        await _nobody_reads(office)
        assert 'feed_connections{adapter="browsers"} 0.0' in (await office.anyone.get("/metrics")).text
    async with asyncio.timeout(DEADLINE_S):
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.005)


async def test_a_reader_who_does_not_read_holds_up_nobody(office: Office, port: int) -> None:
    slow = await connect(f"ws://127.0.0.1:{port}/feed", max_queue=1)
    await slow.send(json.dumps({"op": "subscribe", "channel": "trades", "symbols": [SYMBOL]}))
    for number in range(2000):
        await slow.send(json.dumps({"op": "subscribe", "id": number, "channel": "trades", "symbols": ["x" * 60]}))
    async with connect(f"ws://127.0.0.1:{port}/feed") as quick:
        assert (await ask(quick, op="ping", id=1))["op"] == "pong"
    slow.transport.abort()
    await _nobody_reads(office)


async def test_a_plain_request_is_told_what_this_is(office: Office) -> None:
    problem(await office.anyone.get("/feed"), 405, "method_not_allowed")


async def test_the_venue_closes_a_reader_who_does_not_read(
    office: Office, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written waits in the reader's own buffers, and the farewell behind it."""
    monkeypatch.setattr("web.feed_socket.CLOSING_S", 0.2)
    with raw_socket() as raw:
        raw.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", port))
        upgrade = (
            "GET /feed HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        await loop.sock_sendall(raw, upgrade.encode())
        async with asyncio.timeout(DEADLINE_S):
            while not office.gateway.feed.connections:
                await asyncio.sleep(0.005)
        (connection,) = office.gateway.feed.connections
        for _ in range(12):
            connection.send({"op": "x" * 1_000_000})
        connection.flush()
        connection.close(4008, "too slow")
        await _nobody_reads(office)


async def _nobody_reads(office: Office) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while office.gateway.feed.connections:
            await asyncio.sleep(0.005)
