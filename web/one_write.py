"""uvicorn's HTTP protocol, with each answer in one write, and with an end to its patience.

It writes the head of an answer and then the body, and each write is a call of the kernel, which is a good part of what
a short answer costs. Here what is written in one turn of the loop leaves together at its end. It also waits for ever
for a request's head, however long that gets: here such a connection is answered 408 or 431, and closed.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAXIMUM_KEPT: Final = 64 * 1024
"""Bytes that are kept to leave together; with more they leave at once, so that a long answer feels its reader's
pace."""


HEAD_S: Final = 10.0
"""How long a request's head may take, the first after connecting; whoever takes longer is cut within twice that."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's head that are read without its end being seen."""


class OneWriteProtocol(HttpToolsProtocol):
    """To be named as uvicorn's `http`."""

    _begun_s: float | None = None
    """When the head that is being read began."""
    _head: int = 0
    """Bytes read of it, whole reads."""
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Gathering(transport, self.loop)))
        self._begun_s = self.loop.time()
        self._watch = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._begun_s is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        self._begun_s, self._head = self.loop.time(), 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._begun_s = None
        super().on_headers_complete()

    def _look(self) -> None:
        """Now and then, instead of with a timer a request. A WebSocket's connection is not ours any more."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._begun_s is not None and self.loop.time() - self._begun_s >= HEAD_S:
            self._refuse(b"408 Request Timeout")
        else:
            self._watch = self.loop.call_later(HEAD_S, self._look)

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()


class _Gathering:
    """A transport that keeps what is written for the end of the loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._kept:
            self._loop.call_soon(self._leave)
        self._kept.append(data)
        self._size += len(data)
        if self._size > MAXIMUM_KEPT:
            self._leave()

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        self._leave()
        self._transport.write_eof()

    def close(self) -> None:
        self._leave()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        return self._size + self._transport.get_write_buffer_size()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _leave(self) -> None:
        if self._kept:
            kept, self._kept, self._size = self._kept, [], 0
            self._transport.write(kept[0] if len(kept) == 1 else b"".join(kept))
