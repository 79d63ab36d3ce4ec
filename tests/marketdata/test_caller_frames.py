"""Frames as a program may send them, byte by byte if it likes: cut out in front of the library, they mean the same."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from marketdata.connection import MAX_FRAME
from marketdata.feed import Feed
from marketdata.pump import Pump
from marketdata.server import FeedServer
from matching.messages import InstrumentDefined

DEADLINE_S = 10.0
HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n"
)


def frame(payload: bytes, *, first: int = 0x81, mask: bytes = b"\x11\x22\x33\x44") -> bytes:
    """A frame as a client sends it; without a mask it breaks the protocol."""
    length, masked = len(payload), 0x80 if mask else 0
    if length < 126:
        head = bytes((first, masked | length))
    elif length < 65_536:
        head = bytes((first, masked | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, masked | 127)) + length.to_bytes(8, "big")
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload
    return head + mask + body


def ping(number: int) -> bytes:
    return frame(json.dumps({"op": "ping", "id": number}).encode())


class Wire:
    """A socket, without a library that would put things right."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def next(self) -> tuple[int, bytes]:
        """The first byte and the payload of the next frame."""
        async with asyncio.timeout(DEADLINE_S):
            first, length = await self._reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2), "big")
            return first, await self._reader.readexactly(length)

    async def answer(self) -> dict[str, Any]:
        first, payload = await self.next()
        assert first == 0x81, (first, payload)
        told: dict[str, Any] = json.loads(payload)
        return told

    async def closed_with(self) -> int:
        first, payload = await self.next()
        assert first == 0x88, (first, payload)
        return int.from_bytes(payload[:2], "big")


class Port:
    def __init__(self, server: FeedServer) -> None:
        self._server = server
        self._wires: list[Wire] = []

    async def call(self) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self._server.port))
        self._wires.append(wire)
        return wire

    def hang_up(self) -> None:
        for wire in self._wires:
            wire.writer.transport.abort()

    async def wire(self) -> Wire:
        """One that has shaken hands."""
        wire = await self.call()
        wire.writer.write(handshake())
        assert (await wire.head()).startswith(b"HTTP/1.1 101")
        return wire


def handshake() -> bytes:
    return HANDSHAKE.format(base64.b64encode(os.urandom(16)).decode()).encode()


@pytest_asyncio.fixture
async def port() -> AsyncIterator[Port]:
    feed = Feed()
    feed.publish(1, 1, [InstrumentDefined(symbol="A")])
    server, pump = FeedServer(feed), Pump(feed)
    pump.start()
    await server.start()
    calls = Port(server)
    yield calls
    calls.hang_up()
    await server.stop()
    pump.stop()


async def test_messages_may_come_with_the_handshake_or_in_single_bytes(port: Port) -> None:
    wire = await port.call()
    wire.writer.write(handshake() + ping(1) + ping(2) + ping(3)[:5])
    assert (await wire.head()).startswith(b"HTTP/1.1 101")
    assert [(await wire.answer())["id"] for _ in range(2)] == [1, 2]
    wire.writer.write(ping(3)[5:] + ping(4))
    assert [(await wire.answer())["id"] for _ in range(2)] == [3, 4]
    slow = await port.call()
    for byte in handshake() + ping(5):
        slow.writer.write(bytes((byte,)))
        await slow.writer.drain()
        await asyncio.sleep(0)
    assert (await slow.head()).startswith(b"HTTP/1.1 101")
    assert (await slow.answer())["id"] == 5


async def test_control_frames_between_messages_are_the_librarys(port: Port) -> None:
    wire = await port.wire()
    wire.writer.write(ping(1) + frame(b"anybody?", first=0x89) + frame(b"", first=0x8A) + ping(2))
    told = [await wire.next() for _ in range(3)]
    assert (0x8A, b"anybody?") in told
    assert [json.loads(payload)["id"] for first, payload in told if first == 0x81] == [1, 2]
    wire.writer.write(frame((1000).to_bytes(2, "big"), first=0x88) + ping(3))
    assert await wire.closed_with() == 1000


async def test_fragments_and_all_after_them_are_read_in_order(port: Port) -> None:
    wire = await port.wire()
    text = json.dumps({"op": "ping", "id": 2}).encode()
    wire.writer.write(ping(1) + frame(text[:7], first=0x01) + frame(b"", first=0x89) + frame(text[7:], first=0x80))
    wire.writer.write(ping(3) + ping(4)[:3])
    wire.writer.write(ping(4)[3:])
    heard: list[int] = []
    while len(heard) < 4:
        first, payload = await wire.next()
        if first == 0x81:
            heard.append(json.loads(payload)["id"])
    assert heard == [1, 2, 3, 4]


async def test_a_mask_of_zeros_and_a_binary_frame_are_messages(port: Port) -> None:
    wire = await port.wire()
    wire.writer.write(frame(b'{"op":"ping","id":1}', mask=bytes(4)) + frame(b"\x80", first=0x82))
    assert (await wire.answer())["id"] == 1
    assert (await wire.answer())["code"] == "wrong_encoding"
    long = json.dumps({"op": "ping", "id": 2, "more": "蕉" * 5_000}, ensure_ascii=False).encode()
    wire.writer.write(frame(long))
    assert (await wire.answer())["code"] == "unknown_field"


async def test_what_breaks_the_protocol_closes_as_the_library_does(port: Port) -> None:
    broken = {
        frame(b"\xff\xfe"): 1007,
        frame(b"{}", mask=b""): 1002,
        frame(b"{}", first=0xC1): 1002,
        frame(b"{}", first=0x80): 1002,
        frame(b"x" * 126, first=0x89): 1002,
        frame(b" " * (MAX_FRAME + 1)): 1009,
    }
    for bytes_, code in broken.items():
        wire = await port.wire()
        wire.writer.write(ping(1) + bytes_[:1])
        assert (await wire.answer())["id"] == 1
        wire.writer.write(bytes_[1:])
        assert await wire.closed_with() == code
