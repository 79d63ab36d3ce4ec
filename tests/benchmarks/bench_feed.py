"""How fast the feed is: messages delivered to many, against `websockets.broadcast`; delay; idle readers; depth upkeep.

    python tests/benchmarks/bench_feed.py [--subscribers N] [--messages N] [--rounds N]

Subscribers are raw sockets in another process, which count bytes: all of one run must get the same number, and the one
that the server says. Both ways send the same JSON of the same book to the same subscribers in the same process under
uvloop, one command after the other, the loop turning after each, and wait while more than 256 KiB are on the way to a
reader. A message counts as delivered when the last subscriber has its last byte. The rate is the median of the rounds.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import monotonic_ns, perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvloop
from sortedcontainers import SortedDict
from websockets.asyncio.server import ServerConnection, broadcast, serve

from marketdata.depth import Depth
from marketdata.feed import Feed
from marketdata.messages import OrderOnBook
from marketdata.pump import Pump
from marketdata.server import FeedServer
from marketdata.wire import Packet
from matching.messages import InstrumentDefined, TradeExecuted

SEED = 20261124
ON_THE_WAY = 256 * 1024
SUBSCRIBE = b'{"op":"subscribe","channel":"book","symbols":["A"],"depth":25}'


# The other process


class Subscriber(asyncio.Protocol):
    """Shakes hands, subscribes, counts bytes; on demand it looks at the times in what it gets."""

    def __init__(self, subscribe: bool, delays: list[int] | None) -> None:
        self.subscribe = subscribe
        self.delays = delays
        self.count = 0
        self.last_ns = 0
        self.open = False
        self.head = b""

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
            if self.subscribe:
                # A mask of zeros leaves the payload as it is.
                self.transport.write(bytes([0x81, 0x80 | len(SUBSCRIBE), 0, 0, 0, 0]) + SUBSCRIBE)
        self.count += len(data)
        self.last_ns = monotonic_ns()
        if self.delays is not None:
            for piece in data.split(b'"time_ns":')[1:]:
                self.delays.append(self.last_ns - int(piece.partition(b",")[0]))


async def subscribers(port: int, number: int, subscribe: bool, timed: int) -> None:
    """Connect; then answer lines: `reset`, or a number of bytes to wait for and tell when each had them."""
    loop = asyncio.get_running_loop()
    delays: list[int] = []
    all_of_them: list[Subscriber] = []
    for index in range(number):
        watching = delays if index < timed else None
        _, one = await loop.create_connection(lambda w=watching: Subscriber(subscribe, w), "127.0.0.1", port)
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
        wanted = int(line)
        while any(one.count < wanted for one in all_of_them):
            await asyncio.sleep(0.002)
        assert all(one.count == wanted for one in all_of_them), "more than was sent"
        times = [one.last_ns for one in all_of_them]
        print(json.dumps({"first_ns": min(times), "last_ns": max(times), "delays": delays}), flush=True)


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
async def crowd(port: int, number: int, *, subscribe: bool, timed: int = 0) -> AsyncIterator[Crowd]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *("--crowd", str(port), str(number), str(int(subscribe)), str(timed)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    async with asyncio.timeout(30):
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
        self.feed.publish(1, 1, [InstrumentDefined(symbol="A")])
        for order_id in range(1, 201):
            self.change(order_id, 1)

    def change(self, order_id: int, time_ns: int) -> None:
        buy = order_id % 2 == 0
        distance = self.random.randrange(20)
        order = OrderOnBook(
            symbol="A",
            order_id=order_id,
            side="buy" if buy else "sell",
            price=250 - distance if buy else 251 + distance,
            quantity=self.random.randrange(1, 5_000),
        )
        self.feed.publish(self.feed.sequence + 1, time_ns, [order])


async def calm(waiting: Callable[[], int]) -> None:
    while waiting() > ON_THE_WAY:
        await asyncio.sleep(0.001)


async def by_feed(number: int, messages: int, rounds: int) -> list[tuple[float, float]]:
    """Delivered messages a second and the spread in milliseconds, a pair a round."""
    market = Market()
    feed = market.feed
    server = FeedServer(feed)
    pump = Pump(feed)
    await server.start()
    pump.start()
    witness = Witness()
    watching = feed.connect(witness, framed=True)
    results = []
    async with crowd(server.port, number, subscribe=True) as people:
        while sum(len(connection.subscriptions) for connection in feed.connections) < number:
            await asyncio.sleep(0.01)
        feed.flush()
        watching.receive(SUBSCRIBE.decode())
        feed.flush()
        await people.received(witness.size)
        outlets = [connection.outlet for connection in feed.connections][::50]
        for _ in range(rounds):
            witness.size = 0
            await people.ask("reset")
            began = monotonic_ns()
            for index in range(messages):
                market.change(index % 200 + 1, began)
                await asyncio.sleep(0)
                if index % 20 == 0:
                    await calm(lambda: max(outlet.buffered() for outlet in outlets))
            feed.flush()
            answer = await people.received(witness.size)
            assert not feed.behind
            took = (answer["last_ns"] - began) / 1e9
            results.append((number * messages / took, (answer["last_ns"] - answer["first_ns"]) / 1e6))
    pump.stop()
    await server.stop()
    return results


async def by_broadcast(number: int, messages: int, rounds: int) -> list[tuple[float, float]]:
    market = Market()
    stream = market.feed.stream("book", "A", 25, None, 0)
    connections: list[ServerConnection] = []

    async def handler(connection: ServerConnection) -> None:
        connections.append(connection)
        await connection.wait_closed()

    results = []
    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = int(server.sockets[0].getsockname()[1])
        async with crowd(port, number, subscribe=False) as people:
            while len(connections) < number:
                await asyncio.sleep(0.01)
            transports = [connection.transport for connection in connections][::50]
            for _ in range(rounds):
                size = 0
                await people.ask("reset")
                began = monotonic_ns()
                for index in range(messages):
                    market.change(index % 200 + 1, began)
                    packet: Packet = stream._ring[-1]
                    size += len(packet.form(0))
                    broadcast(connections, packet.form(2))
                    await asyncio.sleep(0)
                    if index % 20 == 0:
                        await calm(lambda: max(transport.get_write_buffer_size() for transport in transports))
                answer = await people.received(size)
                took = (answer["last_ns"] - began) / 1e9
                results.append((number * messages / took, (answer["last_ns"] - answer["first_ns"]) / 1e6))
    return results


async def delay(number: int, rate: int, seconds: float) -> list[int]:
    """From `publish` to bytes in the other process, in nanoseconds, sorted; a tenth of the subscribers look."""
    market = Market()
    feed = market.feed
    server, pump = FeedServer(feed), Pump(feed)
    await server.start()
    pump.start()
    witness = Witness()
    watching = feed.connect(witness, framed=True)
    async with crowd(server.port, number, subscribe=True, timed=max(1, number // 10)) as people:
        while sum(len(connection.subscriptions) for connection in feed.connections) < number:
            await asyncio.sleep(0.01)
        feed.flush()
        watching.receive(SUBSCRIBE.decode())
        feed.flush()
        await people.received(witness.size)
        witness.size = 0
        await people.ask("reset")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for index in range(int(rate * seconds)):
            due = began + index / rate
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            market.change(index % 200 + 1, monotonic_ns())
        feed.flush()
        answer = await people.received(witness.size)
    pump.stop()
    await server.stop()
    return sorted(answer["delays"])


def resident() -> int:
    """Bytes of memory that this process holds at present."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def idle(number: int, seconds: float) -> tuple[float, float]:
    """Share of a core for subscribers to whom nothing is said, and bytes of memory each. First, while nothing has
    been freed.
    """
    market = Market()
    server, pump = FeedServer(market.feed), Pump(market.feed)
    await server.start()
    pump.start()
    before = resident()
    async with crowd(server.port, number, subscribe=True):
        while sum(len(connection.subscriptions) for connection in market.feed.connections) < number:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        held = (resident() - before) / number
        began, used = perf_counter(), process_time()
        await asyncio.sleep(seconds)
        share = (process_time() - used) / (perf_counter() - began)
    pump.stop()
    await server.stop()
    return share, held


