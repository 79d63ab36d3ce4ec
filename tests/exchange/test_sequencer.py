"""One order, one time, durable before it is told; and a halt wherever the venue would have to guess."""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from exchange.clock import Clock, ManualClock, RealClock
from exchange.journal import Journal, JournalUnavailable, Record
from exchange.protocol import Entry
from exchange.replay import replay
from exchange.sequencer import HASH_COMMANDS, Sequencer
from exchange.sqlite_journal import SqliteJournal
from matching.messages import AdvanceTime, PhaseChanged, SetPhase
from tests.exchange.tally import Tally
from web.ports import Outcome, VenueBusy, VenueHalted

DEADLINE_SECONDS = 20


class HeldJournal:
    """The SQLite journal, whose commits a test can hold up or make fail."""

    def __init__(self, path: Path) -> None:
        self.inner = SqliteJournal(path)
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.failure: Exception | None = None
        self.closed = False

    def append(self, record: Record) -> None:
        self.entered.set()
        assert self.gate.wait(DEADLINE_SECONDS)
        if self.failure is not None:
            raise self.failure
        self.inner.append(record)

    def tidy(self) -> None:
        self.inner.tidy()

    def close(self) -> None:
        self.closed = True
        self.inner.close()

    birth = property(lambda self: self.inner.birth)
    tip = property(lambda self: self.inner.tip)
    last = property(lambda self: self.inner.last)
    read = property(lambda self: self.inner.read)
    entry_of = property(lambda self: self.inner.entry_of)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@asynccontextmanager
