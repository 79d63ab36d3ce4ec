"""Where the venue's journal is kept in a simulation: a plain log or the real SQLite journal, on the same disk."""

from random import Random
from typing import Any, Final, Protocol

from exchange.journal import ENGINE_VERSION, Birth, Journal
from exchange.sqlite_journal import SqliteJournal
from tests.simulation.disk import Disk
from tests.simulation.log_journal import LOG, MARK, LogJournal, marked
from tests.simulation.sqlite_disk import NAME, Folder, abandon, birth_image

VENUE: Final = "5eed" * 8
MARK_BYTES: Final = 80


class Storage(Protocol):
    """`open` may raise `JournalError`."""

    kind: str
    disk: Disk

    def open(self) -> Journal:
        """For a life of the venue."""
        ...

    def reader(self) -> Any:
        """What the follower reads the open journal with."""
        ...

    def abandon(self) -> None:
        """The life has ended, in whatever way: nothing of it may reach the disk any more."""
        ...

    def witnessed(self, image: dict[str, bytes]) -> int:
        """How far these files must reach by what stands beside the journal."""
        ...

    def damage(self, image: dict[str, bytes], chance: Random) -> tuple[str, dict[str, bytes]]:
        """What was done to a copy of the files, and the copy."""
        ...


class LogStorage:
    kind = "log"

    def __init__(self, disk: Disk, created_ns: int) -> None:
        self.disk = disk
        self._birth = Birth(venue_id=VENUE, engine_version=ENGINE_VERSION, created_ns=created_ns)
        self._journal: LogJournal | None = None

    def open(self) -> LogJournal:
        self._journal = LogJournal(self.disk, self._birth)
        return self._journal

    def reader(self) -> LogJournal:
        assert self._journal is not None
        return self._journal

    def abandon(self) -> None:
        self._journal = None

    def witnessed(self, image: dict[str, bytes]) -> int:
        return marked(image.get(MARK, b""))

    def damage(self, image: dict[str, bytes], chance: Random) -> tuple[str, dict[str, bytes]]:
        return _damage(image, LOG, chance)


class SqliteStorage:
    kind = "sqlite"

    def __init__(self, disk: Disk, created_ns: int) -> None:
        self.disk = disk
        disk.restore(birth_image(VENUE, created_ns))
        self._folder: Folder | None = None
        self._open: list[Any] = []

    def open(self) -> SqliteJournal:
        self._folder = Folder(self.disk)
        journal = SqliteJournal(self._folder.journal_path)
        self._open = [journal]
        return journal

    def reader(self) -> Any:
        assert self._folder is not None
        reader = SqliteJournal.open_reader(self._folder.journal_path)
        self._open.insert(0, reader)
        return reader

    def abandon(self) -> None:
        for each in self._open:
            abandon(each)
        self._open = []
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def witnessed(self, image: dict[str, bytes]) -> int:
        content = image.get(f"{NAME}.mark", b"")
        return int.from_bytes(content[24:32], "big") if len(content) == MARK_BYTES else 0

    def damage(self, image: dict[str, bytes], chance: Random) -> tuple[str, dict[str, bytes]]:
        names = [name for name in (NAME, NAME + "-wal", NAME + "-wal", NAME + ".mark") if image.get(name)]
        name = chance.choice(names)
        return _damage(image, name, chance)


def _damage(image: dict[str, bytes], name: str, chance: Random) -> tuple[str, dict[str, bytes]]:
    """A bit is flipped somewhere in the file, or its end is gone."""
    content = bytearray(image[name])
    if not content:
        return "nothing", image
    if chance.random() < 0.7:
        # The end is where it matters most: what was written last.
        at = len(content) - 1 - int(len(content) * chance.random() ** 3)
        bit = chance.randrange(8)
        content[at] ^= 1 << bit
        what = f"bit {bit} of byte {at} of {len(content)} in {name} flipped"
    else:
        left = int(len(content) * chance.choice((0.0, 0.5, 0.9, 0.99)))
        what = f"{name} cut from {len(content)} to {left} bytes"
        del content[left:]
    return what, {**image, name: bytes(content)}
