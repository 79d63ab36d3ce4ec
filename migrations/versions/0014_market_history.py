"""Books of the past, phases, the index. What they hold the journal alone can tell, so the views begin again."""

import sqlalchemy as sa
from alembic import op

from migrations.views import begin_again

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SIDE = "side IN ('buy', 'sell')"
SIZE = "(quantity > 0 AND orders > 0) OR (quantity = 0 AND orders = 0)"


def upgrade() -> None:
    op.create_table(
        "phase_changes",
        _symbol(),
        _key("sequence"),
        _key("position"),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("dark", sa.Boolean(), nullable=False),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("symbol", "sequence", "position", name=op.f("pk_phase_changes")),
        _of_an_instrument("phase_changes"),
        sa.CheckConstraint(
            "phase IN ('closed', 'auction', 'continuous', 'halted')", name=op.f("ck_phase_changes_phase")
        ),
    )
    op.create_table(
        "levels",
        _symbol(),
        sa.Column("side", sa.Text(), nullable=False),
        _key("price"),
        _integer("quantity"),
        _integer("orders"),
        sa.PrimaryKeyConstraint("symbol", "side", "price", name=op.f("pk_levels")),
        _of_an_instrument("levels"),
        sa.CheckConstraint(SIDE, name=op.f("ck_levels_side")),
        sa.CheckConstraint("price > 0", name=op.f("ck_levels_price")),
        sa.CheckConstraint(SIZE, name=op.f("ck_levels_size")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "level_changes",
        _symbol(),
        _key("sequence"),
        sa.Column("side", sa.Text(), nullable=False),
        _key("price"),
        _integer("quantity"),
        _integer("orders"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("symbol", "sequence", "side", "price", name=op.f("pk_level_changes")),
        sa.CheckConstraint(SIDE, name=op.f("ck_level_changes_side")),
        sa.CheckConstraint(SIZE, name=op.f("ck_level_changes_size")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_level_changes_symbol_side_price_sequence_quantity_orders",
        "level_changes",
        ["symbol", "side", "price", "sequence", "quantity", "orders"],
    )
    op.create_table(
        "moments",
        _key("sequence"),
        _integer("time_ns"),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_moments")),
    )
    op.create_index("ix_moments_time_ns_sequence", "moments", ["time_ns", "sequence"])
    op.create_table(
        "symbol_days",
        _key("day"),
        _symbol(),
        _integer("volume"),
        _integer("turnover_fen"),
        _integer("trades"),
        sa.PrimaryKeyConstraint("day", "symbol", name=op.f("pk_symbol_days")),
        _of_an_instrument("symbol_days"),
        sa.CheckConstraint("volume >= 0 AND turnover_fen >= 0 AND trades >= 0", name=op.f("ck_symbol_days_sums")),
    )
    op.create_table(
        "index_days",
        sa.Column("code", sa.Text(), nullable=False),
        _key("day"),
        _integer("value"),
        sa.Column("carried", sa.Boolean(), nullable=False),
        _integer("joined"),
        sa.Column("constituents", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("code", "day", name=op.f("pk_index_days")),
        sa.CheckConstraint("value >= 0 AND joined >= 0", name=op.f("ck_index_days_value")),
    )
    op.create_index("ix_index_days_day_code", "index_days", ["day", "code"])
    begin_again()


def downgrade() -> None:
    for name in ("index_days", "symbol_days", "moments", "level_changes", "levels", "phase_changes"):
        op.drop_table(name)


def _symbol() -> sa.Column[str]:
    return sa.Column("symbol", sa.Text(), nullable=False)


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _of_an_instrument(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["symbol"], ["instruments.symbol"], name=op.f(f"fk_{name}_symbol_instruments"))
