"""The follower as a process: woken, killed, frozen, cut off from its database, lied to; the rows come out the same."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sqlalchemy import Engine, select, text

from exchange.database import connect, sqlite_url
from exchange.follower import Ear, Follower, Report
from exchange.follower_handle import Fault, FollowerHandle
from exchange.projector import Projector, all_metadata
from tests.databases import with_tables
from tests.exchange.barter import Barter, Venue

PATIENCE = 60.0
"""Seconds after which a test gives up waiting for what must happen."""

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    venue = Venue(tmp_path / "journal.sqlite")
    yield venue
    venue.close()


@pytest.fixture
def url(database_url: str) -> str:
    with_tables(database_url)
    return database_url


@pytest.fixture
async def handles(venue: Venue) -> AsyncIterator[Callable[..., FollowerHandle]]:
    """Makes handles for the venue's journal, and ends their processes with the test."""
    made: list[FollowerHandle] = []

    def make(url: str, kind: str = "plain", **wanted: Any) -> FollowerHandle:
        made.append(FollowerHandle(venue.journal.path, url, command=command(venue.journal.path, url, kind), **wanted))
        return made[-1]

    yield make
    for handle in made:
        await handle.stop()


def command(journal: Path, url: str, kind: str = "plain") -> tuple[str, ...]:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.exchange.barter import main; sys.exit(main())"
    return (sys.executable, "-c", start, str(journal), url, kind)


def rows(url: str) -> dict[str, list[str]]:
    engine = connect(url, read_only=True)
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(select(table)).all()))
                for metadata in all_metadata()
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()


def rows_at_once(venue: Venue, folder: Path) -> dict[str, list[str]]:
    """What the database must hold: the journal projected in one go, undisturbed, into a database of its own."""
    url = sqlite_url(folder / "undisturbed.sqlite")
    with_tables(url)
    engine = connect(url)
    projector = Projector(engine, venue.journal)
    projector.start()
    list(projector.advance())
    engine.dispose()
    return rows(url)


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


def progress(handle: FollowerHandle) -> Callable[[], bool]:
    """That it has projected more than now."""
    reached = handle.projected_sequence
    return lambda: handle.projected_sequence > reached


def another_start(handle: FollowerHandle) -> Callable[[], bool]:
    """That it was started once more than now."""
    starts = handle.starts
    return lambda: handle.starts > starts


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_it_catches_up_is_woken_and_drains_at_the_end(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    venue.trade(orders=20)
    handle = handles(url)
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    for _ in range(20):
        venue.trade(orders=3)
        handle.wake()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    await until(lambda: handle.verified_sequence == venue.sequence)
    venue.trade(orders=5)  # nobody wakes it: it finds this when its input ends
    await handle.stop(PATIENCE)
    assert handle.projected_sequence == handle.verified_sequence == venue.sequence
    assert (handle.pid, handle.fault, handle.starts) == (None, None, 1)
    assert rows(url) == rows_at_once(venue, tmp_path)


def test_what_is_committed_just_before_the_input_ends_is_not_missed(venue: Venue, url: str) -> None:
    """The venue commits and goes while the follower is between its look at the journal and its look at the input."""
    reading, writing = os.pipe()
    said: list[Report] = []

    def tell(report: Report) -> None:
        said.append(report)
        if report.verified == 3:
            venue.trade(orders=5)
            os.close(writing)

    assert Follower(venue.journal.path, url, Barter, Ear(reading), tell).run() == 0
    os.close(reading)
    assert [report.projected for report in said if report.projected is not None] == [0, 3, 8]
    assert [report.verified for report in said if report.verified is not None] == [3, 8]


def test_a_waking_that_comes_while_it_looks_for_the_end_is_not_lost(venue: Venue, url: str) -> None:
    reading, writing = os.pipe()
    said: list[Report] = []

    def tell(report: Report) -> None:
        said.append(report)
        if report.projected == 3:
            venue.trade(orders=5)
            os.write(writing, b"\n")
        if report.verified == 8:
            os.close(writing)

    assert Follower(venue.journal.path, url, Barter, Ear(reading), tell).run() == 0
    os.close(reading)
    assert [report.projected for report in said if report.projected is not None] == [0, 3, 8]


async def test_waiting_for_what_does_not_come_ends(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle]
) -> None:
    handle = handles(url)
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert not await handle.wait_for(venue.sequence + 1, 0.05)
    waiter = asyncio.create_task(handle.wait_for(venue.sequence + 1, PATIENCE))
    await asyncio.sleep(0)
    waiter.cancel()
    venue.trade(orders=1)
    handle.wake()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert waiter.cancelled()


