"""The network between machines that fail on their own: letters that are late, lost or doubled, and lines that break.

A letter (`Network.send`) is one request or answer, as over a connection made for it: letters overtake each other. A
`Line` is a connection that stays: what is sent on it arrives in order, as fast as its reader reads, until it breaks.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, Final

from websockets.exceptions import ConnectionClosedError

from tests.simulation.loop import Process, VirtualLoop

LATENCY_S: Final = (0.0001, 0.002)
LATE_S: Final = (0.05, 1.5)
"""What a letter takes that is held up on its way."""


class Network:
    """`fired` is told of each fault that has happened."""

    def __init__(self, loop: VirtualLoop, chance: Random, fired: Callable[[str], None]) -> None:
        self.loop = loop
        self.chance = chance
        self.fired = fired
        self.lost = 0.0
        self.doubled = 0.0
        self.late = 0.0
        """Likelihoods."""
        self._sent = 0
        self._newest: dict[tuple[str, Process], int] = {}

    def calm(self) -> None:
        self.lost = self.doubled = self.late = 0.0

    def send(self, kind: str, sender: Process | None, receiver: Process, arrive: Callable[[], None]) -> None:
        """`arrive` happens in the receiver, if he lives then; twice, or never, as chance will have it."""
        if sender is not None and not sender.alive:
            return
        if self.chance.random() < self.lost:
            self.fired(f"network: {kind} lost")
            return
        self._sent += 1
        number, to = self._sent, (kind, receiver)

        def come() -> None:
            if number < self._newest.get(to, 0):
                self.fired(f"network: {kind} overtaken")
            self._newest[to] = max(number, self._newest.get(to, 0))
            arrive()

        if self.chance.random() < self.doubled:
            self.fired(f"network: {kind} doubled")
            self.loop.later(receiver, self._takes(kind), come)
        self.loop.later(receiver, self._takes(kind), come)

    def _takes(self, kind: str) -> float:
        if self.chance.random() < self.late:
            self.fired(f"network: {kind} late")
            return self.chance.uniform(*LATE_S)
        return self.chance.uniform(*LATENCY_S)


class Line:
    """A connection of a reader to one life of the venue, both of its ends.

    The venue's end is an `Outlet` of the feed, the reader's what `FeedClient` needs of a WebSocket.
    """

    def __init__(self, network: Network, reader: Process, venue: Process, bytes_a_second: float) -> None:
        self._network = network
        self._loop = network.loop
        self._reader = reader
        self._venue = venue
        self.bytes_a_second = bytes_a_second
        """How fast the reader reads; 0: not at all."""
        self.receive: Callable[[str | bytes], None] = lambda data: None
        """Given what the reader sends, in the venue."""
        self.gone: Callable[[], None] = lambda: None
        """Told the venue's end that the line has ended, in the venue."""
        self.drained: Callable[[], None] = lambda: None
        self.open = True
        self.reason = ""
        self._incoming: deque[str | bytes] = deque()
        self._arrived = asyncio.Event()
        self._on_the_way: deque[str | bytes] = deque()
        self._waiting = 0
        self._carrying = False
        self._clear_at = 0.0
        self._broken = False

    # The venue's end: `marketdata.connection.Outlet`

    def write(self, parts: list[str | bytes]) -> None:
        if not self.open or not self._venue.alive:
            return
        self._on_the_way.extend(parts)
        self._waiting += sum(map(len, parts))
        self._carry()

    def buffered(self) -> int:
        return self._waiting

    def close(self, code: int, reason: str) -> None:
        if self._venue.alive:
            self.end(f"{code} {reason}")

    def _carry(self) -> None:
        if self._carrying or not self._on_the_way or not self.bytes_a_second:
            return
        self._carrying = True
        takes = self._network.chance.uniform(*LATENCY_S) + len(self._on_the_way[0]) / self.bytes_a_second
        self._loop.later(self._reader, takes, self._deliver)

    def _deliver(self) -> None:
        """A part has come to the reader."""
        self._carrying = False
        if self._broken or not self._on_the_way:
            return
        part = self._on_the_way.popleft()
        was, self._waiting = self._waiting, self._waiting - len(part)
        self._incoming.append(part)
        self._arrived.set()
        if was > 65_536 >= self._waiting or not self._waiting:
            self._loop.later(self._venue, 0.0, self.drained)
        self._carry()

    def read_faster(self, bytes_a_second: float) -> None:
        self.bytes_a_second = bytes_a_second
        self._carry()

    # The end of it

    def end(self, reason: str) -> None:
        """Closed by one of the two: what is on its way still comes, then the end."""
        if self.open:
            self.open = False
            self.reason = reason
            if self._broken or not self.bytes_a_second:
                self._on_the_way.clear()  # whoever does not read is cut off
            self._finish()

    def cut(self) -> None:
        """Broken in between: both notice, and what was on its way is lost."""
        self._on_the_way.clear()
        self._broken = True
        self.end("broken")

    def fall_silent(self) -> None:
        """The venue's machine is gone and says nothing any more: the reader has to notice by himself."""
        self._on_the_way.clear()
        self._broken = True

    def _finish(self) -> None:
        takes = self._network.chance.uniform(*LATENCY_S)
        self._loop.later(self._venue, takes, self.gone)
        self._loop.later(self._reader, takes, self._tell_end)

    def _tell_end(self) -> None:
        if self._on_the_way:
            self._loop.later(self._reader, LATENCY_S[1], self._tell_end)
        else:
            self._arrived.set()

    # The reader's end: what `FeedClient` does with a WebSocket

    async def send(self, message: Any, text: bool | None = None) -> None:
        if not self.open:
            raise ConnectionClosedError(None, None)
        data = message.decode() if text and isinstance(message, bytes) else message
        # In order, however long each takes.
        now = self._loop.time()
        self._clear_at = max(self._clear_at, now) + self._network.chance.uniform(*LATENCY_S)
        self._loop.later(self._venue, self._clear_at - now, self._receive, data)

    def _receive(self, data: str | bytes) -> None:
        if self.open and not self._broken:
            self.receive(data)

    async def recv(self) -> str | bytes:
        while not self._incoming:
            if not self.open and not self._on_the_way:
                raise ConnectionClosedError(None, None)
            self._arrived.clear()
            await self._arrived.wait()
        return self._incoming.popleft()

    async def aclose(self) -> None:
        self.end("closed by the reader")


class Socket:
    """The reader's end under the names of `websockets`: its `close` is awaited."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.send = line.send
        self.recv = line.recv
        self.close = line.aclose
