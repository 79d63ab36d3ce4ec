"""The treasury: the bank's statements and their lines, reconciliations, withdrawals, vouchers, pending transfers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _integer(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _key(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _text(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=nullable)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _participant(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["participants.participant_id"], name=op.f(f"fk_{table}_{column}_participants")
    )


def _foreign(table: str, column: str, to: str, key: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{key}"], name=op.f(f"fk_{table}_{column}_{to}"))


def upgrade() -> None:
    op.create_table(
        "bank_statements",
        _key("statement_id"),
        _text("date"),
        _integer("opening_fen"),
        _integer("closing_fen"),
        _integer("lines"),
        _integer("paid_in_fen"),
        _integer("paid_out_fen"),
        _integer("operator_id"),
        _integer("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_bank_statements")),
        sa.UniqueConstraint("date", name=op.f("uq_bank_statements_date")),
        _participant("bank_statements", "operator_id"),
        _check("bank_statements", "adds_up", "opening_fen + paid_in_fen - paid_out_fen = closing_fen"),
    )
    op.create_table(
        "bank_lines",
        _key("line_id"),
        _integer("statement_id"),
        _integer("position"),
        _text("date"),
        _text("bank_reference"),
        _integer("amount_fen"),
        _text("counterparty"),
        _text("counterparty_account"),
        _text("virtual_account"),
        _text("memo"),
        _text("state"),
        _text("matched_by", nullable=True),
        _text("unmatched", nullable=True),
        _integer("participant_id", nullable=True),
        _integer("withdrawal_id", nullable=True),
        sa.Column("release", sa.JSON(none_as_null=True), nullable=True),
        _integer("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_bank_lines")),
        sa.UniqueConstraint("statement_id", "position", name=op.f("uq_bank_lines_statement_id_position")),
        _foreign("bank_lines", "statement_id", "bank_statements", "statement_id"),
        _participant("bank_lines", "participant_id"),
        _check("bank_lines", "amount_fen", "amount_fen <> 0"),
        _check("bank_lines", "state", "state IN ('booked', 'suspense', 'unassigned', 'returning', 'released')"),
        _check("bank_lines", "matched", "(matched_by IS NULL) <> (unmatched IS NULL)"),
    )
    op.create_index("ix_bank_lines_state_line_id", "bank_lines", ["state", "line_id"])
    op.create_index("ix_bank_lines_bank_reference", "bank_lines", ["bank_reference"])
    op.create_table(
        "reconciliations",
        _key("statement_id"),
        _text("date"),
        _integer("bank_fen"),
        _integer("ledger_fen"),
        _integer("difference_fen"),
        _integer("by_hand"),
        _integer("by_hand_fen"),
        _integer("unassigned"),
        _integer("unassigned_fen"),
        _integer("unexplained_fen"),
        _integer("suspense"),
        _integer("suspense_fen"),
        _integer("in_flight"),
        _integer("in_flight_fen"),
        _integer("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_reconciliations")),
        _foreign("reconciliations", "statement_id", "bank_statements", "statement_id"),
        _check("reconciliations", "difference_fen", "difference_fen = bank_fen - ledger_fen"),
    )
    op.create_table(
        "withdrawals",
        _key("withdrawal_id"),
        _text("number"),
        _integer("participant_id", nullable=True),
        _text("client_reference", nullable=True),
        _integer("line_id", nullable=True),
        _integer("amount_fen"),
        _text("payee_name"),
        _text("payee_bank"),
        _text("payee_account"),
        _text("state"),
        _text("reason", nullable=True),
        _integer("requested_ns"),
        _integer("expires_ns", nullable=True),
        sa.Column("approvals", sa.JSON(), nullable=False),
        sa.Column("rejections", sa.JSON(), nullable=False),
        _integer("paid_line_id", nullable=True),
        _integer("ended_ns", nullable=True),
        _integer("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("withdrawal_id", name=op.f("pk_withdrawals")),
        sa.UniqueConstraint("number", name=op.f("uq_withdrawals_number")),
        _participant("withdrawals", "participant_id"),
        _foreign("withdrawals", "line_id", "bank_lines", "line_id"),
        _foreign("withdrawals", "paid_line_id", "bank_lines", "line_id"),
        _check("withdrawals", "amount_fen", "amount_fen > 0"),
        _check(
            "withdrawals", "state", "state IN ('requested', 'approved', 'paid', 'cancelled', 'rejected', 'expired')"
        ),
        _check("withdrawals", "whose", "(participant_id IS NULL) <> (line_id IS NULL)"),
        _check("withdrawals", "paid", "(state = 'paid') = (paid_line_id IS NOT NULL)"),
    )
    op.create_index("ix_withdrawals_participant_id_withdrawal_id", "withdrawals", ["participant_id", "withdrawal_id"])
    op.create_index("ix_withdrawals_state_withdrawal_id", "withdrawals", ["state", "withdrawal_id"])
    op.create_table(
        "vouchers",
        _key("voucher_id"),
        _text("reference"),
        _text("reason"),
        sa.Column("entries", sa.JSON(), nullable=False),
        _text("state"),
        _integer("proposed_by"),
        _integer("decided_by", nullable=True),
        _text("rejection", nullable=True),
        _integer("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("voucher_id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("reference", name=op.f("uq_vouchers_reference")),
        _participant("vouchers", "proposed_by"),
        _participant("vouchers", "decided_by"),
        _check("vouchers", "state", "state IN ('proposed', 'posted', 'rejected')"),
        _check("vouchers", "four_eyes", "state <> 'posted' OR decided_by <> proposed_by"),
    )
    op.create_index("ix_vouchers_state_voucher_id", "vouchers", ["state", "voucher_id"])
    op.create_table(
        "pending_transfers",
        _key("pending_id"),
        _text("key"),
        _text("asset"),
        _text("debit"),
        _text("credit"),
        _integer("amount"),
        _text("state"),
        _integer("posted"),
        _integer("expires_ns", nullable=True),
        _integer("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("pending_id", name=op.f("pk_pending_transfers")),
        _check("pending_transfers", "amount", "amount > 0 AND posted BETWEEN 0 AND amount"),
        _check("pending_transfers", "accounts", "debit <> credit"),
        _check("pending_transfers", "state", "state IN ('pending', 'posted', 'voided', 'expired')"),
        _check("pending_transfers", "posted", "(state = 'posted') = (posted > 0)"),
    )
    op.create_index("ix_pending_transfers_state_pending_id", "pending_transfers", ["state", "pending_id"])
    op.create_index("ix_pending_transfers_key_pending_id", "pending_transfers", ["key", "pending_id"])


def downgrade() -> None:
    for table in ("pending_transfers", "vouchers", "withdrawals", "reconciliations", "bank_lines", "bank_statements"):
        op.drop_table(table)
