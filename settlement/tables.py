"""The settlement history as tables: people, lots, receipts, orders, fills, the ledger and its balances.

Every row is a view of journaled events and can be built again from them. What must hold between rows is held by the
engine, so there are no foreign keys here: a constraint that the events themselves broke could only stop the view from
showing it. Column names are the field names of `settlement.messages`; ids are the engine's, money is fen, goods are
grams (an order's and a fill's quantity: kilograms), time is nanoseconds since 1970 UTC. All integers are 64 bits
wide.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, MetaData, Table, Text, false

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def storable(text: str) -> str:
    """PostgreSQL keeps no NUL in a text; the mark of an unreadable character stands for it, in rows and in
    questions."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def _id(name: str) -> Column[int]:
    """A key that the engine gives: never counted by the database."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


venue_configurations = Table(
    "venue_configurations",
    metadata,
    _id("sequence"),
    _integer("time_ns"),
    _text("profile"),
    _integer("fee_rate_ppm"),
    _integer("fee_minimum_fen"),
    Column("warehouses", JSON, nullable=False),
    Column("varieties", JSON, nullable=False),
)
"""Each configuration that the venue has had; the one of the highest sequence is in force."""

participants = Table(
    "participants",
    metadata,
    _id("participant_id"),
    Column("name", Text, nullable=False, unique=True),
    _text("display_name"),
    Column("roles", JSON, nullable=False),
    Column("obliged", Boolean, nullable=False),
)

deposits = Table(
    "deposits",
    metadata,
    _id("sequence"),
    _integer("time_ns"),
    _integer("participant_id"),
    _integer("amount_fen"),
    Column("reference", Text, nullable=False, unique=True),
    Index(None, "participant_id", "sequence"),
)
"""Money that came in, by the bank's reference; the postings that it led to are in `transfers`."""

lots = Table(
    "lots",
    metadata,
    _id("lot_id"),
    _integer("participant_id"),
    _text("variety"),
    _text("grade"),
    _text("warehouse"),
    _text("harvest_date"),
    _integer("cartons"),
    _integer("weight_g"),
    _text("town"),
    _text("village"),
    Column("certificate_number", Text),
    _text("status"),
    _text("symbol"),
    _integer("announced_ns"),
    Column("gross_g", BigInteger),
    Column("tare_g", BigInteger),
    Column("net_g", BigInteger),
    Column("scale_id", Text),
    Column("inspected_grade", Text),
    Column("colour_stage", BigInteger),
    Column("defect_permille", BigInteger),
    Column("temperature_dc", BigInteger),
    Column("reason", Text),
    Column("receipt_id", BigInteger),
    Index(None, "participant_id", "lot_id"),
    Index(None, "status", "lot_id"),
)
"""Lots as they stand after the last command that changed them."""

receipts = Table(
    "receipts",
    metadata,
    _id("receipt_id"),
    _integer("lot_id"),
    Column("parent_receipt_id", BigInteger),
    _integer("participant_id"),
    _text("symbol"),
    _text("warehouse"),
    _integer("weight_g"),
    _integer("reserved_g"),
    _text("state"),
    _text("harvest_date"),
    _integer("issued_ns"),
    _integer("expires_ns"),
    _integer("issued_by"),
    Index(None, "participant_id", "receipt_id"),
    Index(None, "warehouse", "receipt_id"),
    Index(None, "lot_id", "receipt_id"),
)
"""Receipts as they stood at the last `receipt_changed`. A reservation alone sends none: `reserved_g` of a live
receipt is the engine's to tell, here it is only as of that event."""

orders = Table(
    "orders",
    metadata,
    _id("order_id"),
    _text("client_order_id"),
    _integer("participant_id"),
    _text("symbol"),
    _text("side"),
    _text("kind"),
    Column("price", BigInteger),
    Column("stop_price", BigInteger),
    _integer("quantity"),
    _integer("filled"),
    _integer("remaining"),
    _text("time_in_force"),
    _text("status"),
    Column("reason", Text),
    _integer("traded_fen"),
    _integer("fee_fen"),
    _integer("sequence"),
    _integer("time_ns"),
    _integer("displayed"),
    Column("expires_ns", BigInteger),
    Column("display_quantity", BigInteger),
    Column("minimum_quantity", BigInteger),
    Column("post_only", Boolean, nullable=False),
    Column("lots", JSON(none_as_null=True)),
    Column("via", Text, nullable=False, server_default="order"),
    Column("offer_id", BigInteger),
    Index(None, "participant_id", "order_id"),
    Index(None, "participant_id", "client_order_id"),
)
"""The latest execution report of each order. A client id may name several orders over the years: the newest counts."""

fills = Table(
    "fills",
    metadata,
    _id("trade_id"),
    Column("side", Text, primary_key=True),
    _integer("order_id"),
    _integer("participant_id"),
    _text("symbol"),
    _integer("price"),
    _integer("quantity"),
    _integer("fee_fen"),
    Column("lots", JSON, nullable=False),
    _integer("sequence"),
    _integer("time_ns"),
    Column("busted", Boolean, nullable=False, server_default=false()),
    Index(None, "participant_id", "trade_id"),
    Index(None, "order_id", "trade_id"),
)
"""A settled trade, once for each side; `busted` where it was taken back. `lots` are `[[receipt_id, kilograms], …]`: the
seller's receipts that were consumed, or the buyer's that came of them."""

busts = Table(
    "busts",
    metadata,
    _id("trade_id"),
    _integer("sequence"),
    _integer("time_ns"),
    _integer("operator_id"),
    _text("reason"),
)
"""Which trades were taken back, when, by whom and why."""

adjustments = Table(
    "adjustments",
    metadata,
    _id("sequence"),
    _integer("time_ns"),
    _integer("operator_id"),
    _integer("debit_id"),
    _integer("credit_id"),
    _integer("amount_fen"),
    Column("reference", Text, nullable=False, unique=True),
    _text("reason"),
)
"""Money that an operator moved between participants; the postings that it led to are in `transfers`."""

transfers = Table(
    "transfers",
    metadata,
    _id("transfer_id"),
    _integer("sequence"),
    _integer("time_ns"),
    _text("cause"),
    _integer("reference_id"),
    _text("asset"),
    _text("debit"),
    _text("credit"),
    _integer("amount"),
    Index(None, "debit", "transfer_id"),
    Index(None, "credit", "transfer_id"),
    Index(None, "cause", "reference_id"),
)
"""The ledger: one row a posting, never changed."""

balances = Table(
    "balances",
    metadata,
    _id("participant_id"),
    Column("asset", Text, primary_key=True),
    _integer("total"),
    _integer("reserved"),
)
"""What each participant holds of each asset, as last reported."""
