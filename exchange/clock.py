"""The venue's clock: nanoseconds since 1970 UTC that never go back, real or moved by hand.

A real clock follows the machine's, but not blindly. Set back a little, it stands still until it has been caught up
with. A step of more than `MAXIMUM_STEP_NS` at once, either way, is not followed: a machine that believes in next week
would let every order, receipt and term in between run out, and nothing takes that back. The venue then keeps its own
time, by the steady clock that nobody can set, says so, and follows again when the machine has been set right. Whoever
wants the step all the same starts the venue again.
"""

import logging
import time
from collections.abc import Callable
from typing import Final, Literal, Protocol

MAXIMUM_STEP_NS: Final = 60 * 10**9
"""What may be a correction of the machine's clock; more is a mistake of somebody's."""

_log = logging.getLogger(__name__)


class Clock(Protocol):
    @property
    def mode(self) -> Literal["real", "manual"]: ...

    @property
    def ahead_ns(self) -> int:
        """How far it is ahead of the machine's clock, as of the last reading: less than 0 where that has been set
        forward. 0 while it follows, and for a clock that does not follow the machine's."""
        ...

    def now_ns(self) -> int:
        """At least what it said before."""
        ...


def steady_ns() -> int:
    """Nanoseconds since some moment; goes on while the machine sleeps, and nobody can set it."""
    return time.clock_gettime_ns(_STEADY)


_STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux stops its monotonic clock while the machine sleeps, others do not: waking up is no step."""


class RealClock:
    """The machine's time, by the rules above. O(1)."""

    mode: Literal["real"] = "real"

    def __init__(
        self,
        not_before_ns: int = 0,
        source: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = steady_ns,
    ) -> None:
        """`not_before_ns` is the last time in the journal: where the machine is behind that, time stands still until
        it is not."""
        self._last_ns = not_before_ns
        self._source = source
        self._steady = steady
        self._course_ns: int | None = None
        """The machine's clock less the steady one, at the last reading."""
        self._kept_ns = 0
        """What steps that were not followed add up to, the other way round."""
        self._machine_ns = 0

    @property
    def ahead_ns(self) -> int:
        return self._last_ns - self._machine_ns if self._course_ns is not None else 0

    def now_ns(self) -> int:
        machine_ns = self._machine_ns = self._source()
        course_ns = machine_ns - self._steady()
        if self._course_ns is None:
            self._begin(machine_ns)
        elif not -MAXIMUM_STEP_NS <= course_ns - self._course_ns <= MAXIMUM_STEP_NS:
            self._refuse(course_ns - self._course_ns)
        self._course_ns = course_ns
        now_ns = machine_ns + self._kept_ns
        if now_ns > self._last_ns:
            self._last_ns = now_ns
        return self._last_ns

    def _begin(self, machine_ns: int) -> None:
        ahead_ns = self._last_ns - machine_ns
        if ahead_ns > MAXIMUM_STEP_NS:
            _log.error(
                "the machine's clock is %s behind the journal: the venue's time stands still until it has been "
                "caught up with",
                span(ahead_ns),
            )

    def _refuse(self, step_ns: int) -> None:
        self._kept_ns -= step_ns
        if -MAXIMUM_STEP_NS <= self._kept_ns <= MAXIMUM_STEP_NS:
            # Set right again: what is left is a correction like any other.
            self._kept_ns = 0
            _log.warning("the machine's clock has been set right, and the venue follows it again")
        else:
            _log.error(
                "the machine's clock has jumped %s %s; the venue does not follow and keeps its own time: set the clock "
                "right, or start the venue again if it is right now",
                span(abs(step_ns)),
                "forward" if step_ns > 0 else "back",
            )


class ManualClock:
    """Stands still until it is set: for training and tests."""

    mode: Literal["manual"] = "manual"
    ahead_ns = 0

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def set(self, time_ns: int) -> None:
        """Raises `ValueError` where that would go back."""
        if time_ns < self._now_ns:
            raise ValueError(f"the venue's clock is at {self._now_ns} and does not go back to {time_ns}")
        self._now_ns = time_ns


def span(duration_ns: int) -> str:
    """A duration for people, in its two largest units: `3 d 2 h`."""
    seconds = duration_ns // 10**9
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
