"""What was paid for lying in the store, and what a store owes for goods that it lost."""

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
    Index(None, "warehouse", "sequence", "line"),
    Index(None, "warehouse", "to_day"),
    Index(None, "to_day"),
    one_of("cause", ("payment", "trade", "contract", "delivery", "merge", "clearance")),
    rule("days", "from_day < to_day"),
    rule("amount_fen", "due_fen > 0 AND amount_fen BETWEEN 0 AND due_fen"),
    rule("weight_g", "weight_g > 0"),
)
"""What was settled of which receipt, for which days; `line` counts from 1 within a command. Where nothing was due there
is no row. Days are the venue's local days, counted from 1970-01-01."""

wastage_claims = Table(
    "wastage_claims",
    metadata,
    identifier("claim_id"),
    reference("lot_id", "lots.lot_id"),
    words("warehouse"),
    integer("standard_g"),
    integer("shrinkage_g"),
    integer("beyond_g"),
    integer("amount_fen"),
    integer("sequence"),
    integer("time_ns"),
    Index(None, "warehouse", "claim_id"),
    rule("beyond_g", "beyond_g > 0 AND standard_g + beyond_g <= shrinkage_g"),
    rule("amount_fen", "amount_fen >= 0"),
)
"""Losses beyond a warehouse's standard as they were claimed; how a claim ended stands in `wastage_settlements`."""

wastage_shares = Table(
    "wastage_shares",
    metadata,
    identifier("claim_id", "wastage_claims.claim_id"),
    identifier("receipt_id", "receipts.receipt_id"),
    reference("participant_id", "participants.participant_id"),
    integer("weight_g"),
    integer("amount_fen"),
    Index(None, "participant_id", "claim_id"),
)
"""Whose goods they were."""

wastage_settlements = Table(
    "wastage_settlements",
    metadata,
    identifier("claim_id", "wastage_claims.claim_id"),
    reference("operator_id", "participants.participant_id"),
    words("outcome"),
    words("reason"),
    integer("sequence"),
    integer("time_ns"),
    one_of("outcome", ("paid", "dismissed")),
)
