"""What strangers may throw at either port: each is told what is wrong or closed with a reason, and nobody else
notices.
"""

import asyncio
import base64
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from jsonschema import Draft7Validator
from websockets import Subprotocol
from websockets.asyncio.client import connect

import marketdata.frame_allowance
import marketdata.server
import web.feed_socket
import web.one_write
from marketdata.connection import MAX_FRAME, MAX_LOOSE
from marketdata.frame_allowance import FRAMES_AT_ONCE, FRAMES_PER_SECOND
from marketdata.server import FeedServer
from tests.running import found
from tests.running import serving as running
from tests.web.office import Office
from tests.web.serving import serving
from web.asyncapi import ORDER_ENTRY, REQUESTS, description
from web.socket_protocol import SocketProtocol

DEADLINE_S = 15.0
MEBIBYTE = 1024 * 1024
MSGPACK = "banana.feed.v1+msgpack"
NO_MASK = b"\0\0\0\0"

Ports = dict[str, int]


def frame(payload: bytes, opcode: int = 0x81) -> bytes:
    """Masked, as a client's has to be."""
    size = len(payload)
    if size < 126:
        head = bytes([opcode, 0x80 | size])
    elif size < 65_536:
        head = bytes([opcode, 0xFE]) + size.to_bytes(2)
    else:
        head = bytes([opcode, 0xFF]) + size.to_bytes(8)
    return head + NO_MASK + payload


EMPTY_FRAGMENT = frame(b"", 0x00)
PING = frame(b"", 0x89)
PONG = frame(b"", 0x8A)


class Stranger:
    """A bare connection to a port, which writes what it likes and keeps all it is sent."""

    def __init__(self, port: int, protocol: str | None = None) -> None:
        self._port = port
        self._protocol = protocol
        self._taken = b""

    async def __aenter__(self) -> "Stranger":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        self._writer.close()

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await self._reader.read(65_536):
                self._taken += data

    async def write(self, data: bytes) -> None:
        """Until it is gone, or nobody takes it any more."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            async with asyncio.timeout(DEADLINE_S):
                await self._writer.drain()

    async def shake_hands(self, status: int = 101) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        offered = "" if self._protocol is None else f"Sec-WebSocket-Protocol: {self._protocol}\r\n"
        await self.write(
            f"GET /feed HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{offered}"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        async with asyncio.timeout(DEADLINE_S):
            while b"\r\n\r\n" not in self._taken:
                assert not self._reading.done()
                await asyncio.sleep(0.001)
        head, _, self._taken = self._taken.partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status}".encode())

    async def answer(self) -> bytes:
        """All that has come when the venue hangs up."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait([self._reading])
        return self._taken

    async def hung_up(self) -> None:
        """Until the venue has, with or without a word that could still be read."""
        with contextlib.suppress(AssertionError):
            await self.closed()

    async def closed(self) -> tuple[int, str]:
        """The code and reason of the closing frame, as soon as it is there."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                opcode, payload, self._taken = next_frame(self._taken)
                if opcode == 0x8:
                    return int.from_bytes(payload[:2]), payload[2:].decode()
                if opcode is None:
                    assert not self._reading.done(), "cut without a word"
                    await asyncio.sleep(0.001)


def next_frame(data: bytes) -> tuple[int | None, bytes, bytes]:
    """The first whole frame's opcode and payload, and what comes after it."""
    if len(data) < 4:
        return None, b"", data
    size, begins = data[1], 2
    if size == 126:
        size, begins = int.from_bytes(data[2:4]), 4
    if len(data) < begins + size:
        return None, b"", data
    return data[0] & 0x0F, data[begins : begins + size], data[begins + size :]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = await Office().open()
    yield office
    await office.close()


@contextlib.asynccontextmanager
async def both(office: Office) -> AsyncIterator[Ports]:
    server = FeedServer(office.gateway.feed, order_entry=office.app.state["order_entry"])
    await server.start()
    async with serving(office) as screens:
        yield {"programs": server.port, "screens": screens}
        async with asyncio.timeout(DEADLINE_S):
            await server.stop()


@pytest.fixture
async def ports(office: Office) -> AsyncIterator[Ports]:
    async with both(office) as open_ports:
        yield open_ports


each_port = pytest.mark.parametrize("where", ["programs", "screens"])


@contextlib.contextmanager
def in_silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What strangers send is no error of ours."""
    caplog.set_level(logging.INFO)
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@contextlib.asynccontextmanager
async def nobody_notices(port: int) -> AsyncIterator[None]:
    """Somebody else's connection works before and after."""
    async with connect(f"ws://127.0.0.1:{port}/feed") as innocent:

        async def ask() -> None:
            await innocent.send('{"op":"ping","id":1}')
            async with asyncio.timeout(DEADLINE_S):
                assert json.loads(await innocent.recv())["op"] == "pong"

        await ask()
        yield
        await ask()


