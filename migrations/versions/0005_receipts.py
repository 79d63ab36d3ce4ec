"""What becomes of receipts: pledges, holds, merges, transfers, regrading, stock-takes; how a lot arrived."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "receipts",
        sa.Column("storage_from_day", sa.BigInteger(), server_default=sa.literal_column("0"), nullable=False),
    )
    op.add_column("receipts", sa.Column("lender_id", sa.BigInteger(), nullable=True))
    op.add_column("receipts", sa.Column("pledge", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("receipts", sa.Column("holds", sa.JSON(), server_default="[]", nullable=False))
    op.create_index("ix_receipts_lender_id_receipt_id", "receipts", ["lender_id", "receipt_id"])
    op.create_table(
        "receipt_merges",
        sa.Column("merged_receipt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merged_receipt_id", name=op.f("pk_receipt_merges")),
    )
    op.create_index(
        "ix_receipt_merges_receipt_id_merged_receipt_id", "receipt_merges", ["receipt_id", "merged_receipt_id"]
    )
    op.create_table(
        "receipt_transfers",
        sa.Column("receipt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("new_receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("participant_id", sa.BigInteger(), nullable=False),
        sa.Column("to_participant_id", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipt_transfers")),
    )
    op.create_index(
        "ix_receipt_transfers_participant_id_receipt_id", "receipt_transfers", ["participant_id", "receipt_id"]
    )
    op.create_index(
        "ix_receipt_transfers_to_participant_id_receipt_id", "receipt_transfers", ["to_participant_id", "receipt_id"]
    )
    op.create_table(
        "regrades",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("previous_symbol", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("colour_stage", sa.BigInteger(), nullable=False),
        sa.Column("defect_permille", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_regrades")),
    )
    op.create_index("ix_regrades_lot_id_sequence", "regrades", ["lot_id", "sequence"])
    op.create_table(
        "stock_changes",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("booked_g", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("shrinkage_g", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "lot_id", name=op.f("pk_stock_changes")),
    )
    op.create_index("ix_stock_changes_lot_id_sequence", "stock_changes", ["lot_id", "sequence"])


def downgrade() -> None:
    op.drop_table("stock_changes")
    op.drop_table("regrades")
    op.drop_table("receipt_transfers")
    op.drop_table("receipt_merges")
    op.drop_index("ix_receipts_lender_id_receipt_id", table_name="receipts")
    with op.batch_alter_table("receipts") as table:
        for name in ("holds", "pledge", "lender_id", "storage_from_day"):
            table.drop_column(name)
