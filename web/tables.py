"""Tables that the database alone owns: who may sign in, and who is signed in. They cannot change a match or a balance.

Participants themselves and their roles live in the engine and are projected to `settlement.tables`. Times are
nanoseconds since 1970 UTC.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

credentials = Table(
    "credentials",
    metadata,
    Column("participant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    CheckConstraint("participant_id > 0", "participant_id"),
)
"""One row a participant who can sign in; `password_hash` is argon2id in its own text form. No foreign key leads to the
participants of the views: those are thrown away and built again, these are not."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_digest", LargeBinary(32), primary_key=True),
    Column("participant_id", BigInteger, ForeignKey("credentials.participant_id"), nullable=False, index=True),
    Column("csrf_token", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("user_agent", Text),
    CheckConstraint("length(token_digest) = 32", "token_digest"),
    CheckConstraint("expires_ns > created_ns", "expires_ns"),
)
"""One row a session; `token_digest` is SHA-256 of the token, which itself is kept nowhere."""
