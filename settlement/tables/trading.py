"""Orders, their fills, and trades that were taken back."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Table, Text, false

from settlement.tables.common import identifier, integer, metadata, one_of, reference, rule, words

SIDES: Final = ("buy", "sell")

orders = Table(
    "orders",
    metadata,
    identifier("order_id"),
    words("client_order_id"),
    reference("participant_id", "participants.participant_id"),
    words("symbol"),
    words("side"),
    words("kind"),
    Column("price", BigInteger),
    Column("stop_price", BigInteger),
    integer("quantity"),
    integer("filled"),
    integer("remaining"),
    words("time_in_force"),
    words("status"),
    Column("reason", Text),
    integer("traded_fen"),
    integer("fee_fen"),
    integer("sequence"),
    integer("time_ns"),
    integer("displayed"),
    Column("expires_ns", BigInteger),
    Column("display_quantity", BigInteger),
    Column("minimum_quantity", BigInteger),
    Column("post_only", Boolean, nullable=False),
    Column("lots", JSON(none_as_null=True)),
    Column("via", Text, nullable=False, server_default="order"),
    Column("offer_id", BigInteger),
    Index(None, "participant_id", "order_id"),
    Index(None, "participant_id", "client_order_id", "order_id"),
    one_of("side", SIDES),
    one_of("kind", ("limit", "market", "stop", "stop_limit")),
    one_of("status", ("accepted", "resting", "partly_filled", "filled", "cancelled", "rejected", "expired")),
    one_of("via", ("order", "listing", "take", "counter", "auction", "bid", "report", "confirmation")),
    # A rejected order shows what was asked for, whatever that was.
    rule("quantity", "status = 'rejected' OR quantity >= 0"),
    rule("filled", "filled >= 0 AND remaining >= 0 AND (status = 'rejected' OR filled + remaining <= quantity)"),
    rule("displayed", "displayed BETWEEN 0 AND remaining"),
    rule("ended", "remaining = 0 OR status IN ('accepted', 'resting', 'partly_filled')"),
    rule("money", "traded_fen >= 0 AND fee_fen >= 0"),
)
"""The latest execution report of each order. A client id may name several orders over the years: the newest counts."""

fills = Table(
    "fills",
    metadata,
    identifier("trade_id"),
    Column("side", Text, primary_key=True),
    reference("order_id", "orders.order_id"),
    reference("participant_id", "participants.participant_id"),
    words("symbol"),
    integer("price"),
    integer("quantity"),
    integer("fee_fen"),
    Column("lots", JSON, nullable=False),
    integer("sequence"),
    integer("time_ns"),
    Column("busted", Boolean, nullable=False, server_default=false()),
    Index(None, "participant_id", "trade_id", "side"),
    Index(None, "order_id", "trade_id", "side"),
    one_of("side", SIDES),
    rule("money", "price > 0 AND quantity > 0 AND fee_fen >= 0"),
)
"""A settled trade, once for each side; `busted` where it was taken back. `lots` are `[[receipt_id, kilograms], …]`: the
seller's receipts that were consumed, or the buyer's that came of them."""

busts = Table(
    "busts",
    metadata,
    identifier("trade_id"),
    integer("sequence"),
    integer("time_ns"),
    reference("operator_id", "participants.participant_id"),
    words("reason"),
    Index(None, "sequence"),
)
"""Which trades were taken back, when, by whom and why."""
