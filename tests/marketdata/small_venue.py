"""A small venue for clients: a feed of two instruments behind a real server that can be taken away and put back."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from marketdata.client import Patience
from marketdata.feed import Connection, Feed
from marketdata.messages import Error
from marketdata.pump import Pump
from marketdata.server import FeedServer
from marketdata.wire import frame
from matching.messages import InstrumentDefined
from tests.marketdata.feed_reader import NOON_NS, on_book, trade

DEADLINE_S = 10.0

QUICK = Patience(first_delay_s=0.01, longest_delay_s=0.05)


class Desk:
    """Knows one token, and takes every order but those for nothing."""

    def __init__(self) -> None:
        self.tokens = {"good": 7}
        self.held: asyncio.Event | None = None

    async def handle(self, connection: Connection, op: str, message: dict[str, Any]) -> Any:
        if op == "sign_in":
            participant_id = self.tokens.get(message["token"])
            if participant_id is None:
                return Error(id=message["id"], code="not_signed_in", detail="no such token", field="token")
            connection.sign_in(participant_id)
            return {"op": "signed_in", "id": message["id"]}
        if self.held is not None:
            await self.held.wait()
        if op == "cancel_all":
            return {"op": "orders", "id": message["id"], "orders": [message["symbol"]]}
        if message.get("quantity") == 0:
            return Error(id=message["id"], code="invalid_quantity", detail="nothing", field="quantity")
        fields = {key: value for key, value in message.items() if key not in ("op", "id")}
        return {"op": "order", "id": message["id"], "order": {"did": op, **fields}}

    async def disconnected(self, connection: Connection) -> None:
        pass


class SmallVenue:
    """A market of two instruments whose server can be taken away and put back on its port."""

    def __init__(self, symbols: Sequence[str] = ("A", "B")) -> None:
        self.feed = Feed(account_snapshot=lambda participant_id: {"orders": [participant_id], "balances": []})
        self.feed.publish(1, NOON_NS, [InstrumentDefined(symbol=symbol) for symbol in symbols])
        self.feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 400), on_book(2, "sell", 260, 300)])
        began_ns = time.monotonic_ns()
        self.pump = Pump(self.feed, lambda: NOON_NS + time.monotonic_ns() - began_ns)
        self.desk = Desk()
        self.server = FeedServer(self.feed, order_entry=self.desk)
        self.port = 0

    async def open(self) -> None:
        self.server = FeedServer(self.feed, port=self.port, order_entry=self.desk)
        await self.server.start()
        self.port = self.server.port

    def say(self, text: str) -> None:
        """Send its only reader what the feed would never say."""
        self.connection.outlet.write([frame(text.encode(), text=True)])

    def change(self, times: int = 1) -> None:
        for sequence in range(self.feed.sequence + 1, self.feed.sequence + 1 + times):
            self.feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence), trade(sequence, 250, 1)])

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator["SmallVenue"]:
        """Served, and with a beating heart."""
        await self.open()
        self.pump.start()
        try:
            yield self
        finally:
            self.pump.stop()
            async with asyncio.timeout(DEADLINE_S):
                await self.server.stop()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/feed"

    @property
    def connection(self) -> Connection:
        (connection,) = self.feed.connections
        return connection


async def run_beside(command: list[str], path: Path) -> str:
    """What a program prints that finds its modules in `path` first; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(6 * DEADLINE_S):
        said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()
