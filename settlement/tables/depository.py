"""Warehouse receipts, and what was done with them and with the stock they stand for."""

from sqlalchemy import JSON, BigInteger, Column, Index, Table, literal_column

from settlement.tables.common import identifier, integer, metadata, one_of, reference, rule, words

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
    Column("lender_id", BigInteger),
    Column("pledge", JSON(none_as_null=True)),
    Column("holds", JSON, nullable=False, server_default="[]"),
    Index(None, "participant_id", "receipt_id"),
    Index(None, "warehouse", "receipt_id"),
    Index(None, "lot_id", "receipt_id"),
    Index(None, "lender_id", "receipt_id"),
    one_of(
        "state",
        (
            *("issued", "pledged", "held", "delivery_ordered", "expired"),
            *("split", "merged", "delivered", "void", "replaced"),
        ),
    ),
    rule("weight_g", "weight_g >= 0 AND reserved_g BETWEEN 0 AND weight_g"),
    rule("descent", "parent_receipt_id < receipt_id"),
)
"""Receipts as they stood at the last `receipt_changed`. A reservation alone sends none: `reserved_g` of a live
receipt is the engine's to tell, here it is only as of that event. `lender_id` is the pledge's, for a lender to find his
securities by."""

receipt_merges = Table(
    "receipt_merges",
    metadata,
    identifier("merged_receipt_id"),
    integer("receipt_id"),
    Index(None, "receipt_id", "merged_receipt_id"),
)
"""Which receipt each merged one went into."""

receipt_transfers = Table(
    "receipt_transfers",
    metadata,
    identifier("receipt_id"),
    integer("new_receipt_id"),
    integer("participant_id"),
    integer("to_participant_id"),
    integer("weight_g"),
    words("reference"),
    integer("sequence"),
    integer("time_ns"),
    Index(None, "participant_id", "receipt_id"),
    Index(None, "to_participant_id", "receipt_id"),
)
"""Receipts that were given to another participant outside the market; a receipt ends with it, so that happens once."""

regrades = Table(
    "regrades",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    integer("lot_id"),
    integer("operator_id"),
    words("previous_symbol"),
    words("symbol"),
    words("grade"),
    integer("colour_stage"),
    integer("defect_permille"),
    integer("expires_ns"),
    words("reason"),
    Index(None, "lot_id", "sequence"),
)
"""What inspections of stored goods have found; the last of a lot is what its receipts say."""

stock_changes = Table(
    "stock_changes",
    metadata,
    identifier("sequence"),
    identifier("lot_id"),
    integer("time_ns"),
    words("warehouse"),
    integer("operator_id"),
    words("cause"),
    integer("booked_g"),
    integer("weight_g"),
    integer("shrinkage_g"),
    words("reason"),
    Index(None, "lot_id", "sequence"),
)
"""Shrinkage that was recorded and stock that was taken: what the books said before and after."""
