"""Re-execution leads to the recorded events and states, or says at which sequence it does not."""

import sqlite3
from pathlib import Path

import pytest

from exchange.journal import seal
from exchange.mark import mark_path
from exchange.protocol import Command, Entry, encode
from exchange.replay import PROGRESS_COMMANDS, ReplayMismatch, reexecute, replay, run_batch, run_replay
from exchange.sqlite_journal import SqliteJournal
from matching.messages import PhaseChanged, SetPhase
from tests.exchange.tally import Tally


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def change(symbol: str) -> SetPhase:
    return SetPhase(symbol, "continuous")


def record(
    path: Path, batches: list[tuple[int, list[Command]]], hashed: bool = True, engine: Tally | None = None
) -> Tally:
    """Write batches of `(time_ns, commands)` as a venue would; the last row carries the state's hash."""
    engine = engine or Tally()
    journal = SqliteJournal(path)
    for number, (time_ns, commands) in enumerate(batches, 1):
        tip = journal.tip()
        first = tip.sequence + 1
        events = run_batch(engine, tuple(commands), first, time_ns)
        entry = Entry(first_sequence=first, time_ns=time_ns, commands=tuple(commands), events=events)
        last = hashed and number == len(batches)
        journal.append(seal(entry, tip.chain, engine.state_hash() if last else None))
    journal.close()
    return engine


def test_the_implied_advance_stands_in_front_of_the_first_commands_events() -> None:
    engine = Tally()
    run_batch(engine, (change("UNTIL-20"),), 1, 10)
    assert run_batch(engine, (change("A"), change("B")), 2, 20) == (
        (PhaseChanged("UNTIL-20", "closed"), PhaseChanged("A", "continuous")),
        (PhaseChanged("B", "continuous"),),
    )


def test_replay_leads_to_the_same_state_and_tells_each_batch(path: Path) -> None:
    written = record(path, [(10, [change("A"), change("UNTIL-15")]), (20, [change("A")]), (20, [change("B")])])
    reader = SqliteJournal.open_reader(path)
    told: list[Entry] = []
    engine = replay(reader, Tally, on_entry=told.append)
    assert engine.state_hash() == written.state_hash()
    assert engine.counts == {"A": 2, "UNTIL-15": 1, "B": 1}
    assert told == [row.entry() for row in reader.read()]
    reader.close()


def test_replay_goes_on_from_where_an_engine_stands(path: Path) -> None:
    record(path, [(10, [change("A")])])
    reader = SqliteJournal.open_reader(path)
    halfway = replay(reader, Tally)
    reader.close()
    record(path, [(20, [change("A"), change("B")])], engine=replay_of(path))
    reader = SqliteJournal.open_reader(path)
    assert replay(reader, lambda: halfway).counts == {"A": 2, "B": 1}
    reader.close()


def replay_of(path: Path) -> Tally:
    reader = SqliteJournal.open_reader(path)
    try:
        return replay(reader, Tally)
    finally:
        reader.close()


def test_progress_is_told_now_and_then(path: Path) -> None:
    batches: list[tuple[int, list[Command]]] = [
        (1, [change("A")] * 4_000) for _ in range(PROGRESS_COMMANDS // 4_000 + 2)
    ]
    record(path, batches)
    reader = SqliteJournal.open_reader(path)
    told: list[int] = []
    replay(reader, Tally, progress=told.append)
    reader.close()
    assert told == [52_000]


def test_other_events_than_recorded_are_told_by_their_sequence(path: Path) -> None:
    record(path, [(10, [change("A")]), (20, [change("A"), change("B"), change("C")])])
    rewrite_events(
        path,
        4,
        ((PhaseChanged("A", "continuous"),), (PhaseChanged("B", "halted"),), (PhaseChanged("C", "continuous"),)),
    )
    reader = SqliteJournal.open_reader(path)
    with pytest.raises(ReplayMismatch, match=r"sequence 3: recorded .*halted.*, re-executed .*continuous") as mismatch:
        replay(reader, Tally)
    assert mismatch.value.sequence == 3
    reader.close()


def test_a_state_that_the_events_do_not_show_is_told_by_the_hash(path: Path) -> None:
    record(path, [(10, [change("A")] * 8)], engine=Tally(forgetful=True))
    reader = SqliteJournal.open_reader(path)
    with pytest.raises(ReplayMismatch, match="at sequence 8: the state's hash is"):
        replay(reader, Tally)
    reader.close()


def test_an_engine_that_fails_on_a_recorded_command_is_a_mismatch() -> None:
    entry = Entry(first_sequence=1, time_ns=1, commands=(change("A"), change("POISON")), events=((), ()))
    with pytest.raises(ReplayMismatch, match="the engine failed with ZeroDivisionError"):
        reexecute(Tally(), seal(entry, b""))


def test_the_command_reports_sequence_and_state(path: Path) -> None:
    engine = record(path, [(10, [change("A"), change("B")])])
    said: list[str] = []
    assert run_replay(path, said.append, engine_factory=Tally) == 0
    assert said == ["sequence 2", f"state {engine.state_hash().hex()}"]


def test_the_command_says_what_is_wrong_and_what_is_missing(path: Path) -> None:
    said: list[str] = []
    assert run_replay(path, said.append, engine_factory=Tally) == 2
    record(path, [(10, [change("A")] * 8)], engine=Tally(forgetful=True))
    assert run_replay(path, said.append, engine_factory=Tally) == 1
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE batches SET time_ns = 11")
    connection.close()
    assert run_replay(path, said.append, engine_factory=Tally) == 1
    assert len(said) == 3, "a line each"
    for line, gist in zip(said, ("there is no journal", "the state's hash", "does not fit the chain"), strict=True):
        assert gist in line


def rewrite_events(path: Path, last_sequence: int, events: tuple[tuple[PhaseChanged, ...], ...]) -> None:
    """What a forger with the whole file would do: another payload, and a chain that fits it."""
    reader = SqliteJournal.open_reader(path)
    rows = list(reader.read())
    chain = reader.birth().chain()
    reader.close()
    path.unlink()
    mark_path(path).unlink()
    birth = SqliteJournal(path, venue_id=reader.birth().venue_id, created_ns=reader.birth().created_ns)
    for row in rows:
        entry = row.entry()
        if row.last_sequence == last_sequence:
            entry = Entry(
                first_sequence=entry.first_sequence, time_ns=entry.time_ns, commands=entry.commands, events=events
            )
            assert encode(entry.events) != row.events
        forged = seal(entry, chain, row.state_hash)
        chain = forged.chain
        birth.append(forged)
    birth.close()
