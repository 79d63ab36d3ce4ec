"""The whole venue: acknowledged orders a second by WebSocket and by HTTP, each beside a server that does nothing.

    python tests/benchmarks/bench_venue.py [--rounds 3] [--seconds 3] [--sustained 10] [--subscribers 100]
        [--connections 8] [--in-flight 128] [--clients 64]

A venue runs as `exchange serve` does, with all its parts on: the journal synced, the follower projecting and
re-executing, and subscribers, in a process of their own, that read book and trades of the instrument at full rate.
The load comes from this process. Traders with money and fruit send limit orders around one price, so that about every
third order trades. An order counts when its answer has come, that is, when it is durable.

Beside it two servers in processes of their own, with the same client and the same frames: a bare echo by `websockets`,
and an empty Litestar application with one POST, under uvicorn as the venue runs it. All take turns, round by round, so
that what else the machine does slows all; the figures to quote are the medians of the rounds' ratios. On a machine that
others use at the time they still flatter the server that sleeps often, so each server's processor time for an answer
stands beside.

The client shares the cores with what it measures, so it does as little as can be: no WebSocket library, requests
composed from bytes made in advance (masked by zeros), answers counted by the lengths in their heads. What a read
answers is asked anew in one write, as programs do that are busy. By HTTP each connection has one request on its way.

Latency is measured at half the sustained rate, in an open loop: each millisecond what is due then is sent, whatever
has become of what was sent before, and an answer's time counts from when its request was due.
"""

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.running import PASSWORD, Person, VenueProcess, exchange, let_in, lot_cut, serving, take_in

TRADERS: Final = 8
WARM_UP_SECONDS: Final = 1.0
VARIANTS: Final = 4_096
"""Orders drawn in advance for each connection; their numbers alone change when all have been sent."""

FIRST_NUMBER: Final = 10_000_000
"""Numbers of requests all have eight digits, so that an order's frame is as long as it was when drawn."""

ANSWERED: Final = b'{"op":"order","id":'


class Orders:
    """Requests of one trader, drawn in advance: what is left to do for each is to put its number in."""

    def __init__(self, symbol: str, seed: int, run: str) -> None:
        chance = Random(seed)
        self._number = FIRST_NUMBER
        self._parts = []
        for _ in range(VARIANTS):
            body = {
                "client_order_id": f"{run}-00000000",
                "symbol": symbol,
                "side": chance.choice(("buy", "sell")),
                "quantity": chance.randrange(1, 4),
                "price": 230 + chance.randrange(-3, 4),
                "time_in_force": chance.choice(("gtc", "ioc", "ioc")),
            }
            self._parts.append(self.cut(json.dumps(body, separators=(",", ":"))))

    def cut(self, body: str) -> tuple[bytes, ...]:
        """What stands around the number."""
        raise NotImplementedError

    def take(self, count: int) -> bytes:
        """The next so many requests, ready to be written."""
        first = self._number
        self._number = first + count
        parts = self._parts
        taken = []
        for number in range(first, first + count):
            taken.append((b"%d" % number).join(parts[number % VARIANTS]))
        return b"".join(taken)


class FrameOrders(Orders):
    def cut(self, body: str) -> tuple[bytes, ...]:
        before, after = body.split("00000000")
        head, payload = '{"op":"place","id":', f",{before.removeprefix('{')}"
        length = len(head) + len(payload) + len(after) + 2 * len(str(FIRST_NUMBER))
        assert 126 <= length < 65_536
        frame = b"\x81\xfe" + length.to_bytes(2, "big") + bytes(4)
        return frame + head.encode(), payload.encode(), after.encode()


class PostOrders(Orders):
    def __init__(self, symbol: str, seed: int, run: str, host: str, token: str) -> None:
        self._head = f"Host: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        super().__init__(symbol, seed, run)

    def cut(self, body: str) -> tuple[bytes, ...]:
        length = len(body.encode())
        request = f"POST /api/v1/orders HTTP/1.1\r\n{self._head}Content-Length: {length}\r\n\r\n{body}"
        before, after = request.split("00000000")
        return before.encode(), after.encode()


