"""The follower has snapshots written while it follows: killed in the middle, without room, again and again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exchange.database import sqlite_url
from exchange.engine import Engine
from exchange.follower_handle import FollowerHandle
from exchange.journal import seal
from exchange.recovery import restored
from exchange.replay import run_replay
from exchange.snapshot import Snapshots, read_snapshot, sequence_of
from exchange.sqlite_journal import SqliteJournal
from tests.databases import with_tables
from tests.exchange.days import a_day_of_trading
from tests.exchange.seams import a_change_of_rules
from tests.exchange.test_follower_process import PATIENCE, another_start, gone, until
from tests.exchange.witnessing import entries_of

ROOT = Path(__file__).parents[2]
TOLD = a_day_of_trading(seed=41).commands


class Venue:
    """A journal that grows as a venue's would, with the hash that the engine has after each batch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.sqlite"
        self.url = sqlite_url(folder / "exchange.sqlite")
        with_tables(self.url)
        self.journal = SqliteJournal(self.path, venue_id="suixi", created_ns=1)
        self.snapshots = Snapshots.beside(self.path)
        self.engine = Engine()
        self.hashes: dict[int, bytes] = {}
        self._left = list(TOLD)

    def trade(self, commands: int) -> int:
        """Commit the next so many, a batch each; the last sequence."""
        told, self._left = self._left[:commands], self._left[commands:]
        assert told
        for command in told:
            for entry in entries_of([command], self.engine):
                self.hashes[entry.last_sequence] = self.engine.state_hash()
                self.journal.append(seal(entry, self.journal.tip().chain))
        return self.engine.sequence

    def kept(self) -> list[int]:
        return [sequence_of(path) for path in self.snapshots.newest_first()]

    def check(self) -> None:
        """Every snapshot is that of its moment."""
        for path in self.snapshots.newest_first():
            assert restored(read_snapshot(path)).state_hash() == self.hashes[sequence_of(path)]


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    venue = Venue(tmp_path)
    yield venue
    venue.journal.close()


@pytest.fixture
async def handles(venue: Venue) -> AsyncIterator[Callable[..., FollowerHandle]]:
    """Makes followers that take a snapshot each so many commands; `patch` is run in them first."""
    made: list[FollowerHandle] = []

    def make(commands: int = 50, kept: int = 2, patch: str = "") -> FollowerHandle:
        start = f"{patch}\nimport sys\nfrom exchange.__main__ import main\nsys.exit(main(sys.argv[1:]))"
        handle = FollowerHandle(
            venue.path,
            venue.url,
            command=(sys.executable, "-c", start, "follow", "--data", str(venue.path.parent)),
            environment={"EXCHANGE_SNAPSHOT_COMMANDS": str(commands), "EXCHANGE_SNAPSHOTS_KEPT": str(kept)},
        )
        made.append(handle)
        return handle

    yield make
    for handle in made:
        await handle.stop()


async def test_it_takes_them_while_it_follows_and_one_when_it_drains(
    venue: Venue, handles: Callable[..., FollowerHandle]
) -> None:
    handle = handles()
    await handle.start()
    for _ in range(4):
        reached = venue.trade(60)
        handle.committed(reached)
        await until(lambda reached=reached: handle.snapshot_sequence >= reached - 49)
    assert len(venue.kept()) == 2
    end = venue.trade(7)
    handle.committed(end)
    await handle.stop(PATIENCE)
    assert handle.snapshot_sequence == end == handle.projected_sequence
    assert venue.kept()[0] == end
    assert len(venue.kept()) == 2
    assert handle.snapshot_fault is None
    assert [path.name for path in venue.snapshots.path.iterdir() if path.suffix != ".snapshot"] == []
    venue.check()


async def test_it_begins_with_the_newest_and_takes_none_where_nothing_happened(
    venue: Venue, handles: Callable[..., FollowerHandle]
) -> None:
    first = handles(commands=10**6)
    end = venue.trade(120)
    await first.start()
    await until(lambda: first.verified_sequence == end)
    await first.stop(PATIENCE)
    (path,) = venue.snapshots.newest_first()
    written_ns = path.stat().st_mtime_ns
    again = handles(commands=10**6)
    await again.start()
    await until(lambda: again.verified_sequence == end)
    await again.stop(PATIENCE)
    assert again.snapshot_sequence == 0
    assert path.stat().st_mtime_ns == written_ns
    end = venue.trade(3)
    third = handles(commands=10**6)
    await third.start()
    await third.stop(PATIENCE)
    assert venue.kept() == [end, end - 3]
    venue.check()


