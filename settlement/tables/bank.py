"""The bank's statements and what became of their lines; withdrawals, vouchers, transfers in two phases."""

from typing import Final

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from settlement.tables.common import account, identifier, integer, metadata, part, words


def _participant(name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey("participants.participant_id"), nullable=optional)


bank_statements = Table(
    "bank_statements",
    metadata,
    identifier("statement_id"),
    Column("date", Text, nullable=False, unique=True),
    integer("opening_fen"),
    integer("closing_fen"),
    integer("lines"),
    integer("paid_in_fen"),
    integer("paid_out_fen"),
    _participant("operator_id"),
    integer("sequence"),
    integer("time_ns"),
    CheckConstraint("opening_fen + paid_in_fen - paid_out_fen = closing_fen", "adds_up"),
)
"""Each day's statement, as it was imported."""

LINE_IS_OPEN: Final = text("state NOT IN ('booked', 'released')")
"""It waits for a decision or for the bank."""

bank_lines = Table(
    "bank_lines",
    metadata,
    identifier("line_id"),
    Column("statement_id", BigInteger, ForeignKey("bank_statements.statement_id"), nullable=False),
    integer("position"),
    words("date"),
    words("bank_reference"),
    integer("amount_fen"),
    words("counterparty"),
    words("counterparty_account"),
    words("virtual_account"),
    words("memo"),
    words("state"),
    Column("matched_by", Text),
    Column("unmatched", Text),
    _participant("participant_id", optional=True),
    Column("withdrawal_id", BigInteger),
    Column("release", JSON(none_as_null=True)),
    integer("sequence"),
    integer("time_ns"),
    UniqueConstraint("statement_id", "position"),
    CheckConstraint("amount_fen <> 0", "amount_fen"),
    CheckConstraint("state IN ('booked', 'suspense', 'unassigned', 'returning', 'released')", "state"),
    CheckConstraint("(matched_by IS NULL) <> (unmatched IS NULL)", "matched"),
    Index(None, "state", "line_id"),
    Index(None, "statement_id", "line_id"),
    part("ix_bank_lines_open", "line_id", LINE_IS_OPEN),
    Index(None, "bank_reference"),
)
"""Lines as they stand after the last command that changed them, whose `sequence` and `time_ns` these are."""

reconciliations = Table(
    "reconciliations",
    metadata,
    Column(
        "statement_id",
        BigInteger,
        ForeignKey("bank_statements.statement_id"),
        primary_key=True,
        autoincrement=False,
    ),
    words("date"),
    integer("bank_fen"),
    integer("ledger_fen"),
    integer("difference_fen"),
    integer("by_hand"),
    integer("by_hand_fen"),
    integer("unassigned"),
    integer("unassigned_fen"),
    integer("unexplained_fen"),
    integer("suspense"),
    integer("suspense_fen"),
    integer("in_flight"),
    integer("in_flight_fen"),
    integer("sequence"),
    integer("time_ns"),
    CheckConstraint("difference_fen = bank_fen - ledger_fen", "difference_fen"),
)
"""The bank against the ledger, as each statement found them."""

WITHDRAWAL_LIVES: Final = text("state NOT IN ('paid', 'cancelled', 'rejected', 'expired')")
"""It waits for approval, or is with the bank."""

withdrawals = Table(
    "withdrawals",
    metadata,
    identifier("withdrawal_id"),
    Column("number", Text, nullable=False, unique=True),
    _participant("participant_id", optional=True),
    Column("client_reference", Text),
    Column("line_id", BigInteger, ForeignKey("bank_lines.line_id")),
    integer("amount_fen"),
    words("payee_name"),
    words("payee_bank"),
    words("payee_account"),
    words("state"),
    Column("reason", Text),
    integer("requested_ns"),
    Column("expires_ns", BigInteger),
    Column("approvals", JSON, nullable=False),
    Column("rejections", JSON, nullable=False),
    Column("paid_line_id", BigInteger, ForeignKey("bank_lines.line_id")),
    Column("ended_ns", BigInteger),
    integer("sequence"),
    integer("time_ns"),
    CheckConstraint("amount_fen > 0", "amount_fen"),
    CheckConstraint("state IN ('requested', 'approved', 'paid', 'cancelled', 'rejected', 'expired')", "state"),
    CheckConstraint("(participant_id IS NULL) <> (line_id IS NULL)", "whose"),
    CheckConstraint("(state = 'paid') = (paid_line_id IS NOT NULL)", "paid"),
    Index(None, "participant_id", "withdrawal_id"),
    Index(None, "state", "withdrawal_id"),
    part("ix_withdrawals_live", "withdrawal_id", WITHDRAWAL_LIVES),
)
"""Payments out as they stand. A client's reference may name several over the years: the newest counts."""

vouchers = Table(
    "vouchers",
    metadata,
    identifier("voucher_id"),
    Column("reference", Text, nullable=False, unique=True),
    words("reason"),
    Column("entries", JSON, nullable=False),
    words("state"),
    _participant("proposed_by"),
    _participant("decided_by", optional=True),
    Column("rejection", Text),
    integer("sequence"),
    integer("time_ns"),
    CheckConstraint("state IN ('proposed', 'posted', 'rejected')", "state"),
    CheckConstraint("state <> 'posted' OR decided_by <> proposed_by", "four_eyes"),
    Index(None, "state", "voucher_id"),
)
"""Transfers by hand as they stand; what was posted is in `transfers`."""

pending_transfers = Table(
    "pending_transfers",
    metadata,
    identifier("pending_id"),
    words("key"),
    words("asset"),
    account("debit"),
    account("credit"),
    integer("amount"),
    words("state"),
    integer("posted"),
    Column("expires_ns", BigInteger),
    integer("sequence"),
    integer("time_ns"),
    CheckConstraint("amount > 0 AND posted BETWEEN 0 AND amount", "amount"),
    CheckConstraint("debit <> credit", "accounts"),
    CheckConstraint("state IN ('pending', 'posted', 'voided', 'expired')", "state"),
    CheckConstraint("(state = 'posted') = (posted > 0)", "posted"),
    Index(None, "state", "pending_id"),
    Index(None, "key", "pending_id"),
)
"""Transfers in two phases as they stand; what was posted is in `transfers`."""
