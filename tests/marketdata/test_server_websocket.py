"""The feed over real WebSockets: handshakes, both encodings, frames that are broken, readers that do not read."""

import asyncio
import base64
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets import Origin, Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

import marketdata.feed
import marketdata.server
from marketdata.connection import TOO_SLOW
from marketdata.feed import Connection, Feed
from marketdata.pump import Pump
from marketdata.server import FeedServer
from matching.messages import InstrumentDefined
from tests.marketdata.feed_reader import NOON_NS, on_book, trade

JSON = Subprotocol("banana.feed.v1+json")
MSGPACK = Subprotocol("banana.feed.v1+msgpack")
DEADLINE_S = 10.0


class Desk:
    """Takes orders and says what it took."""

    def __init__(self) -> None:
        self.gone: asyncio.Event = asyncio.Event()

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        if op == "sign_in":
            connection.sign_in(7)
            return {"op": "signed_in", "id": message["id"]}
        return {"op": "order", "id": message["id"], "order": {"quantity": message["quantity"]}}

    async def disconnected(self, connection: Connection) -> None:
        self.gone.set()


class Venue:
    """A feed with a server, and what happens to it."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.desk = Desk()
        self.feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), on_book(1, "buy", 250, 400)])
        self.pump = Pump(self.feed, lambda: NOON_NS)
        self.server = FeedServer(self.feed, origins=["https://venue.example"], order_entry=self.desk)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}"

    def change(self, times: int = 1) -> None:
        for sequence in range(self.feed.sequence + 1, self.feed.sequence + 1 + times):
            self.feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence), trade(sequence, 250, 1)])

    def change_much(self, times: int) -> None:
        for sequence in range(self.feed.sequence + 1, self.feed.sequence + 1 + times):
            self.feed.publish(sequence, NOON_NS, [on_book(n, "buy", n, sequence * n) for n in range(1000, 1300)])


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    await venue.server.start()
    venue.pump.start()
    yield venue
    venue.pump.stop()
    async with asyncio.timeout(DEADLINE_S):
        await venue.server.stop()


async def say(websocket: ClientConnection, **message: Any) -> None:
    if websocket.subprotocol == MSGPACK:
        await websocket.send(msgspec.msgpack.encode(message))
    else:
        await websocket.send(json.dumps(message))


async def hear(websocket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        data = await websocket.recv()
    message = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
    assert isinstance(message, dict)
    return message


async def closed(websocket: ClientConnection) -> int | None:
    async with asyncio.timeout(DEADLINE_S):
        await websocket.wait_closed()
    return websocket.close_code


@pytest.mark.parametrize("offered", [None, [JSON], [MSGPACK], [Subprotocol("chess"), MSGPACK, JSON]])
@pytest.mark.parametrize("path", ["", "/feed", "/feed?lane=fast"])
async def test_a_program_reads_a_book(venue: Venue, offered: list[Subprotocol] | None, path: str) -> None:
    async with connect(venue.url + path, subprotocols=offered) as websocket:
        assert websocket.subprotocol == (None if offered is None else next(name for name in offered if name != "chess"))
        await say(websocket, op="subscribe", id=1, channel="book", symbols=["A"])
        assert (await hear(websocket))["op"] == "subscribed"
        assert (await hear(websocket))["bids"] in ([[250, 400, 1]], [(250, 400, 1)])
        venue.change(3)
        assert [(await hear(websocket))["sequence"] for _ in range(3)] == [2, 3, 4]


async def test_large_messages_arrive_whole(venue: Venue) -> None:
    venue.feed.publish(2, NOON_NS, [on_book(number, "buy", number, 1_000) for number in range(10_000, 40_000)])
    async with connect(venue.url, max_size=None) as websocket:
        await say(websocket, op="subscribe", channel="book", symbols=["A"], depth=None)
        await hear(websocket)
        assert len((await hear(websocket))["bids"]) == 30_001


async def test_who_offers_only_unknown_subprotocols_gets_none_and_json(venue: Venue) -> None:
    async with connect(venue.url, subprotocols=[Subprotocol("chess")]) as websocket:
        assert websocket.subprotocol is None
        await say(websocket, op="ping", id=1)
        assert (await hear(websocket))["op"] == "pong"


async def test_there_is_nothing_at_other_paths(venue: Venue) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(venue.url + "/admin"):
            pass
    assert refused.value.response.status_code == 404


async def test_pages_of_other_origins_are_not_let_in(venue: Venue) -> None:
    async with connect(venue.url, origin=Origin("https://venue.example")) as websocket:
        await say(websocket, op="ping")
        assert (await hear(websocket))["op"] == "pong"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(venue.url, origin=Origin("https://elsewhere.example")):
            pass
    assert refused.value.response.status_code == 403


async def test_there_is_a_limit_to_the_connections(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketdata.server, "MAX_CONNECTIONS", 1)
    async with connect(venue.url) as websocket:
        await say(websocket, op="ping")
        await hear(websocket)
        with pytest.raises(InvalidStatus) as refused:
            async with connect(venue.url):
                pass
        assert refused.value.response.status_code == 503


async def test_nothing_is_compressed(venue: Venue) -> None:
    async with connect(venue.url, compression="deflate") as websocket:
        assert websocket.protocol.extensions == []


async def test_orders_are_taken_and_a_disconnection_is_told(venue: Venue) -> None:
    async with connect(venue.url) as websocket:
        await say(websocket, op="sign_in", id=1, token="t")
        assert (await hear(websocket))["op"] == "signed_in"
        for request_id in range(2, 50):
            await say(websocket, op="place", id=request_id, quantity=request_id)
        answers = [await hear(websocket) for _ in range(2, 50)]
        assert sorted(answer["order"]["quantity"] for answer in answers) == list(range(2, 50))
        await say(websocket, op="subscribe", id=99, channel="account")
        assert (await hear(websocket))["op"] == "subscribed"
        assert not venue.desk.gone.is_set()
    async with asyncio.timeout(DEADLINE_S):
        await venue.desk.gone.wait()
    assert not venue.feed.connections


async def test_text_that_is_no_text_ends_its_connection(venue: Venue) -> None:
    async with connect(venue.url) as websocket:
        await websocket.send(b"\xff\xfe", text=True)
        assert await closed(websocket) == 1007


async def test_the_wrong_kind_of_frame_is_answered(venue: Venue) -> None:
    async with connect(venue.url) as websocket:
        await websocket.send(b"\x81\xa2op\xa4ping")
        assert (await hear(websocket))["code"] == "wrong_encoding"
        await say(websocket, op="ping")
        assert (await hear(websocket))["op"] == "pong"


HANDSHAKE = (
    "GET /feed HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def shake_hands(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())
    async with asyncio.timeout(DEADLINE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 101")
        while await reader.readline() != b"\r\n":
            pass
    return reader, writer


async def test_a_message_of_four_mebibytes_ends_its_connection_and_no_other(venue: Venue) -> None:
    async with connect(venue.url) as innocent:
        reader, writer = await shake_hands(venue.server.port)
        size = 4 * 1024 * 1024
        writer.write(b"\x81\xff" + size.to_bytes(8) + bytes(4) + b"x" * size)
        async with asyncio.timeout(DEADLINE_S):
            answer = await reader.read()
        assert answer[0] == 0x88
        assert int.from_bytes(answer[2:4]) == 1009
        writer.close()
        await say(innocent, op="ping", id=1)
        assert (await hear(innocent))["op"] == "pong"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (b"\xf1\x80\x00\x00\x00\x00", 1002),  # reserved bits
        (b"\xc1\x80\x00\x00\x00\x00", 1002),  # compressed, which nobody agreed on
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # no such opcode
        (b"\x89\xfe\x01\x00" + bytes(260), 1002),  # a ping that is too long
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # goes on with what never began
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1009),  # eight exbibytes to come
    ],
)
async def test_broken_frames_end_their_connection(
    venue: Venue, data: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader, writer = await shake_hands(venue.server.port)
    writer.write(data)
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    assert answer[0] == 0x88
    assert int.from_bytes(answer[2:4]) == code
    writer.close()
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b""]
)
async def test_what_is_no_handshake_is_turned_away_without_noise(
    venue: Venue, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", venue.server.port)
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    assert b"101" not in answer[:16]
    writer.close()
    async with connect(venue.url) as websocket:
        await say(websocket, op="ping")
        await hear(websocket)
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]


async def test_a_reader_who_stops_reading_costs_nobody_else(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketdata.feed, "PATIENCE_NS", 0)
    loop = asyncio.get_running_loop()
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await loop.sock_connect(raw, ("127.0.0.1", venue.server.port))
        await loop.sock_sendall(raw, HANDSHAKE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())
        request = b'{"op":"subscribe","channel":"book","symbols":["A"],"depth":null}'
        await loop.sock_sendall(raw, bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request)
        async with connect(venue.url) as quick:
            await say(quick, op="subscribe", channel="book", symbols=["A"], depth=None)
            assert (await hear(quick))["op"] == "subscribed"
            assert (await hear(quick))["kind"] == "snapshot"
            last, most = 1, 0
            async with asyncio.timeout(60):
                # Until the one who does not read is thrown out, the one who does misses nothing.
                while len(venue.feed.connections) == 2 or venue.feed.sequence < 100:
                    venue.change_much(20)
                    for _ in range(20):
                        message = await hear(quick)
                        assert message["previous"] == last
                        last = message["sequence"]
                    most = max(most, *(connection.waiting() for connection in venue.feed.connections))
            assert most < 2 * 1024 * 1024, "what waits for him is bounded"
            assert next(iter(venue.feed.connections)).open


async def test_a_connection_may_be_closed_by_the_venue_with_a_reason(venue: Venue) -> None:
    async with connect(venue.url) as websocket:
        await say(websocket, op="ping")
        await hear(websocket)
        (connection,) = venue.feed.connections
        connection.close(TOO_SLOW, "too slow for trades A")
        assert await closed(websocket) == TOO_SLOW
        assert websocket.close_reason == "too slow for trades A"
        async with asyncio.timeout(DEADLINE_S):
            await venue.desk.gone.wait()
    assert not venue.feed.connections


async def test_stopping_says_goodbye_also_to_those_who_do_not_listen(venue: Venue) -> None:
    reader, writer = await shake_hands(venue.server.port)
    async with connect(venue.url) as websocket:
        await say(websocket, op="ping")
        await hear(websocket)
        async with asyncio.timeout(DEADLINE_S):
            await venue.server.stop()
        assert await closed(websocket) == 1001
    assert not venue.feed.connections
    writer.close()
    assert reader is not None


async def stop_in_time(venue: Venue) -> None:
    """The whole venue has promised to be gone in five seconds, and this is the first part of it to go."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(DEADLINE_S * 2):
        await venue.server.stop()
    assert loop.time() - began < 2.0
    assert not venue.feed.connections
    assert not venue.server.callers


