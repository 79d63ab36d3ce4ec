"""The brake: trading pauses while the database is further behind than the venue has stated, and goes on by itself.

Trouble with the database does not stop trading at once: the journal has everything, and the follower catches up. But
what people own, owe and have traded is shown from there, and nobody should trade for long without it.

    behind by more than so many commands, or so many seconds ─► pause ─► no more than half of both ─► resume
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from exchange.sequencer import Sequencer

LOOK_SECONDS: Final = 0.2
"""Between two looks while nothing is committed."""

_log = logging.getLogger(__name__)


class Brake:
    """Belongs to the sequencer's loop. `behind` tells how many commands the database is behind, and for how many
    seconds."""

    def __init__(
        self,
        sequencer: Sequencer,
        behind: Callable[[], tuple[int, float]],
        *,
        commands: int,
        seconds: float,
    ) -> None:
        self._sequencer = sequencer
        self._behind = behind
        self._commands = commands
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._since: float | None = None
        self._paused_seconds = 0.0
        self.pauses = 0

    @property
    def paused_seconds(self) -> float:
        """All pauses together, the present one too."""
        return self._paused_seconds + (0.0 if self._since is None else self._loop.time() - self._since)

    def start(self) -> None:
        self._sequencer.on_committed.append(lambda _: self.look())
        self._tick()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """Pause or resume. O(1)."""
        commands, seconds = self._behind()
        if commands > self._commands or seconds > self._seconds:
            self._pause(commands, seconds)
        elif self._since is not None:
            if commands <= self._commands // 2 and seconds <= self._seconds / 2:
                self._resume()
            else:
                self._pause(commands, seconds)

    def _pause(self, commands: int, seconds: float) -> None:
        reason = f"the database is {commands} commands and {seconds:.0f} seconds behind"
        if self._since is None:
            self._since = self._loop.time()
            self.pauses += 1
            _log.error("trading pauses: %s", reason)
        self._sequencer.pause(reason)

    def _resume(self) -> None:
        assert self._since is not None
        took = self._loop.time() - self._since
        self._paused_seconds += took
        self._since = None
        self._sequencer.resume()
        _log.warning("trading goes on after %.1f seconds: the database has caught up", took)

    def _tick(self) -> None:
        self.look()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._tick)
