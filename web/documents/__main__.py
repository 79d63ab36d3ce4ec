"""The press as a process: papers in by standard input, PDFs out by standard output, until the input ends.

`python -m web.documents FOLDER`, where the fonts lie in FOLDER. Both ways a message is its length in four bytes, big
end first, and its content; an answer begins with a byte more, 0 before a PDF, 1 before the reason why there is none.
"""

import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from web.documents.fonts import FontsMissing, Typeface
from web.documents.paper import Paper
from web.documents.sheet import draw


def main() -> int:
    """Exit status 0 at the end of the input."""
    # An interrupt from the keyboard is the venue's to hear; it ends the press by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    decoder = msgspec.msgpack.Decoder(Paper)
    typeface: Typeface | None = None
    while content := _read(incoming):
        try:
            typeface = typeface or Typeface(Path(sys.argv[1]))
            status, answer = 0, draw(decoder.decode(content), typeface)
        except FontsMissing as missing:
            status, answer = 1, str(missing).encode()
        outgoing.write(struct.pack(">BI", status, len(answer)) + answer)
        outgoing.flush()
    return 0


def _read(incoming: BinaryIO) -> bytes:
    """The next message; nothing at the end."""
    head = incoming.read(4)
    return incoming.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""


if __name__ == "__main__":
    sys.exit(main())