class Tally:
    """Answers by the time that they came."""

    def __init__(self) -> None:
        self.until = 0.0
        self.since = 0.0
        self.counted = 0
        self.all = 0

    def count(self, answers: int) -> bool:
        """Whether to ask on."""
        now = time.perf_counter()
        self.all += answers
        if now >= self.until:
            return False
        if now >= self.since:
            self.counted += answers
        return True


class Socket(asyncio.Protocol):
    """A WebSocket client that knows frames by their lengths alone."""

    def __init__(self, host: str, path: str) -> None:
        self._host, self._path = host, path
        self._kept = b""
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None
        self.shaken = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            (
                f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def send(self, message: Any) -> None:
        payload = json.dumps(message).encode()
        assert len(payload) < 65_536
        length = len(payload)
        head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
        self.transport.write(head + bytes(4) + payload)

    def data_received(self, data: bytes) -> None:
        if not self.shaken:
            head, end, data = (self._kept + data).partition(b"\r\n\r\n")
            self._kept = b"" if end else head
            if not end:
                return
            assert b" 101 " in head, head
            self.shaken = True
            self.open.set_result(None)
        if data:
            self.came(data)

    def came(self, data: bytes) -> None:
        if self._kept:
            data = self._kept + data
        position, size, answers = 0, len(data), 0
        while position + 4 <= size:
            length = data[position + 1]
            if length < 126:
                begins = position + 2
            elif length == 126:
                begins = position + 4
                length = data[position + 2] << 8 | data[position + 3]
            else:
                raise AssertionError("a longer answer than any order has")
            if begins + length > size:
                break
            if data[position] == 0x81:
                answers += 1
                self.answer(data, begins, length)
            elif data[position] == 0x89:
                self.transport.write(b"\x8a" + bytes((0x80 | length,)) + bytes(4) + data[begins : begins + length])
            position = begins + length
        self._kept = data[position:]
        if answers:
            self.answered(answers)

    def leave(self) -> None:
        """Say goodbye, and do not wait for the answer."""
        self.transport.write(b"\x88\x80" + bytes(4))
        self.transport.close()

    def answer(self, data: bytes, begins: int, length: int) -> None:
        """One message."""

    def answered(self, answers: int) -> None:
        """So many have come in one read."""


class Trader(Socket):
    """Keeps requests in flight until the time."""

    def __init__(self, host: str, path: str, orders: FrameOrders, tally: Tally, token: str | None) -> None:
        super().__init__(host, path)
        self._orders, self._tally, self._token = orders, tally, token
        self.refused = b""
        self.in_flight = 0
        self.signed_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, data: bytes, begins: int, length: int) -> None:
        if self._token is not None and not data.startswith(ANSWERED, begins):
            if not self.signed_in.done():
                self.signed_in.set_result(None)
            else:
                self.refused = data[begins : begins + length]

    def answered(self, answers: int) -> None:
        if not self.in_flight:
            return
        self.in_flight -= answers
        if self._tally.count(answers):
            self.ask(answers)
        elif not self.in_flight and not self.done.done():
            self.done.set_result(None)

    def ask(self, count: int) -> None:
        self.in_flight += count
        self.transport.write(self._orders.take(count))


