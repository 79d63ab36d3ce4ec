"""A simulated world from a seed: a venue with its disk, database and follower, people who trade and read, and a storm.

    prologue     the rules, people and money; nothing goes wrong yet
    storm        people at work; whatever the plan allows goes wrong, over and over
    calm         nothing goes wrong any more: everybody must come to know everything
    judgement    the venue is stopped, and what it leaves behind is judged

The venue is judged all along: each batch that it tells of, each answer, each message of the feed, each start. A
`Violation` or an exception that nobody caught ends the run.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from msgspec import Struct

import exchange.follower
import exchange.shadow
from exchange.bell import Heard
from exchange.engine import Engine
from exchange.journal import Journal, JournalError
from exchange.projector import cursor
from exchange.protocol import Command, Entry, encode
from exchange.publication import Publication
from exchange.reckoning import Reckoning
from exchange.replay import reexecute
from exchange.sums import Sums
from matching.messages import AdvanceTime, AmendOrder, CancelOrder, MassCancel
from settlement.messages import EnterOrder, ExecutionReport
from tests.exchange.floor import MONDAY
from tests.exchange.whole_venue.crowd import TRADERS, Chance, Crowd
from tests.exchange.whole_venue.holders import Holders
from tests.exchange.whole_venue.parties import Drivers, Parties
from tests.exchange.whole_venue.tellers import Operators, Tellers
from tests.exchange.whole_venue.traders import Traders
from tests.simulation.database import Database
from tests.simulation.disk import Disk, Fault
from tests.simulation.follower import SimulatedFollower, virtual_time
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.model import Model, Violation
from tests.simulation.network import Network
from tests.simulation.people import Reader, Sender
from tests.simulation.plan import Plan
from tests.simulation.snapshots import SnapshotFolder
from tests.simulation.sqlite_disk import sqlite_on_disk
from tests.simulation.storage import LogStorage, SqliteStorage, Storage
from tests.simulation.venue import Answer, CannotStart, Refused, Start, Venue, found, open_premises
from web.account_views import order_of
from web.ports import Outcome

CALM_S: Final = 90.0
"""After the storm everybody must know everything within so long."""

HOUR_NS: Final = 3_600 * 10**9


class Report(Struct):
    """What became of a run that found nothing."""

    seed: int
    trace: str
    fired: Counter[str]
    commands: int
    lives: int
    messages: int
    seconds: float
    """Of virtual time."""


class World:
    """One run. `log` tells its story, a line each."""

    venue_type: type[Venue] = Venue
    follower_type: type[SimulatedFollower] = SimulatedFollower

    def __init__(self, seed: int, plan: Plan | None = None) -> None:
        self.seed = seed
        self.plan = plan or Plan(seed)
        self.fired: Counter[str] = Counter()
        self.log: list[str] = []
        self.loop = VirtualLoop(self._chance("loop"))
        self.disk = Disk(self._chance("disk"), self._fire)
        self.disk.on_stop = self._disk_stopped
        self.storage: Storage = (LogStorage if self.plan.storage == "log" else SqliteStorage)(self.disk, MONDAY)
        self.database = Database(self._chance("database"), self._fire)
        self.snapshots = SnapshotFolder(
            self._chance("snapshots"),
            self._fire,
            every=self.plan.snapshot_commands,
            kept=self.plan.snapshots_kept,
        )
        self.network = Network(self.loop, self._chance("network"), self._fire)
        self.model = Model()
        self.chance = self._chance("world")
        self.venue: Venue | None = None
        self.follower: SimulatedFollower | None = None
        self.lives = 0
        self.readers: list[Reader] = []
        self.storming = False
        self._offset_ns = 0
        self._disk_slow = False
        self._mark_behind = False
        """A loss of power may have taken the journal's mark back, and no start has written it since."""
        self._starting = False
        self._stop_ordered = False
        self._refusable: Counter[str] | None = None
        self._taken: list[Command | None] = []
        self._base = 0
        self._crowd_chance = Chance(seed, self.model.books)
        self._crowd_chance.now_ns = MONDAY
        operators = Operators(self._crowd_chance)
        self._operators = operators
        dice = self._crowd_chance
        rooms = (Traders(dice), Holders(dice), Parties(dice), Drivers(dice), Tellers(dice), operators)
        self._crowd = Crowd(dice, [group for room in rooms for group in room.groups()])
        self._world = self.loop.process("world")

    def _chance(self, what: str) -> Random:
        return Random(f"{self.seed} {what}")

    def _fire(self, what: str) -> None:
        self.fired[what] += 1
        self.loop.note(what)
        self.tell(what)

    def tell(self, what: str) -> None:
        self.log.append(f"{self.loop.time():9.4f}  {what}")

    # Time

    def machine_ns(self) -> int:
        return MONDAY + self.loop.now_ns * self.plan.speed + self._offset_ns

    def steady_ns(self) -> int:
        return self.loop.now_ns * self.plan.speed

    # The run

    def run(self) -> Report:
        """Raises `Violation`, or whatever a bug raises."""
        with self._surroundings():
            self.loop.run(self._main())
        messages = sum(reader.watcher.messages for reader in self.readers)
        return Report(
            self.seed, self.loop.trace(), self.fired, self.model.sequence, self.lives, messages, self.loop.time()
        )

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        """Chance and time of the modules that ask for them by themselves; nobody reads the logs."""
        modules = (exchange.follower, exchange.shadow)
        real = [module.time for module in modules]
        logging.disable(logging.CRITICAL)
        random.seed(self.seed)
        try:
            for module in modules:
                module.time = virtual_time(self.loop)  # type: ignore[assignment]
            with sqlite_on_disk():
                yield
        finally:
            for module, time in zip(modules, real, strict=True):
                module.time = time
            logging.disable(logging.NOTSET)
            self.storage.abandon()
            self.snapshots.close()

    async def _main(self) -> None:
        self.loop.on_planned_death = self._planned_death
        self._start()
        office = self._sender("office")
        for command in self._operators.prologue():
            await office.deliver(command)
        plan = self.plan
        for number in range(plan.readers):
            participant_id = TRADERS[number % len(TRADERS)] if number % 2 else None
            process = self.loop.process(f"reader {number}")
            chance = self._chance(f"reader {number}")
            reader = Reader(self.loop, process, self.network, chance, self.model, self._at, self._fire, participant_id)
            self.readers.append(reader)
            self.loop.spawn(process, reader.run())
        working: list[asyncio.Task[None]] = []
        for number in range(plan.senders):
            sender = self._sender(f"sender {number}")
            working.append(self.loop.spawn(sender._process, sender.work(plan.commands // plan.senders, plan.pause_s)))
        self.storming = True
        await self._storm(working)
        self._calm()
        await self._everybody(working)
        await self._settled()
        await self._stop()
        self._judge()

    def _sender(self, name: str) -> Sender:
        process = self.loop.process(name)
        return Sender(
            self.loop, process, self.network, self._chance(name), self._draw, self._at, self._heard, self._fire
        )

    def _at(self) -> Venue | None:
        return self.venue

    def _draw(self) -> Command:
        dice = self._crowd_chance
        dice.engine = self.model.engine
        dice.now_ns = max(self.model.engine.time_ns, self.machine_ns())
        command: Command = self._crowd._draw()
        return command

    # Lives of the venue

    def _start_in(self, seconds: float) -> None:
        if not self._starting:
            self._starting = True
            self.loop.later(self._world, seconds, self._start)

    def _start(self) -> None:
        """Open what is durable and serve it, or say why not and try again."""
        self._starting = False
        if self.venue is not None:
            return
        self.lives += 1
        if self.storming and self.chance.random() < self.plan.damage:
            self._start_damaged()
        if self.storming and self.chance.random() < self.plan.damage:
            self.snapshots.damage()
        if self.storming and self.chance.random() < self.plan.crash_at_start:
            self._arm("kill", "power", "write_error", "sync_error", within=12)
        before = self.fired.copy()
        process = self.loop.process(f"venue {self.lives}")
        try:
            journal = self.storage.open()
            start = open_premises(journal, self.database, self.snapshots, self._chance(f"bell {self.lives}"))
        except (JournalError, CannotStart) as error:
            self.tell(f"the venue does not start: {error}")
            process.alive = False
            self.storage.abandon()
            if self.disk.stopped:
                self._power_or_not()
            elif self.fired == before:
                self.loop.fail(Violation(f"the venue refuses to start, and nothing is wrong: {error}"))
            self._start_in(self.chance.uniform(0.05, 1.0))
            return
        self.disk.disarm()
        if journal.tip().sequence == 0:
            found(journal, start.engine, start.publication, self.machine_ns(), self._operators.first_venue())
        self._judge_start(start)
        self._mark_behind = False
        self._base = self.model.sequence
        self._taken = []
        self.venue = process.context.copy().run(self._serve, process, start)
        self._start_follower()
        self.tell(f"life {self.lives} begins at sequence {self.model.sequence}")

    def _serve(self, process: Process, start: Start) -> Venue:
        plan = self.plan
        venue = self.venue_type(
            self.loop,
            process,
            start,
            self.database,
            self.machine_ns,
            self.steady_ns,
            self._disk_takes,
            self,
            waiting=plan.waiting,
            batch=plan.batch,
            pause_commands=plan.pause_commands,
            pause_seconds=plan.pause_seconds,
        )
        venue.open()
        return venue

    def _disk_takes(self) -> float:
        if self._disk_slow:
            self._fire("disk: slow")
            return self.chance.uniform(0.05, 0.8)
        return self.chance.uniform(0.00005, 0.002)

    def _start_follower(self) -> None:
        venue = self.venue
        assert venue is not None
        process = self.loop.process(f"follower of {venue.process.name}")
        try:
            reader = self.storage.reader()
        except JournalError as error:
            self.tell(f"the follower does not start: {error}")
            self.loop.later(venue.process, 0.5, self._start_follower)
            return
        follower = self.follower = process.context.copy().run(
            lambda: self.follower_type(
                self.loop,
                process,
                venue.process,
                venue.follower,
                reader,
                self.database,
                self._chance(f"follower {self.loop.turn}"),
                self._fire,
                self.snapshots,
            )
        )
        follower.slow = self.storming and self.plan.slow_database

        def wake(sequence: int) -> None:
            if self.follower is follower:
                self.loop.later(process, self.chance.uniform(0.00005, 0.001), follower.ear.wake)

        venue.on_committed.append(wake)

        def ended(fatal: bool) -> None:
            if self.follower is follower:
                self.follower = None
                if not self._stop_ordered and not fatal:
                    self.loop.later(venue.process, self.chance.uniform(0.01, 0.3), self._start_follower)

        follower.ended = ended
        self.loop.spawn(process, follower.run())

    # Deaths

    def _planned_death(self, process: Process) -> None:
        if self.venue is not None and process is self.venue.process:
            power = self.chance.random() < 0.6
            self._fire(f"venue: {'loss of power' if power else 'killed'} between two callbacks")
            self._crash(power)

    def _disk_stopped(self, fault: Fault) -> None:
        self._loss = fault == "power"
        if self.venue is not None:
            self._crash(self._loss)

    def _crash(self, power: bool) -> None:
        """The venue, and with it its follower, stops now."""
        venue, follower = self.venue, self.follower
        assert venue is not None
        self.venue = self.follower = None
        self.disk.stopped = True
        self._loss = power
        for line in venue.lines:
            if power or self.chance.random() < 0.3:
                self._fire("reader: silence")
                line.fall_silent()
            else:
                line.cut()
        if follower is not None:
            self.loop.kill(follower.process)
        self.loop.kill(venue.process, self._bury)

    def _bury(self) -> None:
        self.storage.abandon()
        self._power_or_not()
        if self.storming and self.chance.random() < 0.3:
            self._fire("machine: off for a while")
            self._offset_ns += self.chance.choice((60 * 10**9, HOUR_NS, 30 * HOUR_NS))
        self._start_in(self.chance.uniform(0.01, 1.0))

    def _power_or_not(self) -> None:
        self.disk.crash(power=self._loss)
        if self._loss:
            self._mark_behind = True
            self.database.lose_power()
        else:
            self.database.abandon()

    def _restart(self) -> None:
        """Whoever runs the venue stops it, and starts it again later."""
        if self.venue is not None:
            self.loop.spawn(self._world, self._stop_then_start(self.venue))

    async def _stop_then_start(self, venue: Venue) -> None:
        if venue is self.venue:
            await self._stop()
            self._start_in(self.chance.uniform(0.01, 0.5))

    async def _stop(self) -> None:
        """A clean stop, unless something happens meanwhile."""
        venue = self.venue
        if venue is None:
            return
        self._stop_ordered = True
        closing = self.loop.spawn(venue.process, venue.close())
        while venue.process.alive and not closing.done():
            await asyncio.sleep(0.01)
        follower = self.follower
        if follower is not None and venue.process.alive:
            self.loop.later(follower.process, 0.0005, follower.ear.close)
            end = self.loop.time() + 2.5
            while self.follower is follower and venue.process.alive and self.loop.time() < end:
                await asyncio.sleep(0.01)
        self._stop_ordered = False
        if venue is self.venue:
            if closing.exception() is not None:
                raise closing.exception()  # type: ignore[misc]
            self.venue = None
            if self.follower is not None:
                self.loop.kill(self.follower.process)
                self.follower = None
            self.loop.kill(venue.process)
            await asyncio.sleep(0)
            self.storage.abandon()
            self.tell("the venue has stopped")

    # What the venue does: `tests.simulation.venue.Watch`

    def took(self, command: Command | None) -> None:
        self._taken.append(command)
        venue = self.venue
        if venue is not None and type(command) in (EnterOrder, AmendOrder):
            behind = venue.sequencer.sequence - venue.follower.projected_sequence
            if behind > self.plan.pause_commands:
                self.loop.fail(Violation(f"{command} is let in while the database is {behind} commands behind"))

    def told(self, entry: Entry) -> None:
        try:
            self.model.take(entry)
        except Exception as error:
            self.loop.fail(error)
        self.loop.note(entry.last_sequence, entry.time_ns)

    def answered(self, command: Command, outcome: Outcome) -> None:
        """The venue acknowledges."""
        if not 0 < outcome.sequence <= self.model.sequence:
            self.loop.fail(Violation(f"sequence {outcome.sequence} is acknowledged and not committed"))
            return
        done = self.model.history[outcome.sequence - 1]
        if done.command != command or done.events != outcome.events or done.time_ns != outcome.time_ns:
            self.loop.fail(Violation(f"{command} is acknowledged as sequence {outcome.sequence}, which is {done}"))

    def halted(self, reason: str) -> None:
        self._fire("venue: halted")
        self.tell(reason)
        if not reason.startswith("the journal cannot be written") and not self._stop_ordered:
            self.loop.fail(Violation(f"the venue halts, and nothing is wrong: {reason}"))
            return
        self.loop.later(self._world, self.chance.uniform(0.01, 0.5), self._restart)

    def _heard(self, command: Command, answer: Answer) -> None:
        """A sender has an answer: an order must be the one that he entered, as it was first reported."""
        self.loop.note(repr(answer))
        if isinstance(answer, Refused):
            if answer.code == "busy":
                self._fire("venue: busy")
            elif answer.code == "database_behind":
                self._fire("venue: paused")
                if isinstance(command, CancelOrder | MassCancel):
                    self.loop.fail(Violation(f"{command} is refused while trading pauses, and cancels are taken"))
            return
        if isinstance(answer, tuple) and isinstance(command, EnterOrder):
            order = answer[1]
            done = self.model.history[order.sequence - 1]
            reports = [
                event
                for event in done.events
                if isinstance(event, ExecutionReport) and event.order_id == order.order_id
            ]
            if not reports or order_of(reports[-1]) != order:
                self.loop.fail(Violation(f"{order} is answered, and was never reported"))
            elif (order.client_order_id, order.symbol, order.side, order.kind) != (
                command.client_order_id,
                command.symbol,
                command.side,
                command.kind,
            ):
                self.loop.fail(Violation(f"{command} is answered by {order}"))

    # The storm

    async def _storm(self, working: list[asyncio.Task[None]]) -> None:
        plan, chance = self.plan, self.chance
        end = self.loop.time() + plan.seconds
        kinds = list(plan.faults)
        weights = list(plan.faults.values())
        while self.loop.time() < end and not all(task.done() for task in working):
            await asyncio.sleep(chance.expovariate(plan.faults_a_second))
            (kind,) = chance.choices(kinds, weights)
            getattr(self, f"_let_{kind}")()

    def _arm(self, *faults: Fault, within: int) -> None:
        self.disk.arm(self.chance.choice(faults), self.chance.randint(1, within))

    def _let_die(self) -> None:
        if self.venue is not None:
            self.venue.process.dies_in = self.chance.randint(1, self.chance.choice((1, 40, 400)))

    def _let_stop_in_disk(self) -> None:
        self._arm("kill", "power", within=12)

    def _let_disk_fail(self) -> None:
        self._arm("full", "write_error", "sync_error", "sync_error", within=8)

    def _let_disk_be_slow(self) -> None:
        self._disk_slow = True
        self.loop.later(self._world, self.chance.uniform(0.2, 1.5), self._let_disk_be_quick)

    def _let_disk_be_quick(self) -> None:
        self._disk_slow = False

    def _let_stop(self) -> None:
        if self.venue is not None and not self._stop_ordered and self.venue.sequencer.halted is None:
            self._fire("venue: stopped cleanly")
            self._restart()

    def _let_database_go(self) -> None:
        self.database.down = True
        self.loop.later(self._world, self.chance.uniform(0.1, 4.0), self._let_database_come)

    def _let_database_come(self) -> None:
        self.database.down = False

    def _let_database_refuse(self) -> None:
        self.database.refuse(self.chance.randint(1, 60))

    def _let_database_be_mute(self) -> None:
        self.database.commit_in_silence()

    def _let_database_restart(self) -> None:
        self._fire("database: restarted")
        self.database.lose_power()

    def _let_follower_die(self) -> None:
        if self.follower is not None:
            self.follower.dies_in = self.chance.randint(1, 4)

    def _let_follower_vanish(self) -> None:
        follower = self.follower
        if follower is not None and self.venue is not None:
            self._fire("follower: killed")
            self.loop.kill(follower.process, self.database.abandon)
            follower._report_end(False)

    def _let_network_storm(self) -> None:
        chance, network = self.chance, self.network
        network.lost = chance.choice((0.0, 0.1, 0.4))
        network.doubled = chance.choice((0.0, 0.1, 0.3))
        network.late = chance.choice((0.0, 0.1, 0.3))

    def _let_flood(self) -> None:
        self._fire("client: flood")
        sender = self._sender(f"flood {self.loop.turn}")
        commands = [self._draw() for _ in range(self.chance.randint(5, 60))]
        self.loop.spawn(sender._process, sender.flood(commands))

    def _let_line_break(self) -> None:
        reader = self.chance.choice(self.readers)
        if reader.line is not None and reader.line.open:
            if self.chance.random() < 0.6:
                self._fire("reader: line cut")
                reader.line.cut()
            else:
                self._fire("reader: silence")
                reader.line.fall_silent()

    def _let_reader_be_slow(self) -> None:
        reader = self.chance.choice(self.readers)
        speed = self.chance.choice((0.0, 2_000.0, 20_000.0))
        self._fire("reader: slow" if speed else "reader: dead")
        reader.bytes_a_second = speed or 1e6
        if reader.line is not None:
            reader.line.bytes_a_second = speed

    def _let_clock_jump(self) -> None:
        by_ns = self.chance.choice((10**9, 50 * 10**9, 90 * 10**9, HOUR_NS, 26 * HOUR_NS))
        forward = self.chance.random() < 0.6
        self._fire(f"clock: {'forward' if forward else 'back'}")
        self._offset_ns += by_ns if forward else -by_ns

    # Calm

    def _calm(self) -> None:
        self.tell("the storm is over")
        self.storming = False
        self.network.calm()
        self.database.calm()
        self.disk.disarm()
        self._disk_slow = False
        if self.venue is not None:
            self.venue.process.dies_in = None
        if self.follower is not None:
            self.follower.slow = False
            self.follower.dies_in = None
        for reader in self.readers:
            reader.bytes_a_second = 1e6
            if reader.line is not None:
                reader.line.read_faster(1e6)

    async def _everybody(self, working: list[asyncio.Task[None]]) -> None:
        end = self.loop.time() + CALM_S
        while not all(task.done() for task in working):
            if self.loop.time() > end:
                raise Violation("somebody has no answer, long after the storm")
            self._judge_follower()
            await asyncio.sleep(0.05)
        for task in working:
            task.result()

    async def _settled(self) -> None:
        end = self.loop.time() + CALM_S
        while (lacking := self._lacking()) is not None:
            if self.loop.time() > end:
                raise Violation(f"long after the storm: {lacking}")
            self._judge_follower()
            await asyncio.sleep(0.05)

    def _judge_follower(self) -> None:
        fault = None if self.venue is None else self.venue.follower.fault
        if fault is not None and "its rows are not those of this journal" in fault:
            raise Violation(f"the database does not take its rows: {fault}")

    def _lacking(self) -> str | None:
        venue = self.venue
        if venue is None or venue.sequencer.halted is not None:
            return "no venue"
        if venue.sequencer.paused is not None:
            return f"trading pauses: {venue.sequencer.paused}"
        if self.follower is None or not self.follower.process.alive:
            return "no follower"
        if venue.follower.projected_sequence < self.model.sequence:
            return f"database at {venue.follower.projected_sequence} of {self.model.sequence}: {venue.follower.fault}"
        if venue.follower.verified_sequence < self.model.sequence:
            return f"shadow at {venue.follower.verified_sequence} of {self.model.sequence}"
        for reader in self.readers:
            reader.watcher.judge_repairs()
            lacking = reader.settled()
            if lacking is not None:
                return f"{reader.process.name}: {lacking}"
        return None

    # Judgement

    def _judge_start(self, start: Start) -> None:
        model, journal, engine = self.model, start.journal, start.engine
        told = model.sequence
        if journal.tip().sequence < told:
            raise Violation(f"the journal ends at sequence {journal.tip().sequence}, and {told} was told")
        for record in journal.read():
            model.take_row(record)
        self._judge_order()
        if engine.state_hash() != model.engine.state_hash():
            raise Violation("the engine starts with another state than it should have")
        if self.chance.random() < 0.3:
            self._judge_witnesses(start)
        model.judge()
        if self.chance.random() < 0.3 and not self.database.down:
            self._judge_database(journal)

    def _judge_witnesses(self, start: Start) -> None:
        """They stand as if they had heard everything, whatever snapshot they were begun with."""
        publication, heard = Publication(), Heard()
        for record in start.journal.read():
            entry = record.entry()
            publication.hear(entry)
            heard.hear(entry)
        if publication.state() != start.publication.state():
            raise Violation("the publication starts otherwise than a whole replay would leave it")
        if heard.state() != start.bell.heard.state():
            raise Violation("the bell starts otherwise than a whole replay would leave it")

    def _judge_order(self) -> None:
        """What the last life took in is in the journal in that order, up to some command and no further."""
        taken = iter(self._taken)
        expected = next(taken, _NOTHING)
        for sequence in range(self._base + 1, self.model.sequence + 1):
            command = self.model.history[sequence - 1].command
            if isinstance(command, AdvanceTime) and expected is not None and not _same(expected, command):
                continue  # time's own
            if self._base and expected is not None and not _same(expected, command):
                raise Violation(f"sequence {sequence} is {command}, and {expected} was taken before it")
            expected = next(taken, _NOTHING)

    def _judge_database(self, journal: Journal) -> None:
        """Every row of the views, as the journal's events make it anew."""
        lines: list[str] = []
        with self.database.quiet(), self.database.engine.begin() as connection:
            at = cursor(connection)
            if at is None or at.sequence == 0:
                return
            reckoning = Reckoning(connection, lines.append)
            engine = Engine()
            for record in journal.read():
                if record.last_sequence > at.sequence:
                    break
                reckoning.take(reexecute(engine, record))
            reckoning.close(engine)
            if reckoning.engine_agrees is not None:
                self.tell(reckoning.engine_agrees)
            sums = Sums(connection, engine, lines.append)
            sums.check()
        if reckoning.differences or sums.violations:
            raise Violation(f"the database differs at sequence {at.sequence}: {lines}")

    def _projected(self) -> int:
        with self.database.quiet(), self.database.engine.begin() as connection:
            at = cursor(connection)
        return 0 if at is None else at.sequence

    def _start_damaged(self) -> None:
        """What a start makes of files that have been damaged: it refuses, or nothing is missing."""
        image = self.disk.image()
        what, damaged = self.storage.damage(image, self.chance)
        if damaged != image:
            self._fire("disk: a bit is flipped" if what.endswith("flipped") else "disk: a file is cut")
        disk = Disk(Random(0), lambda fault: None)
        disk.restore(damaged)
        storage: Storage = type(self.storage).__new__(type(self.storage))
        storage.__dict__.update(self.storage.__dict__)
        storage.disk = disk
        try:
            try:
                journal = storage.open()
                start = open_premises(journal, self.database, self.snapshots, Random(0))
            except (JournalError, CannotStart) as error:
                self._fire("disk: damage that is found")
                self.tell(f"{what}: {error}")
                return
            self.tell(f"{what}: starts at sequence {start.engine.sequence}")
            if start.engine.sequence >= self.model.sequence:
                self._fire("disk: damage without effect")
            else:
                # The end of a log looks the same whether it was damaged or never written: somebody must have seen it.
                seen = max(self.storage.witnessed(damaged), self._projected())
                if start.engine.sequence < seen:
                    raise Violation(f"{what}: starts at sequence {start.engine.sequence}, and {seen} was witnessed")
                if not self._mark_behind:
                    raise Violation(f"{what}: starts at sequence {start.engine.sequence}, and the mark was not behind")
                self._fire("disk: damage beyond every witness")
            again = Engine()
            try:
                for record in journal.read():
                    reexecute(again, record)
            except JournalError as error:
                # Before the snapshot that it was begun with: a start does not read that, a verification does.
                self._fire("disk: damage that a verification finds")
                self.tell(f"{what}: {error}")
                if start.engine.sequence == self.model.sequence:
                    again = self.model.engine
            if again.sequence == start.engine.sequence and again.state_hash() != start.engine.state_hash():
                raise Violation(f"{what}: starts with another state")
            assert start.engine.sequence == journal.tip().sequence
        finally:
            storage.abandon()

    def _judge(self) -> None:
        """What the venue leaves behind when it has stopped."""
        journal = self.storage.open()
        self._judge_start(open_premises(journal, self.database, self.snapshots, Random(0)))
        self._judge_database(journal)
        if self._projected() < self.model.sequence:
            raise Violation(f"the database stops at {self._projected()}, the journal at {self.model.sequence}")
        self.storage.abandon()


_NOTHING: Final = object()


def _same(expected: object, command: Command) -> bool:
    return expected is not _NOTHING and encode(expected) == encode(command)
