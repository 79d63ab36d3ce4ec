"""Daily trading and its totals; regions of participants; price series from outside."""

import sqlalchemy as sa
from alembic import op

from migrations.views import begin_again

revision = "0020"
down_revision = "0014"
branch_labels = None
depends_on = None

SUMS = ("volume", "turnover_fen", "trades")


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _sums(name: str, keys: list[sa.Column[str] | sa.Column[int]], *constraints: sa.Constraint) -> None:
    op.create_table(
        name,
        *keys,
        *(_integer(each) for each in SUMS),
        sa.PrimaryKeyConstraint(*(key.name for key in keys), name=op.f(f"pk_{name}")),
        sa.CheckConstraint("volume >= 0 AND turnover_fen >= 0 AND trades >= 0", name=op.f(f"ck_{name}_volume")),
        *constraints,
        sqlite_with_rowid=False,
    )


def _key(name: str) -> sa.Column[int]:
    # SQLite numbers rows only where the key is an INTEGER.
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def upgrade() -> None:
    begin_again()
    _trading()
    op.create_table(
        "participant_regions",
        _integer("participant_id"),
        _integer("since_day"),
        sa.Column("region", sa.Text()),
        _integer("changed_ns"),
        sa.PrimaryKeyConstraint("participant_id", "since_day", name=op.f("pk_participant_regions")),
        sa.CheckConstraint("participant_id > 0", name=op.f("ck_participant_regions_participant_id")),
        sa.CheckConstraint("region <> ''", name=op.f("ck_participant_regions_region")),
    )
    _prices()


def _trading() -> None:
    goods = ("variety", "grade", "warehouse")
    people = ("seller_id", "buyer_id")
    _sums(
        "daily_trading",
        [_integer("day"), *map(_text, (*goods, "town")), *map(_integer, people)],
        *(
            sa.ForeignKeyConstraint(
                [name], ["participants.participant_id"], name=op.f(f"fk_daily_trading_{name}_participants")
            )
            for name in people
        ),
    )
    _sums("daily_totals", [_integer("day"), *map(_text, goods)])


def _prices() -> None:
    op.create_table(
        "price_series",
        _key("series_id"),
        *map(_text, ("source", "origin", "currency", "unit")),
        _integer("created_ns"),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_price_series")),
        sa.UniqueConstraint(
            "source", "origin", "currency", "unit", name=op.f("uq_price_series_source_origin_currency_unit")
        ),
        sa.CheckConstraint("source <> '' AND currency <> '' AND unit <> ''", name=op.f("ck_price_series_names")),
    )
    op.create_table(
        "price_imports",
        _key("import_id"),
        _text("source"),
        _text("file_name"),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        _integer("imported_ns"),
        sa.Column("imported_by", sa.BigInteger()),
        *map(_integer, ("rows", "added", "existing", "conflicts", "rejected")),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_price_imports")),
        sa.UniqueConstraint("source", "digest", name=op.f("uq_price_imports_source_digest")),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_price_imports_digest")),
        sa.CheckConstraint("rows = added + existing + conflicts + rejected", name=op.f("ck_price_imports_rows")),
    )
    op.create_table(
        "prices",
        *map(_integer, ("series_id", "day", "price", "scale", "import_id")),
        sa.PrimaryKeyConstraint("series_id", "day", name=op.f("pk_prices")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["price_series.series_id"], name=op.f("fk_prices_series_id_price_series")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["price_imports.import_id"], name=op.f("fk_prices_import_id_price_imports")
        ),
        sa.CheckConstraint("price >= 0 AND scale BETWEEN 0 AND 9", name=op.f("ck_prices_price")),
    )
    op.create_index(op.f("ix_prices_import_id"), "prices", ["import_id"])
    op.create_table(
        "price_rejects",
        _integer("import_id"),
        _integer("line"),
        sa.Column("field", sa.Text()),
        *map(_text, ("reason", "detail", "text")),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_price_rejects")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["price_imports.import_id"], name=op.f("fk_price_rejects_import_id_price_imports")
        ),
        sa.CheckConstraint("line > 0", name=op.f("ck_price_rejects_line")),
    )


def downgrade() -> None:
    for name in (
        "price_rejects",
        "prices",
        "price_imports",
        "price_series",
        "participant_regions",
        "daily_totals",
        "daily_trading",
    ):
        op.drop_table(name)
