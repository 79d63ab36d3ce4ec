"""Readers of the feed for tests: an outlet that is a list, and a reader that believes nothing it cannot check.

A `Reader` takes the bytes that would be on the wire apart by itself, chains what it reads, keeps its book as
dictionaries and computes checksums from the contract's words, so that it shares no code with what it tests.
"""

import json
import zlib
from collections.abc import Coroutine, Iterable
from typing import Any

import msgspec

from marketdata.feed import Connection, Feed, OrderEntry
from marketdata.messages import OrderOnBook
from matching.messages import Side, TradeExecuted

NOON_NS = 1_795_060_800_000_000_000
"""2026-11-19 12:00 in Shanghai."""

SECOND_NS = 1_000_000_000

Levels = dict[int, tuple[int, int]]
"""Price → quantity and orders."""


def on_book(
    order_id: int, side: Side, price: int, quantity: int, *, symbol: str = "A", priority_lost: bool = False
) -> OrderOnBook:
    return OrderOnBook(
        symbol=symbol, order_id=order_id, side=side, price=price, quantity=quantity, priority_lost=priority_lost
    )


def trade(
    trade_id: int, price: int, quantity: int, *, symbol: str = "A", aggressor: Side | None = "buy"
) -> TradeExecuted:
    return TradeExecuted(
        trade_id=trade_id,
        symbol=symbol,
        price=price,
        quantity=quantity,
        buy_order_id=1,
        sell_order_id=2,
        aggressor_side=aggressor,
    )


def checksum_of(bids: Levels, asks: Levels) -> int:
    """From the words of the contract."""
    best_asks = ",".join(f"{price}:{asks[price][0]}" for price in sorted(asks)[:10])
    best_bids = ",".join(f"{price}:{bids[price][0]}" for price in sorted(bids, reverse=True)[:10])
    return zlib.crc32(f"{best_asks}|{best_bids}".encode())


def take_frames_apart(data: bytes) -> list[tuple[int, bytes]]:
    """Opcode and payload of each unmasked, unfragmented WebSocket frame."""
    frames = []
    while data:
        assert data[0] & 0x80, "a fragment"
        assert not data[0] & 0x70, "a reserved bit"
        assert not data[1] & 0x80, "a server does not mask"
        length, begin = data[1] & 0x7F, 2
        if length == 126:
            length, begin = int.from_bytes(data[2:4]), 4
            assert length >= 126
        elif length == 127:
            length, begin = int.from_bytes(data[2:10]), 10
            assert length >= 65_536
        assert len(data) >= begin + length
        frames.append((data[0] & 0x0F, data[begin : begin + length]))
        data = data[begin + length :]
    return frames


class ListOutlet:
    """Keeps what was written. `stuck` bytes pretend to be waiting in the transport."""

    def __init__(self) -> None:
        self.parts: list[str | bytes] = []
        self.writes = 0
        self.stuck = 0
        self.closed: tuple[int, str] | None = None

    def write(self, parts: list[str | bytes]) -> None:
        assert self.closed is None, "written after the end"
        self.writes += 1
        self.parts.extend(parts)

    def buffered(self) -> int:
        return self.stuck

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None, "closed twice"
        self.closed = (code, reason)


class Reader:
    """One connection, what it was told, and the book that it makes of it."""

    def __init__(
        self,
        feed: Feed,
        *,
        encoding: str = "json",
        framed: bool = False,
        lane: int = 0,
        order_entry: OrderEntry | None = None,
    ) -> None:
        self.feed = feed
        self.encoding = encoding
        self.framed = framed
        self.outlet = ListOutlet()
        self.connection: Connection = feed.connect(
            self.outlet,
            encoding="json" if encoding == "json" else "msgpack",
            framed=framed,
            lane=lane,
            order_entry=order_entry,
        )
        self.books: dict[str, tuple[Levels, Levels]] = {}
        self.last: dict[tuple[str, str | None], int] = {}

    def go_on_from(self, other: "Reader") -> None:
        """Take over what another connection of the same program had read."""
        self.books, self.last = other.books, other.last

    @property
    def bids(self) -> Levels:
        """Of instrument A."""
        return self.books.get("A", ({}, {}))[0]

    @property
    def asks(self) -> Levels:
        """Of instrument A."""
        return self.books.get("A", ({}, {}))[1]

    def stick(self, size: int) -> None:
        """From now on that many bytes seem to wait in the transport; it is written to once, so that the connection
        sees it.
        """
        self.outlet.stuck = size
        self.connection.flush()

    def ask(self, **message: Any) -> Coroutine[Any, Any, None] | None:
        if self.encoding == "json":
            return self.connection.receive(json.dumps(message))
        return self.connection.receive(msgspec.msgpack.encode(message))

    def read(self) -> list[dict[str, Any]]:
        """What has come since the last time, checked and applied."""
        self.feed.flush()
        parts, self.outlet.parts = self.outlet.parts, []
        messages = [message for part in parts for message in self.decode(part)]
        for message in messages:
            if "channel" in message and "op" not in message:
                self.apply(message)
        return messages

    def data(self, channel: str) -> list[dict[str, Any]]:
        return [message for message in self.read() if "op" not in message and message["channel"] == channel]

    def answers(self) -> list[dict[str, Any]]:
        return [message for message in self.read() if "op" in message]

    def decode(self, part: str | bytes) -> Iterable[dict[str, Any]]:
        if not self.framed:
            assert isinstance(part, str if self.encoding == "json" else bytes)
            payloads = [part]
        else:
            assert isinstance(part, bytes)
            frames = take_frames_apart(part)
            assert {opcode for opcode, _ in frames} == {1 if self.encoding == "json" else 2}
            payloads = [payload for _, payload in frames]
        if self.encoding == "json":
            return [json.loads(payload) for payload in payloads]
        return [msgspec.msgpack.decode(payload) for payload in payloads if isinstance(payload, bytes)]

    def apply(self, message: dict[str, Any]) -> None:
        key = (message["channel"], message["symbol"])
        if message["kind"] == "snapshot":
            assert message["previous"] is None
            if message["channel"] == "book":
                self.books[message["symbol"]] = ({}, {})
        else:
            assert message["previous"] == self.last[key], "a gap"
            assert message["sequence"] >= message["previous"]
        self.last[key] = message["sequence"]
        if message["channel"] == "book":
            bids, asks = self.books[message["symbol"]]
            for side, levels in ((bids, message["bids"]), (asks, message["asks"])):
                for price, quantity, orders in levels:
                    if quantity:
                        side[price] = (quantity, orders)
                    else:
                        assert orders == 0
                        del side[price]
            assert message["checksum"] == checksum_of(bids, asks)

    def drawn(self) -> str:
        """The book as text, asks above bids, best in the middle: `price quantity/orders`."""
        lines = [f"ask {price} {'{}/{}'.format(*self.asks[price])}" for price in sorted(self.asks, reverse=True)]
        lines += [f"bid {price} {'{}/{}'.format(*self.bids[price])}" for price in sorted(self.bids, reverse=True)]
        return "\n".join(lines)
