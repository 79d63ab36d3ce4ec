"""Vitals: what the venue's process and its disk say of themselves, read when somebody asks."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from exchange.follower_handle import FollowerHandle
from exchange.garbage import Watch
from exchange.snapshot import Snapshots, sequence_of
from web.figures import Figures


class Vitals:
    """Begins with the process. `watch` has measured the collector of garbage since then."""

    def __init__(
        self,
        journal_path: Path,
        watch: Watch,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal_path = journal_path
        self._snapshots = Snapshots.beside(journal_path)
        self._watch = watch
        self._monotonic = monotonic
        self._clock = clock
        self._began = monotonic()

    def add_to(self, figures: Figures, follower: FollowerHandle) -> Figures:
        """The same figures, with these. A few calls of the system; files that are gone meanwhile count for nothing."""
        figures.uptime_seconds = self._monotonic() - self._began
        figures.gc_pauses = self._watch.pauses
        figures.snapshot_seconds = follower.snapshot_seconds
        figures.snapshot_stood_seconds = follower.snapshot_stood_seconds
        figures.snapshot_failures = follower.snapshot_failures
        figures.snapshot_sequence, figures.snapshot_age_seconds = self._newest(figures.uptime_seconds)
        figures.journal_bytes = _size(self._journal_path) + _size(
            self._journal_path.with_name(self._journal_path.name + "-wal")
        )
        disk = os.statvfs(self._journal_path.parent)
        figures.disk_free_bytes = disk.f_bavail * disk.f_frsize
        return figures

    def _newest(self, uptime_seconds: float) -> tuple[int, float]:
        """The sequence of the newest snapshot and the seconds since it was written."""
        for path in self._snapshots.newest_first():
            try:
                return sequence_of(path), max(0.0, self._clock() - path.stat().st_mtime)
            except FileNotFoundError:
                continue
        return 0, uptime_seconds


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
