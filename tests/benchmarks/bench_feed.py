"""How fast the feed is: messages delivered to many, against `websockets.broadcast`; delay, also beside a reader who has
stopped; idle readers; what its channels cost; depth upkeep.

    python tests/benchmarks/bench_feed.py [--subscribers N] [--messages N] [--rounds N] [--seconds S] [--stall S]
        [--idle S] [--only NAME …]

Subscribers are raw sockets in another process, which count bytes: all of one run must get the same number, and the one
that the server says. What is compared takes turns, round by round, under uvloop in this process, so that what else the
machine does slows all; beside the rates stand this process's processor times, which waiting for a core does not
lengthen.

    many      feed and broadcast send the same JSON of the same book to the same number of subscribers, one command
              after the other, the loop turning after each, and wait while more than 256 KiB are on the way to a reader.
              Once more the feed is flushed after each command, which takes from it that messages leave together. A
              message counts as delivered when the last subscriber has its last byte. Rates are medians of the rounds.
    delay     an open loop: a command is published when the clock says so, whatever has become of those before, and
              counts from when it was due to when another process has its bytes.
    stall     the same, in turns without and with one more reader, who subscribes, reads a while and then stops.
    idle      a window as long as the server's pings are apart, so that each subscriber is pinged once in it.
    channels  a command with a trade, a change in the book and now and then a listing.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median
from time import monotonic_ns, perf_counter, process_time
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvloop
from sortedcontainers import SortedDict
from websockets.asyncio.server import ServerConnection, broadcast, serve

from marketdata.connection import MAX_OUTGOING, Connection
from marketdata.depth import Depth
from marketdata.feed import Feed
from marketdata.index import BananaIndex
from marketdata.messages import LotOffered, MarketEvent, Offer, OrderOnBook, TermsDefined
from marketdata.pump import Pump
from marketdata.server import PING_S, FeedServer
from marketdata.wire import Packet
from matching.messages import InstrumentDefined, PhaseChanged, TradeExecuted

SEED: Final = 20261124
SYMBOL: Final = "BXJ-1-SX1-26W48"
ON_THE_WAY: Final = 256 * 1024
NARROW: Final = 64 * 1024
"""Bytes that the kernel keeps for the reader who stops, so that he is felt within seconds."""

READERS: Final = 100
RATE: Final = 1_000
SAMPLE_S: Final = 0.02
BOOK: Final = f'{{"op":"subscribe","channel":"book","symbols":["{SYMBOL}"],"depth":25}}'
HEARTBEAT: Final = '{"op":"subscribe","channel":"heartbeat"}'
STAMP: Final = b'"time_ns":'
PING: Final = b"\x89\x04"
"""How the server's pings begin, which have four bytes; nothing in its JSON does."""


def asking(channel: str) -> str:
    if channel == "book":
        return BOOK
    symbol = "SXBI" if channel == "index" else SYMBOL
    interval = ',"interval":"1m"' if channel == "candles" else ""
    return f'{{"op":"subscribe","channel":"{channel}","symbols":["{symbol}"]{interval}}}'


# The other process


class Subscriber(asyncio.Protocol):
    """Shakes hands, subscribes, answers pings, counts all other bytes; on demand it looks at the times in them."""

    def __init__(self, asks: list[str], delays: list[int] | None) -> None:
        self.asks = asks
        self.delays = delays
        self.count = 0
        self.last_ns = 0
        self.open = False
        self.head = b""
        self.kept = b""
        self.begun = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /feed HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self.open:
            self.head += data
            before, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            assert before.startswith(b"HTTP/1.1 101"), before
            self.open = True
            for ask in self.asks:
                # A mask of zeros leaves the payload as it is.
                self.transport.write(bytes([0x81, 0x80 | len(ask), 0, 0, 0, 0]) + ask.encode())
        if self.begun or PING in data or data.endswith(PING[:1]):
            data = self.pinged(self.begun + data)
        self.count += len(data)
        self.last_ns = monotonic_ns()
        if self.delays is not None:
            self.look(self.delays, self.kept + data)

    def pinged(self, data: bytes) -> bytes:
        """What is left without the pings; what may be the beginning of one waits for the rest."""
        self.begun = b""
        while (at := data.find(PING)) >= 0:
            frame, after = data[at : at + 6], data[at + 6 :]
            data = data[:at]
            if len(frame) < 6:
                self.begun = frame
                return data
            self.transport.write(b"\x8a\x84" + bytes(4) + frame[2:])
            data += after
        if data.endswith(PING[:1]):
            data, self.begun = data[:-1], PING[:1]
        return data

    def look(self, delays: list[int], data: bytes) -> None:
        """At every stamp, also where it comes in two pieces."""
        at, kept = data.find(STAMP), len(data) - len(STAMP) + 1
        while at >= 0:
            begins = at + len(STAMP)
            ends = data.find(b",", begins)
            if ends < 0:
                kept = at
                break
            delays.append(self.last_ns - int(data[begins:ends]))
            at = data.find(STAMP, ends)
        self.kept = data[max(kept, 0) :]


