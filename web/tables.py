"""Tables that the database alone owns: who may sign in, who is signed in, what invoices were asked for, where people
are at home, and prices of other markets. They cannot change a match or a balance.

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
    UniqueConstraint,
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

participant_regions = Table(
    "participant_regions",
    metadata,
    Column("participant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("since_day", BigInteger, primary_key=True, autoincrement=False),
    Column("region", Text),
    Column("changed_ns", BigInteger, nullable=False),
    CheckConstraint("participant_id > 0", "participant_id"),
    CheckConstraint("region <> ''", "region"),
)
"""Where a participant is at home from a local day on (counted from 1970-01-01), in words for people; null: not known
any more. What was published of earlier days stays as it is, so a change is a row of its own."""

price_series = Table(
    "price_series",
    metadata,
    Column("series_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("source", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    UniqueConstraint("source", "origin", "currency", "unit"),
    CheckConstraint("source <> '' AND currency <> '' AND unit <> ''", "names"),
)
"""Prices that others publish: one series is one source's, of one origin (or kind), in one currency a unit."""

price_imports = Table(
    "price_imports",
    metadata,
    Column("import_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("source", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("imported_ns", BigInteger, nullable=False),
    Column("imported_by", BigInteger),
    Column("rows", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("existing", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    UniqueConstraint("source", "digest"),
    CheckConstraint("length(digest) = 32", "digest"),
    CheckConstraint("rows = added + existing + conflicts + rejected", "rows"),
)
"""Files that were imported, as the last import of the same file found them; `digest` is SHA-256 of the file. `rows` are
all of its lines that hold anything but the header: none is lost. `imported_by` is null for the command line."""

prices = Table(
    "prices",
    metadata,
    Column("series_id", BigInteger, ForeignKey("price_series.series_id"), primary_key=True, autoincrement=False),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("price", BigInteger, nullable=False),
    Column("scale", BigInteger, nullable=False),
    Column("import_id", BigInteger, ForeignKey("price_imports.import_id"), nullable=False, index=True),
    CheckConstraint("price >= 0 AND scale BETWEEN 0 AND 9", "price"),
)
"""A day's price (days since 1970-01-01): `price` divided by ten to the power of `scale`, exactly as it was written."""

price_rejects = Table(
    "price_rejects",
    metadata,
    Column("import_id", BigInteger, ForeignKey("price_imports.import_id"), primary_key=True, autoincrement=False),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("field", Text),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("text", Text, nullable=False),
    CheckConstraint("line > 0", "line"),
)
"""Rows of a file that became no price, with their text: what cannot be read, and prices that differ from the one that
is there (`conflict`)."""
