"""Throwing the views away: for a migration whose new tables hold what only the journal can tell.

The follower finds no cursor and projects the journal from its beginning, as after `exchange rebuild`; what the database
alone owns stays.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

OWN: Final = ("credentials", "sessions", "invoice_titles", "invoices")
"""Tables of what no journal tells."""

BOOKKEEPING: Final = ("alembic_version", "projection")


def begin_again(*own: str) -> None:
    """Empty every table but these and those of `OWN`, and forget how far the projection has come."""
    connection = op.get_bind()
    views = sorted(set(sa.inspect(connection).get_table_names()) - {*OWN, *BOOKKEEPING, *own})
    if connection.dialect.name == "postgresql":
        op.execute(f"TRUNCATE {', '.join(views)}")
    else:
        for name in views:
            op.execute(f"DELETE FROM {name}")
    op.execute("DELETE FROM projection")
