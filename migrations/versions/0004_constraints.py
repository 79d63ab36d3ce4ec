"""A configuration of the venue is kept whole; constraints between the rows of settlement and market history."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.constraints import Checks, ForeignKeys, constrain, release

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

PEOPLE = ("participants", "participant_id")
GRADES = "('E', '1', '2')"
SIDES = "('buy', 'sell')"

FOREIGN_KEYS: dict[str, ForeignKeys] = {
    "deposits": {"participant_id": PEOPLE},
    "adjustments": {"operator_id": PEOPLE, "debit_id": PEOPLE, "credit_id": PEOPLE},
    "balances": {"participant_id": PEOPLE},
    "lots": {"participant_id": PEOPLE, "receipt_id": ("receipts", "receipt_id")},
    "receipts": {
        "lot_id": ("lots", "lot_id"),
        "parent_receipt_id": ("receipts", "receipt_id"),
        "participant_id": PEOPLE,
    },
    "orders": {"participant_id": PEOPLE},
    "fills": {"order_id": ("orders", "order_id"), "participant_id": PEOPLE},
    "busts": {"operator_id": PEOPLE},
    "trades": {"symbol": ("instruments", "symbol")},
    "candles": {"symbol": ("instruments", "symbol")},
    "sessions": {"participant_id": ("credentials", "participant_id")},
}
DEFERRED = ("receipt_id",)
"""A lot names the receipt that was issued for it, and the receipt its lot: one of them is written first."""

CHECKS: dict[str, Checks] = {
    "deposits": {"amount_fen": "amount_fen > 0"},
    "adjustments": {"amount_fen": "amount_fen > 0", "accounts": "debit_id <> credit_id"},
    "transfers": {"amount": "amount > 0", "accounts": "debit <> credit"},
    "balances": {"reserved": "reserved >= 0 AND reserved <= total"},
    "lots": {
        "status": "status IN ('announced', 'weighed', 'inspected', 'receipted', 'refused')",
        "grade": f"grade IN {GRADES}",
        "inspected_grade": f"inspected_grade IN {GRADES}",
        "size": "cartons > 0 AND weight_g > 0",
        "net_g": "net_g > 0 AND net_g = gross_g - tare_g",
        "colour_stage": "colour_stage BETWEEN 1 AND 7",
        "defect_permille": "defect_permille BETWEEN 0 AND 1000",
        "receipted": "status <> 'receipted' OR receipt_id IS NOT NULL",
    },
    "receipts": {
        "state": "state IN ('issued', 'pledged', 'held', 'delivery_ordered', 'expired', "
        "'split', 'merged', 'delivered', 'void', 'replaced')",
        "weight_g": "weight_g >= 0 AND reserved_g BETWEEN 0 AND weight_g",
        "descent": "parent_receipt_id < receipt_id",
    },
    "orders": {
        "side": f"side IN {SIDES}",
        "kind": "kind IN ('limit', 'market', 'stop', 'stop_limit')",
        "status": "status IN ('accepted', 'resting', 'partly_filled', 'filled', 'cancelled', 'rejected', 'expired')",
        "via": "via IN ('order', 'listing', 'take', 'counter', 'auction', 'bid', 'report', 'confirmation')",
        "quantity": "status = 'rejected' OR quantity >= 0",
        "filled": "filled >= 0 AND remaining >= 0 AND (status = 'rejected' OR filled + remaining <= quantity)",
        "displayed": "displayed BETWEEN 0 AND remaining",
        "ended": "remaining = 0 OR status IN ('accepted', 'resting', 'partly_filled')",
        "money": "traded_fen >= 0 AND fee_fen >= 0",
    },
    "fills": {"side": f"side IN {SIDES}", "money": "price > 0 AND quantity > 0 AND fee_fen >= 0"},
    "instruments": {
        "phase": "phase IN ('closed', 'auction', 'continuous', 'halted')",
        "steps": "tick_size > 0 AND lot_size > 0",
    },
    "trades": {"aggressor_side": f"aggressor_side IN {SIDES}", "size": "price > 0 AND quantity > 0"},
    "candles": {
        "interval": "interval IN ('1m', '5m', '15m', '1h', '1d', '1w')",
        "prices": "low > 0 AND low <= open AND low <= close AND open <= high AND close <= high",
        "sums": "volume >= 0 AND turnover_fen >= 0",
    },
    "projection": {"one": "one = 1", "sequence": "sequence >= 0", "chain": "length(chain) = 32"},
    "credentials": {"participant_id": "participant_id > 0"},
    "sessions": {"token_digest": "length(token_digest) = 32", "expires_ns": "expires_ns > created_ns"},
}
TABLES = tuple(dict.fromkeys((*FOREIGN_KEYS, *CHECKS)))

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
    for name in TABLES:
        constrain(name, keys=FOREIGN_KEYS.get(name), checks=CHECKS.get(name), deferred=DEFERRED)


def downgrade() -> None:
    for name in reversed(TABLES):
        release(name, keys=FOREIGN_KEYS.get(name), checks=CHECKS.get(name))
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