async def venue(
    journal: Journal, *, clock: Clock | None = None, engine: Tally | None = None, maximum_waiting: int = 16_384
) -> AsyncIterator[tuple[Sequencer, Tally]]:
    engine = engine or replay(journal, Tally)
    sequencer = Sequencer(
        engine, journal, clock or RealClock(engine.time_ns), maximum_waiting=maximum_waiting, batch_commands=512
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield sequencer, engine
    finally:
        await sequencer.close()


async def entered(journal: HeldJournal) -> None:
    assert await asyncio.to_thread(journal.entered.wait, DEADLINE_SECONDS)
    journal.entered.clear()


def rows(path: Path) -> list[Record]:
    reader = SqliteJournal.open_reader(path)
    try:
        return list(reader.read())
    finally:
        reader.close()


def change(symbol: str) -> SetPhase:
    return SetPhase(symbol, "continuous")


# --- order, time, answers


async def test_a_command_is_answered_with_its_events_when_the_journal_has_it(path: Path) -> None:
    journal = HeldJournal(path)
    journal.gate.clear()
    async with venue(journal, clock=ManualClock(77)) as (sequencer, engine):
        answer = asyncio.ensure_future(sequencer.submit(change("BXJ")))
        await entered(journal)
        assert engine.counts == {"BXJ": 1}, "executed"
        assert not answer.done(), "not told"
        assert sequencer.sequence == 0
        journal.gate.set()
        assert await answer == Outcome(1, 77, (PhaseChanged("BXJ", "continuous"),))
        assert sequencer.sequence == 1
        assert rows(path)[0].entry().commands == (change("BXJ"),)
        assert await sequencer.recorded(1) == await answer
        with pytest.raises(LookupError):
            await sequencer.recorded(2)


async def test_a_thousand_at_once_share_few_rows_and_keep_their_order(path: Path) -> None:
    answered: list[int] = []

    async def enter(sequencer: Sequencer, number: int) -> None:
        outcome = await sequencer.submit(change(f"S{number}"))
        assert outcome.events == (PhaseChanged(f"S{number}", "continuous"),)
        answered.append(outcome.sequence)

    async with venue(SqliteJournal(path)) as (sequencer, _):
        await asyncio.gather(*(enter(sequencer, number) for number in range(1_000)))
        assert sequencer.statistics.commands == 1_000
        assert sequencer.statistics.batches == 2
    assert answered == list(range(1, 1_001))
    written = rows(path)
    assert len(written) == 3, "512, 488, and the row that closes"
    commands = [command for record in written for command in record.entry().commands]
    assert commands[:1_000] == [change(f"S{number}") for number in range(1_000)]


async def test_what_arrives_during_a_commit_is_the_next_batch(path: Path) -> None:
    journal = HeldJournal(path)
    journal.gate.clear()
    async with venue(journal) as (sequencer, engine):
        first = sequencer.offer(change("A"))
        await entered(journal)
        rest = [sequencer.offer(change("B")) for _ in range(10)]
        assert sequencer.waiting == 10
        assert engine.counts == {"A": 1}, "the loop goes on accepting, the engine waits"
        journal.gate.set()
        assert [(await answer).sequence for answer in [first, *rest]] == list(range(1, 12))
    assert [(record.first_sequence, record.last_sequence) for record in rows(path)] == [(1, 1), (2, 11), (12, 12)]


async def test_readers_of_committed_batches_hear_before_the_answers_and_in_order(path: Path) -> None:
    heard: list[str] = []
    async with venue(SqliteJournal(path)) as (sequencer, _):

        def listen(entry: Entry) -> None:
            assert sequencer.sequence == entry.last_sequence
            heard.append(f"batch to {entry.last_sequence}")

        sequencer.on_committed.append(listen)
        for _ in range(3):
            outcome = await sequencer.submit(change("A"))
            heard.append(f"answer {outcome.sequence}")
    assert heard[:6] == ["batch to 1", "answer 1", "batch to 2", "answer 2", "batch to 3", "answer 3"]


async def test_time_never_goes_back_and_a_batch_has_one(path: Path) -> None:
    machine = random.Random(5)
    clock = RealClock(source=lambda: machine.randrange(1_000))
    async with venue(SqliteJournal(path), clock=clock) as (sequencer, _):
        for _ in range(50):
            await asyncio.gather(*(sequencer.submit(change("A")) for _ in range(3)))
    times = [record.time_ns for record in rows(path)]
    assert times == sorted(times)
    assert len(times) > 50

    # The next venue's machine is a thousand nanoseconds behind.
    async with venue(SqliteJournal(path), clock=RealClock(source=lambda: 1)) as (sequencer, _):
        assert (await sequencer.submit(change("A"))).time_ns == times[-1]


async def test_a_restart_goes_on_where_the_journal_ended(path: Path) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        await asyncio.gather(*(sequencer.submit(change("A")) for _ in range(5)))
    async with venue(SqliteJournal(path)) as (sequencer, engine):
        assert engine.counts == {"A": 5}
        assert sequencer.sequence == 5
        assert (await sequencer.submit(change("A"))).sequence == 6


async def test_giving_up_an_answer_breaks_nobody_elses(path: Path) -> None:
    journal = HeldJournal(path)
    journal.gate.clear()
    async with venue(journal) as (sequencer, engine):
        under_way = asyncio.ensure_future(sequencer.submit(change("A")))
        await entered(journal)
        waiting = [asyncio.ensure_future(sequencer.submit(change("B"))) for _ in range(3)]
        while sequencer.waiting < 3:
            await asyncio.sleep(0)
        under_way.cancel()
        waiting[1].cancel()
        journal.gate.set()
        assert (await waiting[0]).sequence == 2
        assert (await waiting[2]).sequence == 4, "what was given up was in turn, and is done"
        assert engine.counts == {"A": 1, "B": 3}


async def test_a_loop_that_never_rests_does_not_starve_the_journal(path: Path) -> None:
    """Without lending it the interpreter's lock, a commit took half a second in such a loop, 300 of them minutes."""
    async with venue(SqliteJournal(path)) as (sequencer, _):
        done = False

        async def spin() -> None:
            while not done:
                sum(range(3_000))
                await asyncio.sleep(0)

        spinning = asyncio.ensure_future(spin())
        for number in range(1, 301):
            assert (await sequencer.submit(change("A"))).sequence == number
        done = True
        await spinning


async def test_the_loop_goes_on_during_a_slow_commit(path: Path) -> None:
    journal = HeldJournal(path)
    journal.gate.clear()
    async with venue(journal) as (sequencer, _):
        answer = sequencer.offer(change("A"))
        await entered(journal)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert not answer.done()
        journal.gate.set()
        assert (await answer).sequence == 1


# --- what readers of the engine see


async def test_settled_waits_for_the_commit_under_way(path: Path) -> None:
    journal = HeldJournal(path)
    async with venue(journal) as (sequencer, engine):
        await sequencer.settled()
        journal.gate.clear()
        sequencer.offer(change("A"))
        await entered(journal)

        async def read() -> tuple[int, dict[str, int]]:
            await sequencer.settled()
            return sequencer.sequence, dict(engine.counts)

        reader = asyncio.ensure_future(read())
        follow_up = [sequencer.offer(change("A")) for _ in range(2)]
        journal.gate.set()
        assert await reader == (1, {"A": 1}), "not what is executed next"
        assert [(await answer).sequence for answer in follow_up] == [2, 3]


async def test_no_reader_sees_what_is_not_committed(path: Path) -> None:
    """Readers and writers at once: whatever is read is true of a sequence that the journal has."""
    async with venue(SqliteJournal(path)) as (sequencer, engine):
        done = False

        async def read() -> int:
            reads = 0
            reader = SqliteJournal.open_reader(path)
            while not done:
                await sequencer.settled()
                assert engine.sequence == sequencer.sequence
                assert reader.tip().sequence == engine.sequence
                reads += 1
                await asyncio.sleep(0)
            reader.close()
            return reads

        async def write() -> None:
            for _ in range(30):
                await sequencer.submit(change("A"))

        readers = [asyncio.ensure_future(read()) for _ in range(5)]
        await asyncio.gather(*(write() for _ in range(20)))
        done = True
        assert min(await asyncio.gather(*readers)) > 0
        assert engine.counts == {"A": 600}


# --- bounds


async def test_a_full_queue_says_busy_before_the_journal_hears_of_it(path: Path) -> None:
    journal = HeldJournal(path)
    journal.gate.clear()
    async with venue(journal, maximum_waiting=4) as (sequencer, _):
        under_way = sequencer.offer(change("A"))
        await entered(journal)
        taken = [sequencer.offer(change("B")) for _ in range(4)]
        with pytest.raises(VenueBusy) as busy:
            await sequencer.submit(change("C"))
        assert busy.value.retry_after_ms > 0
        assert sequencer.statistics.refused_busy == 1
        journal.gate.set()
        assert [(await answer).sequence for answer in (under_way, *taken)] == [1, 2, 3, 4, 5]
        assert (await sequencer.submit(change("C"))).sequence == 6, "and is taken again"
    assert "C" not in str([record.entry().commands for record in rows(path)[:2]])


# --- time as input


async def test_a_deadline_is_met_without_anyone_asking(path: Path) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        closed = asyncio.Event()

        def listen(entry: Entry) -> None:
            if any(isinstance(event, PhaseChanged) and event.phase == "closed" for event in entry.events[0]):
                closed.set()

        sequencer.on_committed.append(listen)
        deadline_ns = time.time_ns() + 30_000_000
        await sequencer.submit(change(f"UNTIL-{deadline_ns}"))
        await closed.wait()
    met = rows(path)[1].entry()
    assert met.time_ns >= deadline_ns
    assert met.commands == (AdvanceTime(met.time_ns),)
    assert met.events == ((PhaseChanged(f"UNTIL-{deadline_ns}", "closed"),),)


async def test_a_deadline_that_passed_while_the_venue_was_down_is_met_at_the_start(path: Path) -> None:
    async with venue(SqliteJournal(path), clock=RealClock(source=lambda: 10)) as (sequencer, _):
        await sequencer.submit(change("UNTIL-20"))
    async with venue(SqliteJournal(path), clock=RealClock(source=lambda: 30)) as (sequencer, engine):
        heard: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        sequencer.on_committed.append(heard.set_result)
        assert (await heard).events == ((PhaseChanged("UNTIL-20", "closed"),),)
        sequencer.on_committed.clear()
        assert engine.deadlines == {}


async def test_a_machine_whose_clock_jumps_changes_nothing(path: Path) -> None:
    """Back by hours and forward by days, in any order: time goes on as it passes, and no deadline comes before it."""
    second, day = 10**9, 86_400 * 10**9
    passed_ns = set_ns = 0
    clock = RealClock(source=lambda: day + set_ns + passed_ns, steady=lambda: passed_ns)
    async with venue(SqliteJournal(path), clock=clock) as (sequencer, engine):
        deadline_ns = day + 20 * second
        await sequencer.submit(change(f"UNTIL-{deadline_ns}"))
        for step_ns in (0, -5 * 3_600 * second, 9 * day, -2 * day, -day):
            set_ns += step_ns
            passed_ns += second
            assert (await sequencer.submit(change("A"))).time_ns == day + passed_ns
        assert engine.deadlines, "still to come"
        passed_ns, set_ns = 60 * second, 0
        assert (await sequencer.submit(change("A"))).time_ns == day + 60 * second
        assert engine.deadlines == {}
    times = [record.time_ns for record in rows(path)]
    assert times == sorted(times)


async def test_a_manual_clock_moves_the_engine_and_outlives_a_restart(path: Path) -> None:
    async with venue(SqliteJournal(path), clock=ManualClock(100)) as (sequencer, engine):
        await sequencer.submit(change("UNTIL-200"))
        assert await sequencer.set_clock(150) == 150
        assert engine.deadlines == {"UNTIL-200": 200}
        assert await sequencer.set_clock(250) == 250
        assert engine.deadlines == {}
        with pytest.raises(ValueError, match="does not go back"):
            await sequencer.set_clock(249)
        assert sequencer.time_ns == 250
    journal = SqliteJournal(path)
    assert journal.tip().time_ns == 250
    journal.close()


async def test_a_real_clock_cannot_be_set(path: Path) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        with pytest.raises(ValueError, match="real"):
            await sequencer.set_clock(2**62)


# --- state hashes


async def test_hashes_stand_on_the_first_row_the_last_and_each_few_thousand_commands(path: Path) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        for _ in range(10):
            await asyncio.gather(*(sequencer.submit(change("A")) for _ in range(1_000)))
    written = rows(path)
    hashed = [record.last_sequence for record in written if record.state_hash is not None]
    assert hashed[0] == written[0].last_sequence
    assert hashed[-1] == written[-1].last_sequence == 10_001
    assert all(after - before < HASH_COMMANDS + 512 for before, after in pairwise(hashed))

    async with venue(SqliteJournal(path)) as (sequencer, _):
        await sequencer.submit(change("A"))
    assert [record.state_hash is not None for record in rows(path)[-1:]] == [True]


async def test_a_venue_that_did_nothing_writes_nothing(path: Path) -> None:
    async with venue(SqliteJournal(path)):
        pass
    assert rows(path) == []


# --- closing


async def test_closing_finishes_what_waits_and_takes_nothing_more(path: Path) -> None:
    journal = HeldJournal(path)
    journal.gate.clear()
    async with venue(journal) as (sequencer, _):
        answers = [sequencer.offer(change("A"))]
        await entered(journal)
        answers += [sequencer.offer(change("B")) for _ in range(700)]
        closing = asyncio.ensure_future(sequencer.close())
        await asyncio.sleep(0)
        with pytest.raises(VenueHalted, match="closing"):
            await sequencer.submit(change("C"))
        journal.gate.set()
        await closing
        assert [(await answer).sequence for answer in answers] == list(range(1, 702))
        assert journal.closed
        await sequencer.close()
    assert rows(path)[-1].state_hash is not None
    SqliteJournal(path).close()


# --- halts


async def test_a_command_that_breaks_the_engine_is_never_journaled(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        told: list[str] = []
        sequencer.on_halted.append(told.append)
        await sequencer.submit(change("A"))
        answers = [sequencer.offer(change(symbol)) for symbol in ("B", "POISON", "C")]
        for answer in answers:
            with pytest.raises(VenueHalted, match="engine failed in the batch at sequence 2: ZeroDivisionError"):
                await answer
        assert sequencer.halted is not None
        assert told == [sequencer.halted]
        assert sequencer.halt_cause == "engine"
        for refused in (lambda: sequencer.submit(change("D")), sequencer.settled, sequencer.advance):
            with pytest.raises(VenueHalted):
                await refused()
        assert sequencer.sequence == 1
    assert len(rows(path)) == 1
    assert "poisoned" in caplog.text
    # It starts again from what is durable.
    async with venue(SqliteJournal(path)) as (sequencer, engine):
        assert engine.counts == {"A": 1}
        assert (await sequencer.submit(change("B"))).sequence == 2


async def test_a_deadline_that_does_not_pass_halts_instead_of_spinning(path: Path) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        with pytest.raises(VenueHalted, match="AssertionError"):
            await sequencer.submit(change("STUCK"))


def _sqlite_failure(code: str) -> JournalUnavailable:
    """As the store reports what the disk did."""
    cause = sqlite3.OperationalError("disk I/O error")
    cause.sqlite_errorname = code
    unavailable = JournalUnavailable("/secret/place/journal.sqlite: disk I/O error")
    unavailable.__cause__ = cause
    return unavailable


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (_sqlite_failure("SQLITE_FULL"), "the disk is full"),
        (_sqlite_failure("SQLITE_IOERR_FSYNC"), "the store failed, SQLITE_IOERR_FSYNC"),
        (_sqlite_failure("SQLITE_IOERR_WRITE"), "the store failed, SQLITE_IOERR_WRITE"),
        (OSError(28, "No space left on device", "/secret/place"), "the disk is full"),
        (OSError(5, "Input/output error", "/secret/place"), "Input/output error"),
        (AssertionError("rows go on from the last one"), "AssertionError"),
    ],
)
async def test_a_journal_that_fails_halts_the_venue(path: Path, failure: Exception, told: str) -> None:
    journal = HeldJournal(path)
    async with venue(journal) as (sequencer, _):
        published: list[Entry] = []
        sequencer.on_committed.append(published.append)
        await sequencer.submit(change("A"))
        journal.entered.clear()
        journal.gate.clear()
        journal.failure = failure
        under_way = sequencer.offer(change("B"))
        await entered(journal)
        waiting = sequencer.offer(change("C"))
        settled = asyncio.ensure_future(sequencer.settled())
        await asyncio.sleep(0)
        journal.gate.set()
        for unanswered in (under_way, waiting, settled):
            with pytest.raises(VenueHalted, match=f"the journal cannot be written at sequence 2: {told}"):
                await unanswered
        assert sequencer.halt_cause == "journal"
        assert "secret" not in str(sequencer.halted)
        assert [entry.last_sequence for entry in published] == [1], "nothing leaves"
        with pytest.raises(VenueHalted):
            await sequencer.submit(change("D"))
    assert journal.closed
    assert len(rows(path)) == 1


