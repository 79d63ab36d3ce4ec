"""The venue, put together: the only place that knows all rooms.

premises (journal, engine) ─► sequencer ─► publication ─► feed ─► WebSocket port for programs
                                 ▲    └──► follower (a process)      └─► /feed on the web port
                                 ├── gateway ◄── web (HTTP, order entry)
                                 ├── bell (phases of trading days, where there are any; ends of auctions by collars)
                                 └── almanac (trading days, which the terms of contracts count in)
"""

import asyncio
import contextlib
import logging
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final

import uvicorn
import uvloop

from exchange import logs, open_files
from exchange.almanac import Almanac
from exchange.bell import Bell
from exchange.brake import Brake
from exchange.calendar import Timetable, TradingCalendar
from exchange.config import Settings, SetupError
from exchange.database import connect
from exchange.export_process import Exports
from exchange.follower_handle import Fault, FollowerHandle
from exchange.garbage import Keeper, Watch, settle, undisturbed
from exchange.gateway import VenueGateway
from exchange.premises import Premises, premises
from exchange.publication import Publication
from exchange.sequencer import Sequencer
from exchange.vitals import Vitals
from marketdata.pump import Pump
from marketdata.server import FeedServer
from web import reserves_key
from web.app import create_app
from web.documents.seals import key_in
from web.one_write import OneWriteProtocol
from web.settings import WebSettings
from web.socket_protocol import SocketProtocol

SHUTDOWN_SECONDS: Final = 1
"""What open HTTP requests have to finish in; the whole venue has promised to be gone in five."""

FOLLOWER_SECONDS: Final = 2.5
"""What the follower has to drain in; it goes on where it was at the next start."""

logger = logging.getLogger("exchange")

Beside = Callable[["Venue"], contextlib.AbstractAsyncContextManager[str]]
"""Something that runs beside the venue while it serves; it yields what to print below the `ready` line."""


class Venue:
    """A running venue: where it listens, and what it was started with."""

    def __init__(self, settings: Settings, host: str, port: int, feed_port: int, sequencer: Sequencer) -> None:
        self.settings = settings
        self.host = host
        self.port = port
        self.feed_port = feed_port
        self._sequencer = sequencer

    @property
    def address(self) -> str:
        return f"http://{self._name}:{self.port}"

    @property
    def feed_address(self) -> str:
        return f"ws://{self._name}:{self.feed_port}/feed"

    @property
    def _name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def halted(self) -> str | None:
        return self._sequencer.halted


def serve(settings: Settings) -> int:
    """`exchange serve`: run until SIGTERM or SIGINT. Exit status 0, or 1 where the venue had halted. Raises
    `SetupError`.
    """
    return run_venue(settings)


def run_venue(settings: Settings, beside: Beside | None = None, *, demo: bool = False) -> int:
    """Open the premises, run the venue in them, and print the `ready` line when it serves. Raises `SetupError`.

    `demo` tells the terminal that accounts and password are public, so that it may offer them; such a venue trades
    round the clock, whatever the settings say.
    """
    log = logs.begin(settings.log_level, settings.log_format)
    open_files.raise_limit()
    publication = Publication()
    bell = _bell(settings, sessions=settings.calendar == "sessions" and not demo)

    with contextlib.ExitStack() as stack:
        watch = Watch()
        watch.start()
        stack.callback(watch.stop)
        vitals = Vitals(settings.journal_path, watch)
        sockets = [stack.enter_context(_listen(settings.host, port)) for port in (settings.port, settings.feed_port)]
        opened = stack.enter_context(premises(settings, witnesses=(publication, bell.heard), progress=_tell_progress))
        settle()
        return uvloop.run(_run(_venue(opened, publication, bell, sockets[0], sockets[1], log, demo, vitals), beside))


async def _run(opening: contextlib.AbstractAsyncContextManager["Venue"], beside: Beside | None) -> int:
    loop = asyncio.get_running_loop()
    ready, stop = asyncio.Event(), asyncio.Event()
    serving = loop.create_task(_serve(opening, beside, ready, stop))

    def end() -> None:
        # Before the ready line something long may be under way; after it there is only the wait for this.
        stop.set()
        if not ready.is_set():
            serving.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        return await serving
    except asyncio.CancelledError:
        return 0


async def _serve(
    opening: contextlib.AbstractAsyncContextManager["Venue"],
    beside: Beside | None,
    ready: asyncio.Event,
    stop: asyncio.Event,
) -> int:
    async with contextlib.AsyncExitStack() as stack:
        venue = await stack.enter_async_context(opening)
        below = await stack.enter_async_context(beside(venue)) if beside is not None else ""
        ready.set()
        print(f"ready {venue.address}", f"feed {venue.feed_address}", *([below] if below else []), sep="\n", flush=True)
        await stop.wait()
    return 1 if venue.halted else 0


