"""Warehouse receipts."""

from sqlalchemy import BigInteger, Column, Index, Table

from settlement.tables.common import identifier, integer, metadata, words

receipts = Table(
    "receipts",
    metadata,
    identifier("receipt_id"),
    integer("lot_id"),
    Column("parent_receipt_id", BigInteger),
    integer("participant_id"),
    words("symbol"),
    words("warehouse"),
    integer("weight_g"),
    integer("reserved_g"),
    words("state"),
    words("harvest_date"),
    integer("issued_ns"),
    integer("expires_ns"),
    integer("issued_by"),
    Index(None, "participant_id", "receipt_id"),
    Index(None, "warehouse", "receipt_id"),
    Index(None, "lot_id", "receipt_id"),
)
"""Receipts as they stood at the last `receipt_changed`. A reservation alone sends none: `reserved_g` of a live
receipt is the engine's to tell, here it is only as of that event."""
