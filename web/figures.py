"""What the venue knows of itself in numbers, for whoever watches it."""

from bisect import bisect_left
from typing import Final

from msgspec import Struct, field

COMMANDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Distribution(Struct):
    """How many values fell up to which bound, the last count being of those beyond all; and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = []
    total: float = 0.0

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """O(log bounds)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def of_commands() -> Distribution:
    return Distribution(COMMANDS)


def of_seconds() -> Distribution:
    return Distribution(SECONDS)


class Figures(Struct, kw_only=True):
    """True of this moment; totals count from the start of the process."""

    waiting: int = 0
    """Commands that wait for their batch."""
    refused: dict[str, int] = {}
    """Commands that found no place, by what there was not enough of: `room`, `share`; or that came in a pause:
    `database_behind`."""
    batch_commands: Distribution = field(default_factory=of_commands)
    execute_seconds: Distribution = field(default_factory=of_seconds)
    """Of each batch: engine, state hash where there is one, encoding and chain."""
    commit_seconds: Distribution = field(default_factory=of_seconds)
    """Of each batch: from hand-over to the journal until it was known to be durable."""
    flush_seconds: Distribution = field(default_factory=of_seconds)
    """Of each flush of the feed: from the publication that it was for until all of it had been written."""
    verified_sequence: int = 0
    """How far the shadow has found everything as recorded."""
    halt_cause: str | None = None
    pauses: int = 0
    paused_seconds: float = 0.0
    clock_ahead_seconds: float = 0.0
    """How far the venue's time is ahead of the machine's; less than 0: behind. 0 while it follows."""
    follower_starts: int = 0

    snapshot_sequence: int = 0
    """Of the newest one in the folder; 0 where there is none."""
    snapshot_age_seconds: float = 0.0
    """Since it was written; since the process began where there is none."""
    snapshot_seconds: Distribution = field(default_factory=of_seconds)
    """Of each snapshot: from the fork of its writer to its name."""
    snapshot_stood_seconds: Distribution = field(default_factory=of_seconds)
    """Of each snapshot: how long the follower stood still to be forked."""
    snapshot_failures: int = 0
    journal_bytes: int = 0
    """On the disk, its log included."""
    disk_free_bytes: int = 0
    """Where the journal lies."""
    uptime_seconds: float = 0.0
    gc_pauses: tuple[Distribution, ...] = field(default_factory=lambda: (of_seconds(), of_seconds(), of_seconds()))
    """Of each collection of garbage, by generation: how long nothing else happened."""
