"""The history of the database's schema, for alembic; `exchange.database.upgrade` brings a database to its end."""

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"


def revisions() -> tuple[str, ...]:
    """All of them, the oldest first: a revision is the four digits that its file's name begins with, and follows the
    one before.

    Alembic would tell the same, but takes a tenth of a second to import, and whoever opens a database asks.
    """
    return tuple(sorted(path.name[:4] for path in VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py")))