async def test_who_never_shook_hands_does_not_hold_up_the_end(venue: Venue) -> None:
    begun = [await asyncio.open_connection("127.0.0.1", venue.server.port) for _ in range(3)]
    begun[1][1].write(b"GET /feed HTTP/1.1\r\nHost: venue\r\n")
    begun[2][1].write(b"GET /feed HT")
    async with asyncio.timeout(DEADLINE_S):
        while len(venue.server.callers) < 3:
            await asyncio.sleep(0.005)
    await stop_in_time(venue)
    for reader, writer in begun:
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_who_has_stopped_reading_does_not_hold_up_the_end(venue: Venue) -> None:
    reader, writer = await shake_hands(venue.server.port)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    request = b'{"op":"subscribe","channel":"book","symbols":["A"],"depth":null}'
    writer.write(bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request)
    async with asyncio.timeout(DEADLINE_S):
        while not any(connection.waiting() for connection in venue.feed.connections):
            venue.change_much(20)
            await asyncio.sleep(0.005)
    await stop_in_time(venue)
    writer.close()
    assert reader is not None


async def test_work_that_does_not_end_does_not_hold_up_the_end(venue: Venue) -> None:
    async def never(connection: Connection) -> None:
        await asyncio.Event().wait()

    venue.desk.disconnected = never  # type: ignore[method-assign]
    async with connect(venue.url) as websocket:
        await say(websocket, op="ping")
        await hear(websocket)
        await stop_in_time(venue)