class PacedTrader(Trader):
    """Asks when he is told to, and measures from then."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.due: dict[int, float] = {}
        self.took: list[float] = []
        self._now = 0.0

    def came(self, data: bytes) -> None:
        self._now = time.perf_counter()
        super().came(data)

    def answer(self, data: bytes, begins: int, length: int) -> None:
        super().answer(data, begins, length)
        if self.due and data.startswith(ANSWERED, begins):
            begins += len(ANSWERED)
            self.took.append(self._now - self.due.pop(int(data[begins : begins + 8])))

    def answered(self, answers: int) -> None:
        pass

    def ask_at(self, count: int, due: float) -> None:
        first = self._orders._number
        for number in range(first, first + count):
            self.due[number] = due
        self.transport.write(self._orders.take(count))


class Poster(asyncio.Protocol):
    """One request after the other on a connection that is kept."""

    def __init__(self, orders: PostOrders, tally: Tally) -> None:
        self._orders, self._tally = orders, tally
        self._kept = b""
        self.refused = b""
        self.transport: Any = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def begin(self) -> None:
        self.transport.write(self._orders.take(1))

    def data_received(self, data: bytes) -> None:
        if self._kept:
            data = self._kept + data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            named = data.find(b"content-length: ")
            if len(data) >= end + 4 + int(data[named + 16 : data.find(b"\r", named)]):
                self._kept = b""
                if not data.startswith(b"HTTP/1.1 201"):
                    self.refused = data
                if self._tally.count(1):
                    self.transport.write(self._orders.take(1))
                else:
                    self.done.set_result(None)
                return
        self._kept = data


class Subscriber(Socket):
    """Reads, and keeps nothing; a ping is found by its head, which the feed's ASCII does not contain."""

    def __init__(self, host: str, path: str, counts: bool) -> None:
        super().__init__(host, path)
        self._counts = counts
        self.bytes = 0
        self.messages = 0

    def came(self, data: bytes) -> None:
        self.bytes += len(data)
        if self._counts:
            self.messages += data.count(b'"channel":')
        found = data.rfind(b"\x89\x04")
        if found >= 0:
            self.transport.write(b"\x8a\x84" + bytes(4) + data[found + 2 : found + 6])


async def connected(address: str, make: Callable[[str, str], Any]) -> Any:
    parts = urlsplit(address)
    assert parts.hostname is not None
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: make(parts.netloc, parts.path or "/"), parts.hostname, parts.port
    )
    return protocol


async def traders_at(
    address: str, orders: list[FrameOrders], tally: Tally, tokens: list[str] | None, kind: type[Trader] = Trader
) -> list[Any]:
    """Connections that have signed in, where there is somebody to sign in with."""
    traders = []
    for number, each in enumerate(orders):
        token = None if tokens is None else tokens[number]

        def make(host: str, path: str, each: FrameOrders = each, token: str | None = token) -> Trader:
            return kind(host, path, each, tally, token)

        trader = await connected(address, make)
        await trader.open
        if token is not None:
            trader.send({"op": "sign_in", "id": "s", "token": token})
            await trader.signed_in
        traders.append(trader)
    return traders


async def by_websocket(
    address: str, orders: list[FrameOrders], tokens: list[str] | None, in_flight: int, seconds: float
) -> tuple[float, int]:
    """Answers a second, the warm-up left out, and all of them."""
    tally = Tally()
    traders = await traders_at(address, orders, tally, tokens)
    tally.since = time.perf_counter() + WARM_UP_SECONDS
    tally.until = tally.since + seconds
    for trader in traders:
        trader.ask(in_flight)
    await asyncio.gather(*(trader.done for trader in traders))
    for trader in traders:
        assert not trader.refused, trader.refused
        trader.leave()
        await trader.closed
    return tally.counted / seconds, tally.all


async def by_post(address: str, orders: list[PostOrders], seconds: float) -> tuple[float, int]:
    """Answers a second, the warm-up left out, and all of them."""
    parts = urlsplit(address)
    tally = Tally()
    tally.since = time.perf_counter() + WARM_UP_SECONDS
    tally.until = tally.since + seconds
    loop = asyncio.get_running_loop()
    posters = []
    for each in orders:
        _, poster = await loop.create_connection(lambda each=each: Poster(each, tally), parts.hostname, parts.port)
        posters.append(poster)
    for poster in posters:
        poster.begin()
    await asyncio.gather(*(poster.done for poster in posters))
    for poster in posters:
        assert not poster.refused, poster.refused
        poster.transport.abort()
    return tally.counted / seconds, tally.all


