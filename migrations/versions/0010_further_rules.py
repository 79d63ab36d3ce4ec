"""A configuration of the venue keeps all its rules, whichever come."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("venue_configurations", sa.Column("further", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("venue_configurations", "further")
