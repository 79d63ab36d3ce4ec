"""Who participants are to the tax bureau, and the invoices that were asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoice_titles",
        sa.Column("participant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("tax_number", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("tax_status", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_invoice_titles")),
        sa.CheckConstraint("participant_id > 0", name=op.f("ck_invoice_titles_participant_id")),
        sa.CheckConstraint("length(tax_number) = 18", name=op.f("ck_invoice_titles_tax_number")),
        sa.CheckConstraint(
            "tax_status IN ('producer', 'general', 'small_scale', 'small_scale_reduced')",
            name=op.f("ck_invoice_titles_tax_status"),
        ),
    )
    op.create_table(
        "invoices",
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=False),
        sa.Column("buyer", sa.JSON(), nullable=False),
        sa.Column("seller", sa.JSON(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("tax_status", sa.Text(), nullable=False),
        sa.Column("quantity_g", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_microfen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("rate_permille", sa.BigInteger(), nullable=True),
        sa.Column("tax_fen", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.Column("requested_ns", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("issued_on", sa.Text(), nullable=True),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoices")),
        sa.CheckConstraint("source IN ('trade', 'contract')", name=op.f("ck_invoices_source")),
        sa.CheckConstraint("kind IN ('normal', 'special')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint("state IN ('requested', 'issued', 'withdrawn')", name=op.f("ck_invoices_state")),
        sa.CheckConstraint("buyer_id <> seller_id", name=op.f("ck_invoices_parties")),
        sa.CheckConstraint(
            "quantity_g > 0 AND amount_fen + tax_fen = total_fen AND tax_fen >= 0", name=op.f("ck_invoices_amounts")
        ),
        sa.CheckConstraint(
            "(state = 'issued') = (number IS NOT NULL AND issued_on IS NOT NULL)", name=op.f("ck_invoices_number")
        ),
    )
    standing = sa.text("state <> 'withdrawn'")
    op.create_index(
        op.f("ix_invoices_source"),
        "invoices",
        ["source", "source_id"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_index(op.f("ix_invoices_buyer_id_invoice_id"), "invoices", ["buyer_id", "invoice_id"])
    op.create_index(op.f("ix_invoices_seller_id_invoice_id"), "invoices", ["seller_id", "invoice_id"])
    op.create_index(op.f("ix_invoices_number"), "invoices", ["number"])


def downgrade() -> None:
    op.drop_table("invoices")
    op.drop_table("invoice_titles")
