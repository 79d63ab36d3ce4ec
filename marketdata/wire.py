"""One message on the wire: encoded and framed at most once for all its readers.

There are two encodings, and two ways to carry each: a frame is a whole WebSocket frame as the server sends it (RFC
6455 section 5.2: not fragmented, not masked), ready for the transport; a payload is what goes into a frame that
somebody else makes.
"""

from collections.abc import Sequence
from struct import pack
from typing import Any, Final, Literal

import msgspec

Encoding = Literal["json", "msgpack"]
Payload = str | bytes
Form = Literal[0, 1, 2, 3]

FRAMED_JSON: Final = 0
FRAMED_MSGPACK: Final = 1
PLAIN_JSON: Final = 2
PLAIN_MSGPACK: Final = 3

SUBPROTOCOLS: Final[dict[str, Encoding]] = {"banana.feed.v1+json": "json", "banana.feed.v1+msgpack": "msgpack"}

_TEXT = 0x81  # final fragment, text
_BINARY = 0x82  # final fragment, binary

_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()


def form_of(encoding: Encoding, framed: bool) -> Form:
    if encoding == "json":
        return FRAMED_JSON if framed else PLAIN_JSON
    return FRAMED_MSGPACK if framed else PLAIN_MSGPACK


def frame(payload: bytes, *, text: bool) -> bytes:
    """The payload as one unmasked WebSocket frame."""
    opcode = _TEXT if text else _BINARY
    length = len(payload)
    if length < 126:
        return pack("!BB", opcode, length) + payload
    if length < 65_536:
        return pack("!BBH", opcode, 126, length) + payload
    return pack("!BBQ", opcode, 127, length) + payload


class Packet:
    """A message with its encodings, made when a reader first wants them and kept for the others."""

    __slots__ = ("_framed_json", "_framed_msgpack", "_plain_json", "_plain_msgpack", "message", "sequence")

    def __init__(self, message: Any, sequence: int = 0) -> None:
        self.message = message
        self.sequence = sequence
        self._framed_json: bytes | None = None
        self._framed_msgpack: bytes | None = None
        self._plain_json: str | None = None
        self._plain_msgpack: bytes | None = None

    def form(self, form: Form) -> Payload:
        """Bytes, or text where the form is `PLAIN_JSON`."""
        if form == FRAMED_JSON:
            if self._framed_json is None:
                self._framed_json = frame(_json.encode(self.message), text=True)
            return self._framed_json
        if form == FRAMED_MSGPACK:
            if self._framed_msgpack is None:
                self._framed_msgpack = frame(_msgpack.encode(self.message), text=False)
            return self._framed_msgpack
        if form == PLAIN_JSON:
            if self._plain_json is None:
                self._plain_json = _json.encode(self.message).decode()
            return self._plain_json
        if self._plain_msgpack is None:
            self._plain_msgpack = _msgpack.encode(self.message)
        return self._plain_msgpack


Chunk = tuple[list[Payload], int]
"""What is handed to a connection in one go, and its size in bytes. Framed messages are joined into one."""


def chunk(packets: Sequence[Packet], form: Form) -> Chunk:
    """These messages, in order, for all readers of that form. Text counts a byte a character: nearly all of it is
    ASCII.
    """
    parts = [packet.form(form) for packet in packets]
    if form <= FRAMED_MSGPACK and len(parts) > 1:
        parts = [b"".join(parts)]  # type: ignore[arg-type]
    return parts, sum(map(len, parts))
