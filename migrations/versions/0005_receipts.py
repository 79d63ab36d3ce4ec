"""What becomes of receipts: pledges, holds, merges, transfers, regrading, stock-takes; how a lot arrived."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.constraints import Checks, ForeignKeys, constrain, release

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PEOPLE = ("participants", "participant_id")
RECEIPTS = ("receipts", "receipt_id")
LOTS = ("lots", "lot_id")

FOREIGN_KEYS: dict[str, ForeignKeys] = {
    "receipts": {"lender_id": PEOPLE},
    "receipt_merges": {"merged_receipt_id": RECEIPTS, "receipt_id": RECEIPTS},
    "receipt_transfers": {
        "receipt_id": RECEIPTS,
        "new_receipt_id": RECEIPTS,
        "participant_id": PEOPLE,
        "to_participant_id": PEOPLE,
    },
    "regrades": {"lot_id": LOTS, "operator_id": PEOPLE},
    "stock_changes": {"lot_id": LOTS},
}
LOT_STATUS: Checks = {
    "status": "status IN ('announced', 'arrived', 'weighed', 'inspected', 'receipted', 'refused')",
}
LOT_STATUS_BEFORE: Checks = {"status": "status IN ('announced', 'weighed', 'inspected', 'receipted', 'refused')"}
LOT_ARRIVED: Checks = {"arrived": "status <> 'arrived' OR arrived_ns IS NOT NULL"}
CHECKS: dict[str, Checks] = {
    "receipts": {
        "pledged": "state <> 'pledged' OR lender_id IS NOT NULL",
        "lender_id": "lender_id <> participant_id",
    },
    "receipt_merges": {"descent": "merged_receipt_id < receipt_id"},
    "receipt_transfers": {"weight_g": "weight_g > 0", "participants": "participant_id <> to_participant_id"},
    "regrades": {
        "grade": "grade IN ('E', '1', '2')",
        "colour_stage": "colour_stage BETWEEN 1 AND 7",
        "defect_permille": "defect_permille BETWEEN 0 AND 1000",
    },
    "stock_changes": {
        "cause": "cause IN ('shrinkage', 'stock_take')",
        "weight_g": "booked_g > 0 AND weight_g >= 0 AND shrinkage_g >= 0",
    },
}
LOT_COLUMNS: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "marks": sa.Text,
    "arrived_ns": sa.BigInteger,
    "plate": sa.Text,
    "carrier": sa.Text,
    "finger_length_mm": sa.BigInteger,
    "thickness_mm": sa.BigInteger,
    "blemish_mm2": sa.BigInteger,
}


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
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("booked_g", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("shrinkage_g", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "position", name=op.f("pk_stock_changes")),
    )
    op.create_index("ix_stock_changes_lot_id_sequence_position", "stock_changes", ["lot_id", "sequence", "position"])
    for name, kind in LOT_COLUMNS.items():
        op.add_column("lots", sa.Column(name, kind(), nullable=True))
    release("lots", checks=LOT_STATUS_BEFORE)
    constrain("lots", checks={**LOT_STATUS, **LOT_ARRIVED})
    for name in FOREIGN_KEYS:
        constrain(name, keys=FOREIGN_KEYS[name], checks=CHECKS.get(name))


def downgrade() -> None:
    release("receipts", keys=FOREIGN_KEYS["receipts"], checks=CHECKS["receipts"])
    release("lots", checks={**LOT_STATUS, **LOT_ARRIVED})
    op.execute("UPDATE lots SET status = 'announced' WHERE status = 'arrived'")
    constrain("lots", checks=LOT_STATUS_BEFORE)
    with op.batch_alter_table("lots") as table:
        for name in LOT_COLUMNS:
            table.drop_column(name)
    op.drop_table("stock_changes")
    op.drop_table("regrades")
    op.drop_table("receipt_transfers")
    op.drop_table("receipt_merges")
    op.drop_index("ix_receipts_lender_id_receipt_id", table_name="receipts")
    with op.batch_alter_table("receipts") as table:
        for name in ("holds", "pledge", "lender_id", "storage_from_day"):
            table.drop_column(name)
