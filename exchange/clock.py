"""The venue's clock: nanoseconds since 1970 UTC that never go back, real or moved by hand."""

import time
from collections.abc import Callable
from typing import Literal, Protocol


class Clock(Protocol):
    @property
    def mode(self) -> Literal["real", "manual"]: ...

    def now_ns(self) -> int:
        """At least what it said before."""
        ...


class RealClock:
    """The machine's time. Where that is set back the venue's stands still until it has been caught up with."""

    mode: Literal["real"] = "real"

    def __init__(self, not_before_ns: int = 0, source: Callable[[], int] = time.time_ns) -> None:
        """`not_before_ns` is the last time in the journal."""
        self._last_ns = not_before_ns
        self._source = source

    def now_ns(self) -> int:
        now_ns = self._source()
        if now_ns > self._last_ns:
            self._last_ns = now_ns
        return self._last_ns


class ManualClock:
    """Stands still until it is set: for training and tests."""

    mode: Literal["manual"] = "manual"

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def set(self, time_ns: int) -> None:
        """Raises `ValueError` where that would go back."""
        if time_ns < self._now_ns:
            raise ValueError(f"the venue's clock is at {self._now_ns} and does not go back to {time_ns}")
        self._now_ns = time_ns
