"""A configuration of the venue is kept whole; constraints between the rows of settlement and market history."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CONFIGURATION: dict[str, sa.types.TypeEngine[Any]] = {
    "profile": sa.Text(),
    "fee_rate_ppm": sa.BigInteger(),
    "fee_minimum_fen": sa.BigInteger(),
    "warehouses": sa.JSON(),
    "varieties": sa.JSON(),
}
"""The columns that a configuration was spread over."""

configurations = sa.table(
    "venue_configurations",
    sa.column("sequence", sa.BigInteger()),
    sa.column("configuration", sa.JSON()),
    *(sa.column(name, kind) for name, kind in CONFIGURATION.items()),
)


def upgrade() -> None:
    op.add_column("venue_configurations", sa.Column("configuration", sa.JSON(), nullable=True))
    connection = op.get_bind()
    columns = [configurations.c[name] for name in ("sequence", *CONFIGURATION)]
    for sequence, *values in connection.execute(sa.select(*columns)).all():
        _set(connection, sequence, {"configuration": dict(zip(CONFIGURATION, values, strict=True))})
    with op.batch_alter_table("venue_configurations") as table:
        table.alter_column("configuration", existing_type=sa.JSON(), nullable=False)
        for name in CONFIGURATION:
            table.drop_column(name)


def downgrade() -> None:
    for name, kind in CONFIGURATION.items():
        op.add_column("venue_configurations", sa.Column(name, kind, nullable=True))
    connection = op.get_bind()
    kept = connection.execute(sa.select(configurations.c.sequence, configurations.c.configuration)).all()
    for sequence, configuration in kept:
        _set(connection, sequence, {name: configuration[name] for name in CONFIGURATION})
    with op.batch_alter_table("venue_configurations") as table:
        table.drop_column("configuration")
        for name, kind in CONFIGURATION.items():
            table.alter_column(name, existing_type=kind, nullable=False)


def _set(connection: sa.Connection, sequence: int, values: dict[str, Any]) -> None:
    connection.execute(sa.update(configurations).where(configurations.c.sequence == sequence).values(values))
