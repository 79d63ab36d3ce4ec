"""The venue's end of the press: hands papers to the process that draws them, one after the other.

The process is started by the first paper, and again by the next one after it died or took too long. It ends when its
input does, so it never outlives the venue. Its start costs 0.3 s, a page some 20 ms; neither is the loop's.
"""

import asyncio
import contextlib
import struct
import sys
from pathlib import Path
from typing import Final

import msgspec

from web.documents.paper import Paper
from web.errors import Problem, Unavailable

MAXIMUM_WAITING: Final = 32
"""Papers that wait for the press; more are told to come back."""
LONGEST_S: Final = 20.0
"""A paper of two thousand rows takes less than two seconds."""
STOP_S: Final = 2.0


class Press:
    """Belongs to one event loop."""

    def __init__(self, fonts: Path) -> None:
        self._fonts = fonts
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def pid(self) -> int | None:
        """The process that prints at the moment."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def print(self, paper: Paper) -> bytes:
        """The PDF. Raises `Unavailable` `busy`, and `Problem` `fonts_missing` where they have not been built."""
        if self._waiting >= MAXIMUM_WAITING:
            raise Unavailable("busy", "too many documents are being printed at once")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._print(msgspec.msgpack.encode(paper))
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the process; one that does not go by itself is killed."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            await _kill(process)

    async def _print(self, content: bytes) -> bytes:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await self._start()
        try:
            async with asyncio.timeout(LONGEST_S):
                status, answer = await _exchange(process, content)
        except BaseException as error:
            # Also whoever asked may have gone: an answer half read would be the next one's beginning.
            self._process = None
            await asyncio.shield(_kill(process))
            if isinstance(error, TimeoutError | EOFError | OSError):
                raise Unavailable("busy", "the document could not be printed, try again") from error
            raise
        if status:
            raise Problem(503, "fonts_missing", answer.decode())
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "web.documents", str(self._fonts)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )


async def _exchange(process: asyncio.subprocess.Process, content: bytes) -> tuple[int, bytes]:
    """Raises `asyncio.IncompleteReadError`, which is an `EOFError`, and `OSError` where the process has gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(struct.pack(">I", len(content)) + content)
    await process.stdin.drain()
    status, length = struct.unpack(">BI", await process.stdout.readexactly(5))
    return status, await process.stdout.readexactly(length)


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
