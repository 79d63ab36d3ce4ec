"""The whole venue: acknowledged orders a second over WebSocket and HTTP, beside a bare WebSocket echo in the same run.

    python tests/benchmarks/bench_venue.py [--seconds 5] [--subscribers 20] [--connections 4] [--in-flight 64]

A venue runs as `exchange serve` does, with its journal synced, its follower projecting, and subscribers that read
books and trades in a process of their own. The load comes from this process: traders with money and fruit send limit
orders around one price, so that about every third order trades; each connection keeps so many requests in flight. An
order counts when its answer has come, that is, when it is durable. The figure to quote is the ratio to the echo,
which does nothing at all.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.running import PASSWORD, Person, VenueProcess, exchange, let_in, lot_cut, serving, take_in

TRADERS = 8
WARM_UP_SECONDS = 1.0


class Orders:
    """Requests of one trader, drawn in advance so that drawing them costs the run nothing."""

    def __init__(self, person: Person, symbol: str, seed: int, count: int, run: str) -> None:
        chance = Random(seed)
        self.token = person.token
        self.bodies = [
            {
                "client_order_id": f"{run}-{number}",
                "symbol": symbol,
                "side": chance.choice(("buy", "sell")),
                "quantity": chance.randrange(1, 4),
                "price": 230 + chance.randrange(-3, 4),
                "time_in_force": chance.choice(("gtc", "ioc", "ioc")),
            }
            for number in range(count)
        ]


async def over_websocket(address: str, orders: Orders, in_flight: int, until: float, counted: list[float]) -> None:
    """Keep requests in flight until the time; the moments of the answers."""
    frames = [json.dumps({"op": "place", "id": number, **body}) for number, body in enumerate(orders.bodies)]
    async with connect(address, compression=None, max_queue=None) as socket:
        await socket.send(json.dumps({"op": "sign_in", "id": "s", "token": orders.token}))
        await socket.recv()
        await pump(socket, frames, in_flight, until, counted)


async def pump(socket: ClientConnection, frames: list[str], in_flight: int, until: float, counted: list[float]) -> None:
    sent = 0
    for frame in frames[:in_flight]:
        await socket.send(frame)
        sent += 1
    answered = 0
    while answered < sent:
        await socket.recv()
        answered += 1
        now = time.perf_counter()
        counted.append(now)
        if now < until and sent < len(frames):
            await socket.send(frames[sent])
            sent += 1


async def over_http(address: str, orders: list[Orders], until: float, counted: list[float]) -> None:
    """One request at a time on a connection that is kept; written by hand, so that the client costs little."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    for each in orders:
        for body in each.bodies:
            content = json.dumps(body).encode()
            head = (
                f"POST /api/v1/orders HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {each.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            writer.write(head.encode() + content)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 20"), answer
            length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            now = time.perf_counter()
            counted.append(now)
            if now >= until:
                writer.close()
                return


async def echoed(connections: int, in_flight: int, seconds: float, frame: str) -> float:
    """Answers a second of a server in another process that sends back what it gets."""
    process = subprocess.Popen([sys.executable, __file__, "--echo"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()

        async def one(counted: list[float], until: float) -> None:
            async with connect(address, compression=None, max_queue=None) as socket:
                await pump(socket, [frame] * 2_000_000, in_flight, until, counted)

        return await rate(lambda counted, until: [one(counted, until) for _ in range(connections)], seconds)
    finally:
        process.kill()
        process.wait()


async def rate(work: Any, seconds: float) -> float:
    """Answers a second, the warm-up left out."""
    counted: list[float] = []
    start = time.perf_counter() + WARM_UP_SECONDS
    until = start + seconds
    await asyncio.gather(*work(counted, until))
    return sum(start <= moment <= until for moment in counted) / seconds


async def run_echo() -> None:
    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"ws://127.0.0.1:{port}", flush=True)
        await server.serve_forever()


async def run_subscribers(address: str, count: int, symbol: str) -> None:
    async def one() -> None:
        async with connect(address, compression=None, max_queue=None) as socket:
            for channel in ("book", "trades"):
                await socket.send(json.dumps({"op": "subscribe", "id": 1, "channel": channel, "symbols": [symbol]}))
            async for _ in socket:
                pass

    await asyncio.gather(*(one() for _ in range(count)))


def open_market(venue: VenueProcess) -> tuple[str, list[Person]]:
    """Traders with a million yuan and five tonnes of bananas each."""
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
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--subscribers", type=int, default=20)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--listen", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo:
        uvloop.run(run_echo())
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
            listeners = subprocess.Popen([sys.executable, __file__, *arguments])
            try:
                report(options, venue, symbol, traders)
            except AssertionError:
                print("".join(venue.errors), file=sys.stderr)
                raise
            finally:
                listeners.kill()
                listeners.wait()


def report(options: argparse.Namespace, venue: VenueProcess, symbol: str, traders: list[Person]) -> None:
    seconds, connections, in_flight = options.seconds, options.connections, options.in_flight
    enough = int(20_000 * (seconds + WARM_UP_SECONDS))
    drawn = [Orders(trader, symbol, n, enough // connections, "feed") for n, trader in enumerate(traders[:connections])]
    frame = json.dumps({"op": "place", "id": 1, **drawn[0].bodies[0]})
    echo = uvloop.run(echoed(connections, in_flight, seconds, frame))
    feed = uvloop.run(
        rate(
            lambda counted, until: [
                over_websocket(venue.feed_address, orders, in_flight, until, counted) for orders in drawn
            ],
            seconds,
        )
    )
    lag = behind(traders[0])
    clients = 32
    spread = [[Orders(traders[n % TRADERS], symbol, n, 4_000, f"http{n}")] for n in range(clients)]
    http = uvloop.run(
        rate(lambda counted, until: [over_http(venue.address, each, until, counted) for each in spread], seconds)
    )
    print(f"\n{options.subscribers} subscribers to book and trades, journal synced, follower on\n")
    print(f"{'':38}{'a second':>10}{'of the echo':>13}")
    print(f"{f'bare echo, {connections} × {in_flight} in flight':38}{echo:>10,.0f}{1:>13.3f}")
    print(f"{f'orders by WebSocket, {connections} × {in_flight} in flight':38}{feed:>10,.0f}{feed / echo:>13.3f}")
    print(f"{f'orders by HTTP, {clients} connections':38}{http:>10,.0f}{http / echo:>13.3f}")
    print(f"\ncommands that the database was behind right after the WebSocket run: {lag:,}")


def behind(person: Person) -> int:
    """Committed less projected."""
    answer = person.http.get(f"{person.venue.address}/readyz").json()
    return int(answer["sequence"] - answer["projected_sequence"])


if __name__ == "__main__":
    main()
