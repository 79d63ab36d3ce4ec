"""A life of the venue in the simulation: opened from what is durable, served to the network, ended by whatever ends it.

The parts are the real ones, put together as `exchange/app.py` does it; only what carries bytes is ours: letters in the
place of HTTP (`Venue.serve`), lines in the place of sockets (`Venue.answer_call`).
"""

from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy.exc import DBAPIError

from exchange.bell import Bell
from exchange.brake import Brake
from exchange.calendar import VolatilityAuction
from exchange.clock import RealClock
from exchange.committer import Done, failure_of
from exchange.engine import Engine
from exchange.follower_handle import Fault, FollowerHandle
from exchange.gateway import VenueGateway
from exchange.journal import Journal, JournalError, Record
from exchange.lag import Lag
from exchange.premises import Premises
from exchange.projector import ForeignJournal, check_cursor, cursor
from exchange.protocol import Command, Entry
from exchange.publication import Publication
from exchange.recovery import recover
from exchange.replay import ReplayMismatch
from exchange.sequencer import Sequencer
from marketdata.pump import Pump
from matching.messages import AmendOrder, CancelOrder, MassCancel
from settlement.messages import ConfigureVenue, EnterOffer, EnterOrder, ParticipantRegistered
from tests.simulation.database import Database
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.network import Line
from tests.simulation.snapshots import SnapshotFolder
from web.desk import Desk, OrderChange
from web.errors import Problem, Unauthenticated, problem_of
from web.metrics import Metrics
from web.order_entry import OrderEntry
from web.ports import Answering, DatabaseBehind, Outcome, VenueBusy, VenueHalted
from web.sessions import Caller, Session

NEVER_NS: Final = 2**62


class CannotStart(Exception):
    """What `exchange serve` would say and end with."""


class Refused(NamedTuple):
    """An answer that is none of the command's: why, and whether the venue may have done it all the same."""

    code: str
    unknown: bool


Answer = Outcome | tuple[str, Any] | Refused


class Start(NamedTuple):
    """Where a life begins."""

    journal: Journal
    engine: Engine
    publication: Publication
    bell: Bell


def open_premises(journal: Journal, database: Database, folder: SnapshotFolder, chance: Random) -> Start:
    """Hold the journal against the database, and go on from the newest snapshot that is good. Raises `CannotStart`."""
    publication = Publication()
    bell = Bell(None, VolatilityAuction(5, 30), chance)
    try:
        with database.engine.begin() as connection:
            reached = cursor(connection)
        if reached is not None:
            check_cursor(reached, journal)  # type: ignore[arg-type]
        engine = recover(
            journal,  # type: ignore[arg-type]
            folder.snapshots,
            (publication, bell.heard),
            folder.passed_over,
        )
    except (ForeignJournal, JournalError, ReplayMismatch) as error:
        raise CannotStart(str(error)) from error
    except DBAPIError as error:
        raise CannotStart(f"the database cannot be used: {error.orig}") from error
    return Start(journal, engine, publication, bell)


class SlowCommitter:
    """`exchange.committer.Committer` that writes when the disk has time for it, and tells of it later."""

    def __init__(self, loop: VirtualLoop, journal: Journal, disk_takes: Callable[[], float]) -> None:
        self._loop = loop
        self._journal = journal
        self._disk_takes = disk_takes
        self._under_way = False
        self._trouble: BaseException | None = None
        self._idle: list[Any] = []

    def commit(self, record: Record, done: Done) -> None:
        assert not self._under_way, "one row at a time"
        self._under_way = True
        self._loop.call_later(self._disk_takes(), self._append, record, done)

    def _append(self, record: Record, done: Done) -> None:
        failure = self._trouble or failure_of(self._journal.append, record)
        self._loop.call_later(self._disk_takes(), self._tell, failure, done)

    def _tell(self, failure: BaseException | None, done: Done) -> None:
        self._under_way = False
        for waiting in self._idle:
            if not waiting.done():
                waiting.set_result(None)
        done(failure)
        if failure is None:
            self._trouble = failure_of(self._journal.tidy)

    async def close(self) -> None:
        if self._under_way:
            idle = self._loop.create_future()
            self._idle.append(idle)
            await idle
        self._journal.close()


