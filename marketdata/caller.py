"""A program's connection, whose plain messages are taken without the library's parser.

`websockets` parses a frame in generators, queues it and wakes a task for it, which costs an order more than to decode
it. So whole frames that are one message each, as nearly all are, are cut out here and handed on at once; the library
still shakes hands, answers pings, closes, and parses everything else:

    what is read ─► head of the request ──────────────────────► library ─► process_request …
                 └► frames ─┬─► whole text and binary ─► take
                            ├─► whole ping and pong ──────────► library
                            └─► close, fragments, whatever is wrong, and all after it ─► library ─► `async for`

The library is only ever given whole frames before it is given everything, so it never stands inside one that we go on
from; what breaks the protocol it answers as it would have. Frames that it parses are limited (`frame_allowance`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from marketdata.frame_allowance import PARSED_AT_ONCE, TOO_MANY_FRAMES, FrameAllowance

MAX_HELD: Final = 256 * 1024
"""Bytes read before they are wanted at which reading pauses."""

MESSAGES_A_TURN: Final = 256
"""Messages of a connection that are dealt with before the others have their turn: with more, the rest waits."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_MESSAGES: Final = (0x81, 0x82)  # whole text, whole binary
_PING: Final = 0x89
_PONG: Final = 0x8A
_MASKED: Final = 0x80


class Caller(ServerConnection):
    """`called` is told of it with its first byte, `gone` after its last: the library lists only those that have
    shaken hands.
    """

    def __init__(
        self,
        called: Callable[["Caller"], None],
        gone: Callable[["Caller"], None],
        max_frame: int,
        *args: Any,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._called = called
        self._gone = gone
        self._max_frame = max_frame
        self._take: Callable[[str | bytes], bool] | None = None
        self._make_room: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._run: Callable[[Coroutine[Any, Any, None]], None] | None = None
        self._seen = b""
        """The last bytes of a head that has not ended yet."""
        self._in_head = True
        self._cuts = True
        """Whether frames are still cut out here."""
        self._held = b""
        """Read, and not dealt with."""
        self._waits = False
        """For room: nothing is dealt with."""
        self._frames = FrameAllowance(self.loop.time)
        self._after_closing = 0
        """Bytes parsed after our closing frame."""
        self.address = ""
        self.admitted = True
        """Whether its address may have one more; the server knows."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        self._called(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(self)
        super().connection_lost(exc)

    def take_by(
        self,
        take: Callable[[str | bytes], bool],
        make_room: Callable[[], Coroutine[Any, Any, None]],
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """From now on each message is given to `take`, in order, but for those that come out of the library.

        Where `take` says that it has no room for more, `make_room` is run, and nothing is taken before it is through.
        """
        self._take, self._make_room, self._run = take, make_room, run
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            seen = self._seen + data
            end = seen.find(_END_OF_HEAD)
            if end < 0:
                self._seen = seen[-3:]
                super().data_received(data)
                return
            end += len(_END_OF_HEAD) - len(self._seen)
            self._in_head = False
            super().data_received(data[:end])
            data = data[end:]
            if not data:
                return
        if not self._cuts:
            self._parse(data)
            return
        if self._held:
            data = self._held + data
        if self._take is None or self._waits:
            self._held = data
            if len(data) > MAX_HELD:
                self.transport.pause_reading()
        else:
            self._held = b""
            self._cut(data)

    def _cut(self, data: bytes) -> None:
        """Deal with every whole frame, and keep what is left."""
        take = self._take
        assert take is not None
        position, size, left = 0, len(data), MESSAGES_A_TURN
        while size - position >= 2:
            first, second = data[position], data[position + 1]
            length = second & 0x7F
            begins = position + 6
            if length == 126:
                begins += 2
                if begins > size:
                    break
                length = data[position + 2] << 8 | data[position + 3]
            if self.protocol.state is not State.OPEN or second < _MASKED or length == 127 or length > self._max_frame:
                return self._leave_to_library(data[position:])
            ends = begins + length
            if first in _MESSAGES:
                if ends > size:
                    break
                message = _message(data, first, begins, ends)
                if message is None:
                    return self._leave_to_library(data[position:])
                position = ends
                if not take(message):
                    self._held = data[position:]
                    return self._wait()
                left -= 1
                if not left:
                    self._held = data[position:]
                    return self._let_others_go_first()
            elif first in (_PING, _PONG) and length < 126:
                if ends > size:
                    break
                super().data_received(data[position:ends])
                position = ends
            else:
                return self._leave_to_library(data[position:])
        self._held = data[position:]
        return None

    def _let_others_go_first(self) -> None:
        self._waits = True
        self.transport.pause_reading()
        self.loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._waits = False
        self._go_on()

    def _leave_to_library(self, data: bytes) -> None:
        self._cuts = False
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """By the library, piece by piece, so that what goes beyond the allowance is not parsed at all; nor is most of
        what comes when we have closed, but for the other's closing frame if it is among the first.
        """
        for begins in range(0, len(data), PARSED_AT_ONCE):
            piece = data[begins : begins + PARSED_AT_ONCE]
            if self.protocol.state is State.CLOSING:
                self._after_closing += len(piece)
                if self._after_closing > PARSED_AT_ONCE:
                    self._fail()
            super().data_received(piece)

    def process_event(self, event: Frame | Request) -> None:  # type: ignore[override]
        if isinstance(event, Frame) and not self._frames.spend() and self.protocol.state is State.OPEN:
            self._fail()
        super().process_event(event)

    def _fail(self) -> None:
        """Close, if that has not been done yet; what comes from now on is thrown away unparsed."""
        self._cuts = False
        if not self.protocol.eof_sent:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, TOO_MANY_FRAMES)
            self.send_data()

    def _wait(self) -> None:
        assert self._make_room is not None
        assert self._run is not None
        self._waits = True
        self.transport.pause_reading()
        self._run(self._wait_for(self._make_room()))

    async def _wait_for(self, room: Coroutine[Any, Any, None]) -> None:
        await room
        self._waits = False
        self._go_on()

    def _go_on(self) -> None:
        if self.transport.is_closing():
            self._held = b""
            return
        self.transport.resume_reading()
        held, self._held = self._held, b""
        if held and self._cuts:
            self._cut(held)


def _message(data: bytes, first: int, begins: int, ends: int) -> str | bytes | None:
    """The payload of a masked frame; none where it says that it is text and is not."""
    payload = data[begins:ends]
    mask = data[begins - 4 : begins]
    if mask != b"\0\0\0\0":
        payload = _unmasked(payload, mask)
    if first == 0x82:
        return payload
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")