async def paced(address: str, orders: list[FrameOrders], tokens: list[str], rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, ascending."""
    traders = await traders_at(address, orders, Tally(), tokens, PacedTrader)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    due, asked, turn = began, 0, 0
    while due < began + WARM_UP_SECONDS + seconds:
        now = time.perf_counter()
        while due <= now:
            count = int((due - began) * rate) - asked
            if count > 0:
                traders[turn % len(traders)].ask_at(count, due)
                asked += count
                turn += 1
            due += 0.001
        await asyncio.sleep(0.001)
    deadline = loop.time() + 10
    while any(trader.due for trader in traders) and loop.time() < deadline:
        await asyncio.sleep(0.01)
    took = []
    for trader in traders:
        assert not trader.refused, trader.refused
        assert not trader.due, "an order has no answer"
        took += trader.took[int(len(trader.took) * WARM_UP_SECONDS / (WARM_UP_SECONDS + seconds)) :]
        trader.leave()
        await trader.closed
    return sorted(took)


# The servers that do nothing


async def run_echo() -> None:
    from websockets.asyncio.server import ServerConnection, serve

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
        await server.serve_forever()


async def run_empty() -> None:
    """As `exchange.app` runs its own."""
    import uvicorn
    from litestar import Litestar, post

    @post("/api/v1/orders")
    async def empty() -> dict[str, int]:
        return {"order_id": 1}

    config = uvicorn.Config(
        Litestar([empty], openapi_config=None, logging_config=None),
        port=0,
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    print(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
    await serving


async def run_subscribers(address: str, count: int, symbol: str) -> None:
    """Until standard input ends; answers each line on it with bytes and messages so far of all."""
    readers: list[Subscriber] = []
    for number in range(count):
        reader = await connected(address, lambda host, path, first=not number: Subscriber(host, path, first))
        await reader.open
        for channel in ("book", "trades"):
            reader.send({"op": "subscribe", "id": 1, "channel": channel, "symbols": [symbol]})
        readers.append(reader)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def told() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            ended.set_result(None)
            return
        lost = sum(reader.closed.done() for reader in readers)
        print(json.dumps([sum(reader.bytes for reader in readers), readers[0].messages, lost]), flush=True)

    loop.add_reader(0, told)
    print("listening", flush=True)
    await ended


# What the processes take


class Process:
    """A process by its number, as the kernel accounts for it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def children(self) -> "Iterator[Process]":
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                yield Process(int(pid))


def open_market(venue: VenueProcess) -> tuple[str, list[Person]]:
    """Traders with a billion yuan and fifty-four tonnes of bananas each."""
    operator = venue.person("operator")
    warehouse = let_in(operator, "warehouse", "warehouse")
    traders = [let_in(operator, f"trader{n}", "trader", "grower", money_fen=10**11) for n in range(TRADERS)]
    symbol = ""
    for trader in traders:
        lot = lot_cut(trader, 1) | {"cartons": 4_000, "weight_g": 54_000_000}
        symbol = take_in(trader, warehouse, lot, 54_000_000)["symbol"]
    return symbol, traders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn in a round")
    parser.add_argument("--sustained", type=float, default=10.0, help="seconds in which the database has to keep up")
    parser.add_argument("--subscribers", type=int, default=100)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--clients", type=int, default=64, help="connections by HTTP")
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--empty", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--listen", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo:
        uvloop.run(run_echo())
    elif options.empty:
        uvloop.run(run_empty())
    elif options.listen:
        uvloop.run(run_subscribers(options.listen[0], options.subscribers, options.listen[1]))
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        assert exchange("init", "--data", data, "--password", PASSWORD).returncode == 0
        with serving(data) as venue:
            symbol, traders = open_market(venue)
            arguments = ["--subscribers", str(options.subscribers), "--listen", venue.feed_address, symbol]
            beside = [beside_it(*arguments), beside_it("--echo"), beside_it("--empty")]
            try:
                Report(options, venue, symbol, traders, beside).run()
            except AssertionError:
                print("".join(venue.errors), file=sys.stderr)
                raise
            finally:
                for process in beside:
                    process.kill()
                    process.wait()


def beside_it(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


class Report:
    """The turns, and what is printed of them."""

    def __init__(
        self,
        options: argparse.Namespace,
        venue: VenueProcess,
        symbol: str,
        traders: list[Person],
        beside: list[subprocess.Popen[str]],
    ) -> None:
        self.options = options
        self.venue = venue
        self.symbol = symbol
        self.traders = traders
        self.listeners = beside[0]
        assert said(beside[0]) == "listening"
        self.echo, self.empty = said(beside[1]), said(beside[2])
        self.idle = {"echo": Process(beside[1].pid), "empty": Process(beside[2].pid)}
        self.processes = {
            "venue": Process(venue.pid),
            "follower": next(Process(venue.pid).children()),
            "subscribers": Process(beside[0].pid),
            "client": Process(os.getpid()),
        }
        self.tokens = [traders[number % TRADERS].token for number in range(max(options.connections, options.clients))]
        self.runs = 0

    def frames(self) -> list[FrameOrders]:
        self.runs += 1
        return [
            FrameOrders(self.symbol, 100 * self.runs + number, f"w{self.runs}-{number}")
            for number in range(self.options.connections)
        ]

    def posts(self, address: str) -> list[PostOrders]:
        self.runs += 1
        host = urlsplit(address).netloc
        return [
            PostOrders(self.symbol, 100 * self.runs + number, f"h{self.runs}-{number}", host, self.tokens[number])
            for number in range(self.options.clients)
        ]

    def by_websocket(self, address: str, tokens: list[str] | None, seconds: float) -> tuple[float, int]:
        return uvloop.run(by_websocket(address, self.frames(), tokens, self.options.in_flight, seconds))

    def by_post(self, address: str) -> tuple[float, int]:
        return uvloop.run(by_post(address, self.posts(address), self.options.seconds))

    def timed(self, server: Process, turn: Callable[[], tuple[float, int]]) -> tuple[float, float]:
        """Answers a second, and the server's processor time for each in µs, the warm-up in it."""
        before = server.cpu_seconds()
        rate, answers = turn()
        return rate, (server.cpu_seconds() - before) / answers * 1e6

    def run(self) -> None:
        options = self.options
        rounds = []
        venue, nothing = self.processes["venue"], self.idle
        for _ in range(options.rounds):
            echo = self.timed(nothing["echo"], lambda: self.by_websocket(self.echo, None, options.seconds))
            orders = self.timed(venue, lambda: self.by_websocket(self.venue.feed_address, self.tokens, options.seconds))
            empty = self.timed(nothing["empty"], lambda: self.by_post(self.empty))
            posted = self.timed(venue, lambda: self.by_post(self.venue.address))
            rounds.append((*echo, *orders, orders[0] / echo[0], *empty, *posted, posted[0] / empty[0]))
        medians = [median(figures) for figures in zip(*rounds, strict=True)]
        (echo_rate, echo_us, rate, us, of_echo), (empty_rate, empty_us, posted_rate, posted_us, of_empty) = (
            medians[:5],
            medians[5:],
        )
        flight = f"{options.connections} × {options.in_flight} in flight"
        print(
            f"\nall parts on: journal synced, follower projecting and re-executing, {options.subscribers} subscribers "
            f"to book and trades;\nmedians of {options.rounds} rounds of {options.seconds:g} s\n"
        )
        print(f"{'':46}{'a second':>10}{'ratio':>8}{'server, µs each':>17}")
        print(f"{f'bare websockets echo, {flight}':46}{echo_rate:>10,.0f}{1:>8.3f}{echo_us:>17.1f}")
        print(f"{f'orders by WebSocket, {flight}':46}{rate:>10,.0f}{of_echo:>8.3f}{us:>17.1f}")
        print(
            f"{f'empty Litestar POST, {options.clients} connections':46}{empty_rate:>10,.0f}{1:>8.3f}{empty_us:>17.1f}"
        )
        posts = f"orders by HTTP, {options.clients} connections"
        print(f"{posts:46}{posted_rate:>10,.0f}{of_empty:>8.3f}{posted_us:>17.1f}", flush=True)
        self.sustain()

    def sustain(self) -> None:
        """As much as the venue takes for longer, with a look at the database now and then; then half as much."""
        options = self.options
        print(f"\nsustained for {options.sustained:g} s, {options.connections} × {options.in_flight} in flight\n")
        before = {name: process.cpu_seconds() for name, process in self.processes.items()}
        read, first = self.heard(), self.position()[0]
        watch = subprocess.Popen(
            [sys.executable, "-c", WATCH, f"{self.venue.address}/readyz"], stdout=subprocess.PIPE, text=True
        )
        rate, _ = self.by_websocket(self.venue.feed_address, self.tokens, options.sustained)
        watch.terminate()
        assert watch.stdout is not None
        lags = [json.loads(line) for line in watch.stdout]
        watch.wait()
        commands = self.position()[0] - first
        received = self.heard()
        third = max(1, len(lags) // 3)
        print(f"orders a second                        {rate:>12,.0f}")
        print(f"commands that the database is behind,  {median(lags[:third]):>12,.0f}  in the first third")
        print(f"medians of samples                     {median(lags[-third:]):>12,.0f}  in the last third")
        print(f"at most                                {max(lags):>12,.0f}")
        print(f"messages to each subscriber            {(received[1] - read[1]):>12,.0f}")
        print(f"MB to all subscribers                  {(received[0] - read[0]) / 1e6:>12,.0f}")
        assert not received[2], "a subscriber was lost"
        print("\nprocessor time an order, µs")
        for name, process in self.processes.items():
            print(f"  {name:37}{(process.cpu_seconds() - before[name]) / commands * 1e6:>12,.1f}")
        print("memory, MiB")
        for name in ("venue", "follower"):
            print(f"  {name:37}{self.processes[name].memory_mib():>12,.0f}")
        half = rate / 2
        took = uvloop.run(paced(self.venue.feed_address, self.frames(), self.tokens, half, min(5.0, options.sustained)))
        print(f"\nan order's answer at {half:,.0f} a second, open loop, ms from when it was due")
        for share in (0.5, 0.99, 0.999):
            print(f"  {f'p{share * 100:g}':37}{took[int(len(took) * share)] * 1e3:>12.2f}")

    def heard(self) -> list[int]:
        """Bytes and messages that the subscribers have read, and how many of them were lost."""
        assert self.listeners.stdin is not None
        self.listeners.stdin.write("\n")
        self.listeners.stdin.flush()
        figures: list[int] = json.loads(said(self.listeners))
        return figures

    def position(self) -> tuple[int, int]:
        """Committed, and projected."""
        answer = self.traders[0].http.get(f"{self.venue.address}/readyz").json()
        return answer["sequence"], answer["projected_sequence"]


WATCH: Final = """
import json, sys, time, urllib.request
while True:
    time.sleep(0.5)
    with urllib.request.urlopen(sys.argv[1]) as answer:
        ready = json.load(answer)
    print(ready["sequence"] - ready["projected_sequence"], flush=True)
"""
"""Prints how far the database is behind, twice a second; in a process of its own, for it waits for its answers."""


if __name__ == "__main__":
    main()
