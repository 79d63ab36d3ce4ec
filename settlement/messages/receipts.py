"""Warehouse receipts and what happens to them."""

from typing import Literal

from settlement.messages.common import CivilDate, Message, PositiveInteger

ReceiptState = Literal["issued", "split", "expired", "delivery_ordered", "delivered"]
ReceiptCause = Literal["issued", "transferred", "expired", "delivery_ordered", "delivered", "returned"]


class Receipt(Message, frozen=True, kw_only=False):
    """A warehouse receipt (GB/T 30332-2024) as it stands: title to `weight_g` of one lot in one warehouse.

    `reserved_g` belongs to offers in the book and is 1,000 g for each of their kilograms. A fill splits a receipt:
    the buyer's part is a new receipt whose `parent_receipt_id` is the seller's; a parent that has nothing left is
    `split`.
    """

    receipt_id: int
    lot_id: int
    participant_id: int
    symbol: str
    warehouse: str
    weight_g: int
    harvest_date: CivilDate
    issued_ns: int
    expires_ns: int
    parent_receipt_id: int | None = None
    reserved_g: int = 0
    state: ReceiptState = "issued"
    issued_by: int = 0


class IssueReceipt(Message, frozen=True, kw_only=True, tag="issue_receipt"):
    """The depository issues the receipt for a weighed and graded lot; it is title, the note of intake is not."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger


class OrderDelivery(Message, frozen=True, kw_only=True, tag="order_delivery"):
    """The holder asks for the goods of a whole receipt; it can no longer be sold."""

    participant_id: PositiveInteger
    receipt_id: PositiveInteger


class LoadOut(Message, frozen=True, kw_only=True, tag="load_out"):
    """The warehouse hands the goods of a receipt whose delivery was ordered over to its holder: the receipt ends."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger


class ReceiptChanged(Message, frozen=True, kw_only=False, tag="receipt_changed"):
    """The receipt as it stands after the command, and what happened to it. Reservations alone do not send it."""

    cause: ReceiptCause
    receipt: Receipt
