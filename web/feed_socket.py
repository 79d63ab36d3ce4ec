"""`/feed` on the web port: the market for browsers, a thin adapter over `marketdata.feed`.

A page of ours opens it (other origins are refused), the session's cookie signs it in for the channel `account`, and
no stream sends more than ten messages a second (`?lane=phone`: four), which is what a screen can show. Orders go over
HTTP, so none are taken here.
"""

import asyncio
from collections import deque
from typing import Annotated, Any, Literal

from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.params import QueryParameter

from marketdata.addresses import Addresses
from marketdata.feed import Connection, Feed
from marketdata.wire import SUBPROTOCOLS, Payload
from web.context import services
from web.errors import Problem
from web.origins import is_own
from web.sessions import Caller, bearer_token, cookie_token

Lane = Literal["desk", "phone"]
LANES: dict[Lane, int] = {"desk": 10, "phone": 4}
"""Messages a second at most in one stream."""

MAXIMUM_CONNECTIONS = 5_000
"""Readers of both ports at which new ones are closed with 1013."""

MAXIMUM_OF_AN_ADDRESS = 1_000
"""Of one address; more are closed with 1013. Behind a proxy on this machine it is the address that the proxy tells."""

Socket = WebSocket[Any, Any, State]

CLOSING_S = 2.0
"""How long what is written, and the farewell after it, may take to leave a reader whom the feed has closed."""

TRY_LATER = 1013
POLICY_VIOLATION = 1008


@websocket("/feed")
async def feed_socket(socket: Socket, lane: Annotated[Lane, QueryParameter()] = "desk") -> None:
    """One reader, from upgrade to hanging up."""
    web = services(socket)
    headers = socket.headers
    if not is_own(headers.get("origin"), headers.get("host"), web.settings.origins):
        await socket.close(POLICY_VIOLATION, "pages of other sites may not read here")
        return
    feed: Feed = socket.app.state["feed"]
    if len(feed.connections) >= MAXIMUM_CONNECTIONS:
        await _turn_away(socket, "too many readers")
        return
    addresses: Addresses = socket.app.state["feed_addresses"]
    address = "" if socket.client is None else socket.client.host
    try:
        if addresses.enter(address):
            await _read_feed(socket, feed, lane)
        else:
            await _turn_away(socket, "too many readers from one address")
    finally:
        addresses.leave(address)


async def _turn_away(socket: Socket, reason: str) -> None:
    """Only what has been accepted can be told why."""
    await socket.accept()
    await socket.close(TRY_LATER, reason)


async def _read_feed(socket: Socket, feed: Feed, lane: Lane) -> None:
    web = services(socket)
    headers = socket.headers
    caller = await _caller_of(socket)
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    protocol = next((name for name in offered if name in SUBPROTOCOLS), None)
    await socket.accept(subprotocols=protocol)
    outlet = _Outlet(socket)
    connection = feed.connect(outlet, encoding=SUBPROTOCOLS.get(protocol or "", "json"), lane=LANES[lane])
    unwatch = None
    if caller is not None:
        connection.sign_in(caller.participant_id)
        # Signed out on this device or another: the account falls silent, the market goes on.
        unwatch = web.sessions.watch(caller.session, connection.sign_out)
    try:
        await outlet.carry(connection)
    finally:
        if unwatch is not None:
            unwatch()
        ending = connection.disconnected()
        if ending is not None:
            await ending


async def _caller_of(socket: Socket) -> Caller | None:
    """Who the cookie (or a bearer token) says it is; a session that has ended reads as nobody."""
    token = None
    for name, value in socket.scope["headers"]:
        if name == b"authorization":
            token = bearer_token(value) or token
        elif name == b"cookie":
            token = token or cookie_token(value)
    if token is None:
        return None
    try:
        return await services(socket).sessions.caller_of_token(token)
    except Problem:
        return None


class _Outlet:
    """What leaves, one message after the other; what waits is counted, so that the feed knows a slow reader."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._parts: deque[Payload] = deque()
        self._bytes = 0
        self._stirred = asyncio.Event()
        self._moved = asyncio.Event()
        self._ending: tuple[int, str] | None = None
        self._closing = asyncio.Event()

    # What the feed calls

    def write(self, parts: list[Payload]) -> None:
        self._parts.extend(parts)
        self._bytes += sum(map(len, parts))
        self._stirred.set()

    def buffered(self) -> int:
        return self._bytes

    def close(self, code: int, reason: str) -> None:
        self._ending = (code, reason)
        self._closing.set()
        self._stirred.set()

    # What carries

    async def carry(self, connection: Connection) -> None:
        """Both directions, until either ends; no longer than `CLOSING_S` after the feed has closed it."""
        tasks = [asyncio.ensure_future(work) for work in (self._read(connection), self._write(connection), self._end())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self) -> None:
        """Who does not read keeps the last message from leaving, and would keep the farewell from it for ever."""
        await self._closing.wait()
        await asyncio.sleep(CLOSING_S)

    async def _read(self, connection: Connection) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message["type"] != "websocket.receive":
                continue
            text = message.get("text")
            answering = connection.receive(text if text is not None else message.get("bytes") or b"")
            if answering is not None:
                await answering
            while connection.congested:
                self._moved.clear()
                await self._moved.wait()

    async def _write(self, connection: Connection) -> None:
        socket = self._socket
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            while self._parts:
                part = self._parts.popleft()
                message: Any = {"type": "websocket.send", "text" if isinstance(part, str) else "bytes": part}
                await socket.send(message)
                self._bytes -= len(part)
            self._moved.set()
            connection.drained()
            if self._ending is not None:
                code, reason = self._ending
                await socket.close(code, reason)
                return