async def test_a_failing_reader_halts_the_venue_after_the_answers(path: Path) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):

        def break_down(entry: Entry) -> None:
            raise KeyError(entry.last_sequence)

        sequencer.on_committed.append(break_down)
        assert (await sequencer.submit(change("A"))).sequence == 1, "it is durable, so it is acknowledged"
        with pytest.raises(VenueHalted, match="a reader of committed batches failed at sequence 1"):
            await sequencer.submit(change("B"))


class Broken(asyncio.Future[Outcome]):
    """Of somebody whose answer cannot be given, whatever it is."""

    def done(self) -> bool:
        raise RuntimeError("a fault in whoever waits")


async def test_whoever_cannot_be_told_costs_nobody_else_his_answer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with venue(SqliteJournal(path)) as (sequencer, _):
        sequencer.offer_for(change("A"), Broken())
        answer = sequencer.offer(change("B"))
        settled = asyncio.ensure_future(sequencer.settled())
        assert (await answer).sequence == 2
        await settled
        assert (await sequencer.submit(change("C"))).sequence == 3, "and the next batch follows"
        sequencer.offer_for(change("D"), Broken())
        answer = sequencer.offer(change("E"))
        sequencer.halt("somebody said so", "reader")
        with pytest.raises(VenueHalted, match="somebody said so"):
            await answer
    assert "the answer to the command at sequence 1 could not be given" in caplog.text


