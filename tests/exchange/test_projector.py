"""The projector: cursor and rows move together, and only along the journal that the database was built from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DBAPIError

import exchange.projector
import settlement.projection.treasury
from exchange.database import connect
from exchange.projector import CursorMoved, ForeignJournal, Projector, all_metadata, projected_sequence
from marketdata import queries
from tests.exchange.barter import SYMBOLS, Venue


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    venue = Venue(tmp_path / "journal.sqlite")
    yield venue
    venue.close()


def rows(engine: Engine) -> dict[str, list[Any]]:
    """Everything that the database holds."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for metadata in all_metadata()
            for table in metadata.sorted_tables
        }


def reached(engine: Engine) -> int:
    with engine.connect() as connection:
        return projected_sequence(connection)


def test_a_database_that_nothing_was_projected_to_is_at_zero(database: Engine) -> None:
    assert reached(database) == 0


def test_it_follows_to_the_end_and_goes_on_from_there(venue: Venue, database: Engine) -> None:
    venue.trade(orders=10)
    projector = Projector(database, venue.journal)
    assert projector.start().sequence == 0
    assert list(projector.advance()) == [venue.sequence]
    assert list(projector.advance()) == []
    venue.trade(orders=1)
    assert list(projector.advance()) == [venue.sequence]
    again = Projector(database, venue.journal)
    assert again.start().sequence == venue.sequence
    assert reached(database) == venue.sequence
    with database.connect() as connection:
        assert len(queries.instruments(connection).items) == len(SYMBOLS)


def test_transactions_are_bounded(venue: Venue, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.projector, "MAXIMUM_COMMANDS", 10)
    for _ in range(7):
        venue.trade(orders=4)
    projector = Projector(database, venue.journal)
    projector.start()
    steps = list(projector.advance())
    assert steps == [3 + 4 * n for n in (2, 5, 7)]


def test_a_transaction_that_fails_leaves_rows_and_cursor_where_they_were(
    venue: Venue, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(database, venue.journal)
    projector.start()
    list(projector.advance())
    before = rows(database)
    venue.trade(orders=5)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(settlement.projection.treasury.Treasury, "write", broken)
        with pytest.raises(ZeroDivisionError):
            list(projector.advance())
    assert rows(database) == before
    projector.start()
    assert list(projector.advance()) == [venue.sequence]


def test_two_projectors_do_not_count_anything_twice(venue: Venue, database: Engine) -> None:
    one, other = Projector(database, venue.journal), Projector(database, venue.journal)
    one.start()
    other.start()
    venue.trade(orders=5)
    list(one.advance())
    once = rows(database)
    with pytest.raises(CursorMoved):
        list(other.advance())
    assert rows(database) == once
    assert other.start().sequence == venue.sequence


def test_a_look_tells_whether_the_database_stands_where_it_was_left(venue: Venue, database: Engine) -> None:
    one, other = Projector(database, venue.journal), Projector(database, venue.journal)
    one.start()
    venue.trade(orders=5)
    list(one.advance())
    one.look()
    other.start()
    first = venue.sequence
    venue.trade(orders=5)
    list(other.advance())
    with pytest.raises(CursorMoved, match="another follower"):
        one.look()
    other.look()
    with database.begin() as connection:
        connection.execute(update(exchange.projector.projection).values(sequence=first))
    with pytest.raises(CursorMoved, match=f"gone back from sequence {venue.sequence} to {first}"):
        other.look()


def test_another_venues_journal_is_refused(venue: Venue, database: Engine, tmp_path: Path) -> None:
    Projector(database, venue.journal).start()
    other = Venue(tmp_path / "other.sqlite", venue_id="leizhou")
    with pytest.raises(ForeignJournal, match="another venue"):
        Projector(database, other.journal).start()
    other.close()


def test_a_journal_that_has_lost_rows_is_refused(venue: Venue, database: Engine, tmp_path: Path) -> None:
    venue.trade(orders=5)
    projector = Projector(database, venue.journal)
    projector.start()
    list(projector.advance())
    shorter = Venue(tmp_path / "other.sqlite")
    with pytest.raises(ForeignJournal, match="ends at sequence 3, but the database has seen 8") as caught:
        Projector(database, shorter.journal).start()
    assert "\n" not in str(caught.value)
    shorter.close()


def test_a_journal_that_went_another_way_is_refused(venue: Venue, database: Engine, tmp_path: Path) -> None:
    venue.trade(orders=5)
    projector = Projector(database, venue.journal)
    projector.start()
    list(projector.advance())
    fork = Venue(tmp_path / "other.sqlite")
    fork.trade(orders=2)
    fork.trade(orders=9)
    with pytest.raises(ForeignJournal, match="differs at sequence 8"):
        Projector(database, fork.journal).start()
    fork.close()


def test_a_database_without_its_tables_says_so(venue: Venue, database_url: str) -> None:
    engine = connect(database_url)
    with pytest.raises(DBAPIError):
        Projector(engine, venue.journal).start()
    engine.dispose()