@contextlib.asynccontextmanager
async def _venue(
    opened: Premises,
    publication: Publication,
    bell: Bell,
    web_socket: socket.socket,
    feed_socket: socket.socket,
    log: logs.Log,
    demo: bool,
    vitals: Vitals,
) -> AsyncIterator[Venue]:
    settings, feed = opened.settings, publication.feed
    sequencer = Sequencer(
        opened.engine,
        opened.journal,
        opened.clock,
        maximum_waiting=settings.maximum_waiting,
        shares=settings.waiting_shares,
    )
    log.sequence = lambda: sequencer.sequence
    follower = FollowerHandle(
        settings.journal_path,
        settings.database,
        environment={
            "EXCHANGE_SNAPSHOT_COMMANDS": str(settings.snapshot_commands),
            "EXCHANGE_SNAPSHOTS_KEPT": str(settings.snapshots_kept),
            "EXCHANGE_LOG_LEVEL": settings.log_level,
            "EXCHANGE_LOG_FORMAT": settings.log_format,
        },
        on_fault=lambda fault: _on_fault(sequencer, fault),
    )
    # What the journal holds already ages from now on: when it was committed, nobody knows any more.
    follower.lag.committed(opened.engine.sequence)
    database, readers = connect(settings.database), connect(settings.database, read_only=True)
    brake = Brake(
        sequencer,
        lambda: (sequencer.sequence - follower.projected_sequence, follower.lag.seconds),
        commands=settings.pause_lag,
        seconds=settings.pause_seconds,
    )
    exports = Exports(settings.database, settings.folder)
    gateway = VenueGateway(sequencer, opened.engine, publication, follower, database, readers, brake, vitals, exports)
    sequencer.on_committed += [publication.publish, lambda entry: follower.committed(entry.last_sequence)]
    sequencer.on_halted.append(feed.halt)
    web_settings = WebSettings(
        origins=settings.origins,
        public_address=settings.public_address,
        port=web_socket.getsockname()[1],
        feed_port=feed_socket.getsockname()[1],
        maximum_lag=settings.maximum_lag,
        demo=demo,
        document_key=_document_key(settings),
        reserves_key=_reserves_key(settings),
    )
    with undisturbed():
        app = create_app(gateway, feed, web_settings)
    pump = Pump(feed, lambda: sequencer.time_ns, flushed=gateway.flush_seconds.observe)
    feed_server = FeedServer(feed, origins=settings.origins, order_entry=app.state["order_entry"])
    web_server = _WebServer(
        uvicorn.Config(
            app,
            loop="none",
            http=OneWriteProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            ws=SocketProtocol,
            ws_per_message_deflate=False,
        )
    )
    host, port = web_socket.getsockname()[:2]
    keeper = Keeper(asked=lambda: sequencer.statistics.commands, busy=lambda: sequencer.waiting > 0)
    serving = asyncio.create_task(web_server.serve(sockets=[web_socket]), name="web")
    try:
        pump.start()
        await follower.start()
        brake.start()
        keeper.start()
        bell.start(sequencer, opened.engine)
        _almanac(settings, demo).start(sequencer, opened.engine)
        await feed_server.start(feed_socket)
        while not web_server.started:
            await asyncio.sleep(0.005)
            if serving.done():
                serving.result()
                raise SetupError("the web server has not started")
        yield Venue(settings, host, port, feed_socket.getsockname()[1], sequencer)
    finally:
        # Both at once: each waits for its own slow readers, and the venue has promised to be gone in five seconds.
        web_server.should_exit = True
        await asyncio.gather(feed_server.stop(), serving)
        pump.stop()
        bell.stop()
        brake.stop()
        keeper.stop()
        await sequencer.close()
        await follower.stop(FOLLOWER_SECONDS)
        database.dispose()
        readers.dispose()


def _bell(settings: Settings, *, sessions: bool) -> Bell:
    """Nobody can foresee the ends of auctions, but by the seed where the clock is moved by hand, for training."""
    timetable = Timetable(TradingCalendar(settings.holidays), settings.hours()) if sessions else None
    chance = random.Random(settings.seed) if settings.clock == "manual" else random.SystemRandom()
    return Bell(timetable, settings.volatility_auction(), chance)


def _almanac(settings: Settings, demo: bool) -> Almanac:
    """A venue that trades round the clock, as the demonstration does, trades every day."""
    sessions = settings.calendar == "sessions" and not demo
    return Almanac(TradingCalendar(settings.holidays) if sessions else None)


def _document_key(settings: Settings) -> bytes:
    """Raises `SetupError`."""
    try:
        return key_in(settings.folder)
    except (OSError, ValueError) as error:
        raise SetupError(f"the key that seals documents cannot be had: {error}; restore it from a copy") from None


def _reserves_key(settings: Settings) -> bytes:
    """Raises `SetupError`."""
    try:
        return reserves_key.key_in(settings.folder)
    except (OSError, ValueError) as error:
        raise SetupError(f"the key that signs reserves cannot be had: {error}; restore it from a copy") from None


class _WebServer(uvicorn.Server):
    """uvicorn inside our loop: signals are the venue's to handle."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def _on_fault(sequencer: Sequencer, fault: Fault) -> None:
    """A fatal fault of the follower means that journal, rules and database do not agree: never trade on a guess."""
    if fault.fatal:
        sequencer.halt(fault.told, "follower")


def _tell_progress(sequence: int) -> None:
    logger.info("replaying the journal: sequence %d", sequence)


def _listen(host: str, port: int) -> socket.socket:
    """Bound before anything is opened, so that a port in use is found out at once."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
        return listener
    except OSError as error:
        raise SetupError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another by --port or --feed-port"
        ) from None
