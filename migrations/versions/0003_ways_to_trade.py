"""Orders say by what way they trade, and what they answer."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("via", sa.Text(), server_default="order", nullable=False))
    op.add_column("orders", sa.Column("offer_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "offer_id")
    op.drop_column("orders", "via")