def test_the_sequencer_wants_an_engine_that_stands_where_the_journal_ends(path: Path) -> None:
    async def start(make: Callable[[], Tally]) -> None:
        journal = SqliteJournal(path)
        try:
            await Sequencer(make(), journal, RealClock()).close()
        finally:
            journal.close()

    asyncio.run(start(Tally))
    ahead = Tally()
    ahead.sequence = 3
    with pytest.raises(AssertionError):
        asyncio.run(start(lambda: ahead))


# --- crashes

_SERVING = """
import asyncio, sys
from pathlib import Path
from exchange.clock import RealClock
from exchange.sqlite_journal import SqliteJournal
from exchange.replay import replay
from exchange.sequencer import Sequencer
from matching.messages import SetPhase
from tests.exchange.tally import Tally

async def main():
    journal = SqliteJournal(Path(sys.argv[1]))
    engine = replay(journal, Tally)
    sequencer = Sequencer(engine, journal, RealClock(engine.time_ns))

    async def trade(number):
        turn = 0
        while True:
            turn += 1
            symbol = f"{sys.argv[2]}-{number}-{turn}"
            outcome = await sequencer.submit(SetPhase(symbol, "continuous"))
            print(outcome.sequence, symbol, flush=True)

    await asyncio.gather(*(trade(number) for number in range(20)))

asyncio.run(main())
"""


def test_every_acknowledged_command_survives_a_kill_once_and_in_its_place(path: Path) -> None:
    root = Path(__file__).parents[2]
    acknowledged: dict[int, str] = {}
    for life in range(3):
        serving = subprocess.Popen(
            [sys.executable, "-c", _SERVING, str(path), str(life)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        watchdog = threading.Timer(60, serving.kill)
        watchdog.start()
        assert serving.stdout is not None
        lines = [serving.stdout.readline() for _ in range(500)]
        serving.kill()
        lines += serving.stdout.readlines()
        serving.wait()
        watchdog.cancel()
        said = [line.split() for line in lines if line.endswith("\n")]
        assert len(said) >= 500
        acknowledged |= {int(sequence): symbol for sequence, symbol in said}

    commands = [command for record in rows(path) for command in record.entry().commands]
    symbols = [command.symbol for command in commands if isinstance(command, SetPhase)]
    assert len(set(symbols)) == len(symbols) == len(commands)
    assert all(symbols[sequence - 1] == symbol for sequence, symbol in acknowledged.items())
