"""The feed on a port of its own, for programs: full rate, both encodings, order entry too.

`websockets` does the handshake, reads, answers pings and closes. What leaves is written by us: the feed's frames are
made once for all readers and go to the transport as they are. That is sound because the library writes whole frames
synchronously, and nothing here uses its `send`, so neither can fall into the middle of the other's frame; once the
closing handshake has begun nothing is written.
"""

import asyncio
import contextlib
import functools
import http
import logging
import socket
from collections.abc import Coroutine, Sequence
from typing import Any, Final, cast

from websockets import Headers, Origin, Request, Response, Subprotocol
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from marketdata.addresses import Addresses
from marketdata.caller import Caller
from marketdata.connection import LOW_WATER, MAX_FRAME, MAX_OUTGOING, REST_S, OrderEntry
from marketdata.feed import Feed
from marketdata.wire import SUBPROTOCOLS, Payload

MAX_CONNECTIONS: Final = 10_000
"""One more is answered 503."""

MAX_OF_AN_ADDRESS: Final = 4_000
"""Connections of one address; one more is answered 503."""

MAX_UNSHAKEN: Final = 1_000
"""Connections beyond either limit that may wait for that answer; one more is cut."""

PING_S: Final = 20.0
"""A reader that says nothing is asked this often, and has as long to answer: a half-open connection ends within twice
that.
"""

CLOSING_S: Final = 2.0
"""How long a closing handshake may take before the transport is cut."""

OPENING_S: Final = 10.0
"""How long an opening handshake may take."""

FAREWELL_S: Final = 1.0
"""How long the readers' closing handshakes may take when the venue ends, all of them together."""

LAST_WORK_S: Final = 0.5
"""How long after them order entry has for what its readers wanted done when they are gone."""

PATHS: Final = ("/", "/feed")


