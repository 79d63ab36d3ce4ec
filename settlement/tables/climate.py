"""Loggers and their readings, and what broken cold chains have cost."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from settlement.tables.common import identifier, integer, metadata, reference, rule, words

loggers = Table(
    "loggers",
    metadata,
    Column("logger_id", Text, primary_key=True),
    words("warehouse"),
    Column("chamber", Text),
)
"""Where each logger stands now."""

lot_places = Table(
    "lot_places",
    metadata,
    identifier("lot_id", "lots.lot_id"),
    words("warehouse"),
    Column("chamber", Text),
)
"""Where a lot lies, as last said."""

readings = Table(
    "readings",
    metadata,
    Column("logger_id", Text, ForeignKey("loggers.logger_id"), primary_key=True),
    identifier("time_ns"),
    words("warehouse"),
    integer("temperature_dc"),
    Column("humidity_permille", BigInteger),
    Index(None, "warehouse", "time_ns", "logger_id"),
    rule("humidity_permille", "humidity_permille BETWEEN 0 AND 1000"),
)
"""What loggers have read; `warehouse` is where the logger stood then."""

cold_chain_breaks = Table(
    "cold_chain_breaks",
    metadata,
    identifier("break_id"),
    Column("logger_id", Text, ForeignKey("loggers.logger_id"), nullable=False),
    words("warehouse"),
    Column("chamber", Text),
    integer("since_ns"),
    integer("time_ns"),
    integer("extreme_dc"),
    integer("sequence"),
    Index(None, "warehouse", "break_id"),
    rule("time_ns", "since_ns < time_ns"),
)
"""Each broken cold chain as it was told first; how it ended stands in `cold_chain_ends`."""

cold_chain_receipts = Table(
    "cold_chain_receipts",
    metadata,
    identifier("break_id", "cold_chain_breaks.break_id"),
    identifier("receipt_id", "receipts.receipt_id"),
    reference("lot_id", "lots.lot_id"),
    reference("participant_id", "participants.participant_id"),
    integer("weight_g"),
    reference("counterparty_id", "participants.participant_id", optional=True),
    Index(None, "participant_id", "break_id"),
    Index(None, "counterparty_id", "break_id"),
)
"""Whose goods lay in it, and to whom they were promised or pledged."""

cold_chain_ends = Table(
    "cold_chain_ends",
    metadata,
    identifier("break_id", "cold_chain_breaks.break_id"),
    integer("time_ns"),
    integer("extreme_dc"),
    integer("outside_ns"),
)

life_losses = Table(
    "life_losses",
    metadata,
    identifier("break_id", "cold_chain_breaks.break_id"),
    identifier("lot_id", "lots.lot_id"),
    integer("hours"),
    integer("expires_ns"),
    rule("hours", "hours > 0"),
)
"""Hours of green life that a break has cost a lot so far, and when that life ended as of then."""
