"""Delivery orders, load-out slots, weighed trucks and buy-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=True),
        sa.Column("participant_id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("ordered_g", sa.BigInteger(), nullable=False),
        sa.Column("loaded_g", sa.BigInteger(), nullable=False),
        sa.Column("handed_g", sa.BigInteger(), nullable=False),
        sa.Column("wasted_g", sa.BigInteger(), nullable=False),
        sa.Column("failed_g", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ordered_ns", sa.BigInteger(), nullable=False),
        sa.Column("tries_left", sa.BigInteger(), nullable=True),
        sa.Column("wastage_reason", sa.Text(), nullable=True),
        sa.Column("handed_ns", sa.BigInteger(), nullable=True),
        sa.Column("accept_by_ns", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("reported_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.receipt_id"], name=op.f("fk_deliveries_receipt_id_receipts")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.contract_id"], name=op.f("fk_deliveries_contract_id_contracts")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.participant_id"], name=op.f("fk_deliveries_participant_id_participants")
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.lot_id"], name=op.f("fk_deliveries_lot_id_lots")),
        sa.ForeignKeyConstraint(
            ["reported_by"], ["participants.participant_id"], name=op.f("fk_deliveries_reported_by_participants")
        ),
        sa.CheckConstraint(
            "state IN ('ordered', 'loading', 'loaded', 'handed_over', 'accepted', "
            "'cancelled', 'failed', 'buying_in', 'made_good')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.CheckConstraint(
            "failure IN ('missing', 'spoiled', 'refused', 'held', 'expired')", name=op.f("ck_deliveries_failure")
        ),
        sa.CheckConstraint(
            "ordered_g > 0 AND handed_g BETWEEN 0 AND loaded_g AND wasted_g >= 0 AND failed_g >= 0",
            name=op.f("ck_deliveries_weights"),
        ),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_deliveries_tries_left")),
        sa.CheckConstraint(
            "(state = 'handed_over') = (accept_by_ns IS NOT NULL)", name=op.f("ck_deliveries_accept_by_ns")
        ),
        sa.CheckConstraint(
            "(failure IS NULL) = (failure_reason IS NULL) AND (failure IS NULL) = (reported_by IS NULL)",
            name=op.f("ck_deliveries_failed"),
        ),
    )
    op.create_index("ix_deliveries_participant_id_delivery_id", "deliveries", ["participant_id", "delivery_id"])
    op.create_index("ix_deliveries_receipt_id_delivery_id", "deliveries", ["receipt_id", "delivery_id"])
    op.create_index("ix_deliveries_state_delivery_id", "deliveries", ["state", "delivery_id"])
    op.create_index("ix_deliveries_warehouse_delivery_id", "deliveries", ["warehouse", "delivery_id"])
    op.create_table(
        "slots",
        sa.Column("slot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("dock", sa.Text(), nullable=False),
        sa.Column("starts_ns", sa.BigInteger(), nullable=False),
        sa.Column("ends_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_slots")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_slots_delivery_id_deliveries")
        ),
        sa.CheckConstraint("state IN ('booked', 'cancelled', 'missed', 'used')", name=op.f("ck_slots_state")),
        sa.CheckConstraint("starts_ns < ends_ns", name=op.f("ck_slots_ends_ns")),
    )
    op.create_index("ix_slots_delivery_id_slot_id", "slots", ["delivery_id", "slot_id"])
    op.create_index("ix_slots_warehouse_starts_ns", "slots", ["warehouse", "starts_ns"])
    op.create_table(
        "loads",
        sa.Column("load_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("gross_g", sa.BigInteger(), nullable=False),
        sa.Column("tare_g", sa.BigInteger(), nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("posted_g", sa.BigInteger(), nullable=False),
        sa.Column("scale_id", sa.Text(), nullable=False),
        sa.Column("plate", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("driver", sa.Text(), nullable=False),
        sa.Column("last", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("weighed_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("handed_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("load_id", name=op.f("pk_loads")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_loads_delivery_id_deliveries")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["participants.participant_id"], name=op.f("fk_loads_operator_id_participants")
        ),
        sa.UniqueConstraint("scale_id", "ticket", name=op.f("uq_loads_scale_id_ticket")),
        sa.CheckConstraint("state IN ('weighed', 'handed_over', 'voided')", name=op.f("ck_loads_state")),
        sa.CheckConstraint(
            "net_g > 0 AND net_g = gross_g - tare_g AND posted_g BETWEEN 0 AND net_g", name=op.f("ck_loads_net_g")
        ),
        sa.CheckConstraint("(state = 'handed_over') = (handed_ns IS NOT NULL)", name=op.f("ck_loads_handed_ns")),
    )
    op.create_index("ix_loads_delivery_id_load_id", "loads", ["delivery_id", "load_id"])
    op.create_table(
        "buy_ins",
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.BigInteger(), nullable=False),
        sa.Column("defaulter_id", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("base_price", sa.BigInteger(), nullable=False),
        sa.Column("limit_price", sa.BigInteger(), nullable=False),
        sa.Column("cash_price", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("attempts_left", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_ns", sa.BigInteger(), nullable=True),
        sa.Column("bought_g", sa.BigInteger(), nullable=False),
        sa.Column("bought_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("settled_g", sa.BigInteger(), nullable=False),
        sa.Column("settled_fen", sa.BigInteger(), nullable=False),
        sa.Column("from_escrow_fen", sa.BigInteger(), nullable=False),
        sa.Column("from_earnest_fen", sa.BigInteger(), nullable=False),
        sa.Column("from_cash_fen", sa.BigInteger(), nullable=False),
        sa.Column("from_risk_fund_fen", sa.BigInteger(), nullable=False),
        sa.Column("returned_fen", sa.BigInteger(), nullable=False),
        sa.Column("uncovered_fen", sa.BigInteger(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_buy_ins")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_buy_ins_delivery_id_deliveries")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.participant_id"], name=op.f("fk_buy_ins_participant_id_participants")
        ),
        sa.ForeignKeyConstraint(
            ["defaulter_id"], ["participants.participant_id"], name=op.f("fk_buy_ins_defaulter_id_participants")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.contract_id"], name=op.f("fk_buy_ins_contract_id_contracts")
        ),
        sa.CheckConstraint("participant_id <> defaulter_id", name=op.f("ck_buy_ins_parties")),
        sa.CheckConstraint(
            "base_price > 0 AND base_price <= limit_price AND base_price <= cash_price", name=op.f("ck_buy_ins_prices")
        ),
        sa.CheckConstraint("weight_g > 0 AND bought_g + settled_g <= weight_g", name=op.f("ck_buy_ins_weights")),
        sa.CheckConstraint(
            "bought_fen + fee_fen + settled_fen = "
            "from_escrow_fen + from_earnest_fen + from_cash_fen + from_risk_fund_fen",
            name=op.f("ck_buy_ins_money"),
        ),
        sa.CheckConstraint("(ended_ns IS NULL) = (next_attempt_ns IS NOT NULL)", name=op.f("ck_buy_ins_ended_ns")),
    )
    op.create_index("ix_buy_ins_defaulter_id_delivery_id", "buy_ins", ["defaulter_id", "delivery_id"])
    op.create_index("ix_buy_ins_participant_id_delivery_id", "buy_ins", ["participant_id", "delivery_id"])
    op.create_table(
        "buy_in_attempts",
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("limit_price", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("bought", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", "attempt", name=op.f("pk_buy_in_attempts")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.delivery_id"], name=op.f("fk_buy_in_attempts_delivery_id_deliveries")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_buy_in_attempts_order_id_orders")),
        sa.CheckConstraint("bought BETWEEN 0 AND quantity", name=op.f("ck_buy_in_attempts_bought")),
    )


def downgrade() -> None:
    for name in ("buy_in_attempts", "buy_ins", "loads", "slots", "deliveries"):
        op.drop_table(name)