def percentile(ascending: list[int], permille: int) -> float:
    """In milliseconds."""
    return ascending[min(len(ascending) * permille // 1_000, len(ascending) - 1)] / 1e6 if ascending else 0.0


async def subscribers(port: int, number: int, asks: list[str], timed: int, narrow: bool) -> None:
    """Connect; then obey lines: `reset`, `stop` reading, or a number of bytes to wait for and tell when each had
    them.
    """
    loop = asyncio.get_running_loop()
    delays: list[int] = []
    all_of_them: list[Subscriber] = []
    for index in range(number):
        place = socket.socket()
        if narrow:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
        place.setblocking(False)
        await loop.sock_connect(place, ("127.0.0.1", port))
        watching = delays if index < timed else None
        _, one = await loop.create_connection(lambda w=watching: Subscriber(asks, w), sock=place)
        all_of_them.append(one)
    while not all(one.open for one in all_of_them):
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().strip():
        if line == "reset":
            for one in all_of_them:
                one.count = 0
            delays.clear()
            print("ready", flush=True)
            continue
        if line == "stop":
            for one in all_of_them:
                one.transport.pause_reading()
            print("ready", flush=True)
            continue
        wanted = int(line)
        while any(one.count < wanted for one in all_of_them):
            await asyncio.sleep(0.002)
        assert all(one.count == wanted for one in all_of_them), "more than was sent"
        times = [one.last_ns for one in all_of_them]
        delays.sort()
        told = {f"p{permille}": percentile(delays, permille) for permille in (500, 990, 999)}
        most = delays[-1] / 1e6 if delays else 0.0
        print(json.dumps({"first_ns": min(times), "last_ns": max(times), "most": most, **told}), flush=True)


# This process


class Crowd:
    """The other process, and how to talk to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        return (await self._process.stdout.readline()).decode()

    async def received(self, size: int) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self.ask(str(size)))
        return answer


@asynccontextmanager
async def crowd(
    port: int, number: int, asks: list[str], *, timed: int = 0, narrow: bool = False
) -> AsyncIterator[Crowd]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *("--crowd", json.dumps([port, number, asks, timed, narrow])),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    async with asyncio.timeout(60):
        assert (await process.stdout.readline()).strip() == b"ready"
    try:
        yield Crowd(process)
    finally:
        process.stdin.close()
        await process.wait()


class Witness:
    """A reader in this process: how many bytes everyone should have got."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, parts: list[Any]) -> None:
        self.size += sum(map(len, parts))

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(reason)


class Market:
    """One instrument whose book changes near the best price with every command."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.random = Random(SEED)
        self.feed.publish(1, 1, [InstrumentDefined(symbol=SYMBOL)])
        for number in range(200):
            self.change(number, 1)

    def change(self, number: int, time_ns: int) -> None:
        order_id = number % 200 + 1
        buy = order_id % 2 == 0
        distance = self.random.randrange(20)
        order = OrderOnBook(
            symbol=SYMBOL,
            order_id=order_id,
            side="buy" if buy else "sell",
            price=250 - distance if buy else 251 + distance,
            quantity=self.random.randrange(1, 5_000),
        )
        self.feed.publish(self.feed.sequence + 1, time_ns, [order])


class Venue:
    """A market, its feed on a port, and a witness of what every reader of the book gets."""

    def __init__(self, ask: str = BOOK) -> None:
        self.market = Market()
        self.feed = self.market.feed
        self.server = FeedServer(self.feed)
        self.pump = Pump(self.feed)
        self.witness = Witness()
        self._ask = ask

    async def __aenter__(self) -> "Venue":
        await self.server.start()
        self.pump.start()
        self.watching = self.feed.connect(self.witness, framed=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pump.stop()
        await self.server.stop()

    async def subscribed(self, number: int) -> None:
        """Wait until all are; the witness joins them last and sees no more than they."""
        while sum(len(connection.subscriptions) for connection in self.feed.connections) < number:
            await asyncio.sleep(0.01)
        self.feed.flush()
        self.watching.receive(self._ask)
        self.feed.flush()

    async def begin(self, people: Crowd) -> None:
        """Everyone has what was sent, and counts from here."""
        await people.received(self.witness.size)
        await self.again(people)

    async def again(self, people: Crowd) -> None:
        self.witness.size = 0
        await people.ask("reset")

    async def published(self, rate: int, seconds: float) -> list[int]:
        """In an open loop; by how many nanoseconds each command came late, ascending."""
        late: list[int] = []
        began = monotonic_ns()
        for index in range(int(rate * seconds)):
            due = began + index * 1_000_000_000 // rate
            while (now := monotonic_ns()) < due:
                await asyncio.sleep((due - now) / 1e9)
            late.append(now - due)
            self.market.change(index, due)
        self.feed.flush()
        return sorted(late)


async def calm(waiting: Callable[[], int]) -> None:
    while waiting() > ON_THE_WAY:
        await asyncio.sleep(0.001)


class Turn(NamedTuple):
    """Of one way to reach many: delivered messages a second, milliseconds from the first to the last subscriber, and
    this process's processor time for a delivered message in µs.
    """

    rate: float
    spread: float
    cost: float


def turn(number: int, messages: int, began_ns: int, used: float, answer: dict[str, Any]) -> Turn:
    delivered = number * messages
    return Turn(
        delivered / (answer["last_ns"] - began_ns) * 1e9,
        (answer["last_ns"] - answer["first_ns"]) / 1e6,
        used / delivered * 1e6,
    )


async def by_feed(venue: Venue, people: Crowd, number: int, messages: int, *, singly: bool) -> Turn:
    await venue.again(people)
    outlets = [connection.outlet for connection in venue.feed.connections][::50]
    began, used = monotonic_ns(), process_time()
    for index in range(messages):
        venue.market.change(index, began)
        if singly:
            venue.feed.flush()
        await asyncio.sleep(0)
        if index % 20 == 0:
            await calm(lambda: max(outlet.buffered() for outlet in outlets))
    venue.feed.flush()
    answer = await people.received(venue.witness.size)
    assert not venue.feed.behind
    return turn(number, messages, began, process_time() - used, answer)


async def by_broadcast(
    market: Market, connections: list[ServerConnection], people: Crowd, number: int, messages: int
) -> Turn:
    stream = market.feed.stream("book", SYMBOL, 25, None, 0)
    transports = [connection.transport for connection in connections][::50]
    size = 0
    await people.ask("reset")
    began, used = monotonic_ns(), process_time()
    for index in range(messages):
        market.change(index, began)
        packet: Packet = stream._ring[-1]
        size += len(packet.form(0))
        broadcast(connections, packet.form(2))
        await asyncio.sleep(0)
        if index % 20 == 0:
            await calm(lambda: max(transport.get_write_buffer_size() for transport in transports))
    answer = await people.received(size)
    return turn(number, messages, began, process_time() - used, answer)


async def many(number: int, messages: int, rounds: int) -> None:
    """The feed against `websockets.broadcast`."""
    few = max(messages // 8, 20)
    connections: list[ServerConnection] = []

    async def handler(connection: ServerConnection) -> None:
        connections.append(connection)
        await connection.wait_closed()

    turns: list[tuple[Turn, Turn, Turn]] = []
    async with AsyncExitStack() as stack:
        venue = await stack.enter_async_context(Venue())
        people = await stack.enter_async_context(crowd(venue.server.port, number, [BOOK]))
        await venue.subscribed(number)
        await venue.begin(people)
        beside = await stack.enter_async_context(serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None))
        others = await stack.enter_async_context(crowd(int(beside.sockets[0].getsockname()[1]), number, []))
        while len(connections) < number:
            await asyncio.sleep(0.01)
        market = Market()
        for _ in range(rounds):
            together = await by_feed(venue, people, number, messages, singly=False)
            singly = await by_feed(venue, people, number, few, singly=True)
            turns.append((together, singly, await by_broadcast(market, connections, others, number, few)))
    print(f"\n{number} subscribers to one book in real time; {messages} messages a round, {few} one by one")
    print(f"{'medians of ' + str(rounds) + ' rounds':32}{'delivered/s':>14}{'first to last':>16}{'µs each':>10}")
    names = ("feed", "feed, flushed after each", "websockets.broadcast")
    for name, ways in zip(names, zip(*turns, strict=True), strict=True):
        rate, spread, cost = (median(figures) for figures in zip(*ways, strict=True))
        print(f"  {name:30}{rate:>14,.0f}{spread:>13,.1f} ms{cost:>10.2f}")
    for name, at in (("feed : broadcast", 0), ("flushed after each : broadcast", 1)):
        rates = sorted(ways[at].rate / ways[2].rate for ways in turns)
        costs = median(ways[2].cost / ways[at].cost for ways in turns)
        print(
            f"  {name:32}{median(rates):>8.1f} times ({rates[0]:.1f} to {rates[-1]:.1f}), by processor time {costs:.1f}"
        )


async def delay(seconds: float, rounds: int) -> None:
    """From when a command was due to bytes in the other process; a tenth of the subscribers look."""
    print(f"\n{READERS} subscribers, {RATE:,} commands a second, {rounds} rounds of {seconds:g} s; ms from due to read")
    print(f"{'':32}{'p50':>8}{'p99':>8}{'p99.9':>8}{'most':>8}   {'published late: p50, p99':26}{'of a core':>10}")
    async with Venue() as venue, crowd(venue.server.port, READERS, [BOOK], timed=READERS // 10) as people:
        await venue.subscribed(READERS)
        await venue.begin(people)
        for _ in range(rounds):
            await timed_round("a round", venue, people, seconds)


async def timed_round(name: str, venue: Venue, people: Crowd, seconds: float) -> dict[str, Any]:
    await venue.again(people)
    began, used = perf_counter(), process_time()
    late = await venue.published(RATE, seconds)
    share = (process_time() - used) / (perf_counter() - began)
    answer = await people.received(venue.witness.size)
    figures = "".join(f"{answer[name]:>8.2f}" for name in ("p500", "p990", "p999", "most"))
    own = f"{percentile(late, 500):.2f}, {percentile(late, 990):.2f} ms"
    print(f"  {name:30}{figures}   {own:26}{share:>10.1%}", flush=True)
    return answer


async def stall(seconds: float, rounds: int) -> None:
    """What one reader who stops changes for the others."""
    print(f"\nthe same beside one reader of book and orders who stops reading for {seconds:g} s")
    print(f"{'':32}{'p50':>8}{'p99':>8}{'p99.9':>8}{'most':>8}   {'published late: p50, p99':26}{'of a core':>10}")
    kept: dict[bool, list[float]] = {False: [], True: []}
    fates: list[str] = []
    async with Venue() as venue, crowd(venue.server.port, READERS, [BOOK], timed=READERS // 10) as people:
        await venue.subscribed(READERS)
        await venue.begin(people)
        for _ in range(rounds):
            answer = await timed_round("all read", venue, people, seconds)
            kept[False].append(answer["p990"])
            known = dict(venue.feed.connections)
            asks = [BOOK, asking("orders")]
            async with crowd(venue.server.port, 1, asks, narrow=True) as one:
                while not (new := [each for each in venue.feed.connections if each not in known]):
                    await asyncio.sleep(0.01)
                while len(new[0].subscriptions) < len(asks):
                    await asyncio.sleep(0.01)
                await one.ask("stop")
                watch = asyncio.create_task(watched(new[0]))
                answer = await timed_round("one has stopped", venue, people, seconds)
                kept[True].append(answer["p990"])
                watch.cancel()
                fates.append(await watch)
            while new[0] in venue.feed.connections:
                await asyncio.sleep(0.01)
    quiet, stalled = kept[False], kept[True]
    print(f"  p99 without: {min(quiet):.2f} to {max(quiet):.2f} ms; with: {min(stalled):.2f} to {max(stalled):.2f} ms")
    for fate in fates:
        print(f"  he who stopped: {fate}; {MAX_OUTGOING:,} bytes may wait")


async def watched(connection: Connection) -> str:
    """Until cancelled: the most that ever waited for a reader, and what became of him."""
    most, began, paused, closed = 0, perf_counter(), 0.0, 0.0
    try:
        while True:
            if connection.open:
                most = max(most, connection.waiting())
                if not paused and any(each.behind for each in connection.subscriptions.values()):
                    paused = perf_counter() - began
            elif not closed:
                closed = perf_counter() - began
            await asyncio.sleep(SAMPLE_S)
    except asyncio.CancelledError:
        end = f"closed after {closed:.1f} s" if closed else "still connected"
        return f"at most {most:,} bytes waited, paused after {paused:.1f} s, {end}"


def resident() -> int:
    """Bytes of memory that this process holds at present."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def idle(number: int, seconds: float) -> None:
    """Subscribers to whom nothing is said, and then those with a heartbeat a second. First, while nothing has been
    freed.
    """
    print(f"\n{number} idle subscribers, windows of {seconds:g} s")
    for name, asks in (("no heartbeats", [BOOK]), ("a heartbeat a second", [BOOK, HEARTBEAT])):
        async with Venue() as venue:
            before = resident()
            async with crowd(venue.server.port, number, asks):
                await venue.subscribed(number)
                await asyncio.sleep(0.5)
                held = (resident() - before) / number
                began, used = perf_counter(), process_time()
                await asyncio.sleep(seconds)
                share = (process_time() - used) / (perf_counter() - began)
        size = f", {held:,.0f} bytes each" if len(asks) == 1 else ""
        print(f"  {name:30}{share:>9.2%} of a core{size}", flush=True)


def command(number: int, auction: bool) -> list[MarketEvent]:
    """A trade, a change in the book, and with every tenth command one of what is listed; no trade in an auction."""
    events: list[MarketEvent] = [
        OrderOnBook(symbol=SYMBOL, order_id=number % 200, side="buy", price=230 + number % 20, quantity=number % 7 * 10)
    ]
    if not auction:
        trade = TradeExecuted(
            trade_id=number,
            symbol=SYMBOL,
            price=250,
            quantity=10,
            buy_order_id=1,
            sell_order_id=2,
            aggressor_side="buy",
        )
        events.insert(0, trade)
    if number % 10 == 0:
        events.append(LotOffered(symbol=SYMBOL, offer=listing(number // 10 % 50, 1_000 + number % 30)))
    return events


def listing(offer_id: int, remaining: int) -> Offer:
    return Offer(
        id=offer_id,
        kind="listing",
        side="sell",
        price=260,
        quantity=2_000,
        remaining=remaining,
        minimum=None,
        expires_ns=None,
        opened_ns=None,
        start_price=None,
        step=None,
        interval_ns=None,
        variety="BXJ",
        grade="1",
        warehouse="SX1",
        origin="Suixi",
        harvest_date="2026-11-20",
        green_until_ns=None,
        certificate=True,
    )


class NoIndex(BananaIndex):
    """Hears of no trade."""

    def add(self, symbol: str, time_ns: int, price: int, quantity: int) -> None:
        pass


def publishing(
    commands: int, channels: Sequence[str], readers: int = 1, *, auction: bool = False, index: bool = True
) -> float:
    """This process's µs a command, with so many readers of each channel, who write nothing; flushed every sixteenth
    command, as batches are.
    """
    market = Market()
    feed = market.feed
    if auction:
        terms = TermsDefined(symbol=SYMBOL, tick_size=1, reference_price=250, band=None)
        feed.publish(feed.sequence + 1, 1, [terms, PhaseChanged(symbol=SYMBOL, phase="auction")])
    if not index:
        feed.index = NoIndex()
    for channel in channels:
        for _ in range(readers):
            feed.connect(Witness(), framed=True).receive(asking(channel))
    tape = [command(number, auction) for number in range(1, commands + 1)]
    sequence = feed.sequence
    began = process_time()
    for events in tape:
        sequence += 1
        feed.publish(sequence, sequence, events)
        if sequence % 16 == 0:
            feed.flush()
    return (process_time() - began) / commands * 1e6


async def channels(seconds: float) -> None:
    """What each costs a command where nobody reads it, where one does, and where many do."""
    before = ("book", "trades", "ticker", "candles")
    rows: list[tuple[str, Callable[[int], float]]] = [
        ("nobody reads", lambda n: publishing(n, ())),
        ("  the same without the index", lambda n: publishing(n, (), index=False)),
        ("one reader each of " + ", ".join(before), lambda n: publishing(n, before)),
        ("one of book", lambda n: publishing(n, ("book",))),
        ("one of orders", lambda n: publishing(n, ("orders",))),
        ("one of lots", lambda n: publishing(n, ("lots",))),
        ("one of index", lambda n: publishing(n, ("index",))),
        (f"{READERS} of book", lambda n: publishing(n, ("book",), READERS)),
        (f"{READERS} of orders", lambda n: publishing(n, ("orders",), READERS)),
        ("in an auction, nobody reads", lambda n: publishing(n, (), auction=True)),
        ("in an auction, one of auction", lambda n: publishing(n, ("auction",), auction=True)),
    ]
    best: dict[str, float] = {}
    for _ in range(3):
        for name, measured in rows:
            best[name] = min(best.get(name, 1e9), measured(10_000))
    print(
        "\na command with a trade, a change in the book, and every tenth time a listing; sixteen a flush, "
        "nothing written"
    )
    print(f"{'least of 3 turns':42}{'µs of processor time':>22}")
    for name, _ in rows:
        print(f"  {name:40}{best[name]:>22.1f}")
    print(f"\n{RATE:,} commands a second for {seconds:g} s, each a change in the book, over sockets")
    print(f"{'':42}{'of a core':>12}{'beyond nobody, µs a command':>30}")
    shares: list[float] = []
    for name, ask, number in (
        ("nobody reads", BOOK, 0),
        (f"{READERS} read book", BOOK, READERS),
        (f"{READERS} read orders", asking("orders"), READERS),
    ):
        async with Venue(ask) as venue, crowd(venue.server.port, number, [ask]) as people:
            if number:
                await venue.subscribed(number)
                await venue.begin(people)
            began, used = perf_counter(), process_time()
            await venue.published(RATE, seconds)
            shares.append((process_time() - used) / (perf_counter() - began))
            if number:
                await people.received(venue.witness.size)
        print(f"  {name:40}{shares[-1]:>12.1%}{(shares[-1] - shares[0]) / RATE * 1e6:>30.1f}", flush=True)


def depth_upkeep(changes: int) -> tuple[float, float]:
    """Nanoseconds a change: ours, and a bare dictionary of orders with a SortedDict of levels a side."""
    random = Random(SEED)
    tape = [
        OrderOnBook(
            symbol=SYMBOL,
            order_id=random.randrange(2_000),
            side="buy" if random.random() < 0.5 else "sell",
            price=random.randrange(1, 300),
            quantity=random.choice((0, 0, 5, 10, 20)),
        )
        for _ in range(changes)
    ]
    depth = Depth()
    began = process_time()
    for event in tape:
        depth.apply(event)
        depth.settle()
    ours = process_time() - began

    orders: dict[int, tuple[Any, int, int]] = {}
    sides = {"buy": SortedDict(), "sell": SortedDict()}
    began = process_time()
    for event in tape:
        before = orders.pop(event.order_id, None)
        if before is not None:
            levels, price, quantity = before
            left = levels[price] - quantity
            if left:
                levels[price] = left
            else:
                del levels[price]
        if event.quantity:
            levels = sides[event.side]
            levels[event.price] = levels.get(event.price, 0) + event.quantity
            orders[event.order_id] = (levels, event.price, event.quantity)
    bare = process_time() - began
    return ours / changes * 1e9, bare / changes * 1e9


async def depth() -> None:
    """The book's upkeep against the least that keeps one."""
    turns = [depth_upkeep(100_000) for _ in range(5)]
    ours, bare = (median(figures) for figures in zip(*turns, strict=True))
    ratios = sorted(ours / bare for ours, bare in turns)
    print(
        f"\ndepth: {ours:,.0f} ns a change, bare dict and SortedDict {bare:,.0f} ns: {median(ratios):.2f} times "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=1_000, help="of the feed in a round of `many`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a round of `delay`")
    parser.add_argument("--stall", type=float, default=60.0, help="seconds in which one does not read")
    parser.add_argument("--stalls", type=int, default=2, help="how often")
    parser.add_argument("--idle", type=float, default=PING_S, help="seconds in which nothing is said")
    parser.add_argument("--only", nargs="+", choices=("idle", "many", "delay", "stall", "channels", "depth"))
    parser.add_argument("--crowd", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.crowd:
        uvloop.run(subscribers(*json.loads(arguments.crowd)))
        return
    parts: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "idle": lambda: idle(arguments.subscribers, arguments.idle),
        "many": lambda: many(arguments.subscribers, arguments.messages, arguments.rounds),
        "delay": lambda: delay(arguments.seconds, arguments.rounds),
        "stall": lambda: stall(arguments.stall, arguments.stalls),
        "channels": lambda: channels(arguments.seconds),
        "depth": depth,
    }
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before, of which nothing is ours")
    for name, part in parts.items():
        if arguments.only is None or name in arguments.only:
            uvloop.run(part())
    print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
