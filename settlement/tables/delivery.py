"""Goods on their way out: orders, docks kept for them, trucks weighed, and deliveries that were made good."""

from typing import Final, get_args

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, UniqueConstraint, text

from settlement.messages.delivery import DeliveryState, FailureCause, LoadState, SlotState
from settlement.tables.common import identifier, integer, metadata, one_of, part, reference, rule, words

DELIVERY_LIVES: Final = text("state NOT IN ('accepted', 'cancelled', 'made_good')")
"""Something is still to be done about it."""

deliveries = Table(
    "deliveries",
    metadata,
    identifier("delivery_id"),
    reference("receipt_id", "receipts.receipt_id"),
    reference("contract_id", "contracts.contract_id", optional=True),
    reference("participant_id", "participants.participant_id"),
    reference("lot_id", "lots.lot_id"),
    words("warehouse"),
    integer("issued_by"),
    words("symbol"),
    integer("ordered_g"),
    integer("loaded_g"),
    integer("handed_g"),
    integer("wasted_g"),
    integer("failed_g"),
    words("state"),
    integer("ordered_ns"),
    Column("tries_left", BigInteger),
    Column("wastage_reason", Text),
    Column("handed_ns", BigInteger),
    Column("accept_by_ns", BigInteger),
    Column("failure", Text),
    Column("failure_reason", Text),
    reference("reported_by", "participants.participant_id", optional=True),
    Index(None, "participant_id", "delivery_id"),
    Index(None, "warehouse", "delivery_id"),
    Index(None, "state", "delivery_id"),
    part("ix_deliveries_live", "delivery_id", DELIVERY_LIVES),
    Index(None, "receipt_id", "delivery_id"),
    one_of("state", get_args(DeliveryState)),
    one_of("failure", get_args(FailureCause)),
    rule("weights", "ordered_g > 0 AND handed_g BETWEEN 0 AND loaded_g AND wasted_g >= 0 AND failed_g >= 0"),
    rule("tries_left", "tries_left >= 0"),
    rule("accept_by_ns", "(state = 'handed_over') = (accept_by_ns IS NOT NULL)"),
    rule("failed", "(failure IS NULL) = (failure_reason IS NULL) AND (failure IS NULL) = (reported_by IS NULL)"),
)
"""Delivery orders as they stand. The dock that is kept for one is in `slots`."""

slots = Table(
    "slots",
    metadata,
    identifier("slot_id"),
    reference("delivery_id", "deliveries.delivery_id"),
    words("warehouse"),
    words("dock"),
    integer("starts_ns"),
    integer("ends_ns"),
    words("state"),
    Index(None, "delivery_id", "slot_id"),
    Index(None, "warehouse", "starts_ns"),
    one_of("state", get_args(SlotState)),
    rule("ends_ns", "starts_ns < ends_ns"),
)
"""Times at docks, booked or not any more. A moved one keeps its number."""

loads = Table(
    "loads",
    metadata,
    identifier("load_id"),
    reference("delivery_id", "deliveries.delivery_id"),
    words("ticket"),
    integer("gross_g"),
    integer("tare_g"),
    integer("net_g"),
    integer("posted_g"),
    words("scale_id"),
    words("plate"),
    words("carrier"),
    words("driver"),
    Column("last", Boolean, nullable=False),
    Column("reason", Text),
    reference("operator_id", "participants.participant_id"),
    integer("weighed_ns"),
    words("state"),
    Column("handed_ns", BigInteger),
    Index(None, "delivery_id", "load_id"),
    UniqueConstraint("scale_id", "ticket"),
    one_of("state", get_args(LoadState)),
    rule("net_g", "net_g > 0 AND net_g = gross_g - tare_g AND posted_g BETWEEN 0 AND net_g"),
    rule("handed_ns", "(state = 'handed_over') = (handed_ns IS NOT NULL)"),
)
"""Weighed trucks, as they stand."""

buy_ins = Table(
    "buy_ins",
    metadata,
    identifier("delivery_id", "deliveries.delivery_id"),
    reference("participant_id", "participants.participant_id"),
    reference("defaulter_id", "participants.participant_id"),
    reference("contract_id", "contracts.contract_id", optional=True),
    words("symbol"),
    integer("weight_g"),
    integer("base_price"),
    integer("limit_price"),
    integer("cash_price"),
    integer("attempts"),
    integer("attempts_left"),
    Column("next_attempt_ns", BigInteger),
    integer("bought_g"),
    integer("bought_fen"),
    integer("fee_fen"),
    integer("settled_g"),
    integer("settled_fen"),
    integer("from_escrow_fen"),
    integer("from_earnest_fen"),
    integer("from_cash_fen"),
    integer("from_risk_fund_fen"),
    integer("returned_fen"),
    integer("uncovered_fen"),
    integer("started_ns"),
    Column("ended_ns", BigInteger),
    Column("reason", Text),
    Index(None, "participant_id", "delivery_id"),
    Index(None, "defaulter_id", "delivery_id"),
    rule("parties", "participant_id <> defaulter_id"),
    rule("prices", "base_price > 0 AND base_price <= limit_price AND base_price <= cash_price"),
    rule("weights", "weight_g > 0 AND bought_g + settled_g <= weight_g"),
    rule(
        "money",
        "bought_fen + fee_fen + settled_fen = from_escrow_fen + from_earnest_fen + from_cash_fen + from_risk_fund_fen",
    ),
    rule("ended_ns", "(ended_ns IS NULL) = (next_attempt_ns IS NOT NULL)"),
)
"""How failed deliveries are made good, as it stands."""

buy_in_attempts = Table(
    "buy_in_attempts",
    metadata,
    identifier("delivery_id", "deliveries.delivery_id"),
    identifier("attempt"),
    integer("sequence"),
    integer("time_ns"),
    reference("order_id", "orders.order_id", optional=True),
    integer("limit_price"),
    integer("quantity"),
    integer("bought"),
    integer("amount_fen"),
    integer("fee_fen"),
    Column("reason", Text),
    rule("bought", "bought BETWEEN 0 AND quantity"),
)
"""What each attempt to buy came to; `attempt` counts from 1."""
