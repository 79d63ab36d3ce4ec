"""Warehouse receipts and what happens to them."""

from typing import Annotated, Literal, get_args

from msgspec import Meta

from matching.messages import TimeNs
from settlement.messages.common import CivilDate, Message, Natural, PositiveInteger, Text
from settlement.messages.venue import Grade

MAXIMUM_PARTS = 100
"""Parts into which a receipt is split at once, and receipts that are merged at once."""

LiveState = Literal["issued", "pledged", "held", "delivery_ordered", "expired"]
EndedState = Literal["split", "merged", "delivered", "void", "replaced"]
ReceiptState = Literal[LiveState, EndedState]
LIVE_STATES: tuple[LiveState, ...] = get_args(LiveState)
"""The states of a receipt that stands for goods in the warehouse."""
ENDED_STATES: tuple[EndedState, ...] = get_args(EndedState)
"""What becomes of a receipt that stands for goods no longer."""

ReceiptCause = Literal[
    "issued",
    "transferred",
    "expired",
    "delivery_ordered",
    "delivered",
    "returned",
    "split",
    "merged",
    "pledged",
    "released",
    "held",
    "lifted",
    "regraded",
    "shrinkage",
    "stock_take",
    "lost",
    "replaced",
    "void",
    "storage_paid",
    "life_shortened",
    "recalled",
]
HoldCause = Literal["quality", "court", "cold_chain", "contract", "loss"]
"""`contract`: the goods are promised to a contract; `loss`: its holder reported the receipt lost."""
StockCause = Literal["shrinkage", "stock_take"]


class Pledge(Message, frozen=True, kw_only=True):
    """A receipt as security for `amount_fen` that `lender_id` has lent; `reference` is the lender's contract."""

    lender_id: int
    reference: str
    amount_fen: int
    since_ns: int


class Hold(Message, frozen=True, kw_only=True):
    """Why nothing may be done with a receipt until it is lifted; `operator_id` is 0 where no person put it there."""

    cause: HoldCause
    reason: str
    operator_id: int
    since_ns: int


class Receipt(Message, frozen=True, kw_only=False):
    """A warehouse receipt (GB/T 30332-2024) as it stands: title to `weight_g` of one lot in one warehouse.

    `reserved_g` belongs to offers in the book and is 1,000 g for each of their kilograms. Whoever gets a part of a
    receipt, or all of it, gets a new one whose `parent_receipt_id` is the one before; a parent that has nothing left is
    `split`. `pledge` outlasts a hold and an expiry. `holds` names each cause at most once. `storage_from_day` is the
    number of the first local day whose storage is not paid.
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
    storage_from_day: int = 0
    pledge: Pledge | None = None
    holds: tuple[Hold, ...] = ()


class IssueReceipt(Message, frozen=True, kw_only=True, tag="issue_receipt"):
    """The depository issues the receipt for a weighed and graded lot; it is title, the note of intake is not.

    For `weight_g`, which may be less than was weighed but never more; null: for all of it.
    """

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    weight_g: PositiveInteger | None = None


class OrderDelivery(Message, frozen=True, kw_only=True, tag="order_delivery"):
    """The holder asks for the goods of a whole receipt; it can no longer be sold."""

    participant_id: PositiveInteger
    receipt_id: PositiveInteger


class LoadOut(Message, frozen=True, kw_only=True, tag="load_out"):
    """The warehouse hands the goods of a receipt whose delivery was ordered over to its holder: the receipt ends."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger


class SplitReceipt(Message, frozen=True, kw_only=True, tag="split_receipt"):
    """The holder wants several receipts for one; their weights are to add up to its weight, to the gram."""

    participant_id: PositiveInteger
    receipt_id: PositiveInteger
    weights_g: Annotated[tuple[PositiveInteger, ...], Meta(min_length=2, max_length=MAXIMUM_PARTS)]


class MergeReceipts(Message, frozen=True, kw_only=True, tag="merge_receipts"):
    """The holder wants one receipt for several of the same lot."""

    participant_id: PositiveInteger
    receipt_ids: Annotated[tuple[PositiveInteger, ...], Meta(min_length=2, max_length=MAXIMUM_PARTS)]


class TransferReceipt(Message, frozen=True, kw_only=True, tag="transfer_receipt"):
    """The holder gives a whole receipt to another participant, outside the market and free of payment here.

    `reference` is the holder's own and is taken once of him.
    """

    participant_id: PositiveInteger
    receipt_id: PositiveInteger
    to_participant_id: PositiveInteger
    reference: Text


class PledgeReceipt(Message, frozen=True, kw_only=True, tag="pledge_receipt"):
    """The holder gives a receipt as security for `amount_fen`; until the lender releases it nothing is done with it.

    `reference` names the loan and is taken once of the holder.
    """

    participant_id: PositiveInteger
    receipt_id: PositiveInteger
    lender_id: PositiveInteger
    reference: Text
    amount_fen: PositiveInteger


