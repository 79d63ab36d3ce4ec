"""Listing contracts, their days, payments and disputes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATES = (
    "concluded",
    "paid",
    "tendered",
    "overdue",
    "delivering",
    "uncollected",
    "failed",
    "weighed",
    "part_paid",
    "objected",
    "disputed",
    "completed",
    "terminated",
    "defaulted",
    "resolved",
    "annulled",
)
CAUSES = (
    "concluded",
    "paid",
    "tendered",
    "title_passed",
    "overdue",
    "charged",
    "picked_up",
    "failed",
    "failure_dismissed",
    "drawn",
    "made_good",
    "weighed",
    "weight_stated",
    "quantity_agreed",
    "accepted",
    "objected",
    "answered",
    "withdrawn",
    "invoiced",
    "disputed",
    "proposed",
    "completed",
    "terminated",
    "defaulted",
    "resolved",
    "annulled",
)


def one_of(column: str, known: tuple[str, ...]) -> str:
    return column + " IN (" + ", ".join(f"'{word}'" for word in known) + ")"


def upgrade() -> None:
    op.create_table(
        "contracts",
        sa.Column("contract_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trade_id", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("buy_order_id", sa.BigInteger(), nullable=False),
        sa.Column("sell_order_id", sa.BigInteger(), nullable=False),
        sa.Column("concluded_ns", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Text(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("value_fen", sa.BigInteger(), nullable=False),
        sa.Column("due_fen", sa.BigInteger(), nullable=False),
        sa.Column("buyer_fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("seller_fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("buyer_earnest_fen", sa.BigInteger(), nullable=False),
        sa.Column("seller_earnest_fen", sa.BigInteger(), nullable=False),
        sa.Column("buyer_earnest_paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("seller_earnest_paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("pay_by_ns", sa.BigInteger(), nullable=False),
        sa.Column("pickup_by_ns", sa.BigInteger(), nullable=False),
        sa.Column("final_by_ns", sa.BigInteger(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=True),
        sa.Column("receipt_ids", sa.JSON(), nullable=False),
        sa.Column("goods_symbol", sa.Text(), nullable=False),
        sa.Column("colour_stage", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.Boolean(), nullable=False),
        sa.Column("tendered", sa.Boolean(), nullable=False),
        sa.Column("escrow_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_in_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_out_fen", sa.BigInteger(), nullable=False),
        sa.Column("differential_fen", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Text(), nullable=True),
        sa.Column("late_days", sa.BigInteger(), nullable=False),
        sa.Column("buyer_late_fen", sa.BigInteger(), nullable=False),
        sa.Column("seller_late_fen", sa.BigInteger(), nullable=False),
        sa.Column("title_ns", sa.BigInteger(), nullable=True),
        sa.Column("delivery_ids", sa.JSON(), nullable=False),
        sa.Column("failed_ids", sa.JSON(), nullable=False),
        sa.Column("picked_g", sa.BigInteger(), nullable=False),
        sa.Column("undelivered_g", sa.BigInteger(), nullable=False),
        sa.Column("earnest_drawn_fen", sa.BigInteger(), nullable=False),
        sa.Column("weighed_g", sa.BigInteger(), nullable=True),
        sa.Column("weighed_ns", sa.BigInteger(), nullable=True),
        sa.Column("weight_reason", sa.Text(), nullable=True),
        sa.Column("buyer_weight_g", sa.BigInteger(), nullable=True),
        sa.Column("seller_weight_g", sa.BigInteger(), nullable=True),
        sa.Column("settled_g", sa.BigInteger(), nullable=True),
        sa.Column("settled_fen", sa.BigInteger(), nullable=True),
        sa.Column("refund_fen", sa.BigInteger(), nullable=False),
        sa.Column("surcharge_fen", sa.BigInteger(), nullable=False),
        sa.Column("uncollected_fen", sa.BigInteger(), nullable=False),
        sa.Column("storage", sa.JSON(), nullable=False),
        sa.Column("granted_fen", sa.BigInteger(), nullable=False),
        sa.Column("objection_by_ns", sa.BigInteger(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("objection", sa.JSON(), nullable=True),
        sa.Column("invoice_number", sa.Text(), nullable=True),
        sa.Column("invoice_digest", sa.Text(), nullable=True),
        sa.Column("invoiced_ns", sa.BigInteger(), nullable=True),
        sa.Column("dispute_opened_by", sa.BigInteger(), nullable=True),
        sa.Column("dispute_reason", sa.Text(), nullable=True),
        sa.Column("disputed_ns", sa.BigInteger(), nullable=True),
        sa.Column("proposal", sa.JSON(), nullable=True),
        sa.Column("approved_by", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "escrow_fen >= 0 AND buyer_earnest_fen >= 0 AND seller_earnest_fen >= 0", name=op.f("ck_contracts_held")
        ),
        sa.CheckConstraint(
            "paid_in_fen - paid_out_fen = escrow_fen + buyer_earnest_fen + seller_earnest_fen",
            name=op.f("ck_contracts_money"),
        ),
        sa.CheckConstraint(
            one_of("state", STATES),
            name=op.f("ck_contracts_state"),
        ),
        sa.CheckConstraint("buyer_id <> seller_id", name=op.f("ck_contracts_parties")),
        sa.CheckConstraint(
            "price > 0 AND quantity > 0 AND value_fen > 0 AND due_fen > 0", name=op.f("ck_contracts_value")
        ),
        sa.CheckConstraint(
            "ended_ns IS NULL OR (paid_in_fen = paid_out_fen AND due_ns IS NULL)", name=op.f("ck_contracts_ended")
        ),
        sa.CheckConstraint("late IN ('buyer', 'seller', 'both')", name=op.f("ck_contracts_late")),
        sa.ForeignKeyConstraint(
            ["buyer_id"], ["participants.participant_id"], name=op.f("fk_contracts_buyer_id_participants")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["participants.participant_id"], name=op.f("fk_contracts_seller_id_participants")
        ),
        sa.ForeignKeyConstraint(["buy_order_id"], ["orders.order_id"], name=op.f("fk_contracts_buy_order_id_orders")),
        sa.ForeignKeyConstraint(["sell_order_id"], ["orders.order_id"], name=op.f("fk_contracts_sell_order_id_orders")),
        sa.PrimaryKeyConstraint("contract_id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("trade_id", name=op.f("uq_contracts_trade_id")),
    )
    op.create_index("ix_contracts_buyer_id_contract_id", "contracts", ["buyer_id", "contract_id"])
    op.create_index(
        "ix_contracts_live",
        "contracts",
        ["contract_id"],
        sqlite_where=sa.text("ended_ns IS NULL"),
        postgresql_where=sa.text("ended_ns IS NULL"),
    )
    op.create_index("ix_contracts_seller_id_contract_id", "contracts", ["seller_id", "contract_id"])
    op.create_table(
        "contract_steps",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("escrow_fen", sa.BigInteger(), nullable=False),
        sa.Column("buyer_earnest_fen", sa.BigInteger(), nullable=False),
        sa.Column("seller_earnest_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            one_of("state", STATES),
            name=op.f("ck_contract_steps_state"),
        ),
        sa.CheckConstraint(
            one_of("cause", CAUSES),
            name=op.f("ck_contract_steps_cause"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.contract_id"], name=op.f("fk_contract_steps_contract_id_contracts")
        ),
        sa.PrimaryKeyConstraint("sequence", "line", name=op.f("pk_contract_steps")),
    )
    op.create_index(
        "ix_contract_steps_contract_id_sequence_line", "contract_steps", ["contract_id", "sequence", "line"]
    )
    op.create_table(
        "trading_days",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("trades", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_trading_days")),
    )


def downgrade() -> None:
    for name in ("trading_days", "contract_steps", "contracts"):
        op.drop_table(name)
