"""Transfers lead from and to accounts that are there."""

import sqlalchemy as sa
from alembic import op

from migrations.constraints import ForeignKeys, constrain, release

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEYS: ForeignKeys = {"debit": ("accounts", "account"), "credit": ("accounts", "account")}


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("participant_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_accounts")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_accounts_participant_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.participant_id"], name=op.f("fk_accounts_participant_id_participants")
        ),
        sa.CheckConstraint(
            "participant_id IS NULL OR account = 'participant:' || participant_id", name=op.f("ck_accounts_owner")
        ),
    )
    op.execute(
        """
        INSERT INTO accounts (account, participant_id)
        SELECT account, CASE WHEN account LIKE 'participant:%' THEN CAST(substr(account, 13) AS BIGINT) END
        FROM (
            SELECT debit AS account FROM transfers UNION SELECT credit FROM transfers
            UNION SELECT debit FROM pending_transfers UNION SELECT credit FROM pending_transfers
        ) AS named
        """
    )
    for name in ("transfers", "pending_transfers"):
        constrain(name, keys=KEYS)


def downgrade() -> None:
    for name in ("transfers", "pending_transfers"):
        release(name, keys=KEYS)
    op.drop_table("accounts")
