"""The folder of snapshots in the simulation: real files, written by the venue's own code when the simulated follower
has one due, and damaged by whatever damages files while nobody looks.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from exchange.bell import Heard
from exchange.engine import Engine
from exchange.journal import Tip
from exchange.publication import Publication
from exchange.recovery import Witness, begin, write
from exchange.shadow import Shadow
from exchange.snapshot import Snapshots

_MEMORY: Final = Path("/dev/shm")


class SnapshotFolder:
    """Outlives the lives of the venue. `fired` is told of each fault that has happened."""

    def __init__(self, chance: Random, fired: Callable[[str], None], *, every: int, kept: int) -> None:
        self._chance = chance
        self.fired = fired
        self.every = every
        self.kept = kept
        self._path = Path(tempfile.mkdtemp(prefix="simulation-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self.snapshots = Snapshots(self._path / "snapshots")

    def close(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)

    def passed_over(self, line: str) -> None:
        """What a start says of those that it cannot use."""
        assert "passed over" in line, line
        self.fired("snapshot: passed over")

    def damage(self) -> None:
        """One of the things that may have happened to the folder."""
        found = self.snapshots.newest_first()
        if not found:
            return
        newest = found[0]
        match self._chance.randrange(6):
            case 0:
                self.fired("snapshot: the newest is gone")
                newest.unlink()
            case 1:
                self.fired("snapshot: cut")
                content = newest.read_bytes()
                newest.write_bytes(content[: self._chance.randrange(len(content))])
            case 2 | 3:
                self.fired("snapshot: a bit is flipped")
                content = bytearray(newest.read_bytes())
                content[self._chance.randrange(len(content))] ^= 1 << self._chance.randrange(8)
                newest.write_bytes(content)
            case 4:
                self.fired("snapshot: one is left unfinished")
                (self.snapshots.path / "77.1.unfinished").write_bytes(newest.read_bytes()[:100])
            case _:
                self.fired("snapshot: all are gone")
                shutil.rmtree(self.snapshots.path)


class SnapshotTaker:
    """What of it belongs to one life of the follower, in the place of `exchange.snapshot_writer`, which forks."""

    def __init__(self, folder: SnapshotFolder, reader: Any) -> None:
        """Begins the shadow as the follower does. Raises `JournalError`."""
        start = begin(reader, folder.snapshots, (Publication(), Heard()), folder.passed_over)
        header = start.snapshot
        row = None if header is None else Tip(header.sequence, header.time_ns, header.chain)
        self.shadow = Shadow(start.engine, reader, heard=start.heard, hear=start.hear, row=row)
        self._engine: Engine = start.engine
        self._witnesses: Sequence[Witness] = start.witnesses
        self._folder = folder
        self._venue_id: str = reader.birth().venue_id
        self._last = start.sequence

    def take(self) -> None:
        """One, where it is due."""
        row, folder = self.shadow.row, self._folder
        if row is None or row.sequence - self._last < folder.every:
            return
        self._last = row.sequence
        header = write(folder.snapshots, self._engine, self._witnesses, row, self._venue_id)
        folder.snapshots.retain(folder.kept, header)
        folder.fired("snapshot: written")