class Watch(Protocol):
    """Whoever judges what the venue does."""

    def took(self, command: Command | None) -> None:
        """The venue has let it into its queue."""
        ...

    def told(self, entry: Entry) -> None:
        """The venue tells of a batch that it holds to be durable."""
        ...

    def answered(self, command: Command, outcome: Outcome) -> None: ...

    def halted(self, reason: str) -> None: ...


class WatchedGateway(VenueGateway):
    """Says what it acknowledges."""

    watch: Watch

    async def submit(self, command: Command) -> Outcome:
        outcome = await super().submit(command)
        self.watch.answered(command, outcome)
        return outcome

    def offer(self, command: Command, answering: Answering) -> None:
        super().offer(command, Watched(self.watch, command, answering))


class Watched:
    """An answer on its way to whoever is told."""

    def __init__(self, watch: Watch, command: Command, answering: Answering) -> None:
        self._watch = watch
        self._command = command
        self._answering = answering

    def done(self) -> bool:
        return self._answering.done()

    def set_result(self, outcome: Outcome, /) -> None:
        self._watch.answered(self._command, outcome)
        self._answering.set_result(outcome)

    def set_exception(self, error: Exception, /) -> None:
        self._answering.set_exception(error)

    def exception(self) -> BaseException | None:
        return self._answering.exception()


class WatchedSequencer(Sequencer):
    """Says what it lets in."""

    watch: Watch

    def _enqueue(self, command: Command | None, answer: Answering) -> None:
        super()._enqueue(command, answer)
        self.watch.took(command)


