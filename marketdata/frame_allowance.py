"""How many frames a connection may have parsed for it.

A message is paid for by what it asks, but an empty fragment, a ping and a pong ask nothing: six bytes of each keep the
parser busy as long as an order does. So they are counted too.
"""

from collections.abc import Callable
from typing import Final

FRAMES_PER_SECOND: Final = 100
"""Fragments, pings and pongs that a connection may go on sending."""

FRAMES_AT_ONCE: Final = 500
"""How many it may send in a burst, which costs ten milliseconds to parse: the longest message in pieces of 132 bytes.
One more closes with 1008.
"""

PARSED_AT_ONCE: Final = 4_096
"""Bytes given to the parser before the allowance is looked at again."""

TOO_MANY_FRAMES: Final = "too many frames"


class FrameAllowance:
    """A bucket of frames that fills with time. `clock` is in seconds."""

    __slots__ = ("_clock", "_left", "_since_s")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = FRAMES_AT_ONCE
        self._since_s = clock()

    def spend(self) -> bool:
        """One frame more; false where it is one too many. The clock is only looked at when the bucket is empty."""
        self._left -= 1
        if self._left >= 0:
            return True
        now_s = self._clock()
        earned = int((now_s - self._since_s) * FRAMES_PER_SECOND)
        self._since_s = now_s
        self._left = min(FRAMES_AT_ONCE, earned) - 1
        return self._left >= 0
