"""Indexes that pages are cut by without sorting, and short ones of what is live."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WIDER = (
    ("fills", ["participant_id", "trade_id"], "side"),
    ("fills", ["order_id", "trade_id"], "side"),
    ("orders", ["participant_id", "client_order_id"], "order_id"),
    ("transfers", ["cause", "reference_id"], "transfer_id"),
)
"""A table, the columns of an index, and the one that makes it give the whole order."""

NEW = (
    ("busts", ["sequence"]),
    ("receipts", ["symbol", "receipt_id"]),
    ("lots", ["warehouse", "lot_id"]),
    ("storage_payments", ["warehouse", "sequence", "line"]),
    ("bank_lines", ["statement_id", "line_id"]),
)
LIVE = (
    ("ix_receipts_live", "receipts", "receipt_id", "NOT IN ('split', 'merged', 'delivered', 'void', 'replaced')"),
    ("ix_bank_lines_open", "bank_lines", "line_id", "NOT IN ('booked', 'released')"),
    ("ix_withdrawals_live", "withdrawals", "withdrawal_id", "NOT IN ('paid', 'cancelled', 'rejected', 'expired')"),
    ("ix_deliveries_live", "deliveries", "delivery_id", "NOT IN ('accepted', 'cancelled', 'made_good')"),
)


PLEDGED = sa.text("lender_id IS NOT NULL")


def _name(table: str, columns: list[str]) -> str:
    return op.f(f"ix_{table}_{'_'.join(columns)}")


def upgrade() -> None:
    for table, columns, further in WIDER:
        op.drop_index(_name(table, columns), table)
        op.create_index(_name(table, [*columns, further]), table, [*columns, further])
    for table, columns in NEW:
        op.create_index(_name(table, columns), table, columns)
    op.drop_index("ix_receipts_lender_id_receipt_id", "receipts")
    op.create_index(
        "ix_receipts_lender_id_receipt_id",
        "receipts",
        ["lender_id", "receipt_id"],
        sqlite_where=PLEDGED,
        postgresql_where=PLEDGED,
    )
    for name, table, key, states in LIVE:
        condition = sa.text(f"state {states}")
        op.create_index(name, table, [key], sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for name, table, _, _ in LIVE:
        op.drop_index(name, table)
    op.drop_index("ix_receipts_lender_id_receipt_id", "receipts")
    op.create_index("ix_receipts_lender_id_receipt_id", "receipts", ["lender_id", "receipt_id"])
    for table, columns in NEW:
        op.drop_index(_name(table, columns), table)
    for table, columns, further in WIDER:
        op.drop_index(_name(table, [*columns, further]), table)
        op.create_index(_name(table, columns), table, columns)
