"""Participants, and the venue's configuration."""

import msgspec
from sqlalchemy import Connection, select

from settlement import tables
from settlement.messages import ConfigureVenue, ParticipantRegistered
from settlement.queries.paging import DEFAULT_LIMIT, Page, by_id, one, page


def participants(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[ParticipantRegistered]:
    """Everyone, descending `participant_id`."""
    table = tables.participants
    query = select(table).order_by(table.c.participant_id.desc())
    return page(connection, query, table.c.participant_id, cursor, limit, ParticipantRegistered)


def participant(connection: Connection, participant_id: int) -> ParticipantRegistered | None:
    return by_id(connection, tables.participants.c.participant_id, participant_id, ParticipantRegistered)


def participant_by_name(connection: Connection, name: str) -> ParticipantRegistered | None:
    table = tables.participants
    return one(connection, select(table).where(table.c.name == tables.storable(name)), ParticipantRegistered)


def venue(connection: Connection, sequence: int | None = None) -> ConfigureVenue | None:
    """The configuration in force, or what was in force after a command; none before the first."""
    table = tables.venue_configurations
    query = select(table.c.configuration).order_by(table.c.sequence.desc()).limit(1)
    if sequence is not None:
        query = query.where(table.c.sequence <= sequence)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else msgspec.convert(found, ConfigureVenue)
