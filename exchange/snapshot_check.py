"""Snapshots under verification: each is whole, and the engine comes to its state when it is executed up to there."""

from collections.abc import Callable
from typing import Any

from exchange.engine import Engine
from exchange.journal import ENGINE_VERSION
from exchange.snapshot import SnapshotDamaged, Snapshots, fit, read_snapshot
from exchange.sqlite_journal import SqliteJournalReader


class SnapshotCheck:
    """`follow` is shown the engine behind each row. One of another venue or of other rules is none of ours: a start
    passes it over, and it is no fault."""

    def __init__(self, snapshots: Snapshots, journal: SqliteJournalReader, report: Callable[[str], Any]) -> None:
        """Reads them all. Raises `JournalCorrupt` where the journal ends before one of them."""
        self._report = report
        self._hashes: dict[int, bytes] = {}
        self._agreeing = 0
        self.wrong = 0
        """How many are damaged, or hold another state."""
        for path in snapshots.newest_first():
            try:
                header = read_snapshot(path).header
            except SnapshotDamaged as error:
                if path.exists():  # The venue may be running, and deletes the oldest.
                    self._say(f"snapshots: {error}")
                continue
            unfit = fit(header, journal)
            if unfit is None and header.engine_version == ENGINE_VERSION:
                self._hashes[header.sequence] = header.state_hash
            else:
                report(f"snapshots: {path.name} {unfit or f'is of engine version {header.engine_version}'}")

    def follow(self, engine: Engine) -> None:
        """O(1), and where there is a snapshot what has changed since the engine's last hash."""
        wanted = self._hashes.pop(engine.sequence, None)
        if wanted is None:
            return
        if engine.state_hash() == wanted:
            self._agreeing += 1
        else:
            self._say(f"snapshots: that of sequence {engine.sequence} holds another state than re-execution comes to")

    def close(self) -> None:
        """Say what was found."""
        if self._agreeing:
            self._report(f"snapshots: {self._agreeing} hold the states that re-execution comes to")

    def _say(self, text: str) -> None:
        self.wrong += 1
        self._report(text)
