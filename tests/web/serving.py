"""The web application behind a real server on a port of the loopback, as the venue runs it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from marketdata.pump import Pump
from tests.web.office import Office
from web.one_write import OneWriteProtocol
from web.socket_protocol import SocketProtocol


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(office: Office) -> AsyncIterator[int]:
    """The port that it listens on."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    server = _Server(
        uvicorn.Config(
            office.app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            http=OneWriteProtocol,
            ws=SocketProtocol,
            ws_per_message_deflate=False,
        )
    )
    pump = Pump(office.gateway.feed, lambda: office.gateway.time_ns)
    pump.start()
    task = asyncio.create_task(server.serve([listener]))
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.005)
    try:
        yield port
    finally:
        server.should_exit = True
        await task
        pump.stop()
        listener.close()
