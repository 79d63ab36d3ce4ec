"""The journal of each engine version that was released says today what it said then.

One of today's version is executed again, event for event. One of an older version is not, for today's rules would
rewrite it: its chain is checked, and its events still make the views. A failure here means that the rules have changed:
then `ENGINE_VERSION` grows, `exchange/conversions.py` gets an entry, and a golden journal is recorded for the new
version; old ones are never recorded again.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exchange.bell import Heard
from exchange.conversions import CONVERSIONS
from exchange.database import sqlite_url
from exchange.engine import ENGINE_VERSION, Engine
from exchange.publication import Publication
from exchange.recovery import begin_with
from exchange.replay import replay
from exchange.snapshot import Snapshots, read_header
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader
from tests.exchange.days import project

GOLDEN = Path(__file__).parents[1] / "golden" / "journals"
RECORDED = sorted(path.stem for path in GOLDEN.glob("*.sqlite"))
FIRST_RELEASED = 3


@pytest.fixture
def journal(tmp_path: Path, version: str) -> Iterator[SqliteJournalReader]:
    """A copy: readers of SQLite's log leave files beside it."""
    shutil.copy(GOLDEN / f"{version}.sqlite", tmp_path / "journal.sqlite")
    with closing(SqliteJournal.open_reader(tmp_path / "journal.sqlite")) as journal:
        yield journal


def test_every_version_since_the_first_is_recorded_and_can_be_gone_on_from() -> None:
    versions = [str(version) for version in range(FIRST_RELEASED, ENGINE_VERSION + 1)]
    assert versions == RECORDED
    assert list(CONVERSIONS) == versions[:-1]


@pytest.mark.parametrize("version", [version for version in RECORDED if version == str(ENGINE_VERSION)])
def test_todays_rules_lead_to_what_was_recorded(version: str, journal: SqliteJournalReader) -> None:
    last = journal.last()
    assert last is not None
    assert sum(record.state_hash is not None for record in journal.read()) > 15
    assert replay(journal, Engine).state_hash() == last.state_hash


@pytest.mark.parametrize("version", [version for version in RECORDED if version == str(ENGINE_VERSION)])
def test_a_snapshot_of_the_same_rules_is_still_one(version: str, journal: SqliteJournalReader) -> None:
    """Its form may change with the rules alone, and that of what the feed and the bell keep not at all in silence."""
    snapshots = Snapshots.beside(journal.path)
    snapshots.path.mkdir()
    copy = snapshots.path / "golden.snapshot"
    shutil.copy(GOLDEN / f"{version}.snapshot", copy)
    path = copy.rename(snapshots.path_of(read_header(copy).sequence))
    said: list[str] = []
    witnesses = (Publication(), Heard())
    start = begin_with(path, journal, witnesses, said.append)
    assert (list(start.late), said) == ([], [])
    engine = replay(journal, lambda: start.engine, heard=start.heard, on_entry=start.hear)
    last = journal.last()
    assert last is not None
    assert engine.state_hash() == last.state_hash
    whole = (Publication(), Heard())
    for record in journal.read():
        for witness in whole:
            witness.hear(record.entry())
    assert [witness.state() for witness in witnesses] == [witness.state() for witness in whole]


@pytest.mark.parametrize("version", RECORDED)
def test_its_chain_holds_and_its_events_make_the_views(
    version: str, journal: SqliteJournalReader, tmp_path: Path
) -> None:
    assert journal.damage() is None
    assert journal.segment().engine_version == version
    assert [record.last_sequence for record in journal.read()][-1] == journal.tip().sequence
    project(journal, sqlite_url(tmp_path / "exchange.sqlite"))
