"""What was paid for lying in the store."""

from sqlalchemy import Index, Table

from settlement.tables.common import identifier, integer, metadata, one_of, reference, rule, words

storage_payments = Table(
    "storage_payments",
    metadata,
    identifier("sequence"),
    identifier("line"),
    integer("time_ns"),
    words("cause"),
    integer("reference_id"),
    reference("participant_id", "participants.participant_id"),
    reference("receipt_id", "receipts.receipt_id"),
    reference("lot_id", "lots.lot_id"),
    words("warehouse"),
    integer("weight_g"),
    integer("from_day"),
    integer("to_day"),
    integer("due_fen"),
    integer("amount_fen"),
    Index(None, "participant_id", "sequence", "line"),
    Index(None, "warehouse", "to_day"),
    Index(None, "to_day"),
    one_of("cause", ("payment", "trade", "contract", "delivery", "merge", "clearance")),
    rule("days", "from_day < to_day"),
    rule("amount_fen", "due_fen > 0 AND amount_fen BETWEEN 0 AND due_fen"),
    rule("weight_g", "weight_g > 0"),
)
"""What was settled of which receipt, for which days; `line` counts from 1 within a command. Where nothing was due there
is no row. Days are the venue's local days, counted from 1970-01-01."""
