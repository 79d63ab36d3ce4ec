"""Adding and dropping constraints of a table that holds rows.

SQLite can only write a table anew; foreign keys are off meanwhile, and held against all rows at the end
(`exchange.database`).
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

ForeignKeys = Mapping[str, tuple[str, str]]
"""A column, and the table and column whose key it holds."""

Checks = Mapping[str, str]
"""The last part of a constraint's name, and what must hold within a row."""


def constrain(
    name: str, *, keys: ForeignKeys | None = None, checks: Checks | None = None, deferred: tuple[str, ...] = ()
) -> None:
    """Add foreign keys and checks to a table. Those of the columns in `deferred` are looked at when a transaction
    ends."""
    with op.batch_alter_table(name) as table:
        for column, (other, key) in (keys or {}).items():
            when: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED"} if column in deferred else {}
            table.create_foreign_key(op.f(f"fk_{name}_{column}_{other}"), other, [column], [key], **when)
        for last, condition in (checks or {}).items():
            table.create_check_constraint(op.f(f"ck_{name}_{last}"), sa.text(condition))


def release(name: str, *, keys: ForeignKeys | None = None, checks: Checks | None = None) -> None:
    """Drop what `constrain` added."""
    with op.batch_alter_table(name) as table:
        for last in checks or {}:
            table.drop_constraint(op.f(f"ck_{name}_{last}"), type_="check")
        for column, (other, _) in (keys or {}).items():
            table.drop_constraint(op.f(f"fk_{name}_{column}_{other}"), type_="foreignkey")