class Venue:
    """One life. It is made, opened and served within `process`."""

    sequencer_type: type[WatchedSequencer] = WatchedSequencer
    committer_type: type[SlowCommitter] = SlowCommitter

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        start: Start,
        database: Database,
        machine_ns: Callable[[], int],
        steady_ns: Callable[[], int],
        disk_takes: Callable[[], float],
        watch: Watch,
        *,
        waiting: int,
        batch: int,
        pause_commands: int,
        pause_seconds: float,
    ) -> None:
        self.process = process
        self.start = start
        self.engine = start.engine
        self.publication = start.publication
        self._loop = loop
        journal = start.journal
        self.clock = RealClock(journal.tip().time_ns, machine_ns, steady_ns)
        self.sequencer = self.sequencer_type(
            start.engine,
            journal,
            self.clock,
            committer=self.committer_type(loop, journal, disk_takes),
            maximum_waiting=waiting,
            batch_commands=batch,
            stopwatch=lambda: loop.now_ns,
        )
        self.sequencer.watch = watch
        self.follower = FollowerHandle(Path("journal"), "", on_fault=self._on_fault)
        self.follower.lag = Lag(loop.time)
        self.follower.lag.committed(start.engine.sequence)
        self.gateway = WatchedGateway(
            self.sequencer, start.engine, start.publication, self.follower, database.engine, database.engine
        )
        self.gateway.watch = watch
        self.brake = Brake(
            self.sequencer,
            lambda: (self.sequencer.sequence - self.follower.projected_sequence, self.follower.lag.seconds),
            commands=pause_commands,
            seconds=pause_seconds,
        )
        self.on_committed: list[Callable[[int], None]] = []
        self.sequencer.on_committed += [watch.told, start.publication.publish, self._committed]
        self.sequencer.on_halted.append(watch.halted)
        self.desk = Desk(self.gateway, Metrics(self.gateway))
        self.order_entry = OrderEntry(self.desk, Sessions(self.gateway))  # type: ignore[arg-type]
        # What this machine computes takes no time in that world, so the feed never rests.
        self._pump = Pump(start.publication.feed, lambda: self.sequencer.time_ns, spent=lambda: 0.0)
        self.lines: list[Line] = []

    def open(self) -> None:
        """Begin to serve."""
        self._pump.start()
        self.brake.start()
        self.start.bell.start(self.sequencer, self.engine)

    async def close(self) -> None:
        """A clean stop."""
        for line in self.lines:
            line.end("the venue goes away")
        self._pump.stop()
        self.brake.stop()
        self.start.bell.stop()
        await self.sequencer.close()

    def _committed(self, entry: Entry) -> None:
        self.follower.committed(entry.last_sequence)
        for call in self.on_committed:
            call(entry.last_sequence)

    def _on_fault(self, fault: Fault) -> None:
        if fault.fatal:
            self.sequencer.halt(fault.text)

    # Requests

    def serve(self, command: Command, reply: Callable[[Answer], None]) -> None:
        """A request has come: answer it when the venue has an answer."""
        self._loop.spawn(self.process, self._serve(command, reply))

    async def _serve(self, command: Command, reply: Callable[[Answer], None]) -> None:
        reply(await self._answer(command))

    async def _answer(self, command: Command) -> Answer:
        try:
            match command:
                case EnterOrder():
                    return "order", (await self.desk.enter(command))[1]
                case _ if isinstance(command, EnterOffer):
                    return "order", (await self.desk.enter(command))[1]
                case AmendOrder():
                    change = OrderChange(
                        quantity=command.quantity, price=command.price, display_quantity=command.display_quantity
                    )
                    return "order", await self.desk.amend(command.participant_id, command.order_id, change)
                case CancelOrder():
                    return "order", await self.desk.cancel(command.participant_id, command.order_id)
                case MassCancel():
                    return "orders", await self.desk.cancel_all(command.participant_id, command.symbol, command.side)
                case _:
                    return await self.gateway.submit(command)
        except VenueBusy:
            return Refused("busy", unknown=False)
        except DatabaseBehind:
            return Refused("database_behind", unknown=False)
        except VenueHalted:
            return Refused("halted", unknown=True)
        except Exception as error:
            problem = problem_of(error)
            if problem.status >= 500 and problem.status != 503:
                raise
            return Refused(problem.code, unknown=problem.status == 503)

    # Lines

    def answer_call(self, line: Line, encoding: Any) -> None:
        """A reader has connected."""
        self.lines = [each for each in self.lines if each.open]
        self.lines.append(line)
        feed = self.publication.feed
        connection = feed.connect(line, encoding=encoding, order_entry=self.order_entry)

        def receive(data: str | bytes) -> None:
            self._run(connection.receive(data))

        def gone() -> None:
            self._run(connection.disconnected())

        line.receive, line.gone, line.drained = receive, gone, connection.drained

    def _run(self, work: Coroutine[Any, Any, None] | None) -> None:
        if work is not None:
            self._loop.spawn(self.process, work)


class Sessions:
    """In the place of `web.sessions.Sessions`: a token is a participant's number, and ends never."""

    def __init__(self, gateway: VenueGateway) -> None:
        self._gateway = gateway

    async def caller_of_token(self, token: str) -> Caller:
        participant = self._gateway.participant(int(token))
        if participant is None:
            raise Unauthenticated("nobody has this token")
        return self._caller(participant, Session(token.encode(), participant.participant_id, "", 0, NEVER_NS))

    def _caller(self, participant: ParticipantRegistered, session: Session) -> Caller:
        return Caller(
            participant.participant_id, participant.name, participant.display_name, participant.roles, session, False
        )

    def is_alive(self, session: Session) -> bool:
        return True

    def current(self, caller: Caller) -> Caller:
        return caller

    def watch(self, session: Session, told: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None


def found(journal: Journal, engine: Engine, publication: Publication, now_ns: int, venue: ConfigureVenue) -> None:
    """An empty venue's first row, as `exchange.premises` writes it."""
    clock = RealClock(0, lambda: now_ns, lambda: 0)
    Premises(None, journal, engine, clock).commit(venue)  # type: ignore[arg-type]
    record = journal.last()
    assert record is not None
    publication.publish(record.entry())


__all__ = ["Answer", "CannotStart", "Problem", "Refused", "Start", "Venue", "found", "open_premises"]
