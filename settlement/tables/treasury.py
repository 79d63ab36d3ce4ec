"""Money and goods: what came in, what was posted, what each account holds."""

from sqlalchemy import Column, Index, Table, Text

from settlement.tables.common import identifier, integer, metadata, words

deposits = Table(
    "deposits",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    integer("participant_id"),
    integer("amount_fen"),
    Column("reference", Text, nullable=False, unique=True),
    Index(None, "participant_id", "sequence"),
)
"""Money that came in, by the bank's reference; the postings that it led to are in `transfers`."""

adjustments = Table(
    "adjustments",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    integer("operator_id"),
    integer("debit_id"),
    integer("credit_id"),
    integer("amount_fen"),
    Column("reference", Text, nullable=False, unique=True),
    words("reason"),
)
"""Money that an operator moved between participants; the postings that it led to are in `transfers`."""

transfers = Table(
    "transfers",
    metadata,
    identifier("transfer_id"),
    integer("sequence"),
    integer("time_ns"),
    words("cause"),
    integer("reference_id"),
    words("asset"),
    words("debit"),
    words("credit"),
    integer("amount"),
    Index(None, "debit", "transfer_id"),
    Index(None, "credit", "transfer_id"),
    Index(None, "cause", "reference_id"),
)
"""The ledger: one row a posting, never changed."""

balances = Table(
    "balances",
    metadata,
    identifier("participant_id"),
    Column("asset", Text, primary_key=True),
    integer("total"),
    integer("reserved"),
)
"""What each participant holds of each asset, as last reported."""
