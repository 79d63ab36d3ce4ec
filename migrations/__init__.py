"""The history of the database's schema, for alembic; `exchange.database.upgrade` brings a database to its end."""