async def test_killed_again_and_again_in_mid_projection_it_comes_to_the_same_rows(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.follower_handle.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("exchange.follower_handle.LONGEST_PAUSE_SECONDS", 0.01)
    for _ in range(42):
        venue.trade(orders=100)
    handle = handles(url)
    await handle.start()
    for _ in range(3):
        await until(progress(handle))
        assert handle.pid is not None
        os.kill(handle.pid, signal.SIGKILL)
        await until(another_start(handle))
        venue.trade(orders=100)
        handle.wake()
    assert handle.projected_sequence < venue.sequence, "it was killed before it was done"
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert handle.starts == 4
    assert [fault.fatal for fault in handle.faults] == [False] * len(handle.faults)
    assert "is started again" in handle.faults[0].text
    assert handle.fault is None, "it goes on"
    assert rows(url) == rows_at_once(venue, tmp_path)


async def test_two_at_once_lose_nothing_and_double_nothing(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    """As after a venue was killed: the old follower still drains when the new one starts."""
    for _ in range(20):
        venue.trade(orders=100)
    one, other = handles(url), handles(url)
    await asyncio.gather(one.start(), other.start())
    assert await one.wait_for(venue.sequence, PATIENCE)
    assert await other.wait_for(venue.sequence, PATIENCE)
    assert rows(url) == rows_at_once(venue, tmp_path)
    assert not one.fatal
    assert not other.fatal


async def test_a_database_that_comes_late_is_waited_for(
    venue: Venue, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    folder = tmp_path / "away"
    url = sqlite_url(folder / "exchange.sqlite")
    venue.trade(orders=10)
    faults: list[Fault] = []
    handle = handles(url, on_fault=faults.append)
    await handle.start()
    await until(lambda: bool(faults))
    assert "check the folder" in faults[0].text
    assert not faults[0].fatal
    assert handle.fault == faults[0].text
    # Meanwhile the shadow works on.
    await until(lambda: handle.verified_sequence == venue.sequence)
    folder.mkdir()
    with_tables(url)
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert handle.fault is None
    assert handle.starts == 1, "it did not need a new process"
    assert rows(url) == rows_at_once(venue, tmp_path)


async def test_a_database_that_loses_its_last_transactions_has_them_again_though_nothing_is_committed(
    venue: Venue, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    """As a server does that crashes, for commits of the projection do not wait for its disk. Seed 1148 found that
    nobody noticed until the next command."""
    url = sqlite_url(tmp_path / "exchange.sqlite")
    with_tables(url)
    faults: list[Fault] = []
    handle = handles(url, on_fault=faults.append)
    venue.trade(orders=10)
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    with closing(sqlite3.connect(":memory:")) as before, closing(sqlite3.connect(tmp_path / "exchange.sqlite")) as file:
        file.backup(before)
        venue.trade(orders=10)
        handle.wake()
        assert await handle.wait_for(venue.sequence, PATIENCE)
        complete = rows(url)
        before.backup(file)
        assert rows(url) != complete
    await until(lambda: bool(faults) and handle.fault is None and handle.projected_sequence == venue.sequence)
    assert "the database has gone back from sequence" in faults[0].text
    assert not faults[0].fatal
    assert rows(url) == complete == rows_at_once(venue, tmp_path)
    assert handle.starts == 1


async def test_a_server_that_cuts_connections_off_is_reached_again(
    venue: Venue, postgres_url: str, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    with_tables(postgres_url)
    for _ in range(32):
        venue.trade(orders=100)
    handle = handles(postgres_url)
    await handle.start()
    admin = connect(postgres_url)
    cut = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for _ in range(3):
        await until(progress(handle))
        with admin.begin() as connection:
            connection.execute(cut)
        venue.trade(orders=100)
        handle.wake()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    admin.dispose()
    assert handle.starts == 1
    assert rows(postgres_url) == rows_at_once(venue, tmp_path)


async def test_a_locked_database_holds_the_view_up_and_nothing_else(
    venue: Venue, handles: Callable[..., FollowerHandle], url: str
) -> None:
    handle = handles(url)
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    writer: Engine = connect(url)
    with writer.begin() as connection:
        connection.execute(text("UPDATE projection SET venue_id = venue_id"))
        venue.trade(orders=1)
        handle.wake()
        assert not await handle.wait_for(venue.sequence, 0.2)
    assert await handle.wait_for(venue.sequence, PATIENCE)
    writer.dispose()


@pytest.mark.parametrize("kind", ["forgetful", "moody"])
async def test_a_re_execution_that_comes_out_otherwise_is_fatal(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle], kind: str
) -> None:
    venue.trade(orders=200)
    faults: list[Fault] = []
    handle = handles(url, kind, on_fault=faults.append)
    await handle.start()
    await until(lambda: handle.fatal)
    await until(lambda: handle.pid is None)
    assert "re-execution differs from the journal" in faults[-1].text
    assert handle.starts == 1, "not started again"
    assert handle.projected_sequence == venue.sequence, "the view showed what was committed"
    assert handle.verified_sequence < venue.sequence


async def test_a_slow_shadow_does_not_hold_the_view_up(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle]
) -> None:
    venue.trade(orders=200)
    for _ in range(30):
        venue.trade(orders=10)
    handle = handles(url, "dull")
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    venue.trade(orders=1)
    handle.wake()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert handle.verified_sequence < venue.sequence


async def test_a_journal_shorter_than_the_database_is_fatal(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle], tmp_path: Path
) -> None:
    longer = Venue(tmp_path / "longer.sqlite")
    longer.trade(orders=5)
    engine = connect(url)
    projector = Projector(engine, longer.journal)
    projector.start()
    list(projector.advance())
    longer.close()
    engine.dispose()
    handle = handles(url)
    await handle.start()
    await until(lambda: handle.fatal)
    assert handle.fault is not None
    assert "rows of the journal are lost" in handle.fault
    await until(lambda: handle.pid is None)
    assert handle.starts == 1


async def test_a_damaged_journal_is_fatal(venue: Venue, url: str, handles: Callable[..., FollowerHandle]) -> None:
    import sqlite3

    venue.trade(orders=5)
    venue.trade(orders=5)
    with sqlite3.connect(venue.journal.path) as tamperer:
        tamperer.execute("UPDATE batches SET time_ns = time_ns + 1 WHERE first_sequence = 4")
    tamperer.close()
    handle = handles(url)
    await handle.start()
    await until(lambda: handle.fatal)
    assert handle.fault is not None
    assert "does not fit the chain" in handle.fault


async def test_a_frozen_follower_is_ended_all_the_same(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle]
) -> None:
    handle = handles(url)
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    pid = handle.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    for _ in range(200_000):
        handle.wake()  # more than a pipe holds: it is not kept for ever
    await handle.stop(timeout=0.1)
    assert gone(pid)


async def test_a_program_that_does_not_start_is_tried_again(venue: Venue, url: str) -> None:
    handle = FollowerHandle(venue.journal.path, url, command=(sys.executable, "-c", "print('x' * 10**6)"))
    await handle.start()
    await until(lambda: handle.starts >= 2)
    assert handle.fault == "the follower ended with status 0 and is started again"
    assert len(handle.faults) == 1, "the same fault again is no news"
    await handle.stop()


async def test_an_interrupt_at_the_keyboard_does_not_reach_it(
    venue: Venue, url: str, handles: Callable[..., FollowerHandle]
) -> None:
    handle = handles(url)
    await handle.start()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert handle.pid is not None
    os.kill(handle.pid, signal.SIGINT)
    venue.trade(orders=1)
    handle.wake()
    assert await handle.wait_for(venue.sequence, PATIENCE)
    assert handle.starts == 1


def test_the_loop_of_the_venue_serves_it_as_well(venue: Venue, url: str) -> None:
    """uvloop brings pipes and child processes of its own."""

    async def live() -> FollowerHandle:
        handle = FollowerHandle(venue.journal.path, url, command=command(venue.journal.path, url))
        await handle.start()
        assert await handle.wait_for(venue.sequence, PATIENCE)
        assert handle.pid is not None
        os.kill(handle.pid, signal.SIGKILL)
        await until(another_start(handle))
        for _ in range(10):
            venue.trade(orders=1)
            handle.wake()
        assert await handle.wait_for(venue.sequence, PATIENCE)
        venue.trade(orders=1)
        await handle.stop(PATIENCE)
        return handle

    handle = uvloop.run(live())
    assert (handle.projected_sequence, handle.starts, handle.pid) == (venue.sequence, 2, None)


def test_it_goes_when_the_venue_is_killed(venue: Venue, url: str) -> None:
    venue.trade(orders=10)
    arguments = f"Path({str(venue.journal.path)!r}), {url!r}, command={command(venue.journal.path, url)!r}"
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from exchange.follower_handle import FollowerHandle\n"
        "async def main():\n"
        f"    handle = FollowerHandle({arguments})\n"
        "    await handle.start()\n"
        f"    assert await handle.wait_for({venue.sequence}, {PATIENCE})\n"
        "    print(handle.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    pid = int(victim.stdout.readline())
    assert not gone(pid)
    victim.kill()
    victim.wait()
    victim.stdout.close()
    deadline = time.monotonic() + PATIENCE
    while not gone(pid):
        assert time.monotonic() < deadline, "the follower outlived its venue"
        time.sleep(0.01)
