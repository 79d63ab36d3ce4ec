"""uvicorn's WebSocket protocol, for strangers who mean no good.

It parses whatever comes, hangs up on what is wrong while more of it is on its way, so that the reason is lost, and logs
text that is no text as an error of ours. Here frames are limited, whoever is closed has a moment to read why, and what
strangers send makes no noise.
"""

import asyncio
from typing import Any, Final

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from marketdata.connection import MAX_FRAME
from marketdata.frame_allowance import PARSED_AT_ONCE, TOO_MANY_FRAMES, FrameAllowance

CLOSING_S: Final = 2.0
"""How long the other side may take to answer a closing frame; what else it sends meanwhile is thrown away."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """To be named as uvicorn's `ws`; messages may have `MAX_FRAME` bytes, and none is compressed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn.max_message_size = MAX_FRAME
        self.close_timeout = CLOSING_S
        self._allowance = FrameAllowance(self.loop.time)
        self._hanging_up = False
        self._looked_for_the_end = False
        self._held = b""
        """Read, and not parsed yet."""

    def data_received(self, data: bytes) -> None:
        """Parse a piece; more of it when the messages in that have been taken, so that others have their turn.

        When we have closed, the other's closing frame is looked for in one piece more.
        """
        if self._held:
            data, self._held = self._held + data, b""
        for begins in range(0, len(data), PARSED_AT_ONCE):
            if self._hanging_up:
                return
            if self.close_sent:
                if self._looked_for_the_end:
                    self.conn.fail(CloseCode.POLICY_VIOLATION, TOO_MANY_FRAMES)
                    self.handle_parser_exception()
                    return
                self._looked_for_the_end = True
            elif self.read_paused:
                self._held = data[begins:]
                return
            super().data_received(data[begins : begins + PARSED_AT_ONCE])

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        if self._held and self.queue.empty():
            self.data_received(b"")
            await asyncio.sleep(0)
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent and self._held:
            self.data_received(b"")

    def handle_cont(self, event: Frame) -> None:
        if self._may():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._may():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._may():
            super().handle_pong(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                if not self.close_sent:
                    self.conn.fail(CloseCode.INVALID_DATA, "not UTF-8")
                    self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Say what is wrong, and hang up when that has been read."""
        if self._hanging_up:
            return
        self._hanging_up = True
        closing = self.conn.close_sent
        code, reason = (1006, "") if closing is None else (closing.code, closing.reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.close_sent = True
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(CLOSING_S, self.transport.close)
        self.transport.resume_reading()

    def _may(self) -> bool:
        if self._hanging_up:
            return False
        if self._allowance.spend():
            return True
        if not self.close_sent:
            self.conn.fail(CloseCode.POLICY_VIOLATION, TOO_MANY_FRAMES)
            self.handle_parser_exception()
        return False
