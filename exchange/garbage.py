"""Garbage: when the interpreter may look for cycles in the venue's state, and how long it stood still for that.

The collector of CPython walks through all containers that it knows, and nothing else happens meanwhile. A venue's state
is millions of them without a cycle among them, so that the walk finds nothing and grows with the state: 120 ms with
100,000 orders, and each time a quarter has been added. What the venue does about it:

    state is built     no collection at all (`undisturbed`): it took two thirds of a start
    state is there     frozen (`settle`): what is frozen is not walked through again
    each second        `Keeper`: once there are enough new survivors they are walked through, once, and frozen
    in a rush          the youngest alone, in large portions, should so many come before the keeper does
    in long quiet      `Keeper`: everything is unfrozen, walked through and frozen again, since whatever was frozen and
                       became garbage only later, such as a connection's cycles, would stay for ever; after a day
                       without quiet, all the same

`Watch` measures every walk, whoever has asked for it.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from web.figures import Distribution, of_seconds

YOUNG: Final = 50_000
"""Containers made beyond those gone, at which the youngest are looked at without being asked for: more than batches
under way are made of, and than a busy second leaves behind, so that it is the keeper who looks, and looks once."""

MIDDLE: Final = 1
"""Rounds of the youngest before one of the next."""

GATHERED: Final = 5_000
"""So many survivors make a round of the keeper's: about a millisecond."""

TOO_MANY: Final = 4 * GATHERED
"""So many he does not put off for those who wait."""

NEVER: Final = 1_000_000_000
"""Rounds of those for one of the oldest: that is the keeper's to ask for."""

KEEPING_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 60.0
"""So long nothing was asked for, so that nobody is likely to wait for the great round: 130 to 320 ms of processor time
with 100,000 orders."""

GREAT_SECONDS: Final = 3_600.0
"""At least so long from one great round to the next."""

LATEST_SECONDS: Final = 86_400.0
"""So long a great round is put off by a venue that is never quiet; then it comes when nobody waits at the moment."""

LONG_SECONDS: Final = 0.05
"""A walk that took so long is logged."""

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No collection while something large is built; afterwards as before."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def settle() -> None:
    """The state is there: leave it alone from now on. For a process's own main program: it is about the whole of it."""
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    gc.freeze()


def settle_alone() -> None:
    """The same for a process without a `Keeper`, nobody of whose callers waits for milliseconds."""
    settle()
    gc.set_threshold(YOUNG, MIDDLE, 10)


class Watch:
    """Measures collections by generation, from `start` to `stop`."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.pauses: Final[tuple[Distribution, ...]] = tuple(of_seconds() for _ in range(3))
        """By generation, the oldest last."""
        self._clock = clock
        self._began: float | None = None

    def start(self) -> None:
        gc.callbacks.append(self._hear)

    def stop(self) -> None:
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._hear)

    def _hear(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = self._clock()
        elif self._began is not None:
            took, self._began = self._clock() - self._began, None
            self.pauses[info["generation"]].observe(took)
            if took >= LONG_SECONDS:
                _log.warning("the collector took %.0f ms, generation %d", took * 1e3, info["generation"])


class Keeper:
    """Belongs to one event loop. `asked` counts what the venue was asked for, `busy` says whether anything waits."""

    def __init__(self, asked: Callable[[], int], busy: Callable[[], bool]) -> None:
        self._asked = asked
        self._busy = busy
        self._last = -1
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_since = self._great_at = 0.0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._quiet_since = self._great_at = loop.time()
        self._timer = loop.call_later(KEEPING_SECONDS, self._look, loop)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now, asked = loop.time(), self._asked()
        if asked != self._last:
            self._last, self._quiet_since = asked, now
        quiet, since_great = now - self._quiet_since >= QUIET_SECONDS, now - self._great_at
        if (quiet and since_great >= GREAT_SECONDS) or (since_great >= LATEST_SECONDS and not self._busy()):
            gc.unfreeze()
            self._walk()
            self._great_at = loop.time()
        else:
            young, rounds, _ = gc.get_count()
            survivors = young + rounds * YOUNG
            if survivors >= TOO_MANY or (survivors >= GATHERED and not self._busy()):
                self._walk()
        self._timer = loop.call_later(KEEPING_SECONDS, self._look, loop)

    def _walk(self) -> None:
        gc.collect()
        gc.freeze()
