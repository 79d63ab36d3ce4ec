"""Storage charges, and what the loggers of the warehouses measure."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "storage_payments",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.BigInteger(), nullable=False),
        sa.Column("participant_id", sa.BigInteger(), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("from_day", sa.BigInteger(), nullable=False),
        sa.Column("to_day", sa.BigInteger(), nullable=False),
        sa.Column("due_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "line", name=op.f("pk_storage_payments")),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participants.participant_id"],
            name=op.f("fk_storage_payments_participant_id_participants"),
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.receipt_id"], name=op.f("fk_storage_payments_receipt_id_receipts")
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name=op.f("fk_storage_payments_lot_id_lots")),
        sa.CheckConstraint(
            "cause IN ('payment', 'trade', 'contract', 'delivery', 'merge', 'clearance')",
            name=op.f("ck_storage_payments_cause"),
        ),
        sa.CheckConstraint("from_day < to_day", name=op.f("ck_storage_payments_days")),
        sa.CheckConstraint(
            "due_fen > 0 AND amount_fen BETWEEN 0 AND due_fen", name=op.f("ck_storage_payments_amount_fen")
        ),
        sa.CheckConstraint("weight_g > 0", name=op.f("ck_storage_payments_weight_g")),
    )
    op.create_index(
        "ix_storage_payments_participant_id_sequence_line", "storage_payments", ["participant_id", "sequence", "line"]
    )
    op.create_index("ix_storage_payments_warehouse_to_day", "storage_payments", ["warehouse", "to_day"])
    op.create_index("ix_storage_payments_to_day", "storage_payments", ["to_day"])
    op.create_table(
        "wastage_claims",
        sa.Column("claim_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("standard_g", sa.BigInteger(), nullable=False),
        sa.Column("shrinkage_g", sa.BigInteger(), nullable=False),
        sa.Column("beyond_g", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_wastage_claims")),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name=op.f("fk_wastage_claims_lot_id_lots")),
        sa.CheckConstraint(
            "beyond_g > 0 AND standard_g + beyond_g <= shrinkage_g", name=op.f("ck_wastage_claims_beyond_g")
        ),
        sa.CheckConstraint("amount_fen >= 0", name=op.f("ck_wastage_claims_amount_fen")),
    )
    op.create_index("ix_wastage_claims_warehouse_claim_id", "wastage_claims", ["warehouse", "claim_id"])
    op.create_table(
        "wastage_shares",
        sa.Column("claim_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("claim_id", "receipt_id", name=op.f("pk_wastage_shares")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["wastage_claims.claim_id"], name=op.f("fk_wastage_shares_claim_id_wastage_claims")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.receipt_id"], name=op.f("fk_wastage_shares_receipt_id_receipts")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participants.participant_id"],
            name=op.f("fk_wastage_shares_participant_id_participants"),
        ),
    )
    op.create_index("ix_wastage_shares_participant_id_claim_id", "wastage_shares", ["participant_id", "claim_id"])
    op.create_table(
        "wastage_settlements",
        sa.Column("claim_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_wastage_settlements")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["wastage_claims.claim_id"], name=op.f("fk_wastage_settlements_claim_id_wastage_claims")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["participants.participant_id"],
            name=op.f("fk_wastage_settlements_operator_id_participants"),
        ),
        sa.CheckConstraint("outcome IN ('paid', 'dismissed')", name=op.f("ck_wastage_settlements_outcome")),
    )
    op.create_table(
        "loggers",
        sa.Column("logger_id", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("chamber", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("logger_id", name=op.f("pk_loggers")),
    )
    op.create_table(
        "lot_places",
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("chamber", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_lot_places")),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name=op.f("fk_lot_places_lot_id_lots")),
    )
    op.create_table(
        "readings",
        sa.Column("logger_id", sa.Text(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("temperature_dc", sa.BigInteger(), nullable=False),
        sa.Column("humidity_permille", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("logger_id", "time_ns", name=op.f("pk_readings")),
        sa.ForeignKeyConstraint(["logger_id"], ["loggers.logger_id"], name=op.f("fk_readings_logger_id_loggers")),
        sa.CheckConstraint("humidity_permille BETWEEN 0 AND 1000", name=op.f("ck_readings_humidity_permille")),
    )
    op.create_index("ix_readings_warehouse_time_ns_logger_id", "readings", ["warehouse", "time_ns", "logger_id"])
    op.create_table(
        "cold_chain_breaks",
        sa.Column("break_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("logger_id", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("chamber", sa.Text(), nullable=True),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("extreme_dc", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("break_id", name=op.f("pk_cold_chain_breaks")),
        sa.ForeignKeyConstraint(
            ["logger_id"], ["loggers.logger_id"], name=op.f("fk_cold_chain_breaks_logger_id_loggers")
        ),
        sa.CheckConstraint("since_ns < time_ns", name=op.f("ck_cold_chain_breaks_time_ns")),
    )
    op.create_index("ix_cold_chain_breaks_warehouse_break_id", "cold_chain_breaks", ["warehouse", "break_id"])
    op.create_table(
        "cold_chain_receipts",
        sa.Column("break_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("participant_id", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("counterparty_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("break_id", "receipt_id", name=op.f("pk_cold_chain_receipts")),
        sa.ForeignKeyConstraint(
            ["break_id"], ["cold_chain_breaks.break_id"], name=op.f("fk_cold_chain_receipts_break_id_cold_chain_breaks")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.receipt_id"], name=op.f("fk_cold_chain_receipts_receipt_id_receipts")
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name=op.f("fk_cold_chain_receipts_lot_id_lots")),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participants.participant_id"],
            name=op.f("fk_cold_chain_receipts_participant_id_participants"),
        ),
        sa.ForeignKeyConstraint(
            ["counterparty_id"],
            ["participants.participant_id"],
            name=op.f("fk_cold_chain_receipts_counterparty_id_participants"),
        ),
    )
    op.create_index(
        "ix_cold_chain_receipts_participant_id_break_id", "cold_chain_receipts", ["participant_id", "break_id"]
    )
    op.create_index(
        "ix_cold_chain_receipts_counterparty_id_break_id", "cold_chain_receipts", ["counterparty_id", "break_id"]
    )
    op.create_table(
        "cold_chain_ends",
        sa.Column("break_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("extreme_dc", sa.BigInteger(), nullable=False),
        sa.Column("outside_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("break_id", name=op.f("pk_cold_chain_ends")),
        sa.ForeignKeyConstraint(
            ["break_id"], ["cold_chain_breaks.break_id"], name=op.f("fk_cold_chain_ends_break_id_cold_chain_breaks")
        ),
    )
    op.create_table(
        "life_losses",
        sa.Column("break_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("break_id", "lot_id", name=op.f("pk_life_losses")),
        sa.ForeignKeyConstraint(
            ["break_id"], ["cold_chain_breaks.break_id"], name=op.f("fk_life_losses_break_id_cold_chain_breaks")
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name=op.f("fk_life_losses_lot_id_lots")),
        sa.CheckConstraint("hours > 0", name=op.f("ck_life_losses_hours")),
    )


def downgrade() -> None:
    for name in (
        "life_losses",
        "cold_chain_ends",
        "cold_chain_receipts",
        "cold_chain_breaks",
        "readings",
        "lot_places",
        "loggers",
        "wastage_settlements",
        "wastage_shares",
        "wastage_claims",
        "storage_payments",
    ):
        op.drop_table(name)
