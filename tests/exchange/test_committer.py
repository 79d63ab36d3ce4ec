"""Whoever writes the journal beside the loop: rows in order, an answer for each, failures told, a proper end."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.clock import ManualClock
from exchange.committer import Committer, ThreadCommitter
from exchange.journal import JournalUnavailable, Record
from exchange.replay import replay
from exchange.sequencer import Sequencer
from exchange.sqlite_journal import SqliteJournal
from matching.messages import SetPhase
from tests.exchange.loop_committer import LoopCommitter
from tests.exchange.tally import Tally
from web.ports import VenueHalted

DEADLINE_SECONDS = 20


class Ledger:
    """A journal that only remembers what it was told, and by which thread."""

    def __init__(self) -> None:
        self.rows: list[Record] = []
        self.threads: dict[str, None] = {}
        self.failure: Exception | None = None
        self.tidying_failure: Exception | None = None
        self.closing_failure: Exception | None = None
        self.closed = 0
        self.tidied: list[int] = []

    def append(self, record: Record) -> None:
        self.threads[threading.current_thread().name] = None
        if self.failure is not None:
            raise self.failure
        self.rows.append(record)

    def tidy(self) -> None:
        self.tidied.append(self.rows[-1].first_sequence)
        if self.tidying_failure is not None:
            raise self.tidying_failure

    def close(self) -> None:
        self.closed += 1
        if self.closing_failure is not None:
            raise self.closing_failure


def row(sequence: int) -> Record:
    return Record(first_sequence=sequence, last_sequence=sequence, time_ns=0, commands=b"", events=b"", chain=b"")


Make = Callable[[Ledger], Committer]
KINDS: list[Make] = [
    lambda ledger: ThreadCommitter(ledger),  # type: ignore[arg-type]
    lambda ledger: LoopCommitter(ledger),  # type: ignore[arg-type]
    lambda ledger: LoopCommitter(ledger, lambda record: record.first_sequence / 1_000),  # type: ignore[arg-type]
]


@pytest.fixture(params=KINDS, ids=["thread", "loop", "slow loop"])
def make(request: pytest.FixtureRequest) -> Make:
    kind: Make = request.param
    return kind


async def commit(committer: Committer, record: Record) -> BaseException | None:
    told: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    committer.commit(record, told.set_result)
    return await asyncio.wait_for(told, DEADLINE_SECONDS)


async def test_rows_are_appended_in_order_and_each_is_told_once(make: Make) -> None:
    ledger = Ledger()
    committer = make(ledger)
    for sequence in range(1, 21):
        assert await commit(committer, row(sequence)) is None
        assert ledger.rows[-1].first_sequence == sequence
    await committer.close()
    assert [record.first_sequence for record in ledger.rows] == list(range(1, 21))


async def test_a_failure_is_told_and_the_journal_is_closed_all_the_same(make: Make) -> None:
    ledger = Ledger()
    committer = make(ledger)
    ledger.failure = OSError(28, "No space left on device")
    assert await commit(committer, row(1)) is ledger.failure
    await committer.close()
    assert (ledger.rows, ledger.closed) == ([], 1)


async def test_what_can_wait_is_done_behind_each_row_and_fails_the_next(make: Make) -> None:
    ledger = Ledger()
    committer = make(ledger)
    assert await commit(committer, row(1)) is None
    assert await commit(committer, row(2)) is None
    ledger.tidying_failure = OSError(5, "Input/output error")
    assert await commit(committer, row(3)) is None, "it is durable"
    assert await commit(committer, row(4)) is ledger.tidying_failure
    await committer.close()
    assert [record.first_sequence for record in ledger.rows] == ledger.tidied == [1, 2, 3]
    assert ledger.closed == 1


async def test_closing_waits_for_the_row_under_way_and_can_be_asked_twice(make: Make) -> None:
    ledger = Ledger()
    committer = make(ledger)
    told: list[BaseException | None] = []
    committer.commit(row(1), told.append)
    await asyncio.wait_for(asyncio.gather(committer.close(), committer.close()), DEADLINE_SECONDS)
    await committer.close()
    assert (len(ledger.rows), ledger.closed) == (1, 1)
    while not told:  # the thread's last word may still be on its way to the loop
        await asyncio.sleep(0)
    assert told == [None]


async def test_a_journal_that_does_not_close_says_so(make: Make) -> None:
    ledger = Ledger()
    ledger.closing_failure = JournalUnavailable("the disk is gone")
    committer = make(ledger)
    with pytest.raises(JournalUnavailable, match="the disk is gone"):
        await committer.close()


async def test_the_loop_decides_when_a_row_is_committed_and_whether() -> None:
    """What a simulator needs: no thread, its own delay, failures from where it likes."""
    ledger = Ledger()
    loop = asyncio.get_running_loop()
    delays = iter([0.02, 0.0])

    def delay(_: Record) -> float:
        for seconds in delays:
            return seconds
        raise OSError(5, "the simulated disk is broken")

    committer = LoopCommitter(ledger, delay)  # type: ignore[arg-type]
    began = loop.time()
    assert await commit(committer, row(1)) is None
    assert loop.time() - began >= 0.02
    assert await commit(committer, row(2)) is None
    assert str(await commit(committer, row(3))) == "[Errno 5] the simulated disk is broken"
    assert list(ledger.threads) == [threading.current_thread().name]
    await committer.close()


async def test_a_sequencer_works_with_a_committer_in_its_loop(tmp_path: Path) -> None:
    """And with a stopwatch that is nobody's clock."""
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    readings = iter(range(0, 10**9, 1_000))
    broken = False

    def delay(_: Record) -> float:
        if broken:
            raise JournalUnavailable("the disk is full")
        return 0.001

    committer = LoopCommitter(journal, delay)
    engine = replay(journal, Tally)
    sequencer = Sequencer(engine, journal, ManualClock(7), committer=committer, stopwatch=lambda: next(readings))
    names = [thread.name for thread in threading.enumerate()]
    async with asyncio.timeout(DEADLINE_SECONDS):
        answers = await asyncio.gather(*(sequencer.submit(SetPhase("A", "continuous")) for _ in range(5)))
        assert [answer.sequence for answer in answers] == [1, 2, 3, 4, 5]
        assert sequencer.statistics.execute_ns == sequencer.statistics.commit_ns == 1_000
        assert "journal" not in names
        broken = True
        with pytest.raises(VenueHalted):
            await sequencer.submit(SetPhase("A", "continuous"))
        await sequencer.close()


async def test_a_venue_halted_while_a_row_is_under_way_acknowledges_nothing_more(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    committer = LoopCommitter(journal, lambda _: 0.01)
    sequencer = Sequencer(replay(journal, Tally), journal, ManualClock(7), committer=committer)
    answer = sequencer.offer(SetPhase("A", "continuous"))
    while sequencer.waiting:
        await asyncio.sleep(0)
    sequencer.halt("the shadow differs", "follower")
    with pytest.raises(VenueHalted, match="the shadow differs"):
        await answer
    async with asyncio.timeout(DEADLINE_SECONDS):
        await sequencer.close()
    assert sequencer.sequence == 0, "what became durable after the halt is for the next start to see"
