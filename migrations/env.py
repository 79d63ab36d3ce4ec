"""Alembic's entry: `exchange.database` passes a connection in; `alembic` on the command line uses
`EXCHANGE_DATABASE_URL`."""

import os

from alembic import context
from sqlalchemy import Connection

from exchange.database import check_foreign_keys, connect
from exchange.projector import all_metadata


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=all_metadata(),
        # SQLite cannot change most of a table: alembic then writes a new one and moves the rows.
        render_as_batch=True,
        # On SQLite too: connections are opened so that schema changes are part of the transaction.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
elif context.is_offline_mode():
    raise SystemExit("write no SQL scripts: run against a database named by EXCHANGE_DATABASE_URL")
elif "EXCHANGE_DATABASE_URL" not in os.environ:
    raise SystemExit("set EXCHANGE_DATABASE_URL to the database to work on")
else:
    engine = connect(os.environ["EXCHANGE_DATABASE_URL"], foreign_keys=False)
    with engine.begin() as own:
        migrate(own)
        check_foreign_keys(own)
    engine.dispose()
