"""Who takes part, and under which configuration of the venue."""

from sqlalchemy import JSON, Boolean, Column, Table, Text

from settlement.tables.common import identifier, integer, metadata, words

venue_configurations = Table(
    "venue_configurations",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    Column("configuration", JSON, nullable=False),
)
"""Each configuration that the venue has had, whole, by the names of `VenueConfigured`; the one of the highest sequence
is in force. It is read whole or not at all, a new rule needs no column, and what an older one does not tell of has its
default."""

participants = Table(
    "participants",
    metadata,
    identifier("participant_id"),
    Column("name", Text, nullable=False, unique=True),
    words("display_name"),
    Column("roles", JSON, nullable=False),
    Column("obliged", Boolean, nullable=False),
)
