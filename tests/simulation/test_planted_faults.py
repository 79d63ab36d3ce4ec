"""The simulator finds faults: each of these is planted in the venue's own code, and found within a few worlds."""

import sqlite3
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import exchange.projector
import exchange.sqlite_journal
from exchange.journal import Record
from exchange.projector import Cursor, Projector, cursor_columns, project, projection
from exchange.protocol import Entry
from exchange.trading import Trading
from marketdata.messages import DataMessage
from marketdata.streams import BookStream
from settlement.messages import EnterOrder
from tests.simulation.follower import SimulatedFollower
from tests.simulation.plan import Plan
from tests.simulation.venue import Venue, WatchedSequencer
from tests.simulation.world import World
from web.ports import Outcome

WORLDS = 10


def found(world_type: type[World] = World) -> str:
    """What is said of the first world that shows the fault."""
    for seed in range(1, WORLDS + 1):
        try:
            world_type(seed, Plan.of_everything(seed)).run()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    raise AssertionError(f"not found in {WORLDS} worlds")


def test_a_removed_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal's commits no longer wait for the disk."""
    real = exchange.sqlite_journal._writer

    def hasty(path: Path) -> sqlite3.Connection:
        connection = real(path)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    monkeypatch.setattr(exchange.sqlite_journal, "_writer", hasty)
    assert "the journal ends at sequence" in found()


def test_an_answer_before_the_commit() -> None:
    class Hasty(WatchedSequencer):
        def _run(self, wanted: Any, answers: Any) -> None:
            super()._run(wanted, answers)
            batch = self._under_way
            if batch is None:
                return
            entry = batch.entry
            for number, (answer, events) in enumerate(zip(answers, entry.events, strict=False)):
                if not answer.done():
                    answer.set_result(Outcome(entry.first_sequence + number, entry.time_ns, events))

    class HastyVenue(Venue):
        sequencer_type = Hasty

    class HastyWorld(World):
        venue_type = HastyVenue

    assert "is acknowledged and not committed" in found(HastyWorld)


def test_a_cursor_that_moves_after_its_rows() -> None:
    """In a transaction of its own, so that a crash between the two projects the rows once more."""

    class Careless(Projector):
        def _project(self, records: Sequence[Record]) -> int:
            before = self._at
            assert before is not None
            last = records[-1]
            after = Cursor(before.venue_id, last.last_sequence, last.time_ns, last.chain)
            with self._engine.begin() as connection:
                project(connection, [record.entry() for record in records])
            with self._engine.begin() as connection:
                connection.execute(update(projection).values(**cursor_columns(after)))
            self._at = after
            return after.sequence

    class CarelessFollower(SimulatedFollower):
        projector_type = Careless

    class CarelessWorld(World):
        follower_type = CarelessFollower

    said = found(CarelessWorld)
    assert "its rows are not those of this journal" in said or "the database differs" in said


def test_rows_that_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor moves past a batch whose rows nobody wrote."""
    real = exchange.projector.project

    def careless(connection: Any, entries: Sequence[Entry]) -> None:
        real(connection, [entry for entry in entries if entry.last_sequence % 40])

    monkeypatch.setattr(exchange.projector, "project", careless)
    said = found()
    assert "the database does not take its rows" in said or "the database differs at sequence" in said, said


def test_a_dropped_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in three changes of a book is told to nobody, and the next follows as if there had been none."""
    real = BookStream.delta
    deltas = count(1)

    def forgetful(stream: BookStream, previous: int) -> DataMessage | None:
        message = real(stream, previous)
        return None if next(deltas) % 3 == 0 else message

    monkeypatch.setattr(BookStream, "delta", forgetful)
    said = found()
    assert "wrong checksums" in said or "another book" in said


def test_an_order_number_that_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of an order that ended at once is free, it was thought. The model's engine does the same: only books
    that are kept from events alone can tell."""
    real = Trading._enter_order

    def thrifty(trading: Trading, command: EnterOrder) -> None:
        before = trading.last_order_id
        real(trading, command)
        if before < trading.last_order_id not in trading._clearing.orders:
            trading.last_order_id = before

    monkeypatch.setattr(Trading, "_enter_order", thrifty)
    assert found().startswith("AssertionError"), "told by the books"
