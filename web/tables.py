"""Tables that the database alone owns: who may sign in, who is signed in, and what invoices were asked for. They cannot
change a match or a balance.

Participants themselves and their roles live in the engine and are projected to `settlement.tables`. Times are
nanoseconds since 1970 UTC.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

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

invoice_titles = Table(
    "invoice_titles",
    metadata,
    Column("participant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("tax_number", Text),
    Column("address", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("bank", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("tax_status", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    CheckConstraint("participant_id > 0", "participant_id"),
    CheckConstraint("length(tax_number) = 18", "tax_number"),
    CheckConstraint("tax_status IN ('producer', 'general', 'small_scale', 'small_scale_reduced')", "tax_status"),
)
"""Who a participant is to the tax bureau, and as what he is taxed when he sells."""

invoices = Table(
    "invoices",
    metadata,
    # SQLite numbers rows only where the key is an INTEGER.
    Column("invoice_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("buyer_id", BigInteger, nullable=False),
    Column("seller_id", BigInteger, nullable=False),
    Column("requested_by", BigInteger, nullable=False),
    Column("buyer", JSON, nullable=False),
    Column("seller", JSON, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("tax_status", Text, nullable=False),
    Column("quantity_g", BigInteger, nullable=False),
    Column("unit_price_microfen", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("rate_permille", BigInteger),
    Column("tax_fen", BigInteger, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("remarks", Text, nullable=False),
    Column("requested_ns", BigInteger, nullable=False),
    Column("number", Text),
    Column("issued_on", Text),
    Column("changed_ns", BigInteger, nullable=False),
    CheckConstraint("source IN ('trade', 'contract')", "source"),
    CheckConstraint("kind IN ('normal', 'special')", "kind"),
    CheckConstraint("state IN ('requested', 'issued', 'withdrawn')", "state"),
    CheckConstraint("buyer_id <> seller_id", "parties"),
    CheckConstraint("quantity_g > 0 AND amount_fen + tax_fen = total_fen AND tax_fen >= 0", "amounts"),
    CheckConstraint("(state = 'issued') = (number IS NOT NULL AND issued_on IS NOT NULL)", "number"),
    Index(
        "ix_invoices_source",
        "source",
        "source_id",
        unique=True,
        sqlite_where=text("state <> 'withdrawn'"),
        postgresql_where=text("state <> 'withdrawn'"),
    ),
    Index(None, "buyer_id", "invoice_id"),
    Index(None, "seller_id", "invoice_id"),
    Index(None, "number"),
)
"""Invoices that were asked for. `buyer` and `seller` are their titles as of then; a trade or contract has one request
at most that was not withdrawn. One invoice may stand for several trades of the same two parties."""
