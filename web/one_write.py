"""uvicorn's HTTP protocol, with each answer in one write.

It writes the head of an answer and then the body, and each write is a call of the kernel, which is a good part of what
a short answer costs. Here what is written in one turn of the loop leaves together at its end.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAXIMUM_KEPT: Final = 64 * 1024
"""Bytes that are kept to leave together; with more they leave at once, so that a long answer feels its reader's
pace."""


class OneWriteProtocol(HttpToolsProtocol):
    """To be named as uvicorn's `http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Gathering(transport, self.loop)))


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