HUGE = b"x" * (16 * MEBIBYTE)


SUBSCRIBE = frame(b'{"op":"subscribe","channel":"heartbeat"}')
UNSUBSCRIBE = frame(b'{"op":"unsubscribe","channel":"heartbeat"}')
TOO_MUCH: dict[str, tuple[bytes, set[int]]] = {
    "16 MiB in a frame": (frame(HUGE), {1009}),
    "16 MB in fragments": (frame(b"", 0x01) + frame(b"x" * 1000, 0x00) * 16_000, {1009}),
    "empty fragments": (frame(b"", 0x01) + EMPTY_FRAGMENT * 50_000, {1008}),
    "messages in two fragments": ((frame(b"{", 0x01) + frame(b"}", 0x80)) * 15_000, {1008}),
    "pings": (PING * 50_000, {1008}),
    "pongs": (PONG * 50_000, {1008}),
    "compressed, which nobody agreed on": (frame(HUGE[:60_000], 0xC1), {1002}),
    "no UTF-8": (frame(b'{"op":"\xff\xfe"}'), {1007}),
    "requests that are none": (frame(b"{") * 5_000, {1008}),
    "subscribes": (SUBSCRIBE * 5_000, {1008}),
    "subscribes and unsubscribes": ((SUBSCRIBE + UNSUBSCRIBE) * 3_000, {1008}),
}


