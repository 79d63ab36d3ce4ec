"""A database says that it is being rebuilt, and to where."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projection", sa.Column("rebuilding_to", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("projection", "rebuilding_to")