def depth_upkeep(changes: int) -> tuple[float, float]:
    """Nanoseconds a change: ours, and a bare dictionary of orders with a SortedDict of levels a side."""
    random = Random(SEED)
    tape = [
        OrderOnBook(
            symbol="A",
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


def publishing(commands: int, channels: tuple[str, ...]) -> float:
    """Nanoseconds of this process a command, changes to the book and a trade in each; with one reader of each
    channel.
    """
    market = Market()
    feed = market.feed
    reader = feed.connect(Witness(), framed=True)
    for channel in channels:
        interval = ',"interval":"1m"' if channel == "candles" else ""
        reader.receive(f'{{"op":"subscribe","channel":"{channel}","symbols":["A"]{interval}}}')
    tape = [
        [
            TradeExecuted(
                trade_id=number,
                symbol="A",
                price=250,
                quantity=10,
                buy_order_id=1,
                sell_order_id=2,
                aggressor_side="buy",
            ),
            OrderOnBook(
                symbol="A", order_id=number % 200, side="buy", price=230 + number % 20, quantity=number % 7 * 10
            ),
        ]
        for number in range(1, commands + 1)
    ]
    sequence = feed.sequence
    began = process_time()
    for events in tape:
        sequence += 1
        feed.publish(sequence, sequence, events)
        if sequence % 16 == 0:
            feed.flush()
    return (process_time() - began) / commands * 1e9


async def measure(number: int, messages: int, rounds: int) -> None:
    share, held = await idle(number, 3.0)
    ours = await by_feed(number, messages, rounds)
    theirs = await by_broadcast(number, max(messages // 8, 20), rounds)
    rate, other = median(rate for rate, _ in ours), median(rate for rate, _ in theirs)
    print(f"subscribers {number}, one book at real time, messages a round {messages} and {max(messages // 8, 20)}")
    print(f"  feed                   {rate:>12,.0f} delivered/s   first to last {median(s for _, s in ours):,.1f} ms")
    print(
        f"  websockets.broadcast   {other:>12,.0f} delivered/s   first to last {median(s for _, s in theirs):,.1f} ms"
    )
    print(f"  ratio                  {rate / other:>12.1f}")
    delays = await delay(100, 1_000, 3.0)
    cuts = quantiles(delays, n=100)
    print("100 subscribers, 1,000 commands a second: publish → bytes in the other process")
    print(f"  p50 {cuts[49] / 1e6:.2f} ms   p99 {cuts[98] / 1e6:.2f} ms   most {delays[-1] / 1e6:.2f} ms")
    print(f"{number} idle subscribers: {share:.2%} of a core, {held:,.0f} bytes each")
    alone, read = publishing(50_000, ()), publishing(50_000, ("book", "trades", "ticker", "candles"))
    print(f"a command with a trade: {alone / 1e3:.1f} µs unread, {read / 1e3:.1f} µs with readers of four channels")
    ours_ns, bare_ns = min((depth_upkeep(200_000) for _ in range(3)), key=lambda pair: pair[0] / pair[1])
    print(
        f"depth: {ours_ns:,.0f} ns a change, bare dict and SortedDict {bare_ns:,.0f} ns: {ours_ns / bare_ns:.2f} times"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crowd", nargs=4, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    work: Awaitable[None]
    if arguments.crowd:
        port, number, subscribe, timed = arguments.crowd
        work = subscribers(port, number, bool(subscribe), timed)
    else:
        work = measure(arguments.subscribers, arguments.messages, arguments.rounds)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def run() -> None:
        await work

    uvloop.run(run())


if __name__ == "__main__":
    main()