@each_port
async def test_what_is_too_much_or_broken_is_closed_with_a_reason(
    ports: Ports, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with in_silence(caplog):
        async with nobody_notices(ports[where]):
            for name, (data, codes) in TOO_MUCH.items():
                async with Stranger(ports[where]) as stranger:
                    await stranger.shake_hands()
                    await stranger.write(data)
                    code, reason = await stranger.closed()
                    assert code in codes, name
                    assert reason, name


@each_port
async def test_ten_thousand_symbols_in_one_request_are_refused_by_its_id(ports: Ports, where: str) -> None:
    async with connect(f"ws://127.0.0.1:{ports[where]}/feed") as socket:
        for op in ("subscribe", "unsubscribe"):
            request = json.dumps({"op": op, "id": op, "channel": "book", "symbols": ["A"] * 10_000})
            assert len(request) < MAX_FRAME
            await socket.send(request)
            told = json.loads(await socket.recv())
            assert (told["op"], told["id"], told["code"], told["field"]) == ("error", op, "invalid_symbols", "symbols")


SCHEMAS = description("0", 0, 0)["components"]
WRONG: list[Any] = [None, True, 0, -1, 1.5, 2**53, 10**30, "", "x" * 300, "\0", [], [[]], [{}, 1.5, None], {}, {"a": 1}]


def wrong_requests() -> Iterator[dict[str, Any]]:
    """Every field of every request with every value that the description forbids there."""
    for op in REQUESTS:
        message = SCHEMAS["messages"][op]
        right = message["examples"][0]["payload"]
        schema = {**message["payload"], "components": {"schemas": SCHEMAS["schemas"]}}
        validator = Draft7Validator(schema)
        for field in SCHEMAS["schemas"][message["payload"]["$ref"].rpartition("/")[2]]["properties"]:
            for value in WRONG:
                request = {**right, field: value}
                if field not in ("op", "id") and not validator.is_valid(request):
                    yield request
        yield {**right, "more": 1}


@each_port
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_wrong_types_in_every_field_are_refused_by_the_requests_id(
    office: Office, ports: Ports, where: str, encoding: str
) -> None:
    protocol = Subprotocol(f"banana.feed.v1+{encoding}")
    headers = {"authorization": f"Bearer {await office.token('trader')}"} if where == "screens" else {}
    binary = encoding == "msgpack"
    requests = [request for request in wrong_requests() if not (binary and 10**30 in request.values())]
    assert len(requests) > 250
    async with connect(
        f"ws://127.0.0.1:{ports[where]}/feed", subprotocols=[protocol], additional_headers=headers
    ) as socket:

        async def ask(request: dict[str, Any]) -> dict[str, Any]:
            await socket.send(msgspec.msgpack.encode(request) if binary else json.dumps(request))
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    data = await socket.recv()
                    told: dict[str, Any] = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
                    if told.get("id") == request["id"]:
                        return told

        if where == "programs":
            signed = await ask({"op": "sign_in", "id": "in", "token": await office.token("trader")})
            assert signed["op"] == "signed_in"
        for number, request in enumerate(requests):
            told = await ask({**request, "id": number})
            assert told["op"] == "error", request
            if where == "screens" and request["op"] in ORDER_ENTRY:
                assert told["code"] == "not_available"
            else:
                assert told["code"] not in ("internal", "internal_error", "unauthenticated"), request
                assert told.get("field"), request


def lists_of_one_hash(count: int) -> list[tuple[int, int]]:
    """Pairs of integers whose tuples have the same hash: two rounds of xxHash, solved for the second lane."""
    size, first, second, fifth = 2**64, 11400714785074694791, 14029467366897019727, 2870177450012600261
    undo_first, undo_second = pow(first, -1, size), pow(second, -1, size)
    goal = 12345678901234567 * undo_first % size
    goal = (goal >> 31 | goal << 33) % size
    pairs: list[tuple[int, int]] = []
    lane = 0
    while len(pairs) < count:
        lane += 1
        state = (fifth + lane * second) % size
        state = (state << 31 | state >> 33) % size * first % size
        other = (goal - state) * undo_second % size
        if other < 2**61 - 1:
            pairs.append((lane, other))
    assert len({hash(pair) for pair in pairs}) == 1
    return pairs


def map_of_one_hash() -> bytes:
    pairs = lists_of_one_hash(3_000)
    entries = b"".join(
        b"\x92" + msgspec.msgpack.encode(one) + msgspec.msgpack.encode(two) + b"\xc0" for one, two in pairs
    )
    return b"\xde" + len(pairs).to_bytes(2) + entries


BOMBS = {
    "lists in lists": b"\x91" * 60_000,
    "maps in maps": b"\x81\xa1a" * 20_000,
    "a list of four thousand million": b"\xdd\xff\xff\xff\xff",
    "a map of four thousand million": b"\xdf\xff\xff\xff\xff",
    "lists of a hundred million in each other": (b"\xdd" + (100_000_000).to_bytes(4)) * 10_000,
    "a text of four gigabytes": b"\xdb\xff\xff\xff\xff",
    "bytes of four gigabytes": b"\xc6\xff\xff\xff\xff",
    "an extension": b"\xd4\x05\x00",
    "an extension of four gigabytes": b"\xc9\xff\xff\xff\xff\x05",
    "a time that never was": b"\xc7\x0c\xff" + b"\xff" * 12,
    "keys that are lists": b"\x81\x91\x01\x01",
    "keys of one hash": map_of_one_hash(),
    "keys of one hash, deeper": b"\x82\xa2id\x07\xa2op" + map_of_one_hash(),
    "never used": b"\xc1",
    "nothing": b"",
}


@each_port
async def test_messagepack_bombs_are_answered(ports: Ports, where: str) -> None:
    async with connect(f"ws://127.0.0.1:{ports[where]}/feed", subprotocols=[Subprotocol(MSGPACK)]) as socket:
        for name, bomb in BOMBS.items():
            await socket.send(bomb)
            async with asyncio.timeout(DEADLINE_S):
                told = msgspec.msgpack.decode(await socket.recv(decode=False))
            assert (told["op"], told["code"]) == ("error", "invalid_message"), name
            assert told["id"] == (7 if name.endswith("deeper") else None)
            assert len(told["detail"]) < 200
        for value in (float("nan"), float("inf"), -0.0):
            await socket.send(msgspec.msgpack.encode({"op": "subscribe", "id": 1, "channel": "book", "depth": value}))
            told = msgspec.msgpack.decode(await socket.recv(decode=False))
            assert (told["id"], told["code"]) == (1, "invalid_depth")
        # What is long and plain is taken as ever.
        symbols = [f"NO-{number}" for number in range(300)]
        request = msgspec.msgpack.encode({"op": "subscribe", "id": 2, "channel": "book", "symbols": symbols})
        assert len(request) > MAX_LOOSE
        await socket.send(request)
        for _ in symbols:
            told = msgspec.msgpack.decode(await socket.recv(decode=False))
            assert (told["id"], told["code"]) == (2, "unknown_symbol")


@each_port
async def test_json_bombs_are_answered(ports: Ports, where: str) -> None:
    async with connect(f"ws://127.0.0.1:{ports[where]}/feed") as socket:
        for text in ('{"id":NaN}', '{"id":1e999}', "[" * 60_000, '{"a":' * 12_000, "1" * 60_000):
            await socket.send(text)
            told = json.loads(await socket.recv())
            assert (told["op"], told["id"]) == ("error", None), text[:20]


async def test_a_handshake_that_does_not_end_is_cut_off(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketdata.server, "OPENING_S", 0.2)
    monkeypatch.setattr(web.one_write, "HEAD_S", 0.2)
    async with both(office) as ports:
        for where, begun in (("programs", b""), ("screens", b""), ("programs", b"GET /"), ("screens", b"GET /")):
            async with Stranger(ports[where]) as silent:
                await silent.write(begun)
                answer = await silent.answer()
                assert answer.startswith(b"HTTP/1.1 408") or (where == "programs" and answer == b"")


@each_port
async def test_a_head_without_an_end_is_cut_off(ports: Ports, where: str) -> None:
    async with nobody_notices(ports[where]):
        for head, more in (
            (b"GET /feed HTTP/1.1\r\n", b"Y: z\r\n"),
            (b"GET / HTTP/1.1\r\nX: ", b"y"),
            (b"GET /", b"y"),
        ):
            async with Stranger(ports[where]) as stranger:
                await stranger.write(head + more * (4 * MEBIBYTE // len(more)))
                assert b"101" not in (await stranger.answer())[:16]


@each_port
async def test_who_does_not_answer_pings_is_let_go(office: Office, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketdata.server, "PING_S", 0.1)
    made = SocketProtocol.__init__

    def impatient(self: SocketProtocol, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self.ping_interval = self.ping_timeout = 0.1

    monkeypatch.setattr(SocketProtocol, "__init__", impatient)
    async with both(office) as ports, Stranger(ports[where]) as silent:
        await silent.shake_hands()
        assert (await silent.closed())[0] == 1011
    assert not office.gateway.feed.connections


async def test_one_address_cannot_take_all_connections(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketdata.server, "MAX_OF_AN_ADDRESS", 3)
    monkeypatch.setattr(marketdata.server, "MAX_UNSHAKEN", 2)
    office.app.state["feed_addresses"].limit = 3
    async with both(office) as ports:
        for where in ports:
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(3):
                    stranger = await stack.enter_async_context(Stranger(ports[where]))
                    await stranger.shake_hands()
                more = await stack.enter_async_context(Stranger(ports[where]))
                if where == "screens":
                    await more.shake_hands()
                    assert await more.closed() == (1013, "too many readers from one address")
                else:
                    await more.shake_hands(503)
                    assert await more.answer() == b"too many connections from one address\n"
            async with asyncio.timeout(DEADLINE_S):
                while office.gateway.feed.connections:
                    await asyncio.sleep(0.001)
            async with nobody_notices(ports[where]):
                pass


def test_the_allowance_is_earned_again() -> None:
    now = [0.0]
    allowance = marketdata.frame_allowance.FrameAllowance(lambda: now[0])
    assert all(allowance.spend() for _ in range(FRAMES_AT_ONCE))
    assert not allowance.spend()
    now[0] = 0.5
    assert sum(allowance.spend() for _ in range(1_000)) == FRAMES_PER_SECOND // 2
    now[0] = 1_000.0
    assert sum(allowance.spend() for _ in range(10_000)) == FRAMES_AT_ONCE


def resident_mib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


@pytest.mark.slow
async def test_the_memory_of_a_real_venue_is_bounded(tmp_path: Path) -> None:
    found(tmp_path)
    with running(tmp_path) as venue:
        ports = {"programs": urlsplit(venue.feed_address).port, "screens": urlsplit(venue.address).port}

        async def attack(port: int, data: bytes, protocol: str | None = None, *, shaken: bool = True) -> None:
            async with Stranger(port, protocol) as stranger:
                if shaken:
                    await stranger.shake_hands()
                await stranger.write(data)
                await stranger.hung_up()

        before = resident_mib(venue.pid)
        async with contextlib.AsyncExitStack() as stack:
            for port in ports.values():
                assert port is not None
                await stack.enter_async_context(nobody_notices(port))
                for _ in range(200):
                    await (await stack.enter_async_context(Stranger(port))).write(b"GET /feed HTTP/1.1\r\nHost: ")
                for data, _ in TOO_MUCH.values():
                    await attack(port, data)
                await attack(port, frame(map_of_one_hash(), 0x82) * 40 + frame(b"\xc1", 0x82) * 5_000, MSGPACK)
                await attack(port, b"GET / HTTP/1.1\r\nX: " + HUGE, shaken=False)
                await asyncio.gather(*(attack(port, TOO_MUCH["16 MiB in a frame"][0]) for _ in range(4)))
                await attack(port, frame(b"", 0x01) + EMPTY_FRAGMENT * 200_000)
            after = resident_mib(venue.pid)
        assert after - before < 48, f"{before} MiB before, {after} MiB after"
        assert "Traceback" not in "".join(venue.errors)
