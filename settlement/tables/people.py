"""Who takes part, and under which configuration of the venue."""

from sqlalchemy import JSON, Boolean, Column, Table, Text

from settlement.tables.common import identifier, integer, metadata, words

venue_configurations = Table(
    "venue_configurations",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    words("profile"),
    integer("fee_rate_ppm"),
    integer("fee_minimum_fen"),
    Column("warehouses", JSON, nullable=False),
    Column("varieties", JSON, nullable=False),
    Column("further", JSON, nullable=False, server_default="{}"),
)
"""Each configuration that the venue has had; the one of the highest sequence is in force. `further` holds what else it
says, by the field's name: a new rule needs no column."""

participants = Table(
    "participants",
    metadata,
    identifier("participant_id"),
    Column("name", Text, nullable=False, unique=True),
    words("display_name"),
    Column("roles", JSON, nullable=False),
    Column("obliged", Boolean, nullable=False),
)