class _Plain(logging.Filter):
    """What strangers send is no error of ours: no tracebacks, and below the level of warnings."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True


_strangers = logging.getLogger(f"{__name__}.strangers")
_strangers.addFilter(_Plain())
_strangers.setLevel(logging.INFO)  # below that the library tells whole messages, and with them tokens


class TransportOutlet:
    """Writes the feed's frames to the transport of a WebSocket."""

    def __init__(self, server: "FeedServer", websocket: ServerConnection) -> None:
        self._server = server
        self._websocket = websocket
        self._protocol = websocket.protocol
        self._transport = websocket.transport

    def write(self, parts: list[Payload]) -> None:
        if self._protocol.state is State.OPEN:
            frames = cast(list[bytes], parts)
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def buffered(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        self._server.run(_close(self._websocket, code, reason))


async def _close(websocket: ServerConnection, code: int, reason: str) -> None:
    """Close politely, or else cut: who does not read would keep the library waiting for its buffer to drain."""
    try:
        async with asyncio.timeout(CLOSING_S):
            await websocket.close(code, reason)
    except TimeoutError:
        pass
    finally:
        if websocket.state is not State.CLOSED:
            websocket.transport.abort()


class FeedServer:
    """Serves a feed to programs; the feed's pump is the caller's.

    A request without `Origin` comes from a program and is welcome; one with it comes from a page, whose origin must
    be among `origins`. Without `order_entry` orders are refused.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        origins: Sequence[str] = (),
        order_entry: OrderEntry | None = None,
    ) -> None:
        self.feed = feed
        self.host = host
        self.order_entry = order_entry
        self._port = port
        self._origins: list[Origin | None] = [None, *map(Origin, origins)]
        self._server: Server | None = None
        self._stopping = False
        self.callers: dict[Caller, None] = {}
        """Every open connection, whether it has shaken hands or not."""
        self._addresses = Addresses(MAX_OF_AN_ADDRESS)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, listener: socket.socket | None = None) -> None:
        """Listen, on a socket that is bound already if one is given. Raises `OSError` where the port cannot be had."""
        place: dict[str, Any] = {"host": self.host, "port": self._port} if listener is None else {"sock": listener}
        self._server = await serve(
            self._serve,
            **place,
            origins=self._origins,
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            select_subprotocol=_select,
            process_request=self._admit,
            create_connection=cast(
                type[ServerConnection], functools.partial(Caller, self._take_call, self._lose_call, MAX_FRAME)
            ),
            open_timeout=OPENING_S,
            compression=None,
            server_header=None,
            max_size=MAX_FRAME,
            # Above this the library would pause its own pings, so it is where our streams have paused already.
            write_limit=(MAX_OUTGOING, LOW_WATER),
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSING_S,
            logger=_strangers,
        )

    async def stop(self) -> None:
        """Tell everyone that the venue goes away, and leave nothing running: in `FAREWELL_S` and `LAST_WORK_S`
        together, whatever the readers do.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        self._stopping = True
        self.feed.flush()
        server.close()
        # Who has not even shaken hands is owed no goodbye, and the library would wait for them.
        for caller in list(self.callers):
            if caller.state is State.CONNECTING:
                caller.transport.abort()
        try:
            async with asyncio.timeout(FAREWELL_S):
                await server.wait_closed()
        except TimeoutError:
            for caller in list(self.callers):
                caller.transport.abort()
            await server.wait_closed()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LAST_WORK_S)
            for task in late:
                task.cancel()

    def _take_call(self, caller: Caller) -> None:
        """Somebody has connected; too late, where the server has just been stopped."""
        self.callers[caller] = None
        caller.admitted = self._addresses.enter(caller.address)
        full = len(self.callers) > MAX_CONNECTIONS + MAX_UNSHAKEN
        if self._stopping or full or self._addresses.of(caller.address) > MAX_OF_AN_ADDRESS + MAX_UNSHAKEN:
            caller.transport.abort()

    def _lose_call(self, caller: Caller) -> None:
        if caller in self.callers:
            del self.callers[caller]
            self._addresses.leave(caller.address)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """As a task that is kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path not in PATHS:
            return websocket.respond(http.HTTPStatus.NOT_FOUND, "The feed is at /feed.\n")
        if len(self.feed.connections) >= MAX_CONNECTIONS:
            return _full(b"too many readers\n")
        assert isinstance(websocket, Caller)
        if not websocket.admitted:
            return _full(b"too many connections from one address\n")
        return None

    async def _serve(self, websocket: ServerConnection) -> None:
        connection = self.feed.connect(
            TransportOutlet(self, websocket),
            encoding=SUBPROTOCOLS[websocket.subprotocol] if websocket.subprotocol else "json",
            framed=True,
            order_entry=self.order_entry,
        )

        def take(data: str | bytes) -> bool:
            work = connection.receive(data)
            if work is not None:
                self.run(work)
            return not (connection.rests or connection.congested)

        async def make_room() -> None:
            if connection.rests:
                connection.rests = False
                await asyncio.sleep(REST_S)
            if not connection.congested:
                return
            # Who asks without reading the answers is not asked for more.
            self.feed.flush()
            with contextlib.suppress(ConnectionClosed):
                await websocket.drain()

        assert isinstance(websocket, Caller)
        websocket.take_by(take, make_room, self.run)
        try:
            async for data in websocket:
                if not take(data):
                    await make_room()
        except ConnectionClosed:
            pass
        finally:
            work = connection.disconnected()
            if work is not None:
                self.run(work)


def _full(reason: bytes) -> Response:
    headers = Headers(
        {"Retry-After": "5", "Connection": "close", "Content-Type": "text/plain", "Content-Length": str(len(reason))}
    )
    return Response(503, "Service Unavailable", headers, reason)


def _select(websocket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first that we speak, in the reader's order; where there is none the connection has no subprotocol, which
    means JSON.
    """
    return next((name for name in offered if name in SUBPROTOCOLS), None)