HELD = """
import os, time
import exchange.recovery
from pathlib import Path
folder = Path({folder!r})
check = exchange.recovery.check_restores

def held(snapshot, makers=()):
    check(snapshot, makers)
    (folder / "checking").write_text(str(os.getpid()))
    deadline = time.monotonic() + {patience}
    while not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.01)

exchange.recovery.check_restores = held
"""
"""A writer that holds still before its file gets its name, until the test lets it go on."""


def unfinished(venue: Venue) -> list[Path]:
    return [path for path in venue.snapshots.path.iterdir() if path.name.endswith(".unfinished")]


async def test_the_follower_is_killed_while_the_writer_writes(
    venue: Venue, handles: Callable[..., FollowerHandle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer goes on without it; the next follower does not mistake the half file for one, nor take it away."""
    monkeypatch.setattr("exchange.follower_handle.FIRST_PAUSE_SECONDS", 0.01)
    handle = handles(patch=HELD.format(folder=str(tmp_path), patience=PATIENCE))
    await handle.start()
    end = venue.trade(60)
    handle.committed(end)
    await until((tmp_path / "checking").exists)
    assert venue.kept() == []
    (half,) = unfinished(venue)
    assert handle.pid is not None
    os.kill(handle.pid, signal.SIGKILL)
    await until(another_start(handle))
    await until(lambda: handle.verified_sequence == end)
    assert half.exists()
    (tmp_path / "go").touch()
    await until(lambda: not half.exists())
    assert venue.kept() != []
    venue.check()
    end = venue.trade(60)
    handle.committed(end)
    await until(lambda: handle.snapshot_sequence > 60)
    venue.check()


async def test_the_writer_is_killed_and_the_older_ones_are_as_they_were(
    venue: Venue, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    handle = handles(patch=HELD.format(folder=str(tmp_path), patience=PATIENCE))
    (tmp_path / "go").touch()
    await handle.start()
    end = venue.trade(60)
    handle.committed(end)
    await until(lambda: handle.snapshot_sequence > 0)
    older = venue.kept()
    (tmp_path / "checking").unlink()
    (tmp_path / "go").unlink()
    end = venue.trade(60)
    handle.committed(end)
    await until(lambda: (tmp_path / "checking").exists() and (tmp_path / "checking").read_text() != "")
    os.kill(int((tmp_path / "checking").read_text()), signal.SIGKILL)
    await until(lambda: handle.snapshot_fault is not None)
    assert handle.snapshot_fault is not None
    assert "was not written: its writer was ended by SIGKILL" in handle.snapshot_fault
    assert (venue.kept(), handle.fault, handle.starts) == (older, None, 1)
    assert len(unfinished(venue)) == 1
    (tmp_path / "go").touch()
    end = venue.trade(60)
    handle.committed(end)
    await until(lambda: handle.snapshot_sequence > older[0])
    assert handle.snapshot_fault is None
    assert unfinished(venue) == [], "the next writer clears up"
    venue.check()


FULL = """
import resource
import exchange.snapshot_writer
write = exchange.snapshot_writer.write

def limited(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
    return write(*arguments)

exchange.snapshot_writer.write = limited
"""


async def test_without_room_the_older_ones_stay_and_it_is_said(
    venue: Venue, handles: Callable[..., FollowerHandle]
) -> None:
    first = handles(commands=10**6)  # one alone, when it drains
    end = venue.trade(60)
    await first.start()
    await until(lambda: first.verified_sequence == end)
    await first.stop(PATIENCE)
    (older,) = venue.snapshots.newest_first()
    content = older.read_bytes()
    handle = handles(patch=FULL.format(bytes=len(content) // 2))
    await handle.start()
    end = venue.trade(60)
    handle.committed(end)
    await until(lambda: handle.snapshot_fault is not None)
    assert handle.snapshot_fault is not None
    assert handle.snapshot_fault.endswith(".snapshot cannot be written: File too large")
    assert await handle.wait_for(end, PATIENCE)
    await until(lambda: handle.verified_sequence == end)
    assert (handle.fault, handle.starts) == (None, 1), "it follows on"
    assert venue.kept() == [sequence_of(older)]
    assert older.read_bytes() == content
    assert unfinished(venue) == []


async def test_a_damaged_one_is_told_and_the_one_before_serves(
    venue: Venue, handles: Callable[..., FollowerHandle]
) -> None:
    for _ in range(2):
        venue.trade(60)
        handle = handles(commands=10**6)
        await handle.start()
        await handle.stop(PATIENCE)
    newest, before = venue.snapshots.newest_first()
    newest.write_bytes(newest.read_bytes()[:-1])
    handle = handles(commands=10**6)
    await handle.start()
    await until(lambda: handle.verified_sequence == 120)
    assert handle.snapshot_fault is not None
    assert f"a snapshot is passed over: {newest.name} is damaged in its section" in handle.snapshot_fault
    await handle.stop(PATIENCE)
    assert handle.snapshot_sequence == 120, "the drain writes it anew"
    assert venue.kept() == [120, sequence_of(before)]
    venue.check()


@pytest.mark.slow
async def test_restarted_again_and_again_it_comes_to_the_state_of_a_whole_replay(
    venue: Venue, handles: Callable[..., FollowerHandle]
) -> None:
    for number in range(6):
        handle = handles(commands=30)
        await handle.start()
        end = venue.trade(45)
        handle.committed(end)
        await until(lambda handle=handle, end=end: handle.verified_sequence == end)
        if number % 2:
            assert handle.pid is not None
            os.kill(handle.pid, signal.SIGKILL)
        await handle.stop(PATIENCE)
        said: dict[int | None, list[str]] = {None: [], 0: []}
        for way, lines in said.items():
            assert run_replay(venue.path, lines.append, from_snapshot=way, meter=Silent()) == 0, lines
        assert said[0][1:] == said[None] == [f"sequence {end}", f"state {venue.engine.state_hash().hex()}"]
    venue.check()


class Silent:
    """No progress."""

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        return self

    def tell(self, done: int) -> None: ...

    def end(self) -> None: ...


async def test_a_journal_with_older_rules_has_snapshots_of_todays(
    tmp_path: Path, handles: Callable[..., FollowerHandle], venue: Venue
) -> None:
    """Who hears of the past first takes none before he has heard it all."""
    venue.journal.close()
    for path in tmp_path.glob("journal.sqlite*"):
        path.unlink()
    engine, seam = a_change_of_rules(venue.path, TOLD, len(TOLD) // 2)
    handle = handles(commands=1)
    await handle.start()
    await until(lambda: handle.verified_sequence == engine.sequence)
    await handle.stop(PATIENCE)
    assert venue.kept()[0] == engine.sequence
    assert min(venue.kept()) > seam
    with closing(SqliteJournal(venue.path)):
        snapshot = read_snapshot(venue.snapshots.newest_first()[0])
    assert restored(snapshot).snapshot() == engine.snapshot()


async def test_a_writer_holds_nothing_of_the_followers(
    venue: Venue, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    """It outlives the follower without a pipe, a lock or a file of its own but the one it writes."""
    handle = handles(patch=HELD.format(folder=str(tmp_path), patience=PATIENCE))
    await handle.start()
    end = venue.trade(60)
    handle.committed(end)
    await until(lambda: (tmp_path / "checking").exists() and (tmp_path / "checking").read_text() != "")
    writer = int((tmp_path / "checking").read_text())
    held = {os.readlink(f"/proc/{writer}/fd/{each}") for each in os.listdir(f"/proc/{writer}/fd")}
    files = {each for each in held if not each.startswith("pipe:") and each != os.devnull}
    assert files == {str(path) for path in unfinished(venue)}
    assert len([each for each in held if each.startswith("pipe:")]) == 1, "on which it says what became of it"
    await asyncio.wait_for(handle.stop(), PATIENCE)
    assert not gone(writer)
    (tmp_path / "go").touch()
    await until(lambda: gone(writer))
    assert venue.kept() != []
    venue.check()


async def test_an_invariant_that_does_not_hold_is_fatal_and_leaves_no_snapshot(
    venue: Venue, handles: Callable[..., FollowerHandle]
) -> None:
    handle = handles(
        patch="from exchange.engine import Engine\n"
        "def audit(engine):\n    raise AssertionError('a gram too many')\n"
        "Engine.audit = audit"
    )
    await handle.start()
    reached = venue.trade(60)
    handle.committed(reached)
    await until(lambda: handle.fatal)
    assert handle.fault is not None
    assert "a gram too many" in handle.fault
    told = handle.faults[-1].told
    assert told.startswith("an invariant is broken at sequence "), "whom it halts is told no more than that"
    assert told.removeprefix("an invariant is broken at sequence ").isdigit()
    assert venue.kept() == []
    assert handle.projected_sequence == reached, "the database is good as far as it goes"
