"""Warehouse receipts, and what was done with them and with the stock they stand for."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Table, literal_column, text

from settlement.messages import ENDED_STATES, LIVE_STATES
from settlement.tables.common import identifier, integer, metadata, one_of, part, reference, rule, words
from settlement.tables.intake import GRADES

RECEIPT_LIVES: Final = text(f"state NOT IN ({', '.join(map(repr, ENDED_STATES))})")
"""It stands for goods in a warehouse."""

receipts = Table(
    "receipts",
    metadata,
    identifier("receipt_id"),
    reference("lot_id", "lots.lot_id"),
    reference("parent_receipt_id", "receipts.receipt_id", optional=True),
    reference("participant_id", "participants.participant_id"),
    words("symbol"),
    words("warehouse"),
    integer("weight_g"),
    integer("reserved_g"),
    words("state"),
    words("harvest_date"),
    integer("issued_ns"),
    integer("expires_ns"),
    integer("issued_by"),
    Column("storage_from_day", BigInteger, nullable=False, server_default=literal_column("0")),
    reference("lender_id", "participants.participant_id", optional=True),
    Column("pledge", JSON(none_as_null=True)),
    Column("holds", JSON, nullable=False, server_default="[]"),
    Index(None, "participant_id", "receipt_id"),
    Index(None, "warehouse", "receipt_id"),
    Index(None, "lot_id", "receipt_id"),
    Index(
        None,
        "lender_id",
        "receipt_id",
        sqlite_where=text("lender_id IS NOT NULL"),
        postgresql_where=text("lender_id IS NOT NULL"),
    ),
    Index(None, "symbol", "receipt_id"),
    part("ix_receipts_live", "receipt_id", RECEIPT_LIVES),
    one_of("state", (*LIVE_STATES, *ENDED_STATES)),
    rule("weight_g", "weight_g >= 0 AND reserved_g BETWEEN 0 AND weight_g"),
    rule("descent", "parent_receipt_id < receipt_id"),
    rule("pledged", "state <> 'pledged' OR lender_id IS NOT NULL"),
    rule("lender_id", "lender_id <> participant_id"),
)
"""Receipts as they stood at the last `receipt_changed`. A reservation alone sends none: `reserved_g` of a live
receipt is the engine's to tell, here it is only as of that event. `lender_id` is the pledge's, for a lender to find his
securities by."""

receipt_merges = Table(
    "receipt_merges",
    metadata,
    identifier("merged_receipt_id", "receipts.receipt_id"),
    reference("receipt_id", "receipts.receipt_id"),
    Index(None, "receipt_id", "merged_receipt_id"),
    rule("descent", "merged_receipt_id < receipt_id"),
)
"""Which receipt each merged one went into."""

receipt_transfers = Table(
    "receipt_transfers",
    metadata,
    identifier("receipt_id", "receipts.receipt_id"),
    reference("new_receipt_id", "receipts.receipt_id"),
    reference("participant_id", "participants.participant_id"),
    reference("to_participant_id", "participants.participant_id"),
    integer("weight_g"),
    words("reference"),
    integer("sequence"),
    integer("time_ns"),
    Index(None, "participant_id", "receipt_id"),
    Index(None, "to_participant_id", "receipt_id"),
    rule("weight_g", "weight_g > 0"),
    rule("participants", "participant_id <> to_participant_id"),
)
"""Receipts that were given to another participant outside the market; a receipt ends with it, so that happens once."""

regrades = Table(
    "regrades",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    reference("lot_id", "lots.lot_id"),
    reference("operator_id", "participants.participant_id"),
    words("previous_symbol"),
    words("symbol"),
    words("grade"),
    integer("colour_stage"),
    integer("defect_permille"),
    integer("expires_ns"),
    words("reason"),
    Index(None, "lot_id", "sequence"),
    one_of("grade", GRADES),
    rule("colour_stage", "colour_stage BETWEEN 1 AND 7"),
    rule("defect_permille", "defect_permille BETWEEN 0 AND 1000"),
)
"""What inspections of stored goods have found; the last of a lot is what its receipts say."""

stock_changes = Table(
    "stock_changes",
    metadata,
    identifier("sequence"),
    identifier("position"),
    integer("time_ns"),
    reference("lot_id", "lots.lot_id"),
    words("warehouse"),
    integer("operator_id"),
    words("cause"),
    integer("booked_g"),
    integer("weight_g"),
    integer("shrinkage_g"),
    words("reason"),
    Index(None, "lot_id", "sequence", "position"),
    one_of("cause", ("shrinkage", "stock_take")),
    rule("weight_g", "booked_g > 0 AND weight_g >= 0 AND shrinkage_g >= 0"),
)
"""Shrinkage that was recorded and stock that was taken: what the books said before and after. What one command did to
several lots, or one after another, counts by `position` from 1."""