class ReleasePledge(Message, frozen=True, kw_only=True, tag="release_pledge"):
    """The lender gives his security back."""

    lender_id: PositiveInteger
    receipt_id: PositiveInteger


class HoldReceipt(Message, frozen=True, kw_only=True, tag="hold_receipt"):
    """Warehouse or operator: nothing may be done with the receipt for this cause until it is lifted."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger
    cause: Literal["quality", "court", "cold_chain"]
    reason: Text


class LiftHold(Message, frozen=True, kw_only=True, tag="lift_hold"):
    """The cause is gone (`loss`: the receipt was found again); others may go on holding the receipt."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger
    cause: Literal["quality", "court", "cold_chain", "loss"]


class RegradeLot(Message, frozen=True, kw_only=True, tag="regrade_lot"):
    """The warehouse has inspected stored goods again. All receipts of the lot trade as what was found from now on.

    The fields are those of an inspection. Expiry becomes the end of the green life predicted by what was found, where
    that is sooner; it is never put off.
    """

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    grade: Grade
    colour_stage: Annotated[int, Meta(ge=1, le=7)]
    defect_permille: Annotated[int, Meta(ge=0, le=1000)] = 0
    reason: Text


class RecordShrinkage(Message, frozen=True, kw_only=True, tag="record_shrinkage"):
    """`weight_g` of a lot is gone: dried up, spoiled or taken away. All who hold receipts of it lose alike."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    weight_g: PositiveInteger
    reason: Text


class TakeStock(Message, frozen=True, kw_only=True, tag="take_stock"):
    """What lies there of a lot by an absolute count, whatever the books say; the difference is posted."""

    operator_id: PositiveInteger
    lot_id: PositiveInteger
    weight_g: Natural
    reason: Text = "stock-take"


class ReportLoss(Message, frozen=True, kw_only=True, tag="report_loss"):
    """The holder has lost the document: nothing is to be done with it until it is found or replaced."""

    participant_id: PositiveInteger
    receipt_id: PositiveInteger
    reason: Text


class ReplaceReceipt(Message, frozen=True, kw_only=True, tag="replace_receipt"):
    """A receipt that was reported lost ends, and a new one with a new number stands for the same goods."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger


class VoidReceipt(Message, frozen=True, kw_only=True, tag="void_receipt"):
    """A receipt was issued in error: it ends, and its goods are on nobody's books. What is there is announced anew."""

    operator_id: PositiveInteger
    receipt_id: PositiveInteger
    reason: Text


class ReceiptChanged(Message, frozen=True, kw_only=False, tag="receipt_changed"):
    """The receipt as it stands after the command, and what happened to it. Reservations alone do not send it."""

    cause: ReceiptCause
    receipt: Receipt


class ReceiptsMerged(Message, frozen=True, kw_only=True, tag="receipts_merged"):
    """One receipt came of several, which ended. Its parent is the first of them; this names them all."""

    receipt_id: int
    merged: tuple[int, ...]


class ReceiptTransferred(Message, frozen=True, kw_only=True, tag="receipt_transferred"):
    """`receipt_id` ended and `new_receipt_id` stands for the same goods in another's name."""

    receipt_id: int
    new_receipt_id: int
    participant_id: int
    to_participant_id: int
    weight_g: int
    reference: str


class LotRegraded(Message, frozen=True, kw_only=True, tag="lot_regraded"):
    """What an inspection in the store has found, and as what the lot's receipts trade since."""

    lot_id: int
    operator_id: int
    previous_symbol: str
    symbol: str
    grade: Grade
    colour_stage: int
    defect_permille: int
    expires_ns: TimeNs
    reason: str


class StockChanged(Message, frozen=True, kw_only=True, tag="stock_changed"):
    """A lot's weight on the books was brought to what lies there: from `booked_g` to `weight_g`.

    `shrinkage_g` is all that has been recorded as lost of the lot, this included. Receipts add up to `weight_g`.
    """

    lot_id: int
    warehouse: str
    operator_id: int
    cause: StockCause
    booked_g: int
    weight_g: int
    shrinkage_g: int
    reason: str


ReceiptCommand = (
    IssueReceipt
    | OrderDelivery
    | LoadOut
    | SplitReceipt
    | MergeReceipts
    | TransferReceipt
    | PledgeReceipt
    | ReleasePledge
    | HoldReceipt
    | LiftHold
    | RegradeLot
    | RecordShrinkage
    | TakeStock
    | ReportLoss
    | ReplaceReceipt
    | VoidReceipt
)
ReceiptEvent = ReceiptChanged | ReceiptsMerged | ReceiptTransferred | LotRegraded | StockChanged
