"""A disk as a machine has one: what was written is seen at once, and outlives a loss of power once it is synced.

    write ─► content (what every reader sees) ─► sync ─► durable (what a loss of power leaves)
                └─► unsynced writes: a loss of power keeps any of them, in any order, or parts of them by sectors
                    a sync that fails leaves them seen and written nowhere: no later sync tries again

A process that is killed loses nothing of what it wrote; the machine goes on with it. So a next start may read what is
not durable yet.
"""

import errno
from collections.abc import Callable
from random import Random
from typing import Final, Literal, NamedTuple

SECTOR: Final = 512
"""A disk writes so many bytes whole or not at all."""

Fault = Literal["kill", "power", "full", "write_error", "sync_error"]


class Stopped(OSError):
    """The machine has stopped in the middle of this operation: whoever hears of it is dead already."""


class Write(NamedTuple):
    """Bytes at an offset; none: the file was cut there."""

    offset: int
    data: bytes | None


class DiskFile:
    """One file: what is seen, what is durable, and what lies between."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.durable = bytearray()
        self.unsynced: list[Write] = []
        self.abandoned: list[Write] = []
        """Seen, and given up by a sync that failed."""

    def apply(self, write: Write) -> None:
        _apply(self.content, write)
        self.unsynced.append(write)

    def settle(self) -> None:
        """Everything that is seen is durable."""
        self.durable = bytearray(self.content)
        self.unsynced.clear()
        self.abandoned.clear()


class Disk:
    """Files by name, and what goes wrong with them.

    `fired` is told the name of each fault that has happened. `on_stop` is called when an armed `kill` or `power` comes
    due, in the middle of an operation.
    """

    def __init__(self, chance: Random, fired: Callable[[str], None]) -> None:
        self._chance = chance
        self._fired = fired
        self.files: dict[str, DiskFile] = {}
        self.on_stop: Callable[[Fault], None] = lambda fault: None
        self.stopped = False
        self._armed: tuple[Fault, int] | None = None

    def file(self, name: str) -> DiskFile:
        """Made where there is none."""
        return self.files.setdefault(name, DiskFile())

    # What goes wrong

    def arm(self, fault: Fault, operations: int) -> None:
        """Let it happen at the so many-th operation from now that it fits."""
        self._armed = (fault, operations)

    def disarm(self) -> None:
        self._armed = None

    def crash(self, *, power: bool) -> None:
        """The machine has stopped. A kill leaves all that was written; a loss of power a random legal part of it."""
        self.stopped = False
        self.disarm()
        if not power:
            return
        keep = self._chance.choice((0.0, 0.5, 0.9, 1.0))
        for file in self.files.values():
            left = bytearray(file.durable)
            for write in file.unsynced:
                self._keep(left, write, keep)
            for write in file.abandoned:
                self._keep(left, write, 0.0)
            file.content = left
            file.settle()

    def _keep(self, left: bytearray, write: Write, likelihood: float) -> None:
        chance = self._chance
        if chance.random() >= likelihood:
            self._fired("disk: an unsynced write is lost")
            return
        if write.data is None or chance.random() < 0.7:
            _apply(left, write)
            return
        self._fired("disk: a write is torn")
        first = write.offset // SECTOR
        for sector in range(first, (write.offset + len(write.data)) // SECTOR + 1):
            if chance.random() < 0.5:
                begin = max(write.offset, sector * SECTOR)
                end = min(write.offset + len(write.data), (sector + 1) * SECTOR)
                if begin < end:
                    _apply(left, Write(begin, write.data[begin - write.offset : end - write.offset]))

    def flip(self, name: str, offset: int, bit: int) -> None:
        """A bit has changed while nobody looked."""
        file = self.files[name]
        file.content[offset] ^= 1 << bit
        file.settle()

    def cut(self, name: str, size: int) -> None:
        """The end of a file is gone."""
        file = self.files[name]
        del file.content[size:]
        file.settle()

    def image(self) -> dict[str, bytes]:
        """What is seen, to be put back later by `restore`."""
        return {name: bytes(file.content) for name, file in self.files.items()}

    def restore(self, image: dict[str, bytes]) -> None:
        """All of it is durable then."""
        self.files.clear()
        for name, content in image.items():
            file = self.file(name)
            file.content = bytearray(content)
            file.settle()

    # What a program does; all of it raises `OSError`

    def write(self, file: DiskFile, offset: int, data: bytes) -> None:
        if self._due("full", "write_error", "kill", "power"):
            self._fail("write", file, Write(offset, data))
        file.apply(Write(offset, data))

    def truncate(self, file: DiskFile, size: int) -> None:
        if self._due("write_error", "kill", "power"):
            self._fail("write", file, Write(size, None))
        file.apply(Write(size, None))

    def sync(self, file: DiskFile) -> None:
        if self._due("sync_error", "kill", "power"):
            self._fail("sync", file, None)
        durable = file.durable
        for write in file.unsynced:
            _apply(durable, write)
        file.unsynced.clear()

    def delete(self, name: str) -> None:
        """The name of a deleted file may come back with a loss of power."""
        if self._due("kill", "power"):
            self._fail("write", None, None)
        file = self.files.get(name)
        if file is not None:
            file.apply(Write(0, None))

    def _due(self, *faults: Fault) -> bool:
        if self.stopped:
            raise Stopped(errno.EIO, "the machine has stopped")
        if self._armed is None or self._armed[0] not in faults:
            return False
        fault, operations = self._armed
        self._armed = (fault, operations - 1)
        return operations <= 1

    def _fail(self, operation: str, file: DiskFile | None, write: Write | None) -> None:
        assert self._armed is not None
        fault, _ = self._armed
        self._armed = None
        if fault in ("kill", "power"):
            # The operation has begun: what it wrote may be there as if it had ended, and nobody was told.
            if file is not None and write is not None and self._chance.random() < 0.5:
                file.apply(write)
            self._fired(f"disk: {'loss of power' if fault == 'power' else 'kill'} in the middle of a {operation}")
            self.stopped = True
            self.on_stop(fault)
            raise Stopped(errno.EIO, "the machine has stopped")
        if fault == "full":
            self._fired("disk: full")
            raise OSError(errno.ENOSPC, "no space left on device")
        if fault == "sync_error":
            self._fired("disk: a sync fails")
            assert file is not None
            file.abandoned += file.unsynced
            file.unsynced.clear()
            raise OSError(errno.EIO, "input/output error")
        self._fired("disk: a write fails")
        raise OSError(errno.EIO, "input/output error")


def _apply(content: bytearray, write: Write) -> None:
    if write.data is None:
        del content[write.offset :]
        return
    if write.offset > len(content):
        content.extend(bytes(write.offset - len(content)))
    content[write.offset : write.offset + len(write.data)] = write.data
