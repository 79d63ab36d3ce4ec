"""A live receipt, the lot that it is a part of, and a holder's receipts of one symbol."""

from typing import Final, NamedTuple

from msgspec import Struct

from settlement.messages import Hold, Pledge, Receipt, ReceiptState
from settlement.messages.storage import StorageTariff

GRAMS: Final = 1_000
"""Grams in a kilogram, the unit of an order's quantity."""

Lots = list[list[int]]
"""What an offer holds: `[receipt_id, kilograms]`, to be delivered in this order. Changed in place by `Receipts`."""


class LiveReceipt(Struct, gc=False, array_like=True):
    """A receipt whose goods lie in the warehouse. What all parts of a lot share stands in its `Stock`.

    While it is `held`, `beneath` is the state that it goes back to; else that is `issued` and means nothing.
    """

    receipt_id: int
    lot_id: int
    parent_receipt_id: int | None
    participant_id: int
    weight_g: int
    reserved_g: int
    state: ReceiptState
    issued_ns: int
    storage_from_day: int = 0
    pledge: Pledge | None = None
    holds: tuple[Hold, ...] = ()
    beneath: ReceiptState = "issued"


class Stock(Struct, gc=False, array_like=True):
    """A lot in a warehouse: what its receipts have in common, and the grams that lie there.

    `weight_g` is what the books say: `received_g`, less what was loaded out, less the recorded `shrinkage_g`.
    `variety_days` is the variety's whole green life, as it was configured when the lot came. `tariff` is what the
    warehouse asked for storage when the receipt was issued. `colour_stage` is what was found last.
    """

    lot_id: int
    symbol: str
    warehouse: str
    harvest_date: str
    harvest_day: int
    expires_ns: int
    issued_by: int
    weight_g: int
    asset: str
    account: str
    depositor_id: int = 0
    received_g: int = 0
    shrinkage_g: int = 0
    variety_days: int = 0
    tariff: StorageTariff | None = None
    colour_stage: int = 1


class Holding:
    """A participant's receipts of one symbol; `free` keys those with a whole kilogram to offer, next to sell first."""

    __slots__ = ("free", "receipts", "reserved_g", "total_g")

    def __init__(self) -> None:
        self.total_g = 0
        self.reserved_g = 0
        self.receipts: dict[int, LiveReceipt] = {}
        self.free: list[tuple[int, int]] = []
        """(harvest day, receipt_id), ascending."""


class Handover(NamedTuple):
    """A part of a fill: the seller's receipt, now smaller, the buyer's new one, and the lot they are of."""

    sold: LiveReceipt
    bought: LiveReceipt
    kilograms: int
    stock: Stock


def receipt_message(receipt: LiveReceipt, stock: Stock) -> Receipt:
    """The receipt, live or ended just now, as the world sees it."""
    return Receipt(
        receipt.receipt_id,
        receipt.lot_id,
        receipt.participant_id,
        stock.symbol,
        stock.warehouse,
        receipt.weight_g,
        stock.harvest_date,
        receipt.issued_ns,
        stock.expires_ns,
        receipt.parent_receipt_id,
        receipt.reserved_g,
        receipt.state,
        stock.issued_by,
        receipt.storage_from_day,
        receipt.pledge,
        receipt.holds,
    )


def shares(weight_g: int, among: list[LiveReceipt]) -> list[tuple[LiveReceipt, int]]:
    """A weight spread over receipts by what each of them weighs, to the gram.

    Each gets the whole grams of its exact share; what is left over goes gram by gram to the largest remainders, of
    equal ones to the lower number. No share is more than the receipt where the weight is not more than all of them.
    O(n log n).
    """
    total_g = sum(receipt.weight_g for receipt in among)
    spread = [(receipt, *divmod(weight_g * receipt.weight_g, total_g)) for receipt in among]
    left_g = weight_g - sum(whole_g for _, whole_g, _ in spread)
    by_remainder = sorted(spread, key=lambda each: (-each[2], each[0].receipt_id))
    favoured = {receipt.receipt_id for receipt, _, _ in by_remainder[:left_g]}
    return [(receipt, whole_g + (receipt.receipt_id in favoured)) for receipt, whole_g, _ in spread]
