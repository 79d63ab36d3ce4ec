"""Money and goods: what came in, what was posted, what each account holds."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from settlement.tables.common import account, identifier, integer, metadata, reference, rule, words

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

accounts = Table(
    "accounts",
    metadata,
    Column("account", Text, primary_key=True),
    reference("participant_id", "participants.participant_id", optional=True),
    UniqueConstraint("participant_id"),
    rule("owner", "participant_id IS NULL OR account = 'participant:' || participant_id"),
)
"""Accounts that something was posted to or is pending on; `participant_id` is null for the venue's own."""

transfers = Table(
    "transfers",
    metadata,
    identifier("transfer_id"),
    integer("sequence"),
    integer("time_ns"),
    words("cause"),
    integer("reference_id"),
    words("asset"),
    account("debit"),
    account("credit"),
    integer("amount"),
    Index(None, "debit", "transfer_id"),
    Index(None, "credit", "transfer_id"),
    Index(None, "cause", "reference_id", "transfer_id"),
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
