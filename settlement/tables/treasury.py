"""Money and goods: what came in, what was posted, what each account holds."""

from sqlalchemy import Column, Index, Table, Text

from settlement.tables.common import identifier, integer, metadata, reference, rule, words

deposits = Table(
    "deposits",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    reference("participant_id", "participants.participant_id"),
    integer("amount_fen"),
    Column("reference", Text, nullable=False, unique=True),
    Index(None, "participant_id", "sequence"),
    rule("amount_fen", "amount_fen > 0"),
)
"""Money that came in, by the bank's reference; the postings that it led to are in `transfers`."""

adjustments = Table(
    "adjustments",
    metadata,
    identifier("sequence"),
    integer("time_ns"),
    reference("operator_id", "participants.participant_id"),
    reference("debit_id", "participants.participant_id"),
    reference("credit_id", "participants.participant_id"),
    integer("amount_fen"),
    Column("reference", Text, nullable=False, unique=True),
    words("reason"),
    rule("amount_fen", "amount_fen > 0"),
    rule("accounts", "debit_id <> credit_id"),
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
    rule("amount", "amount > 0"),
    rule("accounts", "debit <> credit"),
)
"""The ledger: one row a posting, never changed."""

balances = Table(
    "balances",
    metadata,
    identifier("participant_id", "participants.participant_id"),
    Column("asset", Text, primary_key=True),
    integer("total"),
    integer("reserved"),
    rule("reserved", "reserved >= 0 AND reserved <= total"),
)
"""What each participant holds of each asset, as last reported."""
